"""What the model gives on every problem, population and scenario: written on purpose only, compared by `test_outcomes.py`.

    python -m tests.baseline.outcomes --write

Of each: costs by component and arrangement, life-years and QALYs by state (base case, discounted); totals without discounting; and the
mean over the first 16 draws of the probabilistic analysis of the discounted totals. A row a figure, numbers to seventeen digits.
"""

import csv
import sys
import tomllib
from pathlib import Path

import numpy as np

import hemodel as hm
from hemodel.cohort.model import evaluate
from hemodel.evidence.draws import base_case_draws, sampler
from hemodel.evidence.folder import problem_names
from hemodel.evidence.reading import data_folder

FILE = Path(__file__).with_name("outcomes.csv")
PROBLEMS = problem_names()


def cases():
    """The base case of every population, and every scenario in a population for which it holds."""
    for problem in PROBLEMS:
        yield from ((problem, population, "") for population in hm.load_inputs(problem).settings.populations)
        for name in hm.scenario_names(problem):
            text = (data_folder("scenarios") / f"{name}.toml").read_text(encoding="utf-8")
            yield problem, (tomllib.loads(text).get("populations") or [hm.load_inputs(problem).population])[0], name


def figures(inputs):
    """Name of a figure, such as `cost pas monitoring <strategy>`, and its value."""
    base = evaluate(base_case_draws(inputs), inputs)
    for i, strategy in enumerate(base.strategies):
        for arrangement, components in base.costs.items():
            yield from ((f"cost {arrangement} {name} {strategy}", float(v[i, 0])) for name, v in components.items())
            yield f"cost undiscounted {arrangement} {strategy}", float(base.undiscounted.total_costs(arrangement)[i, 0])
        for what, states in (("life-years", base.life_years), ("QALYs", base.qalys)):
            yield from ((f"{what} {name} {strategy}", float(v[i, 0])) for name, v in states.items())
        yield f"QALYs undiscounted {strategy}", float(base.undiscounted.total_qalys[i, 0])
    drawn = evaluate(sampler(inputs, seed=171).block(0, 16), inputs)
    for i, strategy in enumerate(drawn.strategies):
        for arrangement in drawn.costs:
            yield f"cost of 16 draws {arrangement} {strategy}", float(np.mean(drawn.total_costs(arrangement)[i]))
        yield f"QALYs of 16 draws {strategy}", float(np.mean(drawn.total_qalys[i]))


def rows():
    """Every figure of every case: problem, population, scenario, figure, value."""
    for problem, population, scenario in cases():
        inputs = hm.load_inputs(problem, population=population, scenario=scenario or None)
        yield from ((problem, population, scenario, name, value) for name, value in figures(inputs))


def main():
    if sys.argv[1:] != ["--write"]:
        sys.exit("Say --write to write the baseline anew")
    with FILE.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([*([("problem", "population", "scenario", "figure", "value")]), *rows()])


if __name__ == "__main__":
    main()
