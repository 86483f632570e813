"""Sheets of the analyses of uncertainty, opened again.

Pitfalls: a chart that shows other rows than the table; a label that becomes a formula or a reference in a chart; a sheet for an
analysis that was not run; results of other inputs beside the base case; a page that is wider than A4 or a header that is not
repeated; bytes that differ from one writing to the next.
"""

import io
import re
import zipfile
from dataclasses import replace
from types import MappingProxyType

import openpyxl
import pytest

from hemodel.analyses.base_case import run_base_case
from hemodel.analyses.one_way import run_one_way
from hemodel.analyses.verification import verify
from hemodel.errors import InputError
from hemodel.report import exhibits, tables
from hemodel.report.workbook import workbook_bytes, write_workbook

SHEETS = [
    *("Convergence", "One-way", "Two-way", "Decision drivers", "Thresholds", "Price and probability", "Global sensitivity"),
    *("Populations", "EVPI", "EVPPI", "EVSI", "Budget impact"),
]
CHARTS = ["scatterChart", "barChart", "scatterChart", "barChart", "scatterChart", "barChart"]  # in the order of their sheets
DANGEROUS = '=HYPERLINK("http://x")'


@pytest.fixture(scope="module")
def content(uncertain, analyses):
    return workbook_bytes(uncertain.base, exhibits=exhibits.of_analyses(uncertain.inputs, analyses))


@pytest.fixture(scope="module")
def book(content):
    return openpyxl.load_workbook(io.BytesIO(content))


def charts_of(content):
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        names = [name for name in file.namelist() if name.startswith("xl/charts/chart")]
        return [file.read(name).decode() for name in sorted(names, key=lambda name: int(re.findall(r"\d+", name)[0]))]


def header_of(sheet, heading):
    return next(row for row in range(1, sheet.max_row + 1) if sheet.cell(row, 1).value == heading)


def test_sheets_stand_between_the_base_case_and_the_inputs_in_the_order_of_a_submission(book):
    names = book.sheetnames
    start = names.index("QALYs and life years") + 1
    assert names[start : names.index("Inputs")] == SHEETS
    assert all(name in book["Summary"].cell(book["Summary"].max_row, 1).value for name in SHEETS)


def test_only_what_was_run_has_a_sheet(uncertain):
    data = workbook_bytes(uncertain.base, exhibits=[exhibits.evsi(uncertain.evsi, uncertain.inputs)])
    assert set(openpyxl.load_workbook(io.BytesIO(data), read_only=True).sheetnames) & set(SHEETS) == {"EVSI"}


@pytest.mark.parametrize("name", SHEETS)
def test_each_sheet_has_a_title_a_section_a_sentence_and_fits_a4(book, name):
    sheet = book[name]
    texts = [sheet.cell(row, 1).value for row in range(1, 7)]
    assert texts[0] and texts[1]
    assert name == "Thresholds" or any(text and text.endswith(".") and len(text) > 60 for text in texts[2:])
    assert (sheet.page_setup.orientation, int(sheet.page_setup.paperSize)) == ("landscape", 9)
    assert (sheet.sheet_properties.pageSetUpPr.fitToPage, sheet.page_setup.fitToHeight) == (True, 0)
    assert not any(isinstance(cell.value, str) and cell.value.lower() in ("nan", "inf") for row in sheet for cell in row)


@pytest.mark.parametrize(
    ("name", "heading", "table"),
    [
        ("One-way", "Parameter", lambda u: tables.tornado_table(u.one_way)),
        ("Decision drivers", "Parameter", lambda u: tables.drivers_table(u.drivers)),
        ("Convergence", "Draws", lambda u: tables.convergence_table(u.convergence, u.settings)),
        ("EVPI", "Threshold (£/QALY)", lambda u: tables.evpi_curve_table(u.evpi, u.settings)),
        ("EVPPI", "Parameters known", lambda u: tables.evppi_table(u.evppi, u.inputs, 5_000.0)),
        ("EVSI", "People in each group", lambda u: tables.evsi_table(u.evsi, u.settings)),
        ("Budget impact", "Price arrangement", lambda u: tables.budget_table(u.budget, u.settings)),
        ("Populations", "Population", lambda u: tables.comparison_table(u.comparison, u.settings)),
        ("Global sensitivity", "Parameter", lambda u: tables.global_table(u.sensitivity("sobol"), u.inputs)),
        ("Thresholds", "What", lambda u: tables.threshold_table(u.thresholds, u.inputs)),
    ],
)
def test_sheets_hold_the_tables_unrounded(uncertain, book, name, heading, table):
    sheet, frame = book[name], table(uncertain)
    header = header_of(sheet, heading)
    width = len(frame.columns)
    assert [sheet.cell(header, 1 + i).value for i in range(width)] == list(frame.columns)
    for number, cells in enumerate(frame.itertuples(index=False, name=None), start=header + 1):
        found = [sheet.cell(number, 1 + i).value for i in range(width)]
        for cell, expected in zip(found, cells, strict=True):
            if isinstance(expected, str) or expected != expected:
                assert (cell or "") == (expected if isinstance(expected, str) else "")
            else:
                assert cell == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize("name", ["One-way", "Convergence", "EVPI", "EVPPI", "EVSI", "Budget impact", "Decision drivers"])
def test_header_of_a_long_table_is_repeated_on_every_page(book, name):
    sheet = book[name]
    first, last = (int(number) for number in re.findall(r"\d+", sheet.print_title_rows))
    assert first == last and sheet.cell(first, 2).value


def test_charts_are_native_described_and_refer_to_their_own_sheet(content):
    charts = charts_of(content)
    assert [next(kind for kind in ("scatterChart", "barChart") if f"<c:{kind}>" in chart) for chart in charts] == CHARTS
    sheets = ["Convergence", "One-way", "EVPI", "EVPPI", "EVSI", "Budget impact"]
    for chart, sheet in zip(charts, sheets, strict=True):
        references = re.findall(r"<c:f>(.*?)</c:f>", chart)
        assert references
        assert all(re.fullmatch(rf"'?{sheet}'?!\$[A-Z]+\$\d+(:\$[A-Z]+\$\d+)?", text) for text in references)
        assert "00436C" in chart or sheet == "EVPPI"
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        drawings = "".join(file.read(name).decode() for name in file.namelist() if name.startswith("xl/drawings/drawing"))
    described = re.findall(r'descr="([^"]*)"', drawings)
    assert len(described) == 6 and all(len(text) > 60 for text in described)


def test_tornado_in_the_file_starts_at_the_base_case_and_shows_the_widest(uncertain, book, content):
    chart = charts_of(content)[1]
    base = uncertain.one_way.base["incremental_net_monetary_benefit"]
    assert float(re.search(r'<c:crossesAt val="([^"]+)"', chart)[1]) == pytest.approx(base)
    first, last = (int(n) for n in re.search(r"\$A\$(\d+):\$A\$(\d+)", chart).groups())
    assert first == header_of(book["One-way"], "Parameter") + 1 and last - first == 14


def test_each_bar_of_the_budget_chart_belongs_to_its_price(uncertain, book, content):
    sheet, chart = book["Budget impact"], charts_of(content)[-1]
    ranges = re.findall(r"<c:val>.*?\$G\$(\d+):\$G\$(\d+)", chart)
    values = [[sheet.cell(row, 7).value for row in range(int(a), int(b) + 1)] for a, b in ranges]
    assert values == [[2e6, 4e6, 6e6], [1.5e6, 3e6, 4.5e6]]  # and no totals among them


def test_map_is_white_where_the_decision_changes(uncertain, book):
    rules = [rule for group in book["Two-way"].conditional_formatting for rule in group.rules]
    (scale,) = [rule.colorScale for rule in rules]
    most = uncertain.two_way["incremental_net_monetary_benefit"].abs().max()
    assert [float(point.val) for point in scale.cfvo] == pytest.approx([-most, 0, most], rel=1e-12)
    assert [color.rgb for color in scale.color][1] == "FFFFFFFF"


def test_labels_that_look_like_formulas_stay_text(uncertain, analyses):
    parameters = {n: replace(p, label=DANGEROUS) for n, p in uncertain.inputs.parameters.items()}
    inputs = replace(uncertain.inputs, parameters=MappingProxyType(parameters))
    comparison = uncertain.comparison.assign(population_label=DANGEROUS, label="@x")
    drivers = uncertain.drivers.assign(label="+1")
    found = analyses | {"one_way": run_one_way(inputs), "comparison": comparison, "drivers": drivers}
    data = workbook_bytes(run_base_case(inputs), exhibits=exhibits.of_analyses(inputs, found))
    seen = set()
    for sheet in openpyxl.load_workbook(io.BytesIO(data)):
        for row in sheet.iter_rows():
            for cell in row:
                assert cell.data_type != "f" and cell.hyperlink is None
                if cell.value in (DANGEROUS, "@x", "+1"):
                    assert cell.quotePrefix
                    seen.add((sheet.title, cell.value))
    assert {("One-way", DANGEROUS), ("EVPPI", DANGEROUS), ("Populations", "@x"), ("Decision drivers", "+1")} <= seen
    assert not any("HYPERLINK" in text for chart in charts_of(data) for text in re.findall(r"<c:f>(.*?)</c:f>", chart))


def test_one_way_of_other_inputs_is_refused(uncertain):
    other = run_one_way(uncertain.inputs.with_values(u_progressed=0.5), names=["shape_pfs"])
    with pytest.raises(InputError, match="tornado: it was run with other inputs"):
        workbook_bytes(uncertain.base, exhibits=[exhibits.tornado(other)])


def test_a_second_writing_gives_the_same_bytes(tmp_path, uncertain, analyses, content):
    again = exhibits.of_analyses(uncertain.inputs, analyses)
    assert write_workbook(tmp_path / "run.xlsx", uncertain.base, exhibits=again).read_bytes() == content


def test_the_sheet_of_checks_holds_what_verify_found(uncertain, tmp_path):
    """The whole list, as `hemodel run --full` writes it: nothing cut off, and no verdict beside another check."""
    found = verify(uncertain.base.inputs)
    path = write_workbook(tmp_path / "full.xlsx", uncertain.base, exhibits=[exhibits.verification(found)])
    rows = [[cell.value for cell in row] for row in openpyxl.load_workbook(path)["Verification"].iter_rows()]
    start = next(i for i, row in enumerate(rows) if row[0] == "Check")
    sheet = [[cell or "" for cell in row[:8]] for row in rows[start + 1 : start + 1 + len(found.table)]]
    assert sheet == tables.verification_table(found).values.tolist()
    assert [row[6] for row in sheet] == found.table["verdict"].tolist()
    counts = ", ".join(f"{n} {verdict}" for verdict, n in found.counts.items())
    assert any(row[0] == f"Checks: {counts}." for row in rows)
