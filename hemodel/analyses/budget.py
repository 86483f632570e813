"""Budget impact: what the health service would pay in each of the next years if the new strategy is taken up, beyond what it pays now.

Cash, not value: nothing is discounted, and a price arrangement counts as it is paid. `n_eligible` people a year face the choice
from year 1 on, evenly over the cycles of a year (the whole number nearest to it: 13 of 28 days are 364 days); of those of year y the
share `p_uptake_year_y` gets the new strategy, the others the comparator. Without it everyone gets the comparator. People who began
before year 1 are not counted, as they cost the same either way.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hemodel.analyses.request import request
from hemodel.analyses.thresholds import packs_of
from hemodel.cohort import model
from hemodel.errors import Fault, InputError
from hemodel.evidence.draws import base_case_draws
from hemodel.evidence.inputs import Inputs

Array = NDArray[np.float64]
YEARS = 5
"""Years of a budget impact unless others are asked for."""


@dataclass(frozen=True)
class Budget:
    """Result of `run_budget`: one row per price arrangement and year, money of that year."""

    inputs: Inputs
    strategy: str
    table: pd.DataFrame

    def _repr_html_(self) -> str:
        return str(self.table.to_html(index=False, float_format="{:,.0f}".format, escape=True))


def run_budget(inputs: Inputs, *, strategy: str | None = None, years: int = YEARS) -> Budget:
    """Budget impact of `strategy` (default: the first that is not the comparator) over `years` years, under every price arrangement.

    Columns: year, price_arrangement, eligible and treated (people who begin in the year, and those of them on the new strategy),
    cost_without and cost_with (money paid in the year for all who have begun), budget_impact (their difference) and for each drug with
    a price `spend_<drug>` (its part in the cost with the new strategy). Raises `InputError` where the inputs have no `n_eligible` or no
    uptake for a year.
    """
    _, strategy, _ = request(inputs, None, strategy, None)
    eligible, uptake = who_is_treated(inputs, years)
    names = inputs.settings.strategy_names
    new, comparator = names.index(strategy), names.index(inputs.settings.comparator)
    cycles = cycles_a_year(inputs)
    rows: list[dict[str, object]] = []
    for arrangement, parts in _cumulative_costs(inputs, years * cycles).items():
        paid, *paid_drugs = (_by_year_since(part, cycles) for part in parts)
        for year in range(1, years + 1):
            began = np.arange(1, year + 1)
            on_new, since = eligible * uptake[began - 1], year - began
            without = eligible * paid[since, comparator].sum()
            extra = on_new @ (paid[since, new] - paid[since, comparator])
            row = {"year": year, "price_arrangement": arrangement, "eligible": eligible, "treated": eligible * uptake[year - 1]}
            row |= {"cost_without": without, "cost_with": without + extra, "budget_impact": extra}
            for drug, spent in zip(inputs.priced_drugs, paid_drugs, strict=True):
                more = on_new @ (spent[since, new] - spent[since, comparator])
                row[f"spend_{drug}"] = more + eligible * spent[since, comparator].sum()
            rows.append(row)
    return Budget(inputs, strategy, pd.DataFrame(rows))


def cycles_a_year(inputs: Inputs) -> int:
    """Cycles of a year of the budget: the whole number nearest to a year."""
    return max(round(1 / inputs.settings.cycle_years), 1)


def who_is_treated(inputs: Inputs, years: int = YEARS) -> tuple[float, Array]:
    """People eligible in a year, and the uptake of each year; raises `InputError` with all the parameters that are not there."""
    if isinstance(years, bool) or not isinstance(years, int) or years < 1:
        raise InputError("years", f"{years!r} is not a whole number from 1", "Give 1 or more; 5 are usual")
    needed = ["n_eligible", *(f"p_uptake_year_{year}" for year in range(1, years + 1))]
    missing = [name for name in needed if name not in inputs.parameters]
    if missing:
        raise InputError.together(
            Fault(
                "parameters", f"there is no {name}", "Add it to parameters.csv; the problem `relapsed` shows how", missing=(name,)
            )
            for name in missing
        )
    eligible, *uptake = (inputs.parameters[name].value for name in needed)
    return eligible, np.array(uptake)


def _cumulative_costs(inputs: Inputs, n_cycles: int) -> dict[str, list[Array]]:
    """What a person has cost after 0, 1, ..., n_cycles cycles, undiscounted: arrangement -> all of it, then the part of each drug with a
    price, each (n_cycles + 1, strategy).
    """
    lived = inputs.with_settings(horizon_years=n_cycles * inputs.settings.cycle_years)
    wanted = [None, *(packs_of(inputs, drug) for drug in inputs.priced_drugs)]

    def paid_for(costs: Mapping[str, Array], components: Collection[str] | None) -> Array:
        paid = np.zeros((n_cycles + 1, len(inputs.settings.strategies)))
        for name, cost in costs.items():
            if components is None or name in components:
                paid[1:] += cost[:, :, 0]
        return paid

    costs_so_far = model.costs_so_far(base_case_draws(lived), lived)
    return {a: [paid_for(costs, components) for components in wanted] for a, costs in costs_so_far.items()}


def _by_year_since(cumulative: Array, cycles: int) -> Array:
    """Mean cost in calendar year 0, 1, ... since the year of the start, for starts spread evenly over the cycles of a year.

    Whoever starts at the beginning of cycle s of a year has lived through `cycles` (k + 1) - s cycles by the end of calendar year k.
    Shape (year, strategy).
    """
    years = (len(cumulative) - 1) // cycles
    starts = np.arange(cycles)
    ends = np.stack([cumulative[cycles * (k + 1) - starts].mean(axis=0) for k in range(years)])
    return np.diff(ends, axis=0, prepend=np.zeros((1, cumulative.shape[1])))
