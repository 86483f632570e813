"""Budget impact.

Pitfalls guarded: discounted cash; people who all start on 1 January; a year of 13.04 cycles; costs of later years of earlier starters
forgotten or counted twice; the comparator's own costs left out of what is saved; the scheme's saving in years in which nobody can
have passed the cap; a cost by cycle that is not that of a run with that horizon; a result that is not a number told as one.
"""

from dataclasses import replace

import numpy as np
import pytest

import hemodel as hm
from hemodel.analyses.budget import run_budget
from hemodel.cohort import model
from hemodel.cohort.model import ON_TREATMENT
from hemodel.errors import InputError
from hemodel.evidence.draws import base_case_draws, sampler
from tests.baseline.outcomes import cases


@pytest.fixture(scope="module")
def inputs():
    return hm.load_inputs("relapsed")


@pytest.fixture(scope="module")
def table(inputs):
    return run_budget(inputs).table.set_index(["price_arrangement", "year"])


def test_the_drug_bill_is_packs_counted_cohort_by_cohort(inputs, table):
    """By another road: the trace's share on treatment, every cohort by its starting cycle, every pack in its calendar year."""
    treated = hm.run_base_case(inputs).trace[ON_TREATMENT][:, 0]
    uptake = [inputs.parameters[f"p_uptake_year_{y}"].value for y in range(1, 6)]
    price = inputs.parameters["c_lenalidomide_25mg_pack"].value
    for arrangement, cap in (("list", 10**6), ("pas", 26)):
        bill = np.zeros(5)
        for year in range(5):
            for start in range(13):
                people = 2_000 * uptake[year] / 13
                for cycle in range(65 - 13 * year - start):
                    bill[(13 * year + start + cycle) // 13] += people * price * treated[cycle] * (cycle < cap)
        np.testing.assert_allclose(table.loc[arrangement, "spend_lenalidomide"], bill, rtol=1e-10)


def test_impact_is_with_less_without(table):
    np.testing.assert_allclose(table["cost_with"] - table["cost_without"], table["budget_impact"], rtol=1e-10)
    assert (table["eligible"] == 2_000).all()
    assert table.loc["list", "treated"].tolist() == [600, 1_000, 1_400, 1_600, 1_600]


def test_the_scheme_pays_nothing_before_its_third_year(inputs, table):
    drug = table["spend_lenalidomide"].unstack(0)
    assert drug.loc[[1, 2], "list"].tolist() == drug.loc[[1, 2], "pas"].tolist()
    assert (drug.loc[3:, "pas"] < drug.loc[3:, "list"]).all()
    running = inputs.parameters["c_scheme_per_patient"].value
    extra = table.loc[("pas", 1), "cost_with"] - table.loc[("list", 1), "cost_with"]
    assert extra == pytest.approx(600 * running, rel=1e-9)


def test_nobody_treated_costs_nothing(inputs):
    none = inputs.with_values(**{f"p_uptake_year_{y}": 0.0 for y in range(1, 6)})
    table = run_budget(none).table
    assert (table["budget_impact"] == 0).all() and (table["cost_with"] == table["cost_without"]).all()


def test_a_long_budget_comes_to_the_undiscounted_cost_of_each_person(inputs):
    """Once the cohort of year 1 has died, what it has cost is the base case's undiscounted cost."""
    years = 40
    uptake = {f"p_uptake_year_{y}": inputs.parameters["p_uptake_year_1"] for y in range(1, years + 1)}
    ages = {
        **inputs.parameters,
        **{n: replace(p, name=n, value=1.0 if n == "p_uptake_year_1" else 0.0) for n, p in uptake.items()},
    }
    long = replace(inputs, parameters=ages).with_settings(horizon_years=60.0)
    total = run_budget(long, years=years).table.groupby("price_arrangement")["budget_impact"].sum()
    undiscounted = hm.run_base_case(long).outcomes.undiscounted
    for arrangement in ("list", "pas"):
        cost = undiscounted.total_costs(arrangement)[:, 0]
        assert total[arrangement] == pytest.approx(2_000 * (cost[0] - cost[1]), rel=1e-6)


def test_missing_uptake_is_named(inputs):
    with pytest.raises(InputError, match=r"there is no p_uptake_year_6.*\n.*p_uptake_year_7"):
        run_budget(inputs, years=7)
    with pytest.raises(InputError, match="0 is not a whole number from 1"):
        run_budget(inputs, years=0)


@pytest.mark.parametrize("case", list(cases()), ids=" ".join)
def test_costs_so_far_are_those_of_a_run_that_ends_with_the_cycle(case):
    """Every component of every arrangement, discounted and not, of two draws."""
    problem, population, scenario = case
    inputs = hm.load_inputs(problem, population=population, scenario=scenario or None)
    draws, cycle = sampler(inputs, seed=5).block(0, 2), inputs.settings.cycle_years
    lived = inputs.with_settings(horizon_years=40 * cycle)
    plain, discounted = (model.costs_so_far(draws, lived, discounted=choice) for choice in (False, True))
    for n in (1, 14, 40):
        ending = model.evaluate(draws, inputs.with_settings(horizon_years=n * cycle))
        for running, outcomes in ((plain, ending.undiscounted), (discounted, ending)):
            assert {a: list(parts) for a, parts in running.items()} == {a: list(p) for a, p in outcomes.costs.items()}
            for arrangement, parts in outcomes.costs.items():
                for name, cost in parts.items():
                    np.testing.assert_allclose(running[arrangement][name][n - 1], cost, rtol=1e-12, atol=1e-9, err_msg=name)


def test_a_budget_is_one_run_of_the_model(inputs, monkeypatch):
    runs, follow = [], model.follow
    monkeypatch.setattr(model, "follow", lambda *words: runs.append(words) or follow(*words))
    run_budget(inputs)
    assert len(runs) == 1


def test_a_cost_that_is_no_number_is_refused_with_its_name(inputs):
    draws = base_case_draws(inputs) | {"c_terminal_care": np.array([np.inf])}
    with pytest.raises(InputError, match=r"cost of terminal_care \(pas\), .*the result is inf"):
        model.costs_so_far(draws, inputs)
