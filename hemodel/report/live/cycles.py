"""The sheet Time: what all strategies share in each cycle; every column is a formula with the engine's numbers (Trace: `trace`)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hemodel.cohort.model.treatment import STEPS, stepwise_price
from hemodel.cohort.payoffs import discount_factors
from hemodel.report import labels
from hemodel.report.live.cells import Column, Grid, Sheet
from hemodel.report.live.engine import Engine, alive, waned, within

Array = NDArray[np.float64]
TIME = "Time"
TOP = 12  # first row of the tables by cycle, from 0
START, MIDDLE = "v_costs", "v_costs_mid"
HEALTH = "v_effects_mid"


def trace_name(strategy: int) -> str:
    """Name of the sheet of a strategy's cycles."""
    return f"Trace_{strategy + 1}"


def arrangement_key(engine: Engine, arrangement: str) -> str:
    """Short key of a price arrangement in the names of columns."""
    return f"a{engine.inputs.settings.price_arrangements.index(arrangement)}"


def window_of(engine: Engine, arrangement: str) -> tuple[str, str, int]:
    """Kind of a scheme, the name of the input with its number of cycles (or empty), and that number."""
    terms = engine.inputs.settings.schemes[arrangement]
    name = {
        "drug_cost_cap": "drug_cost_cap_cycles",
        "free_start": "free_cycles",
        "response_refund": "response_by_cycle",
        "price_discount": "",
    }[terms.kind]
    return terms.kind, f"{arrangement}_{name}" if name else "", int(getattr(terms, name)) if name else 0


# --- Time ------------------------------------------------------------------------------------------------------------------


def time_columns(engine: Engine, life_table: dict[str, str]) -> list[Column]:
    """Time, discounting, general-population mortality, and what a scheme charges in each cycle."""
    inputs, n = engine.inputs, engine.n_cycles
    settings, years = inputs.settings, engine.boundaries
    middle = years[:-1] + engine.inputs.settings.cycle_years / 2
    age = engine.value("age_start")
    ages = age + years
    last = len(inputs.life_table.male) - 1
    sexes = {"male": alive(inputs.life_table.male, age, years), "female": alive(inputs.life_table.female, age, years)}
    share = engine.value("p_male")
    everyone = share * sexes["male"] + (1 - share) * sexes["female"]
    found = [
        Column("cycle", "Cycle", "", np.arange(n + 1), "count"),
        Column("years", "Years at the start", "[cycle]*cycle_years", years, "six"),
        Column(
            START,
            "Discount factor, costs, start",
            "(1+discount_rate_costs)^-[years]",
            discount_factors(settings.discount_rate_costs, years),
            "six",
        ),
        Column(
            MIDDLE,
            "Discount factor, costs, mid-cycle",
            "(1+discount_rate_costs)^-([years]+cycle_years/2)",
            discount_factors(settings.discount_rate_costs, middle),
            "six",
        ),
        Column(
            HEALTH,
            "Discount factor, health, mid-cycle",
            "(1+discount_rate_effects)^-([years]+cycle_years/2)",
            discount_factors(settings.discount_rate_effects, middle),
            "six",
        ),
        Column("age", "Age", "age_start+[years]", ages, "plain, hundreds"),
        Column("table_row", "Row of the life table", f"MIN(INT([age]),{last})+1", np.minimum(np.floor(ages), last) + 1, "count"),
    ]
    for sex, label in (("male", "Men"), ("female", "Women")):
        hazard, summed = (life_table[f"{what}_{sex}"] for what in ("hazard", "cumulative"))
        now = f"INDEX({summed},[table_row])+([age]-[table_row]+1)*INDEX({hazard},[table_row])"
        at = f"MIN(INT(age_start),{last})"
        start = f"INDEX({summed},{at}+1)+(age_start-{at})*INDEX({hazard},{at}+1)"
        found.append(Column(f"alive_{sex}", f"{label} alive, general population", f"EXP({start}-({now}))", sexes[sex]))
    found.append(Column("alive", "Alive, general population", "p_male*[alive_male]+(1-p_male)*[alive_female]", everyone))
    found.append(Column("floor", "General-population hazard in the cycle", "LN([alive])-LN([alive+1])", engine.floor, "six"))
    if settings.effect_waning is not None:
        found += _waning(engine)
    norm = inputs.utility_norm
    factor = np.ones(n)
    if settings.utility_age_adjustment == "general_population":
        factor = norm.at(age + middle, share) / norm.at(np.array([age]), share)
    at = "([age]+cycle_years/2)"
    formula = f"(norm_intercept+norm_male*p_male+norm_age*{at}+norm_age_squared*{at}^2)/norm_at_start"
    rule = f'IF(utility_age_adjustment="general_population",{formula},1)'
    found.append(Column("age_factor", "Utility by age, against the start", rule, factor))
    if settings.dose == "stepwise":
        price = stepwise_price(engine.draws)
        formula = _stepwise()
        found.append(
            Column("pack_price", "Expected list price of a pack (£)", formula, [float(price(c)[0]) for c in range(n)], "pence")
        )
    for arrangement in settings.price_arrangements:
        if arrangement != "list":
            found += charging(engine, arrangement)
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


def _stepwise() -> str:
    x = "(r_dose_reduction*[years])"
    first, second, third, last = (f"c_lenalidomide_{strength}_pack" for strength in STEPS)
    down = f"{first}+{x}*{second}+{x}^2/2*{third}"
    return f"EXP(-{x})*({down})+(1-EXP(-{x})*(1+{x}+{x}^2/2))*{last}"


def charging(engine: Engine, arrangement: str) -> list[Column]:
    """What is charged of the packs of a cycle, and that share with the discount factor."""
    inputs, n, key = engine.inputs, engine.n_cycles, arrangement_key(engine, arrangement)
    settings = inputs.settings
    kind, cycles, window = window_of(engine, arrangement)
    short = labels.arrangement_short(settings, arrangement)
    factors = discount_factors(settings.discount_rate_costs, engine.boundaries)[:n]
    terms, found = settings.schemes[arrangement], []
    inside = np.zeros(n)
    if cycles:
        beyond = "0"
        if kind != "response_refund" and "later_lenalidomide" not in settings.also_counted:
            beyond = f'IF(scheme_counts="dispensed",BINOMDIST({cycles}-1,[cycle],p_pack_dispensed,TRUE),0)'
        inside = within(inputs, window, engine.value("p_pack_dispensed"))
        formula = f"IF([cycle]<{cycles},1,{beyond})"
        found.append(Column(f"within_{key}", f"Within the first cycles, {short}", formula, inside))
    weight, weighted = f"[charged_{key}]*[v_costs]", None
    match kind:
        case "drug_cost_cap":
            formula, charged = f"[within_{key}]", inside
        case "free_start":
            formula, charged = f"1-[within_{key}]", 1 - inside
        case "price_discount":
            formula, charged = f"1-{arrangement}_price_discount", np.full(n, 1 - float(terms.price_discount or 0.0))
        case _:
            left = 1 - float(terms.p_response or 0.0)
            formula, charged = f"1-(1-{arrangement}_p_response)*[within_{key}]", 1 - left * inside
            later = f"(1+discount_rate_costs)^-({cycles}*cycle_years)"
            weight = f"[v_costs]-(1-{arrangement}_p_response)*[within_{key}]*{later}"
            weighted = factors - left * inside * float(
                discount_factors(settings.discount_rate_costs, window * engine.inputs.settings.cycle_years)
            )
    found.append(Column(f"charged_{key}", f"Charged share of packs, {short}", formula, charged))
    values = charged * factors if weighted is None else weighted
    found.append(Column(f"weight_{key}", f"Charged share, discounted, {short}", weight, values, "six"))
    return found


def write_time(engine: Engine, grid: Grid, columns: Sequence[Column]) -> Sheet:
    """The sheet Time."""
    sheet = Sheet(TIME, (7, 9, *[12] * (len(columns) - 2)))
    sheet.title("Time: what all strategies share", "One row a cycle of 28 days; the last row is the end of the horizon.")
    head(sheet, columns)
    grid.fill(sheet, columns, {})
    return sheet


def head(sheet: Sheet, columns: Sequence[Column]) -> None:
    """The headings above a table by cycle."""
    sheet.row = TOP - 1
    sheet.header([column.heading for column in columns], numbers_from=0)
    sheet.frozen = (TOP, 2)
    sheet.row = TOP
