"""Checks of the inputs' part in the model: prices, hazards and curves do to it what they say (I1 to I8)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from hemodel.analyses.verification.findings import (
    FAIL,
    PASS,
    REVIEW,
    Check,
    Finding,
    all_equal,
    difference,
    equal,
    holds,
    listed,
    not_applicable,
)
from hemodel.analyses.verification.plain import names_in
from hemodel.analyses.verification.subject import PLAIN, YOUNG, Array, Subject, nobody_dies
from hemodel.cohort import model
from hemodel.evidence.draws import sampler
from hemodel.survival import families

HALF_TIME = 6  # cycles: a median that falls on a cycle boundary is met to all digits


def prices(subject: Subject) -> Finding:
    """I1: each price of a drug is raised by a tenth."""
    settings = subject.inputs.settings
    names = sorted({name for drug in settings.drugs for name in drug_prices(subject, drug)})
    if not names:
        return not_applicable("no drug has a price")
    wrong = [name for name in names if not moves_as_counted(subject, name)]
    return holds(
        not wrong,
        "costs rise, and only where the drug is given",
        f"{len(names)} prices; wrong: {listed(wrong)}",
        "strict",
    )


def moves_as_counted(subject: Subject, name: str) -> bool:
    """Whether costs go where they do in the second count when a parameter is raised by a tenth."""
    settings = subject.inputs.settings
    draws = [subject.draws({name: subject.base[name] * by + extra}) for by, extra in ((1.0, 0.0), (1.1, 0.01))]
    before, after = (model.evaluate(d, subject.inputs) for d in draws)
    again = [subject.priced(d).costs(settings.discount_rate_costs)[0] for d in draws]
    for arrangement in {settings.price_arrangements[0], settings.price_arrangements[-1]}:
        rise = after.total_costs(arrangement) - before.total_costs(arrangement)
        one, other = (sum(costs[arrangement].values()) for costs in again)
        least = 1e-9 * float(np.abs(before.total_costs(arrangement)).max())
        if (_direction(rise, least) != _direction(np.asarray(other) - np.asarray(one), least)).any():
            return False
    return True


def body_size(subject: Subject) -> Finding:
    """I2: the size that doses go by is raised by a tenth."""
    vials = [drug.vials for drug in subject.inputs.settings.drugs.values() if drug.vials]
    stems = {name for v in vials for name in names_in(v.size)}
    names = sorted((stems | {f"{stem}_{s}" for stem in stems for s in subject.names}) & subject.read)
    if not names:
        return not_applicable("no drug is dosed by weight or body surface")
    wrong = [name for name in names if not moves_as_counted(subject, name)]
    return holds(
        not wrong, "costs rise, and only where the drug is given", f"{len(names)} sizes; wrong: {listed(wrong)}", "strict"
    )


def _direction(rise: Array, least: float) -> Array:
    return np.where(np.abs(rise) > least, np.sign(rise), 0.0)


def drug_prices(subject: Subject, drug: str) -> list[str]:
    """Names of the parameters in the price of a drug, or of the costs in its rows where it has none."""
    terms, given = subject.inputs.settings.drugs[drug], subject.inputs.settings.strategies
    texts = [] if terms.price is None else [terms.price]
    if terms.vials is not None:
        texts = list(terms.vials.prices.values())
    if terms.steps and subject.inputs.settings.dose == "stepwise":
        texts = list(terms.steps.prices)
    own = [row.amount for row in subject.second.counted("cost") if (row.whose, row.of) == ("drug", drug)]
    stems = {name for text in texts or own for name in names_in(text) if name.startswith("c_")}
    columns = {f"{stem}_{s.name}" for stem in stems for s in given if drug in s.drugs} | stems
    return sorted(columns & subject.read)


def hazard_ratio(subject: Subject) -> Finding:
    """I3: survival by a hazard ratio of a half, one and two, in partitioned survival."""
    needed = [f"hr_death_{s}" for i, s in enumerate(subject.names) if i != subject.reference]
    needed += [f"median_os_{s}" for s in subject.names]
    absent = [name for name in needed if name not in subject.inputs.parameters]
    if absent:
        return not_applicable(f"the inputs have no {listed(absent)}")
    parted: dict[str, Any] = {
        "structure": "partitioned_survival",
        "intervention_survival": "hazard_ratio",
        "treatment_until": "progression",
    }
    parted |= PLAIN
    ratios = np.array([1.0, 0.5, 2.0])
    changes: dict[str, ArrayLike] = {name: ratios for name in needed if name.startswith("hr_")}
    changes |= {**subject.medians("os", 2.0), **subject.all_strategies("shape_os", 1.0), "age_start": YOUNG}
    seen = subject.follow(changes, subject.undying, **parted, horizon_years=4.0)
    log_alive = np.log(1 - seen["dead"][1:])
    ratio = log_alive[:, subject.first] / log_alive[:, subject.reference]
    probability = 1 - (1 - seen["dead"][1:]) / (1 - seen["dead"][:-1])
    own = probability[:, subject.first]
    rises = bool((own[:, 1] < own[:, 0]).all() and (own[:, 0] < own[:, 2]).all())
    worst = difference(ratio, np.broadcast_to(ratios, ratio.shape))
    found = f"log survival is the ratio times the comparator's to {worst:.1e}; probabilities {'rise' if rises else 'do not rise'} with it"
    within = bool(own.min() >= 0 and own.max() <= 1)
    return holds(rises and within and worst < 1e-9, "ratio acts on the hazard; 1 leaves the comparator's curve", found, "1e-09")


def ratio_of_one(subject: Subject) -> Finding:
    """I4: the hazard ratio of a clock after progression, switched on where the inputs have none, is set to one and to two."""
    subject = subject.on_medians
    inputs, lives = subject.with_clock(5), subject.quick_lives()
    plain = subject.follow(lives, inputs, post_progression_clock_cycles=None)
    same, worse = (subject.follow(lives | {"hr_death_after_clock": ratio}, inputs) for ratio in (1.0, 2.0))
    more = (worse["dead"] - same["dead"])[:, :, 0]
    early, least = float(np.abs(more[:6]).max()), float(more[-1].min())
    if early > 1e-12 or not least > 0:
        shown = f"within the clock it changes deaths by {early:.1e}; by the end of a year it kills {least:.1e} more at least"
        return Finding(FAIL, "a ratio of two kills more, after the clock only", shown, "1e-12")
    return equal(same["progressed"], plain["progressed"], to="the curve without a ratio")


def curves_in_order(subject: Subject) -> Finding:
    """I5: shares progression-free and on treatment beside those alive."""
    free, alive, treated = subject.trace["progression_free"], 1 - subject.trace["dead"], subject.trace["on_treatment"]
    excess = max(float((free - alive).max()), float((treated - alive).max()))
    crossings = sum(int(x.sum()) for name, x in subject.outcomes.crossings.items() if name.startswith("cycles in which"))
    if crossings and excess <= 1e-12:
        return Finding(REVIEW, "curves that do not cross", f"curves were held apart by rule in {crossings} cycles", "1e-12")
    return holds(excess <= 1e-12, "at most the share alive, in every cycle", f"largest excess {max(excess, 0.0):.1e}", "1e-12")


def medians_met(subject: Subject) -> Finding:
    """I5.1: medians set at six cycles."""
    curves = subject.inputs.settings
    if curves.fitted_curves or curves.pfs_curve == "response_mixture" or curves.effect_waning is not None:
        return not_applicable("the curves of these inputs do not follow from medians alone")
    changes = subject.medians("pfs", HALF_TIME * subject.dt) | subject.all_strategies("ratio_pfs_to_ttp", 1e-9)
    changes |= subject.all_strategies("shape_pfs", 1.2) | {"age_start": YOUNG}
    inputs = replace(subject.inputs, life_table=nobody_dies(subject.inputs.life_table))
    seen = subject.follow(
        changes, inputs, horizon_years=max(1.0, 13 * subject.dt), progression_shape="pfs", structure="state_transition"
    )
    return equal(seen["progression_free"][HALF_TIME], 0.5, 1e-9, to="one half at the median, set at six cycles")


def special_cases(_subject: Subject) -> Finding:
    """I6: families of curves at the parameters at which one becomes another."""
    t = np.array([0.1, 0.5, 1.0, 3.0, 10.0])

    def hazard(family: str, *parameters: float) -> object:
        return families.cumulative_hazard(family, t, [np.array(p) for p in parameters])

    pairs = {
        "Weibull of shape 1": (hazard("weibull", 1.0, 2.0), t / 2.0),
        "gamma of shape 1": (hazard("gamma", 1.0, 0.5), t / 2.0),
        "generalised gamma, Q = 1": (hazard("generalised_gamma", 0.4, 0.7, 1.0), (t / np.exp(0.4)) ** (1 / 0.7)),
        "generalised gamma, Q = sigma": (
            hazard("generalised_gamma", 0.4, 0.7, 0.7),
            hazard("gamma", 0.7**-2, 0.7**-2 / np.exp(0.4)),
        ),
    }
    return all_equal({name: (np.asarray(a), np.asarray(b)) for name, (a, b) in pairs.items()}, to="the simpler family")


def rates(subject: Subject) -> Finding:
    """I7: rates of death after progression got back from the trace."""
    if subject.inputs.settings.structure != "state_transition":
        return not_applicable("partitioned survival has no rates of transition")
    rate = np.array([0.2, 1.0, 5.0, 40.0])
    changes: dict[str, ArrayLike] = dict.fromkeys(subject.all_strategies("r_death_progressed", 1.0), rate)
    changes |= subject.medians("pfs", 1e-6) | subject.all_strategies("ratio_pfs_to_ttp", 1.0)
    changes |= subject.all_strategies("shape_pfs", 1.0) | {"age_start": YOUNG}
    progressed = subject.follow(changes, subject.undying, **PLAIN, horizon_years=max(0.5, 3 * subject.dt))["progressed"]
    back = -np.log(progressed[2] / progressed[1]) / subject.dt
    return equal(back, np.broadcast_to(rate, back.shape), 1e-9, to="the rate that was put in")


def hazard_ratios_drawn(subject: Subject) -> Finding:
    """I8: hazard ratios as they are drawn."""
    names = [n for n, p in subject.inputs.parameters.items() if n.startswith("hr_") and p.distribution == "lognormal_median"]
    if not names:
        return not_applicable("no hazard ratio comes with an interval")
    drawn = sampler(subject.inputs, seed=171, names=names).block(0, subject.n_draws)
    wrong = []
    for name in names:
        row = subject.inputs.parameters[name]
        assert row.low is not None and row.high is not None
        spread = np.log(row.high / row.low) / 3.919927969  # twice the 97.5th percentile of a standard normal
        error = abs(np.log(drawn[name]).mean() - np.log(row.value)) / (spread / np.sqrt(subject.n_draws))
        wide = abs(np.log(drawn[name]).std() / spread - 1) * np.sqrt(2 * subject.n_draws)
        if drawn[name].min() <= 0 or error > 5 or wide > 5:
            wrong.append(name)
    return Finding(
        FAIL if wrong else PASS, "above 0, with the published median and interval", f"off: {listed(wrong)}", "5 MC errors"
    )


CHECKS = (
    Check(
        "I1",
        "Each price of a drug is raised by a tenth",
        "settings.toml: price of each drug, drugs of each strategy; payoffs.csv; valuation.py; schemes.py",
        prices,
    ),
    Check(
        "I2", "The size that doses go by is raised by a tenth", "settings.toml: vials of each drug; evidence/vials.py", body_size
    ),
    Check(
        "I3",
        "Survival by a hazard ratio of a half, one and two, in partitioned survival",
        "curves.py: os_steps; parameters hr_death_...",
        hazard_ratio,
    ),
    Check(
        "I4",
        "A clock after progression is switched on, with a hazard ratio of one and of two",
        "structures.py: with_clock",
        ratio_of_one,
    ),
    Check(
        "I5",
        "Shares progression-free and on treatment beside those alive",
        "parameters.csv: median_pfs_..., median_os_..., shape_...; settings.toml: treatment_until; structures.py",
        curves_in_order,
    ),
    Check("I5.1", "Medians set at six cycles", "curves.py: pfs_steps; survival/curves.py: weibull_rate", medians_met),
    Check("I6", "Families of curves at the parameters at which one becomes another", "survival/families.py", special_cases),
    Check("I7", "Rates of death after progression got back from the trace", "hazards.py: constant; structures.py", rates),
    Check(
        "I8",
        "Hazard ratios as they are drawn",
        "parameters.csv: value, low, high of the rows hr_...; evidence/distributions.py",
        hazard_ratios_drawn,
    ),
)
