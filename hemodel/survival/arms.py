"""Two arms fitted at once: the effect of treatment on one family of curves, and whether hazards are proportional at all.

As flexsurv has it: the treatment shifts the location of the family, on the estimation scale, or every parameter. By family that is
proportional hazards, accelerated time or proportional odds (`EFFECTS`), and the joint covariance says how sure both arms are together.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import special

from hemodel.errors import InputError, nearest
from hemodel.survival import families
from hemodel.survival.crossover import cox_hazard_ratio
from hemodel.survival.families import PIECEWISE, Array, Family, natural
from hemodel.survival.fitting import Fit, fit_parts, kaplan_meier
from hemodel.survival.ties import tied
from hemodel.threads import one_blas_thread

EFFECTS: Mapping[str, tuple[str, float, str]] = MappingProxyType(
    {
        "exponential": ("rate", 1.0, "hazard ratio"),
        "weibull": ("scale", 1.0, "time ratio"),
        "weibull_ph": ("scale", 1.0, "hazard ratio"),
        "gompertz": ("rate", 1.0, "hazard ratio"),
        "log_logistic": ("scale", 1.0, "time ratio"),
        "log_normal": ("meanlog", 1.0, "time ratio"),
        "gamma": ("rate", -1.0, "time ratio"),
        "generalised_gamma": ("mu", 1.0, "time ratio"),
        "spline_hazard": ("gamma0", 1.0, "hazard ratio"),
        "spline_odds": ("gamma0", 1.0, "odds ratio"),
        PIECEWISE: ("", 1.0, "hazard ratio"),  # every rate alike
    }
)
"""Family -> the parameter that treatment shifts, the sign of the shift on its estimation scale, and what e^effect is the ratio of."""
_Z_95 = 1.959963984540054  # 97.5th percentile of a standard normal
TRANSFORMS = ("km", "identity", "log", "rank")


@dataclass(frozen=True)
class Ratio:
    """A ratio of the treated arm over the other, with its 95 % interval, normal on the logarithm."""

    value: float
    low: float
    high: float
    log_standard_error: float


@dataclass(frozen=True)
class ArmsFit:
    """One family fitted to two arms at once.

    `names`: parameters of the untreated arm, then the effects; `estimates` of both on the estimation scale with their joint `covariance`.
    An effect is added to the estimation scale of its parameter in the treated arm; `shifts`, (parameter, effect), says which.
    """

    family: Family
    names: tuple[str, ...]
    estimates: Array
    covariance: Array
    shifts: Array
    log_likelihood: float
    n: tuple[int, int]
    n_events: tuple[int, int]
    sandwich: bool

    @property
    def aic(self) -> float:
        """Akaike's information criterion, 2p - 2 log-likelihood."""
        return 2 * len(self.names) - 2 * self.log_likelihood

    @property
    def bic(self) -> float:
        """Bayesian information criterion, p ln(n) - 2 log-likelihood, n the rows of both arms."""
        return len(self.names) * math.log(sum(self.n)) - 2 * self.log_likelihood

    @property
    def of_arms(self) -> Array:
        """Matrix from `estimates` to the parameters of the untreated and then the treated arm, (2 parameters, name)."""
        own = np.eye(len(self.family.parameters))
        return np.block([[own, np.zeros_like(self.shifts)], [own, self.shifts]])

    def arm(self, treated: bool) -> Fit:
        """The curve of one arm, with the covariance of its own parameters; its log-likelihood is that of both arms."""
        k, p = int(treated), len(self.family.parameters)
        rows = self.of_arms[k * p : (k + 1) * p]
        top = rows @ self.estimates
        values = (float(value) for value in natural(self.family, top))
        known = MappingProxyType(dict(zip(self.family.parameters, values, strict=True)))
        spread = rows @ self.covariance @ rows.T
        return Fit(self.family, known, top, spread, self.log_likelihood, self.n[k], self.n_events[k], self.sandwich)

    @property
    def hazard_ratio(self) -> Ratio | None:
        """Hazard ratio where hazards are proportional, so that it is one number; of Weibull and exponential curves always."""
        return self._ratio("hazard ratio")

    @property
    def time_ratio(self) -> Ratio | None:
        """Ratio of the times at which any share has had the event, where it is one number; of Weibull and exponential curves always."""
        return self._ratio("time ratio")

    @property
    def odds_ratio(self) -> Ratio | None:
        """Ratio of the odds of having had the event, where it is one number: of odds splines."""
        return self._ratio("odds ratio")

    def _ratio(self, kind: str) -> Ratio | None:
        if len(self.names) != len(self.family.parameters) + 1:
            return None
        own = EFFECTS[self.family.name][2]
        effect, slope = float(self.estimates[-1]), np.zeros(len(self.names))
        slope[-1] = 1.0
        if kind != own:  # by the shape a: ln HR = -a ln TR
            if {kind, own} != {"hazard ratio", "time ratio"} or self.family.name not in ("exponential", "weibull", "weibull_ph"):
                return None
            shape = 1.0 if self.family.name == "exponential" else math.exp(float(self.estimates[0]))
            factor = -shape if own == "time ratio" else -1.0 / shape
            slope[-1] = factor
            if self.family.name != "exponential":  # the slope by ln a
                slope[0] = factor * effect * (1.0 if own == "time ratio" else -1.0)
            effect *= factor
        error = math.sqrt(float(slope @ self.covariance @ slope))
        low, high = (math.exp(effect + sign * _Z_95 * error) for sign in (-1, 1))
        return Ratio(math.exp(effect), low, high, error)


@one_blas_thread
def fit_arms(
    times: ArrayLike,
    events: ArrayLike,
    treated: ArrayLike,
    family: str,
    *,
    effect: str = "location",
    knots: int | None = None,
    entry: ArrayLike | None = None,
    weights: ArrayLike | None = None,
) -> ArmsFit:
    """Fit `family` to two arms at once by maximum likelihood; `treated` is 1 or 0, (row,), all else as `survival.fit` has it.

    `effect`: "location" (one effect, of the kind that `EFFECTS` names) or "all" (one on every parameter: a fit to each arm with the same
    knots). Default knots are those of both arms together.

    >>> found = fit_arms([1, 2, 3, 4, 6, 8], [1, 1, 1, 1, 1, 0], [0, 0, 0, 1, 1, 1], "exponential")
    >>> round(found.hazard_ratio.value, 9) == round((2 / 18) / (3 / 6), 9)
    True
    """
    if family not in EFFECTS:
        raise InputError("family", f"{family!r} has no effect of treatment here", nearest(family, EFFECTS))
    if effect not in ("location", "all"):
        raise InputError(f"effect {effect!r}", "it is not one that can be fitted", "Give location or all")
    both = fit_parts(times, events, treated, family, knots, entry, weights)
    p = len(both.known.parameters)
    if effect == "all":
        shifts = np.eye(p)
        names = tuple(f"{name}_effect" for name in both.known.parameters)
    else:
        place, sign, _ = EFFECTS[family]
        shifts = np.array([[sign if name == place or not place else 0.0] for name in both.known.parameters])
        names = ("effect",)
    top, covariance, height = both.maximum(shifts)
    for rows in (top[:p], top[:p] + shifts @ top[p:]):
        families.cumulative_hazard(both.known, [1.0], [float(value) for value in natural(both.known, rows)])
    return ArmsFit(
        both.known, (*both.known.parameters, *names), top, covariance, shifts, height, both.n, both.n_events, both.sandwich
    )


@dataclass(frozen=True)
class ProportionalHazards:
    """Test of whether the hazard ratio changes with time, by Schoenfeld's residuals (Grambsch and Therneau 1994, as a score test).

    `chi_squared` on one degree of freedom, `hazard_ratio` Cox's, and `residuals`: one row a time of death: deaths, the residual (share of
    those who die that is treated, less the one expected) and the scaled one, whose smooth is the log hazard ratio over time.
    """

    chi_squared: float
    p_value: float
    hazard_ratio: float
    transform: str
    residuals: pd.DataFrame


def proportional_hazards_test(
    times: ArrayLike, events: ArrayLike, treated: ArrayLike, *, transform: str = "km"
) -> ProportionalHazards:
    """Score test of a hazard ratio that changes with g(t) beside one that does not, as R's cox.zph since survival 3.0.

    `transform` g: "km", 1 - S(t) just before t of both arms together (R's default); "identity"; "log"; "rank" of the times of death. Ties
    by Breslow's way. With p the share of the hazard at risk that is treated, U = sum g (d1 - d p) has the variance
    sum g^2 v - (sum g v)^2 / sum v, v = d p (1 - p).
    """
    if transform not in TRANSFORMS:
        raise InputError(f"transform {transform!r}", "it is not a transform of time", nearest(transform, TRANSFORMS))
    when, died, arm = tied(times), np.asarray(events, dtype=np.float64), np.asarray(treated, dtype=np.float64)
    steps = kaplan_meier(when, died)  # refuses what is wrong with times and events
    ratio = cox_hazard_ratio(when, died, arm)
    dying = steps.events > 0
    at, deaths = steps.times[dying], steps.events[dying]
    deaths_1 = np.array([(died[when == t] * arm[when == t]).sum() for t in at])
    n, n_1 = steps.at_risk[dying], np.array([arm[when >= t].sum() for t in at])
    share = ratio * n_1 / (ratio * n_1 + n - n_1)
    spread = deaths * share * (1 - share)
    before = np.concatenate([[1.0], steps.survival[:-1]])[dying]
    if transform == "log" and at[0] <= 0:
        raise InputError("times", "some die at 0, which has no logarithm", "Take another transform")
    g = {"km": 1 - before, "identity": at, "rank": np.cumsum(deaths) - (deaths - 1) / 2}.get(transform)
    g = np.log(at) if g is None else g
    g = g - (spread * g).sum() / spread.sum()  # centred: the same number, without cancellation
    variance = float((g * g * spread).sum())
    if not variance > 0:
        raise InputError(
            "events", "a change with time cannot be told from them", "Give deaths at more times with both arms at risk"
        )
    chi_squared = float((g * (deaths_1 - deaths * share)).sum()) ** 2 / variance
    residual = deaths_1 / deaths - share
    scaled = math.log(ratio) + residual * deaths.sum() / spread.sum()
    frame = pd.DataFrame({"time": at, "deaths": deaths, "residual": residual, "scaled_residual": scaled})
    return ProportionalHazards(chi_squared, float(special.chdtrc(1, chi_squared)), ratio, transform, frame)


def log_cumulative_hazards(times: ArrayLike, events: ArrayLike, treated: ArrayLike) -> pd.DataFrame:
    """ln(-ln S) of Kaplan-Meier by ln time in each arm, (arm, time, log_time, log_cumulative_hazard): parallel if hazards are proportional,
    straight if Weibull.
    """
    frames = []
    for k, (when, died) in enumerate(_by_arm(times, events, treated)):
        steps = kaplan_meier(when, died)
        use = (steps.events > 0) & (steps.survival > 0) & (steps.survival < 1) & (steps.times > 0)
        height = np.log(-np.log(steps.survival[use]))
        at = steps.times[use]
        frames.append(pd.DataFrame({"arm": k, "time": at, "log_time": np.log(at), "log_cumulative_hazard": height}))
    return pd.concat(frames, ignore_index=True)


def quantiles_of_arms(times: ArrayLike, events: ArrayLike, treated: ArrayLike, *, places: int = 19) -> pd.DataFrame:
    """Times by which the same share has had the event in both arms, for a quantile-quantile picture: a straight line through 0 if treatment
    stretches time, its slope the time ratio. Shares are `places` equal steps, as far as both curves reach.
    """
    steps = [kaplan_meier(when, died) for when, died in _by_arm(times, events, treated)]
    shares = np.arange(1, places + 1) / (places + 1)
    shares = shares[shares <= min(1 - curve.survival[-1] for curve in steps) + 1e-12]
    found = [np.array([curve.times[np.flatnonzero(1 - curve.survival >= q - 1e-12)[0]] for q in shares]) for curve in steps]
    return pd.DataFrame({"share": shares, "untreated": found[0], "treated": found[1]})


def _by_arm(times: ArrayLike, events: ArrayLike, treated: ArrayLike) -> list[tuple[Array, Array]]:
    when, died, arm = (np.asarray(x, dtype=np.float64) for x in (times, events, treated))
    kaplan_meier(when, died)  # refuses what is wrong with them
    if arm.shape != when.shape or not np.all((arm == 0) | (arm == 1)) or len(np.unique(arm)) < 2:
        raise InputError("treated", "it is not 0 in one arm and 1 in the other", "Give 1 or 0 for every row, and both")
    return [(when[arm == k], died[arm == k]) for k in (0, 1)]
