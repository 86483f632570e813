"""The app shows what the Python interface gives, and nothing a user can choose or type makes it fail.

Pitfalls: percent taken for fractions; a form that changes the screen but not the model; survival that stays where it was when
a median is changed; an edit that silently outlives the population it was made for; a scenario offered to a population whose
numbers it does not hold for; results of one set of inputs shown for another (a cache keyed too narrowly); bounds kept in a
second table; a traceback instead of a message; text taken for Markdown.
"""

import io
from pathlib import Path

import openpyxl
import pytest
from streamlit.testing.v1 import AppTest

import hemodel as hm
from hemodel.analyses.calibration import calibrated
from hemodel.app import choices, front, pages, results
from hemodel.evidence.settings import Settings
from hemodel.report import labels

ROOT = Path(__file__).parent.parent.parent
BASE = ("two_or_more_prior", "base_case")
LD, DEX = "lenalidomide_dexamethasone", "dexamethasone"


def opened(path="app.py", tab=None):
    app = AppTest.from_file(str(ROOT / path), default_timeout=60)
    if tab is not None:
        app.session_state["tab"] = tab
    return whole(app.run())


@pytest.fixture(scope="module")
def used():
    """An app that has been in use: opened once, for tests that set all they look at."""
    return opened()


def whole(app):
    """The app, after making sure that nothing went wrong in it."""
    assert [error.value for error in app.exception] == []
    return app


def ran(app):
    """The app that has an answer."""
    assert [error.value for error in whole(app).error] == []
    return app


def field(app, name, place=BASE):
    round_ = app.session_state["round"]
    return app.number_input(key=f"{name}/{'/'.join(place)}/{round_}")


def press(app, label):
    return next(button for button in app.button if button.label == label).click().run()


def icers(app):
    return [metric.value for metric in app.metric]


def expected(inputs):
    result = hm.run_base_case(inputs)
    return [labels.gbp(result.icer(price)) for price in result.outcomes.price_arrangements]


def text(app):
    return "\n".join(element.value for kind in (app.markdown, app.caption, app.info, app.warning) for element in kind)


def differences(app):
    return next((t.value for t in app.table if list(t.value.columns) == ["Input", "Base case", "Now", "Difference"]), None)


@pytest.mark.parametrize("path", ["app.py", "hemodel/app/front.py"])
def test_page_opens_with_the_base_case_of_the_python_interface(path):
    app = ran(opened(path))
    assert icers(app) == expected(hm.load_inputs("relapsed"))
    assert "Is lenalidomide + dexamethasone cost-effective" in text(app)
    assert differences(app) is None


@pytest.mark.parametrize("tab", front.TABS)
def test_every_tab_can_be_drawn(tab, used):
    used.session_state["tab"] = tab
    app = ran(used.run())
    drawn = len(app.table) + len(app.get("arrow_vega_lite_chart"))
    assert drawn > 0


@pytest.mark.parametrize(
    ("population", "scenario"),
    [
        ("two_or_more_prior", "partitioned_survival"),
        ("two_or_more_prior", "dexamethasone_os_hr_0_66"),
        ("one_prior", "base_case"),
        ("pooled_trials", "treatment_until_ttp"),
        ("thalidomide_exposed", "utilities_third_line"),
        ("one_prior", "no_scheme"),
    ],
)
def test_population_and_scenario_give_the_number_of_the_python_interface(population, scenario, used):
    app = used
    app.session_state["tab"] = "Answer"
    app.selectbox(key="population").set_value(population).run()
    app.selectbox(key=f"scenario/{population}").set_value(scenario).run()
    inputs = hm.load_inputs("relapsed", population=population, scenario=scenario)
    assert icers(ran(app)) == expected(inputs)
    assert pages.plain(inputs.scenario.why) in text(app)


@pytest.mark.parametrize("population", ["two_or_more_prior", "pooled_trials", "one_prior", "thalidomide_exposed"])
def test_scenarios_of_other_populations_are_not_offered(population, used):
    app = used
    app.selectbox(key="population").set_value(population).run()
    found = hm.run_scenarios("relapsed", population=population)
    offered = app.selectbox(key=f"scenario/{population}").options
    assert offered == [result.inputs.scenario.label for result in found.results]
    assert (f"{len(found.not_applicable)} scenarios hold for other populations only" in text(app)) == bool(found.not_applicable)


def test_a_scenario_that_does_not_hold_for_a_new_population_gives_way_to_its_base_case():
    app = opened()
    app.selectbox(key="scenario/two_or_more_prior").set_value("dexamethasone_os_hr_0_44").run()
    app.selectbox(key="population").set_value("one_prior").run()
    assert icers(ran(app)) == expected(hm.load_inputs("relapsed", population="one_prior"))
    assert "this is the base case" in text(app)


def test_a_scenario_that_holds_is_kept_when_the_population_changes():
    app = opened()
    app.selectbox(key="scenario/two_or_more_prior").set_value("horizon_10_years").run()
    app.selectbox(key="population").set_value("one_prior").run()
    assert icers(ran(app)) == expected(hm.load_inputs("relapsed", population="one_prior", scenario="horizon_10_years"))


def test_apply_gives_the_number_of_the_python_interface_for_all_inputs_at_once():
    app = opened()
    values = {
        "median_pfs_lenalidomide_dexamethasone": 12.0,
        "median_pfs_dexamethasone": 22.0,
        "median_os_lenalidomide_dexamethasone": 40.0,
        "median_os_dexamethasone": 15.0,
        "u_progression_free": 0.75,
        "u_progressed": 0.6,
        "c_lenalidomide_25mg_pack": 3_000.0,
    }
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
    assert icers(app) != expected(hm.load_inputs("relapsed"))
    assert "derived anew" in text(app)


def test_nothing_changes_before_apply():
    app = opened()
    field(app, "c_lenalidomide_25mg_pack").set_value(100.0).run()
    assert icers(ran(app)) == expected(hm.load_inputs("relapsed"))


def test_discount_rates_typed_in_percent_give_the_scenario_that_writes_them_as_fractions():
    app = opened()
    for name in ("discount_rate_costs", "discount_rate_effects"):
        assert field(app, name).value == 3.5
        field(app, name).set_value(1.5)
    press(app, "Apply")
    assert icers(ran(app)) == expected(hm.load_inputs("relapsed", scenario="discount_1_5_percent"))


def test_model_meets_the_median_survival_that_was_typed_in():
    inputs = choices.applied(hm.load_inputs("relapsed"), {"median_os_dexamethasone": 19.5})
    found = hm.run_base_case(inputs).against_source.set_index(["strategy", "outcome"])["model"]
    assert found[DEX, "median_os"] == pytest.approx(19.5, abs=1e-6)


def test_typing_the_median_of_a_scenario_gives_the_result_of_the_scenario():
    """The scenario holds its own death rate after progression, derived to six digits."""
    inputs = choices.applied(hm.load_inputs("relapsed"), {"median_os_dexamethasone": 19.5})
    filed = hm.load_inputs("relapsed", scenario="dexamethasone_os_19_5_months")
    assert hm.run_base_case(inputs).icer("pas") == pytest.approx(hm.run_base_case(filed).icer("pas"), rel=1e-5)


def test_a_horizon_shorter_than_survival_can_be_combined_with_a_changed_median():
    app = opened()
    field(app, "median_os_dexamethasone").set_value(12.0)
    field(app, "horizon_years").set_value(1.0)
    press(app, "Apply")
    inputs = calibrated(hm.load_inputs("relapsed").with_values(median_os_dexamethasone=12.0)).with_settings(horizon_years=1.0)
    assert icers(ran(app)) == expected(inputs)


def test_apply_without_a_change_changes_nothing_though_the_screen_rounds():
    app = opened()
    app.selectbox(key="population").set_value("thalidomide_exposed").run()  # 7.61792 months, shown as 7.62
    press(app, "Apply")
    assert icers(ran(app)) == expected(hm.load_inputs("relapsed", population="thalidomide_exposed"))
    assert "Changed by hand" not in text(app) and app.session_state["edits"] == {}


def test_reset_brings_back_the_values_in_the_files():
    app = opened()
    field(app, "u_progressed").set_value(0.5)
    press(app, "Apply")
    assert icers(app) != expected(hm.load_inputs("relapsed"))
    press(app, "Reset")
    assert icers(ran(app)) == expected(hm.load_inputs("relapsed"))
    assert field(app, "u_progressed").value == 0.64
    assert differences(app) is None


def test_banner_lists_what_differs_from_the_base_case_and_by_how_much():
    app = opened()
    field(app, "u_progressed").set_value(0.48)
    field(app, "horizon_years").set_value(20.0)
    press(app, "Apply")
    rows = {row["Input"]: list(row)[1:] for _, row in differences(ran(app)).iterrows()}
    assert rows["Utility after progression"] == ["0.64 utility", "0.48 utility", r"-0.16 (-25.0%)"]
    assert rows["Horizon"][:2] == ["30 years (391 cycles of 28 days)", "20 years (261 cycles of 28 days)"]
    assert len(rows) == 2
    base = hm.run_base_case(hm.load_inputs("relapsed"))
    assert f"base case: {labels.gbp(base.icer('list'))}" in text(app).replace("\\", "")


def test_an_edit_stays_when_the_population_changes_unless_that_has_a_value_of_its_own():
    app = opened()
    field(app, "c_lenalidomide_25mg_pack").set_value(3_000.0)
    field(app, "median_pfs_lenalidomide_dexamethasone").set_value(12.0)
    press(app, "Apply")
    app.selectbox(key="population").set_value("one_prior").run()
    assert icers(ran(app)) == expected(
        hm.load_inputs("relapsed", population="one_prior").with_values(c_lenalidomide_25mg_pack=3_000.0)
    )
    assert "No longer changed" in text(app) and "Median progression-free survival, lenalidomide" in text(app)


def test_thresholds_preset_reaches_the_words_and_the_tables():
    app = opened()
    app.radio(key="thresholds").set_value("2009").run()
    assert "£20,000 or £30,000 per QALY" in text(ran(app))
    app.session_state["tab"] = "Scenarios"
    headings = [column for t in ran(app.run()).table for column in t.value.columns]
    assert any("20,000" in heading for heading in headings)
    assert not any("25,000" in heading for heading in headings)


def test_an_input_that_a_scenario_does_not_use_is_switched_off_and_says_why():
    app = opened()
    for scenario in ("equal_post_progression_mortality", "dexamethasone_os_hr_0_66"):
        app.selectbox(key="scenario/two_or_more_prior").set_value(scenario).run()
        assert field(app, "median_os_dexamethasone", ("two_or_more_prior", scenario)).disabled
        assert "Not used in this scenario" in text(app)
        inputs = hm.load_inputs("relapsed", scenario=scenario)
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


def test_impossible_input_is_explained_in_words_and_can_be_taken_back():
    app = opened()
    field(app, "u_progressed").set_value(1.0)
    press(app, "Apply")
    assert len(whole(app).error) == 1
    assert "Utility after progression" in app.error[0].value and "u_progressed" not in app.error[0].value
    assert len(app.metric) == 0
    press(app, "Reset")
    assert icers(ran(app)) == expected(hm.load_inputs("relapsed"))


def test_medians_that_no_death_rate_can_meet_are_explained():
    app = opened()
    field(app, "median_os_dexamethasone").set_value(1.0)
    press(app, "Apply")
    assert "no rate" in whole(app).error[0].value


@pytest.mark.parametrize("place", range(11))
def test_no_allowed_input_makes_the_app_fail(place, used):
    headline = choices.headline_inputs(hm.load_inputs("relapsed"))[place]
    low = headline.value if headline.low is None else headline.low
    high = 1e6 * max(headline.value, 1.0) if headline.high is None else headline.high
    app = used
    app.selectbox(key="population").set_value("two_or_more_prior").run()
    app.selectbox(key="scenario/two_or_more_prior").set_value("base_case").run()
    for value, tab in ((low, "Uncertainty"), (high, "Answer")):
        app.session_state["tab"] = tab
        field(app, headline.name).set_value(int(value) if headline.is_whole else float(value))
        press(app, "Apply")
        whole(app)
        assert tab == "Uncertainty" or app.metric or app.error
    press(app, "Reset")


def test_recipe_gives_the_number_on_the_screen():
    edits = {"median_os_dexamethasone": 15.0, "drug_cost_cap_cycles": 20.0, "discount_rate_costs": 1.5, "u_progressed": 0.6}
    filed = hm.load_inputs("relapsed", population="two_or_more_prior", scenario="utilities_0_67_0_63").with_settings(
        thresholds="2009"
    )
    inputs = choices.applied(filed, edits)
    names = {}
    exec(choices.recipe(inputs, edits), names)
    assert names["result"].icer("pas") == hm.run_base_case(inputs).icer("pas")
    assert names["result"].inputs.settings.thresholds_gbp == (20_000.0, 30_000.0)


def test_recipe_of_the_base_case_is_three_lines_long():
    inputs = hm.load_inputs("relapsed")
    assert choices.recipe(inputs, {}).count("\n") == 4


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
    assert verdict in pages.verdict(base, "list", LD)


def test_verdict_between_the_thresholds_names_both():
    base = hm.run_base_case(hm.load_inputs("relapsed").with_values(c_lenalidomide_25mg_pack=2_700.0))
    assert 25_000 < base.icer("list") < 35_000
    assert "**Cost-effective** at £35,000 per QALY, **not** at £25,000" in pages.verdict(base, "list", LD)


def test_nothing_in_a_text_is_taken_for_markdown():
    assert pages.plain("2 * 3_4 [a](b) ~x~ $y$ :red[z] <b>") == r"2 \* 3\_4 \[a\](b) \~x\~ \$y\$ \:red\[z\] \<b\>"


def test_workbook_of_the_screen_opens_and_holds_the_number_on_it():
    inputs = choices.applied(hm.load_inputs("relapsed"), {"u_progressed": 0.6})
    book = openpyxl.load_workbook(io.BytesIO(results.workbook(inputs)))
    cells = {cell.value for row in book["Summary"].iter_rows() for cell in row}
    found = [cell for cell in cells if isinstance(cell, float)]
    assert any(value == pytest.approx(hm.run_base_case(inputs).icer("pas"), rel=1e-12) for value in found)
    assert "Scenarios" not in book.sheetnames  # they start from the inputs in the files, which these are not
    assert "Scenarios" in openpyxl.load_workbook(io.BytesIO(results.workbook(hm.load_inputs("relapsed")))).sheetnames
