"""All analyses of uncertainty of one run, for a workbook that answers every question."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import pandas as pd

from hemodel.analyses.budget import run_budget, who_is_treated
from hemodel.analyses.convergence import running_means
from hemodel.analyses.global_sensitivity import run_global
from hemodel.analyses.horizon import run_horizons
from hemodel.analyses.one_way import run_one_way, run_two_way
from hemodel.analyses.psa import PSA
from hemodel.analyses.scenarios import run_comparison
from hemodel.analyses.thresholds import (
    PACK_PRICE,
    Threshold,
    charged_cycles,
    decision_drivers,
    pack_price,
    price_and_probability,
    threshold_value,
)
from hemodel.analyses.value_of_information import evpi_curve, evppi_table, persons
from hemodel.analyses.verification import verify
from hemodel.errors import InputError
from hemodel.evidence.inputs import Inputs

STEPS = 13


def run_everything(inputs: Inputs, psa: PSA, *, progress: Callable[[int], None] | None = None) -> dict[str, Any]:
    """Results of all `recipes` by the name of their analysis. `progress` is called with 1 after each."""
    found = {}
    for name, run in recipes(inputs, psa).items():
        found[name] = run()
        if progress is not None:
            progress(1)
    return found


def recipes(inputs: Inputs, psa: PSA) -> dict[str, Callable[[], Any]]:
    """What makes each analysis, under the last price arrangement and at the upper threshold, by name; nothing is run yet.

    The two-way grid is of the two parameters with the widest swing that can move apart. EVSI needs a study to be described and is left out.
    The comparison of all populations is made for inputs as they are filed only, that of pack prices where the pack has one. What `left_out`
    names is not made.
    """
    arrangements = inputs.settings.price_arrangements
    one_way = cache(lambda: run_one_way(inputs))

    def two_way() -> pd.DataFrame:
        first, second = one_way().tornado(top=2)["parameter"]
        return run_two_way(inputs, str(first), str(second), steps=STEPS)

    def price() -> dict[str, pd.DataFrame]:
        parts = psa.with_components()
        return {a: price_and_probability(parts, a) for a in arrangements}

    found: dict[str, Callable[[], Any]] = {
        "convergence": lambda: running_means(psa),
        "one_way": one_way,
        "two_way": two_way,
        "horizon": lambda: run_horizons(inputs),
        "drivers": lambda: decision_drivers(inputs),
        "thresholds": lambda: _thresholds(inputs),
        "sensitivity": lambda: run_global(inputs, "sobol", size=512, seed=psa.seed),
        "evpi": lambda: {a: evpi_curve(psa, price_arrangement=a) for a in arrangements},
        "evppi": lambda: evppi_table(psa),
        "budget": lambda: run_budget(inputs).table,
        "verification": lambda: verify(inputs),
    }
    if inputs.priced_drugs and pack_price(inputs).value:
        found["price"] = price
    if inputs.scenario.name == "base_case" and not inputs.changed:
        found["comparison"] = lambda: run_comparison(inputs)
    return {name: run for name, run in found.items() if name not in left_out(inputs)}


def left_out(inputs: Inputs) -> dict[str, tuple[str, ...]]:
    """Analyses that these inputs are not enough for, with the names of the parameters that each lacks."""
    found: dict[str, tuple[str, ...]] = {}
    needs: dict[str, Callable[[Inputs], object]] = {"evpi": persons, "evppi": persons, "budget": who_is_treated}
    for name, need in needs.items():
        try:
            need(inputs)
        except InputError as error:
            found[name] = tuple(missing for fault in error.faults for missing in fault.missing)
    return found


def _thresholds(inputs: Inputs) -> tuple[Threshold, ...]:
    """The pack price at both thresholds, and the charged cycles where a scheme caps them."""
    found = [threshold_value(inputs, PACK_PRICE, threshold=t) for t in inputs.settings.threshold_values]
    try:
        arrangement = inputs.settings.price_arrangements[-1]
        found += [charged_cycles(inputs, price_arrangement=arrangement, threshold=t) for t in inputs.settings.threshold_values]
    except InputError:  # the arrangement is no cap
        pass
    return tuple(found)
