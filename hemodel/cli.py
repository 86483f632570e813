"""The command line: `hemodel run relapsed` and its sisters. Heavy libraries are imported in the commands that use them.

Results go to standard output (or the file of `--out`), messages and progress to standard error. Exit status: 0 all right,
1 a check failed, 2 bad input.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hemodel.errors import Fault, InputError

if TYPE_CHECKING:
    import pandas as pd

    from hemodel.analyses.base_case import BaseCase
    from hemodel.analyses.psa import PSA
    from hemodel.analyses.scenarios import Scenarios
    from hemodel.evidence.inputs import Inputs

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
    help="Cost-effectiveness of lenalidomide in multiple myeloma, as NICE appraised it (TA171).",
)

Problem = Annotated[str, typer.Argument(help="A decision problem below inputs/, or a folder of your own with the same files.")]
Population = Annotated[str | None, typer.Option(help="Population; default: the one of the base case.")]
ScenarioName = Annotated[str | None, typer.Option("--scenario", help="Scenario below scenarios/, or a TOML file of your own.")]
Changes = Annotated[list[str] | None, typer.Option("--set", help="What if: NAME=VALUE, as often as needed.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Out = Annotated[Path | None, typer.Option(help="Write the result here (.xlsx or .csv).")]
Force = Annotated[bool, typer.Option("--force", help="Replace a file that is already there.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress bar and no messages.")]
Draws = Annotated[int, typer.Option(help="Number of draws of the probabilistic analysis.")]
Seed = Annotated[int, typer.Option(help="Seed of the draws.")]
Design = Annotated[str, typer.Option(help="monte_carlo, latin_hypercube or sobol.")]

Arrangement = Annotated[str | None, typer.Option("--arrangement", help="Price arrangement; default: the scheme.")]
StrategyName = Annotated[
    str | None, typer.Option("--strategy", help="Compared with the comparator; default: the first that is not it.")
]
Threshold = Annotated[float | None, typer.Option(help="GBP per QALY; default: the upper threshold.")]
ProblemOption = Annotated[str, typer.Option("--problem", help="Decision problem.")]
Top = Annotated[int, typer.Option(help="How many rows to print.", min=1)]
OutCsv = Annotated[Path | None, typer.Option("--out", help="Write the whole table here (.csv).")]

DEFAULT_DRAWS, DEFAULT_SEED = 10_000, 171


@app.command()
def run(
    problem: Problem = "relapsed",
    population: Population = None,
    scenario: ScenarioName = None,
    change: Changes = None,
    draws: Annotated[int, typer.Option(help="Draws of the probabilistic analysis; 0 leaves it out.")] = DEFAULT_DRAWS,
    seed: Seed = DEFAULT_SEED,
    full: Annotated[bool, typer.Option("--full", help="With --out: a sheet for every sensitivity analysis too.")] = False,
    as_json: AsJson = False,
    out: Out = None,
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Answer the question: base case and probabilistic analysis, at list price and under the scheme."""
    from hemodel.analyses.base_case import run_base_case
    from hemodel.analyses.psa import run_psa
    from hemodel.analyses.scenarios import run_scenarios

    _refuse_target(out, force, ".xlsx")
    if full and not (out and draws):
        raise InputError(
            "--full", "it adds sheets to a workbook with a probabilistic analysis", "Give --out FILE.xlsx, and draws"
        )
    inputs = _inputs(problem, population, scenario, change)
    base = run_base_case(inputs)
    psa = None
    if draws:
        with _progress("Draws", draws, quiet) as advance:
            psa = run_psa(inputs, draws, seed=seed, progress=advance)
    scenarios = run_scenarios(problem, population=inputs.population) if out and not scenario and not change else None
    if out:
        _write_workbook(out, base, psa, scenarios, force, quiet, full=full)
    if as_json:
        _print_json(_answer(base, psa))
    else:
        _print_answer(base, psa)


@app.command()
def psa(
    problem: Problem = "relapsed",
    population: Population = None,
    scenario: ScenarioName = None,
    change: Changes = None,
    draws: Draws = DEFAULT_DRAWS,
    seed: Seed = DEFAULT_SEED,
    design: Design = "monte_carlo",
    threads: Annotated[int | None, typer.Option(help="Threads; default: one for a small run, else all cores.")] = None,
    as_json: AsJson = False,
    out: Out = None,
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Probabilistic analysis alone, of any number of draws; `--out draws.csv` writes a row per draw."""
    from hemodel.analyses.base_case import run_base_case
    from hemodel.analyses.psa import run_psa
    from hemodel.report import files, labels, tables

    _refuse_target(out, force, ".xlsx", ".csv")
    inputs = _inputs(problem, population, scenario, change)
    with _progress("Draws", draws, quiet) as advance:
        result = run_psa(inputs, draws, seed=seed, design=design, threads=threads, progress=advance)
    base = run_base_case(inputs)
    if out and out.suffix == ".xlsx":
        _write_workbook(out, base, result, None, force, quiet)
    elif out:
        files.write_whole(out, files.csv_text(result.results()).encode(), force=force)
        _say(f"Wrote {out}", quiet)
    if as_json:
        _print_json({"results": _records(result.table), "manifest": _manifest(inputs, result)})
    else:
        for arrangement in result.price_arrangements:
            title = f"{labels.arrangement_label(inputs.settings, arrangement)} ({draws:,} draws, seed {seed})"
            _print_frame(tables.rounded(tables.psa_table(result, arrangement, base)), title)
        _print_frame(tables.rounded(tables.probability_table(result)), "Probability of being cost-effective")


@app.command()
def scenarios(
    problem: Problem = "relapsed",
    population: Population = None,
    as_json: AsJson = False,
    out: Out = None,
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Every scenario beside the base case."""
    from hemodel.analyses.scenarios import run_scenarios
    from hemodel.evidence.inputs import load_inputs, scenario_names
    from hemodel.report import files, labels, tables

    _refuse_target(out, force, ".xlsx", ".csv")
    inputs = load_inputs(problem, population=population)
    with _progress("Scenarios", len(scenario_names(inputs.settings.problem)), quiet) as advance:
        result = run_scenarios(problem, population=population, progress=advance)
    if out and out.suffix == ".xlsx":
        _write_workbook(out, result.results[0], None, result, force, quiet)
    elif out:
        files.write_whole(out, files.csv_text(result.table).encode(), force=force)
        _say(f"Wrote {out}", quiet)
    if as_json:
        _print_json({"results": _records(result.table), "not_applicable": result.not_applicable, "manifest": _manifest(inputs)})
    else:
        for arrangement in result.results[0].outcomes.price_arrangements:
            title = f"{labels.arrangement_label(inputs.settings, arrangement)}: {_title(inputs)}"
            _print_frame(tables.rounded(tables.scenario_table(result, arrangement)).drop(columns="Why"), title)
        if result.not_applicable:
            _say(f"Left out, as their numbers hold for other populations: {', '.join(result.not_applicable)}", quiet)


@app.command("one-way")
def one_way(
    problem: Problem = "relapsed",
    population: Population = None,
    scenario: ScenarioName = None,
    arrangement: Arrangement = None,
    strategy: StrategyName = None,
    threshold: Threshold = None,
    outcome: Annotated[str, typer.Option(help="What the tornado is sorted by.")] = "incremental_net_monetary_benefit",
    top: Top = 15,
    as_json: AsJson = False,
    out: OutCsv = None,
    force: Force = False,
) -> None:
    """Tornado: every uncertain parameter at the ends of its 95 % interval."""
    from hemodel.analyses.one_way import run_one_way

    _refuse_target(out, force, ".csv")
    inputs = _inputs(problem, population, scenario, None)
    result = run_one_way(inputs, price_arrangement=arrangement, strategy=strategy, threshold=threshold)
    frame = result.tornado(outcome)
    shown = frame.head(top)[["label", "unit", "low", "high", f"{outcome}_low", f"{outcome}_high", "reading_low", "reading_high"]]
    title = f"{outcome} ({result.price_arrangement}), base case {_plain(result.base[outcome])}"
    _deliver(inputs, frame, shown, title, as_json, out, force, base=result.base, excluded=result.excluded)
    if result.excluded:
        typer.echo(f"Left out, as they cannot move alone: {', '.join(result.excluded)}", err=True)


@app.command("two-way")
def two_way(
    first: Annotated[str, typer.Argument(help="A parameter.")],
    second: Annotated[str, typer.Argument(help="Another.")],
    problem: ProblemOption = "relapsed",
    population: Population = None,
    arrangement: Arrangement = None,
    strategy: StrategyName = None,
    threshold: Threshold = None,
    steps: Annotated[int, typer.Option(help="Values of each.")] = 5,
    as_json: AsJson = False,
    out: OutCsv = None,
    force: Force = False,
) -> None:
    """A grid over the intervals of two parameters."""
    from hemodel.analyses.one_way import run_two_way

    _refuse_target(out, force, ".csv")
    inputs = _inputs(problem, population, None, None)
    frame = run_two_way(inputs, first, second, steps=steps, price_arrangement=arrangement, strategy=strategy, threshold=threshold)
    _deliver(inputs, frame, frame, _title(inputs), as_json, out, force)


@app.command()
def threshold(
    what: Annotated[str, typer.Argument(help="A parameter, pack_price, or charged_cycles.")],
    problem: ProblemOption = "relapsed",
    population: Population = None,
    scenario: ScenarioName = None,
    arrangement: Arrangement = None,
    strategy: StrategyName = None,
    at: Annotated[float | None, typer.Option(help="GBP per QALY; default: the upper threshold.")] = None,
    as_json: AsJson = False,
) -> None:
    """The value of a parameter, the price of the pack, or the number of charged cycles at which the ICER meets a threshold."""
    from dataclasses import asdict

    from hemodel.analyses.thresholds import charged_cycles, threshold_value

    inputs = _inputs(problem, population, scenario, None)
    if what == "charged_cycles":
        found = charged_cycles(inputs, price_arrangement=arrangement or "pas", strategy=strategy, threshold=at)
    else:
        found = threshold_value(inputs, what, price_arrangement=arrangement, strategy=strategy, threshold=at)
    if as_json:
        _print_json({"results": [{k: _missing_to_none(v) for k, v in asdict(found).items()}], "manifest": _manifest(inputs)})
    else:
        typer.echo(found.reading)


@app.command()
def drivers(
    problem: Problem = "relapsed",
    population: Population = None,
    scenario: ScenarioName = None,
    arrangement: Arrangement = None,
    strategy: StrategyName = None,
    threshold: Threshold = None,
    as_json: AsJson = False,
    out: OutCsv = None,
    force: Force = False,
) -> None:
    """What would change the decision: the value at which each parameter flips it, and how many standard errors away that is."""
    from hemodel.analyses.thresholds import decision_drivers

    _refuse_target(out, force, ".csv")
    inputs = _inputs(problem, population, scenario, None)
    frame = decision_drivers(inputs, price_arrangement=arrangement, strategy=strategy, threshold=threshold)
    reached = frame[frame["flips_at"].notna()]
    title = f"What would change the decision: {_title(inputs)}"
    _deliver(inputs, frame, reached.drop(columns="parameter"), title, as_json, out, force)
    if not as_json:
        typer.echo(f"None of the other {len(frame) - len(reached)} uncertain parameters would, alone, within 8 normal scores.")


@app.command()
def evppi(
    names: Annotated[
        list[str] | None, typer.Argument(help="Parameters known together; default: each uncertain one alone.")
    ] = None,
    problem: ProblemOption = "relapsed",
    population: Population = None,
    scenario: ScenarioName = None,
    arrangement: Arrangement = None,
    threshold: Threshold = None,
    draws: Draws = DEFAULT_DRAWS,
    seed: Seed = DEFAULT_SEED,
    top: Top = 12,
    as_json: AsJson = False,
    out: OutCsv = None,
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Expected value of perfect information on parameters: GBP per person with its standard error, and for everyone."""
    from hemodel.analyses.psa import run_psa
    from hemodel.analyses.value_of_information import evppi_table, persons

    _refuse_target(out, force, ".csv")
    inputs = _inputs(problem, population, scenario, None)
    result = run_psa(inputs, draws, seed=seed)
    groups = [names] if names else None
    with _progress("Parameters", 1 if names else _count_uncertain(inputs), quiet) as advance:
        frame = evppi_table(result, groups, threshold=threshold, price_arrangement=arrangement, progress=advance)
    title = f"EVPPI, GBP per person and for all {persons(inputs):,.0f} (discounted): {_title(inputs)}"
    _deliver(inputs, frame, frame.head(top), title, as_json, out, force, psa=result)


@app.command()
def evsi(
    names: Annotated[list[str], typer.Argument(help="Parameters that the study observes.")],
    problem: ProblemOption = "relapsed",
    population: Population = None,
    scenario: ScenarioName = None,
    arrangement: Arrangement = None,
    threshold: Threshold = None,
    sizes: Annotated[str, typer.Option(help="People in each group of the study, with commas.")] = "25,50,100,200,400,800,1600",
    deviations: Annotated[
        list[str] | None, typer.Option("--sd", help="Spread between people, NAME=VALUE: for utilities, costs and amounts.")
    ] = None,
    events: Annotated[float, typer.Option(help="Share of people whose event is seen (rates, medians, hazard ratios).")] = 1.0,
    fixed_cost: Annotated[float, typer.Option(help="Cost of the study, GBP.")] = 0.0,
    cost_per_person: Annotated[float, typer.Option(help="Cost of each person in it, GBP.")] = 0.0,
    draws: Draws = DEFAULT_DRAWS,
    seed: Seed = DEFAULT_SEED,
    as_json: AsJson = False,
    out: OutCsv = None,
    force: Force = False,
) -> None:
    """What a study would be worth by its size: EVSI per person and for everyone, and the net benefit beyond its cost."""
    from hemodel.analyses.psa import run_psa
    from hemodel.analyses.value_of_information import evsi_table

    _refuse_target(out, force, ".csv")
    inputs, spread = _inputs(problem, population, scenario, None), _named_numbers("--sd", deviations)
    if not all(n.strip().isdecimal() for n in sizes.split(",")):
        raise InputError(
            f"--sizes {sizes}", "these are not whole numbers with commas between them", "Write for example 50,100,200"
        )
    result = run_psa(inputs, draws, seed=seed)
    frame = evsi_table(
        result,
        names,
        [int(n) for n in sizes.split(",")],
        standard_deviations=spread,
        share_with_event=events,
        fixed_cost=fixed_cost,
        cost_per_person=cost_per_person,
        threshold=threshold,
        price_arrangement=arrangement,
    )
    _deliver(inputs, frame, frame, f"A study of {', '.join(names)}, GBP: {_title(inputs)}", as_json, out, force, psa=result)
    if not fixed_cost and not cost_per_person:
        typer.echo("The study is taken to cost nothing: give --fixed-cost and --cost-per-person.", err=True)


@app.command()
def convergence(
    problem: Problem = "relapsed",
    population: Population = None,
    scenario: ScenarioName = None,
    arrangement: Arrangement = None,
    strategy: StrategyName = None,
    threshold: Threshold = None,
    draws: Draws = DEFAULT_DRAWS,
    seed: Seed = DEFAULT_SEED,
    design: Design = "monte_carlo",
    replicates: Annotated[int, typer.Option(help="Make the design anew so often: the error of Sobol' and Latin designs.")] = 0,
    as_json: AsJson = False,
    out: OutCsv = None,
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Have there been enough draws? Running means with their Monte Carlo error, or replicates of the whole design."""
    from hemodel.analyses.convergence import run_replicates, running_means
    from hemodel.analyses.psa import run_psa

    _refuse_target(out, force, ".csv")
    inputs = _inputs(problem, population, scenario, None)
    about: dict[str, Any] = {"price_arrangement": arrangement, "strategy": strategy, "threshold": threshold}
    if replicates:
        with _progress("Replicates", replicates, quiet) as advance:
            frame = run_replicates(inputs, draws, design=design, replicates=replicates, seed=seed, progress=advance, **about)
        _deliver(inputs, frame, frame, f"{replicates} replicates of {draws:,} draws ({design})", as_json, out, force)
        return
    result = run_psa(inputs, draws, seed=seed, design=design)
    frame = running_means(result, **about)
    shown = frame.iloc[:: max(1, len(frame) // 10)] if len(frame) > 10 else frame
    _deliver(inputs, frame, shown, f"After so many draws: {_title(inputs)}", as_json, out, force, psa=result)


@app.command("global")
def global_(
    problem: Problem = "relapsed",
    population: Population = None,
    scenario: ScenarioName = None,
    arrangement: Arrangement = None,
    strategy: StrategyName = None,
    threshold: Threshold = None,
    method: Annotated[str, typer.Option(help="sobol, morris, fast, rbd_fast; from an ordinary analysis: delta, pawn.")] = "sobol",
    size: Annotated[int, typer.Option(help="Size of the design (for sobol a power of 2), or number of draws.")] = 1024,
    outcome: Annotated[str, typer.Option(help="The outcome whose spread is explained.")] = "incremental_net_monetary_benefit",
    second_order: Annotated[bool, typer.Option("--second-order", help="With sobol: interactions of pairs too.")] = False,
    seed: Seed = DEFAULT_SEED,
    top: Top = 12,
    as_json: AsJson = False,
    out: OutCsv = None,
    force: Force = False,
) -> None:
    """Global sensitivity analysis of the incremental net benefit through SALib."""
    from hemodel.analyses.global_sensitivity import GIVEN_DATA_METHODS, run_given_data, run_global
    from hemodel.analyses.psa import run_psa

    _refuse_target(out, force, ".csv")
    inputs = _inputs(problem, population, scenario, None)
    about: dict[str, Any] = {"outcome": outcome, "price_arrangement": arrangement, "strategy": strategy, "threshold": threshold}
    if method in GIVEN_DATA_METHODS:
        result = run_given_data(run_psa(inputs, size, seed=seed), method, **about)
    else:
        result = run_global(inputs, method, size=size, second_order=second_order, seed=seed, **about)
    title, shown = f"{method}: {result.evaluations:,} evaluations", result.table.drop(columns="members").head(top)
    more: dict[str, Any] = {"evaluations": result.evaluations}
    if result.second_order is not None:
        more["second_order"] = _records(result.second_order.rename_axis("name").reset_index())
    _deliver(inputs, result.table, shown, title, as_json, out, force, **more)
    for name in result.groups:
        typer.echo(f"One group, as its members are correlated or shares of one whole: {name}", err=True)


@app.command()
def budget(
    problem: Problem = "relapsed",
    population: Population = None,
    scenario: ScenarioName = None,
    change: Changes = None,
    years: Annotated[int, typer.Option(help="Years from the first uptake.")] = 5,
    as_json: AsJson = False,
    out: OutCsv = None,
    force: Force = False,
) -> None:
    """Budget impact: what the health service would pay in each year with the new treatment, beyond what it pays without."""
    from hemodel.analyses.budget import run_budget
    from hemodel.report import tables

    _refuse_target(out, force, ".csv")
    inputs = _inputs(problem, population, scenario, change)
    result = run_budget(inputs, years=years)
    shown = tables.rounded(tables.budget_table(result.table, inputs.settings))
    _deliver(inputs, result.table, shown, f"Budget impact, GBP of each year: {_title(inputs)}", as_json, out, force)


@app.command()
def compare(
    problem: Problem = "relapsed",
    populations: Annotated[
        list[str] | None, typer.Option("--population", help="Populations, as often as needed; default: all.")
    ] = None,
    scenarios: Annotated[
        list[str] | None, typer.Option("--scenario", help="Scenarios, as often as needed; default: all.")
    ] = None,
    as_json: AsJson = False,
    out: OutCsv = None,
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """All scenarios x populations x price arrangements in one table."""
    from hemodel.analyses.scenarios import run_comparison
    from hemodel.evidence.inputs import load_inputs
    from hemodel.report import tables

    _refuse_target(out, force, ".csv")
    inputs = load_inputs(problem)
    with _progress("Populations", len(populations or inputs.settings.populations), quiet) as advance:
        frame = run_comparison(problem, populations=populations, scenarios=scenarios, progress=advance)
    shown = tables.rounded(tables.comparison_table(frame, inputs.settings))
    _deliver(inputs, frame, shown, "Every scenario in every population", as_json, out, force)


@app.command()
def weighted(
    weights: Annotated[list[str], typer.Option("--weight", help="Share of people, POPULATION=NUMBER, as often as needed.")],
    problem: Problem = "relapsed",
    scenario: ScenarioName = None,
    as_json: AsJson = False,
    out: OutCsv = None,
    force: Force = False,
) -> None:
    """A weighted average over populations: the ICER of the mix."""
    from hemodel.analyses.subgroups import run_weighted
    from hemodel.evidence.inputs import load_inputs

    _refuse_target(out, force, ".csv")
    inputs, shares = load_inputs(problem, scenario=scenario), _named_numbers("--weight", weights)
    frame = run_weighted(problem, shares, scenario=scenario)
    _deliver(
        inputs, frame, frame, f"Mix of {', '.join(f'{name} {share:g}' for name, share in shares.items())}", as_json, out, force
    )


@app.command()
def fit(
    data: Annotated[
        Path, typer.Argument(help="CSV with the columns time,event (1 event, 0 censored), or time,survival with --risk.")
    ],
    risk: Annotated[
        Path | None,
        typer.Option(help="CSV time,at_risk: DATA is then a digitised Kaplan-Meier curve, from which people are rebuilt."),
    ] = None,
    total_events: Annotated[int | None, typer.Option(help="With --risk: events reported in all.")] = None,
    families: Annotated[list[str] | None, typer.Option("--family", help="Families, as often as needed; default: eight.")] = None,
    knots: Annotated[int | None, typer.Option(help="Internal knots of splines; default 1.")] = None,
    unit: Annotated[str, typer.Option(help="Unit of the times: days, weeks, months or years.")] = "months",
    curve: Annotated[
        str | None, typer.Option(help="pfs or os: run the model with the best of the fits (or the one family given).")
    ] = None,
    strategy: Annotated[str | None, typer.Option(help="With --curve: whose curve it is.")] = None,
    problem: ProblemOption = "relapsed",
    population: Population = None,
    scenario: ScenarioName = None,
    as_json: AsJson = False,
    out: OutCsv = None,
    force: Force = False,
) -> None:
    """Fit survival curves to data of your own, compare them, and run the model with one of them."""
    from hemodel.analyses.base_case import run_base_case
    from hemodel.analyses.calibration import calibrated
    from hemodel.analyses.fitting import FAMILIES, run_fits, with_fitted_curve
    from hemodel.evidence.survival_data import read_curve, read_risk_table, read_times

    _refuse_target(out, force, ".csv")
    if (curve is None) != (strategy is None):
        raise InputError("--curve and --strategy", "one is given without the other", "Give both, or neither")
    inputs = _inputs(problem, population, scenario, None)
    if risk is None:
        times, events = read_times(data)
    else:
        from hemodel.survival import reconstruct

        people = reconstruct(*read_curve(data), *read_risk_table(risk), total_events)
        times, events = people.times, people.events
        typer.echo(f"Rebuilt {len(times):,} people with {people.n_events:,} events from the curve.", err=True)
    fits = run_fits(times, events, families or FAMILIES, knots=knots)
    for name, reason in fits.refused.items():
        typer.echo(f"{name} was not fitted: {reason}", err=True)
    more: dict[str, Any] = {"rows": len(times), "events": int(events.sum()), "unit": unit}
    title = f"{len(times):,} people, {int(events.sum()):,} events; times in {unit}"
    if curve is None or strategy is None:
        _deliver(inputs, fits.table, fits.table, title, as_json, out, force, **more)
        return
    best = fits.best.family.name
    fitted = with_fitted_curve(inputs, curve, strategy, times, events, best, unit=unit, knots=knots, note=f"From {data.name}")
    if curve == "os":
        fitted = calibrated(fitted)
    table = run_base_case(fitted).table
    more |= {"family": best, "model": _records(table)}
    _deliver(fitted, fits.table, fits.table, title, as_json, out, force, **more)
    if not as_json:
        _print_frame(
            table.drop(columns="life_years_discounted").map(_plain), f"The model with this {curve.upper()} curve ({best})"
        )


@app.command()
def modifiers(
    problem: Problem = "relapsed", population: Population = None, scenario: ScenarioName = None, as_json: AsJson = False
) -> None:
    """NICE's severity weight and the end-of-life criteria of 2009, and the result with and without the weight."""
    from dataclasses import asdict

    from hemodel.analyses.base_case import run_base_case
    from hemodel.analyses.severity import run_modifiers

    inputs = _inputs(problem, population, scenario, None)
    result = run_modifiers(run_base_case(inputs))
    if as_json:
        content = {
            "results": _records(result.table),
            "severity": asdict(result.severity),
            "end_of_life": asdict(result.end_of_life),
        }
        _print_json(content | {"manifest": _manifest(inputs)})
        return
    typer.echo(result.severity.reading)
    typer.echo(result.end_of_life.reading)
    _print_frame(result.table.map(_plain), _title(inputs))


@app.command()
def batch(
    draws: Annotated[int, typer.Argument(help="Number of draws, or the most where --until stops earlier.")],
    problem: Annotated[str, typer.Option(help="Decision problem.")] = "relapsed",
    population: Population = None,
    scenario: ScenarioName = None,
    folder: Annotated[Path | None, typer.Option(help="Makes the batch resumable: what is done is kept here.")] = None,
    keep_draws: Annotated[bool, typer.Option("--keep-draws", help="Keep every draw there too, as Parquet.")] = False,
    until: Annotated[float | None, typer.Option(help="Stop once the standard error of net benefit is below so many GBP.")] = None,
    threads: Annotated[int | None, typer.Option(help="Threads; default: all cores.")] = None,
    seed: Seed = DEFAULT_SEED,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Probabilistic analysis of any size in little memory; a killed batch goes on where it was."""
    from hemodel.analyses.batch import run_batch

    inputs = _inputs(problem, population, scenario, None)
    with _progress("Draws", draws, quiet) as advance:
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
    if as_json:
        content = {"results": _records(result.table), "draws": result.n_draws, "stopped": result.stopped}
        _print_json(content | {"convergence": _records(result.history), "manifest": _manifest(inputs)})
        return
    columns = ["price_arrangement", "strategy", "costs", "se_costs", "qalys", "se_qalys", "icer", "se_icer"]
    columns += [c for c in result.table.columns if c.startswith("probability_")]
    _print_frame(result.table[columns].map(_plain), f"{result.n_draws:,} draws, seed {seed}: {result.stopped}")


@app.command()
def validate(problem: Problem = "relapsed", as_json: AsJson = False) -> None:
    """Check the inputs of every population and every scenario; lists all faults."""
    from hemodel.evidence.inputs import load_inputs, scenario_names

    base = load_inputs(problem)
    faults: dict[Fault, None] = {}
    for population in base.settings.populations:
        for scenario in ["base_case", *scenario_names(base.settings.problem)]:
            try:
                load_inputs(problem, population=population, scenario=scenario)
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
        _print_json(counted)
    else:
        typer.echo(
            "{problem}: {parameters} parameters, {populations} populations, {scenarios} scenarios: no faults".format(**counted)
        )


@app.command()
def info(
    problem: Problem = "relapsed",
    population: Population = None,
    scenario: ScenarioName = None,
    parameter: Annotated[str | None, typer.Option(help="Show one parameter with its source, status and note.")] = None,
    as_json: AsJson = False,
) -> None:
    """What a run rests on: versions, input hash, populations, scenarios, statuses; or one parameter."""
    from dataclasses import asdict

    from hemodel.errors import nearest
    from hemodel.evidence.inputs import load_inputs, scenario_names

    inputs = load_inputs(problem, population=population, scenario=scenario)
    if parameter is not None:
        if parameter not in inputs.parameters:
            raise InputError(f"parameter {parameter!r}", "there is no such parameter", nearest(parameter, inputs.parameters))
        found = inputs.parameters[parameter]
        content = asdict(found) | {"interval_low": found.interval[0], "interval_high": found.interval[1]}
    else:
        content = _manifest(inputs) | {
            "question": inputs.settings.question,
            "populations": {name: p.label for name, p in inputs.settings.populations.items()},
            "scenarios": scenario_names(inputs.settings.problem),
        }
    if as_json:
        _print_json(content)
    else:
        for key, value in content.items():
            typer.echo(f"{key}: {_plain(value)}")


@app.command()
def calibrate(
    problem: Problem = "relapsed", population: Population = None, scenario: ScenarioName = None, as_json: AsJson = False
) -> None:
    """Derive the death rates after progression anew from the median overall survivals, and compare them with the inputs."""
    from hemodel.analyses.calibration import derive_rates, differences
    from hemodel.evidence.inputs import load_inputs

    inputs = load_inputs(problem, population=population, scenario=scenario)
    table = differences(inputs, derive_rates(inputs))
    if as_json:
        _print_json({"results": _records(table)})
    else:
        _print_frame(table.map(_plain), f"Death rate after progression: {_title(inputs)}")
    if not table["agrees"].all():
        typer.echo("The inputs hold other rates than these: copy value and se into the rows named.", err=True)
        raise typer.Exit(1)


@app.command("app")
def open_app(
    port: Annotated[int, typer.Option(help="Port on this machine.", min=1, max=65535)] = 8501,
) -> None:
    """Open the app for committees in a browser; it listens on this machine only."""
    import subprocess
    from importlib.util import find_spec

    if find_spec("streamlit") is None:
        raise InputError("hemodel app", "Streamlit is not installed", 'Install it with: pip install "hemodel[app]"')
    front = Path(__file__).parent / "app" / "front.py"
    options = {
        "server.port": port,
        "server.address": "127.0.0.1",
        "server.headless": "true",
        "server.maxUploadSize": 10,
        "server.fileWatcherType": "none",
        "browser.gatherUsageStats": "false",
        "server.allowedHosts": "localhost,127.0.0.1",
        "client.showErrorDetails": "none",
        "client.showErrorLinks": "false",
        "client.toolbarMode": "viewer",
        "theme.base": "light",
        "theme.primaryColor": "#00436C",
    }
    command = [sys.executable, "-m", "streamlit", "run", str(front), *(f"--{name}={value}" for name, value in options.items())]
    raise typer.Exit(subprocess.run(command, check=False).returncode)


def _inputs(problem: str, population: str | None, scenario: str | None, change: list[str] | None) -> Inputs:
    from hemodel.evidence.inputs import load_inputs

    inputs = load_inputs(problem, population=population, scenario=scenario)
    values = _named_numbers("--set", change)
    return inputs.with_values(**values) if values else inputs


def _named_numbers(option: str, texts: list[str] | None) -> dict[str, float]:
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


def _count_uncertain(inputs: Inputs) -> int:
    """Number of uncertain parameters that a run reads: the steps of a progress bar."""
    from hemodel.cohort.model import names_read

    return sum(inputs.parameters[name].is_uncertain for name in names_read(inputs))


def _deliver(
    inputs: Inputs,
    frame: pd.DataFrame,
    shown: pd.DataFrame,
    title: str,
    as_json: bool,
    out: Path | None,
    force: bool,
    *,
    psa: PSA | None = None,
    **more: object,
) -> None:
    """Give a result to its user: the whole `frame` as JSON or CSV, or what is `shown` of it as a table."""
    from hemodel.report import files

    if out:
        files.write_whole(out, files.csv_text(frame).encode(), force=force)
        typer.echo(f"Wrote {out}", err=True)
    if as_json:
        _print_json({"results": _records(frame), **more, "manifest": _manifest(inputs, psa)})
    else:
        _print_frame(shown.map(_plain), title)


def _refuse_target(out: Path | None, force: bool, *suffixes: str) -> None:
    """Refuse a bad `--out` before the work starts, not after."""
    if out is None:
        return
    from hemodel.report.files import refuse_target

    if out.suffix not in suffixes:
        raise InputError(f"--out {out}", f"the name does not end in {' or '.join(suffixes)}", "Choose a name that does")
    try:
        refuse_target(out, force=force)
    except InputError as error:
        taken = out.is_file() and not force
        raise InputError(
            f"--out {out}", error.faults[0].problem, "Add --force to replace it" if taken else error.faults[0].remedy
        ) from None


def _write_workbook(
    out: Path, base: BaseCase, psa: PSA | None, scenarios: Scenarios | None, force: bool, quiet: bool, *, full: bool = False
) -> None:
    from hemodel.analyses.everything import ANALYSES, run_everything
    from hemodel.report.workbook import Analyses, write_workbook

    analyses = None
    if full and psa is not None:
        with _progress("Analyses", ANALYSES, quiet) as advance:
            analyses = Analyses(**run_everything(base.inputs, psa, progress=advance))
    write_workbook(out, base, psa, scenarios, analyses=analyses, force=force)
    _say(f"Wrote {out}", quiet)


def _answer(base: BaseCase, psa: PSA | None) -> dict[str, Any]:
    return {
        "question": base.inputs.settings.question,
        "population": base.inputs.population,
        "scenario": base.inputs.scenario.name,
        "results": _records(base.table),
        "probabilistic": [] if psa is None else _records(psa.table),
        "model_against_source": _records(base.against_source),
        "rules_applied": _records(base.rules_applied),
        "manifest": _manifest(base.inputs, psa),
    }


def _print_answer(base: BaseCase, psa: PSA | None) -> None:
    from hemodel.report import labels, manifest, tables

    settings = base.inputs.settings
    typer.echo(f"{settings.question}\n{_title(base.inputs)}.\n")
    for arrangement in base.outcomes.price_arrangements:
        table = tables.rounded(tables.base_case_table(base, arrangement))
        _print_frame(table, labels.arrangement_label(settings, arrangement))
    for row in base.rules_applied.to_dict("records"):
        typer.echo(f"Note: {row['rule']}, {labels.strategy_label(settings, str(row['strategy']))}: {row['value']:.4g}", err=True)
    if psa is not None:
        _print_frame(tables.rounded(tables.probability_table(psa)), f"Probabilistic: {psa.n_draws:,} draws, seed {psa.seed}")
    typer.echo(manifest.manifest_text(manifest.manifest(base.inputs, psa=psa)))


def _title(inputs: Inputs) -> str:
    return f"{inputs.settings.populations[inputs.population].label}; {inputs.scenario.label.lower()}"


def _manifest(inputs: Inputs, psa: PSA | None = None) -> dict[str, Any]:
    from hemodel.report.manifest import manifest

    return manifest(inputs, psa=psa)


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(key): _missing_to_none(value) for key, value in row.items()} for row in frame.to_dict("records")]


def _missing_to_none(value: object) -> object:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _print_json(content: dict[str, Any]) -> None:
    typer.echo(json.dumps(content, indent=2, allow_nan=False, default=list))


def _print_frame(frame: pd.DataFrame, title: str) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title, title_justify="left", title_style="bold")
    for column in frame.columns:
        is_text = any(str(cell).strip("£%-–()., 0123456789") for cell in frame[column])
        table.add_column(str(column), justify="left" if is_text else "right", overflow="fold")
    for row in frame.itertuples(index=False):
        table.add_row(*(str(cell) for cell in row))
    console = Console()
    (console if console.is_terminal else Console(width=200)).print(table, markup=False)


def _plain(value: object) -> str:
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:,.6g}"
    if isinstance(value, dict):
        return "; ".join(f"{key}: {_plain(item)}" for key, item in value.items())
    return ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


def _say(message: str, quiet: bool) -> None:
    if not quiet:
        typer.echo(message, err=True)


@contextmanager
def _progress(label: str, total: int, quiet: bool) -> Iterator[Callable[[int], None] | None]:
    """A progress bar on standard error where a person watches."""
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


def main() -> None:
    """Entry point of the command `hemodel`: bad input is told in one line a fault, and ends with status 2."""
    try:
        app()
    except InputError as error:
        for fault in error.faults:
            typer.echo(f"error: {fault}", err=True)
        sys.exit(2)


if __name__ == "__main__":
    main()
