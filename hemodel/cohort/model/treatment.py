"""Who is on treatment, in which treatment cycle, on which dose: what the loop over cycles is told beside the states of health."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from hemodel.cohort.model.curves import boundaries, by_strategy, ttp_steps
from hemodel.cohort.structures import PROGRESSED, PROGRESSION_FREE
from hemodel.evidence.draws import Draws
from hemodel.evidence.inputs import Inputs
from hemodel.evidence.settings import DoseSteps

Array = NDArray[np.float64]
Record = Callable[[int, Mapping[str, Array]], None]

ON_TREATMENT = "on_treatment"


def pack_value(drug: str) -> str:
    """Name of the share on treatment times the list price of the pack of `drug` that they are on: kept where its dose changes."""
    return f"pack_value_{drug}"


def with_steps(inputs: Inputs) -> dict[str, DoseSteps]:
    """The drugs of which the dose goes down over time in this run."""
    return {d: drug.steps for d, drug in inputs.settings.drugs.items() if drug.steps and inputs.settings.dose == "stepwise"}


def with_treatment(draws: Draws, inputs: Inputs, record: Record, crossings: dict[str, Array]) -> Record:
    """`record` that also sees the share on treatment at each cycle start, and the list price of their packs where doses change."""
    treated = _until(draws, inputs, crossings)
    stays = _rules_by_cycle(draws, inputs)
    price_of = {drug: stepwise_price(draws, steps, inputs.settings.cycle_years) for drug, steps in with_steps(inputs).items()}

    def with_share(cycle: int, occupancy: Mapping[str, Array]) -> None:
        share = treated(cycle, occupancy)
        for rule in stays:
            share = share * rule(cycle)
        seen = {**occupancy, ON_TREATMENT: share}
        for drug, price in price_of.items():
            seen[pack_value(drug)] = share * price(cycle)
        record(cycle, seen)

    return with_share


def is_progression_free(inputs: Inputs) -> bool:
    """Whether those on treatment are exactly those progression-free, so that one sum serves both."""
    settings = inputs.settings
    fixed = any(strategy.treatment_cycles is not None for strategy in settings.strategies)
    return settings.treatment_until == "progression" and not fixed and settings.stop_at_response_cycle is None


def _until(draws: Draws, inputs: Inputs, crossings: dict[str, Array]) -> Callable[[int, Mapping[str, Array]], Array]:
    """The rule in `treatment_until`."""
    until = inputs.settings.treatment_until
    if until == "progression":
        return lambda _cycle, occupancy: occupancy[PROGRESSION_FREE]
    if until == "progression_or_toxicity":
        rate = by_strategy(draws, inputs, "r_discontinuation_toxicity")
        return lambda cycle, occupancy: occupancy[PROGRESSION_FREE] * np.exp(-rate * (cycle * inputs.settings.cycle_years))
    steps = ttp_steps(draws, inputs)
    log_share = np.zeros((len(inputs.settings.strategies), len(draws["age_start"])))
    above = crossings["cycles in which the TTP curve exceeded the share alive"] = np.zeros_like(log_share)

    def until_ttp(cycle: int, occupancy: Mapping[str, Array]) -> Array:
        if cycle:
            np.add(log_share, steps(cycle - 1), out=log_share)
        alive = occupancy[PROGRESSION_FREE] + occupancy[PROGRESSED]
        treated = np.exp(log_share)
        np.add(above, treated > alive, out=above)
        return np.minimum(treated, alive)

    return until_ttp


def _rules_by_cycle(draws: Draws, inputs: Inputs) -> list[Callable[[int], Array]]:
    """Rules that end treatment at a treatment cycle: share of those otherwise on treatment who still are, (strategy, draw or 1)."""
    settings, rules = inputs.settings, []
    limits = [strategy.treatment_cycles for strategy in settings.strategies]
    if any(limit is not None for limit in limits):
        most = np.array([[np.inf if limit is None else limit] for limit in limits])
        rules.append(lambda cycle: (cycle < most).astype(np.float64))
    stop = settings.stop_at_response_cycle
    if stop is not None:
        left = 1.0 - by_strategy(draws, inputs, "p_response")
        everyone = np.ones_like(left)
        rules.append(lambda cycle: left if cycle >= stop else everyone)
    return rules


def stepwise_price(draws: Draws, steps: DoseSteps, cycle_years: float) -> Callable[[int], Array]:
    """Expected list price of a pack in treatment cycle c, (draw,), where doses go down by steps and never up again.

    Steps are taken at a rate a year: the number of reductions after t years is Poisson(r t), of which those that `steps` has prices for
    are possible. Independent of how long a person stays on treatment.
    """
    prices, rate = [draws[name] for name in steps.prices], draws[steps.rate]

    def price(cycle: int) -> Array:
        expected = rate * (cycle * cycle_years)
        share, left = np.exp(-expected), np.ones_like(expected)
        total = np.zeros_like(expected)
        for k, cost in enumerate(prices[:-1]):
            total += share * cost
            left -= share
            share = share * expected / (k + 1)
        return total + left * prices[-1]

    return price


def age_factor(draws: Draws, inputs: Inputs) -> Array:
    """Utility norm at the age reached in the middle of each cycle over that at the start, (cycle, 1) or (cycle, draw)."""
    age, men = draws["age_start"], draws["p_male"]
    if np.all(age == age[0]) and np.all(men == men[0]):
        age, men = age[:1], men[:1]
    middle = (boundaries(inputs)[:-1] + inputs.settings.cycle_years / 2)[:, None]
    return inputs.utility_norm.at(age + middle, men) / inputs.utility_norm.at(age, men)
