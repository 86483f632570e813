"""Checks of the evidence as it stands in the files: what is legal, and yet more often a slip than a belief (E1 to E7)."""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np

from hemodel.analyses.verification.findings import REVIEW, Check, Finding, holds, listed, not_applicable
from hemodel.analyses.verification.of_inputs import drug_prices
from hemodel.analyses.verification.plain import names_in
from hemodel.analyses.verification.subject import Subject
from hemodel.evidence.parameters import Parameter

NEAR = 0.10  # relative difference up to which the model is taken to meet a published figure
LARGE = 0.5  # share of its value above which a standard error needs a word
FEWEST = 10  # people: a share or a utility known no better than from these is rather a standard deviation
SPOKEN = re.compile(r"\bSEs?\b|standard error|interval|\bwide\b", re.IGNORECASE)
"""Words of a note that speaks of its uncertainty."""
REFERENCE_CASE = ((0.035, 0.035), (0.015, 0.015))
"""Discount rates (costs, effects) of NICE's manual, 4.5.1 to 4.5.4."""
READ_ELSEWHERE = ("n_eligible", "d_decision_lifetime", "p_uptake_year_", "d_mean_os_")
"""Beginnings of parameters that only the budget, the value of information or the calibration reads."""


def against_source(subject: Subject) -> Finding:
    """E1: published medians and shares beside what the model gives."""
    table = subject.base_case.against_source
    years = subject.inputs.settings.horizon_years
    rows = [row for row in table[table["published"].notna()].to_dict("records") if _falls_at(row, subject) <= years]
    if not rows:
        return not_applicable("published.csv has no figures within the horizon for these strategies and this population")
    off = [row for row in rows if not abs(float(row["relative_difference"])) <= NEAR]  # a median that is not reached is no number
    words = [
        f"{row['outcome']} of {row['strategy']}: {_shown(row['model'])}, published {row['published']:.3g} {row['unit']}"
        for row in off
    ]
    found = f"{len(rows)} figures, off by more: {listed(words, 12)}"
    return holds(not words, "published figures met by the model", found, f"{NEAR:.0%}", otherwise=REVIEW)


def _falls_at(row: Mapping[Hashable, Any], subject: Subject) -> float:
    """Time in years at which a published figure can be seen: the median itself, or the year of a share."""
    outcome, settings = str(row["outcome"]), subject.inputs.settings
    is_median = outcome.startswith("median_")
    return float(row["published"]) * settings.years_per(str(row["unit"])) if is_median else float(outcome.split("_")[1])


def _shown(value: float) -> str:
    return f"{value:.3g}" if np.isfinite(value) else "not reached"


def utilities_in_order(subject: Subject) -> Finding:
    """E2: the utilities of the two states side by side."""
    free, progressed = (subject.second.per_year(state)[:, 0] for state in ("progression_free", "progressed"))
    odd = [
        f"{s}: {x:g} progressed, {y:g} progression-free" for s, x, y in zip(subject.names, progressed, free, strict=True) if x > y
    ]
    found = f"progression-free from {free.min():g}, progressed to {progressed.max():g}; worse before: {listed(odd)}"
    return holds(not odd, "no better health after progression than before", found, otherwise=REVIEW)


def large_errors(subject: Subject) -> Finding:
    """E3: standard errors beside their values."""
    rows = [p for p in subject.inputs.parameters.values() if p.is_uncertain and p.se is not None]
    odd = [f"{p.name} {p.value:g}, se {p.se:g}" for p in rows if looks_like_a_deviation(p)]
    found = f"{len(rows)} standard errors, to be looked at: {listed(odd, 12)}"
    return holds(not odd, "none that looks like a standard deviation of people", found, "rule", otherwise=REVIEW)


def looks_like_a_deviation(p: Parameter) -> bool:
    """Whether the standard error is above half the value without a word of the note, above the value whatever the note says, or,
    of a share or a utility, no smaller than from ten people. A rare event may have a standard error above its share.
    """
    share, se = p.value, p.se or 0.0
    if 0 < share < 1 and p.name.startswith(("p_", "u_", "du_", "ratio_")):
        people = share * (1 - share) / se**2
        return people < FEWEST or (se > LARGE * share and not SPOKEN.search(p.note))
    return se > abs(p.value) or (se > LARGE * abs(p.value) and not SPOKEN.search(p.note))


def scheme_below_list(subject: Subject) -> Finding:
    """E4: totals under each scheme beside those at the list price."""
    prices = subject.outcomes.price_arrangements
    if "list" not in prices or len(prices) == 1:
        return not_applicable("the settings do not have both the list price and a scheme among price_arrangements")
    full = subject.outcomes.total_costs("list")[:, 0]
    currency = subject.inputs.settings.currency
    running = [row.amount for row in subject.second.counted("cost") if row.whose == "scheme"]
    dearer = [
        f"{name} under {a}: by {currency} {more:,.0f}, with {listed(running)} for running it"
        for a in prices
        for name, more in zip(subject.names, subject.outcomes.total_costs(a)[:, 0] - full, strict=True)
        if more > 1e-9 * max(1.0, float(full.max()))
    ]
    return holds(not dearer, "no strategy dearer under a scheme than without", f"dearer: {listed(dearer)}", otherwise=REVIEW)


def discount_rates(subject: Subject) -> Finding:
    """E5: discount rates beside those of NICE's manual."""
    settings = subject.inputs.settings
    rates = settings.discount_rate_costs, settings.discount_rate_effects
    is_usual = any(np.allclose(rates, usual, rtol=0, atol=1e-12) for usual in REFERENCE_CASE)
    found = f"costs {100 * rates[0]:g} %, effects {100 * rates[1]:g} %"
    return holds(is_usual, "3.5 % for both, or 1.5 % for both", found, otherwise=REVIEW)


def free_drugs(subject: Subject) -> Finding:
    """E6: prices of drugs, and the share of cycles in which a pack is dispensed."""
    settings = subject.inputs.settings
    prices = sorted({name for drug in settings.drugs for name in drug_prices(subject, drug)})
    shares = {name for drug in settings.drugs.values() for name in names_in(drug.dispensed or "1")}
    shares |= {f"{name}_{s}" for name in shares for s in subject.names}
    nought = [name for name in [*prices, *sorted(shares & subject.read)] if float(subject.base[name][0]) == 0]
    return holds(not nought, "above 0", f"{len(prices)} prices; 0: {listed(nought)}", "strict", otherwise=REVIEW)


def unread(subject: Subject) -> Finding:
    """E7: rows that nothing reads under any choice of settings."""
    known = subject.read | subject.second.readable()
    odd = [n for n in subject.inputs.parameters if n not in known and not n.startswith(READ_ELSEWHERE)]
    found = f"{len(subject.inputs.parameters)} rows; read under no settings: {listed(odd, 12)}"
    return holds(not odd, "every row is read under some settings, or by an analysis", found, "exact", otherwise=REVIEW)


CHECKS = (
    Check(
        "E1",
        "Published medians and shares beside what the model gives",
        "published.csv; in parameters.csv median_..., shape_..., r_death_progressed_...; settings.toml: treatment_until",
        against_source,
    ),
    Check(
        "E2",
        "The utilities of the two states side by side",
        "payoffs.csv: rows `year in ...`; parameters.csv: u_...",
        utilities_in_order,
    ),
    Check(
        "E3",
        "Standard errors beside their values",
        "parameters.csv: column se of the rows named (SE = SD / sqrt(n))",
        large_errors,
    ),
    Check(
        "E4",
        "Totals under each scheme beside those at the list price",
        "settings.toml: schemes; payoffs.csv: rows for a scheme; parameters.csv: their costs, prices of drugs",
        scheme_below_list,
    ),
    Check(
        "E5",
        "Discount rates beside those of NICE's manual",
        "settings.toml: discount_rate_costs, discount_rate_effects",
        discount_rates,
    ),
    Check(
        "E6",
        "Prices of drugs, and the share of cycles in which a pack is dispensed",
        "settings.toml: price and dispensed of each drug; parameters.csv: c_... in them",
        free_drugs,
    ),
    Check("E7", "Rows that nothing reads under any choice of settings", "parameters.csv: the names of the rows named", unread),
)
