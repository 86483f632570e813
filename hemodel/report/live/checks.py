"""The sheets that say whether the workbook can be trusted: Checks (of the model) and Engine (against the Python engine)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special
from xlsxwriter.utility import xl_rowcol_to_cell

from hemodel.evidence.parameters import SHARES
from hemodel.report import labels, tables
from hemodel.report.live.amounts import most_in_vials
from hemodel.report.live.cells import TOLERANCE, Column, Grid, Sheet
from hemodel.report.live.cycles import arrangement_key, trace_name
from hemodel.report.live.derived import Derived
from hemodel.report.live.engine import Engine
from hemodel.report.live.given import CHANGED, OUT_OF_RANGE, changed_cells, range_cells
from hemodel.report.live.results import Totals
from hemodel.report.live.trace import Places

PASS, FAIL, REVIEW = "pass", "FAIL", "review"
AGREES, DIFFERS = "agrees", "DIFFERS"


@dataclass
class _Checks:
    """The sheet Checks while it is filled."""

    sheet: Sheet

    def add(self, where: str, what: str, formula: str, value: float, good: str, passes: bool, *, word: str = FAIL) -> None:
        """One check: a number, and what it must be (`good`, in which # is the number)."""
        sheet = self.sheet
        sheet.put(sheet.row, 0, where, "text")
        sheet.put(sheet.row, 1, what, "text aside")
        sheet.calc(sheet.row, 2, formula, value, "plain, ones", slack=1e-13)
        rule = f'IF({good.replace("#", f"C{sheet.row + 1}")},"{PASS}","{word}")'
        sheet.calc(sheet.row, 3, rule, PASS if passes else word, "words")
        sheet.row += 1


@dataclass(frozen=True)
class Strategy:
    """One strategy's columns and where they and its totals lie."""

    place: int
    columns: Mapping[str, NDArray[np.float64]]
    whole: Mapping[str, str]  # column -> its range
    totals: Places


def checks_sheet(
    engine: Engine,
    inputs_sheet: Sheet,
    grid: Grid,
    traces: Sequence[tuple[Sequence[Column], Places]],
    totals: Totals,
    derived: Derived,
) -> tuple[Sheet, str]:
    """What must hold whatever the inputs; and where the number of failures stands."""
    sheet = Sheet("Checks", (30, 78, 16, 12))
    sheet.title(
        "Checks of the model", "Recalculated with every change. FAIL: the arithmetic or an input is wrong. Review: look at it."
    )
    sheet.put(sheet.row, 0, "Failures", "label")
    headline = sheet.row
    sheet.row += 2
    sheet.header(("Where", "What", "Found", "Result"), numbers_from=2)
    first, checks = sheet.row, _Checks(sheet)
    _check_inputs(engine, checks, inputs_sheet)
    for i, (columns, places) in enumerate(traces):
        name, at = trace_name(i), {column.key: np.asarray(column.values, dtype=np.float64) for column in columns}
        own = Strategy(i, at, {key: grid.whole(name, key, len(values)) for key, values in at.items()}, places)
        _check_vials(engine, checks, i, derived)
        _check_states(engine, checks, own, grid)
        _check_totals(engine, checks, own, totals)
    last = sheet.row
    failures = sum(c.value == FAIL for c in sheet.cells)
    headline_at = sheet.calc(headline, 1, f'COUNTIF($D${first + 1}:$D${last},"{FAIL}")', float(failures), "count left")
    sheet.flags.append((first, 3, last, 3))
    return sheet, headline_at


def _check_inputs(engine: Engine, checks: _Checks, inputs_sheet: Sheet) -> None:
    found = sum(c.value == OUT_OF_RANGE for c in inputs_sheet.cells)
    counted = f'COUNTIF({range_cells(inputs_sheet)},"{OUT_OF_RANGE}")'
    checks.add("Inputs", "Values out of range (none)", counted, float(found), "#=0", not found)
    shares = [name for name in engine.inputs.parameters if name.startswith(SHARES)]
    if shares:
        value = round(abs(sum(engine.value(name) for name in shares) - 1), 9)
        checks.add(
            "Inputs", "Shares of packs by strength sum to 1", f"ROUND(ABS({'+'.join(shares)}-1),9)", value, "#=0", value == 0
        )


def _check_vials(engine: Engine, checks: _Checks, strategy: int, derived: Derived) -> None:
    """A price from vials has a term for each number of vials up to some: nobody may need more."""
    settings, places = engine.inputs.settings, derived.of(strategy)
    for drug, terms in settings.drugs.items():
        key, known = f"variance_{drug}", derived.values
        if key not in places:
            continue
        most = most_in_vials(engine, strategy, drug)
        dose, variance = places[f"dose_{drug}"], places[key]
        formula = f"NORMSDIST((LN({dose}/{most:.12g})-{variance}/2)/SQRT({variance}))"
        spread = known[key][strategy]
        beyond = float(special.ndtr((np.log(known[f"dose_{drug}"][strategy] / most) - spread / 2) / np.sqrt(spread)))
        what = f"{terms.label}: share of people who need more than {most:g} mg, the most that the price has a term for"
        checks.add(settings.strategies[strategy].label, what, formula, beyond, "#<0.000000001", beyond < 1e-9)


def _check_states(engine: Engine, checks: _Checks, own: Strategy, grid: Grid) -> None:
    """Shares of states, and probabilities."""
    n, name, where = engine.n_cycles, trace_name(own.place), engine.inputs.settings.strategies[own.place].label
    states, at, whole = ("free", "progressed", "dead"), own.columns, own.whole
    total = round(abs(sum(at[s].sum() for s in states) - (n + 1)), 9)
    formula = f"ROUND(ABS({'+'.join(f'SUM({whole[s]})' for s in states)}-{n + 1}),9)"
    checks.add(where, "In every cycle everybody is somewhere: shares of the states sum to 1", formula, total, "#=0", total == 0)
    least = round(min(float(at[s].min()) for s in states), 12)
    formula = f"ROUND(MIN({','.join(whole[s] for s in states)}),12)"
    checks.add(where, "No share of a state is negative", formula, least + 0.0, "#>=0", least >= 0)
    chances = [key for key in ("leave", "progress", "die_free", "die_progressed") if key in at]
    if chances:
        together = ",".join(whole[k] for k in chances)
        least, most = min(float(at[key].min()) for key in chances), max(float(at[key].max()) for key in chances)
        checks.add(where, "No probability is below 0", f"MIN({together})", least, "#>=0", least >= 0)
        checks.add(where, "No probability is above 1", f"MAX({together})", most, "#<=1", most <= 1)
    if "S_pfs" in at:
        above = round(float((at["S_pfs"] - at["free"]).sum()), 9)
        formula = f"ROUND(SUM({whole['S_pfs']})-SUM({whole['free']}),9)"
        what = "PFS curve above the OS curve, summed over cycles (held at OS)"
        checks.add(where, what, formula, above, "#=0", above == 0, word=REVIEW)
    left = float(at["free"][-1] + at["progressed"][-1])
    last = (xl_rowcol_to_cell(grid.top + n, grid.places[name, state], row_abs=True, col_abs=True) for state in states[:2])
    ends = "+".join(f"{name}!{place}" for place in last)
    what = "Alive at the end of the horizon: fewer than 1 in 1,000"
    checks.add(where, what, ends, left, "#<0.001", left < 0.001, word=REVIEW)


def _check_totals(engine: Engine, checks: _Checks, own: Strategy, totals: Totals) -> None:
    """QALYs beside life years, and totals by cycle beside totals by component."""
    settings, outcomes, i = engine.inputs.settings, engine.base.outcomes, own.place
    where = settings.strategies[i].label
    years, qalys = totals.total("life_years", i), totals.total("qalys", i)
    rest = float(outcomes.total_life_years[i, 0] - outcomes.total_qalys[i, 0])
    checks.add(where, "QALYs do not exceed life years: life years less QALYs", f"{years}-{qalys}", rest, "#>=0", rest >= 0)
    for a in settings.price_arrangements:
        key = f"d_costs_{arrangement_key(engine, a)}"
        value = round(abs(float(own.columns[key].sum()) / max(outcomes.total_costs(a)[i, 0], 1e-300) - 1), 9)
        formula = f"ROUND(ABS({own.totals[key][1]}/MAX({totals.total(a, i)},1E-300)-1),9)"
        what = f"Costs added up by cycle and by component agree: {labels.arrangement_short(settings, a)}"
        checks.add(where, what, formula, value, "#=0", value == 0)
    value = round(abs(float(own.columns["d_qalys"].sum()) - outcomes.total_qalys[i, 0]), 9)
    formula = f"ROUND(ABS({own.totals['d_qalys'][1]}-{qalys}),9)"
    checks.add(where, "QALYs added up by cycle and by part agree", formula, value, "#=0", value == 0)


def engine_sheet(engine: Engine, exported: Engine, totals: Totals, inputs_sheet: Sheet) -> tuple[Sheet, str]:
    """The engine's results at export beside the workbook's now; and where the verdict stands."""
    settings = engine.inputs.settings
    sheet = Sheet("Engine", (46, 44, 17, 17, 14, 14, 12))
    sheet.title(
        "Engine: the Python engine against this workbook",
        "The engine's values are those of the inputs as exported. With changed inputs the workbook must differ from them; read it back "
        "into hemodel (its sheet Inputs is enough) to set the engine beside it again.",
    )
    sheet.put(sheet.row, 0, "Verdict", "label")
    verdict_row = sheet.row
    sheet.put(sheet.row + 1, 0, "Inputs changed", "label")
    changed = [c for c in inputs_sheet.cells if c.value == CHANGED and c.formula]
    count = sheet.calc(sheet.row + 1, 1, f'COUNTIF({changed_cells(inputs_sheet)},"{CHANGED}")', float(len(changed)), "count left")
    sheet.put(sheet.row + 2, 0, "Rows that differ", "label")
    differs_row = sheet.row + 2
    sheet.row += 4
    sheet.frozen = (sheet.row + 1, 1)
    sheet.header(("Strategy", "Outcome", "Engine at export", "Workbook now", "Difference", "Relative", "Verdict"), numbers_from=2)
    first = sheet.row
    differing = 0
    for i, own in enumerate(settings.strategies):
        for label, what, part, side in _outcomes(engine):
            now, before = (_value(run, i, what, part, side) for run in (engine, exported))
            place = totals.places[what, part, i][side]
            row, r = sheet.row, sheet.row + 1
            style = "pence" if what in settings.price_arrangements else "six"
            sheet.put(row, 0, own.label, "text")
            sheet.put(row, 1, label, "text aside")
            sheet.put(row, 2, before, f"held {style}")
            sheet.calc(row, 3, place, now, style)
            sheet.calc(row, 4, f"D{r}-C{r}", now - before, "small", slack=TOLERANCE * abs(before))
            relative = abs(now - before) / max(abs(before), 1e-300) if now != before else 0.0
            sheet.calc(
                row,
                5,
                f"IF(D{r}=C{r},0,ABS(E{r})/MAX(ABS(C{r}),1E-300))",
                relative,
                "small",
                slack=TOLERANCE * max(1.0, abs(now) / max(abs(before), 1e-300)),
            )
            word = AGREES if relative <= TOLERANCE else DIFFERS
            differing += word == DIFFERS
            sheet.calc(row, 6, f'IF(F{r}<={TOLERANCE:g},"{AGREES}","{DIFFERS}")', word, "words")
            sheet.row += 1
    last = sheet.row
    sheet.flags.append((first, 6, last, 6))
    differs = sheet.calc(differs_row, 1, f'COUNTIF($G${first + 1}:$G${last},"{DIFFERS}")', float(differing), "count left")
    same, other, moved = verdicts()
    verdict = f'IF({count}>0,"{moved}",IF({differs}=0,"{same}","{other}"))'
    words = moved if changed else other if differing else same
    place = sheet.calc(verdict_row, 1, verdict, words, "wide")
    return sheet, place


def verdicts() -> tuple[str, str, str]:
    """What the sheet Engine can say."""
    return (
        "Workbook and engine agree",
        "WORKBOOK AND ENGINE DIFFER: a formula was changed",
        "INPUTS CHANGED: the engine's values are those of the exported inputs",
    )


def _outcomes(engine: Engine) -> list[tuple[str, str, str, int]]:
    """What is compared: label, table of the sheet Totals, part, and whether discounted."""
    settings, outcomes = engine.inputs.settings, engine.base.outcomes
    found = []
    for side, how in ((1, "discounted"), (0, "undiscounted")):
        for a in settings.price_arrangements:
            short = labels.arrangement_short(settings, a)
            parts = [*outcomes.costs[a], tables.TOTAL] if side else [tables.TOTAL]
            found += [(f"Costs, {short}, {how}: {_name(engine.inputs.component_labels, part)}", a, part, side) for part in parts]
        states = {state: labels.state_label(state) for state in outcomes.life_years}
        parts_of_qalys = {part: engine.inputs.qaly_labels[part] for part in outcomes.qalys}
        for what, word, known in (("life_years", "Life years", states), ("qalys", "QALYs", parts_of_qalys)):
            found += [(f"{word}, {how}: {_name(known, part)}", what, part, side) for part in (*known, tables.TOTAL)]
    return found


def _name(known: Mapping[str, str], part: str) -> str:
    return "total" if part == tables.TOTAL else labels.in_sentence(known[part])


def _value(engine: Engine, strategy: int, what: str, part: str, side: int) -> float:
    """The engine's value of one of these."""
    outcomes = engine.base.outcomes if side else engine.base.outcomes.undiscounted
    assert outcomes is not None
    known: Mapping[str, Mapping[str, np.ndarray]] = {"life_years": outcomes.life_years, "qalys": outcomes.qalys, **outcomes.costs}
    parts = known[what]
    chosen = [part] if part != tables.TOTAL else list(parts)
    return float(sum(parts[p][strategy, 0] for p in chosen))
