"""The two structures of the model, as arrays: state transition (Markov) and partitioned survival, from the same curves.

Weibull cumulative hazards are H(t) = m t^k. `pfs_rate` and the like are m, shape (strategy, draw); shapes k are (draw,).
`floor` holds the increments of the general population's cumulative hazard, (cycle, 1) or (cycle, draw); `log_time` is ln of
the cycle boundaries in years.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from hemodel.cohort.engine import Moves
from hemodel.errors import InputError

Array = NDArray[np.float64]
Curve = tuple[Array, Array]  # m and k of the cumulative hazard m t^k

PROGRESSION_FREE, PROGRESSED, DEAD = "progression_free", "progressed", "dead"


def state_transition(
    pfs_rate: Array,
    shape: Array,
    progression_share: Array,
    stay_progressed: Array,
    floor: Array,
    log_time: Array,
    *,
    ttp: Curve | None = None,
    strategies: Sequence[str] = (),
) -> Callable[[int], Moves]:
    """Probabilities of each cycle in the state-transition structure, computed when asked for; the arrays are reused.

    The increment g = m (t'^k - t^k) of the PFS hazard is progression for the share p = (median PFS / median TTP)^k and death for
    the rest, which is at least the general population's increment b. So 1 - exp(-max(g, p g + b)) leave, and p g / max(g, p g + b)
    of them progress. After progression exp(-rate dt), `stay_progressed`, survive a cycle, and at most exp(-b).

    With `ttp`, progression follows a curve of its own; a hazard of death before progression that this makes negative is refused.
    """
    minus_rate, minus_progression_rate = -pfs_rate, -pfs_rate * progression_share
    survive_floor, highest_stay = np.exp(-floor), stay_progressed.max()
    power, next_power, step = np.zeros_like(shape), np.empty_like(shape), np.empty_like(shape)  # t^k, t'^k, t'^k - t^k
    # the loop holds the negative of every increment, which saves a pass over memory for each exponential
    increment, progression, leaving, stay, floored = (np.empty_like(pfs_rate) for _ in range(5))

    def moves_of(cycle: int) -> Moves:
        nonlocal power, next_power
        np.exp(np.multiply(shape, log_time[cycle + 1], out=next_power), out=next_power)
        np.subtract(next_power, power, out=step)
        power, next_power = next_power, power
        np.multiply(minus_rate, step, out=increment)
        if ttp is None:
            np.multiply(minus_progression_rate, step, out=progression)
        else:
            progression[...] = -_increment(ttp, log_time, cycle)
            _refuse_negative_death(progression - increment, cycle, strategies)
        np.subtract(progression, floor[cycle], out=leaving)
        np.minimum(leaving, increment, out=leaving)
        np.divide(progression, leaving, out=progression)
        np.exp(leaving, out=stay)
        np.subtract(1.0, stay, out=leaving)
        np.multiply(leaving, progression, out=progression)
        survive = survive_floor[cycle]
        binds = survive.min() < highest_stay
        survive = np.minimum(stay_progressed, survive, out=floored) if binds else stay_progressed
        return {PROGRESSION_FREE: stay, PROGRESSED: survive}, {(PROGRESSION_FREE, PROGRESSED): progression}

    return moves_of


def partitioned_survival(pfs: Curve, os: Curve, floor: Array, log_time: Array, above: Array) -> Iterator[tuple[Array, Array]]:
    """Shares progression-free and progressed at each cycle start and at the end, each (strategy, draw): PFS, and OS less PFS.

    No hazard falls below the general population's. Where the PFS curve would exceed the OS curve it is held at the OS curve;
    `above`, (strategy, draw), counts the cycles in which that happens.
    """
    survival_pfs, survival_os = np.ones_like(pfs[0]), np.ones_like(os[0])
    for cycle in range(len(log_time)):
        above += survival_pfs > survival_os
        free = np.minimum(survival_pfs, survival_os)
        yield free, survival_os - free
        if cycle < len(floor):
            survival_pfs *= np.exp(-np.maximum(_increment(pfs, log_time, cycle), floor[cycle]))
            survival_os *= np.exp(-np.maximum(_increment(os, log_time, cycle), floor[cycle]))


def _increment(curve: Curve, log_time: Array, cycle: int) -> Array:
    """Increment m (t'^k - t^k) of a cumulative hazard over a cycle, (strategy, draw)."""
    rate, shape = curve
    result: Array = rate * (np.exp(shape * log_time[cycle + 1]) - np.exp(shape * log_time[cycle]))
    return result


def _refuse_negative_death(death: Array, cycle: int, strategies: Sequence[str]) -> None:
    if (bad := death < 0).any():
        strategy, draw = (int(i) for i in np.argwhere(bad)[0])
        raise InputError(
            f"cycle {cycle}, {strategies[strategy]}, draw {draw}",
            "the progression hazard of the TTP curve exceeds that of the PFS curve, so deaths before progression would be negative",
            'Set progression_shape = "pfs", which gives both curves of a strategy the same shape',
        )
