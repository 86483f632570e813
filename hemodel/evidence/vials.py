"""The expected price of a giving from vials: an exact sum over the spread of body size between people, not dose divided by vial.

The dose is per kg or per m2 of a size that is log-normal between people. Each person is given the vials that hold the dose with the least
left over (of equals the fewest), so that what is opened is a step function of the size, and its expectation a sum of normal
probabilities at the steps. Shared vials cost what the dose takes of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from itertools import pairwise

from hemodel.evidence.amounts import Amount, Call, Name, Number, Operation, Tree, Unreadable, formula, parse
from hemodel.evidence.settings import Vials

MOST_STEPS = 60  # totals of vials looked at: beyond them the share of people is refused, not cut off


def combinations(strengths: Mapping[str, float], most: float) -> list[tuple[float, dict[str, int]]]:
    """Totals that vials can make, in mg, up to the first that holds `most`, each with the fewest vials (name -> number).

    >>> combinations({"a_50": 50.0, "b_100": 100.0}, 160.0)
    [(50.0, {'a_50': 1}), (100.0, {'b_100': 1}), (150.0, {'a_50': 1, 'b_100': 1}), (200.0, {'b_100': 2})]
    """
    totals: dict[float, dict[str, int]] = {0.0: {}}
    found: list[tuple[float, dict[str, int]]] = []
    while len(found) < MOST_STEPS:
        total = min(t for t in totals if not found or t > found[-1][0])
        vials = totals[total]
        for name, strength in strengths.items():
            more = {**vials, name: vials.get(name, 0) + 1}
            at = round(total + strength, 9)
            if at not in totals or sum(more.values()) < sum(totals[at].values()):
                totals[at] = {key: more[key] for key in strengths if key in more}
        found.append((total, vials))
        if total >= most:
            break
    return found[1:]


def expected_price(vials: Vials, most: float) -> Amount:
    """Expected list price of one giving as an amount over the parameters of dose, size, spread and prices.

    `most`: the largest dose looked at, in mg; people above it are given what holds it. Raises `Unreadable` where no few vials hold it.
    """
    dose, size, spread = parse(vials.dose).tree, parse(vials.size).tree, parse(vials.spread).tree
    needed = Operation("*", dose, size)
    prices = {price: float(strength) for strength, price in vials.prices.items()}
    if vials.shared:
        per_mg: list[Tree] = [Operation("/", Name(price), Number(strength)) for price, strength in prices.items()]
        cheapest = reduce(lambda first, second: Call("MIN", (first, second)), per_mg)
        tree: Tree = Operation("*", needed, cheapest)
        return Amount(formula(tree), tree)
    ratio = Operation("/", spread, size)
    variance = Call("LN", (Operation("+", Number(1.0), Operation("*", ratio, ratio)),))
    steps = combinations(prices, most)
    if steps[-1][0] < most:
        raise Unreadable(f"needs more than {MOST_STEPS} totals of these vials for a dose of {most:,.6g} mg")
    tree = _cost(steps[0][1])
    for (total, before), (_, after) in pairwise(steps):
        above = Operation("-", Call("LN", (Operation("/", needed, Number(total)),)), Operation("/", variance, Number(2.0)))
        share = Call("NORMSDIST", (Operation("/", above, Call("SQRT", (variance,))),))
        tree = Operation(
            "+", tree, Operation("*", share, _cost({k: after.get(k, 0) - before.get(k, 0) for k in {**before, **after}}))
        )
    return Amount(formula(tree), tree)


def _cost(numbers: Mapping[str, int]) -> Tree:
    """What so many vials of each price cost (a negative number is given back)."""
    terms: list[Tree] = [
        Name(name) if n == 1 else Operation("*", Number(float(n)), Name(name)) for name, n in numbers.items() if n
    ]
    return reduce(lambda first, second: Operation("+", first, second), terms[1:], terms[0]) if terms else Number(0.0)
