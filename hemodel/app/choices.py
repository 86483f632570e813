"""What a user can change and what follows from it: headline inputs with their bounds, edits, and how they differ.

Labels, units and bounds come from the parameters and the settings. The screen speaks percent where the model speaks
fractions; `shown` and `meant` are the one place that converts. Nothing here knows Streamlit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from hemodel.analyses.calibration import calibrated
from hemodel.evidence.inputs import Inputs, load_inputs
from hemodel.evidence.parameters import YEARS_PER, Parameter
from hemodel.evidence.settings import Scheme, Settings
from hemodel.report import labels, tables

Edits = Mapping[str, float]
"""Name of a headline input -> value as shown on the screen."""

SETTINGS = {
    "discount_rate_costs": ("Discount rate, costs", "% a year", 0.5),
    "discount_rate_effects": ("Discount rate, life years and QALYs", "% a year", 0.5),
    "horizon_years": ("Horizon", "years", 1.0),
}
BASE_CASE = "base_case"
CAP = "drug_cost_cap_cycles"
STEPS = {"utility": (0.01, 3), "GBP": (100.0, 2)}
"""Step of the buttons and decimals shown, by the first word of the unit; times take 0.5 and 2."""


@dataclass(frozen=True)
class Headline:
    """One input as the form shows it: in the unit of the screen, with its bounds (None: no bound) and what to know."""

    name: str
    label: str
    unit: str
    value: float
    low: float | None
    high: float | None
    step: float
    decimals: int
    group: str
    help: str
    idle: str = ""  # why a change would have no effect here; empty where it has one

    @property
    def is_whole(self) -> bool:
        """Whether it is a count."""
        return self.decimals == 0


def shown(name: str, value: float) -> float:
    """A value of the model as the screen shows it: rates in percent.

    >>> shown("discount_rate_costs", 0.035), shown("horizon_years", 30.0)
    (3.5, 30.0)
    """
    return round(100.0 * value, 10) if name.startswith("discount_rate_") else value


def meant(name: str, value: float) -> float:
    """A value on the screen as the model takes it: the inverse of `shown`.

    >>> meant("discount_rate_costs", 3.5)
    0.035
    """
    return round(value / 100.0, 12) if name.startswith("discount_rate_") else value


def headline_inputs(inputs: Inputs) -> tuple[Headline, ...]:
    """The inputs that decide most of the answer, with their values in `inputs`, in the order of the form."""
    strategies = inputs.settings.strategy_names
    names = [f"median_{curve}_{strategy}" for curve in ("pfs", "os") for strategy in strategies]
    names += ["u_progression_free", "u_progressed", "c_lenalidomide_25mg_pack"]
    found = [_of_parameter(inputs, name) for name in names if name in inputs.parameters]
    cap = _capped_scheme(inputs.settings)
    if cap is not None:
        low, high = _bounds(Scheme, CAP)
        label = "Cycles the NHS pays for under the scheme"
        text = _plain_help(f"{labels.arrangement_label(inputs.settings, cap)}.")
        value = inputs.settings.schemes[cap].drug_cost_cap_cycles or 1
        found.append(Headline(CAP, label, "cycles of 28 days", value, low, high, 1, 0, "Price and scheme", text))
    for name, (label, unit, step) in SETTINGS.items():
        value = getattr(inputs.settings, name)
        low, high = _bounds(Settings, name)
        low = step if low is None else shown(name, low)  # an excluded bound: the first step above it
        high = None if high is None else shown(name, high)
        group = "Discounting and horizon"
        found.append(Headline(name, label, unit, shown(name, value), low, high, step, 2, group, ""))
    return tuple(found)


def applied(inputs: Inputs, edits: Edits) -> Inputs:
    """`inputs` with the edits in place. After a change of any median the death rates after progression are derived anew.

    Raises `InputError` where the model cannot hold an edit, or where no death rate meets the medians.
    """
    values = {name: value for name, value in edits.items() if name in inputs.parameters}
    new = inputs.with_values(**values) if values else inputs
    if any(name.startswith("median_") for name in values):
        new = calibrated(new)
    changed: dict[str, object] = {name: meant(name, float(edits[name])) for name in SETTINGS if name in edits}
    cap = _capped_scheme(inputs.settings)
    if cap is not None and CAP in edits:
        changed["schemes"] = inputs.settings.schemes | {cap: _with_cap(inputs.settings.schemes[cap], int(edits[CAP]))}
    return new.with_settings(**changed) if changed else new


def kept(edits: Edits, old: Inputs, new: Inputs) -> dict[str, float]:
    """The edits that hold when `old` gives way to `new`: those of inputs to which both give the same value and unit."""
    before = {h.name: (h.value, h.unit) for h in headline_inputs(old)}
    after = {h.name: (h.value, h.unit) for h in headline_inputs(new) if not h.idle}
    return {name: value for name, value in edits.items() if name in after and before.get(name) == after[name]}


def differences(base: Inputs, now: Inputs) -> pd.DataFrame:
    """What differs between two inputs and by how much: columns Input, Base case, Now, Difference (all text)."""
    rows = []
    if now.population != base.population:
        population = [inputs.settings.populations[inputs.population].label for inputs in (base, now)]
        rows.append(("Population", *population, ""))
    if now.scenario.name != base.scenario.name:
        rows.append(("Scenario", base.scenario.label, now.scenario.label, ""))
    pairs = [_parameter_row(parameter, now.parameters[name]) for name, parameter in base.parameters.items()]
    rows += [row for row in pairs if row[1] != row[2]]  # as read by people: rounding of a derived rate is no difference
    rows += _setting_rows(base.settings, now.settings)
    return pd.DataFrame(rows, columns=["Input", "Base case", "Now", "Difference"])


def recipe(inputs: Inputs, edits: Edits) -> str:
    """Python that gives the same base case again."""
    scenario = "" if inputs.scenario.name == BASE_CASE else f', scenario="{inputs.scenario.name}"'
    lines = ["import hemodel as hm", ""]
    lines.append(f'inputs = hm.load_inputs("{inputs.settings.problem}", population="{inputs.population}"{scenario})')
    values = {name: value for name, value in edits.items() if name in inputs.parameters}
    if values:
        lines.append(f"inputs = inputs.with_values({_arguments(values)})")
    if any(name.startswith("median_") for name in values):
        lines.insert(1, "from hemodel.analyses.calibration import calibrated")
        lines.append("inputs = calibrated(inputs)  # death rates after progression that meet the medians")
    fresh = load_inputs(inputs.settings.problem, population=inputs.population, scenario=inputs.scenario.name)
    settings: dict[str, object] = {name: meant(name, float(edits[name])) for name in SETTINGS if name in edits}
    if inputs.settings.thresholds != fresh.settings.thresholds:
        settings["thresholds"] = inputs.settings.thresholds
    if settings:
        lines.append(f"inputs = inputs.with_settings({_arguments(settings)})")
    cap = _capped_scheme(inputs.settings)
    if cap is not None and CAP in edits:
        terms = f'inputs.settings.schemes["{cap}"].model_copy(update={{"{CAP}": {int(edits[CAP])}}})'
        lines.append(f'inputs = inputs.with_settings(schemes=inputs.settings.schemes | {{"{cap}": {terms}}})')
    return "\n".join([*lines, "result = hm.run_base_case(inputs)", "print(result.table)"])


def _arguments(values: Mapping[str, object]) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in values.items())


def _of_parameter(inputs: Inputs, name: str) -> Headline:
    parameter = inputs.parameters[name]
    step, decimals = STEPS.get(parameter.unit.partition(" ")[0], (0.5, 2))
    low, high = (bound if abs(bound) != float("inf") else None for bound in (parameter.quantity.low, parameter.quantity.high))
    group = {"median": "Survival", "u": "Quality of life"}.get(name.partition("_")[0], "Price and scheme")
    source = f"; source {parameter.source}" if parameter.source else ""
    text = _plain_help(f"Status: {parameter.status}{source}. {parameter.note}.")
    idle = _idle(inputs, name)
    unit, value = parameter.unit, float(parameter.value)
    return Headline(name, parameter.label, unit, value, low, high, step, decimals, group, text, idle)


def _plain_help(text: str) -> str:
    return text.replace("..", ".").replace(". .", ".").strip()


def _idle(inputs: Inputs, name: str) -> str:
    """Why a change of the input `name` would have no effect with these settings; empty where it has one."""
    settings = inputs.settings
    if name != f"median_os_{settings.comparator}":
        return ""
    if settings.comparator_survival == "hazard_ratio":
        return "Not used in this scenario: survival on the comparator follows from the hazard ratio."
    if settings.structure == "state_transition" and settings.post_progression_mortality == "equal":
        return "Not used in this scenario: both strategies have the same death rate after progression."
    return ""


def _bounds(model: type[Settings] | type[Scheme], name: str) -> tuple[float | None, float | None]:
    """Lowest and highest value that a field allows; None where there is none, or where the bound itself is excluded."""
    field = model.model_json_schema()["properties"][name]
    alternatives = [field, *field.get("anyOf", [])]  # a term that may be missing is a number or null
    low, high = (next((a[end] for a in alternatives if end in a), None) for end in ("minimum", "maximum"))
    return low, high


def _capped_scheme(settings: Settings) -> str | None:
    """Name of the first price arrangement of the run that caps the charged cycles."""
    schemes = (name for name in settings.price_arrangements if name != "list")
    return next((name for name in schemes if settings.schemes[name].drug_cost_cap_cycles is not None), None)


def _with_cap(scheme: Scheme, cycles: int) -> Scheme:
    """The scheme with another cap, and a label that says so."""
    label = scheme.label.replace(f"{scheme.drug_cost_cap_cycles} cycles", f"{cycles} cycles")
    return scheme.model_copy(update={CAP: cycles, "label": label})


def _parameter_row(base: Parameter, now: Parameter) -> tuple[str, str, str, str]:
    before, after = (f"{labels.plain(p.value)} {p.unit}" for p in (base, now))
    step = f"{now.value - base.value:+,.4g}" if base.unit == now.unit else ""
    first, second = (p.value * YEARS_PER.get(p.unit, 1.0) for p in (base, now))
    share = f"{second / first - 1:+.1%}" if first else ""
    return base.label, before, after, f"{step} ({share})" if step and share else step or share


def _setting_rows(base: Settings, now: Settings) -> list[tuple[str, str, str, str]]:
    """Settings that differ, in the words of the table of settings, and the price arrangements with their terms."""
    before, after = (tables.settings_table(s).set_index("Setting")["Choice"] for s in (base, now))
    rows = [(str(name), before[name], after[name], "") for name in before.index if before[name] != after[name]]
    first, second = ("; ".join(labels.arrangement_label(s, name) for name in s.price_arrangements) for s in (base, now))
    return rows if first == second else [*rows, ("Price arrangements", first, second, "")]
