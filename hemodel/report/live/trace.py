"""The sheets Trace: hazards, probabilities, occupancy, treatment, health and costs of every cycle, one sheet a strategy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hemodel.cohort.model import ON_TREATMENT, curves
from hemodel.cohort.model.paths import LATER_LENALIDOMIDE, RECENTLY_PROGRESSED, later_windows
from hemodel.cohort.model.treatment import stepwise_price
from hemodel.cohort.payoffs import discount_factors
from hemodel.cohort.structures import DEAD, LATER, PROGRESSED, PROGRESSION_FREE
from hemodel.errors import InputError
from hemodel.report import labels
from hemodel.report.live.cells import Cell, Column, Grid, Sheet
from hemodel.report.live.cycles import HEALTH, MIDDLE, START, TIME, TOP, arrangement_key, charging, head, trace_name, window_of
from hemodel.report.live.derived import Derived
from hemodel.report.live.engine import Engine, waned

Array = NDArray[np.float64]
_TERMS = 12
UNDISCOUNTED, DISCOUNTED = TOP - 5, TOP - 4  # rows of the totals


@dataclass(frozen=True)
class Total:
    """What a column of a Trace adds up to: the engine's totals of a strategy, and how the column is discounted."""

    key: str
    label: str
    kind: str  # cost, life_years or qalys
    discount: str  # the column of Time with the factors
    sums: tuple[float, float]  # undiscounted, discounted
    style: str
    packs: str = ""  # the column whose sum is weighted instead, for packs under a price arrangement


def trace_columns(engine: Engine, strategy: int, derived: Derived) -> list[Column]:
    """Hazards, probabilities, occupancy, treatment, health and costs of each cycle of one strategy."""
    found = [
        Column("cycle", "Cycle", "[Time!cycle]", np.arange(engine.n_cycles + 1), "count"),
        Column("years", "Years", "[Time!years]", engine.boundaries, "plain, ones"),
        *_hazard_columns(engine, strategy, derived),
    ]
    if engine.inputs.settings.structure == "state_transition":
        found += _transition_columns(engine, strategy)
    else:
        found += _partition_columns(engine, strategy, derived)
    found.append(_treatment_column(engine, strategy))
    return [*found, *_health_columns(engine, strategy, derived), *_cost_columns(engine, strategy, derived)]


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
    if later_windows(inputs):
        found += _later_columns(engine, strategy, rate)
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
            seen[RECENTLY_PROGRESSED][:, strategy],
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


def _later_columns(engine: Engine, strategy: int, rate: str) -> list[Column]:
    """On lenalidomide in the line after progression: all, and those within a scheme's cycles of that line."""
    inputs, seen = engine.inputs, engine.seen
    name = inputs.settings.strategy_names[strategy]
    stop = engine.value("r_stop_later_line") * engine.inputs.settings.cycle_years
    leave = np.maximum(np.maximum(engine.steps["death"][:, strategy], stop), engine.floor)
    windows = later_windows(inputs)
    first = f"{LATER_LENALIDOMIDE}_{windows[0]}"
    on = seen[first][:, strategy] + seen[first + LATER][:, strategy]
    survival = -_cumulative(leave)
    progress = engine.probabilities["progress"][:, strategy]
    entered = np.concatenate([[0.0], engine.value(f"p_later_line_{name}") * seen[PROGRESSION_FREE][:-1, strategy] * progress])
    own = f"p_later_line_{name}*[free-1]*[progress-1]"
    found = [
        Column(
            "leave_line",
            "Hazard of leaving the later line",
            f"MAX({rate}*cycle_years,r_stop_later_line*cycle_years,[Time!floor])",
            leave,
            "six",
        ),
        Column("line", "On lenalidomide in the later line", f"[line-1]*EXP(-[leave_line-1])+{own}", on, first=0.0),
        Column(
            "line_survival", "ln of staying in the later line", "[line_survival-1]-[leave_line-1]", survival, "six", first=0.0
        ),
        Column(
            "line_entered",
            "Entered it so far, over that survival",
            f"[line_entered-1]+{own}*EXP(-[line_survival])",
            np.cumsum(entered * np.exp(-survival)),
            "six",
            first=0.0,
        ),
    ]
    for arrangement in inputs.settings.price_arrangements:
        if arrangement != "list" and (terms := window_of(engine, arrangement))[1]:
            _, cycles, window = terms
            key = arrangement_key(engine, arrangement)
            formula = f"EXP([line_survival])*([line_entered]-IF([cycle]<{cycles},0,INDEX([line_entered:*],[cycle]-{cycles}+1)))"
            label = f"Of these, within the first cycles, {labels.arrangement_short(inputs.settings, arrangement)}"
            found.append(Column(f"line_{key}", label, formula, seen[f"{LATER_LENALIDOMIDE}_{window}"][:, strategy]))
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


def _treatment_column(engine: Engine, strategy: int) -> Column:
    """Share on treatment by the rules of the settings."""
    settings = engine.inputs.settings
    name = settings.strategy_names[strategy]
    if settings.treatment_until == "progression":
        formula = "[free]"
    elif settings.treatment_until == "progression_or_toxicity":
        formula = f"[free]*EXP(-r_discontinuation_toxicity_{name}*[Time!years])"
    else:
        hazard = "[H_ttp]" if settings.effect_waning is None else "[H_ttp_faded]"
        formula = f"MIN(EXP(-{hazard}),[free]+[progressed])"
    if settings.strategies[strategy].treatment_cycles is not None:
        formula = f"IF([cycle]<treatment_cycles_{name},{formula},0)"
    if settings.stop_at_response_cycle is not None:
        formula = f"{formula}*IF([cycle]<stop_at_response_cycle,1,1-p_response_{name})"
    return Column("treated", "On treatment", formula, engine.seen[ON_TREATMENT][:, strategy])


def _health_columns(engine: Engine, strategy: int, derived: Derived) -> list[Column]:
    """Deaths, years and QALYs of each cycle."""
    inputs, n = engine.inputs, engine.n_cycles
    settings, value = inputs.settings, {key: found[strategy] for key, found in derived.values.items()}
    name = settings.strategy_names[strategy]
    start = {"life_table": 0.5, "start": 1.0, "end": 0.0}[settings.time_in_state]
    free, progressed, treated = (engine.seen[s][:, strategy] for s in (PROGRESSION_FREE, PROGRESSED, ON_TREATMENT))
    years = {
        k: engine.inputs.settings.cycle_years * (start * x[:-1] + (1 - start) * x[1:])
        for k, x in (("free", free), ("progressed", progressed))
    }
    deaths = -np.diff(free + progressed)
    factor = _age_factor(engine)
    time = "cycle_years*(weight_of_start*[{0}]+(1-weight_of_start)*[{0}+1])"
    found = [
        Column("deaths", "Deaths", "[free]-[free+1]+[progressed]-[progressed+1]", deaths, "six"),
        Column("ly_free", "Years, progression-free", time.replace("{0}", "free"), years["free"], "six"),
        Column("ly_progressed", "Years, progressed", time.replace("{0}", "progressed"), years["progressed"], "six"),
        Column(
            "q_free",
            "QALYs, progression-free",
            "{u_progression_free}*[ly_free]*[Time!age_factor]",
            value["u_progression_free"] * years["free"] * factor,
            "six",
        ),
        Column(
            "q_progressed",
            "QALYs, progressed",
            "{u_progressed}*[ly_progressed]*[Time!age_factor]",
            value["u_progressed"] * years["progressed"] * factor,
            "six",
        ),
        Column(
            "q_events",
            "QALYs, adverse events",
            "IF([cycle]=0,-{event_loss},0)",
            np.where(np.arange(n) == 0, -value["event_loss"], 0.0),
            "six",
        ),
    ]
    if "utility_loss_on_treatment" in settings.also_counted:
        lost = (
            -engine.value("du_on_treatment") * value["takes_drugs"] * engine.inputs.settings.cycle_years * treated[:-1] * factor
        )
        found.append(
            Column(
                "q_treatment",
                "QALYs, on treatment",
                "-du_on_treatment*{takes_drugs}*cycle_years*[treated]*[Time!age_factor]",
                lost,
                "six",
            )
        )
    if "utility_loss_no_response" in settings.also_counted:
        lost = -engine.value("du_no_response") * (1 - engine.value(f"p_response_{name}")) * years["free"] * factor
        found.append(
            Column(
                "q_no_response",
                "QALYs, no response",
                f"-du_no_response*(1-p_response_{name})*[ly_free]*[Time!age_factor]",
                lost,
                "six",
            )
        )
    if "utility_loss_near_death" in settings.also_counted:
        found.append(Column("q_near_death", "QALYs, near death", "-{death_loss}*[deaths]", -value["death_loss"] * deaths, "six"))
    if "second_cancers" in settings.also_counted:
        lost = -value["cancer_loss"] * engine.value(f"r_second_cancer_{name}") * years["free"]
        found.append(
            Column("q_second_cancers", "QALYs, second cancers", f"-{{cancer_loss}}*r_second_cancer_{name}*[ly_free]", lost, "six")
        )
    return found


def _age_factor(engine: Engine) -> Array:
    settings = engine.inputs.settings
    if settings.utility_age_adjustment == "none":
        return np.ones(engine.n_cycles)
    age, share, norm = engine.value("age_start"), engine.value("p_male"), engine.inputs.utility_norm
    at = age + engine.boundaries[:-1] + engine.inputs.settings.cycle_years / 2
    return norm.at(at, share) / norm.at(np.array([age]), share)


def _cost_columns(engine: Engine, strategy: int, derived: Derived) -> list[Column]:
    """Costs of each cycle by component, not discounted, and the totals discounted."""
    inputs, n = engine.inputs, engine.n_cycles
    settings, value = inputs.settings, {key: found[strategy] for key, found in derived.values.items()}
    given = settings.strategies[strategy].drugs
    has = float("lenalidomide" in given)
    x = engine.seen[ON_TREATMENT][:-1, strategy]
    v, cycle = engine.value, np.arange(n)
    q = v("p_pack_dispensed")
    health = {c.key: np.asarray(c.values, dtype=np.float64) for c in _health_columns(engine, strategy, derived)}
    if settings.dose == "stepwise":
        unit, price = "[Time!pack_price]", np.array([float(stepwise_price(engine.draws)(c)[0]) for c in range(n)])
    else:
        unit, price = "{pack_price}", np.full(n, value["pack_price"])
    packs = has * q * x * price
    high = settings.dexamethasone_high_dose_cycles
    milligrams = np.where(cycle < high, v("n_dexamethasone_high_dose"), v("n_dexamethasone_later"))
    name = settings.strategy_names[strategy]
    found = [
        Column(
            "c_lenalidomide",
            "Lenalidomide, list price (£)",
            f"{{has_lenalidomide}}*p_pack_dispensed*[treated]*{unit}",
            packs,
            "pence",
        )
    ]
    for a in settings.price_arrangements:
        if a != "list":
            key, charged = arrangement_key(engine, a), _charged(engine, a)
            label = f"Lenalidomide, {labels.arrangement_short(settings, a)} (£)"
            found.append(
                Column(f"c_lenalidomide_{key}", label, f"[c_lenalidomide]*[Time!charged_{key}]", packs * charged, "pence")
            )
    if f"c_other_drugs_{settings.strategy_names[0]}" in inputs.parameters or any(
        f"c_other_drugs_{s}" in inputs.parameters for s in settings.strategy_names
    ):
        own = f"c_other_drugs_{name}"
        known = own in inputs.parameters
        found.append(
            Column(
                "c_other_drugs", "Other drugs (£)", f"{own if known else 0}*[treated]", (v(own) if known else 0.0) * x, "pence"
            )
        )
    start = np.where(cycle == 0, 1.0, 0.0)
    found += [
        Column(
            "c_dexamethasone",
            "Dexamethasone (£)",
            "{has_dexamethasone}*[treated]*c_dexamethasone_mg*IF([cycle]<dexamethasone_high_dose_cycles,n_dexamethasone_high_dose,n_dexamethasone_later)",
            float("dexamethasone" in given) * x * v("c_dexamethasone_mg") * milligrams,
            "pence",
        ),
        Column(
            "c_dispensing",
            "Dispensing (£)",
            "{has_lenalidomide}*[treated]*IF([cycle]=0,c_dispensing_first,p_pack_dispensed*c_dispensing_later)",
            has * x * np.where(cycle == 0, v("c_dispensing_first"), q * v("c_dispensing_later")),
            "pence",
        ),
        Column(
            "c_monitoring",
            "Monitoring (£)",
            "[treated]*(IF([cycle]=0,c_clinic_visit_first,{follow_up})+{blood_tests})",
            x * (np.where(cycle == 0, v("c_clinic_visit_first"), value["follow_up"]) + value["blood_tests"]),
            "pence",
        ),
        Column(
            "c_thromboprophylaxis",
            "Thromboprophylaxis (£)",
            "{has_lenalidomide}*[treated]*{thromboprophylaxis}",
            has * x * value["thromboprophylaxis"],
            "pence",
        ),
        Column(
            "c_pregnancy_prevention",
            "Pregnancy prevention (£)",
            "{has_lenalidomide}*p_pack_dispensed*[treated]*{pregnancy}",
            has * q * x * value["pregnancy"],
            "pence",
        ),
        Column("c_adverse_events", "Adverse events (£)", "IF([cycle]=0,{event_cost},0)", start * value["event_cost"], "pence"),
        Column(
            "c_post_progression_care",
            "Care after progression (£)",
            "c_post_progression_care*[ly_progressed]/cycle_years",
            v("c_post_progression_care") * health["ly_progressed"] / engine.inputs.settings.cycle_years,
            "pence",
        ),
        Column(
            "c_terminal_care", "Terminal care (£)", "c_terminal_care*[deaths]", v("c_terminal_care") * health["deaths"], "pence"
        ),
    ]
    if "second_cancers" in settings.also_counted:
        rate = f"r_second_cancer_{name}"
        found.append(
            Column(
                "c_second_cancers",
                "Second cancers (£)",
                f"c_second_cancer*{rate}*[ly_free]",
                v("c_second_cancer") * v(rate) * health["ly_free"],
                "pence",
            )
        )
    if "subsequent_treatment" in settings.also_counted:
        recent = engine.seen[RECENTLY_PROGRESSED][:-1, strategy]
        found.append(
            Column(
                "c_subsequent_treatment",
                "Treatment after progression (£)",
                "c_subsequent_treatment*[recent]",
                v("c_subsequent_treatment") * recent,
                "pence",
            )
        )
    if later_windows(inputs):
        for a in settings.price_arrangements:
            found.append(_later_cost(engine, strategy, a, value["pack_price"]))
    if any(a != "list" for a in settings.price_arrangements):
        running = has * v("c_scheme_per_patient") * start
        found.append(
            Column(
                "c_scheme_running",
                "Running the scheme (£)",
                "IF([cycle]=0,{has_lenalidomide}*c_scheme_per_patient,0)",
                running,
                "pence",
            )
        )
    return [*found, *_discounted_columns(engine, found, health)]


def _charged(engine: Engine, arrangement: str) -> Array:
    return np.asarray(next(c.values for c in charging(engine, arrangement) if c.key.startswith("charged_")), dtype=np.float64)


def _weights(engine: Engine, arrangement: str) -> Array:
    return np.asarray(next(c.values for c in charging(engine, arrangement) if c.key.startswith("weight_")), dtype=np.float64)


def _later_cost(engine: Engine, strategy: int, arrangement: str, price: float) -> Column:
    """Lenalidomide of the later line under one price arrangement."""
    settings, key, seen = engine.inputs.settings, arrangement_key(engine, arrangement), engine.seen
    first = f"{LATER_LENALIDOMIDE}_{later_windows(engine.inputs)[0]}"
    on = seen[first][:-1, strategy] + seen[first + LATER][:-1, strategy]
    formula, charged = "[line]", on
    if arrangement != "list":
        kind, _, window = window_of(engine, arrangement)
        if kind == "price_discount":
            off = float(settings.schemes[arrangement].price_discount or 0.0)
            formula, charged = f"[line]*(1-{arrangement}_price_discount)", on * (1 - off)
        else:
            inside = seen[f"{LATER_LENALIDOMIDE}_{window}"][:-1, strategy]
            formula, charged = (f"[line_{key}]", inside) if kind == "drug_cost_cap" else (f"([line]-[line_{key}])", on - inside)
    label = f"Lenalidomide, later line, {labels.arrangement_short(settings, arrangement)} (£)"
    q = engine.value("p_pack_dispensed")
    return Column(
        f"c_later_lenalidomide_{key}", label, f"p_pack_dispensed*{formula}*{{pack_price}}", q * charged * price, "pence"
    )


_AT_MIDDLE = ("c_adverse_events", "c_post_progression_care", "c_terminal_care", "c_second_cancers")


def _discounted_columns(engine: Engine, costs: Sequence[Column], health: dict[str, Array]) -> list[Column]:
    """All costs of a cycle under each price arrangement, discounted, and all QALYs."""
    settings, n = engine.inputs.settings, engine.n_cycles
    middle = discount_factors(settings.discount_rate_costs, engine.boundaries[:n] + engine.inputs.settings.cycle_years / 2)
    factors = discount_factors(settings.discount_rate_costs, engine.boundaries[:n])
    values = {c.key: np.asarray(c.values, dtype=np.float64) for c in costs}
    found = []
    for a in settings.price_arrangements:
        key = arrangement_key(engine, a)
        drug = ("[c_lenalidomide]*[Time!v_costs]", values["c_lenalidomide"] * factors)
        if a != "list":
            drug = (f"[c_lenalidomide]*[Time!weight_{key}]", values["c_lenalidomide"] * _weights(engine, a))
        early = [k for k in values if k not in _AT_MIDDLE and not k.startswith("c_lenalidomide") and _belongs(k, key, a)]
        late = [k for k in values if k in _AT_MIDDLE]
        formula = f"{drug[0]}+({'+'.join(f'[{k}]' for k in early)})*[Time!v_costs]+({'+'.join(f'[{k}]' for k in late)})*[Time!v_costs_mid]"
        total = (
            drug[1]
            + sum((values[k] for k in early), np.zeros(n)) * factors
            + sum((values[k] for k in late), np.zeros(n)) * middle
        )
        found.append(
            Column(
                f"d_costs_{key}", f"All costs, discounted, {labels.arrangement_short(settings, a)} (£)", formula, total, "pence"
            )
        )
    losses = [k for k in health if k.startswith("q_")]
    total = sum((health[k] for k in losses), np.zeros(n))
    weights = discount_factors(settings.discount_rate_effects, engine.boundaries[:n] + engine.inputs.settings.cycle_years / 2)
    formula = f"({'+'.join(f'[{k}]' for k in losses)})*[Time!v_effects_mid]"
    return [*found, Column("d_qalys", "All QALYs, discounted", formula, total * weights, "six")]


def _belongs(key: str, arrangement_of: str, arrangement: str) -> bool:
    """Whether a cost counts under a price arrangement: those of another arrangement, and running a scheme at list price, do not."""
    if key.startswith("c_later_lenalidomide_"):
        return key.endswith(f"_{arrangement_of}")
    return key != "c_scheme_running" or arrangement != "list"


def totals(engine: Engine, strategy: int) -> list[Total]:
    """What the columns of a Trace add up to, with the engine's own totals."""
    outcomes = engine.base.outcomes
    plain = outcomes.undiscounted
    assert plain is not None
    settings, found = engine.inputs.settings, []
    for state, key in ((PROGRESSION_FREE, "ly_free"), (PROGRESSED, "ly_progressed")):
        both = plain.life_years[state][strategy, 0], outcomes.life_years[state][strategy, 0]
        found.append(Total(key, labels.state_label(state), "life_years", HEALTH, (float(both[0]), float(both[1])), "qalys"))
    columns = {PROGRESSION_FREE: "q_free", PROGRESSED: "q_progressed", "adverse_events": "q_events"}
    for part in outcomes.qalys:
        both = plain.qalys[part][strategy, 0], outcomes.qalys[part][strategy, 0]
        found.append(
            Total(
                columns.get(part, f"q_{part}"),
                labels.state_label(part),
                "qalys",
                HEALTH,
                (float(both[0]), float(both[1])),
                "qalys",
            )
        )
    for a in settings.price_arrangements:
        arrangement = arrangement_key(engine, a)
        for component in outcomes.costs[a]:
            both = plain.costs[a][component][strategy, 0], outcomes.costs[a][component][strategy, 0]
            key, packs, factors = f"c_{component}", "", START
            if component == "lenalidomide" and a != "list":
                key, packs, factors = f"c_lenalidomide_{arrangement}", "c_lenalidomide", f"weight_{arrangement}"
            elif component == "later_lenalidomide":
                key = f"{key}_{arrangement}"
            elif key in _AT_MIDDLE:
                factors = MIDDLE
            if component == "scheme_running" and a == "list":
                continue
            found.append(
                Total(key, labels.component_label(component), "cost", factors, (float(both[0]), float(both[1])), "pence", packs)
            )
    return list({total.key: total for total in found}.values())


def component_key(engine: Engine, component: str, arrangement: str) -> str | None:
    """The column of a Trace with a cost component under a price arrangement; None where it is always nothing."""
    key = arrangement_key(engine, arrangement)
    if component == "scheme_running" and arrangement == "list":
        return None
    if component == "later_lenalidomide" or (component == "lenalidomide" and arrangement != "list"):
        return f"c_{component}_{key}"
    return f"c_{component}"


def write_trace(
    engine: Engine, strategy: int, grid: Grid, columns: Sequence[Column], derived: Derived
) -> tuple[Sheet, dict[str, tuple[str, str]]]:
    """The Trace of one strategy, and where its totals lie: column -> (undiscounted, discounted)."""
    inputs, n = engine.inputs, engine.n_cycles
    own = inputs.settings.strategies[strategy]
    sheet = Sheet(trace_name(strategy), (7, 8, *[12] * (len(columns) - 2)))
    sheet.line(f"Trace: {own.label}", "title", last=12)
    sheet.line(
        "Each row is a cycle of 28 days; shares are of everybody who began. What is bought in a cycle is bought at its start.",
        last=12,
    )
    sheet.line("Totals: the columns below added up, and with the discount factors of the sheet Time.", last=12)
    for row, words in ((UNDISCOUNTED, "Total, undiscounted"), (DISCOUNTED, "Total, discounted")):
        sheet.cells.append(Cell(sheet.name, row, 0, words, "label", last=3))
    sheet.pages_wide = 3
    outside = derived.of(strategy) | {f"comparator:{k}": at for k, at in derived.of(curves.comparator(inputs)).items()}
    head(sheet, columns)
    grid.fill(sheet, columns, outside)
    known = {column.key for column in columns}
    found = {}
    for total in totals(engine, strategy):
        if total.key not in known:
            raise InputError("live workbook", f"it has no column for {total.label}", "Export it without what adds that")
        place = grid.places[sheet.name, total.key]
        own_range = grid.whole(sheet.name, total.key, n, here=sheet.name)
        summed = grid.whole(sheet.name, total.packs or total.key, n, here=sheet.name)
        factors = grid.whole(TIME, total.discount, n)
        found[total.key] = (
            sheet.calc(UNDISCOUNTED, place, f"SUM({own_range})", total.sums[0], total.style),
            sheet.calc(DISCOUNTED, place, f"SUMPRODUCT({summed},{factors})", total.sums[1], total.style),
        )
    for column in columns:
        if column.key.startswith("d_"):
            values = np.asarray(column.values, dtype=np.float64)
            place = grid.places[sheet.name, column.key]
            place_of = sheet.calc(
                DISCOUNTED,
                place,
                f"SUM({grid.whole(sheet.name, column.key, n, here=sheet.name)})",
                float(values.sum()),
                column.style,
            )
            found[column.key] = (place_of, place_of)
    return sheet, found
