"""Curves fitted to individual data by maximum likelihood, compared with one another and with the data.

Own code on SciPy, to flexsurv's definitions: estimates are normal on the estimation scale (logarithms of what must be above 0), the
covariance is the inverse of the observed information there, and BIC counts rows, not events.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import optimize

from hemodel.errors import Fault, InputError
from hemodel.survival import families
from hemodel.survival.families import CURE, PIECEWISE, Array, Family, natural, transformed
from hemodel.survival.intervals import Turnbull, estimated
from hemodel.survival.ties import TOLERANCE, snapped, tied
from hemodel.threads import one_blas_thread

FAR_LOGIT = 13.0  # a share within 2e-6 of 0 or 1
NEAR_LOGIT = 5.0  # a share below 0.7 % or above 99.3 %, towards which a search that does not end is heading
FAR_LOG = 25.0  # a shape or rate 7e10 times too large or small, time being scaled to mean 1
FAR = 1e3
REACH = 0.02  # standard errors a step of the differences: small enough for the likelihoods of few people, far above rounding


@dataclass(frozen=True)
class Fit:
    """A curve fitted to individual data: estimates, how sure they are, and how well they fit.

    `estimates`: parameter -> value in the units of the times. `transformed_estimates` and `covariance` (parameter, parameter) are on the
    estimation scale, as are `standard_errors`: logarithms of parameters that must be above 0, log odds of a cured share, else as is.
    `n` rows, `n_events` events; `aic` = 2p - 2 log-likelihood, `bic` = p ln(n) - 2 log-likelihood (n rows, as flexsurv has it).
    `sandwich`: rows had weights that are not whole numbers, so the covariance is the sandwich (robust) one, not the inverse information.
    """

    family: Family
    estimates: Mapping[str, float]
    transformed_estimates: Array
    covariance: Array
    log_likelihood: float
    n: int
    n_events: int
    sandwich: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the parameters, in the order of the arrays."""
        return self.family.parameters

    @property
    def standard_errors(self) -> Mapping[str, float]:
        """Parameter -> standard error on the estimation scale."""
        return dict(zip(self.names, (float(value) for value in np.sqrt(np.diag(self.covariance))), strict=True))

    @property
    def aic(self) -> float:
        """Akaike's information criterion, 2p - 2 log-likelihood."""
        return 2 * len(self.names) - 2 * self.log_likelihood

    @property
    def bic(self) -> float:
        """Bayesian information criterion, p ln(n) - 2 log-likelihood, n the number of rows."""
        return len(self.names) * math.log(self.n) - 2 * self.log_likelihood

    def cumulative_hazard(self, times: ArrayLike, draws: ArrayLike | None = None) -> Array:
        """Cumulative hazard at `times`, shape (time,); with `draws` of shape (parameter, draw), natural scale, (time, draw)."""
        parameters = list(self.estimates.values()) if draws is None else list(np.asarray(draws, dtype=np.float64))
        return families.cumulative_hazard(self.family, times, parameters)

    def draw_parameters(self, normals: ArrayLike) -> Array:
        """Correlated draws of the parameters, natural scale, shape (parameter, draw), from standard `normals` of the same shape.

        Estimates plus the Cholesky factor of the covariance times the normals, added up parameter by parameter so that the bits of
        a draw do not depend on the other draws; then back from the estimation scale.
        """
        z = np.asarray(normals, dtype=np.float64)
        if z.shape[:1] != (len(self.names),):
            raise InputError(
                "normals", f"their shape is {z.shape}", f"Give shape ({len(self.names)}, draw): {', '.join(self.names)}"
            )
        factor = np.linalg.cholesky(self.covariance)
        moved = np.empty_like(z)
        for row, estimate in enumerate(self.transformed_estimates):
            moved[row] = estimate
            for column in range(row + 1):
                moved[row] += factor[row, column] * z[column]
        return np.stack(natural(self.family, moved))

    def median(self) -> float:
        """Median survival time."""
        return float(families.quantile(self.family, 0.5, list(self.estimates.values())))

    def mean(self, horizon: float = math.inf) -> float:
        """Mean survival time, up to `horizon` if one is given."""
        parameters = list(self.estimates.values())
        if math.isinf(horizon):
            return float(families.mean(self.family, parameters))
        return float(families.restricted_mean(self.family, horizon, parameters))


@dataclass(frozen=True)
class KaplanMeier:
    """Kaplan-Meier estimate at the distinct `times` of the data: people `at_risk` just before, `events` and `survival` after.

    `standard_error` of survival is Greenwood's: S sqrt(sum of d / (n (n - d))); 0/0 at the last death of all is NaN, as S is 0. Where rows
    have weights that are not whole numbers, `at_risk` and `events` are sums of weights and `robust` is the sandwich standard error, which
    stands in place of Greenwood's (the same where all weights are 1). `entries`: times above 0 at which people came under observation,
    with their weights. With late entries the estimate is of those who live to be seen; if the few at risk early all die it is 0 from there.
    """

    times: Array
    at_risk: Array
    events: Array
    robust: Array | None = None
    entries: tuple[Array, Array] | None = None
    survival: Array = field(init=False)
    standard_error: Array = field(init=False)

    def __post_init__(self) -> None:
        with np.errstate(divide="ignore", invalid="ignore"):
            survival = np.cumprod(1 - self.events / self.at_risk)
            spread = survival * np.sqrt(np.cumsum(self.events / (self.at_risk * (self.at_risk - self.events))))
        object.__setattr__(self, "survival", survival)
        object.__setattr__(self, "standard_error", spread if self.robust is None else self.robust)

    def survival_at(self, times: ArrayLike) -> Array:
        """Survival at any `times`: the step at or before each."""
        return np.concatenate([[1.0], self.survival])[np.searchsorted(self.times, snapped(times, self.times), side="right")]

    def at_risk_at(self, times: ArrayLike) -> Array:
        """People still at risk just before each of `times`: the number under a published curve."""
        when = snapped(times, self.times)
        following = np.searchsorted(self.times, when, side="left")
        found: Array = np.concatenate([self.at_risk, [0.0]])[following]
        if self.entries is None:
            return found
        entered, weights = self.entries
        ends = np.append(self.times, np.inf)[following]
        later = (entered >= when[..., None]) & (entered < ends[..., None])
        return np.where(following < len(self.times), found - (later * weights).sum(axis=-1), 0.0)

    def median(self, *, midpoint: bool = False) -> float:
        """Time at which half have had the event; inf if that is never reached.

        Where survival is flat at exactly one half (to 1.5e-8, as in R) any time of the step will do: the convention here is its beginning,
        the first time at which survival is at most one half. `midpoint` gives R's, the middle of the step: half-way to the next event, or
        the beginning where there is none.

        >>> steps = kaplan_meier([1, 2, 3, 4], [1, 1, 1, 1])
        >>> steps.median(), steps.median(midpoint=True)
        (2.0, 2.5)
        """
        reached = np.flatnonzero(self.survival <= 0.5 + TOLERANCE)
        if not len(reached):
            return math.inf
        first = reached[0]
        lower = np.flatnonzero(self.survival < self.survival[first])
        if midpoint and self.survival[first] >= 0.5 - TOLERANCE and len(lower):
            return float(self.times[first] + self.times[lower[0]]) / 2
        return float(self.times[first])


@one_blas_thread
def fit(
    times: ArrayLike,
    events: ArrayLike,
    family: str | Family,
    *,
    knots: int | Sequence[float] | None = None,
    entry: ArrayLike | None = None,
    weights: ArrayLike | None = None,
) -> Fit:
    """Fit `family` to individual data by maximum likelihood.

    `times` above 0, shape (row,); `events` 1 for the event, 0 for censored; `entry` times of left truncation, if any. `weights`: whole
    numbers are rows that are there so often, to the last digit; others multiply the log-likelihood of their row, and the covariance is then
    the sandwich A^-1 B A^-1 (A the information, B the sum of squared weighted scores), which `Fit.sandwich` says. `family` is a name that
    `families.family` knows. `knots` for splines: the number of internal knots (1 unless given), at equally spaced quantiles of the
    logarithm of the event times, boundaries at the first and last event; or the times of the internal knots. For piecewise_exponential:
    the number of breaks (1), at quantiles of the event times, or their times.
    Time is scaled to mean 1, several starts are tried (BFGS), and the best is polished by Newton steps with central differences of sixth
    order in coordinates of one standard error each, until a step is below a millionth of one.
    Raises InputError for data that cannot be fitted, an unknown family, parameters at a boundary and no convergence.

    >>> found = fit([1, 2, 3, 4], [1, 1, 1, 0], "exponential")
    >>> {name: round(value, 9) for name, value in found.estimates.items()}, round(found.standard_errors["rate"], 6)
    ({'rate': 0.3}, 0.57735)
    """
    return _fitted(_checked(times, events, entry, weights), family, knots)


@one_blas_thread
def fit_intervals(
    lower: ArrayLike,
    upper: ArrayLike,
    family: str | Family,
    *,
    knots: int | Sequence[float] | None = None,
    entry: ArrayLike | None = None,
    weights: ArrayLike | None = None,
) -> Fit:
    """Fit `family` to events of which is known only that they came after `lower` and by `upper`, as progression is seen at visits.

    Shapes (row,). `lower` 0: before the first look (left-censored); `upper` inf: not seen (right-censored); both equal: the time itself. An
    interval adds ln(S(lower) - S(upper)) to the log-likelihood. Those with an upper end count as events; default knots are placed by the
    middles of their intervals. All else as `fit` has it.

    >>> found = fit_intervals([1, 10, 100], [10, 100, 1000], "weibull")
    >>> round(found.estimates["scale"], 5), round(found.estimates["shape"], 6), round(found.log_likelihood, 7)
    (73.39314, 0.653056, -3.7152177)
    """
    return _fitted(_checked_intervals(lower, upper, entry, weights), family, knots)


def _fitted(data: _Data, family: str | Family, knots: int | Sequence[float] | None) -> Fit:
    """The fit to data that were checked."""
    known = _resolved(family, knots, data.event_times)
    if data.n_events < len(known.parameters):
        raise InputError(
            known.name,
            f"{data.n_events} events cannot give {len(known.parameters)} parameters",
            "Take a family with fewer, or more data",
        )
    near, shape = _near_the_top(known, data)
    top, root, log_likelihood = _polished(known, _log_likelihood(known, data), near, shape)
    estimates = tuple(float(value) for value in natural(known, top))
    families.cumulative_hazard(known, [1.0], estimates)  # refuses a spline that has its maximum where it is no survival curve
    return Fit(
        known,
        MappingProxyType(dict(zip(known.parameters, estimates, strict=True))),
        top,
        root @ root.T if data.weights is None else _sandwich(known, data, data.weights, top, root),
        log_likelihood,
        len(data.times),
        data.n_events,
        data.weights is not None,
    )


def _sandwich(known: Family, data: _Data, weights: Array, top: Array, root: Array) -> Array:
    """The sandwich covariance of a fit to `data`."""
    return _sandwich_of(_row_log_likelihoods(known, data), weights, top, root)


def _sandwich_of(rows: Callable[[Array], Array], weights: Array, top: Array, root: Array) -> Array:
    """A^-1 B A^-1 at the maximum, A^-1 = root root': in coordinates of the columns of root A is 1, and B is what remains."""
    scores = []
    for step in REACH * root.T:
        ahead = [rows(top + reach * step) - rows(top - reach * step) for reach in (1, 2, 3)]
        scores.append((45 * ahead[0] - 9 * ahead[1] + ahead[2]) / (60 * REACH))
    weighted = np.stack(scores) * weights
    return np.asarray(root @ (weighted @ weighted.T) @ root.T)


@dataclass(frozen=True)
class Parts:
    """Two arms that are fitted with one family: the family, and the data of the untreated and the treated."""

    known: Family
    arms: tuple[_Data, _Data]
    pooled: _Data

    @property
    def n(self) -> tuple[int, int]:
        """Rows of each arm."""
        return len(self.arms[0].times), len(self.arms[1].times)

    @property
    def n_events(self) -> tuple[int, int]:
        """Events of each arm."""
        return self.arms[0].n_events, self.arms[1].n_events

    @property
    def sandwich(self) -> bool:
        """Whether there are weights that are not whole numbers."""
        return self.pooled.weights is not None

    def maximum(self, shifts: Array) -> tuple[Array, Array, float]:
        """The maximum, its covariance and log-likelihood, of the parameters of the untreated arm and of effects, which `shifts`
        (parameter, effect) adds to those of the treated; on the estimation scale.
        """
        p, m = shifts.shape
        if min(self.n_events) < 1 or sum(self.n_events) < p + m:
            problem = f"{self.n_events[0]} and {self.n_events[1]} events cannot give {p + m} parameters"
            raise InputError(self.known.name, problem, "Take a family with fewer, or more data")
        near, root = _near_the_top(self.known, self.pooled)
        start = np.concatenate([near, np.zeros(m)])
        wide = np.zeros((p + m, p + m))
        wide[:p, :p], wide[p:, p:] = root, 2 / math.sqrt(sum(self.n_events)) * np.eye(m)
        heights = [_log_likelihood(self.known, data) for data in self.arms]

        def value(theta: Array) -> float:
            return heights[0](theta[:p]) + heights[1](theta[:p] + shifts @ theta[p:])

        top, found, height = _polished(self.known, value, start, wide)
        if self.pooled.weights is None:
            return top, found @ found.T, height
        rows = [_row_log_likelihoods(self.known, data) for data in self.arms]

        def by_row(theta: Array) -> Array:
            return np.concatenate([rows[0](theta[:p]), rows[1](theta[:p] + shifts @ theta[p:])])

        weights = np.concatenate([np.ones(0) if data.weights is None else data.weights for data in self.arms])
        return top, _sandwich_of(by_row, weights, top, found), height


def fit_parts(
    times: ArrayLike,
    events: ArrayLike,
    treated: ArrayLike,
    family: str,
    knots: int | Sequence[float] | None,
    entry: ArrayLike | None,
    weights: ArrayLike | None,
) -> Parts:
    """Two arms of checked data and the family to be fitted, its knots placed in both together."""
    pooled = _checked(times, events, entry, weights)
    arm = np.asarray(treated, dtype=np.float64)
    if arm.shape != np.shape(times) or not np.all((arm == 0) | (arm == 1)) or len(np.unique(arm)) < 2:
        raise InputError("treated", "it is not 0 in one arm and 1 in the other", "Give 1 or 0 for every row, and both")
    whole = weights is not None and pooled.weights is None
    given = None if weights is None else np.asarray(weights, dtype=np.float64)
    if given is not None:
        arm = np.repeat(arm, given.astype(np.intp) if whole else (given > 0).astype(np.intp))
    return Parts(_resolved(family, knots, pooled.event_times), (pooled.rows(arm == 0), pooled.rows(arm == 1)), pooled)


def compare_fits(fits: Sequence[Fit], *, horizon: float = math.inf, landmarks: Sequence[float] = ()) -> pd.DataFrame:
    """Table of `fits` to the same data, the best AIC first: estimates, log-likelihood, AIC, BIC, their weights, median, mean, landmarks.

    Weights are exp(-difference / 2) over their sum (Burnham and Anderson). `mean` is restricted to `horizon` where one is given;
    `landmarks` are times at which survival is shown. Raises InputError if the fits have different rows or events.

    >>> table = compare_fits([fit([1, 2, 3, 4], [1, 1, 1, 0], name) for name in ("exponential", "weibull")])
    >>> list(table["family"]), round(float(table["aic_weight"].sum()), 9)
    (['exponential', 'weibull'], 1.0)
    """
    if not fits:
        raise InputError("fits", "there are none", "Give at least one")
    if len({(one.n, one.n_events) for one in fits}) > 1:
        raise InputError("fits", "they are of different data", "Compare fits of the same rows and events")
    rows = []
    for one in fits:
        survival = np.exp(-one.cumulative_hazard(np.asarray(landmarks, dtype=np.float64)))
        rows.append(
            {
                "family": one.family.name,
                "estimates": ", ".join(f"{name} {value:.6g}" for name, value in one.estimates.items()),
                "parameters": len(one.names),
                "log_likelihood": one.log_likelihood,
                "aic": one.aic,
                "bic": one.bic,
                "median": one.median(),
                "mean" if math.isinf(horizon) else f"mean_to_{horizon:g}": one.mean(horizon),
            }
            | {f"survival_at_{time:g}": float(share) for time, share in zip(landmarks, survival, strict=True)}
        )
    table = pd.DataFrame(rows)
    for place, name in enumerate(("aic", "bic")):
        table.insert(6 + place, f"{name}_weight", information_weights(table[name].to_numpy()))
    return table.sort_values("aic", kind="stable", ignore_index=True)


def information_weights(criteria: ArrayLike) -> Array:
    """Weights exp(-(criterion - lowest) / 2), over their sum, for AICs or BICs of fits to the same data.

    >>> information_weights([100.0, 100.0])
    array([0.5, 0.5])
    """
    values = np.asarray(criteria, dtype=np.float64)
    raw = np.exp(-(values - values.min()) / 2)
    return np.asarray(raw / raw.sum())


def kaplan_meier(
    times: ArrayLike, events: ArrayLike, *, entry: ArrayLike | None = None, weights: ArrayLike | None = None
) -> KaplanMeier:
    """Kaplan-Meier estimate of survival from individual data: deaths before censorings where times are tied (`ties.tied`).

    Times may be 0: who dies on the day of entry is a step at 0. With `entry` (left truncation) people are at risk after they came under
    observation: at a time, those with entry < time <= their own. `weights` as in `fit`.

    >>> kaplan_meier([1, 2, 2, 3], [1, 1, 0, 0]).survival
    array([0.75, 0.5 , 0.5 ])
    >>> kaplan_meier([2, 3, 4], [1, 1, 0], entry=[0, 0, 2]).at_risk  # the third is seen from 2 on
    array([2., 2., 1.])
    """
    data = _checked(times, events, entry, weights, least_events=0, has_density=False)
    weight = np.ones(len(data.times)) if data.weights is None else data.weights
    distinct, place = np.unique(data.times, return_inverse=True)
    leaving: Array = np.bincount(place, weights=weight).astype(np.float64)
    deaths: Array = np.bincount(place, weights=data.died * weight).astype(np.float64)
    at_risk: Array = leaving.sum() - np.cumsum(leaving) + leaving
    if data.entry is None:
        return KaplanMeier(distinct, at_risk, deaths, _robust_error(data, distinct, at_risk, deaths))
    order = np.argsort(data.entry, kind="stable")
    so_far = np.concatenate([[0.0], np.cumsum(weight[order])])
    at_risk -= so_far[-1] - so_far[np.searchsorted(data.entry[order], distinct, side="left")]
    late = data.entry > 0
    return KaplanMeier(
        distinct, at_risk, deaths, _robust_error(data, distinct, at_risk, deaths), (data.entry[late], weight[late])
    )


def turnbull(lower: ArrayLike, upper: ArrayLike, *, weights: ArrayLike | None = None) -> Turnbull:
    """Turnbull's estimate of survival, the highest likelihood of any curve, for events after `lower` and by `upper` (as `fit_intervals`).

    With times that are known or right-censored it is the Kaplan-Meier estimate. Left truncation is not taken.

    >>> found = turnbull([0, 1, 3], [2, 3, 4])
    >>> found.left, found.right, found.mass.round(9)
    (array([1., 3.]), array([2., 4.]), array([0.66666667, 0.33333333]))
    """
    data = _checked_intervals(lower, upper, None, weights, least_events=0, has_density=False)
    return estimated(data.lower, data.upper, np.ones(len(data.lower)) if data.weights is None else data.weights)


def _robust_error(data: _Data, distinct: Array, at_risk: Array, deaths: Array) -> Array | None:
    """Sandwich (infinitesimal jackknife) standard error of survival at `distinct` times, for weights that are not whole numbers.

    The derivative of ln S(t) by the weight of row i is -sum over times to t of (dN_i - Y_i d/n) / (n - d), n at risk and d deaths.
    """
    if data.weights is None:
        return None
    influence, found = np.zeros(len(data.times)), []
    survival = 1.0
    for time, n, d in zip(distinct, at_risk, deaths, strict=True):
        here = data.times >= time if data.entry is None else (data.times >= time) & (data.entry < time)
        with np.errstate(divide="ignore", invalid="ignore"):
            influence -= ((data.died * (data.times == time)) - here * (d / n)) / (n - d)
            survival *= 1 - d / n
        found.append(survival * math.sqrt(((data.weights * influence) ** 2).sum()))
    return np.array(found)


def fitted_against_observed(fitted: Fit, observed: KaplanMeier | Turnbull, times: Sequence[float]) -> pd.DataFrame:
    """Table of survival at `times`: at risk, observed (Kaplan-Meier) with its standard error, fitted, and fitted less observed.

    Beside Turnbull's estimate, which between its intervals is known and within them is not: observed, and the lowest and highest it can be.
    """
    when = np.asarray(times, dtype=np.float64)
    modelled = np.exp(-fitted.cumulative_hazard(when))
    if isinstance(observed, Turnbull):
        low, high = observed.bounds_at(when)
        seen = observed.survival_at(when)
        columns = {"time": when, "observed": seen, "observed_low": low, "observed_high": high}
        return pd.DataFrame(columns | {"fitted": modelled, "difference": modelled - seen})
    seen = observed.survival_at(when)
    places = np.searchsorted(observed.times, snapped(when, observed.times), side="right")
    spread = np.concatenate([[0.0], observed.standard_error])[places]
    return pd.DataFrame(
        {
            "time": when,
            "at_risk": observed.at_risk_at(when),
            "observed": seen,
            "standard_error": spread,
            "fitted": modelled,
            "difference": modelled - seen,
        }
    )


def smoothed_hazard(
    times: ArrayLike,
    events: ArrayLike,
    at: ArrayLike,
    *,
    bandwidth: float | None = None,
    entry: ArrayLike | None = None,
    weights: ArrayLike | None = None,
) -> Array:
    """Hazard at the times `at`, smoothed: Nelson-Aalen steps under Epanechnikov's kernel, with its boundary kernels at either end.

    `bandwidth` (time units) is, unless given, the last event time over 2 d^0.2, d the number of events. Ends:
    from 0 to the bandwidth, and within one of the last event, the asymmetric kernels of Gasser and Mueller that keep a straight hazard
    straight (Klein and Moeschberger 2003, section 6.2). NaN beyond the last event. `entry`, `weights` as in `kaplan_meier`.
    """
    observed = kaplan_meier(times, events, entry=entry, weights=weights)
    dying = observed.events > 0
    if not np.any(dying):
        raise InputError("events", "there are none", "A hazard needs events")
    places, steps = observed.times[dying], (observed.events / observed.at_risk)[dying]
    last = places[-1]
    width = last / (2 * observed.events.sum() ** 0.2) if bandwidth is None else bandwidth
    if not 0 < width <= last / 2:
        raise InputError("bandwidth", f"{width:g} is not between 0 and half of the last event time", f"Give at most {last / 2:g}")
    when = np.asarray(at, dtype=np.float64)[:, None]
    x = (when - places) / width
    room_before, room_after = np.minimum(when / width, 1.0), np.minimum((last - when) / width, 1.0)
    q = np.minimum(room_before, room_after)
    x = np.where(room_after < room_before, -x, x)
    weight = np.where((x >= -1) & (x <= q), _boundary_kernel(x, q), 0.0)
    result = (weight * steps).sum(axis=1) / width
    return np.where((when[:, 0] <= last) & (when[:, 0] >= 0), result, np.nan)


def _boundary_kernel(x: Array, q: Array) -> Array:
    """Epanechnikov's kernel on [-1, q], of mass 1 and mean 0; q = 1 is the usual one."""
    scale = (1 + q) ** 4 * (19 - 18 * q + 3 * q**2)
    level = 64 * (2 - 4 * q + 6 * q**2 - 3 * q**3) / scale
    lean = 240 * (1 - q) ** 2 / scale
    return 0.75 * (1 - x**2) * (level + lean * x)


@dataclass(frozen=True)
class _Data:
    """Individual data, in the order given: events after `lower` and by `upper`, which are equal where the time is known, and `upper`
    infinite where the event was not seen; entry times and weights, or None.
    """

    lower: Array
    upper: Array
    entry: Array | None
    weights: Array | None = None

    @property
    def exact(self) -> NDArray[np.bool_]:
        """Whether the time of the event is known, (row,)."""
        return np.asarray(self.lower == self.upper)

    @property
    def between(self) -> NDArray[np.bool_]:
        """Whether the event is known to lie in an interval, (row,)."""
        return np.isfinite(self.upper) & ~self.exact

    @property
    def died(self) -> Array:
        """1.0 for the event, 0.0 for censored."""
        return np.isfinite(self.upper).astype(np.float64)

    @property
    def times(self) -> Array:
        """Time of the event (of an interval its middle) or of the censoring."""
        return np.where(self.between, (self.lower + np.where(self.between, self.upper, 0.0)) / 2, self.lower)

    @property
    def event_times(self) -> Array:
        """Times of the events."""
        result: Array = self.times[self.died == 1]
        return result

    @property
    def n_events(self) -> int:
        """Number of events."""
        return int(self.died.sum())

    def over(self, factor: float) -> _Data:
        """The same with times divided by `factor`."""
        entry = None if self.entry is None else self.entry / factor
        return _Data(self.lower / factor, self.upper / factor, entry, self.weights)

    def rows(self, which: NDArray[np.bool_]) -> _Data:
        """Some of the rows."""
        entry, weights = (None if x is None else x[which] for x in (self.entry, self.weights))
        return _Data(self.lower[which], self.upper[which], entry, weights)

    def weighted(self) -> _Data:
        """The same with rows repeated as often as their weights say, where these are whole numbers; rows of weight 0 are left out."""
        if self.weights is None:
            return self
        whole = bool(np.all(self.weights == np.round(self.weights)))
        times = self.weights.astype(np.intp) if whole else (self.weights > 0).astype(np.intp)
        entry = None if self.entry is None else np.repeat(self.entry, times)
        weights = None if whole else self.weights[self.weights > 0]
        return _Data(np.repeat(self.lower, times), np.repeat(self.upper, times), entry, weights)


MOST_ROWS = 10_000_000  # that whole weights may stand for


def _checked(
    times: ArrayLike,
    events: ArrayLike,
    entry: ArrayLike | None,
    weights: ArrayLike | None = None,
    *,
    least_events: int = 1,
    has_density: bool = True,
) -> _Data:
    """Data that can be fitted, or all that is wrong with them. `has_density`: a time of 0 has none, and is refused where one is needed."""
    when, died = np.asarray(times, dtype=np.float64), np.asarray(events, dtype=np.float64)
    faults = []
    if when.ndim != 1 or when.shape != died.shape:
        raise InputError("times and events", f"their shapes are {when.shape} and {died.shape}", "Give one of each for every row")
    if not len(when):
        raise InputError("times", "there are none", "Give a row for every person")
    if np.any(~np.isfinite(when)):
        faults.append(Fault(_row("times", ~np.isfinite(when)), "not a number", "Leave out or mend rows without a time"))
    elif np.any(when < 0):
        faults.append(Fault(_row("times", when < 0), f"{when[when < 0][0]:g} is below 0", "Give the time since entry"))
    elif has_density and np.any(when == 0):
        faults.append(_of_zeros("times", when == 0))
    start, weight, more = _besides(when, entry, weights)
    if not np.all((died == 0) | (died == 1)):
        bad = (died != 0) & (died != 1)
        faults.append(
            Fault(_row("events", bad), f"{died[bad][0]:g} is neither 0 nor 1", "Give 1 for the event and 0 for censored")
        )
    elif (died if weight is None or more else died[weight > 0]).sum() < least_events:
        faults.append(Fault("events", "there are none", "A curve cannot be fitted without an event: 1 marks one, 0 a censoring"))
    if start is not None and start.shape == when.shape and not np.all((start >= 0) & (start < when)):
        faults.append(
            Fault(_row("entry", ~((start >= 0) & (start < when))), "not from 0 to before the time", "Enter before leaving")
        )
    if faults + more:
        raise InputError.together(faults + more)
    if start is not None:
        both = tied(np.concatenate([when, start]))
        when, start = both[: len(when)], both[len(when) :]
    else:
        when = tied(when)
    return _Data(when, np.where(died == 1, when, np.inf), start, weight).weighted()


def _checked_intervals(
    lower: ArrayLike,
    upper: ArrayLike,
    entry: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    *,
    least_events: int = 1,
    has_density: bool = True,
) -> _Data:
    """Intervals that can be fitted, or all that is wrong with them."""
    low, high = np.asarray(lower, dtype=np.float64), np.asarray(upper, dtype=np.float64)
    if low.ndim != 1 or low.shape != high.shape:
        raise InputError("lower and upper", f"their shapes are {low.shape} and {high.shape}", "Give one of each for every row")
    if not len(low):
        raise InputError("lower", "there are none", "Give a row for every person")
    faults = []
    wrong = ~np.isfinite(low) | np.isnan(high)
    if np.any(wrong):
        remedy = "Give 0 for lower where nothing is known before, inf for upper where no event was seen"
        faults.append(Fault(_row("lower and upper", wrong), "not numbers", remedy))
    elif np.any(low < 0):
        faults.append(Fault(_row("lower", low < 0), f"{low[low < 0][0]:g} is below 0", "Give times since entry"))
    elif np.any(high < low):
        k = int(np.flatnonzero(high < low)[0])
        faults.append(Fault(_row("upper", high < low), f"{high[k]:g} is before {low[k]:g}", "Give the later time as upper"))
    elif has_density and np.any(high == 0):
        faults.append(_of_zeros("lower and upper", high == 0))
    start, weight, more = _besides(low, entry, weights)
    seen = np.isfinite(high) if weight is None or more else np.isfinite(high) & (weight > 0)
    if not faults and seen.sum() < least_events:
        faults.append(Fault("upper", "no event was seen", "A curve cannot be fitted without an event: upper is finite for one"))
    if start is not None and start.shape == low.shape:
        late = ~((start >= 0) & (start < high) & ((start <= low) | (low < high)))
        if np.any(late):
            faults.append(Fault(_row("entry", late), "not from 0 to before the event", "Enter before the event"))
    if faults + more:
        raise InputError.together(faults + more)
    ends = tied(np.concatenate([low, np.where(np.isfinite(high), high, low), low if start is None else start]))
    n = len(low)
    high = np.where(np.isfinite(high), ends[n : 2 * n], np.inf)
    low = ends[:n]
    if start is not None:
        start = ends[2 * n :]
        low = np.maximum(low, start)  # who was seen to enter had not had the event
    return _Data(low, high, start, weight).weighted()


def _of_zeros(where: str, zero: NDArray[np.bool_]) -> Fault:
    problem = f"0 is not above 0, so has no density ({int(zero.sum())} of {len(zero)} rows)"
    return Fault(_row(where, zero), problem, "Give these rows half a day, or leave them out")


def _besides(when: Array, entry: ArrayLike | None, weights: ArrayLike | None) -> tuple[Array | None, Array | None, list[Fault]]:
    """Entry times and weights as arrays, and what is wrong with their shapes, or with the weights."""
    start = None if entry is None else np.asarray(entry, dtype=np.float64)
    weight = None if weights is None else np.asarray(weights, dtype=np.float64)
    faults = [
        Fault(name, f"its shape is {given.shape}", f"Give {when.shape}, as the times")
        for name, given in (("entry", start), ("weights", weight))
        if given is not None and given.shape != when.shape
    ]
    if weight is not None and weight.shape == when.shape:
        bad = ~(np.isfinite(weight) & (weight >= 0))
        if np.any(bad):
            faults.append(Fault(_row("weights", bad), f"{weight[bad][0]:g} is not a weight", "Give a number from 0"))
        elif not weight.sum() > 0:
            faults.append(Fault("weights", "all are 0", "Give a weight above 0 to the rows that count"))
        elif weight.sum() > MOST_ROWS:
            faults.append(Fault("weights", f"they add up to {weight.sum():,.0f} people", f"Give at most {MOST_ROWS:,} in all"))
    return start, weight, faults


def _row(name: str, wrong: NDArray[np.bool_]) -> str:
    return f"{name}, row {int(np.flatnonzero(wrong)[0]) + 1}"


def _resolved(family: str | Family, knots: int | Sequence[float] | None, event_times: Array) -> Family:
    """The family, with knots placed in the data."""
    if isinstance(family, Family):
        return family
    base = family.removesuffix(CURE)
    if not base.startswith("spline_") and base != PIECEWISE:
        if knots is not None and base in families.family_names():
            raise InputError("knots", f"{family} has none", "Leave them out")
        return families.family(family)
    if base not in families.family_names():
        return families.family(family)
    places = 1 if knots is None else knots
    if isinstance(places, int):
        if not 0 <= places <= 10 or (base == PIECEWISE and places == 0):
            raise InputError("knots", f"{places} will not do", "Give 1 to 10, or their times (splines: 0 too)")
        inside = np.exp(np.quantile(np.log(event_times), np.arange(1, places + 1) / (places + 1)))
    else:
        inside = np.asarray(places, dtype=np.float64)
    if base == PIECEWISE:  # a death on a break belongs to the interval before it, whatever its last digit
        return families.family(family, knots=snapped(inside, event_times).tolist())
    return families.family(family, knots=[float(event_times.min()), *inside.tolist(), float(event_times.max())])


def _log_likelihood(known: Family, data: _Data) -> Callable[[Array], float]:
    """Log-likelihood as a function of the parameters on the estimation scale; -inf where they are no survival curve."""
    if data.weights is not None:
        rows, weights = _row_log_likelihoods(known, data), data.weights

        def weighted(theta: Array) -> float:
            total = (weights * rows(theta)).sum()
            return float(total) if np.isfinite(total) else -math.inf

        return weighted
    deaths = data.lower[data.exact]
    between = data.between
    low, high = data.lower[between], data.upper[between]

    def value(theta: Array) -> float:
        with np.errstate(all="ignore"):
            parameters = natural(known, theta)
            total = known.log_hazard(deaths, *parameters).sum() - known.cumulative_hazard(data.lower, *parameters).sum()
            if len(high):
                passed = known.cumulative_hazard(high, *parameters) - known.cumulative_hazard(low, *parameters)
                total += np.log(-np.expm1(-passed)).sum()
            if data.entry is not None:
                total += known.cumulative_hazard(data.entry, *parameters).sum()
        return float(total) if np.isfinite(total) else -math.inf

    return value


def _row_log_likelihoods(known: Family, data: _Data) -> Callable[[Array], Array]:
    """Log-likelihood of each row, without its weight, as a function of the parameters on the estimation scale."""
    exact, between = data.exact, data.between

    def values(theta: Array) -> Array:
        with np.errstate(all="ignore"):
            parameters = natural(known, theta)
            before = known.cumulative_hazard(data.lower, *parameters)
            found: Array = -before
            found[exact] += known.log_hazard(data.lower[exact], *parameters)
            passed = known.cumulative_hazard(data.upper[between], *parameters) - before[between]
            found[between] += np.log(-np.expm1(-passed))
            if data.entry is not None:
                found = found + known.cumulative_hazard(data.entry, *parameters)
        return found

    return values


def _near_the_top(known: Family, data: _Data) -> tuple[Array, Array]:
    """Estimates near the maximum and a rough root of their covariance (estimation scale, units of the data).

    Found with time scaled to mean 1; the root is carried back by central differences of the change of units.
    """
    unit = float(data.times.mean())
    scaled = known if known.in_units is None else known.in_units(unit)
    value = _log_likelihood(scaled, data.over(unit))

    def loss(theta: Array) -> float:
        found = -value(theta)
        return found if math.isfinite(found) else 1e100

    best, lowest = None, math.inf
    for start in _starts(scaled, data.over(unit)):
        if not math.isfinite(value(start)):
            continue
        with np.errstate(all="ignore"):
            found = optimize.minimize(loss, start, method="BFGS", options={"gtol": 1e-2})
        if found.fun < lowest - 1e-6:
            best, lowest = found.x, float(found.fun)
    if best is None:
        raise InputError(known.name, "no start of the search fits these data at all", "Check the units and the coding of events")
    _check_bounds(scaled, best)
    _, bend = _derivatives(value, best, 1e-2 * np.eye(len(best)))
    root = 1e-2 * _root(bend)

    def back(theta: Array) -> Array:
        return np.stack(transformed(known, known.per_unit(unit, *natural(scaled, theta))))

    columns = [(back(best + step) - back(best - step)) / 2 for step in 1e-3 * root.T]
    return back(best), 1e3 * np.stack(columns, axis=1)


def _polished(known: Family, value: Callable[[Array], float], near: Array, root: Array) -> tuple[Array, Array, float]:
    """The maximum, a root of the covariance there (columns), and the log-likelihood.

    Newton steps in coordinates in which the curvature is nearly 1, where central differences are at their best.
    """
    theta, height = near, value(near)
    for _ in range(60):
        slope, bend = _derivatives(value, theta, REACH * root)
        if not (np.all(np.isfinite(slope)) and np.all(np.isfinite(bend))):
            raise _at_boundary(known)
        scale = _root(bend)
        step = REACH * root @ (scale @ (scale.T @ slope))
        length = float(np.sqrt(((scale.T @ slope) ** 2).sum()))
        fraction = 1.0
        while value(theta + fraction * step) < height - 1e-9 and fraction > 1e-6:
            fraction /= 2
        theta = theta + fraction * step
        height = value(theta)
        root = REACH * root @ scale
        if length < 1e-9 or (length < 1e-6 and fraction < 1):
            break
    if not length < 1e-6:
        for name, kind, at in zip(known.parameters, known.scales, theta, strict=False):  # effects of treatment may follow
            if kind == "logit" and abs(at) > NEAR_LOGIT:
                raise _at_boundary(known, name)
        raise InputError(
            known.name,
            f"the fit did not converge: the last Newton step was {length:.1g} standard errors",
            "Take a simpler family, or check the data for a few rows that dominate",
        )
    _, bend = _derivatives(value, theta, REACH * root)
    if not np.all(np.isfinite(bend)) or np.any(np.linalg.eigvalsh(bend) >= 0):
        raise _at_boundary(known)
    return theta, REACH * root @ np.linalg.inv(np.linalg.cholesky(-bend)).T, height


def _derivatives(value: Callable[[Array], float], theta: Array, steps: Array) -> tuple[Array, Array]:
    """Slopes and second derivatives of `value` in coordinates of one column of `steps` each, by central differences of sixth order."""
    here = value(theta)
    n = len(theta)

    def along(direction: Array) -> tuple[float, float]:
        up = [value(theta + reach * direction) for reach in (1, 2, 3)]
        down = [value(theta - reach * direction) for reach in (1, 2, 3)]
        odd = [a - b for a, b in zip(up, down, strict=True)]
        even = [(a - here) + (b - here) for a, b in zip(up, down, strict=True)]
        return (45 * odd[0] - 9 * odd[1] + odd[2]) / 60, (270 * even[0] - 27 * even[1] + 2 * even[2]) / 180

    slope, bend = np.empty(n), np.empty((n, n))
    with np.errstate(invalid="ignore"):
        for i in range(n):
            slope[i], bend[i, i] = along(steps[:, i])
        for i in range(n):
            for j in range(i):
                both = along((steps[:, i] + steps[:, j]) / math.sqrt(2))[1]
                bend[i, j] = bend[j, i] = both - (bend[i, i] + bend[j, j]) / 2
    return slope, bend


def _root(bend: Array) -> Array:
    """Root of the inverse of -bend; directions that curve the wrong way or hardly at all are taken as if they curved a little."""
    if not np.all(np.isfinite(bend)):
        return np.eye(len(bend))
    values, vectors = np.linalg.eigh(-bend)
    return np.asarray(vectors / np.sqrt(np.maximum(np.abs(values), 1e-9 * np.abs(values).max() + 1e-12)))


def _check_bounds(scaled: Family, theta: Array) -> None:
    far = {"log": FAR_LOG, "logit": FAR_LOGIT, "identity": FAR}
    for name, scale, value in zip(scaled.parameters, scaled.scales, theta, strict=True):
        if not abs(value) < far[scale]:
            raise _at_boundary(scaled, name)


def _at_boundary(known: Family, parameter: str | None = None) -> InputError:
    which = "the parameters lie" if parameter is None else f"{parameter} lies"
    return InputError(
        known.name,
        f"{which} at a boundary or cannot be told from the data: there is no covariance",
        "Take a family with fewer parameters (no cured share, fewer knots or breaks), or more data",
    )


def _starts(known: Family, data: _Data) -> list[Array]:
    """Starts of the search, on the estimation scale, time having mean 1."""
    if known.name.endswith(CURE):
        base = _base_of_cure(known)
        plateau = float(kaplan_meier(data.times, data.died).survival[-1])
        shares = {0.1, 0.4, min(max(plateau, 0.02), 0.95)}
        return [np.array([math.log(s / (1 - s)), *start]) for s in sorted(shares) for start in _starts(base, data)]
    exposure = data.times.sum() - (0.0 if data.entry is None else data.entry.sum())
    rate = math.log(data.n_events / exposure)
    logs = np.log(data.event_times)
    centre, spread = float(logs.mean()), math.log(max(float(logs.std()), 0.05))
    if known.name.startswith("spline_"):
        return [_spline_start(known, data)]
    if known.name == PIECEWISE:
        return [np.full(len(known.parameters), rate)]
    assert known.starts is not None
    return [np.array(start) for start in known.starts(rate, centre, spread)]


def _base_of_cure(known: Family) -> Family:
    name = known.name.removesuffix(CURE)
    return families.family(name, knots=known.knots or None)


def _spline_start(known: Family, data: _Data) -> Array:
    """Straight line in ln t (no bends), by least squares through the Kaplan-Meier estimate on the spline's scale."""
    observed = kaplan_meier(data.times, data.died)
    use = (observed.events > 0) & (observed.survival > 0)
    target = -np.log(observed.survival[use])
    x = np.log(observed.times[use])
    if known.name == "spline_odds":
        target = np.expm1(target)
    line = np.log(target)
    slope, level = np.polyfit(x, line, 1) if len(x) > 1 else (1.0, float(line.mean()))
    factor = 0.6 if known.name == "spline_normal" else 1.0  # logits are about 1.7 normal quantiles
    return np.array([factor * level, factor * max(slope, 0.1), *[0.0] * (len(known.parameters) - 2)])
