"""Options that commands share, in groups: a command that takes a group takes all of its options, the same ones everywhere.

A group is a dataclass whose fields are typer parameters. `command` registers a function with its groups unfolded, so that
`def drivers(case: Case, question: Question, delivery: Table)` has --population, --threshold, --json and the rest.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from hemodel.errors import Fault, InputError

if TYPE_CHECKING:
    from hemodel.evidence.inputs import Inputs

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
    help="Cost-effectiveness of lenalidomide in multiple myeloma, as NICE appraised it (TA171).",
)

Problem = Annotated[str, typer.Argument(help="A decision problem below inputs/, or a folder of your own with the same files.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Force = Annotated[bool, typer.Option("--force", help="Replace a file that is already there.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress bar and no messages.")]
Draws = Annotated[int, typer.Option(help="Number of draws of the probabilistic analysis.")]
Seed = Annotated[int, typer.Option(help="Seed of the draws.")]
Design = Annotated[str, typer.Option(help="monte_carlo, latin_hypercube or sobol.")]
Top = Annotated[int, typer.Option(help="How many rows to print.", min=1)]

DEFAULT_DRAWS, DEFAULT_SEED = 10_000, 171


@dataclass(frozen=True)
class Case:
    """What is run: a decision problem, a population and a scenario of it, and values changed by hand."""

    problem: Problem = "relapsed"
    population: Annotated[str | None, typer.Option(help="Population; default: the one of the base case.")] = None
    scenario: Annotated[str | None, typer.Option(help="Scenario below scenarios/, or a TOML file of your own.")] = None
    change: Annotated[list[str] | None, typer.Option("--set", help="What if: NAME=VALUE, as often as needed.")] = None

    def inputs(self) -> Inputs:
        """The inputs of the case, read and checked."""
        inputs = read_inputs(self.problem, population=self.population, scenario=self.scenario)
        values = named_numbers("--set", self.change)
        return inputs.with_values(**values) if values else inputs


@dataclass(frozen=True)
class NamedCase(Case):
    """The same where other words come first: the problem is an option."""

    problem: Annotated[str, typer.Option(help="Decision problem, or a folder of your own with the same files.")] = "relapsed"


@dataclass(frozen=True)
class Question:
    """What is asked of a case."""

    arrangement: Annotated[str | None, typer.Option(help="Price arrangement; default: the scheme.")] = None
    strategy: Annotated[str | None, typer.Option(help="Compared with the comparator; default: the first that is not it.")] = None
    threshold: Annotated[float | None, typer.Option(help="GBP per QALY; default: the upper threshold.")] = None

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


def command(name: str | None = None) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Register a function as a command (of its own name unless another is given), with its groups of options unfolded."""

    def register(function: Callable[..., None]) -> Callable[..., None]:
        app.command(name)(_unfolded(function))
        return function

    return register


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

    def unfolded(**given: Any) -> None:
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


def named_numbers(option: str, texts: list[str] | None) -> dict[str, float]:
    """The values of an option that is given as NAME=VALUE, as often as needed."""
    values, faults = {}, []
    for text in texts or []:
        name, _, number = text.partition("=")
        try:
            values[name.strip()] = float(number)
        except ValueError:
            remedy = f"Write for example {option} u_progressed=0.6"
            faults.append(Fault(f"{option} {text}", "this is not NAME=VALUE with a number", remedy))
    if faults:
        raise InputError.together(faults)
    return values


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
