"""Deriving the rate of death after progression: the model's median overall survival meets its published target.

The rate is derived once and stored in the inputs with its target and standard error; this is the step that repeats it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hemodel.cohort.model import trace
from hemodel.cohort.model.curves import os_median
from hemodel.cohort.structures import PROGRESSED, PROGRESSION_FREE
from hemodel.errors import Fault, InputError
from hemodel.evidence.draws import NamedDraws, base_case_draws
from hemodel.evidence.inputs import Inputs

Array = NDArray[np.float64]
_LOWEST, _HIGHEST = 1e-6, 100.0  # rates per year between which the solution is looked for
_PARTS, _CUTS = 32, 12  # 32^12 parts of the logarithms of that range: to the last bit
_STEP = 1e-3  # of ln(target), for the derivative of the rate


@dataclass(frozen=True)
class DerivedRate:
    """Rate of death after progression of one strategy, per year, with what it was derived from: a median, or a mean."""

    strategy: str
    target_years: float
    se_ln_target: float
    value: float
    se: float
    by_mean: bool = False

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
    targets = os_median(base_case_draws(inputs), inputs)[:, 0]
    by_mean = np.zeros(len(targets), dtype=bool)
    for i, strategy in enumerate(inputs.settings.strategy_names):
        if inputs.settings.survival_target == "mean" and f"d_mean_os_{strategy}" in inputs.parameters:
            mean = inputs.parameters[f"d_mean_os_{strategy}"]
            targets[i], by_mean[i] = mean.value * inputs.settings.years_per(mean.unit), True
    rates = _solved(inputs, targets[:, None] * np.exp([0.0, _STEP, -_STEP]), by_mean)
    found = []
    for i, strategy in enumerate(inputs.settings.strategy_names):
        se_ln = _se_of_ln_target(inputs, strategy)
        slope = abs(rates[i, 1] - rates[i, 2]) / (2 * _STEP)
        found.append(DerivedRate(strategy, float(targets[i]), se_ln, float(rates[i, 0]), float(slope) * se_ln, bool(by_mean[i])))
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
        held = parameters[rate.name]
        status = "derived" if held.source else "assumed"  # of what was assumed, nothing is derived from a source
        kind = "mean" if rate.by_mean else "median"
        note = f"Derived anew so that the model's {kind} overall survival is {12 * rate.target_years:.6g} months."
        parameters[rate.name] = replace(held, value=rate.value, se=rate.se, low=None, high=None, status=status, note=note)
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


def _solved(inputs: Inputs, targets: Array, by_mean: NDArray[np.bool_]) -> Array:
    """Rates per year at which survival meets each of `targets` in years, (strategy, target): medians, or means where `by_mean`.

    Survival falls with the rate, so the interval that holds the solution is cut into `_PARTS` until nothing is left of it: each step
    is one run of the model with all rates of all strategies as draws.
    """
    by_rate = inputs.with_settings(structure="state_transition", post_progression_mortality="by_strategy")
    names = [f"r_death_progressed_{strategy}" for strategy in inputs.settings.strategy_names]
    count = targets.shape[1]
    base = {name: np.repeat(value, count * (_PARTS + 1)) for name, value in base_case_draws(inputs).items()}
    low, high = np.full(targets.shape, math.log(_LOWEST)), np.full(targets.shape, math.log(_HIGHEST))
    for step in range(_CUTS):
        places = low[..., None] + (high - low)[..., None] * np.linspace(0.0, 1.0, _PARTS + 1)  # (strategy, target, place)
        rates = {name: np.exp(places[i]).ravel() for i, name in enumerate(names)}
        occupancy = trace(NamedDraws(base | rates), by_rate)
        alive = (occupancy[PROGRESSION_FREE] + occupancy[PROGRESSED]).reshape(-1, *places.shape)
        cycle_years = inputs.settings.cycle_years
        excess = np.where(
            by_mean[:, None, None], _mean_excess(alive, targets, cycle_years), _median_excess(alive, targets, cycle_years)
        )
        if step == 0:
            _refuse_unmet(inputs, names, targets, excess)
        below = (excess >= 0).sum(axis=-1, keepdims=True) - 1  # the last place at which people still live too long
        low, high = (np.take_along_axis(places, np.clip(below + k, 0, _PARTS), axis=-1)[..., 0] for k in (0, 1))
    result: Array = np.exp((low + high) / 2)
    return result


def _median_excess(alive: Array, targets: Array, cycle_years: float) -> Array:
    """Share alive at the target, linear within a cycle, less one half; `alive` is (boundary, strategy, target, place)."""
    position = np.minimum(targets / cycle_years, len(alive) - 1.0)
    before = np.minimum(position.astype(np.intp), len(alive) - 2)
    first, second = (np.take_along_axis(alive, (before + k)[None, ..., None], axis=0)[0] for k in (0, 1))
    result: Array = first + (position - before)[..., None] * (second - first) - 0.5
    return result


def _mean_excess(alive: Array, targets: Array, cycle_years: float) -> Array:
    """Years lived within the horizon, by the trapezium rule, less the target."""
    result: Array = (alive[:-1] + alive[1:]).sum(axis=0) / 2 * cycle_years - targets[..., None]
    return result


def _refuse_unmet(inputs: Inputs, names: Sequence[str], targets: Array, excess: Array) -> None:
    """Refuse targets that lie beyond the horizon, or that no rate between the lowest and the highest meets."""
    unmet = (targets / inputs.settings.cycle_years > inputs.settings.n_cycles) | (excess[..., 0] < 0) | (excess[..., -1] > 0)
    if unmet.any():
        raise InputError.together(
            Fault(
                name,
                f"no rate from {_LOWEST:g} to {_HIGHEST:g} a year gives an overall survival of {12 * targets[i, 0]:.4g} months",
                "Check the medians of PFS and overall survival, and the horizon",
            )
            for i, name in enumerate(names)
            if unmet[i].any()
        )
