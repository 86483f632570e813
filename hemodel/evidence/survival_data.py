"""Reading survival data of one's own: individual times, or a digitised Kaplan-Meier curve with its numbers at risk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hemodel.errors import Fault, InputError, shown
from hemodel.evidence.parameters import number
from hemodel.evidence.reading import csv_rows, read_text

Array = NDArray[np.float64]


def read_times(path: str | Path) -> tuple[Array, Array]:
    """Times and events (1 event, 0 censored) from a CSV file with the columns time and event, each (row,)."""
    return _columns(path, "time", "event")


def read_curve(path: str | Path) -> tuple[Array, Array]:
    """Times and survival from a CSV file with the columns time and survival: points of a digitised Kaplan-Meier curve."""
    return _columns(path, "time", "survival")


def read_risk_table(path: str | Path) -> tuple[Array, Array]:
    """Times and numbers at risk from a CSV file with the columns time and at_risk."""
    return _columns(path, "time", "at_risk")


def times_in(where: str, text: str) -> tuple[Array, Array]:
    r"""Times and events from CSV text with the columns time and event, as an upload gives it.

    >>> times_in("mine.csv", "time,event\n1.5,1\n2,0\n")
    (array([1.5, 2. ]), array([1., 0.]))
    """
    return _numbers(where, text, "time", "event", [])


def _columns(path: str | Path, first: str, second: str) -> tuple[Array, Array]:
    faults: list[Fault] = []
    text = read_text(Path(path), faults)
    return _numbers(str(path), text or "", first, second, faults)


def _numbers(where: str, text: str, first: str, second: str, faults: list[Fault]) -> tuple[Array, Array]:
    """Two columns of numbers; every cell that is none is a fault with its row."""
    table = csv_rows(where, text, (first, second), faults, comments=True) if not faults else None
    values: dict[str, list[float]] = {first: [], second: []}
    for place, row in table.rows if table else ():
        for name, found in values.items():
            value = number(row[name].strip())
            if value is None:
                faults.append(Fault(place, f"{name} is {shown(row[name])}, not a number", "Give a plain number such as 12.5"))
            else:
                found.append(value)
    if faults:
        raise InputError.together(faults)
    return np.array(values[first]), np.array(values[second])
