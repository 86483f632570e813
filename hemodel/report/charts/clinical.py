"""What happens to patients: the states through time, and who is still on treatment when a scheme starts to pay."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import altair as alt
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hemodel.evidence.settings import Scheme, Settings, Strategy
from hemodel.report import labels
from hemodel.report.charts.style import (
    INK,
    LIGHT,
    Figure,
    finished,
    fixed,
    line_legend,
    number_axis,
    percent_axis,
    strategy_colour,
    tooltip,
)
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
    years = np.arange(last + 1) * settings.cycle_years
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
        f"On {labels.in_sentence(name)}, half are still alive and free of progression at "
        f"{_months(median_time(free, settings.cycle_years))} "
        f"and half are still alive at {_months(median_time(alive, settings.cycle_years))}."
    )
    alt_text = f"Cohort trace, {name}: stacked areas of the shares progression-free, progressed and dead. {sentence}"
    return Figure(finished(areas, name, 400, alt_text), sentence, alt_text)


def share_on_treatment(on_treatment: Array, settings: Settings, strategies: Collection[str] | None = None) -> Figure:
    """Share still on treatment at the start of each cycle, (n_cycles + 1, strategy), and where the scheme starts to pay.

    The cycles of a cap are counted from 0: a cap of 26 charges cycles 0 to 25, and cycle 26 is the first free one. The
    axis ends when fewer than 1 in 100 are on treatment under every strategy. `strategies`: those with drugs; default all.
    """
    places = [i for i, name in enumerate(settings.strategy_names) if strategies is None or name in strategies]
    last = _last_cycle(on_treatment[:, places])
    cycles = np.arange(last + 1)
    table = pd.concat(
        [
            pd.DataFrame(
                {
                    "cycle": cycles,
                    "years": cycles * settings.cycle_years,
                    "share": on_treatment[: last + 1, i],
                    "strategy": s.label,
                }
            )
            for i, s in enumerate(settings.strategies)
            if i in places
        ],
        ignore_index=True,
    )
    x = alt.X("cycle:Q", title=f"Treatment cycles completed ({labels.cycles_in_a_year(settings)})", scale=fixed(0, last))
    y = alt.Y("share:Q", title="Share still on treatment", scale=fixed(0, 1), axis=percent_axis())
    colour = strategy_colour(settings, places, lines=True)
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
    capped, layers = _capped(settings), [lines]
    if capped is not None and capped.drug_cost_cap_cycles is not None:
        cap = capped.drug_cost_cap_cycles
        treated = [s.label for _, s in _treated(settings, capped.drug)]
        free = table[(table["cycle"] >= cap) & table["strategy"].isin(treated)]
        mark = pd.DataFrame({"cycle": [cap], "top": [1.0], "text": [_STARTS_TO_PAY[settings.scheme_counts]]})
        area = alt.Chart(free).mark_area(opacity=0.25).encode(x=x, y=y, color=colour)
        rule = alt.Chart(mark).mark_rule(color=INK, strokeDash=[5, 3], strokeWidth=1.5).encode(x=x)
        right = cap < 0.6 * last
        text = (
            alt.Chart(mark)
            .mark_text(align="left" if right else "right", dx=6 if right else -6, baseline="top", fontSize=13, color=INK)
            .encode(x=x, y=alt.Y("top:Q"), text="text:N")
        )
        layers = [area, lines, rule, text] if settings.scheme_counts == "calendar" else [lines, rule, text]
        layers = layers if cap <= last else [lines]
    sentence = _who_pays(on_treatment, settings)
    alt_text = f"Share still on treatment by cycle of {labels.cycle(settings)}, a line per strategy. {sentence}"
    return Figure(finished(alt.layer(*layers), "Share still on treatment", 430, alt_text), sentence, alt_text)


_STARTS_TO_PAY = {"calendar": "Where the scheme starts to pay", "dispensed": "Where the scheme pays at the earliest"}


def _who_pays(on_treatment: Array, settings: Settings) -> str:
    """How long a drug is paid for, and by whom, under the first scheme whose terms go by cycles."""
    found = next(((name, scheme) for name, scheme in _schemes(settings) if scheme.kind in _BY_CYCLES), None)
    if found is None:
        return _paid_throughout(settings)
    name, scheme = found
    priced, label, payer = labels.priced(settings, name), settings.drugs[scheme.drug].label, labels.payer(settings)
    drug = labels.in_sentence(label)
    if scheme.free_cycles is not None:
        return f"{label} is paid for from the cycle after the first {scheme.free_cycles} on, {priced}: those are free."
    cap = scheme.drug_cost_cap_cycles
    if cap is None:
        return f"{label} of those without a response by cycle {scheme.response_by_cycle} is refunded, {priced}."
    treated = _treated(settings, scheme.drug)
    if not treated:
        return f"{label} is paid for in its first {cap:,} cycles, {priced}."
    after = f"After {cap:,} cycles ({cap * settings.cycle_years:.1f} years)"
    if cap >= len(on_treatment):
        return f"{after} the horizon is over: {payer} pays for all {drug} within it."
    goes_on = [(i, s) for i, s in treated if s.last_day(settings.cycle_days) > cap * settings.cycle_days]
    shares = [
        f"{labels.percent(_at(on_treatment[:, i], cap))} of those who start {labels.in_sentence(s.label)}" for i, s in goes_on
    ]
    over = [f"{labels.in_sentence(s.label)} is over by then" for i, s in treated if (i, s) not in goes_on]
    if not goes_on:
        return f"{after} nobody is on treatment any more, so {payer} pays for all their {drug}: {labels.listed(over)}."
    ended = f" ({labels.listed(over)})" if over else ""
    pays, no_longer = ("would pay", "would no longer pay") if priced.startswith("if ") else ("pays", "no longer pays")
    start = f"{after} {labels.listed(shares)} are still on treatment{ended}"
    if settings.scheme_counts == "dispensed":
        packs = f"{payer} {pays} for each person's first {cap} packs, for longer where doses were missed"
        return f"{start}. {priced[0].upper()}{priced[1:]}, {packs}."
    return f"{start}: from there on, {priced}, {payer} {no_longer} for their {drug}."


_BY_CYCLES = ("drug_cost_cap", "free_start", "response_refund")


def _schemes(settings: Settings) -> Iterator[tuple[str, Scheme]]:
    """Schemes in use, each with its price arrangement."""
    return ((name, scheme) for name in settings.price_arrangements for scheme in settings.schemes_in(name).values())


def _capped(settings: Settings) -> Scheme | None:
    """The first scheme in use that caps the charged cycles of a drug whose cycles are those of the model."""
    capped = (scheme for _, scheme in _schemes(settings) if scheme.drug_cost_cap_cycles is not None)
    return next((scheme for scheme in capped if _treated(settings, scheme.drug)), None)


def _treated(settings: Settings, drug: str) -> list[tuple[int, Strategy]]:
    """Strategies with a drug, without those that give it in cycles of its own."""
    return [(i, s) for i, s in _numbered(settings) if drug in s.drugs and drug not in s.schedules]


def _paid_throughout(settings: Settings) -> str:
    names = [name for name, drug in settings.drugs.items() if drug.is_priced]
    if not names:
        return "No drug has a price of its own."
    one, drugs = len(names) == 1, labels.drugs_label(settings, names)
    are, their = ("is", "its") if one else ("are", "their")
    first = settings.drugs[names[0]].label
    text = first + drugs[len(first) :]
    return f"{text} {are} paid for as long as treatment lasts: no scheme goes by {their} cycles."


def survival_curves(trace: Mapping[str, Array], settings: Settings) -> Figure:
    """Overall and progression-free survival of every strategy, as the model has them; each state is (n_cycles + 1, strategy)."""
    table, years = _curves(trace, settings)
    names = ["Overall survival", "Progression-free survival"]
    lines = (
        alt.Chart(table)
        .mark_line(strokeWidth=2.5)
        .encode(
            x=alt.X("years:Q", title="Years since the start of treatment", scale=fixed(0, years), axis=number_axis()),
            y=alt.Y("share:Q", title="Share of people", scale=fixed(0, 1), axis=percent_axis()),
            color=strategy_colour(settings, range(len(settings.strategies)), lines=True),
            strokeDash=_curve_dash(names),
            tooltip=tooltip("strategy", "curve", ("years", ".2f"), ("share", ".1%")),
        )
    )
    alive = 1.0 - trace["dead"]
    medians = [
        f"{_months(median_time(alive[:, i], settings.cycle_years))} on {labels.in_sentence(s.label)}"
        for i, s in _numbered(settings)
    ]
    sentence = f"Half are still alive at {labels.listed(medians)}."
    alt_text = f"Lines of overall and progression-free survival of every strategy. {sentence}"
    return Figure(finished(lines, "Survival in the model", 430, alt_text), sentence, alt_text)


def hazard_curves(trace: Mapping[str, Array], settings: Settings) -> Figure:
    """Hazards that go with `survival_curves`, per year, cycle by cycle, while more than 1 in 50 are left at risk."""
    table, years = _curves(trace, settings)
    names = ["Death", "Progression or death"]
    table["curve"] = table["curve"].map(dict(zip(["Overall survival", "Progression-free survival"], names, strict=True)))
    frames = []
    for _, rows in table.groupby(["strategy", "curve"], sort=False):
        share = rows["share"].to_numpy()
        keep = share[1:] > 0.02
        hazard = np.full(len(keep), np.nan)
        hazard[keep] = -np.log(share[1:][keep] / share[:-1][keep]) / settings.cycle_years
        middle = (rows["years"].to_numpy()[1:] + rows["years"].to_numpy()[:-1]) / 2
        frames.append(rows.iloc[1:].assign(years=middle, hazard=hazard)[keep])
    found = pd.concat(frames, ignore_index=True).drop(columns="share")
    highest = 1.05 * float(found["hazard"].max())
    lines = (
        alt.Chart(found)
        .mark_line(strokeWidth=2.5)
        .encode(
            x=alt.X("years:Q", title="Years since the start of treatment", scale=fixed(0, years), axis=number_axis()),
            y=alt.Y("hazard:Q", title="Hazard per year", scale=fixed(0, highest), axis=number_axis()),
            color=strategy_colour(settings, range(len(settings.strategies)), lines=True),
            strokeDash=_curve_dash(names),
            tooltip=tooltip("strategy", "curve", ("years", ".2f"), ("hazard", ".3f")),
        )
    )
    ends = []
    for _, s in _numbered(settings):
        rows = found[(found["strategy"] == s.label) & (found["curve"] == "Death")]
        first, last = rows["hazard"].iloc[0], rows["hazard"].iloc[-1]
        ends.append(f"from {first:.2f} to {last:.2f} a year on {labels.in_sentence(s.label)}")
    sentence = f"The hazard of death goes {labels.listed(ends)} over the time shown."
    alt_text = f"Lines of the hazards of death and of progression or death of every strategy. {sentence}"
    return Figure(finished(lines, "Hazards in the model", 430, alt_text), sentence, alt_text)


def fitted_curves(curves: pd.DataFrame, best: str, unit: str, *, what: str = "survival") -> Figure:
    """Curves fitted to data of one's own beside the data; `what`: "survival" or "hazard".

    `curves`: columns curve (family, or "Kaplan-Meier" for the data), time in `unit`, survival, hazard. `best`: the family that is
    drawn thick.
    """
    families = [str(name) for name in curves["curve"].unique() if name != "Kaplan-Meier"]
    order = ["Kaplan-Meier", best, *(name for name in families if name != best)]
    shown = {name: labels.words(name) if name != "Kaplan-Meier" else _DATA[what] for name in order}
    table = curves.assign(curve=curves["curve"].map(shown), thick=curves["curve"].isin(["Kaplan-Meier", best]))
    names = list(shown.values())
    domain_high = 1.0 if what == "survival" else 1.05 * float(np.nanquantile(table[what], 0.99))
    axis = percent_axis() if what == "survival" else number_axis()
    colours = [INK, *_FAMILY_COLOURS[: len(names) - 1]]
    dashes = [[1, 0], *(_FAMILY_DASHES[i % len(_FAMILY_DASHES)] for i in range(len(names) - 1))]
    title = "Share without the event" if what == "survival" else f"Hazard per {unit.removesuffix('s')}"
    lines = (
        alt.Chart(table[["curve", "time", what, "thick"]])
        .mark_line(clip=True)
        .encode(
            x=alt.X("time:Q", title=f"Time ({unit})", scale=fixed(0, float(table["time"].max())), axis=number_axis()),
            y=alt.Y(f"{what}:Q", title=title, scale=fixed(0, domain_high), axis=axis),
            color=alt.Color(
                "curve:N", title=None, sort=names, scale=alt.Scale(domain=names, range=colours), legend=line_legend()
            ),
            strokeDash=alt.StrokeDash("curve:N", title=None, sort=names, scale=alt.Scale(domain=names, range=dashes)),
            strokeWidth=alt.condition("datum.thick", alt.value(3.2), alt.value(1.4)),
            tooltip=tooltip("curve", ("time", ",.1f"), (what, ".3f")),
        )
    )
    known = curves.loc[(curves["curve"] == "Kaplan-Meier") & curves[what].notna(), "time"]
    last = curves[curves["time"] == known.max()].set_index("curve")
    if what == "survival":
        data, fit = float(last.loc["Kaplan-Meier", what]), float(last.loc[best, what])
        found = f"without the event are {labels.percent(data)} in the data and {labels.percent(fit)} on the curve"
    else:
        data, fit = float(last.loc["Kaplan-Meier", what]), float(last.loc[best, what])
        found = f"the smoothed hazard is {data:.3g} and that of the curve {fit:.3g}"
    sentence = f"The curve of lowest AIC is {labels.in_sentence(shown[best])}: at the end of the data {found}."
    alt_text = f"Lines of the {what} of the data and of {len(families)} fitted curves. {sentence}"
    height = 420 + 22 * len(names)
    return Figure(
        finished(lines, "Fitted curves" if what == "survival" else "Their hazards", height, alt_text), sentence, alt_text
    )


_DATA = {"survival": "Your data (Kaplan-Meier)", "hazard": "Your data (smoothed)"}
_FAMILY_COLOURS = ("#00436C", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#6B6B6B", "#882255", "#117733")
_FAMILY_DASHES = ([1, 0], [7, 4], [2, 3], [10, 3, 2, 3])


def _curves(trace: Mapping[str, Array], settings: Settings) -> tuple[pd.DataFrame, float]:
    """Rows years, share, strategy, curve, and the end of the axis in years."""
    free, alive = trace["progression_free"], 1.0 - trace["dead"]
    last = _last_cycle(alive)
    years = np.arange(last + 1) * settings.cycle_years
    frames = [
        pd.DataFrame({"years": years, "share": shares[: last + 1, i], "strategy": s.label, "curve": name})
        for i, s in _numbered(settings)
        for name, shares in (("Overall survival", alive), ("Progression-free survival", free))
    ]
    return pd.concat(frames, ignore_index=True), float(years[-1])


def _numbered(settings: Settings) -> list[tuple[int, Strategy]]:
    return list(enumerate(settings.strategies))


def _curve_dash(names: list[str]) -> Any:
    scale = alt.Scale(domain=names, range=[[1, 0], [6, 4]])
    return alt.StrokeDash("curve:N", title=None, scale=scale, legend=line_legend())


def _months(years: float) -> str:
    return f"{12 * years:.1f} months" if np.isfinite(years) else "no time within the horizon"


def _at(shares: Array, cycle: int) -> float:
    """Share at the start of a cycle; none beyond the horizon."""
    return float(shares[cycle]) if cycle < len(shares) else 0.0


def _last_cycle(shares: Array) -> int:
    """First cycle from which every strategy's share, (n_cycles + 1, strategy), stays below 1 in 100; else the last."""
    above = np.flatnonzero((shares >= 0.01).any(axis=1))
    return int(min(above[-1] + 1, len(shares) - 1)) if len(above) else len(shares) - 1
