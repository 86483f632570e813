"""Names in words and numbers as NICE rounds them: the one place where hemodel speaks to people."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence

from hemodel.decision.incremental import IcerKind, kind_of_icer
from hemodel.evidence.inputs import Inputs
from hemodel.evidence.parameters import Parameter
from hemodel.evidence.settings import Settings
from hemodel.survival.families import PLAIN

STATES = {
    "progression_free": "Progression-free",
    "progressed": "Progressed",
    "dead": "Dead",
    "on_treatment": "On treatment",
}
OUTCOMES = {
    "median_pfs": "Median progression-free survival",
    "median_ttp": "Median time to progression",
    "median_os": "Median overall survival",
    "median_exposure": "Median time on treatment",
    "alive_at_end": "Alive at the end of the horizon",
}
STATUSES = {
    "read": "seen in the cited document",
    "derived": "arithmetic on values that were read, shown in the note",
    "unverified": "from memory or second hand: to be checked before it is relied on",
    "assumed": "no source; the reason is in the note",
}
DISTRIBUTIONS = {
    "fixed": "fixed",
    "normal": "normal",
    "lognormal": "lognormal",
    "lognormal_median": "lognormal (about the median)",
    "beta": "beta",
    "gamma": "gamma",
    "uniform": "uniform",
    "dirichlet": "Dirichlet",
}
ABBREVIATIONS = {
    "EVPI": "expected value of perfect information",
    "EVPPI": "expected value of partial perfect information",
    "EVSI": "expected value of sample information",
    "ICER": "incremental cost-effectiveness ratio",
    "LY": "life years",
    "LYG": "life years gained",
    "NHB": "net health benefit",
    "PAS": "patient access scheme",
    "PSA": "probabilistic sensitivity analysis",
    "QALY": "quality-adjusted life year",
    "QALYs": "quality-adjusted life years",
}
INDICES = {
    "ST": "Total effect",
    "ST_conf": "Total effect, half-width of the 95% interval",
    "S1": "First-order effect",
    "S1_conf": "First-order effect, half-width of the 95% interval",
    "mu": "Mean effect",
    "mu_star": "Mean absolute effect",
    "mu_star_conf": "Mean absolute effect, half-width of the 95% interval",
    "sigma": "Standard deviation of the effects",
    "delta_balanced": "Delta",
    "delta_balanced_conf": "Delta, half-width of the 95% interval",
    "delta_raw": "Delta before correction for chance",
    "minimum": "PAWN, minimum",
    "mean": "PAWN, mean",
    "median": "PAWN, median",
    "maximum": "PAWN, maximum",
    "CV": "PAWN, coefficient of variation",
}
METHODS = {
    "sobol": "Sobol' indices",
    "morris": "Morris' elementary effects",
    "fast": "FAST indices",
    "rbd_fast": "RBD-FAST indices",
    "delta": "Borgonovo's delta",
    "pawn": "PAWN indices",
}
INCREMENTS = {
    "incremental_net_monetary_benefit": "Incremental net monetary benefit",
    "incremental_costs": "Incremental costs",
    "incremental_qalys": "Incremental QALYs",
    "icer": "ICER",
}
LIST_PRICE = "List price"
_PEOPLE = ("Weibull",)
_SETTING_VALUES = {
    "state_transition": "state transition",
    "partitioned_survival": "partitioned survival",
    "life_table": "mean of start and end of the cycle (life table)",
    "start": "occupancy at the start of the cycle",
    "end": "occupancy at the end of the cycle",
    "by_strategy": "a rate of its own for each strategy",
    "equal": "the same rate in every strategy",
    "median": "its own published median",
    "hazard_ratio": "the other strategy's curve and the hazard ratio",
    "progression": "until progression",
    "progression_or_toxicity": "until progression or toxicity",
    "pfs": "progression-free survival",
    "ttp": "time to progression",
    "ttp_curve": "the time-to-progression curve",
    "exposure_curve": "the curve of time on treatment",
    "calendar": "treatment cycles by the calendar",
    **{family.name: family.label for family in PLAIN.values()},
    "response_mixture": "response classes",
    "shares": "the same mix of doses in every cycle",
    "stepwise": "stepped down over time",
    "general_population": "fall with age as the general population's",
    "none": "the same at every age",
    "dispensed": "packs dispensed",
}


def discounted_elsewhere(settings: Settings) -> list[tuple[str, str]]:
    """What is discounted from another place in its cycle than is usual here, and from which."""
    usual = (
        ("Time in a state", settings.time_discounted_at, "middle"),
        ("What is bought in a cycle", settings.purchases_discounted_at, "start"),
        ("A death or an entry to a state", settings.events_discounted_at, "middle"),
    )
    return [(f"{what} is discounted", place) for what, place, as_usual in usual if place != as_usual]


def words(name: str, known: Mapping[str, str] | None = None) -> str:
    """`name` in words: from `known`, or else the name itself with spaces and a capital.

    >>> words("dead", STATES), words("stem_cell_transplant")
    ('Dead', 'Stem cell transplant')
    """
    found = (known or {}).get(name)
    return found if found is not None else name[:1].upper() + name[1:].replace("_", " ")


def strategy_label(settings: Settings, name: str) -> str:
    """Label of a strategy, as in the settings."""
    return next((strategy.label for strategy in settings.strategies if strategy.name == name), words(name))


def arrangement_label(settings: Settings, name: str) -> str:
    """A price arrangement in full: "List price", or the label of the scheme or of the set of schemes."""
    if name == "list":
        return LIST_PRICE
    return settings.arrangements[name].label if name in settings.arrangements else settings.schemes[name].label


def arrangement_short(settings: Settings, name: str) -> str:
    """A price arrangement in a word or two for headings: "List price", "PAS"; the name itself where two would be the same."""
    short = {n: _short(arrangement_label(settings, n)) for n in settings.price_arrangements}
    return short[name] if list(short.values()).count(short[name]) == 1 else f"{short[name]} {name}"


def _short(label: str) -> str:
    head = label.partition(":")[0].strip()
    return "PAS" if head.lower() == "patient access scheme" else head


def in_sentence(label: str) -> str:
    """A label as it stands inside a sentence: its first letter small, unless it begins with an abbreviation or a person's name.

    >>> in_sentence("Dexamethasone"), in_sentence("NHS care"), in_sentence("Weibull shape")
    ('dexamethasone', 'NHS care', 'Weibull shape')
    """
    return label if label[:2].isupper() or label.startswith(_PEOPLE) else label[:1].lower() + label[1:]


def priced(settings: Settings, arrangement: str) -> str:
    """A price arrangement as it stands inside a sentence: "at list price", "with the patient access scheme", "if ..."."""
    if arrangement == "list":
        return "at list price"
    name = arrangement_label(settings, arrangement).partition(":")[0]
    return name.removeprefix("What ") if name.startswith("What if ") else f"with the {in_sentence(name)}"


def parameter_names(names: str | Iterable[str]) -> tuple[str, ...]:
    """The names of a group, which may come joined by a plus sign or a comma.

    >>> parameter_names("u_progressed + u_progression_free"), parameter_names(["c_anaemia"])
    (('u_progressed', 'u_progression_free'), ('c_anaemia',))
    """
    return tuple(re.split(r"\s*[+,]\s*", names) if isinstance(names, str) else names)


def parameters_label(parameters: Mapping[str, Parameter], names: str | Iterable[str]) -> str:
    """A parameter, or a group of them, in words; of more than three the first two and the number of the others."""
    found = [parameters[name].label if name in parameters else words(name) for name in parameter_names(names)]
    shown = found if len(found) <= 3 else [*found[:2], f"{len(found) - 2} more"]
    return listed([shown[0], *(in_sentence(label) for label in shown[1:])])


def listed(parts: Sequence[str]) -> str:
    """Words one after the other, as in a sentence.

    >>> listed(["a", "b", "c"])
    'a, b and c'
    """
    return " and ".join(part for part in (", ".join(parts[:-1]), *parts[-1:]) if part)


def state_label(name: str) -> str:
    """A state of health in words."""
    return words(name, STATES)


def outcome_label(name: str) -> str:
    """An outcome that is compared with a published figure, in words."""
    if treated := re.fullmatch(r"on_treatment_at_cycle_(\d+)", name):
        return f"On treatment at the start of cycle {treated[1]}"
    curve, _, years = name.partition("_")
    if curve in ("survival", "pfs"):
        number, unit = years.split("_")
        return f"{'Alive' if curve == 'survival' else 'Alive without progression'} at {number} {unit}"
    return words(name, OUTCOMES)


def setting_value_label(value: object) -> str:
    """A choice in the settings in words."""
    return _SETTING_VALUES.get(str(value), str(value))


def drugs_label(settings: Settings, drugs: Iterable[str]) -> str:
    """Drugs by their labels, as they stand inside a sentence, with "and" between them."""
    return listed([in_sentence(settings.drugs[name].label) for name in drugs])


def counted_label(inputs: Inputs, name: str) -> str:
    """What an entry of `also_counted` adds, in the words of the first row that it asks for."""
    row = next((row for row in inputs.payoffs if row.counted == name), None)
    return in_sentence((row.label if row else "") or words(name))


def turned(inputs: Inputs, what: str) -> str:
    """What a threshold analysis turned: a parameter, the price of a drug, or the charged cycles."""
    if what == "charged_cycles":
        return "Cycles charged under the scheme"
    if what in inputs.parameters:
        return inputs.parameters[what].label
    drug = next((name for name in inputs.priced_drugs if what.endswith(f"_{name}")), inputs.priced_drugs[0])
    others = len(inputs.prices(drug)) > 1
    return f"List price of the {pack(inputs, drug)}{' dispensed most, other strengths in proportion' if others else ''}"


def pack(inputs: Inputs, drug: str) -> str:
    """A pack of a drug as it stands inside a sentence, with the drug's name where several have a price."""
    return f"pack of {in_sentence(inputs.settings.drugs[drug].label)}" if len(inputs.priced_drugs) > 1 else "pack"


def cycle(settings: Settings) -> str:
    """The length of a cycle: "28 days"."""
    return "1 day" if settings.cycle_days == 1 else f"{settings.cycle_days:g} days"


def cycles_in_a_year(settings: Settings) -> str:
    """The length of a cycle and how many make a year, as an axis says it: "28 days each; 13 are one year"."""
    number = round(1 / settings.cycle_years)
    return f"{cycle(settings)} each; {number} are one year" if number > 1 else f"{cycle(settings)} each"


def payer(settings: Settings) -> str:
    """Who pays for care, as it stands inside a sentence."""
    return "the NHS" if settings.currency == "GBP" else "the payer"


def abbreviations(*short: str) -> str:
    """The line under a table that says what its abbreviations mean.

    >>> abbreviations("ICER", "LYG")
    'Abbreviations: ICER, incremental cost-effectiveness ratio; LYG, life years gained.'
    """
    return f"Abbreviations: {'; '.join(f'{name}, {ABBREVIATIONS[name]}' for name in short)}."


def money(value: float, settings: Settings) -> str:
    """An amount in whole units of the currency, as NICE's tables have it: £42,822, or -PLN 8,256; a missing value is empty."""
    if math.isnan(value):
        return ""
    text = f"{abs(value):,.0f}"
    return f"{'-' if value < 0 and text != '0' else ''}{before_amount(settings)}{text}"


def before_amount(settings: Settings) -> str:
    """The sign of the currency as it stands before an amount: letters have a space after them."""
    return f"{settings.sign} " if settings.sign[-1].isalpha() else settings.sign


def in_money(what: str, settings: Settings, per: str = "") -> str:
    """A heading with its unit: Total costs (£), or ICER (£/QALY) with `per` a QALY."""
    return f"{what} ({settings.sign}{per and '/'}{per})"


def increment(outcome: str, settings: Settings) -> str:
    """The heading of an increment, with its unit where that is money."""
    name = INCREMENTS[outcome]
    return name if outcome == "incremental_qalys" else in_money(name, settings, "QALY" if outcome == "icer" else "")


def qalys(value: float) -> str:
    """QALYs and life-years with three decimals; a missing value is empty.

    >>> qalys(1.58082), qalys(-0.0001)
    ('1.581', '0.000')
    """
    return _decimals(value, 3)


def percent(share: float, decimals: int = 1) -> str:
    """A probability or a share as a percentage; a missing value is empty.

    >>> percent(0.0125), percent(0.7312, 0)
    ('1.2%', '73%')
    """
    text = _decimals(100 * share, decimals)
    return f"{text}%" if text else ""


def plain(value: float) -> str:
    """A number of any size to six significant digits, as parameters are shown; a missing value is empty.

    >>> plain(4_368.0), plain(0.330174)
    ('4,368', '0.330174')
    """
    return "" if math.isnan(value) else f"{value:,.6g}"


def in_words(unit: str) -> str:
    """A unit as it stands in a heading.

    >>> in_words("GBP per pack"), in_words("EUR per pack")
    ('pounds per pack', 'euros per pack')
    """
    return unit.replace("GBP", "pounds").replace("EUR", "euros")


def measured(unit: str, settings: Settings, *values: float) -> str:
    """Values of a parameter in its unit, to three significant digits, "to" between them; a missing value is a question mark.

    Such as 9.53 to 12 months, £163 per visit, or 12.5%.
    """
    is_money, share = unit.partition(" ")[0] == settings.currency, unit == "probability"
    sign = before_amount(settings) if is_money else ""
    texts = []
    for value in values:
        number = 100 * value if share else value
        text = "?" if math.isnan(number) else f"{number:,.0f}" if abs(number) >= 1000 else f"{number:,.3g}"
        text = f"-{sign}{text[1:]}" if is_money and text.startswith("-") else f"{sign}{text}"
        texts.append(f"{text}{'%' if share else ''}")
    rest = (
        unit.removeprefix(settings.currency).strip() if is_money else "" if unit in ("probability", "ratio", "utility") else unit
    )
    return " to ".join(texts) + (f" {rest}" if rest else "")


def millions(value: float, settings: Settings) -> str:
    """A sum for a population: in millions from one million on, such as £12.3 million; below as `money`."""
    if math.isnan(value) or abs(value) < 999_500:
        return money(value, settings)
    return f"{'-' if value < 0 else ''}{before_amount(settings)}{abs(value) / 1e6:,.1f} million"


def _decimals(value: float, decimals: int) -> str:
    if math.isnan(value):
        return ""
    text = f"{value:,.{decimals}f}"
    return text.removeprefix("-") if float(text.replace(",", "")) == 0 else text


def with_sign(reading: str, settings: Settings) -> str:
    """The words of a result with the sign of the currency in place of its letters: £42,822 per QALY gained."""
    return re.sub(rf"\b{settings.currency} (?=[\d-])", before_amount(settings), reading)


def icer_text(value: float, reading: str, settings: Settings) -> str:
    """An ICER with what its sign cannot say; `reading` is the words that travel with every ICER of a result.

    Such as £42,822, dominant, or £12,345 saved per QALY forgone (south-west).
    """
    kind = kind_of_icer(reading)
    if kind is IcerKind.FORGONE:
        return f"{money(value, settings)} {kind.value} (south-west)"
    if not math.isnan(value):
        return money(value, settings)
    if kind is IcerKind.UNDEFINED:
        return reading
    return "" if reading == "comparator" else reading.partition(" (")[0]
