"""Payoffs: a weight per cycle times an occupancy or a flow times a value per draw.

With the discount factor v per cycle, everything that a payoff of the model asks of a state follows from two sums over the
starts of its cycles, plain (v = 1) and discounted: what the state holds at the *ends* of the cycles is the same sum shifted by
one. So the loop over cycles adds up starts only, and costs and QALYs are products afterwards.

`payoff` is for anybody's model that `engine.run_cohort` ran: it takes a whole trace.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hemodel.cohort.engine import Trace
from hemodel.errors import InputError

Array = NDArray[np.float64]


def discount_factors(rate: float, years: ArrayLike, *, by_year: bool = False) -> Array:
    """(1 + rate)^-years, for an annual effective `rate` and times in years: 3.5 % a year stays 3.5 % at any cycle length.

    `by_year`: whole years only, so that all of the first year counts in full, all of the second once discounted, and so on.

    >>> discount_factors(0.035, [0, 1]).round(6)
    array([1.      , 0.966184])
    """
    times = np.asarray(years, dtype=np.float64)
    times = np.floor(times + 1e-9) if by_year else times  # a time that is a whole year but for rounding is one
    result: Array = np.exp(-np.log1p(rate) * times)
    return result


def sums_at_ends(starts: Array, first: Array, last: Array, *, cycle_factor: float, n_cycles: int) -> Array:
    """Sum of v^c x_{c+1} over cycles c = 0..n-1, from the sum of v^c x_c over the same cycles, x_0 and x_n.

    `starts`, `first`, `last`: shape (..., draw); `cycle_factor` is v, the discount factor of one cycle.

    >>> x = np.array([1.0, 0.5, 0.25])
    >>> float(sums_at_ends(x[0] + 0.9 * x[1], x[0], x[2], cycle_factor=0.9, n_cycles=2).round(12)) == round(0.5 + 0.9 * 0.25, 12)
    True
    """
    return (starts - first + cycle_factor**n_cycles * last) / cycle_factor


def years_in_state(starts: Array, ends: Array, *, cycle_years: float, count: str) -> Array:
    """Person-years in a state. A cycle counts the mean of its start and end (`count` "life_table"; or "start", "end").

    `starts`, `ends`: sums of the occupancy at the starts and at the ends of cycles, both discounted from the same place in the cycle.
    """
    people = {"life_table": (starts + ends) / 2, "start": starts, "end": ends}[count]
    result: Array = cycle_years * people
    return result


def payoff(trace: Trace, values: Mapping[str, ArrayLike], weights: ArrayLike) -> Array:
    """Sum over states and cycle boundaries of weight times occupancy times value, shape (draw,).

    `values`: state -> payoff per cycle, scalar or (draw,). `weights`: shape (n_cycles + 1,), one for each boundary 0..n_cycles:
    any published counting rule (cycle ends: 0, 1, ..., 1; trapezium: 1/2, 1, ..., 1, 1/2; times discount factors).

    >>> from hemodel.cohort.engine import run_cohort
    >>> payoff(run_cohort({"well": 1.0}, {("well", "dead"): 0.5}, 2), {"well": 100.0}, [0, 1, 1])
    array([75.])
    """
    w = np.asarray(weights, dtype=np.float64)
    if w.shape != (trace.n_cycles + 1,):
        raise InputError(
            "weights",
            f"the shape {w.shape} does not fit",
            f"Give one weight for each of the {trace.n_cycles + 1} cycle boundaries",
        )
    total: Array = np.zeros(next(iter(trace.occupancy.values())).shape[1])
    for state, value in values.items():
        total = total + np.asarray(value, dtype=np.float64) * (w[:, None] * trace.occupancy[state]).sum(axis=0)
    return total
