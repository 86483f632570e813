"""The engine against the second implementation, on base cases and on random draws.

Pitfalls guarded: everything that two programs written apart would not get wrong in the same way.
"""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

import hemodel as hm
from hemodel.cohort.model import evaluate
from hemodel.evidence.draws import base_case_draws, sampler
from hemodel.evidence.parameters import YEARS_PER

spec = importlib.util.spec_from_file_location("plain_model", Path(__file__).with_name("plain_model.py"))
assert spec is not None and spec.loader is not None
plain_model = importlib.util.module_from_spec(spec)
spec.loader.exec_module(plain_model)

CASES = [(population, None) for population in hm.load_inputs("relapsed").settings.populations]
CASES += [("two_or_more_prior", scenario) for scenario in hm.scenario_names()]
OTHER = {"lenalidomide_dexamethasone": "lenalidomide_dexamethasone", "dexamethasone": "lenalidomide_dexamethasone"}


def settings_of(inputs):
    s = inputs.settings
    names = (
        "n_cycles",
        "structure",
        "post_progression_mortality",
        "comparator_survival",
        "treatment_until",
        "scheme_counts",
        "time_in_state",
    )
    cap = s.schemes["pas"].drug_cost_cap_cycles
    return {name: getattr(s, name) for name in names} | {"cap": cap, "high_dose_cycles": s.dexamethasone_high_dose_cycles}


def both(inputs, draws, i, discounted):
    """Rows (arrangement, strategy) x (costs, life-years, QALYs) from the engine and from the second implementation, draw i."""
    outcomes = evaluate(draws, inputs)
    outcomes = outcomes if discounted else outcomes.undiscounted
    p = {name: float(values[i]) for name, values in draws.items()}
    years = {name: p[name] * YEARS_PER[x.unit] for name, x in inputs.parameters.items() if x.unit in YEARS_PER}
    s = settings_of(inputs)
    table = inputs.life_table
    floor = plain_model.background(table.male.tolist(), table.female.tolist(), p["age_start"], p["p_male"], s["n_cycles"])
    r = [inputs.settings.discount_rate_costs, inputs.settings.discount_rate_effects] if discounted else [0.0, 0.0]
    ours, theirs = [], []
    for a in outcomes.price_arrangements:
        for j, strategy in enumerate(outcomes.strategies):
            ours.append([outcomes.total_costs(a)[j, i], outcomes.total_life_years[j, i], outcomes.total_qalys[j, i]])
            theirs.append(plain_model.outcome(p, years, s, strategy, OTHER[strategy], floor, a, *r))
    return np.array(ours), np.array(theirs)


@pytest.mark.parametrize(("population", "scenario"), CASES)
@pytest.mark.parametrize("discounted", [True, False])
def test_base_cases_agree_to_ten_digits(population, scenario, discounted):
    inputs = hm.load_inputs("relapsed", population=population, scenario=scenario)
    ours, theirs = both(inputs, base_case_draws(inputs), 0, discounted)
    np.testing.assert_allclose(ours, theirs, rtol=1e-10)


@pytest.mark.parametrize(
    "scenario", [None, "partitioned_survival", "dose_interruptions_counted_as_dispensed", "treatment_until_ttp"]
)
def test_random_draws_agree_to_ten_digits(scenario):
    inputs = hm.load_inputs("relapsed", scenario=scenario)
    draws = sampler(inputs, seed=5).block(0, 6)
    for i in range(6):
        np.testing.assert_allclose(*both(inputs, draws, i, True), rtol=1e-10)


@pytest.mark.parametrize("count", ["start", "end"])
def test_the_other_ways_of_counting_time_agree(count):
    inputs = hm.load_inputs("relapsed").with_settings(time_in_state=count, discount_rate_costs=0.06, discount_rate_effects=0.015)
    np.testing.assert_allclose(*both(inputs, base_case_draws(inputs), 0, True), rtol=1e-10)


def test_the_second_implementation_does_not_import_the_first():
    source = Path(__file__).with_name("plain_model.py").read_text(encoding="utf-8")
    assert "hemodel" not in [word for line in source.splitlines() if line.startswith(("import", "from")) for word in line.split()]
    assert "numpy" not in [word for line in source.splitlines() if line.startswith(("import", "from")) for word in line.split()]
    assert "plain_model" not in sys.modules
