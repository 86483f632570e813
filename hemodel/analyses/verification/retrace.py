"""The cohorts' lives made again: plain NumPy from medians and shapes, one cycle at a time, from docs/methods.md.

It shares no arithmetic with `cohort` or `survival`: curves are cumulative hazards from their textbook formulas, and whoever is within the
clock after progression is followed as a row of groups, one for each cycle of progression.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import special

from hemodel.analyses.verification.recount import Draws, Ledger, ends, general_survival, go_on
from hemodel.evidence.inputs import Inputs

Array = NDArray[np.float64]


def reason_not_followed(inputs: Inputs) -> str:
    """Why `retraced` cannot follow these inputs, or nothing."""
    return "curves fitted to data (fitted_curves) are not followed a second time" if inputs.settings.fitted_curves else ""


def retraced(inputs: Inputs, draws: Draws) -> dict[str, Array]:
    """States at each cycle boundary, (n_cycles + 1, strategy, draw), where `reason_not_followed` says nothing."""
    s, ledger = inputs.settings, Ledger(inputs, draws, {})
    n = round(s.horizon_years / ledger.dt)
    times = np.arange(n + 1, dtype=np.float64)[:, None, None] * ledger.dt
    general = general_survival(inputs.life_table, draws["age_start"], draws["p_male"], n, ledger.dt)
    floor = np.log(general[:-1] / general[1:])[:, None, :]
    median = np.array([ledger.years_of(f"median_pfs_{name}") for name in s.strategy_names])
    ratio, family = ledger.of("ratio_pfs_to_ttp"), s.pfs_curve
    if family == "response_mixture":
        family = "weibull"
    power = _second(ledger, "pfs", "weibull") if family == "weibull" else 1.0
    curve = _hazard(family, times, median, _second(ledger, "pfs", family))
    if s.pfs_curve == "response_mixture":
        first = next(i for i, name in enumerate(s.strategy_names) if name != s.comparator)
        curve[:, first] = _of_responders(ledger, times[:, 0]) / (ratio**power)[first]
    own_pfs = np.diff(curve, axis=0)
    pfs = _waned(ledger, own_pfs)
    if s.structure == "partitioned_survival":
        free, alive = (_product(np.maximum(hazard, floor)) for hazard in (pfs, _waned(ledger, _overall_survival(ledger, times))))
        seen = {"progression_free": np.minimum(free, alive), "progressed": alive - np.minimum(free, alive)}
    else:
        share = ratio**power * own_pfs
        if s.progression_shape == "ttp":
            share = _to_progression(ledger, times, median / ratio)
        seen = _states(ledger, pfs, _waned(ledger, share), floor)
    seen["dead"] = 1 - seen["progression_free"] - seen["progressed"]
    seen["before_rules"] = _otherwise_treated(ledger, seen, times, median / ratio)
    seen["on_treatment"] = seen["before_rules"] * _kept(ledger, n)
    return seen


def _hazard(family: str, t: Array, median: Array, second: Array | float) -> Array:
    """Cumulative hazard of a curve by its median and its second parameter."""
    with np.errstate(divide="ignore"):
        match family:
            case "log_logistic":
                hazard = np.log(1 + (t / median) ** second)
            case "log_normal":
                hazard = -special.log_ndtr(-np.log(t / median) / second)
            case "gompertz":
                hazard = np.log(2) * np.expm1(second * t) / np.expm1(second * median)
            case "gamma":
                hazard = -np.log(special.gammaincc(second, special.gammaincinv(second, 0.5) * t / median))
            case _:
                hazard = np.log(2) * (t / median) ** second
    return np.asarray(hazard, dtype=np.float64)


def _of_responders(ledger: Ledger, t: Array) -> Array:
    """Cumulative hazard of progression of three classes of response, each with a half-life of its own, (boundary, draw)."""
    d = ledger.draws
    deep = d["p_response_cr_vgpr"]
    partial = (1 - deep) * d["p_response_pr_of_others"]
    halves = {"cr_vgpr": deep, "pr": partial, "less": 1 - deep - partial}
    left = np.sum([w * 0.5 ** (t / ledger.years_of(f"median_ttp_{name}")) for name, w in halves.items()], axis=0)
    return np.asarray(-np.log(left), dtype=np.float64)


def _second(ledger: Ledger, curve: str, family: str) -> Array | float:
    if family == "exponential":
        return 1.0
    name = f"shape_{curve}" if family == "weibull" else f"shape_{curve}_{family}"
    each = f"{name}_{ledger.inputs.settings.strategy_names[0]}" in ledger.inputs.parameters
    return ledger.of(name) if each else ledger.draws[name]


def _waned(ledger: Ledger, hazard: Array) -> Array:
    """Hazards of each cycle going over to the comparator's, by the integral of a ramp over the cycle."""
    s = ledger.inputs.settings
    if s.effect_waning is None:
        return hazard
    a, b = s.effect_waning.from_years, s.effect_waning.to_years
    t = np.arange(len(hazard) + 1) * ledger.dt
    area = np.where(t > b, t - (a + b) / 2, np.maximum(t - a, 0) ** 2 / (2 * max(b - a, 1e-300)))
    gone = (np.diff(area) / ledger.dt)[:, None, None]
    reference = s.strategy_names.index(s.comparator)
    return np.asarray((1 - gone) * hazard + gone * hazard[:, [reference]], dtype=np.float64)


def _to_progression(ledger: Ledger, times: Array, median: Array) -> Array:
    return np.diff(_hazard("weibull", times, median, _second(ledger, "ttp", "weibull")), axis=0)


def _states(ledger: Ledger, pfs: Array, progression: Array, floor: Array) -> dict[str, Array]:
    """Progression-free, progressed and (with a clock) recently progressed, cycle by cycle."""
    s, n = ledger.inputs.settings, len(pfs)
    leave = progression + np.maximum(pfs - progression, floor)
    rate = ledger.of("r_death_progressed")
    if s.post_progression_mortality == "equal":
        first = next(i for i, name in enumerate(s.strategy_names) if name != s.comparator)
        rate = np.tile(rate[first], (len(rate), 1))
    death = _waned(ledger, np.broadcast_to(rate * ledger.dt, pfs.shape))
    clock = s.post_progression_clock_cycles or n + 1
    later = ledger.draws["hr_death_after_clock"] if s.post_progression_clock_cycles else 1.0
    free, old = np.ones(pfs.shape[1:]), np.zeros(pfs.shape[1:])
    groups: list[Array] = []  # those who progressed in each of the last cycles, the newest last
    kept = [(free, old, old)]
    for c in range(n):
        new = free * (1 - np.exp(-leave[c])) * progression[c] / leave[c]
        free = free * np.exp(-leave[c])
        groups = [group * np.exp(-np.maximum(death[c], floor[c])) for group in groups]
        old = old * np.exp(-np.maximum(later * death[c], floor[c]))
        groups.append(new)
        if len(groups) > clock:
            old = old + groups.pop(0)
        if not s.post_progression_clock_cycles:
            groups = [np.sum(groups, axis=0)]
        recent = np.sum(groups, axis=0)
        kept.append((free, recent + old, recent))
    names = ["progression_free", "progressed", *(["recently_progressed"] if s.post_progression_clock_cycles else [])]
    return {name: np.array([row[i] for row in kept]) for i, name in enumerate(names)}


def _product(hazard: Array) -> Array:
    survival = np.cumprod(np.exp(-hazard), axis=0)
    return np.concatenate([np.ones_like(survival[:1]), survival])


def _overall_survival(ledger: Ledger, times: Array) -> Array:
    """Increments of the cumulative hazard of death of each strategy."""
    s = ledger.inputs.settings
    names = s.strategy_names
    median = np.array([ledger.years_of(f"median_os_{name}") for name in names])
    own = np.diff(_hazard(s.os_curve, times, median, _second(ledger, "os", s.os_curve)), axis=0)
    reference, others = names.index(s.comparator), [i for i, name in enumerate(names) if name != s.comparator]
    if s.comparator_survival == "hazard_ratio":
        own[:, reference] = own[:, others[0]] / ledger.draws[f"hr_death_{names[others[0]]}"]
    elif s.intervention_survival == "hazard_ratio":
        for i in others:
            own[:, i] = own[:, reference] * ledger.draws[f"hr_death_{names[i]}"]
    return own


def _otherwise_treated(ledger: Ledger, seen: dict[str, Array], times: Array, median_ttp: Array) -> Array:
    """Those on treatment but for what ends it at a time, each strategy by its own rule."""
    s, cycle = ledger.inputs.settings, np.arange(len(times))[:, None]
    treated, alive = seen["progression_free"].copy(), seen["progression_free"] + seen["progressed"]
    rules = [strategy.treatment_until or s.treatment_until for strategy in s.strategies]
    if "ttp_curve" in rules:
        of_ttp = _product(_waned(ledger, _to_progression(ledger, times, median_ttp)))
    for i, (name, rule) in enumerate(zip(s.strategy_names, rules, strict=True)):
        if rule == "progression_or_toxicity":
            treated[:, i] *= np.exp(-ledger.draws[f"r_discontinuation_toxicity_{name}"] * ledger.dt * cycle)
        if rule == "ttp_curve":
            treated[:, i] = np.minimum(of_ttp[:, i], alive[:, i])
        if rule == "exposure_curve":
            hazard = _hazard("weibull", times[:, 0], ledger.years_of(f"median_exposure_{name}"), ledger.draws["shape_exposure"])
            treated[:, i] = np.minimum(np.exp(-hazard), alive[:, i])
    return treated


def _kept(ledger: Ledger, n: int) -> Array:
    """Mean over each cycle of who is still treated of those on treatment otherwise, (cycle, strategy, draw)."""
    s, found = ledger.inputs.settings, []
    edges = np.arange(n + 2)[:, None] * s.cycle_days
    for who in s.strategies:
        last, day, _ = ends(s, who)
        whole, some = (np.diff(np.minimum(edges, until), axis=0) for until in (min(last, day), last))
        found.append((whole + (some - whole) * go_on(ledger, who)) / s.cycle_days)
    return np.stack(found, axis=1)
