"""Choices about the model that are not estimates: strategies, structure, horizon, discounting, price arrangements."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticCustomError

from hemodel.errors import Fault, nearest, shown
from hemodel.evidence.parameters import TIME_UNITS, finite, years_per

THRESHOLD_PRESETS = {"2026": (25_000.0, 35_000.0), "2009": (20_000.0, 30_000.0)}
"""GBP per QALY: NICE's manual from April 2026, and the range before (used in 2009)."""
SIGNS = {"GBP": "£", "EUR": "€", "USD": "$", "JPY": "¥", "INR": "₹", "CAD": "C$", "AUD": "A$", "NZD": "NZ$", "BRL": "R$"}
"""Currency -> its sign; of any other the three letters are its sign."""
FIXED_BY_FILES = ("problem", "population", "populations")
"""Settings that say which files and rows are read: a scenario cannot change them."""

Text = Annotated[str, Field(pattern=r"\S")]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
Cycles = Annotated[int, Field(ge=1, le=10_000)]


Curve = Literal["weibull", "exponential", "gompertz", "log_logistic", "log_normal", "gamma"]
"""Families of which a median and one more number make a curve."""


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


Until = Literal["progression", "progression_or_toxicity", "ttp_curve", "exposure_curve"]
"""What ends treatment, beside a fixed duration and a stop by response."""


class Phase(_Strict):
    """Cycles of a drug's own: `cycles` of them (none: for as long as treatment lasts), each of `cycle_days`, given on some days, from 1."""

    cycle_days: float = Field(ge=1, le=366)
    days: list[Annotated[float, Field(ge=1)]] = [1.0]
    cycles: Cycles | None = None

    @model_validator(mode="after")
    def _has_its_days(self) -> Phase:
        if self.days != sorted(set(self.days)) or any(day >= self.cycle_days + 1 for day in self.days):
            problem = f"the days {', '.join(f'{d:g}' for d in self.days)} are not days of a cycle of {self.cycle_days:g} in order"
            raise _refused(problem, f"Give each once, from 1 to {self.cycle_days:g}")
        return self


class ResponseRule(_Strict):
    """Who stops treatment on a day (from the start) by response: the share with one is `p_response_<strategy>`."""

    day: float = Field(gt=0, le=36_600)
    stops: Literal["responders", "non_responders"]


class Strategy(_Strict):
    """One option compared, with its regimen: drugs, when they are given, and until when."""

    name: Name
    label: Text
    drugs: list[Name]  # names of [drugs.<name>]
    treatment_cycles: Cycles | None = None  # fixed duration in cycles of the model; none: as long as `treatment_until` says
    treatment_days: float | None = Field(default=None, gt=0, le=36_600)  # the same in days, of any cycle
    treatment_until: Until | None = None  # none: that of the settings
    stop_at_response: ResponseRule | None = None
    schedules: dict[Name, list[Phase]] = {}  # drug -> phases one after another; none: once at the start of each cycle

    @model_validator(mode="after")
    def _holds_together(self) -> Strategy:
        if self.treatment_cycles is not None and self.treatment_days is not None:
            raise _refused("treatment has two durations, treatment_cycles and treatment_days", "Keep one of them")
        for drug, phases in self.schedules.items():
            if drug not in self.drugs:
                raise _refused(f"there is a schedule of {drug}, which is not among its drugs", nearest(drug, self.drugs))
            if not phases:
                raise _refused(f"the schedule of {drug} has no phase", "Give one, or leave it out")
            if any(phase.cycles is None for phase in phases[:-1]):
                raise _refused(f"a phase of {drug} before the last has no end", "Give it cycles")
        return self

    def last_day(self, cycle_days: float) -> float:
        """The day, from the start, on which a fixed duration ends; infinity without one."""
        if self.treatment_days is not None:
            return self.treatment_days
        return math.inf if self.treatment_cycles is None else self.treatment_cycles * cycle_days


class DoseSteps(_Strict):
    """A dose that goes down by steps and never up again: the price of a pack at each, and the rate of a step a year."""

    prices: list[Name] = Field(min_length=2)
    rate: Name


class Vials(_Strict):
    """A giving made up from vials: dose (mg per kg or m2), body size with its spread between people, and the price of each strength."""

    dose: Text
    size: Text  # mean over people
    spread: Text  # standard deviation between people
    prices: dict[str, Name] = Field(min_length=1)  # mg in a vial -> the parameter that is its price
    shared: bool = False  # what is left over is given to somebody else

    @field_validator("prices")
    @classmethod
    def _hold_milligrams(cls, prices: dict[str, str]) -> dict[str, str]:
        for strength in prices:
            if not re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,6})?", strength) or float(strength) <= 0:
                raise _refused(f"{shown(strength)} is not the strength of a vial", "Write milligrams, such as 3.5")
        return prices


class Drug(_Strict):
    """What one pack (or giving) of a drug costs at list price, and how often one is taken: amounts over parameters."""

    label: Text
    price: Text | None = None
    vials: Vials | None = None  # in place of a price
    dispensed: Text | None = None  # share of the cycles on treatment in which a pack is dispensed; none: in all
    steps: DoseSteps | None = None  # used with dose = "stepwise"

    @model_validator(mode="after")
    def _has_one_price(self) -> Drug:
        if self.price is not None and self.vials is not None:
            raise _refused("the drug has a price and vials", "Keep one of them")
        return self

    @property
    def is_priced(self) -> bool:
        """Whether it has a price, of its own or of its vials."""
        return self.price is not None or self.vials is not None


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


class Tier(_Strict):
    """From a treatment cycle of the drug on, counted from one, a share of the list price is taken off."""

    from_cycle: Cycles
    price_discount: float = Field(ge=0, le=1)


class Scheme(_Strict):
    """One price arrangement: who pays for which packs. See `cohort.schemes` for what each kind does."""

    kind: Literal["drug_cost_cap", "free_start", "price_discount", "response_refund", "tiered_discount", "total_cost_cap"]
    drug: Name
    label: Text
    drug_cost_cap_cycles: Cycles | None = None
    free_cycles: Cycles | None = None
    price_discount: float | None = Field(default=None, ge=0, le=1)
    response_by_cycle: Cycles | None = None
    tiers: list[Tier] | None = Field(default=None, min_length=1)
    most_paid: float | None = Field(default=None, gt=0)  # per person, in money
    confidentiality: Literal["none", "cic", "aic", "dpd", "cpas"] | None = None  # of its terms; missing: not known

    @model_validator(mode="after")
    def _has_its_own_terms(self) -> Scheme:
        terms = {
            "drug_cost_cap": {"drug_cost_cap_cycles"},
            "free_start": {"free_cycles"},
            "price_discount": {"price_discount"},
            "response_refund": {"response_by_cycle"},
            "tiered_discount": {"tiers"},
            "total_cost_cap": {"most_paid"},
        }[self.kind]
        about = ("kind", "drug", "label", "confidentiality")
        given = {name for name in type(self).model_fields if name not in about and getattr(self, name) is not None}
        if given != terms:
            given_terms = ", ".join(sorted(given)) or "no terms"
            problem = f"a scheme of the kind {self.kind} is given {given_terms}"
            raise _refused(problem, f"Give {' and '.join(sorted(terms))}, and no other terms")
        return self


class Arrangement(_Strict):
    """A price arrangement of several schemes, each of a drug of its own."""

    label: Text
    schemes: list[Name] = Field(min_length=1)


PlaceInCycle = Literal["start", "middle", "end"]
"""From where in its cycle something is discounted."""

Refusal = tuple[str, str, str]
"""Where within the settings ("": all of them), problem, remedy."""


def _refused(problem: str, remedy: str) -> PydanticCustomError:
    return _all_refused([("", problem, remedy)])


def _all_refused(refusals: list[Refusal]) -> PydanticCustomError:
    return PydanticCustomError("refused", "{problem}", {"problem": refusals[0][1], "all": refusals})


def _repeats(kind: str, names: list[str]) -> list[tuple[str, str]]:
    repeated = sorted({name for name in names if names.count(name) > 1})
    return [(f"the {kind} {', '.join(map(shown, repeated))} is listed twice", "Keep one of them")] if repeated else []


def _refuse_repeats(kind: str, names: list[str]) -> None:
    for problem, remedy in _repeats(kind, names):
        raise _refused(problem, remedy)


class Settings(_Strict):
    """`settings.toml` of a decision problem. Rates per year, times in years."""

    problem: Text
    title: Text | None = None  # the problem in a few words, in lists of problems; none: its name
    question: Text
    price_year: Text
    population: Text
    populations: dict[str, Population] = Field(min_length=1)
    strategies: list[Strategy] = Field(min_length=2)
    comparator: Text
    life_table: Text
    cycle_days: float = Field(default=28.0, ge=1, le=366)  # length of a cycle of the model
    days_in_year: float = Field(default=365.25, ge=365, le=366)
    discounting: Literal["exact", "by_year"] = "exact"
    horizon_years: float = Field(gt=0, le=100)
    discount_rate_costs: float = Field(ge=0, le=1)
    discount_rate_effects: float = Field(ge=0, le=1)
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] = "GBP"
    currency_sign: Text | None = Field(default=None, max_length=5)  # none: that of `SIGNS`
    thresholds: str | list[float]  # NICE's presets "2026" or "2009", in GBP; or one to three numbers in the currency
    structure: Literal["state_transition", "partitioned_survival"]
    time_in_state: Literal["life_table", "start", "end"]
    time_discounted_at: PlaceInCycle = "middle"
    purchases_discounted_at: PlaceInCycle = "start"  # packs, givings, and what is counted at the starts of cycles
    events_discounted_at: PlaceInCycle = "middle"  # deaths and entries to a state
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
    treatment_until: Until
    stop_at_response_cycle: Cycles | None = None
    dose: Literal["shares", "stepwise"] = "shares"
    utility_age_adjustment: Literal["none", "general_population"] = "none"
    also_counted: list[Name] = []
    drugs: dict[Name, Drug]
    price_arrangements: list[str] = Field(min_length=1)
    headline: list[Name] = []  # parameters that the app shows beside survival, utilities and prices
    scheme_counts: Literal["calendar", "dispensed"]
    schemes: dict[Name, Scheme]
    arrangements: dict[Name, Arrangement] = {}  # price arrangements of several schemes

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
    def _holds_a_cycle(cls, years: float, info: ValidationInfo) -> float:
        days, in_year = info.data.get("cycle_days", 28.0), info.data.get("days_in_year", 365.25)
        if round(years * in_year / days) < 1:
            problem = f"{years:g} years are less than a cycle of {days:g} days"
            raise _refused(problem, f"Give {math.ceil(100 * days / in_year) / 100:g} years or more")
        return years

    @field_validator("thresholds", mode="before")
    @classmethod
    def _are_thresholds(cls, thresholds: object, info: ValidationInfo) -> object:
        if isinstance(thresholds, str):
            if thresholds not in THRESHOLD_PRESETS:
                raise _refused(f"{shown(thresholds)} is not a choice", nearest(thresholds, THRESHOLD_PRESETS))
            if info.data.get("currency", "GBP") != "GBP":
                problem = f"{thresholds} is of thresholds in GBP, and the currency is {info.data['currency']}"
                raise _refused(problem, "Give numbers, such as [20000, 80000]")
            return thresholds
        found = [finite(threshold) for threshold in thresholds] if isinstance(thresholds, (list, tuple)) else [None]
        numbers = [threshold for threshold in found if threshold is not None]
        rises = all(b - a >= 1 for a, b in pairwise([0.0, *numbers]))
        if len(numbers) != len(found) or not 1 <= len(numbers) <= 3 or not rises:
            remedy = 'Give "2026", "2009", or one to three numbers, each at least 1 above the one before, such as [20000, 80000]'
            raise _refused(f"{shown(thresholds)} is neither a preset nor thresholds", remedy)
        return numbers

    @field_validator("also_counted")
    @classmethod
    def _is_counted_once(cls, names: list[str]) -> list[str]:
        _refuse_repeats("addition", list(names))
        return names

    @field_validator("price_arrangements")
    @classmethod
    def _are_not_repeated(cls, names: list[str]) -> list[str]:
        _refuse_repeats("price arrangement", names)
        return names

    @field_validator("schemes")
    @classmethod
    def _are_not_the_list_price(cls, schemes: dict[str, Scheme]) -> dict[str, Scheme]:
        if "list" in schemes:
            raise _refused("`list` is the list price and cannot be a scheme", "Give the scheme another name")
        return schemes

    @model_validator(mode="after")
    def _fit_together(self) -> Settings:
        refusals = [*self._drugs_that_misfit(), *self._arrangements_that_misfit(), *self._curves_that_misfit()]
        if refusals:
            raise _all_refused(refusals)
        return self

    def _curves_that_misfit(self) -> Iterator[Refusal]:
        by_ratio = "hazard_ratio" in (self.comparator_survival, self.intervention_survival)
        if self.comparator_survival == self.intervention_survival == "hazard_ratio":
            yield "", "survival of both strategies would follow from the other's", "Leave the median to one of them"
        if by_ratio and self.os_curve != "weibull":
            yield "", f"a hazard ratio on a {self.os_curve} curve makes another family of it", 'Set os_curve = "weibull"'
        curves = [f"{curve}_{name}" for curve in ("pfs", "os") for name in self.strategy_names]
        for name in self.fitted_curves:
            if name not in curves:
                yield "", f"{shown(name)} is not a curve that can be fitted", nearest(name, curves)
        yield from self._fitted_beside_a_ratio()
        if self.progression_shape == "ttp" and self.pfs_curve != "weibull":
            problem = f'progression_shape = "ttp" is a Weibull, pfs_curve is {self.pfs_curve}'
            yield "", problem, 'Set progression_shape = "pfs"'
        if self.post_progression_clock_cycles is not None and self.structure != "state_transition":
            yield "", "partitioned survival has no clock after progression", 'Set structure = "state_transition"'

    def _fitted_beside_a_ratio(self) -> Iterator[Refusal]:
        ratio = next((n for n in ("comparator_survival", "intervention_survival") if getattr(self, n) == "hazard_ratio"), None)
        fitted = [name for name in self.fitted_curves if name.startswith("os_")]
        if ratio is None or not fitted:
            return
        who = "the comparator" if ratio == "comparator_survival" else "the interventions"
        follows = f'follows from another\'s by a hazard ratio ({ratio} = "hazard_ratio")'
        problem = f"{' and '.join(fitted)} is fitted, while survival of {who} {follows}"
        yield "", problem, f'Set {ratio} = "median" (in a command: --set {ratio}=median), or leave the fitted curve out'

    def _drugs_that_misfit(self) -> Iterator[Refusal]:
        given = {name for strategy in self.strategies for name in strategy.drugs}
        for number, strategy in enumerate(self.strategies, start=1):
            where, owner = f"strategies no. {number}, drugs", f"strategy {strategy.name}"
            yield from ((where, *repeat) for repeat in _repeats(f"drug of {owner}", strategy.drugs))
            for name in strategy.drugs:
                if name not in self.drugs:
                    yield where, f"{owner} has the drug {shown(name)}, which is not there", nearest(name, self.drugs)
        for name in self.drugs:
            if name not in given:
                remedy = "Add it to the drugs of a strategy, or leave it out"
                yield f"drugs.{name}", f"the drug {name} is of no strategy", remedy
        for name, scheme in self.schemes.items():
            if scheme.drug not in self.drugs:
                problem = f"the scheme {name} is of the drug {shown(scheme.drug)}, which is not there"
                yield f"schemes.{name}.drug", problem, nearest(scheme.drug, self.drugs)

    def _arrangements_that_misfit(self) -> Iterator[Refusal]:
        for name, arrangement in self.arrangements.items():
            where = f"arrangements.{name}"
            if name == "list" or name in self.schemes:
                yield where, f"the arrangement {name} has the name of another", "Give it a name of its own"
            for scheme in arrangement.schemes:
                if scheme not in self.schemes:
                    problem = f"there is no scheme {shown(scheme)} for the arrangement {name}"
                    yield f"{where}.schemes", problem, nearest(scheme, self.schemes)
            drugs = [self.schemes[scheme].drug for scheme in arrangement.schemes if scheme in self.schemes]
            twice = sorted({drug for drug in drugs if drugs.count(drug) > 1})
            if twice:
                problem = f"the arrangement {name} has two schemes of {', '.join(twice)}"
                yield f"{where}.schemes", problem, "Leave one of them to another arrangement"
        known = ["list", *self.schemes, *self.arrangements]
        for name in self.price_arrangements:
            if name not in known:
                problem = f"there is no scheme for the price arrangement {shown(name)}"
                yield "price_arrangements", problem, nearest(name, known)

    def schemes_in(self, arrangement: str) -> dict[str, Scheme]:
        """The schemes of a price arrangement by drug; a drug without one is at its list price."""
        if arrangement == "list":
            return {}
        known = self.arrangements.get(arrangement)
        names = [arrangement] if known is None else known.schemes
        return {self.schemes[name].drug: self.schemes[name] for name in names}

    @property
    def n_cycles(self) -> int:
        """The horizon in whole cycles, rounded to the nearest.

        30 years are 391.3 cycles of 28 days, so 391.
        """
        return round(self.horizon_years / self.cycle_years)

    @property
    def cycle_years(self) -> float:
        """Length of a cycle in years."""
        return float(self.cycle_days / self.days_in_year)

    def years_per(self, unit: str) -> float:
        """Length of a unit of time in years; 1 for what is no unit of time."""
        if unit not in TIME_UNITS:
            return 1.0
        return years_per(unit, cycle_days=self.cycle_days, days_in_year=self.days_in_year)

    @property
    def strategy_names(self) -> tuple[str, ...]:
        """Names of the strategies, in the order of every result."""
        return tuple(strategy.name for strategy in self.strategies)

    @property
    def interventions(self) -> tuple[str, ...]:
        """Names of the strategies other than the comparator, in their order."""
        return tuple(name for name in self.strategy_names if name != self.comparator)

    def place(self, strategy: str) -> int:
        """The row of a strategy in every result."""
        return self.strategy_names.index(strategy)

    @property
    def with_drugs(self) -> tuple[str, ...]:
        """Names of the strategies in which a drug is given."""
        return tuple(strategy.name for strategy in self.strategies if strategy.drugs)

    @property
    def threshold_values(self) -> tuple[float, ...]:
        """Thresholds per QALY in the currency, one to three, the lowest first; the last is the one that decides where one is needed."""
        return THRESHOLD_PRESETS[self.thresholds] if isinstance(self.thresholds, str) else tuple(self.thresholds)

    @property
    def sign(self) -> str:
        """The sign of the currency, as it stands before an amount and in headings."""
        return (self.currency_sign or SIGNS.get(self.currency, self.currency)).strip()


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
        return None, _faults(where, table, error, examples)


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
        return {}, _faults(where, "", error)


def with_fits_as_terms(where: str, values: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, FittedEstimates], list[Fault]]:
    """Values of `settings.toml` in which curves that stand there with their covariance are settings, these curves, and the faults found."""
    tables = values.get("fitted_curves")
    if not isinstance(tables, dict):
        return dict(values), {}, []
    fits = {name: table for name, table in tables.items() if isinstance(table, dict) and "covariance" in table}
    curves, faults = fits_from(where, fits)
    kept = {name: table for name, table in tables.items() if name not in fits}
    return {**values, "fitted_curves": kept | {name: fit.terms.model_dump() for name, fit in curves.items()}}, curves, faults


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
_PATTERNS = {
    r"\S": ("is empty", "Write some text"),
    r"^[a-z][a-z0-9_]*$": ("{given} is not a name", "Use small letters, digits and _"),
    r"^[A-Z]{3}$": ("{given} is not a currency", "Write its three capital letters, such as EUR"),
}
_TABLES: dict[object, type[BaseModel]] = {
    "strategies": Strategy,
    "schedules": Phase,
    "stop_at_response": ResponseRule,
    "populations": Population,
    "drugs": Drug,
    "vials": Vials,
    "steps": DoseSteps,
    "schemes": Scheme,
    "tiers": Tier,
    "arrangements": Arrangement,
    "effect_waning": Waning,
    "fitted_curves": FittedCurve,
}
"""Tables within the settings, by the key that they stand under."""


def _faults(where: str, table: str, error: ValidationError, examples: str = "") -> list[Fault]:
    """The faults in pydantic's error, in the words of this package."""
    found = []
    for details in error.errors(include_url=False):
        if details["type"] != "refused":
            found.append(_fault(where, table, details, examples))
            continue
        at = _place(details["loc"])
        for within, problem, remedy in details["ctx"]["all"]:
            place = f"{at}{_link(at)}{within}" if within else at
            found.append(Fault(f"{where} ({table}{place})" if place or table else where, problem, remedy))
    return found


def _fault(where: str, table: str, details: Mapping[str, Any], examples: str = "") -> Fault:
    """The fault that one entry of pydantic's list of errors stands for, in the words of this package."""
    kind, path, given, terms = details["type"], details["loc"], details["input"], details.get("ctx", {})
    place = f"{where} ({table}{_place(path)})" if path or table else where
    if kind == "missing":
        line = re.search(rf"^{re.escape(str(path[0]))} *=.*$", examples, re.MULTILINE) if len(path) == 1 else None
        such = (
            f"Add it, such as `{' '.join(line[0].split())}`"
            if line
            else "Add it; the settings.toml of the problem `relapsed` shows how"
        )
        return Fault(place, "is missing", such)
    if kind == "extra_forbidden":
        owner = next((_TABLES[part] for part in reversed(path[:-1]) if part in _TABLES), Settings)
        fields = owner.model_fields
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
        problem, remedy = _PATTERNS[terms["pattern"]]
        return Fault(place, problem.format(given=shown(given)), remedy)
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
