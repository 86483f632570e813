"""The sheet Rows: what costs money or moves QALYs, as the files of the folder say it; the formulas are made from the same rows."""

from __future__ import annotations

from hemodel.cohort.model.plan import Plan
from hemodel.evidence.payoffs import Owner
from hemodel.evidence.settings import Settings
from hemodel.report.live.cells import Sheet

_HEADINGS = (
    "Row",
    "Outcome",
    "Component",
    "Label",
    "For whom",
    "Measure",
    "Amount, for each unit of the measure",
    "Note",
    "Counted as",
)


def rows_sheet(plan: Plan) -> Sheet:
    """Every row that the run counts, in the order in which its amounts stand on the sheet Derived."""
    settings = plan.inputs.settings
    sheet = Sheet("Rows", (6, 9, 24, 30, 32, 26, 62, 44, 26))
    sheet.title(
        "Rows: what costs money or moves QALYs",
        "An amount times a measure. The names in an amount are cells of the sheet Inputs; where a strategy has a parameter of its own, "
        "NAME stands for NAME_strategy. `price` is the list price of the row's drug (sheet Derived).",
    )
    sheet.frozen = (sheet.row + 1, 3)
    sheet.header(_HEADINGS, numbers_from=len(_HEADINGS))
    for place, row in enumerate(plan.rows, start=1):
        payoff = row.payoff
        told = (payoff.outcome, payoff.component, payoff.label, _whom(payoff.owner, settings), str(payoff.measure))
        sheet.put(sheet.row, 0, float(place), "count")
        for column, text in enumerate((*told, payoff.amount.text, payoff.note, payoff.counted), start=1):
            sheet.put(sheet.row, column, text, "text")
        sheet.row += 1
    for name, drug in settings.drugs.items():
        if drug.price is not None or drug.dispensed is not None:
            sheet.row += 1
            sheet.line(f"{drug.label} ({name})", "heading")
        for what, written in (("List price", drug.price), ("Share of cycles on treatment with a pack", drug.dispensed)):
            if written is not None:
                sheet.put(sheet.row, 3, what, "text")
                sheet.put(sheet.row, 6, written, "text")
                sheet.row += 1
    return sheet


def _whom(owner: Owner, settings: Settings) -> str:
    """For whom a row is, in words."""
    if owner.kind == "strategy":
        return next(s.label for s in settings.strategies if s.name == owner.name)
    drug = settings.drugs[owner.name].label if owner.name in settings.drugs else "any drug"
    words = {"drug": f"given {drug}", "later": f"given {drug} in a later line", "scheme": f"under a scheme of {drug}"}
    return words.get(owner.kind, "everyone")
