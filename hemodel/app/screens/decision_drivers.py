"""Decision drivers: what would flip the decision, and how far away it is."""

from __future__ import annotations

import streamlit as st

from hemodel.app import results
from hemodel.app.show import chosen_price, exhibit, page
from hemodel.app.sidebar import screen
from hemodel.report import exhibits, labels


def draw() -> None:
    """The page."""
    inputs = screen().inputs
    settings = inputs.settings
    page("Decision drivers", "Which single input would change the decision, and how many standard errors away is that?")
    arrangement = chosen_price(settings, "drivers_price")
    threshold = st.segmented_control(
        "Threshold per QALY",
        settings.threshold_values,
        default=settings.threshold_values[-1],
        required=True,
        format_func=lambda value: labels.money(value, settings),
        key=f"drivers_threshold/{settings.thresholds}",
    )
    found = results.drivers(inputs, arrangement, float(threshold))
    exhibit(exhibits.drivers(found, inputs, price_arrangement=arrangement, threshold=float(threshold)))


if __name__ == "__main__":
    draw()
