"""Patient access schemes: who pays for which pack.

Pitfalls guarded: a cap that bites one cycle early or late; related costs that stop with the drug's; two runs instead of one trace;
cycles counted by the calendar where packs are counted; a refund that is not discounted from when it is paid; a free start charged.
"""

import itertools

import numpy as np
import pytest

import hemodel as hm
from hemodel.cohort import schemes
from hemodel.cohort.engine import run_cohort
from hemodel.cohort.model import evaluate, scheme_of
from hemodel.evidence.draws import base_case_draws
from hemodel.evidence.settings import Scheme, Tier


@pytest.fixture(scope="module")
def inputs():
    return hm.load_inputs("relapsed")


def with_scheme(inputs, **terms):
    return inputs.with_settings(schemes={"pas": {"label": "test", "drug": "lenalidomide", **terms}})


def drug_cost(result, arrangement="pas", strategy=0, *, discounted=True):
    outcomes = result.outcomes if discounted else result.outcomes.undiscounted
    return outcomes.costs[arrangement]["lenalidomide"][strategy, 0]


def packs_by_cycle(result):
    """Share on treatment at each cycle start: one pack each."""
    return result.trace["on_treatment"][:-1, 0]


def test_cap_at_26_charges_exactly_26_cycles(inputs):
    result = hm.run_base_case(inputs)
    packs = packs_by_cycle(result)
    assert drug_cost(result, discounted=False) == pytest.approx(4368 * packs[:26].sum(), rel=1e-12)
    v = 1.035 ** -(np.arange(391) * 28 / 365.25)
    assert drug_cost(result) == pytest.approx(4368 * (v * packs)[:26].sum(), rel=1e-12)
    assert drug_cost(result, "list") == pytest.approx(4368 * (v * packs).sum(), rel=1e-12)


@pytest.mark.parametrize("cap", [1, 3, 4, 5, 25, 26, 27, 390, 391])
def test_each_further_charged_cycle_adds_the_packs_of_that_cycle(inputs, cap):
    result = hm.run_base_case(with_scheme(inputs, kind="drug_cost_cap", drug_cost_cap_cycles=cap))
    assert drug_cost(result, discounted=False) == pytest.approx(4368 * packs_by_cycle(result)[:cap].sum(), rel=1e-12)


def test_a_cap_beyond_the_horizon_is_the_list_price_for_the_drug(inputs):
    result = hm.run_base_case(with_scheme(inputs, kind="drug_cost_cap", drug_cost_cap_cycles=1000))
    assert drug_cost(result) == drug_cost(result, "list")


def test_scheme_pays_for_the_drug_and_nothing_else(inputs):
    costs = hm.run_base_case(inputs).outcomes.costs
    for component in costs["list"]:
        if component not in ("lenalidomide", "scheme_running"):
            assert costs["pas"][component] is costs["list"][component]
    assert costs["pas"]["lenalidomide"][0, 0] < costs["list"]["lenalidomide"][0, 0]
    assert costs["pas"]["scheme_running"][:, 0].tolist() == [53.0, 0.0]
    assert costs["list"]["scheme_running"].tolist() == [[0.0], [0.0]]


def test_related_costs_continue_after_the_cap(inputs):
    """With monitoring costs raised, list and scheme rise by the same amount, all cycles on treatment counted."""
    dearer = inputs.with_values(c_clinic_visit_follow_up=1000.0)
    rise = {}
    for arrangement in ("list", "pas"):
        before, after = (hm.run_base_case(x).outcomes.undiscounted.total_costs(arrangement)[0, 0] for x in (inputs, dearer))
        rise[arrangement] = after - before
    cycles = packs_by_cycle(hm.run_base_case(inputs))
    assert rise["pas"] == pytest.approx((1000 - 164.19) * cycles[1:].sum(), rel=1e-10)
    assert rise["list"] == pytest.approx(rise["pas"], rel=1e-10)


def test_list_and_scheme_come_out_of_the_same_trace(inputs):
    both = hm.run_base_case(inputs).outcomes
    alone = hm.run_base_case(inputs.with_settings(price_arrangements=["list"])).outcomes
    np.testing.assert_array_equal(both.total_costs("list"), alone.total_costs("list"))
    np.testing.assert_array_equal(both.total_qalys, alone.total_qalys)


def test_a_free_start_is_the_complement_of_a_cap(inputs):
    free = hm.run_base_case(with_scheme(inputs, kind="free_start", free_cycles=10))
    cap = hm.run_base_case(with_scheme(inputs, kind="drug_cost_cap", drug_cost_cap_cycles=10))
    assert drug_cost(free) + drug_cost(cap) == pytest.approx(drug_cost(cap, "list"), rel=1e-13)


def test_a_price_discount_takes_its_share_of_every_pack(inputs):
    result = hm.run_base_case(with_scheme(inputs, kind="price_discount", price_discount=0.3))
    assert drug_cost(result) == pytest.approx(0.7 * drug_cost(result, "list"), rel=1e-14)


def test_a_refund_returns_the_packs_of_those_who_did_not_respond_when_it_falls_due(inputs):
    result = hm.run_base_case(with_scheme(inputs, kind="response_refund", response_by_cycle=4))
    lost = 1 - inputs.parameters["p_response_lenalidomide_dexamethasone"].value
    packs = packs_by_cycle(result)
    v = 1.035 ** -(np.arange(391) * 28 / 365.25)
    expected = 4368 * ((v * packs).sum() - lost * packs[:4].sum() * v[4])
    assert drug_cost(result) == pytest.approx(expected, rel=1e-12)
    assert drug_cost(result, discounted=False) == pytest.approx(4368 * (packs.sum() - lost * packs[:4].sum()), rel=1e-12)


@pytest.mark.parametrize("q", [0.3, 0.9])
@pytest.mark.parametrize("cap", [1, 2, 4])
def test_the_expected_charge_of_dispensed_cycles_equals_brute_force_over_every_history(q, cap):
    """All 2^10 histories of dispensing or not: a pack is charged while fewer than `cap` were dispensed before."""
    n = 10
    expected = np.zeros(n)
    for history in itertools.product((0, 1), repeat=n):
        chance = np.prod([q if dispensed else 1 - q for dispensed in history])
        so_far = 0
        for cycle, dispensed in enumerate(history):
            expected[cycle] += chance * (dispensed and so_far < cap)
            so_far += dispensed
    state, found = None, []
    for cycle in range(n):
        share, state = schemes.share_within(cycle, np.array([q]), cap, state)
        found.append(q * share[0])
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-14)  # rounding of the sum over 1,024 histories


def test_counting_packs_instead_of_months_makes_the_cap_bite_later(inputs):
    """Exact in the model too: charged packs are on-treatment share times q times P(Binomial(c, q) <= 25)."""
    from scipy.stats import binom as binomial

    interrupted = inputs.with_values(p_pack_dispensed=0.9)
    calendar = hm.run_base_case(interrupted)
    dispensed = hm.run_base_case(interrupted.with_settings(scheme_counts="dispensed"))
    treated, cycle = packs_by_cycle(calendar), np.arange(391)
    assert drug_cost(calendar, discounted=False) == pytest.approx(4368 * 0.9 * treated[:26].sum(), rel=1e-12)
    expected = 4368 * 0.9 * (treated * binomial.cdf(25, cycle, 0.9)).sum()
    assert drug_cost(dispensed, discounted=False) == pytest.approx(expected, rel=1e-12)
    assert drug_cost(calendar) < drug_cost(dispensed) < drug_cost(dispensed, "list")


def test_without_interruptions_both_ways_of_counting_agree(inputs):
    calendar, dispensed = (hm.run_base_case(inputs.with_settings(scheme_counts=c)) for c in ("calendar", "dispensed"))
    assert drug_cost(calendar) == pytest.approx(drug_cost(dispensed), rel=1e-13)


def test_the_model_reproduces_the_closed_form_of_a_constant_stay_probability():
    """Q = 0.96 a cycle, v, GBP 3,000, K = 26, through the scheme object: 47,752.6108997185."""
    q, v = 0.96, 1.035 ** (-28 / 365.25)
    trace = run_cohort({"on": 1.0}, {("on", "off"): 1 - q}, 600)
    on = trace.occupancy["on"][:-1, 0]
    cycle = np.arange(600)
    discounted = v**cycle * on

    class Packs:
        def upto(self, cycle):
            return discounted[:cycle].sum()

    assert 3000 * schemes.Scheme(((0, 1.0), (26, 0.0))).charged(Packs()) == pytest.approx(47_752.6108997185, abs=1e-8)


def test_settings_become_the_scheme_they_name():
    steps = {
        "drug_cost_cap": ({"drug_cost_cap_cycles": 26}, ((0, 1.0), (26, 0.0))),
        "free_start": ({"free_cycles": 2}, ((0, 0.0), (2, 1.0))),
        "price_discount": ({"price_discount": 0.25}, ((0, 0.75),)),
        "tiered_discount": ({"tiers": [Tier(from_cycle=7, price_discount=0.5)]}, ((0, 1.0), (6, 0.5))),
    }
    for kind, (terms, expected) in steps.items():
        assert scheme_of(Scheme(kind=kind, drug="lenalidomide", label="x", **terms)) == schemes.Scheme(expected)
    refund = Scheme(kind="response_refund", drug="lenalidomide", label="x", response_by_cycle=4)
    assert scheme_of(refund) == schemes.Scheme(refund_cycles=4)


def test_published_check_of_the_scheme_on_the_pooled_pfs_curve(inputs):
    """Evidence 6.5: PFS Weibull of the pooled trials, no background mortality, uncapped and capped discounted drug cost.

    The page prints 71,676 and 58,966 with 16.41 and 13.50 cycles, from shape 1.0643 and scale 67.87 weeks.
    """
    week = np.arange(0, 400) * 4
    on = np.exp(-((week / 67.87) ** 1.0643))
    v = 1.035 ** -(np.arange(400) * 28 / 365.25)
    assert round((v * on).sum(), 2) == 16.41
    assert round((v * on)[:26].sum(), 2) == 13.50
    pooled = hm.load_inputs("relapsed", population="pooled_trials").with_values(ratio_pfs_to_ttp_lenalidomide_dexamethasone=0.5)
    # with half the median as deaths before progression, the general population's mortality never binds: the pure PFS curve is left
    draws = base_case_draws(pooled)
    outcomes = evaluate(draws, pooled)
    # the scale of the page is rounded to 0.01 weeks: 1 part in 7,000, so 2 parts in 10,000 of the cost
    assert outcomes.costs["list"]["lenalidomide"][0, 0] == pytest.approx(71_676, rel=2e-4)
    assert outcomes.costs["pas"]["lenalidomide"][0, 0] == pytest.approx(58_966, rel=2e-4)
