"""The engine against the second implementation, on every population and scenario and on random draws.

Pitfalls guarded: everything that two programs written apart would not get wrong in the same way; money in the wrong component, or QALYs
in the wrong state, that a total does not show.
"""

import ast
import csv
import importlib.util
import shutil
import tomllib
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

import hemodel as hm
from hemodel.analyses.verification import plain, second
from hemodel.cohort.model import evaluate, names_read
from hemodel.errors import InputError
from hemodel.evidence.draws import base_case_draws, sampler
from hemodel.evidence.folder import problem_names
from hemodel.evidence.reading import data_folder


def loads(problem):
    """Whether the files of a decision problem can be read: what is wrong with them is for the tests of the inputs to say."""
    try:
        hm.load_inputs(problem)
    except InputError:
        return False
    return True


spec = importlib.util.spec_from_file_location("made_up_for_agreement", Path(__file__).parent.parent / "made_up.py")
assert spec is not None and spec.loader is not None
made_up = importlib.util.module_from_spec(spec)
spec.loader.exec_module(made_up)
PROBLEMS = [problem for problem in problem_names() if loads(problem)]


def cases(problem):
    """The base case of every population, and every scenario in a population for which it holds."""
    yield from ((problem, population, None) for population in hm.load_inputs(problem).settings.populations)
    for name in hm.scenario_names(problem):
        file = data_folder("scenarios") / f"{name}.toml"
        yield problem, tomllib.loads(file.read_text(encoding="utf-8")).get("populations", [None])[0], name


def cells(path):
    """Rows of a CSV file by column, as the second implementation is given them; none where there is no file."""
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(line for line in file if not line.startswith("#")))


@cache
def mortality(name, folder=None):
    """Chances of dying within a year by age, men and women, from a life table; that of the `folder` where it has one of that name."""
    own = None if folder is None else folder / "life_tables" / name
    found = cells(own if own is not None and own.exists() else data_folder("inputs") / "life_tables" / name)
    assert [int(row["age"]) for row in found] == list(range(len(found)))
    return [float(row["qx_male"]) for row in found], [float(row["qx_female"]) for row in found]


@cache
def rows(folder):
    """Costs and QALYs of a folder, as the second implementation reads them."""
    return plain.payoff_rows(cells(folder / "payoffs.csv"), cells(folder / "adverse_events.csv"))


def terms(inputs):
    """The settings by name, for the second implementation."""
    rules = tomllib.loads((data_folder("inputs") / "rules.toml").read_text(encoding="utf-8"))
    return plain.terms(inputs.settings.model_dump(), rules["utility_norm"])


def counted(s, p, folder, rates):
    """Costs by price arrangement, life-years and QALYs of one draw, by strategy, at two pairs of rates, by the second implementation."""
    floors = plain.background(*mortality(s["life_table"], folder), p["age_start"], p["p_male"], s["n_cycles"], s["dt"])
    money, health = zip(*rates, strict=True)
    by_outcome = {outcome: [row for row in rows(folder) if row.outcome == outcome] for outcome in ("cost", "qaly")}
    for strategy in (of["name"] for of in s["strategies"]):
        lived = plain.follow(p, s, rows(folder), strategy, floors)
        given = p, s, by_outcome["cost"], strategy, lived
        costs = {a: plain.value(*given, a, money) for a in s["price_arrangements"]}
        qalys = plain.value(p, s, by_outcome["qaly"], strategy, lived, "list", health)
        years = plain.life_years(p, s, strategy, lived, health)
        for k in range(len(rates)):
            yield strategy, k, {a: found[k] for a, found in costs.items()} | {"life-years": years[k], "QALYs": qalys[k]}


def check(inputs, draws, folder=None):
    """Every draw: the engine's costs by component, life-years by state and QALYs are those of the second implementation."""
    outcomes, folder, s = evaluate(draws, inputs), folder or data_folder("inputs") / inputs.settings.problem, terms(inputs)
    kinds = {"discounted": outcomes, "undiscounted": outcomes.undiscounted}
    assert names_read(inputs) <= second.Second(inputs, draws).readable()
    rates = (s["discount_rate_costs"], s["discount_rate_effects"]), (0.0, 0.0)
    for i in range(len(draws["age_start"])):
        p = {name: float(x[i]) * plain.per_year(inputs.parameters[name].unit, s) for name, x in draws.items()}
        for strategy, k, theirs in counted(s, p, folder, rates):
            (words, of), j = list(kinds.items())[k], outcomes.strategies.index(strategy)
            ours = dict(of.costs) | {"life-years": of.life_years, "QALYs": of.qalys}
            assert ours.keys() == theirs.keys()
            for what, there in theirs.items():
                where = f"draw {i}, {strategy}, {words}: {what}"
                assert {name for name, x in there.items() if x} <= set(ours[what]), where
                total = sum(abs(x) for x in there.values())
                for name, values in ours[what].items():
                    wanted, place = there.get(name, 0.0), f"{where}, {name}"
                    np.testing.assert_allclose(values[j, i], wanted, rtol=1e-10, atol=1e-14 * total, err_msg=place)


@pytest.mark.parametrize(("problem", "population", "scenario"), [case for problem in PROBLEMS for case in cases(problem)])
def test_base_cases_agree_to_ten_digits(problem, population, scenario):
    inputs = hm.load_inputs(problem, population=population, scenario=scenario)
    check(inputs, base_case_draws(inputs))


@pytest.mark.parametrize(
    ("population", "scenario"),
    [
        ("two_or_more_prior", None),
        ("two_or_more_prior", "partitioned_survival"),
        ("two_or_more_prior", "os_log_normal"),
        ("two_or_more_prior", "dose_interruptions_counted_as_dispensed"),
        ("two_or_more_prior", "dose_stepwise"),
        ("two_or_more_prior", "effect_waning"),
        ("two_or_more_prior", "post_progression_clock"),
        ("two_or_more_prior", "subsequent_treatment"),
        ("two_or_more_prior", "treatment_until_ttp"),
        ("two_or_more_prior", "utilities_by_age"),
        ("pooled_trials", "later_lenalidomide"),
        ("pooled_trials", "response_depth"),
    ],
)
def test_random_draws_agree_to_ten_digits(population, scenario):
    inputs = hm.load_inputs("relapsed", population=population, scenario=scenario).with_settings(horizon_years=12.0)
    check(inputs, sampler(inputs, seed=5).block(0, 4))


@pytest.mark.parametrize(
    ("problem", "scenario"),
    [
        ("maintenance", None),
        ("maintenance", "maintenance_partitioned_survival"),
        ("maintenance", "maintenance_later_lenalidomide"),
        ("first_line", None),
        ("first_line", "first_line_dose_stepwise"),
        ("first_line", "first_line_dose_interruptions"),
    ],
)
def test_random_draws_of_the_other_problems_agree_to_ten_digits(problem, scenario):
    inputs = hm.load_inputs(problem, scenario=scenario).with_settings(horizon_years=9.0)
    check(inputs, sampler(inputs, seed=5).block(0, 3))


FITTED = {
    "exponential": {"rate": -0.3},
    "weibull": {"shape": 0.15, "scale": 0.4},
    "weibull_ph": {"shape": 0.15, "scale": -0.4},
    "log_normal": {"meanlog": 0.2, "sdlog": -0.1},
    "gompertz": {"shape": -0.2, "rate": -0.5},
    "log_logistic": {"shape": 0.3, "scale": 0.1},
    "gamma": {"shape": 0.3, "rate": 0.2},
    "generalised_gamma": {"mu": 0.3, "sigma": -0.1, "Q": 0.6},
    "generalised_gamma, Q below 0": {"mu": 0.3, "sigma": -0.1, "Q": -0.6},
    "generalised_gamma, nearly log-normal": {"mu": 0.3, "sigma": -0.1, "Q": 0.03},
    "spline_hazard": {"gamma0": -0.4, "gamma1": 1.1, "gamma2": 0.02},
    "spline_odds": {"gamma0": -0.4, "gamma1": 1.3, "gamma2": 0.03},
    "spline_normal": {"gamma0": -0.4, "gamma1": 1.1, "gamma2": 0.02},
    "piecewise_exponential": {"rate1": -0.3, "rate2": -0.9, "rate3": 0.1},
    "weibull_mixture_cure": {"theta": -1.2, "shape": 0.15, "scale": 0.4},
    "gompertz_mixture_cure": {"theta": -1.2, "shape": 0.1, "rate": -0.4},
}
KNOTS = {"spline": "[0.2, 1.0, 4.0]", "piecewise": "[0.5, 2.0]"}


@pytest.mark.parametrize("case", FITTED)
@pytest.mark.parametrize("structure", ["state_transition", "partitioned_survival"])
def test_fitted_curves_agree_to_ten_digits(case, structure, tmp_path):
    """Given as docs/methods.md, 7.2, says: in a scenario, on the estimation scale, with their covariance."""
    estimates, family = FITTED[case], case.partition(",")[0]
    k, wide, knots = len(estimates), 1e-4 if "spline" in family else 1e-2, KNOTS.get(family.partition("_")[0], "[]")
    spread = [[wide if i == j else wide / 5 for j in range(k)] for i in range(k)]
    named = ", ".join(f"{name} = {value}" for name, value in estimates.items())
    curves = ["pfs_lenalidomide_dexamethasone"] + (["os_dexamethasone"] if structure == "partitioned_survival" else [])
    text = 'problem = "relapsed"\nname = "mine"\nlabel = "Mine"\nwhy = "A fitted curve."\n'
    text += f'[settings]\nstructure = "{structure}"\nhorizon_years = 12.0\n'
    for curve in curves:
        text += f'[fitted_curves.{curve}]\nfamily = "{family}"\ncoefficients = {{ {named} }}\ncovariance = {spread}\n'
        text += f"knots = {knots}\n"
        text += 'source = "S1"\nstatus = "unverified"\n'
    (tmp_path / "mine.toml").write_text(text, encoding="utf-8")
    inputs = hm.load_inputs("relapsed", scenario=tmp_path / "mine.toml")
    assert set(inputs.settings.fitted_curves) == set(curves)
    check(inputs, base_case_draws(inputs))
    check(inputs, sampler(inputs, seed=5).block(0, 3))


def with_new(inputs, new):
    """`inputs` with parameters that the files do not have: name -> (a parameter that it is like, value)."""
    rows = {name: replace(inputs.parameters[like], name=name, value=value) for name, (like, value) in new.items()}
    return replace(inputs, parameters={**inputs.parameters, **rows})


STRATEGIES = ("lenalidomide_dexamethasone", "dexamethasone")
PARTITIONED = {"structure": "partitioned_survival"}
LOSSES = ["second_cancers", "utility_loss_on_treatment", "utility_loss_near_death"]
CLOCK = {"post_progression_clock_cycles": 5, "also_counted": ["subsequent_treatment"]}
SCHEMES = {
    "capped": {"kind": "drug_cost_cap", "label": "Capped", "drug_cost_cap_cycles": 9},
    "free": {"kind": "free_start", "label": "First cycles free", "free_cycles": 3},
    "off": {"kind": "price_discount", "label": "A third off", "price_discount": 1 / 3},
    "refund": {"kind": "response_refund", "label": "Refund", "response_by_cycle": 4},
    "tiers": {
        "kind": "tiered_discount",
        "label": "Tiers",
        "tiers": [{"from_cycle": 4, "price_discount": 0.2}, {"from_cycle": 9, "price_discount": 0.5}],
    },
}
SCHEMES = {name: {"drug": "lenalidomide", **terms} for name, terms in SCHEMES.items()}
MOST = {"most": {"drug": "lenalidomide", "kind": "total_cost_cap", "label": "Most", "most_paid": 50_000.0}}
LATE = {"time_discounted_at": "end", "purchases_discounted_at": "middle", "events_discounted_at": "end"}
BOUGHT = {"schemes": SCHEMES, "price_arrangements": ["list", *SCHEMES]}


@pytest.mark.parametrize(
    ("settings", "new"),
    [
        ({"time_in_state": "start", "discount_rate_costs": 0.06, "discount_rate_effects": 0.015}, {}),
        ({"time_in_state": "end", "also_counted": LOSSES}, {}),
        (BOUGHT | {"time_discounted_at": "start", "purchases_discounted_at": "end", "events_discounted_at": "start"}, {}),
        (LATE | {"discounting": "by_year", "utility_age_adjustment": "general_population"}, {}),
        ({"pfs_curve": "log_logistic"}, {"shape_pfs_log_logistic": ("shape_pfs", 1.4)}),
        ({"pfs_curve": "log_normal"}, {"shape_pfs_log_normal": ("shape_pfs", 1.1)}),
        ({"pfs_curve": "gompertz"}, {"shape_pfs_gompertz": ("shape_pfs", 0.1)}),
        ({"pfs_curve": "gamma"}, {"shape_pfs_gamma": ("shape_pfs", 1.3)}),
        (PARTITIONED | {"os_curve": "exponential", "pfs_curve": "exponential"}, {}),
        (PARTITIONED | {"os_curve": "gompertz", "pfs_curve": "response_mixture"}, {"shape_os_gompertz": ("shape_os", 0.05)}),
        (PARTITIONED | {"os_curve": "gamma", "treatment_until": "ttp_curve"}, {"shape_os_gamma": ("shape_os", 0.8)}),
        (PARTITIONED | {"comparator_survival": "hazard_ratio"}, {}),
        (PARTITIONED | {"intervention_survival": "hazard_ratio"}, {}),
        (PARTITIONED | {"effect_waning": {"from_years": 1.0, "to_years": 1.0}}, {}),
        (
            {"progression_shape": "ttp", "treatment_until": "ttp_curve"},
            {f"shape_{x}_{s}": ("shape_pfs", 1.1) for x in ("pfs", "ttp") for s in STRATEGIES},
        ),
        (BOUGHT | {"dose": "stepwise"}, {"p_pack_dispensed": ("p_pack_dispensed", 0.8)}),
        (BOUGHT | {"also_counted": LOSSES, "utility_age_adjustment": "general_population", "stop_at_response_cycle": 7}, {}),
        (CLOCK | {"dose": "stepwise"}, {}),
        (BOUGHT | {"also_counted": ["later_lenalidomide"], "price_arrangements": ["list", "capped", "free", "off", "tiers"]}, {}),
        ({"schemes": MOST, "price_arrangements": ["most"]}, {"p_pack_dispensed": ("p_pack_dispensed", 0.7)}),
    ],
)
def test_what_no_scenario_asks_for_agrees_too(settings, new):
    inputs = with_new(hm.load_inputs("relapsed").with_settings(**{"horizon_years": 15.0} | settings), new)
    check(inputs, base_case_draws(inputs))


@pytest.mark.parametrize(
    "settings", [{}, PARTITIONED | {"intervention_survival": "hazard_ratio"}, {"effect_waning": {"from_years": 1, "to_years": 2}}]
)
def test_three_strategies_one_without_drugs_agree(settings):
    """A third strategy, `observation`, whose numbers are nine tenths of the first's; every strategy with shapes of its own."""
    inputs = hm.load_inputs("relapsed")
    new = {}
    for name, parameter in inputs.parameters.items():
        if name.endswith(STRATEGIES[0]):
            new[name.replace(STRATEGIES[0], "observation")] = (name, 0.9 * parameter.value)
    for strategy, k in {STRATEGIES[0]: 1.1, STRATEGIES[1]: 1.0, "observation": 0.9}.items():
        new |= {f"shape_{x}_{strategy}": ("shape_pfs", k) for x in ("pfs", "os")}
    third = {"name": "observation", "label": "Observation", "drugs": []}
    strategies = [third, *(x.model_dump() for x in inputs.settings.strategies)]
    inputs = with_new(inputs, new).with_settings(**{"horizon_years": 15.0, "strategies": strategies} | settings)
    check(inputs, base_case_draws(inputs))


COUNTED = {"also_counted": ["relapses", *LOSSES], "utility_age_adjustment": "general_population"}


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        *((name, {}) for name in made_up.FOLDERS),
        ("two_drugs", {"treatment_until": "progression_or_toxicity", "discounting": "by_year", "time_in_state": "start"}),
        ("two_drugs", LATE | {"price_arrangements": ["list", "pas", "both"]}),
        ("weekly", COUNTED | LATE),
        ("two_drugs", {"dose": "stepwise", "stop_at_response_cycle": 7, "cycle_days": 10.0, "days_in_year": 365.0}),
        ("weekly", COUNTED | {"post_progression_clock_cycles": 20}),
        ("monthly", PARTITIONED | {"also_counted": ["utility_loss_on_treatment"], "treatment_until": "ttp_curve"}),
        ("observation", COUNTED | {"also_counted": LOSSES, "cycle_days": 365.25}),
    ],
)
def test_made_up_appraisals_agree(name, settings, tmp_path):
    """Other drugs, vials, days of their own, rules of response, schemes, arrangements, cycles; folders without drugs or events."""
    folder = made_up.made_up(name, tmp_path / name)
    inputs = hm.load_inputs(folder).with_settings(**{"horizon_years": 9.0} | settings)
    check(inputs, base_case_draws(inputs), folder)
    check(inputs, sampler(inputs, seed=5).block(0, 2), folder)


def test_numbers_that_the_second_implementation_works_out_are_those_of_arithmetic():
    """Precedence, brackets, division from left to right, signs: answers by hand."""
    names = {"a": 2.0, "b": 3.0, "c_x1": 5.0}
    for text, answer in {
        "a + b * c_x1": 17.0,
        "(a + b) * c_x1": 25.0,
        "a - b - c_x1": -6.0,
        "a - (b - c_x1)": 4.0,
        "12 / a / b": 2.0,
        "12 / (a / 4)": 24.0,
        "-a * b": -6.0,
        "a * -(b - 1.5e1)": 24.0,
    }.items():
        assert plain.worked_out(text, names.__getitem__) == answer, text


def test_the_second_implementation_imports_neither_the_package_nor_numpy():
    tree = ast.parse(Path(plain.__file__).read_text(encoding="utf-8"))
    names = {n.module for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
    names |= {alias.name for n in ast.walk(tree) if isinstance(n, ast.Import) for alias in n.names}
    assert {name.partition(".")[0] for name in names} == {
        "__future__",
        "collections",
        "dataclasses",
        "itertools",
        "math",
        "re",
        "typing",
    }


def test_what_lays_it_beside_the_engine_asks_nothing_of_the_engine():
    tree = ast.parse(Path(second.__file__).read_text(encoding="utf-8"))
    names = {n.module for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) and n.module.startswith("hemodel")}
    assert names == {"hemodel.analyses.verification", "hemodel.analyses.verification.plain", "hemodel.evidence.inputs"}
    attributes = {n.attr for n in ast.walk(tree) if isinstance(n, ast.Attribute)}
    assert not attributes & {
        "tree",
        "takers",
        "price_of",
        "prices",
        "schemes_in",
        "years",
        "years_per",
        "n_cycles",
        "cycle_years",
        "at",
    }


@pytest.mark.parametrize("scenario", [None, "partitioned_survival", "post_progression_clock"])
def test_a_life_table_that_is_closed_agrees_and_leaves_nobody_alive(tmp_path, scenario):
    """The table has q = 1 from 77 on, within the horizon, and at the horizon nobody is left."""
    folder = tmp_path / "closed"
    shutil.copytree(data_folder("inputs") / "relapsed", folder)
    table = data_folder("inputs") / "life_tables" / hm.load_inputs("relapsed").settings.life_table
    (folder / "life_tables").mkdir()
    lines = table.read_text(encoding="utf-8").splitlines()
    ages = [f"{age},1,1" if age.isdecimal() and int(age) >= 77 else line for line in lines for age in [line.split(",")[0]]]
    (folder / "life_tables" / table.name).write_text("\n".join(ages), encoding="utf-8")
    inputs = hm.load_inputs(folder, scenario=scenario)
    check(inputs, base_case_draws(inputs), folder)
    check(inputs.with_settings(horizon_years=16.0), sampler(inputs, seed=5).block(0, 3), folder)
    dead = hm.run_base_case(inputs).trace["dead"]
    years = np.arange(len(dead)) * inputs.settings.cycle_years + inputs.parameters["age_start"].value
    assert (dead[years > 77] == 1).all() and (dead[years < 77] < 1).all()
