"""Individual data from a published curve.

Pitfalls guarded: people lost or invented between two numbers at risk; deaths counted from the published rather than the reached survival,
so that rounding piles up; censorings in the wrong interval; a digitised curve that rises; per cent for shares; a table that rises.

Round trip: the lung data by sex, digitised at 150 equally spaced times with a table every 200 days. A prototype from the same paper had
114 and 53 events for 112 and 53 and a hazard ratio of 0.601 for 0.588.
"""

from pathlib import Path

import numpy as np
import pytest

from hemodel.errors import InputError
from hemodel.survival.crossover import cox_hazard_ratio
from hemodel.survival.fitting import fit, kaplan_meier
from hemodel.survival.reconstruction import reconstruct

PUBLISHED = Path(__file__).parent.parent / "published"
TABLE = ([0.0, 1.0, 2.0], [1.0, 0.5, 0.25], [0.0, 2.0], [4, 2])


@pytest.fixture(scope="module")
def arms():
    days, events, sex = np.loadtxt(PUBLISHED / "lung.csv", delimiter=",", skiprows=2, unpack=True)
    return {value: (days[sex == value], events[sex == value]) for value in (1, 2)}


def digitised(days, events, n_points=150):
    observed = kaplan_meier(days, events)
    points, table_times = np.linspace(0, days.max(), n_points), np.arange(0, days.max(), 200.0)
    return points, observed.survival_at(points), table_times, observed.at_risk_at(table_times)


@pytest.mark.parametrize(("sex", "n", "n_events"), [(1, 138, 112), (2, 90, 53)])
@pytest.mark.parametrize("reported", [True, False])
def test_lung_data_come_back_from_their_curve(arms, sex, n, n_events, reported):
    curve = digitised(*arms[sex])
    found = reconstruct(*curve, n_events if reported else None)
    assert len(found.times) == n
    assert abs(found.n_events - n_events) <= 2
    assert not found.at_risk_difference.any()
    again = kaplan_meier(found.times, found.events)
    np.testing.assert_allclose(again.at_risk_at(curve[2]), curve[3])
    assert np.abs(again.survival_at(curve[0]) - curve[1]).max() < 0.02
    before, after = fit(*arms[sex], "weibull"), fit(found.times, found.events, "weibull")
    assert after.estimates["shape"] == pytest.approx(before.estimates["shape"], rel=0.04)
    assert after.estimates["scale"] == pytest.approx(before.estimates["scale"], rel=0.02)
    assert again.median() == pytest.approx(kaplan_meier(*arms[sex]).median(), rel=0.02)


def test_hazard_ratio_comes_back(arms):
    parts = {sex: reconstruct(*digitised(*data)) for sex, data in arms.items()}
    times, events = (np.concatenate([getattr(parts[sex], name) for sex in (1, 2)]) for name in ("times", "events"))
    group = np.repeat([0, 1], [138, 90])
    original = [np.concatenate([arms[sex][place] for sex in (1, 2)]) for place in (0, 1)]
    assert cox_hazard_ratio(*original, group) == pytest.approx(0.588, abs=5e-4)
    assert cox_hazard_ratio(times, events, group) == pytest.approx(0.588, abs=0.015)
    assert cox_hazard_ratio(times, events, group) == pytest.approx(0.593, abs=5e-4)  # as docs/methods.md says
    assert [parts[sex].n_events for sex in (1, 2)] == [114, 52]


def test_a_curve_digitised_at_every_step_comes_back_whole():
    times, events = [1.0, 2.0, 4.0, 5.0, 7.0, 8.0], [1, 1, 0, 1, 0, 1]
    observed = kaplan_meier(times, events)
    curve = np.append(0.0, observed.times), np.append(1.0, observed.survival)
    risk_times = np.array([0.0, 2.0, 4.0, 5.0, 7.0, 8.0])
    found = reconstruct(*curve, risk_times, observed.at_risk_at(risk_times))
    assert list(found.events) == events
    np.testing.assert_allclose(found.times[found.events == 1], [1, 2, 5, 8])
    assert 4 <= found.times[2] <= 5
    assert 7 <= found.times[4] <= 8


def test_number_of_events_settles_the_censoring_at_the_end():
    times = np.linspace(0, 10, 41)
    survival = np.exp(-0.1 * times)
    free, told = (reconstruct(times, survival, [0.0], [200], total) for total in (None, 110))
    assert free.n_events == pytest.approx(200 * (1 - np.exp(-1)), abs=2)
    assert told.n_events == 110
    assert len(told.times) == len(free.times) == 200


def test_tables_that_the_curve_contradicts_are_reported():
    # the curve says 6 of 10 died by time 1, the table that 8 of 10 are left
    found = reconstruct([0, 0.5, 1, 2], [1, 0.4, 0.4, 0.4], [0, 1], [10, 8])
    assert list(found.at_risk_difference) == [0, -4]
    assert len(found.times) == 10


def test_numbers_at_risk_are_counted_from_the_people_themselves():
    """Five who leave between 9 and the table at 10 are gone by then: not half-way to the point at 13."""
    found = reconstruct([0, 4, 9, 13, 20], [1, 0.9, 0.8, 0.7, 0.6], [0, 10], [10, 4])
    assert found.at_risk.tolist() == [int((found.times >= at).sum()) for at in (0, 10)] == [10, 4]
    assert found.at_risk_difference.tolist() == [0, 0]


def test_people_are_censored_in_an_interval_of_the_table_without_a_digitised_point():
    """No step between 4 and 20: the five who leave before 10 and the four before 15 were censored, as 20, 15, 10, 6 at risk say."""
    found = reconstruct([0, 4, 20], [1, 0.9, 0.8], [0, 5, 10, 15], [20, 15, 10, 6])
    assert found.at_risk.tolist() == [int((found.times >= at).sum()) for at in (0, 5, 10, 15)] == [20, 15, 10, 6]
    assert found.times[found.events == 1].tolist() == [4, 4]
    found.refuse_other_table("risk.csv")


@pytest.mark.parametrize("seed", range(60))
def test_a_curve_with_all_its_steps_gives_the_numbers_at_risk_that_it_came_with(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(20, 200))
    times = np.ceil(rng.exponential(200, n))
    events = (rng.uniform(size=n) < rng.uniform(0.3, 0.9)) * 1.0
    observed = kaplan_meier(times, events)
    steps = observed.events > 0
    points, survival = np.append(0.0, observed.times[steps]), np.append(1.0, observed.survival[steps])
    table = np.arange(0.0, points[-1], float(rng.integers(20, 120)))
    found = reconstruct(points, survival, table, observed.at_risk_at(table), int(events.sum()))
    assert found.at_risk_difference.tolist() == [0] * len(table)
    assert len(found.times) == n
    assert abs(found.n_events - events.sum()) <= 2  # where people were censored between two numbers at risk is not known


def test_a_table_of_another_arm_is_refused_and_rounding_is_not():
    points = [0, 2, 4, 6, 8, 10], [1, 0.8, 0.6, 0.4, 0.3, 0.2]
    other = reconstruct(*points, [0, 5], [10, 10])  # the curve says that 4 of 10 have died by then
    assert other.at_risk_difference.tolist() == [0, -4] and other.contradicted == 0.4
    with pytest.raises(InputError, match=r"risk.csv, time 5: the curve leaves 6 of 10 people at risk, the table 10"):
        other.refuse_other_table("risk.csv")
    near = reconstruct(*points, [0, 5], [100, 64])
    assert near.at_risk_difference.tolist() == [0, -4]
    near.refuse_other_table("risk.csv")


def test_a_time_of_the_table_that_is_a_point_but_for_rounding_is_that_point():
    found, same = (reconstruct([0, 0.3, 0.6], [1, 0.8, 0.5], [0, at], [20, 18]) for at in (0.1 + 0.2, 0.3))
    assert np.array_equal(found.times, same.times) and found.at_risk.tolist() == same.at_risk.tolist()


@pytest.mark.parametrize(
    ("column", "value", "says"),
    [
        (1, [1.0, 0.5, 0.6], r"point 3 \(time 2\): survival rises there"),
        (1, [0.9, 0.5, 0.4], "the point"),
        (0, [0.5, 1.0, 2.0], "the point"),
        (1, [100.0, 50.0, 20.0], "not per cent"),
        (1, [1.0, np.nan, 0.2], r"point 2 \(time 1\): not a number"),
        (0, [0.0, 2.0, 1.0], r"point 3 \(time 1\): its time"),
        (3, [4, 5], r"number at risk 2 \(time 2\): it rises"),
        (3, [4.5, 2], "number at risk 1"),
        (2, [0.0, 3.0], r"number at risk 2 \(time 3\): it is after"),
        (2, [1.0, 2.0], r"number at risk 1 \(time 1\)"),
        (3, [4, 3, 2], "shapes"),
        (0, [0.0, 1.0], "shapes"),
    ],
)
def test_curves_that_are_none_are_refused_with_the_point(column, value, says):
    arguments = list(TABLE)
    arguments[column] = value
    with pytest.raises(InputError, match=says):
        reconstruct(*arguments)
    with pytest.raises(InputError, match="total_events"):
        reconstruct(*TABLE, total_events=5)
