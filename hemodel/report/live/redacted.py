"""The redacted flavour: values only, without any number from which a confidential input could be solved for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from hemodel.errors import InputError
from hemodel.evidence.confidential import marked
from hemodel.evidence.inputs import Inputs
from hemodel.evidence.parameters import Parameter
from hemodel.report.live.cells import Cell, Program
from hemodel.report.live.program import USE, live_program

REDACTED = "[REDACTED]"
_NOTICE = (
    "Values only, without formulas. What is confidential is redacted, and so is every number that would be another if it were."
)
_STEP = 0.07  # by how much a confidential value is moved, up and down, to see what follows from it


def redacted_program(inputs: Inputs) -> Program:
    """All sheets as values; a cell is redacted where it would be different with another value of an input marked confidential.

    The model is public, so any number that moves with a confidential input lets it be solved for. Each marked input, and each death rate
    that is derived from one, is moved up and down, alone, and every cell that differs in any of these runs is redacted, hashes included;
    so are all cells in its row but its name and label. Notes of other inputs are taken as they are. Raises `InputError` where nothing is
    marked.
    """
    names = marked(inputs)
    if not names:
        raise InputError(
            "confidential", "no input is marked confidential", 'Mark them in parameters.csv, or leave out "redacted"'
        )
    program = live_program(inputs)
    shown = {_place(cell): cell.value for cell in program.cells}
    secret = {place for name in names for place in _row_of(program, name)}
    for other in _others(inputs, names):
        secret |= {_place(cell) for cell in live_program(other).cells if shown.get(_place(cell)) != cell.value}
    sheets = []
    for sheet in program.sheets:
        cells = [_public(cell, secret) for cell in sheet.cells]
        sheets.append(replace(sheet, cells=cells, names={}, choices=[], bounds=[]))
    return Program(tuple(sheets))


def redacted_record(record: dict[str, Any]) -> dict[str, Any]:
    """The manifest without hashes: a hash confirms a guess of a confidential value."""
    return record | {"hash": "redacted", "input_hash": "redacted"}


def _place(cell: Cell) -> tuple[str, int, int]:
    return cell.sheet, cell.row, cell.column


def _row_of(program: Program, name: str) -> Iterator[tuple[str, int, int]]:
    """The cells in the row of an input on the sheet Inputs, but its label and name."""
    sheet = next(sheet for sheet in program.sheets if name in sheet.names)
    row = sheet.names[name][0]
    return (_place(cell) for cell in sheet.cells if cell.row == row and cell.column > 1)


def _public(cell: Cell, secret: set[tuple[str, int, int]]) -> Cell:
    """The cell as a value, or redacted."""
    style = cell.style.removeprefix("input ")
    if _place(cell) in secret:
        return replace(
            cell, value=REDACTED, formula="", style="text" if style == "text" else "words" if cell.last is None else style
        )
    if cell.value in USE:
        return replace(cell, value=_NOTICE if cell.value == USE[0] else "", style=style)
    return replace(cell, formula="", style=style)


def _others(inputs: Inputs, names: Iterable[str]) -> Iterator[Inputs]:
    """The same inputs with one marked value moved."""
    for name in names:
        parameter = inputs.parameters[name]
        for factor in (1 + _STEP, 1 - _STEP):
            moved = _moved(parameter, parameter.value * factor if parameter.value else _STEP * (factor - 1 > 0))
            yield replace(inputs, parameters=MappingProxyType({**inputs.parameters, name: moved}))


def _moved(parameter: Parameter, value: float) -> Parameter:
    value = min(max(value, parameter.quantity.low), parameter.quantity.high)
    return replace(parameter, value=value, se=None, low=None, high=None, distribution="fixed")
