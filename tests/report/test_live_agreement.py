"""Every formula of the live workbook against the engine, worked out anew by two other programs.

Pitfalls guarded: a formula that was never compared; agreement with the base case only, because a number slipped into a formula; a
recalculation that did not happen (wrong values are stored on purpose); a switch, unit, population or scenario whose formulas say
something else than the engine; a structure that the cells cannot follow, written all the same.
"""

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest

from hemodel.analyses.psa import run_psa
from hemodel.evidence.inputs import LifeTable, load_inputs
from hemodel.evidence.settings import FittedCurve
from hemodel.report.live import live_program
from hemodel.report.live.write import written
from hemodel.report.manifest import manifest

_SPEC = importlib.util.spec_from_file_location("recalculate", Path(__file__).with_name("recalculate.py"))
recalculate = importlib.util.module_from_spec(_SPEC)
sys.modules["recalculate"] = recalculate
_SPEC.loader.exec_module(recalculate)

LD, DEX = "lenalidomide_dexamethasone", "dexamethasone"
SHORT = {"horizon_years": 1.2}


def workbook(program, inputs):
    return written(program, manifest(inputs))


def scheme(inputs, **terms):
    return inputs.with_settings(schemes={"pas": {"label": "A scheme", "drug": "lenalidomide", **terms}})


def perturbed(settings_of_all):
    """Ways to change the workbook of the base case: name -> (inputs, price arrangement)."""
    base = load_inputs("relapsed").with_settings(**settings_of_all)
    values, settings = base.with_values, base.with_settings
    cap = base.settings.schemes["pas"].model_dump() | {"drug_cost_cap_cycles": 13}
    old = values(age_start=81.3, p_male=0.2).with_settings(utility_age_adjustment="general_population")
    rules = {"time_in_state": "end", "post_progression_mortality": "equal", "thresholds": "2009"}
    return base, {
        "the population, in other units": (
            load_inputs("relapsed", population="pooled_trials").with_settings(**settings_of_all),
            "pas",
        ),
        "another population": (load_inputs("relapsed", population="one_prior").with_settings(**settings_of_all), "pas"),
        "the cap": (settings(schemes={"pas": cap}), "pas"),
        "discount rates": (settings(discount_rate_costs=0.06, discount_rate_effects=0.0), "pas"),
        "curves": (values(shape_pfs=1.6, median_pfs_dexamethasone=35.0, ratio_pfs_to_ttp_dexamethasone=0.7), "pas"),
        "the dose mix": (values(p_packs_25mg=0.5, p_packs_15mg=0.3, p_packs_5mg=0.2), "pas"),
        "packs counted as dispensed": (settings(scheme_counts="dispensed").with_values(p_pack_dispensed=0.85), "pas"),
        "the price arrangement": (base, "list"),
        "age and utility by age": (old, "pas"),
        "counting rules": (settings(**rules), "pas"),
        "the answer: cheaper and worse": (
            values(r_death_progressed_dexamethasone=0.05, c_lenalidomide_25mg_pack=1.0, c_clinic_visit_follow_up=900.0),
            "pas",
        ),
        "the answer: dominated": (values(r_death_progressed_dexamethasone=0.05), "list"),
        "the answer: dominant": (values(c_lenalidomide_25mg_pack=1.0, n_blood_tests_dexamethasone=900.0), "list"),
    }


def test_every_formula_of_the_base_case_has_the_engines_number():
    base = load_inputs("relapsed")
    program = live_program(base)
    assert len(program.formulas) > 28_000
    found = recalculate.by_formualizer(workbook(recalculate.poisoned(program), base), program.formulas)
    assert recalculate.disagreements(program.formulas, found) == []


def test_every_formula_follows_every_change_as_the_engine_does():
    base, changes = perturbed({"horizon_years": 3.0})
    first = live_program(base)
    content = workbook(first, base)
    before = {recalculate.place(cell): cell.value for cell in first.inputs}
    text = [(recalculate.place(cell), cell.formula) for cell in first.formulas]
    for name, (inputs, arrangement) in changes.items():
        now = live_program(inputs, exported=base, price_arrangement=arrangement)
        formulas = now.formulas
        assert [(recalculate.place(c), c.formula) for c in formulas] == text, name  # no input is baked into a formula
        edits = [cell for cell in now.inputs if cell.value != before[recalculate.place(cell)]]
        assert edits, name
        found = recalculate.by_formualizer(content, formulas, edits)
        assert recalculate.disagreements(formulas, found) == [], name


def structures():
    """Other problems, and settings that change the formulas, several at a time: name -> inputs, with a short horizon."""
    maintenance, first_line, relapsed = (
        load_inputs(problem).with_settings(**SHORT) for problem in ("maintenance", "first_line", "relapsed")
    )
    pooled = load_inputs("relapsed", population="pooled_trials", scenario="response_depth").with_settings(**SHORT)
    clock = load_inputs("relapsed", scenario="post_progression_clock").with_settings(**SHORT)
    losses = [f"utility_loss_{when}" for when in ("on_treatment", "no_response", "near_death")]
    counted = relapsed.with_settings(also_counted=["second_cancers", *losses], stop_at_response_cycle=7)
    partitioned = {"structure": "partitioned_survival"}
    waning = {"from_years": 0.5, "to_years": 1.1}
    return {
        "maintenance, partitioned, waning": maintenance.with_settings(effect_waning=waning, **partitioned),
        "maintenance, later line": maintenance.with_settings(also_counted=["later_lenalidomide"]),
        "first line, price discount, stepwise dose": scheme(first_line, kind="price_discount", price_discount=0.4).with_settings(
            dose="stepwise"
        ),
        "PFS log-logistic, OS by hazard ratio": with_family(relapsed, "log_logistic", 1.4).with_settings(
            comparator_survival="hazard_ratio", **partitioned
        ),
        "response classes, refund": scheme(pooled, kind="response_refund", response_by_cycle=5),
        "clock, subsequent treatment, refund beyond the horizon": scheme(
            clock.with_settings(also_counted=["subsequent_treatment"]),
            kind="response_refund",
            response_by_cycle=60,
        ),
        "losses and responders": counted,
        "waning, until progression or toxicity": relapsed.with_settings(
            effect_waning=waning, treatment_until="progression_or_toxicity"
        ),
        "waning at once, until TTP": relapsed.with_settings(
            effect_waning={"from_years": 1.0, "to_years": 1.0}, treatment_until="ttp_curve"
        ),
        "PFS gamma, free start": scheme(
            with_family(relapsed, "gamma", 1.2).with_settings(horizon_years=9.0), kind="free_start", free_cycles=6
        ),
        "PFS Gompertz, no scheme": with_family(relapsed, "gompertz", 0.3).with_settings(price_arrangements=["list"]),
        **regimens(relapsed, maintenance),
        "OS log-normal, PFS exponential": relapsed.with_settings(os_curve="log_normal", pfs_curve="exponential", **partitioned),
    }


TIERS = {"tiers": [{"from_cycle": 9, "price_discount": 0.5}, {"from_cycle": 3, "price_discount": 0.2}]}


def regimens(relapsed, maintenance):
    """Rules of treatment of one strategy, and schemes beside them."""
    no_response = {"stop_at_response": {"day": 100.0, "stops": "non_responders"}}
    stepwise = {"kind": "tiered_discount", **TIERS}
    curve = {"median_exposure_dexamethasone": ("median_pfs_dexamethasone", 3.0), "shape_exposure": ("shape_pfs", 1.3)}
    return {
        "discounted by whole years, refund": scheme(relapsed, kind="response_refund", response_by_cycle=14).with_settings(
            discounting="by_year", horizon_years=2.5
        ),
        "refund, purchases discounted at mid-cycle, events at the end": scheme(
            relapsed, kind="response_refund", response_by_cycle=14
        ).with_settings(discounting="by_year", horizon_years=2.5, purchases_discounted_at="middle", events_discounted_at="end"),
        "tiers, packs counted as dispensed": scheme(relapsed, **stepwise)
        .with_settings(scheme_counts="dispensed")
        .with_values(p_pack_dispensed=0.8),
        "tiers in a later line": scheme(maintenance, **stepwise).with_settings(also_counted=["later_lenalidomide"]),
        "cap on money, packs dispensed by chance": scheme(relapsed, kind="total_cost_cap", most_paid=30_000.0).with_values(
            p_pack_dispensed=0.8
        ),
        "one strategy stopped without a response, the other until TTP": with_strategies(
            relapsed, **{LD: no_response | {"treatment_days": 250.0}, DEX: {"treatment_until": "ttp_curve"}}
        ),
        "a curve of its own for time on treatment": with_strategies(
            with_parameters(relapsed, curve), **{DEX: {"treatment_until": "exposure_curve"}}
        ),
        "months": relapsed.with_settings(cycle_days=30.4375, time_in_state="start", stop_at_response_cycle=7),
    }


def with_strategies(inputs, **terms):
    """The same inputs with other terms of some strategies."""
    return inputs.with_settings(strategies=[s.model_dump() | terms.get(s.name, {}) for s in inputs.settings.strategies])


def with_parameters(inputs, new):
    """The same inputs with more parameters: name -> (one that it is like, value)."""
    fixed = {"se": None, "low": None, "high": None, "distribution": "fixed"}
    more = {name: replace(inputs.parameters[like], name=name, value=value, **fixed) for name, (like, value) in new.items()}
    return replace(inputs, parameters=MappingProxyType({**inputs.parameters, **more}))


def with_family(inputs, family, shape):
    """The same inputs with progression-free survival of another family."""
    name = f"shape_pfs_{family}"
    parameters = {**inputs.parameters, name: replace(inputs.parameters["shape_pfs"], name=name, value=shape)}
    return replace(inputs, parameters=MappingProxyType(parameters)).with_settings(pfs_curve=family)


def test_every_structure_has_the_engines_numbers():
    for name, inputs in structures().items():
        program = live_program(inputs)
        content = workbook(recalculate.poisoned(program), inputs)
        found = recalculate.by_formualizer(content, program.formulas)
        assert recalculate.disagreements(program.formulas, found) == [], name


def test_a_fitted_curve_is_held_as_values_and_the_workbook_says_so():
    base = load_inputs("relapsed").with_settings(**SHORT)
    parameters = dict(base.parameters)
    for k, value in enumerate((0.1, -0.2)):
        parameters[f"fit_pfs_{DEX}_{k}"] = replace(
            base.parameters["shape_pfs"],
            name=f"fit_pfs_{DEX}_{k}",
            unit="estimation scale",
            value=value,
            se=None,
            distribution="fixed",
        )
    inputs = replace(base, parameters=MappingProxyType(parameters))
    inputs = inputs.with_settings(
        fitted_curves={f"pfs_{DEX}": FittedCurve(family="gompertz", coefficients=["shape", "rate"]).model_dump()}
    )
    program = live_program(inputs)
    assert any("held as values" in str(cell.value) for cell in program.cells if cell.sheet == "Settings")
    held = [cell for cell in program.cells if cell.sheet == "Trace_2" and cell.style == "held six"]
    assert len(held) == inputs.settings.n_cycles
    found = recalculate.by_formualizer(workbook(program, inputs), program.formulas)
    assert recalculate.disagreements(program.formulas, found) == []


def test_acceptability_is_live_over_the_draws():
    inputs = load_inputs("first_line").with_settings(**SHORT)
    psa = run_psa(inputs, draws=60, seed=3)
    program = live_program(inputs, psa=psa)
    formulas = [cell for cell in program.formulas if cell.sheet == "PSA"]
    assert len(formulas) > 101 * 6
    content = workbook(program, inputs)
    assert recalculate.disagreements(formulas, recalculate.by_formualizer(content, formulas)) == []
    draw = next(c for c in program.cells if c.sheet == "PSA_draws" and c.row > 4 and c.column == 1)
    moved = recalculate.by_formualizer(content, formulas, [replace(draw, value=draw.value + 1e9)])
    assert recalculate.disagreements(formulas, moved) != []
    curve = psa.acceptability_curve("pas").to_numpy()
    shown = np.array(
        [c.value for c in formulas if c.column in (4, 5, 6) and isinstance(c.value, float) and c.style == "share"][-303:]
    )
    assert shown.sum() == pytest.approx(curve.sum())


def test_a_changed_formula_is_found_out():
    inputs = load_inputs("relapsed").with_settings(**SHORT)
    program = live_program(inputs)
    sheet = next(s for s in program.sheets if s.name == "Trace_1")
    place = next(i for i, c in enumerate(sheet.cells) if c.formula.startswith("=MAX(") and c.row == 16)
    sheet.cells[place] = replace(sheet.cells[place], formula=sheet.cells[place].formula + "*1.0001")
    found = recalculate.by_formualizer(workbook(program, inputs), program.formulas)
    wrong = {name for name, _, _ in recalculate.disagreements(program.formulas, found)}
    assert sheet.cells[place].place in wrong
    assert {"Engine!B4", "Cover!B16"} & wrong


@pytest.mark.slow
def test_libreoffice_gives_the_engines_numbers_from_poisoned_workbooks(tmp_path):
    base, changes = perturbed({"horizon_years": 3.0})
    cases = {
        "base": (load_inputs("relapsed"), None, None),  # its whole horizon; the others a part of theirs
        "first_line": (load_inputs("first_line").with_settings(**SHORT), None, None),
    }
    cases["maintenance"] = (load_inputs("maintenance").with_settings(**SHORT), None, None)
    assert len(changes) >= 10
    for place, (inputs, arrangement) in enumerate(changes.values()):
        cases[f"changed_{place}"] = (inputs, base, arrangement)
    wanted, files = {}, {}
    for name, (inputs, exported, arrangement) in cases.items():
        choice = {"exported": exported, "price_arrangement": arrangement}
        program = live_program(inputs, **choice)
        wanted[name], files[name] = program.formulas, workbook(recalculate.poisoned(program), inputs)
    found = recalculate.by_libreoffice(files, tmp_path)
    for name, formulas in wanted.items():
        assert recalculate.disagreements(formulas, found[name]) == [], name


@pytest.mark.slow
def test_libreoffice_would_keep_the_poison_if_it_were_not_forced_to_recalculate(tmp_path):
    inputs = load_inputs("relapsed").with_settings(**SHORT)
    program = live_program(inputs)
    formulas = program.formulas
    kept = recalculate.by_libreoffice({"base": workbook(recalculate.poisoned(program), inputs)}, tmp_path, profile="")
    assert len(recalculate.disagreements(formulas, kept["base"])) > 500


def test_a_closed_life_table_leaves_nobody_alive_in_the_workbook_either():
    """The table has q = 1 from 64 on, in the second year of the model: every formula is a number, and the engine's."""
    base = load_inputs("relapsed").with_settings(horizon_years=3.0)
    closed = [np.where(np.arange(101) >= 64, 1.0, q) for q in (base.life_table.male, base.life_table.female)]
    inputs = replace(base, life_table=LifeTable("closed", *closed))
    program = live_program(inputs)
    found = recalculate.by_formualizer(workbook(recalculate.poisoned(program), inputs), program.formulas)
    assert recalculate.disagreements(program.formulas, found) == []
