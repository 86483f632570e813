"""Costs and QALYs by component: the columns of a Trace that multiply amounts and measures, what they add up to, and all of a cycle."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hemodel.cohort.model.plan import Row
from hemodel.cohort.sums import PART_OF_CYCLE
from hemodel.report import labels
from hemodel.report.live.amounts import refund_key, refund_time, row_key, schemes_in_use
from hemodel.report.live.cells import Column
from hemodel.report.live.cycles import FACTORS, arrangement_key
from hemodel.report.live.derived import Derived
from hemodel.report.live.engine import Engine
from hemodel.report.live.measures import Measures, Quantity

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Part:
    """One column of a component: all of it that is discounted in the same way. `arrangement` "": under all of them."""

    outcome: str
    component: str
    arrangement: str
    when: str  # start, middle or end of the cycle, or the key of a refund
    column: Column

    def belongs(self, outcome: str, component: str, arrangement: str) -> bool:
        """Whether it is of a component under a price arrangement."""
        return (self.outcome, self.component) == (outcome, component) and self.arrangement in ("", arrangement)


@dataclass(frozen=True)
class Term:
    """A row in a column: the cell of its amount, what that comes to, and the measure."""

    cell: str
    amount: float
    quantity: Quantity


def component_parts(engine: Engine, strategy: int, derived: Derived, measures: Measures) -> list[Part]:
    """The columns of every component of costs and QALYs that a strategy has."""
    found: list[Part] = []
    for outcome in ("cost", "qaly"):
        rows = [(place, row) for place, row in enumerate(engine.plan.rows) if row.payoff.outcome == outcome]
        for component in dict.fromkeys(row.payoff.component for _, row in rows):
            own = [(place, row) for place, row in rows if row.payoff.component == component and row.takes[strategy]]
            arrangements = engine.inputs.settings.price_arrangements if any(_is_priced(row) for _, row in own) else [""]
            for arrangement in arrangements:
                terms = [
                    Term(f"{{{row_key(place)}}}", derived.values[row_key(place)][strategy], quantity)
                    for place, row in own
                    if not _is_free_of(engine, row, arrangement)
                    for quantity in measures.of(row.payoff, arrangement)
                ]
                found += _parts(engine, outcome, component, arrangement, terms)
    return found


def _is_priced(row: Row) -> bool:
    return row.payoff.measure.kind == "charged pack" or row.payoff.owner.kind == "scheme"


def _is_free_of(engine: Engine, row: Row, arrangement: str) -> bool:
    """Whether a row is of running a scheme that the arrangement does not have."""
    return row.payoff.owner.kind == "scheme" and engine.plan.scheme(arrangement, row.payoff.drug).is_list_price


def _parts(engine: Engine, outcome: str, component: str, arrangement: str, terms: Sequence[Term]) -> list[Part]:
    """The terms of a component, a column for each way of discounting."""
    found = []
    for when in dict.fromkeys(term.quantity.when for term in terms):
        own = [term for term in terms if term.quantity.when == when]
        ending = {"start": "", "middle": "_M", "end": "_E"}.get(
            when, f"_R_{when.removeprefix('refund_')}"
        )  # in capitals, which no component has in its name
        which = f"_{arrangement_key(engine, arrangement)}" if arrangement else ""
        key = f"{'c' if outcome == 'cost' else 'q'}_{component}{which}{ending}"
        column = _column(
            key, _heading(engine, outcome, component, arrangement, when), own, "pence" if outcome == "cost" else "six"
        )
        found.append(Part(outcome, component, arrangement, when, column))
    return found


def _heading(engine: Engine, outcome: str, component: str, arrangement: str, when: str) -> str:
    inputs = engine.inputs
    known = inputs.component_labels if outcome == "cost" else inputs.qaly_labels
    words = [known[component] if outcome == "cost" else f"QALYs, {labels.in_sentence(known[component])}"]
    if arrangement:
        words.append(labels.arrangement_short(inputs.settings, arrangement))
    if when not in PART_OF_CYCLE:
        words.append("refunded")
    return f"{', '.join(words)} ({inputs.settings.currency})" if outcome == "cost" else ", ".join(words)


def _column(key: str, heading: str, terms: Sequence[Term], style: str) -> Column:
    """The sum of the terms; what happens once stands in the first row alone."""
    once = [term for term in terms if term.quantity.is_once]
    always = [term for term in terms if not term.quantity.is_once]
    values = sum((term.amount * term.quantity.values for term in terms), np.zeros_like(terms[0].quantity.values))
    formula = _sum(always)
    if not once:
        return Column(key, heading, formula, values, style)
    first = "+".join([part for part in (_sum(always), *(term.cell for term in once)) if part])
    if not formula:
        return Column(key, heading, "", [float(values[0])], style, first=first)
    return Column(key, heading, formula, values, style, first=first)


def _sum(terms: Sequence[Term]) -> str:
    """Amounts times measures, those of the same measure in brackets."""
    texts = []
    for measure in dict.fromkeys(term.quantity.formula for term in terms):
        own = [term for term in terms if term.quantity.formula == measure]
        amounts = [f"IF({t.quantity.condition},{t.cell},0)" if t.quantity.condition else t.cell for t in own]
        together = amounts[0] if len(amounts) == 1 else f"({'+'.join(amounts)})"
        texts.append(f"{together}*({measure})" if "+" in measure or measure.startswith("-") else f"{together}*{measure}")
    return "+".join(texts)


def factor_of(part: Part) -> str:
    """The discount factors of a part, as the formula of a cycle reads them."""
    known = FACTORS.get((part.outcome, part.when))
    return f"[Time!{known}]" if known else f"{{{part.when}}}"


def weights(engine: Engine, strategy: int, outcome: str, when: str) -> Array:
    """The engine's discount factors of a part, (cycle,)."""
    settings, calendar = engine.inputs.settings, engine.calendar
    rate = settings.discount_rate_costs if outcome == "cost" else settings.discount_rate_effects
    if when in PART_OF_CYCLE:
        return np.asarray(calendar.discounted(rate, calendar.at(when)))
    scheme = next(terms for name, terms in schemes_in_use(settings).items() if refund_key(name) == when)
    time = refund_time(engine, scheme, strategy)
    return np.full(engine.n_cycles, float(calendar.discounted(rate, time)))


def discounted_columns(engine: Engine, strategy: int, parts: Sequence[Part]) -> list[Column]:
    """All costs of a cycle under each price arrangement, discounted, and all QALYs."""
    settings = engine.inputs.settings
    found = []
    for a in settings.price_arrangements:
        own = [p for p in parts if p.outcome == "cost" and p.arrangement in ("", a)]
        heading = f"All costs, discounted, {labels.arrangement_short(settings, a)} ({settings.currency})"
        found.append(_discounted(engine, strategy, f"d_costs_{arrangement_key(engine, a)}", heading, own, "pence"))
    own = [p for p in parts if p.outcome == "qaly"]
    return [*found, _discounted(engine, strategy, "d_qalys", "All QALYs, discounted", own, "six")]


def _discounted(engine: Engine, strategy: int, key: str, heading: str, parts: Sequence[Part], style: str) -> Column:
    values = np.zeros(engine.n_cycles)
    for part in parts:
        padded = np.zeros(engine.n_cycles)
        padded[: len(part.column.values)] = np.asarray(part.column.values, dtype=np.float64)
        values = values + padded * weights(engine, strategy, part.outcome, part.when)
    every, first = _weighted(p for p in parts if p.column.formula), _weighted(parts)
    return Column(key, heading, every or "0", values, style, first=None if first == every else first)


def _weighted(parts: Iterable[Part]) -> str:
    """Parts times their discount factors, those of the same factor in brackets."""
    by_factor: dict[str, list[str]] = {}
    for part in parts:
        by_factor.setdefault(factor_of(part), []).append(f"[{part.column.key}]")
    return "+".join(f"({'+'.join(keys)})*{factor}" for factor, keys in by_factor.items())
