"""The base case as a reader meets it: tables that add up, increments with the right sign, model against source.

Pitfalls guarded: life-years discounted where they are called undiscounted; increments against the wrong strategy; components that do
not sum to the total; a median read off the wrong curve; an ICER shown where a ratio has no meaning.
"""

import numpy as np
import pytest

import hemodel as hm
from hemodel.survival.curves import median_time


@pytest.fixture(scope="module")
def result():
    return hm.run_base_case(hm.load_inputs("relapsed"))


def test_the_base_case_is_the_committed_one(result):
    """Our own baseline, changed only on purpose: a number that moves is news for the CHANGELOG."""
    table = result.table.set_index(["price_arrangement", "strategy"]).round({"costs": 2, "life_years": 6, "qalys": 6, "icer": 2})
    found = {key: tuple(row[["costs", "life_years", "qalys", "icer"]]) for key, row in table.iterrows()}
    lenalidomide, dexamethasone = "lenalidomide_dexamethasone", "dexamethasone"
    assert found["list", lenalidomide] == (89848.48, 3.819965, 2.372549, 48044.84)
    assert found["pas", lenalidomide] == (81592.04, 3.819965, 2.372549, 42821.94)
    assert found["list", dexamethasone][:3] == (13898.48, 1.133121, 0.791734)
    assert found["pas", dexamethasone][:3] == (13898.48, 1.133121, 0.791734)


def test_increments_are_strategy_minus_comparator(result):
    for _, rows in result.table.groupby("price_arrangement", sort=False):
        new, old = rows.set_index("strategy").loc[["lenalidomide_dexamethasone", "dexamethasone"]].to_dict("records")
        assert new["incremental_costs"] == new["costs"] - old["costs"]
        assert new["incremental_life_years"] == new["life_years"] - old["life_years"]
        assert new["icer"] == pytest.approx((new["costs"] - old["costs"]) / (new["qalys"] - old["qalys"]), rel=1e-14)
        assert np.isnan(old["icer"])
        assert old["reading"] == "comparator"


@pytest.mark.parametrize("discounted", [True, False])
def test_parts_sum_to_totals(result, discounted):
    outcomes = result.outcomes if discounted else result.outcomes.undiscounted
    for arrangement in ("list", "pas"):
        for table in (result.costs_by_component, result.costs_by_state):
            total = table(arrangement, discounted=discounted).select_dtypes("number").sum()
            np.testing.assert_allclose(total, outcomes.total_costs(arrangement)[:, 0], rtol=1e-13)
    np.testing.assert_allclose(
        result.qalys_by_state(discounted=discounted).select_dtypes("number").sum(), outcomes.total_qalys[:, 0], rtol=1e-13
    )
    np.testing.assert_allclose(
        result.life_years_by_state(discounted=discounted).select_dtypes("number").sum(),
        outcomes.total_life_years[:, 0],
        rtol=1e-13,
    )


def test_life_years_are_undiscounted_and_so_the_area_under_the_survival_curve(result):
    alive = 1 - result.trace["dead"]
    area = ((alive[:-1] + alive[1:]) / 2 * 28 / 365.25).sum(axis=0)
    rows = result.table[result.table["price_arrangement"] == "list"]
    np.testing.assert_allclose(rows["life_years"], area, rtol=1e-12)
    assert (rows["life_years_discounted"] < rows["life_years"]).all()


@pytest.mark.parametrize("population", list(hm.load_inputs("relapsed").settings.populations))
def test_medians_of_the_model_are_the_published_ones(population):
    """Overall survival to 1 in 100,000 (it was derived to six digits); progression-free survival to 0.5 %, where the general
    population's mortality takes its share; dexamethasone to 1 %.
    """
    table = hm.run_base_case(hm.load_inputs("relapsed", population=population)).against_source.set_index("outcome")
    np.testing.assert_allclose(table.loc["median_os", "model"], table.loc["median_os", "published"], rtol=1e-5)
    np.testing.assert_allclose(table.loc["median_ttp", "model"], table.loc["median_ttp", "published"], rtol=2e-6)
    if "median_pfs" in table.index:
        np.testing.assert_allclose(table.loc["median_pfs", "model"], table.loc["median_pfs", "published"], rtol=5e-3)


def test_stopping_for_toxicity_gives_the_published_median_exposure():
    """44.0 weeks in the pooled population, from which the rate was derived; linear within a cycle, so to 1 in 1,000."""
    inputs = hm.load_inputs("relapsed", population="pooled_trials", scenario="treatment_until_toxicity")
    table = hm.run_base_case(inputs).against_source.set_index(["strategy", "outcome"])
    assert table.loc[("lenalidomide_dexamethasone", "median_exposure"), "model"] == pytest.approx(44.0, rel=1e-3)


def test_a_lifetime_horizon_leaves_fewer_than_one_in_a_thousand_alive(result):
    table = result.against_source
    assert (table.loc[table["outcome"] == "alive_at_end", "model"] < 1e-3).all()


def test_a_median_that_is_not_reached_is_missing_not_the_horizon():
    assert np.isnan(median_time(np.array([1.0, 0.9, 0.8]), 1.0))


def test_with_three_strategies_the_icer_is_that_of_the_first_that_is_not_the_comparator():
    found = hm.run_base_case(hm.load_inputs("first_line"))
    settings = found.inputs.settings
    others = [name for name in settings.strategy_names if name != settings.comparator]
    assert len(others) == 2
    for arrangement in settings.price_arrangements:
        rows = found.table[found.table["price_arrangement"] == arrangement].set_index("strategy")
        old = rows.loc[settings.comparator]
        by_hand = {s: (rows.loc[s, "costs"] - old["costs"]) / (rows.loc[s, "qalys"] - old["qalys"]) for s in others}
        assert abs(by_hand[others[0]] - by_hand[others[1]]) > 100
        assert found.icer(arrangement) == pytest.approx(by_hand[others[0]], rel=1e-12)
        for strategy in others:
            assert found.icer(arrangement, strategy) == pytest.approx(by_hand[strategy], rel=1e-12)


def test_shares_at_years_are_those_of_the_trace_between_cycle_boundaries():
    found = hm.run_base_case(hm.load_inputs("first_line"))
    table = found.against_source
    shares = table[table["outcome"].str.fullmatch(r"(survival|pfs)_\d+_years?")]
    assert len(shares) >= 2
    for _, row in shares.iterrows():
        curve, years, _ = row["outcome"].split("_")
        i = found.outcomes.strategies.index(row["strategy"])
        share = found.trace["progression_free"][:, i] + (found.trace["progressed"][:, i] if curve == "survival" else 0)
        place = int(years) * 365.25 / 28
        before = int(place)
        expected = share[before] + (place - before) * (share[before + 1] - share[before])
        assert row["model"] == pytest.approx(expected, rel=1e-12), row["outcome"]
    four_years = table.set_index(["strategy", "outcome"]).loc[
        ("lenalidomide_dexamethasone_continuous", "survival_4_years"), "model"
    ]
    assert round(four_years, 3) == 0.588


@pytest.mark.parametrize(("cycles", "is_there"), [(25, False), (26, True), (27, True)])
def test_the_share_on_treatment_at_cycle_26_is_there_where_the_horizon_reaches_it(result, cycles, is_there):
    short = hm.run_base_case(result.inputs.with_settings(horizon_years=cycles * 28 / 365.25))
    table = short.against_source.set_index(["strategy", "outcome"])
    found = table.loc[("lenalidomide_dexamethasone", "on_treatment_at_cycle_26"), "model"]
    if is_there:
        assert found == short.trace["on_treatment"][26, 0]
    else:
        assert np.isnan(found)


def test_a_strategy_without_gain_reads_as_dominated_not_as_a_ratio(result):
    worse = result.inputs.with_values(r_death_progressed_lenalidomide_dexamethasone=30.0, u_progression_free=0.3)
    table = hm.run_base_case(worse).table.set_index(["price_arrangement", "strategy"])
    row = table.loc[("list", "lenalidomide_dexamethasone")]
    assert row["incremental_qalys"] < 0
    assert np.isnan(row["icer"])
    assert row["reading"] == "dominated (dearer and no more effective)"


def test_net_benefit_uses_both_thresholds_of_the_preset(result):
    table = result.net_benefit("pas")
    assert list(table.columns[1:]) == [f"net_{kind}_benefit_{t}" for t in (25000, 35000) for kind in ("monetary", "health")]
    before_2026 = hm.run_base_case(result.inputs.with_settings(thresholds="2009")).net_benefit("pas")
    assert "net_health_benefit_20000" in before_2026


def test_results_are_frozen_and_show_themselves(result):
    with pytest.raises(AttributeError):
        result.outcomes = None
    assert "<table" in result._repr_html_()
    assert "Two or more prior therapies" in result.inputs._repr_html_()


def test_rules_that_were_applied_are_told_with_count_and_size():
    assert hm.run_base_case(hm.load_inputs("relapsed")).rules_applied.empty
    held = hm.load_inputs("relapsed", scenario="partitioned_survival").with_values(median_os_dexamethasone=3.0)
    table = hm.run_base_case(held).rules_applied.set_index("rule")
    assert set(table["strategy"]) == {"dexamethasone"}
    cycles = table.loc["cycles in which the PFS curve exceeded the OS curve", "value"]
    most = table.loc["most by which the PFS curve exceeded the OS curve", "value"]
    assert cycles > 1 and cycles == int(cycles) and 0 < most < 1


def test_who_writes_into_a_table_changes_no_result(result):
    mine = result.table
    mine["icer"] = 1.0
    assert round(result.table["icer"].iloc[0], 2) == round(result.icer("list"), 2) == 48044.84
