"""Threshold analysis: the value at which the decision turns.

Pitfalls guarded: a root of the ICER where the ICER is undefined; the far one of two roots; a price changed for one strength only; a cap one
cycle off; "none" reported as the end of the range; a distance in the wrong units.
"""

import numpy as np
import pytest

import hemodel as hm
from hemodel.analyses.thresholds import (
    _nearest_root,
    charged_cycles,
    decision_drivers,
    price_and_probability,
    threshold_value,
)


@pytest.fixture(scope="module")
def inputs():
    return hm.load_inputs("relapsed")


@pytest.mark.parametrize("threshold", [25_000.0, 35_000.0])
@pytest.mark.parametrize("arrangement", ["list", "pas"])
def test_at_the_price_found_the_icer_is_the_threshold(inputs, threshold, arrangement):
    found = threshold_value(inputs, "pack_price", threshold=threshold, price_arrangement=arrangement)
    assert found.found
    same = inputs.with_values(c_lenalidomide_25mg_pack=found.value)
    assert hm.run_base_case(same).icer(arrangement) == pytest.approx(threshold, rel=1e-9)
    assert "GBP per pack" in found.reading


def test_the_pack_price_moves_every_strength_in_proportion():
    inputs = hm.load_inputs("relapsed", scenario="dose_reductions")
    found = threshold_value(inputs, "pack_price", threshold=35_000.0)
    factor = found.value / 4368
    prices = {
        f"c_lenalidomide_{mg}mg_pack": factor * inputs.parameters[f"c_lenalidomide_{mg}mg_pack"].value
        for mg in (25, 20, 15, 10, 5)
    }
    assert hm.run_base_case(inputs.with_values(**prices)).icer("pas") == pytest.approx(35_000, rel=1e-9)


@pytest.mark.parametrize("name", ["u_progressed", "c_post_progression_care", "r_death_progressed_lenalidomide_dexamethasone"])
def test_at_the_value_found_the_icer_is_the_threshold(inputs, name):
    found = threshold_value(inputs, name, threshold=36_500.0)
    draws = inputs.with_values(**{name: found.value})
    assert hm.run_base_case(draws).icer("pas") == pytest.approx(36_500, rel=1e-8)


def test_a_pack_that_costs_nothing_has_no_other_price_in_proportion(inputs):
    free = inputs.with_values(c_lenalidomide_25mg_pack=0.0)
    found = threshold_value(free, "pack_price", threshold=35_000.0)
    assert not found.found and "it costs nothing now" in found.reading
    with pytest.raises(hm.InputError, match=r"it costs nothing now.*Give it a price above 0"):
        price_and_probability(hm.run_psa(free, 10, keep_components=True), "pas")


def test_of_more_than_two_strategies_a_reading_says_against_which():
    three = hm.load_inputs("first_line")
    for found in (threshold_value(three, "pack_price"), threshold_value(three, "c_dexamethasone_mg"), charged_cycles(three)):
        assert "he ICER against the comparator " in found.reading
    assert "comparator" not in threshold_value(hm.load_inputs("relapsed"), "pack_price").reading


@pytest.mark.parametrize(("base", "root"), [(0.0, 2.0), (4.4, 2.0), (4.6, 7.0), (9.0, 7.0)])
def test_of_two_roots_the_one_nearest_to_the_base_case_is_told(base, root):
    """A bent curve, (x - 2)(x - 7), on grids that do and do not hold the roots."""
    for steps in (11, 8, 40):
        found = _nearest_root(lambda x: (x - 2.0) * (x - 7.0), np.linspace(0.0, 10.0, steps), base)
        assert found == pytest.approx(root, abs=1e-9)
    assert np.isnan(_nearest_root(lambda x: 1.0 + x * x, np.linspace(0.0, 10.0, 11), base))


def test_no_such_value_is_said_plainly(inputs):
    found = threshold_value(inputs, "c_dexamethasone_mg", threshold=25_000.0)
    assert not found.found
    assert np.isnan(found.value)
    assert found.reading.startswith("No value from 0 to 0.5 GBP per mg brings the ICER to GBP 25,000 per QALY")


def test_the_number_of_charged_cycles_is_exact(inputs):
    def icer(cap):
        terms = {"pas": {"label": "x", "drug": "lenalidomide", "kind": "drug_cost_cap", "drug_cost_cap_cycles": cap}}
        return hm.run_base_case(inputs.with_settings(schemes=terms)).icer("pas")

    found = charged_cycles(inputs, threshold=35_000.0)
    assert icer(int(found.value)) <= 35_000 < icer(int(found.value) + 1)
    assert "now 26" in found.reading


def test_the_cap_of_a_set_of_schemes_is_moved_and_its_other_schemes_stay():
    inputs = hm.load_inputs("one_prior")
    found = charged_cycles(inputs, price_arrangement="both", threshold=50_000.0)
    terms = inputs.settings.model_dump()["schemes"]

    def icer(cap):
        schemes = terms | {"lenalidomide_cap": terms["lenalidomide_cap"] | {"drug_cost_cap_cycles": cap}}
        return hm.run_base_case(inputs.with_settings(schemes=schemes)).icer("both")

    assert icer(int(found.value)) <= 50_000 < icer(int(found.value) + 1)
    with pytest.raises(hm.InputError, match="not a cap on the drug cost"):
        charged_cycles(inputs, price_arrangement="bortezomib_refund")


def test_no_number_of_charged_cycles_is_said_plainly(inputs):
    assert "Even with one charged cycle" in charged_cycles(inputs, threshold=5_000.0).reading
    assert "no cap is needed" in charged_cycles(inputs, threshold=60_000.0).reading
    assert not charged_cycles(inputs, threshold=60_000.0).found


def test_what_would_change_the_decision_is_sorted_by_how_near_it_lies(inputs):
    table = decision_drivers(inputs)
    away = table["standard_errors_away"].abs()
    reached = away.notna()
    assert (np.diff(away[reached]) >= 0).all()
    assert not reached[reached.sum() :].any()
    for row in table[reached].itertuples():
        assert row.standard_errors_away == pytest.approx((row.flips_at - row.value) / row.se, rel=1e-12)
        flipped = (
            inputs.with_values(**{row.parameter: row.flips_at})
            if row.flips_at < 1 or not row.parameter.startswith("u_")
            else None
        )
        if flipped is not None:
            assert hm.run_base_case(flipped).icer("pas") == pytest.approx(35_000, rel=1e-6)


def test_drivers_follow_the_threshold(inputs):
    """At the ICER itself everything that matters flips at its own value: no distance at all."""
    icer = hm.run_base_case(inputs).icer("pas")
    table = decision_drivers(inputs, threshold=icer).set_index("parameter")
    assert abs(table.loc["c_terminal_care", "standard_errors_away"]) < 1e-6
    assert abs(table.loc["u_progressed", "standard_errors_away"]) < 1e-6


def test_price_against_probability_falls_and_ends_at_the_analysis(inputs):
    psa = hm.run_psa(inputs, 2_000, keep_components=True)
    table = price_and_probability(psa, "pas")
    new = table[table["strategy"] == "lenalidomide_dexamethasone"]
    assert (np.diff(new["probability_cost_effective_35000"]) <= 0).all()
    row = psa.table.set_index(["price_arrangement", "strategy"]).loc[("pas", "lenalidomide_dexamethasone")]
    assert new["probability_cost_effective_35000"].iloc[-1] == row["probability_cost_effective_35000"]
    assert new["mean_costs"].iloc[-1] == pytest.approx(row["costs"], rel=1e-12)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda i: threshold_value(i, "pack_prize"), "Did you mean pack_price"),
        (lambda i: threshold_value(i, "u_progressed", low=0.5, high=1.5), "is not a range for a utility"),
        (lambda i: threshold_value(i, "u_progressed", low=0.6, high=0.5), "is not a range"),
        (lambda i: charged_cycles(i, price_arrangement="list"), "not a cap on the drug cost"),
        (lambda i: price_and_probability(hm.run_psa(i, 10), "pas"), "keep_components=True"),
    ],
)
def test_bad_requests_are_refused(inputs, call, message):
    with pytest.raises(hm.InputError, match=message):
        call(inputs)


def test_with_three_strategies_the_preferred_one_is_compared_with_the_next_best():
    """First line: whoever is best of three at the threshold; where it flips, two strategies are worth the same and no third more."""
    inputs = hm.load_inputs("first_line")
    table = decision_drivers(inputs, threshold=60_000)
    reached = table[table["flips_at"].notna()].head(4)
    assert len(reached) > 1
    for row in reached.itertuples():
        moved = hm.run_base_case(inputs.with_values(**{row.parameter: row.flips_at}))
        now = moved.table[moved.table["price_arrangement"] == inputs.settings.price_arrangements[-1]].set_index("strategy")
        benefit = (60_000 * now["qalys"] - now["costs"]).sort_values(ascending=False)
        assert benefit.iloc[0] - benefit.iloc[1] == pytest.approx(0, abs=1.0)
        assert row.then_preferred in benefit.index[:2]


def test_a_turn_in_the_first_interval_of_the_grid_is_found():
    assert _nearest_root(lambda x: x - 0.3, np.linspace(0.0, 80.0, 81), 50.0) == pytest.approx(0.3, rel=1e-9)


def test_where_net_benefit_jumps_past_zero_there_is_no_value_at_which_it_is_zero():
    jump = lambda x: np.where(x < 20.5, 1.0, -1.0)  # noqa: E731
    assert np.isnan(_nearest_root(jump, np.linspace(0.0, 80.0, 81), 50.0))
    both = lambda x: np.where(x < 20.5, 1.0, 60.25 - x - 100.0 * (x < 60))  # noqa: E731  # a jump, another, and a true zero
    assert _nearest_root(both, np.linspace(0.0, 80.0, 81), 10.0) == pytest.approx(60.25, rel=1e-9)


def test_the_price_of_a_drug_is_that_of_the_first_strategy_with_it():
    inputs = hm.load_inputs("one_prior")
    own, named = (threshold_value(inputs, "pack_price_bortezomib", strategy=s, threshold=35_000) for s in (None, "bortezomib"))
    assert own == named and own.found
    moved = inputs.with_values(c_bortezomib_vial=own.value)
    assert hm.run_base_case(moved).icer(inputs.settings.price_arrangements[-1], "bortezomib") == pytest.approx(35_000, rel=1e-6)
