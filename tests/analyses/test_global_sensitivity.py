"""Global sensitivity through SALib.

Pitfalls guarded: a wiring that swaps columns; one NaN that SALib turns into zeros; a seed of 0 that is none; a problem that SALib changes;
correlated parameters told apart; infinite values at the corners of Morris' grid.
"""

import numpy as np
import pytest

import hemodel as hm
from hemodel.analyses.global_sensitivity import _points, _problem, analyse, groups_of, run_given_data, run_global
from hemodel.cohort.model import names_read
from hemodel.evidence.draws import sampler


@pytest.fixture(scope="module")
def inputs():
    return hm.load_inputs("relapsed")


def ishigami(points):
    x = np.pi * (2 * points - 1)
    return np.sin(x[:, 0]) + 7 * np.sin(x[:, 1]) ** 2 + 0.1 * x[:, 2] ** 4 * np.sin(x[:, 0])


CUBE = {"num_vars": 3, "names": ["a", "b", "c"], "bounds": [[0.0, 1.0]] * 3}
FIRST, TOTAL = [0.313905, 0.442411, 0.0], [0.557589, 0.442411, 0.243684]


@pytest.mark.parametrize(("method", "size", "tolerance"), [("sobol", 4096, 0.01), ("fast", 1025, 0.05), ("rbd_fast", 4096, 0.03)])
def test_ishigami_has_its_known_indices(method, size, tolerance):
    """Tolerances are the accuracies measured for these sizes (methods.md 2.2)."""
    points = _points(method, CUBE, size, False, 1)
    table = analyse(method, CUBE, points, ishigami(points), outcome="y", groups={}).table.set_index("name").loc[["a", "b", "c"]]
    np.testing.assert_allclose(table["S1"], FIRST, atol=tolerance)
    if "ST" in table:
        np.testing.assert_allclose(table["ST"], TOTAL, atol=tolerance)


def test_ishigami_by_morris_and_given_data():
    points = _points("morris", CUBE, 500, False, 1)
    table = analyse("morris", CUBE, points, ishigami(points), outcome="y", groups={}).table.set_index("name")
    np.testing.assert_allclose(table.loc[["a", "b", "c"], "mu_star"], [7.53, 7.88, 5.96], rtol=0.1)
    points = np.random.default_rng(1).random((500, 3))
    for method in ("delta", "pawn"):
        found = analyse(method, CUBE, points, ishigami(points), outcome="y", groups={}).table
        assert found["name"].iloc[-1] == "c"


def test_a_product_has_its_closed_form_with_second_order():
    points = _points("sobol", CUBE, 4096, True, 1)
    y = (1 + points[:, 0]) * (1 + points[:, 1])
    found = analyse("sobol", CUBE, points, y, outcome="y", groups={}, second_order=True)
    mean, variance = 1.5, 1 / 12
    total = 2 * mean**2 * variance + variance**2
    table = found.table.set_index("name")
    assert table.loc["a", "S1"] == pytest.approx(mean**2 * variance / total, abs=0.005)
    assert found.second_order.loc["a", "b"] == pytest.approx(variance**2 / total, abs=0.005)


def test_correlated_parameters_are_one_group_and_said_to_be(inputs):
    found = run_global(inputs, "sobol", size=64)
    assert ("u_progression_free", "u_progressed") in found.groups.values()
    assert "u_progression_free + u_progressed" in set(found.table["name"])
    assert "u_progressed" not in set(found.table["name"])
    shares = groups_of(sampler(hm.load_inputs("relapsed", scenario="dose_reductions"), seed=1))
    assert any(name.startswith("p_packs_") for name in shares)


def test_the_drivers_of_net_benefit_are_those_of_the_tornado(inputs):
    found = run_global(inputs, "sobol", size=512)
    assert found.evaluations == 512 * (len(found.table) + 2)
    assert found.table["name"].iloc[0] == "r_death_progressed_lenalidomide_dexamethasone"
    assert found.table["name"].iloc[1] == "c_post_progression_care"
    assert 0.9 < found.table["S1"].sum() < 1.1


def test_a_long_analysis_says_how_far_it_is_and_can_be_stopped(inputs):
    done = []
    found = run_global(inputs, "sobol", size=256, progress=done.append)
    assert sum(done) == found.evaluations and len(done) > 2

    def stop(evaluations):
        raise KeyboardInterrupt(evaluations)

    with pytest.raises(KeyboardInterrupt, match=str(done[0])):
        run_global(inputs, "sobol", size=256, progress=stop)


def test_given_data_methods_agree_on_the_first_driver(inputs):
    psa = hm.run_psa(inputs, 800)
    assert run_given_data(psa, "pawn").table["name"].iloc[0] == "r_death_progressed_lenalidomide_dexamethasone"
    few = ["c_rash", "u_progressed", "r_death_progressed_lenalidomide_dexamethasone"]
    table = run_given_data(psa, "delta", names=few).table
    assert table["name"].tolist() == [few[2], few[1], few[0]]
    with pytest.raises(hm.InputError, match="Did you mean c_rash"):
        run_given_data(psa, "pawn", names=["c_rush"])


def test_what_salib_would_let_through_is_refused():
    points = _points("sobol", CUBE, 64, False, 1)
    y = ishigami(points)
    with pytest.raises(hm.InputError, match="some are not finite"):
        analyse("sobol", CUBE, points, np.where(np.arange(len(y)) == 5, np.nan, y), outcome="y", groups={})
    with pytest.raises(hm.InputError, match="all are equal"):
        analyse("sobol", CUBE, points, np.ones(len(y)), outcome="y", groups={})
    with pytest.raises(hm.InputError, match="does not fit a design"):
        analyse("sobol", CUBE, points, y[:-8], outcome="y", groups={})


def test_the_same_seed_gives_the_same_indices_and_zero_is_a_seed(inputs):
    one, other = (run_global(inputs, "morris", size=10, seed=0).table for _ in range(2))
    assert one.equals(other)


def test_the_problem_is_not_changed_by_its_analysis(inputs):
    prepared = sampler(inputs, seed=1, names=names_read(inputs))
    problem = _problem(prepared, groups_of(prepared))
    before = repr(problem)
    _points("sobol", problem, 8, False, 1)
    assert repr(problem) == before


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda i: run_global(i, "sobl"), "Did you mean sobol"),
        (lambda i: run_global(i, "sobol", size=1000), "not a power of 2"),
        (lambda i: run_global(i, "fast", size=64), "needs more than 64"),
        (lambda i: run_global(i, outcome="icer"), "not one that is analysed"),
        (lambda i: run_given_data(hm.run_psa(i, 10), "sobol"), "it is not one of these"),
    ],
)
def test_bad_requests_are_refused(inputs, call, message):
    with pytest.raises(hm.InputError, match=message):
        call(inputs)
