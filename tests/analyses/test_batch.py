"""Batches that outgrow memory and one machine.

Pitfalls guarded: sums whose bits depend on the size of blocks, on threads, on the cluster or on an interruption; a killed run that starts
again or counts a block twice; a damaged part that is believed; another run's folder used; a stopping rule that looks at the wrong error.
"""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

import hemodel as hm
from hemodel.analyses.batch import STEP, read_draws, run_batch


@pytest.fixture(scope="module")
def inputs():
    return hm.load_inputs("relapsed")


@pytest.fixture(scope="module")
def batch(inputs):
    return run_batch(inputs, 5 * STEP + 100, threads=1)


def assert_same_bits(one, other):
    for name in ("mean", "cross", "best", "loss"):
        np.testing.assert_array_equal(getattr(one.moments, name), getattr(other.moments, name))


@pytest.mark.parametrize(("block_size", "threads"), [(STEP, 1), (STEP, 2), (2 * STEP, 2), (100 * STEP, 1)])
def test_block_size_and_threads_do_not_change_a_bit(inputs, batch, block_size, threads):
    assert_same_bits(run_batch(inputs, batch.n_draws, block_size=block_size, threads=threads), batch)


def test_running_sums_are_those_of_the_whole(inputs, batch):
    psa = hm.run_psa(inputs, batch.n_draws)
    shared = [c for c in batch.table.columns if c in psa.table.columns and batch.table[c].dtype == float]
    assert {"costs", "se_costs", "icer", "se_icer", "se_incremental_qalys", "probability_cost_effective_35000"} <= set(shared)
    for column in shared:
        np.testing.assert_allclose(batch.table[column], psa.table[column], rtol=1e-9, atol=1e-12, err_msg=column)
    for arrangement in ("list", "pas"):
        row = batch.table[batch.table["price_arrangement"] == arrangement].iloc[0]
        assert row["evpi_35000"] == pytest.approx(psa.evpi(arrangement, 35_000.0).value, rel=1e-10)
        curve = psa.acceptability_curve(arrangement, batch.acceptability_curve(arrangement).index)
        np.testing.assert_allclose(batch.acceptability_curve(arrangement), curve, rtol=0, atol=1e-12)


def test_a_cluster_gives_the_same_bits_and_a_lost_worker_loses_nothing(inputs, batch):
    from distributed import Client, LocalCluster

    with LocalCluster(2, threads_per_worker=1, dashboard_address=None, host="127.0.0.1") as cluster, Client(cluster) as client:
        killed = []

        def kill_one(_done):
            if not killed:
                killed.append(next(iter(cluster.workers.values())).pid)
                os.kill(killed[0], signal.SIGKILL)

        found = run_batch(inputs, batch.n_draws, block_size=STEP, client=client, progress=kill_one)
        assert killed
    assert_same_bits(found, batch)


def test_a_killed_batch_goes_on_where_it_was_and_ends_with_the_same_bits(inputs, tmp_path):
    folder = tmp_path / "batch"
    code = (
        "import hemodel as hm; from hemodel.analyses.batch import STEP, run_batch;"
        f"run_batch(hm.load_inputs('relapsed'), 400 * STEP, block_size=STEP, threads=2, folder={str(folder)!r})"
    )
    process = subprocess.Popen([sys.executable, "-c", code])
    deadline = time.monotonic() + 60
    while len(list(folder.glob("block-*.json"))) < 3 and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    done = {path: path.stat().st_mtime_ns for path in folder.glob("block-*.json")}
    assert 3 <= len(done) < 400
    n = (len(done) + 2) * STEP
    resumed = run_batch(inputs, n, block_size=STEP, folder=folder, threads=1)
    kept = [path for path, when in done.items() if path.stat().st_mtime_ns == when]
    assert len(kept) == len(done)  # no finished block was run again
    assert_same_bits(resumed, run_batch(inputs, n, threads=2))


def test_a_damaged_block_or_part_is_found_and_run_again(inputs, tmp_path):
    folder = tmp_path / "batch"
    whole = run_batch(inputs, 3 * STEP, block_size=STEP, folder=folder, keep_draws=True)
    block, part = sorted(folder.glob("block-*.json"))[0], sorted(folder.glob("part-*.parquet"))[1]
    good = part.read_bytes()
    block.write_bytes(block.read_bytes().replace(b"1", b"2", 5))
    part.write_bytes(good[: len(good) // 2])
    assert_same_bits(run_batch(inputs, 3 * STEP, block_size=STEP, folder=folder, keep_draws=True), whole)
    assert len(read_draws(folder)) == 3 * STEP
    pd.testing.assert_frame_equal(pd.read_parquet(part), read_draws(folder)[STEP : 2 * STEP].reset_index(drop=True))


def test_kept_draws_are_the_draws_with_what_made_them_in_the_schema(inputs, tmp_path):
    run_batch(inputs, 2 * STEP, block_size=STEP, folder=tmp_path / "batch", keep_draws=True, seed=9)
    frame = read_draws(tmp_path / "batch")
    psa = hm.run_psa(inputs, 2 * STEP, seed=9)
    np.testing.assert_array_equal(frame["qalys_dexamethasone"], psa.qalys[1])
    np.testing.assert_array_equal(frame["u_progressed"], psa.draws()["u_progressed"])
    part = sorted((tmp_path / "batch").glob("part-*.parquet"))[0]
    made_by = json.loads(pq.read_schema(part).metadata[b"hemodel"])
    assert made_by == {"inputs": inputs.hash, "population": "two_or_more_prior", "scenario": "base_case", "seed": 9}


def test_a_folder_of_another_run_is_refused(inputs, tmp_path):
    run_batch(inputs, STEP, folder=tmp_path / "batch", block_size=STEP)
    with pytest.raises(hm.InputError, match="other inputs, seed"):
        run_batch(inputs, STEP, folder=tmp_path / "batch", block_size=STEP, seed=1)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear", encoding="utf-8")
    with pytest.raises(hm.InputError, match="not empty and holds no batch"):
        run_batch(inputs, STEP, folder=tmp_path / "mine")


def test_the_stopping_rule_stops_at_the_first_block_below_the_error(inputs):
    found = run_batch(inputs, 100 * STEP, block_size=STEP, until_standard_error=100.0)
    errors = found.history["standard_error"]
    assert errors.iloc[-1] < 100 <= errors.iloc[-2]
    assert found.n_draws == len(found.history) * STEP < 100 * STEP
    assert "below GBP 100.00" in found.stopped
    row = found.table.iloc[2]
    benefit = 35_000 * row["incremental_qalys"] - row["incremental_costs"]
    assert found.history["incremental_net_monetary_benefit"].iloc[-1] == pytest.approx(benefit, rel=1e-9)


def test_of_several_strategies_the_one_of_largest_error_decides_when_to_stop():
    inputs = hm.load_inputs("one_prior")
    found = run_batch(inputs, 2 * STEP, block_size=STEP, seed=4)
    psa, reference = hm.run_psa(inputs, 2 * STEP, seed=4), inputs.settings.place(inputs.settings.comparator)
    arrangement = inputs.settings.price_arrangements[-1]
    benefit = 35_000 * psa.qalys - psa.costs[arrangement]
    errors = (benefit - benefit[reference]).std(axis=1, ddof=1) / np.sqrt(psa.n_draws)
    assert len(set(errors)) == 3
    assert found.history["standard_error"].iloc[-1] == pytest.approx(errors.max(), rel=1e-9)


def test_the_error_falls_as_one_over_root_n(inputs):
    history = run_batch(inputs, 16 * STEP, block_size=STEP, threads=2).history.set_index("draws")["standard_error"]
    assert history[16 * STEP] == pytest.approx(history[4 * STEP] / 2, rel=0.03)


def test_all_draws_without_a_rule(batch):
    assert batch.stopped == "all draws were run"
    assert "<table" in batch._repr_html_()


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"draws": 1}, "draws"),
        ({"block_size": 1000}, "block_size: 1000 is not a whole number from 4096"),
        ({"block_size": 5000}, "not a multiple of 4096"),
        ({"keep_draws": True}, "no folder to keep them in"),
        ({"until_standard_error": 0.0}, "not an amount of money"),
        ({"price_arrangement": "pass"}, "Did you mean pas"),
    ],
)
def test_bad_requests_are_refused(inputs, request_, message):
    with pytest.raises(hm.InputError, match=message):
        run_batch(inputs, **{"draws": 10_000} | request_)


def test_a_shorter_repeat_reads_its_own_draws_and_a_missing_part_is_told(inputs, tmp_path):
    folder = tmp_path / "batch"
    run_batch(inputs, 3 * STEP, block_size=STEP, folder=folder, keep_draws=True)
    long = read_draws(folder)
    run_batch(inputs, STEP + 100, block_size=STEP, folder=folder, keep_draws=True)
    pd.testing.assert_frame_equal(read_draws(folder), long.head(STEP + 100))
    first = sorted(folder.glob("part-*.parquet"))[0]
    whole = first.read_bytes()
    first.write_bytes(whole[:1000])
    with pytest.raises(hm.InputError, match="the part is damaged"):
        read_draws(folder)
    first.unlink()
    with pytest.raises(hm.InputError, match="draws are missing after 0 of"):
        read_draws(folder)
    with pytest.raises(hm.InputError, match="no draws of a finished batch"):
        read_draws(tmp_path)


def test_equal_mean_qalys_have_no_ratio(batch):
    """Every sum that the ICER rests on as it is, but for the mean QALYs of one strategy, which are made those of the other."""
    m = batch.moments
    place = {name: i for i, name in enumerate(m.names)}
    mean = m.mean.copy()
    mean[place["qalys_lenalidomide_dexamethasone"]] = mean[place["qalys_dexamethasone"]]
    table = replace(batch, moments=replace(m, mean=mean)).table.set_index(["price_arrangement", "strategy"])
    row = table.loc[("list", "lenalidomide_dexamethasone")]
    assert row["incremental_qalys"] == 0 and row["incremental_costs"] > 0
    assert np.isnan(row["icer"]) and np.isnan(row["se_icer"])
