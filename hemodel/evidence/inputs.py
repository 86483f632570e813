"""Reading `inputs/` and `scenarios/`: everything is checked, all faults are reported together, nothing is half-read."""

from __future__ import annotations

import csv
import hashlib
import json
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from importlib import resources
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hemodel.errors import Fault, InputError, nearest
from hemodel.evidence import parameters as rows
from hemodel.evidence.parameters import YEARS_PER, Parameter
from hemodel.evidence.settings import Settings, settings_from

POPULATION_COLUMNS = ("population", "name", *rows.OVERRIDABLE)
CORRELATION_COLUMNS = ("population", "first", "second", "rank_correlation", "source", "status", "note")
PUBLISHED_COLUMNS = ("population", "strategy", "outcome", "unit", "value", "source", "status", "note")
PUBLISHED_OUTCOMES = ("median_pfs", "median_ttp", "median_os", "survival_1_year", "median_exposure")
LIFE_TABLE_COLUMNS = ("age", "qx_male", "qx_female")


@dataclass(frozen=True)
class Correlation:
    """Rank (Spearman) correlation between two uncertain parameters."""

    first: str
    second: str
    rank_correlation: float
    source: str
    status: str
    note: str

    @property
    def latent(self) -> float:
        """Correlation of the two normals of the Gaussian copula that gives this rank correlation: 2 sin(pi r / 6)."""
        return float(2 * np.sin(np.pi * self.rank_correlation / 6))


@dataclass(frozen=True)
class Published:
    """A published figure that is compared with what the model gives; never an input of the run."""

    strategy: str
    outcome: str
    unit: str
    value: float
    source: str
    status: str
    note: str


@dataclass(frozen=True)
class LifeTable:
    """Annual probabilities of death by single year of age, shape (age,), for males and females."""

    name: str
    male: NDArray[np.float64]
    female: NDArray[np.float64]


@dataclass(frozen=True)
class Scenario:
    """A named change of settings and parameters with its reason."""

    name: str
    label: str
    why: str
    populations: tuple[str, ...]
    settings: Mapping[str, Any]
    parameters: Mapping[str, Mapping[str, Any]]


BASE_CASE = Scenario(
    "base_case", "Base case", "The inputs as they are.", (), MappingProxyType({}), MappingProxyType({})
)


@dataclass(frozen=True)
class Inputs:
    """Everything one run believes: settings, parameters, correlations, life table; of one population and one scenario."""

    settings: Settings
    population: str
    scenario: Scenario
    parameters: Mapping[str, Parameter]
    correlations: tuple[Correlation, ...]
    life_table: LifeTable
    published: tuple[Published, ...]
    changed: tuple[str, ...] = field(default=())

    @property
    def hash(self) -> str:
        """SHA-256 over all that can move a result, in hexadecimal: the same inputs have the same hash on every machine."""
        content = {
            "settings": self.settings.model_dump(mode="json"),
            "population": self.population,
            "parameters": [asdict(self.parameters[name]) for name in sorted(self.parameters)],
            "correlations": [asdict(c) for c in self.correlations],
            "life_table": [self.life_table.name, self.life_table.male.tolist(), self.life_table.female.tolist()],
        }
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    def years(self, name: str, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """`values` of the time parameter `name`, in its unit, as years of 365.25 days."""
        return values * YEARS_PER[self.parameters[name].unit]

    def with_values(self, **values: float) -> Inputs:
        """The same inputs with some parameters' values set anew. What is uncertain keeps its standard error; an interval is scaled.

        Raises `InputError` for unknown names and for values out of range or that the distribution cannot hold.
        """
        faults: list[Fault] = []
        changed = dict(self.parameters)
        for name, value in values.items():
            where = f"changed value of {name}"
            if name not in changed:
                faults.append(Fault(where, "there is no such parameter", nearest(name, changed)))
                continue
            base = changed[name]
            scale = value / base.value if base.value else 1.0
            low, high = (bound * scale if bound is not None else None for bound in (base.low, base.high))
            changed[name] = replace(base, value=float(value), low=low, high=high)
            faults += rows.check(where, changed[name])
        faults += rows.check_shares("changed values", changed.values())
        if faults:
            raise InputError.together(faults)
        return replace(self, parameters=MappingProxyType(changed), changed=(*self.changed, *values))

    def with_settings(self, **settings: Any) -> Inputs:
        """The same inputs with some settings set anew; raises `InputError` for what is not a setting or does not fit."""
        new, faults = settings_from("changed settings", self.settings.model_dump() | settings)
        if new is None:
            raise InputError.together(faults)
        return replace(self, settings=new, changed=(*self.changed, *settings))

    def _repr_html_(self) -> str:
        from html import escape

        s = self.settings
        lines = [s.question, f"Population: {s.populations[self.population].label}. Scenario: {self.scenario.label}."]
        lines.append(
            f"{len(self.parameters)} parameters, horizon {s.horizon_years:g} years ({s.n_cycles} cycles). Inputs {self.hash[:12]}."
        )
        return "<br>".join(escape(line) for line in lines)


def data_folder(name: str) -> Path:
    """Where `inputs` or `scenarios` lie: inside the installed package, or beside it in a checkout."""
    package = Path(str(resources.files("hemodel")))
    inside = package / name
    return inside if inside.is_dir() else package.parent / name


def load_inputs(
    problem: str | Path = "relapsed", *, population: str | None = None, scenario: str | Path | None = None
) -> Inputs:
    """Read one decision problem, for one population and one scenario, and check all of it.

    `problem` is a name below `inputs/` or a folder of one's own with the same files; `population` is a name in its
    `settings.toml` (default: the base case); `scenario` a name below `scenarios/` or a TOML file of one's own.
    Raises one `InputError` that lists every fault with file and row.
    """
    folder = _problem_folder(problem)
    faults: list[Fault] = []
    settings = _read_settings(folder, faults)
    parameters = _read_parameters(folder / "parameters.csv", faults)
    if settings is None or not parameters:
        raise InputError.together(faults)
    population = population or settings.population
    if population not in settings.populations:
        faults.append(
            Fault(
                f"population {population!r}", "there is no such population", nearest(population, settings.populations)
            )
        )
    parameters = _apply_population(folder / "populations.csv", parameters, settings, population, faults)
    correlations = _read_correlations(folder / "correlations.csv", parameters, settings, population, faults)
    published = _read_published(folder / "published.csv", settings, population, faults)
    life_table = _read_life_table(_life_table_path(folder, settings.life_table), faults)
    chosen = BASE_CASE
    if scenario is not None and str(scenario) != BASE_CASE.name:
        settings, parameters, chosen = _apply_scenario(scenario, settings, parameters, population, faults)
    if faults or life_table is None:
        raise InputError.together(faults)
    inputs = Inputs(settings, population, chosen, MappingProxyType(parameters), correlations, life_table, published)
    check_correlations(inputs)
    return inputs


def scenario_names(problem: str = "relapsed") -> list[str]:
    """Names of the scenarios of a decision problem, in alphabetical order."""
    names = []
    for path in sorted(data_folder("scenarios").glob("*.toml")):
        if _read_toml(path, faults := []).get("problem") == problem or faults:
            names.append(path.stem)
    return names


def latent_correlations(inputs: Inputs) -> tuple[list[str], NDArray[np.float64]]:
    """Names of the correlated uncertain parameters and their latent correlation matrix, shape (name, name)."""
    pairs = [c for c in inputs.correlations if all(inputs.parameters[n].is_uncertain for n in (c.first, c.second))]
    names = sorted({name for pair in pairs for name in (pair.first, pair.second)})
    matrix = np.eye(len(names))
    for pair in pairs:
        i, j = names.index(pair.first), names.index(pair.second)
        matrix[i, j] = matrix[j, i] = pair.latent
    return names, matrix


def check_correlations(inputs: Inputs) -> None:
    """Raise `InputError` where the correlations contradict each other (the matrix is not positive definite)."""
    names, matrix = latent_correlations(inputs)
    if names and (smallest := float(np.linalg.eigvalsh(matrix)[0])) < 1e-10:
        problem = f"the correlations of {', '.join(names)} contradict each other (smallest eigenvalue {smallest:.3g}, not positive definite)"
        raise InputError("correlations.csv", problem, "Weaken some of them")


def _problem_folder(problem: str | Path) -> Path:
    root = data_folder("inputs")
    for folder in (Path(problem), root / problem):
        if (folder / "settings.toml").is_file():
            return folder
    known = sorted(path.parent.name for path in root.glob("*/settings.toml"))
    raise InputError(
        f"problem {str(problem)!r}",
        "there is no such decision problem and no folder with a settings.toml",
        nearest(str(problem), known),
    )


def _read_text(path: Path, faults: list[Fault]) -> str | None:
    """The text of a UTF-8 file (a byte-order mark is allowed), or a fault that says why there is none."""
    where = f"{path.parent.name}/{path.name}"
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        faults.append(Fault(where, "the file is not there", "Put it back; the problem `relapsed` shows what it holds"))
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        faults.append(Fault(where, f"the file is not UTF-8 (line {line})", 'Save it as "CSV UTF-8"'))
    except OSError as error:
        faults.append(Fault(where, f"the file cannot be read ({error.strerror})", "Check the path and the permissions"))
    else:
        if text.strip():
            return text
        faults.append(Fault(where, "the file is empty", "Put its contents back"))
    return None


def _read_toml(path: Path, faults: list[Fault]) -> dict[str, Any]:
    text = _read_text(path, faults)
    if text is None:
        return {}
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        faults.append(Fault(f"{path.parent.name}/{path.name}", f"this is not TOML: {error}", "Mend that line"))
        return {}


def _read_rows(
    path: Path, columns: Iterable[str], faults: list[Fault], *, comments: bool = False
) -> list[tuple[str, dict[str, str]]]:
    """Rows of a CSV file with exactly `columns`, each with its place ("folder/file.csv, row 14"); row 1 is the header."""
    text = _read_text(path, faults)
    if text is None:
        return []
    columns, where = list(columns), f"{path.parent.name}/{path.name}"
    lines = text.splitlines(keepends=True)
    skipped = sum(1 for line in lines if line.startswith("#")) if comments else 0
    try:
        reader = list(csv.reader(lines[skipped:], strict=True))
    except csv.Error as error:
        faults.append(Fault(where, f"this is not CSV: {error}", "Look for an unclosed quotation mark"))
        return []
    header = [cell.strip() for cell in reader[0]]
    for name in header:
        if name not in columns:
            faults.append(
                Fault(f"{where}, row {skipped + 1}", f"{name!r} is not a column of this file", nearest(name, columns))
            )
    for name in columns:
        if header.count(name) != 1:
            problem = f"the column {name} is {'missing' if name not in header else 'there twice'}"
            faults.append(Fault(f"{where}, row {skipped + 1}", problem, f"The columns are {', '.join(columns)}"))
    if sorted(header) != sorted(columns):
        return []
    found = []
    for number, cells in enumerate(reader[1:], start=skipped + 2):
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) != len(header):
            faults.append(
                Fault(
                    f"{where}, row {number}",
                    f"has {len(cells)} cells instead of {len(header)}",
                    "Quote text that contains commas",
                )
            )
            continue
        found.append((f"{where}, row {number}", dict(zip(header, cells, strict=True))))
    if not found:
        faults.append(Fault(where, "the file has no rows", "Put its rows back"))
    return found


def _read_settings(folder: Path, faults: list[Fault]) -> Settings | None:
    found: list[Fault] = []
    values = _read_toml(folder / "settings.toml", found)
    settings = None
    if not found:
        settings, found = settings_from(f"{folder.name}/settings.toml", values)
    faults += found
    return settings


def _read_parameters(path: Path, faults: list[Fault]) -> dict[str, Parameter]:
    parameters: dict[str, Parameter] = {}
    for where, cells in _read_rows(path, rows.COLUMNS, faults):
        values, found = rows.parse(where, cells)
        name = str(values["name"])
        where = f"{where} ({name})"
        if name in parameters:
            found.append(Fault(where, "the name is there twice", "Keep one of the rows"))
        if values["value"] is None:
            if not cells["value"].strip():
                found.append(Fault(where, "value is missing", "Give the value"))
        else:
            parameter = Parameter(**values)  # type: ignore[arg-type]
            found += rows.check(where, parameter)
            parameters[name] = parameter
        faults += found
    faults += [] if faults else rows.check_shares(f"{path.parent.name}/{path.name}", parameters.values())
    return parameters


def _apply_population(
    path: Path, parameters: dict[str, Parameter], settings: Settings, population: str, faults: list[Fault]
) -> dict[str, Parameter]:
    """Parameters with the rows of `population` in place; the rows of the other populations are checked all the same."""
    result, seen = dict(parameters), set()
    for where, cells in _read_rows(path, POPULATION_COLUMNS, faults):
        owner, name = cells["population"].strip(), cells["name"].strip()
        where = f"{where} ({owner}, {name})"
        values, found = rows.parse(where, {column: cells[column] for column in rows.OVERRIDABLE})
        if owner not in settings.populations:
            found.append(Fault(where, f"{owner!r} is not a population", nearest(owner, settings.populations)))
        if (owner, name) in seen:
            found.append(Fault(where, "the row is there twice", "Keep one of the rows"))
        seen.add((owner, name))
        if name not in parameters:
            found.append(Fault(where, f"{name!r} is not a parameter", nearest(name, parameters)))
        elif values["value"] is None:
            if not cells["value"].strip():
                found.append(Fault(where, "value is missing", "Give the value"))
        else:
            changed = replace(parameters[name], **values)  # type: ignore[arg-type]
            found += rows.check(where, changed)
            if owner == population:
                result[name] = changed
        faults += found
    return result


def _read_correlations(
    path: Path, parameters: Mapping[str, Parameter], settings: Settings, population: str, faults: list[Fault]
) -> tuple[Correlation, ...]:
    found: dict[frozenset[str], Correlation] = {}
    for where, cells in _read_rows(path, CORRELATION_COLUMNS, faults):
        text = {column: cell.strip() for column, cell in cells.items()}
        pair = frozenset((text["first"], text["second"]))
        for name in (text["first"], text["second"]):
            if name not in parameters:
                faults.append(Fault(where, f"{name!r} is not a parameter", nearest(name, parameters)))
        if len(pair) == 1:
            faults.append(Fault(where, "a parameter is correlated with itself", "Name two parameters"))
        if text["population"] and text["population"] not in settings.populations:
            faults.append(
                Fault(
                    where,
                    f"{text['population']!r} is not a population",
                    nearest(text["population"], settings.populations),
                )
            )
        try:
            value = float(text["rank_correlation"])
        except ValueError:
            value = np.nan
        if not -1 < value < 1:
            faults.append(
                Fault(
                    where,
                    f"{text['rank_correlation']!r} is not a correlation",
                    "Give a number between -1 and 1, ends excluded",
                )
            )
        elif text["population"] in ("", population):
            if pair in found:
                faults.append(Fault(where, "the pair is there twice", "Keep one of the rows"))
            found[pair] = Correlation(
                text["first"], text["second"], value, text["source"], text["status"], text["note"]
            )
    return tuple(found.values())


def _read_published(path: Path, settings: Settings, population: str, faults: list[Fault]) -> tuple[Published, ...]:
    figures = []
    for where, cells in _read_rows(path, PUBLISHED_COLUMNS, faults):
        text = {column: cell.strip() for column, cell in cells.items()}
        values, found = rows.parse(where, {"value": cells["value"]})
        for word, column, valid in (
            (text["population"], "population", settings.populations),
            (text["strategy"], "strategy", settings.strategy_names),
            (text["outcome"], "outcome", PUBLISHED_OUTCOMES),
            (text["unit"], "unit", (*YEARS_PER, "probability")),
            (text["status"], "status", rows.STATUSES),
        ):
            if word not in valid:
                found.append(Fault(where, f"{column} {word!r} is not known here", nearest(word, valid)))
        if not found and isinstance(value := values["value"], float) and text["population"] == population:
            keep = ("strategy", "outcome", "unit", "source", "status", "note")
            figures.append(Published(value=value, **{column: text[column] for column in keep}))
        faults += found
    return tuple(figures)


def _life_table_path(folder: Path, name: str) -> Path:
    beside = folder.parent / "life_tables" / name
    return beside if beside.is_file() else data_folder("inputs") / "life_tables" / name


def _read_life_table(path: Path, faults: list[Fault]) -> LifeTable | None:
    before, ages, male, female = len(faults), [], [], []
    for where, cells in _read_rows(path, LIFE_TABLE_COLUMNS, faults, comments=True):
        try:
            age, q_male, q_female = int(cells["age"]), float(cells["qx_male"]), float(cells["qx_female"])
        except ValueError:
            faults.append(
                Fault(where, "a cell is not a number", "Write the age as a whole number and q(x) as a probability")
            )
            continue
        if not (0 <= q_male < 1 and 0 <= q_female < 1):
            faults.append(
                Fault(where, f"{q_male:g} or {q_female:g} is not a probability of death", "Give q(x) from 0 to below 1")
            )
        ages.append(age)
        male.append(q_male)
        female.append(q_female)
    if ages != list(range(len(ages))) and len(faults) == before:
        faults.append(
            Fault(
                f"{path.parent.name}/{path.name}",
                "the ages are not 0, 1, 2, ... without gaps",
                "Give one row for each age from 0",
            )
        )
    return LifeTable(path.stem, np.array(male), np.array(female)) if len(faults) == before else None


def _apply_scenario(
    scenario: str | Path, settings: Settings, parameters: dict[str, Parameter], population: str, faults: list[Fault]
) -> tuple[Settings, dict[str, Parameter], Scenario]:
    path = Path(scenario)
    if not path.is_file():
        path = data_folder("scenarios") / f"{scenario}.toml"
        if not path.is_file():
            valid = ["base_case", *scenario_names(settings.problem)]
            faults.append(
                Fault(f"scenario {str(scenario)!r}", "there is no such scenario", nearest(str(scenario), valid))
            )
            return settings, parameters, BASE_CASE
    found: list[Fault] = []
    chosen = _scenario_from(path, _read_toml(path, found), settings, population, found)
    where = f"{path.parent.name}/{path.name}"
    merged, problems = settings_from(where, settings.model_dump() | dict(chosen.settings))
    changed = dict(parameters)
    for name, cells in chosen.parameters.items():
        place = f"{where} (parameters.{name})"
        if name not in parameters:
            found.append(Fault(place, "there is no such parameter", nearest(name, parameters)))
            continue
        new, wrong = _scenario_row(place, parameters[name], cells)
        found += wrong
        changed[name] = new
    found += rows.check_shares(where, changed.values())
    faults += found + problems
    return merged or settings, changed, chosen


def _scenario_from(
    path: Path, values: dict[str, Any], settings: Settings, population: str, faults: list[Fault]
) -> Scenario:
    where = f"{path.parent.name}/{path.name}"
    expected = {
        "name": str,
        "problem": str,
        "label": str,
        "why": str,
        "populations": list,
        "settings": dict,
        "parameters": dict,
    }
    if not values:
        return BASE_CASE
    for key, value in values.items():
        if key not in expected:
            faults.append(Fault(f"{where} ({key})", "is not part of a scenario", nearest(key, expected)))
        elif not isinstance(value, expected[key]):
            faults.append(Fault(f"{where} ({key})", f"{value!r} does not fit", f"Give a {expected[key].__name__}"))
    for key in ("name", "problem", "label", "why"):
        if not values.get(key):
            faults.append(Fault(f"{where} ({key})", "is missing", f"Say the scenario's {key}"))
    if values.get("problem") not in (None, settings.problem):
        faults.append(
            Fault(
                f"{where} (problem)",
                f"the scenario is of the problem {values['problem']!r}",
                f"Choose a scenario of {settings.problem}",
            )
        )
    if values.get("name") not in (None, path.stem):
        faults.append(
            Fault(
                f"{where} (name)", f"the name {values['name']!r} is not the name of the file", "Give both the same name"
            )
        )
    allowed = values.get("populations", [])
    for name in allowed if isinstance(allowed, list) else []:
        if name not in settings.populations:
            faults.append(
                Fault(
                    f"{where} (populations)", f"{name!r} is not a population", nearest(str(name), settings.populations)
                )
            )
    if allowed and population not in allowed:
        problem = f"its numbers hold for {', '.join(map(str, allowed))} only, not for {population}"
        faults.append(Fault(where, problem, "Choose one of these populations, or another scenario"))
    if faults:
        return BASE_CASE
    empty: Mapping[str, Any] = MappingProxyType({})
    return Scenario(
        values["name"],
        values["label"],
        values["why"],
        tuple(allowed),
        values.get("settings", empty),
        values.get("parameters", empty),
    )


def _scenario_row(where: str, base: Parameter, cells: object) -> tuple[Parameter, list[Fault]]:
    """The parameter as the scenario has it, and the faults; what the scenario leaves out stays."""
    faults: list[Fault] = []
    if not isinstance(cells, dict):
        return base, [Fault(where, f"{cells!r} is not a table", "Write the columns to change, such as value = 0.67")]
    changes: dict[str, object] = {}
    for column, value in cells.items():
        if column not in rows.OVERRIDABLE:
            faults.append(
                Fault(
                    f"{where}.{column}", "is not a column that a scenario can change", nearest(column, rows.OVERRIDABLE)
                )
            )
        elif column in rows.NUMBERS and (
            isinstance(value, bool) or not isinstance(value, (int, float)) or not np.isfinite(value)
        ):
            faults.append(
                Fault(f"{where}.{column}", f"{value!r} is not a finite number", "Write a plain number such as 0.67")
            )
        elif column not in rows.NUMBERS and not isinstance(value, str):
            faults.append(Fault(f"{where}.{column}", f"{value!r} is not text", "Put it in quotation marks"))
        else:
            changes[column] = float(value) if column in rows.NUMBERS else value
    if faults:
        return base, faults
    new = rows.override(base, changes)
    return new, rows.check(where, new)
