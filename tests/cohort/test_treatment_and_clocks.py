"""Treatment rules, doses, clocks since progression, later lines, and what is counted besides.

Pitfalls guarded: a scheme that counts a later line's cycles from the first; tunnel states that lose people; a clock that starts a cycle
late; people who stop treatment and are charged on; doses that go up again; utilities above the norm; the last year's loss charged
to those alive.
"""

import numpy as np
import pytest

import hemodel as hm
from hemodel.cohort.model import ON_TREATMENT, PROGRESSED, PROGRESSION_FREE, evaluate, trace
from hemodel.cohort.model.treatment import stepwise_price
from hemodel.errors import InputError
from hemodel.evidence.draws import base_case_draws, sampler

L = "lenalidomide_dexamethasone"


@pytest.fixture(scope="module")
def inputs():
    return hm.load_inputs("relapsed")


@pytest.fixture(scope="module")
def base(inputs):
    return hm.run_base_case(inputs)


def changed(inputs, **values):
    return {**base_case_draws(inputs), **{n: np.array([float(v)]) for n, v in values.items()}}


def test_a_clock_that_changes_nothing_gives_the_base_case(inputs, base):
    for window in (1, 13, 391):
        clock = inputs.with_settings(post_progression_clock_cycles=window)
        found = trace(changed(clock, hr_death_after_clock=1.0), clock)
        np.testing.assert_allclose(found[PROGRESSED][:, :, 0], base.trace[PROGRESSED], rtol=1e-11, atol=1e-15)


def test_a_clock_longer_than_the_horizon_never_strikes_and_a_higher_hazard_after_it_kills(inputs, base):
    never = inputs.with_settings(post_progression_clock_cycles=391)
    np.testing.assert_allclose(
        trace(changed(never, hr_death_after_clock=9.0), never)[PROGRESSED][:, :, 0],
        base.trace[PROGRESSED],
        rtol=1e-11,
        atol=1e-15,
    )
    early = inputs.with_settings(post_progression_clock_cycles=1)
    alive = trace(changed(early, hr_death_after_clock=2.0), early)[PROGRESSED][:, :, 0]
    assert (alive[3:200] < base.trace[PROGRESSED][3:200]).all()


def test_those_within_the_clock_are_the_newly_progressed_of_its_cycles(inputs):
    """By groups: everyone who progressed in the last 13 cycles, each group with its own survival."""
    settings = inputs.with_settings(post_progression_clock_cycles=13, also_counted=["subsequent_treatment"])
    draws = changed(settings, hr_death_after_clock=0.5, c_subsequent_treatment=1.0)
    found = evaluate(draws, settings).undiscounted.costs["list"]["subsequent_treatment"][:, 0]
    free = trace(draws, settings)[PROGRESSION_FREE][:, :, 0]
    rate = np.array([draws[f"r_death_progressed_{s}"][0] for s in settings.settings.strategy_names])
    stay = np.exp(-rate * 28 / 365.25)  # the floor does not bind at these rates
    share = np.array([draws[f"ratio_pfs_to_ttp_{s}"][0] for s in settings.settings.strategy_names]) ** draws["shape_pfs"][0]
    entered = (free[:-1] - free[1:]) * share  # at the start of cycle c + 1; so too unless the floor binds before progression
    expected = np.zeros(2)
    for c, group in enumerate(entered):
        for k in range(min(13, 391 - (c + 1))):
            expected += group * stay**k
    np.testing.assert_allclose(found, expected, rtol=2e-3)


def test_fixed_duration_charges_exactly_its_cycles(inputs):
    strategies = [s.model_dump() | ({"treatment_cycles": 10} if s.name == L else {}) for s in inputs.settings.strategies]
    fixed = inputs.with_settings(strategies=strategies)
    treated = hm.run_base_case(fixed).trace[ON_TREATMENT]
    assert (treated[10:, 0] == 0).all() and treated[9, 0] > 0 and treated[10, 1] > 0
    costs = evaluate(base_case_draws(fixed), fixed).undiscounted.costs
    packs = treated[:10, 0].sum() * inputs.parameters["c_lenalidomide_25mg_pack"].value
    assert costs["list"]["lenalidomide"][0, 0] == pytest.approx(packs, rel=1e-12)
    assert costs["pas"]["lenalidomide"][0, 0] == pytest.approx(packs, rel=1e-12)  # it ends before the cap


def test_responders_stop_at_the_cycle_that_is_set(inputs, base):
    stop = inputs.with_settings(stop_at_response_cycle=13)
    treated, before = hm.run_base_case(stop).trace[ON_TREATMENT], base.trace[ON_TREATMENT]
    np.testing.assert_array_equal(treated[:13], before[:13])
    np.testing.assert_allclose(treated[13:, 0], before[13:, 0] * (1 - 0.600567), rtol=1e-12)


def test_doses_go_down_and_never_up(inputs):
    draws = changed(inputs, r_dose_reduction=2.0)
    steps = inputs.settings.drugs["lenalidomide"].steps
    prices = np.array([stepwise_price(draws, steps, 28 / 365.25)(c)[0] for c in range(200)])
    assert prices[0] == 4_368 and (np.diff(prices) < 0).all()
    assert prices[-1] == pytest.approx(3_570, rel=1e-3)
    lam, p = 2.0 * 10 * 28 / 365.25, [4_368, 3_969, 3_780, 3_570]
    weights = [np.exp(-lam), lam * np.exp(-lam), lam**2 / 2 * np.exp(-lam)]
    assert prices[10] == pytest.approx(np.dot(weights, p[:3]) + (1 - sum(weights)) * p[3], rel=1e-13)


def test_no_dose_reduction_is_the_full_dose(inputs, base):
    steps = inputs.with_settings(dose="stepwise")
    found = evaluate(changed(steps, r_dose_reduction=0.0), steps)
    for arrangement in ("list", "pas"):
        np.testing.assert_allclose(found.total_costs(arrangement), base.outcomes.total_costs(arrangement), rtol=1e-12)


def test_a_later_line_is_charged_from_its_own_start():
    """Closed form (methods.md 8): inflow(t) v^(t+1) c (1 - (q v)^K)/(1 - q v), summed over t; K counts from entry to that line."""
    pooled = hm.load_inputs("relapsed", population="pooled_trials", scenario="later_lenalidomide")
    draws = changed(pooled, age_start=20.0)  # so that no floor binds before the horizon's end
    free = trace(draws, pooled)[PROGRESSION_FREE][:, 1, 0]
    name = "dexamethasone"
    rate = draws["r_stop_later_line"][0]
    assert rate > draws[f"r_death_progressed_{name}"][0]
    share = draws[f"ratio_pfs_to_ttp_{name}"][0] ** draws["shape_pfs"][0]
    q, v, price = np.exp(-rate * 28 / 365.25), 1.035 ** (-28 / 365.25), draws["c_lenalidomide_25mg_pack"][0]
    n = len(free) - 1
    entered = (free[:-1] - free[1:]) * share * draws[f"p_later_line_{name}"][0]
    for arrangement, cap in (("pas", 26), ("list", n)):
        expected = 0.0
        for t, people in enumerate(entered):
            last = min(cap, n - (t + 1))
            expected += people * v ** (t + 1) * price * (1 - (q * v) ** last) / (1 - q * v)
        found = evaluate(draws, pooled).costs[arrangement]["later_lenalidomide"]
        assert found[1, 0] == pytest.approx(expected, rel=2e-4)  # early deaths at the floor take a little from progression
        assert found[0, 0] == 0


def test_what_a_later_line_cannot_be_combined_with_is_refused(inputs):
    later = {"also_counted": ["later_lenalidomide"]}
    for other, words in (
        ({"scheme_counts": "dispensed"}, "counted by the calendar"),
        ({"structure": "partitioned_survival"}, "does not know when people progress"),
        ({"post_progression_clock_cycles": 5}, "has its own clock"),
    ):
        with pytest.raises(InputError, match=words):
            inputs.with_settings(**later, **other)


def test_utilities_by_age_fall_with_the_norm_and_never_exceed_it(inputs, base):
    aged = inputs.with_settings(utility_age_adjustment="general_population")
    found = hm.run_base_case(aged).outcomes
    assert (found.total_qalys < base.outcomes.total_qalys).all()
    np.testing.assert_array_equal(found.total_life_years, base.outcomes.total_life_years)
    perfect = evaluate(changed(aged, u_progression_free=1.0), aged)
    norm = evaluate(changed(aged, u_progression_free=inputs.utility_norm.at(np.array([63.0]), 0.59)[0]), aged)
    np.testing.assert_allclose(perfect.total_qalys, norm.total_qalys, rtol=1e-14)
    held = perfect.crossings["by how much u_progression_free exceeded the general population's utility"]
    assert held[0, 0] == pytest.approx(1 - 0.8153, abs=1e-4)


@pytest.mark.parametrize("count", ["life_table", "start", "end"])
def test_a_norm_that_does_not_fall_leaves_utilities_alone(inputs, count):
    from dataclasses import replace

    flat = replace(inputs, utility_norm=inputs.utility_norm.model_copy(update={"age": 0.0, "age_squared": 0.0}))
    draws = sampler(inputs, seed=3).block(0, 5)
    plain = evaluate(draws, flat.with_settings(time_in_state=count))
    aged = evaluate(draws, flat.with_settings(time_in_state=count, utility_age_adjustment="general_population"))
    np.testing.assert_allclose(aged.total_qalys, plain.total_qalys, rtol=1e-12)


def test_losses_before_death_fall_on_those_who_die(inputs, base):
    near = inputs.with_settings(also_counted=["utility_loss_near_death"])
    found = hm.run_base_case(near).outcomes.undiscounted.qalys["near_death"][:, 0]
    dead = base.trace["dead"][-1]
    np.testing.assert_allclose(found, -0.2 * 3 / 12 * dead, rtol=1e-10)


def test_second_cancers_are_a_rate_of_time_before_progression(inputs, base):
    second = inputs.with_settings(also_counted=["second_cancers"])
    found = hm.run_base_case(second).outcomes.undiscounted
    cancers = np.array([0.031, 0.014]) * base.outcomes.undiscounted.life_years[PROGRESSION_FREE][:, 0]
    np.testing.assert_allclose(found.costs["list"]["second_cancers"][:, 0], 15_000 * cancers, rtol=1e-12)
    np.testing.assert_allclose(found.qalys["second_cancers"][:, 0], -0.1 * cancers, rtol=1e-12)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"comparator_survival": "hazard_ratio", "intervention_survival": "hazard_ratio"}, "from the other's"),
        ({"comparator_survival": "hazard_ratio", "os_curve": "log_normal"}, "makes another family"),
        ({"progression_shape": "ttp", "pfs_curve": "exponential"}, "is a Weibull"),
        ({"also_counted": ["subsequent_treatment"]}, "has no duration"),
        ({"also_counted": ["second_cancers", "second_cancers"]}, "listed twice"),
        ({"effect_waning": {"from_years": 3.0, "to_years": 2.0}}, "before it fades"),
        ({"structure": "partitioned_survival", "post_progression_clock_cycles": 13}, "no clock"),
    ],
)
def test_settings_that_do_not_fit_together_are_refused(inputs, settings, words):
    with pytest.raises(InputError, match=words):
        inputs.with_settings(**settings)


@pytest.mark.parametrize("block", [1, 7])
def test_every_structure_gives_the_same_bits_in_any_block(block):
    for population, scenario in (
        ("two_or_more_prior", "post_progression_clock"),
        ("pooled_trials", "later_lenalidomide"),
        ("pooled_trials", "response_depth"),
        ("two_or_more_prior", "os_log_normal"),
        ("two_or_more_prior", "utilities_by_age"),
        ("two_or_more_prior", "effect_waning"),
        ("two_or_more_prior", "dose_stepwise"),
    ):
        inputs = hm.load_inputs("relapsed", population=population, scenario=scenario).with_settings(horizon_years=4.0)
        draws = sampler(inputs, seed=1).block(0, 14)
        whole = evaluate(draws, inputs)
        parts = [evaluate({n: v[i : i + block] for n, v in draws.items()}, inputs) for i in range(0, 14, block)]
        for arrangement in whole.price_arrangements:
            joined = np.concatenate([p.total_costs(arrangement) for p in parts], axis=1)
            np.testing.assert_array_equal(joined, whole.total_costs(arrangement))
        np.testing.assert_array_equal(np.concatenate([p.total_qalys for p in parts], axis=1), whole.total_qalys)


def test_cycles_in_which_the_ttp_curve_exceeded_the_living_are_counted_where_it_did_and_nowhere_else():
    """At the start everyone is alive and on treatment: the two are equal, and nothing is held."""
    found = hm.run_base_case(hm.load_inputs("relapsed", scenario="treatment_until_ttp")).outcomes.crossings
    assert found["cycles in which the TTP curve exceeded the share alive"][:, 0].tolist() == [0, 260]


@pytest.mark.parametrize("limits", [(3, 5), (3, None), (None, 5)])
def test_treatment_ends_after_the_cycles_of_its_strategy_whoever_else_has_a_limit(inputs, limits):
    terms = zip(inputs.settings.strategies, limits, strict=True)
    limited = inputs.with_settings(strategies=[s.model_dump() | {"treatment_cycles": limit} for s, limit in terms])
    found = trace(base_case_draws(limited), limited)
    for i, limit in enumerate(limits):
        treated, free = found[ON_TREATMENT][:, i, 0], found[PROGRESSION_FREE][:, i, 0]
        last = len(treated) if limit is None else limit
        np.testing.assert_array_equal(treated[:last], free[:last])
        assert not treated[last:].any()
