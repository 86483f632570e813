"""The workbook as one list of cells: sheet, place, formula, the engine's value, style. Of Excel's libraries only names of places are known.

The writer puts the list into a file and the comparison reads it against a recalculated one, so that no formula can be written
without the value that it must give.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray
from xlsxwriter.utility import xl_col_to_name, xl_rowcol_to_cell

from hemodel.evidence.settings import Settings

Value = float | str | None
Numbers = NDArray[Any] | Sequence[float]
TOLERANCE = 1e-9
"""Relative: within this a recalculated cell agrees with the engine."""
_TAIL = 1e-13  # of the largest number of a column: what is smaller is rounding


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell. `value`: what it holds, or, where there is a formula, what the engine says it must give; rows and columns from 0.

    `last`: the column up to which text goes across. `slack`: by how much a recalculated number may differ beside `TOLERANCE`, where it
    is the difference of larger ones or the far tail of its column, and rounding is all that is left of it.
    """

    sheet: str
    row: int
    column: int
    value: Value
    style: str
    formula: str = ""
    last: int | None = None
    slack: float = 0.0

    @property
    def place(self) -> str:
        """The cell as people name it: Results!B7."""
        return f"{self.sheet}!{xl_rowcol_to_cell(self.row, self.column)}"

    def distance(self, found: object) -> float:
        """How far a recalculated value is from the engine's, relative; infinite for other text, or none, in place of a number."""
        if isinstance(self.value, str) or self.value is None:
            return 0.0 if (found or "") == (self.value or "") else math.inf
        if isinstance(found, bool) or not isinstance(found, (int, float)):
            return math.inf
        away = abs(float(found) - self.value)
        size = max(abs(self.value), self.slack / TOLERANCE)
        return away / size if size else math.inf if away else 0.0

    @property
    def is_input(self) -> bool:
        """Whether the workbook's user may change it."""
        return self.style.startswith("input")


@dataclass(frozen=True)
class Line:
    """One line of a chart: the cells of its name, of what goes across and of what goes up, with its look."""

    name: tuple[int, int]
    across: tuple[int, int, int, int]
    up: tuple[int, int, int, int]
    sheet: str
    colour: str
    dash: str = "solid"


@dataclass(frozen=True)
class Chart:
    """A line chart on numeric axes, put at a cell; `words` for those who cannot see it."""

    row: int
    column: int
    title: str
    across: str
    up: str
    formats: tuple[str, str]
    lines: tuple[Line, ...]
    words: str
    most: tuple[float | None, float | None] = (None, None)


@dataclass
class Sheet:
    """One sheet, filled from the top: `row` is the next free one. Layout beside its cells is kept as data too."""

    name: str
    widths: Sequence[float]
    cells: list[Cell] = field(default_factory=list)
    row: int = 0
    frozen: tuple[int, int] | None = None
    names: dict[str, tuple[int, int]] = field(default_factory=dict)
    choices: list[tuple[int, int, tuple[str, ...]]] = field(default_factory=list)
    bounds: list[tuple[int, int, float, float]] = field(default_factory=list)
    flags: list[tuple[int, int, int, int]] = field(default_factory=list)
    breaks: list[int] = field(default_factory=list)
    charts: list[Chart] = field(default_factory=list)
    pages_wide: int = 1  # on paper
    printed: tuple[int | None, int] | None = None  # last row and column that go on paper, where not all do

    def put(self, row: int, column: int, value: Value, style: str) -> str:
        """A cell that holds a value; returns its absolute address."""
        self.cells.append(Cell(self.name, row, column, value, style))
        return self.at(row, column)

    def calc(self, row: int, column: int, formula: str, value: Value, style: str, *, slack: float = 0.0) -> str:
        """A cell that holds a formula, with the engine's value; returns its absolute address."""
        self.cells.append(Cell(self.name, row, column, value, style, f"={formula}", slack=slack))
        return self.at(row, column)

    def line(self, text: str, style: str = "note", *, first: int = 0, last: int | None = None) -> None:
        """Text across the columns, in a row of its own."""
        self.cells.append(Cell(self.name, self.row, first, text, style, last=len(self.widths) - 1 if last is None else last))
        self.row += 1

    def title(self, text: str, subtitle: str) -> None:
        """The title of the sheet with a line below it."""
        self.line(text, "title")
        self.line(subtitle)
        self.row += 1

    def header(self, headings: Sequence[str], *, numbers_from: int = 1, at: int = 0) -> None:
        """A row of headings; those from `numbers_from` on stand to the right, over numbers."""
        for column, heading in enumerate(headings):
            self.put(self.row, at + column, heading, "header" if column < numbers_from else "header right")
        self.row += 1

    def at(self, row: int, column: int) -> str:
        """Absolute address of a cell with the name of its sheet, as formulas use it."""
        return f"{self.name}!{xl_rowcol_to_cell(row, column, row_abs=True, col_abs=True)}"


@dataclass(frozen=True)
class Program:
    """All sheets of the workbook, in their order."""

    sheets: tuple[Sheet, ...]
    settings: Settings

    @property
    def cells(self) -> Iterator[Cell]:
        """Every cell."""
        return (cell for sheet in self.sheets for cell in sheet.cells)

    @property
    def formulas(self) -> list[Cell]:
        """Every cell with a formula."""
        return [cell for cell in self.cells if cell.formula]

    @property
    def inputs(self) -> list[Cell]:
        """Every cell that the workbook's user may change."""
        return [cell for cell in self.cells if cell.is_input]


_TOKEN = re.compile(r"\[(?:(\w+)!)?(\w+)(?:([+-]\d+)|:(\d+)|(:\*))?\]")


@dataclass(frozen=True)
class Column:
    """One column of a table by cycle: its formula for a row, with places in square brackets, and the engine's values.

    `[key]` is the same row of another column, `[key-1]` the row before, `[Time!key]` that of another sheet (all such tables begin
    in the same row), `[key:13]` the last 13 rows up to this one, `[key:*]` the whole column. Braces, `{name}`, are cells outside
    the table. What lies before the first row is 0. `first`: the formula, or a number, of the first row where it differs. Without a
    formula the values are held; with `first` alone there is no more than the first row.
    """

    key: str
    heading: str
    formula: str
    values: Numbers
    style: str = "occupancy"
    first: str | float | None = None
    group: str = ""


@dataclass
class Grid:
    """Where the columns of the tables by cycle lie: all begin in row `top` and have `rows` rows."""

    top: int
    rows: int
    places: dict[tuple[str, str], int] = field(default_factory=dict)

    def reserve(self, sheet: str, columns: Sequence[Column]) -> None:
        """Give the columns of a sheet their places, in order."""
        self.places |= {(sheet, column.key): place for place, column in enumerate(columns)}

    def whole(self, sheet: str, key: str, rows: int, *, here: str = "") -> str:
        """Absolute range of the first `rows` rows of a column."""
        column = f"${xl_col_to_name(self.places[sheet, key])}$"
        return f"{'' if sheet == here else f'{sheet}!'}{column}{self.top + 1}:{column}{self.top + rows}"

    def fill(self, sheet: Sheet, columns: Sequence[Column], outside: dict[str, str]) -> None:
        """Write the columns of a sheet, one row a cycle."""
        for place, column in enumerate(columns):
            parts = self._parsed(sheet.name, column.formula, outside)
            slack = _TAIL * max((abs(float(value)) for value in column.values), default=0.0)
            first = column.first
            for row, value in enumerate(column.values):
                number = None if value is None else float(value)
                if row == 0 and isinstance(first, (int, float)):
                    sheet.put(self.top, place, float(first), column.style)
                elif not column.formula and first is None:
                    sheet.put(self.top + row, place, number, f"held {column.style}")
                else:
                    chosen = self._parsed(sheet.name, first, outside) if row == 0 and isinstance(first, str) else parts
                    text = "".join(part if isinstance(part, str) else self._place(row, *part) for part in chosen)
                    sheet.calc(self.top + row, place, text, number, column.style, slack=slack)

    def _parsed(self, sheet: str, formula: str, outside: dict[str, str]) -> list[str | tuple[str, str, int, str]]:
        """The formula as text and places: (sheet prefix, letters, offset, span)."""
        for name, place in outside.items():
            formula = formula.replace(f"{{{name}}}", place)
        parts: list[str | tuple[str, str, int, str]] = []
        end = 0
        for token in _TOKEN.finditer(formula):
            parts.append(formula[end : token.start()])
            owner = token[1] or sheet
            prefix = "" if owner == sheet else f"{owner}!"
            parts.append((prefix, xl_col_to_name(self.places[owner, token[2]]), int(token[3] or 0), token[4] or token[5] or ""))
            end = token.end()
        return [*parts, formula[end:]]

    def _place(self, row: int, prefix: str, column: str, offset: int, span: str) -> str:
        now = self.top + row + offset + 1
        if span == ":*":
            return f"{prefix}${column}${self.top + 1}:${column}${self.top + self.rows}"
        if span:
            return f"{prefix}{column}{max(now - int(span) + 1, self.top + 1)}:{column}{now}"
        return "0" if row + offset < 0 else f"{prefix}{column}{now}"
