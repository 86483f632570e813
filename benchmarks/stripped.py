"""The stripped job, written by hand: two strategies, 391 cycles, Weibull progression, constant death hazards, a drug whose cost
is capped, totals of costs and QALYs. Nothing else: no background mortality, one price arrangement, no components, no checks.

Three versions, which must agree to 1e-12: `one_draw` in plain Python, to be read; `stripped` as a competent analyst writes it
in NumPy; `stripped_fast` tuned by hand. Conventions are those of hemodel: packs are bought at the start of a cycle, time in a
state is the mean of start and end, valued at mid-cycle, discounted by (1 + r)^-years. Axis order: strategy, draw.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hemodel.evidence.inputs import Inputs

Array = NDArray[np.float64]

CYCLE_YEARS = 28 / 365.25  # of the job: cycles of 28 days


@dataclass(frozen=True)
class Job:
    """What the job is given. `shape`, `c_progressed_per_cycle`, `u_...`: (draw,); the others: (strategy, draw)."""

    n_cycles: int
    cap_cycles: int
    discount_rate: float  # per year, for costs and for effects
    shape: Array
    progression_rate: Array  # cumulative hazard of progression: rate * years^shape
    r_death_progression_free: Array  # per year
    r_death_progressed: Array  # per year
    c_drug_per_cycle: Array  # GBP, charged in the first `cap_cycles` cycles
    c_progressed_per_cycle: Array  # GBP
    u_progression_free: Array
    u_progressed: Array

    @property
    def n_draws(self) -> int:
        """Number of draws."""
        return len(self.shape)


def job_from(draws: Mapping[str, Array], inputs: Inputs) -> Job:
    """The stripped job on the draws of the whole model, so that both are given the same shapes and rates.

    The hazard of death before progression, which varies in the model, is held at its mean up to the median of the PFS curve.
    """
    settings = inputs.settings
    names = settings.strategy_names

    def by_strategy(quantity: str) -> Array:
        return np.stack([draws[f"{quantity}_{name}"] for name in names])

    shape = draws["shape_pfs"]
    years = np.stack([inputs.years(f"median_pfs_{name}", draws[f"median_pfs_{name}"]) for name in names])
    share = by_strategy("ratio_pfs_to_ttp") ** shape
    lenalidomide = draws["c_lenalidomide_25mg_pack"]
    dexamethasone = draws["n_dexamethasone_later"] * draws["c_dexamethasone_mg"]
    drugs = [lenalidomide * ("lenalidomide" in s.drugs) + dexamethasone for s in settings.strategies]
    cap = settings.schemes["pas"].drug_cost_cap_cycles
    assert cap is not None and settings.discount_rate_costs == settings.discount_rate_effects
    return Job(
        n_cycles=settings.n_cycles,
        cap_cycles=cap,
        discount_rate=settings.discount_rate_costs,
        shape=shape,
        progression_rate=share * math.log(2.0) / years**shape,
        r_death_progression_free=(1.0 - share) * math.log(2.0) / years,
        r_death_progressed=by_strategy("r_death_progressed"),
        c_drug_per_cycle=np.stack(drugs),
        c_progressed_per_cycle=draws["c_post_progression_care"],
        u_progression_free=draws["u_progression_free"],
        u_progressed=draws["u_progressed"],
    )


def one_draw(job: Job, strategy: int, draw: int) -> tuple[float, float]:
    """Costs (GBP) and QALYs of one strategy in one draw, in plain Python."""
    shape, rate = float(job.shape[draw]), float(job.progression_rate[strategy, draw])
    death = float(job.r_death_progression_free[strategy, draw]) * CYCLE_YEARS
    stay_progressed = math.exp(-float(job.r_death_progressed[strategy, draw]) * CYCLE_YEARS)
    c_drug, c_progressed = float(job.c_drug_per_cycle[strategy, draw]), float(job.c_progressed_per_cycle[draw])
    u_free, u_progressed = float(job.u_progression_free[draw]), float(job.u_progressed[draw])
    free, progressed, costs, qalys = 1.0, 0.0, 0.0, 0.0
    for cycle in range(job.n_cycles):
        start, end = cycle * CYCLE_YEARS, (cycle + 1) * CYCLE_YEARS
        progression = rate * end**shape - rate * start**shape
        leave = 1.0 - math.exp(-(progression + death))
        progress = leave * progression / (progression + death)
        free_at_end = free * (1.0 - leave)
        progressed_at_end = progressed * stay_progressed + free * progress
        at_start = (1.0 + job.discount_rate) ** -start
        at_middle = (1.0 + job.discount_rate) ** -((start + end) / 2.0)
        time_free, time_progressed = (free + free_at_end) / 2.0, (progressed + progressed_at_end) / 2.0
        if cycle < job.cap_cycles:
            costs += at_start * free * c_drug
        costs += at_middle * time_progressed * c_progressed
        qalys += at_middle * CYCLE_YEARS * (time_free * u_free + time_progressed * u_progressed)
        free, progressed = free_at_end, progressed_at_end
    return costs, qalys


def stripped(job: Job) -> tuple[Array, Array]:
    """Costs (GBP) and QALYs, (strategy, draw): vectorised over strategies and draws, a loop over cycles, written to be read."""
    costs, qalys = np.zeros_like(job.progression_rate), np.zeros_like(job.progression_rate)
    free, progressed = np.ones_like(costs), np.zeros_like(costs)
    death = job.r_death_progression_free * CYCLE_YEARS
    stay_progressed = np.exp(-job.r_death_progressed * CYCLE_YEARS)
    hazard = np.zeros_like(costs)
    for cycle in range(job.n_cycles):
        start, end = cycle * CYCLE_YEARS, (cycle + 1) * CYCLE_YEARS
        hazard_at_end = job.progression_rate * end**job.shape
        progression = hazard_at_end - hazard
        leave = 1.0 - np.exp(-(progression + death))
        progress = leave * progression / (progression + death)
        free_at_end = free * (1.0 - leave)
        progressed_at_end = progressed * stay_progressed + free * progress
        at_start = (1.0 + job.discount_rate) ** -start
        at_middle = (1.0 + job.discount_rate) ** -((start + end) / 2.0)
        time_free, time_progressed = (free + free_at_end) / 2.0, (progressed + progressed_at_end) / 2.0
        if cycle < job.cap_cycles:
            costs += at_start * free * job.c_drug_per_cycle
        costs += at_middle * time_progressed * job.c_progressed_per_cycle
        qalys += at_middle * CYCLE_YEARS * (time_free * job.u_progression_free + time_progressed * job.u_progressed)
        free, progressed, hazard = free_at_end, progressed_at_end, hazard_at_end
    return costs, qalys


def stripped_fast(job: Job) -> tuple[Array, Array]:
    """The same, tuned: no temporaries, constants out of the loop, the loop only adds up discounted occupancies at cycle starts.

    Occupancies at cycle ends are the same sums shifted by one cycle, so prices and utilities multiply once, after the loop.
    """
    v = (1.0 + job.discount_rate) ** -CYCLE_YEARS
    discount = v ** np.arange(job.n_cycles + 1)
    with np.errstate(divide="ignore"):
        log_time = np.log(np.arange(job.n_cycles + 1) * CYCLE_YEARS)
    minus_rate, minus_death = -job.progression_rate, -job.r_death_progression_free * CYCLE_YEARS
    stay_progressed = np.exp(-job.r_death_progressed * CYCLE_YEARS)
    free, progressed = np.ones_like(minus_rate), np.zeros_like(minus_rate)
    sum_free, sum_progressed, charged = np.zeros_like(free), np.zeros_like(free), np.zeros_like(free)
    hazard, hazard_at_end, leaving, stay, weighted = (np.zeros_like(free) for _ in range(5))
    power = np.empty_like(job.shape)
    for cycle in range(job.n_cycles):
        if cycle == job.cap_cycles:
            charged[:] = sum_free
        sum_free += np.multiply(free, discount[cycle], out=weighted)
        sum_progressed += np.multiply(progressed, discount[cycle], out=weighted)
        np.exp(np.multiply(job.shape, log_time[cycle + 1], out=power), out=power)
        np.multiply(minus_rate, power, out=hazard_at_end)
        progression = np.subtract(hazard_at_end, hazard, out=hazard)
        hazard, hazard_at_end = hazard_at_end, hazard
        np.add(progression, minus_death, out=leaving)
        np.divide(progression, leaving, out=progression)
        np.exp(leaving, out=stay)
        np.multiply(progression, free, out=weighted)
        free *= stay
        progressed *= stay_progressed
        # those who leave, free (1 - stay), in proportion to the hazards
        progressed += weighted
        progressed -= np.multiply(weighted, stay, out=weighted)
    if job.n_cycles <= job.cap_cycles:
        charged[:] = sum_free
    time_free = _discounted_time(sum_free, 1.0, free, v, job.n_cycles)
    time_progressed = _discounted_time(sum_progressed, 0.0, progressed, v, job.n_cycles)
    costs = charged * job.c_drug_per_cycle + time_progressed * job.c_progressed_per_cycle
    qalys = CYCLE_YEARS * (time_free * job.u_progression_free + time_progressed * job.u_progressed)
    return costs, qalys


def _discounted_time(starts: Array, first: float, last: Array, v: float, n_cycles: int) -> Array:
    """Sum of v^(c + 1/2) (x_c + x_{c+1}) / 2, from the sum of v^c x_c and the first and the last x."""
    ends = (starts - first + v**n_cycles * last) / v
    return math.sqrt(v) * (starts + ends) / 2.0
