"""A trial in which people switched, from a file to a hazard ratio as if nobody had.

Pitfalls guarded: an adjusted ratio that is told without what it assumes; the arms the wrong way round; time on the comparator taken for
time on treatment; survival told beyond the last time of an arm that was censored anew; counterfactual people that are not those of the
file; a fault without its row.
"""

import math

import numpy as np
import pytest

from hemodel.analyses.crossover import run_crossover
from hemodel.errors import InputError
from hemodel.survival.crossover import cox_hazard_ratio
from hemodel.survival.fitting import kaplan_meier

PSI = -0.4
UNTREATED = -12 * np.log(1 - (np.arange(60) + 0.5) / 60)  # quantiles of an exponential with a mean of 12


def trial(end=math.inf):
    """Twins with the same untreated times, one in each arm; every second of the comparator switches half-way through that time."""
    off = np.where(np.arange(60) % 2 == 0, UNTREATED / 2, UNTREATED)
    times = np.concatenate([UNTREATED * math.exp(-PSI), off + (UNTREATED - off) * math.exp(-PSI)])
    off = np.concatenate([np.zeros(60), off])
    seen = np.minimum(times, end)
    return seen, (times <= end).astype(float), np.repeat([1.0, 0.0], 60), np.clip(seen - off, 0, None)


def quantities(result):
    return result.table.set_index("quantity")


def test_the_table_tells_both_hazard_ratios_and_the_medians_of_all_three_curves():
    times, events, treated, on = trial()
    found = quantities(run_crossover(times, events, treated, on))
    truth = cox_hazard_ratio(np.concatenate([times[:60], UNTREATED]), np.ones(120), treated)
    assert found.estimate["hazard_ratio_as_randomised"] == pytest.approx(cox_hazard_ratio(times, events, treated), rel=1e-12)
    assert found.estimate["hazard_ratio_adjusted"] == pytest.approx(truth, rel=1e-9)
    assert truth < found.estimate["hazard_ratio_as_randomised"] < 1
    assert found.estimate["psi"] == pytest.approx(PSI, abs=1e-9)
    assert found.estimate["time_ratio"] == pytest.approx(math.exp(0.4), rel=1e-9)
    assert found.low["time_ratio"] == pytest.approx(math.exp(-found.high["psi"]))
    assert found.estimate["median_comparator_if_nobody_switched"] == pytest.approx(kaplan_meier(UNTREATED, np.ones(60)).median())
    assert found.estimate["median_comparator"] == kaplan_meier(times[60:], events[60:]).median()
    assert found.estimate["median_treated"] == kaplan_meier(times[:60], events[:60]).median()


def test_both_intervals_have_the_p_value_of_the_comparison_as_randomised():
    found = quantities(run_crossover(*trial()))
    scores = [
        abs(math.log(row.estimate)) / (math.log(row.high / row.low) / 2)
        for row in (found.loc["hazard_ratio_as_randomised"], found.loc["hazard_ratio_adjusted"])
    ]
    assert scores[0] == pytest.approx(scores[1], rel=1e-9)


def test_counterfactual_people_are_those_of_the_file_in_their_order():
    times, events, treated, on = trial()
    order = np.random.default_rng(2).permutation(120)
    result = run_crossover(times[order], events[order], treated[order], on[order])
    expected = np.where(treated == 1, times, np.concatenate([times[:60], UNTREATED]))[order]
    np.testing.assert_allclose(result.counterfactual["time"], expected, rtol=1e-8)
    assert result.counterfactual["arm"].tolist() == treated[order].tolist()
    assert (result.n_switched, result.n_comparator) == (30, 60)


def test_nothing_is_told_of_an_arm_beyond_its_last_time():
    times, events, treated, on = trial(end=20.0)
    found = run_crossover(times, events, treated, on, censoring_times=np.full(120, 20.0))
    last = found.adjusted.times[treated == 0].max()
    assert last < 20.0  # censored anew
    table = found.survival
    beyond = table["time"] > last
    assert beyond.any() and table.loc[beyond, "comparator_if_nobody_switched"].isna().all()
    assert table[["treated", "comparator"]].notna().all(axis=None)
    assert table.loc[~beyond, "comparator_if_nobody_switched"].notna().all()


def test_it_says_what_it_assumes_and_what_the_data_lack():
    times, events, treated, on = trial(end=20.0)
    lacking = "not censored anew"
    assert any("same effect whenever it is given" in note for note in run_crossover(*trial()).notes)
    assert any(lacking in note for note in run_crossover(times, events, treated, on).notes)
    for complete in (run_crossover(*trial()), run_crossover(times, events, treated, on, censoring_times=np.full(120, 20.0))):
        assert not any(lacking in note for note in complete.notes)
    nobody = run_crossover(np.concatenate([times[:60], UNTREATED]), np.ones(120), treated, np.append(times[:60], np.zeros(60)))
    assert any("Nobody of the comparator" in note for note in nobody.notes)
    stopped = run_crossover(times, events, treated, np.where(treated == 1, times / 2, 0))
    assert any("Nobody of the comparator" in note for note in stopped.notes) and any(lacking in note for note in stopped.notes)
    assert quantities(nobody).estimate["hazard_ratio_adjusted"] == quantities(nobody).estimate["hazard_ratio_as_randomised"]


def test_time_on_the_comparator_given_for_time_on_treatment_is_asked_about():
    times, events, treated, on = trial()
    everybody = np.where(treated == 1, on, times / 3)
    assert any("not on the comparator" in note for note in run_crossover(times, events, treated, everybody).notes)
    assert not any("not on the comparator" in note for note in run_crossover(times, events, treated, on).notes)


def test_faults_have_the_rows_of_the_file_all_of_them():
    times, events, treated, on = trial()
    on[3], on[70] = times[3] + 1, -1.0
    with pytest.raises(InputError) as caught:
        run_crossover(times, events, treated, on, places=[f"trial.csv, row {k + 2}" for k in range(120)])
    assert [fault.where for fault in caught.value.faults] == ["trial.csv, row 5", "trial.csv, row 72"]
    with pytest.raises(InputError, match="search: -1 is not above 0"):
        run_crossover(*trial(), furthest=-1.0)
