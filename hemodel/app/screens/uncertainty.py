"""Uncertainty: all parameters together, one at a time, and what it would be worth to know more."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from hemodel.analyses.global_sensitivity import run_global
from hemodel.analyses.psa import PSA, run_psa
from hemodel.analyses.value_of_information import evppi_table
from hemodel.app import background, results
from hemodel.app.show import exhibit, figure, figures, page, plain, table
from hemodel.app.sidebar import Screen, screen
from hemodel.cohort import model
from hemodel.evidence.inputs import Inputs
from hemodel.extras import missing
from hemodel.report import charts, exhibits, labels, readings, tables

TABS = ("Probabilistic", "One at a time", "Two at a time", "Value of information", "All together (Sobol')", "More draws")
MORE_DRAWS = (100_000, 250_000, 500_000)
SOBOL_SIZE = 512


def draw() -> None:
    """The page."""
    shown = screen()
    page("Uncertainty", "How sure can we be, given what is not known about the inputs?")
    draws = (_probabilistic, _one_way, _two_way, _information, _sobol, _more)
    for tab, part in zip(st.tabs(TABS, key="uncertainty_tab", on_change="rerun"), draws, strict=True):
        if tab.open:  # only what is looked at is run and drawn
            with tab:
                part(shown)


def _probabilistic(shown: Screen) -> None:
    inputs = shown.inputs
    base, psa, settings = results.base_case(inputs), results.psa(inputs), inputs.settings
    arrangements = psa.price_arrangements
    st.markdown(
        plain(f"All uncertain inputs drawn together, {psa.n_draws:,} times; every strategy and price sees the same draws.")
    )
    table(_chances(psa), settings, "Probability of being cost-effective")
    planes = [charts.cost_effectiveness_plane(psa.costs, psa.qalys, settings, arrangement) for arrangement in arrangements]
    figures(planes, narrow=len(settings.strategies) == 2)
    figure(charts.acceptability_curves({a: psa.acceptability_curve(a) for a in arrangements}, settings))
    table(tables.evpi_table(psa), settings, "What it would be worth to know everything", tables.EVPI_FOOTER)
    with st.expander("Probabilistic results in full, beside the deterministic ones"):
        for arrangement in arrangements:
            frame = tables.psa_table(psa, arrangement, base)
            short = frame[[c for c in frame.columns if not c.startswith("Probability")]]
            table(short, settings, f"Probabilistic results. {labels.arrangement_label(settings, arrangement)}")
        st.caption(plain(tables.PSA_FOOTER))
    with st.expander("Are there draws enough?"):
        exhibit(exhibits.convergence(results.convergence(inputs), inputs).in_brief)


def _chances(psa: PSA) -> pd.DataFrame:
    """From the table of the analysis: the probabilities of the interventions and their Monte Carlo errors."""
    settings, frames = psa.inputs.settings, []
    names = [labels.strategy_label(settings, name) for name in tables.interventions(settings)]
    for arrangement in psa.price_arrangements:
        frame = tables.psa_table(psa, arrangement)
        wanted = frame[tables.TECHNOLOGIES].isin(names) & frame["Analysis"].str.contains("mean|Monte Carlo error")
        chances = [column for column in frame.columns if column.startswith("Probability")]
        frame = frame.loc[wanted, [tables.TECHNOLOGIES, "Analysis", *chances]]
        frame.insert(0, "Price", labels.arrangement_short(settings, arrangement))
        frames.append(frame)
    return pd.concat(frames, ignore_index=True)


def _one_way(shown: Screen) -> None:
    found = results.one_way(shown.inputs)
    heads = {outcome: heading.partition(" (")[0] for outcome, heading in labels.INCREMENTS.items()}
    outcome = st.segmented_control(
        "Outcome", list(heads), default=readings.NET_BENEFIT, required=True, format_func=heads.__getitem__, key="tornado_outcome"
    )
    exhibit(exhibits.tornado(found, outcome), "Every parameter")


def _two_way(shown: Screen) -> None:
    inputs = shown.inputs
    by_swing = list(results.one_way(inputs).tornado()["parameter"])
    read = model.names_read(inputs)
    names = by_swing + [
        n for n, p in inputs.parameters.items() if n in read and n not in by_swing and not p.is_uncertain and p.value
    ]
    columns = st.columns(2)
    key = f"{inputs.settings.problem}/{inputs.population}/{inputs.scenario.name}"
    label = {name: inputs.parameters[name].label for name in names}
    first = columns[0].selectbox("Across", names, format_func=label.__getitem__, key=f"across/{key}")
    others = [name for name in names if name != first]
    second = columns[1].selectbox("Up", others, format_func=label.__getitem__, key=f"up/{key}")
    exhibit(exhibits.two_way(results.two_way(inputs, first, second), inputs), "The numbers")


def _information(shown: Screen) -> None:
    inputs = shown.inputs
    curves = results.information(inputs)
    for one in exhibits.evpi(curves, inputs).figures:
        figure(one)
    psa = results.psa(inputs)
    names = [str(n) for n in model.names_read(inputs) if inputs.parameters[str(n)].is_uncertain]
    found = background.request(
        "evppi",
        "Value of knowing each parameter",
        results.identity(inputs),
        len(names),
        lambda progress: evppi_table(psa, progress=progress),
        button="What would it be worth to know each parameter? (about 10 seconds)",
    )
    if found is not None:
        exhibit(exhibits.evppi(found, inputs, curves=curves), "Every parameter")


def _sobol(shown: Screen) -> None:
    inputs = shown.inputs
    if lacking := missing("sensitivity", "Global indices"):
        st.info(plain(str(lacking)))
        return
    st.markdown("Which inputs drive the spread of the answer when all of them vary together?")
    found = background.request(
        "sobol",
        "Sobol' indices",
        results.identity(inputs),
        0,
        lambda progress: run_global(inputs, "sobol", size=SOBOL_SIZE, progress=progress),
        button="Work out Sobol' indices (a few seconds)",
    )
    if found is not None:
        exhibit(exhibits.global_sensitivity(found, inputs), "Every parameter")


def _more(shown: Screen) -> None:
    inputs = shown.inputs
    st.markdown("More draws make the means and probabilities steadier. They do not make the inputs more certain.")
    state = st.session_state
    if "more_draws" not in state:  # the page was left: Streamlit forgets its fields, and the run under way is of what was chosen
        state["more_draws"] = state.get("draws_chosen", MORE_DRAWS[0])
    draws = st.segmented_control("Draws", MORE_DRAWS, required=True, format_func="{:,}".format, key="more_draws")
    state["draws_chosen"] = draws
    found = background.request(
        "more_draws",
        f"{draws:,} draws",
        f"{results.identity(inputs)}/{draws}",
        draws,
        lambda progress: _many(inputs, draws, progress),
        button="Run them",
    )
    if found is not None:
        for arrangement, frame in found.items():
            name = labels.arrangement_label(inputs.settings, arrangement)
            table(frame, inputs.settings, f"Probabilistic results, {draws:,} draws. {name}")
        st.caption(plain(tables.PSA_FOOTER))


def _many(inputs: Inputs, draws: int, progress: background.Progress) -> dict[str, pd.DataFrame]:
    """The tables of a long analysis; its draws are not kept. Small blocks, so that it can be stopped soon."""
    psa = run_psa(inputs, draws, threads=1, block_size=10_000, progress=progress)
    return {name: tables.psa_table(psa, name) for name in psa.price_arrangements}


if __name__ == "__main__":
    draw()
