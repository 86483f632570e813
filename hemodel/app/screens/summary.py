"""Summary: the answer in words and in NICE's tables, and how far it can be trusted."""

from __future__ import annotations

import re

import pandas as pd
import streamlit as st

from hemodel.analyses.base_case import BaseCase
from hemodel.app import results
from hemodel.app.screens.verification import badge
from hemodel.app.show import figure, plain, table, verdict_markdown
from hemodel.app.sidebar import screen
from hemodel.decision.incremental import kind_of_icer
from hemodel.report import charts, labels, readings, tables


def draw() -> None:
    """The page."""
    shown = screen()
    base, settings = results.base_case(shown.inputs), shown.inputs.settings
    filed = None if shown.inputs.hash == shown.filed.hash else results.base_case(shown.filed)
    arrangements = base.outcomes.price_arrangements
    for arrangement, column in zip(arrangements, st.columns(len(arrangements)), strict=True):
        with column:
            _headline(base, filed, arrangement)
    badge(shown.inputs)
    statuses = tables.status_counts(shown.inputs)
    st.caption(plain(_trust(statuses)))
    title = "Base-case results" if filed is None else "Results with the inputs above"
    for arrangement in arrangements:
        table(tables.base_case_table(base, arrangement), settings, f"{title}. {labels.arrangement_label(settings, arrangement)}")
    st.caption(plain(tables.BASE_CASE_FOOTER))
    for arrangement in arrangements:
        name = labels.arrangement_label(settings, arrangement)
        table(tables.net_health_benefit_table(base, arrangement), settings, f"Net health benefit. {name}")
    st.caption(plain(tables.NET_HEALTH_BENEFIT_FOOTER))
    figure(charts.costs_by_component({a: base.costs_by_component(a) for a in arrangements}, settings))
    table(statuses, settings, "How many inputs have been checked against their source")


def _trust(statuses: pd.DataFrame) -> str:
    """How many of the inputs in use have been checked against their source."""
    counts = statuses.set_index("Status")["Used in this run"]
    parts = ", ".join(f"{number} {status}" for status, number in counts.items())
    return f"This rests on {counts.sum()} inputs: {parts}. The page “Inputs” says which is which."


def _headline(base: BaseCase, filed: BaseCase | None, arrangement: str) -> None:
    settings = base.inputs.settings
    rows = base.table[lambda t: t["price_arrangement"] == arrangement].set_index("strategy")
    strategies = tables.interventions(settings)
    with st.container(border=True, height="stretch"):
        for strategy in strategies:
            icer, reading = float(rows.loc[strategy, "icer"]), str(rows.loc[strategy, "reading"])
            of = f", {labels.in_sentence(labels.strategy_label(settings, strategy))}" if len(strategies) > 1 else ""
            st.metric(
                plain(f"ICER {charts.priced(settings, arrangement)}{of}"),
                labels.money(icer, settings) or kind_of_icer(reading).value,
            )
            unit = re.sub(rf"^{settings.currency} [\d,.]+ ", "", reading) + readings.against(settings)
            standing = readings.standing(base, arrangement, strategy) if len(strategies) > 1 else ""
            st.caption(plain(unit + (f"; {standing}" if standing else "") + _filed_icer(filed, arrangement, strategy)))
            st.markdown(verdict_markdown(base, arrangement, strategy))


def _filed_icer(filed: BaseCase | None, arrangement: str, strategy: str) -> str:
    if filed is None or arrangement not in filed.outcomes.price_arrangements or strategy not in filed.outcomes.strategies:
        return ""
    value = filed.icer(arrangement, strategy)
    return f" (base case: {labels.money(value, filed.inputs.settings) or 'no ratio'})"


if __name__ == "__main__":
    draw()
