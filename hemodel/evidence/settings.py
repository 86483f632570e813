"""Choices about the model that are not estimates: strategies, structure, horizon, discounting, price arrangements."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticCustomError

from hemodel.errors import Fault, nearest, shown

CYCLE_YEARS = 28 / 365.25  # a cycle is 28 days, a year 365.25 days
THRESHOLD_PRESETS = {"2026": (25_000.0, 35_000.0), "2009": (20_000.0, 30_000.0)}
"""GBP per QALY: NICE's manual from April 2026, and the range before (used in 2009)."""
FIXED_BY_FILES = ("problem", "population", "populations")
"""Settings that say which files and rows are read: a scenario cannot change them."""

Text = Annotated[str, Field(pattern=r"\S")]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
Cycles = Annotated[int, Field(ge=1, le=10_000)]


Curve = Literal["weibull", "exponential", "gompertz", "log_logistic", "log_normal", "gamma"]
"""Families of which a median and one more number make a curve."""
Addition = Literal[
    "second_cancers",
    "utility_loss_on_treatment",
    "utility_loss_no_response",
    "utility_loss_near_death",
    "subsequent_treatment",
    "later_lenalidomide",
]
"""What may be counted besides; see `cohort.model`."""


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class Strategy(_Strict):
    """One option compared."""

    name: Name
    label: Text
    drugs: list[Literal["lenalidomide", "dexamethasone"]]
    treatment_cycles: Cycles | None = None  # fixed duration; none: as long as `treatment_until` says


class Population(_Strict):
    """One group of patients whose rows in `populations.csv` replace those of the base case."""

    label: Text
    why: Text


class Waning(_Strict):
    """Treatment effect that fades: hazards go over to the comparator's between two times since the start of treatment."""

    from_years: float = Field(ge=0, le=100)
    to_years: float = Field(ge=0, le=100)

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> Waning:
        if self.to_years < self.from_years:
            raise _refused(
                f"the effect would be gone at {self.to_years:g} years, before it fades", "Give to_years from from_years on"
            )
        return self


class FittedCurve(_Strict):
    """A curve that was fitted to individual data, time in years; the parameters fit_<curve>_0, ... hold its coefficients in this order."""

    family: Text
    coefficients: list[Text] = Field(min_length=1)
    knots: list[float] = []


class FittedEstimates(_Strict):
    """What a fit gives, time in years: coefficients on the estimation scale (logarithms of what must be above 0, log odds of a cured
    share, else as they are) with their covariance, rows and columns in the same order.
    """

    family: Text
    coefficients: dict[Text, float] = Field(min_length=1)
    covariance: list[list[float]]
    knots: list[float] = []
    source: str = ""
    status: str = "derived"
    note: str = ""
    confidentiality: str = "none"

    @model_validator(mode="after")
    def _covariance_is_one(self) -> FittedEstimates:
        size, matrix = len(self.coefficients), self.covariance
        if [len(row) for row in matrix] != [size] * size:
            raise _refused("the covariance does not fit the coefficients", f"Give {size} rows of {size} numbers")
        array = np.array(matrix)
        if not np.allclose(array, array.T, rtol=1e-6, atol=0.0):
            raise _refused("the covariance is not symmetric", "Give the same number on both sides of the diagonal")
        errors = np.sqrt(np.clip(np.diag(array), 0.0, None))
        if not errors.all() or np.linalg.eigvalsh(array / np.outer(errors, errors))[0] < 1e-10:
            raise _refused("the covariance is not positive definite", "Give variances on the diagonal, not standard errors")
        return self

    @property
    def terms(self) -> FittedCurve:
        """What of it is a setting."""
        return FittedCurve(family=self.family, coefficients=list(self.coefficients), knots=self.knots)


class _Fits(_Strict):
    fitted_curves: dict[Name, FittedEstimates]


class Scheme(_Strict):
    """One price arrangement: who pays for which packs. See `cohort.schemes` for what each kind does."""

    kind: Literal["drug_cost_cap", "free_start", "price_discount", "response_refund"]
    label: Text
    drug_cost_cap_cycles: Cycles | None = None
    free_cycles: Cycles | None = None
    price_discount: float | None = Field(default=None, ge=0, le=1)
    response_by_cycle: Cycles | None = None
    p_response: float | None = Field(default=None, ge=0, le=1)
    confidentiality: Literal["none", "cic", "aic", "dpd", "cpas"] | None = None  # of its terms; missing: not known

    @model_validator(mode="after")
    def _has_its_own_terms(self) -> Scheme:
        terms = {
            "drug_cost_cap": {"drug_cost_cap_cycles"},
            "free_start": {"free_cycles"},
            "price_discount": {"price_discount"},
            "response_refund": {"response_by_cycle", "p_response"},
        }[self.kind]
        about = ("kind", "label", "confidentiality")
        given = {name for name in type(self).model_fields if name not in about and getattr(self, name) is not None}
        if given != terms:
            given_terms = ", ".join(sorted(given)) or "no terms"
            problem = f"a scheme of the kind {self.kind} is given {given_terms}"
            raise _refused(problem, f"Give {' and '.join(sorted(terms))}, and no other terms")
        return self


def _refused(problem: str, remedy: str) -> PydanticCustomError:
    return PydanticCustomError("refused", "{problem}", {"problem": problem, "remedy": remedy})


def _refuse_repeats(kind: str, names: list[str]) -> None:
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise _refused(f"the {kind} {', '.join(map(shown, repeated))} is listed twice", "Keep one of them")


class Settings(_Strict):
    """`settings.toml` of a decision problem. Rates per year, times in years, cycles of 28 days."""

    problem: Text
    question: Text
    price_year: Text
    population: Text
    populations: dict[str, Population] = Field(min_length=1)
    strategies: list[Strategy] = Field(min_length=2)
    comparator: Text
    life_table: Text
    horizon_years: float = Field(gt=0, le=100)
    discount_rate_costs: float = Field(ge=0, le=1)
    discount_rate_effects: float = Field(ge=0, le=1)
    thresholds: Literal["2026", "2009"]
    structure: Literal["state_transition", "partitioned_survival"]
    time_in_state: Literal["life_table", "start", "end"]
    progression_shape: Literal["pfs", "ttp"]
    post_progression_mortality: Literal["by_strategy", "equal"]
    comparator_survival: Literal["median", "hazard_ratio"]
    intervention_survival: Literal["median", "hazard_ratio"] = "median"
    survival_target: Literal["median", "mean"] = "median"
    pfs_curve: Curve | Literal["response_mixture"] = "weibull"
    os_curve: Curve = "weibull"
    fitted_curves: dict[str, FittedCurve] = {}  # pfs_<strategy> or os_<strategy> -> in place of the published median
    effect_waning: Waning | None = None
    post_progression_clock_cycles: Cycles | None = None
    treatment_until: Literal["progression", "progression_or_toxicity", "ttp_curve"]
    stop_at_response_cycle: Cycles | None = None
    dose: Literal["shares", "stepwise"] = "shares"
    utility_age_adjustment: Literal["none", "general_population"] = "none"
    also_counted: list[Addition] = []
    dexamethasone_high_dose_cycles: int = Field(ge=0, le=10_000)
    price_arrangements: list[str] = Field(min_length=1)
    scheme_counts: Literal["calendar", "dispensed"]
    schemes: dict[str, Scheme]

    @field_validator("populations")
    @classmethod
    def _has_the_base_case(cls, populations: dict[str, Population], info: ValidationInfo) -> dict[str, Population]:
        name = info.data.get("population")
        if name is not None and name not in populations:
            raise _refused(f"the population of the base case, {shown(name)}, is not among them", nearest(name, populations))
        return populations

    @field_validator("strategies")
    @classmethod
    def _are_all_different(cls, strategies: list[Strategy]) -> list[Strategy]:
        _refuse_repeats("strategy", [strategy.name for strategy in strategies])
        return strategies

    @field_validator("comparator")
    @classmethod
    def _is_a_strategy(cls, comparator: str, info: ValidationInfo) -> str:
        names = [strategy.name for strategy in info.data.get("strategies", [])]
        if names and comparator not in names:
            raise _refused(f"{shown(comparator)} is not one of the strategies", nearest(comparator, names))
        return comparator

    @field_validator("horizon_years")
    @classmethod
    def _holds_a_cycle(cls, years: float) -> float:
        if round(years / CYCLE_YEARS) < 1:
            raise _refused(f"{years:g} years are less than a cycle of 28 days", "Give 0.08 years or more")
        return years

    @field_validator("also_counted")
    @classmethod
    def _is_counted_once(cls, names: list[Addition]) -> list[Addition]:
        _refuse_repeats("addition", list(names))
        return names

    @field_validator("price_arrangements")
    @classmethod
    def _are_not_repeated(cls, names: list[str]) -> list[str]:
        _refuse_repeats("price arrangement", names)
        return names

    @field_validator("schemes")
    @classmethod
    def _serve_the_price_arrangements(cls, schemes: dict[str, Scheme], info: ValidationInfo) -> dict[str, Scheme]:
        if "list" in schemes:
            raise _refused("`list` is the list price and cannot be a scheme", "Give the scheme another name")
        unknown = [name for name in info.data.get("price_arrangements", []) if name not in ("list", *schemes)]
        if unknown:
            problem = f"there is no scheme for the price arrangement {', '.join(map(shown, unknown))}"
            raise _refused(problem, nearest(unknown[0], ["list", *schemes]))
        return schemes

    @model_validator(mode="after")
    def _fit_together(self) -> Settings:
        by_ratio = "hazard_ratio" in (self.comparator_survival, self.intervention_survival)
        if self.comparator_survival == self.intervention_survival == "hazard_ratio":
            raise _refused("survival of both strategies would follow from the other's", "Leave the median to one of them")
        if by_ratio and self.os_curve != "weibull":
            raise _refused(f"a hazard ratio on a {self.os_curve} curve makes another family of it", 'Set os_curve = "weibull"')
        curves = [f"{curve}_{name}" for curve in ("pfs", "os") for name in self.strategy_names]
        for name in self.fitted_curves:
            if name not in curves:
                raise _refused(f"{shown(name)} is not a curve that can be fitted", nearest(name, curves))
        if by_ratio and any(name.startswith("os_") for name in self.fitted_curves):
            raise _refused(
                "a fitted survival curve and one that follows by a hazard ratio exclude each other", "Choose one of them"
            )
        if self.progression_shape == "ttp" and self.pfs_curve != "weibull":
            problem = f'progression_shape = "ttp" is a Weibull, pfs_curve is {self.pfs_curve}'
            raise _refused(problem, 'Set progression_shape = "pfs"')
        if self.post_progression_clock_cycles is not None and self.structure != "state_transition":
            raise _refused("partitioned survival has no clock after progression", 'Set structure = "state_transition"')
        needs_transitions = {"subsequent_treatment", "later_lenalidomide"} & set(self.also_counted)
        if needs_transitions and self.structure != "state_transition":
            what = " and ".join(sorted(needs_transitions))
            raise _refused(f"partitioned survival does not know when people progress, which {what} needs", "Leave it out")
        if "subsequent_treatment" in self.also_counted and self.post_progression_clock_cycles is None:
            raise _refused("subsequent_treatment has no duration", "Give post_progression_clock_cycles")
        kinds = {self.schemes[a].kind for a in self.price_arrangements if a in self.schemes}
        if "response_refund" in kinds and self.scheme_counts == "dispensed":
            raise _refused("a refund by response goes by the calendar", 'Set scheme_counts = "calendar"')
        if "later_lenalidomide" in self.also_counted:
            if self.scheme_counts == "dispensed":
                raise _refused("packs of a later line are counted by the calendar", 'Set scheme_counts = "calendar"')
            if "response_refund" in kinds:
                raise _refused("a refund by response is not known for a later line", "Choose another scheme")
            if self.post_progression_clock_cycles is not None:
                raise _refused("a later line has its own clock", "Leave post_progression_clock_cycles out")
        return self

    @property
    def n_cycles(self) -> int:
        """The horizon in whole cycles, rounded to the nearest.

        30 years are 391.3 cycles of 28 days, so 391.
        """
        return round(self.horizon_years / CYCLE_YEARS)

    @property
    def strategy_names(self) -> tuple[str, ...]:
        """Names of the strategies, in the order of every result."""
        return tuple(strategy.name for strategy in self.strategies)

    @property
    def thresholds_gbp(self) -> tuple[float, float]:
        """Lower and upper threshold in GBP per QALY."""
        return THRESHOLD_PRESETS[self.thresholds]


def settings_from(
    where: str, values: Mapping[str, Any], *, table: str = "", examples: str = ""
) -> tuple[Settings | None, list[Fault]]:
    """Settings from the values of a TOML file, or the faults found in them; `table` is where in the file they stand.

    `examples`: the text of another problem's settings, whose lines show what is missing.

    >>> settings_from("settings.toml", {})[1][0].where
    'settings.toml (problem)'
    """
    try:
        return Settings.model_validate(values), []
    except ValidationError as error:
        return None, [_fault(where, table, details, examples) for details in error.errors(include_url=False)]


def changed_settings(
    where: str, settings: Settings, changes: Mapping[str, Any], *, table: str = "", fixed: Iterable[str] = FIXED_BY_FILES
) -> tuple[Settings | None, list[Fault]]:
    """`settings` with some set anew, or the faults found; those in `fixed` cannot be changed."""
    refused = [name for name in fixed if name in changes]
    remedy = "Leave it to settings.toml and to load_inputs(problem, population=..., scenario=...)"
    faults = [
        Fault(f"{where} ({table}{name})", "says which inputs are read and cannot be changed here", remedy) for name in refused
    ]
    allowed = {name: value for name, value in changes.items() if name not in refused}
    new, found = settings_from(where, settings.model_dump() | allowed, table=table)
    return (None if refused else new), faults + found


def fits_from(where: str, values: object) -> tuple[dict[str, FittedEstimates], list[Fault]]:
    """The tables [fitted_curves.<curve>] of a scenario, or the faults found in them."""
    try:
        return _Fits.model_validate({"fitted_curves": values}).fitted_curves, []
    except ValidationError as error:
        return {}, [_fault(where, "", details) for details in error.errors(include_url=False)]


_NOUNS = {
    "float_type": ("a number", "Write a plain number such as 0.035, without quotation marks"),
    "finite_number": ("a finite number", "Write a plain number such as 0.035"),
    "int_type": ("a whole number", "Write a whole number such as 26, without quotation marks or decimal point"),
    "string_type": ("text", "Write text in quotation marks"),
    "list_type": ("a list", 'Write a list such as ["list", "pas"]'),
    "dict_type": ("a table", "Give it a heading in square brackets, such as [schemes.pas]"),
    "model_type": ("a table", "Give it a heading in square brackets, such as [schemes.pas]"),
}
_BOUNDS = {
    "greater_than": ("is too small", "Give more than {gt:g}"),
    "greater_than_equal": ("is too small", "Give {ge:g} or more"),
    "less_than_equal": ("is too large", "Give {le:g} or less"),
}
_TABLES: dict[object, type[BaseModel]] = {
    "strategies": Strategy,
    "populations": Population,
    "schemes": Scheme,
    "effect_waning": Waning,
    "fitted_curves": FittedCurve,
}


def _fault(where: str, table: str, details: Mapping[str, Any], examples: str = "") -> Fault:
    """The fault that one entry of pydantic's list of errors stands for, in the words of this package."""
    kind, path, given, terms = details["type"], details["loc"], details["input"], details.get("ctx", {})
    place = f"{where} ({table}{_place(path)})" if path or table else where
    if kind == "refused":
        return Fault(place, terms["problem"], terms["remedy"])
    if kind == "missing":
        line = re.search(rf"^{re.escape(str(path[0]))} *=.*$", examples, re.MULTILINE) if len(path) == 1 else None
        such = (
            f"Add it, such as `{' '.join(line[0].split())}`"
            if line
            else "Add it; the settings.toml of the problem `relapsed` shows how"
        )
        return Fault(place, "is missing", such)
    if kind == "extra_forbidden":
        fields = _TABLES[path[0]].model_fields if len(path) > 1 else Settings.model_fields
        return Fault(place, "is not a known setting", nearest(path[-1], fields))
    if kind == "literal_error":
        return Fault(place, f"{shown(given)} is not a choice", _one_of(given, re.findall(r"'([^']*)'", terms["expected"])))
    if kind in _NOUNS:
        noun, remedy = _NOUNS[kind]
        return Fault(place, f"{shown(given)} is not {noun}", remedy)
    if kind in _BOUNDS:
        problem, remedy = _BOUNDS[kind]
        return Fault(place, f"{shown(given)} {problem}", remedy.format(**terms))
    if kind == "too_short":
        return Fault(place, f"has {terms['actual_length']} entries", f"Give {terms['min_length']} or more")
    if kind == "string_pattern_mismatch":
        is_name = terms["pattern"] != r"\S"
        problem = f"{shown(given)} is not a name" if is_name else "is empty"
        return Fault(place, problem, "Use small letters, digits and _" if is_name else "Write some text")
    return Fault(place, f"{shown(given)} does not fit", str(details["msg"]))


def _one_of(given: object, choices: Iterable[str]) -> str:
    if isinstance(given, str):
        return nearest(given, choices)
    return f"Write one of {', '.join(f'{choice!r}' for choice in choices)}, with its quotation marks"


def _place(path: Iterable[object]) -> str:
    """`strategies no. 2, label` for ("strategies", 1, "label"): people count from one."""
    text = ""
    for part in path:
        text += f" no. {part + 1}" if isinstance(part, int) else f"{_link(text)}{part}"
    return text


def _link(text: str) -> str:
    if not text:
        return ""
    return ", " if " no. " in text else "."
