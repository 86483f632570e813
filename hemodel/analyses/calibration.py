"""Deriving the rate of death after progression: the model's median overall survival meets its published target.

The rate is derived once and stored in the inputs with its target and standard error; this is the step that repeats it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import brentq

from hemodel.cohort.model import trace
from hemodel.cohort.model.curves import os_median
from hemodel.cohort.structures import PROGRESSED, PROGRESSION_FREE
from hemodel.errors import InputError
from hemodel.evidence.draws import base_case_draws
from hemodel.evidence.inputs import Inputs
from hemodel.evidence.parameters import YEARS_PER
from hemodel.evidence.settings import CYCLE_YEARS

Array = NDArray[np.float64]
_LOWEST, _HIGHEST = 1e-6, 100.0  # rates per year between which the solution is looked for
_STEP = 1e-3  # of ln(target), for the derivative of the rate


@dataclass(frozen=True)
class DerivedRate:
    """Rate of death after progression of one strategy, per year, with what it was derived from."""

    strategy: str
    target_years: float
    se_ln_target: float
    value: float
    se: float

    @property
    def name(self) -> str:
        """Name of the parameter that holds it."""
        return f"r_death_progressed_{self.strategy}"


def derive_rates(inputs: Inputs) -> tuple[DerivedRate, ...]:
    """Rates of death after progression at which the model's median overall survival equals its target, one per strategy.

    The target is the median of the strategy's overall-survival curve: the published median, or, for the comparator with
    `comparator_survival = "hazard_ratio"`, the median of the other strategy's curve divided by the hazard ratio; with
    `survival_target = "mean"`, the mean d_mean_os_<strategy> of those strategies that have one. The standard
    error is |dr / d ln m| times that of ln m (delta method). Raises `InputError` where no rate meets the target.
    """
    draws = base_case_draws(inputs)
    targets = os_median(draws, inputs)[:, 0]
    found = []
    for i, strategy in enumerate(inputs.settings.strategy_names):
        target, summary = float(targets[i]), _median_of_survival
        if inputs.settings.survival_target == "mean" and f"d_mean_os_{strategy}" in inputs.parameters:
            mean = inputs.parameters[f"d_mean_os_{strategy}"]
            target, summary = mean.value * YEARS_PER[mean.unit], _mean_of_survival
        se_ln = _se_of_ln_target(inputs, strategy)
        value = _solve(inputs, i, target, summary)
        up, down = (_solve(inputs, i, target * math.exp(step), summary) for step in (_STEP, -_STEP))
        found.append(DerivedRate(strategy, target, se_ln, value, abs(up - down) / (2 * _STEP) * se_ln))
    return tuple(found)


def differences(inputs: Inputs, rates: Iterable[DerivedRate]) -> pd.DataFrame:
    """Derived rates beside those in the inputs; they agree when the inputs hold them to six and their errors to four digits."""
    rows = []
    for rate in rates:
        held = inputs.parameters[rate.name]
        agrees = held.value == float(f"{rate.value:.6g}") and held.se == float(f"{rate.se:.4g}")
        rows.append((rate.name, 12 * rate.target_years, rate.value, held.value, rate.se, held.se, agrees))
    columns = ["parameter", "target_median_os_months", "derived", "in_inputs", "derived_se", "se_in_inputs", "agrees"]
    return pd.DataFrame(rows, columns=columns)


def calibrated(inputs: Inputs) -> Inputs:
    """`inputs` with the rates of death after progression derived anew: for use after a median or a curve was changed."""
    parameters = dict(inputs.parameters)
    for rate in derive_rates(inputs):
        parameters[rate.name] = replace(parameters[rate.name], value=rate.value, se=rate.se, low=None, high=None)
    return replace(inputs, parameters=MappingProxyType(parameters))


def _se_of_ln_target(inputs: Inputs, strategy: str) -> float:
    """Standard error of ln(median overall survival), from the published interval (or of the hazard ratio that it rests on)."""

    def of_log(name: str) -> float:
        parameter = inputs.parameters[name]
        return parameter.uncertainty.second if parameter.is_uncertain else 0.0

    settings = inputs.settings
    intervention = next(name for name in settings.strategy_names if name != settings.comparator)
    known, other = strategy, ""
    if settings.comparator_survival == "hazard_ratio" and strategy == settings.comparator:
        known, other = intervention, intervention
    elif settings.intervention_survival == "hazard_ratio" and strategy != settings.comparator:
        known, other = settings.comparator, strategy
    ratio = of_log(f"hr_death_{other}") / inputs.parameters["shape_os"].value if other else 0.0
    return math.hypot(of_log(f"median_os_{known}"), ratio)


def _median_of_survival(alive: Array, target_years: float) -> float:
    """Share alive at the target, less one half; (cycle boundary,) in."""
    return float(np.interp(target_years / CYCLE_YEARS, np.arange(len(alive)), alive)) - 0.5


def _mean_of_survival(alive: Array, target_years: float) -> float:
    """Years lived within the horizon, less the target."""
    return float((alive[:-1] + alive[1:]).sum() / 2 * CYCLE_YEARS) - target_years


def _solve(inputs: Inputs, strategy: int, target_years: float, beyond: Callable[[Array, float], float]) -> float:
    """The rate at which `beyond(share alive, target)`, which falls with it, is zero."""
    name = f"r_death_progressed_{inputs.settings.strategy_names[strategy]}"
    base = base_case_draws(inputs)
    by_rate = inputs.with_settings(structure="state_transition", post_progression_mortality="by_strategy")

    def excess(rate: float) -> float:
        occupancy = trace(base | {name: np.array([rate])}, by_rate)
        return beyond((occupancy[PROGRESSION_FREE] + occupancy[PROGRESSED])[:, strategy, 0], target_years)

    too_late = target_years / CYCLE_YEARS > inputs.settings.n_cycles
    if too_late or excess(_LOWEST) < 0 or excess(_HIGHEST) > 0:
        problem = (
            f"no rate from {_LOWEST:g} to {_HIGHEST:g} a year gives an overall survival of {12 * target_years:.4g} months "
            f"({inputs.settings.survival_target})"
        )
        raise InputError(name, problem, "Check the medians of PFS and overall survival, and the horizon")
    return float(brentq(excess, _LOWEST, _HIGHEST, xtol=1e-12, rtol=1e-12))
