"""General-population mortality: the floor under every hazard of death."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
CERTAIN = 1e300
"""Hazard a year where a life table is closed, q = 1, which nobody outlives: finite, so that differences of its sums are numbers."""


def cumulative_hazard(annual_probabilities: Array, ages: Array) -> Array:
    """Cumulative hazard from birth to `ages` (years, any shape), for q(x) of shape (age,): the hazard is constant within a year of age.

    From q(x) to the hazard of that year by -ln(1 - q). Beyond the last age of the table its hazard goes on. A table that is closed, with
    q = 1 at its last age, has everybody die as they reach that age: nobody lives past it.

    >>> cumulative_hazard(np.array([0.5, 0.5]), np.array([1.0, 3.0])).round(6)
    array([0.693147, 2.079442])
    >>> np.exp(-cumulative_hazard(np.array([0.5, 1.0]), np.array([1.0, 1.1])))
    array([0.5, 0. ])
    """
    hazards = annual_hazards(annual_probabilities)
    from_birth = np.concatenate([[0.0], np.cumsum(hazards)])
    year = np.minimum(np.floor(ages).astype(np.intp), len(hazards) - 1)
    return from_birth[year] + (ages - year) * hazards[year]


def annual_hazards(annual_probabilities: Array) -> Array:
    """Hazards a year from q(x), -ln(1 - q), and `CERTAIN` where q is 1.

    >>> annual_hazards(np.array([0.5, 1.0])).round(6)
    array([6.93147e-001, 1.00000e+300])
    """
    with np.errstate(divide="ignore"):
        return np.where(annual_probabilities < 1, -np.log1p(-annual_probabilities), CERTAIN)


def hazard_increments(male: Array, female: Array, *, age: Array, share_male: Array, n_cycles: int, cycle_years: float) -> Array:
    """Increments of the general population's cumulative hazard over each cycle, matched by age and sex.

    `male`, `female`: q(x), shape (age,). `age` at the start and `share_male`: shape (draw,). The mix is of people, not of
    hazards: S(t) = share_male S_male(t) + (1 - share_male) S_female(t), so that the share of women grows as men die.
    In cycles that nobody outlives the increment is that of the hazard `CERTAIN`.
    Returns shape (n_cycles, 1) where all draws agree in age and sex, else (n_cycles, draw).
    """
    if np.all(age == age[0]) and np.all(share_male == share_male[0]):
        age, share_male = age[:1], share_male[:1]
    times = np.arange(n_cycles + 1)[:, None] * cycle_years
    alive = np.zeros((n_cycles + 1, len(age)))
    for table, share in ((male, share_male), (female, 1 - share_male)):
        alive += share * np.exp(cumulative_hazard(table, age) - cumulative_hazard(table, age + times))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(alive[1:] > 0, -np.diff(np.log(alive), axis=0), CERTAIN * cycle_years)


def quality_adjusted_life_expectancy(
    male: Array,
    female: Array,
    norm: Callable[[Array, bool], Array],
    *,
    age: float,
    share_male: float,
    discount_rate: float,
    cycle_years: float,
    by_year: bool = False,
    passed: float = 0.5,
) -> float:
    """Discounted QALYs that the general population of this age and sex can expect, up to the end of the life table.

    `norm(ages, is_male)` gives utilities at `ages`, shape (cycle,). Time in a cycle is the mean of its start and end, valued at mid-cycle
    and discounted from where the share `passed` of it has gone by, as in the model (`by_year`: of whole years only); men and women are
    followed apart and mixed as people.
    """
    n_cycles = int((len(male) - age) / cycle_years)
    times = np.arange(n_cycles + 1, dtype=np.float64) * cycle_years
    middle: Array = times[:-1] + cycle_years / 2
    years = times[:-1] + passed * cycle_years
    years = np.floor(years + 1e-9) if by_year else years
    total = 0.0
    for table, share, is_male in ((male, share_male, True), (female, 1 - share_male, False)):
        alive = np.exp(cumulative_hazard(table, np.array(float(age))) - cumulative_hazard(table, age + times))
        lived = (alive[:-1] + alive[1:]) / 2 * cycle_years
        total += share * float((lived * norm(age + middle, is_male) * (1 + discount_rate) ** -years).sum())
    return total
