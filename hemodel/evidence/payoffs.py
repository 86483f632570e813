"""Costs and QALYs as rows of a folder: what, for whom, when, how much. The package knows only *when* something can happen.

`payoffs.csv` has a row for each thing that costs money or moves QALYs; `adverse_events.csv` a row for each event, which stands for two
such rows. A row's amount is arithmetic over parameters (`evidence.amounts`), its measure one of a closed list:

    start                       everyone, once, at time 0
    start mid-cycle             everyone, once, in the middle of the first cycle
    cycle on treatment [a-b]    on treatment at the start of a cycle; of treatment cycles a to b, counted from one
    year on treatment           a year on treatment, of those on it at the start of each cycle, at mid-cycle
    pack [a-b]                  a pack of the drug, of those there at the start of the cycle, or a giving, of those there on its day
    charged pack                the same, of those that the price arrangement leaves to be paid for
    year in <state>             a year in a state
    cycle in <state>            the same in cycles
    event in <state>            an event that happens at a rate a year to those in a state; its utility loss has no age
    entry to <state>            someone enters a state
    cycle after <state>         in a state at the start of a cycle, within the cycles of its clock
    death                       a death
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from hemodel.errors import Fault, nearest, shown
from hemodel.evidence import amounts
from hemodel.evidence.amounts import Amount, Unreadable
from hemodel.evidence.reading import Table
from hemodel.evidence.settings import Drug, Phase, Settings

PAYOFF_COLUMNS = ("outcome", "component", "label", "applies_to", "counted", "measure", "amount", "note")
EVENT_COLUMNS = ("event", "label", "measure", "share", "note")
STATES = ("progression_free", "progressed")
PRICE = "price"
"""Name that stands for the list price of the row's drug."""

Kind = Literal[
    "start",
    "start mid-cycle",
    "cycle on treatment",
    "year on treatment",
    "pack",
    "charged pack",
    "year in",
    "cycle in",
    "event in",
    "cycle after",
    "entry to",
    "death",
]
_MEASURE = re.compile(
    r"(?P<kind>start mid-cycle|start|cycle on treatment|year on treatment|charged pack|pack|death|(?:year|cycle|event) in"
    r"|cycle after|entry to)"
    r"(?: (?P<state>[a-z][a-z0-9_]*))?(?: (?P<first>[0-9]{1,5})(?P<dash>-)?(?P<last>[0-9]{1,5})?)?"
)
_OF_A_STATE = ("year in", "cycle in", "event in", "cycle after", "entry to")
_WITH_WINDOW = ("cycle on treatment", "pack")
_OF_A_DRUG = ("pack", "charged pack")
_TIMES: Mapping[str, str] = {"year in": "year", "event in": "year", "year on treatment": "year"}
_NAME = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True)
class Measure:
    """When a row is paid. `first` and `last` are treatment cycles counted from one; `last` None: to the end."""

    kind: Kind
    state: str = ""
    first: int = 1
    last: int | None = None

    def __str__(self) -> str:
        """As it is written in the file."""
        window = "" if (self.first, self.last) == (1, None) else f" {self.first}-{self.last or ''}"
        if self.first == self.last:
            window = f" {self.first}"
        return f"{self.kind}{f' {self.state}' if self.state else ''}{window}"


@dataclass(frozen=True)
class Owner:
    """For whom a row is: everyone, one strategy, those given a drug (`*`: any), in a later line, or where a scheme of it runs."""

    kind: Literal["all", "strategy", "drug", "later", "scheme"]
    name: str = ""

    def __str__(self) -> str:
        """As it is written in the file."""
        return f"{self.kind}:{self.name}" if self.name else self.kind


@dataclass(frozen=True)
class Payoff:
    """One row: a cost in money or a sum of QALYs, for each unit of its measure."""

    where: str
    outcome: Literal["cost", "qaly"]
    component: str
    label: str
    owner: Owner
    counted: str  # the entry of `also_counted` that asks for it; "": always
    measure: Measure
    amount: Amount
    note: str
    event: str = ""  # the adverse event that it is of

    @property
    def content(self) -> tuple[str, ...]:
        """What of it can move a result."""
        return (self.outcome, self.component, str(self.owner), self.counted, str(self.measure), amounts.formula(self.amount.tree))

    def is_active(self, settings: Settings) -> bool:
        """Whether a run with these settings counts it."""
        return not self.counted or self.counted in settings.also_counted

    def takers(self, settings: Settings) -> tuple[str, ...]:
        """Names of the strategies it is for."""
        match self.owner:
            case Owner("strategy", name):
                return (name,)
            case Owner("drug", "*"):
                return tuple(s.name for s in settings.strategies if s.drugs)
            case Owner("drug" | "scheme", name):
                return tuple(s.name for s in settings.strategies if name in s.drugs)
        return settings.strategy_names

    @property
    def drug(self) -> str:
        """Name of the drug it is about, or nothing."""
        return self.owner.name if self.owner.kind in ("drug", "later", "scheme") and self.owner.name != "*" else ""

    @property
    def state(self) -> str:
        """The state of health in which it falls, for costs by state."""
        if self.measure.state:
            return self.measure.state
        if self.owner.kind == "later":
            return "progressed"
        return "dead" if self.measure.kind == "death" else "progression_free"


def read_payoffs(table: Table, faults: list[Fault]) -> list[Payoff]:
    """Rows of `payoffs.csv`; what does not depend on other files is checked."""
    found = []
    for where, cells in table.rows:
        text = {column: cell.strip() for column, cell in cells.items()}
        row = _row(where, text, faults)
        if row is not None:
            found.append(row)
    return found


def read_events(table: Table, faults: list[Fault]) -> list[Payoff]:
    """Rows of `adverse_events.csv`, each as a cost (share times `c_<event>`) and a loss (share times `du_<event>` times `d_<event>`)."""
    found: list[Payoff] = []
    seen: set[str] = set()
    for where, cells in table.rows:
        text = {column: cell.strip() for column, cell in cells.items()}
        event, share = text["event"], text["share"] or f"p_{text['event']}"
        if not _NAME.fullmatch(event):
            faults.append(Fault(where, f"{shown(event)} is not the name of an event", "Use small letters, digits and _"))
            continue
        if event in seen:
            faults.append(Fault(where, f"{event} is there twice", "Keep one of the rows"))
            continue
        seen.add(event)
        common = {
            "component": "adverse_events",
            "applies_to": "all",
            "counted": "",
            "measure": text["measure"],
            "note": text["note"],
        }
        as_cost = {"outcome": "cost", "label": "Adverse events", "amount": f"({share}) * c_{event}"}
        as_loss = {"outcome": "qaly", "label": "Adverse events (loss)", "amount": f"-({share}) * du_{event} * d_{event}"}
        for of in (as_cost, as_loss):
            row = _row(where, common | of, faults)
            if row is not None:
                found.append(replace(row, event=event, note=text["label"]))
    return found


def _row(where: str, text: Mapping[str, str], faults: list[Fault]) -> Payoff | None:
    before = len(faults)
    where = f"{where} ({text['component']})" if _NAME.fullmatch(text["component"]) else where
    outcome = text["outcome"]
    if outcome not in ("cost", "qaly"):
        faults.append(Fault(where, f"outcome {shown(outcome)} is not known here", nearest(outcome, ("cost", "qaly"))))
    for column in ("component", "counted"):
        if not _NAME.fullmatch(text[column]) and (text[column] or column == "component"):
            faults.append(Fault(where, f"{column} {shown(text[column])} is not a name", "Use small letters, digits and _"))
    owner, measure, amount = _owner(where, text["applies_to"], faults), _measure(where, text["measure"], faults), None
    try:
        amount = amounts.parse(text["amount"])
    except Unreadable as error:
        remedy = "Write numbers, names of parameters, + - * / and brackets"
        faults.append(Fault(where, f"the amount {shown(text['amount'])} {error}", remedy))
    if measure is not None and owner is not None:
        if measure.kind in _OF_A_DRUG and (owner.kind not in ("drug", "later") or owner.name == "*"):
            faults.append(Fault(where, f"{measure} is of a drug, and the row is for {owner}", "Write drug:<name> in applies_to"))
        if owner.kind == "later" and measure.kind != "charged pack":
            faults.append(Fault(where, f"{measure} is not known in a later line", "Only its charged packs are"))
        if owner.kind == "scheme" and measure.kind != "start":
            faults.append(Fault(where, f"{measure} is not known of running a scheme", "Write start: once for each person"))
        if outcome == "qaly" and (owner.kind in ("scheme", "later") or measure.kind == "charged pack"):
            what = f"for {owner}" if owner.kind in ("scheme", "later") else f"of the {measure}"
            faults.append(Fault(where, f"a QALY {what} would differ by who pays", "Write what people are given: drug:<name>"))
    if len(faults) > before or owner is None or measure is None or amount is None:
        return None
    kind: Literal["cost", "qaly"] = "cost" if outcome == "cost" else "qaly"
    return Payoff(where, kind, text["component"], text["label"], owner, text["counted"], measure, amount, text["note"])


def _owner(where: str, text: str, faults: list[Fault]) -> Owner | None:
    if text in ("", "all"):
        return Owner("all")
    kind, _, name = (part.strip() for part in text.partition(":"))
    if kind in ("strategy", "drug", "later", "scheme") and (_NAME.fullmatch(name) or (kind == "drug" and name == "any")):
        return Owner(kind, "*" if name == "any" else name)  # type: ignore[arg-type]
    remedy = "Write all, strategy:<name>, drug:<name>, drug:any, later:<drug> or scheme:<drug>"
    faults.append(Fault(where, f"applies_to {shown(text)} says for nobody", remedy))
    return None


def _measure(where: str, text: str, faults: list[Fault]) -> Measure | None:
    match = _MEASURE.fullmatch(" ".join(text.split()))
    kind = match["kind"] if match else ""
    problem = ""
    if not match:
        problem = f"{shown(text)} is not a measure"
    elif (match["state"] is not None) != (kind in _OF_A_STATE):
        problem = f"{shown(text)} {'names no state' if kind in _OF_A_STATE else 'is not of a state'}"
    elif match["state"] is not None and match["state"] not in STATES:
        problem = f"{shown(match['state'])} is not a state (these are {' and '.join(STATES)})"
    elif kind == "entry to" and match["state"] != "progressed":
        problem = f"nobody enters {match['state']}"
    elif match["first"] and kind not in _WITH_WINDOW:
        problem = f"{shown(text)} is not counted by treatment cycles"
    elif match["first"] and (int(match["first"]) < 1 or (match["last"] and int(match["last"]) < int(match["first"]))):
        problem = f"{shown(text)} has no cycles: they are counted from one"
    if match is None or problem:
        kinds = (
            "start, start mid-cycle, cycle on treatment, year on treatment, pack, charged pack, year in, cycle in, event in, "
            "cycle after, entry to, death"
        )
        faults.append(Fault(where, problem, f"Use one of {kinds}; such as `cycle on treatment 1-4` or `year in progressed`"))
        return None
    first = int(match["first"] or 1)
    last = int(match["last"]) if match["last"] else (first if match["first"] and not match["dash"] else None)
    return Measure(kind, match["state"] or "", first, last)  # type: ignore[arg-type]


def column_of(name: str, strategy: str, parameters: Collection[str]) -> str:
    """The parameter that `name` means for a strategy: `<name>_<strategy>` where there is one, else `name` itself."""
    own = f"{name}_{strategy}"
    return own if own in parameters else name


def check_rows(payoffs: Iterable[Payoff], settings: Settings, units: Mapping[str, str]) -> list[Fault]:
    """What is wrong with rows beside the other files: strategies, drugs, names and units of amounts, options that no row has.

    `units`: parameter name -> unit.
    """
    faults: list[Fault] = []
    rows = list(payoffs)
    faults += check_drugs(settings, units)
    for row in rows:
        found = _owner_faults(row, settings)
        faults += found
        if not found:
            of_amount = _amount_faults(row, settings, units)
            # what a row needs that is not counted is told when it is
            faults += [fault for fault in of_amount if row.is_active(settings) or not fault.missing]
    faults += [fault for row in rows if row.is_active(settings) for fault in _step_faults(row, settings)]
    faults += _structure_faults([row for row in rows if row.is_active(settings)], settings)
    faults += _uncounted(rows, settings, units)
    faults += _uncharged(rows, settings)
    options = {row.counted for row in rows if row.counted}
    for name in settings.also_counted:
        if name not in options:
            faults.append(
                Fault(f"also_counted {shown(name)}", "no row of payoffs.csv is counted under that name", nearest(name, options))
            )
    return faults


def _uncounted(rows: Iterable[Payoff], settings: Settings, units: Iterable[str]) -> list[Fault]:
    """Costs and utility losses that stand in no row and no drug: money that would be left out in silence."""
    counted = {name for row in rows for name in row.amount.names}
    counted |= {name for drug in settings.drugs.values() for name in names_in_drug(drug)}
    strategies = settings.strategy_names
    remedy = "Name it in an amount, or take it out of parameters.csv"
    return [
        Fault(f"parameter {name}", "no row of payoffs.csv and no drug counts it", remedy)
        for name in units
        if name.startswith(("c_", "du_"))
        and name not in counted
        and not any(name == f"{stem}_{s}" for s in strategies for stem in counted if name.startswith(stem))
    ]


def _uncharged(rows: Iterable[Payoff], settings: Settings) -> list[Fault]:
    """Drugs whose price nobody is charged, for want of a row."""
    charged = {row.drug for row in rows if row.measure.kind == "charged pack" and row.owner.kind == "drug"}
    return [
        Fault(
            f"settings.toml (drugs.{name})",
            f"the drug {name} has a price, and no row of payoffs.csv charges it",
            f"Add a row such as: cost,{name},{drug.label},drug:{name},,charged pack,{PRICE},",
        )
        for name, drug in settings.drugs.items()
        if drug.is_priced and name not in charged
    ]


def never_paid(rows: Iterable[Payoff], settings: Settings) -> list[Fault]:
    """Rows whose window begins when nobody is left to pay: after the horizon, or after a fixed duration of treatment."""
    faults = []
    for row in rows:
        first, takers = row.measure.first, row.takers(settings)
        if first == 1 or not row.is_active(settings):
            continue
        reached = max(
            (_treatment_cycles(settings, name, row.drug if row.measure.kind == "pack" else "") for name in takers), default=0
        )
        if first > reached:
            problem = f"{row.measure} begins after the last treatment cycle, which is no. {reached}: nobody ever pays this"
            faults.append(
                Fault(row.where, problem, "Mend the window, the horizon or the duration of treatment, or leave the row out")
            )
    return faults


def _treatment_cycles(settings: Settings, strategy: str, drug: str) -> int:
    """Treatment cycles of a strategy within horizon and fixed duration: those of a drug with cycles of its own, or of the model."""
    terms = next(s for s in settings.strategies if s.name == strategy)
    last_day = min(terms.last_day(settings.cycle_days), settings.n_cycles * settings.cycle_days)
    count, start = 0, 0.0
    for phase in terms.schedules.get(drug) or [Phase(cycle_days=settings.cycle_days)]:
        begun = math.ceil((last_day - start) / phase.cycle_days - 1e-9)
        within = max(begun if phase.cycles is None else min(begun, phase.cycles), 0)
        count, start = count + within, start + within * phase.cycle_days
    return count


def names_in_drug(drug: Drug) -> tuple[str, ...]:
    """Names in the amounts of a drug: its price or vials, how often a pack is dispensed, and dose steps."""
    texts = [drug.price, drug.dispensed, *([drug.steps.rate, *drug.steps.prices] if drug.steps else [])]
    if drug.vials is not None:
        texts += [drug.vials.dose, drug.vials.size, drug.vials.spread, *drug.vials.prices.values()]
    return tuple(name for text in texts if text is not None for name in _names_of(text))


def _names_of(text: str) -> tuple[str, ...]:
    try:
        return amounts.parse(text).names
    except Unreadable:  # told where amounts are checked
        return ()


def check_drugs(settings: Settings, units: Mapping[str, str]) -> list[Fault]:
    """What is wrong with drugs and their schemes: prices, doses and shares that are no amounts over parameters, terms that do not fit."""
    faults: list[Fault] = []
    for name, drug in settings.drugs.items():
        where = f"settings.toml (drugs.{name}"
        takers = [s.name for s in settings.strategies if name in s.drugs]
        texts: dict[str, str | None] = {"price": drug.price, "dispensed": drug.dispensed}
        if drug.vials is not None:
            texts |= {f"vials.{key}": getattr(drug.vials, key) for key in ("dose", "size", "spread")}
            texts |= {f"vials.prices.{strength}": price for strength, price in drug.vials.prices.items()}
        if drug.steps is not None:
            texts |= {f"steps.prices no. {i + 1}": price for i, price in enumerate(drug.steps.prices)} | {
                "steps.rate": drug.steps.rate
            }
        for key, text in texts.items():
            if text is not None:
                faults += _text_faults(f"{where}.{key})", key, text, takers, units, settings.currency)
        faults += [Fault(f"{where})", *problem) for problem in _misfits(name, settings)]
    return faults


def _text_faults(where: str, key: str, text: str, takers: list[str], units: Mapping[str, str], currency: str) -> list[Fault]:
    """What is wrong with one amount of a drug: its names, and its unit."""
    try:
        amount = amounts.parse(text)
    except Unreadable as error:
        return [Fault(where, f"the amount {shown(text)} {error}", "Write numbers, names of parameters, + - * / and brackets")]
    faults = check_amount(where, amount, takers, units)
    if faults or not takers:
        return faults
    try:
        unit = {
            noun: n for noun, n in amount.unit(_unit_lookup(takers[0], units, currency)).items() if noun not in amounts.UNCOUNTED
        }
    except Unreadable as error:
        return [Fault(where, f"the amount {text} {error}", "Add like things only")]
    is_money = key == "price" or ".prices." in key or key.startswith("steps.prices")
    sizes = [{"mg": 1, "kg": -1}, {"mg": 1, "m2": -1}] if key == "vials.dose" else [{"kg": 1}, {"m2": 1}]
    others: dict[str, list[dict[str, int]]] = {"dispensed": [{}], "steps.rate": [{"year": -1}]}
    fits = others.get(key, [{currency: 1}] if is_money else sizes)
    if unit not in fits and amount.names:
        wanted = " or ".join(amounts.words(one) for one in fits)
        return [Fault(where, f"{text} is in {amounts.words(unit)}, not in {wanted}", "Mend it, or the unit of a parameter")]
    return []


def _misfits(drug: str, settings: Settings) -> list[tuple[str, str]]:
    """Why the terms of a drug do not fit together: problem and remedy."""
    terms, found = settings.drugs[drug], []
    own = [scheme for scheme in settings.schemes.values() if scheme.drug == drug]
    scheduled = any(drug in strategy.schedules for strategy in settings.strategies)
    is_stepped = terms.steps is not None and settings.dose == "stepwise"
    if own and not terms.is_priced:
        found.append((f"there is a scheme of {drug}, which has no price", "Give it a price, or leave the scheme out"))
    if is_stepped and scheduled:
        found.append((f"doses of {drug} go down over time, and it is given on days of its own", 'Set dose = "shares"'))
    if any(scheme.most_paid is not None for scheme in own) and is_stepped:
        found.append((f"what is paid for {drug} is capped, and its price is not the same in every cycle", 'Set dose = "shares"'))
    kinds = {scheme.kind for scheme in own}
    if settings.scheme_counts == "dispensed":
        if scheduled and kinds - {"price_discount"}:
            found.append((f"packs of {drug} are counted by the days of its own cycle", 'Set scheme_counts = "calendar"'))
        in_use = {s.kind for a in settings.price_arrangements if (s := settings.schemes_in(a).get(drug)) is not None}
        if "response_refund" in in_use:
            found.append(("a refund by response goes by the calendar", 'Set scheme_counts = "calendar"'))
    return found


def _step_faults(row: Payoff, settings: Settings) -> list[Fault]:
    """What a row cannot say of a drug whose dose goes down over time: its packs are counted in money, each at its own price."""
    drug = settings.drugs.get(row.drug)
    if settings.dose != "stepwise" or row.owner.kind != "drug" or drug is None or drug.steps is None:
        return []
    if row.measure.kind == "charged pack":
        at = [float(row.amount.value(lambda name, p=price: np.array(p if name == PRICE else 0.7))) for price in (0.0, 1.0, 2.0)]  # type: ignore[misc]
        if at[0] == 0 and abs(at[2] - 2 * at[1]) <= 1e-9 * abs(at[1]):
            return []
        problem = f"doses of {row.drug} go down over time, and {row.amount.text} is no multiple of its price"
    elif PRICE in row.amount.names:
        problem = f"doses of {row.drug} go down over time, and `{row.measure}` does not know the price of each"
    else:
        return []
    return [Fault(row.where, problem, 'Give what is not part of the price a row of its own (`pack`), or set dose = "shares"')]


def _structure_faults(active: list[Payoff], settings: Settings) -> list[Fault]:
    """Rows that need what the settings do not have: a clock after progression, or a structure that knows who progresses when."""
    faults: list[Fault] = []
    after = [row for row in active if row.measure.kind == "cycle after"]
    entries = [row for row in active if row.measure.kind == "entry to"]
    later = [row for row in active if row.owner.kind == "later"]
    for row in (*after, *entries, *later):
        if settings.structure != "state_transition":
            problem = f"partitioned survival does not know when people progress, which {row.component} needs"
            faults.append(Fault(row.where, problem, "Leave it out of also_counted"))
    for row in after:
        if settings.post_progression_clock_cycles is None:
            faults.append(Fault(row.where, f"{row.component} has no duration", "Give post_progression_clock_cycles"))
    if not later:
        return faults
    where, drug = later[0].where, later[0].drug
    if len({row.drug for row in later}) > 1:
        faults.append(Fault(where, "two drugs would be the later line", "Count the rows of one of them"))
    if settings.scheme_counts == "dispensed":
        faults.append(Fault(where, "packs of a later line are counted by the calendar", 'Set scheme_counts = "calendar"'))
    kinds = {s.kind for a in settings.price_arrangements if (s := settings.schemes_in(a).get(drug)) is not None}
    if "response_refund" in kinds:
        faults.append(Fault(where, "a refund by response is not known for a later line", "Choose another scheme"))
    if "total_cost_cap" in kinds:
        faults.append(Fault(where, "a cap on what is paid for one person is not known for a later line", "Choose another scheme"))
    if settings.post_progression_clock_cycles is not None:
        faults.append(Fault(where, "a later line has its own clock", "Leave post_progression_clock_cycles out"))
    return faults


def check_amount(
    where: str, amount: Amount, strategies: Iterable[str], units: Mapping[str, str], known: Collection[str] = ()
) -> list[Fault]:
    """Names in an amount that are no parameters, or mean two, for these strategies; `known` are names that are none and yet known."""
    faults = []
    for name in amount.names:
        if name in known:
            continue
        own = {s: f"{name}_{s}" in units for s in strategies}
        if name in units and any(own.values()):
            both = next(f"{name}_{s}" for s in own if own[s])
            faults.append(Fault(where, f"{name} means two parameters, {name} and {both}", "Keep one of them"))
        elif name not in units and not all(own.values()):
            missing = [f"{name}_{s}" for s in own if not own[s]]
            wanted = f"{name}, or {' and '.join(missing[:3])}" if any(own.values()) else name
            faults.append(
                Fault(
                    where,
                    f"the amount needs {wanted}, which is not among the parameters",
                    nearest(name, _stems(units, own)),
                    missing=tuple(missing) if any(own.values()) else (name,),
                )
            )
    return faults


def _stems(units: Iterable[str], strategies: Iterable[str]) -> list[str]:
    """Names of parameters without the strategies that they end in."""
    names = list(strategies)
    return sorted({next((u.removesuffix(f"_{s}") for s in names if u.endswith(f"_{s}")), u) for u in units})


def _owner_faults(row: Payoff, settings: Settings) -> list[Fault]:
    kind, name = row.owner.kind, row.owner.name
    if kind == "strategy" and name not in settings.strategy_names:
        return [Fault(row.where, f"there is no strategy {shown(name)}", nearest(name, settings.strategy_names))]
    if kind in ("drug", "later", "scheme") and name != "*":
        if name not in settings.drugs:
            return [Fault(row.where, f"there is no drug {shown(name)}", nearest(name, settings.drugs))]
        if kind != "later" and not row.takers(settings):
            return [Fault(row.where, f"nobody is given {name}, so nobody ever pays this", "Add it to the drugs of a strategy")]
        if row.measure.kind == "charged pack" and not settings.drugs[name].is_priced:
            return [
                Fault(row.where, f"the drug {name} has no price", f"Give price or vials under [drugs.{name}] in settings.toml")
            ]
    return []


def _amount_faults(row: Payoff, settings: Settings, units: Mapping[str, str]) -> list[Fault]:
    known = (PRICE,) if row.drug and row.drug in settings.drugs and settings.drugs[row.drug].is_priced else ()
    if PRICE in row.amount.names and not known and PRICE not in units:
        whose = f"the drug {row.drug} has no price" if row.drug else f"the row is for {row.owner}, and {PRICE} is that of a drug"
        remedy = f"Give price or vials under [drugs.{row.drug or '<name>'}] in settings.toml, and write drug:<name> in applies_to"
        return [Fault(row.where, whose, remedy)]
    faults = check_amount(row.where, row.amount, row.takers(settings), units, known)
    if faults:
        return faults
    for strategy in row.takers(settings):
        try:
            unit = row.amount.unit(_unit_lookup(strategy, units, settings.currency))
        except Unreadable as error:
            return [Fault(row.where, f"the amount {row.amount.text} {error}", "Add like things only")]
        problem = _unit_problem(row, unit, settings.currency)
        if problem:
            return [
                Fault(
                    row.where,
                    f"the amount {row.amount.text} {problem}",
                    "Mend the amount, the measure or the unit of a parameter",
                )
            ]
    return []


def _unit_lookup(strategy: str, units: Mapping[str, str], currency: str) -> Callable[[str], str]:
    """Unit of each name for a strategy; durations count in years, a price in money."""

    def unit(name: str) -> str:
        if name == PRICE:
            return f"{currency} per pack"
        column = column_of(name, strategy, units)
        return "years" if name.startswith("d_") else units[column]

    return unit


def _unit_problem(row: Payoff, unit: amounts.Unit, currency: str) -> str:
    """Why an amount in `unit` does not come to money, or to QALYs, on the measure of the row; "" where it does."""
    time = _TIMES.get(row.measure.kind)
    powers = dict(unit)
    if time:
        powers[time] = powers.get(time, 0) + 1
    left = {noun: n for noun, n in powers.items() if n and noun not in amounts.UNCOUNTED}
    if time and powers.get("cycle"):
        left["cycle"] = powers["cycle"]
    wanted = {currency: 1} if row.outcome == "cost" else {"utility": 1, "year": 1}
    if left == wanted or not row.amount.names:
        return ""
    return f"is in {amounts.words(unit)}, which on the measure `{row.measure}` is not {currency if row.outcome == 'cost' else 'QALYs'}"
