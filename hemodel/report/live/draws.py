"""The sheets of the probabilistic analysis: its draws as values, and means, probabilities and acceptability by formula over them."""

from __future__ import annotations

import numpy as np
from xlsxwriter.utility import xl_range_abs

from hemodel.analyses.psa import PSA
from hemodel.decision.acceptability import acceptability_curve
from hemodel.evidence.uploaded import threshold_names
from hemodel.report import labels
from hemodel.report.colours import strategy_colours
from hemodel.report.live.cells import Chart, Line, Sheet
from hemodel.report.workbook.pages import money_format

MOST_DRAWS = 2_000
_ROWS_PRINTED = 26
NAME, DRAWS = "PSA", "PSA_draws"


def draws_sheets(psa: PSA) -> tuple[Sheet, Sheet]:
    """The sheets PSA (live) and PSA_draws (values; at most the first 2,000)."""
    settings, n = psa.inputs.settings, min(psa.n_draws, MOST_DRAWS)
    names = psa.strategies
    keys: list[tuple[str, str]] = [(what, s) for what in (*psa.costs, "qalys") for s in names]
    values = {
        (what, s): (psa.qalys if what == "qalys" else psa.costs[what])[i, :n]
        for what in (*psa.costs, "qalys")
        for i, s in enumerate(names)
    }
    draws = Sheet(DRAWS, (8, *[20] * len(keys)))
    shown = "" if n == psa.n_draws else f"the first {n:,} of "
    draws.title(
        "Draws", f"Totals per person, discounted: {shown}{psa.n_draws:,} draws, seed {psa.seed}. Row i is draw i in every column."
    )
    draws.frozen = (draws.row + 1, 1)
    heads = []
    for what, s in keys:
        unit = "QALYs" if what == "qalys" else f"{labels.in_money('costs', settings)}, {labels.arrangement_short(settings, what)}"
        heads.append(f"{labels.strategy_label(settings, s)}: {unit}")
    draws.header(("Draw", *heads))
    first = draws.row
    spans = {}
    for column, key in enumerate(keys, start=1):
        for row in range(n):
            draws.put(first + row, column, float(values[key][row]), "qalys" if key[0] == "qalys" else "money")
        spans[key] = f"{DRAWS}!{xl_range_abs(first, column, first + n - 1, column)}"
    for row in range(n):
        draws.put(first + row, 0, float(row), "count")
    draws.row = first + n
    draws.printed = (first + min(n, _ROWS_PRINTED) - 1, len(keys))
    return _live(psa, n, spans, values), draws


Spans = dict[tuple[str, str], str]
Drawn = dict[tuple[str, str], np.ndarray]
"""(Price arrangement or qalys, strategy) -> where its draws lie, and their values."""


def _live(psa: PSA, n: int, spans: Spans, values: Drawn) -> Sheet:
    sheet = Sheet(NAME, (46, *[16] * max(8, len(psa.costs) * len(psa.strategies))))
    sheet.title(
        "Probabilistic analysis",
        f"Formulas over the {n:,} draws on the sheet {DRAWS}, which are the engine's and do not follow the inputs.",
    )
    for arrangement in psa.costs:
        _means(psa, arrangement, n, sheet, spans, values)
    chart_row = sheet.row
    sheet.row += 24
    sheet.breaks.append(sheet.row)
    top, last = _acceptability(psa, n, sheet, spans)
    sheet.charts.append(_chart(psa, chart_row, top, last))
    return sheet


def _means(psa: PSA, arrangement: str, n: int, sheet: Sheet, spans: Spans, values: Drawn) -> None:
    """Mean costs and QALYs under one price arrangement, and the chance to be the best at each threshold."""
    settings, names, a = psa.inputs.settings, psa.strategies, arrangement
    reference = settings.comparator
    sheet.line(labels.arrangement_label(settings, a), "heading")
    money = [labels.in_money(what, settings) for what in ("Mean costs", "Incremental costs")]
    ratio_head, thresholds = labels.in_money("ICER of the means", settings, "QALY"), threshold_names(settings)
    heads = (money[0], "Mean QALYs", money[1], "Incremental QALYs", ratio_head)
    sheet.header(("Technologies", *heads, *(f"P(best), {words}" for words in thresholds.values())))
    for i, s in enumerate(names):
        row, costs, qalys = sheet.row, values[a, s], values["qalys", s]
        sheet.put(row, 0, labels.strategy_label(settings, s), "text")
        sheet.calc(row, 1, f"AVERAGE({spans[a, s]})", float(costs.mean()), "money")
        sheet.calc(row, 2, f"AVERAGE({spans['qalys', s]})", float(qalys.mean()), "qalys")
        if s != reference:
            extra_costs = float(costs.mean() - values[a, reference].mean())
            extra_qalys = float(qalys.mean() - values["qalys", reference].mean())
            sheet.calc(row, 3, f"B{row + 1}-AVERAGE({spans[a, reference]})", extra_costs, "money")
            sheet.calc(row, 4, f"C{row + 1}-AVERAGE({spans['qalys', reference]})", extra_qalys, "qalys")
            ratio = extra_costs / extra_qalys if extra_costs > 0 and extra_qalys > 0 else "no price of a QALY gained"
            formula = f'IF(AND(D{row + 1}>0,E{row + 1}>0),D{row + 1}/E{row + 1},"no price of a QALY gained")'
            sheet.calc(row, 5, formula, ratio, "money")
        for k, threshold in enumerate(thresholds):
            chance = _curve(psa, a, n, np.array([settings.threshold_values[k]]))[0, i]
            sheet.calc(row, 6 + k, _probability(threshold, a, s, names, spans, n), float(chance), "share")
        sheet.row += 1
    sheet.row += 1


def _acceptability(psa: PSA, n: int, sheet: Sheet, spans: Spans) -> tuple[int, int]:
    """The acceptability curves as a table; its first and last row of numbers."""
    settings, names = psa.inputs.settings, psa.strategies
    keys = [(a, s) for a in psa.costs for s in names]
    sheet.line("Acceptability: share of draws in which a strategy has the highest net benefit", "heading")
    curves = [f"{labels.strategy_label(settings, s)}, {labels.arrangement_short(settings, a)}" for a, s in keys]
    sheet.header((labels.in_money("Threshold", settings, "QALY"), *curves))
    top = sheet.row
    found = {a: _curve(psa, a, n, psa.curve_thresholds) for a in psa.costs}
    for row, threshold in enumerate(psa.curve_thresholds, start=top):
        sheet.put(row, 0, float(threshold), "money")
        for column, (a, s) in enumerate(keys, start=1):
            formula = _probability(f"$A{row + 1}", a, s, names, spans, n)
            sheet.calc(row, column, formula, float(found[a][row - top, names.index(s)]), "share")
    last = top + len(psa.curve_thresholds) - 1
    sheet.row = last + 2
    return top, last


def _chart(psa: PSA, row: int, top: int, last: int) -> Chart:
    """The chart of the acceptability curves."""
    settings, dashes = psa.inputs.settings, ("solid", "dash", "round_dot")
    colours = strategy_colours(settings)
    keys = [(a, s) for a in psa.costs for s in psa.strategies]
    arrangements = list(psa.costs)
    lines = tuple(
        Line((top - 1, c), (top, 0, last, 0), (top, c, last, c), NAME, colours[s], dashes[arrangements.index(a) % 3])
        for c, (a, s) in enumerate(keys, start=1)
    )
    words = "Acceptability curves: probability that each strategy is cost-effective, by threshold and price arrangement"
    most, formats = (float(psa.curve_thresholds[-1]), 1.0), (money_format(settings), "0%")
    across = labels.in_money("Threshold", settings, "QALY")
    return Chart(row, 0, "Acceptability curves", across, "Probability cost-effective", formats, lines, words, most)


def _curve(psa: PSA, arrangement: str, n: int, thresholds: np.ndarray) -> np.ndarray:
    frame = acceptability_curve(psa.costs[arrangement][:, :n].T, psa.qalys[:, :n].T, thresholds, names=psa.strategies)
    found: np.ndarray = frame.to_numpy(dtype=np.float64)
    return found


def _probability(
    threshold: str, arrangement: str, strategy: str, names: tuple[str, ...], spans: dict[tuple[str, str], str], n: int
) -> str:
    """Share of draws in which a strategy's net benefit is above that of all others."""
    tests = [
        f"({threshold}*({spans['qalys', strategy]}-{spans['qalys', other]})-({spans[arrangement, strategy]}-{spans[arrangement, other]})>0)"
        for other in names
        if other != strategy
    ]
    return f"SUMPRODUCT({'*'.join([*tests, '1'])})/{n}"
