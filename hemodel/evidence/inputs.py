"""Reading `inputs/` and `scenarios/`: everything is checked, all faults are reported together, nothing is half-read."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from html import escape
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar, TypeVarTuple, cast

import numpy as np
from numpy.typing import NDArray

from hemodel.errors import Fault, InputError, nearest, shown
from hemodel.evidence import parameters as rows
from hemodel.evidence.amounts import Amount, Unreadable, parse
from hemodel.evidence.correlations import Correlation, contradiction, latent
from hemodel.evidence.fitted import with_curves
from hemodel.evidence.folder import OPTIONAL, Folder, example_settings, open_folder
from hemodel.evidence.parameters import Parameter
from hemodel.evidence.payoffs import (
    EVENT_COLUMNS,
    PAYOFF_COLUMNS,
    Payoff,
    check_rows,
    column_of,
    never_paid,
    read_events,
    read_payoffs,
)
from hemodel.evidence.reading import Table, csv_rows, is_file, place, toml_values
from hemodel.evidence.rules import UtilityNorm, load_rules
from hemodel.evidence.scenarios import (
    BASE_CASE,
    Scenario,
    population_faults,
    problem_faults,
    scenario_from,
    with_scenario,
)
from hemodel.evidence.settings import (
    FIXED_BY_FILES,
    FittedEstimates,
    Settings,
    Vials,
    changed_settings,
    settings_from,
    with_fits_as_terms,
)
from hemodel.evidence.vials import expected_price

POPULATION_COLUMNS = ("population", "name", *rows.OVERRIDABLE)
CORRELATION_COLUMNS = ("population", "first", "second", "rank_correlation", "source", "status", "note")
PUBLISHED_COLUMNS = ("population", "strategy", "outcome", "unit", "value", "source", "status", "note")
SHARES_PUBLISHED = tuple(
    f"{curve}_{years}" for curve in ("survival", "pfs") for years in ("1_year", *(f"{n}_years" for n in range(2, 11)))
)
PUBLISHED_OUTCOMES = ("median_pfs", "median_ttp", "median_os", "median_exposure", *SHARES_PUBLISHED)
LIFE_TABLE_COLUMNS = ("age", "qx_male", "qx_female")
LAST_AGE = 100  # the last that a life table must have

Made = TypeVar("Made")
Terms = TypeVarTuple("Terms")


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
class Inputs:
    """Everything one run believes: settings, parameters, correlations, life table; of one population and one scenario.

    `folder`: the files they were read from, from which other populations and scenarios of the same problem are read.
    """

    settings: Settings
    population: str
    scenario: Scenario
    parameters: Mapping[str, Parameter] = field(repr=False)
    correlations: tuple[Correlation, ...] = field(repr=False)
    life_table: LifeTable = field(repr=False)
    utility_norm: UtilityNorm = field(repr=False)
    published: tuple[Published, ...] = field(repr=False)
    payoffs: tuple[Payoff, ...] = field(repr=False)
    folder: Folder = field(repr=False, compare=False)
    changed: tuple[str, ...] = field(default=())

    @cached_property
    def hash(self) -> str:
        """SHA-256 over all that can move a result, in hexadecimal: the same inputs have the same hash on every machine."""
        content = {
            "settings": _content(self.settings),
            "population": self.population,
            "parameters": [vars(self.parameters[name]) for name in sorted(self.parameters)],
            "payoffs": [row.content for row in self.payoffs],
            "correlations": [vars(c) for c in self.correlations],
            "life_table": [self.life_table.name, self.life_table.male.tolist(), self.life_table.female.tolist()],
            "utility_norm": self.utility_norm.model_dump(),
        }
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    def once(self, make: Callable[[Inputs, *Terms], Made], *terms: *Terms) -> Made:
        """What a function of the package makes of these inputs and hashable terms: made when first asked for, and kept with these inputs.

        They are frozen, so it stays what it was; inputs changed in any way are others, which begin with nothing.
        """
        key = (make, *terms)
        if key not in self._made:
            self._made[key] = make(self, *terms)
        return cast("Made", self._made[key])

    @cached_property
    def _made(self) -> dict[Hashable, object]:
        return {}

    def __getstate__(self) -> dict[str, object]:
        """What goes to another process: not what was made of it here."""
        return {name: value for name, value in vars(self).items() if name != "_made"}

    @property
    def component_labels(self) -> dict[str, str]:
        """Cost components in words, in the order of the rows."""
        return _labels(row for row in self.payoffs if row.outcome == "cost")

    @property
    def qaly_labels(self) -> dict[str, str]:
        """Components of QALYs in words, in the order of the rows."""
        return _labels(row for row in self.payoffs if row.outcome == "qaly")

    @property
    def component_states(self) -> dict[str, str]:
        """The state of health in which each cost component falls."""
        return {row.component: row.state for row in reversed(self.payoffs) if row.outcome == "cost"}

    @property
    def priced_drugs(self) -> tuple[str, ...]:
        """Drugs that have a price, those of a scheme in use before the others."""
        settings = self.settings
        under_scheme = [drug for arrangement in settings.price_arrangements for drug in settings.schemes_in(arrangement)]
        return tuple(dict.fromkeys([*under_scheme, *(name for name, drug in settings.drugs.items() if drug.is_priced)]))

    def price_of(self, drug: str) -> Amount | None:
        """List price of one pack or giving of a drug, as an amount over names that each strategy resolves; None where it has none."""
        terms = self.settings.drugs[drug]
        if terms.vials is None:
            return None if terms.price is None else parse(terms.price)
        dose, size, spread = self._needs(drug, terms.vials)
        deviation = math.sqrt(math.log1p((spread / size) ** 2))
        if not spread > 0:
            where = f"settings.toml (drugs.{drug}.vials.spread)"
            raise InputError(where, f"the spread of body size is {spread:g}", "Give more than 0: people differ")
        # beyond seven deviations is one person in 10^12; a quarter more, because dose and size may be larger in a draw
        most = 1.25 * dose * size * math.exp(7 * deviation)
        try:
            return expected_price(terms.vials, most)
        except Unreadable as error:
            raise InputError(
                f"settings.toml (drugs.{drug}.vials)", f"the dose {error}", "Give larger vials, or share them"
            ) from None

    def _needs(self, drug: str, vials: Vials) -> list[float]:
        """Dose, body size and its spread of the base case; raises `InputError` where one of them is 0."""
        texts = {key: getattr(vials, key) for key in ("dose", "size", "spread")}
        found = {key: self._at_base(drug, parse(text)) for key, text in texts.items()}
        where = f"settings.toml (drugs.{drug}.vials."
        faults = [
            Fault(f"{where}{key})", f"{texts[key]} comes to {value:g}, for which there is no vial", "Give more than 0")
            for key, value in found.items()
            if value <= 0
        ]
        if faults:
            raise InputError.together(faults)
        return list(found.values())

    def _first_taker(self, drug: str) -> str:
        return next(s.name for s in self.settings.strategies if drug in s.drugs)

    def _at_base(self, drug: str, amount: Amount) -> float:
        own = amount.renamed(lambda name: column_of(name, self._first_taker(drug), self.parameters))
        missing = [name for name in own.names if name not in self.parameters]
        if missing:
            remedy = nearest(missing[0], self.parameters)
            raise InputError.together(
                [
                    Fault(
                        f"settings.toml (drugs.{drug})", f"needs {missing[0]}, which is not there", remedy, missing=tuple(missing)
                    )
                ]
            )
        return float(own.value(lambda name: np.array(self.parameters[name].value)))

    def prices(self, drug: str) -> dict[str, float]:
        """Costs in the price of a drug, with what one unit of each adds to it (share, vials): the one that adds most first."""
        price = self.price_of(drug)
        if price is None:
            return {}
        amount = price.renamed(lambda name: column_of(name, self._first_taker(drug), self.parameters))
        names = [name for name in amount.names if name.startswith("c_")]

        def with_costs(costs: Mapping[str, float]) -> float:
            return float(amount.value(lambda n: np.array(costs.get(n, 0.0) if n in names else self.parameters[n].value)))

        adds = {name: with_costs({name: 1.0}) - with_costs({}) for name in names}
        return dict(sorted(adds.items(), key=lambda item: -item[1]))

    def filed(self, *, population: str | None = None, scenario: str | Path | None = None) -> Inputs:
        """What the same files say, as they were when these inputs were read: of `population` (default: the same) and `scenario` (default:
        the base case). Nothing that was changed since is in it.
        """
        return _inputs(self.folder, self.population if population is None else population, scenario)

    @property
    def scenario_names(self) -> list[str]:
        """Names of the scenarios of the folder, in alphabetical order; see `Folder` for which these are."""
        return self.folder.scenario_names

    def years(self, name: str, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """`values` of the time parameter `name`, in its unit, as years."""
        return values * self.settings.years_per(self.parameters[name].unit)

    def with_values(self, /, **values: float) -> Inputs:
        """The same inputs with some values set anew; what is uncertain keeps its standard error, an interval is scaled. A value that is
        another than before is assumed: its source goes, its note says what it was.

        Raises `InputError` for unknown names, for what is no finite number, and for values out of range or that the distribution
        cannot hold.
        """
        faults: list[Fault] = []
        changed = dict(self.parameters)
        for name, given in values.items():
            where, value = f"changed value of {name}", rows.finite(given)
            if name not in changed:
                faults.append(Fault(where, "there is no such parameter", nearest(name, changed)))
            elif value is None:
                faults.append(Fault(where, f"{shown(given)} is not a finite number", "Give a plain number such as 0.67"))
            else:
                changed[name] = _moved(changed[name], value)
                faults += rows.check_evidence(where, changed[name], self.settings.currency)
        if any(name.startswith(rows.SHARES) for name in values):
            faults += rows.check_shares("changed values", changed.values())
        if faults:
            raise InputError.together(faults)
        return replace(self, parameters=MappingProxyType(changed), changed=(*self.changed, *values))

    def with_settings(self, /, **settings: Any) -> Inputs:
        """The same inputs with some settings set anew; raises `InputError` for what is not a setting or does not fit."""
        new, faults = changed_settings("changed settings", self.settings, settings, fixed=(*FIXED_BY_FILES, "life_table"))
        if new is not None:
            of_rows = check_rows(self.payoffs, new, units_of(self.parameters))
            faults += [] if all(fault.missing for fault in of_rows) else of_rows
        if new is None or faults:
            raise InputError.together(faults)
        return replace(self, settings=new, changed=(*self.changed, *settings))

    def _repr_html_(self) -> str:
        s = self.settings
        lines = [s.question, f"Population: {s.populations[self.population].label}. Scenario: {self.scenario.label}."]
        horizon = f"horizon {s.horizon_years:g} years ({s.n_cycles} cycles)"
        lines.append(f"{len(self.parameters)} parameters, {horizon}. Inputs {self.hash[:12]}.")
        return "<br>".join(escape(line) for line in lines)


def _labels(rows_of: Iterable[Payoff]) -> dict[str, str]:
    found: dict[str, str] = {}
    for row in rows_of:
        found[row.component] = found.get(row.component) or row.label
    return {name: label or name.replace("_", " ").capitalize() for name, label in found.items()}


def _content(settings: Settings) -> dict[str, Any]:
    """What of the settings makes the hash: without the title, the marks of schemes that are public, or of which nobody has said, and the
    places of discounting that are the usual ones: a choice that was not there before leaves the hash of those who do not make it.
    """
    content = settings.model_dump(mode="json", exclude={"title"})
    if content["currency_sign"] is None:
        del content["currency_sign"]
    for name in ("time_discounted_at", "purchases_discounted_at", "events_discounted_at"):
        if content[name] == Settings.model_fields[name].default:
            del content[name]
    for scheme in content["schemes"].values():
        if scheme["confidentiality"] in (None, "none"):
            del scheme["confidentiality"]
    return content


def _moved(parameter: Parameter, value: float) -> Parameter:
    if value == parameter.value:
        return parameter
    scale = value / parameter.value if parameter.value else 1.0
    low, high = (bound * scale if bound is not None else None for bound in (parameter.low, parameter.high))
    trusted = f"{parameter.status}, {parameter.source}" if parameter.source else parameter.status
    note = f"Changed by hand from {parameter.value:,.10g} {parameter.unit}; before: {trusted}. {parameter.note}".strip()
    return replace(parameter, value=value, low=low, high=high, status="assumed", source="", note=note)


@dataclass(frozen=True)
class _Names:
    """Names that the files of a problem may use; None where the file that lists them could not be read."""

    populations: Mapping[str, Any] | None
    strategies: Mapping[str, Any] | None
    parameters: Mapping[str, Any] | None = None
    currency: str = rows.CURRENCY


def inputs_of(folder: Folder, *, population: str | None = None, scenario: str | Path | None = None) -> Inputs:
    """What the texts of a folder say, checked as `load_inputs` checks it."""
    return _inputs(folder, population, scenario)


def load_inputs(problem: str | Path = "relapsed", *, population: str | None = None, scenario: str | Path | None = None) -> Inputs:
    """Read one decision problem, for one population and one scenario, and check all of it.

    `problem` is the name of a problem of the package, or the path of a folder of one's own with the same files (see `open_folder`);
    `population` is a name in its `settings.toml` (default: the base case); `scenario` a name of its scenarios (see `Folder`) or a TOML
    file. Raises one `InputError` that lists every fault of every file with its place; what other populations have is checked too.
    """
    return _inputs(open_folder(problem), population, scenario)


def as_filed(problem: str | Path | Inputs, population: str | None = None) -> Inputs:
    """The base case of a problem, given by its name, its folder, or inputs read before, whose files are then meant as they were read.

    Raises `InputError` for inputs that are not as their files are: what is asked of the files would leave the changes out.
    """
    if not isinstance(problem, Inputs):
        return load_inputs(problem, population=population)
    if problem.hash != problem.filed().hash:
        remedy = "Give inputs.filed(), or put the changes into the files or a scenario"
        raise InputError("inputs", "they were changed since they were read, and this starts from the files", remedy)
    return problem.filed(population=population)


def _inputs(folder: Folder, population: str | None, scenario: str | Path | None) -> Inputs:
    faults: list[Fault] = []
    values, fits = _read_settings(folder, faults)
    settings = _settings(place(folder.path / "settings.toml"), values, faults)
    names = _names_in(values or {})
    base, whole = _read_parameters(folder, names.currency, faults)
    base, of_fits = with_curves(base, (), fits)
    names = replace(names, parameters=base if whole else None)
    of_population = _read_populations(folder, base, names, faults)
    payoffs = payoffs_of(folder, faults)
    pairs = [*_read_correlations(folder, names, faults), *(("", pair) for pair in of_fits)]
    figures = _read_published(folder, names, faults)
    chosen = _chosen_population(population, settings, names, faults)
    faults += _contradictions(place(folder.path / "correlations.csv"), pairs, base, of_population, names)
    parameters, change = of_population.get(chosen, base), BASE_CASE
    if scenario is not None and str(scenario) != BASE_CASE.name:
        settings, parameters, change = _apply_scenario(folder, scenario, settings, parameters, chosen, names, faults)
    table_name = settings.life_table if settings else (values or {}).get("life_table")
    life_table = _read_life_table(folder, table_name, faults)
    correlations = tuple(pair for owner, pair in pairs if owner in ("", chosen))
    if not faults and settings is not None:
        settings, parameters, correlations, faults = _with_fitted_curves(change, settings, parameters, correlations)
    if not faults and settings is not None:
        # a parameter that is not there is told by the run, with all others that it needs
        of_rows = check_rows(payoffs, settings, units_of(parameters))
        faults += [] if all(fault.missing for fault in of_rows) else of_rows
        faults += never_paid(payoffs, settings) if change == BASE_CASE else []
    if not faults:
        faults += contradiction(place(folder.path / "correlations.csv"), correlations, parameters)
    if faults or settings is None or life_table is None:
        raise InputError.together(faults)
    published = tuple(figure for owner, figure in figures if owner == chosen)
    norm = load_rules().utility_norm
    return Inputs(
        settings, chosen, change, MappingProxyType(parameters), correlations, life_table, norm, published, payoffs, folder
    )


def payoff_tables(folder: Folder, faults: list[Fault]) -> tuple[Table, Table]:
    """Cells of the rows of costs and QALYs, and of those of adverse events (a folder may have none), as they stand in the files."""
    of_rows = _read_rows(folder, folder.path / "payoffs.csv", PAYOFF_COLUMNS, faults)
    return of_rows, _read_rows(folder, folder.path / "adverse_events.csv", EVENT_COLUMNS, faults, may_be_empty=True)


def payoffs_of(folder: Folder, faults: list[Fault]) -> tuple[Payoff, ...]:
    """Costs and QALYs of the problem: its rows, and those that stand for its adverse events."""
    of_rows, events = payoff_tables(folder, faults)
    return (*read_payoffs(of_rows, faults), *read_events(events, faults))


def units_of(parameters: Mapping[str, Parameter]) -> dict[str, str]:
    """Unit of each parameter by name."""
    return {name: parameter.unit for name, parameter in parameters.items()}


def scenario_names(problem: str | Path = "relapsed") -> list[str]:
    """Names of the scenarios of a decision problem (a name or a folder of one's own); none where there is no such problem."""
    try:
        return open_folder(problem).scenario_names
    except InputError:
        return []


def latent_correlations(inputs: Inputs) -> tuple[list[str], NDArray[np.float64]]:
    """Names of the correlated uncertain parameters and their latent correlation matrix, shape (name, name)."""
    return latent(inputs.correlations, inputs.parameters)


def _contradictions(
    where: str,
    pairs: Iterable[tuple[str, Correlation]],
    base: Mapping[str, Parameter],
    of_population: Mapping[str, Mapping[str, Parameter]],
    names: _Names,
) -> list[Fault]:
    """Contradictions between the correlations of any population."""
    found: list[Fault] = []
    for population in names.populations or ():
        correlations = [pair for owner, pair in pairs if owner in ("", population)]
        found += contradiction(where, correlations, of_population.get(population, base))
    return found


def _read_toml(folder: Folder, path: Path, faults: list[Fault]) -> dict[str, Any] | None:
    text = folder.text(path, faults)
    return None if text is None else toml_values(place(path), text, faults)


def _read_settings(folder: Folder, faults: list[Fault]) -> tuple[dict[str, Any] | None, dict[str, FittedEstimates]]:
    """Values of `settings.toml`, and the curves that stand there with their covariance."""
    path = folder.path / "settings.toml"
    values = _read_toml(folder, path, faults)
    if values is None:
        return None, {}
    kept, fits, found = with_fits_as_terms(place(path), values)
    faults += found
    for name, fit in fits.items():
        own, _ = with_curves({}, (), {name: fit})
        faults += [fault for p in own.values() for fault in rows.check(f"{place(path)} (fitted_curves.{name})", p)]
    return kept, fits


def _read_rows(
    folder: Folder,
    path: Path,
    columns: Collection[str],
    faults: list[Fault],
    *,
    comments: bool = False,
    may_be_empty: bool = False,
) -> Table:
    text = folder.text(path, faults)
    if text is None:
        return Table((), whole=False)
    if path.name in OPTIONAL and not text:
        return Table((), whole=True)
    return csv_rows(place(path), text, columns, faults, comments=comments, may_be_empty=may_be_empty)


def _settings(where: str, values: Mapping[str, Any] | None, faults: list[Fault]) -> Settings | None:
    if values is None:
        return None
    settings, found = settings_from(where, values, examples=example_settings())
    faults += found
    return settings


def _names_in(values: Mapping[str, Any]) -> _Names:
    """Names in `settings.toml`, as far as it can be read at all."""
    populations, strategies = values.get("populations"), values.get("strategies")
    names = [s.get("name") if isinstance(s, dict) else None for s in strategies] if isinstance(strategies, list) else []
    currency = values.get("currency", rows.CURRENCY)
    has_all = bool(names) and all(isinstance(name, str) for name in names)
    return _Names(
        populations if isinstance(populations, dict) and populations else None,
        dict.fromkeys(map(str, names)) if has_all else None,
        currency=currency if isinstance(currency, str) else rows.CURRENCY,
    )


def _chosen_population(asked: str | None, settings: Settings | None, names: _Names, faults: list[Fault]) -> str:
    chosen = asked if asked is not None else settings.population if settings else ""
    known = names.populations
    if known is not None and (not isinstance(chosen, str) or chosen not in known) and (asked is not None or settings):
        faults.append(Fault(f"population {shown(chosen)}", "there is no such population", nearest(chosen, known)))
    return chosen if isinstance(chosen, str) else ""


def _unknown(where: str, word: str, kind: str, valid: Iterable[str] | None) -> list[Fault]:
    """A fault if the word is none of the valid ones, unless these are not known."""
    if valid is None or word in valid:
        return []
    return [Fault(where, f"{shown(word)} is not a {kind}", nearest(word, valid))]


def _name_row(where: str, *names: str) -> str:
    """The place of a row with the names that it is about, if these are fit to print."""
    words = [name.strip() for name in names]
    return f"{where} ({', '.join(words)})" if all(w.isprintable() and 0 < len(w) <= 80 for w in words) else where


def _read_parameters(folder: Folder, currency: str, faults: list[Fault]) -> tuple[dict[str, Parameter], bool]:
    """Parameters by name, and whether all rows could be read."""
    path = folder.path / "parameters.csv"
    table = _read_rows(folder, path, rows.COLUMNS, faults, may_be_empty=True)  # the model says what it lacks
    parameters: dict[str, Parameter] = {}
    for place_of_row, cells in table.rows:
        where = _name_row(place_of_row, cells["name"])
        values, found = rows.parse(where, cells)
        parameter = Parameter(**values)
        if parameter.name in parameters:
            found.append(Fault(where, "the name is there twice", "Keep one of the rows"))
        parameters[parameter.name] = parameter
        faults += found + rows.check(where, parameter, currency)
    if table.whole:
        faults += rows.check_shares(place(path), parameters.values())
    return parameters, table.whole


def _read_populations(
    folder: Folder, base: Mapping[str, Parameter], names: _Names, faults: list[Fault]
) -> dict[str, dict[str, Parameter]]:
    """Parameters of each population: the base with the population's rows in place."""
    path = folder.path / "populations.csv"
    result: dict[str, dict[str, Parameter]] = {name: dict(base) for name in names.populations or ()}
    seen: set[tuple[str, str]] = set()
    is_alone = len(result) == 1  # of several populations one at least must differ from the base case
    for place_of_row, cells in _read_rows(folder, path, POPULATION_COLUMNS, faults, may_be_empty=is_alone).rows:
        owner, name = cells["population"].strip(), cells["name"].strip()
        where = _name_row(place_of_row, owner, name)
        values, found = rows.parse(where, {column: cells[column] for column in rows.OVERRIDABLE})
        found += _unknown(where, owner, "population", names.populations)
        found += _unknown(where, name, "parameter", names.parameters)
        if (owner, name) in seen:
            found.append(Fault(where, "the row is there twice", "Keep one of the rows"))
        seen.add((owner, name))
        if name in base:
            changed = replace(base[name], **values)
            found += rows.check_evidence(where, changed, names.currency)
            result.setdefault(owner, dict(base))[name] = changed
        faults += found
    for owner in {owner for owner, name in seen if name.startswith(rows.SHARES)} if names.parameters is not None else ():
        faults += rows.check_shares(f"{place(path)}, population {owner}", result[owner].values())
    return result


def _read_correlations(folder: Folder, names: _Names, faults: list[Fault]) -> list[tuple[str, Correlation]]:
    """Correlations, each with the population it holds for ("": all)."""
    found: list[tuple[str, Correlation]] = []
    seen: set[tuple[str, frozenset[str]]] = set()
    for where, cells in _read_rows(folder, folder.path / "correlations.csv", CORRELATION_COLUMNS, faults, may_be_empty=True).rows:
        text = {column: cell.strip() for column, cell in cells.items()}
        owner, first, second = text["population"], text["first"], text["second"]
        pair, value = frozenset((first, second)), rows.number(text["rank_correlation"])
        if owner:
            faults += _unknown(where, owner, "population", names.populations)
        for name in (first, second):
            faults += _unknown(where, name, "parameter", names.parameters)
            if name.startswith(rows.SHARES):
                faults.append(Fault(where, f"{name} is drawn with the other shares of packs alone", "Leave the row out"))
        faults += _unknown(where, text["status"], "status", rows.STATUSES)
        faults += rows.check_provenance(where, text["status"], text["source"], text["note"])
        if first == second:
            faults.append(Fault(where, "a parameter is correlated with itself", "Name two parameters"))
        if {(owner, pair), ("", pair)} & seen or (not owner and any(pair == other for _, other in seen)):
            faults.append(Fault(where, "the pair is there twice", "Keep one of the rows"))
        seen.add((owner, pair))
        if value is None or not -1 < value < 1:
            problem = f"{shown(text['rank_correlation'])} is not a correlation"
            faults.append(Fault(where, problem, "Give a number between -1 and 1, ends excluded"))
        elif first != second:
            found.append((owner, Correlation(first, second, value, text["source"], text["status"], text["note"])))
    return found


def _read_published(folder: Folder, names: _Names, faults: list[Fault]) -> list[tuple[str, Published]]:
    """Published figures, each with its population."""
    figures: list[tuple[str, Published]] = []
    seen: set[tuple[str, str, str]] = set()
    for where, cells in _read_rows(folder, folder.path / "published.csv", PUBLISHED_COLUMNS, faults, may_be_empty=True).rows:
        text = {column: cell.strip() for column, cell in cells.items()}
        values, found = rows.parse(where, {"value": cells["value"]})
        is_share, value = text["outcome"] in SHARES_PUBLISHED, values["value"]
        for column, valid in (
            ("population", names.populations),
            ("strategy", names.strategies),
            ("outcome", PUBLISHED_OUTCOMES),
            ("unit", ("probability",) if is_share else rows.TIME_UNITS),
            ("status", rows.STATUSES),
        ):
            found += _unknown(where, text[column], column, valid)
        found += rows.check_provenance(where, text["status"], text["source"], text["note"])
        if value <= 0 or (is_share and value > 1):
            remedy = "Give a probability from 0 to 1" if is_share else "Give a time above 0"
            found.append(Fault(where, f"{value:g} is out of range", remedy))
        key = (text["population"], text["strategy"], text["outcome"])
        if key in seen:
            found.append(Fault(where, "the figure is there twice", "Keep one of the rows"))
        seen.add(key)
        keep = ("strategy", "outcome", "unit", "source", "status", "note")
        figures.append((text["population"], Published(value=value, **{column: text[column] for column in keep})))
        faults += found
    return figures


def _read_life_table(folder: Folder, name: object, faults: list[Fault]) -> LifeTable | None:
    """The life table that the settings name: inside the problem's folder, beside it, or among those of the package."""
    if not isinstance(name, str) or not name.strip():
        return None  # a fault of the settings already
    path = folder.life_tables.get(name)
    if path is None:
        where = f"{place(folder.path / 'settings.toml')} (life_table)"
        faults.append(Fault(where, f"there is no life table {shown(name)}", nearest(name, folder.life_tables)))
        return None
    before, where = len(faults), place(path)
    numbers = _life_table_numbers(_read_rows(folder, path, LIFE_TABLE_COLUMNS, faults, comments=True), faults)
    ages = [age for age, _, _ in numbers]
    if len(faults) == before and (ages != list(range(len(ages))) or len(ages) <= LAST_AGE):
        problem = f"the ages are not 0, 1, 2, ... to {LAST_AGE} or more without gaps"
        faults.append(Fault(where, problem, "Give one row for each age from 0"))
    _, male, female = np.array(numbers).reshape(-1, 3).T.copy()
    return LifeTable(path.stem, male, female) if len(faults) == before else None


def _life_table_numbers(table: Table, faults: list[Fault]) -> list[tuple[float, float, float]]:
    """Age and probabilities of death of each row that can be read; a probability of 1 closes the table."""
    found, places = [], []
    for where, cells in table.rows:
        age, male, female = (rows.number(cells[column].strip()) for column in LIFE_TABLE_COLUMNS)
        if age is None or male is None or female is None:
            faults.append(Fault(where, "a cell is not a number", "Write the age as a whole number and q(x) as a probability"))
        elif not (0 <= male <= 1 and 0 <= female <= 1):
            faults.append(Fault(where, f"{male:g} or {female:g} is not a probability of death", "Give q(x) from 0 to 1"))
        else:
            found.append((age, male, female))
            places.append(where)
    for sex, name in ((1, "men"), (2, "women")):
        closed = [row[sex] == 1 for row in found]
        for where, this, following in zip(places, closed, closed[1:], strict=False):
            if this and not following:
                problem = f"all {name} die at this age (q is 1), and more ages follow"
                faults.append(Fault(where, problem, "Give 1 at the last age only, with which a table is closed"))
    return found


def _with_fitted_curves(
    scenario: Scenario, settings: Settings, parameters: dict[str, Parameter], correlations: tuple[Correlation, ...]
) -> tuple[Settings | None, dict[str, Parameter], tuple[Correlation, ...], list[Fault]]:
    """Settings, parameters and correlations with the curves that the scenario gives in place, and the faults found."""
    curves, where = scenario.fitted_curves, f"scenario {scenario.name}"
    if not curves:
        return settings, parameters, correlations, []
    terms = {name: curve.terms.model_dump() for name, curve in curves.items()}
    fitted = settings.model_dump()["fitted_curves"] | terms
    new, faults = changed_settings(where, settings, {"fitted_curves": fitted})
    parameters, correlations = with_curves(parameters, correlations, curves)
    for name in curves:
        own = [p for n, p in parameters.items() if n.startswith(f"fit_{name}_")]
        faults += [fault for p in own for fault in rows.check(f"{where} (fitted_curves.{name})", p, settings.currency)]
    return new, parameters, correlations, list(dict.fromkeys(faults))


def _scenario_file(folder: Folder, scenario: str | Path, faults: list[Fault]) -> Path | None:
    """The file of a scenario: by its name among those of the folder, or by its path."""
    if isinstance(scenario, str) and scenario in folder.scenarios:
        return folder.scenarios[scenario]
    if isinstance(scenario, (str, Path)) and is_file(Path(scenario)):
        return Path(scenario)
    name = str(scenario)
    if name in folder.scenarios:
        return folder.scenarios[name]
    valid = [BASE_CASE.name, *folder.scenario_names]
    faults.append(Fault(f"scenario {shown(name)}", "there is no such scenario", nearest(name, valid)))
    return None


def _apply_scenario(
    folder: Folder,
    scenario: str | Path,
    settings: Settings | None,
    parameters: dict[str, Parameter],
    population: str,
    names: _Names,
    faults: list[Fault],
) -> tuple[Settings | None, dict[str, Parameter], Scenario]:
    """Settings and parameters with the scenario's in place; what holds for other populations only is not put in place."""
    path = _scenario_file(folder, scenario, faults)
    values = _read_toml(folder, path, faults) if path else None
    if path is None or values is None:
        return settings, parameters, BASE_CASE
    where = place(path)
    chosen = scenario_from(where, path.stem, values, faults)
    foreign = problem_faults(where, values.get("problem"), settings.problem) if settings else []
    if foreign:
        faults += foreign
        return settings, parameters, chosen
    faults += population_faults(where, chosen, names.populations)
    if settings:
        settings, found = changed_settings(where, settings, chosen.settings, table="settings.")
        faults += found
    if chosen.populations and population not in chosen.populations:
        if names.populations is not None and population in names.populations:
            others = [name for name in names.populations if name in chosen.populations]
            problem = f"its numbers hold for {', '.join(others) or 'none of them'} only, not for {population}"
            faults.append(Fault(where, problem, "Choose one of these populations, or another scenario", elsewhere=True))
        return settings, parameters, chosen
    parameters, found = with_scenario(where, chosen, parameters, names.parameters, names.currency)
    faults += found
    return settings, parameters, chosen
