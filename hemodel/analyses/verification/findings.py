"""What a check is, what it finds, and the words of its verdict."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

if TYPE_CHECKING:
    from hemodel.analyses.verification.subject import Subject

PASS, REVIEW, FAIL, NOT_APPLICABLE = "pass", "review", "fail", "not applicable"
VERDICTS = (PASS, REVIEW, FAIL, NOT_APPLICABLE)
SECTIONS = {"E": "evidence", "I": "inputs", "F": "patient flow", "R": "costs, QALYs and results", "U": "uncertainty"}
"""First letter of a check's id -> section."""


@dataclass(frozen=True)
class Finding:
    """What a check expected, what it found, and its verdict; with `not applicable` what it found is the reason."""

    verdict: str
    expected: str
    found: str
    tolerance: str = ""


@dataclass(frozen=True)
class Check:
    """One check of a model: what is done to it, in words; where to look when it fails; and the function that does it.

    `may_be_refused`: the model may answer what is changed by refusing it, which is then for review; elsewhere a refusal is a failure.
    """

    id: str
    what: str
    look_at: str
    does: Callable[[Subject], Finding]
    may_be_refused: bool = False

    @property
    def section(self) -> str:
        """Section of the list in which the check stands."""
        return SECTIONS[self.id[0]]


def difference(found: ArrayLike, expected: ArrayLike) -> float:
    """Largest difference as a share of the largest number; infinite where something is not a number.

    >>> difference([1.0, 100.0], [1.0, 101.0]) == 1 / 101
    True
    """
    one, other = np.broadcast_arrays(np.asarray(found, dtype=np.float64), np.asarray(expected, dtype=np.float64))
    largest = max(float(np.abs(one).max()), float(np.abs(other).max()))
    worst = float(np.abs(one - other).max()) / (largest or 1.0)
    return worst if np.isfinite(worst) else float("inf")


def equal(found: ArrayLike, expected: ArrayLike, tolerance: float = 1e-12, *, to: str = "equal") -> Finding:
    """A finding that passes where two results agree; `to` says what was expected."""
    worst = difference(found, expected)
    shown = "the same bits" if worst == 0 else f"largest difference {worst:.1e}"
    return Finding(PASS if worst <= tolerance else FAIL, to, shown, f"{tolerance:g} of the largest" if tolerance else "exact")


def all_equal(pairs: Mapping[str, tuple[ArrayLike, ArrayLike]], tolerance: float = 1e-12, *, to: str = "equal") -> Finding:
    """As `equal` for several named results; the one that differs most is named."""
    worst = {name: difference(*pair) for name, pair in pairs.items()}
    name = max(worst, key=lambda key: worst[key])
    shown = f"{len(worst)} compared, largest difference {worst[name]:.1e}" + (f" ({name})" if worst[name] else "")
    return Finding(
        PASS if worst[name] <= tolerance else FAIL, to, shown, f"{tolerance:g} of the largest" if tolerance else "exact"
    )


def holds(is_so: bool, expected: str, found: str, tolerance: str = "", *, otherwise: str = FAIL) -> Finding:
    """A finding that passes where something is so; `otherwise` is its verdict where it is not."""
    return Finding(PASS if is_so else otherwise, expected, found, tolerance)


def not_applicable(reason: str) -> Finding:
    """A finding that says why a check has nothing to look at in these inputs."""
    return Finding(NOT_APPLICABLE, "", reason)


def absent(reason: str) -> Callable[[Subject], Finding]:
    """A check that no cohort model of this kind has anything for, with the reason."""
    return lambda _subject: not_applicable(reason)


def listed(names: list[str], most: int = 6) -> str:
    """Names in a sentence, the first few of many.

    >>> listed(["a", "b"]), listed([])
    ('a, b', 'none')
    """
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more if names else "none"
