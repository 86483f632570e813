"""Clinical: what happens to people in the model, beside what was published, and with data of one's own."""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st

from hemodel.analyses.base_case import BaseCase
from hemodel.analyses.fitting import Fits, run_fits
from hemodel.app import results
from hemodel.app.choices import FittedData
from hemodel.app.show import explain, figure, figures, page, plain, plain_name, table
from hemodel.app.sidebar import Screen, screen
from hemodel.errors import InputError
from hemodel.evidence.parameters import TIME_UNITS
from hemodel.evidence.survival_data import SurvivalData, refuse_long_times, times_in
from hemodel.report import charts, labels, tables
from hemodel.report.charts.clinical import fitted_curves, hazard_curves, survival_curves

MOST_BYTES, MOST_PEOPLE, FEWEST_EVENTS = 500_000, 5_000, 5
SHORTEST, LONGEST = 1e-4, 1e5
"""Times that are fitted, in any unit from days to years."""


def draw() -> None:
    """The page."""
    shown = screen()
    base, settings = results.base_case(shown.inputs), shown.inputs.settings
    page("Clinical", "What happens to people in the model, and does it agree with what was published?")
    figure(survival_curves(base.trace, settings))
    figure(hazard_curves(base.trace, settings))
    traces = [charts.cohort_trace(base.trace, settings, strategy) for strategy in settings.strategy_names]
    figures(traces, narrow=True)
    figure(charts.share_on_treatment(base.trace["on_treatment"], settings, base.inputs.settings.with_drugs))
    table(tables.against_source_table(base), settings, "Model against source", tables.AGAINST_SOURCE_FOOTER)
    with st.expander("Where people are at the start of every year"):
        for strategy in settings.strategy_names:
            table(
                _years(base, strategy),
                settings,
                f"Of 1,000 people, {labels.in_sentence(labels.strategy_label(settings, strategy))}",
            )
        st.caption(plain("People per 1,000. Every cycle is in the workbook, on the sheet Trace."))
    _own_data(shown)


def _years(base: BaseCase, strategy: str) -> pd.DataFrame:
    """The trace at every thirteenth cycle, until fewer than 1 in 1,000 are alive."""
    place = base.outcomes.strategies.index(strategy)
    cycles = np.arange(0, len(base.trace["dead"]), 13)
    alive = 1.0 - base.trace["dead"][cycles, place]
    cycles = cycles[: int(np.flatnonzero(alive >= 0.001)[-1]) + 1]
    columns = {
        labels.state_label(state): [f"{1000 * share:,.0f}" for share in base.trace[state][cycles, place]]
        for state in (
            "progression_free",
            "progressed",
            "dead",
            *(["on_treatment"] if strategy in base.inputs.settings.with_drugs else []),
        )
    }
    return pd.DataFrame({"Year": [str(k) for k in range(len(cycles))], **columns})


def _own_data(shown: Screen) -> None:
    """Survival data of one's own: fits side by side, and one of them put into the model."""
    settings = shown.inputs.settings
    st.markdown("#### Data of your own")
    if shown.fitted is not None:
        name = labels.strategy_label(settings, shown.fitted.strategy)
        st.info(
            plain(
                f"In use: {labels.words(shown.fitted.family)} {shown.fitted.curve.upper()} for {name}, fitted to {shown.fitted.file}."
            )
        )
        if st.button("Back to the published curve", key="unfit"):
            st.session_state["fitted"] = None
            st.rerun()
    uploaded = st.file_uploader(
        "Individual survival times: a CSV file with the columns time and event or status (1: it happened, 0: censored)",
        type=["csv"],
        max_upload_size=1,
        key="survival_upload",
    )
    st.caption(
        "It is read in this session alone and kept nowhere. Without data at hand: a curve of a paper can be digitised first."
    )
    if uploaded is None:
        return
    try:
        fits, data = _fits(plain_name(uploaded.name), uploaded.getvalue())
    except InputError as error:
        explain(error)
        st.info("Nothing was changed.")
        return
    st.caption(plain(data.how))
    columns = st.columns(3)
    curve = columns[0].selectbox("The times are", ("pfs", "os"), format_func=_CURVES.__getitem__, key="fit_curve")
    strategy = columns[1].selectbox(
        "of people on",
        settings.strategy_names,
        format_func=lambda name: labels.strategy_label(settings, name),
        key=f"fit_strategy/{settings.problem}",
    )
    unit = columns[2].selectbox("in", list(TIME_UNITS), index=list(TIME_UNITS).index("months"), key="fit_unit")
    try:
        refuse_long_times(data, unit)
    except InputError as error:
        explain(error)
        return
    best = fits.best.family.name
    figure(fitted_curves(fits.curves(), best, unit))
    figure(fitted_curves(fits.curves(), best, unit, what="hazard"))
    table(
        _fit_table(fits),
        settings,
        "Fits, the lowest AIC first",
        "AIC and BIC: lower is better. Landmarks: share without the event.",
    )
    for family, reason in fits.refused.items():
        st.caption(plain(f"{labels.words(family)} could not be fitted: {reason}"))
    left, right = st.columns([3, 2], vertical_alignment="bottom")
    family = left.selectbox(
        "Curve to use in place of the published median",
        [fit.family.name for fit in fits.fits],
        format_func=labels.words,
        key="fit_family",
    )
    if right.button("Use this curve in the model", type="primary", key="use_fit", width="stretch"):
        st.session_state["fitted"] = FittedData(
            curve, strategy, family, unit, tuple(fits.times.tolist()), tuple(fits.events.tolist()), plain_name(uploaded.name)
        )
        st.rerun()


_CURVES = {"pfs": "times to progression or death (PFS)", "os": "times to death (OS)"}


def _fits(file: str, content: bytes) -> tuple[Fits, SurvivalData]:
    """The fits of an uploaded file and its data, made once for each file of the session."""
    held = st.session_state.get("fits")
    if held is not None and held[0] == (file, content):
        found: tuple[Fits, SurvivalData] = held[1]
        return found
    data = survival_times(file, content)
    with st.spinner("Fitting the curves ..."):
        found = run_fits(data.times, data.values), data
    st.session_state["fits"] = ((file, content), found)
    return found


def survival_times(file: str, content: bytes) -> SurvivalData:
    """Times and events of an uploaded file; raises `InputError` where it is too large, no such file, or too little to fit."""
    if len(content) > MOST_BYTES:
        raise InputError(file, f"the file has {len(content):,} bytes", f"Give at most {MOST_BYTES:,}")
    if max(content.count(b"\n"), content.count(b"\r")) > 2 * MOST_PEOPLE:  # blank lines and comments are none
        raise InputError(file, f"it has more than {2 * MOST_PEOPLE:,} rows", f"Give at most {MOST_PEOPLE:,} people")
    data = times_in(file, content)
    times, events = data
    if len(times) > MOST_PEOPLE or events.sum() < FEWEST_EVENTS:
        problem = f"it has {len(times):,} people with {events.sum():,.0f} events"
        raise InputError(file, problem, f"Give at most {MOST_PEOPLE:,} people, and {FEWEST_EVENTS} events or more")
    if not SHORTEST <= times.min() <= times.max() <= LONGEST:
        problem = f"its times go from {times.min():g} to {times.max():g}"
        raise InputError(file, problem, f"Give times from {SHORTEST:g} to {LONGEST:g}, in days, weeks, months or years")
    if len(np.unique(times[events > 0])) < FEWEST_EVENTS:
        problem = f"its events are at fewer than {FEWEST_EVENTS} different times"
        raise InputError(file, problem, "Give times as they were measured, not rounded")
    return data


def _fit_table(fits: Fits) -> pd.DataFrame:
    """The table of the fits in words."""
    found = fits.table
    names = {"aic": "AIC", "bic": "BIC", "log_likelihood": "Log-likelihood", "median": "Median"}
    frame = pd.DataFrame({"Family": [labels.words(str(name)) for name in found["family"]]})
    for column in ("aic", "bic", "log_likelihood"):
        frame[names[column]] = [f"{value:,.1f}" for value in found[column]]
    frame["Median"] = [f"{value:.1f}" for value in found["median"]]
    for column in (c for c in found.columns if c.startswith("survival_at_")):
        frame[f"At {column.removeprefix('survival_at_')}"] = [labels.percent(float(value)) for value in found[column]]
    frame["Estimates"] = found["estimates"].to_list()
    return frame


if __name__ == "__main__":
    draw()
