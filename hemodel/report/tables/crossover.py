"""Tables of a trial in which people switched: hazard ratios as randomised and adjusted, and survival as if nobody had switched."""

from __future__ import annotations

import math

import pandas as pd

from hemodel.analyses.crossover import Switching

_QUANTITIES = {
    "hazard_ratio_as_randomised": "Hazard ratio, as randomised",
    "hazard_ratio_adjusted": "Hazard ratio, as if nobody had switched",
    "time_ratio": "Time ratio of treatment",
    "psi": "psi (minus the logarithm of the time ratio)",
    "median_treated": "Median, treated",
    "median_comparator": "Median, comparator as observed",
    "median_comparator_if_nobody_switched": "Median, comparator as if nobody had switched",
}
_CURVES = {
    "treated": "Treated",
    "comparator": "Comparator as observed",
    "comparator_if_nobody_switched": "Comparator as if nobody had switched",
}


def crossover_table(result: Switching) -> pd.DataFrame:
    """Hazard ratios, time ratio and medians (in the unit of the times), with 95 % intervals where they have one, as text."""
    rows = [
        {
            "": _QUANTITIES[name],
            "Estimate": "not reached" if name.startswith("median") and math.isnan(estimate) else _number(estimate),
            "95 % interval": "" if name.startswith("median") else f"{_number(low)} to {_number(high)}",
        }
        for name, estimate, low, high in result.table.itertuples(index=False)
    ]
    return pd.DataFrame(rows)


def crossover_survival_table(result: Switching, unit: str) -> pd.DataFrame:
    """Kaplan-Meier survival by time in percent, as text; nothing beyond the last time of an arm."""
    frame = result.survival
    shown = {f"Time ({unit})": [f"{time:.4g}" for time in frame["time"]]}
    shown |= {label: ["" if math.isnan(x) else f"{100 * x:.1f}%" for x in frame[name]] for name, label in _CURVES.items()}
    return pd.DataFrame(shown)


def _number(value: float) -> str:
    return "not bounded" if math.isnan(value) else f"{value:.3f}"
