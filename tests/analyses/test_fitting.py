"""Curves fitted to data of one's own, and put into the model.

Pitfalls guarded: months fitted and years run; coefficients drawn apart that were estimated together; a fitted curve beside the published
median it replaces; a family that cannot be fitted that ends the whole comparison.
"""

import numpy as np
import pytest

import hemodel as hm
from hemodel.analyses.fitting import run_fits, with_fitted_curve
from hemodel.cohort.model import PROGRESSION_FREE, names_read
from hemodel.errors import InputError
from hemodel.evidence.survival_data import read_curve, read_times

L = "lenalidomide_dexamethasone"


@pytest.fixture(scope="module")
def data():
    """Weibull times with the shape and median of the model's own PFS curve: quantiles of it, none censored, in months."""
    inputs = hm.load_inputs("relapsed")
    shape, median = inputs.parameters["shape_pfs"].value, inputs.parameters[f"median_pfs_{L}"].value
    places = (np.arange(400) + 0.5) / 400
    return median * (-np.log1p(-places) / np.log(2)) ** (1 / shape), np.ones(400)


def test_a_curve_fitted_to_the_models_own_gives_the_models_own(data):
    inputs = hm.load_inputs("relapsed")
    fitted = with_fitted_curve(inputs, "pfs", L, *data, "weibull", unit="months")
    own, other = (hm.run_base_case(x).trace[PROGRESSION_FREE] for x in (inputs, fitted))
    np.testing.assert_allclose(other[:, 0], own[:, 0], atol=0.002)
    np.testing.assert_array_equal(other[:, 1], own[:, 1])  # the other strategy keeps its published median
    assert {f"fit_pfs_{L}_0", f"fit_pfs_{L}_1"} <= names_read(fitted)
    assert fitted.hash != inputs.hash


def test_coefficients_are_drawn_together_with_the_covariance_of_the_fit(data):
    fitted = with_fitted_curve(hm.load_inputs("relapsed"), "pfs", L, *data, "weibull", unit="months")
    draws = hm.run_psa(fitted, 20_000).draws([f"fit_pfs_{L}_0", f"fit_pfs_{L}_1"]).to_numpy()
    from hemodel.survival import fit

    expected = fit(data[0] / 12, data[1], "weibull").covariance
    np.testing.assert_allclose(np.cov(draws.T), expected, rtol=0.05, atol=0.02 * expected[0, 0])


@pytest.mark.parametrize("family", ["log_normal", "generalised_gamma", "spline_hazard"])
def test_the_model_follows_the_fitted_curve_in_both_structures(data, family):
    """At the age of 20 no floor binds: the share progression-free at every cycle start is the fitted survival."""
    from hemodel.survival import fit

    expected = np.exp(-fit(data[0] / 12, data[1], family).cumulative_hazard(np.arange(1, 40) * 28 / 365.25))
    for scenario in (None, "partitioned_survival"):
        inputs = hm.load_inputs("relapsed", scenario=scenario).with_values(age_start=20.0)
        fitted = with_fitted_curve(inputs, "pfs", L, *data, family, unit="months")
        found = hm.run_base_case(fitted).trace[PROGRESSION_FREE][1:40, 0]
        np.testing.assert_allclose(found, expected, rtol=1e-4 if scenario is None else 1e-9)  # deaths before progression: a floor
        assert np.isfinite(hm.run_psa(fitted, 50).costs["pas"]).all()


def test_a_fitted_survival_curve_is_the_target_of_the_death_rate(data):
    times, events = data[0] * 35.8 / 9.5, data[1]
    inputs = with_fitted_curve(hm.load_inputs("relapsed"), "os", L, times, events, "weibull", unit="months")
    again = hm.calibrated(inputs)
    old, new = (x.parameters[f"r_death_progressed_{L}"].value for x in (inputs, again))
    assert new == pytest.approx(old, rel=0.01)


def test_families_are_compared_and_what_cannot_be_fitted_says_why(data):
    fits = run_fits(*data, families=["exponential", "weibull", "weibull_mixture_cure"])
    assert fits.best.family.name == "weibull"
    assert fits.table["family"].tolist() == ["weibull", "exponential"]
    assert "weibull_mixture_cure" in fits.refused  # nobody is cured in these data
    assert set(fits.curves()["curve"]) == {"Kaplan-Meier", "weibull", "exponential"}
    assert (fits.against_observed()["difference"].abs() < 0.01).all()


def test_bad_data_and_requests_are_refused(data, tmp_path):
    inputs = hm.load_inputs("relapsed")
    with pytest.raises(InputError, match=r"curve 'ttp'.*\n.*strategy 'len'.*\n.*unit 'fortnights'"):
        with_fitted_curve(inputs, "ttp", "len", *data, "weibull", unit="fortnights")
    with pytest.raises(InputError, match="exclude each other"):
        hr = hm.load_inputs("relapsed").with_settings(comparator_survival="hazard_ratio")
        with_fitted_curve(hr, "os", L, *data, "weibull")
    path = tmp_path / "mine.csv"
    path.write_text("time,event\n1,1\n2,yes\nx,0\n")
    with pytest.raises(InputError, match=r"row 3: event is 'yes'.*\n.*row 4: time is 'x'"):
        read_times(path)
    with pytest.raises(InputError, match="the file is not there"):
        read_curve(tmp_path / "none.csv")
    with pytest.raises(InputError, match="neither 0 nor 1"):
        run_fits([1.0, 2.0], [1.0, 2.0])
