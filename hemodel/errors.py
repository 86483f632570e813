"""The one exception a user of the model should meet: where, what is wrong and why, what to do."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches

_SHOWN = 60  # characters of a value that a message quotes


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong with an input: its place, the problem with its reason, and the remedy.

    Of a draw that the model refuses also its row among the draws that were run, and the parameters behind the rule that failed.
    `missing`: names of parameters that are needed and not there, where that is the problem. `elsewhere`: there is nothing wrong, but the
    numbers of a scenario hold for other populations.
    """

    where: str
    problem: str
    remedy: str
    draw: int | None = None
    parameters: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    elsewhere: bool = False

    def __str__(self) -> str:
        """One line: `place: problem. remedy`.

        >>> print(Fault("parameters.csv, row 14 (u_progressed)", "1.4 is not a utility", "Give at most 1"))
        parameters.csv, row 14 (u_progressed): 1.4 is not a utility. Give at most 1.
        """
        place = self.where if self.draw is None else f"{self.where}, draw {self.draw}"
        return f"{place}: {_sentence(self.problem)} {_sentence(self.remedy)}"


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
        """One error that lists all `faults` in the order found, each once; `ValueError` if there are none."""
        found = tuple(dict.fromkeys(faults))
        if not found:
            raise ValueError("an InputError needs at least one fault")
        error = cls.__new__(cls)
        error._hold(found)
        return error

    def __reduce__(self) -> tuple[object, ...]:
        return type(self).together, (self.faults,)  # so that an error reaches the user from another process


def nearest(name: object, valid: Iterable[str]) -> str:
    """Advice that names the valid word nearest to `name`, or all of them when they are few and none is near.

    >>> nearest("two_or_more", ["two_or_more_prior", "one_prior"])
    'Did you mean two_or_more_prior?'
    """
    names = sorted(valid)
    if not names:
        return "There are no valid names"
    close = get_close_matches(name, names, n=1, cutoff=0.5) if isinstance(name, str) else []
    if close:
        return f"Did you mean {close[0]}?"
    more = f" and {len(names) - 30} more" if len(names) > 30 else ""
    return f"Valid: {', '.join(names[:30])}{more}"


def shown(value: object) -> str:
    """`value` as a message quotes it: on one line and not too long.

    >>> shown("1,5")
    "'1,5'"
    """
    try:
        text = repr(value)
    except ValueError:  # whole numbers of more than 4300 digits have no decimal text in Python
        return "a number with thousands of digits"
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."


def _sentence(text: str) -> str:
    return text if text.endswith(("?", "!")) else f"{text.rstrip('.')}."
