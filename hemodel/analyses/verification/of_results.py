"""Checks of costs, QALYs and what is concluded from them: extremes, identities, and every number counted again (R1 to R30)."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import replace
from itertools import pairwise as neighbours
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from hemodel.analyses.severity import run_modifiers
from hemodel.analyses.verification.findings import (
    FAIL,
    PASS,
    REVIEW,
    Check,
    Finding,
    absent,
    all_equal,
    difference,
    equal,
    holds,
    listed,
    not_applicable,
)
from hemodel.analyses.verification.of_inputs import drug_prices
from hemodel.analyses.verification.plain import amounts_of, dispensed, is_for, is_scheduled, names_in, norm_at
from hemodel.analyses.verification.second import STATES, Second, general_survival
from hemodel.analyses.verification.subject import APART, PLAIN, Array, Subject, everything_seen
from hemodel.cohort import model
from hemodel.decision import severity as modifiers
from hemodel.decision.incremental import incremental_analysis, pairwise
from hemodel.evidence.draws import NamedDraws
from hemodel.evidence.inputs import Inputs
from hemodel.evidence.rules import load_rules
from hemodel.outcomes import Outcomes

Pairs = dict[str, tuple[ArrayLike, ArrayLike]]


def full_health(subject: Subject) -> Finding:
    """R1: utilities of one and no losses."""
    changes = subject.utilities(1.0)
    second = subject.priced(changes)
    parts = {s: second.of_years_in(s) for s in STATES}
    others = [row for row in second.counted("qaly") if row.component not in set().union(*parts.values())]
    is_so = all((second.per_year(s) == 1).all() for s in STATES) and not any(second.worth(row).any() for row in others)
    if not is_so:
        return not_applicable("at utilities (u_...) of one and losses (du_...) of nought a year in a state is not one QALY")
    found = subject.run(changes, utility_age_adjustment="none")
    plain = found.undiscounted
    assert plain is not None
    pairs: Pairs = {"total": (found.total_qalys, found.total_life_years)}
    for words, o in (("", found), (", undiscounted", plain)):
        pairs |= {f"{s}{words}": (sum(o.qalys[c] for c in parts[s]), o.life_years[s]) for s in STATES if parts[s]}
    return all_equal(pairs, to="QALYs are life-years")


def no_health(subject: Subject) -> Finding:
    """R2: utilities of nought and no losses."""
    second = subject.priced(subject.utilities(0.0))
    if any(second.worth(row).any() for row in second.counted("qaly")):
        return not_applicable("some rows of QALYs rest on neither a utility (u_...) nor a loss (du_...)")
    return equal(subject.run(subject.utilities(0.0)).total_qalys, 0.0, 0.0, to="no QALYs")


def less_health(subject: Subject) -> Finding:
    """R3: all utilities lowered by 0.05."""
    lower = {name: subject.base[name] - 0.05 for name in subject.beginning("u_")}
    if not lower:
        return not_applicable("the rows of QALYs have no utilities (u_...)")
    fall = subject.outcomes.total_qalys - subject.run(lower).total_qalys
    return holds(bool((fall > 0).all()), "QALYs fall", f"they fall by {fall.min():.3f} or more", "strict")


def no_prices(subject: Subject) -> Finding:
    """R4: all prices at nought."""
    changes = {n: 0.0 for n in subject.base if n.startswith("c_")}
    second = subject.priced(changes)
    if any(second.worth(row).any() for row in second.counted("cost")):
        return not_applicable("some amounts of costs are numbers, or are divided by a price")
    found = subject.run(changes)
    return equal(np.stack([found.total_costs(a) for a in found.price_arrangements]), 0.0, 0.0, to="no costs")


def twins(subject: Subject) -> tuple[dict[str, Array], Inputs]:
    """Draws and inputs in which every strategy has all that the comparator has."""
    return exchanged(subject, dict.fromkeys(subject.names, subject.names[subject.reference]))


def exchanged(subject: Subject, source: Mapping[str, str]) -> tuple[dict[str, Array], Inputs]:
    """Draws and inputs in which every strategy has all that its `source` has, and nothing else: parameters, rows, drugs, duration."""
    inputs = subject.own_curves
    owners = _owners(inputs)
    like = {n: n for n, owner in owners.items() if not owner}  # parameter -> the one whose place it takes
    for name, owner in owners.items():
        like |= {name.removesuffix(owner) + s: name for s, other in source.items() if owner and other == owner}
    rows = []
    for row in inputs.payoffs:
        takers = [s for s, other in source.items() if other == row.owner.name]
        rows += [replace(row, owner=replace(row.owner, name=s)) for s in takers] if row.owner.kind == "strategy" else [row]
    strategies = {s.name: s for s in inputs.settings.strategies}
    theirs = [strategies[source[name]].model_copy(update={"name": s.name, "label": s.label}) for name, s in strategies.items()]
    drugs = {name: drug for name, drug in inputs.settings.drugs.items() if any(name in s.drugs for s in theirs)}
    rows = [row for row in rows if not row.drug or row.drug in drugs]
    settings = inputs.settings.model_copy(
        update={"strategies": theirs, "drugs": drugs}
    )  # by hand: schemes may be left without a drug
    parameters = {name: replace(inputs.parameters[other], name=name) for name, other in like.items()}
    draws = NamedDraws((name, subject.base[other]) for name, other in like.items())
    return draws, replace(inputs, parameters=parameters, payoffs=tuple(rows), settings=settings)


def _owners(inputs: Inputs) -> dict[str, str]:
    """Parameter -> the strategy after which it is named, or nothing; one that stands in an amount as it is belongs to nobody."""
    texts = [row.amount.text for row in inputs.payoffs]
    texts += [text for drug in inputs.settings.drugs.values() for text in amounts_of(drug.model_dump())]
    as_they_are = set().union(*(names_in(text) for text in texts))
    named = {n: [s for s in inputs.settings.strategy_names if n.endswith(f"_{s}")] for n in inputs.parameters}
    return {n: "" if n in as_they_are else max(own, key=len, default="") for n, own in named.items()}


def no_difference_in_effect(subject: Subject) -> Finding:
    """R5: every strategy gets what the comparator has."""
    draws, inputs = twins(subject.on_medians)
    seen, found = everything_seen(draws, inputs), model.evaluate(draws, inputs)
    pairs = {s: (seen[s], seen[s][:, [subject.reference]]) for s in (*STATES, "on_treatment")}
    pairs |= {"life-years": (found.total_life_years, found.total_life_years[[subject.reference]])}
    pairs |= {"QALYs": (found.total_qalys, found.total_qalys[[subject.reference]])}
    return all_equal({k: (np.asarray(a), np.asarray(b)) for k, (a, b) in pairs.items()}, to="no increments, in any cycle")


def no_difference_at_all(subject: Subject) -> Finding:
    """R6: the same, and what is said of it."""
    found = model.evaluate(*twins(subject.on_medians))
    tables = [_pairwise(subject, found, a) for a in found.price_arrangements]
    words = {str(r) for table in tables for r in table["reading"]}
    ratios = np.concatenate([table["icer"].to_numpy() for table in tables])
    worst = max(difference(found.total_costs(a), found.total_costs(a)[[subject.reference]]) for a in found.price_arrangements)
    is_so = worst <= 1e-12 and all(w.startswith("undefined") for w in words) and bool(np.isnan(ratios).all())
    return holds(
        is_so, "equal costs, and a ratio that is undefined", f"{listed(sorted(words))}; costs differ by {worst:.1e}", "1e-12"
    )


def _pairwise(subject: Subject, found: Outcomes, arrangement: str):  # type: ignore[no-untyped-def]
    return pairwise(
        found.strategies, found.total_costs(arrangement)[:, 0], found.total_qalys[:, 0], subject.names[subject.reference]
    )


def swapped(subject: Subject) -> Finding:
    """R7: the first strategy and the comparator exchange all their inputs."""
    subject = subject.on_medians
    a, b = subject.names[subject.first], subject.names[subject.reference]
    before = model.evaluate(subject.base, subject.own_curves)
    after = model.evaluate(*exchanged(subject, {s: s for s in subject.names} | {a: b, b: a}))
    order = list(range(len(subject.names)))
    order[subject.first], order[subject.reference] = order[subject.reference], order[subject.first]
    pairs = {f"costs ({x})": (after.total_costs(x), before.total_costs(x)[order]) for x in before.price_arrangements}
    pairs |= {"life-years": (after.total_life_years, before.total_life_years[order])}
    pairs |= {"QALYs": (after.total_qalys, before.total_qalys[order])}
    return all_equal(pairs, to="totals change places")


def no_discounting(subject: Subject) -> Finding:
    """R8: discount rates of nought."""
    found = subject.run(discount_rate_costs=0.0, discount_rate_effects=0.0)
    plain = found.undiscounted
    assert plain is not None
    return all_equal(_named(found, plain), to="discounted is undiscounted")


def _named(one: Outcomes, other: Outcomes) -> Pairs:
    pairs: Pairs = {f"{c} ({a})": (x, other.costs[a][c]) for a, costs in one.costs.items() for c, x in costs.items()}
    pairs |= {f"QALYs {s}": (x, other.qalys[s]) for s, x in one.qalys.items()}
    return pairs | {f"life-years {s}": (x, other.life_years[s]) for s, x in one.life_years.items()}


def second_year(subject: Subject) -> Finding:
    """R9: what the cycle two years on adds at 10 %."""
    rate, dt = 0.1, subject.dt
    rates: dict[str, Any] = {"discount_rate_costs": rate, "discount_rate_effects": rate}
    n = round(2 / dt)
    shorter, longer = (subject.run(horizon_years=cycles * dt, **rates) for cycles in (n, n + 1))
    assert shorter.undiscounted is not None and longer.undiscounted is not None
    plain = {s: longer.undiscounted.life_years[s] - shorter.undiscounted.life_years[s] for s in STATES}
    factor, bought = (subject.second.discount(rate, n * dt + subject.second.passed(what)) for what in ("time", "purchases"))
    pairs: Pairs = {f"time {s}": (longer.life_years[s], shorter.life_years[s] + plain[s] * factor) for s in STATES}
    a = next(iter(longer.costs))
    for c in _components(subject, {"cycle on treatment", "pack", "cycle after"}):
        more = longer.undiscounted.costs[a][c] - shorter.undiscounted.costs[a][c]
        pairs[c] = (longer.costs[a][c], shorter.costs[a][c] + more * bought)
    return all_equal(pairs, 1e-11, to="the flow of that cycle over (1 + r) to the power of its years")


def _components(subject: Subject, kinds: Container[str]) -> list[str]:
    """Components of costs all of whose rows are of these measures."""
    rows = subject.second.counted("cost")
    others = {row.component for row in rows if row.kind not in kinds}
    return [c for c in dict.fromkeys(row.component for row in rows) if c not in others]


def higher_rates(subject: Subject) -> Finding:
    """R10: discount rates raised."""
    enough = max(2.0, subject.inputs.settings.horizon_years)  # what is bought at the start is never discounted
    rates = (0.0, 0.035, 0.1)
    runs = [subject.run(discount_rate_costs=r, discount_rate_effects=r, horizon_years=enough) for r in rates]
    rising = [name for one, other in neighbours(runs) for name, (x, y) in _in_size(subject, one, other).items() if _grows(x, y)]
    falls = all(bool((y.total_life_years < x.total_life_years).all()) for x, y in neighbours(runs)) and not rising
    found = f"they {'fall' if falls else 'do not all fall'} at 0, 3.5 and 10 %: rising {listed(rising)}"
    return holds(falls, "costs, life-years and QALYs fall", found, "strict for life-years")


def _in_size(subject: Subject, one: Outcomes, other: Outcomes) -> dict[str, tuple[Array, Array]]:
    """Components that are sums of flows of one sign, in size, in two runs; what a refund takes back later is none."""
    settings = subject.inputs.settings
    pairs: dict[str, tuple[Array, Array]] = {}
    money, health = subject.second.signs("cost"), subject.second.signs("qaly")
    for a in one.costs:
        refunded = {drug for drug, scheme in settings.schemes_in(a).items() if scheme.kind == "response_refund"}
        mixed = {row.component for row in subject.second.counted("cost") if row.drug in refunded}
        parts = [c for c in one.costs[a] if money[c].all() and c not in mixed]
        pairs |= {f"{c} ({a})": (money[c] * one.costs[a][c], money[c] * other.costs[a][c]) for c in parts}
    pairs |= {f"QALYs {c}": (health[c] * x, health[c] * other.qalys[c]) for c, x in one.qalys.items() if health[c].all()}
    return pairs | {"life-years": (one.total_life_years, other.total_life_years)}


def _grows(before: Array, after: Array) -> bool:
    return bool((after > before + 1e-12 * np.abs(before)).any())


def extreme_rate(subject: Subject) -> Finding:
    """R11: a discount rate at which only the first cycle counts (the first few where cycles are days)."""
    power = min(300.0, 4.6 / subject.dt)  # a factor of 2.5e-5 a cycle; beyond what settings allow, so put in by hand
    rate, few = 10.0**power, max(1, int(np.ceil(4.6 / subject.dt / power)))
    if subject.inputs.settings.discounting == "by_year":
        few = int(np.ceil(1 / subject.dt)) + 1
    settings = subject.inputs.settings.model_copy(update={"discount_rate_costs": rate, "discount_rate_effects": rate})
    inputs = replace(subject.inputs, settings=settings)
    found = model.evaluate(subject.base, inputs)
    short = settings.model_copy(update={"horizon_years": min(settings.horizon_years, few * subject.dt)})
    second = Second(replace(inputs, settings=short), subject.base)
    pairs: Pairs = {"life-years": (found.total_life_years, sum(second.life_years(rate)[0].values()))}
    for a, costs in second.costs(rate)[0].items():
        if all(scheme.kind != "response_refund" for scheme in settings.schemes_in(a).values()):
            pairs[f"costs ({a})"] = (found.total_costs(a), sum(costs.values()))
    return all_equal(pairs, 1e-3, to="what the first cycle brings")


def order_of_totals(subject: Subject) -> Finding:
    """R12: discounted beside undiscounted, QALYs beside life-years."""
    found, plain = subject.outcomes, subject.outcomes.undiscounted
    assert plain is not None
    wrong = [f"discounted {name}" for name, (x, y) in _in_size(subject, plain, found).items() if _grows(x, y)]
    above = [name for name in subject.beginning("u_") if float(subject.base[name][0]) > 1]
    wrong += [f"{name} {float(subject.base[name][0]):g}" for name in above]
    if bool((found.total_qalys > found.total_life_years + 1e-12).any()):
        wrong.append("QALYs")
    expected = "discounted at most undiscounted in size, QALYs at most life-years, utilities at most 1"
    return holds(not wrong, expected, f"exceeded by: {listed(wrong)}", "1e-12")


def quality_within_bounds(subject: Subject) -> Finding:
    """R13: mean utility of the time lived."""
    plain = subject.outcomes.undiscounted
    assert plain is not None
    bounds = utility_bounds(subject.second, plain)
    if bounds is None:
        return not_applicable("no QALYs come from years in a state alone")
    gained, lived, low, high = bounds
    is_so = bool((gained >= low * lived - 1e-12).all() and (gained <= high * lived + 1e-12).all())
    mean = gained / lived
    expected = f"mean utility from {low.min():g} to {high.max():g}"
    return holds(is_so, expected, f"{mean.min():.3f} to {mean.max():.3f}", "1e-12")


def utility_bounds(second: Second, plain: Outcomes) -> tuple[Array, Array, Array, Array] | None:
    """QALYs of years lived, those years, and between which utilities their mean must lie, (strategy, draw); None where there are none."""
    parts = {s: second.of_years_in(s) for s in STATES}
    states = [s for s in STATES if parts[s]]
    if not states:
        return None
    worth = []
    for s in states:
        rows = [row for row in second.counted("qaly") if row.component in parts[s]]
        worth.append(np.sum([second.worth(row) for row in rows], axis=0))
    low = np.min(worth, axis=0)
    if second.inputs.settings.utility_age_adjustment != "none":  # then the mean falls with age, below all of them
        low = np.full_like(low, -np.inf)
    gained = np.sum([plain.qalys[c] for s in states for c in parts[s]], axis=0)
    return gained, np.sum([plain.life_years[s] for s in states], axis=0), low, np.max(worth, axis=0)


def shorter_horizon(subject: Subject) -> Finding:
    """R14: shorter horizons."""
    years = subject.inputs.settings.horizon_years
    runs = [subject.run(horizon_years=max(subject.dt, years * share)) for share in (0.1, 0.3, 0.6, 1.0)]
    fall = [
        name for one, other in neighbours(runs) for name, (x, y) in _in_size(subject, one, other).items() if (y < x - 1e-9).any()
    ]
    found = f"they {'fall' if fall else 'never fall'} over four horizons: {listed(fall)}"
    return holds(not fall, "no total falls as the horizon grows", found, "not less")


def half_cycle(subject: Subject) -> Finding:
    """R15: time counted at starts, ends and their mean."""
    by = {count: subject.run(time_in_state=count) for count in ("start", "life_table", "end")}
    pairs: Pairs = {}
    for s in STATES:
        left = subject.trace[s][0] - subject.trace[s][-1]
        plain = {count: o.undiscounted.life_years[s] for count, o in by.items() if o.undiscounted}
        pairs[f"start less mean, {s}"] = (plain["start"], plain["life_table"] + left * subject.dt / 2)
        pairs[f"mean less end, {s}"] = (plain["life_table"], plain["end"] + left * subject.dt / 2)
    bought = _components(
        subject, {"start", "start mid-cycle", "cycle on treatment", "pack", "charged pack", "cycle after", "entry to", "death"}
    )
    for a, costs in by["start"].costs.items():
        for c in bought:
            pairs[f"{c} ({a})"] = (costs[c], by["end"].costs[a][c])
    return all_equal(pairs, 1e-9, to="half a cycle of those who left; what is bought does not change")


def sums(subject: Subject) -> Finding:
    """R16: parts of the table added up."""
    base = subject.base_case
    pairs: Pairs = {}
    for a in base.outcomes.price_arrangements:
        rows = base.table[base.table["price_arrangement"] == a]
        pairs[f"components ({a})"] = (base.costs_by_component(a)[list(subject.names)].sum().to_numpy(), rows["costs"].to_numpy())
        pairs[f"states ({a})"] = (base.costs_by_state(a)[list(subject.names)].sum().to_numpy(), rows["costs"].to_numpy())
        pairs["QALYs"] = (base.qalys_by_state()[list(subject.names)].sum().to_numpy(), rows["qalys"].to_numpy())
        years = base.life_years_by_state(discounted=False)[list(subject.names)].sum().to_numpy()
        pairs["life-years"] = (years, rows["life_years"].to_numpy())
        pairs[f"increments ({a})"] = (
            np.nan_to_num(rows["incremental_costs"]),
            rows["costs"] - rows["costs"].iloc[subject.reference],
        )
    return all_equal(pairs, to="the totals of the table")


def acquisition(subject: Subject) -> Finding:
    """R17: every price of a drug made dearer by 100."""
    pairs: Pairs = {}
    rate = subject.inputs.settings.discount_rate_costs
    before = subject.second.costs(rate)[0]
    for drug in subject.inputs.priced_drugs:
        changes = {name: subject.base[name] + 100.0 for name in drug_prices(subject, drug)}
        after = subject.priced(changes).costs(rate)[0]
        found = subject.run(changes)
        for a, costs in found.costs.items():
            rise = {c: (x - subject.outcomes.costs[a][c], after[a][c] - before[a][c]) for c, x in costs.items()}
            pairs |= {f"{c} ({drug}, {a})": pair for c, pair in rise.items() if np.any(pair[1])}
            others = [c for c, pair in rise.items() if not np.any(pair[1])]
            pairs |= {f"{c} ({drug}, {a})": (costs[c], subject.outcomes.costs[a][c]) for c in others}
    if not pairs:
        return not_applicable("no drug has a price")
    return all_equal(pairs, 1e-9, to="the rise times the packs charged, and nothing else")


def of_events(subject: Subject) -> tuple[list[str], list[str]]:
    """Parameters that only adverse events read: what they cost and take away, and how often they happen."""
    about, others = ({n for row in subject.second.rows if bool(row.event) == is_one for n in names_in(row.amount)}
                     for is_one in (True, False))  # fmt: skip
    stems = about - others - {"p_response"}  # which treatment may end by
    own = sorted(subject.read & (stems | {f"{stem}_{s}" for stem in stems for s in subject.names}))
    return [n for n in own if n.startswith(("c_", "du_"))], [n for n in own if n.startswith(("p_", "r_", "n_"))]


def _comes_to_nothing(subject: Subject, names: Iterable[str]) -> bool:
    """Whether adverse events cost and take away nothing with these parameters at nought."""
    second = subject.priced(dict.fromkeys(names, 0.0))
    return not any(second.worth(row).any() for row in (*second.counted("cost"), *second.counted("qaly")) if row.event)


def adverse_events(subject: Subject) -> Finding:
    """R18: adverse events without consequences, and consequences without events."""
    worth, shares = of_events(subject)
    if not worth or not shares:
        return not_applicable("the inputs have no adverse events")
    if not (_comes_to_nothing(subject, worth) and _comes_to_nothing(subject, shares)):
        return not_applicable("costs, losses or shares of adverse events rest on more than parameters of their own")
    # whether they happen or not, time and states are the same
    nothing, never = (subject.run(dict.fromkeys(names, 0.0)) for names in (worth, shares))
    return all_equal(_named(nothing, never), to="without consequences as without events")


def adverse_events_extreme(subject: Subject) -> Finding:
    """R19: nobody and everybody has adverse events."""
    _, shares = of_events(subject)
    if not shares:
        return not_applicable("the inputs have no adverse events")
    none, all_have = (subject.run(dict.fromkeys(shares, p)) for p in (0.0, 1.0))
    dearer = all(bool((all_have.total_costs(a) > none.total_costs(a)).all()) for a in none.price_arrangements)
    worse = bool((all_have.total_qalys < none.total_qalys).all())
    return holds(dearer and worse, "costs up, QALYs down", f"costs {'up' if dearer else 'not up'}, QALYs {'down' if worse else 'not down'}",
                 "strict", otherwise=REVIEW)  # fmt: skip


def price_per_time(subject: Subject) -> Finding:
    """R20: undiscounted drug cost over time on treatment."""
    plain, second, settings = subject.outcomes.undiscounted, subject.second, subject.inputs.settings
    assert plain is not None
    pairs: Pairs = {}
    for row in second.counted("cost"):
        alone = [other.component for other in second.counted("cost")].count(row.component) == 1
        is_charged = row.kind == "charged pack" and row.whose == "drug"
        if not (is_charged and alone and "list" in plain.costs) or is_scheduled(second.terms, row.drug):
            continue
        if settings.dose == "stepwise" and settings.drugs[row.drug].steps:
            continue
        given = [i for i, s in enumerate(subject.names) if is_for(row, second.terms, s)]
        q = np.array([dispensed(second.values, second.terms, subject.names[i], row.drug) for i in given])
        cycles = subject.trace["on_treatment"][:-1].sum(axis=0)[given]
        pairs[row.component] = (plain.costs["list"][row.component][given] / cycles, q * second.worth(row)[given])
    if not pairs:
        return not_applicable("no strategy has a drug at one list price throughout")
    return all_equal(pairs, 1e-9, to="undiscounted cost over mean cycles on treatment is the price of a pack")


def treatment_difference(subject: Subject) -> Finding:
    """R21: difference of treatments taken away, halved and doubled: medians by their difference, rates by that of their mean times."""
    if subject.inputs.settings.fitted_curves:
        return not_applicable("curves fitted to data (fitted_curves) do not follow from medians")
    gains = []
    inputs = subject.own_curves
    for by in (0.0, 0.5, 1.0, 2.0):
        changes = {}
        for quantity, power in (("median_pfs", 1), ("median_os", 1), ("r_death_progressed", -1)):
            mine, its = (f"{quantity}_{subject.names[i]}" for i in (subject.first, subject.reference))
            if mine in subject.base and its in subject.base:
                one, other = (
                    float(subject.base[n][0]) * inputs.settings.years_per(inputs.parameters[n].unit) for n in (mine, its)
                )
                if one > 0 and other > 0:
                    time = other**power + by * (one**power - other**power)
                    changes[mine] = max(time, one**power / 100) ** power / inputs.settings.years_per(inputs.parameters[mine].unit)
        total = subject.run(changes, inputs).total_qalys
        gains.append(float(total[subject.first, 0] - total[subject.reference, 0]))
    none, half, one, twice = gains
    if abs(one - none) < 1e-6:
        return not_applicable(
            "medians and rates of death after progression make no difference between the first strategy and the comparator"
        )
    shares = [(gain - none) / (one - none) for gain in (half, twice)]
    is_so = 0.3 <= shares[0] <= 0.7 and 1.4 <= shares[1] <= 2.6
    found = (
        f"{half:.3f}, {one:.3f} and {twice:.3f}, {none:.3f} without: {shares[0]:.2f} and {shares[1]:.2f} times the part they make"
    )
    return holds(is_so, "QALYs gained about halve and double", found, "0.3 to 0.7, 1.4 to 2.6 times", otherwise=REVIEW)


def dearer_throughout(subject: Subject) -> Finding:
    """R22: all prices raised by a tenth."""
    changes = {n: 1.1 * subject.base[n] for n in subject.base if n.startswith("c_")}
    second = subject.priced(changes)
    if any(difference(second.worth(row), 1.1 * subject.second.worth(row)) > 1e-12 for row in second.counted("cost")):
        return not_applicable("some amounts of costs are not in proportion to the costs (c_...) in them")
    after = subject.run(changes)
    of_share = [a for a in after.costs if all(s.most_paid is None for s in subject.inputs.settings.schemes_in(a).values())]
    pairs = {a: (after.total_costs(a), 1.1 * subject.outcomes.total_costs(a)) for a in of_share}
    if not pairs:
        return not_applicable("every price arrangement caps what is paid for a person")
    return all_equal(pairs, to="all costs rise by a tenth")


def frontier(subject: Subject) -> Finding:
    """R23: the frontier beside a search of all thresholds."""
    cases = [
        (subject.outcomes.total_costs(a)[:, 0], subject.outcomes.total_qalys[:, 0]) for a in subject.outcomes.price_arrangements
    ]
    places = np.modf(np.outer(np.arange(1, 121), np.sqrt([2.0, 3, 5, 7, 11, 13, 17, 19, 23, 29])))[
        0
    ]  # equidistributed, not random
    cases += [(1e4 * row[:5], row[5:]) for row in places]
    wrong = 0
    for cost, effect in cases:
        names = [f"s{i}" for i in range(len(cost))]
        table = incremental_analysis(names, cost, effect)
        on = table[table["status"].isin(["reference", "on frontier"])]
        ratios = on["icer"].to_numpy()[1:]
        steps = np.diff(on["costs"]) / np.diff(on["effects"])
        agrees = {str(s) for s in on["strategy"]} == {names[i] for i in best_somewhere(cost, effect)}
        wrong += (
            not (agrees and difference(ratios, steps) < 1e-9 and bool((np.diff(ratios) >= 0).all()))
            if len(ratios)
            else not agrees
        )
    return holds(
        not wrong,
        "those best at some threshold, with rising ratios",
        f"{wrong} of {len(cases)} tables differ",
        "exact",
    )


def best_somewhere(cost: Array, effect: Array) -> set[int]:
    """Strategies with the highest net benefit at some threshold, by trying all at which two of them are equal, and between."""
    n = len(cost)
    ties = [(cost[i] - cost[j]) / (effect[i] - effect[j]) for i in range(n) for j in range(i) if effect[i] != effect[j]]
    positive = np.unique([t for t in ties if t > 0] or [1.0])
    tried = np.concatenate([[positive[0] / 2], (positive[1:] + positive[:-1]) / 2, [positive[-1] * 2 + 1]])
    return {int(np.argmax(threshold * effect - cost)) for threshold in tried} | {int(np.lexsort((-effect, cost))[0])}


def labels(subject: Subject) -> Finding:
    """R24: words beside the signs of increments."""
    tables = [_pairwise(subject, subject.outcomes, a) for a in subject.outcomes.price_arrangements]
    rows = [row for table in tables for row in table.to_dict("records")]
    for cost, effect in ((1e3, 1.0), (-1e3, -1.0), (-1e3, 1.0), (1e3, -1.0), (0.0, 1.0), (1e3, 0.0)):
        rows += pairwise(["a", "b"], [5e3, 5e3 + cost], [5.0, 5.0 + effect], "a").to_dict("records")
    wrong = [row["reading"] for row in rows if not _reads_right(row["incremental_costs"], row["incremental_effects"], row)]
    return holds(
        not wrong, "words that go with the signs of the increments", f"{len(rows)} read, wrong: {listed(wrong)}", "exact"
    )


def _reads_right(cost: float, effect: float, row: Mapping[str, object]) -> bool:
    words, ratio = str(row["reading"]), float(str(row["icer"]))
    if cost > 0 and effect > 0:
        return "gained" in words and abs(ratio - cost / effect) <= 1e-9 * abs(ratio)
    if cost < 0 and effect < 0:
        return "forgone" in words and abs(ratio - cost / effect) <= 1e-9 * abs(ratio)
    if cost == effect == 0:
        return words.startswith("undefined") and np.isnan(ratio)
    return words.startswith("dominant" if cost <= 0 and effect >= 0 else "dominated") and bool(np.isnan(ratio))


def better_baseline(subject: Subject) -> Finding:
    """R25: patients of better prognosis."""
    changes = {n: 1.25 * subject.base[n] for n in subject.beginning("median_")}
    changes |= {n: 0.8 * subject.base[n] for n in subject.beginning("r_death_progressed")}
    if not changes:
        return not_applicable("the curves of these inputs follow from no medians or rates")
    gain = subject.run(changes).total_qalys - subject.outcomes.total_qalys
    return holds(
        bool((gain > 0).all()), "more QALYs in every strategy", f"gains from {gain.min():.3f}", "strict", otherwise=REVIEW
    )


def run_again(subject: Subject) -> Finding:
    """R26: the same run made twice."""
    one, other = subject.outcomes, model.evaluate(dict(subject.base), subject.inputs)
    return all_equal(_named(one, other), 0.0, to="the same bits")


def counted_again(subject: Subject) -> Finding:
    """R28: every cost, QALY and life-year counted again by the plain model."""
    second = subject.second_of_few
    found, rates = model.evaluate(subject.few, second.inputs), tuple(APART.values())
    plain = found.undiscounted
    assert plain is not None
    money, health = ((rate, 0.0) for rate in rates)
    pairs: Pairs = {}
    again = zip(second.costs(*money), second.qalys(*health), second.life_years(*health), strict=True)
    for (words, of), (costs, qalys, years) in zip({"": found, ", undiscounted": plain}.items(), again, strict=True):
        for what, one, other in (
            *((a, of.costs[a], costs[a]) for a in of.costs),
            ("QALYs", of.qalys, qalys),
            ("life-years", of.life_years, years),
        ):
            if set(one) != set(other):
                return Finding(FAIL, "the same components", f"{what}: one count only has {listed(sorted(set(one) ^ set(other)))}")
            pairs |= {f"{c} ({what}){words}": (x, other[c]) for c, x in one.items()}
    return all_equal(pairs, 1e-10, to="every component by the plain model, at 6 % and 1.5 %, in nine draws")


def schemes(subject: Subject) -> Finding:
    """R29: caps of 5 and 6 cycles and beyond the horizon, a free start, discounts, for each drug that is charged by the pack."""
    enough = subject.with_settings(subject.inputs, horizon_years=max(2.0, 8 * subject.dt, subject.inputs.settings.horizon_years))
    enough = subject.with_settings(enough, scheme_counts="calendar", **PLAIN)
    settings = enough.settings
    lives = Second(enough, subject.base)
    rows = [row for row in lives.counted("cost") if row.kind == "charged pack" and row.whose == "drug"]
    pairs: Pairs = {}
    for drug in dict.fromkeys(row.drug for row in rows):
        terms = {
            "one": {"kind": "drug_cost_cap", "label": "5 cycles charged", "drug_cost_cap_cycles": 5},
            "two": {"kind": "drug_cost_cap", "label": "6 cycles charged", "drug_cost_cap_cycles": 6},
            "never": {"kind": "drug_cost_cap", "label": "beyond the horizon", "drug_cost_cap_cycles": 10_000},
            "start": {"kind": "free_start", "label": "5 cycles free", "free_cycles": 5},
            "off": {"kind": "price_discount", "label": "three tenths off", "price_discount": 0.3},
            "gift": {"kind": "price_discount", "label": "all off", "price_discount": 1.0},
        }
        named = {name: {"drug": drug, **term} for name, term in terms.items()}
        changed = subject.with_settings(enough, schemes=named, arrangements={}, price_arrangements=["list", *named])
        found, second = model.evaluate(subject.base, changed), Second(changed, subject.base, lives)
        own = {row.component for row in rows if row.drug == drug}
        paid = {a: sum(costs[c] for c in own) for a, costs in found.costs.items()}
        packs = {a: x - paid["gift"] for a, x in paid.items()}  # without what else is in the component
        again = [second.summed("cost", a, [settings.discount_rate_costs])[0] for a in ("one", "two")]
        sixth = sum(again[1][c] - again[0][c] for c in own)
        words = f" ({drug})"
        pairs |= {
            f"a sixth cycle charged{words}": (packs["two"] - packs["one"], sixth),
            f"a cap beyond the horizon{words}": (packs["never"], packs["list"]),
            f"first cycles free{words}": (packs["start"], packs["list"] - packs["one"]),
            f"three tenths off{words}": (packs["off"], 0.7 * packs["list"]),
        }
        touched = own | {row.component for row in lives.counted("cost") if row.whose == "scheme"}
        others = set(found.costs["list"]) - touched
        pairs |= {f"{c} ({drug}, {a})": (found.costs[a][c], found.costs["list"][c]) for a in terms for c in others}
    if not pairs:
        return not_applicable("no drug is charged by the pack")
    return all_equal(pairs, 1e-9, to="each scheme moves the price of its packs and nothing else")


def severity_weight(subject: Subject) -> Finding:
    """R30: severity at and below its cut-offs, and the general population's QALYs."""
    rule = load_rules().severity
    found = run_modifiers(subject.base_case).severity
    out_of_reach = (99.0, 99.0)
    by_loss = {"absolute": rule.absolute, "proportional": out_of_reach, "weights": rule.weights}
    by_share = {"absolute": out_of_reach, "proportional": rule.proportional, "weights": rule.weights}
    levels = {
        "absolute": weights_about(rule.absolute, by_loss),
        "proportional": weights_about([20 * cut for cut in rule.proportional], by_share),
    }
    wanted = [rule.weights[0], rule.weights[1], rule.weights[1], rule.weights[2]]
    general, own = general_qalys(subject), float(subject.outcomes.total_qalys[subject.reference, 0])
    numbers: Pairs = {
        "the general population's QALYs": (found.general_population_qalys, general),
        "the comparator's QALYs": (found.current_treatment_qalys, own),
        "absolute shortfall": (found.absolute_shortfall, general - own),
        "proportional shortfall": (found.proportional_shortfall, 1 - own / general),
    }
    agree = all_equal(numbers, 1e-9)
    is_so = levels["absolute"] == levels["proportional"] == wanted and agree.verdict == PASS
    shown = (
        f"weights below and on the cut-offs: absolute {levels['absolute']}, proportional {levels['proportional']}; {agree.found}"
    )
    return holds(is_so, f"{wanted}: on a cut-off the higher weight; QALYs and shortfalls counted again", shown, "1e-09")


def weights_about(losses: Iterable[float], rule: Mapping[str, Any]) -> list[float]:
    """Severity weights just below each loss of 20 QALYs and exactly on it: 17 and 19 are shares of 0.85 and 0.95 to the last bit."""
    return [modifiers.severity(20.0, 20.0 - loss + less, **rule).weight for loss in losses for less in (1e-3, 0.0)]


def general_qalys(subject: Subject) -> float:
    """Discounted QALYs of the general population of the patients' age and sex to the end of the life table, men and women apart."""
    age, men = float(subject.base["age_start"][0]), float(subject.base["p_male"][0])
    second, dt = subject.second, subject.dt
    n = int((len(subject.inputs.life_table.male) - age) / dt)
    starts = np.arange(n) * dt
    weights = second.discount(subject.inputs.settings.discount_rate_effects, starts + second.passed("time")) * dt
    total = 0.0
    for share, is_male in ((men, 1.0), (1 - men, 0.0)):
        alive = general_survival(subject.inputs.life_table, np.array([age]), np.array([is_male]), n, dt)[:, 0]
        norm = norm_at({"p_male": is_male}, second.terms, age + starts + dt / 2)
        total += share * float(np.sum(weights * norm * (alive[1:] + alive[:-1]) / 2))
    return total


WORKBOOK = (
    "not done here but elsewhere: every live workbook compares its results with the engine's on its sheets Checks and Engine, and "
    "tests/report/test_live_agreement.py recalculates workbooks, with inputs changed in the file too"
)
MONEY, HEALTH = "payoffs.csv; valuation.py: costs", "payoffs.csv; valuation.py: qalys"
UTILITIES = "parameters.csv: u_..."
PROGNOSIS = "parameters.csv: median_pfs_..., median_os_..., r_death_progressed_..."

CHECKS = (
    Check("R1", "Utilities of one and no losses", HEALTH, full_health),
    Check("R2", "Utilities of nought and no losses", HEALTH, no_health),
    Check("R3", "All utilities lowered by 0.05", HEALTH, less_health),
    Check("R4", "All prices at nought", MONEY, no_prices),
    Check("R5", "Every strategy gets what the comparator has", "curves.py; by_strategy", no_difference_in_effect),
    Check("R6", "The same, and what is said of it", "decision/incremental.py", no_difference_at_all),
    Check("R7", "The first strategy and the comparator exchange all their inputs", "by_strategy; the order of strategies", swapped),
    Check("R8", "Discount rates of nought", "cohort/payoffs.py: discount_factors", no_discounting),
    Check("R9", "What the cycle two years on adds at 10 %", "cohort/payoffs.py: discount_factors; sums.py", second_year),
    Check("R10", "Discount rates raised", "cohort/payoffs.py: discount_factors", higher_rates),
    Check("R11", "A discount rate at which only the first cycle counts", "cohort/payoffs.py; sums.py", extreme_rate),
    Check("R12", "Discounted beside undiscounted, QALYs beside life-years", f"{UTILITIES}; {HEALTH}", order_of_totals),
    Check("R13", "Mean utility of the time lived", f"{UTILITIES}; {HEALTH}", quality_within_bounds),
    Check("R14", "Shorter horizons", "settings.toml: horizon_years; sums.py", shorter_horizon),
    Check("R15", "Time counted at starts, ends and their mean", "cohort/payoffs.py: years_in_state; sums.py", half_cycle),
    Check("R16", "Parts of the table added up", "analyses/base_case.py; outcomes.py", sums),
    Check("R17", "Every price of a drug made dearer by 100", "schemes.py; plan.py; valuation.py", acquisition),
    Check("R18", "Adverse events without consequences, and consequences without events", "adverse_events.csv; read_events", adverse_events),
    Check("R19", "Nobody and everybody has adverse events", "parameters.csv: c_..., du_... of the events; adverse_events.csv",
          adverse_events_extreme),
    Check("R20", "Undiscounted drug cost over time on treatment", "settings.toml: price, dispensed of the drug; paths.py: Packs",
          price_per_time),
    Check("R21", "Difference of treatments taken away, halved and doubled", PROGNOSIS, treatment_difference),
    Check("R22", "All prices raised by a tenth (prices are inputs; the model has no index of inflation)", MONEY, dearer_throughout),
    Check("R23", "The frontier beside a search of all thresholds", "decision/incremental.py: incremental_analysis", frontier),
    Check("R24", "Words beside the signs of increments", "decision/incremental.py: describe_icer", labels),
    Check("R25", "Patients of better prognosis", f"{PROGNOSIS}, {UTILITIES}", better_baseline),
    Check("R26", "The same run made twice", "anything that keeps state between runs", run_again),
    Check("R27", "The engine beside the exported workbook", "", absent(WORKBOOK)),
    Check("R28", "Every cost, QALY and life-year counted again by the plain model", "valuation.py; sums.py; schemes.py", counted_again),
    Check("R29", "Caps of 5 and 6 cycles and beyond the horizon, a free start, discounts", "schemes.py; plan.py: scheme_of", schemes),
    Check("R30", "Severity at and below its cut-offs, and the QALYs it rests on",
          "the life table; rules.toml; decision/severity.py; background.py",
          severity_weight),
)  # fmt: skip
