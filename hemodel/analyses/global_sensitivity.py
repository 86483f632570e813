"""Global sensitivity analysis through SALib: which uncertain inputs drive the spread of an outcome.

SALib knows uniform inputs only (of ours), so its designs are made in the unit cube: one dimension for each uncertain parameter, turned
into values by the model's own distributions. Parameters that are correlated cannot be told apart by these methods; they form one group,
named after its members, as the shares of a Dirichlet do. What SALib would let through is refused here: outcomes that are not finite
or do not vary (it returns zeros), and outcomes of another design's length.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr, redirect_stdout
from copy import deepcopy
from dataclasses import dataclass
from io import StringIO
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import special

from hemodel.analyses.psa import PSA, varying
from hemodel.analyses.refusals import first_refused, told
from hemodel.analyses.request import request
from hemodel.cohort import model
from hemodel.errors import Fault, InputError, nearest
from hemodel.evidence.draws import Draws, Sampler
from hemodel.evidence.inputs import Inputs
from hemodel.extras import need
from hemodel.outcomes import Outcomes, increments
from hemodel.threads import one_blas_thread

Array = NDArray[np.float64]
METHODS = ("sobol", "morris", "fast", "rbd_fast")
GIVEN_DATA_METHODS = ("delta", "pawn")
INDICES = {
    "sobol": ("S1", "S1_conf", "ST", "ST_conf"),
    "morris": ("mu", "mu_star", "mu_star_conf", "sigma"),
    "fast": ("S1", "ST"),
    "rbd_fast": ("S1", "S1_conf"),
    "delta": ("delta_balanced", "delta_balanced_conf", "delta_raw", "S1", "S1_conf"),
    "pawn": ("minimum", "mean", "median", "maximum", "CV"),
}
"""What each method gives; SALib's own notes say that its intervals for FAST are unreliable, so they are left out."""
OUTCOMES = ("incremental_net_monetary_benefit", "incremental_costs", "incremental_qalys")
_BLOCK = 8_192
_MOST = 1 << 20
_MORRIS_EDGE = (
    0.005  # Morris walks on a grid that holds 0 and 1, where many a distribution is infinite: its cube is drawn in by this
)
_EDGE = 2.0**-53  # the others may touch 0 or 1 by chance


@dataclass(frozen=True)
class Sensitivity:
    """Result of a global analysis: one row per dimension or group, and how it was made."""

    method: str
    outcome: str
    evaluations: int
    table: pd.DataFrame  # name, members, and the method's indices
    second_order: pd.DataFrame | None
    groups: dict[str, tuple[str, ...]]  # groups of parameters that are correlated or shares of one whole

    def _repr_html_(self) -> str:
        return str(self.table.to_html(index=False, float_format="{:,.4f}".format, escape=True))


def run_global(
    inputs: Inputs,
    method: str = "sobol",
    *,
    size: int = 1024,
    outcome: str = "incremental_net_monetary_benefit",
    second_order: bool = False,
    seed: int = 171,
    price_arrangement: str | None = None,
    strategy: str | None = None,
    threshold: float | None = None,
    progress: Callable[[int], None] | None = None,
) -> Sensitivity:
    """Sobol' indices (`size` a power of 2; size (D + 2) evaluations, D dimensions, or size (2 D + 2) with second order), Morris'
    elementary effects (`size` trajectories), FAST or RBD-FAST of an outcome of the model, with the model's own distributions.

    Sobol' and Morris work on groups. FAST and RBD-FAST know none: there a group is represented by its members one by one, before
    they are correlated, and the order in which they are then mixed shows in their indices. `progress` is called with the number of
    evaluations after each block of them.
    """
    arrangement, strategy, threshold = request(inputs, price_arrangement, strategy, threshold)
    _refuse(method, METHODS, outcome, size, seed)
    if method == "sobol" and size & (size - 1):
        raise InputError("size", f"{size} is not a power of 2", "Give for example 1024 or 4096")
    prepared = model.sampler(inputs, seed=seed)
    groups = groups_of(prepared)
    problem = _problem(prepared, groups if method in ("sobol", "morris") else None)
    points = _points(method, problem, size, second_order, seed)
    edge = _MORRIS_EDGE if method == "morris" else _EDGE
    values = _outcome(prepared, inputs, np.clip(points, edge, 1 - edge), outcome, arrangement, strategy, threshold, progress)
    return analyse(method, problem, points, values, outcome=outcome, groups=groups, second_order=second_order, seed=seed)


def run_given_data(
    psa: PSA,
    method: str = "delta",
    *,
    names: Sequence[str] | None = None,
    outcome: str = "incremental_net_monetary_benefit",
    price_arrangement: str | None = None,
    strategy: str | None = None,
    threshold: float | None = None,
) -> Sensitivity:
    """Delta (Borgonovo) or PAWN indices from the draws of an ordinary probabilistic analysis: no further runs, and correlation is
    no obstacle, as both look at how the outcome's distribution changes with each parameter as it was drawn. `names`: the
    parameters to look at, default all that were drawn (delta takes about a second for each).
    """
    arrangement, strategy, threshold = request(psa.inputs, price_arrangement, strategy, threshold)
    _refuse(method, GIVEN_DATA_METHODS, outcome, psa.n_draws, psa.seed)
    draws = psa.draws()
    drawn = varying(draws)
    names = drawn if names is None else list(names)
    faults = [
        Fault(f"parameter {n!r}", "it is not among those that were drawn", nearest(n, drawn)) for n in names if n not in drawn
    ]
    if faults:
        raise InputError.together(faults)
    i, reference = psa.strategies.index(strategy), psa.strategies.index(psa.inputs.settings.comparator)
    costs, qalys = psa.costs[arrangement][i] - psa.costs[arrangement][reference], psa.qalys[i] - psa.qalys[reference]
    values = _chosen(outcome, costs, qalys, threshold)
    points = draws[names].to_numpy()
    problem = {"num_vars": len(names), "names": names, "bounds": [[float(c.min()), float(c.max())] for c in points.T]}
    return analyse(method, problem, points, values, outcome=outcome, groups={}, second_order=False, seed=psa.seed)


@one_blas_thread
def analyse(
    method: str,
    problem: dict[str, Any],
    points: Array,
    values: ArrayLike,
    *,
    outcome: str,
    groups: dict[str, tuple[str, ...]],
    second_order: bool = False,
    seed: int = 171,
) -> Sensitivity:
    """SALib's analysis of `values`, shape (run,), at the `points`, (run, dimension), of its own design; the guards are in front of it."""
    from SALib.analyze import delta, fast, morris, pawn, rbd_fast, sobol

    y = np.asarray(values, dtype=np.float64)
    if y.shape != (len(points),):
        raise InputError(
            "outcomes", f"shape {y.shape} does not fit a design of {len(points)} runs", "Give one outcome for each run"
        )
    if not np.isfinite(y).all() or np.ptp(y) == 0:
        problem_text = "some are not finite" if not np.isfinite(y).all() else "all are equal"
        raise InputError("outcomes", f"{problem_text}, from which SALib would make zeros without a word", "Look at the runs")
    asked = deepcopy(problem)  # SALib changes what it is given
    seed = max(seed, 1)  # a seed of 0 is taken as none
    with warnings.catch_warnings(record=True), redirect_stdout(StringIO()), redirect_stderr(StringIO()):  # its notes on bins
        warnings.simplefilter("always")
        found = {
            "sobol": lambda: sobol.analyze(asked, y, calc_second_order=second_order, seed=seed),
            "morris": lambda: morris.analyze(asked, points, y, seed=seed),
            "fast": lambda: fast.analyze(asked, y, seed=seed),
            "rbd_fast": lambda: rbd_fast.analyze(asked, points, y, seed=seed),
            "delta": lambda: delta.analyze(asked, points, y, seed=seed),
            "pawn": lambda: pawn.analyze(asked, points, y, seed=seed),
        }[method]()
    names = list(dict.fromkeys(problem.get("groups") or problem["names"]))
    columns = {k: np.asarray(found[k], dtype=np.float64) for k in INDICES[method]}
    table = pd.DataFrame({"name": names, "members": [", ".join(groups.get(n, (n,))) for n in names], **columns})
    order = next(c for c in ("ST", "mu_star", "delta_balanced", "median", "S1") if c in table)
    table = table.sort_values(order, ascending=False, kind="stable", ignore_index=True)
    pairs = pd.DataFrame(found["S2"], index=names, columns=names) if second_order and method == "sobol" else None
    return Sensitivity(method, outcome, len(points), table, pairs, groups)


def groups_of(prepared: Sampler) -> dict[str, tuple[str, ...]]:
    """Groups of parameters that cannot be told apart: connected by correlation, drawn again together, or shares of one whole; name ->
    members.
    """
    linked = np.abs(prepared.cholesky @ prepared.cholesky.T) > 1e-12 if prepared.correlated else np.empty((0, 0), dtype=bool)
    groups: dict[str, tuple[str, ...]] = {}
    seen: set[str] = set()
    for joint in prepared.together:
        seen |= set(joint.members)
        ordered = tuple(n for n in prepared.dimensions if n in joint.members)
        if len(ordered) > 1:
            groups[" + ".join(ordered)] = ordered
    for name in prepared.correlated:
        if name in seen:
            continue
        members, waiting = set(), {name}
        while waiting:
            one = waiting.pop()
            members.add(one)
            waiting |= {prepared.correlated[j] for j in np.flatnonzero(linked[prepared.correlated.index(one)])} - members
        seen |= members
        ordered = tuple(n for n in prepared.dimensions if n in members)
        if len(ordered) > 1:
            groups[" + ".join(ordered)] = ordered
    shares = tuple(n for n in prepared.shares if n in prepared.dimensions)
    if len(shares) > 1:
        groups[" + ".join(shares)] = shares
    return groups


def _problem(prepared: Sampler, groups: dict[str, tuple[str, ...]] | None) -> dict[str, Any]:
    names = list(prepared.dimensions)
    problem: dict[str, Any] = {"num_vars": len(names), "names": names, "bounds": [[0.0, 1.0]] * len(names)}
    if groups:
        of = {member: name for name, members in groups.items() for member in members}
        problem["groups"] = [of.get(name, name) for name in names]
    return problem


@one_blas_thread
def _points(method: str, problem: dict[str, Any], size: int, second_order: bool, seed: int) -> Array:
    """SALib's design in the unit cube, (run, dimension)."""
    from SALib.sample import fast_sampler, latin, morris, sobol

    asked, seed = deepcopy(problem), max(seed, 1)
    if method == "sobol":
        points = sobol.sample(asked, size, calc_second_order=second_order, seed=seed)
    elif method == "morris":
        points = morris.sample(asked, size, seed=seed)
    elif method == "fast":
        if size <= 64:
            raise InputError("size", f"{size} is too few for FAST, which needs more than 64", "Give for example 129")
        points = fast_sampler.sample(asked, size, seed=seed)
    else:
        points = latin.sample(asked, size, seed=seed)
    return np.asarray(points, dtype=np.float64)


def _outcome(
    prepared: Sampler,
    inputs: Inputs,
    points: Array,
    outcome: str,
    arrangement: str,
    strategy: str,
    threshold: float,
    progress: Callable[[int], None] | None,
) -> Array:
    """The outcome at each point of the unit cube, in blocks."""

    def drawn(start: int, stop: int) -> Draws:
        columns = dict(zip(prepared.dimensions, points[start:stop].T, strict=True))
        return prepared.from_normals(lambda name: special.ndtri(columns[name]), len(points[start:stop]))

    def lived(start: int, stop: int) -> Outcomes:
        return model.live(drawn(start, stop), inputs).outcomes(discounted=True)

    values = np.empty(len(points))
    for start in range(0, len(points), _BLOCK):
        rows = slice(start, start + _BLOCK)
        try:
            outcomes = lived(start, rows.stop)
        except InputError:
            point, error = first_refused(lived, start, min(rows.stop, len(points)))
            raise told(error, f"point {point} of the design of seed {prepared.seed}", drawn(point, point + 1)) from None
        costs, qalys = increments(outcomes, arrangement, strategy, inputs.settings.comparator)
        values[rows] = _chosen(outcome, costs, qalys, threshold)
        if progress is not None:
            progress(len(points[rows]))
    return values


def _chosen(outcome: str, costs: Array, qalys: Array, threshold: float) -> Array:
    """The outcome asked for, from the increments of each run, (run,)."""
    return dict(zip(OUTCOMES, (threshold * qalys - costs, costs, qalys), strict=True))[outcome]


def _refuse(method: str, methods: tuple[str, ...], outcome: str, size: int, seed: int) -> None:
    need("sensitivity", "global sensitivity")
    faults = []
    if method not in methods:
        faults.append(Fault(f"method {method!r}", "it is not one of these", nearest(method, methods)))
    if outcome not in OUTCOMES:
        faults.append(Fault(f"outcome {outcome!r}", "it is not one that is analysed", nearest(outcome, OUTCOMES)))
    if isinstance(size, bool) or not isinstance(size, int) or not 4 <= size <= _MOST:
        faults.append(Fault("size", f"{size!r} is not a whole number from 4 to {_MOST:,}", "Give for example 1024"))
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        faults.append(Fault("seed", f"{seed!r} is not a whole number from 0", "Give 0 or more"))
    if faults:
        raise InputError.together(faults)
