"""What the loop over cycles adds up along the cohorts' lives: the sums that some row of the run asks for, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from hemodel.cohort import schemes
from hemodel.cohort.model.plan import Giving, Plan, cycle_start, value
from hemodel.cohort.model.treatment import (
    BEFORE_RULES,
    ON_TREATMENT,
    age_factor,
    is_progression_free,
    pack_value,
    pack_value_before_rules,
    share_that_goes_on,
    with_steps,
)
from hemodel.cohort.structures import LATER, PROGRESSED, PROGRESSION_FREE
from hemodel.cohort.sums import Calendar, CycleSums, WeightedYears
from hemodel.evidence.draws import Draws
from hemodel.evidence.settings import Settings

Array = NDArray[np.float64]
Packet = tuple[str, int | float | None]
"""A drug with the first K treatment cycles (an integer), the most paid for one person (a float), or all of its packs (None)."""
Factor = Callable[[int], tuple[Array, Array]]
"""Cycle -> packs, (strategy, draw or 1), for each person on treatment at its start, and for each at its end."""
ENTERED = "entered_"
"""Beginning of the name of those who have ever entered a state; kept where a row asks for entries."""
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


def calendar(settings: Settings) -> Calendar:
    """The cycles of a run and how they are discounted."""
    return Calendar(
        settings.n_cycles,
        settings.cycle_years,
        settings.discounting == "by_year",
        purchases=settings.purchases_discounted_at,
        time=settings.time_discounted_at,
        events=settings.events_discounted_at,
    )


class Paths:
    """Sums over cycles: those in each state, on treatment, packs of each drug, and what else the rows ask for.

    `kept`: what is kept of each occupancy: its sums over the horizon, or, for costs by cycle, as they stand after every cycle.
    """

    def __init__(self, draws: Draws, plan: Plan, kept: type[CycleSums] = CycleSums) -> None:
        self.plan, settings = plan, plan.inputs.settings
        self.rates = (0.0, settings.discount_rate_costs, settings.discount_rate_effects)
        self.calendar = calendar(settings)
        sums = partial(kept, self.rates, self.calendar)
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
        for state in plan.entered:
            self._also(ENTERED + state, sums())
        self.dispensed = {drug: value(amount, draws, plan.inputs) for drug, amount in plan.dispensed.items()}
        self._factors = {**self._dispensed_factors(), **self._scheduled_factors(draws), **self._paid_factors(draws)}
        self.within = {key: sums() for key in self._factors}
        self._begun: dict[Packet, Array] = {}  # of the cycle under way, what is counted of who was there at its start
        self.valued = self._valued(draws) if settings.utility_age_adjustment == "general_population" else None

    def _cuts(self) -> list[int]:
        """Treatment cycles at which a price or the window of a row changes."""
        of_rows = [row.payoff.measure for row in self.plan.rows]
        cuts = {cut for m in of_rows for cut in (m.first - 1, m.last) if cut}
        return sorted(cuts | {w for drug in self.plan.inputs.settings.drugs for w in self.plan.windows(drug)})

    def _also(self, name: str, sums: CycleSums) -> None:
        self.of[name] = sums
        self._recorded.append(name)

    def _dispensed_factors(self) -> dict[Packet, Factor]:
        """Chance that the pack of a cycle is among the first K dispensed, of each drug and K, where schemes count those."""
        if self.plan.inputs.settings.scheme_counts != "dispensed":
            return {}
        keys = [(d, w) for d in self.dispensed for w in self.plan.scheme_windows(d) if not self.plan.has_schedule(d)]
        return {key: _Counting(self.dispensed[key[0]], key[1]) for key in keys}

    def _scheduled_factors(self, draws: Draws) -> dict[Packet, Factor]:
        """Givings in a cycle of each drug that is given on days of its own: all, and those of its first K treatment cycles."""
        drugs = [drug for drug in self.plan.inputs.settings.drugs if self.plan.has_schedule(drug)]
        keys: list[tuple[str, int | None]] = [(drug, window) for drug in drugs for window in (None, *self.plan.windows(drug))]
        goes_on = share_that_goes_on(draws, self.plan.inputs) if keys else np.empty(0)
        return {(drug, window): _given_on_days(*self.plan.counts(drug, window), goes_on) for drug, window in keys}

    def _paid_factors(self, draws: Draws) -> dict[Packet, Factor]:
        """Packs of a cycle that are still paid under a cap on the total for one person, of each drug with such a scheme."""
        found: dict[Packet, Factor] = {}
        for drug, price in self.plan.prices.items():
            for most in self.plan.caps_on_money(drug):
                goes_on = share_that_goes_on(draws, self.plan.inputs)
                q, worth = self.dispensed.get(drug, 1.0), value(price, draws, self.plan.inputs)
                found[drug, most] = _paid(self.plan.givings_of(drug), goes_on, worth, most, q)
        return found

    def _valued(self, draws: Draws) -> dict[tuple[str, float], WeightedYears]:
        """Years in each state weighted by the utility norm at the age attained: (state, discount rate) -> sums."""
        settings, factor = self.plan.inputs.settings, age_factor(draws, self.plan.inputs)
        length, times = settings.cycle_years, self.calendar.at(self.calendar.time)
        return {
            (state, rate): WeightedYears(length * self.calendar.discounted(rate, times)[:, None] * factor, count)
            for state, count in (
                (PROGRESSION_FREE, settings.time_in_state),
                (PROGRESSED, settings.time_in_state),
                (ON_TREATMENT, "start"),  # whoever takes the pack of a cycle is on treatment in it
            )
            for rate in dict.fromkeys((0.0, settings.discount_rate_effects))
        }

    def record(self, cycle: int, occupancy: Mapping[str, Array]) -> None:
        """Add the occupancy at the start of a cycle; cycle n_cycles is the end."""
        is_end = cycle == self.calendar.n_cycles
        for name in self._recorded:
            if is_end:
                self.of[name].close(occupancy[name])
            else:
                self.of[name].add(cycle, occupancy[name])
        for key, sums in self.within.items():
            people = occupancy[self._counted_from(key)]
            if cycle:
                sums.add(cycle - 1, self._begun[key] + people * self._factors[key](cycle - 1)[1])
            if is_end:
                sums.close(np.zeros_like(people))
            else:
                self._begun[key] = people * self._factors[key](cycle)[0]
        for (state_name, _), years in (self.valued or {}).items():
            years.add(cycle, occupancy[state_name])

    def _counted_from(self, key: Packet) -> str:
        """The occupancy of which a packet is a part in each cycle."""
        drug, window = key
        if isinstance(window, float) or self.plan.has_schedule(drug):  # their counts hold the rules that end treatment at a time
            return pack_value_before_rules(drug) if pack_value(drug) in self.of else BEFORE_RULES
        return self.packs_of(drug)

    def packs_of(self, drug: str) -> str:
        """Name of the occupancy that counts packs of a drug: those on treatment, or what their packs are worth where the dose changes."""
        return pack_value(drug) if pack_value(drug) in self.of else ON_TREATMENT

    def years(self, state: str, rate: float, count: str, *, valued: bool = False) -> Array:
        """Person-years in a state, discounted as time is; `valued`: weighted by the utility norm where the settings ask for that."""
        if valued and self.valued is not None:
            return self.valued[state, rate].total
        return self.of[state].years(rate, count)

    def packs(self, drug: str, rate: float) -> Packs:
        """Packs of a drug dispensed in the strategies' own line."""
        return Packs(self, drug, rate)

    def deaths(self, rate: float) -> Array:
        """Deaths per person within the horizon, discounted as events are."""
        return self.of[PROGRESSION_FREE].leavers(rate) + self.of[PROGRESSED].leavers(rate)

    def entries(self, state: str, rate: float) -> Array:
        """People who enter a state within the horizon, discounted as events are."""
        return -self.of[ENTERED + state].leavers(rate)


class _Counting:
    """The chance that the pack of a cycle is among the first `window` dispensed, worked out once a cycle in their order."""

    def __init__(self, dispensed: Array, window: int) -> None:
        self._dispensed, self._window = dispensed, window
        self._state: tuple[Array, Array] | None = None
        self._known: tuple[int, Array] = (-1, dispensed)
        self._nothing = np.zeros((1, 1))

    def __call__(self, cycle: int) -> tuple[Array, Array]:
        if cycle != self._known[0]:
            found, self._state = schemes.share_within(cycle, self._dispensed, self._window, self._state)
            self._known = cycle, found
        return self._known[1], self._nothing


def _given_on_days(start_before: Array, start_after: Array, end_before: Array, end_after: Array, goes_on: Array) -> Factor:
    def factor(cycle: int) -> tuple[Array, Array]:
        at_start = start_before[cycle][:, None] + start_after[cycle][:, None] * goes_on
        return at_start, end_before[cycle][:, None] + end_after[cycle][:, None] * goes_on

    return factor


def _paid(by_strategy: list[list[Giving]], goes_on: Array, price: Array, most: float, dispensed: Array | float) -> Factor:
    """Sum over the packs of a cycle of the share of each that is paid; of those after the response rule times who goes on."""
    of_cycle: dict[int, list[tuple[int, int, Giving]]] = {}
    for i, own in enumerate(by_strategy):
        for n, giving in enumerate(own):
            of_cycle.setdefault(giving.model_cycle, []).append((i, n, giving))

    def factor(cycle: int) -> tuple[Array, Array]:
        at_start, at_end = np.zeros_like(goes_on), np.zeros_like(goes_on)
        for i, n, giving in of_cycle.get(cycle, ()):
            worth, q = (x[i] if isinstance(x, np.ndarray) and x.ndim == 2 else x for x in (price, dispensed))
            share = schemes.share_paid(np.array([float(n)]), np.asarray(worth), most, q) * (
                goes_on[i] if giving.is_after else 1.0
            )
            at_start[i] += (1.0 - giving.part) * share
            at_end[i] += giving.part * share
        return at_start, at_end

    return factor


@dataclass(frozen=True)
class Packs:
    """Packs of a drug per person (worth in money at list price where its dose changes), discounted at `rate`; see `schemes.Packs`."""

    paths: Paths
    drug: str
    rate: float

    def discount_at(self, cycle: int) -> Array | float:
        """Discount factor of the start of treatment cycle `cycle` of the drug, (strategy, 1)."""
        plan, calendar = self.paths.plan, self.paths.calendar
        settings = plan.inputs.settings
        days = np.array([[cycle_start(plan.phases(strategy, self.drug), cycle)] for strategy in settings.strategies])
        return calendar.discounted(self.rate, days / settings.days_in_year)

    def upto(self, cycle: int | None) -> Array:
        """Packs before treatment cycle `cycle`, counted by the calendar or as dispensed; or all."""
        return self._before(self.rate, cycle, counted=True)

    def plain_upto(self, cycle: int) -> Array:
        """The same, not discounted."""
        return self._before(0.0, cycle, counted=True)

    def by_calendar(self, cycle: int | None) -> Array:
        """Packs before treatment cycle `cycle` by the calendar, whatever schemes count; or all."""
        return self._before(self.rate, cycle, counted=False)

    def paid(self, most: float) -> Array:
        """Packs paid for under a cap on the total for one person."""
        return self._dispensed * self.paths.within[self.drug, most].at_starts(self.rate)

    @property
    def _dispensed(self) -> Array | float:
        return self.paths.dispensed.get(self.drug, 1.0)

    def _before(self, rate: float, cycle: int | None, *, counted: bool) -> Array:
        is_scheduled = self.paths.plan.has_schedule(self.drug)
        own = self.paths.within.get((self.drug, cycle)) if counted or is_scheduled else None
        if own is not None:
            return self._dispensed * own.at_starts(rate)
        people = self.paths.of[self.paths.packs_of(self.drug) if counted else ON_TREATMENT].at_starts(rate, cycle)
        return self._dispensed * people


@dataclass(frozen=True)
class LaterPacks:
    """Packs of the drug of a later line, whose cycles are counted from entry to it; `window`: any at which they are told apart."""

    paths: Paths
    rate: float
    window: int

    def discount_at(self, cycle: int) -> Array | float:
        """Not known of a later line: people enter it at any time."""
        raise NotImplementedError

    def upto(self, cycle: int | None) -> Array:
        """Packs before cycle `cycle` of the line, one at which a scheme changes its terms, or all."""
        drug, name = self.paths.plan.later_drug or "", f"{LATER_LINE}_{self.window if cycle is None else cycle}"
        within = self.paths.of[name].at_starts(self.rate)
        people = within if cycle is not None else within + self.paths.of[name + LATER].at_starts(self.rate)
        return self.paths.dispensed.get(drug, 1.0) * people

    def plain_upto(self, cycle: int) -> Array:
        """Not known of a later line."""
        raise NotImplementedError

    def paid(self, most: float) -> Array:
        """Not known of a later line."""
        raise NotImplementedError
