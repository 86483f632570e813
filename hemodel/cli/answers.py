"""Commands that answer the question: base case, probabilistic analysis, scenarios, mixes, modifiers, budget; and the app."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hemodel.cli.options import (
    DEFAULT_DRAWS,
    DEFAULT_PROBLEM,
    DEFAULT_SEED,
    AsJson,
    Case,
    Design,
    DrawReport,
    Draws,
    NamedCase,
    Problem,
    Quiet,
    Report,
    Seed,
    Table,
    command,
    named_numbers,
    read_inputs,
    refuse_target,
    whole_number,
)
from hemodel.cli.terminal import (
    case_title,
    deliver,
    deliver_exhibit,
    every_exhibit,
    for_people,
    manifest,
    print_frame,
    print_json,
    print_rows,
    print_table,
    progress,
    records,
    say,
    write_csv,
    write_draws,
)
from hemodel.errors import InputError
from hemodel.extras import need

if TYPE_CHECKING:
    import pandas as pd

    from hemodel.analyses.base_case import BaseCase
    from hemodel.analyses.batch import Batch
    from hemodel.analyses.psa import PSA
    from hemodel.analyses.scenarios import Scenarios
    from hemodel.evidence.settings import Settings


@command()
def run(
    case: Case,
    delivery: Report,
    draws: Annotated[
        int, typer.Option(parser=whole_number, metavar="INTEGER", help="Draws of the probabilistic analysis; 0 leaves it out.")
    ] = DEFAULT_DRAWS,
    seed: Seed = DEFAULT_SEED,
    full: Annotated[bool, typer.Option("--full", help="With --out: a sheet for every sensitivity analysis too.")] = False,
) -> None:
    """Answer the question: base case and probabilistic analysis, at list price and under the scheme."""
    from hemodel.analyses.base_case import run_base_case
    from hemodel.analyses.psa import run_psa
    from hemodel.analyses.scenarios import run_scenarios

    refuse_target(delivery.out, delivery.force, ".xlsx")
    if full and not (delivery.out and draws):
        problem = "it adds sheets to a workbook with a probabilistic analysis"
        raise InputError("--full", problem, "Give --out FILE.xlsx, and draws")
    if full:
        need("sensitivity", "--full")  # before anything is run
    inputs = case.inputs()
    base = run_base_case(inputs)
    psa = None
    if draws:
        with progress("Draws", draws, delivery.quiet) as advance:
            psa = run_psa(inputs, draws, seed=seed, progress=advance)
    as_filed = not case.scenario and not case.change
    scenarios = run_scenarios(inputs) if delivery.out and as_filed else None
    if delivery.out:
        _write_workbook(delivery, base, psa, scenarios, full=full)
    if delivery.as_json:
        print_json(_answer(base, psa))
    else:
        _print_answer(base, psa)


@command()
def psa(
    case: Case,
    delivery: DrawReport,
    draws: Draws = DEFAULT_DRAWS,
    seed: Seed = DEFAULT_SEED,
    design: Design = "monte_carlo",
    threads: Annotated[int | None, typer.Option(help="Threads; default: one for a small run, else all cores.")] = None,
) -> None:
    """Probabilistic analysis alone, of any number of draws; `--out draws.parquet` (or .csv) writes a row per draw."""
    from hemodel.analyses.base_case import run_base_case
    from hemodel.analyses.psa import run_psa
    from hemodel.report import labels, tables
    from hemodel.report.readings import told_against

    delivery.refuse_target()
    inputs = case.inputs()
    with progress("Draws", draws, delivery.quiet) as advance:
        result = run_psa(inputs, draws, seed=seed, design=design, threads=threads, progress=advance)
    base = run_base_case(inputs)
    if delivery.out and delivery.out.suffix == ".xlsx":
        _write_workbook(delivery, base, result, None)
    elif delivery.out:
        write_draws(delivery.out, result.draws_and_results(), delivery)
    table = told_against(result.table, inputs.settings)
    if delivery.as_json:
        content = {"results": records(table), "rules_applied": records(result.rules_applied)}
        print_json(content | {"manifest": manifest(inputs, result)})
        return
    _tell_rules(result, delivery.quiet)
    if not for_people():
        print_rows(table)
        return
    for arrangement in result.price_arrangements:
        title = f"{labels.arrangement_label(inputs.settings, arrangement)} ({draws:,} draws, seed {seed})"
        print_table(_psa_text(tables.psa_table(result, arrangement, base), inputs.settings), title)
    print_table(tables.rounded(tables.probability_table(result), inputs.settings), "Probability of being cost-effective")


@command()
def scenarios(
    delivery: Report,
    problem: Problem = DEFAULT_PROBLEM,
    population: Annotated[str | None, typer.Option(help="Population; default: the one of the base case.")] = None,
) -> None:
    """Every scenario beside the base case."""
    from hemodel.analyses.scenarios import run_scenarios
    from hemodel.report import labels, tables
    from hemodel.report.readings import told_against

    delivery.refuse_target()
    inputs = read_inputs(problem, population=population)
    with progress("Scenarios", len(inputs.scenario_names), delivery.quiet) as advance:
        result = run_scenarios(inputs, progress=advance)
    if delivery.out and delivery.out.suffix == ".xlsx":
        _write_workbook(delivery, result.results[0], None, result)
    table = told_against(result.table, inputs.settings)
    if delivery.out and delivery.out.suffix != ".xlsx":
        write_csv(delivery.out, table, delivery)
    if delivery.as_json:
        print_json({"results": records(table), "not_applicable": result.not_applicable, "manifest": manifest(inputs)})
        return
    if not for_people():
        print_rows(table)
    for arrangement in result.results[0].outcomes.price_arrangements if for_people() else ():
        title = f"{labels.arrangement_label(inputs.settings, arrangement)}: {case_title(inputs)}"
        print_table(tables.rounded(tables.scenario_table(result, arrangement), inputs.settings).drop(columns="Why"), title)
    if result.not_applicable:
        say(f"Left out, as their numbers hold for other populations: {', '.join(result.not_applicable)}", delivery.quiet)


@command()
def compare(
    delivery: Table,
    problem: Problem = DEFAULT_PROBLEM,
    populations: Annotated[
        list[str] | None, typer.Option("--population", help="Populations, as often as needed; default: all.")
    ] = None,
    scenarios: Annotated[
        list[str] | None, typer.Option("--scenario", help="Scenarios, as often as needed; default: all.")
    ] = None,
) -> None:
    """All scenarios x populations x price arrangements in one table."""
    from hemodel.analyses.scenarios import run_comparison
    from hemodel.report import exhibits

    delivery.refuse_target()
    inputs = read_inputs(problem)
    with progress("Populations", len(populations or inputs.settings.populations), delivery.quiet) as advance:
        frame = run_comparison(inputs, populations=populations, scenarios=scenarios, progress=advance)
    deliver_exhibit(exhibits.comparison(frame, inputs), delivery, frame)


@command()
def horizon(case: Case, delivery: Table) -> None:
    """The ICER by time horizon: is it long enough?"""
    from hemodel.analyses.horizon import run_horizons
    from hemodel.report import exhibits

    delivery.refuse_target()
    inputs = case.inputs()
    frame = run_horizons(inputs)
    deliver_exhibit(exhibits.horizon(frame, inputs), delivery, frame)


@command()
def weighted(
    delivery: Table,
    weights: Annotated[list[str], typer.Option("--weight", help="Share of people, POPULATION=NUMBER, as often as needed.")],
    problem: Problem = DEFAULT_PROBLEM,
    scenario: Annotated[str | None, typer.Option(help="Scenario, applied to each population.")] = None,
) -> None:
    """A weighted average over populations: the ICER of the mix."""
    from hemodel.analyses.subgroups import run_weighted

    delivery.refuse_target()
    inputs, shares = read_inputs(problem, scenario=scenario), named_numbers("--weight", weights)
    frame = run_weighted(inputs.filed(), shares, scenario=scenario)
    deliver(inputs, delivery, frame, f"Mix of {', '.join(f'{name} {share:g}' for name, share in shares.items())}")


@command()
def modifiers(case: Case, as_json: AsJson = False) -> None:
    """NICE's severity weight and the end-of-life criteria of 2009, and the result with and without the weight."""
    from dataclasses import asdict

    from hemodel.analyses.base_case import run_base_case
    from hemodel.analyses.severity import run_modifiers
    from hemodel.report import readings, tables

    inputs = case.inputs()
    result = run_modifiers(run_base_case(inputs))
    table = readings.told_against(result.table, inputs.settings)
    if as_json:
        last = [{"strategy": name} | asdict(found) for name, found in result.end_of_life.items()]
        judged = {"severity": asdict(result.severity), "end_of_life": last}
        print_json({"results": records(table), **judged, "manifest": manifest(inputs)})
        return
    for words in (result.severity.reading, *readings.end_of_life(result)):
        typer.echo(words, err=not for_people())
    print_frame(table, tables.in_words(table, inputs), case_title(inputs))


@command()
def budget(
    case: Case,
    delivery: Table,
    years: Annotated[int, typer.Option(help="Years from the first uptake.")] = 5,
) -> None:
    """Budget impact: what the health service would pay in each year with the new treatment, beyond what it pays without."""
    from hemodel.analyses.budget import run_budget
    from hemodel.report import exhibits

    delivery.refuse_target()
    inputs = case.inputs()
    result = run_budget(inputs, years=years)
    deliver_exhibit(exhibits.budget(result.table, inputs), delivery, result.table)


@command()
def batch(
    case: NamedCase,
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="[PROBLEM] DRAWS", help="Number of draws, or the most where --until stops earlier; 1e6 is a million."
        ),
    ],
    folder: Annotated[Path | None, typer.Option(help="Makes the batch resumable: what is done is kept here.")] = None,
    keep_draws: Annotated[bool, typer.Option("--keep-draws", help="Keep every draw there too, as Parquet.")] = False,
    until: Annotated[
        float | None, typer.Option(help="Stop once the standard error of net benefit is below so much money.")
    ] = None,
    threads: Annotated[int | None, typer.Option(help="Threads; default: all cores.")] = None,
    seed: Seed = DEFAULT_SEED,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Probabilistic analysis of any size in little memory; a killed batch goes on where it was."""
    from hemodel.analyses.batch import run_batch
    from hemodel.report import tables

    named, (number,) = case.words_of(words, "DRAWS")
    try:
        draws = whole_number(number)
    except ValueError:
        raise InputError("DRAWS", f"{number!r} is not a whole number", "Write for example 1000000, or 1e6") from None
    inputs = named.inputs()
    with progress("Draws", draws, quiet) as advance:
        result = run_batch(
            inputs,
            draws,
            seed=seed,
            folder=folder,
            keep_draws=keep_draws,
            threads=threads,
            until_standard_error=until,
            progress=advance,
        )
    if keep_draws:
        say(f"The draws are in {folder}; from Python hemodel.read_draws({str(folder)!r}) reads them", quiet)
    if as_json:
        content = {"results": records(result.table), "draws": result.n_draws, "stopped": result.stopped}
        content |= {"rules_applied": records(result.rules_applied)}
        print_json(content | {"convergence": records(result.history), "manifest": manifest(inputs)})
        return
    _tell_rules(result, quiet)
    columns = ["price_arrangement", "strategy", "costs", "se_costs", "qalys", "se_qalys", "icer", "se_icer"]
    columns += [c for c in result.table.columns if c.startswith("probability_")]
    shown = tables.in_words(result.table[[*columns, "reading"]], inputs)
    print_frame(result.table, shown, f"{result.n_draws:,} draws, seed {seed}: {result.stopped}")


@command("app")
def open_app(port: Annotated[int, typer.Option(help="Port on this machine.", min=1, max=65535)] = 8501) -> None:
    """Open the app for committees in a browser; it listens on this machine only."""
    need("app", "hemodel app")
    package = Path(__file__).parent.parent
    front = package / "app" / "front.py"
    if not (front.parent / ".streamlit").is_dir():  # a checkout: the settings of the app lie beside its front door
        front = package.parent / "app.py"
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-P", "-m", "streamlit", "run", str(front), f"--server.port={port}"])


def _write_workbook(delivery: Table, base: BaseCase, psa: PSA | None, scenarios: Scenarios | None, *, full: bool = False) -> None:
    from hemodel.report.workbook import write_workbook

    assert delivery.out is not None
    shown = every_exhibit(base.inputs, psa, delivery.quiet) if full and psa is not None else ()
    write_workbook(delivery.out, base, psa, scenarios, exhibits=shown, force=delivery.force)
    say(f"Wrote {delivery.out}", delivery.quiet)


def _answer(base: BaseCase, psa: PSA | None) -> dict[str, Any]:
    from hemodel.report.readings import told_against

    return {
        "question": base.inputs.settings.question,
        "population": base.inputs.population,
        "scenario": base.inputs.scenario.name,
        "results": records(told_against(base.table, base.inputs.settings)),
        "probabilistic": [] if psa is None else records(told_against(psa.table, base.inputs.settings)),
        "probabilistic_incremental": [] if psa is None else _incremental_records(psa),
        "incremental": _incremental_records(base),
        "model_against_source": records(base.against_source),
        "rules_applied": records(base.rules_applied),
        "rules_applied_probabilistic": [] if psa is None else records(psa.rules_applied),
        "manifest": manifest(base.inputs, psa),
    }


def _incremental_records(result: BaseCase | PSA) -> list[dict[str, Any]]:
    """Fully incremental results under each price arrangement."""
    found = [(a, result.incremental(a)) for a in result.price_arrangements]
    return [{"price_arrangement": a} | row for a, frame in found for row in records(frame)]


def _print_answer(base: BaseCase, psa: PSA | None) -> None:
    from hemodel.report import labels, tables
    from hemodel.report.manifest import manifest_text

    settings = base.inputs.settings
    typer.echo(f"{settings.question}\n{case_title(base.inputs)}.\n", err=not for_people())
    if not for_people():
        print_rows(_answer_rows(base, psa))
        return
    for arrangement in base.price_arrangements:
        label = labels.arrangement_label(settings, arrangement)
        print_table(tables.rounded(tables.base_case_table(base, arrangement), settings), label)
        if psa is not None:
            title = f"{labels.arrangement_short(settings, arrangement)}, probabilistic: means of {psa.n_draws:,} draws"
            print_table(tables.rounded(tables.base_case_table(psa, arrangement), settings), title)
    for row in base.rules_applied.to_dict("records"):
        say(f"Note: {row['rule']}, {labels.strategy_label(settings, str(row['strategy']))}: {row['value']:.4g}")
    if psa is not None:
        _tell_rules(psa)
        print_table(
            tables.rounded(tables.probability_table(psa), settings), f"Probabilistic: {psa.n_draws:,} draws, seed {psa.seed}"
        )
    typer.echo(manifest_text(manifest(base.inputs, psa)))


def _tell_rules(result: PSA | Batch, quiet: bool = False) -> None:
    """Documented rules that draws needed, each with its share of them."""
    from hemodel.report import labels

    for row in result.rules_applied.to_dict("records"):
        whose = labels.strategy_label(result.inputs.settings, str(row["strategy"]))
        say(
            f"Note: {row['rule']}, {whose}: in {100 * row['share_of_draws']:.2g} % of the draws, at most {row['most']:.4g}", quiet
        )


def _answer_rows(base: BaseCase, psa: PSA | None) -> pd.DataFrame:
    """Base case and probabilistic analysis, NICE's columns under the names of the analyses, unrounded, for programs."""
    import pandas as pd

    from hemodel.report.readings import told_against

    parts = []
    for analysis, result in (("deterministic", base), ("probabilistic", psa)):
        if result is None:
            continue
        steps = [result.incremental(a).assign(price_arrangement=a) for a in result.price_arrangements]
        step = pd.concat(steps)[["price_arrangement", "strategy", "icer", "status"]]
        keys = ["price_arrangement", "strategy"]
        found = step.rename(columns={"icer": "icer_incremental"}).merge(result.table, on=keys, how="left")
        parts.append(found.assign(analysis=analysis))
    columns = ["analysis", "price_arrangement", "strategy", "costs", "life_years", "qalys", "incremental_costs"]
    columns += ["incremental_life_years", "incremental_qalys", "icer", "icer_incremental", "status", "reading"]
    return told_against(pd.concat(parts, ignore_index=True)[columns], base.inputs.settings)


def _psa_text(frame: pd.DataFrame, settings: Settings) -> pd.DataFrame:
    """The table of a probabilistic analysis as text whose first column tells its rows apart."""
    from hemodel.report import tables

    text = tables.rounded(frame, settings).drop(columns=[c for c in frame if str(c).startswith("Probability")])
    return text.assign(Analysis=text["Analysis"].str.removeprefix("Probabilistic: "))
