"""What the loop over cycles adds up along the cohorts' lives."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import numpy as np
from numpy.typing import NDArray

from hemodel.cohort import schemes
from hemodel.cohort.model.treatment import ON_TREATMENT, PACK_VALUE, age_factor, is_progression_free
from hemodel.cohort.payoffs import discount_factors
from hemodel.cohort.structures import LATER, PROGRESSED, PROGRESSION_FREE
from hemodel.cohort.sums import CycleSums, WeightedYears
from hemodel.errors import InputError
from hemodel.evidence.draws import Draws
from hemodel.evidence.inputs import Inputs
from hemodel.evidence.settings import CYCLE_YEARS
from hemodel.evidence.settings import Scheme as SchemeTerms

Array = NDArray[np.float64]
RECENTLY_PROGRESSED = "recently_progressed"
"""Those progressed within the cycles of the clock; kept where there is one."""
LATER_LENALIDOMIDE = "later_lenalidomide"
"""On lenalidomide in the line after progression, within the charged cycles of that line; with `LATER` added, beyond them."""


def scheme_of(terms: SchemeTerms | None) -> schemes.Scheme:
    """The price arrangement that the settings describe; None is the list price."""
    match terms:
        case None:
            return schemes.ListPrice()
        case SchemeTerms(kind="drug_cost_cap", drug_cost_cap_cycles=int(cycles)):
            return schemes.DrugCostCap(cycles)
        case SchemeTerms(kind="free_start", free_cycles=int(cycles)):
            return schemes.FreeStart(cycles)
        case SchemeTerms(kind="price_discount", price_discount=float(share)):
            return schemes.PriceDiscount(share)
        case SchemeTerms(kind="response_refund", response_by_cycle=int(cycles), p_response=float(p)):
            return schemes.ResponseRefund(cycles, p)
    raise InputError("schemes", f"a scheme of the kind {terms.kind} lacks its terms", "Give the terms that its kind takes")


def later_windows(inputs: Inputs) -> list[int]:
    """Cycles after which a price arrangement of the run treats the packs of a later line otherwise, counted from entry to that line."""
    if "later_lenalidomide" not in inputs.settings.also_counted:
        return []
    chosen = [scheme_of(inputs.settings.schemes[a]).window for a in inputs.settings.price_arrangements if a != "list"]
    return sorted({window for window in chosen if window is not None}) or [1]


class Paths:
    """Sums over cycles: progression-free, progressed, on treatment, packs counted as dispensed, and what else the settings ask for."""

    def __init__(self, draws: Draws, inputs: Inputs) -> None:
        settings = inputs.settings
        self.schemes = {a: scheme_of(None if a == "list" else settings.schemes[a]) for a in settings.price_arrangements}
        # sums are cut at every scheme's window, chosen or not, so that a price arrangement has the same bits in any company
        windows = {w for terms in settings.schemes.values() if (w := scheme_of(terms).window) is not None}
        self.rates = (0.0, settings.discount_rate_costs, settings.discount_rate_effects)
        sums = partial(CycleSums, self.rates, n_cycles=settings.n_cycles, cycle_years=CYCLE_YEARS)
        cuts = [*windows, settings.dexamethasone_high_dose_cycles]
        self.of = {PROGRESSION_FREE: sums(cuts=cuts), PROGRESSED: sums()}
        self._recorded = [PROGRESSION_FREE, PROGRESSED]
        if is_progression_free(inputs):
            self.of[ON_TREATMENT] = self.of[PROGRESSION_FREE]
        else:
            self._also(ON_TREATMENT, sums(cuts=cuts))
        self.packs = PACK_VALUE if settings.dose == "stepwise" else ON_TREATMENT
        if settings.dose == "stepwise":
            self._also(PACK_VALUE, sums(cuts=cuts))
        if settings.post_progression_clock_cycles is not None:
            self._also(RECENTLY_PROGRESSED, sums())
        for window in later_windows(inputs):
            self._also(f"{LATER_LENALIDOMIDE}_{window}", sums())
            self._also(f"{LATER_LENALIDOMIDE}_{window}{LATER}", sums())
        self.within = {window: sums() for window in windows if settings.scheme_counts == "dispensed"}
        self._counting: dict[int, tuple[Array, Array] | None] = dict.fromkeys(self.within)
        self._dispensed = draws["p_pack_dispensed"]
        self.valued = self._valued(draws, inputs) if settings.utility_age_adjustment == "general_population" else None

    def _also(self, name: str, sums: CycleSums) -> None:
        self.of[name] = sums
        self._recorded.append(name)

    def _valued(self, draws: Draws, inputs: Inputs) -> dict[tuple[str, float], WeightedYears]:
        """Years in each state weighted by the utility norm at the age attained: (state, discount rate) -> sums."""
        settings, factor = inputs.settings, age_factor(draws, inputs)
        middle = (np.arange(settings.n_cycles) + 0.5) * CYCLE_YEARS
        return {
            (state, rate): WeightedYears(CYCLE_YEARS * discount_factors(rate, middle)[:, None] * factor, count)
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
        for window, sums in self.within.items():
            chance, self._counting[window] = schemes.share_within(cycle, self._dispensed, window, self._counting[window])
            if is_end:
                sums.close(occupancy[self.packs] * chance)
            else:
                sums.add(cycle, occupancy[self.packs] * chance)
        for (state, _), years in (self.valued or {}).items():
            years.add(cycle, occupancy[state])

    def years(self, state: str, rate: float, count: str, *, valued: bool = False) -> Array:
        """Person-years in a state, discounted at mid-cycle; `valued`: weighted by the utility norm where the settings ask for that."""
        if valued and self.valued is not None:
            return self.valued[state, rate].total
        return self.of[state].years(rate, count)
