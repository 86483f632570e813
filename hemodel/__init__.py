"""hemodel: is a treatment cost-effective? Cohort models of any drugs, from files with a source for every number.

Evidence becomes draws; a cohort lives through them; its outcomes are weighed in a decision; the report shows it.

>>> import hemodel as hm
>>> result = hm.run_base_case(hm.load_inputs("relapsed"))
>>> list(result.outcomes.strategies)
['lenalidomide_dexamethasone', 'dexamethasone']
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from hemodel.version import __version__ as __version__

if TYPE_CHECKING:
    from hemodel.analyses.base_case import BaseCase, run_base_case
    from hemodel.analyses.batch import Batch, read_draws, run_batch
    from hemodel.analyses.budget import run_budget
    from hemodel.analyses.calibration import calibrated
    from hemodel.analyses.convergence import run_replicates, running_means
    from hemodel.analyses.crossover import run_crossover
    from hemodel.analyses.fitting import Fits, run_fits, run_interval_fits, with_fit, with_fitted_curve
    from hemodel.analyses.global_sensitivity import run_global
    from hemodel.analyses.horizon import run_horizons
    from hemodel.analyses.one_way import run_one_way, run_two_way
    from hemodel.analyses.psa import PSA, draw_values, run_psa
    from hemodel.analyses.scenarios import Scenarios, run_comparison, run_scenarios
    from hemodel.analyses.severity import run_modifiers
    from hemodel.analyses.subgroups import run_weighted
    from hemodel.analyses.thresholds import charged_cycles, decision_drivers, threshold_value
    from hemodel.analyses.value_of_information import evpi_curve, evppi, evppi_table, evsi_table
    from hemodel.errors import InputError
    from hemodel.evidence.inputs import Inputs, load_inputs, scenario_names
    from hemodel.report.workbook import write_workbook


__all__ = [
    "PSA",
    "BaseCase",
    "Batch",
    "Fits",
    "InputError",
    "Inputs",
    "Scenarios",
    "calibrated",
    "charged_cycles",
    "decision_drivers",
    "draw_values",
    "evpi_curve",
    "evppi",
    "evppi_table",
    "evsi_table",
    "load_inputs",
    "read_draws",
    "run_base_case",
    "run_batch",
    "run_budget",
    "run_comparison",
    "run_crossover",
    "run_fits",
    "run_global",
    "run_horizons",
    "run_interval_fits",
    "run_modifiers",
    "run_one_way",
    "run_psa",
    "run_replicates",
    "run_scenarios",
    "run_two_way",
    "run_weighted",
    "running_means",
    "scenario_names",
    "threshold_value",
    "with_fit",
    "with_fitted_curve",
    "write_workbook",
]

_HOMES = {
    "hemodel.analyses.base_case": ("BaseCase", "run_base_case"),
    "hemodel.analyses.batch": ("Batch", "read_draws", "run_batch"),
    "hemodel.analyses.budget": ("run_budget",),
    "hemodel.analyses.calibration": ("calibrated",),
    "hemodel.analyses.convergence": ("run_replicates", "running_means"),
    "hemodel.analyses.crossover": ("run_crossover",),
    "hemodel.analyses.fitting": ("Fits", "run_fits", "run_interval_fits", "with_fit", "with_fitted_curve"),
    "hemodel.analyses.global_sensitivity": ("run_global",),
    "hemodel.analyses.horizon": ("run_horizons",),
    "hemodel.analyses.one_way": ("run_one_way", "run_two_way"),
    "hemodel.analyses.psa": ("PSA", "draw_values", "run_psa"),
    "hemodel.analyses.scenarios": ("Scenarios", "run_comparison", "run_scenarios"),
    "hemodel.analyses.severity": ("run_modifiers",),
    "hemodel.analyses.subgroups": ("run_weighted",),
    "hemodel.analyses.thresholds": ("charged_cycles", "decision_drivers", "threshold_value"),
    "hemodel.analyses.value_of_information": ("evpi_curve", "evppi", "evppi_table", "evsi_table"),
    "hemodel.errors": ("InputError",),
    "hemodel.evidence.inputs": ("Inputs", "load_inputs", "scenario_names"),
    "hemodel.report.workbook": ("write_workbook",),
}


_ROOMS = ("analyses", "cohort", "decision", "evidence", "report", "survival")


def __getattr__(name: str) -> object:
    """Import a public name from its room, or the room, when it is first asked for, so that `hemodel --help` need not wait for NumPy."""
    if name in _ROOMS:
        return import_module(f"hemodel.{name}")
    for module, names in _HOMES.items():
        if name in names:
            return getattr(import_module(module), name)
    raise AttributeError(f"module 'hemodel' has no attribute {name!r}")


def __dir__() -> list[str]:
    """Public names, for completion."""
    return sorted([*__all__, "__version__"])
