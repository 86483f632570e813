"""Front of the app: what to run on the left, the answer in tabs on the right. Also runs by itself under `streamlit run`."""

from __future__ import annotations

import re
from collections.abc import Callable

import streamlit as st

from hemodel.analyses.base_case import BaseCase
from hemodel.app import choices, pages, results
from hemodel.app.choices import Edits, Headline
from hemodel.app.pages import plain
from hemodel.errors import InputError
from hemodel.evidence.inputs import Inputs, load_inputs
from hemodel.evidence.settings import THRESHOLD_PRESETS

PROBLEM = "relapsed"
SIDEBAR_PIXELS = 330
EXCEL = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
TABS = ("Answer", "Uncertainty", "Clinical", "Scenarios", "Inputs and sources", "How it works")


def main() -> None:
    """Draw the page."""
    st.set_page_config(
        page_title="hemodel: lenalidomide in multiple myeloma", layout="wide", initial_sidebar_state=SIDEBAR_PIXELS
    )
    try:
        base = load_inputs(PROBLEM)
        with st.sidebar:
            chosen = _choose(base)
            edits = _edit(chosen)
    except InputError as error:
        _explain(error)
        return
    st.html(pages.PAGE_STYLE)
    st.markdown(f"#### {plain(base.settings.question)}")
    try:
        inputs = results.edited(chosen, edits)
        shown = results.base_case(inputs)
    except InputError as error:
        _explain(error, chosen)
        st.info("Change the input in the form on the left, or press Reset there to go back.")
        return
    _show(base, shown, edits)


def _choose(base: Inputs) -> Inputs:
    """Population, scenario and thresholds, as chosen; scenarios whose numbers do not hold for the population are not offered."""
    populations = base.settings.populations
    population = st.selectbox(
        "Population",
        list(populations),
        index=list(populations).index(base.settings.population),
        format_func=lambda name: populations[name].label,
        key="population",
    )
    st.caption(plain(populations[population].why))
    offered, elsewhere = _offered_scenarios(load_inputs(PROBLEM, population=population))
    names, wanted = list(offered), st.session_state.get("wanted_scenario", choices.BASE_CASE)
    scenario = st.selectbox(
        "Scenario",
        names,
        index=names.index(wanted) if wanted in names else 0,
        format_func=lambda name: offered[name],
        key=f"scenario/{population}",
    )
    st.session_state["wanted_scenario"] = scenario
    inputs = load_inputs(PROBLEM, population=population, scenario=scenario)
    st.caption(plain(inputs.scenario.why))
    if wanted not in names:
        st.info("The scenario shown before holds for another population only: this is the base case.")
    if elsewhere:
        st.caption(f"{elsewhere} scenarios hold for other populations only and are not offered here.")
    preset = st.radio(
        "Thresholds",
        list(THRESHOLD_PRESETS),
        index=list(THRESHOLD_PRESETS).index(inputs.settings.thresholds),
        format_func=lambda name: pages.thresholds_label(name, THRESHOLD_PRESETS[name]),
        key="thresholds",
    )
    return inputs if preset == inputs.settings.thresholds else inputs.with_settings(thresholds=preset)


def _offered_scenarios(filed: Inputs) -> tuple[dict[str, str], int]:
    """Scenarios that hold for the population, name -> label with the base case first; how many hold for others only."""
    try:
        found = results.scenarios(filed)
    except InputError as error:
        _explain(error)
        return {choices.BASE_CASE: filed.scenario.label}, 0
    return {r.inputs.scenario.name: r.inputs.scenario.label for r in found.results}, len(found.not_applicable)


def _edit(chosen: Inputs) -> Edits:
    """The form of headline inputs; returns the edits last applied. They stay when population or scenario changes, unless those
    bring a value of their own for the same input.
    """
    state, place = st.session_state, (chosen.population, chosen.scenario.name)
    edits: dict[str, float] = state.get("edits", {})
    before = state.get("edits_for", place)
    if before != place and edits:
        old = load_inputs(PROBLEM, population=before[0], scenario=before[1])
        stay = choices.kept(edits, old, chosen)
        dropped = [h.label for h in choices.headline_inputs(old) if h.name in edits and h.name not in stay]
        if dropped:
            st.info(plain(f"No longer changed, because what you chose brings values of its own: {'; '.join(dropped)}."))
        edits = stay
    round_ = state.setdefault("round", 0)
    fields, group = {}, ""
    with st.form("headline", enter_to_submit=True):
        st.markdown("#### Change the inputs")
        for headline in choices.headline_inputs(chosen):
            if headline.group != group:
                group = headline.group
                st.markdown(f"**{group}**")
            value = edits.get(headline.name, headline.value)
            fields[headline] = _field(headline, value, f"{headline.name}/{'/'.join(place)}/{round_}")
        left, right = st.container(key="apply").columns(2)
        apply = left.form_submit_button("Apply", type="primary", width="stretch")
        reset = right.form_submit_button("Reset", width="stretch", help="Back to the values in the files")
    if apply:
        edits = {h.name: value for h, value in fields.items() if value is not None and value != h.value and not h.idle}
    state["edits"], state["edits_for"] = ({} if reset else edits), place
    if reset:
        state["round"] = round_ + 1  # new fields, which start from the values in the files
        st.rerun()
    return edits


def _field(headline: Headline, value: float, key: str) -> float | None:
    """One number of the form."""
    kind: Callable[[float], float] = int if headline.is_whole else float
    low, high = (None if bound is None else kind(bound) for bound in (headline.low, headline.high))
    entered: float | None = st.number_input(
        plain(headline.label if headline.unit == "utility" else f"{headline.label} ({headline.unit})"),
        min_value=low,
        max_value=high,
        value=kind(value),
        step=kind(headline.step),
        format=f"%.{headline.decimals}f" if headline.decimals else "%d",
        key=key,
        help=plain(headline.help) or None,
        disabled=bool(headline.idle),
    )
    if headline.idle:
        st.caption(plain(headline.idle))
    return entered


def _show(base: Inputs, shown: BaseCase, edits: Edits) -> None:
    """Banner, download and tabs for the inputs that were run."""
    inputs = shown.inputs
    left, right = st.columns([2.4, 1], vertical_alignment="center")
    left.markdown(plain(pages.population_line(inputs)))
    right.download_button(
        "Download workbook",
        data=lambda: results.workbook(inputs),
        file_name=f"hemodel_{PROBLEM}_{inputs.population}_{inputs.scenario.name}_{inputs.hash[:8]}.xlsx",
        mime=EXCEL,
        on_click="ignore",
        key="workbook",
        width="stretch",
        help="Excel: all tables, inputs, sources and draws of what is shown. Scenarios are in it for inputs as in the files.",
    )
    differences = choices.differences(base, inputs)
    pages.changes(differences, rederived=any(name.startswith("median_") for name in edits))
    filed = None if differences.empty else results.base_case(base)
    draw: tuple[Callable[[], None], ...] = (
        lambda: pages.answer(shown, filed),
        lambda: pages.uncertainty(results.psa(inputs), shown),
        lambda: pages.clinical(shown),
        lambda: pages.scenarios(results.scenarios(inputs), edited=bool(edits)),
        lambda: pages.evidence(inputs),
        lambda: pages.about(inputs, edits, results.psa(inputs)),
    )
    for tab, page in zip(st.tabs(TABS, key="tab", on_change="rerun"), draw, strict=True):
        if tab.open:  # only what is looked at is drawn
            with tab:
                try:
                    page()
                except InputError as error:
                    _explain(error, inputs)


def _explain(error: InputError, inputs: Inputs | None = None) -> None:
    """Say what is wrong and what to do, with the labels of inputs in place of their names."""
    text = str(error)
    for name, parameter in ({} if inputs is None else inputs.parameters).items():
        text = re.sub(rf"\b{re.escape(name)}\b", f"“{parameter.label}”", text)
    st.error("  \n".join(plain(line) for line in text.splitlines()))


if __name__ == "__main__":
    main()
