"""Designs of draws: tables of parameter values, one row a draw. All randomness of the package is here.

The uniform number of parameter `name` in draw i is number i of the Philox stream whose key is BLAKE2b-128 of (seed, name).
So a block of draws is the same whichever blocks, threads or machines the others go to, and adding, removing or reordering
parameters leaves the draws of all others alone. Correlated parameters share normals through a Gaussian copula.

Parameters that have to keep a `Condition` together are drawn again until they do, with all that is correlated with them: candidate after
candidate of a stream whose key is the seed, their names and the numbers of their first candidate. What comes is a function of those
numbers alone, whatever the design and the block: the distribution that the inputs say, given that the condition holds.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray
from scipy import special

from hemodel.errors import Fault, InputError, nearest, shown
from hemodel.evidence.distributions import Distribution, quantile_tables, values_at
from hemodel.evidence.inputs import Inputs, latent_correlations
from hemodel.evidence.parameters import Parameter

Array = NDArray[np.float64]
Bools = NDArray[np.bool_]
Draws = Mapping[str, Array]
"""Parameter name -> values, shape (draw,). Row i is draw i of every outcome computed from it."""


class NamedDraws(dict[str, Array]):
    """A table of draws that tells a parameter that is not there in the user's terms."""

    def __missing__(self, name: str) -> Array:
        """Refuse a name that the inputs do not hold."""
        problem, remedy = (
            f"the model needs {name}, which is not among them",
            f"{nearest(name, self)} `hemodel validate` lists all",
        )
        raise InputError.together([Fault("parameters", problem, remedy, missing=(name,))])


class NotedDraws(NamedDraws):
    """A table of draws that notes which parameters are read, in the order in which they first are."""

    def __init__(self, draws: Draws) -> None:
        super().__init__(draws)
        self.read: dict[str, None] = {}

    def __getitem__(self, name: str) -> Array:
        """The values of a parameter, which is noted."""
        self.read[name] = None
        return super().__getitem__(name)


def base_case_draws(inputs: Inputs) -> dict[str, Array]:
    """One draw: every parameter at its value."""
    return NamedDraws((name, np.array([parameter.value])) for name, parameter in inputs.parameters.items())


MOST_AGAIN = 0.05
"""Share of draws that may be drawn again; above it the normal of the inputs no longer says what is drawn."""
_TRIAL = 10_000  # first candidates from which that share is told, of seed 0, whatever the run: its error is 0.2 % at 5 %


@dataclass(frozen=True)
class Condition:
    """What some parameters drawn together have to be, such as the coefficients of a curve that never rises.

    `holds(values)` says of values of shape (name, draw), in the order of `names`, in which draws they are so. `breaks` and `remedy` are
    the words for those that are not, and what to do where they are many.
    """

    label: str
    names: tuple[str, ...]
    holds: Callable[[Array], Bools]
    breaks: str
    remedy: str


@dataclass(frozen=True)
class _Together:
    """Parameters that are drawn again together: those of some conditions, and whatever is correlated with them.

    `cholesky`: the root of the correlation of their normals, rows as `members`; `distributions` of the members.
    """

    members: tuple[str, ...]
    cholesky: Array
    distributions: Mapping[str, Distribution]
    conditions: tuple[Condition, ...]

    def broken(self, scores: Mapping[str, Array]) -> dict[str, Bools]:
        """Label of each condition -> in which draws it is broken, for normals of the members after their correlation."""
        return {c.label: ~c.holds(np.stack([self._value(name, scores) for name in c.names])) for c in self.conditions}

    def _value(self, name: str, scores: Mapping[str, Array]) -> Array:
        shape = np.zeros_like(next(iter(scores.values())))  # fixed ones have no normal
        return values_at(self.distributions[name], scores.get(name, shape))

    def again(self, seed: int, independent: Mapping[str, Array], scores: Mapping[str, Array]) -> dict[str, Array]:
        """`scores` with those of the draws that break a condition replaced by the first of their candidates that keeps all."""
        found = dict(scores)
        rows = np.flatnonzero(np.logical_or.reduce(list(self.broken(scores).values())))
        if not len(rows):
            return found
        found = {name: values.copy() for name, values in scores.items()}
        own = np.stack([independent[name][rows] for name in self.members], axis=1)
        keys = [
            row.tobytes().hex() for row in np.round(own * 2.0**30).astype("<i8")
        ]  # without last digits, which machines may differ in
        candidate = 0
        while len(rows):
            candidate += 1
            streams = [f"again {candidate}/{'/'.join(self.members)}/{key}" for key in keys]
            fresh = special.ndtri([uniforms(seed, stream, 0, len(self.members)) for stream in streams]).T
            tried = dict(zip(self.members, _mixed(self.cholesky, list(fresh)), strict=True))
            wrong = np.logical_or.reduce(list(self.broken(tried).values()))
            for name, values in tried.items():
                found[name][rows[~wrong]] = values[~wrong]
            rows, keys = rows[wrong], [key for key, again in zip(keys, wrong, strict=True) if again]
        return found


@dataclass(frozen=True)
class Sampler:
    """What a probabilistic analysis needs to make any block of its draws; made once by `sampler`, used by every thread."""

    seed: int
    parameters: tuple[Parameter, ...]
    distributions: tuple[Distribution, ...]
    tables: Array
    shares: tuple[str, ...]
    correlated: tuple[str, ...]
    cholesky: Array
    together: tuple[_Together, ...]
    design: str = "monte_carlo"
    n_draws: int = 0  # of the whole design, where it cannot do without

    @property
    def dimensions(self) -> tuple[str, ...]:
        """Names of the parameters that differ between draws, each a dimension of the design, in the order of the file."""
        return tuple(p.name for p, d in zip(self.parameters, self.distributions, strict=True) if d.kind != "fixed")

    def block(self, start: int, stop: int) -> dict[str, Array]:
        """Draws `start` to `stop` (excluded), parameter name -> values of shape (stop - start,).

        The same bits whatever block they come in: every operation is element by element.
        """
        return self.from_normals(DESIGNS[self.design](self, start, stop), stop - start)

    def drawn_again(self, start: int, stop: int) -> dict[str, Bools]:
        """Label of each condition -> in which of the draws `start` to `stop` the first candidate broke it, shape (stop - start,)."""
        if not self.together:
            return {}
        normals = DESIGNS[self.design](self, start, stop)
        copula = self._correlated(normals)
        return {
            label: broken
            for group in self.together
            for label, broken in group.broken({m: copula[m] if m in copula else normals(m) for m in group.members}).items()
        }

    def from_normals(self, normals: Callable[[str], Array], n: int) -> dict[str, Array]:
        """Draws from independent standard normal numbers, one column of shape (n,) for each of `dimensions`."""
        copula = self._correlated(normals)
        for group in self.together:
            independent = {name: normals(name) for name in group.members}
            copula |= group.again(self.seed, independent, {name: copula.get(name, independent[name]) for name in group.members})
        draws = NamedDraws()
        for parameter, distribution, table in zip(self.parameters, self.distributions, self.tables, strict=True):
            name = parameter.name
            if distribution.kind == "fixed":
                draws[name] = np.full(n, distribution.first)
            else:
                draws[name] = values_at(distribution, copula[name] if name in copula else normals(name), table)
        left = np.ones(n)
        for name in self.shares:  # the last one's part is fixed at 1
            draws[name] = left * draws[name]
            left = left - draws[name]
        return draws

    def _correlated(self, normals: Callable[[str], Array]) -> dict[str, Array]:
        """Normals of the correlated parameters, L z row by row: no matrix product, whose bits would depend on the block."""
        return dict(zip(self.correlated, _mixed(self.cholesky, [normals(name) for name in self.correlated]), strict=True))


def _mixed(cholesky: Array, independent: Sequence[Array]) -> list[Array]:
    """Sums of independent normals by the rows of a Cholesky factor, term by term."""
    result = []
    for i, row in enumerate(cholesky):
        total = row[0] * independent[0]
        for j in range(1, i + 1):
            total += row[j] * independent[j]
        result.append(total)
    return result


def sampler(
    inputs: Inputs,
    *,
    seed: int,
    names: Iterable[str] | None = None,
    design: str = "monte_carlo",
    n_draws: int = 0,
    conditions: tuple[Condition, ...] = (),
) -> Sampler:
    """Prepare the draws of a probabilistic analysis. `names` restricts them to the parameters a run reads (default: all).

    `conditions` are those of the model (`cohort.model.sampler` gives them): draws that break one are drawn again (see the head of this
    module), and refused where more than 5 % of ten thousand do.

    `design`: "monte_carlo"; "latin_hypercube" (one draw in each of `n_draws` equally probable strata of every uncorrelated
    parameter); or "sobol" (a scrambled Sobol' sequence: `n_draws` a power of 2, dimensions in the order of the file).
    Shares of a Dirichlet come together: one that is read brings the others.
    """
    _refuse_design(design, n_draws)
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0:
        raise InputError("seed", f"{shown(seed)} is not a whole number from 0", "Give a whole number from 0")
    wanted = set(inputs.parameters if names is None else names)
    unknown = sorted(wanted - set(inputs.parameters))
    if unknown:
        raise InputError.together(
            Fault("names", f"there is no parameter {shown(name)}", nearest(name, inputs.parameters)) for name in unknown
        )
    together = inputs.once(_drawn_together, conditions)
    return Sampler(int(seed), *inputs.once(_prepared, frozenset(wanted)), together, design, n_draws)


def _drawn_together(inputs: Inputs, conditions: tuple[Condition, ...]) -> tuple[_Together, ...]:
    """Groups of parameters that are drawn again together; refuses conditions that too many draws break."""
    correlated, matrix = latent_correlations(inputs)
    cholesky = np.linalg.cholesky(matrix) if correlated else matrix
    rows = {c.label: c for c in conditions if any(inputs.parameters[name].is_uncertain for name in c.names)}
    sets = [({c.label}, _connected(c.names, correlated, matrix)) for c in rows.values()]
    groups: list[tuple[set[str], set[str]]] = []
    for labels, members in sets:  # two conditions on parameters that are correlated are one group
        apart = [group for group in groups if not group[1] & members]
        for other in (group for group in groups if group[1] & members):
            labels, members = labels | other[0], members | other[1]
        groups = [*apart, (labels, members)]
    found = []
    for labels, connected in groups:
        places = [k for k, name in enumerate(correlated) if name in connected]
        alone = [n for n, p in inputs.parameters.items() if n in connected and n not in correlated and p.is_uncertain]
        drawn = (*(correlated[k] for k in places), *alone)
        root = np.eye(len(drawn))
        root[: len(places), : len(places)] = cholesky[np.ix_(places, places)]
        distributions = {name: inputs.parameters[name].uncertainty for name in connected}
        found.append(_Together(drawn, root, distributions, tuple(c for c in rows.values() if c.label in labels)))
    _refuse_too_many(inputs, tuple(found))
    return tuple(found)


def _connected(names: Iterable[str], correlated: Sequence[str], matrix: Array) -> set[str]:
    """`names` and all that is correlated with one of them, directly or through others."""
    found, waiting = set(), set(names)
    while waiting:
        one = waiting.pop()
        found.add(one)
        if one in correlated:
            waiting |= {correlated[int(j)] for j in np.flatnonzero(matrix[correlated.index(one)])} - found
    return found


def _refuse_too_many(inputs: Inputs, together: tuple[_Together, ...]) -> None:
    trial = Sampler(0, *inputs.once(_prepared, frozenset()), together)
    shares = {label: float(broken.mean()) for label, broken in trial.drawn_again(0, _TRIAL).items()}
    faults = [
        Fault(
            c.label,
            f"{100 * shares[c.label]:.3g} % of {_TRIAL:,} draws {c.breaks}; up to {100 * MOST_AGAIN:g} % are drawn again",
            c.remedy,
        )
        for group in together
        for c in group.conditions
        if shares[c.label] > MOST_AGAIN
    ]
    if faults:
        raise InputError.together(faults)


def _prepared(
    inputs: Inputs, names: frozenset[str]
) -> tuple[tuple[Parameter, ...], tuple[Distribution, ...], Array, tuple[str, ...], tuple[str, ...], Array]:
    """What of a sampler does not depend on its seed and design: parameters to `cholesky`."""
    parts = _parts_of_what_is_left([p for p in inputs.parameters.values() if p.distribution == "dirichlet"])
    wanted = names | set(parts) if names & set(parts) else names
    parameters = tuple(p for name, p in inputs.parameters.items() if name in wanted)
    distributions = tuple(parts.get(p.name) or p.uncertainty for p in parameters)
    correlated, matrix = latent_correlations(inputs)
    cholesky = np.linalg.cholesky(matrix).astype(np.float64) if correlated else matrix
    tables = quantile_tables(list(distributions))
    shares = tuple(name for name in parts if name in wanted)
    return parameters, distributions, tables, shares, tuple(correlated), cholesky


def _parts_of_what_is_left(shares: Sequence[Parameter]) -> dict[str, Distribution]:
    """A Dirichlet by stick-breaking: in alphabetical order each share takes a beta part of what is left; the last takes it all.

    All have the same total count, the mean of those that their standard errors imply; the means are exact.
    """
    ordered = sorted(shares, key=lambda p: p.name)
    count = math.fsum(p.uncertainty.first for p in ordered)
    counts = [count * p.value for p in ordered]
    parts = {p.name: Distribution("beta", counts[i], math.fsum(counts[i + 1 :])) for i, p in enumerate(ordered[:-1])}
    return parts | {p.name: Distribution("fixed", 1.0, 0.0) for p in ordered[-1:]}


def uniforms(seed: int, name: str, start: int, stop: int) -> Array:
    """Uniform numbers `start` to `stop` of the stream of `name`, in the open interval (0, 1), shape (stop - start,).

    >>> bool(np.array_equal(uniforms(1, "x", 0, 10)[3:7], uniforms(1, "x", 3, 7)))
    True
    """
    skipped = start % 4  # Philox makes four numbers for each value of its counter
    numbers = _generator(seed, name, start // 4).random(skipped + stop - start)[skipped:]
    numbers += 2.0**-54  # from [0, 1) to the middle of each step of 2^-53
    return np.minimum(numbers, 1 - 2.0**-53, out=numbers)


def _generator(seed: int, name: str, counter: int = 0) -> np.random.Generator:
    key = int.from_bytes(blake2b(f"{seed}/{name}".encode(), digest_size=16).digest(), "little")
    return np.random.Generator(np.random.Philox(key=key, counter=counter))


def standard_normals(seed: int, name: str, start: int, stop: int) -> Array:
    """Standard normal numbers of the stream of `name`: the inverse normal distribution function of `uniforms`."""
    numbers = uniforms(seed, name, start, stop)
    return special.ndtri(numbers, out=numbers)


def _monte_carlo(prepared: Sampler, start: int, stop: int) -> Callable[[str], Array]:
    return lambda name: standard_normals(prepared.seed, name, start, stop)


def _latin_hypercube(prepared: Sampler, start: int, stop: int) -> Callable[[str], Array]:
    """Stratum of draw i: place i of a permutation keyed like the uniforms; place within the stratum: the uniform itself."""

    def normals(name: str) -> Array:
        strata = _generator(prepared.seed, f"{name}/strata").permutation(prepared.n_draws)[start:stop]
        return special.ndtri((strata + uniforms(prepared.seed, name, start, stop)) / prepared.n_draws)

    return normals


def _sobol(prepared: Sampler, start: int, stop: int) -> Callable[[str], Array]:
    from scipy.stats import qmc  # here, as it takes longer to import than the rest of the package

    sequence = qmc.Sobol(len(prepared.dimensions), scramble=True, bits=32, rng=np.random.default_rng(prepared.seed))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a block need not be a power of 2; that the whole is, was checked
        points = sequence.fast_forward(start).random(stop - start) if start else sequence.random(stop - start)
    columns = dict(zip(prepared.dimensions, np.clip(points, 2.0**-33, 1 - 2.0**-33).T, strict=True))
    return lambda name: special.ndtri(columns[name])


DESIGNS: Mapping[str, Callable[[Sampler, int, int], Callable[[str], Array]]] = {
    "monte_carlo": _monte_carlo,
    "latin_hypercube": _latin_hypercube,
    "sobol": _sobol,
}
"""Name of a design -> independent standard normals of draws start to stop, by parameter."""

_MOST_STRATA = 200_000  # beyond this a Latin hypercube costs more to lay out than it saves


def _refuse_design(design: str, n_draws: int) -> None:
    if design not in DESIGNS:
        raise InputError(f"design {shown(design)}", "there is no such design of draws", nearest(str(design), DESIGNS))
    if design == "sobol" and (n_draws < 2 or n_draws & (n_draws - 1)):
        problem = f"{n_draws:,} draws are not a power of 2, without which a Sobol' sequence loses its balance"
        below = 1 << max(n_draws.bit_length() - 1, 1)
        raise InputError("draws", problem, f"Ask for {below:,} or {2 * below:,}")
    if design == "latin_hypercube" and not 2 <= n_draws <= _MOST_STRATA:
        problem = f"a Latin hypercube of {n_draws:,} draws cannot be laid out"
        raise InputError("draws", problem, f"Ask for 2 to {_MOST_STRATA:,}, or use monte_carlo, which can be extended")
