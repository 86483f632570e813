"""The sheets of the base case, the scenarios, the inputs and their sources, the trace and the manifest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from hemodel.analyses.base_case import BaseCase
from hemodel.analyses.psa import PSA
from hemodel.analyses.scenarios import Scenarios
from hemodel.evidence.confidential import announced
from hemodel.evidence.inputs import Inputs
from hemodel.report import labels, tables
from hemodel.report.manifest import manifest_lines
from hemodel.report.workbook.pages import WIDTH, Book, Page


def summary_sheet(page: Page, base: BaseCase, psa: PSA | None, record: Mapping[str, Any], sheets: Sequence[str]) -> None:
    """What was asked and run, the answer under every price, and how far the inputs can be trusted."""
    settings = base.inputs.settings
    page.title("Cost-effectiveness results", settings.question)
    _identity(page, base)
    page.row += 1
    for arrangement in base.outcomes.price_arrangements:
        name = labels.arrangement_label(settings, arrangement)
        page.table(tables.base_case_table(base, arrangement), f"Base-case results. {name}", tables.BASE_CASE_FOOTER)
        benefit = tables.net_health_benefit_table(base, arrangement)
        page.table(benefit, f"Net health benefit. {name}", tables.NET_HEALTH_BENEFIT_FOOTER)
    page.new_printed_page()
    if len(base.outcomes.price_arrangements) > 1:
        page.table(tables.pas_impact_table(base), "Impact of the scheme on the ICER", tables.PAS_IMPACT_FOOTER)
    if psa is None:
        page.line("Probability cost-effective", "heading")
        page.line("No probabilistic analysis was run for this workbook.")
        page.row += 1
    else:
        footer = f"{psa.n_draws:,} draws, seed {psa.seed}. More on the sheet PSA."
        page.table(tables.probability_table(psa), "Probability cost-effective", footer)
    counts = tables.status_counts(base.inputs)
    counts["Status"] += ": " + counts["Meaning"]
    page.table(counts.drop(columns="Meaning"), "How far the inputs can be trusted", f"Price year: {settings.price_year}.")
    page.line(tables.ROUNDING_NOTE)
    page.line(f"Sheets: {', '.join(sheets)}. Made by hemodel {record['hemodel']}, run {record['hash']}.")


def _identity(page: Page, base: BaseCase) -> None:
    """What was run: population, scenario, what was changed by hand, and the answer in words."""
    inputs, settings = base.inputs, base.inputs.settings
    population = settings.populations[inputs.population]
    page.entry("Population", f"{population.label}. {population.why}")
    page.entry("Scenario", f"{inputs.scenario.label}. {inputs.scenario.why}")
    if inputs.changed:
        page.entry("Changed by hand", f"{', '.join(dict.fromkeys(inputs.changed))}: not as in the files", "warning")
    if confidential := announced(inputs):
        page.entry("Confidential", confidential, "warning")
    page.entry("Comparator", labels.strategy_label(settings, settings.comparator))
    page.entry(
        "Model",
        f"{labels.setting_value_label(settings.structure)}, {settings.horizon_years:g} years in cycles of {labels.cycle(settings)}; "
        f"discounting {100 * settings.discount_rate_costs:g}% (costs) and {100 * settings.discount_rate_effects:g}% (QALYs)",
    )
    page.entry("Price year", settings.price_year)
    for _, row in base.table.iterrows():
        if row["strategy"] != settings.comparator:
            words = labels.with_sign(str(row["reading"]), settings)
            name = labels.arrangement_label(settings, str(row["price_arrangement"]))
            page.entry(f"ICER, {labels.strategy_label(settings, str(row['strategy']))}", f"{words}. {name}")


def results_sheet(book: Book, base: BaseCase, arrangement: str) -> None:
    """Everything about one price arrangement: NICE's tables and the costs by category and state."""
    settings = base.inputs.settings
    name, short = labels.arrangement_label(settings, arrangement), labels.arrangement_short(settings, arrangement)
    page = book.page(f"Results {'list price' if arrangement == 'list' else short}", (44, *[WIDTH] * 8))
    page.title(f"Results. {name}", "NICE company submission, section 3.10")
    page.frozen()
    page.table(tables.base_case_table(base, arrangement), "Base-case results", tables.BASE_CASE_FOOTER)
    benefit = tables.net_health_benefit_table(base, arrangement)
    page.table(benefit, "Net health benefit", tables.NET_HEALTH_BENEFIT_FOOTER)
    for strategy in tables.interventions(settings):
        for discounted, how in ((True, "discounted"), (False, "undiscounted")):
            if not (discounted and strategy == tables.interventions(settings)[0]):
                page.new_printed_page()
            choice: Any = {"strategy": strategy, "discounted": discounted}
            costs = tables.costs_by_component_table(base, arrangement, **choice)
            page.table(costs, f"Costs by category, {how}", _pair(base, strategy))
            costs = tables.costs_by_state_table(base, arrangement, **choice)
            page.table(costs, f"Costs by health state, {how}", _pair(base, strategy))
    page.line(tables.ROUNDING_NOTE)


def health_sheet(book: Book, base: BaseCase) -> None:
    """QALYs and life years by state of health, discounted and not."""
    page = book.page("QALYs and life years", (44, *[WIDTH] * 5))
    page.title("QALYs and life years by health state", "The same under every price arrangement")
    page.frozen()
    for number, strategy in enumerate(tables.interventions(base.inputs.settings)):
        if number:
            page.new_printed_page()
        for discounted, how in ((True, "discounted"), (False, "undiscounted")):
            choice: Any = {"strategy": strategy, "discounted": discounted}
            qalys, years = tables.qalys_by_state_table(base, **choice), tables.life_years_by_state_table(base, **choice)
            page.table(qalys, f"QALYs by health state, {how}", _pair(base, strategy))
            page.table(years, f"Life years by health state, {how}", _pair(base, strategy))
    page.line(tables.ROUNDING_NOTE)


def _pair(base: BaseCase, strategy: str) -> str:
    """Who X and Y are in a disaggregated table."""
    settings = base.inputs.settings
    x, y = (labels.strategy_label(settings, name) for name in (strategy, settings.comparator))
    return f"X: {x}. Y: {y}. {tables.DISAGGREGATED_FOOTER}"


def scenarios_sheet(book: Book, base: BaseCase, scenarios: Scenarios) -> None:
    """Every scenario under every price arrangement, with its reason."""
    settings = base.inputs.settings
    technologies = [30] if len(settings.strategies) > 2 else []
    page = book.page("Scenarios", (46, *technologies, *[WIDTH] * 7, 60))
    page.title("Scenarios", "NICE company submission, section 3.11")
    page.frozen()
    page.table(tables.pas_impact_table(base, scenarios), "Impact of the scheme on the ICER", tables.PAS_IMPACT_FOOTER)
    for arrangement in base.outcomes.price_arrangements:
        name = labels.arrangement_label(settings, arrangement)
        page.new_printed_page()
        page.table(tables.scenario_table(scenarios, arrangement), f"Scenarios. {name}", tables.SCENARIO_FOOTER)
    if scenarios.not_applicable:
        page.line(f"Left out, because their numbers hold for other populations: {', '.join(scenarios.not_applicable)}.")


def inputs_sheet(book: Book, base: BaseCase) -> None:
    """Every parameter, with its source and status."""
    page = book.page("Inputs", (42, 30, 12, 11, 11, 11, 13, 9, 11, 9, 70))
    page.title("Inputs: every parameter of the model", tables.PARAMETER_FOOTER)
    first, last = page.long_table(tables.parameter_table(base.inputs))
    page.sheet.autofilter(first - 1, 0, last, len(page.widths) - 1)


def sources_sheet(book: Book, inputs: Inputs) -> None:
    """The list of sources."""
    page = book.page("Sources", (60, 60))
    page.title("Sources")
    page.frozen(columns=0)
    if not inputs.folder.sources:
        page.line("The list of sources lies with the inputs of this problem, in a file of its own.")
        return
    for text in inputs.folder.sources.splitlines():
        if text.startswith("## "):
            page.row += 1
            page.line(text.lstrip("# "), "heading")
        elif text.strip() and not text.startswith("# "):
            page.line(text.strip(), "wide")


def against_source_sheet(book: Book, base: BaseCase) -> None:
    """What was published beside what the model gives."""
    page = book.page("Model against source", (32, 38, 12, 12, 12, 12, 10, 12, 50))
    page.title("Model against source", tables.AGAINST_SOURCE_FOOTER)
    page.long_table(tables.against_source_table(base), columns=2)


def trace_sheet(book: Book, base: BaseCase) -> None:
    """Where the cohort is at the start of every cycle, for each strategy."""
    parts: list[pd.DataFrame] = []
    groups: list[tuple[str, int]] = []
    for name in base.outcomes.strategies:
        part = tables.trace_table(base, name)
        part = part if not parts else part.iloc[:, 2:]
        groups.append((labels.strategy_label(base.inputs.settings, name), len(part.columns) - (0 if parts else 2)))
        parts.append(part)
    frame = pd.concat(parts, axis=1)
    page = book.page("Trace", (8, 9, *[14] * (len(frame.columns) - 2)))
    page.title("Trace: where the cohort is", tables.TRACE_FOOTER)
    column = 2
    for label, width in groups:
        page.sheet.merge_range(page.row, column, page.row, column + width - 1, "", page.formats["header middle"])
        page.cell(page.row, column, label, "header middle")
        column += width
    page.row += 1
    page.long_table(frame, kinds=["count", "qalys", *["occupancy"] * (len(frame.columns) - 2)], columns=2)


def manifest_sheet(book: Book, base: BaseCase, record: dict[str, Any]) -> None:
    """How to make the file again, and the settings of the run."""
    page = book.page("Manifest", (36, 110))
    page.title(
        "Manifest: how to make this file again",
        "The hash of the run is SHA-256 over what decides the numbers: no time, host or path.",
    )
    for what, value in manifest_lines(record):
        page.cell(page.row, 0, what, "label")
        page.cell(page.row, 1, value, "wide")
        page.row += 1
    page.row += 1
    page.table(tables.settings_table(base.inputs), "Settings")
