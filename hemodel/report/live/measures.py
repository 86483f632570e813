"""How much of each measure a strategy has in each cycle: columns of a Trace that the rows ask for, and what schemes charge."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby, islice, pairwise
from operator import attrgetter

import numpy as np
from numpy.typing import NDArray

from hemodel.cohort import schemes
from hemodel.cohort.model import ON_TREATMENT
from hemodel.cohort.model.paths import ENTERED, LATER_LINE, RECENTLY
from hemodel.cohort.model.plan import Giving
from hemodel.cohort.model.treatment import BEFORE_RULES, has_no_time_rule, share_that_goes_on, stepwise_price, with_steps
from hemodel.cohort.structures import LATER, PROGRESSED, PROGRESSION_FREE
from hemodel.errors import InputError
from hemodel.evidence.payoffs import Measure, Payoff
from hemodel.evidence.settings import Scheme, Settings
from hemodel.evidence.uploaded import counts_either_way
from hemodel.report.live.amounts import dispensed_key, price_key, refund_key, schemes_of
from hemodel.report.live.cells import Column
from hemodel.report.live.derived import Derived
from hemodel.report.live.engine import Engine, age_factor, place_of, within

Array = NDArray[np.float64]
Counts = tuple[Array, ...]
"""Givings in each cycle, of those there at its start, before and after the day of the response rule, and of those at its end, likewise."""
_SHORT = {PROGRESSION_FREE: "free", PROGRESSED: "progressed"}
_TERMS = {"drug_cost_cap": "drug_cost_cap_cycles", "free_start": "free_cycles", "response_refund": "response_by_cycle"}


@dataclass(frozen=True)
class Quantity:
    """A measure in each cycle: its formula, with places in the Trace, and the engine's numbers, (cycle,).

    `when`: where in a cycle it is discounted, "start", "middle" or "end", or the key of a refund; "": where its kind of measure is.
    `condition`: the cycles in which it counts, as a formula; `is_once`: in the first cycle alone.
    """

    formula: str
    values: Array
    when: str = ""
    condition: str = ""
    is_once: bool = False


@dataclass
class Measures:
    """The measures of one strategy; what more than one row reads, or a reader may want to see, has a column of its own."""

    engine: Engine
    strategy: int
    derived: Derived
    columns: dict[str, Column] = field(default_factory=dict)

    @property
    def settings(self) -> Settings:
        """The settings of the run."""
        return self.engine.inputs.settings

    @property
    def name(self) -> str:
        """The strategy's name."""
        return self.settings.strategy_names[self.strategy]

    def seen(self, state: str) -> Array:
        """Shares in a state at cycle boundaries."""
        return np.asarray(self.engine.seen[state][:, self.strategy])

    def of(self, payoff: Payoff, arrangement: str) -> list[Quantity]:
        """The measure of a row under a price arrangement."""
        place = place_of(self.settings, payoff.measure.kind)
        return [replace(quantity, when=quantity.when or place) for quantity in self._of(payoff, arrangement)]

    def _of(self, payoff: Payoff, arrangement: str) -> list[Quantity]:
        measure, factor = payoff.measure, "*[Time!age_factor]" if payoff.outcome == "qaly" else ""
        weights = age_factor(self.engine) if payoff.outcome == "qaly" else np.ones(self.engine.n_cycles)
        treated = self.seen(ON_TREATMENT)[:-1]
        match measure.kind:
            case "start" | "start mid-cycle":
                return [self._once()]
            case "cycle on treatment":
                return [_windowed("[treated]", treated, measure)]
            case "year on treatment":
                years = self.settings.cycle_years * treated * weights
                return [Quantity(f"cycle_years*[treated]{factor}", years)]
            case "year in":
                time, years = self._years(measure.state)
                return [Quantity(f"{time}{factor}", years * weights)]
            case "event in":
                return [Quantity(*self._years(measure.state))]
            case "cycle in":
                time, years = self._years(measure.state)
                return [Quantity(f"{time}/cycle_years", years / self.settings.cycle_years)]
            case "cycle after":
                return [Quantity("[recent]", self.seen(RECENTLY + measure.state)[:-1])]
            case "entry to":
                return [Quantity("[entries]", np.diff(self.seen(ENTERED + measure.state)))]
            case "death":
                deaths = -np.diff(self.seen(PROGRESSION_FREE) + self.seen(PROGRESSED))
                return [Quantity("[deaths]", deaths)]
            case "pack":
                return [self._packs_in(payoff.drug, measure)]
            case "charged pack":
                if payoff.owner.kind == "later":
                    return [self._later(payoff.drug, arrangement)]
                return self._charged(payoff.drug, arrangement)

    def _once(self) -> Quantity:
        first = np.zeros(self.engine.n_cycles)
        first[0] = 1.0
        return Quantity("1", first, is_once=True)

    def _years(self, state: str) -> tuple[str, Array]:
        start = {"life_table": 0.5, "start": 1.0, "end": 0.0}[self.settings.time_in_state]
        shares = self.seen(state)
        return f"[ly_{_SHORT[state]}]", self.settings.cycle_years * (start * shares[:-1] + (1 - start) * shares[1:])

    def _column(self, key: str, heading: str, formula: str, values: Array, style: str = "six") -> str:
        self.columns.setdefault(key, Column(key, heading, formula, values, style))
        return f"[{key}]"

    # --- packs ---------------------------------------------------------------------------------------------------------------

    def _dispensed(self, drug: str) -> tuple[str, float]:
        """The share of packs that are dispensed, as a factor in a formula."""
        if drug not in self.engine.plan.dispensed:
            return "", 1.0
        key = dispensed_key(drug)
        return f"{{{key}}}*", self.derived.values[key][self.strategy]

    def _packs(self, drug: str) -> tuple[str, Array]:
        """Packs, or givings, of a drug in each cycle."""
        label = self.settings.drugs[drug].label
        if self.engine.plan.has_schedule(drug):
            return self._given(drug, None)
        factor, share = self._dispensed(drug)
        treated = self.seen(ON_TREATMENT)[:-1]
        if not factor:
            return "[treated]", treated
        return self._column(f"packs_{drug}", f"{label}: packs", f"{factor}[treated]", share * treated), share * treated

    def _given(self, drug: str, upto: int | None, scheme: str = "") -> tuple[str, Array]:
        """Givings of a drug on days of its own: all, or those of its first treatment cycles. Those that a scheme counts have columns of
        their own, so that the places of all others say nothing of its terms.
        """
        ending, words = ("", "") if upto is None else (f"_UPTO_{scheme or upto}", f" of its first {upto} cycles")
        label = f"{self.settings.drugs[drug].label}: givings{words}"
        people, count = self._people(f"{drug}{ending}", label, self._counts(drug, upto), self._counts(drug, None))
        factor, share = self._dispensed(drug)
        return self._column(f"packs_{drug}{ending}", label, f"{factor}({people})", share * count), share * count

    def _counts(self, drug: str, upto: int | None) -> Counts:
        return tuple(count[:, self.strategy] for count in self.engine.plan.counts(drug, upto))

    def _people(self, key: str, label: str, counts: Counts, shown: Counts) -> tuple[str, Array]:
        """People given what is counted, in each cycle: of those there at its start and at its end, each before and after the response rule.

        The counts are held in columns; those of which nothing in `shown` is counted have none, but for the first.
        """
        there, goes_on = self.seen(BEFORE_RULES), self._goes_on()
        texts, total = [], np.zeros(self.engine.n_cycles)
        for end, (place, people) in enumerate((("start", there[:-1]), ("end", there[1:]))):
            own, numbers = counts[2 * end : 2 * end + 2], list[str]()
            for after, count in enumerate(own):
                if shown[2 * end + after].any() or not (end or after):
                    name = f"given{'_END' * end}{'_AFTER' * after}_{key}"
                    heading = f"{label}, for one person there at the {place}{', after the response rule' * after}"
                    numbers.append(self._column(name, heading, "", count, "six") + "*{goes_on}" * after)
            if numbers:
                number = numbers[0] if len(numbers) == 1 else f"({'+'.join(numbers)})"
                texts.append(f"[{before_key(self.engine, self.strategy)}{'+1' * end}]*{number}")
            total = total + people * (own[0] + own[1] * goes_on)
        return "+".join(texts), total

    def _packs_in(self, drug: str, measure: Measure) -> Quantity:
        """Packs of the treatment cycles of a row."""
        if not self.engine.plan.has_schedule(drug):
            return _windowed(*self._packs(drug), measure)
        formula, values = self._given(drug, measure.last)
        if measure.first > 1:
            earlier, less = self._given(drug, measure.first - 1)
            formula, values = f"({formula}-{earlier})", values - less
        return Quantity(formula, values)

    # --- what is charged -----------------------------------------------------------------------------------------------------

    def _charged(self, drug: str, arrangement: str) -> list[Quantity]:
        """Packs paid for at list price under a price arrangement, and those refunded."""
        found = [Quantity(*self._packs(drug))]
        for name, terms in schemes_of(self.settings, arrangement).items():
            if terms.drug == drug:
                found = self._under(name, terms)
        if drug not in with_steps(self.engine.inputs):
            return found
        price = self._price_by_cycle(drug)
        return [Quantity(f"{q.formula}*[Time!price_{drug}]", q.values * price, q.when) for q in found]

    def _price_by_cycle(self, drug: str) -> Array:
        price = stepwise_price(self.engine.draws, with_steps(self.engine.inputs)[drug], self.settings.cycle_years)
        return np.array([float(price(cycle)[0]) for cycle in range(self.engine.n_cycles)])

    def _under(self, name: str, terms: Scheme) -> list[Quantity]:
        packs, count = self._packs(terms.drug)
        heading = f"{self.settings.drugs[terms.drug].label}: packs charged, scheme {name}"
        if terms.kind == "total_cost_cap":
            return [self._paid(name, terms, heading)]
        if terms.kind == "response_refund":
            back, share = self._upto(name, terms.drug, f"{name}_response_by_cycle", terms.response_by_cycle or 0)
            respond = self.engine.value(f"p_response_{self.name}")
            heading = f"{self.settings.drugs[terms.drug].label}: packs refunded, scheme {name}"
            lost = (1.0 - respond) * share
            key = self._column(f"refunded_{name}", heading, f"(1-p_response_{self.name})*{back}", lost)
            return [Quantity(packs, count), Quantity(f"-{key}", -lost, refund_key(name))]
        found = steps(name, terms)
        _, last, last_value = found[-1]
        formula, charged = "" if last == "0" else _times(last, packs), last_value * count
        for place, ((_, before, at), ((window, number), then, at_then)) in enumerate(pairwise(found), start=1):
            some, inside = self._upto(f"{name}_{place}", terms.drug, window, number)
            formula += _more(before, then, some)
            charged = charged + (at - at_then) * inside
        return [Quantity(self._column(f"charged_{name}", heading, formula.removeprefix("+"), charged), charged)]

    def _upto(self, scheme: str, drug: str, window: str, number: int) -> tuple[str, Array]:
        """Packs of the first treatment cycles, as schemes count them; `window` is their number as formulas write it."""
        if self.engine.plan.has_schedule(drug):
            return self._given(drug, number, scheme)
        formula, values = self._packs(drug)
        share = self.derived.values[dispensed_key(drug)][self.strategy] if drug in self.engine.plan.dispensed else None
        inside = within(self.engine.inputs, number, share)
        beyond = "0"
        if share is not None:
            chance = f"BINOMDIST({window}-1,[cycle],{{{dispensed_key(drug)}}},TRUE)"
            beyond = {True: f'IF(scheme_counts="dispensed",{chance},0)', False: "0"}[counts_either_way(self.engine.inputs)]
            if beyond == "0" and self.settings.scheme_counts == "dispensed":
                beyond = chance
        return f"{formula}*IF([cycle]<{window},1,{beyond})", values * inside

    def _paid(self, name: str, terms: Scheme, heading_of_charged: str) -> Quantity:
        """Packs paid for under a cap on the total for one person."""
        drug, label = terms.drug, self.settings.drugs[terms.drug].label
        given, n_cycles = self.engine.plan.givings_of(drug)[self.strategy], self.engine.n_cycles
        in_cycle = np.bincount([giving.model_cycle for giving in given], minlength=n_cycles)
        had = np.concatenate([[0.0], np.cumsum(in_cycle)[:-1]])
        self._column(f"had_{drug}", f"{label}: givings before, for one person", "", had, "count")
        price, (factor, q) = self.derived.values[price_key(drug)][self.strategy], self._dispensed(drug)
        texts, charged = [], np.zeros(n_cycles)
        for k in range(int(in_cycle.max())):
            share = schemes.share_paid(had + k, np.array(price), float(terms.most_paid or 0.0), q)
            heading = f"Share of giving {k + 1} of a cycle that is paid, scheme {name}"
            still = self._column(f"still_{k}_{name}", heading, self._still_paid(name, drug, k), share)
            counts = _of_giving(k, given, n_cycles)
            people, count = self._people(f"{k}_{drug}", f"{label}: giving {k + 1} of a cycle", counts, counts)
            texts.append(f"{still}*({people})")
            charged = charged + q * share * count
        formula = f"{factor}({'+'.join(texts) or '0'})"
        return Quantity(self._column(f"charged_{name}", heading_of_charged, formula, charged), charged)

    def _goes_on(self) -> float:
        return float(share_that_goes_on(self.engine.draws, self.engine.inputs)[self.strategy, 0])

    def _still_paid(self, name: str, drug: str, k: int) -> str:
        """Expected share of giving k (from 0) of a cycle that is still paid; where packs are dispensed by chance, by the binomial."""
        n, most, key = f"([had_{drug}]+{k})", f"{{paid_{name}}}", dispensed_key(drug)
        if drug not in self.engine.plan.dispensed:
            return f"MIN({n}+1,{most})-MIN({n},{most})"
        whole = f"INT({most})"
        fewer, as_many = (f"IF({n}<={m},1,BINOMDIST({m},{n},{{{key}}},TRUE))" for m in (f"{whole}-1", whole))
        return f"(1-{most}+{whole})*IF({whole}<1,0,{fewer})+({most}-{whole})*{as_many}"

    # --- the later line ------------------------------------------------------------------------------------------------------

    def _later(self, drug: str, arrangement: str) -> Quantity:
        """Packs of the later line that are paid for."""
        factor, share = self._dispensed(drug)
        windows = later_windows_of(self.engine)
        first = f"{LATER_LINE}_{windows[0]}"
        on = self.seen(first)[:-1] + self.seen(first + LATER)[:-1]
        own = [(name, terms) for name, terms in schemes_of(self.settings, arrangement).items() if terms.drug == drug]
        if not own:
            return Quantity(f"{factor}[line]", share * on)
        name, terms = own[0]
        found = steps(name, terms)
        _, last, last_value = found[-1]
        formula, charged = "" if last == "0" else _times(last, "[line]"), last_value * on
        for (_, before, at), ((window, number), then, at_then) in pairwise(found):
            formula += _more(before, then, f"[{line_key(name, window)}]")
            charged = charged + (at - at_then) * self.seen(f"{LATER_LINE}_{number}")[:-1]
        return Quantity(f"{factor}({formula.removeprefix('+')})", share * charged)


def _times(share: str, packs: str) -> str:
    """A share of packs."""
    return packs if share == "1" else f"{packs}*({share})"


def _more(share: str, then: str, packs: str) -> str:
    """What packs up to a step add where they are charged at `share` in place of `then`, the share from the step on."""
    if (share, then) == ("0", "1"):
        return f"-{packs}"
    return f"+{_times(share if then == '0' else f'{share}-({then})', packs)}"


Step = tuple[tuple[str, int], str, float]
"""From which treatment cycle, counted from 0 (as formulas write it, and its number), and what share of the list price (both ways)."""


def steps(name: str, terms: Scheme) -> list[Step]:
    """The price of a scheme as a step function of the treatment cycle, over the names of its terms."""
    start = ("0", 0)
    if terms.kind == "price_discount":
        return [(start, f"1-{name}_price_discount", 1.0 - (terms.price_discount or 0.0))]
    if terms.kind == "tiered_discount":
        found: dict[int, Step] = {0: (start, "1", 1.0)}
        for place, tier in enumerate(terms.tiers or ()):
            cut = tier.from_cycle - 1
            found[cut] = ((str(cut), cut), f"1-{name}_tier_{place + 1}_price_discount", 1.0 - tier.price_discount)
        return [found[cut] for cut in sorted(found)]
    window = window_of(name, terms)
    if window is None:
        raise InputError("live workbook", f"the scheme {name} has no formula", "Export it without it")
    pay, free = ("1", 1.0), ("0", 0.0)
    first, then = (pay, free) if terms.kind == "drug_cost_cap" else (free, pay)
    return [(start, *first), (window, *then)]


def window_of(name: str, terms: Scheme) -> tuple[str, int] | None:
    """The one number of treatment cycles that a scheme has among its terms: its name on the sheet Inputs, and what it is."""
    term = _TERMS.get(terms.kind)
    return None if term is None else (f"{name}_{term}", int(getattr(terms, term)))


def line_key(scheme: str, window: str) -> str:
    """The column of those within the first cycles of the later line, up to a step of a scheme; `window` as formulas write it."""
    return f"line_{scheme}_{window}" if window.isdigit() else f"line_{scheme}"


def later_windows_of(engine: Engine) -> list[int]:
    """Numbers of cycles by which the states of the later line are told apart."""
    return sorted({int(k.rsplit("_", 1)[1]) for k in engine.seen if k.startswith(f"{LATER_LINE}_") and not k.endswith(LATER)})


def _windowed(formula: str, values: Array, measure: Measure) -> Quantity:
    """A quantity in the treatment cycles of its measure alone."""
    first, last = measure.first - 1, measure.last
    cycle = np.arange(len(values))
    inside = (cycle >= first) & (cycle < (np.inf if last is None else last))
    if last is None:
        condition = f"[cycle]>={first}" if first else ""
    elif last == 1:
        condition = "[cycle]=0"
    else:
        condition = f"AND([cycle]>={first},[cycle]<{last})" if first else f"[cycle]<{last}"
    return Quantity(formula, values * inside, condition=condition)


def _of_giving(k: int, given: Sequence[Giving], n_cycles: int) -> Counts:
    """Of giving k (from 0) of each cycle alone: how much of it counts of the start and of the end, before and after the response rule."""
    found = np.zeros((4, n_cycles))
    for _, own in groupby(given, attrgetter("model_cycle")):
        for giving in islice(own, k, k + 1):
            found[int(giving.is_after), giving.model_cycle] = 1.0 - giving.part
            found[2 + int(giving.is_after), giving.model_cycle] = giving.part
    return tuple(found)


def before_key(engine: Engine, strategy: int) -> str:
    """The column of those on treatment but for the rules that end it at a time."""
    return "before_rules" if needs_before_rules(engine, strategy) else "treated"


def needs_before_rules(engine: Engine, strategy: int) -> bool:
    """Whether a drug of the strategy is counted giving by giving, and a rule ends its treatment at a time."""
    plan, own = engine.plan, engine.inputs.settings.strategies[strategy].drugs
    counted = any(plan.has_schedule(drug) or plan.caps_on_money(drug) for drug in own)
    return counted and not has_no_time_rule(engine.inputs)
