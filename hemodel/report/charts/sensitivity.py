"""What the answer depends on: one parameter at a time, two at a time, all of them, the price of the pack."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import altair as alt
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hemodel.analyses.global_sensitivity import Sensitivity
from hemodel.analyses.one_way import OneWay
from hemodel.analyses.request import request
from hemodel.analyses.thresholds import pack_price
from hemodel.evidence.inputs import Inputs
from hemodel.evidence.settings import Settings
from hemodel.report import labels, readings
from hemodel.report.charts.style import (
    GREY,
    INK,
    Figure,
    finished,
    fixed,
    label_axis,
    mark_at,
    money_axis,
    money_words,
    number_axis,
    percent_axis,
    reach,
    rows_height,
    strategy_colour,
    threshold_dash,
    tooltip,
    wrapped,
)
from hemodel.report.colours import COMPARATOR_COLOUR, intervention_colour, strategy_colours, tint

Array = NDArray[np.float64]
MOST_ROWS = 15
"""Parameters drawn of a longer list: the rest moves next to nothing, and stands in the table."""
_LOWER, _UPPER = "At the lower end of the parameter's 95% interval", "At the upper end"
_AXES = {
    "incremental_net_monetary_benefit": "Incremental net monetary benefit per person ({money})",
    "incremental_costs": "Incremental costs per person ({money})",
    "incremental_qalys": "Incremental QALYs per person",
    "icer": "ICER ({money} per QALY gained)",
}


def tornado(one_way: OneWay, outcome: str = readings.NET_BENEFIT, *, top: int = MOST_ROWS) -> Figure:
    """Bars from the base case to the outcome at both ends of the 95% interval of each parameter, the widest first.

    The interval stands under the name of the parameter. Where an ICER at an end is undefined, or is not the price of a QALY
    gained, a bar would mislead: the row says it in words.
    """
    inputs, table, start = one_way.inputs, one_way.tornado(outcome, top), one_way.base[outcome]
    can_be_drawn = readings.can_be_compared(table, outcome) & np.isfinite(start)
    table["row"] = [
        f"{wrapped(label, 56)}\n{labels.measured(unit, inputs.settings, low, high)}"
        for label, unit, low, high in table[["label", "unit", "low", "high"]].itertuples(index=False)
    ]
    order, drawn = table["row"].tolist(), table[can_be_drawn]
    ends = [
        pd.DataFrame({"row": drawn["row"], "end": words, "base": start, "outcome": drawn[f"{outcome}_{side}"]})
        for side, words in (("low", _LOWER), ("high", _UPPER))
    ]
    bars = pd.concat(ends, ignore_index=True)
    low, high = reach([*bars["outcome"], *([start] if np.isfinite(start) else [])])
    intervention = intervention_colour(inputs.settings)
    scale = alt.Scale(domain=[_LOWER, _UPPER], range=[tint(intervention, 0.55), intervention])
    y = alt.Y("row:N", title=None, sort=order, axis=label_axis(), scale=alt.Scale(domain=order, paddingInner=0.35))
    is_money = outcome != "incremental_qalys"
    x = alt.X(
        "base:Q",
        title=_AXES[outcome].format(money=inputs.settings.currency),
        scale=fixed(low, high),
        axis=money_axis(inputs.settings, tickCount=5) if is_money else number_axis(),
    )
    bar = (
        alt.Chart(bars)
        .mark_bar()
        .encode(
            x=x,
            x2="outcome:Q",
            y=y,
            color=alt.Color("end:N", title=None, scale=scale),
            tooltip=tooltip("row", "end", ("outcome", ",.0f" if is_money else ",.3f")),
        )
    )
    layers = [bar]
    if np.isfinite(start):
        layers += mark_at(start, f"Base case {readings.amount(start, outcome, inputs.settings)}", align="center", dash=(1, 0))
    if outcome == readings.NET_BENEFIT and low < 0 < high:
        layers += mark_at(0.0, "Decision changes", align="left" if start < 0 else "right")
    missing = table[~can_be_drawn].assign(words=lambda t: _both_ends(t["reading_low"], t["reading_high"], inputs.settings))
    if len(missing):
        layers.append(
            alt.Chart(missing[["row", "words"]])
            .mark_text(align="left", dx=4, fontSize=13, color=INK)
            .encode(y=y, x=alt.value(0), text="words:N")
        )
    sentence = readings.tornado(one_way, outcome)
    title = f"One parameter at a time: {labels.in_sentence(labels.INCREMENTS[outcome])}"
    alt_text = f"Tornado diagram of the {len(table)} parameters that move the outcome most. {sentence}"
    return Figure(finished(alt.layer(*layers), title, rows_height(order, legend=2), alt_text), sentence, alt_text)


def _both_ends(low: pd.Series, high: pd.Series, settings: Settings) -> list[str]:
    words = [[labels.with_sign(str(word), settings) for word in pair] for pair in zip(low, high, strict=True)]
    return [a if a == b else f"Lower end: {a}. Upper end: {b}" for a, b in words]


def two_way(
    table: pd.DataFrame, inputs: Inputs, *, price_arrangement: str | None = None, threshold: float | None = None
) -> Figure:
    """Incremental net monetary benefit over a grid of two parameters, in the colour of the strategy to prefer, darker with more
    at stake; the line is where the decision changes. `table`: as `run_two_way` returns it, its first two columns the values.
    """
    first, second = (str(name) for name in table.columns[:2])
    _, strategy, threshold = request(inputs, price_arrangement, None, threshold)
    x, y = (np.unique(table[name].to_numpy(dtype=np.float64)) for name in (first, second))
    cells = table.rename(columns={first: "first", second: "second", readings.NET_BENEFIT: "benefit"})
    for name, grid in (("first", x), ("second", y)):
        half = np.diff(grid).min() / 2
        cells[f"{name}_low"], cells[f"{name}_high"] = cells[name] - half, cells[name] + half
    most = float(np.nanmax(np.abs(cells["benefit"]))) or 1.0
    colours = strategy_colours(inputs.settings)
    scale = alt.Scale(domain=[-most, 0, most], range=[COMPARATOR_COLOUR, "#FFFFFF", colours[strategy]], interpolate="lab")
    axes = {}
    for name, parameter, grid in (("first", inputs.parameters[first], x), ("second", inputs.parameters[second], y)):
        title = wrapped(f"{parameter.label} ({labels.in_words(parameter.unit)})", 70 if name == "first" else 46).split("\n")
        axes[name] = {
            "title": title,
            "scale": fixed(float(grid[0]), float(grid[-1])),
            "axis": _axis_of(parameter.unit, inputs.settings),
        }
    legend = alt.Legend(
        title=f"Incremental net monetary benefit ({inputs.settings.currency} per person)",
        orient="bottom",
        direction="horizontal",
        gradientLength=300,
        labelExpr=money_words(inputs.settings),
    )
    squares = (
        alt.Chart(cells[["first", "second", "benefit", "first_low", "first_high", "second_low", "second_high"]])
        .mark_rect(clip=True)
        .encode(
            x=alt.X("first_low:Q", **axes["first"]),
            x2="first_high:Q",
            y=alt.Y("second_low:Q", **axes["second"]),
            y2="second_high:Q",
            color=alt.Color("benefit:Q", scale=scale, legend=legend),
            tooltip=tooltip(("first", ",.4g"), ("second", ",.4g"), ("benefit", ",.0f")),
        )
    )
    here = pd.DataFrame(
        {"first": [inputs.parameters[first].value], "second": [inputs.parameters[second].value], "text": ["Base case"]}
    )
    place = alt.Chart(here).encode(x="first:Q", y="second:Q")
    layers = [
        squares,
        alt.Chart(_zero_line(x, y, cells.pivot_table(index="first", columns="second", values="benefit").to_numpy()))
        .mark_rule(color=INK, strokeWidth=2.5, strokeCap="round")
        .encode(x="x:Q", y="y:Q", x2="x2:Q", y2="y2:Q"),
        place.mark_point(shape="diamond", size=150, filled=True, color=INK, stroke="white", opacity=1),
        place.mark_text(align="left", dx=10, fontSize=13, fontWeight="bold", color=INK, stroke="white", strokeWidth=4).encode(
            text="text:N"
        ),
        place.mark_text(align="left", dx=10, fontSize=13, fontWeight="bold", color=INK).encode(text="text:N"),
    ]
    sentence = readings.two_way(table, inputs, price_arrangement=price_arrangement, threshold=threshold)
    sentence += (
        " The black line is where the decision changes." if 0 < (table[readings.NET_BENEFIT] > 0).sum() < len(table) else ""
    )
    names = f"{inputs.parameters[first].label} and {labels.in_sentence(inputs.parameters[second].label)}"
    alt_text = f"Heat map of the incremental net monetary benefit by {labels.in_sentence(names)}. {sentence}"
    return Figure(finished(alt.layer(*layers), "Two parameters at a time", 520, alt_text), sentence, alt_text)


def _axis_of(unit: str, settings: Settings) -> Any:
    """The axis of a parameter by its unit."""
    if unit == "probability":
        return percent_axis()
    return money_axis(settings, tickCount=5) if unit.startswith(settings.currency) else number_axis()


def _zero_line(x: Array, y: Array, values: Array) -> pd.DataFrame:
    """Segments (x, y, x2, y2) of the line on which `values`, (x, y) on a grid, are zero: linear in each half of every cell."""
    segments = []
    for i in range(len(x) - 1):
        for j in range(len(y) - 1):
            for corners in (((i, j), (i + 1, j), (i + 1, j + 1)), ((i, j), (i, j + 1), (i + 1, j + 1))):
                ends = []
                for (a, b), (c, d) in pairwise([*corners, corners[0]]):
                    low, high = values[a, b], values[c, d]
                    if (low > 0) != (high > 0):
                        share = low / (low - high)
                        ends.append((x[a] + share * (x[c] - x[a]), y[b] + share * (y[d] - y[b])))
                if len(ends) == 2:
                    segments.append((*ends[0], *ends[1]))
    return pd.DataFrame(segments, columns=["x", "y", "x2", "y2"], dtype=np.float64)


def decision_drivers(
    table: pd.DataFrame,
    inputs: Inputs,
    *,
    price_arrangement: str | None = None,
    threshold: float | None = None,
    top: int = MOST_ROWS,
) -> Figure:
    """How many standard errors a parameter, alone, would have to move before the decision changes, nearest first.

    `table`: as `thresholds.decision_drivers` returns it; drawn are those that change it within 8 standard errors.
    """
    near = readings.turning_points(table).head(top)
    near["row"] = [
        f"{wrapped(label)}\n{labels.measured(unit, inputs.settings, value)}, changes at {labels.measured(unit, inputs.settings, flips_at)}"
        for label, unit, value, flips_at in near[["label", "unit", "value", "flips_at"]].itertuples(index=False)
    ]
    near["text"] = [f"{away:+.1f}".replace("-", "\u2212") for away in near["standard_errors_away"]]
    order = near["row"].tolist()
    low, high = reach(near["standard_errors_away"], margin=0.12, zero=True)
    intervention = intervention_colour(inputs.settings)
    base = alt.Chart(near[["row", "standard_errors_away", "text"]].assign(zero=0.0)).encode(
        y=alt.Y("row:N", title=None, sort=order, axis=label_axis(grid=True))
    )
    x = alt.X(
        "standard_errors_away:Q",
        title="Standard errors from its value at which the decision changes",
        scale=fixed(low, high),
        axis=number_axis(),
    )
    side = {"align": "center", "dy": -13, "fontSize": 12, "color": INK}
    layers = [
        base.mark_rule(color=intervention, strokeWidth=3, opacity=0.5).encode(x=x, x2="zero:Q"),
        base.mark_point(size=110, filled=True, color=intervention, opacity=1).encode(
            x=x, tooltip=tooltip("row", ("standard_errors_away", ".2f"))
        ),
        base.mark_text(**side).encode(x=x, text="text:N"),
        alt.Chart(pd.DataFrame({"zero": [0.0]})).mark_rule(color=GREY).encode(x="zero:Q"),
    ]
    sentence = readings.decision_drivers(table, inputs, price_arrangement=price_arrangement, threshold=threshold)
    alt_text = f"Dot plot of {len(near)} parameters by their distance to the value at which the decision changes. {sentence}"
    chart = finished(alt.layer(*layers), "What would change the decision", rows_height(order), alt_text)
    return Figure(chart, sentence, alt_text)


def price_and_probability(table: pd.DataFrame, inputs: Inputs, *, price_arrangement: str | None = None) -> Figure:
    """Probability of being cost-effective by the price of the pack, a dash for each threshold, and where the list price is.

    `table`: as `thresholds.price_and_probability` returns it for that price arrangement.
    """
    settings, drug = inputs.settings, str(table["drug"].iloc[0])
    rows = table[table["strategy"] != settings.comparator]
    names = [f"{labels.money(t, settings)} per QALY" for t in settings.threshold_values]
    frame = pd.concat(
        [
            pd.DataFrame(
                {
                    "pack_price": rows["pack_price"],
                    "strategy": [labels.strategy_label(settings, name) for name in rows["strategy"]],
                    "probability": rows[f"probability_cost_effective_{t:.0f}"],
                    "threshold": name,
                }
            )
            for t, name in zip(settings.threshold_values, names, strict=True)
        ],
        ignore_index=True,
    )
    places = [i for i, name in enumerate(settings.strategy_names) if name != settings.comparator]
    highest = float(frame["pack_price"].max())
    x = alt.X(
        "pack_price:Q",
        title=f"Price of the {labels.pack(inputs, drug)} ({settings.currency}; other strengths in proportion)",
        scale=fixed(0, highest),
        axis=money_axis(settings, tickCount=6),
    )
    lines = (
        alt.Chart(frame)
        .mark_line(strokeWidth=2.5)
        .encode(
            x=x,
            y=alt.Y("probability:Q", title="Probability of being cost-effective", scale=fixed(0, 1), axis=percent_axis()),
            color=strategy_colour(settings, places, legend=len(places) > 1, lines=True),
            strokeDash=threshold_dash(names),
            tooltip=tooltip("strategy", "threshold", ("pack_price", ",.0f"), ("probability", ".1%")),
        )
    )
    price = pack_price(inputs, drug).value
    half = alt.Chart(pd.DataFrame({"half": [0.5]})).mark_rule(color=GREY, strokeWidth=1).encode(y="half:Q")
    marks = mark_at(price, f"List price {labels.money(price, settings)}", align="right") if price <= highest else []
    sentence = readings.price_and_probability(table, inputs, price_arrangement=price_arrangement)
    where = readings.under_scheme(settings, request(inputs, price_arrangement, None, None)[0])
    alt_text = (
        f"Lines of the probability of being cost-effective by the price of a {labels.pack(inputs, drug)}, {where}. {sentence}"
    )
    chart = finished(
        alt.layer(half, *marks, lines),
        f"Price of the {labels.pack(inputs, drug)} and probability of being cost-effective, {where}",
        460,
        alt_text,
    )
    return Figure(chart, sentence, alt_text)


def global_sensitivity(sensitivity: Sensitivity, inputs: Inputs, *, top: int = MOST_ROWS) -> Figure:
    """The indices of a global analysis for the parameters, or groups of them, that drive the outcome most, with their intervals.

    Open dots: the second index of the method. Morris' effects are in the unit of the outcome, all other indices are shares.
    """
    series = readings.SERIES[sensitivity.method]
    leading = series[0][0]
    table = sensitivity.table.sort_values(leading, ascending=False, kind="stable").head(top)
    rows = [wrapped(labels.parameters_label(inputs.parameters, members)) for members in table["members"]]
    frames = []
    for index, spread in series:
        values = table[index].to_numpy(dtype=np.float64)
        frame = pd.DataFrame({"row": rows, "index": labels.INDICES[index], "value": values, "low": np.nan, "high": np.nan})
        if isinstance(spread, str):
            half = table[spread].to_numpy(dtype=np.float64)
            frame["low"], frame["high"] = values - half, values + half
        elif spread is not None:
            frame["low"], frame["high"] = (table[name].to_numpy(dtype=np.float64) for name in spread)
        frames.append(frame)
    frame = pd.concat(frames, ignore_index=True)
    is_money = sensitivity.method == "morris" and sensitivity.outcome != "incremental_qalys"
    what = labels.in_sentence(labels.INCREMENTS[sensitivity.outcome])
    unit = {True: f" ({inputs.settings.currency})", False: " (QALYs)"}[is_money] if sensitivity.method == "morris" else ""
    title = f"{'Effect on' if sensitivity.method == 'morris' else 'Index for'} the {what}{unit}"
    intervention = intervention_colour(inputs.settings)
    chart = _dots_with_ranges(
        frame, title, intervention, axis=money_axis(inputs.settings, tickCount=6) if is_money else number_axis()
    )
    sentence = readings.global_sensitivity(sensitivity, inputs)
    if any(spread for _, spread in series):
        ranges = "from the lowest to the highest over the slices" if sensitivity.method == "pawn" else "95% intervals"
        sentence += f" The lines through the dots are {ranges}."
    alt_text = f"Dot plot of the {len(table)} parameters or groups with the highest indices. {sentence}"
    name = f"All parameters together: {labels.METHODS[sensitivity.method]}"
    return Figure(finished(chart, name, rows_height(rows, legend=len(series)), alt_text), sentence, alt_text)


def _dots_with_ranges(frame: pd.DataFrame, title: str, colour: str, axis: Any) -> Any:
    """A dot for each row and index, filled for the leading one, with its interval as a line."""
    order, names = frame["row"].unique().tolist(), frame["index"].unique().tolist()
    low, high = reach(frame[["value", "low", "high"]], zero=True)
    base = alt.Chart(frame).encode(
        y=alt.Y("row:N", title=None, sort=order, axis=label_axis(grid=True), scale=alt.Scale(paddingInner=0.2)),
        yOffset=alt.YOffset("index:N", sort=names),
    )
    x = alt.X("value:Q", title=title, scale=fixed(low, high), axis=axis)
    scales = {"fill": [colour, "white"][: len(names)], "shape": ["circle", "diamond"][: len(names)]}
    fill, shape = (alt.Scale(domain=names, range=values) for values in scales.values())
    ranges = base.transform_filter("isValid(datum.low)").mark_rule(color=colour, strokeWidth=2, opacity=0.6)
    dots = base.mark_point(size=90, filled=True, stroke=colour, strokeWidth=2, opacity=1)
    return alt.layer(
        ranges.encode(x=alt.X("low:Q", scale=fixed(low, high)), x2="high:Q"),
        dots.encode(
            x=x,
            fill=alt.Fill("index:N", title=None, sort=names, scale=fill),
            shape=alt.Shape("index:N", title=None, sort=names, scale=shape),
            tooltip=tooltip("row", "index", ("value", ",.3g"), ("low", ",.3g"), ("high", ",.3g")),
        ),
    )
