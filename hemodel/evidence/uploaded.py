"""An edited workbook, read back through its Inputs sheet only: everything is checked, all faults are reported together.

The live workbook (`report.live`) shows on that sheet the parameters and those choices about the model that are numbers or switches in
its formulas; `choices` says which these are, for writing and for reading.
"""

from __future__ import annotations

import contextlib
import io
import math
import re
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from openpyxl import load_workbook

from hemodel.errors import Fault, InputError, nearest, shown
from hemodel.evidence import parameters as rows
from hemodel.evidence.inputs import Inputs
from hemodel.evidence.inputs_sheet import MOST_BYTES, NO_STORED_VALUE, SHEET, no_number, number_in, sheet_rows
from hemodel.evidence.parameters import TIME_UNITS, Parameter
from hemodel.evidence.settings import THRESHOLD_PRESETS, Settings

PRICE_ARRANGEMENT = "price_arrangement"
"""The switch of the price arrangement that the results show: a choice of the workbook, not of the model."""
HASH_LABEL = "Exported from inputs"
VALUE = 3  # column of the values in the sheet, from 0: label, name and unit stand before it
_TERMS = {
    "drug_cost_cap_cycles": ("cycles charged", "cycles"),
    "free_cycles": ("cycles free", "cycles"),
    "price_discount": ("share of the list price taken off", "probability"),
    "response_by_cycle": ("cycle by which response decides on the refund", "cycles"),
    "most_paid": ("the most paid for one person", "money"),
}
_TIER = re.compile(r"tier_([1-9][0-9]*)_price_discount")


@dataclass(frozen=True)
class Choice:
    """One setting that the live workbook can change: a number from `low` to `high`, or one of the words `allowed`."""

    name: str
    label: str
    unit: str
    value: float | str
    low: float = 0.0
    high: float = 1.0
    allowed: tuple[str, ...] = ()
    confidentiality: str = ""  # the mark of the scheme whose term it is


def choices(inputs: Inputs) -> tuple[Choice, ...]:
    """The settings that are numbers or switches in the formulas of the workbook; all others are fixed in the file."""
    s = inputs.settings
    found = [
        Choice("discount_rate_costs", "Discount rate, costs", "a year", s.discount_rate_costs),
        Choice("discount_rate_effects", "Discount rate, life years and QALYs", "a year", s.discount_rate_effects),
        Choice("time_in_state", "Time in a state", "rule", s.time_in_state, allowed=("life_table", "start", "end")),
        Choice(
            "utility_age_adjustment",
            "Utilities by age",
            "rule",
            s.utility_age_adjustment,
            allowed=("none", "general_population"),
        ),
    ]
    if isinstance(s.thresholds, str):
        label = "Thresholds: NICE's from 2026, or of 2009"
        found.insert(2, Choice("thresholds", label, "preset", s.thresholds, allowed=tuple(THRESHOLD_PRESETS)))
    else:
        unit, named = f"{s.currency} per QALY", zip(threshold_names(s).items(), s.threshold_values, strict=True)
        found[2:2] = [Choice(name, f"{words[0].upper()}{words[1:]}", unit, value, 1.0, 1e12) for (name, words), value in named]
    if s.structure == "state_transition":
        allowed = ("by_strategy", "equal")
        mortality = s.post_progression_mortality
        found.append(Choice("post_progression_mortality", "Death after progression", "rule", mortality, allowed=allowed))
    for name in schemes_in_use(s):
        found += _terms(s, name)
    if counts_either_way(inputs):
        found.append(Choice("scheme_counts", "The scheme counts", "rule", s.scheme_counts, allowed=("calendar", "dispensed")))
    for strategy in s.strategies:
        if strategy.treatment_cycles is not None and not any(_is_counted(s, drug) for drug in strategy.drugs):
            name, label = f"treatment_cycles_{strategy.name}", f"Cycles of treatment at most: {strategy.label}"
            found.append(Choice(name, label, "cycles", float(strategy.treatment_cycles), 1, 10_000))
    if s.stop_at_response_cycle is not None and not any(_is_counted(s, drug) for drug in s.drugs):
        cycle = float(s.stop_at_response_cycle)
        found.append(Choice("stop_at_response_cycle", "Cycle at which responders stop", "cycles", cycle, 1, 10_000))
    if s.effect_waning is not None:
        for end, label in (("from_years", "begins"), ("to_years", "has ended")):
            value = getattr(s.effect_waning, end)
            found.append(Choice(f"effect_waning_{end}", f"When the treatment effect's fading {label}", "years", value, 0, 100))
    return tuple(found)


def threshold_names(settings: Settings) -> dict[str, str]:
    """Names of the cells that hold the thresholds, the lowest first, and what each is called."""
    words = {1: ("threshold",), 2: ("lower threshold", "upper threshold")}
    several = ("lowest threshold", "middle threshold", "highest threshold")
    return {f"threshold_{k}": word for k, word in enumerate(words.get(len(settings.threshold_values), several), start=1)}


def schemes_in_use(settings: Settings) -> tuple[str, ...]:
    """Names of the schemes of the price arrangements of the run, each once, in the order of the arrangements."""
    own = [id(scheme) for a in settings.price_arrangements for scheme in settings.schemes_in(a).values()]
    names = {id(scheme): name for name, scheme in settings.schemes.items()}
    return tuple(dict.fromkeys(names[place] for place in own))


def _is_counted(settings: Settings, drug: str) -> bool:
    """Whether givings of a drug are counted one by one, so that the numbers of cycles behind them are fixed in the file."""
    caps = any(terms.drug == drug and terms.most_paid is not None for terms in settings.schemes.values())
    return caps or _has_schedule(settings, drug)


def _has_schedule(settings: Settings, drug: str) -> bool:
    return any(drug in strategy.schedules for strategy in settings.strategies)


def _terms(settings: Settings, name: str) -> list[Choice]:
    """The terms of a scheme that can be changed; of a drug that is given on days of its own, numbers of cycles are fixed in the file."""
    terms, found = settings.schemes[name], []
    mark = "" if terms.confidentiality in (None, "none") else str(terms.confidentiality)
    fixed = _has_schedule(settings, terms.drug)
    for term, (label, unit) in _TERMS.items():
        value = getattr(terms, term)
        if value is not None and not (unit == "cycles" and fixed):
            low, high = {"cycles": (1.0, 10_000.0), "money": (0.01, 1e9)}.get(unit, (0.0, 1.0))
            label = f"Scheme ({name}): {label}"
            shown_unit = settings.currency if unit == "money" else unit
            found.append(Choice(f"{name}_{term}", label, shown_unit, float(value), low, high, confidentiality=mark))
    for place, tier in enumerate(terms.tiers or (), start=1):
        label = f"Scheme ({name}): share of the list price taken off from cycle {tier.from_cycle}"
        choice = Choice(f"{name}_tier_{place}_price_discount", label, "probability", tier.price_discount, confidentiality=mark)
        found.append(choice)
    return found


def counts_either_way(inputs: Inputs) -> bool:
    """Whether treatment cycles can be counted by the calendar or as packs dispensed with no other change."""
    settings = inputs.settings
    used = [settings.schemes[name] for name in schemes_in_use(settings)]
    windows = ("drug_cost_cap", "free_start", "tiered_discount")
    dispensed = {name for name, drug in settings.drugs.items() if drug.dispensed is not None}
    of_days = any(s.kind != "price_discount" and _has_schedule(settings, s.drug) for s in settings.schemes.values())
    is_refund = any(scheme.kind == "response_refund" for scheme in used)
    counted = any(scheme.kind in windows and scheme.drug in dispensed for scheme in used)
    has_later_line = any(row.owner.kind == "later" and row.is_active(settings) for row in inputs.payoffs)
    return counted and not is_refund and not of_days and not has_later_line


def read_uploaded(content: bytes, inputs: Inputs) -> tuple[Inputs, str]:
    """The inputs that an edited live workbook holds, and the price arrangement that its switch shows.

    `inputs`: those that it was exported from. Only the sheet Inputs is read: values, units and choices. What was changed is named in
    `.changed`; intervals and standard errors move with a changed value as in `Inputs.with_values`. Raises one `InputError` with every
    fault: not a workbook, exported from other inputs, rows missing, unknown or twice, and values out of range.
    """
    faults: list[Fault] = []
    known = {choice.name: choice for choice in choices(inputs)}
    cells = _cells(content, inputs, known, faults)
    shown_arrangement = cells.pop(PRICE_ARRANGEMENT, ("", inputs.settings.price_arrangements[-1]))[1]
    if shown_arrangement not in inputs.settings.price_arrangements:
        problem = f"{shown(shown_arrangement)} is not a price arrangement of the run"
        faults.append(Fault(_where(PRICE_ARRANGEMENT), problem, nearest(shown_arrangement, inputs.settings.price_arrangements)))
    moved, values = dict(inputs.parameters), dict[str, float]()
    chosen: dict[str, float | str] = {}
    for name, (unit, given) in cells.items():
        if name in known:
            value = _choice(known[name], given, faults)
            if value is not None and not _same(value, known[name].value):
                chosen[name] = value
        elif (parameter := in_unit(inputs.parameters[name], unit, inputs.settings, faults)) is not None:
            moved[name] = parameter
            number = number_in(given)
            if number is None:
                faults.append(no_number(_where(name), given, "Give a plain number such as 0.67"))
            elif not _same(number, inputs.parameters[name].value) or unit != inputs.parameters[name].unit:
                values[name] = number
    new = replace(inputs, parameters=MappingProxyType(moved))
    new = _tried(faults, lambda: new.with_values(**values) if values else new, new)
    new = _tried(faults, lambda: _with_choices(new, chosen), new)
    if faults:
        raise InputError.together(faults)
    return new, str(shown_arrangement)


def _same(given: float | str, exported: float | str) -> bool:
    """Whether a cell holds what was exported, but for the last digits, which programs that write workbooks do not all keep."""
    if isinstance(given, str) or isinstance(exported, str):
        return given == exported
    return math.isclose(given, exported, rel_tol=1e-12)


def saved_values(content: bytes) -> dict[str, dict[tuple[int, int], object]]:
    """What every cell of a workbook held when it was saved: sheet -> (row, column), from 0 -> value."""
    book = _opened(content)
    with _damage_told():
        return {
            sheet.title: {
                (r, c): value
                for r, row in enumerate(sheet.iter_rows(values_only=True))
                for c, value in enumerate(row)
                if value is not None
            }
            for sheet in book.worksheets
        }


def content_of(workbook: str | Path | bytes) -> bytes:
    """The bytes of a workbook that is given as such or by its path; raises `InputError` where the file cannot be read."""
    if isinstance(workbook, bytes):
        return workbook
    try:
        return Path(workbook).read_bytes()
    except OSError as error:
        raise InputError(str(workbook), f"the file cannot be read ({error.strerror or error})", "Check the path") from error


def _tried(faults: list[Fault], step: Any, otherwise: Inputs) -> Inputs:
    """The result of a step, or `otherwise` and its faults."""
    try:
        found: Inputs = step()
    except InputError as error:
        faults += error.faults
        return otherwise
    return found


def _where(name: str) -> str:
    return f"workbook, sheet {SHEET} ({name})"


def _opened(content: bytes) -> Any:
    """The workbook with the values that were stored of its formulas."""
    if len(content) > MOST_BYTES:
        raise InputError("workbook", f"it has {len(content) / 1e6:.0f} MB", f"Give one of at most {MOST_BYTES / 1e6:.0f} MB")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            size = sum(part.file_size for part in archive.infolist())
    except (zipfile.BadZipFile, ValueError, OSError) as error:
        raise _no_workbook(error) from error
    if size > 20 * MOST_BYTES:
        raise InputError("workbook", "it unpacks to more than a workbook of this model holds", "Export it again")
    with _damage_told(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of openpyxl, about parts that it leaves out
        return load_workbook(io.BytesIO(content), read_only=True, data_only=True)


@contextlib.contextmanager
def _damage_told() -> Iterator[None]:
    """What damage makes the archive, the XML parser and openpyxl raise, told as an input that cannot be used; parts are read when their
    rows are asked for, so damage may show late.
    """
    try:
        yield
    except InputError:
        raise
    except Exception as error:  # a damaged file makes them raise almost anything
        raise _no_workbook(error) from error


def _no_workbook(error: Exception) -> InputError:
    what = " ".join(str(error).replace("\0", " ").split())[:80] or type(error).__name__
    return InputError("workbook", f"this is not an Excel workbook ({what})", "Give the .xlsx file that was exported")


def _cells(content: bytes, inputs: Inputs, known: Mapping[str, Choice], faults: list[Fault]) -> dict[str, tuple[str, object]]:
    """Name -> (unit, value) of the rows of the sheet."""
    found: dict[str, tuple[str, object]] = {}
    origin = ""
    valid = {*known, *inputs.parameters, PRICE_ARRANGEMENT}
    for label, name, unit, value in (row[: VALUE + 1] for row in sheet_rows("workbook", content)):
        if label == HASH_LABEL:
            origin = str(name)
        elif not isinstance(name, str) or not name.strip() or name == "Name":
            continue
        elif name not in valid:
            faults.append(Fault(_where(name), "there is no such parameter or choice", nearest(name, valid)))
        elif name in found:
            faults.append(Fault(_where(name), "it stands there twice", "Keep one row"))
        else:
            found[name] = ("" if unit is None else str(unit), value)
    if origin != inputs.hash:
        problem = f"it was exported from other inputs ({origin[:12] or 'unknown'}) than these ({inputs.hash[:12]})"
        raise InputError("workbook", problem, "Load the problem, population and scenario that the file names on its cover")
    missing = [name for name in valid if name not in found and name != PRICE_ARRANGEMENT]
    faults += [Fault(_where(name), "its row is missing", "Put it back") for name in sorted(missing)]
    return found


def _choice(choice: Choice, given: object, faults: list[Fault]) -> float | str | None:
    """The value that a choice is given, or None and a fault."""
    if choice.allowed:
        text = f"{given:g}" if isinstance(given, (int, float)) and not isinstance(given, bool) else str(given).strip()
        if text in choice.allowed:
            return text
        if given is None or given == NO_STORED_VALUE:
            faults.append(no_number(_where(choice.name), given, f"Give one of {', '.join(choice.allowed)}"))
        else:
            faults.append(Fault(_where(choice.name), f"{shown(given)} is not a choice", nearest(text, choice.allowed)))
        return None
    number = number_in(given)
    whole = choice.unit == "cycles"
    if number is None or not choice.low <= number <= choice.high or (whole and number != int(number)):
        if given is None or given == NO_STORED_VALUE:
            faults.append(no_number(_where(choice.name), given, "Give a plain number"))
            return None
        kind = "a whole number" if whole else "a number"
        limits = f"from {choice.low:g} to {choice.high:g}"
        faults.append(Fault(_where(choice.name), f"{shown(given)} is not {kind} {limits}", f"Give {kind} {limits}"))
        return None
    return number


def in_unit(parameter: Parameter, unit: str, settings: Settings, faults: list[Fault]) -> Parameter | None:
    """The same quantity in another unit of time, or None and a fault."""
    if unit == parameter.unit:
        return parameter
    if unit not in TIME_UNITS or parameter.unit not in TIME_UNITS or unit not in parameter.quantity.units:
        faults.append(Fault(_where(parameter.name), f"{shown(unit)} is not its unit", f"Write {parameter.unit}"))
        return None
    factor = settings.years_per(parameter.unit) / settings.years_per(unit)
    numbers: dict[str, Any] = {
        column: None if (x := getattr(parameter, column)) is None else x * factor for column in rows.NUMBERS
    }
    return replace(parameter, unit=unit, **numbers)


def _with_choices(inputs: Inputs, chosen: Mapping[str, float | str]) -> Inputs:
    """The inputs with the settings that these choices stand for."""
    if not chosen:
        return inputs
    settings, changes = inputs.settings, dict[str, Any]()
    schemes = {name: scheme.model_dump() for name, scheme in settings.schemes.items()}
    strategies = [strategy.model_dump() for strategy in settings.strategies]
    waning = settings.effect_waning.model_dump() if settings.effect_waning else {}
    thresholds = list(settings.threshold_values)
    for name, value in chosen.items():
        number = value if isinstance(value, str) or not math.isclose(value, round(value)) else round(value)
        if name.startswith("effect_waning_"):
            waning[name.removeprefix("effect_waning_")] = float(value)
            changes["effect_waning"] = waning
        elif name.startswith("treatment_cycles_"):
            strategy = next(s for s in strategies if s["name"] == name.removeprefix("treatment_cycles_"))
            strategy["treatment_cycles"] = number
            changes["strategies"] = strategies
        elif name in threshold_names(settings):
            thresholds[list(threshold_names(settings)).index(name)] = float(value)
            changes["thresholds"] = thresholds
        elif name in type(settings).model_fields:
            changes[name] = float(value) if name.startswith("discount_rate") else number
        else:
            _with_term(settings, schemes, name, float(value))
            changes["schemes"] = schemes
    return inputs.with_settings(**changes)


def _with_term(settings: Settings, schemes: Mapping[str, dict[str, Any]], choice: str, value: float) -> None:
    """One term of a scheme set anew."""
    name = next(name for name in schemes if choice in {known.name for known in _terms(settings, name)})
    term = choice.removeprefix(f"{name}_")
    if (tier := _TIER.fullmatch(term)) is not None:
        schemes[name]["tiers"][int(tier[1]) - 1]["price_discount"] = value
    else:
        schemes[name][term] = round(value) if _TERMS[term][1] == "cycles" else value
