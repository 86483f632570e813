"""Have there been enough draws? Running means with their Monte Carlo errors, and replicated designs.

Monte Carlo error is what more draws would remove; it is not the uncertainty about the decision, which more draws only show better.
The formula for independent draws overstates the error of Latin hypercube and Sobol' designs: for these, replicate the design
with other seeds and look at how far the replicates lie apart (Owen 1997, Annals of Statistics 25:1541).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hemodel.analyses.psa import DEFAULT_SEED, PSA, run_psa
from hemodel.analyses.request import request
from hemodel.decision import information, intervals
from hemodel.errors import InputError
from hemodel.evidence.inputs import Inputs
from hemodel.threads import one_blas_thread

Array = NDArray[np.float64]
COLUMNS = (
    "draws",
    "incremental_net_monetary_benefit",
    "standard_error",
    "incremental_costs",
    "incremental_qalys",
    "icer",
    "icer_low",
    "icer_high",
    "probability_cost_effective",
    "evpi",
)
_FEWEST = 50  # draws from which a running mean is shown


@one_blas_thread
def running_means(
    psa: PSA,
    *,
    price_arrangement: str | None = None,
    strategy: str | None = None,
    threshold: float | None = None,
    places: int = 100,
) -> pd.DataFrame:
    """What the analysis would have said after fewer draws: a row for each of about `places` numbers of draws, in the order drawn.

    Columns: draws; incremental_net_monetary_benefit of `strategy` over the comparator and its standard_error (of independent draws,
    GBP); incremental_costs, incremental_qalys; icer of the means with Fieller's 95 % interval of the Monte Carlo error (icer_low,
    icer_high); probability_cost_effective of the strategy; evpi (GBP per person).
    """
    arrangement, strategy, threshold = request(psa.inputs, price_arrangement, strategy, threshold)
    i, reference = psa.strategies.index(strategy), psa.strategies.index(psa.inputs.settings.comparator)
    costs, qalys = psa.costs[arrangement].T, psa.qalys.T
    benefit = psa.net_benefit(arrangement, threshold)
    rows = []
    for n in _places(psa.n_draws, places):
        steps = benefit[:n, i] - benefit[:n, reference]
        pair = {"strategy": i, "comparator": reference}
        error = intervals.fieller_of_means(costs[:n], qalys[:n], **pair)
        best = benefit[:n] == benefit[:n].max(axis=1, keepdims=True)
        rows.append(
            (
                n,
                float(steps.mean()),
                float(steps.std(ddof=1) / np.sqrt(n)),
                float((costs[:n, i] - costs[:n, reference]).mean()),
                float((qalys[:n, i] - qalys[:n, reference]).mean()),
                intervals.icer_of_means(costs[:n], qalys[:n], strategy=i, comparator=reference).icer,
                error.low,
                error.high,
                float((best / best.sum(axis=1, keepdims=True))[:, i].mean()),
                information.evpi(benefit[:n]).value,
            )
        )
    return pd.DataFrame(rows, columns=list(COLUMNS))


def run_replicates(
    inputs: Inputs,
    draws: int,
    *,
    design: str = "sobol",
    replicates: int = 8,
    seed: int = DEFAULT_SEED,
    price_arrangement: str | None = None,
    strategy: str | None = None,
    threshold: float | None = None,
    progress: Callable[[int], None] | None = None,
) -> pd.DataFrame:
    """The same design of `draws` draws made anew with `replicates` seeds from `seed` on: what a result of one of them is worth.

    One row per quantity: quantity, mean over the replicates, standard_error (of that mean: standard deviation of the replicates
    over the root of their number), standard_error_of_one (of a single design), and as_if_independent: the mean of the errors that
    the formula for independent draws gives for one of them.
    """
    arrangement, strategy, threshold = request(inputs, price_arrangement, strategy, threshold)
    if isinstance(replicates, bool) or not isinstance(replicates, int) or replicates < 2:
        raise InputError("replicates", f"{replicates!r} is not a whole number from 2", "Give 2 or more; 8 to 30 are usual")
    found: list[tuple[Array, Array]] = []
    for k in range(replicates):
        psa = run_psa(inputs, draws, seed=seed + k, design=design)
        found.append(_quantities(psa, arrangement, strategy, threshold))
        if progress is not None:
            progress(1)
    values, formula = (np.array([pair[side] for pair in found]) for side in (0, 1))
    spread = values.std(axis=0, ddof=1)
    return pd.DataFrame(
        {
            "quantity": [*_QUANTITIES],
            "mean": values.mean(axis=0),
            "standard_error": spread / np.sqrt(replicates),
            "standard_error_of_one": spread,
            "as_if_independent": formula.mean(axis=0),
        }
    )


_QUANTITIES = (
    "incremental_costs",
    "incremental_qalys",
    "incremental_net_monetary_benefit",
    "icer",
    "probability_cost_effective",
    "evpi",
)


def _quantities(psa: PSA, arrangement: str, strategy: str, threshold: float) -> tuple[Array, Array]:
    """Value and standard error (of independent draws) of each of `_QUANTITIES`."""
    i, reference = psa.strategies.index(strategy), psa.strategies.index(psa.inputs.settings.comparator)
    costs, qalys = psa.costs[arrangement].T, psa.qalys.T
    pair = {"strategy": i, "comparator": reference}
    steps = intervals.paired_increment(costs, qalys, **pair, threshold=threshold)
    assert steps.net_monetary_benefit is not None
    ratio, perfect = intervals.icer_of_means(costs, qalys, strategy=i, comparator=reference), psa.evpi(arrangement, threshold)
    row = psa.chances(arrangement, threshold)
    spreads = (steps.costs, steps.effects, steps.net_monetary_benefit)
    values = [*(s.mean for s in spreads), ratio.icer, row.probability[i], perfect.value]
    errors = [*(s.standard_error for s in spreads), ratio.standard_error, row.standard_error[i], perfect.standard_error]
    return np.array(values), np.array(errors)


def _places(n_draws: int, places: int) -> list[int]:
    """About `places` whole numbers from `_FEWEST` to `n_draws`, evenly spread, the last being all."""
    if isinstance(places, bool) or not isinstance(places, int) or places < 2:
        raise InputError("places", f"{places!r} is not a whole number from 2", "Give 2 or more")
    first = min(_FEWEST, n_draws)
    return sorted({round(x) for x in np.linspace(first, n_draws, places)})
