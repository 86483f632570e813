"""Checks of how patients flow: nobody is lost or comes back, the extremes behave, and a second count agrees (F1 to F14)."""

from __future__ import annotations

from typing import Any

import numpy as np

from hemodel.analyses.verification import recount, retrace
from hemodel.analyses.verification.findings import (
    FAIL,
    PASS,
    REVIEW,
    Check,
    Finding,
    absent,
    all_equal,
    equal,
    holds,
    not_applicable,
)
from hemodel.analyses.verification.recount import DT
from hemodel.analyses.verification.subject import Array, Subject, everything_seen

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
    years = subject.inputs.settings.horizon_years
    n = subject.trace["dead"].shape[0] - 1
    if n != round(years * 365.25 / 28):
        return Finding(FAIL, f"{round(years * 365.25 / 28)} cycles in {years:g} years", f"{n} cycles")
    alive = float((1 - subject.trace["dead"][-1]).max())
    return holds(alive < 0.001, "below 0.1 % alive at the end", f"{alive:.4%} alive after {n} cycles", "0.1 %", otherwise=REVIEW)


def nobody_dies(subject: Subject) -> Finding:
    """F5: all mortality is taken away."""
    settings: dict[str, Any] = {"post_progression_clock_cycles": None, "also_counted": []}
    changes = subject.no_deaths()
    seen = subject.follow(changes, subject.undying, **settings)
    found = subject.run(changes, subject.undying, **settings)
    plain, n = found.undiscounted, round(subject.inputs.settings.horizon_years * 365.25 / 28)
    assert plain is not None
    v = (1 + subject.inputs.settings.discount_rate_effects) ** -DT
    annuity = n * DT if v == 1 else DT * np.sqrt(v) * (1 - v**n) / (1 - v)
    dead = float(seen["dead"].max())
    if dead > 1e-12:
        return Finding(FAIL, "nobody dead", f"{dead:.2g} dead", "1e-12")
    # the count at starts or ends differs by nothing either: nobody leaves
    pairs = {"life-years": (plain.total_life_years, n * DT), "discounted": (found.total_life_years, annuity)}
    return all_equal({k: (np.asarray(a), np.asarray(b)) for k, (a, b) in pairs.items()}, 1e-11, to="the horizon, and its annuity")


def everybody_dies(subject: Subject) -> Finding:
    """F6: mortality is made extreme."""
    changes = subject.medians("pfs", 1e-4) | subject.medians("os", 1e-4) | subject.all_strategies("r_death_progressed", 1e5)
    changes |= subject.all_strategies("shape_pfs", 1.0) | subject.all_strategies("shape_os", 1.0)
    settings: dict[str, Any] = {"post_progression_clock_cycles": None, "also_counted": [], "utility_age_adjustment": "none"}
    seen, found = subject.follow(changes, subject.own_curves, **settings), subject.run(changes, subject.own_curves, **settings)
    alive = float((1 - seen["dead"][2]).max())
    at_most = 2.05 * DT * max(1.0, *(float(subject.base[f"u_{s}"][0]) for s in STATES[:2]))
    return holds(alive < 1e-6 and bool((found.total_life_years < at_most).all()), "all dead by the second cycle",
                 f"{alive:.1e} alive then; at most {float(found.total_life_years.max()):.3f} years lived", "rule")  # fmt: skip


def clocks(subject: Subject) -> Finding:
    """F7: those within the clock after progression."""
    window = subject.inputs.settings.post_progression_clock_cycles
    if window is None:
        return not_applicable("the inputs ask for no clock after progression, and there is no tunnel of states")
    recent, progressed = subject.trace["recently_progressed"], subject.trace["progressed"]
    early = recent[: window + 1] - progressed[: window + 1]
    worst = max(float(np.abs(early).max()), float((recent - progressed).max()), float(-recent.min()))
    settled = subject.follow({"hr_death_after_clock": 1.0}, structure="state_transition")["recently_progressed"]
    later = subject.follow({"hr_death_after_clock": 50.0}, structure="state_transition")["recently_progressed"]
    moved = float(np.abs(settled - later).max())
    return holds(max(worst, moved) <= 1e-12, "within the clock: all who progressed in its cycles, no others",
                 f"off by at most {max(worst, moved):.1e}", "1e-12")  # fmt: skip


def flows_again(subject: Subject) -> Finding:
    """F8: states counted again from the curves and the life table, by other arithmetic."""
    reason = retrace.reason_not_followed(subject.inputs)
    if reason:
        return not_applicable(reason)
    seen, again = everything_seen(subject.few, subject.inputs), retrace.retraced(subject.inputs, subject.few)
    return all_equal({name: (seen[name], again[name]) for name in again}, 1e-10, to="the same occupancy, in nine draws")


def general_population(subject: Subject) -> Finding:
    """F9: survival beside that of the general population."""
    n = subject.trace["dead"].shape[0] - 1
    general = recount.general_survival(subject.inputs.life_table, subject.base["age_start"], subject.base["p_male"], n)
    excess = float((1 - subject.trace["dead"] - general[:, None]).max())
    tolerance, note = 1e-9, ""
    if subject.inputs.settings.structure == "state_transition":  # those who progress in a cycle are at risk again from the next
        leavers, floor = -np.diff(subject.trace["progression_free"], axis=0), np.log(general[:-1] / general[1:])[:, None]
        tolerance, note = (
            tolerance + float((leavers * floor).sum(axis=0).max()),
            ": deaths in the rest of the cycle of progression",
        )
    shown = f"largest excess {max(excess, 0.0):.1e}"
    return holds(excess <= tolerance, "at most the general population's survival at every age", shown, f"{tolerance:.1e}{note}")


def without_the_disease(subject: Subject) -> Finding:
    """F9.1: the disease is taken away."""
    changes = subject.medians("pfs", 1e30) | subject.medians("os", 1e30) | subject.all_strategies("r_death_progressed", 0.0)
    changes |= subject.all_strategies("shape_pfs", 1.0) | subject.all_strategies("shape_os", 1.0)
    settings: dict[str, Any] = {"post_progression_clock_cycles": None, "also_counted": []}
    ages = np.array([float(subject.base["age_start"][0]), 40.5, 73.25])
    shares = np.array([float(subject.base["p_male"][0]), 0.2, 0.9])
    n = subject.trace["dead"].shape[0] - 1
    given = {k: np.asarray(v) for k, v in changes.items()} | {"age_start": ages, "p_male": shares}
    seen = subject.follow(given, subject.own_curves, **settings)
    general = recount.general_survival(subject.inputs.life_table, ages, shares, n)
    return equal(
        1 - seen["dead"], np.broadcast_to(general[:, None], seen["dead"].shape), 1e-8, to="the life table of that age and sex"
    )


def utility_norm(subject: Subject) -> Finding:
    """F10: utilities beside the general population's at each age."""
    age, men = subject.base["age_start"], subject.base["p_male"]
    if subject.inputs.settings.utility_age_adjustment == "general_population":
        ideal = {"u_progression_free": np.ones(1), "u_progressed": np.ones(1)}
        nothing = {n: np.zeros(1) for n in subject.base if n.startswith("du_")}
        found = subject.run(ideal | nothing).undiscounted
        assert found is not None
        middle = (np.arange(subject.trace["dead"].shape[0] - 1) + 0.5)[:, None] * DT
        ledger = recount.Ledger(subject.inputs, subject.base, subject.trace)
        norm = subject.inputs.utility_norm.at(age + middle, men)
        people = sum(_people(ledger, s) for s in STATES[:2])
        most = np.sum(norm[:, None, :] * people * DT, axis=0)
        excess = float((found.total_qalys - most).max())
        return holds(
            excess <= 1e-9, "with utilities of 1, the general population's QALYs and no more", f"excess {excess:.1e}", "1e-09"
        )
    for name in ("u_progression_free", "u_progressed"):
        ages = np.arange(float(age[0]), 101.0)
        above = ages[subject.inputs.utility_norm.at(ages, men) < float(subject.base[name][0]) - 1e-9]
        if len(above):
            shown = f"{name} = {float(subject.base[name][0]):g} exceeds it from the age of {above[0]:g} (utility_age_adjustment caps it)"
            return Finding(REVIEW, "at most the general population's at every age", shown, "1e-09")
    return Finding(
        PASS, "at most the general population's at every age", "both utilities are below it up to the age of 100", "1e-09"
    )


def _people(ledger: recount.Ledger, state: str) -> Array:
    x, count = ledger.trace[state], ledger.inputs.settings.time_in_state
    return {"life_table": (x[:-1] + x[1:]) / 2, "start": x[:-1], "end": x[1:]}[count]


CHECKS = (
    Check("F1", "The states are added up in every cycle", "engine.py: step_through; structures.py", nobody_is_lost),
    Check("F2", "Smallest and largest share in any state", "structures.py", shares_are_shares),
    Check("F3", "Deaths and the progression-free from cycle to cycle", "structures.py; life table", the_dead_stay_dead),
    Check("F4", "Cycles in the horizon, and who is alive at its end", "settings horizon_years", horizon),
    Check("F5", "All mortality is taken away", "structures.py; payoffs.py: years_in_state", nobody_dies),
    Check("F6", "Mortality is made extreme", "hazards.py; structures.py", everybody_dies),
    Check("F7", "Those within the clock after progression", "structures.py: with_clock", clocks),
    Check(
        "F8",
        "States counted again from the curves and the life table, by other arithmetic",
        "structures.py; curves.py",
        flows_again,
    ),
    Check("F9", "Survival beside that of the general population", "survival/background.py; life table", general_population),
    Check("F9.1", "The disease is taken away", "survival/background.py; age_start, p_male", without_the_disease),
    Check(
        "F10", "Utilities beside the general population's at each age", "valuation.py: utility; parameters u_...", utility_norm
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
