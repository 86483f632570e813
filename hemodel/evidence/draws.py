"""Designs of draws: tables of parameter values, one row a draw. All randomness of the package is here.

The uniform number of parameter `name` in draw i is number i of the Philox stream whose key is BLAKE2b-128 of (seed, name).
So a block of draws is the same whichever blocks, threads or machines the others go to, and adding, removing or reordering
parameters leaves the draws of all others alone. Correlated parameters share normals through a Gaussian copula.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray
from scipy import special

from hemodel.errors import InputError
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
    correlated: tuple[str, ...]
    cholesky: Array

    def block(self, start: int, stop: int) -> dict[str, Array]:
        """Draws `start` to `stop` (excluded), parameter name -> values of shape (stop - start,).

        The same bits whatever block they come in: every operation is element by element.
        """
        copula = self._correlated_normals(start, stop)
        draws = {}
        shares: list[int] = []
        for i, parameter in enumerate(self.parameters):
            name = parameter.name
            if parameter.distribution == "dirichlet":
                shares.append(i)
            elif parameter.is_uncertain:
                z = copula[name] if name in copula else standard_normals(self.seed, name, start, stop)
                draws[name] = values_at(self.distributions[i], z, self.tables[i])
            else:
                draws[name] = np.full(stop - start, parameter.value)
        if shares:
            draws |= self._dirichlet([self.parameters[i] for i in shares], start, stop)
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

    def _dirichlet(self, shares: Sequence[Parameter], start: int, stop: int) -> dict[str, Array]:
        """Shares by stick-breaking: each takes a beta part of what the earlier ones left; the last takes the rest."""
        left = np.ones(stop - start)
        result = {}
        counts = [p.uncertainty.first for p in shares]
        for i, parameter in enumerate(shares[:-1]):
            part = Distribution("beta", counts[i], sum(counts[i + 1 :]))
            result[parameter.name] = left * values_at(part, standard_normals(self.seed, parameter.name, start, stop))
            left = left - result[parameter.name]
        result[shares[-1].name] = left
        return result


def sampler(inputs: Inputs, *, seed: int, names: Iterable[str] | None = None) -> Sampler:
    """Prepare the draws of a probabilistic analysis. `names` restricts them to the parameters a run reads (default: all)."""
    if seed < 0:
        raise InputError("seed", f"{seed} is negative", "Give a whole number from 0")
    wanted = set(inputs.parameters if names is None else names)
    parameters = tuple(p for name, p in inputs.parameters.items() if name in wanted)
    distributions = tuple(p.uncertainty for p in parameters)
    correlated, matrix = latent_correlations(inputs)
    cholesky = np.linalg.cholesky(matrix) if correlated else np.empty((0, 0))
    return Sampler(seed, parameters, distributions, quantile_tables(list(distributions)), tuple(correlated), cholesky)


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
