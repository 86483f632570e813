"""Value of information: what it would be worth to know more before choosing.

Per person to whom the decision applies and in the unit of the net benefit; `population_value` scales it. `evpi` is the value of
knowing everything, `evppi` of knowing some parameters, `evsi` of seeing the data of a study: EVPI >= EVPPI >= EVSI >= 0.

What can be learnt from parameters (or data) is estimated in two steps (Strong, Oakley and Brennan 2014, Medical Decision Making
34:311). The gains of the strategies over the one of highest mean are regressed on the parameters, and each draw i is then given
the strategy d(i) of highest expected gain. The value is the mean of the gains NB[i, d(i)] - NB[i, d] in the draws themselves:
what choosing by the regression brings. Since no draw has a say in its own prediction (`hemodel.decision.regression`), a regression
that is off can only choose worse and make the value too small; noise does not become value. The usual plug-in estimate, mean of
the highest predictions - highest of their means, goes with it as `plug_in`; noise in the predictions makes it too large. Where
both agree the regression is good enough.

The standard error is the standard deviation of those gains over the square root of the number of draws: the influence function
of the estimate, which covers the sampling of the draws and, to first order, the regression. It is for independent draws (from
Latin hypercube or Sobol' draws it is too large). Where the value is near 0 it is not the width of a normal interval, and where
the same strategy is chosen in every draw it is 0 and says nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, isfinite, sqrt

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from hemodel.decision.net_benefit import Floats, drawn, numbers
from hemodel.decision.regression import cross_fitted
from hemodel.errors import Fault, InputError

FEWEST_DRAWS = 10
"""Fewest draws for a regression: two in each of the five folds. An answer worth having takes thousands."""


class InformationValue(float):
    """A value of information that is a number and knows its Monte Carlo standard error.

    Arithmetic gives plain floats: whoever multiplies the value multiplies the standard error too. A value found by regression
    has its plug-in estimate beside it, in the same unit, and the name of the regression; others have None and "".

    >>> found = InformationValue(869.0, 12.5)
    >>> found, found / 2, found.standard_error
    (InformationValue(869.0, standard_error=12.5), 434.5, 12.5)
    """

    __slots__ = ("_method", "_plug_in", "_standard_error")
    _standard_error: float
    _plug_in: float | None
    _method: str

    def __new__(cls, value: float, standard_error: float, plug_in: float | None = None, method: str = "") -> InformationValue:
        """A value and its standard error, in the same unit; the plug-in estimate and the method where there is a regression."""
        self = super().__new__(cls, value)
        self._standard_error = float(standard_error)
        self._plug_in = None if plug_in is None else float(plug_in)
        self._method = method
        return self

    @property
    def value(self) -> float:
        """The value as a plain float."""
        return float(self)

    @property
    def standard_error(self) -> float:
        """Monte Carlo standard error of the value, in the same unit."""
        return self._standard_error

    @property
    def plug_in(self) -> float | None:
        """Mean of the highest predictions - highest of their means, in the same unit: too large where predictions are noisy."""
        return self._plug_in

    @property
    def method(self) -> str:
        """Which regression predicted the gains best, in words."""
        return self._method

    def __repr__(self) -> str:
        """The numbers, as they would be typed."""
        more = "" if self._plug_in is None else f", plug_in={self._plug_in!r}, method={self._method!r}"
        return f"InformationValue({self.value!r}, standard_error={self.standard_error!r}{more})"

    def __getnewargs__(self) -> tuple[float, float, float | None, str]:  # type: ignore[override]
        """What copying and pickling hand to the class: a float alone would lose the standard error."""
        return self.value, self.standard_error, self._plug_in, self._method


def evpi(net_benefit: ArrayLike) -> InformationValue:
    """Expected value of perfect information: mean over draws of the best - best of the means.

    `net_benefit` has shape (draw, strategy), in GBP or QALYs; the result has the same unit, per person. It is
    the mean over draws i of NB[i, best in draw i] - NB[i, d], with d the strategy of highest mean, which is
    the same number and cannot come out below zero. Its standard error is the standard deviation of that loss
    over the square root of the number of draws (the influence function of the estimator), for independent
    draws; from Latin hypercube or Sobol' draws it is too large, and near an EVPI of zero it is not the width
    of a normal interval.
    Source: Raiffa and Schlaifer 1961; Claxton 1999, Journal of Health Economics 18:341.

    >>> evpi([[0, 10], [0, -6], [0, 10], [0, -6]])
    InformationValue(3.0, standard_error=1.7320508075688772)
    """
    faults: list[Fault] = []
    benefit = drawn("net benefit", net_benefit, 2, faults)
    if faults:
        raise InputError.together(faults)
    loss = benefit.max(axis=1) - benefit[:, benefit.mean(axis=0).argmax()]
    return InformationValue(loss.mean(), loss.std(ddof=1) / np.sqrt(len(loss)))


def evppi(net_benefit: ArrayLike, parameters: ArrayLike) -> InformationValue:
    """Expected value of partial perfect information: what it would be worth to know these parameters, together, before choosing.

    `net_benefit` has shape (draw, strategy), `parameters` (draw, k) or, for one parameter, (draw,); row i of both is draw i. The
    other parameters stay uncertain. Any number of strategies and parameters; the response may bend or jump. See the head of this
    module for the estimate, its standard error and its plug-in companion. On the same draws it is never below 0 (an estimate that
    comes out below is 0: not to learn is always open) and never above `evpi` (no choice in a draw gains more than the best one).
    Source: Strong, Oakley and Brennan 2014, Medical Decision Making 34:311.

    >>> good_or_bad, noise = np.tile([-1.0, 1.0], 500), np.tile([-30.0, 30.0, 30.0, -30.0], 250)
    >>> found = evppi(np.column_stack([np.zeros(1000), 100 * good_or_bad + noise]), good_or_bad)
    >>> round(found, 6), round(found.standard_error, 2), found.method
    (50.0, 1.72, 'spline')
    """
    benefit, columns = _checked(net_benefit, parameters, "parameters")
    return _value(_expect(benefit, columns), share=1.0)


def evsi(net_benefit: ArrayLike, summaries: ArrayLike) -> InformationValue:
    """Expected value of sample information: what it would be worth to see the data of a study before choosing.

    For each draw i simulate one data set of the proposed study from the parameters of draw i, and describe it by a few summary
    statistics (means, counts, an estimated log hazard ratio), sufficient ones if there are such: `summaries` has shape (draw, k)
    or (draw,). What the data tell about net benefit then comes from the same regression as in `evppi`, with the same properties.
    Source: Strong, Oakley, Brennan and Breeze 2015, Medical Decision Making 35:570; Heath et al. 2020, ibid. 40:314.

    >>> truth = np.tile([-1.0, 1.0], 500)
    >>> seen = np.where(np.arange(1000) % 20 < 4, -truth, truth)  # a study that misleads in one draw of five
    >>> round(evsi(np.column_stack([np.zeros(1000), 100 * truth]), seen), 6)  # right 0.8 * 100 - wrong 0.2 * 100, half the time
    30.0
    """
    benefit, columns = _checked(net_benefit, summaries, "summaries")
    return _value(_expect(benefit, columns), share=1.0)


def evsi_normal(
    net_benefit: ArrayLike, parameters: ArrayLike, sample_sizes: Sequence[float] | float, *, prior_sample_size: float
) -> dict[float, InformationValue]:
    """EVSI of studies of several sizes about these parameters by the Gaussian approximation: {sample size: value}.

    Shapes as in `evppi`. `prior_sample_size` says how many persons of the study the present evidence on the parameters is worth:
    (standard deviation of one observation / standard deviation of the parameter) ** 2, or a + b for a Beta(a, b) probability.
    A study of n leaves of the spread of expected net benefit the share sqrt(n / (n + prior_sample_size)); so one regression
    serves all sizes. Exact where net benefit is linear in normal parameters with normal data, otherwise an approximation, and it
    holds for parameters that the study informs alike. Where that is in doubt, simulate the study and use `evsi`.
    Source: Jalal and Alarid-Escudero 2018, Medical Decision Making 38:174; Heath, Manolopoulou and Baio 2018, ibid. 38:163.

    >>> x = np.linspace(-300, 500, 1001)
    >>> by_size = evsi_normal(np.column_stack([0 * x, x]), x, [0, 30, 10_000], prior_sample_size=10)
    >>> {n: round(value, 1) for n, value in by_size.items()}, round(evppi(np.column_stack([0 * x, x]), x), 1)
    ({0: 0.0, 30: 43.9, 10000: 56.3}, 56.3)
    """
    faults: list[Fault] = []
    _not_below("prior sample size", prior_sample_size, faults, above=True)
    sizes = [sample_sizes] if isinstance(sample_sizes, (int, float)) else list(sample_sizes)
    for n in sizes:
        _not_below("sample sizes", n, faults)
    benefit, columns = _checked(net_benefit, parameters, "parameters", faults)
    expectations = _expect(benefit, columns)
    return {n: _value(expectations, share=sqrt(n / (n + prior_sample_size))) for n in sizes}


def population_value(
    per_person: float, *, incidence_per_year: ArrayLike, horizon_years: float, discount_rate: float
) -> InformationValue:
    """Value of information for everyone whom the decision will concern: sum over years t = 0, 1, ... of persons / (1 + r) ** t.

    `per_person` is an `InformationValue` (or a number without error), `incidence_per_year` the persons who newly face the choice
    in a year, one number or one for each year of the horizon (0 while a study is not yet reported), `horizon_years` how long the
    choice stays open, `discount_rate` per year. The persons of a year are discounted from its start, the first year not at all;
    a last part of a year counts in proportion. Value, standard error and plug-in estimate are all multiplied.
    Source: Philips, Claxton and Palmer 2008, Medical Decision Making 28:287.

    >>> population_value(InformationValue(10.0, 0.5), incidence_per_year=1_000, horizon_years=2, discount_rate=0.25)
    InformationValue(18000.0, standard_error=900.0)
    """
    faults: list[Fault] = []
    _not_below("value per person", per_person, faults)
    if faults:
        raise InputError.together(faults)
    persons = discounted_persons(incidence_per_year, horizon_years, discount_rate)
    found = per_person if isinstance(per_person, InformationValue) else InformationValue(per_person, 0.0)
    plug_in = None if found.plug_in is None else found.plug_in * persons
    return InformationValue(found.value * persons, found.standard_error * persons, plug_in, found.method)


def discounted_persons(incidence_per_year: ArrayLike, horizon_years: float, discount_rate: float) -> float:
    """Discounted number of persons who face the choice within the horizon, as described in `population_value`.

    >>> discounted_persons([0, 1_000], 1.5, 0.25)  # none in the first year, half of a year's thousand in the second
    400.0
    """
    faults: list[Fault] = []
    incidence = numbers("incidence per year", incidence_per_year, faults)
    _not_below("horizon years", horizon_years, faults, above=True)
    _not_below("discount rate", discount_rate, faults)
    if np.any(incidence < 0):
        problem = f"{incidence[incidence < 0].min():g} is no number of persons"
        faults.append(Fault("incidence per year", problem, "Give 0 or more"))
    years = 0 if faults else ceil(horizon_years)
    if not faults and incidence.ndim and incidence.shape != (years,):
        problem = f"the shape is {incidence.shape}, the horizon has {years} years"
        faults.append(Fault("incidence per year", problem, "Give one number, or one for each year of the horizon"))
    if faults:
        raise InputError.together(faults)
    begun = np.arange(years)
    return float((incidence * np.minimum(horizon_years - begun, 1) / (1 + discount_rate) ** begun).sum())


def expected_net_benefit_of_sampling(
    evsi_by_size: Mapping[int, float] | Mapping[float, float],
    *,
    incidence_per_year: ArrayLike,
    horizon_years: float,
    discount_rate: float,
    fixed_cost: float,
    cost_per_person: float,
) -> pd.DataFrame:
    """What studies of several sizes bring beyond what they cost: population EVSI - (fixed cost + cost per person * sample size).

    `evsi_by_size` is {sample size (persons in the study): EVSI per person}, from `evsi` or `evsi_normal`, in GBP as are the costs;
    the population as in `population_value`. Index sample_size, increasing; columns evsi, se_evsi (per person), population_evsi,
    cost, net_benefit_of_sampling and se_net_benefit_of_sampling. The study worth doing has the highest net benefit of
    sampling; where that is below 0, none is.
    Source: Claxton and Posnett 1996, Health Economics 5:513.

    >>> sizes = {100: InformationValue(8.0, 0.1), 400: InformationValue(10.0, 0.1)}
    >>> people = {"incidence_per_year": 1_000, "horizon_years": 10, "discount_rate": 0.0}
    >>> table = expected_net_benefit_of_sampling(sizes, **people, fixed_cost=20_000, cost_per_person=150)
    >>> table["net_benefit_of_sampling"].to_dict(), table["net_benefit_of_sampling"].idxmax().item()
    ({100: 45000.0, 400: 20000.0}, 100)
    """
    faults: list[Fault] = []
    _not_below("fixed cost", fixed_cost, faults)
    _not_below("cost per person", cost_per_person, faults)
    found = sorted(evsi_by_size.items(), key=lambda pair: pair[0])
    for n, value in found:
        _not_below("sample sizes", n, faults)
        _not_below(f"EVSI at sample size {n}", value, faults)
    if faults:
        raise InputError.together(faults)
    persons = discounted_persons(incidence_per_year, horizon_years, discount_rate)
    sizes = [n for n, _ in found]
    values = np.array([float(value) for _, value in found])
    errors = np.array([value.standard_error if isinstance(value, InformationValue) else 0.0 for _, value in found])
    cost = fixed_cost + cost_per_person * np.array(sizes, dtype=np.float64)
    return pd.DataFrame(
        {
            "evsi": values,
            "se_evsi": errors,
            "population_evsi": values * persons,
            "cost": cost,
            "net_benefit_of_sampling": values * persons - cost,
            "se_net_benefit_of_sampling": errors * persons,
        },
        index=pd.Index(sizes, name="sample_size"),
    )


@dataclass(frozen=True, eq=False)
class _Expectations:
    """Gains over the strategy of highest mean, as drawn and as expected from what is learnt, each (draw, strategy)."""

    best: int
    drawn: Floats
    expected: Floats
    method: str


def _expect(benefit: Floats, columns: Floats) -> _Expectations:
    """Regress the gains of every strategy over the one of highest mean on the columns."""
    best = int(benefit.mean(axis=0).argmax())
    gains = benefit - benefit[:, [best]]
    others = np.arange(gains.shape[1]) != best
    expected, method = np.zeros_like(gains), ""
    if others.any():
        fit = cross_fitted(columns, gains[:, others])
        expected[:, others], method = fit.expected, fit.method
    return _Expectations(best, gains, expected, method)


def _value(found: _Expectations, share: float) -> InformationValue:
    """Value of choosing by the expected gains when only a share of their spread about the means is learnt (1: all of it).

    With m the mean gains, a draw's gain g becomes m + share * (g - m). The standard error is that of the gains of the choice,
    counting that m is itself estimated.
    """
    means, row = found.drawn.mean(axis=0), np.arange(len(found.drawn))
    expected = found.expected if share == 1 else means + share * (found.expected - means)
    choice = expected.argmax(axis=1)
    choice = np.where(expected[row, choice] > expected[:, found.best], choice, found.best)  # what is no better changes nothing
    gains = found.drawn[row, choice]
    if share < 1:
        frequency = np.bincount(choice, minlength=len(means)) / len(choice)
        gains = share * gains + (1 - share) * (found.drawn @ frequency)
    plug_in = expected.max(axis=1).mean() - expected.mean(axis=0).max()
    return InformationValue(max(0.0, gains.mean()), gains.std(ddof=1) / sqrt(len(gains)), max(0.0, plug_in), found.method)


def _checked(net_benefit: ArrayLike, learnt: ArrayLike, where: str, faults: list[Fault] | None = None) -> tuple[Floats, Floats]:
    """Net benefit (draw, strategy) and what is learnt (draw, k), of the same draws, or every fault at once."""
    faults = [] if faults is None else faults
    before = len(faults)
    benefit, columns = drawn("net benefit", net_benefit, FEWEST_DRAWS, faults), numbers(where, learnt, faults)
    if columns.ndim == 1:
        columns = columns[:, None]
    if len(faults) == before and (columns.ndim != 2 or columns.shape[1] == 0):
        faults.append(Fault(where, f"the shape is {columns.shape}", "Give shape (draw, k), one column for each"))
    elif len(faults) == before and len(columns) != len(benefit):
        problem = f"{where} have {len(columns)} rows, net benefit has {len(benefit)}"
        faults.append(Fault(f"net benefit, {where}", problem, "Give the same draws to both, row i of both being draw i"))
    if faults:
        raise InputError.together(faults)
    return benefit, columns


def _not_below(where: str, value: float, faults: list[Fault], *, above: bool = False) -> None:
    """Add a fault unless `value` is a finite number of 0 or more (above 0 if `above`)."""
    number = isinstance(value, (int, float, np.number)) and isfinite(value)
    if not number or value < 0 or (above and value == 0):
        faults.append(Fault(where, f"{value!r} will not do", f"Give a number {'above 0' if above else 'of 0 or more'}"))
