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
_MET = 1e-9  # share alive at the target, or years lived, within which a target is met


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

    The target is the median of the strategy's overall-survival curve without waning: the published median, or, for the comparator with
    `comparator_survival = "hazard_ratio"`, the median of the other strategy's curve divided by the hazard ratio; with
    `survival_target = "mean"`, the mean d_mean_os_<strategy> of those strategies that have one. The model meets it as its settings
    say, waning included. The standard error is by the delta method, from those of ln(median) and ln(hazard ratio) behind the targets
    that the rate depends on. Raises `InputError` where no rate meets the target.
    """
    targets = os_median(base_case_draws(inputs), inputs)[:, 0]
    by_mean = np.zeros(len(targets), dtype=bool)
    for i, strategy in enumerate(inputs.settings.strategy_names):
        if inputs.settings.survival_target == "mean" and f"d_mean_os_{strategy}" in inputs.parameters:
            mean = inputs.parameters[f"d_mean_os_{strategy}"]
            targets[i], by_mean[i] = mean.value * inputs.settings.years_per(mean.unit), True
    moved, se_ln = _behind_targets(inputs)
    shifts = np.concatenate([np.zeros((len(targets), 1)), _STEP * moved, -_STEP * moved], axis=1)
    rates = _solved(inputs, targets[:, None] * np.exp(shifts), by_mean)
    slopes = (rates[:, 1 : 1 + len(se_ln)] - rates[:, 1 + len(se_ln) :]) / (2 * _STEP)
    errors, se_ln_targets = (np.hypot.reduce(by * se_ln, axis=1) for by in (slopes, moved))
    return tuple(
        DerivedRate(name, float(targets[i]), float(se_ln_targets[i]), float(rates[i, 0]), float(errors[i]), bool(by_mean[i]))
        for i, name in enumerate(inputs.settings.strategy_names)
    )


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
    """`inputs` with the rates of death after progression derived anew: for use after a median or a curve was changed. Inputs without such
    rates, which partitioned survival does not need, are left as they are.
    """
    parameters = dict(inputs.parameters)
    if not any(name.startswith("r_death_progressed_") for name in parameters):
        return inputs
    for rate in derive_rates(inputs):
        held = parameters[rate.name]
        status = "derived" if held.source else "assumed"  # of what was assumed, nothing is derived from a source
        kind = "mean" if rate.by_mean else "median"
        note = f"Derived anew so that the model's {kind} overall survival is {12 * rate.target_years:.6g} months."
        parameters[rate.name] = replace(held, value=rate.value, se=rate.se, low=None, high=None, status=status, note=note)
    return replace(inputs, parameters=MappingProxyType(parameters))


def _behind_targets(inputs: Inputs) -> tuple[Array, Array]:
    """What the targets rest on, medians and hazard ratios: d ln(target) for a change of each source that moves it by 1 in ln,
    (strategy, source), and the standard error of ln(target) that comes from each.
    """
    settings = inputs.settings
    intervention = settings.interventions[0]
    moves: dict[str, dict[str, float]] = {}
    for strategy in settings.strategy_names:
        known, other = strategy, ""
        if settings.comparator_survival == "hazard_ratio" and strategy == settings.comparator:
            known = other = intervention
        elif settings.intervention_survival == "hazard_ratio" and strategy != settings.comparator:
            known, other = settings.comparator, strategy
        moves.setdefault(f"median_os_{known}", {})[strategy] = 1.0
        if other:
            moves.setdefault(f"hr_death_{other}", {})[strategy] = 1.0

    def of_log(name: str) -> float:
        parameter = inputs.parameters.get(name)
        if parameter is None:  # a fitted curve stands in its place
            problem = "it is not there, and the error of the derived rate is taken from its interval"
            raise InputError(f"parameter {name}", problem, "Give it beside the curve that was fitted")
        own = parameter.uncertainty.second if parameter.is_uncertain else 0.0
        return own / inputs.parameters["shape_os"].value if name.startswith("hr_") else own

    table = np.array([[moved.get(strategy, 0.0) for moved in moves.values()] for strategy in settings.strategy_names])
    return table, np.array([of_log(name) for name in moves])


def _solved(inputs: Inputs, targets: Array, by_mean: NDArray[np.bool_]) -> Array:
    """Rates per year at which survival meets each of `targets` in years, (strategy, target): medians, or means where `by_mean`.

    Under waning the others' survival depends on the comparator's rate, which is solved first. That the targets are met is
    looked at with all rates in the model together.
    """
    names = inputs.settings.strategy_names
    everyone, first = list(range(len(names))), names.index(inputs.settings.comparator)
    order = [everyone] if inputs.settings.effect_waning is None else [[first], [i for i in everyone if i != first]]
    log_rates = np.zeros_like(targets)
    for rows in order:
        log_rates = _searched(inputs, targets, by_mean, log_rates, rows)
    missed = np.abs(_excess(inputs, targets, by_mean, log_rates[..., None]))[..., 0] > _MET
    _refuse_unmet(inputs, targets, missed)
    result: Array = np.exp(log_rates)
    return result


def _searched(inputs: Inputs, targets: Array, by_mean: NDArray[np.bool_], log_rates: Array, rows: Sequence[int]) -> Array:
    """`log_rates` with those of `rows` at which these strategies meet their targets, given the others' rates.

    Survival falls with a strategy's own rate, so the interval that holds the solution is cut into `_PARTS` until nothing is left of
    it: each step is one run of the model with all rates of all strategies as draws.
    """
    searched = np.isin(np.arange(len(targets)), rows)[:, None]
    low, high = np.where(searched, math.log(_LOWEST), log_rates), np.where(searched, math.log(_HIGHEST), log_rates)
    for step in range(_CUTS):
        places = low[..., None] + (high - low)[..., None] * np.linspace(0.0, 1.0, _PARTS + 1)  # (strategy, target, place)
        excess = _excess(inputs, targets, by_mean, places)
        if step == 0:
            _refuse_unmet(inputs, targets, searched & ((excess[..., 0] < 0) | (excess[..., -1] > 0)))
        below = (excess >= 0).sum(axis=-1, keepdims=True) - 1  # the last place at which people still live too long
        low, high = (np.take_along_axis(places, np.clip(below + k, 0, _PARTS), axis=-1)[..., 0] for k in (0, 1))
    result: Array = (low + high) / 2
    return result


def _excess(inputs: Inputs, targets: Array, by_mean: NDArray[np.bool_], log_rates: Array) -> Array:
    """By how much people live too long at these rates, (strategy, target, place): share alive at the target, or years lived."""
    by_rate = inputs.with_settings(structure="state_transition", post_progression_mortality="by_strategy")
    names = [f"r_death_progressed_{strategy}" for strategy in inputs.settings.strategy_names]
    rates = {name: np.exp(log_rates[i]).ravel() for i, name in enumerate(names)}
    count = log_rates[0].size
    base = {name: np.repeat(value, count) for name, value in base_case_draws(inputs).items()}
    occupancy = trace(NamedDraws(base | rates), by_rate)
    alive = (occupancy[PROGRESSION_FREE] + occupancy[PROGRESSED]).reshape(-1, *log_rates.shape)
    years = inputs.settings.cycle_years
    result: Array = np.where(by_mean[:, None, None], _mean_excess(alive, targets, years), _median_excess(alive, targets, years))
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


def _refuse_unmet(inputs: Inputs, targets: Array, missed: NDArray[np.bool_]) -> None:
    """Refuse targets that lie beyond the horizon, or that no rate between the lowest and the highest meets."""
    unmet = missed | (targets / inputs.settings.cycle_years > inputs.settings.n_cycles)
    if unmet.any():
        raise InputError.together(
            Fault(
                f"r_death_progressed_{strategy}",
                f"no rate from {_LOWEST:g} to {_HIGHEST:g} a year gives an overall survival of {12 * targets[i, 0]:.4g} months",
                "Check the medians of PFS and overall survival, the waning, and the horizon",
            )
            for i, strategy in enumerate(inputs.settings.strategy_names)
            if unmet[i].any()
        )
