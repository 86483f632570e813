"""The two structures of the model, as arrays: state transition (Markov) and partitioned survival, from the same curves.

Curves are the changes of ln S over each cycle (`cohort.hazards`), shape (strategy, draw). `floor` holds the increments of the general
population's cumulative hazard, (cycle, 1) or (cycle, draw).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from hemodel.cohort.engine import Edge, Moves
from hemodel.cohort.hazards import Floored, Hazard, Survivors
from hemodel.errors import Fault, InputError

Array = NDArray[np.float64]

PROGRESSION_FREE, PROGRESSED, DEAD = "progression_free", "progressed", "dead"
LATER = "_later"
"""Ending of the state to which people move once they have been in a state with a clock for its number of cycles."""


def state_transition(
    pfs: Hazard,
    progression_share: Array,
    death: Hazard,
    floor: Array,
    *,
    own_progression: Hazard | None = None,
    strategies: Sequence[str] = (),
    behind: Callable[[int], tuple[str, ...]] = lambda _: (),
) -> Callable[[int], Moves]:
    """Probabilities of each cycle in the state-transition structure, computed when asked for; the arrays are reused.

    The increment g of the PFS hazard is progression for the share p = `progression_share` and death for the rest, which is at least the
    general population's increment b. So 1 - exp(-max(g, p g + b)) leave, and p g / max(g, p g + b) of them progress. After
    progression the hazard is that of `death`, and at least b.

    With `own_progression`, progression follows that hazard instead of a share; a hazard of death before progression that this makes
    negative is refused, with the names of the parameters that are `behind` the curves of that row.
    """
    progression, leaving, stay = (np.empty_like(progression_share) for _ in range(3))
    survivors = Survivors(death, floor)

    def moves_of(cycle: int) -> Moves:
        change = pfs(cycle)
        if own_progression is None:
            np.multiply(progression_share, change, out=progression)
        else:
            progression[...] = own_progression(cycle)
            _refuse_negative_death(progression - change, cycle, strategies, behind)
        np.subtract(progression, floor[cycle], out=leaving)
        np.minimum(leaving, change, out=leaving)
        np.divide(progression, leaving, out=progression)
        np.exp(leaving, out=stay)
        np.subtract(1.0, stay, out=leaving)
        np.multiply(leaving, progression, out=progression)
        return {PROGRESSION_FREE: stay, PROGRESSED: survivors(cycle)}, {(PROGRESSION_FREE, PROGRESSED): progression}

    return moves_of


def with_clock(
    moves_of: Callable[[int], Moves],
    occupancy: Mapping[str, Array],
    state: str,
    window: int,
    *,
    steps: Hazard,
    later_steps: Hazard,
    floor: Array,
    share: Array | None = None,
) -> Callable[[int], Moves]:
    """The same moves with a clock in `state`: after `window` cycles in it people go over to the state named `state` + `LATER`.

    Exact by time since entry, without a tunnel of states: of those who entered at the start of cycle e, the survivors of cycles e
    to e + window - 1 are what entered times exp of the sum of `steps`. People stay in `state` by `steps` and in the later one by
    `later_steps`, both with a hazard of at least `floor`. Those enter who progress; with `share`, that share of them, in a state that is
    kept beside the others and not instead of them. `occupancy` is the one that the engine changes in place.
    """
    shape = occupancy[state].shape
    entered, log_at_entry = np.zeros((window, *shape)), np.zeros((window, *shape))
    log_survival, age, stay_here = np.zeros(shape), np.empty(shape), np.empty(shape)
    floored, survival, later_survival = Floored(steps, floor), Survivors(steps, floor), Survivors(later_steps, floor)

    def moves(cycle: int) -> Moves:
        stay, move = moves_of(cycle)
        progression = move[PROGRESSION_FREE, PROGRESSED]
        into = progression if share is None else share * progression
        slot = (cycle + 1) % window
        np.add(log_survival, floored(cycle), out=log_survival)
        np.exp(np.subtract(log_survival, log_at_entry[slot], out=age), out=age)
        np.multiply(age, entered[slot], out=age)
        np.multiply(occupancy[PROGRESSION_FREE], into, out=entered[slot])
        log_at_entry[slot] = log_survival
        here = occupancy[state]
        np.divide(age, here, out=age, where=here > 0)  # where nobody is here, nobody has aged
        # where nobody newer is left, those who go over may exceed those who survive by rounding
        np.maximum(np.subtract(survival(cycle), age, out=stay_here), 0.0, out=stay_here)
        stays = {state: stay_here, state + LATER: later_survival(cycle)}
        edges: dict[Edge, Array] = {(PROGRESSION_FREE, state): into, (state, state + LATER): age}
        return {**stay, **stays}, {**move, **edges}

    return moves


def counting_entries(moves_of: Callable[[int], Moves], counter: str) -> Callable[[int], Moves]:
    """The same moves with a state beside the others that holds everyone who ever progressed: nobody leaves it."""

    def moves(cycle: int) -> Moves:
        stay, move = moves_of(cycle)
        return stay, {**move, (PROGRESSION_FREE, counter): move[PROGRESSION_FREE, PROGRESSED]}

    return moves


def partitioned_survival(pfs: Hazard, os: Hazard, floor: Array, above: Array, largest: Array) -> Iterator[tuple[Array, Array]]:
    """Shares progression-free and progressed at each cycle start and at the end, each (strategy, draw): PFS, and OS less PFS.

    No hazard falls below the general population's. Where the PFS curve would exceed the OS curve it is held at the OS curve;
    `above`, (strategy, draw), counts the cycles in which that happens, and `largest` becomes the greatest excess.
    """
    survival_pfs, survival_os = np.ones_like(above), np.ones_like(above)
    for cycle in range(len(floor) + 1):
        excess = survival_pfs - survival_os
        above += excess > 0
        np.maximum(largest, excess, out=largest)
        free = np.minimum(survival_pfs, survival_os)
        yield free, survival_os - free
        if cycle < len(floor):
            survival_pfs *= np.exp(np.minimum(pfs(cycle), -floor[cycle]))
            survival_os *= np.exp(np.minimum(os(cycle), -floor[cycle]))


def _refuse_negative_death(death: Array, cycle: int, strategies: Sequence[str], behind: Callable[[int], tuple[str, ...]]) -> None:
    if (bad := death < 0).any():
        strategy, draw = (int(i) for i in np.argwhere(bad)[0])
        fault = Fault(
            f"cycle {cycle}, {strategies[strategy]}",
            "the progression hazard of the TTP curve exceeds that of the PFS curve, so deaths before progression would be negative",
            'Set progression_shape = "pfs", which gives both curves of a strategy the same shape',
            draw=draw,
            parameters=behind(strategy),
        )
        raise InputError.together([fault])
