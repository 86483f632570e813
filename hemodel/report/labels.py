"""Names in words and numbers as NICE rounds them: the one place where hemodel speaks to people."""

from __future__ import annotations

import math
from collections.abc import Mapping

from hemodel.evidence.settings import Settings

COMPONENTS = {
    "lenalidomide": "Lenalidomide",
    "dexamethasone": "Dexamethasone",
    "dispensing": "Dispensing",
    "monitoring": "Monitoring",
    "thromboprophylaxis": "Thromboprophylaxis",
    "pregnancy_prevention": "Pregnancy prevention",
    "adverse_events": "Adverse events",
    "scheme_running": "Running the scheme",
    "post_progression_care": "Care after progression",
    "terminal_care": "Terminal care",
}
STATES = {
    "progression_free": "Progression-free",
    "progressed": "Progressed",
    "dead": "Dead",
    "on_treatment": "On treatment",
    "adverse_events": "Adverse events (loss)",
}
OUTCOMES = {
    "median_pfs": "Median progression-free survival",
    "median_ttp": "Median time to progression",
    "median_os": "Median overall survival",
    "median_exposure": "Median time on treatment",
    "survival_1_year": "Alive at 1 year",
    "on_treatment_at_cycle_26": "On treatment at the start of cycle 26",
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
    "ICER": "incremental cost-effectiveness ratio",
    "LY": "life years",
    "LYG": "life years gained",
    "NHB": "net health benefit",
    "PAS": "patient access scheme",
    "PSA": "probabilistic sensitivity analysis",
    "QALY": "quality-adjusted life year",
    "QALYs": "quality-adjusted life years",
}
LIST_PRICE = "List price"
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
    "calendar": "treatment cycles by the calendar",
    "dispensed": "packs dispensed",
}


def words(name: str, known: Mapping[str, str] | None = None) -> str:
    """`name` in words: from `known`, or else the name itself with spaces and a capital.

    >>> words("pregnancy_prevention", COMPONENTS), words("stem_cell_transplant")
    ('Pregnancy prevention', 'Stem cell transplant')
    """
    found = (known or {}).get(name)
    return found if found is not None else name[:1].upper() + name[1:].replace("_", " ")


def strategy_label(settings: Settings, name: str) -> str:
    """Label of a strategy, as in the settings."""
    return next((strategy.label for strategy in settings.strategies if strategy.name == name), words(name))


def arrangement_label(settings: Settings, name: str) -> str:
    """A price arrangement in full: "List price", or the label of the scheme."""
    return LIST_PRICE if name == "list" else settings.schemes[name].label


def arrangement_short(settings: Settings, name: str) -> str:
    """A price arrangement in a word or two for headings: "List price", "PAS"; the name itself where two would be the same."""
    short = {n: _short(arrangement_label(settings, n)) for n in settings.price_arrangements}
    return short[name] if list(short.values()).count(short[name]) == 1 else f"{short[name]} {name}"


def _short(label: str) -> str:
    head = label.partition(":")[0].strip()
    return "PAS" if head.lower() == "patient access scheme" else head


def component_label(name: str) -> str:
    """A cost component in words."""
    return words(name, COMPONENTS)


def state_label(name: str) -> str:
    """A state of health in words."""
    return words(name, STATES)


def outcome_label(name: str) -> str:
    """An outcome that is compared with a published figure, in words."""
    return words(name, OUTCOMES)


def setting_value_label(value: object) -> str:
    """A choice in the settings in words."""
    return _SETTING_VALUES.get(str(value), str(value))


def abbreviations(*short: str) -> str:
    """The line under a table that says what its abbreviations mean.

    >>> abbreviations("ICER", "LYG")
    'Abbreviations: ICER, incremental cost-effectiveness ratio; LYG, life years gained.'
    """
    return f"Abbreviations: {'; '.join(f'{name}, {ABBREVIATIONS[name]}' for name in short)}."


def gbp(value: float) -> str:
    """Money in whole pounds, as NICE's tables have it; a missing value is empty.

    >>> gbp(42_821.94), gbp(-8_256.4), gbp(-0.2)
    ('£42,822', '-£8,256', '£0')
    """
    if math.isnan(value):
        return ""
    text = f"{abs(value):,.0f}"
    return f"{'-' if value < 0 and text != '0' else ''}£{text}"


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


def _decimals(value: float, decimals: int) -> str:
    if math.isnan(value):
        return ""
    text = f"{value:,.{decimals}f}"
    return text.removeprefix("-") if float(text.replace(",", "")) == 0 else text


def icer_text(value: float, reading: str) -> str:
    """An ICER with what its sign cannot say; `reading` is the words that travel with every ICER of a result.

    >>> icer_text(42_821.9, "GBP 42,822 per QALY gained"), icer_text(float("nan"), "dominant (cheaper and more effective)")
    ('£42,822', 'dominant')
    >>> icer_text(12_345.0, "GBP 12,345 saved per QALY forgone")
    '£12,345 saved per QALY forgone (south-west)'
    """
    if "saved per QALY forgone" in reading:
        return f"{gbp(value)} saved per QALY forgone (south-west)"
    if not math.isnan(value):
        return gbp(value)
    if reading.startswith("undefined"):
        return reading
    return "" if reading == "comparator" else reading.partition(" (")[0]
