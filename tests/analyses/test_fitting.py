"""Curves fitted to data of one's own, and put into the model.

Pitfalls guarded: months fitted and years run; coefficients drawn apart that were estimated together; a fitted curve beside the published
median it replaces; a family that cannot be fitted that ends the whole comparison; coefficients of a file taken in another order;
one draw of a spline that falls and stops a whole analysis, or is put right without a word.
"""

import math
import pickle
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import special, stats

import hemodel as hm
from hemodel.analyses.calibration import calibrated
from hemodel.analyses.fitting import run_fits, run_interval_fits, with_fit, with_fitted_curve
from hemodel.analyses.global_sensitivity import groups_of
from hemodel.analyses.verification import CHECKS, Subject, finding
from hemodel.analyses.verification.findings import PASS, REVIEW
from hemodel.cohort import model
from hemodel.cohort.model import PROGRESSION_FREE, names_read
from hemodel.errors import InputError
from hemodel.evidence.correlations import Correlation
from hemodel.evidence.draws import sampler
from hemodel.evidence.fitted import with_curves
from hemodel.evidence.settings import FittedEstimates
from hemodel.evidence.survival_data import read_curve, read_times
from hemodel.report.scenario_file import scenario_toml
from hemodel.survival import families, fit, fit_intervals, kaplan_meier

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
    with pytest.raises(InputError, match=rf"os_{L} is fitted, .* of the comparator follows .*--set comparator_survival=median"):
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


# --- a fitted curve travels in a scenario file ------------------------------------------------------------------------------


def saved(tmp_path, inputs, name="mine"):
    path = tmp_path / f"{name}.toml"
    path.write_text(scenario_toml(inputs, name=name, label="Mine", why="Data of our own."), encoding="utf-8")
    return path


@pytest.mark.parametrize(("curve", "family"), [("pfs", "weibull"), ("os", "generalised_gamma"), ("pfs", "spline_hazard")])
def test_a_scenario_file_carries_a_fitted_curve_with_its_covariance(data, tmp_path, curve, family):
    times, events = data
    longer = times * (3 if curve == "os" else 1)
    fitted = with_fitted_curve(hm.load_inputs("relapsed"), curve, L, longer, events, family, unit="months", source="mine.csv")
    fitted = calibrated(fitted)
    again = hm.load_inputs("relapsed", scenario=saved(tmp_path, fitted))
    assert again.settings.fitted_curves == fitted.settings.fitted_curves
    one, other = (hm.run_base_case(x).table for x in (fitted, again))
    pd.testing.assert_frame_equal(one, other, check_exact=True)
    first, second = (hm.run_psa(x, 200) for x in (fitted, again))
    assert first.costs["pas"] == pytest.approx(second.costs["pas"], rel=1e-9)
    assert first.qalys == pytest.approx(second.qalys, rel=1e-9)


def test_coefficients_of_a_paper_become_the_curve(tmp_path):
    """Exponential PFS with a mean of 3 years: ln rate = -ln 3, and the trace is exp(-t/3) where no floor binds."""
    path = tmp_path / "paper.toml"
    path.write_text(
        f"""name = "paper"\nproblem = "relapsed"\nlabel = "A paper's"\nwhy = "Its appendix."
[parameters.age_start]
value = 20.0
[fitted_curves.pfs_{L}]
family = "exponential"
coefficients = {{ rate = {-math.log(3)} }}
covariance = [[0.01]]
source = "S1"
status = "unverified"
""",
        encoding="utf-8",
    )
    inputs = hm.load_inputs("relapsed", scenario=path)
    trace = hm.run_base_case(inputs).trace[PROGRESSION_FREE][:20, 0]
    assert trace == pytest.approx(np.exp(-np.arange(20) * (28 / 365.25) / 3), rel=1e-12)
    assert inputs.parameters[f"fit_pfs_{L}_0"].se == pytest.approx(0.1)
    assert inputs.parameters[f"fit_pfs_{L}_0"].status == "unverified"


GOOD = {
    "family": '"weibull"',
    "coefficients": "{ shape = 0.1, scale = 1.0 }",
    "covariance": "[[0.01, 0.001], [0.001, 0.02]]",
    "source": '"S1"',
}


@pytest.mark.parametrize(
    ("curve", "change", "problem"),
    [
        ("ttp", {}, "is not a curve that can be fitted"),
        ("pfs", {"family": '"weibul"'}, "weibul"),
        ("pfs", {"coefficients": "{ scale = 1.0, shape = 0.1 }"}, "its coefficients are scale, shape; those of weibull are shape, scale"),
        ("os", {"coefficients": "{ scale = 1.0, shape = 0.1 }"}, "its coefficients are scale, shape; those of weibull are shape, scale"),
        ("pfs", {"coefficients": "{ shape = 1.0 }"}, "the covariance does not fit the coefficients"),
        ("pfs", {"coefficients": "{ shape = nan, scale = 1.0 }"}, "is not a finite number"),
        ("pfs", {"covariance": "[[0.01, 0.001], [0.002, 0.02]]"}, "not symmetric"),
        ("pfs", {"covariance": "[[0.01, 0.02], [0.02, 0.02]]"}, "not positive definite"),
        ("pfs", {"covariance": "[[-0.01, 0.0], [0.0, 0.02]]"}, "not positive definite"),
        ("pfs", {"source": '""'}, "names no source"),
        ("pfs", {"confidentiality": '"secret"'}, "confidentiality"),
        ("pfs", {"knots": "[1.0]"}, "knots"),
        ("pfs", {"shape": "1.0"}, "is not a known setting"),
    ],
)  # fmt: skip
def test_a_curve_that_cannot_be_one_is_refused_with_its_place(tmp_path, curve, change, problem):
    cells = "\n".join(f"{key} = {value}" for key, value in (GOOD | change).items())
    path = tmp_path / "bad.toml"
    head = 'name = "bad"\nproblem = "relapsed"\nlabel = "x"\nwhy = "x"'
    path.write_text(f"{head}\n[fitted_curves.{curve}_{L}]\n{cells}\n", encoding="utf-8")
    with pytest.raises(InputError, match=problem) as caught:
        hm.run_base_case(hm.load_inputs("relapsed", scenario=path))
    assert f"{curve}_{L}" in str(caught.value)


def test_a_curve_without_its_coefficients_is_refused():
    terms = {f"pfs_{L}": {"family": "weibull", "coefficients": ["shape", "scale"]}}
    inputs = hm.load_inputs("relapsed").with_settings(fitted_curves=terms)
    with pytest.raises(InputError, match="there is no parameter fit_pfs_lenalidomide_dexamethasone_0 or"):
        hm.run_base_case(inputs)


def test_families_that_few_events_cannot_identify_are_listed_and_the_others_fitted():
    found = run_fits([3, 5, 8, 9, 12, 14], [1, 0, 1, 0, 0, 0])
    fits = {one.family.name: one for one in found.fits}
    assert fits["exponential"].estimates["rate"] == pytest.approx(2 / 51, rel=1e-9)
    assert fits["weibull"].estimates["shape"] == pytest.approx(1.39077, abs=5e-6)
    assert fits["weibull"].estimates["scale"] == pytest.approx(19.467, abs=5e-4)
    assert {"generalised_gamma", "spline_hazard"} <= found.refused.keys() and len(found.table) == len(fits)
    assert "2 events cannot give 3 parameters" in found.refused["generalised_gamma"]


# 36 people rebuilt from a published Kaplan-Meier curve: kmdata 1.0.1, trial ACT2_2A, arm wt_be (MIT licence, copyright 2021 Robert Redd)
RISING = """0.754,1 1.26,0 1.58,1 1.58,1 1.62,1 1.75,1 1.75,1 1.76,1 1.82,1 1.83,1 1.83,1 1.99,1 2.12,1 2.5,0 3.745,0 3.88,1 3.93,1 4.37,1
4.86,1 5.62,1 5.69,1 5.93,1 5.94,1 6.09,1 6.15,1 6.15,1 6.19,1 7.5,0 7.81,1 7.82,1 7.82,1 10.2,1 10.4,1 12.1,1 13.1,1 15.85,0"""


def test_a_spline_whose_survival_would_rise_is_listed_as_refused_and_hides_no_other():
    times, events = np.array([[float(x) for x in row.split(",")] for row in RISING.split()]).T
    found = run_fits(times, events, knots=3)
    assert "rise somewhere" in found.refused["spline_hazard"]
    assert len(found.table) == len(found.fits) == 7 and found.best.family.name != "spline_hazard"
    with pytest.raises(InputError, match="rise somewhere"):
        fit(times, events, "spline_hazard", knots=3)


# --- draws of coefficients that make no curve ---------------------------------------------------------------------------------


def rising_people():
    return np.array([[float(x) for x in row.split(",")] for row in RISING.split()]).T


@pytest.fixture(scope="module")
def splined():
    """The model with a two-knot spline fitted to few people: about one draw in a hundred of its coefficients makes no curve."""
    return with_fitted_curve(hm.load_inputs("relapsed"), "pfs", L, *rising_people(), "spline_hazard", knots=2)


def coefficients(prepared, start, stop):
    drawn = prepared.block(start, stop)
    return np.stack([drawn[f"fit_pfs_{L}_{k}"] for k in range(4)])


def test_draws_that_make_no_curve_are_drawn_again_and_their_share_is_told(splined):
    result = hm.run_psa(splined, 10_000)
    row = result.rules_applied.set_index("strategy").loc[L]
    again = model.sampler(splined, seed=171).drawn_again(0, 10_000)[f"fitted curve pfs_{L}"]
    assert row["rule"] == "draws of the fitted PFS curve whose survival would rise somewhere: drawn again"
    assert row["share_of_draws"] == again.mean() and 0.005 < again.mean() < 0.02
    assert np.isfinite(result.qalys).all()
    batch = hm.run_batch(splined, 10_000).rules_applied.set_index("strategy").loc[L]
    assert batch["share_of_draws"] == row["share_of_draws"]


def test_only_the_coefficients_of_draws_that_make_no_curve_are_others_than_before(splined):
    prepared = model.sampler(splined, seed=171)
    again = prepared.drawn_again(0, 10_000)[f"fitted curve pfs_{L}"]
    now, before = prepared.block(0, 10_000), sampler(splined, seed=171, names=names_read(splined)).block(0, 10_000)
    own = {f"fit_pfs_{L}_{k}" for k in range(4)}
    for name, values in now.items():
        moved = values != before[name]
        assert np.array_equal(moved, again if name in own else np.zeros_like(again)), name


def test_every_draw_is_a_curve_and_the_first_candidate_wherever_that_is_one(splined):
    known = families.family("spline_hazard", knots=splined.settings.fitted_curves[f"pfs_{L}"].knots)
    prepared = model.sampler(splined, seed=171)
    assert (known.slopes(*coefficients(prepared, 0, 10_000)) > 0).all()


@pytest.mark.parametrize("design", ["monte_carlo", "latin_hypercube", "sobol"])
def test_draws_made_again_have_the_same_bits_in_any_blocks_and_threads(splined, design):
    prepared = model.sampler(splined, seed=171, design=design, n_draws=4_096)
    whole = coefficients(prepared, 0, 4_096)
    again = np.flatnonzero(prepared.drawn_again(0, 4_096)[f"fitted curve pfs_{L}"]).tolist()
    assert len(again) > 10
    parts = [coefficients(prepared, start, min(start + 777, 4_096)) for start in range(0, 4_096, 777)]
    assert np.concatenate(parts, axis=1).tobytes() == whole.tobytes()
    for row in again[:5]:
        assert coefficients(prepared, row, row + 1).tobytes() == whole[:, [row]].tobytes()
    one = hm.run_psa(splined, 4_096, design=design, threads=1)
    other = hm.run_psa(splined, 4_096, design=design, threads=2, block_size=999)
    assert one.qalys.tobytes() == other.qalys.tobytes() and one.rules_applied.equals(other.rules_applied)


def test_what_is_drawn_again_is_the_normal_given_that_it_is_a_curve():
    """Two coefficients by hand: gamma1 normal with mean 1 and SD 0.55 has to be above 0 (a straight line), 3.45 % are not. The mean given
    that it is, is 1 + 0.55 phi(1/0.55) / Phi(1/0.55), and gamma0, with a correlation of 0.8, follows: 0.8 of its SD as far.
    """
    splined = straight(0.55)
    drawn = coefficients_of(model.sampler(splined, seed=5), 200_000)
    away = stats.norm.pdf(1 / 0.55) / stats.norm.cdf(1 / 0.55)
    again = model.sampler(splined, seed=5).drawn_again(0, 200_000)[f"fitted curve pfs_{L}"]
    assert again.mean() == pytest.approx(stats.norm.cdf(-1 / 0.55), abs=4 * (0.035 / 200_000) ** 0.5)
    assert drawn[1].min() > 0
    assert drawn[1].mean() == pytest.approx(1 + 0.55 * away, abs=4 * 0.55 / 200_000**0.5)
    assert drawn[0].mean() == pytest.approx(-1 + 0.8 * 0.1 * away, abs=4 * 0.1 / 200_000**0.5)
    distribution = stats.truncnorm(-1 / 0.55, np.inf, 1, 0.55)
    assert stats.kstest(drawn[1], distribution.cdf).pvalue > 1e-3
    assert stats.kstest(drawn[1][again], distribution.cdf).pvalue > 1e-3  # those drawn again alone


def straight(sd, curve_of="pfs"):
    """Inputs with a spline without internal knots, gamma0 -1 (SD 0.1) and gamma1 1 (SD `sd`), correlated by 0.8."""
    curve = {
        "family": "spline_hazard",
        "knots": [0.1, 5.0],
        "coefficients": {"gamma0": -1.0, "gamma1": 1.0},
        "covariance": [[0.01, 0.08 * sd], [0.08 * sd, sd**2]],
        "source": "S1",
    }
    inputs = hm.load_inputs("relapsed")
    parameters, pairs = with_curves(inputs.parameters, inputs.correlations, {f"{curve_of}_{L}": FittedEstimates(**curve)})
    terms = {f"{curve_of}_{L}": {"family": "spline_hazard", "knots": [0.1, 5.0], "coefficients": ["gamma0", "gamma1"]}}
    return replace(inputs.with_settings(fitted_curves=terms), parameters=parameters, correlations=pairs)


def coefficients_of(prepared, n):
    drawn = prepared.block(0, n)
    return [drawn[f"fit_pfs_{L}_{k}"] for k in range(2)]


def test_a_fit_of_which_many_draws_make_no_curve_is_refused_before_anything_runs():
    """Phi(-1/0.62) is 5.34 %, above the share of 5 %; Phi(-1/0.6) is 4.78 %."""
    with pytest.raises(
        InputError, match=r"fitted curve pfs_.*: 5\.\d+ % of 10,000 draws make a survival that rises.*up to 5 %"
    ) as caught:
        hm.run_psa(straight(0.62), 100)
    assert "Take fewer knots" in str(caught.value)
    with pytest.raises(InputError, match="up to 5 % are drawn again"):
        hm.run_batch(straight(0.62), 10_000)
    assert len(hm.run_psa(straight(0.6), 1_000).rules_applied) > 0


def test_a_curve_that_the_run_does_not_read_is_neither_drawn_nor_refused():
    """A survival curve in the state-transition structure, where deaths after progression have a rate: Phi(-1/0.8), 10.6 %, make none."""
    assert model.sampler(straight(0.8, "os"), seed=1).together == ()
    assert hm.run_psa(straight(0.8, "os"), 50).rules_applied.empty


def test_what_makes_the_draws_goes_to_other_processes(splined):
    again = pickle.loads(pickle.dumps(model.sampler(splined, seed=171)))
    assert coefficients(again, 0, 500).tobytes() == coefficients(model.sampler(splined, seed=171), 0, 500).tobytes()


def test_a_coefficient_that_at_an_end_of_its_interval_makes_no_curve_is_left_out_of_one_way_analyses_by_name():
    """1 - 1.96 x 0.6 is below 0; gamma0, which takes gamma1 0.8 of that way with it, may move."""
    inputs = straight(0.6)
    found = hm.run_one_way(inputs)
    assert found.excluded == (f"fit_pfs_{L}_1",)
    assert "u_progressed" in set(found.table["parameter"])
    with pytest.raises(InputError, match="rise somewhere"):
        hm.run_one_way(inputs, names=[f"fit_pfs_{L}_1"])
    assert hm.run_one_way(straight(0.3)).excluded == ()
    subject = Subject(inputs, 256)
    assert {finding(check, subject).verdict for check in CHECKS if check.id in ("U1", "U2")} <= {PASS, REVIEW}


def test_drivers_move_a_coefficient_as_far_as_it_makes_a_curve(splined):
    found = hm.decision_drivers(splined).set_index("parameter")
    assert {f"fit_pfs_{L}_{k}" for k in range(4)} <= set(found.index)
    others = hm.decision_drivers(with_fitted_curve(hm.load_inputs("relapsed"), "pfs", L, *rising_people(), "weibull"))
    assert len(others) == len(found) - 2


def test_whatever_is_correlated_with_a_coefficient_is_drawn_again_with_it():
    """A price that goes with gamma1 (0.5 in ranks) stays with it where both are drawn again."""
    inputs = straight(0.6)
    pair = Correlation(f"fit_pfs_{L}_1", "c_terminal_care", 0.5, "", "assumed", "")
    prepared = model.sampler(replace(inputs, correlations=(*inputs.correlations, pair)), seed=171)
    drawn, again = prepared.block(0, 40_000), prepared.drawn_again(0, 40_000)[f"fitted curve pfs_{L}"]
    found = stats.spearmanr(drawn[f"fit_pfs_{L}_1"][again], drawn["c_terminal_care"][again]).statistic
    assert again.sum() > 1_500
    assert found == pytest.approx(0.5, abs=0.06)  # 3 standard errors, and a little that the cut takes away


def test_a_sobol_analysis_moves_coefficients_that_are_drawn_again_as_one_group(splined):
    """What is drawn again depends on the numbers of its own group alone, so rows of the design that share these share the curve."""
    prepared = model.sampler(splined, seed=171)
    points = {name: np.full(400, 0.5) for name in prepared.dimensions}
    moving = [f"fit_pfs_{L}_{k}" for k in range(4)]
    half = np.random.default_rng(3).random((4, 200))
    points |= {name: special.ndtri(np.concatenate([row, row])) for name, row in zip(moving, half, strict=True)}
    points["u_progressed"] = np.linspace(-1, 1, 400)
    drawn = prepared.from_normals(points.__getitem__, 400)
    for name in moving:
        assert np.array_equal(drawn[name][:200], drawn[name][200:])
    assert {tuple(moving)} == {members for members in groups_of(prepared).values() if moving[0] in members}
    assert np.isfinite(hm.run_global(splined, "sobol", size=64).table["ST"]).all()


def test_verify_passes_with_draws_made_again_and_asks_for_a_look():
    subject = Subject(straight(0.6), 2_048)
    findings = {
        check.id: finding(check, subject) for check in CHECKS if check.id in ("U3", "U5", "U5.1", "U8", "U10", "U11", "U12")
    }
    assert findings.pop("U12").verdict == REVIEW
    assert {found.verdict for found in findings.values()} == {PASS}
    told = finding(next(check for check in CHECKS if check.id == "U12"), subject).found
    assert "drawn again" in told and "%" in told


# --- people as they come: late, weighted, at visits, on day 0 ---------------------------------------------------------------------


def visits(n=80, seed=4):
    """Progression looked for every two months, of Weibull times with a median of a year: the visits around it, some never seen."""
    rng = np.random.default_rng(seed)
    times, last = 17 * rng.weibull(1.2, n), rng.integers(3, 15, n) * 2.0
    lower, upper = np.minimum(2.0 * (times // 2), last), 2.0 * (times // 2) + 2
    return lower, np.where(upper <= last, upper, np.inf)


def test_late_entry_reaches_every_family_and_the_observed_curve(data):
    times, events = data[0][:60], (np.arange(60) % 3 > 0).astype(float)
    entry = 0.4 * times
    found = run_fits(times, events, ["exponential", "weibull"], entry=entry, unit="months")
    for one in found.fits:
        assert one.log_likelihood == fit(times, events, one.family.name, entry=entry).log_likelihood
    assert np.array_equal(found.observed.at_risk, kaplan_meier(times, events, entry=entry).at_risk)
    rate = next(one for one in found.fits if one.family.name == "exponential").estimates["rate"]
    assert rate == pytest.approx(events.sum() / (0.6 * times.sum()), rel=1e-9)
    assert np.isfinite(found.curves()["survival"]).all() and len(found.against_observed()) == 12


def test_a_kaplan_meier_estimate_that_late_entry_makes_0_is_said_to_say_nothing():
    found = run_fits([1, 5, 6, 8], [1, 1, 0, 1], ["exponential"], entry=[0, 2, 2, 3], unit="months")
    assert found.observed.survival.tolist() == [0, 0, 0, 0]
    assert found.notes[0].startswith("All who were under observation at 1 had the event there")
    assert run_fits([1, 5, 6, 8], [1, 1, 0, 1], ["exponential"], entry=[0, 0, 2, 3], unit="months").notes == ()


def test_weights_reach_every_family_and_what_they_do_to_the_errors_is_told(data):
    times, events = data[0][::8], (np.arange(50) % 3 > 0).astype(float)
    whole = run_fits(times, events, ["weibull"], weights=np.full(50, 2.0))
    assert whole.best.n == 100 and whole.notes == () and whole.observed.at_risk[0] == 100
    half = run_fits(times, events, ["weibull"], weights=np.linspace(0.5, 1.5, 50))
    assert half.best.sandwich and half.notes == (
        "The weights are not whole numbers: standard errors are the sandwich's; AIC and BIC are of the weighted likelihood.",
    )


def test_intervals_are_fitted_and_compared_with_turnbulls_estimate():
    lower, upper = visits()
    found = run_interval_fits(lower, upper, ["exponential", "weibull", "log_normal"], unit="months")
    assert {one.family.name for one in found.fits} == {"exponential", "weibull", "log_normal"}
    assert found.best.log_likelihood == fit_intervals(lower, upper, found.best.family.name).log_likelihood
    beside = found.against_observed()
    assert (beside["observed_low"] <= beside["observed"]).all() and (beside["observed"] <= beside["observed_high"]).all()
    assert beside["difference"].abs().max() < 0.15
    assert set(found.curves()["curve"]) == {"Turnbull", "exponential", "weibull", "log_normal"}
    assert found.longest == max(upper[np.isfinite(upper)].max(), lower.max())


def test_a_fit_to_intervals_goes_into_the_model_with_its_covariance():
    lower, upper = visits()
    found = run_interval_fits(lower, upper, ["weibull"], unit="months").in_years("weibull")
    inputs = with_fit(hm.load_inputs("relapsed"), "pfs", L, found)
    direct = fit_intervals(lower / 12, upper / 12, "weibull")
    assert inputs.parameters[f"fit_pfs_{L}_1"].value == pytest.approx(direct.transformed_estimates[1], abs=1e-9)
    assert inputs.parameters[f"fit_pfs_{L}_1"].se == pytest.approx(direct.standard_errors["scale"], rel=1e-6)
    assert np.isfinite(hm.run_base_case(inputs).table["costs"]).all()


def test_times_of_0_are_refused_or_dealt_with_as_asked_and_told():
    times, events = [0.0, 0.0, 3.0, 5.0, 8.0, 9.0], [1, 0, 1, 1, 0, 1]
    with pytest.raises(InputError, match=r"times, row 1: 0 is not above 0, so has no density \(2 of 6 rows\)"):
        run_fits(times, events, ["exponential"], unit="days")
    out = run_fits(times, events, ["exponential"], at_zero="leave_out", unit="days")
    assert out.notes == ("2 of 6 times are 0, of which there is no density: they are left out.",)
    assert out.best.estimates["rate"] == pytest.approx(3 / 25, rel=1e-9) and out.observed.at_risk[0] == 4
    half = run_fits(times, events, ["exponential"], at_zero="half_a_day", unit="days")
    assert half.notes == ("2 of 6 times are 0, of which there is no density: they are taken as half a day (0.5 days).",)
    assert half.best.estimates["rate"] == pytest.approx(4 / 26, rel=1e-9)
    months = run_fits(times, events, ["exponential"], at_zero="half_a_day", unit="months")
    assert months.times.min() == pytest.approx(0.5 * 12 / 365.25)
    no_zeros = run_fits(times[2:], events[2:], ["exponential"], at_zero="half_a_day", unit="days")
    assert no_zeros.notes == () and no_zeros.best.log_likelihood == out.best.log_likelihood


def test_times_of_0_among_intervals_are_dealt_with_alike():
    """An event at 0 is one; a lower end of 0 is not."""
    lower, upper = [0, 0, 3, 5], [0, 4, 6, np.inf]
    with pytest.raises(InputError, match="1 of 4 rows"):
        run_interval_fits(lower, upper, ["exponential"])
    out = run_interval_fits(lower, upper, ["exponential"], at_zero="leave_out", unit="days")
    assert out.notes[0].startswith("1 of 4 times are 0") and out.lower.tolist() == [0, 3, 5]
    half = run_interval_fits(lower, upper, ["exponential"], at_zero="half_a_day", unit="days")
    assert (half.lower[0], half.upper[0], half.lower[1]) == (0.5, 0.5, 0.0)


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ({"at_zero": "drop"}, "at_zero 'drop'"),
        ({"unit": "fortnights"}, "unit 'fortnights'"),
        ({"at_zero": "half_a_day"}, "half a day has no length without the unit"),
        ({"entry": [0.0]}, "entry: its shape is"),
        ({"weights": [1.0, 2.0]}, "weights: its shape is"),
        ({"entry": [0, 0, 4]}, "entry, row 3: not from 0 to before the time"),
    ],
)
def test_what_cannot_be_said_of_the_people_is_refused(more, problem):
    with pytest.raises(InputError, match=problem):
        run_fits([1, 2, 3], [1, 0, 1], ["exponential"], **more)


# --- landmarks, means and averages --------------------------------------------------------------------------------------------------


def test_landmarks_and_means_of_each_family_stand_beside_the_observed():
    """Exponential by hand: 8 events in 120 person-months; S(1 year) = exp(-12 x 8/120), mean 15, to 24 months 15 (1 - e^-1.6)."""
    times = np.array([1, 2, 4, 6, 7, 9, 11, 12, 13, 15, 16, 24.0])
    events = np.array([1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0.0])
    found = run_fits(times, events, ["exponential", "weibull"], unit="months")
    table = found.landmarks.set_index("curve")
    assert table.index.tolist() == [
        "observed",
        *(f.family.name for f in found.fits),
        "average by AIC weight",
        "average by BIC weight",
    ]
    rate = 8 / 120
    row = table.loc["exponential"]
    for years, name in ((1, "1_year"), (2, "2_years"), (3, "3_years"), (5, "5_years"), (10, "10_years")):
        assert row[f"survival_at_{name}"] == pytest.approx(np.exp(-12 * years * rate), rel=1e-8)
    assert row["mean"] == pytest.approx(15, rel=1e-8)
    assert row["mean_to_24"] == pytest.approx(15 * (1 - np.exp(-1.6)), rel=1e-8)
    # the first eight die one by one of 12: area 1 + 11/12 + 2 x 10/12 + 2 x 9/12 + 8/12 + 2 x 7/12 + 2 x 6/12 + 5/12 + 12 x 4/12
    assert table.loc["observed", "mean_to_24"] == pytest.approx((12 + 11 + 20 + 18 + 8 + 14 + 12 + 5 + 48) / 12)
    assert table.loc["observed", "survival_at_1_year"] == pytest.approx(4 / 12)
    assert table.loc["observed", "survival_at_2_years"] == pytest.approx(4 / 12)
    assert np.isnan(table.loc["observed", ["survival_at_3_years", "survival_at_10_years", "mean"]].astype(float)).all()


def test_an_average_of_families_is_of_their_curves_by_weight():
    times, events = np.array([[float(x) for x in row.split(",")] for row in RISING.split()]).T
    found = run_fits(times, events, ["exponential", "weibull", "log_normal"], unit="months")
    for criterion, values in (("AIC", [one.aic for one in found.fits]), ("BIC", [one.bic for one in found.fits])):
        raw = np.exp(-np.array(values) / 2 + min(values) / 2)
        weights = raw / raw.sum()
        row = found.landmarks.set_index("curve").loc[f"average by {criterion} weight"]
        shares = [float(np.exp(-one.cumulative_hazard([12.0]))[0]) for one in found.fits]
        assert row["survival_at_1_year"] == pytest.approx(weights @ shares, rel=1e-12)
        assert row["mean"] == pytest.approx(weights @ [one.mean() for one in found.fits], rel=1e-12)
        assert found.average_survival([12.0], criterion)[0] == pytest.approx(row["survival_at_1_year"], rel=1e-12)
    with pytest.raises(InputError, match="Give AIC or BIC"):
        found.model_weights("DIC")


def test_landmarks_are_the_same_years_in_any_unit_and_refused_without_one():
    times, events = np.array([[float(x) for x in row.split(",")] for row in RISING.split()]).T
    months = run_fits(times, events, ["weibull"], unit="months").landmarks
    years = run_fits(times / 12, events, ["weibull"], unit="years").landmarks
    columns = [name for name in months if name.startswith("survival_at")]
    np.testing.assert_allclose(months[columns].to_numpy(), years[columns].to_numpy(), rtol=1e-6, equal_nan=True)
    np.testing.assert_allclose(months["mean"] / 12, years["mean"], rtol=1e-6, equal_nan=True)
    with pytest.raises(InputError, match='Give it to run_fits, such as unit="months"'):
        run_fits(times, events, ["weibull"]).landmarks  # noqa: B018


def test_the_observed_mean_of_intervals_is_the_area_under_turnbulls_lines():
    """All seen by 12, by hand: 3 of 5 between 0 and 6, 2 between 6 and 12: 6 x (1 + 0.4)/2 + 6 x (0.4 + 0)/2."""
    found = run_interval_fits([0, 0, 0, 6, 6], [6, 6, 6, 12, 12], ["exponential"], unit="months")
    row = found.landmarks.set_index("curve").loc["observed"]
    assert row["mean_to_12"] == pytest.approx(5.4, abs=1e-8) and row["mean"] == pytest.approx(5.4, abs=1e-8)
    exact = run_interval_fits([2, 4, 5], [2, 4, np.inf], ["exponential"], unit="months")  # 2 + 2 x 2/3 + 1/3
    row = exact.landmarks.set_index("curve").loc["observed"]
    assert row["mean_to_5"] == pytest.approx(2 + 4 / 3 + 1 / 3, abs=1e-8)
    assert np.isnan([row["mean"], row["survival_at_1_year"]]).all()  # one of the three was not seen to have it
