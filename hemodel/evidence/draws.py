"""Designs of draws: tables of parameter values, one row a draw. All randomness of the package is here.

The uniform number of parameter `name` in draw i is number i of the Philox stream whose key is BLAKE2b-128 of (seed, name).
So a block of draws is the same whichever blocks, threads or machines the others go to, and adding, removing or reordering
parameters leaves the draws of all others alone. Correlated parameters share normals through a Gaussian copula.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
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
Draws = Mapping[str, Array]
"""Parameter name -> values, shape (draw,). Row i is draw i of every outcome computed from it."""


def base_case_draws(inputs: Inputs) -> dict[str, Array]:
    """One draw: every parameter at its value."""
    return {name: np.array([parameter.value]) for name, parameter in inputs.parameters.items()}


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

    def block(self, start: int, stop: int) -> dict[str, Array]:
        """Draws `start` to `stop` (excluded), parameter name -> values of shape (stop - start,).

        The same bits whatever block they come in: every operation is element by element.
        """
        copula = self._correlated_normals(start, stop)
        draws = {}
        for parameter, distribution, table in zip(self.parameters, self.distributions, self.tables, strict=True):
            name = parameter.name
            if distribution.kind == "fixed":
                draws[name] = np.full(stop - start, distribution.first)
            else:
                z = copula[name] if name in copula else standard_normals(self.seed, name, start, stop)
                draws[name] = values_at(distribution, z, table)
        left = np.ones(stop - start)
        for name in self.shares:  # the last one's part is fixed at 1
            draws[name] = left * draws[name]
            left = left - draws[name]
        return draws

    def _correlated_normals(self, start: int, stop: int) -> dict[str, Array]:
        """Normals of the correlated parameters, L z row by row: no matrix product, whose bits would depend on the block."""
        independent = [standard_normals(self.seed, name, start, stop) for name in self.correlated]
        result = {}
        for i, name in enumerate(self.correlated):
            total = self.cholesky[i, 0] * independent[0]
            for j in range(1, i + 1):
                total += self.cholesky[i, j] * independent[j]
            result[name] = total
        return result


def sampler(inputs: Inputs, *, seed: int, names: Iterable[str] | None = None) -> Sampler:
    """Prepare the draws of a probabilistic analysis. `names` restricts them to the parameters a run reads (default: all).

    Shares of a Dirichlet come together: one that is read brings the others.
    """
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0:
        raise InputError("seed", f"{shown(seed)} is not a whole number from 0", "Give a whole number from 0")
    wanted = set(inputs.parameters if names is None else names)
    unknown = sorted(wanted - set(inputs.parameters))
    if unknown:
        raise InputError.together(
            Fault("names", f"there is no parameter {shown(name)}", nearest(name, inputs.parameters)) for name in unknown
        )
    parts = _parts_of_what_is_left([p for p in inputs.parameters.values() if p.distribution == "dirichlet"])
    if wanted & set(parts):
        wanted |= set(parts)
    parameters = tuple(p for name, p in inputs.parameters.items() if name in wanted)
    distributions = tuple(parts.get(p.name) or p.uncertainty for p in parameters)
    correlated, matrix = latent_correlations(inputs)
    cholesky = np.linalg.cholesky(matrix).astype(np.float64) if correlated else matrix
    tables = quantile_tables(list(distributions))
    shares = tuple(name for name in parts if name in wanted)
    return Sampler(int(seed), parameters, distributions, tables, shares, tuple(correlated), cholesky)


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
    key = int.from_bytes(blake2b(f"{seed}/{name}".encode(), digest_size=16).digest(), "little")
    skipped = start % 4  # Philox makes four numbers for each value of its counter
    stream = np.random.Generator(np.random.Philox(key=key, counter=start // 4))
    numbers = stream.random(skipped + stop - start)[skipped:]
    numbers += 2.0**-54  # from [0, 1) to the middle of each step of 2^-53
    return np.minimum(numbers, 1 - 2.0**-53, out=numbers)


def standard_normals(seed: int, name: str, start: int, stop: int) -> Array:
    """Standard normal numbers of the stream of `name`: the inverse normal distribution function of `uniforms`."""
    numbers = uniforms(seed, name, start, stop)
    return special.ndtri(numbers, out=numbers)
