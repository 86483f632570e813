"""One server and one browser for all tests that drive the app in one."""

import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.app import driving

ROOT = Path(__file__).parent.parent.parent
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"))), None)
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--no-first-run"]


@pytest.fixture(scope="package")
def launched():
    """Launch a browser, with these variables in its environment."""
    assert CHROMIUM is not None, "no Chromium: `make test` installs it or says what to install"
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        yield lambda **env: playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS, env={**os.environ, **env})


@pytest.fixture(scope="package")
def browser(launched):
    chromium = launched()
    yield chromium
    chromium.close()


@pytest.fixture(scope="package")
def server_log(tmp_path_factory):
    """What the server writes: the file."""
    return tmp_path_factory.mktemp("server") / "log.txt"


@pytest.fixture(scope="package")
def server(browser, server_log):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "app.py", f"--server.port={port}"]
    with server_log.open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)
    try:
        for _ in range(150):
            assert process.poll() is None, "the server stopped by itself"
            try:
                if driving.status(port, "/_stcore/health") == 200:
                    break
            except OSError:
                time.sleep(0.1)
        yield port
    finally:
        process.terminate()
        process.wait(timeout=10)


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
    driving.quiet(tab)
    yield tab
    context.close()
    assert wrong == []
    assert hosts - {None} == {"127.0.0.1"}
