"""Convergence: running means and replicated designs.

Pitfalls guarded: a running mean that is not the mean of the first draws; the error formula of independent draws used for a Sobol'
design; a delta-method error of the ICER where Fieller's interval is far from it; a batch that says another thing than the analysis.
"""

import numpy as np
import pytest

import hemodel as hm
from hemodel.analyses.convergence import run_replicates, running_means
from hemodel.decision import intervals
from hemodel.errors import InputError


@pytest.fixture(scope="module")
def inputs():
    return hm.load_inputs("relapsed")


@pytest.fixture(scope="module")
def psa(inputs):
    return hm.run_psa(inputs, 3_000)


def test_a_running_mean_is_the_analysis_of_the_first_draws(inputs, psa):
    table = running_means(psa, price_arrangement="pas", places=11).set_index("draws")
    assert table.index[-1] == 3_000 and len(table) == 11
    n = int(table.index[4])
    fewer = hm.run_psa(inputs, n).table.query("price_arrangement == 'pas'").iloc[0]
    row = table.loc[n]
    for name in ("incremental_costs", "incremental_qalys", "icer", "icer_low", "icer_high"):
        assert row[name] == pytest.approx(fewer[name], rel=1e-12)
    assert row["probability_cost_effective"] == fewer["probability_cost_effective_35000"]
    assert row["evpi"] == pytest.approx(fewer["evpi_35000"], rel=1e-12)
    benefit = 35_000 * fewer["incremental_qalys"] - fewer["incremental_costs"]
    assert row["incremental_net_monetary_benefit"] == pytest.approx(benefit, rel=1e-9)


def test_fiellers_interval_is_that_of_the_increments_and_holds_the_icer(psa):
    row = psa.table.query("price_arrangement == 'pas'").iloc[0]
    dc, de = psa.costs["pas"][0] - psa.costs["pas"][1], psa.qalys[0] - psa.qalys[1]
    n = len(dc)
    errors = dc.std(ddof=1) / np.sqrt(n), de.std(ddof=1) / np.sqrt(n)
    expected = intervals.fieller(dc.mean(), errors[0], de.mean(), errors[1], np.corrcoef(dc, de)[0, 1])
    assert (row["icer_low"], row["icer_high"]) == pytest.approx((expected.low, expected.high), rel=1e-12)
    assert row["icer_low"] < row["icer"] < row["icer_high"]
    assert row["icer_high"] - row["icer_low"] == pytest.approx(2 * 1.96 * row["se_icer"], rel=0.01)


def test_fieller_covers_the_truth_as_often_as_it_says():
    """2,000 small analyses of a known ratio: 95 % of intervals hold it."""
    rng = np.random.default_rng(5)
    held = 0
    for _ in range(2_000):
        de = rng.normal(1.0, 0.8, 40)
        costs = np.column_stack([np.zeros(40), 10_000 * de + rng.normal(0, 5_000, 40)])
        found = intervals.fieller_of_means(costs, np.column_stack([np.zeros(40), de]))
        held += found.low <= 10_000 <= found.high
    assert held / 2_000 == pytest.approx(0.95, abs=0.015)  # 40 draws: normal, not t, quantiles cost half a percent


def test_a_batch_says_what_the_analysis_says(inputs):
    n = 8_192
    batch, psa = hm.run_batch(inputs, n).table, hm.run_psa(inputs, n).table
    names = ["icer", "icer_low", "icer_high", "se_icer", "probability_cost_effective_35000", "evpi_35000", "se_evpi_35000"]
    for name in names:
        np.testing.assert_allclose(batch[name].to_numpy(float), psa[name].to_numpy(float), rtol=1e-9)


def test_replicates_show_that_sobol_errs_less_than_the_formula_for_independent_draws_says(inputs):
    table = run_replicates(inputs, 512, replicates=6, price_arrangement="pas").set_index("quantity")
    row = table.loc["incremental_net_monetary_benefit"]
    assert row["standard_error_of_one"] < row["as_if_independent"] / 2
    assert row["standard_error"] == pytest.approx(row["standard_error_of_one"] / np.sqrt(6), rel=1e-12)


def test_replicates_of_independent_draws_err_as_the_formula_says(inputs):
    table = run_replicates(inputs, 200, design="monte_carlo", replicates=20).set_index("quantity")
    for name in ("incremental_costs", "incremental_qalys", "icer"):
        ratio = table.loc[name, "standard_error_of_one"] / table.loc[name, "as_if_independent"]
        assert 0.6 < ratio < 1.5  # chi with 19 degrees of freedom: 0.66 to 1.35 in 95 of 100


@pytest.mark.parametrize("bad", [1, 2.5, True])
def test_too_few_replicates_and_places_are_refused(inputs, psa, bad):
    with pytest.raises(InputError, match="Give 2 or more"):
        run_replicates(inputs, 64, replicates=bad)
    with pytest.raises(InputError, match="Give 2 or more"):
        running_means(psa, places=bad)
