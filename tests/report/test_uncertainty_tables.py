"""Tables of the analyses of uncertainty, and how their columns are rounded.

Pitfalls: an interval that is the outcome's instead of the parameter's; a swing in numbers where an end has no ratio; rows and
columns of a grid changed round; a total over price arrangements; a share of the wrong EVPI; a probability shown as pounds because
of its heading; nan in a cell.
"""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import hemodel as hm
from hemodel.analyses.global_sensitivity import INDICES
from hemodel.report import labels, tables

NET_BENEFIT = "incremental_net_monetary_benefit"


def rounded(frame):
    return tables.rounded(frame, hm.load_inputs("relapsed").settings)


@pytest.fixture(scope="module")
def frames(uncertain):
    u = uncertain
    found = {
        "tornado": tables.tornado_table(u.one_way),
        "tornado of QALYs": tables.tornado_table(u.one_way, "incremental_qalys", top=4),
        "tornado of ICERs": tables.tornado_table(u.one_way, "icer"),
        "two-way": tables.two_way_table(u.two_way, u.inputs),
        "drivers": tables.drivers_table(u.drivers),
        "thresholds": tables.threshold_table(u.thresholds, u.inputs),
        "price": tables.price_table(u.price, u.settings),
        "evpi": tables.evpi_curve_table(u.evpi, u.settings),
        "evppi": tables.evppi_table(u.evppi, u.inputs, 5_000.0),
        "evsi": tables.evsi_table(u.evsi, u.settings),
        "convergence": tables.convergence_table(u.convergence, u.settings),
        "budget": tables.budget_table(u.budget, u.settings),
        "comparison": tables.comparison_table(u.comparison, u.settings),
    }
    return found | {method: tables.global_table(u.sensitivity(method), u.inputs) for method in INDICES}


def test_every_table_rounds_to_text_without_nan_or_a_variable_name(frames):
    for name, frame in frames.items():
        text = rounded(frame)
        assert text.shape == frame.shape, name
        assert not set(text.to_numpy().ravel()) & {"nan", "inf", "£nan", "£inf"}
        assert not any("_" in str(heading) for heading in frame.columns)
        assert len(set(frame.columns)) == len(frame.columns)


def test_tornado_has_the_interval_of_the_parameter_and_the_outcome_at_both_ends(uncertain, frames):
    expected = uncertain.one_way.tornado()
    table = frames["tornado"]
    assert list(table.columns) == [
        *("Parameter", "Unit", "95% low", "95% high"),
        "Incremental net monetary benefit (£) at low",
        "Incremental net monetary benefit (£) at high",
        "Swing (£)",
    ]
    columns = ["low", "high", f"{NET_BENEFIT}_low", f"{NET_BENEFIT}_high", "swing"]
    np.testing.assert_array_equal(table.iloc[:, 2:].to_numpy(dtype=float), expected[columns].to_numpy())
    assert frames["tornado of QALYs"].columns[-1] == "Swing in QALYs" and len(frames["tornado of QALYs"]) == 4


def test_a_row_without_two_ratios_has_words_and_no_swing(uncertain):
    table = uncertain.one_way.table.head(2).copy()
    table.loc[0, ["icer_low", "reading_low"]] = [np.nan, "dominated (dearer and no more effective)"]
    found = tables.tornado_table(replace(uncertain.one_way, table=table), "icer")
    assert found.iloc[0, [4, 6]].tolist() == ["dominated", "not comparable"]
    assert found.iloc[1, 6] == pytest.approx(abs(table.loc[1, "icer_high"] - table.loc[1, "icer_low"]))
    assert rounded(found).iloc[0, 5].startswith("£")


def test_grid_has_the_first_parameter_down_and_the_second_across(uncertain, frames):
    table, first = frames["two-way"], uncertain.two_way
    down, across = np.unique(first.iloc[:, 0]), np.unique(first.iloc[:, 1])
    assert table.iloc[:, 0].tolist() == down.tolist()
    corner = first[(first.iloc[:, 0] == down[0]) & (first.iloc[:, 1] == across[-1])]
    assert table.iloc[0, -1] == corner[NET_BENEFIT].iloc[0]
    assert table.columns[-1] == f"{across[-1]:,.3g} (£)" if across[-1] < 1_000 else True
    assert "Utility after progression" in table.columns[0]
    assert "Rows: Utility after progression" in tables.two_way_footer(first, uncertain.inputs)


def test_headings_of_a_fine_grid_stay_apart(uncertain):
    values = 100 + np.linspace(0, 0.1, 11)
    names = list(uncertain.two_way.columns[:2])
    table = pd.DataFrame({names[0]: 1.0, names[1]: values, NET_BENEFIT: 1.0})
    assert len(set(tables.two_way_table(table, uncertain.inputs, whole=True).columns)) == 12


def test_headings_of_large_numbers_are_written_out(uncertain):
    names = list(uncertain.two_way.columns[:2])
    values = np.linspace(0.0, 8_736.0, 13)
    table = pd.DataFrame({names[0]: 1.0, names[1]: values, NET_BENEFIT: 1.0})
    headings = list(tables.two_way_table(table, uncertain.inputs, whole=True).columns[1:])
    assert headings == [f"{value:,.0f} (£)" for value in values]
    shown = list(tables.two_way_table(table, uncertain.inputs).columns[1:])
    assert shown == headings[::2] and "Every other value" in tables.two_way_footer(table, uncertain.inputs)
    assert "Every other" not in tables.two_way_footer(uncertain.two_way, uncertain.inputs)


def test_a_pack_price_says_how_much_it_is_off_the_list_price(uncertain):
    price = uncertain.thresholds[0]
    found = [price, replace(price, value=price.base_value + 1), replace(price, value=float("nan")), uncertain.thresholds[1]]
    off = tables.threshold_table(found, uncertain.inputs)["Off the list price"].tolist()
    assert off == [labels.percent(1 - 2_920 / 4_368, 2), "none needed", "", ""]
    assert "Off the list price" not in tables.threshold_table(uncertain.thresholds[1:], uncertain.inputs).columns


def test_a_parameter_that_never_changes_the_decision_has_no_number(frames):
    table = frames["drivers"]
    assert table["Decision changes at"].tolist() == [1.25, 0.44, 130.0, "none"]
    assert rounded(table)["Standard errors away"].tolist() == ["2.5", "-4.0", "30.0", ""]


def test_threshold_without_a_value_says_so_in_pounds(frames):
    table = rounded(frames["thresholds"])
    assert table["What"].tolist() == [
        "List price of the pack dispensed most, other strengths in proportion",
        "Utility after progression",
    ]
    assert table["Threshold value"].tolist() == ["2,920", "none"]
    assert table["Result"].iloc[0] == "The ICER is £35,000 per QALY."
    assert table["Threshold (£/QALY)"].iloc[0] == "£35,000"


def test_probability_by_price_is_that_of_the_intervention(frames):
    text = rounded(frames["price"])
    assert text.iloc[1].tolist() == ["£1,000", "£11,000", "50.0%", "100.0%"]


def test_evpi_stands_with_its_error_for_each_price(frames):
    assert list(frames["evpi"].columns) == [
        "Threshold (£/QALY)",
        *("EVPI per person (£), List price", "Monte Carlo error (£), List price"),
        *("EVPI per person (£), PAS", "Monte Carlo error (£), PAS"),
    ]
    assert frames["evpi"].iloc[2].tolist() == [40_000, 3_000, 20, 6_000, 20]


def test_evppi_is_ordered_and_a_share_of_the_evpi(uncertain, frames):
    assert frames["evppi"]["EVPPI per person (£)"].tolist() == [900.0, 400.0, 0.2]
    assert rounded(frames["evppi"])["% of the EVPI"].tolist() == ["18%", "8%", "0%"]
    assert frames["evppi"].iloc[0, 0] == "Utility after progression and utility without progression"
    assert "% of the EVPI" not in tables.evppi_table(uncertain.evppi, uncertain.inputs)
    people = uncertain.evppi.assign(population_evppi=1e6)
    assert "EVPPI for the population (£)" in tables.evppi_table(people, uncertain.inputs)


def test_study_and_convergence_are_in_people_pounds_and_percent(frames):
    assert rounded(frames["evsi"]).iloc[1].tolist() == [*("100", "£300", "£12", "£400", "£3,000,000", "£1,000,000", "£2,000,000")]
    row = rounded(frames["convergence"]).iloc[1].tolist()
    assert row == ["100", "-£11,000", "£2,000", "-£14,920", "-£7,080", "", "20.0%", "£1,600"]


def test_indices_have_three_decimals_and_effects_are_pounds(uncertain, frames):
    assert rounded(frames["sobol"]).iloc[0].tolist()[1:] == ["0.500", "0.050", "0.500", "0.050"]
    assert rounded(frames["morris"])["Mean absolute effect (£)"].tolist() == ["£5,000", "£2,500", "£100"]
    assert rounded(frames["morris"])["Standard deviation of the effects (£)"].tolist() == ["", "£900", "£0"]
    qalys = tables.global_table(uncertain.sensitivity("morris", "incremental_qalys"), uncertain.inputs)
    assert "Mean absolute effect" in qalys


def test_budget_has_a_row_of_totals_for_each_price(uncertain, frames):
    table = frames["budget"]
    totals = table[table["Year"] == "Total, 3 years"].set_index("Price arrangement")
    assert totals["Budget impact (£)"].to_dict() == {"List price": 12e6, "PAS": 9e6}
    assert totals["People starting treatment"].tolist() == [3_000.0, 3_000.0]
    assert table["Year"].tolist() == ["Year 1", "Year 2", "Year 3", "Total, 3 years"] * 2
    impact = totals["Cost with (£)"] - totals["Cost without (£)"]
    assert impact.tolist() == totals["Budget impact (£)"].tolist()
    assert rounded(table)["People eligible"].iloc[0] == "2,000"


def test_comparison_changes_are_against_the_base_case_of_the_same_population(frames):
    table = frames["comparison"].set_index(["Population", "Scenario", "Price arrangement"])
    assert "Technologies" not in table
    assert table.loc[("One", "Shorter", "List price"), "Change in ICER (£/QALY)"] == 12_000
    assert np.isnan(table.loc[("One", "Shorter", "PAS"), "Change in ICER (£/QALY)"])
    assert table.loc[("One", "Shorter", "PAS"), "ICER (£/QALY)"] == "dominated"
    assert table.loc[("Two", "Base case", "PAS"), "Change in ICER (£/QALY)"] == 0
    assert "saved per QALY forgone" in table.loc[("Two", "Shorter", "PAS"), "ICER (£/QALY)"]


def test_every_index_and_method_has_words():
    assert set(INDICES) == set(labels.METHODS)
    assert {name for names in INDICES.values() for name in names} <= set(labels.INDICES)
