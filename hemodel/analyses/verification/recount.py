"""The model's lives and money counted again: plain NumPy on the trace, one cycle at a time, from docs/methods.md.

It shares no arithmetic with `cohort`: factors are powers where that has exponentials, the general population is interpolated, packs
counted as dispensed come from the binomial distribution itself, and every sum runs over the cycles of a trace.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from hemodel.evidence.inputs import Inputs, LifeTable
from hemodel.evidence.settings import Scheme

Array = NDArray[np.float64]
Draws = Mapping[str, Array]
DT = 28 / 365.25  # years in a cycle
YEARS = {"days": 1 / 365.25, "weeks": 7 / 365.25, "months": 1 / 12, "years": 1.0, "cycles": DT}


@dataclass(frozen=True)
class Ledger:
    """Inputs, draws and the trace from which everything is counted; occupancies are (n_cycles + 1, strategy, draw)."""

    inputs: Inputs
    draws: Draws
    trace: Mapping[str, Array]

    @property
    def starts(self) -> Array:
        """Times at which cycles begin, in years."""
        return np.arange(len(self.trace["dead"]) - 1, dtype=np.float64) * DT

    def of(self, quantity: str) -> Array:
        """`<quantity>_<strategy>` as (strategy, draw)."""
        return np.array([self.draws[f"{quantity}_{s}"] for s in self.inputs.settings.strategy_names])

    def has(self, drug: str) -> Array:
        """1 where a strategy contains the drug, (strategy, 1)."""
        return np.array([[1.0 if drug in s.drugs else 0.0] for s in self.inputs.settings.strategies])

    @property
    def takes_any(self) -> Array:
        """1 where a strategy has any drug, (strategy, 1)."""
        named = self.inputs.settings.strategies
        return np.array([[1.0 if s.drugs or f"c_other_drugs_{s.name}" in self.inputs.parameters else 0.0] for s in named])

    def years_of(self, name: str) -> Array:
        """A time parameter in years."""
        return self.draws[name] * YEARS[self.inputs.parameters[name].unit]

    def bought(self, state: str, rate: float, weights: Array | float = 1.0) -> Array:
        """Sum over cycle starts of what is in a state then, discounted to there; `weights`, (cycle, 1 or draw), multiply it."""
        factor = (discount(rate, self.starts))[:, None] * weights
        return _summed(factor[:, None, :] * self.trace[state][:-1])

    def lived(self, state: str, rate: float, *, valued: bool = False, count: str | None = None) -> Array:
        """Years in a state, discounted in the middle of each cycle; `valued`: weighted by the utility norm at the age attained."""
        x, middle = self.trace[state], self.starts + DT / 2
        start, end = x[:-1], x[1:]
        people = {"life_table": 0.5 * start + 0.5 * end, "start": start, "end": end}[count or self.inputs.settings.time_in_state]
        weights = discount(rate, middle[:, None]) * DT
        if valued and self.inputs.settings.utility_age_adjustment == "general_population":
            age = self.draws["age_start"]
            weights = weights * self.norm(age + middle[:, None]) / self.norm(age)
        return _summed(weights[:, None, :] * people)

    def died(self, rate: float) -> Array:
        """Deaths, discounted in the middle of their cycle."""
        return _summed(discount(rate, self.starts + DT / 2)[:, None, None] * np.diff(self.trace["dead"], axis=0))

    def norm(self, age: Array) -> Array:
        """Utility of the general population."""
        n = self.inputs.utility_norm
        return n.intercept + n.male * self.draws["p_male"] + n.age * age + n.age_squared * age * age

    def events(self) -> list[str]:
        """Adverse events that the inputs describe."""
        first = self.inputs.settings.strategy_names[0]
        return [n[3:] for n in self.inputs.parameters if n.startswith("du_") and f"p_{n[3:]}_{first}" in self.inputs.parameters]


def discount(rate: float, years: Array) -> Array:
    """What a pound or a QALY after so many years is worth today."""
    factors: Array = (1 + rate) ** -years
    return factors


def _summed(amounts: Array) -> Array:
    total: Array = np.sum(amounts, axis=0)
    return total


def pack_price(ledger: Ledger) -> Array:
    """Expected list price of a pack of treatment cycle c, (cycle, draw)."""
    draws, n = ledger.draws, len(ledger.starts)
    if ledger.inputs.settings.dose == "stepwise":
        steps = draws["r_dose_reduction"] * ledger.starts[:, None]
        chance = [np.exp(-steps) * steps**k / special.factorial(k) for k in range(3)]
        chance.append(1 - chance[0] - chance[1] - chance[2])
        strengths = ("25mg", "15mg", "10mg", "5mg")
        return _summed(np.array([p * draws[f"c_lenalidomide_{s}_pack"] for p, s in zip(chance, strengths, strict=True)]))
    mix = sum(draws[f"p_packs_{s}mg"] * draws[f"c_lenalidomide_{s}mg_pack"] for s in (5, 10, 15, 20, 25))
    return np.tile(mix, (n, 1))


def charged_share(ledger: Ledger, terms: Scheme | None) -> Array:
    """Share of the packs of treatment cycle c that the NHS pays for, (cycle, draw); a refund is taken off elsewhere."""
    q = ledger.draws["p_pack_dispensed"]
    cycle = np.arange(len(ledger.starts))[:, None]
    everything = np.ones((len(cycle), len(q)))
    if terms is None or terms.kind == "response_refund":
        return everything
    if terms.kind == "price_discount":
        return everything * (1 - (terms.price_discount or 0.0))
    most = terms.drug_cost_cap_cycles or terms.free_cycles or 0
    within = np.where(cycle < most, 1.0, 0.0) * everything
    if ledger.inputs.settings.scheme_counts == "dispensed":
        before = np.maximum(cycle, most)  # up to there every pack is within
        within = np.where(cycle < most, 1.0, special.bdtr(most - 1.0, before, np.broadcast_to(q, everything.shape)))
    return within if terms.kind == "drug_cost_cap" else 1 - within


def lenalidomide(ledger: Ledger, terms: Scheme | None, rate: float, *, price: Array | None = None) -> Array:
    """Cost of the packs of lenalidomide that are charged, (strategy, draw)."""
    price = pack_price(ledger) if price is None else price
    value = ledger.draws["p_pack_dispensed"] * price
    cost = ledger.bought("on_treatment", rate, value * charged_share(ledger, terms))
    if terms is not None and terms.kind == "response_refund":
        by = terms.response_by_cycle or 0
        early = np.where(np.arange(len(ledger.starts))[:, None] < by, value, 0.0)
        refund = (1 - (terms.p_response or 0.0)) * ledger.bought("on_treatment", 0.0, early)
        cost = cost - refund * (1 + rate) ** -(by * DT)
    return ledger.has("lenalidomide") * cost


def costs(ledger: Ledger, rate: float) -> dict[str, dict[str, Array]]:
    """Price arrangement -> component -> GBP per person, (strategy, draw)."""
    settings = ledger.inputs.settings
    same = {**_bought_with_treatment(ledger, rate), **_after(ledger, rate)}
    found = {}
    for arrangement in settings.price_arrangements:
        terms = None if arrangement == "list" else settings.schemes[arrangement]
        running = 0.0 if terms is None else ledger.draws["c_scheme_per_patient"]
        found[arrangement] = {
            "lenalidomide": lenalidomide(ledger, terms, rate),
            "scheme_running": ledger.has("lenalidomide") * running * np.ones_like(same["terminal_care"]),
            **same,
        }
        if "later_lenalidomide" in settings.also_counted:
            found[arrangement]["later_lenalidomide"] = _later(ledger, terms, rate)
    return found


def _bought_with_treatment(ledger: Ledger, rate: float) -> dict[str, Array]:
    d, treated = ledger.draws, "on_treatment"
    later = (np.arange(len(ledger.starts)) > 0).astype(np.float64)[:, None]
    early = (np.arange(len(ledger.starts)) < ledger.inputs.settings.dexamethasone_high_dose_cycles)[:, None]
    milligrams = np.where(early, d["n_dexamethasone_high_dose"], d["n_dexamethasone_later"]) * d["c_dexamethasone_mg"]
    every, next_ones, start = ledger.bought(treated, rate), ledger.bought(treated, rate, later), ledger.trace[treated][0]
    q, heparin, fertile = d["p_pack_dispensed"], d["p_thromboprophylaxis_heparin"], d["p_childbearing_potential"]
    with_lenalidomide = {
        "dispensing": d["c_dispensing_first"] * start + q * d["c_dispensing_later"] * next_ones,
        "thromboprophylaxis": every * (heparin * d["c_heparin"] + (1 - heparin) * d["c_aspirin"]),
        "pregnancy_prevention": q * every * (d["c_pregnancy_prevention"] + fertile * d["c_pregnancy_test"]),
    }
    found = {name: ledger.has("lenalidomide") * cost for name, cost in with_lenalidomide.items()}
    per_cycle = ledger.of("n_clinic_visits") if "n_clinic_visits" not in ledger.inputs.parameters else d["n_clinic_visits"]
    visits = d["c_clinic_visit_first"] * start + per_cycle * d["c_clinic_visit_follow_up"] * next_ones
    found["monitoring"] = visits + ledger.of("n_blood_tests") * d["c_blood_test"] * every
    found["dexamethasone"] = ledger.has("dexamethasone") * ledger.bought(treated, rate, milligrams)
    names = ledger.inputs.settings.strategy_names
    if any(f"c_other_drugs_{s}" in ledger.inputs.parameters for s in names):
        price = [d[n] if (n := f"c_other_drugs_{s}") in ledger.inputs.parameters else np.zeros(1) for s in names]
        found["other_drugs"] = np.array([p * x for p, x in zip(price, every, strict=True)])
    return found


def _after(ledger: Ledger, rate: float) -> dict[str, Array]:
    d, counted = ledger.draws, ledger.inputs.settings.also_counted
    events = sum((ledger.of(f"p_{e}") * d[f"c_{e}"] for e in ledger.events()), np.zeros_like(ledger.trace["dead"][0]))
    found = {
        "adverse_events": (1 + rate) ** -(DT / 2) * events,
        "post_progression_care": ledger.lived("progressed", rate) / DT * d["c_post_progression_care"],
        "terminal_care": ledger.died(rate) * d["c_terminal_care"],
    }
    if "second_cancers" in counted:
        found["second_cancers"] = d["c_second_cancer"] * ledger.of("r_second_cancer") * ledger.lived("progression_free", rate)
    if "subsequent_treatment" in counted:
        found["subsequent_treatment"] = d["c_subsequent_treatment"] * ledger.bought("recently_progressed", rate)
    return found


def _later(ledger: Ledger, terms: Scheme | None, rate: float) -> Array:
    """Lenalidomide in the line after progression: charged within or beyond the scheme's cycles of that line."""
    names = [n for n in ledger.trace if n.startswith("later_lenalidomide_") and not n.endswith("_later")]
    cycles = None if terms is None else terms.drug_cost_cap_cycles or terms.free_cycles
    name = names[0] if cycles is None else f"later_lenalidomide_{cycles}"
    within, beyond = (ledger.bought(n, rate, ledger.draws["p_pack_dispensed"]) for n in (name, f"{name}_later"))
    match None if terms is None else terms.kind:
        case "drug_cost_cap":
            packs = within
        case "free_start":
            packs = beyond
        case "price_discount":
            packs = (within + beyond) * (1 - (terms.price_discount or 0.0) if terms else 1)
        case _:
            packs = within + beyond
    mix = sum(ledger.draws[f"p_packs_{s}mg"] * ledger.draws[f"c_lenalidomide_{s}mg_pack"] for s in (5, 10, 15, 20, 25))
    return packs * mix


def qalys(ledger: Ledger, rate: float) -> dict[str, Array]:
    """State, or what takes QALYs away -> QALYs per person, (strategy, draw)."""
    d, counted = ledger.draws, ledger.inputs.settings.also_counted
    found = {}
    for state in ("progression_free", "progressed"):
        utility = d[f"u_{state}"]
        if ledger.inputs.settings.utility_age_adjustment == "general_population":
            utility = np.minimum(utility, ledger.norm(d["age_start"]))
        found[state] = utility * ledger.lived(state, rate, valued=True)
    lost = sum(
        (ledger.of(f"p_{e}") * d[f"du_{e}"] * ledger.years_of(f"d_{e}") for e in ledger.events()),
        np.zeros_like(found["progressed"]),
    )
    found["adverse_events"] = -((1 + rate) ** -(DT / 2)) * lost
    if "utility_loss_on_treatment" in counted:
        lived = ledger.lived("on_treatment", rate, valued=True, count="start")
        found["treatment"] = -d["du_on_treatment"] * ledger.takes_any * lived
    if "utility_loss_no_response" in counted:
        lost = d["du_no_response"] * (1 - ledger.of("p_response"))
        found["no_response"] = -lost * ledger.lived("progression_free", rate, valued=True)
    if "utility_loss_near_death" in counted:
        found["near_death"] = -d["du_near_death"] * ledger.years_of("d_near_death") * ledger.died(rate)
    if "second_cancers" in counted:
        events = ledger.of("r_second_cancer") * ledger.lived("progression_free", rate)
        found["second_cancers"] = -d["du_second_cancer"] * ledger.years_of("d_second_cancer") * events
    return found


def general_survival(table: LifeTable, age: Array, share_male: Array, n_cycles: int) -> Array:
    """Share of the general population alive at each cycle boundary, (n_cycles + 1, draw); men and women apart, mixed as people."""
    ages = np.arange(len(table.male) + 201, dtype=np.float64)  # the last hazard goes on for two centuries
    times = np.arange(n_cycles + 1)[:, None] * DT
    alive = np.zeros((n_cycles + 1, len(age)))
    for q, share in ((table.male, share_male), (table.female, 1 - share_male)):
        yearly = -np.log(1 - np.concatenate([q, np.repeat(q[-1:], 200)]))
        total = np.concatenate([[0.0], np.cumsum(yearly)])
        alive += share * np.exp(np.interp(age, ages, total) - np.interp(age + times, ages, total))
    return alive
