"""The live workbook as a file, and the way back from it.

Pitfalls guarded: values that can be read only after a recalculation; bytes that differ from one writing to the next; macros,
passwords, hidden sheets, links, volatile or dynamic-array functions; text that becomes a formula; an input without its unit, source or
status; an edited workbook that is believed without being checked, or read from a sheet other than Inputs, or taken for another model's;
a comparison that says "agrees" of a workbook that nobody recalculated.
"""

import io
import re
import zipfile
from dataclasses import replace
from functools import cache
from types import MappingProxyType

import numpy as np
import openpyxl
import pytest

from hemodel.analyses.base_case import run_base_case
from hemodel.analyses.calibration import calibrated
from hemodel.analyses.fitting import with_fitted_curve
from hemodel.analyses.one_way import run_one_way
from hemodel.errors import InputError
from hemodel.evidence import inputs_sheet
from hemodel.evidence.inputs import load_inputs
from hemodel.report import exhibits
from hemodel.report.live import compare_with_engine, live_program, live_workbook, read_back, write_live_workbook
from hemodel.report.workbook import workbook_bytes

DEX = "dexamethasone"
FORBIDDEN = (
    "OFFSET",
    "INDIRECT",
    "NOW",
    "TODAY",
    "RAND",
    "LET",
    "LAMBDA",
    "FILTER",
    "SORT",
    "UNIQUE",
    "SEQUENCE",
    "HYPERLINK",
    "_xlfn",
)


@cache
def inputs():
    return load_inputs("relapsed").with_settings(horizon_years=1.5)


@cache
def content():
    return live_workbook(inputs())


def opened(data, **how):
    return openpyxl.load_workbook(io.BytesIO(data), **how)


def edited(*changes, sheet="Inputs", column=4):
    """The workbook with cells of its sheet Inputs set by the name in their row: (name, value) or (name, column, value)."""
    book = opened(content())
    page = book[sheet]
    rows = {page.cell(row, 2).value: row for row in range(1, page.max_row + 1)}
    for name, *more in changes:
        place, value = more if len(more) == 2 else (column, more[0])
        page.cell(rows[name], place).value = value
    saved = io.BytesIO()
    book.save(saved)
    return saved.getvalue()


def faults(data, given=None):
    with pytest.raises(InputError) as error:
        read_back(data, given or inputs())
    return str(error.value).splitlines()


def test_values_can_be_read_without_recalculation_and_are_the_engines():
    book, program = opened(content(), data_only=True), live_program(inputs())
    for cell in program.formulas:
        found = book[cell.sheet].cell(cell.row + 1, cell.column + 1).value
        assert cell.distance(found) <= 1e-14, cell.place
    icer = run_base_case(inputs()).icer("pas")
    assert book["Cover"]["C12"].value == pytest.approx(icer, rel=1e-14)


def test_the_same_run_gives_the_same_bytes(tmp_path):
    path = write_live_workbook(tmp_path / "live.xlsx", inputs())
    assert path.read_bytes() == content()
    with pytest.raises(InputError, match="already there"):
        write_live_workbook(path, inputs())


def test_there_are_no_macros_passwords_hidden_sheets_links_or_functions_that_move():
    with zipfile.ZipFile(io.BytesIO(content())) as archive:
        names = archive.namelist()
        sheets = [archive.read(n).decode() for n in names if n.startswith("xl/worksheets/sheet")]
        book = archive.read("xl/workbook.xml").decode()
    assert not [n for n in names if "vba" in n.lower() or "externalLink" in n]
    assert 'state="' not in book and "workbookProtection" not in book
    assert not [s for s in sheets if "sheetProtection" in s or 't="array"' in s]
    functions = {f for cell in live_program(inputs()).formulas for f in re.findall(r"([A-Z_.]+)\(", cell.formula)}
    assert not functions & set(FORBIDDEN)
    assert functions <= {
        "ABS",
        "AND",
        "BINOMDIST",
        "COUNTIF",
        "EXP",
        "IF",
        "INDEX",
        "INT",
        "ISNUMBER",
        "LN",
        "MATCH",
        "MAX",
        "MIN",
        "OR",
        "ROUND",
        "SUM",
        "SUMPRODUCT",
        "TEXT",
    }


def test_every_sheet_prints_on_a4_landscape():
    for sheet in opened(content()):
        assert (sheet.page_setup.orientation, str(sheet.page_setup.paperSize)) == ("landscape", "9"), sheet.title
        assert sheet.sheet_state == "visible"
        assert sheet.oddFooter.right.text == "Page &P of &N" or "Page" in str(sheet.oddFooter.right.text)


def test_every_input_is_a_named_cell_with_unit_source_status_and_exported_value():
    book = opened(content())
    page = book["Inputs"]
    header = next(row for row in page.iter_rows(values_only=True) if row[0] == "Parameter")
    by_name = {row[1].value: row for row in page.iter_rows() if row[1].value}
    assert set(inputs().parameters) < set(by_name) and set(inputs().parameters) < set(book.defined_names)
    for name, parameter in inputs().parameters.items():
        row = dict(zip(header, by_name[name], strict=False))
        told = (
            row["Unit"].value,
            row["Value"].value,
            row["Exported value"].value,
            row["Source"].value or "",
            row["Status"].value,
        )
        assert told == (parameter.unit, parameter.value, parameter.value, parameter.source, parameter.status), name
        assert book.defined_names[name].attr_text == f"Inputs!${row['Value'].column_letter}${row['Value'].row}"
        assert row["Changed"].data_type == "f"


def test_text_from_users_is_never_a_formula():
    settings = inputs().settings
    names = [s.model_dump() | {"label": f'=HYPERLINK("http://x{i}")'} for i, s in enumerate(settings.strategies)]
    scheme = settings.schemes["pas"].model_dump() | {"label": '=1+1"&A1'}
    parameters = {k: replace(p, note="=cmd|' /C calc'!A0", label="+1", source="@x") for k, p in inputs().parameters.items()}
    bad = replace(inputs(), parameters=MappingProxyType(parameters)).with_settings(strategies=names, schemes={"pas": scheme})
    program = live_program(bad)
    known = {(cell.sheet, cell.row, cell.column) for cell in program.formulas}
    for sheet in opened(live_workbook(bad)):
        for row in sheet.iter_rows():
            for cell in row:
                assert (cell.data_type == "f") == ((sheet.title, cell.row - 1, cell.column - 1) in known), cell.coordinate
    assert not [cell for cell in program.formulas if "HYPERLINK" in cell.formula or "calc" in cell.formula]


def test_a_scheme_whose_term_would_have_the_name_of_a_parameter_is_refused():
    discount = inputs().settings.schemes["pas"].model_dump() | {"kind": "price_discount", "price_discount": 0.2}
    discount["drug_cost_cap_cycles"] = None
    bad = inputs().with_settings(schemes={"p": discount}, price_arrangements=["list", "p"])
    parameter = replace(bad.parameters["p_pack_dispensed"], name="p_price_discount")
    bad = replace(bad, parameters=MappingProxyType({**bad.parameters, "p_price_discount": parameter}))
    with pytest.raises(InputError, match="name of a parameter and of the term of a scheme"):
        live_workbook(bad)


def test_an_untouched_workbook_comes_back_as_it_went():
    again = read_back(content(), inputs())
    assert (again.hash, again.changed) == (inputs().hash, inputs().changed)


def test_an_edited_workbook_comes_back_changed_and_checked(tmp_path):
    path = tmp_path / "edited.xlsx"
    path.write_bytes(
        edited(
            ("u_progressed", "0.7"),
            ("median_pfs_dexamethasone", 3, "months"),
            ("median_pfs_dexamethasone", 5.0),
            ("discount_rate_costs", 0.06),
            ("pas_drug_cost_cap_cycles", 13),
            ("scheme_counts", "dispensed"),
            ("thresholds", 2009),
            ("price_arrangement", "list"),
        )
    )
    again = read_back(path, inputs())
    assert set(again.changed) - set(inputs().changed) == {
        "u_progressed",
        "median_pfs_dexamethasone",
        "discount_rate_costs",
        "schemes",
        "scheme_counts",
        "thresholds",
    }
    assert (again.parameters["u_progressed"].value, again.settings.discount_rate_costs) == (0.7, 0.06)
    moved, before = again.parameters["median_pfs_dexamethasone"], inputs().parameters["median_pfs_dexamethasone"]
    assert (moved.unit, moved.value) == ("months", 5.0)
    assert moved.low / moved.value == pytest.approx(before.low / before.value)
    assert again.settings.schemes["pas"].drug_cost_cap_cycles == 13
    assert again.settings.threshold_values == (20_000.0, 30_000.0)


def test_only_the_sheet_inputs_is_read():
    assert read_back(edited(("cycle_years", 3, 99.0), sheet="Settings"), inputs()).hash == inputs().hash


def test_all_faults_of_an_edited_workbook_are_told_together():
    told = faults(
        edited(
            ("u_progressed", 1.4),
            ("c_blood_test", "cheap"),
            ("median_pfs_dexamethasone", 3, "fortnights"),
            ("discount_rate_effects", 2.0),
            ("pas_drug_cost_cap_cycles", 12.5),
            ("time_in_state", "middle"),
            ("price_arrangement", "free"),
            ("shape_os", 2, "shape_xs"),
        )
    )
    text = "\n".join(told)
    assert len(told) == 9  # a name misspelt is both unknown and missing
    for words in (
        "1.4 is not a utility",
        "'cheap' is not a number",
        "'fortnights'",
        "not a number from 0 to 1",
        "12.5 is not a whole",
        "'middle' is not a choice",
        "'free' is not a price arrangement",
        "no such parameter or choice",
        "row is missing",
    ):
        assert words in text, words


def test_a_cell_without_a_number_is_empty_or_a_formula_that_nothing_has_calculated():
    told = "\n".join(faults(edited(("c_blood_test", None), ("c_pe", "=1+1"), ("discount_rate_effects", "=0.035"))))
    assert "(c_blood_test): the cell is empty, not a number" in told
    assert "(c_pe): the cell holds a formula without a stored value. Open the workbook" in told
    assert "(discount_rate_effects): the cell holds a formula without a stored value" in told


def test_what_is_no_such_workbook_is_refused():
    assert "not an Excel workbook" in faults(b"PK no")[0]
    other = inputs().with_values(u_progressed=0.5)
    assert "exported from other inputs" in faults(content(), other)[0]
    empty = io.BytesIO()
    openpyxl.Workbook().save(empty)
    assert "there is no sheet Inputs" in faults(empty.getvalue())[0]
    with pytest.raises(InputError, match="cannot be read"):
        read_back("no_such_file.xlsx", inputs())


def test_engine_and_workbook_stand_side_by_side():
    fresh = compare_with_engine(content(), inputs())
    assert fresh["agrees"].all() and fresh.attrs["disagree"] == [] and fresh.attrs["formulas"] > 2_000
    assert list(fresh.columns[:5]) == ["strategy", "outcome", "engine_at_export", "engine", "workbook"]
    stale = compare_with_engine(edited(("u_progressed", 0.7)), inputs())  # saved by a program that does not recalculate
    assert stale["workbook"].isna().all() and not stale["agrees"].any()
    assert stale.attrs["changed"] == ["u_progressed"]
    assert (stale["engine"] != stale["engine_at_export"]).any()


def test_the_engines_other_analyses_come_as_values():
    one_way = run_one_way(inputs(), names=["u_progressed", "shape_pfs"])
    book = opened(live_workbook(inputs(), exhibits=[exhibits.tornado(one_way)]))
    assert not [cell for row in book["One-way"].iter_rows() for cell in row if cell.data_type == "f"]
    with pytest.raises(InputError, match="other inputs"):
        live_workbook(inputs().with_values(u_progressed=0.5), exhibits=[exhibits.tornado(one_way)])


def test_a_redacted_workbook_has_values_only_and_cannot_be_solved_for_them():
    price = "c_lenalidomide_25mg_pack"
    secret = replace(inputs().parameters[price], confidentiality="cpas", note="4,368 pounds")
    with_secret = replace(inputs(), parameters=MappingProxyType({**inputs().parameters, price: secret}))
    data = live_workbook(with_secret, confidential="redacted")
    book = opened(data)
    values = {
        (s.title, c.row - 1, c.column - 1): c.value for s in book for row in s.iter_rows() for c in row if c.value is not None
    }
    assert not [c for s in book for row in s.iter_rows() for c in row if c.data_type == "f"] and not book.defined_names
    assert not [v for v in values.values() if v == secret.value or "4,368" in str(v)]
    # whatever the price is, the file is the same
    dearer = replace(secret, value=5_000.0, note="something else")
    other = replace(inputs(), parameters=MappingProxyType({**inputs().parameters, price: dearer}))
    assert live_workbook(other, confidential="redacted") == data
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert with_secret.hash[:12] not in "".join(archive.read(name).decode("utf-8", "ignore") for name in archive.namelist())
    shown = {(c.sheet, c.row, c.column): c.value for c in live_program(with_secret).cells if c.sheet == "Disaggregated"}
    kept = [place for place, value in shown.items() if isinstance(value, float) and values.get(place) == value]
    assert kept, "what does not follow from the price is still there"
    with pytest.raises(InputError, match="no input is marked"):
        live_workbook(inputs(), confidential="redacted")


@pytest.mark.parametrize("curve", ["pfs", "os"])
def test_a_redacted_workbook_is_the_same_whatever_a_confidential_curve_is(curve):
    """The death rates that are derived with the curve would give it away."""
    base = load_inputs("relapsed").with_settings(horizon_years=6.0)
    times, events = {"pfs": 25, "os": 75}[curve] * np.arange(1, 61) / 60, np.ones(60)
    files = []
    for factor in (1.0, 1.1):
        fitted = with_fitted_curve(
            base, curve, "lenalidomide_dexamethasone", factor * times, events, "exponential", confidentiality="aic"
        )
        files.append(live_workbook(calibrated(fitted), confidential="redacted"))
    assert files[0] == files[1]


def test_numbers_whose_last_digit_no_workbook_keeps_come_back_unchanged():
    """Workbooks hold 16 digits: 1.3333333333333333 visits come back as 1.333333333333333, and nobody changed them."""
    rows = {
        name: replace(p, value=third, se=None, low=None, high=None, distribution="fixed")
        for name, p in inputs().parameters.items()
        if name.startswith(("n_", "c_")) and (third := (round(3 * p.value) + 1) / 3)
    }
    odd = replace(inputs(), parameters=MappingProxyType({**inputs().parameters, **rows})).with_settings(
        discount_rate_costs=0.1 / 3, effect_waning={"from_years": 4 / 3, "to_years": 16 / 3}
    )
    lost = [p.value for p in rows.values() if float(f"{p.value:.16g}") != p.value]
    assert len(lost) > 5
    again = read_back(live_workbook(odd), odd)
    assert (again.hash, again.changed) == (odd.hash, odd.changed)
    now = {name: p.value for name, p in odd.parameters.items()}
    for book in (live_workbook(odd), workbook_bytes(run_base_case(odd))):
        sheet = inputs_sheet.read_sheet("mine.xlsx", book)
        assert inputs_sheet.changes(sheet.values, now, "") == {}
        assert sheet.choices == {}
