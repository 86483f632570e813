"""Decision modifiers: NICE's severity weight, and the end-of-life advice of 2009. Plain numbers in, plain results out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hemodel.errors import Fault, InputError


@dataclass(frozen=True)
class Severity:
    """QALY shortfall of people with current treatment against the general population, and the weight that it earns."""

    general_population_qalys: float
    current_treatment_qalys: float
    absolute_shortfall: float
    proportional_shortfall: float
    weight: float
    reading: str


@dataclass(frozen=True)
class EndOfLife:
    """Whether the two numbers of the end-of-life advice are met; that the population is small is for people to judge."""

    life_expectancy_months: float
    extension_months: float
    is_short: bool
    is_extension: bool
    reading: str

    @property
    def met(self) -> bool:
        """Whether both are."""
        return self.is_short and self.is_extension


def severity(
    general_population_qalys: float,
    current_treatment_qalys: float,
    *,
    absolute: Sequence[float],
    proportional: Sequence[float],
    weights: Sequence[float],
) -> Severity:
    """NICE's severity modifier (manual, 6.2.12 to 6.2.21): discounted QALYs of the general population of the same age and sex, and of
    people with current treatment, both above 0.

    `absolute` and `proportional` are the two cut-offs of each shortfall, `weights` the three weights. The measure that gives the
    higher weight counts; a value on a cut-off takes the higher level (shortfalls are compared to 1e-9, so that 12 QALYs summed
    with rounding error are 12).

    >>> severity(15.0, 3.0, absolute=(12, 18), proportional=(0.85, 0.95), weights=(1, 1.2, 1.7)).weight
    1.2
    """
    faults = [
        Fault(name, f"{value!r} is not a number of QALYs above 0", "Give discounted QALYs")
        for name, value in (
            ("general_population_qalys", general_population_qalys),
            ("current_treatment_qalys", current_treatment_qalys),
        )
        if not 0 < value < float("inf")
    ]
    if faults:
        raise InputError.together(faults)
    lost = general_population_qalys - current_treatment_qalys
    share = lost / general_population_qalys
    level = max(sum(x >= cut - 1e-9 for cut in cuts) for x, cuts in ((lost, absolute), (share, proportional)))
    reading = (
        f"People with current treatment have {current_treatment_qalys:.2f} QALYs, the general population {general_population_qalys:.2f}: "
        f"a loss of {lost:.2f} QALYs, {share:.1%}. Severity weight {weights[level]:g}."
    )
    return Severity(general_population_qalys, current_treatment_qalys, lost, share, float(weights[level]), reading)


def end_of_life(
    life_expectancy_months: float, extension_months: float, *, longest_months: float, least_extension_months: float
) -> EndOfLife:
    """The end-of-life advice of 2009: life expectancy without the technology below `longest_months` (24) months, and an extension of at
    least `least_extension_months` (3). Mean, undiscounted months.

    >>> end_of_life(13.6, 32.2, longest_months=24, least_extension_months=3).met
    True
    """
    short, extends = life_expectancy_months < longest_months, extension_months >= least_extension_months
    reading = (
        f"Life expectancy without the technology is {life_expectancy_months:.1f} months ({'below' if short else 'not below'} "
        f"{longest_months:g}), and it adds {extension_months:.1f} months ({'at least' if extends else 'less than'} "
        f"{least_extension_months:g})."
    )
    return EndOfLife(life_expectancy_months, extension_months, short, extends, reading)
