"""Refusals: the draw that the model cannot live through, told so that it can be found again, whatever block it was run in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from hemodel.errors import Fault, InputError

Array = NDArray[np.float64]


def first_refused(lived: Callable[[int, int], object], start: int, stop: int) -> tuple[int, InputError]:
    """The first draw that `lived(start, stop)` refuses, and the refusal when it is run alone.

    A block is refused in the cycle in which the first of its draws fails, which may be a late draw; so the same table in other
    blocks would name another. Halving finds the earliest draw, in at most the work of one more block.
    """
    while stop - start > 1:
        middle = (start + stop) // 2
        try:
            lived(start, middle)
        except InputError:
            stop = middle
        else:
            start = middle
    try:
        lived(start, stop)
    except InputError as error:
        return start, error
    raise AssertionError("a draw that was refused in its block is accepted alone")


def told(error: InputError, which: str, draws: Mapping[str, Array], remedy: str = "") -> InputError:
    """The refusal of a single draw with its place (`which`), the values of the parameters behind the rule that failed, and what
    helps to look at it.
    """
    return InputError.together(_told(fault, which, draws, remedy) for fault in error.faults)


def _told(fault: Fault, which: str, draws: Mapping[str, Array], remedy: str) -> Fault:
    values = ", ".join(f"{name} = {float(draws[name][0]):.6g}" for name in fault.parameters if name in draws)
    problem = f"{fault.problem.rstrip('.')} ({values})" if values else fault.problem
    more = f"{fault.remedy.rstrip('.')}. {remedy}" if remedy else fault.remedy
    return replace(fault, where=f"{fault.where}, {which}", problem=problem, remedy=more, draw=None, parameters=())
