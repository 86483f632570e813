"""A folder of one's own as a zip file: read in memory, checked before a byte is unpacked, and written back. Nothing in it is run.

Only the files of a decision problem are taken: `settings.toml` and the tables beside it, `sources.md`, `scenarios/*.toml` and
`life_tables/*.csv`, at the top of the zip or in one folder.
"""

from __future__ import annotations

import io
import re
import stat
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from hemodel.errors import Fault, InputError, shown
from hemodel.evidence.folder import FILES, OPTIONAL, SETTINGS, Folder, Kept, around, missing
from hemodel.evidence.reading import text_from

MOST_BYTES = 5_000_000
"""Size of a zip; those of the package have a fiftieth of it."""
MOST_FILES = 200
MOST_UNPACKED = 2_000_000
"""Bytes of one file once unpacked."""
_MOST_TOGETHER = 20_000_000
_MOST_DOTS = 200  # in a line of TOML: Python's reader takes minutes over names with thousands
_SHOWN_FAULTS = 8
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,80}")
_IN_FOLDERS = {"scenarios": ".toml", "life_tables": ".csv"}
_SOURCES = "sources.md"
_REMEDY = "Zip the folder of a decision problem: its settings.toml, parameters.csv and the files beside them"
_WRITTEN = (1980, 1, 1, 0, 0, 0)  # a fixed date, so that the same folder gives the same bytes


def unzipped(file: str, content: bytes) -> Folder:
    """The decision problem in a zip, with all its texts; raises `InputError` for whatever is not the zip of one."""
    if len(content) > MOST_BYTES:
        raise InputError(file, f"the file has {len(content):,} bytes", f"Give a zip of at most {MOST_BYTES:,}")
    name = re.sub(r"[^a-z0-9]+", "_", file.rpartition(".")[0].lower()).strip("_")[:60] or "own"
    path = Path(f"{name}.zip")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            texts = _texts(file, path, archive)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, OSError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(file, "this is not a zip that can be unpacked", _REMEDY) from None
    if path / SETTINGS not in texts:
        raise InputError(file, f"there is no {SETTINGS} in it", _REMEDY)
    sources = texts.pop(path / _SOURCES, None)
    kept = {path / other: Kept("", ()) if other in OPTIONAL else missing(path / other) for other in FILES} | texts
    scenarios = {p.stem: p for p in sorted(texts) if p.parent == path / "scenarios"}
    tables = {p.name: p for p in sorted(texts) if p.parent == path / "life_tables"}
    return around(f"./{name}", path, kept, scenarios, tables, None if sources is None else sources.text or "")


def zipped(folder: Folder) -> bytes:
    """The folder as a zip that `unzipped` reads: its files, its scenarios, the life tables and sources it has."""
    content = io.BytesIO()
    name = folder.path.stem
    named = {folder.path / file: file for file in FILES}
    named |= {folder.scenarios[scenario]: f"scenarios/{scenario}.toml" for scenario in folder.scenario_names}
    named |= {path: f"life_tables/{table}" for table, path in folder.life_tables.items()}
    texts = {inside: folder.kept[path].text for path, inside in named.items()} | {_SOURCES: folder.sources}
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for inside, text in texts.items():
            if text:
                archive.writestr(zipfile.ZipInfo(f"{name}/{inside}", _WRITTEN), text, zipfile.ZIP_DEFLATED)
    return content.getvalue()


def _texts(file: str, path: Path, archive: zipfile.ZipFile) -> dict[Path, Kept]:
    """The texts of the files of a problem; every fault of the listing is told before anything is unpacked."""
    entries = [entry for entry in archive.infolist() if not _is_beside_the_point(entry)]
    if len(entries) > MOST_FILES:
        raise InputError(file, f"it has {len(entries):,} files", f"Give at most {MOST_FILES}: one decision problem")
    faults: list[Fault] = []
    top = _top_of([entry.filename for entry in entries])
    named: dict[str, zipfile.ZipInfo] = {}
    for entry in entries:
        inside = entry.filename.removeprefix(top)
        problem = _problem_of(entry, inside)
        if not problem and inside.lower() in {other.lower() for other in named}:
            problem = ("is there twice", "Keep one of them")
        if problem:
            faults.append(Fault(f"{file} ({shown(entry.filename)})", *problem))
        named[inside] = entry
    if sum(entry.file_size for entry in entries) > _MOST_TOGETHER:
        faults.append(Fault(file, "its files are too large together", f"Give at most {_MOST_TOGETHER:,} bytes"))
    if faults:
        raise InputError.together(faults[:_SHOWN_FAULTS])
    return {path / inside: _kept(file, path / inside, archive, entry) for inside, entry in named.items()}


def _is_beside_the_point(entry: zipfile.ZipInfo) -> bool:
    """What is no file, or what an operating system puts beside files unasked."""
    parts = PurePosixPath(entry.filename).parts
    return entry.is_dir() or parts[:1] == ("__MACOSX",) or parts[-1:] in ((".DS_Store",), ("Thumbs.db",), ("desktop.ini",))


def _top_of(names: list[str]) -> str:
    """The one folder in which all files lie, with its slash; nothing where they lie at the top."""
    tops = {name.partition("/")[0] for name in names}
    only = tops.pop() if len(tops) == 1 else ""
    return f"{only}/" if _NAME.fullmatch(only) and all("/" in name for name in names) and only not in _IN_FOLDERS else ""


def _problem_of(entry: zipfile.ZipInfo, inside: str) -> tuple[str, str] | None:
    """Why an entry of a zip is not taken: problem and remedy."""
    kind = stat.S_IFMT(entry.external_attr >> 16)
    folder, _, name = inside.rpartition("/")
    known = name in (*FILES, _SOURCES) if not folder else name.endswith(_IN_FOLDERS.get(folder, "\0"))
    if kind not in (0, stat.S_IFREG):
        return "is a link or something else that is no file", "Put the file itself in its place"
    if entry.flag_bits & 0x1:
        return "is protected by a password", "Zip the folder without one"
    if not known or not _NAME.fullmatch(name):
        return (
            "is no file of a decision problem",
            f"Leave it out. Known are {', '.join(FILES)}, scenarios/*.toml, life_tables/*.csv",
        )
    if entry.file_size > MOST_UNPACKED:
        return f"has {entry.file_size:,} bytes", f"Give at most {MOST_UNPACKED:,}"
    return None


def _kept(file: str, path: Path, archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Kept:
    """The text of an entry, or the faults that say why there is none."""
    with archive.open(entry) as unpacked:
        content = unpacked.read(MOST_UNPACKED + 1)  # whatever size the listing gives
    if len(content) > MOST_UNPACKED:
        raise InputError(f"{file} ({shown(entry.filename)})", "is larger than the zip says", "Zip the folder again")
    faults: list[Fault] = []
    if path.name in OPTIONAL and not content.removeprefix(b"\xef\xbb\xbf").strip():
        return Kept("", ())
    text = text_from(path, content, faults, table=path.suffix == ".csv")
    if text is not None and path.suffix == ".toml" and any(line.count(".") > _MOST_DOTS for line in text.splitlines()):
        raise InputError(
            f"{file} ({shown(entry.filename)})", "a line of it has hundreds of dots", "Give numbers and names as usual"
        )
    return Kept(text, tuple(faults))
