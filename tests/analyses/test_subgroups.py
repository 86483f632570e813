"""A mix of populations.

Pitfalls guarded: the mean of ICERs in place of the ICER of means; weights that do not sum to one; a population that is not there.
"""

import pytest

import hemodel as hm
from hemodel.errors import InputError


def test_a_mix_is_the_weighted_mean_of_costs_and_qalys_and_its_icer_their_ratio():
    mixed = hm.run_weighted("relapsed", {"two_or_more_prior": 3.0, "one_prior": 1.0}).set_index(["price_arrangement", "strategy"])
    parts = [
        hm.run_base_case(hm.load_inputs("relapsed", population=p)).table.set_index(["price_arrangement", "strategy"])
        for p in ("two_or_more_prior", "one_prior")
    ]
    key = ("pas", "lenalidomide_dexamethasone")
    for name in ("costs", "life_years", "qalys", "incremental_costs", "incremental_life_years", "incremental_qalys"):
        assert mixed.loc[key, name] == pytest.approx(0.75 * parts[0].loc[key, name] + 0.25 * parts[1].loc[key, name], rel=1e-12)
    assert mixed.loc[key, "icer"] == pytest.approx(mixed.loc[key, "incremental_costs"] / mixed.loc[key, "incremental_qalys"])
    mean_of_icers = 0.75 * parts[0].loc[key, "icer"] + 0.25 * parts[1].loc[key, "icer"]
    assert abs(mixed.loc[key, "icer"] / mean_of_icers - 1) > 0.001
    assert mixed.loc[("pas", "dexamethasone"), "reading"] == "comparator"


def test_all_of_one_population_is_that_population():
    mixed = hm.run_weighted("relapsed", {"one_prior": 1.0, "pooled_trials": 0.0})
    alone = hm.run_base_case(hm.load_inputs("relapsed", population="one_prior")).table
    assert mixed["icer"].dropna().tolist() == pytest.approx(alone["icer"].dropna().tolist(), rel=1e-12)


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        ({"one_priar": 1.0}, "there is no such population"),
        ({"one_prior": -1.0}, "not a share of people"),
        ({"one_prior": float("nan")}, "not a share of people"),
        ({"one_prior": 0.0}, "nobody is in any population"),
        ({}, "nobody is in any population"),
    ],
)
def test_bad_weights_are_refused(weights, words):
    with pytest.raises(InputError, match=words):
        hm.run_weighted("relapsed", weights)
