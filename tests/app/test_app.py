"""The app shows what the Python interface gives, and nothing a user can choose, type or upload makes it fail.

Pitfalls: percent taken for fractions; a form that changes the screen but not the model; survival that stays where it was when
a median is changed; an edit that silently outlives the population it was made for; a scenario offered to a population whose
numbers it does not hold for; results of one set of inputs shown for another (a cache keyed too narrowly); something confidential
in a link, a file or a cache that other sessions see; bounds kept in a second table; a traceback instead of a message; text taken for
Markdown; an upload that changes something before it was checked.
"""

import io
import time
import zipfile
from concurrent.futures import Future
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import MappingProxyType
from urllib.parse import parse_qsl

import numpy as np
import openpyxl
import pytest
from altair.utils import schemapi
from streamlit.testing.v1 import AppTest

import hemodel as hm
from hemodel.analyses import verification
from hemodel.analyses.calibration import calibrated
from hemodel.analyses.verification import findings
from hemodel.app import background, choices, front, results, sharing, show
from hemodel.errors import InputError
from hemodel.evidence import confidential, inputs_sheet
from hemodel.evidence.folder import problem_titles
from hemodel.evidence.settings import Settings
from hemodel.report import labels
from hemodel.report.cheers import cheers_table
from hemodel.report.tables import parameter_table, status_counts
from hemodel.report.workbook import workbook_bytes

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent.parent
BASE = "relapsed/two_or_more_prior/base_case"
LD, DEX = "lenalidomide_dexamethasone", "dexamethasone"
TITLES = [title for titles in front.PAGES.values() for title in titles]


@pytest.fixture(scope="module", autouse=True)
def quick_charts():
    """Charts are held against their schema in `tests/report`; here that would take a third of the time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(schemapi, "DEBUG_MODE", False)
        yield


def opened(path="app.py", **query):
    app = AppTest.from_file(str(ROOT / path), default_timeout=60)
    for name, text in query.items():
        app.query_params[name] = text
    return whole(app.run())


@pytest.fixture(scope="module")
def used():
    """An app that has been in use: opened once, for tests that set all they look at."""
    return opened()


@pytest.fixture
def fresh(used):
    """The app in use, put back to the base case on the page Summary."""
    for key, value in (
        ("wanted", None),
        ("edits", {}),
        ("fitted", None),
        ("own", None),
        ("runs", {}),
        ("before", None),
        ("scheme_marks", {}),
    ):
        if key == "wanted":
            if key in used.session_state:
                del used.session_state[key]
        else:
            used.session_state[key] = value
    used.session_state["choices_round"] = round_(used) + 1
    used.session_state["round"] = used.session_state["round"] + 1
    return whole(used.switch_page(str(front.path_of("Summary"))).run())


def round_(app):
    return app.session_state.get("choices_round", 0)


def whole(app):
    """The app, after making sure that nothing went wrong in it."""
    assert [error.value for error in app.exception] == []
    return app


def ran(app):
    """The app that has an answer."""
    assert [error.value for error in whole(app).error] == []
    return app


def field(app, name, place=BASE):
    return app.number_input(key=f"{name}/{place}/{app.session_state['round']}")


def population(app, name, problem="relapsed"):
    return app.selectbox(key=f"population/{problem}/{round_(app)}").set_value(name).run()


def scenario(app, name, of="relapsed/two_or_more_prior"):
    return app.selectbox(key=f"scenario/{of}/{round_(app)}").set_value(name).run()


def go(app, title):
    return app.switch_page(str(front.path_of(title))).run()


def press(app, label):
    return next(button for button in app.button if button.label == label).click().run()


def icers(app):
    return [metric.value for metric in app.metric]


def expected(inputs):
    result = hm.run_base_case(inputs)
    others = [s for s in result.outcomes.strategies if s != inputs.settings.comparator]
    return [
        labels.money(result.icer(price, s), result.inputs.settings)
        for price in result.outcomes.price_arrangements
        for s in others
    ]


def text(app):
    kinds = (app.markdown, app.caption, app.info, app.warning, app.error, app.code)
    return "\n".join(element.value for kind in kinds for element in kind).replace("\\", "")


def differences(app):
    return next((t.value for t in app.table if list(t.value.columns) == ["Input", "Base case", "Now", "Difference"]), None)


def waited(app):
    """The app after its run in the background."""
    for _ in range(1000):
        runs = app.session_state["runs"]
        if all(run.is_over for run in runs.values()):
            return app.run()
        time.sleep(0.05)
    raise AssertionError("the run did not end")


def uploaded(app, key, name, content, mime="text/plain"):
    next(u for u in app.file_uploader if u.key.startswith(key)).upload(name, content, mime)
    return app.run()


# --- the pages -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("problem", "titles"),
    [
        ("relapsed", TITLES),
        ("maintenance", ["Price", "Results"]),
        ("first_line", ["Inputs", "Severity and end of life", "Clinical"]),
    ],
)
def test_every_page_can_be_drawn_and_the_answer_is_that_of_the_python_interface(problem, titles):
    app = opened(problem=problem)
    assert icers(ran(app)) == expected(hm.load_inputs(problem))
    assert hm.load_inputs(problem).settings.question in text(app)
    for title in titles:
        app = ran(go(app, title))
        drawn = len(app.table) + len(app.get("vega_lite_chart")) + len(app.button) + len(app.download_button)
        assert drawn > 2, title
        assert any(title in m.value for m in app.markdown) or title == "Summary"


def test_every_tab_can_be_drawn_with_three_strategies():
    app = opened(problem="first_line")
    for title, key, tabs in (
        ("Uncertainty", "uncertainty_tab", ["One at a time", "Two at a time", "Value of information"]),
        ("Scenarios", "scenarios_tab", ["A against B", "All populations"]),
    ):
        go(app, title)
        for tab in tabs:
            app.session_state[key] = tab
            ran(app.run())


def test_every_page_can_be_drawn_where_a_pack_costs_nothing(fresh):
    field(fresh, "c_lenalidomide_25mg_pack").set_value(0.0)
    press(fresh, "Apply")
    for title in TITLES:
        go(whole(fresh), title)
        said = [error.value.replace("\\", "") for error in whole(fresh).error]
        assert len(fresh.table) + len(fresh.button) > 2, title
        if title == "Price":
            assert len(said) == 1 and "costs nothing now" in said[0]
            assert "it costs nothing now, so that no other price is in proportion to it" in fresh.table[1].value["Result"].iloc[0]
            assert "no cap is needed" in fresh.table[1].value["Result"].iloc[-1]
            assert len(fresh.get("vega_lite_chart")) == 1  # the map of caps and discounts
        else:
            assert said == [], title


def test_a_page_about_two_of_three_strategies_says_so_and_a_dominated_one_is_called_that():
    app = opened(problem="first_line")
    field(app, "c_lenalidomide_25mg_pack", "first_line/transplant_ineligible/base_case").set_value(600.0)
    press(app, "Apply")
    assert "per QALY gained against melphalan + prednisone + thalidomide; dominated by another strategy" in text(ran(app))
    go(app, "Price")
    said = text(ran(app))
    assert "ICERs on this page are of lenalidomide + dexamethasone until progression against melphalan + prednisone" in said
    assert "dominated" not in said  # under the scheme it costs less than the other
    app.segmented_control(key="price_price/first_line/list/pas").set_value("list").run()
    assert "lenalidomide + dexamethasone until progression is dominated by another strategy" in text(ran(app))
    price = next(table.value for table in app.table if "Off the list price" in table.value)
    assert price["Result"].iloc[0].startswith("The ICER against the comparator is £25,000 per QALY at")
    listed = next(table.value for table in app.table if "Price of the pack (£)" in table.value)
    assert listed["Price of the pack (£)"].value_counts().tolist() == [2] * 21  # every price that is shown, for both strategies
    app.segmented_control(key="price_strategy/first_line").set_value("lenalidomide_dexamethasone_18_cycles").run()
    assert "dominated" not in text(ran(app))


def test_prices_under_a_confidential_discount_are_called_list_prices(fresh):
    go(fresh, "Price")
    assert "Prices of a pack on this page are list prices" not in text(fresh)
    fresh.selectbox(key="prices").set_value("confidential").run()
    assert "Prices of a pack on this page are list prices" in text(ran(fresh))
    fresh.selectbox(key="prices").set_value("filed").run()


def test_the_price_page_is_about_a_drug_of_the_strategy_that_is_chosen():
    """Two drugs with a price: that of bortezomib is not found by moving the price of lenalidomide."""
    app = go(opened(problem="one_prior"), "Price")
    inputs = hm.load_inputs("one_prior")
    for strategy, drug in (("lenalidomide_dexamethasone", "lenalidomide"), ("bortezomib", "bortezomib")):
        app.segmented_control(key="price_strategy/one_prior").set_value(strategy).run()
        ran(app)
        found = hm.threshold_value(inputs, f"pack_price_{drug}", strategy=strategy, threshold=inputs.settings.threshold_values[0])
        shown = next(table.value for table in app.table if "Threshold value" in table.value)
        assert str(shown["What"].iloc[0]).replace("\u00ad", "").startswith(f"List price of the pack of {drug}")
        assert str(shown["Threshold value"].iloc[0]) == f"{found.value:,.6g}"


def test_a_confidential_discount_is_on_a_drug_that_the_comparator_is_not_given_and_says_which():
    inputs = hm.load_inputs("one_prior")
    assert choices.discounted_drug(inputs) == "lenalidomide"
    other = inputs.with_settings(comparator="lenalidomide_dexamethasone")
    assert choices.discounted_drug(other) == "bortezomib"
    terms = choices.priced(inputs, "confidential", 40.0).settings.schemes["confidential"]
    assert (terms.drug, terms.label) == ("lenalidomide", "Confidential price of lenalidomide (commercial in confidence)")
    app = opened(problem="one_prior")
    app.selectbox(key="prices").set_value("confidential").run()
    assert "of lenalidomide (%)" in ran(app).number_input(key="confidential_discount").label


def test_severity_says_in_words_what_is_no_price_of_a_qaly(fresh):
    field(fresh, "c_lenalidomide_25mg_pack").set_value(0.0)
    field(fresh, "median_os_lenalidomide_dexamethasone").set_value(11.0)
    press(fresh, "Apply")
    rows = go(ran(fresh), "Severity and end of life").table[2].value
    icers_of = [column for column in rows if column.startswith("ICER")]
    assert len(icers_of) == 2 and {cell for column in icers_of for cell in rows[column]} == {"dominant"}


@pytest.mark.parametrize("problem", list(problem_titles()))
def test_documentation_is_true_for_every_problem(problem):
    app = go(opened(problem=problem), "Documentation")
    said = text(ran(app))
    assert "both strategies" not in said and "patient access scheme are" not in said
    assert "*Mirror*" in "\n".join(m.value for m in app.markdown)  # set in italics, with no asterisks to be seen


def test_the_page_of_the_installed_package_opens():
    assert icers(ran(opened("hemodel/app/front.py"))) == expected(hm.load_inputs("relapsed"))


def test_form_of_each_problem_has_the_packs_that_are_dispensed_and_the_hazard_ratio_that_is_used():
    found = {p: [h.name for h in choices.headline_inputs(hm.load_inputs(p))] for p in problem_titles()}
    packs = {p: [n for n in names if n.endswith("_pack")] for p, names in found.items()}
    assert packs["maintenance"] == ["c_lenalidomide_15mg_pack", "c_lenalidomide_10mg_pack"]
    assert packs["relapsed"] == packs["first_line"] == ["c_lenalidomide_25mg_pack"]
    assert "hr_death_lenalidomide_maintenance" in found["maintenance"]
    assert not any(n.startswith("hr_death") for n in found["relapsed"])
    assert sum(n.startswith("median_os") for n in found["first_line"]) == 3


def test_cheers_has_its_28_items_in_their_order():
    base = hm.run_base_case(hm.load_inputs("relapsed"))
    table = cheers_table(base, hm.run_psa(base.inputs, 200))
    assert len(table) == 28 and list(table["Number"]) == [str(n) for n in range(1, 29)]
    assert table["Item"].iloc[[0, 16, 27]].to_list() == ["Title", "Analytics and assumptions", "Conflicts of interest"]
    assert "£42,822 per QALY gained" in table["In this run"].iloc[22]


def test_cheers_is_true_for_a_short_horizon_a_confidential_price_and_a_dominated_strategy():
    inputs = hm.load_inputs("first_line").with_settings(horizon_years=5.0).with_values(c_lenalidomide_25mg_pack=600.0)
    base = hm.run_base_case(choices.priced(inputs, "confidential", 30.0))
    said = cheers_table(base, hm.run_psa(base.inputs, 200)).set_index("Item")["In this run"]
    alive = labels.percent(1 - base.trace["dead"][-1].min(), 0)
    assert said["Time horizon"] == f"5 years (65 cycles of 28 days), shorter than a lifetime: up to {alive} are alive at its end."
    assert "Confidential price" in said["Measurement and valuation of resources and costs"]
    assert "Clinical" not in said["Characterizing heterogeneity"] and said["Characterizing heterogeneity"].startswith(
        "2 populations"
    )
    assert "until progression at list price" in said["Summary of main results"]
    assert "(dominated by another strategy)" in said["Summary of main results"]
    lifetime = hm.run_base_case(hm.load_inputs("relapsed"))
    assert "a lifetime" in cheers_table(lifetime, hm.run_psa(lifetime.inputs, 200))["In this run"].iloc[8]


# --- what if ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("group", "name"),
    [
        ("two_or_more_prior", "partitioned_survival"),
        ("one_prior", "base_case"),
        ("one_prior", "no_scheme"),
    ],
)
def test_population_and_scenario_give_the_number_of_the_python_interface(group, name, fresh):
    population(fresh, group)
    app = scenario(fresh, name, f"relapsed/{group}")
    inputs = hm.load_inputs("relapsed", population=group, scenario=name)
    assert icers(ran(app)) == expected(inputs)
    assert inputs.scenario.why in text(app)


@pytest.mark.parametrize("group", ["thalidomide_exposed"])
def test_scenarios_of_other_populations_are_not_offered(group):
    filed = hm.load_inputs("relapsed", population=group)
    found = hm.run_scenarios("relapsed", population=group)
    offered, elsewhere = results.offered(filed)
    assert list(offered.values()) == [result.inputs.scenario.label for result in found.results]
    assert elsewhere == len(found.not_applicable)


def test_a_scenario_is_kept_when_the_population_changes_or_gives_way_to_the_base_case(fresh):
    scenario(fresh, "horizon_10_years")
    population(fresh, "one_prior")
    assert icers(ran(fresh)) == expected(hm.load_inputs("relapsed", population="one_prior", scenario="horizon_10_years"))
    population(fresh, "two_or_more_prior")
    scenario(fresh, "dexamethasone_os_hr_0_44")
    population(fresh, "one_prior")
    assert icers(ran(fresh)) == expected(hm.load_inputs("relapsed", population="one_prior"))
    assert "this is the base case" in text(fresh)


def test_apply_gives_the_number_of_the_python_interface_for_all_inputs_at_once(fresh):
    app = fresh
    values = {
        "median_pfs_lenalidomide_dexamethasone": 12.0,
        "median_pfs_dexamethasone": 22.0,
        "median_os_lenalidomide_dexamethasone": 40.0,
        "median_os_dexamethasone": 15.0,
        "u_progression_free": 0.75,
        "u_progressed": 0.6,
        "c_lenalidomide_25mg_pack": 3_000.0,
    }
    field(app, "u_progressed").set_value(0.1).run()
    assert icers(ran(app)) == expected(hm.load_inputs("relapsed"))  # nothing changes before Apply
    for name, value in values.items():
        field(app, name).set_value(value)
    field(app, "drug_cost_cap_cycles").set_value(20)
    field(app, "discount_rate_costs").set_value(1.5)
    field(app, "discount_rate_effects").set_value(2.0)
    field(app, "horizon_years").set_value(25.0)
    press(app, "Apply")
    inputs = calibrated(hm.load_inputs("relapsed").with_values(**values))
    scheme = inputs.settings.schemes["pas"].model_copy(update={"drug_cost_cap_cycles": 20})
    inputs = inputs.with_settings(
        discount_rate_costs=0.015, discount_rate_effects=0.02, horizon_years=25.0, schemes={"pas": scheme}
    )
    assert icers(ran(app)) == expected(inputs)
    assert "derived anew" in text(app)
    press(app, "Reset")
    assert icers(ran(app)) == expected(hm.load_inputs("relapsed"))
    assert field(app, "u_progressed").value == 0.64
    assert differences(app) is None


def test_a_value_typed_by_hand_is_assumed_and_says_what_it_was():
    """Also where it is counted, and after a trip in a scenario file; a value typed as it was stays what it was."""
    filed = hm.load_inputs("relapsed")
    edits = {"c_lenalidomide_25mg_pack": 3_000.0, "u_progressed": 0.64, "median_os_dexamethasone": 15.0}
    inputs = choices.applied(filed, edits)
    price, was = (one.parameters["c_lenalidomide_25mg_pack"] for one in (inputs, filed))
    assert (price.status, price.source) == ("assumed", "")
    assert price.note == f"Changed by hand from 4,368 GBP per pack; before: {was.status}, {was.source}. {was.note}"
    assert inputs.parameters["u_progressed"] == filed.parameters["u_progressed"]
    rate = inputs.parameters[f"r_death_progressed_{DEX}"]
    assert (rate.status, rate.note) == ("derived", "Derived anew so that the model's median overall survival is 15 months.")
    counts = [status_counts(one).set_index("Status")["Parameters"] for one in (filed, inputs)]
    assert counts[1]["assumed"] == counts[0]["assumed"] + 2
    told = sharing.scenario_text(inputs, name="x", label="x", why="x")
    assert sharing.read_scenario("x.toml", told.encode(), hm.load_inputs("relapsed")).parameters == inputs.parameters


def test_a_death_rate_typed_by_hand_is_kept_when_a_median_is_typed_too():
    edits = {f"r_death_progressed_{DEX}": 2.0, "median_os_dexamethasone": 15.0}
    inputs = choices.applied(hm.load_inputs("relapsed"), edits)
    rate = inputs.parameters[f"r_death_progressed_{DEX}"]
    assert (rate.value, rate.status) == (2.0, "assumed") and "overall survival is 15 months" in rate.note
    names = {}
    exec(choices.recipe(inputs, edits), names)
    assert names["inputs"].hash == inputs.hash


def test_discount_rates_typed_in_percent_give_the_scenario_that_writes_them_as_fractions():
    inputs = choices.applied(hm.load_inputs("relapsed"), {"discount_rate_costs": 1.5, "discount_rate_effects": 1.5})
    assert expected(inputs) == expected(hm.load_inputs("relapsed", scenario="discount_1_5_percent"))


def test_model_meets_the_median_survival_that_was_typed_in_and_that_of_a_scenario():
    """The scenario holds its own death rate after progression, derived to six digits."""
    inputs = choices.applied(hm.load_inputs("relapsed"), {"median_os_dexamethasone": 19.5})
    base = hm.run_base_case(inputs)
    assert base.against_source.set_index(["strategy", "outcome"])["model"][DEX, "median_os"] == pytest.approx(19.5, abs=1e-6)
    filed = hm.load_inputs("relapsed", scenario="dexamethasone_os_19_5_months")
    assert base.icer("pas") == pytest.approx(hm.run_base_case(filed).icer("pas"), rel=1e-5)


def test_a_hazard_ratio_of_one_that_is_typed_in_makes_survival_the_same():
    inputs = choices.applied(hm.load_inputs("maintenance"), {"hr_death_lenalidomide_maintenance": 1.0})
    alive = 1 - hm.run_base_case(inputs).trace["dead"]
    cycles = np.arange(len(alive))
    medians = [np.interp(-0.5, -alive[:, i], cycles) for i in (0, 1)]
    assert medians[0] == pytest.approx(medians[1], rel=1e-9)


def test_a_horizon_shorter_than_survival_can_be_combined_with_a_changed_median():
    edits = {"median_os_dexamethasone": 12.0, "horizon_years": 1.0}
    inputs = calibrated(hm.load_inputs("relapsed").with_values(median_os_dexamethasone=12.0)).with_settings(horizon_years=1.0)
    assert expected(choices.applied(hm.load_inputs("relapsed"), edits)) == expected(inputs)


def test_apply_without_a_change_changes_nothing_though_the_screen_rounds(fresh):
    population(fresh, "thalidomide_exposed")  # 7.61792 months, shown as 7.62
    press(fresh, "Apply")
    assert icers(ran(fresh)) == expected(hm.load_inputs("relapsed", population="thalidomide_exposed"))
    assert fresh.session_state["edits"] == {}


def test_banner_lists_what_differs_from_the_base_case_and_by_how_much(fresh):
    app = fresh
    field(app, "u_progressed").set_value(0.48)
    field(app, "horizon_years").set_value(20.0)
    press(app, "Apply")
    rows = {row["Input"]: list(row)[1:] for _, row in differences(ran(app)).iterrows()}
    assert rows["Utility after progression"] == ["0.64 utility", "0.48 utility", r"-0.16 (-25.0%)"]
    assert rows["Horizon"][:2] == ["30 years (391 cycles of 28 days)", "20 years (261 cycles of 28 days)"]
    assert len(rows) == 2
    base = hm.run_base_case(hm.load_inputs("relapsed"))
    assert f"base case: {labels.money(base.icer('list'), base.inputs.settings)}" in text(app)


def test_banner_is_true_for_a_hazard_ratio_too():
    app = opened(problem="maintenance")
    field(app, "hr_death_lenalidomide_maintenance", "maintenance/after_transplant/base_case").set_value(0.9)
    press(app, "Apply")
    assert "A survival input was changed" in text(ran(app)) and "median was changed" not in text(app)


def test_an_edit_stays_when_the_population_changes_unless_that_has_a_value_of_its_own(fresh):
    field(fresh, "c_lenalidomide_25mg_pack").set_value(3_000.0)
    field(fresh, "median_pfs_lenalidomide_dexamethasone").set_value(12.0)
    press(fresh, "Apply")
    population(fresh, "one_prior")
    inputs = hm.load_inputs("relapsed", population="one_prior").with_values(c_lenalidomide_25mg_pack=3_000.0)
    assert icers(ran(fresh)) == expected(inputs)
    assert "No longer changed" in text(fresh) and "Median progression-free survival, lenalidomide" in text(fresh)


def test_edits_of_one_problem_do_not_reach_another(fresh):
    """Not even where both give an input the same value: it was typed for another question."""
    same = [hm.load_inputs(problem).parameters["u_progressed"].value for problem in ("relapsed", "maintenance")]
    assert same[0] == same[1]
    field(fresh, "u_progressed").set_value(0.5)
    field(fresh, "discount_rate_costs").set_value(1.5)
    press(fresh, "Apply")
    fresh.selectbox(key=f"problem/{round_(fresh)}").set_value("maintenance").run()
    assert icers(ran(fresh)) == expected(hm.load_inputs("maintenance"))
    assert "No longer changed" in text(fresh) and "Utility after progression; Discount rate, costs" in text(fresh)


def test_thresholds_preset_reaches_the_words_and_the_tables(fresh):
    fresh.radio(key=f"thresholds/2026/2009/{round_(fresh)}").set_value("2009").run()
    assert "£20,000 or £30,000 per QALY" in text(ran(fresh))
    headings = [column for t in fresh.table for column in t.value.columns]
    assert any("20,000" in heading for heading in headings) and not any("25,000" in heading for heading in headings)


def test_an_input_that_a_scenario_does_not_use_is_switched_off_and_says_why(fresh):
    for name in ("equal_post_progression_mortality", "dexamethasone_os_hr_0_66"):
        scenario(fresh, name)
        assert field(fresh, "median_os_dexamethasone", f"relapsed/two_or_more_prior/{name}").disabled
        assert "Not used in this scenario" in text(fresh)
        inputs = hm.load_inputs("relapsed", scenario=name)
        moved = choices.applied(inputs, {"median_os_dexamethasone": 25.0})
        assert hm.run_base_case(moved).icer("list") == pytest.approx(hm.run_base_case(inputs).icer("list"), rel=1e-5)


def test_form_has_no_cap_where_there_is_no_scheme():
    names = [headline.name for headline in choices.headline_inputs(hm.load_inputs("relapsed", scenario="no_scheme"))]
    assert "drug_cost_cap_cycles" not in names


def test_labels_units_and_bounds_are_those_of_the_parameters_and_settings():
    inputs = hm.load_inputs("relapsed")
    found = {headline.name: headline for headline in choices.headline_inputs(inputs)}
    for name in found.keys() & inputs.parameters.keys():
        parameter = inputs.parameters[name]
        assert (found[name].label, found[name].unit, found[name].value) == (parameter.label, parameter.unit, parameter.value)
        assert found[name].low == parameter.quantity.low
        assert found[name].high in (parameter.quantity.high, None)
        assert parameter.status in found[name].help
    assert (found["discount_rate_costs"].low, found["discount_rate_costs"].high) == (0, 100)
    assert found["horizon_years"].high == Settings.model_json_schema()["properties"]["horizon_years"]["maximum"]
    assert found["drug_cost_cap_cycles"].low == 1
    assert len(found) == 11


def test_percent_and_fraction_are_inverse():
    for percent in (0.0, 0.1, 1.5, 3.5, 7.7, 100.0):
        assert choices.shown("discount_rate_costs", choices.meant("discount_rate_costs", percent)) == percent
    assert choices.meant("horizon_years", 30.0) == 30.0


def test_impossible_inputs_are_explained_in_words_and_can_be_taken_back(fresh):
    field(fresh, "u_progressed").set_value(1.0)
    press(fresh, "Apply")
    assert len(whole(fresh).error) == 1
    assert "Utility after progression" in fresh.error[0].value and "u_progressed" not in fresh.error[0].value
    assert len(fresh.metric) == 0
    field(fresh, "u_progressed").set_value(0.64)
    field(fresh, "median_os_dexamethasone").set_value(1.0)
    press(fresh, "Apply")
    assert "no rate" in whole(fresh).error[0].value
    press(fresh, "Reset")
    assert icers(ran(fresh)) == expected(hm.load_inputs("relapsed"))


@pytest.mark.parametrize(
    ("name", "end", "title"),
    [
        ("u_progression_free", "low", "Uncertainty"),
        ("c_lenalidomide_25mg_pack", "high", "Results"),
        ("horizon_years", "low", "Price"),
    ],
)
def test_no_allowed_input_makes_the_app_fail(name, end, title, fresh):
    headline = next(h for h in choices.headline_inputs(hm.load_inputs("relapsed")) if h.name == name)
    bound = getattr(headline, end)
    go(fresh, title)
    field(fresh, name).set_value(float(1e6 * headline.value if bound is None else bound))
    press(fresh, "Apply")
    assert whole(fresh).table or fresh.error


# --- confidential ----------------------------------------------------------------------------------------------------------


def test_a_confidential_price_is_shown_and_is_in_no_link_scenario_file_code_or_redacted_workbook(fresh):
    app = fresh
    app.selectbox(key="prices").set_value("confidential").run()
    app.number_input(key="confidential_discount").set_value(43.21).run()
    inputs = choices.priced(hm.load_inputs("relapsed"), "confidential", 43.21)
    assert icers(ran(app)) == expected(inputs) and len(icers(app)) == 3
    assert "Confidential" in text(app) and dict(app.query_params) == {}
    assert "43.21" not in str(sharing.link_query(inputs, {})) and "0.4321" not in choices.recipe(inputs, {})
    told = sharing.scenario_text(inputs, name="x", label="x", why="x")
    assert "0.4321" not in told and "confidential" not in told
    go(app, "Export")
    assert "[redacted]" not in text(app)
    assert any("redacted" in (b.label or "") for b in app.download_button)
    app.selectbox(key="prices").set_value("filed").run()
    assert len(icers(go(app, "Summary"))) == 2


def marked(inputs, name, value):
    parameter = replace(inputs.parameters[name], value=value, confidentiality="cic")
    return replace(inputs, parameters=MappingProxyType(dict(inputs.parameters) | {name: parameter}))


def test_a_parameter_that_is_marked_never_leaves_the_session():
    inputs = marked(hm.load_inputs("relapsed"), "c_lenalidomide_25mg_pack", 1234.5)
    edits = {"c_lenalidomide_25mg_pack": 1234.5, "u_progressed": 0.6}
    assert choices.is_private(inputs)
    assert sharing.link_query(inputs, edits) == {"problem": "relapsed", "u_progressed": "0.6"}
    assert "1234.5" not in sharing.scenario_text(inputs, name="x", label="x", why="x")
    assert "1234.5" not in choices.recipe(inputs, edits)
    covered = choices.redacted(parameter_table(inputs), inputs).set_index("Name")
    assert covered.loc["c_lenalidomide_25mg_pack", ["Value", "Note"]].to_list() == ["[REDACTED]", "[REDACTED]"]
    assert covered.loc["u_progressed", "Value"] == 0.64


@pytest.mark.parametrize(
    ("problem", "name", "covered"),
    [
        ("relapsed", f"median_os_{DEX}", [DEX]),
        ("relapsed", f"median_pfs_{LD}", [LD]),
        ("relapsed", "shape_os", [LD, DEX]),
        ("maintenance", "median_os_no_maintenance", ["lenalidomide_maintenance", "no_maintenance"]),
        ("maintenance", "hr_death_lenalidomide_maintenance", ["lenalidomide_maintenance", "no_maintenance"]),
    ],
)
def test_death_rates_that_give_a_confidential_number_of_survival_away_are_covered_with_it(problem, name, covered):
    """The median is solved for in a few steps by whoever has the rate that was derived from it."""
    filed = hm.load_inputs(problem)
    inputs = marked(filed, name, filed.parameters[name].value)
    inputs = choices.applied(inputs, edits := {name: 1.03 * inputs.parameters[name].value})
    rates = {f"r_death_progressed_{strategy}" for strategy in covered}
    assert set(confidential.marked(inputs)) == {name} | rates
    table = choices.redacted(parameter_table(inputs), inputs)
    told = [
        table.to_csv(),
        sharing.scenario_text(inputs, name="x", label="x", why="x"),
        sharing.scenario_text(inputs, name="x", label="x", why="x", with_curves=True),
        str(sharing.link_query(inputs, edits)),
        choices.recipe(inputs, edits),
    ]
    for secret in {name} | rates:
        parameter = inputs.parameters[secret]
        assert not any(str(parameter.value)[:7] in text or f"{parameter.value:.6g}" in text for text in told), secret
    assert (table.loc[table["Name"].isin({name} | rates), ["Value", "95% low", "95% high", "Note"]] == choices.REDACTED).all(
        axis=None
    )


def test_a_fitted_curve_goes_into_a_scenario_file_only_if_that_is_asked_for(fresh, fits_data):
    """And with it what could be worked out from: the death rates that were derived with it."""
    file, times, events = fits_data
    fitted = choices.applied(
        hm.load_inputs("relapsed"), {}, fitted=choices.FittedData("pfs", LD, "weibull", "months", times, events, file)
    )
    rate = f"r_death_progressed_{LD}"
    assert rate in confidential.marked(fitted)
    named = {"name": "x", "label": "x", "why": "x"}
    told, whole_told = (sharing.scenario_text(fitted, **named, with_curves=asked) for asked in (False, True))
    assert "fitted_curves" not in told and rate not in told
    again = sharing.read_scenario("x.toml", whole_told.encode(), hm.load_inputs("relapsed"))
    assert choices.is_private(again) and rate in confidential.marked(again)
    go(fresh, "Scenarios")
    fresh.session_state["scenarios_tab"] = "Save, load and share"
    fresh.run()
    uploaded(fresh, "load_scenario", "x.toml", whole_told.encode())
    go(fresh, "Summary")
    assert icers(ran(fresh)) == expected(fitted)
    assert field(fresh, f"median_pfs_{LD}", "relapsed/two_or_more_prior/x").disabled
    go(fresh, "Scenarios").session_state["scenarios_tab"] = "Save, load and share"
    fresh.run()
    assert text(fresh).count("the curve fitted to data of your own") == 2
    ran(fresh.checkbox(key="scenario_with_curves").check().run())
    (told,) = [w.value for w in fresh.warning if "Not in" in w.value]
    assert told.startswith(r"Not in the link\: the curve fitted to data of your own") and "the scenario of your own" in told


OFFER = """name = "offer"
problem = "relapsed"
label = "The offer"
why = "What was offered."
[settings.schemes.pas]
label = "A cap of 19 cycles"
drug = "lenalidomide"
kind = "drug_cost_cap"
drug_cost_cap_cycles = 19
"""


def offered(app):
    """The app with a scenario file loaded whose scheme has no mark."""
    go(app, "Scenarios").session_state["scenarios_tab"] = "Save, load and share"
    app.run()
    return uploaded(app, "load_scenario", "offer.toml", OFFER.encode())


def downloads(app):
    return [button.label for button in app.download_button if "redacted" in (button.label or "")]


@pytest.mark.parametrize(
    ("answer", "is_covered"), [("Yes: commercial in confidence", True), ("No: they are public", False)], ids=["cic", "none"]
)
def test_a_scheme_without_a_mark_is_asked_about_before_anything_is_called_redacted(fresh, answer, is_covered):
    offered(fresh)
    assert "Confidential" in text(ran(go(fresh, "Summary")))
    go(fresh, "Export")
    assert downloads(fresh) == []
    (asked,) = [radio for radio in fresh.radio if "confidential" in radio.label]
    assert "A cap of 19 cycles" in asked.label.replace("\\", "") and asked.value is None
    ran(asked.set_value(answer).run())
    assert not [radio for radio in fresh.radio if "confidential" in radio.label]
    assert bool(downloads(fresh)) == is_covered
    assert ("Confidential" in text(go(fresh, "Summary"))) == is_covered


def test_the_terms_of_a_confidential_scheme_are_in_no_link_scenario_file_code_or_file_name():
    base = hm.load_inputs("relapsed")
    scheme = base.settings.schemes["pas"].model_dump() | {"confidentiality": "cpas", "label": "Cap of 19"}
    inputs = base.with_settings(schemes={"pas": scheme | {"drug_cost_cap_cycles": 19}})
    edits = {"drug_cost_cap_cycles": 17, "u_progressed": 0.6}
    now = choices.applied(inputs, edits)
    assert choices.is_private(now) and now.settings.schemes["pas"].drug_cost_cap_cycles == 17
    assert sharing.link_query(now, edits) == {"problem": "relapsed", "u_progressed": "0.6"}
    assert len(sharing.left_out(now, edits)) == 2
    told = sharing.scenario_text(now, name="x", label="x", why="x")
    again = sharing.read_scenario("x.toml", told.encode(), hm.load_inputs("relapsed"))
    assert again.settings.price_arrangements == ["list"] and again.parameters["u_progressed"].value == 0.6
    for words in (told, choices.recipe(now, edits)):
        assert "17" not in words and "19" not in words.replace("c_lenalidomide", "") and "Cap of" not in words


def test_a_public_scheme_goes_with_its_mark_into_a_scenario_file():
    inputs = choices.applied(hm.load_inputs("relapsed"), {"drug_cost_cap_cycles": 20})
    told = sharing.scenario_text(inputs, name="x", label="x", why="x")
    again = sharing.read_scenario("x.toml", told.encode(), hm.load_inputs("relapsed"))
    assert again.hash == inputs.hash and not choices.is_private(again)


def test_data_of_ones_own_make_the_inputs_private(fits_data):
    file, times, events = fits_data
    fitted = choices.FittedData("pfs", LD, "weibull", "months", times, events, file)
    assert choices.is_private(choices.applied(hm.load_inputs("relapsed"), {}, fitted=fitted))
    assert not choices.is_private(hm.load_inputs("relapsed"))


# --- files and links -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("problem", "group", "name"),
    [
        ("relapsed", "one_prior", "dose_stepwise"),
        ("relapsed", None, "effect_waning"),
        ("maintenance", None, "maintenance_pfs_myeloma_xi"),
        ("first_line", "older_than_75", "first_line_price_discount"),
    ],
)
def test_a_scenario_file_gives_the_same_inputs_again(problem, group, name):
    inputs = hm.load_inputs(problem, population=group, scenario=name)
    inputs = choices.applied(inputs, {"u_progressed": 0.61, "discount_rate_costs": 1.5}).with_settings(thresholds="2009")
    told = sharing.scenario_text(inputs, name="mine", label='Mine "1"', why="Because\nof it")
    again = sharing.read_scenario("mine.toml", told.encode(), hm.load_inputs("relapsed"))
    assert (again.hash, again.population, again.scenario.label) == (inputs.hash, inputs.population, 'Mine "1"')


def test_a_scenario_that_is_loaded_is_shown_and_named(fresh):
    inputs = choices.applied(hm.load_inputs("maintenance"), {"u_progressed": 0.6})
    told = sharing.scenario_text(inputs, name="mine", label="Mine", why="Because")
    go(fresh, "Scenarios")
    fresh.session_state["scenarios_tab"] = "Save, load and share"
    fresh.run()
    uploaded(fresh, "load_scenario", "mine.toml", told.encode())
    go(fresh, "Summary")
    assert icers(ran(fresh)) == expected(inputs)
    assert "Scenario: Mine" in text(fresh)


def test_a_scenario_saved_under_the_name_of_one_in_the_list_is_not_taken_for_that():
    inputs = choices.applied(hm.load_inputs("relapsed"), {"u_progressed": 0.5})
    for label, name in (("Horizon 10 years", "my_horizon_10_years"), ("Base case", "my_base_case")):
        assert sharing.file_name(label, hm.load_inputs("relapsed")) == name
        told = sharing.scenario_text(inputs, name=name, label=label, why="Because")
        again = sharing.read_scenario(f"{name}.toml", told.encode(), hm.load_inputs("relapsed"))
        assert again.hash == inputs.hash
        assert sharing.link_query(again, {}) == {"problem": "relapsed"}
        assert sharing.left_out(again, {}) == [] and len(sharing.left_out_of_link(again, {})) == 1
        taken = told.replace(f'"{name}"', f'"{name.removeprefix("my_")}"')
        with pytest.raises(InputError, match=f'in the list.*name = "{name}"'):
            sharing.read_scenario("mine.toml", taken.encode(), hm.load_inputs("relapsed"))


def test_export_of_a_scenario_of_ones_own_has_code_that_reads_its_file(fresh, tmp_path, monkeypatch):
    inputs = choices.applied(hm.load_inputs("relapsed"), {"u_progressed": 0.6}).with_settings(thresholds="2009")
    told = sharing.scenario_text(inputs, name="mine", label="Mine", why="Because")
    go(fresh, "Scenarios").session_state["scenarios_tab"] = "Save, load and share"
    uploaded(fresh.run(), "load_scenario", "mine.toml", told.encode())
    app = ran(go(fresh, "Export"))
    assert "keep it as mine.toml" in text(app)
    (code,) = [c.value for c in app.code if "import hemodel" in c.value]
    (tmp_path / "mine.toml").write_text(told, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    names = {}
    exec(code, names)
    assert expected(names["inputs"]) == expected(inputs) and names["inputs"].settings.thresholds == "2009"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"name = 'x'\nproblem = 'relapsed'\nlabel = 'x'\nwhy = 'x'\n[parameters.u_progressed]\nvalue = 1.4", "not a utility"),
        (b"name = '../../evil'", "not a name"),
        (b"\xff\xfe", "not a text file"),
        (b"a = " + b"[" * 5_000, "not TOML"),
        (b"#" * 300_000, "at most"),
    ],
)
def test_a_bad_scenario_file_is_refused_in_words(content, said):
    with pytest.raises(InputError, match=said):
        sharing.read_scenario("x.toml", content, hm.load_inputs("relapsed"))


def test_a_link_shows_the_same_inputs_again_and_bad_parts_are_refused_one_by_one():
    inputs = choices.applied(hm.load_inputs("relapsed", scenario="horizon_10_years"), {"u_progressed": 0.6})
    query = sharing.link_query(inputs, {"u_progressed": 0.6})
    app = ran(opened(**query))
    assert icers(app) == expected(inputs)
    app = ran(opened(u_progressed="0.6", horizon_years="abc", population="nobody", nonsense="1", problem="relapsed"))
    assert icers(app) == expected(hm.load_inputs("relapsed").with_values(u_progressed=0.6))
    assert text(app).count("Not taken from the link") == 3
    app = opened(u_progressed="7")
    assert "is not a utility" in whole(app).error[0].value


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("drug_cost_cap_cycles", "-5"),
        ("drug_cost_cap_cycles", "0"),
        ("drug_cost_cap_cycles", "2.7"),
        ("drug_cost_cap_cycles", "10001"),
        ("discount_rate_costs", "-1"),
        ("discount_rate_effects", "101"),
        ("horizon_years", "0"),
        ("horizon_years", "0.01"),
        ("horizon_years", "1e300"),
    ],
)
def test_a_choice_about_the_model_that_it_cannot_make_is_refused(name, told):
    arrived = sharing.read_link({name: told, "u_progressed": "0.6"})
    assert arrived.edits == {"u_progressed": 0.6}
    assert len(arrived.refused) == 1 and f"{name} '{told}': it is a " in arrived.refused[0]
    with pytest.raises(InputError, match=name):
        choices.applied(hm.load_inputs("relapsed"), {name: float(told)})


def test_a_choice_that_a_link_may_make_is_taken():
    asked = {"drug_cost_cap_cycles": "20", "horizon_years": "0.5", "discount_rate_costs": "100"}
    arrived = sharing.read_link(asked)
    assert arrived.edits == {name: float(value) for name, value in asked.items()} and not arrived.refused
    assert sharing.read_link({"problem": "maintenance", "drug_cost_cap_cycles": "20"}).edits == {"drug_cost_cap_cycles": 20.0}


def test_the_link_of_the_page_is_the_link_of_the_inputs(fresh):
    field(fresh, "u_progressed").set_value(0.6)
    press(fresh, "Apply")
    go(fresh, "Scenarios")
    fresh.session_state["scenarios_tab"] = "Save, load and share"
    told = next(c.value for c in fresh.run().code if "problem=" in c.value)
    assert dict(parse_qsl(told.partition("?")[2])) == {"problem": "relapsed", "u_progressed": "0.6"}


@cache
def base_workbook():
    return workbook_bytes(hm.run_base_case(hm.load_inputs("relapsed")))


def sheet(**changes):
    """A workbook of the base case with other values on its sheet Inputs."""
    book = openpyxl.load_workbook(io.BytesIO(base_workbook()))
    for row in book["Inputs"].iter_rows():
        for name, value in changes.items():
            if row[1].value == name:
                row[3].value = value
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


def test_an_edited_workbook_changes_what_was_edited_and_nothing_else():
    inputs = hm.load_inputs("relapsed")
    found = inputs_sheet.read_sheet("book.xlsx", sheet(u_progressed=0.5, c_terminal_care="£9,000.50"))
    assert choices.sheet_edits(inputs, found) == {"u_progressed": 0.5, "c_terminal_care": 9000.5}
    now = {name: parameter.value for name, parameter in inputs.parameters.items()}
    told = inputs_sheet.listed(list(now), list(now.values())).encode()
    assert choices.sheet_edits(inputs, inputs_sheet.read_sheet("a.csv", told)) == {}


def live_sheet(*rows):
    """A sheet Inputs as the live workbook has it: choices among the parameters, each beside what was exported."""
    book, content = openpyxl.Workbook(), io.BytesIO()
    book.active.title = "Inputs"
    for row in (("Inputs",), ("Parameter", "Name", "Unit", "Value", "Exported value", "Exported unit"), ("Choices",), *rows):
        book.active.append(row)
    book.save(content)
    return content.getvalue()


def test_choices_in_the_sheet_of_a_live_workbook_are_taken_where_they_can_be_edited():
    inputs = hm.load_inputs("relapsed")
    utility = ("Utility", "u_progressed", "utility", 0.5, 0.64, "utility")
    same = ("Time", "time_in_state", "rule", "life_table", "life_table", "rule")
    rate = ("Rate", "discount_rate_costs", "a year", 0.015, 0.035, "a year")
    cap = ("Cap", "pas_drug_cost_cap_cycles", "cycles", 20, 26, "cycles")
    found = choices.sheet_edits(inputs, inputs_sheet.read_sheet("live.xlsx", live_sheet(same, rate, cap, utility)))
    assert found == {"u_progressed": 0.5, "discount_rate_costs": 1.5, "drug_cost_cap_cycles": 20}
    other = ("Time", "time_in_state", "rule", "start", "life_table", "rule")
    with pytest.raises(InputError, match="choice about the model"):
        choices.sheet_edits(inputs, inputs_sheet.read_sheet("live.xlsx", live_sheet(other, utility)))
    months = ("Median", "median_os_dexamethasone", "years", 1.25, 11.6, "months")
    found = choices.sheet_edits(inputs, inputs_sheet.read_sheet("live.xlsx", live_sheet(months, utility)))
    assert found == {"u_progressed": 0.5, "median_os_dexamethasone": 15.0}
    with pytest.raises(InputError, match=r"u_progressed\): 'percent' is not its unit. Write utility"):
        given = live_sheet(("Utility", "u_progressed", "percent", 50, 0.64, "utility"))
        choices.sheet_edits(inputs, inputs_sheet.read_sheet("live.xlsx", given))
    with pytest.raises(InputError, match="the unit of a choice was changed"):
        inputs_sheet.read_sheet("live.xlsx", live_sheet(("Rate", "discount_rate_costs", "a month", 0.015, 0.035, "a year")))


def test_an_edited_sheet_is_confirmed_before_it_counts(fresh):
    go(fresh, "Inputs")
    uploaded(fresh, "inputs_upload", "edited.csv", b"name,value\nu_progressed,0.5\nc_terminal_care,9000\n", "text/csv")
    assert differences(ran(fresh)) is not None and fresh.session_state["edits"] == {}
    press(fresh, "Put these values in place")
    edited = hm.load_inputs("relapsed").with_values(u_progressed=0.5, c_terminal_care=9000.0)
    assert icers(go(ran(fresh), "Summary")) == expected(edited)
    go(fresh, "Inputs")
    press(fresh, "Put back")
    assert set(fresh.session_state["edits"]) == {"c_terminal_care"}


def packed(**parts):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            archive.writestr(name.replace("__", "/") + ".xml", data)
    return content.getvalue()


def other_sheet():
    book, content = openpyxl.Workbook(), io.BytesIO()
    book.save(content)
    return content.getvalue()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"PK" + b"0" * 100, "not an Excel workbook"),
        (packed(hello=b"x"), "not an Excel workbook"),
        (packed(xl__workbook=b"0" * 70_000_000), "unpack"),
        (packed(xl__workbook=b"<?xml version='1.0'?><!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>"), "definitions"),
        (other_sheet(), "no sheet Inputs"),
        (b"0" * 21_000_000, "at most"),
        (b"\xff\xfe\x00", "neither a workbook"),
        (b"name,value\nu_progressed,=1+1\n", "not a number"),
        (b"name,value\nu_progressed,nan\n", "not a number"),
        (b"a;b\n1;2\n", "not separated by commas"),
        (sheet(u_progressed="=HYPERLINK(0)"), "a formula without a stored value"),
        (sheet(u_progressed=True), "not a number"),
    ],
    ids=[
        "damaged",
        "no_book",
        "bomb",
        "entities",
        "other_sheet",
        "large",
        "binary",
        "formula",
        "nan",
        "semicolons",
        "live",
        "truth",
    ],
)
def test_a_hostile_upload_gets_a_message(content, said):
    with pytest.raises(InputError, match=said):
        inputs_sheet.read_sheet("upload", content)


def test_a_hostile_upload_changes_nothing(fresh):
    go(fresh, "Inputs")
    uploaded(fresh, "inputs_upload", "../<b>evil.xlsx", b"PK\x03\x04nonsense", "application/zip")
    assert "not an Excel workbook" in whole(fresh).error[0].value and "Nothing was changed" in text(fresh)
    assert fresh.session_state["edits"] == {}
    with pytest.raises(InputError, match="not inputs of this model"):
        inputs_sheet.changes({"x_y": 1.0}, {"u_progressed": 0.6}, "Give another")


@pytest.fixture(scope="module")
def fits_data():
    """Times in months and events of 60 people, exponential, in equal steps of probability."""
    times = (-18.0 * np.log(1 - (np.arange(60) + 0.5) / 60)).round(3)
    return "mine.csv", tuple(np.minimum(times, 40.0).tolist()), tuple((times < 40.0).astype(float).tolist())


def test_a_curve_fitted_to_an_upload_takes_the_place_of_the_median_and_can_be_taken_back(fresh, fits_data):
    file, times, events = fits_data
    told = "time,event\n" + "".join(f"{t},{int(e)}\n" for t, e in zip(times, events, strict=True))
    go(fresh, "Clinical")
    uploaded(fresh, "survival_upload", file, told.encode(), "text/csv")
    fresh.selectbox(key="fit_family").set_value("exponential").run()
    press(ran(fresh), "Use this curve in the model")
    fitted = choices.FittedData("pfs", LD, "exponential", "months", times, events, file)
    assert fresh.session_state["fitted"] == fitted
    assert field(fresh, "median_pfs_lenalidomide_dexamethasone").disabled
    press(go(fresh, "Clinical"), "Back to the published curve")
    assert icers(go(fresh, "Summary")) == expected(hm.load_inputs("relapsed"))
    go(fresh, "Clinical")
    uploaded(fresh, "survival_upload", "bad.csv", b"time,event\n1,1\n-2,yes\n", "text/csv")
    assert "not a number" in whole(fresh).error[0].value


# --- long runs -------------------------------------------------------------------------------------------------------------


def test_a_long_run_goes_on_in_the_background_and_its_tables_are_shown(fresh):
    go(fresh, "Uncertainty")
    fresh.session_state["uncertainty_tab"] = "More draws"
    press(ran(fresh.run()), "Run them")
    waited(whole(fresh))
    assert any("100,000 draws" in m.value for m in ran(fresh).markdown)


def test_a_run_that_is_cancelled_or_that_nobody_waits_for_stops_at_its_next_step():
    run = background.Run("x", "1", 10)
    run.advance()
    background.cancel(run)
    with pytest.raises(background.Cancelled):
        run.advance()
    left = background.Run("x", "1", 10, asked=-1e9)
    with pytest.raises(background.Cancelled):
        left.advance()


def under_way(app, name, identity):
    """A run of the session that has not ended and is at no next step."""
    run = background.Run("A run", identity, 0, asked=-1e9, future=Future())
    run.future.set_running_or_notify_cancel()
    app.session_state["runs"] = {name: run}
    return run


def at_tab(app, tab):
    go(app, "Uncertainty").session_state["uncertainty_tab"] = tab
    return ran(app.run())


def test_cancel_gives_the_page_back_at_once_and_does_not_wait_for_the_run(fresh):
    go(fresh, "Uncertainty")
    run = under_way(fresh, "sobol", results.identity(hm.load_inputs("relapsed")))
    at_tab(fresh, "All together (Sobol')")
    assert "Work out Sobol' indices (a few seconds)" not in [button.label for button in fresh.button]
    press(fresh, "Cancel")
    assert run.stop.is_set() and fresh.session_state["runs"] == {}
    assert "Work out Sobol' indices (a few seconds)" in [button.label for button in ran(fresh).button]


def test_a_run_goes_on_while_another_page_is_read_and_is_found_again_with_what_was_chosen(fresh):
    at_tab(fresh, "More draws")
    fresh.session_state["more_draws"] = 250_000
    run = under_way(fresh, "more_draws", f"{results.identity(hm.load_inputs('relapsed'))}/250000")
    ran(fresh.run())
    for title in ("Summary", "Inputs"):
        run.asked = -1e9
        ran(go(fresh, title))
        run.advance()  # a session that is open
    at_tab(fresh, "More draws")
    assert fresh.session_state["runs"] == {"more_draws": run} and not run.stop.is_set()
    assert fresh.session_state["more_draws"] == 250_000


def verdicts(app):
    """Badges of the app, and the verdicts of its tables of checks by id."""
    tables = [t.value for t in app.table if "Verdict" in t.value.columns]
    return text(app), {i: verdict for t in tables for i, verdict in zip(t["Check"], t["Verdict"], strict=True)}


def test_the_checks_are_run_by_their_button_on_the_inputs_that_are_shown(fresh):
    go(fresh, "Verification")
    press(ran(fresh), "Run the checks")
    words, found = verdicts(ran(waited(whole(fresh))))
    table = verification.verify(hm.load_inputs("relapsed")).table
    assert found == dict(zip(table["id"], table["verdict"], strict=True))
    assert ":green-badge[Checks passed]" in words
    assert ":green-badge[Checks passed]" in text(ran(go(fresh, "Summary")))


def test_a_check_that_fails_is_shown_as_failed_and_under_no_green_badge(fresh, monkeypatch):
    check = next(c for c in verification.CHECKS if c.id == "R8")
    failing = replace(check, does=lambda _subject: findings.Finding(findings.FAIL, "this", "that"))
    monkeypatch.setattr(verification, "CHECKS", (verification.CHECKS[0], failing))
    go(fresh, "Verification")
    press(ran(fresh), "Run the checks")
    words, found = verdicts(ran(waited(whole(fresh))))
    assert found["R8"] == "fail"
    for shown in (words, text(ran(go(fresh, "Summary")))):
        assert ":red-badge[A check failed]" in shown
        assert "green-badge[Checks" not in shown


# --- words, code, workbook -------------------------------------------------------------------------------------------------


def test_recipe_gives_the_number_on_the_screen():
    edits = {"median_os_dexamethasone": 15.0, "drug_cost_cap_cycles": 20.0, "discount_rate_costs": 1.5, "u_progressed": 0.6}
    filed = hm.load_inputs("relapsed", population="two_or_more_prior", scenario="utilities_0_67_0_63").with_settings(
        thresholds="2009"
    )
    inputs = choices.applied(filed, edits)
    names = {}
    exec(choices.recipe(inputs, edits), names)
    assert names["result"].icer("pas") == hm.run_base_case(inputs).icer("pas")
    assert names["result"].inputs.settings.threshold_values == (20_000.0, 30_000.0)
    assert choices.recipe(hm.load_inputs("relapsed"), {}).count("\n") == 4


def test_two_inputs_are_never_taken_for_each_other():
    """One set of numbers can come about in two ways; labels and manifest must say which."""
    scenario = hm.load_inputs("relapsed", scenario="horizon_10_years")
    edited = hm.load_inputs("relapsed").with_settings(horizon_years=10.0)
    assert scenario.hash == edited.hash
    assert results.identity(scenario) != results.identity(edited)


@pytest.mark.parametrize(
    ("price", "verdict"),
    [(4_368.0, "**Not cost-effective** at £25,000 or £35,000"), (0.0, "**Cost-effective** at £25,000 or £35,000")],
)
def test_verdict_says_what_the_net_benefit_says(price, verdict):
    base = hm.run_base_case(hm.load_inputs("relapsed").with_values(c_lenalidomide_25mg_pack=price))
    assert verdict in show.verdict(base, "list", LD)


def test_verdict_between_the_thresholds_names_both():
    base = hm.run_base_case(hm.load_inputs("relapsed").with_values(c_lenalidomide_25mg_pack=2_700.0))
    assert 25_000 < base.icer("list") < 35_000
    assert "**Cost-effective** at £35,000 per QALY, **not** at £25,000" in show.verdict(base, "list", LD)


@pytest.mark.parametrize("price", [0.0, 600.0, 1_500.0, 2_000.0, 4_368.0])
def test_of_three_strategies_the_one_of_highest_net_benefit_is_cost_effective_and_the_others_are_not(price):
    base = hm.run_base_case(hm.load_inputs("first_line").with_values(c_lenalidomide_25mg_pack=price))
    names, settings = base.outcomes.strategies, base.inputs.settings
    for arrangement in settings.price_arrangements:
        costs, qalys = base.outcomes.total_costs(arrangement)[:, 0], base.outcomes.total_qalys[:, 0]
        best = [names[int(np.argmax(t * qalys - costs))] for t in settings.threshold_values]
        for name in names[:2]:
            said = show.verdict(base, arrangement, name)
            assert said.count("**Cost-effective**") == (name in best)
            for other in {found for found in best if found != name}:
                assert labels.in_sentence(labels.strategy_label(settings, other)) in said.partition("** at")[2]


def test_nothing_in_a_text_is_taken_for_markdown():
    assert show.plain("2 * 3_4 [a](b) ~x~ $y$ :red[z] <b>") == r"2 \* 3\_4 \[a\](b) \~x\~ \$y\$ \:red\[z\] \<b\>"


def test_workbook_of_the_screen_opens_and_holds_the_number_on_it():
    inputs = choices.applied(hm.load_inputs("relapsed"), {"u_progressed": 0.6})
    book = openpyxl.load_workbook(io.BytesIO(results.workbook(inputs)()))
    cells = {cell.value for row in book["Summary"].iter_rows() for cell in row}
    found = [cell for cell in cells if isinstance(cell, float)]
    assert any(value == pytest.approx(hm.run_base_case(inputs).icer("pas"), rel=1e-12) for value in found)
    assert "Scenarios" not in book.sheetnames  # they start from the inputs in the files, which these are not
