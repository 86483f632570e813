"""Speaking to a terminal: tables, JSON, files and progress. Results go to standard output, messages to standard error."""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console
    from rich.table import Table as RichTable

    from hemodel.analyses.psa import PSA
    from hemodel.cli.options import Table
    from hemodel.evidence.inputs import Inputs
    from hemodel.report.exhibits import Exhibit


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
    """Give a result to its user: the whole `frame` as JSON (with `more` beside it), CSV or, in a pipe, tabs between its columns;
    on a terminal what is `shown` of it, text, or else all of it in words.
    """
    from hemodel.report import tables

    if delivery.out:
        write_csv(delivery.out, frame, delivery)
    if delivery.as_json:
        print_json({"results": records(frame), **more, "manifest": manifest(inputs, psa)})
    else:
        print_frame(frame, lambda: tables.in_words(frame, inputs) if shown is None else shown, title)


def deliver_exhibit(
    exhibit: Exhibit,
    delivery: Table,
    frame: pd.DataFrame,
    *,
    shown: pd.DataFrame | None = None,
    psa: PSA | None = None,
    **more: object,
) -> None:
    """Give an analysis to its user as `deliver` does its `frame`. The sentence of its exhibit is in the JSON, and above the table on a
    terminal, of which only what is `shown`; its notes are messages.
    """
    if exhibit.sentence and for_people() and not delivery.as_json:
        _print_sentence(exhibit.sentence)
    title, text = f"{exhibit.title}: {case_title(exhibit.inputs)}", exhibit.rounded if shown is None else shown
    deliver(exhibit.inputs, delivery, frame, title, shown=text, psa=psa, sentence=exhibit.sentence, **more)
    for note in exhibit.notes:
        say(note, delivery.quiet)


def _print_sentence(text: str) -> None:
    """A sentence on a terminal, broken between words."""
    from rich.console import Console
    from rich.text import Text

    Console(highlight=False).print(Text(text + "\n"))


def every_exhibit(inputs: Inputs, psa: PSA, quiet: bool) -> tuple[Exhibit, ...]:
    """Exhibits of all analyses of a full run, with progress, and a line for each that these inputs are not enough for."""
    from hemodel.analyses.everything import left_out, recipes, run_everything
    from hemodel.report import exhibits

    with progress("Analyses", len(recipes(inputs, psa)), quiet) as advance:
        found = exhibits.of_analyses(inputs, run_everything(inputs, psa, progress=advance))
    for line in left_out_lines(left_out(inputs)):
        say(line, quiet)
    return found


def write_draws(path: Path, frame: pd.DataFrame, delivery: Table) -> None:
    """Write a row per draw as CSV or Parquet, by the ending of the name."""
    from hemodel import files

    if path.suffix == ".csv":
        write_csv(path, frame, delivery)
        return
    files.write_whole(path, files.parquet_bytes(frame), force=delivery.force)
    say(f"Wrote {path}", delivery.quiet)


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


def for_people() -> bool:
    """Whether a person reads the standard output: it is a terminal, no pipe and no file."""
    return sys.stdout.isatty()


def print_frame(frame: pd.DataFrame, shown: Callable[[], pd.DataFrame] | pd.DataFrame, title: str) -> None:
    """What is `shown`, a table of text, on a terminal; in a pipe the whole `frame`, with tabs and a line of names."""
    if for_people():
        print_table(shown() if callable(shown) else shown, title)
    else:
        print_rows(frame)


def print_rows(frame: pd.DataFrame) -> None:
    """A table for programs: a line of names, tabs, unrounded numbers; lists have commas."""
    from hemodel import files

    flat = frame.map(lambda cell: plain(cell) if isinstance(cell, (list, tuple, dict)) else cell)
    typer.echo(files.csv_text(flat, "\t"), nl=False)


def print_table(shown: pd.DataFrame, title: str) -> None:
    """A table of text in the width of the terminal: as it is, on its side, or row by row, whichever fits."""
    from rich.console import Console
    from rich.text import Text

    text = shown.astype(str).rename(
        columns=lambda heading: str(heading).replace("Incremental", "Incr.").replace("incremental", "incr.")
    )
    console = Console(highlight=False)
    console.print(Text(title, style="bold"))
    _print_fitting(console, text)
    console.print()


def _print_fitting(console: Console, text: pd.DataFrame) -> None:
    """As it is; on its side; part by part where the first column repeats itself; or row by row."""
    from rich.text import Text

    first, *others = text.columns
    on_its_side = _on_its_side(text)
    if _least_width(text) <= console.width:
        console.print(_grid(text, console.width))
    elif on_its_side is not None and _least_width(on_its_side) <= console.width:
        console.print(_grid(on_its_side, console.width))
    elif text[first].duplicated().any() and len(others) > 1:
        for value, part in text.groupby(first, sort=False):
            console.print(Text(str(value), style="bold"))
            _print_fitting(console, part.drop(columns=first))
    else:
        for row in text.to_dict("records"):
            console.print(Text(row[first], style="bold"))
            for name in others:
                if row[name]:
                    console.print(Text(f"  {name}: {row[name]}"))


def _on_its_side(text: pd.DataFrame) -> pd.DataFrame | None:
    """Columns as rows, for a table of few rows that can be told apart by the first column."""
    first = text.columns[0]
    if len(text) > 6 or text[first].duplicated().any() or len(text.columns) < 3:
        return None
    return text.set_index(first).T.rename_axis(first).reset_index()


def _is_number(cell: str) -> bool:
    return not re.sub(r"^-?[A-Z]{1,3} ?(?=[£€$¥₹]?\d)", "", cell).strip("£€$¥₹%-–()., 0123456789") or cell in (
        "dominated",
        "dominant",
    )


def _least_width(text: pd.DataFrame) -> int:
    return sum(_column_width(text, name) for name in text.columns) + 2 * len(text.columns)


def _column_width(text: pd.DataFrame, name: str) -> int:
    """Least width of a column: numbers are never broken, words are not broken inside."""
    cells = [cell for cell in text[name] if cell]
    whole = [len(cell) if _is_number(cell) else max(map(len, cell.split())) for cell in cells]
    longest = max((len(cell) for cell in cells if not _is_number(cell)), default=0)
    return max([*map(len, name.split()), *whole, min(longest, 18)], default=1)


def _widths(text: pd.DataFrame, room: int) -> dict[str, int]:
    """Width of each column: the least it needs, and of what is left up to its longest line."""
    widths = {name: _column_width(text, name) for name in text.columns}
    spare = room - sum(widths.values()) - 2 * len(widths)
    for name in widths:
        more = min(max(spare, 0), max(len(name), *map(len, text[name])) - widths[name])
        widths[name], spare = widths[name] + more, spare - more
    return widths


def _grid(text: pd.DataFrame, room: int) -> RichTable:
    from rich.table import Table as Grid

    grid = Grid(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="underline")
    for name, width in _widths(text, room).items():
        right = all(_is_number(cell) for cell in text[name])
        grid.add_column(name, justify="right" if right else "left", width=width, overflow="fold")
    for row in text.itertuples(index=False):
        grid.add_row(*row)
    return grid


def plain(value: object) -> str:
    """A cell as text: numbers to six digits, lists with commas."""
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:,.6g}"
    if isinstance(value, bool):
        return "yes" if value else "no"
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
