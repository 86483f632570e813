"""The answer by time horizon: is the horizon long enough for all that differs between the strategies to be in it?"""

from __future__ import annotations

import numpy as np
import pandas as pd

from hemodel.analyses.base_case import run_base_case
from hemodel.evidence.inputs import Inputs

_YEARLY, _STEP = 10, 5  # every year of the first ten, then every fifth


def run_horizons(inputs: Inputs) -> pd.DataFrame:
    """The base case for horizons of 1, 2, ..., 10, 15, 20, ... years up to that of the settings, which comes last.

    Columns: horizon_years, price_arrangement, strategy, incremental_costs, incremental_qalys, icer, reading, against the comparator and
    discounted. Each horizon is a run of its own: nothing is carried over its end.
    """
    whole = inputs.settings.horizon_years
    years = [y for y in (*range(1, _YEARLY + 1), *range(_YEARLY + _STEP, int(np.ceil(whole)), _STEP)) if y < whole]
    columns = ["price_arrangement", "strategy", "incremental_costs", "incremental_qalys", "icer", "reading"]
    frames = []
    for horizon in (*map(float, years), whole):
        table = run_base_case(inputs.with_settings(horizon_years=horizon) if horizon != whole else inputs).table
        rows = table[table["strategy"] != inputs.settings.comparator]
        frames.append(rows[columns].assign(horizon_years=horizon))
    return pd.concat(frames, ignore_index=True)[["horizon_years", *columns]]
