"""Budget impact: what the health service would pay in each of the next years."""

from __future__ import annotations

import streamlit as st

from hemodel.app import results
from hemodel.app.show import chosen_intervention, exhibit, page, plain
from hemodel.app.sidebar import screen
from hemodel.report import exhibits, labels


def draw() -> None:
    """The page."""
    inputs = screen().inputs
    page("Budget impact", "What would the health service pay in each of the next years, beyond what it pays now?")
    found = results.budget(inputs, chosen_intervention(inputs.settings, "budget_strategy"))
    exhibit(exhibits.budget(found.table, inputs))
    uptake = [f"{labels.percent(inputs.parameters[f'p_uptake_year_{y}'].value, 0)} in year {y}" for y in range(1, 6)]
    eligible = inputs.parameters["n_eligible"]
    st.caption(
        plain(
            f"{eligible.value:,.0f} people a year ({eligible.status}); uptake {', '.join(uptake)}. {eligible.note.rstrip('.')}."
        )
    )


if __name__ == "__main__":
    draw()
