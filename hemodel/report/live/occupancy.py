"""The first columns of a Trace: hazards, probabilities, occupancy of the states, and who is on treatment."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hemodel.cohort.model import ON_TREATMENT, curves
from hemodel.cohort.model.paths import ENTERED, LATER_LINE, RECENTLY
from hemodel.cohort.model.treatment import BEFORE_RULES, response_rules
from hemodel.cohort.structures import DEAD, LATER, PROGRESSED, PROGRESSION_FREE
from hemodel.report import labels
from hemodel.report.live.amounts import schemes_in_use
from hemodel.report.live.cells import Column
from hemodel.report.live.cycles import trace_name
from hemodel.report.live.derived import Derived
from hemodel.report.live.engine import Engine, until_of, waned
from hemodel.report.live.measures import later_windows_of, line_key, needs_before_rules, steps

Array = NDArray[np.float64]
_TERMS = 12


def occupancy_columns(engine: Engine, strategy: int, derived: Derived) -> list[Column]:
    """Hazards, probabilities, and shares in the states and on treatment, of one strategy."""
    found = [
        Column("cycle", "Cycle", "[Time!cycle]", np.arange(engine.n_cycles + 1), "count"),
        Column("years", "Years", "[Time!years]", engine.boundaries, "plain, ones"),
        *_hazard_columns(engine, strategy, derived),
    ]
    if engine.inputs.settings.structure == "state_transition":
        found += _transition_columns(engine, strategy)
    else:
        found += _partition_columns(engine, strategy, derived)
    return [*found, *treatment_columns(engine, strategy, derived)]


def _cumulative(increments: Array) -> Array:
    return np.concatenate([[0.0], np.cumsum(increments)])


def _curve(engine: Engine, strategy: int, derived: Derived, curve: str, family: str, label: str) -> list[Column]:
    """Cumulative hazard at cycle boundaries and its increments, by the formula of the family; held where there is none."""
    increments = engine.steps[curve][:, strategy]
    name = engine.inputs.settings.strategy_names[strategy]
    t, m, a = "[Time!years]", f"{{m_{curve}}}", f"{{shape_{curve}}}"
    formula = {
        "weibull": f"{m}*{t}^{a}",
        "exponential": f"{m}*{t}",
        "log_logistic": f"LN(1+({t}/{{median_{curve}}})^{a})",
        "log_normal": f"-LN(NORMSDIST(-(LN({t})-LN({{median_{curve}}}))/{a}))",
        "gompertz": f"{m}*(EXP({a}*{t})-1)",
        "gamma": _gamma(f"[x_{curve}]", a),
        "responders": "-LN(" + "+".join(f"{{w{k}}}*EXP(-{{rate{k}}}*{t})" for k in (1, 2, 3)) + ")/{share_progression}",
    }[family]
    if f"{curve}_{name}" in engine.inputs.settings.fitted_curves:
        return [Column(f"g_{curve}", f"Hazard in the cycle, {label} (held)", "", increments, "six")]
    own = []
    if family == "gamma":
        values = engine.boundaries * derived.values[f"m_{curve}"][strategy]
        own = [Column(f"x_{curve}", f"Rate times time, {label}", f"{m}*{t}", values, "six")]
    return [
        *own,
        Column(f"H_{curve}", f"Cumulative hazard, {label}", formula, _cumulative(increments), "six", first=0.0),
        Column(f"g_{curve}", f"Hazard in the cycle, {label}", f"[H_{curve}+1]-[H_{curve}]", increments, "six"),
    ]


def _gamma(x: str, a: str) -> str:
    """Cumulative hazard of the gamma distribution at x = rate times time.

    One minus Excel's distribution function has no digits left far out, so that there Legendre's continued fraction stands in for it,
    of a dozen terms: exact to rounding from x = shape + 8 on.
    """
    fraction = f"{x}+{2 * _TERMS + 1}-{a}"
    for k in range(_TERMS, 0, -1):
        fraction = f"{x}+{2 * k - 1}-{a}-{k}*({k}-{a})/({fraction})"
    return f"IF({x}<{a}+8,-LN(1-GAMMADIST({x},{a},1,TRUE)),{x}-{a}*LN({x})+GAMMALN({a})+LN({fraction}))"


def _mixed(own: str, others: str) -> str:
    """A hazard that goes over to the comparator's."""
    return f"(1-[Time!gone])*{own}+[Time!gone]*{others}"


def _reference(engine: Engine) -> str:
    return trace_name(curves.comparator(engine.inputs))


def _hazard_columns(engine: Engine, strategy: int, derived: Derived) -> list[Column]:
    settings, steps = engine.inputs.settings, engine.steps
    is_first = strategy == curves.intervention(engine.inputs)
    family = settings.pfs_curve if settings.pfs_curve != "response_mixture" else "responders" if is_first else "weibull"
    found = _curve(engine, strategy, derived, "pfs", family, "PFS")
    fades, reference = settings.effect_waning is not None, _reference(engine)
    if fades:
        formula = _mixed("[g_pfs]", f"[{reference}!g_pfs]")
        found.append(Column("pfs", "Hazard, PFS, effect fading", formula, steps["pfs_waned"][:, strategy], "six"))
    if "ttp" in steps:
        found += _curve(engine, strategy, derived, "ttp", "weibull", "TTP")
        if fades:
            formula = _mixed("[g_ttp]", f"[{reference}!g_ttp]")
            faded = steps["ttp_waned"][:, strategy]
            found.append(Column("ttp", "Hazard, TTP, effect fading", formula, faded, "six"))
            formula = "[H_ttp_faded-1]+[ttp-1]"
            found.append(
                Column("H_ttp_faded", "Cumulative hazard, TTP, effect fading", formula, _cumulative(faded), "six", first=0.0)
            )
    return found


def _transition_columns(engine: Engine, strategy: int) -> list[Column]:
    """Hazards of progression and death, the probabilities that follow, and the occupancy of the states."""
    inputs, steps = engine.inputs, engine.steps
    settings, fades, reference = inputs.settings, inputs.settings.effect_waning is not None, _reference(engine)
    pfs, ttp = ("[pfs]", "[ttp]") if fades else ("[g_pfs]", "[g_ttp]")
    share = curves.progression_share(engine.draws, inputs)[:, 0]
    if settings.progression_shape == "ttp":
        formula, progression = ttp, steps["ttp_waned"][:, strategy]
    elif fades:
        gone = waned(inputs, engine.boundaries)
        place = curves.comparator(inputs)
        progression = (1 - gone) * share[strategy] * steps["pfs"][:, strategy] + gone * share[place] * steps["pfs"][:, place]
        formula = _mixed("{share_progression}*[g_pfs]", "{comparator:share_progression}*" + f"[{reference}!g_pfs]")
    else:
        formula, progression = f"{{share_progression}}*{pfs}", share[strategy] * steps["pfs_waned"][:, strategy]
    total = np.maximum(progression + engine.floor, steps["pfs_waned"][:, strategy])
    rate = "{r_death}"
    if fades:
        rate = "((1-[Time!gone])*{r_death}+[Time!gone]*{comparator:r_death})"
    after = np.maximum(steps["death"][:, strategy], engine.floor)
    p = {name: values[:, strategy] for name, values in engine.probabilities.items()}
    found = [
        Column("progression", "Hazard of progression", formula, progression, "six"),
        Column(
            "death_free",
            "Hazard of death, progression-free",
            f"MAX({pfs}-[progression],[Time!floor])",
            total - progression,
            "six",
        ),
        Column("leave", "P(leave progression-free)", "1-EXP(-([progression]+[death_free]))", p["leave"], "six"),
        Column("progress", "P(progress)", "[leave]*[progression]/([progression]+[death_free])", p["progress"], "six"),
        Column("die_free", "P(die), progression-free", "[leave]-[progress]", p["die_free"], "six"),
        Column("death_after", "Hazard of death, progressed", f"MAX({rate}*cycle_years,[Time!floor])", after, "six"),
        Column("die_progressed", "P(die), progressed", "1-EXP(-[death_after])", p["die_progressed"], "six"),
    ]
    occupied = engine.seen
    free, progressed = occupied[PROGRESSION_FREE][:, strategy], occupied[PROGRESSED][:, strategy]
    dead = engine.base.trace[DEAD][:, strategy]
    found.append(Column("free", "Progression-free", "[free-1]*(1-[leave-1])", free, first=1.0))
    if settings.post_progression_clock_cycles is None:
        formula = "[progressed-1]*(1-[die_progressed-1])+[free-1]*[progress-1]"
        found.append(Column("progressed", "Progressed", formula, progressed, first=0.0))
        formula = "[dead-1]+[free-1]*[die_free-1]+[progressed-1]*[die_progressed-1]"
    else:
        found += _clock_columns(engine, strategy, settings.post_progression_clock_cycles, rate, after)
        formula = "1-[free]-[progressed]"
    found.append(Column("dead", "Dead", formula, dead, first=0.0))
    if engine.plan.entered:
        entries = np.diff(engine.seen[ENTERED + PROGRESSED][:, strategy])
        found.append(Column("entries", "Progress in the cycle", "[free]*[progress]", entries, "six"))
    if engine.plan.later_drug is not None:
        found += _later_columns(engine, strategy, rate, engine.plan.later_drug)
    return found


def _clock_columns(engine: Engine, strategy: int, window: int, rate: str, after: Array) -> list[Column]:
    """Progressed within the clock's cycles and later: those who entered in one cycle share one survival since."""
    seen, hr = engine.seen, engine.value("hr_death_after_clock")
    slower = np.maximum(hr * engine.steps["death"][:, strategy], engine.floor)
    survival = -_cumulative(after)
    progress = engine.probabilities["progress"][:, strategy]
    entered = np.concatenate([[0.0], seen[PROGRESSION_FREE][:-1, strategy] * progress])
    moved = f"[entered-{window}]*EXP([survival])"
    return [
        Column("survival", "ln of survival after progression", "[survival-1]-[death_after-1]", survival, "six", first=0.0),
        Column(
            "entered",
            "Newly progressed, over that survival",
            "[free-1]*[progress-1]*EXP(-[survival])",
            entered * np.exp(-survival),
            "six",
            first=0.0,
        ),
        Column(
            "recent",
            f"Progressed, first {window} cycles",
            f"EXP([survival])*SUM([entered:{window}])",
            seen[RECENTLY + PROGRESSED][:, strategy],
        ),
        Column(
            "death_later", "Hazard of death, later", f"MAX({rate}*cycle_years*hr_death_after_clock,[Time!floor])", slower, "six"
        ),
        Column(
            "later",
            "Progressed, later",
            f"[later-1]*EXP(-[death_later-1])+{moved}",
            seen[PROGRESSED + LATER][:, strategy],
            first=0.0,
        ),
        Column("progressed", "Progressed", "[recent]+[later]", seen[PROGRESSED][:, strategy]),
    ]


def _later_columns(engine: Engine, strategy: int, rate: str, drug: str) -> list[Column]:
    """On the drug of the line after progression: all, and those within a scheme's cycles of that line."""
    inputs, seen = engine.inputs, engine.seen
    settings, name = inputs.settings, inputs.settings.strategy_names[strategy]
    stop = engine.value("r_stop_later_line") * settings.cycle_years
    leave = np.maximum(np.maximum(engine.steps["death"][:, strategy], stop), engine.floor)
    first = f"{LATER_LINE}_{later_windows_of(engine)[0]}"
    on = seen[first][:, strategy] + seen[first + LATER][:, strategy]
    survival = -_cumulative(leave)
    progress = engine.probabilities["progress"][:, strategy]
    share, enter = engine.value(f"p_later_line_{name}"), seen[PROGRESSION_FREE][:-1, strategy] * progress
    entered = np.concatenate([[0.0], share * enter])
    own = f"p_later_line_{name}*[free-1]*[progress-1]"
    least = f"MAX({rate}*cycle_years,r_stop_later_line*cycle_years,[Time!floor])"
    line = f"On {labels.in_sentence(settings.drugs[drug].label)} in the later line"
    so_far, left = np.cumsum(entered * np.exp(-survival)), "[line_survival-1]-[leave_line-1]"
    counted = f"[line_entered-1]+{own}*EXP(-[line_survival])"
    found = [
        Column("leave_line", "Hazard of leaving the later line", least, leave, "six"),
        Column("line", line, f"[line-1]*EXP(-[leave_line-1])+{own}", on, first=0.0),
        Column("line_survival", "ln of staying in the later line", left, survival, "six", first=0.0),
        Column("line_entered", "Entered it so far, over that survival", counted, so_far, "six", first=0.0),
    ]
    for scheme, terms in schemes_in_use(settings).items():
        for (cycles, number), _, _ in steps(scheme, terms)[1:] if terms.drug == drug else ():
            formula = f"EXP([line_survival])*([line_entered]-IF([cycle]<{cycles},0,INDEX([line_entered:*],[cycle]-{cycles}+1)))"
            heading = f"Of these, within the first cycles, scheme {scheme}"
            found.append(Column(line_key(scheme, cycles), heading, formula, seen[f"{LATER_LINE}_{number}"][:, strategy]))
    return found


def _partition_columns(engine: Engine, strategy: int, derived: Derived) -> list[Column]:
    """PFS and OS curves with the general population's hazard as the least, and the shares between them."""
    inputs, steps = engine.inputs, engine.steps
    settings, floor = inputs.settings, engine.floor
    names, reference = settings.strategy_names, curves.comparator(inputs)
    fades = settings.effect_waning is not None
    source, factor = strategy, ""
    if settings.comparator_survival == "hazard_ratio" and strategy == reference:
        source = curves.intervention(inputs)
        factor = f"/hr_death_{names[source]}"
    elif settings.intervention_survival == "hazard_ratio" and strategy != reference:
        source, factor = reference, f"*hr_death_{names[strategy]}"
    found = []
    if factor:
        formula = f"[{trace_name(source)}!g_os]{factor}"
        found.append(Column("g_os", "Hazard in the cycle, OS, by hazard ratio", formula, steps["os"][:, strategy], "six"))
    else:
        found += _curve(engine, strategy, derived, "os", settings.os_curve, "OS")
    pfs, os = ("[pfs]", "[os]") if fades else ("[g_pfs]", "[g_os]")
    if fades:
        formula = _mixed("[g_os]", f"[{trace_name(reference)}!g_os]")
        found.append(Column("os", "Hazard, OS, effect fading", formula, steps["os_waned"][:, strategy], "six"))
    alive_free, alive_all = (
        np.concatenate([[1.0], np.cumprod(np.exp(-np.maximum(steps[f"{curve}_waned"][:, strategy], floor)))])
        for curve in ("pfs", "os")
    )
    seen = engine.seen
    return [
        *found,
        Column("S_pfs", "PFS curve", f"[S_pfs-1]*EXP(-MAX({pfs.replace(']', '-1]')},[Time!floor-1]))", alive_free, first=1.0),
        Column("S_os", "OS curve", f"[S_os-1]*EXP(-MAX({os.replace(']', '-1]')},[Time!floor-1]))", alive_all, first=1.0),
        Column("free", "Progression-free", "MIN([S_pfs],[S_os])", seen[PROGRESSION_FREE][:, strategy]),
        Column("progressed", "Progressed", "[S_os]-[free]", seen[PROGRESSED][:, strategy]),
        Column("dead", "Dead", "1-[S_os]", engine.base.trace[DEAD][:, strategy]),
    ]


def treatment_columns(engine: Engine, strategy: int, derived: Derived) -> list[Column]:
    """Share on treatment by the rules of the strategy."""
    settings, seen, found = engine.inputs.settings, engine.seen, list[Column]()
    name, until = settings.strategy_names[strategy], until_of(settings, strategy)
    if until == "progression":
        formula = "[free]"
    elif until == "progression_or_toxicity":
        formula = f"[free]*EXP(-r_discontinuation_toxicity_{name}*[Time!years])"
    elif until == "exposure_curve":
        found += _curve(engine, strategy, derived, "exposure", "weibull", "time on treatment")
        formula = "MIN(EXP(-[H_exposure]),[free]+[progressed])"
    else:
        hazard = "[H_ttp]" if settings.effect_waning is None else "[H_ttp_faded]"
        formula = f"MIN(EXP(-{hazard}),[free]+[progressed])"
    if needs_before_rules(engine, strategy):
        heading = "On treatment, but for rules that end it at a time"
        found.append(Column("before_rules", heading, formula, seen[BEFORE_RULES][:, strategy]))
        formula = "[before_rules]"
    treated = seen[ON_TREATMENT][:, strategy]
    return [*found, Column("treated", "On treatment", _stay(engine, strategy, formula), treated)]


def _stay(engine: Engine, strategy: int, formula: str) -> str:
    """Those otherwise on treatment, times the share whom no rule has stopped by then."""
    settings = engine.inputs.settings
    own, days = settings.strategies[strategy], f"{settings.cycle_days:.12g}"
    rule = response_rules(engine.inputs)[strategy]
    if own.treatment_cycles is not None:
        formula = f"IF([cycle]<treatment_cycles_{own.name},{formula},0)"
    if rule is None and own.treatment_days is None:
        return formula
    lasting = "1" if own.treatment_days is None else f"MAX(0,MIN(1,{{last_day}}/{days}-[cycle]))"
    if rule is None:
        return f"{formula}*{lasting}"
    if own.stop_at_response is None and lasting == "1":
        return f"{formula}*IF([cycle]<stop_at_response_cycle,1,{{goes_on}})"
    before = f"MAX(0,MIN({lasting},{{response_day}}/{days}-[cycle]))"
    return f"{formula}*({before}+({lasting}-{before})*{{goes_on}})"
