"""The base case in NICE's tables, its parts by category and state, its inputs and its trace."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pandas as pd

from hemodel.analyses.base_case import BaseCase
from hemodel.analyses.psa import PSA
from hemodel.analyses.scenarios import Scenarios
from hemodel.cohort.model import ON_TREATMENT, names_read
from hemodel.decision.incremental import DOMINATED, EXTENDEDLY_DOMINATED
from hemodel.evidence.inputs import Inputs
from hemodel.evidence.parameters import STATUSES
from hemodel.evidence.settings import Scheme, Settings
from hemodel.report import labels
from hemodel.report.tables.cells import (
    DISCOUNTING_NOTE,
    NAN,
    TECHNOLOGIES,
    TOTAL,
    by_strategy,
    drop_lone_technology,
    framed,
    icer_cell,
    interventions,
    per_qaly,
)

SHARE_OF_INCREMENT = "% absolute increment"
NOT_APPLICABLE = "not applicable"
ROUNDING_NOTE = "Discrepancies in sums due to rounding: totals are calculated on unrounded numbers."
BASE_CASE_FOOTER = (
    f"{labels.abbreviations('ICER', 'LYG', 'QALYs')} {DISCOUNTING_NOTE} By increasing cost; increments and incremental ICER "
    "against the row before that is not dominated. Baseline: the comparator."
)
NET_HEALTH_BENEFIT_FOOTER = (
    f"{labels.abbreviations('NHB', 'QALYs')} NHB: QALYs less costs divided by the threshold. Increments against the comparator."
)
PAS_IMPACT_FOOTER = f"{labels.abbreviations('ICER', 'PAS', 'QALY')} ICERs against the comparator."
DISAGGREGATED_FOOTER = "% absolute increment: share of the sum of absolute increments."
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
    "Share of the cohort at the start of each cycle; the last row is the end of the horizon. Packs are bought at the "
    "start of a cycle by those on treatment then; drugs with days of their own are given to those on treatment on the day."
)


def base_case_columns(settings: Settings) -> tuple[str, ...]:
    """NICE's columns of base-case results."""
    return (
        TECHNOLOGIES,
        f"Total costs ({settings.sign})",
        "Total LYG",
        "Total QALYs",
        f"Incremental costs ({settings.sign})",
        "Incremental LYG",
        "Incremental QALYs",
        f"ICER versus baseline ({settings.sign}/QALY)",
        f"ICER incremental ({settings.sign}/QALY)",
    )


def base_case_table(base: BaseCase | PSA, price_arrangement: str) -> pd.DataFrame:
    """Base-case results in NICE's columns: fully incremental, by increasing cost; dominated rows have words for increments.

    LYG are undiscounted, costs and QALYs discounted. Increments and incremental ICER are against the frontier row before;
    "ICER versus baseline" is against the comparator. Of a probabilistic analysis the same, worked out on the means of its draws.
    """
    pairs = by_strategy(base, price_arrangement)
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
                icer_cell(pairs[name], base.inputs.settings),
                step["status"] if dominated else step["icer"],
            )
        )
        previous = previous if dominated else name
    return framed(base_case_columns(base.inputs.settings), rows)


def net_health_benefit_table(base: BaseCase, price_arrangement: str) -> pd.DataFrame:
    """Net health benefit (QALYs) at each threshold, total and against the comparator, by increasing cost."""
    settings = base.inputs.settings
    benefit = base.net_benefit(price_arrangement).set_index("strategy").to_dict("index")
    names = [f"net_health_benefit_{threshold:.0f}" for threshold in settings.threshold_values]
    rows = []
    for strategy, row in by_strategy(base, price_arrangement).items():
        totals = [benefit[strategy][name] for name in names]
        others = [benefit[settings.comparator][name] for name in names]
        steps = [NAN if strategy == settings.comparator else x - y for x, y in zip(totals, others, strict=True)]
        money = [row[name] for name in ("costs", "qalys", "incremental_costs", "incremental_qalys")]
        rows.append((labels.strategy_label(settings, strategy), *money, *totals, *steps))
    headings = [f"NHB at {per_qaly(threshold, settings)}" for threshold in settings.threshold_values]
    columns = (
        TECHNOLOGIES,
        f"Total costs ({settings.sign})",
        "Total QALYs",
        f"Incremental costs ({settings.sign})",
        "Incremental QALYs",
    )
    frame = framed((*columns, *headings, *(f"Incremental {heading}" for heading in headings)), rows)
    return frame.sort_values(f"Total costs ({settings.sign})", kind="stable", ignore_index=True)


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
    return drop_lone_technology(framed(("Analysis", TECHNOLOGIES, *headings), rows), settings)


def _impact_heading(settings: Settings, arrangement: str) -> str:
    kind = "without PAS" if arrangement == "list" else f"with {labels.arrangement_short(settings, arrangement)}"
    priced = labels.priced(settings, arrangement)
    return f"ICER {priced if priced.startswith('if ') else kind} ({settings.sign}/QALY)"


def _icer_of(result: BaseCase, arrangement: str, strategy: str) -> object:
    found = by_strategy(result, arrangement)
    return icer_cell(found[strategy], result.inputs.settings) if strategy in found else NOT_APPLICABLE


def _other_results(scenarios: Scenarios | None) -> tuple[BaseCase, ...]:
    """The results of the scenarios without the base case, which comes first in them."""
    return () if scenarios is None else scenarios.results[1:]


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


_AT_DEATH = "Death (terminal care)"


def _disaggregated(base: BaseCase, values: pd.DataFrame, key: str, heading: str, unit: str, strategy: str | None) -> pd.DataFrame:
    settings = base.inputs.settings
    intervention, comparator = strategy or interventions(settings)[0], settings.comparator
    names = (
        values["label"] if "label" in values else [_AT_DEATH if s == "dead" else labels.state_label(str(s)) for s in values[key]]
    )
    frame = pd.DataFrame(
        {
            heading: list(names),
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
    return framed((*columns, "Used in this run", "Note"), rows)


def status_counts(inputs: Inputs) -> pd.DataFrame:
    """How many parameters have each status, and how many of them this run reads."""
    read = names_read(inputs)
    everything = Counter(parameter.status for parameter in inputs.parameters.values())
    used = Counter(parameter.status for name, parameter in inputs.parameters.items() if name in read)
    rows = [(status, labels.STATUSES[status], everything[status], used[status]) for status in STATUSES]
    return framed(("Status", "Meaning", "Parameters", "Used in this run"), rows)


def settings_table(inputs: Inputs) -> pd.DataFrame:
    """The choices about the model that a reader needs in order to judge a result."""
    settings = inputs.settings
    years, value = f"{settings.horizon_years:g} years", labels.setting_value_label
    rows = [
        ("Comparator", labels.strategy_label(settings, settings.comparator)),
        ("Structure", value(settings.structure)),
        ("Horizon", f"{years} ({settings.n_cycles} cycles of {labels.cycle(settings)})"),
        ("Discount rate, costs", f"{100 * settings.discount_rate_costs:g}% a year"),
        ("Discount rate, life years and QALYs", f"{100 * settings.discount_rate_effects:g}% a year"),
        ("Treatment", value(settings.treatment_until)),
        *_where_set(inputs),
        ("Curves", f"PFS {value(settings.pfs_curve)}; overall survival {value(settings.os_curve)}"),
        ("Utilities", value(settings.utility_age_adjustment)),
        ("Dose", value(settings.dose)),
        ("Death after progression", value(settings.post_progression_mortality)),
        ("Survival on the comparator from", value(settings.comparator_survival)),
        ("Shape of progression from", value(settings.progression_shape)),
        ("General-population mortality", settings.life_table),
        ("Time in a state", value(settings.time_in_state)),
        ("The scheme counts", value(settings.scheme_counts)),
        ("Thresholds", labels.listed([per_qaly(t, settings) for t in settings.threshold_values])),
        ("Price year", settings.price_year),
    ]
    return framed(("Setting", "Choice"), rows)


def _where_set(inputs: Inputs) -> list[tuple[str, str]]:
    """Choices that have a row only where they are made."""
    settings = inputs.settings
    rows = [
        (f"Fixed duration, {strategy.label}", f"{strategy.treatment_cycles} cycles")
        for strategy in settings.strategies
        if strategy.treatment_cycles is not None
    ]
    for option in settings.strategies:
        if option.treatment_days is not None:
            rows.append((f"Fixed duration, {option.label}", f"{option.treatment_days:g} days"))
        if option.treatment_until is not None:
            rows.append((f"Treatment, {option.label}", labels.setting_value_label(option.treatment_until)))
        if (rule := option.stop_at_response) is not None:
            who = "with" if rule.stops == "responders" else "without"
            rows.append((f"Stops by response, {option.label}", f"those {who} a response, on day {rule.day:g}"))
    if settings.discounting == "by_year":
        rows.append(("Discounting", "by whole years"))
    rows += [(words, f"from the {place} of the cycle") for words, place in labels.discounted_elsewhere(settings)]
    if settings.stop_at_response_cycle is not None:
        rows.append(("Responders stop", f"at cycle {settings.stop_at_response_cycle}"))
    if settings.intervention_survival != "median":
        rows.append(("Survival on the interventions from", "the comparator's curve and the hazard ratio"))
    if settings.survival_target != "median":
        rows.append(("Death rate after progression meets", "a mean survival"))
    if settings.effect_waning is not None:
        fades = settings.effect_waning
        rows.append(("Treatment effect fades", f"from {fades.from_years:g} to {fades.to_years:g} years"))
    if settings.post_progression_clock_cycles is not None:
        rows.append(("Death after progression changes", f"after {settings.post_progression_clock_cycles} cycles"))
    for name, terms in settings.fitted_curves.items():
        curve, _, strategy = name.partition("_")
        family = labels.setting_value_label(terms.family)
        rows.append((f"Fitted {curve.upper()}, {labels.strategy_label(settings, strategy)}", family))
    if settings.also_counted:
        rows.append(("Also counted", "; ".join(labels.counted_label(inputs, name) for name in settings.also_counted)))
    return rows


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
    """Shares of the cohort at every cycle start, and what the schemes do to the packs of its drugs."""
    settings, place = base.inputs.settings, base.outcomes.strategies.index(strategy)
    names = sorted(base.trace, key=lambda name: name == ON_TREATMENT)  # states first
    shares = {labels.state_label(name): base.trace[name][:, place] for name in names}
    n_rows = len(next(iter(shares.values())))
    cycles = np.arange(n_rows)
    frame = pd.DataFrame({"Cycle": cycles, "Time (years)": cycles * base.inputs.settings.cycle_years} | shares)
    given = next(s for s in settings.strategies if s.name == strategy)
    for name in settings.price_arrangements:
        for drug, scheme in settings.schemes_in(name).items():
            if drug in given.drugs and drug not in given.schedules:  # a schedule counts cycles of its own
                heading = f"{settings.drugs[drug].label}, {labels.arrangement_short(settings, name)}"
                dispensed = settings.scheme_counts == "dispensed"
                frame[heading] = [*(charging(scheme, cycle, dispensed=dispensed) for cycle in range(n_rows - 1)), ""]
    return frame


def charging(scheme: Scheme, cycle: int, *, dispensed: bool = False) -> str:
    """Whether the packs of a treatment cycle (0-based) are charged or free under a scheme, in words; `dispensed`: it counts packs."""
    match scheme.kind:
        case "tiered_discount":
            off = [tier.price_discount for tier in scheme.tiers or () if tier.from_cycle <= cycle + 1]
            return f"charged less {labels.percent(off[-1])}" if off else "charged"
        case "total_cost_cap":
            return "charged up to the most paid for one person"
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
