"""Whatever is uploaded is taken as it stands or refused in words: an edited sheet, a scenario file, survival data.

Pitfalls: a traceback in place of a message; a file that is small and unpacks to gigabytes, or that keeps a parser busy for minutes; a
message as long as the file; a number that is read as another (1,5 as 15; a date as its serial number; infinity as a whole number);
values put in place that the model cannot run; something changed by a file that was refused; a value of a file in a log.
"""

import csv
import http.client
import io
import logging
import os
import re
import struct
import tomllib
import warnings
import zipfile
from collections import Counter
from functools import cache, lru_cache
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import openpyxl
import pytest
from streamlit.testing.v1 import AppTest

import hemodel as hm
from hemodel.analyses.fitting import run_fits
from hemodel.app import choices, front, sharing, show
from hemodel.app.screens import clinical
from hemodel.errors import InputError
from hemodel.evidence import inputs_sheet
from hemodel.evidence.reading import data_folder
from hemodel.report import labels
from hemodel.report.live import live_workbook
from hemodel.report.workbook import workbook_bytes
from tests.app.driving import go, quiet

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent.parent
SEED = 171
TIMES = int(os.environ.get("HEMODEL_TIMES", "1"))  # more than in the ordinary suite: HEMODEL_TIMES=10 python -m pytest tests/app
CASES = {"workbook": 100 * TIMES, "sheet as CSV": 600 * TIMES, "scenario file": 400 * TIMES, "survival data": 900 * TIMES}
"""Kind of upload -> damaged files that are driven through the functions of its page."""
FITTED = 8 * TIMES
"""Survival data that were taken and are fitted as the page fits them and put into the model; the others get two families."""
ON_PAGES = 5
"""Damaged files of each kind that go through the page itself."""
IN_A_BROWSER_EACH = 4
IN_A_BROWSER = 3 * IN_A_BROWSER_EACH
"""Those made to do harm that go through a browser and a server, in all, and on each of the three pages."""
LD = "lenalidomide_dexamethasone"
SECRET = "7654.3219"  # in every file that goes to a page: must be in no log
JUNK = (
    *("", " ", "nan", "NaN", "inf", "-inf", "1e308", "1e-308", "1e400", "-1", "0", "1", "2", "0.5", "1,5", "15,100", "£9,000.50"),
    *(
        "1.234,56",
        "50%",
        "9" * 400,
        "0x10",
        "1_000",
        "١٢",
        "TRUE",
        "#REF!",
        "2020-01-01",
        "=1+1",
        "=CMD|' /C calc'!A0",
        "@SUM(1)",
    ),
    *(
        '=HYPERLINK("http://x.example","y")',
        "+1",
        "-2+3",
        "'",
        '"',
        "\\",
        "[[",
        "{}",
        "\0",
        "\u202e",
        "\u200b",
        "\ufeff",
        "é",
        "<b>",
    ),
    *("x" * 3000, "1\n2", "name", "value", "u_progressed", "median_os_dexamethasone", "p_packs_5mg", "=", ",", ";", "\t", "#"),
)
NAMES = (
    "mine",
    "../../etc/passwd",
    "a\u202excod",
    "z\u200bero\u200d",
    "x" * 300,
    "<script>",
    "",
    " ",
    "=cmd|x",
    "C:\\x",
    "CON",
    "é\n\r",
)


# --- files as the app gives them ---------------------------------------------------------------------------------------------


@cache
def base():
    return hm.run_base_case(hm.load_inputs("relapsed"))


@cache
def workbooks():
    """The workbook of values, the one with formulas, and the first as a person leaves it who kept its sheet Inputs alone."""
    values, content = workbook_bytes(base()), io.BytesIO()
    book = openpyxl.load_workbook(io.BytesIO(values))
    for name in book.sheetnames:
        if name != "Inputs":
            del book[name]
    book.save(content)
    return values, live_workbook(base().inputs), content.getvalue(), content.getvalue()


@lru_cache(8)
def parts(content):
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def packed(members, packing=zipfile.ZIP_DEFLATED):
    content = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(content, "w", packing, compresslevel=1) as archive:
        warnings.simplefilter("ignore", UserWarning)  # names that are there twice
        for name, data in members if isinstance(members, list) else members.items():
            archive.writestr(name, data)
    return content.getvalue()


@lru_cache(8)
def sheet_of(content):
    """The part of a workbook that holds its sheet Inputs."""
    found = parts(content)
    link = re.search(rb'<sheet [^>]*name="Inputs"[^>]*r?:?id="(\w+)"', found["xl/workbook.xml"])[1]
    links = re.findall(rb"<Relationship [^>]*>", found["xl/_rels/workbook.xml.rels"])
    target = next(re.search(rb'Target="([^"]+)"', one)[1] for one in links if b'Id="' + link + b'"' in one).decode()
    return target.lstrip("/") if target.startswith("/") else f"xl/{target}"


@cache
def sheets_as_csv():
    parameters = base().inputs.parameters
    return (inputs_sheet.listed(list(parameters), [p.value for p in parameters.values()]).encode(),)


@cache
def scenario_files():
    edited = choices.applied(base().inputs, {"u_progressed": 0.6, "discount_rate_costs": 1.5, "drug_cost_cap_cycles": 20})
    own = [edited, hm.load_inputs("first_line"), base().inputs.with_values(c_terminal_care=9_000.0)]
    told = [sharing.scenario_text(one, name="mine", label="Mine", why="Because").encode() for one in own]
    filed = [path.read_bytes() for path in sorted(data_folder("scenarios").glob("*.toml"))]
    return (*(content.replace(b'name = "', b'name = "my_', 1) for content in filed), *told * 8)  # the list has the others


@cache
def survival_data():
    """Two published sets with the columns that the page asks for: whole, and their first sixty people."""
    found = []
    for name in ("gbsg2", "lung"):
        lines = (ROOT / "tests" / "published" / f"{name}.csv").read_text(encoding="utf-8").splitlines()
        rows = [",".join(line.split(",")[:2]) if not line.startswith("#") else line for line in lines]
        found += ["\n".join(rows[:62]).encode()] * 9 + ["\n".join(rows).encode()]
    return tuple(found)


ORIGINALS = {
    "workbook": workbooks,
    "sheet as CSV": sheets_as_csv,
    "scenario file": scenario_files,
    "survival data": survival_data,
}


# --- accidents ---------------------------------------------------------------------------------------------------------------


def pick(luck, things):
    return things[int(luck.integers(len(things)))]


def number(luck):
    """A number of any size as text."""
    return repr(float(luck.choice([-1, 1, 1, 1]) * 10.0 ** luck.uniform(-12, 12)))


def moved(luck, text):
    """A number a little larger or smaller than the one in the text."""
    try:
        return f"{float(text) * luck.uniform(0.9, 1.1):.6g}".encode()
    except ValueError:
        return text


def bytes_spoiled(raw, luck):
    """An accident of the bytes."""
    at, end = sorted(int(k) for k in luck.integers(len(raw) + 1, size=2))
    end = min(end, at + int(luck.integers(1, 400)))
    kinds = (
        lambda: raw[:at],
        lambda: raw[at:],
        lambda: raw[:at] + luck.bytes(int(luck.integers(1, 5))) + raw[at:],
        lambda: raw[:at] + raw[end:],
        lambda: raw[:end] + raw[at:],
        lambda: raw[:at] + bytes(end - at) + raw[end:],
        lambda: raw[:at] + luck.bytes(end - at) + raw[end:],
    )
    return pick(luck, kinds)()


def encoded(raw, luck):
    """The text in another encoding, or with marks and line ends of another system; empty, or white space alone."""
    text = raw.decode("utf-8", "replace")
    kinds = (
        lambda: text.encode("utf-16"),
        lambda: text.encode("utf-16-le"),
        lambda: text.replace("a", "é").encode("latin-1", "replace"),
        lambda: b"\xef\xbb\xbf" + raw,
        lambda: raw.replace(b"\n", b"\r\n"),
        lambda: raw.replace(b"\n", b"\r"),
        lambda: raw.replace(b"\n", b"\n\n"),
        lambda: raw.replace(b"\n", b"\0\n"),
        lambda: b"",
        lambda: b" \n\t\r\n",
    )
    return pick(luck, kinds)()


def text_spoiled(raw, luck):
    """An accident of lines and cells: of a CSV file, or of `key = value`."""
    lines = raw.split(b"\n")
    at, other = (int(k) for k in luck.integers(len(lines), size=2))
    mark = b" = " if b" = " in lines[at] else b","
    cells = lines[at].split(mark)
    place = int(luck.integers(len(cells)))
    junk = (number(luck) if luck.random() < 0.4 else pick(luck, JUNK)).encode()
    match int(luck.integers(15)):
        case 0:
            del lines[at]
        case 1:
            lines.insert(other, lines[at])
        case 2:
            lines[at], lines[other] = lines[other], lines[at]
        case 3:  # a column more or less, in every line or in one
            step = (lambda line: line.rpartition(mark)[0]) if luck.random() < 0.5 else (lambda line: line + b",0.5")
            lines = [step(line) for line in lines] if luck.random() < 0.5 else [*lines[:at], step(lines[at]), *lines[at + 1 :]]
        case 4:  # columns swapped
            lines = [b",".join(reversed(line.split(b","))) for line in lines]
        case 5:
            lines[at] = lines[at].replace(b",", b";")
        case 6 | 7 | 8:
            cells[place] = junk
            lines[at] = mark.join(cells)
        case _:  # another number in place of one
            lines[at] = re.sub(rb"(?<=[,=\[ ])[\d.]+$", lambda found: moved(luck, found[0]), lines[at])
    return b"\n".join(lines)


def workbook_spoiled(content, luck):
    """An accident of a workbook: of a cell of its sheet Inputs, of a row, of the sheet's name, or of a part."""
    kind, members = luck.random(), dict(parts(content))
    try:
        sheet = sheet_of(content)
        text = members[sheet].decode()
    except (KeyError, TypeError, UnicodeDecodeError, StopIteration):  # an accident before took it away
        return content
    cells = list(re.finditer(r'<c r="[A-F]\d+"[^>]*?(/>|>.*?</c>)', text))
    rows = list(re.finditer(r"<row .*?</row>", text, re.DOTALL))
    if kind < 0.6 and cells:
        cell = pick(luck, [c for c in cells if c[0].startswith('<c r="D')] or cells)
        place, junk = re.match(r'<c r="[^"]*"', cell[0])[0], pick(luck, JUNK)
        safe = "".join(c for c in junk if c >= " ").replace("&", "&amp;").replace("<", "&lt;")
        new = pick(
            luck,
            (
                f"{place}><v>{number(luck)}</v></c>",
                *[re.sub(r"(?<=<v>)[\d.]+", lambda found: moved(luck, found[0]).decode(), cell[0])] * 12,
                f'{place} t="inlineStr"><is><t>{safe}</t></is></c>',
                f'{place} t="str"><f>{safe}</f><v>{safe}</v></c>',
                f"{place}><v>{safe}</v></c>",
                f'{place} t="b"><v>1</v></c>',
                f'{place} t="e"><v>#REF!</v></c>',
                f'{place} t="s"><v>{int(luck.integers(-3, 5000))}</v></c>',
                f"{place}><v>1E999</v></c>",
                "",
                cell[0] * 2,
            ),
        )
        members[sheet] = (text[: cell.start()] + new + text[cell.end() :]).encode()
    elif kind < 0.75 and rows:
        row, other = pick(luck, rows), pick(luck, rows)
        swapped = text[: row.start()] + other[0] + text[row.end() :]
        gone, twice = text[: row.start()] + text[row.end() :], text[: row.end()] + row[0] + text[row.end() :]
        members[sheet] = pick(luck, (gone, twice, swapped)).encode()
    elif kind < 0.82:
        for name, data in (("xl/workbook.xml", members["xl/workbook.xml"]),):
            new = pick(luck, (b"inputs", b"Inputs ", b"Sheet1", "Inp\u202euts".encode(), b"", b"Cover"))
            members[name] = data.replace(b'name="Inputs"', b'name="' + new + b'"')
    else:
        name = pick(luck, ["xl/workbook.xml", "xl/_rels/workbook.xml.rels", "xl/sharedStrings.xml", "xl/styles.xml", sheet])
        spoil = pick(luck, (bytes_spoiled, lambda data, _luck: b"", lambda data, _luck: data.replace(b"<", b"<!DOCTYPE a><", 1)))
        if name in members and luck.random() < 0.7:
            members[name] = spoil(members[name], luck)
        else:
            members.pop(name, None)
    return packed(members)


def damaged(kind, number):
    """The `number`-th damaged upload of a kind, the same every time: its name, its bytes, and those before the archive was damaged."""
    luck = np.random.default_rng([SEED, list(CASES).index(kind), number])
    raw = pick(luck, ORIGINALS[kind]())
    for _ in range(int(luck.choice([1, 1, 2, 3]))):
        if kind == "workbook":
            raw = workbook_spoiled(raw, luck)
        else:
            step = luck.random()
            raw = (bytes_spoiled if step < 0.15 else encoded if step < 0.25 else text_spoiled)(raw, luck)
    whole = raw
    if kind == "workbook" and luck.random() < 0.15:
        raw = bytes_spoiled(raw, luck)
    return pick(luck, NAMES), raw, whole


# --- what becomes of an upload -----------------------------------------------------------------------------------------------


def taken(kind, name, content):
    """What the page of a kind makes of an upload, step by step: (`Sheet` and) inputs, or times and events."""
    file = show.plain_name(name)
    if kind == "survival data":
        return clinical.survival_times(file, content)
    if kind == "scenario file":
        return sharing.read_scenario(file, content, hm.load_inputs("relapsed"))
    sheet = inputs_sheet.read_sheet(file, content)
    return sheet, choices.applied(base().inputs, choices.sheet_edits(base().inputs, sheet))


def finite(inputs):
    """Whether the base case of inputs is made of finite numbers."""
    found = hm.run_base_case(inputs).outcomes
    return bool(np.isfinite([*map(found.total_costs, found.price_arrangements), found.total_qalys, found.total_life_years]).all())


def is_told(error):
    """Whether a refusal names place, problem and remedy, on a line for each fault, and can be printed."""
    lines = str(error).split("\n")
    return (
        len(lines) == len(error.faults)
        and all(fault.where and fault.problem and fault.remedy for fault in error.faults)
        and all(line.isprintable() and len(line) < 800 for line in lines)
    )


def plain_number(text):
    """A number as a person reads it in a cell: pounds and thousands separators are no part of it."""
    bare = re.sub(r"[£\s]|GBP", "", text)
    if re.fullmatch(r"[+-]?\d{1,3}(,\d{3})+(\.\d*)?", bare):
        bare = bare.replace(",", "")
    return float(bare)


def written(kind, content):
    """The numbers of an upload, read by other means: parameter -> value, or times and events."""
    if kind == "workbook":
        book = openpyxl.load_workbook(io.BytesIO(content), data_only=True, read_only=True)
        rows = list(book["Inputs"].iter_rows(values_only=True))
        book.close()
        heading = next(k for k, row in enumerate(rows) if {"name", "value"} <= {str(c).strip().lower() for c in row})
        places = [[str(c).strip().lower() for c in rows[heading]].index(word) for word in ("name", "value")]
        cells = [[row[k] for k in places] for row in rows[heading + 1 :]]
        return {
            str(name).strip(): plain_number(str(value)) for name, value in cells if str(name).strip() in base().inputs.parameters
        }
    text = decoded_anyhow(content)
    if kind == "scenario file":
        cells = tomllib.loads(text).get("parameters", {})
        return {name: float(changes["value"]) for name, changes in cells.items() if "value" in changes}
    lines = io.StringIO(text, newline="").readlines()
    while kind == "survival data" and lines[0].startswith("#"):
        lines = lines[1:]
    mark = next((mark for mark in ";\t" if mark in lines[0] and "," not in lines[0]), ",")
    rows = [{str(k).strip().lower(): v for k, v in row.items()} for row in csv.DictReader(lines, delimiter=mark)]
    if kind == "survival data":
        rows = [row for row in rows if (row["time"] or "").strip() or (row["event"] or "").strip()]
        return [float(row["time"]) for row in rows], [
            float({"TRUE": 1, "FALSE": 0}.get(event := row["event"].strip().upper(), event)) for row in rows
        ]
    return {row["name"].strip(): plain_number(row["value"]) for row in rows if (row["name"] or "").strip()}


def decoded_anyhow(content):
    """Text in the encoding that its first bytes or its letters show."""
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return content.decode("utf-16")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252")


def agrees(kind, found, content):
    """Whether what was taken holds the numbers that are in the file."""
    told = written(kind, content)
    if kind == "survival data":
        return [values.tolist() for values in found] == list(map(list, told))
    inputs = found if kind == "scenario file" else found[1]
    if kind != "scenario file" and found[0].values != told:
        return False
    derived = kind != "scenario file" and choices.derived_anew(base().inputs, choices.sheet_edits(base().inputs, found[0]))
    edited = told if kind == "scenario file" else choices.sheet_edits(base().inputs, found[0])
    return all(
        inputs.parameters[name].value == pytest.approx(value, rel=1e-12, abs=0)
        for name, value in told.items()
        if name in inputs.parameters
        and not (derived and name.startswith("r_death_progressed_") and name not in edited)
        and (kind == "scenario file" or name in edited)
    )


def judged(kind, number, fits):
    """What became of a damaged upload; anything but a refusal in words or finite numbers that are in the file is an error."""
    case = f"{kind} {number} of seed {SEED}"
    name, content, whole = damaged(kind, number)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # as in the app: what is not finite is refused by the model
        try:
            found = taken(kind, name, content)
            assert agrees(kind, found, whole), case
            if kind == "survival data":
                fits[0] += 1
                all_families = fits[0] <= FITTED
                fitted = run_fits(*found) if all_families else run_fits(*found, ("exponential", "weibull"))
                assert np.isfinite(fitted.curves()[["time", "survival"]].to_numpy()).all(), case
                assert np.isfinite(fitted.table[["aic", "median"]].to_numpy()).all(), case
                terms = (fitted.best.family.name, "months", tuple(fitted.times), tuple(fitted.events), show.plain_name(name))
                if all_families:
                    assert finite(choices.applied(base().inputs, {}, fitted=choices.FittedData("pfs", LD, *terms))), case
            else:
                assert finite(found if kind == "scenario file" else found[1]), case
        except InputError as error:
            assert is_told(error), f"{case}: {str(error)[:500]}"
            return "refused"
        except AssertionError:
            raise
        except BaseException as error:
            raise AssertionError(f"{case}: {type(error).__name__}: {error}") from error
    return "taken"


@pytest.mark.parametrize("kind", CASES)
def test_a_damaged_upload_is_taken_as_it_stands_or_refused_in_words(kind, capsys):
    before, fits = base().inputs.hash, [0]
    outcomes = Counter(judged(kind, number, fits) for number in range(CASES[kind]))
    assert base().inputs.hash == before == hm.load_inputs("relapsed").hash
    assert min(outcomes["taken"], outcomes["refused"]) > CASES[kind] / 20, outcomes
    assert capsys.readouterr() == ("", "")


# --- made to do harm -----------------------------------------------------------------------------------------------------------


def bombs():
    """Small files that would unpack to, or be read as, far more; the last of them says of itself that it is small."""
    values = workbooks()[0]
    members, sheet = parts(values), sheet_of(values)
    text = members[sheet]
    large = packed(members | {sheet: text + b" " * 30_000_000})
    size = struct.pack("<I", len(text) + 30_000_000)
    wide, many = b'<row r="1">' + b"<c/>" * 200_000 + b"</row>", b"<si><t/></si>" * 60_000 + b"</sst>"
    return {
        "zeros": large,
        "zeros that say they are few": large.replace(size, struct.pack("<I", 1_000)),
        "a row of many cells": packed(members | {sheet: text.replace(b"<sheetData>", b"<sheetData>" + wide)}),
        "many texts": packed(members | {"xl/sharedStrings.xml": members["xl/sharedStrings.xml"].replace(b"</sst>", many)}),
        "elements in elements": packed(members | {sheet: text.replace(b"<sheetData>", b"<a>" * 200_000)}),
        "packed in another way": packed(members, zipfile.ZIP_BZIP2),
        "many parts": packed(members | {f"x{k}": b"" for k in range(3_000)}),
    }


def poisoned():
    """Workbooks with definitions, links to elsewhere, paths out of the archive, places that no sheet has."""
    values = workbooks()[0]
    members, sheet = parts(values), sheet_of(values)
    book, text = members["xl/workbook.xml"], members[sheet]
    top, links = book.index(b"?>") + 2, "xl/_rels/workbook.xml.rels"
    outside = b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]>'
    laughs = b"<!DOCTYPE a [<!ENTITY b 'ha'>" + b"".join(b"<!ENTITY b%d '%s'>" % (k, b"&b;" * 10) for k in range(10)) + b"]>"
    utf_16 = "<?xml version='1.0' encoding='UTF-16'?><!DOCTYPE a [<!ENTITY b 'c'>]>" + book[top:].decode()
    link = zipfile.ZipInfo("xl/link")
    link.external_attr = 0o120777 << 16
    first = text.index(b'<row r="1"')
    return {
        "entity outside": packed(members | {"xl/workbook.xml": book[:top] + outside + book[top:]}),
        "entities in entities": packed(members | {sheet: text[:top] + laughs + text[top:]}),
        "definitions in UTF-16": packed(members | {"xl/workbook.xml": utf_16.encode("utf-16")}),
        "link to another book": packed(members | {"xl/externalLinks/externalLink1.xml": b"<x>file:///etc/passwd</x>"}),
        "paths out of it": packed([*members.items(), ("../../evil", b"x"), ("/etc/evil", b"x"), (link, b"/etc/passwd")]),
        "sheet elsewhere": packed(members | {links: members[links].replace(b"worksheets", b"../../etc")}),
        "parts twice": packed([*members.items(), *members.items()]),
        "far row": packed(members | {sheet: text[:first] + text[first:].replace(b'r="1"', b'r="99999999999999999999"', 1)}),
        "far column": packed(members | {sheet: re.sub(rb'r="D(\d+)"', rb'r="ZZZZ\1"', text)}),
        "archive in archive": packed({"a.zip": values, "b.zip": packed({"c.zip": values})}),
        "document of another program": packed({"mimetype": b"application/vnd.oasis.opendocument.spreadsheet", "content.xml": b"<x/>"}),
        "with a password": bytes.fromhex("d0cf11e0a1b11ae1") + bytes(504) + "EncryptedPackage".encode("utf-16-le"),
        "PDF": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj",
        "picture": b"\x89PNG\r\n\x1a\n" + bytes(100),
        "the first two letters": b"PK",
    }  # fmt: skip


def long_texts():
    """Texts that keep a reader busy, within the size that a page lets through: kind -> name -> bytes."""
    head = b'name = "mine"\nproblem = "relapsed"\nlabel = "x"\nwhy = "x"\n'
    deep = b".".join([b"a"] * 40_000)
    return {
        "sheet as CSV": {
            "lines": b"name,value\n" + b"a,b\n" * 1_200_000,
            "old lines": b"name,value\r" + b"a\r" * 400_000,
            "one line": b"name,value\n" + b"x" * 4_000_000,
            "quoted": b'name,value\n"' + b"x\n" * 4_000,
            "commas": b"name,value\n" + b"," * 800_000,
            "names": b"name,value\n" + b"".join(b"u_%d,1e400\n" % k for k in range(4_900)),
        },
        "scenario file": {
            "name of many parts": head + b"[settings]\n" + deep + b" = 1",
            "heading of many parts": head + b"[" + deep + b"]\n" + b"".join(b"x%d = 1\n" % k for k in range(10_000)),
            "many parts within bounds": head + b"[" + b"a." * 190 + b"a]\n" + b"".join(b"x%d = 1\n" % k for k in range(15_000)),
            "brackets": head + b"a = " + b"[" * 90_000,
            "braces": head + b"a = " + b"{a=" * 60_000,
            "lists in lists": head + b"[settings]\nalso_counted = " + b"[" * 150 + b"]" * 150,
            "settings": head + b"[settings]\n" + b"".join(b"horizon_yeers%d = 1\n" % k for k in range(1_900)),
            "parameters": head + b"".join(b"[parameters.u_progresed%d]\n" % k for k in range(1_900)),
            "tables": head + b"[[a]]\n" * 30_000,
            "digits": head + b"[settings]\nhorizon_years = 0x" + b"f" * 150_000,
            "populations": head + b"populations = [" + b"'one', " * 1_900 + b"]",
            "names that cannot be shown": head + b'[settings]\n"a\\u0000\\n\\u202e" = 1',
            "a long name": head + b"x" * 150_000 + b" = 1",
            "twice": head + head,
            "no numbers": head + b"[parameters.u_progressed]\nvalue = nan\nse = inf\nlow = 2020-01-01\nhigh = true",
            "words that cannot be shown": head.replace(b'"x"', b'"a\\u0000\\u202e\\uFFFE=cmd|"'),
        },
        "survival data": {
            "lines": b"time,event\n" + b"a,b\n" * 120_000,
            "comments": b"#\n" * 240_000,
            "no numbers": b"time,event\n" + b"a,b\n" * 9_000,
            "one line": b"time,event\n" + b"1" * 450_000,
            "far apart": b"time,event\n" + b"".join(b"1e%d,1\n" % k for k in range(-300, 301, 50)),
            "tiny": b"time,event\n" + b"1e-308,1\n5e-324,1\n" * 20,
            "huge": b"time,event\n" + b"1e308,1\n" * 20,
            "all at once": b"time,event\n" + b"1,1\n" * 1_000,
            "all but one at once": b"time,event\n" + b"1,1\n" * 1_000 + b"2,0\n",
            "backwards": b"time,event\n" + b"-1,1\n0,1\n" * 10,
            "more than once": b"time,event\n" + b"1,7\n2,-3\n" * 10,
        },
    }  # fmt: skip


@cache
def made_to_do_harm():
    """Kind of upload -> what it is -> its bytes."""
    return {"workbook": bombs() | poisoned()} | long_texts()


HARMLESS = ("link to another book", "paths out of it", "many parts", "parts twice", "many texts", "words that cannot be shown")


@pytest.mark.parametrize("kind", CASES)
def test_what_is_made_to_do_harm_is_refused_in_words_or_taken_for_what_it_holds(kind):
    wrong = []
    for name, content in made_to_do_harm()[kind].items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            try:
                found = taken(kind, f"{name}.xlsx", content)
                if kind == "survival data":
                    fits = run_fits(*found)
                    assert np.isfinite(fits.curves()[["time", "survival"]].to_numpy()).all()
                    assert np.isfinite(fits.table["aic"]).all()
                else:
                    assert finite(found if kind == "scenario file" else found[1])
                    assert name in HARMLESS
            except InputError as error:
                if not is_told(error) or name in HARMLESS:
                    wrong.append(f"{name}: {str(error)[:300]}")
            except Exception as error:
                wrong.append(f"{name}: {error!r}")
    assert wrong == []


# --- through the pages ---------------------------------------------------------------------------------------------------------

PLACES = {
    "workbook": ("Inputs", "xlsx"),
    "sheet as CSV": ("Inputs", "csv"),
    "scenario file": ("Scenarios", "toml"),
    "survival data": ("Clinical", "csv"),
}
KEEPS = ("edits", "fitted", "wanted", "own")


def every(things, number):
    """So many of them, from all over."""
    return things[:: max(1, len(things) // number)][:number]


def on_a_page(kind):
    """Uploads of a kind for its page, damaged ones and then some that were made to do harm, with a secret in each that is text."""
    damaged_ones = [(f"{name}.{PLACES[kind][1]}", content) for name, content, _ in (damaged(kind, k) for k in range(ON_PAGES))]
    harm = {name: raw for name, raw in made_to_do_harm()[kind].items() if len(raw) < 1_000_000 and name not in HARMLESS}
    made = [(f"{name}.{PLACES[kind][1]}", content) for name, content in every(list(harm.items()), IN_A_BROWSER_EACH)]
    secret = b"" if kind == "workbook" else f"\n#{SECRET},{SECRET}\n".encode()
    return [(name, content + secret) for name, content in [*damaged_ones, *made]]


def kept(app):
    state = app.session_state
    return {name: state[name] for name in KEEPS if name in state}


@pytest.mark.parametrize("kind", CASES)
def test_a_page_says_what_is_wrong_with_an_upload_and_changes_nothing(kind, caplog):
    caplog.set_level(logging.DEBUG)
    title = PLACES[kind][0]
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120).run()
    app.switch_page(str(front.path_of(title))).run()
    if kind == "scenario file":
        app.session_state["scenarios_tab"] = "Save, load and share"
        app.run()
    told = 0
    for name, content in on_a_page(kind):
        before = kept(app)
        app.file_uploader[0].upload(name, content, "application/octet-stream")
        app.run()
        assert [error.value for error in app.exception] == [], name
        assert len(app.error) <= 1, name
        if app.error:
            told += 1
            assert "Nothing was changed." in [info.value for info in app.info], name
            assert len(app.error[0].value) < 10_000, name
            assert kept(app) == before, name
        elif kind != "scenario file":
            assert kept(app) == before, name
    assert told > len(on_a_page(kind)) / 3
    assert SECRET not in caplog.text
    assert "Traceback" not in caplog.text


def test_a_hostile_upload_through_a_browser_leaves_the_answer_and_nothing_in_the_log(page, server_log):
    answer = page.get_by_test_id("stMetricValue").all_inner_texts()
    sent = 0
    for title in ("Inputs", "Scenarios", "Clinical"):
        go(page, title)
        if title == "Inputs":
            page.get_by_text("Change many inputs at once").click()
        if title == "Scenarios":
            page.get_by_role("tab", name="Save, load and share").click()
        quiet(page)
        files = [upload for kind, (of, _) in PLACES.items() if of == title for upload in on_a_page(kind)[ON_PAGES:]]
        for name, content in every(files, IN_A_BROWSER_EACH):
            upload = {"name": f"\u202e{name}", "mimeType": "application/octet-stream", "buffer": content}
            page.get_by_test_id("stFileUploader").locator("input").first.set_input_files(upload)
            page.get_by_text("Nothing was changed.").wait_for()
            quiet(page)
            assert page.get_by_test_id("stException").count() == 0, name
            assert page.get_by_test_id("stAlertContentError").count() == 1, name
            page.get_by_test_id("stFileChipDeleteBtn").locator("button").click()
            page.get_by_text("Nothing was changed.").wait_for(state="detached")
            sent += 1
    assert sent == IN_A_BROWSER
    go(page, "Summary")
    assert (
        page.get_by_test_id("stMetricValue").all_inner_texts()
        == answer
        == [labels.money(base().icer(a), base().inputs.settings) for a in base().outcomes.price_arrangements]
    )
    log = server_log.read_text(encoding="utf-8", errors="replace")
    assert "Traceback" not in log
    assert SECRET not in log


@pytest.mark.parametrize("says_its_size", [True, False])
def test_the_server_refuses_200_megabytes_whatever_the_browser_would_send(page, server, says_its_size):
    """To the address and with the cookies of an upload that the page made itself."""
    go(page, "Clinical")
    upload = {"name": "mine.csv", "mimeType": "text/csv", "buffer": b"time,event\n1,1\n"}
    with page.expect_request(lambda request: "/upload_file/" in request.url and request.method == "PUT") as made:
        page.get_by_test_id("stFileUploader").locator("input").first.set_input_files(upload)
    page.get_by_text("Nothing was changed.").wait_for()
    headers = {k: v for k, v in made.value.all_headers().items() if not k.startswith((":", "content-length"))}
    edge = headers["content-type"].partition("boundary=")[2].encode()
    head = b"--" + edge + b'\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n'
    tail = b"\r\n--" + edge + b"--\r\n"

    def sent(*parts):
        """Status of the answer; None where the server hung up in the middle."""
        connection = http.client.HTTPConnection("127.0.0.1", server, timeout=60)
        more = {"content-length": str(sum(map(len, parts)))} if says_its_size else {}
        try:
            connection.request("PUT", urlsplit(made.value.url).path, body=iter(parts), headers=headers | more)
            return connection.getresponse().status
        except ConnectionError:
            return None
        finally:
            connection.close()

    megabyte = bytes(1_000_000)
    assert sent(head, megabyte, tail) == 204  # the way there is right
    assert sent(head, *[megabyte] * 200, tail) in (413, None)
    assert sent(head, megabyte, tail) == 204  # and the server is as it was
    go(page, "Summary")
    assert page.get_by_test_id("stMetricValue").count() == 2
