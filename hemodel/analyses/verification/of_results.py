"""Checks of costs, QALYs and what is concluded from them: extremes, identities, and every number counted again (R1 to R30)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import pairwise as neighbours
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from hemodel.analyses.severity import run_modifiers
from hemodel.analyses.verification import recount
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
from hemodel.analyses.verification.recount import DT, YEARS
from hemodel.analyses.verification.subject import PLAIN, Array, Subject, everything_seen
from hemodel.cohort import model
from hemodel.decision import severity as modifiers
from hemodel.decision.incremental import incremental_analysis, pairwise
from hemodel.evidence.draws import NamedDraws
from hemodel.evidence.inputs import Inputs
from hemodel.evidence.rules import load_rules
from hemodel.outcomes import Outcomes

Pairs = dict[str, tuple[ArrayLike, ArrayLike]]
STATES = ("progression_free", "progressed")
APART: dict[str, Any] = {"discount_rate_costs": 0.06, "discount_rate_effects": 0.015}
"""Discount rates that differ, so that one taken for the other is seen."""


def full_health(subject: Subject) -> Finding:
    """R1: utilities of one and no losses."""
    found = subject.run(_utilities(subject, 1.0), utility_age_adjustment="none")
    plain = found.undiscounted
    assert plain is not None
    pairs = {
        f"{s}{words}": (o.qalys[s], o.life_years[s]) for words, o in (("", found), (", undiscounted", plain)) for s in STATES
    }
    return all_equal(pairs | {"total": (found.total_qalys, found.total_life_years)}, to="QALYs are life-years")


def _utilities(subject: Subject, value: float) -> dict[str, float]:
    """Utilities at one value, without any losses."""
    return dict.fromkeys(("u_progression_free", "u_progressed"), value) | {n: 0.0 for n in subject.base if n.startswith("du_")}


def no_health(subject: Subject) -> Finding:
    """R2: utilities of nought and no losses."""
    return equal(subject.run(_utilities(subject, 0.0)).total_qalys, 0.0, 0.0, to="no QALYs")


def less_health(subject: Subject) -> Finding:
    """R3: both utilities lowered by 0.05."""
    lower = {f"u_{s}": subject.base[f"u_{s}"] - 0.05 for s in STATES}
    fall = subject.outcomes.total_qalys - subject.run(lower).total_qalys
    return holds(bool((fall > 0).all()), "QALYs fall", f"they fall by {fall.min():.3f} or more", "strict")


def no_prices(subject: Subject) -> Finding:
    """R4: all prices at nought."""
    found = subject.run({n: 0.0 for n in subject.base if n.startswith("c_")})
    return equal(np.stack([found.total_costs(a) for a in found.price_arrangements]), 0.0, 0.0, to="no costs")


def twins(subject: Subject) -> tuple[dict[str, Array], Inputs]:
    """Draws and inputs in which every strategy has all that the comparator has."""
    inputs, changes = subject.own_curves, dict(subject.base)
    reference = subject.names[subject.reference]
    for name in subject.base:
        if name.endswith(f"_{reference}") and _owner(name, subject.names) == reference:
            quantity = name.removesuffix(reference)
            for other in subject.names:
                if f"{quantity}{other}" in subject.base:
                    changes[f"{quantity}{other}"] = subject.base[name] * _unit(inputs, name) / _unit(inputs, f"{quantity}{other}")
    like = inputs.settings.strategies[subject.reference]
    same = [s.model_dump() | {"drugs": like.drugs, "treatment_cycles": like.treatment_cycles} for s in inputs.settings.strategies]
    return _with_prices_of(dict.fromkeys(subject.names, reference), changes, inputs.with_settings(strategies=same))


def _with_prices_of(source: Mapping[str, str], draws: dict[str, Array], inputs: Inputs) -> tuple[dict[str, Array], Inputs]:
    """Draws and inputs in which every strategy pays for other drugs what its `source` does, and has no such row where that has none."""
    prices = {f"c_other_drugs_{s}": f"c_other_drugs_{other}" for s, other in source.items()}
    held = {name: twin for name, twin in prices.items() if twin in inputs.parameters}
    kept = {n: p for n, p in inputs.parameters.items() if n not in prices}
    rows = kept | {name: replace(inputs.parameters[twin], name=name) for name, twin in held.items()}
    new = {n: x for n, x in draws.items() if n not in prices}
    values = new | {name: np.array([inputs.parameters[twin].value]) for name, twin in held.items()}
    return NamedDraws(values), replace(inputs, parameters=rows)


def _owner(name: str, strategies: tuple[str, ...]) -> str:
    """Strategy after which a parameter is named, or nothing."""
    return max((s for s in strategies if name.endswith(f"_{s}")), key=len, default="")


def _unit(inputs: Inputs, name: str) -> float:
    return YEARS.get(inputs.parameters[name].unit, 1.0)


def no_difference_in_effect(subject: Subject) -> Finding:
    """R5: every strategy gets what the comparator has."""
    draws, inputs = twins(subject)
    seen, found = everything_seen(draws, inputs), model.evaluate(draws, inputs)
    pairs = {s: (seen[s], seen[s][:, [subject.reference]]) for s in (*STATES, "on_treatment")}
    pairs |= {"life-years": (found.total_life_years, found.total_life_years[[subject.reference]])}
    pairs |= {"QALYs": (found.total_qalys, found.total_qalys[[subject.reference]])}
    return all_equal({k: (np.asarray(a), np.asarray(b)) for k, (a, b) in pairs.items()}, to="no increments, in any cycle")


def no_difference_at_all(subject: Subject) -> Finding:
    """R6: the same, and what is said of it."""
    found = model.evaluate(*twins(subject))
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
    inputs, changes = subject.own_curves, dict(subject.base)
    a, b = subject.names[subject.first], subject.names[subject.reference]
    for name in subject.base:
        if _owner(name, subject.names) == a:
            twin = name.removesuffix(a) + b
            if twin in subject.base:
                changes[name] = subject.base[twin] * _unit(inputs, twin) / _unit(inputs, name)
                changes[twin] = subject.base[name] * _unit(inputs, name) / _unit(inputs, twin)
    one, other = (inputs.settings.strategies[i] for i in (subject.first, subject.reference))
    terms = {a: other, b: one}
    strategies = [
        s.model_dump() | {k: getattr(terms.get(s.name, s), k) for k in ("drugs", "treatment_cycles")}
        for s in inputs.settings.strategies
    ]
    source = {s: s for s in subject.names} | {a: b, b: a}
    exchanged = _with_prices_of(source, changes, inputs.with_settings(strategies=strategies))
    before, after = model.evaluate(subject.base, inputs), model.evaluate(*exchanged)
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
    """R9: what the 27th cycle, two years on, adds at 10 %."""
    rate = 0.1
    rates: dict[str, Any] = {"discount_rate_costs": rate, "discount_rate_effects": rate}
    shorter, longer = (subject.run(horizon_years=n * DT, **rates) for n in (26, 27))
    assert shorter.undiscounted is not None and longer.undiscounted is not None
    plain = {s: longer.undiscounted.life_years[s] - shorter.undiscounted.life_years[s] for s in STATES}
    factor = (1 + rate) ** -(26.5 * 28 / 365.25)
    pairs: Pairs = {f"time {s}": (longer.life_years[s], shorter.life_years[s] + plain[s] * factor) for s in STATES}
    packs = [o.costs["list" if "list" in o.costs else next(iter(o.costs))]["monitoring"] for o in (longer, shorter)]
    plain_packs = [o.undiscounted.costs[next(iter(o.costs))]["monitoring"] for o in (longer, shorter) if o.undiscounted]
    start = (1 + rate) ** -(26 * 28 / 365.25)
    pairs["monitoring"] = (packs[0], packs[1] + (plain_packs[0] - plain_packs[1]) * start)
    return all_equal(pairs, 1e-11, to="the flow of the 27th cycle over (1 + r) to the power of its years")


def higher_rates(subject: Subject) -> Finding:
    """R10: discount rates raised."""
    enough = max(1.0, subject.inputs.settings.horizon_years)  # what is bought at the start is never discounted
    rates = (0.0, 0.035, 0.1)
    totals = [_totals(subject, subject.run(discount_rate_costs=r, discount_rate_effects=r, horizon_years=enough)) for r in rates]
    falls = all(bool(((after < before) | (before == 0)).all()) for before, after in neighbours(totals))
    return holds(
        falls, "costs, life-years and QALYs fall", f"they {'fall' if falls else 'do not all fall'} at 0, 3.5 and 10 %", "strict"
    )


def _totals(subject: Subject, found: Outcomes) -> Array:
    """Costs, life-years, and QALYs of each state, taken as losses where its utility is below 0: all are sums of flows of one sign."""
    costs = [found.total_costs(a) for a in found.price_arrangements]
    return np.stack([*costs, found.total_life_years, *(np.sign(subject.base[f"u_{s}"]) * found.qalys[s] for s in STATES)])


def extreme_rate(subject: Subject) -> Finding:
    """R11: a discount rate at which only the first cycle counts."""
    rate = 1e60  # a factor of 2.5e-5 a cycle; beyond what settings allow, so put in by hand
    settings = subject.inputs.settings.model_copy(update={"discount_rate_costs": rate, "discount_rate_effects": rate})
    found = model.evaluate(subject.base, replace(subject.inputs, settings=settings))
    ledger = _ledger(subject)
    x, count = {s: subject.trace[s] for s in STATES}, subject.inputs.settings.time_in_state
    first = {"life_table": (0.5, 0.5), "start": (1.0, 0.0), "end": (0.0, 1.0)}[count]
    lived = sum(first[0] * x[s][0] + first[1] * x[s][1] for s in STATES) * DT * (1 + rate) ** -(DT / 2)
    start = subject.trace["on_treatment"][0] * subject.base["p_pack_dispensed"] * recount.pack_price(ledger)[0]
    pairs: Pairs = {"life-years": (found.total_life_years, lived)}
    if "list" in found.costs:
        pairs["packs"] = (found.costs["list"]["lenalidomide"], ledger.has("lenalidomide") * start)
    return all_equal(pairs, 1e-3, to="what the first cycle brings")


def _ledger(subject: Subject) -> recount.Ledger:
    return recount.Ledger(subject.inputs, subject.base, subject.trace)


def order_of_totals(subject: Subject) -> Finding:
    """R12: discounted beside undiscounted, QALYs beside life-years."""
    found, plain = subject.outcomes, subject.outcomes.undiscounted
    assert plain is not None
    rules = {
        "discounted life-years": bool((found.total_life_years <= plain.total_life_years + 1e-12).all()),
        "discounted costs": all(
            bool((found.total_costs(a) <= plain.total_costs(a) + 1e-9).all()) for a in found.price_arrangements
        ),
        "QALYs": bool((found.total_qalys <= found.total_life_years + 1e-12).all()),
    }
    for s in STATES:  # of a utility below 0 more years are fewer QALYs, and discounting takes from the loss
        value = float(subject.base[f"u_{s}"][0])
        rules[f"discounted QALYs {s}"] = bool((np.sign(value) * (plain.qalys[s] - found.qalys[s]) >= -1e-12).all())
        rules[f"u_{s} {value:g}"] = bool((found.qalys[s] <= found.life_years[s] + 1e-12).all()) and value <= 1
    wrong = [name for name, is_so in rules.items() if not is_so]
    expected = (
        "discounted at most undiscounted (QALYs where the utility is not below 0), QALYs at most life-years, utilities at most 1"
    )
    return holds(not wrong, expected, f"exceeded by: {listed(wrong)}", "1e-12")


def quality_within_bounds(subject: Subject) -> Finding:
    """R13: mean utility of the time lived."""
    plain = subject.outcomes.undiscounted
    assert plain is not None
    held = [float(subject.base[f"u_{s}"][0]) for s in STATES]
    mean = sum(plain.qalys[s] for s in STATES) / plain.total_life_years
    low = min(held) if subject.inputs.settings.utility_age_adjustment == "none" else -np.inf
    is_so = bool((mean >= low - 1e-12).all() and (mean <= max(held) + 1e-12).all())
    return holds(is_so, f"mean utility from {min(held):g} to {max(held):g}", f"{mean.min():.3f} to {mean.max():.3f}", "1e-12")


def shorter_horizon(subject: Subject) -> Finding:
    """R14: shorter horizons."""
    years = subject.inputs.settings.horizon_years
    totals = [_totals(subject, subject.run(horizon_years=max(DT, years * share))) for share in (0.1, 0.3, 0.6, 1.0)]
    rises = all(bool((after >= before - 1e-9).all()) for before, after in neighbours(totals))
    return holds(
        rises, "no total falls as the horizon grows", f"they {'never fall' if rises else 'fall'} over four horizons", "not less"
    )


def half_cycle(subject: Subject) -> Finding:
    """R15: time counted at starts, ends and their mean."""
    by = {count: subject.run(time_in_state=count) for count in ("start", "life_table", "end")}
    pairs: Pairs = {}
    for s in STATES:
        left = subject.trace[s][0] - subject.trace[s][-1]
        plain = {count: o.undiscounted.life_years[s] for count, o in by.items() if o.undiscounted}
        pairs[f"start less mean, {s}"] = (plain["start"], plain["life_table"] + left * DT / 2)
        pairs[f"mean less end, {s}"] = (plain["life_table"], plain["end"] + left * DT / 2)
    for a, costs in by["start"].costs.items():
        for c in set(costs) - {"post_progression_care", "second_cancers"}:
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
    """R17: every strength of lenalidomide made GBP 100 dearer."""
    names = subject.beginning("c_lenalidomide_")
    if not names or not any("lenalidomide" in s.drugs for s in subject.inputs.settings.strategies):
        return not_applicable("no strategy has lenalidomide")
    rise = 100.0
    after = subject.run({n: subject.base[n] + rise for n in names})
    ledger = _ledger(subject)
    pairs: Pairs = {}
    share = (
        1.0 if subject.inputs.settings.dose == "stepwise" else sum(subject.base[f"p_packs_{s}mg"] for s in (5, 10, 15, 20, 25))
    )
    flat = np.ones((len(ledger.starts), 1)) * rise * share
    for a, costs in after.costs.items():
        terms = None if a == "list" else subject.inputs.settings.schemes[a]
        expected = recount.lenalidomide(ledger, terms, subject.inputs.settings.discount_rate_costs, price=flat)
        pairs[f"lenalidomide ({a})"] = (costs["lenalidomide"] - subject.outcomes.costs[a]["lenalidomide"], expected)
        for c in set(costs) - {"lenalidomide", "later_lenalidomide"}:
            pairs[f"{c} ({a})"] = (costs[c], subject.outcomes.costs[a][c])
    return all_equal(pairs, 1e-9, to="the rise times the packs charged, and nothing else")


def adverse_events(subject: Subject) -> Finding:
    """R18: adverse events without consequences, and consequences without events."""
    events = model.adverse_events(subject.inputs)
    if not events:
        return not_applicable("the inputs have no adverse events")
    nothing = subject.run({f"{q}_{e}": 0.0 for e in events for q in ("c", "du")})
    never = subject.run({f"p_{e}_{s}": 0.0 for e in events for s in subject.names})
    # events are counted in the first cycle whatever happens after, so time and states are the same
    return all_equal(_named(nothing, never), to="without consequences as without events")


def adverse_events_extreme(subject: Subject) -> Finding:
    """R19: nobody and everybody has adverse events."""
    events = model.adverse_events(subject.inputs)
    if not events:
        return not_applicable("the inputs have no adverse events")
    none, all_have = (subject.run({f"p_{e}_{s}": p for e in events for s in subject.names}) for p in (0.0, 1.0))
    dearer = all(bool((all_have.total_costs(a) > none.total_costs(a)).all()) for a in none.price_arrangements)
    worse = bool((all_have.total_qalys < none.total_qalys).all())
    return holds(dearer and worse, "costs up, QALYs down", f"costs {'up' if dearer else 'not up'}, QALYs {'down' if worse else 'not down'}",
                 "strict", otherwise=REVIEW)  # fmt: skip


def price_per_time(subject: Subject) -> Finding:
    """R20: undiscounted drug cost over time on treatment."""
    plain = subject.outcomes.undiscounted
    assert plain is not None
    given = [i for i, s in enumerate(subject.inputs.settings.strategies) if "lenalidomide" in s.drugs]
    if not given or "list" not in plain.costs or subject.inputs.settings.dose == "stepwise":
        return not_applicable("no strategy has lenalidomide at one list price throughout")
    cycles = subject.trace["on_treatment"][:-1].sum(axis=0)
    price = subject.base["p_pack_dispensed"] * recount.pack_price(_ledger(subject))[0]
    return equal(plain.costs["list"]["lenalidomide"][given] / cycles[given], np.broadcast_to(price, (len(given), 1)), 1e-9,
                 to="undiscounted cost over mean cycles on treatment is the price of a pack")  # fmt: skip


def treatment_difference(subject: Subject) -> Finding:
    """R21: difference of treatments taken away, halved and doubled: medians by their difference, rates by that of their mean times."""
    gains = []
    inputs = subject.own_curves
    for by in (0.0, 0.5, 1.0, 2.0):
        changes = {}
        for quantity, power in (("median_pfs", 1), ("median_os", 1), ("r_death_progressed", -1)):
            mine, its = (f"{quantity}_{subject.names[i]}" for i in (subject.first, subject.reference))
            if mine in subject.base and its in subject.base:
                one, other = (float(subject.base[n][0]) * _unit(inputs, n) for n in (mine, its))
                if one > 0 and other > 0:
                    time = other**power + by * (one**power - other**power)
                    changes[mine] = max(time, one**power / 100) ** power / _unit(inputs, mine)
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
    after = subject.run({n: 1.1 * subject.base[n] for n in subject.base if n.startswith("c_")})
    pairs = {a: (after.total_costs(a), 1.1 * subject.outcomes.total_costs(a)) for a in after.price_arrangements}
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
    gain = subject.run(changes).total_qalys - subject.outcomes.total_qalys
    return holds(
        bool((gain > 0).all()), "more QALYs in every strategy", f"gains from {gain.min():.3f}", "strict", otherwise=REVIEW
    )


def run_again(subject: Subject) -> Finding:
    """R26: the same run made twice."""
    one, other = subject.outcomes, model.evaluate(dict(subject.base), subject.inputs)
    return all_equal(_named(one, other), 0.0, to="the same bits")


def counted_again(subject: Subject) -> Finding:
    """R28: every cost, QALY and life-year counted again from the trace."""
    inputs = subject.with_settings(subject.inputs, **APART)
    pairs: Pairs = {}
    ledger = recount.Ledger(inputs, subject.few, everything_seen(subject.few, inputs))
    found = model.evaluate(subject.few, inputs)
    plain = found.undiscounted
    assert plain is not None
    for words, of, (money, health) in (("", found, APART.values()), (", undiscounted", plain, (0.0, 0.0))):
        again = recount.costs(ledger, money)
        for a, parts in of.costs.items():
            if set(parts) != set(again[a]):
                return Finding(FAIL, "the same components", f"one count only has {listed(sorted(set(parts) ^ set(again[a])))}")
            pairs |= {f"{c} ({a}){words}": (x, again[a][c]) for c, x in parts.items()}
        again_health = recount.qalys(ledger, health)
        if set(of.qalys) != set(again_health):
            return Finding(FAIL, "the same parts of QALYs", listed(sorted(set(of.qalys) ^ set(again_health))))
        pairs |= {f"QALYs {s}{words}": (x, again_health[s]) for s, x in of.qalys.items()}
        pairs |= {f"life-years {s}{words}": (x, ledger.lived(s, health)) for s, x in of.life_years.items()}
    return all_equal(pairs, 1e-10, to="every component counted from the trace, at 6 % and 1.5 %, in nine draws")


def schemes(subject: Subject) -> Finding:
    """R29: caps of 5 and 6 cycles and beyond the horizon, a free start, a discount."""
    enough = subject.with_settings(subject.inputs, horizon_years=max(1.0, subject.inputs.settings.horizon_years))
    settings = enough.settings
    terms = {
        "one": {"kind": "drug_cost_cap", "label": "5 cycles charged", "drug_cost_cap_cycles": 5},
        "two": {"kind": "drug_cost_cap", "label": "6 cycles charged", "drug_cost_cap_cycles": 6},
        "never": {"kind": "drug_cost_cap", "label": "beyond the horizon", "drug_cost_cap_cycles": settings.n_cycles + 1},
        "start": {"kind": "free_start", "label": "5 cycles free", "free_cycles": 5},
        "off": {"kind": "price_discount", "label": "three tenths off", "price_discount": 0.3},
    }
    found = subject.run(None, enough, schemes=terms, price_arrangements=["list", *terms], scheme_counts="calendar", **PLAIN)
    drug = {a: found.costs[a]["lenalidomide"] for a in found.costs}
    ledger = recount.Ledger(enough, subject.base, subject.follow(None, enough, **PLAIN))
    value = subject.base["p_pack_dispensed"] * recount.pack_price(ledger)[5]
    sixth = ledger.has("lenalidomide") * ledger.trace["on_treatment"][5] * value * (1 + settings.discount_rate_costs) ** (-5 * DT)
    pairs: Pairs = {
        "a sixth cycle charged": (drug["two"] - drug["one"], sixth),
        "a cap beyond the horizon": (drug["never"], drug["list"]),
        "first cycles free": (drug["start"], drug["list"] - drug["one"]),
        "three tenths off": (drug["off"], 0.7 * drug["list"]),
    }
    others = set(found.costs["list"]) - {"lenalidomide", "scheme_running"}
    pairs |= {f"{c} ({a})": (found.costs[a][c], found.costs["list"][c]) for a in terms for c in others}
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
    n = int((len(subject.inputs.life_table.male) - age) / DT)
    rate, total = subject.inputs.settings.discount_rate_effects, 0.0
    for share, is_male in ((men, 1.0), (1 - men, 0.0)):
        alive = recount.general_survival(subject.inputs.life_table, np.array([age]), np.array([is_male]), n)[:, 0]
        for c in range(n):
            middle = (c + 0.5) * DT
            norm = float(subject.inputs.utility_norm.at(np.array([age + middle]), is_male)[0])
            total += share * norm * (alive[c] + alive[c + 1]) / 2 * DT * (1 + rate) ** -middle
    return total


WORKBOOK = (
    "not done here but elsewhere: every live workbook compares its results with the engine's on its sheets Checks and Engine, and "
    "tests/report/test_live_agreement.py recalculates workbooks, with inputs changed in the file too"
)
MONEY, HEALTH = "valuation.py: costs", "valuation.py: qalys; payoffs.py"
UTILITIES = "parameters.csv: u_progression_free, u_progressed"
PROGNOSIS = "parameters.csv: median_pfs_..., median_os_..., r_death_progressed_..."

CHECKS = (
    Check("R1", "Utilities of one and no losses", HEALTH, full_health),
    Check("R2", "Utilities of nought and no losses", HEALTH, no_health),
    Check("R3", "Both utilities lowered by 0.05", HEALTH, less_health),
    Check("R4", "All prices at nought", MONEY, no_prices),
    Check("R5", "Every strategy gets what the comparator has", "curves.py; by_strategy", no_difference_in_effect),
    Check("R6", "The same, and what is said of it", "decision/incremental.py", no_difference_at_all),
    Check("R7", "The first strategy and the comparator exchange all their inputs", "by_strategy; the order of strategies", swapped),
    Check("R8", "Discount rates of nought", "payoffs.py: discount_factors", no_discounting),
    Check("R9", "What the 27th cycle, two years on, adds at 10 %", "payoffs.py: discount_factors; sums.py", second_year),
    Check("R10", "Discount rates raised", "payoffs.py: discount_factors", higher_rates),
    Check("R11", "A discount rate at which only the first cycle counts", "payoffs.py; sums.py", extreme_rate),
    Check("R12", "Discounted beside undiscounted, QALYs beside life-years", f"{UTILITIES}; {HEALTH}", order_of_totals),
    Check("R13", "Mean utility of the time lived", f"{UTILITIES}; {HEALTH}", quality_within_bounds),
    Check("R14", "Shorter horizons", "settings.toml: horizon_years; sums.py", shorter_horizon),
    Check("R15", "Time counted at starts, ends and their mean", "payoffs.py: years_in_state; sums.py", half_cycle),
    Check("R16", "Parts of the table added up", "analyses/base_case.py; outcomes.py", sums),
    Check("R17", "Every strength of lenalidomide made GBP 100 dearer", "schemes.py; valuation.py: _packs", acquisition),
    Check("R18", "Adverse events without consequences, and consequences without events", "valuation.py: _per_event", adverse_events),
    Check("R19", "Nobody and everybody has adverse events", "parameters.csv: c_..., du_... of the events; valuation.py: _per_event",
          adverse_events_extreme),
    Check("R20", "Undiscounted drug cost over time on treatment", "parameters.csv: p_packs_..., p_pack_dispensed; valuation.py: _packs",
          price_per_time),
    Check("R21", "Difference of treatments taken away, halved and doubled", PROGNOSIS, treatment_difference),
    Check("R22", "All prices raised by a tenth (prices are inputs; the model has no index of inflation)", MONEY, dearer_throughout),
    Check("R23", "The frontier beside a search of all thresholds", "decision/incremental.py: incremental_analysis", frontier),
    Check("R24", "Words beside the signs of increments", "decision/incremental.py: describe_icer", labels),
    Check("R25", "Patients of better prognosis", f"{PROGNOSIS}, {UTILITIES}", better_baseline),
    Check("R26", "The same run made twice", "anything that keeps state between runs", run_again),
    Check("R27", "The engine beside the exported workbook", "", absent(WORKBOOK)),
    Check("R28", "Every cost, QALY and life-year counted again from the trace", "valuation.py; sums.py; schemes.py", counted_again),
    Check("R29", "Caps of 5 and 6 cycles and beyond the horizon, a free start, a discount", "schemes.py; valuation.py: _packs", schemes),
    Check("R30", "Severity at and below its cut-offs, and the QALYs it rests on",
          "the life table; rules.toml; decision/severity.py; background.py",
          severity_weight),
)  # fmt: skip
