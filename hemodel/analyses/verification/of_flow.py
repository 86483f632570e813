"""Checks of how patients flow: nobody is lost or comes back, the extremes behave, and a second count agrees (F1 to F14)."""

from __future__ import annotations

from typing import Any

import numpy as np

from hemodel.analyses.verification.findings import (
    FAIL,
    REVIEW,
    Check,
    Finding,
    absent,
    all_equal,
    equal,
    holds,
    listed,
    not_applicable,
)
from hemodel.analyses.verification.second import general_survival
from hemodel.analyses.verification.subject import PLAIN, Array, Subject, everything_seen

STATES = ("progression_free", "progressed", "dead")


def nobody_is_lost(subject: Subject) -> Finding:
    """F1: the states are added up in every cycle."""
    worst = float(np.abs(sum(subject.trace[s] for s in STATES) - 1.0).max())
    starts = subject.trace["progression_free"][0]
    return holds(worst <= 1e-12 and bool((starts == 1).all()), "1 in every cycle, all of it progression-free at the start",
                 f"sum of states off by at most {worst:.1e}; start {starts.min():g}", "1e-12")  # fmt: skip


def shares_are_shares(subject: Subject) -> Finding:
    """F2: smallest and largest share in any state."""
    every = [subject.trace[s] for s in (*STATES, "on_treatment")]
    low, high = min(float(x.min()) for x in every), max(float(x.max()) for x in every)
    return holds(low >= -1e-12 and high <= 1 + 1e-12, "from 0 to 1", f"from {low:.3g} to {high:.6g}", "1e-12")


def the_dead_stay_dead(subject: Subject) -> Finding:
    """F3: deaths and the progression-free from cycle to cycle."""
    falls = [
        float(np.diff(subject.trace["dead"], axis=0).min()),
        -float(np.diff(subject.trace["progression_free"], axis=0).max()),
    ]
    worst = max(0.0, -min(falls))
    return holds(
        worst <= 1e-15, "deaths only grow, the progression-free only become fewer", f"largest step back {worst:.1e}", "1e-15"
    )


def horizon(subject: Subject) -> Finding:
    """F4: cycles in the horizon, and who is alive at its end."""
    settings = subject.inputs.settings
    years, n = settings.horizon_years, subject.trace["dead"].shape[0] - 1
    expected = round(years * settings.days_in_year / settings.cycle_days)
    if n != expected:
        return Finding(FAIL, f"{expected} cycles in {years:g} years", f"{n} cycles")
    alive = float((1 - subject.trace["dead"][-1]).max())
    return holds(alive < 0.001, "below 0.1 % alive at the end", f"{alive:.4%} alive after {n} cycles", "0.1 %", otherwise=REVIEW)


def nobody_dies(subject: Subject) -> Finding:
    """F5: all mortality is taken away."""
    subject, settings = subject.on_medians, dict(PLAIN)
    changes = subject.no_deaths()
    seen = subject.follow(changes, subject.undying, **settings)
    found = subject.run(changes, subject.undying, **settings)
    terms = subject.inputs.settings
    plain, dt = found.undiscounted, subject.dt
    n = round(terms.horizon_years * terms.days_in_year / terms.cycle_days)
    assert plain is not None
    rate = subject.inputs.settings.discount_rate_effects
    v = (1 + rate) ** -dt
    passed = subject.second.passed("time") / dt
    annuity = n * dt if v == 1 else dt * v**passed * (1 - v**n) / (1 - v)
    if subject.inputs.settings.discounting == "by_year":
        annuity = dt * float(np.sum((1 + rate) ** -np.floor((np.arange(n) + passed) * dt + 1e-9)))
    dead = float(seen["dead"].max())
    if dead > 1e-12:
        return Finding(FAIL, "nobody dead", f"{dead:.2g} dead", "1e-12")
    # the count at starts or ends differs by nothing either: nobody leaves
    pairs = {"life-years": (plain.total_life_years, n * dt), "discounted": (found.total_life_years, annuity)}
    return all_equal({k: (np.asarray(a), np.asarray(b)) for k, (a, b) in pairs.items()}, 1e-11, to="the horizon, and its annuity")


def everybody_dies(subject: Subject) -> Finding:
    """F6: mortality is made extreme."""
    subject = subject.on_medians
    changes = subject.medians("pfs", 1e-4) | subject.medians("os", 1e-4) | subject.all_strategies("r_death_progressed", 1e5)
    changes |= subject.all_strategies("shape_pfs", 1.0) | subject.all_strategies("shape_os", 1.0)
    settings: dict[str, Any] = {**PLAIN, "utility_age_adjustment": "none", "horizon_years": max(1.0, 3 * subject.dt)}
    seen, found = subject.follow(changes, subject.own_curves, **settings), subject.run(changes, subject.own_curves, **settings)
    alive = float((1 - seen["dead"][2]).max())
    at_most = 2.05 * subject.dt
    return holds(alive < 1e-6 and bool((found.total_life_years < at_most).all()), "all dead by the second cycle",
                 f"{alive:.1e} alive then; at most {float(found.total_life_years.max()):.3f} years lived", "rule")  # fmt: skip


def clocks(subject: Subject) -> Finding:
    """F7: those within the clock after progression, with a clock of five cycles switched on."""
    subject = subject.on_medians
    window, inputs = 5, subject.with_clock(5)
    changes = subject.quick_lives()
    seen, later = (subject.follow(changes | {"hr_death_after_clock": ratio}, inputs) for ratio in (1.0, 50.0))
    recent, progressed = seen["recently_progressed"], seen["progressed"]
    early = recent[: window + 1] - progressed[: window + 1]
    if not float((progressed - recent)[window + 1 :].min()) > 0:
        return Finding(FAIL, "some beyond the clock after its cycles", "everyone who progressed counts as within it")
    worst = max(float(np.abs(early).max()), float((recent - progressed).max()), float(-recent.min()))
    moved = float(np.abs(recent - later["recently_progressed"]).max())
    return holds(max(worst, moved) <= 1e-12, "within the clock: all who progressed in its cycles, no others",
                 f"off by at most {max(worst, moved):.1e}", "1e-12")  # fmt: skip


def flows_again(subject: Subject) -> Finding:
    """F8: states counted again from the curves and the life table, by the plain model."""
    seen, again = everything_seen(subject.few, subject.inputs), subject.second_of_few.seen()
    return all_equal({name: (seen[name], again[name]) for name in again}, 1e-10, to="the same occupancy, in nine draws")


def general_population(subject: Subject) -> Finding:
    """F9: survival beside that of the general population."""
    n = subject.trace["dead"].shape[0] - 1
    general = general_survival(subject.inputs.life_table, subject.base["age_start"], subject.base["p_male"], n, subject.dt)
    excess = float((1 - subject.trace["dead"] - general[:, None]).max())
    tolerance, note = 1e-9, ""
    if subject.inputs.settings.structure == "state_transition":  # those who progress in a cycle are at risk again from the next
        lived = general[1:] > 0  # in a cycle that nobody outlives there is no rest
        floor = np.log(np.where(lived, general[:-1], 1.0) / np.where(lived, general[1:], 1.0))[:, None]
        leavers = -np.diff(subject.trace["progression_free"], axis=0)
        tolerance, note = (
            tolerance + float((leavers * floor).sum(axis=0).max()),
            ": deaths in the rest of the cycle of progression",
        )
    shown = f"largest excess {max(excess, 0.0):.1e}"
    return holds(excess <= tolerance, "at most the general population's survival at every age", shown, f"{tolerance:.1e}{note}")


def without_the_disease(subject: Subject) -> Finding:
    """F9.1: the disease is taken away."""
    subject = subject.on_medians
    changes = subject.medians("pfs", 1e30) | subject.medians("os", 1e30) | subject.all_strategies("r_death_progressed", 0.0)
    changes |= subject.all_strategies("shape_pfs", 1.0) | subject.all_strategies("shape_os", 1.0)
    settings = dict(PLAIN)
    ages = np.array([float(subject.base["age_start"][0]), 40.5, 73.25])
    shares = np.array([float(subject.base["p_male"][0]), 0.2, 0.9])
    n = subject.trace["dead"].shape[0] - 1
    given = {k: np.asarray(v) for k, v in changes.items()} | {"age_start": ages, "p_male": shares}
    seen = subject.follow(given, subject.own_curves, **settings)
    general = general_survival(subject.inputs.life_table, ages, shares, n, subject.dt)
    return equal(
        1 - seen["dead"], np.broadcast_to(general[:, None], seen["dead"].shape), 1e-8, to="the life table of that age and sex"
    )


def utility_norm(subject: Subject) -> Finding:
    """F10: utilities beside the general population's at each age."""
    age = subject.base["age_start"]
    if subject.inputs.settings.utility_age_adjustment == "general_population":
        found = subject.run(subject.utilities(1.0)).undiscounted
        assert found is not None
        middle = (np.arange(subject.trace["dead"].shape[0] - 1) + 0.5)[:, None] * subject.dt
        norm = subject.second.norm(age + middle)
        people = sum(_people(subject, s) for s in STATES[:2])
        most = np.sum(norm[:, None, :] * people * subject.dt, axis=0)
        excess = float((found.total_qalys - most).max())
        return holds(
            excess <= 1e-9, "with utilities of 1, the general population's QALYs and no more", f"excess {excess:.1e}", "1e-09"
        )
    return utilities_below_norm(subject)


def utilities_below_norm(subject: Subject) -> Finding:
    """Of utilities that do not follow age: at the start at most the norm, within their own error; later what they are above it matters
    little. What norm and utility have in common is that published ones are both estimates.
    """
    age = subject.base["age_start"]
    expected = f"at most the norm at {age[0]:g}; QALYs fall by less than 1 % if held at it later"
    start = float(subject.second.norm(age)[0])
    rows = [subject.inputs.parameters[name] for name in subject.beginning("u_")]
    if not rows:
        return not_applicable("the rows of QALYs have no utilities (u_...)")
    over = [f"{p.name} {p.value:g}" for p in rows if p.value > start + 1e-9]
    if any(p.value - 1.96 * (p.se or 0.0) > start + 1e-9 for p in rows):
        return Finding(FAIL, expected, f"norm {start:.3f}; above it by more than the error: {listed(over)}", "95 % interval")
    if over:
        return Finding(REVIEW, expected, f"norm {start:.3f}; above it, within the error: {listed(over)}", "95 % interval")
    change = -quality_lost_at_the_norm(subject)
    found = f"norm {start:.3f}, utilities at most {max(p.value for p in rows):g}; QALYs would change by {change:.1%} at most"
    return holds(change >= -0.01, expected, found, "1 %", otherwise=REVIEW)


def quality_lost_at_the_norm(subject: Subject) -> float:
    """Largest share of a strategy's QALYs that would go if no utility were ever above the norm at the age attained."""
    second, starts = subject.second, np.arange(subject.trace["dead"].shape[0] - 1) * subject.dt
    norm = second.norm(subject.base["age_start"] + (starts + subject.dt / 2)[:, None])
    weights = second.discount(subject.inputs.settings.discount_rate_effects, starts + second.passed("time")) * subject.dt
    lost = np.zeros_like(subject.outcomes.total_qalys)
    for state in STATES[:2]:
        above = np.maximum(second.per_year(state) - norm[:, None, :], 0.0)
        lost = lost + np.sum(weights[:, None, None] * above * _people(subject, state), axis=0)
    return float((lost / np.abs(subject.outcomes.total_qalys)).max())


def _people(subject: Subject, state: str) -> Array:
    x, count = subject.trace[state], subject.inputs.settings.time_in_state
    return {"life_table": (x[:-1] + x[1:]) / 2, "start": x[:-1], "end": x[1:]}[count]


CHECKS = (
    Check("F1", "The states are added up in every cycle", "engine.py: step_through; structures.py", nobody_is_lost),
    Check("F2", "Smallest and largest share in any state", "structures.py", shares_are_shares),
    Check("F3", "Deaths and the progression-free from cycle to cycle", "structures.py; life table", the_dead_stay_dead),
    Check("F4", "Cycles in the horizon, and who is alive at its end", "settings.toml: horizon_years", horizon),
    Check("F5", "All mortality is taken away", "structures.py; cohort/payoffs.py: years_in_state", nobody_dies),
    Check("F6", "Mortality is made extreme", "hazards.py; structures.py", everybody_dies),
    Check("F7", "A clock after progression is switched on: who is within it", "structures.py: with_clock", clocks),
    Check(
        "F8",
        "States counted again from the curves and the life table, by the plain model",
        "structures.py; curves.py",
        flows_again,
    ),
    Check("F9", "Survival beside that of the general population", "the life table; survival/background.py", general_population),
    Check("F9.1", "The disease is taken away", "the life table; survival/background.py", without_the_disease),
    Check(
        "F10",
        "Utilities beside the general population's at each age",
        "parameters.csv: u_...; settings.toml: utility_age_adjustment; plan.py: value",
        utility_norm,
    ),
    Check("F11", "Leaves of a decision tree", "", absent("there is no decision tree")),
    Check("F12", "Times to event sampled one by one", "", absent("a cohort model samples no times to event")),
    Check(
        "F13",
        "Seeds of patients across strategies",
        "",
        absent("no simulated patients; U10 looks at the draws of strategies"),
    ),
    Check(
        "F14",
        "A prevalent population without entries and deaths",
        "",
        absent("the cohort begins together: no prevalent population"),
    ),
)
