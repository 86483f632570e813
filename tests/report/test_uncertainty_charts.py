"""Charts of the analyses of uncertainty: what is drawn is what was found, and what has no number is said in words.

Pitfalls: a tornado from zero instead of the base case; an infinite swing that stretches the axis to nothing; a saving per QALY
lost drawn as a price; a map whose line is not where the net benefit is zero; colours of a map that say the wrong strategy; a
threshold read off the wrong curve; EVPPI ordered by name; a study called best that is not worth its cost; a band that is one
standard error; groups of parameters shown by their variable names; an undefined ICER that moves the others.
"""

import json
from dataclasses import replace
from types import MappingProxyType

import numpy as np
import pandas as pd
import pytest

from hemodel.analyses.global_sensitivity import INDICES
from hemodel.report import charts, labels, readings

NET_BENEFIT = "incremental_net_monetary_benefit"
METHODS = tuple(INDICES)


@pytest.fixture(scope="module")
def figures(uncertain):
    u = uncertain
    found = {
        "tornado": charts.tornado(u.one_way),
        "tornado of QALYs": charts.tornado(u.one_way, "incremental_qalys"),
        "tornado of ICERs": charts.tornado(u.one_way, "icer", top=5),
        "two-way": charts.two_way(u.two_way, u.inputs),
        "drivers": charts.decision_drivers(u.drivers, u.inputs),
        "price": charts.price_and_probability(u.price, u.inputs, price_arrangement="list"),
        "evpi": charts.evpi_curve(u.evpi, u.settings),
        "evppi": charts.evppi(u.evppi, u.inputs, evpi=5_000.0),
        "evsi": charts.evsi(u.evsi, u.inputs),
        "convergence": charts.convergence(u.convergence, u.inputs),
        "budget": charts.budget(u.budget, u.settings),
        "comparison": charts.comparison(u.comparison, u.settings),
    }
    return found | {method: charts.global_sensitivity(u.sensitivity(method), u.inputs) for method in METHODS}


NAMES = (
    *("tornado", "tornado of QALYs", "tornado of ICERs", "two-way", "drivers", "price", "evpi", "evppi", "evsi"),
    *("convergence", "budget", "comparison", *METHODS),
)


SPECS = {}  # id of a figure -> figure and its specification: making one takes longer than any test of it


def spec(figure):
    """The chart as Vega-Lite; Altair checks it against the schema on the way."""
    if id(figure) not in SPECS:
        SPECS[id(figure)] = figure, json.loads(figure.chart.to_json())
    return SPECS[id(figure)][1]


def layers(figure):
    """(mark, encoding, rows) of each layer."""
    whole = spec(figure)
    for layer in whole["layer"]:
        data = layer.get("data", whole.get("data"))
        yield layer["mark"], layer["encoding"], pd.DataFrame(whole["datasets"][data["name"]])


def rows(figure, mark, *columns):
    """Rows of the first layer with this mark that has these columns."""
    return next(table for m, _, table in layers(figure) if m["type"] == mark and set(columns) <= set(table))


def encoded(figure, mark, channel):
    return next(encoding[channel] for m, encoding, _ in layers(figure) if m["type"] == mark and channel in encoding)


@pytest.mark.parametrize("name", NAMES)
def test_every_chart_has_a_title_a_sentence_and_words_for_those_who_cannot_see_it(figures, name):
    figure, whole = figures[name], spec(figures[name])
    assert whole["title"]["text"]
    assert figure.sentence.endswith(".") and figure.alt.endswith(".") and figure.sentence in figure.alt
    assert len(figure.alt) > len(figure.sentence)
    assert whole["description"] == figure.alt
    assert not {"nan", "inf", "£nan", "£inf", "gbp"} & set(figure.sentence.lower().replace("(", " ").split())
    assert "_" not in figure.sentence


@pytest.mark.parametrize("name", NAMES)
def test_no_label_is_cut_off_or_a_variable_name(figures, name):
    for _, encoding, table in layers(figures[name]):
        if encoding.get("y", {}).get("type") == "nominal":
            assert encoding["y"]["axis"]["labelLimit"] == 0
            column = encoding["y"]["field"]
            assert not table[column].str.contains("_").any()
            assert table[column].str.split("\n").str.len().max() <= 4  # the lines that the axis can centre


# --- one parameter at a time -----------------------------------------------------------------------------------------------


def test_bars_of_a_tornado_start_at_the_base_case_and_end_at_the_outcomes(uncertain, figures):
    bars = rows(figures["tornado"], "bar", "outcome")
    assert set(bars["base"]) == {uncertain.one_way.base[NET_BENEFIT]}
    expected = uncertain.one_way.tornado(top=charts.sensitivity.MOST_ROWS)
    ends = expected[[f"{NET_BENEFIT}_low", f"{NET_BENEFIT}_high"]].to_numpy()
    assert len(bars) == 2 * len(expected)
    np.testing.assert_array_equal(bars["outcome"].to_numpy().reshape(2, -1).T, ends)


def test_widest_bar_of_a_tornado_is_on_top(uncertain, figures):
    order = encoded(figures["tornado"], "bar", "y")["sort"]
    assert order[0].replace("\n", " ").startswith(uncertain.one_way.tornado()["label"].iloc[0])


def test_tornado_says_how_many_parameters_change_the_decision(uncertain, figures):
    table, base = uncertain.one_way.table, uncertain.one_way.base[NET_BENEFIT]
    ends = table[[f"{NET_BENEFIT}_low", f"{NET_BENEFIT}_high"]].to_numpy()
    changing = int(((ends > 0) != (base > 0)).any(axis=1).sum())
    assert changing
    assert f"{changing} of the {len(table)} parameters, alone, change" in figures["tornado"].sentence
    assert labels.money(base, uncertain.one_way.inputs.settings) in figures["tornado"].sentence


def with_ends(one_way, **columns):
    """The one-way result with other values in its first row."""
    table = one_way.table.copy()
    for name, value in columns.items():
        table.loc[0, name] = value
    return replace(one_way, table=table)


@pytest.mark.parametrize(
    ("low", "reading"),
    [
        (np.nan, "dominated (dearer and no more effective)"),
        (12_345.0, "GBP 12,345 saved per QALY forgone"),
        (np.inf, "undefined"),
    ],
)
def test_an_icer_that_is_no_price_of_a_qaly_is_words_in_its_row_and_not_a_bar(uncertain, low, reading):
    found = with_ends(uncertain.one_way, icer_low=low, reading_low=reading)
    found = replace(found, table=found.table.head(4))
    figure = charts.tornado(found, "icer")
    bars, words = rows(figure, "bar", "outcome"), rows(figure, "text", "words")
    assert len(bars) == 6 and len(words) == 1
    assert labels.with_sign(reading, uncertain.one_way.inputs.settings) in words["words"].iloc[0]
    assert not set(words["row"]) & set(bars["row"])
    low_end, high_end = encoded(figure, "bar", "x")["scale"]["domain"]
    assert np.isfinite([low_end, high_end]).all() and high_end < 2 * bars["outcome"].max()
    assert set(words["row"]) <= set(encoded(figure, "bar", "y")["sort"])
    assert "At an end of 1 interval there is no price of a QALY gained." in figure.sentence


def test_a_base_case_without_an_icer_leaves_a_tornado_of_words(uncertain):
    found = replace(
        uncertain.one_way, base={**uncertain.one_way.base, "icer": float("nan")}, table=uncertain.one_way.table.head(3)
    )
    figure = charts.tornado(found, "icer")
    assert len(rows(figure, "text", "words")) == 3
    assert figure.sentence.startswith("The base case has no ICER.")


# --- two parameters --------------------------------------------------------------------------------------------------------


def test_line_of_the_map_is_where_the_net_benefit_is_zero(uncertain):
    """Net benefit 3 x + 2 y - 12 over a grid: linear, so that the line is exact between the points of the grid."""
    names = list(uncertain.two_way.columns[:2])
    x, y = np.meshgrid(np.linspace(0, 4, 5), np.linspace(0, 6, 4), indexing="ij")
    table = pd.DataFrame({names[0]: x.ravel(), names[1]: y.ravel(), NET_BENEFIT: (3 * x + 2 * y - 12).ravel()})
    line = rows(charts.two_way(table, uncertain.inputs), "rule", "x2")
    for a, b in (("x", "y"), ("x2", "y2")):
        np.testing.assert_allclose(3 * line[a] + 2 * line[b], 12, rtol=0, atol=1e-12)
    assert line[["x", "x2"]].min().min() == pytest.approx(0) and line[["x", "x2"]].max().max() == pytest.approx(4)


def test_colours_of_the_map_are_those_of_the_strategy_to_prefer(uncertain, figures):
    scale = encoded(figures["two-way"], "rect", "color")["scale"]
    most = uncertain.two_way[NET_BENEFIT].abs().max()
    assert scale["domain"] == [-most, 0, most]
    assert (scale["range"][0], scale["range"][2]) == (charts.COMPARATOR_COLOUR, charts.INTERVENTION_COLOURS[0])


def test_map_without_a_line_says_that_nothing_changes_the_decision(uncertain):
    for sign, words in ((1.0, "in all of them"), (-1.0, "in any of them")):
        table = uncertain.two_way.assign(**{NET_BENEFIT: sign * uncertain.two_way[NET_BENEFIT].abs() + sign})
        figure = charts.two_way(table, uncertain.inputs)
        assert "changes the decision" in figure.sentence and words in figure.sentence and "black line" not in figure.sentence


def test_map_counts_the_pairs_above_zero(uncertain, figures):
    above = int((uncertain.two_way[NET_BENEFIT] > 0).sum())
    assert 0 < above < 25
    assert f"In {above} of the 25 pairs" in figures["two-way"].sentence


# --- drivers and price -----------------------------------------------------------------------------------------------------


def test_only_what_changes_the_decision_within_eight_standard_errors_is_drawn(figures):
    points = rows(figures["drivers"], "point", "standard_errors_away")
    assert points["standard_errors_away"].tolist() == [2.5, -4.0]
    assert "2 of 4 parameters" in figures["drivers"].sentence
    assert "at 1.25 (now 1), 2.5 standard errors away" in figures["drivers"].sentence


def test_no_driver_at_all_is_said(uncertain):
    figure = charts.decision_drivers(uncertain.drivers.tail(2), uncertain.inputs)
    assert figure.sentence.startswith("No parameter, alone, changes the decision")
    assert spec(figure)["layer"]


def test_price_at_which_the_probability_is_one_half_is_between_the_prices_around_it(figures):
    text = figures["price"].sentence  # 0.6 at 2,000 and 0.4 at 4,368: one half in the middle
    assert "at £1,000 a pack (threshold £25,000) and at £3,184 a pack (threshold £35,000)" in text
    assert "10.0% at £25,000 and 40.0% at £35,000 per QALY" in text
    lines = rows(figures["price"], "line", "probability")
    assert set(lines["strategy"]) == {"Lenalidomide + dexamethasone"}


def test_a_probability_that_never_is_one_half_is_said(uncertain):
    flat = uncertain.price.assign(probability_cost_effective_25000=0.1, probability_cost_effective_35000=0.9)
    assert "at no price shown (threshold £25,000)" in charts.price_and_probability(flat, uncertain.inputs).sentence


# --- information -----------------------------------------------------------------------------------------------------------


def test_evpi_is_read_at_the_thresholds_of_its_own_price(figures):
    text = figures["evpi"].sentence  # between 20,000 and 40,000: 1,000 + 2,000 (t - 20,000) / 20,000, doubled under the scheme
    assert "£1,500 at £25,000 and £2,500 at £35,000 per QALY at list price" in text
    assert "£3,000 at £25,000 and £5,000 at £35,000 per QALY with the patient access scheme" in text


@pytest.mark.parametrize(("name", "value"), [("evpi", "evpi"), ("convergence", "mean"), ("evppi", "evppi")])
def test_bands_are_95_percent_intervals(uncertain, figures, name, value):
    table = rows(figures[name], "area" if name != "evppi" else "rule", "low", "high", value)
    source = {"evpi": uncertain.evpi["list"], "convergence": uncertain.convergence, "evppi": uncertain.evppi}[name]
    error = source["standard_error"].max()
    widest = (table["high"] - table["low"]).max()
    assert widest == pytest.approx(2 * 1.959964 * error, rel=1e-6)


def test_what_is_worth_most_to_know_is_on_top_and_the_worthless_is_counted_only(figures):
    bars = rows(figures["evppi"], "bar", "evppi")
    assert bars["evppi"].tolist() == [900.0, 400.0]
    assert bars["row"].iloc[0].replace("\n", " ") == "Utility after progression and utility without progression"
    assert "18% of £5,000" in figures["evppi"].sentence
    assert "1 of 3 would be worth less than £1." in figures["evppi"].sentence


def test_best_study_is_the_one_with_the_highest_net_benefit_not_the_largest(uncertain, figures):
    assert "£2.0 million, with 100 people in each group, after £1.0 million for the study" in figures["evsi"].sentence
    point = rows(figures["evsi"], "point", "money")
    assert point[["n", "money"]].to_numpy().tolist() == [[100, 2e6]]
    dear = uncertain.evsi.assign(study_cost=1e7, expected_net_benefit=uncertain.evsi["population_evsi"] - 1e7)
    assert charts.evsi(dear, uncertain.inputs).sentence.startswith("No study of the sizes shown is worth its cost")


def test_an_estimate_above_its_limit_is_explained(uncertain):
    noisy = uncertain.evsi.assign(evppi=250.0)
    assert "both are estimates with an error" in charts.evsi(noisy, uncertain.inputs).sentence
    assert "error" not in charts.evsi(uncertain.evsi, uncertain.inputs).sentence


def test_convergence_says_whether_more_draws_could_change_the_decision(uncertain, figures):
    assert "More draws would not change the decision." in figures["convergence"].sentence
    assert "it moved by £200" in figures["convergence"].sentence  # from 500 draws on
    wide = uncertain.convergence.assign(standard_error=9_000.0)
    assert "could still change the decision" in charts.convergence(wide, uncertain.inputs).sentence


# --- all parameters, budget, populations -----------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
def test_dots_of_a_global_analysis_are_its_indices_within_their_ranges(uncertain, figures, method):
    dots = rows(figures[method], "point", "index")
    leading, spread = readings.SERIES[method][0]
    first = dots[dots["index"] == labels.INDICES[leading]]
    table = uncertain.sensitivity(method).table
    assert first["value"].tolist() == table[leading].tolist()
    assert first["row"].iloc[0].replace("\n", " ") == "Utility after progression and utility without progression"
    if spread is not None:
        assert ((first["low"] <= first["value"]) & (first["value"] <= first["high"])).all()
    if isinstance(spread, str):
        np.testing.assert_allclose(first["high"] - first["low"], 2 * table[spread], rtol=1e-12)


def test_effects_are_in_the_unit_of_the_outcome(uncertain, figures):
    assert encoded(figures["morris"], "point", "x")["title"] == "Effect on the incremental net monetary benefit (GBP)"
    assert "(£5,000)" in figures["morris"].sentence
    qalys = charts.global_sensitivity(uncertain.sensitivity("morris", "incremental_qalys"), uncertain.inputs)
    assert encoded(qalys, "point", "x")["title"] == "Effect on the incremental QALYs (QALYs)"


def test_budget_has_a_bar_for_every_year_and_price(uncertain, figures):
    bars = rows(figures["budget"], "bar", "budget_impact")
    assert bars["budget_impact"].tolist() == uncertain.budget["budget_impact"].tolist()
    assert (
        "£12.0 million at list price (from £2.0 million in the first year to £6.0 million in the last)"
        in figures["budget"].sentence
    )
    assert "£9.0 million with the patient access scheme" in figures["budget"].sentence


def test_a_budget_that_falls_keeps_its_bars_in_the_picture(uncertain):
    figure = charts.budget(uncertain.budget.assign(budget_impact=-1e6), uncertain.settings)
    low, high = encoded(figure, "bar", "x")["scale"]["domain"]
    assert low < -1e6 and high > 0


def test_comparison_draws_prices_of_a_qaly_and_says_the_rest(uncertain, figures):
    figure = figures["comparison"]
    dots = rows(figure, "point", "icer")
    assert sorted(dots["icer"]) == [24_000, 30_000, 48_000, 60_000, 700_000]
    words = rows(figure, "text", "reading").set_index("scenario")["reading"]
    assert words["Two\tShorter"] == "£12,345 saved per QALY forgone"  # once, as it holds for both prices
    assert words["One\tShorter"] == "PAS: dominated (dearer and no more effective)"
    order = encoded(figure, "point", "y")["sort"]
    assert order == ["One", "One\tBase case", "One\tShorter", "Two", "Two\tBase case", "Two\tShorter"]
    low, high = encoded(figure, "point", "x")["scale"]["domain"]
    assert 0 < low < 24_000 and high > 700_000
    assert "with the patient access scheme from £24,000 to £30,000 per QALY, 2 of 2 at or below £35,000" in figure.sentence


def test_comparison_without_any_icer_makes_a_chart_all_the_same(uncertain):
    nothing = uncertain.comparison.assign(icer=np.nan, reading="dominated (dearer and no more effective)")
    figure = charts.comparison(nothing, uncertain.settings)
    assert figure.sentence == "No population has an ICER that can be drawn."
    assert len(rows(figure, "text", "reading")) == 4


def test_several_strategies_are_told_apart_in_the_rows(uncertain):
    two = pd.concat([uncertain.comparison, uncertain.comparison.assign(strategy="dexamethasone")], ignore_index=True)
    order = encoded(charts.comparison(two, uncertain.settings), "point", "y")["sort"]
    assert "One\tBase case: Dexamethasone" in order and "One\tBase case: Lenalidomide + dexamethasone" in order


def test_labels_of_parameters_are_data_and_not_markup(uncertain):
    parameters = dict(uncertain.inputs.parameters)
    parameters["shape_pfs"] = replace(parameters["shape_pfs"], label="<b>=1+1</b> \\ \"quoted\" 'it'")
    inputs = replace(uncertain.inputs, parameters=MappingProxyType(parameters))
    bars = rows(charts.evppi(uncertain.evppi, inputs), "bar", "evppi")
    assert "<b>=1+1</b> \\ \"quoted\" 'it'" in set(bars["row"])


@pytest.mark.parametrize("name", NAMES)
def test_height_has_room_for_every_row_beside_title_axis_and_legend(figures, name):
    """The app fits the whole picture into the height, title, axis and legend included: two rows must not collapse."""
    row_names = {
        row
        for _, encoding, table in layers(figures[name])
        if encoding.get("y", {}).get("type") == "nominal"
        for row in table[encoding["y"]["field"]]
    }
    assert spec(figures[name])["height"] >= 130 + 20 * len(row_names)
