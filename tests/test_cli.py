"""The command line as its user meets it: its own entry point, real files.

Pitfalls guarded: a traceback; an error on standard output; a status of 0 after bad input; a file overwritten or half written; heavy
imports that make `--help` slow; numbers that differ from the Python API's.
"""

import io
import json
import re
import shutil
import subprocess
import sys
import zipfile
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace
from pathlib import Path

import openpyxl
import pandas as pd
import pytest

import hemodel as hm
from hemodel import cli
from hemodel.analyses import verification
from hemodel.analyses.verification import findings
from hemodel.evidence.reading import data_folder
from hemodel.report.manifest import manifest

DATA = str(Path(__file__).parent / "published" / "gbsg2.csv")


class Terminal(io.StringIO):
    """Standard output that a person reads."""

    def isatty(self):
        return True


def hemodel(*arguments, to=io.StringIO):
    """The command in this process, through its own entry point: exit status, standard output and standard error."""
    out, err, status = to(), io.StringIO(), 0
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.setattr(sys, "argv", ["hemodel", *map(str, arguments)])
        try:
            cli.main()
        except SystemExit as stop:
            status = stop.code or 0
    return subprocess.CompletedProcess(arguments, status, out.getvalue(), err.getvalue())


def test_the_command_is_a_process_of_its_own_with_a_status():
    good, bad = (
        subprocess.run([sys.executable, "-m", "hemodel.cli", "info", *more], capture_output=True, text=True, check=False)
        for more in ([], ["relapse"])
    )
    assert (good.returncode, good.stderr) == (0, "")
    assert (bad.returncode, bad.stdout) == (2, "")
    assert bad.stderr.startswith("error: problem 'relapse'")


def test_run_as_json_gives_the_numbers_of_the_python_api():
    done = hemodel("run", "relapsed", "--json", "--draws", 500)
    assert (done.returncode, done.stderr) == (0, "")
    answer = json.loads(done.stdout)
    expected = hm.run_base_case(hm.load_inputs("relapsed")).table
    assert [(r["price_arrangement"], r["strategy"]) for r in answer["results"]] == list(
        expected[["price_arrangement", "strategy"]].itertuples(index=False, name=None)
    )
    for row, (_, other) in zip(answer["results"], expected.iterrows(), strict=True):
        for name in ("costs", "life_years", "qalys", "incremental_costs", "incremental_qalys", "icer"):
            assert row[name] == (None if pd.isna(other[name]) else other[name])
    assert answer["probabilistic"][0]["probability_cost_effective_35000"] < 0.5
    assert answer["manifest"]["draws"] == 500


def test_run_prints_nices_tables_and_writes_the_workbook(tmp_path):
    out = tmp_path / "answer.xlsx"
    done = hemodel("run", "relapsed", "--draws", 500, "--out", out, to=Terminal)
    assert done.returncode == 0
    for text in ("Technologies", "Total QALYs", "£42,822", "£48,045", "£40,345", "two or more prior therapies"):
        assert text in done.stdout
    assert str(out) in done.stderr
    assert "Summary" in openpyxl.load_workbook(out, read_only=True).sheetnames


def test_a_file_is_never_overwritten_without_force(tmp_path):
    out = tmp_path / "answer.xlsx"
    out.write_text("mine", encoding="utf-8")
    done = hemodel("run", "relapsed", "--draws", 0, "--out", out)
    assert done.returncode == 2
    assert "--force" in done.stderr
    assert out.read_text(encoding="utf-8") == "mine"
    assert hemodel("run", "relapsed", "--draws", 0, "--out", out, "--force").returncode == 0
    assert [p.name for p in tmp_path.iterdir()] == ["answer.xlsx"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("run", "relapse"), "problem 'relapse': there is no such decision problem"),
        (("run", "relapsed", "--population", "one_priors"), "Did you mean one_prior?"),
        (("run", "relapsed", "--scenario", "partitioned"), "Did you mean partitioned_survival?"),
        (("run", "relapsed", "--set", "u_progresed=0.5"), "Did you mean u_progressed?"),
        (("run", "relapsed", "--set", "u_progressed=high"), "this is not NAME=VALUE with a number"),
        (("run", "relapsed", "--set", "u_progressed=1.4"), "1.4 is not a utility"),
        (("run", "relapsed", "--out", "answer.doc"), "does not end in .xlsx"),
        (("run", "relapsed", "--out", "nowhere/answer.xlsx"), "there is no folder nowhere"),
        (("psa", "relapsed", "--draws", "1"), "draws: 1 is not a whole number from 2"),
        (("info", "relapsed", "--parameter", "u_progres"), "Did you mean u_progressed?"),
        (
            ("run", "relapsed", "--population", "one_prior", "--scenario", "dexamethasone_os_hr_0_44"),
            "hold for two_or_more_prior only",
        ),
    ],
)
def test_bad_input_is_one_clear_line_on_standard_error_and_status_2(arguments, message):
    done = hemodel(*arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("error: ")
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_unknown_options_end_with_status_2():
    assert hemodel("run", "--nonsense").returncode == 2


def test_help_does_not_wait_for_numpy():
    code = (
        "import sys, hemodel.cli; sys.exit(any(m in sys.modules for m in ('numpy', 'pandas', 'pydantic', 'scipy', 'streamlit')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    assert "run" in hemodel("--help").stdout


def test_run_does_not_import_what_it_does_not_use():
    code = (
        "import sys; from hemodel.cli import app; app(['run', 'relapsed', '--json', '--draws', '0'], standalone_mode=False);"
        "sys.exit(any(m in sys.modules for m in ('streamlit', 'altair', 'openpyxl', 'scipy.stats', 'matplotlib')))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode == 0


def test_psa_writes_a_row_per_draw(tmp_path):
    out = tmp_path / "draws.csv"
    assert hemodel("psa", "relapsed", "--draws", 250, "--seed", 3, "--out", out, "--json", "--quiet").returncode == 0
    frame = pd.read_csv(out, dtype=str).astype(float)  # by Python's float: pandas 2 reads numbers to the last bit but one
    expected = hm.run_psa(hm.load_inputs("relapsed"), 250, seed=3).draws_and_results()
    pd.testing.assert_frame_equal(frame, expected, check_exact=True, check_dtype=False)


def test_scenarios_as_json_and_csv(tmp_path):
    out = tmp_path / "scenarios.csv"
    done = hemodel("scenarios", "relapsed", "--population", "one_prior", "--json", "--out", out)
    assert done.returncode == 0
    answer = json.loads(done.stdout)
    assert "dexamethasone_os_hr_0_44" in answer["not_applicable"]
    assert len(pd.read_csv(out)) == len(answer["results"])


def test_validate_counts_and_lists_all_faults_of_a_folder(tmp_path):
    assert "no faults" in hemodel("validate", "relapsed").stdout
    source = data_folder("inputs")
    for part in ("relapsed", "life_tables"):
        (tmp_path / part).mkdir()
        for path in (source / part).iterdir():
            (tmp_path / part / path.name).write_bytes(path.read_bytes())
    parameters = tmp_path / "relapsed" / "parameters.csv"
    text = parameters.read_text(encoding="utf-8")
    text = text.replace("utility,0.81,", "utility,1.81,").replace("GBP per mg,0.05,", "GBP per gram,0.05,")
    parameters.write_text(text, encoding="utf-8")
    done = hemodel("validate", tmp_path / "relapsed")
    assert done.returncode == 2
    lines = done.stderr.splitlines()
    assert any("u_progression_free" in line and "1.81 is not a utility" in line for line in lines)
    assert any("c_dexamethasone_mg" in line and "unit 'GBP per gram' is not known here" in line for line in lines)


def test_info_shows_a_parameter_with_its_source_and_status():
    done = hemodel("info", "relapsed", "--parameter", "c_lenalidomide_25mg_pack", "--json")
    content = json.loads(done.stdout)
    assert (content["value"], content["status"], content["source"]) == (4368, "read", "S1")
    assert "hash" in json.loads(hemodel("info", "relapsed", "--json").stdout)


def test_calibrate_agrees_with_the_inputs_and_says_so_by_its_status(tmp_path):
    assert hemodel("calibrate", "relapsed", "--json").returncode == 0


def test_what_if_from_the_command_line_is_what_if_in_python():
    done = hemodel(
        "run", "relapsed", "--json", "--draws", 0, "--set", "u_progressed=0.6", "--set", "c_lenalidomide_25mg_pack=3000"
    )
    changed = hm.load_inputs("relapsed").with_values(u_progressed=0.6, c_lenalidomide_25mg_pack=3000.0)
    assert json.loads(done.stdout)["results"][2]["icer"] == hm.run_base_case(changed).icer("pas")


def test_the_same_run_has_the_same_hash_and_another_has_not():
    hashes = [json.loads(hemodel("run", "--json", "--draws", 100, "--seed", s).stdout)["manifest"]["hash"] for s in (1, 2)]
    inputs = hm.load_inputs("relapsed")
    assert hashes[0] == manifest(inputs, psa=hm.run_psa(inputs, 100, seed=1))["hash"] != hashes[1]


@pytest.mark.parametrize(
    ("arguments", "check"),
    [
        (("one-way", "relapsed"), lambda a: a["results"][0]["parameter"] == "r_death_progressed_lenalidomide_dexamethasone"),
        (("two-way", "u_progressed", "c_aspirin", "--steps", 3), lambda a: len(a["results"]) == 9),
        (("threshold", "pack_price", "--at", 35000), lambda a: 3000 < a["results"][0]["value"] < 4368),
        (("threshold", "charged_cycles"), lambda a: a["results"][0]["value"] < 26),
        (("drivers",), lambda a: a["results"][0]["flips_at"] is not None and a["results"][-1]["flips_at"] is None),
        (("evppi", "u_progressed", "--draws", 1000), lambda a: a["results"][0]["standard_error"] >= 0),
        (("global", "--method", "morris", "--size", 10), lambda a: a["evaluations"] == 10 * (len(a["results"]) + 1)),
        (("modifiers",), lambda a: a["severity"]["weight"] == 1.2),
        (("batch", 8192, "--until", 1000), lambda a: a["draws"] == 8192 and len(a["convergence"]) == 1),
        (("psa", "--draws", 256, "--design", "sobol"), lambda a: a["manifest"]["design"] == "sobol"),
    ],
)
def test_every_analysis_answers_on_the_command_line(arguments, check):
    done = hemodel(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    assert check(json.loads(done.stdout))  # in words they run in tests/test_readme.py


def test_the_draws_that_a_batch_kept_are_read_as_it_says(tmp_path):
    done = hemodel("batch", 5000, "--folder", tmp_path / "kept", "--keep-draws", "--json")
    call = re.search(r"hemodel\.(read_draws)\('(.*)'\)", done.stderr)
    draws = getattr(hm, call[1])(call[2])
    assert len(draws) == 5000 == json.loads(done.stdout)["draws"]
    means = [draws[f"costs_pas_{row['strategy']}"].mean() for row in json.loads(done.stdout)["results"][2:]]
    assert means == pytest.approx([row["costs"] for row in json.loads(done.stdout)["results"][2:]], rel=1e-12)
    assert "read_draws" not in hemodel("batch", 5000, "--json").stderr


def test_curves_are_fitted_to_a_file_and_the_model_runs_with_one(tmp_path):
    data = Path(__file__).parent / "published" / "gbsg2.csv"
    done = hemodel("fit", data, "--unit", "days", "--family", "weibull", "--family", "exponential", "--json")
    found = json.loads(done.stdout)
    assert (found["rows"], found["events"]) == (686, 299)
    assert [row["family"] for row in found["results"]] == ["weibull", "exponential"]
    assert found["results"][0]["median"] == pytest.approx(4.640905 * 365, rel=1e-6)  # flexsurv
    more = ["--curve", "pfs", "--strategy", "lenalidomide_dexamethasone", "--family", "weibull", "--json"]
    run = json.loads(hemodel("fit", data, "--unit", "days", *more).stdout)
    assert run["family"] == "weibull"
    assert run["model"][0]["life_years"] > 4  # the curve's median is 4.6 years
    assert "fitted pfs_lenalidomide_dexamethasone" in run["manifest"]["changed"]
    kept = tmp_path / "mine.toml"
    hemodel("fit", data, "--unit", "days", *more, "--save", kept)
    again = json.loads(hemodel("run", "--scenario", kept, "--draws", "0", "--json").stdout)
    assert [row["icer"] for row in again["results"]] == [row["icer"] for row in run["model"]]


def test_a_curve_as_a_digitiser_gives_it_is_read_and_what_was_put_right_is_told(tmp_path):
    curve, risk = tmp_path / "curve.csv", tmp_path / "risk.csv"
    curve.write_text("time,survival\n9,60.1\n2,100.2\n4,90\n4,80.2\n6,80.3\n12,50\n")
    risk.write_text("time,at_risk\n0,40\n6,32\n12,20\n18,0\n")
    done = hemodel("fit", curve, "--risk", risk, "--family", "exponential", "--json")
    told = json.loads(done.stdout)["read"]
    assert [line for line in told if not line.startswith(("Read ", "Rebuilt "))] == [
        "Survival is in per cent.",
        "5 points not in the order of the times were put in it.",
        "1 point outside 0 to 1 by up to 0.002 was moved to the limit.",
        "1 point above another at the same time was left out.",
        "The point (0, 1) was added.",
        "1 point that rises by up to 0.001 was levelled.",
        "1 time of the table, after the last point or with nobody at risk, was left out.",
        "The numbers at risk are those of the table.",
    ]
    curve.write_text("time,survival\n0,1\n4,0.8\n6,0.9\n9,0.6\n12,0.7\n")
    refused = hemodel("fit", curve, "--risk", risk)
    assert [line.partition(". ")[0] for line in refused.stderr.splitlines() if "rises" in line] == [
        "error: curve.csv, row 4 (time 6): survival rises there by 0.1",
        "error: curve.csv, row 6 (time 12): survival rises there by 0.1",
    ]


def test_late_entries_and_weights_of_a_file_reach_the_fits(tmp_path):
    data = tmp_path / "mine.csv"
    data.write_text("time,event,start,w\n4,1,1,1\n6,1,0,2\n8,0,3,1\n9,1,0,1\n")
    asked = ["fit", data, "--family", "exponential", "--json"]
    late = json.loads(hemodel(*asked, "--entry-column", "start").stdout)
    assert late["results"][0]["estimates"] == "rate 0.130435"  # 3 events in 23 months seen
    heavy = json.loads(hemodel(*asked, "--weight-column", "w").stdout)
    assert heavy["results"][0]["estimates"] == "rate 0.121212"  # 4 events in 33 months
    assert heavy["rows"] == 4


def test_intervals_of_a_file_are_fitted_and_run_the_model(tmp_path):
    data = tmp_path / "visits.csv"
    rows = ["0,6"] * 7 + ["6,12"] * 5 + ["12,24"] * 5 + ["24,"] * 3
    data.write_text("\n".join(["lower,upper", *rows]) + "\n")
    done = hemodel("fit", data, "--family", "exponential", "--curve", "pfs", "--strategy", "lenalidomide_dexamethasone", "--json")
    found = json.loads(done.stdout)
    assert (found["rows"], found["events"]) == (20, 17)
    assert "3 of 20 without an upper end (not seen)" in found["read"][0]
    observed, fitted, *averages = found["landmarks"]
    assert observed["curve"] == "observed" and observed["survival_at_1_year"] == pytest.approx(8 / 20)
    assert observed["survival_at_3_years"] is None and fitted["mean"] == pytest.approx(found["results"][0]["median"] / 0.6931472)
    assert [row["curve"] for row in averages] == ["average by AIC weight", "average by BIC weight"]
    assert found["model"][0]["life_years"] > 1


def test_times_of_0_are_dealt_with_as_asked_and_told(tmp_path):
    data = tmp_path / "mine.csv"
    data.write_text("time,event\n0,1\n4,1\n6,0\n")
    refused = hemodel("fit", data, "--family", "exponential")
    assert refused.returncode == 2
    assert "--at-zero half_a_day or --at-zero leave_out" in refused.stderr
    out = json.loads(hemodel("fit", data, "--family", "exponential", "--at-zero", "leave_out", "--json").stdout)
    assert out["rows"] == 2 and out["read"][-1] == "1 of 3 times are 0, of which there is no density: they are left out."
    half = json.loads(
        hemodel("fit", data, "--family", "exponential", "--at-zero", "half_a_day", "--unit", "days", "--json").stdout
    )
    assert half["results"][0]["estimates"] == "rate 0.190476"  # 2 events in 10.5 days
    wrong = hemodel("fit", data, "--at-zero", "drop")
    assert wrong.returncode == 2 and "at_zero 'drop'" in wrong.stderr


def test_a_file_of_a_german_excel_is_read_and_the_reading_told(tmp_path):
    data = tmp_path / "mine.csv"
    data.write_bytes("id;Dauer;Status;arm;\r\n1;1,5;1;A;\r\n2;2,25;0;A;\r\n3;3;1;Ä;\r\n".encode("cp1252"))
    done = hemodel("fit", data, "--time-column", "Dauer", "--where", "arm=A", "--family", "exponential", "--json")
    found = json.loads(done.stdout)
    assert (found["rows"], found["events"]) == (2, 1)
    assert found["results"][0]["median"] == pytest.approx(3.75 * 0.6931472)
    line = (
        "Read mine.csv: Windows-1252, separator semicolon, decimal comma, columns Dauer and Status, 1 = event, 0 = censored, "
        "2 of 3 rows, where arm=A, 2 of 4 columns left out: id, arm."
    )
    assert found["read"] == [line]
    assert line in done.stderr


def trial_file(path, *, end=None):
    """Twins, one in each arm, whose untreated times are 2, 4, ..., 80; treatment doubles time, and every second comparator switches."""
    rows = []
    for k in range(1, 41):
        untreated, off = 2.0 * k, k * (1.0 if k % 2 else 2.0)
        rows += [(2 * untreated, 1, 2 * untreated), (off + 2 * (untreated - off), 0, 2 * (untreated - off))]
    lines = ["time,event,arm,time_on_treatment" + (",censoring_time" if end else "")]
    for time, arm, on in rows:
        seen = time if end is None else min(time, end)
        given = [f"{seen:g}", str(int(seen == time)), str(arm), f"{max(on - (time - seen), 0):g}", *([f"{end:g}"] if end else [])]
        lines.append(",".join(given))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_crossover_is_adjusted_in_another_folder_and_its_people_are_fitted(tmp_path):
    trial_file(tmp_path / "trial.csv")
    command = [sys.executable, "-m", "hemodel.cli"]
    words = ["crossover", "trial.csv", "--save", "adjusted.csv", "--json"]
    done = subprocess.run([*command, *words], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    told = {row["quantity"]: row for row in found["results"]}
    assert told["time_ratio"]["estimate"] == pytest.approx(2.0, rel=1e-8)
    assert told["hazard_ratio_adjusted"]["estimate"] < told["hazard_ratio_as_randomised"]["estimate"] < 1
    assert told["median_comparator_if_nobody_switched"]["estimate"] == pytest.approx(40.0, rel=1e-8)
    assert (found["people"], found["events"], found["comparator"], found["switched"]) == (80, 80, 40, 20)
    assert "same effect whenever it is given" in found["assumes"][0]
    kept = pd.read_csv(tmp_path / "adjusted.csv")
    assert sorted(kept["time"][kept["arm"] == 0]) == pytest.approx([2.0 * k for k in range(1, 41)], rel=1e-8)
    assert [row["time"] for row in found["counterfactual"]] == pytest.approx(list(kept["time"]))
    words = ["fit", "adjusted.csv", "--where", "arm=0", "--family", "exponential", "--json"]
    fitted = subprocess.run([*command, *words], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert json.loads(fitted.stdout)["results"][0]["median"] == pytest.approx(41 * 0.69314718, rel=1e-7)


def test_crossover_tells_people_and_pipes_the_ratios_and_what_is_assumed(tmp_path):
    data = trial_file(tmp_path / "trial.csv", end=60.0)
    piped, shown = hemodel("crossover", data), hemodel("crossover", data, to=Terminal)
    assert piped.stdout.splitlines()[0] == "quantity\testimate\tlow\thigh"
    assert "Hazard ratio, as randomised" in shown.stdout and "Kaplan-Meier survival" in shown.stdout
    for done in (piped, shown):
        assert "nothing in the data can confirm it" in done.stderr and "not censored anew" not in done.stderr
    assert json.loads(hemodel("crossover", data, "--json").stdout)["recensored"] is True


@pytest.mark.parametrize(
    ("change", "options", "says"),
    [
        (
            ("4,1,1,4", "4,1,1,5"),
            [],
            "trial.csv, row 2: time_on_treatment 5 is not from 0 to the time. Give time spent on treatment",
        ),
        (("arm", "group"), [], "trial.csv, row 1: there is no column arm among: time, event, group, time_on_treatment"),
        (("4,1,1,4", "4,1,1,4"), ["--unit", "moths"], "--unit moths: it is not a unit of time. Did you mean months?"),
        (("4,1,1,4", "4,1,1,4"), ["--search", "0"], "search: 0 is not above 0"),
        (("4,1,1,4", "4,1,1,4"), ["--search", "0.1"], "search: Z does not change sign from -0.1 to 0.1. Widen it"),
        (("4,1,1,4", "4,1,1,4"), ["--save", "adjusted.txt"], "--save adjusted.txt: the name does not end in .csv"),
        (("4,1,1,4", "43835,1,1,4"), [], "trial.csv, row 2: 43,835 months are 3,653 years"),
    ],
)
def test_a_trial_that_cannot_be_adjusted_is_told_with_its_row(change, options, says, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = trial_file(tmp_path / "trial.csv")
    path.write_text(path.read_text().replace(*change, 1))
    done = hemodel("crossover", "trial.csv", *options)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"error: {says}")
    assert [entry.name for entry in tmp_path.iterdir()] == ["trial.csv"]


def test_people_are_rebuilt_from_a_digitised_curve(tmp_path):
    curve, risk = tmp_path / "curve.csv", tmp_path / "risk.csv"
    points = [(t / 10, 0.5 ** (t / 100)) for t in range(301)]
    curve.write_text("time,survival\n" + "\n".join(f"{t},{s:.6f}" for t, s in points), encoding="utf-8")
    risk.write_text("time,at_risk\n0,200\n10,100\n20,50\n", encoding="utf-8")
    done = hemodel("fit", curve, "--risk", risk, "--family", "exponential", "--json")
    assert "Rebuilt 200 people" in done.stderr
    assert json.loads(done.stdout)["results"][0]["median"] == pytest.approx(10, rel=0.02)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["fit", "none.csv"], "the file is not there"),
        (["fit", "none.csv", "--curve", "pfs"], "Give both, or neither"),
        (["fit", "none.csv", "--save", "x.toml"], "there is no curve to save"),
        (["fit", "none.csv", "--curve", "pfs", "--strategy", "x", "--save", "x.csv"], "does not end in .toml"),
        (["evsi", "u_progressed", "--draws", "100"], "the spread between people is not known"),
        (["evsi", "u_progressed", "--sizes", "10;20", "--draws", "100"], "Write for example 50,100,200"),
        (["evsi", "u_progressed", "--sd", "u_progressed=x", "--draws", "100"], "not NAME=VALUE with a number"),
        (["budget", "--years", "9"], "there is no p_uptake_year_6"),
        (["compare", "--population", "nobody"], "nobody"),
        (["weighted", "--weight", "nobody=1"], "there is no such population"),
        (["one-way", "--strategy", "nothing"], "not one to compare with the comparator"),
        (["convergence", "--replicates", "1", "--draws", "100"], "Give 2 or more"),
        (["run", "--full"], "Give --out FILE.xlsx, and draws"),
        (["one-way", "--out", "a.txt"], "does not end in .csv"),
        (["verify", "relapse"], "there is no such decision problem"),
        (["verify", "--out", "a.xlsx"], "does not end in .csv"),
        (["verify", "--population", "nobody"], "nobody"),
        (["verify", "--set", "u_progressed=nan"], "is not a finite number"),
        (["export", "--live", "model.xls"], "does not end in .xlsx"),
        (["export", "--live", "nowhere/model.xlsx"], "there is no folder nowhere"),
        (["export", "--live", "model.xlsx", "--draws", "1"], "draws: 1 is not a whole number from 2"),
        (["export", "--live", "model.xlsx", "--seed", "-3"], "-3 is not a whole number from 0"),
        (["export", "relapse", "--live", "model.xlsx", "--redacted"], "there is no such decision problem"),
        (["report", "--out", "report.pdf"], "does not end in .docx"),
        (["report", "--out", ".docx"], "does not end in .docx"),
        (["report", "--out", "report.docx", "--draws", "-1"], "-1 is not a whole number from 2"),
        (["report", "--out", "report.docx", "--scenario", "nosuch"], "nosuch"),
        (["fit", "."], "."),
        (["fit", DATA, "--unit", "days", "--family", "normal"], "normal"),
        (["fit", DATA, "--unit", "days", "--family", ""], "family"),
        (["fit", DATA, "--unit", "days", "--family", "spline_hazard", "--knots", "-3"], "will not do"),
        (["fit", DATA, "--unit", "days", "--curve", "pfs", "--strategy", "nobody", "--family", "exponential"], "nobody"),
        (["fit", DATA, "--unit", "days", "--curve", "xx", "--strategy", "dexamethasone", "--family", "exponential"], "xx"),
        (["fit", DATA, "--unit", "moons", "--curve", "pfs", "--strategy", "dexamethasone", "--family", "exponential"], "moons"),
        (["fit", DATA, "--risk", "none.csv"], "survival"),
        (["fit", DATA, "--risk", "none.csv", "--event-value", "1"], "a digitised curve has no events"),
        (["fit", DATA], "gbsg2.csv, row 3: 1,814 months are 151 years"),
        (["batch", "1"], "draws: 1 is not a whole number from 2"),
        (["batch", "5000", "--threads", "0"], "threads: 0 is not a whole number from 1"),
        (["batch", "5000", "--until", "-1"], "is not an amount of money"),
        (["batch", "5000", "--until", "nan"], "is not an amount of money"),
        (["batch", "5000", "--keep-draws"], "there is no folder to keep them in"),
        (["batch", "5000", "--folder", DATA], "the folder cannot be used"),
        (["batch", "10000000000000"], "would take years"),
        (["read-back", "none.xlsx"], "the file cannot be read"),
        (["read-back", "."], "the file cannot be read"),
        (["read-back", DATA], "this is not an Excel workbook"),
        (["read-back", DATA, "--out", "a.doc"], "does not end in .csv"),
        (["global", "--method", "nothing"], "it is not one of these"),
        (["global", "--size", "3"], "is not a whole number from 4"),
        (["global", "--size", "1000"], "1000 is not a power of 2"),
        (["global", "--method", "fast", "--size", "64"], "too few for FAST"),
        (["global", "--method", "pawn", "--size", "1"], "1 is not a whole number from 2"),
        (["global", "--outcome", "happiness"], "it is not one that is analysed"),
        (["global", "--method", "morris", "--size", "8", "--seed", "-1"], "is not a whole number from 0"),
        (["compare", "relapse"], "there is no such decision problem"),
        (["compare", "--scenario", "nosuch"], "nosuch"),
        (["compare", "--scenario", "", "--population", ""], "population"),
        (["compare", "--out", "nowhere/a.csv"], "there is no folder nowhere"),
        (["scenarios", "../relapsed"], "there is no such decision problem"),
        (["scenarios", "--population", "one_priors"], "Did you mean one_prior?"),
        (["scenarios", "--out", "a.txt"], "does not end in .xlsx or .csv"),
    ],
)
def test_requests_that_cannot_be_met_are_told_with_status_2(arguments, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = hemodel(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: ") and words in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "arguments",
    [
        ["export"],
        ["report"],
        ["read-back"],
        ["batch"],
        ["batch", "many"],
        ["batch", "-5"],
        ["batch", "1.5"],
        ["batch", "5000", "5000"],
        ["export", "--live"],
        ["report", "--out", "r.docx", "--draws", "ten"],
        ["verify", "--nonsense"],
        ["fit"],
        ["crossover"],
        ["global", "--size", "2.5"],
        ["compare", "--out"],
        ["scenarios", "relapsed", "first_line"],
        ["run", "--seed", "x"],
        ["no-such-command"],
    ],
)
def test_a_command_line_that_cannot_be_read_ends_with_status_2_and_writes_nothing(arguments, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = hemodel(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr and "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_odd_requests_that_mean_something_are_answered(tmp_path, monkeypatch):
    """Spaces around a name, a file with a name that looks like an option."""
    monkeypatch.chdir(tmp_path)
    twice = json.loads(hemodel("run", "--json", "--draws", 0, "--set", " u_progressed =0.6").stdout)
    assert twice["results"] == json.loads(hemodel("run", "--json", "--draws", 0, "--set", "u_progressed=0.6").stdout)["results"]
    assert "probabilistic" not in twice or not twice["probabilistic"]
    assert hemodel("compare", "--scenario", "no_scheme", "--population", "one_prior", "--out", "-é $(x).csv").returncode == 0
    assert [path.name for path in tmp_path.iterdir()] == ["-é $(x).csv"]


@pytest.mark.parametrize(
    ("arguments", "columns"),
    [
        (["budget"], {"year", "budget_impact"}),
        (["drivers"], {"parameter", "flips_at"}),
        (["convergence", "--draws", "200"], {"draws", "icer_low"}),
        (["convergence", "--draws", "64", "--design", "sobol", "--replicates", "2"], {"quantity", "standard_error"}),
        (["weighted", "--weight", "one_prior=1"], {"icer"}),
    ],
)
def test_tables_are_written_whole_as_csv_and_json(arguments, columns, tmp_path):
    out = tmp_path / "table.csv"
    done = hemodel(*arguments, "--out", out, "--json")
    assert done.returncode == 0
    found = json.loads(done.stdout)["results"]
    assert columns <= set(found[0])
    assert len(pd.read_csv(out)) == len(found)


def test_one_check_that_fails_ends_verify_with_status_1_and_its_id(monkeypatch):
    failing = [
        replace(c, does=lambda _s: findings.Finding(findings.FAIL, "this", "that")) for c in verification.CHECKS if c.id == "R8"
    ]
    others = [c for c in verification.CHECKS if c.id in ("E2", "F1")]
    for checks, status in (((*others, *failing), 1), (others, 0)):
        monkeypatch.setattr(verification, "CHECKS", tuple(checks))
        done = hemodel("verify", "relapsed", "--json")
        answer = json.loads(done.stdout)
        failed = [row["id"] for row in answer["results"] if row["verdict"] == "fail"]
        assert (done.returncode, failed, answer["passed"]) == (status, ["R8"] * status, status == 0)


def test_validate_names_a_parameter_that_the_model_needs_and_the_files_do_not_hold(tmp_path):
    source = Path(__file__).parent.parent / "inputs" / "relapsed"
    for file in source.iterdir():
        lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
        kept = lines if file.name == "payoffs.csv" else [x for x in lines if "u_progressed" not in x]
        (tmp_path / file.name).write_text("".join(kept), encoding="utf-8")
    done = hemodel("validate", tmp_path)
    assert done.returncode == 2
    assert "the model needs u_progressed (utility), which is not among them" in done.stderr
    assert "Traceback" not in done.stderr


def folder_with_a_discount(tmp_path, mark):
    """A folder of one's own whose scheme is a price discount."""
    folder = tmp_path / "mine"
    shutil.copytree(data_folder("inputs") / "relapsed", folder)
    shutil.copytree(data_folder("inputs") / "life_tables", tmp_path / "life_tables")
    settings = (folder / "settings.toml").read_text(encoding="utf-8")
    before, rest = settings.split("[schemes.pas]")
    terms = 'label = "37.19 % off"\ndrug = "lenalidomide"\nkind = "price_discount"\nprice_discount = 0.3719'
    scheme = f"[schemes.pas]\n{terms}\n{mark}\n[drugs.lenalidomide]"
    (folder / "settings.toml").write_text(before + scheme + rest.split("[drugs.lenalidomide]", 1)[1], encoding="utf-8")
    return folder


def test_export_redacted_holds_nothing_of_a_discount_that_is_marked(tmp_path):
    folder, out = folder_with_a_discount(tmp_path, 'confidentiality = "cic"'), tmp_path / "redacted.xlsx"
    done = hemodel("export", folder, "--live", out, "--redacted")
    assert (done.returncode, done.stdout) == (0, "") and "3719" not in done.stderr
    inputs = hm.load_inputs(folder)
    base = hm.run_base_case(inputs)
    with zipfile.ZipFile(out) as archive:
        whole = "\n".join(archive.read(name).decode("utf-8", "replace") for name in archive.namelist())
    costs, packs = base.outcomes.total_costs("pas")[0, 0], 4368 * (1 - 0.3719)
    numbers = [float(x) for x in re.findall(r"<v>(-?[\d.]+(?:E[+-]?\d+)?)</v>", whole)]
    assert len(numbers) > 10_000
    secrets = ("0.3719", "0.6281", "37.19", "37.19 %", "37.19 % off", inputs.hash[:12], inputs.hash)
    assert [secret for secret in secrets if re.search(rf"(?<![\d.]){re.escape(secret)}(?!\d)", whole)] == []
    assert not [
        x for x in numbers if min(abs(x / secret - 1) for secret in (0.3719, 0.6281, packs, costs, base.icer("pas"))) < 1e-6
    ]
    assert str(base.icer("list"))[:10] in whole and "[REDACTED]" in whole


def test_export_redacted_asks_whether_a_scheme_without_a_mark_is_confidential(tmp_path):
    folder, out = folder_with_a_discount(tmp_path, ""), tmp_path / "redacted.xlsx"
    done = hemodel("export", folder, "--live", out, "--redacted")
    assert (done.returncode, done.stdout) == (2, "") and not out.exists()
    assert done.stderr.startswith("error: [schemes.pas]: whether its terms are confidential is not said")
    assert 'Write confidentiality = "cic"' in done.stderr and "Traceback" not in done.stderr
    assert hemodel("export", folder, "--live", tmp_path / "whole.xlsx", "--draws", 0).returncode == 0, (
        "nothing is called redacted"
    )


def test_a_mark_that_is_not_one_is_refused_with_those_that_are(tmp_path):
    done = hemodel("validate", folder_with_a_discount(tmp_path, 'confidentiality = "secret"'))
    assert done.returncode == 2
    assert "settings.toml (schemes.pas.confidentiality): 'secret' is not a choice" in done.stderr and "cpas" in done.stderr


def test_an_option_of_one_value_given_twice_is_refused_and_never_answered_by_the_last():
    done = hemodel("run", "--scenario", "horizon_10_years", "--scenario", "partitioned_survival", "--draws", 0)
    assert (done.returncode, done.stdout) == (2, "")
    assert "--scenario: it is given 2 times and takes one value" in done.stderr


@pytest.mark.parametrize("words", [("maintenance",), ("--problem", "maintenance")])
def test_the_problem_is_the_first_word_of_every_command_and_problem_its_alias(words):
    answer = json.loads(hemodel("threshold", *words, "pack_price", "--json").stdout)
    assert answer["manifest"]["problem"] == "maintenance"
    assert "both maintenance and --problem relapsed" in hemodel("run", "maintenance", "--problem", "relapsed").stderr


def test_set_takes_settings_and_terms_of_a_scheme():
    icer = json.loads(hemodel("run", "--draws", 0, "--json", "--set", "horizon_years=10").stdout)["results"][2]["icer"]
    assert icer == hm.run_base_case(hm.load_inputs().with_settings(horizon_years=10.0)).icer("pas")
    capped = hemodel("run", "--draws", 0, "--json", "--set", "schemes.pas.drug_cost_cap_cycles=20")
    assert json.loads(capped.stdout)["results"][2]["icer"] < 42_822
    assert "horizon_years" in hemodel("run", "--set", "horizon_yers=10").stderr


def test_in_a_pipe_the_answer_is_tabs_and_holds_the_probabilistic_icer_worked_out_on_means():
    table = pd.read_csv(io.StringIO(hemodel("run", "--draws", "5e2").stdout), sep="\t")
    psa = hm.run_psa(hm.load_inputs(), 500).table
    found = table.query("analysis == 'probabilistic' and price_arrangement == 'pas'")["icer_incremental"].max()
    assert found == pytest.approx(psa["icer"].iloc[2], rel=1e-12)


def test_parameters_of_each_draw_stand_beside_its_results_in_parquet(tmp_path):
    assert hemodel("psa", "--draws", 100, "--out", tmp_path / "draws.parquet").returncode == 0
    found, psa = pd.read_parquet(tmp_path / "draws.parquet"), hm.run_psa(hm.load_inputs(), 100)
    assert found["u_progressed"].tolist() == psa.draws()["u_progressed"].tolist()
    assert found["qalys_dexamethasone"].tolist() == psa.results()["qalys_dexamethasone"].tolist()


def test_a_reading_says_against_whom_where_there_are_more_than_two_strategies():
    """One prior therapy: the ICER against dexamethasone is not the incremental one, against bortezomib."""
    answer = json.loads(hemodel("run", "one_prior", "--draws", "0", "--json").stdout)
    readings = {row["strategy"]: row["reading"] for row in answer["results"] if row["price_arrangement"] == "list"}
    assert readings == {
        "dexamethasone": "comparator",
        "bortezomib": "GBP 35,105 per QALY gained against dexamethasone",
        "lenalidomide_dexamethasone": "GBP 68,360 per QALY gained against dexamethasone",
    }
    two = json.loads(hemodel("run", "relapsed", "--draws", "0", "--json").stdout)["results"]
    assert [row["reading"] for row in two if row["price_arrangement"] == "list"] == ["GBP 48,045 per QALY gained", "comparator"]


def test_the_end_of_life_advice_is_judged_for_every_strategy_by_name():
    """Months by hand from the undiscounted life years of NICE's table: 12 x (4.450 - 2.025) and 12 x (3.380 - 2.025)."""
    done = hemodel("modifiers", "one_prior", "--json")
    found = {row["strategy"]: row["extension_months"] for row in json.loads(done.stdout)["end_of_life"]}
    assert found == {"lenalidomide_dexamethasone": pytest.approx(29.1, abs=0.02), "bortezomib": pytest.approx(16.26, abs=0.02)}
    told = hemodel("modifiers", "one_prior").stderr
    assert "Lenalidomide + dexamethasone: " in told and "Bortezomib: " in told
    assert "Lenalidomide + dexamethasone: " not in hemodel("modifiers", "relapsed").stderr
