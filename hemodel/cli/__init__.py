"""The command line: `hemodel run relapsed` and its sisters. Heavy libraries are imported in the commands that use them.

Results go to standard output (or the file of `--out`), messages and progress to standard error. Exit status: 0 all right,
1 a check failed, 2 bad input.

`options`: what commands share; `terminal`: tables, JSON, files and progress; `answers`, `uncertainty`, `evidence` and
`documents`, `new`: the commands.
"""

from __future__ import annotations

import sys

import typer

from hemodel.cli import answers, documents, evidence, new, uncertainty
from hemodel.cli.options import app
from hemodel.errors import InputError

__all__ = ["answers", "app", "documents", "evidence", "main", "new", "uncertainty"]


def main() -> None:
    """Entry point of the command `hemodel`: bad input is told in one line a fault, and ends with status 2."""
    try:
        app()
    except InputError as error:
        for fault in error.faults:
            typer.echo(f"error: {fault}", err=True)
        sys.exit(2)
    except MemoryError:
        typer.echo("error: this takes more memory than there is. Ask for less, or stream it: hemodel batch.", err=True)
        sys.exit(2)
