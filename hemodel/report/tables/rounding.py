"""How numbers are shown: NICE's rounding, which goes by the heading of a column."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import pandas as pd

from hemodel.report import labels

_KINDS = (
    (r"^% ", "percent"),
    (r"^Standard errors away", "tenths"),
    (r"^(Total effect|First-order|Delta|PAWN)", "thousandths"),
    (r"probability|^relative difference$", "share"),
    (r"NHB", "qalys"),
    (r"\(£|^Cost ", "gbp"),
    (r"LYG|QALYs|^QALY |^LY ", "qalys"),
    (r"^(Published|Model)$", "qalys"),
    (r"^(Parameters|Used in this run|Draws?|Cycle|People .*)$", "count"),
)
_FORMATS = {
    "gbp": labels.gbp,
    "qalys": labels.qalys,
    "thousandths": labels.qalys,
    "tenths": lambda number: f"{number:,.1f}",
    "share": labels.percent,
    "percent": lambda share: labels.percent(share, 0),
    "count": lambda number: f"{number:,.0f}",
    "plain": labels.plain,
}


def kind_of(heading: str, headings: Sequence[str] = ()) -> str:
    """What the numbers of a column are, by its heading.

    "gbp", "qalys" or "thousandths" (3 decimals), "tenths", "share" (percent, 1 decimal), "percent", "count" or "plain".

    The columns "Increment" and "Absolute increment" are in the unit of the second column of their table.

    >>> kind_of("Total costs (£)"), kind_of("Increment", ["Item", "QALY intervention (X)"])
    ('gbp', 'qalys')
    """
    if heading in ("Increment", "Absolute increment") and len(headings) > 1:
        return kind_of(headings[1])
    return next((kind for pattern, kind in _KINDS if re.search(pattern, heading, re.IGNORECASE)), "plain")


def rounded(frame: pd.DataFrame) -> pd.DataFrame:
    """The table as text with NICE's rounding, which goes by the heading of each column; missing values are empty.

    >>> rounded(pd.DataFrame({"Total costs (£)": [89_848.48], "Total QALYs": [2.372549]})).values.tolist()
    [['£89,848', '2.373']]
    """
    headings = [str(heading) for heading in frame.columns]
    columns = {}
    for place, heading in enumerate(headings):
        form = _FORMATS[kind_of(heading, headings)]
        columns[heading] = [_as_text(cell, form) for cell in frame.iloc[:, place]]
    return pd.DataFrame(columns, index=frame.index, dtype=str)


def _as_text(cell: object, form: object) -> str:
    if isinstance(cell, (bool, np.bool_)):
        return "yes" if cell else "no"
    if isinstance(cell, (int, float, np.integer, np.floating)):
        assert callable(form)
        return "" if np.isnan(cell) else str(form(float(cell)))
    return "" if cell is None or cell is pd.NaT else str(cell)
