"""The app comes up and goes away however it is started.

Pitfalls: settings that one way of starting passes in another way than the settings' file, so that the page's own connection is refused
and the page stays empty; a server that is still there after whoever started it was stopped, because a browser or a long run holds it.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

import hemodel as hm
from hemodel.report import labels
from tests.app import driving

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parent.parent.parent
BIN = Path(sys.executable).parent
WAYS = ("make app", "hemodel app", "streamlit run app.py", "hemodel app of a wheel")
UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}
STOPPED = 10
"""Seconds that a server may take to stop."""


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def way_of_starting(way, port, empty, installed):
    """The command, and the folder that it is given in."""
    if way == "make app":  # with the environment of these tests in the place of .venv
        return ["make", "app", f"PORT={port}", f"BIN={BIN}", "--old-file", ".venv/installed"], ROOT
    if way == "streamlit run app.py":
        return [BIN / "streamlit", "run", "app.py", f"--server.port={port}"], ROOT
    programs = installed("app") if way.endswith("wheel") else BIN
    return [programs / "hemodel", "app", "--port", str(port)], empty


@contextmanager
def started(way, empty, installed):
    """The process and the port, once the server answers; afterwards nothing of it is left."""
    port = free_port()
    command, folder = way_of_starting(way, port, empty, installed)
    with (empty / "log.txt").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, start_new_session=True)
    try:
        for _ in range(600):
            assert process.poll() is None, (empty / "log.txt").read_text(encoding="utf-8")
            if answers(port):
                break
            time.sleep(0.1)
        yield process, port
    finally:
        if process.poll() is None or answers(port):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(timeout=10)


def answers(port):
    try:
        return driving.status(port, "/_stcore/health") == 200
    except OSError:
        return False


def ends(process, port, with_signal):
    """Whether one signal to the process that was started ends it and the server."""
    process.send_signal(with_signal)
    process.wait(timeout=STOPPED)
    return not answers(port)


@pytest.fixture
def tab(browser):
    context = browser.new_context()
    yield context.new_page()
    context.close()


def first_answer(tab, port):
    tab.goto(f"http://127.0.0.1:{port}")
    tab.get_by_test_id("stMetricValue").nth(1).wait_for(timeout=60_000)
    return tab.get_by_test_id("stMetricValue").all_inner_texts()


@pytest.mark.parametrize("way", WAYS)
def test_however_it_is_started_it_shows_the_answer_and_one_signal_stops_it(way, tab, tmp_path, installed):
    base = hm.run_base_case(hm.load_inputs("relapsed"))
    with started(way, tmp_path, installed) as (process, port):
        assert (
            first_answer(tab, port)
            == [labels.money(base.icer(price), base.inputs.settings) for price in ("list", "pas")]
            == ["£48,045", "£42,822"]
        )
        assert driving.status(port, "/_stcore/stream", Host="evil.example", **UPGRADE) == 403
        assert ends(process, port, signal.SIGINT if way == "hemodel app" else signal.SIGTERM)


def test_a_long_run_does_not_hold_the_server(tab, tmp_path, installed):
    with started("hemodel app", tmp_path, installed) as (process, port):
        first_answer(tab, port)
        driving.quiet(tab)
        driving.go(tab, "Uncertainty")
        tab.get_by_role("tab", name="More draws").click()
        driving.quiet(tab)
        tab.get_by_text("500,000", exact=True).click()
        driving.quiet(tab)
        tab.get_by_role("button", name="Run them").click()
        tab.get_by_text("500,000 draws:").wait_for()
        assert ends(process, port, signal.SIGTERM)
