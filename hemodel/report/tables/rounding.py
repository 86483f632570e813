"""How numbers are shown: NICE's rounding, which goes by the heading of a column."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import pandas as pd

from hemodel.evidence.settings import Settings
from hemodel.report import labels

_KINDS = (
    (r"^% ", "percent"),
    (r"^Standard errors away", "tenths"),
    (r"^(Total effect|First-order|Delta|PAWN)", "thousandths"),
    (r"probability|^relative difference$", "share"),
    (r"NHB", "qalys"),
    (r"LYG|QALYs|^QALY |^LY ", "qalys"),
    (r"^(Published|Model)$", "qalys"),
    (r"^(Parameters|Used in this run|Draws?|Cycle|People .*)$", "count"),
)
_BEFORE_MONEY = ("percent", "tenths", "thousandths", "share")
"""Kinds that a heading says before it says that it is money."""
_FORMATS: dict[str, Callable[[float], str]] = {
    "qalys": labels.qalys,
    "thousandths": labels.qalys,
    "tenths": lambda number: f"{number:,.1f}",
    "share": labels.percent,
    "percent": lambda share: labels.percent(share, 0),
    "count": lambda number: f"{number:,.0f}",
    "plain": labels.plain,
}


def kind_of(heading: str, settings: Settings, headings: Sequence[str] = ()) -> str:
    """What the numbers of a column are, by its heading.

    "money", "qalys" or "thousandths" (3 decimals), "tenths", "share" (percent, 1 decimal), "percent", "count" or "plain".

    The columns "Increment" and "Absolute increment" are in the unit of the second column of their table.

    >>> from hemodel.evidence.inputs import load_inputs
    >>> settings = load_inputs("relapsed").settings
    >>> kind_of("Total costs (£)", settings), kind_of("Increment", settings, ["Item", "QALY intervention (X)"])
    ('money', 'qalys')
    """
    if heading in ("Increment", "Absolute increment") and len(headings) > 1:
        return kind_of(headings[1], settings)
    is_money = re.search(rf"\({re.escape(settings.sign)}[/)]|^Cost ", heading) is not None
    kinds = (kind for pattern, kind in _KINDS if re.search(pattern, heading, re.IGNORECASE))
    before = next(kinds, "plain")
    return "money" if is_money and before not in _BEFORE_MONEY else before


def rounded(frame: pd.DataFrame, settings: Settings) -> pd.DataFrame:
    """The table as text with NICE's rounding, which goes by the heading of each column; missing values are empty.

    >>> from hemodel.evidence.inputs import load_inputs
    >>> costs = pd.DataFrame({"Total costs (£)": [89_848.48], "Total QALYs": [2.372549]})
    >>> rounded(costs, load_inputs("relapsed").settings).values.tolist()
    [['£89,848', '2.373']]
    """
    headings = [str(heading) for heading in frame.columns]
    columns = {}
    for place, heading in enumerate(headings):
        kind = kind_of(heading, settings, headings)
        form = partial(labels.money, settings=settings) if kind == "money" else _FORMATS[kind]
        columns[heading] = [_as_text(cell, form) for cell in frame.iloc[:, place]]
    return pd.DataFrame(columns, index=frame.index, dtype=str)


def _as_text(cell: object, form: Callable[[float], str]) -> str:
    if isinstance(cell, (bool, np.bool_)):
        return "yes" if cell else "no"
    if isinstance(cell, (int, float, np.integer, np.floating)):
        return "" if np.isnan(cell) else form(float(cell))
    return "" if cell is None or cell is pd.NaT else str(cell)
