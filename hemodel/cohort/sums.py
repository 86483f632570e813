"""Sums over the cycles of one occupancy: all that costs and QALYs need of a trace, so that no trace has to be kept.

With the same factor from every cycle to the next, sums over the *ends* of cycles follow from those over starts, shifted by one, and
sums discounted from another part of the cycle by a factor. With discounting by whole years they do not, and are added up beside them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from hemodel.cohort import payoffs

Array = NDArray[np.float64]


PART_OF_CYCLE = {"start": 0.0, "middle": 0.5, "end": 1.0}
"""Where in a cycle something is discounted -> how much of the cycle has passed."""


@dataclass(frozen=True)
class Calendar:
    """Cycles of a run, and how time is discounted: exactly, or by whole years (all of the first year counts in full).

    `purchases`, `time`, `events`: from where in its cycle what is bought, time in a state, and an event are discounted.
    """

    n_cycles: int
    cycle_years: float
    by_year: bool = False
    purchases: str = "start"
    time: str = "middle"
    events: str = "middle"

    def discounted(self, rate: float, years: Array | float) -> Array:
        """Discount factor at times in years from the start."""
        return payoffs.discount_factors(rate, years, by_year=self.by_year)

    @property
    def starts(self) -> Array:
        """Time of the start of each cycle in years, (cycle,)."""
        return np.arange(self.n_cycles, dtype=np.float64) * self.cycle_years

    @property
    def middles(self) -> Array:
        """Time of the middle of each cycle in years, (cycle,)."""
        return self.at("middle")

    def at(self, place: str) -> Array:
        """Time of a place in each cycle ("start", "middle" or "end") in years, (cycle,)."""
        return (np.arange(self.n_cycles, dtype=np.float64) + PART_OF_CYCLE[place]) * self.cycle_years


class CycleSums:
    """Sums over cycle starts of an occupancy of shape (strategy, draw), plain and discounted, split at the cycles `cuts`.

    `rates`: annual discount rates, 0 for the plain sum. The loop over cycles calls `add` for cycles 0, ..., n_cycles - 1 in
    order and `close` with the occupancy at the end; everything else is arithmetic on the sums. `RunningSums`: as they stand after
    every cycle.
    """

    def __init__(self, rates: Iterable[float], calendar: Calendar, *, cuts: Sequence[int] = ()) -> None:
        self.calendar, self.n_cycles = calendar, calendar.n_cycles
        self.cuts = sorted({min(cut, self.n_cycles) for cut in cuts})
        self._factors = {
            rate: calendar.discounted(rate, calendar.at(calendar.purchases)).tolist() for rate in rates
        }  # numbers: faster one by one
        self.parts: dict[float, list[Array]] = {rate: [] for rate in self._factors}
        self._new_parts = Counter([0, *self.cuts])  # how many parts begin with a cycle
        self.first = self.last = self._weighted = np.empty(0)
        by_year = [rate for rate in self._factors if rate and calendar.by_year]
        places = {calendar.time, calendar.events}
        self._whole_years = {(rate, at): calendar.discounted(rate, calendar.at(at)) for rate in by_year for at in sorted(places)}
        self._found: dict[
            tuple[float, str], tuple[Array, Array]
        ] = {}  # sums of starts and of ends; those by year are added up in the loop

    def add(self, cycle: int, shares: Array) -> None:
        """Add the occupancy at the start of `cycle`."""
        if cycle == 0:
            self.first, self._weighted = shares.copy(), np.empty_like(shares)
            self._found = {key: (np.zeros_like(shares), np.zeros_like(shares)) for key in self._whole_years}
        for _ in range(self._new_parts.get(cycle, 0)):
            for parts in self.parts.values():
                parts.append(np.zeros_like(shares))
        for rate, parts in self.parts.items():
            weighted = np.multiply(shares, self._factors[rate][cycle], out=self._weighted) if rate else shares
            np.add(parts[-1], weighted, out=parts[-1])
        for key, (starts, ends) in self._found.items():
            starts += self._whole_years[key][cycle] * shares
            if cycle:
                ends += self._whole_years[key][cycle - 1] * shares

    def close(self, shares: Array) -> None:
        """Take the occupancy at the end of the last cycle and join the parts: part i then holds all cycles up to its cut."""
        self.last = shares.copy()
        for parts in self.parts.values():
            for before, part in pairwise(parts):
                part += before
        for key, (_, ends) in self._found.items():
            ends += self._whole_years[key][-1] * shares

    def at_starts(self, rate: float, upto: int | None = None) -> Array:
        """Sum of x_c, discounted as purchases are, over all cycles or those before the cut `upto`; not to be changed in place."""
        parts = self.parts[rate]
        return parts[-1] if upto is None else parts[min(sum(cut < upto for cut in self.cuts), len(parts) - 1)]

    def years(self, rate: float, count: str) -> Array:
        """Person-years, discounted as time is; `count` as in `payoffs.years_in_state`."""
        found = self._starts_and_ends(rate, self.calendar.time)
        return payoffs.years_in_state(*found, cycle_years=self.calendar.cycle_years, count=count)

    def leavers(self, rate: float) -> Array:
        """Number who leave for good, discounted as events are; no half-cycle correction."""
        starts, ends = self._starts_and_ends(rate, self.calendar.events)
        result: Array = starts - ends
        return result

    def _starts_and_ends(self, rate: float, place: str) -> tuple[Array, Array]:
        """Sums of the occupancy at the starts and at the ends of cycles, both discounted from a place in their cycle."""
        if (rate, place) not in self._found:
            self._found[rate, place] = self._shifted(rate, PART_OF_CYCLE[place])
        return self._found[rate, place]

    def _shifted(self, rate: float, passed: float) -> tuple[Array, Array]:
        bought = PART_OF_CYCLE[self.calendar.purchases]
        cycle, to_start, factor = (
            float(payoffs.discount_factors(rate, part * self.calendar.cycle_years)) for part in (1.0, -bought, passed)
        )
        starts = self.at_starts(rate) if bought == 0 else to_start * self.at_starts(rate)
        ends = payoffs.sums_at_ends(starts, self.first, self.last, cycle_factor=cycle, n_cycles=self.n_cycles)
        return factor * starts, factor * ends


class RunningSums(CycleSums):
    """The same sums as they stand after every cycle, (cycle, strategy, draw): row c is the sum of a run that ends with cycle c.

    Every occupancy is kept for that, so that it is for few draws; a rate is added up when it is asked for.

    >>> sums = RunningSums([0.0], Calendar(2, 1.0))
    >>> sums.add(0, np.array([[1.0]])); sums.add(1, np.array([[0.5]])); sums.close(np.array([[0.25]]))
    >>> sums.at_starts(0.0).ravel(), sums.leavers(0.0).ravel()
    (array([1. , 1.5]), array([0.5 , 0.75]))
    """

    def __init__(self, rates: Iterable[float], calendar: Calendar, *, cuts: Sequence[int] = ()) -> None:
        super().__init__(rates, calendar, cuts=cuts)
        self._shares: list[Array] = []

    def add(self, cycle: int, shares: Array) -> None:
        """Keep the occupancy at the start of `cycle`."""
        self._shares.append(shares.copy())

    def close(self, shares: Array) -> None:
        """Keep the occupancy at the end of the last cycle."""
        self._shares.append(shares.copy())

    def at_starts(self, rate: float, upto: int | None = None) -> Array:
        """Sums of x_c, discounted as purchases are, over the cycles so far, or those of them before `upto`."""
        people = np.stack(self._shares[:-1])
        if upto is not None:
            people[upto:] = 0.0
        return self._running(people, rate, self.calendar.purchases)

    def _starts_and_ends(self, rate: float, place: str) -> tuple[Array, Array]:
        return self._running(np.stack(self._shares[:-1]), rate, place), self._running(np.stack(self._shares[1:]), rate, place)

    def _running(self, people: Array, rate: float, place: str) -> Array:
        factors = self.calendar.discounted(rate, self.calendar.at(place))
        result: Array = np.cumsum(factors[:, None, None] * people, axis=0)
        return result


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
