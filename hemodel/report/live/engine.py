"""What the engine says, cycle by cycle: the numbers that the formulas must give, from the arrays of the model itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hemodel.analyses.base_case import BaseCase, run_base_case
from hemodel.cohort import hazards, model, schemes
from hemodel.cohort.hazards import Hazard
from hemodel.cohort.model import Plan, curves
from hemodel.cohort.model.paths import calendar
from hemodel.cohort.structures import PROGRESSED, PROGRESSION_FREE
from hemodel.cohort.sums import PART_OF_CYCLE, Calendar
from hemodel.evidence.draws import base_case_draws
from hemodel.evidence.inputs import Inputs
from hemodel.evidence.settings import Settings
from hemodel.survival.background import cumulative_hazard

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Engine:
    """One run of the base case, kept whole. Arrays have the shape (cycle, strategy), or (cycle,) where strategies share them."""

    inputs: Inputs
    plan: Plan
    calendar: Calendar
    draws: Mapping[str, Array]
    base: BaseCase
    seen: Mapping[str, Array]  # occupancy of every state that the model follows, at cycle boundaries
    steps: Mapping[str, Array]  # increments of cumulative hazards
    probabilities: Mapping[str, Array]
    floor: Array

    @property
    def n_cycles(self) -> int:
        """Number of cycles."""
        return self.inputs.settings.n_cycles

    def value(self, name: str) -> float:
        """A parameter in its own unit."""
        return self.inputs.parameters[name].value

    def years(self, name: str) -> float:
        """A parameter that is a time, in years."""
        return float(self.inputs.years(name, self.draws[name])[0])

    @property
    def boundaries(self) -> Array:
        """Cycle boundaries in years."""
        return np.arange(self.n_cycles + 1, dtype=np.float64) * self.inputs.settings.cycle_years


def run_engine(inputs: Inputs) -> Engine:
    """Run the base case and keep all that the sheets by cycle show."""
    draws, settings = base_case_draws(inputs), inputs.settings
    seen: dict[str, list[Array]] = {}

    def record(_cycle: int, occupancy: Mapping[str, Array]) -> None:
        for name, shares in occupancy.items():
            seen.setdefault(name, []).append(shares[:, 0].copy())

    plan = Plan.of(inputs)
    model.follow(draws, inputs, record)
    floor = model.background_hazards(draws, inputs)
    lasting = replace(inputs, settings=settings.model_copy(update={"effect_waning": None}))
    found = {"pfs": curves.pfs_steps(draws, lasting), "pfs_waned": curves.pfs_steps(draws, inputs)}
    until = [until_of(settings, i) for i in range(len(settings.strategies))]
    if "ttp_curve" in until or settings.progression_shape == "ttp":
        found |= {"ttp": curves.ttp_steps(draws, lasting), "ttp_waned": curves.ttp_steps(draws, inputs)}
    if "exposure_curve" in until:
        places = [i for i, rule in enumerate(until) if rule == "exposure_curve"]
        found["exposure"] = curves.exposure_steps(draws, inputs, places)
    probabilities: dict[str, Array] = {}
    if settings.structure == "state_transition":
        found |= {"death": curves.death_steps(draws, inputs)}
        probabilities = _probabilities(draws, inputs, floor)
    else:
        found |= {"os": curves.os_steps(draws, lasting), "os_waned": curves.os_steps(draws, inputs)}
    rows = len(settings.strategies)
    return Engine(
        inputs,
        plan,
        calendar(settings),
        draws,
        run_base_case(inputs),
        {name: np.stack(shares) for name, shares in seen.items()},
        {name: _hazards(steps, settings.n_cycles, rows) for name, steps in found.items()},
        probabilities,
        floor[:, 0],
    )


def until_of(settings: Settings, strategy: int) -> str:
    """What ends treatment in a strategy, beside a fixed duration and a stop by response."""
    return settings.strategies[strategy].treatment_until or settings.treatment_until


def _hazards(steps: Hazard, n_cycles: int, rows: int) -> Array:
    """Increments of the cumulative hazard, (cycle, strategy)."""
    return np.stack([np.broadcast_to(-steps(cycle)[:, 0], rows).copy() for cycle in range(n_cycles)])


def _probabilities(draws: Mapping[str, Array], inputs: Inputs, floor: Array) -> dict[str, Array]:
    """Probabilities of each cycle: to leave progression-free, to progress, to die before and after progression."""
    moves = model.transitions(draws, inputs, floor)
    rows = []
    for cycle in range(inputs.settings.n_cycles):
        stay, move = moves(cycle)
        progress = move[PROGRESSION_FREE, PROGRESSED][:, 0]
        leave = 1.0 - stay[PROGRESSION_FREE][:, 0]
        rows.append((leave, progress.copy(), leave - progress, 1.0 - stay[PROGRESSED][:, 0]))
    return dict(zip(("leave", "progress", "die_free", "die_progressed"), np.moveaxis(np.array(rows), 1, 0), strict=True))


def alive(table: Array, age: float, boundaries: Array) -> Array:
    """Share of one sex alive at cycle boundaries."""
    return np.exp(cumulative_hazard(table, np.array([age])) - cumulative_hazard(table, age + boundaries))


def waned(inputs: Inputs, boundaries: Array) -> Array:
    """Share of the treatment effect that is gone in each cycle; zeros where it does not fade."""
    terms = inputs.settings.effect_waning
    if terms is None:
        return np.zeros(len(boundaries) - 1)
    return hazards.ramp(terms.from_years, terms.to_years, boundaries)


def within(inputs: Inputs, window: int, dispensed: float | None) -> Array:
    """Chance that the pack of each cycle is among the first `window` treatment cycles as the scheme counts them; `dispensed`: the share of
    cycles with a pack, None where packs are counted by the calendar whatever the settings say.
    """
    n = inputs.settings.n_cycles
    if inputs.settings.scheme_counts == "calendar" or dispensed is None:
        return (np.arange(n) < window).astype(np.float64)
    found, state = [], None
    for cycle in range(n):
        share, state = schemes.share_within(cycle, np.array([dispensed]), window, state)
        found.append(float(share[0]))
    return np.array(found)


def place_of(settings: Settings, kind: str) -> str:
    """Where in its cycle a kind of measure is discounted: "start", "middle" or "end"."""
    match kind:
        case "start":
            return "start"
        case "start mid-cycle":
            return "middle"
        case "year in" | "cycle in" | "event in" | "year on treatment":
            return settings.time_discounted_at
        case "entry to" | "death":
            return settings.events_discounted_at
    return settings.purchases_discounted_at


def places_read(engine: Engine) -> list[tuple[str, str]]:
    """Outcome ("cost" or "qaly") and place in the cycle of every discount factor that the sheets read, in their order."""
    settings = engine.inputs.settings
    read = {(row.payoff.outcome, place_of(settings, row.payoff.measure.kind)) for row in engine.plan.rows}
    read.add(("qaly", settings.time_discounted_at))  # life-years
    return [(outcome, place) for outcome in ("cost", "qaly") for place in PART_OF_CYCLE if (outcome, place) in read]


def age_factor(engine: Engine) -> Array:
    """Utility norm in the middle of each cycle over that at the start; ones where utilities have no age."""
    settings = engine.inputs.settings
    if settings.utility_age_adjustment == "none":
        return np.ones(engine.n_cycles)
    age, share, norm = engine.value("age_start"), engine.value("p_male"), engine.inputs.utility_norm
    at = age + engine.boundaries[:-1] + settings.cycle_years / 2
    return np.asarray(norm.at(at, share) / norm.at(np.array([age]), share))
