"""The sheets of what comes out: Totals, Incremental, Results in NICE's tables, Disaggregated."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from xlsxwriter.utility import xl_range

from hemodel.cohort.structures import PROGRESSED, PROGRESSION_FREE
from hemodel.evidence.settings import Settings
from hemodel.evidence.uploaded import PRICE_ARRANGEMENT, threshold_names
from hemodel.report import labels, tables
from hemodel.report.live.cells import TOLERANCE, Cell, Sheet, Value
from hemodel.report.live.engine import Engine
from hemodel.report.live.trace import Places, Trace
from hemodel.report.tables.cells import by_strategy, icer_cell

Array = NDArray[np.float64]
_YEARS = {PROGRESSION_FREE: "ly_free", PROGRESSED: "ly_progressed"}


@dataclass(frozen=True)
class Totals:
    """The sheet Totals and where things lie on it: (what, part, strategy) -> (undiscounted, discounted)."""

    sheet: Sheet
    places: dict[tuple[str, str, int], tuple[str, str]]

    def total(self, what: str, strategy: int, *, discounted: bool = True) -> str:
        """Address of a total: costs under a price arrangement, life_years or qalys."""
        return self.places[what, tables.TOTAL, strategy][discounted]


def quoted(text: str) -> str:
    """Text inside a formula."""
    return '"' + text.replace('"', '""') + '"'


def number(value: object) -> Value:
    """A cell of a table as a cell of the workbook: what is missing is empty text, as a formula gives it."""
    if isinstance(value, (int, float, np.integer, np.floating)):
        return "" if math.isnan(value) else float(value)
    return str(value)


Part = tuple[str, str, Sequence[Sequence[str]]]
"""Name of a part of a total, its label, and for each strategy the columns of the Trace that make it up."""


def totals_sheet(engine: Engine, traces: Sequence[Trace], places: Sequence[Places]) -> Totals:
    """Every component of costs, life years and QALYs of each strategy, undiscounted and discounted, from the Traces."""
    inputs, settings, outcomes = engine.inputs, engine.inputs.settings, engine.base.outcomes
    plain = outcomes.undiscounted
    assert plain is not None
    sheet = Sheet("Totals", (46, *[17] * (2 * len(settings.strategies))))
    sheet.title("Totals of each strategy", "Per person; from the rows of totals on the sheets Trace_1, Trace_2, ...")
    totals = Totals(sheet, {})
    for a in settings.price_arrangements:
        costs: list[Part] = [(c, inputs.component_labels[c], [t.keys("cost", c, a) for t in traces]) for c in outcomes.costs[a]]
        title = f"{labels.in_money('Costs', settings)}. {labels.arrangement_label(settings, a)}"
        _block(engine, totals, places, (title, a, "money"), costs, (plain.costs[a], outcomes.costs[a]))
    states: list[Part] = [(s, labels.state_label(s), [[_YEARS[s]] for _ in traces]) for s in outcomes.life_years]
    _block(engine, totals, places, ("Life years", "life_years", "qalys"), states, (plain.life_years, outcomes.life_years))
    parts: list[Part] = [(s, inputs.qaly_labels[s], [t.keys("qaly", s) for t in traces]) for s in outcomes.qalys]
    _block(engine, totals, places, ("QALYs", "qalys", "qalys"), parts, (plain.qalys, outcomes.qalys))
    return totals


def _block(
    engine: Engine,
    totals: Totals,
    traces: Sequence[Places],
    what: tuple[str, str, str],
    parts: Sequence[Part],
    values: tuple[Mapping[str, Array], Mapping[str, Array]],
) -> None:
    """One table of the sheet Totals: its title, what it is of, and style; `values`: undiscounted and discounted."""
    sheet, (title, key, style) = totals.sheet, what
    strategies = engine.inputs.settings.strategies
    sheet.line(title, "heading")
    for i, own in enumerate(strategies):
        sheet.cells.append(_across(sheet, own.label, 1 + 2 * i))
    sheet.row += 1
    sheet.header(("", *["Undiscounted", "Discounted"] * len(strategies)))
    first = sheet.row
    for part, label, columns in parts:
        sheet.put(sheet.row, 0, label, "text")
        for i, places in enumerate(traces):
            where = []
            for side, found in enumerate(values):
                at, value = (sheet.row, 1 + 2 * i + side), float(found[part][i, 0])
                formula = "+".join(places[column][side] for column in columns[i])
                where.append(sheet.calc(*at, formula, value, style) if formula else sheet.put(*at, 0.0, style))
            totals.places[key, part, i] = (where[0], where[1])
        sheet.row += 1
    sheet.put(sheet.row, 0, tables.TOTAL, "text total")
    for i in range(len(strategies)):
        where = []
        for side, found in enumerate(values):
            column = 1 + 2 * i + side
            value = float(sum(found[part][i, 0] for part, _, _ in parts))
            span = xl_range(first, column, sheet.row - 1, column)
            where.append(sheet.calc(sheet.row, column, f"SUM({span})", value, f"{style} total"))
        totals.places[key, tables.TOTAL, i] = (where[0], where[1])
    sheet.row += 2


def _across(sheet: Sheet, text: str, first: int) -> Cell:
    return Cell(sheet.name, sheet.row, first, text, "header middle", last=first + 1)


def shown(engine: Engine, place: Callable[[str], str]) -> str:
    """A formula that follows the switch: the place of each price arrangement."""
    *others, last = engine.inputs.settings.price_arrangements
    formula = place(last)
    for name in reversed(others):
        formula = f"IF({PRICE_ARRANGEMENT}={quoted(name)},{place(name)},{formula})"
    return formula


@dataclass(frozen=True)
class Sorted:
    """The strategies by increasing cost: where each row's things lie on the sheet Incremental."""

    sheet: Sheet
    rows: tuple[int, ...]
    columns: Mapping[str, int]

    def at(self, what: str, place: int) -> str:
        """Address of a quantity of the strategy in this place."""
        return self.sheet.at(self.rows[place], self.columns[what])


@dataclass(frozen=True)
class _Analysis:
    """The engine's fully incremental analysis: what is compared, (strategy,), and the strategies by increasing cost."""

    costs: Array
    years: Array
    qalys: Array
    order: tuple[int, ...]
    statuses: tuple[str, ...]

    @classmethod
    def of(cls, engine: Engine, arrangement: str) -> _Analysis:
        """That under a price arrangement."""
        outcomes, names = engine.base.outcomes, engine.inputs.settings.strategy_names
        assert outcomes.undiscounted is not None
        rows = engine.base.incremental(arrangement).to_dict("records")
        return cls(
            outcomes.total_costs(arrangement)[:, 0],
            outcomes.undiscounted.total_life_years[:, 0],
            outcomes.total_qalys[:, 0],
            tuple(names.index(row["strategy"]) for row in rows),
            tuple(row["status"] for row in rows),
        )

    def amounts(self, strategy: int) -> tuple[float, float, float]:
        """Costs, life years and QALYs of a strategy."""
        return float(self.costs[strategy]), float(self.years[strategy]), float(self.qalys[strategy])


_BY_COST = ("label", "place", "costs", "years", "qalys", "dominated", "extended", "status")
_BEFORE = ("costs_before", "years_before", "qalys_before", "step_costs", "step_years", "step_qalys")
_STYLES = ("money", "qalys", "qalys")  # of costs, life years, QALYs


def incremental_sheet(engine: Engine, totals: Totals, arrangement: str) -> Sorted:
    """The working of the fully incremental analysis: order by cost, dominance and extended dominance, increments."""
    n = len(engine.inputs.settings.strategies)
    sheet, found = Sheet("Incremental", (46, *[14] * 13)), _Analysis.of(engine, arrangement)
    sheet.title(
        "Incremental: the working of the fully incremental analysis",
        "Under the price arrangement of the switch on the sheet Inputs. Dominated: another costs no more and yields no less. "
        "Extendedly dominated: a mixture of two others does.",
    )
    settings, first = engine.inputs.settings, _in_the_order_of_the_settings(engine, totals, sheet, found)
    heads = (
        "By increasing cost",
        "Place in the settings",
        labels.in_money("Costs", settings),
        "Life years",
        "QALYs",
        "Dominated",
        "Extendedly",
        "Status",
    )
    steps = (labels.in_money("Incremental costs", settings), "Incremental LYG", "Incremental QALYs")
    sheet.header((*heads, "Costs before", "Life years before", "QALYs before", *steps))
    top, previous = sheet.row, found.order[0]
    for r, (i, status) in enumerate(zip(found.order, found.statuses, strict=True)):
        _by_cost(sheet, (first, top, n), r, engine.inputs.settings.strategies[i].label, found)
        if r:
            _against_the_one_before(sheet, top + r, r, found.amounts(i), found.amounts(previous), "dominated" not in status)
        if "dominated" not in status:
            previous = i
    sheet.row = top + n + 1
    return Sorted(sheet, tuple(range(top, top + n)), {what: column for column, what in enumerate((*_BY_COST, *_BEFORE))})


def _in_the_order_of_the_settings(engine: Engine, totals: Totals, sheet: Sheet, found: _Analysis) -> int:
    """The strategies with their places by cost; returns the first row."""
    settings, strategies = engine.inputs.settings, engine.inputs.settings.strategies
    sheet.header(("In the order of the settings", labels.in_money("Costs", settings), "Life years", "QALYs", "Place by cost"))
    first = sheet.row
    for i, own in enumerate(strategies):
        row, (costs, years, qalys) = first + i, found.amounts(i)
        sheet.put(row, 0, own.label, "text")
        sheet.calc(row, 1, shown(engine, partial(totals.total, strategy=i)), costs, "money")
        sheet.calc(row, 2, totals.total("life_years", i, discounted=False), years, "qalys")
        sheet.calc(row, 3, totals.total("qalys", i), qalys, "qalys")
        earlier = [_before(first, j, i) for j in range(len(strategies)) if j != i]
        sheet.calc(row, 4, "1+" + "+".join(earlier), float(found.order.index(i) + 1), "count")
    sheet.row = first + len(strategies) + 1
    return first


def _by_cost(sheet: Sheet, where: tuple[int, int, int], r: int, label: str, found: _Analysis) -> None:
    """One strategy by increasing cost, and whether others dominate it. `where`: first row of each table, and number of strategies."""
    first, top, n = where
    row, i, status = top + r, found.order[r], found.statuses[r]
    label_at, *amounts_at, rank_at = (f"${letter}${first + 1}:${letter}${first + n}" for letter in "ABCDE")
    sheet.calc(row, 0, f"INDEX({label_at},B{row + 1})", label, "text")
    sheet.calc(row, 1, f"MATCH({r + 1},{rank_at},0)", float(i + 1), "count")
    for column, (block, value, style) in enumerate(zip(amounts_at, found.amounts(i), _STYLES, strict=True), start=2):
        sheet.calc(row, column, f"INDEX({block},B{row + 1})", value, style)
    if r == 0:
        sheet.put(row, 5, 0.0, "count")
        sheet.put(row, 6, 0.0, "count")
        sheet.calc(row, 7, '"reference"', status, "words")
        return
    sheet.calc(row, 5, f"IF(E{row + 1}<=MAX(E{top + 1}:E{row}),1,0)", float(status == "dominated"), "count")
    sheet.calc(row, 6, _extended(top, r, n), float(status == "extendedly dominated"), "count")
    words = f'IF(F{row + 1}=1,"dominated",IF(G{row + 1}=1,"extendedly dominated","on frontier"))'
    sheet.calc(row, 7, words, status, "words")


def _against_the_one_before(
    sheet: Sheet, row: int, r: int, own: Sequence[float], before: Sequence[float], is_on_frontier: bool
) -> None:
    """Costs, life years and QALYs of the one before on the frontier, and the increments."""
    above = row  # 1-based number of the row above
    for k, (letter, kept) in enumerate((("C", "I"), ("D", "J"), ("E", "K"))):
        formula = f"{letter}{above}" if r == 1 else f'IF(H{above}="on frontier",{letter}{above},{kept}{above})'
        sheet.calc(row, 8 + k, formula, before[k], _STYLES[k])
        formula = f'IF(H{row + 1}="on frontier",{letter}{row + 1}-{kept}{row + 1},"")'
        sheet.calc(row, 11 + k, formula, own[k] - before[k] if is_on_frontier else "", _STYLES[k])


def _before(first: int, j: int, i: int) -> str:
    """1 where strategy j comes before strategy i by cost, then by QALYs, then by order."""
    cj, ci, qj, qi = f"B{first + j + 1}", f"B{first + i + 1}", f"D{first + j + 1}", f"D{first + i + 1}"
    tie = f"OR({qj}>{qi},AND({qj}={qi},{'TRUE' if j < i else 'FALSE'}))"
    return f"IF(OR({cj}<{ci},AND({cj}={ci},{tie})),1,0)"


def _extended(top: int, r: int, n: int) -> str:
    """1 where a mixture of a row above and a row below costs no more and yields no less."""
    tests = []
    for a in range(r):
        for b in range(r + 1, n):
            low, mid, high = (top + k + 1 for k in (a, r, b))
            rises = f"(C{mid}-C{low})*(E{high}-E{mid})>=(C{high}-C{mid})*(E{mid}-E{low})"
            tests.append(f"AND(F{low}=0,F{high}=0,{rises})")
    own = top + r + 1
    return f"IF(AND(F{own}=0,OR({','.join(tests)})),1,0)" if tests else "0*F" + str(own)


def icer_formula(cost: str, other_cost: str, qaly: str, other_qaly: str, settings: Settings) -> str:
    """ICER of one against another where a ratio is the price of a QALY gained; words where a number would mislead, as `icer_cell`."""
    money = f"IF(ABS({cost}-{other_cost})<=1E-12*MAX(ABS({cost}),ABS({other_cost})),0,{cost}-{other_cost})"
    health = f"IF(ABS({qaly}-{other_qaly})<=1E-12*MAX(ABS({qaly}),ABS({other_qaly})),0,{qaly}-{other_qaly})"
    sign = quoted(labels.before_amount(settings))
    saved = f'{sign}&TEXT(({money})/({health}),"#,##0")&" saved per QALY forgone (south-west)"'
    cheaper = f'IF({health}<0,{saved},"dominant")'
    level = f'IF({health}=0,"undefined (no difference in QALYs or costs)",IF({health}>0,"dominant","dominated"))'
    return f'IF({money}>0,IF({health}>0,({money})/({health}),"dominated"),IF({money}=0,{level},{cheaper}))'


def results_sheet(engine: Engine, totals: Totals, ordered: Sorted, arrangement: str) -> tuple[Sheet, list[str]]:
    """Results in NICE's tables under the price arrangement of the switch; and where the ICERs of the impact table lie."""
    settings, base = engine.inputs.settings, engine.base
    names = settings.strategy_names
    reference = names.index(settings.comparator)
    sheet = Sheet("Results", (46, *[16] * max(4 + 2 * len(settings.threshold_values), 8, len(settings.price_arrangements))))
    sheet.title(
        "Results in NICE's tables", "Costs and QALYs discounted, LYG not. The price arrangement is chosen on the sheet Inputs."
    )
    sheet.header(("Price arrangement", "Name", "Shown below"))
    for a in settings.price_arrangements:
        sheet.put(sheet.row, 0, labels.arrangement_label(settings, a), "text")
        sheet.put(sheet.row, 1, a, "words")
        mark = f'IF({PRICE_ARRANGEMENT}={quoted(a)},"shown","")'
        sheet.calc(sheet.row, 2, mark, "shown" if a == arrangement else "", "words")
        sheet.row += 1
    sheet.row += 1
    sheet.line("Base-case results", "heading")
    frame = tables.base_case_table(base, arrangement)
    sheet.header(tables.base_case_columns(engine.inputs.settings))
    for r, found in enumerate(frame.itertuples(index=False, name=None)):
        _base_row(sheet, engine, ordered, r, [number(x) for x in found], (reference, totals))
    sheet.line(tables.BASE_CASE_FOOTER)
    sheet.row += 1
    _benefit(sheet, engine, totals, ordered, arrangement)
    places = _impact(sheet, engine, totals)
    sheet.line(tables.ROUNDING_NOTE)
    return sheet, places


def _base_row(sheet: Sheet, engine: Engine, ordered: Sorted, r: int, values: list[Value], against: tuple[int, Totals]) -> None:
    reference, totals = against
    row = sheet.row
    sheet.calc(row, 0, ordered.at("label", r), values[0], "text")
    for column, what in ((1, "costs"), (2, "years"), (3, "qalys")):
        sheet.calc(row, column, ordered.at(what, r), values[column], "money" if column == 1 else "qalys")
    for column, what in ((4, "step_costs"), (5, "step_years"), (6, "step_qalys")):
        style = "money" if column == 4 else "qalys"
        if r:
            sheet.calc(row, column, ordered.at(what, r), values[column], style)
        else:
            sheet.put(row, column, None, style)
    other = (shown(engine, lambda a: totals.total(a, reference)), totals.total("qalys", reference))
    own = (ordered.at("costs", r), ordered.at("qalys", r))
    ratio = icer_formula(own[0], other[0], own[1], other[1], engine.inputs.settings)
    sheet.calc(row, 7, f'IF({ordered.at("place", r)}={reference + 1},"",{ratio})', values[7], "money")
    if r:
        status, steps = ordered.at("status", r), (ordered.at("step_costs", r), ordered.at("step_qalys", r))
        sheet.calc(row, 8, f'IF({status}="on frontier",{steps[0]}/{steps[1]},{status})', values[8], "money")
    else:
        sheet.put(row, 8, None, "money")
    sheet.row += 1


def _benefit(sheet: Sheet, engine: Engine, totals: Totals, ordered: Sorted, arrangement: str) -> None:
    """Net health benefit at each threshold."""
    settings = engine.inputs.settings
    reference = settings.strategy_names.index(settings.comparator)
    sheet.line("Net health benefit", "heading")
    money = [labels.in_money(what, settings) for what in ("Total costs", "Incremental costs")]
    heads = (money[0], "Total QALYs", money[1], "Incremental QALYs")
    thresholds = threshold_names(settings)
    words = [f"{what} at the {end}" for what in ("NHB", "Incremental NHB") for end in thresholds.values()]
    sheet.header((tables.TECHNOLOGIES, *heads, *words))
    frame = tables.net_health_benefit_table(engine.base, arrangement)
    other = (shown(engine, lambda a: totals.total(a, reference)), totals.total("qalys", reference))
    for r, found in enumerate(frame.itertuples(index=False, name=None)):
        values, row = [number(x) for x in found], sheet.row
        costs, qalys = ordered.at("costs", r), ordered.at("qalys", r)
        is_reference = f"{ordered.at('place', r)}={reference + 1}"
        sheet.calc(row, 0, ordered.at("label", r), values[0], "text")
        sheet.calc(row, 1, costs, values[1], "money")
        sheet.calc(row, 2, qalys, values[2], "qalys")
        sheet.calc(row, 3, f'IF({is_reference},"",{costs}-{other[0]})', values[3], "money")
        sheet.calc(row, 4, f'IF({is_reference},"",{qalys}-{other[1]})', values[4], "qalys")
        for k, threshold in enumerate(thresholds):
            sheet.calc(row, 5 + k, f"{qalys}-{costs}/{threshold}", values[5 + k], "qalys")
            step, at = f"{qalys}-{other[1]}-({costs}-{other[0]})/{threshold}", 5 + len(thresholds) + k
            sheet.calc(row, at, f'IF({is_reference},"",{step})', values[at], "qalys")
        sheet.row += 1
    sheet.put(
        sheet.row, 0, f"{labels.in_money('Threshold', settings, 'QALY')}: {labels.listed(list(thresholds.values()))}", "text"
    )
    for k, threshold in enumerate(thresholds):
        sheet.calc(sheet.row, 5 + k, threshold, settings.threshold_values[k], "money")
    sheet.row += 1
    sheet.line(tables.NET_HEALTH_BENEFIT_FOOTER)
    sheet.row += 1


def _impact(sheet: Sheet, engine: Engine, totals: Totals) -> list[str]:
    """ICER against the comparator under every price arrangement."""
    settings, base = engine.inputs.settings, engine.base
    reference = settings.strategy_names.index(settings.comparator)
    sheet.line(labels.in_money("ICER under each price arrangement", settings, "QALY"), "heading")
    sheet.header((tables.TECHNOLOGIES, *(labels.arrangement_short(settings, a) for a in settings.price_arrangements)))
    places, rows = [], {a: by_strategy(base, a) for a in settings.price_arrangements}
    for i, name in enumerate(settings.strategy_names):
        if i == reference:
            continue
        sheet.put(sheet.row, 0, labels.strategy_label(settings, name), "text")
        for k, a in enumerate(settings.price_arrangements):
            pairs = [(totals.total(what, i), totals.total(what, reference)) for what in (a, "qalys")]
            formula = icer_formula(*pairs[0], *pairs[1], settings)
            places.append(sheet.calc(sheet.row, 1 + k, formula, number(icer_cell(rows[a][name], settings)), "money"))
        sheet.row += 1
    sheet.line(tables.PAS_IMPACT_FOOTER)
    sheet.row += 1
    return places


def disaggregated_sheet(engine: Engine, totals: Totals, arrangement: str) -> Sheet:
    """Costs by category and state, QALYs and life years by state: each intervention beside the comparator."""
    settings = engine.inputs.settings
    reference = settings.strategy_names.index(settings.comparator)
    sheet = Sheet("Disaggregated", (46, *[17] * 5))
    sheet.title("Disaggregated results", f"Under the price arrangement of the switch on the sheet Inputs. {tables.ROUNDING_NOTE}")
    for number_of, strategy in enumerate(tables.interventions(settings)):
        i = settings.strategy_names.index(strategy)
        pair = f"X: {labels.strategy_label(settings, strategy)}. Y: {labels.strategy_label(settings, settings.comparator)}."
        for discounted in (True, False):
            if number_of or not discounted:
                sheet.breaks.append(sheet.row)
            how = "discounted" if discounted else "undiscounted"
            for title, frame, places, style in _tables_of(engine, totals, arrangement, strategy, discounted):
                if title.startswith("QALYs"):
                    sheet.breaks.append(sheet.row)
                sheet.line(f"{title}, {how}. {pair}", "heading")
                _pair_table(sheet, frame, [(place(i), place(reference)) for place in places], style)
    return sheet


Table = tuple[str, pd.DataFrame, Sequence[Callable[[int], str]], str]
"""Title, the engine's numbers, for each row the formula of a strategy, style."""


def _tables_of(engine: Engine, totals: Totals, arrangement: str, strategy: str, discounted: bool) -> list[Table]:
    """The four disaggregated tables of one strategy."""
    base, state_of = engine.base, engine.inputs.component_states
    choice: dict[str, Any] = {"strategy": strategy, "discounted": discounted}
    components = list(base.outcomes.costs[arrangement])
    by_state = {
        state: [c for c in components if state_of[c] == state] for state in dict.fromkeys(state_of[c] for c in components)
    }

    def costs(parts: Sequence[str]) -> Callable[[int], str]:
        return lambda who: shown(engine, lambda a: "+".join(totals.places[a, part, who][discounted] for part in parts))

    def of(what: str, part: str) -> Callable[[int], str]:
        return lambda who: totals.places[what, part, who][discounted]

    by_component = tables.costs_by_component_table(base, arrangement, **choice)
    of_states = tables.costs_by_state_table(base, arrangement, **choice)
    qalys, years = tables.qalys_by_state_table(base, **choice), tables.life_years_by_state_table(base, **choice)
    return [
        ("Costs by category", by_component, [costs([c]) for c in components], "money"),
        ("Costs by health state", of_states, [costs(parts) for parts in by_state.values()], "money"),
        ("QALYs by health state", qalys, [of("qalys", part) for part in base.outcomes.qalys], "qalys"),
        ("Life years by health state", years, [of("life_years", state) for state in base.outcomes.life_years], "qalys"),
    ]


def _pair_table(sheet: Sheet, frame: pd.DataFrame, pairs: Sequence[tuple[str, str]], style: str) -> None:
    """One disaggregated table: X, Y, increment, absolute increment and its share, with totals."""
    sheet.header([str(heading) for heading in frame.columns])
    first, last = sheet.row, sheet.row + len(pairs)
    for place, values in enumerate(frame.itertuples(index=False, name=None)):
        row = sheet.row
        r, is_total = row + 1, place == len(pairs)
        end = " total" if is_total else ""
        sheet.put(row, 0, str(values[0]), f"text{end}")
        if is_total:
            for column in range(1, 5):
                letter = "ABCDE"[column]
                sheet.calc(row, column, f"SUM({letter}{first + 1}:{letter}{last})", number(values[column]), f"{style}{end}")
        else:
            sheet.calc(row, 1, pairs[place][0], number(values[1]), style)
            sheet.calc(row, 2, pairs[place][1], number(values[2]), style)
            slack = TOLERANCE * max(abs(float(values[1])), abs(float(values[2])))
            sheet.calc(row, 3, f"B{r}-C{r}", number(values[3]), style, slack=slack)
            sheet.calc(row, 4, f"ABS(D{r})", number(values[4]), style, slack=slack)
        sheet.calc(row, 5, f'IF(E{last + 1}=0,"",E{r}/E{last + 1})', number(values[5]), f"percent{end}", slack=TOLERANCE)
        sheet.row += 1
    sheet.line(tables.DISAGGREGATED_FOOTER)
    sheet.row += 1
