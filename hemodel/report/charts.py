"""Charts, each a function of tables or arrays: picture, reading in a sentence, and text for those who cannot see it.

The only module that knows Altair. A strategy has one colour in every chart, from a palette that stays apart for
colour-blind readers (Okabe and Ito; the first is darker than theirs), and lightness, dash, shape or position carries the
same meaning as far as it can. Money in GBP and health in QALYs are drawn as they are handed over; nothing is rounded.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import altair as alt
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hemodel.evidence.settings import CYCLE_YEARS, Settings
from hemodel.report import labels
from hemodel.survival.curves import median_time

Array = NDArray[np.float64]

INTERVENTION_COLOURS = ("#00436C", "#009E73", "#CC79A7")
COMPARATOR_COLOUR = "#D55E00"
MOST_POINTS = 2_000
"""Points drawn of a cloud of draws: more make a page slow and the picture no clearer."""

_GREY, _LIGHT, _INK = "#6B6B6B", "#E4E4E4", "#1F1F1F"
_FONT = "Source Sans, Source Sans Pro, Helvetica, Arial, sans-serif"
_MONEY_AXIS = "(datum.value < 0 ? '\u2212' : '') + '\u00a3' + format(abs(datum.value), ',.0f')"


@dataclass(frozen=True)
class Figure:
    """A chart with its reading: `sentence` stands under it, `alt` says what it shows to those who cannot see it."""

    chart: Any  # alt.Chart or alt.LayerChart
    sentence: str
    alt: str


def strategy_colours(settings: Settings) -> dict[str, str]:
    """Strategy name -> colour: the comparator has a fixed one, the others take theirs in the order of the settings."""
    others = [name for name in settings.strategy_names if name != settings.comparator]
    colours = {name: INTERVENTION_COLOURS[i % len(INTERVENTION_COLOURS)] for i, name in enumerate(others)}
    return {name: colours.get(name, COMPARATOR_COLOUR) for name in settings.strategy_names}


def priced(settings: Settings, arrangement: str) -> str:
    """A price arrangement as it stands inside a sentence: "at list price", "with the patient access scheme"."""
    if arrangement == "list":
        return "at list price"
    return f"with the {_lower(labels.arrangement_label(settings, arrangement).partition(':')[0])}"


def cost_effectiveness_plane(costs: Mapping[str, Array], qalys: Array, settings: Settings, price_arrangement: str) -> Figure:
    """Increments over the comparator, draw by draw, with a line for each threshold and the mean of all draws.

    `costs`: price arrangement -> GBP, `qalys`: QALYs, each of shape (strategy, draw). All arrangements are handed over
    so that their planes have the same axes. At most `MOST_POINTS` points are drawn, from draws evenly spaced; mean and
    shares are of all draws.
    """
    reference = settings.strategy_names.index(settings.comparator)
    others = [i for i in range(len(qalys)) if i != reference]
    gains = qalys - qalys[reference]
    extra = {name: values - values[reference] for name, values in costs.items()}
    every = -(-qalys.shape[1] * len(others) // MOST_POINTS)
    box = _box(gains[others, ::every], np.stack([values[others, ::every] for values in extra.values()]))
    points = _increments(settings, others, gains[:, ::every], extra[price_arrangement][:, ::every])
    means = _increments(
        settings,
        others,
        gains.mean(axis=1, keepdims=True),
        extra[price_arrangement].mean(axis=1, keepdims=True),
    )
    x = alt.X("qalys:Q", title="Incremental QALYs per person", scale=_fixed(*box[0]), axis=_number_axis())
    y = alt.Y("costs:Q", title="Incremental costs per person (GBP)", scale=_fixed(*box[1]), axis=_money_axis())
    colour = _colour(settings, others, legend=len(others) > 1)
    cloud = alt.Chart(points).mark_circle(size=14, opacity=0.3).encode(x=x, y=y, color=colour)
    layers = [*_zero_lines(), cloud, _threshold_lines(settings, box), *_mean_marks(means, x, y)]
    shown = f"{len(points) // max(len(others), 1):,} of {qalys.shape[1]:,} draws"
    name = labels.arrangement_short(settings, price_arrangement)
    sentence = " ".join(_plane_sentence(settings, i, extra[price_arrangement][i], gains[i], price_arrangement) for i in others)
    alt_text = f"Cost-effectiveness plane, {name}: scatter of {shown} with threshold lines. {sentence}"
    chart = _finished(alt.layer(*layers), f"Cost-effectiveness plane: {name}", 440, alt_text)
    return Figure(chart, f"{sentence} The picture shows {shown}.", alt_text)


def acceptability_curves(curves: Mapping[str, pd.DataFrame], settings: Settings) -> Figure:
    """Probability that each strategy has the highest net benefit, by threshold; a dash for each price arrangement.

    `curves`: price arrangement -> table with the threshold in GBP per QALY as index and a column per strategy.
    """
    frames = [
        frame.rename(columns={name: labels.strategy_label(settings, name) for name in frame.columns})
        .rename_axis("threshold")
        .reset_index()
        .melt("threshold", var_name="strategy", value_name="probability")
        .assign(arrangement=labels.arrangement_short(settings, arrangement))
        for arrangement, frame in curves.items()
    ]
    names = [labels.arrangement_short(settings, arrangement) for arrangement in curves]
    table = pd.concat(frames, ignore_index=True)
    highest = float(table["threshold"].max())
    lines = (
        alt.Chart(table)
        .mark_line(strokeWidth=2.5, clip=True)
        .encode(
            x=alt.X("threshold:Q", title="Threshold (GBP per QALY)", scale=_fixed(0, highest), axis=_money_axis(tickCount=5)),
            y=alt.Y("probability:Q", title="Probability of being cost-effective", scale=_fixed(0, 1), axis=_percent_axis()),
            color=_colour(settings, range(len(settings.strategies))),
            strokeDash=alt.StrokeDash(
                "arrangement:N",
                title="Price",
                scale=alt.Scale(domain=names, range=[[1, 0], [7, 4], [2, 3]][: len(names)]),
                legend=_line_legend(),
            ),
            tooltip=_tooltip("strategy", "arrangement", ("threshold", ",.0f"), ("probability", ".1%")),
        )
    )
    sentence = _acceptability_sentence(curves, settings)
    alt_text = f"Cost-effectiveness acceptability curves from GBP 0 to {highest:,.0f} per QALY. {sentence}"
    chart = _finished(alt.layer(*_threshold_marks(settings), lines), "Cost-effectiveness acceptability curves", 460, alt_text)
    return Figure(chart, sentence, alt_text)


def cohort_trace(trace: Mapping[str, Array], settings: Settings, strategy: str) -> Figure:
    """Where the people of one strategy are through time: stacked shares of the states, each (n_cycles + 1, strategy).

    The axis ends when fewer than 1 in 100 are alive under every strategy, or at the horizon: the same axis for all.
    """
    i = settings.strategy_names.index(strategy)
    colour = strategy_colours(settings)[strategy]
    last = _last_cycle(1.0 - trace["dead"])
    years = np.arange(last + 1) * CYCLE_YEARS
    shades = {"progression_free": colour, "progressed": _tint(colour, 0.55), "dead": _LIGHT}
    table = pd.concat(
        [
            pd.DataFrame(
                {
                    "years": years,
                    "share": trace[state][: last + 1, i],
                    "state": labels.state_label(state),
                    "order": order,
                }
            )
            for order, state in enumerate(shades)
        ],
        ignore_index=True,
    )
    names = [labels.state_label(state) for state in shades]
    areas = (
        alt.Chart(table)
        .mark_area(line={"color": "white", "strokeWidth": 1}, opacity=1, clip=True)
        .encode(
            x=alt.X("years:Q", title="Years since the start of treatment", scale=_fixed(0, float(years[-1]))),
            y=alt.Y("share:Q", title="Share of people", stack="zero", scale=_fixed(0, 1), axis=_percent_axis()),
            color=alt.Color("state:N", title=None, scale=alt.Scale(domain=names, range=list(shades.values()))),
            order="order:O",
            tooltip=_tooltip("state", ("years", ".2f"), ("share", ".1%")),
        )
    )
    name = labels.strategy_label(settings, strategy)
    free, alive = trace["progression_free"][:, i], 1.0 - trace["dead"][:, i]
    sentence = (
        f"On {_lower(name)}, half are still alive and free of progression at {_months(median_time(free, CYCLE_YEARS))} "
        f"and half are still alive at {_months(median_time(alive, CYCLE_YEARS))}."
    )
    alt_text = f"Cohort trace, {name}: stacked areas of the shares progression-free, progressed and dead. {sentence}"
    return Figure(_finished(areas, name, 400, alt_text), sentence, alt_text)


def share_on_treatment(on_treatment: Array, settings: Settings) -> Figure:
    """Share still on treatment at the start of each cycle, (n_cycles + 1, strategy), and where the scheme starts to pay.

    The cycles of a cap are counted from 0: a cap of 26 charges cycles 0 to 25, and cycle 26 is the first free one. The
    axis ends when fewer than 1 in 100 are on treatment under every strategy.
    """
    last = _last_cycle(on_treatment)
    cycles = np.arange(last + 1)
    table = pd.concat(
        [
            pd.DataFrame(
                {
                    "cycle": cycles,
                    "years": cycles * CYCLE_YEARS,
                    "share": on_treatment[: last + 1, i],
                    "strategy": s.label,
                }
            )
            for i, s in enumerate(settings.strategies)
        ],
        ignore_index=True,
    )
    x = alt.X("cycle:Q", title="Treatment cycles completed (28 days each; 13 are one year)", scale=_fixed(0, last))
    y = alt.Y("share:Q", title="Share still on treatment", scale=_fixed(0, 1), axis=_percent_axis())
    colour = _colour(settings, range(len(settings.strategies)))
    lines = (
        alt.Chart(table)
        .mark_line(strokeWidth=2.5)
        .encode(
            x=x,
            y=y,
            color=colour,
            tooltip=_tooltip("strategy", "cycle", ("years", ".2f"), ("share", ".1%")),
        )
    )
    cap = _cap_cycles(settings)
    layers, sentence = [lines], "Lenalidomide is paid for as long as treatment lasts: no scheme caps its cycles."
    if cap is not None:
        treated = [i for i, s in enumerate(settings.strategies) if "lenalidomide" in s.drugs]
        free = table[(table["cycle"] >= cap) & table["strategy"].isin([settings.strategies[i].label for i in treated])]
        mark = pd.DataFrame({"cycle": [cap], "top": [1.0], "text": ["Where the scheme starts to pay"]})
        area = alt.Chart(free).mark_area(opacity=0.25).encode(x=x, y=y, color=colour)
        rule = alt.Chart(mark).mark_rule(color=_INK, strokeDash=[5, 3], strokeWidth=1.5).encode(x=x)
        right = cap < 0.6 * last
        text = (
            alt.Chart(mark)
            .mark_text(align="left" if right else "right", dx=6 if right else -6, baseline="top", fontSize=13, color=_INK)
            .encode(x=x, y=alt.Y("top:Q"), text="text:N")
        )
        layers = [area, lines, rule, text]
        left = " and ".join(
            f"{labels.percent(_at(on_treatment[:, i], cap))} of those who start {_lower(settings.strategies[i].label)}"
            for i in treated
        )
        sentence = (
            f"After {cap} cycles ({cap * CYCLE_YEARS:.1f} years) {left} are still on treatment: "
            "from there on the NHS no longer pays for their lenalidomide."
        )
    alt_text = f"Share still on treatment by cycle of 28 days, a line per strategy. {sentence}"
    return Figure(_finished(alt.layer(*layers), "Share still on treatment", 430, alt_text), sentence, alt_text)


def costs_by_component(costs: Mapping[str, pd.DataFrame], settings: Settings) -> Figure:
    """Discounted costs per person by component: a bar per strategy, and one per price arrangement where that matters.

    `costs`: price arrangement -> table with the columns component and one per strategy, in GBP.
    """
    bars = _bars(costs, settings)
    table = bars["table"]
    order = table.groupby("component")["costs"].max().sort_values(ascending=False).index.to_list()
    series = list(bars["colours"])
    base = alt.Chart(table).encode(
        x=alt.X(
            "costs:Q",
            title="Costs per person (GBP, discounted)",
            axis=_money_axis(tickCount=5),
            scale=_fixed(0, _room(table["costs"])),
        ),
        y=alt.Y("component:N", title=None, sort=order, axis=_label_axis(), scale=alt.Scale(paddingInner=0.25)),
        yOffset=alt.YOffset("series:N", sort=series),
    )
    bar = base.mark_bar().encode(
        color=alt.Color(
            "series:N", title=None, sort=series, scale=alt.Scale(domain=series, range=list(bars["colours"].values()))
        ),
        tooltip=_tooltip("component", "series", ("costs", ",.0f")),
    )
    text = base.mark_text(align="left", dx=4, fontSize=12, color=_INK).encode(text="text:N")
    sentence = _costs_sentence(costs, settings)
    alt_text = f"Bars of the costs per person by component. {sentence}"
    height = len(order) * (len(series) * 17 + 8) + 160
    return Figure(_finished(alt.layer(bar, text), "Costs by component", height, alt_text), sentence, alt_text)


def scenario_icers(table: pd.DataFrame, settings: Settings) -> Figure:
    """ICER of every scenario as a dot per price arrangement, against the thresholds; words where a dot would mislead.

    `table`: columns label, price_arrangement, icer, reading; one row per scenario and arrangement, the base case first.
    Only an ICER in GBP per QALY *gained* can be held against the thresholds from the left; the rest is said in words.
    """
    names = [labels.arrangement_short(settings, arrangement) for arrangement in table["price_arrangement"].unique()]
    frame = pd.DataFrame(
        {
            "scenario": ["\n".join(textwrap.wrap(label, 34)) for label in table["label"]],
            "arrangement": [labels.arrangement_short(settings, arrangement) for arrangement in table["price_arrangement"]],
            "icer": table["icer"].to_numpy(dtype=np.float64),
            "reading": table["reading"].to_numpy(),
        }
    )
    can_be_drawn = np.isfinite(frame["icer"]) & frame["reading"].str.endswith("gained")
    drawn = frame[can_be_drawn]
    first = frame["scenario"].iloc[0]
    by_size = drawn.groupby("scenario")["icer"].max().sort_values().index
    order = [first, *(name for name in by_size if name != first)]
    order += [name for name in frame["scenario"].unique() if name not in order]
    top = max([*drawn["icer"], settings.thresholds_gbp[1]]) * 1.05
    y = alt.Y("scenario:N", title=None, sort=order, axis=_label_axis(grid=True))
    x = alt.X("icer:Q", title="ICER (GBP per QALY gained)", scale=_fixed(0, top), axis=_money_axis(tickCount=6))
    intervention = next(c for n, c in strategy_colours(settings).items() if n != settings.comparator)
    span = drawn.groupby("scenario")["icer"].agg(["min", "max"]).reset_index().rename(columns={"min": "low", "max": "high"})
    links = (
        alt.Chart(span)
        .mark_rule(color=intervention, opacity=0.5, strokeWidth=2)
        .encode(y=y, x=alt.X("low:Q", scale=_fixed(0, top)), x2="high:Q")
    )
    dots = (
        alt.Chart(drawn)
        .mark_point(size=110, filled=True, stroke=intervention, strokeWidth=2, opacity=1)
        .encode(
            x=x,
            y=y,
            fill=alt.Fill(
                "arrangement:N", title=None, scale=alt.Scale(domain=names, range=["white", intervention][-len(names) :])
            ),
            shape=alt.Shape(
                "arrangement:N",
                title=None,
                scale=alt.Scale(domain=names, range=["circle", "diamond", "square"][: len(names)]),
            ),
            tooltip=_tooltip("scenario", "arrangement", ("icer", ",.0f"), "reading"),
        )
    )
    missing = frame[~can_be_drawn].drop_duplicates("scenario")
    words = (
        alt.Chart(missing).mark_text(align="left", dx=4, fontSize=13, color=_INK).encode(y=y, x=alt.value(0), text="reading:N")
    )
    sentence = _scenarios_sentence(table, settings)
    alt_text = f"Dot plot of the ICER of {frame['scenario'].nunique()} scenarios against the thresholds. {sentence}"
    layers = [*_threshold_marks(settings), links, dots, *([words] if len(missing) else [])]
    return Figure(_finished(alt.layer(*layers), "ICER by scenario", 36 * len(order) + 130, alt_text), sentence, alt_text)


# --- readings ---


def _plane_sentence(settings: Settings, i: int, extra: Array, gains: Array, arrangement: str) -> str:
    name, comparator = settings.strategies[i].label, labels.strategy_label(settings, settings.comparator)
    dearer = labels.percent(float(np.mean((gains > 0) & (extra > 0))))
    below = " and ".join(
        f"{labels.percent(float(np.mean(threshold * gains > extra)))} at {labels.gbp(threshold)}"
        for threshold in settings.thresholds_gbp
    )
    return (
        f"In {dearer} of the draws {_lower(name)} {priced(settings, arrangement)} gives more QALYs than "
        f"{_lower(comparator)} and costs more. It is worth its cost in the draws below a line: {below} per QALY."
    )


def _acceptability_sentence(curves: Mapping[str, pd.DataFrame], settings: Settings) -> str:
    name = next(s for s in settings.strategy_names if s != settings.comparator)
    parts = []
    for arrangement, frame in curves.items():
        at = [float(np.interp(t, frame.index.to_numpy(dtype=np.float64), frame[name])) for t in settings.thresholds_gbp]
        low, high = (labels.gbp(t) for t in settings.thresholds_gbp)
        shares = f"{labels.percent(at[0])} at {low} and {labels.percent(at[1])} at {high} per QALY"
        parts.append(f"{shares} {priced(settings, arrangement)}")
    return f"The probability that {_lower(labels.strategy_label(settings, name))} is cost-effective is {'; '.join(parts)}."


def _costs_sentence(costs: Mapping[str, pd.DataFrame], settings: Settings) -> str:
    name = next(s for s in settings.strategy_names if s != settings.comparator)
    parts = []
    for arrangement, frame in costs.items():
        largest = frame.iloc[int(frame[name].to_numpy().argmax())]
        share = float(largest[name]) / float(frame[name].sum())
        parts.append(
            f"{labels.component_label(str(largest['component'])).lower()} is {labels.percent(share)} of the costs of "
            f"{_lower(labels.strategy_label(settings, name))} {priced(settings, arrangement)}"
        )
    text = "; ".join(parts)
    return f"{text[0].upper()}{text[1:]}."


def _scenarios_sentence(table: pd.DataFrame, settings: Settings) -> str:
    parts = []
    for arrangement, rows in table.groupby("price_arrangement", sort=False):
        icers = rows["icer"][rows["reading"].str.endswith("gained")].dropna()
        low, high = settings.thresholds_gbp
        if len(icers):
            parts.append(
                f"{priced(settings, str(arrangement))} from {labels.gbp(float(icers.min()))} to "
                f"{labels.gbp(float(icers.max()))} per QALY, {int((icers <= high).sum())} of {len(icers)} at or below "
                f"{labels.gbp(high)} and {int((icers <= low).sum())} at or below {labels.gbp(low)}"
            )
    return f"The ICER runs {'; '.join(parts)}." if parts else "No scenario has an ICER that can be drawn."


def _months(years: float) -> str:
    return f"{12 * years:.1f} months" if np.isfinite(years) else "no time within the horizon"


def _lower(label: str) -> str:
    """A label as it stands inside a sentence: its first letter small, unless it begins with an abbreviation."""
    return label if label[:2].isupper() else label[:1].lower() + label[1:]


# --- parts of charts ---


def _increments(settings: Settings, places: list[int], gains: Array, extra: Array) -> pd.DataFrame:
    """Rows strategy, qalys, costs of the strategies at `places`, from arrays (strategy, draw); finite ones only."""
    names = [settings.strategies[i].label for i in places]
    x, y = gains[places].ravel(), extra[places].ravel()
    finite = np.isfinite(x) & np.isfinite(y)
    strategies = np.repeat(names, gains.shape[1])
    return pd.DataFrame({"strategy": strategies[finite], "qalys": x[finite], "costs": y[finite]})


def _mean_marks(means: pd.DataFrame, x: Any, y: Any) -> list[Any]:
    """A diamond at each mean with a word beside it that stays legible on a cloud."""
    mark = (
        alt.Chart(means)
        .mark_point(shape="diamond", size=170, filled=True, stroke="white", strokeWidth=1.5, opacity=1)
        .encode(x=x, y=y, color=alt.value(_INK), tooltip=_tooltip("strategy", ("qalys", ",.3f"), ("costs", ",.0f")))
    )
    word = alt.Chart(means.assign(text="Mean")).encode(x=x, y=y, text="text:N")
    style = {"align": "right", "dx": -10, "fontSize": 13, "fontWeight": "bold", "color": _INK}
    return [mark, word.mark_text(**style, stroke="white", strokeWidth=4), word.mark_text(**style)]


def _finished(chart: Any, title: str, height: int, description: str) -> Any:
    """The chart with title, size, readable type and room for its labels. Width: the page's; 680 pixels outside one."""
    return (
        chart.properties(
            title=alt.TitleParams(title, anchor="start", fontSize=15, color=_INK, offset=14),
            width=680,
            height=height,
            description=description,
            background="white",
            usermeta={"embedOptions": {"renderer": "svg"}},  # whatever the number of points: text and marks can be read out
            padding={"left": 8, "right": 36, "top": 8, "bottom": 8},
        )
        .configure(font=_FONT)
        .configure_axis(
            labelFontSize=13,
            titleFontSize=13,
            titleFontWeight="normal",
            labelColor=_INK,
            titleColor=_INK,
            gridColor="#EEEEEE",
            domainColor=_GREY,
            tickColor=_GREY,
            titlePadding=10,
        )
        .configure_legend(
            orient="bottom",
            direction="vertical",
            labelFontSize=13,
            titleFontSize=13,
            labelColor=_INK,
            titleColor=_INK,
            labelLimit=0,
            titleLimit=0,
            symbolOpacity=1,
            columns=1,
            offset=12,
        )
        .configure_view(stroke=None)
    )


def _colour(settings: Settings, places: Iterable[int], *, legend: bool = True) -> Any:
    chosen = [settings.strategies[i] for i in places]
    colours = strategy_colours(settings)
    scale = alt.Scale(domain=[s.label for s in chosen], range=[colours[s.name] for s in chosen])
    return alt.Color("strategy:N", title=None, scale=scale, legend=alt.Legend() if legend else None)


def _line_legend() -> Any:
    """A legend of lines that are long enough to show their dashes."""
    return alt.Legend(symbolSize=900, symbolStrokeWidth=2, symbolType="stroke")


def _fixed(low: float, high: float) -> Any:
    return alt.Scale(domain=[low, high], nice=False, zero=False)


def _money_axis(**options: Any) -> Any:
    return alt.Axis(labelExpr=_MONEY_AXIS, labelOverlap="greedy", labelFlush=False, **options)


def _number_axis() -> Any:
    return alt.Axis(tickCount=5, labelOverlap="greedy", labelFlush=False)


def _percent_axis() -> Any:
    return alt.Axis(format=".0%", tickCount=5)


def _label_axis(**options: Any) -> Any:
    """A vertical axis of names that may have two lines and are never cut off."""
    two_lines = {"condition": {"test": "indexof(datum.label, '\\n') >= 0", "value": -8}, "value": 0}
    return alt.Axis(
        labelLimit=0,
        labelOffset=two_lines,
        labelExpr="split(datum.label, '\\n')",
        labelPadding=8,
        ticks=False,
        domain=False,
        **options,
    )


def _tooltip(*fields: str | tuple[str, str]) -> list[Any]:
    result = []
    for field in fields:
        name, form = field if isinstance(field, tuple) else (field, None)
        title = {"qalys": "QALYs", "icer": "ICER"}.get(name, name.capitalize())
        kind = "N" if form is None else "Q"
        result.append(alt.Tooltip(f"{name}:{kind}", title=title, **({"format": form} if form else {})))
    return result


def _at(shares: Array, cycle: int) -> float:
    """Share at the start of a cycle; none beyond the horizon."""
    return float(shares[cycle]) if cycle < len(shares) else 0.0


def _room(values: Any) -> float:
    """End of an axis that leaves room for a number behind its longest bar."""
    finite = values[np.isfinite(values)]
    return 1.16 * float(finite.max()) if len(finite) and finite.max() > 0 else 1.0


def _zero_lines() -> list[Any]:
    zero = pd.DataFrame({"zero": [0.0]})
    style = {"color": _GREY, "strokeWidth": 1}
    return [
        alt.Chart(zero).mark_rule(**style).encode(x="zero:Q"),
        alt.Chart(zero).mark_rule(**style).encode(y="zero:Q"),
    ]


def _threshold_lines(settings: Settings, box: tuple[tuple[float, float], tuple[float, float]]) -> Any:
    """Lines through the origin with the slope of each threshold, from edge to edge of the box."""
    (left, right), (bottom, top) = box
    rows = []
    for threshold in settings.thresholds_gbp:
        ends = (max(left, bottom / threshold), min(right, top / threshold))
        rows += [(f"{labels.gbp(threshold)} per QALY", x, threshold * x) for x in ends]
    table = pd.DataFrame(rows, columns=["threshold", "qalys", "costs"])
    names = table["threshold"].unique().tolist()
    scale = alt.Scale(domain=names, range=[[8, 4], [2, 3]])
    dash = alt.StrokeDash("threshold:N", title="Threshold", scale=scale, legend=_line_legend())
    return alt.Chart(table).mark_line(color=_INK, strokeWidth=1.8).encode(x="qalys:Q", y="costs:Q", strokeDash=dash)


def _threshold_marks(settings: Settings) -> list[Any]:
    """Vertical rules at the thresholds, labelled at the top: the lower to its left, the upper to its right."""
    layers = []
    for threshold, align, shift in zip(settings.thresholds_gbp, ("right", "left"), (-4, 4), strict=True):
        mark = pd.DataFrame({"threshold": [threshold], "text": [labels.gbp(threshold)]})
        base = alt.Chart(mark).encode(x="threshold:Q")
        layers.append(base.mark_rule(color=_GREY, strokeDash=[4, 3], strokeWidth=1.5))
        layers.append(
            base.mark_text(align=align, dx=shift, dy=-5, baseline="bottom", fontSize=12, color=_GREY).encode(
                y=alt.value(0), text="text:N"
            )
        )
    return layers


def _box(x: Array, y: Array) -> tuple[tuple[float, float], tuple[float, float]]:
    """Ranges of both axes that take in all finite points and the origin, with a margin of 4 %."""

    def reach(values: Array) -> tuple[float, float]:
        finite = values[np.isfinite(values)]
        low, high = (min(float(finite.min()), 0.0), max(float(finite.max()), 0.0)) if len(finite) else (0.0, 1.0)
        margin = 0.04 * (high - low) or 1.0
        return (low - margin if low < 0 else low), high + margin

    return reach(x), reach(y)


def _last_cycle(shares: Array) -> int:
    """First cycle from which every strategy's share, (n_cycles + 1, strategy), stays below 1 in 100; else the last."""
    above = np.flatnonzero((shares >= 0.01).any(axis=1))
    return int(min(above[-1] + 1, len(shares) - 1)) if len(above) else len(shares) - 1


def _cap_cycles(settings: Settings) -> int | None:
    for name in settings.price_arrangements:
        if name != "list" and settings.schemes[name].drug_cost_cap_cycles is not None:
            return settings.schemes[name].drug_cost_cap_cycles
    return None


def _bars(costs: Mapping[str, pd.DataFrame], settings: Settings) -> dict[str, Any]:
    """Rows component, series, costs and text, and the colour of each series.

    A strategy is split by price arrangement only if that changes any of its costs; the scheme's bars are the paler.
    """
    colours, frames, series = strategy_colours(settings), [], {}
    first = next(iter(costs.values()))
    for strategy in settings.strategies:
        differs = any(not np.array_equal(frame[strategy.name], first[strategy.name]) for frame in costs.values())
        for place, (arrangement, frame) in enumerate(costs.items()):
            if place and not differs:
                continue
            name = strategy.label + (f", {_lower(labels.arrangement_short(settings, arrangement))}" if differs else "")
            series[name] = _tint(colours[strategy.name], 0.45) if place else colours[strategy.name]
            values = frame[strategy.name].to_numpy(dtype=np.float64)
            frames.append(
                pd.DataFrame(
                    {
                        "component": [labels.component_label(c) for c in frame["component"]],
                        "series": name,
                        "costs": values,
                        "text": [labels.gbp(v) if v else "" for v in values],
                    }
                )
            )
    return {"table": pd.concat(frames, ignore_index=True), "colours": series}


def _tint(colour: str, share: float) -> str:
    """`colour` mixed with `share` of white.

    >>> _tint("#000000", 0.5)
    '#808080'
    """
    parts = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return "#" + "".join(f"{round(part + (255 - part) * share):02X}" for part in parts)
