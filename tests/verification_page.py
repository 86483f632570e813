"""Writes docs/verification.md: `python -m tests.verification_page --write`; tests/verification/test_page.py compares.

`--everything` runs all checks on every population and scenario instead (some minutes), and ends with status 1 if one fails.
`--measure` compares the live workbooks with two other programs (some minutes) and keeps what it found in `AGREEMENT`.
"""

import datetime
import importlib.metadata
import importlib.util
import json
import math
import platform
import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

import numpy as np

import hemodel as hm
from hemodel.analyses.verification import CHECKS, verify
from hemodel.analyses.verification.findings import FAIL, VERDICTS
from hemodel.cohort.payoffs import payoff
from hemodel.evidence.folder import problem_titles
from hemodel.evidence.reading import data_folder
from hemodel.survival.fitting import fit

TESTS = Path(__file__).parent
PAGE = TESTS.parent / "docs" / "verification.md"
AGREEMENT = TESTS / "report" / "agreement.json"  # what --measure found, and when
PROBLEMS = tuple(problem_titles())


def load(name):
    """A module of the tests, by its path below tests/."""
    if name.startswith("app/test_"):
        sys.modules.setdefault("driving", load("app/driving.py"))
    spec = importlib.util.spec_from_file_location(f"page_{Path(name).stem}", TESTS / name)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # for its dataclasses
    spec.loader.exec_module(module)
    return module


def table(headings, rows):
    lines = ["| " + " | ".join(headings) + " |", "|" + "---|" * len(headings)]
    return "\n".join(lines + ["| " + " | ".join(str(cell).replace("|", "\\|") for cell in row) + " |" for row in rows])


def claim(name):
    """A test's name as a sentence."""
    words = name.removeprefix("test_").replace("_", " ")
    return words[0].upper() + words[1:]


def checks():
    found = {problem: verify(hm.load_inputs(problem)) for problem in PROBLEMS}
    counts = table(["problem", *VERDICTS], [[p, *v.counts.values()] for p, v in found.items()])
    verdicts = [found[p].table.set_index("id") for p in PROBLEMS]
    rows = [[c.id, c.what, *(v.loc[c.id, "verdict"] for v in verdicts)] for c in CHECKS]
    reasons = dict.fromkeys(
        f"- {c.id}: {v.loc[c.id, 'found']}" for c in CHECKS for v in verdicts if v.loc[c.id, "verdict"] == "not applicable"
    )
    every = table(["id", "what is done", *PROBLEMS], rows)
    return f"{counts}\n\n{every}\n\nNot applicable, and why:\n\n" + "\n".join(reasons)


def hiv():
    """Chancellor 1997 with the numbers of Briggs, Claxton and Sculpher; as in tests/cohort/test_engine.py."""
    engine = load("cohort/test_engine.py")
    care, alive = {"A": 2756.0, "B": 3052.0, "C": 9007.0}, dict.fromkeys("ABC", 1.0)
    ends = np.r_[0.0, np.ones(20)]
    discounted, two = ends / 1.06 ** np.arange(21), (np.arange(21) <= 2) * 1.0
    ratios = {"monotherapy": np.ones(20), "combination": np.where(np.arange(20) < 2, 0.509, 1.0)}
    costs, years = [], []
    for trace, price in ((engine.hiv_model(ratios["monotherapy"]), 0.0), (engine.hiv_model(ratios["combination"]), 2086.5)):
        drugs = payoff(trace, dict.fromkeys("ABC", 2278.0), discounted) + price * payoff(trace, alive, discounted * two)
        costs.append(float((payoff(trace, care, discounted) + drugs)[0]))
        years.append(float(payoff(trace, alive, ends)[0]))
    model = "HIV, Chancellor 1997"
    yield model, "costs, monotherapy and combination (GBP)", "44663.45, 50601.65", f"{costs[0]:.2f}, {costs[1]:.2f}"
    yield model, "life-years", "7.991207, 8.937389", f"{years[0]:.6f}, {years[1]:.6f}"
    yield model, "GBP per life-year gained", "6275.956", f"{(costs[1] - costs[0]) / (years[1] - years[0]):.3f}"


def sick_sicker():
    """The tutorial of the DARTH group, 2023, with its own weights; as in tests/cohort/test_engine.py."""
    engine = load("cohort/test_engine.py")
    weights = np.where(np.arange(76) % 2 == 1, 2 / 3, 4 / 3)
    weights[[0, -1]] = 1 / 3
    weights *= 1.03 ** -np.arange(76)
    published = {
        "standard of care": ("151580, 20.711", 1, 0, 0.75),
        "A": ("284805, 21.499", 1, 12_000, 0.95),
        "B": ("259100, 22.184", 0.6, 13_000, 0.75),
        "AB": ("378875, 23.137", 0.6, 25_000, 0.95),
    }
    for name, (theirs, factor, price, utility) in published.items():
        trace = engine.sick_sicker(factor)
        cost = payoff(trace, {"H": 2_000, "S1": 4_000 + price, "S2": 15_000 + price}, weights)[0]
        qalys = payoff(trace, {"H": 1.0, "S1": utility, "S2": 0.5}, weights)[0]
        yield "Sick-Sicker, DARTH 2023", f"costs (USD) and QALYs, {name}", theirs, f"{cost:.0f}, {qalys:.3f}"


def flexsurv():
    """Curves fitted to the German breast cancer data; estimates, errors and survival are in tests/survival/test_fitting.py."""
    fitting = load("survival/test_fitting.py")
    days, events = fitting.load("gbsg2")
    for name, (*_, criteria, _, _) in fitting.FLEXSURV.items():
        theirs = criteria.split()[0]
        ours = fit(days / 365, events, name).log_likelihood
        yield "German breast cancer, R's flexsurv", f"log-likelihood, {name.replace('_', ' ')}", theirs, f"{ours:.6f}"


CLOSED_FORMS = {
    "cohort/test_engine.py": (
        "test_a_constant_hazard_gives_exponential_survival",
        "test_a_cap_bought_at_cycle_start_has_its_closed_form",
        "test_a_cap_in_a_later_line_has_its_closed_form",
    ),
    "cohort/test_schemes.py": (
        "test_the_model_reproduces_the_closed_form_of_a_constant_stay_probability",
        "test_the_expected_charge_of_dispensed_cycles_equals_brute_force_over_every_history",
    ),
    "cohort/test_hazards.py": ("test_the_ramp_averages_over_cycles_exactly",),
    "survival/test_families.py": (
        "test_means_by_formula_agree_with_the_area_under_the_curve",
        "test_tails_agree_with_arithmetic_of_sixty_digits",
    ),
    "decision/test_information.py": (
        "test_two_normals_on_a_grid_have_the_known_evpi",
        "test_beta_binomial_on_a_grid_has_the_known_evpi",
    ),
    "decision/test_evppi.py": ("test_each_of_two_normals_has_its_known_value",),
    "decision/test_evsi.py": ("test_normal_data_have_their_known_value_by_regression_on_the_mean",),
    "decision/test_intervals.py": ("test_bounded_interval_has_the_known_limits",),
}


def closed_forms():
    """Tests whose truth is a formula or a count of every case; a name that has gone raises AttributeError."""
    rows = [
        [claim(getattr(load(path), name).__name__), f"tests/{path}"] for path, names in CLOSED_FORMS.items() for name in names
    ]
    return f"{table(['claim', 'test'], rows)}"


def workbooks():
    """What `--measure` found, and when: too slow to find anew for every writing of the page."""
    found = json.loads(AGREEMENT.read_text(encoding="utf-8"))
    rows = [[f["program"], f["workbooks"], f"{f['cells']:,}", f"{f['worst']:.1e}"] for f in found["programs"]]
    return (
        "Every formula of workbooks of live formulas, worked out anew by programs that are not hemodel, beside the engine's number; a\n"
        "difference is relative to the number. Tests hold each to 1e-9 (tests/report/test_live_agreement.py); these were measured on\n"
        f"{found['measured']} by `python -m tests.verification_page --measure`.\n\n"
        + table(["program", "workbooks", "formula cells compared", "worst difference"], rows)
    )


def measure():
    """Compare the workbooks of the tests with formualizer and LibreOffice; returns what `AGREEMENT` holds."""
    agreement = load("report/test_live_agreement.py")
    other, whole = agreement.recalculate, hm.load_inputs("relapsed")
    base, changes = agreement.perturbed({"horizon_years": 3.0})
    first = agreement.live_program(base)
    content, before = agreement.workbook(first, base), {other.place(cell): cell.value for cell in first.inputs}
    in_process, on_disk = [], {}
    for name, inputs in {"base case": whole, **agreement.structures()}.items():
        program = agreement.live_program(inputs)
        spoilt = agreement.workbook(other.poisoned(program), inputs)
        in_process.append(_distances(other, program.formulas, other.by_formualizer(spoilt, program.formulas)))
        if name == "base case":
            on_disk["base"] = program.formulas, spoilt
    for place, (inputs, arrangement) in enumerate(changes.values()):
        program = agreement.live_program(inputs, exported=base, price_arrangement=arrangement)
        edits = [cell for cell in program.inputs if cell.value != before[other.place(cell)]]
        in_process.append(_distances(other, program.formulas, other.by_formualizer(content, program.formulas, edits)))
        on_disk[f"changed_{place}"] = program.formulas, agreement.workbook(other.poisoned(program), inputs)
    with tempfile.TemporaryDirectory() as folder:
        found = other.by_libreoffice({name: file for name, (_, file) in on_disk.items()}, Path(folder))
    recalculated = [_distances(other, formulas, found[name]) for name, (formulas, _) in on_disk.items()]
    version = subprocess.run([str(other.LIBREOFFICE), "--version"], capture_output=True, text=True, check=True).stdout.split()[1]
    named = {
        f"formualizer {importlib.metadata.version('formualizer')}": in_process,
        f"LibreOffice {version}": recalculated,
    }
    return {
        "measured": str(datetime.date.today()),
        "programs": [
            {"program": name, "workbooks": len(each), "cells": sum(map(len, each)), "worst": max(map(max, each))}
            for name, each in named.items()
        ],
    }


def _distances(other, formulas, found):
    return [cell.distance(found.get(other.place(cell))) for cell in formulas]


def published():
    return table(["source", "number", "published", "here"], [*hiv(), *sick_sicker(), *flexsurv()])


def second_implementation():
    module = load("independent/test_agreement.py")
    cases = [case for problem in module.PROBLEMS for case in module.cases(problem)]
    marked = {f.__name__: f.pytestmark for f in vars(module).values() if getattr(f, "pytestmark", None)}
    sets = {name: math.prod(len(mark.args[1]) for mark in marks) for name, marks in marked.items()}
    others = sum(sets.values()) - sets["test_base_cases_agree_to_ten_digits"]
    return (
        "`hemodel/analyses/verification/plain.py` (plain Python, loops, no NumPy, nothing of the rest of the package; written from\n"
        "docs/methods.md; with a reading of rows and amounts of its own) gives the engine's costs by component, life-years and QALYs by\n"
        f"state to ten digits in all {len(cases)} combinations of problem with population or scenario, and in {others} more sets of\n"
        "settings, fitted curves and random draws. `hemodel verify` puts it to the inputs that it is given (F8, R28 and others)."
    )


def faults():
    module = load("verification/faults.py")
    rows = [[f.part, f.words, ", ".join(f.caught_by)] for f in module.FAULTS.values()]
    by_verify = sum(any(not by.startswith("tests/") for by in f.caught_by) for f in module.FAULTS.values())
    head = (
        f"{len(rows)} faults, all caught: {by_verify} by `hemodel verify`, {len(rows) - by_verify} by the tests named.\n"
        f"Every check that applies is made to fail, or to ask for review, at least once."
    )
    slips = [[s.words, s.caught_by, s.verdict] for s in module.SLIPS.values()]
    return (
        f"{head}\n\n{table(['part', 'fault', 'caught by'], rows)}\n\n{len(slips)} slips in the inputs, legal all of them, each asked about "
        f"by its name:\n\n{table(['slip', 'check', 'verdict'], slips)}"
    )


def properties():
    module = load("verification/test_properties.py")
    laws = [name for name, f in vars(module).items() if name.startswith("test_") and hasattr(f, "hypothesis")]
    each, commands = module.MODEL_EXAMPLES // module.TIMES, module.COMMAND_EXAMPLES // module.TIMES
    runs = {name: commands if "arguments" in name else each for name in laws}
    rows = [*([claim(name), count] for name, count in runs.items()), ["In all", f"{sum(runs.values()):,}"]]
    reading = load("evidence/test_reading.py")
    copies, scenario, n_files = reading.COPIES, reading.SCENARIO_COPIES, len(reading.FILES) + 1  # and the life table
    n_scenarios = len(list(data_folder("scenarios").glob("*.toml")))
    return (
        f"{table(['law', 'cases in a run'], rows)}\n\nFiles: {copies} copies of each of {n_files} files of a problem and {scenario} of\n"
        f"each of {n_scenarios} scenarios, {copies * n_files + scenario * n_scenarios:,} in all, each with one to three accidents (bytes,\n"
        "cells, rows, columns, settings, formulas, truncation, huge numbers, other encodings), are refused with place, problem and\n"
        f"remedy, or read; of those that are read every file of a problem, and one scenario in {reading.RUN_EVERY}, is run. So are\n"
        f"{reading.DATA_COPIES} sets of survival data, {reading.CURVE_COPIES} published curves with their numbers at risk, and\n"
        f"{reading.WORKBOOK_COPIES} edited workbooks, some with archives within them."
        f"\n\n{uploads()}"
    )


def uploads():
    """What the app is given to read, from the counts of the test itself."""
    module = load("app/test_uploads.py")
    made = module.made_to_do_harm()
    rows = [
        [kind, f"{count // module.TIMES:,}", len(made[kind]), len(module.on_a_page(kind))] for kind, count in module.CASES.items()
    ]
    return (
        "Uploads of the app (tests/app/test_uploads.py), made of files that the app itself gives: each is taken, and the model then runs\n"
        "to finite numbers with the values of the file, or refused with place, problem and remedy; then nothing of the session has\n"
        f"changed, and nothing of the file is in a log. {module.IN_A_BROWSER} go through a browser and a real\nserver.\n\n"
        + table(["upload", "damaged files in a run", "made to do harm", "through the page"], rows)
    )


def world():
    modules = [load("verification/test_world.py"), load("app/test_downloads.py")]
    tests = {name: f for module in modules for name, f in vars(module).items() if name.startswith("test_")}
    rows = [[claim(name), _open(f)] for name, f in tests.items()]
    return table(["what happens", "open"], rows) + (
        "\n\nDownloads: tests/app/test_downloads.py. "
        "A worker of the cluster that is lost: tests/analyses/test_batch.py. The steps of one write, many writers of one name, file "
        "systems without links: tests/test_files.py."
    )


def _open(test):
    """Reason for which a test, or one of its cases, is expected to fail."""
    marks = [m for m in getattr(test, "pytestmark", []) if m.name in ("xfail", "parametrize")]
    cases = [m for p in marks if p.name == "parametrize" for case in p.args[1] for m in getattr(case, "marks", ())]
    return "; ".join(m.kwargs["reason"] for m in [*marks, *cases] if m.name == "xfail")


HEAD = """# Verification

How do we know that it is right? By a command that works on your inputs too, by faults put in on purpose, and by numbers that others
have published. This page is written by `python -m tests.verification_page --write`, and a test compares it.

```
hemodel verify relapsed                        # every check, with what was expected and found; status 1 if one fails
hemodel verify my_folder --json                # on inputs of your own
python -m tests.verification_page --measure    # live workbooks in two other programs: how many cells, how far apart
python -m tests.verification_page --everything # every check on every population and scenario
HEMODEL_TIMES=50 python -m pytest tests/verification/test_properties.py   # fifty times as many made-up cases, fresh ones each time
HEMODEL_TIMES=10 python -m pytest tests/app/test_uploads.py               # ten times as many damaged uploads
```

In Python: `from hemodel.analyses.verification import verify; verify(inputs)`. *Pass*: found what was expected. *Review*: nothing is
wrong by rule, but somebody should look. *Fail*: something is wrong, or the model refuses what it should take, or the check itself broke.
*Not applicable*: there is nothing to look at, for the reason given."""

WHERE = """Every push runs the suite on the versions of requirements.lock. What it does not cover, these do:

```
make clean && make test PYTHON=python3.12                     # or python3.13: requirements.lock holds for all of them
make lowest                                                   # the lowest versions that pyproject.toml allows, pandas 2.2 among them
.venv/bin/pip install -U -e ".[dev]" && .venv/bin/python -m pytest -n 2    # the newest; make clean brings back those of the lock
taskset -c 0 .venv/bin/python -m pytest -m "not slow"         # a machine with one core
.venv/bin/python -m pytest tests/test_wheel.py                # the wheel, outside the repository; in every run too
```"""

SECTIONS = {
    "Checks of the model": checks,
    "Faults put in on purpose": faults,
    "A second implementation": second_implementation,
    "Published numbers": published,
    "Closed forms": closed_forms,
    "The workbook that recalculates": workbooks,
    "Laws, and made-up cases": properties,
    "Faults of the world": world,
    "Where it runs": lambda: WHERE,
}


def written_on():
    """The line that says when the page was written and with what; a test compares all but this line."""
    versions = [f"{name} {importlib.metadata.version(name)}" for name in ("numpy", "scipy", "pandas")]
    return f"{WRITTEN} {datetime.date.today()} with hemodel {hm.__version__}, Python {platform.python_version()}, {', '.join(versions)}."


WRITTEN = "Written on"


def undated(text):
    """The page without its line of date and versions."""
    return re.sub(rf"^{WRITTEN} \d.*$", "", text, count=1, flags=re.MULTILINE)


def summary():
    """The counts that README shows: no more than what this page tells in full."""
    module, reading, given = load("independent/test_agreement.py"), load("evidence/test_reading.py"), load("app/test_uploads.py")
    combinations = sum(1 for problem in module.PROBLEMS for _ in module.cases(problem))
    n_scenarios = len(list(data_folder("scenarios").glob("*.toml")))
    files = reading.COPIES * (len(reading.FILES) + 1) + reading.SCENARIO_COPIES * n_scenarios
    files += reading.DATA_COPIES + reading.CURVE_COPIES + reading.WORKBOOK_COPIES
    programs = json.loads(AGREEMENT.read_text(encoding="utf-8"))["programs"]
    rows = [
        ["Checks that `hemodel verify` makes", f"{len(CHECKS)}"],
        ["Faults put in on purpose, all caught", f"{len(load('verification/faults.py').FAULTS)}"],
        ["Populations and scenarios on which a second implementation agrees to ten digits", f"{combinations}"],
        ["Spoiled files read or refused in words", f"{files:,}"],
        ["Damaged uploads of the app taken or refused in words", f"{sum(n // given.TIMES for n in given.CASES.values()):,}"],
        ["Formula cells compared with other programs", f"{sum(f['cells'] for f in programs):,}"],
        ["Worst relative difference of such a cell", f"{max(f['worst'] for f in programs):.1e}"],
    ]
    return table(["In every run of the tests; the last two as measured", ""], rows)


def page():
    """The text of docs/verification.md."""
    return "\n\n".join([HEAD, written_on(), *(f"## {title}\n\n{section()}" for title, section in SECTIONS.items())]) + "\n"


def everything():
    """Check ids that fail, by problem, population and scenario."""
    failed = {}
    for problem in PROBLEMS:
        cases = [(population, None) for population in hm.load_inputs(problem).settings.populations]
        for name in hm.scenario_names(problem):
            file = tomllib.loads((data_folder("scenarios") / f"{name}.toml").read_text(encoding="utf-8"))
            cases.append((file.get("populations", [None])[0], name))
        for population, scenario in cases:
            found = verify(hm.load_inputs(problem, population=population, scenario=scenario))
            sys.stdout.write(f"{problem}, {population or 'base case'}, {scenario or 'base case'}: {found.counts}\n")
            if not found.passed:
                failed[problem, population, scenario] = found.table.loc[found.table["verdict"] == FAIL, "id"].tolist()
    return failed


if __name__ == "__main__":
    if "--everything" in sys.argv:
        sys.exit("\n".join(f"{case}: {ids}" for case, ids in everything().items()) or 0)
    if "--measure" in sys.argv:
        AGREEMENT.write_text(json.dumps(measure(), indent=1) + "\n", encoding="utf-8")
        sys.exit()
    if "--write" in sys.argv:
        PAGE.write_text(page(), encoding="utf-8")
    else:
        sys.stdout.write(page())
