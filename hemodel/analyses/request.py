"""What an analysis is asked about: which price arrangement, which strategy, at which threshold."""

from __future__ import annotations

import math

from hemodel.errors import Fault, InputError, nearest
from hemodel.evidence.inputs import Inputs


def request(inputs: Inputs, arrangement: str | None, strategy: str | None, threshold: float | None) -> tuple[str, str, float]:
    """The price arrangement, strategy and threshold asked for, checked, with the defaults filled in."""
    settings = inputs.settings
    strategies = settings.interventions
    arrangement = arrangement or settings.price_arrangements[-1]
    strategy = strategy or strategies[0]
    threshold = settings.threshold_values[-1] if threshold is None else threshold
    faults = []
    if arrangement not in settings.price_arrangements:
        remedy = nearest(arrangement, settings.price_arrangements)
        faults.append(Fault(f"price arrangement {arrangement!r}", "it is not one of this run", remedy))
    if strategy not in strategies:
        faults.append(
            Fault(f"strategy {strategy!r}", "it is not one to compare with the comparator", nearest(strategy, strategies))
        )
    if isinstance(threshold, bool) or not isinstance(threshold, (int, float)) or not 0 < threshold < math.inf:
        faults.append(Fault("threshold", f"{threshold!r} is not a threshold", f"Give {settings.currency} per QALY above 0"))
    if faults:
        raise InputError.together(faults)
    return arrangement, strategy, float(threshold)
