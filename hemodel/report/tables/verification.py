"""The checks of a verification as a table that people read."""

from __future__ import annotations

import pandas as pd

from hemodel.analyses.verification import Verification
from hemodel.analyses.verification.findings import FAIL, REVIEW

VERIFICATION_COLUMNS = ("Check", "Section", "What was done", "Expected", "Found", "Tolerance", "Verdict", "Where to look")
VERIFICATION_FOOTER = (
    "Pass: found what was expected. Review: nothing is wrong by rule, but somebody should look. Fail: something is wrong. Not applicable: "
    "there is nothing to look at, for the reason given. Tolerances are relative unless they say otherwise; MC: Monte Carlo."
)


def verification_table(verification: Verification) -> pd.DataFrame:
    """One row a check, in the order of the list; where to look stands beside checks that failed or are to be reviewed.

    >>> from hemodel.analyses.verification import verify
    >>> from hemodel.evidence.inputs import load_inputs
    >>> table = verification_table(verify(load_inputs("maintenance"), only=["R8"]))
    >>> table.loc[0, ["Check", "Verdict", "Where to look"]].tolist()
    ['R8', 'pass', '']
    """
    found = verification.table
    table = pd.DataFrame({heading: found[column] for heading, column in zip(VERIFICATION_COLUMNS, found.columns, strict=False)})
    return table.assign(**{VERIFICATION_COLUMNS[-1]: found["look_at"].where(found["verdict"].isin([FAIL, REVIEW]), "")})
