"""Every folder from every side, as its user starts it: the packaged problems and the examples through the command line and the app.

Pitfalls guarded: an analysis, a check, a workbook, a report or a page that knows the first folder only; a run that ends well and holds
nothing, or another number than the next face; a workbook whose formulas part from the engine in a folder with vials, schedules or schemes
of its own; a price at the threshold that does not meet it; something changed in a workbook that nobody has touched, or unchanged in one
that somebody has. `ANSWERS` are typed in: a number that moves is news.
"""

import io
import json
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import docx
import openpyxl
import pytest
from streamlit.testing.v1 import AppTest

import hemodel as hm
from hemodel.analyses.verification import CHECKS
from hemodel.app import front
from hemodel.evidence.draws import latent_correlations
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
ANSWERS = {
    "first_line": {
        ("list", "lenalidomide_dexamethasone_continuous"): 258_264,
        ("list", "lenalidomide_dexamethasone_18_cycles"): 70_675,
        ("pas", "lenalidomide_dexamethasone_continuous"): 97_266,
        ("pas", "lenalidomide_dexamethasone_18_cycles"): 70_742,
    },
    "maintenance": {("list", "lenalidomide_maintenance"): 244_261, ("pas", "lenalidomide_maintenance"): 78_869},
    "one_prior": {
        ("list", "lenalidomide_dexamethasone"): 68_360,
        ("list", "bortezomib"): 35_105,
        ("lenalidomide_cap", "lenalidomide_dexamethasone"): 52_644,
        ("lenalidomide_cap", "bortezomib"): 35_105,
        ("bortezomib_refund", "lenalidomide_dexamethasone"): 68_360,
        ("bortezomib_refund", "bortezomib"): 26_188,
        ("both", "lenalidomide_dexamethasone"): 52_644,
        ("both", "bortezomib"): 26_188,
    },
    "relapsed": {("list", "lenalidomide_dexamethasone"): 48_045, ("pas", "lenalidomide_dexamethasone"): 42_822},
    "infusion": {("list", "antibody"): 53_030, ("rebate", "antibody"): 46_142},
    "tablets": {("list", "new_tablet"): 84_663, ("discount", "new_tablet"): 63_564},
}
"""ICER of each strategy against the comparator, to the nearest unit of money."""
FIRST_YEARS = {
    "first_line": [11_639_411, 37_487_295, 75_006_004],
    "maintenance": [11_876_253, 38_432_917, 74_206_625],
    "one_prior": [15_686_916, 44_552_868, 77_842_336],
    "relapsed": [14_166_721, 37_852_541, 64_236_011],
    "infusion": [1_904_164, 6_512_329, 11_097_771],
    "tablets": [1_577_613, 4_676_513, 7_785_510],
}
"""Budget impact at list price in each of the first three years."""
NO_PRICE = {("infusion", "older_drug"), ("tablets", "generic_tablet")}
"""Cheap drugs of a comparator: no price of theirs from nothing to twice today's brings the ICER to the threshold."""


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
    assert [(row["year"], round(row["budget_impact"])) for row in impact] == list(
        enumerate(FIRST_YEARS[Path(folder).name], start=1)
    )
    for row in impact:
        assert row["cost_with"] - row["cost_without"] == pytest.approx(row["budget_impact"], rel=1e-12)
    compared = told(scenarios)
    first = [row for row in compared if row["scenario"] == "base_case"]
    found = {(row["price_arrangement"], row["strategy"]): row["icer"] for row in first}
    assert found == {(a, s): pytest.approx(base.icer(a, s), rel=1e-9) for a, s in pairs if s in others(inputs)}
    names = {row["scenario"] for row in compared}
    assert len(names) > 2 and names <= {"base_case", *inputs.scenario_names}


def numbers(content, sheets):
    """Every number in the sheets of these names, as a program reads them that does not recalculate."""
    book = openpyxl.load_workbook(io.BytesIO(content), data_only=True)
    wanted = [sheet for sheet in book.worksheets if sheet.title.startswith(sheets)]
    assert wanted, book.sheetnames
    return [cell.value for sheet in wanted for row in sheet.iter_rows() for cell in row if isinstance(cell.value, (int, float))]


def among(values, answers):
    """Whether each of the answers is one of the values, to 1e-9."""
    return all(any(value == pytest.approx(answer, rel=1e-9) for value in values) for answer in answers)


@FOLDERS
def test_one_answer_goes_through_every_face(tmp_path, folder):
    """The typed-in ICER is that of `run`, of its workbook of values, of the live workbook when a second program works it out, of what is
    read back from it, and of the report.
    """
    inputs, typed = loaded(folder), ANSWERS[Path(folder).name]
    run, live, report = together(
        tmp_path,
        ("run", folder, "--out", "values.xlsx", "--draws", 0, "--json"),
        ("export", folder, "--live", "live.xlsx", "--draws", 0),
        ("report", folder, "--out", "report.docx", "--draws", DRAWS),
    )
    assert (live.returncode, report.returncode) == (0, 0), live.stderr + report.stderr
    exact = {(row["price_arrangement"], row["strategy"]): row["icer"] for row in told(run) if row["strategy"] in others(inputs)}
    assert {pair: round(icer) for pair, icer in exact.items()} == typed
    assert among(numbers((tmp_path / "values.xlsx").read_bytes(), "Results"), exact.values())

    content = (tmp_path / "live.xlsx").read_bytes()
    formulas = live_program(inputs).formulas
    found = recalculate.by_formualizer(content, formulas)
    assert recalculate.disagreements(formulas, found) == []
    assert among(
        [value for (sheet, *_), value in found.items() if sheet == "Results" and isinstance(value, float)], exact.values()
    )
    back = started("read-back", folder, "live.xlsx", "--json", cwd=tmp_path)
    assert json.loads(back.stdout)["changed"] == [] and all(row["agrees"] for row in told(back))

    document, settings = docx.Document(str(tmp_path / "report.docx")), inputs.settings
    cells = {cell.text for table in document.tables for row in table.rows for cell in row.cells}
    assert {labels.money(icer, settings) for icer in exact.values()} - cells == set() and len(document.inline_shapes) > 3
    assert any(settings.question in paragraph.text for paragraph in document.paragraphs)


@FOLDERS
def test_what_somebody_changes_in_the_workbook_is_what_the_model_is_run_with(tmp_path, folder):
    """A price, a number and a utility of the sheet Inputs, changed as a reviewer would: `read-back` runs what `run --set` runs."""
    inputs = loaded(folder)
    read = hm.cohort.model.names_read(inputs)
    changed = {}
    for start in ("c_", "n_", "u_"):
        name = next(n for n in sorted(read) if n.startswith(start) and inputs.parameters[n].value)
        changed[name] = round(inputs.parameters[name].value * 0.93, 6)
    done = started("export", folder, "--live", "model.xlsx", "--draws", 0, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    book = openpyxl.load_workbook(tmp_path / "model.xlsx")
    (heading,) = (
        row for row in book["Inputs"].iter_rows() if [cell.value for cell in row[:4]] == ["Parameter", "Name", "Unit", "Value"]
    )
    rows = {row[1].value: row for row in book["Inputs"].iter_rows(min_row=heading[0].row + 1)}
    for name, value in changed.items():
        rows[name][3].value = value
    book.save(tmp_path / "edited.xlsx")
    sets = [part for name, value in changed.items() for part in ("--set", f"{name}={value}")]
    back, run = together(tmp_path, ("read-back", folder, "edited.xlsx", "--json"), ("run", folder, *sets, "--draws", 0, "--json"))
    assert sorted(json.loads(back.stdout)["changed"]) == sorted(changed)
    by_run = {(row["price_arrangement"], row["strategy"]): row for row in told(run)}
    by_engine = {(row["strategy"], row["outcome"]): row["engine"] for row in told(back)}
    assert {strategy for strategy, _ in by_engine} == {s.label for s in inputs.settings.strategies}
    for strategy in inputs.settings.strategies:
        for arrangement in inputs.settings.price_arrangements:
            row = by_run[arrangement, strategy.name]
            costs = f"Costs, {labels.arrangement_short(inputs.settings, arrangement)}, discounted: total"
            assert by_engine[strategy.label, costs] == pytest.approx(row["costs"], rel=1e-9)
            assert by_engine[strategy.label, "QALYs, discounted: total"] == pytest.approx(row["qalys"], rel=1e-9)
    before = {(row["strategy"], row["outcome"]): row["engine_at_export"] for row in told(back)}
    assert any(before[key] != pytest.approx(value, rel=1e-6) for key, value in by_engine.items())


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
        tmp_path, ("one-way", folder, "--json"), ("evppi", folder, "--draws", 500, "--seed", SEED, "--json"), *prices
    )
    last, compared = inputs.settings.price_arrangements[-1], others(inputs)[0]
    swings = [row["swing"] for row in told(tornado)]
    assert len(swings) > 10 and swings[0] > 0 and swings == sorted(swings, reverse=True)
    alone = [row for row in told(tornado) if row["parameter"] not in latent_correlations(inputs)[0]]
    for row in alone[:3]:  # each end again, by a run of its own
        for end in ("low", "high"):
            once = hm.run_base_case(inputs.with_values(**{row["parameter"]: row[end]})).table
            of = once[(once["price_arrangement"] == last) & (once["strategy"] == compared)].iloc[0]
            benefit = threshold * of["incremental_qalys"] - of["incremental_costs"]
            assert benefit == pytest.approx(row[f"incremental_net_monetary_benefit_{end}"], rel=1e-9)
    perfect = hm.run_psa(inputs, 500, seed=SEED).evpi(last, threshold).value
    assert len(told(worth)) > 10
    assert all(0 <= row["evppi"] <= perfect + 4 * row["standard_error"] + 1e-9 for row in told(worth))
    for drug, done in zip(drugs, found, strict=True):
        (row,) = told(done)
        assert row["threshold"] == threshold and row["unit"].startswith(inputs.settings.currency)
        assert (row["value"] is None) == ((Path(folder).name, drug) in NO_PRICE), row["reading"]
        if row["value"] is None:
            assert row["reading"].startswith("No value from ")
            ends = [{name: inputs.parameters[name].value * times for name in inputs.prices(drug)} for times in (0, 2)]
            icers = [hm.run_base_case(inputs.with_values(**values)).icer(last, strategies[drug]) for values in ends]
            assert min(icers) > threshold or 0 < max(icers) < threshold  # on one side of it at either end
            continue
        moved = {name: inputs.parameters[name].value * row["value"] / row["base_value"] for name in inputs.prices(drug)}
        icer = hm.run_base_case(inputs.with_values(**moved)).icer(last, strategies[drug])
        assert icer == pytest.approx(threshold, rel=1e-6), drug


@FOLDERS
def test_no_check_of_the_verification_fails(tmp_path, folder):
    weeks = ("--set", "horizon_years=5") if loaded(folder).settings.n_cycles > 1_000 else ()
    done = started("verify", folder, "--json", *weeks, cwd=tmp_path)
    failed = [row for row in json.loads(done.stdout)["results"] if row["verdict"] == "fail"]
    assert (done.returncode, failed) == (0, []), failed
    assert len(told(done)) == len(CHECKS)
    if loaded(folder).settings.currency != "GBP":
        assert re.findall(r"GBP|£|pounds?\b", done.stdout) == []


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
        heading = f"#### {settings.question}" if title == "Summary" else f"### {title}"
        assert heading in [words.value for words in app.markdown], title
        assert len(app.table) + len(app.get("vega_lite_chart")) + len(app.button) + len(app.download_button) > 2, title


def moved(inputs, **others):
    """Prices, numbers and rates each some per cent up, doses and sizes among them, and terms of the schemes others: those that are cells of
    the sheet Inputs, and `others`.
    """
    schemes = {name: terms.model_dump() for name, terms in inputs.settings.schemes.items()}
    lower = {"price_discount": 0.8, "most_paid": 0.6}
    others = {"drug_cost_cap_cycles": 12, "free_cycles": 2} | others
    for terms in schemes.values():
        terms |= {name: terms[name] * share for name, share in lower.items() if terms[name] is not None}
        terms |= {name: cycles for name, cycles in others.items() if terms[name] is not None}
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
        anew = live_program(moved(base, response_by_cycle=3))
        before = {recalculate.place(cell): cell.value for cell in first.inputs}
        edits = [cell for cell in now.inputs if cell.value != before[recalculate.place(cell)]]
        assert len(edits) > 10, folder
        found = recalculate.by_formualizer(written(first, manifest(base)), now.formulas, edits)
        assert recalculate.disagreements(now.formulas, found) == [], folder
        for which, program in (("base", first), ("moved", anew)):
            name = f"{Path(folder).name}_{which}"
            books[name] = written(recalculate.poisoned(program), manifest(base))
            formulas[name] = program.formulas
    by_name = recalculate.by_libreoffice(books, tmp_path)
    assert {name: recalculate.disagreements(formulas[name], by_name[name]) for name in books} == {name: [] for name in books}
