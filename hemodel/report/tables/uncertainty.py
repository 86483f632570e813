"""What is not known: the probabilistic analysis, one parameter and all of them, information, scenarios, populations, the budget."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hemodel.analyses.base_case import BaseCase
from hemodel.analyses.global_sensitivity import Sensitivity
from hemodel.analyses.one_way import OneWay
from hemodel.analyses.psa import PSA
from hemodel.analyses.scenarios import Scenarios
from hemodel.analyses.thresholds import Threshold, drug_of_price
from hemodel.decision.net_benefit import net_health_benefit
from hemodel.evidence.inputs import Inputs
from hemodel.evidence.settings import Settings
from hemodel.report import labels, readings
from hemodel.report.tables.cells import (
    DISCOUNTING_NOTE,
    NAN,
    TECHNOLOGIES,
    TOTAL,
    by_strategy,
    column_of,
    drop_lone_technology,
    framed,
    icer_cell,
    per_qaly,
)
from hemodel.report.tables.results import NOT_APPLICABLE, base_case_columns

PSA_FOOTER = (
    f"{labels.abbreviations('ICER', 'LYG', 'PSA', 'QALYs')} {DISCOUNTING_NOTE} Increments against the comparator, draw by draw. "
    "95% interval: percentiles of the draws, what is not known; Monte Carlo error: standard error of the mean, what more draws "
    "would remove. The ICER is the ratio of the mean increments."
)
EVPI_FOOTER = f"{labels.abbreviations('EVPI', 'QALY')} EVPI per person to whom the decision applies."
SCENARIO_PRICES_FOOTER = f"{labels.abbreviations('ICER', 'LYG', 'QALYs')} {DISCOUNTING_NOTE} Against the comparator."
SCENARIO_FOOTER = f"{labels.abbreviations('ICER', 'LYG', 'NHB', 'QALYs')} {DISCOUNTING_NOTE} Against the comparator."
TORNADO_FOOTER = (
    "Each parameter alone at the ends of its 95% interval, all others at their value; what is correlated with it moves to where it "
    "is then expected. Swing: difference between the two ends. The death rates after progression stay where they are."
)
DRIVERS_FOOTER = (
    "Each parameter alone, all others at their value. Standard errors away: from its value, below zero where it would have to "
    "fall. The death rates after progression stay where they are; the form derives them anew when a survival input is changed, so "
    "the value found here for a median or a hazard ratio need not change the decision when it is typed there."
)
THRESHOLD_FOOTER = (
    f"{labels.abbreviations('ICER', 'QALY')} Found on the net benefit, which is zero where the ICER meets the threshold."
)
PRICE_FOOTER = "The other strengths in proportion. The same draws at every price."
CONVERGENCE_FOOTER = (
    f"{labels.abbreviations('EVPI', 'ICER', 'QALY')} Running means in the order of the draws. Monte Carlo error: standard error of the "
    "mean, what more draws would remove."
)
EVPI_CURVE_FOOTER = f"{labels.abbreviations('EVPI', 'QALY')} EVPI per person to whom the decision applies."
EVPPI_FOOTER = f"{labels.abbreviations('EVPI', 'EVPPI')} By regression on the draws of the probabilistic analysis."
EVSI_FOOTER = (
    f"{labels.abbreviations('EVPPI', 'EVSI')} EVPPI: what a study without end would tell. Expected net benefit of sampling: EVSI for "
    "the population less the cost of the study."
)
GLOBAL_FOOTER = (
    "First-order effect: share of the variance that a parameter explains alone; total effect: with its interactions. Elementary "
    "effects (Morris): change over the parameter's range, in the unit of the outcome. Delta and PAWN: how far the distribution "
    "of the outcome changes with the parameter. Correlated parameters form one group where the method allows it."
)
BUDGET_FOOTER = "Cash of each year, undiscounted, under each price as it is paid."
COMPARISON_FOOTER = (
    f"{labels.abbreviations('ICER', 'LYG', 'QALYs')} {DISCOUNTING_NOTE} Against the comparator; the change is against the base case "
    "of the same population."
)
ARRANGEMENT = "Price arrangement"
OFF = "Off the list price"
MOST_ACROSS = 8
"""Columns of a grid of money that fit on a small screen and on paper."""
_QUANTITIES = ("costs", "life_years", "qalys")


def psa_table(psa: PSA, price_arrangement: str, base: BaseCase | None = None) -> pd.DataFrame:
    """Means over draws with Monte Carlo errors and 95% intervals, NICE's columns; the deterministic result beside them.

    By increasing mean cost. Intervals of increments are of the draws' paired differences, against the comparator.
    """
    found = psa.table[psa.table["price_arrangement"] == price_arrangement].to_dict("records")
    rows: list[tuple[object, ...]] = []
    for row in sorted(found, key=lambda row: float(row["costs"])):
        label = labels.strategy_label(psa.inputs.settings, row["strategy"])
        if base is not None:
            rows.append((label, "Deterministic", *_deterministic_cells(base, price_arrangement, row["strategy"])))
        rows += [(label, *cells) for cells in _probabilistic_cells(psa, price_arrangement, row)]
    chances = [f"Probability cost-effective at {per_qaly(t, psa.inputs.settings)}" for t in psa.inputs.settings.threshold_values]
    return framed((TECHNOLOGIES, "Analysis", *base_case_columns(psa.inputs.settings)[1:8], *chances), rows)


def _deterministic_cells(base: BaseCase, arrangement: str, strategy: str) -> list[object]:
    row = by_strategy(base, arrangement)[strategy]
    cells = [row[name] for name in (*_QUANTITIES, *(f"incremental_{q}" for q in _QUANTITIES))]
    return [*cells, icer_cell(row, base.inputs.settings), *[NAN] * len(base.inputs.settings.threshold_values)]


def _probabilistic_cells(psa: PSA, arrangement: str, row: Mapping[Any, Any]) -> list[tuple[object, ...]]:
    """Mean, Monte Carlo error and the ends of the interval, for one strategy; a cell per column from the total costs on."""
    thresholds = [f"{t:.0f}" for t in psa.inputs.settings.threshold_values]
    place = psa.strategies.index(str(row["strategy"]))
    steps = [f"incremental_{q}" for q in _QUANTITIES]
    mean = [row[name] for name in (*_QUANTITIES, *steps)]
    error = [row[f"se_{name}"] for name in (*_QUANTITIES, *steps)]
    chance = [row[f"probability_cost_effective_{t}"] for t in thresholds]
    chance_error = [row[f"se_probability_{t}"] for t in thresholds]
    found = [
        ("Probabilistic: mean", *mean, icer_cell(row, psa.inputs.settings), *chance),
        ("Probabilistic: Monte Carlo error", *error, row["se_icer"], *chance_error),
    ]
    for words, end, share in (("lower", "low", 0.025), ("upper", "high", 0.975)):
        totals = [np.quantile(x[place], share) for x in (psa.costs[arrangement], psa.life_years, psa.qalys)]
        cells = [row[f"{name}_{end}"] for name in steps]
        found.append((f"Probabilistic: 95% interval, {words}", *totals, *cells, NAN, *[NAN] * len(thresholds)))
    return found


def probability_table(psa: PSA) -> pd.DataFrame:
    """Probability of being cost-effective at each threshold, by price arrangement and strategy."""
    settings, found = psa.inputs.settings, psa.table
    frame = pd.DataFrame(
        {
            TECHNOLOGIES: [labels.strategy_label(settings, str(name)) for name in found["strategy"]],
            ARRANGEMENT: [labels.arrangement_short(settings, str(name)) for name in found["price_arrangement"]],
        }
    )
    for threshold in settings.threshold_values:
        chance = found[f"probability_cost_effective_{threshold:.0f}"]
        frame[f"Probability cost-effective at {per_qaly(threshold, settings)}"] = chance.to_numpy()
    return frame


def evpi_table(psa: PSA) -> pd.DataFrame:
    """The choice by expected net benefit and what perfect information would be worth, by price arrangement and threshold."""
    settings, rows = psa.inputs.settings, []
    for arrangement in psa.price_arrangements:
        frontier = psa.acceptability_frontier(arrangement, settings.threshold_values)
        for threshold in settings.threshold_values:
            value, choice = psa.evpi(arrangement, threshold), frontier.loc[threshold]
            rows.append(
                (
                    labels.arrangement_short(settings, arrangement),
                    labels.strategy_label(settings, str(choice["strategy"])),
                    threshold,
                    choice["probability"],
                    value.value,
                    value.standard_error,
                )
            )
    columns = (
        ARRANGEMENT,
        "Highest expected net benefit",
        f"Threshold ({settings.sign}/QALY)",
        "Probability cost-effective of that choice",
        f"EVPI per person ({settings.sign})",
        f"Monte Carlo error of the EVPI ({settings.sign})",
    )
    return framed(columns, rows)


def scenario_table(scenarios: Scenarios, price_arrangement: str) -> pd.DataFrame:
    """Every scenario beside the base case under one price arrangement, with its reason; against the comparator.

    The change in the ICER is missing where one of the two is not the price of a QALY gained.
    """
    settings = scenarios.results[0].inputs.settings
    table = scenarios.table
    table = table[table["price_arrangement"] == price_arrangement]
    frame = _increments_and_icer(table, settings)
    frame.insert(0, "Scenario", table["label"].to_list())
    for threshold in settings.threshold_values:
        frame[f"Incremental NHB at {per_qaly(threshold, settings)}"] = net_health_benefit(
            table["incremental_costs"].to_numpy(), table["incremental_qalys"].to_numpy(), threshold
        )
    frame["Why"] = table["why"].to_list()
    return drop_lone_technology(frame, settings)


def scenario_prices_table(scenarios: Scenarios, strategy: str) -> pd.DataFrame:
    """Every scenario in one row, with its costs and ICER under each price arrangement and its reason; one strategy against the comparator.

    The change in the ICER is as in `scenario_table`. A price arrangement that a scenario does not have is not applicable there.
    """
    settings = scenarios.results[0].inputs.settings
    table = scenarios.table[scenarios.table["strategy"] == strategy]
    whole = _increments_and_icer(table, settings).drop(columns=TECHNOLOGIES).set_index(table["scenario"].to_numpy())
    first = ~whole.index.duplicated()
    frame = whole.loc[first, ["Incremental LYG", "Incremental QALYs"]]
    frame.insert(0, "Scenario", table["label"].to_numpy()[first])
    names = settings.price_arrangements
    short = {name: "list price" if name == "list" else labels.arrangement_short(settings, name) for name in names}
    if len(names) == 2 and "list" in names:
        short |= {name: "scheme" for name in names if name != "list"}
    for name in names:
        of_price = whole[(table["price_arrangement"] == name).to_numpy()]
        for column in (
            f"Incremental costs ({settings.sign})",
            f"ICER ({settings.sign}/QALY)",
            f"Change in ICER ({settings.sign}/QALY)",
        ):
            cells = of_price[column].reindex(frame.index).astype(object)
            heading = f"Change in ICER ({settings.sign})" if column.startswith("Change") else column
            frame[f"{heading}, {short[name]}"] = [
                cell if scenario in of_price.index else NOT_APPLICABLE for scenario, cell in cells.items()
            ]
    frame["Why"] = table["why"].to_numpy()[first]
    return frame.reset_index(drop=True)


def comparison_table(table: pd.DataFrame, settings: Settings) -> pd.DataFrame:
    """Every scenario in every population under every price arrangement; `table`: as `run_comparison` returns it.

    The change in the ICER is against the base case of the same population.
    """
    frame = _increments_and_icer(table, settings)
    frame.insert(0, "Population", table["population_label"].to_list())
    frame.insert(1, "Scenario", table["label"].to_list())
    frame.insert(2, ARRANGEMENT, [labels.arrangement_short(settings, str(name)) for name in table["price_arrangement"]])
    return drop_lone_technology(frame, settings)


def _increments_and_icer(table: pd.DataFrame, settings: Settings) -> pd.DataFrame:
    """Technologies, increments, ICER in words where a number would mislead, and its change, of a table of scenarios."""
    icers = table["icer"].where(readings.is_price_of_a_qaly(table))
    keys = [name for name in ("population", "price_arrangement", "strategy") if name in table]
    base = icers.groupby([table[key] for key in keys], sort=False).transform(lambda rows: rows.iloc[0])
    return pd.DataFrame(
        {
            TECHNOLOGIES: [labels.strategy_label(settings, str(name)) for name in table["strategy"]],
            f"Incremental costs ({settings.sign})": table["incremental_costs"].to_numpy(),
            "Incremental LYG": table["incremental_life_years"].to_numpy(),
            "Incremental QALYs": table["incremental_qalys"].to_numpy(),
            f"ICER ({settings.sign}/QALY)": column_of(icer_cell(row, settings) for row in table.to_dict("records")),
            f"Change in ICER ({settings.sign}/QALY)": (icers - base).to_numpy(dtype=np.float64),
        }
    )


# --- one parameter, two, all of them ---------------------------------------------------------------------------------------


def tornado_table(one_way: OneWay, outcome: str = readings.NET_BENEFIT, *, top: int | None = None) -> pd.DataFrame:
    """Every parameter with the ends of its 95% interval and the outcome at both, by falling swing.

    An ICER that is not the price of a QALY gained is said in words, and such a row has no swing in numbers.
    """
    found = one_way.tornado(outcome, top)
    comparable = readings.can_be_compared(found, outcome)
    heading, rows = labels.increment(outcome, one_way.inputs.settings), []
    for row, has_swing in zip(found.to_dict("records"), comparable, strict=True):
        ends = [row[f"{outcome}_low"], row[f"{outcome}_high"]]
        if outcome == "icer":
            ends = [
                icer_cell({"icer": end, "reading": row[f"reading_{side}"]}, one_way.inputs.settings)
                for end, side in zip(ends, ("low", "high"), strict=True)
            ]
        rows.append((row["label"], row["unit"], row["low"], row["high"], *ends, row["swing"] if has_swing else "not comparable"))
    columns = ("Parameter", "Unit", "95% low", "95% high", f"{heading} at low", f"{heading} at high")
    return framed(
        (*columns, "Swing in QALYs" if outcome == "incremental_qalys" else f"Swing ({heading.partition(' (')[2]}"), rows
    )


def two_way_table(table: pd.DataFrame, inputs: Inputs, *, whole: bool = False) -> pd.DataFrame:
    """Incremental net monetary benefit over the grid: a row for each value of the first parameter, a column for each of the second.

    `table`: as `run_two_way` returns it. Of a fine grid every other value, which fits on a screen and on paper; `whole`: all of them.
    """
    first, second = (str(name) for name in table.columns[:2])
    grid = table.pivot_table(index=first, columns=second, values=readings.NET_BENEFIT)
    step = _every(table, whole)
    grid = grid.iloc[::step, ::step]
    columns = [f"{text} ({inputs.settings.sign})" for text in _told_apart(grid.columns.to_numpy(dtype=np.float64))]
    label = inputs.parameters[first].label
    frame = framed(columns, grid.to_numpy().tolist())
    frame.insert(0, f"{label}, {labels.in_words(inputs.parameters[first].unit)}", grid.index.to_numpy())
    return frame


def _told_apart(values: NDArray[np.float64]) -> list[str]:
    """Numbers with three significant digits, or as many more as keep them apart; whole units of money and years are never cut short.

    >>> _told_apart(np.array([0.0, 1_023.75, 2_047.5])), _told_apart(np.array([0.25, 0.5]))
    (['0', '1,024', '2,048'], ['0.25', '0.5'])
    """
    texts = [[_significant(value, digits) for value in values] for digits in (3, 4, 5, 6, 9)]
    return next((found for found in texts if len(set(found)) == len(values)), texts[-1])


def _significant(value: float, digits: int) -> str:
    """A number with so many significant digits, but never fewer than it has before the point."""
    return f"{value:,.{max(digits, len(f'{abs(value):.0f}'))}g}"


def _every(table: pd.DataFrame, whole: bool) -> int:
    """2 where every other value of a grid is shown, 1 where all of them are."""
    return 1 if whole or table.iloc[:, 1].nunique() <= MOST_ACROSS else 2


def two_way_footer(table: pd.DataFrame, inputs: Inputs, *, whole: bool = False) -> str:
    """What the rows and columns of `two_way_table` are."""
    first, second = (inputs.parameters[str(name)] for name in table.columns[:2])
    units = [labels.in_words(parameter.unit) for parameter in (first, second)]
    return (
        f"Incremental net monetary benefit. Rows: {first.label} ({units[0]}). Columns: {second.label} ({units[1]}). "
        f"Above zero the intervention is cost-effective{readings.against(inputs.settings)}."
        f"{'' if _every(table, whole) == 1 else ' Every other value of both is shown.'}"
    )


def drivers_table(table: pd.DataFrame) -> pd.DataFrame:
    """For every parameter the value at which, alone, it changes the decision, and how many standard errors away that is.

    `table`: as `decision_drivers` returns it. "none" where no value within reach changes it.
    """
    rows = []
    for row in table.to_dict("records"):
        away = row["standard_errors_away"]
        found = ("none", NAN) if np.isnan(away) else (row["flips_at"], away)
        rows.append((row["label"], row["unit"], row["value"], row["se"], *found, row["status"]))
    columns = ("Parameter", "Unit", "Value", "Standard error", "Decision changes at", "Standard errors away", "Status")
    return framed(columns, rows)


def threshold_table(thresholds: Sequence[Threshold], inputs: Inputs) -> pd.DataFrame:
    """The values at which the ICER meets a threshold, with the range that was searched and the result in words; of a pack price also
    how much it is off the list price.
    """
    rows = [
        (
            labels.turned(inputs, found.what),
            found.unit,
            found.base_value,
            found.value if found.found else "none",
            _off(found, inputs),
            found.low,
            found.high,
            found.threshold,
            labels.with_sign(found.reading, inputs.settings),
        )
        for found in thresholds
    ]
    frame = framed(
        (
            "What",
            "Unit",
            "Now",
            "Threshold value",
            OFF,
            "Searched from",
            "Searched to",
            f"Threshold ({inputs.settings.sign}/QALY)",
            "Result",
        ),
        rows,
    )
    return frame if any(frame[OFF] != "") else frame.drop(columns=OFF)


def _off(found: Threshold, inputs: Inputs) -> str:
    """The discount that brings the list price of the pack to the price found; nothing for what is no pack price, or where none was."""
    if drug_of_price(inputs, found.what) is None or not found.found:
        return ""
    return labels.percent(1 - found.value / found.base_value, 2) if found.value < found.base_value else "none needed"


def price_table(table: pd.DataFrame, settings: Settings) -> pd.DataFrame:
    """Probability of being cost-effective by the price of the pack; `table`: as `price_and_probability` returns it."""
    found = table[table["strategy"] != settings.comparator]
    frame = pd.DataFrame(
        {
            f"Price of the pack ({settings.sign})": found["pack_price"].to_numpy(),
            TECHNOLOGIES: [labels.strategy_label(settings, str(name)) for name in found["strategy"]],
            f"Mean costs ({settings.sign})": found["mean_costs"].to_numpy(),
        }
    )
    for threshold in settings.threshold_values:
        chance = found[f"probability_cost_effective_{threshold:.0f}"]
        frame[f"Probability cost-effective at {per_qaly(threshold, settings)}"] = chance.to_numpy()
    return drop_lone_technology(frame, settings)


def global_table(sensitivity: Sensitivity, inputs: Inputs) -> pd.DataFrame:
    """The indices of a global analysis by parameter or group; Morris' effects are in the unit of the outcome."""
    table = sensitivity.table
    frame = pd.DataFrame({"Parameter": [labels.parameters_label(inputs.parameters, members) for members in table["members"]]})
    money = sensitivity.method == "morris" and sensitivity.outcome != "incremental_qalys"
    for name in table.columns[2:]:
        frame[labels.INDICES[str(name)] + (f" ({inputs.settings.sign})" if money else "")] = table[name].to_numpy(
            dtype=np.float64
        )
    return frame


# --- information -----------------------------------------------------------------------------------------------------------


def evpi_curve_table(curves: Mapping[str, pd.DataFrame], settings: Settings) -> pd.DataFrame:
    """EVPI per person with its Monte Carlo error by threshold, for each price arrangement: arrangement -> curve."""
    parts = [
        frame.set_index("threshold")[["evpi", "standard_error"]].set_axis(
            [
                f"{what} ({settings.sign}), {labels.arrangement_short(settings, name)}"
                for what in ("EVPI per person", "Monte Carlo error")
            ],
            axis=1,
        )
        for name, frame in curves.items()
    ]
    return pd.concat(parts, axis=1).rename_axis(f"Threshold ({settings.sign}/QALY)").reset_index()


def evppi_table(table: pd.DataFrame, inputs: Inputs, evpi: float | None = None) -> pd.DataFrame:
    """What it would be worth to know each parameter or group, the most first, and as a share of `evpi` (money per person)."""
    found = table.sort_values("evppi", ascending=False, kind="stable")
    frame = pd.DataFrame(
        {
            "Parameters known": [labels.parameters_label(inputs.parameters, names) for names in found["parameters"]],
            f"EVPPI per person ({inputs.settings.sign})": found["evppi"].to_numpy(dtype=np.float64),
            f"Standard error ({inputs.settings.sign})": found["standard_error"].to_numpy(dtype=np.float64),
        }
    )
    if evpi:
        frame["% of the EVPI"] = frame[f"EVPPI per person ({inputs.settings.sign})"] / evpi
    if "population_evppi" in found:
        frame[f"EVPPI for the population ({inputs.settings.sign})"] = found["population_evppi"].to_numpy(dtype=np.float64)
    return frame


def evsi_table(table: pd.DataFrame, settings: Settings) -> pd.DataFrame:
    """What a study would be worth by its size, what it costs and what is left; `table`: as the analysis returns it."""
    columns = {
        "n": "People in each group",
        "evsi": f"EVSI per person ({settings.sign})",
        "standard_error": f"Standard error ({settings.sign})",
        "evppi": f"EVPPI per person ({settings.sign})",
        "population_evsi": f"EVSI for the population ({settings.sign})",
        "study_cost": f"Cost of the study ({settings.sign})",
        "expected_net_benefit": f"Expected net benefit of sampling ({settings.sign})",
    }
    return table[list(columns)].rename(columns=columns)


def convergence_table(table: pd.DataFrame, settings: Settings) -> pd.DataFrame:
    """Running results by number of draws; `table`: as `running_means` returns it. The interval is of the mean."""
    columns = {
        "draws": "Draws",
        readings.NET_BENEFIT: labels.increment(readings.NET_BENEFIT, settings),
        "standard_error": f"Monte Carlo error ({settings.sign})",
        "low": f"95% low ({settings.sign})",
        "high": f"95% high ({settings.sign})",
        "icer": f"ICER ({settings.sign}/QALY)",
        "probability_cost_effective": "Probability cost-effective",
        "evpi": f"EVPI per person ({settings.sign})",
    }
    return readings.banded(table, readings.NET_BENEFIT)[list(columns)].rename(columns=columns)


# --- budget ----------------------------------------------------------------------------------------------------------------


def budget_table(table: pd.DataFrame, settings: Settings) -> pd.DataFrame:
    """People and money by price arrangement and year, with a row of totals over all years for each arrangement.

    `table`: as `run_budget` has it, money of each year, undiscounted.
    """
    columns = {
        "eligible": "People eligible",
        "treated": "People starting treatment",
        "cost_without": f"Cost without ({settings.sign})",
        "cost_with": f"Cost with ({settings.sign})",
        "budget_impact": f"Budget impact ({settings.sign})",
    }
    for name in (name for name in table if str(name).startswith("spend_")):
        drug = labels.in_sentence(settings.drugs[str(name).removeprefix("spend_")].label)
        columns[str(name)] = f"Of the cost with: {drug} ({settings.sign})"
    rows: list[tuple[object, ...]] = []
    for arrangement, found in table.groupby("price_arrangement", sort=False):
        name, values = labels.arrangement_short(settings, str(arrangement)), found[list(columns)]
        years = [f"Year {year:g}" for year in found["year"]]
        rows += [(name, year, *cells) for year, cells in zip(years, values.itertuples(index=False, name=None), strict=True)]
        rows.append((name, f"{TOTAL}, {len(found)} years", *values.sum()))
    return framed((ARRANGEMENT, "Year", *columns.values()), rows)
