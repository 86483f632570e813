"""Threshold analysis: at which value of one input the decision turns.

Root-finding is on the incremental net monetary benefit, which is continuous where an ICER may be undefined; it is zero exactly where
the ICER equals the threshold. Where there is no such value in the range, the result says so.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq

from hemodel.analyses.one_way import evaluate_changes, evaluate_with
from hemodel.analyses.psa import PSA
from hemodel.analyses.request import request
from hemodel.cohort import model
from hemodel.cohort.model import curves
from hemodel.decision.incremental import describe_icer, icer
from hemodel.decision.net_benefit import net_monetary_benefit
from hemodel.errors import InputError, nearest
from hemodel.evidence.distributions import quantile_tables, values_at
from hemodel.evidence.draws import base_case_draws
from hemodel.evidence.inputs import Inputs
from hemodel.evidence.parameters import Parameter
from hemodel.evidence.settings import Scheme

Array = NDArray[np.float64]
PACK_PRICE = "pack_price"
CAPS = tuple(range(6, 79, 6))
"""Caps of a price map, in cycles."""
DISCOUNTS = tuple(float(share) for share in np.arange(0.0, 0.81, 0.1).round(10))
"""Discounts of a price map, shares of the list price."""
_WHAT_IF = "what_if"
_NO_PRICE = "it costs nothing now, so that no other price is in proportion to it"
_FURTHEST = 8.0  # normal scores between which a turning point is looked for
_MET = 1e-6  # of net benefit beside a turn, within which it is zero there
_STEPS = 81  # places in that range at which net benefit is looked at before a root is bracketed


@dataclass(frozen=True)
class Threshold:
    """Result of a threshold analysis: `value` is missing (NaN) where no value in the range turns the decision."""

    what: str
    unit: str
    base_value: float
    value: float
    low: float
    high: float
    threshold: float
    reading: str

    @property
    def found(self) -> bool:
        """Whether there is such a value."""
        return not math.isnan(self.value)


def threshold_value(
    inputs: Inputs,
    what: str,
    *,
    low: float | None = None,
    high: float | None = None,
    price_arrangement: str | None = None,
    strategy: str | None = None,
    threshold: float | None = None,
) -> Threshold:
    """The value of a parameter, or of the price of a pack, at which the ICER equals `threshold` (money per QALY).

    `what`: a parameter's name, or "pack_price": the list price of the pack of the first drug with a price that weighs most in it, the
    others in proportion ("pack_price_<drug>": of any drug).
    `low`, `high`: the range, default 0 to ten times the value, within what the kind of quantity allows. Where the decision turns
    more than once, the value nearest to the base value is given. A pack price of 0 cannot be moved in proportion: then there is none.
    """
    strategy = strategy or _with_drug(inputs, what)
    arrangement, strategy, threshold = request(inputs, price_arrangement, strategy, threshold)
    parameter = _parameter(inputs, what)
    low = max(parameter.quantity.low, 0.0) if low is None else low
    high = min(parameter.quantity.high, 10 * abs(parameter.value) or 1.0) if high is None else high
    if not parameter.quantity.low <= low < high <= parameter.quantity.high:
        problem = f"{low:g} to {high:g} is not a range for {parameter.quantity.is_a}"
        raise InputError(f"range of {what}", problem, "Give low below high, within what the quantity may be")

    if drug_of_price(inputs, what) is not None and not parameter.value:
        return Threshold(what, parameter.unit, 0.0, math.nan, low, high, threshold, f"{parameter.label}: {_NO_PRICE}.")

    def benefit(values: Array) -> Array:
        changes = [_change(inputs, what, float(v)) for v in values]
        costs, qalys = evaluate_changes(inputs, changes, arrangement, strategy)
        return threshold * qalys - costs

    grid = np.linspace(low, high, _STEPS)
    root = _nearest_root(benefit, grid, parameter.value)
    reading = _reading(parameter, root, (low, high), _icer(inputs), _limit(inputs, threshold))
    return Threshold(what, parameter.unit, parameter.value, root, low, high, threshold, reading)


def charged_cycles(
    inputs: Inputs, *, price_arrangement: str = "pas", strategy: str | None = None, threshold: float | None = None
) -> Threshold:
    """The largest number of charged cycles, from 0 to the horizon, at which the ICER is at most `threshold`.

    Under a cap of K cycles the cost rises with K, so the answer is found by bisection on whole cycles. In a set of schemes the first
    cap is moved, and the others stay.
    """
    arrangement, strategy, threshold = request(inputs, price_arrangement, strategy, threshold)
    known = inputs.settings.schemes
    in_use = inputs.settings.schemes_in(arrangement).values()
    capped = next((name for name, terms in known.items() if terms in in_use and terms.drug_cost_cap_cycles is not None), None)
    if capped is None:
        raise InputError(
            f"price arrangement {arrangement!r}", "it is not a cap on the drug cost", "Choose an arrangement of that kind"
        )
    base = known[capped].drug_cost_cap_cycles or 1

    def affordable(cap: int) -> bool:
        schemes = {**inputs.settings.model_dump()["schemes"], capped: known[capped].model_dump() | {"drug_cost_cap_cycles": cap}}
        costs, qalys = evaluate_changes(inputs.with_settings(schemes=schemes), [{}], arrangement, strategy)
        return bool(threshold * qalys[0] - costs[0] >= 0)

    low, high, limit = 0, inputs.settings.n_cycles, _limit(inputs, threshold)
    if not affordable(1):
        reading = f"Even with one charged cycle {_icer(inputs)} exceeds {limit}: there is no such number of cycles."
        return Threshold("charged_cycles", "cycles", base, math.nan, 1, high, threshold, reading)
    if affordable(high):
        reading = f"With every cycle charged {_icer(inputs)} is still at most {limit}: no cap is needed."
        return Threshold("charged_cycles", "cycles", base, math.nan, 1, high, threshold, reading)
    low = 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if affordable(middle) else (low, middle)
    most = f"at most {limit} with up to {low} charged cycles"
    reading = f"T{_icer(inputs)[1:]} is {most}, and above it with {low + 1}; now {base}."
    return Threshold("charged_cycles", "cycles", base, low, 1, inputs.settings.n_cycles, threshold, reading)


def decision_drivers(
    inputs: Inputs, *, price_arrangement: str | None = None, strategy: str | None = None, threshold: float | None = None
) -> pd.DataFrame:
    """What would change the decision: for every uncertain parameter the value, alone, at which the preferred strategy flips at the
    threshold, and how many standard errors from its value that is; nearest first. Missing where none lies within 8 normal scores.

    Preferred is the strategy of highest net benefit among all, or, with `strategy`, between that one and the comparator;
    `then_preferred` is the one that takes its place. Shares of a Dirichlet, which cannot move alone, are left out; coefficients of a
    fitted curve go as far as they make one.
    """
    arrangement, named, threshold = request(inputs, price_arrangement, strategy, threshold)
    names = inputs.settings.strategy_names
    among = list(names) if strategy is None else [named, inputs.settings.comparator]
    read = model.names_read(inputs)
    chosen = [p for n, p in inputs.parameters.items() if n in read and p.is_uncertain and p.distribution != "dirichlet"]
    distributions = [p.uncertainty for p in chosen]
    tables = quantile_tables(distributions)

    def at(k: int, places: Array) -> Array:
        return values_at(distributions[k], places, tables[k])

    def benefits_at(changes: list[dict[str, float]]) -> Array:
        """Net benefit of each strategy that is open, (strategy, change)."""
        outcomes = evaluate_with(inputs, changes)
        benefits = threshold * outcomes.total_qalys - outcomes.total_costs(arrangement)
        result: Array = benefits[[names.index(name) for name in among]]
        return result

    preferred = int(benefits_at([{}])[:, 0].argmax())
    others = [i for i in range(len(among)) if i != preferred]

    def lead_at(places: Array) -> Array:
        """Lead of the preferred strategy over the next with each parameter alone at its row of scores, (parameter, score) in and out."""
        changes = [{p.name: float(v)} for k, p in enumerate(chosen) for v in at(k, places[k])]
        benefits = benefits_at(changes)
        lead: Array = benefits[preferred] - benefits[others].max(axis=0)
        return lead.reshape(places.shape)

    scores = np.linspace(-_FURTHEST, _FURTHEST, _STEPS)
    own = np.array([np.interp(p.value, at(k, scores), scores) for k, p in enumerate(chosen)])
    within = [_making_curves(inputs, p.name, at(k, scores), scores, own[k]) for k, p in enumerate(chosen)]
    flips = _flips(lead_at, np.array(within).reshape(len(chosen), _STEPS), own)
    values = [math.nan if math.isnan(z) else float(at(k, np.array([z]))[0]) for k, z in enumerate(flips)]
    at_flip = benefits_at([{} if math.isnan(v) else {p.name: v} for p, v in zip(chosen, values, strict=True)])
    rows = []
    for k, (parameter, value) in enumerate(zip(chosen, values, strict=True)):
        se = distributions[k].standard_error
        then = "" if math.isnan(value) else among[others[int(at_flip[others, k].argmax())]]
        distance = (value - parameter.value) / se
        rows.append(
            (parameter.name, parameter.label, parameter.unit, parameter.value, se, value, distance, then, parameter.status)
        )
    columns = ["parameter", "label", "unit", "value", "se", "flips_at", "standard_errors_away", "then_preferred", "status"]
    return pd.DataFrame(rows, columns=columns).sort_values(
        "standard_errors_away", key=abs, kind="stable", na_position="last", ignore_index=True
    )


def price_and_probability(
    psa: PSA, price_arrangement: str, prices: ArrayLike | None = None, *, drug: str | None = None
) -> pd.DataFrame:
    """Probability of being cost-effective at each threshold, and mean costs, by the price of the pack of a drug that weighs most in its
    price, the others in proportion; `drug`: default the first with a price.

    `psa` must have kept its components: costs are linear in the price, so one analysis serves every price, on the same draws.
    `prices`: money a pack, default 41 prices from 0 to the list price.
    """
    if psa.components is None:
        raise InputError("psa", "it has not kept costs by component", "Run it with keep_components=True")
    settings = psa.inputs.settings
    drug = psa.inputs.priced_drugs[0] if drug is None else drug
    list_price = pack_price(psa.inputs, drug).value
    if not list_price:
        raise InputError(pack_price(psa.inputs, drug).name, _NO_PRICE, "Give it a price above 0")
    grid = np.linspace(0, list_price, 41) if prices is None else np.asarray(prices, dtype=np.float64)
    parts = psa.components[price_arrangement]
    found = (parts[name] for name in packs_of(psa.inputs, drug) if name in parts)
    spent = sum(found, np.zeros_like(psa.costs[price_arrangement]))
    others = psa.costs[price_arrangement] - spent
    rows = []
    for price in grid:
        costs = others + spent * (price / list_price)
        for i, strategy in enumerate(psa.strategies):
            row: dict[str, object] = {"drug": drug, "pack_price": float(price), "strategy": strategy}
            row["mean_costs"] = float(costs[i].mean())
            for threshold in settings.threshold_values:
                benefit = net_monetary_benefit(costs.T, psa.qalys.T, threshold)
                row[f"probability_cost_effective_{threshold:.0f}"] = float((benefit.argmax(axis=1) == i).mean())
            rows.append(row)
    return pd.DataFrame(rows)


def price_map(
    inputs: Inputs,
    strategy: str | None = None,
    *,
    drug: str | None = None,
    caps: tuple[int, ...] = CAPS,
    discounts: tuple[float, ...] = DISCOUNTS,
) -> pd.DataFrame:
    """ICER under every cap on the charged cycles of a drug with every discount on its price, all strengths alike.

    `drug`: default the first with a price. Schemes of other drugs in the last price arrangement stay.

    One row per pair: cap (treatment cycles), discount (share of the list price), incremental_costs and incremental_qalys of
    `strategy` (default: the first that is not the comparator), icer and reading.
    """
    arrangement, strategy, _ = request(inputs, None, strategy, None)
    pack_price(inputs, drug)  # refused where no drug has one
    drug = inputs.priced_drugs[0] if drug is None else drug
    changes = [_packs(inputs, 1 - share, drug) for share in discounts]
    others = {name: scheme for name, scheme in inputs.settings.schemes_in(arrangement).items() if name != drug}
    rows = []
    for cap in caps:
        terms = Scheme(kind="drug_cost_cap", drug=drug, label="What if", drug_cost_cap_cycles=cap)
        schemes = {f"{_WHAT_IF}_{name}": scheme for name, scheme in {drug: terms, **others}.items()}
        together = {_WHAT_IF: {"label": "What if", "schemes": list(schemes)}}
        capped = inputs.with_settings(
            schemes={name: scheme.model_dump() for name, scheme in schemes.items()},
            arrangements=together,
            price_arrangements=[_WHAT_IF],
        )
        costs, qalys = evaluate_changes(capped, changes, _WHAT_IF, strategy)
        for share, cost, qaly in zip(discounts, costs, qalys, strict=True):
            pair = float(cost), float(qaly)
            rows.append((cap, share, *pair, icer(*pair), describe_icer(*pair, currency=inputs.settings.currency)))
    return pd.DataFrame(rows, columns=["cap", "discount", "incremental_costs", "incremental_qalys", "icer", "reading"])


def _parameter(inputs: Inputs, what: str) -> Parameter:
    drug = drug_of_price(inputs, what)
    name = what if drug is None else pack_price(inputs, drug).name
    if name not in inputs.parameters:
        raise InputError(
            f"threshold of {what!r}", "there is no such parameter", nearest(what, [*inputs.parameters, *price_names(inputs)])
        )
    return inputs.parameters[name]


def _change(inputs: Inputs, what: str, value: float) -> Mapping[str, float]:
    drug = drug_of_price(inputs, what)
    if drug is None:
        return {what: value}
    return _packs(inputs, value / pack_price(inputs, drug).value, drug)


def price_names(inputs: Inputs) -> tuple[str, ...]:
    """What stands for the price of a drug in a threshold analysis: `pack_price` for the first, and a name for each of several."""
    drugs = inputs.priced_drugs
    return (PACK_PRICE, *(f"{PACK_PRICE}_{drug}" for drug in drugs if len(drugs) > 1)) if drugs else ()


def packs_of(inputs: Inputs, drug: str) -> tuple[str, ...]:
    """Cost components that are the price of packs of a drug."""
    rows = (row for row in inputs.payoffs if row.outcome == "cost" and row.measure.kind == "charged pack" and row.drug == drug)
    return tuple(dict.fromkeys(row.component for row in rows))


def _with_drug(inputs: Inputs, what: str) -> str | None:
    """The first strategy, beside the comparator, that is given the drug whose price is asked for; None for what is no price."""
    drug = drug_of_price(inputs, what)
    return None if drug is None else given(inputs, drug)


def given(inputs: Inputs, drug: str) -> str | None:
    """The first strategy, beside the comparator, that is given a drug."""
    settings = inputs.settings
    return next((s.name for s in settings.strategies if drug in s.drugs and s.name != settings.comparator), None)


def drug_of_price(inputs: Inputs, what: str) -> str | None:
    """The drug whose price `what` asks for: `pack_price` of the first with a price, `pack_price_<drug>` of any; None for a parameter."""
    drugs = inputs.priced_drugs
    if what == PACK_PRICE and drugs:
        return drugs[0]
    return next((drug for drug in drugs if what == f"{PACK_PRICE}_{drug}"), None)


def pack_price(inputs: Inputs, drug: str | None = None) -> Parameter:
    """The price that stands for all prices of a drug (default: the first with a price): the one that weighs most in it."""
    if not inputs.priced_drugs:
        raise InputError("drugs", "no drug has a price", "Give price under [drugs.<name>] in settings.toml")
    return inputs.parameters[next(iter(inputs.prices(inputs.priced_drugs[0] if drug is None else drug)))]


def _packs(inputs: Inputs, factor: float, drug: str | None = None) -> dict[str, float]:
    """Every price of a drug (default: the first with a price), times `factor`."""
    names = inputs.prices(inputs.priced_drugs[0] if drug is None else drug)
    return {name: factor * inputs.parameters[name].value for name in names}


def _nearest_root(benefit: Callable[[Array], Array], grid: Array, base: float) -> float:
    """The root of `benefit` nearest to `base`, bracketed on `grid`; NaN where there is none."""
    values = benefit(grid)
    turns = np.flatnonzero(np.sign(values[:-1]) * np.sign(values[1:]) <= 0)
    roots = []
    for i in turns:
        if values[i] == 0 or values[i + 1] == 0:
            roots.append(float(grid[i] if values[i] == 0 else grid[i + 1]))
            continue
        root = float(brentq(lambda x: float(benefit(np.array([x]))[0]), grid[i], grid[i + 1], xtol=1e-10, rtol=1e-12))
        if abs(benefit(np.array([root]))[0]) <= _MET * np.abs(values[[i, i + 1]]).max():  # else it jumps past zero there
            roots.append(root)
    return min(roots, key=lambda x: abs(x - base)) if roots else math.nan


def _flips(benefit_at: Callable[[Array], Array], scores: Array, own: Array) -> Array:
    """For each row the normal score nearest to its `own` at which net benefit changes sign, NaN where none; all rows at once.

    `scores`, (parameter, score): where a change of sign is looked for. The interval that brackets it is then halved.
    """
    benefits = benefit_at(scores)
    turns = benefits[:, :-1] * benefits[:, 1:] <= 0
    middles = (scores[:, :-1] + scores[:, 1:]) / 2
    place = np.where(turns, np.abs(middles - own[:, None]), np.inf).argmin(axis=1)
    rows = np.arange(len(own))
    low, high = scores[rows, place], scores[rows, place + 1]
    rising = benefits[rows, place + 1] > benefits[rows, place]
    for _ in range(50):  # from 0.2 normal scores to the last bit
        middle = (low + high) / 2
        beyond = (benefit_at(middle[:, None])[:, 0] > 0) == rising
        low, high = np.where(beyond, low, middle), np.where(beyond, middle, high)
    result: Array = np.where(turns.any(axis=1), (low + high) / 2, np.nan)
    return result


def _making_curves(inputs: Inputs, name: str, values: Array, scores: Array, own: float) -> Array:
    """`scores` drawn in to those around its `own` at which the fitted curves are curves with `name` alone at its `values`."""
    base, middle = base_case_draws(inputs), int(np.abs(scores - own).argmin())
    for condition in curves.conditions(inputs):
        if name in condition.names:
            placed = [values if n == name else np.repeat(base[n], len(values)) for n in condition.names]
            broken = ~condition.holds(np.stack(placed))
            low = np.flatnonzero(broken[:middle])
            high = np.flatnonzero(broken[middle + 1 :])
            first, last = (low[-1] + 1 if len(low) else 0), (middle + high[0] if len(high) else len(scores) - 1)
            scores = np.clip(scores, scores[first], scores[last])
    return scores


def _reading(parameter: Parameter, root: float, searched: tuple[float, float], ratio: str, limit: str) -> str:
    if math.isnan(root):
        low, high = searched
        return f"No value from {low:g} to {high:g} {parameter.unit} brings {ratio} to {limit}."
    found = f"{root:,.6g} {parameter.unit} (now {parameter.value:,.6g}): {parameter.label}."
    return f"T{ratio[1:]} is {limit} at {found}"


def _limit(inputs: Inputs, threshold: float) -> str:
    return f"{inputs.settings.currency} {threshold:,.0f} per QALY"


def _icer(inputs: Inputs) -> str:
    """The ICER as it stands inside a sentence: against what, where there are more than two strategies."""
    return "the ICER" if len(inputs.settings.strategies) == 2 else "the ICER against the comparator"
