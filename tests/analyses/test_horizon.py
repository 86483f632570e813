"""The answer by time horizon.

Pitfalls guarded: a horizon that is not a run of its own; the whole horizon left out or told twice; a third strategy left out; an ICER that
is said to be settled before it is.
"""

import pytest

import hemodel as hm
from hemodel.decision.incremental import describe_icer
from hemodel.report import exhibits, tables


@pytest.mark.parametrize("problem", ["relapsed", "one_prior"])
def test_each_horizon_is_a_run_of_its_own_and_the_last_is_the_base_case(problem):
    inputs = hm.load_inputs(problem)
    table = hm.run_horizons(inputs)
    assert sorted(set(table["horizon_years"])) == [*range(1, 11), 15, 20, 25, 30]
    assert set(table["strategy"]) == set(inputs.settings.interventions)
    for years in (3.0, 30.0):
        base = hm.run_base_case(inputs.with_settings(horizon_years=years))
        for row in table[table["horizon_years"] == years].to_dict("records"):
            assert row["icer"] == base.icer(row["price_arrangement"], row["strategy"])


def test_a_horizon_between_two_steps_or_below_a_year_is_there_once():
    inputs = hm.load_inputs("relapsed")
    for whole, expected in ((12.5, [*range(1, 11), 12.5]), (15.0, [*range(1, 11), 15]), (0.5, [0.5]), (1.0, [1])):
        table = hm.run_horizons(inputs.with_settings(horizon_years=whole))
        assert list(dict.fromkeys(table["horizon_years"])) == expected


def test_the_sentence_says_from_when_on_the_icer_stays_within_one_per_cent():
    inputs = hm.load_inputs("relapsed")
    table = hm.run_horizons(inputs)
    pas = table[table["price_arrangement"] == "pas"].set_index("horizon_years")["icer"]
    assert abs(pas[15] / pas[30] - 1) < 0.01 < abs(pas[10] / pas[30] - 1)
    found = exhibits.horizon(table, inputs)
    said = "Over 30 years the ICER with the patient access scheme is £42,822 per QALY gained; it is within 1% of that from 15 years on."
    assert found.sentence.endswith(said)
    assert found.table.iloc[-1].to_list()[-1] == pytest.approx(pas[30]) and len(found.table) == 14
    cheap = table.assign(reading=describe_icer(-1.0, 1.0), icer=float("nan"))
    assert exhibits.horizon(cheap, inputs).sentence.endswith("is dominant (cheaper and more effective).")


def test_of_three_strategies_each_has_its_rows_and_its_sentence():
    inputs = hm.load_inputs("one_prior")
    found = exhibits.horizon(hm.run_horizons(inputs), inputs)
    assert found.table[tables.TECHNOLOGIES].value_counts().to_dict() == {"Lenalidomide + dexamethasone": 14, "Bortezomib": 14}
    assert (
        found.sentence.count("Over 30 years") == 2 and "bortezomib against dexamethasone with the two schemes" in found.sentence
    )
