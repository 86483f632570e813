"""Speaking to a terminal: tables, JSON, files and progress. Results go to standard output, messages to standard error."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    import pandas as pd

    from hemodel.analyses.psa import PSA
    from hemodel.cli.options import Table
    from hemodel.evidence.inputs import Inputs


def deliver(
    inputs: Inputs,
    delivery: Table,
    frame: pd.DataFrame,
    title: str,
    *,
    shown: pd.DataFrame | None = None,
    psa: PSA | None = None,
    **more: object,
) -> None:
    """Give a result to its user: the whole `frame` as JSON (with `more` beside it) or CSV, or what is `shown` of it as a table."""
    if delivery.out:
        write_csv(delivery.out, frame, delivery)
    if delivery.as_json:
        print_json({"results": records(frame), **more, "manifest": manifest(inputs, psa)})
    else:
        print_frame((frame if shown is None else shown).map(plain), title)


def write_csv(path: Path, frame: pd.DataFrame, delivery: Table) -> None:
    """Write a table as CSV, whole."""
    from hemodel import files

    files.write_whole(path, files.csv_text(frame).encode(), force=delivery.force)
    say(f"Wrote {path}", delivery.quiet)


def left_out_lines(lacking: Mapping[str, Sequence[str]]) -> list[str]:
    """A line for each analysis that a full run leaves out, with what it lacks."""
    return [f"Left out of a full run: {name}, for lack of {', '.join(missing)}" for name, missing in lacking.items()]


def case_title(inputs: Inputs) -> str:
    """Population and scenario in words."""
    return f"{inputs.settings.populations[inputs.population].label}; {inputs.scenario.label.lower()}"


def manifest(inputs: Inputs, psa: PSA | None = None) -> dict[str, Any]:
    """The record of the run."""
    from hemodel.report import manifest as record

    return record.manifest(inputs, psa=psa)


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows for JSON; what is missing or infinite is null."""
    return [{str(key): missing_to_none(value) for key, value in row.items()} for row in frame.to_dict("records")]


def missing_to_none(value: object) -> object:
    """None for a number that is missing or infinite, which JSON does not know."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def print_json(content: dict[str, Any]) -> None:
    """One JSON object on standard output."""
    typer.echo(json.dumps(content, indent=2, allow_nan=False, default=list))


def print_frame(frame: pd.DataFrame, title: str) -> None:
    """A table of text, numbers to the right."""
    from rich.console import Console
    from rich.table import Table as Grid

    grid = Grid(title=title, title_justify="left", title_style="bold")
    for column in frame.columns:
        is_text = any(str(cell).strip("£%-–()., 0123456789") for cell in frame[column])
        grid.add_column(str(column), justify="left" if is_text else "right", overflow="fold")
    for row in frame.itertuples(index=False):
        grid.add_row(*(str(cell) for cell in row))
    console = Console()
    (console if console.is_terminal else Console(width=200)).print(grid, markup=False)


def plain(value: object) -> str:
    """A cell as text: numbers to six digits, lists with commas."""
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:,.6g}"
    if isinstance(value, dict):
        return "; ".join(f"{key}: {plain(item)}" for key, item in value.items())
    return ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


def say(message: str, quiet: bool = False) -> None:
    """A message on standard error."""
    if not quiet:
        typer.echo(message, err=True)


@contextmanager
def progress(label: str, total: int, quiet: bool) -> Iterator[Callable[[int], None] | None]:
    """A progress bar with rate and time left on standard error, where a person watches."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    rate = TextColumn("{task.fields[rate]}")
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), rate, TimeRemainingColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(label, total=total, rate="")

        def advance(done: int) -> None:
            bar.advance(task, done)
            speed = bar.tasks[task].speed
            bar.update(task, rate=f"{speed:,.0f} a second" if speed else "")

        yield advance
