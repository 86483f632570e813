"""`hemodel verify`: what it says of the inputs as they are, of edited ones, and of ones that somebody should look at.

Pitfalls guarded: a check that can only pass; a second count that leans on the first; a refusal that is taken for a pass; a base case
that cannot be run, or one check that breaks, and the rest is not told; a legal extreme taken for a fault; a table whose verdicts are not
its own.
"""

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import hemodel as hm
from hemodel.analyses import verification
from hemodel.analyses.verification import CHECKS, COLUMNS, Subject, finding, subject, verify
from hemodel.analyses.verification.findings import FAIL, NOT_APPLICABLE, PASS, REVIEW, VERDICTS
from hemodel.decision.information import InformationValue
from hemodel.errors import InputError
from hemodel.evidence.inputs import LifeTable
from hemodel.evidence.payoffs import Owner
from hemodel.report import tables

BY_ID = {check.id: check for check in CHECKS}
spec = importlib.util.spec_from_file_location("made_up_for_checks", Path(__file__).parent.parent / "made_up.py")
made_up = importlib.util.module_from_spec(spec)
spec.loader.exec_module(made_up)


@pytest.fixture(scope="module")
def inputs():
    return hm.load_inputs("relapsed")


def with_row(inputs, name, **columns):
    return replace(inputs, parameters={**inputs.parameters, name: replace(inputs.parameters[name], **columns)})


def verdict(check, inputs):
    return finding(BY_ID[check], Subject(inputs)).verdict


def test_ids_are_all_different_and_every_check_says_where_to_look():
    assert len(BY_ID) == len(CHECKS)
    assert all(check.look_at or finding(check, Subject(None)).verdict == NOT_APPLICABLE for check in CHECKS if not check.look_at)
    assert {check.section for check in CHECKS} == {
        "evidence",
        "inputs",
        "patient flow",
        "costs, QALYs and results",
        "uncertainty",
    }


REVIEWS = {
    "I5": lambda inputs: inputs.with_settings(structure="partitioned_survival").with_values(median_os_dexamethasone=4.0),
    "F4": lambda inputs: inputs.with_settings(horizon_years=10.0),
    "R25": lambda inputs: with_row(inputs, "u_progressed", value=-0.5, se=None, distribution="fixed"),
    "U4": lambda inputs: with_row(inputs, "c_heparin", distribution="normal"),
    "U6": lambda inputs: inputs,
}
"""Check -> inputs with which it asks for somebody to look."""


@pytest.mark.parametrize("check", REVIEWS)
def test_what_somebody_should_look_at_is_said(inputs, check):
    assert verdict(check, REVIEWS[check](inputs)) == REVIEW


def test_adverse_events_without_a_price_are_to_be_looked_at(inputs):
    free = inputs
    for event in {row.event for row in inputs.payoffs if row.event}:
        free = with_row(free, f"c_{event}", value=0.0, se=None, distribution="fixed")
    assert verdict("R19", free) == REVIEW


def test_rankings_that_part_are_to_be_looked_at(inputs, monkeypatch):
    order = [str(name) for name in Subject(inputs).one_way.tornado()["parameter"]]
    worth = {name: float(i) for i, name in enumerate(order)}  # the other way round
    found = lambda _psa, name, **_: InformationValue(worth[name], 0.0)  # noqa: E731
    monkeypatch.setattr(subject, "evppi", found)
    assert verdict("U15", inputs) == REVIEW


def test_every_check_can_fail_or_ask_for_review():
    """Together with tests/verification/test_faults.py, which makes each of them fail."""
    path = Path(__file__).with_name("faults.py")
    spec = importlib.util.spec_from_file_location("deliberate_faults_of_checks", path)
    faults = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = faults
    spec.loader.exec_module(faults)
    caught = {by for fault in faults.FAULTS.values() for by in fault.caught_by}
    caught |= {slip.caught_by for slip in faults.SLIPS.values()}
    never = {check.id for check in CHECKS if check.does.__name__ == "<lambda>"}
    assert set(BY_ID) - caught - never == {"R19", "R25", "U4", "U6", "U15"}


def test_a_refusal_is_a_failure_in_the_words_of_the_model_unless_the_check_says_that_it_is_an_answer(inputs, monkeypatch):
    def refused(*_args, **_settings):
        raise InputError("here", "no", "Do that")

    monkeypatch.setattr(Subject, "run", refused)
    found = finding(BY_ID["R8"], Subject(inputs))
    assert (found.verdict, found.found) == (FAIL, "it refused them: here: no. Do that.")
    assert finding(replace(BY_ID["R8"], may_be_refused=True), Subject(inputs)).verdict == REVIEW


def test_a_check_that_breaks_has_failed_and_the_others_are_still_run(inputs, monkeypatch):
    def broken(*_args, **_settings):
        raise IndexError("index 5 is out of bounds")

    monkeypatch.setattr(Subject, "run", broken)
    table = verify(inputs, only=["F1", "R8", "U6"]).table.set_index("id")
    assert table["verdict"].tolist() == [PASS, FAIL, REVIEW]
    assert table.loc["R8", "found"] == "the check itself broke: IndexError: index 5 is out of bounds"


def with_life_table(inputs, probability):
    everyone = np.full_like(inputs.life_table.male, probability)
    return replace(inputs, life_table=LifeTable("made up", everyone, everyone))


LEGAL = {
    "horizon of a cycle": lambda inputs: inputs.with_settings(horizon_years=0.08),
    "horizon of 0.1 years": lambda inputs: inputs.with_settings(horizon_years=0.1),
    "horizon of 0.3 years": lambda inputs: inputs.with_settings(horizon_years=0.3),
    "a horizon of a cycle by whole years": lambda inputs: inputs.with_settings(horizon_years=0.08, discounting="by_year"),
    "nobody dies of anything else": lambda inputs: with_life_table(inputs, 1e-9),
    "everybody dies of something else": lambda inputs: with_life_table(inputs, 0.999),
    "worse than death": lambda inputs: with_row(inputs, "u_progressed", value=-0.5, se=None, distribution="fixed"),
    "drugs for a cycle": lambda inputs: inputs.with_settings(
        strategies=[s.model_dump() | {"treatment_cycles": 1} for s in inputs.settings.strategies]
    ),
    "everybody of a hundred": lambda inputs: with_life_table(hm.load_inputs("maintenance"), 0.5),
    "a clock beyond the horizon": lambda inputs: inputs.with_settings(post_progression_clock_cycles=10_000),
}


@pytest.mark.parametrize("name", LEGAL)
def test_no_check_fails_on_extreme_inputs_that_are_legal(inputs, name):
    ids = [check.id for check in CHECKS if not check.id.startswith("U")]
    table = verify(LEGAL[name](inputs), only=[*ids, "U14"]).table
    assert table.loc[table["verdict"] == FAIL, ["id", "found"]].values.tolist() == []


def test_inputs_without_uncertainty_are_checked_too(inputs):
    fixed = {n: replace(p, distribution="fixed", se=None, low=None, high=None) for n, p in inputs.parameters.items()}
    found = verify(replace(inputs, parameters=fixed, correlations=()))
    assert found.passed
    assert found.table.set_index("id").loc[["U13", "U15"], "verdict"].tolist() == [NOT_APPLICABLE] * 2


def test_a_base_case_that_cannot_be_run_is_an_input_error(inputs):
    with pytest.raises(InputError, match="deaths before progression would be negative"):
        verify(inputs.with_settings(progression_shape="ttp"))


def test_chosen_checks_only_and_a_wrong_id_is_told_the_nearest(inputs):
    done = []
    found = verify(inputs, only=["R8", "F1"], progress=done.append)
    assert found.table["id"].tolist() == ["F1", "R8"]
    assert tuple(found.table.columns) == COLUMNS
    assert done == [1, 1]
    with pytest.raises(InputError, match="Did you mean R28"):
        verify(inputs, only=["R288"])


def test_one_failed_check_fails_the_whole_and_a_review_does_not(inputs):
    found = verify(inputs.with_settings(horizon_years=10.0), only=["F4", "F1"])
    assert found.passed
    assert found.counts == {PASS: 1, REVIEW: 1, FAIL: 0, NOT_APPLICABLE: 0}
    table = found.table.assign(verdict=[FAIL, PASS])
    assert not verification.Verification(inputs, table).passed
    assert "1 fail" in verification.Verification(inputs, table)._repr_html_()


def test_the_table_says_where_to_look_only_where_there_is_something_to_see(inputs):
    table = tables.verification_table(verify(inputs.with_settings(horizon_years=10.0), only=["F4", "F1", "F11"])).set_index(
        "Check"
    )
    assert table.loc["F4", "Where to look"] == "settings.toml: horizon_years"
    assert not table.loc[["F1", "F11"], "Where to look"].any()
    assert set(table["Verdict"]) <= set(VERDICTS)


def test_edited_inputs_are_what_is_checked(inputs):
    edited = inputs.with_values(u_progression_free=0.7, u_progressed=0.6).with_settings(utility_age_adjustment="none")
    row = verify(edited, only=["R13"]).table.iloc[0]
    assert row["expected"] == "mean utility from 0.6 to 0.7"


@pytest.mark.parametrize(
    ("settings", "values"),
    [
        ({"structure": "partitioned_survival"}, {}),
        ({"structure": "partitioned_survival", "intervention_survival": "hazard_ratio"}, {}),
        ({"effect_waning": {"from_years": 2.0, "to_years": 5.0}}, {}),
        ({"post_progression_clock_cycles": 13, "also_counted": ["subsequent_treatment"]}, {}),
        ({"treatment_until": "ttp_curve", "dose": "stepwise"}, {}),
        ({"time_discounted_at": "end", "purchases_discounted_at": "middle", "events_discounted_at": "start"}, {}),
        ({"scheme_counts": "dispensed"}, {"p_pack_dispensed": 0.8}),
        ({"also_counted": ["later_lenalidomide", "utility_loss_on_treatment", "utility_loss_near_death"]}, {}),
        ({"utility_age_adjustment": "general_population", "time_in_state": "end", "stop_at_response_cycle": 7}, {}),
        ({"post_progression_mortality": "equal", "comparator_survival": "hazard_ratio"}, {}),
    ],
)
def test_other_structures_pass_too(settings, values):
    """The checks that look at one run; all checks on every scenario: `python -m tests.verification_page --everything`."""
    inputs = (
        hm.load_inputs("relapsed", population="pooled_trials").with_values(**values).with_settings(**settings, horizon_years=12.0)
    )
    table = verify(inputs, only=["F1", "F2", "F3", "F5", "F8", "R5", "R9", "R11", "R15", "R16", "R18", "R28", "R29", "U14"]).table
    assert table.loc[table["verdict"] == FAIL, ["id", "found"]].values.tolist() == []


def with_costs_of(inputs, *strategies):
    """The inputs with a row of costs for each of these strategies alone."""
    like = next(row for row in inputs.payoffs if row.component == "thromboprophylaxis")
    rows = [replace(like, component="other", owner=Owner("strategy", s)) for s in strategies]
    return replace(inputs, payoffs=(*inputs.payoffs, *rows))


@pytest.mark.parametrize("check", ["F8", "R28"])
def test_lives_on_curves_fitted_to_data_are_counted_again_too(check):
    fitted = hm.load_inputs(Path(__file__).parent.parent.parent / "examples" / "infusion")
    assert len(fitted.settings.fitted_curves) == 4
    assert verdict(check, fitted) == PASS


def test_rows_changed_since_they_were_read_are_what_is_counted(inputs):
    assert verdict("R28", with_costs_of(inputs, "dexamethasone")) == PASS


def test_prices_of_packs_that_a_run_does_not_read_are_no_draw_that_breaks():
    assert verdict("U12", hm.load_inputs("relapsed", scenario="dose_stepwise")) == PASS


@pytest.mark.parametrize("check", ["R5", "R6", "R7"])
@pytest.mark.parametrize("strategies", [["dexamethasone"], ["lenalidomide_dexamethasone"]])
def test_costs_in_one_strategy_alone_are_no_fault(inputs, check, strategies):
    assert verdict(check, with_costs_of(inputs, *strategies)) == PASS


@pytest.mark.parametrize("check", ["R5", "R6", "R7"])
def test_nor_are_they_in_a_strategy_without_drugs_or_in_two_of_three(check):
    maintenance, first_line = hm.load_inputs("maintenance"), hm.load_inputs("first_line")
    assert verdict(check, with_costs_of(maintenance, "no_maintenance")) == PASS
    assert verdict(check, with_costs_of(first_line, *first_line.settings.strategy_names[:2])) == PASS


@pytest.mark.parametrize("name", made_up.FOLDERS)
def test_no_check_fails_on_appraisals_made_up(name, tmp_path):
    """Other drugs, vials, schedules, schemes and arrangements; no drugs; no events; cycles of a week, a month, a year."""
    table = verify(hm.load_inputs(made_up.made_up(name, tmp_path / name))).table.set_index("id")
    assert table.loc[table["verdict"] == FAIL, "found"].to_dict() == {}
    assert (table.loc["R28", "verdict"], table.loc["F8", "verdict"]) == (PASS, PASS)
    assert (table.loc["I2", "verdict"] == PASS) == (name in ("two_drugs", "weekly", "monthly"))


def test_a_drug_without_prophylaxis_and_disease_worse_than_any_life_table_are_linked_all_the_same(inputs):
    none = with_row(inputs, "c_heparin", value=0.0, se=None, low=None, high=None, distribution="fixed")
    none = with_row(none, "c_aspirin", value=0.0, se=None, low=None, high=None, distribution="fixed")
    assert verdict("U14", none) == PASS
    equal = with_row(none, "c_heparin", value=7.0)
    assert verdict("U14", with_row(equal, "c_aspirin", value=7.0)) == PASS
    quick = {
        f"median_{curve}_{s}": months for s in inputs.settings.strategy_names for curve, months in (("pfs", 0.5), ("os", 1.0))
    }
    rates = {f"r_death_progressed_{s}": 8.0 for s in inputs.settings.strategy_names}
    for structure in ("state_transition", "partitioned_survival"):
        deadly = inputs.with_settings(structure=structure).with_values(**quick, **rates, **dict.fromkeys(ratios(inputs), 0.9))
        assert verdict("U14", deadly) == PASS


def test_what_a_scheme_costs_to_run_is_linked_where_no_price_arrangement_has_the_scheme(inputs):
    assert verdict("U14", inputs.with_settings(price_arrangements=["list"])) == PASS


def ratios(inputs):
    return [name for name in inputs.parameters if name.startswith("ratio_pfs_to_ttp_")]


def test_a_closed_life_table_is_followed_by_every_check_of_mortality(inputs):
    closed = [np.where(np.arange(101) >= 77, 1.0, q) for q in (inputs.life_table.male, inputs.life_table.female)]
    subject = Subject(replace(inputs, life_table=LifeTable("closed", *closed)), 512)
    for check in ("F4", "F8", "F9", "F9.1", "R30", "U12"):
        assert finding(BY_ID[check], subject).verdict == PASS, finding(BY_ID[check], subject).found
