"""The loop closed: an edited workbook read back, run by the engine, and set beside what the workbook itself shows."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from hemodel.evidence.inputs import Inputs
from hemodel.evidence.uploaded import content_of, read_uploaded, saved_values
from hemodel.report.live.cells import TOLERANCE, Cell
from hemodel.report.live.program import live_program

_SHEET = "Engine"


def read_back(workbook: str | Path | bytes, inputs: Inputs) -> Inputs:
    """The inputs that an edited live workbook holds, from its sheet Inputs only, checked as the files are.

    `inputs`: those that it was exported from. What differs is named in `.changed`. Raises one `InputError` with every fault.

    >>> from hemodel.evidence.inputs import load_inputs
    >>> from hemodel.report.live import live_workbook
    >>> inputs = load_inputs("relapsed", scenario="horizon_10_years")
    >>> read_back(live_workbook(inputs), inputs).changed
    ()
    """
    return read_uploaded(content_of(workbook), inputs)[0]


def compare_with_engine(workbook: str | Path | bytes, inputs: Inputs) -> pd.DataFrame:
    """The engine, run with the inputs of an edited workbook, beside what the workbook showed when it was saved.

    One row for each strategy and outcome: `engine_at_export`, `engine` (with the inputs as they are in the file), `workbook`,
    `difference`, `relative_difference`, `agrees` (to 1e-9). `workbook` is missing where the program that saved the file did not
    recalculate. `.attrs`: `formulas`, how many cells were compared in all; `disagree`, the places of those that differ (of none that
    was not recalculated); `changed`, the names of the inputs that were changed.
    """
    content = content_of(workbook)
    edited, arrangement = read_uploaded(content, inputs)
    program = live_program(edited, exported=inputs, price_arrangement=arrangement)
    saved = saved_values(content)
    disagree = [c.place for c in program.formulas if c.distance(_saved(saved, c)) > TOLERANCE and _saved(saved, c) is not None]
    cells = {(c.row, c.column): c for c in program.cells if c.sheet == _SHEET}
    rows = []
    for (row, column), cell in cells.items():
        if column != 3 or not cell.formula:
            continue
        found = saved.get(_SHEET, {}).get((row, column))
        shown = float(found) if isinstance(found, (int, float)) else math.nan
        assert isinstance(cell.value, float)
        distance = cell.distance(shown)
        names = [cells[row, k].value for k in range(3)]
        rows.append((*names, cell.value, shown, shown - cell.value, distance, distance <= TOLERANCE))
    columns = ["strategy", "outcome", "engine_at_export", "engine", "workbook", "difference", "relative_difference", "agrees"]
    frame = pd.DataFrame(rows, columns=columns)
    frame.attrs = {
        "formulas": len(program.formulas),
        "disagree": disagree,
        "changed": list(dict.fromkeys(edited.changed[len(inputs.changed) :])),
    }
    return frame


def _saved(saved: Mapping[str, Mapping[tuple[int, int], object]], cell: Cell) -> object:
    return saved.get(cell.sheet, {}).get((cell.row, cell.column))
