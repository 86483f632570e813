"""A weighted average over subgroups: what the decision looks like for a mix of populations."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from hemodel.analyses.base_case import run_base_case
from hemodel.decision.incremental import describe_icer, icer
from hemodel.errors import Fault, InputError, nearest
from hemodel.evidence.inputs import Inputs, as_filed

_TOTALS = ("costs", "life_years", "qalys")


def run_weighted(
    problem: str | Path | Inputs, weights: Mapping[str, float], *, scenario: str | Path | None = None
) -> pd.DataFrame:
    """Base-case results of the mix of populations in `weights` (population -> share of people; made to sum to one).

    Costs, life-years and QALYs are weighted means of those of the populations, and the ICER is the ratio of the weighted increments: never
    the mean of the ICERs. One row per price arrangement and strategy, columns as in `BaseCase.table`; `scenario` is applied to each.
    """
    filed = as_filed(problem)
    settings = filed.settings
    faults = [
        Fault(f"population {name!r}", "there is no such population", nearest(name, settings.populations))
        for name in weights
        if name not in settings.populations
    ]
    faults += [
        Fault(f"weight of {name}", f"{weight!r} is not a share of people", "Give a number from 0")
        for name, weight in weights.items()
        if not (isinstance(weight, (int, float)) and math.isfinite(weight) and weight >= 0)
    ]
    if not faults and not sum(weights.values()) > 0:
        faults.append(Fault("weights", "nobody is in any population", "Give one population a weight above 0"))
    if faults:
        raise InputError.together(faults)
    people = math.fsum(weights.values())
    mixed: dict[tuple[str, str], dict[str, float]] = {}
    for name, weight in weights.items():
        for row in run_base_case(filed.filed(population=name, scenario=scenario)).table.to_dict("records"):
            totals = mixed.setdefault((row["price_arrangement"], row["strategy"]), dict.fromkeys(_TOTALS, 0.0))
            for quantity in _TOTALS:
                totals[quantity] += weight / people * row[quantity]
    rows = []
    for (arrangement, strategy), totals in mixed.items():
        found: dict[str, object] = {"price_arrangement": arrangement, "strategy": strategy, **totals}
        if strategy == settings.comparator:
            found |= {"icer": math.nan, "reading": "comparator"}
        else:
            step = {q: totals[q] - mixed[arrangement, settings.comparator][q] for q in _TOTALS}
            found |= {f"incremental_{quantity}": value for quantity, value in step.items()}
            found |= {
                "icer": icer(step["costs"], step["qalys"]),
                "reading": describe_icer(step["costs"], step["qalys"], currency=settings.currency),
            }
        rows.append(found)
    columns = ["price_arrangement", "strategy", *_TOTALS, *(f"incremental_{q}" for q in _TOTALS), "icer", "reading"]
    return pd.DataFrame(rows)[columns]
