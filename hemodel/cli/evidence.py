"""Commands about the evidence: check the inputs, show where a number comes from, repeat what was derived, fit curves of one's own, adjust
them for crossover.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hemodel.cli.options import (
    DEFAULT_PROBLEM,
    AsJson,
    Case,
    EventColumn,
    EventValue,
    Force,
    NamedCase,
    Problem,
    Quiet,
    Table,
    TimeColumn,
    TimeUnit,
    command,
    read_inputs,
    refuse_target,
)
from hemodel.cli.terminal import (
    case_title,
    deliver,
    deliver_exhibit,
    for_people,
    left_out_lines,
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
    import pandas as pd

    from hemodel.analyses.fitting import Fits
    from hemodel.evidence.parameters import Parameter
    from hemodel.evidence.survival_data import Columns, IntervalData, SurvivalData
    from hemodel.survival.reconstruction import Reconstruction


@command()
def validate(problem: Problem = DEFAULT_PROBLEM, as_json: AsJson = False) -> None:
    """Check the inputs of every population and every scenario; lists all faults, and the rows that the model needs and does not find."""
    from hemodel.analyses.everything import left_out
    from hemodel.analyses.scenarios import where_it_holds
    from hemodel.cohort.model import missing_parameters
    from hemodel.evidence.examples import Examples, csv_row

    base = read_inputs(problem)
    examples = Examples(base.settings.strategy_names)
    faults: dict[Fault, None] = {}
    missing: dict[str, Parameter] = {}
    for population in base.settings.populations:
        for scenario in ["base_case", *base.scenario_names]:
            try:
                inputs = where_it_holds(base.filed(population=population), scenario)
                if inputs is not None:
                    missing |= missing_parameters(inputs, examples.row, missing)
            except InputError as error:
                faults |= dict.fromkeys(error.faults)
    # a scenario that changes what is missing is no fault of its own
    found = [fault for fault in faults if not any(f"(parameters.{name})" in fault.where for name in missing)]
    where = f"{base.folder.path.name}/parameters.csv"
    found += [
        Fault(where, f"the model needs {name} ({row.unit}), which is not among them", f"Add a row such as: {csv_row(row)}")
        for name, row in missing.items()
    ]
    if found:
        raise InputError.together(found)
    lacking = left_out(base)
    counted = {
        "problem": base.settings.problem,
        "parameters": len(base.parameters),
        "populations": len(base.settings.populations),
        "scenarios": len(base.scenario_names),
        "faults": 0,
    }
    if as_json:
        print_json(counted | {"analyses_left_out": lacking})
        return
    typer.echo(
        "{problem}: {parameters} parameters, {populations} populations, {scenarios} scenarios: no faults".format(**counted)
    )
    for line in left_out_lines(lacking):
        typer.echo(line)


@command()
def info(
    case: Case,
    parameter: Annotated[str | None, typer.Option(help="Show one parameter with its source, status and note.")] = None,
    as_json: AsJson = False,
) -> None:
    """What a run rests on: versions, input hash, populations, scenarios, statuses; or one parameter."""
    from dataclasses import asdict

    from hemodel.errors import nearest

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
            "scenarios": inputs.scenario_names,
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
    from hemodel.report import exhibits

    delivery.refuse_target()
    inputs = case.inputs()
    with progress("Checks", len(CHECKS), delivery.quiet) as advance:
        result = run_checks(inputs, progress=advance)
    deliver_exhibit(exhibits.verification(result), delivery, result.table, passed=result.passed)
    if not result.passed:
        raise typer.Exit(1)


@command()
def fit(
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="[PROBLEM] DATA",
            help="CSV with the columns time,event (or status; 1 event, 0 censored), or lower,upper, between which an event came "
            "(upper empty: not seen), or time,survival with --risk.",
        ),
    ],
    case: NamedCase,
    delivery: Table,
    risk: Annotated[
        Path | None,
        typer.Option(help="CSV time,at_risk: DATA is then a digitised Kaplan-Meier curve, from which people are rebuilt."),
    ] = None,
    total_events: Annotated[int | None, typer.Option(help="With --risk: events reported in all.")] = None,
    time_column: TimeColumn = None,
    event_column: EventColumn = None,
    event_value: EventValue = None,
    entry_column: Annotated[
        str | None, typer.Option(help="Column of the times at which people came under observation (left truncation).")
    ] = None,
    weight_column: Annotated[str | None, typer.Option(help="Column of the weights of the rows.")] = None,
    lower_column: Annotated[
        str | None, typer.Option(help="Column of the last time without the event, if not called lower.")
    ] = None,
    upper_column: Annotated[
        str | None, typer.Option(help="Column of the first time with the event, if not called upper.")
    ] = None,
    at_zero: Annotated[
        str | None, typer.Option(help="What to do with times of 0, which no curve can have: half_a_day or leave_out.")
    ] = None,
    where: Annotated[str | None, typer.Option(help="Rows to take of each file, such as arm=A; default: all.")] = None,
    families: Annotated[list[str] | None, typer.Option("--family", help="Families, as often as needed; default: eight.")] = None,
    knots: Annotated[int | None, typer.Option(help="Internal knots of splines; default 1.")] = None,
    unit: TimeUnit = "months",
    curve: Annotated[str | None, typer.Option(help="pfs or os: run the model with the best of the fits.")] = None,
    strategy: Annotated[str | None, typer.Option(help="With --curve: whose curve it is.")] = None,
    save: Annotated[
        Path | None, typer.Option(help="With --curve: a scenario file with the curve, for --scenario of every other command.")
    ] = None,
) -> None:
    """Fit survival curves to data of your own, compare them, and run the model with one of them."""
    from hemodel.analyses.base_case import run_base_case
    from hemodel.analyses.calibration import calibrated
    from hemodel.analyses.fitting import FAMILIES, with_fit
    from hemodel.evidence.survival_data import Columns
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
    if risk is not None and (event_column is not None or event_value is not None):
        raise InputError("--event-column and --event-value", "a digitised curve has no events", "Leave them out with --risk")
    of_people = {"entry": entry_column, "weight": weight_column, "lower": lower_column, "upper": upper_column}
    if risk is not None and any(of_people.values()):
        options = " and ".join(f"--{name}-column" for name, column in of_people.items() if column)
        raise InputError(options, "a digitised curve has no rows of people", "Leave it out with --risk")
    columns = Columns(
        time=time_column, event=event_column, event_value=event_value, where=where, zeros=at_zero is not None, **of_people
    )
    people, read = _people(data, risk, total_events, columns, unit)
    fits = _fits_of(people, families or FAMILIES, knots, at_zero, unit)
    for name, reason in fits.refused.items():
        say(f"{name} was not fitted: {reason}")
    read += fits.notes
    rows, events = len(fits.times), int(fits.events.sum())
    landmarks = fits.landmarks
    more: dict[str, Any] = {"rows": rows, "events": events, "unit": unit, "read": read, "landmarks": records(landmarks)}
    title = f"{rows:,} people, {events:,} events; times in {unit}"
    if curve is None or strategy is None:
        say("\n".join(read), delivery.quiet)
        deliver(inputs, delivery, fits.table, title, **more)
        _print_landmarks(landmarks, unit, delivery.as_json)
        return
    best = fits.best.family.name
    fitted = with_fit(inputs, curve, strategy, fits.in_years(best), source=data.name, note=" ".join(read))
    if curve == "os" and fitted.settings.structure == "state_transition":  # partitioned survival reads the curve itself, no rate
        fitted = calibrated(fitted)
    table = run_base_case(fitted).table
    say("\n".join(read), delivery.quiet)
    deliver(fitted, delivery, fits.table, title, **more, family=best, model=records(table))
    _print_landmarks(landmarks, unit, delivery.as_json)
    if save is not None:
        label = f"Curve fitted to {data.name}: {curve.upper()}, {best}"
        text = scenario_toml(fitted, name=save.stem, label=label, why=f"{title}.")
        say(f"Wrote {write_whole(save, text.encode(), force=delivery.force)}", delivery.quiet)
    if not delivery.as_json and for_people():
        shown = tables.in_words(table.drop(columns="life_years_discounted"), fitted)
        print_table(shown, f"The model with this {curve.upper()} curve ({labels.setting_value_label(best)})")


@command()
def crossover(
    data: Annotated[
        Path,
        typer.Argument(
            metavar="DATA",
            help="CSV with the columns time,event (or status),arm (1 treated, 0 not),time_on_treatment, a row a person: time on "
            "what the treated arm was given, whoever had it; and, if known, censoring_time: when the study would have ended for each.",
        ),
    ],
    time_column: TimeColumn = None,
    event_column: EventColumn = None,
    event_value: EventValue = None,
    arm_column: Annotated[str | None, typer.Option(help="Column of the arms, if it is not called arm.")] = None,
    treated: Annotated[str | None, typer.Option(help="The value of the treated arm, if not 1.")] = None,
    on_treatment_column: Annotated[str | None, typer.Option(help="Column of the time on treatment, if not so called.")] = None,
    censoring_column: Annotated[str | None, typer.Option(help="Column of the censoring times, if not so called.")] = None,
    where: Annotated[str | None, typer.Option(help="Rows to take of the file, such as line=2; default: all.")] = None,
    unit: TimeUnit = "months",
    search: Annotated[float, typer.Option(help="How far from 0 psi is looked for.")] = 2.0,
    save: Annotated[
        Path | None,
        typer.Option(
            help="Write the people as if nobody had switched here (.csv); --where arm=0 takes the comparator's from it."
        ),
    ] = None,
    as_json: AsJson = False,
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Hazard ratio of a trial of your own as randomised, and as if nobody had switched treatment. Exploratory."""
    from hemodel.analyses.crossover import run_crossover
    from hemodel.errors import nearest
    from hemodel.evidence.parameters import TIME_UNITS
    from hemodel.evidence.survival_data import Columns, read_switching, refuse_long_times
    from hemodel.files import csv_text, write_whole
    from hemodel.report import tables

    refuse_target(save, force, ".csv", option="--save")
    if unit not in TIME_UNITS:
        raise InputError(f"--unit {unit}", "it is not a unit of time", nearest(unit, TIME_UNITS))
    columns = Columns(
        time=time_column,
        event=event_column,
        event_value=event_value,
        where=where,
        arm=arm_column,
        treated=treated,
        on_treatment=on_treatment_column,
        censoring=censoring_column,
    )
    found = read_switching(data, columns)
    refuse_long_times(found.people, unit)
    times, events = found.people
    result = run_crossover(
        times,
        events,
        found.treated,
        found.on_treatment,
        censoring_times=found.censoring_times,
        furthest=search,
        places=found.people.rows,
    )
    counts = {
        "people": len(times),
        "events": int(events.sum()),
        "comparator": result.n_comparator,
        "switched": result.n_switched,
        "unit": unit,
    }
    say(found.people.how, quiet)
    if save is not None:
        say(f"Wrote {write_whole(save, csv_text(result.counterfactual).encode(), force=force)}", quiet)
    if as_json:
        more = {"recensored": result.adjusted.recensored, "psi_roots": result.adjusted.roots, "read": [found.people.how]}
        frames = {"survival": records(result.survival), "counterfactual": records(result.counterfactual)}
        print_json({"results": records(result.table), **frames, **counts, **more, "assumes": result.notes})
        return
    title = "{people:,} people, {events:,} events; {switched:,} of {comparator:,} of the comparator switched; times in {unit}"
    print_frame(result.table, tables.crossover_table(result), title.format(**counts))
    if for_people():
        print_table(tables.crossover_survival_table(result, unit), "Kaplan-Meier survival")
    for note in result.notes:
        say(note)


def _people(
    data: Path, risk: Path | None, total_events: int | None, columns: Columns, unit: str
) -> tuple[SurvivalData | IntervalData, list[str]]:
    """People of the file, or rebuilt from a digitised curve and its numbers at risk; how they were read."""
    from hemodel.evidence.survival_data import SurvivalData, read_curve, read_people, read_risk_table, refuse_long_times
    from hemodel.survival import reconstruct
    from hemodel.survival.digitised import repaired, with_people

    if risk is None:
        found = read_people(data, columns)
        refuse_long_times(found, unit)
        return found, [found.how]
    curve, table = read_curve(data, columns), read_risk_table(risk, columns)
    refuse_long_times(curve, unit)
    points = repaired(curve.times, curve.values, places=curve.rows)
    kept, left_out = with_people(table.times, table.values, float(points.times[-1]))
    places = [curve.rows[k] if k >= 0 else "the start of the curve" for k in points.rows]
    rows = [row for row, stays in zip(table.rows, kept, strict=True) if stays]
    when, at_risk = (column[kept] for column in table)
    people = reconstruct(points.times, points.survival, when, at_risk, total_events, places=(places, rows))
    rebuilt = f"Rebuilt {len(people.times):,} people with {people.n_events:,} events from the curve."
    people.refuse_other_table(risk.name)
    mended = [*points.repairs, left_out] if left_out else list(points.repairs)
    told = [curve.how, table.how, *mended, rebuilt, *_at_risk_told(people, unit)]
    return SurvivalData(people.times, people.events, (), rebuilt), told


def _fits_of(
    people: SurvivalData | IntervalData, families: Sequence[str], knots: int | None, at_zero: str | None, unit: str
) -> Fits:
    """The fits to people of either kind."""
    from hemodel.analyses.fitting import run_fits, run_interval_fits
    from hemodel.evidence.survival_data import IntervalData

    if isinstance(people, IntervalData):
        return run_interval_fits(
            people.lower, people.upper, families, knots=knots, weights=people.weights, at_zero=at_zero, unit=unit
        )
    besides: dict[str, Any] = {"entry": people.entry, "weights": people.weights, "at_zero": at_zero, "unit": unit}
    return run_fits(people.times, people.values, families, knots=knots, **besides)


def _print_landmarks(landmarks: pd.DataFrame, unit: str, as_json: bool) -> None:
    """Survival at landmarks and means of the observed curve, of the families and of their averages, for people."""
    if as_json or not for_people():
        return
    shown = landmarks.map(lambda cell: cell if isinstance(cell, str) else f"{cell:.4g}").rename(
        columns=lambda name: str(name).replace("_", " ").capitalize()
    )
    print_table(shown, f"Survival at landmarks, and means in {unit}, of which nan is what the data do not show")


def _at_risk_told(people: Reconstruction, unit: str) -> list[str]:
    """Numbers at risk of the people rebuilt beside those of the table, and what to check where they differ."""
    pairs = zip(people.risk_times, people.at_risk, people.published, strict=True)
    rows = [f"  {time:g} {unit}: {rebuilt:,} ({published:,} in the table)" for time, rebuilt, published in pairs]
    if not people.at_risk_difference.any():
        return ["The numbers at risk are those of the table."]
    words = (
        f"The numbers at risk differ from the table by up to {100 * people.contradicted:.0f} % of those at the start: check that curve and "
        "table are of the same arm, and the points near those times. Rebuilt, by time:"
    )
    return [words, *rows]
