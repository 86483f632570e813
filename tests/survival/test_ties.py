"""Times that are the same but for rounding.

Pitfalls: ties that depend on the unit of time; a death after a censoring at "the same" time; a break that takes a death or leaves it by
its last digit; times that do differ and are made one.
"""

import numpy as np
import pytest

from hemodel.errors import InputError
from hemodel.survival import fit, kaplan_meier, reconstruct
from hemodel.survival.crossover import adjust_crossover, cox_hazard_ratio, log_rank
from hemodel.survival.ties import snapped, tied

UNITS = {"days": 1.0, "weeks": 7.0, "months": 365.25 / 12, "years": 365.25}


def trial(seed):
    """Whole days, many of them tied: times, events, arm, days on treatment."""
    rng = np.random.default_rng(seed)
    n = 80
    arm = np.repeat([0.0, 1.0], n // 2)
    days = np.ceil(rng.exponential(np.where(arm == 1, 60, 40))).clip(1, 90)
    on = np.where(arm == 1, days, np.where(rng.uniform(size=n) < 0.3, np.floor(days / 2), 0.0))
    return days, np.where(days < 90, (rng.uniform(size=n) < 0.8) * 1.0, 0.0), arm, on


def test_a_death_at_the_time_of_a_censoring_comes_before_it_whatever_the_last_digit():
    found = kaplan_meier([0.3, 0.1 + 0.2, 0.4], [0, 1, 0])
    assert (
        found.survival.tolist()
        == kaplan_meier([3, 3, 4], [0, 1, 0]).survival.tolist()
        == pytest.approx([2 / 3, 2 / 3], rel=1e-15)
    )
    assert found.survival_at([0.3, 0.1 + 0.2]) == pytest.approx([2 / 3, 2 / 3], rel=1e-15)
    assert found.at_risk_at([0.3, 0.1 + 0.2]).tolist() == [3, 3]


@pytest.mark.parametrize("seed", range(20))
def test_the_same_data_in_any_unit_of_time_give_the_same_answer(seed):
    days, events, arm, _ = trial(seed)
    steps, z, ratio = kaplan_meier(days, events), log_rank(days, events, arm), cox_hazard_ratio(days, events, arm)
    for per in UNITS.values():
        times = days / per
        found = kaplan_meier(times, events)
        assert np.array_equal(found.survival, steps.survival) and np.array_equal(found.at_risk, steps.at_risk)
        assert found.times == pytest.approx(steps.times / per, rel=1e-14)
        assert log_rank(times, events, arm) == z
        assert cox_hazard_ratio(times, events, arm) == ratio
        other = (days * 0.1) / per * 10  # another road to the same times, with other last digits
        assert log_rank(other, events, arm) == z and np.array_equal(kaplan_meier(other, events).survival, steps.survival)


@pytest.mark.parametrize("seed", range(40))
def test_the_people_behind_a_curve_are_the_same_in_any_unit_of_time(seed):
    """Numbers at risk every 7 days, read by another road than the points: some are points but for rounding, some lie between two."""
    days, events, _, _ = trial(seed)
    observed = kaplan_meier(days, events)
    points, survival = np.append(0.0, observed.times), np.append(1.0, observed.survival.round(3))
    table = np.arange(0.0, days.max(), 7.0)
    people = reconstruct(points, survival, table, observed.at_risk_at(table))
    for per in UNITS.values():
        found = reconstruct(points / per, survival, (table * 0.1) / per * 10, observed.at_risk_at(table))
        assert np.array_equal(found.events, people.events) and np.array_equal(found.at_risk, people.at_risk)
        assert found.times == pytest.approx(people.times / per, rel=1e-12)


def test_the_adjusted_effect_does_not_depend_on_the_unit():
    days, events, arm, on = trial(3)
    found = [adjust_crossover(days / per, events, arm, on / per).psi for per in UNITS.values()]
    assert found == pytest.approx([found[0]] * len(found), abs=1e-8)


def test_a_death_on_a_break_is_before_it_whatever_its_last_digit():
    events = [1, 1, 1, 1, 1, 0]
    own, other = (fit([0.1, at, 0.2, at, 0.5, 0.9], events, "piecewise_exponential", knots=[0.3]) for at in (0.3, 0.1 + 0.2))
    assert dict(own.estimates) == pytest.approx(dict(other.estimates), rel=1e-9)
    assert own.estimates["rate1"] == pytest.approx(4 / (0.1 + 0.2 + 4 * 0.3), rel=1e-6)


def test_times_that_differ_stay_apart():
    times = np.array([1.0, 1.0 + 1e-6, 5.0, 5.0 * (1 + 1e-12)])
    assert tied(times).tolist() == [1.0, 1.0 + 1e-6, 5.0, 5.0]
    assert snapped([0.1 + 0.2, 2.0], [0.3]).tolist() == [0.3, 2.0]
    assert tied([]).tolist() == []


def test_deaths_on_the_day_of_entry_are_a_step_at_nought():
    """2 of 87 on day 0: S(0) = 85/87."""
    times = np.append([0.0, 0.0], np.arange(1.0, 86.0))
    found = kaplan_meier(times, np.append([1, 1], np.zeros(85)))
    assert found.survival_at([0.0, 0.5]) == pytest.approx([85 / 87] * 2, rel=1e-15) and found.at_risk_at([0.0]).tolist() == [87]
    with pytest.raises(InputError, match=r"times, row 1: 0 is not above 0.*2 of 87 rows.*half a day, or leave them out"):
        fit(times, np.append([1, 1], np.zeros(85)), "exponential")
    with pytest.raises(InputError, match=r"times, row 2: -1 is below 0"):
        kaplan_meier([1, -1], [1, 1])
