"""Inputs: every number with its unit, interval, source and status; an edited sheet can be put back."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from hemodel.app import choices, results, sidebar
from hemodel.app.show import explain, landscape, page, plain, plain_name, table
from hemodel.app.sidebar import Screen, screen
from hemodel.errors import InputError
from hemodel.evidence import inputs_sheet
from hemodel.evidence.confidential import marked
from hemodel.report import labels, tables


def draw() -> None:
    """The page."""
    shown = screen()
    inputs = shown.inputs
    page("Inputs", "Where does each number come from, how far can it be trusted, and what if it were another?")
    landscape()
    _changed(shown)
    _upload(shown)
    table(tables.status_counts(inputs), inputs.settings, "How many inputs have been checked against their source")
    frame = tables.parameter_table(inputs)
    parameters = list(inputs.parameters.values())
    frame.insert(1, "Changed", [_was(shown, name) for name in frame["Name"]])
    secret = marked(inputs)
    if secret:
        kinds = [p.confidentiality.upper() if p.confidentiality != "none" else "derived from it" for p in parameters]
        frame.insert(2, "Confidential", [kind if p.name in secret else "" for p, kind in zip(parameters, kinds, strict=True)])
    groups = pd.Series([parameter.group for parameter in parameters])
    statuses = st.pills(
        "Show only inputs that are",
        [status for status in labels.STATUSES if (frame["Status"] == status).any()],
        selection_mode="multi",
        key="statuses",
    )
    chosen = frame["Status"].isin(statuses or frame["Status"].unique())
    if not (frame["Changed"] != "").any():
        frame = frame.drop(columns="Changed")
    for group in groups.unique():
        rows = frame[(groups == group) & chosen].reset_index(drop=True)
        if len(rows):
            with st.expander(f"{plain(group.capitalize())} ({len(rows)})"):
                table(rows.drop(columns=["Name", "Used in this run"]), inputs.settings, f"Inputs: {group}", heading=False)
    idle = frame.loc[frame["Used in this run"] == "no", "Parameter"]
    if len(idle):
        with st.expander(f"Not read by a run with these settings, though others may rest on them ({len(idle)})"):
            st.markdown("\n".join(f"- {plain(label)}" for label in idle))
    st.caption("What the sources S1, S2, ... are is on the page Documentation.")
    table(tables.settings_table(inputs), inputs.settings, "Choices about the model")


def _was(shown: Screen, name: str) -> str:
    """What an input was before it was changed by hand; empty where it was not."""
    before = shown.chosen.parameters.get(name)
    now = shown.inputs.parameters[name]
    if before is None:
        return "new"
    return f"was {labels.plain(before.value)}" if labels.plain(before.value) != labels.plain(now.value) else ""


def _changed(shown: Screen) -> None:
    """What was changed by hand, each with a way back."""
    if not shown.is_changed:
        st.caption("Nothing has been changed by hand. The form on the left changes the headline inputs; a sheet changes any.")
        return
    for name, value in shown.edits.items():
        left, right = st.columns([5, 1], vertical_alignment="center")
        left.markdown(plain(f"{choices.label_of(shown.chosen, name)}: {labels.plain(value)}"))
        if right.button("Put back", key=f"back/{name}", width="stretch"):
            sidebar.take_over({k: v for k, v in shown.edits.items() if k != name})
            st.rerun()
    if shown.fitted is not None:
        st.markdown(plain(f"A {shown.fitted.curve.upper()} curve fitted to {shown.fitted.file} (page Clinical)."))


def _upload(shown: Screen) -> None:
    """An edited sheet: what it changes is listed and put in place when that is confirmed."""
    with st.expander("Change many inputs at once: download the sheet, edit its values, and put it back"):
        secret = marked(shown.inputs)
        names = [name for name in shown.inputs.parameters if name not in secret]
        values = [shown.inputs.parameters[name].value for name in names]
        st.download_button(
            "Download names and values (CSV)",
            data=inputs_sheet.listed(names, values).encode(),
            file_name="hemodel_inputs.csv",
            mime="text/csv",
            on_click="ignore",
            key="inputs_csv",
        )
        uploaded = st.file_uploader(
            "The edited CSV, or a workbook of hemodel with an edited sheet Inputs",
            type=["csv", "xlsx"],
            max_upload_size=inputs_sheet.MOST_BYTES // 1_000_000,
            key=f"inputs_upload/{st.session_state['round']}",
        )
        if uploaded is None:
            st.caption("Only the column Value is read. Nothing changes before you confirm it.")
            return
        try:
            sheet = inputs_sheet.read_sheet(plain_name(uploaded.name), uploaded.getvalue())
            found = choices.sheet_edits(shown.chosen, sheet)
            edits = {n: v for n, v in shown.edits.items() if n not in shown.chosen.parameters} | found
            after = results.edited(shown.chosen, edits)
            results.base_case(results.edited(shown.chosen, edits, shown.fitted))  # it says here, not after, if it cannot be run
        except InputError as error:
            explain(error)
            st.info("Nothing was changed.")
            return
        if not found:
            st.info("The sheet holds the values that are there already.")
            return
        table(choices.differences(shown.chosen, after), shown.inputs.settings, "What the sheet changes")
        if st.button("Put these values in place", type="primary", key="confirm_upload"):
            sidebar.take_over(edits)
            st.rerun()


if __name__ == "__main__":
    draw()
