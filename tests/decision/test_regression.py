"""Regression of draws on parameters, every draw predicted by a fit that has not seen it.

Pitfalls guarded here: a draw with a say in its own prediction; folds in step with a period of the draws; a smooth fit drawn
across a jump, and trees let loose on what is smooth; noise taken for structure; a few large values of a skewed parameter ruling
the fit; columns that repeat or never vary making the equations singular; more columns than draws; another answer the second time.
"""

from __future__ import annotations

import re

import numpy as np
import pytest
from numpy.typing import NDArray

from hemodel.decision.regression import _BINS, _LEAF, _gains, cross_fitted, folds, scores, standardised

Floats = NDArray[np.float64]


def unexplained(expected: Floats, truth: Floats) -> float:
    """Mean squared error of the predictions over the variance of the truth."""
    return float(((expected[:, 0] - truth) ** 2).mean() / truth.var())


def noisy(truth: Floats, noise: float, seed: int = 1) -> Floats:
    return (truth + np.random.default_rng(seed).normal(0, noise, len(truth)))[:, None]


# Folds ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n_draws", [10, 11, 99, 1_000, 4_096, 12_345])
def test_folds_are_of_one_size(n_draws: int) -> None:
    counts = np.bincount(folds(n_draws), minlength=5)
    assert counts.sum() == n_draws
    assert abs(counts - n_draws / 5).max() <= 2


@pytest.mark.parametrize("period", [2, 3, 5, 8, 10, 25, 64])
def test_folds_do_not_keep_step_with_a_period_of_the_draws(period: int) -> None:
    fold = folds(20_000)
    for phase in range(period):
        counts = np.bincount(fold[phase::period], minlength=5)
        assert counts == pytest.approx(np.full(5, 4_000 / period), abs=15 + 0.05 * 4_000 / period)


def test_a_draw_has_no_say_in_its_own_prediction() -> None:
    x = np.random.default_rng(2).normal(size=(500, 2))
    y = noisy(x[:, 0] * x[:, 1], 0.5)
    changed = y.copy()
    changed[123] += 0.01  # too little to change which penalty or degree is chosen
    before, after = cross_fitted(x, y), cross_fitted(x, changed)
    moved = abs(after.expected - before.expected)[:, 0]
    assert before.method == after.method == "polynomial of degree 2"
    own = folds(500) == folds(500)[123]
    assert moved[own].max() < 1e-9
    assert np.median(moved[~own]) > 1e-6


# Which fit is chosen, and how well it does ----------------------------------------------------------------------------------


def test_a_wave_of_one_parameter_is_found_by_the_spline() -> None:
    x = np.random.default_rng(3).normal(size=4_000)
    truth = np.sin(3 * x)
    fit = cross_fitted(x[:, None], noisy(truth, 1.0))
    assert fit.method == "spline"
    assert unexplained(fit.expected, truth) < 0.02


def test_products_of_parameters_are_found_by_the_polynomial() -> None:
    x = np.random.default_rng(4).normal(size=(2_000, 4))
    truth = x[:, 0] * x[:, 1] * x[:, 2] + x[:, 3]
    exact = cross_fitted(x, truth[:, None])
    assert exact.method == "polynomial of degree 3"
    assert unexplained(exact.expected, truth) < 1e-10
    assert unexplained(cross_fitted(x, noisy(truth, 1.0)).expected, truth) < 0.04


def test_a_jump_needs_trees_and_a_smooth_response_has_none() -> None:
    x = np.random.default_rng(5).normal(size=(5_000, 2))
    jump = np.where(x[:, 0] > 0.8, 2.0, 0.0)
    fit = cross_fitted(x, noisy(jump, 1.0))
    assert "trees" in fit.method
    assert unexplained(fit.expected, jump) < 0.04  # a polynomial of degree 5 leaves 0.25
    smooth = x[:, 0] + x[:, 1] ** 2
    for seed in range(5):
        assert "trees" not in cross_fitted(x, noisy(smooth, 1.0, seed)).method


def test_a_smooth_response_with_a_kink_gets_both() -> None:
    x = np.random.default_rng(6).normal(size=(5_000, 2))
    truth = np.maximum(0, x[:, 0] * x[:, 1]) + x[:, 0]
    fit = cross_fitted(x, noisy(truth, 0.3))
    assert fit.method.startswith("polynomial of degree") and fit.method.endswith("trees")
    assert unexplained(fit.expected, truth) < 0.03


def test_noise_is_not_taken_for_structure() -> None:
    generator = np.random.default_rng(7)
    for n_draws, k in ((500, 1), (500, 6), (4_000, 1), (4_000, 6)):
        found = cross_fitted(generator.normal(size=(n_draws, k)), generator.normal(size=(n_draws, 1))).expected
        assert found.var() < 10 / n_draws


def test_the_tail_of_a_skewed_parameter_does_not_rule_the_fit() -> None:
    z = np.random.default_rng(8).normal(size=(4_000, 2))
    x = np.exp(1.5 * z)
    truth = np.exp(-x[:, 0]) * z[:, 1]
    fit = cross_fitted(x, noisy(truth, 0.2))
    assert "normal scores" in fit.method
    assert unexplained(fit.expected, truth) < 0.05


def test_scores_are_for_skewed_columns_only() -> None:
    z = standardised(np.random.default_rng(9).normal(size=(1_000, 1)))
    u = standardised(np.arange(1_000.0)[:, None])
    flag = standardised((np.arange(1_000.0) % 4 == 0)[:, None].astype(float))
    for column in (z, u, flag):
        assert np.array_equal(scores(column), column)
    skewed = standardised(np.exp(2 * z))
    assert np.corrcoef(scores(skewed)[:, 0], z[:, 0])[0, 1] > 0.999


# Columns that say nothing, few draws, several responses ---------------------------------------------------------------------


def test_columns_that_never_vary_or_repeat_change_no_bit() -> None:
    generator = np.random.default_rng(10)
    x = generator.normal(size=(1_000, 2))
    y = noisy(x[:, 0] * x[:, 1], 0.5)
    plain = cross_fitted(x, y).expected
    padded = np.column_stack([x[:, 0], np.full(1_000, 0.1), x[:, 1], x[:, 0], 5 * x[:, 1] - 3, np.full(1_000, -1e-300)])
    assert np.array_equal(cross_fitted(padded, y).expected, plain)
    nothing = cross_fitted(padded[:, [1]], y)
    assert nothing.method == "mean"
    assert nothing.expected == pytest.approx(np.full((1_000, 1), y.mean()), abs=0.1)


def test_columns_that_sum_to_one_are_no_obstacle() -> None:
    x = np.random.default_rng(11).dirichlet([3, 4, 5], 2_000)
    truth = x[:, 0] * x[:, 2]
    assert unexplained(cross_fitted(x, truth[:, None]).expected, truth) < 1e-6


def test_more_columns_than_draws_are_no_obstacle() -> None:
    x = np.random.default_rng(12).normal(size=(60, 100))
    found = cross_fitted(x, x[:, [0]] + x[:, [1]]).expected
    assert np.isfinite(found).all()
    assert found.var() < 2


def test_ten_draws_are_enough_to_run() -> None:
    x = np.arange(10.0)[:, None]
    assert cross_fitted(x, 2 * x).expected == pytest.approx(2 * x, abs=1e-5)


def test_each_response_has_its_own_smooth_fit_and_one_that_is_nought_stays_nought() -> None:
    x = np.random.default_rng(13).normal(size=(1_000, 2))
    y = np.column_stack([noisy(x[:, 0] * x[:, 1], 0.5), noisy(x[:, 0], 0.5, 2), np.zeros(1_000)])
    together = cross_fitted(x, y)
    for j in range(2):
        assert together.expected[:, [j]] == pytest.approx(cross_fitted(x, y[:, [j]]).expected, abs=1e-12)
    assert not together.expected[:, 2].any()
    assert together.method == "polynomial of degree 2; polynomial of degree 1; mean"


# Properties -----------------------------------------------------------------------------------------------------------------


def test_the_same_arrays_give_the_same_bits() -> None:
    x = np.random.default_rng(14).normal(size=(600, 3))
    y = noisy(np.where(x[:, 0] > 0, x[:, 1], x[:, 2]), 0.3)
    first, second = cross_fitted(x, y), cross_fitted(x.copy(), y.copy())
    assert first.method == second.method
    assert np.array_equal(first.expected, second.expected)


def test_units_of_parameters_and_responses_do_not_matter() -> None:
    x = np.random.default_rng(15).normal(size=(1_000, 2))
    y = noisy(x[:, 0] * x[:, 1], 0.5)
    plain = cross_fitted(x, y).expected
    assert cross_fitted(x * [1e6, 1e-9] + [3, 1e-9], 1_000 * y - 7).expected == pytest.approx(1_000 * plain - 7, abs=1e-4)


def test_memory_blocks_hold_all_draws() -> None:
    x = np.random.default_rng(16).normal(size=(40_000, 1))  # two whole blocks and a part
    truth = np.sin(2 * x[:, 0])
    assert unexplained(cross_fitted(x, truth[:, None]).expected, truth) < 1e-4


def test_trees_alone_are_tried_where_a_smooth_fit_has_beaten_the_mean() -> None:
    x = np.random.default_rng(17).normal(size=(5_000, 2))
    for truth, most in ((np.where(x[:, 0] > 0.8, 2.0, 0.0), 0.03), (np.where((x > 0).all(axis=1), 2.0, 0.0), 0.05)):
        fit = cross_fitted(x, noisy(truth, 1.0))
        assert re.fullmatch(r"\d+ trees", fit.method), fit.method
        assert unexplained(fit.expected, truth) < most


# Splits of trees ------------------------------------------------------------------------------------------------------------


def test_the_gain_of_a_cut_is_the_fall_of_the_sum_of_squares_about_the_means_of_its_sides() -> None:
    generator = np.random.default_rng(18)
    n_draws, n_nodes = 400, 3
    node, code = generator.integers(0, n_nodes, n_draws), generator.integers(0, _BINS, n_draws)
    residuals = generator.normal(size=(n_draws, 2))
    found = _gains(node * _BINS + code, residuals, n_nodes)

    def squares(rows: NDArray[np.bool_]) -> float:
        return float(((residuals[rows] - residuals[rows].mean(axis=0)) ** 2).sum())

    for k in range(n_nodes):
        for cut in range(_BINS):
            left, right = (node == k) & (code <= cut), (node == k) & (code > cut)
            few = min(left.sum(), right.sum()) < _LEAF
            expected = 0.0 if few else squares(node == k) - squares(left) - squares(right)
            assert found[k, cut] == pytest.approx(expected, abs=1e-9)
    assert (found > 0).any(axis=1).all()


def test_a_side_of_30_draws_is_enough_and_one_of_29_is_not() -> None:
    code = np.repeat([0, 1, 2], [29, 1, 70])
    gains = _gains(code, np.repeat([[1.0], [0.0]], [30, 70], axis=0), 1)
    assert gains[0, 0] == 0
    assert gains[0, 1] == pytest.approx(30 * 0.7**2 + 70 * 0.3**2)
    assert not gains[0, 2:].any()
