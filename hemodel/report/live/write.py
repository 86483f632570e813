"""The list of cells as an Excel file: XlsxWriter's part of the live workbook, with the engine's value stored beside every formula."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from typing import Any

from xlsxwriter import Workbook
from xlsxwriter.worksheet import Worksheet

from hemodel.analyses.scenarios import Scenarios
from hemodel.errors import InputError
from hemodel.evidence.inputs import Inputs
from hemodel.evidence.settings import Settings
from hemodel.report.exhibits import Exhibit
from hemodel.report.live.cells import Cell, Chart, Program, Sheet
from hemodel.report.workbook import results
from hemodel.report.workbook.analyses import exhibit_sheets
from hemodel.report.workbook.native import axes, insert
from hemodel.report.workbook.pages import FONT, Book, Page, formats_of, money_format, number_formats, set_properties

_MORE = {"six": "0.000000", "eight": "0.00000000", "small": "0.0E+00", "count left": "#,##0"}
_ONE_LINE = ("text total", "overflow")
_INPUT = {"font_color": "#0000FF", "bg_color": "#FFF9DB", "locked": False}
_HELD = {"font_color": "#6B7780", "italic": True}
_COMMENTS = "The model cell by cell, unrounded. The sheet Notes says where this file comes from."
_FLAGGED = ("changed", "out of range", "FAIL", "DIFFERS", "review")


class _PlainFormulas(Worksheet):  # type: ignore[misc]  # the library has no types
    """Formulas are written as they are: ours hold no function that would need another name in the file, and looking for these
    names takes longer than all else that is written.
    """

    def _prepare_formula(self, formula: str, expand_future_functions: bool = False) -> str:
        return formula.removeprefix("=")


def written(
    program: Program,
    record: dict[str, Any],
    inputs: Inputs | None = None,
    scenarios: Scenarios | None = None,
    exhibits: Sequence[Exhibit] = (),
) -> bytes:
    """The workbook as bytes, the engine's other results on the sheets of the values workbook; the same program gives the same bytes."""
    content = io.BytesIO()
    safe = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with Workbook(content, {"in_memory": True, **safe}) as workbook:
        workbook.worksheet_class = _PlainFormulas
        set_properties(workbook, record, _COMMENTS)
        formats = formats_of(workbook, program.settings) | _formats(workbook, program.settings)
        book = Book(workbook, program.settings, formats, f"Run {record['hash'][:12]}")
        for sheet in program.sheets:
            _write(book, sheet)
        for sheet in program.sheets:
            for chart in sheet.charts:
                _draw(book, sheet, chart)
        if inputs is not None:
            exhibit_sheets(book, exhibits, scenarios)
            results.sources_sheet(book, inputs)
    return content.getvalue()


def _formats(workbook: Any, settings: Settings) -> dict[str, Any]:
    """Formats beyond those of the values workbook: inputs in blue on yellow, held values in grey."""
    number = {"font_name": FONT, "font_size": 10, "align": "right", "valign": "vcenter", "bottom": 1, "bottom_color": "#D8DDE0"}
    more = _MORE | {"pence": money_format(settings).replace("#,##0", "#,##0.00")}
    kinds = number_formats(settings) | more
    made = {kind: number | {"num_format": code} for kind, code in more.items()}
    made["count left"] |= {"align": "left", "bottom": 0}
    made |= {
        f"{kind} total": number | {"num_format": code, "bold": True, "top": 1, "top_color": "#425563"}
        for kind, code in more.items()
    }
    made |= {f"input {kind}": number | _INPUT | {"num_format": code} for kind, code in kinds.items()}
    made |= {f"held {kind}": number | _HELD | {"num_format": code} for kind, code in kinds.items()}
    made["overflow"] = number | {"align": "left", "indent": 1, "quote_prefix": True}
    made["input text"] = number | _INPUT | {"quote_prefix": True}
    return {name: workbook.add_format(properties) for name, properties in made.items()}


def _write(book: Book, sheet: Sheet) -> None:
    """One sheet: its cells, then its names, lists, bounds and marks."""
    page = book.page(sheet.name, sheet.widths)
    for cell in sheet.cells:
        _cell(page, cell)
    for name, (row, column) in sheet.names.items():
        if book.workbook.define_name(name, f"={sheet.at(row, column)}"):
            raise InputError("live workbook", f"{name} cannot be a name in Excel", "Give the parameter another name")
    for row, column, words in sheet.choices:
        page.sheet.data_validation(row, column, row, column, {"validate": "list", "source": list(words)})
    for row, column, low, high in sheet.bounds:
        page.sheet.data_validation(row, column, row, column, _bounds(low, high))
    flag = book.workbook.add_format({"font_color": "#A6190A", "bold": True}) if sheet.flags else None
    for first, left, last, right in sheet.flags:
        for word in _FLAGGED:
            rule = {"type": "cell", "criteria": "==", "value": f'"{word}"', "format": flag}
            page.sheet.conditional_format(first, left, last, right, rule)
    if sheet.frozen is not None:
        page.sheet.freeze_panes(*sheet.frozen)
        page.sheet.repeat_rows(max(sheet.frozen[0] - 1, 0), max(sheet.frozen[0] - 1, 0))
    if sheet.pages_wide > 1 and sheet.frozen is not None:
        page.sheet.fit_to_pages(sheet.pages_wide, 0)
        page.sheet.repeat_columns(0, sheet.frozen[1] - 1)
    if sheet.printed is not None:
        bottom, right = sheet.printed
        page.sheet.print_area(0, 0, sheet.row if bottom is None else bottom, right)
    if sheet.breaks:
        page.sheet.set_h_pagebreaks(sheet.breaks)


def _cell(page: Page, cell: Cell) -> None:
    if cell.formula:
        value = "" if cell.value is None else cell.value
        if page.sheet.write_formula(cell.row, cell.column, cell.formula, page.formats[cell.style], value):
            raise InputError("live workbook", f"the formula of {cell.place} does not fit into a cell", "Use fewer adverse events")
        return
    if cell.last is not None:
        page.row = cell.row
        page.line(str(cell.value), cell.style, first=cell.column, last=cell.last)
        return
    page.cell(cell.row, cell.column, cell.value, cell.style)
    if isinstance(cell.value, str) and cell.style not in _ONE_LINE:
        page.high_enough(cell.row, [(cell.value, page.widths[cell.column] * (0.9 if cell.style.startswith("header") else 1.0))])


def _bounds(low: float, high: float) -> dict[str, Any]:
    """Which numbers Excel lets in."""
    words = {
        "error_title": "Out of range",
        "error_message": f"Give a number from {low:g}" + ("" if math.isinf(high) else f" to {high:g}"),
    }
    if math.isinf(low) and math.isinf(high):
        return {"validate": "any"}
    if math.isinf(high):
        return {"validate": "decimal", "criteria": ">=", "value": low, **words}
    return {"validate": "decimal", "criteria": "between", "minimum": low, "maximum": high, **words}


def _draw(book: Book, sheet: Sheet, chart: Chart) -> None:
    """A line chart on numeric axes."""
    made = book.workbook.add_chart({"type": "scatter", "subtype": "straight"})
    for line in chart.lines:
        made.add_series(
            {
                "name": [line.sheet, *line.name],
                "categories": [line.sheet, *line.across],
                "values": [line.sheet, *line.up],
                "line": {"color": line.colour, "width": 2.25, "dash_type": line.dash},
            }
        )
    limits = [{} if most is None else {"max": most} for most in chart.most]
    across = {"name": chart.across, "num_format": chart.formats[0], "min": 0} | limits[0]
    axes(made, chart.title, across, {"name": chart.up, "num_format": chart.formats[1], "min": 0} | limits[1])
    page = Page(book.workbook.get_worksheet_by_name(sheet.name), sheet.name, tuple(sheet.widths), book.settings, book.formats)
    insert(page, made, chart.column, chart.words, row=chart.row, size=(560, 400))
