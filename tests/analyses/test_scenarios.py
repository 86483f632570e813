"""Scenarios: each loads, runs, says why, and differs from the base case in what it claims to change.

Pitfalls guarded: a scenario that changes nothing; one whose numbers belong to another population; the comparator's row as a result.
"""

import numpy as np
import pytest

import hemodel as hm
from hemodel.analyses.scenarios import run_comparison
from hemodel.errors import InputError


@pytest.fixture(scope="module")
def results():
    return hm.run_scenarios("relapsed")


def test_every_scenario_has_a_row_for_each_price_arrangement(results):
    table = results.table
    assert table["scenario"].iloc[0] == "base_case"
    assert set(table["scenario"]) | set(results.not_applicable) == {"base_case", *hm.scenario_names()}
    assert results.not_applicable == ("later_lenalidomide", "response_depth")
    counts = table.groupby("scenario")["price_arrangement"].count()
    assert counts.drop("no_scheme").eq(2).all()
    assert counts["no_scheme"] == 1
    assert set(table["strategy"]) == {"lenalidomide_dexamethasone"}


def test_every_scenario_but_the_one_without_scheme_moves_the_icer(results):
    table = results.table
    same = table[(table["icer_change"] == 0) & (table["scenario"] != "base_case")]
    assert same["scenario"].tolist() == ["no_scheme"]


def test_scenarios_move_the_result_the_way_they_must(results):
    table = results.table.set_index(["scenario", "price_arrangement"])
    icer = table["icer"]
    base = icer["base_case", "pas"]
    survival = ["hr_0_44", "hr_0_66", "hr_0_833"]
    assert np.all(np.diff([base, *(icer[f"dexamethasone_os_{s}", "pas"] for s in survival)]) > 0)
    assert icer["treatment_until_toxicity", "pas"] < base < icer["treatment_until_ttp", "pas"]
    assert icer["utilities_third_line", "pas"] > base
    for pair in (("dose_interruptions", "list"), ("dose_reductions", "list")):
        assert table.loc[pair, "incremental_qalys"] == table.loc[("base_case", "list"), "incremental_qalys"]
        assert table.loc[pair, "incremental_costs"] < table.loc[("base_case", "list"), "incremental_costs"]


def test_equal_mortality_after_progression_leaves_the_gain_before_it(results):
    """Then survival differs by the time before progression only, and the life-years gained shrink towards it."""
    table = results.table.set_index(["scenario", "price_arrangement"])["incremental_life_years"]
    assert table["equal_post_progression_mortality", "pas"] < 0.2 * table["base_case", "pas"]


def test_scenarios_of_another_population_are_left_out_and_listed():
    results = hm.run_scenarios("relapsed", population="one_prior")
    assert "dexamethasone_os_19_5_months" in results.not_applicable
    assert "partitioned_survival" in set(results.table["scenario"])


def test_a_scenario_asked_for_by_name_that_does_not_hold_is_an_error():
    with pytest.raises(hm.InputError, match="its numbers hold for two_or_more_prior only, not for one_prior"):
        hm.run_scenarios("relapsed", population="one_prior", scenarios=["dexamethasone_os_19_5_months"])


def test_chosen_scenarios_only():
    table = hm.run_scenarios("relapsed", scenarios=["horizon_10_years"]).table
    assert table["scenario"].unique().tolist() == ["base_case", "horizon_10_years"]


def test_the_result_shows_itself(results):
    assert "<table" in results._repr_html_()


def test_the_comparison_holds_every_scenario_of_every_population():
    seen = []
    table = run_comparison(populations=["two_or_more_prior", "one_prior"], progress=seen.append)
    assert seen == [1, 1]
    for population, rows in table.groupby("population"):
        alone = hm.run_scenarios("relapsed", population=population).table
        assert rows.drop(columns=["population", "population_label"]).reset_index(drop=True).equals(alone)
    assert set(table["population_label"]) == {"Two or more prior therapies", "One prior therapy"}


def test_a_scenario_of_one_population_is_compared_where_it_holds_and_refused_where_it_never_does():
    table = run_comparison(scenarios=["dexamethasone_os_hr_0_44"], populations=["two_or_more_prior", "pooled_trials"])
    assert set(table["population"]) == {"two_or_more_prior", "pooled_trials"}
    held = table.groupby("population")["scenario"].nunique()
    assert held["two_or_more_prior"] == 2
    nowhere = next(n for n in hm.run_scenarios("relapsed", population="one_prior").not_applicable)
    with pytest.raises(InputError, match=r"holds? for none of these populations"):
        run_comparison(scenarios=[nowhere], populations=["one_prior"])
    with pytest.raises(InputError, match="no such scenario"):
        run_comparison(scenarios=["horizon_10"])
