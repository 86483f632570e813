"""Commands that make documents for reviewers: the workbook that recalculates, reading an edited one back, and the Word report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hemodel.cli.options import DEFAULT_SEED, Case, Force, NamedCase, Quiet, Seed, Table, command, refuse_target, whole_number
from hemodel.cli.terminal import case_title, deliver, every_exhibit, progress, say
from hemodel.errors import InputError
from hemodel.extras import need

_LIVE_DRAWS = 500


@command()
def export(
    case: Case,
    live: Annotated[Path, typer.Option(help="Write the workbook of live formulas here (.xlsx).")],
    draws: Annotated[
        int, typer.Option(parser=whole_number, metavar="INTEGER", help="Draws shown with live acceptability; 0 leaves them out.")
    ] = _LIVE_DRAWS,
    seed: Seed = DEFAULT_SEED,
    redacted: Annotated[
        bool, typer.Option("--redacted", help="Values only, without what is confidential or follows from it.")
    ] = False,
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """The model as a workbook of live formulas, each compared with the engine, that a reviewer can follow and change."""
    from hemodel.analyses.one_way import run_one_way
    from hemodel.analyses.psa import run_psa
    from hemodel.analyses.scenarios import run_scenarios
    from hemodel.report import exhibits
    from hemodel.report.live import write_live_workbook

    refuse_target(live, force, ".xlsx")
    inputs = case.inputs()
    if redacted:
        write_live_workbook(live, inputs, confidential="redacted", force=force)
    else:
        psa = run_psa(inputs, draws, seed=seed) if draws else None
        as_filed = not case.scenario and not case.change
        scenarios = run_scenarios(inputs) if as_filed else None
        write_live_workbook(
            live, inputs, psa=psa, scenarios=scenarios, exhibits=[exhibits.tornado(run_one_way(inputs))], force=force
        )
    say(f"Wrote {live}", quiet)


@command("read-back")
def read_back(
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="[PROBLEM] WORKBOOK", help="A workbook that `hemodel export` wrote and somebody has edited and saved."
        ),
    ],
    case: NamedCase,
    delivery: Table,
) -> None:
    """Read the Inputs sheet of an edited workbook, run the engine with it, and show engine against workbook. Status 1 if they differ."""
    from hemodel.report.live import compare_with_engine

    delivery.refuse_target()
    named, (workbook,) = case.words_of(words, "WORKBOOK")
    inputs = named.inputs()
    frame = compare_with_engine(Path(workbook), inputs)
    found = frame.attrs
    title = f"{case_title(inputs)}: {found['formulas']:,} formulas, {len(found['disagree'])} differ from the engine"
    deliver(inputs, delivery, frame, title, changed=found["changed"], disagree=found["disagree"])
    say(f"Changed in the workbook: {', '.join(found['changed']) or 'nothing'}", delivery.quiet)
    if frame["workbook"].isna().any():
        say(
            "The program that saved the workbook did not recalculate it: open and save it in Excel or LibreOffice.",
            delivery.quiet,
        )
    elif found["disagree"] or not frame["agrees"].all():
        raise typer.Exit(1)


@command()
def report(
    case: Case,
    out: Annotated[Path, typer.Option(help="Write the Word report here (.docx).")],
    draws: Annotated[
        int, typer.Option(parser=whole_number, metavar="INTEGER", help="Draws of the probabilistic analysis; 0 leaves it out.")
    ] = 10_000,
    seed: Seed = DEFAULT_SEED,
    full: Annotated[bool, typer.Option("--full", help="A section for every sensitivity analysis too.")] = False,
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """A Word report with a submission's cost-effectiveness tables, charts, assumptions and reporting items."""
    from hemodel.analyses.base_case import run_base_case
    from hemodel.analyses.one_way import run_one_way
    from hemodel.analyses.psa import run_psa
    from hemodel.analyses.scenarios import run_scenarios
    from hemodel.report import exhibits
    from hemodel.report.cheers import cheers_table
    from hemodel.report.document import write_report

    refuse_target(out, force, ".docx")
    need("report", "hemodel report")
    if full and not draws:
        raise InputError("--full", "value of information needs a probabilistic analysis", "Give draws")
    if full:
        need("sensitivity", "--full")  # before anything is run
    inputs = case.inputs()
    base = run_base_case(inputs)
    psa = None
    if draws:
        with progress("Draws", draws, quiet) as advance:
            psa = run_psa(inputs, draws, seed=seed, progress=advance)
    scenarios = run_scenarios(inputs) if not case.scenario and not case.change else None
    cheers = None if psa is None else cheers_table(base, psa)
    shown = every_exhibit(inputs, psa, quiet) if full and psa is not None else (exhibits.tornado(run_one_way(inputs)),)
    write_report(out, base, psa, scenarios, exhibits=shown, cheers=cheers, force=force)
    say(f"Wrote {out}", quiet)
