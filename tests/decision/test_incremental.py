"""Incremental analysis, dominance and the words for an ICER.

Pitfalls guarded here: ICERs against a dominated neighbour; extended dominance removed once and not again; two
strategies of equal cost or equal effect both left on the frontier; an exact duplicate removing both; equal
QALYs that differ in the last bit giving an ICER of 10^17; a south-west ratio read as a price; one sign for
dominant and dominated; the mean of ratios in place of the ratio of means.
"""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise as neighbours
from itertools import permutations
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hemodel.decision.incremental import (
    IcerKind,
    describe_icer,
    icer,
    incremental_analysis,
    kind_of_icer,
    pairwise,
    quadrant,
)
from hemodel.errors import InputError


def statuses(table: pd.DataFrame) -> dict[str, str]:
    return dict(zip(table["strategy"], table["status"], strict=True))


def icers(table: pd.DataFrame) -> dict[str, float]:
    return dict(zip(table["strategy"], table["icer"], strict=True))


# Published ------------------------------------------------------------------------------------------------


def test_sick_sicker_gives_the_published_dominance_and_icers() -> None:
    # DARTH, Med Decis Making 2023;43:3-20: totals printed to 1 USD and 0.001 QALY, ICERs before rounding
    names = ["standard of care", "A", "B", "AB"]
    table = incremental_analysis(names, [151_580, 284_805, 259_100, 378_875], [20.711, 21.499, 22.184, 23.137])
    assert table["strategy"].tolist() == ["standard of care", "B", "A", "AB"]
    assert statuses(table) == {
        "standard of care": "reference",
        "B": "on frontier",
        "A": "dominated",
        "AB": "on frontier",
    }
    for strategy, published in (("B", 72_988), ("AB", 125_764)):
        row = table.set_index("strategy").loc[strategy]
        lowest = (row["incremental_costs"] - 1) / (row["incremental_effects"] + 0.001)
        highest = (row["incremental_costs"] + 1) / (row["incremental_effects"] - 0.001)
        assert lowest < published < highest
        assert lowest < row["icer"] < highest


def test_c_difficile_strategies_give_the_table_printed_by_dampack() -> None:
    # dampack, vignette "Basic Cost Effectiveness Analysis" (Rajasingham et al. 2020): 11 strategies
    printed = {  # cost, effect, ICER, status
        "s3": (57336.0059896538, 12.9399639202408, None, "reference"),
        "s27": (57541.2526373815, 13.0140640696275, 2769.85470915263, "on frontier"),
        "s33": (57642.2587507842, 13.0389116321918, 4065.03105249231, "on frontier"),
        "s31": (57934.0743411241, 13.0966257932217, 5056.2216470406, "on frontier"),
        "s43": (58072.1137208494, 13.11285766912, 8504.2160616553, "on frontier"),
        "s44": (58665.7823044647, 13.1283328397025, 38362.6519947134, "on frontier"),
        "s39": (57814.6470919581, 13.0462790163185, None, "extendedly dominated"),
        "s4": (57887.481549326, 12.9970657153765, None, "dominated"),
        "s13": (58018.6252420203, 13.0650412387992, None, "dominated"),
        "s37": (58081.7947984323, 13.1029711156978, None, "dominated"),
        "s20": (58634.2026441398, 13.1100568867995, None, "dominated"),
    }
    costs, effects = [row[0] for row in printed.values()], [row[1] for row in printed.values()]
    table = incremental_analysis(list(printed), costs, effects)
    assert statuses(table) == {name: row[3] for name, row in printed.items()}
    for name, found in icers(table).items():
        published = printed[name][2]
        if published is None:
            assert np.isnan(found)
        else:
            assert found == pytest.approx(published, rel=1e-9)  # printed totals carry about 12 digits


def test_health_economics_resource_center_example_has_its_printed_icers() -> None:
    # herc.research.va.gov, "Cost-effectiveness analysis", as quoted in dampack's tests
    names = ["E", "D", "C", "B", "A", "UC"]
    table = incremental_analysis(names, [55_000, 35_000, 25_000, 10_000, 12_000, 5_000], [5, 4, 3, 2, 1.5, 1])
    assert table["strategy"].tolist() == ["UC", "B", "A", "C", "D", "E"]
    assert table["status"].tolist() == [
        "reference",
        "on frontier",
        "dominated",
        "extendedly dominated",
        "on frontier",
        "on frontier",
    ]
    np.testing.assert_array_equal(table["icer"], [np.nan, 5_000, np.nan, np.nan, 12_500, 20_000])
    np.testing.assert_array_equal(table["incremental_costs"], [np.nan, 5_000, np.nan, np.nan, 25_000, 20_000])
    np.testing.assert_array_equal(table["incremental_effects"], [np.nan, 1, np.nan, np.nan, 2, 1])


def test_hiv_combination_therapy_has_the_published_icer() -> None:
    # Briggs, Claxton and Sculpher, exercise 2.5: 6,275.956 from totals printed to 0.01 and 0.000001
    table = pairwise(["mono", "combination"], [44_663.45, 50_601.65], [7.991207, 8.937389], "mono")
    assert table.loc[0, "icer"] == pytest.approx(6_275.956, abs=0.02)


# The definition, by brute force ---------------------------------------------------------------------------


def choices_over_all_thresholds(costs: list[int], effects: list[int]) -> set[int]:
    """Places of the strategies that somebody would choose: best over a whole range of thresholds, exactly.

    Between two neighbouring crossings of net benefit lines the order of net benefits is constant, so one
    threshold in every gap is enough. Of exact duplicates the first is taken.
    """
    pairs = [(i, k) for i in range(len(costs)) for k in range(i) if effects[i] != effects[k]]
    crossings = {Fraction(costs[i] - costs[k], effects[i] - effects[k]) for i, k in pairs}
    edges = [Fraction(0), *sorted(crossing for crossing in crossings if crossing > 0)]
    inside = [(low + high) / 2 for low, high in neighbours(edges)] + [edges[-1] + 1]
    chosen = set()
    for threshold in inside:
        benefit = [threshold * effect - cost for cost, effect in zip(costs, effects, strict=True)]
        chosen.add(benefit.index(max(benefit)))
    return chosen


def is_dominated(place: int, costs: list[int], effects: list[int]) -> bool:
    """Whether another strategy costs no more and is at least as effective (a duplicate: an earlier one)."""
    for other in range(len(costs)):
        same = costs[other] == costs[place] and effects[other] == effects[place]
        if same and other < place:
            return True
        if not same and costs[other] <= costs[place] and effects[other] >= effects[place]:
            return True
    return False


def is_beaten_by_a_mixture(place: int, costs: list[int], effects: list[int]) -> bool:
    """Whether a mixture of a cheaper and a dearer strategy costs no more at the same effect (geometry)."""
    for low in range(len(costs)):
        for high in range(len(costs)):
            if effects[low] < effects[place] < effects[high] and costs[low] < costs[place] < costs[high]:
                gain, spend = effects[place] - effects[low], costs[place] - costs[low]
                if (costs[high] - costs[low]) * gain <= spend * (effects[high] - effects[low]):
                    return True
    return False


def test_frontier_is_what_somebody_would_choose_at_some_threshold_in_thousands_of_random_sets() -> None:
    generator = np.random.default_rng(20261121)
    seen = {"ties in cost": 0, "ties in effect": 0, "duplicates": 0, "extended": 0}
    for _ in range(3_000):
        n_strategies = int(generator.integers(1, 9))
        span = int(generator.choice([3, 6, 30]))  # few different values make ties; many make long frontiers
        costs = generator.integers(0, span, n_strategies).tolist()
        slope = int(generator.integers(0, 3))  # above 0 the dearer tend to be better: more extended dominance
        effects = [int(generator.integers(-2, span)) + slope * cost for cost in costs]
        names = [str(place) for place in range(n_strategies)]
        table = incremental_analysis(names, costs, effects)
        found = statuses(table)
        on_frontier = {int(name) for name in names if found[name] in ("reference", "on frontier")}
        assert on_frontier == choices_over_all_thresholds(costs, effects)
        for place, name in enumerate(names):
            dominated = is_dominated(place, costs, effects)
            assert (found[name] == "dominated") == dominated
            mixture = not dominated and is_beaten_by_a_mixture(place, costs, effects)
            assert (found[name] == "extendedly dominated") == mixture
            seen["extended"] += mixture
        assert (np.diff(table["costs"]) >= 0).all()
        assert (np.diff(table["icer"].dropna()) > 0).all()
        seen["ties in cost"] += len(set(costs)) < n_strategies
        seen["ties in effect"] += len(set(effects)) < n_strategies
        seen["duplicates"] += len(set(zip(costs, effects, strict=True))) < n_strategies
    assert min(seen.values()) > 300  # the random sets do contain what they are meant to test


def test_increments_and_icer_are_against_the_frontier_row_before_and_nowhere_else() -> None:
    generator = np.random.default_rng(7)
    for _ in range(200):
        costs, effects = generator.gamma(4, 5_000, 7), generator.normal(5, 1, 7)
        table = incremental_analysis(list("abcdefg"), costs, effects)
        frontier = table[table["status"].isin(["reference", "on frontier"])]
        assert frontier["status"].tolist() == ["reference"] + ["on frontier"] * (len(frontier) - 1)
        steps = frontier[["costs", "effects"]].diff()
        np.testing.assert_allclose(frontier["incremental_costs"], steps["costs"], rtol=1e-12)
        np.testing.assert_allclose(frontier["incremental_effects"], steps["effects"], rtol=1e-12)
        np.testing.assert_allclose(frontier["icer"], steps["costs"] / steps["effects"], rtol=1e-12)
        columns = ["incremental_costs", "incremental_effects", "icer"]
        assert table.drop(frontier.index)[columns].isna().all(axis=None)
        assert table.loc[0, columns].isna().all()


def test_extended_dominance_is_removed_until_none_is_left() -> None:
    # ICERs of neighbours fall twice: 40, 30, 20, so b goes only after c has gone
    table = incremental_analysis(["a", "b", "c", "d"], [0, 40, 70, 90], [0, 1, 2, 3])
    assert statuses(table) == {
        "a": "reference",
        "b": "extendedly dominated",
        "c": "extendedly dominated",
        "d": "on frontier",
    }
    assert icers(table)["d"] == 30


def test_a_strategy_on_the_line_between_two_others_is_extendedly_dominated() -> None:
    table = incremental_analysis(["a", "b", "c"], [0, 10, 20], [0, 1, 2])
    assert statuses(table)["b"] == "extendedly dominated"
    assert icers(table)["c"] == 10


def test_order_in_which_strategies_are_given_does_not_matter() -> None:
    names, costs, effects = ["a", "b", "c", "d", "e"], [0, 10, 15, 40, 40], [0.0, 1.0, 0.5, 2.0, 1.5]
    expected = incremental_analysis(names, costs, effects)
    for order in permutations(range(5)):
        shuffled = incremental_analysis([names[i] for i in order], [costs[i] for i in order], [effects[i] for i in order])
        pd.testing.assert_frame_equal(shuffled, expected)


# Ties -----------------------------------------------------------------------------------------------------


def test_of_equal_costs_only_the_more_effective_stays_and_comes_first() -> None:
    table = incremental_analysis(["a", "b", "c"], [10, 10, 20], [1, 2, 3])
    assert table["strategy"].tolist() == ["b", "a", "c"]
    assert table["status"].tolist() == ["reference", "dominated", "on frontier"]


def test_of_equal_effects_only_the_cheaper_stays() -> None:
    table = incremental_analysis(["a", "b", "c"], [5, 10, 20], [1, 2, 2])
    assert statuses(table) == {"a": "reference", "b": "on frontier", "c": "dominated"}


def test_of_exact_duplicates_the_first_given_stays() -> None:
    table = incremental_analysis(["low", "x", "y", "z"], [0, 10, 10, 10], [0, 1, 1, 1])
    assert table["strategy"].tolist() == ["low", "x", "y", "z"]
    assert table["status"].tolist() == ["reference", "on frontier", "dominated", "dominated"]


def test_one_strategy_is_its_own_reference() -> None:
    table = incremental_analysis(["only"], [10], [1])
    assert table["status"].tolist() == ["reference"]
    assert table["icer"].isna().all()


def test_qalys_equal_but_for_the_last_bit_are_equal() -> None:
    effects = [0.1 + 0.2, 0.3]  # the first is larger, by 5.6e-17
    assert effects[0] > effects[1]
    dearer_first = pairwise(["a", "b"], [20_000, 10_000], effects, "b")
    assert dearer_first.loc[0, "reading"] == "dominated (dearer and no more effective)"
    assert dearer_first["icer"].isna().all()
    assert statuses(incremental_analysis(["a", "b"], [20_000, 10_000], effects))["a"] == "dominated"


def test_a_small_true_difference_is_not_taken_for_rounding_error() -> None:
    table = pairwise(["a", "b"], [10_000, 10_001], [5.0, 5.0 + 1e-9], "a")
    assert table.loc[0, "icer"] == pytest.approx(1e9, rel=1e-6)


# Draws ----------------------------------------------------------------------------------------------------


def test_draws_give_the_ratio_of_means_and_never_the_mean_of_ratios() -> None:
    costs = np.array([[0.0, 10.0], [0.0, 30.0]])
    effects = np.array([[0.0, 1.0], [0.0, 9.0]])
    assert pairwise(["a", "b"], costs, effects, "a").loc[0, "icer"] == 4.0  # the mean of ratios is 6.67
    assert icers(incremental_analysis(["a", "b"], costs, effects))["b"] == 4.0
    pd.testing.assert_frame_equal(
        incremental_analysis(["a", "b"], costs, effects), incremental_analysis(["a", "b"], [0, 20], [0, 5])
    )


# Pairwise and words ---------------------------------------------------------------------------------------

PLANE = [  # incremental cost, incremental effect, icer, quadrant, reading
    (24_690, 2, 12_345, "north-east", "GBP 12,345 per QALY gained"),
    (-24_690, -2, 12_345, "south-west", "GBP 12,345 saved per QALY forgone"),
    (-24_690, 2, None, "south-east", "dominant (cheaper and more effective)"),
    (24_690, -2, None, "north-west", "dominated (dearer and no more effective)"),
    (24_690, 0, None, "on an axis", "dominated (dearer and no more effective)"),
    (-24_690, 0, None, "on an axis", "dominant (cheaper and no less effective)"),
    (0, 2, None, "on an axis", "dominant (more effective and no dearer)"),
    (0, -2, None, "on an axis", "dominated (less effective and no cheaper)"),
    (0, 0, None, "no difference", "undefined (no difference in QALYs or costs)"),
]


@pytest.mark.parametrize(("cost", "effect", "ratio", "place", "reading"), PLANE)
def test_every_part_of_the_plane_has_its_ratio_its_name_and_its_words(
    cost: float, effect: float, ratio: float | None, place: str, reading: str
) -> None:
    assert icer(cost, effect) == pytest.approx(np.nan if ratio is None else ratio, nan_ok=True)
    assert quadrant(cost, effect) == place
    assert describe_icer(cost, effect) == reading


def test_pairwise_agrees_with_the_words_for_every_row_in_the_order_given() -> None:
    names = [f"s{place}" for place in range(len(PLANE))]
    costs = [50_000.0, *(50_000.0 + row[0] for row in PLANE)]
    effects = [5.0, *(5.0 + row[1] for row in PLANE)]
    table = pairwise(["comparator", *names], costs, effects, "comparator")
    assert table["strategy"].tolist() == names
    assert set(table["comparator"]) == {"comparator"}
    assert table["quadrant"].tolist() == [row[3] for row in PLANE]
    assert table["reading"].tolist() == [row[4] for row in PLANE]
    assert table["icer"].isna().tolist() == [row[2] is None for row in PLANE]
    assert table["incremental_costs"].tolist() == [row[0] for row in PLANE]
    assert table["incremental_effects"].tolist() == [row[1] for row in PLANE]


def test_swapping_two_strategies_keeps_the_ratio_and_turns_the_plane_round() -> None:
    there = pairwise(["a", "b"], [10_000, 40_000], [1, 3], "a").loc[0]
    back = pairwise(["a", "b"], [10_000, 40_000], [1, 3], "b").loc[0]
    assert there["icer"] == back["icer"] == 15_000
    assert (there["quadrant"], back["quadrant"]) == ("north-east", "south-west")
    assert back["reading"] == "GBP 15,000 saved per QALY forgone"


def test_frontier_and_pairwise_agree_on_two_strategies() -> None:
    costs, effects = [10_000, 47_123.4], [1.25, 2.5]
    frontier = incremental_analysis(["a", "b"], costs, effects)
    assert icers(frontier)["b"] == pairwise(["a", "b"], costs, effects, "a").loc[0, "icer"]


# Rejection ------------------------------------------------------------------------------------------------


def test_all_faults_are_listed_together() -> None:
    with pytest.raises(InputError) as caught:
        incremental_analysis(["a", "a", " "], [1.0, float("nan"), 2.0], [[1.0, 2.0]])
    text = str(caught.value)
    assert len(caught.value.faults) == 4
    for part in (
        "'a' occurs twice",
        "name 2 is ' '",
        "1 of 3 values is not finite",
        "effects: the shape is (1, 2)",
    ):
        assert part in text


@pytest.mark.parametrize(
    ("names", "costs", "effects", "message"),
    [
        ([], [], [], "names: there are none"),
        (["a", "b"], [1], [1, 2], r"costs: the shape is \(1,\), the number of names 2"),
        (["a", "b"], [[1, 2]], [1, 2], r"costs have shape \(1, 2\), effects \(2,\)"),
        (["a", "b"], np.empty((0, 2)), np.empty((0, 2)), r"costs: the shape is \(0, 2\)"),
        (["a", "b"], [1, float("inf")], [1, 2], "costs: 1 of 2 values is not finite"),
        (["a", "b"], ["1", "two"], [1, 2], "costs: these are not numbers"),
        (["a", "b"], [1, 2], [[1], [1, 2]], "effects: these are not numbers in rows of equal length"),
        (["a", 5], [1, 2], [1, 2], "names: name 1 is 5"),
    ],
)
def test_wrong_input_is_refused_with_its_place(names: Any, costs: Any, effects: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        incremental_analysis(names, costs, effects)
    with pytest.raises(InputError, match=message):
        pairwise(names, costs, effects, "a")


def test_an_unknown_comparator_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(InputError, match=r"Did you mean dexamethasone\?"):
        pairwise(["dexamethasone", "lenalidomide"], [1, 2], [1, 2], "dexametasone")


def test_increments_that_are_not_finite_have_no_words() -> None:
    with pytest.raises(InputError, match="incremental cost: nan is not finite"):
        describe_icer(float("nan"), 1)


NUMBERS = st.one_of(st.just(0.0), st.floats(-1e6, 1e6).filter(lambda x: abs(x) > 1e-9))


@given(cost=NUMBERS, effect=NUMBERS, currency=st.sampled_from(["GBP", "EUR"]))
def test_the_kind_of_an_icer_is_read_from_its_words_as_it_follows_from_the_signs(cost, effect, currency):
    kind = kind_of_icer(describe_icer(cost, effect, currency=currency))
    if cost > 0 and effect > 0:
        assert kind is IcerKind.GAINED
    elif cost < 0 and effect < 0:
        assert kind is IcerKind.FORGONE
    elif cost == effect == 0:
        assert kind is IcerKind.UNDEFINED
    else:
        assert kind is (IcerKind.DOMINANT if cost <= 0 and effect >= 0 else IcerKind.DOMINATED)
    assert kind_of_icer("comparator") is kind_of_icer("reference") is IcerKind.REFERENCE
