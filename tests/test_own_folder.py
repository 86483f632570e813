"""A folder of one's own, as its user has it: a copy with a changed number, run from somewhere else, beside a decoy.

Pitfalls guarded: a workbook whose sheets are of two models, as inputs were looked up again by their name; a folder in the working
directory that takes the place of a packaged problem; scenarios, sources or life tables of the package where the folder has its own; a
file changed between two readings.
"""

import json
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import openpyxl
import pandas as pd
import pytest

import hemodel as hm
from hemodel.analyses.scenarios import run_comparison
from hemodel.app import choices, sharing
from hemodel.errors import InputError
from hemodel.evidence.reading import data_folder
from hemodel.evidence.settings import Settings
from hemodel.report.workbook import workbook_bytes

PACK = 1_000.0  # GBP; 4,368 in the package
LIST_ICER = 17_705  # GBP per QALY at list price with that pack; 48,045 in the package
SCENARIO = """name = "{name}"
problem = "relapsed"
label = "{label}"
why = "A scenario of the folder."

[settings]
horizon_years = 5
"""


def copied(to: Path) -> Path:
    """A copy of the problem `relapsed` in which a pack costs 1,000 pounds."""
    shutil.copytree(data_folder("inputs") / "relapsed", to)
    rows = to / "parameters.csv"
    text = rows.read_text(encoding="utf-8")
    assert text.count(",GBP per pack,4368,") == 1
    rows.write_text(text.replace(",GBP per pack,4368,", ",GBP per pack,1000,"), encoding="utf-8")
    return to


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    return copied(tmp_path / "elsewhere" / "mine")


def hemodel(*arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "hemodel.cli", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd)


def list_icer(inputs: hm.Inputs) -> float:
    return hm.run_base_case(inputs).icer("list")


def rows_of(sheet) -> list[tuple[object, ...]]:
    return [tuple(cell for cell in row if cell is not None) for row in sheet.iter_rows(values_only=True)]


@pytest.mark.slow
def test_every_sheet_of_a_full_workbook_is_of_the_folder_that_was_run(tmp_path, mine):
    shutil.copytree(data_folder("inputs") / "relapsed", tmp_path / "relapsed")  # a decoy of the name in its settings
    done = hemodel("run", "elsewhere/mine", "--full", "--draws", 200, "--out", "mine.xlsx", "--quiet", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    book = openpyxl.load_workbook(tmp_path / "mine.xlsx", read_only=True)
    inputs = hm.load_inputs(mine)
    assert round(list_icer(inputs)) == LIST_ICER
    populations = rows_of(book["Populations"])
    for population in inputs.settings.populations:
        label, icer = inputs.settings.populations[population].label, list_icer(inputs.filed(population=population))
        (base,) = [row for row in populations if row[:2] == (label, "Base case") and row[2] == "List price"]
        assert any(cell == pytest.approx(icer, abs=0.51) for cell in base if isinstance(cell, (int, float))), (base, icer)
    scenarios = rows_of(book["Scenarios"])
    expected = list_icer(inputs.filed(scenario="horizon_10_years"))
    found = [row for row in scenarios if row and str(row[0]).startswith(inputs.filed(scenario="horizon_10_years").scenario.label)]
    assert any(cell == pytest.approx(expected, abs=0.51) for row in found for cell in row if isinstance(cell, (int, float)))
    numbers = [(sheet.title, cell) for sheet in book for row in rows_of(sheet) for cell in row if isinstance(cell, (int, float))]
    assert len(numbers) > 1_000
    assert [at for at in numbers if abs(at[1] - 48_045) < 1 or at[1] == 4_368] == []  # the packaged problem's


def test_a_bare_name_is_the_packaged_problem_and_a_path_the_folder(tmp_path):
    copied(tmp_path / "relapsed")
    bare, path = (hemodel("run", name, "--draws", 0, "--json", cwd=tmp_path) for name in ("relapsed", "./relapsed"))
    icers = [
        round(json.loads(done.stdout)["results"][0]["icer"] or json.loads(done.stdout)["results"][1]["icer"])
        for done in (bare, path)
    ]
    assert icers == [48_045, LIST_ICER]
    assert (
        bare.stderr
        == "Note: relapsed is the problem of the package. The folder of that name here is not read: write ./relapsed for it.\n"
    )
    assert path.stderr == ""


def test_a_bare_name_that_is_no_packaged_problem_is_a_folder_here(tmp_path, monkeypatch):
    copied(tmp_path / "mine")
    monkeypatch.chdir(tmp_path)
    assert round(list_icer(hm.load_inputs("mine"))) == LIST_ICER
    with pytest.raises(InputError, match="there is no such decision problem"):
        hm.load_inputs("./relapsed")


def test_a_copy_has_the_packaged_scenarios_on_its_own_numbers(mine):
    inputs = hm.load_inputs(mine)
    assert inputs.scenario_names == hm.scenario_names("relapsed") == hm.scenario_names(mine)
    table = hm.run_scenarios(inputs).table.set_index(["price_arrangement", "scenario"])
    assert round(table.loc[("list", "base_case"), "icer"]) == LIST_ICER
    changed = hm.load_inputs("relapsed", scenario="horizon_10_years").with_values(c_lenalidomide_25mg_pack=PACK)
    assert table.loc[("list", "horizon_10_years"), "icer"] == pytest.approx(list_icer(changed), rel=1e-12)


def test_scenarios_sources_and_life_tables_inside_the_folder_come_first(mine):
    scenarios = mine / "scenarios"
    scenarios.mkdir()
    for name, label in (("no_scheme", "Mine of that name"), ("own", "Own")):
        (scenarios / f"{name}.toml").write_text(SCENARIO.format(name=name, label=label), encoding="utf-8")
    (mine / "sources.md").write_text("# Sources\n\n## S1 A paper of our own\n", encoding="utf-8")
    inputs = hm.load_inputs(mine)
    table = data_folder("inputs") / "life_tables" / inputs.settings.life_table
    (mine / "life_tables").mkdir()
    lines = table.read_text(encoding="utf-8").splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("age"))
    header = lines[start].split(",")
    own = [",".join(str(age) if column == "age" else "0.5" for column in header) for age in range(101)]
    (mine / "life_tables" / table.name).write_text("\n".join([lines[start], *own]), encoding="utf-8")
    again = hm.load_inputs(mine)
    assert again.scenario_names == ["no_scheme", "own"]
    assert again.filed(scenario="no_scheme").scenario.label == "Mine of that name"
    assert (again.life_table.male == 0.5).all() and not (inputs.life_table.male == 0.5).any()
    assert again.hash != inputs.hash
    file = Path(mine.parent / "book.xlsx")
    file.write_bytes(workbook_bytes(hm.run_base_case(again)))
    sources = [row[0] for row in rows_of(openpyxl.load_workbook(file)["Sources"]) if row]
    assert sources == ["Sources", "S1 A paper of our own"]
    with pytest.raises(InputError, match="there is no such scenario"):
        again.filed(scenario="horizon_10_years")  # one of the package, which a folder with scenarios of its own does not have


def test_the_hash_is_of_the_content_and_not_of_the_place(tmp_path):
    first, second = tmp_path / "one", tmp_path / "two"
    for folder in (first, second):
        shutil.copytree(data_folder("inputs") / "relapsed", folder)
    assert hm.load_inputs(first).hash == hm.load_inputs(second).hash == hm.load_inputs("relapsed").hash


def test_a_file_changed_after_reading_changes_nothing_that_starts_from_these_inputs(mine):
    inputs = hm.load_inputs(mine)
    before = run_comparison(inputs, populations=["one_prior"], scenarios=["horizon_10_years"])
    for name in ("parameters.csv", "populations.csv", "settings.toml"):
        (mine / name).unlink()
    after = run_comparison(inputs, populations=["one_prior"], scenarios=["horizon_10_years"])
    pd.testing.assert_frame_equal(before, after)
    with pytest.raises(InputError):
        hm.load_inputs(mine)


def test_what_starts_from_the_files_refuses_inputs_that_were_changed(mine):
    inputs = hm.load_inputs(mine).with_values(u_progressed=0.6)
    for run in (hm.run_scenarios, run_comparison, lambda i: hm.run_weighted(i, {"one_prior": 1.0})):
        with pytest.raises(InputError, match="they were changed since they were read"):
            run(inputs)
    assert inputs.filed().hash == hm.load_inputs(mine).hash


def test_a_fit_saved_from_a_folder_holds_the_curve_and_no_number_of_the_folder(tmp_path, mine):
    data = Path(__file__).parent / "published" / "gbsg2.csv"
    for options in (("--curve", "pfs", "--strategy", "dexamethasone", "--family", "weibull", "--unit", "days"),):
        done = hemodel("fit", data, "--problem", mine, *options, "--save", "saved.toml", "--quiet", "--json", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    saved = tomllib.loads((tmp_path / "saved.toml").read_text(encoding="utf-8"))
    assert set(saved["fitted_curves"]) == {"pfs_dexamethasone"} and "parameters" not in saved and "settings" not in saved
    again = hemodel("run", mine, "--scenario", "saved.toml", "--draws", 0, "--json", cwd=tmp_path)
    assert json.loads(again.stdout)["results"] == json.loads(done.stdout)["model"]


def test_a_fit_is_saved_from_a_problem_that_the_package_does_not_have(tmp_path, mine):
    settings = mine / "settings.toml"
    settings.write_text(
        settings.read_text(encoding="utf-8").replace('problem = "relapsed"', 'problem = "ours"'), encoding="utf-8"
    )
    data = Path(__file__).parent / "published" / "gbsg2.csv"
    options = ("--curve", "pfs", "--strategy", "dexamethasone", "--family", "weibull", "--unit", "days")
    done = hemodel("fit", data, "--problem", mine, *options, "--save", "saved.toml", "--quiet", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert tomllib.loads((tmp_path / "saved.toml").read_text(encoding="utf-8"))["problem"] == "ours"


def test_commands_over_scenarios_and_populations_go_with_the_folder(tmp_path, mine):
    shutil.copytree(data_folder("inputs") / "relapsed", tmp_path / "relapsed")
    inputs = hm.load_inputs(mine)
    for command, more in (("scenarios", ()), ("compare", ("--population", inputs.population, "--scenario", "horizon_10_years"))):
        rows = json.loads(hemodel(command, mine, *more, "--json", "--quiet", cwd=tmp_path).stdout)["results"]
        icers = {row["scenario"]: row["icer"] for row in rows if row["price_arrangement"] == "list"}
        assert round(icers["base_case"]) == LIST_ICER
        assert icers["horizon_10_years"] == pytest.approx(list_icer(inputs.filed(scenario="horizon_10_years")), rel=1e-9)
    rows = json.loads(hemodel("weighted", mine, "--weight", f"{inputs.population}=1", "--json", cwd=tmp_path).stdout)["results"]
    found = [row["icer"] for row in rows if row["price_arrangement"] == "list" and row["icer"] is not None]
    assert [round(icer) for icer in found] == [LIST_ICER]


def test_a_link_a_scenario_file_and_code_of_the_app_compare_with_the_folder(mine):
    inputs = hm.load_inputs(mine)
    told = tomllib.loads(sharing.scenario_text(inputs, name="x", label="X", why="Y"))
    assert not {"parameters", "settings"} & set(told)
    assert f'hm.load_inputs("{mine}"' in choices.recipe(inputs, {})


# A folder that is being made ----------------------------------------------------------------------------------------------


def without(folder: Path, *names: str) -> Path:
    for file in folder.glob("*.csv"):
        lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
        file.write_text("".join(line for line in lines if not any(name in line for name in names)), encoding="utf-8")
    return folder


def begun(folder: Path) -> Path:
    """The settings of one population, and files that have their header alone."""
    filed = data_folder("inputs") / "relapsed"
    settings = (filed / "settings.toml").read_text(encoding="utf-8").replace('problem = "relapsed"', 'problem = "ours"')
    before, _, after = settings.partition("[populations.pooled_trials]")
    assert after.count("[populations.") == 2 and "[schemes" not in after and "[[" not in after
    folder.mkdir(parents=True)
    (folder / "settings.toml").write_text(before, encoding="utf-8")
    for name in ("parameters.csv", "populations.csv"):
        (folder / name).write_text((filed / name).read_text(encoding="utf-8").splitlines()[0] + "\n", encoding="utf-8")
    shutil.copy(filed / "payoffs.csv", folder)
    return folder


def test_validate_names_every_row_that_is_missing_at_once_with_unit_and_example(tmp_path):
    folder = begun(tmp_path / "ours")
    first = hemodel("validate", folder, cwd=tmp_path)
    lines = first.stderr.splitlines()
    assert first.returncode == 2 and len(lines) == 42
    start = "error: ours/parameters.csv: the model needs "
    assert all(line.startswith(start) for line in lines)
    rows = [line.removesuffix(".").partition("Add a row such as: ")[2] for line in lines]
    pack = next(line for line in lines if "c_lenalidomide_25mg_pack" in line)
    assert pack.startswith(f"{start}c_lenalidomide_25mg_pack (GBP per pack), which is not among them. Add a row such as: ")
    with (folder / "parameters.csv").open("a", encoding="utf-8") as file:
        file.write("\n".join(rows))
    second = hemodel("validate", folder, cwd=tmp_path)
    assert second.returncode == 0, second.stderr
    assert second.stdout.splitlines() == [
        "ours: 42 parameters, 1 populations, 0 scenarios: no faults",
        "Left out of a full run: evpi, for lack of n_eligible, d_decision_lifetime",
        "Left out of a full run: evppi, for lack of n_eligible, d_decision_lifetime",
        "Left out of a full run: budget, for lack of n_eligible, " + ", ".join(f"p_uptake_year_{y}" for y in range(1, 6)),
    ]
    statuses = {parameter.status for parameter in hm.load_inputs(folder).parameters.values()}
    assert statuses == {"assumed"}  # an example is nobody's evidence


def test_what_is_asked_for_is_what_the_settings_read(tmp_path):
    folder = begun(tmp_path / "ours")
    file = folder / "settings.toml"
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace('structure = "state_transition"', 'structure = "partitioned_survival"'), encoding="utf-8")
    asked = hemodel("validate", folder, cwd=tmp_path).stderr
    assert "median_os_dexamethasone" in asked and "r_death_progressed" not in asked


def test_every_missing_setting_is_named_at_once_with_a_line_that_shows_it(tmp_path, mine):
    (mine / "settings.toml").write_text('problem = "ours"\n', encoding="utf-8")
    done = hemodel("validate", mine, cwd=tmp_path)
    named = [line for line in done.stderr.splitlines() if "is missing" in line]
    required = [name for name, field in Settings.model_fields.items() if field.is_required()]
    assert len(named) == len(required) - 1 == 21
    (line,) = [line for line in named if "(structure)" in line]
    assert 'Add it, such as `structure = "state_transition"' in line and 'or "partitioned_survival"' in line


@pytest.mark.slow
def test_a_full_run_leaves_out_what_lacks_its_inputs_and_says_so(tmp_path, mine):
    without(mine, "n_eligible", "d_decision_lifetime", "p_uptake_year")
    (mine / "published.csv").unlink()
    (mine / "correlations.csv").write_text("", encoding="utf-8")
    assert hemodel("validate", mine, cwd=tmp_path).returncode == 0
    done = hemodel("run", mine, "--full", "--draws", 100, "--out", "mine.xlsx", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Left out of a full run: budget, for lack of n_eligible, p_uptake_year_1" in done.stderr
    sheets = openpyxl.load_workbook(tmp_path / "mine.xlsx", read_only=True).sheetnames
    assert "Populations" in sheets and not {"Budget impact", "EVPPI"} & set(sheets)


@pytest.mark.parametrize("content", [None, "", "header"])
def test_correlations_and_published_figures_may_be_empty_or_not_there(mine, content):
    for name in ("correlations.csv", "published.csv"):
        header = (mine / name).read_text(encoding="utf-8").splitlines()[0] + "\n"
        (mine / name).unlink()
        if content is not None:
            (mine / name).write_text(header if content else "", encoding="utf-8")
    inputs = hm.load_inputs(mine)
    assert inputs.correlations == () == inputs.published
    assert round(list_icer(inputs)) == LIST_ICER
