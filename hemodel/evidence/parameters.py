"""A parameter is a small document: value, uncertainty, unit, source and how far the number can be trusted."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from numbers import Real
from typing import Any

from hemodel.errors import Fault, nearest, shown
from hemodel.evidence.distributions import KINDS, Distribution, from_moments

STATUSES = ("read", "derived", "unverified", "assumed")
CONFIDENTIALITY = ("none", "cic", "aic", "dpd", "cpas")
TIME_UNITS = ("days", "weeks", "months", "years", "cycles")
SHARES = "p_packs_"
"""Prefix of the shares of packs by strength: one Dirichlet, or fixed."""

CURRENCY = "GBP"
"""Currency of costs unless the settings name another."""
_COSTED = ("pack", "mg", "cycle", "visit", "test", "event", "patient", "death", "vial", "giving", "day", "week", "month", "year")


@dataclass(frozen=True)
class Quantity:
    """What a name's prefix says: the units it may have, the range of its values and what that range means."""

    units: tuple[str, ...]
    low: float
    high: float
    is_a: str
    reason: str

    def units_in(self, currency: str) -> tuple[str, ...]:
        """The units it may have where money is in `currency`."""
        return tuple(re.sub(rf"^{CURRENCY}\b", currency, unit) for unit in self.units)


QUANTITIES = {
    "p": Quantity(("probability",), 0, 1, "a probability", "Probabilities and shares lie from 0 to 1"),
    "u": Quantity(("utility",), -1, 1, "a utility", "Utilities are at most 1 (full health)"),
    "du": Quantity(("utility",), 0, 2, "a utility loss", "Utility losses are positive numbers that are taken away"),
    "r": Quantity(("per year",), 0, math.inf, "a rate", "Rates are not negative"),
    "hr": Quantity(("ratio",), 1e-9, math.inf, "a hazard ratio", "Hazard ratios are above 0"),
    "shape": Quantity(("ratio",), 1e-9, math.inf, "a shape", "Shapes of curves are above 0"),
    "ratio": Quantity(("ratio",), 1e-9, 1, "such a ratio", "PFS counts every progression, so its median is at most that of TTP"),
    "median": Quantity(("days", "weeks", "months", "years"), 1e-9, math.inf, "a median time", "Times are above 0"),
    "d": Quantity(("days", "weeks", "months", "years"), 0, math.inf, "a duration", "Durations are not negative"),
    "age": Quantity(("years",), 0, 100, "an age", "The life table runs from 0 to 100 years"),
    "n": Quantity(
        ("mg per cycle", "per cycle", "persons per year", "mg per m2", "mg per kg", "mg", "m2", "kg", "per giving", "number"),
        0,
        math.inf,
        "a number",
        "Amounts are not negative",
    ),
    "fit": Quantity(("estimation scale",), -math.inf, math.inf, "a coefficient of a fitted curve", "It may be any number"),
    "c": Quantity(tuple(f"{CURRENCY} per {thing}" for thing in _COSTED), 0, math.inf, "a cost", "Costs are not negative"),
}
"""Prefix of a parameter's name -> what its values may be. The app's and the workbook's bounds come from here too."""


@dataclass(frozen=True)
class Parameter:
    """One row of `parameters.csv`; `value` is in `unit`, and `se`, `low`, `high` are on the same scale."""

    name: str
    label: str
    unit: str
    value: float
    se: float | None
    low: float | None
    high: float | None
    distribution: str
    group: str
    source: str
    status: str
    confidentiality: str
    note: str

    @property
    def quantity(self) -> Quantity:
        """What the name's prefix says about the value."""
        return QUANTITIES[self.name.partition("_")[0]]

    @property
    def uncertainty(self) -> Distribution:
        """The distribution that the mean and standard error (or the interval) imply."""
        return from_moments(self.distribution, self.value, self.se, self.low, self.high)

    @property
    def is_uncertain(self) -> bool:
        """Whether draws of a probabilistic analysis differ in it."""
        return self.distribution != "fixed"

    @property
    def interval(self) -> tuple[float, float]:
        """2.5th and 97.5th percentile of the distribution; the value twice when it is fixed."""
        return self.uncertainty.quantile(0.025), self.uncertainty.quantile(0.975)


def years_per(unit: str, *, cycle_days: float = 28.0, days_in_year: float = 365.25) -> float:
    """Length of a unit of time in years; a month is a twelfth of a year.

    >>> years_per("months"), years_per("cycles", cycle_days=365.25)
    (0.08333333333333333, 1.0)
    """
    days = {"days": 1.0, "weeks": 7.0, "cycles": cycle_days}
    return days[unit] / days_in_year if unit in days else {"months": 1 / 12, "years": 1.0}[unit]


COLUMNS = tuple(field.name for field in fields(Parameter))
NUMBERS = ("value", "se", "low", "high")
OVERRIDABLE = ("unit", *NUMBERS, "distribution", "source", "status", "note")
"""Columns that a population or a scenario may set anew."""

_NAME = re.compile(r"[a-z]+(_[a-z0-9]+)+")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_WRITE_A_NUMBER = "Write a plain number such as 0.81, without unit, currency sign or thousands separator"


def number(text: str) -> float | None:
    """The finite number that a cell holds, or None: no decimal comma, no currency, no NaN, nothing beyond float64.

    >>> number("0.81"), number("1e3"), number("1,5"), number("1e400")
    (0.81, 1000.0, None, None)
    """
    value = float(text) if _NUMBER.fullmatch(text) else math.nan
    return value if math.isfinite(value) else None


def finite(value: object) -> float | None:
    """`value` as a finite float if it is a real number (text, true and false are not), or None.

    >>> finite(3), finite("3"), finite(True)
    (3.0, None, None)
    """
    if isinstance(value, bool) or not isinstance(value, Real):
        return None
    try:
        found = float(value)
    except OverflowError:
        return None
    return found if math.isfinite(found) else None


def parse(where: str, cells: Mapping[str, str]) -> tuple[dict[str, Any], list[Fault]]:
    """Cells of one row as values, and the faults found: numbers for `NUMBERS`, stripped text elsewhere.

    A blank cell for a number is None, one that cannot be read (or a blank `value`) is NaN.
    """
    values: dict[str, Any] = {}
    faults = []
    for column, cell in cells.items():
        text = values[column] = cell.strip()
        if column not in NUMBERS:
            continue
        if text:
            values[column] = number(text)
            if values[column] is None:
                faults.append(Fault(where, f"{column} is {shown(text)}, not a finite number", _WRITE_A_NUMBER))
                values[column] = math.nan
        elif column == "value":
            faults.append(Fault(where, "value is missing", "Give the value"))
            values[column] = math.nan
        else:
            values[column] = None
    return values, faults


def check(where: str, parameter: Parameter, currency: str = CURRENCY) -> list[Fault]:
    """Everything that is wrong with one parameter by itself: name, words, unit, range and distribution."""
    faults = check_name(where, parameter.name)
    if parameter.confidentiality not in CONFIDENTIALITY:
        faults.append(_unknown_word(where, "confidentiality", parameter.confidentiality, CONFIDENTIALITY))
    for column in ("label", "group"):
        if not getattr(parameter, column):
            faults.append(Fault(where, f"{column} is empty", f"Fill in the {column}: the app and the workbook show it"))
    return faults + check_evidence(where, parameter, currency)


def check_name(where: str, name: str) -> list[Fault]:
    """Faults of a name: it says the quantity by its prefix and is legal in Excel, where c, hr1 and R1C1 are cells.

    >>> check_name("row 2", "u_progressed"), len(check_name("row 3", "hr1"))
    ([], 1)
    """
    prefix = name.partition("_")[0]
    if not name:
        return [Fault(where, "name is missing", "Give the parameter's name")]
    if not _NAME.fullmatch(name):
        remedy = "Use small letters, digits and _, such as u_progressed: names must be legal in Excel too"
        return [Fault(where, f"{shown(name)} is not a name", remedy)]
    if prefix not in QUANTITIES:
        remedy = f"Use one of {', '.join(f'{p}_' for p in QUANTITIES)}"
        return [Fault(where, f"the name begins with {prefix}_, which is no kind of quantity", remedy)]
    return []


def check_evidence(where: str, parameter: Parameter, currency: str = CURRENCY) -> list[Fault]:
    """Faults of what a population or a scenario may set anew: unit, numbers, distribution, source, status and note."""
    faults = []
    quantity = QUANTITIES.get(parameter.name.partition("_")[0])
    for word, column, valid in (
        (parameter.distribution, "distribution", KINDS),
        (parameter.status, "status", STATUSES),
        (parameter.unit, "unit", quantity.units_in(currency) if quantity else (parameter.unit,)),
    ):
        if word not in valid:
            faults.append(_unknown_word(where, column, word, valid))
    faults += check_provenance(where, parameter.status, parameter.source, parameter.note)
    outside = _out_of_range(where, parameter, quantity) if quantity else []
    faults += outside
    unread = any(math.isnan(n) for column in NUMBERS if (n := getattr(parameter, column)) is not None)
    if parameter.distribution in KINDS and not unread and not outside:
        try:
            parameter.uncertainty  # noqa: B018  # computed for its errors
        except ValueError as error:
            faults.append(Fault(where, str(error), "Mend value, se, low, high or the distribution"))
    if parameter.distribution == "dirichlet" and not parameter.name.startswith(SHARES):
        faults.append(Fault(where, f"is dirichlet, which only the shares {SHARES}... can be", "Make it beta"))
    return faults


def check_provenance(where: str, status: str, source: str, note: str) -> list[Fault]:
    """Faults of status, source and note together: what is assumed has a reason, all else a source."""
    if status == "assumed" and not note:
        return [Fault(where, "is assumed without a reason", "Give the reason in the note")]
    if status in ("read", "derived", "unverified") and not source:
        remedy = "Name the source, or call it assumed and give the reason"
        return [Fault(where, f"is {status} but names no source", remedy)]
    return []


def _unknown_word(where: str, column: str, word: str, valid: Iterable[str]) -> Fault:
    return Fault(where, f"{column} {shown(word)} is not known here", nearest(word, valid))


def _out_of_range(where: str, parameter: Parameter, quantity: Quantity) -> list[Fault]:
    return [
        Fault(where, f"{column} {n:g} is not {quantity.is_a}", f"{quantity.reason}. {_range(quantity)}")
        for column in ("value", "low", "high")
        if (n := getattr(parameter, column)) is not None and not math.isnan(n) and not quantity.low <= n <= quantity.high
    ]


def _range(quantity: Quantity) -> str:
    least = "above 0" if 0 < quantity.low < 1e-6 else f"from {quantity.low:g}"
    return f"Give a value {least}{'' if math.isinf(quantity.high) else f' to {quantity.high:g}'}"


def override(base: Parameter, changes: Mapping[str, Any]) -> Parameter:
    """`base` with some columns set anew. A new spread replaces the old one: se and interval do not mix."""
    if {"se", "low", "high"} & set(changes) or changes.get("distribution") == "fixed":
        base = replace(base, se=None, low=None, high=None)
    return replace(base, **changes)


def check_unit_change(where: str, base: Parameter, changes: Mapping[str, Any]) -> list[Fault]:
    """Faults of an override that changes the unit but leaves numbers that are in the old one."""
    if changes.get("unit", base.unit) == base.unit:
        return []
    spread = {"se", "low", "high"} & set(changes) or changes.get("distribution", base.distribution) == "fixed"
    if "value" in changes and spread:
        return []
    return [Fault(where, f"the unit changes from {base.unit} but not all the numbers", "Give value and se, or low and high, too")]


def check_shares(where: str, parameters: Iterable[Parameter]) -> list[Fault]:
    """Faults of the shares of packs by strength: a Dirichlet, or fixed, with the sum of one.

    The Dirichlet rows imply one total count, and fixed rows beside them are zero.
    """
    shares = [p for p in parameters if p.name.startswith(SHARES)]
    if any(math.isnan(p.value) for p in shares):
        return []
    problems = []
    if shares and not math.isclose(total := math.fsum(p.value for p in shares), 1.0, abs_tol=1e-9):
        problems.append((f"the shares of packs by strength sum to {total:.10g}", "Make them sum to 1"))
    joint = [p for p in shares if p.distribution == "dirichlet"]
    alone = [p.name for p in shares if p.distribution != "dirichlet" and (p.is_uncertain or (joint and p.value))]
    if alone:
        problem = f"{', '.join(alone)} would be drawn without regard to the other shares"
        problems.append((problem, "Make all shares dirichlet but those that are 0, or all fixed"))
    counts = [p.uncertainty.first + p.uncertainty.second for p in joint if _holds(p)]
    if counts and max(counts) > 1.02 * min(counts):
        problem = f"the standard errors imply total counts from {min(counts):.4g} to {max(counts):.4g}"
        problems.append((problem, "A Dirichlet has one count n: se = sqrt(m (1 - m) / (n + 1)) in every row"))
    return [Fault(f"{where} ({SHARES}...)", problem, remedy) for problem, remedy in problems]


def _holds(parameter: Parameter) -> bool:
    try:
        return bool(parameter.uncertainty)
    except ValueError:
        return False
