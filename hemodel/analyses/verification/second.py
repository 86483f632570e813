"""The plain model on the inputs and the draws of a check, put together as the engine's results are: (strategy, draw).

Rows are read a second time from the cells of their files. Nothing here is arithmetic of the model: that is all in `plain`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hemodel.analyses.verification import plain
from hemodel.analyses.verification.plain import Lived, Row, Terms
from hemodel.evidence.inputs import Inputs, LifeTable, payoff_tables, payoffs_of

Array = NDArray[np.float64]
STATES = ("progression_free", "progressed")


def rows_of(inputs: Inputs) -> tuple[Row, ...]:
    """Rows of costs and QALYs as they stand in the files; rows that were changed since as they would stand there."""
    if inputs.payoffs == payoffs_of(inputs.folder, []):
        return tuple(plain.payoff_rows(*([cells for _, cells in table.rows] for table in payoff_tables(inputs.folder, []))))
    return tuple(
        plain.row_of(
            row.outcome,
            row.component,
            str(row.owner).replace("*", "any"),
            row.counted,
            str(row.measure),
            row.amount.text,
            row.event,
        )
        for row in inputs.payoffs
    )


def general_survival(table: LifeTable, age: Array, share_male: Array, n_cycles: int, dt: float) -> Array:
    """Share of the general population alive at each cycle boundary, (n_cycles + 1, draw)."""
    tables = table.male.tolist(), table.female.tolist()
    each = [plain.background(*tables, float(a), float(m), n_cycles, dt) for a, m in zip(age, share_male, strict=True)]
    return np.asarray(np.exp(-np.cumsum([np.zeros(len(each)), *np.transpose(each)], axis=0)))


@dataclass(frozen=True)
class Second:
    """Inputs and draws to be counted a second time. `same_lives`: the same with other prices, whose cohorts are these too."""

    inputs: Inputs
    draws: Mapping[str, Array]
    same_lives: Second | None = None

    @cached_property
    def terms(self) -> Terms:
        """The settings as the plain model takes them."""
        return plain.terms(self.inputs.settings.model_dump(), self.inputs.utility_norm.model_dump())

    @cached_property
    def rows(self) -> tuple[Row, ...]:
        """All rows, counted or not."""
        return self.inputs.once(rows_of)

    def counted(self, outcome: str) -> list[Row]:
        """Rows of costs, or of QALYs, that count."""
        return [row for row in self.rows if row.outcome == outcome and plain.is_counted(row, self.terms)]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the strategies."""
        return self.inputs.settings.strategy_names

    @cached_property
    def values(self) -> dict[str, Array]:
        """Parameters, (draw,), durations in years."""
        known = self.inputs.parameters
        return {name: x * plain.per_year(known[name].unit, self.terms) for name, x in self.draws.items() if name in known}

    @cached_property
    def each(self) -> list[dict[str, float]]:
        """The values of one draw after the other."""
        columns = {name: x.tolist() for name, x in self.values.items()}
        return [{name: x[i] for name, x in columns.items()} for i in range(self.n_draws)]

    @property
    def n_draws(self) -> int:
        """Number of draws."""
        return len(self.draws["age_start"])

    @cached_property
    def lives(self) -> list[dict[str, Lived]]:
        """The cohorts of one draw after the other, by strategy."""
        if self.same_lives is not None:
            return self.same_lives.lives
        s, table, found = self.terms, self.inputs.life_table, []
        for p in self.each:
            tables = table.male.tolist(), table.female.tolist()
            floors = plain.background(*tables, p["age_start"], p["p_male"], s["n_cycles"], s["dt"])
            found.append({name: plain.follow(p, s, self.rows, name, floors) for name in self.names})
        return found

    def seen(self) -> dict[str, Array]:
        """Shares of people at each cycle boundary, (n_cycles + 1, strategy, draw), by the names that the engine gives them."""
        s, shares = self.terms, {"progression_free": "free", "progressed": "progressed", "on_treatment": "treated"}
        found = {
            name: np.array([[getattr(lives[who], of) for lives in self.lives] for who in self.names]).transpose(2, 0, 1)
            for name, of in (shares | {"before_rules": "otherwise"}).items()
        }
        found["dead"] = 1 - found["progression_free"] - found["progressed"]
        if s["structure"] == "state_transition" and s["post_progression_clock_cycles"] is not None:
            cycles = range(s["n_cycles"] + 1)
            each = [[[plain.recently(s, lives[who], c) for c in cycles] for lives in self.lives] for who in self.names]
            found["recently_progressed"] = np.array(each).transpose(2, 0, 1)
        return found

    def costs(self, *rates: float) -> list[dict[str, dict[str, Array]]]:
        """Price arrangement -> component -> money per person, (strategy, draw), at each of some discount rates."""
        by = {a: self.summed("cost", a, rates) for a in self.inputs.settings.price_arrangements}
        return [{a: found[k] for a, found in by.items()} for k in range(len(rates))]

    def qalys(self, *rates: float) -> list[dict[str, Array]]:
        """Component -> QALYs per person, (strategy, draw), at each of some discount rates."""
        return self.summed("qaly", self.inputs.settings.price_arrangements[0], rates)

    def summed(self, outcome: str, arrangement: str, rates: Sequence[float]) -> list[dict[str, Array]]:
        """Component -> what its rows come to under a price arrangement, (strategy, draw), at each of some discount rates."""
        rows = self.counted(outcome)
        found = [{row.component: np.zeros((len(self.names), self.n_draws)) for row in rows} for _ in rates]
        for j, (p, lives) in enumerate(zip(self.each, self.lives, strict=True)):
            for i, who in enumerate(self.names):
                parts = plain.value(p, self.terms, rows, who, lives[who], arrangement, rates)
                for into, part in zip(found, parts, strict=True):
                    for component, x in part.items():
                        into[component][i, j] = x
        return found

    def life_years(self, *rates: float) -> list[dict[str, Array]]:
        """State -> years lived per person, (strategy, draw), at each of some discount rates."""
        each = [[plain.life_years(p, self.terms, who, lives[who], rates) for p, lives in zip(self.each, self.lives, strict=True)]
                for who in self.names]  # fmt: skip
        return [{state: np.array([[x[k][state] for x in own] for own in each]) for state in STATES} for k in range(len(rates))]

    def readable(self) -> set[str]:
        """Names of the parameters that some settings read: of rows and drugs for those who have them, and of the disease."""
        rows, drugs = self.rows, self.terms["drugs"]
        later = {row.drug for row in rows if row.whose == "later"}
        texts = [(row.amount, who) for row in rows for who in self.names if plain.is_for(row, self.terms, who)]
        texts += [
            (text, of["name"])
            for of in self.terms["strategies"]
            for drug in {*of["drugs"], *later}
            for text in plain.amounts_of(drugs[drug])
        ]
        own = {(name, f"{name}_{who}") for text, who in texts for name in plain.names_in(text)}
        found = {its if its in self.inputs.parameters else name for name, its in own} | set(plain.OF_EVERYBODY)
        shapes = [f"shape_{name}" for name in ("pfs", "os", "ttp")]
        shapes += [f"{name}_{family}" for name in shapes[:2] for family in plain.SHAPED]
        found |= {*shapes, *(f"{name}_{who}" for name in (*shapes, *plain.OF_EACH_STRATEGY) for who in self.names)}
        return (found - {f"hr_death_{self.terms['comparator']}"}) | {n for n in self.inputs.parameters if n.startswith("fit_")}

    def passed(self, what: str) -> float:
        """Years of its cycle that have passed where purchases, time or events are discounted."""
        return plain.passed(self.terms, what)

    def discount(self, rate: float, years: ArrayLike) -> Array:
        """What one is worth today after so many years, (years,)."""
        return np.array([plain.discounted(self.terms, rate, float(t)) for t in np.ravel(years)])

    # Of the amounts alone, all draws at a time: their arithmetic is that of any numbers

    def norm(self, age: Array) -> Array:
        """Utility of the general population."""
        return np.asarray(plain.norm_at(self.values, self.terms, age))

    def worth(self, row: Row) -> Array:
        """What the amount of a row comes to, at the price of the mix of packs, (strategy, draw); 0 where it is for others."""
        found, values = np.zeros((len(self.names), self.n_draws)), self.values
        if row.outcome == "qaly" and self.inputs.settings.utility_age_adjustment == "general_population":
            norm = self.norm(values["age_start"])
            values = {name: np.minimum(x, norm) if name.startswith("u_") else x for name, x in values.items()}
        for i, who in enumerate(self.names):
            if plain.is_for(row, self.terms, who):
                price = {"price": self.price(row.drug, who)} if plain.has_price(row, self.terms) else {}
                found[i] = plain.worked_out(row.amount, plain.looked_up(values, who, **price))
        return found

    def price(self, drug: str, who: str) -> Array:
        """List price of a pack of the mix of packs, or of a giving from vials, (draw,)."""
        if self.terms["drugs"][drug]["vials"] is None:
            return np.asarray(plain.list_price(self.values, self.terms, who, drug))
        return np.array([plain.list_price(p, self.terms, who, drug) for p in self.each])

    def per_year(self, state: str) -> Array:
        """QALYs of a year in a state, (strategy, draw)."""
        rows = [row for row in self.counted("qaly") if (row.kind, row.state) == ("year in", state)]
        return np.asarray(sum((self.worth(row) for row in rows), np.zeros((len(self.names), self.n_draws))))

    def of_years_in(self, state: str) -> set[str]:
        """Components of QALYs that come from years in a state and from nothing else."""
        rows, own = self.counted("qaly"), ("year in", state)
        return {row.component for row in rows} - {row.component for row in rows if (row.kind, row.state) != own}

    def signs(self, outcome: str) -> dict[str, Array]:
        """Component -> 1 where all of its amounts are 0 or more, -1 where all are 0 or less, 0 where they differ in sign, (draw,)."""
        worth: dict[str, list[Array]] = {}
        for row in self.counted(outcome):
            worth.setdefault(row.component, []).append(self.worth(row))
        least = {name: np.min(rows, axis=(0, 1)) for name, rows in worth.items()}
        most = {name: np.max(rows, axis=(0, 1)) for name, rows in worth.items()}
        return {name: np.where(least[name] >= 0, 1.0, np.where(most[name] <= 0, -1.0, 0.0)) for name in worth}
