"""Any table of results in words: labels for names, headings that say the unit, NICE's rounding."""

from __future__ import annotations

import re
from collections.abc import Callable

import pandas as pd

from hemodel.evidence.inputs import Inputs
from hemodel.report import labels
from hemodel.report.tables.cells import TECHNOLOGIES, column_of, icer_cell
from hemodel.report.tables.rounding import rounded

_HEADINGS = {
    "price_arrangement": "Price arrangement",
    "strategy": TECHNOLOGIES,
    "parameter": "Parameter",
    "costs": "Costs (£)",
    "se_costs": "Error of costs (£)",
    "life_years": "LYG",
    "life_years_discounted": "Discounted LYG",
    "qalys": "QALYs",
    "se_qalys": "Error of QALYs",
    "incremental_costs": "Incremental costs (£)",
    "incremental_life_years": "Incremental LYG",
    "incremental_qalys": "Incremental QALYs",
    "icer": "ICER (£/QALY)",
    "se_icer": "Error of ICER (£)",
    "weighted_icer": "Weighted ICER (£/QALY)",
    "severity_weight": "Severity weight",
    "aic": "AIC",
    "bic": "BIC",
}


def in_words(frame: pd.DataFrame, inputs: Inputs) -> pd.DataFrame:
    """The table as text for people: labels in place of names, pounds, percent, and ICERs in words where a number would mislead.

    >>> from hemodel.evidence.inputs import load_inputs
    >>> in_words(pd.DataFrame({"strategy": ["dexamethasone"], "costs": [13_898.2]}), load_inputs()).to_dict("records")
    [{'Technologies': 'Dexamethasone', 'Costs (£)': '£13,898'}]
    """
    told = frame.copy()
    if {"icer", "reading"} <= set(told):
        told["icer"] = column_of(icer_cell(row, settings) for row in told.to_dict("records"))
        told = told.drop(columns="reading")
    settings = inputs.settings
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
    return rounded(told.rename(columns={name: _heading(str(name)) for name in told.columns}), settings)


def _heading(name: str) -> str:
    at = re.fullmatch(r"(.*(?:benefit|probability.*))_(\d{4,6})", name)
    if at:
        where = f" at {labels.money(float(at[2]), settings)}/QALY"
        return f"{_heading(at[1])}{where}".replace("net health benefit", "NHB")
    return _HEADINGS.get(name, labels.words(name))
