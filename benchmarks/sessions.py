"""How fast is a what-if, and does the app grow or slow down? One session alone; fifty one after another; ten at once.

    python benchmarks/sessions.py

Writes benchmarks/SESSIONS.md: memory of the server (resident, MB) and the time from the click on Apply to the new answer on the page.
Needs Debian's chromium.
"""

from __future__ import annotations

import os
import shutil
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).parent.parent
IN_TURN, AT_ONCE, TIMES = 50, 10, 5
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def memory(pid: int) -> float:
    """Resident memory of a process, MB."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))


def opened(browser: Browser, port: int) -> Page:
    """A new session with the answer on the page."""
    page = browser.new_context(viewport={"width": 1400, "height": 900}).new_page()
    page.goto(f"http://127.0.0.1:{port}")
    page.get_by_test_id("stMetricValue").nth(1).wait_for()
    _quiet(page)
    return page


def change(page: Page, utility: float) -> None:
    """Type another utility and press Apply."""
    page.get_by_test_id("stNumberInput").filter(has_text="Utility after progression").locator("input").fill(f"{utility:.4f}")
    page.get_by_role("button", name="Apply").click()


def answered(page: Page) -> None:
    """Wait for the answer with the change."""
    page.get_by_text("Not the base case").wait_for()


def uncertainty(page: Page) -> None:
    """Look at the probabilistic analysis, which leaves the most behind."""
    page.get_by_test_id("stTopNavSection").filter(has_text="What if").click()
    page.get_by_test_id("stTopNavDropdownLink").get_by_text("Uncertainty", exact=True).click()
    page.get_by_test_id("stVegaLiteChart").nth(2).wait_for()


def _quiet(page: Page) -> None:
    page.wait_for_function("() => document.querySelector('[data-testid=stApp]').dataset.testScriptState === 'notRunning'")


def icer(page: Page) -> str:
    """The first ICER on the page."""
    return page.get_by_test_id("stMetricValue").first.inner_text()


def applied(page: Page, label: str, value: float) -> float:
    """Seconds from the click on Apply to another ICER on the page."""
    before = icer(page)
    page.get_by_test_id("stNumberInput").filter(has_text=label).locator("input").fill(f"{value:.4f}")
    start = time.perf_counter()
    page.get_by_role("button", name="Apply").click()
    page.wait_for_function(
        """before => {
          const shown = document.querySelector('[data-testid=stMetricValue]');
          return shown && shown.innerText !== before;
        }""",
        arg=before,
        polling="raf",
    )
    found = time.perf_counter() - start
    _quiet(page)
    return found


def alone(browser: Browser, port: int) -> Iterator[str]:
    """One session: utilities, medians, and a probabilistic analysis after a change."""
    page = opened(browser, port)
    for label, first in (("Utility after progression", 0.5), ("Median overall survival, lenalidomide", 36.5)):
        times = sorted(applied(page, label, first + 0.01 * k) for k in range(1, TIMES + 1))
        yield f"| {label}: click on Apply to the new ICER | {statistics.median(times):.2f} s ({times[0]:.2f} to {times[-1]:.2f}) |"
    start = time.perf_counter()
    uncertainty(page)
    yield f"| Page Uncertainty with 10,000 new draws and its charts | {time.perf_counter() - start:.2f} s |"
    page.context.close()


def in_turn(browser: Browser, port: int, server: int) -> Iterator[str]:
    """Fifty sessions one after another."""
    waits = []
    for k in range(IN_TURN):
        page = opened(browser, port)
        start = time.perf_counter()
        change(page, 0.5 + 0.002 * k)
        answered(page)
        waits.append(time.perf_counter() - start)
        uncertainty(page)
        page.context.close()
        if (k + 1) % 10 == 0:
            last = statistics.median(waits[-10:])
            yield f"| {k + 1} sessions in turn | {memory(server):.0f} MB, answer after {last:.2f} s (median of the last ten) |"


def at_once(browser: Browser, port: int, server: int) -> Iterator[str]:
    """Ten sessions that press Apply together."""
    pages = [opened(browser, port) for _ in range(AT_ONCE)]
    start = time.perf_counter()
    for k, page in enumerate(pages):
        change(page, 0.3 + 0.002 * k)
    for page in pages:
        answered(page)
    yield f"| {AT_ONCE} at once | {memory(server):.0f} MB, all answered after {time.perf_counter() - start:.2f} s |"


def main() -> None:
    """Measure, and write the page."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "app.py", f"--server.port={port}"]
    load = os.getloadavg()[0]
    server = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        time.sleep(4)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
            opened(browser, port).context.close()
            rows = [f"| Server with one session behind it | {memory(server.pid):.0f} MB |"]
            for row in (*alone(browser, port), *in_turn(browser, port, server.pid), *at_once(browser, port, server.pid)):
                print(row, flush=True)
                rows.append(row)
            browser.close()
    finally:
        server.terminate()
        server.wait(timeout=10)
    system = f"{os.cpu_count()} cores shared with the browser; load before the start {load:.2f}"
    head = f"# Sessions of the app\n\nWritten by `python benchmarks/sessions.py`, {date.today()}; {system}.\n\n"
    (ROOT / "benchmarks" / "SESSIONS.md").write_text(
        head + "\n".join(["| What | Measured |", "|---|---|", *rows]) + "\n", encoding="utf-8"
    )


if __name__ == "__main__":
    main()
