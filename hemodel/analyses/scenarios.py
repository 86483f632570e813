"""Every scenario beside the base case: the decision under other structures and other evidence."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from hemodel.analyses.base_case import BaseCase, run_base_case
from hemodel.errors import Fault, InputError
from hemodel.evidence.inputs import Inputs, as_filed


@dataclass(frozen=True)
class Scenarios:
    """Result of `run_scenarios`: the base case first, then each scenario that holds for the population."""

    results: tuple[BaseCase, ...]
    not_applicable: tuple[str, ...]  # scenarios whose numbers hold for other populations only

    @property
    def table(self) -> pd.DataFrame:
        """One row per scenario, price arrangement and strategy other than the comparator."""
        frames = []
        for result in self.results:
            table = result.table
            frame = table[table["strategy"] != result.inputs.settings.comparator].copy()
            frame.insert(0, "scenario", result.inputs.scenario.name)
            frame.insert(1, "label", result.inputs.scenario.label)
            frame["why"] = result.inputs.scenario.why
            frames.append(frame)
        base = frames[0].set_index(["price_arrangement", "strategy"])["icer"].to_dict()
        for frame in frames:
            keys = zip(frame["price_arrangement"], frame["strategy"], strict=True)
            frame["icer_change"] = frame["icer"] - [base[key] for key in keys]
        columns = [
            "scenario",
            "label",
            "price_arrangement",
            "strategy",
            "incremental_costs",
            "incremental_life_years",
            "incremental_qalys",
        ]
        return pd.concat(frames, ignore_index=True)[[*columns, "icer", "icer_change", "reading", "why"]]

    def _repr_html_(self) -> str:
        return str(self.table.drop(columns="why").to_html(index=False, float_format="{:,.3f}".format, escape=True))


def run_scenarios(
    problem: str | Path | Inputs = "relapsed",
    *,
    population: str | None = None,
    scenarios: Sequence[str | Path] | None = None,
    progress: Callable[[int], None] | None = None,
) -> Scenarios:
    """Run the base case and every scenario of the problem (or those named) for one population.

    The population is by default that of the base case, or of the inputs given.
    `problem`: a name, a folder of one's own, or inputs as they are filed: then of the very files they were read from.
    Scenarios whose numbers hold for other populations only are left out and listed in `.not_applicable`, unless they were asked
    for by name: then that is an `InputError`.
    """
    base = as_filed(problem, population)
    results, left_out = [run_base_case(base)], []
    for name in base.scenario_names if scenarios is None else scenarios:
        if scenarios is not None:
            results.append(run_base_case(base.filed(scenario=name)))
        elif (inputs := where_it_holds(base, name)) is not None:
            results.append(run_base_case(inputs))
        else:
            left_out.append(str(name))
        if progress is not None:
            progress(1)
    return Scenarios(tuple(results), tuple(left_out))


def run_comparison(
    problem: str | Path | Inputs = "relapsed",
    *,
    populations: Sequence[str] | None = None,
    scenarios: Sequence[str | Path] | None = None,
    progress: Callable[[int], None] | None = None,
) -> pd.DataFrame:
    """Scenarios x populations x price arrangements in one table: every one of the problem, or those named.

    Columns of `Scenarios.table` with population and population_label before them; `icer_change` is against the base case of the
    same population. A scenario whose numbers hold for other populations only has no rows in a population, unless it was asked for
    by name and holds for none of those asked for: that is an `InputError`. `progress`: number of populations done.
    """
    filed = as_filed(problem)
    settings = filed.settings
    chosen = list(settings.populations if populations is None else populations)
    if not chosen:
        raise InputError("populations", "there are none", f"Name at least one of {', '.join(settings.populations)}")
    frames, left_out = [], []
    for name in chosen:
        names = None if scenarios is None else [s for s in scenarios if where_it_holds(filed.filed(population=name), s)]
        left_out.append({str(s) for s in set(scenarios or ()) - set(names or ())})
        frame = run_scenarios(filed, population=name, scenarios=names).table
        frame.insert(0, "population", name)
        frame.insert(1, "population_label", settings.populations[name].label)
        frames.append(frame)
        if progress is not None:
            progress(1)
    nowhere = sorted(set.intersection(*left_out))
    if nowhere:
        raise InputError.together(
            Fault(f"scenario {s!r}", "its numbers hold for none of these populations", "Add the population it was made for")
            for s in nowhere
        )
    return pd.concat(frames, ignore_index=True)


def where_it_holds(filed: Inputs, scenario: str | Path) -> Inputs | None:
    """Inputs of a scenario of the same files; None where its numbers do not hold for the population. Any other fault of it is raised."""
    try:
        return filed.filed(scenario=scenario)
    except InputError as error:
        if all(fault.elsewhere for fault in error.faults):
            return None
        raise
