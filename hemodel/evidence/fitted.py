"""Curves that were fitted elsewhere: coefficients on the estimation scale with their covariance, as parameters of the model and back."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from hemodel.evidence.correlations import Correlation, latent
from hemodel.evidence.parameters import Parameter
from hemodel.evidence.settings import FittedCurve, FittedEstimates


def with_curves(
    parameters: Mapping[str, Parameter], correlations: tuple[Correlation, ...], curves: Mapping[str, FittedEstimates]
) -> tuple[dict[str, Parameter], tuple[Correlation, ...]]:
    """`parameters` and `correlations` with the coefficients of `curves` (pfs_<strategy> or os_<strategy>) in place of any before.

    The coefficients become parameters fit_<curve>_0, ... that are normal with the standard errors and correlations of the covariance, so
    that a probabilistic analysis draws them together. Of normals the rank correlation is 6/pi asin(r/2).
    """
    starts = tuple(f"fit_{name}_" for name in curves)
    kept = {n: p for n, p in parameters.items() if not n.startswith(starts)}
    pairs = [c for c in correlations if not c.first.startswith(starts)]
    for name, curve in curves.items():
        covariance = np.array(curve.covariance)
        errors = np.sqrt(np.diag(covariance))
        ranks = 6 / math.pi * np.arcsin(covariance / np.outer(errors, errors) / 2)
        which, _, strategy = name.partition("_")
        own = [
            Parameter(
                f"fit_{name}_{k}",
                f"{coefficient} of the fitted {which.upper()} curve, {strategy}",
                "estimation scale",
                value,
                float(errors[k]),
                None,
                None,
                "normal",
                "survival",
                curve.source,
                curve.status,
                curve.confidentiality,
                curve.note,
            )
            for k, (coefficient, value) in enumerate(curve.coefficients.items())
        ]
        kept |= {p.name: p for p in own}
        pairs += [
            Correlation(own[j].name, own[k].name, float(ranks[j, k]), curve.source, curve.status, "of the fitted curve")
            for k in range(len(own))
            for j in range(k)
        ]
    return kept, tuple(pairs)


def estimates_of(
    curve: str, terms: FittedCurve, parameters: Mapping[str, Parameter], correlations: tuple[Correlation, ...]
) -> FittedEstimates:
    """The fit behind a curve of the model: the inverse of `with_curves`, to the last digits."""
    own = [parameters[f"fit_{curve}_{k}"] for k in range(len(terms.coefficients))]
    names, matrix = latent(correlations, {p.name: p for p in own})
    errors = [p.se or 0.0 for p in own]

    def covariance(j: int, k: int) -> float:
        one, other = own[j].name, own[k].name
        related = float(matrix[names.index(one), names.index(other)]) if {one, other} <= set(names) else float(j == k)
        return related * errors[j] * errors[k]

    every = range(len(own))
    first = own[0]
    return FittedEstimates(
        family=terms.family,
        knots=terms.knots,
        coefficients={name: p.value for name, p in zip(terms.coefficients, own, strict=True)},
        covariance=[[covariance(j, k) for k in every] for j in every],
        source=first.source,
        status=first.status,
        note=first.note,
        confidentiality=first.confidentiality,
    )
