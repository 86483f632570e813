"""Exhibits: what every face shows of an analysis.

Pitfalls guarded: a sentence under the chart that is not that of the table; rows in brief that say they are all; a name that becomes markup
in a notebook; results of other inputs in a report; a face that leaves an analysis out.
"""

import io
from dataclasses import replace

import docx
import pytest

from hemodel.analyses.convergence import running_means
from hemodel.analyses.one_way import run_one_way
from hemodel.analyses.psa import run_psa
from hemodel.analyses.thresholds import price_and_probability
from hemodel.analyses.value_of_information import evpi_curve
from hemodel.errors import InputError
from hemodel.report import exhibits, tables
from hemodel.report.document import report_document


@pytest.fixture(scope="module")
def shown(uncertain, analyses):
    return {exhibit.key: exhibit for exhibit in exhibits.of_analyses(uncertain.inputs, analyses)}


def test_each_says_what_it_is_what_it_asks_and_what_it_found(shown):
    assert len(shown) == 12
    for key, exhibit in shown.items():
        assert exhibit.title and exhibit.question.endswith("?") and exhibit.section and exhibit.footer.endswith("."), key
        assert exhibit.sentence.endswith(".") or key == "thresholds", key
        assert len(exhibit.rounded) == len(exhibit.table) > 0, key


def test_the_sentence_below_a_chart_is_that_of_the_exhibit(shown):
    for key, exhibit in shown.items():
        figures = exhibit.figures
        assert bool(figures) == (key != "thresholds"), key
        if len(figures) == 1 and key != "comparison":
            assert figures[0].sentence.startswith(exhibit.sentence), key  # more may be said of the picture
        assert all(figure.sentence.split(".")[0] in figure.alt for figure in figures), key


def test_in_brief_the_rows_are_some_of_all_and_the_footer_says_which(uncertain, shown):
    inputs, psa = uncertain.inputs, run_psa(uncertain.inputs, 1_000)
    found = {"convergence": running_means(psa), "one_way": uncertain.one_way}
    found |= {"evpi": {a: evpi_curve(psa, price_arrangement=a) for a in psa.price_arrangements}}
    found |= {"price": {a: price_and_probability(psa.with_components(), a) for a in psa.price_arrangements}}
    for exhibit in exhibits.of_analyses(inputs, found):
        brief = exhibit.in_brief
        assert 0 < len(brief.table) <= len(exhibit.table) / 4 and brief.footer == f"{exhibit.of_brief} {exhibit.footer}", (
            exhibit.key
        )
        assert brief.table.equals(exhibit.table.loc[brief.table.index]), exhibit.key
        if exhibit.key != "tornado":
            assert brief.table.index[-1] == exhibit.table.index[-1], exhibit.key
        if exhibit.key == "price":
            assert set(brief.table[tables.ARRANGEMENT]) == set(exhibit.table[tables.ARRANGEMENT])
        assert brief.in_brief is brief, exhibit.key
    for key in ("budget", "convergence"):  # all of a few
        assert shown[key].in_brief is shown[key]


def test_in_a_notebook_names_are_text(shown):
    html = replace(shown["evppi"], title="<b>x</b>", notes=("<i>",))._repr_html_()
    assert "<b>x" not in html and "&lt;b&gt;x" in html and "<i>" not in html


def test_the_word_report_has_a_section_for_each_with_its_charts_and_refuses_those_of_other_inputs(uncertain, shown):
    content = report_document(uncertain.base, exhibits=list(shown.values()))
    document = docx.Document(io.BytesIO(content))
    headings = [p.text for p in document.paragraphs if p.style.name.startswith("Heading")]
    for exhibit in shown.values():
        assert [h for h in headings if h.endswith(exhibit.title)], exhibit.key
    plain = docx.Document(io.BytesIO(report_document(uncertain.base)))
    more = sum(len(exhibit.figures) for exhibit in shown.values())
    assert len(document.inline_shapes) == len(plain.inline_shapes) + more
    other = run_one_way(uncertain.inputs.with_values(u_progressed=0.5), names=["shape_pfs"])
    with pytest.raises(InputError, match="tornado: it was run with other inputs"):
        report_document(uncertain.base, exhibits=[exhibits.tornado(other)])
