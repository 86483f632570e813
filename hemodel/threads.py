"""One thread for the linear algebra of small matrices, whose threads only fight where a neighbour keeps a core busy.

Regressions, fits and indices multiply matrices of a few dozen columns. The linear-algebra library (BLAS) would cut each product over all
cores and wait for the slowest: beside a busy program that takes several times as long. Draws are shared out over threads elsewhere, in
blocks, by NumPy's elementwise work, which this leaves alone.
"""

from __future__ import annotations

from contextlib import ContextDecorator
from threading import Lock
from typing import Any

from threadpoolctl import OpenBLASController, get_cached_controller

__all__ = ["one_blas_thread"]


class _OneBlasThread(ContextDecorator):
    """A hold that many callers share: the limit is set by the first who enters and lifted by the last who leaves.

    The limit is of the whole process, so that callers who each set it and put back what they found would leave it wrong. Where somebody
    holds OpenBLAS at a number of threads in another Python thread, theirs stands.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._inside = 0
        self._held: Any = None

    def __enter__(self) -> None:
        with self._lock:
            if self._inside == 0:
                self._held = get_cached_controller().limit(limits=1, user_api="blas")
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                OpenBLASController.clear_controlling_thread(force=True)  # who leaves last need not be who came first
                self._held.restore_original_limits()
                OpenBLASController.clear_controlling_thread()


one_blas_thread = _OneBlasThread()
"""`with one_blas_thread:` or `@one_blas_thread`: linear algebra on one thread meanwhile, in the whole process."""
