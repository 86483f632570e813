"""Curves as changes of ln S over cycles.

Pitfalls guarded: a curve whose steps do not add up to it; a mixture of hazards in place of a mixture of people; an effect that is gone
at once instead of fading; a ramp taken at mid-cycle where it bends.
"""

import numpy as np
import pytest

from hemodel.cohort import hazards
from hemodel.survival import families
from hemodel.survival.curves import log_times

YEARS = np.arange(60) * 28 / 365.25


def survival(steps, n=59):
    return np.exp(np.cumsum([steps(c).copy() for c in range(n)], axis=0))


def test_steps_of_a_weibull_are_those_of_the_family():
    rate, shape = np.array([[0.5, 2.0], [1.0, 0.1]]), np.array([1.3, 0.8])
    own = survival(hazards.weibull(rate, shape, log_times(59, 28 / 365.25)))
    other = survival(hazards.of_family(families.family("weibull_ph"), (shape, rate), YEARS))
    np.testing.assert_allclose(own, other, rtol=1e-13)
    np.testing.assert_allclose(own[-1], np.exp(-rate * YEARS[-1] ** shape), rtol=1e-12)


def test_each_strategy_may_have_its_own_shape():
    rate, shape = np.array([[0.5], [0.5]]), np.array([[1.0], [2.0]])
    found = survival(hazards.weibull(rate, shape, log_times(59, 28 / 365.25)))[-1]
    np.testing.assert_allclose(found, np.exp(-rate * YEARS[-1] ** shape), rtol=1e-12)


def test_a_mixture_is_of_people_not_of_hazards():
    shares = [np.array([[0.3]]), np.array([[0.7]])]
    rates = [np.array([[0.1]]), np.array([[3.0]])]
    found = survival(hazards.of_mixture(shares, rates, YEARS))[-1, 0, 0]
    t = YEARS[-1]
    assert found == pytest.approx(0.3 * np.exp(-0.1 * t) + 0.7 * np.exp(-3 * t), rel=1e-12)


def test_a_curve_asked_twice_for_a_cycle_says_the_same():
    rate, shape = np.array([[0.5, 2.0]]), np.array([1.3, 0.8])
    for steps in (
        hazards.weibull(rate, shape, log_times(59, 28 / 365.25)),
        hazards.of_family(families.family("weibull_ph"), (shape, rate), YEARS),
        hazards.of_mixture([np.array([[0.3]]), np.array([[0.7]])], [np.array([[0.1]]), np.array([[3.0]])], YEARS),
    ):
        for cycle in range(3):
            once = steps(cycle).copy()
            assert np.array_equal(steps(cycle), once) and (once < 0).all()


def test_rows_are_taken_from_the_curve_that_is_named_for_them():
    a, b = hazards.constant(np.array([[1.0], [1.0], [1.0]]), 1.0), hazards.constant(np.array([[2.0], [2.0], [2.0]]), 1.0)
    assert hazards.chosen([(a, [0, 2]), (b, [1])], (3, 1))(0)[:, 0].tolist() == [-1, -2, -1]


def test_waning_matches_the_hazards_equalised_form_of_the_survival_room():
    """With h 0.3, HR 0.6, from 2 to 5 years: S(5) = 0.33959553 (methods.md 4.4), on any grid."""
    for n in (60, 7, 5):
        years = np.linspace(0.0, 5.0, n + 1)
        steps = hazards.constant(np.array([[0.18], [0.3]]), 5.0 / n)
        gone = hazards.ramp(2.0, 5.0, years)
        found = survival(hazards.with_waning(steps, 1, gone), n)[-1]
        assert found[0, 0] == pytest.approx(0.33959553, abs=5e-9)
        assert found[1, 0] == pytest.approx(np.exp(-1.5), rel=1e-12)


def test_the_ramp_averages_over_cycles_exactly():
    fine = hazards.ramp(0.33, 0.77, np.linspace(0, 2, 200_001)).reshape(-1, 25_000).mean(axis=1)
    np.testing.assert_allclose(hazards.ramp(0.33, 0.77, np.linspace(0, 2, 9)), fine, atol=1e-9)
    assert hazards.ramp(0.5, 0.5, np.array([0, 1, 2.0])).tolist() == [0.5, 1.0]
