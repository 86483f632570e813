"""Example rows for parameters that a folder lacks: as a packaged problem has them, or from what the name says."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable
from dataclasses import replace

from hemodel.evidence.folder import problem_names
from hemodel.evidence.inputs import load_inputs
from hemodel.evidence.parameters import COLUMNS, QUANTITIES, Parameter

_TYPICAL = {"n": 1.0, "c": 100.0, "age": 60.0, "median": 12.0, "d": 1.0}


class Examples:
    """Rows of the packaged problems, by name and by what is left of it without its strategy; first of those with the same strategies."""

    def __init__(self, strategies: Iterable[str]) -> None:
        self._strategies = sorted(strategies, key=len, reverse=True)  # a name may end in another
        self._rows: dict[str, tuple[str, Parameter]] = {}
        packaged = {problem: load_inputs(problem) for problem in problem_names()}
        alike = {
            problem: len(set(inputs.settings.strategy_names) & set(self._strategies)) for problem, inputs in packaged.items()
        }
        for problem, inputs in sorted(packaged.items(), key=lambda item: -alike[item[0]]):
            theirs = sorted(inputs.settings.strategy_names, key=len, reverse=True)
            for name, row in inputs.parameters.items():
                self._rows.setdefault(name, (problem, row))
                self._rows.setdefault(_without(name, theirs), (problem, row))

    def row(self, name: str) -> Parameter:
        """An example of the parameter `name`: to be replaced by a number of one's own, which its note says."""
        keys = (
            name,
            _without(name, self._strategies),
            f"{name}_<strategy>",
        )  # the last: one for all of what theirs have each for itself
        known = next((entry for key in keys if (entry := self._rows.get(key)) is not None), None)
        if known is None:
            return _from_its_name(name)
        problem, row = known
        note = f"An example, from the problem {problem}: put your own number and its source here"
        plain = replace(row, name=name, se=None, low=None, high=None, distribution="fixed", source="", note=note)
        return replace(plain, label=row.label if row.name == name else _words(name), status="assumed", confidentiality="none")


def csv_row(parameter: Parameter) -> str:
    """A parameter as a line of `parameters.csv`."""
    text = io.StringIO()
    cells = [getattr(parameter, column) for column in COLUMNS]
    csv.writer(text, lineterminator="").writerow(["" if c is None else f"{c:.15g}" if isinstance(c, float) else c for c in cells])
    return text.getvalue()


def _without(name: str, strategies: Iterable[str]) -> str:
    owner = next((strategy for strategy in strategies if name.endswith(f"_{strategy}")), None)
    return name if owner is None else f"{name.removesuffix(owner)}<strategy>"


def _from_its_name(name: str) -> Parameter:
    prefix = name.partition("_")[0]
    quantity = QUANTITIES[prefix]
    unit = next((unit for unit in quantity.units if unit.rpartition(" ")[2] in name.split("_")), quantity.units[0])
    middle = 1.0 if math.isinf(quantity.high - quantity.low) else (quantity.low + quantity.high) / 2
    note = f"An example: put your own number and its source here. Units: {', '.join(quantity.units)}"
    value = _TYPICAL.get(prefix, middle)
    return Parameter(name, _words(name), unit, value, None, None, None, "fixed", "own", "", "assumed", "none", note)


def _words(name: str) -> str:
    return name.replace("_", " ").capitalize()
