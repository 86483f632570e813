"""Scenarios: a named change of settings and parameters with its reason, read from a TOML file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from hemodel.errors import Fault, nearest, shown
from hemodel.evidence import parameters as rows
from hemodel.evidence.parameters import Parameter
from hemodel.evidence.settings import FittedEstimates, fits_from

_KINDS: dict[str, tuple[type, str]] = {
    "name": (str, "text in quotation marks"),
    "problem": (str, "text in quotation marks"),
    "label": (str, "text in quotation marks"),
    "why": (str, "text in quotation marks"),
    "populations": (list, 'a list of names such as ["one_prior"]'),
    "settings": (dict, "a table, headed [settings]"),
    "parameters": (dict, "tables, each headed [parameters.its_name]"),
    "fitted_curves": (dict, "tables, each headed [fitted_curves.pfs_its_strategy] or [fitted_curves.os_its_strategy]"),
}
_NEEDED = ("name", "problem", "label", "why")


@dataclass(frozen=True)
class Scenario:
    """A named change of settings and parameters with its reason, and curves that were fitted elsewhere."""

    name: str
    label: str
    why: str
    populations: tuple[str, ...]
    settings: Mapping[str, Any]
    parameters: Mapping[str, Mapping[str, Any]]
    fitted_curves: Mapping[str, FittedEstimates] = field(default_factory=dict)


NO_CHANGE: Mapping[str, Any] = MappingProxyType({})
BASE_CASE = Scenario("base_case", "Base case", "The inputs as they are.", (), NO_CHANGE, NO_CHANGE)


def scenario_from(where: str, name: str, values: Mapping[str, Any], faults: list[Fault]) -> Scenario:
    """The scenario that the values of the TOML file `name`.toml make; what cannot be used is left out and becomes a fault."""
    used: dict[str, Any] = {}
    for key, value in values.items():
        if key not in _KINDS:
            faults.append(Fault(f"{where} ({key})", "is not part of a scenario", nearest(key, _KINDS)))
        elif not isinstance(value, _KINDS[key][0]):
            faults.append(Fault(f"{where} ({key})", f"{shown(value)} does not fit", f"Give {_KINDS[key][1]}"))
        else:
            used[key] = value
    for key in _NEEDED:
        if key not in values or (isinstance(values[key], str) and not values[key].strip()):
            faults.append(Fault(f"{where} ({key})", "is missing", f"Say the scenario's {key}"))
    if used.get("name") and used["name"] != name:
        faults.append(Fault(f"{where} (name)", f"{shown(used['name'])} is not the name of the file", f'Write name = "{name}"'))
    if used.get("populations") == []:
        faults.append(Fault(f"{where} (populations)", "names no population", "Leave it out if the scenario holds for all"))
    curves, found = fits_from(where, used.get("fitted_curves", {}))
    faults += found
    return Scenario(
        used.get("name", ""),
        used.get("label", ""),
        used.get("why", ""),
        tuple(used.get("populations", ())),
        used.get("settings", NO_CHANGE),
        used.get("parameters", NO_CHANGE),
        curves,
    )


def problem_faults(where: str, given: object, problem: str) -> list[Fault]:
    """A fault if a scenario is of another decision problem."""
    if not isinstance(given, str) or not given or given == problem:
        return []
    return [Fault(f"{where} (problem)", f"the scenario is of the problem {shown(given)}", f"Choose a scenario of {problem}")]


def population_faults(where: str, scenario: Scenario, known: Mapping[str, Any] | None) -> list[Fault]:
    """Faults of the populations that a scenario names; `known` is None where the populations could not be read."""
    return [
        Fault(f"{where} (populations)", f"{shown(name)} is not a population", nearest(name, known))
        for name in scenario.populations
        if known is not None and (not isinstance(name, str) or name not in known)
    ]


def with_scenario(
    where: str,
    scenario: Scenario,
    parameters: Mapping[str, Parameter],
    known: Mapping[str, Any] | None,
    currency: str = rows.CURRENCY,
) -> tuple[dict[str, Parameter], list[Fault]]:
    """`parameters` with the rows of the scenario in place, and the faults found; `known`: all valid names, or None."""
    changed, faults = dict(parameters), []
    for name, cells in scenario.parameters.items():
        if name in parameters:
            changed[name], found = _changed_row(where, parameters[name], cells, currency)
            faults += found
        elif known is not None and name not in known:
            faults.append(Fault(f"{where} (parameters.{name})", "there is no such parameter", nearest(name, known)))
    if any(name.startswith(rows.SHARES) for name in scenario.parameters):
        faults += rows.check_shares(where, changed.values())
    return changed, faults


def _changed_row(where: str, base: Parameter, cells: object, currency: str) -> tuple[Parameter, list[Fault]]:
    """The parameter as the scenario has it, and the faults; what the scenario leaves out stays."""
    row = f"{where} (parameters.{base.name})"
    if not isinstance(cells, dict):
        return base, [Fault(row, f"{shown(cells)} is not a table", "Write the columns to change, such as value = 0.67")]
    faults: list[Fault] = []
    changes: dict[str, Any] = {}
    for column, value in cells.items():
        place = f"{where} (parameters.{base.name}.{column})"
        if column not in rows.OVERRIDABLE:
            faults.append(Fault(place, "is not a column that a scenario can change", nearest(column, rows.OVERRIDABLE)))
        elif column in rows.NUMBERS:
            changes[column] = rows.finite(value)
            if changes[column] is None:
                faults.append(Fault(place, f"{shown(value)} is not a finite number", "Write a plain number such as 0.67"))
        elif isinstance(value, str):
            changes[column] = value.strip()
        else:
            faults.append(Fault(place, f"{shown(value)} is not text", "Put it in quotation marks"))
    if faults:
        return base, faults
    new = rows.override(base, changes)
    return new, rows.check_unit_change(row, base, changes) + rows.check_evidence(row, new, currency)
