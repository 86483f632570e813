"""The sheet Derived: what follows from the inputs before any cycle is lived, one column a strategy, one formula a cell."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hemodel.cohort.model import curves
from hemodel.cohort.model.treatment import response_rules, share_that_goes_on
from hemodel.report.live.amounts import Row, amount_rows, drug_rows, years
from hemodel.report.live.cells import Sheet
from hemodel.report.live.engine import Engine, until_of
from hemodel.survival import families
from hemodel.survival.curves import LN_2, weibull_rate

_TIME = re.compile(r"<(\w+)>")


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
        if rows:
            sheet.line(heading, "heading")
        for row in rows:
            values[row.key] = [float(x) for x in np.broadcast_to(np.asarray(row.values, dtype=np.float64), len(names))]
            sheet.put(sheet.row, 0, row.label, "text")
            sheet.put(sheet.row, 1, row.unit, "text aside")
            for place in range(len(names)):
                if row.is_for(place):
                    places[row.key, place] = _cell(sheet, row, place, values[row.key][place], places, (names[place], in_years))
            sheet.row += 1
    return Derived(sheet, places, values)


def _cell(
    sheet: Sheet,
    row: Row,
    place: int,
    value: float,
    places: dict[tuple[str, int], str],
    words: tuple[str, Callable[[str], str]],
) -> str:
    """One quantity of one strategy; returns its address. `words`: the strategy's name, and how a time parameter is written in years."""
    formula = row.formula_of(place)
    if not formula:
        return sheet.put(sheet.row, 2 + place, value, f"held {row.style}")
    strategy, in_years = words
    text = _TIME.sub(lambda found: in_years(found[1]), formula.replace("@", strategy))
    for (known, owner), where in places.items():
        if owner == place:
            text = text.replace(f"{{{known}}}", where.partition("!")[2])
    return sheet.calc(sheet.row, 2 + place, text, value, row.style)


def _sections(engine: Engine) -> list[tuple[str, list[Row]]]:
    return [
        ("Curves", _curves(engine)),
        ("Treatment", _treatment(engine)),
        ("Drugs: list prices, and what schemes need", drug_rows(engine)),
        ("Amounts: what the rows of the sheet Rows come to, for each unit of their measure", amount_rows(engine)),
    ]


def _by(engine: Engine, name: str) -> np.ndarray:
    return curves.by_strategy(engine.draws, engine.inputs, name)[:, 0]


def _own(engine: Engine, name: str) -> tuple[str, np.ndarray]:
    """Formula and values of a parameter that strategies share, or have one of each."""
    names = engine.inputs.settings.strategy_names
    if f"{name}_{names[0]}" in engine.inputs.parameters:
        return f"{name}_@", _by(engine, name)
    return name, np.full(len(names), engine.value(name))


def _curves(engine: Engine) -> list[Row]:
    """Curves of progression, of survival where the structure asks for them, and of treatment."""
    return [*_progression(engine), *_death(engine), *_exposure(engine)]


def _progression(engine: Engine) -> list[Row]:
    """Progression-free survival, and what of it is progression; of a curve that is fitted no median is read."""
    inputs, draws = engine.inputs, engine.draws
    family = inputs.settings.pfs_curve
    rows = _published(engine, "pfs", "progression-free survival", family, [] if "ttp" in engine.steps else None)
    if inputs.settings.structure == "state_transition" or family == "response_mixture":
        ratio, is_weibull = curves.progression_share(draws, inputs)[:, 0], family in ("weibull", "response_mixture")
        if is_weibull and "shape_pfs" not in {row.key for row in rows}:
            rows.append(Row("shape_pfs", "Shape: progression-free survival", "", *_own(engine, "shape_pfs")))
        formula = f"ratio_pfs_to_ttp_@{'^{shape_pfs}' if is_weibull else ''}"
        rows.append(Row("share_progression", "Share of PFS events that are progressions", "share", formula, ratio))
    if family == "response_mixture":
        rows += _responders(engine)
    if "ttp" in engine.steps:
        rate = curves.ttp_rate(draws, inputs)[:, 0]
        formula = "LN(2)/({median_pfs}/ratio_pfs_to_ttp_@)^{shape_ttp}"
        rows.append(Row("shape_ttp", "Weibull shape of time to progression", "", *_own(engine, "shape_ttp")))
        rows.append(Row("m_ttp", "m of time to progression, H(t) = m t^shape", "", formula, rate))
    return rows


def _published(engine: Engine, curve: str, what: str, family: str, fitted: list[str] | None = None) -> list[Row]:
    """A curve from published medians, of the strategies for which it is not fitted."""
    inputs = engine.inputs
    names = inputs.settings.strategy_names
    without = curves.fitted_strategies(inputs, curve) if fitted is None else fitted
    if len(without) == len(names):
        return []
    key = f"median_{curve}"
    medians = curves.years_by_strategy(engine.draws, inputs, key, without)[:, 0]
    texts = [None if name in without else years(f"{key}_{name}") for name in names]
    return [Row(key, f"Median {what}", "years", texts, medians), *_family(engine, (curve, what), family, medians, without)]


def _death(engine: Engine) -> list[Row]:
    """Death after progression, or overall survival."""
    inputs, draws = engine.inputs, engine.draws
    settings = inputs.settings
    if settings.structure != "state_transition":
        return _published(engine, "os", "overall survival", settings.os_curve)
    first = settings.strategy_names[curves.intervention(inputs)]
    rate = np.array([r[0] for r in curves.by_strategy(draws, inputs, "r_death_progressed")])
    if settings.post_progression_mortality == "equal":
        rate = np.full(len(rate), rate[curves.intervention(inputs)])
    formula = f'IF(post_progression_mortality="equal",r_death_progressed_{first},r_death_progressed_@)'
    return [Row("r_death", "Death rate after progression", "per year", formula, rate)]


def _exposure(engine: Engine) -> list[Row]:
    """Time on treatment, of the strategies that have a curve of their own for it."""
    inputs = engine.inputs
    names = inputs.settings.strategy_names
    given = [until_of(inputs.settings, i) == "exposure_curve" for i in range(len(names))]
    if not any(given):
        return []
    shape = np.full(len(names), engine.value("shape_exposure"))
    medians = np.array([engine.years(f"median_exposure_{s}") if own else 1.0 for s, own in zip(names, given, strict=True)])
    texts = [years(f"median_exposure_{s}") if own else None for s, own in zip(names, given, strict=True)]
    rates = ["LN(2)/{median_exposure}^{shape_exposure}" if own else None for own in given]
    return [
        Row("median_exposure", "Median time on treatment", "years", texts, medians),
        Row("shape_exposure", "Weibull shape of time on treatment", "", "shape_exposure", shape),
        Row("m_exposure", "m of time on treatment, H(t) = m t^shape", "", rates, weibull_rate(medians, shape)),
    ]


def _family(
    engine: Engine, curve_of: tuple[str, str], family: str, median: NDArray[np.float64], fitted: Sequence[str]
) -> list[Row]:
    """What a family of curves needs beside the median."""
    (curve, what), names = curve_of, engine.inputs.settings.strategy_names
    m, at, second = f"m_{curve}", f"{{median_{curve}}}", f"{{shape_{curve}}}"

    def of_published(formula: str) -> list[str | None]:
        return [None if name in fitted else formula for name in names]

    if family == "exponential":
        return [Row(m, f"Rate of {what}", "per year", of_published(f"LN(2)/{at}"), LN_2 / median)]
    name = f"shape_{curve}" if family in ("weibull", "response_mixture") else f"shape_{curve}_{family}"
    formula, shape = _own(engine, name)
    word = {"log_normal": "Standard deviation of log time", "gompertz": "Gompertz shape, per year"}.get(family, "Shape")
    rows = [Row(f"shape_{curve}", f"{word}: {what}", "", formula, shape)]
    if family in ("weibull", "response_mixture"):
        found = weibull_rate(median, shape)
        rows.append(Row(m, f"m of {what}, H(t) = m t^shape", "", of_published(f"LN(2)/{at}^{second}"), found))
    elif family == "gompertz":
        found = LN_2 / np.expm1(shape * median)
        label = f"m of {what}, H(t) = m (exp(shape t) - 1)"
        rows.append(Row(m, label, "", of_published(f"LN(2)/(EXP({second}*{at})-1)"), found))
    elif family == "gamma":
        found = np.array([float(families.quantile("gamma", 0.5, [np.array([a]), np.ones(1)])[0]) for a in shape]) / median
        label = f"Rate of the gamma distribution: {what}"
        rows.append(Row(m, label, "per year", of_published(f"GAMMAINV(0.5,{second},1)/{at}"), found))
    return rows


def _responders(engine: Engine) -> list[Row]:
    """Response classes of the first intervention: shares and rates."""
    deep, partial, less = (np.array(float(x[0])) for x in curves.response_shares(engine.draws))
    rows = [
        Row("w1", "Complete or very good partial response", "share", "p_response_cr_vgpr", deep),
        Row("w2", "Partial response", "share", "(1-{w1})*p_response_pr_of_others", partial),
        Row("w3", "Less than a partial response", "share", "1-{w1}-{w2}", less),
    ]
    for place, name in enumerate(("cr_vgpr", "pr", "less"), start=1):
        rate = np.array(LN_2 / engine.years(f"median_ttp_{name}"))
        label = f"Progression rate, {('complete or very good partial', 'partial', 'lesser')[place - 1]} response"
        rows.append(Row(f"rate{place}", label, "per year", f"LN(2)/({years(f'median_ttp_{name}')})", rate))
    return rows


def _treatment(engine: Engine) -> list[Row]:
    """When the rules of each strategy end its treatment at a time, and who goes on after a response."""
    inputs, settings = engine.inputs, engine.inputs.settings
    rows: list[Row] = []
    days = [s.treatment_days for s in settings.strategies]
    if any(day is not None for day in days):
        held = ["" if day is not None else None for day in days]
        rows.append(Row("last_day", "Treatment ends on this day", "days", held, [day or 0.0 for day in days], "plain, ones"))
    rules = response_rules(inputs)
    if not any(rules):
        return rows
    texts = [
        None if rule is None else f"p_response_{name}" if rule[1] == "non_responders" else f"1-p_response_{name}"
        for rule, name in zip(rules, settings.strategy_names, strict=True)
    ]
    going_on = share_that_goes_on(engine.draws, inputs)[:, 0]
    rows.append(Row("goes_on", "Share who go on after the response rule", "share", texts, going_on))
    held = [None if rule is None else f"stop_at_response_cycle*{settings.cycle_days:.12g}" for rule in rules]
    own = [s.stop_at_response for s in settings.strategies]
    texts_of_days = ["" if rule is not None else text for rule, text in zip(own, held, strict=True)]
    days_of = [0.0 if rule is None else rule[0] for rule in rules]
    rows.append(Row("response_day", "Day of the response rule", "days", texts_of_days, days_of, "plain, ones"))
    return rows
