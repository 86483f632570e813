"""Reading survival data as people have them: individual times, or a digitised Kaplan-Meier curve with its numbers at risk.

A file is read where there is one sensible reading, and `SurvivalData.how` says which; what is ambiguous is refused. Columns are known by
their names in any case: time; event or status; survival (surv, as R has it); at_risk (n.risk).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hemodel.errors import Fault, InputError, nearest, shown
from hemodel.evidence.dialects import SEPARATORS, Grid, decimal_mark, grid, text_in, with_point
from hemodel.evidence.parameters import TIME_UNITS, number, years_per

Array = NDArray[np.float64]

_TIME, _EVENT, _SURVIVAL, _AT_RISK = ("time",), ("event", "status"), ("survival", "surv"), ("at_risk", "n_risk")
_KNOWN = (_TIME, _EVENT, _SURVIVAL, _AT_RISK)
_FALSE_TRUE = {"false": 0.0, "true": 1.0, "falsch": 0.0, "wahr": 1.0}
"""Truth values as R and Excel write them, the latter in German too."""
LONGEST_YEARS = 120.0
_FIRST_DATE = 20_000  # days from 1900: the year 1954; day numbers of dates from 2020 are above 120 years


@dataclass(frozen=True)
class SurvivalData:
    """Two columns of a file, shape (row,): `times` and `values` (events, survival or numbers at risk).

    `rows` are their places in the file ("ok.csv, row 10"); `how` is a line about how the file was read. Unpacks into times and values.
    """

    times: Array
    values: Array
    rows: tuple[str, ...]
    how: str

    def __iter__(self) -> Iterator[Array]:
        yield self.times
        yield self.values


@dataclass(frozen=True)
class Columns:
    """What to read of a file where its names do not say it: columns, the value that marks an event, and `where` ("arm=A"), which rows."""

    time: str | None = None
    event: str | None = None
    event_value: str | None = None
    where: str | None = None


def read_times(path: str | Path, columns: Columns = Columns()) -> SurvivalData:
    """Times and events (1 event, 0 censored) of individual people, from a CSV file with columns such as time and event."""
    return times_in(_name(path), _content(path), columns)


def read_curve(path: str | Path, columns: Columns = Columns()) -> SurvivalData:
    """Times and survival from a CSV file with the columns time and survival: points of a digitised Kaplan-Meier curve."""
    return _pair(_name(path), _content(path), columns, _SURVIVAL)


def read_risk_table(path: str | Path, columns: Columns = Columns()) -> SurvivalData:
    """Times and numbers at risk from a CSV file with the columns time and at_risk."""
    return _pair(_name(path), _content(path), columns, _AT_RISK)


def times_in(where: str, content: bytes, columns: Columns = Columns()) -> SurvivalData:
    r"""Times and events in the bytes of a CSV file, as an upload gives them.

    Events are 0 and 1, or FALSE and TRUE. 1 and 2 are censored and event, as R has it, in a column `status`; in others they are refused,
    unless `event_value` says which is the event (all other values are censored then).

    >>> found = times_in("mine.csv", b"id;Time;Status\n1;1,5;1\n2;2;0\n")
    >>> found.times, found.values
    (array([1.5, 2. ]), array([1., 0.]))
    >>> found.how
    'Read mine.csv: separator semicolon, decimal comma, columns Time and Status, 1 = event, 0 = censored, 1 of 3 columns left out: id.'
    """
    return _pair(where, content, columns, _EVENT)


def refuse_long_times(data: SurvivalData, unit: str) -> None:
    """Refuse times that are longer than a life in their unit, such as the numbers that Excel keeps for dates."""
    if unit not in TIME_UNITS or not len(data.times):
        return
    years = data.times * years_per(unit)
    whole = bool(np.all(data.times == np.round(data.times)))
    dates = whole and bool(np.all((data.times >= _FIRST_DATE) & (data.times < 4 * _FIRST_DATE)))
    if not dates and years.max() <= LONGEST_YEARS:
        return
    k = 0 if dates else int(np.argmax(years > LONGEST_YEARS))
    value = data.times[k]
    problem = f"{value:,g} {unit} are {years[k]:,.0f} years"
    if _FIRST_DATE <= value < 4 * _FIRST_DATE and value == round(value):
        day = np.datetime64("1899-12-30") + np.timedelta64(int(value), "D")
        problem += f"; as a date of Excel it is {day}"
        remedy = "Give times since the start, not dates: subtract the date of the start in the sheet"
    else:
        remedy = "Name the unit of the times: days, weeks, months or years"
    raise InputError(data.rows[k], problem, remedy)


def _name(path: str | Path) -> str:
    return Path(path).name or str(path)


def _content(path: str | Path) -> bytes:
    where = str(path)
    try:
        if Path(path).exists() and not Path(path).is_file():
            raise InputError(where, "this is not a file", "Give a CSV file")
        return Path(path).read_bytes()
    except FileNotFoundError:
        raise InputError(where, "the file is not there", "Check the name and the folder") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(where, f"the file cannot be read ({reason})", "Check the path and the permissions") from error


def _text(where: str, content: bytes) -> tuple[str, str]:
    if content.startswith(b"PK\x03\x04"):
        raise InputError(where, "this is a workbook, not a text file", "Save the sheet with the data as CSV")
    try:
        text, encoding = text_in(content)
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        remedy = 'Save it as UTF-8 (in Excel: "CSV UTF-8")'
        raise InputError(where, f"this is not a text file in UTF-8, UTF-16 or Windows-1252 (line {line})", remedy) from None
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise InputError(where, f"the file holds a NUL byte (line {line})", 'Save it as UTF-8 (in Excel: "CSV UTF-8")')
    if not text.strip():
        raise InputError(where, "the file is empty", "Put its contents back")
    return text, encoding


def _pair(where: str, content: bytes, columns: Columns, kind: Sequence[str]) -> SurvivalData:
    """The column of times and that of `kind`, of the rows asked for; every fault with its row."""
    text, encoding = _text(where, content)
    times, values = _wanted(columns.time, _TIME), _wanted(columns.event if kind == _EVENT else None, kind)
    faults: list[Fault] = []
    table = grid(where, text, lambda header: all(_places(header, names) for names in (times, values)), faults, comments=True)
    if len(table.header) == 1:  # not the columns asked for, but perhaps some
        faults.clear()
        table = grid(where, text, lambda header: len(header) > 1, faults, comments=True)
    header = f"{where}, row {table.header_row}"
    at, of = (_column(header, table, names, option, faults) for names, option in ((times, "time"), (values, "event")))
    faults += _nameless(header, table)
    if at is None or of is None:
        raise InputError.together(_header_first(faults, header))
    if at == of:
        raise InputError(header, f"{table.header[at]} cannot be both columns", "Name two columns")
    numeric = (at,) if kind == _EVENT else (at, of)
    mark = decimal_mark(table.separator, ((place, cells[k]) for place, cells in table.rows for k in numeric), faults)
    chosen = _chosen(header, table, columns.where, faults)
    if kind == _EVENT:
        marks, coding = _events(header, table, of, chosen, columns.event_value, mark, faults)
    else:
        marks, coding = [_number(row[0], table.header[of], with_point(row[1][of], mark), faults) for row in chosen], ""
    whens = [_number(place, table.header[at], with_point(cells[at], mark), faults) for place, cells in chosen]
    if kind == _EVENT:
        faults += [
            Fault(place, f"{table.header[at]} is {when:g}, not above 0", "Give a small time, such as half a day")
            for (place, _), when in zip(chosen, whens, strict=True)
            if when <= 0
        ]
    if not chosen and not faults:
        faults.append(Fault(where, "the file has no rows", "Put its rows back"))
    if faults:
        raise InputError.together(faults)
    how = _how(where, encoding, table, mark, (at, of), coding, columns.where, len(chosen))
    return SurvivalData(np.array(whens), np.array(marks), tuple(place for place, _ in chosen), how)


def _header_first(faults: list[Fault], header: str) -> list[Fault]:
    """Faults of the header alone where there are some: with other columns or another separator the rows would be others."""
    return [fault for fault in faults if fault.where == header or "not CSV" in fault.problem] or faults


def _wanted(name: str | None, names: Sequence[str]) -> tuple[str, ...]:
    return tuple(names) if name is None else (name,)


def _folded(name: str) -> str:
    return "_".join(name.strip().lower().replace(".", " ").replace("_", " ").split())


def _places(header: Sequence[str], names: Sequence[str]) -> list[int]:
    """Columns of these names in any case; of a name that was given, as it is spelt if there is such a one."""
    exact = [k for k, name in enumerate(header) if names not in _KNOWN and name == names[0].strip()]
    return exact or [k for k, name in enumerate(header) if _folded(name) in {_folded(one) for one in names}]


def _column(header: str, table: Grid, names: Sequence[str], option: str, faults: list[Fault]) -> int | None:
    found = _places(table.header, names)
    if len(found) == 1:
        return found[0]
    there = ", ".join(name or "(no name)" for name in table.header)
    if not table.header:
        problem = "the names of the columns are missing"
    elif len(found) > 1:
        problem = f"{' and '.join(table.header[k] for k in found)} may both be the column {names[0]}"
    elif len(table.header) == 1:
        problem = f"there is no column {' or '.join(names)}, or its cells are not separated by commas, semicolons or tabs: {shown(there)}"
    else:
        listed = there if there.isprintable() and len(there) <= 80 else shown(there)
        problem = f"there is no column {' or '.join(names)} among: {listed}"
    ask = f", or name it with --{option}-column" if names in (_TIME, _EVENT) else ""
    faults.append(Fault(header, problem, f"Call one column {names[0]}{ask}"))
    return None


def _nameless(header: str, table: Grid) -> list[Fault]:
    """Columns without a name that hold something; the first may be the names of the rows, as R writes them."""
    return [
        Fault(header, f"column {k + 1} has no name", "Name it, or take it out")
        for k, name in enumerate(table.header)
        if k and not name and any(cells[k].strip() for _, cells in table.rows)
    ]


_Rows = list[tuple[str, tuple[str, ...]]]


def _chosen(header: str, table: Grid, where: str | None, faults: list[Fault]) -> _Rows:
    """The rows for which `where` ("arm=A") holds, or all."""
    if where is None:
        return list(table.rows)
    name, equals, wanted = (part.strip() for part in where.partition("="))
    places = _places(table.header, (name,))
    if not equals or len(places) != 1:
        problem = "is not COLUMN=VALUE" if not equals else "there is no one such column"
        faults.append(Fault(f"where {where!r}", problem, nearest(name, [one for one in table.header if one])))
        return []
    found = [row for row in table.rows if row[1][places[0]].strip() == wanted]
    if not found:
        faults.append(
            Fault(f"where {where!r}", "no row has it", nearest(wanted, {row[1][places[0]].strip() for row in table.rows}))
        )
    return found


def _number(place: str, name: str, cell: str, faults: list[Fault]) -> float:
    value = number(cell.strip())
    if value is not None:
        return value
    if not cell.strip():
        faults.append(Fault(place, f"{name} is empty, not a number", "Fill it in, or leave the row out"))
    elif "," in cell and number(cell.strip().replace(",", ".")) is not None:
        problem = f"{name} is {shown(cell)}, not a number: between commas, a comma may mark decimals or thousands"
        faults.append(Fault(place, problem, "Write a decimal point, or separate the cells by semicolons"))
    else:
        faults.append(Fault(place, f"{name} is {shown(cell)}, not a number", "Give a plain number such as 12.5"))
    return 1.0


def _events(
    header: str, table: Grid, of: int, chosen: _Rows, event_value: str | None, mark: str, faults: list[Fault]
) -> tuple[list[float], str]:
    """1 or 0 for every row chosen, and how it is coded. What the codes mean is seen from all rows of the file."""
    name = table.header[of]
    codes = [_code(cells[of], mark) for _, cells in table.rows]
    known = sorted({code for code in codes if code != ""}, key=str)
    if event_value is not None:
        event = _code(event_value, mark)
        if event not in known:
            faults.append(Fault(header, f"{name} is never {shown(event_value)}", nearest(event_value, map(_said, known))))
            return [], ""
        censored = [code for code in known if code != event]
    elif known == [1.0, 2.0] or (known in ([1.0], [2.0]) and _folded(name) == "status"):
        if known != [1.0, 2.0] or _folded(name) != "status":
            values = " and ".join(_said(code) for code in known)
            problem = f"{name} is {values} and nothing else: which is the event is not clear"
            remedy = "Write 1 for the event and 0 for censored, or say --event-value 1 or --event-value 2"
            faults.append(Fault(header, problem, remedy))
            return [], ""
        event, censored = 2.0, [1.0]
    else:
        event, censored = 1.0, [0.0]
    marks: list[float] = []
    for place, cells in chosen:
        code = _code(cells[of], mark)
        if code == event or code in censored:
            marks.append(float(code == event))
        elif code == "":
            faults.append(Fault(place, f"{name} is empty", "Give 1 for the event and 0 for censored"))
        elif isinstance(code, str):
            problem = f"{name} is {shown(cells[of])}, not a number"
            faults.append(Fault(place, problem, "Give 1 for the event and 0 for censored, or say --event-value"))
        else:
            problem = f"{name} is {cells[of].strip()}, neither 0 nor 1"
            faults.append(Fault(place, problem, "Give 1 for the event and 0 for censored, or say --event-value"))
    others = ", ".join(_said(code) for code in censored)
    return marks, f"{_said(event)} = event{f', {others} = censored' if others else ''}"


def _code(cell: str, mark: str) -> float | str:
    """A code of events as a number, or as text; truth values are 0 and 1."""
    text = cell.strip()
    value = number(with_point(text, mark))
    return _FALSE_TRUE.get(text.lower(), text) if value is None else value


def _said(code: float | str) -> str:
    return code if isinstance(code, str) else f"{code:g}"


def _how(where: str, encoding: str, table: Grid, mark: str, used: tuple[int, int], coding: str, rows: str | None, n: int) -> str:
    """The line about how a file was read: only encoding and decimals that are not the plain ones, separator and columns always."""
    left = [name or "row names" for k, name in enumerate(table.header) if k not in used and (name or k == 0)]
    parts = [
        encoding if encoding != "UTF-8" else "",
        f"separator {SEPARATORS[table.separator]}",
        "decimal comma" if mark == "," else "",
        f"columns {table.header[used[0]]} and {table.header[used[1]]}",
        coding,
        f"{n:,} of {len(table.rows):,} rows, where {rows}" if rows else "",
        f"{len(left)} of {len(table.header)} columns left out: {', '.join(left)}" if left else "",
    ]
    return f"Read {where}: {', '.join(part for part in parts if part)}."
