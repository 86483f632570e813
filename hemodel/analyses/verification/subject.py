"""The model under test: inputs, and what runs of them give, each made when first asked for and kept for the checks that follow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from hemodel.analyses.base_case import BaseCase, run_base_case
from hemodel.analyses.one_way import OneWay, run_one_way
from hemodel.analyses.psa import DEFAULT_SEED, PSA, run_psa
from hemodel.analyses.value_of_information import evppi
from hemodel.analyses.verification.second import Second
from hemodel.cohort import model
from hemodel.cohort.model import curves
from hemodel.evidence.draws import NamedDraws, base_case_draws, sampler
from hemodel.evidence.inputs import Inputs, LifeTable
from hemodel.evidence.parameters import Parameter
from hemodel.outcomes import Outcomes

Array = NDArray[np.float64]
PSA_DRAWS = 4_096
FEW_DRAWS = 8
FEW_WORTHS = 4
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
PLAIN: Mapping[str, Any] = {"post_progression_clock_cycles": None, "also_counted": []}
"""Settings without clocks, later lines and whatever else may be counted besides."""
APART: Mapping[str, Any] = {"discount_rate_costs": 0.06, "discount_rate_effects": 0.015}
"""Discount rates that differ, so that one taken for the other is seen."""
YOUNG = 10.0  # years: so young hardly anybody dies of anything else


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

    @property
    def dt(self) -> float:
        """Length of a cycle in years."""
        return self.inputs.settings.cycle_years

    @cached_property
    def base(self) -> dict[str, Array]:
        """The draw of the base case."""
        return base_case_draws(self.inputs)

    @cached_property
    def read(self) -> frozenset[str]:
        """Names of the parameters that the run reads."""
        return model.names_read(self.inputs)

    @cached_property
    def base_case(self) -> BaseCase:
        """The base case with its tables."""
        return run_base_case(self.inputs)

    @cached_property
    def outcomes(self) -> Outcomes:
        """Outcomes of the base case."""
        return model.evaluate(self.base, self.inputs)

    @cached_property
    def trace(self) -> dict[str, Array]:
        """Occupancy in the base case, (n_cycles + 1, strategy, 1)."""
        return everything_seen(self.base, self.inputs)

    @cached_property
    def second(self) -> Second:
        """The base case by the plain model."""
        return Second(self.inputs, self.base)

    @cached_property
    def second_of_few(self) -> Second:
        """The base case and a few draws by the plain model, with discount rates of which none can be taken for the other."""
        return Second(self.with_settings(self.inputs, **APART), self.few)

    def priced(self, changes: Mapping[str, ArrayLike]) -> Second:
        """The base case by the plain model with amounts changed that move nobody."""
        return Second(self.inputs, self.draws(changes), self.second)

    @cached_property
    def few(self) -> dict[str, Array]:
        """The base case and a few draws of all parameters, whether or not the run reads them."""
        prepared = sampler(self.inputs, seed=DEFAULT_SEED, conditions=curves.conditions(self.inputs))
        drawn = prepared.block(0, FEW_DRAWS)
        return NamedDraws((name, np.concatenate([self.base[name], values])) for name, values in drawn.items())

    @cached_property
    def psa(self) -> PSA:
        """A probabilistic analysis."""
        return run_psa(self.inputs, self.n_draws, threads=1)

    @cached_property
    def drawn(self) -> dict[str, Array]:
        """Its draws: of what the run does not read, the value of the base case."""
        drawn = {str(name): values.to_numpy() for name, values in self.psa.draws().items()}
        return NamedDraws({name: np.repeat(x, self.n_draws) for name, x in self.base.items()} | drawn)

    @cached_property
    def drawn_again(self) -> pd.DataFrame:
        """The rules of the probabilistic analysis that are about draws of fitted curves that were drawn again."""
        rules = self.psa.rules_applied
        return rules[rules["rule"].str.endswith(model.DRAWN_AGAIN)]

    @cached_property
    def of_evidence(self) -> dict[str, Array]:
        """The same with the first candidate wherever a fitted curve was drawn again: as the distributions of the inputs have it."""
        if not len(self.drawn_again):
            return self.drawn
        prepared = sampler(self.inputs, seed=self.psa.seed, names=self.read)
        return prepared.block(0, self.n_draws)

    @cached_property
    def one_way(self) -> OneWay:
        """A one-way analysis of all parameters."""
        return run_one_way(self.inputs)

    @cached_property
    def worth(self) -> dict[str, float]:
        """What it is worth per person to know the first few parameters of the tornado, each alone."""
        if not len(self.one_way.table):
            return {}
        names = [str(name) for name in self.one_way.tornado()["parameter"]][:FEW_WORTHS]
        draws = self.psa.draws()
        return {name: evppi(self.psa, name, draws=draws).value for name in names}

    def draws(self, changes: Mapping[str, ArrayLike] | None = None) -> dict[str, Array]:
        """The base case with some parameters at other values, or with more of them, of one shape (draw,)."""
        changed = {name: np.atleast_1d(np.asarray(values, dtype=np.float64)) for name, values in (changes or {}).items()}
        n = max((len(values) for values in changed.values()), default=1)
        return NamedDraws((name, np.resize(values, n)) for name, values in (self.base | changed).items())

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

    def utilities(self, value: float) -> dict[str, float]:
        """Utilities at one value, without any losses."""
        return {name: value if name.startswith("u_") else 0.0 for name in self.base if name.startswith(("u_", "du_"))}

    def medians(self, curve: str, years: float) -> dict[str, float]:
        """Medians of every strategy at so many years, in the unit of the inputs."""
        return {
            name: years / float(self.inputs.years(name, np.ones(1))[0]) for name in self.all_strategies(f"median_{curve}", years)
        }

    @cached_property
    def on_medians(self) -> Subject:
        """The same model for checks that put every curve where they want it: where curves fitted to data left medians and rates out of
        the inputs, with others in their place.
        """
        if not self.inputs.settings.fitted_curves:
            return self
        stand_ins = dict.fromkeys(("shape_pfs", "shape_os"), (1.1, "ratio"))
        for i, s in enumerate(self.names):
            stand_ins |= {f"median_pfs_{s}": (1.0 + 0.3 * i, "years"), f"median_os_{s}": (2.0 + 0.7 * i, "years")}
            stand_ins |= {f"ratio_pfs_to_ttp_{s}": (0.9, "ratio"), f"r_death_progressed_{s}": (0.5 + 0.2 * i, "per year")}
        rows = {name: _fixed(name, *terms) for name, terms in stand_ins.items()}
        return Subject(replace(self.inputs, parameters=MappingProxyType(rows | dict(self.inputs.parameters))), self.n_draws)

    @property
    def own_curves(self) -> Inputs:
        """The inputs with every strategy on its own published curve: nothing fitted, fading or taken from another."""
        return self.with_settings(self.inputs, **ROLES_APART)

    @property
    def undying(self) -> Inputs:
        """As `own_curves`, in a population in which nobody dies."""
        return replace(self.own_curves, life_table=nobody_dies(self.inputs.life_table))

    def with_clock(self, cycles: int) -> Inputs:
        """As `undying`, with a clock after progression, whether or not the inputs have one, and no more of the model than it needs."""
        terms = self.with_settings(self.undying, **PLAIN, structure="state_transition", treatment_until="progression")
        terms = terms.with_settings(horizon_years=max(1.0, 13 * self.dt), post_progression_clock_cycles=cycles)
        ratio = _fixed("hr_death_after_clock", 1.0, "ratio")
        return replace(terms, parameters={ratio.name: ratio} | dict(terms.parameters))

    def quick_lives(self) -> dict[str, float]:
        """Parameters under which many progress and die within a year, of the disease alone."""
        return (
            self.medians("pfs", 0.3)
            | self.all_strategies("shape_pfs", 1.1)
            | self.all_strategies("ratio_pfs_to_ttp", 0.9)
            | self.all_strategies("r_death_progressed", 2.0)
        )

    def no_deaths(self) -> dict[str, float]:
        """Parameters under which the disease kills nobody: every event of the PFS curve is a progression."""
        return (
            self.all_strategies("ratio_pfs_to_ttp", 1.0)
            | self.all_strategies("r_death_progressed", 0.0)
            | self.medians("os", 1e30)
        )


def _fixed(name: str, value: float, unit: str) -> Parameter:
    """A parameter that a check adds."""
    return Parameter(name, "", unit, value, None, None, None, "fixed", "", "", "assumed", "none", "")


def nobody_dies(table: LifeTable) -> LifeTable:
    """A life table as long as this one in which nobody dies."""
    zeros = np.zeros_like(table.male)
    return LifeTable("nobody dies", zeros, zeros)


def everything_seen(draws: Mapping[str, Array], inputs: Inputs) -> dict[str, Array]:
    """All that the loop over cycles reports, (n_cycles + 1, strategy, draw): `model.trace`, and the states of clocks and later lines."""
    kept: dict[str, list[Array]] = {}

    def record(_cycle: int, occupancy: Mapping[str, Array]) -> None:
        for name, shares in occupancy.items():
            kept.setdefault(name, []).append(shares.copy())

    model.follow(draws, inputs, record)
    return model.trace(draws, inputs) | {name: np.stack(shares) for name, shares in kept.items()}
