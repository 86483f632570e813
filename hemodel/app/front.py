"""Front of the app: the pages, what to run on the left, and what every page begins with. Also runs by itself under `streamlit run`."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from hemodel.app import background, choices, results, sharing, sidebar
from hemodel.app.show import PAGE_STYLE, changes, explain, plain, printed
from hemodel.app.sidebar import Screen
from hemodel.errors import InputError
from hemodel.evidence.inputs import Inputs

SIDEBAR_PIXELS = 310
SCREENS = Path(__file__).parent / "screens"
PAGES = {
    "Answer": ("Summary", "Results", "Severity and end of life", "Budget impact"),
    "Evidence": ("Inputs", "Clinical"),
    "What if": ("Scenarios", "Price", "Uncertainty", "Decision drivers"),
    "Take away": ("Verification", "Export", "Documentation"),
}
"""Menus and their pages; a page is the file of its name in `screens/`."""


def path_of(title: str) -> Path:
    """The file of a page.

    >>> path_of("Budget impact").name
    'budget_impact.py'
    """
    return SCREENS / f"{title.lower().replace(' ', '_')}.py"


def main() -> None:
    """Draw the app."""
    st.set_page_config(page_title="hemodel: cost-effectiveness", layout="wide", initial_sidebar_state=SIDEBAR_PIXELS)
    menus = {
        menu: [st.Page(path_of(title), title=title, url_path=path_of(title).stem, default=title == "Summary") for title in titles]
        for menu, titles in PAGES.items()
    }
    page = st.navigation(menus, position="top")
    st.html(PAGE_STYLE)
    sidebar.arrive()
    background.keep_alive()
    try:
        with st.sidebar:
            filed, chosen = sidebar.choose()
            edits, fitted = sidebar.edit(chosen)
    except InputError as error:
        explain(error)
        return
    _forget_link(chosen, edits)
    st.markdown(f"#### {plain(filed.settings.question)}")
    for refused in st.session_state.get("refused", ()):
        st.warning(plain(f"Not taken from the link: {refused}."))
    try:
        inputs = results.edited(chosen, edits, fitted)
        results.base_case(inputs)
    except InputError as error:
        explain(error, chosen)
        st.info("Change the input in the form on the left, or press Reset there to go back.")
        return
    st.session_state["screen"] = Screen(filed, chosen, inputs, edits, fitted)
    population = inputs.settings.populations[inputs.population].label
    differences = choices.differences(filed, inputs)
    same = " These are the inputs of the base case." if differences.empty else ""
    st.markdown(plain(f"Population: {population}. Scenario: {inputs.scenario.label}.{same}"))
    printed(inputs, differs=not differences.empty, is_private=choices.is_private(inputs))
    if choices.is_private(inputs):
        st.markdown(":orange-badge[Confidential] What is shown rests on confidential values: mind what you print or save.")
    changes(differences, inputs.settings, rederived=fitted is not None or choices.derived_anew(chosen, edits))
    try:
        page.run()
    except InputError as error:
        explain(error, inputs)


def _forget_link(chosen: Inputs, edits: choices.Edits) -> None:
    """Take the query off the address once it no longer says what is shown."""
    query = st.query_params.to_dict()
    if query and query != sharing.link_query(chosen, edits):
        st.query_params.clear()


if __name__ == "__main__":
    main()
