"""Who is on treatment, in which treatment cycle, on which dose: what the loop over cycles is told beside the states of health."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from hemodel.cohort.model.curves import boundaries, exposure_steps, ttp_steps
from hemodel.cohort.structures import PROGRESSED, PROGRESSION_FREE
from hemodel.evidence.draws import Draws
from hemodel.evidence.inputs import Inputs
from hemodel.evidence.settings import DoseSteps

Array = NDArray[np.float64]
Record = Callable[[int, Mapping[str, Array]], None]

ON_TREATMENT = "on_treatment"
BEFORE_RULES = "before_rules"
"""On treatment but for the rules that end it at a time: what drugs given on days of their own are counted from."""


def pack_value(drug: str) -> str:
    """Name of the share on treatment times the list price of the pack of `drug` that they are on: kept where its dose changes."""
    return f"pack_value_{drug}"


def pack_value_before_rules(drug: str) -> str:
    """The same, but for the rules that end treatment at a time."""
    return f"{pack_value(drug)}_before_rules"


def with_steps(inputs: Inputs) -> dict[str, DoseSteps]:
    """The drugs of which the dose goes down over time in this run."""
    return {d: drug.steps for d, drug in inputs.settings.drugs.items() if drug.steps and inputs.settings.dose == "stepwise"}


def with_treatment(draws: Draws, inputs: Inputs, record: Record, crossings: dict[str, Array]) -> Record:
    """`record` that also sees the share on treatment at each cycle start, before and after the rules that end it at a time, and the list
    price of their packs where doses change.
    """
    treated = _until(draws, inputs, crossings)
    stay = None if has_no_time_rule(inputs) else stay_by_cycle(draws, inputs)
    price_of = {drug: stepwise_price(draws, steps, inputs.settings.cycle_years) for drug, steps in with_steps(inputs).items()}

    def with_share(cycle: int, occupancy: Mapping[str, Array]) -> None:
        before = treated(cycle, occupancy)
        share = before if stay is None else before * stay(cycle)
        seen = {**occupancy, BEFORE_RULES: before, ON_TREATMENT: share}
        for drug, price in price_of.items():
            seen[pack_value(drug)] = share * price(cycle)
            seen[pack_value_before_rules(drug)] = before * price(cycle)
        record(cycle, seen)

    return with_share


def has_no_time_rule(inputs: Inputs) -> bool:
    """Whether no fixed duration and no stop by response ends treatment in any strategy."""
    settings = inputs.settings
    rules = [(s.treatment_cycles, s.treatment_days, s.stop_at_response) for s in settings.strategies]
    return settings.stop_at_response_cycle is None and all(rule == (None, None, None) for rule in rules)


def is_progression_free(inputs: Inputs) -> bool:
    """Whether those on treatment are exactly those progression-free, so that one sum serves both."""
    return has_no_time_rule(inputs) and {until for until, _ in _rules(inputs)} == {"progression"}


def _rules(inputs: Inputs) -> list[tuple[str, list[int]]]:
    """What ends treatment, and the strategies (by place) of which that holds."""
    found: dict[str, list[int]] = {}
    for i, strategy in enumerate(inputs.settings.strategies):
        found.setdefault(strategy.treatment_until or inputs.settings.treatment_until, []).append(i)
    return list(found.items())


def _until(draws: Draws, inputs: Inputs, crossings: dict[str, Array]) -> Callable[[int, Mapping[str, Array]], Array]:
    """The rules in `treatment_until`, each for the strategies that have it."""
    rules = [(_one_rule(until, places, draws, inputs, crossings), places) for until, places in _rules(inputs)]
    if len(rules) == 1:
        return rules[0][0]

    def mixed(cycle: int, occupancy: Mapping[str, Array]) -> Array:
        share = np.empty_like(occupancy[PROGRESSION_FREE])
        for rule, places in rules:
            share[places] = rule(cycle, occupancy)[places]
        return share

    return mixed


def _one_rule(
    until: str, places: list[int], draws: Draws, inputs: Inputs, crossings: dict[str, Array]
) -> Callable[[int, Mapping[str, Array]], Array]:
    if until == "progression":
        return lambda _cycle, occupancy: occupancy[PROGRESSION_FREE]
    if until == "progression_or_toxicity":
        names = [f"r_discontinuation_toxicity_{name}" for name in inputs.settings.strategy_names]
        nothing = np.zeros(len(draws["age_start"]))
        rate = np.stack([draws[name] if i in places else nothing for i, name in enumerate(names)])
        return lambda cycle, occupancy: occupancy[PROGRESSION_FREE] * np.exp(-rate * (cycle * inputs.settings.cycle_years))
    steps, name = (
        (ttp_steps(draws, inputs), "TTP")
        if until == "ttp_curve"
        else (exposure_steps(draws, inputs, places), "time-on-treatment")
    )
    log_share = np.zeros((len(inputs.settings.strategies), len(draws["age_start"])))
    above = crossings[f"cycles in which the {name} curve exceeded the share alive"] = np.zeros_like(log_share)

    def until_curve(cycle: int, occupancy: Mapping[str, Array]) -> Array:
        if cycle:
            np.add(log_share, steps(cycle - 1), out=log_share)
        alive = occupancy[PROGRESSION_FREE] + occupancy[PROGRESSED]
        treated = np.exp(log_share)
        np.add(above, treated > alive, out=above)
        return np.minimum(treated, alive)

    return until_curve


def response_rules(inputs: Inputs) -> list[tuple[float, str] | None]:
    """Of each strategy the day on which some stop by response, and who does; None where nobody does."""
    settings = inputs.settings
    of_all = settings.stop_at_response_cycle
    shared = None if of_all is None else (of_all * settings.cycle_days, "responders")
    return [(rule.day, rule.stops) if (rule := s.stop_at_response) is not None else shared for s in settings.strategies]


def share_that_goes_on(draws: Draws, inputs: Inputs) -> Array:
    """Share who go on after the day of the response rule, (strategy, draw): 1 where there is no rule."""
    rows = []
    for name, rule in zip(inputs.settings.strategy_names, response_rules(inputs), strict=True):
        if rule is None:
            rows.append(np.ones(len(draws["age_start"])))
        else:
            responds = draws[f"p_response_{name}"]
            rows.append(responds if rule[1] == "non_responders" else 1.0 - responds)
    return np.stack(rows)


def stay_by_cycle(draws: Draws, inputs: Inputs) -> Callable[[int], Array]:
    """Share of those otherwise on treatment who still are, (strategy, draw or 1): of a cycle in which it ends, the share before."""
    settings = inputs.settings
    days = settings.cycle_days
    last = np.array([[s.last_day(days)] for s in settings.strategies])
    response = np.array([[math.inf if rule is None else rule[0]] for rule in response_rules(inputs)])
    goes_on = None if np.isinf(response).all() else share_that_goes_on(draws, inputs)

    def stay(cycle: int) -> Array:
        start = cycle * days
        within = np.clip((last - start) / days, 0.0, 1.0)
        if goes_on is None:
            return within
        before = np.minimum(np.clip((response - start) / days, 0.0, 1.0), within)
        return before + (within - before) * goes_on

    return stay


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
