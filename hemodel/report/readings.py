"""What an analysis of uncertainty says, in a sentence: it stands under its chart, on its sheet and in the text for screen readers.

Every sentence is made of the numbers of the table that it reads, unrounded until they are words.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hemodel.analyses.base_case import BaseCase
from hemodel.analyses.global_sensitivity import Sensitivity
from hemodel.analyses.one_way import OneWay
from hemodel.analyses.request import request
from hemodel.analyses.severity import Modifiers
from hemodel.analyses.thresholds import given, pack_price
from hemodel.decision.incremental import DOMINATED, EXTENDEDLY_DOMINATED, IcerKind, kind_of_icer
from hemodel.evidence.distributions import Z_95
from hemodel.evidence.inputs import Inputs
from hemodel.evidence.settings import Settings
from hemodel.report import labels

MOST_ERRORS_AWAY = 8.0
"""Standard errors from its value beyond which a turning point is no longer told."""
LEAST_WORTH = 1.0
"""Money per person below which the value of knowing a parameter is counted and not shown."""
NET_BENEFIT = "incremental_net_monetary_benefit"
SERIES: Mapping[str, tuple[tuple[str, str | tuple[str, str] | None], ...]] = {
    "sobol": (("ST", "ST_conf"), ("S1", "S1_conf")),
    "morris": (("mu_star", "mu_star_conf"), ("sigma", None)),
    "fast": (("ST", None), ("S1", None)),
    "rbd_fast": (("S1", "S1_conf"),),
    "delta": (("delta_balanced", "delta_balanced_conf"), ("S1", "S1_conf")),
    "pawn": (("median", ("minimum", "maximum")),),
}
"""Method -> the indices that are shown, the leading one first, each with its half-width or the two ends of its range."""


def circumstances(inputs: Inputs, price_arrangement: str | None = None, threshold: float | None = None) -> str:
    """Price and threshold of an analysis as they stand inside a sentence, with the defaults of the analyses."""
    settings = inputs.settings
    arrangement, _, threshold = request(inputs, price_arrangement, None, threshold)
    return f"{labels.priced(settings, arrangement)} at {labels.money(threshold, settings)} per QALY"


def against(settings: Settings) -> str:
    """The words against whom, after a space, for what compares two strategies where there are more; nothing where there are two."""
    if len(settings.strategies) == 2:
        return ""
    return f" against {labels.in_sentence(labels.strategy_label(settings, settings.comparator))}"


def told_against(frame: pd.DataFrame, settings: Settings) -> pd.DataFrame:
    """`frame` with a `reading` that says against whom where there are more than two strategies: the ICER is against the comparator."""
    words = against(settings)
    if not words:
        return frame
    return frame.assign(reading=[r if kind_of_icer(r) is IcerKind.REFERENCE else f"{r}{words}" for r in frame["reading"]])


def end_of_life(found: Modifiers) -> list[str]:
    """Whether the end-of-life advice is met, by strategy, named where there are several."""
    settings, several = found.base.inputs.settings, len(found.end_of_life) > 1
    return [
        f"{labels.strategy_label(settings, name)}: {judged.reading}" if several else judged.reading
        for name, judged in found.end_of_life.items()
    ]


def standing(base: BaseCase, arrangement: str, strategy: str) -> str:
    """How a strategy stands among all of them, in words; nothing where it is not dominated."""
    status = base.incremental(arrangement).set_index("strategy")["status"]
    return {DOMINATED: "dominated by another strategy", EXTENDEDLY_DOMINATED: "extendedly dominated by a mix of two others"}.get(
        str(status[strategy]), ""
    )


def is_price_of_a_qaly(table: pd.DataFrame) -> NDArray[np.bool_]:
    """Whether the ICER of each row is the price of a QALY gained, which can be held against a threshold."""
    found: NDArray[np.bool_] = np.isfinite(table["icer"].to_numpy(dtype=np.float64)) & np.array(
        [kind_of_icer(reading) is IcerKind.GAINED for reading in table["reading"]], dtype=bool
    )
    return found


def icer_range(table: pd.DataFrame, settings: Settings) -> str:
    """From where to where the ICERs of a table run and how many are within the thresholds; empty if there are none."""
    icers = table["icer"].to_numpy(dtype=np.float64)[is_price_of_a_qaly(table)]
    if not len(icers):
        return ""
    highest, *lower = reversed(settings.threshold_values)
    within = [f"{int((icers <= highest).sum())} of {len(icers)} at or below {labels.money(highest, settings)}"]
    within += [f"{int((icers <= t).sum())} at or below {labels.money(t, settings)}" for t in lower]
    return (
        f"from {labels.money(float(icers.min()), settings)} to {labels.money(float(icers.max()), settings)} per QALY, "
        f"{labels.listed(within)}"
    )


# --- one and two parameters at a time --------------------------------------------------------------------------------------


def tornado(one_way: OneWay, outcome: str = NET_BENEFIT) -> str:
    """Which parameter moves the outcome most, and how many turn the decision alone."""
    table, settings = one_way.tornado(outcome), one_way.inputs.settings
    name = labels.in_sentence(labels.INCREMENTS[outcome])
    base = one_way.base[outcome]
    start = f"The base case has no {name}."
    if np.isfinite(base):
        where = labels.priced(settings, one_way.price_arrangement)
        where += f" at {labels.money(one_way.threshold, settings)} per QALY" if outcome == NET_BENEFIT else ""
        start = f"The {name}{against(settings)} {where} is {amount(base, outcome, settings)} in the base case."
    if table.empty:
        return f"{start} No parameter is uncertain."
    parts = [start]
    drawable = table[can_be_compared(table, outcome)]
    if len(drawable):
        first = drawable.iloc[0]
        parts.append(
            f"“{first['label']}” moves it most: {amount(float(first[f'{outcome}_low']), outcome, settings)} at "
            f"{labels.measured(str(first['unit']), settings, float(first['low']))} and "
            f"{amount(float(first[f'{outcome}_high']), outcome, settings)} at "
            f"{labels.measured(str(first['unit']), settings, float(first['high']))}."
        )
    if outcome == NET_BENEFIT:
        ends = one_way.table[[f"{NET_BENEFIT}_low", f"{NET_BENEFIT}_high"]].to_numpy(dtype=np.float64)
        turning = int(((ends > 0) != (base > 0)).any(axis=1).sum())
        parts.append(
            f"{_some(turning)} of the {len(ends)} parameters, alone, {_change(turning)} the decision within its 95% interval."
        )
    if missing := len(table) - len(drawable):
        parts.append(f"At an end of {missing} {'intervals' if missing > 1 else 'interval'} there is no price of a QALY gained.")
    return " ".join(parts)


def can_be_compared(table: pd.DataFrame, outcome: str) -> NDArray[np.bool_]:
    """Rows of a tornado that can be drawn: both ends are numbers and, for an ICER, both are the price of a QALY gained."""
    ends = table[[f"{outcome}_low", f"{outcome}_high"]].to_numpy(dtype=np.float64)
    found: NDArray[np.bool_] = np.isfinite(ends).all(axis=1)
    if outcome == "icer":
        words = table[["reading_low", "reading_high"]].to_numpy(dtype=object)
        found &= np.array([all(kind_of_icer(word) is IcerKind.GAINED for word in row) for row in words], dtype=bool)
    return found


def amount(value: float, outcome: str, settings: Settings) -> str:
    """A value of an outcome of the analyses with its unit."""
    if outcome == "incremental_qalys":
        return f"{labels.qalys(value)} QALYs"
    return labels.money(value, settings) + (" per QALY" if outcome == "icer" else "")


def two_way(table: pd.DataFrame, inputs: Inputs, *, price_arrangement: str | None = None, threshold: float | None = None) -> str:
    """In how many pairs of values the intervention is cost-effective."""
    settings = inputs.settings
    arrangement, strategy, threshold = request(inputs, price_arrangement, None, threshold)
    above, n = int((table[NET_BENEFIT] > 0).sum()), len(table)
    name = labels.in_sentence(labels.strategy_label(settings, strategy))
    where = circumstances(inputs, arrangement, threshold)
    where = f"{against(settings)} {where}".lstrip()
    if above in (0, n):
        verdict = f"cost-effective {where} in all of them" if above else f"not cost-effective {where} in any of them"
        return f"None of the {n} pairs of values changes the decision: {name} is {verdict}."
    return f"In {above} of the {n} pairs of values ({labels.percent(above / n, 0)}) {name} is cost-effective {where}."


def decision_drivers(
    table: pd.DataFrame, inputs: Inputs, *, price_arrangement: str | None = None, threshold: float | None = None
) -> str:
    """The parameter whose change turns the decision first, and how many others could."""
    settings = inputs.settings
    near = turning_points(table)
    where = circumstances(inputs, price_arrangement, threshold)
    if near.empty:
        return f"No parameter, alone, changes the decision {where} within {MOST_ERRORS_AWAY:g} standard errors of its value."
    first = near.iloc[0]
    unit = str(first["unit"])
    return (
        f"The decision {where} changes first with “{first['label']}”: at "
        f"{labels.measured(unit, settings, float(first['flips_at']))} (now {labels.measured(unit, settings, float(first['value']))}), "
        f"{abs(float(first['standard_errors_away'])):.1f} standard errors away. {len(near)} of {len(table)} parameters, alone, "
        f"{_change(len(near))} it within {MOST_ERRORS_AWAY:g} standard errors."
    )


def turning_points(table: pd.DataFrame) -> pd.DataFrame:
    """The parameters of `decision_drivers` that turn the decision within 8 standard errors, nearest first."""
    near = table[table["standard_errors_away"].abs() <= MOST_ERRORS_AWAY]
    return near.sort_values("standard_errors_away", key=abs, kind="stable", ignore_index=True)


def price_and_probability(table: pd.DataFrame, inputs: Inputs, *, price_arrangement: str | None = None) -> str:
    """The probability at the list price of the pack, and the price at which it is one half."""
    drug = str(table["drug"].iloc[0])
    arrangement, strategy, _ = request(inputs, price_arrangement, given(inputs, drug), None)
    settings, price = inputs.settings, pack_price(inputs, drug).value
    rows = table[table["strategy"] == strategy].sort_values("pack_price")
    x = rows["pack_price"].to_numpy(dtype=np.float64)
    now, halves = [], []
    for threshold in settings.threshold_values:
        y = rows[f"probability_cost_effective_{threshold:.0f}"].to_numpy(dtype=np.float64)
        now.append(f"{labels.percent(float(np.interp(price, x, y)))} at {labels.money(threshold, settings)}")
        half = _crossing(x, y, 0.5)
        found = f"at {labels.money(half, settings)} a pack" if np.isfinite(half) else "at no price shown"
        halves.append(f"{found} (threshold {labels.money(threshold, settings)})")
    name = labels.in_sentence(labels.strategy_label(settings, strategy))
    where = (
        f"At a list price of {labels.money(price, settings)} a {labels.pack(inputs, drug)}, {under_scheme(settings, arrangement)}"
    )
    return (
        f"{where}, {name} is cost-effective with a probability of "
        f"{labels.listed(now)} per QALY. The probability is one half {labels.listed(halves)}."
    )


# --- value of information --------------------------------------------------------------------------------------------------


def evpi_curve(curves: Mapping[str, pd.DataFrame], settings: Settings) -> str:
    """What perfect information is worth at each threshold, under each price arrangement."""
    parts = []
    for arrangement, frame in curves.items():
        worth = [f"{labels.money(evpi_at(frame, t), settings)} at {labels.money(t, settings)}" for t in settings.threshold_values]
        parts.append(f"{labels.listed(worth)} per QALY {labels.priced(settings, arrangement)}")
    return f"To know every parameter would be worth, for each person, {'; '.join(parts)}."


def evpi_at(frame: pd.DataFrame, threshold: float) -> float:
    """EVPI per person at a threshold of a curve, GBP; between two of its thresholds on the line between them."""
    return float(np.interp(threshold, frame["threshold"], frame["evpi"], left=np.nan, right=np.nan))


def evppi(
    table: pd.DataFrame,
    inputs: Inputs,
    *,
    evpi: float | None = None,
    price_arrangement: str | None = None,
    threshold: float | None = None,
) -> str:
    """Which parameters it would be worth most to know."""
    settings = inputs.settings
    first = table.sort_values("evppi", ascending=False, kind="stable").iloc[0]
    label = labels.parameters_label(inputs.parameters, first["parameters"])
    share = (
        f", {labels.percent(float(first['evppi']) / evpi, 0)} of {labels.money(evpi, settings)} for everything" if evpi else ""
    )
    where = circumstances(inputs, price_arrangement, threshold)
    worthless = int((table["evppi"] < LEAST_WORTH).sum())
    rest = f" {worthless} of {len(table)} would be worth less than {labels.money(LEAST_WORTH, settings)}." if worthless else ""
    return f"It would be worth most to know “{label}”: {labels.money(float(first['evppi']), settings)} per person {where}{share}.{rest}"


def evsi(table: pd.DataFrame, inputs: Inputs, *, price_arrangement: str | None = None, threshold: float | None = None) -> str:
    """The size of study with the highest expected net benefit of sampling, and what it tells."""
    settings = inputs.settings
    where = circumstances(inputs, price_arrangement, threshold)
    best = best_study(table)
    if float(best["expected_net_benefit"]) <= 0:
        return f"No study of the sizes shown is worth its cost {where}: its expected net benefit is highest, {_enbs(best, settings)}."
    noisy = " (less only because both are estimates with an error)" if best["evsi"] > best["evppi"] else ""
    return (
        f"The expected net benefit of a study {where} is highest, {_enbs(best, settings)}. Its findings are worth "
        f"{labels.money(float(best['evsi']), settings)} per person; to know the parameters themselves would be worth "
        f"{labels.money(float(best['evppi']), settings)}{noisy}."
    )


def best_study(table: pd.DataFrame) -> pd.Series:
    """The row with the highest expected net benefit of sampling."""
    return table.iloc[int(table["expected_net_benefit"].to_numpy().argmax())]


def under_scheme(settings: Settings, arrangement: str) -> str:
    """A price arrangement where the price itself moves: "without a scheme", "with the patient access scheme"."""
    return "without a scheme" if arrangement == "list" else labels.priced(settings, arrangement)


def _enbs(best: pd.Series, settings: Settings) -> str:
    benefit, cost = float(best["expected_net_benefit"]), float(best["study_cost"])
    size, paid = f"{int(best['n']):,} people in each group", labels.millions(cost, settings)
    return f"{labels.millions(benefit, settings)}, with {size}, after {paid} for the study"


def convergence(
    table: pd.DataFrame, inputs: Inputs, *, price_arrangement: str | None = None, threshold: float | None = None
) -> str:
    """How far the mean is settled after all draws, and how much it moved over the second half of them."""
    settings = inputs.settings
    last = table.iloc[-1]
    half = table.iloc[int((table["draws"] - last["draws"] / 2).abs().to_numpy().argmin())]
    mean, error = float(last[NET_BENEFIT]), float(last["standard_error"])
    moved = abs(mean - float(half[NET_BENEFIT]))
    settled = abs(mean) > Z_95 * error
    return (
        f"After {int(last['draws']):,} draws the incremental net monetary benefit{against(settings)} "
        f"{circumstances(inputs, price_arrangement, threshold)} is {labels.money(mean, settings)} with a standard error of "
        f"{labels.money(error, settings)}; over the second half of the draws it moved by {labels.money(moved, settings)}. More draws "
        f"{'would not change the decision' if settled else 'could still change the decision'}."
    )


def banded(table: pd.DataFrame, value: str) -> pd.DataFrame:
    """The table with `low` and `high`, 1.96 standard errors either side of `value`."""
    return table.assign(low=table[value] - Z_95 * table["standard_error"], high=table[value] + Z_95 * table["standard_error"])


# --- all parameters together -----------------------------------------------------------------------------------------------


def global_sensitivity(sensitivity: Sensitivity, inputs: Inputs) -> str:
    """Which parameters drive the spread of the outcome most."""
    leading, _ = SERIES[sensitivity.method][0]
    table = sensitivity.table.sort_values(leading, ascending=False, kind="stable")
    name = labels.in_sentence(labels.INCREMENTS[sensitivity.outcome])
    shown = []
    for row in table.head(3).to_dict("records"):
        value = float(row[leading])
        text = amount(value, sensitivity.outcome, inputs.settings) if sensitivity.method == "morris" else f"{value:.2f}"
        shown.append(f"“{labels.parameters_label(inputs.parameters, row['members'])}” ({text})")
    index = labels.in_sentence(labels.INDICES[leading])
    return (
        f"The {name} depends most on {labels.listed(shown)}: {'PAWN, median' if sensitivity.method == 'pawn' else index}, "
        f"from {sensitivity.evaluations:,} runs of the model."
    )


# --- money and other populations -------------------------------------------------------------------------------------------


def budget(table: pd.DataFrame, settings: Settings) -> str:
    """Budget impact over all years under each price arrangement."""
    parts = []
    for arrangement, rows in table.groupby("price_arrangement", sort=False):
        total, first = float(rows["budget_impact"].sum()), float(rows["budget_impact"].iloc[0])
        last = float(rows["budget_impact"].iloc[-1])
        over = f"from {labels.millions(first, settings)} in the first year to {labels.millions(last, settings)} in the last"
        parts.append(f"{labels.millions(total, settings)} {labels.priced(settings, str(arrangement))} ({over})")
    return f"Over {table['year'].nunique()} years the budget impact is {'; '.join(parts)}."


def comparison(table: pd.DataFrame, settings: Settings) -> str:
    """From where to where the ICERs of all populations and scenarios run, under each price arrangement."""
    parts = []
    for arrangement, rows in table.groupby("price_arrangement", sort=False):
        if words := icer_range(rows, settings):
            parts.append(f"{labels.priced(settings, str(arrangement))} {words}")
    n = table["population"].nunique()
    start = f"Over {n} {'populations' if n > 1 else 'population'} the ICER runs"
    return f"{start} {'; '.join(parts)}." if parts else "No population has an ICER that can be drawn."


def _some(number: int) -> str:
    return str(number) if number else "None"


def _change(number: int) -> str:
    return "changes" if number == 1 else "change"


def _crossing(x: NDArray[np.float64], y: NDArray[np.float64], level: float) -> float:
    """Where a polygon first crosses a level; NaN where it does not."""
    turns = np.flatnonzero((y[:-1] - level) * (y[1:] - level) <= 0)
    if not len(turns) or y[turns[0]] == y[turns[0] + 1]:
        return float("nan")
    i = int(turns[0])
    return float(x[i] + (level - y[i]) * (x[i + 1] - x[i]) / (y[i + 1] - y[i]))
