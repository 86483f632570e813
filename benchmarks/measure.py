"""One measurement in a process of its own, for `run.py`: `python benchmarks/measure.py CASE '{"draws": 10000}'` prints JSON.

A process of its own because peak memory is a property of a process. Times are wall-clock seconds; what is compared is measured
in turn (A B C A B C ...), so that a slow moment of the machine hits all alike, and compared round by round.
"""

from __future__ import annotations

import gc
import hashlib
import json
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from typing import Any

import numpy as np
import peers
from fused import fused
from numpy.typing import NDArray
from stripped import Job, job_from, one_draw, stripped, stripped_fast

import hemodel as hm
from hemodel.cohort import model
from hemodel.evidence.draws import sampler

Array = NDArray[np.float64]
SEED = 171
TOLERANCE = 1e-12
TOLERANCE_PYHEOR = 1e-3  # it leaves out half a cycle of those alive after 30 years, who are more in some draws than in others


def one_thread(draws: int, rounds: int) -> dict[str, Any]:
    """Times on one thread: name -> seconds, one a round."""
    inputs = hm.load_inputs("relapsed")
    names = model.names_read(inputs)
    prepared = sampler(inputs, seed=SEED, names=names)
    sampled = prepared.block(0, draws)
    one = {name: values[:1] for name, values in sampled.items()}
    job = job_from(sampled, inputs)
    in_c = fused()
    agreement = disagreement(job, in_c)
    seconds = in_turn(
        {
            "evaluate": lambda: model.evaluate(sampled, inputs),
            "stripped": lambda: stripped(job),
            "stripped_fast": lambda: stripped_fast(job),
            "fused": lambda: in_c(job),
            "evaluate_one_draw": lambda: model.evaluate(one, inputs),
            "names_read": lambda: model.names_read(replace(inputs)),
            "prepare_sampler": lambda: sampler(replace(inputs), seed=SEED, names=names),
            "sample": lambda: prepared.block(0, draws),
            "run_psa": lambda: hm.run_psa(replace(inputs), draws, threads=1),  # a copy, of which nothing is prepared
            "run_psa_again": lambda: hm.run_psa(inputs, draws, threads=1),
            "base_case": lambda: hm.run_base_case(hm.load_inputs("relapsed")),
        },
        rounds,
    )
    build: Any = np.show_config(mode="dicts")
    return {
        "seconds": seconds,
        "disagreement": agreement,
        "n_cycles": job.n_cycles,
        "optional_instructions": build["SIMD Extensions"].get("found", []),
    }


def psa(draws: int, threads: int) -> dict[str, Any]:
    """Seconds, processor seconds and peak memory (bytes) of `run_psa` with totals only; `digest` of the bits of its results."""
    inputs = hm.load_inputs("relapsed")
    hm.run_psa(inputs, 1000, threads=threads)
    start, cpu_start = time.perf_counter(), time.process_time()
    result = hm.run_psa(inputs, draws, threads=threads)
    seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu_start
    digest = hashlib.sha256()
    for values in (*result.costs.values(), result.qalys, result.life_years):
        digest.update(values.tobytes())
    return {"seconds": seconds, "cpu_seconds": cpu_seconds, "peak_bytes": peak_bytes(), "digest": digest.hexdigest()}


def scale(draws: int, rounds: int) -> dict[str, Any]:
    """Seconds of the same draws by `run_psa` on one and two threads and by `run_batch` on two threads, one a round, and by
    `run_batch` on a local Dask cluster of two workers; peak memory (bytes) of this process.
    """
    inputs = hm.load_inputs("relapsed")
    cases: dict[str, Callable[[], object]] = {
        "run_psa, one thread": lambda: hm.run_psa(inputs, draws, threads=1),
        "run_psa, two threads": lambda: hm.run_psa(inputs, draws, threads=2),
        "run_batch, two threads": lambda: hm.run_batch(inputs, draws, threads=2),
    }
    if find_spec("distributed") is None:
        seconds = in_turn(cases, rounds)
    else:
        from distributed import Client, LocalCluster

        with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster, Client(cluster) as client:
            hm.run_batch(inputs, 8192, client=client)  # so that the workers have imported what they need
            seconds = in_turn(
                cases | {"run_batch, Dask, two workers": lambda: hm.run_batch(inputs, draws, client=client)}, rounds
            )
    return {"seconds": seconds, "peak_bytes": peak_bytes()}


def batch(draws: int) -> dict[str, Any]:
    """Seconds and peak memory (bytes) of `run_batch` on two threads."""
    inputs = hm.load_inputs("relapsed")
    start = time.perf_counter()
    hm.run_batch(inputs, draws, threads=2)
    return {"seconds": time.perf_counter() - start, "peak_bytes": peak_bytes()}


def information(draws: int) -> dict[str, Any]:
    """Seconds of the EVPPI of every uncertain parameter, each alone, of the same draws here and in heormodel, with both values and
    our standard error for the parameter of the highest, and how far the values lie apart at most.
    """
    inputs = hm.load_inputs("relapsed")
    psa = hm.run_psa(inputs, draws)
    start = time.perf_counter()
    table = hm.evppi_table(psa, threshold=35_000, price_arrangement="pas")
    found: dict[str, Any] = {"seconds": time.perf_counter() - start, "parameters": len(table)}
    first = table.iloc[0]
    found |= {"first": first["parameters"], "value": first["evppi"], "standard_error": first["standard_error"]}
    if peers.installed("heormodel"):
        start = time.perf_counter()
        theirs = peers.heormodel_evppi(psa, table["parameters"].tolist())
        found |= {"peer_seconds": time.perf_counter() - start, "peer_value": theirs[0]}
        found["peer_highest_of_worthless"] = max(t for t, o in zip(theirs, table["evppi"], strict=True) if o < 1)
    return found


def structures(draws: int, rounds: int) -> dict[str, Any]:
    """Seconds of `run_psa` on one thread, one a round: the base case, fitted spline curves for PFS, a clock since progression, both."""
    base = hm.load_inputs("relapsed")
    shape = base.parameters["shape_pfs"].value
    places = (np.arange(300) + 0.5) / 300
    splines = base
    for name, months in (("lenalidomide_dexamethasone", 9.5), ("dexamethasone", 4.6)):
        times = months * (-np.log1p(-places) / np.log(2)) ** (1 / shape) * np.exp(0.1 * np.sin(20 * places))
        splines = hm.with_fitted_curve(splines, "pfs", name, times, np.ones(300), "spline_hazard", knots=2)
    clock = {"post_progression_clock_cycles": 13}
    runs = {
        "Weibull base case": base,
        "fitted splines (two internal knots) for PFS": splines,
        "death by time since progression": base.with_settings(**clock),
        "both": splines.with_settings(**clock),
    }
    return {"seconds": in_turn({name: partial(hm.run_psa, x, draws, threads=1) for name, x in runs.items()}, rounds)}


def sobol(evaluations: int) -> dict[str, Any]:
    """Seconds of a Sobol' analysis of about so many evaluations of the model, from inputs to indices."""
    if find_spec("SALib") is None:
        return {}
    inputs = hm.load_inputs("relapsed")
    dimensions = len(sampler(inputs, seed=SEED, names=model.names_read(inputs)).dimensions)
    size = 1 << round(np.log2(evaluations / (dimensions + 2)))
    start = time.perf_counter()
    result = hm.run_global(inputs, "sobol", size=size)
    return {"seconds": time.perf_counter() - start, "evaluations": result.evaluations, "size": size}


def peer(package: str, draws: int, beside: int, rounds: int) -> dict[str, Any]:
    """Times of the stripped job on the first `draws` draws in a peer, and on `beside` draws in plain NumPy in the same rounds;
    `difference`: how far the peer's totals are from the plain program's (relative). Empty where the peer is not installed.
    """
    if not peers.installed(package):
        return {}
    run: Callable[[Job, int], tuple[Array, Array]] = getattr(peers, package)
    inputs = hm.load_inputs("relapsed")
    job = job_from(sampler(inputs, seed=SEED).block(0, max(draws, beside)), inputs)
    reference_job = job_from(sampler(inputs, seed=SEED).block(0, beside), inputs)
    totals: list[tuple[Array, Array]] = []
    run(job, min(draws, 10))
    ours = stripped(job)
    cases: dict[str, Callable[[], object]] = {
        package: lambda: totals.append(run(job, draws)),
        "stripped": lambda: stripped(reference_job),
    }
    seconds = in_turn(cases, rounds, warm_up=False)
    difference = max(relative(a, b[:, :draws]) for a, b in zip(totals[-1], ours, strict=True))
    refuse(difference, TOLERANCE_PYHEOR if package == "pyheor" else TOLERANCE, package)
    return {"seconds": seconds, "difference": difference, "draws": draws}


def peak_bytes() -> int:
    """Peak memory of this process."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def in_turn(cases: dict[str, Callable[[], object]], rounds: int, *, warm_up: bool = True) -> dict[str, list[float]]:
    """Seconds of each case in each round; the cases take turns. The collector of garbage rests while the clock runs."""
    seconds: dict[str, list[float]] = {name: [] for name in cases}
    for run in cases.values() if warm_up else ():
        run()
    for _ in range(rounds):
        for name, run in cases.items():
            gc.collect()
            gc.disable()
            start = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - start)
            gc.enable()
    return seconds


def disagreement(job: Job, in_c: Callable[[Job], tuple[Array, Array]]) -> float:
    """Greatest relative difference between the four versions of the stripped job; refused above 1e-12."""
    plain, fast = stripped(job), stripped_fast(job)
    worst = max(relative(a, b) for other in (fast, in_c(job)) for a, b in zip(other, plain, strict=True))
    for strategy in range(len(job.progression_rate)):
        for draw in range(min(job.n_draws, 20)):
            expected = one_draw(job, strategy, draw)
            for version in (plain, fast):
                worst = max(worst, *(abs(x[strategy, draw] / y - 1) for x, y in zip(version, expected, strict=True)))
    refuse(worst, TOLERANCE, "the versions of the stripped job")
    return float(worst)


def relative(values: Array, reference: Array) -> float:
    """Greatest relative difference."""
    return float(np.abs(values / reference - 1.0).max())


def refuse(difference: float, tolerance: float, what: str) -> None:
    """A benchmark of programs that give different answers says nothing: stop."""
    if not difference <= tolerance:
        raise SystemExit(f"{what}: totals differ by {difference:.2g} relative, more than {tolerance:g}")


CASES: dict[str, Callable[..., dict[str, Any]]] = {
    "one_thread": one_thread,
    "psa": psa,
    "scale": scale,
    "batch": batch,
    "information": information,
    "sobol": sobol,
    "structures": structures,
    "peer": peer,
}

if __name__ == "__main__":
    print(json.dumps(CASES[sys.argv[1]](**json.loads(sys.argv[2]))))
