"""One-way and two-way sensitivity analysis: every uncertain parameter at the ends of its 95 % interval, all in one table of draws.

Parameters that are correlated move together: when one goes to its 2.5th percentile, the others go to their expected place given that
(Gaussian copula: z_j = latent correlation times z_i). Shares of a Dirichlet cannot move one at a time, nor can a coefficient of a fitted
curve that at an end of its interval makes none; they are listed as excluded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hemodel.analyses.refusals import first_refused, told
from hemodel.analyses.request import request
from hemodel.cohort import model
from hemodel.cohort.model import curves
from hemodel.decision.incremental import describe_icer, icer
from hemodel.errors import Fault, InputError, nearest
from hemodel.evidence.distributions import Z_95, values_at
from hemodel.evidence.draws import base_case_draws
from hemodel.evidence.inputs import Inputs, latent_correlations
from hemodel.outcomes import Outcomes, increments

Array = NDArray[np.float64]
_MOST_STEPS = 500  # a quarter of a million pairs
OUTCOMES = ("incremental_net_monetary_benefit", "incremental_costs", "incremental_qalys", "icer")


@dataclass(frozen=True)
class OneWay:
    """Result of `run_one_way`: one row per parameter, with its bounds and the increments at both."""

    inputs: Inputs
    price_arrangement: str
    threshold: float
    base: Mapping[str, float]  # outcome -> base case
    table: pd.DataFrame
    excluded: tuple[str, ...]  # members of a joint distribution, and coefficients, that cannot move alone

    def tornado(self, outcome: str = "incremental_net_monetary_benefit", top: int | None = None) -> pd.DataFrame:
        """Rows by falling swing of `outcome` between the bounds. A bound at which an ICER is undefined has an infinite swing:
        its row comes first, and its `reading_...` says why.
        """
        if outcome not in OUTCOMES:
            raise InputError(f"outcome {outcome!r}", "this is not an outcome of a one-way analysis", nearest(outcome, OUTCOMES))
        if self.table.empty:
            problem = "no parameter that the run reads is uncertain, or they cannot move alone"
            raise InputError("one-way analysis", problem, "Give one of them a standard error or an interval")
        keep = ["parameter", "label", "unit", "low", "high", f"{outcome}_low", f"{outcome}_high", "reading_low", "reading_high"]
        frame = self.table[keep].copy()
        swing = (frame[f"{outcome}_high"] - frame[f"{outcome}_low"]).abs()
        frame["swing"] = swing.fillna(np.inf)
        ordered = frame.sort_values("swing", ascending=False, kind="stable", ignore_index=True)
        return ordered if top is None else ordered.head(top)

    def _repr_html_(self) -> str:
        return str(self.tornado(top=15).to_html(index=False, float_format="{:,.3f}".format, escape=True))


def run_one_way(
    inputs: Inputs,
    *,
    names: Sequence[str] | None = None,
    price_arrangement: str | None = None,
    strategy: str | None = None,
    threshold: float | None = None,
) -> OneWay:
    """Each uncertain parameter that the run reads (or each of `names`) at its 2.5th and 97.5th percentile, the others at their value.

    Increments are of `strategy` (default: the first that is not the comparator) over the comparator, under `price_arrangement`
    (default: the last of the settings) and, for net benefit, at `threshold` (GBP per QALY; default: the upper one).
    """
    arrangement, strategy, threshold = request(inputs, price_arrangement, strategy, threshold)
    chosen, excluded = _movable(inputs, names)
    if names is None:
        no_curve = [name for name in chosen if not _makes_curves(inputs, name)]
        chosen, excluded = [name for name in chosen if name not in no_curve], (*excluded, *no_curve)
    moves = [dict(_moved_together(inputs, name, z)) for name in chosen for z in (-Z_95, Z_95)]
    costs, qalys = evaluate_changes(inputs, [{}, *moves], arrangement, strategy)
    rows = []
    for i, name in enumerate(chosen):
        parameter, together = inputs.parameters[name], [other for other in moves[2 * i] if other != name]
        row: dict[str, object] = {"parameter": name, "label": parameter.label, "unit": parameter.unit, "value": parameter.value}
        row |= {"low": moves[2 * i][name], "high": moves[2 * i + 1][name], "moves_with": ", ".join(together)}
        for side, k in (("low", 1 + 2 * i), ("high", 2 + 2 * i)):
            row |= {f"{o}_{side}": v for o, v in _outcomes(costs[k], qalys[k], threshold).items()}
            row[f"reading_{side}"] = describe_icer(float(costs[k]), float(qalys[k]), currency=inputs.settings.currency)
        rows.append(row)
    base = _outcomes(costs[0], qalys[0], threshold)
    return OneWay(inputs, arrangement, threshold, base, pd.DataFrame(rows), excluded)


def run_two_way(
    inputs: Inputs,
    first: str,
    second: str,
    *,
    steps: int = 11,
    price_arrangement: str | None = None,
    strategy: str | None = None,
    threshold: float | None = None,
) -> pd.DataFrame:
    """A grid over the 95 % intervals of two parameters (from zero to twice the value for a fixed one), `steps` values each.

    Returns one row per pair: the two values, incremental costs and QALYs, the ICER and the incremental net monetary benefit.
    """
    arrangement, strategy, threshold = request(inputs, price_arrangement, strategy, threshold)
    faults = [
        Fault(f"parameter {n!r}", "there is no such parameter", nearest(n, inputs.parameters))
        for n in (first, second)
        if n not in inputs.parameters
    ]
    if first == second:
        faults.append(Fault("two-way analysis", f"{first} is named twice", "Name two parameters"))
    if isinstance(steps, bool) or not isinstance(steps, int) or not 2 <= steps <= _MOST_STEPS:
        faults.append(Fault("steps", f"{steps!r} is not a whole number from 2 to {_MOST_STEPS}", "Give 11, for example"))
    if faults:
        raise InputError.together(faults)
    grids = [_grid(inputs, name, steps) for name in (first, second)]
    changes = [{first: float(a), second: float(b)} for a in grids[0] for b in grids[1]]
    costs, qalys = evaluate_changes(inputs, changes, arrangement, strategy)
    frame = pd.DataFrame(changes)
    frame["incremental_costs"], frame["incremental_qalys"] = costs, qalys
    frame["icer"] = [icer(float(c), float(q)) for c, q in zip(costs, qalys, strict=True)]
    frame["incremental_net_monetary_benefit"] = threshold * qalys - costs
    return frame


def evaluate_changes(
    inputs: Inputs, changes: Sequence[Mapping[str, float]], arrangement: str, strategy: str
) -> tuple[Array, Array]:
    """Incremental costs and QALYs with some parameters at other values, one draw for each entry of `changes`, each (draw,)."""
    return increments(evaluate_with(inputs, changes), arrangement, strategy, inputs.settings.comparator)


def evaluate_with(inputs: Inputs, changes: Sequence[Mapping[str, float]]) -> Outcomes:
    """Discounted outcomes with some parameters at other values, one draw for each entry of `changes`."""
    draws = {name: np.repeat(value, len(changes)) for name, value in base_case_draws(inputs).items()}
    for i, change in enumerate(changes):
        for name, value in change.items():
            draws[name][i] = value

    def lived(start: int, stop: int) -> Outcomes:
        return model.live({name: values[start:stop] for name, values in draws.items()}, inputs).outcomes(discounted=True)

    try:
        return model.live(draws, inputs).outcomes(discounted=True)
    except InputError:
        place, error = first_refused(lived, 0, len(changes))
    moved = ", ".join(f"{name} = {value:.6g}" for name, value in changes[place].items())
    alone = {name: values[place : place + 1] for name, values in draws.items()}
    raise told(error, f"with {moved}" if moved else "in the base case", alone)


def _movable(inputs: Inputs, names: Sequence[str] | None) -> tuple[list[str], tuple[str, ...]]:
    """Names that can move, in the order of the file, and the members of a Dirichlet that cannot."""
    read = model.names_read(inputs)
    if names is not None:
        faults = [
            Fault(f"parameter {n!r}", "there is no such parameter", nearest(n, inputs.parameters))
            for n in names
            if n not in inputs.parameters
        ]
        faults += [
            Fault(f"parameter {n!r}", "it is fixed, so it has no interval", "Use a two-way grid or a threshold analysis")
            for n in names
            if n in inputs.parameters and not inputs.parameters[n].is_uncertain
        ]
        if faults:
            raise InputError.together(faults)
    wanted = [p for n, p in inputs.parameters.items() if p.is_uncertain and (n in names if names is not None else n in read)]
    chosen = [p.name for p in wanted if p.distribution != "dirichlet"]
    return chosen, tuple(p.name for p in wanted if p.distribution == "dirichlet")


def _moved_together(inputs: Inputs, name: str, z: float) -> list[tuple[str, float]]:
    """Values of `name` at normal score `z` and of what it is correlated with at its expected score given that."""
    names, matrix = latent_correlations(inputs)
    scores = {name: z}
    if name in names:
        i = names.index(name)
        scores |= {other: float(matrix[i, j]) * z for j, other in enumerate(names) if j != i and matrix[i, j] != 0}
    return [(n, float(values_at(inputs.parameters[n].uncertainty, np.array([score]))[0])) for n, score in scores.items()]


def _makes_curves(inputs: Inputs, name: str) -> bool:
    """Whether the fitted curves are curves with `name` at either end of its interval, and what is correlated with it where it follows."""
    base, ends = base_case_draws(inputs), [dict(_moved_together(inputs, name, z)) for z in (-Z_95, Z_95)]
    return all(
        bool(condition.holds(np.array([[end.get(n, base[n][0])] for n in condition.names]))[0])
        for condition in curves.conditions(inputs)
        if name in condition.names
        for end in ends
    )


def _grid(inputs: Inputs, name: str, steps: int) -> Array:
    parameter = inputs.parameters[name]
    low, high = parameter.interval if parameter.is_uncertain else (0.0, min(2 * parameter.value, parameter.quantity.high))
    if low == high:
        raise InputError(f"parameter {name!r}", f"it is fixed at {low:g}, from which no grid follows", "Choose another parameter")
    return np.linspace(low, high, steps)


def _outcomes(cost: float, qaly: float, threshold: float) -> dict[str, float]:
    benefit = threshold * float(qaly) - float(cost)
    return dict(zip(OUTCOMES, (benefit, float(cost), float(qaly), icer(float(cost), float(qaly))), strict=True))
