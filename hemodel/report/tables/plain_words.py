"""Any table of results in words: labels for names, headings that say the unit, NICE's rounding."""

from __future__ import annotations

import re
from collections.abc import Callable

import pandas as pd

from hemodel.evidence.inputs import Inputs
from hemodel.evidence.settings import Settings
from hemodel.report import labels
from hemodel.report.tables.cells import TECHNOLOGIES, column_of, icer_cell
from hemodel.report.tables.rounding import rounded

_HEADINGS = {
    "price_arrangement": "Price arrangement",
    "strategy": TECHNOLOGIES,
    "parameter": "Parameter",
    "costs": "Costs",
    "se_costs": "Error of costs",
    "life_years": "LYG",
    "life_years_discounted": "Discounted LYG",
    "qalys": "QALYs",
    "se_qalys": "Error of QALYs",
    "incremental_costs": "Incremental costs",
    "incremental_life_years": "Incremental LYG",
    "incremental_qalys": "Incremental QALYs",
    "icer": "ICER",
    "se_icer": "Error of ICER",
    "weighted_icer": "Weighted ICER",
    "severity_weight": "Severity weight",
    "aic": "AIC",
    "bic": "BIC",
}
_PER = {"costs": "", "se_costs": "", "incremental_costs": "", "se_icer": "", "icer": "/QALY", "weighted_icer": "/QALY"}
"""Columns of money, with what it is per."""


def in_words(frame: pd.DataFrame, inputs: Inputs) -> pd.DataFrame:
    """The table as text for people: labels in place of names, money, percent, and ICERs in words where a number would mislead.

    >>> from hemodel.evidence.inputs import load_inputs
    >>> in_words(pd.DataFrame({"strategy": ["dexamethasone"], "costs": [13_898.2]}), load_inputs()).to_dict("records")
    [{'Technologies': 'Dexamethasone', 'Costs (£)': '£13,898'}]
    """
    told, settings = frame.copy(), inputs.settings
    if {"icer", "reading"} <= set(told):
        told["icer"] = column_of(icer_cell(row, settings) for row in told.to_dict("records"))
        told = told.drop(columns="reading")
    known: dict[str, Callable[[str], str]] = {
        "strategy": lambda name: labels.strategy_label(settings, name),
        "price_arrangement": lambda name: labels.arrangement_short(settings, name),
        "parameter": lambda name: labels.parameters_label(inputs.parameters, name),
        "outcome": labels.outcome_label,
        "family": labels.setting_value_label,
    }
    for name, label in known.items():
        if name in told:
            told[name] = [label(str(cell)) for cell in told[name]]
    return rounded(told.rename(columns={name: _heading(str(name), settings) for name in told.columns}), settings)


def _heading(name: str, settings: Settings) -> str:
    at = re.fullmatch(r"(.*(?:benefit|probability.*))_(\d+)", name)
    if at:
        where = f" at {labels.money(float(at[2]), settings)}/QALY"
        return f"{_heading(at[1], settings)}{where}".replace("net health benefit", "NHB")
    text = _HEADINGS.get(name, labels.words(name))
    return f"{text} ({settings.sign}{_PER[name]})" if name in _PER else text
