"""Laws that hold whatever the numbers, over parameters, settings, schemes and strategies that hypothesis makes up.

Pitfalls guarded: an answer that is right for the inputs as they are and wrong beside them; strategies told apart by their place; a scheme
that is dearer than no scheme; money that depends on the unit of a price; clipping that hides a share below nought; arguments of the
command line that end in a traceback.

The ordinary run makes up the same cases every time, so that what fails for one fails for all; HEMODEL_TIMES=50 python -m pytest
tests/verification/test_properties.py makes up fifty times as many, and fresh ones in every run.
"""

import importlib.util
import io
import os
import sys
import tempfile
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import hemodel as hm
from hemodel import cli
from hemodel.cohort import model
from hemodel.errors import InputError
from hemodel.evidence.draws import base_case_draws
from hemodel.evidence.folder import problem_names

pytestmark = pytest.mark.slow

LEN, DEX = "lenalidomide_dexamethasone", "dexamethasone"
TIMES = int(os.environ.get("HEMODEL_TIMES", "1"))
MODEL_EXAMPLES, COMMAND_EXAMPLES = 25 * TIMES, 40 * TIMES
laws = settings(
    max_examples=MODEL_EXAMPLES, deadline=None, derandomize=TIMES == 1, database=None, suppress_health_check=list(HealthCheck)
)
commands = settings(laws, max_examples=COMMAND_EXAMPLES)
spec = importlib.util.spec_from_file_location("made_up_for_properties", Path(__file__).parent.parent / "made_up.py")
made_up = importlib.util.module_from_spec(spec)
spec.loader.exec_module(made_up)
INPUTS = {problem: hm.load_inputs(problem) for problem in problem_names()}
with tempfile.TemporaryDirectory() as folder:
    INPUTS |= {name: hm.load_inputs(made_up.made_up(name, Path(folder) / name)) for name in ("two_drugs", "observation")}
SHORT = {"horizon_years": 6.0}


def moved(parameter, by):
    """A value `by` times that of a parameter, drawn back into the range of its quantity."""
    quantity = parameter.quantity
    return float(np.clip(parameter.value * by, quantity.low, quantity.high))


def parts(inputs):
    """Settings that a problem has the parameters for, each with the values to choose from: name -> strategy of hypothesis."""
    names, strategies = inputs.parameters, inputs.settings.strategy_names

    def of_all(stem, but=""):
        return all(f"{stem}_{s}" in names for s in strategies if s != but)

    flag = {
        "treatment_until": [
            "progression",
            *(["progression_or_toxicity"] if of_all("r_discontinuation_toxicity") else []),
            *(["ttp_curve"] if "shape_ttp" in names else []),
        ],
        "dose": ["shares", *(["stepwise"] if "r_dose_reduction" in names else [])],
        "pfs_curve": ["weibull", "exponential", *(["response_mixture"] if "p_response_cr_vgpr" in names else [])],
        "os_curve": ["weibull", "exponential", *[f for f in ("log_logistic", "log_normal") if f"shape_os_{f}" in names]],
        "comparator_survival": ["median", *(["hazard_ratio"] if of_all("hr_death", inputs.settings.comparator) else [])],
        "intervention_survival": ["median", *(["hazard_ratio"] if of_all("hr_death", inputs.settings.comparator) else [])],
    }
    needed = {
        "second_cancers": of_all("r_second_cancer"),
        "utility_loss_on_treatment": "du_on_treatment" in names,
        "utility_loss_no_response": "du_no_response" in names and of_all("p_response"),
        "utility_loss_near_death": "du_near_death" in names,
        "later_lenalidomide": of_all("p_later_line") and "r_stop_later_line" in names,
        "subsequent_treatment": "c_subsequent_treatment" in names,
    }
    rows = {row.counted for row in inputs.payoffs}
    additions = [addition for addition, is_there in needed.items() if is_there and addition in rows]
    stops = st.none() if not of_all("p_response") else st.one_of(st.none(), st.integers(1, 60))
    clock = st.none() if "hr_death_after_clock" not in names else st.one_of(st.none(), st.integers(1, 40))
    waning = st.tuples(st.floats(0, 4), st.floats(0, 4)).map(lambda ab: {"from_years": min(ab), "to_years": max(ab)})
    return {name: st.sampled_from(choices) for name, choices in flag.items()} | {
        "effect_waning": st.one_of(st.none(), waning),
        "post_progression_clock_cycles": clock,
        "stop_at_response_cycle": stops,
        "also_counted": st.lists(st.sampled_from(additions), unique=True, max_size=3) if additions else st.just([]),
    }


def agreed(chosen):
    """The settings made up, without those that the others forbid: of two, the one that is told first stays."""
    also, partitioned = list(chosen["also_counted"]), chosen["structure"] == "partitioned_survival"
    if partitioned:
        chosen["post_progression_clock_cycles"] = None
        also = [x for x in also if x not in ("later_lenalidomide", "subsequent_treatment")]
    else:
        chosen |= {"os_curve": "weibull", "comparator_survival": "median", "intervention_survival": "median"}
    if chosen["comparator_survival"] == "hazard_ratio":
        chosen["intervention_survival"] = "median"
    if "hazard_ratio" in (chosen["comparator_survival"], chosen["intervention_survival"]):
        chosen["os_curve"] = "weibull"
    if "later_lenalidomide" in also:
        chosen |= {"scheme_counts": "calendar", "post_progression_clock_cycles": None}
    if chosen["post_progression_clock_cycles"] is None:
        also = [x for x in also if x != "subsequent_treatment"]
    return chosen | {"also_counted": also}


@st.composite
def cases(draw, problem=None, **fixed):
    """Inputs of a problem with settings and durations of treatment made up, and a draw with every parameter at a third to three times
    its value.
    """
    inputs = INPUTS[problem or draw(st.sampled_from(sorted(INPUTS)))]
    chosen = {
        "structure": draw(st.sampled_from(["state_transition", "partitioned_survival"])),
        "time_in_state": draw(st.sampled_from(["life_table", "start", "end"])),
        "utility_age_adjustment": draw(st.sampled_from(["none", "general_population"])),
        "post_progression_mortality": draw(st.sampled_from(["by_strategy", "equal"])),
        "discount_rate_costs": draw(st.floats(0, 0.2)),
        "discount_rate_effects": draw(st.floats(0, 0.2)),
        "scheme_counts": draw(st.sampled_from(["calendar", "dispensed"])),
        "horizon_years": draw(st.floats(0.1, 8.0)),
        "cycle_days": draw(st.sampled_from([7.0, 21.0, 28.0, 30.4375])),
        "discounting": draw(st.sampled_from(["exact", "by_year"])),
        **{
            f"{what}_discounted_at": draw(st.sampled_from(["start", "middle", "end"])) for what in ("time", "purchases", "events")
        },
        **{name: draw(values) for name, values in parts(inputs).items()},
    }
    durations = [draw(st.one_of(st.none(), st.integers(1, 80))) for _ in inputs.settings.strategies]
    fixed_terms = [
        s.model_dump() | ({} if s.treatment_days else {"treatment_cycles": n})
        for s, n in zip(inputs.settings.strategies, durations, strict=True)
    ]
    if any(s.schedules for s in inputs.settings.strategies):
        chosen["scheme_counts"] = "calendar"
    chosen = agreed(chosen | fixed) | {"strategies": fixed_terms}
    scale = {
        p.name: draw(st.floats(1 / 3, 3))
        for p in inputs.parameters.values()
        if p.name.startswith(("median", "r_", "shape", "c_", "u_", "hr_"))
    }
    draws = base_case_draws(inputs)
    for name, by in scale.items():
        draws[name] = np.array([moved(inputs.parameters[name], by)])
    draws["age_start"] = np.array([draw(st.floats(18, 95))])
    draws["p_male"] = np.array([draw(st.floats(0, 1))])
    draws["p_pack_dispensed"] = np.array([draw(st.floats(0, 1))])
    return inputs.with_settings(**chosen), draws


def without(inputs, kind):
    """Price arrangements without schemes of a kind."""
    settings = inputs.settings
    return [a for a in settings.price_arrangements if kind not in {s.kind for s in settings.schemes_in(a).values()}]


def totals(found):
    return np.stack([*(found.total_costs(a) for a in found.price_arrangements), found.total_qalys, found.total_life_years])


@laws
@given(cases())
def test_shares_are_shares_and_sum_to_one(case):
    inputs, draws = case
    seen = model.trace(draws, inputs)
    states = np.stack([seen[s] for s in ("progression_free", "progressed", "dead")])
    assert states.min() >= -1e-12
    assert states.max() <= 1 + 1e-12
    np.testing.assert_allclose(states.sum(axis=0), 1.0, rtol=0, atol=1e-12)
    assert np.diff(seen["dead"], axis=0).min() >= -1e-14
    assert (seen["on_treatment"] <= states[0] + states[1] + 1e-12).all()


@laws
@given(cases(), st.floats(0.1, 10))
def test_a_dearer_pack_never_costs_less_and_costs_scale_with_all_prices(case, by):
    inputs, draws = case
    base = model.evaluate(draws, inputs)
    packs = {n: x * by for n, x in draws.items() if n.startswith("c_lenalidomide_")}
    step = totals(model.evaluate(draws | packs, inputs)) - totals(base)
    assert (np.sign(by - 1) * step >= -1e-9 * np.abs(totals(base))).all()
    every = {n: x * by for n, x in draws.items() if n.startswith("c_")}
    after = model.evaluate(draws | every, inputs)
    for a in without(inputs, "total_cost_cap"):
        np.testing.assert_allclose(after.total_costs(a), by * base.total_costs(a), rtol=1e-11)
    np.testing.assert_array_equal(after.total_qalys, base.total_qalys)


@laws
@given(cases(structure="state_transition", utility_age_adjustment="none"), st.floats(1.0, 5.0))
def test_a_higher_hazard_of_death_after_progression_never_lengthens_life(case, by):
    inputs, draws = case
    worse = {n: x * by for n, x in draws.items() if n.startswith("r_death_progressed")}
    before, after = (model.evaluate(d, inputs).total_life_years for d in (draws, draws | worse))
    assert (after <= before * (1 + 1e-12)).all()


@laws
@given(cases(structure="partitioned_survival", pfs_curve="weibull", os_curve="weibull"), st.floats(1.0, 5.0))
def test_longer_curves_never_shorten_life(case, by):
    inputs, draws = case
    better = {n: x * by for n, x in draws.items() if n.startswith(("median_os", "median_pfs"))}
    before, after = (model.evaluate(d, inputs).undiscounted.total_life_years for d in (draws, draws | better))
    assert (after >= before * (1 - 1e-12)).all()


def under(inputs, drug, schemes):
    """The inputs with these schemes of a drug, each an arrangement of its own."""
    named = {name: {"drug": drug, "label": name, **terms} for name, terms in schemes.items()}
    return inputs.with_settings(schemes=named, arrangements={}, price_arrangements=["list", *named])


@laws
@given(cases(), st.lists(st.integers(1, 120), min_size=2, max_size=4, unique=True), st.integers(0, 5))
def test_charges_grow_with_the_cap_up_to_the_list_price(case, caps, place):
    inputs, draws = case
    drug = inputs.priced_drugs[place % len(inputs.priced_drugs)]
    caps = [*sorted(caps), 10_000]
    schemes = {f"k{cap}": {"kind": "drug_cost_cap", "drug_cost_cap_cycles": cap} for cap in caps}
    found = model.evaluate(draws, under(inputs, drug, schemes))
    charged = np.stack([found.costs[a][drug] for a in (*schemes, "list")])
    assert (np.diff(charged[:-2], axis=0) >= -1e-12 * charged[-1]).all()
    np.testing.assert_allclose(charged[-2], charged[-1], rtol=1e-12)
    running = {row.component for row in inputs.payoffs if row.owner.kind == "scheme"}
    for a in schemes:
        for c in set(found.costs[a]) - {drug, "later_lenalidomide"} - running:
            np.testing.assert_array_equal(found.costs[a][c], found.costs["list"][c])


@laws
@given(
    cases(scheme_counts="calendar", also_counted=[]),
    st.integers(1, 60),
    st.floats(0, 1),
    st.floats(10, 1e5),
    st.integers(0, 5),
)
def test_schemes_are_between_nothing_and_the_list_price(case, cycles, share, most, place):
    inputs, draws = case
    drug = inputs.priced_drugs[place % len(inputs.priced_drugs)]
    tiers = [{"from_cycle": 1, "price_discount": share / 2}, {"from_cycle": cycles + 1, "price_discount": share}]
    schemes = {
        "cap": {"kind": "drug_cost_cap", "drug_cost_cap_cycles": cycles},
        "free": {"kind": "free_start", "free_cycles": cycles},
        "off": {"kind": "price_discount", "price_discount": share},
        "tiers": {"kind": "tiered_discount", "tiers": tiers},
    }
    if all(f"p_response_{s.name}" in inputs.parameters for s in inputs.settings.strategies if drug in s.drugs):
        schemes["refund"] = {"kind": "response_refund", "response_by_cycle": cycles}
    if inputs.settings.drugs[drug].dispensed is None:
        schemes["most"] = {"kind": "total_cost_cap", "most_paid": most}
    found = model.evaluate(draws, under(inputs, drug, schemes))
    paid = {a: found.costs[a][drug] for a in found.costs}
    for a in schemes:
        assert (paid[a] >= -1e-9).all()
        assert (paid[a] <= paid["list"] * (1 + 1e-12)).all()
    np.testing.assert_allclose(paid["cap"] + paid["free"], paid["list"], rtol=1e-12, atol=1e-9)
    np.testing.assert_allclose(paid["off"], (1 - share) * paid["list"], rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(paid["tiers"], (1 - share / 2) * paid["cap"] + (1 - share) * paid["free"], rtol=1e-11, atol=1e-9)


@laws
@given(
    cases(post_progression_mortality="by_strategy", comparator_survival="median", pfs_curve="weibull"),  # these know a first one
    st.randoms(use_true_random=False),
)
def test_the_order_of_strategies_changes_nothing_but_the_order(case, random):
    inputs, draws = case
    order = list(range(len(inputs.settings.strategies)))
    random.shuffle(order)
    shuffled = inputs.with_settings(strategies=[inputs.settings.strategies[i].model_dump() for i in order])
    one, other = model.evaluate(draws, inputs), model.evaluate(draws, shuffled)
    np.testing.assert_array_equal(totals(other), totals(one)[:, order])


@laws
@given(cases(), st.floats(0, 1))
def test_utilities_act_in_proportion(case, by):
    inputs, draws = case
    lower = {n: x * by for n, x in draws.items() if n.startswith(("u_", "du_"))}
    before, after = (
        model.evaluate(d, inputs.with_settings(utility_age_adjustment="none")).total_qalys for d in (draws, draws | lower)
    )
    np.testing.assert_allclose(after, by * before, rtol=1e-11, atol=1e-13)


@laws
@given(cases(), st.integers(1, 5))
def test_a_draw_does_not_know_its_neighbours(case, place):
    inputs, draws = case
    row = {n: np.repeat(base, 6) for n, base in base_case_draws(inputs).items()}
    for name, value in draws.items():
        row[name] = row[name].copy()
        row[name][place] = value[0]
    together, alone = model.evaluate(row, inputs), model.evaluate(draws, inputs)
    np.testing.assert_allclose(totals(together)[:, :, place], totals(alone)[:, :, 0], rtol=1e-12, atol=1e-12)


@laws
@given(cases(), st.floats(0, 0.2), st.floats(0, 0.2))
def test_a_higher_rate_never_makes_more_of_what_comes_later(case, one, other):
    inputs, draws = case
    low, high = sorted((one, other))
    inputs = inputs.with_settings(price_arrangements=without(inputs, "response_refund"))
    few, many = (
        totals(model.evaluate(draws, inputs.with_settings(discount_rate_costs=r, discount_rate_effects=r))) for r in (high, low)
    )
    life_years, costs = (many - few)[-1], (many - few)[:-2]
    assert (life_years >= -1e-12).all()
    assert (costs >= -1e-9 * (1 + np.abs(many[:-2]))).all()


@laws
@given(cases(structure="state_transition", pfs_curve="weibull"), st.floats(1.0, 5.0))
def test_a_higher_hazard_of_progression_or_death_never_lengthens_the_time_without_progression(case, by):
    inputs, draws = case
    worse = {n: x / by for n, x in draws.items() if n.startswith("median_pfs")}
    before, after = (model.evaluate(d, inputs).undiscounted.life_years["progression_free"] for d in (draws, draws | worse))
    assert (after <= before * (1 + 1e-12)).all()


@laws
@given(cases())
def test_no_scheme_costs_more_than_the_list_price_and_its_running(case):
    inputs, draws = case
    found = model.evaluate(draws, inputs)
    for a in found.price_arrangements:
        most = found.total_costs("list") + 3 * draws["c_scheme_per_patient"] * (a != "list")
        assert (found.total_costs(a) <= most * (1 + 1e-12)).all()


@laws
@given(cases())
def test_a_strategy_that_is_a_duplicate_has_the_same_row(case):
    inputs, draws = case
    names = inputs.settings.strategy_names
    model_of = next(name for name in names if name != inputs.settings.comparator)
    own = {
        name: name.removesuffix(model_of) + "twin"
        for name in inputs.parameters
        if max((s for s in names if name.endswith(f"_{s}")), key=len, default=None) == model_of
    }
    parameters = {**inputs.parameters, **{new: replace(inputs.parameters[old], name=new) for old, new in own.items()}}
    terms = next(s for s in inputs.settings.strategies if s.name == model_of).model_dump() | {"name": "twin", "label": "Twin"}
    both = replace(inputs, parameters=MappingProxyType(parameters))
    both = both.with_settings(
        strategies=[*(s.model_dump() for s in inputs.settings.strategies), terms], pfs_curve=own_curve(inputs)
    )
    inputs = inputs.with_settings(pfs_curve=own_curve(inputs))
    found = totals(model.evaluate(type(draws)(draws | {new: draws[old] for old, new in own.items()}), both))
    assert len(own) >= 5
    np.testing.assert_array_equal(found[:, -1], found[:, names.index(model_of)])
    np.testing.assert_array_equal(found[:, :-1], totals(model.evaluate(draws, inputs)))


def own_curve(inputs):
    """The curve of PFS, where it is not the first intervention's alone."""
    return "weibull" if inputs.settings.pfs_curve == "response_mixture" else inputs.settings.pfs_curve


@laws
@given(cases(), st.sampled_from(["weeks", "months", "days", "years"]))
def test_the_same_time_in_another_unit_changes_nothing(case, unit):
    inputs, draws = case
    times = {
        n: p
        for n, p in inputs.parameters.items()
        if p.unit in ("weeks", "months", "days", "years") and n.startswith(("median_", "d_"))
    }
    told = MappingProxyType({**inputs.parameters, **{n: replace(p, unit=unit) for n, p in times.items()}})
    same = {n: draws[n] * (inputs.settings.years_per(p.unit) / inputs.settings.years_per(unit)) for n, p in times.items()}
    assert len(times) >= 4
    one, other = (
        totals(model.evaluate(d, i)) for d, i in ((draws, inputs), (type(draws)(draws | same), replace(inputs, parameters=told)))
    )
    np.testing.assert_allclose(other, one, rtol=1e-12, atol=1e-13)


@laws
@given(cases(), st.randoms(use_true_random=False))
def test_costs_are_the_sum_of_what_each_drug_and_service_costs_alone(case, random):
    inputs, draws = case
    prices = [n for n in draws if n.startswith("c_")]
    some = {n for n in prices if random.random() < 0.5}
    nothing = np.zeros(1)
    one, other = ({n: nothing for n in prices if (n in some) == kept} for kept in (True, False))
    whole, first, second = (model.evaluate(type(draws)(d), inputs) for d in (draws, draws | one, draws | other))
    for a in without(inputs, "total_cost_cap"):
        np.testing.assert_allclose(first.total_costs(a) + second.total_costs(a), whole.total_costs(a), rtol=1e-11, atol=1e-9)


NUMBERS = st.one_of(st.integers(-5, 300).map(str), st.floats().map(str))  # sizes beyond memory: `test_sizes_no_machine_holds...`
WORDS = st.one_of(
    st.sampled_from(
        ["relapsed", "maintenance", "first_line", "relapse", "..", "/", "", "-", "--", "one_prior", "u_progressed", "pas"]
    ),
    st.text(max_size=12),
    NUMBERS,
)
CHANGES = st.one_of(
    st.sampled_from(["u_progressed=0.5", "u_progressed=", "=1", "u_progressed=1e999", "c_x=1", "p_male=-1", "age_start=1e9"]),
    st.tuples(st.sampled_from(sorted(INPUTS["relapsed"].parameters)), NUMBERS).map("=".join),
)
OPTIONS = {
    "--population": st.one_of(st.sampled_from(["one_prior", "pooled_trials", "two_or_more_prior"]), WORDS),
    "--scenario": st.one_of(st.sampled_from(["partitioned_survival", "no_scheme", "utilities_by_age"]), WORDS),
    "--set": CHANGES,
    "--draws": NUMBERS,
    "--seed": st.one_of(NUMBERS, st.integers().map(str)),
    "--threshold": NUMBERS,
    "--at": NUMBERS,
    "--steps": st.one_of(st.integers(-2, 4).map(str), WORDS),
    "--parameter": WORDS,
    "--prices": WORDS,
    "--strategy": WORDS,
    "--design": st.one_of(st.sampled_from(["sobol", "monte_carlo", "latin_hypercube"]), WORDS),
    "--weight": st.one_of(st.just("one_prior=0.5"), CHANGES, WORDS),
    "--json": st.none(),
    "--quiet": st.none(),
    "--help": st.none(),
}
POSITIONS = {
    "info": 1, "validate": 1, "calibrate": 1, "modifiers": 1, "two-way": 2, "threshold": 1, "evppi": 1, "evsi": 1, "weighted": 1,
    "psa": 1, "run": 1, "one-way": 1, "drivers": 1, "budget": 1, "convergence": 1, "nonsense": 1,
}  # fmt: skip
DRAWN = (
    "psa",
    "run",
    "evppi",
    "evsi",
    "convergence",
)  # as many draws as a test has time for, where the words do not ask for others


@st.composite
def arguments(draw):
    """A command with words and options, about half of them wrong, in any order."""
    command = draw(st.sampled_from(sorted(POSITIONS)))
    parts = [[draw(st.one_of(st.just("relapsed"), WORDS))] for _ in range(draw(st.integers(0, POSITIONS[command] + 1)))]
    for option in draw(st.lists(st.sampled_from(sorted(OPTIONS)), max_size=3)):
        value = draw(OPTIONS[option])
        parts.append([option] if value is None else [option, value])
    words = [word for part in draw(st.permutations(parts)) for word in part]
    if command in DRAWN and "--draws" not in words:
        words += ["--draws", "20"]
    return [command, *(word.replace("\0", "") for word in words)]


def run(words):
    """The command in this process: exit status, standard output and standard error."""
    out, err, status = io.StringIO(), io.StringIO(), 0
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.setattr(sys, "argv", ["hemodel", *words])
        try:
            cli.main()
        except SystemExit as stop:
            status = stop.code or 0
    return status, out.getvalue(), err.getvalue()


@commands
@given(arguments())
def test_no_arguments_end_in_a_traceback(words):
    status, _, err = run(words)
    assert status in (0, 1, 2), (words, status)
    assert "Traceback" not in err, words
    assert status != 2 or err.strip(), words


@pytest.mark.parametrize(
    "words",
    [
        ("psa", "--draws", "1" + "0" * 17),
        ("evppi", "--draws", "1" + "0" * 20),
        ("two-way", "u_progressed", "c_aspirin", "--steps", "1" + "0" * 17),
        ("global", "--size", "1" + "0" * 15),
        ("batch", "1" + "0" * 30),
    ],
)
def test_sizes_no_machine_holds_are_refused_in_words(words):
    status, _, err = run(words)
    assert (status, err.startswith("error: ")) == (2, True)


@laws
@given(st.text(max_size=30))
def test_any_name_of_a_problem_is_refused_in_words_or_is_one(name):
    try:
        hm.load_inputs(name)
    except InputError as error:
        assert str(error)
