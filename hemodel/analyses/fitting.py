"""Curves fitted to data of one's own: several families side by side, and one of them put into the model in place of a published median."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from hemodel.errors import Fault, InputError, nearest
from hemodel.evidence.fitted import with_curves
from hemodel.evidence.inputs import Inputs
from hemodel.evidence.parameters import TIME_UNITS, years_per
from hemodel.evidence.settings import FittedEstimates
from hemodel.survival.fitting import Fit, KaplanMeier, compare_fits, fit, fitted_against_observed, kaplan_meier, smoothed_hazard

FAMILIES = ("exponential", "weibull", "gompertz", "log_logistic", "log_normal", "gamma", "generalised_gamma", "spline_hazard")


@dataclass(frozen=True)
class Fits:
    """Result of `run_fits`: the curves that could be fitted, best AIC first, and why the others could not."""

    times: np.ndarray
    events: np.ndarray
    fits: tuple[Fit, ...]
    refused: dict[str, str]  # family -> the error
    observed: KaplanMeier

    @property
    def best(self) -> Fit:
        """The fit of lowest AIC."""
        return min(self.fits, key=lambda one: one.aic)

    @property
    def table(self) -> pd.DataFrame:
        """One row a family: estimates, log-likelihood, AIC, BIC and their weights, median, mean, survival at four landmarks."""
        return compare_fits(self.fits, horizon=float(self.times.max()), landmarks=_landmarks(float(self.times.max())))

    def against_observed(self, family: str | None = None) -> pd.DataFrame:
        """Fitted survival of a family (default: the best) beside Kaplan-Meier at twelve times."""
        return fitted_against_observed(self._named(family), self.observed, list(np.linspace(0, self.times.max(), 13)[1:]))

    def curves(self, places: int = 100) -> pd.DataFrame:
        """Time, survival and hazard of every fit, and of the data ("Kaplan-Meier"; smoothed hazard), in long form for charts."""
        at = np.linspace(0, float(self.times.max()), places + 1)[1:]
        middle = (at[1:] + at[:-1]) / 2
        frames = [
            pd.DataFrame(
                {"curve": one.family.name, "time": at, "survival": np.exp(-(h := one.cumulative_hazard(at)))}
                | {"hazard": np.interp(at, middle, np.diff(h) / np.diff(at))}
            )
            for one in self.fits
        ]
        hazard = np.maximum(smoothed_hazard(self.times, self.events, at), 0.0)  # boundary kernels can dip below 0
        data = {"survival": self.observed.survival_at(at), "hazard": hazard}
        return pd.concat([pd.DataFrame({"curve": "Kaplan-Meier", "time": at} | data), *frames], ignore_index=True)

    def _named(self, family: str | None) -> Fit:
        if family is None:
            return self.best
        for one in self.fits:
            if one.family.name == family:
                return one
        raise InputError(f"family {family!r}", "it was not fitted", nearest(family, [f.family.name for f in self.fits]))

    def _repr_html_(self) -> str:
        return str(self.table.to_html(index=False, float_format="{:,.4g}".format, escape=True))


def run_fits(
    times: ArrayLike, events: ArrayLike, families: Sequence[str] = FAMILIES, *, knots: int | Sequence[float] | None = None
) -> Fits:
    """Fit `families` to individual data (times above 0; events 1, censored 0) and compare them.

    A family that the data cannot identify, or have no room for its knots, is listed in `.refused` with the reason; if none can be fitted,
    its error is raised. `knots` as in `survival.fit`, for splines.
    """
    found, refused = [], {}
    given = ("times", "events", "family", *(() if knots is None else ("knots",)))
    for name in families:
        try:
            found.append(fit(times, events, name, knots=knots if name.startswith(("spline", "piecewise")) else None))
        except InputError as error:
            if error.faults[0].where.startswith(given):
                raise
            refused[name] = str(error)
    if not found:
        raise InputError("families", "none of them could be fitted: " + "; ".join(refused.values()), "Look at the data")
    found.sort(key=lambda one: one.aic)
    return Fits(np.asarray(times, float), np.asarray(events, float), tuple(found), refused, kaplan_meier(times, events))


def with_fitted_curve(
    inputs: Inputs,
    curve: str,
    strategy: str,
    times: ArrayLike,
    events: ArrayLike,
    family: str,
    *,
    unit: str = "months",
    knots: int | Sequence[float] | None = None,
    source: str = "",
    note: str = "",
    confidentiality: str = "none",
) -> Inputs:
    """`inputs` with the PFS or OS curve of a strategy fitted to individual data, in place of its published median and shape.

    The fit is made with time in years (`unit`: that of `times`). Its coefficients, on the estimation scale, become parameters
    fit_<curve>_<strategy>_0, ... that are normal with the fit's standard errors and correlations, so that a probabilistic analysis draws
    them together. With a fitted OS, the death rate after progression has to be derived anew (`calibrated`).
    """
    faults = []
    if curve not in ("pfs", "os"):
        faults.append(Fault(f"curve {curve!r}", "it is not one that can be fitted", nearest(curve, ("pfs", "os"))))
    if strategy not in inputs.settings.strategy_names:
        faults.append(
            Fault(f"strategy {strategy!r}", "there is no such strategy", nearest(strategy, inputs.settings.strategy_names))
        )
    if unit not in TIME_UNITS:
        faults.append(Fault(f"unit {unit!r}", "it is not a unit of time", nearest(unit, TIME_UNITS)))
    if faults:
        raise InputError.together(faults)
    found = fit(np.asarray(times, dtype=np.float64) * years_per(unit), events, family, knots=knots)
    name = f"{curve}_{strategy}"
    about = (
        f"{found.family.name} fitted to {found.n} people with {found.n_events} events, time in years, estimation scale. {note}"
    )
    estimates = FittedEstimates(
        family=found.family.name,
        coefficients=dict(zip(found.names, found.transformed_estimates.tolist(), strict=True)),
        covariance=((found.covariance + found.covariance.T) / 2).tolist(),
        knots=list(found.family.knots),
        source=source,
        note=about.strip(),
        confidentiality=confidentiality,
    )
    fitted = {n: c.model_dump() for n, c in inputs.settings.fitted_curves.items()} | {name: estimates.terms.model_dump()}
    parameters, correlations = with_curves(inputs.parameters, inputs.correlations, {name: estimates})
    return replace(
        inputs.with_settings(fitted_curves=fitted),
        parameters=MappingProxyType(parameters),
        correlations=correlations,
        changed=(*inputs.changed, f"fitted {name}"),
    )


def _landmarks(longest: float) -> list[float]:
    """Four round times within the data: quarters of the longest, to two digits."""
    return [float(f"{longest * share:.2g}") for share in (0.25, 0.5, 0.75, 1.0)]
