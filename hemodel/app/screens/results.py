"""Results: fully incremental, and by component of costs and state of health, discounted and not."""

from __future__ import annotations

from typing import Any

import streamlit as st

from hemodel.app import results
from hemodel.app.show import chosen_intervention, chosen_price, figure, page, plain, table
from hemodel.app.sidebar import screen
from hemodel.report import charts, labels, tables


def draw() -> None:
    """The page."""
    inputs = screen().inputs
    base, settings = results.base_case(inputs), inputs.settings
    page("Results", "What does each strategy cost and give, and where do the differences come from?")
    for arrangement in settings.price_arrangements:
        name = labels.arrangement_label(settings, arrangement)
        table(tables.base_case_table(base, arrangement), settings, f"Fully incremental analysis. {name}")
    st.caption(plain(tables.BASE_CASE_FOOTER))
    if len(settings.price_arrangements) > 1:
        table(tables.pas_impact_table(base), settings, "What the price arrangements do to the ICER", tables.PAS_IMPACT_FOOTER)
    figure(charts.costs_by_component({a: base.costs_by_component(a) for a in settings.price_arrangements}, settings))
    st.markdown("#### Where the differences come from")
    arrangement = chosen_price(settings, "results_price")
    strategy = chosen_intervention(settings, "results_strategy")
    discounted = st.toggle("Discounted", value=True, key="results_discounted")
    how = "discounted" if discounted else "undiscounted"
    choice: Any = {"strategy": strategy, "discounted": discounted}
    table(tables.costs_by_component_table(base, arrangement, **choice), settings, f"Costs by component, {how}")
    table(tables.costs_by_state_table(base, arrangement, **choice), settings, f"Costs by health state, {how}")
    table(tables.qalys_by_state_table(base, **choice), settings, f"QALYs by health state, {how}")
    table(tables.life_years_by_state_table(base, **choice), settings, f"Life years by health state, {how}")
    x, y = (labels.strategy_label(settings, name) for name in (strategy, settings.comparator))
    st.caption(plain(f"X: {x}. Y: {y}. {tables.DISAGGREGATED_FOOTER} {tables.ROUNDING_NOTE}"))


if __name__ == "__main__":
    draw()
