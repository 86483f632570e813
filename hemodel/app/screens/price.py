"""Price: what cap, discount or pack price meets the threshold."""

from __future__ import annotations

import streamlit as st

from hemodel.app import results
from hemodel.app.show import chosen_intervention, chosen_price, figure, page, plain, table
from hemodel.app.sidebar import screen
from hemodel.report import charts, labels, tables
from hemodel.report.charts.price import cap_and_discount, price_map_table


def draw() -> None:
    """The page."""
    inputs = screen().inputs
    settings = inputs.settings
    page("Price", "What cap on the charged cycles, discount, or price of a pack meets the threshold?")
    strategy = chosen_intervention(settings, "price_strategy")
    arrangement = chosen_price(settings, "price_price")
    table(
        tables.threshold_table(results.thresholds(inputs, arrangement, strategy), inputs),
        f"Price that meets each threshold. {labels.arrangement_label(settings, arrangement)}",
        tables.THRESHOLD_FOOTER,
    )
    grid = results.caps_and_discounts(inputs, strategy)
    figure(cap_and_discount(grid, inputs, strategy))
    st.caption(
        "In each cell the ICER in thousands of pounds per QALY gained. Cells in the colour of the strategy are below the upper "
        "threshold. The discount is on the list price of every strength, and counts before the cap."
    )
    with st.expander("The numbers"):
        table(price_map_table(grid), "ICER (£/QALY) by discount and charged cycles")
    figure(charts.price_and_probability(results.prices(inputs)[arrangement], inputs, price_arrangement=arrangement))
    with st.expander("Probability by price, in numbers"):
        table(
            tables.price_table(results.prices(inputs)[arrangement].iloc[::2], settings),
            "Price and probability",
            tables.PRICE_FOOTER,
        )
    if len(tables.interventions(settings)) > 1:
        st.caption(plain("Prices of all strategies with lenalidomide move together."))


if __name__ == "__main__":
    draw()
