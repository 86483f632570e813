"""Acceptability: how sure we are that a strategy is the best one, at each threshold.

The strategy with the highest *probability* of being best need not have the highest *expected* net benefit.
The choice follows the expectation (Claxton 1999), so the frontier reports the probability of that strategy.
The curve counts draws in which a strategy has the highest net benefit of all; draws in which several share
the highest are shared equally, so that the curves sum to one at every threshold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from hemodel.decision.net_benefit import Floats, numbers, paired_draws
from hemodel.errors import Fault, InputError


@dataclass(frozen=True, eq=False)
class ProbabilityCostEffective:
    """Share of draws in which each strategy is best and its Monte Carlo standard error, each (strategy,)."""

    probability: Floats
    standard_error: Floats


def acceptability_curve(
    costs: ArrayLike, effects: ArrayLike, thresholds: ArrayLike, names: Sequence[str] | None = None
) -> pd.DataFrame:
    """Cost-effectiveness acceptability curves: index threshold, one column per strategy, rows sum to one.

    Costs (GBP) and effects (QALYs) have shape (draw, strategy). `thresholds` is a list of GBP per QALY; 0 is
    allowed (the probability of being cheapest). Without `names` the columns are "strategy 1", "strategy 2".
    Source: van Hout et al. 1994, Health Economics 3:309; Fenwick et al. 2001, Health Economics 10:779.

    >>> acceptability_curve([[0, 10], [0, 30]], [[0, 1], [0, 1]], [5, 20, 40], ["old", "new"])["new"].tolist()
    [0.0, 0.5, 1.0]
    """
    money, health = paired_draws(costs, effects)
    levels, labels = _levels_and_labels(thresholds, names, money.shape[1])
    shares = _shares_best(money, health, levels)
    return pd.DataFrame(shares, index=pd.Index(levels, name="threshold"), columns=pd.Index(labels))


def acceptability_frontier(
    costs: ArrayLike, effects: ArrayLike, thresholds: ArrayLike, names: Sequence[str] | None = None
) -> pd.DataFrame:
    """Cost-effectiveness acceptability frontier: the strategy to choose and the probability that it is best.

    Index threshold; columns strategy (highest expected net benefit; the first given if several share it),
    probability (that strategy's acceptability, which may be below one half, or below another strategy's) and
    expected_net_monetary_benefit (GBP). Shapes and names as in `acceptability_curve`.
    Source: Fenwick et al. 2001, Health Economics 10:779; Barton et al. 2008, Value in Health 11:886.

    >>> costs, effects = [[0, 10], [0, 10], [0, 10]], [[0, 0], [0, 0], [0, 9]]
    >>> acceptability_frontier(costs, effects, [5], ["old", "new"]).values.tolist()
    [['new', 0.3333333333333333, 5.0]]
    """
    money, health = paired_draws(costs, effects)
    levels, labels = _levels_and_labels(thresholds, names, money.shape[1])
    expected = levels[:, None] * health.mean(axis=0) - money.mean(axis=0)
    best = expected.argmax(axis=1)
    rows = np.arange(len(levels))
    return pd.DataFrame(
        {
            "strategy": [labels[place] for place in best],
            "probability": _shares_best(money, health, levels)[rows, best],
            "expected_net_monetary_benefit": expected[rows, best],
        },
        index=pd.Index(levels, name="threshold"),
    )


def probability_cost_effective(costs: ArrayLike, effects: ArrayLike, threshold: float) -> ProbabilityCostEffective:
    """Probability that each strategy is the best at one threshold, with its Monte Carlo standard error.

    Costs and effects have shape (draw, strategy). The standard error is sqrt(p (1 - p) / n) for n independent
    draws; where every draw agrees it is 0 and says nothing: then with 95 % confidence p is within 3 / n.

    >>> result = probability_cost_effective([[0, 10], [0, 10], [0, 30], [0, 30]], [[0, 1]] * 4, 20)
    >>> result.probability.tolist(), result.standard_error.tolist()
    ([0.5, 0.5], [0.25, 0.25])
    """
    money, health = paired_draws(costs, effects)
    levels, _ = _levels_and_labels([threshold], None, money.shape[1])
    share = _shares_best(money, health, levels)[0]
    return ProbabilityCostEffective(share, np.sqrt(share * (1 - share) / len(money)))


def _shares_best(costs: Floats, effects: Floats, thresholds: Floats) -> Floats:
    """Share of draws in which each strategy has the highest net benefit, shape (threshold, strategy).

    Goes through the thresholds one by one, so that memory stays at a few tables of the size of the draws.
    """
    money, health = np.ascontiguousarray(costs.T), np.ascontiguousarray(effects.T)  # (strategy, draw)
    shares = np.empty((len(thresholds), len(money)))
    benefit = np.empty_like(money)
    for row, threshold in enumerate(thresholds):
        np.multiply(health, threshold, out=benefit)
        benefit -= money
        best = benefit == benefit.max(axis=0)
        shares[row] = (best / best.sum(axis=0)).mean(axis=1)
    return shares


def _levels_and_labels(thresholds: ArrayLike, names: Sequence[str] | None, n_strategies: int) -> tuple[Floats, list[str]]:
    """Thresholds as a list of numbers and one label per strategy, or every fault at once."""
    faults: list[Fault] = []
    levels = numbers("thresholds", thresholds, faults)
    if not faults and (levels.ndim != 1 or levels.size == 0):
        faults.append(Fault("thresholds", f"the shape is {levels.shape}", "Give a list of money per QALY"))
    if np.any(levels < 0):
        problem = f"{levels[levels < 0].min():g} is not a threshold"
        faults.append(Fault("thresholds", problem, "Give money per QALY of 0 or more"))
    labels = [f"strategy {place + 1}" for place in range(n_strategies)] if names is None else list(names)
    if len(labels) != n_strategies or len(set(labels)) != len(labels):
        problem = f"{labels} do not name {n_strategies} strategies"
        faults.append(Fault("names", problem, "Give one name of its own to each strategy"))
    if faults:
        raise InputError.together(faults)
    return levels, labels
