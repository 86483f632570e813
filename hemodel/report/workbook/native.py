"""Charts of Excel's own: where their numbers lie, how they look and where they stand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from hemodel.report.colours import INTERVENTION_COLOURS
from hemodel.report.workbook.pages import FONT, Page


def insert(
    page: Page, chart: Any, column: int, description: str, *, row: int | None = None, size: tuple[int, int] = (650, 460)
) -> None:
    """Put a chart with its words for those who cannot see it at `row` (default: the page's)."""
    chart.set_size({"width": size[0], "height": size[1]})
    page.sheet.insert_chart(page.row if row is None else row, column, chart, {"description": description, "object_position": 2})


@dataclass(frozen=True)
class Block:
    """Where a table of numbers for charts lies: its rows and the column of each key."""

    sheet: str
    first: int
    last: int
    columns: Mapping[object, int]

    def values(self, key: object, most: int | None = None) -> list[object]:
        """The cells of a column (at most the first `most`), as a chart refers to them."""
        last = self.last if most is None else min(self.last, self.first + most - 1)
        return [self.sheet, self.first, self.columns[key], last, self.columns[key]]

    def heading(self, key: object) -> list[object]:
        """The cell with the heading of a column: a reference, so that no text in it is ever read as a formula."""
        return [self.sheet, self.first - 1, self.columns[key]]


def block(page: Page, frame: pd.DataFrame, keys: Sequence[object], kinds: Sequence[str], at: int = 0) -> Block:
    """Write a table whose columns are known by `keys`; the page stays at its row, so that another can stand beside it."""
    row = page.row
    first, last = page.table(frame, kinds=kinds, at=at)
    page.row = row
    return Block(page.name, first, last, {key: at + place for place, key in enumerate(keys)})


def axes(chart: Any, title: str, across: dict[str, Any], up: dict[str, Any]) -> None:
    """Title, axes with their names, number formats and limits, light lines, and the legend below."""
    font = {"name": FONT, "size": 9}
    grid = {"visible": True, "line": {"color": "#E8EDEE", "width": 0.75}}
    look = {"name_font": font, "num_font": font, "label_position": "low", "major_gridlines": grid, "line": {"color": "#425563"}}
    chart.set_title({"name": title, "name_font": {"name": FONT, "size": 12, "color": INTERVENTION_COLOURS[0]}})
    chart.set_x_axis(look | across)
    chart.set_y_axis(look | up)
    chart.set_legend({"position": "bottom", "font": font})
