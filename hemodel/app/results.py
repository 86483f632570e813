"""Results for the screen, each computed once per set of inputs.

Results are frozen and shared by all sessions, so they are kept as resources (a copy could not be pickled) under a key that
holds everything they depend on; the workbook is bytes and kept as data. Nothing else is stored.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, ParamSpec, TypeVar

import streamlit as st

from hemodel.analyses.base_case import BaseCase, run_base_case
from hemodel.analyses.psa import PSA, run_psa
from hemodel.analyses.scenarios import Scenarios, run_scenarios
from hemodel.app import choices
from hemodel.evidence.inputs import Inputs, load_inputs
from hemodel.report.workbook import workbook_bytes

P = ParamSpec("P")
R = TypeVar("R")
DRAWS = 10_000
KEPT = 32
"""Results kept of each kind; a probabilistic analysis of 10,000 draws takes about 1 MB."""


def identity(inputs: Inputs) -> str:
    """All that a result of `inputs` depends on, its labels included."""
    return f"{inputs.hash}/{inputs.population}/{inputs.scenario.name}/{','.join(inputs.changed)}"


def edited(inputs: Inputs, edits: choices.Edits) -> Inputs:
    """`inputs` with the user's edits; raises `InputError` where they cannot be held."""
    return _edited(identity(inputs), tuple(sorted(edits.items())), inputs)


def base_case(inputs: Inputs) -> BaseCase:
    """The base case of these inputs."""
    return _base_case(identity(inputs), inputs)


def psa(inputs: Inputs) -> PSA:
    """The probabilistic analysis of these inputs, `DRAWS` draws with the default seed."""
    return _psa(identity(inputs), inputs)


def scenarios(inputs: Inputs) -> Scenarios:
    """Every scenario of the population of `inputs`, from the inputs as they are in the files, held against its thresholds."""
    filed = load_inputs(inputs.settings.problem, population=inputs.population)
    return _scenarios(identity(filed), inputs.settings.problem, inputs.population, inputs.settings.thresholds)


def workbook(inputs: Inputs) -> bytes:
    """The values workbook of what is on the screen; with the scenarios where they start from these very inputs."""
    return _workbook(identity(inputs), inputs)


def _once(spinner: str | bool, kept: Any = st.cache_resource) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Streamlit's cache of the last `KEPT` results, with the types of the function left as they are."""

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        once: Callable[P, R] = kept(function, max_entries=KEPT, show_spinner=spinner)
        return once

    return decorate


@_once("Deriving the death rates after progression ...")
def _edited(key: str, edits: tuple[tuple[str, float], ...], _inputs: Inputs) -> Inputs:
    return choices.applied(_inputs, dict(edits))


@_once(False)
def _base_case(key: str, _inputs: Inputs) -> BaseCase:
    return run_base_case(_inputs)


@_once(f"Running {DRAWS:,} draws ...")
def _psa(key: str, _inputs: Inputs) -> PSA:
    return run_psa(_inputs, DRAWS)


@_once("Running the scenarios ...")
def _scenarios(key: str, problem: str, population: str, thresholds: str) -> Scenarios:
    found = run_scenarios(problem, population=population)
    at = [replace(r, inputs=r.inputs.with_settings(thresholds=thresholds)) for r in found.results]
    return Scenarios(tuple(at), found.not_applicable)


@_once(False, kept=st.cache_data)
def _workbook(key: str, _inputs: Inputs) -> bytes:
    found = scenarios(_inputs)
    same = found.results[0].inputs.hash == _inputs.hash
    return workbook_bytes(base_case(_inputs), psa(_inputs), found if same else None)
