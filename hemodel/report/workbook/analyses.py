"""The sheets of the analyses of uncertainty beyond the probabilistic one: each with its sentence, its chart and its table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from hemodel.analyses.global_sensitivity import Sensitivity
from hemodel.analyses.one_way import OneWay
from hemodel.analyses.thresholds import Threshold
from hemodel.analyses.verification import Verification
from hemodel.evidence.inputs import Inputs
from hemodel.evidence.settings import Settings
from hemodel.report import labels, readings, tables
from hemodel.report.colours import COMPARATOR_COLOUR, intervention_colour, tint
from hemodel.report.workbook.native import Block, axes, insert
from hemodel.report.workbook.pages import WIDTH, Book, Page, money_format, number_formats

MOST_BARS = 15
_UNCERTAINTY = "NICE company submission, section 3.11"
_SUBGROUPS = "NICE company submission, section 3.12"
_INFORMATION = "Value of information: not a part of a company submission"
_BUDGET = "NICE budget impact submission"
_VALIDATION = "NICE company submission, section 3.14"
_CHART_ROWS = 25
_GREY, _LINE = "#425563", 2.25
_DOWNWARDS = {"reverse": True, "major_gridlines": {"visible": False}}  # bars from the top down


@dataclass(frozen=True)
class Analyses:
    """Analyses that a workbook shows on sheets of their own, all optional.

    `price_arrangement` and `threshold`: what all but `one_way`, `evpi`, `price` and `budget` were run for; default as everywhere
    the last price arrangement and the upper threshold. Frames are as the analyses return them: `price` and `evpi` one for each
    price arrangement. `budget` and `comparison`: the tables of `run_budget` and `run_comparison`.
    """

    price_arrangement: str | None = None
    threshold: float | None = None
    convergence: pd.DataFrame | None = None
    one_way: OneWay | None = None
    two_way: pd.DataFrame | None = None
    drivers: pd.DataFrame | None = None
    thresholds: Sequence[Threshold] = ()
    price: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    sensitivity: Sensitivity | None = None
    comparison: pd.DataFrame | None = None
    evpi: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    evppi: pd.DataFrame | None = None
    evsi: pd.DataFrame | None = None
    budget: pd.DataFrame | None = None
    verification: Verification | None = None

    @property
    def asked(self) -> dict[str, Any]:
        """Price arrangement and threshold as the readings take them."""
        return {"price_arrangement": self.price_arrangement, "threshold": self.threshold}


def sensitivity_sheets(book: Book, inputs: Inputs, analyses: Analyses) -> None:
    """Convergence of the probabilistic analysis; one parameter, two and all of them; thresholds and the price of the pack."""
    if analyses.convergence is not None:
        _convergence(book, inputs, analyses, analyses.convergence)
    if analyses.one_way is not None:
        _one_way(book, analyses.one_way)
    if analyses.two_way is not None:
        _two_way(book, inputs, analyses, analyses.two_way)
    if analyses.drivers is not None:
        page = book.page("Decision drivers", (52, 16, *[WIDTH] * 5))
        page.title("What would change the decision", _UNCERTAINTY)
        page.line(readings.decision_drivers(analyses.drivers, inputs, **analyses.asked), "wide")
        _long(page, tables.drivers_table(analyses.drivers), tables.DRIVERS_FOOTER)
    if analyses.thresholds:
        frame = tables.threshold_table(analyses.thresholds, inputs)
        page = book.page("Thresholds", (40, 14, *[12] * (len(frame.columns) - 3), 72))
        page.title("At which value the ICER meets the threshold", _UNCERTAINTY)
        page.table(frame, footer=tables.THRESHOLD_FOOTER)
    if analyses.price:
        _price(book, inputs, analyses.price)
    if analyses.sensitivity is not None:
        frame = tables.global_table(analyses.sensitivity, inputs)
        page = book.page("Global sensitivity", (60, *[18] * (len(frame.columns) - 1)))
        page.title(f"All parameters together: {labels.METHODS[analyses.sensitivity.method]}", _UNCERTAINTY)
        page.line(readings.global_sensitivity(analyses.sensitivity, inputs), "wide")
        _long(page, frame, tables.GLOBAL_FOOTER)


def information_sheets(book: Book, inputs: Inputs, analyses: Analyses) -> None:
    """Scenarios in all populations; what it would be worth to know more; the budget."""
    if analyses.comparison is not None:
        frame = tables.comparison_table(analyses.comparison, inputs.settings)
        page = book.page("Populations", (38, 46, *[14] * (len(frame.columns) - 2)))
        page.title("Every scenario in every population", _SUBGROUPS)
        page.line(readings.comparison(analyses.comparison, inputs.settings), "wide")
        _long(page, frame, tables.COMPARISON_FOOTER, columns=2)
    if analyses.evpi:
        _evpi(book, inputs, analyses.evpi)
    if analyses.evppi is not None:
        _evppi(book, inputs, analyses, analyses.evppi)
    if analyses.evsi is not None:
        _evsi(book, inputs, analyses, analyses.evsi)
    if analyses.budget is not None:
        _budget(book, inputs, analyses.budget)
    if analyses.verification is not None:
        frame = tables.verification_table(analyses.verification)
        page = book.page("Verification", (8, 16, 46, 40, 46, 18, 14, 40))
        page.title("Checks of the model on these inputs", _VALIDATION)
        counts = ", ".join(f"{n} {verdict}" for verdict, n in analyses.verification.counts.items())
        page.line(f"Checks: {counts}.", "wide")
        _long(page, frame, tables.VERIFICATION_FOOTER)


# --- sheets ----------------------------------------------------------------------------------------------------------------


def _convergence(book: Book, inputs: Inputs, analyses: Analyses, table: pd.DataFrame) -> None:
    page = book.page("Convergence", (14, *[18] * 7))
    page.title("Are there enough draws?", _UNCERTAINTY)
    sentence = readings.convergence(table, inputs, **analyses.asked)
    at, lines = (
        _chart_above(page, sentence),
        _long(page, tables.convergence_table(table, inputs.settings), tables.CONVERGENCE_FOOTER),
    )
    chart = book.workbook.add_chart({"type": "scatter", "subtype": "straight"})
    colour = intervention_colour(inputs.settings)
    for column, line in ((1, {"color": colour, "width": _LINE}), (3, _thin("dash")), (4, _thin("dash"))):
        _add_line(chart, lines, 0, column, line)
    axes(
        chart,
        "Running mean of the incremental net monetary benefit",
        {"name": "Draws", "num_format": number_formats(inputs.settings)["count"], "min": 0, "max": int(table["draws"].iloc[-1])},
        _money("Mean, and 95% interval of the mean", inputs.settings),
    )
    insert(page, chart, 0, sentence, row=at, size=(980, 460))


def _one_way(book: Book, one_way: OneWay) -> None:
    page = book.page("One-way", (52, 16, *[WIDTH] * 2, *[18] * 3))
    page.title("One parameter at a time", _UNCERTAINTY)
    sentence = readings.tornado(one_way)
    at, rows = _chart_above(page, sentence), _long(page, tables.tornado_table(one_way), tables.TORNADO_FOOTER)
    if one_way.excluded:
        names = [labels.in_sentence(one_way.inputs.parameters[name].label) for name in one_way.excluded]
        page.line(f"Left out, because these shares of one whole cannot move alone: {', '.join(names)}.")
    chart = book.workbook.add_chart({"type": "bar"})
    colour = intervention_colour(one_way.inputs.settings)
    for column, fill in ((4, tint(colour, 0.55)), (5, colour)):
        chart.add_series(
            {
                "name": rows.heading(column),
                "categories": rows.values(0, MOST_BARS),
                "values": rows.values(column, MOST_BARS),
                "fill": {"color": fill},
                "overlap": 100,
                "gap": 40,
            }
        )
    base = one_way.base[readings.NET_BENEFIT]
    start = labels.money(base, one_way.inputs.settings)
    title = f"The {min(MOST_BARS, len(one_way.table))} parameters that move it most, from the base case {start}"
    axes(
        chart, title, _below(_money("Incremental net monetary benefit", one_way.inputs.settings) | {"crossing": base}), _DOWNWARDS
    )
    insert(page, chart, 0, sentence, row=at, size=(1060, 520))


def _two_way(book: Book, inputs: Inputs, analyses: Analyses, table: pd.DataFrame) -> None:
    frame = tables.two_way_table(table, inputs, whole=True)
    page = book.page("Two-way", (26, *[11] * (len(frame.columns) - 1)))
    page.title("Two parameters at a time", _UNCERTAINTY)
    page.line(readings.two_way(table, inputs, **analyses.asked), "wide")
    page.row += 1
    second = inputs.parameters[str(table.columns[1])]
    page.line(f"{second.label}, {labels.in_words(second.unit)}", "header middle", first=1)
    first, last = page.table(frame, footer=tables.two_way_footer(table, inputs, whole=True))
    most = float(table[readings.NET_BENEFIT].abs().max()) or 1.0
    scale = {
        "type": "3_color_scale",
        **{f"{end}_type": "num" for end in ("min", "mid", "max")},
        **{"min_value": -most, "mid_value": 0, "max_value": most},
        "min_color": tint(COMPARATOR_COLOUR, 0.3),
        "mid_color": "#FFFFFF",
        "max_color": tint(intervention_colour(inputs.settings), 0.4),
    }
    page.sheet.conditional_format(first, 1, last, len(frame.columns) - 1, scale)


def _price(book: Book, inputs: Inputs, price: Mapping[str, pd.DataFrame]) -> None:
    page = book.page("Price and probability", (30, *[22] * 4))
    page.title("Price of the pack and probability of being cost-effective", _UNCERTAINTY)
    for number, (arrangement, table) in enumerate(price.items()):
        if number:
            page.new_printed_page()
        title = labels.arrangement_label(inputs.settings, arrangement) if arrangement != "list" else "Without a scheme"
        page.line(title, "heading")
        page.line(readings.price_and_probability(table, inputs, price_arrangement=arrangement), "wide")
        page.table(tables.price_table(table, inputs.settings), footer=tables.PRICE_FOOTER)


def _evpi(book: Book, inputs: Inputs, curves: Mapping[str, pd.DataFrame]) -> None:
    page = book.page("EVPI", (24, *[22] * (2 * len(curves))))
    page.title("Expected value of perfect information", _INFORMATION)
    sentence = readings.evpi_curve(curves, inputs.settings)
    frame = tables.evpi_curve_table(curves, inputs.settings)
    at, lines = _chart_above(page, sentence), _long(page, frame, tables.EVPI_CURVE_FOOTER)
    chart = book.workbook.add_chart({"type": "scatter", "subtype": "straight"})
    colour = intervention_colour(inputs.settings)
    for place in range(len(curves)):
        dash = ("solid", "dash", "round_dot")[place % 3]
        _add_line(chart, lines, 0, 1 + 2 * place, {"color": colour, "width": _LINE, "dash_type": dash})
    across = {"name": f"Threshold ({inputs.settings.sign}/QALY)", "num_format": money_format(inputs.settings), "min": 0}
    axes(
        chart,
        "EVPI by threshold",
        across | {"max": float(frame.iloc[:, 0].max())},
        _money("EVPI per person", inputs.settings) | {"min": 0},
    )
    insert(page, chart, 0, sentence, row=at, size=(800, 460))


def _evppi(book: Book, inputs: Inputs, analyses: Analyses, table: pd.DataFrame) -> None:
    evpi = _evpi_asked(inputs, analyses)
    page = book.page("EVPPI", (60, *[20] * 4))
    page.title("What it would be worth to know a parameter", _INFORMATION)
    sentence = readings.evppi(table, inputs, evpi=evpi, **analyses.asked)
    frame = tables.evppi_table(table, inputs, evpi)
    at, rows = _chart_above(page, sentence), _long(page, frame, tables.EVPPI_FOOTER)
    chart = book.workbook.add_chart({"type": "bar"})
    shown = max(1, min(MOST_BARS, int((table["evppi"] >= readings.LEAST_WORTH).sum())))
    found = frame[f"Standard error ({inputs.settings.sign})"].head(shown).to_list()
    errors = {"type": "custom", "plus_values": found, "minus_values": found}
    chart.add_series(
        {
            "name": rows.heading(1),
            "categories": rows.values(0, shown),
            "values": rows.values(1, shown),
            "fill": {"color": tint(intervention_colour(inputs.settings), 0.35)},
            "gap": 40,
            "y_error_bars": errors | {"line": {"color": "#1F1F1F"}},
        }
    )
    title = "EVPPI, the highest first; lines: one standard error either side"
    axes(chart, title, _below(_money("EVPPI per person", inputs.settings) | {"min": 0}), _DOWNWARDS)
    chart.set_legend({"none": True})
    insert(page, chart, 0, sentence, row=at, size=(980, 500))


def _evpi_asked(inputs: Inputs, analyses: Analyses) -> float | None:
    """EVPI under the price arrangement and threshold of the EVPPI, if its curve is there and reaches the threshold."""
    arrangement = analyses.price_arrangement or inputs.settings.price_arrangements[-1]
    threshold = inputs.settings.threshold_values[-1] if analyses.threshold is None else analyses.threshold
    found = readings.evpi_at(analyses.evpi[arrangement], threshold) if arrangement in analyses.evpi else float("nan")
    return found if found == found else None


def _evsi(book: Book, inputs: Inputs, analyses: Analyses, table: pd.DataFrame) -> None:
    page = book.page("EVSI", (22, *[22] * 6))
    page.title("What a study would be worth", _INFORMATION)
    sentence = readings.evsi(table, inputs, **analyses.asked)
    at, lines = _chart_above(page, sentence), _long(page, tables.evsi_table(table, inputs.settings), tables.EVSI_FOOTER)
    chart = book.workbook.add_chart({"type": "scatter", "subtype": "straight_with_markers"})
    colour = intervention_colour(inputs.settings)
    for column, shade, dash in ((4, tint(colour, 0.45), "dash"), (5, _GREY, "round_dot"), (6, colour, "solid")):
        _add_line(chart, lines, 0, column, {"color": shade, "width": _LINE, "dash_type": dash}, marker=shade)
    across = {"name": "People in each group of the study", "num_format": number_formats(inputs.settings)["count"], "min": 0}
    axes(
        chart,
        "Value, cost and what is left, by size",
        across | {"max": int(table["n"].max())},
        _money("Whole population", inputs.settings),
    )
    insert(page, chart, 0, sentence, row=at, size=(980, 460))


def _budget(book: Book, inputs: Inputs, table: pd.DataFrame) -> None:
    page = book.page("Budget impact", (24, 18, *[18] * 6))
    page.title("Budget impact", _BUDGET)
    sentence = readings.budget(table, inputs.settings)
    at = _chart_above(page, sentence)
    frame = tables.budget_table(table, inputs.settings)
    rows = _long(page, frame, tables.BUDGET_FOOTER, columns=2)
    chart = book.workbook.add_chart({"type": "column"})
    colour, place = intervention_colour(inputs.settings), frame.columns.get_loc(f"Budget impact ({inputs.settings.sign})")
    for number, (_, found) in enumerate(table.groupby("price_arrangement", sort=False)):
        first = rows.first + number * (len(found) + 1)
        last = first + len(found) - 1
        chart.add_series(
            {
                "name": [page.name, first, 0],
                "categories": [page.name, first, 1, last, 1],
                "values": [page.name, first, place, last, place],
                "fill": {"color": tint(colour, min(0.45 * number, 0.8))},
                "gap": 60,
            }
        )
    millions = (
        {"num_format": f'{money_format(inputs.settings).partition(";")[0]},,"m"'}
        if table["budget_impact"].abs().max() >= 5e6
        else {}
    )
    axes(chart, "Budget impact by year", {}, _money("Budget impact", inputs.settings) | millions)
    insert(page, chart, 0, sentence, row=at, size=(980, 460))


# --- parts -----------------------------------------------------------------------------------------------------------------


def _chart_above(page: Page, sentence: str) -> int:
    """Write the sentence and leave room for a chart below it, on a printed page of its own; returns the row of the chart."""
    page.line(sentence, "wide")
    row = page.row + 1
    page.row = row + _CHART_ROWS + 2
    page.new_printed_page()
    return row


def _long(page: Page, frame: pd.DataFrame, footer: str, *, columns: int = 1) -> Block:
    """A table whose header is repeated on every printed page; its columns are known by their places."""
    page.sheet.freeze_panes(0, columns)
    page.sheet.repeat_rows(page.row)
    first, last = page.table(frame, footer=footer)
    return Block(page.name, first, last, {place: place for place in range(len(frame.columns))})


def _add_line(chart: Any, lines: Block, x: int, y: int, line: dict[str, Any], *, marker: str | None = None) -> None:
    dot = {"type": "circle", "size": 5, "fill": {"color": marker}, "border": {"color": marker}} if marker else {"type": "none"}
    chart.add_series(
        {"name": lines.heading(y), "categories": lines.values(x), "values": lines.values(y), "line": line, "marker": dot}
    )


def _thin(dash: str) -> dict[str, Any]:
    return {"color": _GREY, "width": 1, "dash_type": dash}


def _below(axis: dict[str, Any]) -> dict[str, Any]:
    """The axis of the values of bars that run downwards: at the bottom all the same."""
    return axis | {"label_position": "high"}


def _money(what: str, settings: Settings) -> dict[str, Any]:
    """An axis of money, with its unit."""
    return {"name": f"{what} ({settings.sign})", "num_format": money_format(settings)}
