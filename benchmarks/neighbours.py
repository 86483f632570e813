"""How much longer does it take when other programs keep the processor busy? Alone, and beside one and two of them.

    python benchmarks/neighbours.py

Writes benchmarks/NEIGHBOURS.md: for each job the time alone, and the ratio to it beside neighbours. Of two cores shared with two neighbours
a job on one thread gets two thirds of one: 1.5 times as long is what cannot be helped. Each measurement runs in a process of its own, with
the libraries' threads as they come.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from contextlib import ExitStack
from datetime import date
from pathlib import Path

ROOT = Path(__file__).parent.parent
ROUNDS = 3
PREPARED = "import time, numpy as np, hemodel as hm\ninputs = hm.load_inputs('relapsed')\n"
JOBS = {
    "EVPPI of every parameter, 10,000 draws": (
        "psa = hm.run_psa(inputs, 10_000)",
        "hm.evppi_table(psa)",
    ),
    "A spline of two knots fitted to 2,000 people": (
        "from hemodel.survival.fitting import fit\ntimes = np.arange(1.0, 2_001.0) ** 0.7 / 50",
        "fit(times, np.arange(2_000) % 3 > 0, 'spline_hazard', knots=2)",
    ),
    "Sobol' indices of every parameter, N = 256": ("", "hm.run_global(inputs, 'sobol', size=256)"),
    "A probabilistic analysis of 200,000 draws, two threads": ("", "hm.run_psa(inputs, 200_000, threads=2)"),
}
TIMED = "{0}\nstart = time.perf_counter()\n{1}\nprint(time.perf_counter() - start)"


def seconds(job: str, neighbours: int) -> float:
    """Seconds of a job beside so many programs that never rest; median of the rounds."""
    with ExitStack() as stack:
        for _ in range(neighbours):
            busy = subprocess.Popen([sys.executable, "-c", "while True: pass"])
            stack.callback(busy.wait)
            stack.callback(busy.kill)
        program = PREPARED + TIMED.format(*JOBS[job])
        runs = [
            subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True) for _ in range(ROUNDS)
        ]
    return statistics.median(float(run.stdout.split()[-1]) for run in runs)


def main() -> None:
    """Measure, and write the page."""
    load = os.getloadavg()[0]
    rows = []
    for job in JOBS:
        alone, one, two = (seconds(job, n) for n in range(3))
        rows.append(f"| {job} | {alone:.2f} s | {one / alone:.1f} | {two / alone:.1f} |")
        print(rows[-1], flush=True)
    command = f"Written by `python benchmarks/neighbours.py`, {date.today()}"
    head = f"# Beside busy neighbours\n\n{command}; {os.cpu_count()} cores; load before the start {load:.2f}; {ROUNDS} rounds, medians.\n\n"
    table = ["| What | Alone | One neighbour: times as long | Two: times as long |", "|---|---|---|---|", *rows]
    (ROOT / "benchmarks" / "NEIGHBOURS.md").write_text(head + "\n".join(table) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
