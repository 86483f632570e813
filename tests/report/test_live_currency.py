"""The live workbook of a folder with money and thresholds of its own.

Pitfalls guarded: a sign of the pound in a heading, a chart or a formula of a workbook in euros; two thresholds where a folder has one
or three; a threshold that the sheet Inputs shows as changeable and nothing follows; a changed threshold lost when the file is read back.
"""

import io
import zipfile
from dataclasses import replace
from functools import cache

import openpyxl
import pytest

from hemodel.analyses.psa import run_psa
from hemodel.errors import InputError
from hemodel.report.live import live_program, live_workbook, read_back
from hemodel.report.live.write import written
from hemodel.report.manifest import manifest
from tests.evidence.test_currency import folder
from tests.report import recalculate

THREE, ONE = (20_000.0, 50_000.0, 80_000.0), (30_000.0,)
BOTH = pytest.mark.parametrize("thresholds", [THREE, ONE])
WORSE = {"r_death_progressed_dexamethasone": 0.05, "c_lenalidomide_25mg_pack": 1.0, "n_blood_tests_dexamethasone": 900.0}


@cache
def euros(thresholds):
    terms = f'currency = "EUR"\nthresholds = {[int(threshold) for threshold in thresholds]}'
    return folder(terms).with_settings(horizon_years=1.2)


@cache
def drawn(thresholds):
    return run_psa(euros(thresholds), draws=40, seed=3)


def edited(content, **values):
    """The workbook with other values on its sheet Inputs."""
    book = openpyxl.load_workbook(io.BytesIO(content))
    page = book["Inputs"]
    for row in range(1, page.max_row + 1):
        if (name := page.cell(row, 2).value) in values:
            page.cell(row, 4).value = values.pop(name)
    assert values == {}
    saved = io.BytesIO()
    book.save(saved)
    return saved.getvalue()


@BOTH
def test_every_formula_has_the_engines_number_with_the_thresholds_of_the_folder(thresholds):
    inputs = euros(thresholds)
    program = live_program(inputs, psa=drawn(thresholds))
    content = written(recalculate.poisoned(program), manifest(inputs))
    assert recalculate.disagreements(program.formulas, recalculate.by_formualizer(content, program.formulas)) == []
    shown = [cell for cell in program.inputs if cell.sheet == "Inputs" and cell.value in thresholds]
    assert [cell.value for cell in shown] == list(thresholds)
    heads = [cell.value for cell in program.cells if cell.sheet == "Results" and str(cell.value).startswith("NHB at the")]
    assert (
        heads
        == {3: [f"NHB at the {w} threshold" for w in ("lowest", "middle", "highest")], 1: ["NHB at the threshold"]}[
            len(thresholds)
        ]
    )


@BOTH
def test_no_part_of_a_workbook_in_euros_has_the_sign_of_the_pound(thresholds):
    with zipfile.ZipFile(io.BytesIO(live_workbook(euros(thresholds), psa=drawn(thresholds)))) as archive:
        parts = {name: archive.read(name).decode("utf-8") for name in archive.namelist()}
    assert [name for name, text in parts.items() if "£" in text] == []
    assert any("€#,##0" in text for name, text in parts.items() if name.startswith("xl/charts/"))


def test_formulas_follow_changed_thresholds_and_a_saving_is_told_in_euros():
    base = euros(THREE).with_settings(horizon_years=3.0)
    first = live_program(base)
    before = {recalculate.place(cell): cell.value for cell in first.inputs}
    now_inputs = base.with_settings(thresholds=[10_000.0, 60_000.0, 90_000.0]).with_values(**WORSE)
    now = live_program(now_inputs, exported=base)
    assert [cell.formula for cell in now.formulas] == [cell.formula for cell in first.formulas]
    edits = [cell for cell in now.inputs if cell.value != before[recalculate.place(cell)]]
    assert len(edits) == 3 + len(WORSE)
    found = recalculate.by_formualizer(written(first, manifest(base)), now.formulas, edits)
    assert recalculate.disagreements(now.formulas, found) == []
    assert any(str(value).startswith("€") and "saved per QALY forgone" in str(value) for value in found.values())


def test_a_changed_threshold_is_read_back_and_thresholds_that_do_not_rise_are_refused():
    inputs = euros(THREE)
    content = live_workbook(inputs)
    again = read_back(edited(content, threshold_2=60_000), inputs)
    assert again.settings.threshold_values == (20_000.0, 60_000.0, 80_000.0)
    assert again.changed[len(inputs.changed) :] == ("thresholds",)
    assert read_back(content, inputs).hash == inputs.hash
    with pytest.raises(InputError, match="neither a preset nor thresholds"):
        read_back(edited(content, threshold_2=90_000), inputs)
    with pytest.raises(InputError, match="threshold_1"):
        read_back(edited(content, threshold_1=-5), inputs)
    assert read_back(edited(live_workbook(euros(ONE)), threshold_1=45_000), euros(ONE)).settings.threshold_values == (45_000.0,)


def test_the_switch_of_a_preset_stays_where_a_folder_has_one():
    program = live_program(folder(terms='thresholds = "2009"', units="GBP").with_settings(horizon_years=1.2))
    names = {cell.value for cell in program.cells if cell.sheet == "Inputs" and cell.column == 1}
    assert "thresholds" in names and "threshold_1" not in names
    switch = next(cell for cell in program.inputs if cell.value == "2009")
    heads = [c for c in program.formulas if c.sheet == "Settings" and c.style == "money"]
    found = recalculate.by_formualizer(written(program, manifest(folder())), heads, [replace(switch, value="2026")])
    assert list(found.values()) == [25_000, 35_000]
