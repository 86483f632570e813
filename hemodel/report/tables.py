"""The tables of a NICE submission, from the results of a run: NICE's columns and order, numbers unrounded.

Rounding is a step of its own (`rounded`) and goes by the heading of a column (`kind_of`), so that app, command line, workbook and
HTML show the same digits. A cell of an ICER column holds a number where it is the price of a QALY gained, and words where a
number would mislead: dominant, dominated, saved per QALY forgone.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from hemodel.analyses.base_case import BaseCase
from hemodel.analyses.psa import PSA
from hemodel.analyses.scenarios import Scenarios
from hemodel.cohort.model import ON_TREATMENT, names_read
from hemodel.decision.incremental import DOMINATED, EXTENDEDLY_DOMINATED
from hemodel.decision.net_benefit import net_health_benefit
from hemodel.evidence.inputs import Inputs
from hemodel.evidence.parameters import STATUSES
from hemodel.evidence.settings import CYCLE_YEARS, Settings
from hemodel.report import labels

NAN = float("nan")
TECHNOLOGIES = "Technologies"
BASE_CASE_COLUMNS = (
    TECHNOLOGIES,
    "Total costs (£)",
    "Total LYG",
    "Total QALYs",
    "Incremental costs (£)",
    "Incremental LYG",
    "Incremental QALYs",
    "ICER versus baseline (£/QALY)",
    "ICER incremental (£/QALY)",
)
TOTAL = "Total"
SHARE_OF_INCREMENT = "% absolute increment"
NOT_APPLICABLE = "not applicable"

ROUNDING_NOTE = "Discrepancies in sums due to rounding: totals are calculated on unrounded numbers."
DISCOUNTING_NOTE = "Costs and QALYs are discounted; LYG are not."
BASE_CASE_FOOTER = (
    f"{labels.abbreviations('ICER', 'LYG', 'QALYs')} {DISCOUNTING_NOTE} By increasing cost; increments and incremental ICER "
    "against the row before that is not dominated. Baseline: the comparator."
)
NET_HEALTH_BENEFIT_FOOTER = (
    f"{labels.abbreviations('NHB', 'QALYs')} NHB: QALYs less costs divided by the threshold. Increments against the comparator."
)
PAS_IMPACT_FOOTER = f"{labels.abbreviations('ICER', 'PAS', 'QALY')} ICERs against the comparator."
DISAGGREGATED_FOOTER = "% absolute increment: share of the sum of absolute increments."
PSA_FOOTER = (
    f"{labels.abbreviations('ICER', 'LYG', 'PSA', 'QALYs')} {DISCOUNTING_NOTE} Increments against the comparator, draw by draw. "
    "95% interval: percentiles of the draws, what is not known; Monte Carlo error: standard error of the mean, what more draws "
    "would remove. The ICER is the ratio of the mean increments."
)
EVPI_FOOTER = f"{labels.abbreviations('EVPI', 'QALY')} EVPI per person to whom the decision applies."
SCENARIO_FOOTER = f"{labels.abbreviations('ICER', 'LYG', 'NHB', 'QALYs')} {DISCOUNTING_NOTE} Against the comparator."
PARAMETER_FOOTER = (
    "95% interval: percentiles of the distribution. Used in this run: no, where the settings of the run do not read the "
    "parameter; it may have served to derive another one (see the notes). "
    f"Status: {'; '.join(f'{name}: {text}' for name, text in labels.STATUSES.items())}."
)
AGAINST_SOURCE_FOOTER = (
    "Relative difference: model over published, less 1. Medians from which curves were made, and medians that a death rate was "
    "derived to meet, agree by construction: that shows the arithmetic to be right and validates nothing."
)
TRACE_FOOTER = (
    "Share of the cohort at the start of each cycle of 28 days; the last row is the end of the horizon. Packs are bought at the "
    "start of a cycle by those on treatment then."
)


# --- base case -------------------------------------------------------------------------------------------------------------


def base_case_table(base: BaseCase, price_arrangement: str) -> pd.DataFrame:
    """Base-case results in NICE's columns: fully incremental, by increasing cost; dominated rows have words for increments.

    LYG are undiscounted, costs and QALYs discounted. Increments and incremental ICER are against the frontier row before;
    "ICER versus baseline" is against the comparator.
    """
    pairs = _by_strategy(base, price_arrangement)
    rows: list[tuple[object, ...]] = []
    previous = None
    for step in base.incremental(price_arrangement).to_dict("records"):
        name, dominated = step["strategy"], step["status"] in (DOMINATED, EXTENDEDLY_DOMINATED)
        life_years = pairs[name]["life_years"]
        rows.append(
            (
                labels.strategy_label(base.inputs.settings, name),
                step["costs"],
                life_years,
                step["effects"],
                step["incremental_costs"],
                NAN if dominated or previous is None else life_years - pairs[previous]["life_years"],
                step["incremental_effects"],
                _icer_cell(pairs[name]),
                step["status"] if dominated else step["icer"],
            )
        )
        previous = previous if dominated else name
    return _frame(BASE_CASE_COLUMNS, rows)


def net_health_benefit_table(base: BaseCase, price_arrangement: str) -> pd.DataFrame:
    """Net health benefit (QALYs) at both thresholds, total and against the comparator, by increasing cost."""
    settings = base.inputs.settings
    benefit = base.net_benefit(price_arrangement).set_index("strategy").to_dict("index")
    names = [f"net_health_benefit_{threshold:.0f}" for threshold in settings.thresholds_gbp]
    rows = []
    for strategy, row in _by_strategy(base, price_arrangement).items():
        totals = [benefit[strategy][name] for name in names]
        others = [benefit[settings.comparator][name] for name in names]
        steps = [NAN if strategy == settings.comparator else x - y for x, y in zip(totals, others, strict=True)]
        money = [row[name] for name in ("costs", "qalys", "incremental_costs", "incremental_qalys")]
        rows.append((labels.strategy_label(settings, strategy), *money, *totals, *steps))
    headings = [f"NHB at {_per_qaly(threshold)}" for threshold in settings.thresholds_gbp]
    columns = (TECHNOLOGIES, "Total costs (£)", "Total QALYs", "Incremental costs (£)", "Incremental QALYs")
    frame = _frame((*columns, *headings, *(f"Incremental {heading}" for heading in headings)), rows)
    return frame.sort_values("Total costs (£)", kind="stable", ignore_index=True)


def pas_impact_table(base: BaseCase, scenarios: Scenarios | None = None) -> pd.DataFrame:
    """ICER without and with the scheme (a column for each scheme), for the base case and, if given, every scenario."""
    settings = base.inputs.settings
    arrangements = settings.price_arrangements
    rows = []
    for result in (base, *_other_results(scenarios)):
        for name in interventions(settings):
            cells = [_icer_of(result, arrangement, name) for arrangement in arrangements]
            rows.append((result.inputs.scenario.label, labels.strategy_label(settings, name), *cells))
    headings = [_impact_heading(settings, arrangement) for arrangement in arrangements]
    return _drop_lone_technology(_frame(("Analysis", TECHNOLOGIES, *headings), rows), settings)


def interventions(settings: Settings) -> list[str]:
    """Names of the strategies other than the comparator."""
    return [name for name in settings.strategy_names if name != settings.comparator]


def _impact_heading(settings: Settings, arrangement: str) -> str:
    kind = "without PAS" if arrangement == "list" else f"with {labels.arrangement_short(settings, arrangement)}"
    return f"ICER {kind} (£/QALY)"


def _icer_of(result: BaseCase, arrangement: str, strategy: str) -> object:
    found = _by_strategy(result, arrangement)
    return _icer_cell(found[strategy]) if strategy in found else NOT_APPLICABLE


def _by_strategy(base: BaseCase, arrangement: str) -> dict[str, dict[str, Any]]:
    """Strategy -> its row in the table of the base case under one price arrangement; empty where that was not run."""
    rows = base.table.to_dict("records")
    return {row["strategy"]: {str(k): v for k, v in row.items()} for row in rows if row["price_arrangement"] == arrangement}


def _icer_cell(row: Mapping[Any, Any]) -> object:
    """ICER of a result's row: a number where it is the price of a QALY gained (or there is nothing to say), else words."""
    value, reading = float(row["icer"]), str(row["reading"])
    return value if "QALY gained" in reading or reading == "comparator" else labels.icer_text(value, reading)


def _other_results(scenarios: Scenarios | None) -> tuple[BaseCase, ...]:
    """The results of the scenarios without the base case, which comes first in them."""
    return () if scenarios is None else scenarios.results[1:]


def _per_qaly(threshold: float) -> str:
    return f"{labels.gbp(threshold)}/QALY"


def _drop_lone_technology(frame: pd.DataFrame, settings: Settings) -> pd.DataFrame:
    """Without the column of technologies where there are two strategies only, so that it says the same in every row."""
    return frame if len(settings.strategies) > 2 else frame.drop(columns=TECHNOLOGIES)


# --- disaggregated results -------------------------------------------------------------------------------------------------


def costs_by_component_table(
    base: BaseCase, price_arrangement: str, *, strategy: str | None = None, discounted: bool = True
) -> pd.DataFrame:
    """Costs by category, `strategy` (default: the first intervention) beside the comparator, with a row of totals."""
    costs = base.costs_by_component(price_arrangement, discounted=discounted)
    return _disaggregated(base, costs, "component", "Item", "Cost", strategy)


def costs_by_state_table(
    base: BaseCase, price_arrangement: str, *, strategy: str | None = None, discounted: bool = True
) -> pd.DataFrame:
    """Costs by the state of health in which they fall; columns as in `costs_by_component_table`."""
    costs = base.costs_by_state(price_arrangement, discounted=discounted)
    return _disaggregated(base, costs, "state", "Health state", "Cost", strategy)


def qalys_by_state_table(base: BaseCase, *, strategy: str | None = None, discounted: bool = True) -> pd.DataFrame:
    """QALYs by state of health, and what adverse events take away; columns as in `costs_by_component_table`."""
    return _disaggregated(base, base.qalys_by_state(discounted=discounted), "state", "Health state", "QALY", strategy)


def life_years_by_state_table(base: BaseCase, *, strategy: str | None = None, discounted: bool = True) -> pd.DataFrame:
    """Life-years by state of health; columns as in `costs_by_component_table`."""
    values = base.life_years_by_state(discounted=discounted)
    return _disaggregated(base, values, "state", "Health state", "LY", strategy)


def _disaggregated(base: BaseCase, values: pd.DataFrame, key: str, heading: str, unit: str, strategy: str | None) -> pd.DataFrame:
    settings = base.inputs.settings
    intervention, comparator = strategy or interventions(settings)[0], settings.comparator
    known = labels.COMPONENTS if key == "component" else labels.STATES | {"dead": "Death (terminal care)"}
    frame = pd.DataFrame(
        {
            heading: [labels.words(str(name), known) for name in values[key]],
            f"{unit} intervention (X)": values[intervention].to_numpy(dtype=np.float64),
            f"{unit} comparator (Y)": values[comparator].to_numpy(dtype=np.float64),
        }
    )
    frame["Increment"] = frame.iloc[:, 1] - frame.iloc[:, 2]
    frame["Absolute increment"] = frame["Increment"].abs()
    totals = pd.DataFrame([[TOTAL, *frame.iloc[:, 1:].sum()]], columns=frame.columns)
    frame = pd.concat([frame, totals], ignore_index=True)
    total = float(totals["Absolute increment"].iloc[0])
    frame[SHARE_OF_INCREMENT] = frame["Absolute increment"] / total if total else NAN
    return frame


# --- uncertainty -----------------------------------------------------------------------------------------------------------


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
    chances = [f"Probability cost-effective at {_per_qaly(t)}" for t in psa.inputs.settings.thresholds_gbp]
    return _frame((TECHNOLOGIES, "Analysis", *BASE_CASE_COLUMNS[1:8], *chances), rows)


_QUANTITIES = ("costs", "life_years", "qalys")


def _deterministic_cells(base: BaseCase, arrangement: str, strategy: str) -> list[object]:
    row = _by_strategy(base, arrangement)[strategy]
    cells = [row[name] for name in (*_QUANTITIES, *(f"incremental_{q}" for q in _QUANTITIES))]
    return [*cells, _icer_cell(row), NAN, NAN]


def _probabilistic_cells(psa: PSA, arrangement: str, row: Mapping[Any, Any]) -> list[tuple[object, ...]]:
    """Mean, Monte Carlo error and the ends of the interval, for one strategy; a cell per column from the total costs on."""
    thresholds = [f"{t:.0f}" for t in psa.inputs.settings.thresholds_gbp]
    place = psa.strategies.index(str(row["strategy"]))
    steps = [f"incremental_{q}" for q in _QUANTITIES]
    mean = [row[name] for name in (*_QUANTITIES, *steps)]
    error = [row[f"se_{name}"] for name in (*_QUANTITIES, *steps)]
    chance = [row[f"probability_cost_effective_{t}"] for t in thresholds]
    chance_error = [row[f"se_probability_{t}"] for t in thresholds]
    found = [
        ("Probabilistic: mean", *mean, _icer_cell(row), *chance),
        ("Probabilistic: Monte Carlo error", *error, row["se_icer"], *chance_error),
    ]
    for words, end, share in (("lower", "low", 0.025), ("upper", "high", 0.975)):
        totals = [np.quantile(x[place], share) for x in (psa.costs[arrangement], psa.life_years, psa.qalys)]
        cells = [row[f"{name}_{end}"] for name in steps]
        found.append((f"Probabilistic: 95% interval, {words}", *totals, *cells, NAN, NAN, NAN))
    return found


def probability_table(psa: PSA) -> pd.DataFrame:
    """Probability of being cost-effective at both thresholds, by price arrangement and strategy."""
    settings, found = psa.inputs.settings, psa.table
    frame = pd.DataFrame(
        {
            TECHNOLOGIES: [labels.strategy_label(settings, str(name)) for name in found["strategy"]],
            "Price arrangement": [labels.arrangement_short(settings, str(name)) for name in found["price_arrangement"]],
        }
    )
    for threshold in settings.thresholds_gbp:
        chance = found[f"probability_cost_effective_{threshold:.0f}"]
        frame[f"Probability cost-effective at {_per_qaly(threshold)}"] = chance.to_numpy()
    return frame


def evpi_table(psa: PSA) -> pd.DataFrame:
    """The choice by expected net benefit and what perfect information would be worth, by price arrangement and threshold."""
    settings, rows = psa.inputs.settings, []
    for arrangement in psa.price_arrangements:
        frontier = psa.acceptability_frontier(arrangement, settings.thresholds_gbp)
        for threshold in settings.thresholds_gbp:
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
        "Price arrangement",
        "Highest expected net benefit",
        "Threshold (£/QALY)",
        "Probability cost-effective of that choice",
        "EVPI per person (£)",
        "Monte Carlo error of the EVPI (£)",
    )
    return _frame(columns, rows)


def scenario_table(scenarios: Scenarios, price_arrangement: str) -> pd.DataFrame:
    """Every scenario beside the base case under one price arrangement, with its reason; against the comparator.

    The change in the ICER is missing where one of the two is not the price of a QALY gained.
    """
    settings = scenarios.results[0].inputs.settings
    table = scenarios.table
    table = table[table["price_arrangement"] == price_arrangement]
    costs, qalys = table["incremental_costs"].to_numpy(), table["incremental_qalys"].to_numpy()
    icers = table["icer"].where(table["reading"].str.contains("QALY gained"))
    of_base_case = table["scenario"] == scenarios.results[0].inputs.scenario.name
    base = dict(zip(table["strategy"][of_base_case], icers[of_base_case], strict=True))
    frame = pd.DataFrame(
        {
            "Scenario": table["label"].to_list(),
            TECHNOLOGIES: [labels.strategy_label(settings, str(name)) for name in table["strategy"]],
            "Incremental costs (£)": costs,
            "Incremental LYG": table["incremental_life_years"].to_numpy(),
            "Incremental QALYs": qalys,
            "ICER (£/QALY)": _objects(_icer_cell(row) for row in table.to_dict("records")),
            "Change in ICER (£/QALY)": (icers - table["strategy"].map(base)).to_numpy(dtype=np.float64),
        }
    )
    for threshold in settings.thresholds_gbp:
        frame[f"Incremental NHB at {_per_qaly(threshold)}"] = net_health_benefit(costs, qalys, threshold)
    frame["Why"] = table["why"].to_list()
    return _drop_lone_technology(frame, settings)


# --- inputs ----------------------------------------------------------------------------------------------------------------


def parameter_table(inputs: Inputs) -> pd.DataFrame:
    """Every parameter with unit, value, 95% interval (missing where fixed), source and status, and whether this run reads it."""
    read, rows = names_read(inputs), []
    for name, parameter in inputs.parameters.items():
        low, high = parameter.interval if parameter.is_uncertain else (NAN, NAN)
        rows.append(
            (
                parameter.label,
                name,
                parameter.unit,
                parameter.value,
                low,
                high,
                labels.words(parameter.distribution, labels.DISTRIBUTIONS),
                parameter.source,
                parameter.status,
                "yes" if name in read else "no",
                parameter.note,
            )
        )
    columns = ("Parameter", "Name", "Unit", "Value", "95% low", "95% high", "Distribution", "Source", "Status")
    return _frame((*columns, "Used in this run", "Note"), rows)


def status_counts(inputs: Inputs) -> pd.DataFrame:
    """How many parameters have each status, and how many of them this run reads."""
    read = names_read(inputs)
    everything = Counter(parameter.status for parameter in inputs.parameters.values())
    used = Counter(parameter.status for name, parameter in inputs.parameters.items() if name in read)
    rows = [(status, labels.STATUSES[status], everything[status], used[status]) for status in STATUSES]
    return _frame(("Status", "Meaning", "Parameters", "Used in this run"), rows)


def settings_table(settings: Settings) -> pd.DataFrame:
    """The choices about the model that a reader needs in order to judge a result."""
    years, value = f"{settings.horizon_years:g} years", labels.setting_value_label
    rows = [
        ("Comparator", labels.strategy_label(settings, settings.comparator)),
        ("Structure", value(settings.structure)),
        ("Horizon", f"{years} ({settings.n_cycles} cycles of 28 days)"),
        ("Discount rate, costs", f"{100 * settings.discount_rate_costs:g}% a year"),
        ("Discount rate, life years and QALYs", f"{100 * settings.discount_rate_effects:g}% a year"),
        ("Treatment", value(settings.treatment_until)),
        ("Death after progression", value(settings.post_progression_mortality)),
        ("Survival on the comparator from", value(settings.comparator_survival)),
        ("Shape of progression from", value(settings.progression_shape)),
        ("General-population mortality", settings.life_table),
        ("High-dose dexamethasone", f"{settings.dexamethasone_high_dose_cycles} cycles"),
        ("Time in a state", value(settings.time_in_state)),
        ("The scheme counts", value(settings.scheme_counts)),
        ("Thresholds", " and ".join(_per_qaly(t) for t in settings.thresholds_gbp)),
        ("Price year", settings.price_year),
    ]
    return _frame(("Setting", "Choice"), rows)


def against_source_table(base: BaseCase) -> pd.DataFrame:
    """Published figures beside what the model gives, in the published unit, with the relative difference."""
    found = base.against_source
    return pd.DataFrame(
        {
            TECHNOLOGIES: [labels.strategy_label(base.inputs.settings, str(name)) for name in found["strategy"]],
            "Outcome": [labels.outcome_label(str(name)) for name in found["outcome"]],
            "Unit": found["unit"].to_list(),
            "Published": found["published"].to_numpy(dtype=np.float64),
            "Model": found["model"].to_numpy(dtype=np.float64),
            "Relative difference": found["relative_difference"].to_numpy(dtype=np.float64),
            "Source": found["source"].to_list(),
            "Status": found["status"].to_list(),
            "Note": found["note"].to_list(),
        }
    )


def trace_table(base: BaseCase, strategy: str) -> pd.DataFrame:
    """Shares of the cohort at every cycle start, and for a strategy with lenalidomide what a scheme does to the packs."""
    settings, place = base.inputs.settings, base.outcomes.strategies.index(strategy)
    names = sorted(base.trace, key=lambda name: name == ON_TREATMENT)  # states first
    shares = {labels.state_label(name): base.trace[name][:, place] for name in names}
    n_rows = len(next(iter(shares.values())))
    cycles = np.arange(n_rows)
    frame = pd.DataFrame({"Cycle": cycles, "Time (years)": cycles * CYCLE_YEARS} | shares)
    if "lenalidomide" in next(s.drugs for s in settings.strategies if s.name == strategy):
        for name in settings.price_arrangements:
            if name != "list":
                heading = f"Lenalidomide, {labels.arrangement_short(settings, name)}"
                frame[heading] = [*(charging(settings, name, cycle) for cycle in range(n_rows - 1)), ""]
    return frame


def charging(settings: Settings, price_arrangement: str, cycle: int) -> str:
    """Whether the packs of a treatment cycle (0-based) are charged or free under a price arrangement, in words."""
    if price_arrangement == "list":
        return "charged"
    scheme, dispensed = settings.schemes[price_arrangement], settings.scheme_counts == "dispensed"
    match scheme.kind:
        case "price_discount":
            return f"charged less {labels.percent(scheme.price_discount or 0.0)}"
        case "response_refund":
            return "charged; refunded without response" if cycle < (scheme.response_by_cycle or 0) else "charged"
        case "drug_cost_cap":
            window, first, then = scheme.drug_cost_cap_cycles or 0, "charged", "free"
        case "free_start":
            window, first, then = scheme.free_cycles or 0, "free", "charged"
    if cycle < window:
        return first
    return f"{then} after {window} packs" if dispensed else then


# --- rounding --------------------------------------------------------------------------------------------------------------

_KINDS = (
    (r"^% ", "percent"),
    (r"probability|^relative difference$", "share"),
    (r"NHB", "qalys"),
    (r"\(£|^Cost ", "gbp"),
    (r"LYG|QALYs|^QALY |^LY ", "qalys"),
    (r"^(Published|Model)$", "qalys"),
    (r"^(Parameters|Used in this run|Draw|Cycle)$", "count"),
)
_FORMATS = {
    "gbp": labels.gbp,
    "qalys": labels.qalys,
    "share": labels.percent,
    "percent": lambda share: labels.percent(share, 0),
    "count": lambda number: f"{number:,.0f}",
    "plain": labels.plain,
}


def kind_of(heading: str, headings: Sequence[str] = ()) -> str:
    """What the numbers of a column are: "gbp", "qalys" (3 decimals), "share" (percent, 1 decimal), "percent", "count" or "plain".

    The columns "Increment" and "Absolute increment" are in the unit of the second column of their table.

    >>> kind_of("Total costs (£)"), kind_of("Increment", ["Item", "QALY intervention (X)"])
    ('gbp', 'qalys')
    """
    if heading in ("Increment", "Absolute increment") and len(headings) > 1:
        return kind_of(headings[1])
    return next((kind for pattern, kind in _KINDS if re.search(pattern, heading, re.IGNORECASE)), "plain")


def rounded(frame: pd.DataFrame) -> pd.DataFrame:
    """The table as text with NICE's rounding, which goes by the heading of each column; missing values are empty.

    >>> rounded(pd.DataFrame({"Total costs (£)": [89_848.48], "Total QALYs": [2.372549]})).values.tolist()
    [['£89,848', '2.373']]
    """
    headings = [str(heading) for heading in frame.columns]
    columns = {}
    for place, heading in enumerate(headings):
        form = _FORMATS[kind_of(heading, headings)]
        columns[heading] = [_as_text(cell, form) for cell in frame.iloc[:, place]]
    return pd.DataFrame(columns, index=frame.index, dtype=str)


def _as_text(cell: object, form: object) -> str:
    if isinstance(cell, (bool, np.bool_)):
        return "yes" if cell else "no"
    if isinstance(cell, (int, float, np.integer, np.floating)):
        assert callable(form)
        return "" if np.isnan(cell) else str(form(float(cell)))
    return "" if cell is None or cell is pd.NaT else str(cell)


def _frame(columns: Iterable[str], rows: Sequence[Sequence[object]]) -> pd.DataFrame:
    """A table from rows; a column of numbers is a column of numbers, one of numbers and words holds both."""
    names = list(columns)
    return pd.DataFrame({name: _objects(row[place] for row in rows) for place, name in enumerate(names)}, columns=names)


def _objects(cells: Iterable[object]) -> pd.Series:
    """A column as floats if all cells are numbers, else as they are."""
    return pd.Series(list(cells), dtype=object).infer_objects()
