"""Parametric families of survival curves, as cumulative hazards H(t) = -ln S(t), in flexsurv's parametrisations.

| family (flexsurv) | parameters | H(t) |
|---|---|---|
| exponential (exp) | rate r | r t |
| weibull (weibull), accelerated failure time | shape a, scale b | (t/b)^a |
| weibull_ph (weibullPH), proportional hazards | shape a, scale m | m t^a |
| gompertz (gompertz) | shape a (any sign), rate b | (b/a) (e^(at) - 1); a < 0 leaves exp(b/a) alive for ever |
| log_logistic (llogis) | shape a, scale b | ln(1 + (t/b)^a) |
| log_normal (lnorm) | meanlog m, sdlog s | -ln Phi(-(ln t - m)/s) |
| gamma (gamma) | shape a, rate r | -ln Q(a, rt), Q the regularised upper incomplete gamma function |
| generalised_gamma (gengamma), Prentice | mu, sigma, Q (any sign) | -ln Q(k, u) if Q > 0, -ln P(k, u) if Q < 0, log-normal if Q = 0 |
| spline_hazard, _odds, _normal (survspline) | gamma0, gamma1, ... | e^s, ln(1 + e^s), -ln Phi(-s), s a natural cubic spline in ln t |
| piecewise_exponential (none) | rate1, rate2, ... | sum of rates times the time spent between breaks |
| <family>_mixture_cure (flexsurvcure) | theta, then the family's | -ln(theta + (1 - theta) S0(t)) |

Of the generalised gamma, k = Q^-2, u = k e^(Qw), w = (ln t - mu)/sigma, and Q(k, u), P(k, u) the incomplete gamma functions.
Time is in whatever unit the parameters are in. Survival is never taken through 1 - S: tails stay exact to about 1e-13 of H.
Sources: Jackson 2016, J Stat Softw 70(8); NICE DSU TSD 14 and 21; Prentice 1974, Biometrika 61:539; Royston and Parmar 2002, Stat Med
21:2175.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import integrate, optimize, special

from hemodel.errors import Fault, InputError, nearest

Array = NDArray[np.float64]
Curve = Callable[[Array], Array]
Function = Callable[..., Array]

HALF_LN_2PI = 0.5 * math.log(2 * math.pi)
LATEST = 700.0  # ln of the last time that is looked at
NEARLY_LOG_NORMAL = 1e-7  # |Q| of the generalised gamma below which it is taken as log-normal: an error of about 1e-8 in ln S


@dataclass(frozen=True)
class Family:
    """A family of survival curves: names of its parameters, the scales they are estimated on, and its functions.

    `scales`: "log" (above 0), "logit" (between 0 and 1) or "identity" (any), one a parameter: the scale on which estimates are taken
    to be normal. `cumulative_hazard(times, *parameters)` and `log_hazard(times, *parameters)` broadcast and check nothing (the function
    `cumulative_hazard` of this module does). `time_at(hazard, *parameters)` inverts H, `mean(*parameters)` is the mean where closed.
    `per_unit(factor, *parameters)` gives parameters of the same curve with time counted in units 1/factor as long; `in_units(factor)`
    the family with its knots divided by factor. `slopes(*parameters)`: numbers that must be above 0 for H to rise, for splines.
    `label` in words. `from_median(median, second)`: parameters of the curve with this median and second parameter, of the families that a
    published median can be put into by a setting. `starts(rate, centre, spread)`: where a search for estimates begins, on the estimation
    scale, for logarithms of the events' rate, and mean and spread of ln t.
    """

    name: str
    label: str
    flexsurv: str
    parameters: tuple[str, ...]
    scales: tuple[str, ...]
    cumulative_hazard: Function
    log_hazard: Function
    per_unit: Callable[..., tuple[Array, ...]]
    time_at: Function | None = None
    mean: Function | None = None
    in_units: Callable[[float], Family] | None = None
    slopes: Function | None = None
    knots: tuple[float, ...] = ()
    from_median: Callable[..., tuple[Array, ...]] | None = None
    starts: Callable[[float, float, float], list[list[float]]] | None = None


def cumulative_hazard(family: Family | str, times: ArrayLike, parameters: Sequence[ArrayLike] | Mapping[str, ArrayLike]) -> Array:
    """Cumulative hazard at `times`, shape (time, ...): the parameters' shapes, (draw,) or (strategy, draw) or none, follow the time.

    `times` of one axis, such as cycle boundaries, goes with every parameter value; with more axes it is broadcast as it is. Parameters
    are in the order of `family.parameters`, or by name. Raises InputError for parameters outside the family's bounds, for splines
    that fall, and for negative times.

    >>> cumulative_hazard("weibull", [0, 2, 4], {"shape": 2.0, "scale": [2.0, 4.0]})
    array([[0.  , 0.  ],
           [1.  , 0.25],
           [4.  , 1.  ]])
    """
    known, values = _ready(family, parameters)
    when = np.asarray(times, dtype=np.float64)
    if not np.all(when >= 0):
        raise InputError("times", "some are negative or not numbers", "Give times from 0")
    if when.ndim == 1:
        when = when.reshape(-1, *[1] * max(value.ndim for value in values))
    with np.errstate(divide="ignore", over="ignore", under="ignore", invalid="ignore"):
        return known.cumulative_hazard(when, *values)


def quantile(family: Family | str, share: float, parameters: Sequence[ArrayLike] | Mapping[str, ArrayLike]) -> Array:
    """Time by which the `share` of people have had the event, of the parameters' shape; 0.5 is the median; inf where they never have.

    By closed form; for splines, cures and piecewise hazards by a bracketed root (Brent) to 1e-13 of ln t, one curve at a time.

    >>> quantile("exponential", 0.5, [np.log(2)])
    array(1.)
    """
    if not 0 < share < 1:
        raise InputError(
            "share", f"{share:g} is not a share of people", "Give a number between 0 and 1, such as 0.5 for the median"
        )
    known, values = _ready(family, parameters)
    target = -math.log1p(-share)
    if known.time_at is not None:
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            return np.asarray(known.time_at(target, *values))
    return _one_by_one(known, values, lambda curve: time_at(curve, target))


def mean(family: Family | str, parameters: Sequence[ArrayLike] | Mapping[str, ArrayLike]) -> Array:
    """Mean survival time, of the parameters' shape; inf where some never have the event or the tail is too heavy.

    By closed form; splines and piecewise hazards by adaptive quadrature (QUADPACK) over ln t, to about 1e-10, one curve at a time.

    >>> mean("weibull", [1.0, 3.0])
    array(3.)
    """
    known, values = _ready(family, parameters)
    if known.mean is not None:
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            return np.asarray(known.mean(*values), dtype=np.float64)
    return _one_by_one(known, values, mean_time)


def restricted_mean(family: Family | str, horizon: float, parameters: Sequence[ArrayLike] | Mapping[str, ArrayLike]) -> Array:
    """Mean survival time up to `horizon`, of the parameters' shape: area under S from 0, by adaptive quadrature to about 1e-10.

    >>> restricted_mean("exponential", 1.0, [1.0]).round(9) == round(1 - np.exp(-1), 9)
    np.True_
    """
    known, values = _ready(family, parameters)
    return _one_by_one(known, values, lambda curve: mean_time(curve, horizon))


def time_at(curve: Curve, hazard: float) -> float:
    """Time at which `curve`, a cumulative hazard as a function of times, reaches `hazard`; inf if it never does.

    >>> round(time_at(lambda t: t**2, 9.0), 9)
    3.0
    """

    def excess(log_time: float) -> float:
        with np.errstate(all="ignore"):
            return float(curve(np.array([math.exp(log_time)]))[0]) - hazard

    low, high = -1.0, 1.0
    while excess(low) > 0 and low > -600:
        low *= 2
    while excess(high) < 0:
        if high == LATEST:
            return math.inf
        high = min(2 * high, LATEST)
    if not excess(low) <= 0 <= excess(high):
        raise InputError("curve", f"it does not pass a cumulative hazard of {hazard:g}", "Give one that rises from 0 at time 0")
    return math.exp(float(optimize.brentq(excess, low, high, xtol=1e-13, rtol=1e-14)))


def mean_time(curve: Curve, horizon: float = math.inf) -> float:
    """Area under exp(-H) from 0 to `horizon` for one `curve`, a cumulative hazard as a function of times: the (restricted) mean.

    Adaptive quadrature over ln t, in which curves are smooth down to 0. Without a horizon it is infinite if the curve levels off or its
    tail is so heavy, t^-1.06 or more, that the area does not end by e^700.

    >>> round(mean_time(lambda t: t), 9)
    1.0
    """
    if not horizon > 0:
        raise InputError("horizon", f"{horizon:g} is not a horizon", "Give a time above 0")

    def lived(log_time: float) -> float:
        time = math.exp(log_time)
        with np.errstate(all="ignore"):
            return math.exp(-float(curve(np.array([time]))[0])) * time

    def area(low: float, high: float) -> float:
        found, error, *_ = integrate.quad(lived, low, high, epsabs=0.0, epsrel=1e-11, limit=400, full_output=1)
        if not error <= 1e-7 * abs(found):  # hazards with jumps end nearer to 1e-10 than to 1e-11
            raise InputError("curve", "the area under it cannot be found", "Check that its cumulative hazard rises and is finite")
        return float(found)

    typical = time_at(curve, 0.5)
    if math.isinf(typical):  # most live for ever
        return math.inf if math.isinf(horizon) else area(math.log(horizon) - 40, math.log(horizon))
    middle = math.log(min(horizon, typical))
    total = area(middle - 40, middle)  # what is left out is e^-40 of it
    if horizon <= typical:
        return total
    late = time_at(lambda times: curve(times) - np.log(np.maximum(times / typical, 1.0)), 40.0)  # beyond it t S is below e^-40
    if math.isinf(late) and math.isinf(horizon):
        return math.inf
    return total + area(middle, math.log(min(late, horizon)))


def family(name: str, *, knots: Sequence[float] | None = None) -> Family:
    """The family called `name`; splines and piecewise hazards need `knots`.

    `knots` in units of time: for splines the first and last are the boundary knots (so two make no internal knot), for
    piecewise_exponential the breaks between hazards. Raises InputError for an unknown name, naming the nearest.

    >>> family("generalised_gamma").parameters
    ('mu', 'sigma', 'Q')
    >>> family("weibull_mixture_cure").parameters
    ('theta', 'shape', 'scale')
    """
    base = name.removesuffix(CURE)
    if base not in family_names() or base.endswith(CURE):
        raise InputError(
            "family", f"{name!r} is not known", f"{nearest(name, family_names())} Add {CURE} for a share that is cured"
        )
    if base in PLAIN:
        found = PLAIN[base]
    else:
        if knots is None:
            raise InputError("knots", f"{base} needs them", "Give times, in rising order")
        found = piecewise_exponential(knots) if base == PIECEWISE else spline(base.removeprefix("spline_"), knots)
    return mixture_cure(found) if name.endswith(CURE) else found


def family_names() -> tuple[str, ...]:
    """Names that `family` knows; each may be followed by _mixture_cure."""
    return (*PLAIN, *(f"spline_{scale}" for scale in SPLINE_SCALES), PIECEWISE)


def natural(known: Family, estimates: ArrayLike) -> tuple[Array, ...]:
    """Parameters from their values on the estimation scale, parameters along the first axis.

    >>> [float(value) for value in natural(family("gompertz"), [0.5, 0.0])]
    [0.5, 1.0]
    """
    back: dict[str, Curve] = {"log": np.exp, "logit": special.expit, "identity": np.asarray}
    return tuple(back[scale](value) for scale, value in zip(known.scales, np.asarray(estimates, dtype=np.float64), strict=True))


def transformed(known: Family, parameters: Sequence[ArrayLike]) -> tuple[Array, ...]:
    """Values on the estimation scale from parameters: the inverse of `natural`."""
    there: dict[str, Curve] = {"log": np.log, "logit": special.logit, "identity": np.asarray}
    values = (np.asarray(value, dtype=np.float64) for value in parameters)
    return tuple(there[scale](value) for scale, value in zip(known.scales, values, strict=True))


def spline(scale: str, knots: Sequence[float]) -> Family:
    """Royston and Parmar's natural cubic spline in x = ln t on the `scale` of hazard, odds or normal.

    The scale is that on which s runs: log cumulative hazard, log odds of death or normal quantile of death.
    s(x) = gamma0 + gamma1 x + sum over internal knots of gamma_(j+1) v_j(x), v_j = (x - k_j)+^3 - l_j (x - kmin)+^3
    - (1 - l_j)(x - kmax)+^3 with l_j = (kmax - k_j)/(kmax - kmin); `knots` are times, the first and last being the boundaries.
    Without internal knots: Weibull, log-logistic, log-normal.
    """
    if scale not in SPLINE_SCALES:
        raise InputError("scale", f"{scale!r} is not a scale of splines", nearest(scale, SPLINE_SCALES))
    places = np.log(_rising(knots, at_least=2))
    first, last = places[0], places[-1]
    shares = (last - places[1:-1]) / (last - first)
    cumulative, log_event = SPLINE_SCALES[scale]

    def values(x: Array, gamma: tuple[Array, ...], power: int) -> Array:
        """s(x) for power 3, its slope for power 2."""
        total = gamma[0] + gamma[1] * x if power == 3 else gamma[1] + np.zeros_like(x)
        early, late = np.maximum(x - first, 0.0) ** power, np.maximum(x - last, 0.0) ** power
        for place, share, weight in zip(places[1:-1], shares, gamma[2:], strict=True):
            bend = np.maximum(x - place, 0.0) ** power - share * early - (1 - share) * late
            total = total + (1 if power == 3 else 3) * weight * bend
        return total

    def hazard(times: Array, *gamma: Array) -> Array:
        return cumulative(values(np.log(times), gamma, 3))

    def log_hazard(times: Array, *gamma: Array) -> Array:
        x = np.log(times)
        return log_event(values(x, gamma, 3)) + np.log(values(x, gamma, 2)) - x

    def slopes(*gamma: Array) -> Array:
        """Lowest slope of s: at a knot, or where the slope, quadratic between knots, turns."""
        found = [values(place, gamma, 2) for place in places]
        for left, right in pairwise(places):
            at_left, at_middle, at_right = (values(np.asarray(x), gamma, 2) for x in (left, (left + right) / 2, right))
            curvature = 2 * (at_left + at_right - 2 * at_middle)
            lean = 4 * at_middle - 3 * at_left - at_right
            turn = -lean / (2 * np.where(curvature > 0, curvature, np.inf))
            inside = (turn > 0) & (turn < 1)
            found.append(np.where(inside, at_left + turn * (lean + curvature * turn), at_left))
        result: Array = np.minimum.reduce(np.broadcast_arrays(*found))
        return result

    names = tuple(f"gamma{place}" for place in range(len(places)))
    return Family(
        name=f"spline_{scale}",
        label=f"spline ({scale})",
        flexsurv="survspline",
        parameters=names,
        scales=("identity",) * len(names),
        cumulative_hazard=hazard,
        log_hazard=log_hazard,
        per_unit=lambda c, *gamma: (gamma[0] - gamma[1] * math.log(c), *gamma[1:]),
        in_units=lambda c: spline(scale, [knot / c for knot in np.exp(places)]),
        slopes=slopes,
        knots=tuple(float(knot) for knot in knots),
    )


def piecewise_exponential(breaks: Sequence[float]) -> Family:
    """Hazard constant between `breaks` (times above 0): rate1 up to the first, the last rate for ever after the last."""
    edges = np.concatenate([[0.0], _rising(breaks, at_least=1)])
    lengths = np.append(np.diff(edges), np.inf)

    def hazard(times: Array, *rates: Array) -> Array:
        parts = (rate * np.clip(times - edge, 0, length) for rate, edge, length in zip(rates, edges, lengths, strict=True))
        return sum(parts, np.zeros(()))

    def log_hazard(times: Array, *rates: Array) -> Array:
        result = np.zeros_like(times) + rates[0]
        for edge, rate in zip(edges[1:], rates[1:], strict=True):
            result = np.where(times > edge, rate, result)  # a death on a break belongs to the interval before it
        return np.log(result)

    names = tuple(f"rate{place}" for place in range(1, len(edges) + 1))
    return Family(
        name=PIECEWISE,
        label="piecewise exponential",
        flexsurv="",
        parameters=names,
        scales=("log",) * len(names),
        cumulative_hazard=hazard,
        log_hazard=log_hazard,
        per_unit=lambda c, *rates: tuple(rate / c for rate in rates),
        in_units=lambda c: piecewise_exponential([edge / c for edge in edges[1:]]),
        knots=tuple(float(edge) for edge in edges[1:]),
    )


def mixture_cure(base: Family) -> Family:
    """A share theta never has the event, the others follow `base`: S = theta + (1 - theta) S0."""

    def hazard(times: Array, theta: Array, *rest: Array) -> Array:
        return -np.log1p((1 - theta) * np.expm1(-base.cumulative_hazard(times, *rest)))

    def log_hazard(times: Array, theta: Array, *rest: Array) -> Array:
        log_density = base.log_hazard(times, *rest) - base.cumulative_hazard(times, *rest)
        return np.log1p(-theta) + log_density + hazard(times, theta, *rest)

    build = base.in_units
    return Family(
        name=base.name + CURE,
        label=f"{base.label} with a cured share",
        flexsurv=f"flexsurvcure({base.flexsurv})",
        parameters=("theta", *base.parameters),
        scales=("logit", *base.scales),
        cumulative_hazard=hazard,
        log_hazard=log_hazard,
        per_unit=lambda c, theta, *rest: (theta, *base.per_unit(c, *rest)),
        mean=lambda theta, *rest: np.full(np.broadcast_shapes(np.shape(theta), *map(np.shape, rest)), np.inf),
        in_units=None if build is None else lambda c: mixture_cure(build(c)),
        slopes=None if base.slopes is None else (lambda theta, *rest: base.slopes(*rest)),  # type: ignore[misc]
        knots=base.knots,
    )


def _ready(family_: Family | str, parameters: Sequence[ArrayLike] | Mapping[str, ArrayLike]) -> tuple[Family, tuple[Array, ...]]:
    """The family and its parameters as arrays, within bounds, else InputError."""
    known = family(family_) if isinstance(family_, str) else family_
    if isinstance(parameters, Mapping):
        if set(parameters) != set(known.parameters):
            raise InputError(
                f"{known.name} parameters", f"{', '.join(parameters)} are given", f"Give {', '.join(known.parameters)}, no more"
            )
        parameters = [parameters[name] for name in known.parameters]
    if len(parameters) != len(known.parameters):
        raise InputError(f"{known.name} parameters", f"{len(parameters)} are given", f"Give {', '.join(known.parameters)}")
    values = tuple(np.asarray(value, dtype=np.float64) for value in parameters)
    faults = []
    for name, scale, value in zip(known.parameters, known.scales, values, strict=True):
        right = np.isfinite(value) & {"log": value > 0, "logit": (value > 0) & (value < 1), "identity": True}[scale]
        if not np.all(right):
            wrong = value[~right].ravel()[0]
            remedy = {"log": "Give a number above 0", "logit": "Give a share between 0 and 1", "identity": "Give a finite number"}
            faults.append(Fault(f"{known.name} ({name})", f"{wrong:g} is outside its bounds", remedy[scale]))
    if faults:
        raise InputError.together(faults)
    if known.slopes is not None:
        falling = int(np.sum(~(known.slopes(*values) > 0)))
        if falling:
            raise InputError(
                known.name,
                f"{falling} of the curves rise somewhere: their parameters are no survival curve",
                "Take fewer knots, or a family that cannot rise",
            )
    return known, values


def _one_by_one(known: Family, values: tuple[Array, ...], measure: Callable[[Curve], float]) -> Array:
    """`measure` of each curve on its own, so that its bits do not depend on the other draws."""
    grid = np.broadcast_arrays(*values)
    result = np.empty(grid[0].shape)
    for place in np.ndindex(result.shape):
        one = tuple(value[place] for value in grid)
        result[place] = measure(lambda times, one=one: known.cumulative_hazard(times, *one))  # type: ignore[misc]
    return result


def _rising(knots: Sequence[float], *, at_least: int) -> Array:
    places = np.asarray(knots, dtype=np.float64)
    if len(places) < at_least or not np.all(np.isfinite(places)) or np.any(places <= 0) or np.any(np.diff(places) <= 0):
        raise InputError(
            "knots",
            f"{', '.join(f'{knot:g}' for knot in places)} will not do",
            f"Give {at_least} or more times above 0, in rising order",
        )
    return places


def _weibull_hazard(times: Array, shape: Array, scale: Array) -> Array:
    result: Array = np.exp(shape * (np.log(times) - np.log(scale)))
    return result


def _weibull_log_hazard(times: Array, shape: Array, scale: Array) -> Array:
    result: Array = np.log(shape) - np.log(scale) + (shape - 1) * (np.log(times) - np.log(scale))
    return result


def _weibull_ph_hazard(times: Array, shape: Array, scale: Array) -> Array:
    return np.exp(np.log(scale) + shape * np.log(times))


def _weibull_ph_scale(shape: Array, scale: Array) -> Array:
    """Scale of the accelerated-failure-time form: m^(-1/a)."""
    return np.exp(-np.log(scale) / shape)


def _gompertz_hazard(times: Array, shape: Array, rate: Array) -> Array:
    return rate * times * special.exprel(shape * times)


def _gompertz_time_at(hazard: float, shape: Array, rate: Array) -> Array:
    """ln(1 + a H / b) / a; inf where H is never reached."""
    grown = hazard * shape / rate
    small = np.abs(grown) < 1e-8
    ratio = np.where(small, 1 - grown / 2, np.log1p(grown) / np.where(small, 1.0, grown))
    return np.where(grown > -1, hazard / rate * ratio, np.inf)


def _gompertz_mean(shape: Array, rate: Array) -> Array:
    """e^x E1(x) / a with x = b/a, which is U(1, 1, x) / a; 1/b at a = 0 and inf below."""
    shape, rate = np.broadcast_arrays(shape, rate)
    x = rate / np.where(shape > 0, shape, np.nan)
    large = x > 50
    series = sum((-1.0) ** n * math.factorial(n) * x ** (-n) for n in range(18))  # asymptotic: x e^x E1(x)
    usual = x * special.exp1(np.where(large, 1.0, x)) * np.exp(np.where(large, 1.0, x))
    return np.where(shape > 0, np.where(large, series, usual) / rate, np.where(shape == 0, 1 / rate, np.inf))


def _log_logistic_hazard(times: Array, shape: Array, scale: Array) -> Array:
    result: Array = np.logaddexp(0.0, shape * (np.log(times) - np.log(scale)))
    return result


def _log_logistic_log_hazard(times: Array, shape: Array, scale: Array) -> Array:
    return _weibull_log_hazard(times, shape, scale) - _log_logistic_hazard(times, shape, scale)


def _log_logistic_mean(shape: Array, scale: Array) -> Array:
    angle = np.pi / shape
    return np.where(shape > 1, scale * angle / np.sin(angle), np.inf)


def _log_normal_hazard(times: Array, meanlog: Array, sdlog: Array) -> Array:
    return -special.log_ndtr((meanlog - np.log(times)) / sdlog)


def _log_normal_log_hazard(times: Array, meanlog: Array, sdlog: Array) -> Array:
    x = np.log(times)
    z = (x - meanlog) / sdlog
    return -0.5 * z**2 - HALF_LN_2PI - np.log(sdlog) - x - special.log_ndtr(-z)


def _log_normal_time_at(hazard: float, meanlog: Array, sdlog: Array) -> Array:
    return np.exp(meanlog - sdlog * special.ndtri(math.exp(-hazard)))


def _gamma_hazard(times: Array, shape: Array, rate: Array) -> Array:
    return -_log_upper(shape, np.log(rate) + np.log(times))


def _gamma_log_hazard(times: Array, shape: Array, rate: Array) -> Array:
    log_rt = np.log(rate) + np.log(times)
    result: Array = shape * log_rt - np.log(times) - rate * times - special.gammaln(shape) + _gamma_hazard(times, shape, rate)
    return result


def _prentice(times: Array, mu: Array, sigma: Array, q: Array) -> tuple[Array, Array, Array]:
    """w, k = Q^-2 (1 where nearly log-normal: not used there) and ln u."""
    w = (np.log(times) - mu) / sigma
    k = np.where(np.abs(q) < NEARLY_LOG_NORMAL, 1.0, q) ** -2.0
    return w, k, np.log(k) + q * w


def _generalised_gamma_hazard(times: Array, mu: Array, sigma: Array, q: Array) -> Array:
    w, k, log_u = _prentice(times, mu, sigma, q)
    w, k, log_u, q = np.broadcast_arrays(w, k, log_u, q)
    above, below = q >= NEARLY_LOG_NORMAL, q <= -NEARLY_LOG_NORMAL
    result = -special.log_ndtr(-w)
    result[above] = -_log_upper(k[above], log_u[above])
    result[below] = -_log_lower(k[below], log_u[below])
    return result


def _generalised_gamma_log_hazard(times: Array, mu: Array, sigma: Array, q: Array) -> Array:
    """Density by Stirling's series, which has no large terms that cancel: it passes smoothly through Q = 0.

    ln f = -ln(sigma t) - ln(2 pi)/2 - c(k) - w^2 (e^x - 1 - x)/x^2 with x = Qw and c(k) the remainder of Stirling's formula for
    ln Gamma(k).
    """
    w, k, _ = _prentice(times, mu, sigma, q)
    remainder = np.where(np.abs(q) < NEARLY_LOG_NORMAL, 0.0, _stirling_remainder(k))
    density = -np.log(sigma) - np.log(times) - HALF_LN_2PI - remainder - w**2 * _second_exprel(q * w)
    return density + _generalised_gamma_hazard(times, mu, sigma, q)


def _generalised_gamma_time_at(hazard: float, mu: Array, sigma: Array, q: Array) -> Array:
    near = np.abs(q) < NEARLY_LOG_NORMAL
    safe = np.where(near, 1.0, q)
    k = safe**-2.0
    share = math.exp(-hazard)
    u = np.where(safe > 0, special.gammainccinv(k, share), special.gammaincinv(k, share))
    return np.exp(mu + sigma * np.where(near, -special.ndtri(share), np.log(u / k) / safe))


def _generalised_gamma_mean(mu: Array, sigma: Array, q: Array) -> Array:
    """e^mu k^(-sigma/Q) Gamma(k + sigma/Q) / Gamma(k); inf where sigma |Q| >= 1 and Q < 0. Ratio of gammas by Stirling's remainder."""
    near = np.abs(q) < NEARLY_LOG_NORMAL
    safe = np.where(near, 1.0, q)
    k, step = safe**-2.0, sigma / safe
    finite = k + step > 0
    raised = np.where(finite, k + step, 1.0)
    grown = np.log1p(np.where(finite, step / k, 0.0))
    log_ratio = raised * grown - 0.5 * grown - step + _stirling_remainder(raised) - _stirling_remainder(k)
    return np.where(near, np.exp(mu + sigma**2 / 2), np.where(finite, np.exp(mu + log_ratio), np.inf))


def _stirling_remainder(k: Array) -> Array:
    """Stirling's remainder: ln Gamma(k) - [(k - 1/2) ln k - k + ln(2 pi)/2]."""
    large = k >= 20
    big, small = np.where(large, k, 20.0), np.where(large, 1.0, k)
    series = (1 / 12 - (1 / 360 - (1 / 1260 - 1 / 1680 / big**2) / big**2) / big**2) / big
    direct = special.gammaln(small) - (small - 0.5) * np.log(small) + small - HALF_LN_2PI
    return np.where(large, series, direct)


def _second_exprel(x: Array) -> Array:
    """(e^x - 1 - x) / x^2, 1/2 at 0."""
    near = np.abs(x) < 0.3
    small = np.where(near, x, 0.0)
    series = np.zeros_like(small)
    for n in range(14, 1, -1):
        series = series * small + 1 / math.factorial(n)
    return np.where(near, series, (np.expm1(x) - x) / np.where(near, 1.0, x) ** 2)


def _log_upper(a: Array, log_x: Array) -> Array:
    """Logarithm of Q(a, x), also where Q is below the smallest number: there by Legendre's continued fraction."""
    a, log_x = np.broadcast_arrays(a, log_x)
    x = np.exp(log_x)
    upper = special.gammaincc(a, x)
    with np.errstate(divide="ignore"):  # in the branch that is not taken, and where the tail is made below
        result: Array = np.where(upper > 0.5, np.log1p(-special.gammainc(a, x)), np.log(upper))
    tail = (upper < 1e-290) & np.isfinite(x)
    if np.any(tail):
        result[tail] = _log_upper_tail(a[tail], x[tail])
    return result


def _log_upper_tail(a: Array, x: Array) -> Array:
    """By a ln x - x - ln Gamma(a) + ln of 1/(x + 1 - a - 1(1 - a)/(x + 3 - a - ...)), by Lentz's rule."""
    b = x + 1 - a
    c, d = np.full_like(b, 1e300), 1 / b
    fraction, going = d, np.full(b.shape, True)
    for n in range(1, 10_000):
        term = -n * (n - a)
        b = b + 2
        d = 1 / (term * d + b)
        c = b + term / c
        fraction = np.where(going, fraction * (c * d), fraction)  # each stops by itself, whatever the others need
        going &= np.abs(c * d - 1) >= 1e-15
        if not np.any(going):
            break
    return a * np.log(x) - x - special.gammaln(a) + np.log(fraction)


def _log_lower(a: Array, log_x: Array) -> Array:
    """Logarithm of P(a, x), also where P is below the smallest number: there by its power series."""
    a, log_x = np.broadcast_arrays(a, log_x)
    x = np.exp(log_x)
    lower = special.gammainc(a, x)
    with np.errstate(divide="ignore"):  # in the branch that is not taken, and where the tail is made below
        result: Array = np.where(lower > 0.5, np.log1p(-special.gammaincc(a, x)), np.log(lower))
    tail = lower < 1e-290
    if np.any(tail):
        result[tail] = _log_lower_tail(a[tail], log_x[tail])
    return result


def _log_lower_tail(a: Array, log_x: Array) -> Array:
    x = np.exp(log_x)
    term = total = np.ones_like(x)
    for n in range(1, 10_000):
        term = term * x / (a + n)
        total = total + term
        if np.all(term < 1e-17 * total):
            break
    return a * log_x - x - special.gammaln(a + 1) + np.log(total)


CURE = "_mixture_cure"
PIECEWISE = "piecewise_exponential"
SPLINE_SCALES: Mapping[str, tuple[Curve, Curve]] = MappingProxyType(
    {  # H as a function of s, and the logarithm of dH/ds
        "hazard": (np.exp, np.asarray),
        "odds": (lambda s: np.logaddexp(0.0, s), special.log_expit),
        "normal": (lambda s: -special.log_ndtr(-s), lambda s: -0.5 * s**2 - HALF_LN_2PI - special.log_ndtr(-s)),
    }
)
PLAIN: Mapping[str, Family] = MappingProxyType(
    {
        known.name: known
        for known in (
            Family(
                name="exponential",
                label="exponential",
                flexsurv="exp",
                parameters=("rate",),
                scales=("log",),
                cumulative_hazard=lambda t, rate: rate * t,
                log_hazard=lambda t, rate: np.log(rate) + np.zeros_like(t),
                per_unit=lambda c, rate: (rate / c,),
                time_at=lambda hazard, rate: hazard / rate,
                mean=lambda rate: 1 / rate,
                starts=lambda rate, centre, spread: [[rate]],
            ),
            Family(
                name="weibull",
                label="Weibull",
                flexsurv="weibull",
                parameters=("shape", "scale"),
                scales=("log", "log"),
                cumulative_hazard=_weibull_hazard,
                log_hazard=_weibull_log_hazard,
                per_unit=lambda c, shape, scale: (shape, scale * c),
                time_at=lambda hazard, shape, scale: scale * hazard ** (1 / shape),
                mean=lambda shape, scale: scale * special.gamma(1 + 1 / shape),
                starts=lambda rate, centre, spread: [[0.0, -rate], [0.5, -rate], [-spread, centre + 0.5]],
            ),
            Family(
                name="weibull_ph",
                label="Weibull (proportional hazards)",
                flexsurv="weibullPH",
                parameters=("shape", "scale"),
                scales=("log", "log"),
                cumulative_hazard=_weibull_ph_hazard,
                log_hazard=lambda t, shape, scale: np.log(shape) + np.log(scale) + (shape - 1) * np.log(t),
                per_unit=lambda c, shape, scale: (shape, scale * c**-shape),
                time_at=lambda hazard, shape, scale: _weibull_ph_scale(shape, scale) * hazard ** (1 / shape),
                mean=lambda shape, scale: _weibull_ph_scale(shape, scale) * special.gamma(1 + 1 / shape),
                starts=lambda rate, centre, spread: [[0.0, rate], [0.5, rate]],
            ),
            Family(
                name="gompertz",
                label="Gompertz",
                flexsurv="gompertz",
                parameters=("shape", "rate"),
                scales=("identity", "log"),
                cumulative_hazard=_gompertz_hazard,
                log_hazard=lambda t, shape, rate: np.log(rate) + shape * t,
                per_unit=lambda c, shape, rate: (shape / c, rate / c),
                time_at=_gompertz_time_at,
                mean=_gompertz_mean,
                from_median=lambda median, shape: (shape, math.log(2.0) * shape / np.expm1(shape * median)),
                starts=lambda rate, centre, spread: [[0.01, rate], [0.5, rate], [-0.5, rate]],
            ),
            Family(
                name="log_logistic",
                label="log-logistic",
                flexsurv="llogis",
                parameters=("shape", "scale"),
                scales=("log", "log"),
                cumulative_hazard=_log_logistic_hazard,
                log_hazard=_log_logistic_log_hazard,
                per_unit=lambda c, shape, scale: (shape, scale * c),
                time_at=lambda hazard, shape, scale: scale * math.expm1(hazard) ** (1 / shape),
                mean=_log_logistic_mean,
                from_median=lambda median, shape: (shape, median),
                starts=lambda rate, centre, spread: [[0.0, -rate], [-spread, centre]],
            ),
            Family(
                name="log_normal",
                label="log-normal",
                flexsurv="lnorm",
                parameters=("meanlog", "sdlog"),
                scales=("identity", "log"),
                cumulative_hazard=_log_normal_hazard,
                log_hazard=_log_normal_log_hazard,
                per_unit=lambda c, meanlog, sdlog: (meanlog + math.log(c), sdlog),
                time_at=_log_normal_time_at,
                mean=lambda meanlog, sdlog: np.exp(meanlog + sdlog**2 / 2),
                from_median=lambda median, sdlog: (np.log(median), sdlog),
                starts=lambda rate, centre, spread: [[centre, spread], [-rate, 0.0]],
            ),
            Family(
                name="gamma",
                label="gamma",
                flexsurv="gamma",
                parameters=("shape", "rate"),
                scales=("log", "log"),
                cumulative_hazard=_gamma_hazard,
                log_hazard=_gamma_log_hazard,
                per_unit=lambda c, shape, rate: (shape, rate / c),
                time_at=lambda hazard, shape, rate: special.gammainccinv(shape, math.exp(-hazard)) / rate,
                mean=lambda shape, rate: shape / rate,
                from_median=lambda median, shape: (shape, special.gammainccinv(shape, 0.5) / median),
                starts=lambda rate, centre, spread: [[0.0, rate], [0.7, rate + 0.7], [-0.7, rate - 0.7]],
            ),
            Family(
                name="generalised_gamma",
                label="generalised gamma",
                flexsurv="gengamma",
                parameters=("mu", "sigma", "Q"),
                scales=("identity", "log", "identity"),
                cumulative_hazard=_generalised_gamma_hazard,
                log_hazard=_generalised_gamma_log_hazard,
                per_unit=lambda c, mu, sigma, q: (mu + math.log(c), sigma, q),
                time_at=_generalised_gamma_time_at,
                mean=_generalised_gamma_mean,
                starts=lambda rate, centre, spread: [
                    [-rate, 0.0, 1.0],
                    [centre, spread, 0.0],
                    [centre, spread, -1.0],
                    [-rate, spread, 0.5],
                ],
            ),
        )
    }
)
