"""What it would be worth to know more: everything, some parameters, the findings of a study; and whether there are enough draws."""

from __future__ import annotations

from collections.abc import Mapping

import altair as alt
import numpy as np
import pandas as pd

from hemodel.evidence.distributions import Z_95
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
    line_legend,
    mark_at,
    money_axis,
    price_dash,
    reach,
    room,
    rows_height,
    sum_axis,
    threshold_marks,
    tooltip,
    wrapped,
)
from hemodel.report.colours import intervention_colour, tint

MOST_ROWS = 15


def evpi_curve(curves: Mapping[str, pd.DataFrame], settings: Settings) -> Figure:
    """Expected value of perfect information per person by threshold, a dash for each price arrangement, with a 95% band.

    `curves`: price arrangement -> table with the columns threshold, evpi and standard_error, in GBP.
    """
    names = [labels.arrangement_short(settings, arrangement) for arrangement in curves]
    frame = pd.concat(
        [readings.banded(curve, "evpi").assign(arrangement=name) for name, curve in zip(names, curves.values(), strict=True)],
        ignore_index=True,
    )
    colour = intervention_colour(settings)
    x = alt.X(
        "threshold:Q",
        title=f"Threshold ({settings.currency} per QALY)",
        scale=fixed(float(frame["threshold"].min()), float(frame["threshold"].max())),
        axis=money_axis(settings, tickCount=5),
    )
    y = alt.Y(
        "evpi:Q",
        title=f"EVPI per person ({settings.currency})",
        scale=fixed(0, room(frame["high"])),
        axis=money_axis(settings, tickCount=5),
    )
    base = alt.Chart(frame)
    band = base.mark_area(color=colour, opacity=0.15, clip=True).encode(x=x, y="low:Q", y2="high:Q", detail="arrangement:N")
    lines = base.mark_line(color=colour, strokeWidth=2.5, clip=True).encode(
        x=x, y=y, strokeDash=price_dash(names), tooltip=tooltip("arrangement", ("threshold", ",.0f"), ("evpi", ",.0f"))
    )
    sentence = readings.evpi_curve(curves, settings)
    alt_text = f"Curves of the expected value of perfect information by threshold. {sentence}"
    chart = finished(alt.layer(*threshold_marks(settings), band, lines), "Expected value of perfect information", 460, alt_text)
    return Figure(chart, sentence, alt_text)


def evppi(
    table: pd.DataFrame,
    inputs: Inputs,
    *,
    evpi: float | None = None,
    price_arrangement: str | None = None,
    threshold: float | None = None,
    top: int = MOST_ROWS,
) -> Figure:
    """What it would be worth to know a parameter or a group of them, the most first, with 95% intervals; a line for everything.

    What is worth less than one unit of money is left out.

    `table`: columns parameters (a name, or several joined or in a sequence), evppi and standard_error, in GBP per person;
    `evpi`: of the same analysis, GBP per person.
    """
    ordered = table.sort_values("evppi", ascending=False, kind="stable")
    shown = ordered.head(max(1, min(top, int((ordered["evppi"] >= readings.LEAST_WORTH).sum()))))
    frame = readings.banded(shown, "evppi").assign(
        row=[wrapped(labels.parameters_label(inputs.parameters, p)) for p in shown["parameters"]]
    )
    frame["text"] = [labels.money(value, inputs.settings) for value in frame["evppi"]]
    order = frame["row"].tolist()
    known = [] if evpi is None else [evpi]
    highest = room(np.array([*frame["high"], *known]))
    base = alt.Chart(frame.drop(columns="parameters")).encode(
        y=alt.Y("row:N", title=None, sort=order, axis=label_axis(), scale=alt.Scale(paddingInner=0.35))
    )
    x = alt.X(
        "evppi:Q",
        title=f"EVPPI per person ({inputs.settings.currency})",
        scale=fixed(0, highest),
        axis=money_axis(inputs.settings, tickCount=5),
    )
    layers = [
        base.mark_bar(color=tint(intervention_colour(inputs.settings), 0.35)).encode(
            x=x, tooltip=tooltip("row", ("evppi", ",.0f"), ("standard_error", ",.0f"))
        ),
        base.mark_rule(color=INK, strokeWidth=1.5).encode(x=alt.X("low:Q", scale=fixed(0, highest)), x2="high:Q"),
        base.mark_text(align="left", dx=6, fontSize=12, color=INK).encode(x="high:Q", text="text:N"),
    ]
    if evpi is not None:
        layers += mark_at(
            evpi, f"Everything {labels.money(evpi, inputs.settings)}", align="right" if evpi > highest / 2 else "left"
        )
    sentence = readings.evppi(table, inputs, evpi=evpi, price_arrangement=price_arrangement, threshold=threshold)
    alt_text = f"Bars of the value of knowing each of {len(frame)} parameters or groups, with 95% intervals. {sentence}"
    chart = finished(alt.layer(*layers), "What it would be worth to know a parameter", rows_height(order), alt_text)
    return Figure(chart, sentence, alt_text)


def evsi(table: pd.DataFrame, inputs: Inputs, *, price_arrangement: str | None = None, threshold: float | None = None) -> Figure:
    """What a study is worth by its size: the value of its findings for the population, its cost, and what is left.

    The band is the 95% interval of the value.

    `table`: columns n, evsi, standard_error, evppi (GBP per person), population_evsi, study_cost and expected_net_benefit (GBP).
    """
    words = {
        "population_evsi": "Value of its findings for the population (EVSI)",
        "study_cost": "Cost of the study",
        "expected_net_benefit": "Expected net benefit of sampling",
    }
    frame = table.melt("n", list(words), "line", "money").assign(line=lambda t: t["line"].map(words))
    persons = float(table["population_evsi"].sum() / table["evsi"].sum()) if table["evsi"].sum() else 0.0
    error = Z_95 * table["standard_error"] * persons
    spread = pd.DataFrame({"n": table["n"], "low": table["population_evsi"] - error, "high": table["population_evsi"] + error})
    low, high = reach([*frame["money"], *spread["low"], *spread["high"]], zero=True)
    names = list(words.values())
    colour = intervention_colour(inputs.settings)
    x = alt.X(
        "n:Q",
        title="People in each group of the study",
        scale=fixed(0, float(table["n"].max())),
        axis=alt.Axis(format=",.0f", tickCount=6, labelOverlap="greedy"),
    )
    lines = (
        alt.Chart(frame)
        .mark_line(strokeWidth=2.5, point=alt.OverlayMarkDef(size=35, filled=True))
        .encode(
            x=x,
            y=alt.Y(
                "money:Q",
                title=f"{inputs.settings.currency}, whole population",
                scale=fixed(low, high),
                axis=sum_axis(high, inputs.settings, tickCount=6),
            ),
            color=alt.Color(
                "line:N", title=None, sort=names, scale=alt.Scale(domain=names, range=[tint(colour, 0.45), GREY, colour])
            ),
            strokeDash=alt.StrokeDash(
                "line:N",
                title=None,
                sort=names,
                scale=alt.Scale(domain=names, range=[[7, 4], [2, 3], [1, 0]]),
                legend=line_legend(),
            ),
            tooltip=tooltip("line", ("n", ",.0f"), ("money", ",.0f")),
        )
    )
    band = alt.Chart(spread).mark_area(color=colour, opacity=0.12, clip=True)
    best = readings.best_study(table)
    top = pd.DataFrame(
        {"n": [best["n"]], "money": [best["expected_net_benefit"]], "text": [f"Highest: {int(best['n']):,} people"]}
    )
    place = alt.Chart(top).encode(x="n:Q", y="money:Q")
    left = float(best["n"]) > 0.6 * float(table["n"].max())
    word = {"align": "right" if left else "left", "dx": -12 if left else 12, "dy": -10, "fontSize": 13, "color": INK}
    zero = alt.Chart(pd.DataFrame({"zero": [0.0]})).mark_rule(color=GREY).encode(y="zero:Q")
    marks = [
        place.mark_point(shape="diamond", size=170, filled=True, color=INK, stroke="white", opacity=1),
        place.mark_text(**word, stroke="white", strokeWidth=4).encode(text="text:N"),
        place.mark_text(**word).encode(text="text:N"),
    ]
    sentence = readings.evsi(table, inputs, price_arrangement=price_arrangement, threshold=threshold)
    sentence += " The band is the 95% interval of the value of the findings."
    alt_text = f"Lines by size of study: value of its findings, its cost and its expected net benefit. {sentence}"
    chart = finished(
        alt.layer(zero, band.encode(x=x, y="low:Q", y2="high:Q"), lines, *marks), "What a study would be worth", 480, alt_text
    )
    return Figure(chart, sentence, alt_text)


def convergence(
    table: pd.DataFrame, inputs: Inputs, *, price_arrangement: str | None = None, threshold: float | None = None
) -> Figure:
    """Running mean of the incremental net monetary benefit by number of draws, within 1.96 standard errors either side.

    `table`: columns draws, incremental_net_monetary_benefit and standard_error. The axis takes in the band from a tenth of the
    draws on: the first few wander far.
    """
    frame = readings.banded(table, readings.NET_BENEFIT).rename(columns={readings.NET_BENEFIT: "mean"})
    last = frame.iloc[-1]
    settled = frame[frame["draws"] >= 0.1 * last["draws"]]
    low, high = reach([*settled["low"], *settled["high"]], margin=0.15)
    colour = intervention_colour(inputs.settings)
    x = alt.X("draws:Q", title="Draws", scale=fixed(0, float(last["draws"])), axis=alt.Axis(format=",.0f", tickCount=6))
    y = alt.Y(
        "mean:Q",
        title=f"Mean incremental net monetary benefit ({inputs.settings.currency})",
        scale=fixed(low, high),
        axis=money_axis(inputs.settings, tickCount=5),
    )
    base = alt.Chart(frame[["draws", "mean", "low", "high"]])
    zero = alt.Chart(pd.DataFrame({"zero": [0.0], "text": ["Decision changes"]})).encode(y="zero:Q")
    layers = [
        base.mark_area(color=colour, opacity=0.2, clip=True).encode(x=x, y=alt.Y("low:Q", scale=fixed(low, high)), y2="high:Q"),
        base.mark_line(color=colour, strokeWidth=2.5, clip=True).encode(
            x=x, y=y, tooltip=tooltip(("draws", ",.0f"), ("mean", ",.0f"), ("low", ",.0f"), ("high", ",.0f"))
        ),
        alt.Chart(pd.DataFrame({"mean": [last["mean"]]})).mark_rule(color=GREY, strokeDash=[4, 3]).encode(y="mean:Q"),
    ]
    if low < 0 < high:
        layers += [
            zero.mark_rule(color=INK, strokeWidth=1.5),
            zero.mark_text(align="right", dx=-4, dy=-6, baseline="bottom", fontSize=12, color=INK).encode(
                x=alt.value("width"), text="text:N"
            ),
        ]
    sentence = readings.convergence(table, inputs, price_arrangement=price_arrangement, threshold=threshold)
    alt_text = (
        f"Running mean of the incremental net monetary benefit by number of draws, in a band of 1.96 standard errors. {sentence}"
    )
    return Figure(finished(alt.layer(*layers), "Are there enough draws?", 400, alt_text), sentence, alt_text)
