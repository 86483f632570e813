"""What the decision rests on: the plane, the acceptability curves, costs, scenarios and populations, the budget."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import Any

import altair as alt
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hemodel.evidence.settings import Settings
from hemodel.report import labels, readings
from hemodel.report.charts.style import (
    GREY,
    INK,
    Figure,
    finished,
    fixed,
    label_axis,
    money_axis,
    number_axis,
    percent_axis,
    price_dash,
    reach,
    room,
    rows_height,
    strategy_colour,
    sum_axis,
    threshold_dash,
    threshold_marks,
    tooltip,
    wrapped,
)
from hemodel.report.colours import intervention_colour, strategy_colours, tint

Array = NDArray[np.float64]
MOST_POINTS = 2_000
"""Points drawn of a cloud of draws: more make a page slow and the picture no clearer."""


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
    all_extra = np.stack([values[others, ::every] for values in extra.values()])
    box = (reach(gains[others, ::every], zero=True), reach(all_extra, zero=True))
    points = _increments(settings, others, gains[:, ::every], extra[price_arrangement][:, ::every])
    means = _increments(
        settings,
        others,
        gains.mean(axis=1, keepdims=True),
        extra[price_arrangement].mean(axis=1, keepdims=True),
    )
    x = alt.X("qalys:Q", title="Incremental QALYs per person", scale=fixed(*box[0]), axis=number_axis())
    y = alt.Y(
        "costs:Q", title=f"Incremental costs per person ({settings.currency})", scale=fixed(*box[1]), axis=money_axis(settings)
    )
    colour = strategy_colour(settings, others, legend=len(others) > 1)
    cloud = alt.Chart(points).mark_circle(size=14, opacity=0.3).encode(x=x, y=y, color=colour)
    layers = [*_zero_lines(), cloud, _threshold_lines(settings, box), *_mean_marks(means, x, y)]
    shown = f"{len(points) // max(len(others), 1):,} of {qalys.shape[1]:,} draws"
    name = labels.arrangement_short(settings, price_arrangement)
    sentence = " ".join(_plane_sentence(settings, i, extra[price_arrangement][i], gains[i], price_arrangement) for i in others)
    alt_text = f"Cost-effectiveness plane, {name}: scatter of {shown} with threshold lines. {sentence}"
    chart = finished(alt.layer(*layers), f"Cost-effectiveness plane: {name}", 440, alt_text)
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
            x=alt.X(
                "threshold:Q",
                title=f"Threshold ({settings.currency} per QALY)",
                scale=fixed(0, highest),
                axis=money_axis(settings, tickCount=5),
            ),
            y=alt.Y("probability:Q", title="Probability of being cost-effective", scale=fixed(0, 1), axis=percent_axis()),
            color=strategy_colour(settings, range(len(settings.strategies)), lines=True),
            strokeDash=price_dash(names),
            tooltip=tooltip("strategy", "arrangement", ("threshold", ",.0f"), ("probability", ".1%")),
        )
    )
    sentence = _acceptability_sentence(curves, settings)
    alt_text = f"Cost-effectiveness acceptability curves from {settings.currency} 0 to {highest:,.0f} per QALY. {sentence}"
    chart = finished(alt.layer(*threshold_marks(settings), lines), "Cost-effectiveness acceptability curves", 460, alt_text)
    return Figure(chart, sentence, alt_text)


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
            title=f"Costs per person ({settings.currency}, discounted)",
            axis=money_axis(settings, tickCount=5),
            scale=fixed(0, room(table["costs"])),
        ),
        y=alt.Y("component:N", title=None, sort=order, axis=label_axis(), scale=alt.Scale(paddingInner=0.25)),
        yOffset=alt.YOffset("series:N", sort=series),
    )
    bar = base.mark_bar().encode(
        color=alt.Color(
            "series:N", title=None, sort=series, scale=alt.Scale(domain=series, range=list(bars["colours"].values()))
        ),
        tooltip=tooltip("component", "series", ("costs", ",.0f")),
    )
    text = base.mark_text(align="left", dx=4, fontSize=12, color=INK).encode(text="text:N")
    sentence = _costs_sentence(costs, settings)
    alt_text = f"Bars of the costs per person by component. {sentence}"
    height = len(order) * (len(series) * 17 + 8) + 160
    return Figure(finished(alt.layer(bar, text), "Costs by component", height, alt_text), sentence, alt_text)


def scenario_icers(table: pd.DataFrame, settings: Settings) -> Figure:
    """ICER of every scenario as a dot per price arrangement, against the thresholds; words where a dot would mislead.

    `table`: columns label, price_arrangement, icer, reading; one row per scenario and arrangement, the base case first.
    Only an ICER in GBP per QALY *gained* can be held against the thresholds from the left; the rest is said in words.
    """
    frame = _dot_rows(table, settings)
    order = _dot_order(frame)
    sentence = _scenarios_sentence(table, settings)
    alt_text = f"Dot plot of the ICER of {frame['scenario'].nunique()} scenarios against the thresholds. {sentence}"
    chart = finished(
        _dots(frame, settings, order), _of("ICER by scenario", table, settings), rows_height(order, gap=10, legend=2), alt_text
    )
    return Figure(chart, sentence, alt_text)


def comparison(table: pd.DataFrame, settings: Settings) -> Figure:
    """ICERs of every population and scenario as dots, a heading for each population; words where a dot would mislead.

    `table`: as `scenario_icers` takes it, with the column population_label; the scenarios of a population in their order,
    its base case first. The axis is logarithmic: the ICERs of populations may be many times one another.
    """
    frame = _dot_rows(table, settings)
    frame["population"] = table["population_label"].to_numpy()
    frame["scenario"] = frame["population"] + "\t" + frame["scenario"]
    order: list[str] = []
    for population, rows in frame.groupby("population", sort=False):
        order += [str(population), *_dot_order(rows)]
    sentence = readings.comparison(table, settings)
    alt_text = (
        f"Dot plot of the ICERs of {len(order) - frame['population'].nunique()} scenarios in {frame['population'].nunique()} "
        f"populations against the thresholds. {sentence}"
    )
    weight = {"condition": {"test": "indexof(datum.label, '\\t') < 0", "value": "bold"}, "value": "normal"}
    chart = _dots(frame, settings, order, logarithmic=True, labelFontWeight=weight)
    return Figure(
        finished(chart, _of("ICER by population and scenario", table, settings), rows_height(order, gap=6, legend=2), alt_text),
        sentence,
        alt_text,
    )


def budget(table: pd.DataFrame, settings: Settings) -> Figure:
    """Budget impact by year, a bar for each price arrangement: what the NHS pays more (or less, below zero) in that year.

    `table`: columns year, price_arrangement, treated and, in GBP, budget_impact.
    """
    arrangements = table["price_arrangement"].unique().tolist()
    names = [labels.arrangement_short(settings, name) for name in arrangements]
    frame = table.assign(
        arrangement=table["price_arrangement"].map(dict(zip(arrangements, names, strict=True))),
        year=[f"Year {year:g}" for year in table["year"]],
        text=[labels.millions(value, settings) for value in table["budget_impact"]],
    )
    intervention = intervention_colour(settings)
    shades = [tint(intervention, min(0.45 * place, 0.8)) for place in range(len(names))]
    low, high = reach(frame["budget_impact"], margin=0.12, zero=True)
    base = alt.Chart(frame).encode(
        x=alt.X(
            "budget_impact:Q",
            title=f"Budget impact ({settings.currency} a year, undiscounted)",
            scale=fixed(low, high + 0.06 * (high - low)),
            axis=sum_axis(high, settings, tickCount=6),
        ),
        y=alt.Y(
            "year:N", title=None, sort=frame["year"].unique().tolist(), axis=label_axis(), scale=alt.Scale(paddingInner=0.25)
        ),
        yOffset=alt.YOffset("arrangement:N", sort=names),
    )
    bars = base.mark_bar().encode(
        color=alt.Color("arrangement:N", title=None, sort=names, scale=alt.Scale(domain=names, range=shades)),
        tooltip=tooltip("year", "arrangement", ("budget_impact", ",.0f"), ("treated", ",.0f")),
    )
    text = base.mark_text(align="left", dx=4, fontSize=12, color=INK).encode(text="text:N")
    sentence = readings.budget(table, settings)
    alt_text = f"Bars of the budget impact by year and price. {sentence}"
    height = frame["year"].nunique() * (len(names) * 22 + 10) + 130 + 22 * len(names)
    return Figure(
        finished(alt.layer(bars, text, *_zero_lines()[:1]), "Budget impact by year", height, alt_text), sentence, alt_text
    )


# --- readings ---


def _plane_sentence(settings: Settings, i: int, extra: Array, gains: Array, arrangement: str) -> str:
    name, comparator = settings.strategies[i].label, labels.strategy_label(settings, settings.comparator)
    dearer = labels.percent(float(np.mean((gains > 0) & (extra > 0))))
    below = labels.listed(
        [
            f"{labels.percent(float(np.mean(threshold * gains > extra)))} at {labels.money(threshold, settings)}"
            for threshold in settings.threshold_values
        ]
    )
    return (
        f"In {dearer} of the draws {labels.in_sentence(name)} {labels.priced(settings, arrangement)} gives more QALYs than "
        f"{labels.in_sentence(comparator)} and costs more. It is worth its cost in the draws below a line: {below} per QALY."
    )


def _acceptability_sentence(curves: Mapping[str, pd.DataFrame], settings: Settings) -> str:
    return " ".join(_acceptability_of(name, curves, settings) for name in settings.interventions)


def _acceptability_of(name: str, curves: Mapping[str, pd.DataFrame], settings: Settings) -> str:
    parts = []
    for arrangement, frame in curves.items():
        at = [float(np.interp(t, frame.index.to_numpy(dtype=np.float64), frame[name])) for t in settings.threshold_values]
        chances = [
            f"{labels.percent(x)} at {labels.money(t, settings)}" for x, t in zip(at, settings.threshold_values, strict=True)
        ]
        shares = f"{labels.listed(chances)} per QALY"
        parts.append(f"{shares} {labels.priced(settings, arrangement)}")
    return f"The probability that {labels.in_sentence(labels.strategy_label(settings, name))} is cost-effective is {'; '.join(parts)}."


def _costs_sentence(costs: Mapping[str, pd.DataFrame], settings: Settings) -> str:
    parts = []
    for name, (arrangement, frame) in product(settings.interventions, costs.items()):
        largest = frame.iloc[int(frame[name].to_numpy().argmax())]
        share = float(largest[name]) / float(frame[name].sum())
        parts.append(
            f"{str(largest['label']).lower()} is {labels.percent(share)} of the costs of "
            f"{labels.in_sentence(labels.strategy_label(settings, name))} {labels.priced(settings, arrangement)}"
        )
    text = "; ".join(parts)
    return f"{text[0].upper()}{text[1:]}."


def _scenarios_sentence(table: pd.DataFrame, settings: Settings) -> str:
    parts = []
    for arrangement, rows in table.groupby("price_arrangement", sort=False):
        if words := readings.icer_range(rows, settings):
            parts.append(f"{labels.priced(settings, str(arrangement))} {words}")
    return f"The ICER runs {'; '.join(parts)}." if parts else "No scenario has an ICER that can be drawn."


# --- parts of charts ---


def _dot_rows(table: pd.DataFrame, settings: Settings) -> pd.DataFrame:
    """Rows scenario, arrangement, icer, reading; the strategy stands behind the scenario where there are several."""
    names = table["label"].to_list()
    if "strategy" in table and len(set(table["strategy"])) > 1:
        labelled = [labels.strategy_label(settings, name) for name in table["strategy"]]
        names = [f"{name}: {label}" for name, label in zip(names, labelled, strict=True)]
    return pd.DataFrame(
        {
            "scenario": [wrapped(name, 64) for name in names],
            "arrangement": [labels.arrangement_short(settings, name) for name in table["price_arrangement"]],
            "icer": table["icer"].to_numpy(dtype=np.float64),
            "reading": table["reading"].to_numpy(),
            "can_be_drawn": readings.is_price_of_a_qaly(table),
        }
    )


def _of(title: str, table: pd.DataFrame, settings: Settings) -> str:
    """The title of a chart, with the strategy where there are several and the table holds one of them."""
    found = set(table["strategy"]) if "strategy" in table else set()
    is_one_of_several = len(found) == 1 and len(settings.strategies) > 2
    return f"{title}: {labels.in_sentence(labels.strategy_label(settings, str(*found)))}" if is_one_of_several else title


def _dot_order(frame: pd.DataFrame) -> list[str]:
    """The base case, then by increasing ICER, then what has none."""
    first = frame["scenario"].iloc[0]
    by_size = frame[frame["can_be_drawn"]].groupby("scenario")["icer"].max().sort_values().index
    return list(dict.fromkeys([first, *by_size, *frame["scenario"]]))


def _dots(frame: pd.DataFrame, settings: Settings, order: list[str], *, logarithmic: bool = False, **axis: Any) -> Any:
    """A row for each scenario, with a dot for each price arrangement, joined; words where there is no dot."""
    names = frame["arrangement"].unique().tolist()
    drawn = frame[frame["can_be_drawn"]]
    top = max([*drawn["icer"], settings.threshold_values[-1]]) * 1.05
    title, scale, ticks = f"ICER ({settings.currency} per QALY gained)", fixed(0, top), money_axis(settings, tickCount=6)
    if logarithmic:
        low = 0.8 * min([*drawn["icer"], settings.threshold_values[0]])
        scale = alt.Scale(type="log", domain=[low, top], nice=False)
        title, ticks = f"{title}, logarithmic axis", money_axis(settings, values=_tens(low, top))
    y = alt.Y("scenario:N", title=None, sort=order, axis=label_axis(grid=True, **axis), scale=alt.Scale(domain=order))
    x = alt.X("icer:Q", title=title, scale=scale, axis=ticks)
    intervention = intervention_colour(settings)
    span = drawn.groupby("scenario")["icer"].agg(["min", "max"]).reset_index().rename(columns={"min": "low", "max": "high"})
    links = (
        alt.Chart(span)
        .mark_rule(color=intervention, opacity=0.5, strokeWidth=2)
        .encode(y=y, x=alt.X("low:Q", scale=scale), x2="high:Q")
    )
    fills = ["white", *(tint(intervention, 0.4 * place) for place in range(len(names)))]
    dots = (
        alt.Chart(drawn)
        .mark_point(size=110, filled=True, stroke=intervention, strokeWidth=2, opacity=1)
        .encode(
            x=x,
            y=y,
            fill=alt.Fill(
                "arrangement:N",
                title=None,
                scale=alt.Scale(domain=names, range=fills[: len(names)] if len(names) > 1 else fills[1:2]),
            ),
            shape=alt.Shape(
                "arrangement:N",
                title=None,
                scale=alt.Scale(domain=names, range=[("circle", "diamond", "square")[i % 3] for i in range(len(names))]),
            ),
            tooltip=tooltip("scenario", "arrangement", ("icer", ",.0f"), "reading"),
        )
    )
    missing = frame[~frame["can_be_drawn"]]
    words = missing.groupby("scenario", sort=False)[["arrangement", "reading"]].agg(list).reset_index()
    words["reading"] = [
        _in_words(a, r, len(names), settings) for a, r in zip(words.pop("arrangement"), words["reading"], strict=True)
    ]
    text = alt.Chart(words).mark_text(align="left", dx=4, fontSize=13, color=INK).encode(y=y, x=alt.value(0), text="reading:N")
    return alt.layer(*threshold_marks(settings), links, dots, *([text] if len(words) else []))


def _tens(low: float, high: float) -> list[float]:
    """1, 2 and 5 times the powers of ten from `low` to `high`."""
    powers = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
    return [m * 10.0**p for p in powers for m in (1, 2, 5) if low <= m * 10.0**p <= high]


def _in_words(arrangements: list[str], found: list[str], n_arrangements: int, settings: Settings) -> str:
    """What stands in the row of ICERs that are not drawn, said once where it holds for every price."""
    short = [labels.with_sign(reading, settings) for reading in found]
    if len(set(short)) == 1 and len(short) == n_arrangements:
        return short[0]
    return "; ".join(f"{arrangement}: {words}" for arrangement, words in zip(arrangements, short, strict=True))


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
        .encode(x=x, y=y, color=alt.value(INK), tooltip=tooltip("strategy", ("qalys", ",.3f"), ("costs", ",.0f")))
    )
    word = alt.Chart(means.assign(text="Mean")).encode(x=x, y=y, text="text:N")
    style = {"align": "right", "dx": -10, "fontSize": 13, "fontWeight": "bold", "color": INK}
    return [mark, word.mark_text(**style, stroke="white", strokeWidth=4), word.mark_text(**style)]


def _zero_lines() -> list[Any]:
    zero = pd.DataFrame({"zero": [0.0]})
    style = {"color": GREY, "strokeWidth": 1}
    return [
        alt.Chart(zero).mark_rule(**style).encode(x="zero:Q"),
        alt.Chart(zero).mark_rule(**style).encode(y="zero:Q"),
    ]


def _threshold_lines(settings: Settings, box: tuple[tuple[float, float], tuple[float, float]]) -> Any:
    """Lines through the origin with the slope of each threshold, from edge to edge of the box."""
    (left, right), (bottom, top) = box
    rows = []
    for threshold in settings.threshold_values:
        ends = (max(left, bottom / threshold), min(right, top / threshold))
        rows += [(f"{labels.money(threshold, settings)} per QALY", x, threshold * x) for x in ends]
    table = pd.DataFrame(rows, columns=["threshold", "qalys", "costs"])
    names = table["threshold"].unique().tolist()
    dash = threshold_dash(names)
    return alt.Chart(table).mark_line(color=INK, strokeWidth=1.8).encode(x="qalys:Q", y="costs:Q", strokeDash=dash)


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
            name = strategy.label + (
                f", {labels.in_sentence(labels.arrangement_short(settings, arrangement))}" if differs else ""
            )
            series[name] = tint(colours[strategy.name], min(0.45 * place, 0.75))
            values = frame[strategy.name].to_numpy(dtype=np.float64)
            frames.append(
                pd.DataFrame(
                    {
                        "component": list(frame["label"]),
                        "series": name,
                        "costs": values,
                        "text": [labels.money(v, settings) if v else "" for v in values],
                    }
                )
            )
    return {"table": pd.concat(frames, ignore_index=True), "colours": series}
