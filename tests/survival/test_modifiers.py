"""What is done to curves: effects, waning, floors, averages, calibration.

Pitfalls guarded: an effect on the hazard applied to survival; waning that is right at midpoints only; the floor put on survival instead
of the hazard; a background that is added where it should be a floor; hazards averaged instead of survival; a time ratio the wrong way up.
"""

import math

import numpy as np
import pytest

from hemodel.errors import InputError
from hemodel.survival.families import cumulative_hazard, mean_time, time_at
from hemodel.survival.modifiers import (
    averaged,
    floored,
    hazard_multiplier,
    information_weights,
    time_scale,
    with_acceleration_factor,
    with_effect_on_treatment,
    with_equalised_hazards,
    with_hazard_ratio,
    with_odds_ratio,
    with_waning,
)

PUBLISHED = {"linear": 0.33959553, "log_linear": 0.34481699}  # S(5) with h = 0.3, HR = 0.6, waning from 2 to 5


@pytest.mark.parametrize("n_cycles", [1, 10, 60, 65])
@pytest.mark.parametrize("path", list(PUBLISHED))
def test_waning_is_exact_for_constant_hazards_whatever_the_cycle(path, n_cycles):
    times = np.linspace(0, 5, n_cycles + 1)
    increments = with_waning(0.3 * np.diff(times), 0.6, times, start=2, end=5, path=path)
    assert math.exp(-increments.sum()) == pytest.approx(PUBLISHED[path], abs=5e-9)


def test_linear_waning_has_the_published_cumulative_hazards():
    times = np.array([0, 1, 2, 3.5, 5, 10])
    found = np.cumsum(with_waning(0.3 * np.diff(times), 0.6, times, start=2, end=5))
    np.testing.assert_allclose(found, [0.18, 0.36, 0.675, 1.08, 2.58], rtol=1e-13)


def test_an_effect_may_stop_at_once_within_a_cycle():
    times = np.arange(4.0)
    found = with_waning(np.full(3, 0.3), 0.6, times, start=1.25, end=1.25)
    np.testing.assert_allclose(found, [0.18, 0.3 * (0.25 * 0.6 + 0.75), 0.3], rtol=1e-14)
    np.testing.assert_array_equal(found, with_waning(np.full(3, 0.3), 0.6, times, start=1.25, end=1.25, path="log_linear"))
    np.testing.assert_allclose(found, with_effect_on_treatment(np.full(3, 0.3), 0.6, [1, 0.25, 0]), rtol=1e-14)


def test_equalised_hazards_are_linear_waning_if_hazards_are_proportional():
    times = np.linspace(0, 6, 14)
    control = np.diff(cumulative_hazard("weibull", times, [1.3, 4.0]))
    waned = with_waning(control, 0.6, times, start=2, end=5)
    np.testing.assert_allclose(with_equalised_hazards(0.6 * control, control, times, start=2, end=5), waned, rtol=1e-13)


def test_equalised_hazards_leave_the_treated_curve_for_the_comparator():
    times = np.arange(7.0)
    treated, control = np.diff(cumulative_hazard("log_normal", times, [1.5, 0.8])), np.full(6, 0.5)
    found = with_equalised_hazards(treated, control, times, start=2, end=4)
    np.testing.assert_array_equal(found[:2], treated[:2])
    np.testing.assert_array_equal(found[4:], control[4:])
    assert found[2] == pytest.approx(0.75 * treated[2] + 0.25 * control[2], rel=1e-14)


def test_effects_differ_by_draw():
    times = np.arange(6.0)
    ratios, ends = np.array([0.5, 0.8, 1.0]), np.array([3.0, 4.0, 5.0])
    for path in PUBLISHED:
        increments = np.full((5, 1), 0.2)
        found = with_waning(increments, ratios, times, start=1, end=ends, path=path)
        assert found.shape == (5, 3)
        alone = [with_waning(increments[:, 0], r, times, start=1, end=e, path=path) for r, e in zip(ratios, ends, strict=True)]
        np.testing.assert_array_equal(found, np.stack(alone, axis=1))


def test_hazard_ratio_on_probabilities():
    increments = np.array([0.1, 0.7])
    p = -np.expm1(-increments)
    np.testing.assert_allclose(-np.expm1(-with_hazard_ratio(increments, 0.6)), 1 - (1 - p) ** 0.6, rtol=1e-13)


def test_acceleration_factor_multiplies_every_quantile():
    times, factors = np.array([0.0, 3.0, 9.0]), np.array([1.0, 1.5])
    found = with_acceleration_factor(lambda t: cumulative_hazard("log_logistic", t, [1.5, 4.0]), times, factors)
    np.testing.assert_allclose(found, cumulative_hazard("log_logistic", times, [1.5, 4.0 * factors]), rtol=1e-14)


def test_odds_ratio_is_log_logistic_and_holds_in_the_tails():
    times = np.array([0.0, 1e-8, 0.5, 4.0, 50.0, 1e200])
    found = with_odds_ratio(cumulative_hazard("log_logistic", times, [1.5, 4.0]), 0.5)
    np.testing.assert_allclose(found, cumulative_hazard("log_logistic", times, [1.5, 4.0 * 2 ** (1 / 1.5)]), rtol=1e-13)


def test_floor_is_on_the_hazard_and_not_on_survival():
    for step, expected in ((1.0, 0.00073127), (1 / 12, 0.00073037), (1 / 2000, 0.00073036)):
        times = np.arange(round(40 / step) + 1) * step
        model, background = (
            cumulative_hazard("log_logistic", times, [1.5, 4.0]),
            cumulative_hazard("gompertz", times, [0.1, 0.01]),
        )
        joined = floored(np.diff(model), np.diff(background))
        assert math.exp(-joined.sum()) == pytest.approx(expected, abs=5.1e-9)
    assert math.exp(-model[-1]) == pytest.approx(0.03065343, abs=5e-9)
    assert math.exp(-max(model[-1], background[-1])) == pytest.approx(0.00470178, abs=5e-9)  # what a floor on survival would give
    assert math.exp(-model[-1] - background[-1]) == pytest.approx(0.00014413, abs=5e-9)  # and an excess hazard
    late = times[:-1] > 1  # the log-logistic hazard starts at 0, below the background's too
    crossing = times[np.flatnonzero((joined > np.diff(model) * (1 + 1e-12)) & late)[0]]
    assert crossing == pytest.approx(19.50954673, abs=1 / 2000)


def test_average_is_of_survival_with_akaike_weights():
    weights = information_weights([1706.0, 1710.0, 1900.0])
    assert weights[1] / weights[0] == pytest.approx(math.exp(-2), rel=1e-13)
    assert weights.sum() == pytest.approx(1, rel=1e-15)
    times = np.array([0.0, 1.0, 800.0])
    curves = np.stack([cumulative_hazard("exponential", times, [rate]) for rate in (0.5, 1.0, 2.0)])
    found = averaged(curves, weights)
    assert math.exp(-found[1]) == pytest.approx(float(weights @ np.exp(-curves[:, 1])), rel=1e-14)
    assert found[2] == pytest.approx(400 - math.log(weights[0]), rel=1e-14)  # not lost below the smallest number
    assert found[0] == pytest.approx(0, abs=1e-15)
    with pytest.raises(InputError, match="sum to 1"):
        averaged(curves, [1.0, 1.0, 1.0])


def weibull(times):
    return cumulative_hazard("weibull", times, [1.3, 2.0])


@pytest.mark.parametrize("target", [0.9, 2.7])
def test_curves_are_calibrated_to_an_outside_mean_or_median(target):
    mean, median = mean_time(weibull), time_at(weibull, math.log(2))
    assert time_scale(weibull, mean=target) == pytest.approx(target / mean, rel=1e-10)
    assert time_scale(weibull, median=target) == pytest.approx(target / median, rel=1e-10)
    factor = time_scale(weibull, mean=target, horizon=8.0)
    assert mean_time(lambda times: weibull(times / factor), 8.0) == pytest.approx(target, rel=1e-10)
    ratio = hazard_multiplier(weibull, median=target)
    assert time_at(lambda times: ratio * weibull(times), math.log(2)) == pytest.approx(target, rel=1e-10)
    assert hazard_multiplier(weibull, mean=target) == pytest.approx((mean / target) ** 1.3, rel=1e-9)  # Weibull: AF^-shape


def test_calibration_to_the_mean_and_to_the_median_part_where_the_shape_is_wrong():
    # A curve fitted with a light tail, against a heavy-tailed outside estimate: the choice in TA171
    def outside(times):
        return cumulative_hazard("log_normal", times, [0.8, 1.0])

    by_mean = time_scale(weibull, mean=mean_time(outside))
    by_median = time_scale(weibull, median=time_at(outside, math.log(2)))
    assert by_mean > 1.3 * by_median


def test_what_cannot_be_is_refused():
    times = np.arange(3.0)
    for wrong in (
        lambda: with_waning(np.ones(2), 0.5, times, start=2, end=1),
        lambda: with_waning(np.ones(2), 0.5, times, start=1, end=np.inf),
        lambda: with_waning(np.ones(3), 0.5, times, start=1, end=2),
        lambda: with_waning(np.ones(2), 0.5, times, start=1, end=2, path="linaer"),
        lambda: with_hazard_ratio(np.ones(2), 0.0),
        lambda: with_effect_on_treatment(np.ones(2), 0.5, [1.2, 0.0]),
        lambda: time_scale(weibull),
        lambda: time_scale(weibull, mean=2.0, median=2.0),
        lambda: time_scale(weibull, mean=9.0, horizon=8.0),
        lambda: time_scale(lambda t: cumulative_hazard("log_logistic", t, [0.9, 2.0]), mean=3.0),
    ):
        with pytest.raises(InputError):
            wrong()
