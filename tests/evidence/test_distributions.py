"""Distributions: from a mean and a standard error (or an interval) to values.

Pitfalls guarded here: the interval of a hazard ratio read as symmetric; the median of a log-normal taken for its mean; a gamma's
rate taken for its scale; shapes that cannot hold the standard error; tails of the tables, where 1 - p has no digits left;
shapes below one, whose density has no upper bound; shapes so small or large that a float cannot hold them.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy import special, stats

from hemodel.evidence.distributions import Distribution, from_moments, quantile_tables, values_at
from hemodel.evidence.inputs import load_inputs

Z = np.linspace(-8, 8, 1_281)  # steps of 1/80: nodes of the table and points between them


def scipy_twin(found: Distribution) -> Any:
    """The same distribution in SciPy's words."""
    first, second = found.first, found.second
    match found.kind:
        case "normal":
            return stats.norm(first, second)
        case "lognormal" | "lognormal_median":
            return stats.lognorm(second, scale=math.exp(first))
        case "beta" | "dirichlet":
            return stats.beta(first, second)
        case "gamma":
            return stats.gamma(first, scale=second)
    return stats.uniform(first, second - first)


def exact_values(found: Distribution, z: np.ndarray) -> np.ndarray:
    """F^-1(Phi(z)) by SciPy's inverse incomplete functions, each tail from its own side."""
    lower, upper = special.ndtr(z), special.ndtr(-z)
    a, b = found.first, found.second
    if found.kind == "gamma":
        return b * np.where(z < 0, special.gammaincinv(a, lower), special.gammainccinv(a, upper))
    return np.where(z < 0, special.betaincinv(a, b, lower), special.betainccinv(a, b, upper))


def worst(found: Distribution) -> float:
    """Largest relative error of the values on the grid."""
    exact = exact_values(found, Z)
    return float(np.max(np.abs(values_at(found, Z) - exact) / exact))


MOMENTS = [
    ("normal", -0.2, 0.1),
    ("normal", 1_000.0, 200.0),
    ("lognormal", 1_000.0, 200.0),
    ("lognormal", 1.7, 2.4),
    ("beta", 0.7, 0.1),
    ("beta", 0.0014245, 0.00402623),
    ("beta", 0.995025, 0.004),
    ("beta", 0.5, 0.49),
    ("gamma", 1_000.0, 200.0),
    ("gamma", 0.05, 0.04),
    ("gamma", 3.0, 12.0),
    ("dirichlet", 0.6, 0.106904),
]


# Anchors: numbers worked out elsewhere ------------------------------------------------------------------------------------


def test_beta_with_mean_0_7_and_se_0_1_is_beta_14_6() -> None:
    found = from_moments("beta", 0.7, 0.1, None, None)
    assert (found.first, found.second) == pytest.approx((14, 6), rel=1e-12)


def test_gamma_with_mean_1000_and_se_200_has_shape_25_and_scale_40() -> None:
    found = from_moments("gamma", 1_000, 200, None, None)
    assert (found.first, found.second) == pytest.approx((25, 40), rel=1e-12)


def test_lognormal_with_mean_1000_and_se_200_has_the_known_mu_and_sigma() -> None:
    found = from_moments("lognormal", 1_000, 200, None, None)
    assert found.first == pytest.approx(6.8881449, abs=5e-8)
    assert found.second == pytest.approx(0.1980422, abs=5e-8)


def test_hazard_ratio_0_7_from_0_5_to_0_98_is_the_median_with_log_sd_0_1716727() -> None:
    found = from_moments("lognormal_median", 0.7, None, 0.5, 0.98)
    assert found.second == pytest.approx(0.1716727, abs=5e-8)
    assert math.exp(found.first) == pytest.approx(0.7, rel=1e-15)
    assert found.mean == pytest.approx(0.71039, abs=5e-6)  # above the median


def test_beta_from_counts_has_the_counts_as_shapes() -> None:
    events, n = 118, 353
    p = events / n
    found = from_moments("beta", p, math.sqrt(p * (1 - p) / (n + 1)), None, None)
    assert (found.first, found.second) == pytest.approx((events, n - events), rel=1e-12)


# Moments and quantiles ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "mean", "se"), MOMENTS)
def test_mean_and_standard_error_come_back(kind: str, mean: float, se: float) -> None:
    found = from_moments(kind, mean, se, None, None)
    twin = scipy_twin(found)
    assert (found.mean, found.standard_error) == pytest.approx((mean, se), rel=1e-9)
    assert (twin.mean(), twin.std()) == pytest.approx((mean, se), rel=1e-9)


@pytest.mark.parametrize(("kind", "mean", "se"), MOMENTS)
@pytest.mark.parametrize("share", [0.001, 0.025, 0.5, 0.975, 0.999])
def test_quantiles_are_scipys(kind: str, mean: float, se: float, share: float) -> None:
    found = from_moments(kind, mean, se, None, None)
    assert found.quantile(share) == pytest.approx(scipy_twin(found).ppf(share), rel=1e-9)


def test_uniform_has_its_bounds_mean_and_standard_error() -> None:
    found = from_moments("uniform", 3.0, None, 2.0, 4.0)
    assert (found.first, found.second, found.mean) == (2, 4, 3)
    assert found.standard_error == pytest.approx(2 / math.sqrt(12), rel=1e-15)
    assert found.quantile(0.25) == pytest.approx(2.5, rel=1e-15)


def test_a_fixed_value_has_no_spread() -> None:
    found = from_moments("fixed", 4368.0, None, None, None)
    assert (found.mean, found.standard_error, found.quantile(0.01), found.quantile(0.99)) == (4368, 0, 4368, 4368)
    assert list(values_at(found, np.array([-3.0, 3.0]))) == [4368, 4368]


def test_the_interval_of_a_lognormal_median_is_met_where_it_is_symmetric_about_the_log() -> None:
    found = from_moments("lognormal_median", 9.5, None, 9.5 * math.exp(-0.3), 9.5 * math.exp(0.3))
    assert found.quantile(0.025) == pytest.approx(9.5 * math.exp(-0.3), rel=1e-12)
    assert found.quantile(0.975) == pytest.approx(9.5 * math.exp(0.3), rel=1e-12)


# The quantile tables ------------------------------------------------------------------------------------------------------

SHAPES = (0.1, 0.12, 0.3, 0.5, 0.8, 1.0, 2.0, 6.0, 14.0, 50.0, 300.0, 1e3, 1e4)


@pytest.mark.parametrize("shape", SHAPES)
def test_gamma_values_are_exact_to_nine_digits(shape: float) -> None:
    assert worst(Distribution("gamma", shape, 40.0)) < 1e-9


@pytest.mark.parametrize("shape", [1e6, 1e9, 1e16, 1e300])
def test_a_gamma_with_a_tiny_spread_is_nearly_normal(shape: float) -> None:
    values = values_at(Distribution("gamma", shape, 1 / shape), Z)
    normal = 1 + Z / math.sqrt(shape)
    np.testing.assert_allclose(values, normal, rtol=0, atol=25 / shape + 1e-13)  # (z^2 - 1) / (3 shape) is the next term
    assert (np.diff(values) >= 0).all()
    assert Distribution("gamma", shape, 1 / shape).quantile(0.975) == pytest.approx(
        1 + 1.959964 / math.sqrt(shape), abs=2 / shape + 1e-13
    )


def test_the_two_ways_to_a_gamma_meet() -> None:
    below, above = (values_at(Distribution("gamma", shape, 1e-6), Z[300:-300]) for shape in (1e6 * (1 - 1e-12), 1e6))
    np.testing.assert_allclose(below, above, rtol=1e-9)


@pytest.mark.parametrize("alpha", SHAPES)
def test_beta_values_are_exact_to_nine_digits(alpha: float) -> None:
    for beta in SHAPES:
        both_small = max(alpha, beta) < 0.3  # as the module says
        assert worst(Distribution("beta", alpha, beta)) < (1e-8 if both_small else 1e-9), beta


def test_the_distributions_of_the_inputs_are_exact_to_nine_digits() -> None:
    found = {
        p.uncertainty
        for population in load_inputs().settings.populations
        for p in load_inputs(population=population).parameters.values()
        if p.distribution in ("beta", "gamma")
    }
    assert min(min(d.first, d.second) for d in found if d.kind == "beta") < 0.13  # rash on dexamethasone: the hardest one
    wrong = {d: error for d in found if (error := worst(d)) > 1e-9}
    assert wrong == {}


@pytest.mark.parametrize(("alpha", "beta"), [(1.5, 40.0), (14.0, 6.0), (0.12, 84.0)])
def test_the_upper_tail_of_a_beta_is_the_lower_tail_of_its_mirror(alpha: float, beta: float) -> None:
    mirrored = 1 - values_at(Distribution("beta", beta, alpha), -Z)
    np.testing.assert_allclose(values_at(Distribution("beta", alpha, beta), Z), mirrored, rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", ["beta", "gamma"])
@pytest.mark.parametrize("shape", [1e-3, 0.01, 0.05])
def test_shapes_so_small_that_quantiles_underflow_still_give_values_in_order(kind: str, shape: float) -> None:
    found = Distribution(kind, shape, 2.0)
    values, exact = values_at(found, Z), exact_values(found, Z)
    assert np.isfinite(values).all()
    assert (np.diff(values) >= 0).all()
    np.testing.assert_allclose(values, exact, rtol=1e-7, atol=1e-290)


def test_values_rise_with_z_and_stay_in_range() -> None:
    for alpha, beta in [(1e-3, 1e-3), (0.12, 0.12), (1.0, 1.0), (14.0, 6.0), (1e5, 3.0)]:
        values = values_at(Distribution("beta", alpha, beta), Z)
        assert (np.diff(values) >= 0).all()
        assert 0 <= values.min() <= values.max() <= 1


def test_a_table_ends_where_the_uniform_numbers_end() -> None:
    found = Distribution("gamma", 25.0, 40.0)
    low, high, beyond_low, beyond_high = values_at(found, np.array([-8.3, 8.3, -12.0, 12.0]))
    assert (beyond_low, beyond_high) == (low, high)


def test_tables_made_together_are_those_made_alone() -> None:
    several = [Distribution("gamma", 25.0, 40.0), Distribution("beta", 14.0, 6.0), Distribution("gamma", 2.0, 1.0)]
    together = quantile_tables([*several, several[0]])
    assert together.shape == (4, 6, 256)
    for row, found in zip(together, [*several, several[0]], strict=True):
        assert np.array_equal(row, quantile_tables([found])[0])


# What no distribution can hold --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("fixed", 1.0, 0.1, None, None), "is fixed but has"),
        (("fixed", 1.0, None, 0.5, None), "is fixed but has"),
        (("beta", 0.5, None, None, None), "takes se"),
        (("beta", 0.5, 0.1, 0.3, 0.7), "takes se and no low and high"),
        (("beta", 0.5, 0.5, None, None), r"se\^2 must be below mean"),
        (("beta", 1.0, 0.1, None, None), r"se\^2 must be below mean"),
        (("beta", 0.0, 0.1, None, None), r"se\^2 must be below mean"),
        (("gamma", 0.0, 1.0, None, None), "which is not above 0"),
        (("lognormal", -1.0, 1.0, None, None), "which is not above 0"),
        (("normal", 1.0, 0.0, None, None), "standard error 0"),
        (("gamma", 1.0, -0.2, None, None), "standard error -0.2"),
        (("uniform", 1.0, 0.1, None, None), "takes low and high and no se"),
        (("uniform", 1.0, None, 0.0, None), "takes low and high"),
        (("uniform", 5.0, None, 1.0, 3.0), "outside its interval 1 to 3"),
        (("lognormal_median", 0.7, 0.1, 0.5, 0.98), "takes low and high and no se"),
        (("lognormal_median", 0.4, None, 0.5, 0.98), "outside its interval 0.5 to 0.98"),
        (("lognormal_median", 0.7, None, 0.0, 0.98), "cannot hold the lower bound 0"),
        (("lognormal_median", 1.0, None, 1e-300, 1e300), "cannot be as wide"),
        (("gamma", math.inf, 1.0, None, None), "not finite"),
        (("normal", math.nan, 1.0, None, None), "not finite"),
        (("normal", 1.0, math.inf, None, None), "not finite"),
        (("gamma", 1e300, 1.0, None, None), "no computer holds"),
        (("gamma", 1.0, 1e-200, None, None), "no computer holds"),
        (("gamma", 1.0, 1e200, None, None), "no computer holds"),
        (("beta", 0.5, 1e-170, None, None), "no computer holds"),
        (("beta", 0.5, 0.49999, None, None), "no computer holds"),
        (("lognormal", 1e-300, 1e300, None, None), "no computer holds"),
        (("lognormal", 1e300, 1e-300, None, None), "no computer holds"),
    ],
)
def test_numbers_that_a_distribution_cannot_hold_are_refused_with_the_reason(
    arguments: tuple[str, float, float | None, float | None, float | None], reason: str
) -> None:
    with pytest.raises(ValueError, match=reason):
        from_moments(*arguments)


@pytest.mark.parametrize(
    ("kind", "value"), [("lognormal_median", 1.9), ("lognormal_median", 2.2), ("uniform", 1.9), ("uniform", 2.2)]
)
def test_a_value_on_the_end_of_its_interval_as_trials_print_it_is_taken(kind, value):
    """Rounded to one decimal, a median of 1.9 (1.9 to 2.2) lies on the end of its interval."""
    found = from_moments(kind, value, None, 1.9, 2.2)
    if kind == "lognormal_median":
        assert found == Distribution(kind, math.log(value), (math.log(2.2) - math.log(1.9)) / (2 * 1.959963984540054))
    else:
        assert found == Distribution(kind, 1.9, 2.2)
    for outside in (1.89, 2.21):
        with pytest.raises(ValueError, match=r"outside its interval 1\.9 to 2\.2"):
            from_moments(kind, outside, None, 1.9, 2.2)
    with pytest.raises(ValueError, match=r"from 1\.9 to 1\.9, which has no width"):
        from_moments(kind, 1.9, None, 1.9, 1.9)
