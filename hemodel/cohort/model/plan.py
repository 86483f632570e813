"""What a run will do, made from the inputs before any draw is touched: rows with their names resolved, drugs, price arrangements."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from hemodel.cohort import schemes
from hemodel.cohort.model import curves
from hemodel.cohort.model.treatment import response_rules
from hemodel.errors import InputError
from hemodel.evidence import amounts
from hemodel.evidence.amounts import Amount
from hemodel.evidence.draws import Draws
from hemodel.evidence.inputs import Inputs, units_of
from hemodel.evidence.payoffs import PRICE, Owner, Payoff, check_rows, column_of, names_in_drug
from hemodel.evidence.settings import Phase, Strategy
from hemodel.evidence.settings import Scheme as SchemeTerms

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Row:
    """A payoff of the run: for which strategies, and which parameters the names in its amount mean for each."""

    payoff: Payoff
    takes: tuple[bool, ...]  # by strategy
    amounts: tuple[Amount | None, ...]  # by strategy, with the names of parameters; None for those it is not for

    @property
    def is_shared(self) -> bool:
        """Whether the amount is the same for all strategies that it is for."""
        return len({a.tree for a in self.amounts if a is not None}) == 1

    @property
    def takers(self) -> Array:
        """1 for the strategies that it is for, 0 for the others, (strategy, 1)."""
        return np.array(self.takes, dtype=np.float64)[:, None]


@dataclass(frozen=True)
class Giving:
    """One giving of a drug: the cycle of the model in which its day falls and how far into it (0 to 1), the treatment cycle of the drug,
    and whether its day is on or after that of the response rule.
    """

    model_cycle: int
    part: float
    cycle: int
    is_after: bool


@dataclass(frozen=True)
class Plan:
    """The rows that count, the list price of each drug, and the schemes of each price arrangement."""

    inputs: Inputs
    rows: tuple[Row, ...]
    prices: Mapping[str, tuple[Amount, ...]]  # drug -> by strategy
    dispensed: Mapping[str, tuple[Amount, ...]]  # drug -> by strategy, where packs are not dispensed in all cycles
    arrangements: Mapping[str, Mapping[str, schemes.Scheme]]  # price arrangement -> drug -> scheme

    @classmethod
    def of(cls, inputs: Inputs) -> Plan:
        """The plan of these inputs, made once; raises `InputError` where a row or a drug needs parameters that are not there, by name."""
        return inputs.once(_plan)

    def scheme(self, arrangement: str, drug: str) -> schemes.Scheme:
        """What is charged of a drug under a price arrangement."""
        return self.arrangements[arrangement].get(drug, schemes.LIST_PRICE)

    @property
    def later_drug(self) -> str | None:
        """The drug of the later line, if the run counts one."""
        return next((row.payoff.drug for row in self.rows if row.payoff.owner.kind == "later"), None)

    @property
    def utilities(self) -> tuple[str, ...]:
        """Utilities (u_...) of states in the rows, in their order."""
        found = [name for row in self.rows for a in row.amounts if a is not None for name in a.names if name.startswith("u_")]
        return tuple(dict.fromkeys(found))

    def has_schedule(self, drug: str) -> bool:
        """Whether a drug is given on days of its own in some strategy, not once at the start of each cycle of the model."""
        return any(drug in strategy.schedules for strategy in self.inputs.settings.strategies)

    def phases(self, strategy: Strategy, drug: str) -> list[Phase]:
        """When a strategy gives a drug: on the first day of each cycle of the model where nothing else is said."""
        return strategy.schedules.get(drug) or [Phase(cycle_days=self.inputs.settings.cycle_days)]

    def givings_of(self, drug: str) -> list[list[Giving]]:
        """Givings of a drug within the horizon, one list a strategy, in their order; in strategies without the drug there are none."""
        settings = self.inputs.settings
        found: list[list[Giving]] = []
        horizon = settings.n_cycles * settings.cycle_days
        for strategy, rule in zip(settings.strategies, response_rules(self.inputs), strict=True):
            own: list[Giving] = []
            found.append(own)
            if drug not in strategy.drugs:
                continue
            stops = math.inf if rule is None else rule[0]
            for day, cycle in givings(self.phases(strategy, drug), min(horizon, strategy.last_day(settings.cycle_days))):
                boundary = math.floor(day / settings.cycle_days + 1e-9)  # a day that is a boundary but for rounding is one
                part = day / settings.cycle_days - boundary
                part = part if part > 1e-9 else 0.0
                own.append(Giving(min(boundary, settings.n_cycles - 1), part, cycle, day >= stops))
        return found

    def counts(self, drug: str, upto: int | None = None) -> tuple[Array, Array, Array, Array]:
        """Givings of a drug in each cycle of the model, (cycle, strategy): those counted of who is there at the start of the cycle, and
        at its end, each before and after the day of the response rule; all, or those of its treatment cycles before `upto`.

        A giving on a day within a cycle is that of who is there then, on a line from start to end: its part of the cycle counts of the end.
        """
        settings = self.inputs.settings
        found = np.zeros((4, settings.n_cycles, len(settings.strategies)))
        for i, own in enumerate(self.givings_of(drug)):
            for giving in own:
                if upto is None or giving.cycle < upto:
                    found[int(giving.is_after), giving.model_cycle, i] += 1.0 - giving.part
                    found[2 + int(giving.is_after), giving.model_cycle, i] += giving.part
        start_before, start_after, end_before, end_after = found
        return start_before, start_after, end_before, end_after

    @property
    def entered(self) -> tuple[str, ...]:
        """States of which a row counts the entries."""
        return tuple(dict.fromkeys(row.payoff.measure.state for row in self.rows if row.payoff.measure.kind == "entry to"))

    def scheme_windows(self, drug: str) -> list[int]:
        """Treatment cycles at which any scheme of a drug changes its terms, in use or not: so an arrangement has the same bits in any
        company.
        """
        terms = [scheme_of(terms) for terms in self.inputs.settings.schemes.values() if terms.drug == drug]
        return sorted({window for scheme in terms for window in scheme.windows})

    def windows(self, drug: str) -> list[int]:
        """Treatment cycles at which the window of a row about packs begins or ends, or any scheme changes its terms."""
        of_rows = [row.payoff.measure for row in self.rows if row.payoff.measure.kind == "pack" and row.payoff.drug == drug]
        cuts = {cut for measure in of_rows for cut in (measure.first - 1, measure.last) if cut}
        return sorted(cuts | set(self.scheme_windows(drug)))

    def caps_on_money(self, drug: str) -> list[float]:
        """The most paid for one person, of each scheme of a drug that caps it."""
        return sorted({t.most_paid for t in self.inputs.settings.schemes.values() if t.drug == drug and t.most_paid is not None})


def _plan(inputs: Inputs) -> Plan:
    curves.refuse_partial(inputs)
    _refuse_missing(inputs)
    curves.refuse_misfits(inputs)
    settings = inputs.settings
    drugs = settings.drugs
    return Plan(
        inputs,
        tuple(_row(payoff, inputs) for payoff in inputs.payoffs if payoff.is_active(settings)),
        {name: _of_takers(name, price, inputs) for name in drugs if (price := inputs.price_of(name)) is not None},
        {
            name: _of_takers(name, amounts.parse(drug.dispensed), inputs)
            for name, drug in drugs.items()
            if drug.dispensed is not None
        },
        {a: {drug: scheme_of(terms) for drug, terms in settings.schemes_in(a).items()} for a in settings.price_arrangements},
    )


def scheme_of(terms: SchemeTerms) -> schemes.Scheme:
    """The scheme that the settings describe."""
    match terms:
        case SchemeTerms(kind="drug_cost_cap", drug_cost_cap_cycles=int(cycles)):
            return schemes.Scheme(((0, 1.0), (cycles, 0.0)))
        case SchemeTerms(kind="free_start", free_cycles=int(cycles)):
            return schemes.Scheme(((0, 0.0), (cycles, 1.0)))
        case SchemeTerms(kind="price_discount", price_discount=float(share)):
            return schemes.Scheme(((0, 1.0 - share),))
        case SchemeTerms(kind="response_refund", response_by_cycle=int(cycles)):
            return schemes.Scheme(refund_cycles=cycles)
        case SchemeTerms(kind="tiered_discount", tiers=[*tiers]):
            steps = {0: 1.0} | {tier.from_cycle - 1: 1.0 - tier.price_discount for tier in tiers}
            return schemes.Scheme(tuple(sorted(steps.items())))
        case SchemeTerms(kind="total_cost_cap", most_paid=float(most)):
            return schemes.Scheme(most_paid=most)
    raise InputError("schemes", f"{terms!r} is not a scheme", "Give the terms that its kind takes")


def givings(phases: Sequence[Phase], last_day: float) -> Iterator[tuple[float, int]]:
    """When a drug with a cycle of its own is given, before `last_day`: day from the start, from 0, and treatment cycle of the drug, from 0.

    >>> list(givings([Phase(cycle_days=21, days=[1, 8], cycles=1), Phase(cycle_days=28, days=[1])], 60))
    [(0.0, 0), (7.0, 0), (21.0, 1), (49.0, 2)]
    """
    start, cycle = 0.0, 0
    for phase in phases:
        ends = cycle + phase.cycles if phase.cycles is not None else math.inf
        while cycle < ends and start < last_day:
            yield from ((start + day - 1, cycle) for day in phase.days if start + day - 1 < last_day)
            start, cycle = start + phase.cycle_days, cycle + 1


def cycle_start(phases: Sequence[Phase], cycle: int) -> float:
    """Day on which treatment cycle `cycle` of a drug begins; that of the end of its phases where it has fewer.

    >>> cycle_start([Phase(cycle_days=21, cycles=4)], 4)
    84.0
    """
    start = 0.0
    for phase in phases:
        n = cycle if phase.cycles is None else min(cycle, phase.cycles)
        start, cycle = start + n * phase.cycle_days, cycle - n
    return start


def value(of_strategies: tuple[Amount | None, ...], draws: Draws, inputs: Inputs, price: Array | None = None) -> Array:
    """What an amount comes to: (draw,) where it is the same for all strategies, else (strategy, draw), 0 where there is none.

    `price`: the list price that stands for `price` in it, (draw,) or (strategy, draw).
    """
    if len({amount.tree for amount in of_strategies if amount is not None}) == 1:
        first = next(amount for amount in of_strategies if amount is not None)
        return first.value(partial(_of_name, draws=draws, inputs=inputs, price=price))
    nothing = np.zeros(len(draws["age_start"]))
    rows = []
    for i, amount in enumerate(of_strategies):
        own = price if price is None or price.ndim == 1 else price[i]
        worth = nothing if amount is None else amount.value(partial(_of_name, draws=draws, inputs=inputs, price=own))
        rows.append(np.broadcast_to(worth, nothing.shape))
    return np.stack(rows)


def _of_name(name: str, draws: Draws, inputs: Inputs, price: Array | None) -> Array:
    """Values of a name in an amount: durations in years, utilities at most the general population's where they follow age."""
    if name == PRICE:
        if price is None:
            raise InputError("amount", "there is no price to stand for `price`", "Use it in rows of a drug")
        return price
    if name.startswith("d_"):
        return inputs.years(name, draws[name])
    if name.startswith("u_") and inputs.settings.utility_age_adjustment != "none":
        return np.minimum(draws[name], inputs.utility_norm.at(draws["age_start"], draws["p_male"]))
    return draws[name]


def _refuse_missing(inputs: Inputs) -> None:
    """Refuse rows and drugs whose amounts need parameters that are not there, each by its place; the places are looked at only then."""
    settings = inputs.settings
    active = [row for row in inputs.payoffs if row.is_active(settings)]
    own = [name for row in active for name in row.amount.names]
    own += [name for drug in settings.drugs.values() for name in names_in_drug(drug)]
    is_there = inputs.parameters.keys()
    if all(name in is_there or name == PRICE or f"{name}_{settings.strategy_names[0]}" in is_there for name in own):
        return
    missing = [fault for fault in check_rows(active, settings, units_of(inputs.parameters)) if fault.missing]
    if missing:
        raise InputError.together(missing)


def _row(payoff: Payoff, inputs: Inputs) -> Row:
    takers = payoff.takers(inputs.settings)
    takes = tuple(name in takers for name in inputs.settings.strategy_names)
    own = _by_strategy(payoff.amount, inputs)
    return Row(payoff, takes, tuple(amount if taken else None for amount, taken in zip(own, takes, strict=True)))


def _of_takers(drug: str, amount: Amount, inputs: Inputs) -> tuple[Amount, ...]:
    """An amount of a drug by strategy; in those without the drug, where nobody asks for it, that of the first with it."""
    own, strategies = _by_strategy(amount, inputs), inputs.settings.strategies
    first = next(a for a, s in zip(own, strategies, strict=True) if drug in s.drugs)
    is_later = any(row.owner == Owner("later", drug) and row.is_active(inputs.settings) for row in inputs.payoffs)
    return own if is_later else tuple(a if drug in s.drugs else first for a, s in zip(own, strategies, strict=True))


def _by_strategy(amount: Amount, inputs: Inputs) -> tuple[Amount, ...]:
    """The amount of each strategy: its names are those of parameters."""
    return tuple(
        amount.renamed(partial(column_of, strategy=strategy, parameters=inputs.parameters))
        for strategy in inputs.settings.strategy_names
    )
