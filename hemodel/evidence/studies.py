"""What a study would show: for every draw, the estimate that a study of n people would give if that draw were the truth.

Randomness is the keyed streams of `evidence.draws`; a study's stream is named after its parameter, independent of the draws of the
parameters. Studies of all sizes share it, so that what differs between them is their size and not chance.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

from hemodel.errors import Fault, InputError
from hemodel.evidence.draws import uniforms
from hemodel.evidence.parameters import Parameter

Array = NDArray[np.float64]


def study_estimate(
    parameter: Parameter,
    values: Array,
    n: int,
    *,
    seed: int,
    standard_deviation: float | None = None,
    share_with_event: float = 1.0,
    shape: Array | float = 1.0,
) -> Array:
    """The estimate of `parameter` by a study with `n` people in the group it is about, simulated once for each draw, shape (draw,).

    `values`: the parameter in each draw, in its unit. What is observed follows from the name's prefix:

    - p_ (a probability): the share of n people who have the event, binomial;
    - r_ (a rate), median_ (a Weibull median, with `shape`): times to the event of the first share_with_event * n people; with the
      shape known their sufficient statistic is a gamma variable of that many events; the estimate is on the log scale;
    - hr_ (a hazard ratio): a normal log hazard ratio with variance 2 / events, for two groups of n each (Schoenfeld 1981);
    - u_, du_, c_, d_, n_: the mean of n people, normal; `standard_deviation` between people, in the parameter's unit, is needed.

    Raises `InputError` for other parameters, for a standard deviation that is needed and missing, and for bad numbers.
    """
    observe, faults = _observations().get(parameter.name.partition("_")[0]), []
    where = f"study of {parameter.name}"
    if observe is None:
        faults.append(Fault(where, f"no study is known that observes {parameter.quantity.is_a}", "Choose another parameter"))
    elif observe is _mean and not (standard_deviation is not None and 0 < standard_deviation < math.inf):
        remedy = f"Give the standard deviation between people, in {parameter.unit}"
        faults.append(Fault(where, "the spread between people is not known", remedy))
    if isinstance(n, bool) or not isinstance(n, (int, np.integer)) or n < 1:
        faults.append(Fault(where, f"{n!r} is not a number of people", "Give a whole number from 1"))
    elif not 0 < share_with_event <= 1 or round(n * share_with_event) < 1:
        problem = f"a share of {share_with_event!r} of {n} people is not an event"
        faults.append(Fault(where, problem, "Give a share above 0, up to 1, that leaves one event or more"))
    if faults or observe is None:
        raise InputError.together(faults)
    chances = uniforms(seed, f"{parameter.name}/study", 0, len(values))
    events = round(n * share_with_event)
    return observe(values, chances, n, events, standard_deviation or 0.0, np.asarray(shape, dtype=np.float64))


def _share(values: Array, chances: Array, n: int, _events: int, _sd: float, _shape: Array) -> Array:
    return np.asarray(stats.binom.ppf(chances, n, values) / n, dtype=np.float64)


def _rate(values: Array, chances: Array, _n: int, events: int, _sd: float, _shape: Array) -> Array:
    """Log of events / person-years; person-years are Gamma(events) / rate."""
    return np.asarray(np.log(values) + np.log(events / special.gammaincinv(events, chances)), dtype=np.float64)


def _median(values: Array, chances: Array, _n: int, events: int, _sd: float, shape: Array) -> Array:
    """Log of the median; the sum of times to the power of the shape is a Gamma(events) variable over the Weibull rate."""
    return np.asarray(np.log(values) + np.log(special.gammaincinv(events, chances) / events) / shape, dtype=np.float64)


def _hazard_ratio(values: Array, chances: Array, _n: int, events: int, _sd: float, _shape: Array) -> Array:
    return np.log(values) + math.sqrt(2.0 / events) * special.ndtri(chances)


def _mean(values: Array, chances: Array, n: int, _events: int, sd: float, _shape: Array) -> Array:
    return values + sd / math.sqrt(n) * special.ndtri(chances)


def _observations() -> dict[str, Callable[[Array, Array, int, int, float, Array], Array]]:
    """Prefix of a name -> how a study observes such a quantity."""
    means = dict.fromkeys(("u", "du", "c", "d", "n"), _mean)
    return {"p": _share, "r": _rate, "median": _median, "hr": _hazard_ratio, **means}
