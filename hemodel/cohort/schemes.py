"""Patient access schemes: what is charged of a drug's packs. List price and every scheme come out of the same trace.

A scheme is the price as a step function of the treatment cycle: from some cycle on, some share of the list price. A cap is full price
up to cycle K and nothing from then; a free start the other way round; a discount one step; tiers any steps. A cap on what is paid for
one person needs a count of its own (`share_paid`). A refund takes back what
non-responders' packs of the first K cycles cost. What is charged is a linear function of packs up to the steps, so the expectation is
exact and no scheme lengthens the loop over cycles. Schemes touch the price of their drug and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import special

Array = NDArray[np.float64]


class Packs(Protocol):
    """Packs of one drug per person, shape (strategy, draw)."""

    def discount_at(self, cycle: int) -> Array | float:
        """Discount factor of the start of treatment cycle `cycle` of the drug."""

    def upto(self, cycle: int | None) -> Array:
        """Discounted at the start of their cycle: those before treatment cycle `cycle`, or all."""

    def plain_upto(self, cycle: int) -> Array:
        """The same, not discounted."""

    def paid(self, most: float) -> Array:
        """Discounted packs paid for under a cap on the total for one person."""


@dataclass(frozen=True)
class Scheme:
    """`steps`: (treatment cycle from which, share of the list price charged), the first from cycle 0.

    >>> Scheme(((0, 1.0), (26, 0.0))).windows
    (26,)
    """

    steps: tuple[tuple[int, float], ...] = ((0, 1.0),)
    refund_cycles: int | None = None
    most_paid: float | None = None
    is_list_price: bool = False

    @property
    def windows(self) -> tuple[int, ...]:
        """Treatment cycles at which the terms change, in order."""
        return tuple(sorted({*(cycle for cycle, _ in self.steps[1:]), *([self.refund_cycles] if self.refund_cycles else [])}))

    def charged(self, packs: Packs, refunded: Array | float = 0.0) -> Array:
        """Packs paid for at list price, in full packs, shape (strategy, draw).

        `refunded`: share of people whose packs of the first `refund_cycles` are refunded, at the start of that cycle. Response is taken
        as independent of how long a person stays on treatment before: non-responders who stop early have bought fewer packs than this
        assumes, so the refund is, if anything, overstated.
        """
        if self.most_paid is not None:
            return packs.paid(self.most_paid)
        total = self.steps[-1][1] * packs.upto(None)
        for (_, share), (end, later) in pairwise(self.steps):
            if share != later:
                total = total + (share - later) * packs.upto(end)
        if self.refund_cycles is not None:
            total = total - refunded * packs.plain_upto(self.refund_cycles) * packs.discount_at(self.refund_cycles)
        return total


LIST_PRICE = Scheme(is_list_price=True)


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


def share_paid(cycles_before: Array, price: Array, most_paid: float, p_dispensed: Array | float = 1.0) -> Array:
    """Expected share of the next pack's price that is still paid under a cap on the total paid for one person.

    Each of the `cycles_before` dispensed a pack with probability q. With most_paid = (m + f) prices, m whole, the next pack is paid in
    full after fewer than m packs, the share f of it after m, and nothing after more: (1 - f) P(B < m) + f P(B <= m), B ~ Binomial(n, q).

    >>> share_paid(np.array([0.0, 2.0, 3.0]), np.array([100.0]), 250.0)
    array([1. , 0.5, 0. ])
    """
    packs = most_paid / np.where(price > 0, price, 1.0)
    whole, n = np.floor(packs), cycles_before.astype(np.int64)
    part = packs - whole

    def at_most(k: Array) -> Array:
        result: Array = np.where(k < 0, 0.0, special.bdtr(np.clip(k, 0, n), n, p_dispensed))
        return result

    share = (1.0 - part) * at_most(whole - 1) + part * at_most(whole)
    return np.where(price > 0, share, 1.0)  # what costs nothing never reaches the cap
