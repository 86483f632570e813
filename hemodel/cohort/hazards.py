"""Curves as the loop over cycles sees them: by how much ln S changes over each cycle, for a whole table of draws.

ln S and not S, because hazards are compared, mixed and floored within a cycle, and the change of ln S is the negative of the
increment of the cumulative hazard.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from hemodel.survival.families import Family

Array = NDArray[np.float64]
LogSteps = Callable[[int], Array]
"""Cycle -> ln S(end of cycle) - ln S(start), never positive, shape (strategy, draw). Asked for cycles 0, 1, 2, ... in this order;
the array may be overwritten by the next call."""


def constant(rate: Array, cycle_years: float) -> LogSteps:
    """A constant hazard of `rate` per year, (strategy, draw)."""
    step = -cycle_years * rate
    return lambda _cycle: step


def scaled(steps: LogSteps, factor: Array) -> LogSteps:
    """Hazards times `factor`, (draw,); worked out once for as long as `steps` are the same array."""
    known = found = np.empty(0)

    def over(cycle: int) -> Array:
        nonlocal known, found
        change = steps(cycle)
        if change is not known:
            known, found = change, factor * change
        return found

    return over


def at_least(steps: LogSteps, hazard: Array) -> LogSteps:
    """Hazards of at least `hazard` a cycle, (draw,)."""
    return lambda cycle: np.minimum(steps(cycle), -hazard)


def weibull(rate: Array, shape: Array, log_time: Array) -> LogSteps:
    """Weibull curves with cumulative hazard m t^k: m is `rate`, (strategy, draw); k is `shape`, (draw,) or (strategy, draw).

    `log_time`: ln of the cycle boundaries in years. A shape that the strategies share costs one exponential a draw and cycle.
    """
    minus_rate = -rate
    power, next_power, step = np.zeros_like(shape), np.empty_like(shape), np.empty_like(shape)  # t^k, t'^k, t'^k - t^k
    change = np.empty_like(rate)

    def over(cycle: int) -> Array:
        nonlocal power, next_power
        np.exp(np.multiply(shape, log_time[cycle + 1], out=next_power), out=next_power)
        np.subtract(next_power, power, out=step)
        power, next_power = next_power, power
        return np.multiply(minus_rate, step, out=change)

    return over


def of_family(family: Family, parameters: Sequence[Array], years: Array) -> LogSteps:
    """Curves of any family of `survival.families`; its parameters are (draw,) or (strategy, draw), `years` the cycle boundaries."""
    before = np.zeros(np.broadcast_shapes(*(p.shape for p in parameters)))

    def over(cycle: int) -> Array:
        nonlocal before
        now: Array = family.cumulative_hazard(years[cycle + 1], *parameters)
        change, before = before - now, now
        return change

    return over


def of_mixture(shares: Sequence[Array], rates: Sequence[Array], years: Array) -> LogSteps:
    """S(t) = sum of share times exp(-rate t) over classes of patients who differ in their constant rate, each (strategy, draw)."""
    before = np.zeros_like(rates[0])

    def over(cycle: int) -> Array:
        nonlocal before
        now = np.log(sum((w * np.exp(-r * years[cycle + 1]) for w, r in zip(shares, rates, strict=True)), np.zeros_like(before)))
        change, before = now - before, now
        return change

    return over


def chosen(by_row: Sequence[tuple[LogSteps, Sequence[int]]], shape: tuple[int, ...]) -> LogSteps:
    """Rows (strategies) of several curves in one: each entry gives a curve and the rows that are taken from it."""
    change = np.empty(shape)

    def over(cycle: int) -> Array:
        for steps, rows in by_row:
            rows = list(rows)
            change[rows] = steps(cycle)[rows]
        return change

    return over


def with_waning(steps: LogSteps, comparator: int, gone: Array) -> LogSteps:
    """Hazards that go over to those of the comparator: in cycle c the share `gone[c]` of the difference is gone.

    NICE's "hazards equalised" form, h = (1 - v) h_own + v h_comparator; `gone` is v averaged over each cycle (`ramp`).
    """

    def over(cycle: int) -> Array:
        own, v = steps(cycle), gone[cycle]
        return own if v == 0 else (1.0 - v) * own + v * own[comparator]

    return over


def ramp(begin_years: float, end_years: float, years: Array) -> Array:
    """Mean over each cycle of a share that is 0 up to `begin_years`, 1 from `end_years` and linear between, shape (cycle,).

    Exact for every cycle, also those in which the ramp begins or ends; `years` are the cycle boundaries.

    >>> ramp(1.0, 2.0, np.array([0.0, 1.0, 2.0, 3.0]))
    array([0. , 0.5, 1. ])
    """
    beyond = np.maximum(years - begin_years, 0.0)
    width = end_years - begin_years
    if width > 0:
        rising = np.minimum(beyond, width)
        beyond = rising * rising / (2 * width) + (beyond - rising)
    return np.diff(beyond) / np.diff(years)
