"""Distributions of parameters: from published mean and standard error (or interval) to values of a draw.

Every value comes from a standard normal number z through the inverse distribution function, x = F^-1(Phi(z)): z is where
correlation enters (Gaussian copula) and where a draw is keyed. Normal, log-normal and uniform have that in closed form. Beta
and gamma go through a table: log(x), or logit(x), is interpolated by quintic Hermite polynomials with exact first and second
derivatives on 257 equally spaced z in [-8.3, 8.3]. The relative error is below 1e-9 for shapes from 0.1 to 1e4 (a beta whose two
shapes are both below 0.3: 1e-8), does not depend on the number of draws, and a value costs 20 ns where the inverse incomplete
gamma function costs 500.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

Array = NDArray[np.float64]

KINDS = ("fixed", "normal", "lognormal", "lognormal_median", "beta", "gamma", "uniform", "dirichlet")
Z_95 = float(special.ndtri(0.975))  # 1.959964: half-width of a 95 % interval in standard errors
_SHAPES = (1e-3, 1e10)  # of a beta, and the least of a gamma: below, nearly every draw would be 0 (or 1) to all digits
_NEARLY_NORMAL = 1e6  # shape of a gamma from which SciPy's inverse loses digits and Wilson and Hilferty's cube has nine
_Z_END, _Z_NODES = 8.3, 257  # the smallest uniform, 2^-54, has z = -8.29
_Z = np.linspace(-_Z_END, _Z_END, _Z_NODES)


@dataclass(frozen=True)
class Distribution:
    """A family with its two numbers: (mean, sd) of a normal, (mu, sigma) of log x, (alpha, beta), (shape, scale), (low, high).

    A Dirichlet share is held by its marginal beta; the joint draw is made in `evidence.draws`.
    """

    kind: str
    first: float
    second: float

    @property
    def mean(self) -> float:
        """Expected value.

        >>> Distribution("gamma", 25.0, 40.0).mean
        1000.0
        """
        first, second = self.first, self.second
        match self.kind:
            case "lognormal" | "lognormal_median":
                return math.exp(first + second * second / 2)
            case "beta" | "dirichlet":
                return first / (first + second)
            case "gamma":
                return first * second
            case "uniform":
                return (first + second) / 2
        return first

    @property
    def standard_error(self) -> float:
        """Standard deviation of the distribution: the standard error of the estimate it stands for.

        >>> Distribution("gamma", 25.0, 40.0).standard_error
        200.0
        """
        first, second = self.first, self.second
        match self.kind:
            case "lognormal" | "lognormal_median":
                return self.mean * math.sqrt(math.expm1(second * second))
            case "beta" | "dirichlet":
                return math.sqrt(first * second / (first + second + 1)) / (first + second)
            case "gamma":
                return math.sqrt(first) * second
            case "uniform":
                return (second - first) / math.sqrt(12)
        return second

    def quantile(self, probability: float) -> float:
        """Value below which the share `probability`, in (0, 1), of the distribution lies.

        >>> Distribution("normal", 10.0, 2.0).quantile(0.5)
        10.0
        """
        first, second = self.first, self.second
        match self.kind:
            case "beta" | "dirichlet":
                return float(special.betaincinv(first, second, probability))
            case "gamma" if first < _NEARLY_NORMAL:
                return float(special.gammaincinv(first, probability)) * second
        return float(values_at(self, special.ndtri(np.array([probability])))[0])


def from_moments(kind: str, value: float, se: float | None, low: float | None, high: float | None) -> Distribution:
    """The distribution of one parameter by the method of moments; `ValueError` says why there is none.

    normal, lognormal, beta, gamma: `value` is the mean and `se` the standard error. lognormal_median: `value` is the median and
    (low, high) the published 95 % interval, so that log x has SD (ln high - ln low) / (2 * 1.959964). uniform: (low, high).

    >>> from_moments("beta", 0.7, 0.1, None, None)
    Distribution(kind='beta', first=13.999999999999996, second=6.0)
    """
    if not all(math.isfinite(number) for number in (value, se, low, high) if number is not None):
        raise ValueError("has a number that is not finite")
    if kind == "fixed":
        if se is not None or low is not None or high is not None:
            raise ValueError("is fixed but has a standard error or an interval")
        return Distribution(kind, value, 0.0)
    if kind in ("uniform", "lognormal_median"):
        if low is None or high is None or se is not None:
            raise ValueError(f"is {kind}, which takes low and high and no se")
        return _from_interval(kind, value, low, high)
    if se is None or low is not None or high is not None:
        raise ValueError(f"is {kind}, which takes se and no low and high")
    if se <= 0:
        raise ValueError(f"has the standard error {se:g}, which is not above 0")
    try:
        found = _from_mean_and_se(kind, value, se)
        holds = math.isclose(found.mean, value, rel_tol=1e-6) and math.isclose(found.standard_error, se, rel_tol=1e-6)
    except ArithmeticError:
        holds = False
    if not holds or not _can_be_tabulated(found):
        raise ValueError(f"cannot be {kind} with mean {value:g} and standard error {se:g}: no computer holds so extreme a shape")
    return found


def _can_be_tabulated(distribution: Distribution) -> bool:
    least, largest = _SHAPES
    match distribution.kind:
        case "gamma":
            return distribution.first >= least
        case "beta" | "dirichlet":
            return (
                min(distribution.first, distribution.second) >= least and max(distribution.first, distribution.second) <= largest
            )
    return True


def _from_interval(kind: str, value: float, low: float, high: float) -> Distribution:
    if not low <= value <= high:  # on an end of it lie medians as trials print them: 1.9 (1.9 to 2.2)
        raise ValueError(f"has the value {value:g} outside its interval {low:g} to {high:g}")
    if low == high:
        raise ValueError(f"has an interval from {low:g} to {high:g}, which has no width")
    if kind == "uniform":
        return Distribution(kind, low, high)
    if low <= 0:
        raise ValueError(f"is log-normal, which cannot hold the lower bound {low:g}")
    found = Distribution(kind, math.log(value), (math.log(high) - math.log(low)) / (2 * Z_95))
    try:
        found.mean, found.standard_error  # noqa: B018  # computed for their errors
    except OverflowError:
        raise ValueError(f"is log-normal, which cannot be as wide as {low:g} to {high:g}") from None
    return found


def _from_mean_and_se(kind: str, mean: float, se: float) -> Distribution:
    if kind == "normal":
        return Distribution(kind, mean, se)
    if kind in ("beta", "dirichlet"):
        if not 0 < mean < 1 or se * se >= mean * (1 - mean):
            raise ValueError(f"cannot be {kind} with mean {mean:g} and standard error {se:g}: se^2 must be below mean (1 - mean)")
        count = mean * (1 - mean) / (se * se) - 1
        return Distribution(kind, mean * count, (1 - mean) * count)
    if mean <= 0:
        raise ValueError(f"cannot be {kind} with mean {mean:g}, which is not above 0")
    if kind == "gamma":
        return Distribution(kind, (mean / se) ** 2, se * se / mean)
    sigma_squared = math.log1p((se / mean) ** 2)
    return Distribution(kind, math.log(mean) - sigma_squared / 2, math.sqrt(sigma_squared))


def values_at(distribution: Distribution, z: Array, table: Array | None = None) -> Array:
    """Values F^-1(Phi(z)) for standard normal `z`, shape (draw,); `table` is this distribution's row of `quantile_tables`.

    Beta and gamma take z beyond +-8.3, which has a probability of 1e-16, as +-8.3.

    >>> values_at(Distribution("normal", 10.0, 2.0), np.array([0.0, 1.0]))
    array([10., 12.])
    """
    first, second = distribution.first, distribution.second
    match distribution.kind:
        case "fixed":
            return np.full(z.shape, first)
        case "normal":
            return first + second * z
        case "lognormal" | "lognormal_median":
            return np.exp(first + second * z)
        case "uniform":
            return first + (second - first) * special.ndtr(z)
    if table is None:
        table = quantile_tables([distribution])[0]
    scaled = _interpolate(table, z)
    return second * np.exp(scaled) if distribution.kind == "gamma" else special.expit(scaled)


def quantile_tables(distributions: list[Distribution]) -> Array:
    """Hermite coefficients of log(x / scale) (gamma) or logit(x) (beta) in z, shape (distribution, 6, cell).

    Rows of other kinds are not filled; equal distributions are worked out once.
    """
    unique = list(dict.fromkeys(distributions))
    values = np.zeros((3, len(unique), _Z_NODES))
    for kinds, curve in ((("gamma",), _log_gamma), (("beta", "dirichlet"), _logit_beta)):
        rows = [i for i, d in enumerate(unique) if d.kind in kinds]
        if rows:
            first = np.array([[unique[i].first] for i in rows])
            second = np.array([[unique[i].second] for i in rows])
            values[:, rows] = curve(first, second)
    place = {d: i for i, d in enumerate(unique)}
    return _quintic_hermite(*values, step=_Z[1] - _Z[0])[[place[d] for d in distributions]]


def _log_gamma(shape: Array, _scale: Array) -> tuple[Array, Array, Array]:
    """Log of a gamma quantile of scale 1 and its first two derivatives in z, each (distribution, node)."""
    small = np.minimum(shape, _NEARLY_NORMAL)
    x = _from_nearer_tail(lambda p: special.gammaincinv(small, p), lambda q: special.gammainccinv(small, q))
    log_x = _log_or_tail(x, small, special.log_ndtr(_Z) + special.gammaln(small + 1))
    slope = np.exp(_log_normal_density() - (small * log_x - x - special.gammaln(small)))
    bend = slope * (-_Z - (small - x) * slope)
    step = 1 / (3 * np.sqrt(np.maximum(shape, _NEARLY_NORMAL)))
    root = 1 - step**2 + step * _Z  # Wilson and Hilferty 1931: the cube root of x / shape is nearly normal
    exact, cube = (log_x, slope, bend), (np.log(shape) + 3 * np.log(root), 3 * step / root, -3 * (step / root) ** 2)
    value, first, second = (np.where(shape < _NEARLY_NORMAL, one, other) for one, other in zip(exact, cube, strict=True))
    return value, first, second


def _logit_beta(alpha: Array, beta: Array) -> tuple[Array, Array, Array]:
    """Logit of a beta quantile and its first two derivatives in z, each (distribution, node)."""
    x = _from_nearer_tail(lambda p: special.betaincinv(alpha, beta, p), lambda q: special.betainccinv(alpha, beta, q))
    y, z = 1.0 - x, np.broadcast_to(_Z, x.shape)
    for at, inverse in (((x > 0.5) & (z < 0), special.betainccinv), ((x > 0.5) & (z >= 0), special.betaincinv)):
        a, b = (np.broadcast_to(shape, x.shape)[at] for shape in (alpha, beta))  # where the difference would lose digits
        y[at] = inverse(b, a, special.ndtr(-np.abs(z[at])))
    log_x = _log_or_tail(x, alpha, special.log_ndtr(_Z) + np.log(alpha) + special.betaln(alpha, beta))
    log_y = _log_or_tail(y, beta, special.log_ndtr(-_Z) + np.log(beta) + special.betaln(alpha, beta))
    slope = np.exp(_log_normal_density() - (alpha * log_x + beta * log_y - special.betaln(alpha, beta)))
    return log_x - log_y, slope, slope * (-_Z - (alpha * y - beta * x) * slope)


def _from_nearer_tail(lower: Callable[[Array], NDArray[Any]], upper: Callable[[Array], NDArray[Any]]) -> Array:
    """A quantile at every node, from the probability below it in the lower half and from that above it in the upper, where a
    probability near 1 would have lost its digits; (distribution, node).
    """
    below = _Z < 0
    return np.concatenate([lower(special.ndtr(_Z[below])), upper(special.ndtr(-_Z[~below]))], axis=1)


def _log_or_tail(x: Array, power: Array, log_tail: Array) -> Array:
    """Log of the quantile x; where x is close to underflow, from the power law log F(x) = power log x - c there.

    `log_tail` is log F + c.
    """
    is_tiny = x < 1e-100
    return np.where(is_tiny, log_tail / power, np.log(np.where(is_tiny, 1.0, x)))


def _log_normal_density() -> Array:
    return -_Z * _Z / 2 - math.log(2 * math.pi) / 2


def _quintic_hermite(value: Array, slope: Array, bend: Array, *, step: float) -> Array:
    """Coefficients, constant first, of the quintic on each cell that meets value, slope and bend at both ends."""
    y0, y1 = value[:, :-1], value[:, 1:]
    d0, d1 = step * slope[:, :-1], step * slope[:, 1:]
    b0, b1 = step * step * bend[:, :-1], step * step * bend[:, 1:]
    rise = y1 - y0
    return np.stack(
        [
            y0,
            d0,
            b0 / 2,
            10 * rise - 6 * d0 - 4 * d1 - 1.5 * b0 + 0.5 * b1,
            -15 * rise + 8 * d0 + 7 * d1 + 1.5 * b0 - b1,
            6 * rise - 3 * d0 - 3 * d1 - 0.5 * b0 + 0.5 * b1,
        ],
        axis=1,
    )


def _interpolate(table: Array, z: Array) -> Array:
    position: Array = np.clip((z + _Z_END) * ((_Z_NODES - 1) / (2 * _Z_END)), 0, _Z_NODES - 1)
    cell = np.minimum(position.astype(np.intp), _Z_NODES - 2)
    position -= cell
    result: Array = table[5].take(cell)
    for coefficients in table[4::-1]:
        result *= position
        result += coefficients.take(cell)
    return result
