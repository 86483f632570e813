"""The redacted flavour: values only, without any number from which a confidential input could be solved for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from hemodel.errors import Fault, InputError
from hemodel.evidence.confidential import REDACTED, announced, covers, marked, refuse_unmarked, under
from hemodel.evidence.inputs import Inputs
from hemodel.evidence.parameters import Parameter
from hemodel.evidence.settings import Scheme, Tier
from hemodel.evidence.uploaded import schemes_in_use
from hemodel.report.live.cells import TOLERANCE, Cell, Program, Sheet, Value
from hemodel.report.live.program import USE, live_program

_NOTICE = (
    "Values only, without formulas. What is confidential is redacted, and so is every number that would be another if it were."
)
_COVERED = "What is marked confidential is redacted."
_STEP = 0.07  # by how much a confidential value is moved, up and down, to see what follows from it
_CYCLES = (13, 1, 6, 19, 26, 39, 52, 9_000)  # the second and the last: (nearly) nothing is inside, everything is
_OF_PRICES = re.compile("discount|scheme|price|rebate|refund|arrangement", re.IGNORECASE)
_MONEY = (50_000.0, 1.0, 1_000.0, 10_000.0, 100_000.0, 1e9)
_SHARES = (0.5, 0.0, 0.25, 0.75, 1.0)


def redacted_program(inputs: Inputs) -> Program:
    """All sheets as values; a cell is redacted where it would be different with another value of an input marked confidential.

    The model is public, so any number that moves with a confidential input lets it be solved for. Each marked input, and each death rate
    that is derived from one, is moved up and down, alone, and every cell that differs in any of these runs is redacted, hashes included;
    so are all cells in its row but its name and label. Of a confidential scheme the program knows the kind only: it is run under other
    terms of that kind, and what differs between these, or from the scheme itself, is redacted. Notes of other inputs are taken as they
    are. Raises `InputError` where nothing is marked, where it is not known whether a scheme is confidential, and where some other text
    says the terms of one that is.
    """
    refuse_unmarked(inputs)
    hidden = {name: terms for name, terms in inputs.settings.schemes.items() if covers(inputs, name)}
    used = {name: terms for name, terms in hidden.items() if name in schemes_in_use(inputs.settings)}
    names = marked(inputs)
    if not names and not used:
        remedy = 'Mark parameters in parameters.csv and schemes in settings.toml, or leave out "redacted"'
        raise InputError("confidential", "no input is marked confidential", remedy)
    shown, *others = [under(inputs, {**used, **terms}) for terms in _other_terms(used)]
    program = live_program(shown)
    secret = {place for name in names for place in _row_of(program, name)}
    for other in others:  # what is shown was not worked out with their terms: a rounding error at the end of it says nothing
        values = _values(other)
        if values.keys() != _layout(program):
            problem = (
                "the workbook has other cells under other terms of a confidential scheme, which would say something of its own"
            )
            raise InputError("confidential", problem, "Leave the scheme out of price_arrangements")
        secret |= {place for cell in program.cells if cell.distance(values.get(place := _place(cell))) > TOLERANCE}
    for other in _others(shown, names):
        values = _values(other)
        secret |= {place for cell in program.cells if values.get(place := _place(cell)) != cell.value}
    sheets = []
    for sheet in program.sheets:
        cells = [replace(cell, value=_COVERED) if cell.value and cell.value == announced(shown) else cell for cell in sheet.cells]
        cells = [_public(cell, secret) for cell in cells]
        sheets.append(replace(sheet, cells=cells, names={}, choices=[], bounds=[]))
    _refuse_told(sheets, hidden)
    return Program(tuple(sheets), program.settings)


def _layout(program: Program) -> set[tuple[str, int, int]]:
    return {_place(cell) for cell in program.cells}


def _values(inputs: Inputs) -> dict[tuple[str, int, int], Value]:
    return {_place(cell): cell.value for cell in live_program(inputs).cells}


def _other_terms(hidden: Mapping[str, Scheme]) -> list[dict[str, Scheme]]:
    """Terms in place of those of confidential schemes: first those to be shown, then each scheme alone with others, and last their own."""
    found = {name: _alternatives(terms) for name, terms in hidden.items()}
    first = {name: alternatives[0] for name, alternatives in found.items()}
    return [first, *({**first, name: terms} for name in hidden for terms in found[name][1:]), *([dict(hidden)] if hidden else [])]


def _alternatives(terms: Scheme) -> list[Scheme]:
    """Other terms of the same kind, which do not depend on these."""
    term = {
        "drug_cost_cap": "drug_cost_cap_cycles",
        "free_start": "free_cycles",
        "price_discount": "price_discount",
        "response_refund": "response_by_cycle",
        "total_cost_cap": "most_paid",
    }
    if terms.kind == "tiered_discount":
        pairs = [(_CYCLES[0], share) for share in _SHARES] + [(cycle, _SHARES[0]) for cycle in _CYCLES[1:]]
        return [terms.model_copy(update={"tiers": _tiers(terms.tiers or [], *pair)}) for pair in pairs]
    values = {"price_discount": _SHARES, "total_cost_cap": _MONEY}.get(terms.kind, _CYCLES)
    return [terms.model_copy(update={term[terms.kind]: value}) for value in values]


def _tiers(tiers: Sequence[Tier], first: int, share: float) -> list[Tier]:
    """As many tiers as these, from other cycles on and with other discounts."""
    return [Tier(from_cycle=first + 3 * k, price_discount=share * (k + 1) / len(tiers)) for k in range(len(tiers))]


def _refuse_told(sheets: Iterable[Sheet], hidden: Mapping[str, Scheme]) -> None:
    """Raise `InputError` where a text about prices that is not redacted says a confidential share: a note, a label, a reason."""
    faults = []
    for name, terms in hidden.items():
        for share in (terms.price_discount, *(tier.price_discount for tier in terms.tiers or ())):
            if not share:
                continue
            said = re.compile(rf"(?<![\d.,])({re.escape(f'{share:g}')}(?!\d)|{re.escape(f'{100 * share:.10g}')}\s?(%|per ?cent))")
            told = [(sheet.name, cell) for sheet in sheets for cell in sheet.cells if isinstance(cell.value, str)]
            faults += [
                Fault(f"sheet {sheet}, {cell.place}", f"the text may say the terms of the scheme {name}", "Word it otherwise")
                for sheet, cell in told
                if said.search(str(cell.value)) and _OF_PRICES.search(str(cell.value))
            ]
    if faults:
        raise InputError.together(faults)


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
