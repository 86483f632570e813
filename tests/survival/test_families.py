"""Parametric families of survival curves.

Pitfalls guarded: another package's parametrisation (scale for rate, proportional hazards for accelerated failure); survival rounded to 0
or 1 in the tails; Prentice's Q at 0 and below; the incomplete gamma functions swapped for Q < 0; a mean that is infinite reported finite;
a spline that rises taken for a curve; parameters outside bounds turned into NaN; bits that depend on the other draws.
"""

import math

import numpy as np
import pytest

from hemodel.errors import InputError
from hemodel.survival.families import (
    PLAIN,
    cumulative_hazard,
    family,
    family_names,
    mean,
    mean_time,
    mixture_cure,
    natural,
    piecewise_exponential,
    quantile,
    restricted_mean,
    spline,
    time_at,
    transformed,
)

TIMES = np.array([0.0, 0.01, 0.5, 2.0, 9.0, 40.0])
EXAMPLES = [
    (family("exponential"), [0.3]),
    (family("weibull"), [1.4, 3.0]),
    (family("weibull_ph"), [0.8, 0.4]),
    (family("gompertz"), [0.12, 0.1]),
    (family("gompertz"), [-0.2, 0.5]),
    (family("gompertz"), [0.001, 0.5]),
    (family("log_logistic"), [1.7, 3.0]),
    (family("log_normal"), [1.1, 0.8]),
    (family("gamma"), [1.6, 0.5]),
    (family("gamma"), [0.6, 0.5]),
    (family("generalised_gamma"), [1.2, 0.7, 0.9]),
    (family("generalised_gamma"), [1.2, 0.7, -0.9]),
    (family("generalised_gamma"), [1.2, 0.7, 1e-4]),
    (family("generalised_gamma"), [1.2, 0.7, 0.0]),
    (spline("hazard", [0.1, 1.0, 3.0, 8.0]), [-1.5, 1.3, 0.02, -0.01]),
    (spline("odds", [0.1, 2.0, 8.0]), [-1.5, 1.6, 0.02]),
    (spline("normal", [0.1, 2.0, 8.0]), [-1.0, 0.9, 0.01]),
    (piecewise_exponential([1.0, 5.0]), [0.2, 0.5, 0.1]),
    (mixture_cure(family("log_normal")), [0.3, 1.1, 0.8]),
    (mixture_cure(spline("hazard", [0.1, 2.0, 8.0])), [0.2, -1.5, 1.3, 0.02]),
]
IDS = [f"{known.name}-{place}" for place, (known, _) in enumerate(EXAMPLES)]


@pytest.mark.parametrize(("known", "parameters"), EXAMPLES, ids=IDS)
def test_curves_start_at_nobody_dead_and_hazards_are_their_slopes(known, parameters):
    values = cumulative_hazard(known, TIMES, parameters)
    assert values[0] == 0
    assert np.all(np.diff(values) >= 0)
    assert np.all(np.diff(values[2:]) > 0)
    step = 1e-4
    later, earlier = (cumulative_hazard(known, TIMES[2:] * math.exp(move), parameters) for move in (step, -step))
    slopes = (later - earlier) / (2 * step * TIMES[2:])
    np.testing.assert_allclose(np.exp(known.log_hazard(TIMES[2:], *map(np.asarray, parameters))), slopes, rtol=1e-6)


@pytest.mark.parametrize(("known", "parameters"), EXAMPLES, ids=IDS)
def test_the_median_and_other_quantiles_are_where_survival_says(known, parameters):
    for share in (0.02, 0.5, 0.75):
        when = quantile(known, share, parameters)
        if np.isinf(when):  # more than this share are cured
            assert math.exp(-cumulative_hazard(known, [1e12], parameters)[0]) > 1 - share
            continue
        assert math.exp(-cumulative_hazard(known, [float(when)], parameters)[0]) == pytest.approx(1 - share, rel=1e-10)


@pytest.mark.parametrize(("known", "parameters"), [pair for pair in EXAMPLES if pair[0].mean is not None])
def test_means_by_formula_agree_with_the_area_under_the_curve(known, parameters):
    area = mean_time(lambda times: cumulative_hazard(known, times, parameters))
    assert float(mean(known, parameters)) == pytest.approx(area, rel=1e-8)


@pytest.mark.parametrize(("known", "parameters"), EXAMPLES, ids=IDS)
def test_time_in_other_units_gives_the_same_curve(known, parameters):
    in_months = known if known.in_units is None else known.in_units(1 / 12)
    moved = known.per_unit(1 / 12, *map(np.asarray, parameters))
    # `per_unit` gives parameters in the data's units for a curve fitted to times divided by the factor
    np.testing.assert_allclose(
        cumulative_hazard(known, TIMES / 12, list(moved)), cumulative_hazard(in_months, TIMES, parameters), rtol=1e-10
    )


@pytest.mark.parametrize(("known", "parameters"), EXAMPLES, ids=IDS)
def test_the_estimation_scale_goes_there_and_back(known, parameters):
    back = natural(known, np.stack(transformed(known, parameters)))
    np.testing.assert_allclose(back, parameters, rtol=1e-13)


def test_named_families_hold_each_other_as_special_cases():
    def same(one, other):
        np.testing.assert_allclose(cumulative_hazard(*one), cumulative_hazard(*other), rtol=1e-11)

    same(("weibull", TIMES, [1.0, 4.0]), ("exponential", TIMES, [0.25]))
    same(("weibull", TIMES, [1.4, 3.0]), ("weibull_ph", TIMES, [1.4, 3.0**-1.4]))
    same(("gompertz", TIMES, [0.0, 0.25]), ("exponential", TIMES, [0.25]))
    same(("gamma", TIMES, [1.0, 0.25]), ("exponential", TIMES, [0.25]))
    same(("generalised_gamma", TIMES, [1.2, 0.7, 1.0]), ("weibull", TIMES, [1 / 0.7, math.exp(1.2)]))
    same(("generalised_gamma", TIMES, [1.2, 0.7, 0.7]), ("gamma", TIMES, [0.7**-2, math.exp(-1.2) / 0.7**2]))
    same(("generalised_gamma", TIMES, [1.2, 0.7, 0.0]), ("log_normal", TIMES, [1.2, 0.7]))
    ends = [0.5, 9.0]  # splines without internal knots
    same((spline("hazard", ends), TIMES, [-1.2, 1.4]), ("weibull", TIMES, [1.4, math.exp(1.2 / 1.4)]))
    same((spline("odds", ends), TIMES, [-1.2, 1.4]), ("log_logistic", TIMES, [1.4, math.exp(1.2 / 1.4)]))
    same((spline("normal", ends), TIMES, [-1.2, 1.4]), ("log_normal", TIMES, [1.2 / 1.4, 1 / 1.4]))
    same((piecewise_exponential([3.0]), TIMES, [0.2, 0.2]), ("exponential", TIMES, [0.2]))


def test_generalised_gamma_is_smooth_through_the_log_normal():
    late = TIMES[2:]
    at_zero = cumulative_hazard("generalised_gamma", late, [1.2, 0.7, 0.0])
    for q in (1e-6, -1e-6):
        np.testing.assert_allclose(cumulative_hazard("generalised_gamma", late, [1.2, 0.7, q]), at_zero, rtol=1e-4)
    left, right = (cumulative_hazard("generalised_gamma", late, [1.2, 0.7, q]) for q in (-1e-3, 1e-3))
    np.testing.assert_allclose((left + right) / 2, at_zero, rtol=1e-4)


def test_tails_agree_with_arithmetic_of_sixty_digits():
    # computed with mpmath at 60 digits
    for name, parameters, time, expected in [
        ("gamma", [1.7, 0.4], 1e-3, 1.082811046447621e-06),
        ("gamma", [1.7, 0.4], 1e5, 39992.48653048971),
        ("log_normal", [1.0, 0.3], 1e5, 618.4852285703498),
        ("generalised_gamma", [1.2, 0.7, 0.8], 1e-3, 7.445550904941102e-07),
        ("generalised_gamma", [1.2, 0.7, 0.8], 1e5, 205346.39382325366),
        ("generalised_gamma", [1.2, 0.7, -0.8], 0.5, 6.3102937319010785e-06),
        ("generalised_gamma", [1.2, 0.7, -0.05], 1e-3, 5.356430359403433e-38),
        ("generalised_gamma", [1.2, 0.7, -0.05], 1e5, 89.4111175626723),
        ("generalised_gamma", [1.2, 0.7, -3.0], 1e5, 5.100560175270005),
    ]:
        assert cumulative_hazard(name, [time], parameters)[0] == pytest.approx(expected, rel=1e-12), (name, time)


def test_tails_below_the_smallest_number_go_on():
    # P(k, u) is about u^k / Gamma(k + 1): survival of 1e-2000 and beyond has a logarithm all the same
    far = cumulative_hazard("generalised_gamma", [math.exp(30)], [0.0, 0.05, -0.2])[0]
    k, log_u = 25.0, math.log(25.0) - 0.2 * 30 / 0.05
    assert far == pytest.approx(math.lgamma(k + 1) - k * log_u, rel=1e-12)
    assert cumulative_hazard("log_logistic", [1e300], [2.0, 1.0])[0] == pytest.approx(600 * math.log(10), rel=1e-14)


def test_mean_is_infinite_where_some_live_for_ever_or_the_tail_is_heavy():
    assert mean("gompertz", [-0.1, 0.2]) == np.inf
    assert mean("log_logistic", [0.9, 2.0]) == np.inf
    assert mean("generalised_gamma", [1.0, 1.5, -0.8]) == np.inf
    assert mean("weibull_mixture_cure", [0.1, 1.0, 2.0]) == np.inf
    assert mean_time(lambda times: cumulative_hazard("log_logistic", times, [0.9, 2.0])) == np.inf
    assert mean_time(lambda times: cumulative_hazard("weibull_mixture_cure", times, [0.6, 1.0, 2.0])) == np.inf
    assert restricted_mean("weibull_mixture_cure", 10.0, [0.6, 1.0, 2.0]) == pytest.approx(
        6 + 0.4 * 2 * -math.expm1(-5), rel=1e-9
    )
    assert quantile("weibull_mixture_cure", 0.5, [0.6, 1.0, 2.0]) == np.inf
    assert quantile("gompertz", 0.95, [-0.2, 0.5]) == np.inf
    assert math.exp(-cumulative_hazard("gompertz", [1e6], [-0.2, 0.5])[0]) == pytest.approx(math.exp(-0.5 / 0.2), rel=1e-12)


def test_piecewise_hazards_add_up():
    known = piecewise_exponential([1.0, 5.0])
    np.testing.assert_allclose(cumulative_hazard(known, [0.5, 1, 3, 7], [0.2, 0.5, 0.1]), [0.1, 0.2, 1.2, 2.4], rtol=1e-14)


def test_times_come_first_and_parameters_keep_their_shape():
    shape, scale = np.linspace(1, 2, 3), np.linspace(1, 4, 6).reshape(2, 3)
    found = cumulative_hazard("weibull", TIMES, [shape, scale])
    assert found.shape == (6, 2, 3)
    np.testing.assert_array_equal(found[:, 1, 2], cumulative_hazard("weibull", TIMES, {"scale": scale[1, 2], "shape": shape[2]}))
    assert cumulative_hazard("weibull", np.outer(TIMES, [1, 2, 3]), [shape, 2.0]).shape == (6, 3)


@pytest.mark.parametrize("name", ["gamma", "generalised_gamma", "log_normal", "gompertz"])
def test_blocks_of_draws_give_the_same_bits(name):
    n = 37
    known = PLAIN[name]
    parameters = [np.linspace(low, low + 0.8, n) for low in (0.6, 0.3, -0.4)[: len(known.parameters)]]
    times = np.array([0.1, 3.0, 1e3, 1e6])
    whole = cumulative_hazard(known, times, parameters)
    parts = [cumulative_hazard(known, times, [value[piece] for value in parameters]) for piece in (slice(0, 5), slice(5, n))]
    np.testing.assert_array_equal(whole, np.concatenate(parts, axis=1))


def test_parameters_out_of_bounds_are_refused_all_at_once():
    with pytest.raises(InputError) as caught:
        cumulative_hazard("weibull", TIMES, [[1.0, -1.0], 0.0])
    assert [fault.where for fault in caught.value.faults] == ["weibull (shape)", "weibull (scale)"]
    assert "above 0" in str(caught.value)
    for name, parameters in [
        ("generalised_gamma", [0.0, 1.0, math.nan]),
        ("weibull_mixture_cure", [1.0, 1.0, 1.0]),
        ("gamma", [1.0]),
    ]:
        with pytest.raises(InputError):
            cumulative_hazard(name, TIMES, parameters)
    with pytest.raises(InputError, match="rate"):
        cumulative_hazard("exponential", TIMES, {"scale": 1.0})
    with pytest.raises(InputError, match="negative"):
        cumulative_hazard("exponential", [-1.0], [1.0])


def test_splines_that_rise_are_refused_wherever_they_rise():
    with pytest.raises(InputError, match="1 of the curves rise"):
        cumulative_hazard(spline("hazard", [1.0, 5.0]), TIMES, [-1.0, [1.0, -0.1]])
    dips = spline("hazard", [1.0, math.e, math.e**2])  # slope 0.1 before and after, lowest between the knots
    with pytest.raises(InputError, match="survival curve"):
        cumulative_hazard(dips, [1.0, 7.0], [-1.0, 0.1, 0.2])
    assert np.all(np.diff(cumulative_hazard(dips, TIMES, [-1.0, 1.0, 0.2])) > 0)


def test_a_spline_that_dips_between_its_inner_knots_only_is_refused():
    dips = spline("hazard", [1.0, math.e, math.e**2, math.e**3])  # slopes at the knots 0.1 and more, -0.85 between two of them
    with pytest.raises(InputError, match="1 of the curves rise"):
        cumulative_hazard(dips, TIMES, [-1.0, 2.0, 1.9, -1.9])


def test_the_quantile_of_a_curve_that_does_not_start_at_nobody_dead_is_refused():
    with pytest.raises(InputError, match=r"does not pass a cumulative hazard of 0\.5"):
        time_at(lambda times: times + 1, 0.5)


def test_unknown_names_get_the_nearest():
    with pytest.raises(InputError, match="log_normal"):
        family("lognormal")
    with pytest.raises(InputError, match="knots"):
        family("spline_odds")
    with pytest.raises(InputError, match="rising"):
        spline("hazard", [2.0, 1.0])
    assert len(family_names()) == 12
