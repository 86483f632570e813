"""The myeloma model: from draws of the evidence to outcomes, one cohort per strategy.

Everyone starts progression-free and on treatment. Progression and death before it split the hazard of the PFS curve; after
progression people die at a constant rate; no hazard of death falls below the general population's. This is the only module
of the room that knows parameters by name; the others are handed arrays. Axis order: cycle, strategy, draw.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from hemodel.cohort import schemes, structures
from hemodel.cohort.engine import Moves, step_through
from hemodel.cohort.structures import DEAD, PROGRESSED, PROGRESSION_FREE
from hemodel.cohort.sums import CycleSums
from hemodel.errors import InputError
from hemodel.evidence.draws import Draws, base_case_draws
from hemodel.evidence.inputs import Inputs
from hemodel.evidence.settings import CYCLE_YEARS
from hemodel.evidence.settings import Scheme as SchemeTerms
from hemodel.outcomes import Outcomes
from hemodel.survival import curves
from hemodel.survival.background import hazard_increments

Array = NDArray[np.float64]
Record = Callable[[int, Mapping[str, Array]], None]

ON_TREATMENT = "on_treatment"
STRENGTHS = ("25mg", "20mg", "15mg", "10mg", "5mg")
COMPONENT_STATES = {
    "lenalidomide": PROGRESSION_FREE,
    "dexamethasone": PROGRESSION_FREE,
    "dispensing": PROGRESSION_FREE,
    "monitoring": PROGRESSION_FREE,
    "thromboprophylaxis": PROGRESSION_FREE,
    "pregnancy_prevention": PROGRESSION_FREE,
    "adverse_events": PROGRESSION_FREE,
    "scheme_running": PROGRESSION_FREE,
    "post_progression_care": PROGRESSED,
    "terminal_care": DEAD,
}
"""Cost component -> the state in which it falls, for costs by state."""


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
    paths = _Paths(inputs, draws["p_pack_dispensed"])
    return Lives(draws, inputs, paths, follow(draws, inputs, paths.record))


@dataclass(frozen=True)
class Lives:
    """Sums over the cohorts' lives, from which outcomes are products."""

    draws: Draws
    inputs: Inputs
    paths: _Paths
    crossings: dict[str, Array]

    def outcomes(self, *, discounted: bool) -> Outcomes:
        """Costs by price arrangement and component, life-years and QALYs by state, with or without time preference."""
        settings = self.inputs.settings
        costs = _costs(self.draws, self.inputs, self.paths, settings.discount_rate_costs if discounted else 0.0)
        life_years = self.life_years(discounted=discounted)
        rate_effects = settings.discount_rate_effects if discounted else 0.0
        qalys = _qalys(self.draws, self.inputs, life_years, _first_cycle_factor(self.paths.of[PROGRESSED], rate_effects))
        return Outcomes(settings.strategy_names, costs, life_years, qalys, None, self.crossings)

    def life_years(self, *, discounted: bool) -> dict[str, Array]:
        """Life-years by state, with or without time preference."""
        settings = self.inputs.settings
        rate = settings.discount_rate_effects if discounted else 0.0
        return {state: self.paths.of[state].years(rate, settings.time_in_state) for state in (PROGRESSION_FREE, PROGRESSED)}


def follow(draws: Draws, inputs: Inputs, record: Record) -> dict[str, Array]:
    """Let the cohorts live through the horizon. `record(cycle, occupancy)` sees shares in progression_free, progressed and
    on_treatment at every cycle start and at the end, shape (strategy, draw); the arrays are reused: copy what is to be kept.

    Returns how many cycles a documented rule for crossing curves was applied in, rule -> (strategy, draw).
    """
    settings = inputs.settings
    floor = hazard_increments(
        inputs.life_table.male,
        inputs.life_table.female,
        age=draws["age_start"],
        share_male=draws["p_male"],
        n_cycles=settings.n_cycles,
        cycle_years=CYCLE_YEARS,
    )
    crossings: dict[str, Array] = {}
    record = _with_treatment(draws, inputs, record, crossings)
    if settings.structure == "state_transition":
        shape = (len(settings.strategies), len(draws["age_start"]))
        occupancy = {PROGRESSION_FREE: np.ones(shape), PROGRESSED: np.zeros(shape)}
        step_through(occupancy, _transitions(draws, inputs, floor), settings.n_cycles, record)
    else:
        pfs = progression_free_rate(draws, inputs), draws["shape_pfs"]
        os = overall_survival_rate(draws, inputs), draws["shape_os"]
        log_time = curves.log_times(settings.n_cycles, CYCLE_YEARS)
        above = crossings["cycles in which the PFS curve exceeded the OS curve"] = np.zeros_like(pfs[0])
        for cycle, (free, progressed) in enumerate(structures.partitioned_survival(pfs, os, floor, log_time, above)):
            record(cycle, {PROGRESSION_FREE: free, PROGRESSED: progressed})
    return crossings


def trace(draws: Draws, inputs: Inputs) -> dict[str, Array]:
    """Occupancy of every state, and share on treatment, at cycle starts: name -> shape (n_cycles + 1, strategy, draw)."""
    kept: dict[str, list[Array]] = {PROGRESSION_FREE: [], PROGRESSED: [], ON_TREATMENT: []}

    def record(_cycle: int, occupancy: Mapping[str, Array]) -> None:
        for name, shares in occupancy.items():
            kept[name].append(shares.copy())

    follow(draws, inputs, record)
    result = {name: np.stack(shares) for name, shares in kept.items()}
    result[DEAD] = 1.0 - result[PROGRESSION_FREE] - result[PROGRESSED]
    return result


def names_read(inputs: Inputs) -> frozenset[str]:
    """Names of the parameters that a run with these settings reads; the others change nothing in it."""
    read: set[str] = set()

    class Recording(dict[str, Array]):
        def __getitem__(self, name: str) -> Array:
            read.add(name)
            return super().__getitem__(name)

    evaluate(Recording(base_case_draws(inputs)), inputs)
    return frozenset(read)


def adverse_events(inputs: Inputs) -> tuple[str, ...]:
    """Names of the adverse events: those with a utility loss du_<event>."""
    return tuple(name.removeprefix("du_") for name in inputs.parameters if name.startswith("du_"))


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
    raise InputError("schemes", f"{terms!r} is not a scheme", "Give the terms that its kind takes")


def progression_free_rate(draws: Draws, inputs: Inputs) -> Array:
    """Coefficient of the PFS cumulative hazard m t^shape_pfs, from the published median; shape (strategy, draw)."""
    return curves.weibull_rate(_years(draws, inputs, "median_pfs"), draws["shape_pfs"])


def overall_survival_rate(draws: Draws, inputs: Inputs) -> Array:
    """Coefficient of the OS cumulative hazard m t^shape_os: from the published median, or, with `comparator_survival` set to
    "hazard_ratio", for the comparator from the other strategy's curve divided by the published hazard ratio; (strategy, draw).
    """
    settings = inputs.settings
    rate = curves.weibull_rate(_years(draws, inputs, "median_os"), draws["shape_os"])
    if settings.comparator_survival == "hazard_ratio":
        rate = rate.copy()
        intervention = _intervention(inputs)
        hazard_ratio = draws[f"hr_death_{settings.strategy_names[intervention]}"]
        rate[settings.strategy_names.index(settings.comparator)] = rate[intervention] / hazard_ratio
    return rate


def _transitions(draws: Draws, inputs: Inputs, floor: Array) -> Callable[[int], Moves]:
    """Probabilities of each cycle in the state-transition structure."""
    settings = inputs.settings
    shape = draws["shape_pfs"]
    log_time = curves.log_times(settings.n_cycles, CYCLE_YEARS)
    death_rate = _by_strategy(draws, inputs, "r_death_progressed")
    if settings.post_progression_mortality == "equal":
        death_rate = np.broadcast_to(death_rate[_intervention(inputs)], death_rate.shape)
    ttp = (_ttp_rate(draws, inputs), draws["shape_ttp"]) if settings.progression_shape == "ttp" else None
    return structures.state_transition(
        progression_free_rate(draws, inputs),
        shape,
        _by_strategy(draws, inputs, "ratio_pfs_to_ttp") ** shape,
        np.exp(-CYCLE_YEARS * death_rate),
        floor,
        log_time,
        ttp=ttp,
        strategies=settings.strategy_names,
    )


def _ttp_rate(draws: Draws, inputs: Inputs) -> Array:
    """Coefficient of the TTP cumulative hazard m t^shape_ttp; its median is that of PFS divided by the published ratio."""
    median = _years(draws, inputs, "median_pfs") / _by_strategy(draws, inputs, "ratio_pfs_to_ttp")
    return curves.weibull_rate(median, draws["shape_ttp"])


def _with_treatment(draws: Draws, inputs: Inputs, record: Record, crossings: dict[str, Array]) -> Record:
    """`record` that also sees the share on treatment, by the rule in `treatment_until`."""
    until = inputs.settings.treatment_until
    if until == "progression":
        return lambda cycle, occupancy: record(cycle, {**occupancy, ON_TREATMENT: occupancy[PROGRESSION_FREE]})
    if until == "progression_or_toxicity":
        rate = _by_strategy(draws, inputs, "r_discontinuation_toxicity")

        def stop_for_toxicity(cycle: int, occupancy: Mapping[str, Array]) -> None:
            record(cycle, {**occupancy, ON_TREATMENT: occupancy[PROGRESSION_FREE] * np.exp(-rate * (cycle * CYCLE_YEARS))})

        return stop_for_toxicity
    rate, shape = _ttp_rate(draws, inputs), draws["shape_ttp"]
    log_time = curves.log_times(inputs.settings.n_cycles, CYCLE_YEARS)
    above = crossings["cycles in which the TTP curve exceeded the share alive"] = np.zeros_like(rate)

    def until_ttp(cycle: int, occupancy: Mapping[str, Array]) -> None:
        alive = occupancy[PROGRESSION_FREE] + occupancy[PROGRESSED]
        treated = np.exp(-rate * np.exp(shape * log_time[cycle]))
        np.add(above, treated > alive, out=above)
        record(cycle, {**occupancy, ON_TREATMENT: np.minimum(treated, alive)})

    return until_ttp


class _Paths:
    """What the loop over cycles adds up: progression-free, progressed, on treatment, and packs counted as dispensed."""

    def __init__(self, inputs: Inputs, dispensed: Array) -> None:
        settings = inputs.settings
        self.schemes = {a: scheme_of(None if a == "list" else settings.schemes[a]) for a in settings.price_arrangements}
        # sums are cut at every scheme's window, chosen or not, so that a price arrangement has the same bits in any company
        windows = {w for terms in settings.schemes.values() if (w := scheme_of(terms).window) is not None}
        rates = (0.0, settings.discount_rate_costs, settings.discount_rate_effects)
        sums = partial(CycleSums, rates, n_cycles=settings.n_cycles, cycle_years=CYCLE_YEARS)
        cuts = [*windows, settings.dexamethasone_high_dose_cycles]
        self.of = {PROGRESSION_FREE: sums(cuts=cuts), PROGRESSED: sums()}
        self._recorded = [PROGRESSION_FREE, PROGRESSED]
        if settings.treatment_until == "progression":
            self.of[ON_TREATMENT] = self.of[PROGRESSION_FREE]
        else:
            self.of[ON_TREATMENT] = sums(cuts=cuts)
            self._recorded.append(ON_TREATMENT)
        self.within = {window: sums() for window in windows if settings.scheme_counts == "dispensed"}
        self._counting: dict[int, tuple[Array, Array] | None] = dict.fromkeys(self.within)
        self._dispensed = dispensed

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
                sums.close(occupancy[ON_TREATMENT] * chance)
            else:
                sums.add(cycle, occupancy[ON_TREATMENT] * chance)


def _costs(draws: Draws, inputs: Inputs, paths: _Paths, rate: float) -> dict[str, dict[str, Array]]:
    """Cost of each component under each price arrangement, GBP per person, discounted at `rate` a year."""
    treated = paths.of[ON_TREATMENT]
    cycles = treated.at_starts(rate)
    packs = draws["p_pack_dispensed"] * cycles
    given = _given(inputs, "lenalidomide", cycles)
    other = _monitoring_and_dexamethasone(draws, inputs, treated, rate)
    heparin, pregnant = draws["p_thromboprophylaxis_heparin"], draws["p_childbearing_potential"]
    related = {
        **other,
        "dispensing": given
        * (
            draws["c_dispensing_first"] * treated.first
            + draws["c_dispensing_later"] * (packs - draws["p_pack_dispensed"] * treated.first)
        ),
        "thromboprophylaxis": given * cycles * (heparin * draws["c_heparin"] + (1.0 - heparin) * draws["c_aspirin"]),
        "pregnancy_prevention": given * packs * (draws["c_pregnancy_prevention"] + pregnant * draws["c_pregnancy_test"]),
        "adverse_events": _first_cycle_factor(treated, rate) * _per_event(draws, inputs, lambda event: draws[f"c_{event}"]),
        "post_progression_care": paths.of[PROGRESSED].years(rate, inputs.settings.time_in_state)
        * (draws["c_post_progression_care"] / CYCLE_YEARS),
        "terminal_care": (paths.of[PROGRESSION_FREE].leavers(rate) + paths.of[PROGRESSED].leavers(rate))
        * draws["c_terminal_care"],
    }
    price, result = given * _list_price(draws), {}
    for arrangement, scheme in paths.schemes.items():
        charged = scheme.charged(_packs(paths, scheme, rate, draws["p_pack_dispensed"]))
        running = given * draws["c_scheme_per_patient"] if scheme.has_running_cost else np.zeros_like(cycles)
        result[arrangement] = {"lenalidomide": charged * price, **related, "scheme_running": running}
    return result


def _monitoring_and_dexamethasone(draws: Draws, inputs: Inputs, treated: CycleSums, rate: float) -> dict[str, Array]:
    """Costs that every strategy has in each cycle on treatment: dexamethasone by its schedule, clinic visits, blood tests."""
    cycles = treated.at_starts(rate)
    high_dose = treated.at_starts(rate, inputs.settings.dexamethasone_high_dose_cycles)
    milligrams = high_dose * draws["n_dexamethasone_high_dose"] + (cycles - high_dose) * draws["n_dexamethasone_later"]
    follow_up = draws["n_clinic_visits"] * draws["c_clinic_visit_follow_up"] * (cycles - treated.first)
    tests = _by_strategy(draws, inputs, "n_blood_tests") * draws["c_blood_test"] * cycles
    return {
        "dexamethasone": milligrams * draws["c_dexamethasone_mg"],
        "monitoring": draws["c_clinic_visit_first"] * treated.first + follow_up + tests,
    }


def _packs(paths: _Paths, scheme: schemes.Scheme, rate: float, dispensed: Array) -> schemes.Packs:
    """Packs dispensed per person, and those within the scheme's window of treatment cycles."""
    treated, window = paths.of[ON_TREATMENT], scheme.window
    every, factor = dispensed * treated.at_starts(rate), treated.cycle_factor(rate)
    if window is None:
        return schemes.Packs(every, every, every, factor)
    if window in paths.within:
        within, plain = paths.within[window].at_starts(rate), paths.within[window].at_starts(0.0)
    else:
        within, plain = treated.at_starts(rate, window), treated.at_starts(0.0, window)
    return schemes.Packs(every, dispensed * within, dispensed * plain, factor)


def _first_cycle_factor(sums: CycleSums, rate: float) -> float:
    """Discount factor of the middle of the first cycle, in which adverse events fall."""
    return float(np.sqrt(sums.cycle_factor(rate)))


def _list_price(draws: Draws) -> Array:
    """List price of a pack, averaged over the shares of packs by strength, GBP, (draw,)."""
    return sum(
        (draws[f"p_packs_{s}"] * draws[f"c_lenalidomide_{s}_pack"] for s in STRENGTHS),
        np.zeros_like(draws["p_packs_25mg"]),
    )


def _qalys(draws: Draws, inputs: Inputs, life_years: Mapping[str, Array], first_cycle: float) -> dict[str, Array]:
    """QALYs by state from life-years by state; adverse events take QALYs away in the first cycle (factor `first_cycle`)."""
    lost = _per_event(draws, inputs, lambda event: draws[f"du_{event}"] * inputs.years(f"d_{event}", draws[f"d_{event}"]))
    return {
        **{state: draws[f"u_{state}"] * years for state, years in life_years.items()},
        "adverse_events": -first_cycle * lost,
    }


def _per_event(draws: Draws, inputs: Inputs, value: Callable[[str], Array]) -> Array:
    """Sum over adverse events of the share who have it times a value per event, (strategy, draw)."""
    shares = {event: _by_strategy(draws, inputs, f"p_{event}") for event in adverse_events(inputs)}
    return sum((share * value(event) for event, share in shares.items()), np.zeros_like(next(iter(shares.values()))))


def _by_strategy(draws: Draws, inputs: Inputs, quantity: str) -> Array:
    """Values of `<quantity>_<strategy>`, shape (strategy, draw)."""
    return np.stack([draws[f"{quantity}_{strategy}"] for strategy in inputs.settings.strategy_names])


def _years(draws: Draws, inputs: Inputs, quantity: str) -> Array:
    """Values of the time `<quantity>_<strategy>` in years, shape (strategy, draw)."""
    names = [f"{quantity}_{strategy}" for strategy in inputs.settings.strategy_names]
    return np.stack([inputs.years(name, draws[name]) for name in names])


def _given(inputs: Inputs, drug: str, like: Array) -> Array:
    """1 for the strategies that contain `drug`, 0 for the others, (strategy, 1)."""
    return np.array([[float(drug in strategy.drugs)] for strategy in inputs.settings.strategies], dtype=like.dtype)


def _intervention(inputs: Inputs) -> int:
    """Position of the first strategy that is not the comparator."""
    return next(i for i, name in enumerate(inputs.settings.strategy_names) if name != inputs.settings.comparator)
