"""Runs that take longer than a click: in the background, with progress, and they can be cancelled.

A run belongs to its session: it is held in the session's state and nowhere else. All sessions share two workers, so that ten of them
do not slow one another down more than they must. A run goes on while its session is open, on whatever page, and stops by itself
when that is gone.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from queue import SimpleQueue
from threading import Event, Thread
from typing import Any

import streamlit as st

from hemodel.app.show import explain
from hemodel.errors import InputError

Progress = Callable[[int], None]
Waiting = SimpleQueue[tuple[Future[Any], Callable[[], Any]]]
POLL, PULSE = "0.5s", "15s"
_PATIENCE = 150.0
"""Seconds after which a run whose session has not been heard of is given up; a page that is not in view may speak but once a minute."""


class Cancelled(Exception):
    """Raised inside a run that was cancelled."""


@dataclass
class Run:
    """A run and how far it is. `identity`: of the inputs it was started with."""

    label: str
    identity: str
    total: int
    done: int = 0
    asked: float = field(default_factory=time.monotonic)
    stop: Event = field(default_factory=Event)
    future: Future[Any] | None = None

    def advance(self, steps: int = 1) -> None:
        """Count steps; the way out of a run that was cancelled or that nobody waits for."""
        self.done += steps
        if self.stop.is_set() or time.monotonic() - self.asked > _PATIENCE:
            raise Cancelled

    @property
    def is_over(self) -> bool:
        """Whether nothing more will come."""
        return self.future is not None and self.future.done()


def request(name: str, label: str, identity: str, total: int, work: Callable[[Progress], Any], *, button: str) -> Any:
    """The result of `work` for the inputs of this identity, or None: then the button that starts it, or how far it is, is shown."""
    runs: dict[str, Run] = st.session_state.setdefault("runs", {})
    run = runs.get(name)
    if run is not None and run.identity != identity:
        _give_up(name)
        run = None
    if run is None:
        if st.button(button, key=f"start/{name}"):
            runs[name] = started = Run(label, identity, total)
            started.future = Future()
            _workers().put((started.future, partial(work, started.advance)))
            st.rerun()
        return None
    if not run.is_over:
        _watch(name)
        return None
    assert run.future is not None
    try:
        return run.future.result()
    except Cancelled:
        del runs[name]
        st.info(f"{label}: the run was stopped.")
    except InputError as error:
        explain(error)
    return None


def cancel(run: Run) -> None:
    """Stop a run at its next step."""
    run.stop.set()
    if run.future is not None:
        run.future.cancel()


def keep_alive() -> None:
    """Say that the session is open, for its runs: now, and every quarter of a minute while one of them is under way."""
    runs: dict[str, Run] = st.session_state.get("runs", {})
    if not all(run.is_over for run in runs.values()):
        _beat()


def _pulse() -> None:
    for run in st.session_state.get("runs", {}).values():
        run.asked = time.monotonic()


def _give_up(name: str) -> None:
    """Forget a run at once, though it may take a moment until it has come to its next step."""
    cancel(st.session_state["runs"].pop(name))


def _poll(name: str) -> None:
    run: Run | None = st.session_state.get("runs", {}).get(name)
    if run is None or run.is_over:
        st.rerun()
    assert run is not None
    share = min(run.done / run.total, 1.0) if run.total else 0.0
    is_waiting = run.future is not None and not run.future.running()
    state = "waiting for another run to end" if is_waiting else f"{share:.0%}" if run.total else "running"
    left, right = st.columns([4, 1], vertical_alignment="center")
    left.progress(share, text=f"{run.label}: {state}")
    if right.button("Cancel", key=f"cancel/{name}", width="stretch"):
        _give_up(name)
        st.rerun()


def _work(waiting: Waiting) -> None:
    while True:
        future, work = waiting.get()
        if future.set_running_or_notify_cancel():
            try:
                future.set_result(work())
            except BaseException as error:
                future.set_exception(error)


def _two_workers() -> Waiting:
    """Threads that the server does not wait for when it is stopped, as it would for those of an executor."""
    waiting: Waiting = SimpleQueue()
    for number in range(2):
        Thread(target=_work, args=(waiting,), name=f"hemodel-run-{number}", daemon=True).start()
    return waiting


_watch: Callable[[str], None] = st.fragment(_poll, run_every=POLL)
_beat: Callable[[], None] = st.fragment(_pulse, run_every=PULSE)
_workers: Callable[[], Waiting] = st.cache_resource(_two_workers, show_spinner=False)
