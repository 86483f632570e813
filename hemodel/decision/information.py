"""Value of information: what it would be worth to know more before choosing.

Per person to whom the decision applies and in the unit of the net benefit. Scaling to a population multiplies
value and standard error alike.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from hemodel.decision.net_benefit import drawn
from hemodel.errors import Fault, InputError


class InformationValue(float):
    """A value of information that is a number and knows its Monte Carlo standard error.

    Arithmetic gives plain floats: whoever multiplies the value multiplies the standard error too.

    >>> found = InformationValue(869.0, 12.5)
    >>> found, found / 2, found.standard_error
    (InformationValue(869.0, standard_error=12.5), 434.5, 12.5)
    """

    __slots__ = ("_standard_error",)
    _standard_error: float

    def __new__(cls, value: float, standard_error: float) -> InformationValue:
        """A value and its standard error, in the same unit."""
        self = super().__new__(cls, value)
        self._standard_error = float(standard_error)
        return self

    @property
    def value(self) -> float:
        """The value as a plain float."""
        return float(self)

    @property
    def standard_error(self) -> float:
        """Monte Carlo standard error of the value, in the same unit."""
        return self._standard_error

    def __repr__(self) -> str:
        """Both numbers, as they would be typed."""
        return f"InformationValue({self.value!r}, standard_error={self.standard_error!r})"

    def __getnewargs__(self) -> tuple[float, float]:  # type: ignore[override]
        """What copying and pickling hand to the class: a float alone would lose the standard error."""
        return self.value, self.standard_error


def evpi(net_benefit: ArrayLike) -> InformationValue:
    """Expected value of perfect information: mean over draws of the best - best of the means.

    `net_benefit` has shape (draw, strategy), in GBP or QALYs; the result has the same unit, per person. It is
    the mean over draws i of NB[i, best in draw i] - NB[i, d], with d the strategy of highest mean, which is
    the same number and cannot come out below zero. Its standard error is the standard deviation of that loss
    over the square root of the number of draws (the influence function of the estimator), for independent
    draws; from Latin hypercube or Sobol' draws it is too large, and near an EVPI of zero it is not the width
    of a normal interval.
    Source: Raiffa and Schlaifer 1961; Claxton 1999, Journal of Health Economics 18:341.

    >>> evpi([[0, 10], [0, -6], [0, 10], [0, -6]])
    InformationValue(3.0, standard_error=1.7320508075688772)
    """
    faults: list[Fault] = []
    benefit = drawn("net benefit", net_benefit, 2, faults)
    if faults:
        raise InputError.together(faults)
    loss = benefit.max(axis=1) - benefit[:, benefit.mean(axis=0).argmax()]
    return InformationValue(loss.mean(), loss.std(ddof=1) / np.sqrt(len(loss)))
