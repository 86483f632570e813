"""The app in a real browser, on a real server.

Pitfalls: a page that works in Streamlit's simulator and is blank in a browser; a number typed that never reaches the model; a
download that is empty or not an Excel file; an upload that never arrives; a link that shows something else; text cut off at the edge
of a table, a button or a chart; what a screen reader cannot read; an error in the browser's console; a request that leaves this
machine; one session that sees another's; a server that answers to a foreign host name or serves a request of any size.
"""

import importlib.util
import re
import zipfile
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import openpyxl
import pandas as pd
import pytest

import hemodel as hm
from hemodel.analyses.calibration import calibrated
from hemodel.app import choices
from hemodel.app.front import PAGES
from hemodel.report import labels
from tests.app.driving import go, quiet, saved, status

pytestmark = pytest.mark.slow
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
FAULTS = """async () => (await axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa'] })).violations
  .filter((found) => ['serious', 'critical'].includes(found.impact))
  .map((found) => found.id + ': ' + found.nodes[0].html.slice(0, 200))"""


def icers(page):
    return page.get_by_test_id("stMetricValue").all_inner_texts()


def shows(page, inputs):
    """The page comes to show the ICERs of these inputs: a click may take a moment to set the script going."""
    wanted = expected(inputs)
    for _ in range(100):
        if icers(page) == wanted:
            break
        page.wait_for_timeout(100)
    assert icers(page) == wanted


def expected(inputs):
    result = hm.run_base_case(inputs)
    return [labels.money(result.icer(price), result.inputs.settings) for price in result.outcomes.price_arrangements]


def type_in(page, label, value):
    page.get_by_test_id("stNumberInput").filter(has_text=label).locator("input").fill(value)


def apply(page):
    page.get_by_role("button", name="Apply").click()
    quiet(page)


def test_the_answer_is_that_of_the_python_interface_and_typing_changes_it_to_the_new_one(page):
    shows(page, hm.load_inputs("relapsed"))
    type_in(page, "Median overall survival, dexamethasone", "15")
    type_in(page, "Utility after progression", "0.6")
    shows(page, hm.load_inputs("relapsed"))
    apply(page)
    inputs = calibrated(hm.load_inputs("relapsed").with_values(median_os_dexamethasone=15.0, u_progressed=0.6))
    shows(page, inputs)
    assert "+3.4 (+29.3%)" in page.get_by_test_id("stTable").first.inner_text()
    page.get_by_role("button", name="Reset").click()
    quiet(page)
    shows(page, hm.load_inputs("relapsed"))
    type_in(page, "Discount rate, costs", "1.5")
    type_in(page, "Discount rate, life years", "1.5")
    page.keyboard.press("Enter")  # in a field is as good as the button
    quiet(page)
    shows(page, hm.load_inputs("relapsed", scenario="discount_1_5_percent"))


def test_a_workbook_is_taken_away_edited_and_put_back(page, tmp_path):
    page.get_by_role("combobox", name="Population").click()
    page.get_by_role("option", name="One prior therapy").click()
    quiet(page)
    inputs = hm.load_inputs("relapsed", population="one_prior")
    shows(page, inputs)
    shown = icers(page)
    go(page, "Export")
    target = saved(page, "Workbook of values", tmp_path)
    assert target.suffix == ".xlsx"
    book = openpyxl.load_workbook(target)
    cells = [cell.value for row in book["Summary"].iter_rows() for cell in row if isinstance(cell.value, float)]
    assert set(shown) <= {labels.money(value, inputs.settings) for value in cells}
    assert {"Scenarios", "Inputs", "Sources", "PSA"} <= set(book.sheetnames)
    for row in book["Inputs"].iter_rows():
        if row[1].value == "u_progressed":
            row[3].value = 0.5
    book.save(target)
    go(page, "Inputs")
    page.get_by_text("Change many inputs at once").click()
    page.get_by_test_id("stFileUploader").locator("input").first.set_input_files(target)
    page.get_by_role("button", name="Put these values in place").click()
    quiet(page)
    go(page, "Summary")
    shows(page, inputs.with_values(u_progressed=0.5))


def test_a_link_and_a_scenario_file_show_the_same_again_and_another_session_sees_nothing(page, server, tmp_path):
    type_in(page, "Utility after progression", "0.55")
    apply(page)
    inputs = hm.load_inputs("relapsed").with_values(u_progressed=0.55)
    shows(page, inputs)
    go(page, "Scenarios")
    page.get_by_role("tab", name="Save, load and share").click()
    quiet(page)
    link = page.get_by_test_id("stCode").inner_text().strip()
    file = saved(page, "Save the scenario", tmp_path)
    other = page.context.browser.new_context().new_page()
    other.goto(f"http://127.0.0.1:{server}")
    other.get_by_test_id("stMetricValue").nth(1).wait_for()
    quiet(other)
    assert icers(other) == expected(hm.load_inputs("relapsed"))
    go(other, "Scenarios")
    other.get_by_role("tab", name="Save, load and share").click()
    quiet(other)
    other.get_by_test_id("stFileUploader").locator("input").first.set_input_files(file)
    other.get_by_text("Scenario: My scenario").wait_for()
    go(other, "Summary")
    assert icers(other) == expected(inputs)
    other.context.close()
    page.goto(link)
    page.get_by_test_id("stMetricValue").nth(1).wait_for()
    quiet(page)
    shows(page, inputs)


def test_every_page_is_whole_at_both_widths_and_can_be_read_by_a_machine(page, server):
    """Three strategies, the longest names: what fits here fits everywhere."""
    axe = importlib.util.find_spec("axe_playwright_python")
    page.goto(f"http://127.0.0.1:{server}/?problem=first_line")
    page.get_by_test_id("stMetricValue").nth(3).wait_for()
    quiet(page)
    page.evaluate((Path(axe.origin).parent / "axe.min.js").read_text(encoding="utf-8"))
    charts = 0
    for titles in PAGES.values():
        for title in titles:
            go(page, title)
            page.evaluate(
                "() => document.querySelectorAll('[data-testid=stExpander] details:not([open]) summary').forEach((s) => s.click())"
            )
            for width, height in ((1024, 800), (1400, 900))[: 2 if title in ("Summary", "Uncertainty") else 1]:
                page.set_viewport_size({"width": width, "height": height})
                quiet(page)
                assert page.evaluate(CUT_OFF) == [], (title, width)
            for chart in page.locator("[data-testid=stVegaLiteChart]:visible").all():
                assert len(chart.get_attribute("aria-label")) > 80
                charts += 1
            assert page.evaluate(FAULTS) == [], title
    assert charts > 15


def take_off_in_confidence(page, percent):
    page.get_by_role("combobox", name="Prices").click()
    page.get_by_role("option", name="With a confidential price").click()
    quiet(page)
    type_in(page, "Confidential discount", percent)
    page.keyboard.press("Enter")
    quiet(page)


def test_a_confidential_price_is_not_in_the_address_and_a_long_run_can_be_left_and_cancelled(page):
    take_off_in_confidence(page, "43.21")
    page.get_by_test_id("stMetricValue").nth(2).wait_for()
    assert len(icers(page)) == 3 and "43" not in urlsplit(page.url).query
    go(page, "Uncertainty")
    page.get_by_role("tab", name="More draws").click()
    quiet(page)
    page.get_by_role("radio", name="500,000").click()
    quiet(page)
    page.get_by_role("button", name="Run them").click()
    page.get_by_test_id("stProgress").wait_for()
    go(page, "Summary")
    go(page, "Uncertainty")
    page.get_by_role("tab", name="More draws").click()
    page.get_by_test_id("stProgress").filter(has_text="500,000 draws").wait_for()  # it went on, and is what was chosen
    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Run them").wait_for()
    quiet(page)


def numbers_in(file):
    """Every number of a workbook or a CSV file."""
    if file.suffix == ".csv":
        return pd.to_numeric(pd.Series(re.findall(r"[\d.]+", file.read_text(encoding="utf-8-sig"))), errors="coerce").to_numpy()
    book = openpyxl.load_workbook(file, read_only=True)
    cells = (cell for sheet in book for row in sheet.iter_rows(values_only=True) for cell in row)
    return np.array([cell for cell in cells if isinstance(cell, (int, float))])


def holds(file, number):
    return bool(np.isclose(numbers_in(file), number, rtol=1e-6, atol=0).any())


def test_every_download_comes_with_a_confidential_price_and_the_redacted_ones_do_not_hold_it(page, tmp_path):
    take_off_in_confidence(page, "43.21")
    result = hm.run_base_case(choices.priced(hm.load_inputs("relapsed"), "confidential", 43.21))
    followed = [0.4321, 43.21, 4368 * (1 - 0.4321), result.icer("confidential")]
    go(page, "Export")
    found = {
        name: saved(page, name, tmp_path)
        for name in ("Workbook of values", "Results", "Draws and their results", "Inputs", "Workbook of values, redacted")
    }
    assert holds(found["Workbook of values"], result.icer("confidential")) and holds(
        found["Results"], result.icer("confidential")
    )
    assert len(found["Draws and their results"].read_text(encoding="utf-8").splitlines()) == 10_001
    assert "u_progressed" in found["Inputs"].read_text(encoding="utf-8")
    redacted = found["Workbook of values, redacted"]
    assert holds(redacted, result.icer("pas")) and not any(holds(redacted, number) for number in followed)
    assert "43.21" not in saved(page, "Scenario file", tmp_path).read_text(encoding="utf-8")


def test_the_redacted_workbook_of_a_scenario_of_ones_own_holds_nothing_of_its_confidential_discount(page, tmp_path):
    file = tmp_path / "offer_3719.toml"
    file.write_text(
        'name = "offer_3719"\nproblem = "relapsed"\nlabel = "Offer of 37.19 %"\nwhy = "37.19 % off."\n[settings.schemes.pas]\n'
        'label = "37.19 % off"\ndrug = "lenalidomide"\nkind = "price_discount"\nprice_discount = 0.3719\n'
    )
    result = hm.run_base_case(hm.load_inputs("relapsed", scenario=file))
    go(page, "Scenarios")
    page.get_by_role("tab", name="Save, load and share").click()
    quiet(page)
    page.get_by_test_id("stFileUploader").locator("input").first.set_input_files(file)
    page.get_by_text("Offer of 37.19 %").first.wait_for()
    quiet(page)
    assert "3719" not in urlsplit(page.url).query
    go(page, "Export")
    assert page.get_by_role("button", name="Workbook of values, redacted").count() == 0
    page.get_by_text("Yes: commercial in confidence").click()
    page.get_by_role("button", name="Workbook of values, redacted").wait_for()
    quiet(page)
    with page.expect_download(timeout=180_000) as started:
        page.get_by_role("button", name="Workbook of values, redacted").click()
    assert "3719" not in started.value.suggested_filename
    redacted = tmp_path / "redacted.xlsx"
    started.value.save_as(redacted)
    followed = [0.3719, 0.6281, 37.19, 4368 * (1 - 0.3719), result.icer("pas"), *result.outcomes.total_costs("pas")[0]]
    assert holds(redacted, result.icer("list")) and not any(holds(redacted, number) for number in followed)
    with zipfile.ZipFile(redacted) as archive:
        whole = "\n".join(archive.read(name).decode("utf-8", "replace") for name in archive.namelist())
    words = ("37.19", "37.19 %", "37.19 % off", "offer_3719", "0.3719", result.inputs.hash)
    assert not [word for word in words if re.search(rf"(?<![\d.]){re.escape(word)}(?!\d)", whole)]


def test_every_download_comes_with_a_curve_of_ones_own_and_the_redacted_one_does_not_give_it_away(page, tmp_path):
    times = (-18.0 * np.log(1 - (np.arange(60) + 0.5) / 60)).round(3)
    data = tmp_path / "mine.csv"
    data.write_text("time,event\n" + "".join(f"{t},1\n" for t in times), encoding="utf-8")
    go(page, "Clinical")
    page.get_by_test_id("stFileUploader").locator("input").first.set_input_files(data)
    page.get_by_role("button", name="Use this curve in the model").click()
    page.get_by_text("In use:").wait_for()
    quiet(page)
    go(page, "Export")
    found = {
        name: saved(page, name, tmp_path)
        for name in ("Workbook of values", "Results", "Draws and their results", "Inputs", "Inputs, redacted")
    }
    assert {"Summary", "PSA"} <= set(openpyxl.load_workbook(found["Workbook of values"], read_only=True).sheetnames)
    assert len(found["Draws and their results"].read_text(encoding="utf-8").splitlines()) == 10_001
    whole, redacted = (pd.read_csv(found[name]).set_index("Name") for name in ("Inputs", "Inputs, redacted"))
    for name in ("fit_pfs_lenalidomide_dexamethasone_0", "r_death_progressed_lenalidomide_dexamethasone"):
        assert redacted.loc[name, "Value"] == choices.REDACTED
        size = abs(whole.loc[name, "Value"])
        assert holds(found["Inputs"], size) and not holds(found["Inputs, redacted"], size)
    assert "fit_pfs" not in saved(page, "Scenario file", tmp_path).read_text(encoding="utf-8")


def test_the_server_answers_to_this_machine_only(server):
    upgrade = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
    }
    assert status(server, "/_stcore/stream", Host=f"127.0.0.1:{server}", **upgrade) == 101
    assert status(server, "/_stcore/stream", Host="evil.example", **upgrade) == 403
