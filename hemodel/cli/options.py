"""Options that commands share, in groups: a command that takes a group takes all of its options, the same ones everywhere.

A group is a dataclass whose fields are typer parameters. `command` registers a function with its groups unfolded, so that
`def drivers(case: Case, question: Question, delivery: Table)` has --population, --threshold, --json and the rest.
"""

from __future__ import annotations

import inspect
import re
import tomllib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, fields, is_dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer
from typer.core import TyperCommand, TyperOption

from hemodel.errors import Fault, InputError, nearest
from hemodel.extras import need

if TYPE_CHECKING:
    from hemodel.evidence.inputs import Inputs

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
    help="Cost-effectiveness of treatments, from files with a source for every number.",
)


def whole_number(text: str | int) -> int:
    """A whole number as people write it.

    >>> whole_number("1e6"), whole_number("10_000")
    (1000000, 10000)
    """
    try:
        return int(text)
    except ValueError:
        number = Decimal(text) if _NUMBER.fullmatch(str(text)) else None
    if number is None or number != number.to_integral_value():
        raise ValueError(f"{text} is not a whole number")
    return int(number)


_NUMBER = re.compile(r"[+-]?\d+(\.\d*)?([eE][+-]?\d{1,2})?")
DEFAULT_PROBLEM = "relapsed"
Problem = Annotated[
    str,
    typer.Argument(
        help="A decision problem below inputs/, or a folder of your own with the same files.  [default: relapsed]",
        show_default=False,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Force = Annotated[bool, typer.Option("--force", help="Replace a file that is already there.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress bar and no messages.")]
Draws = Annotated[
    int, typer.Option(parser=whole_number, metavar="INTEGER", help="Number of draws of the probabilistic analysis.")
]
Seed = Annotated[int, typer.Option(parser=whole_number, metavar="INTEGER", help="Seed of the draws.")]
Design = Annotated[str, typer.Option(help="monte_carlo, latin_hypercube or sobol.")]
TimeColumn = Annotated[str | None, typer.Option(help="Column of the times, if it is not called time.")]
EventColumn = Annotated[str | None, typer.Option(help="Column of the events, if not called event or status.")]
EventValue = Annotated[str | None, typer.Option(help="The value that marks an event, if not 1; all others: censored.")]
TimeUnit = Annotated[str, typer.Option(help="Unit of the times: days, weeks, months or years.")]
Top = Annotated[int, typer.Option(help="How many rows to print.", min=1)]

DEFAULT_DRAWS, DEFAULT_SEED = 10_000, 171


@dataclass(frozen=True)
class Case:
    """What is run: a decision problem, a population and a scenario of it, and values changed by hand."""

    problem: Problem = DEFAULT_PROBLEM
    population: Annotated[str | None, typer.Option(help="Population; default: the one of the base case.")] = None
    scenario: Annotated[str | None, typer.Option(help="Scenario below scenarios/, or a TOML file of your own.")] = None
    change: Annotated[
        list[str] | None,
        typer.Option("--set", help="What if: NAME=VALUE of a parameter or a setting (schemes.pas.kind=... inside), repeatable."),
    ] = None

    def inputs(self) -> Inputs:
        """The inputs of the case, read and checked."""
        inputs = read_inputs(self.problem, population=self.population, scenario=self.scenario)
        return changed_by_hand(inputs, self.change)


@dataclass(frozen=True)
class NamedCase(Case):
    """The same where other words follow the problem, which may be left out: `words_of` tells them apart."""

    problem: Annotated[str, typer.Option("--problem", hidden=True)] = ""

    def words_of(self, words: Sequence[str] | None, *wanted: str) -> tuple[Case, list[str]]:
        """The case, and the words after the problem: as many as are `wanted`, or any number if none is named."""
        rest, first = list(words or []), ""
        if rest and (_is_problem(rest[0]) or (wanted and len(rest) > len(wanted))):
            first = rest.pop(0)
        if wanted and len(rest) != len(wanted):
            problem = f"{len(rest)} given after the problem, where {len(wanted)} wanted"
            raise InputError(" ".join(wanted), problem, f"Write {' '.join(('[PROBLEM]', *wanted))}")
        return replace(self, problem=one_problem(first, self.problem)), rest


def _is_problem(word: str) -> bool:
    from hemodel.evidence.reading import data_folder

    return any((folder / "settings.toml").is_file() for folder in (Path(word), data_folder("inputs") / word))


def one_problem(argument: str, option: str) -> str:
    """The decision problem, whichever way it was given; refused if both ways name different ones."""
    if argument and option and argument != option:
        raise InputError("PROBLEM", f"both {argument} and --problem {option} are given", "Give one of them")
    return argument or option or DEFAULT_PROBLEM


@dataclass(frozen=True)
class Question:
    """What is asked of a case."""

    arrangement: Annotated[str | None, typer.Option(help="Price arrangement; default: the scheme.")] = None
    strategy: Annotated[str | None, typer.Option(help="Compared with the comparator; default: the first that is not it.")] = None
    threshold: Annotated[float | None, typer.Option(help="Money per QALY; default: the upper threshold.")] = None

    @property
    def asked(self) -> dict[str, Any]:
        """As the analyses take it."""
        return {"price_arrangement": self.arrangement, "strategy": self.strategy, "threshold": self.threshold}


@dataclass(frozen=True)
class Table:
    """How a table is delivered."""

    as_json: AsJson = False
    out: Annotated[Path | None, typer.Option(help="Write the whole table here (.csv).")] = None
    force: Force = False
    quiet: Quiet = False

    def refuse_target(self) -> None:
        """Refuse a bad `--out` before the work starts, not after."""
        refuse_target(self.out, self.force, ".csv")


@dataclass(frozen=True)
class Report(Table):
    """How results that fill a workbook are delivered."""

    out: Annotated[Path | None, typer.Option(help="Write the results here (.xlsx or .csv).")] = None

    def refuse_target(self) -> None:
        """Refuse a bad `--out` before the work starts, not after."""
        refuse_target(self.out, self.force, ".xlsx", ".csv")


@dataclass(frozen=True)
class DrawReport(Table):
    """How the draws of a probabilistic analysis are delivered."""

    out: Annotated[
        Path | None,
        typer.Option(
            help="Write here: .parquet or .csv has a row per draw, with its parameters, costs, life-years and QALYs; .xlsx the "
            "results. For a million draws choose .parquet: it is several times quicker and smaller than .csv."
        ),
    ] = None

    def refuse_target(self) -> None:
        """Refuse a bad `--out` before the work starts, not after."""
        refuse_target(self.out, self.force, ".parquet", ".csv", ".xlsx")
        if self.out and self.out.suffix == ".parquet":
            need("distributed", "a .parquet file")


def command(name: str | None = None) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Register a function as a command (of its own name unless another is given), with its groups of options unfolded."""

    def register(function: Callable[..., None]) -> Callable[..., None]:
        app.command(name, cls=_OnceEach)(_unfolded(function))
        return function

    return register


class _OnceEach(TyperCommand):
    """A command that refuses an option given twice which takes one value, where the last would win without a word."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the words of the command line, after a look at what is given twice."""
        _, _, order = self.make_parser(ctx).parse_args(args=list(args))
        counts = Counter(p.name for p in order if isinstance(p, TyperOption) and not (p.multiple or p.is_flag or p.count))
        names = {p.name: p.opts[0] for p in order}
        faults = [
            Fault(names[name], f"it is given {count} times and takes one value", "Give it once")
            for name, count in counts.items()
            if count > 1
        ]
        if faults:
            raise InputError.together(faults)
        return super().parse_args(ctx, args)


def _unfolded(function: Callable[..., None]) -> Callable[..., None]:
    """The function with the fields of its groups as parameters of its own."""
    hints = get_type_hints(function, include_extras=True)
    groups: dict[str, type] = {}
    parameters = []
    for parameter in inspect.signature(function).parameters.values():
        kind = hints[parameter.name]
        if is_dataclass(kind) and isinstance(kind, type):
            groups[parameter.name] = kind
            of_group = get_type_hints(kind, include_extras=True)
            parameters += [_keyword(field.name, of_group[field.name], field.default) for field in fields(kind)]
        else:
            parameters.append(_keyword(parameter.name, kind, parameter.default))

    positional = [p for p in parameters if p.name == "problem" and p.annotation == Problem]
    if positional:
        alias = Annotated[str, typer.Option("--problem", hidden=True)]
        parameters = [p.replace(default="") if p in positional else p for p in parameters]
        parameters.append(_keyword("problem_option", alias, ""))

    def unfolded(**given: Any) -> None:
        if positional:
            given["problem"] = one_problem(given["problem"], given.pop("problem_option"))
        packed = {name: kind(**{f.name: given.pop(f.name) for f in fields(kind)}) for name, kind in groups.items()}
        function(**packed, **given)

    unfolded.__name__, unfolded.__doc__ = function.__name__, function.__doc__
    unfolded.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    unfolded.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return unfolded


def _keyword(name: str, annotation: object, default: object) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def read_inputs(problem: str, *, population: str | None = None, scenario: str | None = None) -> Inputs:
    """The inputs, with a note where a folder in the working directory has the name of the packaged problem that is read instead."""
    from hemodel.evidence.inputs import load_inputs

    inputs = load_inputs(problem, population=population, scenario=scenario)
    if inputs.folder.hidden is not None:
        note = (
            f"Note: {problem} is the problem of the package. The folder of that name here is not read: write ./{problem} for it."
        )
        typer.echo(note, err=True)
    return inputs


def named_texts(option: str, texts: list[str] | None, example: str) -> dict[str, str]:
    """What an option that is given as NAME=VALUE, as often as needed, says of each name; a name given twice is refused."""
    values: dict[str, str] = {}
    faults = []
    for text in texts or []:
        name, sign, value = (part.strip() for part in text.partition("="))
        if not (name and sign and value):
            faults.append(Fault(f"{option} {text}", "this is not NAME=VALUE", f"Write for example {option} {example}"))
        elif name in values:
            faults.append(Fault(f"{option} {text}", f"{name} is given twice", "Give it once"))
        values.setdefault(name, value)
    if faults:
        raise InputError.together(faults)
    return values


def named_numbers(option: str, texts: list[str] | None, example: str = "u_progressed=0.6") -> dict[str, float]:
    """The numbers of an option that is given as NAME=VALUE, as often as needed."""
    values, faults = {}, []
    for name, text in named_texts(option, texts, example).items():
        try:
            values[name] = float(text)
        except ValueError:
            remedy = f"Write for example {option} {example}"
            faults.append(Fault(f"{option} {name}={text}", "this is not NAME=VALUE with a number", remedy))
    if faults:
        raise InputError.together(faults)
    return values


def changed_by_hand(inputs: Inputs, texts: list[str] | None) -> Inputs:
    """The inputs with parameters and settings as `--set` says; the faults of all of them together."""
    from hemodel.evidence.settings import Settings

    given = named_texts("--set", texts, "u_progressed=0.6")
    settings = {name: text for name, text in given.items() if name.partition(".")[0] in Settings.model_fields}
    faults = [
        Fault(f"--set {name}", "there is a parameter and a setting of this name", "Rename the parameter")
        for name in settings
        if name in inputs.parameters
    ]
    known = {*inputs.parameters, *Settings.model_fields}
    unknown = [name for name in given if name not in known and name not in settings]
    faults += [Fault(f"--set {name}", "there is no such parameter or setting", nearest(name, known)) for name in unknown]
    numbers = [f"{name}={text}" for name, text in given.items() if name in inputs.parameters and name not in settings]
    changed = inputs
    try:
        changed = inputs.with_values(**named_numbers("--set", numbers)) if numbers else inputs
    except InputError as error:
        faults += error.faults
    try:
        changed = changed.with_settings(**_setting_values(inputs.settings.model_dump(), settings)) if settings else changed
    except InputError as error:
        faults += error.faults
    if faults:
        raise InputError.together(faults)
    return changed


def _setting_values(now: Mapping[str, Any], texts: Mapping[str, str]) -> dict[str, Any]:
    """Settings by name; of `schemes.pas.drug_cost_cap_cycles` the whole of `schemes` with this one changed."""
    changed: dict[str, Any] = {}
    for path, text in texts.items():
        head, *inner = path.split(".")
        if not inner:
            changed[head] = _as_setting(text, now[head])
            continue
        branch = changed.setdefault(head, deepcopy(now[head]))
        for depth, key in enumerate(inner):
            if not isinstance(branch, dict) or (depth < len(inner) - 1 and key not in branch):
                place = ".".join((head, *inner[:depth]))
                valid = nearest(key, branch) if isinstance(branch, dict) else f"Write --set {place}=VALUE"
                raise InputError(f"--set {path}", f"there is no {key} in {place}", valid)
            if depth == len(inner) - 1:
                branch[key] = _as_setting(text, branch.get(key))
            else:
                branch = branch[key]
    return changed


def _as_setting(text: str, now: object) -> object:
    """A value as TOML has it; text needs no quotation marks, and `none` takes away what may be absent."""
    if not isinstance(now, (str, dict, list)) and text == "none":
        return None
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
    return text if isinstance(now, str) and not isinstance(value, str) else value


def refuse_target(out: Path | None, force: bool, *suffixes: str, option: str = "--out") -> None:
    """Refuse a file that cannot be written as things stand, in the words of the command line."""
    if out is None:
        return
    from hemodel import files

    if out.suffix not in suffixes:
        raise InputError(f"{option} {out}", f"the name does not end in {' or '.join(suffixes)}", "Choose a name that does")
    try:
        files.refuse_target(out, force=force)
    except InputError as error:
        taken = out.is_file() and not force
        remedy = "Add --force to replace it" if taken else error.faults[0].remedy
        raise InputError(f"{option} {out}", error.faults[0].problem, remedy) from None
