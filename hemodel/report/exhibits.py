"""Exhibits: an analysis as people see it, told once. Title, question, sentence, table, notes and chart of a result.

The values workbook, the Word report, the app, the command line and a notebook go through exhibits and know none of them: a new analysis is
a recipe in `analyses` and a function here. Tables are unrounded, with headings in words; charts are drawn when they are asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd

from hemodel.analyses.global_sensitivity import Sensitivity
from hemodel.analyses.one_way import OneWay
from hemodel.analyses.request import request
from hemodel.analyses.thresholds import Threshold
from hemodel.analyses.verification import Verification
from hemodel.decision.incremental import IcerKind, kind_of_icer
from hemodel.evidence.inputs import Inputs
from hemodel.evidence.settings import Settings
from hemodel.report import labels, readings, tables
from hemodel.report.colours import COMPARATOR_COLOUR, intervention_colour, tint

if TYPE_CHECKING:
    from hemodel.report.charts import Figure

MOST_BARS = 15
UNCERTAINTY = "NICE company submission, section 3.11"
SUBGROUPS = "NICE company submission, section 3.12"
VALIDATION = "NICE company submission, section 3.14"
INFORMATION = "Value of information: not a part of a company submission"
BUDGET = "NICE budget impact submission"
_GREY = "#425563"
_NUMBER, _WIDE = 14.0, 18.0


@dataclass(frozen=True)
class Series:
    """One column of an exhibit's table in a chart of a spreadsheet: its place, colour and line. `rows`: first and number, if not all."""

    column: int
    colour: str
    dash: str = "solid"
    width: float = 2.25
    marked: bool = False
    rows: tuple[int, int] | None = None


@dataclass(frozen=True)
class Axis:
    """An axis of such a chart: its name, what its numbers are, and its ends."""

    name: str = ""
    kind: Literal["money", "millions", "count", "words"] = "words"
    low: float | None = None
    high: float | None = None
    crossing: float | None = None


@dataclass(frozen=True)
class CellChart:
    """How a spreadsheet draws an exhibit from the cells of its table. `labels`: the column of what the points or bars are of.

    `errors`: the column of the half-widths of error bars. `names`: the column with the name of each series, if not the headings.
    """

    kind: Literal["lines", "bars", "columns"]
    title: str
    series: tuple[Series, ...]
    across: Axis
    up: Axis
    labels: int = 0
    names: int | None = None
    errors: int | None = None
    size: tuple[int, int] = (980, 460)


@dataclass(frozen=True)
class Exhibit:
    """An analysis as people see it; `inputs` are those that it was run with.

    `short`: name of its sheet. `table`: unrounded, headings in words. `brief`: places of its rows that are shown where there is little room
    (None: all), and `of_brief` says which they are. `draw`: makes the figures. `cells`: how a spreadsheet draws it. `shade`: the size of
    the largest number of a grid that is shaded. `across`: what the columns of a grid are. `frozen`: columns that stay in view. `widths`:
    of the columns.
    """

    key: str
    short: str
    title: str
    question: str
    section: str
    inputs: Inputs
    sentence: str
    table: pd.DataFrame
    footer: str = ""
    notes: tuple[str, ...] = ()
    draw: Callable[[], Sequence[Figure]] | None = None
    cells: CellChart | None = None
    brief: Sequence[int] | None = None
    of_brief: str = ""
    shade: float | None = None
    across: str = ""
    frozen: int = 1
    widths: tuple[float, ...] = ()

    @property
    def figures(self) -> tuple[Figure, ...]:
        """Its charts, drawn now; none where it has none."""
        return tuple(self.draw()) if self.draw is not None else ()

    @property
    def in_brief(self) -> Exhibit:
        """The same with the rows that matter most, and a footer that says which they are."""
        if self.brief is None or len(self.brief) >= len(self.table):
            return self
        return replace(self, table=self.table.iloc[list(self.brief)], footer=f"{self.of_brief} {self.footer}", brief=None)

    @property
    def rounded(self) -> pd.DataFrame:
        """The table as text, rounded as NICE rounds."""
        return tables.rounded(self.table, self.inputs.settings)

    def _repr_html_(self) -> str:
        words = "".join(f"<p>{escape(text)}</p>" for text in (self.sentence, *self.notes) if text)
        below = f"<p><small>{escape(self.footer)}</small></p>" if self.footer else ""
        return f"<h4>{escape(self.title)}</h4>{words}{self.rounded.to_html(index=False, escape=True)}{below}"


def of_analyses(inputs: Inputs, found: Mapping[str, Any]) -> tuple[Exhibit, ...]:
    """Exhibits of the results of `run_everything`, by the names of its recipes, in the order of a submission.

    >>> from hemodel.analyses.one_way import run_one_way
    >>> from hemodel.evidence.inputs import load_inputs
    >>> inputs = load_inputs("relapsed")
    >>> [exhibit.short for exhibit in of_analyses(inputs, {"one_way": run_one_way(inputs)})]
    ['One-way']
    """
    makers: Mapping[str, Callable[[Any], Exhibit]] = {
        "convergence": lambda result: convergence(result, inputs),
        "one_way": tornado,
        "two_way": lambda result: two_way(result, inputs, whole=True),
        "horizon": lambda result: horizon(result, inputs),
        "drivers": lambda result: drivers(result, inputs),
        "thresholds": lambda result: thresholds(result, inputs),
        "price": lambda result: price(result, inputs),
        "sensitivity": lambda result: global_sensitivity(result, inputs),
        "comparison": lambda result: comparison(result, inputs),
        "evpi": lambda result: evpi(result, inputs),
        "evppi": lambda result: evppi(result, inputs, curves=found.get("evpi")),
        "evsi": lambda result: evsi(result, inputs),
        "budget": lambda result: budget(result, inputs),
        "verification": verification,
    }
    return tuple(make(found[name]) for name, make in makers.items() if name in found)


# --- one and two parameters at a time, and all of them ---------------------------------------------------------------------


def convergence(
    table: pd.DataFrame, inputs: Inputs, *, price_arrangement: str | None = None, threshold: float | None = None
) -> Exhibit:
    """Running results of a probabilistic analysis, as `running_means` returns them."""
    asked: dict[str, Any] = {"price_arrangement": price_arrangement, "threshold": threshold}
    settings = inputs.settings
    lines = (Series(1, intervention_colour(settings)), *(Series(column, _GREY, "dash", 1.0) for column in (3, 4)))
    across = Axis("Draws", "count", 0, float(table["draws"].iloc[-1]))
    return Exhibit(
        "convergence",
        "Convergence",
        "Are there enough draws?",
        "What would the probabilistic analysis have said after fewer draws?",
        UNCERTAINTY,
        inputs,
        readings.convergence(table, inputs, **asked),
        tables.convergence_table(table, settings),
        tables.CONVERGENCE_FOOTER,
        draw=lambda: [_charts().convergence(table, inputs, **asked)],
        cells=CellChart(
            "lines",
            "Running mean of the incremental net monetary benefit",
            lines,
            across,
            Axis("Mean, and 95% interval of the mean", "money"),
        ),
        brief=_every(10, len(table)),
        of_brief="Every tenth row.",
        widths=(_NUMBER, *[_WIDE] * 7),
    )


def tornado(one_way: OneWay, outcome: str = readings.NET_BENEFIT) -> Exhibit:
    """Every uncertain parameter at the ends of its 95 % interval, the one that moves the outcome most first."""
    inputs, settings = one_way.inputs, one_way.inputs.settings
    colour, base = intervention_colour(settings), one_way.base[outcome]
    names = [labels.in_sentence(inputs.parameters[name].label) for name in one_way.excluded]
    title = f"The {min(MOST_BARS, len(one_way.table))} parameters that move it most, from the base case {labels.money(base, settings)}"
    bars = tuple(Series(column, fill, rows=(0, MOST_BARS)) for column, fill in ((4, tint(colour, 0.55)), (5, colour)))
    up = Axis("Incremental net monetary benefit", "money", crossing=base)
    return Exhibit(
        "tornado",
        "One-way",
        "One parameter at a time",
        "What moves the answer most, each parameter alone at the ends of its 95% interval?",
        UNCERTAINTY,
        inputs,
        readings.tornado(one_way, outcome),
        tables.tornado_table(one_way, outcome),
        tables.TORNADO_FOOTER,
        notes=(f"Left out, because these shares of one whole cannot move alone: {', '.join(names)}.",) if names else (),
        draw=lambda: [_charts().tornado(one_way, outcome)],
        cells=CellChart("bars", title, bars, Axis(), up, size=(1060, 520)) if outcome == readings.NET_BENEFIT else None,
        brief=range(MOST_BARS),
        of_brief=f"The {MOST_BARS} that move it most.",
        widths=(52, 16, _NUMBER, _NUMBER, *[_WIDE] * 3),
    )


def two_way(
    table: pd.DataFrame,
    inputs: Inputs,
    *,
    whole: bool = False,
    price_arrangement: str | None = None,
    threshold: float | None = None,
) -> Exhibit:
    """A grid over two parameters, as `run_two_way` returns it. `whole`: every value, also where there are more than a screen holds."""
    asked: dict[str, Any] = {"price_arrangement": price_arrangement, "threshold": threshold}
    frame = tables.two_way_table(table, inputs, whole=whole)
    second = inputs.parameters[str(table.columns[1])]
    return Exhibit(
        "two_way",
        "Two-way",
        "Two parameters at a time",
        "Where does the decision change, if two parameters move?",
        UNCERTAINTY,
        inputs,
        readings.two_way(table, inputs, **asked),
        frame,
        tables.two_way_footer(table, inputs, whole=whole),
        draw=lambda: [_charts().two_way(table, inputs, **asked)],
        shade=float(table[readings.NET_BENEFIT].abs().max()) or 1.0,
        across=f"{second.label}, {labels.in_words(second.unit)}",
        widths=(26, *[11] * (len(frame.columns) - 1)),
    )


def drivers(
    table: pd.DataFrame, inputs: Inputs, *, price_arrangement: str | None = None, threshold: float | None = None
) -> Exhibit:
    """The value at which each parameter, alone, changes the decision, as `decision_drivers` returns it."""
    asked: dict[str, Any] = {"price_arrangement": price_arrangement, "threshold": threshold}
    return Exhibit(
        "drivers",
        "Decision drivers",
        "What would change the decision",
        "Which single input would change the decision, and how many standard errors away is that?",
        UNCERTAINTY,
        inputs,
        readings.decision_drivers(table, inputs, **asked),
        tables.drivers_table(table),
        tables.DRIVERS_FOOTER,
        draw=lambda: [_charts().decision_drivers(table, inputs, **asked)],
        brief=[place for place, away in enumerate(table["standard_errors_away"].abs()) if away <= readings.MOST_ERRORS_AWAY]
        or None,
        of_brief=f"Those that change it within {readings.MOST_ERRORS_AWAY:g} standard errors.",
        widths=(52, 16, *[_NUMBER] * 5),
    )


def horizon(table: pd.DataFrame, inputs: Inputs) -> Exhibit:
    """The ICER by time horizon, as `run_horizons` returns it."""
    settings, strategies = inputs.settings, inputs.settings.interventions
    rows: list[tuple[object, ...]] = []
    said = []
    for strategy in strategies:
        of = table[table["strategy"] == strategy]
        by_price = {a: of[of["price_arrangement"] == a].to_dict("records") for a in settings.price_arrangements}
        for places in zip(*by_price.values(), strict=True):
            health, costs = places[0]["incremental_qalys"], [row["incremental_costs"] for row in places]
            icers = [tables.icer_cell(row, settings) for row in places]
            rows.append((labels.strategy_label(settings, strategy), places[0]["horizon_years"], health, *costs, *icers))
        told = settings.price_arrangements if len(strategies) * len(by_price) <= 2 else settings.price_arrangements[-1:]
        said += [_settled(by_price[a], a, strategy, inputs) for a in told]
    short = [labels.arrangement_short(settings, a) for a in settings.price_arrangements]
    names = [f"Incremental costs ({settings.sign}), {a}" for a in short] + [f"ICER ({settings.sign}/QALY), {a}" for a in short]
    headings = (tables.TECHNOLOGIES, "Horizon (years)", "Incremental QALYs", *names)
    frame = tables.drop_lone_technology(tables.framed(headings, rows), settings)
    colour, first = intervention_colour(settings), 2 + len(short)
    dashes = ("solid", "dash", "round_dot")
    lines = tuple(Series(first + k, colour, dashes[k % 3], marked=True) for k in range(len(short)))
    across = Axis("Horizon (years)", "count", 0, settings.horizon_years)
    up = Axis(f"ICER ({settings.sign}/QALY)", "money", 0)
    return Exhibit(
        "horizon",
        "Time horizon",
        "The answer by time horizon",
        "Is the horizon long enough for all that differs between the strategies to be in it?",
        UNCERTAINTY,
        inputs,
        " ".join(said),
        frame,
        f"{labels.abbreviations('ICER', 'QALYs')} Costs and QALYs are discounted. Against the comparator; a run for each horizon.",
        cells=CellChart("lines", "ICER by time horizon", lines, across, up) if len(strategies) == 1 else None,
        frozen=1 if len(strategies) == 1 else 2,
        widths=(_WIDE if len(strategies) == 1 else 30, *[_WIDE] * (len(frame.columns) - 1)),
    )


def _settled(rows: Sequence[Mapping[Any, Any]], arrangement: str, strategy: str, inputs: Inputs) -> str:
    """From which horizon on the ICER stays within one per cent of that of the whole."""
    settings, last = inputs.settings, rows[-1]
    name = f" of {labels.in_sentence(labels.strategy_label(settings, strategy))}" if len(settings.interventions) > 1 else ""
    whole = labels.with_sign(str(last["reading"]), settings)
    of = f"{name}{readings.against(settings)} {labels.priced(settings, arrangement)}"
    over = f"Over {last['horizon_years']:g} years the ICER{of} is {whole}"
    if kind_of_icer(last["reading"]) is not IcerKind.GAINED:
        return f"{over}."
    near = [abs(float(row["icer"]) / float(last["icer"]) - 1) <= 0.01 for row in rows]  # NaN is not near
    settled = next(rows[k]["horizon_years"] for k in range(len(rows)) if all(near[k:]))
    earlier = "only then" if settled == last["horizon_years"] else f"from {settled:g} years on"
    return f"{over}; it is within 1% of that {earlier}."


def thresholds(found: Sequence[Threshold], inputs: Inputs) -> Exhibit:
    """The prices and other values at which the ICER meets each threshold."""
    frame = tables.threshold_table(found, inputs)
    return Exhibit(
        "thresholds",
        "Thresholds",
        "At which value the ICER meets the threshold",
        "At what price, or after how many charged cycles, is the threshold met?",
        UNCERTAINTY,
        inputs,
        "",
        frame,
        tables.THRESHOLD_FOOTER,
        frozen=0,
        widths=(40, 14, *[12] * (len(frame.columns) - 3), 72),
    )


def price(curves: Mapping[str, pd.DataFrame], inputs: Inputs) -> Exhibit:
    """Probability of being cost-effective by the price of the pack: price arrangement -> what `price_and_probability` returns."""
    settings = inputs.settings
    frames = []
    for arrangement, table in curves.items():
        frame = tables.price_table(table, settings)
        under = "Without a scheme" if arrangement == "list" else labels.arrangement_short(settings, arrangement)
        frame.insert(0, tables.ARRANGEMENT, under)
        frames.append(frame)
    starts = list(accumulate((len(frame) for frame in frames[:-1]), initial=0))
    said = [readings.price_and_probability(table, inputs, price_arrangement=name) for name, table in curves.items()]
    return Exhibit(
        "price",
        "Price and probability",
        "Price of the pack and probability of being cost-effective",
        "How sure would the decision be at another price?",
        UNCERTAINTY,
        inputs,
        " ".join(said),
        pd.concat(frames, ignore_index=True),
        tables.PRICE_FOOTER,
        draw=lambda: [_charts().price_and_probability(table, inputs, price_arrangement=a) for a, table in curves.items()],
        brief=[start + k for frame, start in zip(frames, starts, strict=True) for k in _every(5, len(frame))],
        of_brief="Every fifth price.",
        frozen=2,
        widths=(30, *[22] * 5),
    )


def global_sensitivity(sensitivity: Sensitivity, inputs: Inputs) -> Exhibit:
    """The indices of a global sensitivity analysis."""
    frame = tables.global_table(sensitivity, inputs)
    return Exhibit(
        "sensitivity",
        "Global sensitivity",
        f"All parameters together: {labels.METHODS[sensitivity.method]}",
        "Which inputs drive the spread of the answer when all of them vary together?",
        UNCERTAINTY,
        inputs,
        readings.global_sensitivity(sensitivity, inputs),
        frame,
        tables.GLOBAL_FOOTER,
        draw=lambda: [_charts().global_sensitivity(sensitivity, inputs)],
        brief=range(min(MOST_BARS, len(frame))),
        of_brief=f"The first {MOST_BARS} of {len(frame)}.",
        widths=(60, *[_WIDE] * (len(frame.columns) - 1)),
    )


# --- other populations, information, money, checks -------------------------------------------------------------------------


def comparison(table: pd.DataFrame, inputs: Inputs) -> Exhibit:
    """Every scenario in every population, as `run_comparison` returns it."""
    settings = inputs.settings
    frame = tables.comparison_table(table, settings)

    def draw() -> list[Figure]:
        """One chart for each population and strategy: all in one would be longer than a sheet of paper."""
        parts = table.groupby(["population", "strategy"], sort=False)
        return [_charts().comparison(rows, settings) for _, rows in parts]

    return Exhibit(
        "comparison",
        "Populations",
        "Every scenario in every population",
        "Does the answer hold for other people, and under other assumptions?",
        SUBGROUPS,
        inputs,
        readings.comparison(table, settings),
        frame,
        tables.COMPARISON_FOOTER,
        draw=draw,
        frozen=2,
        widths=(38, 46, *[_NUMBER] * (len(frame.columns) - 2)),
    )


def evpi(curves: Mapping[str, pd.DataFrame], inputs: Inputs) -> Exhibit:
    """EVPI by threshold: price arrangement -> what `evpi_curve` returns."""
    settings = inputs.settings
    frame, colour = tables.evpi_curve_table(curves, settings), intervention_colour(settings)
    dashes = ("solid", "dash", "round_dot")
    lines = tuple(Series(1 + 2 * place, colour, dashes[place % 3]) for place in range(len(curves)))
    across = Axis(f"Threshold ({settings.sign}/QALY)", "money", 0, float(frame.iloc[:, 0].max()))
    return Exhibit(
        "evpi",
        "EVPI",
        "Expected value of perfect information",
        "What would it be worth to know everything?",
        INFORMATION,
        inputs,
        readings.evpi_curve(curves, settings),
        frame,
        tables.EVPI_CURVE_FOOTER,
        draw=lambda: [_charts().evpi_curve(curves, settings)],
        cells=CellChart("lines", "EVPI by threshold", lines, across, Axis("EVPI per person", "money", 0), size=(800, 460)),
        brief=_every(4, len(frame)),
        of_brief="Every fourth threshold.",
        widths=(24, *[22] * (2 * len(curves))),
    )


def evppi(
    table: pd.DataFrame,
    inputs: Inputs,
    *,
    curves: Mapping[str, pd.DataFrame] | None = None,
    price_arrangement: str | None = None,
    threshold: float | None = None,
) -> Exhibit:
    """What it would be worth to know a parameter, as `evppi_table` returns it. `curves`: EVPI by price arrangement, for the share of it."""
    asked: dict[str, Any] = {"price_arrangement": price_arrangement, "threshold": threshold}
    arrangement, _, at = request(inputs, price_arrangement, None, threshold)
    known = readings.evpi_at(curves[arrangement], at) if curves and arrangement in curves else float("nan")
    everything = known if known == known else None
    settings, shown = inputs.settings, max(1, min(MOST_BARS, int((table["evppi"] >= readings.LEAST_WORTH).sum())))
    bars = (Series(1, tint(intervention_colour(settings), 0.35), rows=(0, shown)),)
    title = "EVPPI, the highest first; lines: one standard error either side"
    up = Axis("EVPPI per person", "money", 0)
    return Exhibit(
        "evppi",
        "EVPPI",
        "What it would be worth to know a parameter",
        "Which parameter would it be worth most to know?",
        INFORMATION,
        inputs,
        readings.evppi(table, inputs, evpi=everything, **asked),
        tables.evppi_table(table, inputs, everything),
        tables.EVPPI_FOOTER,
        draw=lambda: [_charts().evppi(table, inputs, evpi=everything, **asked)],
        cells=CellChart("bars", title, bars, Axis(), up, errors=2, size=(980, 500)),
        brief=range(shown),
        of_brief=f"The first, worth {labels.money(readings.LEAST_WORTH, settings)} or more.",
        widths=(60, *[20] * 4),
    )


def evsi(table: pd.DataFrame, inputs: Inputs, *, price_arrangement: str | None = None, threshold: float | None = None) -> Exhibit:
    """What a study would be worth by its size, as `evsi_table` of the analyses returns it."""
    asked: dict[str, Any] = {"price_arrangement": price_arrangement, "threshold": threshold}
    settings, colour = inputs.settings, intervention_colour(inputs.settings)
    shades = ((4, tint(colour, 0.45), "dash"), (5, _GREY, "round_dot"), (6, colour, "solid"))
    lines = tuple(Series(column, shade, dash, marked=True) for column, shade, dash in shades)
    across = Axis("People in each group of the study", "count", 0, float(table["n"].max()))
    up = Axis("Whole population", "money")
    return Exhibit(
        "evsi",
        "EVSI",
        "What a study would be worth",
        "How large should a study be, if one is worth its cost?",
        INFORMATION,
        inputs,
        readings.evsi(table, inputs, **asked),
        tables.evsi_table(table, settings),
        tables.EVSI_FOOTER,
        draw=lambda: [_charts().evsi(table, inputs, **asked)],
        cells=CellChart("lines", "Value, cost and what is left, by size", lines, across, up),
        widths=(22, *[22] * 6),
    )


def budget(table: pd.DataFrame, inputs: Inputs) -> Exhibit:
    """Budget impact by year and price arrangement: the table of `run_budget`."""
    settings = inputs.settings
    frame, colour = tables.budget_table(table, settings), intervention_colour(settings)
    place, columns = list(frame.columns).index(f"Budget impact ({settings.sign})"), []
    for number, (_, rows) in enumerate(table.groupby("price_arrangement", sort=False)):
        first = number * (len(rows) + 1)  # a row of totals follows the years of each arrangement
        columns.append(Series(place, tint(colour, min(0.45 * number, 0.8)), rows=(first, len(rows))))
    kind: Literal["millions", "money"] = "millions" if table["budget_impact"].abs().max() >= 5e6 else "money"
    up = Axis("Budget impact", kind)
    return Exhibit(
        "budget",
        "Budget impact",
        "Budget impact",
        "What would the health service pay in each of the next years, beyond what it pays now?",
        BUDGET,
        inputs,
        readings.budget(table, settings),
        frame,
        tables.BUDGET_FOOTER,
        draw=lambda: [_charts().budget(table, settings)],
        cells=CellChart("columns", "Budget impact by year", tuple(columns), Axis(), up, labels=1, names=0),
        frozen=2,
        widths=(24, _WIDE, *[_WIDE] * 6),
    )


def verification(found: Verification) -> Exhibit:
    """Every check of the model on these inputs."""
    counts = ", ".join(f"{n} {verdict}" for verdict, n in found.counts.items())
    return Exhibit(
        "verification",
        "Verification",
        "Checks of the model on these inputs",
        "Does the model do what it says?",
        VALIDATION,
        found.inputs,
        f"Checks: {counts}.",
        tables.verification_table(found),
        tables.VERIFICATION_FOOTER,
        widths=(8, 16, 46, 40, 46, 18, 14, 40),
    )


def _every(step: int, n: int) -> range:
    """Places of every so many of n rows, the last among them; of a few, of all.

    >>> list(_every(10, 34)), list(_every(10, 3))
    ([3, 13, 23, 33], [0, 1, 2])
    """
    return range((n - 1) % step, n, step) if n > step else range(n)


def shading(settings: Settings) -> tuple[str, str, str]:
    """Colours of a shaded grid: where the comparator has the higher net benefit, where neither has, where the intervention has."""
    return tint(COMPARATOR_COLOUR, 0.3), "#FFFFFF", tint(intervention_colour(settings), 0.4)


def _charts() -> Any:
    """The room of charts, which takes a second to open: only where one is drawn."""
    from hemodel.report import charts

    return charts
