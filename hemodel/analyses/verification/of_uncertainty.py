"""Checks of uncertainty: draws come from the evidence, strategies share them, and what is made of them adds up (U1 to U15)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from hemodel.analyses.one_way import run_one_way
from hemodel.analyses.psa import run_psa
from hemodel.analyses.value_of_information import evppi, evsi_table
from hemodel.analyses.verification.findings import (
    FAIL,
    PASS,
    REVIEW,
    Check,
    Finding,
    all_equal,
    difference,
    holds,
    listed,
    not_applicable,
)
from hemodel.analyses.verification.of_results import utility_bounds
from hemodel.analyses.verification.second import Second
from hemodel.analyses.verification.subject import ROLES_APART, Array, Subject, everything_seen, nobody_dies
from hemodel.cohort import model
from hemodel.errors import InputError
from hemodel.evidence.draws import NamedDraws
from hemodel.evidence.inputs import LifeTable, latent_correlations
from hemodel.evidence.parameters import Parameter

Bools = NDArray[np.bool_]
BLOCK = 512  # draws at a time
ERRORS = 5.0  # Monte Carlo errors by which a mean may be off: once in two million
FAMILIES = {
    ("p", "u", "du", "ratio"): ("beta", "dirichlet", "uniform"),
    ("c", "n", "d", "r"): ("gamma", "lognormal", "lognormal_median", "uniform"),
    ("hr", "median"): ("lognormal", "lognormal_median"),
    ("shape",): ("lognormal", "lognormal_median", "gamma", "uniform"),
    ("fit",): ("normal",),
    ("age",): ("normal", "uniform", "gamma", "lognormal"),
}
"""Prefixes of parameters -> families that cannot leave their range."""
OBSERVED = ("p", "r", "median", "hr", "u", "du", "c", "d", "n")
"""Prefixes of parameters of which a study can be simulated."""
_Z = 1.959963984540054  # 97.5th percentile of a standard normal


def quantile(row: Parameter, probability: float) -> float:
    """Quantile of a parameter's distribution straight from its row, by SciPy's inverse functions."""
    return float(np.asarray(values(row, np.array([special.ndtri(probability)])))[0])


def values(row: Parameter, z: Array) -> Array:
    """Values of a parameter at standard normal scores, by the method of moments."""
    mean, se, p = row.value, row.se or 0.0, special.ndtr(z)
    match row.distribution:
        case "normal":
            return mean + se * z
        case "lognormal":
            spread = np.sqrt(np.log(1 + se**2 / mean**2))
            return np.asarray(np.exp(np.log(mean) - spread**2 / 2 + spread * z))
        case "lognormal_median":
            assert row.low is not None and row.high is not None
            return np.asarray(mean * np.exp(z * np.log(row.high / row.low) / (2 * _Z)))
        case "uniform":
            assert row.low is not None and row.high is not None
            return np.asarray(row.low + (row.high - row.low) * p)
        case "gamma":
            return np.asarray(special.gammaincinv((mean / se) ** 2, p) * se**2 / mean)
        case "beta" | "dirichlet":
            count = mean * (1 - mean) / se**2 - 1
            return np.asarray(special.betaincinv(mean * count, (1 - mean) * count, p))
    return np.full(z.shape, mean)


def uncertain(subject: Subject) -> list[Parameter]:
    """Uncertain parameters that the run reads."""
    return [p for n, p in subject.inputs.parameters.items() if p.is_uncertain and n in subject.read]


def with_one_count(rows: list[Parameter]) -> list[Parameter]:
    """`rows` with the standard errors that shares have when drawn together: as of one number of people, the mean of their own."""
    shares = [p for p in rows if p.distribution == "dirichlet"]
    people = np.mean([p.value * (1 - p.value) / (p.se or 1.0) ** 2 for p in shares]) if shares else 1.0
    together = {p.name: replace(p, se=float(np.sqrt(p.value * (1 - p.value) / people))) for p in shares}
    return [together.get(p.name, p) for p in rows]


def bounds(subject: Subject) -> Finding:
    """U1: bounds of the one-way analysis beside percentiles worked out anew."""
    rows = subject.one_way.table.set_index("parameter") if len(subject.one_way.table) else subject.one_way.table
    expected = uncertain(subject)
    # not moved alone: the interval that tables show
    joint = {p.name for p in expected if p.distribution == "dirichlet" or p.name in _no_curve(subject)}
    wrong, outside = [p.name for p in expected if p.name not in {*rows.index, *joint}], []
    for p in (p for p in expected if p.name in {*rows.index, *joint}):
        low, high = p.interval if p.name in joint else rows.loc[p.name, ["low", "high"]].to_numpy(dtype=np.float64)
        if max(difference(low, quantile(p, 0.025)), difference(high, quantile(p, 0.975))) > 1e-6:
            wrong.append(p.name)
        if not low <= p.value <= high:
            outside.append(p.name)
    found = (
        f"{len(expected)} uncertain parameters; missing or with other bounds: {listed(wrong)}; value outside: {listed(outside)}"
    )
    verdict = FAIL if wrong else REVIEW if outside else PASS
    return Finding(verdict, "all there, value within the 2.5th and 97.5th percentile", found, "1e-06")


def _no_curve(subject: Subject) -> set[str]:
    """Coefficients of fitted curves that the one-way analysis leaves out, where an end of their interval is refused."""
    found = set()
    for name in (n for n in subject.one_way.excluded if n.startswith("fit_")):
        try:
            run_one_way(subject.inputs, names=[name])
        except InputError:
            found.add(name)
    return found


def excluded(subject: Subject) -> Finding:
    """U2: what the one-way analysis leaves out."""
    joint = {p.name for p in uncertain(subject) if p.distribution == "dirichlet" or p.name in _no_curve(subject)}
    moved = set(subject.one_way.table["parameter"]) if len(subject.one_way.table) else set()
    fixed = {n for n in moved if not subject.inputs.parameters[n].is_uncertain}
    alone = {n for n in moved if n.startswith("fit_")}
    is_so = joint == set(subject.one_way.excluded) and not joint & moved and not fixed
    found = f"excluded: {listed(sorted(joint))}; discount rates and horizon are settings"
    if is_so and alone:
        return Finding(
            REVIEW, "members of a joint distribution are listed and left out", f"moved one at a time: {listed(sorted(alone))}"
        )
    return holds(is_so, "members of a joint distribution are listed and left out, and nothing fixed is moved", found, "exact")


def mean_and_spread(row: Parameter) -> tuple[float, float]:
    """Mean and standard deviation of a parameter's distribution, from its row."""
    if row.distribution in ("uniform", "lognormal_median"):
        assert row.low is not None and row.high is not None
        if row.distribution == "uniform":
            return (row.low + row.high) / 2, (row.high - row.low) / 12**0.5
        variance = (np.log(row.high / row.low) / (2 * _Z)) ** 2
        mean = float(row.value * np.exp(variance / 2))
        return mean, mean * float(np.sqrt(np.expm1(variance)))
    return row.value, row.se or 0.0


def standard_errors(subject: Subject) -> Finding:
    """U3: spread of the draws beside the standard errors."""
    rows, n = with_one_count(uncertain(subject)), subject.n_draws
    within = special.ndtr(1.0) - special.ndtr(-1.0)  # share within one standard error in normal scores: 68 %
    tolerance = ERRORS * np.sqrt(within * (1 - within) / n)
    wrong = []
    for p in rows:
        low, high = values(p, np.array([-1.0, 1.0]))
        share = float(((subject.of_evidence[p.name] >= low) & (subject.of_evidence[p.name] <= high)).mean())
        if abs(share - within) > tolerance:
            wrong.append(p.name)
    found = f"{len(rows)} parameters, off: {listed(wrong)}"
    return holds(not wrong, "68 % of draws within one standard error of the evidence", found, f"{tolerance:.3f}")


def families(subject: Subject) -> Finding:
    """U4: family of each uncertain parameter."""
    fitting = {prefix: kinds for prefixes, kinds in FAMILIES.items() for prefix in prefixes}
    odd = [f"{p.name} ({p.distribution})" for p in uncertain(subject) if p.distribution not in fitting[p.name.partition("_")[0]]]
    return holds(
        not odd, "families that cannot leave the range of their parameter", f"others: {listed(odd)}", "rule", otherwise=REVIEW
    )


def means(subject: Subject) -> Finding:
    """U5: means of the draws beside the evidence."""
    wrong = []
    for p in uncertain(subject):
        mean, spread = mean_and_spread(p)
        if abs(subject.of_evidence[p.name].mean() - mean) > ERRORS * spread / np.sqrt(subject.n_draws):
            wrong.append(p.name)
    return holds(not wrong, "means of the draws are those of the evidence", f"off: {listed(wrong)}", f"{ERRORS:g} MC errors")


def correlations(subject: Subject) -> Finding:
    """U5.1: rank correlations of the draws."""
    names, _ = latent_correlations(subject.inputs)
    pairs = [c for c in subject.inputs.correlations if {c.first, c.second} <= set(names) & subject.read]
    if not pairs:
        return not_applicable("no two parameters of the run are correlated")
    worst = 0.0
    for c in pairs:
        one, other = (np.argsort(np.argsort(subject.of_evidence[n])) for n in (c.first, c.second))
        worst = max(worst, abs(float(np.corrcoef(one, other)[0, 1]) - c.rank_correlation))
    tolerance = ERRORS / np.sqrt(subject.n_draws)
    found = f"{len(pairs)} pairs, largest difference {worst:.3f}"
    return holds(worst <= tolerance, "rank correlations as in the inputs", found, f"{tolerance:.3f}")


def gap(subject: Subject) -> Finding:
    """U6: means of the probabilistic analysis beside the base case."""
    gaps = {}
    for a in subject.psa.price_arrangements:
        for name, drawn, base in (
            (f"costs ({a})", subject.psa.costs[a].mean(axis=1), subject.outcomes.total_costs(a)[:, 0]),
            ("QALYs", subject.psa.qalys.mean(axis=1), subject.outcomes.total_qalys[:, 0]),
        ):
            gaps[name] = float(np.abs(drawn / base - 1).max())
    name = max(gaps, key=lambda key: gaps[key])
    return holds(
        gaps[name] <= 0.05,
        "means near the base case",
        f"largest gap {gaps[name]:.1%} ({name})",
        "5 %",
        otherwise=REVIEW,
    )


def table_again(subject: Subject) -> Finding:
    """U6.1: the table of the probabilistic analysis counted again from its draws."""
    rows, n = subject.psa.table, np.sqrt(subject.n_draws)
    pairs: dict[str, tuple[ArrayLike, ArrayLike]] = {}
    for row in rows.to_dict("records"):
        i, a = subject.names.index(str(row["strategy"])), str(row["price_arrangement"])
        costs, qalys = subject.psa.costs[a], subject.psa.qalys
        own = {"costs": costs[i].mean(), "qalys": qalys[i].mean(), "se_costs": costs[i].std(ddof=1) / n}
        if i != subject.reference:
            cost, effect = costs[i] - costs[subject.reference], qalys[i] - qalys[subject.reference]
            own |= {"incremental_costs": cost.mean(), "incremental_qalys": effect.mean()}
            own |= {"se_incremental_costs": cost.std(ddof=1) / n, "se_incremental_qalys": effect.std(ddof=1) / n}
            if cost.mean() * effect.mean() > 0:
                own["icer"] = cost.mean() / effect.mean()
        pairs |= {f"{name}, {subject.names[i]} ({a})": (float(row[name]), value) for name, value in own.items()}
    return all_equal(pairs, 1e-9, to="means, paired increments and the ratio of means, with errors of means")


def second_seed(subject: Subject) -> Finding:
    """U7: another seed."""
    one, other = subject.psa, run_psa(subject.inputs, subject.n_draws, seed=subject.psa.seed + 1, threads=1)
    worst, choices = 0.0, []
    for a in one.price_arrangements:
        for x, y in ((one.costs[a], other.costs[a]), (one.qalys, other.qalys)):
            error = np.sqrt((x.var(axis=1) + y.var(axis=1)) / subject.n_draws)
            worst = max(worst, float((np.abs(x.mean(axis=1) - y.mean(axis=1)) / error).max()))
        for threshold in subject.inputs.settings.threshold_values:
            choices.append(len({int(p.net_benefit(a, threshold).mean(axis=0).argmax()) for p in (one, other)}) == 1)
    verdict = FAIL if worst > ERRORS else PASS if all(choices) else REVIEW
    found = (
        f"means differ by at most {worst:.1f} errors; the choice is {'the same' if all(choices) else 'not the same'} throughout"
    )
    return Finding(verdict, "the same means and the same choice", found, f"{ERRORS:g} MC errors")


def same_bits(subject: Subject) -> Finding:
    """U8: the same seed in other blocks and threads."""
    again = run_psa(subject.inputs, subject.n_draws, block_size=max(2, subject.n_draws // 3 - 1), threads=2)
    pairs = {a: (again.costs[a], subject.psa.costs[a]) for a in again.costs}
    pairs |= {"QALYs": (again.qalys, subject.psa.qalys), "life-years": (again.life_years, subject.psa.life_years)}
    return all_equal(dict(pairs), 0.0, to="the same bits in other blocks and on two threads")


def acceptability(subject: Subject) -> Finding:
    """U9: acceptability counted again from the draws."""
    thresholds = np.arange(0.0, 100_001.0, 2_000.0)
    worst, chosen = 0.0, True
    for a in subject.psa.price_arrangements:
        curve = subject.psa.acceptability_curve(a, thresholds).to_numpy()
        line = subject.psa.acceptability_frontier(a, thresholds)
        worst = max(worst, float(np.abs(curve.sum(axis=1) - 1).max()))
        for k, threshold in enumerate(thresholds):
            benefit = threshold * subject.psa.qalys - subject.psa.costs[a]
            best = benefit == benefit.max(axis=0)
            shares = (best / best.sum(axis=0)).mean(axis=1)
            worst = max(worst, float(np.abs(shares - curve[k]).max()))
            highest = int(benefit.mean(axis=1).argmax())
            chosen &= line["strategy"].iloc[k] == subject.names[highest]
            worst = max(worst, abs(float(line["probability"].iloc[k]) - float(shares[highest])))
    found = f"off by at most {worst:.1e}; frontier {'follows' if chosen else 'does not follow'} expected net benefit"
    return holds(
        worst <= 1e-12 and chosen, "shares of draws that sum to one, and the frontier of the best on average", found, "1e-12"
    )


def shared_draws(subject: Subject) -> Finding:
    """U10: nine draws run by themselves, all strategies on the same."""
    rows = np.linspace(0, subject.n_draws - 1, 9).astype(int)
    draws = NamedDraws((name, column[rows]) for name, column in subject.drawn.items())
    found = model.evaluate(draws, subject.inputs)
    pairs = {a: (subject.psa.costs[a][:, rows], found.total_costs(a)) for a in subject.psa.costs}
    pairs |= {"QALYs": (subject.psa.qalys[:, rows], found.total_qalys)}
    return all_equal(dict(pairs), 0.0, to="row i of the draws gives draw i of every strategy")


def uniforms(subject: Subject) -> Finding:
    """U11: draws put through their own distribution functions."""
    n, worst, where = subject.n_draws, 0.0, "none"
    grid = special.ndtri((np.arange(1, 1024)) / 1024)
    for p in with_one_count(uncertain(subject)):
        below = np.searchsorted(np.sort(subject.of_evidence[p.name]), values(p, grid)) / n
        distance = float(np.abs(below - np.arange(1, 1024) / 1024).max()) * np.sqrt(n)
        if distance > worst:
            worst, where = distance, p.name
    return holds(worst <= 2.6, "every parameter fills its distribution evenly", f"largest distance {worst:.2f} / sqrt(n), {where}",
                 "2.6 / sqrt(n): once in 400,000")  # fmt: skip


def every_draw(subject: Subject) -> Finding:
    """U12: the rules of patient flow in every draw."""
    broken: dict[str, int] = {}
    for start in range(0, subject.n_draws, BLOCK):  # a block at a time: the trace of all would be large
        draws = NamedDraws((name, column[start : start + BLOCK]) for name, column in subject.drawn.items())
        try:
            for rule, is_so in rules_of_draws(subject, draws).items():
                if not is_so.all():
                    broken.setdefault(rule, start + int(np.argmin(is_so)))
        except InputError as error:
            return Finding(FAIL, "every draw runs", str(error.faults[0]))
    words = [f"{rule} (first in draw {draw})" for rule, draw in broken.items()]
    rows = subject.drawn_again.to_dict("records")
    if rows and not words:
        told = listed([f"{row['rule']}, {row['strategy']}: {100 * row['share_of_draws']:.2g} %" for row in rows])
        return Finding(REVIEW, "all rules hold in every draw", f"{subject.n_draws} draws; held by rule: {told}", "1e-12")
    return holds(not words, "all rules hold in every draw", f"{subject.n_draws} draws; broken: {listed(words)}", "1e-12")


def rules_of_draws(subject: Subject, draws: Mapping[str, Array]) -> dict[str, Bools]:
    """Rule -> whether it holds, (draw,)."""
    seen, found = everything_seen(draws, subject.inputs), model.evaluate(draws, subject.inputs)
    states = np.stack([seen[s] for s in ("progression_free", "progressed", "dead")])
    plain = found.undiscounted
    assert plain is not None
    second = Second(subject.inputs, draws)
    nothing = np.zeros(states.shape[2:])
    gained, lived, lowest, highest = utility_bounds(second, plain) or (nothing, nothing, nothing, nothing)
    packs = np.sum([draws[n] for n in draws if n.startswith("p_packs_")] or [np.ones(states.shape[-1])], axis=0)
    signs = second.signs("cost")
    parts = np.stack([np.where(signs[c] > 0, x, 0.0) for costs in plain.costs.values() for c, x in costs.items()])
    totals = [(found.total_costs(a), plain.total_costs(a)) for a in found.price_arrangements]
    return {
        "sum of states": (np.abs(states.sum(axis=0) - 1) <= 1e-12).all(axis=(0, 1)),
        "shares from 0 to 1": ((states >= -1e-12) & (states <= 1 + 1e-12)).all(axis=(0, 1, 2)),
        "the dead stay dead": (np.diff(seen["dead"], axis=0) >= -1e-15).all(axis=(0, 1)),
        "discounted life-years at most undiscounted": (found.total_life_years <= plain.total_life_years + 1e-12).all(axis=0),
        "discounted costs at most undiscounted": np.all([(x <= y * (1 + 1e-12)).all(axis=0) for x, y in totals], axis=0),
        "no cost below 0 whose amounts are not": (parts >= -1e-9).all(axis=(0, 1)),
        "shares of packs": np.abs(packs - 1) <= 1e-9,
        "mean utility at most the higher": (gained <= highest * lived + 1e-12).all(axis=0),
        "mean utility at least the lower": (gained >= lowest * lived - 1e-12).all(axis=0),
    }


def information(subject: Subject) -> Finding:
    """U13: value of perfect, partial and sample information in order."""
    a, threshold = subject.one_way.price_arrangement, subject.one_way.threshold
    benefit = subject.psa.net_benefit(a, threshold)
    perfect = subject.psa.evpi(a, threshold)
    expected = float((benefit.max(axis=1) - benefit[:, benefit.mean(axis=0).argmax()]).mean())
    ranked = list(subject.worth)[:2]
    if not ranked:
        return not_applicable("no uncertain parameter can move alone")
    partial = evppi(subject.psa, ranked, draws=subject.psa.draws())
    outside = [n for n, value in subject.worth.items() if not 0 <= value <= perfect.value + 1e-9]
    name = next((str(n) for n in subject.one_way.tornado()["parameter"] if n.partition("_")[0] in OBSERVED), "")
    shown = f"EVPI {perfect.value:,.0f}, EVPPI of {listed(ranked)} {partial.value:,.0f}"
    shown += f"; of {len(subject.worth)} parameters, each alone, beyond 0 to EVPI: {listed(outside)}"
    orders = [not outside, abs(perfect.value - expected) <= 1e-9 * max(expected, 1.0), 0 <= partial.value <= perfect.value + 1e-9]
    if name and {"n_eligible", "d_decision_lifetime"} <= set(subject.inputs.parameters):
        spread = 5 * (subject.inputs.parameters[name].se or subject.inputs.parameters[name].value)
        row = evsi_table(subject.psa, name, [100], standard_deviations={name: spread}).iloc[0]
        orders.append(0 <= row["evsi"] <= row["evppi"] + 4 * row["standard_error"] + 1e-9)
        shown += f"; EVSI on {name} {row['evsi']:,.0f} of {row['evppi']:,.0f}"
    return holds(
        all(orders),
        "EVPI as counted from the draws, EVPI >= EVPPI >= EVSI >= 0",
        f"{shown} ({subject.inputs.settings.currency} per person)",
        "MC error",
    )


def every_parameter_moves_something(subject: Subject) -> Finding:
    """U14: each parameter is moved alone."""
    settings, around = subject.inputs.settings, _nothing_nought(subject)
    no_end = [s.model_dump() | {"treatment_cycles": None} for s in settings.strategies]
    all_given: dict[str, object] = {"strategies": no_end, "stop_at_response_cycle": None}
    used = {drug for arrangement in settings.price_arrangements for drug in settings.schemes_in(arrangement)}
    all_given["price_arrangements"] = [
        *settings.price_arrangements,
        *(n for n, x in settings.schemes.items() if x.drug not in used),
    ]
    all_given |= {"horizon_years": max(3.0, 13 * subject.dt, settings.horizon_years)}  # long enough for everything to happen
    if settings.post_progression_clock_cycles is not None:
        all_given["post_progression_clock_cycles"] = 2
    idle = _stuck(subject, _stuck(subject, sorted(subject.read), subject.base, {}), around, {})
    dead = _stuck(subject, idle, around, all_given)
    apart = {name: value for name, value in ROLES_APART.items() if name != "fitted_curves"}
    dead = _stuck(subject, dead, around, {**all_given, **apart})
    old = around | {"age_start": np.array([70.0])}
    short = {**all_given, "horizon_years": 3.0}  # nobody lives longer
    for life_table, terms in ((nobody_dies, all_given), (_harsh, all_given), (_deadly, short)):
        dead = _stuck(subject, dead, old, terms, life_table=life_table(subject.inputs.life_table))
    found = f"{len(subject.read)} read, all linked" if not dead else f"read but move nothing: {listed(dead)}"
    found += f"; idle with these settings, as they should be: {listed(idle)}" if idle and not dead else ""
    return holds(not dead, "each parameter that is read changes a result when it alone is moved", found, "strict")


def _harsh(table: LifeTable) -> LifeTable:
    """A life table in which age and sex count in every disease, whatever the one of the inputs says."""
    ages = np.arange(len(table.male), dtype=np.float64)
    return LifeTable("harsh", np.minimum(0.9, 1e-3 * np.exp(0.08 * ages)), np.minimum(0.8, 5e-4 * np.exp(0.08 * ages)))


def _deadly(table: LifeTable) -> LifeTable:
    """A life table in which people die faster than of any disease: hazards from 10 to 35 a year, by age and sex."""
    hazards = np.linspace(10.0, 30.0, len(table.male))
    return LifeTable("deadly", -np.expm1(-hazards - 5.0), -np.expm1(-hazards))


def _nothing_nought(subject: Subject) -> dict[str, Array]:
    """A draw near the base case: nothing is nought, no two prices are equal, no share is all, and no utility is above the norm."""
    around = {n: np.where(x == 0, 0.01, np.minimum(x, 0.99) if n.startswith("p_") else x) for n, x in subject.base.items()}
    around |= {n: (1 + 0.001 * k) * around[n] for k, n in enumerate(around) if n.startswith("c_")}
    return around | {n: 0.9 * x for n, x in around.items() if n.startswith("u_")}


def _stuck(
    subject: Subject,
    names: list[str],
    around: dict[str, Array],
    settings: dict[str, object],
    *,
    life_table: LifeTable | None = None,
) -> list[str]:
    """Those of `names` that change no result when moved by a hundredth from the draw `around`."""
    if not names:
        return []
    inputs = subject.with_settings(subject.inputs, **settings)
    inputs = inputs if life_table is None else replace(inputs, life_table=life_table)
    draws = NamedDraws((n, np.repeat(x, len(names) + 1)) for n, x in around.items())
    for i, name in enumerate(names):
        draws[name][i + 1] *= 0.99 if name.startswith(("p_", "ratio_", "u_")) else 1.01
    found = model.evaluate(draws, inputs)
    totals = np.stack([*(found.total_costs(a) for a in found.price_arrangements), found.total_qalys, found.total_life_years])
    return [name for i, name in enumerate(names) if (totals[:, :, i + 1] == totals[:, :, 0]).all()]


def rankings(subject: Subject) -> Finding:
    """U15: ranking by one-way swing beside that by value of information."""
    order, worth = list(subject.worth), subject.worth
    if len(order) < 2:
        return not_applicable("there are no two parameters to rank")
    top = max(worth, key=lambda name: worth[name])
    found = f"one-way: {listed(order[:3])}; by EVPPI among the first {len(order)}: {top}"
    return holds(
        top in order[:2] or max(worth.values()) == 0, "the two rankings begin alike", found, "first two", otherwise=REVIEW
    )


CHECKS = (
    Check(
        "U1",
        "Bounds of the one-way analysis beside percentiles worked out anew",
        "parameters.csv: value, low, high of the rows named; analyses/one_way.py; distributions.py",
        bounds,
    ),
    Check("U2", "What the one-way analysis leaves out", "analyses/one_way.py: _movable", excluded),
    Check(
        "U3",
        "Spread of the draws beside the standard errors",
        "parameters.csv: column se; distributions.py",
        standard_errors,
    ),
    Check("U4", "Family of each uncertain parameter", "parameters.csv: column distribution", families),
    Check("U5", "Means of the draws beside the evidence", "distributions.py: from_moments", means),
    Check("U5.1", "Rank correlations of the draws", "correlations.csv; draws.py: Sampler", correlations),
    Check(
        "U6",
        "Means of the probabilistic analysis beside the base case",
        "parameters.csv: wide or skewed rows (column se); bent relations; often no fault",
        gap,
    ),
    Check(
        "U6.1",
        "The table of the probabilistic analysis counted again from its draws",
        "analyses/psa.py; decision/intervals.py",
        table_again,
    ),
    Check("U7", "Another seed", "thresholds near an ICER; too few draws; draws.py", second_seed),
    Check("U8", "The same seed in other blocks and threads", "analyses/psa.py; operations across draws", same_bits),
    Check("U9", "Acceptability counted again from the draws", "decision/acceptability.py", acceptability),
    Check("U10", "Nine draws run by themselves, all strategies on the same", "analyses/psa.py; draws.py", shared_draws),
    Check("U11", "Draws put through their own distribution functions", "draws.py: uniforms", uniforms),
    Check(
        "U12",
        "The rules of patient flow in every draw",
        "parameters.csv: distribution and se of what the draw named holds; structures.py",
        every_draw,
    ),
    Check("U13", "Value of perfect, partial and sample information in order", "decision/information.py", information),
    Check(
        "U14",
        "Each parameter is moved alone",
        "the parameter is read but not used: cohort/model/",
        every_parameter_moves_something,
    ),
    Check(
        "U15",
        "Ranking by one-way swing beside that by value of information",
        "parameters.csv: distribution and se of those named; interactions, or bent relations",
        rankings,
    ),
)
