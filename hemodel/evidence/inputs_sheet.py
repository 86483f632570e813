"""The sheet Inputs of an edited workbook, or a CSV of names and values: the one reader of both. What was uploaded is never trusted.

Size, kind and contents are looked at before they are used; formulas are not run (their stored values are read). The sheet is read here and
not by a library: a hostile workbook of 200 KB kept openpyxl busy for a minute and in 3 GB, and a cell in the last row and column makes
calamine ask for more memory than there is.
"""

from __future__ import annotations

import io
import math
import posixpath
import re
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from xml.etree.ElementTree import Element, fromstring

from openpyxl.styles.numbers import BUILTIN_FORMATS, is_date_format
from openpyxl.utils.cell import coordinate_to_tuple

from hemodel.errors import Fault, InputError, shown
from hemodel.evidence.parameters import QUANTITIES, finite, number
from hemodel.evidence.reading import csv_rows, decoded

SHEET = "Inputs"
MOST_BYTES = 20_000_000
NO_STORED_VALUE = "a formula without a stored value"
"""What a cell is taken for that a program wrote and no spreadsheet has calculated."""
_MOST_UNPACKED = 1_000_000  # bytes of one part; those that are read of our workbooks have a sixth of it
_MOST_ROWS, _MOST_COLUMNS = 5_000, 60
_SHOWN_FAULTS = 8
_BOOK = "xl/workbook.xml"
_DECORATION = re.compile(r"[£€$¥₹\s]|\b[A-Z]{3}\b|,(?=\d{3}(?!\d))")
"""What a number may be dressed with: a comma where three digits follow; 1,5 is not taken for 15."""


@dataclass(frozen=True)
class Sheet:
    """What an uploaded sheet holds: the value of every parameter, and the choices about the model that were changed in it.

    `units`: name -> unit, where it is another than the one exported beside it. `choices`: name -> value of rows that are no parameter and
    whose value differs from the one exported beside it.
    """

    values: dict[str, float]
    choices: dict[str, object]
    units: dict[str, str] = field(default_factory=dict)


def read_sheet(file: str, content: bytes) -> Sheet:
    """Every row of the sheet Inputs of a workbook (.xlsx) of ours, or of a CSV file with the columns name and value.

    The header is the first row with cells Name and Value. A pound sign and thousands separators are allowed; a percent sign is not,
    as it would leave open what is meant. Raises `InputError` for what is too large, no such file, or holds no numbers.
    """
    table = sheet_rows(file, content) if content[:2] == b"PK" else _csv(file, content)
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
    name, value = str(row["name"]).strip(), number_in(row.get("value"))
    if name in found.values or name in found.choices:
        return [Fault(where, "the name is there twice", "Keep one of the rows")]
    is_choice = name.partition("_")[0] not in QUANTITIES and "exported value" in row
    if "exported unit" in row and row.get("unit") != row["exported unit"]:
        if is_choice:
            return [Fault(where, "the unit of a choice was changed", f"Write {shown(row['exported unit'])} again")]
        found.units[name] = str(row.get("unit"))
    if is_choice:
        if row.get("value") != row["exported value"]:
            found.choices[name] = row.get("value")
        return []
    if value is None:
        return [no_number(where, row.get("value"), "Give a plain number such as 0.81")]
    found.values[name] = value
    return []


def sheet_rows(file: str, content: bytes) -> list[tuple[object, ...]]:
    """Rows of the sheet Inputs; no other part of the archive but those that it needs is unpacked."""
    _refuse_large(file, content)
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            sheets = {sheet.get("name", ""): sheet for sheet in _part(file, archive, _BOOK).findall("{*}sheets/{*}sheet")}
            if SHEET not in sheets:
                names = ", ".join(shown(name) for name in list(sheets)[:5])
                problem = f"there is no sheet {SHEET}, only {names}"
                raise InputError(file, problem, "Give a workbook that hemodel wrote, with its sheet Inputs")
            link = next(value for name, value in sheets[SHEET].items() if name.endswith("}id"))
            links = _part(file, archive, "xl/_rels/workbook.xml.rels")
            kinds = {str(one.get("Type")).rpartition("/")[2]: _target(one) for one in links}
            path = next(_target(one) for one in links if one.get("Id") == link)
            texts = _texts(_part(file, archive, kinds["sharedStrings"])) if "sharedStrings" in kinds else []
            dates = _dates(_part(file, archive, kinds["styles"])) if "styles" in kinds else set()
            return _rows(_part(file, archive, path), texts, dates)
    except InputError:
        raise
    except Exception as error:  # a damaged file makes zipfile and the XML parser raise almost anything
        raise InputError(
            file, "this is not an Excel workbook (.xlsx) that can be read", "Save it as .xlsx without a password"
        ) from error


def _part(file: str, archive: zipfile.ZipFile, name: str) -> Element:
    """A part of a workbook, unpacked no further than a part of ours could be and looked at before the XML parser sees it."""
    info = archive.getinfo(name)
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):  # no spreadsheet program packs in another way
        raise ValueError(name)
    with archive.open(info) as part:
        data = part.read(_MOST_UNPACKED + 1)
    if len(data) > _MOST_UNPACKED:
        raise InputError(file, "it would unpack to far more than a workbook of inputs has", "Give the workbook itself")
    if b"<!DOCTYPE" in data or b"\0" in data:  # in UTF-16, which workbooks are not written in, the first would look otherwise
        raise InputError(file, "it holds definitions that no workbook needs", "Save it anew in a spreadsheet program")
    return fromstring(data)


def _target(link: Element) -> str:
    """The part that a relationship of the workbook leads to."""
    return posixpath.normpath(posixpath.join("/xl", str(link.get("Target")))).lstrip("/")


def _texts(strings: Element) -> list[str]:
    return [_text(item) for item in strings]


def _text(item: Element) -> str:
    """Text of a string, without its formats and without hints to its pronunciation."""
    return "".join(piece.text or "" for piece in (*item.findall("{*}t"), *item.findall("{*}r/{*}t")))


def _dates(styles: Element) -> set[int]:
    """Numbers of the cell formats that show a date or a time."""
    custom = {one.get("numFmtId"): one.get("formatCode", "") for one in styles.findall("{*}numFmts/{*}numFmt")}
    kinds = [one.get("numFmtId", "0") for one in styles.findall("{*}cellXfs/{*}xf")]
    return {k for k, kind in enumerate(kinds) if is_date_format(custom.get(kind, BUILTIN_FORMATS.get(int(kind))))}


def _rows(sheet: Element, texts: Sequence[str], dates: set[int]) -> list[tuple[object, ...]]:
    """Cells of a sheet by row from the first on, missing ones None; `ValueError` where a place is taken twice."""
    found: dict[int, dict[int, object]] = {}
    row = 0
    for line in islice(sheet.iterfind("{*}sheetData/{*}row"), _MOST_ROWS):
        row, column = int(line.get("r", row + 1)), 0
        if row > _MOST_ROWS:
            break
        if row < 1 or row in found:
            raise ValueError(row)
        cells = found[row] = {}
        for cell in line:
            column = coordinate_to_tuple(cell.get("r", ""))[1] if cell.get("r") else column + 1
            if column in cells:
                raise ValueError(column)
            if column <= _MOST_COLUMNS:
                cells[column] = _cell(cell, texts, dates)
    return [tuple(found.get(r, {}).get(c) for c in range(1, _MOST_COLUMNS + 1)) for r in range(1, max(found, default=0) + 1)]


def _cell(cell: Element, texts: Sequence[str], dates: set[int]) -> object:
    """What a cell holds: a number, text, truth, or None; of a formula, its stored value."""
    kind, text = cell.get("t", "n"), cell.findtext("{*}v")
    if kind == "inlineStr":
        return "".join(_text(item) for item in cell.findall("{*}is"))
    if not text:
        return None if cell.find("{*}f") is None else NO_STORED_VALUE
    if kind == "s":
        return texts[range(len(texts))[int(text)]]
    if kind == "b":
        return text.strip() == "1"
    if kind == "n":
        return "a date" if int(cell.get("s", "0")) in dates else float(text)
    return text


def _refuse_large(file: str, content: bytes) -> None:
    if len(content) > MOST_BYTES:
        raise InputError(file, f"the file has {len(content):,} bytes", f"Give at most {MOST_BYTES:,}")


def _csv(file: str, content: bytes) -> list[tuple[object, ...]]:
    """Rows of a CSV text, its header among them."""
    _refuse_large(file, content)
    remedy = "Give the workbook as it was downloaded, without a password"
    text = decoded(file, content, remedy, "this is neither a workbook (.xlsx) nor a text file", table=True)
    if max(text.count("\n"), text.count("\r")) > _MOST_ROWS:
        raise InputError(file, f"it has more than {_MOST_ROWS:,} rows", "Give the names and values of this model alone")
    faults: list[Fault] = []
    table = csv_rows(file, text, ("name", "value"), faults)
    if faults:
        raise InputError.together(faults[:_SHOWN_FAULTS])
    return [("name", "value"), *((cells["name"], cells["value"]) for _, cells in table.rows)]


def no_number(where: str, given: object, remedy: str) -> Fault:
    """The fault of a cell of a workbook that has no number in it: empty, a formula that nothing has calculated, or something else."""
    if given == NO_STORED_VALUE:
        return Fault(
            where, f"the cell holds {given}", "Open the workbook in a spreadsheet program and save it, or give the number"
        )
    if given is None or given == "":
        return Fault(where, "the cell is empty, not a number", remedy)
    return Fault(where, f"{shown(given)} is not a number", remedy)


def _heading(cell: object) -> str:
    return cell.strip().lower() if isinstance(cell, str) else ""


def number_in(cell: object) -> float | None:
    """The finite number that a cell holds, or None; text such as £15,100 too.

    >>> number_in("£15,100"), number_in("26"), number_in("1,5"), number_in(True)
    (15100.0, 26.0, None, None)
    """
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
