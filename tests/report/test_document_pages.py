"""The Word report as LibreOffice sets it: what a reader has on paper.

Pitfalls guarded: a number that is broken over two lines, or cut off at the edge of its column; a scenario that has to be looked up in two
tables; a heading alone at the foot of a page.
"""

import io
import re
import subprocess
from collections import Counter

import docx
import pytest

from hemodel.analyses.base_case import run_base_case
from hemodel.analyses.one_way import run_one_way
from hemodel.analyses.psa import run_psa
from hemodel.analyses.scenarios import run_scenarios
from hemodel.evidence.folder import problem_names
from hemodel.evidence.inputs import load_inputs
from hemodel.report import exhibits, tables
from hemodel.report.cheers import cheers_table
from hemodel.report.document import report_document

PROBLEMS = problem_names()


@pytest.fixture(scope="module", params=PROBLEMS)
def report(request, tmp_path_factory):
    """The whole report of a problem: its scenarios, the document, and its pages as lines of text."""
    inputs = load_inputs(request.param)
    base, psa, scenarios = run_base_case(inputs), run_psa(inputs, draws=50), run_scenarios(request.param)
    content = report_document(
        base, psa, scenarios, exhibits=[exhibits.tornado(run_one_way(inputs))], cheers=cheers_table(base, psa)
    )
    folder = tmp_path_factory.mktemp(request.param)
    (folder / "report.docx").write_bytes(content)
    profile = f"-env:UserInstallation={(folder / 'profile').as_uri()}"
    to_pdf = ["soffice", profile, "--headless", "--convert-to", "pdf", "--outdir", folder, folder / "report.docx"]
    subprocess.run(to_pdf, check=True, capture_output=True, timeout=300)
    done = subprocess.run(["pdftotext", "-layout", folder / "report.pdf", "-"], check=True, capture_output=True)
    pages = done.stdout.decode().replace("\N{NON-BREAKING HYPHEN}", "-").split("\f")
    return scenarios, docx.Document(io.BytesIO(content)), pages


def words_of(text):
    """Words and how often each is there; a line may end after the hyphen of a word, not after that of a number."""
    return Counter(re.sub(r"-(?![£\d])", " ", text).split())


@pytest.mark.slow
def test_no_number_of_a_table_or_a_sentence_is_broken_over_two_lines(report):
    _, document, pages = report
    cells = [cell.text for table in document.tables for row in table.rows for cell in row.cells]
    texts = "\n".join([*cells, *(paragraph.text for paragraph in document.paragraphs)])
    wanted, found = (
        {word: n for word, n in words_of(text).items() if re.search(r"\d", word)} for text in (texts, " ".join(pages))
    )
    assert sum(wanted.values()) > 1_000
    assert {word: (n, found.get(word)) for word, n in wanted.items() if found.get(word, 0) < n} == {}


@pytest.mark.slow
def test_no_word_of_a_heading_of_a_table_is_broken(report):
    _, document, pages = report
    wanted = words_of("\n".join(cell.text for table in document.tables for cell in table.rows[0].cells))
    found = words_of(" ".join(pages))
    assert {word: (n, found[word]) for word, n in wanted.items() if found[word] < n} == {}


@pytest.mark.slow
def test_a_scenario_has_one_row_with_its_icer_under_both_price_arrangements_and_a_reason_with_room(report):
    scenarios, document, pages = report
    settings = scenarios.results[0].inputs.settings
    found = [table for table in document.tables if table.rows[0].cells[0].text == "Scenario"]
    each = -(-len(settings.price_arrangements) // 2)  # tables of a strategy: a page holds two price arrangements
    assert len(found) == each * len(tables.interventions(settings))
    for table, strategy in zip(found[::each], tables.interventions(settings), strict=True):
        assert [row.cells[0].text for row in table.rows[1:]] == [r.inputs.scenario.label for r in scenarios.results]
        base, heads = scenarios.results[0], [cell.text for cell in table.rows[0].cells]
        cells = dict(zip(heads, (cell.text for cell in table.rows[1].cells), strict=True))
        assert cells["ICER (£/QALY), list price"] == f"£{base.icer('list', strategy):,.0f}"
        if each == 1:
            assert cells["ICER (£/QALY), scheme"] == f"£{base.icer('pas', strategy):,.0f}"
        assert table.rows[0].cells[-1].text == "Why" and table.columns[-1].width.cm > (6.0 if each == 1 else 4.0)
    of_scenarios = [page for page in pages if re.search(r"^\s*Scenario .*Why", page, re.MULTILINE)]
    assert len(of_scenarios) <= 4 * each


@pytest.mark.slow
def test_no_page_ends_with_a_heading(report):
    _, document, pages = report
    headings = {p.text for p in document.paragraphs if p.style.name.startswith("Heading")}
    last = [[line.strip() for line in page.splitlines() if line.strip()][-2:-1] for page in pages if page.strip()]
    assert [line for lines in last for line in lines if line in headings] == []
