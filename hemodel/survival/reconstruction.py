"""Individual data from a published Kaplan-Meier curve, by the algorithm of Guyot and others.

Written from the description in Guyot, Ades, Ouwens and Welton 2012, BMC Med Res Methodol 12:9. The data are exploratory: they repeat the
curve and its numbers at risk, and know nothing else about the patients.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hemodel.errors import Fault, InputError
from hemodel.survival.families import Array
from hemodel.survival.ties import snapped

Counts = NDArray[np.int64]
MOST_CONTRADICTED, MOST_ROUNDED = 0.1, 2
"""Share of the people at the start, and number of people, by which reading a printed curve may leave the table."""


@dataclass(frozen=True)
class Reconstruction:
    """Individual data behind a curve: `times` and `events` (1 event, 0 censored), shape (row,), in time order.

    `at_risk`: those of these people who are at risk just before each of `risk_times`, beside the `published` numbers. They agree but where
    the curve contradicts the table: more deaths by the curve than people who left by the table.
    """

    times: Array
    events: Array
    risk_times: Array
    at_risk: Counts
    published: Counts

    @property
    def at_risk_difference(self) -> Counts:
        """Numbers at risk among these people less those published."""
        result: Counts = self.at_risk - self.published
        return result

    @property
    def contradicted(self) -> float:
        """The largest difference between the two, as a share of those at risk at the start."""
        return float(np.abs(self.at_risk_difference).max() / self.published[0])

    def refuse_other_table(self, name: str) -> None:
        """Refuse a curve that cannot be had from its table, called `name`: at some time a tenth of the people or more (and more than two)
        are where the curve does not leave them.
        """
        worst = int(np.abs(self.at_risk_difference).argmax())
        if self.contradicted >= MOST_CONTRADICTED and abs(int(self.at_risk_difference[worst])) > MOST_ROUNDED:
            raise InputError(
                f"{name}, time {self.risk_times[worst]:g}",
                f"the curve leaves {self.at_risk[worst]:,} of {self.published[0]:,} people at risk, the table {self.published[worst]:,}",
                "Check that curve and table are of the same arm and in the same unit of time",
            )

    @property
    def n_events(self) -> int:
        """Number of events."""
        return int(self.events.sum())


def reconstruct(
    times: ArrayLike,
    survival: ArrayLike,
    risk_times: ArrayLike,
    numbers_at_risk: ArrayLike,
    total_events: int | None = None,
    *,
    places: tuple[Sequence[str], Sequence[str]] | None = None,
) -> Reconstruction:
    """Individual data that give the digitised Kaplan-Meier curve and its table of numbers at risk.

    `times`, `survival`: digitised points, from (0, 1), in rising time, survival after the step at each. `risk_times`, `numbers_at_risk`:
    the table under the curve, from time 0. `total_events`, where reported, settles the censoring after the last number at risk; otherwise
    people are censored there as fast as before. Within each interval of the table censorings are spread evenly, deaths at a point are
    the whole number nearest to n (1 - S / the last S reached), and the number censored is moved until the next number at risk is met.
    Deaths fall on the digitised times, censorings half-way to the next of them or of the table: each time of the table is a point of the
    curve, with the survival of the point before it where none was digitised there, so that people are censored in every interval. Those
    left at the end of the curve are censored there. The people are the same whatever the unit of time.
    `places`: what messages call each point and each number at risk, such as its row in a file; else they are counted from 1.
    Raises InputError for points that rise, a curve that does not start at 1, and tables that rise or leave the curve: every one of them.
    `digitised.repaired` makes the points of a digitiser fit by stated rules.

    >>> found = reconstruct([0, 1, 2], [1.0, 0.5, 0.25], [0, 2], [4, 2])
    >>> found.times, found.events
    (array([1., 1., 2., 2.]), array([1., 1., 1., 0.]))
    """
    when, alive, table_times, table = _checked(times, survival, risk_times, numbers_at_risk, total_events, places)
    table_times = snapped(table_times, when)
    when, alive = _with_points_at(table_times, when, alive)
    first = np.searchsorted(when, table_times)
    edges = np.append(first, len(when))
    deaths, censored = np.zeros(len(when), dtype=np.int64), np.zeros(len(when), dtype=np.int64)
    n, reached = int(table[0]), 1.0
    for i in range(len(table)):
        points = slice(int(edges[i]), int(edges[i + 1]))
        last = i == len(table) - 1
        start = (n, reached)
        if last:
            target, lost = total_events, _lost_at_the_end(when, first, censored, n)
        else:
            target = int(table[i + 1])
            fall = alive[edges[i + 1] - 1] / reached if reached > 0 else 1.0
            lost = max(_nearest(n * fall) - target, 0)
        died_before, nearest, tried = int(deaths.sum()), -1, set[int]()
        while lost not in tried:
            tried.add(lost)
            found = _followed(when, alive, points, *start, lost)
            reached_count = died_before + int(found[0].sum()) if last else found[2]
            surplus = 0 if target is None else reached_count - target
            if nearest < 0 or abs(surplus) < nearest:
                nearest = abs(surplus)
                deaths[points], censored[points], n, reached = found
            lost = min(max(lost + surplus, 0), start[0])
    half_way = np.append((when[:-1] + when[1:]) / 2, when[-1])
    leaving = np.concatenate([np.repeat(when, deaths), np.repeat(half_way, censored), np.full(n, when[-1])])
    kinds = np.repeat([1.0, 0.0], [int(deaths.sum()), len(leaving) - int(deaths.sum())])
    order = np.lexsort((-kinds, leaving))
    still = len(leaving) - np.searchsorted(leaving[order], table_times, side="left")
    return Reconstruction(leaving[order], kinds[order], table_times, still, table)


def _with_points_at(table_times: Array, when: Array, alive: Array) -> tuple[Array, Array]:
    """The points of the curve with one at each time of the table."""
    every = np.union1d(when, table_times)
    return every, alive[np.searchsorted(when, every, side="right") - 1]


def _followed(when: Array, alive: Array, points: slice, n: int, reached: float, lost: int) -> tuple[Counts, Counts, int, float]:
    """Deaths and censorings at the points of an interval in which `lost` of `n` are censored; how many are left; the last S reached."""
    here = when[points]
    deaths, censored = np.zeros(len(here), dtype=np.int64), np.zeros(len(here), dtype=np.int64)
    end = when[points.stop] if points.stop < len(when) else when[-1]
    spread = here[0] + np.arange(1, lost + 1) * (end - here[0]) / (lost + 1)
    leaving = np.bincount(np.searchsorted(here, snapped(spread, here), side="right") - 1, minlength=len(here))
    for k, share in enumerate(alive[points]):
        deaths[k] = min(max(_nearest(n * (1 - share / reached)), 0), n) if reached > 0 else 0
        if deaths[k]:
            reached *= 1 - deaths[k] / n
        n -= int(deaths[k])
        censored[k] = min(int(leaving[k]), n)
        n -= int(censored[k])
    return deaths, censored, n, reached


def _lost_at_the_end(when: Array, first: NDArray[np.intp], censored: Counts, n: int) -> int:
    """Censorings after the last number at risk, at the pace of those before it."""
    start, end = when[first[0]], when[first[-1]]
    if end <= start:
        return 0
    return min(_nearest(float(censored.sum()) * (when[-1] - end) / (end - start)), n)


def _nearest(number: float) -> int:
    """The nearest whole number, a half to the one above: also where rounding has left a half just below it."""
    return math.floor(number * (1 + 1e-9) + 0.5)


def _checked(
    times: ArrayLike,
    survival: ArrayLike,
    risk_times: ArrayLike,
    numbers_at_risk: ArrayLike,
    total_events: int | None,
    places: tuple[Sequence[str], Sequence[str]] | None,
) -> tuple[Array, Array, Array, Counts]:
    when, alive = np.asarray(times, dtype=np.float64), np.asarray(survival, dtype=np.float64)
    table_times, table = np.asarray(risk_times, dtype=np.float64), np.asarray(numbers_at_risk, dtype=np.float64)
    if when.ndim != 1 or when.shape != alive.shape or len(when) < 2:
        raise InputError(
            "times and survival",
            f"their shapes are {when.shape} and {alive.shape}",
            "Give one survival for each of 2 or more times",
        )
    if table_times.ndim != 1 or table_times.shape != table.shape or not len(table):
        raise InputError(
            "risk_times and numbers_at_risk", f"their shapes are {table_times.shape} and {table.shape}", "Give one number a time"
        )
    faults: list[Fault] = []

    def point(k: int) -> str:
        return f"{places[0][k] if places else f'point {k + 1}'} (time {when[k]:g})"

    def entry(k: int) -> str:
        return f"{places[1][k] if places else f'number at risk {k + 1}'} (time {table_times[k]:g})"

    def refuse(where: Callable[[int], str], wrong: NDArray[np.bool_], say: str, remedy: str) -> None:
        faults.extend(Fault(where(int(k)), say, remedy) for k in np.flatnonzero(wrong))

    refuse(point, ~(np.isfinite(when) & np.isfinite(alive)), "not a number", "Digitise it again, or leave it out")
    if not faults:
        if when[0] != 0 or alive[0] != 1:
            faults.append(Fault(point(0), f"the curve starts at ({when[0]:g}, {alive[0]:g})", "Begin with the point (0, 1)"))
        refuse(point, (alive < 0) | (alive > 1), "its survival is outside 0 to 1", "Give shares, not per cent")
        steps = np.append(0.0, np.diff(alive))
        refuse(point, steps > 0, "survival rises there", "Digitise it again, or give it the survival of the point before it")
        refuse(
            point, np.append(1.0, np.diff(when)) <= 0, "its time is not after the one before it", "Sort the points; one a time"
        )
    refuse(
        entry,
        ~((table >= 1) & (table == np.round(table))),
        "not a whole number from 1",
        "Leave out times with nobody at risk",
    )
    refuse(entry, np.append(0.0, np.diff(table)) > 0, "it rises", "Copy the table again: people only leave")
    refuse(entry, np.append(1.0, np.diff(table_times)) <= 0, "its time is not after the one before it", "Sort the table")
    if table_times[0] != 0:
        faults.append(Fault(entry(0), f"the table starts at {table_times[0]:g}", "Begin with time 0 and everybody"))
    refuse(entry, ~(table_times <= when[-1]), "it is after the last point of the curve", "Digitise to there, or leave it out")
    if total_events is not None and not 1 <= total_events <= table[0]:
        faults.append(Fault("total_events", f"{total_events} events among {table[0]:g} people", "Give 1 to all of them"))
    if faults:
        raise InputError.together(faults)
    return when, alive, table_times, table.astype(np.int64)
