"""Measure hemodel against plain NumPy, against a fused loop in C and against its peers, and write down what came out.

    python benchmarks/run.py            about three minutes; writes benchmarks/RESULTS.md
    python benchmarks/run.py --quick    about half a minute; prints only

Each measurement runs in a process of its own (`measure.py`), with one thread for the linear-algebra libraries. This process
imports nothing big: a child's peak memory would otherwise start from its parent's.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import MappingProxyType
from typing import Any

HERE = Path(__file__).parent
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
GIB = 2**30
PEERS = {"heormodel": "heormodel", "pyheor": "PyHEOR"}


@dataclass(frozen=True)
class Plan:
    """How much is measured."""

    draws: int
    rounds: int
    psa_draws: int
    psa_pairs: int
    peer_draws: dict[str, int]
    peer_rounds: int
    scales: dict[int, int]  # draws -> rounds
    batches: tuple[int, ...]
    sobol_evaluations: int


FULL = Plan(
    10_000,
    25,
    1_000_000,
    4,
    {"heormodel": 10_000, "pyheor": 100},
    3,
    {10_000: 9, 100_000: 5, 1_000_000: 2},
    (1_000_000, 10_000_000),
    100_000,
)
# 262,144 draws are 8 blocks, so that two threads have 4 each
QUICK = Plan(10_000, 5, 262_144, 1, {"heormodel": 500, "pyheor": 20}, 1, {10_000: 2, 100_000: 1}, (131_072, 262_144), 20_000)


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description="Measure hemodel against plain NumPy, a fused loop in C and its peers.")
    parser.add_argument("--quick", action="store_true", help="fewer rounds and draws, to try it out; prints only")
    parser.add_argument("--out", type=Path, help="file for the results (default: RESULTS.md beside this file)")
    options = parser.parse_args()
    plan = QUICK if options.quick else FULL
    out = options.out or (None if options.quick else HERE / "RESULTS.md")
    text = report(plan, measure(plan), quick=options.quick)
    print(text)
    if out is not None:
        unfinished = out.with_suffix(".partial")
        unfinished.write_text(text, encoding="utf-8")
        unfinished.replace(out)


# --- measuring -------------------------------------------------------------------------------------------------------------


def measure(plan: Plan) -> dict[str, Any]:
    """All measurements, by name."""
    load = os.getloadavg()[0]
    one_thread = child("one_thread", draws=plan.draws, rounds=plan.rounds)
    wide = [name for name in one_thread["optional_instructions"] if "AVX512" in name or name == "X86_V4"]
    narrow = None
    if wide:
        disabled = {"NPY_DISABLE_CPU_FEATURES": " ".join(wide)}
        narrow = child("one_thread", disabled, draws=plan.draws, rounds=plan.rounds // 2)
    one, two = [], []
    for _ in range(plan.psa_pairs):
        one.append(child("psa", draws=plan.psa_draws, threads=1))
        two.append(child("psa", draws=plan.psa_draws, threads=2))
    if len({run["digest"] for run in one + two}) != 1:
        raise SystemExit("run_psa: the results of one and two threads differ")
    found = {
        package: child("peer", package=package, draws=draws, beside=plan.draws, rounds=plan.peer_rounds)
        for package, draws in plan.peer_draws.items()
    }
    return {
        "load": load,
        "one_thread": one_thread,
        "narrow": narrow,
        "one": one,
        "two": two,
        "peers": found,
        "cold": cold_starts(plan),
        "scales": {draws: child("scale", draws=draws, rounds=rounds) for draws, rounds in plan.scales.items()},
        "batches": {draws: child("batch", draws=draws) for draws in plan.batches},
        "information": child("information", draws=plan.draws),
        "sobol": child("sobol", evaluations=plan.sobol_evaluations),
        "structures": child("structures", draws=plan.draws, rounds=plan.scales[plan.draws]),
    }


def child(case: str, environment: Mapping[str, str] = MappingProxyType({}), **arguments: object) -> Any:
    """Result of one measurement, made in a process of its own."""
    print(f"measuring {case} {arguments} {dict(environment) or ''}", file=sys.stderr, flush=True)
    command = [sys.executable, str(HERE / "measure.py"), case, json.dumps(arguments)]
    done = subprocess.run(  # what the measurement prints is its result
        command, env={**os.environ, **ONE_THREAD, **environment}, stdout=subprocess.PIPE, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"the measurement {case} failed")
    return json.loads(done.stdout.splitlines()[-1])


def cold_starts(plan: Plan) -> list[float]:
    """Seconds of a base case in a new interpreter, imports included: what a person at a prompt waits for."""
    program = "import hemodel as hm; hm.run_base_case(hm.load_inputs('relapsed')).table"
    seconds = []
    for _ in range(plan.psa_pairs + 1):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", program], check=True)
        seconds.append(time.perf_counter() - start)
    return seconds[1:]  # the first one warms the disk


# --- reporting -------------------------------------------------------------------------------------------------------------


def report(plan: Plan, found: dict[str, Any], *, quick: bool) -> str:
    """RESULTS.md."""
    heading = "# Results" + (": a quick run, not for publication" if quick else "")
    parts = [
        heading,
        "What is measured, and why: [README.md](README.md). Written by the command below; not edited by hand.",
        machine(found, quick=quick),
        "## Goals",
        goals(plan, found),
        "## One thread",
        one_thread_table(plan, found["one_thread"]),
        *([without_wide_vectors(found["narrow"])] if found["narrow"] else []),
        "## Threads and memory",
        threads_table(plan, found),
        "## Draws per second",
        scale_table(found),
        "## Other structures",
        structures_table(plan, found["structures"]["seconds"]),
        "## Value of information and Sobol' indices",
        information_text(plan, found),
        "## Other packages, the stripped job",
        peers_table(plan, found),
    ]
    return "\n\n".join(parts) + "\n"


def machine(found: dict[str, Any], *, quick: bool) -> str:
    """What it was measured on and with."""
    packages = [f"{name} {installed_version(name)}" for name in ("hemodel", "numpy", "scipy", "heormodel", "pyheor")]
    facts = {
        "Command": "`python benchmarks/run.py" + (" --quick" if quick else "") + "`",
        "Date": date.today().isoformat(),
        "Processor": f"{processor()}, {usable_cores()} cores usable; load before the start {found['load']:.2f}",
        "System": f"{platform.system()} {platform.machine()}; {platform.python_implementation()} {platform.python_version()}",
        "Vector instructions that NumPy found": ", ".join(found["one_thread"]["optional_instructions"])
        or "none beyond the least",
        "Packages": ", ".join(packages),
    }
    return "\n".join(f"- {name}: {value}" for name, value in facts.items())


def goals(plan: Plan, found: dict[str, Any]) -> str:
    """The goals beside what was measured."""
    seconds = found["one_thread"]["seconds"]
    pairs = [b["seconds"] / a["seconds"] for a, b in zip(found["one"], found["two"], strict=True)]
    peak = max(run["peak_bytes"] for run in found["one"] + found["two"]) / GIB
    rows = [
        goal_row(
            f"Whole model / plain NumPy program of the stripped job, {plan.draws:,} draws, one thread",
            1.0,
            ratios(seconds["evaluate"], seconds["stripped"]),
        ),
        goal_row(
            f"Whole model / fused loop in C of the stripped job, {plan.draws:,} draws, one thread",
            1.7,
            ratios(seconds["evaluate"], seconds["fused"]),
        ),
        goal_row(
            f"`run_psa` from inputs to totals / the same fused loop, {plan.draws:,} draws, one thread",
            3.0,
            ratios(seconds["run_psa"], seconds["fused"]),
        ),
        goal_row(
            f"`run_psa` a second time / sampling and the whole model alone, {plan.draws:,} draws, one thread",
            1.1,
            [
                again / (sample + evaluate)
                for again, sample, evaluate in zip(
                    *(seconds[name] for name in ("run_psa_again", "sample", "evaluate")), strict=True
                )
            ],
        ),
        goal_row(f"Two threads / one thread, {plan.psa_draws:,} draws", 0.55, pairs),
    ]
    if found["load"] > 0.5 or min(run["cpu_seconds"] / run["seconds"] for run in found["one"]) < 0.95:
        rows[-1][-1] += " (other programs were running: measure again)"
    rows.append(
        [
            f"Peak memory of the process, {plan.psa_draws:,} draws, totals only",
            "under 1 GiB",
            f"{peak:.2f} GiB",
            met(peak < 1.0),
        ]
    )
    return table(["What", "Goal", "Measured: median (lowest to highest pair)", ""], rows)


def goal_row(what: str, limit: float, measured: Sequence[float]) -> list[str]:
    """One goal for a ratio."""
    return [what, f"at most {limit:g}", spread(measured), met(statistics.median(measured) <= limit)]


def met(is_met: bool) -> str:
    """The verdict."""
    return "met" if is_met else "**not met**"


def one_thread_table(plan: Plan, found: dict[str, Any]) -> str:
    """Times on one thread."""
    seconds = found["seconds"]
    labels = {
        "evaluate": f"`model.evaluate`: the whole model on {plan.draws:,} draws",
        "stripped": "Stripped job, plain NumPy program",
        "stripped_fast": "Stripped job, the same tuned by hand",
        "fused": f"Stripped job, fused loop in C ({found['n_cycles']} cycles)",
        "evaluate_one_draw": "`model.evaluate` on one draw: what the interpreter takes whatever the draws",
        "names_read": "Finding the parameters that are read, once for the same inputs",
        "prepare_sampler": "Preparing the sampler, once for the same inputs",
        "sample": f"Sampling {plan.draws:,} draws",
        "run_psa": f"`run_psa`, {plan.draws:,} draws, from inputs to totals",
        "run_psa_again": "The same a second time",
        "base_case": "Reading the inputs and running the base case",
    }
    rows = [
        [
            label,
            f"{1e3 * statistics.median(seconds[name]):.1f}",
            spread(ratios(seconds[name], seconds["stripped"])),
            spread(ratios(seconds[name], seconds["fused"])),
        ]
        for name, label in labels.items()
    ]
    note = (
        f"Rounds: {len(seconds['evaluate'])}, all cases in turn; ratios are taken round by round: median (lowest to highest). "
        f"The four versions of the stripped job agree to {found['disagreement']:.1g} (relative)."
    )
    return table(["What", "ms, median", "Ratio to the plain program", "Ratio to the fused loop"], rows) + "\n\n" + note


def without_wide_vectors(found: dict[str, Any]) -> str:
    """The ratios once more with NumPy as on a processor without AVX-512, where an exponential costs several times as much."""
    seconds = found["seconds"]
    return (
        "The compiler uses what the processor has. With AVX-512 switched off in NumPy (`NPY_DISABLE_CPU_FEATURES`), the same machine "
        f"needs {1e3 * statistics.median(seconds['evaluate']):.1f} ms for the whole model: ratio to the fused loop, which keeps it, "
        f"{spread(ratios(seconds['evaluate'], seconds['fused']))}, to the plain program "
        f"{spread(ratios(seconds['evaluate'], seconds['stripped']))}; the program tuned by hand stands at "
        f"{spread(ratios(seconds['stripped_fast'], seconds['fused']))} times the fused loop."
    )


def threads_table(plan: Plan, found: dict[str, Any]) -> str:
    """Times and memory of the large probabilistic analysis, and of a cold start."""
    rows = [
        [
            f"`run_psa`, {plan.psa_draws:,} draws, {threads}",
            f"{statistics.median(r['seconds'] for r in runs):.2f}",
            f"{statistics.median(r['cpu_seconds'] / r['seconds'] for r in runs):.2f}",
            f"{max(r['peak_bytes'] for r in runs) / GIB:.2f}",
        ]
        for threads, runs in (("one thread", found["one"]), ("two threads", found["two"]))
    ]
    rows.append(["A base case in a new interpreter, imports included", f"{statistics.median(found['cold']):.2f}", "", ""])
    note = (
        f"Pairs of runs: {len(found['one'])}, each run in a process of its own; one and two threads gave the same bits. "
        "Cores kept busy: processor time by wall-clock time; less than 1 on one thread: other programs took their share."
    )
    return table(["What", "s, median", "Cores kept busy", "Peak memory, GiB"], rows) + "\n\n" + note


def scale_table(found: dict[str, Any]) -> str:
    """Draws per second by size of the analysis, and the memory of streamed batches."""
    names = list(dict.fromkeys(name for result in found["scales"].values() for name in result["seconds"]))
    rows = [
        [
            f"`{name.partition(',')[0]}`,{name.partition(',')[2]}",
            *(
                f"{draws / statistics.median(result['seconds'][name]):,.0f}" if name in result["seconds"] else ""
                for draws, result in found["scales"].items()
            ),
        ]
        for name in names
    ]
    text = table(["Draws a second, the whole model", *(f"{draws:,} draws" for draws in found["scales"])], rows)
    memory = "; ".join(
        f"{draws:,} draws in {result['seconds']:.0f} s with a peak of {result['peak_bytes'] / GIB:.2f} GiB"
        for draws, result in found["batches"].items()
    )
    return f"{text}\n\nWhat a streamed batch takes on two threads, each in a process of its own: {memory}."


def structures_table(plan: Plan, seconds: dict[str, list[float]]) -> str:
    """A probabilistic analysis with other curves and clocks beside the base case."""
    base = next(iter(seconds.values()))
    rows = [
        [name, f"{1e3 * statistics.median(own):.0f}", spread(ratios(own, base)), met(statistics.median(ratios(own, base)) <= 3)]
        for name, own in seconds.items()
    ]
    heading = [f"`run_psa`, {plan.draws:,} draws, one thread", "ms, median", "Ratio to the base case", "At most 3"]
    return table(heading, rows)


def information_text(plan: Plan, found: dict[str, Any]) -> str:
    """EVPPI of all parameters, and a Sobol' analysis."""
    told, sobol = found["information"], found["sobol"]
    parts = [
        f"EVPPI of each of {told['parameters']} uncertain parameters alone, {plan.draws:,} draws: {told['seconds']:.1f} s. The highest "
        f"is {told['first']}: GBP {told['value']:,.0f} (standard error {told['standard_error']:,.0f}) per person."
    ]
    if "peer_seconds" in told:
        parts.append(
            f"heormodel's spline metamodel on the same draws: {told['peer_seconds']:.1f} s, GBP {told['peer_value']:,.0f}, without "
            f"an error; up to GBP {told['peer_highest_of_worthless']:,.0f} for parameters that we find worth less than GBP 1."
        )
    if sobol:
        parts.append(
            f"Sobol' indices from {sobol['evaluations']:,} evaluations of the model (N = {sobol['size']:,}), from inputs to indices with "
            f"their intervals: {sobol['seconds']:.1f} s."
        )
    parts.append("Accuracy beside published figures of R's voi: docstring of `hemodel/decision/regression.py`.")
    return " ".join(parts)


def peers_table(plan: Plan, found: dict[str, Any]) -> str:
    """The peers, per 1,000 draws; the ratio is to the plain program run in the same rounds."""
    seconds = found["one_thread"]["seconds"]
    rows = [
        ["Plain NumPy program", f"{plan.draws:,}", per_thousand(seconds["stripped"], plan.draws), "1", ""],
        [
            "hemodel, the whole model",
            f"{plan.draws:,}",
            per_thousand(seconds["evaluate"], plan.draws),
            f"{statistics.median(ratios(seconds['evaluate'], seconds['stripped'])):.2g}",
            "another job: not compared",
        ],
    ]
    for package, result in found["peers"].items():
        if not result:
            rows.append([PEERS[package], "", "not installed", "", ""])
            continue
        label = f"{PEERS[package]} {installed_version(package)}"
        own, draws = result["seconds"][package], result["draws"]
        beside = result["seconds"]["stripped"]
        ratio = statistics.median(ratios(own, beside)) * plan.draws / draws
        rows.append([label, f"{draws:,}", per_thousand(own, draws), f"{ratio:,.0f}", f"{result['difference']:.1g}"])
    return table(["What", "Draws run", "ms per 1,000 draws", "Ratio to the plain program", "Totals differ by (relative)"], rows)


def per_thousand(seconds: Sequence[float], draws: int) -> str:
    """Milliseconds per 1,000 draws."""
    milliseconds = statistics.median(seconds) / draws * 1e6
    return f"{milliseconds:,.0f}" if milliseconds >= 100 else f"{milliseconds:.1f}"


def ratios(seconds: Sequence[float], reference: Sequence[float]) -> list[float]:
    """Ratio of two cases, round by round."""
    return [a / b for a, b in zip(seconds, reference, strict=True)]


def spread(values: Sequence[float]) -> str:
    """Median, lowest and highest."""
    return f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def installed_version(package: str) -> str:
    """Version of a package, or that it is not there."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def processor() -> str:
    """Name of the processor."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def usable_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


if __name__ == "__main__":
    main()
