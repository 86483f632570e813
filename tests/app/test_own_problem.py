"""A decision problem of one's own in the app. Pitfalls: the answer of the packaged problem under the name of one's own, a link that
names what only this session has, a refused zip that changes something, thresholds of the problem shown before.
"""

import io
import zipfile
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

import hemodel as hm
from hemodel.app import choices, front, sharing
from hemodel.app.sidebar import OWN_FOLDER
from hemodel.evidence.inputs import inputs_of
from hemodel.evidence.zipped import unzipped
from tests.evidence.test_currency import folder
from tests.evidence.test_zipped import members, packed

ROOT = Path(__file__).parent.parent.parent


def shown(app):
    return app.session_state["screen"].inputs


@pytest.fixture(scope="module")
def mine():
    """A copy of the packaged problem under its own name, with another horizon and money in euros."""
    terms = 'currency = "EUR"\nthresholds = [20000, 80000]'
    return folder(terms)


def test_a_zip_is_one_more_problem_of_the_session_with_its_own_numbers_and_thresholds(mine):
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120).run()
    app.switch_page(str(front.path_of("Scenarios"))).run()
    assert not app.exception
    app.session_state["scenarios_tab"] = "Save, load and share"
    app.run()
    new = {'thresholds = "2026" ': "thresholds = [20000, 80000]\n#", "horizon_years = 30.0": "horizon_years = 9.0"}
    found = []
    for name, text in members("relapsed"):
        for old, other in new.items():
            text = text.replace(old, other)
        found.append((name, text))
    uploader = next(u for u in app.file_uploader if u.key.startswith("load_folder"))
    uploader.upload("mine.zip", packed(found), "application/zip")
    app.run()
    assert not app.exception
    now = shown(app)
    assert (now.settings.horizon_years, now.settings.threshold_values) == (9.0, (20_000.0, 80_000.0))
    problem = next(box for box in app.selectbox if box.label == "Decision problem")
    assert problem.value == OWN_FOLDER
    problem.set_value("relapsed").run()
    assert (shown(app).settings.horizon_years, shown(app).settings.thresholds) == (30.0, "2026")
    next(box for box in app.selectbox if box.label == "Decision problem").set_value(OWN_FOLDER).run()
    assert (shown(app).settings.horizon_years, shown(app).settings.threshold_values) == (9.0, (20_000.0, 80_000.0))


def test_a_link_names_no_problem_that_only_this_session_has_and_says_so(mine):
    assert "problem" not in sharing.link_query(mine, {})
    assert any("decision problem of your own" in text for text in sharing.left_out_of_link(mine, {}))


def test_edits_do_not_stay_between_a_problem_and_a_copy_of_it_of_ones_own(mine):
    assert choices.kept({"u_progressed": 0.5}, hm.load_inputs("relapsed"), mine) == {}


def test_a_scenario_file_is_read_onto_the_problem_of_ones_own(mine):
    text = sharing.scenario_text(mine.with_settings(horizon_years=10.0), name="short", label="Short", why="A what-if.")
    again = sharing.read_scenario("short.toml", text.encode(), mine)
    assert again.settings.currency == "EUR" and again.settings.horizon_years == 10.0


@pytest.mark.parametrize("problem", ["relapsed", "maintenance", "first_line"])
def test_headline_inputs_are_those_of_the_files(problem):
    inputs = hm.load_inputs(problem)
    names = [headline.name for headline in choices.headline_inputs(inputs)]
    assert {f"median_{c}_{s}" for c in ("pfs", "os") for s in inputs.settings.strategy_names} & set(inputs.parameters) <= set(
        names
    )
    assert {name for drug in inputs.priced_drugs for name, adds in inputs.prices(drug).items() if adds > 0} <= set(names)
    assert {"u_progression_free", "u_progressed"} <= set(names)


def test_presets_are_offered_for_pounds_alone(mine):
    assert list(choices.thresholds_offered(mine.settings)) == ["filed"]
    assert list(choices.thresholds_offered(hm.load_inputs("relapsed").settings)) == ["2026", "2009"]


def test_money_of_the_form_takes_the_steps_of_money_in_any_currency(mine):
    found = {headline.name: headline for headline in choices.headline_inputs(mine)}
    assert found["c_lenalidomide_25mg_pack"].step == 100.0


def test_what_is_saved_is_a_zip_of_the_folder(mine):
    from hemodel.evidence.zipped import zipped

    content = zipped(mine.folder)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert "mine/settings.toml" in archive.namelist()
    assert inputs_of(unzipped("mine.zip", content)).hash == mine.hash


def test_no_confidential_price_is_offered_where_a_scheme_of_the_folder_goes_by_that_name():
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120).run()
    app.switch_page(str(front.path_of("Scenarios"))).run()
    app.session_state["scenarios_tab"] = "Save, load and share"
    app.run()
    new = {"[schemes.pas]": "[schemes.confidential]", '["list", "pas"]': '["list", "confidential"]'}
    found = []
    for name, text in members("relapsed"):
        for old, other in new.items():
            text = text.replace(old, other)
        found.append((name, text))
    uploader = next(u for u in app.file_uploader if u.key.startswith("load_folder"))
    uploader.upload("mine.zip", packed(found), "application/zip")
    app.run()
    assert not app.exception and "confidential" in shown(app).settings.schemes
    assert app.selectbox(key="prices").options == ["List price", "List and scheme"]
    app.switch_page(str(front.path_of("Export"))).run()
    assert not app.exception and not app.error
