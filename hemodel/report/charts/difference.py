"""Two results side by side: by which component of costs and which state of health the answer differs."""

from __future__ import annotations

import altair as alt
import pandas as pd

from hemodel.analyses.base_case import BaseCase
from hemodel.evidence.settings import Settings
from hemodel.report import labels
from hemodel.report.charts.style import INK, Figure, finished, fixed, label_axis, money_axis, reach, rows_height, tooltip
from hemodel.report.colours import COMPARATOR_COLOUR, strategy_colours


def difference_table(first: BaseCase, second: BaseCase, arrangements: tuple[str, str], strategy: str) -> pd.DataFrame:
    """Increments of `strategy` over the comparator by cost component and by state, in both results, and how they differ.

    Columns: kind ("costs", GBP; "qalys"), name, first, second, difference, worth (what the difference does to the incremental net
    monetary benefit at the upper threshold of the second, GBP). Discounted.
    """
    threshold = second.inputs.settings.threshold_values[-1]
    frames = []
    for kind, key in (("costs", "component"), ("qalys", "state")):
        columns = []
        for result, arrangement in zip((first, second), arrangements, strict=True):
            values = result.costs_by_component(arrangement) if kind == "costs" else result.qalys_by_state()
            values = values.set_index([key, "label"])
            columns.append(values[strategy] - values[result.inputs.settings.comparator])
        frame = pd.concat(columns, axis=1, keys=["first", "second"]).fillna(0.0).rename_axis(["name", "label"]).reset_index()
        frame.insert(0, "kind", kind)
        frame["difference"] = frame["second"] - frame["first"]
        frame["worth"] = -frame["difference"] if kind == "costs" else threshold * frame["difference"]
        frames.append(frame)
    return pd.concat(frames, ignore_index=True)


def difference_shown(table: pd.DataFrame, kind: str, settings: Settings) -> pd.DataFrame:
    """One kind of rows of `difference_table` for people, with their sum."""
    rows, unit = table[table["kind"] == kind], f"({settings.sign})" if kind == "costs" else "QALYs"
    sums = rows[["first", "second", "difference"]].sum()
    names = [*rows["label"], "Total"]
    heads = [f"Increment in A {unit}", f"Increment in B {unit}", f"B less A {unit}"]
    numbers = [*rows[["first", "second", "difference"]].to_numpy().tolist(), sums.to_list()]
    frame = pd.DataFrame(numbers, columns=heads)
    frame.insert(0, "Costs by component" if kind == "costs" else "QALYs by state", names)
    return frame


def difference(table: pd.DataFrame, second: BaseCase, strategy: str, *, least: float = 0.5) -> Figure:
    """What makes B differ from A: a bar for each component and state, in the money that it moves the net benefit by.

    `least`: smaller effects (GBP) are not drawn.
    """
    settings = second.inputs.settings
    at = labels.money(settings.threshold_values[-1], settings)
    rows = table[table["worth"].abs() >= least].sort_values("worth", key=abs, ascending=False)
    names = [
        label if kind == "costs" else f"QALYs: {labels.in_sentence(label)}"
        for kind, label in rows[["kind", "label"]].itertuples(index=False)
    ]
    frame = pd.DataFrame(
        {
            "row": names,
            "worth": rows["worth"].to_numpy(),
            "text": [labels.money(value, settings) for value in rows["worth"]],
            "end": ["B is better value" if value > 0 else "A is better value" for value in rows["worth"]],
        }
    )
    total = float(table["worth"].sum())
    colours = [strategy_colours(settings)[strategy], COMPARATOR_COLOUR]
    low, high = reach(frame["worth"], margin=0.2, zero=True)
    base = alt.Chart(frame).encode(y=alt.Y("row:N", title=None, sort=names, axis=label_axis()))
    x = alt.X(
        "worth:Q",
        title=f"Effect on the incremental net monetary benefit at {at} per QALY ({settings.currency} per person)",
        scale=fixed(low, high),
        axis=money_axis(settings, tickCount=6),
    )
    scale = alt.Scale(domain=["B is better value", "A is better value"], range=colours)
    bars = base.mark_bar().encode(
        x=x, color=alt.Color("end:N", title=None, scale=scale), tooltip=tooltip("row", ("worth", ",.0f"))
    )
    style = {"fontSize": 12, "color": INK}
    right = base.transform_filter("datum.worth >= 0").mark_text(align="left", dx=4, **style).encode(x=x, text="text:N")
    left = base.transform_filter("datum.worth < 0").mark_text(align="right", dx=-4, **style).encode(x=x, text="text:N")
    if not len(frame):
        sentence = "A and B give the same costs and QALYs."
    else:
        sentence = (
            f"B's incremental net monetary benefit at {at} per QALY is {labels.money(abs(total), settings)} "
            f"{'higher' if total >= 0 else 'lower'} than A's; most of it by “{labels.in_sentence(names[0])}” ({frame['text'].iloc[0]})."
        )
    alt_text = f"Bars of what makes B differ from A, by component of costs and state of health. {sentence}"
    chart = finished(alt.layer(bars, right, left), "What makes B differ from A", rows_height(names, gap=12, legend=2), alt_text)
    return Figure(chart, sentence, alt_text)
