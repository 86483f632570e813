"""Digitised curves as they come.

Pitfalls guarded: a point of 1.0018 that stops everything, or one of 1.2 that is clipped in silence; the wrong end of a vertical step; per
cent taken for shares; a real rise levelled as noise; the first of ten faults told ten times over; rows counted wrongly after a repair.
"""

import numpy as np
import pytest

from hemodel.errors import InputError
from hemodel.survival import kaplan_meier, reconstruct, repaired
from hemodel.survival.digitised import with_people

CLEAN = [0.0, 2.0, 4.0, 6.0], [1.0, 0.8, 0.5, 0.3]


def test_a_clean_curve_comes_back_as_it_is():
    found = repaired(*CLEAN)
    assert (found.times.tolist(), found.survival.tolist(), found.repairs) == (*CLEAN, ())
    assert found.rows.tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("times", "survival", "curve", "repairs"),
    [
        (CLEAN[0], [100, 80, 50, 30], CLEAN, ["Survival is in per cent."]),
        ([0, 4, 2, 6], [1, 0.5, 0.8, 0.3], CLEAN, ["2 points not in the order of the times were put in it."]),
        ([0, 2, 4, 6], [1.0018, 0.8, 0.5, 0.3], CLEAN, ["1 point outside 0 to 1 by up to 0.0018 was moved to the limit."]),
        ([2, 4, 6], [0.8, 0.5, 0.3], CLEAN, ["The point (0, 1) was added."]),
        ([0, 2, 4, 6], [0.997, 0.8, 0.5, 0.3], CLEAN, ["The first point, at 0.997, was moved to 1."]),
        ([-0.01, 2, 4, 6], [1, 0.8, 0.5, 0.3], CLEAN, ["1 point with a time below 0 by up to 0.01 was moved to 0."]),
        (
            [0, 2, 2, 2, 4, 4, 6],
            [1, 1, 0.9, 0.8, 0.8, 0.5, 0.3],
            CLEAN,
            ["3 points above another at the same time were left out."],
        ),
        (
            [0, 0.3, 0.1 + 0.2, 0.5],
            [1, 0.9, 0.7, 0.6],
            ([0, 0.3, 0.5], [1, 0.7, 0.6]),
            ["1 point above another at the same time was left out."],
        ),
        (
            [0, 2, 3, 4, 5, 6],
            [1, 0.8, 0.803, 0.5, 0.5004, 0.3],
            ([0, 2, 3, 4, 5, 6], [1, 0.8, 0.8, 0.5, 0.5, 0.3]),
            ["2 points that rise by up to 0.003 were levelled."],
        ),
        ([0, 2, 4], [1, 0.5, -0.002], ([0, 2, 4], [1, 0.5, 0]), ["1 point outside 0 to 1 by up to 0.002 was moved to the limit."]),
    ],
)  # fmt: skip
def test_each_repair_is_made_by_its_rule_and_told_with_count_and_size(times, survival, curve, repairs):
    found = repaired(times, survival)
    assert found.times == pytest.approx(curve[0], abs=1e-12) and found.survival == pytest.approx(curve[1], abs=1e-12)
    assert list(found.repairs) == repairs


def test_what_is_further_off_is_refused_all_in_one_message():
    with pytest.raises(InputError) as caught:
        repaired([-1, 1, 2, 3, 4, 5], [1.2, 1.0, 0.6, 0.7, 0.5, 0.56], places=[f"curve.csv, row {k}" for k in range(2, 8)])
    assert [str(fault).split(". ")[0] for fault in caught.value.faults] == [
        "curve.csv, row 2 (time -1): its time is below 0",
        "curve.csv, row 2 (time -1): its survival, 1.2, is outside 0 to 1",
        "curve.csv, row 5 (time 3): survival rises there by 0.1",
        "curve.csv, row 7 (time 5): survival rises there by 0.06",
    ]
    with pytest.raises(InputError, match=r"point 2 \(time 1\): not a number.*\n.*point 3 \(time nan\): not a number"):
        repaired([0, 1, np.nan], [1, np.nan, 0.5])
    with pytest.raises(InputError, match=r"point 1 \(time 0\): survival has fallen to 0.9 at time 0.*half a day"):
        repaired([0, 1], [0.9, 0.5])


def test_rows_of_what_was_given_are_known_after_repairs():
    found = repaired([6, 2, 2, 4], [0.3, 0.9, 0.8, 0.5])
    assert found.times.tolist() == [0, 2, 4, 6] and found.rows.tolist() == [-1, 2, 3, 0]


def test_noise_of_a_digitiser_does_not_change_the_people_who_are_rebuilt():
    """120 people, every step digitised twice, at its top and its foot, in per cent with noise of up to 0.2, in the order of the clicks."""
    rng = np.random.default_rng(5)
    times = np.ceil(rng.exponential(30, 120))
    events = (times < 60) * 1.0
    times = np.minimum(times, 60)
    observed = kaplan_meier(times, events)
    table = np.arange(0.0, 60.0, 10.0)
    points, foot = np.append(0.0, observed.times), np.append(1.0, observed.survival)
    clean = reconstruct(points, foot, table, observed.at_risk_at(table), int(events.sum()))
    top = np.append(1.0, foot[:-1])
    clicks = np.concatenate([points, points]), 100 * np.concatenate([top, foot]) + rng.uniform(-0.2, 0.2, 2 * len(points))
    order = rng.permutation(len(clicks[0]))
    found = repaired(clicks[0][order], clicks[1][order])
    assert len(found.repairs) >= 3
    people = reconstruct(found.times, found.survival, table, observed.at_risk_at(table), int(events.sum()))
    assert people.n_events == clean.n_events and people.at_risk.tolist() == clean.at_risk.tolist()
    assert np.abs(kaplan_meier(people.times, people.events).survival_at(points) - foot).max() < 0.01


def test_times_of_the_table_beyond_the_curve_or_with_nobody_are_left_out():
    kept, said = with_people([0, 6, 12, 18, 24], [40, 20, 5, 0, 0], 30.0)
    assert kept.tolist() == [True, True, True, False, False] and said.startswith("2 times of the table")
    assert with_people([0, 6], [40, 20], 30.0)[1] == ""
    assert with_people([0, 6, 12], [40, 0, 5], 30.0)[0].tolist() == [True, True, True]  # a hole is for `reconstruct` to refuse
