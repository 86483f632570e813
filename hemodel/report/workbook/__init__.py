"""The values workbook: every table, input, source and draw of a run in one Excel file, for people to read.

Numbers are stored unrounded and shown as NICE rounds them. There are no formulas, macros, passwords or hidden sheets; text is
always text, whatever it begins with. The same run gives the same bytes. `results`: base case, scenarios, inputs, trace;
`probabilistic`: its draws and curves; `analyses`: the sheets of exhibits; `pages` and `native`: cells and charts.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

from xlsxwriter import Workbook

from hemodel.analyses.base_case import BaseCase
from hemodel.analyses.psa import PSA
from hemodel.analyses.scenarios import Scenarios
from hemodel.files import refuse_target, write_whole
from hemodel.report.exhibits import Exhibit
from hemodel.report.manifest import manifest, refuse_other_inputs
from hemodel.report.workbook import results
from hemodel.report.workbook.analyses import exhibit_sheets
from hemodel.report.workbook.pages import WIDTH, Book, formats_of, set_properties
from hemodel.report.workbook.probabilistic import probabilistic_sheets

__all__ = ["workbook_bytes", "write_workbook"]


def write_workbook(
    path: str | Path,
    base: BaseCase,
    psa: PSA | None = None,
    scenarios: Scenarios | None = None,
    *,
    exhibits: Sequence[Exhibit] = (),
    force: bool = False,
) -> Path:
    """Write the workbook of a run to `path`, whole or not at all; an existing file is replaced with `force` only."""
    refuse_target(path, force=force)
    return write_whole(path, workbook_bytes(base, psa, scenarios, exhibits=exhibits), force=force)


def workbook_bytes(
    base: BaseCase, psa: PSA | None = None, scenarios: Scenarios | None = None, *, exhibits: Sequence[Exhibit] = ()
) -> bytes:
    """The workbook of a run as bytes, a sheet for each of the `exhibits`. What was run with other inputs than the base case is refused.

    >>> from hemodel.analyses.base_case import run_base_case
    >>> from hemodel.evidence.inputs import load_inputs
    >>> workbook_bytes(run_base_case(load_inputs("relapsed")))[:2]
    b'PK'
    """
    if scenarios is not None:
        refuse_other_inputs("scenarios", scenarios.results[0].inputs, base.inputs)
    for exhibit in exhibits:
        refuse_other_inputs(exhibit.key, exhibit.inputs, base.inputs)
    record = manifest(base.inputs, psa=psa)
    content = io.BytesIO()
    safe = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with Workbook(content, {"in_memory": True, **safe}) as workbook:
        set_properties(workbook, record)
        book = Book(workbook, base.inputs.settings, formats_of(workbook, base.inputs.settings), f"Run {record['hash'][:12]}")
        summary = book.page("Summary", (44, *[WIDTH] * 8))
        for arrangement in base.outcomes.price_arrangements:
            results.results_sheet(book, base, arrangement)
        results.health_sheet(book, base)
        if psa is not None:
            probabilistic_sheets(book, psa, base)
        exhibit_sheets(book, exhibits, scenarios)
        results.inputs_sheet(book, base)
        results.sources_sheet(book, base.inputs)
        results.against_source_sheet(book, base)
        results.trace_sheet(book, base)
        results.manifest_sheet(book, base, record)
        results.summary_sheet(summary, base, psa, record, book.names)
    return content.getvalue()
