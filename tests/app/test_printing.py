"""A page on paper: all of it, nothing that only makes sense on a screen, and from where it came.

Pitfalls: a style for paper that a new version of Streamlit passes by; a table that scrolls on the screen and is cut off on paper, or
that overlaps what follows; a table or chart wider than the sheet; type too small to read because the window was wide; the sidebar, menus
and buttons on paper; a choice (which price?) that only a button showed; a heading at the foot of a sheet and its table on the next; a
sheet that does not say what it shows; a sheet laid out by whatever fonts a machine has.
"""

import importlib.util
import re
import subprocess
from pathlib import Path

import pytest

from hemodel.app.front import PAGES
from tests.app.driving import go, quiet

pytestmark = pytest.mark.slow
POINTS, CHART_POINTS = 8, 6.5
"""Smallest type in tables, and in charts: those with the most rows are scaled down to one sheet."""
LANDSCAPE = ("Inputs", "Verification")
WRONG = """([paper, points]) => {
  const wrong = [];
  const seen = (element) => element.checkVisibility() && element.getClientRects().length > 0;
  for (const place of ['stSidebar', 'stHeader', 'stToolbar', 'stDownloadButton', 'stFileUploader'])
    for (const found of document.querySelectorAll(`[data-testid=${place}]`)) if (seen(found)) wrong.push('on paper: ' + place);
  for (const found of document.querySelectorAll('button'))
    if (seen(found) && found.textContent && !found.dataset.selected) wrong.push('button: ' + found.textContent);
  for (const found of document.querySelectorAll('[data-testid=stMain] *'))
    if (seen(found) && !found.closest('svg') && found.getBoundingClientRect().right > paper + 1)
      wrong.push('wider than the paper: ' + found.tagName + ' ' + found.textContent.slice(0, 40));
  for (const table of document.querySelectorAll('[data-testid=stTable] table')) {
    if (!seen(table)) continue;
    if (getComputedStyle(table).display !== 'table') wrong.push('cannot go on on the next sheet: ' + table.ariaLabel);
    for (let box = table.parentElement; box.dataset.testid !== 'stMain'; box = box.parentElement)
      if (getComputedStyle(box).overflowY !== 'visible') wrong.push('cut off: ' + table.ariaLabel);
    const place = table.closest('[data-testid=stElementContainer]').getBoundingClientRect();
    if (table.getBoundingClientRect().bottom > place.bottom + 1) wrong.push('overlaps what follows: ' + table.ariaLabel);
    for (const cell of table.querySelectorAll('td p'))
      if (parseFloat(getComputedStyle(cell).fontSize) * 0.75 < points) wrong.push('small: ' + cell.textContent);
  }
  return [...new Set(wrong)];
}"""
CHARTS = """([paper, points]) => {
  const root = document.documentElement, wrong = [];
  root.style.width = paper + 'px';  // a chart keeps the drawing that it had in the window
  for (const chart of document.querySelectorAll('[data-testid=stVegaLiteChart] svg')) {
    const width = chart.getBoundingClientRect().width, scale = width / chart.viewBox.baseVal.width;
    if (width > paper + 1) wrong.push('chart wider than the paper');
    for (const text of chart.querySelectorAll('text'))
      if (parseFloat(getComputedStyle(text).fontSize) * scale * 0.75 < points) wrong.push('small: ' + text.textContent);
  }
  root.style.width = '';
  return [...new Set(wrong)];
}"""
SHOWN = """() => [...document.querySelectorAll('[data-testid=stMain] :is(h3, h4, td p, th p)')]
  .filter((found) => found.checkVisibility()).map((found) => found.textContent)"""
HEADS = """() => [...document.querySelectorAll('[data-testid=stTable]')].map((table) => table.closest('[data-testid=stElementContainer]'))
  .map((place) => place.previousElementSibling).filter((head) => head?.querySelector('strong')).map((head) => head.textContent)"""


def printed(page, folder):
    """The sheets of a page as a browser prints it, each as its lines of text."""
    target = folder / "page.pdf"
    page.pdf(path=target, prefer_css_page_size=True, print_background=True)
    text = subprocess.run(["pdftotext", "-layout", target, "-"], check=True, capture_output=True).stdout.decode()
    return [[line.strip() for line in sheet.splitlines() if line.strip()] for sheet in text.split("\f")[:-1]]


def plain(text):
    """Text without what a break of a line or a sheet does to it."""
    return re.sub(r"[\s\u00ad\u200b-]", "", text)


def opened(page, server, **query):
    page.goto(f"http://127.0.0.1:{server}/?" + "&".join(f"{name}={value}" for name, value in query.items()))
    page.get_by_test_id("stMetricValue").nth(1).wait_for()
    quiet(page)


@pytest.mark.parametrize("width, height", [(1280, 720), (1920, 1080)])
def test_every_page_fits_its_sheets_and_they_say_what_they_show(page, server, tmp_path, width, height):
    """Three strategies, the longest names, every expander open: what fits here fits everywhere."""
    page.set_viewport_size({"width": width, "height": height})
    opened(page, server, problem="first_line")
    for title in (title for titles in PAGES.values() for title in titles):
        go(page, title)
        page.evaluate("() => document.querySelectorAll('details:not([open]) summary').forEach((s) => s.click())")
        quiet(page)
        page.emulate_media(media="print")
        paper = 1047 if title in LANDSCAPE else 718
        assert page.evaluate(CHARTS, [paper, CHART_POINTS]) == [], title
        page.set_viewport_size({"width": paper, "height": 1000})
        assert page.evaluate(WRONG, [paper, POINTS]) == [], title
        shown, heads = page.evaluate(SHOWN), [plain(head) for head in page.evaluate(HEADS)]
        page.emulate_media(media="null")
        page.set_viewport_size({"width": width, "height": height})
        quiet(page)
        sheets = printed(page, tmp_path)
        on_paper = plain("".join(word for sheet in sheets for line in sheet for word in line.split()))
        for text in shown:
            words = [plain(word) for word in re.split(r"[\s\u00ad\u200b-]", text)]
            assert all(word in on_paper for word in words), (title, text)
        for number, sheet in enumerate(sheets, 1):
            assert len(sheet) > 2 and f"Page {number} of {len(sheets)}" in sheet[-1] and "hemodel" in sheet[-1], (title, number)
            assert plain(sheet[-2]) not in heads, (title, number, sheet[-2])


def test_a_long_list_of_differences_and_a_confidential_price_are_whole_on_paper(page, server, tmp_path):
    opened(
        page, server, problem="maintenance", horizon_years=5, u_progression_free=0.7, u_progressed=0.6, discount_rate_costs=1.5
    )
    page.get_by_role("combobox", name="Prices").click()
    page.get_by_role("option", name="With a confidential price").click()
    page.get_by_label("Confidential discount").first.wait_for()
    quiet(page)
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 718, "height": 1000})
    assert page.evaluate(WRONG, [718, POINTS]) == []
    page.emulate_media(media="null")
    sheets = printed(page, tmp_path)
    first = " ".join(sheets[0])
    assert "5 things differ" in first and "Confidential price" in first and "1.5% a year" in first
    assert "Scroll" not in first and "Not the base case" in sheets[0][-1] and "confidential" in sheets[0][-1]


FONTS = Path(importlib.util.find_spec("matplotlib").origin).parent / "mpl-data" / "fonts" / "ttf"
ONLY = """<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig>
<dir>{folder}</dir><cachedir>{folder}/cache</cachedir></fontconfig>"""


@pytest.mark.parametrize("problem", ["relapsed", "first_line"])
def test_a_sheet_is_the_same_whatever_fonts_a_machine_has(launched, server, tmp_path, problem):
    """A wide sans-serif alone, and a narrow serif alone; the second would also make room where the first has none."""
    sheets = []
    for family in ("DejaVuSans", "STIXGeneral"):
        folder = tmp_path / family
        folder.mkdir()
        for font in FONTS.glob(f"{family}*.ttf"):
            (folder / font.name).symlink_to(font)
        (folder / "fonts.conf").write_text(ONLY.format(folder=folder), encoding="utf-8")
        browser = launched(FONTCONFIG_FILE=str(folder / "fonts.conf"))
        page = browser.new_page()
        page.set_default_timeout(90_000)
        opened(page, server, problem=problem, u_progressed=0.5)
        sheets.append(printed(page, folder))
        embedded = subprocess.run(["pdffonts", folder / "page.pdf"], check=True, capture_output=True, text=True).stdout
        browser.close()
        assert family not in embedded
    assert sheets[0] == sheets[1]
    for number, sheet in enumerate(sheets[0], 1):
        assert re.search(rf"hemodel .*Page {number} of {len(sheets[0])}$", sheet[-1]), sheet[-1]
