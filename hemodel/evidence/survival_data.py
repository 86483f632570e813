"""Reading survival data as people have them: individual times, or a digitised Kaplan-Meier curve with its numbers at risk.

A file is read where there is one sensible reading, and `SurvivalData.how` says which; what is ambiguous is refused. Columns are known by
their names in any case: time; event or status; survival (surv, as R has it); at_risk (n.risk); of trials in which people switched also
arm, time_on_treatment and, if there is one, censoring_time; of events between two looks lower and upper.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hemodel.errors import Fault, InputError, nearest, shown
from hemodel.evidence.dialects import SEPARATORS, Grid, decimal_mark, grid, text_in, with_point
from hemodel.evidence.parameters import TIME_UNITS, number, years_per

Array = NDArray[np.float64]

_TIME, _EVENT, _SURVIVAL, _AT_RISK = ("time",), ("event", "status"), ("survival", "surv"), ("at_risk", "n_risk")
_ARM, _ON_TREATMENT, _CENSORING = ("arm",), ("time_on_treatment",), ("censoring_time",)
_LOWER, _UPPER = ("lower",), ("upper",)
_KNOWN = (_TIME, _EVENT, _SURVIVAL, _AT_RISK, _ARM, _ON_TREATMENT, _CENSORING, _LOWER, _UPPER)
_OPTIONS = {_TIME: "time", _EVENT: "event", _ARM: "arm", _ON_TREATMENT: "on-treatment", _LOWER: "lower", _UPPER: "upper"}
"""Columns that an option of the command line names where the file calls them otherwise: --time-column and so on."""
_Names = tuple[str, ...]
_Rows = list[tuple[str, tuple[str, ...]]]
_NOT_SEEN = ("", ".", "na", "nan", "inf", "+inf", "infinity")
"""What stands for an upper end of an event that was not seen, in any case: SAS and R leave it missing."""
_NEVER_LOOKED = ("", ".", "na", "nan", "-inf", "-infinity")
_FALSE_TRUE = {"false": 0.0, "true": 1.0, "falsch": 0.0, "wahr": 1.0}
"""Truth values as R and Excel write them, the latter in German too."""
LONGEST_YEARS = 120.0
_FIRST_DATE = 20_000  # days from 1900: the year 1954; day numbers of dates from 2020 are above 120 years


@dataclass(frozen=True)
class SurvivalData:
    """Two columns of a file, shape (row,): `times` and `values` (events, survival or numbers at risk).

    `rows` are their places in the file ("ok.csv, row 10"); `how` is a line about how the file was read. `entry` and `weights`, where such
    columns were named. Unpacks into times and values.
    """

    times: Array
    values: Array
    rows: tuple[str, ...]
    how: str
    entry: Array | None = None
    weights: Array | None = None

    def __iter__(self) -> Iterator[Array]:
        yield self.times
        yield self.values


@dataclass(frozen=True)
class SwitchingData:
    """People of a trial in which some switched, shape (row,): their times and events, `treated` (1 if randomised to it, else 0),
    `on_treatment` and, if the file has them, `censoring_times`, which everybody would have had at the end of the study.
    """

    people: SurvivalData
    treated: Array
    on_treatment: Array
    censoring_times: Array | None


@dataclass(frozen=True)
class IntervalData:
    """Events after `lower` and by `upper`, each (row,): 0 where there was no look before, inf where the event was not seen; equal where the
    time is known. All else as `SurvivalData` has it.
    """

    lower: Array
    upper: Array
    rows: tuple[str, ...]
    how: str
    weights: Array | None = None

    @property
    def times(self) -> Array:
        """The later end that is finite."""
        return np.where(np.isfinite(self.upper), self.upper, self.lower)


@dataclass(frozen=True)
class Columns:
    """What to read of a file where its names do not say it: columns, values that mark an event or the treated arm, and `where`
    ("arm=A"), which rows.

    `entry` (times of left truncation) and `weight` are read only where they are named. `zeros`: times of 0 are taken, for which a
    remedy was named.
    """

    time: str | None = None
    event: str | None = None
    event_value: str | None = None
    where: str | None = None
    arm: str | None = None
    treated: str | None = None
    on_treatment: str | None = None
    censoring: str | None = None
    entry: str | None = None
    weight: str | None = None
    lower: str | None = None
    upper: str | None = None
    zeros: bool = False


def read_times(path: str | Path, columns: Columns = Columns()) -> SurvivalData:
    """Times and events (1 event, 0 censored) of individual people, from a CSV file with columns such as time and event."""
    return times_in(_name(path), _content(path), columns)


def read_people(path: str | Path, columns: Columns = Columns()) -> SurvivalData | IntervalData:
    """People as their file has them: times and events, or, where it has the columns lower and upper and no time, intervals."""
    name, content = _name(path), _content(path)
    return intervals_in(name, content, columns) if holds_intervals(name, content, columns) else times_in(name, content, columns)


def read_curve(path: str | Path, columns: Columns = Columns()) -> SurvivalData:
    """Times and survival from a CSV file with the columns time and survival: points of a digitised Kaplan-Meier curve."""
    return _pair(_name(path), _content(path), columns, _SURVIVAL)


def read_switching(path: str | Path, columns: Columns = Columns()) -> SwitchingData:
    """People of a trial in which some switched, from a CSV file with the columns time, event, arm and time_on_treatment."""
    return switching_in(_name(path), _content(path), columns)


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


def holds_intervals(where: str, content: bytes, columns: Columns = Columns()) -> bool:
    """Whether a file is one of intervals: their columns are named, or are there and none of times is."""
    if columns.lower is not None or columns.upper is not None:
        return True
    if columns.time is not None or columns.event is not None:
        return False
    text, _ = _text(where, content)
    header = grid(where, text, lambda names: bool(_places(names, _LOWER) and _places(names, _UPPER)), [], comments=True).header
    return bool(_places(header, _LOWER) and _places(header, _UPPER) and not _places(header, _TIME))


def intervals_in(where: str, content: bytes, columns: Columns = Columns()) -> IntervalData:
    r"""Events between two looks in the bytes of a CSV file, in the columns lower and upper.

    An upper end that is missing (an empty cell, NA or a point) or inf is an event that was not seen; a lower end that is missing is 0.

    >>> found = intervals_in("mine.csv", b"id,lower,upper\n1,0,6\n2,6,12\n3,12,\n")
    >>> found.lower, found.upper
    (array([ 0.,  6., 12.]), array([ 6., 12., inf]))
    >>> found.how
    'Read mine.csv: separator comma, columns lower and upper, 1 of 3 without an upper end (not seen), 1 of 3 columns left out: id.'
    """
    wanted = [_wanted(columns.lower, _LOWER), _wanted(columns.upper, _UPPER)]
    wanted += [] if columns.weight is None else [(columns.weight,)]
    if columns.entry is not None:
        raise InputError(
            "--entry-column", "late entries are not taken beside intervals", "Leave it out, or give times and events"
        )
    if columns.event is not None or columns.event_value is not None or columns.time is not None:
        problem = "intervals have no column of times or events"
        raise InputError(
            "--time-column, --event-column and --event-value", problem, "Leave them out, or --lower-column and --upper-column"
        )
    sheet = _sheet(where, content, wanted)
    mark, faults, low, high = sheet.decimal_mark(sheet.places), sheet.faults, [], []
    chosen = _chosen(sheet.header, sheet.table, columns.where, faults)
    names = [sheet.table.header[k] for k in sheet.places]
    for place, cells in chosen:
        before = len(faults)
        ends = [cells[k].strip() for k in sheet.places[:2]]
        first = 0.0 if ends[0].lower() in _NEVER_LOOKED else _number(place, names[0], with_point(ends[0], mark), faults)
        last = np.inf if ends[1].lower() in _NOT_SEEN else _number(place, names[1], with_point(ends[1], mark), faults)
        low.append(first)
        high.append(last)
        if len(faults) > before:
            continue
        if first < 0:
            faults.append(Fault(place, f"{names[0]} is {first:g}, below 0", "Give times since entry"))
        elif last < first:
            problem = f"{names[1]} is {last:g}, before {names[0]}, {first:g}"
            faults.append(Fault(place, problem, "Give the later time as upper end"))
        elif last == 0 and not columns.zeros:
            faults.append(Fault(place, f"{names[0]} and {names[1]} are 0", _AT_ZERO))
    weights = None if columns.weight is None else np.array(sheet.numbers(sheet.places[2], chosen, mark))
    open_ended = int(np.isinf(high).sum())
    coding = f"{open_ended:,} of {len(high):,} without an upper end (not seen)" if open_ended else ""
    read = sheet.read(low, high, mark, coding, columns.where, chosen)
    return IntervalData(read.times, read.values, read.rows, read.how, weights)


_AT_ZERO = "Give a small time, such as half a day, or say --at-zero half_a_day or --at-zero leave_out"


def refuse_long_times(data: SurvivalData | IntervalData, unit: str) -> None:
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
    wanted = [_wanted(columns.time, _TIME), _wanted(columns.event if kind == _EVENT else None, kind)]
    besides = {
        k: name for k, name in (("entry", columns.entry), ("weights", columns.weight)) if kind == _EVENT and name is not None
    }
    sheet = _sheet(where, content, [*wanted, *((name,) for name in besides.values())])
    at, of, *more = sheet.places
    faults = sheet.faults
    mark = sheet.decimal_mark((at, *more) if kind == _EVENT else (at, of))
    chosen = _chosen(sheet.header, sheet.table, columns.where, faults)
    if kind == _EVENT:
        marks, coding = _events(sheet.header, sheet.table, of, chosen, columns.event_value, mark, faults)
    else:
        marks, coding = sheet.numbers(of, chosen, mark), ""
    whens = sheet.numbers(at, chosen, mark)
    if kind == _EVENT:
        sheet.refuse_times_of_0(at, chosen, whens, columns.zeros)
    others = {k: np.array(sheet.numbers(place, chosen, mark)) for k, place in zip(besides, more, strict=True)}
    read = sheet.read(whens, marks, mark, coding, columns.where, chosen)
    return replace(read, entry=others.get("entry"), weights=others.get("weights"))


def switching_in(where: str, content: bytes, columns: Columns = Columns()) -> SwitchingData:
    r"""People of a trial in the bytes of a CSV file: time, event, arm (1 treated, 0 not), time_on_treatment, perhaps censoring_time.

    Events as in `times_in`. An arm in words is refused unless `columns.treated` says which value is the treated one.

    >>> found = switching_in("trial.csv", b"time,event,arm,time_on_treatment\n5,1,1,5\n4,1,0,1.5\n")
    >>> found.treated, found.on_treatment
    (array([1., 0.]), array([5. , 1.5]))
    """
    named = (columns.time, _TIME), (columns.event, _EVENT), (columns.arm, _ARM), (columns.on_treatment, _ON_TREATMENT)
    wanted, ends_at = [_wanted(*pair) for pair in named], _wanted(columns.censoring, _CENSORING)
    is_named = columns.censoring is not None
    sheet = _sheet(where, content, [*wanted, ends_at] if is_named else wanted, () if is_named else [ends_at])
    at, of, arm, on, *ends = sheet.places
    mark = sheet.decimal_mark((at, on, *ends))
    chosen = _chosen(sheet.header, sheet.table, columns.where, sheet.faults)
    marks, coding = _events(sheet.header, sheet.table, of, chosen, columns.event_value, mark, sheet.faults)
    treated, arms = _arms(sheet, arm, chosen, columns.treated, mark)
    whens = sheet.numbers(at, chosen, mark)
    sheet.refuse_times_of_0(at, chosen, whens)
    on_treatment, censored = sheet.numbers(on, chosen, mark), [sheet.numbers(place, chosen, mark) for place in ends]
    people = sheet.read(whens, marks, mark, f"{coding}, {arms}", columns.where, chosen)
    return SwitchingData(people, np.array(treated), np.array(on_treatment), np.array(censored[0]) if censored else None)


@dataclass(frozen=True)
class _Sheet:
    """A file as far as it is read: its cells, the columns wanted by their `places`, and the faults found so far."""

    where: str
    encoding: str
    table: Grid
    places: tuple[int, ...]
    faults: list[Fault]

    @property
    def header(self) -> str:
        """The place of the names of the columns."""
        return f"{self.where}, row {self.table.header_row}"

    def decimal_mark(self, numeric: Sequence[int]) -> str:
        """What marks decimals in the columns of numbers."""
        cells = ((place, cells[k]) for place, cells in self.table.rows for k in numeric)
        return decimal_mark(self.table.separator, cells, self.faults)

    def numbers(self, column: int, chosen: _Rows, mark: str) -> list[float]:
        """The numbers of a column."""
        name = self.table.header[column]
        return [_number(place, name, with_point(cells[column], mark), self.faults) for place, cells in chosen]

    def refuse_times_of_0(self, column: int, chosen: _Rows, times: Sequence[float], zeros: bool | None = None) -> None:
        """A fault for each time that is not above 0; `zeros`: those of 0 are taken, and if that is not so it might be said."""
        remedy = "Give a small time, such as half a day" if zeros is None else _AT_ZERO
        self.faults.extend(
            Fault(
                place,
                f"{self.table.header[column]} is {time:g}, not above 0",
                remedy if time == 0 or zeros is None else "Give the time since entry",
            )
            for (place, _), time in zip(chosen, times, strict=True)
            if time < 0 or (time == 0 and not zeros)
        )

    def read(
        self, times: list[float], values: list[float], mark: str, coding: str, rows: str | None, chosen: _Rows
    ) -> SurvivalData:
        """What was read, unless there are faults."""
        if not chosen and not self.faults:
            self.faults.append(Fault(self.where, "the file has no rows", "Put its rows back"))
        if self.faults:
            raise InputError.together(self.faults)
        how = _how(self.where, self.encoding, self.table, mark, self.places, coding, rows, len(chosen))
        return SurvivalData(np.array(times), np.array(values), tuple(place for place, _ in chosen), how)


def _sheet(where: str, content: bytes, wanted: Sequence[_Names], more: Sequence[_Names] = ()) -> _Sheet:
    """The cells of a file under a header with the `wanted` columns, each by the names that it may have, and those of `more` that it has."""
    text, encoding = _text(where, content)
    faults: list[Fault] = []
    table = grid(where, text, lambda header: all(_places(header, names) for names in wanted), faults, comments=True)
    if len(table.header) == 1:  # not the columns asked for, but perhaps some
        faults.clear()
        table = grid(where, text, lambda header: len(header) > 1, faults, comments=True)
    header = f"{where}, row {table.header_row}"
    sought = [*wanted, *(names for names in more if _places(table.header, names))]
    found = [_column(header, table, names, faults) for names in sought]
    faults += _nameless(header, table)
    places = [place for place in found if place is not None]
    if len(places) < len(found):
        raise InputError.together(_header_first(faults, header))
    for name in (table.header[place] for place, count in Counter(places).items() if count > 1):
        raise InputError(
            header, f"{name} cannot be {'both' if len(places) == 2 else 'two of the'} columns", "Name another for one"
        )
    return _Sheet(where, encoding, table, tuple(places), faults)


def _header_first(faults: list[Fault], header: str) -> list[Fault]:
    """Faults of the header alone where there are some: with other columns or another separator the rows would be others."""
    return [fault for fault in faults if fault.where == header or "not CSV" in fault.problem] or faults


def _wanted(name: str | None, names: Sequence[str]) -> _Names:
    return tuple(names) if name is None else (name,)


def _folded(name: str) -> str:
    return "_".join(name.strip().lower().replace(".", " ").replace("_", " ").split())


def _places(header: Sequence[str], names: Sequence[str]) -> list[int]:
    """Columns of these names in any case; of a name that was given, as it is spelt if there is such a one."""
    exact = [k for k, name in enumerate(header) if names not in _KNOWN and name == names[0].strip()]
    return exact or [k for k, name in enumerate(header) if _folded(name) in {_folded(one) for one in names}]


def _column(header: str, table: Grid, names: Sequence[str], faults: list[Fault]) -> int | None:
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
    option = _OPTIONS.get(tuple(names))
    ask = f", or name it with --{option}-column" if option else ""
    faults.append(Fault(header, problem, f"Call one column {names[0]}{ask}"))
    return None


def _nameless(header: str, table: Grid) -> list[Fault]:
    """Columns without a name that hold something; the first may be the names of the rows, as R writes them."""
    return [
        Fault(header, f"column {k + 1} has no name", "Name it, or take it out")
        for k, name in enumerate(table.header)
        if k and not name and any(cells[k].strip() for _, cells in table.rows)
    ]


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


def _arms(sheet: _Sheet, at: int, chosen: _Rows, treated: str | None, mark: str) -> tuple[list[float], str]:
    """1 for the treated and 0 for the others, of the rows chosen, and how they are coded; no more than two arms."""
    name = sheet.table.header[at]
    codes = [_code(cells[at], mark) for _, cells in chosen]
    sheet.faults.extend(
        Fault(place, f"{name} is empty", "Give the arm to which the person was randomised")
        for (place, _), code in zip(chosen, codes, strict=True)
        if code == ""
    )
    known = sorted({code for code in codes if code != ""}, key=str)
    listed = " and ".join(_said(code) for code in known)
    if len(known) > 2:
        problem = f"{name} has {len(known)} values: {shown(listed)}"
        sheet.faults.append(Fault(sheet.header, problem, "Leave out the rows of all but two arms"))
    elif treated is not None and known and _code(treated, mark) not in known:
        remedy = nearest(treated, map(_said, known))
        sheet.faults.append(Fault(sheet.header, f"{name} is never {shown(treated)}", remedy))
    elif treated is None and not set(known) <= {0.0, 1.0}:
        problem = f"{name} is {shown(listed)}: which is the treated arm is not clear"
        sheet.faults.append(Fault(sheet.header, problem, "Write 1 for treated and 0 for not, or say --treated VALUE"))
    one = 1.0 if treated is None else _code(treated, mark)
    others = [code for code in known if code != one]
    return [float(code == one) for code in codes], ", ".join(
        [f"arm {_said(one)} = treated", *(f"{_said(c)} = not" for c in others)]
    )


def _code(cell: str, mark: str) -> float | str:
    """A code of events as a number, or as text; truth values are 0 and 1."""
    text = cell.strip()
    value = number(with_point(text, mark))
    return _FALSE_TRUE.get(text.lower(), text) if value is None else value


def _said(code: float | str) -> str:
    return code if isinstance(code, str) else f"{code:g}"


def _how(where: str, encoding: str, table: Grid, mark: str, used: Sequence[int], coding: str, rows: str | None, n: int) -> str:
    """The line about how a file was read: only encoding and decimals that are not the plain ones, separator and columns always."""
    *first, last = [table.header[k] for k in used]
    left = [name or "row names" for k, name in enumerate(table.header) if k not in used and (name or k == 0)]
    parts = [
        encoding if encoding != "UTF-8" else "",
        f"separator {SEPARATORS[table.separator]}",
        "decimal comma" if mark == "," else "",
        f"columns {', '.join(first)} and {last}",
        coding,
        f"{n:,} of {len(table.rows):,} rows, where {rows}" if rows else "",
        f"{len(left)} of {len(table.header)} columns left out: {', '.join(left)}" if left else "",
    ]
    return f"Read {where}: {', '.join(part for part in parts if part)}."
