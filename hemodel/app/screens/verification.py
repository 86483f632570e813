"""Verification: the checks of the model, run here."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import streamlit as st

from hemodel.app import background, results
from hemodel.app.show import landscape, page, part, plain, table
from hemodel.app.sidebar import screen
from hemodel.evidence.inputs import Inputs

MODULE = "hemodel.analyses.verification"
HEADINGS = {
    "id": "Check",
    "section": "About",
    "check": "What is checked",
    "expected": "Expected",
    "found": "Found",
    "tolerance": "Tolerance",
    "verdict": "Verdict",
    "look_at": "Look at",
}


def draw() -> None:
    """The page."""
    inputs = screen().inputs
    page("Verification", "Does the model do what it says? Every check is run here, on the inputs that are shown.")
    landscape()
    verify = part(MODULE, "verify")
    if verify is None:
        st.info("The checks are not part of this installation.")
        return
    found = background.request(
        "verification",
        "Checks",
        results.identity(inputs),
        len(import_module(MODULE).CHECKS),
        lambda progress: verify(inputs, progress=progress),
        button="Run the checks",
    )
    if found is None:
        return
    _verdict(found)
    frame = found.table
    verdicts = list(dict.fromkeys(frame["verdict"]))
    shown = st.pills("Show only", verdicts, selection_mode="multi", key="verdicts")
    frame = frame[frame["verdict"].isin(shown or verdicts)]
    for section, rows in frame.groupby("section", sort=False):
        rows = rows[[c for c in HEADINGS if c in rows and c != "section"]].rename(columns=HEADINGS).map(_text)
        table(rows.reset_index(drop=True), inputs.settings, f"{str(section)[:1].upper()}{str(section)[1:]}")


def badge(inputs: Inputs) -> None:
    """Whether the checks were run on these inputs, and what they said: for the page Summary."""
    run = st.session_state.get("runs", {}).get("verification")
    if run is None or run.identity != results.identity(inputs) or not run.is_over or run.future.exception() is not None:
        st.markdown(":gray-badge[Checks not run yet] The page “Verification” runs them on what is shown.")
    else:
        _verdict(run.future.result())


def _verdict(found: Any) -> None:
    counts = found.table["verdict"].value_counts()
    words = ", ".join(f"{number} {plain(str(verdict))}" for verdict, number in counts.items())
    colour = "green" if found.passed else "red"
    st.markdown(f":{colour}-badge[{'Checks passed' if found.passed else 'A check failed'}] {len(found.table)} checks: {words}.")


def _text(cell: object) -> str:
    return f"{cell:.6g}" if isinstance(cell, float) else str(cell)


if __name__ == "__main__":
    draw()
