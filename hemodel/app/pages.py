"""The tabs of the app: tables of `report.tables` and figures of `report.charts`, with a sentence on what they mean."""

from __future__ import annotations

import re
from typing import Any

import pandas as pd
import streamlit as st

from hemodel.analyses.base_case import BaseCase
from hemodel.analyses.psa import PSA
from hemodel.analyses.scenarios import Scenarios
from hemodel.app import choices
from hemodel.evidence.inputs import Inputs
from hemodel.report import charts, labels, manifest, tables

TABLE_STYLE: list[Any] = [
    {"selector": "td, th", "props": "padding: 0.28rem 0.35rem !important; vertical-align: top !important"},
    {"selector": "td p, th p", "props": "font-size: 0.8125rem !important; line-height: 1.35 !important"},
    {"selector": "th", "props": "vertical-align: bottom !important; background-color: #F4F6F7"},
    {"selector": "th p", "props": "color: #1F1F1F; font-weight: 600"},
]
NOTE_STYLE: list[Any] = [
    {"selector": "th:last-child", "props": "min-width: 8rem"},
    {"selector": "td:last-child p", "props": "overflow-wrap: anywhere"},
]
MOST_ROWS, SCROLLED_PIXELS = 4, 190
"""Differences from the base case shown in full above the answer; more are scrolled, or they would push it off the screen."""
PAGE_STYLE = """<style>
[data-testid=stMainBlockContainer] { padding: 4rem 2rem }
[data-testid=stLayoutWrapper]:has(> .st-key-apply) {
  position: sticky; bottom: 0; padding: 0.75rem 0; background: #F8F8F7; z-index: 1
}
</style>"""
METHOD = """
A cohort of people starts treatment, free of progression. Time runs in **cycles of 28 days**, over a lifetime. In every cycle
some progress and some die; nobody's risk of death is ever below that of the general population of the same age and sex.

- **Health.** Years lived free of progression and after it are weighted by their quality of life: that gives QALYs. Adverse
  events take some away.
- **Costs.** A pack of lenalidomide is bought at the start of each cycle by those still on treatment, with the visits, tests
  and medicines that go with it. Care after progression and at the end of life is counted under both strategies.
- **Price.** List price and the patient access scheme are worked out from *the same* people: the scheme changes who pays for
  lenalidomide after its cap and nothing else.
- **Time preference.** Costs and QALYs that lie in the future count for less, by the discount rates on the left. Life years
  gained are shown undiscounted.
- **Uncertainty.** Every uncertain input has a distribution. The probabilistic analysis draws all of them together many times;
  both strategies and both price arrangements see the same draws.
- **Survival after a change.** Overall survival is met through the death rate after progression. When a median is changed,
  these rates are derived anew, so that the model's median survival is again the one in the form.
"""


def answer(base: BaseCase, filed: BaseCase | None) -> None:
    """The answer: ICER under each price arrangement, NICE's tables and what they say at both thresholds.

    `filed`: the base case of the inputs as they are in the files, if what is shown differs from it.
    """
    settings = base.inputs.settings
    arrangements = base.outcomes.price_arrangements
    for arrangement, column in zip(arrangements, st.columns(len(arrangements)), strict=True):
        with column:
            _headline(base, filed, arrangement)
    st.caption(plain(_trust(base.inputs)))
    title = "Base-case results" if filed is None else "Results with the inputs above"
    for arrangement in arrangements:
        name = labels.arrangement_label(settings, arrangement)
        table(tables.base_case_table(base, arrangement), f"{title}. {name}")
    st.caption(plain(tables.BASE_CASE_FOOTER))
    figure(charts.costs_by_component({a: base.costs_by_component(a) for a in arrangements}, settings))
    with st.expander("Net health benefit, and what the scheme does to the ICER"):
        for arrangement in arrangements:
            name = labels.arrangement_label(settings, arrangement)
            table(tables.net_health_benefit_table(base, arrangement), f"Net health benefit. {name}")
        st.caption(plain(tables.NET_HEALTH_BENEFIT_FOOTER))
        table(tables.pas_impact_table(base), "Impact of the scheme on the ICER", tables.PAS_IMPACT_FOOTER)
    with st.expander("Costs, QALYs and life years in detail"):
        for arrangement in arrangements:
            name = labels.arrangement_label(settings, arrangement)
            table(tables.costs_by_component_table(base, arrangement), f"Costs by category. {name}")
        table(tables.qalys_by_state_table(base), "QALYs by state of health")
        table(tables.life_years_by_state_table(base), "Life years by state of health (discounted)")
        x, y = (labels.strategy_label(settings, s) for s in (tables.interventions(settings)[0], settings.comparator))
        st.caption(plain(f"X: {x}. Y: {y}. {tables.DISAGGREGATED_FOOTER} {tables.ROUNDING_NOTE}"))


def uncertainty(psa: PSA, base: BaseCase) -> None:
    """The probabilistic analysis in pictures and tables."""
    settings, arrangements = psa.inputs.settings, psa.price_arrangements
    uncertain = sum(parameter.is_uncertain for parameter in psa.inputs.parameters.values())
    st.markdown(
        f"How sure can we be? All {uncertain} uncertain inputs are drawn together {psa.n_draws:,} times (seed {psa.seed}); "
        "each draw is one way the world could be, given the evidence."
    )
    table(_chances(psa), "Probability of being cost-effective")
    st.caption("Monte Carlo error: standard error of the probability because the number of draws is finite.")
    for arrangement, column in zip(arrangements, st.columns(len(arrangements)), strict=True):
        with column:
            figure(charts.cost_effectiveness_plane(psa.costs, psa.qalys, settings, arrangement))
    figure(charts.acceptability_curves({a: psa.acceptability_curve(a) for a in arrangements}, settings))
    table(tables.evpi_table(psa), "What it would be worth to know everything", tables.EVPI_FOOTER)
    with st.expander("Probabilistic results in full, beside the deterministic ones"):
        for arrangement in arrangements:
            name = labels.arrangement_label(settings, arrangement)
            frame = tables.psa_table(psa, arrangement, base)
            table(frame[[c for c in frame.columns if not c.startswith("Probability")]], f"Probabilistic results. {name}")
        st.caption(plain(tables.PSA_FOOTER))


def clinical(base: BaseCase) -> None:
    """What happens to the people in the model, beside what was published."""
    settings = base.inputs.settings
    st.markdown("What happens to people in the model, and does it agree with what was published?")
    for strategy, column in zip(settings.strategy_names, st.columns(len(settings.strategies)), strict=True):
        with column:
            figure(charts.cohort_trace(base.trace, settings, strategy))
    figure(charts.share_on_treatment(base.trace["on_treatment"], settings))
    table(tables.against_source_table(base), "Model against source", tables.AGAINST_SOURCE_FOOTER)


def scenarios(found: Scenarios, *, edited: bool) -> None:
    """Every scenario of the population beside its base case."""
    settings = found.results[0].inputs.settings
    population = settings.populations[found.results[0].inputs.population].label
    st.markdown(f"Does the answer hold if we are wrong about the model or the evidence? Population: {plain(population)}.")
    if edited:
        st.info("Scenarios are run from the inputs in the files: what you changed in the form is not in them.")
    figure(charts.scenario_icers(found.table, settings))
    reasons = pd.DataFrame()
    for arrangement in settings.price_arrangements:
        name = labels.arrangement_label(settings, arrangement)
        whole = tables.scenario_table(found, arrangement)
        table(whole.drop(columns="Why"), f"Scenarios. {name}")
        reasons = whole[["Scenario", "Why"]] if arrangement == settings.price_arrangements[0] else reasons
    st.caption(plain(tables.SCENARIO_FOOTER))
    table(reasons, "Why a committee should see each scenario")
    if found.not_applicable:
        st.caption(f"{len(found.not_applicable)} scenarios are left out: their numbers hold for other populations only.")


def evidence(inputs: Inputs) -> None:
    """Every input with its source and how far it can be trusted."""
    st.markdown("Where does each number come from, and how far can it be trusted?")
    table(tables.status_counts(inputs), "How many inputs have been checked against their source")
    frame = tables.parameter_table(inputs)
    groups = pd.Series([parameter.group for parameter in inputs.parameters.values()])
    statuses = st.pills("Show only inputs that are", list(frame["Status"].unique()), selection_mode="multi", key="statuses")
    chosen = frame["Status"].isin(statuses or frame["Status"].unique())
    for group in groups.unique():
        rows = frame[(groups == group) & chosen].reset_index(drop=True)
        if len(rows):
            with st.expander(f"{plain(group.capitalize())} ({len(rows)})"):
                shown = rows.drop(columns=["Name", "Distribution", "Used in this run"])
                table(shown, f"Inputs: {group}", heading=False)
    idle = frame.loc[frame["Used in this run"] == "no", "Parameter"]
    if len(idle):
        st.caption(plain(f"Not read by a run with these settings, though others may rest on them: {'; '.join(idle)}."))
    st.caption("The list of sources S1, S2, ... and the distributions are in the workbook, on the sheets Sources and Inputs.")
    table(tables.settings_table(inputs.settings), "Choices about the model")


def about(inputs: Inputs, edits: choices.Edits, psa: PSA | None) -> None:
    """How the model works, and how to get the same numbers without this page."""
    st.markdown("#### How the model works")
    st.markdown(METHOD)
    st.markdown("#### Get the same numbers in Python")
    st.code(choices.recipe(inputs, edits), language="python")
    st.markdown("#### This run")
    record = pd.DataFrame(manifest.manifest_lines(manifest.manifest(inputs, psa=psa)), columns=["What", "Value"])
    table(record, "Record of this run", heading=False)
    st.markdown("#### Abbreviations")
    table(pd.DataFrame(labels.ABBREVIATIONS.items(), columns=["Short", "Long"]), "Abbreviations", heading=False)


def changes(frame: pd.DataFrame, *, rederived: bool) -> None:
    """The banner: what differs from the base case and by how much; nothing where nothing does."""
    if frame.empty:
        st.caption("These are the inputs of the base case.")
        return
    with st.container(border=True, key="differences"):
        number = f"{len(frame)} thing{'s differ' if len(frame) > 1 else ' differs'}"
        more = "" if len(frame) <= MOST_ROWS else " (scroll to see all)"
        st.markdown(f":orange-badge[Not the base case] {number} from it{more}:")
        high: Any = "content" if len(frame) <= MOST_ROWS else SCROLLED_PIXELS
        table(frame, "What differs from the base case", heading=False, height=high)
        if rederived:
            st.caption(
                "A median was changed, so the death rates after progression were derived anew: the model's median overall "
                "survival is the one in the form."
            )


def verdict(base: BaseCase, arrangement: str, strategy: str) -> str:
    """What the base case says about one strategy, in two sentences: increments and reading, then both thresholds."""
    settings = base.inputs.settings
    rows = base.table[lambda t: t["price_arrangement"] == arrangement].set_index("strategy")
    row, name = rows.loc[strategy], labels.strategy_label(settings, strategy)
    comparator = labels.strategy_label(settings, settings.comparator).lower()
    costs, qalys = float(row["incremental_costs"]), float(row["incremental_qalys"])
    money = f"{labels.gbp(abs(costs))} {'more' if costs >= 0 else 'less'}"
    health = f"{labels.qalys(abs(qalys))} {'more' if qalys >= 0 else 'fewer'} QALYs"
    first = f"{name} costs {money} per person than {comparator} and gives {health}."
    benefit = base.net_benefit(arrangement).set_index("strategy")
    worth = [benefit[f"net_monetary_benefit_{t:.0f}"] for t in settings.thresholds_gbp]
    good = [labels.gbp(t) for t, nb in zip(settings.thresholds_gbp, worth, strict=True) if nb[strategy] > nb[settings.comparator]]
    both = " or ".join(labels.gbp(t) for t in settings.thresholds_gbp)
    if not good:
        return f"{first} **Not cost-effective** at {both} per QALY."
    if len(good) == len(worth):
        return f"{first} **Cost-effective** at {both} per QALY."
    bad = next(labels.gbp(t) for t in settings.thresholds_gbp if labels.gbp(t) not in good)
    return f"{first} **Cost-effective** at {good[0]} per QALY, **not** at {bad}."


def table(frame: pd.DataFrame, name: str, footer: str = "", *, heading: bool = True, height: Any = "content") -> None:
    """A table as real HTML, rounded as NICE rounds, numbers to the right, with a name for screen readers."""
    numeric = [place for place, column in enumerate(frame.columns) if _has_numbers(frame[column])]
    safe = tables.rounded(frame).map(plain).rename(columns=lambda heading: plain(heading).replace("/", "/\u200b"))
    style = [*TABLE_STYLE, *(NOTE_STYLE if frame.columns[-1] in ("Note", "Why") else [])]
    right = ", ".join(f"th.col{place}, td.col{place}" for place in numeric) or "td.none"
    styled = safe.style.set_table_styles([*style, {"selector": right, "props": "text-align: right !important"}])
    if heading:
        st.markdown(f"**{plain(name)}**")
    st.table(styled, hide_index=True, height=height, alt=name)
    if footer:
        st.caption(plain(footer))


def figure(shown: charts.Figure) -> None:
    """A chart over the full width with its reading below; its description for screen readers is in the chart."""
    st.altair_chart(shown.chart, width="stretch", theme=None)
    st.caption(plain(shown.sentence))


def plain(text: str) -> str:
    """Text as it is: what Markdown would take for markup is escaped."""
    return re.sub(r"([\\`*_\[\]<>~$#|:])", r"\\\1", text)


def _has_numbers(column: pd.Series) -> bool:
    return any(isinstance(cell, (int, float)) for cell in column)


def _trust(inputs: Inputs) -> str:
    """How many of the inputs in use have been checked against their source."""
    counts = tables.status_counts(inputs).set_index("Status")["Used in this run"]
    parts = ", ".join(f"{number} {status}" for status, number in counts.items())
    return f"This rests on {counts.sum()} inputs: {parts}. The tab “Inputs and sources” says which is which."


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


def _headline(base: BaseCase, filed: BaseCase | None, arrangement: str) -> None:
    settings = base.inputs.settings
    rows = base.table[lambda t: t["price_arrangement"] == arrangement].set_index("strategy")
    with st.container(border=True, height="stretch"):
        for strategy in tables.interventions(settings):
            icer, reading = float(rows.loc[strategy, "icer"]), str(rows.loc[strategy, "reading"])
            st.metric(f"ICER {charts.priced(settings, arrangement)}", labels.gbp(icer) or reading.partition(" (")[0])
            unit = re.sub(r"^GBP [\d,.]+ ", "", reading)
            before = _filed_icer(filed, arrangement, strategy)
            st.caption(plain(unit + before))
            st.markdown(_verdict_markdown(base, arrangement, strategy))


def _verdict_markdown(base: BaseCase, arrangement: str, strategy: str) -> str:
    return "**".join(plain(part) for part in verdict(base, arrangement, strategy).split("**"))


def _filed_icer(filed: BaseCase | None, arrangement: str, strategy: str) -> str:
    if filed is None or arrangement not in filed.outcomes.price_arrangements:
        return ""
    value = filed.icer(arrangement, strategy)
    return f" (base case: {labels.gbp(value) or 'no ratio'})"


def thresholds_label(preset: str, values: tuple[float, float]) -> str:
    """A preset of thresholds in words."""
    return f"{labels.gbp(values[0])} and {labels.gbp(values[1])} per QALY ({preset})"


def population_line(inputs: Inputs) -> str:
    """Who and what is shown."""
    return f"Population: {inputs.settings.populations[inputs.population].label}. Scenario: {inputs.scenario.label}."
