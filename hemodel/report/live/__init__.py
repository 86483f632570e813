"""The live workbook: the model as formulas that a reviewer can follow cell by cell, change and trust.

One list of cells (`program`, from `given`, `derived`, `cycles`, `results`, `checks`, `draws`) drives the writer (`write`) and the
comparison (`compare`): no formula is written without the value that the engine says it must give. Plain A1 formulas; no macros,
passwords, hidden sheets, volatile or dynamic-array functions. The same run gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from hemodel.analyses.psa import PSA
from hemodel.analyses.scenarios import Scenarios
from hemodel.errors import InputError
from hemodel.evidence.confidential import without_schemes
from hemodel.evidence.inputs import Inputs
from hemodel.files import refuse_target, write_whole
from hemodel.report.exhibits import Exhibit
from hemodel.report.live.compare import compare_with_engine, read_back
from hemodel.report.live.program import live_program
from hemodel.report.live.redacted import redacted_program, redacted_record
from hemodel.report.live.write import written
from hemodel.report.manifest import manifest, refuse_other_inputs

__all__ = ["compare_with_engine", "live_program", "live_workbook", "read_back", "write_live_workbook"]


def live_workbook(
    inputs: Inputs,
    *,
    psa: PSA | None = None,
    scenarios: Scenarios | None = None,
    exhibits: Sequence[Exhibit] = (),
    confidential: Literal["marked", "redacted"] = "marked",
) -> bytes:
    """The live workbook of one problem, population and scenario as bytes.

    With `psa` its draws (at most the first 2,000) and acceptability by formula over them; `scenarios` and `exhibits` (one-way and
    others) come as values, on the sheets of the values workbook. Raises `InputError` for results of other inputs, and where a
    name cannot be one in Excel. Curves fitted to individual data are held as values; the sheet Settings says so.
    `confidential` "redacted": values only, and nothing from which an input marked confidential could be solved for (see `redacted`).

    >>> from hemodel.evidence.inputs import load_inputs
    >>> live_workbook(load_inputs("relapsed", scenario="horizon_10_years"))[:2]
    b'PK'
    """
    if confidential == "redacted":
        if psa is not None or scenarios is not None or exhibits:
            raise InputError("confidential", "other analyses are not redacted", "Leave them out of the redacted workbook")
        return written(redacted_program(inputs), redacted_record(manifest(without_schemes(inputs))))
    if scenarios is not None:
        refuse_other_inputs("scenarios", scenarios.results[0].inputs, inputs)
    for exhibit in exhibits:
        refuse_other_inputs(exhibit.key, exhibit.inputs, inputs)
    record = manifest(inputs, psa=psa)
    return written(live_program(inputs, psa=psa), record, inputs, scenarios, exhibits)


def write_live_workbook(
    path: str | Path,
    inputs: Inputs,
    *,
    psa: PSA | None = None,
    scenarios: Scenarios | None = None,
    exhibits: Sequence[Exhibit] = (),
    confidential: Literal["marked", "redacted"] = "marked",
    force: bool = False,
) -> Path:
    """Write the live workbook to `path`, whole or not at all; an existing file is replaced with `force` only."""
    refuse_target(path, force=force)
    content = live_workbook(inputs, psa=psa, scenarios=scenarios, exhibits=exhibits, confidential=confidential)
    return write_whole(path, content, force=force)
