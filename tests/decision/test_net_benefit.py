"""Net benefit.

Pitfalls guarded here: a list of thresholds taken for one threshold per strategy when the two have the same
length; costs of shape (draw,) against effects of shape (draw, 1) turning into a square; increments against
draw averages in place of draw by draw; a threshold of zero or below dividing quietly.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from hemodel.decision.net_benefit import (
    incremental_net_monetary_benefit,
    net_health_benefit,
    net_monetary_benefit,
)
from hemodel.errors import InputError

COSTS = np.array([[10_000.0, 30_000.0], [12_000.0, 36_000.0], [8_000.0, 50_000.0]])
EFFECTS = np.array([[1.0, 2.0], [1.5, 2.25], [0.5, 3.5]])


def test_net_monetary_benefit_of_every_draw_by_hand() -> None:
    expected = [[10_000, 10_000], [18_000, 9_000], [2_000, 20_000]]  # 20,000 * effect - cost
    assert net_monetary_benefit(COSTS, EFFECTS, 20_000).tolist() == expected


def test_net_health_benefit_is_net_monetary_benefit_over_the_threshold() -> None:
    for threshold in (20_000, 25_000, 30_000, 35_000):
        health = net_health_benefit(COSTS, EFFECTS, threshold)
        money = net_monetary_benefit(COSTS, EFFECTS, threshold)
        np.testing.assert_allclose(health * threshold, money, rtol=0, atol=1e-9)


def test_thresholds_are_a_new_leading_axis_even_when_there_are_as_many_as_strategies() -> None:
    both = net_monetary_benefit(COSTS, EFFECTS, [25_000, 35_000])
    assert both.shape == (2, 3, 2)
    np.testing.assert_array_equal(both[0], net_monetary_benefit(COSTS, EFFECTS, 25_000))
    np.testing.assert_array_equal(both[1], net_monetary_benefit(COSTS, EFFECTS, 35_000))
    base_case = net_health_benefit(COSTS[0], EFFECTS[0], [25_000, 35_000])
    np.testing.assert_array_equal(base_case[1], net_health_benefit(COSTS[0], EFFECTS[0], 35_000))


def test_costs_that_do_not_vary_may_be_one_row_or_one_number() -> None:
    row = net_monetary_benefit([10_000, 30_000], EFFECTS, 20_000)
    np.testing.assert_array_equal(row, 20_000 * EFFECTS - np.array([10_000, 30_000]))
    np.testing.assert_array_equal(net_monetary_benefit(0, EFFECTS, 20_000), 20_000 * EFFECTS)


def test_one_row_of_costs_or_of_effects_is_that_of_every_draw() -> None:
    wide = np.repeat(EFFECTS[:1], 3, axis=0)
    np.testing.assert_array_equal(net_monetary_benefit(COSTS, EFFECTS[:1], 20_000), 20_000 * wide - COSTS)
    np.testing.assert_array_equal(net_monetary_benefit(COSTS[:1], EFFECTS, 20_000), 20_000 * EFFECTS - COSTS[:1])
    np.testing.assert_array_equal(net_monetary_benefit(COSTS, EFFECTS[0], 20_000), 20_000 * wide - COSTS)
    for costs, effects in ((COSTS[:1], EFFECTS[0]), (COSTS[0], EFFECTS[:1])):
        assert net_monetary_benefit(costs, effects, 20_000).tolist() == [[10_000, 10_000]]


def test_increments_are_taken_draw_by_draw_against_the_comparator() -> None:
    increments = incremental_net_monetary_benefit(COSTS, EFFECTS, 20_000, comparator=1)
    assert increments.tolist() == [[0, 0], [9_000, 0], [-18_000, 0]]
    by_threshold = incremental_net_monetary_benefit(COSTS, EFFECTS, [20_000, 30_000])
    assert by_threshold[0].tolist() == [[0, 0], [0, -9_000], [0, 18_000]]
    assert by_threshold[1].tolist() == [[0, 10_000], [0, -1_500], [0, 48_000]]


def test_increment_is_zero_where_the_threshold_is_the_icer() -> None:
    assert incremental_net_monetary_benefit([0, 60_000], [0, 2], 30_000)[1] == 0


@pytest.mark.parametrize("threshold", [0, -1, float("nan"), float("inf"), [20_000, 0], [[20_000]], "20k"])
def test_a_threshold_that_is_none_is_refused(threshold: Any) -> None:
    for function in (net_monetary_benefit, net_health_benefit, incremental_net_monetary_benefit):
        with pytest.raises(InputError, match=r"^threshold: "):
            function(COSTS, EFFECTS, threshold)


def test_shapes_that_would_grow_into_each_other_are_refused() -> None:
    with pytest.raises(InputError, match=r"costs have shape \(3,\), effects \(3, 1\)"):
        net_monetary_benefit(np.ones(3), np.ones((3, 1)), 20_000)
    with pytest.raises(InputError, match=r"costs have shape \(3, 2\), effects \(2, 2\)"):
        net_health_benefit(COSTS, EFFECTS[:2], 20_000)


def test_every_fault_is_named_at_once() -> None:
    with pytest.raises(InputError) as caught:
        net_monetary_benefit([1.0, float("nan")], ["a", "b"], -5)
    assert [fault.where for fault in caught.value.faults] == ["costs", "effects", "threshold"]
    assert "first is at [1]" in str(caught.value)


@pytest.mark.parametrize("comparator", [2, -1, 0.5, "old"])
def test_a_comparator_that_is_no_column_is_refused(comparator: Any) -> None:
    with pytest.raises(InputError, match=r"^comparator: .*from 0 to 1"):
        incremental_net_monetary_benefit(COSTS, EFFECTS, 20_000, comparator=comparator)
    with pytest.raises(InputError, match="axis of strategies"):
        incremental_net_monetary_benefit(1, 1, 20_000)
