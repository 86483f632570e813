"""The sheet Time: what all strategies share in each cycle; every column is a formula with the engine's numbers (Trace: `trace`)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from hemodel.cohort.model.treatment import stepwise_price, with_steps
from hemodel.report import labels
from hemodel.report.live.amounts import discount_factor
from hemodel.report.live.cells import Column, Grid, Sheet
from hemodel.report.live.engine import Engine, age_factor, alive, places_read, waned
from hemodel.survival.background import CERTAIN

TIME = "Time"
TOP = 12  # first row of the tables by cycle, from 0
FACTORS = {
    (outcome, place): f"v_{what}{ending}"
    for outcome, what in (("cost", "costs"), ("qaly", "effects"))
    for place, ending in (("start", ""), ("middle", "_mid"), ("end", "_end"))
}
"""Outcome, and where in a cycle -> the column of Time with the discount factors."""
_TIMES = {"start": "[years]", "middle": "([years]+cycle_years/2)", "end": "([years]+cycle_years)"}


def trace_name(strategy: int) -> str:
    """Name of the sheet of a strategy's cycles."""
    return f"Trace_{strategy + 1}"


def arrangement_key(engine: Engine, arrangement: str) -> str:
    """Short key of a price arrangement in the names of columns."""
    return f"A{engine.inputs.settings.price_arrangements.index(arrangement)}"


def time_columns(engine: Engine, life_table: dict[str, str]) -> list[Column]:
    """Time, discounting, general-population mortality, ageing, and prices that change with time."""
    settings = engine.inputs.settings
    found = [
        Column("cycle", "Cycle", "", np.arange(engine.n_cycles + 1), "count"),
        Column("years", "Years at the start", "[cycle]*cycle_years", engine.boundaries, "six"),
        *_discount_columns(engine),
        *_mortality_columns(engine, life_table),
    ]
    if settings.effect_waning is not None:
        found += _waning(engine)
    at = "([age]+cycle_years/2)"
    formula = f"(norm_intercept+norm_male*p_male+norm_age*{at}+norm_age_squared*{at}^2)/norm_at_start"
    rule = f'IF(utility_age_adjustment="general_population",{formula},1)'
    found.append(Column("age_factor", "Utility by age, against the start", rule, age_factor(engine)))
    return [*found, *_price_columns(engine)]


def _discount_columns(engine: Engine) -> list[Column]:
    """Discount factors of costs and of health at each place in the cycle that rows of the run read."""
    settings, calendar = engine.inputs.settings, engine.calendar
    found = []
    for outcome, place in places_read(engine):
        what, label = ("costs", "costs") if outcome == "cost" else ("effects", "health")
        rate = settings.discount_rate_costs if outcome == "cost" else settings.discount_rate_effects
        times = engine.boundaries if place == "start" else calendar.at(place)
        heading = f"Discount factor, {label}, {'mid-cycle' if place == 'middle' else place}"
        formula = discount_factor(what, _TIMES[place], by_year=calendar.by_year)
        found.append(Column(FACTORS[outcome, place], heading, formula, calendar.discounted(rate, times), "six"))
    return found


def _mortality_columns(engine: Engine, life_table: dict[str, str]) -> list[Column]:
    """General-population survival from the start, and its hazard in each cycle."""
    inputs, years = engine.inputs, engine.boundaries
    age, share = engine.value("age_start"), engine.value("p_male")
    ages, last = age + years, len(inputs.life_table.male) - 1
    sexes = {"male": alive(inputs.life_table.male, age, years), "female": alive(inputs.life_table.female, age, years)}
    rows = np.minimum(np.floor(ages), last) + 1
    found = [
        Column("age", "Age", "age_start+[years]", ages, "plain, hundreds"),
        Column("table_row", "Row of the life table", f"MIN(INT([age]),{last})+1", rows, "count"),
    ]
    for sex, label in (("male", "Men"), ("female", "Women")):
        hazard, summed = (life_table[f"{what}_{sex}"] for what in ("hazard", "cumulative"))
        now = f"INDEX({summed},[table_row])+([age]-[table_row]+1)*INDEX({hazard},[table_row])"
        at = f"MIN(INT(age_start),{last})"
        start = f"INDEX({summed},{at}+1)+(age_start-{at})*INDEX({hazard},{at}+1)"
        found.append(Column(f"alive_{sex}", f"{label} alive, general population", f"EXP({start}-({now}))", sexes[sex]))
    everyone = share * sexes["male"] + (1 - share) * sexes["female"]
    found.append(Column("alive", "Alive, general population", "p_male*[alive_male]+(1-p_male)*[alive_female]", everyone))
    falls = f"IF([alive+1]>0,LN([alive])-LN([alive+1]),{CERTAIN:.0E}*cycle_years)"
    found.append(Column("floor", "General-population hazard in the cycle", falls, engine.floor, "six"))
    return found


def _waning(engine: Engine) -> list[Column]:
    terms = engine.inputs.settings.effect_waning
    assert terms is not None
    past = np.maximum(engine.boundaries - terms.from_years, 0.0)
    width = terms.to_years - terms.from_years
    beyond = past
    if width > 0:
        rising = np.minimum(past, width)
        beyond = rising * rising / (2 * width) + (past - rising)
    low, high = "effect_waning_from_years", "effect_waning_to_years"
    over, rise = f"MAX([years]-{low},0)", f"MIN(MAX([years]-{low},0),{high}-{low})"
    formula = f"IF({high}>{low},{rise}^2/(2*MAX({high}-{low},1E-300))+{over}-{rise},{over})"
    return [
        Column("faded", "Time with the effect gone, so far (years)", formula, beyond, "six"),
        Column(
            "gone",
            "Share of the effect that is gone",
            "([faded+1]-[faded])/([years+1]-[years])",
            waned(engine.inputs, engine.boundaries),
            "six",
        ),
    ]


def _price_columns(engine: Engine) -> list[Column]:
    """The expected list price of a pack in each cycle, of drugs whose dose goes down over time."""
    settings, found = engine.inputs.settings, []
    for drug, terms in with_steps(engine.inputs).items():
        price = stepwise_price(engine.draws, terms, settings.cycle_years)
        x, (*earlier, last) = f"({terms.rate}*[years])", terms.prices
        powers = [_power(x, k) for k in range(len(earlier))]
        down = "+".join(p if power == "1" else f"{power}*{p}" for power, p in zip(powers, earlier, strict=True))
        formula = f"EXP(-{x})*({down})+(1-EXP(-{x})*({'+'.join(powers)}))*{last}"
        values = [float(price(cycle)[0]) for cycle in range(engine.n_cycles)]
        heading = f"Expected list price of a pack, {labels.in_sentence(settings.drugs[drug].label)} ({settings.currency})"
        found.append(Column(f"price_{drug}", heading, formula, values, "pence"))
    return found


def _power(x: str, k: int) -> str:
    """x^k / k!, a term of the Poisson distribution."""
    return ("1", x)[k] if k < 2 else f"{x}^{k}/{math.factorial(k)}"


def write_time(engine: Engine, grid: Grid, columns: Sequence[Column]) -> Sheet:
    """The sheet Time."""
    days = engine.inputs.settings.cycle_days
    sheet = Sheet(TIME, (7, 9, *[12] * (len(columns) - 2)))
    sheet.title("Time: what all strategies share", f"One row a cycle of {days:g} days; the last row is the end of the horizon.")
    head(sheet, columns)
    grid.fill(sheet, columns, {})
    return sheet


def head(sheet: Sheet, columns: Sequence[Column]) -> None:
    """The headings above a table by cycle."""
    sheet.row = TOP - 1
    sheet.header([column.heading for column in columns], numbers_from=0)
    sheet.frozen = (TOP, 2)
    sheet.row = TOP
