"""Net benefit: costs and QALYs on one scale, at a threshold in GBP per QALY.

The room's contract about arrays lives here too. A base case is one value per strategy, shape (strategy,);
a probabilistic analysis is shape (draw, strategy), row i of the costs and row i of the effects being the
same draw. Nothing is aligned, dropped or filled in: what does not fit is refused.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hemodel.errors import Fault, InputError

Floats = NDArray[np.float64]


def net_monetary_benefit(costs: ArrayLike, effects: ArrayLike, threshold: ArrayLike) -> Floats:
    """Net monetary benefit, threshold * effects - costs, in GBP.

    Costs (GBP) and effects (QALYs) have one shape, (strategy,) or (draw, strategy) or any other; either may
    be one number, or a row that is the same for every draw. `threshold` (GBP per QALY, above 0) is one number
    or a list of k thresholds, and then the result has a leading axis of k: shape (threshold, ...).
    Source: Stinnett and Mullahy 1998, Medical Decision Making 18(2 suppl):S68.

    >>> net_monetary_benefit([10_000, 50_000], [1, 3], 30_000).tolist()
    [20000.0, 40000.0]
    >>> net_monetary_benefit([10_000, 50_000], [1, 3], [10_000, 30_000]).tolist()
    [[0.0, -20000.0], [20000.0, 40000.0]]
    """
    money, health, rate = _checked(costs, effects, threshold)
    return rate * health - money


def net_health_benefit(costs: ArrayLike, effects: ArrayLike, threshold: ArrayLike) -> Floats:
    """Net health benefit, effects - costs / threshold, in QALYs; shapes as in `net_monetary_benefit`.

    >>> net_health_benefit([10_000, 50_000], [1, 3], 20_000).tolist()
    [0.5, 0.5]
    """
    money, health, rate = _checked(costs, effects, threshold)
    return health - money / rate


def incremental_net_monetary_benefit(
    costs: ArrayLike, effects: ArrayLike, threshold: ArrayLike, *, comparator: int = 0
) -> Floats:
    """Net monetary benefit of every strategy minus that of the comparator, in GBP.

    The strategy is the last axis of costs and effects; `comparator` is a place there, counted from 0. Shapes
    as in `net_monetary_benefit`; the comparator's own column stays, as zeros. Draws are compared with
    themselves: row i minus row i.

    >>> incremental_net_monetary_benefit([10_000, 50_000], [1, 3], 30_000).tolist()
    [0.0, 20000.0]
    """
    benefit = net_monetary_benefit(costs, effects, threshold)
    if np.ndim(costs) == 0 and np.ndim(effects) == 0:
        raise InputError("costs, effects", "there is no axis of strategies", "Give shape (strategy,)")
    faults = place_faults("comparator", comparator, benefit.shape[-1])
    if faults:
        raise InputError.together(faults)
    return benefit - benefit[..., [comparator]]


def numbers(where: str, values: ArrayLike, faults: list[Fault]) -> Floats:
    """`values` as float64; what is not a number or not finite is added to `faults` under the name `where`.

    >>> found: list[Fault] = []
    >>> numbers("costs", [1.0, float("nan")], found).tolist()
    [1.0, nan]
    >>> print(found[0])
    costs: 1 of 2 values is not finite (the first is at [1]). Give finite numbers.
    """
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        faults.append(Fault(where, "these are not numbers in rows of equal length", "Give an array of numbers"))
        return np.empty(0)
    bad = np.argwhere(~np.isfinite(array))
    if len(bad) and array.ndim == 0:
        faults.append(Fault(where, f"{array} is not finite", "Give a finite number"))
    elif len(bad):
        verb = "is" if len(bad) == 1 else "are"
        problem = f"{len(bad)} of {array.size} values {verb} not finite (the first is at {bad[0].tolist()})"
        faults.append(Fault(where, problem, "Give finite numbers"))
    return array


def paired_draws(costs: ArrayLike, effects: ArrayLike, *, least: int = 1) -> tuple[Floats, Floats]:
    """Costs and effects as two (draw, strategy) arrays that fit each other and have at least `least` draws.

    >>> [array.shape for array in paired_draws([[1, 2]], [[3, 4]])]
    [(1, 2), (1, 2)]
    """
    faults: list[Fault] = []
    money, health = drawn("costs", costs, least, faults), drawn("effects", effects, least, faults)
    if not faults and money.shape != health.shape:
        problem = f"costs have shape {money.shape}, effects {health.shape}"
        faults.append(Fault("costs, effects", problem, "Give both as (draw, strategy), row i of both being draw i"))
    if faults:
        raise InputError.together(faults)
    return money, health


def drawn(where: str, values: ArrayLike, least: int, faults: list[Fault]) -> Floats:
    """`values` as a (draw, strategy) table of at least `least` draws; what is wrong is added to `faults`.

    >>> found: list[Fault] = []
    >>> _ = drawn("costs", [1, 2, 3], 1, found)
    >>> print(found[0])
    costs: the shape is (3,). Give shape (draw, strategy); one base case is one row.
    """
    before = len(faults)
    array = numbers(where, values, faults)
    if array.size == 0 and len(faults) > before:
        return array
    if array.ndim != 2 or array.shape[1] == 0:
        remedy = "Give shape (draw, strategy); one base case is one row"
        faults.append(Fault(where, f"the shape is {array.shape}", remedy))
    elif array.shape[0] < least:
        plural = "" if least == 1 else "s"
        problem = f"the number of draws is {array.shape[0]}, too few"
        faults.append(Fault(where, problem, f"Give at least {least} draw{plural}"))
    return array


def place_faults(where: str, place: int, n_strategies: int) -> list[Fault]:
    """What keeps `place` from being one of `n_strategies` columns counted from 0.

    >>> print(place_faults("comparator", 2, 2)[0])
    comparator: 2 is not the place of a strategy. Give a whole number from 0 to 1.
    """
    if isinstance(place, (int, np.integer)) and 0 <= place < n_strategies:
        return []
    problem = f"{place!r} is not the place of a strategy"
    return [Fault(where, problem, f"Give a whole number from 0 to {n_strategies - 1}")]


def _checked(costs: ArrayLike, effects: ArrayLike, threshold: ArrayLike) -> tuple[Floats, Floats, Floats]:
    """Costs, effects and threshold as arrays that broadcast as promised, or every fault at once."""
    faults: list[Fault] = []
    money, health = numbers("costs", costs, faults), numbers("effects", effects, faults)
    rate = numbers("threshold", threshold, faults)
    if rate.ndim > 1:
        faults.append(Fault("threshold", f"the shape is {rate.shape}", "Give one number or a list of numbers"))
    if np.any(rate <= 0):
        problem = f"{rate[rate <= 0].min():g} is not a threshold"
        faults.append(Fault("threshold", problem, "Give money per QALY above 0, such as 25000"))
    if faults:
        raise InputError.together(faults)
    larger = money.shape if money.ndim >= health.ndim and money.size >= health.size else health.shape
    if not _fits(money.shape, larger) or not _fits(health.shape, larger):
        problem = f"costs have shape {money.shape}, effects {health.shape}"
        raise InputError("costs, effects", problem, "Give both the same shape, such as (draw, strategy)")
    return money, health, rate.reshape(rate.shape + (1,) * len(larger)) if rate.ndim else rate


def _fits(shape: tuple[int, ...], larger: tuple[int, ...]) -> bool:
    """Whether an array of `shape` is repeated along the axes of `larger` without making it larger still."""
    padded = (1,) * (len(larger) - len(shape)) + shape
    return len(padded) == len(larger) and all(n in (1, m) for n, m in zip(padded, larger, strict=True))
