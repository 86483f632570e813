"""Commands about the evidence: check the inputs, show where a number comes from, repeat what was derived, fit curves of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hemodel.cli.options import DEFAULT_PROBLEM, AsJson, Case, NamedCase, Problem, Table, command, refuse_target
from hemodel.cli.terminal import (
    case_title,
    deliver,
    for_people,
    manifest,
    plain,
    print_frame,
    print_json,
    print_table,
    progress,
    records,
    say,
)
from hemodel.errors import Fault, InputError

if TYPE_CHECKING:
    from hemodel.evidence.survival_data import Array


@command()
def validate(problem: Problem = DEFAULT_PROBLEM, as_json: AsJson = False) -> None:
    """Check the inputs of every population and every scenario; lists all faults."""
    from hemodel.cohort.model import names_read
    from hemodel.evidence.inputs import load_inputs, scenario_names

    base = load_inputs(problem)
    faults: dict[Fault, None] = {}
    for population in base.settings.populations:
        for scenario in ["base_case", *scenario_names(base.settings.problem)]:
            try:
                names_read(load_inputs(problem, population=population, scenario=scenario))  # runs it once
            except InputError as error:
                faults |= dict.fromkeys(f for f in error.faults if "its numbers hold for" not in f.problem)
    if faults:
        raise InputError.together(faults)
    counted = {
        "problem": base.settings.problem,
        "parameters": len(base.parameters),
        "populations": len(base.settings.populations),
        "scenarios": len(scenario_names(base.settings.problem)),
        "faults": 0,
    }
    if as_json:
        print_json(counted)
    else:
        typer.echo(
            "{problem}: {parameters} parameters, {populations} populations, {scenarios} scenarios: no faults".format(**counted)
        )


@command()
def info(
    case: Case,
    parameter: Annotated[str | None, typer.Option(help="Show one parameter with its source, status and note.")] = None,
    as_json: AsJson = False,
) -> None:
    """What a run rests on: versions, input hash, populations, scenarios, statuses; or one parameter."""
    from dataclasses import asdict

    from hemodel.errors import nearest
    from hemodel.evidence.inputs import scenario_names

    inputs = case.inputs()
    if parameter is not None:
        if parameter not in inputs.parameters:
            raise InputError(f"parameter {parameter!r}", "there is no such parameter", nearest(parameter, inputs.parameters))
        found = inputs.parameters[parameter]
        content = asdict(found) | {"interval_low": found.interval[0], "interval_high": found.interval[1]}
    else:
        content = manifest(inputs) | {
            "question": inputs.settings.question,
            "populations": {name: p.label for name, p in inputs.settings.populations.items()},
            "scenarios": scenario_names(inputs.settings.problem),
        }
    if as_json:
        print_json(content)
    else:
        for key, value in content.items():
            typer.echo(f"{key}: {plain(value)}")


@command()
def calibrate(case: Case, as_json: AsJson = False) -> None:
    """Derive the death rates after progression anew from the targets of overall survival, and compare them with the inputs."""
    from hemodel.analyses.calibration import derive_rates, differences
    from hemodel.report import tables

    inputs = case.inputs()
    table = differences(inputs, derive_rates(inputs))
    if as_json:
        print_json({"results": records(table)})
    else:
        print_frame(table, tables.in_words(table, inputs), f"Death rate after progression: {case_title(inputs)}")
    if not table["agrees"].all():
        say("The inputs hold other rates than these: copy value and se into the rows named.")
        raise typer.Exit(1)


@command()
def verify(case: Case, delivery: Table) -> None:
    """Every check of the model, on these inputs: what was done, expected and found. Ends with status 1 if one fails."""
    from hemodel.analyses.verification import CHECKS
    from hemodel.analyses.verification import verify as run_checks
    from hemodel.report import tables

    delivery.refuse_target()
    inputs = case.inputs()
    with progress("Checks", len(CHECKS), delivery.quiet) as advance:
        result = run_checks(inputs, progress=advance)
    counts = ", ".join(f"{n} {verdict}" for verdict, n in result.counts.items())
    shown = tables.rounded(tables.verification_table(result))
    deliver(inputs, delivery, result.table, f"{case_title(inputs)}: {counts}", shown=shown, passed=result.passed)
    if not result.passed:
        raise typer.Exit(1)


@command()
def fit(
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="[PROBLEM] DATA", help="CSV with the columns time,event (1 event, 0 censored), or time,survival with --risk."
        ),
    ],
    case: NamedCase,
    delivery: Table,
    risk: Annotated[
        Path | None,
        typer.Option(help="CSV time,at_risk: DATA is then a digitised Kaplan-Meier curve, from which people are rebuilt."),
    ] = None,
    total_events: Annotated[int | None, typer.Option(help="With --risk: events reported in all.")] = None,
    families: Annotated[list[str] | None, typer.Option("--family", help="Families, as often as needed; default: eight.")] = None,
    knots: Annotated[int | None, typer.Option(help="Internal knots of splines; default 1.")] = None,
    unit: Annotated[str, typer.Option(help="Unit of the times: days, weeks, months or years.")] = "months",
    curve: Annotated[str | None, typer.Option(help="pfs or os: run the model with the best of the fits.")] = None,
    strategy: Annotated[str | None, typer.Option(help="With --curve: whose curve it is.")] = None,
    save: Annotated[
        Path | None, typer.Option(help="With --curve: a scenario file with the curve, for --scenario of every other command.")
    ] = None,
) -> None:
    """Fit survival curves to data of your own, compare them, and run the model with one of them."""
    from hemodel.analyses.base_case import run_base_case
    from hemodel.analyses.calibration import calibrated
    from hemodel.analyses.fitting import FAMILIES, run_fits, with_fitted_curve
    from hemodel.files import write_whole
    from hemodel.report import labels, tables
    from hemodel.report.scenario_file import scenario_toml

    delivery.refuse_target()
    if (curve is None) != (strategy is None):
        raise InputError("--curve and --strategy", "one is given without the other", "Give both, or neither")
    if save is not None and curve is None:
        raise InputError("--save", "there is no curve to save", "Give --curve and --strategy too")
    refuse_target(save, delivery.force, ".toml", option="--save")
    named, (file,) = case.words_of(words, "DATA")
    inputs, data = named.inputs(), Path(file)
    times, events = _people(data, risk, total_events, quiet=delivery.quiet)
    fits = run_fits(times, events, families or FAMILIES, knots=knots)
    for name, reason in fits.refused.items():
        say(f"{name} was not fitted: {reason}")
    more: dict[str, Any] = {"rows": len(times), "events": int(events.sum()), "unit": unit}
    title = f"{len(times):,} people, {int(events.sum()):,} events; times in {unit}"
    if curve is None or strategy is None:
        deliver(inputs, delivery, fits.table, title, **more)
        return
    best = fits.best.family.name
    fitted = with_fitted_curve(inputs, curve, strategy, times, events, best, unit=unit, knots=knots, source=data.name)
    if curve == "os":
        fitted = calibrated(fitted)
    table = run_base_case(fitted).table
    deliver(fitted, delivery, fits.table, title, **more, family=best, model=records(table))
    if save is not None:
        label = f"Curve fitted to {data.name}: {curve.upper()}, {best}"
        text = scenario_toml(fitted, name=save.stem, label=label, why=f"{title}.")
        say(f"Wrote {write_whole(save, text.encode(), force=delivery.force)}", delivery.quiet)
    if not delivery.as_json and for_people():
        shown = tables.in_words(table.drop(columns="life_years_discounted"), fitted)
        print_table(shown, f"The model with this {curve.upper()} curve ({labels.setting_value_label(best)})")


def _people(data: Path, risk: Path | None, total_events: int | None, *, quiet: bool) -> tuple[Array, Array]:
    """Times and events of the file, or of the people rebuilt from a digitised curve and its numbers at risk."""
    from hemodel.evidence.survival_data import read_curve, read_risk_table, read_times
    from hemodel.survival import reconstruct

    if risk is None:
        return read_times(data)
    people = reconstruct(*read_curve(data), *read_risk_table(risk), total_events)
    say(f"Rebuilt {len(people.times):,} people with {people.n_events:,} events from the curve.", quiet)
    return people.times, people.events
