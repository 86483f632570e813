"""Value of information of a probabilistic analysis: what it would be worth to know more before choosing, and which study pays.

Per person to whom the decision applies, GBP; for everyone it concerns it is multiplied by `persons`, the discounted number of
people who face the choice while it stays open. The estimates and their errors are those of `decision.information`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from hemodel.analyses.psa import PSA, highest_of_curves, varying
from hemodel.analyses.request import request
from hemodel.decision import information
from hemodel.errors import Fault, InputError, nearest
from hemodel.evidence.inputs import Inputs
from hemodel.evidence.studies import study_estimate
from hemodel.threads import one_blas_thread

CURVE_STEPS = 40
"""Thresholds on the horizontal axis of the EVPI curve, in equal steps up to the highest of acceptability curves."""
STUDY_SIZES = (25, 50, 100, 200, 400, 800, 1_600)


def persons(inputs: Inputs) -> float:
    """Discounted number of people who face the choice while it stays open.

    `n_eligible` people a year over `d_decision_lifetime`, discounted at the rate for costs from the start of each year.
    """
    return information.discounted_persons(*_population_size(inputs), inputs.settings.discount_rate_costs)


def evpi_curve(psa: PSA, *, price_arrangement: str | None = None, thresholds: ArrayLike | None = None) -> pd.DataFrame:
    """EVPI by threshold: columns threshold (GBP per QALY), evpi and standard_error (per person), population_evpi, all GBP."""
    arrangement, *_ = request(psa.inputs, price_arrangement, None, None)
    people = persons(psa.inputs)
    rows = []
    if thresholds is None:
        highest = highest_of_curves(psa.inputs.settings)
        thresholds = np.linspace(highest / CURVE_STEPS, highest, CURVE_STEPS)
    for threshold in np.asarray(thresholds, dtype=np.float64):
        value = psa.evpi(arrangement, float(threshold))
        rows.append((float(threshold), value.value, value.standard_error, value.value * people))
    return pd.DataFrame(rows, columns=["threshold", "evpi", "standard_error", "population_evpi"])


def evppi(
    psa: PSA,
    names: str | Sequence[str],
    *,
    threshold: float | None = None,
    price_arrangement: str | None = None,
    draws: pd.DataFrame | None = None,
) -> information.InformationValue:
    """Expected value of perfect information on some parameters, GBP per person, with its standard error.

    `names`: one parameter or a group, known together. `threshold`: GBP per QALY (default: the upper one); `price_arrangement`:
    default the last. By regression on the draws of `psa`: no further runs. `draws`: `psa.draws()`, where it is at hand already
    (for many parameters of one analysis). See `decision.information.evppi`.
    """
    arrangement, _, threshold = request(psa.inputs, price_arrangement, None, threshold)
    draws = psa.draws() if draws is None else draws
    return information.evppi(psa.net_benefit(arrangement, threshold), draws[_drawn(names, draws)].to_numpy())


@one_blas_thread
def evppi_table(
    psa: PSA,
    groups: Sequence[str | Sequence[str]] | None = None,
    *,
    threshold: float | None = None,
    price_arrangement: str | None = None,
    progress: Callable[[int], None] | None = None,
) -> pd.DataFrame:
    """EVPPI of each of `groups` (default: every parameter that was drawn, alone), highest first.

    Columns: parameters (names, joined by commas), evppi and standard_error (GBP per person), population_evppi (GBP).
    """
    draws, people = psa.draws(), persons(psa.inputs)
    chosen = varying(draws) if groups is None else groups
    rows = []
    for group in chosen:
        value = evppi(psa, group, threshold=threshold, price_arrangement=price_arrangement, draws=draws)
        name = group if isinstance(group, str) else ", ".join(group)
        rows.append((name, value.value, value.standard_error, value.value * people))
        if progress is not None:
            progress(1)
    frame = pd.DataFrame(rows, columns=["parameters", "evppi", "standard_error", "population_evppi"])
    return frame.sort_values("evppi", ascending=False, kind="stable", ignore_index=True)


@one_blas_thread
def evsi_table(
    psa: PSA,
    names: str | Sequence[str],
    sizes: Sequence[int] = STUDY_SIZES,
    *,
    standard_deviations: Mapping[str, float] | None = None,
    share_with_event: float = 1.0,
    fixed_cost: float = 0.0,
    cost_per_person: float = 0.0,
    threshold: float | None = None,
    price_arrangement: str | None = None,
) -> pd.DataFrame:
    """What a study of these parameters would be worth by its size, and what it would bring beyond its cost.

    Each study has n people in each group: parameters named after different strategies are observed in different groups, all others
    in the same people. What is observed: `evidence.studies.study_estimate`, which says where `standard_deviations` (parameter ->
    spread between people) are needed; `share_with_event`: the share of people whose event is seen before the study ends.
    `fixed_cost` and `cost_per_person`, GBP, are of the study. Everyone of `persons` would profit from the study's result.

    Columns: n (in each group), evsi and standard_error (GBP per person), evppi (what a study without end would bring),
    population_evsi, study_cost and expected_net_benefit (of sampling, GBP).
    """
    arrangement, _, threshold = request(psa.inputs, price_arrangement, None, threshold)
    draws, (incidence, lifetime) = psa.draws(), _population_size(psa.inputs)
    chosen = _drawn(names, draws)
    benefit = psa.net_benefit(arrangement, threshold)
    limit = information.evppi(benefit, draws[chosen].to_numpy()).value
    shapes = {"median_pfs": "shape_pfs", "median_os": "shape_os"}
    found: dict[int, information.InformationValue] = {}
    for n in dict.fromkeys(sizes):
        seen = [
            study_estimate(
                psa.inputs.parameters[name],
                draws[name].to_numpy(),
                n,
                seed=psa.seed,
                standard_deviation=(standard_deviations or {}).get(name),
                share_with_event=share_with_event,
                shape=next((draws[s].to_numpy() for q, s in shapes.items() if name.startswith(q) and s in draws), 1.0),
            )
            for name in chosen
        ]
        found[n] = information.evsi(benefit, np.column_stack(seen))
    table = information.expected_net_benefit_of_sampling(
        found,
        incidence_per_year=incidence,
        horizon_years=lifetime,
        discount_rate=psa.inputs.settings.discount_rate_costs,
        fixed_cost=fixed_cost,
        cost_per_person=cost_per_person * _groups(chosen, psa.strategies),
    ).reset_index()
    table.insert(3, "evppi", limit)
    names_of = {"sample_size": "n", "se_evsi": "standard_error", "cost": "study_cost"}
    table = table.rename(columns=names_of | {"net_benefit_of_sampling": "expected_net_benefit"})
    return table[["n", "evsi", "standard_error", "evppi", "population_evsi", "study_cost", "expected_net_benefit"]]


def _groups(names: Sequence[str], strategies: Sequence[str]) -> int:
    """Number of groups of people in a study: one for each strategy that a parameter is named after, or one."""
    owners = {max((s for s in strategies if name.endswith(f"_{s}")), key=len, default="") for name in names}
    return max(1, len(owners - {""}))


def _drawn(names: str | Sequence[str], draws: pd.DataFrame) -> list[str]:
    """The names as a list, refused where they were not drawn."""
    chosen, drawn = [names] if isinstance(names, str) else list(names), [str(name) for name in draws]
    faults = [
        Fault(f"parameter {n!r}", "it is not among those that were drawn", nearest(n, drawn)) for n in chosen if n not in drawn
    ]
    if not chosen:
        faults.append(Fault("names", "there are none", "Name at least one parameter"))
    if faults:
        raise InputError.together(faults)
    return chosen


def _population_size(inputs: Inputs) -> tuple[float, float]:
    """People eligible in a year, and the years in which the decision stays open; refused where the inputs lack one."""
    names = ("n_eligible", "d_decision_lifetime")
    missing = [name for name in names if name not in inputs.parameters]
    if missing:
        remedy = "Add {} to parameters.csv; the problem `relapsed` shows how"
        raise InputError.together(
            Fault(
                "parameters",
                f"there is no {name}, without which nothing can be said of everyone",
                remedy.format(name),
                missing=(name,),
            )
            for name in missing
        )
    eligible, lifetime = (inputs.parameters[name] for name in names)
    return eligible.value, lifetime.value * inputs.settings.years_per(lifetime.unit)
