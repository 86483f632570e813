"""Times that are known in part: between two looks, from a late entry on, or with a weight.

Pitfalls guarded: an interval taken as its middle or its end; a point that is also the end of an interval; people counted as at risk before
they came under observation; a weight that makes a person more certain than the data are; a standard error that is not of the weights.
"""

import numpy as np
import pytest

from hemodel.errors import InputError
from hemodel.survival import fit, fit_intervals, kaplan_meier, turnbull

# Breast cosmesis, 46 women with radiotherapy alone (Beadle and others 1984; Finkelstein and Wolfe 1985), as the SAS/STAT User's Guide
# prints them ("Getting Started: ICLIFETEST Procedure", data RT): lower and upper ends in months, a point for those not seen to deteriorate.
RADIOTHERAPY = """45 . 25 37 37 . 6 10 46 . 0 5 0 7 26 40 18 . 46 . 46 . 24 . 46 . 27 34 36 . 7 16 36 44 5 11 17 . 46 . 19 35 7 14 36 48
17 25 37 44 37 . 24 . 0 8 40 . 32 . 4 11 17 25 33 . 15 . 46 . 19 26 11 15 11 18 37 . 22 . 38 . 34 . 46 . 5 12 36 . 46 ."""


def radiotherapy():
    cells = [np.inf if cell == "." else float(cell) for cell in RADIOTHERAPY.split()]
    return np.array(cells).reshape(-1, 2).T


def some_people(n=60, seed=3):
    rng = np.random.default_rng(seed)
    times, ends = rng.weibull(1.3, n) * 20, rng.uniform(5, 40, n)
    return np.minimum(times, ends).round(3), (times <= ends).astype(float)


# --- intervals in a fit ---------------------------------------------------------------------------------------------------------


def test_three_intervals_give_the_weibull_of_the_maximum():
    """By hand: with u = (10/scale)^shape and r = 10^shape the likelihood is (e^(-u/r) - e^-u)(e^-u - e^(-ur))(e^(-ur) - e^(-ur^2))."""
    found = fit_intervals([1, 10, 100], [10, 100, 1000], "weibull")
    assert found.estimates["scale"] == pytest.approx(73.39314, abs=5e-6)
    assert found.estimates["shape"] == pytest.approx(0.653056, abs=5e-7)
    assert found.log_likelihood == pytest.approx(-3.7152177, abs=5e-8)
    assert (found.n, found.n_events) == (3, 3)
    u, r = (10 / found.estimates["scale"]) ** found.estimates["shape"], 10 ** found.estimates["shape"]
    s = np.exp([-u / r, -u, -u * r, -u * r * r])
    assert found.log_likelihood == pytest.approx(np.log(s[:-1] - s[1:]).sum(), abs=1e-12)


def test_an_exponential_of_left_and_right_censored_people_has_its_closed_form():
    """Looked at once, at 10: 7 of 20 have had it. exp(-10 rate) = 13/20, and ln rate has the variance (7/13) / (20 ln(20/13)^2)."""
    found = fit_intervals([0.0] * 7 + [10.0] * 13, [10.0] * 7 + [np.inf] * 13, "exponential")
    rate = np.log(20 / 13) / 10
    assert found.estimates["rate"] == pytest.approx(rate, rel=1e-9)
    assert found.standard_errors["rate"] == pytest.approx(np.sqrt(7 / 13 / 20) / np.log(20 / 13), rel=1e-6)
    assert found.log_likelihood == pytest.approx(7 * np.log(7 / 20) + 13 * np.log(13 / 20), abs=1e-9)


FAMILIES = [
    "exponential",
    "weibull",
    "weibull_ph",
    "gompertz",
    "log_logistic",
    "log_normal",
    "gamma",
    "generalised_gamma",
    "spline_hazard",
]


@pytest.mark.parametrize("family", FAMILIES)
def test_times_that_are_known_or_censored_are_the_fit_of_times_and_events_to_the_last_bit(family):
    times, events = some_people()
    one, other = fit(times, events, family), fit_intervals(times, np.where(events == 1, times, np.inf), family)
    assert one.transformed_estimates.tobytes() == other.transformed_estimates.tobytes()
    assert one.covariance.tobytes() == other.covariance.tobytes() and one.log_likelihood == other.log_likelihood


@pytest.mark.parametrize("family", FAMILIES)
def test_narrow_intervals_come_to_the_fit_of_their_middles(family):
    """The log-likelihood of an interval of width w is that of its middle plus ln w, but for terms of w^2."""
    times, events = some_people()
    width = 1e-3
    lower = np.where(events == 1, times - width / 2, times)
    found = fit_intervals(lower, np.where(events == 1, times + width / 2, np.inf), family)
    expected = fit(times, events, family)
    assert found.transformed_estimates == pytest.approx(expected.transformed_estimates, abs=2e-5)
    assert found.log_likelihood - events.sum() * np.log(width) == pytest.approx(expected.log_likelihood, abs=1e-5)


def test_a_fit_to_intervals_is_the_same_in_any_unit():
    lower, upper = radiotherapy()
    one, other = fit_intervals(lower, upper, "generalised_gamma"), fit_intervals(lower / 12, upper / 12, "generalised_gamma")
    assert other.log_likelihood == pytest.approx(one.log_likelihood, abs=1e-7)
    assert other.median() == pytest.approx(one.median() / 12, rel=1e-5)


def test_late_entry_of_an_interval_counts_from_there():
    """Exponential, entered at 2 and looked at 12: of 20 seen, 8 had it within those ten; nothing is known of before."""
    found = fit_intervals([2.0] * 8 + [12.0] * 12, [12.0] * 8 + [np.inf] * 12, "exponential", entry=[2.0] * 20)
    assert found.estimates["rate"] == pytest.approx(np.log(20 / 12) / 10, rel=1e-9)
    left = fit_intervals([0.0] * 8 + [12.0] * 12, [12.0] * 8 + [np.inf] * 12, "exponential", entry=[2.0] * 20)
    assert left.log_likelihood == found.log_likelihood  # who was seen to enter had not had it


@pytest.mark.parametrize(
    ("lower", "upper", "problem"),
    [
        ([1, 3], [2, 2], "upper, row 2: 2 is before 3"),
        ([-1, 1], [2, 2], "lower, row 1: -1 is below 0"),
        ([1, np.nan], [2, 2], "lower and upper, row 2: not numbers"),
        ([1, np.inf], [2, np.inf], "lower and upper, row 2: not numbers"),
        ([1, 2], [np.inf, np.inf], "upper: no event was seen"),
        ([0, 1], [0, 2], r"lower and upper, row 1: 0 is not above 0, so has no density \(1 of 2 rows\)"),
        ([1, 2], [3], "their shapes are"),
        ([], [], "there are none"),
    ],
)
def test_intervals_that_cannot_be_are_refused(lower, upper, problem):
    with pytest.raises(InputError, match=problem):
        fit_intervals(lower, upper, "weibull")


def test_all_faults_of_intervals_are_told_together():
    with pytest.raises(InputError) as caught:
        fit_intervals([1, 3], [2, 2], "weibull", entry=[0, 0, 0], weights=[1, -1])
    assert [fault.where for fault in caught.value.faults] == ["upper, row 2", "entry", "weights, row 2"]


# --- Turnbull's estimate ----------------------------------------------------------------------------------------------------------


def is_highest(found, lower, upper, weights=None):
    """Gentleman and Geyer (1994): of no row of intervals, held by the estimate or not, would more mass raise the likelihood."""
    w = np.ones(len(lower)) if weights is None else np.asarray(weights, float)
    ends = np.unique(np.concatenate([lower, upper[np.isfinite(upper)]]))
    places = [(a, a) for a in ends] + list(zip(ends, [*ends[1:], np.inf], strict=True))

    def holds(place, low, high):
        a, b = place
        return a == low if low == high and a == b else (low < high and low <= a and b <= high and not (a == b == low))

    of_rows = np.array([[holds(place, low, high) for place in places] for low, high in zip(lower, upper, strict=True)])
    mass = np.array(
        [[holds(p, low, high) for p in zip(found.left, found.right, strict=True)] for low, high in zip(lower, upper, strict=True)]
    )
    chance = (mass * found.mass).sum(axis=1)
    assert found.log_likelihood == pytest.approx((w * np.log(chance)).sum(), abs=1e-10)
    return (w @ (of_rows / chance[:, None])).max() <= w.sum() * (1 + 1e-9) + 1e-9 and found.mass.sum() == pytest.approx(
        1, abs=1e-12
    )


def test_the_estimate_of_the_breast_cosmesis_data_is_the_curve_of_highest_likelihood():
    lower, upper = radiotherapy()
    assert (len(lower), int(np.isfinite(upper).sum())) == (46, 21)
    found = turnbull(lower, upper)
    assert is_highest(found, lower, upper)
    # the intervals that can hold mass, by eye from the data: a lower end that an upper end follows
    assert set(zip(found.left, found.right, strict=True)) <= {
        (4, 5), (6, 7), (7, 8), (11, 12), (15, 16), (17, 18), (24, 25), (25, 26), (33, 34), (34, 35), (36, 37), (38, 40), (40, 44), (46, 48)
    }  # fmt: skip
    assert found.survival_at([0.0, 4.0]).tolist() == [1.0, 1.0]
    assert turnbull(lower / 12, upper / 12).mass == pytest.approx(found.mass, abs=1e-7)


def test_two_looks_give_shares_by_hand():
    """At visits 6 and 12: 3 of 10 between 0 and 6, 2 between 6 and 12, 4 not by 12, and one known only to be by 12: it goes 3 : 2."""
    lower, upper = [0] * 3 + [6] * 2 + [12] * 4 + [0], [6] * 3 + [12] * 2 + [np.inf] * 4 + [12]
    found = turnbull(lower, upper)
    assert found.mass == pytest.approx([0.36, 0.24, 0.4], abs=1e-9)
    assert found.survival_at([0, 3, 6, 9, 12, 50]) == pytest.approx([1, 0.82, 0.64, 0.52, 0.4, 0.4], abs=1e-9)
    assert np.array(found.bounds_at([3, 6, 9])) == pytest.approx(np.array([[0.64, 0.64, 0.4], [1, 0.64, 0.64]]), abs=1e-9)
    assert found.median() == pytest.approx(6 + 6 * 0.14 / 0.24, abs=1e-7)


@pytest.mark.parametrize("seed", range(8))
def test_of_known_and_censored_times_it_is_the_kaplan_meier_estimate(seed):
    times, events = some_people(40, seed)
    times = np.ceil(times)  # ties, of events and censorings too
    found, steps = turnbull(times, np.where(events == 1, times, np.inf)), kaplan_meier(times, events)
    at = np.arange(0, times.max() + 1, 0.5)
    assert found.survival_at(at) == pytest.approx(steps.survival_at(at), abs=1e-7)
    assert found.median() == pytest.approx(steps.median())


@pytest.mark.parametrize("seed", range(12))
def test_it_is_the_highest_whatever_the_mixture_of_intervals_points_and_weights(seed):
    rng = np.random.default_rng(seed)
    lower = rng.integers(0, 12, 50).astype(float)
    upper = lower + rng.integers(0, 8, 50)
    upper[rng.random(50) < 0.3] = np.inf
    upper[(lower == 0) & (upper == 0)] = 1.0
    weights = rng.random(50) + 0.1 if seed % 2 else None
    assert is_highest(turnbull(lower, upper, weights=weights), lower, upper, weights)


# --- late entry -------------------------------------------------------------------------------------------------------------------


def test_who_enters_late_is_at_risk_from_then_on():
    """By hand: at 2 persons 1 and 2 are at risk, at 3 persons 2, 3, at 5 person 3 and 4; (1 - 1/2)(1 - 1/2) = 1/4 at 3."""
    found = kaplan_meier([2, 3, 6, 5], [1, 1, 0, 0], entry=[0, 1, 2, 3])
    assert found.times.tolist() == [2, 3, 5, 6]
    assert found.at_risk.tolist() == [2, 2, 2, 1]
    assert found.survival.tolist() == [0.5, 0.25, 0.25, 0.25]
    assert found.at_risk_at([0, 0.5, 1, 1.5, 2, 2.5, 3, 4, 5.5, 7]).tolist() == [1, 1, 1, 2, 2, 2, 2, 2, 1, 0]


def test_entry_of_all_at_the_start_changes_nothing():
    times, events = some_people()
    one, other = kaplan_meier(times, events), kaplan_meier(times, events, entry=np.zeros(60))
    at = np.linspace(0, 45, 91)
    for name in ("times", "at_risk", "survival", "standard_error"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    np.testing.assert_array_equal(one.at_risk_at(at), other.at_risk_at(at))


def test_numbers_at_risk_with_late_entry_are_those_counted_from_the_people():
    times, events = some_people()
    entry = np.where(np.arange(60) % 3 == 0, 0.0, times * 0.6).round(2)
    found = kaplan_meier(times, events, entry=entry)
    for t in np.linspace(0.1, 45, 200):
        assert found.at_risk_at([t])[0] == ((entry < t) & (times >= t)).sum()


def test_entry_and_exit_at_times_that_differ_by_rounding_are_tied():
    found = kaplan_meier([0.3, 0.5], [1, 1], entry=[0.0, 0.1 + 0.2])
    assert found.at_risk.tolist() == [1, 1]  # the second enters as the first leaves


def test_an_exponential_with_late_entry_is_events_over_the_time_seen():
    times, events = some_people()
    entry = times * 0.25
    found = fit(times, events, "exponential", entry=entry)
    assert found.estimates["rate"] == pytest.approx(events.sum() / (times - entry).sum(), rel=1e-9)


# --- weights ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", FAMILIES)
def test_whole_weights_are_rows_repeated_to_the_last_bit(family):
    times, events = some_people(60)
    weights = np.arange(60) % 4  # some are 0
    one = fit(times, events, family, weights=weights, entry=times / 9)
    other = fit(np.repeat(times, weights), np.repeat(events, weights), family, entry=np.repeat(times / 9, weights))
    assert one.transformed_estimates.tobytes() == other.transformed_estimates.tobytes()
    assert one.covariance.tobytes() == other.covariance.tobytes()
    assert (one.n, one.n_events, one.bic, one.sandwich) == (other.n, other.n_events, other.bic, False)


def test_whole_weights_of_steps_and_intervals_are_rows_repeated():
    times, events = some_people(30)
    weights, again = np.arange(30) % 4, np.repeat(np.arange(30), np.arange(30) % 4)
    one, other = kaplan_meier(times, events, weights=weights), kaplan_meier(times[again], events[again])
    for name in ("times", "at_risk", "events", "survival", "standard_error"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    upper = np.where(events == 1, times + 2, np.inf)
    assert turnbull(times, upper, weights=weights).mass == pytest.approx(turnbull(times[again], upper[again]).mass, abs=1e-9)


def test_weights_of_an_exponential_give_the_weighted_rate_and_its_sandwich():
    """Rate = sum w d / sum w t; on ln rate the sandwich is sum w^2 (d - rate t)^2 / (sum w d)^2."""
    times, events = some_people()
    weights = np.random.default_rng(1).random(60) + 0.2
    found = fit(times, events, "exponential", weights=weights)
    rate = (weights * events).sum() / (weights * times).sum()
    assert found.estimates["rate"] == pytest.approx(rate, rel=1e-9)
    expected = ((weights * (events - rate * times)) ** 2).sum() / (weights * events).sum() ** 2
    assert found.covariance[0, 0] == pytest.approx(expected, rel=1e-7)
    assert found.sandwich and (found.n, found.n_events) == (60, int(events.sum()))


def test_weights_in_another_scale_change_neither_estimates_nor_their_sandwich():
    """Sums of weights say nothing of how many people there were: a tenth of each weight is no less certain."""
    times, events = some_people()
    weights = np.random.default_rng(1).random(60) + 0.2
    one, other = (fit(times, events, "weibull", weights=weights * scale) for scale in (1.0, 0.1))
    assert other.transformed_estimates == pytest.approx(one.transformed_estimates, abs=1e-7)
    assert other.covariance == pytest.approx(one.covariance, rel=1e-5)


def test_weights_of_one_half_and_twice_the_rows_are_the_rows_with_the_sandwich_of_the_rows():
    times, events = some_people()
    twice = fit(np.repeat(times, 2), np.repeat(events, 2), "weibull", weights=np.full(120, 0.5))
    once = fit(times, events, "weibull")
    assert twice.transformed_estimates == pytest.approx(once.transformed_estimates, abs=1e-7)
    assert twice.log_likelihood == pytest.approx(once.log_likelihood, abs=1e-8)


def test_the_sandwich_of_steps_is_greenwoods_where_all_weights_are_alike():
    times, events = some_people()
    found, plain = kaplan_meier(times, events, weights=np.full(60, 1.5)), kaplan_meier(times, events)
    np.testing.assert_allclose(found.survival, plain.survival, rtol=1e-12)
    use = plain.survival > 0
    np.testing.assert_allclose(found.standard_error[use], plain.standard_error[use], rtol=1e-9)


def test_the_sandwich_of_steps_is_the_slope_of_survival_by_each_weight():
    times, events = some_people(20)
    weights = np.random.default_rng(2).random(20) + 0.3
    base, slopes = kaplan_meier(times, events, weights=weights), []
    for k in range(20):
        up, down = (kaplan_meier(times, events, weights=weights + h * (np.arange(20) == k)).survival for h in (1e-5, -1e-5))
        slopes.append((up - down) / 2e-5)
    expected = np.sqrt(((weights[:, None] * np.array(slopes)) ** 2).sum(axis=0))
    use = base.survival > 0
    np.testing.assert_allclose(base.standard_error[use], expected[use], rtol=1e-6)


@pytest.mark.parametrize(
    ("weights", "problem"),
    [([1, 2], "weights: its shape"), ([1, -1, 1], "weights, row 2: -1 is not a weight"), ([0, 0, 0], "weights: all are 0"),
     ([1, np.nan, 1], "weights, row 2"), ([0, 1, 0], "events: there are none"), ([1e9, 1, 1], "add up to 1,000,000,002 people")],
)  # fmt: skip
def test_weights_that_cannot_be_are_refused(weights, problem):
    with pytest.raises(InputError, match=problem):
        fit([1, 2, 3], [1, 0, 1], "exponential", weights=weights)


# --- the median -------------------------------------------------------------------------------------------------------------------


def test_the_median_of_a_flat_half_is_its_beginning_or_rs_middle():
    """R's survival (`survmean`): where the curve is one half to within 1.5e-8, the mean of that time and the next lower one's."""
    steps = kaplan_meier([1, 2, 5, 9], [1, 1, 1, 0])
    assert (steps.median(), steps.median(midpoint=True)) == (2.0, 3.5)
    with_censoring = kaplan_meier([1, 2, 3, 7], [1, 1, 0, 1])  # a censoring between is no step
    assert with_censoring.median(midpoint=True) == 4.5
    never_lower = kaplan_meier([1, 2, 5, 9], [1, 1, 0, 0])
    assert never_lower.median(midpoint=True) == 2.0
    rounded = kaplan_meier(np.arange(1.0, 7.0), np.ones(6))  # 5/6 x 4/5 x 3/4 is one half but for its last digit
    assert (rounded.median(), rounded.median(midpoint=True)) == (3.0, 3.5)
    not_flat = kaplan_meier([1, 2, 3], [1, 1, 1])
    assert not_flat.median(midpoint=True) == not_flat.median() == 2.0
