"""The Word report, opened again.

Pitfalls guarded: a number that is not the run's; a table without its footer or header; a chart that says nothing to those who cannot see
it; bytes that differ from one writing to the next; results of other inputs side by side.
"""

import io
import zipfile
from functools import cache

import docx
import pandas as pd
import pytest
import vl_convert

from hemodel.analyses.base_case import run_base_case
from hemodel.analyses.psa import run_psa
from hemodel.analyses.scenarios import run_scenarios
from hemodel.errors import InputError
from hemodel.evidence.inputs import load_inputs
from hemodel.report import tables
from hemodel.report.document import report_document, write_report


@cache
def base():
    return run_base_case(load_inputs("relapsed").with_settings(horizon_years=5.0))


@pytest.fixture(autouse=True, scope="module")
def one_picture_for_all():
    """Drawing is slow: the first chart is drawn, and its picture stands for the others."""
    drawn = cache(lambda: draw(*asked[0], scale=1.0))
    asked, draw = [], vl_convert.vegalite_to_png

    def picture(*chart, scale):
        asked.append(chart)
        return drawn()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(vl_convert, "vegalite_to_png", picture)
        yield


@cache
def content():
    cheers = pd.DataFrame({"Item": ["1 Title"], "Where": ["Front page"]})
    return report_document(base(), run_psa(base().inputs, draws=50), cheers=cheers)


def test_tables_hold_the_numbers_of_the_run_as_nice_rounds_them():
    document = docx.Document(io.BytesIO(content()))
    found = [[[cell.text for cell in row.cells] for row in table.rows] for table in document.tables]
    for table in (
        tables.base_case_table(base(), "list"),
        tables.base_case_table(base(), "pas"),
        tables.net_health_benefit_table(base(), "pas"),
        tables.pas_impact_table(base()),
        tables.costs_by_component_table(base(), "pas"),
    ):
        text = tables.rounded(table, base().inputs.settings)
        assert [[str(name) for name in text.columns], *text.to_numpy().tolist()] in found
    assert any("1 Title" in row for table in found for row in table)


def test_every_picture_has_a_description_and_every_table_repeats_its_header():
    with zipfile.ZipFile(io.BytesIO(content())) as archive:
        xml = archive.read("word/document.xml").decode()
    assert xml.count("<wp:docPr") == xml.count(' descr="') == 6
    assert xml.count("<w:tblHeader") == xml.count("<w:tbl>")
    section = docx.Document(io.BytesIO(content())).sections[0]
    assert round(section.page_width.cm, 1) == 29.7


def test_the_report_is_written_whole_and_the_same_every_time(tmp_path):
    small = write_report(tmp_path / "report.docx", base())
    assert small.read_bytes() == report_document(base())
    with pytest.raises(InputError, match="already there"):
        write_report(small, base())
    with pytest.raises(InputError, match="other inputs"):
        report_document(base(), run_psa(load_inputs("relapsed"), draws=20))


def test_the_answer_says_against_whom_and_what_is_dominated_where_there_are_three_strategies():
    three = run_base_case(load_inputs("first_line").with_settings(horizon_years=5.0, price_arrangements=["list"]))
    lines = [paragraph.text for paragraph in docx.Document(io.BytesIO(report_document(three))).paragraphs]
    answers = [line for line in lines if line.startswith("ICER, ")]
    assert len(answers) == 2 and all("against melphalan + prednisone + thalidomide" in line for line in answers)
    assert "dominated by another strategy. List price" in answers[0]
    assert not any(
        "dominated" in paragraph.text
        for paragraph in docx.Document(io.BytesIO(content())).paragraphs
        if paragraph.text.startswith("ICER, ")
    )


def test_scenarios_under_four_price_arrangements_stand_two_to_a_table():
    some = run_scenarios("one_prior", scenarios=["one_prior_response_43"])
    four = run_base_case(load_inputs("one_prior"))
    made = docx.Document(io.BytesIO(report_document(four, scenarios=some))).tables
    heads = [[cell.text for cell in table.rows[0].cells] for table in made]
    heads = [head for head in heads if head[0] == "Scenario"]
    assert [len(head) for head in heads] == [10, 7, 10, 7]
    assert heads[0][-1] == "Why" and heads[1][1] == "Incremental costs (£), Bortezomib refund"
