"""Which curves patients follow: parameters of the evidence as changes of ln S over each cycle, (strategy, draw)."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from hemodel.cohort import hazards
from hemodel.cohort.hazards import Hazard
from hemodel.errors import Fault, InputError
from hemodel.evidence.draws import Condition, Draws
from hemodel.evidence.inputs import Inputs
from hemodel.evidence.payoffs import names_in_drug
from hemodel.evidence.settings import FittedCurve
from hemodel.survival import curves, families

Array = NDArray[np.float64]
_OF_SOME = ("hr_death", "d_mean_os", "p_response", "median_exposure", "r_discontinuation_toxicity")
"""Quantities that may be given for some strategies only."""


def by_strategy(draws: Draws, inputs: Inputs, quantity: str) -> Array:
    """Values of `<quantity>_<strategy>`, shape (strategy, draw)."""
    return np.stack([draws[f"{quantity}_{strategy}"] for strategy in inputs.settings.strategy_names])


def refuse_partial(inputs: Inputs) -> None:
    """Refuse what would be ignored in silence: quantities given for some strategies only, unless that has a meaning (hazard ratios and
    targets of one strategy, what ends its treatment, what the rows of some strategies need).
    """
    of_rows = {name for row in inputs.payoffs for name in row.amount.names}
    of_rows |= {name for drug in inputs.settings.drugs.values() for name in names_in_drug(drug)}
    strategies = sorted(inputs.settings.strategy_names, key=len, reverse=True)  # a name may end in another
    given: dict[str, set[str]] = {}
    for name in inputs.parameters:
        owner = next((strategy for strategy in strategies if name.endswith(f"_{strategy}")), None)
        if owner is not None:
            given.setdefault(name.removesuffix(f"_{owner}"), set()).add(owner)
    faults = [
        Fault(
            f"parameters {quantity}_...",
            f"given for {', '.join(sorted(owners))}, not for {', '.join(missing)}",
            f"Give {' and '.join(f'{quantity}_{strategy}' for strategy in missing)} too (0 is a value), or leave all of them out",
            missing=tuple(f"{quantity}_{strategy}" for strategy in missing),
        )
        for quantity, owners in given.items()
        if quantity not in _OF_SOME
        and quantity not in of_rows
        and not any(f"{quantity}_{s}" in of_rows for s in owners)  # written out in an amount
        and (missing := [s for s in inputs.settings.strategy_names if s not in owners and not _is_fitted(inputs, quantity, s)])
    ]
    if faults:
        raise InputError.together(faults)


def _is_fitted(inputs: Inputs, quantity: str, strategy: str) -> bool:
    """Whether a median or shape is of a curve that is fitted, and so not needed."""
    curve = quantity.removeprefix("median_").removeprefix("shape_").partition("_")[0]
    return quantity.startswith(("median_", "shape_")) and f"{curve}_{strategy}" in inputs.settings.fitted_curves


def years_by_strategy(draws: Draws, inputs: Inputs, quantity: str, but: Collection[str] = ()) -> Array:
    """Values of the time `<quantity>_<strategy>` in years, shape (strategy, draw); 1 for strategies `but` these, which do not need it."""
    names = {strategy: f"{quantity}_{strategy}" for strategy in inputs.settings.strategy_names}
    known = {strategy: inputs.years(name, draws[name]) for strategy, name in names.items() if strategy not in but}
    nothing = np.ones(len(next(iter(known.values()), draws["age_start"]))) if but else np.empty(0)
    return np.stack([known.get(strategy, nothing) for strategy in names])


def fitted_strategies(inputs: Inputs, curve: str) -> list[str]:
    """Strategies whose curve ("pfs" or "os") is fitted, so that no published median of it is read."""
    return [name for name in inputs.settings.strategy_names if f"{curve}_{name}" in inputs.settings.fitted_curves]


def intervention(inputs: Inputs) -> int:
    """Position of the first strategy that is not the comparator."""
    return inputs.settings.place(inputs.settings.interventions[0])


def comparator(inputs: Inputs) -> int:
    """Position of the comparator."""
    return inputs.settings.place(inputs.settings.comparator)


def pfs_steps(draws: Draws, inputs: Inputs) -> Hazard:
    """The PFS curves, from published medians and shapes, from the response classes, or fitted; with waning."""
    return _waned(_lasting_pfs(draws, inputs), inputs)


def own_progression(draws: Draws, inputs: Inputs) -> Hazard | None:
    """The hazard of progression where it is not a constant share of that of PFS: with a shape of its own, or under waning, when each
    strategy's progression goes over to the comparator's; None elsewhere.
    """
    if inputs.settings.progression_shape == "ttp":
        return ttp_steps(draws, inputs)
    if inputs.settings.effect_waning is None:
        return None
    pfs, share = _lasting_pfs(draws, inputs), progression_share(draws, inputs)
    return _waned(hazards.scaled(pfs, share), inputs)


def _lasting_pfs(draws: Draws, inputs: Inputs) -> Hazard:
    """The PFS curves without waning."""
    steps = _published(draws, inputs, "pfs")
    if inputs.settings.pfs_curve == "response_mixture":
        rows = len(inputs.settings.strategies)
        mixed = _responders(draws, inputs)
        first = intervention(inputs)
        others = [i for i in range(rows) if i != first]
        steps = hazards.chosen([(mixed, [first]), (steps, others)], (rows, len(draws["age_start"])))
    return _with_fitted(steps, draws, inputs, "pfs")


def ttp_steps(draws: Draws, inputs: Inputs) -> Hazard:
    """TTP curves with a shape of their own; their median is that of PFS divided by the published ratio."""
    rate = ttp_rate(draws, inputs)
    return _waned(hazards.weibull(rate, _shape(draws, inputs, "ttp"), _log_time(inputs)), inputs)


def exposure_steps(draws: Draws, inputs: Inputs, places: Collection[int]) -> Hazard:
    """Time-on-treatment curves of the strategies at `places`: Weibull with the published median exposure and the shape `shape_exposure`."""
    names = [f"median_exposure_{name}" for name in inputs.settings.strategy_names]
    nothing = np.ones(len(draws["age_start"]))
    median = np.stack([inputs.years(name, draws[name]) if i in places else nothing for i, name in enumerate(names)])
    shape = draws["shape_exposure"]
    return hazards.weibull(curves.weibull_rate(median, shape), shape, _log_time(inputs))


def os_steps(draws: Draws, inputs: Inputs) -> Hazard:
    """Overall-survival curves: of the published medians, or some from another's by a hazard ratio (see `_os_sources`)."""
    steps = _published(draws, inputs, "os")
    source, factor = _os_sources(draws, inputs)
    if factor is None:
        return _waned(_with_fitted(steps, draws, inputs, "os"), inputs)
    return _waned(hazards.changed(steps, lambda change: factor * change[source]), inputs)


def os_median(draws: Draws, inputs: Inputs) -> Array:
    """Median of each overall-survival curve in years, (strategy, draw), without waning or floor: the target of the calibration."""
    median = years_by_strategy(draws, inputs, "median_os", fitted_strategies(inputs, "os"))
    source, factor = _os_sources(draws, inputs)
    if factor is None:
        return _with_fitted_medians(median, draws, inputs)
    shape = _shape(draws, inputs, "os")  # of a Weibull: the settings refuse hazard ratios on other families
    result: Array = median[source] * factor ** (-1.0 / (shape if shape.ndim == 1 else shape[source]))
    return result


def _with_fitted_medians(median: Array, draws: Draws, inputs: Inputs) -> Array:
    """`median` with those of the overall-survival curves that were fitted to individual data."""
    median = median.copy()
    for i, name in enumerate(inputs.settings.strategy_names):
        terms = inputs.settings.fitted_curves.get(f"os_{name}")
        if terms is not None:
            known, parameters = _fitted(terms, draws, f"os_{name}")
            median[i] = np.asarray(families.quantile(known, 0.5, parameters), dtype=np.float64)
    return median


def refuse_misfits(inputs: Inputs) -> None:
    """Refuse fitted curves whose family is not known, or whose coefficients or knots are not of it, whether the run reads them or not."""
    faults = []
    for curve, terms in inputs.settings.fitted_curves.items():
        where = f"fitted curve {curve}"
        try:
            known = families.family(terms.family, knots=terms.knots or None)
        except InputError as error:
            faults += [Fault(f"{where}, {fault.where}", fault.problem, fault.remedy) for fault in error.faults]
            continue
        if tuple(terms.coefficients) != known.parameters:
            named, needed = ", ".join(terms.coefficients), ", ".join(known.parameters)
            remedy = "Give them all, in this order, on the estimation scale, with time in years"
            faults.append(Fault(where, f"its coefficients are {named}; those of {terms.family} are {needed}", remedy))
        if tuple(terms.knots) != known.knots:
            faults.append(Fault(f"{where}, knots", f"{terms.family} has none", "Leave them out"))
        missing = [name for k in range(len(known.parameters)) if (name := f"fit_{curve}_{k}") not in inputs.parameters]
        if missing:
            remedy = "Give the curve in a scenario, under [fitted_curves], or by with_fitted_curve"
            faults.append(Fault(where, f"there is no parameter {' or '.join(missing)}", remedy))
    if faults:
        raise InputError.together(faults)


def _fitted(terms: FittedCurve, draws: Draws, curve: str) -> tuple[families.Family, tuple[Array, ...]]:
    """Family and parameters, each (draw,), of a curve that was fitted; in the draws its coefficients are on the estimation scale."""
    known = families.family(terms.family, knots=terms.knots or None)
    coefficients = np.stack([draws[f"fit_{curve}_{k}"] for k in range(len(known.parameters))])
    return known, families.natural(known, coefficients)


def conditions(inputs: Inputs) -> tuple[Condition, ...]:
    """What draws of fitted coefficients have to be to make a curve, one condition a spline: its survival rises nowhere."""
    return inputs.once(_conditions)


def _conditions(inputs: Inputs) -> tuple[Condition, ...]:
    refuse_misfits(inputs)
    return tuple(
        Condition(
            f"fitted curve {curve}",
            tuple(f"fit_{curve}_{k}" for k in range(len(terms.coefficients))),
            partial(_rises_nowhere, terms.family, tuple(terms.knots)),
            "make a survival that rises somewhere, so no curve",
            "Take fewer knots, or a family that cannot rise",
        )
        for curve, terms in inputs.settings.fitted_curves.items()
        if families.family(terms.family, knots=terms.knots or None).slopes is not None
    )


def _rises_nowhere(family: str, knots: tuple[float, ...], coefficients: Array) -> NDArray[np.bool_]:
    """Of coefficients of shape (coefficient, draw), whether the survival that they make never rises, (draw,)."""
    known = families.family(family, knots=knots)
    assert known.slopes is not None
    return np.asarray(known.slopes(*families.natural(known, coefficients)) > 0)


def death_steps(draws: Draws, inputs: Inputs) -> Hazard:
    """Death after progression, at a constant rate."""
    rate = by_strategy(draws, inputs, "r_death_progressed")
    if inputs.settings.post_progression_mortality == "equal":
        rate = np.broadcast_to(rate[intervention(inputs)], rate.shape)
    return _waned(hazards.constant(rate, inputs.settings.cycle_years), inputs)


def progression_share(draws: Draws, inputs: Inputs) -> Array:
    """Share of PFS events that are progressions, (strategy, draw): (median PFS / median TTP) to the power of the shape they share.

    Of a curve that is not Weibull the shape is taken as 1: then it is the ratio itself.
    """
    shape = _shape(draws, inputs, "pfs") if inputs.settings.pfs_curve in ("weibull", "response_mixture") else 1.0
    return np.asarray(by_strategy(draws, inputs, "ratio_pfs_to_ttp") ** shape, dtype=np.float64)


def ttp_rate(draws: Draws, inputs: Inputs) -> Array:
    """Coefficient of the TTP cumulative hazard m t^shape_ttp; its median is that of PFS divided by the published ratio."""
    median = years_by_strategy(draws, inputs, "median_pfs") / by_strategy(draws, inputs, "ratio_pfs_to_ttp")
    return curves.weibull_rate(median, _shape(draws, inputs, "ttp"))


def ttp_median(draws: Draws, inputs: Inputs) -> Array:
    """Median of the time to progression, deaths censored, with the shape of PFS: in years, (strategy, draw)."""
    return years_by_strategy(draws, inputs, "median_pfs") / by_strategy(draws, inputs, "ratio_pfs_to_ttp")


def boundaries(inputs: Inputs) -> Array:
    """Cycle boundaries in years, shape (n_cycles + 1,)."""
    return np.arange(inputs.settings.n_cycles + 1, dtype=np.float64) * inputs.settings.cycle_years


def _log_time(inputs: Inputs) -> Array:
    return curves.log_times(inputs.settings.n_cycles, inputs.settings.cycle_years)


def _shape(draws: Draws, inputs: Inputs, curve: str) -> Array:
    """The second parameter of a family: shape_<curve>, (draw,), or that of each strategy, (strategy, draw), where there are such.

    Families other than the Weibull have it under their own name, shape_<curve>_<family>.
    """
    family = {"pfs": inputs.settings.pfs_curve, "os": inputs.settings.os_curve}.get(curve, "weibull")
    name = f"shape_{curve}" if family in ("weibull", "response_mixture") else f"shape_{curve}_{family}"
    if f"{name}_{inputs.settings.strategy_names[0]}" in inputs.parameters:
        return by_strategy(draws, inputs, name)
    return draws[name]


def _published(draws: Draws, inputs: Inputs, curve: str) -> Hazard:
    """Curves from published medians, of the strategies whose curve is not fitted; nothing is read where all are."""
    fitted = fitted_strategies(inputs, curve)
    if len(fitted) == len(inputs.settings.strategies):
        return hazards.constant(np.zeros((len(fitted), len(draws["age_start"]))), inputs.settings.cycle_years)
    return _from_median(draws, inputs, curve, years_by_strategy(draws, inputs, f"median_{curve}", fitted))


def _from_median(draws: Draws, inputs: Inputs, curve: str, median: Array) -> Hazard:
    """Curves of the family that the settings name, with these medians, (strategy, draw)."""
    family = {"pfs": inputs.settings.pfs_curve, "os": inputs.settings.os_curve}[curve]
    if family in ("weibull", "response_mixture"):
        shape = _shape(draws, inputs, curve)
        return hazards.weibull(curves.weibull_rate(median, shape), shape, _log_time(inputs))
    if family == "exponential":
        return hazards.constant(curves.LN_2 / median, inputs.settings.cycle_years)
    known = families.family(family)
    assert known.from_median is not None
    return hazards.of_family(known, known.from_median(median, _shape(draws, inputs, curve)), boundaries(inputs))


def _with_fitted(steps: Hazard, draws: Draws, inputs: Inputs, curve: str) -> Hazard:
    """`steps` with the rows of those strategies whose curve was fitted to individual data."""
    names = inputs.settings.strategy_names
    fitted = {i: terms for i, name in enumerate(names) if (terms := inputs.settings.fitted_curves.get(f"{curve}_{name}"))}
    if not fitted:
        return steps
    rows = []
    for i, terms in fitted.items():
        known, parameters = _fitted(terms, draws, f"{curve}_{names[i]}")
        _refuse_no_curve(known, parameters, f"{curve}_{names[i]}")
        own = hazards.of_family(known, [p[None] for p in parameters], boundaries(inputs))
        rows.append((hazards.changed(own, partial(np.broadcast_to, shape=(len(names), len(draws["age_start"])))), [i]))
    published = [i for i in range(len(names)) if i not in fitted]
    return hazards.chosen([*rows, (steps, published)], (len(names), len(draws["age_start"])))


def _refuse_no_curve(known: families.Family, parameters: tuple[Array, ...], curve: str) -> None:
    """Refuse draws whose coefficients make no curve, in the names of the coefficients."""
    try:
        families.cumulative_hazard(known, [1.0], parameters)
    except InputError as error:
        names = tuple(f"fit_{curve}_{k}" for k in range(len(known.parameters)))
        raise InputError.together(
            replace(fault, where=f"fitted curve {curve}, {fault.where}", parameters=names) for fault in error.faults
        ) from None


def _responders(draws: Draws, inputs: Inputs) -> Hazard:
    """PFS of the first intervention from its response classes: time to progression is a mixture of exponentials, one a class, and
    its cumulative hazard is the share `progression_share` of that of PFS.
    """
    rows = len(inputs.settings.strategies)
    shares = [np.broadcast_to(x, (rows, len(x))) for x in response_shares(draws)]
    medians = [inputs.years(name, draws[name]) for name in ("median_ttp_cr_vgpr", "median_ttp_pr", "median_ttp_less")]
    rates = [np.broadcast_to(curves.LN_2 / m, (rows, len(m))) for m in medians]
    progression = hazards.of_mixture(shares, rates, boundaries(inputs))
    share = progression_share(draws, inputs)
    return hazards.changed(progression, lambda change: change / share)


def response_shares(draws: Draws) -> tuple[Array, Array, Array]:
    """Shares with a complete or very good partial response, a partial one, and less, each (draw,)."""
    deep = draws["p_response_cr_vgpr"]
    partial = (1.0 - deep) * draws["p_response_pr_of_others"]
    return deep, partial, 1.0 - deep - partial


def _os_sources(draws: Draws, inputs: Inputs) -> tuple[list[int], Array | None]:
    """Whose overall-survival curve each strategy's is made from, and the factor on that curve's hazard, (strategy, draw) or None.

    With `comparator_survival = "hazard_ratio"` the comparator's is that of the first intervention divided by its `hr_death_...`; with
    `intervention_survival = "hazard_ratio"` each intervention's is the comparator's times its own.
    """
    settings, reference = inputs.settings, comparator(inputs)
    names = settings.strategy_names
    source = list(range(len(names)))
    factor = np.ones((len(names), len(draws["age_start"])))
    if settings.comparator_survival == "hazard_ratio":
        source[reference] = intervention(inputs)
        factor[reference] = 1.0 / draws[f"hr_death_{names[source[reference]]}"]
    elif settings.intervention_survival == "hazard_ratio":
        for i, name in enumerate(names):
            if i != reference:
                source[i], factor[i] = reference, draws[f"hr_death_{name}"]
    else:
        return source, None
    return source, factor


def _waned(steps: Hazard, inputs: Inputs) -> Hazard:
    """The treatment effect fades, if the settings say so: all hazards go over to the comparator's."""
    terms = inputs.settings.effect_waning
    if terms is None:
        return steps
    gone = hazards.ramp(terms.from_years, terms.to_years, boundaries(inputs))
    return hazards.with_waning(steps, comparator(inputs), gone)
