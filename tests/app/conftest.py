"""The app on a real server and in a real browser, for the tests that look at it."""

import http.client
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from hemodel.app.front import PAGES

ROOT = Path(__file__).parent.parent.parent
CHROMIUM = Path("/usr/bin/chromium")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--no-first-run"]


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
    tab.on("request", lambda request: hosts.add(urlsplit(request.url).hostname) if request.url[:5] != "blob:" else None)
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


def go(page, title):
    menu = next(menu for menu, titles in PAGES.items() if title in titles)
    page.get_by_test_id("stTopNavSection").filter(has_text=menu).click()
    page.get_by_test_id("stTopNavDropdownLink").get_by_text(title, exact=True).click()
    page.get_by_test_id("stTopNavPopover").wait_for(state="detached")
    if title != "Summary":
        page.get_by_role("heading", name=title, exact=True).first.wait_for()
    quiet(page)
