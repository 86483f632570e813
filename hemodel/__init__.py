"""hemodel: is lenalidomide in multiple myeloma cost-effective, as NICE asked in TA171?

Evidence becomes draws; a cohort lives through them; its outcomes are weighed in a decision; the report shows it.

>>> import hemodel as hm
>>> result = hm.run_base_case(hm.load_inputs("relapsed"))
>>> list(result.outcomes.strategies)
['lenalidomide_dexamethasone', 'dexamethasone']
"""

from hemodel.analyses.base_case import BaseCase, run_base_case
from hemodel.analyses.psa import PSA, run_psa
from hemodel.analyses.scenarios import Scenarios, run_scenarios
from hemodel.errors import InputError
from hemodel.evidence.inputs import Inputs, load_inputs, scenario_names

__version__ = "0.1.0"
__all__ = [
    "PSA",
    "BaseCase",
    "InputError",
    "Inputs",
    "Scenarios",
    "load_inputs",
    "run_base_case",
    "run_psa",
    "run_scenarios",
    "scenario_names",
]
