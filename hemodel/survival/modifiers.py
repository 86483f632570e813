"""What is done to a curve after it is fitted: treatment effects, their waning, floors, averages and calibration.

Cumulative hazards and their increments have the time first, (time, ...) and (cycle, ...), and broadcast with effects of shape (draw,).
Increments are dH over the cycles between the boundaries `times`, shape (cycle + 1,): dH[k] = H(t[k+1]) - H(t[k]).
Where a rule acts on the hazard within a cycle, the hazard is taken as constant in the cycle and the rule is averaged over it exactly.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike
from scipy import optimize, special

from hemodel.errors import Fault, InputError, nearest
from hemodel.survival.families import Array, Curve, mean_time, time_at

PATHS = ("linear", "log_linear")


def with_hazard_ratio(cumulative: ArrayLike, hazard_ratio: ArrayLike) -> Array:
    """Cumulative hazard, or its increments, under a hazard ratio: HR H.

    >>> with_hazard_ratio([0.0, 1.0], 0.5)
    array([0. , 0.5])
    """
    return np.asarray(_above_zero("hazard_ratio", hazard_ratio) * np.asarray(cumulative, dtype=np.float64))


def with_acceleration_factor(curve: Curve, times: ArrayLike, factor: ArrayLike) -> Array:
    """Cumulative hazard of `curve` with time stretched by `factor` (a time ratio: above 1 people live longer), H(t / AF).

    `curve` gives cumulative hazards at times of any shape; `times` has shape (time,), `factor` any shape that follows it.

    >>> with_acceleration_factor(lambda t: t**2, [0.0, 4.0], 2.0)
    array([0., 4.])
    """
    stretch = _above_zero("factor", factor)
    when = np.asarray(times, dtype=np.float64)
    return curve(when.reshape(-1, *[1] * stretch.ndim) / stretch)


def with_odds_ratio(cumulative: ArrayLike, odds_ratio: ArrayLike) -> Array:
    """Cumulative hazard under a ratio of the odds of death: (1 - S)/S times OR, so H' = ln(1 + OR (e^H - 1)), in the tails too.

    >>> np.exp(-with_odds_ratio([np.log(2)], 3.0))
    array([0.25])
    """
    ratio, hazard = _above_zero("odds_ratio", odds_ratio), np.asarray(cumulative, dtype=np.float64)
    early = np.log1p(ratio * np.expm1(np.minimum(hazard, 1.0)))
    late = hazard + np.log1p((ratio - 1) * -np.expm1(-np.maximum(hazard, 1.0)))
    return np.where(hazard < 1, early, late)


def with_waning(
    comparator: ArrayLike, hazard_ratio: ArrayLike, times: ArrayLike, *, start: ArrayLike, end: ArrayLike, path: str = "linear"
) -> Array:
    """Increments under a hazard ratio that holds until `start` and has gone to 1 by `end`; at once where the two are equal.

    With w falling from 1 at `start` to 0 at `end`, the hazard is that of the comparator times 1 - (1 - HR) w ("linear") or HR^w
    ("log_linear"), averaged over each cycle exactly. `comparator`: its increments, (cycle, ...); `start`, `end` in units of `times`.

    >>> with_waning([1.0, 1.0, 1.0], 0.5, [0, 1, 2, 3], start=1, end=2)
    array([0.5 , 0.75, 1.  ])
    """
    if path not in PATHS:
        raise InputError("path", f"{path!r} is not a way for an effect to wane", nearest(path, PATHS))
    increments, ratio = np.asarray(comparator, dtype=np.float64), _above_zero("hazard_ratio", hazard_ratio)
    full, falling, first, last = _effect_left(increments, times, start, end, ratio.ndim)
    if path == "linear":
        during = 1 - (1 - ratio) * (first + last) / 2
    else:
        # the mean of HR^w for w from `first` down to `last` is (HR^last - HR^first) / ((last - first) ln HR)
        during = ratio**last * special.exprel((first - last) * np.log(ratio))
    return np.asarray(increments * (full * ratio + falling * during + (1 - full - falling)))


def with_equalised_hazards(
    treated: ArrayLike, comparator: ArrayLike, times: ArrayLike, *, start: ArrayLike, end: ArrayLike
) -> Array:
    """Increments that leave a treated curve of its own shape for the comparator's hazard between `start` and `end`, linearly.

    w times the treated plus 1 - w times the comparator's increments, w averaged over each cycle exactly; at once where `start` equals
    `end`. The same as linear `with_waning` if hazards are proportional; otherwise that one starts from a hazard ratio, this one from
    the treated curve.

    >>> with_equalised_hazards([0.5, 0.5, 0.5], [1.0, 1.0, 1.0], [0, 1, 2, 3], start=1, end=2)
    array([0.5 , 0.75, 1.  ])
    """
    own, other = np.asarray(treated, dtype=np.float64), np.asarray(comparator, dtype=np.float64)
    full, falling, first, last = _effect_left(own, times, start, end, max(own.ndim, other.ndim) - 1)
    left = full + falling * (first + last) / 2
    return np.asarray(left * own + (1 - left) * other)


def with_effect_on_treatment(comparator: ArrayLike, hazard_ratio: ArrayLike, share_on_treatment: ArrayLike) -> Array:
    """Increments under a hazard ratio that acts on those on treatment only: the comparator's times 1 - (1 - HR) share.

    `share_on_treatment` of those alive, for each cycle; 1 before a fixed end of treatment and 0 after switches the effect off there
    (where it ends within a cycle: the part of the cycle on treatment, as `with_waning` from the end to the end has it).

    >>> with_effect_on_treatment([1.0, 1.0], 0.5, [1.0, 0.0])
    array([0.5, 1. ])
    """
    share = np.asarray(share_on_treatment, dtype=np.float64)
    if not np.all((share >= 0) & (share <= 1)):
        raise InputError("share_on_treatment", "some are outside 0 to 1", "Give shares of those alive")
    ratio = _above_zero("hazard_ratio", hazard_ratio)
    return np.asarray(np.asarray(comparator, dtype=np.float64) * (1 - (1 - ratio) * share))


def floored(increments: ArrayLike, background: ArrayLike) -> Array:
    """Increments that are never below the general population's: the larger of the two in each cycle.

    >>> floored([0.1, 0.1], [0.05, 0.2])
    array([0.1, 0.2])
    """
    return np.maximum(np.asarray(increments, dtype=np.float64), np.asarray(background, dtype=np.float64))


def averaged(cumulative: ArrayLike, weights: ArrayLike) -> Array:
    """Cumulative hazard of a weighted average of survival curves: -ln of the sum of w exp(-H), curves along the first axis.

    `cumulative`: shape (curve, time, ...); `weights`: (curve,), from 0, summing to 1, such as `information_weights` of AICs.

    >>> np.exp(-averaged([[0.0, np.log(2)], [0.0, np.log(4)]], [0.5, 0.5])).round(9)
    array([1.   , 0.375])
    """
    hazards, shares = np.asarray(cumulative, dtype=np.float64), np.asarray(weights, dtype=np.float64)
    if shares.shape != hazards.shape[:1] or np.any(shares < 0) or not math.isclose(float(shares.sum()), 1.0, abs_tol=1e-9):
        raise InputError("weights", "they are not shares that sum to 1, one a curve", f"Give {hazards.shape[0]} of them")
    lowest = hazards.min(axis=0)
    alive = np.zeros_like(lowest)
    for share, hazard in zip(shares, hazards, strict=True):
        alive += share * np.exp(lowest - hazard)
    result: Array = lowest - np.log(alive)
    return result


def information_weights(criteria: ArrayLike) -> Array:
    """Weights exp(-(criterion - lowest) / 2), over their sum, for AICs or BICs of fits to the same data.

    >>> information_weights([100.0, 100.0])
    array([0.5, 0.5])
    """
    values = np.asarray(criteria, dtype=np.float64)
    raw = np.exp(-(values - values.min()) / 2)
    return np.asarray(raw / raw.sum())


def time_scale(curve: Curve, *, median: float | None = None, mean: float | None = None, horizon: float = math.inf) -> float:
    """Factor a by which time is stretched so that S(t / a) has the `median`, or the `mean` (up to `horizon`), that is given.

    The calibration of a curve to an outside estimate, as appraisals do for survival on a comparator: to the mean predicted by a risk
    equation (the Committee's preference) or to the median. By proportion, or for a restricted mean by a bracketed root (Brent, 1e-12
    of ln a).
    `curve` gives cumulative hazards at times. Use the result in `with_acceleration_factor`.

    >>> round(time_scale(lambda t: t, mean=3.0), 9)
    3.0
    """
    target = _one_target(median, mean, horizon)
    if median is not None:
        return target / _finite(time_at(curve, math.log(2)), "median")
    if math.isinf(horizon):
        return target / _finite(mean_time(curve), "mean")
    return _found_by(lambda factor: mean_time(lambda times: curve(times / factor), horizon), target)


def hazard_multiplier(
    curve: Curve, *, median: float | None = None, mean: float | None = None, horizon: float = math.inf
) -> float:
    """Hazard ratio with which `curve` has the `median`, or the `mean` (up to `horizon`), that is given: the other way to calibrate.

    The median by ln 2 / H(median), the mean by a bracketed root (Brent, 1e-12 of the logarithm). Use in `with_hazard_ratio`.

    >>> round(hazard_multiplier(lambda t: t, median=np.log(2) / 3), 9)
    3.0
    """
    target = _one_target(median, mean, horizon)
    if median is not None:
        return math.log(2) / float(curve(np.array([target]))[0])
    return _found_by(lambda ratio: mean_time(lambda times: curve(times) / ratio, horizon), target, inverse=True)


def _effect_left(
    increments: Array, times: ArrayLike, start: ArrayLike, end: ArrayLike, effect_axes: int
) -> tuple[Array, Array, Array, Array]:
    """For each cycle: share of it before `start`, share between `start` and `end`, and w at the two ends of that part."""
    boundaries = np.asarray(times, dtype=np.float64)
    begin, finish = np.asarray(start, dtype=np.float64), np.asarray(end, dtype=np.float64)
    faults = []
    if boundaries.ndim != 1 or np.any(np.diff(boundaries) <= 0) or len(boundaries) != len(increments) + 1:
        faults.append(Fault("times", "they are not the boundaries of the cycles", f"Give {len(increments) + 1} rising times"))
    if not (np.all(np.isfinite(begin)) and np.all(np.isfinite(finish)) and np.all(begin <= finish)):
        faults.append(
            Fault("start and end", "the effect does not end at or after the time it starts to wane", "Give finite times")
        )
    if faults:
        raise InputError.together(faults)
    axes = max(increments.ndim - 1, effect_axes, begin.ndim, finish.ndim)
    column = boundaries.reshape(-1, *[1] * axes)
    low, high = column[:-1], column[1:]
    length = high - low
    full = np.clip(begin - low, 0, length) / length
    enter, leave = np.clip(begin, low, high), np.clip(finish, low, high)
    falling = (leave - enter) / length
    span = np.where(finish > begin, finish - begin, 1.0)
    return full, falling, (finish - enter) / span, (finish - leave) / span


def _above_zero(name: str, value: ArrayLike) -> Array:
    values = np.asarray(value, dtype=np.float64)
    if not np.all((values > 0) & np.isfinite(values)):
        raise InputError(name, "some are not above 0", "Give a ratio above 0; 1 is no effect")
    return values


def _one_target(median: float | None, mean: float | None, horizon: float) -> float:
    if (median is None) == (mean is None):
        raise InputError("median and mean", "one of the two is needed, not both", "Give the one the curve is to have")
    target = median if median is not None else mean
    assert target is not None
    if not (0 < target < horizon and math.isfinite(target)):
        raise InputError("median and mean", f"{target:g} cannot be reached", "Give a time above 0 and before the horizon")
    return float(target)


def _finite(value: float, what: str) -> float:
    if not math.isfinite(value):
        raise InputError("curve", f"it has no {what}: a share never has the event, or the tail is too heavy", "Give a horizon")
    return value


def _found_by(mean_with: Callable[[float], float], target: float, *, inverse: bool = False) -> float:
    """The factor with which `mean_with` gives `target`; dividing hazards by it lengthens life, as stretching time does."""

    def excess(log_factor: float) -> float:
        return mean_with(math.exp(log_factor)) - target

    low, high = -1.0, 1.0
    while excess(low) > 0 or excess(high) < 0:
        low, high = 2 * low, 2 * high
        if high > 64:
            raise InputError("curve", f"no change gives it a mean of {target:g}", "Give another mean, or a horizon")
    factor = math.exp(float(optimize.brentq(excess, low, high, xtol=1e-12)))
    return 1 / factor if inverse else factor
