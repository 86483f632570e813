"""Amounts, rows of costs and QALYs, and the tables of drugs and schemes: read as they are meant, or refused in words.

Pitfalls guarded: a minus sign that binds the wrong way; a name that Python would run; a row that is read and paid by nobody; a price
that no row charges; the second fault told only when the first is mended; an accident in a file that ends in a traceback.
"""

import math
import random
import shutil
from pathlib import Path

import numpy as np
import pytest

import hemodel as hm
from hemodel.errors import InputError
from hemodel.evidence.amounts import Unreadable, formula, parse
from hemodel.evidence.reading import data_folder
from tests.evidence import spoiling

EXAMPLES = Path(__file__).parent.parent.parent / "examples"
COPIES = 150
VALUES = {"c_a": 2.0, "c_b": 3.0, "c_c": 5.0}


def worth(text):
    return float(parse(text).value(lambda name: np.array(VALUES[name])))


# Amounts ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("7", 7.0),
        ("c_a", 2.0),
        ("c_a + c_b * c_c", 17.0),
        ("(c_a + c_b) * c_c", 25.0),
        ("c_a - c_b - c_c", -6.0),
        ("c_a - (c_b - c_c)", 4.0),
        ("c_a / c_b / c_c", 2 / 15),
        ("c_a / (c_b / c_c)", 10 / 3),
        ("c_a * c_b / c_c", 1.2),
        ("c_a / c_b * c_c", 10 / 3),
        ("-c_a", -2.0),
        ("-c_a * c_b", -6.0),
        ("-(c_a + c_b)", -5.0),
        ("c_a - -c_b", 5.0),
        ("c_a * -c_b", -6.0),
        ("--c_a", 2.0),
        ("+c_a", 2.0),
        ("-2 * c_a", -4.0),
        ("1e3 * c_a", 2000.0),
        (".5 * c_a", 1.0),
        ("((((c_a))))", 2.0),
        ("  c_a\n+\tc_b ", 5.0),
        ("1 - c_a / c_c", 0.6),
    ],
)
def test_an_amount_is_worked_out_in_the_order_of_school(text, value):
    assert worth(text) == pytest.approx(value, rel=1e-15)
    again = formula(parse(text).tree)  # what a spreadsheet is given
    assert worth(again) == pytest.approx(value, rel=1e-15), again


@pytest.mark.parametrize(
    ("text", "formula_text"),
    [
        ("c_a - (c_b - c_c)", "c_a-(c_b-c_c)"),
        ("c_a - (c_b + c_c)", "c_a-(c_b+c_c)"),
        ("(c_a - c_b) - c_c", "c_a-c_b-c_c"),
        ("c_a / (c_b * c_c)", "c_a/(c_b*c_c)"),
        ("(c_a * c_b) + c_c", "c_a*c_b+c_c"),
        ("-2 * c_a", "(-2)*c_a"),
    ],
)
def test_a_formula_has_the_brackets_it_needs_and_no_others(text, formula_text):
    assert formula(parse(text).tree) == formula_text


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is empty"),
        ("   ", "is empty"),
        ("c_a +", "cannot be read"),
        ("(c_a", "cannot be read"),
        ("c_a c_b", "cannot be read"),
        ("c_a)", "cannot be read"),
        ("()", "which is no arithmetic"),
        ("max(c_a)", "which is no arithmetic"),
        ("exit()", "which is no arithmetic"),
        ("c_a.real", "which is no arithmetic"),
        ("().__class__", "which is no arithmetic"),
        ("c_a if c_b else c_c", "which is no arithmetic"),
        ("c_a or c_b", "which is no arithmetic"),
        ("not c_a", "which is no arithmetic"),
        ("lambda. c_a", "cannot be read"),
        ("c_a ** 9", r"holds '\*\*'"),
        ("9**9**9**9", r"holds '\*\*'"),
        ("c_a // c_b", "holds '//'"),
        ("c_a % c_b", "holds '%'"),
        ("c_a[0]", r"holds '\['"),
        ("c_a; c_b", "holds ';'"),
        ("c_a = 3", "holds '='"),
        ("c_a, c_b", "holds ','"),
        ("'c_a'", "holds"),
        ("2 * £3", "holds"),
        ("C_a", "holds"),
        ("3j", "cannot be read|no arithmetic"),
        ("1e999", "no finite number"),
        ("c_a / 0", "divides by 0"),
        ("c_a / 0.0", "divides by 0"),
        ("c_a +" * 500 + "1", "more than 1,000"),
        ("(" * 400 + "1" + ")" * 400, "cannot be read|too many brackets"),
        ("9" * 900, "no finite number|cannot be read"),
    ],
    ids=lambda value: spoiling.brief(value)[:30],
)
def test_what_is_no_arithmetic_is_refused_with_the_reason(text, reason):
    with pytest.raises(Unreadable, match=reason):
        parse(text)


@pytest.mark.parametrize(
    ("text", "units", "unit"),
    [
        ("c_a", {"c_a": "GBP per pack"}, {"GBP": 1, "pack": -1}),
        ("n_a * c_a", {"n_a": "mg per cycle", "c_a": "GBP per mg"}, {"GBP": 1, "cycle": -1}),
        ("(1 - p_a) * c_a", {"p_a": "probability", "c_a": "EUR per event"}, {"EUR": 1, "event": -1}),
        ("c_a / c_b", {"c_a": "GBP per mg", "c_b": "GBP per mg"}, {}),
    ],
)
def test_the_unit_follows_from_those_of_the_names(text, units, unit):
    assert dict(parse(text).unit(units.__getitem__)) == unit


def test_pounds_and_euros_or_milligrams_are_not_added():
    for other in ("EUR per pack", "mg", "GBP per year"):
        with pytest.raises(Unreadable, match="adds"):
            parse("c_a + c_b").unit({"c_a": "GBP per pack", "c_b": other}.__getitem__)


# Bad input ----------------------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path):
    shutil.copytree(data_folder("inputs") / "relapsed", tmp_path / "relapsed")
    return tmp_path / "relapsed"


@pytest.fixture
def infusion(tmp_path):
    shutil.copytree(EXAMPLES / "infusion", tmp_path / "infusion")
    return tmp_path / "infusion"


def add(path, text):
    path.write_text(path.read_text(encoding="utf-8") + text, encoding="utf-8")


MORE_SCHEMES = """
[drugs.aspirin]
label = "Aspirin"

[schemes.lost]
drug = "lenalidomid"
label = "Of no drug"
kind = "price_discount"
price_discount = 0.5

[schemes.second]
drug = "lenalidomide"
label = "A second of one drug"
kind = "price_discount"
price_discount = 0.5

[arrangements.both]
label = "Both"
schemes = ["pas", "second"]
"""


def test_drugs_schemes_and_arrangements_that_misfit_are_told_at_once_each_at_its_place(folder):
    add(folder / "settings.toml", MORE_SCHEMES)
    assert spoiling.faults(folder) == [
        "relapsed/settings.toml (drugs.aspirin): the drug aspirin is of no strategy. "
        "Add it to the drugs of a strategy, or leave it out.",
        "relapsed/settings.toml (schemes.lost.drug): the scheme lost is of the drug 'lenalidomid', which is not there. "
        "Did you mean lenalidomide?",
        "relapsed/settings.toml (arrangements.both.schemes): the arrangement both has two schemes of lenalidomide. "
        "Leave one of them to another arrangement.",
    ]


ROWS = """cost,a,A,drug:bortezomib,,pack,c_pe,
cost,b,B,drug:dexamethasone,,charged pack,price,
cost,c,C,strategy:dexamethason,,start,c_pe,
cost,d,D,all,,year in progressed,c_post_progression_care,
cost,e,E,all,,start,2 * u_progressed,
qaly,f,F,all,,start,-u_progressed,
cost,g,G,all,,cycle on treatment 500-,c_pe,
cost,h,H,all,,start,price,
cost,i,I,all,,start,c_pe + u_progressed,
"""


def test_rows_that_misfit_are_told_at_once_with_file_row_reason_and_remedy(folder):
    rows = len((folder / "payoffs.csv").read_text(encoding="utf-8").splitlines())
    add(folder / "payoffs.csv", ROWS)
    found = spoiling.faults(folder)
    expected = {
        "a": "there is no drug 'bortezomib'. ",
        "b": "the drug dexamethasone has no price. Give price or vials under [drugs.dexamethasone]",
        "c": "there is no strategy 'dexamethason'. Did you mean dexamethasone?",
        "d": "which on the measure `year in progressed` is not GBP. Mend",
        "e": "the amount 2 * u_progressed is in utility, which on the measure `start` is not GBP. Mend",
        "f": "is in utility, which on the measure `start` is not QALYs. Mend",
        "g": "cycle on treatment 500- begins after the last treatment cycle, which is no. 391: nobody ever pays this. Mend",
        "h": "the row is for all, and price is that of a drug. Give price",
        "i": "the amount c_pe + u_progressed adds GBP per event and utility. Add like things only.",
    }
    assert len(found) == len(expected)
    for number, (component, words) in enumerate(expected.items(), start=rows + 1):
        (line,) = [line for line in found if line.startswith(f"relapsed/payoffs.csv, row {number} ({component}): ")]
        assert words in line


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        (
            'dose = "n_dose_antibody"',
            'dose = "n_body_weight"',
            "(drugs.antibody.vials.dose): n_body_weight is in kg, not in mg per kg",
        ),
        ('size = "n_body_weight"', 'size = "n_weight"', "(drugs.antibody.vials.size): the amount needs n_weight"),
        ('"50" = "c_antibody', '"fifty" = "c_antibody', "(drugs.antibody.vials.prices): 'fifty' is not the strength of a vial"),
        ('"50" = "c_antibody', '"0.5" = "c_antibody', None),
        (
            '"50" = "c_antibody_50mg_vial", "100" = ',
            '"0.5" = "c_antibody_50mg_vial", "1" = ',
            "(drugs.antibody.vials): the dose needs more than 60 totals of these vials",
        ),
        ("days = [1.0], cycles = 6", "days = [1.0, 22.0], cycles = 6", "the days 1, 22 are not days of a cycle of 21 in order"),
        ("older_drug = [{", "old_drug = [{", "there is a schedule of old_drug, which is not among its drugs"),
        (
            "[drugs.older_drug.vials]",
            "[drugs.older_drug.vial]",
            "(drugs.older_drug.vial): is not a known setting. Did you mean vials?",
        ),
        ('drug = "antibody"\nkind', 'drug = "older_drug"\nkind', None),
        ("tiers = [{ from_cycle = 1, ", "tiers = [{ cycle = 1, ", "is not a known setting. Did you mean from_cycle?"),
        (
            "[strategies.schedules]\nantibody",
            "[strategies.schedule]\nantibody",
            "is not a known setting. Did you mean schedules?",
        ),
    ],
    ids=lambda value: spoiling.brief(value)[:40],
)
def test_doses_vials_and_cycles_that_misfit_are_refused_at_their_place(infusion, old, new, problem):
    spoiling.edit(infusion / "settings.toml", old, new)
    if problem is None:  # is another appraisal, and no fault
        spoiling.runs_to_numbers_or_is_refused(hm.load_inputs(infusion))
        return
    with pytest.raises(InputError) as caught:
        hm.run_base_case(hm.load_inputs(infusion))
    assert any("settings.toml" in fault.where and problem in str(fault) for fault in caught.value.faults), caught.value


@pytest.mark.parametrize("name", ["n_dose_antibody", "n_body_surface_sd"])
def test_a_dose_of_nothing_is_refused(infusion, name):
    spoiling.edit(infusion / "parameters.csv", f"\n{name},", f"\n{name}_not,")
    add(infusion / "parameters.csv", f"{name},Zero,{'mg per kg' if 'dose' in name else 'm2'},0,,,,fixed,x,,assumed,none,test\n")
    with pytest.raises(InputError, match=rf"{name} comes to 0, for which there is no vial\. Give more than 0"):
        hm.run_base_case(hm.load_inputs(infusion))


def test_a_window_after_the_end_of_a_fixed_duration_is_paid_by_nobody(infusion):
    path = infusion / "payoffs.csv"
    spoiling.edit(path, "drug:older_drug,,pack 2-,", "drug:older_drug,,pack 6-,")
    hm.load_inputs(infusion)  # the sixth cycle is the last
    spoiling.edit(path, "drug:older_drug,,pack 6-,", "drug:older_drug,,pack 7-,")
    assert "pack 7- begins after the last treatment cycle, which is no. 6: nobody ever pays this" in spoiling.only_fault(infusion)
    spoiling.edit(path, "drug:older_drug,,pack 7-,", "drug:antibody,,pack 35-,")
    hm.load_inputs(infusion)  # 730 days are 34 cycles of 21 and 16 days
    spoiling.edit(path, "drug:antibody,,pack 35-,", "drug:antibody,,pack 36-,")
    assert "which is no. 35" in spoiling.only_fault(infusion)


def test_a_price_that_no_row_charges_is_refused(infusion):
    spoiling.edit(
        infusion / "payoffs.csv",
        "cost,antibody,Antibody,drug:antibody,,charged pack,price,each giving under the price arrangement\n",
        "",
    )
    line = spoiling.only_fault(infusion)
    assert (
        "(drugs.antibody): the drug antibody has a price, and no row of payoffs.csv charges it. Add a row such as: cost,antib"
        in line
    )


def test_costs_in_another_currency_than_the_settings_are_refused_row_by_row(infusion):
    spoiling.edit(infusion / "settings.toml", 'thresholds = "2026"', 'thresholds = [20000, 80000]\ncurrency = "EUR"')
    found = spoiling.faults(infusion)
    assert len(found) > 8
    place = "(c_antibody_50mg_vial): unit 'GBP per vial' is not known here. Did you mean EUR per vial"
    assert any(place in line for line in found)
    assert all("unit 'GBP per " in line for line in found)


# Whatever happens to a file -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("problem", "name"),
    [
        ("relapsed", "payoffs.csv"),
        ("relapsed", "adverse_events.csv"),
        ("infusion", "payoffs.csv"),
        ("infusion", "settings.toml"),
        ("tablets", "settings.toml"),
    ],
)
def test_whatever_happens_to_the_new_files_they_are_read_and_run_or_refused(tmp_path, problem, name):
    luck = random.Random(f"{problem} {name} 13")
    place = data_folder("inputs") / problem if problem == "relapsed" else EXAMPLES / problem
    shutil.copytree(place, tmp_path / problem)
    path = tmp_path / problem / name
    raw, outcomes = path.read_bytes(), {"run": 0, "refused": 0}
    for _ in range(COPIES):
        path.write_bytes(spoiling.spoiled(raw, luck))
        try:
            found = hm.load_inputs(tmp_path / problem)
        except InputError as error:
            outcomes["refused"] += 1
            spoiling.refused_in_words(error)
        else:
            outcomes["run"] += 1
            spoiling.runs_to_numbers_or_is_refused(found)
    assert outcomes["refused"] > 10, outcomes
    assert outcomes["run"] >= 3, outcomes


def test_an_amount_in_the_files_is_the_number_of_the_base_case(folder):
    """A cost of GBP 100 x (2 + 3) - 100 / 4 for everyone at the start moves every total by 475."""
    add(folder / "payoffs.csv", "cost,extra,Extra,all,,start,c_extra * (2 + 3) - c_extra / 4,\n")
    add(folder / "parameters.csv", "c_extra,Extra,GBP per patient,100,,,,fixed,x,,assumed,none,test\n")
    before, after = (hm.run_base_case(hm.load_inputs(p)).outcomes.total_costs("list")[:, 0] for p in ("relapsed", folder))
    assert (after - before).tolist() == pytest.approx([475, 475])
    assert math.isfinite(before.sum())


def test_health_that_would_differ_by_who_pays_is_refused(folder):
    add(folder / "payoffs.csv", "qaly,nerves,Nerves,scheme:lenalidomide,,start,-du_neutropenia,\n")
    add(folder / "payoffs.csv", "qaly,burden,Burden,drug:lenalidomide,,charged pack,-du_neutropenia,\n")
    with pytest.raises(InputError) as caught:
        hm.load_inputs(folder)
    said = str(caught.value)
    assert "(nerves): a QALY for scheme:lenalidomide would differ by who pays" in said
    assert "(burden): a QALY of the charged pack would differ by who pays. Write what people are given: drug:<name>" in said
