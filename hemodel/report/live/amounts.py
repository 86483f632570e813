"""What an amount of a row comes to in the workbook: one cell a strategy on the sheet Derived, its formula that of the file."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from hemodel.cohort.model import plan
from hemodel.cohort.model.plan import cycle_start
from hemodel.cohort.model.treatment import with_steps
from hemodel.evidence import uploaded
from hemodel.evidence.amounts import Amount, Call, Name, Operation, Tree, formula
from hemodel.evidence.payoffs import PRICE, Payoff
from hemodel.evidence.settings import Scheme, Settings
from hemodel.evidence.vials import combinations
from hemodel.report.live.cells import Numbers
from hemodel.report.live.engine import Engine

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Row:
    """A row of the sheet Derived. `formula`: one for all strategies (`@` is the strategy's name; empty: a value is held), or one for each,
    None where a strategy has none.
    """

    key: str
    label: str
    unit: str
    formula: str | Sequence[str | None]
    values: Numbers
    style: str = "six"

    def formula_of(self, strategy: int) -> str:
        """The formula of one strategy."""
        found = self.formula if isinstance(self.formula, str) else self.formula[strategy]
        return found or ""

    def is_for(self, strategy: int) -> bool:
        """Whether a strategy has this quantity."""
        return isinstance(self.formula, str) or self.formula[strategy] is not None


def years(name: str) -> str:
    """A time parameter in years, in the formulas of the sheet Derived: `<name>`."""
    return f"<{name}>"


def price_key(drug: str) -> str:
    """Key of the list price of a drug."""
    return f"price_{drug}"


def dispensed_key(drug: str) -> str:
    """Key of the share of the cycles on treatment in which a pack is dispensed."""
    return f"dispensed_{drug}"


def row_key(place: int) -> str:
    """Key of the amount of a row of the run, counted from 0 in the plan's order."""
    return f"row_{place + 1}"


def schemes_in_use(settings: Settings) -> dict[str, Scheme]:
    """The schemes of the price arrangements of the run, each once."""
    return {name: settings.schemes[name] for name in uploaded.schemes_in_use(settings)}


def schemes_of(settings: Settings, arrangement: str) -> dict[str, Scheme]:
    """Names and terms of the schemes of a price arrangement."""
    own = list(settings.schemes_in(arrangement).values())
    return {name: terms for name, terms in settings.schemes.items() if any(terms is scheme for scheme in own)}


def takes(settings: Settings, strategy: int, drug: str) -> bool:
    """Whether a strategy has a drug."""
    return drug in settings.strategies[strategy].drugs


def amount_rows(engine: Engine) -> list[Row]:
    """The amount of each row of the run for each strategy that it is for."""
    inputs, found = engine.inputs, []
    for place, row in enumerate(engine.plan.rows):
        payoff, is_cost = row.payoff, row.payoff.outcome == "cost"
        texts = [None if amount is None else _written(amount, engine, payoff) for amount in row.amounts]
        prices = [None if amount is None else _price(engine, payoff, i) for i, amount in enumerate(row.amounts)]
        values = [
            0.0 if a is None else float(np.ravel(plan.value((a,), engine.draws, inputs, price))[0])
            for a, price in zip(row.amounts, prices, strict=True)
        ]
        unit = inputs.settings.currency if is_cost else "QALYs"
        label = f"{place + 1}. {payoff.label or payoff.component}"
        label += f": {payoff.note}" if payoff.event or payoff.note else ""
        found.append(Row(row_key(place), label, f"{unit}, {payoff.measure}", texts, values, "pence" if is_cost else "six"))
    return found


def is_priced_by_cycle(engine: Engine, payoff: Payoff) -> bool:
    """Whether the price of the row's packs changes from cycle to cycle, so that it stands in the columns and not in the amount."""
    is_charged = payoff.measure.kind == "charged pack" and payoff.owner.kind == "drug"
    return is_charged and payoff.drug in with_steps(engine.inputs)


def _price(engine: Engine, payoff: Payoff, strategy: int) -> Array | None:
    """What `price` stands for in a row, for one strategy."""
    if is_priced_by_cycle(engine, payoff):
        return np.ones(1)
    of_drug = engine.plan.prices.get(payoff.drug)
    return None if of_drug is None else plan.value((of_drug[strategy],), engine.draws, engine.inputs)


def _written(amount: Amount, engine: Engine, payoff: Payoff) -> str:
    """An amount over the names of the sheet Inputs."""
    price = "1" if is_priced_by_cycle(engine, payoff) else f"{{{price_key(payoff.drug)}}}"
    return formula(amount.tree, partial(_name, price=price))


def _name(name: str, price: str = "") -> str:
    """A name in an amount: a duration in years, a utility at most the general population's where these follow age."""
    if name == PRICE:
        return price
    if name.startswith("d_"):
        return f"({years(name)})"
    if name.startswith("u_"):
        return f'IF(utility_age_adjustment="general_population",MIN({name},norm_at_start),{name})'
    return name


def drug_rows(engine: Engine) -> list[Row]:
    """List prices, shares of packs dispensed, and what the schemes of each drug need beside their terms."""
    found: list[Row] = []
    settings = engine.inputs.settings
    for drug, terms in settings.drugs.items():
        if drug in engine.plan.prices:
            found += _price_rows(engine, drug)
        if drug in engine.plan.dispensed:
            shares = engine.plan.dispensed[drug]
            label = f"{terms.label}: share of cycles on treatment with a pack"
            found.append(_of_amounts(engine, dispensed_key(drug), label, "share", shares, drug, "six"))
    for name, scheme in schemes_in_use(settings).items():
        found += _scheme_rows(engine, name, scheme)
    return found


def _has_price(engine: Engine, strategy: int, drug: str) -> bool:
    return takes(engine.inputs.settings, strategy, drug) or engine.plan.later_drug == drug


def _of_amounts(
    engine: Engine,
    key: str,
    label: str,
    unit: str,
    of_strategies: Sequence[Amount],
    drug: str,
    style: str,
    known: Known | None = None,
) -> Row:
    """A row of amounts that are of a drug; `known`: parts of them that have cells of their own, by strategy."""
    own = range(len(of_strategies))
    given = [_has_price(engine, i, drug) for i in own]
    texts = [formula(_with_cells(of_strategies[i].tree, (known or {}).get(i, {})), _name) if given[i] else None for i in own]
    values = [float(np.ravel(plan.value((of_strategies[i],), engine.draws, engine.inputs))[0]) if given[i] else 0.0 for i in own]
    return Row(key, label, unit, texts, values, style)


Known = Mapping[int, Mapping[Tree, str]]
"""Strategy -> part of an amount -> the key of the cell that holds it."""


def _price_rows(engine: Engine, drug: str) -> list[Row]:
    """The list price of a drug; of one from vials also the mean dose and the variance of body size that stand in it many times."""
    prices, label = engine.plan.prices[drug], engine.inputs.settings.drugs[drug].label
    rows: list[Row] = []
    known: dict[int, dict[Tree, str]] = {}
    parts = [
        ("variance", "variance of the logarithm of body size", [_variance(price.tree) for price in prices]),
        ("dose", "mean dose, mg", [_dose(price.tree) for price in prices]),
    ]
    for what, words, trees in parts:
        if all(tree is not None for tree in trees):
            amounts = [Amount(formula(tree), tree) for tree in trees if tree is not None]
            rows.append(_of_amounts(engine, f"{what}_{drug}", f"{label}: {words}", "", amounts, drug, "six"))
            for i, amount in enumerate(amounts):
                known.setdefault(i, {})[amount.tree] = f"{what}_{drug}"
    unit = f"{engine.inputs.settings.currency} per pack"
    rows.append(_of_amounts(engine, price_key(drug), f"{label}: list price", unit, prices, drug, "pence", known))
    return rows


def _calls(tree: Tree) -> Iterator[Call]:
    match tree:
        case Call(_, arguments):
            yield tree
            for argument in arguments:
                yield from _calls(argument)
        case Operation(_, left, right):
            yield from _calls(left)
            yield from _calls(right)


def most_in_vials(engine: Engine, strategy: int, drug: str) -> float:
    """The most, in mg, that the vials of the price's terms hold."""
    vials, shares = engine.inputs.settings.drugs[drug].vials, _calls(engine.plan.prices[drug][strategy].tree)
    assert vials is not None
    terms = sum(call.function == "NORMSDIST" for call in shares)
    strengths = {price: float(strength) for strength, price in vials.prices.items()}
    return combinations(strengths, math.inf)[terms][0]


def _variance(tree: Tree) -> Tree | None:
    """The variance in the shares of people who need more than so many vials, where there are such shares."""
    return next((call.arguments[0] for call in _calls(tree) if call.function == "SQRT"), None)


def _dose(tree: Tree) -> Tree | None:
    """The mean dose in these shares, which is divided by what so many vials hold."""
    shares = [call for call in _calls(tree) if call.function == "NORMSDIST"]
    logs = [call.arguments[0] for share in shares for call in _calls(share) if call.function == "LN"]
    return next((log.left for log in logs if isinstance(log, Operation) and log.sign == "/"), None)


def _with_cells(tree: Tree, known: Mapping[Tree, str]) -> Tree:
    """The tree with the places of cells in place of the parts that have one."""
    if tree in known:
        return Name(f"{{{known[tree]}}}")
    match tree:
        case Operation(sign, left, right):
            return Operation(sign, _with_cells(left, known), _with_cells(right, known))
        case Call(function, arguments):
            return Call(function, tuple(_with_cells(argument, known) for argument in arguments))
    return tree


def _scheme_rows(engine: Engine, name: str, scheme: Scheme) -> list[Row]:
    """What a scheme needs of each strategy: how many packs a cap on money pays, and the discount factor at a refund."""
    settings = engine.inputs.settings
    strategies = range(len(settings.strategies))
    given = [takes(settings, i, scheme.drug) for i in strategies]
    label = settings.drugs[scheme.drug].label
    if scheme.kind == "total_cost_cap":
        price = f"{{{price_key(scheme.drug)}}}"
        texts = [f"IF({price}>0,{name}_most_paid/MAX({price},1E-300),1E+9)" if known else None for known in given]
        prices = [_list_price(engine, scheme.drug, i) if given[i] else 1.0 for i in strategies]
        values = [float(scheme.most_paid or 0.0) / price if price > 0 else 1e9 for price in prices]
        return [Row(f"paid_{name}", f"{label}: packs paid for one person at most", "packs", texts, values)]
    if scheme.kind == "response_refund":
        cycles = scheme.response_by_cycle or 0
        times = [refund_time(engine, scheme, i) for i in strategies]
        values = [float(engine.calendar.discounted(settings.discount_rate_costs, time)) for time in times]
        texts = [_refund_factor(engine, name, scheme, time) if known else None for known, time in zip(given, times, strict=True)]
        return [Row(refund_key(name), f"{label}: discount factor at the refund, cycle {cycles}", "", texts, values)]
    return []


def _list_price(engine: Engine, drug: str, strategy: int) -> float:
    return float(np.ravel(plan.value((engine.plan.prices[drug][strategy],), engine.draws, engine.inputs))[0])


def refund_time(engine: Engine, scheme: Scheme, strategy: int) -> float:
    """When packs are refunded, in years from the start."""
    settings = engine.inputs.settings
    phases = engine.plan.phases(settings.strategies[strategy], scheme.drug)
    return cycle_start(phases, scheme.response_by_cycle or 0) / settings.days_in_year


def _refund_factor(engine: Engine, name: str, scheme: Scheme, time: float) -> str:
    scheduled = engine.plan.has_schedule(scheme.drug)
    at = f"{time!r}" if scheduled else f"({name}_response_by_cycle*cycle_years)"
    return discount_factor("costs", at, by_year=engine.calendar.by_year)


def refund_key(scheme: str) -> str:
    """The row with the discount factor at the refund of a scheme."""
    return f"refund_{scheme}"


def discount_factor(what: str, at: str, *, by_year: bool) -> str:
    """The formula of a discount factor at a time in years; by whole years where the settings say so."""
    return f"(1+discount_rate_{what})^-{f'INT({at}+1E-9)' if by_year else at}"
