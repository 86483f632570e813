"""The side of every page: what to run, at which prices, and the form of headline inputs. What was chosen is in `Screen`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st

from hemodel.app import choices, results, sharing
from hemodel.app.choices import Edits, FittedData, Headline
from hemodel.app.show import explain, plain, thresholds_label
from hemodel.errors import InputError
from hemodel.evidence.folder import problem_titles
from hemodel.evidence.inputs import Inputs, load_inputs
from hemodel.evidence.settings import Settings
from hemodel.report import labels

OWN_FOLDER = "own_folder"
"""Name under which the decision problem of an uploaded zip is offered."""
OWN = "own_file"
"""Name under which the scenario of an uploaded file is offered."""


@dataclass(frozen=True)
class Screen:
    """What a page shows: the base case of the problem, what was chosen, and that with what was changed by hand."""

    filed: Inputs
    chosen: Inputs
    inputs: Inputs
    edits: Edits
    fitted: FittedData | None

    @property
    def is_changed(self) -> bool:
        """Whether anything was changed by hand."""
        return bool(self.edits) or self.fitted is not None


def screen() -> Screen:
    """What the pages show now."""
    found: Screen = st.session_state["screen"]
    return found


def arrive() -> None:
    """Take over what the link of a new session asks for, once."""
    state = st.session_state
    if "wanted" in state:
        return
    try:
        asked = sharing.read_link(st.query_params.to_dict())
    except InputError as error:
        explain(error)
        asked = sharing.read_link({})
    state["wanted"] = {"problem": asked.problem, "population": asked.population, "scenario": asked.scenario or choices.BASE_CASE}
    state["wanted"] |= {"thresholds": asked.thresholds, "prices": asked.prices or "filed"}
    state["edits"] = dict(asked.edits)
    state["refused"] = asked.refused


def choose() -> tuple[Inputs, Inputs]:
    """Problem, population, scenario, thresholds and prices: the base case of the problem, and the inputs as chosen."""
    state, wanted = st.session_state, st.session_state["wanted"]
    folder: Inputs | None = state.get("folder")
    own_folder = {} if folder is None else {OWN_FOLDER: f"{folder.settings.title or folder.settings.problem} (your folder)"}
    known, round_ = problem_titles() | own_folder, state.get("choices_round", 0)
    problem = st.selectbox(
        "Decision problem",
        list(known),
        index=list(known).index(wanted["problem"]),
        format_func=known.__getitem__,
        key=f"problem/{round_}",
    )
    filed = folder if folder is not None and problem == OWN_FOLDER else load_inputs(problem)
    populations = filed.settings.populations
    names = list(populations)
    start = wanted["population"] if wanted["population"] in names else filed.population
    population = st.selectbox(
        "Population",
        names,
        index=names.index(start),
        format_func=lambda name: populations[name].label,
        key=f"population/{problem}/{round_}",
        disabled=len(names) == 1,
    )
    st.caption(plain(populations[population].why))
    chosen = _scenario(filed.filed(population=population))
    offered = choices.thresholds_offered(chosen.settings)
    own, is_new = choices.thresholds_of(chosen.settings), problem != wanted["problem"]
    preset = st.radio(
        "Thresholds",
        list(offered),
        index=list(offered).index(own if is_new or wanted["thresholds"] not in offered else wanted["thresholds"]),
        format_func=lambda name: thresholds_label(offered[name]),
        key=f"thresholds/{'/'.join(offered)}/{round_}",
    )
    if preset != own:
        chosen = chosen.with_settings(thresholds=offered[preset].thresholds)
    state["wanted"] = state["wanted"] | {"problem": problem, "population": population, "thresholds": preset}
    return filed, choices.answered(_priced(chosen), state.get("scheme_marks", {}))


def _scenario(filed: Inputs) -> Inputs:
    """The scenario: those whose numbers hold for the population, and that of an uploaded file."""
    state, wanted, problem, population = st.session_state, st.session_state["wanted"], filed.folder.asked, filed.population
    offered, elsewhere = {choices.BASE_CASE: filed.scenario.label}, 0
    try:
        offered, elsewhere = results.offered(filed)
    except InputError as error:
        explain(error)
    own: Inputs | None = state.get("own")
    if own is not None and (own.folder.asked, own.population) == (problem, population):
        offered = offered | {OWN: f"{own.scenario.label} (your file)"}
    names = list(offered)
    scenario = st.selectbox(
        "Scenario",
        names,
        index=names.index(wanted["scenario"]) if wanted["scenario"] in names else 0,
        format_func=lambda name: offered[name],
        key=f"scenario/{problem}/{population}/{state.get('choices_round', 0)}",
    )
    is_lost = wanted["scenario"] not in names
    state["wanted"] = wanted | {"scenario": scenario}
    chosen = own if scenario == OWN and own is not None else filed.filed(scenario=scenario)
    st.caption(plain(chosen.scenario.why))
    if is_lost:
        st.info("The scenario shown before holds for another population only: this is the base case.")
    if elsewhere:
        st.caption(f"{elsewhere} scenarios hold for other populations only and are not offered here.")
    return chosen


def _priced(chosen: Inputs) -> Inputs:
    """The price switch."""
    state = st.session_state
    goes_by_that_name = choices.CONFIDENTIAL in chosen.settings.schemes  # a scheme of the folder
    is_offered = bool(chosen.priced_drugs) and not goes_by_that_name
    names = [name for name in choices.PRICES if name != choices.CONFIDENTIAL or is_offered]
    prices = st.selectbox(
        "Prices",
        names,
        index=names.index(state["wanted"]["prices"]) if state["wanted"]["prices"] in names else names.index("filed"),
        format_func=choices.PRICES.__getitem__,
        key="prices",
        help="Which prices every page shows. The last of them is the one that sensitivity analyses are about.",
    )
    state["wanted"] = state["wanted"] | {"prices": prices}
    discount = 0.0
    if prices == choices.CONFIDENTIAL:
        discount = st.number_input(
            f"Confidential discount on the list price{_of_which(chosen)} (%)",
            min_value=0.0,
            max_value=100.0,
            value=state.get("secret_discount", 0.0),
            step=1.0,
            format="%.2f",
            key="confidential_discount",
        )
        state["secret_discount"] = discount
        st.caption(
            ":orange-badge[Confidential] Kept in this session alone: not in a link, a scenario file or a redacted download."
        )
    return choices.priced(chosen, prices, discount)


def _of_which(chosen: Inputs) -> str:
    """Whose price the discount is on, where several drugs have one."""
    if len(chosen.priced_drugs) < 2:
        return ""
    return f" of {labels.in_sentence(chosen.settings.drugs[choices.discounted_drug(chosen)].label)}"


def edit(chosen: Inputs) -> tuple[Edits, FittedData | None]:
    """The form of headline inputs; returns what was last applied. Edits stay when something else is chosen, unless that is another
    decision problem or brings a value of its own for the same input.
    """
    state = st.session_state
    edits: dict[str, float] = state.get("edits", {})
    before: Inputs | None = state.get("before")
    if before is not None and edits and results.identity(before) != results.identity(chosen):
        stay = choices.kept(edits, before, chosen)
        dropped = [choices.label_of(before, name) for name in edits if name not in stay]
        if dropped:
            st.info(plain(f"No longer changed, because what you chose has values of its own: {'; '.join(dropped)}."))
        edits = stay
    fitted: FittedData | None = state.get("fitted")
    if fitted is not None and before is not None and before.folder.asked != chosen.folder.asked:
        fitted = state["fitted"] = None
        st.info("The curve fitted to your data is no longer in use: it belongs to the decision problem that was shown before.")
    place = f"{chosen.folder.asked}/{chosen.population}/{chosen.scenario.name}/{state.setdefault('round', 0)}"
    fields, group, headlines = {}, "", choices.headline_inputs(chosen, fitted)
    with st.form("headline", enter_to_submit=True):
        st.markdown("#### Change the inputs")
        for headline in headlines:
            if headline.group != group:
                group = headline.group
                st.markdown(f"**{group}**")
            fields[headline] = _field(
                headline, edits.get(headline.name, headline.value), f"{headline.name}/{place}", chosen.settings
            )
        left, right = st.container(key="apply").columns(2)
        apply = left.form_submit_button("Apply", type="primary", width="stretch")
        reset = right.form_submit_button("Reset", width="stretch", help="Back to the values in the files")
    if apply:
        elsewhere = {name: value for name, value in edits.items() if name not in {h.name for h in headlines}}
        edits = elsewhere | {h.name: v for h, v in fields.items() if v is not None and v != h.value and not h.idle}
    if reset:
        edits, fitted, state["fitted"] = {}, None, None
    state["edits"], state["before"] = edits, chosen
    if reset:
        state["round"] += 1  # new fields, which start from the values in the files
        st.rerun()
    return edits, fitted


def take_over(edits: Edits) -> None:
    """Put edits in place from a page (an uploaded sheet), with new fields that show them."""
    st.session_state["edits"] = dict(edits)
    st.session_state["round"] += 1


def take_over_scenario(found: Inputs) -> None:
    """Show the scenario of an uploaded file, without edits or a curve of one's own; the choices at the side follow it."""
    state = st.session_state
    state["own"] = found
    state["edits"], state["before"], state["fitted"] = {}, None, None
    state["wanted"] = state["wanted"] | {
        "problem": found.folder.asked if found.folder.is_packaged else OWN_FOLDER,
        "population": found.population,
        "scenario": OWN,
        "thresholds": choices.thresholds_of(found.settings),
    }
    state["choices_round"] = state.get("choices_round", 0) + 1  # new fields, which start from what is wanted


def take_over_folder(found: Inputs) -> None:
    """Show the decision problem of an uploaded zip, without edits or a curve of one's own; the choices at the side follow it."""
    take_over_scenario(found)
    state = st.session_state
    state["folder"], state["own"] = found, None
    state["wanted"] = state["wanted"] | {"scenario": choices.BASE_CASE}
    state["round"] = state.get("round", 0) + 1


def _field(headline: Headline, value: float, key: str, settings: Settings) -> float | None:
    """One number of the form."""
    kind: Callable[[float], float] = int if headline.is_whole else float
    low, high = (None if bound is None else kind(bound) for bound in (headline.low, headline.high))
    start = kind(value)
    start = start if low is None else max(start, low)  # a link may ask for what the form does not allow: then the model says so
    start = start if high is None else min(start, high)
    unit = "" if headline.unit in ("utility", "ratio") else f" ({headline.unit.replace(settings.currency, settings.sign)})"
    entered: float | None = st.number_input(
        plain(headline.label + unit),
        min_value=low,
        max_value=high,
        value=start,
        step=kind(headline.step),
        format=f"%.{headline.decimals}f" if headline.decimals else "%d",
        key=key,
        help=plain(headline.help) or None,
        disabled=bool(headline.idle),
    )
    if headline.idle:
        st.caption(plain(headline.idle))
    return entered
