"""Every folder from every side, as its user starts it: the packaged problems and the examples through the command line and the app.

Pitfalls guarded: an analysis, a check, a workbook, a report or a page that knows the first folder only; a run that ends well and holds
nothing; a workbook whose formulas part from the engine in a folder with vials, schedules or schemes of its own; a price at the
threshold that does not meet it; something changed in a workbook that nobody has touched.
"""

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import docx
import pytest
from streamlit.testing.v1 import AppTest

import hemodel as hm
from hemodel.analyses.verification import CHECKS
from hemodel.app import front
from hemodel.evidence.folder import problem_names
from hemodel.report import labels
from hemodel.report.live import compare_with_engine, live_program
from hemodel.report.live.write import written
from hemodel.report.manifest import manifest
from tests.report import recalculate

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent
PROBLEMS = sorted(problem_names())
EXAMPLES = [str(ROOT / "examples" / name) for name in ("infusion", "tablets")]
FOLDERS = pytest.mark.parametrize("folder", [*PROBLEMS, *EXAMPLES], ids=lambda folder: Path(folder).name)
TITLES = [title for titles in front.PAGES.values() for title in titles]
DRAWS, SEED = 40, 7
SHORT = 2.0
"""Years of the horizon where a whole one is only more of the same."""


def started(*arguments, cwd):
    """The end of `hemodel ...` in a folder that is not this repository."""
    command = [sys.executable, "-m", "hemodel.cli", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd)


def told(done):
    """The rows of the answer of a run that ended well."""
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["results"]


def together(cwd, *runs):
    """Several runs at once, in order."""
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(lambda arguments: started(*arguments, cwd=cwd), runs))


@cache
def loaded(folder):
    return hm.load_inputs(folder)


def others(inputs):
    return [name for name in inputs.settings.strategy_names if name != inputs.settings.comparator]


@FOLDERS
def test_the_answer_and_its_uncertainty_are_those_of_the_python_interface(tmp_path, folder):
    inputs, drawn = loaded(folder), ("--draws", DRAWS, "--seed", SEED, "--json")
    base, psa = hm.run_base_case(inputs), hm.run_psa(inputs, DRAWS, seed=SEED)
    run, alone, years, scenarios = together(
        tmp_path,
        ("run", folder, *drawn),
        ("psa", folder, *drawn),
        ("budget", folder, "--years", 3, "--json"),
        ("scenarios", folder, "--json"),
    )
    pairs = {(a, s) for a in inputs.settings.price_arrangements for s in inputs.settings.strategy_names}
    for rows in (told(run), json.loads(run.stdout)["probabilistic"], told(alone)):
        assert {(row["price_arrangement"], row["strategy"]) for row in rows} == pairs
    for row in told(alone):
        place = inputs.settings.strategy_names.index(row["strategy"])
        assert row["costs"] == pytest.approx(psa.costs[row["price_arrangement"]][place].mean(), rel=1e-9)
    impact = [row for row in told(years) if row["price_arrangement"] == "list"]
    assert [row["year"] for row in impact] == [1, 2, 3] and all(row["budget_impact"] != 0 for row in impact)
    compared = told(scenarios)
    first = [row for row in compared if row["scenario"] == "base_case"]
    found = {(row["price_arrangement"], row["strategy"]): row["icer"] for row in first}
    assert found == {(a, s): pytest.approx(base.icer(a, s), rel=1e-9) for a, s in pairs if s in others(inputs)}
    names = {row["scenario"] for row in compared}
    assert len(names) > 2 and names <= {"base_case", *inputs.scenario_names}


@FOLDERS
def test_a_price_at_the_threshold_meets_it_and_the_tornado_and_what_it_is_worth_to_know_are_told(tmp_path, folder):
    inputs = loaded(folder)
    drugs, threshold = inputs.priced_drugs, inputs.settings.threshold_values[-1]
    having = {
        d: next((s.name for s in inputs.settings.strategies if d in s.drugs and s.name in others(inputs)), None) for d in drugs
    }
    strategies = {d: found or others(inputs)[0] for d, found in having.items()}
    prices = [("threshold", folder, f"pack_price_{d}", "--strategy", s, "--json") for d, s in strategies.items()]
    tornado, worth, *found = together(
        tmp_path, ("one-way", folder, "--json"), ("evppi", folder, "--draws", 200, "--json"), *prices
    )
    swings = [row["swing"] for row in told(tornado)]
    assert len(swings) > 10 and swings[0] > 0 and swings == sorted(swings, reverse=True)
    assert len(told(worth)) > 10 and all(row["evppi"] >= 0 for row in told(worth))
    for drug, done in zip(drugs, found, strict=True):
        (row,) = told(done)
        assert row["threshold"] == threshold and row["unit"].startswith(inputs.settings.currency)
        if row["value"] is None:
            assert row["reading"].startswith("No value from ")
            continue
        moved = {name: inputs.parameters[name].value * row["value"] / row["base_value"] for name in inputs.prices(drug)}
        arrangement = inputs.settings.price_arrangements[-1]
        icer = hm.run_base_case(inputs.with_values(**moved)).icer(arrangement, strategies[drug])
        assert icer == pytest.approx(threshold, rel=1e-6), drug


@FOLDERS
def test_no_check_of_the_verification_fails(tmp_path, folder):
    weeks = ("--set", "horizon_years=5") if loaded(folder).settings.n_cycles > 1_000 else ()
    done = started("verify", folder, "--json", *weeks, cwd=tmp_path)
    failed = [row for row in json.loads(done.stdout)["results"] if row["verdict"] == "fail"]
    assert (done.returncode, failed) == (0, []), failed
    assert len(told(done)) == len(CHECKS)


@FOLDERS
def test_the_workbook_recalculates_to_the_engines_numbers_and_comes_back_unchanged(tmp_path, folder):
    cut = ("--set", f"horizon_years={SHORT:g}")
    done = started("export", folder, "--live", "model.xlsx", "--draws", DRAWS, "--seed", SEED, *cut, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    content = (tmp_path / "model.xlsx").read_bytes()
    inputs = loaded(folder).with_settings(horizon_years=SHORT)
    formulas = live_program(inputs, psa=hm.run_psa(inputs, DRAWS, seed=SEED)).formulas
    assert {"Results", "PSA", "Derived", "Trace_1", "Checks"} <= {cell.sheet for cell in formulas}
    assert recalculate.disagreements(formulas, recalculate.by_formualizer(content, formulas)) == []
    compared = compare_with_engine(content, inputs)
    assert compared["agrees"].all() and (compared.attrs["disagree"], compared.attrs["changed"]) == ([], [])
    back = started("read-back", folder, "model.xlsx", *cut, cwd=tmp_path)
    assert back.returncode == 0, back.stderr
    assert "Changed in the workbook: nothing" in back.stdout + back.stderr


@FOLDERS
def test_the_report_holds_the_question_and_the_answer(tmp_path, folder):
    done = started("report", folder, "--out", "report.docx", "--draws", DRAWS, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    document, inputs = docx.Document(str(tmp_path / "report.docx")), loaded(folder)
    cells = {cell.text for table in document.tables for row in table.rows for cell in row.cells}
    base, settings = hm.run_base_case(inputs), inputs.settings
    answers = {labels.money(base.icer(a, s), settings) for a in settings.price_arrangements for s in others(inputs)}
    assert answers - cells == set() and len(document.inline_shapes) > 3
    assert any(settings.question in paragraph.text for paragraph in document.paragraphs)


@pytest.mark.parametrize("problem", PROBLEMS)
def test_the_thirteen_pages_of_the_app_are_drawn_with_the_answer_of_the_problem(problem):
    assert len(TITLES) == 13
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
    app.query_params["problem"] = problem
    app.run()
    base = hm.run_base_case(loaded(problem))
    shown = {metric.value for metric in app.metric}
    settings = base.inputs.settings
    assert {labels.money(base.icer(a, s), settings) for a in settings.price_arrangements for s in others(base.inputs)} == shown
    for title in TITLES:
        app.switch_page(str(front.path_of(title))).run()
        assert [error.value for error in (*app.exception, *app.error)] == [], title
        assert len(app.table) + len(app.get("vega_lite_chart")) + len(app.button) + len(app.download_button) > 2, title


def moved(inputs):
    """Prices, numbers and rates each some per cent up, doses and sizes among them, discounts and caps of the schemes lower."""
    schemes = {name: terms.model_dump() for name, terms in inputs.settings.schemes.items()}
    for terms in schemes.values():
        if terms["price_discount"]:
            terms["price_discount"] *= 0.8
        if terms["drug_cost_cap_cycles"]:
            terms["drug_cost_cap_cycles"] = 12
        for tier in terms["tiers"] or ():
            tier["price_discount"] *= 0.7
    names = [p.name for p in inputs.parameters.values() if p.value > 0 and p.name.startswith(("c_", "n_", "r_", "d_"))]
    return inputs.with_values(
        **{name: inputs.parameters[name].value * (1.01 + 0.01 * (place % 7)) for place, name in enumerate(names)}
    ).with_settings(schemes=schemes)


def test_two_spreadsheet_programs_give_the_engines_numbers_of_every_folder_as_it_is_and_moved(tmp_path):
    """Every formula cell to 1e-9: by one program the edited workbook of the base case, by the other both from poisoned workbooks."""
    books, formulas = {}, {}
    for folder in [*PROBLEMS, *EXAMPLES]:
        base = loaded(folder).with_settings(horizon_years=SHORT)
        first, now = live_program(base), live_program(moved(base), exported=base)
        before = {recalculate.place(cell): cell.value for cell in first.inputs}
        edits = [cell for cell in now.inputs if cell.value != before[recalculate.place(cell)]]
        assert len(edits) > 10, folder
        found = recalculate.by_formualizer(written(first, manifest(base)), now.formulas, edits)
        assert recalculate.disagreements(now.formulas, found) == [], folder
        for which, program in (("base", first), ("moved", now)):
            name = f"{Path(folder).name}_{which}"
            books[name] = written(recalculate.poisoned(program), manifest(base))
            formulas[name] = program.formulas
    by_name = recalculate.by_libreoffice(books, tmp_path)
    assert {name: recalculate.disagreements(formulas[name], by_name[name]) for name in books} == {name: [] for name in books}
