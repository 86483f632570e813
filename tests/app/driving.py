"""What the tests that drive the app in a browser do with it: wait, go to a page, save a download, ask the server."""

import http.client

from hemodel.app.front import PAGES


def status(port, path, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path, headers=headers)
        return connection.getresponse().status
    finally:
        connection.close()


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


def saved(page, button, folder):
    with page.expect_download(timeout=180_000) as started:
        page.get_by_role("button", name=button, exact=True).click()
    target = folder / started.value.suggested_filename
    started.value.save_as(target)
    return target
