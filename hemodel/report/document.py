"""The Word report: a submission's cost-effectiveness tables, charts, assumptions and reporting items, from the tables of `tables`.

Numbers are rounded as NICE rounds them. Charts are those of the app, as pictures with a description for those who cannot see them.
The same run gives the same bytes.
"""

from __future__ import annotations

import datetime
import io
import json
import math
import re
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from hemodel.analyses.base_case import BaseCase
from hemodel.analyses.psa import PSA
from hemodel.analyses.scenarios import Scenarios
from hemodel.evidence.confidential import announced
from hemodel.evidence.inputs import Inputs
from hemodel.evidence.settings import Settings
from hemodel.files import refuse_target, write_whole
from hemodel.report import labels, readings, tables
from hemodel.report.colours import INTERVENTION_COLOURS
from hemodel.report.exhibits import UNCERTAINTY, Exhibit
from hemodel.report.manifest import manifest, manifest_lines, refuse_other_inputs

_DATE = datetime.datetime(1980, 1, 1)  # a fixed date, so that the same run gives the same bytes
_HEADER_FILL = "E8EDEE"
_TEXT_WIDTH = 25.7  # cm, of A4 landscape
_SIZES = (9.0, 8.0, 7.0, 6.5)  # points; the first in which the words of a table have room
_MARGIN = 0.13  # cm, on either side of the text in a cell
_WIDEST = 13.0  # cm, a column of words
_WORDS = 8.0  # cm, left to columns of words beyond their longest word, or the type is made smaller
_NARROW, _WIDE = "iljtfrI.,:;'|!()[]-/ ", "mwMW%@+"
_BESIDE = (12.6, 7.4)  # cm, at most: a picture that shares its page
_WIDEST_PICTURE, _WHOLE_PAGE = 20.0, 14.5  # cm, at most
_LONGEST_WHOLE = 24  # rows of a table that is not cut between pages


def assumptions(inputs: Inputs) -> list[tuple[str, str]]:
    """What the model assumes on these inputs, each with its justification."""
    settings, cycle = inputs.settings, labels.cycle(inputs.settings)
    scheduled = {drug for strategy in settings.strategies for drug in strategy.schedules}
    packs = [drug for drug in inputs.priced_drugs if drug not in scheduled]
    why = f"One pack of {labels.drugs_label(settings, packs)} is {cycle}." if packs else "The cycle of the settings."
    found = [(f"A cycle is {cycle}; everyone starts progression-free and on treatment.", why)]
    if settings.time_in_state == "life_table":
        why = "People leave a state all through a cycle, not at its end."
        found.append(("Time in a state is the mean of start and end of each cycle.", why))
    else:
        found.append(
            (f"Time in a state is its {labels.setting_value_label(settings.time_in_state)}.", "A choice of these settings.")
        )
    if packs or not scheduled:
        what = "Packs are bought at the start of a cycle by those on treatment then, without half-cycle correction."
        found.append((what, "A pack is dispensed whole."))
    if scheduled:
        drugs = labels.drugs_label(settings, sorted(scheduled))
        what = f"Drugs with days of their own ({drugs}) are given to those on treatment on the day."
        found.append((what, "Those who leave within a cycle are taken to do so evenly over its days."))
    found += [
        (
            "No hazard of death falls below the general population's at the attained age and sex.",
            "Extrapolated curves would let it.",
        ),
    ]
    schemes = [scheme for name in settings.price_arrangements for scheme in settings.schemes_in(name).values()]
    if schemes:
        drugs = labels.drugs_label(settings, dict.fromkeys(scheme.drug for scheme in schemes))
        only_caps = all(scheme.kind == "drug_cost_cap" for scheme in schemes)
        why = "Its wording: the drug cost, excluding any related costs." if only_caps else "Related costs are charged as before."
        found.append((f"A scheme touches the price of {drugs} and nothing else.", why))
    events = {row.measure.kind for row in inputs.payoffs if row.event}
    if events == {"start mid-cycle"}:
        found.append(("Adverse events fall in the first cycle.", "They are reported once a person, without time."))
    found += [
        (f"{words} from the {place} of its cycle.", "A choice of these settings.")
        for words, place in labels.discounted_elsewhere(settings)
    ]
    years = "the whole years that have passed" if settings.discounting == "by_year" else "the years"
    found.append((f"Costs and QALYs are discounted by (1 + r) to the power of minus {years}.", "NICE's reference case, 4.5."))
    return found


def write_report(
    path: str | Path,
    base: BaseCase,
    psa: PSA | None = None,
    scenarios: Scenarios | None = None,
    *,
    exhibits: Sequence[Exhibit] = (),
    cheers: pd.DataFrame | None = None,
    force: bool = False,
) -> Path:
    """Write the Word report of a run to `path`, whole or not at all; an existing file is replaced with `force` only."""
    refuse_target(path, force=force)
    return write_whole(path, report_document(base, psa, scenarios, exhibits=exhibits, cheers=cheers), force=force)


def report_document(
    base: BaseCase,
    psa: PSA | None = None,
    scenarios: Scenarios | None = None,
    *,
    exhibits: Sequence[Exhibit] = (),
    cheers: pd.DataFrame | None = None,
) -> bytes:
    """The Word report of a run as bytes: section numbers are those of NICE's company submission.

    `exhibits`: of further analyses. `cheers`: the items of CHEERS 2022 as a table. What was not run is left out. Raises `InputError` for
    results of other inputs.
    """
    from docx import Document

    if scenarios is not None:
        refuse_other_inputs("scenarios", scenarios.results[0].inputs, base.inputs)
    for exhibit in exhibits:
        refuse_other_inputs(exhibit.key, exhibit.inputs, base.inputs)
    record, settings = manifest(base.inputs, psa=psa), base.inputs.settings
    document = Document()
    _page(document, record)
    _front(document, base, record)
    _assumptions(document, base)
    _base_case(document, base)
    if psa is not None:
        _probabilistic(document, base, psa)
    for exhibit in exhibits:
        if exhibit.section == UNCERTAINTY:
            _exhibit(document, exhibit)
    if scenarios is not None:
        _scenarios(document, base, scenarios)
    for exhibit in exhibits:
        if exhibit.section != UNCERTAINTY:
            _exhibit(document, exhibit)
    document.add_heading("3.14 Validation: model against source", 1)
    _table(document, settings, tables.against_source_table(base).drop(columns=["Note"]), tables.AGAINST_SOURCE_FOOTER)
    document.add_heading("Parameters", 1)
    _table(document, settings, tables.parameter_table(base.inputs).drop(columns=["Name", "Note"]), tables.PARAMETER_FOOTER)
    if cheers is not None:
        document.add_heading("CHEERS 2022", 1)
        _table(document, settings, cheers)
    document.add_heading("How to make this report again", 1)
    for what, value in manifest_lines(record):
        document.add_paragraph(f"{what}: {value}").paragraph_format.space_after = 0
    return _bytes(document)


def _page(document: Any, record: dict[str, Any]) -> None:
    """A4 landscape, type, headings, properties and the footer."""
    from docx.enum.section import WD_ORIENT
    from docx.shared import Cm, Pt, RGBColor

    section = document.sections[0]
    section.orientation = WD_ORIENT.LANDSCAPE
    section.page_width, section.page_height = Cm(29.7), Cm(21.0)
    section.left_margin = section.right_margin = Cm(2)
    section.top_margin = section.bottom_margin = Cm(1.8)
    normal = document.styles["Normal"]
    normal.font.name, normal.font.size = "Arial", Pt(10)
    for level, size in ((0, 20), (1, 14), (2, 11)):
        style = document.styles["Title" if level == 0 else f"Heading {level}"]
        style.font.name, style.font.size, style.font.color.rgb = (
            "Arial",
            Pt(size),
            RGBColor.from_string(INTERVENTION_COLOURS[0][1:]),
        )
        style.element.rPr.rFonts.attrib.clear()
        style.font.name = "Arial"
    section.footer.paragraphs[0].text = f"hemodel {record['hemodel']}, run {record['hash'][:12]}"
    properties = document.core_properties
    properties.title, properties.author = "Cost-effectiveness report", f"hemodel {record['hemodel']}"
    properties.created = properties.modified = _DATE
    properties.comments = f"Run {record['hash']}"


def _front(document: Any, base: BaseCase, record: dict[str, Any]) -> None:
    """What was asked and run, and the answer."""
    inputs, settings = base.inputs, base.inputs.settings
    population = settings.populations[inputs.population]
    document.add_heading("Cost-effectiveness report", 0)
    _say(document.add_paragraph(), settings.question)
    lines = [
        ("Population", f"{population.label}. {population.why}"),
        ("Scenario", f"{inputs.scenario.label}. {inputs.scenario.why}"),
        ("Comparator", labels.strategy_label(settings, settings.comparator)),
        ("Price year", settings.price_year),
    ]
    if inputs.changed:
        lines.append(("Changed by hand", f"{', '.join(record['changed'])}: not as in the files"))
    if confidential := announced(inputs):
        lines.append(("Confidential", confidential))
    for row in base.table.to_dict("records"):
        if row["strategy"] != settings.comparator:
            arrangement = labels.arrangement_label(settings, row["price_arrangement"])
            answer = f"{labels.with_sign(str(row['reading']), settings)}{readings.against(settings)}"
            if standing := readings.standing(base, row["price_arrangement"], row["strategy"]):
                answer += f"; {standing}"
            answer += f". {arrangement}"
            lines.append((f"ICER, {labels.strategy_label(settings, row['strategy'])}", answer))
    for what, words in lines:
        paragraph = document.add_paragraph()
        _say(paragraph, f"{what}: ", bold=True)
        _say(paragraph, words)
        paragraph.paragraph_format.space_after = 0


def _assumptions(document: Any, base: BaseCase) -> None:
    settings = base.inputs.settings
    document.add_heading("3.9 Assumptions and settings", 1)
    _table(document, settings, pd.DataFrame(assumptions(base.inputs), columns=["Assumption", "Justification"]))
    _table(document, settings, tables.settings_table(base.inputs))
    counts = tables.status_counts(base.inputs)
    _table(document, settings, counts, "How far the inputs can be trusted.")


def _base_case(document: Any, base: BaseCase) -> None:
    """NICE's tables of the base case, its parts and the traces."""
    settings = base.inputs.settings
    document.add_heading("3.10 Base-case results", 1)
    for arrangement in base.outcomes.price_arrangements:
        name = labels.arrangement_label(settings, arrangement)
        document.add_heading(f"Base-case results. {name}", 2)
        _table(document, settings, tables.base_case_table(base, arrangement), tables.BASE_CASE_FOOTER)
        document.add_heading(f"Net health benefit. {name}", 2)
        _table(document, settings, tables.net_health_benefit_table(base, arrangement), tables.NET_HEALTH_BENEFIT_FOOTER)
    if len(base.outcomes.price_arrangements) > 1:
        document.add_heading("Impact of the scheme on the ICER", 2)
        _table(document, settings, tables.pas_impact_table(base), tables.PAS_IMPACT_FOOTER)
    last = settings.price_arrangements[-1]
    for strategy in tables.interventions(settings):
        pair = (
            f"X: {labels.strategy_label(settings, strategy)}. Y: {labels.strategy_label(settings, settings.comparator)}. "
            f"Discounted. {labels.arrangement_short(settings, last)}. {tables.DISAGGREGATED_FOOTER}"
        )
        document.add_heading(f"Disaggregated results: {labels.in_sentence(labels.strategy_label(settings, strategy))}", 2)
        _table(document, settings, tables.costs_by_component_table(base, last, strategy=strategy), pair)
        _table(document, settings, tables.costs_by_state_table(base, last, strategy=strategy))
        _table(document, settings, tables.qalys_by_state_table(base, strategy=strategy))
        _table(document, settings, tables.life_years_by_state_table(base, strategy=strategy), tables.ROUNDING_NOTE)
    from hemodel.report import charts

    costs = {a: base.costs_by_component(a) for a in settings.price_arrangements}
    _figures(document, [charts.cohort_trace(base.trace, settings, strategy) for strategy in settings.strategy_names])
    _figure(document, charts.costs_by_component(costs, settings), _WHOLE_PAGE)


def _probabilistic(document: Any, base: BaseCase, psa: PSA) -> None:
    from hemodel.report import charts

    settings = psa.inputs.settings
    document.add_heading(f"3.11 Probabilistic analysis: {psa.n_draws:,} draws, seed {psa.seed}", 1)
    for arrangement in psa.price_arrangements:
        document.add_heading(labels.arrangement_label(settings, arrangement), 2)
        _table(document, settings, tables.psa_table(psa, arrangement, base), tables.PSA_FOOTER)
        _figure(document, charts.cost_effectiveness_plane(psa.costs, psa.qalys, settings, arrangement))
    _table(document, settings, tables.probability_table(psa))
    _figure(document, charts.acceptability_curves({a: psa.acceptability_curve(a) for a in psa.price_arrangements}, settings))


def _exhibit(document: Any, exhibit: Exhibit) -> None:
    """An analysis under the number of its section: its charts with their sentences, or the sentence alone, and the rows that matter."""
    number = re.search(r"section ([\d.]+)", exhibit.section)
    document.add_heading(f"{number[1]} {exhibit.title}" if number else exhibit.title, 1)
    figures = exhibit.figures
    for figure in figures:
        _figure(document, figure, _WHOLE_PAGE)
    if exhibit.sentence and not figures:
        _say(document.add_paragraph(), exhibit.sentence)
    if exhibit.across:
        _say(document.add_paragraph(), f"Across: {exhibit.across}.")
    brief = exhibit.in_brief
    _table(document, exhibit.inputs.settings, brief.table, brief.footer)
    for note in exhibit.notes:
        _say(document.add_paragraph(), note)


def _scenarios(document: Any, base: BaseCase, scenarios: Scenarios) -> None:
    settings = base.inputs.settings
    document.add_heading("3.11 Scenarios", 1)
    names = (labels.arrangement_label(settings, a) for a in base.outcomes.price_arrangements if a != "list")
    footer = " ".join([tables.SCENARIO_PRICES_FOOTER, *(f"{name}." for name in names)])
    for strategy in tables.interventions(settings):
        if len(settings.strategies) > 2:
            document.add_heading(labels.strategy_label(settings, strategy), 2)
        for part in _of_two_prices(tables.scenario_prices_table(scenarios, strategy)):
            _table(document, settings, part, footer)


def _of_two_prices(wide: pd.DataFrame) -> list[pd.DataFrame]:
    """A table with columns for each price arrangement ("ICER (£/QALY), list price") as tables of two of them, which is what a page holds;
    what goes for every price is in the first.
    """
    price_of = {str(name): str(name).rpartition("), ")[2] if "), " in str(name) else "" for name in wide.columns}
    prices = [price for price in dict.fromkeys(price_of.values()) if price]
    pairs = [prices[k : k + 2] for k in range(0, max(len(prices), 1), 2)]
    first, *others = [[name for name, price in price_of.items() if price in pair] for pair in pairs]
    scenario, everywhere = str(wide.columns[0]), [name for name, price in price_of.items() if not price]
    return [wide[[n for n in price_of if n in {*first, *everywhere}]], *(wide[[scenario, *names]] for names in others)]


def _table(document: Any, settings: Settings, frame: pd.DataFrame, footer: str = "") -> None:
    """A table as NICE rounds it: header repeated on every page, numbers to the right, widths by what the columns hold."""
    from docx.enum.table import WD_TABLE_ALIGNMENT
    from docx.enum.text import WD_ALIGN_PARAGRAPH
    from docx.oxml import OxmlElement
    from docx.oxml.ns import qn
    from docx.shared import Cm, Pt

    text, names = tables.rounded(frame, settings), [str(name) for name in frame.columns]
    numeric = [any(isinstance(x, (int, float)) for x in frame.iloc[:, place]) for place in range(len(names))]
    size, widths = _fitting(text, names)
    made = document.add_table(rows=1 + len(text), cols=len(names))
    made.style, made.alignment, made.autofit = "Table Grid", WD_TABLE_ALIGNMENT.LEFT, False
    _set_margins(made)
    style = _cell_style(document, size)
    for column, width in zip(made.columns, widths, strict=True):
        column.width = Cm(width)
    content = [names, *text.to_numpy().tolist()]
    together = len(content) <= _LONGEST_WHOLE
    for r, (row, values) in enumerate(zip(made.rows, content, strict=True)):
        cannot_split = OxmlElement("w:cantSplit")
        row._tr.get_or_add_trPr().append(cannot_split)
        bold = r == 0 or values[0] == tables.TOTAL
        for place, (cell, words) in enumerate(zip(row.cells, values, strict=True)):
            cell.width = Cm(widths[place])
            paragraph = cell.paragraphs[0]
            paragraph.style = style
            paragraph.paragraph_format.keep_with_next = together or r == 0
            _say(paragraph, words, bold=bold)
            if numeric[place]:
                paragraph.alignment = WD_ALIGN_PARAGRAPH.RIGHT
            if r == 0:
                fill = OxmlElement("w:shd")
                for key, value in (("val", "clear"), ("fill", _HEADER_FILL)):
                    fill.set(qn(f"w:{key}"), value)
                cell._tc.get_or_add_tcPr().append(fill)
    repeat = OxmlElement("w:tblHeader")
    made.rows[0]._tr.get_or_add_trPr().append(repeat)
    note = document.add_paragraph()
    note.paragraph_format.space_before, note.paragraph_format.space_after = Pt(2), Pt(8)
    _say(note, footer, size=8)


def _cell_style(document: Any, size: float) -> Any:
    """The style of the text in cells, of one size of type for full and for empty ones, so that all rows are of one height."""
    from docx.enum.style import WD_STYLE_TYPE
    from docx.shared import Pt

    name = f"Cell {size:g}"
    if name in (style.name for style in document.styles):
        return document.styles[name]
    style = document.styles.add_style(name, WD_STYLE_TYPE.PARAGRAPH)
    style.base_style, style.font.size = document.styles["Normal"], Pt(size)
    style.paragraph_format.space_before = style.paragraph_format.space_after = Pt(1)
    return style


def _set_margins(table: Any) -> None:
    """Room at the sides of the text in every cell, the same for all tables, as `_fitting` reckons with it."""
    from docx.oxml import OxmlElement
    from docx.oxml.ns import qn
    from docx.shared import Cm

    margins = OxmlElement("w:tblCellMar")
    for side in ("left", "right"):
        margin = OxmlElement(f"w:{side}")
        margin.set(qn("w:w"), str(Cm(_MARGIN).twips))
        margin.set(qn("w:type"), "dxa")
        margins.append(margin)
    table._tbl.tblPr.find(qn("w:tblLook")).addprevious(margins)  # the order of the schema


def _say(paragraph: Any, text: str, *, bold: bool = False, size: float | None = None) -> None:
    """Text at the end of a paragraph; a line does not end between a minus, or the hyphen of a range, and the number after it."""
    from docx.oxml import OxmlElement
    from docx.shared import Pt

    run = paragraph.add_run()
    run.bold, run.font.size = bold, None if size is None else Pt(size)
    for k, part in enumerate(re.split(r"-(?=[£€$¥₹\d])", text)):
        if k:
            run._r.append(OxmlElement("w:noBreakHyphen"))
        run.add_text(part)


def _fitting(text: pd.DataFrame, names: Sequence[str]) -> tuple[float, list[float]]:
    """Type size in points and widths of the columns in cm, at most the page's together: no word and no number is broken over two lines,
    and columns of words share what is left by how much they hold.
    """
    columns = [(name, text.iloc[:, place].to_list()) for place, name in enumerate(names)]
    for size in _SIZES:
        least = [max(_in_lines(name, 3, size), _longest(" ".join(cells).split(), size)) for name, cells in columns]
        wanted = [max(low, min(_longest(cells, size), _WIDEST)) for low, (_, cells) in zip(least, columns, strict=True)]
        roomy = [max(most, _in_lines(name, 2, size)) for most, name in zip(wanted, names, strict=True)]
        if sum(roomy) <= _TEXT_WIDTH:
            return size, roomy
        if sum(least) <= _TEXT_WIDTH - _WORDS or size == _SIZES[-1]:
            break
    more = [most - low for low, most in zip(least, wanted, strict=True)]
    share = (_TEXT_WIDTH - sum(least)) / sum(more) if sum(more) else 0.0
    return size, [low + share * x for low, x in zip(least, more, strict=True)]


def _in_lines(heading: str, most: int, size: float) -> float:
    """Width of the narrowest column in cm in which a heading takes at most so many lines."""
    words = heading.split()
    parts = [" ".join(words[a:b]) for a in range(len(words)) for b in range(a + 1, len(words) + 1)]
    widths = sorted(_longest([part], size, bold=True) for part in parts)
    return next((width for width in widths if _lines(words, width, size) <= most), 0.0)


def _lines(words: Sequence[str], width: float, size: float) -> float:
    """How many lines words take in a column, one after the other; infinite where one of them does not fit."""
    lines: list[str] = []
    for word in words:
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and _longest([longer], size, bold=True) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return len(lines) if _longest(lines, size, bold=True) <= width else math.inf


def _longest(lines: Sequence[str], size: float, *, bold: bool = False) -> float:
    """Width of a column in cm that holds each of these lines in one."""
    return 2 * _MARGIN + max((_width(line, size, bold=bold) for line in lines), default=0.0)


def _width(text: str, size: float, *, bold: bool = False) -> float:
    """An upper bound of the width of a text in cm, in the widest of the usual sans-serif types, DejaVu Sans."""
    ems = sum(0.4 if c in _NARROW else 1.0 if c in _WIDE else 0.75 if c.isupper() else 0.65 for c in text)
    return ems * size * (1.15 if bold else 1.0) * 2.54 / 72


def _figures(document: Any, figures: Sequence[Any]) -> None:
    """Charts that belong together, side by side."""
    paragraph = document.add_paragraph()
    paragraph.paragraph_format.keep_with_next = True
    for figure in figures:
        added = paragraph.add_run().add_picture(_picture(figure))
        _fit(added, min(_TEXT_WIDTH / len(figures) - 1.0, _BESIDE[0]), _BESIDE[1])
        added._inline.docPr.set("descr", figure.alt)
    for figure in figures:
        _say(document.add_paragraph(), figure.sentence)


def _figure(document: Any, figure: Any, high: float = _BESIDE[1]) -> None:
    """A chart of the app as a picture of at most this height (cm), with its sentence; the description is there for those who cannot see
    it.
    """
    added = document.add_picture(_picture(figure))
    _fit(added, _WIDEST_PICTURE, high)
    added._inline.docPr.set("descr", figure.alt)
    document.paragraphs[-1].paragraph_format.keep_with_next = True
    _say(document.add_paragraph(), figure.sentence)


def _picture(figure: Any) -> io.BytesIO:
    """A chart as a PNG."""
    import vl_convert

    return io.BytesIO(vl_convert.vegalite_to_png(json.dumps(figure.chart.to_dict()), scale=2.0))


def _fit(picture: Any, wide: float, high: float) -> None:
    """Make a picture of the document as large as it can be within so many centimetres."""
    from docx.shared import Cm

    scale = min(Cm(wide) / picture.width, Cm(high) / picture.height)
    picture.width, picture.height = round(scale * picture.width), round(scale * picture.height)


def _bytes(document: Any) -> bytes:
    """The document as bytes that do not depend on the clock."""
    saved, content = io.BytesIO(), io.BytesIO()
    document.save(saved)
    with zipfile.ZipFile(saved) as given, zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as made:
        for name in given.namelist():
            made.writestr(zipfile.ZipInfo(name, _DATE.timetuple()[:6]), given.read(name), zipfile.ZIP_DEFLATED)
    return content.getvalue()
