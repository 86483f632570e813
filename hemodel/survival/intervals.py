"""Turnbull's estimator: the observed curve where events are known only to lie between two looks."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import optimize

from hemodel.errors import InputError
from hemodel.survival.ties import TOLERANCE

Array = NDArray[np.float64]
_CLOSE = 1e-9  # by which the log-likelihood of the estimate may fall short of the highest
_ROUNDS = 500


@dataclass(frozen=True)
class Turnbull:
    """Turnbull's estimate: `mass`, the share of people whose event lies in each interval (`left`, `right`], in order of time.

    Where left and right are equal the event is at that time; a last right end of inf are those who were never seen to have it. Between the
    intervals `survival` (after each) is known; within one it falls by its mass, nobody knows when: `survival_at` takes a straight line,
    `bounds_at` gives what it can be. `log_likelihood` is the highest of all curves. No standard errors: its limit is not normal.
    """

    left: Array
    right: Array
    mass: Array
    log_likelihood: float
    survival: Array = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "survival", np.maximum(1.0 - np.cumsum(self.mass), 0.0))

    @property
    def times(self) -> Array:
        """Ends of the intervals, those that are finite."""
        return self.right[np.isfinite(self.right)]

    def bounds_at(self, times: ArrayLike) -> tuple[Array, Array]:
        """Lowest and highest survival that `times` may have: the mass of an interval that a time is in may have fallen or not."""
        when = np.asarray(times, dtype=np.float64)[..., None]
        fallen, begun = when >= self.right, when > self.left
        at_once = self.left == self.right
        low = 1.0 - (self.mass * np.where(at_once, fallen, begun)).sum(axis=-1)
        high = 1.0 - (self.mass * fallen).sum(axis=-1)
        return np.maximum(low, 0.0), np.maximum(high, 0.0)

    def survival_at(self, times: ArrayLike) -> Array:
        """Survival at any `times`, falling in a straight line over each interval; where the last has no end it stays as it is before."""
        when = np.asarray(times, dtype=np.float64)[..., None]
        width = np.where(np.isfinite(self.right) & (self.right > self.left), self.right - self.left, 1.0)
        part = np.where(self.right == self.left, when >= self.right, np.clip((when - self.left) / width, 0.0, 1.0))
        result: Array = np.maximum(1.0 - (self.mass * np.where(np.isfinite(self.right), part, 0.0)).sum(axis=-1), 0.0)
        return result

    def median(self) -> float:
        """Time by which half have had the event, on the curve of `survival_at`; inf if that is never reached."""
        reached = np.flatnonzero((self.survival <= 0.5 + TOLERANCE) & np.isfinite(self.right))
        if not len(reached):
            return math.inf
        k = int(reached[0])
        before = 1.0 if k == 0 else float(self.survival[k - 1])
        part = min((before - 0.5) / float(self.mass[k]), 1.0)
        return float(self.left[k] + part * (self.right[k] - self.left[k]))


def maximal_intervals(lower: Array, upper: Array) -> tuple[Array, Array]:
    """The intervals (left, right] that alone can hold mass: a lower end followed by an upper end, none between (Turnbull 1976).

    Rows are the intervals (`lower`, `upper`], and the point itself where both are equal.

    >>> maximal_intervals(np.array([0.0, 2.0, 1.0]), np.array([3.0, 5.0, 1.0]))
    (array([1., 2.]), array([1., 3.]))
    """
    exact = lower == upper
    # at one time: a point begins, then whatever holds it ends, then intervals begin, as they do not hold their lower end
    ends = np.concatenate([lower, upper])
    order_at_once = np.concatenate([np.where(exact, 0, 2), np.ones(len(upper))])
    begins = np.concatenate([np.ones(len(lower), dtype=bool), np.zeros(len(upper), dtype=bool)])
    order = np.lexsort((order_at_once, ends))
    ends, begins = ends[order], begins[order]
    here = np.flatnonzero(begins[:-1] & ~begins[1:])
    return ends[here], ends[here + 1]


def estimated(lower: Array, upper: Array, weights: Array) -> Turnbull:
    """The estimate for rows that were checked, by the constrained Newton method (Wang 2007, J R Stat Soc B 69:185).

    The log-likelihood, sum of w ln(A p), is concave in p. Each round fits its second-order form by non-negative least squares under
    sum p = 1 and goes towards it as far as the log-likelihood rises; at the end no direction can raise it by more than 1e-9.
    """
    left, right = maximal_intervals(lower, upper)
    exact = lower == upper
    inside = np.where(
        exact[:, None],
        (left == right) & (left == lower[:, None]),
        (left >= lower[:, None]) & (right <= upper[:, None]) & ~((left == right) & (left == lower[:, None])),
    )
    rows, place = np.unique(inside, axis=0, return_inverse=True)
    likely, weight = rows.astype(np.float64), np.bincount(place.ravel(), weights=weights)
    total, m = float(weight.sum()), likely.shape[1]
    mass = np.full(m, 1.0 / m)

    def height(p: Array) -> float:
        with np.errstate(divide="ignore"):
            return float((weight * np.log(likely @ p)).sum())

    for _ in range(_ROUNDS):
        ratio = likely / (likely @ mass)[:, None]
        slope = weight @ ratio - total
        if slope.max() <= _CLOSE * max(total, 1.0):
            kept = mass > 0
            return Turnbull(left[kept], right[kept], mass[kept], height(mass))
        mass *= 1 + slope / total  # a step of self-consistency, which never lowers it
        ratio = likely / (likely @ mass)[:, None]
        root = np.sqrt(weight)[:, None]
        heavy = 1e3 * math.sqrt(total)
        system, target = np.vstack([root * ratio, np.full((1, m), heavy)]), np.append(2 * root[:, 0], heavy)
        found, _ = optimize.nnls(system, target, maxiter=30 * m)
        if not found.sum() > 0:
            continue
        step, now, share = found / found.sum() - mass, height(mass), 1.0
        while share > 1e-8 and not height(mass + share * step) >= now:
            share /= 2
        if share > 1e-8:
            mass = np.maximum(mass + share * step, 0.0)
            mass /= mass.sum()
    raise InputError(
        "lower and upper", f"Turnbull's estimate did not converge in {_ROUNDS} rounds", "Look for rows that dominate"
    )
