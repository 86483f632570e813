"""Reading: where the files lie, and from text to values, strictly: whatever is wrong becomes a fault with its place."""

from __future__ import annotations

import tomllib
from collections.abc import Collection
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from hemodel.errors import Fault, InputError, nearest, shown
from hemodel.evidence.dialects import decimal_mark, grid, text_in, with_point


@dataclass(frozen=True)
class Table:
    """Rows of a CSV file, each with its place ("relapsed/parameters.csv, row 14"); `whole` unless some could not be read."""

    rows: tuple[tuple[str, dict[str, str]], ...]
    whole: bool


def data_folder(name: str) -> Path:
    """Where `inputs` or `scenarios` lie: inside the installed package, or beside it in a checkout."""
    package = Path(str(resources.files("hemodel")))
    inside = package / name
    return inside if inside.is_dir() else package.parent / name


def place(path: Path) -> str:
    """How messages call a file: its folder and its name.

    >>> place(Path("inputs/relapsed/parameters.csv"))
    'relapsed/parameters.csv'
    """
    folder = path.parent if path.parent.name not in ("", "..") else path.parent.resolve()
    return f"{folder.name}/{path.name}"


def is_file(path: Path) -> bool:
    """Whether there is such a file; False, too, for what cannot be the name of one."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def read_text(path: Path, faults: list[Fault], *, table: bool = False) -> str | None:
    """The text of a UTF-8 file (a byte-order mark is allowed), or None and a fault that says why there is none.

    A `table` may be UTF-16 or Windows-1252, too.
    """
    where = place(path)
    try:
        if path.exists() and not path.is_file():
            faults.append(Fault(where, "this is not a file", "Put the file of that name in its place"))
            return None
        content = path.read_bytes()
    except FileNotFoundError:
        faults.append(Fault(where, "the file is not there", "Put it back; the problem `relapsed` shows what it holds"))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        faults.append(Fault(where, f"the file cannot be read ({reason})", "Check the path and the permissions"))
    else:
        return text_from(path, content, faults, table=table)
    return None


def text_from(path: Path, content: bytes, faults: list[Fault], *, table: bool = False) -> str | None:
    """The text of a file from its bytes, or None and a fault, as `read_text` has them."""
    where = place(path)
    try:
        text = text_in(content)[0] if table else content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        faults.append(Fault(where, f"the file is not UTF-8 (line {line})", 'Save it as UTF-8 (in Excel: "CSV UTF-8")'))
    else:
        if "\0" in text:
            line = text[: text.index("\0")].count("\n") + 1
            faults.append(Fault(where, f"the file holds a NUL byte (line {line})", "Save it as plain UTF-8 text"))
        elif text.strip():
            return text
        else:
            faults.append(Fault(where, "the file is empty", "Put its contents back"))
    return None


def decoded(file: str, content: bytes, remedy: str, problem: str = "this is not a text file", *, table: bool = False) -> str:
    """The text of an upload in UTF-8 (a byte-order mark is allowed), a `table` also in UTF-16 or Windows-1252; else raises `InputError`."""
    try:
        text = text_in(content)[0] if table else content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(file, problem, remedy) from None
    if table and (not text or "\0" in text):
        raise InputError(file, problem, remedy)
    return text


def toml_values(where: str, text: str, faults: list[Fault]) -> dict[str, Any] | None:
    """Values of a TOML text, or None and a fault.

    >>> toml_values("a.toml", "horizon_years = 30", [])
    {'horizon_years': 30}
    """
    try:
        return tomllib.loads(text)
    except RecursionError:
        problem = "brackets are nested too deeply"
    except ValueError as error:  # tomllib's own error, and whole numbers of more than 4300 digits
        problem = str(error)
    faults.append(Fault(where, f"this is not TOML: {problem}", "Mend that line"))
    return None


def csv_rows(
    where: str, text: str, columns: Collection[str], faults: list[Fault], *, comments: bool = False, may_be_empty: bool = False
) -> Table:
    r"""Rows of a CSV text with exactly `columns`, in any order. `comments`: lines that begin with # may come before the header.
    `may_be_empty`: the header alone will do.

    Cells may be separated by semicolons or tabs, with decimal commas, and empty columns may follow, as Excel leaves them (`dialects`).
    Rows are counted as Excel counts them: the first line is row 1, and a cell that holds line breaks is still in one row.

    >>> csv_rows("a.csv", "age;sex\n63,5;m\n", ("sex", "age"), []).rows
    (('a.csv, row 2', {'age': '63.5', 'sex': 'm'}),)
    """
    before = len(faults)
    wrong: list[Fault] = []
    found = grid(where, text, lambda header: set(columns) <= set(header), wrong, comments=comments)
    unreadable = not found.header and bool(wrong)
    of_header = [] if unreadable else _header_faults(f"{where}, row {found.header_row}", list(found.header), columns)
    if sorted(found.header) != sorted(columns):
        faults += [*(fault for fault in wrong if "not CSV" in fault.problem), *of_header]
        return Table((), whole=False)
    faults += [*of_header, *wrong]
    mark = decimal_mark(found.separator, ((place, cell) for place, cells in found.rows for cell in cells), faults)
    rows = tuple(
        (place, dict(zip(found.header, (with_point(cell, mark) for cell in cells), strict=True))) for place, cells in found.rows
    )
    if not rows and not may_be_empty and len(faults) == before:
        faults.append(Fault(where, "the file has no rows", "Put its rows back"))
    return Table(rows, whole=len(faults) == before)


def _header_faults(where: str, header: list[str], columns: Collection[str]) -> list[Fault]:
    remedy = f"The columns are {', '.join(columns)}"
    if not any(header):
        return [Fault(where, "the names of the columns are missing", remedy)]
    if len(header) == 1 and any(mark in header[0] for mark in ";\t|"):
        return [
            Fault(where, f"the cells are not separated by commas: {shown(header[0])}", 'Save the file as "CSV (comma delimited)"')
        ]
    if not set(header) & set(columns):
        return [Fault(where, f"this is not the row of column names: it begins with {shown(header[0])}", remedy)]
    faults = [
        Fault(where, f"{shown(name)} is not a column of this file", nearest(name, columns))
        for name in header
        if name not in columns
    ]
    for name in columns:
        if header.count(name) != 1:
            problem = f"the column {name} is {'there twice' if name in header else 'missing'}"
            faults.append(Fault(where, problem, remedy))
    return faults
