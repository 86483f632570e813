"""Sums over the cycles of one occupancy: all that costs and QALYs need of a trace, so that no trace has to be kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from hemodel.cohort import payoffs

Array = NDArray[np.float64]


class CycleSums:
    """Sums over cycle starts of an occupancy of shape (strategy, draw), plain and discounted, split at the cycles `cuts`.

    `rates`: annual discount rates, 0 for the plain sum. The loop over cycles calls `add` for cycles 0, ..., n_cycles - 1 in
    order and `close` with the occupancy at the end; everything else is arithmetic on the sums.
    """

    def __init__(self, rates: Iterable[float], *, n_cycles: int, cycle_years: float, cuts: Sequence[int] = ()) -> None:
        starts = np.arange(n_cycles) * cycle_years
        self.n_cycles = n_cycles
        self.cycle_years = cycle_years
        self.cuts = sorted({min(cut, n_cycles) for cut in cuts})
        self.weights = {rate: payoffs.discount_factors(rate, starts) for rate in rates}
        self.parts: dict[float, list[Array]] = {rate: [] for rate in self.weights}
        self._new_parts = Counter([0, *self.cuts])  # how many parts begin with a cycle
        self.first = self.last = self._weighted = np.empty(0)

    def add(self, cycle: int, shares: Array) -> None:
        """Add the occupancy at the start of `cycle`."""
        if cycle == 0:
            self.first, self._weighted = shares.copy(), np.empty_like(shares)
        for rate, parts in self.parts.items():
            for _ in range(self._new_parts.get(cycle, 0)):
                parts.append(np.zeros_like(shares))
            parts[-1] += shares if rate == 0 else np.multiply(shares, self.weights[rate][cycle], out=self._weighted)

    def close(self, shares: Array) -> None:
        """Take the occupancy at the end of the last cycle and join the parts: part i then holds all cycles up to its cut."""
        self.last = shares.copy()
        for parts in self.parts.values():
            for before, part in pairwise(parts):
                part += before

    def at_starts(self, rate: float, upto: int | None = None) -> Array:
        """Sum of v^c x_c over all cycles, or over those before the cut `upto`; not to be changed in place."""
        parts = self.parts[rate]
        return parts[-1] if upto is None else parts[min(sum(cut < upto for cut in self.cuts), len(parts) - 1)]

    def at_ends(self, rate: float) -> Array:
        """Sum of v^c x_{c+1} over all cycles."""
        factor = self.cycle_factor(rate)
        return payoffs.sums_at_ends(self.at_starts(rate), self.first, self.last, cycle_factor=factor, n_cycles=self.n_cycles)

    def years(self, rate: float, count: str) -> Array:
        """Person-years, discounted at mid-cycle; `count` as in `payoffs.years_in_state`."""
        factor = self.cycle_factor(rate)
        return payoffs.years_in_state(
            self.at_starts(rate), self.at_ends(rate), cycle_factor=factor, cycle_years=self.cycle_years, count=count
        )

    def leavers(self, rate: float) -> Array:
        """Number who leave for good, discounted at mid-cycle."""
        return payoffs.people_who_leave(self.at_starts(rate), self.at_ends(rate), cycle_factor=self.cycle_factor(rate))

    def cycle_factor(self, rate: float) -> float:
        """Discount factor of one cycle."""
        return float(payoffs.discount_factors(rate, self.cycle_years))


class WeightedYears:
    """Person-years in a state, each cycle with a weight of its own, (cycle, 1) or (cycle, draw): time counted as `count` says.

    For weights that are not powers of one factor, so that the sum over ends does not follow from that over starts: a cycle's weight
    goes to the occupancy at its start, at its end, or half to each ("life_table").
    """

    def __init__(self, weights: Array, count: str) -> None:
        nothing = np.zeros_like(weights[:1])
        at_start, at_end = np.concatenate([weights, nothing]), np.concatenate([nothing, weights])
        self._weights = {"life_table": (at_start + at_end) / 2, "start": at_start, "end": at_end}[count]
        self.total = np.empty(0)

    def add(self, boundary: int, shares: Array) -> None:
        """Add the occupancy at a cycle boundary 0, ..., n_cycles."""
        if boundary == 0:
            self.total = np.zeros_like(shares)
        self.total += self._weights[boundary] * shares
