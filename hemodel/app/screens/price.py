"""Price: what cap, discount or pack price meets the threshold."""

from __future__ import annotations

import streamlit as st

from hemodel.app import results
from hemodel.app.show import chosen_drug, chosen_intervention, chosen_price, explain, figure, page, plain, table
from hemodel.app.sidebar import screen
from hemodel.errors import InputError
from hemodel.evidence.inputs import Inputs
from hemodel.report import charts, labels, readings, tables
from hemodel.report.charts.price import cap_and_discount, price_map_table


def draw() -> None:
    """The page."""
    inputs = screen().inputs
    settings = inputs.settings
    page("Price", "What cap on the charged cycles, discount, or price of a pack meets the threshold?")
    if not inputs.priced_drugs:
        st.info("No drug of this problem has a price of its own.")
        return
    strategy = chosen_intervention(settings, "price_strategy")
    drug = chosen_drug(inputs, strategy, "price_drug")
    arrangement = chosen_price(settings, "price_price")
    found = tables.threshold_table(results.thresholds(inputs, arrangement, strategy, drug), inputs)
    table(
        found.drop(columns=["Searched from", "Searched to"]),
        settings,  # the result says it where it matters
        f"Price that meets each threshold. {labels.arrangement_label(settings, arrangement)}",
        tables.THRESHOLD_FOOTER,
    )
    scheme = settings.schemes.get(arrangement)
    if scheme is not None and scheme.kind == "price_discount":
        st.caption(
            "Prices of a pack on this page are list prices: the discount of this price arrangement comes off them as well."
        )
    _among_all(inputs, arrangement, strategy)
    grid = results.caps_and_discounts(inputs, strategy, drug)
    figure(cap_and_discount(grid, inputs, strategy))
    st.caption(
        f"In each cell the ICER in thousands of {labels.in_words(settings.currency)} per QALY gained. "
        "Cells in the colour of the strategy are below the upper "
        "threshold. The discount is on the list price of every strength, and counts before the cap; no "
        f"other scheme of {labels.drugs_label(settings, [drug])} is in it."
    )
    with st.expander("The numbers"):
        table(price_map_table(grid, settings), settings, f"ICER ({settings.sign}/QALY) by discount and charged cycles")
    try:
        prices = results.prices(inputs, drug)[arrangement]
    except InputError as error:
        explain(error, inputs)
        return
    figure(charts.price_and_probability(prices, inputs, price_arrangement=arrangement))
    with st.expander("Probability by price, in numbers"):
        every_other = prices["pack_price"].isin(prices["pack_price"].unique()[::2])
        table(tables.price_table(prices[every_other], settings), settings, "Price and probability", tables.PRICE_FOOTER)
    if sum(drug in strategy.drugs for strategy in settings.strategies) > 1:
        st.caption(plain(f"Prices of all strategies with {labels.drugs_label(settings, [drug])} move together."))


def _among_all(inputs: Inputs, arrangement: str, strategy: str) -> None:
    """That most of the page is about two strategies, and how the one stands among all, where there are more."""
    settings = inputs.settings
    if len(settings.strategies) == 2:
        return
    name = labels.strategy_label(settings, strategy)
    text = f"ICERs on this page are of {labels.in_sentence(name)}{readings.against(settings)} alone; probabilities are among all."
    standing = readings.standing(results.base_case(inputs), arrangement, strategy)
    if standing:
        text += f" At the present price, {labels.priced(settings, arrangement)}, {labels.in_sentence(name)} is {standing}."
    st.caption(plain(text))


if __name__ == "__main__":
    draw()
