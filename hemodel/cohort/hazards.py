"""Curves as the loop over cycles sees them: by how much ln S changes over each cycle, for a whole table of draws.

ln S and not S, because hazards are compared, mixed and floored within a cycle, and the change of ln S is the negative of the
increment of the cumulative hazard.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from hemodel.survival.families import Family

Array = NDArray[np.float64]


class Hazard(ABC):
    """Curves of a table of draws: called with a cycle they give ln S(end of cycle) - ln S(start), never positive, (strategy, draw).

    They are called for cycles 0, 1, 2, ... in this order, each as often as somebody asks; the array may be overwritten when the next cycle
    is asked for. `is_constant`: it is the same in every cycle, so that what follows from it is worked out once.
    """

    is_constant = False

    @abstractmethod
    def __call__(self, cycle: int) -> Array:
        """The change of ln S over a cycle."""


class Constant(Hazard):
    """The same change of ln S in every cycle."""

    is_constant = True

    def __init__(self, step: Array) -> None:
        self.step = step

    def __call__(self, cycle: int) -> Array:
        """The change of ln S over any cycle."""
        return self.step


class _Changed(Hazard):
    def __init__(self, steps: Hazard, how: Callable[[Array], Array]) -> None:
        self._steps, self._how = steps, how

    def __call__(self, cycle: int) -> Array:
        return self._how(self._steps(cycle))


class _Weibull(Hazard):
    def __init__(self, rate: Array, shape: Array, log_time: Array) -> None:
        self._minus_rate, self._shape, self._log_time = -rate, shape, log_time
        self._before, self._now, self._step = (
            np.zeros_like(shape),
            np.empty_like(shape),
            np.empty_like(shape),
        )  # t^k, t'^k, t'^k - t^k
        self._cycle, self._change = -1, np.empty_like(rate)

    def __call__(self, cycle: int) -> Array:
        if cycle == self._cycle:
            return self._change
        self._cycle = cycle
        np.exp(np.multiply(self._shape, self._log_time[cycle + 1], out=self._now), out=self._now)
        np.subtract(self._now, self._before, out=self._step)
        self._before, self._now = self._now, self._before
        return np.multiply(self._minus_rate, self._step, out=self._change)


class _LogSurvival(Hazard):
    """Differences of ln S at cycle boundaries; `log_survival` is asked for the boundaries 1, 2, ... in their order."""

    def __init__(self, log_survival: Callable[[int], Array], shape: tuple[int, ...]) -> None:
        self._log_survival, self._before = log_survival, np.zeros(shape)
        self._cycle, self._change = -1, self._before

    def __call__(self, cycle: int) -> Array:
        if cycle != self._cycle:
            now = self._log_survival(cycle + 1)
            self._cycle, self._change, self._before = cycle, now - self._before, now
        return self._change


class _Chosen(Hazard):
    def __init__(self, by_row: Sequence[tuple[Hazard, Sequence[int]]], shape: tuple[int, ...]) -> None:
        self._by_row = [(steps, list(rows)) for steps, rows in by_row]
        self._change = np.empty(shape)

    def __call__(self, cycle: int) -> Array:
        for steps, rows in self._by_row:
            self._change[rows] = steps(cycle)[rows]
        return self._change


class _Waned(Hazard):
    def __init__(self, steps: Hazard, comparator: int, gone: Array) -> None:
        self._steps, self._comparator, self._gone = steps, comparator, gone

    def __call__(self, cycle: int) -> Array:
        own, v = self._steps(cycle), self._gone[cycle]
        return own if v == 0 else (1.0 - v) * own + v * own[self._comparator]


def constant(rate: Array, cycle_years: float) -> Hazard:
    """A constant hazard of `rate` per year, (strategy, draw)."""
    return Constant(-cycle_years * rate)


def changed(steps: Hazard, how: Callable[[Array], Array]) -> Hazard:
    """Hazards made from others, cycle by cycle; once where those are constant."""
    return Constant(how(steps(0))) if steps.is_constant else _Changed(steps, how)


def scaled(steps: Hazard, factor: Array) -> Hazard:
    """Hazards times `factor`, (draw,) or (strategy, draw)."""
    return changed(steps, lambda change: factor * change)


def at_least(steps: Hazard, hazard: Array) -> Hazard:
    """Hazards of at least `hazard` a cycle, (draw,)."""
    return changed(steps, lambda change: np.minimum(change, -hazard))


def weibull(rate: Array, shape: Array, log_time: Array) -> Hazard:
    """Weibull curves with cumulative hazard m t^k: m is `rate`, (strategy, draw); k is `shape`, (draw,) or (strategy, draw).

    `log_time`: ln of the cycle boundaries in years. A shape that the strategies share costs one exponential a draw and cycle.
    """
    return _Weibull(rate, shape, log_time)


def of_family(family: Family, parameters: Sequence[Array], years: Array) -> Hazard:
    """Curves of any family of `survival.families`; its parameters are (draw,) or (strategy, draw), `years` the cycle boundaries."""

    def log_survival(boundary: int) -> Array:
        return -np.asarray(family.cumulative_hazard(years[boundary], *parameters))

    return _LogSurvival(log_survival, np.broadcast_shapes(*(p.shape for p in parameters)))


def of_mixture(shares: Sequence[Array], rates: Sequence[Array], years: Array) -> Hazard:
    """S(t) = sum of share times exp(-rate t) over classes of patients who differ in their constant rate, each (strategy, draw)."""

    def log_survival(boundary: int) -> Array:
        nobody = np.zeros_like(rates[0])
        return np.log(sum((w * np.exp(-r * years[boundary]) for w, r in zip(shares, rates, strict=True)), nobody))

    return _LogSurvival(log_survival, rates[0].shape)


def chosen(by_row: Sequence[tuple[Hazard, Sequence[int]]], shape: tuple[int, ...]) -> Hazard:
    """Rows (strategies) of several curves in one: each entry gives a curve and the rows that are taken from it."""
    return _Chosen(by_row, shape)


def with_waning(steps: Hazard, comparator: int, gone: Array) -> Hazard:
    """Hazards that go over to those of the comparator: in cycle c the share `gone[c]` of the difference is gone.

    NICE's "hazards equalised" form, h = (1 - v) h_own + v h_comparator; `gone` is v averaged over each cycle (`ramp`).
    """
    return _Waned(steps, comparator, gone)


class Floored(Hazard):
    """Hazards of at least the general population's: `floor` holds the increments of its cumulative hazard, (cycle, 1) or (cycle, draw)."""

    def __init__(self, steps: Hazard, floor: Array) -> None:
        self._steps, self._floor = steps, floor
        self._highest = float(steps(0).max()) if steps.is_constant else np.inf

    def __call__(self, cycle: int) -> Array:
        """The change of ln S over a cycle."""
        change, floor = self._steps(cycle), self._floor[cycle]
        return change if self._highest <= -floor.max() else np.minimum(change, -floor)


class Survivors:
    """Called with a cycle: the share who survive it under a hazard of at least the general population's, (strategy, draw)."""

    def __init__(self, steps: Hazard, floor: Array) -> None:
        self._steps, self._of_floor = steps, np.exp(-floor)
        self._lowest = self._of_floor.min(axis=1).tolist()
        self._constant = np.exp(steps(0)) if steps.is_constant else None
        self._highest = np.inf if self._constant is None else float(self._constant.max())

    def __call__(self, cycle: int) -> Array:
        """The share who survive the cycle."""
        stay = np.exp(self._steps(cycle)) if self._constant is None else self._constant
        return stay if self._lowest[cycle] >= self._highest else np.minimum(stay, self._of_floor[cycle])


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
