"""A parameter is a small document: value, uncertainty, unit, source and how far the number can be trusted."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace

from hemodel.errors import Fault, nearest
from hemodel.evidence.distributions import KINDS, Distribution, from_moments

STATUSES = ("read", "derived", "unverified", "assumed")
CONFIDENTIALITY = ("none", "cic", "aic", "dpd", "cpas")
YEARS_PER = {"days": 1 / 365.25, "weeks": 7 / 365.25, "months": 1 / 12, "years": 1.0, "cycles": 28 / 365.25}

_COST_UNITS = tuple(
    f"GBP per {thing}" for thing in ("pack", "mg", "cycle", "visit", "test", "event", "patient", "death")
)


@dataclass(frozen=True)
class Quantity:
    """What a name's prefix says: the units it may have, the range of its values and what that range means."""

    units: tuple[str, ...]
    low: float
    high: float
    is_a: str
    reason: str


QUANTITIES = {
    "p": Quantity(("probability",), 0, 1, "a probability", "Probabilities and shares lie from 0 to 1"),
    "u": Quantity(("utility",), -1, 1, "a utility", "Utilities are at most 1 (full health)"),
    "du": Quantity(("utility",), 0, 2, "a utility loss", "Utility losses are positive numbers that are taken away"),
    "r": Quantity(("per year",), 0, math.inf, "a rate", "Rates are not negative"),
    "hr": Quantity(("ratio",), 1e-9, math.inf, "a hazard ratio", "Hazard ratios are above 0"),
    "shape": Quantity(("ratio",), 1e-9, math.inf, "a shape", "Shapes of curves are above 0"),
    "ratio": Quantity(
        ("ratio",), 1e-9, 1, "such a ratio", "PFS counts every progression, so its median is at most that of TTP"
    ),
    "median": Quantity(("days", "weeks", "months", "years"), 1e-9, math.inf, "a median time", "Times are above 0"),
    "d": Quantity(("days", "weeks", "months", "years"), 0, math.inf, "a duration", "Durations are not negative"),
    "age": Quantity(("years",), 0, 100, "an age", "The life table runs from 0 to 100 years"),
    "n": Quantity(("mg per cycle", "per cycle"), 0, math.inf, "a number", "Amounts are not negative"),
    "c": Quantity(_COST_UNITS, 0, math.inf, "a cost", "Costs are not negative"),
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


COLUMNS = tuple(field.name for field in fields(Parameter))
NUMBERS = ("value", "se", "low", "high")
OVERRIDABLE = ("unit", *NUMBERS, "distribution", "source", "status", "note")
"""Columns that a population or a scenario may set anew."""


def parse(where: str, cells: Mapping[str, str]) -> tuple[dict[str, object], list[Fault]]:
    """Cells of one row as values: numbers for `NUMBERS` (None where blank), stripped text elsewhere, and the faults found."""
    values: dict[str, object] = {}
    faults = []
    for column, cell in cells.items():
        text = cell.strip()
        values[column] = text
        if column in NUMBERS:
            values[column] = None
            if text:
                try:
                    number = float(text)
                except ValueError:
                    number = math.nan
                if math.isfinite(number):
                    values[column] = number
                else:
                    faults.append(
                        Fault(where, f"{column} is {text!r}, not a finite number", "Write a plain number such as 0.81")
                    )
    return values, faults


def check(where: str, parameter: Parameter) -> list[Fault]:
    """Everything that is wrong with one parameter by itself: words, unit, range and distribution."""
    faults = []
    prefix = parameter.name.partition("_")[0]
    if prefix not in QUANTITIES:
        return [
            Fault(
                where,
                f"the name begins with {prefix}_, which is no kind of quantity",
                f"Use one of {', '.join(f'{p}_' for p in QUANTITIES)}",
            )
        ]
    for word, column, valid in (
        (parameter.distribution, "distribution", KINDS),
        (parameter.status, "status", STATUSES),
        (parameter.confidentiality, "confidentiality", CONFIDENTIALITY),
        (parameter.unit, "unit", parameter.quantity.units),
    ):
        if word not in valid:
            faults.append(Fault(where, f"{column} {word!r} is not known here", nearest(word, valid)))
    for column in ("label", "group"):
        if not getattr(parameter, column):
            faults.append(Fault(where, f"{column} is empty", f"Fill in the {column}: the app and the workbook show it"))
    if parameter.status == "assumed" and not parameter.note:
        faults.append(Fault(where, "is assumed without a reason", "Give the reason in the note"))
    if parameter.status in ("read", "derived", "unverified") and not parameter.source:
        faults.append(
            Fault(
                where,
                f"is {parameter.status} but names no source",
                "Name the source, or call it assumed and give the reason",
            )
        )
    faults += _out_of_range(where, parameter)
    if parameter.distribution in KINDS:
        try:
            parameter.uncertainty  # noqa: B018  # computed for its errors
        except ValueError as error:
            faults.append(Fault(where, str(error), "Mend value, se, low, high or the distribution"))
    return faults


def _out_of_range(where: str, parameter: Parameter) -> list[Fault]:
    quantity = parameter.quantity
    return [
        Fault(where, f"{column} {number:g} is not {quantity.is_a}", f"{quantity.reason}. {_range(quantity)}")
        for column in ("value", "low", "high")
        if (number := getattr(parameter, column)) is not None and not quantity.low <= number <= quantity.high
    ]


def _range(quantity: Quantity) -> str:
    if math.isinf(quantity.high):
        return "Give a value above 0" if quantity.low > 0 else "Give 0 or more"
    return f"Give a value from {quantity.low:.3g} to {quantity.high:g}"


def override(base: Parameter, changes: Mapping[str, object]) -> Parameter:
    """`base` with some columns set anew. A new value with a spread replaces the old spread: se and interval do not mix."""
    spread = {"se", "low", "high"} & {column for column, value in changes.items() if value is not None}
    if spread or changes.get("distribution") == "fixed":
        base = replace(base, se=None, low=None, high=None)
    return replace(base, **changes)  # type: ignore[arg-type]


def check_shares(where: str, parameters: Iterable[Parameter]) -> list[Fault]:
    """Faults of the shares of packs by strength: they must sum to one, and Dirichlet rows must imply one total count."""
    shares = [p for p in parameters if p.name.startswith("p_packs_")]
    faults = []
    if shares and not math.isclose(total := math.fsum(p.value for p in shares), 1.0, abs_tol=1e-9):
        faults.append(
            Fault(f"{where} (p_packs_...)", f"the shares of packs by strength sum to {total:g}", "Make them sum to 1")
        )
    counts = [p.uncertainty.first + p.uncertainty.second for p in shares if p.distribution == "dirichlet" and _holds(p)]
    if counts and max(counts) > 1.02 * min(counts):
        problem = f"the standard errors imply total counts from {min(counts):.4g} to {max(counts):.4g}"
        faults.append(
            Fault(
                f"{where} (p_packs_...)",
                problem,
                "A Dirichlet has one count n: se = sqrt(m (1 - m) / (n + 1)) in every row",
            )
        )
    return faults


def _holds(parameter: Parameter) -> bool:
    try:
        return bool(parameter.uncertainty)
    except ValueError:
        return False
