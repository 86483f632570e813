"""The app in a real browser, on a real server.

Pitfalls: a page that works in Streamlit's simulator and is blank in a browser; a number typed that never reaches the model; a
download that is empty or not an Excel file; text cut off at the edge of a table, a button or a chart; a chart without words
for a screen reader; an error in the browser's console; a request that leaves this machine; a server that answers to a foreign
host name.
"""

import http.client
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import openpyxl
import pytest

import hemodel as hm
from hemodel.analyses.calibration import calibrated
from hemodel.app.front import TABS
from hemodel.report import labels

ROOT = Path(__file__).parent.parent.parent
CHROMIUM = Path("/usr/bin/chromium")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--no-first-run"]
CUT_OFF = """() => {
  const cut = [];
  const seen = (element) => element.getClientRects().length > 0;
  for (const table of document.querySelectorAll('[data-testid=stTable]'))
    for (const box of [table, ...table.querySelectorAll(':scope > div')])
      if (seen(box) && box.scrollWidth > box.clientWidth + 1) cut.push('table: ' + table.querySelector('table').ariaLabel);
  for (const text of document.querySelectorAll('button p, label p, [data-testid^=stMetric] div, [role=tab] p'))
    if (seen(text) && text.scrollWidth > text.clientWidth + 1) cut.push('text: ' + text.textContent);
  for (const chart of document.querySelectorAll('[data-testid=stVegaLiteChart] svg')) {
    const edge = chart.getBoundingClientRect();
    for (const text of chart.querySelectorAll('text')) {
      const box = text.getBoundingClientRect();
      if (box.width && (box.left < edge.left - 1 || box.right > edge.right + 1 || box.bottom > edge.bottom + 1))
        cut.push('chart: ' + text.textContent);
    }
  }
  return cut;
}"""


@pytest.fixture(scope="module")
def browser():
    if not CHROMIUM.exists():
        missing = f"{CHROMIUM} is not there, so the app is not driven in a browser"
        pytest.fail(missing) if os.environ.get("CI") == "true" else pytest.skip(missing)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def server(browser):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "app.py", f"--server.port={port}"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(150):
            assert process.poll() is None, "the server stopped by itself"
            try:
                if status(port, "/_stcore/health") == 200:
                    break
            except OSError:
                time.sleep(0.1)
        yield port
    finally:
        process.terminate()
        process.wait(timeout=10)


def status(port, path, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path, headers=headers)
        return connection.getresponse().status
    finally:
        connection.close()


@pytest.fixture
def page(browser, server):
    """A page with the answer on it. Afterwards: nothing went wrong in it and nothing left this machine."""
    context = browser.new_context(viewport={"width": 1400, "height": 900}, accept_downloads=True)
    tab, wrong, hosts = context.new_page(), [], set()
    tab.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    tab.on("pageerror", lambda error: wrong.append(str(error)))
    tab.on("request", lambda request: hosts.add(urlsplit(request.url).hostname))
    tab.on("websocket", lambda link: hosts.add(urlsplit(link.url).hostname))
    tab.goto(f"http://127.0.0.1:{server}")
    tab.get_by_test_id("stMetricValue").nth(1).wait_for()
    quiet(tab)
    yield tab
    context.close()
    assert wrong == []
    assert hosts - {None} == {"127.0.0.1"}


def quiet(page):
    """Wait until, for 0.2 seconds, no script has run, nothing was left from a run before, and all charts were drawn."""
    page.evaluate("() => { window.still = 0; }")
    page.wait_for_function(
        """() => {
          const quiet = document.querySelector('[data-testid=stApp]').dataset.testScriptState === 'notRunning'
            && !document.querySelector('[data-stale=true]')
            && [...document.querySelectorAll('[data-testid=stVegaLiteChart]')].every((chart) => chart.querySelector('svg'));
          window.still = quiet ? window.still + 1 : 0;
          return window.still > 2;
        }""",
        polling=100,
    )


def icers(page):
    return page.get_by_test_id("stMetricValue").all_inner_texts()


def expected(inputs):
    result = hm.run_base_case(inputs)
    return [labels.gbp(result.icer(price)) for price in result.outcomes.price_arrangements]


def type_in(page, label, value):
    page.get_by_test_id("stNumberInput").filter(has_text=label).locator("input").fill(value)


def test_the_answer_is_that_of_the_python_interface_and_typing_changes_it_to_the_new_one(page):
    assert icers(page) == expected(hm.load_inputs("relapsed"))
    type_in(page, "Median overall survival, dexamethasone", "15")
    type_in(page, "Utility after progression", "0.6")
    assert icers(page) == expected(hm.load_inputs("relapsed"))
    page.get_by_role("button", name="Apply").click()
    quiet(page)
    inputs = calibrated(hm.load_inputs("relapsed").with_values(median_os_dexamethasone=15.0, u_progressed=0.6))
    assert icers(page) == expected(inputs)
    assert "+3.4 (+29.3%)" in page.get_by_test_id("stTable").first.inner_text()
    page.get_by_role("button", name="Reset").click()
    quiet(page)
    assert icers(page) == expected(hm.load_inputs("relapsed"))
    type_in(page, "Discount rate, costs", "1.5")
    type_in(page, "Discount rate, life years", "1.5")
    page.keyboard.press("Enter")  # in a field is as good as the button
    quiet(page)
    assert icers(page) == expected(hm.load_inputs("relapsed", scenario="discount_1_5_percent"))


def test_another_population_shows_its_answer_and_the_workbook_holds_what_is_on_the_screen(page, tmp_path):
    page.get_by_role("combobox", name="Population").click()
    page.get_by_role("option", name="One prior therapy").click()
    quiet(page)
    assert icers(page) == expected(hm.load_inputs("relapsed", population="one_prior"))
    with page.expect_download() as started:
        page.get_by_role("button", name="Download workbook").click()
    target = tmp_path / started.value.suggested_filename
    started.value.save_as(target)
    assert target.suffix == ".xlsx"
    book = openpyxl.load_workbook(target)
    cells = [cell.value for row in book["Summary"].iter_rows() for cell in row if isinstance(cell.value, float)]
    assert set(icers(page)) <= {labels.gbp(value) for value in cells}
    assert {"Scenarios", "Inputs", "Sources", "PSA"} <= set(book.sheetnames)


def test_no_text_is_cut_off_and_every_chart_has_words(page):
    charts = 0
    for name in TABS:
        page.get_by_role("tab", name=name).click()
        quiet(page)
        assert page.get_by_role("tab", name=name).get_attribute("aria-selected") == "true"
        page.evaluate("() => document.querySelectorAll('[data-testid=stExpander] summary').forEach((summary) => summary.click())")
        for width, height in ((1100, 800), (1400, 900)):
            page.set_viewport_size({"width": width, "height": height})
            quiet(page)
            assert page.evaluate(CUT_OFF) == [], (name, width)
        for chart in page.locator("[data-testid=stVegaLiteChart]:visible").all():
            assert len(chart.get_attribute("aria-label")) > 80
            charts += 1
    assert charts == 8


def test_the_server_answers_to_this_machine_only(server):
    upgrade = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
    }
    assert status(server, "/_stcore/stream", Host=f"127.0.0.1:{server}", **upgrade) == 101
    assert status(server, "/_stcore/stream", Host="evil.example", **upgrade) == 403
