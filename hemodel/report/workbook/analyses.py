"""The sheets of exhibits: each with its sentence, a chart of Excel's own over its cells, and its table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hemodel.analyses.scenarios import Scenarios
from hemodel.evidence.settings import Settings
from hemodel.report.exhibits import UNCERTAINTY, Axis, Exhibit, shading
from hemodel.report.workbook import results
from hemodel.report.workbook.native import Block, axes, insert
from hemodel.report.workbook.pages import Book, Page, money_format, number_formats

_CHART_ROWS = 25
_KINDS = {"bars": {"type": "bar"}, "columns": {"type": "column"}}
_DOWNWARDS = {"reverse": True, "major_gridlines": {"visible": False}}  # bars from the top down


def exhibit_sheets(book: Book, exhibits: Sequence[Exhibit], scenarios: Scenarios | None = None) -> None:
    """A sheet for each exhibit, the scenarios after those of uncertainty, as in a submission."""
    for exhibit in exhibits:
        if exhibit.section == UNCERTAINTY:
            _sheet(book, exhibit)
    if scenarios is not None:
        results.scenarios_sheet(book, scenarios.results[0], scenarios)
    for exhibit in exhibits:
        if exhibit.section != UNCERTAINTY:
            _sheet(book, exhibit)


def _sheet(book: Book, exhibit: Exhibit) -> None:
    page = book.page(exhibit.short, exhibit.widths)
    page.title(exhibit.title, exhibit.section)
    if exhibit.sentence:
        page.line(exhibit.sentence, "wide")
    row = _room_for_a_chart(page) if exhibit.cells is not None else None
    if exhibit.across:
        page.row += 1
        page.line(exhibit.across, "header middle", first=1)
    if exhibit.frozen:
        page.sheet.freeze_panes(0, exhibit.frozen)
        page.sheet.repeat_rows(page.row)
    first, last = page.table(exhibit.table, footer=exhibit.footer)
    for note in exhibit.notes:
        page.line(note)
    if exhibit.shade is not None:
        page.sheet.conditional_format(first, 1, last, len(exhibit.table.columns) - 1, _scale(exhibit.shade, book.settings))
    if row is not None:
        rows = Block(page.name, first, last, {place: place for place in range(len(exhibit.table.columns))})
        _chart(book, page, exhibit, rows, row)


def _room_for_a_chart(page: Page) -> int:
    """Leave room for a chart, on a printed page of its own; returns its row."""
    row = page.row + 1
    page.row = row + _CHART_ROWS + 2
    page.new_printed_page()
    return row


def _chart(book: Book, page: Page, exhibit: Exhibit, rows: Block, row: int) -> None:
    drawn = exhibit.cells
    assert drawn is not None
    marked = any(series.marked for series in drawn.series)
    lines = {"type": "scatter", "subtype": "straight_with_markers" if marked else "straight"}
    chart = book.workbook.add_chart(_KINDS.get(drawn.kind, lines))
    for series in drawn.series:
        part = rows if series.rows is None else _part(rows, *series.rows)
        cells: dict[str, Any] = {"categories": part.values(drawn.labels), "values": part.values(series.column)}
        cells["name"] = rows.heading(series.column) if drawn.names is None else [page.name, part.first, drawn.names]
        if drawn.kind == "lines":
            dot = {"type": "circle", "size": 5, "fill": {"color": series.colour}, "border": {"color": series.colour}}
            cells["line"] = {"color": series.colour, "width": series.width, "dash_type": series.dash}
            cells["marker"] = dot if series.marked else {"type": "none"}
        else:
            cells["fill"] = {"color": series.colour}
            cells |= {"overlap": 100, "gap": 40} if drawn.kind == "bars" else {"gap": 60}
        if drawn.errors is not None:
            half = exhibit.table.iloc[: part.last - part.first + 1, drawn.errors].to_list()
            errors = {"type": "custom", "plus_values": half, "minus_values": half, "line": {"color": "#1F1F1F"}}
            cells["y_error_bars"] = errors
        chart.add_series(cells)
    across, up = (_axis(axis, book.settings) for axis in (drawn.across, drawn.up))
    if drawn.kind == "bars":  # the axis of the values of bars that run downwards: at the bottom all the same
        across, up = up | {"label_position": "high"}, _DOWNWARDS
    axes(chart, drawn.title, across, up)
    if drawn.kind == "bars" and len(drawn.series) == 1:
        chart.set_legend({"none": True})
    insert(page, chart, 0, exhibit.sentence, row=row, size=drawn.size)


def _part(rows: Block, first: int, number: int) -> Block:
    """Some rows of a table."""
    return Block(rows.sheet, rows.first + first, min(rows.first + first + number - 1, rows.last), rows.columns)


def _axis(axis: Axis, settings: Settings) -> dict[str, Any]:
    """An axis as XlsxWriter takes it; one of money has its unit in its name, unless that has one."""
    if axis.kind == "words":
        return {}
    money = money_format(settings)
    formats = {"money": money, "millions": f'{money.partition(";")[0]},,"m"', "count": number_formats(settings)["count"]}
    name = axis.name if axis.kind == "count" or f"({settings.sign}" in axis.name else f"{axis.name} ({settings.sign})"
    ends = {"min": axis.low, "max": axis.high, "crossing": axis.crossing}
    return {"name": name, "num_format": formats[axis.kind]} | {end: value for end, value in ends.items() if value is not None}


def _scale(most: float, settings: Settings) -> dict[str, Any]:
    """Shades from the largest number below zero to the largest above."""
    low, middle, high = shading(settings)
    kinds = {f"{end}_type": "num" for end in ("min", "mid", "max")}
    ends = {"min_value": -most, "mid_value": 0, "max_value": most}
    return {"type": "3_color_scale", **kinds, **ends, "min_color": low, "mid_color": middle, "max_color": high}
