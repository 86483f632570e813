"""The whole workbook as data: all sheets of one run, every formula with the value that the engine says it must have."""

from __future__ import annotations

from collections.abc import Sequence

from xlsxwriter.utility import xl_cell_to_rowcol

from hemodel.analyses.psa import PSA
from hemodel.errors import Fault, InputError
from hemodel.evidence.confidential import announced
from hemodel.evidence.inputs import Inputs
from hemodel.evidence.settings import Settings
from hemodel.evidence.uploaded import choices
from hemodel.report import labels, tables
from hemodel.report.live import checks, cycles, given, results, trace
from hemodel.report.live.cells import Chart, Grid, Line, Program, Sheet
from hemodel.report.live.derived import derived_sheet
from hemodel.report.live.draws import draws_sheets
from hemodel.report.live.engine import Engine, run_engine
from hemodel.report.live.rows import rows_sheet
from hemodel.report.manifest import manifest, manifest_lines


def live_program(
    inputs: Inputs, *, exported: Inputs | None = None, price_arrangement: str | None = None, psa: PSA | None = None
) -> Program:
    """All sheets of the live workbook.

    `exported`: the inputs at export, where those of now differ from them (what the workbook must show after somebody has changed
    it); `price_arrangement`: that of the switch, by default the last. Raises `InputError` for what has no formula.
    """
    exported = exported or inputs
    _refuse_twice(inputs)
    engine = run_engine(inputs)
    before = engine if exported is inputs else run_engine(exported)
    last = inputs.settings.price_arrangements[-1]
    shown = price_arrangement or last
    inputs_sheet = given.inputs_sheet(inputs, exported, shown, last)
    life_table = given.life_table_sheet(inputs)
    grid = Grid(cycles.TOP, engine.n_cycles + 1)
    ranges = given.life_table_ranges(life_table, len(inputs.life_table.male))
    time = cycles.time_columns(engine, ranges)
    grid.reserve(cycles.TIME, time)
    derived = derived_sheet(engine, lambda name: given.years(inputs_sheet, name))
    strategies = range(len(inputs.settings.strategies))
    lives = [trace.trace_of(engine, i, derived) for i in strategies]
    for i in strategies:
        grid.reserve(cycles.trace_name(i), lives[i].columns)
    time_sheet = cycles.write_time(engine, grid, time)
    traces = [trace.write_trace(engine, i, grid, lives[i], derived) for i in strategies]
    places = [where for _, where in traces]
    totals = results.totals_sheet(engine, lives, places)
    ordered = results.incremental_sheet(engine, totals, shown)
    result, icers = results.results_sheet(engine, totals, ordered, shown)
    _trace_chart(engine, result, grid, [sheet for sheet, _ in traces])
    notes = held(inputs)
    check, failures = checks.checks_sheet(
        engine, inputs_sheet, grid, [(own.columns, at) for own, at in zip(lives, places, strict=True)], totals, derived
    )
    compared, verdict = checks.engine_sheet(engine, before, totals, inputs_sheet)
    sheets = [
        result,
        results.disaggregated_sheet(engine, totals, shown),
        inputs_sheet,
        given.settings_sheet(inputs, notes),
        rows_sheet(engine.plan),
        derived.sheet,
        life_table,
        time_sheet,
        *(sheet for sheet, _ in traces),
        totals.sheet,
        ordered.sheet,
        *(draws_sheets(psa) if psa is not None else ()),
        check,
        compared,
        notes_sheet(inputs),
    ]
    cover = cover_sheet(engine, sheets, (icers, failures, verdict))
    return Program((cover, *sheets), inputs.settings)


def _refuse_twice(inputs: Inputs) -> None:
    """Refuse names of scheme terms that are also names of parameters: both would be names of cells."""
    twice = [choice.name for choice in choices(inputs) if choice.name in inputs.parameters]
    if twice:
        problem = "is the name of a parameter and of the term of a scheme"
        raise InputError.together([Fault(name, problem, "Give the scheme another name") for name in twice])


def held(inputs: Inputs) -> list[str]:
    """What stands in the workbook as values because it has no formula."""
    settings = inputs.settings
    curves = [
        f"The curve {name} was fitted to individual data ({terms.family}): its hazards are held as values and do not follow the inputs."
        for name, terms in settings.fitted_curves.items()
    ]
    counted = [
        f"{drug.label} is given on days of its own: how often, of those there at the start and the end of each cycle, is held as numbers."
        for name, drug in settings.drugs.items()
        if any(name in strategy.schedules for strategy in settings.strategies)
    ]
    return [*curves, *counted]


def _trace_chart(engine: Engine, sheet: Sheet, grid: Grid, traces: Sequence[Sheet]) -> None:
    """Where everybody is through time, one chart a strategy."""
    settings = engine.inputs.settings
    sheet.row += 1
    for i, (of_strategy, own) in enumerate(zip(traces, settings.strategies, strict=True)):
        lines = []
        for key, colour in (("free", "#00436C"), ("progressed", "#E69F00"), ("dead", "#8A9BA8"), ("treated", "#009E73")):
            at = grid.places[of_strategy.name, key]
            years = grid.places[of_strategy.name, "years"]
            last = grid.top + engine.n_cycles
            lines.append(
                Line(
                    (grid.top - 1, at),
                    (grid.top, years, last, years),
                    (grid.top, at, last, at),
                    of_strategy.name,
                    colour,
                    "dash" if key == "treated" else "solid",
                )
            )
        words = f"Shares of the cohort by state through time, {labels.in_sentence(own.label)}"
        chart = Chart(
            sheet.row + 22 * (i // 2),
            (0, 4)[i % 2],
            f"Where the cohort is: {of_strategy.name}",
            "Years",
            "Share",
            ("0", "0%"),
            tuple(lines),
            words,
            (float(round(settings.horizon_years)), 1.0),
        )
        sheet.charts.append(chart)


def cover_sheet(engine: Engine, sheets: Sequence[Sheet], places: tuple[Sequence[str], str, str]) -> Sheet:
    """What the workbook is, the answer, whether it can be trusted, and how to use it."""
    icers, failures, verdict = places
    inputs = engine.inputs
    settings = inputs.settings
    sheet = Sheet("Cover", (40, *[30] * max(4, len(settings.price_arrangements))))
    sheet.title("Live model", settings.question)
    population = settings.populations[inputs.population]
    for what, words in (
        ("Problem", settings.problem),
        ("Population", f"{population.label}. {population.why}"),
        ("Scenario", f"{inputs.scenario.label}. {inputs.scenario.why}"),
        ("Comparator", labels.strategy_label(settings, settings.comparator)),
        ("Price year", settings.price_year),
    ):
        _entry(sheet, what, words)
    if confidential := announced(inputs):
        _entry(sheet, "Confidential", confidential, "warning")
    sheet.row += 1
    sheet.line(f"The answer now ({settings.sign}/QALY, against the comparator)", "heading")
    sheet.header(("", *(labels.arrangement_short(settings, a) for a in settings.price_arrangements)))
    values, k = [_value_at(sheets, place) for place in icers], 0
    for name in tables.interventions(settings):
        sheet.put(sheet.row, 0, labels.strategy_label(settings, name), "text")
        for column in range(len(settings.price_arrangements)):
            sheet.calc(sheet.row, 1 + column, icers[k], values[k], "money")
            k += 1
        sheet.row += 1
    sheet.row += 1
    sheet.put(sheet.row, 0, "Checks that fail", "label")
    sheet.calc(sheet.row, 1, failures, _value_at(sheets, failures), "count left")
    sheet.put(sheet.row + 1, 0, "Against the Python engine", "label")
    sheet.calc(sheet.row + 1, 1, verdict, _value_at(sheets, verdict), "wide")
    sheet.row += 3
    sheet.line("How to use it", "heading")
    for line in USE:
        sheet.line(line, "wide")
    sheet.row += 1
    sheet.line("Sheets", "heading")
    names = {cycles.trace_name(i): f"Every cycle of: {own.label}" for i, own in enumerate(settings.strategies)}
    for other in sheets:
        _entry(sheet, other.name, names.get(other.name, _SHEETS.get(other.name, "")))
    _entry(sheet, "Sheets after Notes", "The engine's other results as values, where they were asked for, and the sources")
    return sheet


USE = (
    "Change blue cells on the sheet Inputs; everything else follows by formula. The sheet shows what was changed or is out of range.",
    "Choices of the model's structure are fixed in this file (sheet Settings): for others, export another scenario.",
    "An edited workbook can be read back into hemodel: only its sheet Inputs is taken, checked and run by the engine.",
    "There are no macros, passwords, hidden sheets or links. Every formula was compared with the engine when it was written.",
    "Probabilistic draws, one-way analyses and scenarios are the engine's: they do not follow the inputs of this file.",
)
_SHEETS = {
    "Results": "NICE's tables, ICER under each price arrangement, where the cohort is",
    "Disaggregated": "Costs by category and state, QALYs and life years by state",
    "Inputs": "Every parameter and choice that may be changed, with source and status",
    "Settings": "What is fixed in this file",
    "Rows": "What costs money or moves QALYs: for whom, when, how much; the formulas are made from these rows",
    "Derived": "What follows from the inputs for each strategy",
    "Life_table": "General-population mortality and utility",
    "Time": "Discounting, mortality, ageing, and what a scheme charges, by cycle",
    "Totals": "Every component of each strategy, undiscounted and discounted",
    "Incremental": "Order by cost, dominance and extended dominance",
    "PSA": "Probabilistic analysis: means and acceptability by formula over the draws",
    "PSA_draws": "The draws",
    "Checks": "What must hold whatever the inputs",
    "Engine": "The Python engine's results beside this workbook's",
    "Notes": "Conventions of the model",
}


def _value_at(sheets: Sequence[Sheet], place: str) -> float | str | None:
    """The value of the cell at an absolute address."""
    name, _, at = place.partition("!")
    row, column = xl_cell_to_rowcol(at)
    return next(c.value for s in sheets if s.name == name for c in s.cells if (c.row, c.column) == (row, column))


def _entry(sheet: Sheet, what: str, words: str, style: str = "wide") -> None:
    sheet.put(sheet.row, 0, what, "label")
    sheet.line(words, style, first=1)


def notes_sheet(inputs: Inputs) -> Sheet:
    """The conventions that a reviewer needs to follow the formulas."""
    sheet = Sheet("Notes", (150,))
    sheet.title("Notes: conventions of the model", "The full description is docs/methods.md of hemodel.")
    for line in _conventions(inputs.settings):
        sheet.line(line, "wide")
    sheet.row += 1
    sheet.line("Where this file comes from", "heading")
    for what, value in manifest_lines(_record(inputs)):
        sheet.line(f"{what}: {value}", "wide")
    return sheet


def _record(inputs: Inputs) -> dict[str, object]:
    record = manifest(inputs)
    record["versions"] = {"hemodel": record["hemodel"]}  # the same file from every machine
    return record


def _conventions(settings: Settings) -> list[str]:
    """The conventions in words; the first with the run's own calendar."""
    days, year = f"{settings.cycle_days:g}", f"{settings.days_in_year:g}"
    whole = " of whole years: all of the first counts in full" if settings.discounting == "by_year" else ""
    return [
        f"A cycle is {days} days of a year of {year} days; cycle c runs from c to c + 1 times that length. The horizon is rounded to whole "
        "cycles.",
        f"Discount factor (1 + r)^-(years){whole}, with separate rates for costs and for health.",
        f"Time in a state is discounted from the {settings.time_discounted_at} of its cycle; cycles on treatment, packs and givings from "
        f"the {settings.purchases_discounted_at}; deaths and entries to a state from the {settings.events_discounted_at}.",
        *_NOTES,
    ]


_NOTES = (
    "Everyone starts progression-free and on treatment. PFS is a curve (progression-free and alive), progression-free a state.",
    "Hazards: H is a cumulative hazard, -ln of survival; its increment over a cycle is the hazard in the cycle. The share of PFS "
    "events that are progressions splits it; death before progression is the rest, but at least the general population's hazard.",
    "Of those progression-free, 1 - exp(-(hazard of progression + hazard of death)) leave in a cycle, in proportion to the two hazards.",
    "Whoever progresses within a cycle is at risk of death after progression from the next cycle on.",
    "No hazard of death is below the general population's.",
    "Costs and QALYs are the rows of the sheet Rows: an amount times a measure. The amounts stand on the sheet Derived, one cell a row and "
    "strategy; the columns of a Trace multiply them by how much of the measure falls in a cycle.",
    "Time in a state: mean of start and end of the cycle (or as the choice on the sheet Inputs says), utilities valued at mid-cycle.",
    "Cycles on treatment and packs are counted at the start of a cycle, by those on treatment then: no half-cycle correction. Treatment "
    "cycles in a measure are counted from one, cycles on the sheets from 0.",
    "A drug with days of its own is given to those on treatment on the day: on a line between the start and the end of the cycle in which "
    "it falls, so that a day a quarter into it counts three quarters of the start and one of the end.",
    "What falls at the start stands in cycle 0; what falls at the start mid-cycle is discounted from the middle of cycle 0.",
    "A scheme touches the price of its drug and nothing else. Under a cap of K cycles, cycles 0 to K - 1 are charged, cycle K is free.",
    "Where packs are counted as dispensed, a pack is charged with the (binomial) chance that fewer than the cap were dispensed before.",
    "Life years in NICE's tables are undiscounted, costs and QALYs discounted.",
    "Values that a formula cannot give are in grey and marked as held (sheet Settings).",
)
