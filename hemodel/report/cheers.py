"""CHEERS 2022: the 28 items of reporting, filled from the run where a run can fill them, and what people have to add."""

from __future__ import annotations

import pandas as pd

from hemodel.analyses.base_case import BaseCase
from hemodel.analyses.psa import PSA
from hemodel.report import labels, readings, tables

AUTHORS = "For the authors of the submission."
_CURRENCIES = {"GBP": "Pounds sterling", "EUR": "Euro", "USD": "US dollars"}


def cheers_table(base: BaseCase, psa: PSA) -> pd.DataFrame:
    """Number, item and what this run says of it."""
    inputs, settings = base.inputs, base.inputs.settings
    population = settings.populations[inputs.population]
    compared = [labels.in_sentence(strategy.label) for strategy in settings.strategies if strategy.name != settings.comparator]
    age, men = inputs.parameters["age_start"].value, inputs.parameters["p_male"].value
    counts = tables.status_counts(inputs)
    statuses = ", ".join(f"{n} {status}" for status, n in zip(counts["Status"], counts["Parameters"], strict=True))
    uncertain = sum(parameter.is_uncertain for parameter in inputs.parameters.values())
    thresholds = labels.listed([labels.money(t, settings) for t in settings.threshold_values])
    prices = "; ".join(labels.arrangement_label(settings, name) for name in settings.price_arrangements)
    in_the_nhs = settings.currency == "GBP"
    said = {
        "Title": settings.question,
        "Abstract": AUTHORS,
        "Background and objectives": settings.question,
        "Health economic analysis plan": AUTHORS,
        "Study population": f"{population.label}. {population.why} Age {age:g}, {labels.percent(men, 0)} men.",
        "Setting and location": "Patients treated in the National Health Service, United Kingdom." if in_the_nhs else AUTHORS,
        "Comparators": f"{labels.strategy_label(settings, settings.comparator)}, against {labels.listed(compared)}.",
        "Perspective": (
            "The National Health Service and personal social services for costs; patients for health." if in_the_nhs else AUTHORS
        ),
        "Time horizon": f"{settings.horizon_years:g} years ({settings.n_cycles} cycles of {labels.cycle(settings)}){_alive_at_end(base)}.",
        "Discount rate": f"{100 * settings.discount_rate_costs:g}% a year for costs, {100 * settings.discount_rate_effects:g}% for QALYs.",
        "Selection of outcomes": "Life years and quality-adjusted life years; costs; net health benefit.",
        "Measurement of outcomes": "Survival curves and event rates, each with its source (page Inputs, by group).",
        "Valuation of outcomes": "Utilities by state of health, each with its source (page Inputs, group utilities).",
        "Measurement and valuation of resources and costs": f"{prices}. Unit costs: page Inputs, with the source of each.",
        "Currency, price date and conversion": f"{_CURRENCIES.get(settings.currency, settings.currency)}; {settings.price_year}.",
        "Rationale and description of model": (
            f"Cohort model, {labels.setting_value_label(settings.structure)}: progression-free, progressed, dead. Page Documentation."
        ),
        "Analytics and assumptions": (
            f"Deterministic and probabilistic ({psa.n_draws:,} draws, seed {psa.seed}). Inputs by status: {statuses}. Choices: page Inputs."
        ),
        "Characterizing heterogeneity": _populations(len(settings.populations)),
        "Characterizing distributional effects": "Not modelled.",
        "Characterizing uncertainty": (
            f"{uncertain} of {len(inputs.parameters)} inputs have a distribution; probabilistic, one-way, two-way and global analyses, "
            "value of information, scenarios (pages Uncertainty, Scenarios and Decision drivers)."
        ),
        "Approach to engagement with patients and others affected by the study": AUTHORS,
        "Study parameters": (
            f"{len(inputs.parameters)}, each with value, source and status; interval and distribution of those that are uncertain "
            "(page Inputs)."
        ),
        "Summary of main results": _results(base),
        "Effect of uncertainty": _uncertainty(psa, thresholds),
        "Effect of engagement with patients and others affected by the study": AUTHORS,
        "Study findings, limitations, generalizability, and current knowledge": AUTHORS,
        "Source of funding": AUTHORS,
        "Conflicts of interest": AUTHORS,
    }
    rows = [(str(number), item, text) for number, (item, text) in enumerate(said.items(), start=1)]
    return pd.DataFrame(rows, columns=["Number", "Item", "In this run"])


def _alive_at_end(base: BaseCase) -> str:
    """Whether the horizon is a lifetime: fewer than 1 in 100 are alive at its end in every strategy."""
    alive = 1 - float(base.trace["dead"][-1].min())
    return (
        ", a lifetime: fewer than 1 in 100 are alive at its end"
        if alive < 0.01
        else (f", shorter than a lifetime: up to {labels.percent(alive, 0)} are alive at its end")
    )


def _populations(number: int) -> str:
    if number == 1:
        return "One population of patients; subgroups are not modelled."
    return f"{number} populations of patients, each run by itself and compared (page Scenarios, all populations)."


def _results(base: BaseCase) -> str:
    settings, parts = base.inputs.settings, []
    for arrangement in settings.price_arrangements:
        rows = base.table[base.table["price_arrangement"] == arrangement].set_index("strategy")
        for name in tables.interventions(settings):
            words = labels.with_sign(str(rows.loc[name, "reading"]), settings)
            label = labels.strategy_label(settings, name)
            standing = readings.standing(base, arrangement, name)
            parts.append(f"{label} {labels.priced(settings, arrangement)}: {words}{f' ({standing})' if standing else ''}")
    return f"ICERs against the comparator. {'; '.join(parts)}."


def _uncertainty(psa: PSA, thresholds: str) -> str:
    settings, parts = psa.inputs.settings, []
    for arrangement in psa.price_arrangements:
        for i, name in enumerate(psa.strategies):
            if name != settings.comparator:
                chances = [labels.percent(psa.chances(arrangement, t).probability[i]) for t in settings.threshold_values]
                label = labels.in_sentence(labels.strategy_label(settings, name))
                parts.append(f"{labels.listed(chances)} for {label} {labels.priced(settings, arrangement)}")
    return f"Probability of being cost-effective at {thresholds} per QALY: {'; '.join(parts)}."
