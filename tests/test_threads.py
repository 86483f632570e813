"""One thread for the linear algebra of small matrices.

Pitfalls guarded: a limit that stays when the work is over; one of two callers at once that lifts it for the other; a refusal inside that
leaves it; a place with linear algebra that does not hold it.
"""

import threading

import numpy as np
import pytest
import scipy.linalg  # noqa: F401  # its BLAS is another one, loaded with it
from SALib.analyze import morris as morris_analyze
from SALib.sample import morris as morris_sample
from threadpoolctl import OpenBLASController, threadpool_info, threadpool_limits

import hemodel as hm
from hemodel.decision import information, regression
from hemodel.survival import fitting
from hemodel.threads import one_blas_thread


def blas_threads():
    """Threads of every linear-algebra library of the process."""
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}


@pytest.fixture(autouse=True)
def two_threads():
    limits = threadpool_limits(2, user_api="blas")
    OpenBLASController.clear_controlling_thread(force=True)
    yield
    limits.restore_original_limits()
    OpenBLASController.clear_controlling_thread(force=True)


def test_the_limit_holds_inside_and_what_was_before_comes_back():
    with one_blas_thread:
        assert blas_threads() == {1}
        with one_blas_thread:
            pass
        assert blas_threads() == {1}
    assert blas_threads() == {2}


def test_a_refusal_inside_lifts_it_too():
    with pytest.raises(hm.InputError):
        fitting.fit([1.0, -1.0], [1, 1], "weibull")
    assert blas_threads() == {2}


def test_of_ten_sessions_at_once_none_lifts_it_for_another_and_the_last_leaves_it_as_it_was():
    wrong, ready = [], threading.Barrier(10)

    def session(k):
        ready.wait()
        for _ in range(5):
            with one_blas_thread:
                threading.Event().wait(0.001 * (k % 3))
                if blas_threads() != {1}:
                    wrong.append(k)

    people = [threading.Thread(target=session, args=(k,)) for k in range(10)]
    for person in people:
        person.start()
    for person in people:
        person.join()
    assert wrong == []
    assert blas_threads() == {2}


X = np.random.default_rng(1).normal(size=(200, 2))
PLACES = {
    "evppi": (regression, "_ridge", lambda: information.evppi(np.column_stack([X[:, 0], 0 * X[:, 0]]), X)),
    "a fit": (fitting, "_polished", lambda: fitting.fit(np.exp(X[:, 0]), np.ones(200), "weibull")),
    "a design of SALib's": (morris_sample, "sample", lambda: hm.run_global(hm.load_inputs("relapsed"), "morris", size=4)),
    "indices of SALib's": (morris_analyze, "analyze", lambda: hm.run_global(hm.load_inputs("relapsed"), "morris", size=4)),
}


@pytest.mark.parametrize("place", PLACES)
def test_regressions_fits_and_indices_are_on_one_thread(place, monkeypatch):
    module, name, work = PLACES[place]
    seen, as_it_is = [], getattr(module, name)

    def noted(*args, **kwargs):
        seen.append(blas_threads())
        return as_it_is(*args, **kwargs)

    monkeypatch.setattr(module, name, noted)
    work()
    assert seen and all(threads == {1} for threads in seen)
    assert blas_threads() == {2}
