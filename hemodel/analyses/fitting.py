"""Curves fitted to data of one's own: several families side by side, and one of them put into the model in place of a published median."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
from hemodel.survival.fitting import (
    Fit,
    KaplanMeier,
    compare_fits,
    fit,
    fit_intervals,
    fitted_against_observed,
    information_weights,
    kaplan_meier,
    smoothed_hazard,
    turnbull,
)
from hemodel.survival.intervals import Turnbull

FAMILIES = ("exponential", "weibull", "gompertz", "log_logistic", "log_normal", "gamma", "generalised_gamma", "spline_hazard")


LANDMARKS = (1.0, 2.0, 3.0, 5.0, 10.0)
"""Years at which the landmarks of a clinical discussion stand."""
AT_ZERO = ("half_a_day", "leave_out")
"""What may be done with times of 0, of which there is no density."""


@dataclass(frozen=True)
class Fits:
    """Result of `run_fits`: the curves that could be fitted, best AIC first, and why the others could not.

    `times` and `events` are those that were fitted; of events between two looks the middles, `lower` and `upper` being what is known.
    `notes`: what was done to the data and what the standard errors are, in a sentence each.
    """

    times: np.ndarray
    events: np.ndarray
    fits: tuple[Fit, ...]
    refused: dict[str, str]  # family -> the error
    observed: KaplanMeier | Turnbull
    lower: np.ndarray
    upper: np.ndarray  # inf where the event was not seen
    entry: np.ndarray | None = None
    weights: np.ndarray | None = None
    knots: int | Sequence[float] | None = None
    unit: str | None = None
    notes: tuple[str, ...] = ()

    @property
    def best(self) -> Fit:
        """The fit of lowest AIC."""
        return min(self.fits, key=lambda one: one.aic)

    @property
    def longest(self) -> float:
        """The longest time of the data."""
        ends = self.upper[np.isfinite(self.upper)]
        return float(max(self.lower.max(), ends.max() if len(ends) else 0.0))

    @property
    def table(self) -> pd.DataFrame:
        """One row a family: estimates, log-likelihood, AIC, BIC and their weights, median, mean, survival at four landmarks."""
        return compare_fits(self.fits, horizon=self.longest, landmarks=_landmarks(self.longest))

    @property
    def landmarks(self) -> pd.DataFrame:
        """The observed curve, each family and their averages by AIC and BIC weight: survival at 1, 2, 3, 5 and 10 years (of 12 months or
        365.25 days), the mean to the longest time of the data, and the mean without an end, in the unit of the data.

        An average is of survival curves, so its mean is the average of the means. What the data do not show of the observed curve is
        missing.
        """
        years = np.array(LANDMARKS) / self._years_per_unit
        means = f"mean_to_{self.longest:g}"
        ends = self._seen_to_the_end
        seen = np.where((years <= self.longest) | ends, self.observed.survival_at(years), np.nan)
        lived = self._observed_mean()
        rows = [("observed", seen, lived, lived if ends else np.nan)]
        of_family = [(np.exp(-one.cumulative_hazard(years)), one.mean(self.longest), one.mean()) for one in self.fits]
        rows += [(one.family.name, *values) for one, values in zip(self.fits, of_family, strict=True)]
        for criterion in ("AIC", "BIC"):
            weights = self.model_weights(criterion)
            shares, to, whole = (sum(w * x[k] for w, x in zip(weights, of_family, strict=True)) for k in range(3))
            rows.append((f"average by {criterion} weight", shares, to, whole))
        columns = [f"survival_at_{year:g}_year{'s' if year > 1 else ''}" for year in LANDMARKS]
        return pd.DataFrame(
            [
                {"curve": name} | dict(zip(columns, shares, strict=True)) | {means: to, "mean": whole}
                for name, shares, to, whole in rows
            ]
        )

    def model_weights(self, criterion: str = "AIC") -> np.ndarray:
        """Weight of each fit, exp(-difference / 2) over their sum, by "AIC" or "BIC"."""
        if criterion not in ("AIC", "BIC"):
            raise InputError(f"criterion {criterion!r}", "it is not one by which fits are weighed", "Give AIC or BIC")
        return information_weights(np.array([one.aic if criterion == "AIC" else one.bic for one in self.fits]))

    def average_survival(self, times: ArrayLike, criterion: str = "AIC") -> np.ndarray:
        """Survival at `times`, averaged over the fits by their weights."""
        shares = [np.exp(-one.cumulative_hazard(times)) for one in self.fits]
        return np.asarray(sum(w * x for w, x in zip(self.model_weights(criterion), shares, strict=True)))

    def in_years(self, family: str) -> Fit:
        """The fit of `family` to the same data with time in years, as the model takes it."""
        scale = self._years_per_unit
        knots = [scale * knot for knot in self.knots] if isinstance(self.knots, Sequence) else self.knots
        entry = None if self.entry is None else scale * self.entry
        return fit_intervals(
            scale * self.lower, scale * self.upper, family, knots=_of_family(family, knots), entry=entry, weights=self.weights
        )

    def against_observed(self, family: str | None = None) -> pd.DataFrame:
        """Fitted survival of a family (default: the best) beside the observed at twelve times."""
        return fitted_against_observed(self._named(family), self.observed, list(np.linspace(0, self.longest, 13)[1:]))

    def curves(self, places: int = 100) -> pd.DataFrame:
        """Time, survival and hazard of every fit, and of the data ("Kaplan-Meier", with a smoothed hazard; or "Turnbull"), in long form for
        charts.
        """
        at = np.linspace(0, self.longest, places + 1)[1:]
        middle = (at[1:] + at[:-1]) / 2
        frames = [
            pd.DataFrame(
                {"curve": one.family.name, "time": at, "survival": np.exp(-(h := one.cumulative_hazard(at)))}
                | {"hazard": np.interp(at, middle, np.diff(h) / np.diff(at))}
            )
            for one in self.fits
        ]
        name, hazard = "Turnbull", np.full(len(at), np.nan)
        if isinstance(self.observed, KaplanMeier):
            smoothed = smoothed_hazard(self.times, self.events, at, entry=self.entry, weights=self.weights)
            name, hazard = "Kaplan-Meier", np.maximum(smoothed, 0.0)  # boundary kernels can dip below 0
        data = {"survival": self.observed.survival_at(at), "hazard": hazard}
        return pd.concat([pd.DataFrame({"curve": name, "time": at} | data), *frames], ignore_index=True)

    @property
    def _seen_to_the_end(self) -> bool:
        """Whether the observed curve ends at 0, so that it is known for all time."""
        if isinstance(self.observed, Turnbull):
            return bool(np.isfinite(self.observed.right[-1]))
        return bool(self.observed.survival[-1] <= 0)

    @property
    def _years_per_unit(self) -> float:
        if self.unit is None:
            problem = "the unit of the times is not known, in which a year has its length"
            raise InputError("fits", problem, 'Give it to run_fits, such as unit="months"')
        return years_per(self.unit)

    def _observed_mean(self) -> float:
        """Area under the observed curve to the longest time: of steps exactly, of Turnbull's straight lines too."""
        if isinstance(self.observed, KaplanMeier):
            edges = np.concatenate([[0.0], self.observed.times])
            heights = np.concatenate([[1.0], self.observed.survival[:-1]])
            return float((np.diff(edges) * heights).sum())
        ends = self.observed.right
        edges = np.unique(np.concatenate([[0.0, self.longest], self.observed.left, ends[np.isfinite(ends)]]))
        before = np.nextafter(edges[1:], 0.0)  # a point falls at once: the height just before it
        heights = (self.observed.survival_at(edges[:-1]) + self.observed.survival_at(before)) / 2
        return float((np.diff(edges) * heights).sum())

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
    times: ArrayLike,
    events: ArrayLike,
    families: Sequence[str] = FAMILIES,
    *,
    knots: int | Sequence[float] | None = None,
    entry: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    at_zero: str | None = None,
    unit: str | None = None,
) -> Fits:
    """Fit `families` to individual data (times above 0; events 1, censored 0) and compare them.

    A family that the data cannot identify, or have no room for its knots, is listed in `.refused` with the reason; if none can be fitted,
    its error is raised. `knots`, `entry` and `weights` as in `survival.fit`. `at_zero`: what is done with times of 0, which are refused
    otherwise: "half_a_day" or "leave_out"; `.notes` says of how many. Kaplan-Meier is of the same people. `unit` of the times ("days",
    "weeks", "months" or "years") is needed for half a day, for `.landmarks` and for `.in_years`.
    """
    when, died = np.asarray(times, dtype=np.float64), np.asarray(events, dtype=np.float64)
    if when.shape != died.shape or when.ndim != 1:
        kaplan_meier(times, events)  # refuses them
    zero = when == 0
    half, kept, notes = _of_zeros(zero, at_zero, unit)
    when, died = np.where(zero, half, when)[kept], died[kept]
    joined, weight = _kept(entry, kept), _kept(weights, kept)

    def one(family: str) -> Fit:
        return fit(when, died, family, knots=_of_family(family, knots), entry=joined, weights=weight)

    fits, refused = _compared(one, families, knots)
    observed = kaplan_meier(when, died, entry=joined, weights=weight)
    upper = np.where(died == 1, when, np.inf)
    notes += _told(fits) + _emptied(observed)
    return Fits(when, died, fits, refused, observed, when, upper, joined, weight, knots, unit, notes)


def run_interval_fits(
    lower: ArrayLike,
    upper: ArrayLike,
    families: Sequence[str] = FAMILIES,
    *,
    knots: int | Sequence[float] | None = None,
    weights: ArrayLike | None = None,
    at_zero: str | None = None,
    unit: str | None = None,
) -> Fits:
    """Fit `families` to events after `lower` and by `upper`, as `survival.fit_intervals` has them, beside Turnbull's estimate.

    All else as in `run_fits`. Late entries are taken by `survival.fit_intervals` and not here: Turnbull's estimate has none.
    """
    low, high = np.asarray(lower, dtype=np.float64), np.asarray(upper, dtype=np.float64)
    if low.shape != high.shape or low.ndim != 1:
        turnbull(lower, upper)  # refuses them
    zero = (low == 0) & (high == 0)
    half, kept, notes = _of_zeros(zero, at_zero, unit)
    low, high = (np.where(zero, half, ends)[kept] for ends in (low, high))
    weight = _kept(weights, kept)

    def one(family: str) -> Fit:
        return fit_intervals(low, high, family, knots=_of_family(family, knots), weights=weight)

    fits, refused = _compared(one, families, knots)
    seen = np.isfinite(high)
    middle = np.where(seen, (low + np.where(seen, high, low)) / 2, low)
    observed = turnbull(low, high, weights=weight)
    return Fits(
        middle, seen.astype(np.float64), fits, refused, observed, low, high, None, weight, knots, unit, notes + _told(fits)
    )


def _compared(
    one: Callable[[str], Fit], families: Sequence[str], knots: int | Sequence[float] | None
) -> tuple[tuple[Fit, ...], dict[str, str]]:
    """The fits, best AIC first, and why others are not among them; what is wrong with the data is raised."""
    found, refused = [], {}
    given = ("times", "events", "entry", "weights", "lower", "upper", "family", *(() if knots is None else ("knots",)))
    for name in families:
        try:
            found.append(one(name))
        except InputError as error:
            if error.faults[0].where.startswith(given):
                raise
            refused[name] = str(error)
    if not found:
        raise InputError("families", "none of them could be fitted: " + "; ".join(refused.values()), "Look at the data")
    return tuple(sorted(found, key=lambda fitted: fitted.aic)), refused


def _of_family(family: str, knots: int | Sequence[float] | None) -> int | Sequence[float] | None:
    """Knots where the family has some."""
    return knots if family.startswith(("spline", "piecewise")) else None


def _of_zeros(zero: np.ndarray, at_zero: str | None, unit: str | None) -> tuple[float, np.ndarray, tuple[str, ...]]:
    """The time that rows at 0 are given, which rows are kept, and a sentence that tells it."""
    faults = []
    if at_zero is not None and at_zero not in AT_ZERO:
        faults.append(Fault(f"at_zero {at_zero!r}", "it is not what can be done with times of 0", nearest(at_zero, AT_ZERO)))
    if unit is not None and unit not in TIME_UNITS:
        faults.append(Fault(f"unit {unit!r}", "it is not a unit of time", nearest(unit, TIME_UNITS)))
    if at_zero == "half_a_day" and unit is None:
        faults.append(Fault("unit", "half a day has no length without the unit of the times", 'Give it, such as unit="months"'))
    if faults:
        raise InputError.together(faults)
    n, all_rows = int(zero.sum()), np.ones(len(zero), dtype=bool)
    if at_zero is None or not n:
        return 0.0, all_rows, ()
    told = f"{n} of {len(zero):,} times are 0, of which there is no density: "
    if at_zero == "leave_out":
        return 0.0, ~zero, (f"{told}they are left out.",)
    half = 0.5 * years_per("days") / years_per(str(unit))
    return half, all_rows, (f"{told}they are taken as half a day ({half:.4g} {unit}).",)


def _kept(column: ArrayLike | None, rows: np.ndarray) -> np.ndarray | None:
    """Those rows of a column; one of another length, which the fit refuses, as it is."""
    if column is None:
        return None
    values = np.asarray(column, dtype=np.float64)
    return values[rows] if values.shape == rows.shape else values


def _emptied(observed: KaplanMeier) -> tuple[str, ...]:
    """A sentence where all who were at risk had the event though others came later: the estimate is 0 from there on."""
    empty = np.flatnonzero(observed.survival[:-1] <= 0)
    if not len(empty):
        return ()
    time = observed.times[empty[0]]
    return (
        f"All who were under observation at {time:g} had the event there, so the Kaplan-Meier estimate is 0 from then on, though others "
        "entered later: it says nothing of these data. Fit from a later time on, with more people under observation.",
    )


def _told(fits: tuple[Fit, ...]) -> tuple[str, ...]:
    """What is to be known of the standard errors."""
    if not any(one.sandwich for one in fits):
        return ()
    return ("The weights are not whole numbers: standard errors are the sandwich's; AIC and BIC are of the weighted likelihood.",)


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
    entry: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    source: str = "",
    note: str = "",
    confidentiality: str = "none",
) -> Inputs:
    """`inputs` with the PFS or OS curve of a strategy fitted to individual data, in place of its published median and shape.

    The fit is made with time in years (`unit`: that of `times` and `entry`). All else as `with_fit` has it.
    """
    _refuse_place(inputs, curve, strategy, unit)
    scale = years_per(unit)
    joined = None if entry is None else scale * np.asarray(entry, dtype=np.float64)
    found = fit(np.asarray(times, dtype=np.float64) * scale, events, family, knots=knots, entry=joined, weights=weights)
    return with_fit(inputs, curve, strategy, found, source=source, note=note, confidentiality=confidentiality)


def with_fit(
    inputs: Inputs,
    curve: str,
    strategy: str,
    found: Fit,
    *,
    source: str = "",
    note: str = "",
    confidentiality: str = "none",
) -> Inputs:
    """`inputs` with the PFS or OS curve of a strategy by a fit whose time is in years, such as `Fits.in_years` gives.

    Its coefficients, on the estimation scale, become parameters fit_<curve>_<strategy>_0, ... that are normal with the fit's standard
    errors and correlations, so that a probabilistic analysis draws them together. With a fitted OS, the death rate after progression has
    to be derived anew (`calibrated`).
    """
    _refuse_place(inputs, curve, strategy)
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


def _refuse_place(inputs: Inputs, curve: str, strategy: str, unit: str = "years") -> None:
    """Refuse a curve, strategy or unit that is none."""
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


def _landmarks(longest: float) -> list[float]:
    """Four round times within the data: quarters of the longest, to two digits."""
    return [float(f"{longest * share:.2g}") for share in (0.25, 0.5, 0.75, 1.0)]
