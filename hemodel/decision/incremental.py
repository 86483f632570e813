"""Incremental analysis: which strategies are worth considering, and what the next QALY costs.

A strategy is dominated if another costs no more and is at least as effective. It is extendedly dominated if
some mixture of two others costs no more and is at least as effective. What remains is the frontier, and only
along it does an ICER mean what it says: the price of moving up from the strategy before. A ratio by itself
does not tell cheap-and-better from dear-and-worse, so it never travels without its quadrant or its words.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from hemodel.decision.net_benefit import Floats, numbers
from hemodel.errors import Fault, InputError, nearest

REFERENCE = "reference"
ON_FRONTIER = "on frontier"
DOMINATED = "dominated"
EXTENDEDLY_DOMINATED = "extendedly dominated"

# Totals that agree to 12 digits of the largest are equal: the same sum in another order differs by less.
_ROUNDING = 1e-12


def incremental_analysis(names: Sequence[str], costs: ArrayLike, effects: ArrayLike) -> pd.DataFrame:
    """Fully incremental analysis: one row per strategy, by increasing cost.

    Costs (GBP) and effects (QALYs) have shape (strategy,), or (draw, strategy), and then the means over the
    draws are compared: the ICER is the ratio of means, never the mean of ratios. Columns: strategy, costs,
    effects, incremental_costs, incremental_effects, icer, status. Status is "reference" (the cheapest),
    "on frontier", "dominated" or "extendedly dominated"; increments and ICER are against the frontier row
    before and NaN elsewhere. At equal cost the more effective comes first; of exact duplicates the first
    given stays and the others are dominated; a strategy on the straight line between two others is extendedly
    dominated, so that ICERs strictly increase. Totals equal to 12 digits count as equal.
    Source: Drummond et al., Methods for the Economic Evaluation of Health Care Programmes, 4th ed., 2015;
    NICE PMG36, 4.10.8.

    >>> table = incremental_analysis(["old", "poor", "new"], [10_000, 15_000, 40_000], [1.0, 0.5, 2.0])
    >>> table[["strategy", "icer", "status"]].values.tolist()
    [['old', nan, 'reference'], ['poor', nan, 'dominated'], ['new', 30000.0, 'on frontier']]
    """
    labels, money, health = _totals(names, costs, effects)
    level_money, level_health = levelled(money), levelled(health)
    order = np.lexsort((-level_health, level_money))  # stable: of duplicates the first given comes first
    money, health, level_money, level_health = (a[order] for a in (money, health, level_money, level_health))
    undominated = _undominated(level_health)
    frontier = _frontier(level_money, level_health, undominated)
    status = np.where(undominated, EXTENDEDLY_DOMINATED, DOMINATED).astype(object)
    status[frontier] = ON_FRONTIER
    status[0] = REFERENCE
    increments = np.full((3, len(order)), np.nan)
    increments[0, frontier[1:]] = np.diff(level_money[frontier])
    increments[1, frontier[1:]] = np.diff(level_health[frontier])
    increments[2] = increments[0] / increments[1]
    return pd.DataFrame(
        {
            "strategy": [labels[place] for place in order],
            "costs": money,
            "effects": health,
            "incremental_costs": increments[0],
            "incremental_effects": increments[1],
            "icer": increments[2],
            "status": [str(word) for word in status],
        }
    )


def pairwise(
    names: Sequence[str], costs: ArrayLike, effects: ArrayLike, comparator: str, *, currency: str = "GBP"
) -> pd.DataFrame:
    """Every other strategy minus the comparator, in the order given; the comparator has no row.

    Shapes and means as in `incremental_analysis`. Columns: strategy, comparator, incremental_costs,
    incremental_effects, icer (NaN where a ratio would mislead: see `icer`), quadrant, reading (money in `currency`).

    >>> table = pairwise(["old", "new"], [10_000, 40_000], [1.0, 2.0], "old")
    >>> table[["strategy", "icer", "quadrant", "reading"]].values.tolist()
    [['new', 30000.0, 'north-east', 'GBP 30,000 per QALY gained']]
    """
    labels, money, health = _totals(names, costs, effects)
    if comparator not in labels:
        problem = f"{comparator!r} is not one of the strategies"
        raise InputError("comparator", problem, nearest(str(comparator), labels))
    money, health = levelled(money), levelled(health)
    place = labels.index(comparator)
    others = [row for row in range(len(labels)) if row != place]
    steps = [(float(money[row] - money[place]), float(health[row] - health[place])) for row in others]
    return pd.DataFrame(
        {
            "strategy": [labels[row] for row in others],
            "comparator": [comparator] * len(others),
            "incremental_costs": np.array([cost for cost, _ in steps], dtype=np.float64),
            "incremental_effects": np.array([effect for _, effect in steps], dtype=np.float64),
            "icer": np.array([icer(*step) for step in steps], dtype=np.float64),
            "quadrant": [quadrant(*step) for step in steps],
            "reading": [describe_icer(*step, currency=currency) for step in steps],
        }
    )


class IcerKind(Enum):
    """What an ICER says: of `GAINED` less is better, of `FORGONE` more, and the others are no ratio."""

    GAINED = "per QALY gained"
    FORGONE = "saved per QALY forgone"
    DOMINANT = "dominant"
    DOMINATED = "dominated"
    UNDEFINED = "undefined"
    REFERENCE = "reference"
    """What all others are compared with: there is no ICER."""


def kind_of_icer(reading: object) -> IcerKind:
    """The kind of an ICER by the words that travel with it in every table: the one place that reads what `describe_icer` writes.

    >>> kind_of_icer("GBP 12,345 per QALY gained against dexamethasone").name, kind_of_icer(describe_icer(-1_000, 2)).name
    ('GAINED', 'DOMINANT')
    """
    words = str(reading)
    for kind in (IcerKind.FORGONE, IcerKind.GAINED):
        if kind.value in words:
            return kind
    for kind in (IcerKind.DOMINANT, IcerKind.DOMINATED, IcerKind.UNDEFINED):
        if words.startswith(kind.value):
            return kind
    return IcerKind.REFERENCE


def icer(incremental_cost: float, incremental_effect: float) -> float:
    """Incremental cost-effectiveness ratio in GBP per QALY, where a ratio is what is needed, otherwise NaN.

    North-east: the price of a QALY gained. South-west: the saving per QALY forgone, for which more is better.
    Dominant, dominated or no difference: NaN, since the sign of the ratio could not tell them apart.

    >>> icer(30_000, 2), icer(-30_000, -2), icer(-30_000, 2)
    (15000.0, 15000.0, nan)
    """
    if quadrant(incremental_cost, incremental_effect) in ("north-east", "south-west"):
        return float(incremental_cost / incremental_effect)
    return float("nan")


def quadrant(incremental_cost: float, incremental_effect: float) -> str:
    """Place on the cost-effectiveness plane: north is dearer, east is more effective.

    >>> quadrant(30_000, 2), quadrant(30_000, 0), quadrant(0, 0)
    ('north-east', 'on an axis', 'no difference')
    """
    faults: list[Fault] = []
    numbers("incremental cost", incremental_cost, faults)
    numbers("incremental effect", incremental_effect, faults)
    if faults:
        raise InputError.together(faults)
    if incremental_cost == 0 and incremental_effect == 0:
        return "no difference"
    if incremental_cost == 0 or incremental_effect == 0:
        return "on an axis"
    return f"{'north' if incremental_cost > 0 else 'south'}-{'east' if incremental_effect > 0 else 'west'}"


def describe_icer(incremental_cost: float, incremental_effect: float, *, currency: str = "GBP") -> str:
    """The increments in words: what every table, chart and page says in place of a bare ratio.

    Money in whole units of `currency`. On an axis nothing has to be traded, so those read as dominant or dominated too.
    Zero is meant exactly: `pairwise` gives increments from which rounding error has been taken away.

    >>> describe_icer(24_690, 2)
    'GBP 12,345 per QALY gained'
    >>> describe_icer(-24_690, -2)
    'GBP 12,345 saved per QALY forgone'
    >>> describe_icer(-1_000, 2)
    'dominant (cheaper and more effective)'
    >>> describe_icer(1_000, 0)
    'dominated (dearer and no more effective)'
    """
    place = quadrant(incremental_cost, incremental_effect)
    if place == "no difference":
        return "undefined (no difference in QALYs or costs)"
    if place == "north-east":
        return f"{currency} {incremental_cost / incremental_effect:,.0f} {IcerKind.GAINED.value}"
    if place == "south-west":
        return f"{currency} {incremental_cost / incremental_effect:,.0f} {IcerKind.FORGONE.value}"
    if incremental_cost > 0:
        return "dominated (dearer and no more effective)"
    if incremental_cost == 0:
        if incremental_effect > 0:
            return "dominant (more effective and no dearer)"
        return "dominated (less effective and no cheaper)"
    return f"dominant (cheaper and {'more' if incremental_effect > 0 else 'no less'} effective)"


def levelled(values: Floats) -> Floats:
    """Totals (strategy,), those equal but for rounding error made equal: each takes the lowest of its group.

    Without this, two strategies with the same QALYs summed in another order would get an ICER of GBP 10^17.

    >>> levelled(np.array([0.1 + 0.2, 0.3, 1.0])).tolist()
    [0.3, 0.3, 1.0]
    """
    levelled = values.copy()
    tolerance = _ROUNDING * np.abs(values).max()
    order = np.argsort(values, kind="stable")
    lowest = values[order[0]]
    for place in order:
        if values[place] - lowest > tolerance:
            lowest = values[place]
        levelled[place] = lowest
    return levelled


def _undominated(effects: Floats) -> np.ndarray:
    """Which rows, sorted by cost and then by falling effect, exceed the effect of every row before."""
    best_before = np.maximum.accumulate(np.concatenate(([-np.inf], effects[:-1])))
    return effects > best_before


def _frontier(costs: Floats, effects: Floats, undominated: np.ndarray) -> list[int]:
    """Rows left when extended dominance is removed until ICERs strictly increase (a lower convex hull)."""

    def price(low: int, high: int) -> float:
        return float((costs[high] - costs[low]) / (effects[high] - effects[low]))

    kept: list[int] = []
    for row in np.flatnonzero(undominated).tolist():
        while len(kept) > 1 and price(kept[-2], kept[-1]) >= price(kept[-1], row):
            kept.pop()
        kept.append(row)
    return kept


def _totals(names: Sequence[str], costs: ArrayLike, effects: ArrayLike) -> tuple[list[str], Floats, Floats]:
    """Names, mean costs and mean effects, shape (strategy,) each, or every fault at once."""
    faults: list[Fault] = []
    labels = _checked_names(names, faults)
    money = _per_strategy("costs", costs, len(labels), faults)
    health = _per_strategy("effects", effects, len(labels), faults)
    if not faults and money.shape != health.shape:
        problem = f"costs have shape {money.shape}, effects {health.shape}"
        faults.append(Fault("costs, effects", problem, "Give both the same shape"))
    if faults:
        raise InputError.together(faults)
    if money.ndim == 2:
        return labels, money.mean(axis=0), health.mean(axis=0)
    return labels, money, health


def _per_strategy(where: str, values: ArrayLike, n_names: int, faults: list[Fault]) -> Floats:
    """Finite numbers of shape (strategy,) or (draw, strategy), one strategy per name."""
    before = len(faults)
    array = numbers(where, values, faults)
    if array.size == 0 and len(faults) > before:
        return array
    if array.ndim not in (1, 2) or array.shape[-1] != n_names or array.shape[0] == 0:
        problem = f"the shape is {array.shape}, the number of names {n_names}"
        faults.append(Fault(where, problem, "Give shape (strategy,) or (draw, strategy)"))
    return array


def _checked_names(names: Sequence[str], faults: list[Fault]) -> list[str]:
    labels = [names] if isinstance(names, str) else list(names)
    if not labels:
        faults.append(Fault("names", "there are none", "Give one name per strategy"))
    for place, label in enumerate(labels):
        if not isinstance(label, str) or not label.strip():
            faults.append(Fault("names", f"name {place} is {label!r}", "Give every strategy a name"))
        elif label in labels[:place]:
            faults.append(Fault("names", f"{label!r} occurs twice", "Give every strategy a name of its own"))
    return labels
