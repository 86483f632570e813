"""Times that are the same but for rounding: three tenths of a year, or days over the days of a year, have more than one last digit."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
TOLERANCE = 1.5e-8
"""Times that differ by no more than this share of the later one are the same time, as in R's survival since 2.40."""


def tied(times: ArrayLike) -> Array:
    """`times`, those that are the same but for rounding replaced by the earliest of them.

    >>> tied([0.3, 0.1 + 0.2, 0.4])
    array([0.3, 0.3, 0.4])
    """
    when = np.asarray(times, dtype=np.float64)
    distinct, place = np.unique(when, return_inverse=True)
    if len(distinct) < 2:
        return when
    begins = np.append(True, np.diff(distinct) > TOLERANCE * np.abs(distinct[1:]))
    result: Array = distinct[begins][np.cumsum(begins) - 1][place].reshape(when.shape)
    return result


def snapped(times: ArrayLike, to: ArrayLike) -> Array:
    """`times`, each replaced by the nearest of the times `to` where that is the same but for rounding.

    >>> snapped([0.1 + 0.2, 0.35], [0.3, 0.4])
    array([0.3 , 0.35])
    """
    when, places = np.asarray(times, dtype=np.float64), np.unique(np.asarray(to, dtype=np.float64))
    if not len(places):
        return when
    after = np.clip(np.searchsorted(places, when), 0, len(places) - 1)
    before = np.maximum(after - 1, 0)
    nearest = np.where(np.abs(places[before] - when) < np.abs(places[after] - when), places[before], places[after])
    result: Array = np.where(np.abs(nearest - when) <= TOLERANCE * np.maximum(np.abs(nearest), np.abs(when)), nearest, when)
    return result
