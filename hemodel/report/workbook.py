"""The values workbook: every table, input, source and draw of a run in one Excel file, for people to read.

Numbers are stored unrounded and shown as NICE rounds them. There are no formulas, macros, passwords or hidden sheets; text is
always text, whatever it begins with. The same run gives the same bytes.
"""

from __future__ import annotations

import datetime
import io
import math
import re
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from xlsxwriter import Workbook

from hemodel.analyses.base_case import BaseCase
from hemodel.analyses.psa import CURVE_THRESHOLDS, PSA
from hemodel.analyses.scenarios import Scenarios
from hemodel.errors import InputError
from hemodel.evidence.reading import data_folder, sources_text
from hemodel.report import labels, tables
from hemodel.report.files import refuse_target, write_whole
from hemodel.report.manifest import manifest, manifest_lines, refuse_other_inputs

COLOURS = ("#00436C", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")  # interventions, in the order of the settings
COMPARATOR_COLOUR = "#D55E00"
MOST_DRAWS = 10_000
MOST_POINTS = 2_000  # in a chart: more hide the lines and one another
_ROWS_PRINTED = 26  # of the draws
_NO_DATE = datetime.datetime(1980, 1, 1)  # a fixed date, so that the same run gives the same bytes
_NUMBER_FORMATS = {
    "gbp": "£#,##0;-£#,##0",
    "qalys": "0.000",
    "share": "0.0%",
    "percent": "0%",
    "count": "#,##0",
    "occupancy": "0.0000",
    "plain, hundreds": "#,##0.##",
    "plain, ones": "0.####",
    "plain, thousandths": "0.######",
    "plain, less": "0.00E+00",
}
_STATUS_FILLS = {"unverified": "#FFE3CC", "assumed": "#FFF6CC"}
_HIGHEST_ROW = 409.0  # points; Excel's limit
_WIDTH = 15  # of a column of numbers
_FONT, _SIZE = "Arial", 10.0
_CHARACTERS_PER_WIDTH = 1.3  # of this font, in a column one unit wide; bold text takes a tenth more


def write_workbook(
    path: str | Path,
    base: BaseCase,
    psa: PSA | None = None,
    scenarios: Scenarios | None = None,
    *,
    force: bool = False,
) -> Path:
    """Write the workbook of a run to `path`, whole or not at all; an existing file is replaced with `force` only."""
    refuse_target(path, force=force)
    return write_whole(path, workbook_bytes(base, psa, scenarios), force=force)


def workbook_bytes(base: BaseCase, psa: PSA | None = None, scenarios: Scenarios | None = None) -> bytes:
    """The workbook of a run as bytes. Results that were run with other inputs than the base case are refused.

    >>> from hemodel.analyses.base_case import run_base_case
    >>> from hemodel.evidence.inputs import load_inputs
    >>> workbook_bytes(run_base_case(load_inputs("relapsed")))[:2]
    b'PK'
    """
    if scenarios is not None:
        refuse_other_inputs("scenarios", scenarios.results[0].inputs, base.inputs)
    record = manifest(base.inputs, psa=psa)
    content = io.BytesIO()
    safe = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with Workbook(content, {"in_memory": True, **safe}) as workbook:
        _properties(workbook, record)
        book = _Book(workbook, _formats(workbook), f"Run {record['hash'][:12]}")
        summary = book.page("Summary", (44, *[_WIDTH] * 8))
        for arrangement in base.outcomes.price_arrangements:
            _results(book, base, arrangement)
        _health(book, base)
        if psa is not None:
            _probabilistic(book, psa, base)
        if scenarios is not None:
            _scenarios(book, base, scenarios)
        _inputs(book, base)
        _sources(book, base)
        _against_source(book, base)
        _trace(book, base)
        _manifest(book, base, record)
        _summary(summary, base, psa, record, book.names)
    return content.getvalue()


# --- pages and cells -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Book:
    """The workbook with its cell formats and the names of its sheets so far."""

    workbook: Any
    formats: Mapping[str, Any]
    mark: str
    names: list[str] = field(default_factory=list)

    def page(self, name: str, widths: Sequence[float]) -> _Page:
        """A new sheet with these column widths, ready for A4 landscape."""
        name = _sheet_name(name, self.names)
        self.names.append(name)
        sheet = self.workbook.add_worksheet(name)
        for column, width in enumerate(widths):
            sheet.set_column(column, column, width)
        sheet.hide_gridlines(2)
        sheet.set_landscape()
        sheet.set_paper(9)  # A4
        sheet.set_margins(left=0.5, right=0.5, top=0.6, bottom=0.7)
        sheet.fit_to_pages(1, 0)  # one page wide, as long as it takes
        sheet.set_footer(f"&L&F – &A&C{self.mark}&RPage &P of &N")
        return _Page(sheet, name, tuple(widths), self.formats)


@dataclass
class _Page:
    """One sheet, written from the top: every block is put at `row`, which then moves below it."""

    sheet: Any
    name: str
    widths: tuple[float, ...]
    formats: Mapping[str, Any]
    row: int = 0
    heights: dict[int, float] = field(default_factory=dict)
    breaks: list[int] = field(default_factory=list)

    def new_printed_page(self) -> None:
        """Start a new page of paper at `row`, so that no table is cut in two."""
        self.breaks.append(self.row)
        self.sheet.set_h_pagebreaks(self.breaks)

    def cell(self, row: int, column: int, value: object, style: str) -> None:
        """One cell: a number as a number, missing as blank, everything else as text that is never run."""
        if isinstance(value, (int, float, np.integer, np.floating)) and not math.isnan(value):
            code = self.sheet.write_number(row, column, float(value), self.formats[style])
        elif isinstance(value, str) and value:
            code = self.sheet.write_string(row, column, value, self.formats[style])
        else:
            code = self.sheet.write_blank(row, column, None, self.formats[style])
        if code:
            problem = f"row {row + 1}, column {column + 1} does not fit into a sheet (text of at most 32,767 characters)"
            raise InputError(f"workbook, sheet {self.name}", problem, "Shorten the label or note")

    def line(self, text: str, style: str = "note", *, first: int = 0, last: int | None = None) -> None:
        """Text across the columns from `first` to `last` (default: all), as many lines high as it needs."""
        last = len(self.widths) - 1 if last is None else last
        if last > first:
            self.sheet.merge_range(self.row, first, self.row, last, "", self.formats[style])
        self.cell(self.row, first, text, style)
        size = {"title": 16.0, "heading": 12.0}.get(style, _SIZE)
        self.high_enough(self.row, [(text, sum(self.widths[first : last + 1]) * _SIZE / size)], 1.25 * size)
        self.row += 1

    def high_enough(self, row: int, texts: Sequence[tuple[str, float]], points: float = 12.5) -> None:
        """Make a row as high as the wrapped texts need, each with the width of its column; it never gets lower again."""
        lines = max((_lines(text, width) for text, width in texts), default=1)
        self.heights[row] = max(self.heights.get(row, 0.0), min(lines * points + 2.5, _HIGHEST_ROW))
        self.sheet.set_row(row, self.heights[row])

    def title(self, text: str, subtitle: str = "") -> None:
        """The title of the sheet, with a line below it."""
        self.line(text, "title")
        if subtitle:
            self.line(subtitle)
        self.row += 1

    def entry(self, what: str, value: str, style: str = "wide") -> None:
        """One "what: value" line; the value goes across all columns but the first."""
        self.cell(self.row, 0, what, "label")
        self.line(value, style, first=1)

    def table(
        self, frame: pd.DataFrame, title: str = "", footer: str = "", *, kinds: Sequence[str] = (), at: int = 0
    ) -> tuple[int, int]:
        """A table with its title and footer; returns the first and the last row of its body."""
        if title:
            self.line(title, "heading")
        headings = [str(heading) for heading in frame.columns]
        kinds = kinds or [tables.kind_of(heading, headings) for heading in headings]
        numeric = [any(isinstance(cell, (int, float)) for cell in frame.iloc[:, place]) for place in range(len(headings))]
        widths = [*self.widths[at:], *[_WIDTH] * len(headings)]
        for place, heading in enumerate(headings):
            style = "header right" if numeric[place] else "header aside" if place else "header"
            self.cell(self.row, at + place, heading, style)
        self.high_enough(self.row, [(heading, 0.9 * width) for heading, width in zip(headings, widths, strict=False)])
        body = self.row + 1
        for row, cells in enumerate(frame.itertuples(index=False, name=None), start=body):
            total = " total" if cells[0] == tables.TOTAL and headings[-1] == tables.SHARE_OF_INCREMENT else ""
            for place, value in enumerate(cells):
                style = _style(value, headings[place], kinds[place], numeric=numeric[place], first=not place)
                self.cell(row, at + place, value, style + total)
            self.high_enough(row, [(x, width) for x, width in zip(cells, widths, strict=False) if isinstance(x, str)])
        self.row = body + len(frame)
        if footer:
            self.line(footer)
        self.row += 1
        return body, body + len(frame) - 1

    def frozen(self, *, columns: int = 1, below: int = 0) -> None:
        """Keep what is above `row` (and `below` rows more) and the first columns in view, and repeat it on every printed page."""
        self.sheet.freeze_panes(self.row + below, columns)
        self.sheet.repeat_rows(0, max(self.row + below - 1, 0))

    def long_table(self, frame: pd.DataFrame, *, kinds: Sequence[str] = (), columns: int = 1) -> tuple[int, int]:
        """The one table of a sheet: its header stays in view and is repeated on every page."""
        self.frozen(columns=columns, below=1)
        return self.table(frame, kinds=kinds)


def _lines(text: str, width: float) -> int:
    """How many lines a text needs in a column of this width."""
    return max(len(textwrap.wrap(text, max(int(width * _CHARACTERS_PER_WIDTH), 1))), 1)


def _style(value: object, heading: str, kind: str, *, numeric: bool, first: bool) -> str:
    """Which format a body cell takes: that of its column's numbers, or text; marks statuses that ask for care."""
    if isinstance(value, str):
        if heading == "Status" and value in _STATUS_FILLS:
            return value
        return "words" if numeric else "text" if first else "text aside"
    if kind != "plain":
        return kind
    size = abs(value) if isinstance(value, (int, float)) and not math.isnan(value) else 0
    if size == int(size):
        return "count"
    return f"plain, {'hundreds' if size >= 100 else 'ones' if size >= 1 else 'thousandths' if size >= 1e-4 else 'less'}"


def _formats(workbook: Any) -> dict[str, Any]:
    """All cell formats. Text has a quote prefix: it stays text when somebody edits the cell."""
    text = {"quote_prefix": True, "text_wrap": True, "valign": "top", "font_name": _FONT, "font_size": _SIZE}
    middle = {"valign": "vcenter"}
    number = middle | {"font_name": _FONT, "font_size": _SIZE, "align": "right"}
    line = {"bottom": 1, "bottom_color": "#D8DDE0"}
    bold = {"bold": True, "top": 1, "top_color": "#425563"}
    header = text | {"bold": True, "bg_color": "#E8EDEE", "valign": "bottom", "bottom": 1, "bottom_color": "#425563"}
    made = {
        "title": text | {"bold": True, "font_size": 16, "font_color": COLOURS[0]},
        "heading": text | {"bold": True, "font_size": 12, "font_color": COLOURS[0]},
        "note": text | {"font_color": "#425563"},
        "warning": text | {"bold": True, "font_color": "#A6190A"},
        "label": text | {"bold": True},
        "wide": text,
        "header": header,
        "header aside": header | {"indent": 1, "align": "left"},
        "header right": header | {"align": "right"},
        "header middle": header | {"align": "center"},
        "text": text | line | middle,
        "text aside": text | line | middle | {"indent": 1, "align": "left"},
        "words": text | line | middle | {"align": "right"},
    }
    made |= {status: made["text aside"] | {"bg_color": colour} for status, colour in _STATUS_FILLS.items()}
    made |= {kind: number | line | {"num_format": code} for kind, code in _NUMBER_FORMATS.items()}
    made |= {f"{name} total": made[name] | bold for name in ("text", "text aside", "words", *_NUMBER_FORMATS)}
    return {name: workbook.add_format(properties) for name, properties in made.items()}


def _sheet_name(name: str, taken: Sequence[str]) -> str:
    """A name that Excel accepts: at most 31 characters, none of the signs []:*?/ or backslash, and no other sheet's.

    >>> _sheet_name("Results [a/b]", []), _sheet_name("Trace", ["trace"])
    ('Results a b', 'Trace 2')
    """
    clean = re.sub(r"[\[\]:*?/\\\x00-\x1f' ]+", " ", name).strip()[:31].strip() or "Sheet"
    others, tried, number = {other.lower() for other in taken}, clean, 2
    while tried.lower() in others:
        tried = f"{clean[: 30 - len(str(number))]} {number}"
        number += 1
    return tried


def _properties(workbook: Any, record: Mapping[str, Any]) -> None:
    """Document properties, without a date: the hash of the run says what it is."""
    workbook.set_properties(
        {
            "title": "hemodel: cost-effectiveness results",
            "subject": f"{record['problem']}, {record['population']}, {record['scenario']}"[:255],
            "author": f"hemodel {record['hemodel']}",
            "comments": "Values only, unrounded. The manifest sheet says how to make this file again.",
            "created": _NO_DATE,
        }
    )
    workbook.set_custom_property("hemodel run", record["hash"], "text")
    workbook.set_custom_property("hemodel inputs", record["input_hash"], "text")


# --- sheets ----------------------------------------------------------------------------------------------------------------


def _summary(page: _Page, base: BaseCase, psa: PSA | None, record: Mapping[str, Any], sheets: Sequence[str]) -> None:
    settings = base.inputs.settings
    page.title("Cost-effectiveness results", settings.question)
    _identity(page, base)
    page.row += 1
    for arrangement in base.outcomes.price_arrangements:
        name = labels.arrangement_label(settings, arrangement)
        page.table(tables.base_case_table(base, arrangement), f"Base-case results. {name}", tables.BASE_CASE_FOOTER)
        benefit = tables.net_health_benefit_table(base, arrangement)
        page.table(benefit, f"Net health benefit. {name}", tables.NET_HEALTH_BENEFIT_FOOTER)
    page.new_printed_page()
    if len(base.outcomes.price_arrangements) > 1:
        page.table(tables.pas_impact_table(base), "Impact of the scheme on the ICER", tables.PAS_IMPACT_FOOTER)
    if psa is None:
        page.line("Probability cost-effective", "heading")
        page.line("No probabilistic analysis was run for this workbook.")
        page.row += 1
    else:
        footer = f"{psa.n_draws:,} draws, seed {psa.seed}. More on the sheet PSA."
        page.table(tables.probability_table(psa), "Probability cost-effective", footer)
    counts = tables.status_counts(base.inputs)
    counts["Status"] += ": " + counts["Meaning"]
    page.table(counts.drop(columns="Meaning"), "How far the inputs can be trusted", f"Price year: {settings.price_year}.")
    page.line(tables.ROUNDING_NOTE)
    page.line(f"Sheets: {', '.join(sheets)}. Made by hemodel {record['hemodel']}, run {record['hash']}.")


def _identity(page: _Page, base: BaseCase) -> None:
    """What was run: population, scenario, what was changed by hand, and the answer in words."""
    inputs, settings = base.inputs, base.inputs.settings
    population = settings.populations[inputs.population]
    page.entry("Population", f"{population.label}. {population.why}")
    page.entry("Scenario", f"{inputs.scenario.label}. {inputs.scenario.why}")
    if inputs.changed:
        page.entry("Changed by hand", f"{', '.join(dict.fromkeys(inputs.changed))}: not as in the files", "warning")
    marked = sum(parameter.confidentiality != "none" for parameter in inputs.parameters.values())
    if marked:
        page.entry("Confidential", f"{marked} parameters are marked confidential; nothing here is redacted", "warning")
    page.entry("Comparator", labels.strategy_label(settings, settings.comparator))
    page.entry(
        "Model",
        f"{labels.setting_value_label(settings.structure)}, {settings.horizon_years:g} years in cycles of 28 days; "
        f"discounting {100 * settings.discount_rate_costs:g}% (costs) and {100 * settings.discount_rate_effects:g}% (QALYs)",
    )
    page.entry("Price year", settings.price_year)
    for _, row in base.table.iterrows():
        if row["strategy"] != settings.comparator:
            words = str(row["reading"]).replace("GBP ", "£")
            name = labels.arrangement_label(settings, str(row["price_arrangement"]))
            page.entry(f"ICER, {labels.strategy_label(settings, str(row['strategy']))}", f"{words}. {name}")


def _results(book: _Book, base: BaseCase, arrangement: str) -> None:
    settings = base.inputs.settings
    name, short = labels.arrangement_label(settings, arrangement), labels.arrangement_short(settings, arrangement)
    page = book.page(f"Results {'list price' if arrangement == 'list' else short}", (44, *[_WIDTH] * 8))
    page.title(f"Results. {name}", "NICE company submission, section 3.10")
    page.frozen()
    page.table(tables.base_case_table(base, arrangement), "Base-case results", tables.BASE_CASE_FOOTER)
    benefit = tables.net_health_benefit_table(base, arrangement)
    page.table(benefit, "Net health benefit", tables.NET_HEALTH_BENEFIT_FOOTER)
    for strategy in tables.interventions(settings):
        for discounted, how in ((True, "discounted"), (False, "undiscounted")):
            if not (discounted and strategy == tables.interventions(settings)[0]):
                page.new_printed_page()
            choice: Any = {"strategy": strategy, "discounted": discounted}
            costs = tables.costs_by_component_table(base, arrangement, **choice)
            page.table(costs, f"Costs by category, {how}", _pair(base, strategy))
            costs = tables.costs_by_state_table(base, arrangement, **choice)
            page.table(costs, f"Costs by health state, {how}", _pair(base, strategy))
    page.line(tables.ROUNDING_NOTE)


def _health(book: _Book, base: BaseCase) -> None:
    page = book.page("QALYs and life years", (44, *[_WIDTH] * 5))
    page.title("QALYs and life years by health state", "The same under every price arrangement")
    page.frozen()
    for number, strategy in enumerate(tables.interventions(base.inputs.settings)):
        if number:
            page.new_printed_page()
        for discounted, how in ((True, "discounted"), (False, "undiscounted")):
            choice: Any = {"strategy": strategy, "discounted": discounted}
            qalys, years = tables.qalys_by_state_table(base, **choice), tables.life_years_by_state_table(base, **choice)
            page.table(qalys, f"QALYs by health state, {how}", _pair(base, strategy))
            page.table(years, f"Life years by health state, {how}", _pair(base, strategy))
    page.line(tables.ROUNDING_NOTE)


def _pair(base: BaseCase, strategy: str) -> str:
    """Who X and Y are in a disaggregated table."""
    settings = base.inputs.settings
    x, y = (labels.strategy_label(settings, name) for name in (strategy, settings.comparator))
    return f"X: {x}. Y: {y}. {tables.DISAGGREGATED_FOOTER}"


def _scenarios(book: _Book, base: BaseCase, scenarios: Scenarios) -> None:
    settings = base.inputs.settings
    technologies = [30] if len(settings.strategies) > 2 else []
    page = book.page("Scenarios", (46, *technologies, *[_WIDTH] * 7, 60))
    page.title("Scenarios", "NICE company submission, section 3.11")
    page.frozen()
    page.table(tables.pas_impact_table(base, scenarios), "Impact of the scheme on the ICER", tables.PAS_IMPACT_FOOTER)
    for arrangement in base.outcomes.price_arrangements:
        name = labels.arrangement_label(settings, arrangement)
        page.new_printed_page()
        page.table(tables.scenario_table(scenarios, arrangement), f"Scenarios. {name}", tables.SCENARIO_FOOTER)
    if scenarios.not_applicable:
        page.line(f"Left out, because their numbers hold for other populations: {', '.join(scenarios.not_applicable)}.")


def _inputs(book: _Book, base: BaseCase) -> None:
    page = book.page("Inputs", (42, 30, 12, 11, 11, 11, 13, 9, 11, 9, 70))
    page.title("Inputs: every parameter of the model", tables.PARAMETER_FOOTER)
    first, last = page.long_table(tables.parameter_table(base.inputs))
    page.sheet.autofilter(first - 1, 0, last, len(page.widths) - 1)


def _sources(book: _Book, base: BaseCase) -> None:
    page = book.page("Sources", (60, 60))
    page.title("Sources")
    page.frozen(columns=0)
    sources = sources_text() if (data_folder("inputs") / base.inputs.settings.problem).is_dir() else ""
    if not sources:
        page.line("The list of sources lies with the inputs of this problem, in a file of its own.")
        return
    for text in sources.splitlines():
        if text.startswith("## "):
            page.row += 1
            page.line(text.lstrip("# "), "heading")
        elif text.strip() and not text.startswith("# "):
            page.line(text.strip(), "wide")


def _against_source(book: _Book, base: BaseCase) -> None:
    page = book.page("Model against source", (32, 38, 12, 12, 12, 12, 10, 12, 50))
    page.title("Model against source", tables.AGAINST_SOURCE_FOOTER)
    page.long_table(tables.against_source_table(base), columns=2)


def _trace(book: _Book, base: BaseCase) -> None:
    parts: list[pd.DataFrame] = []
    groups: list[tuple[str, int]] = []
    for name in base.outcomes.strategies:
        part = tables.trace_table(base, name)
        part = part if not parts else part.iloc[:, 2:]
        groups.append((labels.strategy_label(base.inputs.settings, name), len(part.columns) - (0 if parts else 2)))
        parts.append(part)
    frame = pd.concat(parts, axis=1)
    page = book.page("Trace", (8, 9, *[14] * (len(frame.columns) - 2)))
    page.title("Trace: where the cohort is", tables.TRACE_FOOTER)
    column = 2
    for label, width in groups:
        page.sheet.merge_range(page.row, column, page.row, column + width - 1, "", page.formats["header middle"])
        page.cell(page.row, column, label, "header middle")
        column += width
    page.row += 1
    page.long_table(frame, kinds=["count", "qalys", *["occupancy"] * (len(frame.columns) - 2)], columns=2)


def _manifest(book: _Book, base: BaseCase, record: dict[str, Any]) -> None:
    page = book.page("Manifest", (36, 110))
    page.title(
        "Manifest: how to make this file again",
        "The hash of the run is SHA-256 over what decides the numbers: no time, host or path.",
    )
    for what, value in manifest_lines(record):
        page.cell(page.row, 0, what, "label")
        page.cell(page.row, 1, value, "wide")
        page.row += 1
    page.row += 1
    page.table(tables.settings_table(base.inputs.settings), "Settings")


# --- probabilistic analysis ------------------------------------------------------------------------------------------------


def _probabilistic(book: _Book, psa: PSA, base: BaseCase) -> None:
    """The sheets PSA (tables and charts), PSA curves and PSA draws (what the charts are drawn from)."""
    settings = psa.inputs.settings
    page = book.page("PSA", (29, 34, *[_WIDTH] * 9))
    page.title(
        "Probabilistic sensitivity analysis", f"{psa.n_draws:,} draws, seed {psa.seed}. NICE company submission, section 3.11"
    )
    page.frozen()
    for arrangement in psa.price_arrangements:
        name = labels.arrangement_label(settings, arrangement)
        page.table(tables.psa_table(psa, arrangement, base), f"Probabilistic results. {name}", tables.PSA_FOOTER)
    page.table(tables.evpi_table(psa), "The choice and what perfect information would be worth", tables.EVPI_FOOTER)
    curves, draws = _curves(book, psa), _draws(book, psa)
    page.new_printed_page()
    for arrangement in psa.price_arrangements:
        name, words = labels.arrangement_label(settings, arrangement), _in_words(psa, arrangement)
        page.line(f"Cost-effectiveness plane and acceptability curves. {name}", "heading")
        _insert(page, _plane(book, psa, arrangement, draws, curves), 0, f"Cost-effectiveness plane, {name}. {words}")
        _insert(page, _acceptability(book, psa, arrangement, curves), 4, f"Acceptability curves, {name}. {words}")
        page.row += 25


def _insert(page: _Page, chart: Any, column: int, description: str) -> None:
    chart.set_size({"width": 650, "height": 460})
    page.sheet.insert_chart(page.row, column, chart, {"description": description, "object_position": 2})


def _in_words(psa: PSA, arrangement: str) -> str:
    """What the charts of a price arrangement show, for those who cannot see them."""
    settings, parts = psa.inputs.settings, []
    for row in psa.table.to_dict("records"):
        if row["price_arrangement"] == arrangement and row["strategy"] != settings.comparator:
            chances = [(row[f"probability_cost_effective_{t:.0f}"], t) for t in settings.thresholds_gbp]
            parts.append(
                f"{labels.strategy_label(settings, row['strategy'])} against the comparator: on average "
                f"{labels.gbp(row['incremental_costs'])} and {labels.qalys(row['incremental_qalys'])} QALYs more; "
                "cost-effective in "
                + " and ".join(f"{labels.percent(chance)} of draws at {labels.gbp(t)} per QALY" for chance, t in chances)
                + "."
            )
    return " ".join(parts)


@dataclass(frozen=True)
class _Block:
    """Where a table of numbers for charts lies: its rows and the column of each key."""

    sheet: str
    first: int
    last: int
    columns: Mapping[object, int]

    def values(self, key: object, most: int | None = None) -> list[object]:
        """The cells of a column (at most the first `most`), as a chart refers to them."""
        last = self.last if most is None else min(self.last, self.first + most - 1)
        return [self.sheet, self.first, self.columns[key], last, self.columns[key]]

    def heading(self, key: object) -> list[object]:
        """The cell with the heading of a column: a reference, so that no text in it is ever read as a formula."""
        return [self.sheet, self.first - 1, self.columns[key]]


def _block(page: _Page, frame: pd.DataFrame, keys: Sequence[object], kinds: Sequence[str], at: int = 0) -> _Block:
    row = page.row
    first, last = page.table(frame, kinds=kinds, at=at)
    page.row = row
    return _Block(page.name, first, last, {key: at + place for place, key in enumerate(keys)})


def _draws(book: _Book, psa: PSA) -> _Block:
    """Increments of every draw (at most the first 10,000), paired: row i of all columns is draw i."""
    settings = psa.inputs.settings
    n, comparator = min(psa.n_draws, MOST_DRAWS), psa.strategies.index(settings.comparator)
    columns: dict[object, tuple[str, np.ndarray]] = {"draw": ("Draw", np.arange(n))}
    for name in tables.interventions(settings):
        place, label = psa.strategies.index(name), labels.strategy_label(settings, name)
        columns[name] = (f"{label}: incremental QALYs", psa.qalys[place, :n] - psa.qalys[comparator, :n])
        for arrangement, costs in psa.costs.items():
            heading = f"{label}: incremental costs (£), {labels.arrangement_short(settings, arrangement)}"
            columns[name, arrangement] = (heading, costs[place, :n] - costs[comparator, :n])
    page = book.page("PSA draws", (10, *[24] * (len(columns) - 1)))
    shown = (
        f"The first {n:,} of {psa.n_draws:,} draws, seed {psa.seed}; draw i is row i in every column. Prints its first rows only."
    )
    page.title("Increments of each draw", shown)
    page.frozen(below=1)
    page.sheet.print_area(0, 0, page.row + min(n, _ROWS_PRINTED), len(columns) - 1)
    frame = pd.DataFrame({place: values for place, (_, values) in enumerate(columns.values())})
    frame.columns = pd.Index([heading for heading, _ in columns.values()])
    kinds = ["count" if key == "draw" else "gbp" if isinstance(key, tuple) else "qalys" for key in columns]
    return _block(page, frame, list(columns), kinds)


def _curves(book: _Book, psa: PSA) -> dict[str, _Block]:
    """The acceptability curves, and beside them the mean increments and the lines of the thresholds."""
    settings, thresholds = psa.inputs.settings, psa.inputs.settings.thresholds_gbp
    gbp = ["gbp"] * len(thresholds)
    frame = _curve_frame(psa)
    page = book.page("PSA curves", (12, *[17] * (len(frame.columns) + len(psa.costs) + 2 * len(thresholds) + 6)))
    page.title("What the charts are drawn from", "Acceptability: share of draws in which a strategy has the highest net benefit.")
    page.frozen(below=1)
    keys: list[object] = ["threshold", *((a, s) for a in psa.price_arrangements for s in psa.strategies)]
    blocks = {"curve": _block(page, frame, keys, ["gbp", *["share"] * (len(keys) - 1)])}
    means, at = _mean_increments(psa), len(keys) + 1
    kinds = ["plain", "qalys", *["gbp"] * len(psa.costs)]
    blocks["means"] = _block(page, means, ["name", None, *psa.price_arrangements], kinds, at)
    at += len(means.columns) + 1
    steps = psa.qalys - psa.qalys[psa.strategies.index(settings.comparator)]
    ends = np.array([min(float(steps.min()), 0.0), max(float(steps.max()), 0.0)])
    lines = {"Incremental QALYs": ends} | {f"{labels.gbp(t)}/QALY": t * ends for t in thresholds}
    blocks["lines"] = _block(page, pd.DataFrame(lines), [None, *thresholds], ["qalys", *gbp], at)
    at += len(lines) + 1
    uprights = {"Height": np.array([0.0, 1.0])} | {f"{labels.gbp(t)}/QALY": np.full(2, t) for t in thresholds}
    blocks["uprights"] = _block(page, pd.DataFrame(uprights), [None, *thresholds], ["share", *gbp], at)
    return blocks


def _curve_frame(psa: PSA) -> pd.DataFrame:
    """Probability of being cost-effective by threshold; a column for each price arrangement and strategy, in that order."""
    settings, parts = psa.inputs.settings, []
    for arrangement in psa.price_arrangements:
        curve, short = psa.acceptability_curve(arrangement), labels.arrangement_short(settings, arrangement)
        curve.columns = pd.Index([f"{labels.strategy_label(settings, name)}, {short}" for name in psa.strategies])
        parts.append(curve)
    return pd.concat(parts, axis=1).rename_axis("Threshold (£/QALY)").reset_index()


def _mean_increments(psa: PSA) -> pd.DataFrame:
    """Mean increments over the comparator; a row for each intervention, a column of costs for each price arrangement."""
    settings, comparator = psa.inputs.settings, psa.strategies.index(psa.inputs.settings.comparator)
    names = tables.interventions(settings)
    places = [psa.strategies.index(name) for name in names]
    columns: dict[str, object] = {tables.TECHNOLOGIES: [labels.strategy_label(settings, name) for name in names]}
    columns["Mean incremental QALYs"] = (psa.qalys[places] - psa.qalys[comparator]).mean(axis=1)
    for arrangement, costs in psa.costs.items():
        heading = f"Mean incremental costs (£), {labels.arrangement_short(settings, arrangement)}"
        columns[heading] = (costs[places] - costs[comparator]).mean(axis=1)
    return pd.DataFrame(columns)


def _colour(psa: PSA, strategy: str) -> str:
    names = tables.interventions(psa.inputs.settings)
    return COLOURS[names.index(strategy) % len(COLOURS)] if strategy in names else COMPARATOR_COLOUR


def _plane(book: _Book, psa: PSA, arrangement: str, draws: _Block, blocks: Mapping[str, _Block]) -> Any:
    """The cost-effectiveness plane: a point for each draw, the mean of all draws, and a line for each threshold."""
    chart = book.workbook.add_chart({"type": "scatter"})
    names, means = tables.interventions(psa.inputs.settings), blocks["means"]
    for place, strategy in enumerate(names):
        fill = {"color": _colour(psa, strategy), "transparency": 65}
        chart.add_series(
            {
                "name": [means.sheet, means.first + place, means.columns["name"]],
                "categories": draws.values(strategy, MOST_POINTS),
                "values": draws.values((strategy, arrangement), MOST_POINTS),
                "marker": {"type": "circle", "size": 3, "fill": fill, "border": {"none": True}},
            }
        )
    chart.add_series(
        {
            "name": "Mean of all draws",
            "categories": means.values(None),
            "values": means.values(arrangement),
            "marker": {"type": "diamond", "size": 10, "fill": {"color": "#FFB81C"}, "border": {"color": "#000000"}},
        }
    )
    for threshold, dash in zip(psa.inputs.settings.thresholds_gbp, ("dash", "solid"), strict=True):
        lines = blocks["lines"]
        line = {"color": "#425563", "width": 1.5, "dash_type": dash}
        chart.add_series(
            {
                "name": lines.heading(threshold),
                "categories": lines.values(None),
                "values": lines.values(threshold),
                "marker": {"type": "none"},
                "line": line,
            }
        )
    costs = {"name": "Incremental costs (£)", "num_format": _NUMBER_FORMATS["gbp"]}
    title = "Cost-effectiveness plane" + (f" (first {MOST_POINTS:,} draws)" if psa.n_draws > MOST_POINTS else "")
    _axes(chart, title, {"name": "Incremental QALYs", "num_format": "0.0"}, costs)
    return chart


def _acceptability(book: _Book, psa: PSA, arrangement: str, blocks: Mapping[str, _Block]) -> Any:
    """Acceptability curves on a numeric axis of thresholds, with the two thresholds as uprights."""
    chart = book.workbook.add_chart({"type": "scatter", "subtype": "straight"})
    curve, uprights = blocks["curve"], blocks["uprights"]
    for strategy in psa.strategies:
        chart.add_series(
            {
                "name": curve.heading((arrangement, strategy)),
                "categories": curve.values("threshold"),
                "values": curve.values((arrangement, strategy)),
                "line": {"color": _colour(psa, strategy), "width": 2.25},
            }
        )
    for threshold, dash in zip(psa.inputs.settings.thresholds_gbp, ("dash", "solid"), strict=True):
        chart.add_series(
            {
                "name": uprights.heading(threshold),
                "categories": uprights.values(threshold),
                "values": uprights.values(None),
                "line": {"color": "#8A9BA8", "width": 1, "dash_type": dash},
            }
        )
    across = {"name": "Threshold (£/QALY)", "num_format": _NUMBER_FORMATS["gbp"], "min": 0, "max": CURVE_THRESHOLDS[-1]}
    _axes(chart, "Acceptability curves", across, {"name": "Probability cost-effective", "num_format": "0%", "min": 0, "max": 1})
    return chart


def _axes(chart: Any, title: str, across: dict[str, Any], up: dict[str, Any]) -> None:
    """Title, axes with their names, number formats and limits, light lines, and the legend below."""
    font = {"name": _FONT, "size": 9}
    grid = {"visible": True, "line": {"color": "#E8EDEE", "width": 0.75}}
    look = {"name_font": font, "num_font": font, "label_position": "low", "major_gridlines": grid, "line": {"color": "#425563"}}
    chart.set_title({"name": title, "name_font": {"name": _FONT, "size": 12, "color": COLOURS[0]}})
    chart.set_x_axis(look | across)
    chart.set_y_axis(look | up)
    chart.set_legend({"position": "bottom", "font": font})
