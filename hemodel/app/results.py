"""Results for the screen, each computed once per set of inputs.

Results are frozen and shared by all sessions, so they are kept as resources (a copy could not be pickled) under a key that
holds everything they depend on; the workbook is bytes and kept as data. What rests on anything confidential, or on somebody's own
data, is kept for its session alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, ParamSpec, TypeVar

import pandas as pd
import streamlit as st

from hemodel.analyses.base_case import BaseCase, run_base_case
from hemodel.analyses.budget import Budget, run_budget
from hemodel.analyses.convergence import running_means
from hemodel.analyses.one_way import OneWay, run_one_way, run_two_way
from hemodel.analyses.psa import PSA, run_psa
from hemodel.analyses.scenarios import Scenarios, run_scenarios, where_it_holds
from hemodel.analyses.thresholds import (
    PACK_PRICE,
    Threshold,
    charged_cycles,
    decision_drivers,
    price_and_probability,
    price_map,
    threshold_value,
)
from hemodel.analyses.value_of_information import evpi_curve
from hemodel.app import choices
from hemodel.errors import InputError
from hemodel.evidence.inputs import Inputs
from hemodel.report.workbook import workbook_bytes

P = ParamSpec("P")
R = TypeVar("R")
DRAWS = 10_000
KEPT, KEPT_OWN = 24, 4
"""Results kept of each kind, for all and for a session alone; a probabilistic analysis of 10,000 draws takes about 1 MB."""
STEPS = 13


def identity(inputs: Inputs) -> str:
    """All that a result of `inputs` depends on, its labels included."""
    own = "" if inputs.folder.is_packaged else f"/{inputs.folder.digest}"
    return f"{inputs.hash}/{inputs.population}/{inputs.scenario.name}/{','.join(inputs.changed)}{own}"


def is_own(inputs: Inputs) -> bool:
    """Whether results of `inputs` are kept for their session alone: they are confidential, or of a folder of somebody's own."""
    return choices.is_private(inputs) or not inputs.folder.is_packaged


def _once(spinner: str | bool, kept: Any = st.cache_resource) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Streamlit's cache of the last results of a function of inputs, which come first; what is private stays in its session."""

    def decorate(function: Callable[..., R]) -> Callable[..., R]:
        def keyed(key: str, _inputs: Inputs, *rest: Any) -> R:
            return function(_inputs, *rest)

        keyed.__qualname__ = f"keyed_{function.__name__}"  # Streamlit tells cached functions apart by their names
        shared = kept(keyed, max_entries=KEPT, show_spinner=spinner)
        own = kept(keyed, max_entries=KEPT_OWN, show_spinner=spinner, scope="session")

        def once(inputs: Inputs, *rest: Any) -> R:
            found: R = (own if is_own(inputs) else shared)(identity(inputs), inputs, *rest)
            return found

        once.__doc__ = function.__doc__
        return once

    return decorate


@_once("Deriving the death rates after progression ...")
def _edited(inputs: Inputs, edits: tuple[tuple[str, float], ...]) -> Inputs:
    return choices.applied(inputs, dict(edits))


def edited(inputs: Inputs, edits: choices.Edits, fitted: choices.FittedData | None = None) -> Inputs:
    """`inputs` with the user's edits, and curve; raises `InputError` where they cannot be held."""
    if fitted is None:
        return _edited(inputs, tuple(sorted(edits.items())))
    key = (identity(inputs), tuple(sorted(edits.items())), fitted)  # data of one's own: never in a cache that is shared
    held = st.session_state.get("with_fitted_curve")
    if held is None or held[0] != key:
        held = st.session_state["with_fitted_curve"] = (key, choices.applied(inputs, edits, fitted=fitted))
    new: Inputs = held[1]
    return new


@_once(False)
def base_case(inputs: Inputs) -> BaseCase:
    """The base case of these inputs."""
    return run_base_case(inputs)


@_once(f"Running {DRAWS:,} draws ...")
def psa(inputs: Inputs) -> PSA:
    """The probabilistic analysis of these inputs, `DRAWS` draws with the default seed."""
    return run_psa(inputs, DRAWS)


@_once("Finding the scenarios that hold ...")
def offered(inputs: Inputs) -> tuple[dict[str, str], int]:
    """Scenarios that hold for the population, name -> label with the base case first; how many hold for others only."""
    found, elsewhere = {inputs.scenario.name: inputs.scenario.label}, 0
    for name in inputs.scenario_names:
        of = where_it_holds(inputs, name)
        if of is None:
            elsewhere += 1
        else:
            found[name] = of.scenario.label
    return found, elsewhere


def scenarios(inputs: Inputs) -> Scenarios:
    """Every scenario of the population of `inputs`, from the inputs as they are in the files, held against its thresholds."""
    return _scenarios(inputs.filed(), inputs.settings.thresholds)


@_once("Running the scenarios ...")
def _scenarios(filed: Inputs, thresholds: str | list[float]) -> Scenarios:
    found = run_scenarios(filed)
    at = [replace(r, inputs=r.inputs.with_settings(thresholds=thresholds)) for r in found.results]
    return Scenarios(tuple(at), found.not_applicable)


@_once("Moving one parameter at a time ...")
def one_way(inputs: Inputs) -> OneWay:
    """The one-way analysis of these inputs."""
    return run_one_way(inputs)


@_once("Moving two parameters at a time ...")
def two_way(inputs: Inputs, first: str, second: str) -> pd.DataFrame:
    """The two-way analysis of two parameters."""
    return run_two_way(inputs, first, second, steps=STEPS)


@_once("Looking for what turns the decision ...")
def drivers(inputs: Inputs, arrangement: str, threshold: float) -> pd.DataFrame:
    """What would change the decision."""
    return decision_drivers(inputs, price_arrangement=arrangement, threshold=threshold)


@_once("Following the draws ...")
def convergence(inputs: Inputs) -> pd.DataFrame:
    """What the analysis would have said after fewer draws."""
    return running_means(psa(inputs))


@_once(False)
def information(inputs: Inputs) -> dict[str, pd.DataFrame]:
    """EVPI by threshold, for each price arrangement."""
    found = psa(inputs)
    return {name: evpi_curve(found, price_arrangement=name) for name in inputs.settings.price_arrangements}


@_once("Working out the budget impact ...")
def budget(inputs: Inputs, strategy: str) -> Budget:
    """The budget impact of a strategy."""
    return run_budget(inputs, strategy=strategy)


@_once("Looking for the price ...")
def thresholds(inputs: Inputs, arrangement: str, strategy: str, drug: str) -> tuple[Threshold, ...]:
    """The pack price of a drug, and the charged cycles where the arrangement caps those of it, at which the ICER meets each threshold."""
    terms: dict[str, Any] = {"price_arrangement": arrangement, "strategy": strategy}
    what = PACK_PRICE if len(inputs.priced_drugs) == 1 else f"{PACK_PRICE}_{drug}"
    found = [threshold_value(inputs, what, threshold=t, **terms) for t in inputs.settings.threshold_values]
    scheme = inputs.settings.schemes.get(arrangement)
    if scheme is not None and (scheme.kind, scheme.drug) == ("drug_cost_cap", drug):
        found += [charged_cycles(inputs, threshold=t, **terms) for t in inputs.settings.threshold_values]
    return tuple(found)


@_once("Working out every cap and discount ...")
def caps_and_discounts(inputs: Inputs, strategy: str, drug: str) -> pd.DataFrame:
    """ICER over cap and price discount of a drug."""
    return price_map(inputs, strategy, drug=drug)


@_once("Running the draws at every price ...")
def prices(inputs: Inputs, drug: str) -> dict[str, pd.DataFrame]:
    """Probability of being cost-effective by the price of a drug, for each price arrangement."""
    parts = run_psa(inputs, DRAWS, keep_components=True)
    return {name: price_and_probability(parts, name, drug=drug) for name in inputs.settings.price_arrangements}


def workbook(inputs: Inputs) -> Callable[[], bytes]:
    """What makes the values workbook of what is on the screen, with the scenarios where they start from these very inputs.

    A download calls it outside the run of the page, where the caches of a session cannot be reached: so what is private is fetched here,
    and its workbook is made anew for each download.
    """
    if not is_own(inputs):
        return lambda: _workbook(inputs)
    base, draws, found = base_case(inputs), psa(inputs), _same_scenarios(inputs)
    return lambda: workbook_bytes(base, draws, found)


@_once(False, kept=st.cache_data)
def _workbook(inputs: Inputs) -> bytes:
    return workbook_bytes(base_case(inputs), psa(inputs), _same_scenarios(inputs))


def _same_scenarios(inputs: Inputs) -> Scenarios | None:
    """The scenarios, if they start from these very inputs."""
    filed = inputs.filed()
    if filed.with_settings(thresholds=inputs.settings.thresholds).hash != inputs.hash:
        return None
    try:
        return scenarios(inputs)
    except InputError:  # a scenario that cannot be run is told on its page
        return None
