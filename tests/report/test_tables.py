"""Tables of a submission and the words in them.

Pitfalls guarded here: columns in another order than NICE's; the first row with an ICER of 0; increments of a dominated strategy;
a ratio shown as a number where it means the opposite (south-west) or nothing (dominant); rounded numbers passed on as results;
totals that are not the sum of their rows; increments against the wrong row where there are three strategies.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
import pytest

from hemodel.analyses.base_case import BaseCase, run_base_case
from hemodel.analyses.psa import PSA, run_psa
from hemodel.analyses.scenarios import Scenarios, run_scenarios
from hemodel.cohort.model import names_read
from hemodel.evidence.inputs import Inputs, load_inputs
from hemodel.evidence.settings import Scheme, Strategy
from hemodel.outcomes import Outcomes
from hemodel.report import labels, tables

INTERVENTION, COMPARATOR = "lenalidomide_dexamethasone", "dexamethasone"
BASE_CASE_COLUMNS = [
    "Technologies",
    "Total costs (£)",
    "Total LYG",
    "Total QALYs",
    "Incremental costs (£)",
    "Incremental LYG",
    "Incremental QALYs",
    "ICER versus baseline (£/QALY)",
    "ICER incremental (£/QALY)",
]


@cache
def base() -> BaseCase:
    return run_base_case(load_inputs("relapsed"))


@cache
def psa() -> PSA:
    return run_psa(base().inputs, draws=200, seed=5)


@cache
def scenarios() -> Scenarios:
    names = ["utilities_0_67_0_63", "no_scheme", "horizon_10_years"]
    return run_scenarios("relapsed", scenarios=names)


def three_strategies() -> Inputs:
    """The problem with a third strategy, `third`, whose parameters are those of the intervention but for a shorter PFS."""
    inputs = load_inputs("relapsed")
    third = {"name": "third", "label": "Third", "drugs": ["lenalidomide"]}
    strategies = [*(strategy.model_dump() for strategy in inputs.settings.strategies), third]
    parameters = dict(inputs.parameters)
    for name, parameter in inputs.parameters.items():
        if name.endswith(f"_{INTERVENTION}"):
            copy = name.replace(INTERVENTION, "third")
            parameters[copy] = replace(parameter, name=copy)
    parameters["median_pfs_third"] = replace(parameters["median_pfs_third"], value=5.0, low=4.0, high=6.25)
    return replace(inputs.with_settings(strategies=strategies), parameters=MappingProxyType(parameters))


def by_hand(*strategies: tuple[float, float]) -> BaseCase:
    """A base case with these (costs, QALYs), the comparator first; life-years are twice the QALYs."""
    inputs = load_inputs("relapsed")
    names = [COMPARATOR, *(f"s{number}" for number in range(1, len(strategies)))]
    strategies_by_hand = [Strategy(name=name, label=name.upper(), drugs=["dexamethasone"]) for name in names]
    changes = {"strategies": strategies_by_hand, "price_arrangements": ["list"]}
    inputs = replace(inputs, settings=inputs.settings.model_copy(update=changes))
    costs, qalys = (np.array(values)[:, None] for values in zip(*strategies, strict=True))
    parts: dict[str, Any] = {
        "costs": {"list": {"lenalidomide": costs}},
        "life_years": {"progressed": 2 * qalys},
        "qalys": {"progressed": qalys},
    }
    return BaseCase(inputs, Outcomes(tuple(names), **parts, undiscounted=Outcomes(tuple(names), **parts)), {})


def rows(frame: pd.DataFrame, *keys: str) -> dict[Any, dict[Any, Any]]:
    """Rows by the cells of the columns `keys`."""
    index: Any = keys[0] if len(keys) == 1 else list(keys)
    return dict(frame.set_index(index).to_dict("index"))


# --- base case -------------------------------------------------------------------------------------------------------------


def test_base_case_has_nices_columns_in_nices_order_by_increasing_cost() -> None:
    for arrangement in ("list", "pas"):
        table = tables.base_case_table(base(), arrangement)
        assert list(table.columns) == BASE_CASE_COLUMNS
        assert table["Technologies"].tolist() == ["Dexamethasone", "Lenalidomide + dexamethasone"]
        assert table["Total costs (£)"].is_monotonic_increasing


def test_base_case_numbers_are_those_of_the_run_unrounded() -> None:
    for arrangement in ("list", "pas"):
        found = tables.base_case_table(base(), arrangement).iloc[1]
        row = rows(base().table, "price_arrangement", "strategy")[arrangement, INTERVENTION]
        names = [
            "costs",
            "life_years",
            "qalys",
            "incremental_costs",
            "incremental_life_years",
            "incremental_qalys",
            "icer",
            "icer",
        ]
        assert found.iloc[1:].tolist() == pytest.approx([row[name] for name in names], rel=1e-12)


def test_first_row_has_no_increments_and_no_icer_of_zero() -> None:
    assert tables.base_case_table(base(), "pas").iloc[0, 4:].isna().all()
    assert set(tables.rounded(tables.base_case_table(base(), "pas"), base().inputs.settings).iloc[0, 4:]) == {""}


def test_dominated_rows_say_so_and_leave_increments_blank() -> None:
    # cost, QALYs: reference; a poor buy; extendedly dominated by the mixture of its neighbours; the best
    found = by_hand((10_000, 1.0), (20_000, 0.5), (30_000, 1.2), (40_000, 2.0))
    table = tables.base_case_table(found, "list")
    assert table["ICER incremental (£/QALY)"].tolist()[1:] == ["dominated", "extendedly dominated", 30_000]
    assert table[["Incremental costs (£)", "Incremental LYG", "Incremental QALYs"]].iloc[1:3].isna().all(axis=None)
    last = rows(table, "Technologies")["S3"]  # against the reference: the rows between are dominated
    assert (last["Incremental costs (£)"], last["Incremental LYG"]) == (30_000, 2.0)
    versus_baseline = table["ICER versus baseline (£/QALY)"].tolist()
    assert versus_baseline[1] == "dominated"
    assert versus_baseline[2:] == pytest.approx([100_000, 30_000], rel=1e-12)


def test_dominant_and_south_west_are_words_and_never_a_bare_ratio() -> None:
    dominant = rows(tables.base_case_table(by_hand((30_000, 1.0), (20_000, 2.0)), "list"), "Technologies")
    assert dominant["S1"]["ICER versus baseline (£/QALY)"] == "dominant"
    assert dominant["DEXAMETHASONE"]["ICER incremental (£/QALY)"] == "dominated"
    south_west = rows(tables.base_case_table(by_hand((30_000, 2.0), (10_000, 1.0)), "list"), "Technologies")
    assert south_west["S1"]["ICER versus baseline (£/QALY)"] == "£20,000 saved per QALY forgone (south-west)"
    assert south_west["DEXAMETHASONE"]["ICER incremental (£/QALY)"] == 20_000
    impact = tables.pas_impact_table(by_hand((30_000, 2.0), (10_000, 1.0)))
    assert impact.iloc[0, -1] == "£20,000 saved per QALY forgone (south-west)"


def test_net_health_benefit_is_qalys_less_costs_over_the_threshold() -> None:
    table = tables.net_health_benefit_table(by_hand((10_000, 1.0), (60_000, 3.0)), "list")
    assert list(table.columns)[:5] == [
        "Technologies",
        "Total costs (£)",
        "Total QALYs",
        "Incremental costs (£)",
        "Incremental QALYs",
    ]
    assert list(table.columns)[5:7] == ["NHB at £25,000/QALY", "NHB at £35,000/QALY"]
    assert table["NHB at £25,000/QALY"].tolist() == pytest.approx([0.6, 0.6], abs=1e-12)
    assert table["NHB at £35,000/QALY"].tolist() == pytest.approx([1 - 2 / 7, 3 - 12 / 7], abs=1e-12)
    assert table["Incremental NHB at £35,000/QALY"].iloc[1] == pytest.approx(2 - 10 / 7, abs=1e-12)
    assert np.isnan(table["Incremental NHB at £35,000/QALY"].iloc[0])


def test_thresholds_of_2009_move_the_headings() -> None:
    found = run_base_case(base().inputs.with_settings(thresholds="2009"))
    assert "NHB at £20,000/QALY" in tables.net_health_benefit_table(found, "pas").columns


# --- price arrangements and scenarios --------------------------------------------------------------------------------------


def test_impact_of_the_scheme_shows_each_analysis_without_and_with_it() -> None:
    table = tables.pas_impact_table(base(), scenarios())
    without, with_scheme = "ICER without PAS (£/QALY)", "ICER with PAS (£/QALY)"
    assert list(table.columns) == ["Analysis", without, with_scheme]
    found = rows(table, "Analysis")
    assert found["Base case"] == {without: base().icer("list"), with_scheme: base().icer("pas")}
    shorter = scenarios().results[3]
    assert found["Horizon 10 years"] == {without: shorter.icer("list"), with_scheme: shorter.icer("pas")}
    assert found["No patient access scheme"][with_scheme] == "not applicable"
    assert len(table) == 4
    assert len(tables.pas_impact_table(base())) == 1


def test_every_scheme_has_a_column_of_its_own() -> None:
    settings = base().inputs.settings
    scheme = Scheme(kind="price_discount", drug="lenalidomide", label="Price discount: 40 %", price_discount=0.4)
    twin = settings.schemes["pas"]
    schemes = {name: s.model_dump(exclude_none=True) for name, s in {**settings.schemes, "cut": scheme, "twin": twin}.items()}
    found = run_base_case(base().inputs.with_settings(schemes=schemes, price_arrangements=["list", "pas", "cut", "twin"]))
    assert list(tables.pas_impact_table(found).columns)[1:] == [
        "ICER without PAS (£/QALY)",
        "ICER with PAS pas (£/QALY)",
        "ICER with Price discount (£/QALY)",
        "ICER with PAS twin (£/QALY)",
    ]


def test_scenarios_keep_their_numbers_their_change_and_their_reason() -> None:
    table = tables.scenario_table(scenarios(), "pas")
    assert table["Scenario"].tolist() == ["Base case", "Utilities 0.67 / 0.63", "Horizon 10 years"]  # no scheme has no row here
    row, shorter = rows(table, "Scenario")["Horizon 10 years"], scenarios().results[3]
    assert row["ICER (£/QALY)"] == shorter.icer("pas")
    assert row["Change in ICER (£/QALY)"] == pytest.approx(row["ICER (£/QALY)"] - base().icer("pas"), rel=1e-12)
    expected = row["Incremental QALYs"] - row["Incremental costs (£)"] / 35_000
    assert row["Incremental NHB at £35,000/QALY"] == pytest.approx(expected, abs=1e-12)
    assert row["Why"] == shorter.inputs.scenario.why


def test_change_of_an_icer_is_missing_where_one_of_the_two_is_no_price_of_a_qaly() -> None:
    two = by_hand((30_000, 2.0), (10_000, 1.0))
    other = replace(two, inputs=replace(two.inputs, scenario=scenarios().results[1].inputs.scenario))
    table = tables.scenario_table(Scenarios((two, other), ()), "list")
    assert table["Change in ICER (£/QALY)"].isna().all()
    assert set(table["ICER (£/QALY)"]) == {"£20,000 saved per QALY forgone (south-west)"}


# --- disaggregated ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("discounted", [True, False])
@pytest.mark.parametrize("arrangement", ["list", "pas"])
def test_costs_by_category_and_by_state_add_up_to_the_total(arrangement: str, discounted: bool) -> None:
    outcomes = base().outcomes if discounted else base().outcomes.undiscounted
    assert outcomes is not None
    total = outcomes.total_costs(arrangement)[:, 0]
    for function, heading in ((tables.costs_by_component_table, "Item"), (tables.costs_by_state_table, "Health state")):
        table = function(base(), arrangement, discounted=discounted)
        assert list(table.columns) == [
            heading,
            "Cost intervention (X)",
            "Cost comparator (Y)",
            "Increment",
            "Absolute increment",
            "% absolute increment",
        ]
        assert table[heading].iloc[-1] == "Total"
        assert table.iloc[-1, 1:3].tolist() == pytest.approx(total.tolist(), rel=1e-12)
        assert table["Increment"].iloc[-1] == pytest.approx(total[0] - total[1], rel=1e-12)
        assert table["% absolute increment"].iloc[:-1].sum() == pytest.approx(1, abs=1e-12)
        assert (table["Absolute increment"] == table["Increment"].abs()).iloc[:-1].all()


def test_qalys_and_life_years_by_state_add_up_to_the_totals() -> None:
    outcomes = base().outcomes
    assert outcomes.undiscounted is not None
    for discounted, of in ((True, outcomes), (False, outcomes.undiscounted)):
        qalys = tables.qalys_by_state_table(base(), discounted=discounted)
        years = tables.life_years_by_state_table(base(), discounted=discounted)
        assert qalys.iloc[-1, 1:3].tolist() == pytest.approx(of.total_qalys[:, 0].tolist(), rel=1e-12)
        assert years.iloc[-1, 1:3].tolist() == pytest.approx(of.total_life_years[:, 0].tolist(), rel=1e-12)
    assert list(qalys.columns)[1:3] == ["QALY intervention (X)", "QALY comparator (Y)"]
    assert list(years.columns)[1:3] == ["LY intervention (X)", "LY comparator (Y)"]


def test_no_increment_at_all_gives_no_percentage() -> None:
    table = tables.qalys_by_state_table(by_hand((10_000, 1.0), (20_000, 1.0)))
    assert table["% absolute increment"].isna().all()


# --- uncertainty -----------------------------------------------------------------------------------------------------------


def test_probabilistic_results_stand_beside_the_deterministic_ones() -> None:
    table = tables.psa_table(psa(), "pas", base())
    assert list(table.columns) == [
        *("Technologies", "Analysis", *BASE_CASE_COLUMNS[1:8]),
        *("Probability cost-effective at £25,000/QALY", "Probability cost-effective at £35,000/QALY"),
    ]
    found = rows(psa().table, "price_arrangement", "strategy")["pas", INTERVENTION]
    of = {what: row for (label, what), row in rows(table, "Technologies", "Analysis").items() if label.startswith("Lenalidomide")}
    mean, error = of["Probabilistic: mean"], of["Probabilistic: Monte Carlo error"]
    low, high = of["Probabilistic: 95% interval, lower"], of["Probabilistic: 95% interval, upper"]
    assert of["Deterministic"]["ICER versus baseline (£/QALY)"] == base().icer("pas")
    assert mean["Incremental costs (£)"] == found["incremental_costs"]
    assert mean["ICER versus baseline (£/QALY)"] == found["icer"]
    assert mean["Probability cost-effective at £35,000/QALY"] == found["probability_cost_effective_35000"]
    assert error["Incremental QALYs"] == found["se_incremental_qalys"]
    assert error["Probability cost-effective at £25,000/QALY"] == found["se_probability_25000"]
    assert low["Incremental LYG"] == found["incremental_life_years_low"]
    assert high["Incremental LYG"] == found["incremental_life_years_high"]
    assert [low["Total QALYs"], high["Total QALYs"]] == np.quantile(psa().qalys[0], [0.025, 0.975]).tolist()
    assert "Deterministic" not in set(tables.psa_table(psa(), "pas")["Analysis"])


def test_probabilities_of_being_cost_effective_sum_to_one() -> None:
    table = tables.probability_table(psa())
    sums = table.groupby("Price arrangement").sum(numeric_only=True)
    assert sums.shape == (2, 2)
    np.testing.assert_allclose(sums, 1, rtol=0, atol=1e-12)


def test_evpi_is_given_with_its_monte_carlo_error_for_every_price_and_threshold() -> None:
    table = tables.evpi_table(psa())
    expected = [psa().evpi(a, t) for a in ("list", "pas") for t in (25_000, 35_000)]
    assert table["EVPI per person (£)"].tolist() == [float(value) for value in expected]
    assert table["Monte Carlo error of the EVPI (£)"].tolist() == [value.standard_error for value in expected]


# --- three strategies ------------------------------------------------------------------------------------------------------


def test_three_strategies_break_no_table() -> None:
    inputs = three_strategies()
    found, draws = run_base_case(inputs), run_psa(inputs, draws=50)
    table = tables.base_case_table(found, "pas")
    assert table["Technologies"].tolist() == ["Dexamethasone", "Third", "Lenalidomide + dexamethasone"]
    costs = dict(zip(inputs.settings.strategy_names, found.outcomes.total_costs("pas")[:, 0].tolist(), strict=True))
    last = rows(table, "Technologies")["Lenalidomide + dexamethasone"]
    assert last["Incremental costs (£)"] == pytest.approx(costs[INTERVENTION] - costs["third"], rel=1e-12)
    assert last["ICER versus baseline (£/QALY)"] == found.icer("pas", INTERVENTION)
    assert tables.pas_impact_table(found)["Technologies"].tolist() == ["Lenalidomide + dexamethasone", "Third"]
    third = tables.costs_by_component_table(found, "pas", strategy="third")
    assert third.iloc[-1, 1:3].tolist() == pytest.approx([costs["third"], costs[COMPARATOR]], rel=1e-12)
    assert len(tables.psa_table(draws, "pas", found)) == 15
    assert len(tables.probability_table(draws)) == 6
    assert len(tables.net_health_benefit_table(found, "pas")) == 3
    assert len(tables.against_source_table(found)) == len(found.against_source)


def test_change_of_an_icer_is_against_the_same_strategy_in_the_base_case() -> None:
    first, second = by_hand((10_000, 1.0), (30_000, 2.0), (90_000, 3.0)), by_hand((10_000, 1.0), (35_000, 2.0), (90_000, 4.0))
    other = replace(second, inputs=replace(second.inputs, scenario=scenarios().results[1].inputs.scenario))
    table = tables.scenario_table(Scenarios((first, other), ()), "list")
    assert table["Technologies"].tolist() == ["S1", "S2", "S1", "S2"]
    assert table["Change in ICER (£/QALY)"].tolist() == pytest.approx([0, 0, 5_000, 80_000 / 3 - 40_000], abs=1e-9)


# --- inputs and trace ------------------------------------------------------------------------------------------------------


def test_every_parameter_is_shown_with_its_interval_status_and_use() -> None:
    inputs = base().inputs
    table = tables.parameter_table(inputs)
    assert table["Name"].tolist() == list(inputs.parameters)
    assert table["Value"].tolist() == [p.value for p in inputs.parameters.values()]
    used = set(table["Name"][table["Used in this run"] == "yes"])
    assert used == names_read(inputs)
    assert used != set(inputs.parameters)
    found = rows(table, "Name")
    assert (found["u_progressed"]["95% low"], found["u_progressed"]["95% high"]) == inputs.parameters["u_progressed"].interval
    assert np.isnan([found["age_start"]["95% low"], found["age_start"]["95% high"]]).all()
    assert found["median_os_dexamethasone"]["Status"] == inputs.parameters["median_os_dexamethasone"].status


def test_status_counts_add_up() -> None:
    counts = tables.status_counts(base().inputs)
    assert counts["Status"].tolist() == ["read", "derived", "unverified", "assumed"]
    assert counts["Parameters"].sum() == len(base().inputs.parameters)
    assert counts["Used in this run"].sum() == len(names_read(base().inputs))


def test_published_figures_stand_beside_the_models_in_words() -> None:
    table = tables.against_source_table(base())
    assert table["Outcome"].iloc[0] == "Median progression-free survival"
    assert table["Relative difference"].iloc[0] == pytest.approx(
        table["Model"].iloc[0] / table["Published"].iloc[0] - 1, abs=1e-12
    )


def test_trace_says_which_packs_are_charged() -> None:
    table = tables.trace_table(base(), INTERVENTION)
    assert len(table) == base().inputs.settings.n_cycles + 1
    terms = table["Lenalidomide, PAS"].tolist()
    assert terms[:26] == ["charged"] * 26
    assert set(terms[26:-1]) == {"free"}
    assert terms[-1] == ""  # the end of the horizon: nothing is bought
    assert "Lenalidomide, PAS" not in tables.trace_table(base(), COMPARATOR).columns
    np.testing.assert_allclose(table[["Progression-free", "Progressed", "Dead"]].sum(axis=1), 1, rtol=0, atol=1e-12)


def test_each_kind_of_scheme_is_said_in_words() -> None:
    schemes = {
        "cap": {"kind": "drug_cost_cap", "drug": "lenalidomide", "label": "Cap", "drug_cost_cap_cycles": 2},
        "start": {"kind": "free_start", "drug": "lenalidomide", "label": "Free start", "free_cycles": 2},
        "cut": {"kind": "price_discount", "drug": "lenalidomide", "label": "Cut", "price_discount": 0.4},
        "refund": {"kind": "response_refund", "drug": "lenalidomide", "label": "Refund", "response_by_cycle": 2},
        "tiers": {
            "kind": "tiered_discount",
            "drug": "lenalidomide",
            "label": "Tiers",
            "tiers": [{"from_cycle": 3, "price_discount": 0.4}],
        },
        "most": {"kind": "total_cost_cap", "drug": "lenalidomide", "label": "Most", "most_paid": 9_000.0},
    }
    words = {name: [tables.charging(Scheme.model_validate(terms), cycle) for cycle in (1, 2)] for name, terms in schemes.items()}
    assert words == {
        "cap": ["charged", "free"],
        "start": ["free", "charged"],
        "cut": ["charged less 40.0%", "charged less 40.0%"],
        "refund": ["charged; refunded without response", "charged"],
        "tiers": ["charged", "charged less 40.0%"],
        "most": ["charged up to the most paid for one person"] * 2,
    }
    assert tables.charging(base().inputs.settings.schemes["pas"], 26, dispensed=True) == "free after 26 packs"


# --- rounding and words ----------------------------------------------------------------------------------------------------


def test_rounding_follows_the_heading() -> None:
    frame = pd.DataFrame(
        {
            "Technologies": ["a", "b"],
            "Total costs (£)": [89_848.481, float("nan")],
            "Incremental costs (£)": [-8_256.4, -0.4],
            "Total LYG": [3.819965, -0.0001],
            "NHB at £25,000/QALY": [-0.891133, 0.0],
            "Probability cost-effective at £25,000/QALY": [0.0069, 1.0],
            "ICER incremental (£/QALY)": [42_821.94, "dominated"],
            "Parameters": [1_200, 3],
            "Value": [0.330174, 4_368.0],
        }
    )
    assert tables.rounded(frame, base().inputs.settings).to_numpy().tolist() == [
        ["a", "£89,848", "-£8,256", "3.820", "-0.891", "0.7%", "£42,822", "1,200", "0.330174"],
        ["b", "", "£0", "0.000", "0.000", "100.0%", "dominated", "3", "4,368"],
    ]
    assert frame["Total costs (£)"].iloc[0] == 89_848.481  # the table itself is not rounded


def test_increments_take_the_unit_of_their_table() -> None:
    found = by_hand((10_000.4, 1.0), (60_000.6, 3.1234))
    costs = tables.rounded(tables.costs_by_component_table(found, "list"), found.inputs.settings).iloc[-1]
    qalys = tables.rounded(tables.qalys_by_state_table(found), found.inputs.settings).iloc[-1]
    assert costs.tolist() == ["Total", "£60,001", "£10,000", "£50,000", "£50,000", "100%"]
    assert qalys.tolist() == ["Total", "3.123", "1.000", "2.123", "2.123", "100%"]


def test_every_table_rounds_to_text_without_nan() -> None:
    frames = [
        tables.base_case_table(base(), "pas"),
        tables.net_health_benefit_table(base(), "pas"),
        tables.pas_impact_table(base(), scenarios()),
        tables.psa_table(psa(), "pas", base()),
        tables.evpi_table(psa()),
        tables.probability_table(psa()),
        tables.scenario_table(scenarios(), "pas"),
        tables.parameter_table(base().inputs),
        tables.status_counts(base().inputs),
        tables.against_source_table(base()),
        tables.trace_table(base(), INTERVENTION),
        tables.settings_table(base().inputs),
    ]
    for frame in frames:
        text = tables.rounded(frame, base().inputs.settings)
        assert text.shape == frame.shape
        assert all(isinstance(cell, str) and cell != "nan" for cell in text.to_numpy().ravel())


@pytest.mark.parametrize(
    ("value", "reading", "words"),
    [
        (42_821.9, "GBP 42,822 per QALY gained", "£42,822"),
        (12_345.0, "GBP 12,345 saved per QALY forgone", "£12,345 saved per QALY forgone (south-west)"),
        (float("nan"), "dominant (cheaper and more effective)", "dominant"),
        (float("nan"), "dominated (dearer and no more effective)", "dominated"),
        (float("nan"), "undefined (no difference in QALYs or costs)", "undefined (no difference in QALYs or costs)"),
        (float("nan"), "comparator", ""),
    ],
)
def test_icers_in_words(value: float, reading: str, words: str) -> None:
    assert labels.icer_text(value, reading, base().inputs.settings) == words


def test_every_name_of_the_model_has_words() -> None:
    assert set(base().outcomes.costs["pas"]) <= set(base().inputs.component_labels)
    assert set(base().trace) <= set(labels.STATES)
    assert not any("_" in labels.outcome_label(str(name)) for name in base().against_source["outcome"])
    assert {parameter.distribution for parameter in base().inputs.parameters.values()} <= set(labels.DISTRIBUTIONS)
    assert labels.arrangement_label(base().inputs.settings, "pas").startswith("Patient access scheme")
    both = load_inputs("one_prior").settings
    assert labels.arrangement_label(both, "both").startswith("Two schemes: ")
    short = [labels.arrangement_short(both, name) for name in both.price_arrangements]
    assert short == ["List price", "Lenalidomide scheme", "Bortezomib refund", "Two schemes"]
    assert labels.strategy_label(base().inputs.settings, COMPARATOR) == "Dexamethasone"
    assert labels.state_label("progression_free") == "Progression-free"
    assert labels.outcome_label("median_os") == "Median overall survival"


def test_of_a_group_of_five_parameters_two_are_named_and_three_counted() -> None:
    parameters = load_inputs("relapsed").parameters
    names = ["u_progressed", "u_progression_free", "c_anaemia", "c_heparin", "c_aspirin"]
    two = f"{parameters[names[0]].label}, {labels.in_sentence(parameters[names[1]].label)}"
    assert labels.parameters_label(parameters, names) == f"{two} and 3 more"
    assert labels.parameters_label(parameters, names[:3]) == f"{two} and {labels.in_sentence(parameters[names[2]].label)}"
