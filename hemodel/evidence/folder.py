"""A decision problem as its files: where they lie, and their texts as they were when the folder was opened.

Everything that a run looks up again (other populations, scenarios, life tables, sources) comes from these texts. So inputs and what is
compared with them are always of the same folder, and a file that is changed on disk meanwhile changes neither.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from hemodel.errors import Fault, InputError, nearest, shown
from hemodel.evidence.reading import data_folder, is_file, place, read_text, toml_values

SETTINGS = "settings.toml"
FIRST_PROBLEM = "relapsed"
"""The problem that is meant where none is named, and whose files show how others are written."""
OPTIONAL = ("correlations.csv", "published.csv", "adverse_events.csv")
"""Files that may be empty or not there."""
FILES = (SETTINGS, "parameters.csv", "populations.csv", "payoffs.csv", *OPTIONAL)
_BESIDE_SETTINGS = ("parameters.csv", "populations.csv", "correlations.csv")


@dataclass(frozen=True)
class Kept:
    """A file as it was read: its text, or None and the faults that say why there is none."""

    text: str | None
    faults: tuple[Fault, ...]


@dataclass(frozen=True)
class Folder:
    """The files of one decision problem, read once. `asked`: what it was asked for by, a name or a path.

    Life tables and `sources.md` are those inside the folder, else those beside it, else those of the package. Scenarios are those of its
    own folder `scenarios/`; where it has none, those of the package for the problem that its settings name, which are then put on the
    folder's own numbers. `is_packaged`: it is one of the package. `hidden`: a folder of the same name in the working directory, not read.
    """

    asked: str
    path: Path
    is_packaged: bool
    hidden: Path | None
    kept: Mapping[Path, Kept]
    scenarios: Mapping[str, Path]
    life_tables: Mapping[str, Path]
    sources: str

    def text(self, path: Path, faults: list[Fault]) -> str | None:
        """The text of a file as it was when the folder was opened; of one that is none of the folder's, as it is now."""
        kept = self.kept.get(path) or _kept(path)
        faults += kept.faults
        return kept.text

    @property
    def problem(self) -> str:
        """The name of the problem in its settings; "" where there is none to read."""
        found = _problem_of(self.kept[self.path / SETTINGS])
        return found if isinstance(found, str) else ""

    @property
    def digest(self) -> str:
        """What tells folders with other texts apart, in hexadecimal."""
        texts = sorted((str(path), kept.text or "") for path, kept in self.kept.items())
        return hashlib.sha256(repr((texts, self.sources)).encode()).hexdigest()

    @property
    def scenario_names(self) -> list[str]:
        """Names of the scenarios, in alphabetical order: all but those of other known problems.

        So one whose problem is misspelt, or whose file cannot be read, is met by those who run all scenarios, and mended.
        """
        others = [name for name in problem_names() if name != self.problem]
        return [name for name, path in self.scenarios.items() if _problem_of(self.kept[path]) not in others]


def problem_names() -> list[str]:
    """Names of the decision problems of the package."""
    return sorted(path.parent.name for path in data_folder("inputs").glob(f"*/{SETTINGS}"))


def problem_titles() -> dict[str, str]:
    """Names of the decision problems of the package with their titles, the first problem first."""
    titles = {name: _title_of(data_folder("inputs") / name / SETTINGS) for name in problem_names()}
    return dict(sorted(titles.items(), key=lambda item: item[0] != FIRST_PROBLEM))


def example_settings() -> str:
    """The settings of the first problem of the package, whose lines show how settings are written."""
    return _kept(data_folder("inputs") / FIRST_PROBLEM / SETTINGS).text or ""


def open_folder(problem: str | Path) -> Folder:
    """Find a decision problem and read all its files.

    A name alone is a problem of the package, or, where the package has none of that name, a folder in the working directory. A path (with
    a separator, such as ./relapsed, or a `Path`) is a folder. Raises `InputError` where there is none.
    """
    path, is_packaged = _found(problem)
    beside, inside_package = path.parent, data_folder("inputs")
    own_scenarios = path / "scenarios"
    scenarios = _scenarios_in(own_scenarios if own_scenarios.is_dir() else data_folder("scenarios"))
    tables: dict[str, Path] = {}
    for place_of_tables in (inside_package, beside, path):  # the nearest last, so that it is the one kept
        tables |= {table.name: table for table in sorted((place_of_tables / "life_tables").glob("*.csv")) if is_file(table)}
    kept = {file: _kept(file) for file in (*(path / name for name in FILES), *scenarios.values(), *tables.values())}
    hidden = Path(problem).resolve() if is_packaged and _is_problem(Path(problem)) else None
    sources = next((file for file in (path / "sources.md", beside / "sources.md") if is_file(file)), None)
    if sources is None and _problem_of(kept[path / SETTINGS]) in problem_names():
        sources = inside_package / "sources.md"
    return Folder(
        asked=str(problem),
        path=path,
        is_packaged=is_packaged,
        hidden=hidden if hidden != path else None,
        kept=MappingProxyType(kept),
        scenarios=MappingProxyType(scenarios),
        life_tables=MappingProxyType(tables),
        sources=(_kept(sources).text or "") if sources is not None else "",
    )


def around(
    asked: str,
    path: Path,
    texts: Mapping[Path, Kept],
    scenarios: Mapping[str, Path],
    life_tables: Mapping[str, Path],
    sources: str | None,
) -> Folder:
    """A folder of texts that were read elsewhere; scenarios, life tables and sources that it lacks are those of the package, as of any
    folder of one's own.
    """
    inside_package = data_folder("inputs")
    found = scenarios or _scenarios_in(data_folder("scenarios"))
    tables = {table.name: table for table in sorted((inside_package / "life_tables").glob("*.csv"))} | dict(life_tables)
    packaged = {file: _kept(file) for file in (*found.values(), *tables.values()) if file not in texts}
    if sources is None:
        sources = (
            (_kept(inside_package / "sources.md").text or "") if _problem_of(texts[path / SETTINGS]) in problem_names() else ""
        )
    kept = {**packaged, **texts}
    return Folder(
        asked=asked,
        path=path,
        is_packaged=False,
        hidden=None,
        kept=MappingProxyType(kept),
        scenarios=MappingProxyType(dict(found)),
        life_tables=MappingProxyType(tables),
        sources=sources,
    )


def missing(path: Path) -> Kept:
    """What is kept of a file that is not there."""
    return Kept(None, (Fault(place(path), "the file is not there", "Put it in; the problem `relapsed` shows what it holds"),))


def _found(problem: str | Path) -> tuple[Path, bool]:
    """The folder of a problem, and whether it is one of the package."""
    if isinstance(problem, (str, Path)) and str(problem):
        is_name = isinstance(problem, str) and _is_bare(problem)
        packaged = data_folder("inputs") / problem
        if is_name and _is_problem(packaged):
            return packaged.resolve(), True
        if _is_problem(Path(problem)):
            return Path(problem).resolve(), Path(problem).resolve().parent == data_folder("inputs").resolve()
    what = f"there is no such decision problem and no folder with a {SETTINGS}"
    raise InputError(f"problem {shown(str(problem))}", what, nearest(problem, problem_names()))


def _is_bare(problem: str) -> bool:
    return problem not in (".", "..") and not any(mark in problem for mark in ("/", os.sep, os.altsep or "/"))


def _is_problem(folder: Path) -> bool:
    return any(is_file(folder / name) for name in (SETTINGS, *_BESIDE_SETTINGS))


def _scenarios_in(folder: Path) -> dict[str, Path]:
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}


def _kept(path: Path) -> Kept:
    faults: list[Fault] = []
    if path.name in OPTIONAL and (
        not path.exists() or (is_file(path) and not path.read_bytes().removeprefix(b"\xef\xbb\xbf").strip())
    ):
        return Kept("", ())
    text = read_text(path, faults, table=path.suffix == ".csv")
    return Kept(text, tuple(faults))


def _problem_of(file: Kept) -> object:
    """The problem that a file of settings or a scenario names, if it can be read."""
    values = toml_values("", file.text, []) if file.text is not None else None
    return None if values is None else values.get("problem")


def _title_of(settings: Path) -> str:
    """The title that a file of settings gives its problem, or the name of the folder in words."""
    text = _kept(settings).text
    values = toml_values("", text, []) if text is not None else None
    title = (values or {}).get("title")
    return title if isinstance(title, str) and title.strip() else settings.parent.name.replace("_", " ").capitalize()
