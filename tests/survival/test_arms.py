"""Two arms fitted at once.

Pitfalls guarded: an effect read as a hazard ratio that is a time ratio; arms drawn apart that were fitted together; a sign that favours the
wrong arm; an interval of the coefficient taken for that of the ratio; a test of proportional hazards that always or never rejects.
"""

from pathlib import Path

import numpy as np
import pytest
from scipy import optimize, stats

from hemodel.errors import InputError
from hemodel.survival import (
    cox_hazard_ratio,
    family,
    fit,
    fit_arms,
    kaplan_meier,
    log_cumulative_hazards,
    proportional_hazards_test,
    quantiles_of_arms,
)
from hemodel.survival.arms import EFFECTS

PUBLISHED = Path(__file__).parent.parent / "published"


def lung():
    days, events, sex = np.loadtxt(PUBLISHED / "lung.csv", delimiter=",", skiprows=2, unpack=True)
    return days, events, (sex == 2).astype(float)


def trial(n=200, seed=1, ratio=0.5, shape=1.3):
    """A made-up trial with proportional hazards: Weibull, half of them treated, censored between 1 and 4 years."""
    rng = np.random.default_rng(seed)
    arm = (np.arange(n) % 2).astype(float)
    times = (-np.log(rng.random(n)) / np.where(arm == 1, ratio, 1.0)) ** (1 / shape) * 1.5
    ends = rng.uniform(1, 4, n)
    return np.minimum(times, ends), (times <= ends).astype(float), arm


def test_an_exponential_effect_is_the_ratio_of_the_rates_with_the_error_of_the_events():
    """By hand: rates d/T; ln HR has the variance 1/d0 + 1/d1; its covariance with the rate of the untreated is -1/d0."""
    times, events, arm = lung()
    d, t = [[x[arm == k].sum() for k in (0, 1)] for x in (events, times)]
    found = fit_arms(times, events, arm, "exponential")
    assert found.hazard_ratio.value == pytest.approx((d[1] / t[1]) / (d[0] / t[0]), rel=1e-9)
    assert found.hazard_ratio.log_standard_error == pytest.approx(np.sqrt(1 / d[0] + 1 / d[1]), rel=1e-7)
    assert found.covariance == pytest.approx(np.array([[1 / d[0], -1 / d[0]], [-1 / d[0], 1 / d[0] + 1 / d[1]]]), rel=1e-6)
    assert found.time_ratio.value == pytest.approx(1 / found.hazard_ratio.value, rel=1e-12)
    assert found.hazard_ratio.low == pytest.approx(
        found.hazard_ratio.value * np.exp(-1.959964 * np.sqrt(1 / d[0] + 1 / d[1])), rel=1e-6
    )
    assert (found.n, found.n_events) == ((138, 90), (112, 53))


def test_a_weibull_is_one_fit_in_two_forms_with_one_hazard_ratio_and_one_time_ratio():
    times, events, arm = lung()
    aft, ph = (fit_arms(times, events, arm, name) for name in ("weibull", "weibull_ph"))
    assert aft.log_likelihood == pytest.approx(ph.log_likelihood, abs=1e-8)
    for kind in ("hazard_ratio", "time_ratio"):
        one, other = getattr(aft, kind), getattr(ph, kind)
        assert (one.value, one.low, one.high) == pytest.approx((other.value, other.low, other.high), rel=1e-5)
    shape = aft.arm(False).estimates["shape"]
    assert aft.hazard_ratio.value == pytest.approx(aft.time_ratio.value**-shape, rel=1e-9)
    assert aft.hazard_ratio.value == pytest.approx(cox_hazard_ratio(times, events, arm), rel=0.02)  # women live longer


def test_a_log_normal_effect_without_censoring_is_the_difference_of_mean_logs():
    times, _, arm = trial()
    logs = np.log(times)
    found = fit_arms(times, np.ones(200), arm, "log_normal")
    assert np.log(found.time_ratio.value) == pytest.approx(logs[arm == 1].mean() - logs[arm == 0].mean(), abs=1e-8)
    spread = np.concatenate([logs[arm == k] - logs[arm == k].mean() for k in (0, 1)]).std()
    assert found.time_ratio.log_standard_error == pytest.approx(spread * np.sqrt(2 / 100), rel=1e-6)


@pytest.mark.parametrize("name", EFFECTS)
def test_the_effect_is_what_it_is_called_and_no_other_ratio_is_claimed(name):
    times, events, arm = trial()
    found = fit_arms(times, events, arm, name)
    control, treated = found.arm(False), found.arm(True)
    at = np.array([0.3, 1.0, 2.5])
    before, after = control.cumulative_hazard(at), treated.cumulative_hazard(at)
    assert any(ratio is not None for ratio in (found.hazard_ratio, found.time_ratio, found.odds_ratio))
    if found.hazard_ratio is not None:
        assert after == pytest.approx(found.hazard_ratio.value * before, rel=1e-9)
        assert found.hazard_ratio.value < 1
    if found.time_ratio is not None:
        assert treated.cumulative_hazard(at * found.time_ratio.value) == pytest.approx(before, rel=1e-9)
        assert found.time_ratio.value > 1
    if found.odds_ratio is not None:
        assert np.expm1(after) == pytest.approx(found.odds_ratio.value * np.expm1(before), rel=1e-9)


@pytest.mark.parametrize("name", EFFECTS)
def test_one_effect_lies_between_one_curve_for_both_and_a_curve_for_each(name):
    times, events, arm = trial()
    knots = 1 if name.startswith(("spline", "piecewise")) else None
    none, one = fit(times, events, name, knots=knots), fit_arms(times, events, arm, name)
    all_ = fit_arms(times, events, arm, name, effect="all")
    assert none.log_likelihood < one.log_likelihood <= all_.log_likelihood + 1e-9
    if name == "exponential":
        assert all_.log_likelihood == pytest.approx(one.log_likelihood, abs=1e-9)


def test_effects_on_all_parameters_are_a_fit_to_each_arm():
    times, events, arm = trial()
    known = family("spline_hazard", knots=fit_arms(times, events, arm, "spline_hazard").family.knots)
    for name in ("weibull", "gompertz", "generalised_gamma", known):
        found = fit_arms(times, events, arm, name if isinstance(name, str) else "spline_hazard", effect="all")
        apart = [fit(times[arm == k], events[arm == k], name) for k in (0, 1)]
        assert found.log_likelihood == pytest.approx(sum(one.log_likelihood for one in apart), abs=1e-7)
        for k, one in enumerate(apart):
            assert found.arm(bool(k)).transformed_estimates == pytest.approx(one.transformed_estimates, abs=1e-4)
            assert found.arm(bool(k)).covariance == pytest.approx(one.covariance, rel=1e-3, abs=1e-5)
        assert found.hazard_ratio is None and found.time_ratio is None
        joint = found.of_arms @ found.covariance @ found.of_arms.T
        p = len(found.family.parameters)
        assert joint[:p, p:] == pytest.approx(np.zeros((p, p)), abs=1e-4)  # fitted apart, they are independent


def test_whole_weights_are_rows_repeated_and_late_entry_counts_in_both_arms():
    times, events, arm = trial(80)
    weights, entry = np.arange(80) // 2 % 3, times / 4
    one = fit_arms(times, events, arm, "weibull", weights=weights, entry=entry)
    again = np.repeat(np.arange(80), weights)
    other = fit_arms(times[again], events[again], arm[again], "weibull", entry=entry[again])
    assert one.estimates.tobytes() == other.estimates.tobytes() and one.n == other.n and not one.sandwich
    late = fit_arms(times, events, arm, "exponential", entry=entry)
    d, t = [[x[arm == k].sum() for k in (0, 1)] for x in (events, times - entry)]
    assert late.hazard_ratio.value == pytest.approx((d[1] / t[1]) / (d[0] / t[0]), rel=1e-9)


def test_weights_that_are_no_whole_numbers_give_the_sandwich_of_both_arms():
    """Exponential: the rate of each arm has its own sandwich, and ln HR the sum of both."""
    times, events, arm = trial(80)
    weights = np.random.default_rng(5).random(80) + 0.3
    found = fit_arms(times, events, arm, "exponential", weights=weights)
    each = [fit(times[arm == k], events[arm == k], "exponential", weights=weights[arm == k]).covariance[0, 0] for k in (0, 1)]
    assert found.hazard_ratio.log_standard_error == pytest.approx(np.sqrt(sum(each)), rel=1e-6) and found.sandwich


def test_intervals_of_the_hazard_ratio_hold_the_truth_as_often_as_they_say():
    inside = 0
    for seed in range(120):
        found = fit_arms(*trial(120, seed), "weibull").hazard_ratio
        inside += found.low < 0.5 < found.high
    assert stats.binom.cdf(inside, 120, 0.95) > 0.001 and stats.binom.sf(inside - 1, 120, 0.95) > 0.001


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"family": "weibul"}, "family: 'weibul'"),
        ({"family": "weibull_mixture_cure"}, "has no effect of treatment here"),
        ({"effect": "scale"}, "Give location or all"),
        ({"treated": [0, 0, 0, 0]}, "Give 1 or 0 for every row, and both"),
        ({"treated": [0, 1, 2, 0]}, "it is not 0 in one arm and 1 in the other"),
        ({"treated": [0, 1]}, "Give 1 or 0 for every row"),
        ({"events": [1, 0, 1, 0]}, "2 and 0 events cannot give 2 parameters"),
    ],
)
def test_arms_that_cannot_be_compared_are_refused(change, problem):
    given = {"times": [1, 2, 3, 4], "events": [1, 1, 1, 1], "treated": [0, 1, 0, 1], "family": "exponential"} | change
    with pytest.raises(InputError, match=problem):
        fit_arms(**given)


# --- proportional hazards ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("transform", ["km", "identity", "log", "rank"])
def test_the_score_test_is_that_of_the_partial_likelihood(transform):
    """Written again: Breslow's log partial likelihood of x (beta + theta g(t)), its slope and curvature at theta 0 by differences."""
    times, events, arm = lung()
    found = proportional_hazards_test(times, events, arm, transform=transform)
    steps = kaplan_meier(times, events)
    died = np.flatnonzero(events == 1)
    before = dict(zip(steps.times, np.concatenate([[1.0], steps.survival[:-1]]), strict=True))
    g = {"km": 1 - np.array([before[t] for t in times[died]]), "identity": times[died], "log": np.log(times[died]),
         "rank": stats.rankdata(times[died])}[transform]  # fmt: skip
    g = (g - g.mean()) / g.std()

    def height(at):
        total = 0.0
        for place, i in zip(g, died, strict=True):
            effect = at[0] + at[1] * place
            total += arm[i] * effect - np.log(np.exp(effect * arm[times >= times[i]]).sum())
        return total

    beta = optimize.minimize_scalar(lambda b: -height((b, 0.0)), bounds=(-3, 3), method="bounded", options={"xatol": 1e-10}).x
    h = 1e-3
    slope = (height((beta, h)) - height((beta, -h))) / (2 * h)
    bend = np.empty((2, 2))
    bend[0, 0] = -(height((beta + h, 0)) - 2 * height((beta, 0)) + height((beta - h, 0))) / h**2
    bend[1, 1] = -(height((beta, h)) - 2 * height((beta, 0)) + height((beta, -h))) / h**2
    bend[0, 1] = -(height((beta + h, h)) - height((beta + h, -h)) - height((beta - h, h)) + height((beta - h, -h))) / (4 * h * h)
    expected = slope**2 / (bend[1, 1] - bend[0, 1] ** 2 / bend[0, 0])
    assert found.chi_squared == pytest.approx(expected, rel=1e-3)
    assert found.p_value == pytest.approx(stats.chi2.sf(found.chi_squared, 1), rel=1e-10)
    assert found.hazard_ratio == cox_hazard_ratio(times, events, arm)


def test_the_test_rejects_where_hazards_cross_and_seldom_where_they_do_not():
    p_values = [proportional_hazards_test(*trial(150, seed)).p_value for seed in range(200)]
    assert stats.kstest(p_values, "uniform").pvalue > 1e-3
    rng = np.random.default_rng(0)
    arm = (np.arange(300) % 2).astype(float)
    times = rng.weibull(np.where(arm == 1, 3.0, 0.7))
    assert proportional_hazards_test(times, np.ones(300), arm).p_value < 1e-6


def test_residuals_add_up_to_nothing_and_the_scaled_ones_have_the_log_hazard_ratio_as_their_mean():
    times, events, arm = lung()
    found = proportional_hazards_test(times, events, arm)
    table = found.residuals
    assert (table["deaths"] * table["residual"]).sum() == pytest.approx(0, abs=1e-9)
    assert np.average(table["scaled_residual"], weights=table["deaths"]) == pytest.approx(np.log(found.hazard_ratio), abs=1e-9)
    with pytest.raises(InputError, match="transform 'sqrt'"):
        proportional_hazards_test(times, events, arm, transform="sqrt")


def test_pictures_of_weibull_arms_are_parallel_and_their_quantiles_a_line_through_the_start():
    """Quantiles of Weibull curves of shape 1.5 with a hazard ratio of one half: lines of slope 1.5, ln 2 apart; time ratio 2^(1/1.5)."""
    places = (np.arange(400) + 0.5) / 400
    control = (-np.log1p(-places)) ** (1 / 1.5)
    times = np.concatenate([control, control * 2 ** (1 / 1.5)])
    arm = np.repeat([0, 1], 400)
    lines = log_cumulative_hazards(times, np.ones(800), arm)
    fits = [np.polyfit(part["log_time"][50:350], part["log_cumulative_hazard"][50:350], 1) for _, part in lines.groupby("arm")]
    assert [line[0] for line in fits] == pytest.approx([1.5, 1.5], abs=0.01)
    assert fits[0][1] - fits[1][1] == pytest.approx(np.log(2), abs=0.01)
    pairs = quantiles_of_arms(times, np.ones(800), arm)
    assert (pairs["treated"] / pairs["untreated"]).to_numpy() == pytest.approx(np.full(19, 2 ** (1 / 1.5)), rel=1e-12)
