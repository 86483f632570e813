"""Does the app grow or slow down? Fifty sessions one after another and ten at once, each with a change of its own.

    python benchmarks/sessions.py

Prints the memory of the server (resident, MB) and the time from the click on Apply to the new answer. Needs Debian's chromium.
"""

from __future__ import annotations

import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).parent.parent
IN_TURN, AT_ONCE = 50, 10
CHROMIUM = "/usr/bin/chromium"


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


def main() -> None:
    """Run both."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "app.py", f"--server.port={port}"]
    server = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        time.sleep(4)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
            print(f"started: {memory(server.pid):.0f} MB")
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
                    print(
                        f"{k + 1} sessions in turn: {memory(server.pid):.0f} MB, answer after {last:.2f} s (median of the last ten)"
                    )
            pages = [opened(browser, port) for _ in range(AT_ONCE)]
            start = time.perf_counter()
            for k, page in enumerate(pages):
                change(page, 0.3 + 0.002 * k)
            for page in pages:
                answered(page)
            print(f"{AT_ONCE} at once: {memory(server.pid):.0f} MB, all answered after {time.perf_counter() - start:.2f} s")
            for page in pages:
                page.context.close()
            browser.close()
    finally:
        server.terminate()
        server.wait(timeout=10)


if __name__ == "__main__":
    main()
