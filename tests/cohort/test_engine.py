"""The engine against published models and closed forms.

Pitfalls guarded: counting at the wrong end of a cycle; an effect that lasts one cycle too long; rates applied as probabilities;
the "Simpson" weights of a published tutorial quietly put right; a state that leaks; an array read as cycles when it is draws.
"""

import numpy as np
import pytest

from hemodel.cohort.engine import run_cohort
from hemodel.cohort.payoffs import payoff
from hemodel.decision.incremental import incremental_analysis
from hemodel.errors import InputError


def hiv_model(relative_risk):
    """Chancellor 1997; Briggs, Claxton and Sculpher, exercise 2.5: annual transition counts of zidovudine monotherapy."""
    counts = {"A": (1734, {"B": 350, "C": 116, "dead": 17}), "B": (1258, {"C": 512, "dead": 15}), "C": (1749, {"dead": 437})}
    transitions = {(a, b): n / total * relative_risk for a, (total, exits) in counts.items() for b, n in exits.items()}
    return run_cohort({"A": 1.0}, transitions, 20)


def test_the_hiv_model_gives_the_published_costs_life_years_and_icer():
    care = {"A": 2756.0, "B": 3052.0, "C": 9007.0}
    alive = dict.fromkeys("ABC", 1.0)
    ends = np.r_[0.0, np.ones(20)]  # counted at cycle ends
    discounted = ends / 1.06 ** np.arange(21)
    two_cycles = (np.arange(21) <= 2) * 1.0
    mono, combination = hiv_model(np.ones(20)), hiv_model(np.where(np.arange(20) < 2, 0.509, 1.0))

    def costs(trace, lamivudine, weights):
        drug = payoff(trace, dict.fromkeys("ABC", 2278.0), weights) + lamivudine * payoff(trace, alive, weights * two_cycles)
        return payoff(trace, care, weights)[0], drug[0]

    assert [round(x, 2) for x in costs(mono, 0.0, ends)] == [45541.24, 18203.97]
    assert [round(x, 2) for x in costs(combination, 2086.50, ends)] == [48082.83, 24492.28]
    totals = [sum(costs(mono, 0.0, discounted)), sum(costs(combination, 2086.50, discounted))]
    years = [payoff(trace, alive, ends)[0] for trace in (mono, combination)]
    assert [round(x, 2) for x in totals] == [44663.45, 50601.65]
    assert [round(x, 6) for x in years] == [7.991207, 8.937389]
    assert round(totals[1] - totals[0], 3) == 5938.198
    assert round(years[1] - years[0], 7) == 0.9461822
    assert round((totals[1] - totals[0]) / (years[1] - years[0]), 3) == 6275.956


def sick_sicker(progression_factor):
    """DARTH, Med Decis Making 2023;43:3-20: death first, the other exits times (1 - p_death)."""
    p = {name: -np.expm1(-rate) for name, rate in {"HS1": 0.15, "S1H": 0.5, "S1S2": 0.105 * progression_factor}.items()}
    dead = {state: -np.expm1(-0.002 * ratio) for state, ratio in {"H": 1, "S1": 3, "S2": 10}.items()}
    transitions = {(state, "D"): probability for state, probability in dead.items()}
    transitions["H", "S1"] = p["HS1"] * (1 - dead["H"])
    transitions["S1", "H"] = p["S1H"] * (1 - dead["S1"])
    transitions["S1", "S2"] = p["S1S2"] * (1 - dead["S1"])
    return run_cohort({"H": 1.0}, transitions, 75)


def test_sick_sicker_gives_the_published_table():
    weights = np.where(np.arange(76) % 2 == 1, 2 / 3, 4 / 3)
    weights[[0, -1]] = 1 / 3  # as published: the interior weights of Simpson's rule swapped
    weights *= 1.03 ** -np.arange(76)
    costs, qalys = {}, {}
    for name, factor, treatment, utility_s1 in (
        ("SoC", 1, 0, 0.75),
        ("A", 1, 12_000, 0.95),
        ("B", 0.6, 13_000, 0.75),
        ("AB", 0.6, 25_000, 0.95),
    ):
        trace = sick_sicker(factor)
        costs[name] = payoff(trace, {"H": 2_000, "S1": 4_000 + treatment, "S2": 15_000 + treatment}, weights)[0]
        qalys[name] = payoff(trace, {"H": 1.0, "S1": utility_s1, "S2": 0.5}, weights)[0]
    assert {k: round(v) for k, v in costs.items()} == {"SoC": 151_580, "A": 284_805, "B": 259_100, "AB": 378_875}
    assert {k: round(v, 3) for k, v in qalys.items()} == {"SoC": 20.711, "A": 21.499, "B": 22.184, "AB": 23.137}
    table = incremental_analysis(list(costs), list(costs.values()), list(qalys.values())).set_index("strategy")
    assert round(table.loc["B", "icer"]) == 72_988
    assert round(table.loc["AB", "icer"]) == 125_764
    assert table.loc["A", "status"] == "dominated"


def test_a_constant_hazard_gives_exponential_survival():
    rate = np.array([0.1, 0.5, 2.0])
    trace = run_cohort({"alive": 1.0}, {("alive", "dead"): -np.expm1(-rate / 12)}, 120)
    np.testing.assert_allclose(trace.occupancy["alive"], np.exp(-np.arange(121)[:, None] / 12 * rate), rtol=1e-12)


def test_a_cap_bought_at_cycle_start_has_its_closed_form():
    q, v, cost, cap = 0.96, 1.035 ** (-28 / 365.25), 3_000.0, 26
    trace = run_cohort({"treated": 1.0}, {("treated", "off"): 1 - q}, 400)
    cycle = np.arange(401)
    found = payoff(trace, {"treated": cost}, np.where(cycle < cap, v**cycle, 0.0))[0]
    assert found == pytest.approx(47_752.6108997185, abs=1e-8)
    assert found == pytest.approx(cost * (1 - (q * v) ** cap) / (1 - q * v), rel=1e-13)


def test_a_cap_in_a_later_line_has_its_closed_form():
    """Treatment cycles are counted from entry to the line: the sum over entry cycles of inflow times the capped cost."""
    q, v, cost, cap, n = 0.9, 0.99, 100.0, 5, 60
    transitions = (
        {("first", f"line{0}"): 0.1}
        | {(f"line{k}", f"line{k + 1}"): q for k in range(cap)}
        | {(f"line{k}", "off"): 1 - q for k in range(cap)}
    )
    trace = run_cohort({"first": 1.0}, transitions, n)
    found = sum(payoff(trace, {f"line{k}": cost}, v ** np.arange(n + 1))[0] for k in range(cap))
    inflow = trace.flow("first", "line0")[:, 0]
    per_entry = [cost * (1 - (q * v) ** min(cap, n - t)) / (1 - q * v) for t in range(n)]
    assert found == pytest.approx(sum(inflow[t] * v ** (t + 1) * per_entry[t] for t in range(n)), rel=1e-12)


def test_occupancy_is_conserved_and_the_dead_stay_dead():
    rng = np.random.default_rng(1)
    p = rng.dirichlet(np.ones(4), size=(30, 50))
    transitions = {
        ("a", "b"): p[..., 0],
        ("a", "c"): p[..., 1],
        ("a", "dead"): p[..., 2],
        ("b", "dead"): p[..., 3],
        ("c", "a"): p[..., 0],
    }
    trace = run_cohort({"a": 0.7, "b": 0.3}, transitions, 30)
    np.testing.assert_allclose(sum(trace.occupancy.values()), 1.0, rtol=0, atol=1e-13)
    assert (np.diff(trace.occupancy["dead"], axis=0) >= 0).all()
    change = np.diff(trace.occupancy["a"], axis=0)
    flows = trace.flow("c", "a") - trace.flow("a", "b") - trace.flow("a", "c") - trace.flow("a", "dead")
    np.testing.assert_allclose(change, flows, rtol=0, atol=1e-15)


@pytest.mark.parametrize(
    ("probability", "shape"),
    [(0.1, (6, 1)), (np.full(5, 0.1), (6, 1)), (np.full(3, 0.1), (6, 3)), (np.full((5, 3), 0.1), (6, 3))],
)
def test_probabilities_may_be_numbers_or_vary_by_cycle_draw_or_both(probability, shape):
    trace = run_cohort({"a": 1.0}, {("a", "b"): probability}, 5)
    assert trace.occupancy["a"].shape == shape
    np.testing.assert_allclose(trace.occupancy["a"][-1], 0.9**5, rtol=1e-14)
    assert trace.flow("a", "b").shape == (5, shape[1])


def test_an_array_that_could_be_cycles_or_draws_is_refused_not_guessed():
    by_draw = np.full((1, 4), 0.1)
    with pytest.raises(InputError, match=r"a -> b: 4 numbers could be one a cycle or one a draw"):
        run_cohort({"a": 1.0}, {("a", "b"): np.full(4, 0.1), ("a", "c"): by_draw}, 4)
    assert run_cohort({"a": 1.0}, {("a", "b"): np.full((4, 1), 0.1), ("a", "c"): by_draw}, 4).occupancy["a"].shape == (5, 4)


def test_a_probability_outside_its_range_is_named_with_transition_cycle_and_draw():
    p = np.full((5, 3), 0.2)
    p[2, 1], p[4, 0] = 1.3, -0.1
    with pytest.raises(InputError) as error:
        run_cohort({"a": 1.0}, {("a", "b"): p, ("b", "c"): np.nan}, 5)
    text = str(error.value)
    assert "transition a -> b, cycle 2, draw 1: the probability 1.3 leaves [0, 1] (one of 2 such places)" in text
    assert "transition b -> c, cycle 0, draw 0" in text


def test_exits_that_exceed_one_together_are_refused():
    with pytest.raises(InputError, match=r"transitions from a, cycle 0, draw 0: the sum of probabilities 1.2"):
        run_cohort({"a": 1.0}, {("a", "b"): 0.6, ("a", "c"): 0.6}, 3)


@pytest.mark.parametrize(
    ("initial", "transitions", "n_cycles", "message"),
    [
        ({"a": 0.9}, {("a", "b"): 0.1}, 3, "they sum to 0.9"),
        ({"a": 1.4, "b": -0.4}, {("a", "b"): 0.1}, 3, "1.4 is not a share"),
        ({"a": 1.0}, {("a", "a"): 0.1}, 3, "cannot move to itself"),
        ({"a": 1.0}, {("a", "b"): np.zeros((2, 2))}, 3, "does not fit 3 cycles"),
        ({"a": 1.0}, {("a", "b"): 0.1}, 0, "not a number of cycles"),
    ],
)
def test_requests_that_make_no_sense_are_refused(initial, transitions, n_cycles, message):
    with pytest.raises(InputError, match=message):
        run_cohort(initial, transitions, n_cycles)


def test_a_flow_that_is_not_there_is_named_with_the_nearest():
    with pytest.raises(InputError, match="Did you mean well -> dead"):
        run_cohort({"well": 1.0}, {("well", "dead"): 0.1}, 2).flow("wel", "dead")


def test_flows_are_those_who_move_in_each_cycle():
    trace = run_cohort({"well": 1.0}, {("well", "dead"): 0.5}, 3)
    assert trace.flow("well", "dead")[:, 0].tolist() == [0.5, 0.25, 0.125]


def test_weights_of_the_wrong_length_are_refused():
    trace = run_cohort({"well": 1.0}, {("well", "dead"): 0.5}, 3)
    with pytest.raises(InputError, match="4 cycle boundaries"):
        payoff(trace, {"well": 1.0}, np.ones(3))


def test_a_result_shows_itself_in_a_notebook():
    assert "<table" in run_cohort({"well": 1.0}, {("well", "dead"): 0.5}, 3)._repr_html_()


def test_shares_that_sum_to_one_and_are_none_in_one_draw_of_several_are_refused():
    with pytest.raises(
        InputError, match=r"initial share of A, draw 1: 1\.5 is not a share(.|\n)*initial share of B, draw 1: -0\.5"
    ):
        run_cohort({"A": np.array([1.0, 1.5, 0.3]), "B": np.array([0.0, -0.5, 0.7])}, {("A", "B"): 0.1}, 3)
