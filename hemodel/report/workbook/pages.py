"""Sheets and cells: pages of A4 landscape, tables, text that is never run, formats."""

from __future__ import annotations

import datetime
import math
import re
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from hemodel.errors import InputError
from hemodel.evidence.settings import Settings
from hemodel.report import labels, tables
from hemodel.report.colours import INTERVENTION_COLOURS

_NO_DATE = datetime.datetime(1980, 1, 1)  # a fixed date, so that the same run gives the same bytes
_NUMBER_FORMATS = {
    "qalys": "0.000",
    "thousandths": "0.000",
    "tenths": "0.0",
    "share": "0.0%",
    "percent": "0%",
    "count": "#,##0",
    "occupancy": "0.0000",
    "plain, hundreds": "#,##0.##",
    "plain, ones": "0.####",
    "plain, thousandths": "0.######",
    "plain, less": "0.00E+00",
}
_STATUS_FILLS = {"unverified": "#FFE3CC", "assumed": "#FFF6CC"}
_HIGHEST_ROW = 409.0  # points; Excel's limit
WIDTH = 15  # of a column of numbers
FONT, _SIZE = "Arial", 10.0
_CHARACTERS_PER_WIDTH = 1.3  # of this font, in a column one unit wide; bold text takes a tenth more


def money_format(settings: Settings) -> str:
    """Excel's format of whole amounts: £#,##0, or "PLN "#,##0."""
    sign = labels.before_amount(settings)
    sign = sign if sign in ("£", "€", "$") else f'"{sign.replace(chr(34), "")}"'
    return f"{sign}#,##0;-{sign}#,##0"


def number_formats(settings: Settings) -> dict[str, str]:
    """Excel's formats by kind of number."""
    return {"money": money_format(settings), **_NUMBER_FORMATS}


@dataclass(frozen=True)
class Book:
    """The workbook with its cell formats and the names of its sheets so far."""

    workbook: Any
    settings: Settings
    formats: Mapping[str, Any]
    mark: str
    names: list[str] = field(default_factory=list)

    def page(self, name: str, widths: Sequence[float]) -> Page:
        """A new sheet with these column widths, ready for A4 landscape."""
        name = _sheet_name(name, self.names)
        self.names.append(name)
        sheet = self.workbook.add_worksheet(name)
        for column, width in enumerate(widths):
            sheet.set_column(column, column, width)
        sheet.hide_gridlines(2)
        sheet.set_landscape()
        sheet.set_paper(9)  # A4
        sheet.set_margins(left=0.5, right=0.5, top=0.6, bottom=0.7)
        sheet.fit_to_pages(1, 0)  # one page wide, as long as it takes
        sheet.set_footer(f"&L&F – &A&C{self.mark}&RPage &P of &N")
        return Page(sheet, name, tuple(widths), self.settings, self.formats)


@dataclass
class Page:
    """One sheet, written from the top: every block is put at `row`, which then moves below it."""

    sheet: Any
    name: str
    widths: tuple[float, ...]
    settings: Settings
    formats: Mapping[str, Any]
    row: int = 0
    heights: dict[int, float] = field(default_factory=dict)
    breaks: list[int] = field(default_factory=list)

    def new_printed_page(self) -> None:
        """Start a new page of paper at `row`, so that no table is cut in two."""
        self.breaks.append(self.row)
        self.sheet.set_h_pagebreaks(self.breaks)

    def cell(self, row: int, column: int, value: object, style: str) -> None:
        """One cell: a number as a number, missing as blank, everything else as text that is never run."""
        if isinstance(value, (int, float, np.integer, np.floating)) and not math.isnan(value):
            code = self.sheet.write_number(row, column, float(value), self.formats[style])
        elif isinstance(value, str) and value:
            code = self.sheet.write_string(row, column, value, self.formats[style])
        else:
            code = self.sheet.write_blank(row, column, None, self.formats[style])
        if code:
            problem = f"row {row + 1}, column {column + 1} does not fit into a sheet (text of at most 32,767 characters)"
            raise InputError(f"workbook, sheet {self.name}", problem, "Shorten the label or note")

    def line(self, text: str, style: str = "note", *, first: int = 0, last: int | None = None) -> None:
        """Text across the columns from `first` to `last` (default: all), as many lines high as it needs."""
        last = len(self.widths) - 1 if last is None else last
        if last > first:
            self.sheet.merge_range(self.row, first, self.row, last, "", self.formats[style])
        self.cell(self.row, first, text, style)
        size = {"title": 16.0, "heading": 12.0}.get(style, _SIZE)
        self.high_enough(self.row, [(text, sum(self.widths[first : last + 1]) * _SIZE / size)], 1.25 * size)
        self.row += 1

    def high_enough(self, row: int, texts: Sequence[tuple[str, float]], points: float = 12.5) -> None:
        """Make a row as high as the wrapped texts need, each with the width of its column; it never gets lower again."""
        lines = max((_lines(text, width) for text, width in texts), default=1)
        self.heights[row] = max(self.heights.get(row, 0.0), min(lines * points + 2.5, _HIGHEST_ROW))
        self.sheet.set_row(row, self.heights[row])

    def title(self, text: str, subtitle: str = "") -> None:
        """The title of the sheet, with a line below it."""
        self.line(text, "title")
        if subtitle:
            self.line(subtitle)
        self.row += 1

    def entry(self, what: str, value: str, style: str = "wide") -> None:
        """One "what: value" line; the value goes across all columns but the first."""
        self.cell(self.row, 0, what, "label")
        self.line(value, style, first=1)

    def table(
        self, frame: pd.DataFrame, title: str = "", footer: str = "", *, kinds: Sequence[str] = (), at: int = 0
    ) -> tuple[int, int]:
        """A table with its title and footer; returns the first and the last row of its body."""
        if title:
            self.line(title, "heading")
        headings = [str(heading) for heading in frame.columns]
        kinds = kinds or [tables.kind_of(heading, self.settings, headings) for heading in headings]
        numeric = [any(isinstance(cell, (int, float)) for cell in frame.iloc[:, place]) for place in range(len(headings))]
        widths = [*self.widths[at:], *[WIDTH] * len(headings)]
        for place, heading in enumerate(headings):
            style = "header right" if numeric[place] else "header aside" if place else "header"
            self.cell(self.row, at + place, heading, style)
        self.high_enough(self.row, [(heading, 0.9 * width) for heading, width in zip(headings, widths, strict=False)])
        body = self.row + 1
        for row, cells in enumerate(frame.itertuples(index=False, name=None), start=body):
            total = " total" if cells[0] == tables.TOTAL and headings[-1] == tables.SHARE_OF_INCREMENT else ""
            for place, value in enumerate(cells):
                style = _style(value, headings[place], kinds[place], numeric=numeric[place], first=not place)
                self.cell(row, at + place, value, style + total)
            self.high_enough(row, [(x, width) for x, width in zip(cells, widths, strict=False) if isinstance(x, str)])
        self.row = body + len(frame)
        if footer:
            self.line(footer)
        self.row += 1
        return body, body + len(frame) - 1

    def frozen(self, *, columns: int = 1, below: int = 0) -> None:
        """Keep what is above `row` (and `below` rows more) and the first columns in view, and repeat it on every printed page."""
        self.sheet.freeze_panes(self.row + below, columns)
        self.sheet.repeat_rows(0, max(self.row + below - 1, 0))

    def long_table(self, frame: pd.DataFrame, *, kinds: Sequence[str] = (), columns: int = 1) -> tuple[int, int]:
        """The one table of a sheet: its header stays in view and is repeated on every page."""
        self.frozen(columns=columns, below=1)
        return self.table(frame, kinds=kinds)


def _lines(text: str, width: float) -> int:
    """How many lines a text needs in a column of this width."""
    return max(len(textwrap.wrap(text, max(int(width * _CHARACTERS_PER_WIDTH), 1))), 1)


def _style(value: object, heading: str, kind: str, *, numeric: bool, first: bool) -> str:
    """Which format a body cell takes: that of its column's numbers, or text; marks statuses that ask for care."""
    if isinstance(value, str):
        if heading == "Status" and value in _STATUS_FILLS:
            return value
        return "words" if numeric else "text" if first else "text aside"
    if kind != "plain":
        return kind
    size = abs(value) if isinstance(value, (int, float)) and not math.isnan(value) else 0
    if size == int(size):
        return "count"
    return f"plain, {'hundreds' if size >= 100 else 'ones' if size >= 1 else 'thousandths' if size >= 1e-4 else 'less'}"


def formats_of(workbook: Any, settings: Settings) -> dict[str, Any]:
    """All cell formats. Text has a quote prefix: it stays text when somebody edits the cell."""
    numbers = number_formats(settings)
    text = {"quote_prefix": True, "text_wrap": True, "valign": "top", "font_name": FONT, "font_size": _SIZE}
    middle = {"valign": "vcenter"}
    number = middle | {"font_name": FONT, "font_size": _SIZE, "align": "right"}
    line = {"bottom": 1, "bottom_color": "#D8DDE0"}
    bold = {"bold": True, "top": 1, "top_color": "#425563"}
    header = text | {"bold": True, "bg_color": "#E8EDEE", "valign": "bottom", "bottom": 1, "bottom_color": "#425563"}
    made = {
        "title": text | {"bold": True, "font_size": 16, "font_color": INTERVENTION_COLOURS[0]},
        "heading": text | {"bold": True, "font_size": 12, "font_color": INTERVENTION_COLOURS[0]},
        "note": text | {"font_color": "#425563"},
        "warning": text | {"bold": True, "font_color": "#A6190A"},
        "label": text | {"bold": True},
        "wide": text,
        "header": header,
        "header aside": header | {"indent": 1, "align": "left"},
        "header right": header | {"align": "right"},
        "header middle": header | {"align": "center"},
        "text": text | line | middle,
        "text aside": text | line | middle | {"indent": 1, "align": "left"},
        "words": text | line | middle | {"align": "right"},
    }
    made |= {status: made["text aside"] | {"bg_color": colour} for status, colour in _STATUS_FILLS.items()}
    made |= {kind: number | line | {"num_format": code} for kind, code in numbers.items()}
    made |= {f"{name} total": made[name] | bold for name in ("text", "text aside", "words", *numbers)}
    return {name: workbook.add_format(properties) for name, properties in made.items()}


def _sheet_name(name: str, taken: Sequence[str]) -> str:
    """A name that Excel accepts: at most 31 characters, none of the signs []:*?/ or backslash, and no other sheet's.

    >>> _sheet_name("Results [a/b]", []), _sheet_name("Trace", ["trace"])
    ('Results a b', 'Trace 2')
    """
    clean = re.sub(r"[\[\]:*?/\\\x00-\x1f' ]+", " ", name).strip()[:31].strip() or "Sheet"
    others, tried, number = {other.lower() for other in taken}, clean, 2
    while tried.lower() in others:
        tried = f"{clean[: 30 - len(str(number))]} {number}"
        number += 1
    return tried


_VALUES_ONLY = "Values only, unrounded. The manifest sheet says how to make this file again."


def set_properties(workbook: Any, record: Mapping[str, Any], comments: str = _VALUES_ONLY) -> None:
    """Document properties, without a date: the hash of the run says what it is."""
    workbook.set_properties(
        {
            "title": "hemodel: cost-effectiveness results",
            "subject": f"{record['problem']}, {record['population']}, {record['scenario']}"[:255],
            "author": f"hemodel {record['hemodel']}",
            "comments": comments,
            "created": _NO_DATE,
        }
    )
    workbook.set_custom_property("hemodel run", record["hash"], "text")
    workbook.set_custom_property("hemodel inputs", record["input_hash"], "text")
