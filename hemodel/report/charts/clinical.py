"""What happens to patients: the states through time, and who is still on treatment when a scheme starts to pay."""

from __future__ import annotations

from collections.abc import Mapping

import altair as alt
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hemodel.evidence.settings import CYCLE_YEARS, Settings
from hemodel.report import labels
from hemodel.report.charts.style import INK, LIGHT, Figure, finished, fixed, percent_axis, strategy_colour, tooltip
from hemodel.report.colours import strategy_colours, tint
from hemodel.survival.curves import median_time

Array = NDArray[np.float64]


def cohort_trace(trace: Mapping[str, Array], settings: Settings, strategy: str) -> Figure:
    """Where the people of one strategy are through time: stacked shares of the states, each (n_cycles + 1, strategy).

    The axis ends when fewer than 1 in 100 are alive under every strategy, or at the horizon: the same axis for all.
    """
    i = settings.strategy_names.index(strategy)
    colour = strategy_colours(settings)[strategy]
    last = _last_cycle(1.0 - trace["dead"])
    years = np.arange(last + 1) * CYCLE_YEARS
    shades = {"progression_free": colour, "progressed": tint(colour, 0.55), "dead": LIGHT}
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
            x=alt.X("years:Q", title="Years since the start of treatment", scale=fixed(0, float(years[-1]))),
            y=alt.Y("share:Q", title="Share of people", stack="zero", scale=fixed(0, 1), axis=percent_axis()),
            color=alt.Color("state:N", title=None, scale=alt.Scale(domain=names, range=list(shades.values()))),
            order="order:O",
            tooltip=tooltip("state", ("years", ".2f"), ("share", ".1%")),
        )
    )
    name = labels.strategy_label(settings, strategy)
    free, alive = trace["progression_free"][:, i], 1.0 - trace["dead"][:, i]
    sentence = (
        f"On {labels.in_sentence(name)}, half are still alive and free of progression at {_months(median_time(free, CYCLE_YEARS))} "
        f"and half are still alive at {_months(median_time(alive, CYCLE_YEARS))}."
    )
    alt_text = f"Cohort trace, {name}: stacked areas of the shares progression-free, progressed and dead. {sentence}"
    return Figure(finished(areas, name, 400, alt_text), sentence, alt_text)


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
    x = alt.X("cycle:Q", title="Treatment cycles completed (28 days each; 13 are one year)", scale=fixed(0, last))
    y = alt.Y("share:Q", title="Share still on treatment", scale=fixed(0, 1), axis=percent_axis())
    colour = strategy_colour(settings, range(len(settings.strategies)))
    lines = (
        alt.Chart(table)
        .mark_line(strokeWidth=2.5)
        .encode(
            x=x,
            y=y,
            color=colour,
            tooltip=tooltip("strategy", "cycle", ("years", ".2f"), ("share", ".1%")),
        )
    )
    cap = _cap_cycles(settings)
    layers, sentence = [lines], "Lenalidomide is paid for as long as treatment lasts: no scheme caps its cycles."
    if cap is not None:
        treated = [i for i, s in enumerate(settings.strategies) if "lenalidomide" in s.drugs]
        free = table[(table["cycle"] >= cap) & table["strategy"].isin([settings.strategies[i].label for i in treated])]
        mark = pd.DataFrame({"cycle": [cap], "top": [1.0], "text": ["Where the scheme starts to pay"]})
        area = alt.Chart(free).mark_area(opacity=0.25).encode(x=x, y=y, color=colour)
        rule = alt.Chart(mark).mark_rule(color=INK, strokeDash=[5, 3], strokeWidth=1.5).encode(x=x)
        right = cap < 0.6 * last
        text = (
            alt.Chart(mark)
            .mark_text(align="left" if right else "right", dx=6 if right else -6, baseline="top", fontSize=13, color=INK)
            .encode(x=x, y=alt.Y("top:Q"), text="text:N")
        )
        layers = [area, lines, rule, text]
        left = " and ".join(
            f"{labels.percent(_at(on_treatment[:, i], cap))} of those who start {labels.in_sentence(settings.strategies[i].label)}"
            for i in treated
        )
        sentence = (
            f"After {cap} cycles ({cap * CYCLE_YEARS:.1f} years) {left} are still on treatment: "
            "from there on the NHS no longer pays for their lenalidomide."
        )
    alt_text = f"Share still on treatment by cycle of 28 days, a line per strategy. {sentence}"
    return Figure(finished(alt.layer(*layers), "Share still on treatment", 430, alt_text), sentence, alt_text)


def _months(years: float) -> str:
    return f"{12 * years:.1f} months" if np.isfinite(years) else "no time within the horizon"


def _at(shares: Array, cycle: int) -> float:
    """Share at the start of a cycle; none beyond the horizon."""
    return float(shares[cycle]) if cycle < len(shares) else 0.0


def _last_cycle(shares: Array) -> int:
    """First cycle from which every strategy's share, (n_cycles + 1, strategy), stays below 1 in 100; else the last."""
    above = np.flatnonzero((shares >= 0.01).any(axis=1))
    return int(min(above[-1] + 1, len(shares) - 1)) if len(above) else len(shares) - 1


def _cap_cycles(settings: Settings) -> int | None:
    for name in settings.price_arrangements:
        if name != "list" and settings.schemes[name].drug_cost_cap_cycles is not None:
            return settings.schemes[name].drug_cost_cap_cycles
    return None
