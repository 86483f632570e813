"""Curves fitted to individual data.

Pitfalls guarded: estimates that stop short of the maximum; standard errors from badly scaled differences (Gompertz in days); a covariance
on another scale than the one it is drawn on; BIC with events for rows; AICs of different data compared; parameters drawn one by one.

Published numbers are of R's flexsurv, and where said of lifelines, typed in by hand to all digits printed; `printed` allows one unit of the
last. The generalised gamma has three parameters nearly in line, and flexsurv stops 4e-6 of Q short of the maximum (its slope there is 1e-4
by arithmetic of 30 digits, ours 1e-8), so that it is held to 5e-6.
"""

import math
from pathlib import Path

import numpy as np
import pytest
from scipy import integrate

import hemodel.survival
from hemodel.errors import InputError
from hemodel.survival.families import cumulative_hazard, natural, piecewise_exponential
from hemodel.survival.fitting import (
    KaplanMeier,
    _boundary_kernel,
    compare_fits,
    fit,
    fitted_against_observed,
    kaplan_meier,
    smoothed_hazard,
)

PUBLISHED = Path(__file__).parent.parent / "published"
# flexsurv on `bc`: estimates, standard errors on the estimation scale, log-likelihood, AIC, BIC, mean to 5 years, median, S(1, 5, 10)
FLEXSURV = {
    "exponential": (
        ".1414765",
        ".057831",
        "-883.730798 1769.4616 1773.9925",
        "3.584109 4.899379",
        ".8680755 .4929327 .2429826",
    ),
    "weibull": (
        "1.271519 6.191377",
        ".049758 .050838",
        "-873.207055 1750.4141 1759.4759",
        "3.666001 4.640905",
        ".9062387 .4667106 .1588654",
    ),
    "gompertz": (
        ".06166559 .1241881",
        ".037460 .100239",
        "-882.402249 1768.8045 1777.8663",
        "3.618966 4.796611",
        ".8797680 .4832056 .1795515",
    ),
    "log_normal": (
        "1.522563 1.113815",
        ".056445 .044814",
        "-854.815695 1713.6314 1722.6931",
        "3.624361 4.583959",
        ".9141843 .4689150 .2418650",
    ),
    "log_logistic": (
        "1.532480 4.502489",
        ".048682 .053204",
        "-863.877877 1731.7558 1740.8175",
        "3.615403 4.502489",
        ".9093576 .4599322 .2274353",
    ),
    "generalised_gamma": (
        "1.180244 1.248484 -.8363285",
        ".132336 .045867 .264439",
        "-850.009340 1706.0187 1719.6113",
        "3.600306 4.726557",
        ".9115639 .4838163 .3070708",
    ),
    "spline_hazard": (
        "-2.081085 2.751215 .2291809",
        ".102179 .260266 .036061",
        "-849.735709 1705.4714 1719.0641",
        None,
        ".9174801 .4858167 .2989872",
    ),
}


def printed(text, slack=0.0):
    """What was printed, within one unit of each last digit (and `slack`)."""
    numbers = text.split()
    units = [10.0 ** -len(number.partition(".")[2]) for number in numbers]
    return [pytest.approx(float(number), abs=1.01 * unit + slack) for number, unit in zip(numbers, units, strict=True)]


def load(name):
    return np.loadtxt(PUBLISHED / f"{name}.csv", delimiter=",", skiprows=2, unpack=True)


@pytest.fixture(scope="module")
def breast():
    days, events = load("gbsg2")
    return days / 365, events


@pytest.fixture(scope="module")
def fits(breast):
    return {name: fit(*breast, name) for name in FLEXSURV}


def test_data_are_those_of_the_published_fits(breast):
    times, events = breast
    assert (len(times), events.sum()) == (686, 299)
    assert times.sum() == pytest.approx(2113.424658, abs=5e-7)


@pytest.mark.parametrize("name", list(FLEXSURV))
def test_fits_agree_with_flexsurv_to_the_last_digit(fits, name):
    estimates, errors, criteria, times, landmarks = FLEXSURV[name]
    found = fits[name]
    slack = 5e-6 if name == "generalised_gamma" else 0.0
    assert list(found.estimates.values()) == printed(estimates, slack)
    assert list(found.standard_errors.values()) == printed(errors, slack / 5)
    assert [found.log_likelihood, found.aic, found.bic] == printed(criteria)
    if times:
        assert [found.mean(5.0), found.median()] == printed(times, slack / 5)
    assert list(np.exp(-found.cumulative_hazard([1, 5, 10]))) == printed(landmarks, slack / 10)


def test_covariances_agree_with_flexsurv(fits):
    weibull = fits["weibull"].covariance
    assert [weibull[0, 0], weibull[0, 1], weibull[1, 1]] == printed(".002475818 -.001130139 .002584505")
    gamma = fits["generalised_gamma"].covariance
    six = [gamma[0, 0], gamma[0, 1], gamma[0, 2], gamma[1, 1], gamma[1, 2], gamma[2, 2]]
    assert six == printed(".01751275 -.00051170 .03137599 .00210377 -.00409855 .06992811", slack=5e-7)


def test_gamma_and_cure_agree_with_other_packages(breast):
    assert list(fit(*breast, "gamma").estimates.values()) == printed("1.46888 .25138")  # surpyval
    assert fit(*breast, "weibull_mixture_cure").estimates["theta"] == pytest.approx(
        0.383878, abs=1e-5
    )  # lifelines, which is so exact
    assert fit(*breast, "spline_hazard", knots=2).log_likelihood == pytest.approx(-848.246123, abs=1e-6)


def test_survival_in_days_agrees_with_lifelines():
    days, events, _ = load("lung")
    assert (len(days), events.sum()) == (228, 165)
    assert list(fit(days, events, "weibull").estimates.values()) == pytest.approx([1.3168400, 417.758647], rel=1e-6)
    assert list(fit(days, events, "generalised_gamma").estimates.values()) == pytest.approx(
        [6.0765214, 0.7270491, 1.1264747], rel=2e-5
    )


@pytest.mark.parametrize("name", ["gompertz", "weibull_ph", "spline_odds", "piecewise_exponential", "log_logistic"])
def test_the_unit_of_time_does_not_matter(breast, name):
    years, events = breast
    in_years, in_days = fit(years, events, name), fit(years * 365, events, name)
    shift = events.sum() * math.log(365)
    assert in_days.log_likelihood + shift == pytest.approx(in_years.log_likelihood, abs=1e-8)
    np.testing.assert_allclose(in_days.cumulative_hazard([365, 3650]), in_years.cumulative_hazard([1, 10]), rtol=1e-8)
    if name == "gompertz":
        assert in_days.standard_errors["shape"] * 365 == pytest.approx(in_years.standard_errors["shape"], rel=1e-8)


def test_exponential_and_piecewise_hazards_are_events_over_time(breast):
    times, events = breast
    entry = np.minimum(times / 2, 0.5)
    rate = fit(times, events, "exponential", entry=entry)
    assert rate.estimates["rate"] == pytest.approx(299 / (times - entry).sum(), rel=1e-12)
    assert rate.standard_errors["rate"] == pytest.approx(299**-0.5, rel=1e-9)
    two = fit(times, events, "piecewise_exponential", knots=[2.0])
    early = times <= 2
    assert two.estimates["rate1"] == pytest.approx(events[early].sum() / np.minimum(times, 2).sum(), rel=1e-11)
    assert two.standard_errors["rate2"] == pytest.approx(events[~early].sum() ** -0.5, rel=1e-8)


def test_splines_without_knots_are_their_families(breast, fits):
    for scale, name in (("hazard", "weibull"), ("odds", "log_logistic"), ("normal", "log_normal")):
        assert fit(*breast, f"spline_{scale}", knots=0).log_likelihood == pytest.approx(fits[name].log_likelihood, abs=1e-9)
    assert fits["spline_hazard"].family.knots[1] == pytest.approx(
        float(np.exp(np.median(np.log(breast[0][breast[1] == 1])))), rel=1e-13
    )


def test_draws_have_the_estimates_as_mean_and_the_covariance(fits):
    found = fits["weibull"]
    normals = np.array([[1.0, 0.0, -1.0, 0.0], [0.0, 1.0, 0.0, -1.0]])  # of mean 0 and, times root 2, covariance 1
    draws = np.log(found.draw_parameters(normals * math.sqrt(2)))
    np.testing.assert_allclose(draws.mean(axis=1), np.log(list(found.estimates.values())), rtol=1e-13)
    np.testing.assert_allclose(np.cov(draws, bias=True), found.covariance, rtol=1e-10)


def test_draws_of_a_curve_go_together_and_have_the_same_bits_in_any_block(fits):
    found = fits["generalised_gamma"]
    normals = np.stack([np.linspace(-2, 2, 31), np.linspace(1, -2, 31), np.linspace(-1, 1, 31) ** 3])
    whole = found.draw_parameters(normals)
    parts = [found.draw_parameters(normals[:, piece]) for piece in (slice(0, 1), slice(1, 31))]
    np.testing.assert_array_equal(whole, np.concatenate(parts, axis=1))
    curves = found.cumulative_hazard([0, 1, 5], whole)
    assert curves.shape == (3, 31)
    np.testing.assert_array_equal(curves[:, 7], cumulative_hazard("generalised_gamma", [0, 1, 5], whole[:, 7]))
    np.testing.assert_array_equal(
        found.draw_parameters(np.zeros((3, 1)))[:, 0], np.array(natural(found.family, found.transformed_estimates))
    )
    with pytest.raises(InputError, match="mu, sigma, Q"):
        found.draw_parameters(np.zeros((2, 5)))


def test_comparison_ranks_by_aic_and_says_what_is_extrapolated(fits):
    table = compare_fits(list(fits.values()), horizon=20.0, landmarks=[5, 10])
    assert list(table["family"][:2]) == ["spline_hazard", "generalised_gamma"]
    assert table["aic_weight"].sum() == pytest.approx(1)
    ratio = table["aic_weight"][1] / table["aic_weight"][0]
    assert ratio == pytest.approx(math.exp(-(1706.0187 - 1705.4714) / 2), rel=1e-4)
    weibull = table[table["family"] == "weibull"].iloc[0]
    assert [weibull["survival_at_5"], weibull["survival_at_10"]] == printed(".4667106 .1588654")
    assert 5.0 < weibull["mean_to_20"] < 6.191377 * math.gamma(1 + 1 / 1.271519)
    assert compare_fits([fits["weibull"]])["mean"][0] == pytest.approx(6.191377 * math.gamma(1 + 1 / 1.271519), rel=1e-6)
    with pytest.raises(InputError, match="different data"):
        compare_fits([fits["weibull"], fit([1, 2, 3], [1, 1, 1], "exponential")])


def test_kaplan_meier_of_the_lung_data_has_the_medians_of_the_survival_package():
    days, events, sex = load("lung")
    assert kaplan_meier(days, events).median() == 310
    assert kaplan_meier(days[sex == 1], events[sex == 1]).median() == 270
    assert kaplan_meier(days[sex == 2], events[sex == 2]).median() == 426


def test_kaplan_meier_by_hand():
    # 6 people; deaths at 1, 3 and 3, censored at 2 and 3 (after the deaths there) and 5
    found = kaplan_meier([1, 2, 3, 3, 3, 5], [1, 0, 1, 1, 0, 0])
    assert list(found.at_risk) == [6, 5, 4, 1]
    np.testing.assert_allclose(found.survival, [5 / 6, 5 / 6, 5 / 12, 5 / 12], rtol=1e-14)
    greenwood = 5 / 12 * math.sqrt(1 / 30 + 2 / 8)
    assert found.standard_error[-1] == pytest.approx(greenwood, rel=1e-14)
    assert list(found.survival_at([0, 0.9, 1, 4])) == pytest.approx([1, 1, 5 / 6, 5 / 12])
    assert list(found.at_risk_at([0, 1, 1.5, 3, 6])) == [6, 6, 5, 4, 0]
    assert KaplanMeier(found.times, found.at_risk, found.events).median() == 3
    assert kaplan_meier([1.0], [0]).median() == math.inf


def test_fitted_and_observed_stand_side_by_side(breast, fits):
    table = fitted_against_observed(fits["spline_hazard"], kaplan_meier(*breast), [0.0, 1.0, 3.0, 5.0])
    assert table["at_risk"][0] == 686
    assert table["observed"][0] == table["fitted"][0] == 1
    assert (table["difference"][1:].abs() < 2 * table["standard_error"][1:]).all()


def test_boundary_kernels_keep_a_straight_hazard_straight():
    for q in (0.0, 0.3, 1.0):
        for power, expected in ((0, 1.0), (1, 0.0)):
            area = integrate.quad(
                lambda x, q=q, power=power: float(_boundary_kernel(np.array(x), np.array(q))) * x**power, -1, q
            )[0]
            assert area == pytest.approx(expected, abs=1e-12)


def test_smoothed_hazard_is_flat_where_the_hazard_is_and_true_at_the_ends():
    n = 2000
    times = -np.log1p(-(np.arange(n) + 0.5) / n)
    until = np.minimum(times, 2.0)
    smooth = smoothed_hazard(until, times < 2.0, np.linspace(0, 1.95, 14))
    np.testing.assert_allclose(smooth, 1.0, rtol=0.02)
    assert np.isnan(smoothed_hazard(until, times < 2.0, [2.5])[0])


def test_smoothed_hazard_follows_the_best_fit(breast, fits):
    at = np.array([1.0, 2.0, 4.0])
    spline = fits["spline_hazard"]
    hazard = np.exp(spline.family.log_hazard(at, *map(np.asarray, spline.estimates.values())))
    np.testing.assert_allclose(smoothed_hazard(*breast, at), hazard, rtol=0.2)


GOOD = ([1.0, 2.0, 3.0, 4.0], [1, 1, 0, 1])


@pytest.mark.parametrize(
    ("arguments", "options", "says"),
    [
        (([1.0, 0.0, 3.0], [1, 1, 1], "weibull"), {}, "row 2"),
        (([1.0, -2.0, 3.0], [1, 1, 1], "weibull"), {}, "-2 is below 0"),
        (([1.0, math.nan, 3.0], [1, 1, 1], "weibull"), {}, "not a number"),
        (([1.0, 2.0], [1, 1, 1], "weibull"), {}, "for every row"),
        (([1.0, 2.0], [0, 0], "weibull"), {}, "there are none"),
        (([1.0, 2.0], [1, 2], "weibull"), {}, "neither 0 nor 1"),
        (([1.0, 2.0, 3.0], [1, 0, 0], "weibull"), {}, "1 events cannot give 2 parameters"),
        ((*GOOD, "weibul"), {}, "Did you mean weibull"),
        ((*GOOD, "spline_hazzard"), {"knots": 1}, "spline_hazard"),
        ((*GOOD, "weibull"), {"knots": 2}, "has none"),
        ((*GOOD, "spline_hazard"), {"knots": 99}, "will not do"),
        ((*GOOD, "exponential"), {"entry": [0, 0, 5, 0]}, "row 3"),
        ((*GOOD, "exponential"), {"entry": [0, 0]}, "entry"),
    ],
)
def test_data_that_cannot_be_fitted_are_refused_with_their_place(arguments, options, says):
    with pytest.raises(InputError, match=says):
        fit(*arguments, **options)


def test_parameters_at_a_boundary_are_refused():
    days, events, _ = load("lung")
    with pytest.raises(InputError, match=r"theta lies at a boundary"):
        fit(days, events, "weibull_mixture_cure")  # nearly all of them died
    with pytest.raises(InputError, match=r"boundary|converge"):
        fit([1.0, 1.0, 1.0, 1.0], [1, 1, 1, 1], "log_normal")  # no spread at all
    with pytest.raises(InputError, match=r"boundary|converge"):
        fit([1.0, 2.0, 3.0, 9.0], [1, 1, 1, 0], piecewise_exponential([5.0]))  # nobody dies after the break


def test_fit_is_found_in_the_room_itself():
    assert hemodel.survival.fit(*GOOD, "exponential").estimates["rate"] == pytest.approx(0.3, rel=1e-8)
    assert "fit" in dir(hemodel.survival)
    with pytest.raises(AttributeError, match="fitt"):
        _ = hemodel.survival.fitt
