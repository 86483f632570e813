"""The myeloma model: from draws of the evidence to outcomes, one cohort per strategy.

Everyone starts progression-free and on treatment. Progression and death before it split the hazard of the PFS curve; after
progression people die at a constant rate; no hazard of death falls below the general population's. This is the only module
of the room that knows parameters by name; the others are handed arrays. Axis order: cycle, strategy, draw.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hemodel.cohort import payoffs, schemes
from hemodel.cohort.engine import Moves, step_through
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

PROGRESSION_FREE, PROGRESSED, DEAD = "progression_free", "progressed", "dead"
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
    settings = inputs.settings
    cycle_factor = {rate: float(payoffs.discount_factors(rate, CYCLE_YEARS)) for rate in _rates(inputs)}
    paths = _Paths(inputs, tuple(cycle_factor), draws["p_pack_dispensed"])
    crossings = follow(draws, inputs, paths.record)

    def outcomes(rate_costs: float, rate_effects: float, undiscounted: Outcomes | None) -> Outcomes:
        costs = _costs(draws, inputs, paths, rate_costs, cycle_factor[rate_costs])
        life_years, qalys = _health(draws, inputs, paths, rate_effects, cycle_factor[rate_effects])
        return Outcomes(settings.strategy_names, costs, life_years, qalys, undiscounted, crossings)

    return outcomes(settings.discount_rate_costs, settings.discount_rate_effects, outcomes(0.0, 0.0, None))


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
        for cycle, occupancy in enumerate(_partitioned(draws, inputs, floor, crossings)):
            record(cycle, occupancy)
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


# --- what happens in a cycle -----------------------------------------------------------------------------------------------


def _transitions(draws: Draws, inputs: Inputs, floor: Array) -> Callable[[int], Moves]:
    """Probabilities of each cycle in the state-transition structure.

    PFS hazard increment g = m (t'^k - t^k); its share p = (median PFS / median TTP)^k is progression, the rest death, which is
    at least the general population's increment b: leave with 1 - exp(-max(g, p g + b)), to progressed in proportion p g. The
    loop holds the negative of every increment, which saves a pass over memory for each exponential.
    """
    settings = inputs.settings
    shape = draws["shape_pfs"]
    minus_rate = -progression_free_rate(draws, inputs)
    share = _by_strategy(draws, inputs, "ratio_pfs_to_ttp") ** shape
    stay_progressed = np.exp(-CYCLE_YEARS * _post_progression_rate(draws, inputs))
    survive_floor, highest_stay = np.exp(-floor), stay_progressed.max()
    log_time = curves.log_times(settings.n_cycles, CYCLE_YEARS)
    own_progression = _ttp_increments(draws, inputs) if settings.progression_shape == "ttp" else None

    power, (hazard, hazard_next, leaving) = np.empty_like(shape), (np.zeros_like(minus_rate) for _ in range(3))
    progression, stay, floored = (np.empty_like(minus_rate) for _ in range(3))

    def moves_of(cycle: int) -> Moves:
        nonlocal hazard, hazard_next
        np.exp(np.multiply(shape, log_time[cycle + 1], out=power), out=power)
        np.multiply(minus_rate, power, out=hazard_next)
        increment = np.subtract(hazard_next, hazard, out=hazard)
        hazard, hazard_next = hazard_next, hazard
        if own_progression is None:
            np.multiply(increment, share, out=progression)
        else:
            np.negative(own_progression(cycle), out=progression)
            _refuse_negative_death(progression - increment, cycle, inputs)
        np.subtract(progression, floor[cycle], out=leaving)
        np.minimum(leaving, increment, out=leaving)
        np.divide(progression, leaving, out=progression)
        np.exp(leaving, out=stay)
        np.subtract(1.0, stay, out=leaving)
        np.multiply(leaving, progression, out=progression)
        survive = survive_floor[cycle]
        if survive.min() < highest_stay:
            survive = np.minimum(stay_progressed, survive, out=floored)
        else:
            survive = stay_progressed
        return {PROGRESSION_FREE: stay, PROGRESSED: survive}, {(PROGRESSION_FREE, PROGRESSED): progression}

    return moves_of


def _ttp_increments(draws: Draws, inputs: Inputs) -> Callable[[int], Array]:
    """Increments of the TTP curve with its own Weibull shape, (strategy, draw) for each cycle."""
    shape = draws["shape_ttp"]
    rate = _ttp_rate(draws, inputs)
    log_time = curves.log_times(inputs.settings.n_cycles, CYCLE_YEARS)
    return lambda cycle: rate * (np.exp(shape * log_time[cycle + 1]) - np.exp(shape * log_time[cycle]))


def _ttp_rate(draws: Draws, inputs: Inputs) -> Array:
    median = _years(draws, inputs, "median_pfs") / _by_strategy(draws, inputs, "ratio_pfs_to_ttp")
    return curves.weibull_rate(median, draws["shape_ttp"])


def _refuse_negative_death(death: Array, cycle: int, inputs: Inputs) -> None:
    """With separate shapes the hazard of death before progression, PFS minus TTP, can turn negative: refused, never clipped."""
    if (bad := death < 0).any():
        strategy, draw = (int(i) for i in np.argwhere(bad)[0])
        where = f"cycle {cycle}, {inputs.settings.strategy_names[strategy]}, draw {draw}"
        problem = "the progression hazard of the TTP curve exceeds that of the PFS curve, so deaths before progression would be negative"
        raise InputError(
            where, problem, 'Set progression_shape = "pfs", which gives both curves of a strategy the same shape'
        )


def _post_progression_rate(draws: Draws, inputs: Inputs) -> Array:
    """Rate of death after progression, per year, (strategy, draw)."""
    rates = _by_strategy(draws, inputs, "r_death_progressed")
    if inputs.settings.post_progression_mortality == "equal":
        rates = np.broadcast_to(rates[_intervention(inputs)], rates.shape)
    return rates


def _partitioned(draws: Draws, inputs: Inputs, floor: Array, crossings: dict[str, Array]) -> Iterator[dict[str, Array]]:
    """Occupancy at each cycle start in the partitioned-survival structure: PFS curve, and OS curve less PFS curve.

    Where the PFS curve would exceed the OS curve it is held at the OS curve; the cycles in which that happens are counted.
    """
    shape_pfs, shape_os = draws["shape_pfs"], draws["shape_os"]
    rate_pfs, rate_os = progression_free_rate(draws, inputs), overall_survival_rate(draws, inputs)
    log_time = curves.log_times(inputs.settings.n_cycles, CYCLE_YEARS)
    survival = {"pfs": np.ones_like(rate_pfs), "os": np.ones_like(rate_pfs)}
    before = {"pfs": np.zeros_like(rate_pfs), "os": np.zeros_like(rate_pfs)}
    above = crossings["cycles in which the PFS curve exceeded the OS curve"] = np.zeros_like(rate_pfs)
    for cycle in range(inputs.settings.n_cycles + 1):
        above += survival["pfs"] > survival["os"]
        free = np.minimum(survival["pfs"], survival["os"])
        yield {PROGRESSION_FREE: free, PROGRESSED: survival["os"] - free}
        if cycle == inputs.settings.n_cycles:
            return
        for name, rate, shape in (("pfs", rate_pfs, shape_pfs), ("os", rate_os, shape_os)):
            after = rate * np.exp(shape * log_time[cycle + 1])
            survival[name] *= np.exp(-np.maximum(after - before[name], floor[cycle]))
            before[name] = after


def _with_treatment(draws: Draws, inputs: Inputs, record: Record, crossings: dict[str, Array]) -> Record:
    """`record` that also sees the share on treatment, by the rule in `treatment_until`."""
    until = inputs.settings.treatment_until
    if until == "progression":
        return lambda cycle, occupancy: record(cycle, {**occupancy, ON_TREATMENT: occupancy[PROGRESSION_FREE]})
    if until == "progression_or_toxicity":
        rate = _by_strategy(draws, inputs, "r_discontinuation_toxicity")

        def stop_for_toxicity(cycle: int, occupancy: Mapping[str, Array]) -> None:
            record(
                cycle, {**occupancy, ON_TREATMENT: occupancy[PROGRESSION_FREE] * np.exp(-rate * (cycle * CYCLE_YEARS))}
            )

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


# --- what it costs and what it is worth ------------------------------------------------------------------------------------


class _Paths:
    """Sums over the cycle starts of each occupancy, plain and discounted: all that costs and QALYs need of a trace."""

    def __init__(self, inputs: Inputs, rates: tuple[float, ...], dispensed: Array) -> None:
        settings = inputs.settings
        self.schemes = {a: scheme_of(None if a == "list" else settings.schemes[a]) for a in settings.price_arrangements}
        windows = {scheme.window for scheme in self.schemes.values() if scheme.window is not None}
        cuts = sorted({min(c, settings.n_cycles) for c in (*windows, settings.dexamethasone_high_dose_cycles)})
        start_years = np.arange(settings.n_cycles) * CYCLE_YEARS
        weights = {rate: payoffs.discount_factors(rate, start_years) for rate in rates}
        self.n_cycles = settings.n_cycles
        self.treated_while_progression_free = settings.treatment_until == "progression"
        self.of = {PROGRESSION_FREE: _Sums(weights, cuts), PROGRESSED: _Sums(weights, [])}
        self.of[ON_TREATMENT] = (
            self.of[PROGRESSION_FREE] if self.treated_while_progression_free else _Sums(weights, cuts)
        )
        self.dispensed = dispensed
        self.counted_as_dispensed = {w: _Sums(weights, []) for w in windows if settings.scheme_counts == "dispensed"}
        self._counting: dict[int, tuple[Array, Array] | None] = dict.fromkeys(self.counted_as_dispensed)

    def record(self, cycle: int, occupancy: Mapping[str, Array]) -> None:
        """Add one cycle's occupancy."""
        for name, shares in occupancy.items():
            if name == ON_TREATMENT and self.treated_while_progression_free:
                continue
            if cycle < self.n_cycles:
                self.of[name].add(cycle, shares)
            else:
                self.of[name].last = shares.copy()
        if cycle < self.n_cycles:
            for window, sums in self.counted_as_dispensed.items():
                within, self._counting[window] = schemes.share_within(
                    cycle, self.dispensed, window, self._counting[window]
                )
                sums.add(cycle, occupancy[ON_TREATMENT] * within)


class _Sums:
    """Sums over cycles of one occupancy at cycle starts, times the weights of each discount rate, split at the cycles `cuts`."""

    def __init__(self, weights: Mapping[float, Array], cuts: list[int]) -> None:
        self.weights = weights
        self.cuts = cuts
        self.parts: dict[float, list[Array]] = {rate: [] for rate in weights}
        self.first = self.last = np.empty(0)

    def add(self, cycle: int, shares: Array) -> None:
        """Add the occupancy at the start of `cycle`; cycles come in order."""
        if cycle == 0:
            self.first = shares.copy()
            self._weighted = np.empty_like(shares)
        for rate, parts in self.parts.items():
            while len(parts) <= sum(cut <= cycle for cut in self.cuts):
                parts.append(np.zeros_like(shares))
            parts[-1] += shares if rate == 0 else np.multiply(shares, self.weights[rate][cycle], out=self._weighted)

    def total(self, rate: float, upto: int | None = None) -> Array:
        """Sum over all cycles, or over those before the cut `upto`."""
        parts = self.parts[rate]
        n_parts = len(parts) if upto is None else 1 + sum(cut < upto for cut in self.cuts)
        result = parts[0].copy()
        for part in parts[1:n_parts]:
            result += part
        return result


def _rates(inputs: Inputs) -> tuple[float, ...]:
    """Distinct annual discount rates, none included as 0."""
    settings = inputs.settings
    return tuple(dict.fromkeys((0.0, settings.discount_rate_costs, settings.discount_rate_effects)))


def _costs(draws: Draws, inputs: Inputs, paths: _Paths, rate: float, factor: float) -> dict[str, dict[str, Array]]:
    """Cost of each component under each price arrangement, GBP per person, discounted at `rate` (`factor` per cycle)."""
    treated = paths.of[ON_TREATMENT]
    cycles, after_first = treated.total(rate), treated.total(rate) - treated.first
    given = _given(inputs, "lenalidomide", cycles)
    dispensed = draws["p_pack_dispensed"]
    high_dose = treated.total(rate, inputs.settings.dexamethasone_high_dose_cycles)
    milligrams = high_dose * draws["n_dexamethasone_high_dose"] + (cycles - high_dose) * draws["n_dexamethasone_later"]
    heparin = draws["p_thromboprophylaxis_heparin"]
    pregnancy_check = draws["c_pregnancy_prevention"] + draws["p_childbearing_potential"] * draws["c_pregnancy_test"]
    in_progressed = paths.of[PROGRESSED]
    ends = {name: _ends(paths.of[name], rate, factor, paths.n_cycles) for name in (PROGRESSION_FREE, PROGRESSED)}
    time_progressed = payoffs.years_in_state(
        in_progressed.total(rate),
        ends[PROGRESSED],
        cycle_factor=factor,
        cycle_years=1.0,
        count=inputs.settings.time_in_state,
    )
    deaths = sum(
        (payoffs.people_who_leave(paths.of[name].total(rate), ends[name], cycle_factor=factor) for name in ends),
        np.zeros_like(cycles),
    )
    related = {
        "dexamethasone": milligrams * draws["c_dexamethasone_mg"],
        "dispensing": given * (draws["c_dispensing_first"] + draws["c_dispensing_later"] * dispensed * after_first),
        "monitoring": draws["c_clinic_visit_first"] * treated.first
        + draws["n_clinic_visits"] * draws["c_clinic_visit_follow_up"] * after_first
        + _by_strategy(draws, inputs, "n_blood_tests") * draws["c_blood_test"] * cycles,
        "thromboprophylaxis": given * cycles * (heparin * draws["c_heparin"] + (1.0 - heparin) * draws["c_aspirin"]),
        "pregnancy_prevention": given * dispensed * cycles * pregnancy_check,
        "adverse_events": np.sqrt(factor) * _per_event(draws, inputs, lambda event: draws[f"c_{event}"]),
        "post_progression_care": time_progressed * draws["c_post_progression_care"],
        "terminal_care": deaths * draws["c_terminal_care"],
    }
    price = _list_price(draws)
    result = {}
    for arrangement, scheme in paths.schemes.items():
        packs = _packs(paths, scheme, rate, factor, dispensed)
        running = given * draws["c_scheme_per_patient"] if scheme.has_running_cost else np.zeros_like(cycles)
        result[arrangement] = {
            "lenalidomide": given * scheme.charged(packs) * price,
            **related,
            "scheme_running": running,
        }
    return result


def _packs(paths: _Paths, scheme: schemes.Scheme, rate: float, factor: float, dispensed: Array) -> schemes.Packs:
    """Packs dispensed per person, and those within the scheme's window of treatment cycles."""
    treated = paths.of[ON_TREATMENT]
    every = dispensed * treated.total(rate)
    if scheme.window is None:
        return schemes.Packs(every, every, every, factor)
    counted = paths.counted_as_dispensed.get(scheme.window)
    if counted is not None:
        return schemes.Packs(every, dispensed * counted.total(rate), dispensed * counted.total(0.0), factor)
    upto = min(scheme.window, paths.n_cycles)
    return schemes.Packs(every, dispensed * treated.total(rate, upto), dispensed * treated.total(0.0, upto), factor)


def _list_price(draws: Draws) -> Array:
    """List price of a pack, averaged over the shares of packs by strength, GBP, (draw,)."""
    return sum(
        (draws[f"p_packs_{s}"] * draws[f"c_lenalidomide_{s}_pack"] for s in STRENGTHS),
        np.zeros_like(draws["p_packs_25mg"]),
    )


def _health(
    draws: Draws, inputs: Inputs, paths: _Paths, rate: float, factor: float
) -> tuple[dict[str, Array], dict[str, Array]]:
    """Life-years and QALYs by state, discounted at `rate` (`factor` per cycle); adverse events take QALYs away in the first cycle."""
    life_years = {}
    for state in (PROGRESSION_FREE, PROGRESSED):
        starts, ends = paths.of[state].total(rate), _ends(paths.of[state], rate, factor, paths.n_cycles)
        count = inputs.settings.time_in_state
        life_years[state] = payoffs.years_in_state(
            starts, ends, cycle_factor=factor, cycle_years=CYCLE_YEARS, count=count
        )
    lost = _per_event(
        draws, inputs, lambda event: draws[f"du_{event}"] * inputs.years(f"d_{event}", draws[f"d_{event}"])
    )
    qalys = {state: draws[f"u_{state}"] * years for state, years in life_years.items()}
    return life_years, {**qalys, "adverse_events": -np.sqrt(factor) * lost}


def _ends(sums: _Sums, rate: float, factor: float, n_cycles: int) -> Array:
    return payoffs.sums_at_ends(sums.total(rate), sums.first, sums.last, cycle_factor=factor, n_cycles=n_cycles)


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
