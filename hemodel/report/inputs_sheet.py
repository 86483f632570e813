"""Reading back an edited workbook or CSV: the values on its sheet Inputs and nothing else. What was uploaded is never trusted.

Size, kind and contents are looked at before a spreadsheet library sees the file; formulas are not run (their stored values are read).
"""

from __future__ import annotations

import io
import math
import re
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from openpyxl import load_workbook

from hemodel.errors import Fault, InputError, shown
from hemodel.evidence.parameters import QUANTITIES, finite, number
from hemodel.evidence.reading import csv_rows

SHEET = "Inputs"
MOST_BYTES = 5_000_000
_MOST_UNPACKED = 60_000_000  # bytes; the largest workbook of ours unpacks to about a third of it
_MOST_PARTS, _MOST_ROWS, _MOST_COLUMNS = 2_000, 5_000, 60
_SHOWN_FAULTS = 8
_DECORATION = re.compile(r"[£,\s]|GBP")


@dataclass(frozen=True)
class Sheet:
    """What an uploaded sheet holds: the value of every parameter, and the choices about the model that were changed in it.

    `choices`: name -> value of rows that are no parameter and whose value differs from the one exported beside it.
    """

    values: dict[str, float]
    choices: dict[str, object]


def read_sheet(file: str, content: bytes) -> Sheet:
    """Every row of the sheet Inputs of a workbook (.xlsx) of ours, or of a CSV file with the columns name and value.

    The header is the first row with cells Name and Value. A pound sign and thousands separators are allowed; a percent sign is not,
    as it would leave open what is meant. Raises `InputError` for what is too large, no such file, or holds no numbers.
    """
    if len(content) > MOST_BYTES:
        raise InputError(file, f"the file has {len(content):,} bytes", f"Give at most {MOST_BYTES:,}")
    table = _sheet(file, content) if content[:2] == b"PK" else _csv(file, content)
    place = next((i for i, row in enumerate(table) if {"name", "value"} <= {_heading(cell) for cell in row}), None)
    if place is None:
        raise InputError(
            file, "there is no row with the headings Name and Value", "Download the workbook and edit its sheet Inputs"
        )
    headings = [_heading(cell) for cell in table[place]]
    found = Sheet({}, {})
    faults: list[Fault] = []
    for k, cells in enumerate(table[place + 1 :], start=place + 2):
        row = dict(zip(headings, cells, strict=False))
        if isinstance(row.get("name"), str) and str(row["name"]).strip():
            faults += _read_row(f"{file}, row {k} ({shown(str(row['name']).strip())})", row, found)
    if len(faults) > _SHOWN_FAULTS:
        more = Fault(file, f"{len(faults) - _SHOWN_FAULTS} more rows cannot be used", "Mend these first")
        faults = [*faults[:_SHOWN_FAULTS], more]
    if not faults and not found.values:
        faults.append(Fault(file, "there are no rows below the headings", "Download the workbook and edit its sheet Inputs"))
    if faults:
        raise InputError.together(faults)
    return found


def _read_row(where: str, row: dict[str, object], found: Sheet) -> list[Fault]:
    """Put the value of one row in its place; faults where it cannot be used."""
    name, value = str(row["name"]).strip(), _number(row.get("value"))
    if name in found.values or name in found.choices:
        return [Fault(where, "the name is there twice", "Keep one of the rows")]
    if "exported unit" in row and row.get("unit") != row["exported unit"]:
        return [Fault(where, "its unit was changed, which is not read here", f"Give the value in {row['exported unit']}")]
    if name.partition("_")[0] not in QUANTITIES and "exported value" in row:
        if row.get("value") != row["exported value"]:
            found.choices[name] = row.get("value")
        return []
    if value is None:
        return [Fault(where, f"the value is {shown(row.get('value'))}, not a number", "Give a plain number such as 0.81")]
    found.values[name] = value
    return []


def _sheet(file: str, content: bytes) -> list[tuple[object, ...]]:
    """Rows of the sheet Inputs, after a look at what the archive would unpack to."""
    not_one = InputError(file, "this is not an Excel workbook (.xlsx) that can be read", "Save it as .xlsx without a password")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            parts = archive.infolist()
            if len(parts) > _MOST_PARTS or sum(part.file_size for part in parts) > _MOST_UNPACKED:
                raise InputError(file, "it would unpack to far more than a workbook of inputs has", "Give the workbook itself")
            if "xl/workbook.xml" not in archive.namelist():
                raise not_one
            for part in parts:
                if part.filename.endswith((".xml", ".rels")) and b"<!DOCTYPE" in archive.read(part):
                    raise InputError(file, "it holds definitions that no workbook needs", "Save it anew in a spreadsheet program")
        book = load_workbook(io.BytesIO(content), read_only=True, data_only=True, keep_links=False)
        if SHEET not in book.sheetnames:
            names = ", ".join(map(shown, book.sheetnames[:5]))
            raise InputError(
                file, f"there is no sheet {SHEET}, only {names}", "Give a workbook that hemodel wrote, with its sheet Inputs"
            )
        sheet = book[SHEET]
        rows = sheet.iter_rows(max_row=_MOST_ROWS, max_col=_MOST_COLUMNS, values_only=True)
        found: list[tuple[object, ...]] = [tuple(row) for row in rows]
        book.close()
    except InputError:
        raise
    except Exception as error:  # a damaged file makes zipfile, the XML parser and openpyxl raise almost anything
        raise not_one from error
    return found


def _csv(file: str, content: bytes) -> list[tuple[object, ...]]:
    """Rows of a CSV text, its header among them."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(
            file, "this is neither a workbook (.xlsx) nor a text file", "Give the workbook that was downloaded"
        ) from None
    faults: list[Fault] = []
    table = csv_rows(file, text, ("name", "value"), faults)
    if faults:
        raise InputError.together(faults[:_SHOWN_FAULTS])
    return [("name", "value"), *((cells["name"], cells["value"]) for _, cells in table.rows)]


def _heading(cell: object) -> str:
    return cell.strip().lower() if isinstance(cell, str) else ""


def _number(cell: object) -> float | None:
    """The number that a cell holds; text such as £15,100 too."""
    if isinstance(cell, str):
        return number(_DECORATION.sub("", cell))
    return finite(cell)


def changes(values: dict[str, float], now: dict[str, float], unknown: str) -> dict[str, float]:
    """What an uploaded sheet changes: name -> value where it differs from `now` by more than the last digits.

    Names that are not in `now` are refused; `unknown` says what to do about them.
    """
    strange = [name for name in values if name not in now]
    if strange:
        problem = f"{len(strange)} of {len(values)} names are not inputs of this model, such as {shown(strange[0])}"
        raise InputError("the uploaded inputs", problem, unknown)
    return {name: value for name, value in values.items() if not math.isclose(value, now[name], rel_tol=1e-9, abs_tol=1e-300)}


def listed(names: Iterable[str], values: Sequence[float]) -> str:
    """A CSV of names and values that `read_sheet` reads."""
    return "name,value\n" + "".join(f"{name},{value!r}\n" for name, value in zip(names, values, strict=True))
