"""Probabilistic analysis.

Pitfalls guarded: draws not shared between strategies; results that depend on block size or threads; life-years, costs and
probabilities of different draws; the mean of ratios in place of the ratio of means; Monte Carlo error taken for uncertainty.
"""

from dataclasses import replace

import numpy as np
import pytest

import hemodel as hm
from hemodel.analyses.global_sensitivity import run_given_data
from hemodel.analyses.psa import PSA
from hemodel.cohort import model
from hemodel.cohort.model import evaluate, names_read, plan
from hemodel.evidence import draws
from hemodel.evidence.draws import NamedDraws, base_case_draws, sampler


@pytest.fixture(scope="module")
def inputs():
    return hm.load_inputs("relapsed")


@pytest.fixture(scope="module")
def psa(inputs):
    return hm.run_psa(inputs, 4_000, seed=7)


@pytest.mark.parametrize(("block_size", "threads"), [(1, 1), (777, 2), (1024, 2), (4_000, 1), (50_000, 2)])
def test_blocks_and_threads_give_the_same_bits(inputs, psa, block_size, threads):
    n = 60 if block_size == 1 else 4_000
    other = hm.run_psa(inputs, n, seed=7, block_size=block_size, threads=threads)
    for arrangement in ("list", "pas"):
        np.testing.assert_array_equal(other.costs[arrangement], psa.costs[arrangement][:, :n])
    np.testing.assert_array_equal(other.qalys, psa.qalys[:, :n])
    np.testing.assert_array_equal(other.life_years, psa.life_years[:, :n])


def test_more_draws_begin_with_the_same_draws(inputs, psa):
    np.testing.assert_array_equal(hm.run_psa(inputs, 5_000, seed=7).qalys[:, :4_000], psa.qalys)


def test_row_i_of_the_draws_is_draw_i_of_the_results(inputs, psa):
    draws = psa.draws()
    for i in (0, 17, 3_999):
        one = {name: draws[name].to_numpy()[i : i + 1] for name in draws} | {
            n: np.array([p.value]) for n, p in inputs.parameters.items() if n not in draws
        }
        assert evaluate(one, inputs).total_qalys[:, 0].tolist() == psa.qalys[:, i].tolist()


def test_strategies_share_their_draws(inputs, psa):
    """What both strategies have in common (post-progression care, terminal care, utilities) makes their outcomes move together."""
    assert np.corrcoef(psa.qalys)[0, 1] > 0.1
    shared = sampler(inputs, seed=7, names=["u_progressed"]).block(0, 4_000)["u_progressed"]
    assert np.corrcoef(shared, psa.qalys[1])[0, 1] > 0.1
    assert np.corrcoef(shared, psa.qalys[0])[0, 1] > 0.1


def test_the_seed_decides(inputs, psa):
    assert not np.array_equal(hm.run_psa(inputs, 100, seed=8).qalys, psa.qalys[:, :100])


def test_the_icer_is_the_ratio_of_means_never_the_mean_of_ratios(psa):
    row = psa.table.set_index(["price_arrangement", "strategy"]).loc[("pas", "lenalidomide_dexamethasone")]
    d_costs, d_qalys = psa.costs["pas"][0] - psa.costs["pas"][1], psa.qalys[0] - psa.qalys[1]
    assert row["icer"] == pytest.approx(d_costs.mean() / d_qalys.mean(), rel=1e-12)
    assert abs(row["icer"] - (d_costs / d_qalys).mean()) > 100
    residual = d_costs - row["icer"] * d_qalys
    assert row["se_icer"] == pytest.approx(residual.std(ddof=1) / np.sqrt(4_000) / d_qalys.mean(), rel=1e-9)


def test_uncertainty_and_monte_carlo_error_are_kept_apart(psa):
    row = psa.table.set_index(["price_arrangement", "strategy"]).loc[("pas", "lenalidomide_dexamethasone")]
    d_qalys = psa.qalys[0] - psa.qalys[1]
    assert [row["incremental_qalys_low"], row["incremental_qalys_high"]] == np.quantile(d_qalys, [0.025, 0.975]).tolist()
    assert row["se_incremental_qalys"] == pytest.approx(d_qalys.std(ddof=1) / np.sqrt(4_000), rel=1e-12)


def test_a_second_seed_gives_the_same_means_within_monte_carlo_error(inputs, psa):
    other = hm.run_psa(inputs, 4_000, seed=1_234).table
    for column in ("costs", "life_years", "qalys"):
        error = np.hypot(psa.table[f"se_{column}"], other[f"se_{column}"])
        assert (abs(psa.table[column] - other[column]) < 4 * error).all()


def test_the_probabilistic_icer_is_near_the_deterministic_one(inputs, psa):
    """Within 5 %: the model is mildly non-linear in its curve parameters."""
    base = hm.run_base_case(inputs)
    for arrangement in ("list", "pas"):
        rows = psa.table[psa.table["price_arrangement"] == arrangement]
        assert rows["icer"].max() == pytest.approx(base.icer(arrangement), rel=0.05)


def test_acceptability_curves_sum_to_one_and_meet_the_table(psa):
    curve = psa.acceptability_curve("pas")
    np.testing.assert_allclose(curve.sum(axis=1), 1.0, rtol=0, atol=1e-12)
    row = psa.table.set_index(["price_arrangement", "strategy"]).loc[("pas", "lenalidomide_dexamethasone")]
    assert row["probability_cost_effective_35000"] == curve.loc[35_000, "lenalidomide_dexamethasone"]


def test_perfect_information_is_worth_something_and_not_more_than_the_worst_loss(psa):
    for threshold in (25_000.0, 35_000.0):
        value = psa.evpi("pas", threshold)
        loss = np.abs(np.diff(psa.net_benefit("pas", threshold), axis=1)).mean()
        assert 0 <= value.value < loss
        assert value.standard_error > 0


def test_components_are_kept_when_asked_for_and_sum_to_the_totals(inputs):
    kept = hm.run_psa(inputs, 300, seed=7, block_size=100, keep_components=True)
    for arrangement in ("list", "pas"):
        np.testing.assert_allclose(sum(kept.components[arrangement].values()), kept.costs[arrangement], rtol=1e-13)
    assert hm.run_psa(inputs, 10).components is None


def test_only_parameters_that_are_read_are_drawn(inputs, psa):
    assert set(psa.draws().columns) == set(names_read(inputs))


def test_a_second_run_of_the_same_inputs_prepares_nothing_and_a_change_prepares_anew(inputs, monkeypatch):
    """The plan, the names read and the tables of the distributions are kept with the inputs they were made of."""
    own, prepared = replace(inputs), []
    for module, name in ((plan, "_row"), (draws, "quantile_tables"), (model, "_read_by")):
        made = getattr(module, name)
        monkeypatch.setattr(module, name, lambda *a, made=made, name=name: (prepared.append(name), made(*a))[1])
    first = hm.run_psa(own, 50)
    assert set(prepared) == {"_row", "quantile_tables", "_read_by"}
    prepared.clear()
    again = hm.run_psa(own, 50, seed=1)
    assert prepared == [] and not np.array_equal(first.qalys, again.qalys)
    changed = hm.run_psa(own.with_values(u_progressed=0.1), 50)
    assert set(prepared) == {"_row", "quantile_tables", "_read_by"} and (changed.qalys < first.qalys).all()


def test_what_goes_to_another_process_is_the_inputs_without_what_was_made_of_them(inputs):
    own = replace(inputs)
    before = own.__getstate__()
    hm.run_psa(own, 50)
    assert own.once(model.names_read) and own.__getstate__().keys() - {"hash"} == before.keys() - {"hash"}


def test_progress_counts_every_draw_once(inputs):
    seen = []
    hm.run_psa(inputs, 1_000, block_size=300, threads=2, progress=seen.append)
    assert sum(seen) == 1_000


@pytest.mark.parametrize(
    ("request_", "place"),
    [
        ({"draws": 1}, "draws"),
        ({"draws": 2.5}, "draws"),
        ({"threads": 0}, "threads"),
        ({"block_size": 0}, "block_size"),
        ({"seed": -1}, "seed"),
    ],
)
def test_bad_requests_are_refused_by_name(inputs, request_, place):
    with pytest.raises(hm.InputError, match=place):
        hm.run_psa(inputs, **{"draws": 10} | request_)


def test_the_result_shows_itself(psa):
    assert "probability_cost_effective_25000" in psa._repr_html_()
    assert psa.results().shape == (4_000, 1 + 4 + 2 + 2)


def test_evppi_is_never_above_evpi_and_follows_the_drivers(inputs, psa):
    everything = psa.evpi("pas", 35_000.0)
    driver = hm.evppi(psa, "r_death_progressed_lenalidomide_dexamethasone")
    nothing = hm.evppi(psa, "c_rash")
    assert nothing.value < driver.value <= everything.value
    assert driver.value > 0.2 * everything.value
    pair = hm.evppi(psa, ["r_death_progressed_lenalidomide_dexamethasone", "c_post_progression_care"])
    assert pair.value >= driver.value - 2 * driver.standard_error


@pytest.mark.parametrize(
    ("names", "arrangement", "message"),
    [(["c_rush"], None, "Did you mean c_rash"), ([], None, "there are none"), (["c_rash"], "lists", "Did you mean list")],
)
def test_evppi_of_what_was_not_drawn_is_refused(psa, names, arrangement, message):
    with pytest.raises(hm.InputError, match=message):
        hm.evppi(psa, names, price_arrangement=arrangement)


@pytest.mark.parametrize("design", ["monte_carlo", "latin_hypercube", "sobol"])
def test_some_of_the_draws_are_those_of_the_run(inputs, design):
    run = hm.run_psa(inputs, 256, design=design)
    names = ["u_progressed", "c_terminal_care"]
    np.testing.assert_array_equal(run.draws(names), run.draws()[names])
    draws = {name: values.to_numpy() for name, values in run.draws().items()}
    np.testing.assert_array_equal(model.evaluate(NamedDraws(draws), inputs).total_qalys, run.qalys)


def of_own_draws(inputs, keep=True):
    """An analysis of draws that come from no seed: the utility after progression from 0 to 1, all else at its value."""
    n = 2_000
    draws = {name: np.repeat(value, n) for name, value in base_case_draws(inputs).items()}
    draws["u_progressed"] = np.random.default_rng(3).uniform(0, 1, n)
    found = evaluate(draws, inputs)
    costs = {a: found.total_costs(a) for a in found.price_arrangements}
    kept = draws if keep else None
    return PSA(inputs, 171, "monte_carlo", costs, found.total_qalys, found.undiscounted.total_life_years, None, kept)


def test_results_of_draws_of_ones_own_keep_them(inputs):
    psa = of_own_draws(inputs)
    assert psa.draws()["u_progressed"].tolist() == psa.drawn["u_progressed"].tolist()
    benefit = psa.net_benefit("pas", 35_000.0)
    alone = hm.evppi(psa, "u_progressed", threshold=35_000.0, price_arrangement="pas")
    assert alone.value == pytest.approx(
        psa.evpi("pas", 35_000.0).value, rel=0.02
    )  # nothing else varies: to know it is to know all
    assert alone.value == pytest.approx(benefit.max(axis=1).mean() - benefit.mean(axis=0).max(), rel=0.02) and alone.value > 100
    assert hm.evppi_table(psa)["parameters"].tolist() == ["u_progressed"]


def test_results_of_other_draws_than_those_of_their_seed_refuse_what_rests_on_the_draws(inputs):
    psa = of_own_draws(inputs, keep=False)
    works = [
        psa.draws,
        psa.with_components,
        lambda: hm.evppi(psa, "u_progressed"),
        lambda: hm.evppi_table(psa),
        lambda: hm.evsi_table(psa, "u_progressed", standard_deviations={"u_progressed": 0.2}),
        lambda: run_given_data(psa, "pawn"),
        lambda: replace(hm.run_psa(inputs, 50), seed=172).draws(),
        lambda: replace(hm.run_psa(inputs, 50), inputs=inputs.with_values(u_progressed=0.3)).draws(),
        lambda: replace(hm.run_psa(inputs, 64), design="sobol").draws(),
    ]
    for work in works:
        with pytest.raises(hm.InputError, match=r"psa: its results are not those of the draws of seed 17.*drawn="):
            work()


def test_fewer_draws_than_results_are_refused(inputs):
    psa = of_own_draws(inputs)
    short = replace(psa, drawn={name: values[:-1] for name, values in psa.drawn.items()})
    with pytest.raises(hm.InputError, match="1,999 draws were given of 2,000 results"):
        short.draws()


def test_components_are_of_the_same_draws(inputs):
    psa = hm.run_psa(inputs, 300, seed=5)
    parts = psa.with_components()
    np.testing.assert_array_equal(sum(parts.components["pas"].values()), psa.costs["pas"])
    assert parts.with_components() is parts
