"""Verification that anyone can run, on their own inputs: every check has an id, what was done, what was expected and found, a verdict.

The checks treat the running model as a closed box: inputs are changed, the model is run through its public functions, and what comes
out is compared with what must come out. The list is the one of published checklists for health-economic models (TECH-VER, Büyükkaramikli
and others 2019, among them), as far as it applies to a cohort model; what does not apply is listed with the reason. `of_evidence` asks
about inputs that are legal but odd; `of_inputs`, `of_flow`, `of_results` and `of_uncertainty` hold the other checks. `plain` is the
whole model a second time, and `second` lays it beside what the engine gives.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from hemodel.analyses.verification import of_evidence, of_flow, of_inputs, of_results, of_uncertainty
from hemodel.analyses.verification.findings import FAIL, REVIEW, VERDICTS, Check, Finding
from hemodel.analyses.verification.subject import Subject
from hemodel.errors import Fault, InputError, nearest
from hemodel.evidence.inputs import Inputs

CHECKS: tuple[Check, ...] = (
    *of_evidence.CHECKS,
    *of_inputs.CHECKS,
    *of_flow.CHECKS,
    *of_results.CHECKS,
    *of_uncertainty.CHECKS,
)
"""All checks, in the order in which they are shown."""
COLUMNS = ("id", "section", "check", "expected", "found", "tolerance", "verdict", "look_at")


@dataclass(frozen=True)
class Verification:
    """Result of `verify`: one row a check, with the columns of `COLUMNS`."""

    inputs: Inputs
    table: pd.DataFrame

    @property
    def passed(self) -> bool:
        """Whether no check failed; what is to be reviewed does not count as failed."""
        return not (self.table["verdict"] == FAIL).any()

    @property
    def counts(self) -> dict[str, int]:
        """Number of checks by verdict."""
        return {verdict: int((self.table["verdict"] == verdict).sum()) for verdict in VERDICTS}

    def _repr_html_(self) -> str:
        words = ", ".join(f"{n} {verdict}" for verdict, n in self.counts.items())
        return f"<p>{words}</p>{self.table.to_html(index=False, escape=True)}"


def verify(inputs: Inputs, *, only: Sequence[str] | None = None, progress: Callable[[int], None] | None = None) -> Verification:
    """Run all checks on `inputs` (`only`: those with these ids); `progress` is called with 1 after each.

    Raises `InputError` if the base case itself cannot be run. After that nothing stops the list: see `finding`.

    >>> from hemodel.evidence.inputs import load_inputs
    >>> verify(load_inputs("relapsed"), only=["F1", "R8"]).table["verdict"].tolist()
    ['pass', 'pass']
    """
    ids = [check.id for check in CHECKS]
    if unknown := [name for name in only or () if name not in ids]:
        raise InputError.together(Fault(f"check {name!r}", "there is no such check", nearest(name, ids)) for name in unknown)
    subject = Subject(inputs)
    subject.outcomes  # noqa: B018  # a base case that cannot be run is said at once
    rows = []
    for check in (check for check in CHECKS if only is None or check.id in only):
        found = finding(check, subject)
        rows.append(
            (check.id, check.section, check.what, found.expected, found.found, found.tolerance, found.verdict, check.look_at)
        )
        if progress is not None:
            progress(1)
    return Verification(inputs, pd.DataFrame(rows, columns=list(COLUMNS)))


def finding(check: Check, subject: Subject) -> Finding:
    """What one check finds. The base case runs, so a check that cannot be made has failed: by the model's refusal of inputs that it
    should take (for review where the check says that a refusal is an answer), or because the check itself broke.
    """
    ran = "the model runs with the inputs changed"
    try:
        with np.errstate(all="ignore"):  # extremes overflow to infinity on purpose; what is not a number fails
            return check.does(subject)
    except InputError as error:
        return Finding(REVIEW if check.may_be_refused else FAIL, ran, f"it refused them: {error.faults[0]}")
    except Exception as error:  # one fault must not hide what the other checks find
        return Finding(FAIL, ran, f"the check itself broke: {type(error).__name__}: {error}")
