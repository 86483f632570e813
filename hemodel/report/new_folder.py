"""A folder for an appraisal of one's own, from a few answers: it is read and run before it is written, whole or not at all."""

from __future__ import annotations

import csv
import io
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from hemodel.analyses.base_case import run_base_case
from hemodel.analyses.calibration import DerivedRate, derive_rates
from hemodel.errors import Fault, InputError, shown
from hemodel.evidence.examples import Examples, csv_row
from hemodel.evidence.inputs import POPULATION_COLUMNS, Inputs, load_inputs
from hemodel.evidence.parameters import COLUMNS, Parameter
from hemodel.evidence.payoffs import EVENT_COLUMNS, PAYOFF_COLUMNS
from hemodel.files import refuse_new_folder, write_folder

TYPED = "typed in hemodel new: put its source here"
_PER_CYCLE = ("n_clinic_visits", "c_post_progression_care")  # examples of cycles of 28 days
_EXAMPLES = (
    "shape_pfs",
    "shape_os",
    "n_clinic_visits",
    "c_clinic_visit_follow_up",
    "c_post_progression_care",
    "c_terminal_care",
    "u_progression_free",
    "u_progressed",
)


@dataclass(frozen=True)
class NewStrategy:
    """What is asked about one strategy: its drug ("": none) with the price of a pack, and two medians in months."""

    label: str
    drug: str
    pack_price: float
    median_pfs: float
    median_os: float

    @property
    def name(self) -> str:
        """Its label as a name."""
        return name_of(self.label)


@dataclass(frozen=True)
class NewAppraisal:
    """What is asked about an appraisal. The last strategy is the comparator."""

    strategies: tuple[NewStrategy, ...]
    cycle_days: float = 28.0
    currency: str = "GBP"
    horizon_years: float = 30.0
    age: float = 60.0
    share_men: float = 0.5


def name_of(label: str) -> str:
    """A label as a name of the files.

    >>> name_of("New tablet, 25 mg")
    'new_tablet_25_mg'
    """
    return re.sub(r"[^a-z0-9]+", "_", label.lower()).strip("_")


def write_new(folder: Path, appraisal: NewAppraisal) -> Inputs:
    """Write the folder, and give its inputs as they are read. It is run first, so that what is written validates and runs at once.

    The death rates after progression are those at which the model's median overall survival is what was typed.
    """
    refuse_new_folder(folder)
    _refuse_misfits(appraisal)
    with tempfile.TemporaryDirectory() as place:
        trial, final = (Path(place, word, folder.resolve().name) for word in ("trial", "final"))
        for path in (trial, final):
            path.parent.mkdir()
        write_folder(trial, _files(folder.resolve().name, appraisal, ()))
        rates = derive_rates(load_inputs(trial))
        files = _files(folder.resolve().name, appraisal, rates)
        write_folder(final, files)
        run_base_case(load_inputs(final))
    write_folder(folder, files)
    return load_inputs(folder)


def _refuse_misfits(appraisal: NewAppraisal) -> None:
    """What the files could not say: names that are none, and one drug at two prices. All else is told by the reading."""
    faults = []
    if not re.fullmatch(r"[A-Z]{3}", appraisal.currency):
        faults.append(
            Fault("currency", f"{shown(appraisal.currency)} is not one", "Write its three capital letters, such as EUR")
        )
    words = [(s.label, "strategy") for s in appraisal.strategies] + [(s.drug, "drug") for s in appraisal.strategies if s.drug]
    for label, kind in words:
        if not re.match(r"[a-z]", name_of(label)):
            faults.append(Fault(f"{kind} {shown(label)}", "it does not begin with a letter", "Give it a name in Latin letters"))
    prices: dict[str, set[float]] = {}
    for strategy in appraisal.strategies:
        if strategy.drug:
            prices.setdefault(strategy.drug, set()).add(strategy.pack_price)
        for what, value in (("median_pfs", strategy.median_pfs), ("median_os", strategy.median_os)):
            if not value > 0:
                faults.append(Fault(f"strategy {shown(strategy.label)}", f"{what} is {value:g} months", "Give more than 0"))
        if strategy.median_os <= strategy.median_pfs:
            problem = f"the median of survival ({strategy.median_os:g} months) is not above that without progression"
            remedy = f"Give more than {strategy.median_pfs:g} months"
            faults.append(Fault(f"strategy {shown(strategy.label)}", problem, remedy))
    for drug, of_drug in prices.items():
        if len(of_drug) > 1:
            faults.append(Fault(f"drug {shown(drug)}", "it is given two prices", "Give one, or two names"))
    if len(appraisal.strategies) < 2:
        faults.append(Fault("strategies", "there are fewer than two", "Give two or more; the last is the comparator"))
    if faults:
        raise InputError.together(faults)


def _files(name: str, appraisal: NewAppraisal, rates: Iterable[DerivedRate]) -> dict[str, bytes]:
    """Path inside the folder -> contents."""
    derived = {rate.strategy: rate for rate in rates}
    parameters = [",".join(COLUMNS), *(csv_row(row) for row in _parameters(appraisal, derived))]
    problem = name_of(name) or "mine"
    texts = {
        "settings.toml": _settings(problem, appraisal),
        "parameters.csv": "\n".join(parameters) + "\n",
        "populations.csv": ",".join(POPULATION_COLUMNS) + "\n",
        "payoffs.csv": _table(PAYOFF_COLUMNS, _payoffs(appraisal)),
        "adverse_events.csv": ",".join(EVENT_COLUMNS) + "\n",
        "sources.md": "# Sources\n\n## S1 Say here where a number was read, and write S1 into the column `source` of its row\n",
        "scenarios/equal_post_progression_mortality.toml": _SCENARIO.format(problem=problem),
    }
    return {path: text.encode() for path, text in texts.items()}


def _drugs(appraisal: NewAppraisal) -> dict[str, NewStrategy]:
    """Drugs by name, each with the first strategy that has it."""
    return {name_of(s.drug): s for s in reversed(appraisal.strategies) if s.drug}


def _settings(problem: str, appraisal: NewAppraisal) -> str:
    *others, comparator = appraisal.strategies
    asked = " or ".join(s.label for s in others)
    drugs = _drugs(appraisal)
    first = next(iter(drugs), "drug")
    head = _SETTINGS.format(
        problem=problem,
        question=f"Is {asked} cost-effective against {comparator.label}?".replace("\\", "/").replace('"', "'"),
        comparator=comparator.name,
        cycle_days=float(appraisal.cycle_days),
        horizon_years=float(appraisal.horizon_years),
        currency=appraisal.currency,
        thresholds=_THRESHOLDS if appraisal.currency == "GBP" else _NO_THRESHOLDS,
        first=first,
    )
    blocks = [f'[drugs.{name}]\nlabel = {_quoted(s.drug)}\nprice = "c_{name}_pack"' for name, s in drugs.items()] or ["[drugs]"]
    for s in appraisal.strategies:
        given = f'"{name_of(s.drug)}"' if s.drug else ""
        blocks.append(f'[[strategies]]\nname = "{s.name}"\nlabel = {_quoted(s.label)}\ndrugs = [{given}]')
    return "\n\n".join([head.rstrip(), *blocks, _POPULATION])


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "/").replace('"', "'") + '"'


def _payoffs(appraisal: NewAppraisal) -> Iterator[tuple[str, ...]]:
    for name, s in _drugs(appraisal).items():
        yield "cost", name, s.drug, f"drug:{name}", "", "charged pack", "price", "one pack in each cycle on treatment"
    visits = "n_clinic_visits * c_clinic_visit_follow_up"
    yield "cost", "monitoring", "Monitoring", "all", "", "cycle on treatment", visits, ""
    yield "cost", "later_care", "Care after progression", "all", "", "cycle in progressed", "c_post_progression_care", ""
    yield "cost", "end_of_life", "Care at the end of life", "all", "", "death", "c_terminal_care", ""
    for state, label in (("progression_free", "Progression-free"), ("progressed", "Progressed")):
        yield "qaly", state, label, "all", "", f"year in {state}", f"u_{state}", ""


def _parameters(appraisal: NewAppraisal, derived: Mapping[str, DerivedRate]) -> Iterator[Parameter]:
    def typed(name: str, label: str, unit: str, value: float, group: str) -> Parameter:
        return Parameter(name, label, unit, value, None, None, None, "fixed", group, "", "assumed", "none", TYPED)

    yield typed("age_start", "Age at the start of treatment", "years", appraisal.age, "population")
    yield typed("p_male", "Share of men", "probability", appraisal.share_men, "population")
    for s in appraisal.strategies:
        for curve, what, value in (("pfs", "progression-free", s.median_pfs), ("os", "overall", s.median_os)):
            row = typed(f"median_{curve}_{s.name}", f"Median {what} survival, {s.label}", "months", value, "survival")
            note = f"{TYPED}. The interval, a quarter up or down, is an example"
            yield replace(row, low=value / 1.25, high=value * 1.25, distribution="lognormal_median", note=note)
    examples = Examples(s.name for s in appraisal.strategies)
    for s in appraisal.strategies:
        row = replace(examples.row(f"ratio_pfs_to_ttp_{s.name}"), se=None)
        label = f"Median progression-free survival as a share of that of time to progression, {s.label}"
        yield replace(row, label=label, group="survival")
        rate = derived.get(s.name)
        value, se = (float(f"{rate.value:.6g}"), float(f"{rate.se:.4g}")) if rate else (0.5, 0.1)
        row = typed(f"r_death_progressed_{s.name}", f"Death rate after progression, {s.label}", "per year", value, "survival")
        note = "derived so that the model's median overall survival is what was typed: `hemodel calibrate` repeats it"
        yield replace(row, se=se, distribution="lognormal", note=note)
    for name, s in _drugs(appraisal).items():
        label = f"{s.drug}, price of a pack for one cycle"
        yield typed(f"c_{name}_pack", label, f"{appraisal.currency} per pack", s.pack_price, "drug prices")
    for name in _EXAMPLES:
        row = examples.row(name)
        scale = appraisal.cycle_days / 28 if name in _PER_CYCLE else 1.0
        yield replace(row, value=float(f"{row.value * scale:.4g}"), unit=row.unit.replace("GBP", appraisal.currency))


def _table(columns: Iterable[str], rows: Iterable[tuple[str, ...]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([columns, *rows])
    return text.getvalue()


_THRESHOLDS = '"2026"             # GBP 25,000 and 35,000 per QALY; or numbers, such as [20000, 30000]'
_NO_THRESHOLDS = "[20000.0, 50000.0]   # per QALY: an example, put those of your country here"
_SETTINGS = """# Choices about the model. Numbers are in parameters.csv, costs and QALYs in payoffs.csv.
problem = "{problem}"
question = "{question}"
price_year = "say here of which year the prices are"

population = "everyone"
comparator = "{comparator}"
life_table = "uk_life_table_2017_2019.csv"   # of the package; put your own into a folder life_tables/ in here

cycle_days = {cycle_days:.15g}                # length of a cycle of the model
horizon_years = {horizon_years:.15g}
discount_rate_costs = 0.035
discount_rate_effects = 0.035
currency = "{currency}"                # every cost in parameters.csv is in it
thresholds = {thresholds}

structure = "state_transition"    # or "partitioned_survival"
time_in_state = "life_table"      # mean of start and end of the cycle; or "start", "end"
# where in its cycle each is discounted from, if not there: "start", "middle" or "end"
# time_discounted_at = "middle"
# purchases_discounted_at = "start" # packs, givings, cycles on treatment
# events_discounted_at = "middle"   # deaths, entries to a state
progression_shape = "pfs"
post_progression_mortality = "by_strategy" # or "equal"
comparator_survival = "median"    # or "hazard_ratio": needs hr_death_...
treatment_until = "progression"   # or "progression_or_toxicity": needs r_discontinuation_toxicity_...

price_arrangements = ["list"]     # and the names of schemes
scheme_counts = "calendar"

[schemes]
# A scheme is written like this, and its name added to price_arrangements:
# [schemes.pas]
# label = "Confidential discount"
# drug = "{first}"
# kind = "price_discount"         # or drug_cost_cap, free_start, response_refund, tiered_discount, total_cost_cap
# price_discount = 0.25
# confidentiality = "cic"
"""
_POPULATION = """[populations.everyone]
label = "Everyone"
why = "The population of the base case."
"""
_SCENARIO = """name = "equal_post_progression_mortality"
problem = "{problem}"
label = "Equal mortality after progression"
why = "All strategies have the death rate after progression of the first: what is gained before it is all that is gained."

[settings]
post_progression_mortality = "equal"
"""
