"""What all charts share: the figure with its reading, type and sizes, axes, legends and the marks of the thresholds."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from hemodel.evidence.settings import Settings
from hemodel.report import labels
from hemodel.report.colours import strategy_colours

GREY, LIGHT, INK = "#6B6B6B", "#E4E4E4", "#1F1F1F"
LINE_HEIGHT = 16
"""Pixels of a line of a label."""
_FONT = "Source Sans, Source Sans Pro, Helvetica, Arial, sans-serif"
_MINUS = "(datum.value < 0 ? '\u2212' : '')"
_DASHES = ([1, 0], [7, 4], [2, 3])


@dataclass(frozen=True)
class Figure:
    """A chart with its reading: `sentence` stands under it, `alt` says what it shows to those who cannot see it."""

    chart: Any  # alt.Chart or alt.LayerChart
    sentence: str
    alt: str


def finished(chart: Any, title: str, height: int, description: str) -> Any:
    """The chart with title, size, readable type and room for its labels. Width: the page's; 680 pixels outside one."""
    return (
        chart.properties(
            title=alt.TitleParams(title, anchor="start", fontSize=15, color=INK, offset=14),
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
            labelColor=INK,
            titleColor=INK,
            gridColor="#EEEEEE",
            domainColor=GREY,
            tickColor=GREY,
            titlePadding=10,
        )
        .configure_legend(
            orient="bottom",
            direction="vertical",
            labelFontSize=13,
            titleFontSize=13,
            labelColor=INK,
            titleColor=INK,
            labelLimit=0,
            titleLimit=0,
            symbolOpacity=1,
            columns=1,
            offset=12,
        )
        .configure_view(stroke=None)
    )


def strategy_colour(settings: Settings, places: Iterable[int], *, legend: bool = True, lines: bool = False) -> Any:
    """The colours of the strategies at `places`, by their labels in the column strategy; `lines`: its legend is one of lines."""
    chosen = [settings.strategies[i] for i in places]
    colours = strategy_colours(settings)
    scale = alt.Scale(domain=[s.label for s in chosen], range=[colours[s.name] for s in chosen])
    symbols = line_legend() if lines else alt.Legend()
    return alt.Color("strategy:N", title=None, scale=scale, legend=symbols if legend else None)


def line_legend() -> Any:
    """A legend of lines that are long enough to show their dashes."""
    return alt.Legend(symbolSize=900, symbolStrokeWidth=2, symbolType="stroke")


def price_dash(names: Sequence[str]) -> Any:
    """A dash for each price arrangement, by its name in the column arrangement."""
    scale = alt.Scale(domain=list(names), range=[_DASHES[i % len(_DASHES)] for i in range(len(names))])
    return alt.StrokeDash("arrangement:N", title=None, scale=scale, legend=line_legend())


def threshold_dash(names: Sequence[str]) -> Any:
    """A dash for each threshold, by its name in the column threshold."""
    scale = alt.Scale(domain=list(names), range=[[8, 4], [2, 3], [1, 0]][: len(names)])
    return alt.StrokeDash("threshold:N", title=None, scale=scale, legend=line_legend())


def fixed(low: float, high: float) -> Any:
    """A scale from `low` to `high`, as they are."""
    return alt.Scale(domain=[low, high], nice=False, zero=False)


def money_words(settings: Settings, *, millions: bool = False) -> str:
    """The expression that says an amount on an axis or a legend: whole units of the currency, or millions of it."""
    sign = json.dumps(labels.before_amount(settings))
    number = "format(abs(datum.value) / 1e6, ',') + 'm'" if millions else "format(abs(datum.value), ',.0f')"
    return f"{_MINUS} + {sign} + {number}"


def money_axis(settings: Settings, **options: Any) -> Any:
    """An axis of whole units of the currency."""
    return alt.Axis(labelExpr=money_words(settings), labelOverlap="greedy", labelFlush=False, **options)


def sum_axis(highest: float, settings: Settings, **options: Any) -> Any:
    """An axis of sums for a population: of millions where they reach `highest` of two millions, else of whole units."""
    words = money_words(settings, millions=highest >= 2e6)
    return alt.Axis(labelExpr=words, labelOverlap="greedy", labelFlush=False, **options)


def number_axis(**options: Any) -> Any:
    """An axis of plain numbers."""
    return alt.Axis(tickCount=5, labelOverlap="greedy", labelFlush=False, **options)


def percent_axis() -> Any:
    """An axis of shares."""
    return alt.Axis(format=".0%", tickCount=5)


def label_axis(**options: Any) -> Any:
    """A vertical axis of names that may have up to four lines and are never cut off; what stands before a tab is not shown."""
    lines = "length(split(datum.label, '\\n'))"
    offsets = [{"test": f"{lines} == {n}", "value": -LINE_HEIGHT * (n - 1) / 2} for n in (2, 3, 4)]
    return alt.Axis(
        labelLimit=0,
        labelOffset={"condition": offsets, "value": 0},
        labelLineHeight=LINE_HEIGHT,
        labelExpr="split(peek(split(datum.label, '\\t')), '\\n')",
        labelPadding=8,
        ticks=False,
        domain=False,
        **options,
    )


def wrapped(text: str, width: int = 48) -> str:
    """Text in lines of at most `width` characters."""
    return "\n".join(textwrap.wrap(text, width))


def rows_height(names: Sequence[str], *, gap: int = 8, legend: int = 0) -> int:
    """Height in pixels of a chart with a row for each of these labels; a page counts title, axis and the lines of the legend in."""
    most = max((name.count("\n") + 1 for name in names), default=1)
    return len(names) * (LINE_HEIGHT * most + gap) + 130 + 22 * legend


def tooltip(*fields: str | tuple[str, str]) -> list[Any]:
    """What is shown of a mark under the pointer: columns, with the format of a number."""
    result = []
    for field in fields:
        name, form = field if isinstance(field, tuple) else (field, None)
        title = {"qalys": "QALYs", "icer": "ICER", "evpi": "EVPI", "evppi": "EVPPI", "evsi": "EVSI"}.get(name, _heading(name))
        kind = "N" if form is None else "Q"
        result.append(alt.Tooltip(f"{name}:{kind}", title=title, **({"format": form} if form else {})))
    return result


def _heading(name: str) -> str:
    return name.capitalize().replace("_", " ")


def reach(values: Any, *, margin: float = 0.04, zero: bool = False) -> tuple[float, float]:
    """Range of an axis that takes in all finite values, with a margin; with `zero` from zero on, or to below the lowest."""
    finite = np.asarray(values, dtype=np.float64).ravel()
    finite = finite[np.isfinite(finite)]
    finite = np.append(finite, 0.0) if zero or not len(finite) else finite
    low, high = float(finite.min()), float(finite.max())
    step = margin * (high - low) or 1.0
    return (0.0 if zero and low == 0 else low - step), high + step


def room(values: Any) -> float:
    """End of an axis that leaves room for a number behind its longest bar."""
    finite = values[np.isfinite(values)]
    return 1.16 * float(finite.max()) if len(finite) and finite.max() > 0 else 1.0


def mark_at(value: float, text: str, *, align: str = "left", dash: Sequence[int] = (4, 3), field: str = "at") -> list[Any]:
    """A vertical rule at a value, in the column `field`, with words above it."""
    base = alt.Chart(pd.DataFrame({field: [value], "text": [text]})).encode(x=f"{field}:Q")
    style = {"align": align, "dx": {"left": 4, "right": -4}.get(align, 0), "dy": -5, "baseline": "bottom"}
    return [
        base.mark_rule(color=GREY, strokeDash=list(dash), strokeWidth=1.5),
        base.mark_text(**style, fontSize=12, color=GREY).encode(y=alt.value(0), text="text:N"),
    ]


def threshold_marks(settings: Settings) -> list[Any]:
    """Vertical rules at the thresholds, labelled at the top: the lowest to its left, the others to their right."""
    found = settings.threshold_values
    pairs = zip(found, ("left",) if len(found) == 1 else ("right", "left", "left"), strict=False)
    return [layer for t, side in pairs for layer in mark_at(t, labels.money(t, settings), align=side, field="threshold")]
