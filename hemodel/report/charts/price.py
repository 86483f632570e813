"""What price meets the threshold: the ICER over the cap of a scheme and a discount on the price."""

from __future__ import annotations

import altair as alt
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hemodel.analyses.request import request
from hemodel.decision.incremental import IcerKind, kind_of_icer
from hemodel.evidence.inputs import Inputs
from hemodel.evidence.settings import Settings
from hemodel.report import labels, readings
from hemodel.report.charts.style import INK, Figure, finished, fixed, threshold_dash, tooltip
from hemodel.report.colours import COMPARATOR_COLOUR, strategy_colours, tint

_MOST = 8.0
"""Cells of the map are as dark as they get where the ICER is this many times the upper threshold (below it: at 0)."""


def cap_and_discount(table: pd.DataFrame, inputs: Inputs, strategy: str | None = None) -> Figure:
    """The map of `price_map`: the ICER in thousands in every cell, and a line where it crosses each threshold.

    The colour of the strategy to prefer at the upper threshold, paler near it.
    """
    settings = inputs.settings
    _, strategy, _ = request(inputs, None, strategy, None)
    high = settings.threshold_values[-1]
    cells = table.assign(text=[_short(v, r) for v, r in zip(table["icer"], table["reading"], strict=True)])
    benefit = high * cells["incremental_qalys"] - cells["incremental_costs"]
    size = high * cells["incremental_qalys"].abs()
    cells["shade"] = (-benefit / size.where(size > 0)).fillna(0.0).clip(-1.0, _MOST - 1.0)
    half = (_step(cells["cap"]) / 2, _step(cells["discount"]) / 2)
    for name, width in zip(("cap", "discount"), half, strict=True):
        cells[f"{name}_low"], cells[f"{name}_high"] = cells[name] - width, cells[name] + width
    edges = [(float(cells[f"{n}_low"].min()), float(cells[f"{n}_high"].max())) for n in ("cap", "discount")]
    x = {"scale": fixed(*edges[0]), "axis": alt.Axis(values=sorted(set(table["cap"])), grid=False)}
    y = {"scale": fixed(*edges[1]), "axis": alt.Axis(format=".0%", values=sorted(set(table["discount"])), grid=False)}
    shades = alt.Scale(
        domain=[-1.0, 0.0, 1.0],
        range=[tint(strategy_colours(settings)[strategy], 0.45), "#FFFFFF", tint(COMPARATOR_COLOUR, 0.45)],
        clamp=True,
        interpolate="lab",
    )
    base = alt.Chart(cells.drop(columns=["incremental_costs", "incremental_qalys"]))
    squares = base.mark_rect(stroke="white").encode(
        x=alt.X("cap_low:Q", title=f"Cycles charged before the manufacturer pays ({labels.cycles_in_a_year(settings)})", **x),
        x2="cap_high:Q",
        y=alt.Y("discount_low:Q", title="Discount on the list price", **y),
        y2="discount_high:Q",
        color=alt.Color("shade:Q", scale=shades, legend=None),
        tooltip=tooltip(("cap", ".0f"), ("discount", ".0%"), "reading"),
    )
    words = base.mark_text(fontSize=12, color=INK).encode(x="cap:Q", y="discount:Q", text="text:N")
    borders = alt.Chart(_borders(table, settings, half)).mark_rule(color=INK, strokeWidth=2.5)
    names = [f"{labels.money(t, settings)} per QALY" for t in settings.threshold_values]
    lines = borders.encode(x="x:Q", y="y:Q", x2="x2:Q", y2="y2:Q", strokeDash=threshold_dash(names))
    sentence = _sentence(table, settings, strategy)
    thousands = f"thousands of {labels.in_words(settings.currency)} per QALY"
    alt_text = f"Map of the ICER by cap and price discount, in {thousands}. {sentence}"
    title = f"ICER by cap and discount ({thousands})"
    height = 34 * table["discount"].nunique() + 150
    return Figure(finished(alt.layer(squares, words, lines), title, height, alt_text), sentence, alt_text)


def price_map_table(table: pd.DataFrame, settings: Settings) -> pd.DataFrame:
    """The map as a table: a row for each cap, a column for each discount; words where the ICER is no price of a QALY gained."""
    cells = table.assign(text=[labels.icer_text(v, r, settings) for v, r in zip(table["icer"], table["reading"], strict=True)])
    frame = cells.pivot_table(index="cap", columns="discount", values="text", aggfunc="first")
    frame.columns = [f"{labels.percent(float(share), 0)} off" for share in frame.columns]
    frame.insert(0, "Cycles", [f"{cap}" for cap in frame.index])
    return frame.reset_index(drop=True)


def _short(value: float, reading: str) -> str:
    kind = kind_of_icer(reading)
    if kind is IcerKind.GAINED:
        return f"{value / 1e3:,.0f}"
    return {IcerKind.DOMINANT: "saves", IcerKind.FORGONE: "s-w"}.get(kind, "none")


def _step(values: pd.Series) -> float:
    return float(np.diff(np.unique(values)).min())


def _borders(table: pd.DataFrame, settings: Settings, half: tuple[float, float]) -> pd.DataFrame:
    """Edges between neighbouring cells of which one meets a threshold and the other does not."""
    caps, discounts = (np.unique(table[name]) for name in ("cap", "discount"))
    rows = []
    for threshold in settings.threshold_values:
        benefit = table.assign(nb=threshold * table["incremental_qalys"] - table["incremental_costs"])
        meets: NDArray[np.bool_] = benefit.pivot_table(index="cap", columns="discount", values="nb").to_numpy() >= 0
        name = f"{labels.money(threshold, settings)} per QALY"
        shift = 0.0 if threshold == settings.threshold_values[-1] else 0.03  # where both lines share an edge, both are seen
        for i, cap in enumerate(caps):
            for j, share in enumerate(discounts):
                if i + 1 < len(caps) and meets[i, j] != meets[i + 1, j]:
                    at = cap + half[0] - shift * 2 * half[0]
                    rows.append((at, share - half[1], at, share + half[1], name))
                if j + 1 < len(discounts) and meets[i, j] != meets[i, j + 1]:
                    at = share + half[1] + shift * 2 * half[1]
                    rows.append((cap - half[0], at, cap + half[0], at, name))
    return pd.DataFrame(rows, columns=["x", "y", "x2", "y2", "threshold"])


def _sentence(table: pd.DataFrame, settings: Settings, strategy: str) -> str:
    """The smallest discount shown that meets each threshold: under the longest cap shown, and under one of about two years."""
    caps = np.unique(table["cap"])
    middle = int(caps[np.abs(caps - 2 / settings.cycle_years).argmin()])
    parts = []
    for cap in dict.fromkeys((middle, int(caps[-1]))):
        rows = table[table["cap"] == cap].sort_values("discount")
        for threshold in settings.threshold_values:
            met = rows[threshold * rows["incremental_qalys"] >= rows["incremental_costs"]]
            share = float(met["discount"].iloc[0]) if len(met) else None
            found = "no discount shown" if share is None else f"a discount of {labels.percent(share, 0)}"
            meets = f"{found} meets" if share != 0 else "the list price already meets"
            parts.append(f"{meets} {labels.money(threshold, settings)} per QALY with {cap} charged cycles")
    name = labels.strategy_label(settings, strategy)
    in_range = readings.is_price_of_a_qaly(table)
    values = table["icer"].to_numpy()[in_range]
    runs = (
        f" runs from {labels.money(float(values.min()), settings)} to {labels.money(float(values.max()), settings)} per QALY"
        if len(values)
        else ""
    )
    start = f"The ICER of {labels.in_sentence(name)}{runs}. " if runs else ""
    text = "; ".join(parts)
    return f"{start}{text[0].upper()}{text[1:]}."
