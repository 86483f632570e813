"""Charts: what is drawn is what was computed.

Pitfalls: a mean of the points drawn instead of all draws; a threshold line that does not go through the origin or ends short
of the box; a strategy that changes colour from chart to chart; a cap drawn one cycle off; states stacked to more than one;
an ICER of a saving, or of a dominated strategy, drawn as if it were the price of a QALY; infinite or missing numbers that
break the picture; labels that are cut off; a picture without words for those who cannot see it.
"""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import hemodel as hm
from hemodel.evidence.settings import Scheme
from hemodel.report import charts, labels

LD, DEX = "lenalidomide_dexamethasone", "dexamethasone"


@pytest.fixture(scope="module")
def base():
    return hm.run_base_case(hm.load_inputs("relapsed"))


@pytest.fixture(scope="module")
def psa(base):
    return hm.run_psa(base.inputs, 5_000)


@pytest.fixture(scope="module")
def scenarios():
    return hm.run_scenarios("relapsed")


@pytest.fixture(scope="module")
def figures(base, psa, scenarios):
    settings, prices = base.inputs.settings, base.outcomes.price_arrangements
    return {
        "plane, list": charts.cost_effectiveness_plane(psa.costs, psa.qalys, settings, "list"),
        "plane, pas": charts.cost_effectiveness_plane(psa.costs, psa.qalys, settings, "pas"),
        "curves": charts.acceptability_curves({a: psa.acceptability_curve(a) for a in prices}, settings),
        "trace, lenalidomide": charts.cohort_trace(base.trace, settings, LD),
        "trace, dexamethasone": charts.cohort_trace(base.trace, settings, DEX),
        "treatment": charts.share_on_treatment(base.trace["on_treatment"], settings),
        "costs": charts.costs_by_component({a: base.costs_by_component(a) for a in prices}, settings),
        "scenarios": charts.scenario_icers(scenarios.table, settings),
    }


NAMES = ("plane, list", "plane, pas", "curves", "trace, lenalidomide", "trace, dexamethasone", "treatment", "costs", "scenarios")


def spec(figure):
    """The chart as Vega-Lite; Altair checks it against the schema on the way."""
    return json.loads(figure.chart.to_json())


def layers(figure):
    """(mark, encoding, rows) of each layer."""
    whole = spec(figure)
    for layer in whole.get("layer", [whole]):
        data = layer.get("data", whole.get("data"))
        yield layer["mark"], layer["encoding"], pd.DataFrame(whole["datasets"][data["name"]])


def rows(figure, mark, column):
    """Rows of the first layer with this mark that has this column."""
    return next(table for m, _, table in layers(figure) if m["type"] == mark and column in table)


@pytest.mark.parametrize("name", NAMES)
def test_every_chart_has_a_title_a_sentence_and_words_for_those_who_cannot_see_it(figures, name):
    figure = figures[name]
    whole = spec(figure)
    assert whole["title"]["text"]
    assert figure.sentence.endswith(".") and figure.alt.endswith(".")
    assert len(figure.alt) > len(whole["title"]["text"])
    assert whole["description"] == figure.alt
    assert "nan" not in (figure.sentence + figure.alt).lower().split()


@pytest.mark.parametrize("name", NAMES)
def test_every_axis_of_numbers_has_a_title_and_no_label_is_cut_off(figures, name):
    whole = spec(figures[name])
    for mark, encoding, _ in layers(figures[name]):
        for axis in ("x", "y"):
            field = encoding.get(axis, {})
            if (
                mark["type"] in ("circle", "line", "area", "bar", "point")
                and field.get("type") == "quantitative"
                and "title" in field
            ):
                assert field["title"]
            if field.get("type") == "nominal":
                assert field["axis"]["labelLimit"] == 0
    assert whole["config"]["legend"]["labelLimit"] == 0
    assert min(whole["config"]["axis"][size] for size in ("labelFontSize", "titleFontSize")) >= 12


def test_units_are_on_the_axes(figures):
    titles = {
        field["title"]
        for figure in figures.values()
        for _, encoding, _ in layers(figure)
        for axis, field in encoding.items()
        if axis in ("x", "y") and field.get("title")
    }
    assert {"Incremental QALYs per person", "Incremental costs per person (GBP)", "Threshold (GBP per QALY)"} <= titles
    assert {"Years since the start of treatment", "ICER (GBP per QALY gained)", "Costs per person (GBP, discounted)"} <= titles


def test_a_strategy_has_the_same_colour_in_every_chart(base, figures):
    expected = {"Lenalidomide + dexamethasone": "#00436C", "Dexamethasone": "#D55E00"}
    assert charts.strategy_colours(base.inputs.settings) == {LD: "#00436C", DEX: "#D55E00"}
    seen = set()
    for figure in figures.values():
        for _, encoding, _ in layers(figure):
            scale = encoding.get("color", {}).get("scale")
            for label, colour in zip(*(scale["domain"], scale["range"]), strict=True) if scale else ():
                if label in expected:
                    seen.add(label)
                    assert colour == expected[label]
    assert seen == set(expected)
    states = [encoding["color"]["scale"] for _, encoding, _ in layers(figures["trace, dexamethasone"])]
    assert states[0]["range"][0] == "#D55E00"


def test_the_comparator_keeps_its_colour_wherever_it_stands_in_the_settings(base):
    settings = base.inputs.settings
    turned = settings.model_copy(update={"strategies": settings.strategies[::-1]})
    assert charts.strategy_colours(turned) == charts.strategy_colours(settings)


def test_plane_draws_at_most_two_thousand_of_the_draws_and_they_are_draws(psa, figures):
    points = rows(figures["plane, pas"], "circle", "qalys")
    assert 1_000 < len(points) <= charts.MOST_POINTS
    gains, extra = psa.qalys[0] - psa.qalys[1], psa.costs["pas"][0] - psa.costs["pas"][1]
    assert set(zip(points["qalys"], points["costs"], strict=True)) <= set(zip(gains, extra, strict=True))


def test_the_mean_on_the_plane_is_of_all_draws_not_of_those_drawn(psa, figures):
    mean = rows(figures["plane, list"], "point", "qalys").iloc[0]
    expected = psa.table.set_index(["price_arrangement", "strategy"]).loc[("list", LD)]
    assert mean["qalys"] == pytest.approx(expected["incremental_qalys"], rel=1e-12)
    assert mean["costs"] == pytest.approx(expected["incremental_costs"], rel=1e-12)
    assert mean["qalys"] != rows(figures["plane, list"], "circle", "qalys")["qalys"].mean()


def test_threshold_lines_go_through_the_origin_with_the_slope_of_the_threshold(base, figures):
    lines = rows(figures["plane, pas"], "line", "threshold")
    slopes = {}
    for name, ends in lines.groupby("threshold"):
        (x0, x1), (y0, y1) = ends["qalys"], ends["costs"]
        slopes[name] = (y1 - y0) / (x1 - x0)
        assert y0 - slopes[name] * x0 == pytest.approx(0, abs=1e-6)
        assert max(x0, x1) > 0
    assert slopes == {"£25,000 per QALY": pytest.approx(25_000), "£35,000 per QALY": pytest.approx(35_000)}


def test_both_planes_have_the_same_axes(figures):
    domains = [
        [
            encoding[axis]["scale"]["domain"]
            for mark, encoding, _ in layers(figures[name])
            if mark["type"] == "circle"
            for axis in "xy"
        ]
        for name in ("plane, list", "plane, pas")
    ]
    assert domains[0] == domains[1]


def test_plane_says_the_shares_that_the_analysis_found(psa, figures):
    row = psa.table.set_index(["price_arrangement", "strategy"]).loc[("pas", LD)]
    for threshold in (25_000, 35_000):
        assert (
            f"{labels.percent(row[f'probability_cost_effective_{threshold}'])} at £{threshold:,}"
            in figures["plane, pas"].sentence
        )


def test_plane_survives_draws_that_are_not_finite(base):
    costs = {"list": np.array([[np.inf, 10.0, 20.0], [0.0, 0.0, 0.0]])}
    qalys = np.array([[1.0, np.nan, 2.0], [0.0, 0.0, 0.0]])
    figure = charts.cost_effectiveness_plane(costs, qalys, base.inputs.settings, "list")
    assert len(rows(figure, "circle", "qalys")) == 1


def test_plane_takes_in_all_four_quadrants(base):
    costs = {"list": np.array([[-10.0, 10.0, -10.0, 10.0], [0.0] * 4])}
    qalys = np.array([[-1.0, -1.0, 1.0, 1.0], [0.0] * 4])
    figure = charts.cost_effectiveness_plane(costs, qalys, base.inputs.settings, "list")
    (low, high), (bottom, top) = (
        next(e[axis]["scale"]["domain"] for m, e, _ in layers(figure) if m["type"] == "circle") for axis in "xy"
    )
    assert low < -1 and high > 1 and bottom < -10 and top > 10


def test_acceptability_curves_sum_to_one_under_each_price(figures):
    curves = rows(figures["curves"], "line", "probability")
    assert set(curves["arrangement"]) == {"List price", "PAS"}
    totals = curves.groupby(["arrangement", "threshold"])["probability"].sum()
    assert totals.to_numpy() == pytest.approx(1.0, abs=1e-12)


def test_thresholds_are_marked_where_they_are(figures):
    for name in ("curves", "scenarios"):
        marks = [
            table["threshold"].iloc[0]
            for mark, _, table in layers(figures[name])
            if mark["type"] == "rule" and "threshold" in table
        ]
        assert marks == [25_000, 35_000]


@pytest.mark.parametrize("strategy", [LD, DEX])
def test_stacked_states_sum_to_everybody_at_every_time(base, strategy):
    table = rows(charts.cohort_trace(base.trace, base.inputs.settings, strategy), "area", "state")
    assert table.groupby("years")["share"].sum().to_numpy() == pytest.approx(1.0, abs=1e-12)
    assert list(table.groupby("order")["state"].first()) == ["Progression-free", "Progressed", "Dead"]


def test_trace_says_the_published_medians_that_the_model_meets(figures):
    assert "9.5 months" in figures["trace, lenalidomide"].sentence and "35.8 months" in figures["trace, lenalidomide"].sentence
    assert "11.6 months" in figures["trace, dexamethasone"].sentence


def test_the_first_free_cycle_is_the_one_after_the_cap(base, figures):
    mark = rows(figures["treatment"], "rule", "cycle")
    area = rows(figures["treatment"], "area", "share")
    assert mark["cycle"].tolist() == [26]
    assert area["cycle"].min() == 26
    assert set(area["strategy"]) == {"Lenalidomide + dexamethasone"}
    assert area["share"].iloc[0] == base.trace["on_treatment"][26, 0]
    assert labels.percent(base.trace["on_treatment"][26, 0]) in figures["treatment"].sentence


def test_the_mark_moves_with_the_cap(base):
    settings = base.inputs.settings
    scheme = settings.schemes["pas"].model_copy(update={"drug_cost_cap_cycles": 10})
    moved = settings.model_copy(update={"schemes": {"pas": scheme}})
    figure = charts.share_on_treatment(base.trace["on_treatment"], moved)
    assert rows(figure, "rule", "cycle")["cycle"].tolist() == [10]
    assert "After 10 cycles" in figure.sentence


def test_a_cap_beyond_the_horizon_leaves_nobody_to_pay_for(base):
    settings = base.inputs.settings
    scheme = settings.schemes["pas"].model_copy(update={"drug_cost_cap_cycles": 5_000})
    figure = charts.share_on_treatment(base.trace["on_treatment"], settings.model_copy(update={"schemes": {"pas": scheme}}))
    assert "After 5,000 cycles (383.3 years) the horizon is over: the NHS pays for all lenalidomide" in figure.sentence
    assert "rule" not in [mark["type"] for mark, _, _ in layers(figure)]


def test_who_pays_from_when_is_true_for_every_kind_of_scheme_and_counting(base):
    settings, treated = base.inputs.settings, base.trace["on_treatment"]

    def sentence(counts="calendar", **terms):
        schemes = {"pas": Scheme(label="Patient access scheme: x", drug="lenalidomide", **terms)} if terms else settings.schemes
        return charts.share_on_treatment(
            treated, settings.model_copy(update={"schemes": schemes, "scheme_counts": counts})
        ).sentence

    assert "from there on, with the patient access scheme, the NHS no longer pays" in sentence()
    dispensed = sentence("dispensed")
    assert "no longer pays" not in dispensed and "each person's first 26 packs, for longer where doses were missed" in dispensed
    assert "those are free" in sentence(kind="free_start", free_cycles=2)
    assert "by cycle 4 is refunded" in sentence(kind="response_refund", response_by_cycle=4)
    assert "for as long as treatment lasts" in sentence(kind="price_discount", price_discount=0.2)


def test_a_strategy_that_is_over_before_the_cap_is_not_one_of_which_nobody_is_left():
    three = hm.run_base_case(hm.load_inputs("first_line"))
    said = charts.share_on_treatment(three.trace["on_treatment"], three.inputs.settings).sentence
    assert "0.0%" not in said and "(lenalidomide + dexamethasone for 18 cycles is over by then)" in said
    assert "the NHS would no longer pay" in said  # the scheme is a what-if there


def test_nobody_is_on_treatment_in_a_strategy_without_drugs():
    found = hm.run_base_case(hm.load_inputs("maintenance"))
    takers = found.inputs.settings.with_drugs
    assert takers == ("lenalidomide_maintenance",)
    figure = charts.share_on_treatment(found.trace["on_treatment"], found.inputs.settings, takers)
    assert {row["strategy"] for row in rows(figure, "line", "strategy").to_dict("records")} == {"Lenalidomide maintenance"}
    assert hm.load_inputs("first_line").settings.with_drugs == hm.load_inputs("first_line").settings.strategy_names


def test_without_a_scheme_there_is_no_mark(base):
    settings = base.inputs.settings.model_copy(update={"price_arrangements": ["list"]})
    figure = charts.share_on_treatment(base.trace["on_treatment"], settings)
    assert "rule" not in [mark["type"] for mark, _, _ in layers(figure)]


def test_bars_add_up_to_the_total_costs_of_each_strategy_and_price(base, figures):
    bars = rows(figures["costs"], "bar", "series").groupby("series")["costs"].sum()
    totals = base.table.set_index(["price_arrangement", "strategy"])["costs"]
    assert bars["Lenalidomide + dexamethasone, list price"] == pytest.approx(totals["list", LD], rel=1e-12)
    assert bars["Lenalidomide + dexamethasone, PAS"] == pytest.approx(totals["pas", LD], rel=1e-12)
    assert bars["Dexamethasone"] == pytest.approx(totals["list", DEX], rel=1e-12)  # the scheme changes nothing here
    assert len(bars) == 3


def test_scenarios_have_a_dot_for_every_price_and_the_base_case_is_on_top(scenarios, figures):
    dots = rows(figures["scenarios"], "point", "icer")
    assert sorted(dots["icer"]) == pytest.approx(sorted(scenarios.table["icer"]), rel=1e-12)
    order = next(e["y"]["sort"] for m, e, _ in layers(figures["scenarios"]) if m["type"] == "point")
    assert order[0] == "Base case"
    assert len(order) == scenarios.table["label"].nunique()


def test_what_is_not_the_price_of_a_qaly_gained_is_said_in_words_and_not_drawn(base):
    table = pd.DataFrame(
        {
            "label": ["Base case", "Cheaper", "Saves", "Worse"],
            "price_arrangement": ["list"] * 4,
            "icer": [30_000.0, np.nan, 12_345.0, np.nan],
            "reading": [
                "GBP 30,000 per QALY gained",
                "dominant (cheaper and more effective)",
                "GBP 12,345 saved per QALY forgone",
                "dominated (dearer and no more effective)",
            ],
        }
    )
    figure = charts.scenario_icers(table, base.inputs.settings)
    assert rows(figure, "point", "icer")["scenario"].tolist() == ["Base case"]
    words = next(t for m, e, t in layers(figure) if m["type"] == "text" and "reading" in t)
    assert words["scenario"].tolist() == ["Cheaper", "Saves", "Worse"]


def test_scenarios_without_any_ratio_make_a_chart_all_the_same(base):
    table = pd.DataFrame({"label": ["Base case"], "price_arrangement": ["list"], "icer": [np.nan], "reading": ["dominated (x)"]})
    assert charts.scenario_icers(table, base.inputs.settings).sentence == "No scenario has an ICER that can be drawn."


def test_scenario_sentence_counts_against_both_thresholds(scenarios, figures):
    pas = scenarios.table[scenarios.table["price_arrangement"] == "pas"]["icer"]
    assert f"{(pas <= 35_000).sum()} of {len(pas)} at or below £35,000" in figures["scenarios"].sentence


def test_a_third_strategy_gets_a_colour_and_a_cloud_of_its_own(base):
    settings = base.inputs.settings
    third = settings.strategies[0].model_copy(update={"name": "third", "label": "Third"})
    three = settings.model_copy(update={"strategies": [*settings.strategies, third]})
    rng = np.random.Generator(np.random.Philox(key=1))
    costs, qalys = {"list": rng.random((3, 3_000))}, rng.random((3, 3_000))
    figure = charts.cost_effectiveness_plane(costs, qalys, three, "list")
    points = rows(figure, "circle", "qalys")
    assert points["strategy"].value_counts().to_dict() == {"Lenalidomide + dexamethasone": 1_000, "Third": 1_000}
    assert len(set(charts.strategy_colours(three).values())) == 3


def test_colours_stay_apart_for_readers_without_red_or_green_receptors():
    """Machado et al. 2009, IEEE Trans. Vis. Comput. Graph. 15:1291, severity 1.0: matrices on linear RGB."""
    matrices = {
        "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
        "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    }
    colours = [*charts.INTERVENTION_COLOURS, charts.COMPARATOR_COLOUR]
    rgb = np.array([[int(c[i : i + 2], 16) / 255 for i in (1, 3, 5)] for c in colours])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    for matrix in matrices.values():
        seen = np.clip(linear @ np.array(matrix).T, 0, 1)
        shown = np.where(seen <= 0.0031308, seen * 12.92, 1.055 * seen ** (1 / 2.4) - 0.055)
        gaps = [np.linalg.norm(shown[i] - shown[j]) for i in range(len(colours)) for j in range(i)]
        assert min(gaps) > 0.15


def test_a_figure_cannot_be_changed_after_the_fact(figures):
    with pytest.raises(AttributeError):
        figures["curves"].sentence = "other"
    assert replace(figures["curves"], sentence="other").alt == figures["curves"].alt


def test_sentences_of_curves_and_costs_speak_of_every_strategy():
    inputs = hm.load_inputs("one_prior")
    base, psa = hm.run_base_case(inputs), hm.run_psa(inputs, 500, seed=3)
    curve = psa.acceptability_curve("list")
    words = charts.acceptability_curves({"list": curve}, inputs.settings).sentence
    for name, label in ((LD, "lenalidomide + dexamethasone"), ("bortezomib", "bortezomib")):
        chance = labels.percent(float(curve[name].loc[35_000.0]))
        assert f"The probability that {label} is cost-effective is" in words
        assert f"{chance} at £35,000" in words.split(f"that {label} is")[1].split("The probability")[0]
    spent = charts.costs_by_component({"list": base.costs_by_component("list")}, inputs.settings).sentence
    assert "of the costs of lenalidomide + dexamethasone" in spent and "of the costs of bortezomib" in spent
