"""Digitised Kaplan-Meier curves as digitisers give them, made ready for `reconstruct` by stated rules, each told with count and size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hemodel.errors import Fault, InputError
from hemodel.survival.ties import tied

Array = NDArray[np.float64]
NOISE = 0.005
"""The most that a point may be off by the hand of whoever clicked on it: of survival, and as a share of the longest time."""
_PER_CENT = 1.5  # a largest survival above this is in per cent


@dataclass(frozen=True)
class Digitised:
    """A curve from (0, 1) on, at rising times, that never rises: `times` and `survival`, shape (point,).

    `rows`: the place of each point among those given, -1 of one that was added. `repairs`: a sentence for each rule that was applied.
    """

    times: Array
    survival: Array
    rows: NDArray[np.intp]
    repairs: tuple[str, ...]


def repaired(times: ArrayLike, survival: ArrayLike, *, places: Sequence[str] | None = None) -> Digitised:
    """The points of a digitiser as a survival curve.

    In this order: per cent become shares (where one is above 1.5); points are put in the order of their times; times below 0 and survival
    outside 0 to 1, by no more than 0.005 (of the longest time, or of survival), are moved to the limit; of points at the same time, a
    vertical step, the lowest stands; the curve starts at (0, 1), which is added where the first point is later, and put right where it is
    off by up to 0.005; a point that rises by up to 0.005 takes the survival of the one before it. Whatever is further off is refused, all
    of it in one message. `places`: what messages call each point, such as its row in a file; else they are counted from 1.

    >>> found = repaired([1, 2, 2, 3], [1.0018, 0.9, 0.7, 0.702])
    >>> found.times, found.survival
    (array([0., 1., 2., 3.]), array([1. , 1. , 0.7, 0.7]))
    >>> found.repairs[0]
    '1 point outside 0 to 1 by up to 0.0018 was moved to the limit.'
    """
    when, alive = np.array(times, dtype=np.float64), np.array(survival, dtype=np.float64)
    if when.ndim != 1 or when.shape != alive.shape or len(when) < 2:
        problem = f"their shapes are {when.shape} and {alive.shape}"
        raise InputError("times and survival", problem, "Give one survival for each of 2 or more times")
    named = [f"{places[k] if places else f'point {k + 1}'} (time {when[k]:g})" for k in range(len(when))]
    _refuse([Fault(named[k], "not a number", "Digitise it again, or leave it out") for k in _at(~np.isfinite(when + alive))])
    repairs: list[str] = []
    if alive.max() > _PER_CENT:
        alive = alive / 100
        repairs.append("Survival is in per cent.")
    rows = np.argsort(when, kind="stable")
    if moved := int((rows != np.arange(len(rows))).sum()):
        repairs.append(f"{_points(moved)} not in the order of the times {_was(moved)} put in it.")
    when, alive = when[rows], alive[rows]
    when, alive, faults = _within_limits(when, alive, [named[k] for k in rows], repairs)
    keep = _lowest_of_each_time(when, alive, repairs)
    when, alive, rows = when[keep], alive[keep], rows[keep]
    if when[0] > 0:
        when, alive, rows = np.append(0.0, when), np.append(1.0, alive), np.append(-1, rows)
        repairs.append("The point (0, 1) was added.")
    elif alive[0] < 1 - NOISE:
        problem = f"survival has fallen to {alive[0]:g} at time 0"
        faults.append(Fault(named[rows[0]], problem, "Give the step a time above 0, such as half a day, and begin with (0, 1)"))
    elif alive[0] < 1:
        repairs.append(f"The first point, at {alive[0]:g}, was moved to 1.")
        alive[0] = 1.0
    lowest = np.minimum.accumulate(alive)
    rises = alive - lowest
    faults += [
        Fault(named[rows[k]], f"survival rises there by {rises[k]:.3g}", "Digitise it again, or leave it out")
        for k in _at(rises > NOISE)
    ]
    _refuse(faults)
    if raised := int((rises > 0).sum()):
        repairs.append(
            f"{_points(raised)} that {'rises' if raised == 1 else 'rise'} by up to {rises.max():.2g} {_was(raised)} levelled."
        )
    return Digitised(when, lowest, rows, tuple(repairs))


def with_people(times: ArrayLike, numbers_at_risk: ArrayLike, last: float) -> tuple[NDArray[np.bool_], str]:
    """Which rows of a table of numbers at risk can be used, and a sentence about the others: those after the `last` point of the curve,
    and those at the end with nobody at risk.

    >>> with_people([0, 6, 12, 18], [20, 9, 2, 0], 15.0)
    (array([ True,  True,  True, False]), '1 time of the table, after the last point or with nobody at risk, was left out.')
    """
    when, people = np.asarray(times, dtype=np.float64), np.asarray(numbers_at_risk, dtype=np.float64)
    nobody = np.flip(np.logical_and.accumulate(np.flip(people == 0)))
    kept = (when <= last) & ~nobody
    out = int((~kept).sum())
    said = f"{out} {'time' if out == 1 else 'times'} of the table, after the last point or with nobody at risk, {_was(out)} left out."
    return kept, said if out else ""


def _within_limits(when: Array, alive: Array, named: Sequence[str], repairs: list[str]) -> tuple[Array, Array, list[Fault]]:
    """Times from 0 and survival from 0 to 1, and what is too far from them."""
    early, outside = np.maximum(-when, 0.0), np.maximum(np.maximum(alive - 1, -alive), 0.0)
    far = early > NOISE * when.max()
    faults = [Fault(named[k], "its time is below 0", "Check the axis of the digitiser") for k in _at(far)]
    remedy = "Check the axis of the digitiser: shares from 0 to 1, or per cent"
    faults += [Fault(named[k], f"its survival, {alive[k]:g}, is outside 0 to 1", remedy) for k in _at(outside > NOISE)]
    if n := int(((early > 0) & ~far).sum()):
        repairs.append(f"{_points(n)} with a time below 0 by up to {early[~far].max():.2g} {_was(n)} moved to 0.")
    if n := int(((outside > 0) & (outside <= NOISE)).sum()):
        repairs.append(
            f"{_points(n)} outside 0 to 1 by up to {outside[outside <= NOISE].max():.2g} {_was(n)} moved to the limit."
        )
    return np.maximum(when, 0.0), np.clip(alive, 0.0, 1.0), faults


def _lowest_of_each_time(when: Array, alive: Array, repairs: list[str]) -> NDArray[np.intp]:
    """Places of the lowest point at each distinct time: the end of a vertical step."""
    same = tied(when)
    order = np.lexsort((alive, same))
    keep = np.sort(order[np.append(True, np.diff(same[order]) > 0)])
    if dropped := len(when) - len(keep):
        repairs.append(f"{_points(dropped)} above another at the same time {_was(dropped)} left out.")
    return keep


def _at(wrong: NDArray[np.bool_]) -> list[int]:
    return [int(k) for k in np.flatnonzero(wrong)]


def _refuse(faults: list[Fault]) -> None:
    if faults:
        raise InputError.together(faults)


def _points(number: int) -> str:
    return "1 point" if number == 1 else f"{number:,} points"


def _was(number: int) -> str:
    return "was" if number == 1 else "were"
