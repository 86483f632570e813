"""The sheets of what is given: Inputs (what may be changed), Settings (what is fixed in the file), Life_table."""

from __future__ import annotations

import numpy as np

from hemodel.evidence.inputs import Inputs
from hemodel.evidence.inputs_sheet import SHEET
from hemodel.evidence.parameters import TIME_UNITS, Parameter
from hemodel.evidence.settings import THRESHOLD_PRESETS, Settings
from hemodel.evidence.uploaded import HASH_LABEL, PRICE_ARRANGEMENT, Choice, choices, threshold_names
from hemodel.report import labels, tables
from hemodel.report.live.cells import Sheet
from hemodel.survival.background import CERTAIN, annual_hazards

HEADINGS = (
    "Parameter",
    "Name",
    "Unit",
    "Value",
    "Exported value",
    "Exported unit",
    "Changed",
    "Years per unit",
    "In range",
    "Source",
    "Status",
    "Used in this run",
    "Confidential",
    "95% low",
    "95% high",
    "Distribution",
    "Note",
)
_UNIT, _VALUE, _EXPORTED, _EXPORTED_UNIT, _CHANGED, _YEARS, _RANGE = range(2, 9)
_SOURCE, _CONFIDENTIAL, _INTERVAL, _NOTE = 9, 12, 13, 16
OUT_OF_RANGE = "out of range"
CHANGED = "changed"
_TIME_UNITS = TIME_UNITS
_DISCOUNTING = {"exact": "exact", "by_year": "by whole years: all of the first year counts in full"}


def inputs_sheet(inputs: Inputs, exported: Inputs, shown: str, exported_shown: str) -> Sheet:
    """Every parameter and every choice that the formulas read, each a named cell, beside what it was when the file was made."""
    sheet = Sheet(SHEET, (46, 40, 13, 11, 11, 11, 9, 9, 10, 9, 12, 9, 11, 10, 10, 13, 60))
    sheet.title(
        "Inputs: what may be changed",
        "Blue cells on yellow are read by the formulas: change them and everything follows. Black on white is not to be changed.",
    )
    sheet.put(sheet.row, 0, HASH_LABEL, "label")
    sheet.put(sheet.row, 1, exported.hash, "wide")
    sheet.row += 2
    sheet.frozen = (sheet.row + 1, 1)
    sheet.header(HEADINGS, numbers_from=len(HEADINGS))
    arrangements = inputs.settings.price_arrangements
    switch = Choice(PRICE_ARRANGEMENT, "Price arrangement that the results show", "switch", shown, allowed=tuple(arrangements))
    sheet.printed = (None, _CONFIDENTIAL)
    sheet.line("Choices", "heading")
    for choice, before in zip((switch, *choices(inputs)), (exported_shown, *(c.value for c in choices(exported))), strict=True):
        _choice_row(sheet, choice, before)
    found = tables.parameter_table(exported).set_index("Name").to_dict("index")
    group = ""
    for name, parameter in inputs.parameters.items():
        if parameter.group != group:
            group = parameter.group
            sheet.line(labels.words(group), "heading")
        _parameter_row(sheet, parameter, exported.parameters[name], found[name], inputs.settings)
    sheet.flags += [(_first(sheet) - 1, column, sheet.row, column) for column in (_CHANGED, _RANGE)]
    return sheet


def _choice_row(sheet: Sheet, choice: Choice, exported: float | str) -> None:
    row = sheet.row
    kind = "text" if choice.allowed else _kind(choice.unit, float(choice.value))
    sheet.put(row, 0, choice.label, "text")
    sheet.put(row, 1, choice.name, "text aside")
    sheet.put(row, _UNIT, choice.unit, "text aside")
    sheet.put(row, _VALUE, choice.value, f"input {kind}")
    sheet.put(row, _EXPORTED, exported, "words" if choice.allowed else kind)
    sheet.put(row, _EXPORTED_UNIT, choice.unit, "text aside")
    sheet.names[choice.name] = (row, _VALUE)
    value, before = (f"{column}{row + 1}" for column in "DE")
    sheet.calc(row, _CHANGED, f'IF({value}={before},"","{CHANGED}")', "" if choice.value == exported else CHANGED, "words")
    if choice.confidentiality:
        sheet.put(row, _CONFIDENTIAL, choice.confidentiality, "text aside")
    if choice.allowed:
        sheet.choices.append((row, _VALUE, choice.allowed))
        valid = ",".join(f'{value}&""="{word}"' for word in choice.allowed)
        sheet.calc(row, _RANGE, f'IF(OR({valid}),"","{OUT_OF_RANGE}")', "", "words")
        sheet.put(row, _NOTE, f"One of: {', '.join(choice.allowed)}", "overflow")
    else:
        _range(sheet, row, choice.low, choice.high)
    sheet.row += 1


def _parameter_row(sheet: Sheet, parameter: Parameter, before: Parameter, told: dict[object, object], settings: Settings) -> None:
    row, name = sheet.row, parameter.name
    kind, is_time = _kind(parameter.unit, parameter.value), name.startswith(("median_", "d_"))
    sheet.put(row, 0, before.label, "text")
    sheet.put(row, 1, name, "text aside")
    sheet.put(row, _UNIT, parameter.unit, "input text" if is_time else "text aside")
    sheet.put(row, _VALUE, parameter.value, f"input {kind}")
    sheet.put(row, _EXPORTED, before.value, kind)
    sheet.put(row, _EXPORTED_UNIT, before.unit, "text aside")
    sheet.names[name] = (row, _VALUE)
    same = f"AND(D{row + 1}=E{row + 1},C{row + 1}=F{row + 1})"
    is_changed = (parameter.value, parameter.unit) != (before.value, before.unit)
    sheet.calc(row, _CHANGED, f'IF({same},"","{CHANGED}")', CHANGED if is_changed else "", "words")
    if is_time:
        sheet.calc(row, _YEARS, _years_per_unit(f"C{row + 1}", settings), settings.years_per(parameter.unit), "six")
        sheet.choices.append((row, _UNIT, tuple(unit for unit in _TIME_UNITS if unit in parameter.quantity.units)))
    _range(sheet, row, parameter.quantity.low, parameter.quantity.high)
    for column, heading in enumerate(("Source", "Status", "Used in this run"), start=_SOURCE):
        text = str(told[heading])
        sheet.put(row, column, text, text if heading == "Status" and text in ("unverified", "assumed") else "text aside")
    sheet.put(row, _CONFIDENTIAL, "" if before.confidentiality == "none" else before.confidentiality, "text aside")
    sheet.put(row, _INTERVAL, _number(told["95% low"]), kind)
    sheet.put(row, _INTERVAL + 1, _number(told["95% high"]), kind)
    sheet.put(row, _INTERVAL + 2, str(told["Distribution"]), "text aside")
    sheet.put(row, _NOTE, str(told["Note"]), "overflow")
    sheet.row += 1


def _years_per_unit(unit: str, settings: Settings) -> str:
    """Years in the unit that stands in a cell."""
    year, cycle = f"{settings.days_in_year:.12g}", f"{settings.cycle_days:.12g}"
    rest = f'IF({unit}="months",1/12,IF({unit}="years",1,{cycle}/{year}))'
    return f'IF({unit}="days",1/{year},IF({unit}="weeks",7/{year},{rest}))'


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, (int, float)) and not np.isnan(value) else None


def _range(sheet: Sheet, row: int, low: float, high: float) -> None:
    """Whether the value may be what it is, and what Excel lets in."""
    cell, tests = f"D{row + 1}", []
    if np.isfinite(low):
        tests.append(f"D{row + 1}>={low:g}")
    if np.isfinite(high):
        tests.append(f"D{row + 1}<={high:g}")
    sheet.calc(row, _RANGE, f'IF(AND(ISNUMBER({cell}),{",".join(tests) or "TRUE"}),"","{OUT_OF_RANGE}")', "", "words")
    sheet.bounds.append((row, _VALUE, low, high))


def _kind(unit: str, value: float) -> str:
    """How a number is shown, by its unit and size."""
    if unit in ("probability", "utility", "ratio", "a year", "per year", "estimation scale"):
        return "plain, thousandths" if abs(value) < 1 else "plain, ones"
    size = abs(value)
    return (
        "count"
        if size == int(size)
        else "plain, hundreds"
        if size >= 100
        else "plain, ones"
        if size >= 1
        else "plain, thousandths"
    )


def changed_cells(sheet: Sheet) -> str:
    """Range with the markers of what was changed."""
    return f"{SHEET}!$G${_first(sheet)}:$G${sheet.row}"


def range_cells(sheet: Sheet) -> str:
    """Range with the markers of what is out of range."""
    return f"{SHEET}!$I${_first(sheet)}:$I${sheet.row}"


def _first(sheet: Sheet) -> int:
    """Number of the first row below the header, as people count."""
    assert sheet.frozen is not None
    return sheet.frozen[0] + 1


def years(sheet: Sheet, name: str) -> str:
    """A time parameter in years, as formulas write it."""
    return f"{name}*{SHEET}!$H${sheet.names[name][0] + 1}"


def settings_sheet(inputs: Inputs, notes: list[str]) -> Sheet:
    """What is fixed in this file: structure, horizon, families of curves; and the constants that formulas read."""
    settings = inputs.settings
    sheet = Sheet("Settings", (46, 62, 14, 14))
    sheet.title(
        "Settings: what is fixed in this file",
        "To change these, export the workbook again with another scenario. What can be changed here is on the sheet Inputs.",
    )
    population = settings.populations[inputs.population]
    additions = ", ".join(labels.setting_value_label(name) for name in settings.also_counted) or "nothing"
    strategies = "; ".join(strategy.label for strategy in settings.strategies)
    value = labels.setting_value_label
    clock = settings.post_progression_clock_cycles
    for what, words in (
        ("Problem", f"{settings.problem}: {settings.question}"),
        ("Population", f"{population.label}. {population.why}"),
        ("Scenario", f"{inputs.scenario.label}. {inputs.scenario.why}"),
        ("Strategies", strategies),
        ("Comparator", labels.strategy_label(settings, settings.comparator)),
        ("Structure", value(settings.structure)),
        ("Horizon", f"{settings.horizon_years:g} years ({settings.n_cycles} cycles of {settings.cycle_days:g} days)"),
        ("Progression-free survival", f"{value(settings.pfs_curve)}"),
        ("Overall survival", f"{value(settings.os_curve)}, {value(settings.comparator_survival)} (comparator)"),
        ("Shape of progression from", value(settings.progression_shape)),
        ("Clock after progression", "none" if clock is None else f"{clock} cycles"),
        ("Treatment", value(settings.treatment_until)),
        ("Dose", value(settings.dose)),
        ("Discounting", _DISCOUNTING[settings.discounting]),
        *((words, f"from the {place} of the cycle") for words, place in labels.discounted_elsewhere(settings)),
        ("Also counted", additions),
        ("Life table", settings.life_table),
        ("Price year", settings.price_year),
    ):
        sheet.put(sheet.row, 0, what, "label")
        sheet.put(sheet.row, 1, words, "wide")
        sheet.row += 1
    sheet.row += 1
    sheet.line("Constants that formulas read", "heading")
    days, in_year = settings.cycle_days, settings.days_in_year
    _named(
        sheet,
        f"Length of a cycle in years: {days:g} days of a year of {in_year:g}",
        "cycle_years",
        f"{days:.12g}/{in_year:.12g}",
        inputs.settings.cycle_years,
        "six",
    )
    start = {"life_table": 0.5, "start": 1.0, "end": 0.0}[settings.time_in_state]
    rule = 'IF(time_in_state="start",1,IF(time_in_state="end",0,0.5))'
    _named(sheet, "Weight of the start of a cycle in the time in a state", "weight_of_start", rule, start, "tenths")
    if isinstance(settings.thresholds, str):
        for place, (name, words) in enumerate(threshold_names(settings).items()):
            new, old = (THRESHOLD_PRESETS[preset][place] for preset in ("2026", "2009"))
            rule, label = f'IF(thresholds&""="2009",{old:g},{new:g})', labels.in_money(words, settings, "QALY")
            _named(sheet, labels.words(label), name, rule, settings.threshold_values[place], "money")
    if notes:
        sheet.row += 1
        sheet.line("Held as values", "heading")
        for note in notes:
            sheet.line(note, "wide")
    return sheet


def _named(sheet: Sheet, label: str, name: str, formula: str, value: float, style: str) -> None:
    sheet.put(sheet.row, 0, label, "text")
    sheet.put(sheet.row, 1, name, "text aside")
    sheet.calc(sheet.row, 2, formula, value, style)
    sheet.names[name] = (sheet.row, 2)
    sheet.row += 1


def life_table_sheet(inputs: Inputs) -> Sheet:
    """Annual probabilities of death, the hazards that follow, and the population norm of utility."""
    sheet, table, norm = Sheet("Life_table", (34, 16, 16, 16, 16, 18, 18)), inputs.life_table, inputs.utility_norm
    sheet.title(
        "General population: mortality and utility",
        f"{table.name}. The hazard is constant within a year of age, -ln(1 - q); beyond the last age it goes on. Nobody outlives q = 1.",
    )
    sheet.put(sheet.row, 0, f"Utility norm: {norm.name}", "label")
    sheet.row += 1
    for label, name, value in (
        ("Intercept", "norm_intercept", norm.intercept),
        ("Men", "norm_male", norm.male),
        ("Age", "norm_age", norm.age),
        ("Age squared", "norm_age_squared", norm.age_squared),
    ):
        sheet.put(sheet.row, 0, label, "text")
        sheet.put(sheet.row, 1, value, "held eight")
        sheet.names[name] = (sheet.row, 1)
        sheet.row += 1
    share, age = inputs.parameters["p_male"].value, inputs.parameters["age_start"].value
    at_start = float(norm.at(np.array([age]), share)[0])
    formula = "norm_intercept+norm_male*p_male+norm_age*age_start+norm_age_squared*age_start^2"
    sheet.put(sheet.row, 0, "Norm at the start", "text")
    sheet.calc(sheet.row, 1, formula, at_start, "six")
    sheet.names["norm_at_start"] = (sheet.row, 1)
    sheet.row += 2
    sheet.frozen = (sheet.row + 1, 1)
    heads = ("Age", "q, men", "q, women", "Hazard, men", "Hazard, women", "Cumulative, men", "Cumulative, women")
    sheet.header(heads, numbers_from=0)
    first = sheet.row
    hazard = [annual_hazards(q) for q in (table.male, table.female)]
    from_birth = [np.concatenate([[0.0], np.cumsum(h)]) for h in hazard]
    for age_row in range(len(table.male)):
        row = first + age_row
        sheet.put(row, 0, float(age_row), "count")
        for sex, q in enumerate((table.male, table.female)):
            sheet.put(row, 1 + sex, float(q[age_row]), "held six")
            letter = "BC"[sex]
            q_cell = f"{letter}{row + 1}"
            formula = f"IF({q_cell}<1,-LN(1-{q_cell}),{CERTAIN:.0E})"
            sheet.calc(row, 3 + sex, formula, float(hazard[sex][age_row]), "six")
            column = "FG"[sex]
            if age_row:
                sheet.calc(row, 5 + sex, f"{column}{row}+{'DE'[sex]}{row}", float(from_birth[sex][age_row]), "six")
            else:
                sheet.put(row, 5 + sex, 0.0, "six")
    sheet.row = first + len(table.male)
    return sheet


def life_table_ranges(sheet: Sheet, ages: int) -> dict[str, str]:
    """Absolute ranges of the hazards and the cumulative hazards of men and women."""
    first, last = sheet.row - ages + 1, sheet.row
    names = {"hazard_male": "D", "hazard_female": "E", "cumulative_male": "F", "cumulative_female": "G"}
    return {name: f"{sheet.name}!${letter}${first}:${letter}${last}" for name, letter in names.items()}
