"""What all pages share: tables as real HTML, figures with their words, messages in words, and how a page looks on screen and paper."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from importlib import import_module
from typing import Any

import pandas as pd
import streamlit as st

from hemodel import version
from hemodel.analyses.base_case import BaseCase
from hemodel.errors import InputError
from hemodel.evidence.inputs import Inputs
from hemodel.evidence.settings import Settings
from hemodel.report import charts, labels, tables
from hemodel.report.exhibits import Exhibit

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
FEW_COLUMNS = 5
"""Columns that fit beside one another on any screen without breaking a word."""
_LONG = re.compile(r"[A-Za-z]{11,}")
_SYLLABLE = re.compile(
    r"(?<=[aeiouy])(?=[b-df-hj-np-tv-xz][aeiouy])|(?<=[aeiouy][b-df-hj-np-tv-xz])(?=[b-df-gj-km-np-qs-tv-xz][aeiouy])", re.I
)
"""Where a long word may be broken: before a consonant between vowels, or between two consonants."""
_AMOUNT = re.compile(r"[-+\u2212]?[A-Z]{0,3}[£€$¥₹]? ?[\d,.]+%?")
MOST_ROWS, SCROLLED_PIXELS = 4, 190
"""Differences from the base case shown in full above the answer; more are scrolled, or they would push it off the screen."""
MOST_FAULTS = 20
"""Faults of an input that a message lists."""
PAGE_STYLE = """<style>
[data-testid=stMainBlockContainer] { padding: 4.5rem 2rem 3rem }
[data-testid=stLayoutWrapper]:has(> .st-key-apply) {
  position: sticky; bottom: 0; padding: 0.75rem 0; background: #F8F8F7; z-index: 1
}
[data-testid=stCaptionContainer] p, [data-testid=stCaptionContainer] li { color: #55585F !important; opacity: 1 !important }
[data-testid=stCaptionContainer] { color: #55585F !important; opacity: 1 !important }
[data-testid=stMetricLabel] p, [data-testid=stMetricLabel] div { white-space: normal !important; overflow: visible !important }
@media (max-width: 1150px) {
  [data-testid=stMainBlockContainer] { padding: 4.5rem 1rem 3rem }
  [data-testid=stTable] td p, [data-testid=stTable] th p { font-size: 0.72rem !important }
  [data-testid=stTable] td, [data-testid=stTable] th { padding: 0.2rem 0.22rem !important }
}
[data-testid=stMainBlockContainer] { max-width: 75rem }
[data-testid=stVegaLiteChart] { max-width: 50rem }
[data-testid=stLayoutWrapper]:has(> .st-key-printed) { display: none }
@page { size: A4; margin: 12mm 10mm 16mm; font: 7.5pt "Source Sans", sans-serif }
@media print {
  [data-testid=stSidebar], [data-testid=stHeader], [data-testid=stToolbar], [data-testid=stStatusWidget], [data-testid=stSkipLink],
  [data-testid=stDownloadButton], [data-testid=stButton], [data-testid=stFileUploader], [data-testid=stElementToolbar],
  [data-testid=stButtonGroup]:not(:has([data-selected])), [data-testid=stButtonGroup] button:not([data-selected]) {
    display: none !important }
  [data-testid=stButtonGroup] { display: flex !important; flex-direction: row !important; gap: 0.5rem }
  [data-testid=stButtonGroup] button { border: 0 !important; background: none !important; padding: 0 !important; min-height: 0 }
  [data-testid=stButtonGroup] * { overflow: visible !important; max-width: none !important }
  html, body, .stApp, [data-testid=stAppViewContainer], [data-testid=stMain], section { position: static !important;
    height: auto !important; overflow: visible !important; display: block !important }
  [data-testid=stLayoutWrapper]:has(> .st-key-printed) { display: block }
  [data-testid=stMainBlockContainer] { padding: 0 !important; max-width: none !important }
  [data-testid=stVerticalBlock] { display: block !important }
  [data-testid=stElementContainer], [data-testid=stLayoutWrapper] { margin-bottom: 0.7rem }
  [data-testid=stLayoutWrapper]:has(> .st-key-scrolled) { display: none }
  [data-testid=stTable], [data-testid=stTable] div, [data-testid=stElementContainer]:has(> [data-testid=stTable]),
  [data-testid=stExpander] details {
    height: auto !important; max-height: none !important; overflow: visible !important }
  [data-testid=stTable] table { display: table !important; width: 100% }
  [data-testid=stMarkdownContainer] p, [data-testid=stMarkdownContainer] li { font-size: 10pt }
  [data-testid=stMetricValue] p { font-size: 20pt !important }
  h3 { font-size: 15pt !important; padding: 0.3rem 0 !important }
  h4 { font-size: 13pt !important; padding: 0.3rem 0 !important }
  [data-testid=stCaptionContainer] p, [data-testid=stTable] table p { font-size: 8.5pt !important }
  [data-testid=stVegaLiteChart], [data-testid=stMetric], [data-testid=stCaptionContainer], summary, tr, li,
  table:not(:has(tbody tr:nth-child(15))) { break-inside: avoid }
  h1, h2, h3, h4, h5, thead, summary,
  [data-testid=stElementContainer]:has(h3, h4, [data-testid=stVegaLiteChart], [data-testid=stButtonGroup], [data-testid=stCheckbox]),
  [data-testid=stElementContainer]:has(+ [data-testid=stElementContainer] [data-testid=stTable]),
  [data-testid=stElementContainer]:has([data-testid=stTable]):has(+ [data-testid=stElementContainer] [data-testid=stCaptionContainer]) {
    break-after: avoid }
  [data-testid=stVegaLiteChart] svg { max-width: 100% !important; max-height: 235mm; width: auto; height: auto !important }
}
</style>"""


def page(title: str, question: str = "") -> None:
    """The heading of a page and the question that it answers."""
    st.markdown(f"### {plain(title)}")
    if question:
        st.markdown(plain(question))


def landscape() -> None:
    """Print this page on A4 landscape: for tables of many columns with a long note."""
    st.html("<style>@page { size: A4 landscape }</style>")


def printed(inputs: Inputs, *, differs: bool, is_private: bool) -> None:
    """What a printed sheet can be traced by: in full at its head, in short at the foot of every page. Not on the screen."""
    settings = inputs.settings
    mark = "confidential" if is_private else f"inputs {inputs.hash[:8]}"
    run = f"hemodel {version.__version__}, {mark}, {date.today():%d %B %Y}"
    prices = "; ".join(labels.arrangement_label(settings, name) for name in settings.price_arrangements)
    thresholds = labels.listed([labels.money(threshold, settings) for threshold in settings.threshold_values])
    with st.container(key="printed"):
        st.caption(plain(f"Prices: {prices}. Thresholds: {thresholds} per QALY. {run}."))
    population = settings.populations[inputs.population].label
    shown = "Not the base case" if differs and inputs.scenario.name == "base_case" else inputs.scenario.label
    left = f"{settings.problem.capitalize().replace('_', ' ')}: {population}. {shown}"
    st.html(
        f"<style>@page {{ @bottom-left {{ content: {_quoted(left)} }} "
        f'@bottom-right {{ content: {_quoted(run)} ". Page " counter(page) " of " counter(pages) }} }}</style>'
    )


def _quoted(text: str) -> str:
    r"""Text as a string of a style sheet, with nothing in it that could end it.

    >>> _quoted('a "b" </style>')
    '"a \\22 b\\22  \\3c \\2f style\\3e "'
    """
    return '"' + re.sub(r"[^\w ,.:;()+-]", lambda found: f"\\{ord(found[0]):x} ", text) + '"'


def chosen_intervention(settings: Settings, key: str) -> str:
    """The strategy that a page is about: asked for where there are several beside the comparator."""
    names = tables.interventions(settings)
    if len(names) == 1:
        return names[0]
    return str(
        st.segmented_control(
            f"Compared with {labels.in_sentence(labels.strategy_label(settings, settings.comparator))}",
            names,
            default=names[0],
            required=True,
            format_func=lambda name: labels.strategy_label(settings, name),
            key=f"{key}/{settings.problem}",
        )
    )


def chosen_drug(inputs: Inputs, strategy: str, key: str) -> str:
    """The drug whose price a page is about: asked for where the strategy is given several that have one."""
    settings = inputs.settings
    own = next(s.drugs for s in settings.strategies if s.name == strategy)
    names = [drug for drug in inputs.priced_drugs if drug in own] or list(inputs.priced_drugs)
    if len(names) == 1:
        return names[0]
    return str(
        st.segmented_control(
            "Price of",
            names,
            default=names[0],
            required=True,
            format_func=lambda name: settings.drugs[name].label,
            key=f"{key}/{settings.problem}/{strategy}",
        )
    )


def chosen_price(settings: Settings, key: str) -> str:
    """The price arrangement that a page is about: asked for where there are several; the last to begin with."""
    names = settings.price_arrangements
    if len(names) == 1:
        return names[0]
    return str(
        st.segmented_control(
            "Price",
            names,
            default=names[-1],
            required=True,
            format_func=lambda name: labels.arrangement_short(settings, name),
            key=f"{key}/{settings.problem}/{'/'.join(names)}",
        )
    )


def explain(error: InputError, inputs: Inputs | None = None) -> None:
    """Say what is wrong and what to do, with the labels of inputs in place of their names."""
    text = str(error)
    for name, parameter in ({} if inputs is None else inputs.parameters).items():
        text = re.sub(rf"\b{re.escape(name)}\b", f"“{parameter.label}”", text)
    lines = text.splitlines()
    if len(lines) > MOST_FAULTS:
        lines = [*lines[:MOST_FAULTS], f"And {len(lines) - MOST_FAULTS:,} more. Mend these first."]
    st.error("  \n".join(plain(line) for line in lines))


def changes(frame: pd.DataFrame, settings: Settings, *, rederived: bool) -> None:
    """The banner: what differs from the base case and by how much; nothing where nothing does."""
    if frame.empty:
        return
    with st.container(border=True, key="differences"):
        number = f"{len(frame)} thing{'s differ' if len(frame) > 1 else ' differs'}"
        st.markdown(f":orange-badge[Not the base case] {number} from it:")
        high: Any = "content" if len(frame) <= MOST_ROWS else SCROLLED_PIXELS
        table(frame, settings, "What differs from the base case", heading=False, height=high)
        if len(frame) > MOST_ROWS:
            with st.container(key="scrolled"):  # not on paper, where all of it is in sight
                st.caption("Scroll the table to see all.")
        if rederived:
            st.caption(
                "A survival input was changed, so the death rates after progression were derived anew: overall survival in the model "
                "is what the form, or the curve that takes its place, says."
            )


def verdict(base: BaseCase, arrangement: str, strategy: str) -> str:
    """What the base case says about one strategy, in two sentences: increments against the comparator; then at which thresholds it is
    cost-effective, which is where it has the highest net benefit of all strategies, and what has it elsewhere.
    """
    settings = base.inputs.settings
    rows = base.table[lambda t: t["price_arrangement"] == arrangement].set_index("strategy")
    row, name = rows.loc[strategy], labels.strategy_label(settings, strategy)
    comparator = labels.in_sentence(labels.strategy_label(settings, settings.comparator))
    costs, qalys = float(row["incremental_costs"]), float(row["incremental_qalys"])
    money = f"{labels.money(abs(costs), settings)} {'more' if costs >= 0 else 'less'}"
    health = f"{labels.qalys(abs(qalys))} {'more' if qalys >= 0 else 'fewer'} QALYs"
    first = f"{name} costs {money} per person than {comparator} and gives {health}."
    best = {labels.money(t, settings): base.preferred(arrangement, t) for t in settings.threshold_values}
    good, bad = ([t for t, found in best.items() if (found == strategy) is wanted] for wanted in (True, False))
    if not bad:
        return f"{first} **Cost-effective** at {' or '.join(good)} per QALY."
    instead = _instead(settings, {t: best[t] for t in bad})
    if not good:
        return f"{first} **Not cost-effective** at {' or '.join(bad)} per QALY{instead}."
    return f"{first} **Cost-effective** at {' or '.join(good)} per QALY, **not** at {' or '.join(bad)}{instead}."


def _instead(settings: Settings, best: Mapping[str, str]) -> str:
    """Which strategies have the highest net benefit, by threshold; nothing where it can only be the comparator."""
    if len(settings.strategies) == 2:
        return ""
    names = {t: labels.in_sentence(labels.strategy_label(settings, name)) for t, name in best.items()}
    first, *others = names.items()
    if all(name == first[1] for _, name in others):
        return f": {first[1]} has the highest net benefit{'' if others else ' there'}"
    return f": {first[1]} has the highest net benefit at {first[0]}, {others[0][1]} at {others[0][0]}"


def table(
    frame: pd.DataFrame, settings: Settings, name: str, footer: str = "", *, heading: bool = True, height: Any = "content"
) -> None:
    """A table as real HTML, rounded as NICE rounds, numbers to the right, with a name for screen readers."""
    numeric = [place for place, column in enumerate(frame.columns) if _has_numbers(frame[column])]
    many = len(frame.columns) > FEW_COLUMNS
    safe = tables.rounded(frame, settings).map(lambda cell: _soft(plain(cell)) if many else plain(cell))
    safe = safe.rename(columns=lambda heading: _soft(plain(heading)).replace("/", "/\u200b"))
    style = [*TABLE_STYLE, *(NOTE_STYLE if frame.columns[-1] in ("Note", "Why") else [])]
    right = ", ".join(f"th.col{place}, td.col{place}" for place in numeric) or "td.none"
    if frame.columns[0] in (tables.TECHNOLOGIES, "Scenario"):
        style = [*style, {"selector": "td.col0", "props": "min-width: clamp(5rem, 40vw - 22rem, 12.6rem)"}]
    if whole := [f"td.col{place} p" for place in numeric if all(_AMOUNT.fullmatch(c) for c in safe.iloc[:, place] if c)]:
        style = [*style, {"selector": ", ".join(whole), "props": "white-space: nowrap !important"}]  # no break after a minus
    styled = safe.style.set_table_styles([*style, {"selector": right, "props": "text-align: right !important"}])
    if heading:
        st.markdown(f"**{plain(name)}**")
    st.table(styled, hide_index=True, height=height, alt=name)
    if footer:
        st.caption(plain(footer))


def figure(shown: charts.Figure, *, width: int = 78) -> None:
    """A chart over the full width with its reading below; its description for screen readers is in the chart.

    `width`: characters of a line of its title, which would be cut off otherwise.
    """
    chart = shown.chart
    if len(str(chart.title.text)) > width:
        chart = chart.copy(deep=False)
        chart.title = chart.title.copy(deep=False)
        chart.title.text = textwrap.wrap(str(shown.chart.title.text), width)
    st.altair_chart(chart, width="stretch", theme=None)
    st.caption(plain(shown.sentence))


def exhibit(shown: Exhibit, folded: str = "") -> None:
    """An analysis: its charts with their sentences, its table (behind a heading to be opened, where it is `folded`), and its notes."""
    figures = shown.figures
    for one in figures:
        figure(one)
    if shown.sentence and not figures:
        st.markdown(plain(shown.sentence))
    with st.expander(folded) if folded else st.container():
        table(shown.table, shown.inputs.settings, shown.title, shown.footer)
    for note in shown.notes:
        st.caption(plain(note))


def figures(shown: Sequence[charts.Figure], *, narrow: bool) -> None:
    """Charts that belong together: two side by side where they are `narrow` enough, else one below the other."""
    if not (narrow and len(shown) == 2):
        for one in shown:
            figure(one)
        return
    for one, column in zip(shown, st.columns(2), strict=True):
        with column:
            figure(one, width=36)


def plain(text: str) -> str:
    """Text as it is: what Markdown would take for markup is escaped."""
    return re.sub(r"([\\`*_\[\]<>~$#|:])", r"\\\1", text)


def _soft(text: str) -> str:
    """Text with soft hyphens in its long words, near their middle, so that a table of many columns fits on a small screen."""
    return _LONG.sub(lambda found: _broken(found[0]), text)


def _broken(word: str) -> str:
    places = [found.start() for found in _SYLLABLE.finditer(word) if 3 <= found.start() <= len(word) - 3]
    place = min(places, key=lambda place: (abs(place - len(word) / 2), -place), default=None)
    return word if place is None else f"{word[:place]}\u00ad{word[place:]}"


def _has_numbers(column: pd.Series) -> bool:
    """Whether a column is of numbers, or mostly of texts that are numbers with a unit."""
    cells = [cell for cell in column if cell != ""]
    amounts = sum(_AMOUNT.fullmatch(str(c)) is not None for c in cells)
    return any(isinstance(cell, (int, float)) for cell in cells) or 2 * amounts > len(cells)


def thresholds_label(settings: Settings) -> str:
    """The thresholds of settings in words, with the preset that they are."""
    values = labels.listed([labels.money(threshold, settings) for threshold in settings.threshold_values])
    return f"{values} per QALY{f' ({settings.thresholds})' if isinstance(settings.thresholds, str) else ''}"


def verdict_markdown(base: BaseCase, arrangement: str, strategy: str) -> str:
    """`verdict` with everything but its stresses escaped."""
    return "**".join(plain(part) for part in verdict(base, arrangement, strategy).split("**"))


def plain_name(name: str) -> str:
    """The name of an uploaded file as messages call it: no folder, nothing that cannot be printed.

    >>> plain_name("../../etc/x.csv")
    'x.csv'
    """
    last = name.replace("\\", "/").rpartition("/")[2]
    return "".join(c for c in last if c.isprintable())[:80] or "the file"


def part(module: str, name: str) -> Callable[..., Any] | None:
    """A function of a part of the package that an installation may lack; None where it does."""
    try:
        found: Callable[..., Any] | None = getattr(import_module(module), name, None)
    except ImportError:
        return None
    return found
