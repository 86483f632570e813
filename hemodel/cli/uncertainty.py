"""Commands that ask how sure the answer is, what drives it and what price would do."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from hemodel.cli.options import (
    DEFAULT_DRAWS,
    DEFAULT_SEED,
    AsJson,
    Case,
    Design,
    Draws,
    NamedCase,
    Question,
    Seed,
    Table,
    Top,
    command,
    named_numbers,
    whole_number,
)
from hemodel.cli.terminal import (
    deliver,
    deliver_exhibit,
    for_people,
    manifest,
    missing_to_none,
    print_json,
    print_rows,
    progress,
    records,
    say,
)
from hemodel.errors import InputError


@command("one-way")
def one_way(
    case: Case,
    question: Question,
    delivery: Table,
    outcome: Annotated[str, typer.Option(help="What the tornado is sorted by.")] = "incremental_net_monetary_benefit",
    top: Top = 15,
) -> None:
    """Tornado: every uncertain parameter at the ends of its 95 % interval."""
    from hemodel.analyses.one_way import run_one_way
    from hemodel.report import exhibits

    delivery.refuse_target()
    result = run_one_way(case.inputs(), **question.asked)
    frame, exhibit = result.tornado(outcome), exhibits.tornado(result, outcome)
    deliver_exhibit(exhibit, delivery, frame, shown=exhibit.rounded.head(top), base=result.base, excluded=result.excluded)


@command("two-way")
def two_way(
    words: Annotated[list[str], typer.Argument(metavar="[PROBLEM] A B", help="Two parameters.")],
    case: NamedCase,
    question: Question,
    delivery: Table,
    steps: Annotated[int, typer.Option(help="Values of each.")] = 5,
) -> None:
    """A grid over the intervals of two parameters."""
    from hemodel.analyses.one_way import run_two_way
    from hemodel.report import exhibits

    delivery.refuse_target()
    named, (first, second) = case.words_of(words, "A", "B")
    inputs = named.inputs()
    frame = run_two_way(inputs, first, second, steps=steps, **question.asked)
    exhibit = exhibits.two_way(frame, inputs, price_arrangement=question.arrangement, threshold=question.threshold)
    deliver_exhibit(exhibit, delivery, frame)
    say(exhibit.footer, delivery.quiet or not for_people())


@command()
def threshold(
    words: Annotated[list[str], typer.Argument(metavar="[PROBLEM] WHAT", help="A parameter, pack_price, or charged_cycles.")],
    case: NamedCase,
    arrangement: Annotated[str | None, typer.Option(help="Price arrangement; default: the scheme.")] = None,
    strategy: Annotated[str | None, typer.Option(help="Compared with the comparator; default: the first that is not it.")] = None,
    at: Annotated[float | None, typer.Option(help="Money per QALY; default: the upper threshold.")] = None,
    as_json: AsJson = False,
) -> None:
    """The value of a parameter, the price of the pack, or the number of charged cycles at which the ICER meets a threshold."""
    from dataclasses import asdict

    import pandas as pd

    from hemodel.analyses.thresholds import charged_cycles, threshold_value
    from hemodel.report import labels

    named, (what,) = case.words_of(words, "WHAT")
    inputs = named.inputs()
    if what == "charged_cycles":
        arrangement = arrangement or inputs.settings.price_arrangements[-1]
        found = charged_cycles(inputs, price_arrangement=arrangement, strategy=strategy, threshold=at)
    else:
        found = threshold_value(inputs, what, price_arrangement=arrangement, strategy=strategy, threshold=at)
    if as_json:
        print_json({"results": [{k: missing_to_none(v) for k, v in asdict(found).items()}], "manifest": manifest(inputs)})
    elif for_people():
        typer.echo(labels.with_sign(found.reading, inputs.settings))
    else:
        print_rows(pd.DataFrame([asdict(found)]))


@command()
def drivers(case: Case, question: Question, delivery: Table) -> None:
    """What would change the decision: the value at which each parameter flips it, and how many standard errors away that is."""
    from hemodel.analyses.thresholds import decision_drivers
    from hemodel.report import exhibits

    delivery.refuse_target()
    inputs = case.inputs()
    frame = decision_drivers(inputs, **question.asked)
    exhibit = exhibits.drivers(frame, inputs, price_arrangement=question.arrangement, threshold=question.threshold)
    reached = frame["flips_at"].notna().to_numpy()
    deliver_exhibit(exhibit, delivery, frame, shown=exhibit.rounded[reached])
    say(f"None of the other {(~reached).sum()} uncertain parameters would, alone, within 8 normal scores.", delivery.quiet)


@command()
def evppi(
    case: NamedCase,
    question: Question,
    delivery: Table,
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[PROBLEM] [NAMES]...",
            help="Parameters known together; default: each uncertain one alone.",
            show_default=False,
        ),
    ] = None,
    draws: Draws = DEFAULT_DRAWS,
    seed: Seed = DEFAULT_SEED,
    top: Top = 12,
) -> None:
    """Expected value of perfect information on parameters: GBP per person with its standard error, and for everyone."""
    from hemodel.analyses.psa import run_psa
    from hemodel.analyses.value_of_information import evpi_curve, evppi_table
    from hemodel.cohort.model import names_read
    from hemodel.report import exhibits

    delivery.refuse_target()
    named, names = case.words_of(words)
    inputs = named.inputs()
    result = run_psa(inputs, draws, seed=seed)
    count = 1 if names else sum(inputs.parameters[name].is_uncertain for name in names_read(inputs))
    asked: dict[str, Any] = {"price_arrangement": question.arrangement, "threshold": question.threshold}
    with progress("Parameters", count, delivery.quiet) as advance:
        frame = evppi_table(result, [names] if names else None, progress=advance, **asked)
    curves = {a: evpi_curve(result, price_arrangement=a) for a in inputs.settings.price_arrangements}
    exhibit = exhibits.evppi(frame, inputs, curves=curves, **asked)
    deliver_exhibit(exhibit, delivery, frame, shown=exhibit.rounded.head(top), psa=result)


@command()
def evsi(
    words: Annotated[list[str], typer.Argument(metavar="[PROBLEM] NAMES...", help="Parameters that the study observes.")],
    case: NamedCase,
    question: Question,
    delivery: Table,
    sizes: Annotated[str, typer.Option(help="People in each group of the study, with commas.")] = "25,50,100,200,400,800,1600",
    deviations: Annotated[
        list[str] | None, typer.Option("--sd", help="Spread between people, NAME=VALUE: for utilities, costs and amounts.")
    ] = None,
    events: Annotated[float, typer.Option(help="Share of people whose event is seen (rates, medians, hazard ratios).")] = 1.0,
    fixed_cost: Annotated[float, typer.Option(help="Cost of the study.")] = 0.0,
    cost_per_person: Annotated[float, typer.Option(help="Cost of each person in it.")] = 0.0,
    draws: Draws = DEFAULT_DRAWS,
    seed: Seed = DEFAULT_SEED,
) -> None:
    """What a study would be worth by its size: EVSI per person and for everyone, and the net benefit beyond its cost."""
    from hemodel.analyses.psa import run_psa
    from hemodel.analyses.value_of_information import evsi_table
    from hemodel.report import exhibits

    delivery.refuse_target()
    named, names = case.words_of(words)
    if not names:
        raise InputError("NAMES", "no parameter is given", "Write [PROBLEM] NAMES..., the parameters that the study observes")
    inputs, spread = named.inputs(), named_numbers("--sd", deviations)
    if not all(n.strip().isdecimal() for n in sizes.split(",")):
        problem = "these are not whole numbers with commas between them"
        raise InputError(f"--sizes {sizes}", problem, "Write for example 50,100,200")
    asked: dict[str, Any] = {"price_arrangement": question.arrangement, "threshold": question.threshold}
    result = run_psa(inputs, draws, seed=seed)
    frame = evsi_table(
        result,
        names,
        [int(n) for n in sizes.split(",")],
        standard_deviations=spread,
        share_with_event=events,
        fixed_cost=fixed_cost,
        cost_per_person=cost_per_person,
        **asked,
    )
    deliver_exhibit(exhibits.evsi(frame, inputs, **asked), delivery, frame, psa=result)
    if not fixed_cost and not cost_per_person:
        say("The study is taken to cost nothing: give --fixed-cost and --cost-per-person.", delivery.quiet)


@command()
def convergence(
    case: Case,
    question: Question,
    delivery: Table,
    draws: Draws = DEFAULT_DRAWS,
    seed: Seed = DEFAULT_SEED,
    design: Design = "monte_carlo",
    replicates: Annotated[int, typer.Option(help="Make the design anew so often: the error of Sobol' and Latin designs.")] = 0,
) -> None:
    """Have there been enough draws? Running means with their Monte Carlo error, or replicates of the whole design."""
    from hemodel.analyses.convergence import run_replicates, running_means
    from hemodel.analyses.psa import run_psa
    from hemodel.report import exhibits

    delivery.refuse_target()
    inputs = case.inputs()
    if replicates:
        with progress("Replicates", replicates, delivery.quiet) as advance:
            frame = run_replicates(
                inputs, draws, design=design, replicates=replicates, seed=seed, progress=advance, **question.asked
            )
        deliver(inputs, delivery, frame, f"{replicates} replicates of {draws:,} draws ({design})")
        return
    result = run_psa(inputs, draws, seed=seed, design=design)
    frame = running_means(result, **question.asked)
    every = max(1, len(frame) // 10)
    exhibit = exhibits.convergence(frame, inputs, price_arrangement=question.arrangement, threshold=question.threshold)
    deliver_exhibit(exhibit, delivery, frame, shown=exhibit.rounded.iloc[::-every][::-1], psa=result)


@command("global")
def global_(
    case: Case,
    question: Question,
    delivery: Table,
    method: Annotated[str, typer.Option(help="sobol, morris, fast, rbd_fast; from an ordinary analysis: delta, pawn.")] = "sobol",
    size: Annotated[
        int,
        typer.Option(
            parser=whole_number, metavar="INTEGER", help="Size of the design (for sobol a power of 2), or number of draws."
        ),
    ] = 1024,
    outcome: Annotated[str, typer.Option(help="The outcome whose spread is explained.")] = "incremental_net_monetary_benefit",
    second_order: Annotated[bool, typer.Option("--second-order", help="With sobol: interactions of pairs too.")] = False,
    seed: Seed = DEFAULT_SEED,
    top: Top = 12,
) -> None:
    """Global sensitivity analysis through SALib."""
    from hemodel.analyses.global_sensitivity import GIVEN_DATA_METHODS, run_given_data, run_global
    from hemodel.analyses.psa import run_psa
    from hemodel.report import exhibits

    delivery.refuse_target()
    inputs = case.inputs()
    about: dict[str, Any] = {"outcome": outcome, **question.asked}
    if method in GIVEN_DATA_METHODS:
        result = run_given_data(run_psa(inputs, size, seed=seed), method, **about)
    else:
        result = run_global(inputs, method, size=size, second_order=second_order, seed=seed, **about)
    more: dict[str, Any] = {"evaluations": result.evaluations}
    if result.second_order is not None:
        more["second_order"] = records(result.second_order.rename_axis("name").reset_index())
    exhibit = exhibits.global_sensitivity(result, inputs)
    deliver_exhibit(exhibit, delivery, result.table, shown=exhibit.rounded.head(top), **more)
    for name in result.groups:
        say(f"One group, as its members are correlated or shares of one whole: {name}", delivery.quiet)
