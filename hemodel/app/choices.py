"""What a user can change and what follows from it: headline inputs with their bounds, edits, and how they differ.

Labels, units and bounds come from the parameters and the settings. The screen speaks percent where the model speaks
fractions; `shown` and `meant` are the one place that converts. Nothing here knows Streamlit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import pandas as pd

from hemodel.analyses.calibration import calibrated
from hemodel.analyses.fitting import with_fitted_curve
from hemodel.errors import Fault, InputError
from hemodel.errors import shown as quoted
from hemodel.evidence.confidential import RATE, REDACTED, by_hazard_ratio, covers, is_confidential, marked, unmarked
from hemodel.evidence.inputs import Inputs
from hemodel.evidence.inputs_sheet import Sheet, changes
from hemodel.evidence.parameters import Parameter, finite
from hemodel.evidence.settings import THRESHOLD_PRESETS, Scheme, Settings
from hemodel.evidence.uploaded import in_unit
from hemodel.report import labels, tables

Edits = Mapping[str, float]
"""Name of an input -> value as shown on the screen: of any parameter, of `SETTINGS`, or of the cap of the scheme."""

SETTINGS = {
    "discount_rate_costs": ("Discount rate, costs", "% a year", 0.5),
    "discount_rate_effects": ("Discount rate, life years and QALYs", "% a year", 0.5),
    "horizon_years": ("Horizon", "years", 1.0),
}
BASE_CASE = "base_case"
FILED = "filed"
"""Name under which thresholds that are numbers, and no preset, are offered."""
CAP = "drug_cost_cap_cycles"
STEPS = {"utility": (0.01, 3), "ratio": (0.05, 3), "money": (100.0, 2)}
"""Step of the buttons and decimals shown, by what the unit begins with; times take 0.5 and 2."""
CONFIDENTIAL = "confidential"
"""Name of the price arrangement that a user adds; its discount never leaves the session."""
_REPLACED = "Not used: a fitted curve stands in its place."
PRICES = {"list": "List price", "filed": "List and scheme", CONFIDENTIAL: "With a confidential price"}
"""The price switch."""


@dataclass(frozen=True)
class FittedData:
    """Survival data of one's own with the curve that is to take the place of a published median."""

    curve: str
    strategy: str
    family: str
    unit: str
    times: tuple[float, ...]
    events: tuple[float, ...]
    file: str


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


def headline_inputs(inputs: Inputs, fitted: FittedData | None = None) -> tuple[Headline, ...]:
    """The inputs that decide most of the answer, with their values in `inputs`, in the order of the form.

    `fitted`: the curve that will stand in place of a published median.
    """
    strategies = inputs.settings.strategy_names
    names = [f"median_{curve}_{strategy}" for curve in ("pfs", "os") for strategy in strategies]
    names += [f"hr_death_{strategy}" for strategy in strategies if by_hazard_ratio(inputs.settings, strategy)]
    names += [name for row in inputs.payoffs for name in row.amount.names if name.startswith("u_")]
    names += [name for drug in inputs.priced_drugs for name, adds in inputs.prices(drug).items() if adds > 0]
    names += [own for name in inputs.settings.headline for own in (name, *(f"{name}_{s}" for s in strategies))]
    found = [_of_parameter(inputs, name) for name in dict.fromkeys(names) if name in inputs.parameters]
    if fitted is not None:
        replaced = f"median_{fitted.curve}_{fitted.strategy}"
        found = [replace(h, idle=_REPLACED) if h.name == replaced else h for h in found]
    cap = _capped_scheme(inputs.settings)
    if cap is not None:
        low, high = _bounds(Scheme, CAP)
        label = f"Cycles {labels.payer(inputs.settings)} pays for under the scheme"
        mark = inputs.settings.schemes[cap].confidentiality
        secret = "" if mark in (None, "none") else f"CONFIDENTIAL ({mark}). "
        text = _plain_help(f"{secret}{labels.arrangement_label(inputs.settings, cap)}.")
        value = inputs.settings.schemes[cap].drug_cost_cap_cycles or 1
        found.append(
            Headline(CAP, label, f"cycles of {labels.cycle(inputs.settings)}", value, low, high, 1, 0, "Price and scheme", text)
        )
    for name, (label, unit, step) in SETTINGS.items():
        value = getattr(inputs.settings, name)
        low, high = _bounds(Settings, name)
        low = step if low is None else shown(name, low)  # an excluded bound: the first step above it
        high = None if high is None else shown(name, high)
        group = "Discounting and horizon"
        found.append(Headline(name, label, unit, shown(name, value), low, high, step, 2, group, ""))
    return tuple(found)


def applied(inputs: Inputs, edits: Edits, *, fitted: FittedData | None = None) -> Inputs:
    """`inputs` with the edits, and a curve fitted to data of one's own, in place. Where what decides survival was changed, the death
    rates after progression are derived anew, but for those that were changed themselves.

    Raises `InputError` where the model cannot hold an edit, or where no death rate meets the medians.
    """
    rates, values = _rates_and_others({name: value for name, value in edits.items() if name not in SETTINGS and name != CAP})
    new = inputs.with_values(**values) if values else inputs
    if fitted is not None:
        new = _with_fit(new, fitted)
    if derived_anew(inputs, edits) or fitted is not None:
        new = calibrated(new)
    new = new.with_values(**rates) if rates else new
    changed: dict[str, object] = {name: meant(name, float(edits[name])) for name in SETTINGS if name in edits}
    cap = _capped_scheme(inputs.settings)
    if cap is not None and CAP in edits:
        changed["schemes"] = inputs.settings.schemes | {cap: _with_cap(inputs.settings.schemes[cap], edits[CAP])}
    return new.with_settings(**changed) if changed else new


def refused(inputs: Inputs, name: str, value: float) -> str:
    """Why a choice about the model (of `SETTINGS`, or the cap of the scheme) cannot be this value; empty where it can."""
    headline = next((h for h in headline_inputs(inputs) if h.name == name), None)
    if headline is None:
        return "no scheme here has a cap"
    try:
        applied(inputs, {name: value})
    except InputError:
        kind = "a whole number" if headline.is_whole else "a number"
        bounds = [f"{word} {bound:g}" for word, bound in (("from", headline.low), ("to", headline.high)) if bound is not None]
        return f"it is {' '.join([kind, *bounds])} ({headline.unit})"
    return ""


def sheet_edits(inputs: Inputs, sheet: Sheet) -> dict[str, float]:
    """The edits that an uploaded sheet stands for: parameters that differ from `inputs`, and the choices that can be edited.

    Raises `InputError` for names that are no inputs, and for choices about the model that were changed in the sheet.
    """
    now = {name: parameter.value for name, parameter in inputs.parameters.items()}
    cap, faults = _capped_scheme(inputs.settings), list[Fault]()
    values = dict(sheet.values)
    for name, unit in sheet.units.items():
        known = inputs.parameters.get(name)
        if known is not None and in_unit(known, unit, inputs.settings, faults) is not None:
            values[name] *= inputs.settings.years_per(unit) / inputs.settings.years_per(known.unit)
    edits = changes(values, now, "Give the sheet of this decision problem")
    for name, given in sheet.choices.items():
        value = finite(given)
        if name in SETTINGS and value is not None:
            edits[name] = shown(name, value)
        elif cap is not None and name == f"{cap}_{CAP}" and value is not None and value.is_integer():
            edits[CAP] = int(value)
        elif name in SETTINGS or (cap is not None and name == f"{cap}_{CAP}"):
            faults.append(Fault(name, f"{quoted(given)} is not a number that it can be", "Give a plain number"))
        else:
            problem = "this choice about the model was changed in the sheet"
            faults.append(Fault(quoted(name), problem, "Choose at the side of the page instead"))
    if faults:
        raise InputError.together(faults)
    return edits


def derived_anew(inputs: Inputs, edits: Edits) -> bool:
    """Whether an edit moves survival, so that the death rates after progression have to be derived anew."""
    return any(
        name in inputs.parameters and inputs.parameters[name].group == "survival" and not name.startswith(RATE) for name in edits
    )


def priced(inputs: Inputs, prices: str, discount_percent: float = 0.0) -> Inputs:
    """`inputs` under the price arrangements of the switch: the list price alone, those of the files, or these and a confidential one,
    a discount in percent on the list price of `discounted_drug`.
    """
    if prices == "list":
        return inputs.with_settings(price_arrangements=["list"]) if inputs.settings.price_arrangements != ["list"] else inputs
    if prices != CONFIDENTIAL:
        return inputs
    drug = discounted_drug(inputs)
    named = "" if len(inputs.priced_drugs) == 1 else f" of {labels.in_sentence(inputs.settings.drugs[drug].label)}"
    terms = Scheme(
        kind="price_discount",
        drug=drug,
        label=f"Confidential price{named} (commercial in confidence)",
        price_discount=discount_percent / 100.0,
        confidentiality="cic",
    )
    arrangements = [*inputs.settings.price_arrangements, CONFIDENTIAL]
    return inputs.with_settings(schemes=inputs.settings.schemes | {CONFIDENTIAL: terms}, price_arrangements=arrangements)


def discounted_drug(inputs: Inputs) -> str:
    """The drug that a confidential price is of: the first with a price that is given in another strategy and not in the comparator."""
    own = next(s.drugs for s in inputs.settings.strategies if s.name == inputs.settings.comparator)
    return next((drug for drug in inputs.priced_drugs if drug not in own), inputs.priced_drugs[0])


def thresholds_of(settings: Settings) -> str:
    """The name of the thresholds in use: of a preset, or that of numbers of the files' own."""
    return settings.thresholds if isinstance(settings.thresholds, str) else FILED


def thresholds_offered(settings: Settings) -> dict[str, Settings]:
    """Thresholds that can be chosen, by name: the settings with them. NICE's presets, for pounds, and those of the files."""
    presets = THRESHOLD_PRESETS if settings.currency == "GBP" else {}
    own = {} if isinstance(settings.thresholds, str) else {FILED: settings}
    return own | {name: settings.model_copy(update={"thresholds": name}) for name in presets}


def is_private(inputs: Inputs) -> bool:
    """Whether a result of `inputs` must not leave the session: it rests on something confidential."""
    return is_confidential(inputs)


def answered(inputs: Inputs, answers: Mapping[Scheme, str]) -> Inputs:
    """`inputs` with the marks that their user has given to schemes whose file does not say whether they are confidential."""
    schemes = inputs.settings.schemes
    marks = {name: answers[schemes[name]] for name in unmarked(inputs) if schemes[name] in answers}
    if not marks:
        return inputs
    schemes = schemes | {name: schemes[name].model_copy(update={"confidentiality": mark}) for name, mark in marks.items()}
    return replace(inputs, settings=inputs.settings.model_copy(update={"schemes": schemes}))


def covered_edits(inputs: Inputs, edits: Edits) -> list[str]:
    """Names of the edits that are confidential, or may be: of parameters, and the cap of a scheme."""
    cap = _capped_scheme(inputs.settings)
    secret = {*marked(inputs), *([CAP] if cap is not None and covers(inputs, cap) else [])}
    return [name for name in edits if name in secret]


def redacted(frame: pd.DataFrame, inputs: Inputs) -> pd.DataFrame:
    """A table of parameters (with the column Name) in which everything about the confidential ones but their names is covered."""
    covered = frame["Name"].isin(marked(inputs))
    found = frame.astype(object).copy()
    for column in ("Value", "95% low", "95% high", "Distribution", "Source", "Note"):
        found.loc[covered, column] = REDACTED
    return found


def kept(edits: Edits, old: Inputs, new: Inputs) -> dict[str, float]:
    """The edits that hold when `old` gives way to `new`, of the same decision problem: those of inputs to which both give the same value
    and unit.
    """
    if old.folder.asked != new.folder.asked:
        return {}
    before, after = _editable(old), _editable(new)
    return {name: value for name, value in edits.items() if name in after and before.get(name) == after[name]}


def label_of(inputs: Inputs, name: str) -> str:
    """An input that can be edited, in words."""
    return next((h.label for h in headline_inputs(inputs) if h.name == name), labels.parameters_label(inputs.parameters, [name]))


def differences(base: Inputs, now: Inputs) -> pd.DataFrame:
    """What differs between two inputs and by how much: columns Input, Base case, Now, Difference (all text)."""
    rows = []
    if now.population != base.population:
        population = [inputs.settings.populations[inputs.population].label for inputs in (base, now)]
        rows.append(("Population", *population, ""))
    if now.scenario.name != base.scenario.name:
        rows.append(("Scenario", base.scenario.label, now.scenario.label, ""))
    pairs = [_parameter_row(parameter, now.parameters[name], base.settings) for name, parameter in base.parameters.items()]
    rows += [row for row in pairs if row[1] != row[2]]  # as read by people: rounding of a derived rate is no difference
    rows += [
        (p.label, "not there", f"{labels.plain(p.value)} {p.unit}", "")
        for n, p in now.parameters.items()
        if n not in base.parameters
    ]
    rows += _setting_rows(base, now)
    return pd.DataFrame(rows, columns=["Input", "Base case", "Now", "Difference"])


def recipe(inputs: Inputs, edits: Edits) -> str:
    """Python that gives the same base case again; a scenario of one's own is read from its file."""
    name, filed = inputs.scenario.name, inputs.filed()
    file = name if name in inputs.scenario_names else f"{name}.toml"
    scenario = "" if name == BASE_CASE else f', scenario="{file}"'
    lines = ["import hemodel as hm", ""]
    lines.append(f'inputs = hm.load_inputs("{inputs.folder.asked}", population="{inputs.population}"{scenario})')
    hidden = covered_edits(inputs, edits)
    public = {name: value for name, value in edits.items() if name in inputs.parameters and name not in hidden}
    rates, values = _rates_and_others(public)
    if values:
        lines.append(f"inputs = inputs.with_values({_arguments(values)})")
    if derived_anew(inputs, edits):
        lines.insert(1, "from hemodel.analyses.calibration import calibrated")
        lines.append("inputs = calibrated(inputs)  # death rates after progression that meet the medians")
    if rates:
        lines.append(f"inputs = inputs.with_values({_arguments(rates)})")
    before = {
        key: inputs.scenario.settings.get(key, getattr(filed.settings, key)) for key in ("thresholds", "price_arrangements")
    }
    settings: dict[str, object] = {name: meant(name, float(edits[name])) for name in SETTINGS if name in edits}
    if inputs.settings.thresholds != before["thresholds"]:
        settings["thresholds"] = inputs.settings.thresholds
    if inputs.settings.price_arrangements == ["list"] != before["price_arrangements"]:
        settings["price_arrangements"] = ["list"]
    if settings:
        lines.append(f"inputs = inputs.with_settings({_arguments(settings)})")
    cap = _capped_scheme(inputs.settings)
    if cap is not None and CAP in edits and CAP not in hidden:
        terms = f'inputs.settings.schemes["{cap}"].model_dump() | {{"{CAP}": {edits[CAP]:.0f}}}'
        lines.append(f'inputs = inputs.with_settings(schemes=inputs.settings.schemes | {{"{cap}": {terms}}})')
    return "\n".join([*lines, "result = hm.run_base_case(inputs)", "print(result.table)"])


def _rates_and_others(values: Edits) -> tuple[dict[str, float], dict[str, float]]:
    """Death rates after progression, which are set after all that they would be derived from, and the other values."""
    rates = {name: value for name, value in values.items() if name.startswith(RATE)}
    return rates, {name: value for name, value in values.items() if name not in rates}


def _arguments(values: Mapping[str, object]) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in values.items())


def _with_fit(inputs: Inputs, fitted: FittedData) -> Inputs:
    """`inputs` with the curve in place, its coefficients marked as academic in confidence: the data are somebody's own."""
    return with_fitted_curve(
        inputs,
        fitted.curve,
        fitted.strategy,
        fitted.times,
        fitted.events,
        fitted.family,
        unit=fitted.unit,
        source=fitted.file,
        confidentiality="aic",
    )


def _editable(inputs: Inputs) -> dict[str, tuple[float, str]]:
    """Value and unit of all that can be edited and has an effect."""
    found = {name: (parameter.value, parameter.unit) for name, parameter in inputs.parameters.items()}
    headlines = headline_inputs(inputs)
    found |= {h.name: (h.value, h.unit) for h in headlines}
    return {name: pair for name, pair in found.items() if name not in {h.name for h in headlines if h.idle}}


def _value(inputs: Inputs, name: str) -> float:
    return inputs.parameters[name].value if name in inputs.parameters else 0.0


def _of_parameter(inputs: Inputs, name: str) -> Headline:
    parameter = inputs.parameters[name]
    first = parameter.unit.partition(" ")[0]
    step, decimals = STEPS.get("money" if first == inputs.settings.currency else first, (0.5, 2))
    low, high = (bound if abs(bound) != float("inf") else None for bound in (parameter.quantity.low, parameter.quantity.high))
    group = {"median": "Survival", "hr": "Survival", "u": "Quality of life"}.get(name.partition("_")[0], "Price and scheme")
    source = f"; source {parameter.source}" if parameter.source else ""
    secret = "" if parameter.confidentiality == "none" else f"CONFIDENTIAL ({parameter.confidentiality}). "
    text = _plain_help(f"{secret}Status: {parameter.status}{source}. {parameter.note}.")
    idle = _idle(inputs, name)
    unit, value = parameter.unit, float(parameter.value)
    return Headline(name, parameter.label, unit, value, low, high, step, decimals, group, text, idle)


def _plain_help(text: str) -> str:
    return text.replace("..", ".").replace(". .", ".").strip()


def _idle(inputs: Inputs, name: str) -> str:
    """Why a change of the input `name` would have no effect with these settings; empty where it has one."""
    settings = inputs.settings
    prefix, curve, strategy = [*name.split("_", 2), "", ""][:3]
    if prefix != "median":
        return ""
    if f"{curve}_{strategy}" in settings.fitted_curves:
        return _REPLACED
    if curve != "os":
        return ""
    if by_hazard_ratio(settings, strategy):
        return "Not used in this scenario: this survival follows from the hazard ratio."
    is_equal = settings.structure == "state_transition" and settings.post_progression_mortality == "equal"
    if is_equal and strategy != settings.interventions[0]:
        return "Not used in this scenario: all strategies have the same death rate after progression."
    return ""


def _bounds(model: type[Settings] | type[Scheme], name: str) -> tuple[float | None, float | None]:
    """Lowest and highest value that a field allows; None where there is none, or where the bound itself is excluded."""
    field = model.model_json_schema()["properties"][name]
    alternatives = [field, *field.get("anyOf", [])]  # a term that may be missing is a number or null
    low, high = (next((a[end] for a in alternatives if end in a), None) for end in ("minimum", "maximum"))
    return low, high


def _capped_scheme(settings: Settings) -> str | None:
    """Name of the first scheme in use that caps the charged cycles."""
    used = [scheme for name in settings.price_arrangements for scheme in settings.schemes_in(name).values()]
    capped = (name for name, scheme in settings.schemes.items() if scheme in used and scheme.drug_cost_cap_cycles is not None)
    return next(capped, None)


def _with_cap(scheme: Scheme, cycles: float) -> dict[str, object]:
    """The terms of the scheme with another cap, and a label that says so: still to be checked, as whatever is typed or sent."""
    whole = int(cycles) if float(cycles).is_integer() else cycles
    label = scheme.label.replace(f"{scheme.drug_cost_cap_cycles} cycles", f"{whole} cycles")
    return scheme.model_dump() | {CAP: whole, "label": label}


def _parameter_row(base: Parameter, now: Parameter, settings: Settings) -> tuple[str, str, str, str]:
    before, after = (f"{labels.plain(p.value)} {p.unit}" for p in (base, now))
    step = f"{now.value - base.value:+,.4g}" if base.unit == now.unit else ""
    first, second = (p.value * settings.years_per(p.unit) for p in (base, now))
    share = f"{second / first - 1:+.1%}" if first else ""
    return base.label, before, after, f"{step} ({share})" if step and share else step or share


def _setting_rows(base: Inputs, now: Inputs) -> list[tuple[str, str, str, str]]:
    """Settings that differ, in the words of the table of settings, and the price arrangements with their terms."""
    before, after = (tables.settings_table(i).set_index("Setting")["Choice"] for i in (base, now))
    rows = [(str(name), before[name], after[name], "") for name in before.index if before[name] != after[name]]
    first, second = (
        "; ".join(labels.arrangement_label(s, name) for name in s.price_arrangements) for s in (base.settings, now.settings)
    )
    return rows if first == second else [*rows, ("Price arrangements", first, second, "")]
