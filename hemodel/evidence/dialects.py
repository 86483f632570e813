"""How a table of text was written: encoding, what separates its cells, what marks decimals. One sensible reading, or a refusal."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from hemodel.errors import Fault, shown

SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab"}
_POINT = re.compile(r"[+-]?(?:\d+\.\d*|\.\d+)(?:[eE][+-]?\d+)?")
_COMMA = re.compile(r"[+-]?(?:\d+,\d*|,\d+)(?:[eE][+-]?\d+)?")
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}[.,]\d{3}")
_LETTER_OF_UTF8 = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
_DRESS = re.compile(r"[£€$¥₹\s]|\b[A-Z]{3}\b")
_BOTH = re.compile(r"[+-]?(?:[\d.]*\.[\d.]*,[\d.,]*|[\d,]*,[\d,]*\.[\d.,]*)")
_CONTROL = re.compile(rb"[\x00-\x08\x0b-\x1f\x7f]")


@dataclass(frozen=True)
class Grid:
    """Cells of a table as they stand: the names of its columns without empty ones at the end, and rows with their places in the file."""

    separator: str
    header_row: int
    header: tuple[str, ...]
    rows: tuple[tuple[str, tuple[str, ...]], ...]


def text_in(content: bytes) -> tuple[str, str]:
    r"""The text of a table and its encoding: UTF-8, UTF-16 with a byte-order mark, or else Windows-1252; raises `UnicodeDecodeError`.

    Bytes that are no UTF-8 are Windows-1252 only where no letter among them is one of UTF-8 (a damaged file has both), and no control
    characters are (a picture or a workbook has some).

    >>> text_in("time;é".encode("utf-16"))[1], text_in("é".encode("cp1252")), text_in("é".encode())
    ('UTF-16', ('é', 'Windows-1252'), ('é', 'UTF-8'))
    """
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16"), "UTF-16"
    try:
        return content.decode("utf-8-sig"), "UTF-8"
    except UnicodeDecodeError as error:
        plain_bytes = content.replace(b"\r", b"\n")
        if content.startswith(codecs.BOM_UTF8) or _LETTER_OF_UTF8.search(content) or _CONTROL.search(plain_bytes):
            raise
        try:
            return content.decode("cp1252"), "Windows-1252"
        except UnicodeDecodeError:
            raise error from None


def grid(where: str, text: str, has_columns: Callable[[list[str]], bool], faults: list[Fault], *, comments: bool) -> Grid:
    r"""Cells of a text whose separator is the one of , ; and tab under which its header `has_columns`; the comma, if none or several are.

    `comments`: lines that begin with # may come before the header, and Excel's line sep=; too. Rows are counted as Excel counts them: the
    first line is row 1, and a cell that holds line breaks is still in one row. Empty cells beyond the last named column are left out;
    cells with something in them are a fault, and so is a row that is too short. Blank rows are passed over.

    >>> grid("a.csv", "age;sex;\n63;m;\n", lambda header: "age" in header, [], comments=False)
    Grid(separator=';', header_row=1, header=('age', 'sex'), rows=(('a.csv, row 2', ('63', 'm')),))
    """
    lines = list(io.StringIO(text, newline=""))
    skipped = 0
    while comments and skipped < len(lines) and (lines[skipped].startswith("#") or lines[skipped].strip() in _SEP_LINES):
        skipped += 1
    fitting = [mark for mark in SEPARATORS if has_columns(_header(lines[skipped:], mark))]
    separator = fitting[0] if len(fitting) == 1 else ","
    records = _records(where, lines[skipped:], skipped, separator, faults)
    header = _header(lines[skipped:], separator) if records else []
    rows: list[tuple[str, tuple[str, ...]]] = []
    for row, cells in enumerate(records[1:] if header else (), start=skipped + 2):
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) < len(header) or any(cell.strip() for cell in cells[len(header) :]):
            problem = f"has {len(cells)} cells instead of {len(header)}"
            remedy = f"Put text that contains {SEPARATORS[separator]}s in quotation marks"
            faults.append(Fault(f"{where}, row {row}", problem, remedy))
        else:
            rows.append((f"{where}, row {row}", tuple(cells[: len(header)])))
    return Grid(separator, skipped + 1, tuple(header), tuple(rows))


_SEP_LINES = {f"sep={mark}".strip() for mark in SEPARATORS}


def decimal_mark(separator: str, cells: Iterable[tuple[str, str]], faults: list[Fault]) -> str:
    """What marks decimals in (place, cell) of a table: the point where commas separate cells, else the one mark that its numbers have.

    Faults are numbers with a point beside numbers with a comma (1.234 beside 12,5; not where commas separate cells: there a comma is none
    of a number, and whoever reads it says so), and tables all of whose marks may be those of thousands (1.234).

    >>> decimal_mark(";", [("row 2", "12,5"), ("row 3", "7")], [])
    ','
    """
    points: list[tuple[str, str]] = []
    commas: list[tuple[str, str]] = []
    for place, dressed in cells:
        cell = _DRESS.sub("", dressed)
        if _POINT.fullmatch(cell):
            points.append((place, cell))
        elif separator != "," and _COMMA.fullmatch(cell):
            commas.append((place, cell))
        elif separator != "," and _BOTH.fullmatch(cell):
            faults.append(Fault(place, f"{shown(cell)} has marks of thousands and of decimals", "Write thousands without a mark"))
    if points and commas:
        fewer, more = sorted((points, commas), key=len)
        (place, cell), (other_place, other) = fewer[0], more[0]
        problem = f"{shown(cell)} and {shown(other)} ({other_place.rpartition(', ')[2]}) cannot both be plain numbers"
        faults.append(Fault(place, problem, "Write all numbers with the same decimal mark, and thousands without one"))
    elif (marked := points or commas) and all(_THOUSANDS.fullmatch(cell) for _, cell in marked):
        place, cell = marked[0]
        problem = f"{shown(cell)} may be {cell.replace(',', '').replace('.', '')} or {cell.replace(',', '.')}"
        faults.append(Fault(place, problem, "Write thousands without a mark, or decimals with more or fewer digits: 1.2340"))
    return "," if commas else "."


def with_point(cell: str, mark: str) -> str:
    """The cell with a decimal point, where it is a number with this decimal mark; else the cell as it is.

    >>> with_point("12,5", ","), with_point("12,5", "."), with_point("1.234,5", ",")
    ('12.5', '12,5', '1.234,5')
    """
    return cell.replace(",", ".") if mark == "," and _COMMA.fullmatch(_DRESS.sub("", cell)) else cell


def _header(lines: list[str], separator: str) -> list[str]:
    """Names of the columns in the first row, without the empty ones at the end."""
    try:
        header = [cell.strip() for cell in next(csv.reader(lines, delimiter=separator, strict=True), [])]
    except csv.Error:
        return []
    while header and not header[-1]:
        del header[-1]
    return header


def _records(where: str, lines: list[str], skipped: int, separator: str, faults: list[Fault]) -> list[list[str]]:
    """Cells of each row up to the first that is not CSV."""
    records: list[list[str]] = []
    try:
        for cells in csv.reader(lines, delimiter=separator, strict=True):
            records.append(cells)  # one by one, so that the rows before an error are kept
    except csv.Error as error:
        row = f"{where}, row {skipped + len(records) + 1}"
        faults.append(Fault(row, f"this is not CSV: {error}", "Look for an unclosed quotation mark"))
    return records
