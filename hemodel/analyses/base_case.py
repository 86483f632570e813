"""The base case: one draw, every parameter at its value; every price arrangement from the same trace."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hemodel.cohort import model
from hemodel.cohort.model import ON_TREATMENT
from hemodel.cohort.model.curves import ttp_median
from hemodel.cohort.structures import PROGRESSED, PROGRESSION_FREE
from hemodel.decision.incremental import incremental_analysis, pairwise
from hemodel.decision.net_benefit import net_health_benefit, net_monetary_benefit
from hemodel.evidence.draws import base_case_draws
from hemodel.evidence.inputs import SHARES_PUBLISHED, Inputs
from hemodel.outcomes import Outcomes
from hemodel.survival.curves import median_time

Array = NDArray[np.float64]


@dataclass(frozen=True)
class BaseCase:
    """Result of `run_base_case`: outcomes per person (costs and QALYs discounted, life-years as the column says) and the trace."""

    inputs: Inputs
    outcomes: Outcomes
    trace: Mapping[str, Array]  # progression_free, progressed, dead, on_treatment -> (n_cycles + 1, strategy)

    @property
    def table(self) -> pd.DataFrame:
        """One row per price arrangement and strategy, in the order of the settings; increments are against the comparator.

        `life_years` are undiscounted, as in NICE's tables of life-years gained; costs and QALYs are discounted. `icer` is
        missing for the comparator and where a ratio has no meaning; `reading` says so in words.
        """
        return self._table.copy()

    @cached_property
    def _table(self) -> pd.DataFrame:
        rows = [self._rows(arrangement) for arrangement in self.outcomes.price_arrangements]
        return pd.concat(rows, ignore_index=True)

    def _rows(self, arrangement: str) -> pd.DataFrame:
        outcomes, comparator = self.outcomes, self.inputs.settings.comparator
        assert outcomes.undiscounted is not None
        costs, qalys = outcomes.total_costs(arrangement)[:, 0], outcomes.total_qalys[:, 0]
        life_years = outcomes.undiscounted.total_life_years[:, 0]
        reference = outcomes.strategies.index(comparator)
        currency = self.inputs.settings.currency
        pairs = pairwise(outcomes.strategies, costs, qalys, comparator, currency=currency)
        against = pairs.set_index("strategy").reindex(outcomes.strategies)
        is_comparator = np.arange(len(costs)) == reference
        return pd.DataFrame(
            {
                "price_arrangement": arrangement,
                "strategy": outcomes.strategies,
                "costs": costs,
                "life_years": life_years,
                "life_years_discounted": outcomes.total_life_years[:, 0],
                "qalys": qalys,
                "incremental_costs": np.where(is_comparator, np.nan, costs - costs[reference]),
                "incremental_life_years": np.where(is_comparator, np.nan, life_years - life_years[reference]),
                "incremental_qalys": np.where(is_comparator, np.nan, qalys - qalys[reference]),
                "icer": np.where(is_comparator, np.nan, against["icer"].to_numpy()),
                "reading": ["comparator" if c else str(r) for c, r in zip(is_comparator, against["reading"], strict=True)],
            }
        )

    def icer(self, price_arrangement: str, strategy: str | None = None) -> float:
        """GBP per QALY of `strategy` (default: the first that is not the comparator) against the comparator; NaN where undefined."""
        table = self.table
        names = [s for s in self.outcomes.strategies if s != self.inputs.settings.comparator]
        chosen = (table["price_arrangement"] == price_arrangement) & (table["strategy"] == (strategy or names[0]))
        return float(table.loc[chosen, "icer"].iloc[0])

    @property
    def price_arrangements(self) -> tuple[str, ...]:
        """Names of the price arrangements."""
        return tuple(self.outcomes.price_arrangements)

    def incremental(self, price_arrangement: str) -> pd.DataFrame:
        """Fully incremental analysis with dominance and extended dominance, by increasing cost."""
        costs, qalys = self.outcomes.total_costs(price_arrangement)[:, 0], self.outcomes.total_qalys[:, 0]
        return incremental_analysis(self.outcomes.strategies, costs, qalys)

    def net_benefit(self, price_arrangement: str) -> pd.DataFrame:
        """Net monetary benefit (GBP) and net health benefit (QALYs) of each strategy at both thresholds."""
        costs, qalys = self.outcomes.total_costs(price_arrangement)[:, 0], self.outcomes.total_qalys[:, 0]
        columns: dict[str, object] = {"strategy": self.outcomes.strategies}
        for threshold in self.inputs.settings.threshold_values:
            columns[f"net_monetary_benefit_{threshold:.0f}"] = net_monetary_benefit(costs, qalys, threshold)
            columns[f"net_health_benefit_{threshold:.0f}"] = net_health_benefit(costs, qalys, threshold)
        return pd.DataFrame(columns)

    def preferred(self, price_arrangement: str, threshold: float) -> str:
        """The strategy of highest net benefit of all at one threshold of the settings; of equals the comparator, then the first given."""
        benefit = self.net_benefit(price_arrangement).set_index("strategy")[f"net_monetary_benefit_{threshold:.0f}"]
        comparator = self.inputs.settings.comparator
        return str(benefit.loc[[comparator, *(s for s in self.outcomes.strategies if s != comparator)]].idxmax())

    def costs_by_component(self, price_arrangement: str, *, discounted: bool = True) -> pd.DataFrame:
        """GBP per person by component, with its label and the state it falls in; a column per strategy."""
        costs = self._chosen(discounted).costs[price_arrangement]
        frame = pd.DataFrame({name: values[:, 0] for name, values in costs.items()}, index=self.outcomes.strategies).T
        known, states = self.inputs.component_labels, self.inputs.component_states
        frame.insert(0, "label", [known[str(name)] for name in frame.index])
        frame.insert(1, "state", [states[str(name)] for name in frame.index])
        return frame.rename_axis("component").reset_index()

    def costs_by_state(self, price_arrangement: str, *, discounted: bool = True) -> pd.DataFrame:
        """GBP per person by the state in which the cost falls; a column per strategy."""
        frame = self.costs_by_component(price_arrangement, discounted=discounted).drop(columns=["component", "label"])
        return frame.groupby("state", sort=False).sum().reset_index()

    def qalys_by_state(self, *, discounted: bool = True) -> pd.DataFrame:
        """QALYs per person by state; what adverse events take away is a row of its own; a column per strategy."""
        frame, known = self._by_state(self._chosen(discounted).qalys), self.inputs.qaly_labels
        frame.insert(1, "label", [known[name] for name in frame["state"]])
        return frame

    def life_years_by_state(self, *, discounted: bool = True) -> pd.DataFrame:
        """Life-years per person by state; a column per strategy."""
        return self._by_state(self._chosen(discounted).life_years)

    def _chosen(self, discounted: bool) -> Outcomes:
        undiscounted = self.outcomes.undiscounted
        assert undiscounted is not None
        return self.outcomes if discounted else undiscounted

    def _by_state(self, values: Mapping[str, Array]) -> pd.DataFrame:
        frame = pd.DataFrame({name: x[:, 0] for name, x in values.items()}, index=self.outcomes.strategies).T
        return frame.rename_axis("state").reset_index()

    @property
    def rules_applied(self) -> pd.DataFrame:
        """Documented rules that this run had to apply, such as holding a PFS curve at the survival curve: rule, strategy, value (how
        many cycles, or by how much); empty where none was needed.
        """
        rows = [
            (rule, strategy, float(values[i, 0]))
            for rule, values in self.outcomes.crossings.items()
            for i, strategy in enumerate(self.outcomes.strategies)
            if values[i, 0] > 0
        ]
        return pd.DataFrame(rows, columns=["rule", "strategy", "value"])

    @property
    def against_source(self) -> pd.DataFrame:
        """Model against source: what was published beside what the model gives, in the published unit, with the ratio of the two.

        The last rows, the share still on treatment at the start of cycle 26 (the first that a 26-cycle cap makes free) and the
        share alive at the end of the horizon, have no published figure.
        """
        rows = []
        for figure in self.inputs.published:
            found = self._model_value(figure.strategy, figure.outcome) / self.inputs.settings.years_per(figure.unit)
            rows.append(
                (
                    figure.strategy,
                    figure.outcome,
                    figure.unit,
                    figure.value,
                    found,
                    found / figure.value - 1,
                    figure.source,
                    figure.status,
                    figure.note,
                )
            )
        for strategy in self.outcomes.strategies:
            for outcome in (*self._at_caps, "alive_at_end"):
                rows.append(
                    (
                        strategy,
                        outcome,
                        "probability",
                        np.nan,
                        self._model_value(strategy, outcome),
                        np.nan,
                        "",
                        "",
                        "no published figure",
                    )
                )
        columns = [
            "strategy",
            "outcome",
            "unit",
            "published",
            "model",
            "relative_difference",
            "source",
            "status",
            "note",
        ]
        return pd.DataFrame(rows, columns=columns)

    @property
    def _at_caps(self) -> tuple[str, ...]:
        """Outcomes of the share on treatment when each cap on charged cycles begins to tell."""
        settings = self.inputs.settings
        schemes = (scheme for name in settings.price_arrangements for scheme in settings.schemes_in(name).values())
        caps = sorted({scheme.drug_cost_cap_cycles for scheme in schemes if scheme.drug_cost_cap_cycles is not None})
        return tuple(f"on_treatment_at_cycle_{cap}" for cap in caps)

    def _model_value(self, strategy: str, outcome: str) -> float:
        i = self.outcomes.strategies.index(strategy)
        free, alive = (
            self.trace[PROGRESSION_FREE][:, i],
            self.trace[PROGRESSION_FREE][:, i] + self.trace[PROGRESSED][:, i],
        )
        treated = self.trace[ON_TREATMENT][:, i]
        curve, _, years = outcome.partition("_")
        if outcome in SHARES_PUBLISHED:
            share = {"survival": alive, "pfs": free}[curve]
            return float(np.interp(int(years.partition("_")[0]), np.arange(len(share)) * self.inputs.settings.cycle_years, share))
        if outcome in self._at_caps:
            cycle = int(outcome.rpartition("_")[2])
            return float(treated[cycle]) if cycle < len(treated) else float("nan")
        match outcome:
            case "median_pfs":
                return median_time(free, self.inputs.settings.cycle_years)
            case "median_os":
                return median_time(alive, self.inputs.settings.cycle_years)
            case "median_exposure":
                return median_time(treated, self.inputs.settings.cycle_years)
            case "alive_at_end":
                return float(alive[-1])
        return float(ttp_median(base_case_draws(self.inputs), self.inputs)[i, 0])

    def _repr_html_(self) -> str:
        return str(
            self.table.drop(columns="life_years_discounted").to_html(index=False, float_format="{:,.3f}".format, escape=True)
        )


def run_base_case(inputs: Inputs) -> BaseCase:
    """Run one draw with every parameter at its value, for every price arrangement.

    >>> from hemodel.evidence.inputs import load_inputs
    >>> result = run_base_case(load_inputs("relapsed"))
    >>> result.icer("pas") < result.icer("list")
    True
    """
    draws = base_case_draws(inputs)
    trace = {name: shares[:, :, 0] for name, shares in model.trace(draws, inputs).items()}
    return BaseCase(inputs, model.evaluate(draws, inputs), trace)
