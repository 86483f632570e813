"""Acceptability curves and frontier.

Pitfalls guarded here: curves that do not sum to one where strategies tie; a frontier that follows the highest
probability in place of the highest expected net benefit; pairwise probabilities passed off as multi-strategy
ones; strategies mixed up between columns and names.
"""

from __future__ import annotations

from math import erf, sqrt
from typing import Any

import numpy as np
import pytest

from hemodel.decision.acceptability import (
    acceptability_curve,
    acceptability_frontier,
    probability_cost_effective,
)
from hemodel.decision.incremental import incremental_analysis
from hemodel.decision.net_benefit import net_monetary_benefit
from hemodel.errors import InputError

THRESHOLDS = np.arange(0, 100_001, 2_500)


def random_draws(seed: int, n_draws: int = 400, n_strategies: int = 5) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    costs = generator.gamma(4, 5_000, (n_draws, n_strategies)) + 8_000 * np.arange(n_strategies)
    return costs, generator.normal(5, 0.6, (n_draws, n_strategies)) + 0.2 * np.arange(n_strategies)


def draws_full_of_ties(seed: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    return generator.integers(0, 3, (300, 4)) * 10_000.0, generator.integers(0, 3, (300, 4)) * 1.0


def test_curves_sum_to_one_at_every_threshold_ties_or_not() -> None:
    for costs, effects in (random_draws(1), draws_full_of_ties(2), (np.ones((7, 3)), np.ones((7, 3)))):
        curve = acceptability_curve(costs, effects, THRESHOLDS)
        np.testing.assert_allclose(curve.sum(axis=1), 1, rtol=0, atol=1e-12)
        assert curve.to_numpy().min() >= 0


def test_curve_counts_by_hand_draw_by_draw() -> None:
    costs, effects = random_draws(3, n_draws=60, n_strategies=4)
    curve = acceptability_curve(costs, effects, THRESHOLDS, names=["a", "b", "c", "d"])
    for row, threshold in enumerate(THRESHOLDS):
        wins = dict.fromkeys("abcd", 0)
        for draw in range(60):
            benefits = [threshold * effects[draw, s] - costs[draw, s] for s in range(4)]
            wins["abcd"[benefits.index(max(benefits))]] += 1
        assert curve.to_numpy()[row].tolist() == [wins[name] / 60 for name in "abcd"]


def test_ties_are_shared_equally() -> None:
    costs = np.array([[0.0, 0.0, 5.0], [9.0, 1.0, 1.0], [2.0, 2.0, 2.0], [0.0, 4.0, 4.0]])
    curve = acceptability_curve(costs, np.zeros((4, 3)), [20_000])
    # shares per draw: 1/2 1/2 0, then 0 1/2 1/2, then a third each, then 1 0 0
    expected = [(1 / 2 + 1 / 3 + 1) / 4, (1 / 2 + 1 / 2 + 1 / 3) / 4, (1 / 2 + 1 / 3) / 4]
    np.testing.assert_allclose(curve.iloc[0], expected, rtol=1e-15)


def test_a_duplicated_strategy_halves_its_curve_and_leaves_the_others() -> None:
    costs, effects = random_draws(4)
    alone = acceptability_curve(costs, effects, THRESHOLDS).to_numpy()
    twice = acceptability_curve(costs[:, [0, 1, 2, 3, 4, 4]], effects[:, [0, 1, 2, 3, 4, 4]], THRESHOLDS).to_numpy()
    np.testing.assert_allclose(twice[:, :4], alone[:, :4], rtol=0, atol=1e-12)
    np.testing.assert_allclose(twice[:, 4], alone[:, 4] / 2, rtol=0, atol=1e-12)
    np.testing.assert_allclose(twice[:, 5], alone[:, 4] / 2, rtol=0, atol=1e-12)


def test_two_strategies_follow_the_normal_closed_form() -> None:
    # independent increments, cost N(20000, sd 6000) and effect N(1, sd 0.4), at threshold k:
    # P = Phi((k - 20000) / sqrt((0.4 k)^2 + 6000^2))
    n_draws = 200_000
    generator = np.random.default_rng(11)
    costs = np.column_stack([np.zeros(n_draws), generator.normal(20_000, 6_000, n_draws)])
    effects = np.column_stack([np.zeros(n_draws), generator.normal(1, 0.4, n_draws)])
    curve = acceptability_curve(costs, effects, [10_000, 20_000, 30_000, 60_000])["strategy 2"]
    for threshold, found in zip(curve.index.tolist(), curve.tolist(), strict=True):
        spread = sqrt((0.4 * threshold) ** 2 + 6_000**2)
        truth = 0.5 * (1 + erf((threshold - 20_000) / spread / sqrt(2)))
        assert found == pytest.approx(truth, abs=4 * sqrt(0.25 / n_draws))


def test_threshold_zero_gives_the_probability_of_being_cheapest() -> None:
    costs, effects = random_draws(5)
    curve = acceptability_curve(costs, effects, [0])
    cheapest = np.bincount(costs.argmin(axis=1), minlength=5) / len(costs)
    np.testing.assert_array_equal(curve.iloc[0], cheapest)


def test_frontier_follows_the_highest_expected_net_benefit() -> None:
    for costs, effects in (random_draws(6), random_draws(7), draws_full_of_ties(8)):
        n_strategies = costs.shape[1]
        frontier = acceptability_frontier(costs, effects, THRESHOLDS[1:])
        curve = acceptability_curve(costs, effects, THRESHOLDS[1:])
        for threshold in THRESHOLDS[1:].tolist():
            row = frontier.loc[threshold]
            expected = net_monetary_benefit(costs, effects, threshold).mean(axis=0)
            best = [f"strategy {s + 1}" for s in range(n_strategies) if expected[s] >= expected.max() - 1e-6]
            assert row["strategy"] in best
            assert row["probability"] == curve[row["strategy"]][threshold]
            assert row["expected_net_monetary_benefit"] == pytest.approx(expected.max(), abs=1e-6)


def test_frontier_may_choose_the_less_probable_strategy() -> None:
    # "new" is worse in two draws of three, but by little; and much better in the third
    costs = np.zeros((3, 2))
    effects = np.array([[0.1, 0.0], [0.1, 0.0], [0.0, 3.0]])
    frontier = acceptability_frontier(costs, effects, [20_000], ["old", "new"])
    assert frontier.loc[20_000, "strategy"] == "new"
    assert frontier.loc[20_000, "probability"] == pytest.approx(1 / 3)
    assert acceptability_curve(costs, effects, [20_000], ["old", "new"]).loc[20_000, "old"] == pytest.approx(2 / 3)


def test_frontier_switches_at_the_icers_of_the_incremental_analysis() -> None:
    costs, effects = random_draws(9)
    names = list("abcde")
    table = incremental_analysis(names, costs, effects)
    on_frontier = table[table["status"].isin(["reference", "on frontier"])]
    assert len(on_frontier) >= 3
    steps = list(zip(on_frontier["strategy"], on_frontier["strategy"][1:], on_frontier["icer"][1:], strict=False))
    for before, after, price in steps:
        frontier = acceptability_frontier(costs, effects, [price * (1 - 1e-9), price * (1 + 1e-9)], names)
        assert frontier["strategy"].tolist() == [before, after]


def test_probability_at_one_threshold_is_the_curve_with_its_binomial_error() -> None:
    costs, effects = random_draws(10)
    found = probability_cost_effective(costs, effects, 30_000)
    curve = acceptability_curve(costs, effects, [30_000]).iloc[0]
    np.testing.assert_array_equal(found.probability, curve)
    np.testing.assert_allclose(found.standard_error, np.sqrt(curve * (1 - curve) / 400), rtol=1e-12)


def test_the_standard_error_is_the_spread_of_repeated_analyses() -> None:
    repeats = [probability_cost_effective(*random_draws(seed, 200, 3), 30_000) for seed in range(100, 500)]
    spread = np.std([one.probability for one in repeats], axis=0, ddof=1)
    claimed = np.mean([one.standard_error for one in repeats], axis=0)
    np.testing.assert_allclose(claimed, spread, rtol=4 / sqrt(2 * 400))  # sd of 400 values: known to 3.5 %


def test_names_and_thresholds_label_the_table() -> None:
    costs, effects = random_draws(12, n_strategies=2)
    curve = acceptability_curve(costs, effects, [20_000, 30_000], ["dexamethasone", "lenalidomide"])
    assert curve.columns.tolist() == ["dexamethasone", "lenalidomide"]
    assert curve.index.tolist() == [20_000, 30_000]
    assert curve.index.name == "threshold"


@pytest.mark.parametrize(
    ("thresholds", "names", "message"),
    [
        ([-1], None, "thresholds: -1 is not a threshold"),
        ([], None, r"thresholds: the shape is \(0,\)"),
        (20_000, None, r"thresholds: the shape is \(\)"),
        ([float("nan")], None, "thresholds: 1 of 1 values is not finite"),
        ([20_000], ["a", "b"], "names: .* do not name 5 strategies"),
        ([20_000], ["a", "b", "c", "d", "d"], "names: .* do not name 5 strategies"),
    ],
)
def test_wrong_thresholds_and_names_are_refused(thresholds: Any, names: list[str] | None, message: str) -> None:
    for function in (acceptability_curve, acceptability_frontier):
        with pytest.raises(InputError, match=message):
            function(*random_draws(13), thresholds, names)


def test_draws_that_do_not_fit_each_other_are_refused_with_every_fault() -> None:
    costs, effects = random_draws(14)
    with pytest.raises(InputError, match=r"costs have shape \(400, 5\), effects \(399, 5\)"):
        acceptability_curve(costs, effects[1:], [20_000])
    with pytest.raises(InputError) as caught:
        probability_cost_effective(costs[0], np.full((2, 5), np.nan), 20_000)
    assert [fault.where for fault in caught.value.faults] == ["costs", "effects"]
    with pytest.raises(InputError, match="costs: the number of draws is 0"):
        acceptability_frontier(np.empty((0, 2)), np.empty((0, 2)), [20_000])
