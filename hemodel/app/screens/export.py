"""Export: everything to take away."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from hemodel.analyses.everything import recipes, run_everything
from hemodel.app import background, choices, results, sharing
from hemodel.app.show import page, part, plain
from hemodel.app.sidebar import Screen, screen
from hemodel.errors import InputError
from hemodel.evidence.confidential import marked, unmarked, without_schemes
from hemodel.evidence.inputs import Inputs
from hemodel.files import csv_text
from hemodel.report import exhibits, tables
from hemodel.report.workbook import workbook_bytes

EXCEL = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
LIVE = "hemodel.report.live"
_ANSWERS = {"Yes: commercial in confidence": "cic", "No: they are public": "none"}


def draw() -> None:
    """The page."""
    shown = screen()
    inputs, name = shown.inputs, _name(shown.inputs)
    page("Export", "Take the answer away, in a form that others can check.")
    secret = choices.is_private(inputs)
    if secret:
        st.warning("What is shown rests on confidential values. Files are named after what they are: confidential, or redacted.")
    prefix = "confidential_" if secret else ""
    _workbooks(inputs, f"{prefix}{name}")
    _live(inputs, f"{prefix}{name}")
    if secret:
        _redacted(shown)
    st.markdown("#### Tables as CSV")
    left, middle, right = st.columns(3)
    base, psa = results.base_case(inputs), results.psa(inputs)  # not in the buttons, which are outside the run of this page
    with left:
        _button("Results", lambda: _csv(base.table), f"{prefix}{name}_results.csv", "text/csv")
    with middle:
        _button("Inputs", lambda: _csv(tables.parameter_table(inputs)), f"{prefix}{name}_inputs.csv", "text/csv")
    with right:
        _button("Draws and their results", lambda: _csv(psa.results().join(psa.draws())), f"{prefix}{name}_draws.csv", "text/csv")
    st.markdown("#### The scenario")
    missing = sharing.left_out(inputs, shown.edits)
    text = sharing.scenario_text(inputs, name="my_scenario", label="My scenario", why="A what-if of the committee.")
    _button("Scenario file", lambda: text, "my_scenario.toml", "application/toml")
    st.caption(
        plain(f"Not in it: {'; '.join(missing)}." if missing else "The page “Scenarios” gives it a name, and loads it again.")
    )
    st.markdown("#### The same numbers without this page")
    if shown.fitted is not None or missing:
        st.caption("The code leaves out what is confidential or came from data of your own.")
    own = inputs.scenario.name
    if not sharing.is_listed(own, inputs):
        st.caption(plain(f"The code reads the scenario file that you loaded: keep it as {own}.toml beside the code."))
    st.code(choices.recipe(_public(shown), shown.edits), language=None, wrap_lines=True)


def _workbooks(inputs: Inputs, name: str) -> None:
    st.markdown("#### Workbooks")
    _button("Workbook of values", results.workbook(inputs), f"{name}.xlsx", EXCEL, key="workbook")
    st.caption("Every table, input, source and draw. Scenarios are in it for inputs as they are in the files.")
    psa, base = results.psa(inputs), results.base_case(inputs)
    found = background.request(
        "everything",
        "Every analysis",
        results.identity(inputs),
        len(recipes(inputs, psa)),
        lambda progress: workbook_bytes(
            base, psa, exhibits=exhibits.of_analyses(inputs, run_everything(inputs, psa, progress=progress))
        ),
        button="Make the workbook with every sensitivity analysis (about half a minute)",
    )
    if found is not None:
        _button("Workbook with every analysis", found, f"{name}_full.xlsx", EXCEL, key="full_workbook")


def _live(inputs: Inputs, name: str) -> None:
    live = part(LIVE, "live_workbook")
    if live is None:
        st.caption("The workbook with live formulas is not part of this installation.")
        return
    psa = results.psa(inputs)
    found = background.request(
        "live",
        "Workbook with live formulas",
        results.identity(inputs),
        0,
        lambda progress: live(inputs, psa=psa),
        button="Make the workbook with live formulas (about ten seconds)",
    )
    if found is not None:
        _button("Workbook with live formulas", found, f"{name}_live.xlsx", EXCEL, key="live_workbook")
        st.caption("The whole model in formulas: change an input in Excel and the answer follows.")


def _redacted(shown: Screen) -> None:
    """What may be handed on: results where none of them rests on a marked value, else the inputs alone with those values covered."""
    st.markdown("#### Redacted")
    unknown, public = unmarked(shown.inputs), without_schemes(_public(shown))
    name = f"redacted_{_name(public)}"
    if unknown:
        _ask(shown.inputs, unknown)
    elif marked(shown.inputs):
        frame = choices.redacted(tables.parameter_table(shown.inputs), shown.inputs)
        _button("Inputs, redacted", lambda: _csv(frame), f"{name}_inputs.csv", "text/csv", key="redacted")
        st.caption("No results: every one of them rests on the covered values, which could be worked out from it.")
    else:
        _button("Workbook of values, redacted", results.workbook(public), f"{name}.xlsx", EXCEL, key="redacted")
        st.caption("The same run without the confidential price: nothing in it was worked out with that price.")


def _ask(inputs: Inputs, unknown: Sequence[str]) -> None:
    """Whether schemes are confidential whose file does not say so: nothing is called redacted before that is known."""
    st.caption("Nothing can be called redacted before it is known what is confidential.")
    for name in unknown:
        terms = inputs.settings.schemes[name]
        answer = st.radio(
            plain(f"Are the terms of this scheme confidential? {terms.label}"),
            list(_ANSWERS),
            index=None,
            key=f"scheme_mark/{name}/{st.session_state['round']}",
        )
        if answer is not None:
            st.session_state["scheme_marks"] = st.session_state.get("scheme_marks", {}) | {terms: _ANSWERS[answer]}
            st.rerun()


def _public(shown: Screen) -> Inputs:
    """What is shown, without the confidential price."""
    settings = shown.inputs.settings
    if st.session_state["wanted"]["prices"] != choices.CONFIDENTIAL:
        return shown.inputs
    schemes = {n: terms for n, terms in settings.schemes.items() if n != choices.CONFIDENTIAL}
    arrangements = [n for n in settings.price_arrangements if n != choices.CONFIDENTIAL]
    try:
        base = shown.inputs.filed(scenario=shown.inputs.scenario.name)
        again = results.edited(base.with_settings(thresholds=settings.thresholds), shown.edits)
        if again.settings.schemes == schemes and again.settings.price_arrangements == arrangements:
            return again
    except InputError:  # a scenario of one's own is not among the files
        pass
    return shown.inputs.with_settings(schemes=schemes, price_arrangements=arrangements)


def _button(label: str, data: object, file: str, mime: str, *, key: str | None = None) -> None:
    st.download_button(label, data=data, file_name=file, mime=mime, on_click="ignore", key=key or file, width="stretch")


def _name(inputs: Inputs) -> str:
    """Name of a file: what was run, and the start of the hash of its inputs where nothing confidential is in them."""
    mark = "" if choices.is_private(inputs) else f"_{inputs.hash[:8]}"
    return f"hemodel_{inputs.settings.problem}_{inputs.population}_{inputs.scenario.name}{mark}"


def _csv(frame: pd.DataFrame) -> bytes:
    return csv_text(frame).encode("utf-8-sig")


if __name__ == "__main__":
    draw()
