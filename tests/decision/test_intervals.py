"""Fieller's set, paired increments and the error of an ICER.

Pitfalls guarded here: limits of an unbounded set reported as an interval; negative limits read as prices;
percentiles of ratios; unpaired standard errors where draws share their parameters; uncertainty of the draws
mistaken for Monte Carlo error of the mean; an ICER of 10^17 from QALYs equal but for rounding.
"""

from __future__ import annotations

import re
from math import inf, isnan, sqrt
from statistics import NormalDist
from typing import Any

import numpy as np
import pytest

from hemodel.decision.incremental import pairwise
from hemodel.decision.intervals import (
    FiellerInterval,
    PairedIncrement,
    Spread,
    fieller,
    icer_of_means,
    paired_increment,
)
from hemodel.errors import InputError

Z = 1.959963984540054


def holds(found: FiellerInterval, ratio: float) -> bool:
    """Whether the reported set contains the ratio."""
    inside = found.low <= ratio <= found.high
    return inside and not (found.excluded and found.excluded[0] < ratio < found.excluded[1])


# Fieller --------------------------------------------------------------------------------------------------


def test_bounded_interval_has_the_known_limits() -> None:
    found = fieller(1_000, 200, 0.1, 0.03, 0.3)
    assert found.bounded
    assert (found.low, found.high) == pytest.approx((5679.7728, 22775.0114), abs=5e-5)
    assert found.reading == "GBP 5,680 to GBP 22,775 per QALY gained"
    assert found.excluded is None


def test_an_effect_not_different_from_zero_gives_no_interval() -> None:
    found = fieller(1_000, 200, 0.05, 0.03, 0.3)
    assert not found.bounded
    assert (found.low, found.high) == (-inf, inf)
    assert found.excluded == pytest.approx((-98_947.9, 8_934.8), abs=0.06)
    assert found.reading.startswith("not an interval: only ratios from GBP -98,948 to GBP 8,935 per QALY")


def test_neither_increment_different_from_zero_rules_nothing_out() -> None:
    found = fieller(100, 200, 0.02, 0.03, 0.3)
    assert (found.low, found.high, found.bounded, found.excluded) == (-inf, inf, False, None)
    assert found.reading == "not an interval: no ratio is ruled out"


def test_the_set_holds_exactly_the_ratios_the_test_does_not_reject() -> None:
    generator = np.random.default_rng(1)
    kinds = set()
    for _ in range(400):
        cost, effect = generator.normal(1_000, 1_500), generator.normal(0.1, 0.15)
        se_cost, se_effect = generator.uniform(100, 600), generator.uniform(0.01, 0.1)
        rho = generator.uniform(-0.95, 0.95)
        found = fieller(cost, se_cost, effect, se_effect, rho)
        kinds.add((found.bounded, found.excluded is None))
        for ratio in np.concatenate([generator.normal(10_000, 40_000, 30), [0.0, 1e9, -1e9]]):
            variance = se_cost**2 + (ratio * se_effect) ** 2 - 2 * ratio * rho * se_cost * se_effect
            assert holds(found, ratio) == (abs(cost - ratio * effect) <= Z * sqrt(variance))
    assert kinds == {(True, True), (False, True), (False, False)}


def test_the_set_covers_the_truth_as_often_as_it_says() -> None:
    generator = np.random.default_rng(2)
    covariance = [[300.0**2, 0.4 * 300 * 0.04], [0.4 * 300 * 0.04, 0.04**2]]
    estimates = generator.multivariate_normal([1_000, 0.1], covariance, 4_000)
    for level in (0.8, 0.95):
        covered = [holds(fieller(c, 300, e, 0.04, 0.4, level), 10_000) for c, e in estimates]
        assert np.mean(covered) == pytest.approx(level, abs=4 * sqrt(level * (1 - level) / 4_000))


def test_an_effect_exactly_z_standard_errors_from_zero_gives_a_half_line() -> None:
    z = NormalDist().inv_cdf(0.975)
    for cost, reading in ((1_000, "every ratio above"), (-1_000, "every ratio below")):
        found = fieller(cost, 200, z, 1, 0.3)
        assert not found.bounded
        assert reading in found.reading
        limit = found.low if cost > 0 else found.high
        assert (found.high if cost > 0 else found.low) == (inf if cost > 0 else -inf)
        variance = 200**2 + limit**2 - 2 * limit * 0.3 * 200
        assert abs(cost - limit * z) == pytest.approx(z * sqrt(variance), rel=1e-12)
        assert holds(found, cost / z)


def test_a_certain_effect_gives_the_normal_interval_of_the_cost() -> None:
    found = fieller(1_000, 200, 0.1, 0, 0)
    assert (found.low, found.high) == pytest.approx(((1_000 - Z * 200) / 0.1, (1_000 + Z * 200) / 0.1), rel=1e-12)


def test_certainty_gives_the_ratio_itself() -> None:
    found = fieller(1_000, 0, 0.1, 0, 0)
    assert (found.low, found.high) == pytest.approx((10_000, 10_000), rel=1e-12)
    nothing_spent = fieller(0, 0, 0.1, 0.03, 0)
    assert (nothing_spent.low, nothing_spent.high, nothing_spent.bounded) == (0, 0, True)


def test_a_higher_level_gives_a_wider_interval() -> None:
    wide, narrow = fieller(1_000, 200, 0.1, 0.02, 0.3, 0.99), fieller(1_000, 200, 0.1, 0.02, 0.3, 0.9)
    assert wide.low < narrow.low < 10_000 < narrow.high < wide.high


def test_both_signs_turned_give_the_same_ratios_in_other_words() -> None:
    gained, forgone = fieller(1_000, 200, 0.1, 0.03, 0.3), fieller(-1_000, 200, -0.1, 0.03, 0.3)
    assert (forgone.low, forgone.high) == pytest.approx((gained.low, gained.high), rel=1e-12)
    assert forgone.reading == "GBP 5,680 to GBP 22,775 saved per QALY forgone"


@pytest.mark.parametrize(
    ("cost", "effect", "reading"),
    [
        (100, 0.1, r"^dominant to GBP [\d,]+ per QALY gained$"),
        (-1_000, 0.1, "^dominant throughout$"),
        (1_000, -0.1, "^dominated throughout$"),
        (-100, -0.1, r"^dominated to GBP [\d,]+ saved per QALY forgone$"),
    ],
)
def test_ratios_below_zero_are_read_as_dominance(cost: float, effect: float, reading: str) -> None:
    found = fieller(cost, 200, effect, 0.02, 0)
    assert found.bounded
    assert found.low < 0
    assert re.search(reading, found.reading)


def test_no_difference_in_qalys_has_no_ratio() -> None:
    found = fieller(1_000, 200, 0, 0, 0)
    assert isnan(found.low) and isnan(found.high) and not found.bounded
    assert found.reading == "undefined (no difference in QALYs)"


def test_faults_of_fieller_are_listed_together() -> None:
    with pytest.raises(InputError) as caught:
        fieller(float("nan"), -1, 0.1, -2, 1.5, 95)
    places = [fault.where for fault in caught.value.faults]
    assert places == [
        "mean cost",
        "standard error of cost",
        "standard error of effect",
        "correlation",
        "level",
    ]


# Paired increments ----------------------------------------------------------------------------------------


def test_increment_of_a_known_set_of_draws() -> None:
    steps = np.arange(101.0)  # differences 0, 1, ..., 100: percentiles 2.5 and 97.5, mean 50
    costs = np.column_stack([np.full(101, 500.0), 500 + steps])
    effects = np.column_stack([np.full(101, 2.0), 2 + steps / 100])
    found = paired_increment(costs, effects, threshold=300)
    error = sqrt(101 * 102 / 12) / sqrt(101)  # variance of 0..n-1 with n - 1 below the line is n (n + 1) / 12
    assert (found.costs.mean, found.costs.low, found.costs.high) == pytest.approx((50, 2.5, 97.5), abs=1e-12)
    assert found.costs.standard_error == pytest.approx(error, rel=1e-12)
    assert found.effects.mean == pytest.approx(0.5, abs=1e-12)
    assert found.net_monetary_benefit is not None
    assert found.net_monetary_benefit.mean == pytest.approx(100, abs=1e-9)  # 300 * 0.5 - 50
    assert found.net_monetary_benefit.standard_error == pytest.approx(2 * error, rel=1e-9)


def test_what_draws_share_cancels_draw_by_draw() -> None:
    generator = np.random.default_rng(4)
    shared = generator.normal(50_000, 20_000, 1_000)
    costs = np.column_stack([shared, shared + 100])
    found = paired_increment(costs, np.ones((1_000, 2)))
    assert found.costs.mean == pytest.approx(100, abs=1e-9)
    assert found.costs.standard_error < 1e-9  # unpaired it would be about 900
    assert found.effects == Spread(0, 0, 0, 0)
    assert found.net_monetary_benefit is None


def test_more_draws_shrink_the_standard_error_and_not_the_interval() -> None:
    def with_draws(n_draws: int) -> PairedIncrement:
        generator = np.random.default_rng(5)
        return paired_increment(generator.normal(1_000, 300, (n_draws, 2)), np.ones((n_draws, 2)))

    few, many = with_draws(1_000), with_draws(100_000)
    assert many.costs.standard_error == pytest.approx(few.costs.standard_error / 10, rel=0.1)
    assert many.costs.high - many.costs.low == pytest.approx(2 * Z * 300 * sqrt(2), rel=0.02)


def test_the_comparator_is_subtracted_and_may_be_any_column() -> None:
    costs, effects = [[10, 30, 70], [20, 40, 90]], [[1, 2, 4], [1, 3, 5]]
    found = paired_increment(costs, effects, strategy=0, comparator=2)
    assert found.costs.mean == -65
    assert found.effects.mean == -3.5


# ICER of means --------------------------------------------------------------------------------------------


def test_icer_of_means_is_the_pairwise_icer_of_the_same_draws() -> None:
    generator = np.random.default_rng(6)
    costs, effects = generator.normal(20_000, 3_000, (500, 3)), generator.normal(4, 0.3, (500, 3))
    costs += [0, 20_000, 30_000]
    effects += [0, 1, 2]
    table = pairwise(["a", "b", "c"], costs, effects, "a").set_index("strategy")
    for place, name in ((1, "b"), (2, "c")):
        found = icer_of_means(costs, effects, strategy=place)
        assert found.icer == table.loc[name, "icer"]
        assert found.reading == table.loc[name, "reading"]


def test_its_standard_error_is_the_spread_of_repeated_analyses() -> None:
    generator = np.random.default_rng(7)

    def once() -> tuple[float, float]:
        shared = generator.normal(0, 1, 500)
        costs = np.column_stack([np.zeros(500), 10_000 + 2_000 * shared + generator.normal(0, 1_500, 500)])
        effects = np.column_stack([np.zeros(500), 0.5 + 0.15 * shared + generator.normal(0, 0.05, 500)])
        found = icer_of_means(costs, effects)
        return found.icer, found.standard_error

    ratios, claimed = np.array([once() for _ in range(600)]).T
    # closed form: dc - 20000 de has sd sqrt(1000^2 + 1500^2 + 1000^2) = 2061.55; over 0.5 sqrt(500): 184.39
    assert claimed.mean() == pytest.approx(184.39, rel=0.01)
    assert ratios.std(ddof=1) == pytest.approx(184.39, rel=4 / sqrt(2 * 600))
    assert ratios.mean() == pytest.approx(20_000, abs=4 * 184.39 / sqrt(600) + 5)


def test_dominance_and_no_difference_have_words_and_no_ratio() -> None:
    dominant = icer_of_means([[10, 5], [12, 6]], [[1, 2], [1, 2]])
    assert isnan(dominant.icer) and isnan(dominant.standard_error)
    assert dominant.reading == "dominant (cheaper and more effective)"
    same = icer_of_means([[10, 10], [12, 12]], [[1, 1], [1, 1]])
    assert same.reading == "undefined (no difference in QALYs or costs)"


def test_qalys_equal_but_for_rounding_have_no_ratio() -> None:
    effects = np.tile([0.3, 0.1 + 0.2], (10, 1))
    found = icer_of_means(np.tile([10_000.0, 20_000.0], (10, 1)), effects)
    assert isnan(found.icer)
    assert found.reading == "dominated (dearer and no more effective)"


# Rejection ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("function", [paired_increment, icer_of_means])
def test_columns_that_are_not_two_strategies_are_refused(function: Any) -> None:
    costs = effects = [[1.0, 2.0], [3.0, 4.0]]
    for places, message in (
        ({"strategy": 2}, "^strategy: 2 is not the place of a strategy. Give a whole number from 0 to 1"),
        ({"comparator": -1}, "^comparator: -1 is not"),
        ({"strategy": 0}, "^comparator: 0 is the strategy itself"),
    ):
        with pytest.raises(InputError, match=message):
            function(costs, effects, **places)
    with pytest.raises(InputError, match="Give at least 2 draws"):
        function([[1.0, 2.0]], [[1.0, 2.0]])


def test_wrong_level_and_threshold_are_refused_together() -> None:
    with pytest.raises(InputError) as caught:
        paired_increment([[1, 2], [3, 4]], [[1, 2], [3, 4]], level=95, threshold=0)
    assert [fault.where for fault in caught.value.faults] == ["level", "threshold"]


@pytest.mark.parametrize("level", [0, 1, -0.1, 1.5, float("nan")])
def test_what_is_no_level_of_confidence_is_refused(level: float) -> None:
    with pytest.raises(InputError, match=r"^level: .*Give a share such as 0\.95"):
        fieller(1_000, 200, 0.1, 0.03, 0.3, level)
    with pytest.raises(InputError, match=r"^level: "):
        paired_increment([[1, 2], [3, 5]], [[1, 2], [1, 3]], level=level)


def test_where_the_effect_is_z_errors_from_nought_and_the_costs_say_nothing_no_ratio_is_ruled_out() -> None:
    z = NormalDist().inv_cdf(0.975)
    found = fieller(0, 100, z * 0.1, 0.1, 0)
    assert (found.low, found.high, found.bounded) == (-inf, inf, False)
    assert found.reading == "not an interval: no ratio is ruled out"
