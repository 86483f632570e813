"""Survival curves as cumulative hazards H(t) = -ln S(t); time in years."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
LN_2 = math.log(2.0)


def weibull_rate(median: Array, shape: Array) -> Array:
    """Coefficient m of the Weibull cumulative hazard H(t) = m t^shape with the given median: m = ln 2 / median^shape.

    In flexsurv's words `weibullPH(shape, scale = m)`; the AFT scale is median / (ln 2)^(1/shape).

    >>> float(weibull_rate(np.array([2.0]), np.array([1.0])).round(9)[0]) == round(math.log(2) / 2, 9)
    True
    """
    result: Array = LN_2 * np.exp(-shape * np.log(median))
    return result


def weibull_median(rate: Array, shape: Array) -> Array:
    """Median of the Weibull with H(t) = rate t^shape: (ln 2 / rate)^(1/shape).

    >>> weibull_median(weibull_rate(np.array([2.0]), np.array([1.3])), np.array([1.3])).round(9)
    array([2.])
    """
    return np.exp(np.log(LN_2 / rate) / shape)


def log_times(n_cycles: int, cycle_years: float) -> Array:
    """Logarithm of the cycle boundaries 0, 1, ..., n_cycles in years, shape (n_cycles + 1,); -inf at time 0, where t^shape is 0."""
    with np.errstate(divide="ignore"):
        times: Array = np.log(np.arange(n_cycles + 1) * cycle_years)
    return times


def median_time(share: Array, step_years: float) -> float:
    """Time in years at which a falling share at equally spaced times, shape (time,), first reaches one half; linear within a step.

    NaN where it stays above one half.

    >>> median_time(np.array([1.0, 0.75, 0.25]), 2.0)
    3.0
    """
    below = np.flatnonzero(share <= 0.5)
    if not len(below):
        return math.nan
    after = int(below[0])
    before = share[after - 1]
    return float((after - 1 + (before - 0.5) / (before - share[after])) * step_years)
