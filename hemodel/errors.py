"""The one exception a user of the model should meet: where, what is wrong and why, what to do."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong with an input: its place, the problem with its reason, and the remedy."""

    where: str
    problem: str
    remedy: str

    def __str__(self) -> str:
        """One line: `place: problem. remedy`.

        >>> print(Fault("parameters.csv, row 14 (u_progressed)", "1.4 is not a utility", "Give at most 1"))
        parameters.csv, row 14 (u_progressed): 1.4 is not a utility. Give at most 1.
        """
        return f"{self.where}: {self.problem.rstrip('.')}. {self.remedy.rstrip('.')}."


class InputError(ValueError):
    """An input that cannot be used. Holds every fault found, so that one reading of the message mends them all.

    >>> try:
    ...     raise InputError("settings.toml (horizon_years)", "-1 is not a horizon", "Give years above 0")
    ... except InputError as error:
    ...     print(error)
    settings.toml (horizon_years): -1 is not a horizon. Give years above 0.
    """

    def __init__(self, where: str, problem: str, remedy: str) -> None:
        self._hold((Fault(where, problem, remedy),))

    def _hold(self, faults: tuple[Fault, ...]) -> None:
        self.faults = faults
        super().__init__("\n".join(str(fault) for fault in faults))

    @classmethod
    def together(cls, faults: Iterable[Fault]) -> InputError:
        """One error that lists all `faults`, in the order found; at least one is needed."""
        error = cls.__new__(cls)
        error._hold(tuple(faults))
        return error


def nearest(name: str, valid: Iterable[str]) -> str:
    """Advice that names the valid word nearest to `name`, or all of them when they are few and none is near.

    >>> nearest("two_or_more", ["two_or_more_prior", "one_prior"])
    'Did you mean two_or_more_prior?'
    """
    names = sorted(valid)
    close = get_close_matches(name, names, n=1, cutoff=0.5)
    if close:
        return f"Did you mean {close[0]}?"
    return f"Valid names: {', '.join(names[:30])}{', ...' if len(names) > 30 else ''}"
