"""The sheets Trace: hazards, probabilities, occupancy, treatment, health and costs of every cycle, one sheet a strategy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hemodel.cohort.model import curves
from hemodel.cohort.structures import PROGRESSED, PROGRESSION_FREE
from hemodel.report.live.cells import Cell, Column, Grid, Sheet
from hemodel.report.live.components import Part, component_parts, discounted_columns, factor_of, weights
from hemodel.report.live.cycles import FACTORS, TIME, TOP, head, trace_name
from hemodel.report.live.derived import Derived
from hemodel.report.live.engine import Engine
from hemodel.report.live.measures import Measures
from hemodel.report.live.occupancy import occupancy_columns

Array = NDArray[np.float64]
UNDISCOUNTED, DISCOUNTED = TOP - 5, TOP - 4  # rows of the totals
Places = Mapping[str, tuple[str, str]]
"""Column of a Trace -> addresses of its undiscounted and its discounted total."""


@dataclass(frozen=True)
class Trace:
    """The cycles of one strategy: its columns, and which of them make up each component."""

    columns: Sequence[Column]
    parts: Sequence[Part]

    def keys(self, outcome: str, component: str, arrangement: str = "") -> list[str]:
        """The columns of a component under a price arrangement."""
        return [part.column.key for part in self.parts if part.belongs(outcome, component, arrangement)]


def trace_of(engine: Engine, strategy: int, derived: Derived) -> Trace:
    """All columns of one strategy."""
    measures = Measures(engine, strategy, derived)
    parts = component_parts(engine, strategy, derived, measures)
    columns = [
        *occupancy_columns(engine, strategy, derived),
        *_life_columns(engine, strategy),
        *measures.columns.values(),
        *(part.column for part in parts),
        *discounted_columns(engine, strategy, parts),
    ]
    return Trace(columns, parts)


def _life_columns(engine: Engine, strategy: int) -> list[Column]:
    """Deaths, and years in each state."""
    settings = engine.inputs.settings
    start = {"life_table": 0.5, "start": 1.0, "end": 0.0}[settings.time_in_state]
    free, progressed = (engine.seen[s][:, strategy] for s in (PROGRESSION_FREE, PROGRESSED))
    years = [settings.cycle_years * (start * x[:-1] + (1 - start) * x[1:]) for x in (free, progressed)]
    time = "cycle_years*(weight_of_start*[{0}]+(1-weight_of_start)*[{0}+1])"
    deaths = "[free]-[free+1]+[progressed]-[progressed+1]"
    return [
        Column("deaths", "Deaths", deaths, -np.diff(free + progressed), "six"),
        Column("ly_free", "Years, progression-free", time.replace("{0}", "free"), years[0], "six"),
        Column("ly_progressed", "Years, progressed", time.replace("{0}", "progressed"), years[1], "six"),
    ]


def write_trace(engine: Engine, strategy: int, grid: Grid, trace: Trace, derived: Derived) -> tuple[Sheet, Places]:
    """The Trace of one strategy, and where its totals lie."""
    settings = engine.inputs.settings
    sheet = Sheet(trace_name(strategy), (7, 8, *[12] * (len(trace.columns) - 2)))
    sheet.line(f"Trace: {settings.strategies[strategy].label}", "title", last=12)
    sheet.line(
        f"Each row is a cycle of {settings.cycle_days:g} days; shares are of everybody who began. What is bought in a cycle is discounted "
        "from its start.",
        last=12,
    )
    sheet.line("Totals: the columns below added up, and with the discount factors of the sheet Time.", last=12)
    for row, words in ((UNDISCOUNTED, "Total, undiscounted"), (DISCOUNTED, "Total, discounted")):
        sheet.cells.append(Cell(sheet.name, row, 0, words, "label", last=3))
    sheet.pages_wide = 3
    outside = derived.of(strategy) | {f"comparator:{k}": at for k, at in derived.of(curves.comparator(engine.inputs)).items()}
    head(sheet, trace.columns)
    grid.fill(sheet, trace.columns, outside)
    return sheet, _totals(engine, strategy, grid, sheet, trace, outside)


def _totals(
    engine: Engine, strategy: int, grid: Grid, sheet: Sheet, trace: Trace, outside: Mapping[str, str]
) -> dict[str, tuple[str, str]]:
    """The totals above the columns: of years, of each part of a component, and of what is discounted already."""
    n, found = engine.n_cycles, {}
    lived = engine.inputs.settings.time_discounted_at
    effects = weights(engine, strategy, "qaly", lived)
    for column in trace.columns:
        key, place, values = column.key, grid.places[sheet.name, column.key], np.zeros(n)
        part = next((part for part in trace.parts if part.column is column), None)
        if part is None and not key.startswith(("ly_", "d_")):
            continue
        values[: len(column.values)] = np.asarray(column.values, dtype=np.float64)[:n]
        own = grid.whole(sheet.name, key, n, here=sheet.name)
        plain, style = f"SUM({own})", "qalys" if column.style == "six" and not key.startswith("d_") else column.style
        if key.startswith("d_"):
            at = sheet.calc(DISCOUNTED, place, plain, float(values.sum()), style)
            found[key] = (at, at)
            continue
        factors = effects if part is None else weights(engine, strategy, part.outcome, part.when)
        known = FACTORS["qaly", lived] if part is None else FACTORS.get((part.outcome, part.when))
        if known is None and part is not None:
            formula = f"SUM({own})*{outside[factor_of(part)[1:-1]]}"
        else:
            formula = f"SUMPRODUCT({own},{grid.whole(TIME, str(known), n)})"
        found[key] = (
            sheet.calc(UNDISCOUNTED, place, plain, float(values.sum()), style),
            sheet.calc(DISCOUNTED, place, formula, float(values @ factors), style),
        )
    return found
