"""The values workbook, opened again.

Pitfalls guarded here: a number in the file that is not the number of the run; text that becomes a formula or a link when the file
is opened or a cell is edited; text dropped without a word; results of different inputs side by side; bytes that differ from one
writing to the next; hidden sheets, passwords and macros; a file half written or written over another; a third strategy, or a
missing analysis, that breaks the layout.
"""

from __future__ import annotations

import errno
import io
import math
import os
import re
import shutil
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import openpyxl
import pytest

from hemodel.analyses.base_case import BaseCase, run_base_case
from hemodel.analyses.psa import PSA, run_psa
from hemodel.analyses.scenarios import Scenarios, run_scenarios
from hemodel.errors import InputError
from hemodel.evidence.inputs import Inputs, load_inputs
from hemodel.evidence.reading import data_folder
from hemodel.report.manifest import manifest
from hemodel.report.workbook import probabilistic, workbook_bytes, write_workbook

INTERVENTION, COMPARATOR = "lenalidomide_dexamethasone", "dexamethasone"
DRAWS = 120
AS_STORED = 1e-14  # relative: Excel's files hold 16 significant digits
DANGEROUS = ('=HYPERLINK("http://x")', "+1", "@x", "-1+1", "http://example.org", "{=1}", "0012")


@cache
def base() -> BaseCase:
    return run_base_case(load_inputs("relapsed"))


@cache
def psa() -> PSA:
    return run_psa(base().inputs, draws=DRAWS, seed=7)


@cache
def scenarios() -> Scenarios:
    return run_scenarios("relapsed", scenarios=["utilities_0_67_0_63", "no_scheme"])


@cache
def content() -> bytes:
    return workbook_bytes(base(), psa(), scenarios())


def opened(data: bytes | None = None) -> Any:
    return openpyxl.load_workbook(io.BytesIO(content() if data is None else data))


def cells(book: Any) -> Iterator[Any]:
    return (cell for sheet in book for row in sheet.iter_rows() for cell in row)


def row_of(sheet: Any, first: str, after: int = 0) -> int:
    """Row of the first cell in column A, below row `after`, with this text."""
    return next(row for row in range(after + 1, sheet.max_row + 1) if sheet.cell(row, 1).value == first)


def values(sheet: Any, row: int) -> list[Any]:
    return [cell.value for cell in sheet[row]]


def three_strategies(label: str = "Third") -> Inputs:
    """The problem with a third strategy, `third`, whose parameters are those of the intervention but for a shorter PFS."""
    inputs = load_inputs("relapsed")
    third = {"name": "third", "label": label, "drugs": ["lenalidomide"]}
    strategies = [*(strategy.model_dump() for strategy in inputs.settings.strategies), third]
    parameters = dict(inputs.parameters)
    for name, parameter in inputs.parameters.items():
        if name.endswith(f"_{INTERVENTION}"):
            copy = name.replace(INTERVENTION, "third")
            parameters[copy] = replace(parameter, name=copy)
    parameters["median_pfs_third"] = replace(parameters["median_pfs_third"], value=5.0, low=4.0, high=6.25)
    return replace(inputs.with_settings(strategies=strategies), parameters=MappingProxyType(parameters))


# --- the numbers -----------------------------------------------------------------------------------------------------------


def test_summary_holds_the_numbers_of_the_run_at_list_price_and_under_the_scheme() -> None:
    sheet, after = opened()["Summary"], 0
    for arrangement in ("list", "pas"):
        table = base().table[base().table["price_arrangement"] == arrangement].set_index("strategy").to_dict("index")
        after = row_of(sheet, "Technologies", after)
        for row, strategy in ((after + 1, COMPARATOR), (after + 2, INTERVENTION)):
            names = [
                "costs",
                "life_years",
                "qalys",
                "incremental_costs",
                "incremental_life_years",
                "incremental_qalys",
                "icer",
                "icer",
            ]
            expected = [table[strategy][name] for name in names]
            for found, number in zip(values(sheet, row)[1:9], expected, strict=True):
                assert (found is None and math.isnan(number)) or found == pytest.approx(number, rel=AS_STORED)
        after = row_of(sheet, "Technologies", after)
        benefit = base().net_benefit(arrangement).set_index("strategy").to_dict("index")
        for row, strategy in ((after + 1, COMPARATOR), (after + 2, INTERVENTION)):
            expected = [benefit[strategy][f"net_health_benefit_{threshold}"] for threshold in (25_000, 35_000)]
            assert values(sheet, row)[5:7] == pytest.approx(expected, rel=AS_STORED)


def test_summary_columns_are_nices_in_nices_order() -> None:
    sheet = opened()["Summary"]
    assert values(sheet, row_of(sheet, "Technologies")) == [
        "Technologies",
        "Total costs (£)",
        "Total LYG",
        "Total QALYs",
        "Incremental costs (£)",
        "Incremental LYG",
        "Incremental QALYs",
        "ICER versus baseline (£/QALY)",
        "ICER incremental (£/QALY)",
    ]


def test_summary_says_what_was_asked_and_run_and_how_far_to_trust_it() -> None:
    sheet, inputs = opened()["Summary"], base().inputs
    column = [sheet.cell(row, 1).value for row in range(1, sheet.max_row + 1)]
    beside = {sheet.cell(row, 1).value: sheet.cell(row, 2).value for row in range(1, sheet.max_row + 1)}
    assert inputs.settings.question in column
    assert "Two or more prior therapies" in beside["Population"]
    assert beside["Price year"] == inputs.settings.price_year
    assert any(text and text.startswith("Discrepancies in sums due to rounding") for text in column)
    assert any(text and text.startswith("Abbreviations: ICER") for text in column)
    counts = manifest(inputs)["parameters_by_status"]
    for status, number in counts.items():
        row = next(row for row in range(1, sheet.max_row + 1) if str(sheet.cell(row, 1).value).startswith(f"{status}:"))
        assert sheet.cell(row, 2).value == number


def test_summary_gives_the_impact_of_the_scheme_and_the_probabilities() -> None:
    sheet = opened()["Summary"]
    row = row_of(sheet, "Analysis")
    assert values(sheet, row)[:3] == ["Analysis", "ICER without PAS (£/QALY)", "ICER with PAS (£/QALY)"]
    assert values(sheet, row + 1)[1:3] == pytest.approx([base().icer("list"), base().icer("pas")], rel=AS_STORED)
    row = row_of(sheet, "Probability cost-effective")
    expected = psa().table[[f"probability_cost_effective_{t}" for t in (25_000, 35_000)]].to_numpy().tolist()
    assert [values(sheet, row + 2 + i)[2:4] for i in range(4)] == [pytest.approx(pair, rel=AS_STORED) for pair in expected]


def test_numbers_are_stored_unrounded_and_shown_rounded() -> None:
    sheet = opened()["Summary"]
    row = row_of(sheet, "Technologies") + 2
    formats = [cell.number_format for cell in sheet[row]][1:9]
    assert formats == ["£#,##0;-£#,##0", "0.000", "0.000", "£#,##0;-£#,##0", "0.000", "0.000", "£#,##0;-£#,##0", "£#,##0;-£#,##0"]
    assert sheet.cell(row, 2).value != round(sheet.cell(row, 2).value, 3)


@pytest.mark.parametrize(("name", "arrangement"), [("Results list price", "list"), ("Results PAS", "pas")])
def test_costs_by_category_add_up_discounted_and_not(name: str, arrangement: str) -> None:
    sheet, after = opened()[name], 0
    for outcomes in (base().outcomes, base().outcomes.undiscounted):
        assert outcomes is not None
        after = row_of(sheet, "Item", after)
        total = values(sheet, row_of(sheet, "Total", after))
        parts = [values(sheet, row)[1:3] for row in range(after + 1, row_of(sheet, "Total", after))]
        assert len(parts) == len(outcomes.costs[arrangement])
        assert total[1:3] == pytest.approx(outcomes.total_costs(arrangement)[:, 0].tolist(), rel=AS_STORED)
        assert np.sum(parts, axis=0).tolist() == pytest.approx(total[1:3], rel=1e-12)


def test_qalys_and_life_years_are_there_discounted_and_not() -> None:
    sheet, found, after = opened()["QALYs and life years"], [], 0
    for _ in range(4):
        after = row_of(sheet, "Total", after)
        found.append(values(sheet, after)[1:3])
    plain = base().outcomes.undiscounted
    assert plain is not None
    expected = [x.total_qalys if q else x.total_life_years for x in (base().outcomes, plain) for q in (True, False)]
    assert found == [pytest.approx(x[:, 0].tolist(), rel=1e-12) for x in expected]


def test_draws_are_the_paired_increments_of_the_analysis() -> None:
    sheet = opened()["PSA draws"]
    first = row_of(sheet, "Draw") + 1
    found = np.array([[cell.value for cell in row] for row in sheet.iter_rows(min_row=first, max_row=first + DRAWS - 1)])
    costs = [psa().costs[a][0] - psa().costs[a][1] for a in ("list", "pas")]
    expected = np.column_stack([np.arange(DRAWS), psa().qalys[0] - psa().qalys[1], *costs])
    np.testing.assert_allclose(found, expected, rtol=AS_STORED)
    assert sheet.cell(first + DRAWS, 1).value is None


def test_no_more_draws_are_written_than_a_sheet_should_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probabilistic, "MOST_DRAWS", 50)
    sheet = opened(workbook_bytes(base(), psa()))["PSA draws"]
    first = row_of(sheet, "Draw") + 1
    assert [sheet.cell(row, 1).value for row in (first, first + 49, first + 50)] == [0, 49, None]
    assert f"The first 50 of {DRAWS} draws" in sheet.cell(2, 1).value


def test_a_chart_shows_no_more_points_than_can_be_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probabilistic, "MOST_POINTS", 50)
    data = workbook_bytes(base(), psa())
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        chart = file.read("xl/charts/chart1.xml").decode()
    first = row_of(opened(data)["PSA draws"], "Draw") + 1
    assert f"'PSA draws'!$B${first}:$B${first + 49}<" in chart
    assert "(first 50 draws)" in chart


def test_acceptability_curves_in_the_file_are_those_of_the_analysis() -> None:
    sheet = opened()["PSA curves"]
    first = row_of(sheet, "Threshold (£/QALY)") + 1
    curve = psa().acceptability_curve("pas")
    found = [[sheet.cell(first + i, column).value for column in (1, 4, 5)] for i in range(len(curve))]
    expected = np.column_stack([curve.index, curve[INTERVENTION], curve[COMPARATOR]])
    np.testing.assert_allclose(np.array(found, dtype=float), expected, rtol=AS_STORED)


def test_trace_has_every_cycle_and_says_what_is_charged() -> None:
    sheet = opened()["Trace"]
    header = row_of(sheet, "Cycle")
    assert sheet.cell(header - 1, 3).value == "Lenalidomide + dexamethasone"
    assert values(sheet, header)[2:7] == ["Progression-free", "Progressed", "Dead", "On treatment", "Lenalidomide, PAS"]
    n_cycles = base().inputs.settings.n_cycles
    column = [sheet.cell(header + 1 + cycle, 3).value for cycle in range(n_cycles + 1)]
    np.testing.assert_allclose(column, base().trace["progression_free"][:, 0], rtol=AS_STORED)
    assert [sheet.cell(header + 1 + cycle, 7).value for cycle in (0, 25, 26, n_cycles)] == ["charged", "charged", "free", None]


def test_every_parameter_and_every_source_is_in_the_file() -> None:
    book = opened()
    sheet, parameters = book["Inputs"], base().inputs.parameters
    header = row_of(sheet, "Parameter")
    found = {sheet.cell(row, 2).value: values(sheet, row) for row in range(header + 1, header + 1 + len(parameters))}
    assert list(found) == list(parameters)
    for name, parameter in parameters.items():
        row = found[name]
        assert [row[0], row[2], row[7] or "", row[8], row[10] or ""] == [
            parameter.label,
            parameter.unit,
            parameter.source,
            parameter.status,
            parameter.note,
        ]
        assert row[3] == pytest.approx(parameter.value, rel=AS_STORED)
    text = "\n".join(str(cell.value) for cell in book["Sources"]["A"] if cell.value)
    entries = re.findall(r"^## (S\d+ .*)$", (data_folder("inputs") / "sources.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert entries
    assert [entry for entry in entries if entry not in text] == []


def test_own_problems_do_not_get_somebody_elses_sources(tmp_path: Path) -> None:
    filed = tmp_path / "mine"
    shutil.copytree(data_folder("inputs") / "relapsed", filed)
    text = (filed / "settings.toml").read_text(encoding="utf-8").replace('problem = "relapsed"', 'problem = "mine"')
    (filed / "settings.toml").write_text(text, encoding="utf-8")
    mine = run_base_case(load_inputs(filed))
    lines = [cell.value for cell in opened(workbook_bytes(mine))["Sources"]["A"] if cell.value]
    assert len(lines) == 2
    assert "a file of its own" in lines[1]


# --- text ------------------------------------------------------------------------------------------------------------------


def test_no_cell_of_the_workbook_is_a_formula_or_a_link() -> None:
    book = opened()
    assert [cell.coordinate for cell in cells(book) if cell.data_type == "f" or cell.hyperlink] == []


def test_text_is_text_whatever_it_begins_with() -> None:
    inputs = three_strategies(DANGEROUS[0])
    names = list(inputs.parameters)[: len(DANGEROUS)]
    parameters = dict(inputs.parameters)
    for name, text in zip(names, DANGEROUS, strict=True):
        parameters[name] = replace(parameters[name], label=text, note=text, source=text)
    scenario = replace(inputs.scenario, label=DANGEROUS[1], why=DANGEROUS[0])
    inputs = replace(inputs, parameters=MappingProxyType(parameters), scenario=scenario)
    found = run_base_case(inputs)
    data = workbook_bytes(found, run_psa(inputs, draws=20), Scenarios((found,), ("=1+1",)))
    book, seen = opened(data), set()
    for cell in cells(book):
        assert cell.data_type != "f"
        assert cell.hyperlink is None
        if cell.value in DANGEROUS:
            seen.add(cell.value)
            assert cell.data_type == "s"
            assert cell.quotePrefix
    assert seen == set(DANGEROUS)
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        sheets = [name for name in file.namelist() if name.startswith("xl/worksheets/sheet")]
        charts = [file.read(name).decode() for name in file.namelist() if name.startswith("xl/charts/chart")]
        assert not any(b"<f>" in file.read(name) or b"<hyperlink" in file.read(name) for name in sheets)
    references = [text for chart in charts for text in re.findall(r"<c:f>(.*?)</c:f>", chart)]
    assert references
    assert [text for text in references if not re.fullmatch(r"'PSA (curves|draws)'!\$[A-Z]+\$\d+(:\$[A-Z]+\$\d+)?", text)] == []


def test_text_that_excel_cannot_hold_is_refused_and_not_dropped() -> None:
    parameters = dict(base().inputs.parameters)
    parameters["age_start"] = replace(parameters["age_start"], note="x" * 32_768)
    inputs = replace(base().inputs, parameters=MappingProxyType(parameters))
    with pytest.raises(InputError, match="sheet Inputs"):
        workbook_bytes(run_base_case(inputs))
    parameters["age_start"] = replace(parameters["age_start"], note="x" * 32_767)
    inputs = replace(base().inputs, parameters=MappingProxyType(parameters))
    assert any(cell.value == "x" * 32_767 for cell in cells(opened(workbook_bytes(run_base_case(inputs)))))


def test_names_of_schemes_become_names_that_excel_accepts() -> None:
    schemes = {
        name: {"kind": "free_start", "drug": "lenalidomide", "label": label, "free_cycles": 2}
        for name, label in (("a", "History/[*?:]\\ of a very long label that goes on and on"), ("b", "list price"), ("c", "'"))
    }
    found = run_base_case(base().inputs.with_settings(schemes=schemes, price_arrangements=["list", "a", "b", "c"]))
    names = opened(workbook_bytes(found)).sheetnames
    assert names[1] == "Results list price"
    assert names[3] == "Results list price 2"
    assert all(len(name) <= 31 and not set(name) & set("[]:*?/\\'") for name in names)


# --- the file --------------------------------------------------------------------------------------------------------------


def test_a_second_writing_gives_the_same_bytes(tmp_path: Path) -> None:
    again = workbook_bytes(
        run_base_case(load_inputs("relapsed")),
        run_psa(load_inputs("relapsed"), draws=DRAWS, seed=7),
        run_scenarios("relapsed", scenarios=["utilities_0_67_0_63", "no_scheme"]),
    )
    assert again == content()
    assert write_workbook(tmp_path / "run.xlsx", base(), psa(), scenarios()).read_bytes() == content()


def test_another_seed_gives_other_bytes_and_another_hash() -> None:
    other = workbook_bytes(base(), run_psa(base().inputs, draws=DRAWS, seed=8), scenarios())
    hashes = {opened(data).custom_doc_props["hemodel run"].value for data in (content(), other)}
    assert len(hashes) == 2


def test_hash_of_the_run_is_in_the_properties_the_footer_and_the_manifest() -> None:
    book, record = opened(), manifest(base().inputs, psa=psa())
    assert book.custom_doc_props["hemodel run"].value == record["hash"]
    sheet = book["Manifest"]
    beside = {sheet.cell(row, 1).value: sheet.cell(row, 2).value for row in range(1, sheet.max_row + 1)}
    assert beside["Run"] == record["hash"]
    assert beside["Inputs"] == base().inputs.hash
    assert beside["Probabilistic analysis"] == f"{DRAWS} draws, seed 7"
    assert all(record["hash"][:12] in sheet.oddFooter.center.text for sheet in book)


def test_nothing_is_hidden_locked_or_executable() -> None:
    book = opened()
    assert {sheet.sheet_state for sheet in book} == {"visible"}
    assert not any(sheet.protection.sheet for sheet in book)
    with zipfile.ZipFile(io.BytesIO(content())) as file:
        parts = file.namelist()
    assert [name for name in parts if re.search(r"vba|externalLink|activeX|embeddings", name, re.IGNORECASE)] == []


def test_sheets_come_in_the_order_of_reading_and_print_on_a4() -> None:
    book = opened()
    assert book.sheetnames == [
        "Summary",
        "Results list price",
        "Results PAS",
        "QALYs and life years",
        "PSA",
        "PSA curves",
        "PSA draws",
        "Scenarios",
        "Inputs",
        "Sources",
        "Model against source",
        "Trace",
        "Manifest",
    ]
    for sheet in book:
        assert (sheet.page_setup.orientation, int(sheet.page_setup.paperSize)) == ("landscape", 9)
        assert (sheet.sheet_properties.pageSetUpPr.fitToPage, sheet.page_setup.fitToHeight) == (True, 0)
        assert "Page &P of &N" in sheet.oddFooter.right.text or "Page &[Page] of &N" in sheet.oddFooter.right.text
        assert all(row.height is None or row.height <= 409 for row in sheet.row_dimensions.values())
    for name in ("Inputs", "Trace", "PSA draws", "Model against source"):
        assert book[name].freeze_panes
        assert book[name].print_title_rows
    header = row_of(book["Inputs"], "Parameter")
    assert book["Inputs"].freeze_panes == f"B{header + 1}"
    assert book["Inputs"].auto_filter.ref.startswith(f"A{header}:")


def test_charts_are_native_described_and_in_the_fixed_colours() -> None:
    with zipfile.ZipFile(io.BytesIO(content())) as file:
        charts = [file.read(name).decode() for name in sorted(file.namelist()) if name.startswith("xl/charts/chart")]
        drawing = file.read("xl/drawings/drawing1.xml").decode()
    assert len(charts) == 4  # a plane and acceptability curves for each of two price arrangements
    assert all("<c:scatterChart>" in chart and "00436C" in chart for chart in charts)
    assert sum("D55E00" in chart for chart in charts) == 2  # the comparator has a curve, and no points of its own
    described = re.findall(r'descr="([^"]*)"', drawing)
    assert len(described) == 4
    for text in described:
        assert "QALYs more; cost-effective in" in text
    points = re.search(r"<c:xVal><c:numRef><c:f>'PSA draws'!\$B\$(\d+):\$B\$(\d+)</c:f>", charts[0])
    assert points
    assert int(points[2]) - int(points[1]) + 1 == DRAWS


# --- with more, with less, and when it fails -------------------------------------------------------------------------------


def test_without_probabilistic_analysis_and_scenarios_the_rest_is_there() -> None:
    book = opened(workbook_bytes(base()))
    assert {"PSA", "PSA curves", "PSA draws", "Scenarios"} & set(book.sheetnames) == set()
    text = [cell.value for cell in book["Summary"]["A"]]
    assert "No probabilistic analysis was run for this workbook." in text
    assert "Technologies" in text


def test_a_run_with_one_price_only_has_a_workbook_too() -> None:
    book = opened(workbook_bytes(run_base_case(load_inputs("relapsed", scenario="no_scheme"))))
    assert "Results list price" in book.sheetnames
    assert "Results PAS" not in book.sheetnames
    assert "Impact of the scheme on the ICER" not in [cell.value for cell in book["Summary"]["A"]]


def test_three_strategies_break_no_sheet() -> None:
    inputs = three_strategies()
    found = run_base_case(inputs)
    book = opened(workbook_bytes(found, run_psa(inputs, draws=30), Scenarios((found,), ())))
    sheet = book["Summary"]
    row = row_of(sheet, "Technologies")
    assert [sheet.cell(row + i, 1).value for i in (1, 2, 3)] == ["Dexamethasone", "Third", "Lenalidomide + dexamethasone"]
    list_price = found.outcomes.total_costs("list")[:, 0]
    assert sheet.cell(row + 3, 5).value == pytest.approx(list_price[0] - list_price[2], rel=1e-12)
    assert values(book["Trace"], row_of(book["Trace"], "Cycle")).count("Progression-free") == 3
    assert sum(cell.value == "Item" for cell in book["Results PAS"]["A"]) == 4
    draws = book["PSA draws"]
    assert len([cell for cell in values(draws, row_of(draws, "Draw")) if cell]) == 7


def test_changes_by_hand_and_confidential_values_are_announced() -> None:
    inputs = base().inputs.with_values(u_progressed=0.5)
    parameters = dict(inputs.parameters)
    parameters["age_start"] = replace(parameters["age_start"], confidentiality="cic")
    sheet = opened(workbook_bytes(run_base_case(replace(inputs, parameters=MappingProxyType(parameters)))))["Summary"]
    beside = {sheet.cell(row, 1).value: sheet.cell(row, 2).value for row in range(1, sheet.max_row + 1)}
    assert "u_progressed" in beside["Changed by hand"]
    assert beside["Confidential"].startswith("1 parameter is marked confidential")
    plain = opened()["Summary"]
    assert not {"Changed by hand", "Confidential"} & {cell.value for cell in plain["A"]}


def test_results_of_other_inputs_are_refused() -> None:
    other = base().inputs.with_values(u_progressed=0.5)
    with pytest.raises(InputError, match="psa: it was run with other inputs"):
        workbook_bytes(base(), run_psa(other, draws=20))
    with pytest.raises(InputError, match="scenarios: it was run with other inputs"):
        workbook_bytes(run_base_case(other), None, scenarios())


def test_an_existing_workbook_is_not_overwritten_without_force(tmp_path: Path) -> None:
    path = tmp_path / "run.xlsx"
    path.write_bytes(b"mine")
    with pytest.raises(InputError, match="already there"):
        write_workbook(path, base())
    assert path.read_bytes() == b"mine"
    write_workbook(path, base(), force=True)
    assert path.read_bytes() == workbook_bytes(base())


def test_a_failed_write_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_args: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "link", fail)
    monkeypatch.setattr(os, "replace", fail)
    for force in (False, True):
        with pytest.raises(InputError, match="No space left"):
            write_workbook(tmp_path / "run.xlsx", base(), force=force)
    assert list(tmp_path.iterdir()) == []
