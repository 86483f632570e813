"""The model: from draws of the evidence to outcomes, one cohort per strategy.

Everyone starts progression-free and on treatment. Progression and death before it split the hazard of the PFS curve; after
progression people die at a rate that may change with the time since then; no hazard of death falls below the general population's.
This is the only room that knows parameters by name; the other modules of the cohort are handed arrays. Axis order: cycle, strategy, draw.

`curves`: what patients die of and when they progress; `treatment`: who is on it; `paths`: what the loop over cycles adds up;
`valuation`: what that costs and is worth.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from hemodel.cohort import hazards, structures
from hemodel.cohort.engine import Moves, step_through
from hemodel.cohort.model import curves
from hemodel.cohort.model.paths import ENTERED, LATER_LINE, RECENTLY, Paths, later_windows
from hemodel.cohort.model.plan import Plan, scheme_of
from hemodel.cohort.model.treatment import ON_TREATMENT, Record, with_treatment
from hemodel.cohort.model.valuation import Valuation
from hemodel.cohort.structures import DEAD, LATER, PROGRESSED, PROGRESSION_FREE
from hemodel.cohort.sums import RunningSums
from hemodel.errors import InputError
from hemodel.evidence import draws as designs
from hemodel.evidence.draws import Draws, NotedDraws, Sampler, base_case_draws
from hemodel.evidence.inputs import Inputs
from hemodel.evidence.parameters import Parameter
from hemodel.outcomes import Outcomes, not_finite
from hemodel.survival.background import hazard_increments

__all__ = [
    "DEAD",
    "ON_TREATMENT",
    "PROGRESSED",
    "PROGRESSION_FREE",
    "Lives",
    "Plan",
    "background_hazards",
    "costs_so_far",
    "drawn_again",
    "evaluate",
    "follow",
    "live",
    "missing_parameters",
    "names_read",
    "sampler",
    "scheme_of",
    "trace",
    "transitions",
]

Array = NDArray[np.float64]
DRAWN_AGAIN = ": drawn again"
"""End of the rules that are about draws, not about cycles."""


def evaluate(draws: Draws, inputs: Inputs) -> Outcomes:
    """Outcomes of every strategy and price arrangement for a table of draws (name -> shape (draw,)).

    Time in a state is the life-table mean of start and end of a cycle, valued and discounted at mid-cycle. Packs and all that
    goes with them are bought at the start of a cycle by those on treatment then. Events (adverse events in the first cycle,
    deaths) are discounted at the middle of their cycle. Returns discounted outcomes, with the undiscounted ones in `.undiscounted`.
    """
    lives = live(draws, inputs)
    return replace(lives.outcomes(discounted=True), undiscounted=lives.outcomes(discounted=False))


def live(draws: Draws, inputs: Inputs) -> Lives:
    """Let the cohorts live through the horizon once; what they cost and yield with or without discounting follows from that."""
    plan = Plan.of(inputs)
    paths = Paths(draws, plan)
    crossings = follow(draws, inputs, paths.record)
    if inputs.settings.utility_age_adjustment != "none":
        norm = inputs.utility_norm.at(draws["age_start"], draws["p_male"])
        nobody = np.zeros((len(inputs.settings.strategies), len(draws["age_start"])))
        for name in plan.utilities:
            excess = draws[name] - np.minimum(draws[name], norm)
            crossings[f"by how much {name} exceeded the general population's utility"] = nobody + excess
    return Lives(plan, paths, Valuation(draws, plan, paths), crossings)


def costs_so_far(draws: Draws, inputs: Inputs, *, discounted: bool = False) -> dict[str, dict[str, Array]]:
    """Costs by price arrangement and component as they stand after every cycle, (cycle, strategy, draw), from one run.

    Row c is what `evaluate` gives for a horizon that ends with cycle c. For few draws: the whole trace is kept.
    """
    plan = Plan.of(inputs)
    paths = Paths(draws, plan, RunningSums)
    follow(draws, inputs, paths.record)
    settings = inputs.settings
    shape = (settings.n_cycles, len(settings.strategies), len(draws["age_start"]))
    valued = Valuation(draws, plan, paths).costs(settings.discount_rate_costs if discounted else 0.0)
    costs = {a: {name: np.broadcast_to(cost, shape) for name, cost in parts.items()} for a, parts in valued.items()}
    faults = [
        fault
        for arrangement, parts in costs.items()
        for name, cost in parts.items()
        if (fault := not_finite(f"cost of {name} ({arrangement})", cost[-1], settings.strategy_names))
    ]
    if faults:
        raise InputError.together(faults)
    return costs


@dataclass(frozen=True)
class Lives:
    """Sums over the cohorts' lives, from which outcomes are products."""

    plan: Plan
    paths: Paths
    worth: Valuation
    crossings: dict[str, Array]

    def outcomes(self, *, discounted: bool) -> Outcomes:
        """Costs by price arrangement and component, life-years and QALYs by state, with or without time preference."""
        settings = self.plan.inputs.settings
        rate_costs, rate_effects = (
            r if discounted else 0.0 for r in (settings.discount_rate_costs, settings.discount_rate_effects)
        )
        costs, qalys = self.worth.costs(rate_costs), self.worth.qalys(rate_effects)
        return Outcomes(settings.strategy_names, costs, self.life_years(discounted=discounted), qalys, None, self.crossings)

    def life_years(self, *, discounted: bool) -> dict[str, Array]:
        """Life-years by state, with or without time preference."""
        settings = self.plan.inputs.settings
        rate = settings.discount_rate_effects if discounted else 0.0
        return {state: self.paths.years(state, rate, settings.time_in_state) for state in (PROGRESSION_FREE, PROGRESSED)}


def follow(draws: Draws, inputs: Inputs, record: Record) -> dict[str, Array]:
    """Let the cohorts live through the horizon. `record(cycle, occupancy)` sees shares in progression_free, progressed and
    on_treatment at every cycle start and at the end, shape (strategy, draw); the arrays are reused: copy what is to be kept.

    Returns how often and by how much a documented rule for crossing curves was applied, rule -> (strategy, draw).
    """
    plan = Plan.of(inputs)
    crossings: dict[str, Array] = {}
    record = with_treatment(draws, inputs, record, crossings)
    floor = background_hazards(draws, inputs)
    shape = (len(inputs.settings.strategies), len(draws["age_start"]))
    if inputs.settings.structure == "state_transition":
        occupancy = {PROGRESSION_FREE: np.ones(shape), PROGRESSED: np.zeros(shape)}
        moves = _with_clocks(draws, plan, floor, transitions(draws, inputs, floor), occupancy)
        step_through(occupancy, moves, inputs.settings.n_cycles, record if len(occupancy) == 2 else _joined(record))
        return crossings
    above = crossings["cycles in which the PFS curve exceeded the OS curve"] = np.zeros(shape)
    largest = crossings["most by which the PFS curve exceeded the OS curve"] = np.zeros(shape)
    pfs, os = curves.pfs_steps(draws, inputs), curves.os_steps(draws, inputs)
    for cycle, (free, progressed) in enumerate(structures.partitioned_survival(pfs, os, floor, above, largest)):
        record(cycle, {PROGRESSION_FREE: free, PROGRESSED: progressed})
    return crossings


def trace(draws: Draws, inputs: Inputs) -> dict[str, Array]:
    """Occupancy of every state, and share on treatment, at cycle starts: name -> shape (n_cycles + 1, strategy, draw)."""
    kept: dict[str, list[Array]] = {PROGRESSION_FREE: [], PROGRESSED: [], ON_TREATMENT: []}

    def record(_cycle: int, occupancy: Mapping[str, Array]) -> None:
        for name, shares in kept.items():
            shares.append(occupancy[name].copy())

    follow(draws, inputs, record)
    result = {name: np.stack(shares) for name, shares in kept.items()}
    result[DEAD] = 1.0 - result[PROGRESSION_FREE] - result[PROGRESSED]
    return result


def names_read(inputs: Inputs) -> frozenset[str]:
    """Names of the parameters that a run with these settings reads; the others change nothing in it."""
    return inputs.once(_names_read)


def _names_read(inputs: Inputs) -> frozenset[str]:
    return frozenset(_read_by(lambda draws: evaluate(draws, inputs), inputs))


def sampler(inputs: Inputs, *, seed: int, design: str = "monte_carlo", n_draws: int = 0) -> Sampler:
    """Draws of the parameters that a run with these settings reads, coefficients of fitted curves being drawn again until they make one."""
    read = names_read(inputs)
    conditions = tuple(condition for condition in curves.conditions(inputs) if read.issuperset(condition.names))
    return designs.sampler(inputs, seed=seed, names=read, design=design, n_draws=n_draws, conditions=conditions)


def drawn_again(prepared: Sampler, inputs: Inputs, start: int, stop: int) -> dict[str, Array]:
    """Rule -> 1 for the strategies and draws `start` to `stop` whose fitted curve was drawn again, else 0, (strategy, draw)."""
    found: dict[str, Array] = {}
    for label, again in prepared.drawn_again(start, stop).items():
        which, _, strategy = label.rpartition(" ")[2].partition("_")
        rule = f"draws of the fitted {which.upper()} curve whose survival would rise somewhere{DRAWN_AGAIN}"
        nobody = np.zeros((len(inputs.settings.strategies), stop - start))
        found.setdefault(rule, nobody)[inputs.settings.place(strategy)] = again
    return found


def missing_parameters(
    inputs: Inputs, example: Callable[[str], Parameter], known: Mapping[str, Parameter] = MappingProxyType({})
) -> dict[str, Parameter]:
    """Parameters that a run with these settings needs and the inputs do not hold, all of them, each with its example.

    Found by running with the examples in place of what was missed until nothing is: so what is asked for is what the model reads. `known`:
    examples that are in place from the start, of what other runs missed. Where
    the run is refused for another reason with an example in place, that reason may be the example's: it is told when the rows are there.
    """
    found: dict[str, Parameter] = {}
    while True:
        held = replace(inputs, parameters=MappingProxyType({**known, **inputs.parameters, **found}))
        try:
            evaluate(base_case_draws(held), held)
        except InputError as error:
            missed = [name for fault in error.faults for name in fault.missing if name not in found]
            if not missed and not found and not known:
                raise
            if not missed:
                return found
            found |= {name: example(name) for name in missed}
        else:
            return found


def _read_by(work: Callable[[Draws], object], inputs: Inputs) -> dict[str, None]:
    """Names of the parameters that `work` reads, in the order in which it first does."""
    draws = NotedDraws(base_case_draws(inputs))
    work(draws)
    return draws.read


def _behind_progression(inputs: Inputs, strategy: int) -> tuple[str, ...]:
    """Names of the parameters behind the PFS and TTP curves of a strategy; of the comparator too where the effect wanes."""
    names = inputs.settings.strategy_names
    own = {names[strategy], inputs.settings.comparator} if inputs.settings.effect_waning is not None else {names[strategy]}
    read = _read_by(lambda draws: (curves.pfs_steps(draws, inputs), curves.own_progression(draws, inputs)), inputs)
    whose = {name: max((s for s in names if f"_{s}" in name), key=len, default=names[strategy]) for name in read}
    return tuple(name for name in read if whose[name] in own)


def background_hazards(draws: Draws, inputs: Inputs) -> Array:
    """Increments of the general population's cumulative hazard, (cycle, 1) or (cycle, draw)."""
    return hazard_increments(
        inputs.life_table.male,
        inputs.life_table.female,
        age=draws["age_start"],
        share_male=draws["p_male"],
        n_cycles=inputs.settings.n_cycles,
        cycle_years=inputs.settings.cycle_years,
    )


def transitions(draws: Draws, inputs: Inputs, floor: Array) -> Callable[[int], Moves]:
    """Probabilities of each cycle in the state-transition structure."""
    settings = inputs.settings
    return structures.state_transition(
        curves.pfs_steps(draws, inputs),
        curves.progression_share(draws, inputs),
        curves.death_steps(draws, inputs),
        floor,
        own_progression=curves.own_progression(draws, inputs),
        strategies=settings.strategy_names,
        behind=lambda strategy: _behind_progression(inputs, strategy),
    )


def _with_clocks(
    draws: Draws, plan: Plan, floor: Array, moves: Callable[[int], Moves], occupancy: dict[str, Array]
) -> Callable[[int], Moves]:
    """`moves` with the clocks that the settings and rows ask for; their states are added to `occupancy`."""
    inputs, settings = plan.inputs, plan.inputs.settings
    clock, nobody = settings.post_progression_clock_cycles, np.zeros_like(occupancy[PROGRESSED])
    death = curves.death_steps(draws, inputs)
    for window in later_windows(plan):
        state = f"{LATER_LINE}_{window}"
        occupancy |= {state: nobody.copy(), state + LATER: nobody.copy()}
        leave = hazards.at_least(death, inputs.settings.cycle_years * draws["r_stop_later_line"])
        share = curves.by_strategy(draws, inputs, "p_later_line")
        moves = structures.with_clock(moves, occupancy, state, window, steps=leave, later_steps=leave, floor=floor, share=share)
    if plan.entered:
        occupancy[ENTERED + PROGRESSED] = nobody.copy()
        moves = structures.counting_entries(moves, ENTERED + PROGRESSED)
    if clock is not None:
        occupancy[PROGRESSED + LATER] = nobody.copy()
        later = hazards.scaled(death, draws["hr_death_after_clock"])
        moves = structures.with_clock(moves, occupancy, PROGRESSED, clock, steps=death, later_steps=later, floor=floor)
    return moves


def _joined(record: Record) -> Record:
    """`record` that sees those progressed as one state, and those within the clock beside it."""

    def join(cycle: int, occupancy: Mapping[str, Array]) -> None:
        seen = dict(occupancy)
        if PROGRESSED + LATER in seen:
            seen[RECENTLY + PROGRESSED] = seen[PROGRESSED]
            seen[PROGRESSED] = seen[PROGRESSED] + seen[PROGRESSED + LATER]
        record(cycle, seen)

    return join
