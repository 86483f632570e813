"""General-population mortality.

Pitfalls guarded: the life table read one year late; hazards mixed instead of people; the last age of the table; sexes swapped; a table
that is closed, q = 1, of which infinities would be subtracted.
"""

import numpy as np
import pytest

import hemodel as hm
from hemodel.survival.background import cumulative_hazard, hazard_increments, quality_adjusted_life_expectancy

DT = 28 / 365.25


def test_survival_over_one_year_of_age_is_one_minus_q():
    table = hm.load_inputs("relapsed").life_table
    for age in (0, 63, 99):
        passed = cumulative_hazard(table.male, np.array(age + 1.0)) - cumulative_hazard(table.male, np.array(float(age)))
        assert np.exp(-passed) == pytest.approx(1 - table.male[age], rel=1e-12)
    assert (table.male[63], table.female[63]) == (0.010552, 0.006818)


def test_hazards_are_constant_within_a_year_of_age():
    q = np.array([0.1, 0.3])
    assert cumulative_hazard(q, np.array(1.5)) == pytest.approx(-np.log(0.9) - 0.5 * np.log(0.7), rel=1e-14)


def test_beyond_the_table_its_last_hazard_goes_on():
    q = np.array([0.1, 0.3])
    assert cumulative_hazard(q, np.array(5.0)) == pytest.approx(-np.log(0.9) - 4 * np.log(0.7), rel=1e-14)


def test_people_are_mixed_not_hazards():
    male, female = np.full(3, 0.5), np.zeros(3)
    increments = hazard_increments(male, female, age=np.zeros(1), share_male=np.array([0.5]), n_cycles=26, cycle_years=1 / 13)
    alive = np.exp(-np.cumsum(increments[:, 0]))
    assert alive[12] == pytest.approx(0.5 * 0.5 + 0.5, rel=1e-12)
    assert alive[25] == pytest.approx(0.5 * 0.25 + 0.5, rel=1e-12)
    assert np.all(np.diff(increments[:, 0]) < 0)  # men die first, so the mix grows healthier


def test_men_and_women_have_their_own_tables():
    table = hm.load_inputs("relapsed").life_table
    for share, expected in ((1.0, table.male), (0.0, table.female)):
        increments = hazard_increments(
            table.male, table.female, age=np.array([63.0]), share_male=np.array([share]), n_cycles=13, cycle_years=1 / 13
        )
        assert 1 - np.exp(-increments.sum()) == pytest.approx(expected[63], rel=1e-10)


def test_draws_that_agree_share_one_column_with_the_same_bits():
    table = hm.load_inputs("relapsed").life_table
    args = {"n_cycles": 50, "cycle_years": DT}
    same = hazard_increments(table.male, table.female, age=np.full(4, 63.0), share_male=np.full(4, 0.59), **args)
    mixed = hazard_increments(table.male, table.female, age=np.array([63.0, 70.0]), share_male=np.full(2, 0.59), **args)
    assert same.shape == (50, 1)
    assert mixed.shape == (50, 2)
    np.testing.assert_array_equal(same[:, 0], mixed[:, 0])


@pytest.mark.parametrize(("ages", "men"), [((63.0, 63.0), (0.2, 0.8)), ((63.0, 70.0), (0.59, 0.59)), ((63.0, 70.0), (0.2, 0.8))])
def test_each_draw_has_its_own_age_and_mix_of_sexes_though_the_others_differ_in_one_of_them_only(ages, men):
    table = hm.load_inputs("relapsed").life_table
    args = {"n_cycles": 50, "cycle_years": DT}
    found = hazard_increments(table.male, table.female, age=np.array(ages), share_male=np.array(men), **args)
    assert found.shape == (50, 2)
    for i in range(2):
        alone = hazard_increments(
            table.male, table.female, age=np.array(ages[i : i + 1]), share_male=np.array(men[i : i + 1]), **args
        )
        np.testing.assert_array_equal(found[:, i], alone[:, 0])


CLOSED = np.array([0.1, 0.3, 1.0])


def test_nobody_lives_past_the_last_age_of_a_closed_table():
    passed = cumulative_hazard(CLOSED, np.array([0.5, 1.0, 2.0, 2.001, 3.0, 50.0]))
    expected = [0.9**0.5, 0.9, 0.9 * 0.7, 0.0, 0.0, 0.0]  # at the birthday itself those who reached it are there
    np.testing.assert_allclose(np.exp(-passed), expected, rtol=1e-14)


@pytest.mark.parametrize("age", [0.0, 1.99, 2.0, 2.5, 7.0])
def test_increments_of_a_closed_table_are_numbers_and_leave_nobody(age):
    """Whatever the age at the start: those past the last one die in the first cycle."""
    found = hazard_increments(
        CLOSED, CLOSED, age=np.array([age, 0.3]), share_male=np.full(2, 0.5), n_cycles=60, cycle_years=1 / 13
    )
    assert np.isfinite(found).all() and (found >= 0).all()
    ends = age + np.arange(1, 61) * (1 / 13)
    np.testing.assert_array_equal(np.exp(-np.cumsum(found[:, 0])) == 0, ends > 2.0)


def test_where_men_die_out_the_women_go_on():
    """At 2 all men die; the women, with q = 0.3 for ever, are the general population from there on."""
    found = hazard_increments(
        CLOSED, np.full(3, 0.3), age=np.zeros(1), share_male=np.array([0.5]), n_cycles=52, cycle_years=1 / 13
    )
    alive = np.exp(-np.cumsum(found[:, 0]))
    assert alive[12] == pytest.approx(0.5 * 0.9 + 0.5 * 0.7, rel=1e-12)
    assert alive[25] == pytest.approx(0.5 * 0.9 * 0.7 + 0.5 * 0.7**2, rel=1e-9)
    assert alive[38] == pytest.approx(0.5 * 0.7**3, rel=1e-12)


def test_life_expectancy_of_a_closed_table_is_what_is_lived_before_its_last_age():
    """Utility 1, no discounting: the area under 0.9^t to 1 and 0.9 x 0.7^(t - 1) to 2, by trapezes of a thousandth of a year."""
    found = quality_adjusted_life_expectancy(
        CLOSED, CLOSED, lambda ages, _: np.ones_like(ages), age=0.0, share_male=0.3, discount_rate=0.0, cycle_years=0.001
    )
    first = -0.1 / np.log(0.9)  # the integral of 0.9^t over a year
    assert found == pytest.approx(
        first + 0.9 * -0.3 / np.log(0.7), abs=0.9 * 0.7 * 0.001
    )  # but for the cycle of the last birthday
