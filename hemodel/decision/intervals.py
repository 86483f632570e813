"""Intervals: how far increments and their ratio may be from what is reported.

Two questions that look alike and are not. *Uncertainty* is what we do not know about the increments: the
spread of the draws, which more draws do not shrink. *Monte Carlo error* is what we would get rid of by
drawing more: the standard error of a mean over draws. The fields say which one they hold. Draws of two
strategies share their parameter values, so differences are taken draw by draw.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import copysign, inf, nan, sqrt
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike

from hemodel.decision.incremental import describe_icer, icer, levelled
from hemodel.decision.net_benefit import Floats, numbers, paired_draws, place_faults
from hemodel.errors import Fault, InputError
from hemodel.threads import one_blas_thread


@dataclass(frozen=True)
class FiellerInterval:
    """Confidence set of a ratio of costs to QALYs (GBP per QALY), and how to say it.

    If `bounded`, the set is the interval from `low` to `high`. If not, a difference of no QALYs at all is not
    ruled out, and the set reaches infinity: `low` or `high` is infinite and, where some ratios are ruled out
    nevertheless, `excluded` holds the two limits between which they lie.
    """

    low: float
    high: float
    bounded: bool
    reading: str
    excluded: tuple[float, float] | None = None


@dataclass(frozen=True)
class Spread:
    """Mean over draws, interval of the draws from low to high, Monte Carlo standard error of the mean."""

    mean: float
    low: float
    high: float
    standard_error: float


@dataclass(frozen=True)
class PairedIncrement:
    """Increments of one strategy over a comparator, draw by draw: costs (GBP), effects (QALYs).

    `net_monetary_benefit` (GBP) is there if a threshold was given, otherwise None.
    """

    costs: Spread
    effects: Spread
    net_monetary_benefit: Spread | None


@dataclass(frozen=True)
class IcerOfMeans:
    """Ratio of mean increments (GBP per QALY), its Monte Carlo standard error, and how to say it."""

    icer: float
    standard_error: float
    reading: str


def fieller(
    mean_cost: float,
    se_cost: float,
    mean_effect: float,
    se_effect: float,
    correlation: float,
    level: float = 0.95,
    currency: str = "GBP",
) -> FiellerInterval:
    """Fieller's confidence set for the ICER, mean_cost / mean_effect, two jointly normal increments.

    Means and standard errors are of the increments (GBP, QALYs); `correlation` is between their errors. The
    set holds every R with |mean_cost - R mean_effect| <= z SE(cost - R effect): A R^2 - 2 B R + C <= 0
    with A = e^2 - z^2 Var(e), B = e c - z^2 Cov(c, e), C = c^2 - z^2 Var(c). It is an interval only if A > 0:
    if the effect differs from zero at this level. Standard errors of the draws themselves give an interval of
    parameter uncertainty, those of their means an interval of Monte Carlo error.
    Source: Fieller 1954, JRSS B 16:175; Willan and O'Brien 1996, Health Economics 5:297.

    >>> found = fieller(1_000, 200, 0.1, 0.03, 0.3)
    >>> round(found.low, 1), round(found.high, 1), found.reading
    (5679.8, 22775.0, 'GBP 5,680 to GBP 22,775 per QALY gained')
    """
    _check_fieller(mean_cost, se_cost, mean_effect, se_effect, correlation, level)
    if mean_effect == 0 and se_effect == 0:
        return FiellerInterval(nan, nan, False, "undefined (no difference in QALYs)")
    z = NormalDist().inv_cdf(0.5 + level / 2)
    a = mean_effect**2 - (z * se_effect) ** 2
    b = mean_effect * mean_cost - z**2 * correlation * se_cost * se_effect
    c = mean_cost**2 - (z * se_cost) ** 2
    if a > 0:
        low, high = _roots(a, b, c)
        return FiellerInterval(low, high, True, _interval_reading(low, high, mean_effect > 0, currency))
    if a == 0 and b != 0:
        return _half_line(c / (2 * b), b > 0, currency)
    if a == 0 or b**2 - a * c <= 0:
        return FiellerInterval(-inf, inf, False, "not an interval: no ratio is ruled out")
    gap = _roots(a, b, c)
    limits = f"{currency} {gap[0]:,.0f} to {currency} {gap[1]:,.0f} per QALY"
    reading = f"not an interval: only ratios from {limits} are ruled out"
    return FiellerInterval(-inf, inf, False, reading, gap)


def paired_increment(
    costs: ArrayLike,
    effects: ArrayLike,
    *,
    strategy: int = 1,
    comparator: int = 0,
    threshold: float | None = None,
    level: float = 0.95,
) -> PairedIncrement:
    """Increments of `strategy` over `comparator`: mean, uncertainty interval, Monte Carlo standard error.

    Costs (GBP) and effects (QALYs) have shape (draw, strategy); `strategy` and `comparator` are places of
    columns, counted from 0. The interval runs between the percentiles of the draws that leave (1 - level) / 2
    outside on either side (2.5 and 97.5; linear between draws); the standard error of the mean,
    sd / sqrt(n), is for n independent draws. With `threshold` (GBP per QALY) the net monetary benefit too.

    >>> found = paired_increment([[100, 130], [300, 350]], [[1, 2], [1, 3]], threshold=100)
    >>> found.costs.mean, found.costs.standard_error, found.net_monetary_benefit.mean
    (40.0, 10.0, 110.0)
    """
    cost_steps, effect_steps = _steps(costs, effects, strategy, comparator)
    faults = _level_faults(level) + ([] if threshold is None else _threshold_faults(threshold))
    if faults:
        raise InputError.together(faults)
    benefit = None
    if threshold is not None:
        benefit = _spread(threshold * effect_steps - cost_steps, level)
    return PairedIncrement(_spread(cost_steps, level), _spread(effect_steps, level), benefit)


def icer_of_means(
    costs: ArrayLike, effects: ArrayLike, *, strategy: int = 1, comparator: int = 0, currency: str = "GBP"
) -> IcerOfMeans:
    """ICER of `strategy` over `comparator`: ratio of mean increments, with its Monte Carlo standard error.

    Costs (GBP) and effects (QALYs) have shape (draw, strategy). Never the mean of the draws' ratios, which
    need not exist. Standard error by the delta method on paired draws: sd(dc - R de) / (|mean de| sqrt(n)),
    for n independent draws. NaN where the increments are not a trade (see `icer`); the reading says why.

    >>> icer_of_means([[0, 100], [0, 200], [0, 300]], [[0, 1], [0, 2], [0, 3]])
    IcerOfMeans(icer=100.0, standard_error=0.0, reading='GBP 100 per QALY gained')
    """
    cost_steps, effect_steps = _steps(costs, effects, strategy, comparator)
    mean_cost, mean_effect = (_mean_step(table, strategy, comparator) for table in (costs, effects))
    ratio, reading = icer(mean_cost, mean_effect), describe_icer(mean_cost, mean_effect, currency=currency)
    if np.isnan(ratio):
        return IcerOfMeans(nan, nan, reading)
    residual = cost_steps - ratio * effect_steps
    return IcerOfMeans(ratio, _standard_error(residual) / abs(mean_effect), reading)


@one_blas_thread
def fieller_of_means(
    costs: ArrayLike, effects: ArrayLike, *, strategy: int = 1, comparator: int = 0, level: float = 0.95
) -> FiellerInterval:
    """Fieller's interval of the Monte Carlo error of `icer_of_means`: what more draws would remove.

    Costs (GBP) and effects (QALYs) have shape (draw, strategy). Means, standard errors and correlation are those of the paired
    increments over independent draws; see `fieller`.

    >>> found = fieller_of_means([[0, 90], [0, 110], [0, 100]], [[0, 1], [0, 1], [0, 1]])
    >>> round(found.low, 2), round(found.high, 2)
    (88.68, 111.32)
    """
    cost_steps, effect_steps = _steps(costs, effects, strategy, comparator)
    spread = [_standard_error(steps) for steps in (cost_steps, effect_steps)]
    varies = all(error > 0 for error in spread)
    correlation = float(np.clip(np.corrcoef(cost_steps, effect_steps)[0, 1], -1, 1)) if varies else 0.0
    return fieller(float(cost_steps.mean()), spread[0], float(effect_steps.mean()), spread[1], correlation, level)


def _steps(costs: ArrayLike, effects: ArrayLike, strategy: int, comparator: int) -> tuple[Floats, Floats]:
    """Differences in costs and in effects, draw by draw, shape (draw,) each."""
    money, health = paired_draws(costs, effects, least=2)
    n_strategies = money.shape[1]
    faults = place_faults("strategy", strategy, n_strategies)
    faults += place_faults("comparator", comparator, n_strategies)
    if not faults and strategy == comparator:
        faults = [Fault("comparator", f"{comparator} is the strategy itself", "Give another column")]
    if faults:
        raise InputError.together(faults)
    return money[:, strategy] - money[:, comparator], health[:, strategy] - health[:, comparator]


def _mean_step(table: ArrayLike, strategy: int, comparator: int) -> float:
    """Difference of two columns' means, zero if it is no more than rounding error (as in `pairwise`)."""
    means = levelled(np.asarray(table, dtype=np.float64).mean(axis=0))
    return float(means[strategy] - means[comparator])


def _spread(values: Floats, level: float) -> Spread:
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return Spread(float(values.mean()), float(low), float(high), _standard_error(values))


def _standard_error(values: Floats) -> float:
    return float(values.std(ddof=1)) / sqrt(len(values))


def _roots(a: float, b: float, c: float) -> tuple[float, float]:
    """Real roots of a x^2 - 2 b x + c = 0, the lower first, without subtracting nearly equal numbers."""
    q = b + copysign(sqrt(max(b**2 - a * c, 0.0)), b)
    low, high = sorted((q / a, c / q if q else 0.0))
    return low, high


def _half_line(limit: float, upwards: bool, currency: str) -> FiellerInterval:
    """The set when the effect is exactly z standard errors from zero."""
    reading = f"not an interval: every ratio {'above' if upwards else 'below'} {currency} {limit:,.0f} per QALY"
    return FiellerInterval(limit if upwards else -inf, inf if upwards else limit, False, reading)


def _interval_reading(low: float, high: float, gains: bool, currency: str) -> str:
    """A bounded interval in words; below zero is dominant if QALYs are gained, dominated if forgone."""
    unit, below = ("per QALY gained", "dominant") if gains else ("saved per QALY forgone", "dominated")
    if high <= 0:
        return f"{below} throughout"
    return f"{below if low < 0 else f'{currency} {low:,.0f}'} to {currency} {high:,.0f} {unit}"


def _check_fieller(
    mean_cost: float, se_cost: float, mean_effect: float, se_effect: float, correlation: float, level: float
) -> None:
    """Refuse, all at once, what cannot be means, standard errors, a correlation and a level."""
    faults: list[Fault] = []
    numbers("mean cost", mean_cost, faults)
    numbers("mean effect", mean_effect, faults)
    numbers("correlation", correlation, faults)
    for where, value in (("standard error of cost", se_cost), ("standard error of effect", se_effect)):
        numbers(where, value, faults)
        if value < 0:
            faults.append(Fault(where, f"{value:g} is not a standard error", "Give 0 or more"))
    if abs(correlation) > 1:
        faults.append(Fault("correlation", f"{correlation:g} is not a correlation", "Give -1 to 1"))
    faults += _level_faults(level)
    if faults:
        raise InputError.together(faults)


def _level_faults(level: float) -> list[Fault]:
    if 0 < level < 1:
        return []
    return [Fault("level", f"{level:g} is not a level of confidence", "Give a share such as 0.95")]


def _threshold_faults(threshold: float) -> list[Fault]:
    if 0 < threshold < inf:
        return []
    return [Fault("threshold", f"{threshold:g} is not a threshold", "Give money per QALY above 0, such as 25000")]
