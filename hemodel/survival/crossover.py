"""Treatment switching: what survival on the comparator would have been had nobody crossed over. Exploratory.

The rank-preserving structural failure time model (Robins and Tsiatis 1991, Commun Stat 20:2609; White and others 1999, Stat Med 18:2617),
for individual data, published or rebuilt from curves. It assumes that a year on treatment lengthens everybody's life in the same
proportion, whenever it is given; nothing in the data can confirm that. NICE DSU TSD 16 and 24 compare it with its rivals.
Another road is to calibrate the comparator's survival to an estimate from other trials.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hemodel.errors import Fault, InputError
from hemodel.survival.families import Array
from hemodel.survival.ties import tied

_FURTHEST = 20.0  # of the logarithm of a hazard ratio, within which it is looked for
CELLS = 200  # of the search for changes of sign; each is then bisected
READING = "exploratory: assumes that time on treatment has the same effect whenever it is given (rank-preserving, common effect)"


@dataclass(frozen=True)
class Crossover:
    """Result of the rank-preserving structural failure time model.

    `psi` and its interval `low` to `high`: a year on treatment counts as e^psi years off it, so psi below 0 is benefit, and
    exp(-psi) is the time ratio. `roots`: all places where Z changes sign; several are a warning. `recensored`: whether that was
    asked for. `times`, `events`: the data with the comparator's counterfactual times (off treatment), those of the treated as observed.
    `hazard_ratio` of treated over that counterfactual comparator, and `hazard_ratio_as_randomised` of the arms as they are, by Cox; the
    intervals of both have the P value of the log-rank test of the comparison as randomised.
    """

    psi: float
    low: float
    high: float
    roots: tuple[float, ...]
    recensored: bool
    times: Array
    events: Array
    hazard_ratio: float
    hazard_ratio_low: float
    hazard_ratio_high: float
    hazard_ratio_as_randomised: float
    hazard_ratio_as_randomised_low: float
    hazard_ratio_as_randomised_high: float
    reading: str = READING


def adjust_crossover(
    times: ArrayLike,
    events: ArrayLike,
    treated: ArrayLike,
    time_on_treatment: ArrayLike,
    *,
    censoring_times: ArrayLike | None = None,
    level: float = 0.95,
    search: tuple[float, float] = (-2.0, 2.0),
    places: Sequence[str] | None = None,
) -> Crossover:
    """Effect of treatment as if nobody had switched, by g-estimation of the rank-preserving structural failure time model. Exploratory.

    One row a person: `times` above 0, `events` 1 or 0, `treated` 1 if randomised to treatment, `time_on_treatment` from 0 to the time.
    Untreated times are U(psi) = time off + e^psi time on; psi is where the log-rank Z of U between the arms changes sign, its limits
    where |Z| passes the normal quantile of `level`, nearest to psi on either side. `censoring_times` that everybody would have had
    (end of study): given, U is censored anew at min(C, C e^psi) in arms in which people switched, without which censoring depends on
    prognosis. Z is a step function, and not monotone at its finest: psi and its limits are found to 1e-10 by bisection of
    one change of sign in each of 200 parts of the `search` range, but other software may stop at a step some 1e-4 away. `places` names
    the rows in errors ("trial.csv, row 5").
    Raises InputError for data it cannot use, and if Z does not change sign in the range.
    """
    when, died, arm, on, last = _checked(times, events, treated, time_on_treatment, censoring_times, places)
    switched = ((arm == 1) & (on < when)) | ((arm == 0) & (on > 0))
    again = np.isin(arm, np.unique(arm[switched]))

    def untreated(psi: float) -> tuple[Array, Array]:
        counterfactual = when - on + math.exp(psi) * on
        if last is None:
            return counterfactual, died
        limit = np.where(again, last * min(1.0, math.exp(psi)), np.inf)
        return np.minimum(counterfactual, limit), np.where(counterfactual <= limit, died, 0.0)

    def z(psi: float) -> float:
        return _log_rank(*untreated(psi), arm)

    grid = np.linspace(*search, CELLS + 1)
    heights = np.array([z(float(psi)) for psi in grid])
    roots = _crossings(z, grid, heights, 0.0)
    if not roots:
        raise InputError(
            "search", f"Z does not change sign from {search[0]:g} to {search[1]:g}", "Widen it, or take another method"
        )
    psi = roots[len(roots) // 2]
    quantile = NormalDist().inv_cdf(0.5 + level / 2)
    limits = _crossings(z, grid, heights, quantile) + _crossings(z, grid, heights, -quantile)
    low = max((limit for limit in limits if limit < psi), default=-math.inf)
    high = min((limit for limit in limits if limit > psi), default=math.inf)
    off, seen = untreated(psi)
    final_times, final_events = np.where(arm == 1, when, off), np.where(arm == 1, died, seen)
    z_as_randomised = abs(log_rank(when, died, arm))

    def with_interval(ratio: float) -> tuple[float, float, float]:
        spread = quantile * abs(math.log(ratio)) / z_as_randomised if z_as_randomised > 0 else math.inf
        step = math.exp(min(spread, 700.0))
        return ratio, ratio / step, ratio * step

    adjusted = with_interval(cox_hazard_ratio(final_times, final_events, arm))
    as_randomised = with_interval(cox_hazard_ratio(when, died, arm))
    return Crossover(psi, low, high, tuple(roots), last is not None, final_times, final_events, *adjusted, *as_randomised)


def log_rank(times: Array, events: Array, arm: Array) -> float:
    """Log-rank Z of arm 1 against arm 0: observed less expected events over the root of the hypergeometric variance.

    >>> round(log_rank(np.array([1.0, 2.0]), np.array([1.0, 1.0]), np.array([1.0, 0.0])), 9)
    1.0
    """
    return _log_rank(tied(times), events, arm)


def _log_rank(times: Array, events: Array, arm: Array) -> float:
    """The same with ties as the last digit has them: of counterfactual times, which cross as psi is moved."""
    deaths, deaths_1, n, n_1 = _risk_sets(times, events, arm)
    share = n_1 / n
    spread = deaths * share * (1 - share) * (n - deaths) / np.maximum(n - 1, 1)
    total = float(spread.sum())
    return float((deaths_1 - deaths * share).sum()) / math.sqrt(total) if total > 0 else 0.0


def cox_hazard_ratio(times: ArrayLike, events: ArrayLike, arm: ArrayLike) -> float:
    """Hazard ratio of arm 1 over arm 0 by Cox's partial likelihood (Breslow's way with ties), by bisection of its score.

    >>> round(cox_hazard_ratio([1, 2, 3, 4], [1, 1, 1, 1], [0, 1, 0, 1]), 6)
    0.390388
    """
    group = np.asarray(arm, dtype=np.float64)
    deaths, deaths_1, n, n_1 = _risk_sets(tied(times), np.asarray(events, dtype=np.float64), group)
    low, high = -_FURTHEST, _FURTHEST
    if not 0 < deaths_1.sum() < deaths.sum():
        raise InputError("events", "one of the arms has none", "A hazard ratio needs events in both arms")
    while high - low > 1e-13 * max(abs(low), 1.0):
        middle = (low + high) / 2
        weight = math.exp(middle) * n_1
        if float((deaths_1 - deaths * weight / (weight + n - n_1)).sum()) > 0:
            low = middle
        else:
            high = middle
    if max(abs(low), abs(high)) == _FURTHEST:
        problem = f"the hazard ratio that fits best lies beyond e^{_FURTHEST:g} or e^-{_FURTHEST:g}: it is not finite"
        raise InputError("events", problem, "A hazard ratio needs events in each arm while people of the other are at risk")
    return math.exp((low + high) / 2)


def _risk_sets(times: Array, events: Array, arm: Array) -> tuple[Array, Array, Array, Array]:
    """At each time with a death: deaths, deaths in arm 1, people at risk, those of arm 1."""
    order = np.argsort(times, kind="stable")
    when, died, group = times[order], events[order], arm[order]
    starts = np.flatnonzero(np.append(True, when[1:] != when[:-1]))
    deaths, deaths_1 = np.add.reduceat(died, starts), np.add.reduceat(died * group, starts)
    n = (len(when) - starts).astype(np.float64)
    n_1 = group.sum() - np.append(0.0, np.cumsum(group))[starts]
    use = deaths > 0
    return deaths[use], deaths_1[use], n[use], n_1[use]


def _crossings(z: Callable[[float], float], grid: Array, heights: Array, target: float) -> list[float]:
    """Places where z passes `target`, one in each part of the grid at whose ends it lies on either side."""
    above = heights > target
    found = []
    for cell in np.flatnonzero(above[1:] != above[:-1]):
        left, right = float(grid[cell]), float(grid[cell + 1])
        while right - left > 1e-10:
            middle = (left + right) / 2
            if (z(middle) > target) == above[cell]:
                left = middle
            else:
                right = middle
        found.append((left + right) / 2)
    return found


def _checked(
    times: ArrayLike,
    events: ArrayLike,
    treated: ArrayLike,
    time_on_treatment: ArrayLike,
    censoring_times: ArrayLike | None,
    places: Sequence[str] | None,
) -> tuple[Array, Array, Array, Array, Array | None]:
    columns = {"times": times, "events": events, "treated": treated, "time_on_treatment": time_on_treatment}
    if censoring_times is not None:
        columns["censoring_times"] = censoring_times
    data = {name: np.asarray(values, dtype=np.float64) for name, values in columns.items()}
    if len({values.shape for values in data.values()}) > 1 or data["times"].ndim != 1:
        raise InputError("data", "the columns differ in length", "Give one value of each for every person")
    when, on, last = data["times"], data["time_on_treatment"], data.get("censoring_times")
    faults: list[Fault] = []

    def refuse(name: str, right: NDArray[np.bool_], say: str, remedy: str) -> None:
        for k in np.flatnonzero(~right).tolist():
            value = f"{data[name][k]:g} {say}"
            faults.append(
                Fault(f"{name}, row {k + 1}", value, remedy) if places is None else Fault(places[k], f"{name} {value}", remedy)
            )

    refuse("times", np.isfinite(when) & (when > 0), "is not above 0", "Give the time to the event or to censoring")
    for name in ("events", "treated"):
        refuse(name, np.isin(data[name], (0, 1)), "is neither 0 nor 1", "Give 1 for yes and 0 for no")
    slack = 1e-9 * np.abs(when)
    refuse("time_on_treatment", (on >= 0) & (on <= when + slack), "is not from 0 to the time", "Give time spent on treatment")
    if last is not None:
        refuse("censoring_times", last >= when - slack, "is before the time", "Give the time at which the study would have ended")
    if not faults and not 0 < data["treated"].sum() < len(when):
        faults.append(Fault("treated", "all are in one arm", "Give both arms"))
    if not faults and not data["events"].sum() > 0:
        faults.append(Fault("events", "there are none", "Give data with events"))
    if faults:
        raise InputError.together(faults)
    when, on, *ends = np.split(
        tied(np.concatenate([when, np.minimum(on, when), *([] if last is None else [last])])), 3 - (last is None)
    )
    return when, data["events"], data["treated"], on, ends[0] if ends else None
