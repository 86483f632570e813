"""The live workbook of a folder that somebody made up: its drugs, costs and schemes are rows, and the formulas follow them.

Pitfalls guarded: a formula that knows the packaged problems only; a drug by vials, on days of its own, whose price is a quotient; two
schemes of two drugs in one price arrangement; a term of a scheme that the workbook shows as changeable and does not follow; an edited
sheet Inputs of such a folder that cannot be read back.
"""

import importlib.util
import io
import re
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import openpyxl
import pytest

from hemodel.evidence.inputs import load_inputs
from hemodel.report.live import compare_with_engine, live_program, live_workbook, read_back
from hemodel.report.live.write import written
from hemodel.report.manifest import manifest

_SPEC = importlib.util.spec_from_file_location("recalculate", Path(__file__).with_name("recalculate.py"))
recalculate = importlib.util.module_from_spec(_SPEC)
sys.modules["recalculate"] = recalculate
_SPEC.loader.exec_module(recalculate)

ROOT = Path(__file__).parents[2]
LD, DEX = "lenalidomide_dexamethasone", "dexamethasone"
DRUGS = """
[drugs.antibody]
label = "Antibody"
vials = { dose = "n_antibody_mg", size = "n_weight", spread = "n_weight_sd", prices = { "50" = "c_vial_50", "100" = "c_vial_100" } }

[drugs.tablet]
label = "Tablet"
price = "(c_tablet_box + c_tablet_leaflet) / n_boxes - c_tablet_leaflet / (n_boxes * 2)"
dispensed = "1 - p_tablet_missed"

[schemes.antibody_cap]
label = "Cap on what is paid for the antibody"
confidentiality = "none"
drug = "antibody"
kind = "total_cost_cap"
most_paid = 9000.0

[schemes.antibody_refund]
label = "Refund of the antibody"
confidentiality = "none"
drug = "antibody"
kind = "response_refund"
response_by_cycle = 3

[schemes.tablet_tiers]
label = "Tiers of the tablet"
confidentiality = "none"
drug = "tablet"
kind = "tiered_discount"
tiers = [{ from_cycle = 4, price_discount = 0.25 }, { from_cycle = 10, price_discount = 0.6 }]

[arrangements.both]
label = "Both: the cap of the antibody and the tiers of the tablet"
schemes = ["antibody_cap", "tablet_tiers"]

[arrangements.all_three]
label = "Three drugs, three schemes"
schemes = ["pas", "antibody_refund", "tablet_tiers"]
"""
ROWS = """\
cost,antibody,Antibody,drug:antibody,,charged pack,price,vials
cost,antibody,Antibody,drug:antibody,,pack 1,c_infusion_first - c_infusion,the first giving is dearer
cost,antibody,Antibody,drug:antibody,,pack,c_infusion,
cost,tablet,Tablet,drug:tablet,,charged pack,price,
cost,scans,Scans,all,,cycle on treatment 2-7,(n_blood_tests + 1) * (c_scan / (2 * n_boxes)) - c_scan / 4,brackets and quotients
cost,scans,Scans,all,,entry to progressed,c_scan * 2,one more scan when the disease has come back
cost,setup,Setting up,strategy:dexamethasone,,start,c_infusion_first,
cost,scheme_running,Running the scheme,scheme:tablet,,start,c_scheme_per_patient * 3,
qaly,infusions,Infusions (loss),drug:antibody,,pack,-du_infusion * d_infusion,at the start of a cycle
qaly,infusions,Infusions (loss),drug:any,,year on treatment,-du_infusion / 100,
"""
PARAMETERS = {
    "n_antibody_mg": ("mg per kg", 1.3),
    "n_weight": ("kg", 71),
    "n_weight_sd": ("kg", 14),
    "c_vial_50": ("GBP per vial", 170),
    "c_vial_100": ("GBP per vial", 320),
    "c_tablet_box": ("GBP per pack", 410),
    "c_tablet_leaflet": ("GBP per pack", 7),
    "n_boxes": ("number", 3),
    "p_tablet_missed": ("probability", 0.07),
    "c_infusion_first": ("GBP per giving", 300),
    "c_infusion": ("GBP per giving", 210),
    "c_scan": ("GBP per test", 95),
    "du_infusion": ("utility", 0.2),
    "d_infusion": ("days", 2),
}


def made_up(folder, *, strategies=(("antibody",), ("tablet", "antibody")), more=""):
    """A copy of `relapsed` with two more drugs, their costs, schemes and parameters; `more`: lines for the first strategy."""
    own = folder / "own"
    shutil.copytree(ROOT / "inputs" / "relapsed", own)
    settings = (own / "settings.toml").read_text()
    settings = settings.replace(
        'price_arrangements = ["list", "pas"]', 'price_arrangements = ["list", "pas", "both", "all_three"]'
    )
    settings = settings.replace(
        'drugs = ["lenalidomide", "dexamethasone"]', f"drugs = {_listed(LD.split('_'), strategies[0])}\n{more}"
    )
    settings = settings.replace('drugs = ["dexamethasone"]', f"drugs = {_listed([DEX], strategies[1])}")
    head, _, tail = settings.partition("[[strategies]]")
    (own / "settings.toml").write_text(f"{head}{DRUGS}\n[[strategies]]{tail}")
    with (own / "payoffs.csv").open("a") as file:
        file.write(ROWS)
    with (own / "parameters.csv").open("a") as file:
        for name, (unit, value) in PARAMETERS.items():
            file.write(f"{name},Made up: {name},{unit},{value},,,,fixed,made_up,,assumed,none,made up\n")
    return own


def _listed(own, others):
    return str([*own, *others]).replace("'", '"')


def agrees(inputs, *, exported=None, arrangement=None):
    """No formula disagrees when the workbook, with wrong values stored in it, is worked out anew."""
    program = live_program(inputs, exported=exported, price_arrangement=arrangement)
    content = written(recalculate.poisoned(program), manifest(inputs))
    return recalculate.disagreements(program.formulas, recalculate.by_formualizer(content, program.formulas)) == []


def variants(folder):
    """The made-up folder under other rules: name -> inputs."""
    own = load_inputs(made_up(folder)).with_settings(horizon_years=1.5)
    weekly = [{"cycle_days": 21.0, "days": [1.0, 8.0], "cycles": 6}, {"cycle_days": 35.0}]
    lists = own.settings.strategies
    regimen = {
        "schedules": {"antibody": weekly},
        "treatment_days": 400.0,
        "stop_at_response": {"day": 84.0, "stops": "non_responders"},
    }
    on_days = [lists[0].model_dump() | regimen, lists[1].model_dump() | {"treatment_until": "progression_or_toxicity"}]
    tablets = {"schedules": {"tablet": [{"cycle_days": 10.0}]}, "stop_at_response": {"day": 45.0, "stops": "responders"}}
    by_chance = [on_days[0], lists[1].model_dump() | tablets]
    schemes = {name: terms.model_dump() for name, terms in own.settings.schemes.items()}
    schemes["antibody_cap"] |= {"most_paid": 3500.0}  # reached in the tenth giving, after the response rule
    schemes["tablet_tiers"] |= {"kind": "total_cost_cap", "most_paid": 2000.0, "tiers": None}
    return own, {
        "as it is": own,
        "discounted by whole years, utilities by age": own.with_settings(
            discounting="by_year", utility_age_adjustment="general_population"
        ),
        "discounted from other places in the cycle": own.with_settings(
            time_discounted_at="start",
            purchases_discounted_at="end",
            events_discounted_at="end",
            also_counted=["utility_loss_near_death", "utility_loss_on_treatment"],
        ),
        "packs counted as dispensed": own.with_settings(scheme_counts="dispensed", price_arrangements=["list", "pas", "both"]),
        "weekly, on days of its own, stopped without a response": own.with_settings(cycle_days=7.0, strategies=on_days),
        "on days within the cycles of the model": own.with_settings(strategies=on_days, schemes=schemes),
        "tablets on days within the cycles, dispensed by chance, with a cap on money": own.with_settings(
            strategies=by_chance, schemes=schemes, cycle_days=30.4375
        ),
        "months, dose by steps": own.with_settings(cycle_days=30.4375, dose="stepwise", time_in_state="end"),
        "a later line": own.with_settings(also_counted=["later_lenalidomide"], price_arrangements=["list", "pas", "both"]),
    }


def test_every_formula_of_a_made_up_folder_has_the_engines_number(tmp_path):
    _, found = variants(tmp_path)
    for name, inputs in found.items():
        assert agrees(inputs), name


def test_the_formulas_of_a_made_up_folder_follow_its_amounts_and_terms(tmp_path):
    own = load_inputs(made_up(tmp_path)).with_settings(horizon_years=1.5)
    base = live_program(own)
    before = {recalculate.place(cell): cell.value for cell in base.inputs}
    text = [(recalculate.place(cell), cell.formula) for cell in base.formulas]
    schemes = {name: terms.model_dump() for name, terms in own.settings.schemes.items()}
    schemes["antibody_cap"]["most_paid"] = 1234.5
    schemes["antibody_refund"]["response_by_cycle"] = 7
    schemes["tablet_tiers"]["tiers"][1]["price_discount"] = 0.9
    content = written(base, manifest(own))
    for name, inputs, arrangement in (
        (
            "the amounts",
            own.with_values(**{name: value * 1.3 for name, (_, value) in PARAMETERS.items() if name[:2] != "n_"}),
            "both",
        ),
        ("vials and boxes", own.with_values(n_weight_sd=14.2, n_boxes=5.0), "all_three"),
        ("the terms of the schemes", own.with_settings(schemes=schemes), "both"),
        ("a price of nothing", own.with_values(c_vial_50=0.0, c_vial_100=0.0), "both"),
    ):
        now = live_program(inputs, exported=own, price_arrangement=arrangement)
        assert [(recalculate.place(c), c.formula) for c in now.formulas] == text, name
        edits = [cell for cell in now.inputs if cell.value != before[recalculate.place(cell)]]
        found = recalculate.by_formualizer(content, now.formulas, edits)
        assert edits and recalculate.disagreements(now.formulas, found) == [], name


def test_the_sheet_rows_says_what_the_formulas_are_made_of(tmp_path):
    own = load_inputs(made_up(tmp_path)).with_settings(horizon_years=1.5)
    program = live_program(own)
    cells = [cell for cell in program.cells if cell.sheet == "Rows"]
    texts = {cell.value for cell in cells if cell.column == 6}
    amounts = {line.split(",")[6] for line in ROWS.splitlines()}
    assert amounts <= texts
    assert own.settings.drugs["tablet"].price in texts
    derived = {cell.formula.replace(" ", "") for cell in program.formulas if cell.sheet == "Derived"}
    assert f"=(n_blood_tests_{LD}+1)*(c_scan/(2*n_boxes))-c_scan/4" in derived
    assert "=(c_tablet_box+c_tablet_leaflet)/n_boxes-c_tablet_leaflet/(n_boxes*2)" in derived


def test_an_edited_sheet_of_a_made_up_folder_comes_back_changed_and_checked(tmp_path):
    own = load_inputs(made_up(tmp_path)).with_settings(horizon_years=1.5)
    book = openpyxl.load_workbook(io.BytesIO(live_workbook(own)))
    page = book["Inputs"]
    rows = {page.cell(row, 2).value: row for row in range(1, page.max_row + 1)}
    edits = {"antibody_cap_most_paid": 4321.0, "tablet_tiers_tier_2_price_discount": 0.75, "c_tablet_box": 500.0}
    edits |= {"antibody_refund_response_by_cycle": 5, "price_arrangement": "all_three"}
    for name, value in edits.items():
        page.cell(rows[name], 4).value = value
    saved = io.BytesIO()
    book.save(saved)
    again = read_back(saved.getvalue(), own)
    schemes = again.settings.schemes
    assert (schemes["antibody_cap"].most_paid, schemes["antibody_refund"].response_by_cycle) == (4321.0, 5)
    assert [tier.price_discount for tier in schemes["tablet_tiers"].tiers] == [0.25, 0.75]
    assert again.parameters["c_tablet_box"].value == 500.0
    fresh = compare_with_engine(live_workbook(own), own)
    assert fresh["agrees"].all() and fresh.attrs["disagree"] == []


def test_givings_within_a_cycle_are_of_those_there_on_their_day(tmp_path):
    """Days 1 and 8 of 21 in cycles of 28: days 0, 7, 21 fall in the first, 0, a quarter and three quarters into it."""
    _, found = variants(tmp_path)
    program = live_program(found["on days within the cycles of the model"])
    trace = [cell for cell in program.cells if cell.sheet == "Trace_1"]
    held = {}
    for place in ("start", "end"):
        heading = f"Antibody: givings, for one person there at the {place}"
        column = next(cell.column for cell in trace if cell.value == heading)
        held[place] = [cell.value for cell in trace if cell.column == column and cell.style == "held six"][:2]
    assert held == {"start": [2.0, 1.75], "end": [1.0, 1.25]}  # the second cycle: days 28, 42 and 49
    assert not any("at the end" in str(cell.value) for cell in live_program(found["as it is"]).cells if cell.sheet == "Trace_1")


def test_what_formulas_hold_as_numbers_cannot_be_changed_on_the_sheet_inputs(tmp_path):
    _, found = variants(tmp_path)
    inputs = found["weekly, on days of its own, stopped without a response"]
    names = {cell.value for cell in live_program(inputs).cells if cell.sheet == "Inputs" and cell.column == 1}
    assert "antibody_refund_response_by_cycle" not in names and "antibody_cap_most_paid" in names
    notes = [str(cell.value) for cell in live_program(inputs).cells if cell.sheet == "Settings"]
    assert any("Antibody is given on days of its own" in note for note in notes)


def test_no_drug_of_the_packaged_problems_is_named_in_the_workbook_of_a_folder_without_it(tmp_path):
    own = tmp_path / "own"
    shutil.copytree(ROOT / "inputs" / "relapsed", own)
    for file in own.iterdir():
        text = file.read_text()
        for name, other in (("lenalidomide", "agentium"), ("dexamethasone", "nullium")):
            text = text.replace(name, other).replace(name.capitalize(), other.capitalize())
        file.write_text(text)
    program = live_program(load_inputs(own).with_settings(horizon_years=1.5))
    named = [cell.place for cell in program.cells if re.search("(?i)lenalidomide|dexamethasone", f"{cell.value} {cell.formula}")]
    assert named == []
    assert len(program.formulas) == len(live_program(load_inputs("relapsed").with_settings(horizon_years=1.5)).formulas)


def test_a_dose_that_needs_more_vials_than_the_price_has_terms_for_fails_a_check(tmp_path):
    own = load_inputs(made_up(tmp_path)).with_settings(horizon_years=1.5)
    program = live_program(own)
    checks = [cell for cell in program.formulas if cell.sheet == "Checks" and "NORMSDIST" in cell.formula]
    verdicts = [cell for cell in program.formulas if cell.sheet == "Checks" and cell.row == checks[0].row and cell.column == 3]
    assert len(checks) == 2 and verdicts[0].value == "pass"
    dose = next(cell for cell in program.inputs if cell.value == PARAMETERS["n_antibody_mg"][1])
    found = recalculate.by_formualizer(written(program, manifest(own)), verdicts, [replace(dose, value=5.2)])
    assert list(found.values()) == ["FAIL"]


@pytest.mark.slow
def test_libreoffice_gives_the_engines_numbers_of_a_made_up_folder(tmp_path):
    own, found = variants(tmp_path)
    files, wanted = {}, {}
    for place, inputs in enumerate(found.values()):
        program = live_program(inputs)
        wanted[f"case_{place}"] = program.formulas
        files[f"case_{place}"] = written(recalculate.poisoned(program), manifest(own))
    shown = recalculate.by_libreoffice(files, tmp_path)
    for name, formulas in wanted.items():
        assert recalculate.disagreements(formulas, shown[name]) == [], name
