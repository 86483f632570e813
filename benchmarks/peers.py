"""The stripped job in two other Python packages for health-economic models, each through its public interface.

Both evaluate one draw and one strategy at a time, so each is given its numbers in the form that is quickest for it. Both
discount at cycle boundaries where the job values time in a state at mid-cycle; weights in the rewards undo that, so that totals
can be compared: heormodel's must agree to rounding, PyHEOR's but for half of those alive at the very end of the horizon.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields
from importlib.util import find_spec

import numpy as np
from numpy.typing import NDArray
from stripped import CYCLE_YEARS, Job

from hemodel.analyses.psa import PSA

Array = NDArray[np.float64]
STATES = ("progression_free", "progressed", "dead")


def installed(package: str) -> bool:
    """Whether a peer is there; they come with the extra `benchmark`."""
    return find_spec(package) is not None


def heormodel(job: Job, n_draws: int) -> tuple[Array, Array]:
    """Costs and QALYs, (strategy, draw), of the first `n_draws` draws by heormodel's `MarkovModel`, on one worker.

    The transition matrices and rewards of all cycles of a draw are made with NumPy at once. heormodel discounts at cycle
    boundaries; weights turn that into mid-cycle discounting of the mean of start and end.
    """
    import pandas as pd
    from heormodel.models import CohortSpec, MarkovModel
    from heormodel.run import run_psa

    n = job.n_cycles
    boundaries = np.arange(n + 1)
    years = boundaries * CYCLE_YEARS
    v = (1.0 + job.discount_rate) ** -CYCLE_YEARS
    # boundary c is the start of cycle c, discounted by v^(c + 1/2), and the end of cycle c - 1, by v^(c - 1/2)
    mean_of_ends = (np.sqrt(v) * (boundaries < n) + (boundaries > 0) / np.sqrt(v)) / 2.0
    charged = (boundaries < job.cap_cycles) & (boundaries < n)
    zeros = np.zeros(n + 1)
    values = {f.name: np.asarray(getattr(job, f.name)) for f in fields(job)}
    columns = {name: x[:n_draws] for name, x in values.items() if x.ndim == 1}
    columns |= {f"{name}_{i}": x[i, :n_draws] for name, x in values.items() if x.ndim == 2 for i in range(len(x))}
    strategies = [str(i) for i in range(len(job.progression_rate))]

    def transitions_and_rewards(params: pd.Series, strategy: str) -> CohortSpec:
        progression = np.diff(params[f"progression_rate_{strategy}"] * years ** params["shape"])
        leaving = progression + params[f"r_death_progression_free_{strategy}"] * CYCLE_YEARS
        leave = 1.0 - np.exp(-leaving)
        progress = leave * progression / leaving
        die = 1.0 - math.exp(-params[f"r_death_progressed_{strategy}"] * CYCLE_YEARS)
        transition = np.zeros((n, 3, 3))
        transition[:, 0, 0], transition[:, 0, 1], transition[:, 0, 2] = 1.0 - leave, progress, leave - progress
        transition[:, 1, 1], transition[:, 1, 2], transition[:, 2, 2] = 1.0 - die, die, 1.0
        c_drug, c_progressed = params[f"c_drug_per_cycle_{strategy}"], params["c_progressed_per_cycle"]
        cost = np.column_stack([charged * c_drug, mean_of_ends * c_progressed, zeros])
        lived = CYCLE_YEARS * mean_of_ends
        effect = np.column_stack([lived * params["u_progression_free"], lived * params["u_progressed"], zeros])
        return CohortSpec(transition, cost, effect)

    engine = MarkovModel(
        states=STATES,
        interventions=strategies,
        transitions_and_rewards=transitions_and_rewards,
        n_cycles=n,
        cycle_length=CYCLE_YEARS,
        discount_rate=job.discount_rate,
        cycle_correction="none",
    )
    draws = pd.DataFrame(columns, index=pd.RangeIndex(n_draws, name="iteration"))
    found = run_psa(engine, draws, sequential=True, progress=False).outcomes.data
    by_strategy = {quantity: [found.loc[s, quantity].to_numpy() for s in strategies] for quantity in ("cost", "qaly")}
    return np.stack(by_strategy["cost"]), np.stack(by_strategy["qaly"])


def heormodel_evppi(psa: PSA, names: Sequence[str]) -> list[float]:
    """EVPPI of each parameter alone at GBP 35,000 per QALY under the scheme, by heormodel's spline metamodel on our draws."""
    import pandas as pd
    from heormodel.models import Outcomes
    from heormodel.voi import evppi

    index = pd.RangeIndex(psa.n_draws, name="iteration")
    costs, effects = (pd.DataFrame(dict(zip(psa.strategies, x, strict=True)), index=index) for x in (psa.costs["pas"], psa.qalys))
    outcomes, draws = Outcomes.from_wide(costs, effects), psa.draws().set_index(index)
    return [float(evppi(outcomes, draws, name, wtp=35_000)) for name in names]


def pyheor(job: Job, n_draws: int) -> tuple[Array, Array]:
    """Costs and QALYs, (strategy, draw), of the first `n_draws` draws by PyHEOR's `MarkovModel`.

    Probabilities come from a function of draw and cycle, as its interface asks; what does not change from cycle to cycle is a
    parameter. PyHEOR has one way of counting for all state rewards and discounts at cycle starts: `beginning` is what packs
    need, and weights turn it into mid-cycle discounting of the mean of start and end. A starting reward takes off the end of the
    cycle before the first; half the occupancy at the very end of the horizon cannot be counted and is left out.
    """
    import pyheor as ph

    names = [str(i) for i in range(len(job.progression_rate))]
    v = (1.0 + job.discount_rate) ** -CYCLE_YEARS
    per_cycle = 1.0 / v - 1.0
    mean_of_ends = (math.sqrt(v) + 1.0 / math.sqrt(v)) / 2.0  # boundary c: start of cycle c and end of cycle c - 1
    model = ph.MarkovModel(
        states=list(STATES),
        strategies=names,
        n_cycles=job.n_cycles,
        cycle=ph.Cycle(28, "day"),
        dr_cost=per_cycle,
        dr_qaly=per_cycle,
        method="beginning",
    )

    class Listed(ph.Distribution):  # type: ignore[misc]
        """Gives the draws of the job one after the other, so that both run on the same ones."""

        def __init__(self, values: Array) -> None:
            self.values: Iterator[float] = iter(values.tolist())

        def sample(self, n: int = 1, rng: object = None) -> Array:
            return np.array([next(self.values) for _ in range(n)])

        def __repr__(self) -> str:
            return "Listed()"

    def add(name: str, values: Array) -> None:
        model.add_param(name, base=float(values[0]), dist=Listed(values[:n_draws]))

    add("shape", job.shape)
    add("progressed_cost", mean_of_ends * job.c_progressed_per_cycle)
    add("progression_free_qalys", mean_of_ends * CYCLE_YEARS * job.u_progression_free)
    add("progressed_qalys", mean_of_ends * CYCLE_YEARS * job.u_progressed)
    add("no_cycle_before", -CYCLE_YEARS * job.u_progression_free / (2.0 * math.sqrt(v)))
    for i, name in enumerate(names):
        add(f"rate_{name}", job.progression_rate[i])
        add(f"death_{name}", job.r_death_progression_free[i] * CYCLE_YEARS)
        add(f"die_{name}", 1.0 - np.exp(-job.r_death_progressed[i] * CYCLE_YEARS))
        add(f"drug_{name}", job.c_drug_per_cycle[i])
        model.set_transitions(name, _pyheor_transitions(name))

    charged = range(1, min(job.cap_cycles, job.n_cycles) + 1)
    model.set_state_cost("drug", {name: {"progression_free": f"drug_{name}"} for name in names}, cycles=charged)
    model.set_state_cost("care", {"progressed": "progressed_cost"})
    model.set_state_qaly("health", {"progression_free": "progression_free_qalys", "progressed": "progressed_qalys"})
    model.set_starting_qaly("health", "no_cycle_before")
    found = model.run_psa(n_sim=n_draws, progress=False).ce_table
    by_strategy = [found[found["strategy"] == name] for name in names]
    costs = np.stack([rows["total_cost"].to_numpy() for rows in by_strategy])
    return costs, np.stack([rows["qalys"].to_numpy() for rows in by_strategy])


def _pyheor_transitions(strategy: str) -> Callable[[Mapping[str, float], int], Array]:
    """The function that PyHEOR asks for the transition matrix of a draw and a cycle, counted from 1."""
    rate_name, death_name, die_name = f"rate_{strategy}", f"death_{strategy}", f"die_{strategy}"

    def matrix(params: Mapping[str, float], cycle: int) -> Array:
        shape, rate, die = params["shape"], params[rate_name], params[die_name]
        progression = rate * ((cycle * CYCLE_YEARS) ** shape - ((cycle - 1) * CYCLE_YEARS) ** shape)
        leaving = progression + params[death_name]
        leave = 1.0 - math.exp(-leaving)
        progress = leave * progression / leaving
        return np.array([[1.0 - leave, progress, leave - progress], [0.0, 1.0 - die, die], [0.0, 0.0, 1.0]])

    return matrix
