"""Expected value of sample information, its scaling to a population, and the net benefit of sampling.

Pitfalls guarded here: the spread of the data taken for the spread of the posterior mean; a share n / (n + n0) without its square
root; a study worth more than knowing the parameter; a first year discounted, or a part of a year counted as a whole; the cost of a
study counted per person of the population; a standard error left behind by the scaling.
"""

from __future__ import annotations

from math import inf, nan, sqrt
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import ndtri

from hemodel.decision.information import (
    InformationValue,
    discounted_persons,
    evpi,
    evppi,
    evsi,
    evsi_normal,
    expected_net_benefit_of_sampling,
    population_value,
)
from hemodel.errors import InputError

Floats = NDArray[np.float64]

# NB = (0, p1 - p2), p1 ~ N(1, 1), p2 ~ N(0, sd 2); n observations of sd 1: the unit normal loss of the posterior mean
FIRST = {1: 0.02512727, 5: 0.06320692, 10: 0.07232512, 50: 0.08094329, 100: 0.08211761}
SECOND = {1: 0.32234183, 5: 0.37867589, 10: 0.38696655, 50: 0.39383991, 100: 0.39471474}
# NB = (0, 20000 theta - 5500), theta ~ Beta(3, 7); n Bernoulli observations: by enumeration
BETA_BINOMIAL = {1: 31.81818182, 5: 398.6013986, 10: 558.0495356, 20: 668.76596667, 50: 773.89363425, 100: 817.79410761}
BETA_BINOMIAL[500] = 858.13999291
BETA_BINOMIAL_PERFECT = 869.00625861


def against_nothing(increment: Floats) -> Floats:
    return np.column_stack([np.zeros(len(increment)), increment])


def two_normals(n_draws: int, seed: int) -> tuple[Floats, Floats]:
    p = np.random.default_rng(seed).normal([1, 0], [1, 2], (n_draws, 2))
    return against_nothing(p[:, 0] - p[:, 1]), p


# Known values -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("place", "known"), [(0, FIRST), (1, SECOND)])
def test_normal_data_have_their_known_value_by_regression_on_the_mean(place: int, known: dict[int, float]) -> None:
    benefit, p = two_normals(20_000, 61)
    generator = np.random.default_rng(62)
    for n, truth in known.items():
        found = evsi(benefit, p[:, place] + generator.normal(0, 1 / sqrt(n), 20_000))
        assert abs(found - truth) < 3 * found.standard_error, n
        assert found.standard_error < 0.25 * truth


@pytest.mark.parametrize(("place", "known", "prior"), [(0, FIRST, 1.0), (1, SECOND, 0.25)])
def test_normal_data_have_their_known_value_by_the_gaussian_approximation(
    place: int, known: dict[int, float], prior: float
) -> None:
    benefit, p = two_normals(20_000, 63)
    found = evsi_normal(benefit, p[:, place], list(known), prior_sample_size=prior)
    assert list(found) == list(known)
    for n, truth in known.items():
        assert abs(found[n] - truth) < 3 * found[n].standard_error, n
        assert found[n].standard_error < 0.13 * truth


def test_beta_binomial_data_have_their_known_value_by_regression_on_the_share() -> None:
    generator = np.random.default_rng(64)
    theta = generator.beta(3, 7, 20_000)
    benefit = against_nothing(20_000 * theta - 5_500)
    for n, truth in BETA_BINOMIAL.items():
        found = evsi(benefit, generator.binomial(n, theta) / n)
        assert abs(found - truth) < 3 * found.standard_error, n
        assert found.standard_error < 0.035 * truth or n == 1


def test_beta_binomial_data_are_close_to_gaussian_from_twenty_persons_on() -> None:
    theta = np.random.default_rng(65).beta(3, 7, 50_000)
    sizes = [n for n in BETA_BINOMIAL if n >= 20]
    found = evsi_normal(against_nothing(20_000 * theta - 5_500), theta, sizes, prior_sample_size=10)
    for n in sizes:
        assert found[n] == pytest.approx(BETA_BINOMIAL[n], rel=0.02), n


def test_two_statistics_of_one_study_are_used_together() -> None:
    generator = np.random.default_rng(66)
    p = generator.normal(0, 1, (20_000, 2))
    data = p + generator.normal(0, sqrt(1 / 4), (20_000, 2))  # 4 observations of sd 1 on each: posterior mean 0.8 of the data
    found = evsi(against_nothing(p.sum(axis=1)), data)
    assert abs(found - sqrt(2 * 0.8 / (2 * np.pi))) < 3 * found.standard_error  # sd sqrt(1.6), times 1 / sqrt(2 pi)


def test_three_strategies_agree_with_quadrature() -> None:
    slope, level = np.array([[0.0, 0.0], [800.0, -300.0], [-200.0, 900.0]]), np.array([100.0, 0.0, -150.0])
    nodes = ndtri((np.arange(1_000) + 0.5) / 1_000)
    grid = np.array(np.meshgrid(nodes, nodes)).reshape(2, -1).T
    generator = np.random.default_rng(67)
    x = generator.normal(size=(20_000, 2))
    benefit = x @ slope.T + level + generator.normal(0, 500, (20_000, 3))
    found = evsi_normal(benefit, x, [2, 20], prior_sample_size=6)
    for n, value in found.items():
        truth = (sqrt(n / (n + 6)) * grid @ slope.T + level).max(axis=1).mean() - 100
        assert abs(value - truth) < 3 * value.standard_error
        assert value.standard_error < 0.03 * truth


# Standard error and properties ------------------------------------------------------------------------------------------------


def test_the_standard_error_of_the_gaussian_approximation_is_the_spread_of_repeated_analyses() -> None:
    repeats = []
    for seed in range(100):
        benefit, p = two_normals(1_000, 2_000 + seed)
        repeats.append(evsi_normal(benefit, p[:, 1], 1, prior_sample_size=0.25)[1])
    spread = float(np.std(repeats, ddof=1))
    assert np.mean([found.standard_error for found in repeats]) == pytest.approx(spread, rel=4 / sqrt(2 * 100))
    assert np.mean(repeats) == pytest.approx(SECOND[1], abs=3 * spread / sqrt(100))


def test_perfect_is_worth_more_than_partial_and_partial_more_than_a_sample() -> None:
    benefit, p = two_normals(5_000, 68)
    data = p[:, 1] + np.random.default_rng(69).normal(0, 1, 5_000)
    everything, partial, sample = evpi(benefit), evppi(benefit, p[:, 1]), evsi(benefit, data)
    assert everything >= partial >= sample - 2 * sample.standard_error
    assert sample > 0


def test_a_larger_study_is_worth_more_up_to_perfect_information() -> None:
    benefit, p = two_normals(5_000, 70)
    perfect = evppi(benefit, p[:, 1])
    found = evsi_normal(benefit, p[:, 1], [0, 1, 5, 25, 1e12], prior_sample_size=0.25)
    assert (found[0].value, found[0].standard_error, found[0].plug_in) == (0, 0, 0)
    assert list(found.values()) == sorted(found.values())
    assert (found[1e12].value, found[1e12].standard_error) == pytest.approx((perfect.value, perfect.standard_error), rel=1e-5)


def test_a_study_that_only_makes_noise_is_worth_nothing() -> None:
    benefit, _ = two_normals(4_000, 71)
    assert evsi(benefit, np.random.default_rng(72).normal(size=(4_000, 2))) < 0.01 * evpi(benefit)


def test_one_size_may_be_a_number() -> None:
    benefit, p = two_normals(200, 73)
    assert evsi_normal(benefit, p[:, 1], 5, prior_sample_size=0.25) == evsi_normal(benefit, p[:, 1], [5], prior_sample_size=0.25)


# Population and cost of sampling ----------------------------------------------------------------------------------------------


def test_the_population_is_the_sum_of_discounted_cohorts() -> None:
    by_hand = 2_000 + 2_000 / 1.035 + 2_000 / 1.035**2 + 0.5 * 2_000 / 1.035**3
    assert discounted_persons(2_000, 3.5, 0.035) == pytest.approx(by_hand, rel=1e-14)
    assert discounted_persons([0, 0, 500], 3, 0.25) == pytest.approx(320, rel=1e-14)  # 500 / 1.25 ** 2
    assert discounted_persons(2_000, 0.25, 0.035) == 500
    assert discounted_persons(2_000, 10, 0) == 20_000


def test_scaling_takes_everything_along() -> None:
    found = population_value(
        InformationValue(2.0, 0.5, 3.0, "spline"), incidence_per_year=100, horizon_years=1, discount_rate=0.035
    )
    assert repr(found) == "InformationValue(200.0, standard_error=50.0, plug_in=300.0, method='spline')"
    plain = population_value(2, incidence_per_year=100, horizon_years=1, discount_rate=0.035)
    assert repr(plain) == "InformationValue(200.0, standard_error=0.0)"


def test_net_benefit_of_sampling_by_hand() -> None:
    sizes = {200: InformationValue(9.0, 0.2), 50: InformationValue(6.0, 0.3)}
    table = expected_net_benefit_of_sampling(
        sizes, incidence_per_year=[0, 1_250], horizon_years=2, discount_rate=0.25, fixed_cost=1_000, cost_per_person=20
    )  # 1,000 discounted persons, from the year in which the study is reported
    assert table.index.tolist() == [50, 200]
    assert table.index.name == "sample_size"
    assert table["evsi"].tolist() == [6, 9]
    assert table["se_evsi"].tolist() == [0.3, 0.2]
    assert table["population_evsi"].tolist() == [6_000, 9_000]
    assert table["cost"].tolist() == [2_000, 5_000]
    assert table["net_benefit_of_sampling"].tolist() == [4_000, 4_000]
    assert table["se_net_benefit_of_sampling"].tolist() == [300, 200]


def test_the_best_size_of_a_study_lies_between_none_and_all() -> None:
    benefit, p = two_normals(5_000, 74)
    found = evsi_normal(1_000 * benefit, p[:, 1], [0, 1, 2, 5, 10, 20, 50, 100, 1_000], prior_sample_size=0.25)
    table = expected_net_benefit_of_sampling(
        found, incidence_per_year=100, horizon_years=5, discount_rate=0.035, fixed_cost=0, cost_per_person=500
    )
    best = table["net_benefit_of_sampling"]
    assert best.loc[0] == 0
    assert best.idxmax() in (2, 5, 10)
    assert best.loc[1_000] < 0


# Rejection --------------------------------------------------------------------------------------------------------------------


def test_data_that_do_not_fit_are_refused_by_their_own_name() -> None:
    benefit, p = two_normals(20, 75)
    with pytest.raises(InputError, match=r"^net benefit, summaries: summaries have 19 rows, net benefit has 20"):
        evsi(benefit, p[1:])
    with pytest.raises(InputError, match=r"^summaries: the shape is \(\)"):
        evsi(benefit, 1.0)


@pytest.mark.parametrize("prior", [0, -1, nan, inf, "10"])
def test_a_prior_sample_size_that_is_none_is_refused(prior: Any) -> None:
    benefit, p = two_normals(20, 76)
    with pytest.raises(InputError, match=r"^prior sample size: .* will not do. Give a number above 0"):
        evsi_normal(benefit, p, [10], prior_sample_size=prior)


def test_faults_of_a_study_are_named_together() -> None:
    benefit, p = two_normals(20, 77)
    with pytest.raises(InputError) as caught:
        evsi_normal(benefit, p[1:], [10, -5], prior_sample_size=0)
    assert [fault.where for fault in caught.value.faults] == ["prior sample size", "sample sizes", "net benefit, parameters"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"incidence_per_year": -1}, "^incidence per year: -1 is no number of persons"),
        ({"incidence_per_year": nan}, "^incidence per year: nan is not finite"),
        ({"incidence_per_year": [1, 2, 3]}, r"^incidence per year: the shape is \(3,\), the horizon has 2 years"),
        ({"horizon_years": 0}, "^horizon years: 0 will not do. Give a number above 0"),
        ({"discount_rate": -0.1}, "^discount rate: -0.1 will not do. Give a number of 0 or more"),
    ],
)
def test_a_population_that_is_none_is_refused(change: dict[str, Any], message: str) -> None:
    people: dict[str, Any] = {"incidence_per_year": 100, "horizon_years": 2, "discount_rate": 0.035, **change}
    with pytest.raises(InputError, match=message):
        population_value(1.0, **people)


def test_costs_sizes_and_values_below_nothing_are_refused_together() -> None:
    with pytest.raises(InputError) as caught:
        expected_net_benefit_of_sampling(
            {-5: -1.0}, incidence_per_year=1, horizon_years=1, discount_rate=0, fixed_cost=-1, cost_per_person=inf
        )
    places = [fault.where for fault in caught.value.faults]
    assert places == ["fixed cost", "cost per person", "sample sizes", "EVSI at sample size -5"]
    with pytest.raises(InputError, match=r"^value per person: nan will not do"):
        population_value(nan, incidence_per_year=1, horizon_years=1, discount_rate=0)
