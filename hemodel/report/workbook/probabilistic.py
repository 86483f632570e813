"""The sheets of the probabilistic analysis: its tables and charts, the curves, and the draws they are made of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from hemodel.analyses.base_case import BaseCase
from hemodel.analyses.psa import PSA, highest_of_curves
from hemodel.report import labels, tables
from hemodel.report.colours import strategy_colours
from hemodel.report.workbook.native import Block, axes, block, insert
from hemodel.report.workbook.pages import WIDTH, Book, money_format

MOST_DRAWS = 10_000
MOST_POINTS = 2_000  # in a chart: more hide the lines and one another
_ROWS_PRINTED = 26  # of the draws
_DASHES = ("dash", "solid", "round_dot")  # of the thresholds, the lowest first


def probabilistic_sheets(book: Book, psa: PSA, base: BaseCase) -> None:
    """The sheets PSA (tables and charts), PSA curves and PSA draws (what the charts are drawn from)."""
    settings = psa.inputs.settings
    page = book.page("PSA", (29, 34, *[WIDTH] * 9))
    page.title(
        "Probabilistic sensitivity analysis", f"{psa.n_draws:,} draws, seed {psa.seed}. NICE company submission, section 3.11"
    )
    page.frozen()
    for arrangement in psa.price_arrangements:
        name = labels.arrangement_label(settings, arrangement)
        page.table(tables.psa_table(psa, arrangement, base), f"Probabilistic results. {name}", tables.PSA_FOOTER)
    page.table(tables.evpi_table(psa), "The choice and what perfect information would be worth", tables.EVPI_FOOTER)
    curves, draws = _curves(book, psa), _draws(book, psa)
    page.new_printed_page()
    for arrangement in psa.price_arrangements:
        name, words = labels.arrangement_label(settings, arrangement), _in_words(psa, arrangement)
        page.line(f"Cost-effectiveness plane and acceptability curves. {name}", "heading")
        insert(page, _plane(book, psa, arrangement, draws, curves), 0, f"Cost-effectiveness plane, {name}. {words}")
        insert(page, _acceptability(book, psa, arrangement, curves), 4, f"Acceptability curves, {name}. {words}")
        page.row += 25


def _in_words(psa: PSA, arrangement: str) -> str:
    """What the charts of a price arrangement show, for those who cannot see them."""
    settings, parts = psa.inputs.settings, []
    for row in psa.table.to_dict("records"):
        if row["price_arrangement"] == arrangement and row["strategy"] != settings.comparator:
            chances = [(row[f"probability_cost_effective_{t:.0f}"], t) for t in settings.threshold_values]
            parts.append(
                f"{labels.strategy_label(settings, row['strategy'])} against the comparator: on average "
                f"{labels.money(row['incremental_costs'], settings)} and {labels.qalys(row['incremental_qalys'])} QALYs more; "
                "cost-effective in "
                + " and ".join(
                    f"{labels.percent(chance)} of draws at {labels.money(t, settings)} per QALY" for chance, t in chances
                )
                + "."
            )
    return " ".join(parts)


def _draws(book: Book, psa: PSA) -> Block:
    """Increments of every draw (at most the first 10,000), paired: row i of all columns is draw i."""
    settings = psa.inputs.settings
    n, comparator = min(psa.n_draws, MOST_DRAWS), psa.strategies.index(settings.comparator)
    columns: dict[object, tuple[str, np.ndarray]] = {"draw": ("Draw", np.arange(n))}
    for name in tables.interventions(settings):
        place, label = psa.strategies.index(name), labels.strategy_label(settings, name)
        columns[name] = (f"{label}: incremental QALYs", psa.qalys[place, :n] - psa.qalys[comparator, :n])
        for arrangement, costs in psa.costs.items():
            heading = f"{label}: incremental costs ({settings.sign}), {labels.arrangement_short(settings, arrangement)}"
            columns[name, arrangement] = (heading, costs[place, :n] - costs[comparator, :n])
    page = book.page("PSA draws", (10, *[24] * (len(columns) - 1)))
    shown = (
        f"The first {n:,} of {psa.n_draws:,} draws, seed {psa.seed}; draw i is row i in every column. Prints its first rows only."
    )
    page.title("Increments of each draw", shown)
    page.frozen(below=1)
    page.sheet.print_area(0, 0, page.row + min(n, _ROWS_PRINTED), len(columns) - 1)
    frame = pd.DataFrame({place: values for place, (_, values) in enumerate(columns.values())})
    frame.columns = pd.Index([heading for heading, _ in columns.values()])
    kinds = ["count" if key == "draw" else "money" if isinstance(key, tuple) else "qalys" for key in columns]
    return block(page, frame, list(columns), kinds)


def _curves(book: Book, psa: PSA) -> dict[str, Block]:
    """The acceptability curves, and beside them the mean increments and the lines of the thresholds."""
    settings, thresholds = psa.inputs.settings, psa.inputs.settings.threshold_values
    money = ["money"] * len(thresholds)
    frame = _curve_frame(psa)
    page = book.page("PSA curves", (12, *[17] * (len(frame.columns) + len(psa.costs) + 2 * len(thresholds) + 6)))
    page.title("What the charts are drawn from", "Acceptability: share of draws in which a strategy has the highest net benefit.")
    page.frozen(below=1)
    keys: list[object] = ["threshold", *((a, s) for a in psa.price_arrangements for s in psa.strategies)]
    blocks = {"curve": block(page, frame, keys, ["money", *["share"] * (len(keys) - 1)])}
    means, at = _mean_increments(psa), len(keys) + 1
    kinds = ["plain", "qalys", *["money"] * len(psa.costs)]
    blocks["means"] = block(page, means, ["name", None, *psa.price_arrangements], kinds, at)
    at += len(means.columns) + 1
    steps = psa.qalys - psa.qalys[psa.strategies.index(settings.comparator)]
    ends = np.array([min(float(steps.min()), 0.0), max(float(steps.max()), 0.0)])
    lines = {"Incremental QALYs": ends} | {f"{labels.money(t, settings)}/QALY": t * ends for t in thresholds}
    blocks["lines"] = block(page, pd.DataFrame(lines), [None, *thresholds], ["qalys", *money], at)
    at += len(lines) + 1
    uprights = {"Height": np.array([0.0, 1.0])} | {f"{labels.money(t, settings)}/QALY": np.full(2, t) for t in thresholds}
    blocks["uprights"] = block(page, pd.DataFrame(uprights), [None, *thresholds], ["share", *money], at)
    return blocks


def _curve_frame(psa: PSA) -> pd.DataFrame:
    """Probability of being cost-effective by threshold; a column for each price arrangement and strategy, in that order."""
    settings, parts = psa.inputs.settings, []
    for arrangement in psa.price_arrangements:
        curve, short = psa.acceptability_curve(arrangement), labels.arrangement_short(settings, arrangement)
        curve.columns = pd.Index([f"{labels.strategy_label(settings, name)}, {short}" for name in psa.strategies])
        parts.append(curve)
    return pd.concat(parts, axis=1).rename_axis(f"Threshold ({settings.sign}/QALY)").reset_index()


def _mean_increments(psa: PSA) -> pd.DataFrame:
    """Mean increments over the comparator; a row for each intervention, a column of costs for each price arrangement."""
    settings, comparator = psa.inputs.settings, psa.strategies.index(psa.inputs.settings.comparator)
    names = tables.interventions(settings)
    places = [psa.strategies.index(name) for name in names]
    columns: dict[str, object] = {tables.TECHNOLOGIES: [labels.strategy_label(settings, name) for name in names]}
    columns["Mean incremental QALYs"] = (psa.qalys[places] - psa.qalys[comparator]).mean(axis=1)
    for arrangement, costs in psa.costs.items():
        heading = f"Mean incremental costs ({settings.sign}), {labels.arrangement_short(settings, arrangement)}"
        columns[heading] = (costs[places] - costs[comparator]).mean(axis=1)
    return pd.DataFrame(columns)


def _plane(book: Book, psa: PSA, arrangement: str, draws: Block, blocks: Mapping[str, Block]) -> Any:
    """The cost-effectiveness plane: a point for each draw, the mean of all draws, and a line for each threshold."""
    chart = book.workbook.add_chart({"type": "scatter"})
    names, means = tables.interventions(psa.inputs.settings), blocks["means"]
    for place, strategy in enumerate(names):
        fill = {"color": strategy_colours(psa.inputs.settings)[strategy], "transparency": 65}
        chart.add_series(
            {
                "name": [means.sheet, means.first + place, means.columns["name"]],
                "categories": draws.values(strategy, MOST_POINTS),
                "values": draws.values((strategy, arrangement), MOST_POINTS),
                "marker": {"type": "circle", "size": 3, "fill": fill, "border": {"none": True}},
            }
        )
    chart.add_series(
        {
            "name": "Mean of all draws",
            "categories": means.values(None),
            "values": means.values(arrangement),
            "marker": {"type": "diamond", "size": 10, "fill": {"color": "#FFB81C"}, "border": {"color": "#000000"}},
        }
    )
    for threshold, dash in zip(psa.inputs.settings.threshold_values, _DASHES, strict=False):
        lines = blocks["lines"]
        line = {"color": "#425563", "width": 1.5, "dash_type": dash}
        chart.add_series(
            {
                "name": lines.heading(threshold),
                "categories": lines.values(None),
                "values": lines.values(threshold),
                "marker": {"type": "none"},
                "line": line,
            }
        )
    costs = {"name": f"Incremental costs ({psa.inputs.settings.sign})", "num_format": money_format(psa.inputs.settings)}
    title = "Cost-effectiveness plane" + (f" (first {MOST_POINTS:,} draws)" if psa.n_draws > MOST_POINTS else "")
    axes(chart, title, {"name": "Incremental QALYs", "num_format": "0.0"}, costs)
    return chart


def _acceptability(book: Book, psa: PSA, arrangement: str, blocks: Mapping[str, Block]) -> Any:
    """Acceptability curves on a numeric axis of thresholds, with the thresholds as uprights."""
    chart = book.workbook.add_chart({"type": "scatter", "subtype": "straight"})
    curve, uprights = blocks["curve"], blocks["uprights"]
    for strategy in psa.strategies:
        chart.add_series(
            {
                "name": curve.heading((arrangement, strategy)),
                "categories": curve.values("threshold"),
                "values": curve.values((arrangement, strategy)),
                "line": {"color": strategy_colours(psa.inputs.settings)[strategy], "width": 2.25},
            }
        )
    for threshold, dash in zip(psa.inputs.settings.threshold_values, _DASHES, strict=False):
        chart.add_series(
            {
                "name": uprights.heading(threshold),
                "categories": uprights.values(threshold),
                "values": uprights.values(None),
                "line": {"color": "#8A9BA8", "width": 1, "dash_type": dash},
            }
        )
    across = {
        "name": f"Threshold ({psa.inputs.settings.sign}/QALY)",
        "num_format": money_format(psa.inputs.settings),
        "min": 0,
        "max": highest_of_curves(psa.inputs.settings),
    }
    axes(chart, "Acceptability curves", across, {"name": "Probability cost-effective", "num_format": "0%", "min": 0, "max": 1})
    return chart
