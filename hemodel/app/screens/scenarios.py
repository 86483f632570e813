"""Scenarios: all side by side, A against B, and how one travels."""

from __future__ import annotations

from urllib.parse import urlencode

import pandas as pd
import streamlit as st

from hemodel.analyses.base_case import BaseCase
from hemodel.analyses.scenarios import run_comparison
from hemodel.app import background, results, sharing, sidebar
from hemodel.app.show import chosen_intervention, exhibit, explain, figure, page, plain, plain_name, table
from hemodel.app.sidebar import Screen, screen
from hemodel.errors import InputError
from hemodel.evidence.inputs import Inputs, inputs_of
from hemodel.evidence.zipped import unzipped, zipped
from hemodel.report import charts, exhibits, labels, tables
from hemodel.report.charts.difference import difference, difference_shown, difference_table

TABS = ("Side by side", "A against B", "Save, load and share", "All populations")
NOW = "What is shown now"


def draw() -> None:
    """The page."""
    shown = screen()
    page("Scenarios", "Does the answer hold if we are wrong about the model or the evidence?")
    parts = (_side_by_side, _two, _travel, _populations)
    for tab, part in zip(st.tabs(TABS, key="scenarios_tab", on_change="rerun"), parts, strict=True):
        if tab.open:
            with tab:
                part(shown)


def _side_by_side(shown: Screen) -> None:
    found = results.scenarios(shown.inputs)
    settings = found.results[0].inputs.settings
    if shown.is_changed:
        st.info("Scenarios are run from the inputs in the files: what you changed by hand is not in them.")
    for _, rows in found.table.groupby("strategy", sort=False):
        figure(charts.scenario_icers(rows, settings))
    reasons = pd.DataFrame()
    for arrangement in settings.price_arrangements:
        whole = tables.scenario_table(found, arrangement)
        table(whole.drop(columns="Why"), settings, f"Scenarios. {labels.arrangement_label(settings, arrangement)}")
        reasons = whole[["Scenario", "Why"]] if arrangement == settings.price_arrangements[0] else reasons
    st.caption(plain(tables.SCENARIO_FOOTER))
    table(reasons.drop_duplicates(ignore_index=True), settings, "Why a committee should see each scenario")
    if found.not_applicable:
        st.caption(f"{len(found.not_applicable)} scenarios are left out: their numbers hold for other populations only.")


def _two(shown: Screen) -> None:
    found: dict[str, BaseCase] = {}
    for result in results.scenarios(shown.inputs).results:
        found[result.inputs.scenario.label] = result
    found = {NOW: results.base_case(shown.inputs)} | found
    names, key = list(found), f"{shown.inputs.settings.problem}/{shown.inputs.population}"
    columns = st.columns(2)
    a = columns[0].selectbox("Scenario A", names, index=1, key=f"a/{key}")
    b = columns[1].selectbox("Scenario B", names, index=0, key=f"b/{key}")
    first, second = found[a], found[b]
    strategy = chosen_intervention(shown.inputs.settings, "two_strategy")
    shared = [p for p in second.outcomes.price_arrangements if p in first.outcomes.price_arrangements] or ["list"]
    arrangement = shared[-1]
    if len(shared) > 1:
        arrangement = st.segmented_control(
            "Price",
            shared,
            default=shared[-1],
            required=True,
            format_func=lambda name: labels.arrangement_short(second.inputs.settings, name),
            key=f"two_price/{'/'.join(shared)}",
        )
    rows = [_row(mark, name, result, arrangement, strategy) for mark, name, result in (("A", a, first), ("B", b, second))]
    table(pd.DataFrame(rows), shown.inputs.settings, "A against B", tables.BASE_CASE_FOOTER)
    apart = difference_table(first, second, (arrangement, arrangement), strategy)
    if not apart["difference"].any():
        st.info(
            "A and B give the same costs and QALYs. Choose another scenario above, or change an input in the form on the left."
        )
        return
    figure(difference(apart, second, strategy))
    for kind, name in (("costs", "Incremental costs by component"), ("qalys", "Incremental QALYs by state")):
        table(difference_shown(apart, kind, second.inputs.settings), shown.inputs.settings, f"{name}, discounted")
    st.caption(
        plain(f"Increments of {labels.in_sentence(labels.strategy_label(shown.inputs.settings, strategy))} over the comparator.")
    )


def _row(mark: str, name: str, result: BaseCase, arrangement: str, strategy: str) -> dict[str, object]:
    rows, settings = result.table, result.inputs.settings
    row = rows[(rows["price_arrangement"] == arrangement) & (rows["strategy"] == strategy)].to_dict("records")[0]
    return {
        "Scenario": f"{mark}: {name}",
        f"Incremental costs ({settings.sign})": row["incremental_costs"],
        "Incremental LYG": row["incremental_life_years"],
        "Incremental QALYs": row["incremental_qalys"],
        f"ICER ({settings.sign}/QALY)": labels.icer_text(float(row["icer"]), str(row["reading"]), settings),
    }


def _travel(shown: Screen) -> None:
    inputs = shown.inputs
    st.markdown("#### Save what is shown as a file")
    columns = st.columns([1, 2], vertical_alignment="bottom")
    label = columns[0].text_input("Name", value="My scenario", max_chars=80, key="scenario_label")
    why = columns[1].text_input(
        "Why a committee should see it", value="A what-if of the committee.", max_chars=300, key="scenario_why"
    )
    with_curves = bool(inputs.settings.fitted_curves) and st.checkbox(
        "With the fitted curve: its coefficients go into the file, the data do not. The file is then confidential.",
        key="scenario_with_curves",
    )
    _told("the file", sharing.left_out(inputs, shown.edits, with_curves=with_curves))
    name = f"{'confidential_' if with_curves else ''}{sharing.file_name(label, inputs)}"
    st.download_button(
        "Save the scenario",
        data=lambda: sharing.scenario_text(
            inputs,
            name=name,
            label=label.strip() or "My scenario",
            why=why.strip() or "A what-if.",
            with_curves=with_curves,
        ),
        file_name=f"{name}.toml",
        mime="application/toml",
        on_click="ignore",
        key="save_scenario",
    )
    st.markdown("#### Load a scenario file")
    uploaded = st.file_uploader(
        "A scenario file (.toml)",
        type=["toml"],
        max_upload_size=1,
        key=f"load_scenario/{st.session_state.get('choices_round', 0)}",
    )
    if uploaded is not None:
        try:
            found = sharing.read_scenario(plain_name(uploaded.name), uploaded.getvalue(), inputs)
            results.base_case(found)
        except InputError as error:
            explain(error)
            st.info("Nothing was changed.")
        else:
            sidebar.take_over_scenario(found)
            st.rerun()
    st.markdown("#### Share a link")
    _told("the link", sharing.left_out_of_link(inputs, shown.edits))
    address = (st.context.url or "").partition("?")[0].removesuffix("scenarios").rstrip("/") + "/"
    st.code(f"{address}?{urlencode(sharing.link_query(inputs, shown.edits))}", language=None, wrap_lines=True)
    st.caption("It opens the same inputs for whoever runs this app at the same address.")
    _own_problem(inputs)


def _own_problem(inputs: Inputs) -> None:
    """A decision problem as a zip: the one shown saved, one of one's own opened."""
    st.markdown("#### A decision problem of your own")
    st.caption(
        "All files of the problem that is shown, to change and to open again here. What was changed by hand is not in them."
    )
    st.download_button(
        "Save the folder of this problem (.zip)",
        data=lambda: zipped(inputs.folder),
        file_name=f"{inputs.settings.problem}.zip",
        mime="application/zip",
        on_click="ignore",
        key="save_folder",
    )
    uploaded = st.file_uploader(
        "A folder with settings.toml, parameters.csv and the files beside them (.zip). It is kept for this session alone.",
        type=["zip"],
        max_upload_size=5,
        key=f"load_folder/{st.session_state.get('choices_round', 0)}",
    )
    if uploaded is None:
        return
    try:
        found = inputs_of(unzipped(plain_name(uploaded.name), uploaded.getvalue()))
        results.base_case(found)
    except InputError as error:
        explain(error)
        st.info("Nothing was changed.")
    else:
        sidebar.take_over_folder(found)
        st.rerun()


def _told(where: str, missing: list[str]) -> None:
    """What is not in a file or a link, if anything."""
    if missing:
        st.warning(plain(f"Not in {where}: {'; '.join(missing)}."))


def _populations(shown: Screen) -> None:
    filed = shown.filed
    count = len(shown.filed.settings.populations)
    found = background.request(
        "comparison",
        "Every scenario in every population",
        filed.hash,
        count,
        lambda progress: run_comparison(filed, progress=progress),
        button="Run every scenario in every population (a few seconds)",
    )
    if found is not None:
        exhibit(exhibits.comparison(found, filed), "The numbers")


if __name__ == "__main__":
    draw()
