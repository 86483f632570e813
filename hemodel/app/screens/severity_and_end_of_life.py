"""Severity and end of life: the two modifiers of the decision."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from hemodel.analyses.severity import Modifiers, run_modifiers
from hemodel.app import results
from hemodel.app.show import page, plain, table
from hemodel.app.sidebar import screen
from hemodel.evidence.rules import load_rules
from hemodel.evidence.settings import Settings
from hemodel.report import labels, readings, tables


def draw() -> None:
    """The page."""
    inputs = screen().inputs
    found = run_modifiers(results.base_case(inputs))
    page("Severity and end of life", "Does the condition earn a higher weight, and what does that do to the decision?")
    table(
        _shortfall(found),
        inputs.settings,
        "Severity: QALY shortfall with current treatment",
        "NICE's manual, sections 6.2.12 to 6.2.21.",
    )
    st.markdown(plain(found.severity.reading))
    table(
        _weighted(found), inputs.settings, "The decision with and without the severity weight", tables.NET_HEALTH_BENEFIT_FOOTER
    )
    st.caption("The weight multiplies the incremental QALYs; dividing the ICER by it is the same at every threshold.")
    rule = load_rules()
    table(_rule(), inputs.settings, "The rule", f"Source {rule.severity.source}, {rule.severity.status}.")
    st.markdown("#### End of life (NICE's advice of 2009)")
    for words in readings.end_of_life(found):
        st.markdown(plain(words))
    st.caption(
        plain(
            "The advice held from 2009 on, and has been replaced by the severity modifier. Whether the population is "
            f"small is for people to judge. Source {rule.end_of_life_2009.source}, {rule.end_of_life_2009.status}."
        )
    )


def _shortfall(found: Modifiers) -> pd.DataFrame:
    severity, inputs = found.severity, found.base.inputs
    return pd.DataFrame(
        {
            "Age": [labels.plain(inputs.parameters["age_start"].value)],
            "Men": [labels.percent(inputs.parameters["p_male"].value, 0)],
            "QALYs, general population": [severity.general_population_qalys],
            "QALYs, current treatment": [severity.current_treatment_qalys],
            "Absolute shortfall (QALYs)": [severity.absolute_shortfall],
            "Proportional shortfall": [labels.percent(severity.proportional_shortfall)],
            "Weight": [severity.weight],
        }
    )


def _weighted(found: Modifiers) -> pd.DataFrame:
    settings, rows = found.base.inputs.settings, found.table
    frame = pd.DataFrame(
        {
            "Price": [labels.arrangement_short(settings, name) for name in rows["price_arrangement"]],
            tables.TECHNOLOGIES: [labels.strategy_label(settings, name) for name in rows["strategy"]],
            f"ICER ({settings.sign}/QALY)": _icers(rows, "icer", settings),
            f"ICER with the weight ({settings.sign}/QALY)": _icers(rows, "weighted_icer", settings),
        }
    )
    for threshold in settings.threshold_values:
        for prefix, words in (("", ""), ("weighted_", ", with the weight")):
            column = f"{prefix}incremental_net_health_benefit_{threshold:.0f}"
            frame[f"Incremental NHB at {labels.money(threshold, settings)}{words}"] = rows[column]
    return frame


def _icers(rows: pd.DataFrame, column: str, settings: Settings) -> list[str]:
    return [
        labels.icer_text(float(value), str(words), settings) for value, words in zip(rows[column], rows["reading"], strict=True)
    ]


def _rule() -> pd.DataFrame:
    rule = load_rules().severity
    absolute, share = rule.absolute, [labels.percent(x, 0) for x in rule.proportional]
    return pd.DataFrame(
        {
            "Weight": [labels.plain(weight) for weight in rule.weights],
            "Proportional shortfall": [f"below {share[0]}", f"{share[0]} to below {share[1]}", f"{share[1]} or more"],
            "Absolute shortfall (QALYs)": [
                f"below {absolute[0]:g}",
                f"{absolute[0]:g} to below {absolute[1]:g}",
                f"{absolute[1]:g} or more",
            ],
        }
    )


if __name__ == "__main__":
    draw()
