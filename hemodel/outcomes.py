"""`Outcomes`: what each strategy costs and yields in each draw; the contract between the cohort and the decision."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from hemodel.errors import Fault, InputError

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Outcomes:
    """Costs by price arrangement and component, life-years and QALYs by state; every array has the shape (strategy, draw).

    All price arrangements come from the same trace, so components that an arrangement does not touch are the same arrays.
    Validated once, on construction: shapes and finite values.
    """

    strategies: tuple[str, ...]
    costs: Mapping[str, Mapping[str, Array]]  # GBP: price arrangement -> component -> array
    life_years: Mapping[str, Array]  # state -> array
    qalys: Mapping[str, Array]  # state, or the event that takes QALYs away -> array
    undiscounted: Outcomes | None = None  # the same without time preference
    crossings: Mapping[str, Array] = field(
        default_factory=dict
    )  # rule for curves that cross -> number of cycles it was applied in

    def __post_init__(self) -> None:
        named = [(f"cost of {c} ({a})", x) for a, costs in self.costs.items() for c, x in costs.items()]
        named += [(f"life-years {s}", x) for s, x in self.life_years.items()]
        named += [(f"QALYs {s}", x) for s, x in self.qalys.items()]
        shapes = {x.shape for _, x in named}
        faults = (
            [Fault("outcomes", f"the arrays have the shapes {sorted(shapes)}", "Give all of them (strategy, draw)")]
            if len(shapes) != 1
            else []
        )
        for name, values in named:
            if values.ndim != 2 or values.shape[0] != len(self.strategies):
                faults.append(
                    Fault(
                        name,
                        f"shape {values.shape} is not ({len(self.strategies)} strategies, draws)",
                        "Give (strategy, draw)",
                    )
                )
            elif fault := not_finite(name, values, self.strategies):
                faults.append(fault)
        if faults:
            raise InputError.together(faults)

    @property
    def price_arrangements(self) -> tuple[str, ...]:
        """Names of the price arrangements, in the order of the settings."""
        return tuple(self.costs)

    @property
    def n_draws(self) -> int:
        """Number of draws."""
        return int(next(iter(self.life_years.values())).shape[1])

    def total_costs(self, price_arrangement: str) -> Array:
        """GBP per person, shape (strategy, draw)."""
        return sum_of(self.costs[price_arrangement])

    @property
    def total_life_years(self) -> Array:
        """Life-years per person, shape (strategy, draw)."""
        return sum_of(self.life_years)

    @property
    def total_qalys(self) -> Array:
        """QALYs per person, shape (strategy, draw)."""
        return sum_of(self.qalys)


def not_finite(name: str, values: Array, strategies: tuple[str, ...]) -> Fault | None:
    """The first value of a result, (strategy, draw), that is not a finite number, as a fault that names its strategy and draw."""
    if np.isfinite(values.sum()) or np.isfinite(values).all():
        return None
    strategy, draw = (int(i) for i in np.argwhere(~np.isfinite(values))[0])
    where, problem = f"{name}, {strategies[strategy]}", f"the result is {values[strategy, draw]}"
    return Fault(where, problem, "Look at the parameters of that draw", draw=draw)


def increments(outcomes: Outcomes, price_arrangement: str, strategy: str, comparator: str) -> tuple[Array, Array]:
    """Costs (GBP) and QALYs of `strategy` less those of `comparator`, draw by draw, each of shape (draw,)."""
    i, reference = outcomes.strategies.index(strategy), outcomes.strategies.index(comparator)
    costs, qalys = outcomes.total_costs(price_arrangement), outcomes.total_qalys
    return costs[i] - costs[reference], qalys[i] - qalys[reference]


def sum_of(parts: Mapping[str, Array]) -> Array:
    """Sum over the entries, always in their order, so that the bits of a total do not depend on anything else."""
    arrays = list(parts.values())
    total = arrays[0].copy()
    for array in arrays[1:]:
        total += array
    return total
