"""What the cohorts' lives cost and are worth: sums over cycles times the amounts of the rows, nothing else."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from hemodel.cohort.model.paths import RECENTLY, LaterPacks, Paths, later_windows
from hemodel.cohort.model.plan import Plan, Row, value
from hemodel.cohort.model.treatment import ON_TREATMENT, with_steps
from hemodel.cohort.sums import CycleSums
from hemodel.evidence.draws import Draws
from hemodel.evidence.payoffs import PRICE, Measure

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Valuation:
    """Costs and QALYs of one table of draws: the amounts of the rows are worked out once, and serve every rate and arrangement."""

    draws: Draws
    plan: Plan
    paths: Paths

    def costs(self, rate: float) -> dict[str, dict[str, Array]]:
        """Cost of each component under each price arrangement, per person, discounted at `rate` a year."""
        rows = [(row, amount) for row, amount in self._amounts if row.payoff.outcome == "cost"]
        depends = {row.payoff.component for row, _ in rows if _depends_on_price(row)}
        same = _by_component(
            (row, self._cost(row, amount, "", rate)) for row, amount in rows if row.payoff.component not in depends
        )
        others = [(row, amount) for row, amount in rows if row.payoff.component in depends]
        order = list(dict.fromkeys(row.payoff.component for row, _ in rows))
        result = {}
        for arrangement in self.plan.arrangements:
            found = same | _by_component((row, self._cost(row, amount, arrangement, rate)) for row, amount in others)
            result[arrangement] = {name: found[name] for name in order}
        return result

    def qalys(self, rate: float) -> dict[str, Array]:
        """QALYs of each component: by state, and what is taken away, under names of its own."""
        rows = [(row, amount) for row, amount in self._amounts if row.payoff.outcome == "qaly"]
        return _by_component((row, amount * self._measured(row, rate)) for row, amount in rows)

    @cached_property
    def _amounts(self) -> list[tuple[Row, Array]]:
        """Rows with what their amounts come to, (draw,) or (strategy, draw)."""
        in_money = np.ones(len(self.draws["age_start"]))
        found = []
        for row in self.plan.rows:
            is_stepped = row.payoff.drug in with_steps(self.plan.inputs) and row.payoff.owner.kind == "drug"
            is_in_money = is_stepped and row.payoff.measure.kind == "charged pack"  # its packs are counted at their price already
            price = in_money if is_in_money else self._price(row)
            found.append((row, value(row.amounts, self.draws, self.plan.inputs, price)))
        return found

    def _price(self, row: Row) -> Array | None:
        """List price of the row's drug, where its amount names it."""
        if PRICE not in row.payoff.amount.names:
            return None
        return value(self.plan.prices[row.payoff.drug], self.draws, self.plan.inputs)

    def _cost(self, row: Row, amount: Array, arrangement: str, rate: float) -> Array:
        if _depends_on_price(row):
            return self._in_arrangement(row, amount, arrangement, rate)
        return amount * self._measured(row, rate)

    def _in_arrangement(self, row: Row, amount: Array, arrangement: str, rate: float) -> Array:
        """What a row costs that depends on who pays: packs charged, in this line or a later one, or running a scheme."""
        drug = row.payoff.drug
        scheme = self.plan.scheme(arrangement, drug)
        if row.payoff.owner.kind == "scheme":
            return self._everyone * (float(not scheme.is_list_price) * row.takers) * amount
        if row.payoff.owner.kind == "later":
            window = next(iter(scheme.windows), later_windows(self.plan)[0])
            return scheme.charged(LaterPacks(self.paths, rate, window)) * amount
        refunded: Array | float = 0.0
        if scheme.refund_cycles is not None:
            names = self.plan.inputs.settings.strategy_names
            nobody = np.zeros(len(self.draws["age_start"]))
            refunded = np.stack(
                [1.0 - self.draws[f"p_response_{s}"] if takes else nobody for s, takes in zip(names, row.takes, strict=True)]
            )
        return scheme.charged(self.paths.packs(drug, rate), refunded) * (row.takers * amount)

    def _measured(self, row: Row, rate: float) -> Array:
        """How much of its measure each person has, (strategy, draw): 0 in the strategies that the row is not for."""
        sums = self._sums(row, rate)
        return self._everyone * (row.takers * sums) if isinstance(sums, float) or not all(row.takes) else sums

    def _sums(self, row: Row, rate: float) -> Array | float:
        payoff, treated = row.payoff, self.paths.of[ON_TREATMENT]
        measure, count = payoff.measure, self.plan.inputs.settings.time_in_state
        is_valued = payoff.outcome == "qaly"
        match measure.kind:
            case "start":
                return 1.0
            case "start mid-cycle":
                return float(self.paths.calendar.discounted(rate, self.paths.calendar.cycle_years / 2))
            case "cycle on treatment":
                return _in_window(treated, measure, rate)
            case "pack":
                packs = self.paths.packs(payoff.drug, rate)
                upto = packs.by_calendar(measure.last)
                return upto if measure.first == 1 else upto - packs.by_calendar(measure.first - 1)
            case "entry to":
                return self.paths.entries(measure.state, rate)
            case "year on treatment":
                return self.paths.years(ON_TREATMENT, rate, "start", valued=is_valued)
            case "year in":
                return self.paths.years(measure.state, rate, count, valued=is_valued)
            case "event in":
                return self.paths.years(measure.state, rate, count)
            case "cycle in":
                return self.paths.years(measure.state, rate, count) / self.plan.inputs.settings.cycle_years
            case "cycle after":
                return self.paths.of[RECENTLY + measure.state].at_starts(rate)
            case "death":
                return self.paths.deaths(rate)
            case "charged pack":
                raise AssertionError("what is charged depends on the price arrangement")

    @cached_property
    def _everyone(self) -> Array:
        return np.ones((len(self.plan.inputs.settings.strategies), len(self.draws["age_start"])))


def _depends_on_price(row: Row) -> bool:
    return row.payoff.measure.kind == "charged pack" or row.payoff.owner.kind == "scheme"


def _by_component(rows: Iterable[tuple[Row, Array]]) -> dict[str, Array]:
    """Rows of the same component added up, in the order in which components first appear."""
    result: dict[str, Array] = {}
    for row, gain in rows:
        name = row.payoff.component
        result[name] = result[name] + gain if name in result else gain
    return result


def _in_window(treated: CycleSums, measure: Measure, rate: float) -> Array:
    """Those on treatment at the starts of treatment cycles `first` to `last`, counted from one."""
    upto = treated.at_starts(rate, measure.last)
    return upto if measure.first == 1 else upto - treated.at_starts(rate, measure.first - 1)
