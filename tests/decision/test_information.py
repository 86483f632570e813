"""Expected value of perfect information.

Pitfalls guarded here: an EVPI below zero through rounding; the maximum taken over draws in place of
strategies; a standard error of the net benefit in place of the one of the loss; costs that shift every
strategy alike changing the value; a standard error lost when the value is copied or sent to another process.
"""

from __future__ import annotations

import copy
import pickle
from math import sqrt
from typing import Any

import numpy as np
import pytest
from scipy.special import betaincinv, ndtri
from scipy.stats import norm

from hemodel.decision.information import InformationValue, evpi
from hemodel.errors import InputError

TWO_NORMALS = 0.47981071  # voi vignette: NB = (0, p1 - p2), p1 ~ N(1, 1), p2 ~ N(0, sd 2)
GODA = 0.56418958  # Goda's multilevel toy: NB = (0, x + y), both standard normal; 1 / sqrt(pi)
BETA_BINOMIAL = 869.00625861  # NB = (0, 20000 theta - 5500), theta ~ Beta(3, 7)


def against_nothing(increment: np.ndarray) -> np.ndarray:
    return np.column_stack([np.zeros(len(increment)), increment])


def midpoints(n_draws: int) -> np.ndarray:
    """Equal-probability grid: the middles of n cells of (0, 1)."""
    return (np.arange(n_draws) + 0.5) / n_draws


# Closed forms, on grids of quantiles ----------------------------------------------------------------------


def test_two_normals_on_a_grid_have_the_known_evpi() -> None:
    found = evpi(against_nothing(1 + sqrt(5) * ndtri(midpoints(1_000_000))))
    assert found == pytest.approx(TWO_NORMALS, abs=5e-7)  # the grid's own error falls as 1 / n: 1.5e-7 here


def test_goda_toy_on_a_grid_has_the_known_evpi() -> None:
    found = evpi(against_nothing(sqrt(2) * ndtri(midpoints(1_000_000))))
    assert found == pytest.approx(GODA, abs=5e-7)


def test_beta_binomial_on_a_grid_has_the_known_evpi() -> None:
    found = evpi(against_nothing(20_000 * betaincinv(3, 7, midpoints(200_000)) - 5_500))
    assert found == pytest.approx(BETA_BINOMIAL, abs=1e-4)


def test_the_grid_of_two_parameters_agrees_with_the_grid_of_their_difference() -> None:
    nodes = ndtri(midpoints(1_500))
    first, second = np.meshgrid(1 + nodes, 2 * nodes)
    found = evpi(np.column_stack([np.zeros(first.size), (first - second).ravel()]))
    assert found == pytest.approx(TWO_NORMALS, abs=1e-3)  # 1,500 nodes cut the tails of each parameter


def test_two_point_distribution_by_hand() -> None:
    # with probability 1/4 the new strategy loses 8,000, otherwise gains 4,000: choose it, regret 8,000 / 4
    assert evpi([[0, -8_000], [0, 4_000], [0, 4_000], [0, 4_000]]) == 2_000.0


def test_three_strategies_with_two_independent_normals() -> None:
    # E max(0, X, Y) for independent standard normals: integral of 1 - Phi(t)^2 over t > 0; means are all 0
    t = (np.arange(200_000) + 0.5) * (10 / 200_000)
    truth = float(((1 - norm.cdf(t) ** 2) * 10 / 200_000).sum())
    nodes = ndtri(midpoints(1_000))
    x, y = (table.ravel() for table in np.meshgrid(nodes, nodes))
    assert evpi(np.column_stack([np.zeros(x.size), x, y])) == pytest.approx(truth, abs=1e-3)


# Draws and their error ------------------------------------------------------------------------------------


def test_random_draws_hit_the_known_values_within_their_standard_error() -> None:
    generator = np.random.default_rng(42)
    n_draws = 200_000
    normals = generator.normal(1, 1, n_draws) - generator.normal(0, 2, n_draws)
    toy = generator.normal(0, 1, (n_draws, 2)).sum(axis=1)
    beta = 20_000 * generator.beta(3, 7, n_draws) - 5_500
    for increment, truth in ((normals, TWO_NORMALS), (toy, GODA), (beta, BETA_BINOMIAL)):
        found = evpi(against_nothing(increment))
        assert abs(found - truth) < 4 * found.standard_error
        assert found.standard_error < 0.01 * truth


def test_the_standard_error_is_the_spread_of_repeated_analyses() -> None:
    generator = np.random.default_rng(3)
    repeats = [evpi(against_nothing(generator.normal(1, sqrt(5), 2_000))) for _ in range(600)]
    spread = np.std(repeats, ddof=1)
    claimed = np.mean([found.standard_error for found in repeats])
    assert claimed == pytest.approx(spread, rel=4 / sqrt(2 * 600))  # an sd of 600 values is known to 2.9 %
    covered = [abs(found - TWO_NORMALS) < 1.959964 * found.standard_error for found in repeats]
    assert np.mean(covered) == pytest.approx(0.95, abs=0.03)


def test_it_is_the_mean_of_the_best_minus_the_best_of_the_means() -> None:
    benefit = np.random.default_rng(5).normal(20_000, 5_000, (500, 4))
    assert evpi(benefit) == pytest.approx(benefit.max(axis=1).mean() - benefit.mean(axis=0).max(), abs=1e-9)


# Properties -----------------------------------------------------------------------------------------------


def test_it_is_exactly_zero_when_one_strategy_is_always_best() -> None:
    generator = np.random.default_rng(6)
    worse = generator.normal(0.1, 1 / 3, 1_000)
    benefit = np.column_stack([worse, worse + generator.uniform(0.1, 1, 1_000)])
    assert evpi(benefit).value == 0
    assert evpi(benefit).standard_error == 0
    assert evpi(np.full((10, 3), 0.1)).value == 0
    assert evpi(worse[:, None]).value == 0


def test_it_is_never_negative_whatever_the_rounding() -> None:
    generator = np.random.default_rng(8)
    for _ in range(300):
        benefit = generator.normal(1e9, 1e-3, (17, 1)) + np.array([0.0, 0.1 + 0.2, 0.3])
        assert evpi(benefit) >= 0


def test_what_all_strategies_share_does_not_matter_and_scale_does() -> None:
    generator = np.random.default_rng(9)
    benefit = generator.normal(0, 1, (1_000, 3))
    shared = generator.normal(0, 10, (1_000, 1))
    assert evpi(benefit + shared) == pytest.approx(evpi(benefit), abs=1e-12)
    assert evpi(3 * benefit) == pytest.approx(3 * evpi(benefit), abs=1e-12)
    assert evpi(3 * benefit).standard_error == pytest.approx(3 * evpi(benefit).standard_error, abs=1e-12)


def test_the_order_of_draws_and_strategies_does_not_matter() -> None:
    generator = np.random.default_rng(10)
    benefit = generator.normal(0, 1, (1_000, 3))
    shuffled = generator.permutation(benefit)[:, [2, 0, 1]]
    assert evpi(shuffled) == pytest.approx(evpi(benefit), abs=1e-12)


# The number that knows its error --------------------------------------------------------------------------


def test_the_value_is_a_float_and_keeps_its_standard_error_when_copied_or_pickled() -> None:
    found = evpi([[0, 10], [0, -6]])
    assert isinstance(found, float)
    assert found.value == 3.0
    assert type(found.value) is float
    assert found.standard_error == pytest.approx(3.0, rel=1e-14)  # losses 0 and 6: sd 3 sqrt(2), over sqrt(2)
    for twin in (copy.copy(found), copy.deepcopy(found), pickle.loads(pickle.dumps(found))):
        assert isinstance(twin, InformationValue)
        assert (twin.value, twin.standard_error) == (found.value, found.standard_error)


def test_the_value_cannot_be_changed() -> None:
    found = evpi([[0, 10], [0, -6]])
    with pytest.raises(AttributeError):
        found.standard_error = 0.0  # type: ignore[misc]
    with pytest.raises(AttributeError):
        found.value = 0.0  # type: ignore[misc]


@pytest.mark.parametrize(
    ("benefit", "message"),
    [
        ([1.0, 2.0], r"net benefit: the shape is \(2,\)"),
        ([[1.0, 2.0]], "net benefit: the number of draws is 1, too few. Give at least 2 draws"),
        (
            [[1.0, 2.0], [np.nan, 2.0]],
            r"net benefit: 1 of 4 values is not finite \(the first is at \[1, 0\]\)",
        ),
        ([["a"]], "net benefit: these are not numbers"),
        (np.empty((5, 0)), r"net benefit: the shape is \(5, 0\)"),
        (np.ones((2, 2, 2)), r"net benefit: the shape is \(2, 2, 2\)"),
    ],
)
def test_what_is_no_table_of_draws_is_refused(benefit: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        evpi(benefit)
