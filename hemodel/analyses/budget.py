"""Budget impact: what the health service would pay in each of the next years if the new strategy is taken up, beyond what it pays now.

Cash, not value: nothing is discounted, and a price arrangement counts as it is paid. `n_eligible` people a year face the choice
from year 1 on, evenly over the 13 cycles of a year of 364 days; of those of year y the share `p_uptake_year_y` gets the new
strategy, the others the comparator. Without it everyone gets the comparator. People who began before year 1 are not counted,
as they cost the same either way.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hemodel.analyses.request import request
from hemodel.cohort import model
from hemodel.errors import Fault, InputError
from hemodel.evidence.draws import base_case_draws
from hemodel.evidence.inputs import Inputs

Array = NDArray[np.float64]
CYCLES_A_YEAR = 13  # 364 days
YEARS = 5
"""Years of a budget impact unless others are asked for."""


@dataclass(frozen=True)
class Budget:
    """Result of `run_budget`: one row per price arrangement and year, GBP of that year."""

    inputs: Inputs
    strategy: str
    table: pd.DataFrame

    def _repr_html_(self) -> str:
        return str(self.table.to_html(index=False, float_format="{:,.0f}".format, escape=True))


def run_budget(inputs: Inputs, *, strategy: str | None = None, years: int = YEARS) -> Budget:
    """Budget impact of `strategy` (default: the first that is not the comparator) over `years` years, under every price arrangement.

    Columns: year, price_arrangement, eligible and treated (people who begin in the year, and those of them on the new strategy),
    cost_without and cost_with (GBP paid in the year for all who have begun), budget_impact (their difference) and lenalidomide
    (its part in the cost with the new strategy). Raises `InputError` where the inputs have no `n_eligible` or no uptake for a year.
    """
    _, strategy, _ = request(inputs, None, strategy, None)
    eligible, uptake = who_is_treated(inputs, years)
    names = inputs.settings.strategy_names
    new, comparator = names.index(strategy), names.index(inputs.settings.comparator)
    cumulative = _cumulative_costs(inputs, years * CYCLES_A_YEAR)
    rows = []
    for arrangement, (costs, drug) in cumulative.items():
        paid, paid_drug = _by_year_since(costs), _by_year_since(drug)
        for year in range(1, years + 1):
            began = np.arange(1, year + 1)
            on_new, since = eligible * uptake[began - 1], year - began
            without = eligible * paid[since, comparator].sum()
            extra = on_new @ (paid[since, new] - paid[since, comparator])
            lenalidomide = on_new @ (paid_drug[since, new] - paid_drug[since, comparator])
            lenalidomide += eligible * paid_drug[since, comparator].sum()
            treated = eligible * uptake[year - 1]
            rows.append((year, arrangement, eligible, treated, without, without + extra, extra, lenalidomide))
    columns = ["year", "price_arrangement", "eligible", "treated", "cost_without", "cost_with", "budget_impact", "lenalidomide"]
    return Budget(inputs, strategy, pd.DataFrame(rows, columns=columns))


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


def _cumulative_costs(inputs: Inputs, n_cycles: int) -> dict[str, tuple[Array, Array]]:
    """What a person has cost after 0, 1, ..., n_cycles cycles, undiscounted: arrangement -> all of it and lenalidomide's part,
    each (n_cycles + 1, strategy). Sums over cycles, so each is the model with that horizon.
    """
    draws = base_case_draws(inputs)
    found: dict[str, tuple[list[Array], list[Array]]] = {a: ([], []) for a in inputs.settings.price_arrangements}
    for n in range(1, n_cycles + 1):
        outcomes = model.live(draws, inputs.with_settings(horizon_years=n * inputs.settings.cycle_years)).outcomes(
            discounted=False
        )
        for arrangement, (every, drug) in found.items():
            every.append(outcomes.total_costs(arrangement)[:, 0])
            drug.append(outcomes.costs[arrangement]["lenalidomide"][:, 0])
    nothing = np.zeros(len(inputs.settings.strategies))
    return {a: (np.stack([nothing, *every]), np.stack([nothing, *drug])) for a, (every, drug) in found.items()}


def _by_year_since(cumulative: Array) -> Array:
    """Mean cost in calendar year 0, 1, ... since the year of the start, for starts spread evenly over the cycles of a year.

    Whoever starts at the beginning of cycle s of a year has lived through 13 (k + 1) - s cycles by the end of calendar year k.
    Shape (year, strategy).
    """
    years = (len(cumulative) - 1) // CYCLES_A_YEAR
    starts = np.arange(CYCLES_A_YEAR)
    ends = np.stack([cumulative[CYCLES_A_YEAR * (k + 1) - starts].mean(axis=0) for k in range(years)])
    return np.diff(ends, axis=0, prepend=np.zeros((1, cumulative.shape[1])))
