"""The Markov cohort engine: named states, a sparse set of allowed transitions, draws on the innermost axis.

One kernel, `step_through`, serves both the general `run_cohort`, which keeps the whole trace of anybody's model, and the
hot path of the model, which computes its transitions cycle by cycle and keeps totals only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hemodel.errors import Fault, InputError, nearest

Array = NDArray[np.float64]
Edge = tuple[str, str]
Moves = tuple[Mapping[str, Array], Mapping[Edge, Array]]
"""One cycle's row of the transition matrix by state: the probability to stay, and the probabilities to move along each edge.

A destination that nobody asks about (an absorbing state whose occupancy is what the others leave) may be left out."""

_ROUNDING = 1e-12  # by which a sum of probabilities may exceed one


def step_through(
    occupancy: dict[str, Array],
    moves_of: Callable[[int], Moves],
    n_cycles: int,
    record: Callable[[int, Mapping[str, Array]], None],
) -> None:
    """Move `occupancy` (state -> shares at the start of cycle 0, changed in place) through `n_cycles` cycles.

    `record(cycle, occupancy)` sees the occupancy at the start of each cycle 0, ..., n_cycles - 1 and, last, at the end as
    cycle n_cycles. `moves_of(cycle)` gives the probabilities of that cycle. All moves of a cycle start from the same occupancy.
    """
    flows: dict[Edge, Array] = {}
    for cycle in range(n_cycles):
        record(cycle, occupancy)
        stay, move = moves_of(cycle)
        for edge, probability in move.items():
            flows[edge] = np.multiply(occupancy[edge[0]], probability, out=flows.get(edge))
        for state, probability in stay.items():
            occupancy[state] *= probability
        for edge in move:
            occupancy[edge[1]] += flows[edge]
    record(n_cycles, occupancy)


@dataclass(frozen=True)
class Trace:
    """Where the cohort is. `occupancy[state]`: share at cycle starts, shape (n_cycles + 1, draw); the last row is the end."""

    occupancy: Mapping[str, Array]
    transitions: Mapping[Edge, Array]

    @property
    def n_cycles(self) -> int:
        """Number of cycles."""
        return len(next(iter(self.occupancy.values()))) - 1

    def flow(self, from_state: str, to_state: str) -> Array:
        """Share of the cohort that moves from one state to the other in each cycle, shape (n_cycles, draw)."""
        try:
            probability = self.transitions[from_state, to_state]
        except KeyError:
            edges = [f"{a} -> {b}" for a, b in self.transitions]
            name = f"{from_state} -> {to_state}"
            raise InputError(f"flow {name}", "there is no such transition", nearest(name, edges)) from None
        return self.occupancy[from_state][:-1] * probability

    def _repr_html_(self) -> str:
        import pandas as pd

        means = {state: values.mean(axis=1) for state, values in self.occupancy.items()}
        return str(pd.DataFrame(means).rename_axis("cycle").to_html(max_rows=12, float_format="{:.4f}".format))


def run_cohort(initial: Mapping[str, ArrayLike], transitions: Mapping[Edge, ArrayLike], n_cycles: int) -> Trace:
    """Run a Markov cohort model and keep its trace.

    `initial` maps a state to the share of the cohort that starts there: scalar or shape (draw,); states left out start empty.
    `transitions` maps (from_state, to_state) to a probability per cycle: scalar, or shape (cycle,), (draw,) or (cycle, draw).
    What is left stays. Where the numbers of cycles and draws are equal, a one-dimensional array could be either: give it as
    (cycle, 1) or (1, draw). Returns the `Trace`; draw is 1 when nothing varies.

    Raises `InputError` for shares that are not shares, and for probabilities outside [0, 1] or rows that exceed one, with
    transition, cycle and draw; nothing is ever clipped.

    >>> trace = run_cohort({"well": 1.0}, {("well", "dead"): 0.5}, 2)
    >>> trace.occupancy["dead"][:, 0]
    array([0.  , 0.5 , 0.75])
    """
    if isinstance(n_cycles, bool) or not isinstance(n_cycles, (int, np.integer)) or n_cycles < 1:
        raise InputError("n_cycles", f"{n_cycles!r} is not a number of cycles", "Give a whole number from 1")
    states = list(dict.fromkeys([*initial, *(state for edge in transitions for state in edge)]))
    starts, probabilities, n_draws = _broadcast(initial, transitions, int(n_cycles))
    _refuse_invalid(starts, probabilities)
    now = {state: starts.get(state, np.zeros(n_draws)).copy() for state in states}
    kept = {state: np.empty((n_cycles + 1, n_draws)) for state in states}

    def keep(cycle: int, occupancy: Mapping[str, Array]) -> None:
        for state, shares in occupancy.items():
            kept[state][cycle] = shares

    leaving = _leaving(probabilities)

    def moves_of(cycle: int) -> Moves:
        # a row may exceed one by the rounding of its sum (checked above), and staying is then impossible, not negative
        stay = {state: np.maximum(1.0 - p[cycle], 0.0) for state, p in leaving.items()}
        return stay, {edge: p[cycle] for edge, p in probabilities.items()}

    step_through(now, moves_of, int(n_cycles), keep)
    return Trace(kept, probabilities)


def _leaving(probabilities: Mapping[Edge, Array]) -> dict[str, Array]:
    """Probability to leave each state, (cycle, draw)."""
    leaving: dict[str, Array] = {}
    for (origin, _), p in probabilities.items():
        leaving[origin] = leaving[origin] + p if origin in leaving else p
    return leaving


def _broadcast(
    initial: Mapping[str, ArrayLike], transitions: Mapping[Edge, ArrayLike], n_cycles: int
) -> tuple[dict[str, Array], dict[Edge, Array], int]:
    """Shares as (draw,) and probabilities as (n_cycles, draw), all with the same number of draws."""
    starts = {state: np.asarray(share, dtype=np.float64) for state, share in initial.items()}
    arrays = {edge: np.asarray(p, dtype=np.float64) for edge, p in transitions.items()}
    lengths = {x.shape[0] for x in starts.values() if x.ndim == 1} | {x.shape[1] for x in arrays.values() if x.ndim == 2}
    lengths |= {x.shape[0] for x in arrays.values() if x.ndim == 1 and x.shape[0] != n_cycles}
    n_draws = max(lengths, default=1)
    faults = []
    for state, x in starts.items():
        if x.ndim > 1 or (x.ndim == 1 and x.shape[0] not in (1, n_draws)):
            faults.append(
                Fault(
                    f"initial share of {state}",
                    f"the shape {x.shape} does not fit {n_draws} draws",
                    "Give a number or shape (draw,)",
                )
            )
    for edge, x in arrays.items():
        where = f"transition {edge[0]} -> {edge[1]}"
        if edge[0] == edge[1]:
            faults.append(Fault(where, "a state cannot move to itself", "Leave it out: what does not leave stays"))
        if x.ndim == 1 and x.shape[0] == n_cycles == n_draws and n_draws > 1:
            faults.append(
                Fault(
                    where,
                    f"{n_draws} numbers could be one a cycle or one a draw",
                    "Give the shape (cycle, 1) or (1, draw)",
                )
            )
        elif x.ndim == 1 and x.shape[0] == n_cycles:
            arrays[edge] = x[:, None]
        if (
            x.ndim > 2
            or (x.ndim == 2 and (x.shape[0] not in (1, n_cycles) or x.shape[1] not in (1, n_draws)))
            or (x.ndim == 1 and x.shape[0] not in (1, n_cycles, n_draws))
        ):
            problem = f"the shape {x.shape} does not fit {n_cycles} cycles and {n_draws} draws"
            faults.append(Fault(where, problem, "Give a number, or shape (cycle,), (draw,) or (cycle, draw)"))
    if faults:
        raise InputError.together(faults)
    wide = {edge: np.broadcast_to(x, (n_cycles, n_draws)) for edge, x in arrays.items()}
    return {state: np.broadcast_to(x, (n_draws,)) for state, x in starts.items()}, wide, n_draws


def _refuse_invalid(starts: Mapping[str, Array], probabilities: Mapping[Edge, Array]) -> None:
    faults = []
    for state, shares in starts.items():
        if (bad := ~((shares >= 0) & (shares <= 1))).any():
            draw = int(np.argmax(bad))
            faults.append(
                Fault(
                    f"initial share of {state}, draw {draw}",
                    f"{shares[draw]:g} is not a share",
                    "Give a number from 0 to 1",
                )
            )
    total = sum(starts.values(), np.zeros(1))
    if not faults and (np.abs(total - 1) > 1e-9).any():
        draw = int(np.argmax(np.abs(total - 1) > 1e-9))
        faults.append(Fault(f"initial shares, draw {draw}", f"they sum to {total[draw]:.12g}", "Make them sum to 1"))
    named = [
        (f"transition {a} -> {b}", p, 1.0, "probability", "Give a probability from 0 to 1") for (a, b), p in probabilities.items()
    ]
    named += [
        (
            f"transitions from {state}",
            p,
            1.0 + _ROUNDING,
            "sum of probabilities",
            "Make the exits of a state sum to at most 1",
        )
        for state, p in _leaving(probabilities).items()
    ]
    for where, p, limit, word, remedy in named:
        if (bad := ~((p >= 0) & (p <= limit))).any():
            cycle, draw = (int(i) for i in np.argwhere(bad)[0])
            problem = f"the {word} {p[cycle, draw]:.12g} leaves [0, 1]" + (
                f" (one of {int(bad.sum())} such places)" if bad.sum() > 1 else ""
            )
            faults.append(Fault(f"{where}, cycle {cycle}, draw {draw}", problem, remedy))
    if faults:
        raise InputError.together(faults)
