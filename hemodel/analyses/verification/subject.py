"""The model under test: inputs, and what runs of them give, each made when first asked for and kept for the checks that follow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hemodel.analyses.one_way import OneWay, run_one_way
from hemodel.analyses.psa import DEFAULT_SEED, PSA, run_psa
from hemodel.cohort import model
from hemodel.evidence.draws import NamedDraws, base_case_draws, sampler
from hemodel.evidence.inputs import Inputs, LifeTable
from hemodel.outcomes import Outcomes

Array = NDArray[np.float64]
PSA_DRAWS = 4_096
FEW_DRAWS = 8
ROLES_APART: Mapping[str, Any] = {
    "pfs_curve": "weibull",
    "os_curve": "weibull",
    "progression_shape": "pfs",
    "fitted_curves": {},
    "effect_waning": None,
    "post_progression_mortality": "by_strategy",
    "comparator_survival": "median",
    "intervention_survival": "median",
}
"""Settings under which every strategy follows its own published figures, and none another's."""


@dataclass(frozen=True)
class Subject:
    """Inputs under test, with `n_draws` draws for what rests on a probabilistic analysis."""

    inputs: Inputs
    n_draws: int = PSA_DRAWS

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the strategies."""
        return self.inputs.settings.strategy_names

    @property
    def reference(self) -> int:
        """Position of the comparator."""
        return self.names.index(self.inputs.settings.comparator)

    @property
    def first(self) -> int:
        """Position of the first strategy that is not the comparator."""
        return next(i for i in range(len(self.names)) if i != self.reference)

    @cached_property
    def base(self) -> dict[str, Array]:
        """The draw of the base case."""
        return base_case_draws(self.inputs)

    @cached_property
    def read(self) -> frozenset[str]:
        """Names of the parameters that the run reads."""
        return model.names_read(self.inputs)

    @cached_property
    def outcomes(self) -> Outcomes:
        """Outcomes of the base case."""
        return model.evaluate(self.base, self.inputs)

    @cached_property
    def trace(self) -> dict[str, Array]:
        """Occupancy in the base case, (n_cycles + 1, strategy, 1)."""
        return everything_seen(self.base, self.inputs)

    @cached_property
    def few(self) -> dict[str, Array]:
        """The base case and a few draws of all parameters, whether or not the run reads them."""
        drawn = sampler(self.inputs, seed=DEFAULT_SEED).block(0, FEW_DRAWS)
        return NamedDraws((name, np.concatenate([self.base[name], values])) for name, values in drawn.items())

    @cached_property
    def psa(self) -> PSA:
        """A probabilistic analysis."""
        return run_psa(self.inputs, self.n_draws, threads=1)

    @cached_property
    def drawn(self) -> dict[str, Array]:
        """The parameters of its draws."""
        return NamedDraws((str(name), values.to_numpy()) for name, values in self.psa.draws().items())

    @cached_property
    def one_way(self) -> OneWay:
        """A one-way analysis of all parameters."""
        return run_one_way(self.inputs)

    def draws(self, changes: Mapping[str, ArrayLike] | None = None) -> dict[str, Array]:
        """The base case with some parameters at other values, of one shape (draw,)."""
        changed = {name: np.atleast_1d(np.asarray(values, dtype=np.float64)) for name, values in (changes or {}).items()}
        n = max((len(values) for values in changed.values()), default=1)
        return NamedDraws((name, np.resize(changed.get(name, values), n)) for name, values in self.base.items())

    def run(self, changes: Mapping[str, ArrayLike] | None = None, inputs: Inputs | None = None, **settings: Any) -> Outcomes:
        """Outcomes with some parameters and settings changed (`inputs`: in place of those under test)."""
        return model.evaluate(self.draws(changes), self.with_settings(inputs or self.inputs, **settings))

    def follow(
        self, changes: Mapping[str, ArrayLike] | None = None, inputs: Inputs | None = None, **settings: Any
    ) -> dict[str, Array]:
        """Trace with some parameters and settings changed."""
        return everything_seen(self.draws(changes), self.with_settings(inputs or self.inputs, **settings))

    def with_settings(self, inputs: Inputs, **settings: Any) -> Inputs:
        """`inputs` with some settings changed, where that changes anything."""
        now = inputs.settings
        return (
            inputs.with_settings(**settings) if any(getattr(now, name) != value for name, value in settings.items()) else inputs
        )

    def beginning(self, *prefixes: str) -> list[str]:
        """Names of parameters that the run reads and that begin so."""
        return [name for name in self.inputs.parameters if name in self.read and name.startswith(prefixes)]

    def all_strategies(self, quantity: str, value: float) -> dict[str, float]:
        """`<quantity>_<strategy>` at one value for every strategy, for those that the inputs have."""
        names = [quantity, *(f"{quantity}_{s}" for s in self.names)]
        return {name: value for name in names if name in self.inputs.parameters}

    def medians(self, curve: str, years: float) -> dict[str, float]:
        """Medians of every strategy at so many years, in the unit of the inputs."""
        return {
            name: years / float(self.inputs.years(name, np.ones(1))[0]) for name in self.all_strategies(f"median_{curve}", years)
        }

    @property
    def own_curves(self) -> Inputs:
        """The inputs with every strategy on its own published curve: nothing fitted, fading or taken from another."""
        return self.with_settings(self.inputs, **ROLES_APART)

    @property
    def undying(self) -> Inputs:
        """As `own_curves`, in a population in which nobody dies."""
        zeros = np.zeros_like(self.inputs.life_table.male)
        return replace(self.own_curves, life_table=LifeTable("nobody dies", zeros, zeros))

    def no_deaths(self) -> dict[str, float]:
        """Parameters under which the disease kills nobody: every event of the PFS curve is a progression."""
        return (
            self.all_strategies("ratio_pfs_to_ttp", 1.0)
            | self.all_strategies("r_death_progressed", 0.0)
            | self.medians("os", 1e30)
        )


def everything_seen(draws: Mapping[str, Array], inputs: Inputs) -> dict[str, Array]:
    """All that the loop over cycles reports, (n_cycles + 1, strategy, draw): `model.trace`, and the states of clocks and later lines."""
    kept: dict[str, list[Array]] = {}

    def record(_cycle: int, occupancy: Mapping[str, Array]) -> None:
        for name, shares in occupancy.items():
            kept.setdefault(name, []).append(shares.copy())

    model.follow(draws, inputs, record)
    return model.trace(draws, inputs) | {name: np.stack(shares) for name, shares in kept.items()}
