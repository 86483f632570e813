"""Charts and tables that the app has beside those of the workbook: curves, hazards, cap and discount, A against B, the inputs sheet.

Pitfalls: a map whose cells are not what the model gives; a threshold line on the wrong side of a cell; a hazard per cycle called one
per year; a difference whose parts do not sum to the whole; data and fit changed over in a picture.
"""

import numpy as np
import pandas as pd
import pytest

from hemodel.analyses.base_case import run_base_case
from hemodel.analyses.fitting import run_fits
from hemodel.analyses.thresholds import price_map
from hemodel.evidence import inputs_sheet
from hemodel.evidence.folder import problem_names
from hemodel.evidence.inputs import load_inputs
from hemodel.report.charts.clinical import fitted_curves, hazard_curves, survival_curves
from hemodel.report.charts.difference import difference, difference_shown, difference_table
from hemodel.report.charts.price import cap_and_discount, price_map_table

CYCLE_YEARS = 28 / 365.25

LD, DEX = "lenalidomide_dexamethasone", "dexamethasone"


def data(figure):
    """All rows that a chart draws."""
    return [row for rows in figure.chart.to_dict()["datasets"].values() for row in rows]


@pytest.fixture(scope="module")
def inputs():
    return load_inputs("relapsed")


@pytest.fixture(scope="module")
def grid(inputs):
    return price_map(inputs, caps=(13, 26, 39), discounts=(0.0, 0.25, 0.5))


def test_the_map_holds_the_icer_of_the_scheme_at_its_cap_and_without_a_discount(inputs, grid):
    here = grid[(grid["cap"] == 26) & (grid["discount"] == 0.0)].iloc[0]
    assert here["icer"] == pytest.approx(run_base_case(inputs).icer("pas"), rel=1e-12)
    dearer = inputs.with_values(c_lenalidomide_25mg_pack=4_368 * 0.75)
    there = grid[(grid["cap"] == 26) & (grid["discount"] == 0.25)].iloc[0]
    assert there["icer"] == pytest.approx(run_base_case(dearer).icer("pas"), rel=1e-12)


def test_the_icer_rises_with_the_cap_and_falls_with_the_discount(grid):
    table = grid.pivot_table(index="cap", columns="discount", values="icer").to_numpy()
    assert (np.diff(table, axis=0) > 0).all() and (np.diff(table, axis=1) < 0).all()


@pytest.mark.parametrize("problem", problem_names())
def test_threshold_lines_lie_between_cells_that_meet_the_threshold_and_cells_that_do_not(problem):
    inputs = load_inputs(problem)
    grid = price_map(inputs, caps=(6, 12, 18), discounts=(0.0, 0.4, 0.8))
    figure = cap_and_discount(grid, inputs)
    edges = [row for row in data(figure) if "x2" in row and row["threshold"] == "£35,000 per QALY"]
    meets = {(c, d): 35_000 * q >= k for c, d, k, q in grid.iloc[:, :4].itertuples(index=False)}
    pairs = [((a, d), (b, d)) for a, b in ((6, 12), (12, 18)) for d in (0.0, 0.4, 0.8)]
    pairs += [((c, a), (c, b)) for a, b in ((0.0, 0.4), (0.4, 0.8)) for c in (6, 12, 18)]
    assert len(edges) == sum(meets[a] != meets[b] for a, b in pairs)
    for edge in edges:
        if edge["x"] == edge["x2"]:
            middle = (edge["y"] + edge["y2"]) / 2
            left, right = (min((6, 12, 18), key=lambda cap, at=edge["x"] + s: abs(cap - at)) for s in (-3, 3))
            share = min((0.0, 0.4, 0.8), key=lambda d, at=middle: abs(d - at))
            assert meets[left, share] and not meets[right, share]
    assert len(figure.sentence) > 80 and figure.sentence in figure.alt


def test_a_list_price_that_meets_the_threshold_needs_no_discount(inputs):
    cheap = inputs.with_values(c_lenalidomide_25mg_pack=2_700.0)
    said = cap_and_discount(price_map(cheap, caps=(13, 26), discounts=(0.0, 0.5)), cheap).sentence
    assert "discount of 0%" not in said
    assert "the list price already meets £35,000 per QALY with 26 charged cycles" in said
    assert "discount of 50% meets £25,000 per QALY with 26 charged cycles" in said


def test_the_table_of_the_map_has_a_row_for_each_cap(grid):
    table = price_map_table(grid, load_inputs("relapsed").settings)
    assert list(table.columns) == ["Cycles", "0% off", "25% off", "50% off"]
    assert table["Cycles"].to_list() == ["13", "26", "39"] and table.iloc[1, 1] == "£42,822"


def test_curves_are_those_of_the_trace_and_hazards_are_per_year(inputs):
    trace = run_base_case(inputs).trace
    alive = 1 - trace["dead"]
    drawn = data(survival_curves(trace, inputs.settings))
    overall = [r["share"] for r in drawn if r["curve"] == "Overall survival" and r["strategy"] == "Dexamethasone"]
    assert overall == pytest.approx(alive[: len(overall), 1], abs=1e-15)
    hazards = data(hazard_curves(trace, inputs.settings))
    found = [r["hazard"] for r in hazards if r["curve"] == "Death" and r["strategy"] == "Dexamethasone"]
    assert np.exp(-np.cumsum(found) * CYCLE_YEARS) == pytest.approx(alive[1 : len(found) + 1, 1], rel=1e-12)


def test_fitted_curves_and_data_keep_their_names():
    times = -10 * np.log(1 - (np.arange(40) + 0.5) / 40)
    fits = run_fits(times, np.ones(40), ("exponential", "weibull"))
    figure = fitted_curves(fits.curves(), fits.best.family.name, "months")
    drawn = pd.DataFrame(data(figure))
    last = drawn[drawn["curve"] == "Your data (Kaplan-Meier)"].iloc[-1]
    assert last["survival"] == pytest.approx(0.0, abs=1e-12)
    best = drawn[drawn["curve"].str.lower() == fits.best.family.name]
    at = float(best["time"].iloc[50])
    assert best["survival"].iloc[50] == pytest.approx(np.exp(-fits.best.cumulative_hazard(np.array([at]))[0]), rel=1e-12)
    assert "Hazard per month" in str(fitted_curves(fits.curves(), "weibull", "months", what="hazard").chart.to_dict())


def test_the_parts_of_a_difference_sum_to_the_change_in_net_benefit(inputs):
    first = run_base_case(inputs)
    second = run_base_case(load_inputs("relapsed", scenario="subsequent_treatment"))
    table = difference_table(first, second, ("list", "pas"), LD)
    total = {}
    for name, result, price in (("a", first, "list"), ("b", second, "pas")):
        rows = result.table.set_index(["price_arrangement", "strategy"]).loc[(price, LD)]
        total[name] = 35_000 * rows["incremental_qalys"] - rows["incremental_costs"]
    assert table["worth"].sum() == pytest.approx(total["b"] - total["a"], rel=1e-12)
    assert "subsequent_treatment" in set(table["name"])
    shown = difference_shown(table, "costs", first.inputs.settings)
    assert shown.iloc[-1]["B less A (£)"] == pytest.approx(shown["B less A (£)"].iloc[:-1].sum(), rel=1e-12)
    assert "higher" in difference(table, second, LD).sentence or "lower" in difference(table, second, LD).sentence


def test_two_results_that_are_the_same_have_nothing_to_draw(inputs):
    base = run_base_case(inputs)
    table = difference_table(base, base, ("list", "list"), LD)
    assert not table["worth"].any()
    assert difference(table, base, LD).sentence == "A and B give the same costs and QALYs."


def test_a_listed_sheet_is_read_back_to_the_last_bit():
    values = [0.1 + 0.2, 1e-300, 4368.0]
    told = inputs_sheet.listed(["u_a", "c_b", "p_d"], values).encode()
    sheet = inputs_sheet.read_sheet("a.csv", told)
    assert sheet == inputs_sheet.Sheet({"u_a": values[0], "c_b": values[1], "p_d": values[2]}, {})
