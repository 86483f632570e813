"""Expected value of partial perfect information.

Pitfalls guarded here: value made out of noise where there is none; a smooth regression drawn across a jump (a polynomial loses
15 % of the value there, however many draws); a standard error that counts the regression and forgets the sampling of the draws;
a value above EVPI or below 0; strategies compared with the first one only; ties; one lucky seed taken for accuracy (so the loss
against choosing by the true conditional mean *on the same draws* is tested too: it has no Monte Carlo error).
"""

from __future__ import annotations

import copy
import pickle
from itertools import pairwise
from math import sqrt
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy.special import ndtri
from scipy.stats import norm

from hemodel.decision.information import InformationValue, evpi, evppi
from hemodel.errors import InputError

Floats = NDArray[np.float64]

# NB = (0, p1 - p2), p1 ~ N(1, 1), p2 ~ N(0, sd 2), as in the vignette of R's voi: unit normal loss
TWO_NORMALS_FIRST, TWO_NORMALS_SECOND = 0.08331547, 0.39559311
GODA_FIRST = 0.39894228  # NB = (0, x + y), both standard normal; 1 / sqrt(2 pi)
JUMP = 317.783  # NB = (0, 2000 [x > 0.8] - 500 + noise), x ~ N(0, 1): 1500 (1 - Phi(0.8))
KINK = 571.33  # NB = (0, 3000 max(0, x1 x2) - 900 + noise), both standard normal


def against_nothing(increment: Floats) -> Floats:
    return np.column_stack([np.zeros(len(increment)), increment])


def two_normals(n_draws: int, seed: int) -> tuple[Floats, Floats]:
    """Net benefit (draw, 2) and parameters (draw, 2)."""
    p = np.random.default_rng(seed).normal([1, 0], [1, 2], (n_draws, 2))
    return against_nothing(p[:, 0] - p[:, 1]), p


def choosing_by(conditional_mean: Floats, benefit: Floats) -> float:
    """Value on these draws of choosing by the true conditional mean (draw, strategy): what no estimate can be blamed for missing."""
    chosen = benefit[np.arange(len(benefit)), conditional_mean.argmax(axis=1)]
    return float((chosen - benefit[:, benefit.mean(axis=0).argmax()]).mean())


class BrennanKharroubi:
    """The 19-parameter test model of Brennan, Kharroubi, O'Hagan and Chilcott 2007 (Medical Decision Making 27:448), GBP 10,000
    per QALY; parameters 5, 7, 14 and 16 (of 1 to 19) are correlated 0.6. With all parameters normal and the net benefit a sum of
    products of at most three, the mean given any of them is in closed form.
    """

    mean = np.array([1000, 0.1, 5.2, 400, 0.7, 0.3, 3, 0.25, -0.1, 0.5, 1500, 0.08, 6.1, 0.8, 0.3, 3, 0.2, -0.1, 0.5])
    sd = np.array([1, 0.02, 1, 200, 0.1, 0.1, 0.5, 0.1, 0.02, 0.2, 1, 0.02, 1, 0.1, 0.05, 1, 0.05, 0.02, 0.2])

    def __init__(self, n_draws: int, seed: int) -> None:
        related = np.isin(np.arange(1, 20), [5, 7, 14, 16])
        correlation = np.where(np.outer(related, related), 0.6, 0.0)
        np.fill_diagonal(correlation, 1.0)
        self.covariance = correlation * np.outer(self.sd, self.sd)
        z = np.random.default_rng(seed).normal(size=(n_draws, 19))
        self.draws = self.mean + z @ np.linalg.cholesky(self.covariance).T
        self.benefit = against_nothing(self._increment(self.draws, np.zeros((19, 19))))

    def columns(self, numbers: list[int]) -> Floats:
        return self.draws[:, np.array(numbers) - 1]

    def given(self, numbers: list[int]) -> Floats:
        """Mean net benefit given these parameters, (draw, 2)."""
        known = np.isin(np.arange(1, 20), numbers)
        slope = self.covariance[:, known] @ np.linalg.inv(self.covariance[np.ix_(known, known)])
        centre = self.mean + (self.draws[:, known] - self.mean[known]) @ slope.T
        return against_nothing(self._increment(centre, self.covariance - slope @ self.covariance[known]))

    @staticmethod
    def _increment(m: Floats, c: Floats) -> Floats:
        """Mean of new - old for normal parameters of mean m (draw, 19) and covariance c (19, 19)."""

        def triple(i: int, j: int, k: int) -> Floats:  # E xyz of jointly normal x, y, z, numbered from 1
            i, j, k = i - 1, j - 1, k - 1
            found: Floats = m[:, i] * m[:, j] * m[:, k] + m[:, i] * c[j, k] + m[:, j] * c[i, k] + m[:, k] * c[i, j]
            return found

        old = 10_000 * (triple(5, 6, 7) + triple(8, 9, 10)) - (m[:, 0] + triple(2, 3, 4))
        new = 10_000 * (triple(14, 15, 16) + triple(17, 18, 19)) - (m[:, 10] + triple(12, 13, 4))
        return new - old


# Known values -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("place", "truth"), [(0, TWO_NORMALS_FIRST), (1, TWO_NORMALS_SECOND)])
def test_each_of_two_normals_has_its_known_value(place: int, truth: float) -> None:
    benefit, p = two_normals(50_000, 42)
    found = evppi(benefit, p[:, place])
    assert abs(found - truth) < 3 * found.standard_error
    assert found.standard_error < 0.05 * truth
    assert found.plug_in == pytest.approx(truth, abs=3 * found.standard_error)
    given = against_nothing([p[:, 0], 1 - p[:, 1]][place])
    assert found == pytest.approx(choosing_by(given, benefit), rel=0.01)


def test_goda_toy_has_its_known_value() -> None:
    xy = np.random.default_rng(43).normal(size=(50_000, 2))
    found = evppi(against_nothing(xy.sum(axis=1)), xy[:, 0])
    assert abs(found - GODA_FIRST) < 3 * found.standard_error
    assert found.standard_error < 0.02 * GODA_FIRST


@pytest.mark.parametrize("extra", [0, 1])
def test_a_jump_keeps_its_known_value_alone_or_beside_a_parameter_that_says_nothing(extra: int) -> None:
    generator = np.random.default_rng(44)
    x = generator.normal(size=(20_000, 1 + extra))
    given = np.where(x[:, 0] > 0.8, 1_500.0, -500.0)
    benefit = against_nothing(given + generator.normal(0, 1_000, 20_000))
    found = evppi(benefit, x)
    assert "trees" in found.method
    assert abs(found - JUMP) < 3 * found.standard_error
    assert found == pytest.approx(choosing_by(against_nothing(given), benefit), rel=0.01)


def test_a_kink_between_two_parameters_keeps_its_known_value() -> None:
    generator = np.random.default_rng(45)
    x = generator.normal(size=(10_000, 2))
    given = 3_000 * np.maximum(0, x[:, 0] * x[:, 1]) - 900
    benefit = against_nothing(given + generator.normal(0, 1_000, 10_000))
    found = evppi(benefit, x)
    assert abs(found - KINK) < 3 * found.standard_error
    assert found == pytest.approx(choosing_by(against_nothing(given), benefit), rel=0.015)


# Truths: means of the closed form over 4 million draws; multilevel Monte Carlo gave 248.0 (standard error 2.75) for the pair
@pytest.mark.parametrize(("numbers", "truth"), [([5, 14], 247.95), ([5, 6, 14, 15], 840.1), ([5, 6, 7, 14, 15, 16], 1_045.4)])
def test_groups_of_the_nineteen_parameter_model_have_their_known_values(numbers: list[int], truth: float) -> None:
    model = BrennanKharroubi(10_000, 46)
    found = evppi(model.benefit, model.columns(numbers))
    assert abs(found - truth) < 3 * found.standard_error
    assert found == pytest.approx(choosing_by(model.given(numbers), model.benefit), rel=0.01)


@pytest.mark.parametrize(("n_draws", "most"), [(1_000, 5.0), (10_000, 1.0)])
def test_a_value_near_nothing_is_not_made_out_of_noise(n_draws: int, most: float) -> None:
    found = []
    for seed in range(3):  # truth 0.0034 beside an EVPI of 1047; an unpenalised cubic says 95 and 6.7
        model = BrennanKharroubi(n_draws, seed)
        found.append(evppi(model.benefit, model.columns([2, 3, 4, 12, 13])))
    assert np.mean(found) < most
    assert np.mean([value.plug_in for value in found]) < 2 * most


def test_three_strategies_agree_with_quadrature() -> None:
    generator = np.random.default_rng(47)
    slope, level = np.array([[0.0, 0.0], [800.0, -300.0], [-200.0, 900.0]]), np.array([100.0, 0.0, -150.0])
    nodes = ndtri((np.arange(1_000) + 0.5) / 1_000)
    grid = np.array(np.meshgrid(nodes, nodes)).reshape(2, -1).T
    truth = (grid @ slope.T + level).max(axis=1).mean() - 100  # 456.9
    x = generator.normal(size=(20_000, 2))
    given = x @ slope.T + level
    benefit = given + generator.normal(0, 700, (20_000, 3)) + generator.normal(0, 5_000, (20_000, 1))  # the last is shared
    found = evppi(benefit, x)
    assert abs(found - truth) < 3 * found.standard_error
    assert found.standard_error < 0.02 * truth
    assert found == pytest.approx(choosing_by(given, benefit), rel=0.005)
    one = evppi(benefit, x[:, 0])
    mean_given_first = nodes[:, None] * slope[:, 0] + level
    assert abs(one - (mean_given_first.max(axis=1).mean() - 100)) < 3 * one.standard_error


def test_a_yes_or_no_parameter_by_hand() -> None:
    yes = np.arange(10_000) % 4 == 0  # one in four: 4,000 if yes, -1,000 if no, mean 250; never when no saves 3/4 * 1,000
    noise = np.random.default_rng(48).normal(0, 2_000, 10_000)
    found = evppi(against_nothing(np.where(yes, 4_000.0, -1_000.0) + noise), yes)
    assert abs(found - 750) < 3 * found.standard_error


# Standard error ---------------------------------------------------------------------------------------------------------------


def test_the_standard_error_is_the_spread_of_repeated_analyses_and_the_bias_is_small() -> None:
    repeats = []
    for seed in range(120):
        benefit, p = two_normals(1_000, 1_000 + seed)
        repeats.append(evppi(benefit, p[:, 1]))
    spread = float(np.std(repeats, ddof=1))
    assert np.mean([found.standard_error for found in repeats]) == pytest.approx(spread, rel=4 / sqrt(2 * 120))
    covered = [abs(found - TWO_NORMALS_SECOND) < 1.959964 * found.standard_error for found in repeats]
    assert 0.89 <= np.mean(covered) <= 0.99
    assert np.mean(repeats) == pytest.approx(TWO_NORMALS_SECOND, abs=3 * spread / sqrt(120))


def test_more_draws_shrink_the_standard_error() -> None:
    few, many = (evppi(benefit, p[:, 1]) for benefit, p in (two_normals(n, 49) for n in (1_000, 16_000)))
    assert many.standard_error == pytest.approx(few.standard_error / 4, rel=0.15)


# Properties -------------------------------------------------------------------------------------------------------------------


def test_it_lies_between_nothing_and_evpi_whatever_the_draws() -> None:
    generator = np.random.default_rng(50)
    for n_draws, n_strategies, k in ((10, 2, 1), (12, 4, 3), (30, 3, 40), (150, 2, 1), (150, 5, 2), (400, 3, 2)):
        for heavy in (1.0, 3.0):
            benefit = np.sinh(heavy * generator.normal(size=(n_draws, n_strategies)))
            found = evppi(benefit, np.exp(heavy * generator.normal(size=(n_draws, k))))
            assert 0 <= found <= evpi(benefit)
            assert found.plug_in is not None and found.plug_in >= 0


def test_parameters_that_settle_everything_are_worth_evpi() -> None:
    model = BrennanKharroubi(1_500, 51)
    everything = evppi(model.benefit, model.draws)
    assert everything == pytest.approx(evpi(model.benefit), rel=0.005)
    benefit, p = two_normals(5_000, 52)
    assert evppi(benefit, p) == pytest.approx(evpi(benefit), rel=1e-6)


def test_more_parameters_are_worth_no_less() -> None:
    model = BrennanKharroubi(2_500, 53)
    groups = [[5], [5, 14], [5, 6, 14], [5, 6, 14, 15], [5, 6, 7, 14, 15, 16]]
    found = [evppi(model.benefit, model.columns(numbers)) for numbers in groups]
    for smaller, larger in pairwise(found):
        assert smaller <= larger + 2 * larger.standard_error


def test_a_parameter_that_says_nothing_is_worth_nothing() -> None:
    generator = np.random.default_rng(54)
    benefit = against_nothing(generator.normal(500, 2_000, 4_000))
    assert evppi(benefit, generator.normal(size=(4_000, 3))) < 0.01 * evpi(benefit)
    constant = evppi(benefit, np.full(4_000, 3.0))
    assert (constant.value, constant.standard_error, constant.plug_in) == (0, 0, 0)


def test_strategies_that_tie_or_repeat_change_nothing() -> None:
    benefit, p = two_normals(2_000, 55)
    plain = evppi(benefit, p[:, 1])
    doubled = evppi(benefit[:, [0, 1, 1, 0]], p[:, 1])
    assert (doubled.value, doubled.standard_error) == pytest.approx((plain.value, plain.standard_error), rel=1e-9)
    for same in (benefit[:, [1, 1, 1]], benefit[:, [1]]):
        nothing = evppi(same, p[:, 1])
        assert (nothing.value, nothing.standard_error, nothing.plug_in) == (0, 0, 0)


def test_the_order_of_strategies_what_they_share_and_the_unit_do_not_matter() -> None:
    generator = np.random.default_rng(56)
    x = generator.normal(size=(2_000, 2))
    benefit = np.column_stack([np.zeros(2_000), x[:, 0], x[:, 1]]) + generator.normal(size=(2_000, 3))
    plain = evppi(benefit, x)
    assert evppi(benefit[:, [2, 0, 1]], x) == pytest.approx(plain, rel=1e-9)
    assert evppi(benefit + generator.normal(0, 50, (2_000, 1)), x) == pytest.approx(plain, rel=1e-6)
    pounds = evppi(20_000 * benefit, x)
    assert (pounds.value, pounds.standard_error) == pytest.approx((20_000 * plain, 20_000 * plain.standard_error), rel=1e-6)


def test_a_parameter_on_another_scale_is_worth_the_same() -> None:
    benefit, p = two_normals(10_000, 57)
    found = evppi(benefit, p[:, 1])
    assert evppi(benefit, np.exp(p[:, 1])) == pytest.approx(found, rel=0.01)
    assert evppi(benefit, norm.cdf(p[:, 1])) == pytest.approx(found, rel=0.01)


def test_the_same_draws_give_the_same_bits() -> None:
    model = BrennanKharroubi(1_000, 58)
    first, second = (evppi(model.benefit.copy(), model.columns([5, 14])) for _ in range(2))
    assert repr(first) == repr(second)


# What comes back, what is refused ---------------------------------------------------------------------------------------------


def test_the_value_keeps_its_companions_when_copied_or_pickled() -> None:
    benefit, p = two_normals(200, 59)
    found = evppi(benefit, p[:, 1])
    for twin in (copy.copy(found), copy.deepcopy(found), pickle.loads(pickle.dumps(found))):
        assert isinstance(twin, InformationValue)
        assert repr(twin) == repr(found)
    assert eval(repr(found)).plug_in == found.plug_in
    with pytest.raises(AttributeError):
        found.plug_in = 0.0  # type: ignore[misc]
    assert evpi(benefit).plug_in is None


def test_one_parameter_may_be_a_list_and_a_table_may_be_a_data_frame() -> None:
    benefit, p = two_normals(200, 60)
    found = evppi(benefit, p[:, 1])
    assert evppi(benefit, p[:, [1]]) == found
    assert evppi(pd.DataFrame(benefit), pd.DataFrame(p)[[1]]) == found


GOOD = np.arange(24.0).reshape(12, 2)


@pytest.mark.parametrize(
    ("benefit", "parameters", "message"),
    [
        (GOOD[:, 0], GOOD, r"^net benefit: the shape is \(12,\)"),
        (GOOD[:9], GOOD[:9], "^net benefit: the number of draws is 9, too few. Give at least 10 draws"),
        (GOOD, GOOD[:, :0], r"^parameters: the shape is \(12, 0\). Give shape \(draw, k\)"),
        (GOOD, GOOD[None], r"^parameters: the shape is \(1, 12, 2\)"),
        (GOOD, 3.0, r"^parameters: the shape is \(\)"),
        (GOOD, GOOD.T, "^net benefit, parameters: parameters have 2 rows, net benefit has 12. Give the same draws to both"),
        (GOOD, [["high"]] * 12, "^parameters: these are not numbers"),
        (GOOD, np.where(GOOD == 4, np.nan, GOOD), r"^parameters: 1 of 24 values is not finite \(the first is at \[2, 0\]\)"),
        (np.where(GOOD == 4, np.inf, GOOD), GOOD, r"^net benefit: 1 of 24 values is not finite"),
    ],
)
def test_draws_that_do_not_fit_are_refused(benefit: Any, parameters: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        evppi(benefit, parameters)


def test_every_fault_is_named_at_once() -> None:
    with pytest.raises(InputError) as caught:
        evppi(GOOD[:3], np.full((3, 1), np.nan))
    assert [fault.where for fault in caught.value.faults] == ["net benefit", "parameters"]
