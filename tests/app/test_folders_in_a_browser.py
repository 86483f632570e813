"""Folders of other appraisals in a real browser: every page, as a committee that was sent a zip would see it.

Pitfalls: a page that fails, or says nothing, for other drugs, cycles or curves; money in pounds where the folder says otherwise; a name
of a packaged drug on a page of somebody else's; tables and charts that are cut off by longer names.
"""

import re
from pathlib import Path

import pytest

import hemodel as hm
from hemodel.app.front import PAGES
from hemodel.evidence.folder import problem_names
from hemodel.evidence.zipped import zipped
from hemodel.report import labels
from tests.app.driving import go, quiet
from tests.app.test_browser import CUT_OFF

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parent.parent.parent
STRANGERS = re.compile(r"lenalidomide|dexamethasone|myeloma|bortezomib", re.IGNORECASE)
FAILED = "[data-testid=stException], [data-testid=stAlertContentError]"


def put_in(page, folder, tmp_path):
    """The folder as a zip, given to the app where it asks for one."""
    packed = tmp_path / f"{folder.path.name}.zip"
    packed.write_bytes(zipped(folder))
    go(page, "Scenarios")
    page.get_by_role("tab", name="Save, load and share").click()
    quiet(page)
    page.get_by_test_id("stFileUploader").filter(has_text="settings.toml").locator("input").set_input_files(packed)
    quiet(page)


def told(page):
    """Everything that a page says: its text and that of its tabs, of charts, and of what a screen reader is told of charts."""
    return "\n".join([_shown(page), *(_shown(page) for tab in page.get_by_role("tab").all() if not _opened(tab, page))])


def _opened(tab, page):
    tab.click()
    quiet(page)


def _shown(page):
    return page.evaluate(
        """() => [
          document.querySelector('[data-testid=stMain]').innerText,
          ...[...document.querySelectorAll('[data-testid=stVegaLiteChart]')].filter((chart) => chart.getClientRects().length)
            .flatMap((chart) => [chart.ariaLabel, ...[...chart.querySelectorAll('svg text')].map((text) => text.textContent)]),
        ].join('\\n')"""
    )


WORK = {
    "Verification": ("", "Run the checks"),
    "Uncertainty": ("Value of information", "What would it be worth"),
    "Scenarios": ("All populations", "Run every scenario"),
}
"""Pages with their tab and the beginning of the button on it that works something out."""


def worked_out(page, title):
    """Press the button of a page that works something out, and wait until that is done."""
    tab, button = WORK[title]
    if tab:
        page.get_by_role("tab", name=tab, exact=True).click()
        quiet(page)
    page.get_by_role("button", name=re.compile(f"^{button}")).click()
    page.get_by_role("button", name=re.compile(f"^{button}|^Cancel")).wait_for(state="detached", timeout=180_000)
    quiet(page)


@pytest.mark.parametrize("name", ["infusion", "tablets", *problem_names()])
def test_every_page_is_of_the_folder_that_was_put_in(page, tmp_path, name):
    packaged = name in problem_names()
    inputs = hm.load_inputs(name if packaged else ROOT / "examples" / name)
    put_in(page, inputs.folder, tmp_path)
    go(page, "Summary")
    base = hm.run_base_case(inputs)
    others = [strategy for strategy in base.outcomes.strategies if strategy != inputs.settings.comparator]
    answers = [labels.money(base.icer(a, s), inputs.settings) for a in inputs.settings.price_arrangements for s in others]
    assert sorted(page.get_by_test_id("stMetricValue").all_inner_texts()) == sorted(answers)
    for titles in PAGES.values():
        for title in titles:
            go(page, title)
            assert page.locator(FAILED).all_inner_texts() == [], title
            if title in WORK:
                worked_out(page, title)
            words = told(page)
            assert page.locator(FAILED).all_inner_texts() == [], title
            assert page.evaluate(CUT_OFF) == [], title
            if not packaged:
                assert STRANGERS.findall(words) == [], title
            if inputs.settings.currency != "GBP":
                assert re.findall(r".*(?:£|GBP|pound).*", words) == [], title
