"""One-way, two-way and tornado.

Pitfalls guarded: bounds that are not the distribution's; joint parameters moved apart; a tornado that an undefined ICER breaks or reorders;
an outcome read off the wrong draw.
"""

from dataclasses import replace
from types import MappingProxyType

import numpy as np
import pytest

import hemodel as hm
from hemodel.analyses.one_way import run_one_way, run_two_way
from hemodel.errors import InputError


@pytest.fixture(scope="module")
def inputs():
    return hm.load_inputs("relapsed")


@pytest.fixture(scope="module")
def result(inputs):
    return run_one_way(inputs)


def test_the_base_is_the_base_case(inputs, result):
    assert result.base["icer"] == pytest.approx(hm.run_base_case(inputs).icer("pas"), rel=1e-13)


def test_bounds_are_the_95_percent_interval_of_each_distribution(inputs, result):
    for row in result.table.itertuples():
        low, high = inputs.parameters[row.parameter].interval
        assert row.low == pytest.approx(low, rel=1e-9)
        assert row.high == pytest.approx(high, rel=1e-9)
        assert row.low < inputs.parameters[row.parameter].value < row.high or row.parameter.startswith(
            ("p_rash", "p_constipation")
        )


def test_each_bound_gives_what_a_run_with_that_value_gives(inputs, result):
    rows = result.table.set_index("parameter")
    for name in ("c_terminal_care", "r_death_progressed_dexamethasone", "p_pe_lenalidomide_dexamethasone"):
        base = hm.run_base_case(inputs.with_values(**{name: rows.loc[name, "high"]}))
        assert rows.loc[name, "icer_high"] == pytest.approx(base.icer("pas"), rel=1e-12)


def test_correlated_parameters_move_together(inputs, result):
    rows = result.table.set_index("parameter")
    assert rows.loc["u_progressed", "moves_with"] == "u_progression_free"
    alone = hm.run_base_case(inputs.with_values(u_progressed=rows.loc["u_progressed", "high"])).icer("pas")
    assert rows.loc["u_progressed", "icer_high"] < alone  # the other utility rises too
    alone = hm.run_base_case(inputs.with_values(u_progressed=rows.loc["u_progressed", "low"])).icer("pas")
    assert rows.loc["u_progressed", "icer_low"] > alone  # and falls with it
    assert rows.loc["c_terminal_care", "moves_with"] == ""


def test_shares_of_a_dirichlet_are_listed_as_excluded():
    found = run_one_way(hm.load_inputs("relapsed", scenario="dose_reductions"))
    assert set(found.excluded) == {f"p_packs_{mg}mg" for mg in (25, 15, 10, 5)}
    assert not set(found.table["parameter"]) & set(found.excluded)


def test_every_uncertain_parameter_that_the_run_reads_is_there(inputs, result):
    from hemodel.cohort.model import names_read

    assert set(result.table["parameter"]) == {n for n in names_read(inputs) if inputs.parameters[n].is_uncertain}


@pytest.mark.parametrize("outcome", ["incremental_net_monetary_benefit", "incremental_costs", "incremental_qalys", "icer"])
def test_a_tornado_is_sorted_by_swing(result, outcome):
    frame = result.tornado(outcome)
    swing = (frame[f"{outcome}_high"] - frame[f"{outcome}_low"]).abs()
    assert (np.diff(swing) <= 0).all()
    assert len(result.tornado(outcome, top=5)) == 5


def test_a_tornado_survives_an_undefined_icer(inputs):
    """Where lenalidomide may cost QALYs, some bounds have no ICER: their rows come first and say why."""
    even = inputs.with_values(r_death_progressed_lenalidomide_dexamethasone=0.7, r_death_progressed_dexamethasone=0.5)
    frame = run_one_way(even).tornado("icer")
    undefined = frame["icer_low"].isna() | frame["icer_high"].isna()
    assert undefined.any()
    assert not undefined.all()
    assert undefined.iloc[: undefined.sum()].all()
    words = frame["reading_low"].where(frame["icer_low"].isna(), frame["reading_high"])[undefined]
    assert words.str.contains("dominated").all()


def test_the_price_arrangement_and_threshold_asked_for_are_used(inputs):
    found = run_one_way(inputs, price_arrangement="list", threshold=20_000.0)
    assert found.base["icer"] == pytest.approx(hm.run_base_case(inputs).icer("list"), rel=1e-13)
    b = found.base
    assert b["incremental_net_monetary_benefit"] == pytest.approx(
        20_000 * b["incremental_qalys"] - b["incremental_costs"], rel=1e-12
    )


def test_a_two_way_grid_has_the_base_case_on_it(inputs):
    frame = run_two_way(inputs, "u_progressed", "c_lenalidomide_25mg_pack", steps=5)
    assert len(frame) == 25
    row = frame.iloc[7]
    same = inputs.with_values(u_progressed=row["u_progressed"], c_lenalidomide_25mg_pack=row["c_lenalidomide_25mg_pack"])
    assert row["icer"] == pytest.approx(hm.run_base_case(same).icer("pas"), rel=1e-12)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda i: run_one_way(i, names=["u_progresed"]), "Did you mean u_progressed"),
        (lambda i: run_one_way(i, names=["c_lenalidomide_25mg_pack"]), "it is fixed"),
        (lambda i: run_one_way(i, price_arrangement="lists"), "Did you mean list"),
        (lambda i: run_one_way(i, strategy="dexamethasone"), "not one to compare"),
        (lambda i: run_one_way(i, threshold=-1), "is not a threshold"),
        (lambda i: run_two_way(i, "u_progressed", "u_progressed"), "named twice"),
        (lambda i: run_two_way(i, "u_progressed", "u"), "there is no such parameter"),
        (lambda i: run_two_way(i, "u_progressed", "p_packs_5mg"), "no grid follows"),
        (lambda i: run_two_way(i, "u_progressed", "c_aspirin", steps=1), "steps"),
        (lambda i: run_one_way(run_one_way(i).inputs).tornado("nmb"), "is not an outcome"),
    ],
)
def test_bad_requests_are_refused(inputs, call, message):
    with pytest.raises(hm.InputError, match=message):
        call(inputs)


def test_the_result_shows_itself(result):
    assert "<table" in result._repr_html_()


def test_where_nothing_is_uncertain_there_is_no_tornado_but_a_reason():
    inputs = hm.load_inputs("relapsed")
    sure = {n: replace(p, se=None, low=None, high=None, distribution="fixed") for n, p in inputs.parameters.items()}
    found = hm.run_one_way(replace(inputs, parameters=MappingProxyType(sure)))
    with pytest.raises(InputError, match="no parameter that the run reads is uncertain"):
        found.tornado()
