"""The invented appraisals in examples/ and what `hemodel new` writes: folders without Python, run as their users run them.

Pitfalls guarded: an invented number that looks like evidence; data and curves that have parted; vials that are shared and cost more; a
folder half written, or written over somebody's work; a typed number that another stands for.
"""

import csv
import io
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import hemodel as hm
from hemodel.errors import InputError
from hemodel.evidence.draws import sampler
from hemodel.evidence.fitted import estimates_of
from hemodel.evidence.survival_data import Columns, read_times
from hemodel.report.new_folder import NewAppraisal, NewStrategy, write_new
from hemodel.report.scenario_file import scenario_toml
from hemodel.survival.fitting import fit

EXAMPLES = Path(__file__).parent.parent / "examples"
BOTH = pytest.mark.parametrize("name", ["infusion", "tablets"])
V = 1.035


def hemodel(*arguments, cwd, typed=None):
    command = [sys.executable, "-m", "hemodel.cli", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd, input=typed)


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


@BOTH
def test_an_example_is_marked_as_invented_wherever_a_number_stands(name):
    inputs = hm.load_inputs(EXAMPLES / name)
    assert "INVENTED" in inputs.settings.question and inputs.settings.price_year == "invented"
    assert "INVENTED" in (EXAMPLES / name / "settings.toml").read_text(encoding="utf-8").splitlines()[0]
    for parameter in inputs.parameters.values():
        assert (parameter.status, "invented" in parameter.note) == ("assumed", True), parameter.name
    assert all(c.status == "assumed" for c in inputs.correlations)


@BOTH
def test_an_example_is_run_from_anywhere_with_all_its_scenarios_and_populations(tmp_path, name):
    done = hemodel("run", EXAMPLES / name, "--draws", 0, "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert {row["price_arrangement"] for row in json.loads(done.stdout)["results"]} > {"list"}
    done = hemodel("validate", EXAMPLES / name, "--json", cwd=tmp_path)
    told = json.loads(done.stdout)
    assert (told["faults"], told["populations"], told["analyses_left_out"]) == (0, 2, {})
    assert told["scenarios"] == len(list((EXAMPLES / name / "scenarios").glob("*.toml"))) >= 3


def test_the_people_of_the_infusion_are_those_of_their_seed():
    luck = np.random.default_rng(2026)
    rows = [["person", "arm", "pfs_months", "pfs_event", "os_months", "os_event"]]
    for arm, median_pfs, mean_after in (("antibody", 13.0, 17.0), ("older_drug", 7.0, 13.0)):
        pfs = median_pfs * (-np.log2(luck.random(150))) ** (1 / 1.2)
        dies_first = luck.random(150) < 0.1
        os_times = np.where(dies_first, pfs, pfs + mean_after * -np.log(luck.random(150)))
        end = luck.uniform(18.0, 42.0, 150)
        for k in range(150):
            seen = [cell for t in (pfs[k], os_times[k]) for cell in (f"{max(min(t, end[k]), 0.1):.1f}", int(t <= end[k]))]
            rows.append([f"{arm[0]}{k + 1:03d}", arm, *seen])
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    assert (EXAMPLES / "infusion" / "people.csv").read_text(encoding="utf-8") == text.getvalue()


@pytest.mark.parametrize("curve", ["pfs", "os"])
@pytest.mark.parametrize("strategy", ["antibody", "older_drug"])
def test_the_curves_in_the_settings_are_fitted_to_the_people_and_drawn_with_their_covariance(strategy, curve):
    inputs, name = hm.load_inputs(EXAMPLES / "infusion"), f"{curve}_{strategy}"
    columns = Columns(time=f"{curve}_months", event=f"{curve}_event", event_value=None, where=f"arm={strategy}")
    people = read_times(EXAMPLES / "infusion" / "people.csv", columns)
    found = fit(people.times / 12, people.values, "weibull")
    held = estimates_of(name, inputs.settings.fitted_curves[name], inputs.parameters, inputs.correlations)
    assert list(held.coefficients.values()) == pytest.approx(found.transformed_estimates.tolist(), rel=1e-5)
    assert np.array(held.covariance) == pytest.approx(found.covariance, rel=1e-4)
    draws = sampler(inputs, seed=1).block(0, 4_000)
    drawn = np.cov([draws[f"fit_{name}_0"], draws[f"fit_{name}_1"]])
    assert drawn == pytest.approx(found.covariance, rel=0.12, abs=2e-4)


def test_fits_in_the_settings_are_no_change_of_a_scenario_and_may_be_changed_by_one(tmp_path):
    inputs = hm.load_inputs(EXAMPLES / "infusion")
    assert "fitted_curves" not in scenario_toml(inputs, name="x", label="X", why="Y")
    changed = inputs.filed(scenario="os_log_logistic")
    assert changed.settings.fitted_curves["os_antibody"].family == "log_logistic"
    assert changed.settings.fitted_curves["os_older_drug"].family == "weibull"
    (tmp_path / "again.toml").write_text(scenario_toml(changed, name="again", label="X", why="Y"), encoding="utf-8")
    again = inputs.filed(scenario=tmp_path / "again.toml")
    assert hm.run_base_case(again).icer("list") == pytest.approx(hm.run_base_case(changed).icer("list"), rel=1e-9)
    text = (tmp_path / "again.toml").read_text(encoding="utf-8")
    assert "[fitted_curves.os_antibody]" in text and "[parameters" not in text and "os_older_drug" not in text


def test_the_antibody_is_given_every_three_weeks_for_two_years_and_the_older_drug_six_times():
    result = hm.run_base_case(hm.load_inputs(EXAMPLES / "infusion"))
    free, value = result.trace["progression_free"], {n: p.value for n, p in result.inputs.parameters.items()}
    first, later = value["c_infusion_first"], value["c_infusion_later"]
    for i, givings in enumerate((35, 6)):  # 35: days 0, 21, ..., 714
        people = [free[3 * k, i] * V ** -(21 * k / 365.25) for k in range(givings)]
        found = result.outcomes.costs["list"]["administration"][i, 0]
        assert found == pytest.approx(first * people[0] + later * sum(people[1:]), rel=1e-12)


def test_the_rebate_takes_a_tenth_and_from_the_eighteenth_cycle_three_tenths():
    result = hm.run_base_case(hm.load_inputs(EXAMPLES / "infusion"))
    people = [result.trace["progression_free"][3 * k, 0] * V ** -(21 * k / 365.25) for k in range(35)]
    charged = (0.9 * sum(people[:17]) + 0.7 * sum(people[17:])) / sum(people)
    costs = result.outcomes.costs
    assert costs["rebate"]["antibody"][0, 0] / costs["list"]["antibody"][0, 0] == pytest.approx(charged, rel=1e-12)


def test_shared_vials_cost_what_the_dose_takes_and_whole_ones_more():
    inputs = hm.load_inputs(EXAMPLES / "infusion")
    shared = inputs.filed(scenario="vials_shared")
    prices = [np.unique(hm.run_base_case(i).outcomes.undiscounted.costs["list"]["antibody"][0, 0]) for i in (shared, inputs)]
    assert prices[0] < prices[1] < 1.2 * prices[0]
    per_giving = 3 * 75 * 540 / 100  # mg times the price of a mg in the larger vial
    givings = hm.run_base_case(shared).trace["progression_free"][0 : 3 * 35 : 3, 0].sum()
    assert prices[0][0] == pytest.approx(per_giving * givings, rel=1e-12)


def test_the_tablets_go_down_in_dose_month_by_month_and_are_discounted_by_whole_years():
    result = hm.run_base_case(hm.load_inputs(EXAMPLES / "tablets"))
    free, total = result.trace["progression_free"][:, 0], 0.0
    for month in range(len(free) - 1):
        expected = 0.3 * month / 12
        none, one = np.exp(-expected), expected * np.exp(-expected)
        price = none * 2400 + one * 1900 + (1 - none - one) * 1350
        total += free[month] * price * 1.03 ** -(month // 12)
    costs = result.outcomes.costs
    assert costs["list"]["new_tablet"][0, 0] == pytest.approx(total, rel=1e-9)
    assert costs["discount"]["new_tablet"][0, 0] == pytest.approx(0.75 * total, rel=1e-9)
    assert costs["list"]["generic_tablet"][0, 0] == 0
    assert result.inputs.settings.currency == "EUR"


# A new folder -------------------------------------------------------------------------------------------------------------

TOLD = ("--strategy", "New tablet; Examplinib; 123456.789; 14; 30", "--strategy", "Usual care; ; ; 8; 20")


def test_a_new_folder_holds_what_was_typed_as_assumed_and_meets_the_medians(tmp_path):
    done = hemodel("new", "mine", *TOLD, "--currency", "EUR", "--cycle-days", "30.436875", "--horizon", "25", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    inputs = hm.load_inputs(tmp_path / "mine")
    value = {name: p.value for name, p in inputs.parameters.items()}
    assert (value["c_examplinib_pack"], value["median_pfs_new_tablet"], value["median_os_usual_care"]) == (123456.789, 14, 20)
    assert (inputs.settings.cycle_days, inputs.settings.horizon_years, inputs.settings.currency) == (30.436875, 25, "EUR")
    assert (inputs.settings.comparator, inputs.settings.strategy_names) == ("usual_care", ("new_tablet", "usual_care"))
    assert {p.status for p in inputs.parameters.values()} == {"assumed"}
    for name in ("c_examplinib_pack", "median_pfs_new_tablet", "age_start", "p_male"):
        assert inputs.parameters[name].note.startswith("typed in hemodel new"), name
    assert not any(p.unit.startswith("GBP") for p in inputs.parameters.values())
    alive = hm.run_base_case(inputs).trace["progression_free"] + hm.run_base_case(inputs).trace["progressed"]
    years = np.arange(len(alive)) * inputs.settings.cycle_years
    for i, median in enumerate((30, 20)):
        assert np.interp(-0.5, -alive[:, i], years) * 12 == pytest.approx(median, abs=0.02)
    for command in ("validate", "calibrate"):
        again = hemodel(command, "./mine", cwd=tmp_path)
        assert again.returncode == 0, again.stderr


def test_a_new_folder_asks_for_what_it_is_not_told(tmp_path):
    answers = [
        "New tablet",
        "Examplinib",
        "2400",
        "14",
        "30",
        "Usual care",
        "",
        "8",
        "20",
        "y",
        "Old tablet",
        "Oldinib",
        "60",
        "9",
    ]
    typed = "\n".join([*answers, "21", "n", "21", "", "", "55", ""]) + "\n"
    done = hemodel("new", "mine", cwd=tmp_path, typed=typed)
    assert done.returncode == 0, done.stderr
    inputs = hm.load_inputs(tmp_path / "mine")
    assert inputs.settings.strategy_names == ("new_tablet", "usual_care", "old_tablet")
    assert (inputs.settings.comparator, inputs.settings.cycle_days) == ("old_tablet", 21)
    assert inputs.parameters["age_start"].value == 55
    assert set(inputs.settings.drugs) == {"oldinib", "examplinib"}
    assert hm.run_base_case(inputs).outcomes.costs["list"]["oldinib"][2, 0] > 0


def test_a_folder_that_is_there_is_never_touched(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "file").write_text("mine", encoding="utf-8")
    for name in ("mine", "file"):
        done = hemodel("new", name, *TOLD, cwd=tmp_path)
        assert (done.returncode, "already there" in done.stderr) == (2, True)
    assert names_in(tmp_path) == ["file", "mine"] and names_in(tmp_path / "mine") == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"currency": "eur"}, "currency: 'eur' is not one. Write its three capital letters"),
        ({"horizon_years": 0.0}, r"\(horizon_years\): 0 is too small"),
        ({"age": 130.0}, "130 is not an age"),
        ({"share_men": 1.5}, "1.5 is not a probability"),
        ({"cycle_days": 400.0}, r"\(cycle_days\): 400 is too large"),
        ({"strategies": 0}, "there are fewer than two"),
        ({"median_os": 10.0}, r"the median of survival \(10 months\) is not above that without progression"),
        ({"pack_price": -1.0}, "-1 is not a cost"),
        ({"label": "2nd line"}, "strategy '2nd line': it does not begin with a letter"),
        ({"label": "Usual care"}, "'usual_care' is listed twice"),
    ],
    ids=str,
)
def test_what_is_typed_and_cannot_be_is_refused_in_words_and_nothing_is_written(tmp_path, change, words):
    first, second = NewStrategy("New tablet", "Examplinib", 2400, 14, 30), NewStrategy("Usual care", "", 0, 8, 20)
    of_strategy = {key: value for key, value in change.items() if hasattr(first, key)}
    strategies = (replace(first, **of_strategy), second) if change != {"strategies": 0} else ()
    others = {key: value for key, value in change.items() if key not in of_strategy and key != "strategies"}
    with pytest.raises(InputError, match=words):
        write_new(tmp_path / "mine", NewAppraisal(strategies, **others))
    assert names_in(tmp_path) == []


def test_options_that_do_not_say_everything_are_refused_together(tmp_path):
    done = hemodel("new", "mine", "--strategy", "New; A; 1; 14", "--strategy", "Old; ; lots; 8; 20", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.count("does not say them all") == 2
    assert names_in(tmp_path) == []
