"""Choices about the model that are not estimates: strategies, structure, horizon, discounting, price arrangements."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from hemodel.errors import Fault, nearest

CYCLE_YEARS = 28 / 365.25  # a cycle is 28 days, a year 365.25 days
THRESHOLD_PRESETS = {"2026": (25_000.0, 35_000.0), "2009": (20_000.0, 30_000.0)}
"""GBP per QALY: NICE's manual from April 2026, and the range before (used in 2009)."""


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class Strategy(_Strict):
    """One option compared."""

    name: str
    label: str
    drugs: list[Literal["lenalidomide", "dexamethasone"]]


class Population(_Strict):
    """One group of patients whose rows in `populations.csv` replace those of the base case."""

    label: str
    why: str


class Scheme(_Strict):
    """One price arrangement: who pays for which packs. See `cohort.schemes` for what each kind does."""

    kind: Literal["drug_cost_cap", "free_start", "price_discount", "response_refund"]
    label: str
    drug_cost_cap_cycles: int | None = Field(default=None, ge=1)
    free_cycles: int | None = Field(default=None, ge=1)
    price_discount: float | None = Field(default=None, ge=0, le=1)
    response_by_cycle: int | None = Field(default=None, ge=1)
    p_response: float | None = Field(default=None, ge=0, le=1)

    @model_validator(mode="after")
    def _has_its_own_terms(self) -> Scheme:
        terms = {
            "drug_cost_cap": {"drug_cost_cap_cycles"},
            "free_start": {"free_cycles"},
            "price_discount": {"price_discount"},
            "response_refund": {"response_by_cycle", "p_response"},
        }[self.kind]
        given = {
            name
            for name in type(self).model_fields
            if name not in ("kind", "label") and getattr(self, name) is not None
        }
        if given != terms:
            raise ValueError(f"a scheme of the kind {self.kind} takes {' and '.join(sorted(terms))} and no other terms")
        return self


class Settings(_Strict):
    """`settings.toml` of a decision problem. Rates per year, times in years, cycles of 28 days."""

    problem: str
    question: str
    price_year: str
    population: str
    populations: dict[str, Population]
    strategies: list[Strategy] = Field(min_length=2)
    comparator: str
    life_table: str
    horizon_years: float = Field(gt=0, le=100)
    discount_rate_costs: float = Field(ge=0, le=1)
    discount_rate_effects: float = Field(ge=0, le=1)
    thresholds: Literal["2026", "2009"]
    structure: Literal["state_transition", "partitioned_survival"]
    time_in_state: Literal["life_table", "start", "end"]
    progression_shape: Literal["pfs", "ttp"]
    post_progression_mortality: Literal["by_strategy", "equal"]
    comparator_survival: Literal["median", "hazard_ratio"]
    treatment_until: Literal["progression", "progression_or_toxicity", "ttp_curve"]
    dexamethasone_high_dose_cycles: int = Field(ge=0)
    price_arrangements: list[str] = Field(min_length=1)
    scheme_counts: Literal["calendar", "dispensed"]
    schemes: dict[str, Scheme]

    @model_validator(mode="after")
    def _names_agree(self) -> Settings:
        names = [strategy.name for strategy in self.strategies]
        if self.comparator not in names:
            raise ValueError(
                f"the comparator {self.comparator!r} is not one of the strategies. {nearest(self.comparator, names)}"
            )
        if self.population not in self.populations:
            raise ValueError(
                f"the population {self.population!r} is not listed. {nearest(self.population, self.populations)}"
            )
        for name in self.price_arrangements:
            if name != "list" and name not in self.schemes:
                raise ValueError(
                    f"the price arrangement {name!r} has no scheme. {nearest(name, ['list', *self.schemes])}"
                )
        if len(set(names)) < len(names) or len(set(self.price_arrangements)) < len(self.price_arrangements):
            raise ValueError("a strategy or a price arrangement is listed twice")
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


def settings_from(where: str, values: dict[str, object]) -> tuple[Settings | None, list[Fault]]:
    """Settings from the values of a TOML file, or the faults found in them."""
    try:
        return Settings.model_validate(values), []
    except ValidationError as error:
        return None, [_fault(where, details, values) for details in error.errors()]


def _fault(where: str, details: object, values: dict[str, object]) -> Fault:
    assert isinstance(details, dict)
    place = ".".join(str(part) for part in details["loc"])
    kind = details["type"]
    if kind == "extra_forbidden":
        remedy = nearest(place, set(Settings.model_fields) - set(values))
        return Fault(f"{where} ({place})", "is not a known setting", remedy)
    if kind == "missing":
        return Fault(
            f"{where} ({place})", "is missing", "Add it; the settings.toml of the problem `relapsed` shows how"
        )
    message = str(details["msg"]).removeprefix("Value error, ")
    name = f"{where} ({place})" if place else where
    if kind == "value_error":
        return Fault(name, message, "Mend the setting")
    return Fault(name, f"{details['input']!r} does not fit", message)
