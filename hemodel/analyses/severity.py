"""Decision modifiers of a base case: NICE's severity weight, and the end-of-life advice of 2009."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import pandas as pd

from hemodel.analyses.base_case import BaseCase
from hemodel.cohort.sums import PART_OF_CYCLE
from hemodel.decision.severity import EndOfLife, Severity, end_of_life, severity
from hemodel.evidence.rules import load_rules
from hemodel.survival.background import quality_adjusted_life_expectancy


@dataclass(frozen=True)
class Modifiers:
    """Result of `run_modifiers`."""

    base: BaseCase
    severity: Severity
    end_of_life: Mapping[str, EndOfLife]  # of every strategy other than the comparator

    @property
    def table(self) -> pd.DataFrame:
        """One row per price arrangement and strategy other than the comparator: net health benefit with and without the severity
        weight (on incremental QALYs), and the ICER divided by the weight.
        """
        table = self.base.table
        rows = []
        for row in table[table["strategy"] != self.base.inputs.settings.comparator].to_dict("records"):
            found = {
                "price_arrangement": row["price_arrangement"],
                "strategy": row["strategy"],
                "severity_weight": self.severity.weight,
            }
            found |= {"icer": row["icer"], "weighted_icer": row["icer"] / self.severity.weight, "reading": row["reading"]}
            for threshold in self.base.inputs.settings.threshold_values:
                for name, weight in (("", 1.0), ("weighted_", self.severity.weight)):
                    benefit = weight * row["incremental_qalys"] - row["incremental_costs"] / threshold
                    found[f"{name}incremental_net_health_benefit_{threshold:.0f}"] = benefit
            rows.append(found)
        return pd.DataFrame(rows)

    def _repr_html_(self) -> str:
        return str(self.table.to_html(index=False, float_format="{:,.3f}".format, escape=True))


def run_modifiers(base: BaseCase) -> Modifiers:
    """Severity of the condition with current treatment (the comparator), and the end-of-life criteria of every other strategy.

    The general population has the age and sex of the patients, utilities by the norm of `inputs/rules.toml` and the model's
    discount rate for effects.
    """
    inputs, rules = base.inputs, load_rules()
    table, settings = inputs.life_table, inputs.settings
    general = quality_adjusted_life_expectancy(
        table.male,
        table.female,
        inputs.utility_norm.at,
        age=inputs.parameters["age_start"].value,
        share_male=inputs.parameters["p_male"].value,
        discount_rate=settings.discount_rate_effects,
        cycle_years=settings.cycle_years,
        by_year=settings.discounting == "by_year",
        passed=PART_OF_CYCLE[settings.time_discounted_at],
    )
    reference = settings.place(settings.comparator)
    rule = rules.severity
    weight = severity(
        general,
        float(base.outcomes.total_qalys[reference, 0]),
        absolute=rule.absolute,
        proportional=rule.proportional,
        weights=rule.weights,
    )
    undiscounted = base.outcomes.undiscounted
    assert undiscounted is not None
    months = 12 * undiscounted.total_life_years[:, 0]
    advice = rules.end_of_life_2009
    last = {
        strategy: end_of_life(
            float(months[reference]),
            float(months[settings.place(strategy)] - months[reference]),
            longest_months=advice.life_expectancy_months,
            least_extension_months=advice.extension_months,
        )
        for strategy in settings.interventions
    }
    return Modifiers(base, weight, MappingProxyType(last))
