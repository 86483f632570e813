"""The sheet Derived: what follows from the inputs before any cycle is lived, one column a strategy, one formula a cell."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from hemodel.cohort.model import adverse_events, curves
from hemodel.cohort.model.treatment import STRENGTHS, list_price
from hemodel.cohort.model.valuation import utility
from hemodel.cohort.structures import PROGRESSED, PROGRESSION_FREE
from hemodel.report.live.cells import Numbers, Sheet
from hemodel.report.live.engine import Engine
from hemodel.survival import families
from hemodel.survival.curves import LN_2, weibull_rate

_TIME = re.compile(r"<(\w+)>")
Row = tuple[str, str, str, str, Numbers, str]
"""Key, label, unit, formula for a strategy (empty: a value), values by strategy, style."""


@dataclass(frozen=True)
class Derived:
    """The sheet and where each quantity of each strategy lies."""

    sheet: Sheet
    places: dict[tuple[str, int], str]
    values: dict[str, Sequence[float]]

    def of(self, strategy: int) -> dict[str, str]:
        """Key -> address of the quantities of one strategy."""
        return {key: place for (key, owner), place in self.places.items() if owner == strategy}


def derived_sheet(engine: Engine, in_years: Callable[[str], str]) -> Derived:
    """All derived quantities. `in_years(name)` writes a time parameter in years."""
    inputs = engine.inputs
    names = inputs.settings.strategy_names
    sheet = Sheet("Derived", (58, 16, *[26] * len(names)))
    sheet.title("Derived: what follows from the inputs for each strategy", "Read by the sheets Time and Trace.")
    sheet.frozen = (sheet.row + 1, 1)
    sheet.header(("Quantity", "Unit", *(s.label for s in inputs.settings.strategies)), numbers_from=2)
    places: dict[tuple[str, int], str] = {}
    values: dict[str, Sequence[float]] = {}
    for heading, rows in _sections(engine):
        sheet.line(heading, "heading")
        for key, label, unit, formula, found, style in rows:
            values[key] = [float(x) for x in np.broadcast_to(np.asarray(found, dtype=np.float64), len(names))]
            sheet.put(sheet.row, 0, label, "text")
            sheet.put(sheet.row, 1, unit, "text aside")
            for place, strategy in enumerate(names):
                value = values[key][place]
                if not formula:
                    places[key, place] = sheet.put(sheet.row, 2 + place, value, f"held {style}")
                    continue
                text = _TIME.sub(lambda found: in_years(found[1]), formula.replace("@", strategy))
                for (known, owner), where in places.items():
                    if owner == place:
                        text = text.replace(f"{{{known}}}", where.partition("!")[2])
                places[key, place] = sheet.calc(sheet.row, 2 + place, text, value, style)
            sheet.row += 1
    return Derived(sheet, places, values)


def _sections(engine: Engine) -> list[tuple[str, list[Row]]]:
    return [
        ("Curves", _curves(engine)),
        ("Treatment and its costs", _treatment(engine)),
        ("Events and health", _health(engine)),
    ]


def years(name: str) -> str:
    """A time parameter in years, in the formulas of this module: `<name>`."""
    return f"<{name}>"


def _by(engine: Engine, name: str) -> np.ndarray:
    return curves.by_strategy(engine.draws, engine.inputs, name)[:, 0]


def _own(engine: Engine, name: str) -> tuple[str, np.ndarray]:
    """Formula and values of a parameter that strategies share, or have one of each."""
    names = engine.inputs.settings.strategy_names
    if f"{name}_{names[0]}" in engine.inputs.parameters:
        return f"{name}_@", _by(engine, name)
    return name, np.full(len(names), engine.value(name))


def _curves(engine: Engine) -> list[Row]:
    inputs, draws = engine.inputs, engine.draws
    settings = inputs.settings
    rows: list[Row] = []
    median = curves.years_by_strategy(draws, inputs, "median_pfs")[:, 0]
    rows.append(("median_pfs", "Median progression-free survival", "years", years("median_pfs_@"), median, "six"))
    rows += _family(engine, "pfs", settings.pfs_curve, "median_pfs")
    ratio = curves.progression_share(draws, inputs)[:, 0]
    power = "^{shape_pfs}" if settings.pfs_curve in ("weibull", "response_mixture") else ""
    label = "Share of PFS events that are progressions"
    rows.append(("share_progression", label, "share", f"ratio_pfs_to_ttp_@{power}", ratio, "six"))
    if settings.pfs_curve == "response_mixture":
        rows += _responders(engine)
    if "ttp" in engine.steps:
        shape = _own(engine, "shape_ttp")
        rate = curves.ttp_rate(draws, inputs)[:, 0]
        rows.append(("shape_ttp", "Weibull shape of time to progression", "", *shape, "six"))
        formula = "LN(2)/({median_pfs}/ratio_pfs_to_ttp_@)^{shape_ttp}"
        rows.append(("m_ttp", "m of time to progression, H(t) = m t^shape", "", formula, rate, "six"))
    if settings.structure == "state_transition":
        first = settings.strategy_names[curves.intervention(inputs)]
        rate = np.array([r[0] for r in curves.by_strategy(draws, inputs, "r_death_progressed")])
        if settings.post_progression_mortality == "equal":
            rate = np.full(len(rate), rate[curves.intervention(inputs)])
        formula = f'IF(post_progression_mortality="equal",r_death_progressed_{first},r_death_progressed_@)'
        rows.append(("r_death", "Death rate after progression", "per year", formula, rate, "six"))
    else:
        median = curves.years_by_strategy(draws, inputs, "median_os")[:, 0]
        rows.append(("median_os", "Median overall survival", "years", years("median_os_@"), median, "six"))
        rows += _family(engine, "os", settings.os_curve, "median_os")
    return rows


def _family(engine: Engine, curve: str, family: str, median_key: str) -> list[Row]:
    """What a family of curves needs beside the median."""
    inputs, draws = engine.inputs, engine.draws
    median = curves.years_by_strategy(draws, inputs, median_key)[:, 0]
    what = {"pfs": "progression-free survival", "os": "overall survival"}[curve]
    at = f"{{{median_key}}}"
    if family == "exponential":
        return [(f"m_{curve}", f"Rate of {what}", "per year", f"LN(2)/{at}", LN_2 / median, "six")]
    name = f"shape_{curve}" if family in ("weibull", "response_mixture") else f"shape_{curve}_{family}"
    formula, shape = _own(engine, name)
    word = {"log_normal": "Standard deviation of log time", "gompertz": "Gompertz shape, per year"}.get(family, "Shape")
    rows: list[Row] = [(f"shape_{curve}", f"{word}: {what}", "", formula, shape, "six")]
    second = f"{{shape_{curve}}}"
    if family in ("weibull", "response_mixture"):
        found = weibull_rate(median, shape)
        rows.append((f"m_{curve}", f"m of {what}, H(t) = m t^shape", "", f"LN(2)/{at}^{second}", found, "six"))
    elif family == "gompertz":
        found = LN_2 / np.expm1(shape * median)
        label = f"m of {what}, H(t) = m (exp(shape t) - 1)"
        rows.append((f"m_{curve}", label, "", f"LN(2)/(EXP({second}*{at})-1)", found, "six"))
    elif family == "gamma":
        found = np.array([float(families.quantile("gamma", 0.5, [np.array([a]), np.ones(1)])[0]) for a in shape]) / median
        rows.append(
            (f"m_{curve}", f"Rate of the gamma distribution: {what}", "per year", f"GAMMAINV(0.5,{second},1)/{at}", found, "six")
        )
    return rows


def _responders(engine: Engine) -> list[Row]:
    """Response classes of the first intervention: shares and rates."""
    deep, partial, less = (float(x[0]) for x in curves.response_shares(engine.draws))
    rows: list[Row] = [
        ("w1", "Complete or very good partial response", "share", "p_response_cr_vgpr", np.array(deep), "six"),
        ("w2", "Partial response", "share", "(1-{w1})*p_response_pr_of_others", np.array(partial), "six"),
        ("w3", "Less than a partial response", "share", "1-{w1}-{w2}", np.array(less), "six"),
    ]
    for place, name in enumerate(("cr_vgpr", "pr", "less"), start=1):
        rate = LN_2 / engine.years(f"median_ttp_{name}")
        label = f"Progression rate, {('complete or very good partial', 'partial', 'lesser')[place - 1]} response"
        rows.append((f"rate{place}", label, "per year", f"LN(2)/({years(f'median_ttp_{name}')})", np.array(rate), "six"))
    return rows


def _treatment(engine: Engine) -> list[Row]:
    inputs, value = engine.inputs, engine.value
    settings = inputs.settings
    strategies = settings.strategies
    rows: list[Row] = []
    for drug in ("lenalidomide", "dexamethasone"):
        given = np.array([float(drug in s.drugs) for s in strategies])
        rows.append((f"has_{drug}", f"Contains {drug} (1) or not (0)", "", "", given, "count"))
    others = [f"c_other_drugs_{s.name}" for s in strategies]
    takes = np.array([float(bool(s.drugs) or o in inputs.parameters) for s, o in zip(strategies, others, strict=True)])
    rows.append(("takes_drugs", "Has drugs (1) or none (0)", "", "", takes, "count"))
    if settings.dose == "shares":
        price = "+".join(f"p_packs_{s}*c_lenalidomide_{s}_pack" for s in STRENGTHS)
        found = np.full(len(strategies), float(list_price(engine.draws)[0]))
        rows.append(("pack_price", "Mean list price of a pack", "GBP per pack", price, found, "pence"))
    elif "later_lenalidomide" in settings.also_counted:
        price = "+".join(f"p_packs_{s}*c_lenalidomide_{s}_pack" for s in STRENGTHS)
        found = np.full(len(strategies), float(list_price(engine.draws)[0]))
        rows.append(("pack_price", "Mean list price of a pack in the later line", "GBP per pack", price, found, "pence"))
    heparin = value("p_thromboprophylaxis_heparin")
    clots = heparin * value("c_heparin") + (1 - heparin) * value("c_aspirin")
    formula = "p_thromboprophylaxis_heparin*c_heparin+(1-p_thromboprophylaxis_heparin)*c_aspirin"
    rows.append(("thromboprophylaxis", "Thromboprophylaxis", "GBP per cycle", formula, np.array(clots), "pence"))
    pregnancy = value("c_pregnancy_prevention") + value("p_childbearing_potential") * value("c_pregnancy_test")
    formula = "c_pregnancy_prevention+p_childbearing_potential*c_pregnancy_test"
    rows.append(("pregnancy", "Pregnancy prevention", "GBP per pack", formula, np.array(pregnancy), "pence"))
    visits = _own(engine, "n_clinic_visits")
    tests = _by(engine, "n_blood_tests")
    rows.append(
        (
            "follow_up",
            "Follow-up visits",
            "GBP per cycle",
            f"{visits[0]}*c_clinic_visit_follow_up",
            visits[1] * value("c_clinic_visit_follow_up"),
            "pence",
        )
    )
    rows.append(
        ("blood_tests", "Blood tests", "GBP per cycle", "n_blood_tests_@*c_blood_test", tests * value("c_blood_test"), "pence")
    )
    return rows


def _health(engine: Engine) -> list[Row]:
    inputs, value = engine.inputs, engine.value
    events = adverse_events(inputs)
    rows: list[Row] = []
    shares = {event: _by(engine, f"p_{event}") for event in events}
    nothing = np.zeros(len(inputs.settings.strategies))
    cost = sum((shares[e] * value(f"c_{e}") for e in events), nothing)
    lost = sum((shares[e] * value(f"du_{e}") * engine.years(f"d_{e}") for e in events), nothing)
    formula = "+".join(f"p_{e}_@*c_{e}" for e in events) or "0"
    rows.append(("event_cost", "Adverse events, cost", "GBP per person", formula, cost, "pence"))
    formula = "+".join(f"p_{e}_@*du_{e}*{years(f'd_{e}')}" for e in events) or "0"
    rows.append(("event_loss", "Adverse events, QALYs lost", "QALYs per person", formula, lost, "six"))
    for state, label in ((PROGRESSION_FREE, "Utility without progression"), (PROGRESSED, "Utility after progression")):
        formula = f'IF(utility_age_adjustment="general_population",MIN(u_{state},norm_at_start),u_{state})'
        rows.append((f"u_{state}", label, "utility", formula, utility(engine.draws, inputs, state), "six"))
    counted = inputs.settings.also_counted
    if "second_cancers" in counted:
        loss = value("du_second_cancer") * engine.years("d_second_cancer")
        rows.append(
            (
                "cancer_loss",
                "QALYs lost by a second cancer",
                "QALYs",
                f"du_second_cancer*{years('d_second_cancer')}",
                np.array(loss),
                "six",
            )
        )
    if "utility_loss_near_death" in counted:
        loss = value("du_near_death") * engine.years("d_near_death")
        rows.append(
            ("death_loss", "QALYs lost before a death", "QALYs", f"du_near_death*{years('d_near_death')}", np.array(loss), "six")
        )
    return rows
