"""Correlations between uncertain parameters: what they mean to the draws, and whether they contradict each other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hemodel.errors import Fault
from hemodel.evidence.parameters import Parameter


@dataclass(frozen=True)
class Correlation:
    """Rank (Spearman) correlation between two uncertain parameters."""

    first: str
    second: str
    rank_correlation: float
    source: str
    status: str
    note: str

    @property
    def latent(self) -> float:
        """Correlation of the two normals of the Gaussian copula that gives this rank correlation: 2 sin(pi r / 6)."""
        return float(2 * np.sin(np.pi * self.rank_correlation / 6))


def latent(correlations: Iterable[Correlation], parameters: Mapping[str, Parameter]) -> tuple[list[str], NDArray[np.float64]]:
    """Names of the correlated uncertain parameters and their latent correlation matrix, shape (name, name)."""

    def is_uncertain(name: str) -> bool:
        return name in parameters and parameters[name].is_uncertain

    pairs = [c for c in correlations if is_uncertain(c.first) and is_uncertain(c.second)]
    names = sorted({name for pair in pairs for name in (pair.first, pair.second)})
    matrix = np.eye(len(names))
    for pair in pairs:
        i, j = names.index(pair.first), names.index(pair.second)
        matrix[i, j] = matrix[j, i] = pair.latent
    return names, matrix


def contradiction(where: str, correlations: Iterable[Correlation], parameters: Mapping[str, Parameter]) -> list[Fault]:
    """A fault for each group of connected parameters whose correlations contradict each other (not positive definite)."""
    names, matrix = latent(correlations, parameters)
    reaches = np.linalg.matrix_power((matrix != 0).astype(float), len(names)) > 0
    found = []
    for group in dict.fromkeys(map(tuple, reaches)):
        members = np.flatnonzero(group)
        smallest = float(np.linalg.eigvalsh(matrix[np.ix_(members, members)])[0])
        if smallest < 1e-10:
            who = ", ".join(names[i] for i in members)
            problem = f"the correlations of {who} contradict each other: their matrix is not positive definite"
            found.append(Fault(where, f"{problem} (smallest eigenvalue {smallest:.3g})", "Weaken some of them"))
    return found
