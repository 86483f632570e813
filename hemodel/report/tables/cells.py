"""What the tables are made of: rows, the cells of an ICER, and the words that several of them share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from hemodel.analyses.base_case import BaseCase
from hemodel.analyses.psa import PSA
from hemodel.decision.incremental import IcerKind, kind_of_icer
from hemodel.evidence.settings import Settings
from hemodel.report import labels

NAN = float("nan")
TECHNOLOGIES = "Technologies"
TOTAL = "Total"
DISCOUNTING_NOTE = "Costs and QALYs are discounted; LYG are not."


def interventions(settings: Settings) -> list[str]:
    """Names of the strategies other than the comparator."""
    return list(settings.interventions)


def by_strategy(base: BaseCase | PSA, arrangement: str) -> dict[str, dict[str, Any]]:
    """Strategy -> its row in the table of the base case under one price arrangement; empty where that was not run."""
    rows = base.table.to_dict("records")
    return {row["strategy"]: {str(k): v for k, v in row.items()} for row in rows if row["price_arrangement"] == arrangement}


def icer_cell(row: Mapping[Any, Any], settings: Settings) -> object:
    """ICER of a result's row: a number where it is the price of a QALY gained (or there is nothing to say), else words."""
    value, reading = float(row["icer"]), str(row["reading"])
    is_number = kind_of_icer(reading) is IcerKind.GAINED or reading == "comparator"
    return value if is_number else labels.icer_text(value, reading, settings)


def per_qaly(threshold: float, settings: Settings) -> str:
    """A threshold as it stands in a heading."""
    return f"{labels.money(threshold, settings)}/QALY"


def drop_lone_technology(frame: pd.DataFrame, settings: Settings) -> pd.DataFrame:
    """Without the column of technologies where there are two strategies only, so that it says the same in every row."""
    return frame if len(settings.strategies) > 2 else frame.drop(columns=TECHNOLOGIES)


def framed(columns: Iterable[str], rows: Sequence[Sequence[object]]) -> pd.DataFrame:
    """A table from rows; a column of numbers is a column of numbers, one of numbers and words holds both."""
    names = list(columns)
    return pd.DataFrame({name: column_of(row[place] for row in rows) for place, name in enumerate(names)}, columns=names)


def column_of(cells: Iterable[object]) -> pd.Series:
    """A column as floats if all cells are numbers, else as they are."""
    return pd.Series(list(cells), dtype=object).infer_objects()
