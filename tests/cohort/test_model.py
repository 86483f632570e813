"""Properties of the myeloma model that hold whatever the numbers.

Pitfalls guarded: deaths before progression that turn negative and are clipped; hazards below the general population's; curves that
cross unseen; dead who come back; QALYs above life-years; a parameter that moves nothing, or something it should not; costs in the
inputs that nobody is charged.
"""

from dataclasses import replace
from types import MappingProxyType

import numpy as np
import pytest

import hemodel as hm
from hemodel.cohort import hazards
from hemodel.cohort.model import evaluate, names_read, trace
from hemodel.cohort.model.curves import os_median
from hemodel.cohort.structures import state_transition
from hemodel.errors import InputError
from hemodel.evidence.amounts import parse
from hemodel.evidence.draws import base_case_draws, sampler
from hemodel.survival.background import hazard_increments
from hemodel.survival.curves import log_times, weibull_rate

CYCLE_YEARS = 28 / 365.25

STRUCTURES = ("state_transition", "partitioned_survival")


@pytest.fixture(scope="module")
def inputs():
    return hm.load_inputs("relapsed")


def drawn(inputs, n=400, seed=11):
    return sampler(inputs, seed=seed).block(0, n)


@pytest.mark.parametrize("structure", STRUCTURES)
def test_shares_are_shares_and_the_dead_stay_dead(inputs, structure):
    occupancy = trace(drawn(inputs), inputs.with_settings(structure=structure))
    states = np.stack([occupancy[s] for s in ("progression_free", "progressed", "dead")])
    assert states.min() >= -1e-15
    assert states.max() <= 1 + 1e-15
    np.testing.assert_allclose(states.sum(axis=0), 1.0, rtol=0, atol=1e-15)
    assert np.diff(occupancy["dead"], axis=0).min() >= -1e-15
    assert (occupancy["on_treatment"] <= occupancy["progression_free"] + 1e-15).all()


def floor_at_63(inputs):
    table, mix = inputs.life_table, {"age": np.array([63.0]), "share_male": np.array([0.59])}
    return hazard_increments(table.male, table.female, **mix, n_cycles=391, cycle_years=CYCLE_YEARS)


@pytest.mark.parametrize("structure", STRUCTURES)
def test_without_the_disease_survival_is_the_life_tables(inputs, structure):
    draws = base_case_draws(inputs) | {
        "median_pfs_lenalidomide_dexamethasone": np.array([1e9]),
        "median_os_lenalidomide_dexamethasone": np.array([1e9]),
        "r_death_progressed_lenalidomide_dexamethasone": np.array([1e-9]),
    }
    occupancy = trace(draws, inputs.with_settings(structure=structure))
    general = np.exp(-np.concatenate([[0.0], np.cumsum(floor_at_63(inputs)[:, 0])]))
    np.testing.assert_allclose(1 - occupancy["dead"][:, 0, 0], general, rtol=1e-9)


def test_no_hazard_of_death_falls_below_the_general_populations(inputs):
    """By state, from the probabilities of every cycle: leaving hazard less progression hazard, and hazard after progression."""
    rng, floor = np.random.default_rng(2), floor_at_63(inputs)
    shape, rate, share = rng.uniform(0.7, 1.6, 50), rng.uniform(0.1, 3, (2, 50)), rng.uniform(0.8, 1, (2, 50))
    pfs = hazards.weibull(rate, shape, log_times(391, CYCLE_YEARS))
    moves = state_transition(pfs, share, hazards.constant(rng.uniform(1e-4, 1.3, (2, 50)), CYCLE_YEARS), floor)
    for cycle in range(391):
        stay, move = moves(cycle)
        leaving = -np.log(stay["progression_free"])
        progression = leaving * move["progression_free", "progressed"] / (1 - stay["progression_free"])
        assert (leaving - progression >= floor[cycle] * (1 - 1e-9)).all()
        assert (stay["progressed"] <= np.exp(-floor[cycle])).all()


def test_separate_shapes_that_make_deaths_negative_are_refused_not_clipped(inputs):
    with pytest.raises(InputError) as error:
        hm.run_base_case(inputs.with_settings(progression_shape="ttp"))
    assert "deaths before progression would be negative" in str(error.value)
    assert "cycle 0, lenalidomide_dexamethasone, draw 0" in str(error.value)
    assert 'progression_shape = "pfs"' in str(error.value)


def test_separate_shapes_are_accepted_where_no_hazard_turns_negative(inputs):
    same = inputs.with_values(shape_ttp=inputs.parameters["shape_pfs"].value)
    common, separate = hm.run_base_case(same), hm.run_base_case(same.with_settings(progression_shape="ttp"))
    assert separate.icer("pas") == pytest.approx(common.icer("pas"), rel=1e-12)


def test_curves_that_cross_are_counted_and_held_at_overall_survival(inputs):
    crossing = inputs.with_settings(structure="partitioned_survival").with_values(median_os_dexamethasone=4.0)
    outcomes = hm.run_base_case(crossing).outcomes
    counts = outcomes.crossings["cycles in which the PFS curve exceeded the OS curve"]
    assert counts[0, 0] == 0
    assert counts[1, 0] > 10
    occupancy = trace(base_case_draws(crossing), crossing)
    assert (occupancy["progressed"] >= 0).all()


def test_curves_that_do_not_cross_are_left_alone(inputs):
    outcomes = hm.run_base_case(inputs.with_settings(structure="partitioned_survival")).outcomes
    assert not outcomes.crossings["cycles in which the PFS curve exceeded the OS curve"].any()


@pytest.mark.parametrize("structure", STRUCTURES)
def test_qalys_never_exceed_life_years_and_discounting_takes_away(inputs, structure):
    outcomes = evaluate(drawn(inputs), inputs.with_settings(structure=structure))
    plain = outcomes.undiscounted
    assert (outcomes.total_qalys < outcomes.total_life_years).all()
    assert (plain.total_qalys < plain.total_life_years).all()
    assert (outcomes.total_life_years < plain.total_life_years).all()
    for arrangement in outcomes.price_arrangements:
        assert (outcomes.total_costs(arrangement) < plain.total_costs(arrangement)).all()


def test_the_scheme_never_costs_the_nhs_more_than_list_plus_its_running(inputs):
    outcomes = evaluate(drawn(inputs), inputs)
    running = outcomes.costs["pas"]["scheme_running"]
    assert (outcomes.total_costs("pas") <= outcomes.total_costs("list") + running + 1e-9).all()


def test_full_health_makes_qalys_life_years(inputs):
    draws = base_case_draws(inputs) | {"u_progression_free": np.ones(1), "u_progressed": np.ones(1)}
    draws |= {name: np.zeros(1) for name in draws if name.startswith("du_")}
    outcomes = evaluate(draws, inputs)
    np.testing.assert_allclose(outcomes.total_qalys, outcomes.total_life_years, rtol=1e-14)


def test_no_prices_no_costs(inputs):
    draws = {n: np.zeros(1) if n.startswith("c_") else v for n, v in base_case_draws(inputs).items()}
    outcomes = evaluate(draws, inputs)
    assert not outcomes.total_costs("list").any()
    assert not outcomes.total_costs("pas").any()


def test_equal_strategies_have_no_increments(inputs):
    """Every parameter of dexamethasone given to both, and the same drugs in both: the increments vanish."""
    draws = base_case_draws(inputs)
    suffix = "_lenalidomide_dexamethasone"
    for name in [n for n in draws if n.endswith(suffix) and not n.startswith("hr_")]:
        twin = name.removesuffix(suffix) + "_dexamethasone"
        in_years = inputs.settings.years_per(inputs.parameters[twin].unit) / inputs.settings.years_per(
            inputs.parameters[name].unit
        )
        draws[name] = draws[twin] * in_years
        draws[twin] = draws[name] / in_years
    strategies = [{**s.model_dump(), "drugs": ["lenalidomide", "dexamethasone"]} for s in inputs.settings.strategies]
    outcomes = evaluate(draws, inputs.with_settings(strategies=strategies))
    costs = outcomes.total_costs("pas")
    assert costs[0, 0] == pytest.approx(costs[1, 0], rel=1e-14)  # weeks as months and back may round
    assert outcomes.total_qalys[0, 0] == pytest.approx(outcomes.total_qalys[1, 0], rel=1e-14)


def test_strategies_may_be_listed_in_any_order(inputs):
    flipped = inputs.with_settings(strategies=[s.model_dump() for s in reversed(inputs.settings.strategies)])
    ours, theirs = hm.run_base_case(inputs), hm.run_base_case(flipped)
    assert theirs.outcomes.strategies == ours.outcomes.strategies[::-1]
    for arrangement in ("list", "pas"):
        assert theirs.icer(arrangement) == ours.icer(arrangement)


def test_every_parameter_that_a_run_reads_moves_its_outcomes_and_no_other_does(inputs):
    draws = base_case_draws(inputs)
    base = evaluate(draws, inputs)
    read = names_read(inputs)
    idle = ("median_os", "hr_death", "shape_os", "shape_ttp", "r_discontinuation_toxicity", "d_mean_os")
    says_when = {n for n, p in inputs.parameters.items() if p.group == "population size" or "Read only with" in p.note}
    assert {n for n in draws if n not in read} == {n for n in draws if n.startswith(idle)} | says_when
    stuck, moved = [], []
    for name, value in draws.items():
        step = 0.01 if value[0] == 0 else value[0] * (0.99 if name.startswith(("p_", "ratio_")) else 1.01)
        changed = evaluate(draws | {name: np.array([step])}, inputs)
        same = all(np.array_equal(changed.total_costs(a), base.total_costs(a)) for a in ("list", "pas")) and np.array_equal(
            changed.total_qalys, base.total_qalys
        )
        if name in read and same:
            stuck.append(name)
        if name not in read and not same:
            moved.append(name)
    # the prices of strengths of which no pack is used move nothing until a pack is
    assert stuck == [f"c_lenalidomide_{mg}mg_pack" for mg in (20, 15, 10, 5)]
    assert moved == []


def test_each_cost_component_belongs_to_a_state(inputs):
    seen = set()
    for population, scenario in (("two_or_more_prior", "subsequent_treatment"), ("pooled_trials", "later_lenalidomide")):
        other = hm.load_inputs("relapsed", population=population, scenario=scenario)
        seen |= set(hm.run_base_case(other).outcomes.costs["pas"])
    seen |= set(hm.run_base_case(hm.load_inputs("relapsed", scenario="second_cancers")).outcomes.costs["pas"])
    assert seen == set(hm.load_inputs("relapsed").component_labels)


@pytest.mark.parametrize("block", [1, 7, 100, 399])
def test_blocks_give_the_same_bits(inputs, block):
    n_draws = 60 if block == 1 else 400
    draws = drawn(inputs, n_draws)
    whole = evaluate(draws, inputs)
    parts = [evaluate({n: v[i : i + block] for n, v in draws.items()}, inputs) for i in range(0, n_draws, block)]
    for arrangement in ("list", "pas"):
        joined = np.concatenate([part.total_costs(arrangement) for part in parts], axis=1)
        np.testing.assert_array_equal(joined, whole.total_costs(arrangement))
    np.testing.assert_array_equal(np.concatenate([part.total_qalys for part in parts], axis=1), whole.total_qalys)


def test_draws_may_differ_in_age_and_sex(inputs):
    """A draw has the same result whether or not its neighbours have another age."""
    draws = {n: np.repeat(v, 3) for n, v in base_case_draws(inputs).items()}
    draws["age_start"] = np.array([50.0, 63.0, 85.0])
    outcomes = evaluate(draws, inputs)
    alone = evaluate(base_case_draws(inputs), inputs)
    np.testing.assert_allclose(outcomes.total_qalys[:, 1], alone.total_qalys[:, 0], rtol=1e-14)
    assert (np.diff(outcomes.total_life_years, axis=1) < 0).all()


def test_the_pfs_median_of_the_trace_is_the_published_one_where_the_floor_does_not_bind():
    pooled = hm.load_inputs("relapsed", population="pooled_trials").with_values(ratio_pfs_to_ttp_lenalidomide_dexamethasone=0.5)
    result = hm.run_base_case(pooled)
    row = result.against_source.set_index(["strategy", "outcome"]).loc[("lenalidomide_dexamethasone", "median_pfs")]
    assert row["model"] == pytest.approx(48.1, rel=1e-4)  # linear interpolation within a cycle


def test_a_result_that_is_not_a_number_is_named_with_strategy_and_draw(inputs):
    draws = {n: np.repeat(v, 3) for n, v in base_case_draws(inputs).items()}
    draws["c_terminal_care"] = np.array([1.0, np.nan, 1.0])
    with pytest.raises(InputError, match=r"terminal_care \(list\), lenalidomide_dexamethasone, draw 1: the result is nan"):
        evaluate(draws, inputs)


def test_progression_and_death_split_the_hazard_in_proportion():
    """One cycle by hand: rate 2 a year, shape 1, three quarters of it progression, no background mortality."""
    one = np.ones((1, 1))
    moves = state_transition(hazards.Constant(-0.2 * one), 0.75 * one, hazards.Constant(np.log(0.5) * one), np.zeros((1, 1)))
    stay, move = moves(0)
    assert stay["progression_free"][0, 0] == pytest.approx(np.exp(-0.2), rel=1e-14)
    assert move["progression_free", "progressed"][0, 0] == pytest.approx(0.75 * (1 - np.exp(-0.2)), rel=1e-13)
    assert stay["progressed"][0, 0] == 0.5


def test_the_floor_takes_the_place_of_a_lower_hazard_of_death():
    """Death 0.05 in the cycle by the disease, 0.3 by the general population: leave with 0.15 + 0.3, a third of it progression."""
    one = np.ones((1, 1))
    moves = state_transition(hazards.Constant(-0.2 * one), 0.75 * one, hazards.Constant(np.log(0.9) * one), np.full((1, 1), 0.3))
    stay, move = moves(0)
    assert stay["progression_free"][0, 0] == pytest.approx(np.exp(-0.45), rel=1e-14)
    assert move["progression_free", "progressed"][0, 0] == pytest.approx((1 - np.exp(-0.45)) / 3, rel=1e-13)
    assert stay["progressed"][0, 0] == pytest.approx(np.exp(-0.3), rel=1e-14)


def test_the_hazard_ratio_divides_the_cumulative_hazard_of_the_other_strategy(inputs):
    """Evidence 6.1: with k 1.0904, HR 0.833 of a 37.8-month median gives 32.0, 0.66 gives 25.8, 0.44 gives 17.8 months."""
    pooled = hm.load_inputs("relapsed", population="pooled_trials").with_settings(comparator_survival="hazard_ratio")
    for ratio, months in ((0.833, 32.0), (0.66, 25.8), (0.44, 17.8)):
        draws = base_case_draws(pooled) | {"hr_death_lenalidomide_dexamethasone": np.array([ratio])}
        assert round(12 * os_median(draws, pooled)[1, 0], 1) == months


def test_a_weibull_has_the_median_and_the_landmarks_of_the_evidence():
    """Evidence 6.1, lenalidomide + dexamethasone: S at 1, 2, 3, 5, 10 years .820 .655 .518 .317 .087."""
    rate = weibull_rate(np.array([164.3 * 7 / 365.25]), np.array([1.0904]))
    survival = np.exp(-rate * np.array([1, 2, 3, 5, 10]) ** 1.0904)
    assert survival.round(3).tolist() == [0.820, 0.655, 0.518, 0.317, 0.087]


def with_rows(inputs, **values):
    """`inputs` with parameters that are not in the files, fixed at a value."""
    like = inputs.parameters["c_pe"]
    new = {n: replace(like, name=n, value=v, se=None, low=None, high=None, distribution="fixed") for n, v in values.items()}
    return replace(inputs, parameters=MappingProxyType(dict(inputs.parameters) | new))


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        (
            {"p_itching_dexamethasone": 0.5, "c_itching": 5e4, "du_itching": 0.1, "d_itching": 7},
            "du_itching: no row of payoffs.csv and no drug counts it",
        ),
        (
            {"n_clinic_visits_dexamethasone": 9.0},
            "n_clinic_visits means two parameters, n_clinic_visits and n_clinic_visits_dexa",
        ),
        ({"c_other_drugs_dexametasone": 900.0}, "c_other_drugs_dexametasone: no row of payoffs.csv and no drug counts it"),
        (
            {"p_itching_dexamethasone": 0.5, "p_itching_lenalidomide_dexamethasone": 0.5, "c_itching": 5e4},
            "c_itching: no row of payoffs.csv and no drug counts it",
        ),
    ],
)
def test_money_that_would_be_ignored_in_silence_is_refused(rows, problem):
    with pytest.raises(InputError, match=problem):
        hm.run_base_case(with_rows(hm.load_inputs("relapsed"), **rows).with_settings())


def test_an_event_that_is_given_whole_is_charged():
    base = hm.load_inputs("relapsed")
    rows = {"p_itching_dexamethasone": 0.5, "p_itching_lenalidomide_dexamethasone": 0.0, "c_itching": 100.0}
    more = with_rows(base, **rows, du_itching=0.0)
    lasting = replace(base.parameters["d_pe"], name="d_itching")
    events = replace(next(row for row in base.payoffs if row.event == "pe" and row.outcome == "cost"), event="itching")
    event = replace(events, amount=parse("p_itching * c_itching"))
    more = replace(
        more, parameters=MappingProxyType(dict(more.parameters) | {"d_itching": lasting}), payoffs=(*base.payoffs, event)
    )
    before, after = (hm.run_base_case(x).table.set_index(["price_arrangement", "strategy"])["costs"] for x in (base, more))
    difference = after - before
    assert difference["pas", "lenalidomide_dexamethasone"] == 0
    assert difference["pas", "dexamethasone"] == pytest.approx(50 / 1.035 ** (14 / 365.25), rel=1e-10)
