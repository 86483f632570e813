"""Patient access schemes: which packs the NHS pays for. List price and every scheme come out of the same trace.

A scheme sees two numbers of packs per person: all that were dispensed, and those within the first K treatment cycles, each
plain and discounted at the start of its cycle. What it charges is a linear function of them, so the expectation is exact and
no scheme lengthens the loop over cycles. Schemes touch the price of the drug and nothing else: dexamethasone, monitoring,
prophylaxis and adverse events go on being charged.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Packs:
    """Packs per person, shape (strategy, draw): discounted at the start of their cycle by `factor` per cycle, and plain.

    `within`: those in the first K treatment cycles, where K is the scheme's `window`.
    """

    all: Array
    within: Array
    within_plain: Array
    factor: float


class Scheme(Protocol):
    """One price arrangement."""

    @property
    def window(self) -> int | None:
        """K: the number of treatment cycles in which the terms differ from those after; None where there is no such number."""

    @property
    def has_running_cost(self) -> bool:
        """Whether the NHS bears the cost of running a scheme."""

    def charged(self, packs: Packs) -> Array:
        """Packs paid for at list price, in full packs, shape (strategy, draw)."""


@dataclass(frozen=True)
class ListPrice:
    """No scheme: every pack is charged."""

    window: None = None
    has_running_cost: bool = False

    def charged(self, packs: Packs) -> Array:
        """All packs."""
        return packs.all


@dataclass(frozen=True)
class DrugCostCap:
    """The manufacturer meets the drug cost after K treatment cycles (TA171: 26). Cycles 0..K-1 are charged, cycle K is free."""

    window: int
    has_running_cost: bool = True

    def charged(self, packs: Packs) -> Array:
        """Packs within the first K treatment cycles."""
        return packs.within


@dataclass(frozen=True)
class FreeStart:
    """The first K treatment cycles are free, all later ones are charged."""

    window: int
    has_running_cost: bool = True

    def charged(self, packs: Packs) -> Array:
        """Packs after the first K treatment cycles."""
        return packs.all - packs.within


@dataclass(frozen=True)
class PriceDiscount:
    """A share of the list price is taken off every pack."""

    share: float
    window: None = None
    has_running_cost: bool = True

    def charged(self, packs: Packs) -> Array:
        """All packs times one minus the price discount."""
        return packs.all * (1.0 - self.share)


@dataclass(frozen=True)
class ResponseRefund:
    """Those who have not responded by cycle K get all packs up to then refunded, at the start of cycle K (bortezomib's scheme).

    Response is taken as independent of how long a person stays on treatment before cycle K: non-responders who stop early have
    bought fewer packs than this assumes, so the refund is, if anything, overstated.
    """

    window: int
    p_response: float
    has_running_cost: bool = True

    def charged(self, packs: Packs) -> Array:
        """All packs, less the refund: the non-responders' packs of the first K cycles, discounted from cycle K."""
        return packs.all - (1.0 - self.p_response) * packs.within_plain * packs.factor**self.window


def share_within(
    cycle: int, p_dispensed: Array, window: int, state: tuple[Array, Array] | None
) -> tuple[Array, tuple[Array, Array]]:
    """Chance that the pack of treatment cycle `cycle` (0-based) would be among the first `window` dispensed, shape (draw,).

    That is P(Binomial(cycle, q) <= window - 1): packs dispensed before, when each cycle dispenses one with probability q. It is
    1 for cycle < window, and is carried on from cycle to cycle by P(B(c+1) <= K-1) = P(B(c) <= K-1) - q P(B(c) = K-1) and
    P(B(c+1) = K-1) = P(B(c) = K-1) (c+1) / (c+2-K) (1-q). Call it for cycles 0, 1, 2, ... and hand back the state it returned.

    >>> share, state = share_within(0, np.array([0.5]), 1, None)
    >>> share_within(1, np.array([0.5]), 1, state)[0]
    array([0.5])
    """
    last = window - 1
    if cycle <= last or state is None:
        at_last = p_dispensed**last if cycle == last else np.zeros_like(p_dispensed)
        return np.ones_like(p_dispensed), (np.ones_like(p_dispensed), at_last)
    before, at_last = state
    now = np.maximum(
        before - p_dispensed * at_last, 0.0
    )  # rounding of a difference that tends to 0, not a probability that leaves [0, 1]
    return now, (now, at_last * (1.0 - p_dispensed) * (cycle / (cycle - last)))
