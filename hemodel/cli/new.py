"""The command that begins an appraisal of one's own: a few answers, given as options or asked for, and a folder that runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from hemodel.cli.options import command
from hemodel.cli.terminal import say
from hemodel.errors import Fault, InputError, shown

if TYPE_CHECKING:
    from hemodel.report.new_folder import NewStrategy

Answer = TypeVar("Answer", float, str)
_PARTS = ("label", "drug (or nothing)", "price of a pack for one cycle", "median PFS in months", "median OS in months")


@command()
def new(
    folder: Annotated[Path, typer.Argument(help="The folder to write: it must not be there yet.")],
    strategy: Annotated[
        list[str] | None,
        typer.Option(
            help='"LABEL; DRUG; PRICE OF A PACK; MEDIAN PFS; MEDIAN OS" (a pack a cycle, medians in months), twice or more; '
            "the last is the comparator. Without it the answers are asked for."
        ),
    ] = None,
    cycle_days: Annotated[float | None, typer.Option(help="Length of a cycle of the model in days.")] = None,
    currency: Annotated[str | None, typer.Option(help="Currency of all costs, such as GBP or EUR.")] = None,
    horizon: Annotated[float | None, typer.Option(help="Horizon in years.")] = None,
    age: Annotated[float | None, typer.Option(help="Age at the start, in years.")] = None,
    share_men: Annotated[float | None, typer.Option(help="Share of men, from 0 to 1.")] = None,
) -> None:
    """Write a folder for an appraisal of your own, with comments and example rows, that validates and runs at once."""
    from hemodel.files import refuse_new_folder
    from hemodel.report.new_folder import NewAppraisal, write_new

    refuse_new_folder(folder)
    asks = not strategy
    strategies = _asked() if asks else _told(strategy or [])

    def answer(given: Answer | None, question: str, default: Answer) -> Answer:
        if given is not None or not asks:
            return default if given is None else given
        found: Answer = typer.prompt(question, default=default, type=type(default), err=True)
        return found

    appraisal = NewAppraisal(
        strategies=tuple(strategies),
        cycle_days=answer(cycle_days, "Length of a cycle of the model in days", NewAppraisal.cycle_days),
        currency=answer(currency, "Currency of all costs", NewAppraisal.currency),
        horizon_years=answer(horizon, "Horizon in years", NewAppraisal.horizon_years),
        age=answer(age, "Age at the start", NewAppraisal.age),
        share_men=answer(share_men, "Share of men (0 to 1)", NewAppraisal.share_men),
    )
    inputs = write_new(folder, appraisal)
    say(f"Wrote {folder}: {len(inputs.parameters)} parameters, each to be replaced by your own with its source")
    typer.echo(f"Run it: hemodel run {folder if len(folder.parts) > 1 else f'./{folder}'}")


def _asked() -> list[NewStrategy]:
    """Strategies as they are typed, until there are two and no more are wanted."""
    from hemodel.report.new_folder import NewStrategy

    found: list[NewStrategy] = []
    while len(found) < 2 or typer.confirm("Is there another strategy (the last is the comparator)?", default=False, err=True):
        label = typer.prompt(f"Strategy no. {len(found) + 1}: what is it called", err=True)
        drug = typer.prompt("  Its drug (nothing for none)", default="", show_default=False, err=True)
        price = typer.prompt("  Price of a pack for one cycle", type=float, err=True) if drug else 0.0
        pfs = typer.prompt("  Median progression-free survival in months", type=float, err=True)
        os = typer.prompt("  Median overall survival in months", type=float, err=True)
        found.append(NewStrategy(label, drug, price, pfs, os))
    return found


def _told(texts: list[str]) -> list[NewStrategy]:
    """Strategies as the option says them; all that cannot be read are refused together."""
    from hemodel.evidence.parameters import number
    from hemodel.report.new_folder import NewStrategy

    found, faults = [], []
    for text in texts:
        parts = [part.strip() for part in text.split(";")]
        numbers = [number(part) for part in parts[2:]]
        if len(parts) == len(_PARTS) and not parts[1] and not parts[2]:
            numbers[0] = 0.0
        if len(parts) != len(_PARTS) or not parts[0] or None in numbers:
            wanted = f'Write "{"; ".join(_PARTS).upper()}", such as "New tablet; examplinib; 2400; 14; 30"'
            faults.append(Fault("--strategy", f"{shown(text)} does not say them all", wanted))
            continue
        price, pfs, os = (n or 0.0 for n in numbers)
        found.append(NewStrategy(parts[0], parts[1], price, pfs, os))
    if faults:
        raise InputError.together(faults)
    return found
