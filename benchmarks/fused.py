"""The stripped job as a fused loop in C with vectorised exponentials: what this processor can do in one thread. See fused.c."""

from __future__ import annotations

import ctypes
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from stripped import CYCLE_YEARS, Job

Array = NDArray[np.float64]
COMPILE = ("cc", "-O3", "-march=native", "-ffast-math", "-fopenmp-simd", "-shared", "-fPIC")


def fused() -> Callable[[Job], tuple[Array, Array]]:
    """Compile the program; what it returns gives costs and QALYs, (strategy, draw), of a job."""
    folder = Path(tempfile.mkdtemp())
    library = folder / "fused.so"
    subprocess.run([*COMPILE, str(Path(__file__).with_name("fused.c")), "-lm", "-o", str(library)], check=True)
    function = ctypes.CDLL(str(library)).fused

    def run(job: Job) -> tuple[Array, Array]:
        costs, qalys = np.empty_like(job.progression_rate), np.empty_like(job.progression_rate)
        n_strategies, n_draws = costs.shape
        v = (1.0 + job.discount_rate) ** -CYCLE_YEARS
        with np.errstate(divide="ignore"):
            log_time = np.log(np.arange(job.n_cycles + 1) * CYCLE_YEARS)
        arrays = (
            log_time,
            v ** np.arange(job.n_cycles + 1),
            job.shape,
            job.progression_rate,
            job.r_death_progression_free,
            job.r_death_progressed,
            job.c_drug_per_cycle,
            job.c_progressed_per_cycle,
            job.u_progression_free,
            job.u_progressed,
        )
        kept = [np.ascontiguousarray(array, dtype=np.float64) for array in arrays]
        numbers = (n_draws, n_strategies, job.n_cycles, job.cap_cycles)
        pointers = [ctypes.c_void_p(array.ctypes.data) for array in (*kept, costs, qalys)]
        function(*map(ctypes.c_long, numbers), ctypes.c_double(CYCLE_YEARS), ctypes.c_double(v), *pointers)
        return costs, qalys

    return run
