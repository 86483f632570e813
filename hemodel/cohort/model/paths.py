"""What the loop over cycles adds up along the cohorts' lives: the sums that some row of the run asks for, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from hemodel.cohort import schemes
from hemodel.cohort.model.plan import Plan, value
from hemodel.cohort.model.treatment import ON_TREATMENT, age_factor, is_progression_free, pack_value, with_steps
from hemodel.cohort.payoffs import discount_factors
from hemodel.cohort.structures import LATER, PROGRESSED, PROGRESSION_FREE
from hemodel.cohort.sums import CycleSums, WeightedYears
from hemodel.evidence.draws import Draws

Array = NDArray[np.float64]
RECENTLY = "recently_"
"""Beginning of the name of those in a state within the cycles of its clock; kept where there is one."""
LATER_LINE = "later_line"
"""On the drug of the line after progression, within the charged cycles of that line; with `LATER` added, beyond them."""


def later_windows(plan: Plan) -> list[int]:
    """Cycles after which a price arrangement of the run treats the packs of a later line otherwise, counted from entry to that line."""
    drug = plan.later_drug
    if drug is None:
        return []
    return sorted({w for arrangement in plan.arrangements for w in plan.scheme(arrangement, drug).windows}) or [1]


class Paths:
    """Sums over cycles: those in each state, on treatment, packs counted as dispensed, and what else the rows ask for."""

    def __init__(self, draws: Draws, plan: Plan) -> None:
        self.plan, settings = plan, plan.inputs.settings
        self.rates = (0.0, settings.discount_rate_costs, settings.discount_rate_effects)
        sums = partial(CycleSums, self.rates, n_cycles=settings.n_cycles, cycle_years=settings.cycle_years)
        cuts = self._cuts()
        self.of = {PROGRESSION_FREE: sums(cuts=cuts), PROGRESSED: sums()}
        self._recorded = [PROGRESSION_FREE, PROGRESSED]
        if is_progression_free(plan.inputs):
            self.of[ON_TREATMENT] = self.of[PROGRESSION_FREE]
        else:
            self._also(ON_TREATMENT, sums(cuts=cuts))
        for drug in with_steps(plan.inputs):
            self._also(pack_value(drug), sums(cuts=cuts))
        if settings.post_progression_clock_cycles is not None:
            self._also(RECENTLY + PROGRESSED, sums())
        for window in later_windows(plan):
            self._also(f"{LATER_LINE}_{window}", sums())
            self._also(f"{LATER_LINE}_{window}{LATER}", sums())
        self.dispensed = {drug: value(amount, draws, plan.inputs) for drug, amount in plan.dispensed.items()}
        counted = settings.scheme_counts == "dispensed"
        self.within = {(d, w): sums() for d in self.dispensed for w in plan.windows(d) if counted}
        self._counting: dict[tuple[str, int], tuple[Array, Array] | None] = dict.fromkeys(self.within)
        self.valued = self._valued(draws) if settings.utility_age_adjustment == "general_population" else None

    def _cuts(self) -> list[int]:
        """Treatment cycles at which a price or the window of a row changes."""
        of_rows = [row.payoff.measure for row in self.plan.rows]
        cuts = {cut for m in of_rows for cut in (m.first - 1, m.last) if cut}
        return sorted(cuts | {w for drug in self.plan.prices for w in self.plan.windows(drug)})

    def _also(self, name: str, sums: CycleSums) -> None:
        self.of[name] = sums
        self._recorded.append(name)

    def _valued(self, draws: Draws) -> dict[tuple[str, float], WeightedYears]:
        """Years in each state weighted by the utility norm at the age attained: (state, discount rate) -> sums."""
        settings, factor = self.plan.inputs.settings, age_factor(draws, self.plan.inputs)
        middle = (np.arange(settings.n_cycles) + 0.5) * settings.cycle_years
        return {
            (state, rate): WeightedYears(settings.cycle_years * discount_factors(rate, middle)[:, None] * factor, count)
            for state, count in (
                (PROGRESSION_FREE, settings.time_in_state),
                (PROGRESSED, settings.time_in_state),
                (ON_TREATMENT, "start"),  # whoever takes the pack of a cycle is on treatment in it
            )
            for rate in dict.fromkeys((0.0, settings.discount_rate_effects))
        }

    def record(self, cycle: int, occupancy: Mapping[str, Array]) -> None:
        """Add the occupancy at the start of a cycle; cycle n_cycles is the end."""
        is_end = cycle == self.of[PROGRESSED].n_cycles
        for name in self._recorded:
            if is_end:
                self.of[name].close(occupancy[name])
            else:
                self.of[name].add(cycle, occupancy[name])
        for (drug, window), sums in self.within.items():
            chance, state = schemes.share_within(cycle, self.dispensed[drug], window, self._counting[drug, window])
            self._counting[drug, window] = state
            shares = occupancy[self.packs_of(drug)] * chance
            if is_end:
                sums.close(shares)
            else:
                sums.add(cycle, shares)
        for (state_name, _), years in (self.valued or {}).items():
            years.add(cycle, occupancy[state_name])

    def packs_of(self, drug: str) -> str:
        """Name of the occupancy that counts packs of a drug: those on treatment, or what their packs are worth where the dose changes."""
        return pack_value(drug) if pack_value(drug) in self.of else ON_TREATMENT

    def years(self, state: str, rate: float, count: str, *, valued: bool = False) -> Array:
        """Person-years in a state, discounted at mid-cycle; `valued`: weighted by the utility norm where the settings ask for that."""
        if valued and self.valued is not None:
            return self.valued[state, rate].total
        return self.of[state].years(rate, count)

    def packs(self, drug: str, rate: float) -> Packs:
        """Packs of a drug dispensed in the strategies' own line."""
        return Packs(self, drug, rate)

    def deaths(self, rate: float) -> Array:
        """Deaths per person within the horizon, discounted at mid-cycle."""
        return self.of[PROGRESSION_FREE].leavers(rate) + self.of[PROGRESSED].leavers(rate)


@dataclass(frozen=True)
class Packs:
    """Packs of a drug per person (worth in money at list price where its dose changes), discounted at `rate`; see `schemes.Packs`."""

    paths: Paths
    drug: str
    rate: float

    @property
    def factor(self) -> float:
        """Discount factor of one cycle."""
        return self._sums.cycle_factor(self.rate)

    def upto(self, cycle: int | None) -> Array:
        """Packs before treatment cycle `cycle`, counted by the calendar or as dispensed; or all."""
        return self._before(self.rate, cycle)

    def plain_upto(self, cycle: int) -> Array:
        """The same, not discounted."""
        return self._before(0.0, cycle)

    @property
    def _sums(self) -> CycleSums:
        return self.paths.of[self.paths.packs_of(self.drug)]

    def _before(self, rate: float, cycle: int | None) -> Array:
        counted = self.paths.within.get((self.drug, cycle)) if cycle is not None else None
        people = self._sums.at_starts(rate, cycle) if counted is None else counted.at_starts(rate)
        return self.paths.dispensed.get(self.drug, 1.0) * people


@dataclass(frozen=True)
class LaterPacks:
    """Packs of the drug of a later line, whose cycles are counted from entry to it; one window at most."""

    paths: Paths
    rate: float
    window: int

    @property
    def factor(self) -> float:
        """Discount factor of one cycle."""
        return self.paths.of[f"{LATER_LINE}_{self.window}"].cycle_factor(self.rate)

    def upto(self, cycle: int | None) -> Array:
        """Packs before cycle `window` of the line, or all."""
        drug, name = self.paths.plan.later_drug or "", f"{LATER_LINE}_{self.window}"
        within = self.paths.of[name].at_starts(self.rate)
        people = within if cycle is not None else within + self.paths.of[name + LATER].at_starts(self.rate)
        return self.paths.dispensed.get(drug, 1.0) * people

    def plain_upto(self, cycle: int) -> Array:
        """Not known of a later line."""
        raise NotImplementedError
