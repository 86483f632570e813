"""Curves as cumulative hazards, the general population's mortality, and curves fitted to individual data."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hemodel.survival.arms import (
        ArmsFit,
        ProportionalHazards,
        fit_arms,
        log_cumulative_hazards,
        proportional_hazards_test,
        quantiles_of_arms,
    )
    from hemodel.survival.crossover import Crossover, adjust_crossover, cox_hazard_ratio
    from hemodel.survival.digitised import Digitised, repaired
    from hemodel.survival.families import Family, cumulative_hazard, family, mean, quantile, restricted_mean
    from hemodel.survival.fitting import (
        Fit,
        KaplanMeier,
        compare_fits,
        fit,
        fit_intervals,
        fitted_against_observed,
        kaplan_meier,
        smoothed_hazard,
        turnbull,
    )
    from hemodel.survival.intervals import Turnbull
    from hemodel.survival.reconstruction import Reconstruction, reconstruct

__all__ = [
    "ArmsFit",
    "Crossover",
    "Digitised",
    "Family",
    "Fit",
    "KaplanMeier",
    "ProportionalHazards",
    "Reconstruction",
    "Turnbull",
    "adjust_crossover",
    "compare_fits",
    "cox_hazard_ratio",
    "cumulative_hazard",
    "family",
    "fit",
    "fit_arms",
    "fit_intervals",
    "fitted_against_observed",
    "kaplan_meier",
    "log_cumulative_hazards",
    "mean",
    "proportional_hazards_test",
    "quantile",
    "quantiles_of_arms",
    "reconstruct",
    "repaired",
    "restricted_mean",
    "smoothed_hazard",
    "turnbull",
]

_HOMES = {
    "arms": (
        "ArmsFit",
        "ProportionalHazards",
        "fit_arms",
        "log_cumulative_hazards",
        "proportional_hazards_test",
        "quantiles_of_arms",
    ),
    "crossover": ("Crossover", "adjust_crossover", "cox_hazard_ratio"),
    "digitised": ("Digitised", "repaired"),
    "families": ("Family", "cumulative_hazard", "family", "mean", "quantile", "restricted_mean"),
    "fitting": (
        "Fit",
        "KaplanMeier",
        "compare_fits",
        "fit",
        "fit_intervals",
        "fitted_against_observed",
        "kaplan_meier",
        "smoothed_hazard",
        "turnbull",
    ),
    "reconstruction": ("Reconstruction", "reconstruct"),
    "intervals": ("Turnbull",),
}


def __getattr__(name: str) -> object:
    """Import a public name from its module when it is first asked for: the curves of the model need neither SciPy nor pandas."""
    for module, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"hemodel.survival.{module}"), name)
    raise AttributeError(f"module 'hemodel.survival' has no attribute {name!r}")


def __dir__() -> list[str]:
    """Public names, for completion."""
    return sorted(__all__)
