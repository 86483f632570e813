"""The model gives what it gave: every cost component, state and total of every problem, population and scenario.

Pitfalls guarded: a change that was to change nothing, and does; a base case that moves without being news.
"""

import csv
from collections import defaultdict

import pytest

import hemodel as hm
from tests.baseline.outcomes import FILE, cases, figures

with FILE.open(encoding="utf-8", newline="") as file:
    KEPT = defaultdict(dict)
    for row in csv.DictReader(file):
        KEPT[row["problem"], row["population"], row["scenario"]][row["figure"]] = float(row["value"])


def test_the_baseline_holds_every_population_and_scenario():
    assert set(KEPT) == set(cases())


@pytest.mark.parametrize("case", KEPT, ids=" ".join)
def test_outcomes_are_those_of_the_baseline(case):
    problem, population, scenario = case
    found = dict(figures(hm.load_inputs(problem, population=population, scenario=scenario or None)))
    wrong = {
        name: (value, found.get(name))
        for name, value in KEPT[case].items()
        if found.get(name, 0.0) != pytest.approx(value, rel=1e-12, abs=1e-13)
    }
    assert not wrong
    assert {name for name, value in found.items() if value} <= set(KEPT[case])
