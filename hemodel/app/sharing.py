"""How a scenario travels: as a small TOML file, or as the query of a link. Nothing confidential is in either.

A file is read by the loader that reads those of `scenarios/`, so whatever is wrong with it is said in the same words.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hemodel.app import choices
from hemodel.errors import Fault, InputError, nearest, shown
from hemodel.evidence.confidential import covers, marked
from hemodel.evidence.folder import problem_titles
from hemodel.evidence.inputs import Inputs, load_inputs
from hemodel.evidence.parameters import number
from hemodel.evidence.reading import decoded, toml_values
from hemodel.evidence.settings import THRESHOLD_PRESETS
from hemodel.files import write_whole
from hemodel.report.scenario_file import scenario_toml

MOST_BYTES = 200_000
"""Size of a scenario file; real ones have a few thousand bytes."""
_MOST_DOTS, _MOST_LEVELS, _MOST_ENTRIES, _LONGEST_NAME = 200, 6, 2_000, 100
_NAME = re.compile(r"[a-z][a-z0-9_]{0,80}")


@dataclass(frozen=True)
class Arrived:
    """What a link asks for, as far as it can be used; `refused` says what could not."""

    problem: str
    population: str | None
    scenario: str | None
    thresholds: str | None
    prices: str | None
    edits: dict[str, float]
    refused: tuple[str, ...]


def link_query(inputs: Inputs, edits: choices.Edits) -> dict[str, str]:
    """The query of a link that shows `inputs` again: what differs from the base case, without anything confidential."""
    settings = inputs.settings
    filed = inputs.filed(population=settings.population)
    query = {"problem": inputs.folder.asked} if inputs.folder.is_packaged else {}
    if inputs.population != filed.population:
        query["population"] = inputs.population
    if inputs.scenario.name in inputs.scenario_names:
        query["scenario"] = inputs.scenario.name
    if isinstance(settings.thresholds, str) and settings.thresholds != filed.settings.thresholds:
        query["thresholds"] = settings.thresholds
    if settings.price_arrangements == ["list"]:
        query["prices"] = "list"
    secret = choices.covered_edits(inputs, edits)
    return query | {
        name: f"{value:g}" if float(f"{value:g}") == value else repr(value) for name, value in edits.items() if name not in secret
    }


def left_out(inputs: Inputs, edits: choices.Edits, *, with_curves: bool = False) -> list[str]:
    """What a scenario file of `inputs` does not hold, in words; `with_curves` as in `scenario_text`. A link holds it neither."""
    found = [f"the confidential “{choices.label_of(inputs, name)}”" for name in choices.covered_edits(inputs, edits)]
    for name, terms in inputs.settings.schemes.items():
        if name == choices.CONFIDENTIAL:
            found.append("the confidential price")
        elif covers(inputs, name):
            kind = "confidential" if terms.confidentiality else "not marked as public or confidential"
            found.append(f"the scheme “{terms.label}”, which is {kind}")
    if inputs.settings.fitted_curves and not with_curves:
        found.append("the curve fitted to data of your own (the page “Scenarios” can put it into a file)")
    return found


def left_out_of_link(inputs: Inputs, edits: choices.Edits) -> list[str]:
    """What a link to `inputs` does not hold, in words: it names scenarios, so it holds those in the list only."""
    own = [] if is_listed(inputs.scenario.name, inputs) else ["the scenario of your own (a file holds it)"]
    folder = [] if inputs.folder.is_packaged else ["the decision problem of your own (a zip holds it)"]
    return left_out(inputs, edits) + own + folder


def read_link(query: Mapping[str, str]) -> Arrived:
    """What a link asks for. Names that are not known and values that are no numbers are refused one by one."""
    refused, edits = [], {}
    known = problem_titles()
    first = next(iter(known))
    problem = query.get("problem", first)
    if problem not in known:
        refused.append(f"problem {shown(problem)}: {nearest(problem, known)}")
        problem = first
    filed = load_inputs(problem)
    valid = {
        "population": tuple(filed.settings.populations),
        "scenario": (choices.BASE_CASE, *filed.scenario_names),
        "thresholds": tuple(THRESHOLD_PRESETS),
        "prices": ("list", "filed"),
    }
    found: dict[str, str] = {}
    for name, text in query.items():
        if name == "problem":
            continue
        if name in valid:
            if text in valid[name]:
                found[name] = text
            else:
                refused.append(f"{name} {shown(text)}: {nearest(text, valid[name])}")
        elif name in filed.parameters or name in choices.SETTINGS or name == choices.CAP:
            value = number(text)
            if value is None or (name in filed.parameters and name in marked(filed)):
                refused.append(f"{name}: {shown(text)} is not a number that a link can give")
            elif name not in filed.parameters and (why := choices.refused(filed, name, value)):
                refused.append(f"{name} {shown(text)}: {why}")
            else:
                edits[name] = value
        else:
            refused.append(f"{shown(name)} is not an input")
    terms = {name: found.get(name) for name in valid}
    return Arrived(problem, terms["population"], terms["scenario"], terms["thresholds"], terms["prices"], edits, tuple(refused))


def scenario_text(inputs: Inputs, *, name: str, label: str, why: str, with_curves: bool = False) -> str:
    """The scenario file that gives `inputs` again, without what is confidential; `with_curves`: with curves fitted to data of one's own
    (their coefficients, not the data) and the death rates that follow from them.
    """
    curves = tuple(f"fit_{curve}_" for curve in inputs.settings.fitted_curves)
    covered = marked(inputs, but=curves if with_curves else ())
    schemes = [name for name in inputs.settings.schemes if covers(inputs, name)]
    return scenario_toml(inputs, name=name, label=label, why=why, without=[*covered, *schemes])


def file_name(label: str, inputs: Inputs) -> str:
    """The name of a scenario made of its label: small letters, digits and _; not one that the list of `inputs` has.

    >>> inputs = load_inputs("relapsed")
    >>> file_name("Price -40 %, 10 years", inputs), file_name("Horizon 10 years", inputs)
    ('price_40_10_years', 'my_horizon_10_years')
    """
    words = re.sub(r"[^a-z0-9]+", "_", label.lower()).strip("_")[:60]
    name = words if _NAME.fullmatch(words) else f"scenario_{words}".rstrip("_")
    return f"my_{name}" if is_listed(name, inputs) else name


def is_listed(name: str, inputs: Inputs) -> bool:
    """Whether a scenario of this name is the base case or in the list of the files that `inputs` were read from."""
    return name == choices.BASE_CASE or name in inputs.scenario_names


def read_scenario(file: str, content: bytes, shown_now: Inputs) -> Inputs:
    """The inputs that an uploaded scenario file gives, read and checked by the loader of the files in `scenarios/`: of the problem that it
    names, else of the one shown.

    The population is that of the file where it names one. Raises `InputError` with everything that is wrong, and for the name of a
    scenario in the list: a link would then show that one.
    """
    if len(content) > MOST_BYTES:
        raise InputError(file, f"the file has {len(content):,} bytes", f"A scenario has at most {MOST_BYTES:,}")
    text = decoded(file, content, "Give a scenario file, which ends in .toml")
    faults: list[Fault] = []
    if any(line.count(".") > _MOST_DOTS for line in text.splitlines()):  # Python's reader of TOML takes minutes over such names
        raise InputError(file, "a line of it has hundreds of dots", "Give a scenario file as this page saves it")
    values = toml_values(file, text, faults)
    if values is None:
        raise InputError.together(faults)
    _refuse_strange(file, values)
    name, of, populations = (values.get(key) for key in ("name", "problem", "populations"))
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise InputError(f"{file} (name)", f"{shown(name)} is not a name", "Use small letters, digits and _")
    is_of_another = isinstance(of, str) and of in problem_titles() and of != shown_now.settings.problem
    filed, population = (
        load_inputs(str(of)) if is_of_another else shown_now.filed(scenario=choices.BASE_CASE),
        shown_now.population,
    )
    if is_listed(name, filed):
        remedy = f'Choose that one at the side, or write name = "my_{name}"'
        raise InputError(f"{file} (name)", f"{shown(name)} is the name of a scenario in the list", remedy)
    if isinstance(populations, list) and populations and population not in populations and isinstance(populations[0], str):
        population = populations[0]
    if population not in filed.settings.populations:
        population = filed.population
    with tempfile.TemporaryDirectory() as folder:
        inside = Path(folder, "uploaded")
        inside.mkdir()
        return filed.filed(population=population, scenario=write_whole(inside / f"{name}.toml", content))


def _refuse_strange(file: str, values: Mapping[str, Any]) -> None:
    """Raise `InputError` for what no scenario has: thousands of entries, tables in tables in tables, names that cannot be shown."""
    level: list[Any] = [values]
    for _ in range(_MOST_LEVELS):
        names = [name for value in level if isinstance(value, dict) for name in value]
        strange = [name for name in names if len(name) > _LONGEST_NAME or not name.isprintable()]
        if strange:
            raise InputError(file, f"{shown(strange[0])} is not a name of anything", "Use small letters, digits and _")
        level = [
            item
            for value in level
            if isinstance(value, (dict, list))
            for item in (value.values() if isinstance(value, dict) else value)
        ]
        if len(level) > _MOST_ENTRIES:
            raise InputError(file, f"it has more than {_MOST_ENTRIES:,} entries", "Give a scenario file as this page saves it")
    if level:
        raise InputError(
            file, f"it has tables in tables, more than {_MOST_LEVELS} deep", "Give a scenario file as this page saves it"
        )
