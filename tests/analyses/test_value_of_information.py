"""Value of information of the model's own draws.

Pitfalls guarded: a study that is worth more than perfect information on what it observes; the spread of the parameter taken for the
spread between people; a rate's estimate that is biased; chance in place of size between studies; a population counted undiscounted.
"""

import numpy as np
import pytest

import hemodel as hm
from hemodel.analyses.value_of_information import evpi_curve, evppi, evppi_table, evsi_table, persons
from hemodel.errors import InputError
from hemodel.evidence.studies import study_estimate

RATES = ["r_death_progressed_dexamethasone", "r_death_progressed_lenalidomide_dexamethasone"]


@pytest.fixture(scope="module")
def psa():
    return hm.run_psa(hm.load_inputs("relapsed"), 4_000)


def test_the_persons_are_those_of_a_decade_discounted(psa):
    assert persons(psa.inputs) == pytest.approx(sum(2_000 / 1.035**year for year in range(10)), rel=1e-12)


def test_the_evpi_curve_meets_the_evpi_and_is_scaled_to_everyone(psa):
    curve = evpi_curve(psa, price_arrangement="pas", thresholds=[35_000.0]).iloc[0]
    value = psa.evpi("pas", 35_000.0)
    assert (curve["evpi"], curve["standard_error"]) == (value.value, value.standard_error)
    assert curve["population_evpi"] == pytest.approx(value.value * persons(psa.inputs), rel=1e-12)


def test_more_is_worth_more_within_error(psa):
    one, both = evppi(psa, RATES[0]), evppi(psa, RATES)
    everything = psa.evpi("pas", 35_000.0)
    assert both.value + 2 * both.standard_error > one.value
    assert everything.value >= both.value > 0


def test_evppi_of_every_parameter_is_that_of_each_alone(psa):
    table = evppi_table(psa, [RATES[0], RATES])
    assert table["parameters"].tolist() == [", ".join(RATES), RATES[0]]
    assert table["evppi"].tolist() == [evppi(psa, RATES).value, evppi(psa, RATES[0]).value]


def test_a_larger_study_is_worth_more_and_never_more_than_knowing(psa):
    table = evsi_table(psa, RATES, [20, 200, 20_000], fixed_cost=1e6, cost_per_person=1_000)
    error = 2 * table["standard_error"].max()
    assert table["evsi"].iloc[0] < table["evsi"].iloc[1] < table["evsi"].iloc[2] + error
    assert (table["evsi"] <= table["evppi"] + error).all()
    assert table["evsi"].iloc[2] == pytest.approx(table["evppi"].iloc[2], abs=error)
    assert table["study_cost"].tolist() == [1e6 + 2 * n * 1_000 for n in (20, 200, 20_000)]  # two groups: each its own patients
    np.testing.assert_allclose(table["expected_net_benefit"], table["population_evsi"] - table["study_cost"], rtol=1e-12)


def test_what_all_groups_share_is_observed_in_the_same_people(psa):
    spread = {"u_progressed": 0.25, "u_progression_free": 0.25}
    table = evsi_table(psa, list(spread), [100], standard_deviations=spread, cost_per_person=10)
    assert table["study_cost"].iloc[0] == 1_000


@pytest.mark.parametrize(
    ("name", "value", "spread", "mean", "sd"),
    [
        ("u_progressed", 0.64, 0.3, 0.64, 0.03),
        ("r_death_progressed_dexamethasone", 2.0, None, np.log(2.0) + 0.005, 0.1),  # E log(1/Gamma(n)) + log n = 1 / 2n
        ("hr_death_lenalidomide_dexamethasone", 0.5, None, np.log(0.5), np.sqrt(0.02)),
        ("p_neutropenia_dexamethasone", 0.3, None, 0.3, np.sqrt(0.21 / 100)),
        ("median_os_dexamethasone", 11.6, None, np.log(11.6) - 0.005, 0.1),
    ],
)
def test_a_study_of_a_hundred_errs_as_theory_says(psa, name, value, spread, mean, sd):
    parameter, n = psa.inputs.parameters[name], 40_000
    found = study_estimate(parameter, np.full(n, value), 100, seed=1, standard_deviation=spread)
    assert found.mean() == pytest.approx(mean, abs=4 * sd / np.sqrt(n))
    assert found.std() == pytest.approx(sd, rel=0.02)


def test_fewer_events_are_less_information(psa):
    parameter = psa.inputs.parameters[RATES[0]]
    full, half = (study_estimate(parameter, np.ones(20_000), 100, seed=1, share_with_event=s).std() for s in (1.0, 0.5))
    assert half / full == pytest.approx(np.sqrt(2), rel=0.03)


def test_bad_studies_are_refused_with_all_their_faults(psa):
    with pytest.raises(
        InputError, match=r"the spread between people is not known.*standard deviation between people, in utility"
    ):
        evsi_table(psa, "u_progressed", [100])
    with pytest.raises(InputError, match=r"u_progresed.*not among those that were drawn.*u_progressed"):
        evsi_table(psa, "u_progresed", [100])
    with pytest.raises(InputError, match="no study is known that observes such a ratio"):
        evsi_table(psa, "ratio_pfs_to_ttp_dexamethasone", [100])
    with pytest.raises(InputError, match=r"0 is not a number of people"):
        evsi_table(psa, RATES, [0])
    with pytest.raises(InputError, match="leaves one event or more"):
        evsi_table(psa, RATES, [10], share_with_event=0.01)


def test_inputs_without_a_population_size_are_told_what_to_add(psa):
    from dataclasses import replace

    fewer = {n: p for n, p in psa.inputs.parameters.items() if n != "n_eligible"}
    with pytest.raises(InputError, match=r"Add n_eligible to parameters.csv"):
        persons(replace(psa.inputs, parameters=fewer))
