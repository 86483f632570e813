"""The model's money and health counted again: plain NumPy on the trace, one cycle at a time, from docs/methods.md.

It shares no arithmetic with `cohort`: factors are powers where that has exponentials, the general population is interpolated, packs
counted as dispensed come from the binomial distribution itself, amounts are worked out from their text, and every sum runs over the
cycles of a trace.
"""

from __future__ import annotations

import ast
import itertools
import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from hemodel.evidence.inputs import Inputs, LifeTable
from hemodel.evidence.payoffs import Payoff
from hemodel.evidence.settings import Phase, Scheme, Settings, Strategy, Vials

Array = NDArray[np.float64]
Index = NDArray[np.intp]
Draws = Mapping[str, Array]
STATES = ("progression_free", "progressed")
_SIGNS: Mapping[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


def years_in(unit: str, settings: Settings) -> float | None:
    """Length of a unit of time in years; None for what is no unit of time."""
    days = {"days": 1.0, "weeks": 7.0, "cycles": settings.cycle_days, "months": settings.days_in_year / 12}
    return (days | {"years": float(settings.days_in_year)})[unit] / settings.days_in_year if unit in {*days, "years"} else None


@dataclass(frozen=True)
class Ledger:
    """Inputs, draws and the trace from which everything is counted; occupancies are (n_cycles + 1, strategy, draw)."""

    inputs: Inputs
    draws: Draws
    trace: Mapping[str, Array]

    @property
    def dt(self) -> float:
        """Length of a cycle in years."""
        return self.inputs.settings.cycle_years

    @property
    def starts(self) -> Array:
        """Times at which cycles begin, in years."""
        return np.arange(len(self.trace["dead"]) - 1, dtype=np.float64) * self.dt

    @property
    def shape(self) -> tuple[int, int]:
        """(strategy, draw)."""
        return len(self.inputs.settings.strategies), len(self.draws["age_start"])

    def of(self, quantity: str) -> Array:
        """`<quantity>_<strategy>` as (strategy, draw)."""
        return np.array([self.draws[f"{quantity}_{s}"] for s in self.inputs.settings.strategy_names])

    def years_of(self, name: str) -> Array:
        """A parameter, in years where it is a time."""
        return self.draws[name] * (years_in(self.inputs.parameters[name].unit, self.inputs.settings) or 1.0)

    def discount(self, rate: float, years: ArrayLike) -> Array:
        """What a pound or a QALY after so many years is worth today: of whole years only where the settings say so."""
        times = np.asarray(years, dtype=np.float64)
        return np.asarray((1 + rate) ** -(np.floor(times + 1e-9) if self.inputs.settings.discounting == "by_year" else times))

    def passed(self, what: str) -> float:
        """How much of its cycle, in years, has passed where purchases, time or events are discounted from."""
        return {"start": 0.0, "middle": self.dt / 2, "end": self.dt}[getattr(self.inputs.settings, f"{what}_discounted_at")]

    def bought(self, state: str, rate: float, weights: Array | float = 1.0) -> Array:
        """Sum over cycle starts of what is in a state then, discounted; `weights`, (cycle, 1) or (cycle, strategy, draw)."""
        weights = np.asarray(weights)
        each = weights if weights.ndim == 3 else np.broadcast_to(weights, (len(self.starts), 1))[:, None, :]
        times = self.starts + self.passed("purchases")
        return _summed(self.discount(rate, times)[:, None, None] * each * self.trace[state][:-1])

    def lived(self, state: str, rate: float, *, valued: bool = False, count: str | None = None) -> Array:
        """Years in a state, discounted; `valued`: weighted by the utility norm at the age attained in the middle of each cycle."""
        x, middle = self.trace[state], self.starts + self.dt / 2
        start, end = x[:-1], x[1:]
        people = {"life_table": 0.5 * start + 0.5 * end, "start": start, "end": end}[count or self.inputs.settings.time_in_state]
        weights = self.discount(rate, self.starts[:, None] + self.passed("time")) * self.dt
        if valued and self.inputs.settings.utility_age_adjustment == "general_population":
            age = self.draws["age_start"]
            weights = weights * self.norm(age + middle[:, None]) / self.norm(age)
        return _summed(weights[:, None, :] * people)

    def died(self, rate: float) -> Array:
        """Deaths, discounted."""
        return self._happened(self.trace["dead"], rate)

    def entered(self, state: str, rate: float) -> Array:
        """People who enter a state, discounted."""
        return self._happened(self.trace[f"entered_{state}"], rate)

    def _happened(self, ever: Array, rate: float) -> Array:
        """What has been added to a share in each cycle, discounted as events are."""
        return _summed(self.discount(rate, self.starts + self.passed("events"))[:, None, None] * np.diff(ever, axis=0))

    def norm(self, age: Array) -> Array:
        """Utility of the general population."""
        n = self.inputs.utility_norm
        return n.intercept + n.male * self.draws["p_male"] + n.age * age + n.age_squared * age * age

    def amount(self, text: str, who: Strategy, *, capped: bool = False, price: Array | None = None) -> Array:
        """What an amount comes to for a strategy, (draw,) or (cycle, draw); `capped`: no utility above the norm."""

        def of(name: str) -> Array:
            if name == "price" and price is not None:
                return price
            own = f"{name}_{who.name}"
            value = self.years_of(own if own in self.inputs.parameters else name)
            return np.minimum(value, self.norm(self.draws["age_start"])) if capped and name.startswith("u_") else value

        return np.asarray(worked_out(ast.parse(text, mode="eval").body, of)) * np.ones_like(self.draws["age_start"])

    def price(self, drug: str, who: Strategy) -> Array | None:
        """Expected list price of a pack of treatment cycle c, (cycle, draw); None for a drug without a price."""
        terms, mix = self.inputs.settings.drugs[drug], self.price_of_mix(drug, who)
        if mix is None or not terms.steps or self.inputs.settings.dose != "stepwise":
            return None if mix is None else np.tile(mix, (len(self.starts), 1))
        steps, last = self.amount(terms.steps.rate, who) * self.starts[:, None], len(terms.steps.prices) - 1
        chance = [np.exp(-steps) * steps**k / special.factorial(k) for k in range(last)]
        chance.append(1 - _summed(np.array(chance)))
        return _summed(np.array([p * self.amount(price, who) for p, price in zip(chance, terms.steps.prices, strict=True)]))

    def dispensed(self, drug: str, who: Strategy) -> Array:
        """Share of the cycles on treatment in which a pack is dispensed, (draw,)."""
        return self.amount(self.inputs.settings.drugs[drug].dispensed or "1", who)

    def worth(self, row: Payoff) -> Array:
        """What the amount of a row comes to, at the price of the mix of packs, (strategy, draw); 0 where it is for others."""
        capped = row.outcome == "qaly" and self.inputs.settings.utility_age_adjustment == "general_population"
        found = np.zeros(self.shape)
        for i, who in enumerate(self.inputs.settings.strategies):
            if row.owner.kind == "later" or is_for(row, who):
                price = self.price_of_mix(row.drug, who) if row.drug else None
                found[i] = self.amount(row.amount.text, who, price=price, capped=capped)
        return found

    def price_of_mix(self, drug: str, who: Strategy) -> Array | None:
        """List price of a pack of the mix of packs, or of a giving from vials, (draw,); None for a drug without a price."""
        terms = self.inputs.settings.drugs[drug]
        if terms.vials is not None:
            return self.price_of_vials(terms.vials, who)
        return None if terms.price is None else self.amount(terms.price, who)

    def price_of_vials(self, vials: Vials, who: Strategy) -> Array:
        """Expected price of a giving over people of log-normal size, each with the vials of the smallest total that holds the dose."""
        dose, size, spread = (self.amount(text, who) for text in (vials.dose, vials.size, vials.spread))
        prices = {float(mg): self.amount(name, who) for mg, name in vials.prices.items()}
        if vials.shared:
            return np.asarray(dose * size * np.min([price / mg for mg, price in prices.items()], axis=0))
        deviation = np.sqrt(np.log(1 + (spread / size) ** 2))
        middle = np.log(dose * size) - deviation**2 / 2
        most = float(np.exp(middle + 8.5 * deviation).max())
        each = itertools.product(*(range(int(most / mg) + 2) for mg in prices))
        fewest: dict[float, tuple[int, ...]] = {}
        for numbers in sorted(each, key=sum):
            fewest.setdefault(round(sum(n * mg for n, mg in zip(numbers, prices, strict=True)), 9), numbers)
        before, expected = np.zeros_like(dose), np.zeros_like(dose)
        for total in sorted(fewest)[1:]:
            share = special.ndtr((np.log(total) - middle) / deviation)
            price = sum(n * price for n, price in zip(fewest[total], prices.values(), strict=True))
            before, expected = share, expected + (share - before) * price
        return np.asarray(expected)

    def rows(self, outcome: str) -> Iterator[Payoff]:
        """Rows of costs, or of QALYs, that count."""
        for row in self.inputs.payoffs:
            if row.outcome == outcome and (not row.counted or row.counted in self.inputs.settings.also_counted):
                yield row


def names_in(text: str) -> set[str]:
    """Names in an amount."""
    return {node.id for node in ast.walk(ast.parse(text, mode="eval")) if isinstance(node, ast.Name)}


def worked_out(node: ast.expr, of: Callable[[str], Array]) -> Any:
    """What arithmetic comes to, with the values of its names."""
    match node:
        case ast.BinOp(left=left, op=sign, right=right):
            return _SIGNS[type(sign)](worked_out(left, of), worked_out(right, of))
        case ast.UnaryOp(op=sign, operand=operand):
            return worked_out(operand, of) * (-1 if isinstance(sign, ast.USub) else 1)
        case ast.Name(id=name):
            return of(name)
    return ast.literal_eval(node)


def _summed(amounts: Array) -> Array:
    total: Array = np.sum(amounts, axis=0)
    return total


def is_for(row: Payoff, who: Strategy) -> bool:
    """Whether a row is for a strategy."""
    match row.owner.kind:
        case "drug" | "scheme":
            return bool(who.drugs) if row.owner.name == "*" else row.owner.name in who.drugs
        case "strategy":
            return row.owner.name == who.name
    return True


def ends(settings: Settings, who: Strategy) -> tuple[float, float, str]:
    """Day on which treatment ends, day on which it ends for some by response, and who stops then."""
    last = who.treatment_days or (who.treatment_cycles or np.inf) * settings.cycle_days
    if who.stop_at_response is not None:
        return last, who.stop_at_response.day, who.stop_at_response.stops
    return last, (settings.stop_at_response_cycle or np.inf) * settings.cycle_days, "responders"


def go_on(ledger: Ledger, who: Strategy) -> Array:
    """Share who go on after the day of response."""
    _, day, stops = ends(ledger.inputs.settings, who)
    if np.isinf(day):
        return np.ones_like(ledger.draws["age_start"])
    responds = ledger.draws[f"p_response_{who.name}"]
    return np.asarray(responds if stops == "non_responders" else 1 - responds)


def begins(settings: Settings, who: Strategy, drug: str, cycle: int) -> float:
    """Day on which a treatment cycle of a drug begins."""
    lengths = [x for p in who.schedules.get(drug, ()) for x in [p.cycle_days] * (cycle if p.cycles is None else p.cycles)]
    return sum(lengths[:cycle]) if drug in who.schedules else cycle * settings.cycle_days


def given(ledger: Ledger, drug: str, i: int, *, by_day: bool) -> tuple[Index, Index, Array]:
    """Packs of a drug in strategy i, one after another: cycle of the model, treatment cycle of the drug, share of people, (pack, draw)."""
    settings, n = ledger.inputs.settings, len(ledger.starts)
    who = settings.strategies[i]
    if not by_day:
        return np.arange(n), np.arange(n), ledger.trace["on_treatment"][:-1, i]
    last, stop, _ = ends(settings, who)
    last = min(last, n * settings.cycle_days)
    found: list[tuple[float, int]] = []
    own = who.schedules.get(drug) or [Phase(cycle_days=settings.cycle_days)]
    k, day = 0, 0.0
    for phase in own:
        cycles = phase.cycles or int(last / phase.cycle_days) + 1
        for _ in range(cycles):
            found += [(day + d - 1, k) for d in phase.days]
            k, day = k + 1, day + phase.cycle_days
    days = np.array([at for at, _ in found if at < last])
    cycle = np.floor(days / settings.cycle_days + 1e-9).astype(np.intp)
    there = ledger.trace["before_rules"][:, i]
    gone = (days / settings.cycle_days - cycle)[:, None]  # part of the cycle: who left in it did so evenly
    people = (there[cycle] + gone * np.diff(there, axis=0)[cycle]) * np.where(days[:, None] < stop, 1.0, go_on(ledger, who))
    return cycle, np.array([k for at, k in found if at < last], dtype=np.intp), people


def charged_share(terms: Scheme | None, cycle: Index, q: Array, counts: str) -> Array:
    """Share of the packs of treatment cycle c that is paid for, (pack, draw); a refund or a cap on money is taken off elsewhere."""
    everything = np.ones((len(cycle), len(q)))
    kind = "" if terms is None else terms.kind
    if terms is None or kind in ("response_refund", "total_cost_cap"):
        return everything
    if kind == "price_discount":
        return everything * (1 - (terms.price_discount or 0.0))
    if terms.tiers is not None:
        off = np.zeros(len(cycle))
        for tier in sorted(terms.tiers, key=lambda tier: tier.from_cycle):
            off[cycle + 1 >= tier.from_cycle] = tier.price_discount
        return everything * (1 - off[:, None])
    most = terms.drug_cost_cap_cycles or terms.free_cycles or 0
    within = np.where(cycle < most, 1.0, 0.0)[:, None] * everything
    if counts == "dispensed":
        before = np.maximum(cycle, most)[:, None]  # up to there every pack is within
        chance = special.bdtr(most - 1.0, before, np.broadcast_to(q, everything.shape))
        within = np.where(cycle[:, None] < most, 1.0, chance)
    return within if kind == "drug_cost_cap" else 1 - within


def share_below(most: float, price: Array, q: Array) -> Array:
    """Share of the price of each pack in turn that is paid under a cap on money, (pack, draw), each had with probability q before."""
    share = np.ones_like(price)
    for turn, worth in enumerate(price):
        had = np.arange(turn + 1)[:, None]
        left = np.divide(most - had * worth, worth, out=np.ones((turn + 1, len(worth))), where=worth > 0)
        before = np.diff(special.bdtr(np.arange(turn + 1.0)[:, None], turn, q), axis=0, prepend=0.0)
        share[turn] = _summed(before * np.clip(left, 0.0, 1.0))
    return share


def packs(ledger: Ledger, row: Payoff, terms: Scheme | None, rate: float) -> Array:
    """What a row about packs or givings of a drug comes to, charged under a scheme where it is about those, (strategy, draw)."""
    settings, cost = ledger.inputs.settings, np.zeros(ledger.shape)
    most = terms.most_paid if terms is not None else None
    by_day = most is not None or any(row.drug in who.schedules for who in settings.strategies)
    for i, who in enumerate(settings.strategies):
        if not is_for(row, who):
            continue
        cycle, number, people = given(ledger, row.drug, i, by_day=by_day)
        price, q = ledger.price(row.drug, who), ledger.dispensed(row.drug, who)
        worth = people * q * ledger.amount(row.amount.text, who, price=None if price is None else price[cycle])
        share = charged_share(terms, number, q, settings.scheme_counts)
        if row.measure.kind == "pack":
            share = ((number + 1 >= row.measure.first) & (number + 1 <= (row.measure.last or np.inf)))[:, None].astype(np.float64)
        elif most is not None and price is not None:
            share = share_below(most, price[cycle], q)
        times = cycle * ledger.dt + ledger.passed("purchases")
        cost[i] = _summed(ledger.discount(rate, times)[:, None] * worth * share)
        if terms is not None and terms.response_by_cycle is not None:
            early = _summed(np.where(number[:, None] < terms.response_by_cycle, worth, 0.0))
            back = begins(settings, who, row.drug, terms.response_by_cycle) / settings.days_in_year
            cost[i] -= (1 - ledger.draws[f"p_response_{who.name}"]) * early * ledger.discount(rate, back)
    return cost


def charged_later(ledger: Ledger, row: Payoff, terms: Scheme | None, rate: float) -> Array:
    """What is charged for packs of a drug in the line after progression: within or beyond the scheme's cycles of that line."""
    windows = [int(n.split("_")[2]) for n in ledger.trace if n.startswith("later_line_") and not n.endswith("_later")]
    first = f"later_line_{windows[0]}"
    everything = ledger.bought(first, rate) + ledger.bought(f"{first}_later", rate)
    cycle, charged, before = 0, np.zeros_like(everything), np.zeros_like(everything)
    for window in [*sorted(windows), None]:
        share = charged_share(terms, np.array([cycle]), ledger.draws["age_start"], "calendar")
        upto = everything if window is None else ledger.bought(f"later_line_{window}", rate)
        charged, before, cycle = charged + share * (upto - before), upto, window or cycle
    q = np.array([ledger.dispensed(row.owner.name, who) for who in ledger.inputs.settings.strategies])
    return q * ledger.worth(row) * charged


def measured(ledger: Ledger, row: Payoff, rate: float) -> Array:
    """What a row whose money does not depend on who pays comes to, (strategy, draw)."""
    measure, settings = row.measure, ledger.inputs.settings
    valued = row.outcome == "qaly"
    if measure.kind == "pack":
        return packs(ledger, row, None, rate)
    if measure.kind == "cycle on treatment":
        number = np.arange(len(ledger.starts)) + 1  # of the treatment cycle
        is_in = (number >= measure.first) & (number <= (measure.last or len(number)))
        worth = np.zeros((len(number), *ledger.shape))
        for i, who in enumerate(settings.strategies):
            if is_for(row, who):
                price = ledger.price(row.drug, who) if row.drug else None
                worth[:, i] = ledger.amount(row.amount.text, who, price=price)
        return ledger.bought("on_treatment", rate, np.where(is_in[:, None, None], worth, 0.0))
    lived = partial(ledger.lived, measure.state, rate)
    how_much: Mapping[str, Callable[[], Array | float]] = {
        "start": lambda: 1.0,
        "start mid-cycle": lambda: ledger.discount(rate, ledger.dt / 2),
        "year on treatment": lambda: ledger.lived("on_treatment", rate, valued=valued, count="start"),
        "year in": lambda: lived(valued=valued),
        "event in": lived,
        "cycle in": lambda: lived() / ledger.dt,
        "cycle after": lambda: ledger.bought(f"recently_{measure.state}", rate),
        "entry to": lambda: ledger.entered(measure.state, rate),
        "death": lambda: ledger.died(rate),
    }
    return ledger.worth(row) * how_much[measure.kind]()


def schemes_of(settings: Settings, arrangement: str) -> dict[str, Scheme]:
    """The schemes of a price arrangement by drug."""
    names = settings.arrangements[arrangement].schemes if arrangement in settings.arrangements else [arrangement]
    return {scheme.drug: scheme for name, scheme in settings.schemes.items() if name in names}


def costs(ledger: Ledger, rate: float) -> dict[str, dict[str, Array]]:
    """Price arrangement -> component -> money per person, (strategy, draw)."""
    found: dict[str, dict[str, Array]] = {}
    for arrangement in ledger.inputs.settings.price_arrangements:
        under, parts = schemes_of(ledger.inputs.settings, arrangement), found.setdefault(arrangement, {})
        for row in ledger.rows("cost"):
            terms = under.get(row.owner.name)
            if row.owner.kind == "later":
                cost = charged_later(ledger, row, terms, rate)
            elif row.measure.kind == "charged pack":
                cost = packs(ledger, row, terms, rate)
            else:
                cost = measured(ledger, row, rate) * (row.owner.kind != "scheme" or terms is not None)
            parts[row.component] = parts.get(row.component, 0.0) + cost
    return found


def qalys(ledger: Ledger, rate: float) -> dict[str, Array]:
    """Component -> QALYs per person, (strategy, draw)."""
    found: dict[str, Array] = {}
    for row in ledger.rows("qaly"):
        found[row.component] = found.get(row.component, 0.0) + measured(ledger, row, rate)
    return found


def per_year(ledger: Ledger, state: str) -> Array:
    """QALYs of a year in a state, (strategy, draw)."""
    rows = [row for row in ledger.rows("qaly") if (row.measure.kind, row.measure.state) == ("year in", state)]
    return _summed(np.array([ledger.worth(row) for row in rows] or [np.zeros((1, 1))]))


def of_years_in(ledger: Ledger, state: str) -> set[str]:
    """Components of QALYs that come from years in a state and from nothing else."""
    rows, own = list(ledger.rows("qaly")), ("year in", state)
    others = {row.component for row in rows if (row.measure.kind, row.measure.state) != own}
    return {row.component for row in rows} - others


def signs(ledger: Ledger, outcome: str) -> dict[str, Array]:
    """Component -> 1 where all of its amounts are 0 or more, -1 where all are 0 or less, 0 where they differ in sign, (draw,)."""
    worth: dict[str, list[Array]] = {}
    for row in ledger.rows(outcome):
        worth.setdefault(row.component, []).append(ledger.worth(row))
    least = {name: np.min(rows, axis=(0, 1)) for name, rows in worth.items()}
    most = {name: np.max(rows, axis=(0, 1)) for name, rows in worth.items()}
    return {name: np.where(least[name] >= 0, 1.0, np.where(most[name] <= 0, -1.0, 0.0)) for name in worth}


def general_survival(table: LifeTable, age: Array, share_male: Array, n_cycles: int, dt: float) -> Array:
    """Share of the general population alive at each cycle boundary, (n_cycles + 1, draw); men and women apart, mixed as people."""
    ages = np.arange(len(table.male) + 201, dtype=np.float64)  # the last hazard goes on for two centuries
    times = np.arange(n_cycles + 1)[:, None] * dt
    alive = np.zeros((n_cycles + 1, len(age)))
    for q, share in ((table.male, share_male), (table.female, 1 - share_male)):
        yearly = -np.log(1 - np.concatenate([q, np.repeat(q[-1:], 200)]))
        total = np.concatenate([[0.0], np.cumsum(yearly)])
        alive += share * np.exp(np.interp(age, ages, total) - np.interp(age + times, ages, total))
    return alive
