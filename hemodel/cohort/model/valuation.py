"""What the cohorts' lives cost and are worth: products of the sums over cycles with the parameters of each draw."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from hemodel.cohort import schemes
from hemodel.cohort.model.curves import by_strategy
from hemodel.cohort.model.paths import LATER_LENALIDOMIDE, RECENTLY_PROGRESSED, Paths, later_windows
from hemodel.cohort.model.treatment import ON_TREATMENT, list_price
from hemodel.cohort.structures import DEAD, LATER, PROGRESSED, PROGRESSION_FREE
from hemodel.cohort.sums import CycleSums
from hemodel.evidence.draws import Draws
from hemodel.evidence.inputs import Inputs
from hemodel.evidence.settings import CYCLE_YEARS

Array = NDArray[np.float64]
COMPONENT_STATES = {
    "lenalidomide": PROGRESSION_FREE,
    "other_drugs": PROGRESSION_FREE,
    "dexamethasone": PROGRESSION_FREE,
    "dispensing": PROGRESSION_FREE,
    "monitoring": PROGRESSION_FREE,
    "thromboprophylaxis": PROGRESSION_FREE,
    "pregnancy_prevention": PROGRESSION_FREE,
    "adverse_events": PROGRESSION_FREE,
    "second_cancers": PROGRESSION_FREE,
    "scheme_running": PROGRESSION_FREE,
    "later_lenalidomide": PROGRESSED,
    "subsequent_treatment": PROGRESSED,
    "post_progression_care": PROGRESSED,
    "terminal_care": DEAD,
}
"""Cost component -> the state in which it falls, for costs by state."""


def adverse_events(inputs: Inputs) -> tuple[str, ...]:
    """Names of the adverse events: those of which every strategy has a share p_<event>_<strategy>, and a utility loss du_<event>."""
    first = inputs.settings.strategy_names[0]
    losses = (name.removeprefix("du_") for name in inputs.parameters if name.startswith("du_"))
    return tuple(event for event in losses if f"p_{event}_{first}" in inputs.parameters)


def with_drugs(inputs: Inputs) -> tuple[str, ...]:
    """Names of the strategies with drugs; of the others nobody is on treatment, whatever the trace says of those progression-free."""
    strategies = inputs.settings.strategies
    return tuple(s.name for s in strategies if s.drugs or f"c_other_drugs_{s.name}" in inputs.parameters)


def costs(draws: Draws, inputs: Inputs, paths: Paths, rate: float) -> dict[str, dict[str, Array]]:
    """Cost of each component under each price arrangement, GBP per person, discounted at `rate` a year."""
    treated = paths.of[ON_TREATMENT]
    cycles = treated.at_starts(rate)
    dispensed = draws["p_pack_dispensed"]
    packs = dispensed * cycles
    given = _given(inputs, "lenalidomide", cycles)
    heparin, pregnant = draws["p_thromboprophylaxis_heparin"], draws["p_childbearing_potential"]
    related = {
        **_on_treatment(draws, inputs, treated, rate),
        "dispensing": given
        * (draws["c_dispensing_first"] * treated.first + draws["c_dispensing_later"] * (packs - dispensed * treated.first)),
        "thromboprophylaxis": given * cycles * (heparin * draws["c_heparin"] + (1.0 - heparin) * draws["c_aspirin"]),
        "pregnancy_prevention": given * packs * (draws["c_pregnancy_prevention"] + pregnant * draws["c_pregnancy_test"]),
        "adverse_events": first_cycle_factor(treated, rate) * _per_event(draws, inputs, lambda event: draws[f"c_{event}"]),
        "post_progression_care": paths.of[PROGRESSED].years(rate, inputs.settings.time_in_state)
        * (draws["c_post_progression_care"] / CYCLE_YEARS),
        "terminal_care": _deaths(paths, rate) * draws["c_terminal_care"],
        **_also_counted(draws, inputs, paths, rate),
    }
    price = given * (list_price(draws) if paths.packs == ON_TREATMENT else 1.0)
    result = {}
    for arrangement, scheme in paths.schemes.items():
        charged = scheme.charged(_packs(paths, scheme, rate, dispensed))
        running = given * draws["c_scheme_per_patient"] if scheme.has_running_cost else np.zeros_like(cycles)
        later = _later_lenalidomide(draws, inputs, paths, scheme, rate)
        result[arrangement] = {"lenalidomide": charged * price, **related, **later, "scheme_running": running}
    return result


def qalys(draws: Draws, inputs: Inputs, paths: Paths, rate: float) -> dict[str, Array]:
    """QALYs by state; adverse events take QALYs away in the first cycle, and what else is counted where it happens."""
    settings = inputs.settings
    years = {s: paths.years(s, rate, settings.time_in_state, valued=True) for s in (PROGRESSION_FREE, PROGRESSED)}
    first = first_cycle_factor(paths.of[PROGRESSED], rate)
    lost = _per_event(draws, inputs, lambda event: draws[f"du_{event}"] * inputs.years(f"d_{event}", draws[f"d_{event}"]))
    result = {**{s: utility(draws, inputs, s) * y for s, y in years.items()}, "adverse_events": -first * lost}
    if "utility_loss_on_treatment" in settings.also_counted:
        on = paths.years(ON_TREATMENT, rate, "start", valued=True)
        takers = with_drugs(inputs)
        taking = np.array([[float(name in takers)] for name in settings.strategy_names])
        result["treatment"] = -draws["du_on_treatment"] * (taking * on)
    if "utility_loss_no_response" in settings.also_counted:
        without = 1.0 - by_strategy(draws, inputs, "p_response")
        result["no_response"] = -draws["du_no_response"] * (without * years[PROGRESSION_FREE])
    if "utility_loss_near_death" in settings.also_counted:
        last = draws["du_near_death"] * inputs.years("d_near_death", draws["d_near_death"])
        result["near_death"] = -last * _deaths(paths, rate)
    if "second_cancers" in settings.also_counted:
        loss = draws["du_second_cancer"] * inputs.years("d_second_cancer", draws["d_second_cancer"])
        result["second_cancers"] = -loss * _second_cancers(draws, inputs, paths, rate)
    return result


def utility(draws: Draws, inputs: Inputs, state: str) -> Array:
    """Utility in a state at the age of the start, (draw,): at most the general population's where utilities follow age."""
    value = draws[f"u_{state}"]
    if inputs.settings.utility_age_adjustment == "none":
        return value
    return np.minimum(value, inputs.utility_norm.at(draws["age_start"], draws["p_male"]))


def first_cycle_factor(sums: CycleSums, rate: float) -> float:
    """Discount factor of the middle of the first cycle, in which adverse events fall."""
    return float(np.sqrt(sums.cycle_factor(rate)))


def _on_treatment(draws: Draws, inputs: Inputs, treated: CycleSums, rate: float) -> dict[str, Array]:
    """What each cycle on treatment costs beside lenalidomide: dexamethasone by its schedule, clinic visits, blood tests, other drugs."""
    cycles = treated.at_starts(rate)
    high_dose = treated.at_starts(rate, inputs.settings.dexamethasone_high_dose_cycles)
    milligrams = high_dose * draws["n_dexamethasone_high_dose"] + (cycles - high_dose) * draws["n_dexamethasone_later"]
    visits = _shared_or_own(draws, inputs, "n_clinic_visits")
    follow_up = visits * draws["c_clinic_visit_follow_up"] * (cycles - treated.first)
    tests = by_strategy(draws, inputs, "n_blood_tests") * draws["c_blood_test"] * cycles
    found = {
        "dexamethasone": _given(inputs, "dexamethasone", cycles) * (milligrams * draws["c_dexamethasone_mg"]),
        "monitoring": draws["c_clinic_visit_first"] * treated.first + follow_up + tests,
    }
    names = [f"c_other_drugs_{strategy}" for strategy in inputs.settings.strategy_names]
    if any(name in inputs.parameters for name in names):
        nothing = np.zeros_like(cycles[0])
        price = np.stack([draws[name] if name in inputs.parameters else nothing for name in names])
        found["other_drugs"] = price * cycles
    return found


def _also_counted(draws: Draws, inputs: Inputs, paths: Paths, rate: float) -> dict[str, Array]:
    """Costs that the settings add: second cancers, and treatment in the first cycles after progression."""
    found = {}
    if "second_cancers" in inputs.settings.also_counted:
        found["second_cancers"] = draws["c_second_cancer"] * _second_cancers(draws, inputs, paths, rate)
    if "subsequent_treatment" in inputs.settings.also_counted:
        found["subsequent_treatment"] = draws["c_subsequent_treatment"] * paths.of[RECENTLY_PROGRESSED].at_starts(rate)
    return found


def _second_cancers(draws: Draws, inputs: Inputs, paths: Paths, rate: float) -> Array:
    """Second primary cancers per person while progression-free, discounted at mid-cycle."""
    years = paths.of[PROGRESSION_FREE].years(rate, inputs.settings.time_in_state)
    return by_strategy(draws, inputs, "r_second_cancer") * years


def _later_lenalidomide(draws: Draws, inputs: Inputs, paths: Paths, scheme: schemes.Scheme, rate: float) -> dict[str, Array]:
    """Cost of lenalidomide in the line after progression: the scheme counts treatment cycles from entry to that line."""
    windows = later_windows(inputs)
    if not windows:
        return {}
    window = scheme.window if scheme.window is not None else windows[0]
    name, dispensed = f"{LATER_LENALIDOMIDE}_{window}", draws["p_pack_dispensed"]
    within, beyond = (dispensed * paths.of[n].at_starts(rate) for n in (name, name + LATER))
    packs = schemes.Packs(within + beyond, within, within, paths.of[name].cycle_factor(rate))
    return {"later_lenalidomide": scheme.charged(packs) * list_price(draws)}


def _deaths(paths: Paths, rate: float) -> Array:
    """Deaths per person within the horizon, discounted at mid-cycle."""
    return paths.of[PROGRESSION_FREE].leavers(rate) + paths.of[PROGRESSED].leavers(rate)


def _packs(paths: Paths, scheme: schemes.Scheme, rate: float, dispensed: Array) -> schemes.Packs:
    """Packs dispensed per person, and those within the scheme's window of treatment cycles (in GBP at list price if doses change)."""
    treated, window = paths.of[paths.packs], scheme.window
    every, factor = dispensed * treated.at_starts(rate), treated.cycle_factor(rate)
    if window is None:
        return schemes.Packs(every, every, every, factor)
    if window in paths.within:
        within, plain = paths.within[window].at_starts(rate), paths.within[window].at_starts(0.0)
    else:
        within, plain = treated.at_starts(rate, window), treated.at_starts(0.0, window)
    return schemes.Packs(every, dispensed * within, dispensed * plain, factor)


def _per_event(draws: Draws, inputs: Inputs, value: Callable[[str], Array]) -> Array:
    """Sum over adverse events of the share who have it times a value per event, (strategy, draw)."""
    shares: Mapping[str, Array] = {event: by_strategy(draws, inputs, f"p_{event}") for event in adverse_events(inputs)}
    nothing = np.zeros((len(inputs.settings.strategies), len(draws["age_start"])))
    return sum((share * value(event) for event, share in shares.items()), nothing)


def _shared_or_own(draws: Draws, inputs: Inputs, name: str) -> Array:
    """The parameter `name`, (draw,), or `<name>_<strategy>`, (strategy, draw), where the inputs have one for each strategy."""
    own = f"{name}_{inputs.settings.strategy_names[0]}" in inputs.parameters
    return by_strategy(draws, inputs, name) if own else draws[name]


def _given(inputs: Inputs, drug: str, like: Array) -> Array:
    """1 for the strategies that contain `drug`, 0 for the others, (strategy, 1)."""
    return np.array([[float(drug in strategy.drugs)] for strategy in inputs.settings.strategies], dtype=like.dtype)
