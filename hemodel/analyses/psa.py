"""Probabilistic sensitivity analysis: all uncertain parameters drawn together, every strategy on the same draws."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import reduce

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from hemodel.analyses.refusals import first_refused, told
from hemodel.cohort import model
from hemodel.decision import acceptability, information, intervals
from hemodel.decision.incremental import incremental_analysis
from hemodel.decision.net_benefit import net_monetary_benefit
from hemodel.errors import Fault, InputError
from hemodel.evidence.draws import Draws, NamedDraws, Sampler
from hemodel.evidence.inputs import Inputs
from hemodel.evidence.settings import Settings
from hemodel.outcomes import Outcomes, sum_of

Array = NDArray[np.float64]
DEFAULT_DRAWS = 10_000
DEFAULT_SEED = 171
BLOCK = 65_536
"""Most draws in a block: smaller blocks make threads wait for the interpreter lock, larger ones take more memory."""
MOST_STREAMED = 10**12  # draws of a batch, which keeps sums only
MOST_DRAWS = 50_000_000  # of which the totals take some 3 GB
CURVE_STEPS = 100
"""Steps of the horizontal axis of acceptability curves, from no threshold to the highest."""


def highest_of_curves(settings: Settings) -> float:
    """The highest threshold of acceptability and EVPI curves: the next of 1, 2, 5 or 10 times a power of ten that is 2.5 times the
    highest threshold of the settings or more.

    In GBP with NICE's thresholds that is 100,000.
    """
    wanted = 2.5 * settings.threshold_values[-1]
    power = 10.0 ** math.floor(math.log10(wanted))
    return next(step * power for step in (1.0, 2.0, 5.0, 10.0) if step * power >= wanted)


@dataclass(frozen=True)
class PSA:
    """Result of `run_psa`. Arrays have the shape (strategy, draw); row i of every draw table is draw i of every result."""

    inputs: Inputs
    seed: int
    design: str
    costs: Mapping[str, Array]  # price arrangement -> GBP, discounted
    qalys: Array  # discounted
    life_years: Array  # undiscounted
    components: Mapping[str, Mapping[str, Array]] | None  # costs by component, where they were kept
    drawn: Mapping[str, Array] | None = (
        None  # parameter values, each (draw,), of draws of one's own; else made again from the seed
    )
    rules: Mapping[str, Array] = field(default_factory=dict)  # rule -> draws in which it was applied, and the most, (strategy, 2)

    @property
    def n_draws(self) -> int:
        """Number of draws."""
        return int(self.qalys.shape[1])

    @property
    def strategies(self) -> tuple[str, ...]:
        """Names of the strategies."""
        return self.inputs.settings.strategy_names

    @property
    def price_arrangements(self) -> tuple[str, ...]:
        """Names of the price arrangements."""
        return tuple(self.costs)

    def draws(self, names: Sequence[str] | None = None) -> pd.DataFrame:
        """Parameter values, one row per draw: the ones that were run, which are kept, or made again from the seed, bit by bit.

        Raises `InputError` where those of the seed do not give these results: then the results came from other draws.
        """
        frame = pd.DataFrame(self._again() if self.drawn is None else dict(self.drawn))
        if len(frame) != self.n_draws:
            problem = f"{len(frame):,} draws were given of {self.n_draws:,} results"
            raise InputError("psa, drawn", problem, "Give the value of every parameter in each draw, in the order of the results")
        return frame if names is None else frame[list(names)]

    @property
    def rules_applied(self) -> pd.DataFrame:
        """Documented rules that draws needed, such as a fitted curve drawn again: rule, strategy, share of the draws, and the most in one
        (cycles, or by how much; of curves drawn again 1); empty where none did.
        """
        return rules_table(self.rules, self.strategies, self.n_draws)

    def _again(self) -> dict[str, Array]:
        """The draws of the seed, with a look at whether five of them, the first and the last among them, give these results."""
        # all that a run reads: the place of a parameter among the others is its place in a Sobol' sequence
        prepared = model.sampler(self.inputs, seed=self.seed, design=self.design, n_draws=self.n_draws)
        draws = prepared.block(0, self.n_draws)
        rows = np.unique(np.linspace(0, self.n_draws - 1, 5).astype(np.intp))
        lives = model.live(NamedDraws((name, values[rows]) for name, values in draws.items()), self.inputs)
        found = lives.outcomes(discounted=True)
        pairs = [(self.costs[a][:, rows], found.total_costs(a)) for a in self.costs] + [(self.qalys[:, rows], found.total_qalys)]
        _refuse_others(self, pairs)
        return draws

    def with_components(self) -> PSA:
        """The same analysis with costs by component: run again where they were not kept; refused where the seed gives other results."""
        if self.components is not None:
            return self
        found = run_psa(self.inputs, self.n_draws, seed=self.seed, design=self.design, keep_components=True)
        _refuse_others(self, [(self.costs[a], found.costs[a]) for a in self.costs] + [(self.qalys, found.qalys)])
        return found

    def results(self) -> pd.DataFrame:
        """Totals of every draw, one row per draw: costs by price arrangement, life-years (undiscounted) and QALYs by strategy."""
        columns = {f"costs_{a}_{s}": costs[i] for a, costs in self.costs.items() for i, s in enumerate(self.strategies)}
        for name, values in (("life_years", self.life_years), ("qalys", self.qalys)):
            columns |= {f"{name}_{s}": values[i] for i, s in enumerate(self.strategies)}
        return pd.DataFrame(columns).rename_axis("draw").reset_index()

    def draws_and_results(self) -> pd.DataFrame:
        """The parameters of every draw and what came of them, one row per draw: `draws` beside `results`."""
        return pd.concat([self.results(), self.draws()], axis=1)

    def incremental(self, price_arrangement: str) -> pd.DataFrame:
        """Fully incremental analysis of the mean costs and QALYs of the draws, with dominance, by increasing cost."""
        costs, qalys = self.costs[price_arrangement].mean(axis=1), self.qalys.mean(axis=1)
        return incremental_analysis(self.strategies, costs, qalys)

    @property
    def table(self) -> pd.DataFrame:
        """One row per price arrangement and strategy: means over draws with their Monte Carlo standard errors (`se_...`),
        95 % uncertainty intervals of the paired increments, the ICER of the means with Fieller's 95 % interval of its Monte Carlo
        error (`icer_low`, `icer_high`; infinite where no ratio is ruled out), the probability of being cost-effective, and the EVPI.
        """
        return pd.DataFrame([self._row(a, i) for a in self.price_arrangements for i in range(len(self.strategies))])

    def _row(self, arrangement: str, i: int) -> dict[str, object]:
        costs, reference = self.costs[arrangement], self.strategies.index(self.inputs.settings.comparator)
        row: dict[str, object] = {"price_arrangement": arrangement, "strategy": self.strategies[i]}
        for name, values in (("costs", costs), ("life_years", self.life_years), ("qalys", self.qalys)):
            row[name] = float(values[i].mean())
            row[f"se_{name}"] = float(values[i].std(ddof=1) / np.sqrt(self.n_draws))
        row |= self._increments(arrangement, i) if i != reference else {"reading": "comparator"}
        for threshold in self.inputs.settings.threshold_values:
            found = self.chances(arrangement, threshold)
            row[f"probability_cost_effective_{threshold:.0f}"] = float(found.probability[i])
            row[f"se_probability_{threshold:.0f}"] = float(found.standard_error[i])
            perfect = self.evpi(arrangement, threshold)
            row[f"evpi_{threshold:.0f}"], row[f"se_evpi_{threshold:.0f}"] = perfect.value, perfect.standard_error
        return row

    def _increments(self, arrangement: str, i: int) -> dict[str, object]:
        settings = self.inputs.settings
        comparator = self.strategies.index(settings.comparator)
        pair = {"strategy": i, "comparator": comparator}
        costs, qalys = self.costs[arrangement].T, self.qalys.T
        steps, years = (
            intervals.paired_increment(costs, qalys, **pair),
            intervals.paired_increment(costs, self.life_years.T, **pair),
        )
        row: dict[str, object] = {}
        for name, spread in (("costs", steps.costs), ("life_years", years.effects), ("qalys", steps.effects)):
            row[f"incremental_{name}"], row[f"se_incremental_{name}"] = spread.mean, spread.standard_error
            row[f"incremental_{name}_low"], row[f"incremental_{name}_high"] = spread.low, spread.high
        ratio = intervals.icer_of_means(costs, qalys, strategy=i, comparator=comparator, currency=settings.currency)
        error = intervals.fieller_of_means(costs, qalys, **pair)
        row |= {"icer": ratio.icer, "se_icer": ratio.standard_error, "icer_low": error.low, "icer_high": error.high}
        return row | {"reading": ratio.reading}

    @property
    def curve_thresholds(self) -> Array:
        """Thresholds on the horizontal axis of acceptability curves, from 0."""
        return np.linspace(0.0, highest_of_curves(self.inputs.settings), CURVE_STEPS + 1)

    def acceptability_curve(self, price_arrangement: str, thresholds: ArrayLike | None = None) -> pd.DataFrame:
        """Probability that each strategy has the highest net benefit, by threshold (default: those of the curves); rows sum to one."""
        at = self.curve_thresholds if thresholds is None else thresholds
        return acceptability.acceptability_curve(self.costs[price_arrangement].T, self.qalys.T, at, names=self.strategies)

    def acceptability_frontier(self, price_arrangement: str, thresholds: ArrayLike | None = None) -> pd.DataFrame:
        """The strategy with the highest expected net benefit at each threshold and its probability of being cost-effective."""
        at = self.curve_thresholds if thresholds is None else thresholds
        return acceptability.acceptability_frontier(self.costs[price_arrangement].T, self.qalys.T, at, names=self.strategies)

    def net_benefit(self, price_arrangement: str, threshold: float) -> Array:
        """Net monetary benefit in GBP, shape (draw, strategy)."""
        return net_monetary_benefit(self.costs[price_arrangement].T, self.qalys.T, threshold)

    def chances(self, price_arrangement: str, threshold: float) -> acceptability.ProbabilityCostEffective:
        """Probability that each strategy has the highest net benefit at a threshold, with its Monte Carlo standard error."""
        return acceptability.probability_cost_effective(self.costs[price_arrangement].T, self.qalys.T, threshold)

    def evpi(self, price_arrangement: str, threshold: float) -> information.InformationValue:
        """Expected value of perfect information per person, GBP, with its Monte Carlo standard error."""
        return information.evpi(self.net_benefit(price_arrangement, threshold))

    def _repr_html_(self) -> str:
        columns = [
            "price_arrangement",
            "strategy",
            "costs",
            "life_years",
            "qalys",
            "incremental_costs",
            "incremental_qalys",
            "icer",
        ]
        columns += [c for c in self.table.columns if c.startswith("probability_")]
        return str(self.table[columns].to_html(index=False, float_format="{:,.3f}".format, escape=True))


def run_psa(
    inputs: Inputs,
    draws: int = DEFAULT_DRAWS,
    *,
    seed: int = DEFAULT_SEED,
    design: str = "monte_carlo",
    threads: int | None = None,
    block_size: int | None = None,
    keep_components: bool = False,
    progress: Callable[[int], None] | None = None,
) -> PSA:
    """Run a probabilistic sensitivity analysis.

    `draws`: number of draws, made by `design` ("monte_carlo", "latin_hypercube" or "sobol": see `evidence.draws`). `threads`:
    default one for a single block, else all cores. `keep_components` keeps costs by component in every draw (memory grows with
    draws times components); otherwise totals only are kept. `progress` is called with the number of draws done since its last
    call. Any `block_size` and number of threads give the same bits.
    """
    _refuse_bad_request(draws, threads, block_size)
    prepared = model.sampler(inputs, seed=seed, design=design, n_draws=draws)
    shape = (len(inputs.settings.strategies), draws)
    arrangements = inputs.settings.price_arrangements
    result = PSA(
        inputs,
        seed,
        design,
        {a: np.empty(shape) for a in arrangements},
        np.empty(shape),
        np.empty(shape),
        {} if keep_components else None,
    )
    threads = threads or os.cpu_count() or 1
    starts = range(0, draws, size := block_size or even_block(draws, threads))
    components: dict[int, Mapping[str, Mapping[str, Array]]] = {}
    rules: dict[int, Mapping[str, Array]] = {}

    def run(start: int) -> int:
        stop = min(start + size, draws)
        components[start], rules[start] = _run_block(prepared, inputs, result, start, stop)
        return stop - start

    workers = min(threads, len(starts))
    if workers == 1:
        for start in starts:
            _report(progress, run(start))
    else:
        with ThreadPoolExecutor(workers) as pool:
            for done in pool.map(run, starts):
                _report(progress, done)
    result = replace(result, rules=reduce(rules_merged, (rules[start] for start in starts)))
    if keep_components:
        kept = [components[start] for start in starts]
        joined = {a: {c: np.concatenate([k[a][c] for k in kept], axis=1) for c in kept[0][a]} for a in arrangements}
        return replace(result, components=joined)
    return result


def live_block(prepared: Sampler, inputs: Inputs, start: int, stop: int) -> tuple[Draws, model.Lives, Outcomes]:
    """Draws `start` to `stop`, the cohorts' lives and their discounted outcomes.

    Where the model refuses draws, the error is of the first of them: its row in the whole table, the seed, and the values of the
    parameters behind the rule that failed. The same for any block size and number of threads.
    """

    def lived(start: int, stop: int) -> tuple[Draws, model.Lives, Outcomes]:
        draws = prepared.block(start, stop)
        lives = model.live(draws, inputs)
        lives.crossings.update(model.drawn_again(prepared, inputs, start, stop))
        return draws, lives, lives.outcomes(discounted=True)

    try:
        return lived(start, stop)
    except InputError:
        draw, error = first_refused(lived, start, stop)
    terms = "" if prepared.design == "monte_carlo" else f', design="{prepared.design}", draws={prepared.n_draws}'
    remedy = f"All its values: hm.draw_values(inputs, {draw}, seed={prepared.seed}{terms})"
    kind = "" if prepared.design == "monte_carlo" else f" ({prepared.design}, {prepared.n_draws:,} draws)"
    raise told(error, f"draw {draw} of seed {prepared.seed}{kind}", prepared.block(draw, draw + 1), remedy)


def draw_values(
    inputs: Inputs, draw: int, *, seed: int = DEFAULT_SEED, design: str = "monte_carlo", draws: int = DEFAULT_DRAWS
) -> dict[str, float]:
    """Values of all parameters in one draw, by its row in the table (from 0): what a probabilistic analysis with this seed ran there.

    For a look at a draw that the model refused. `design` and `draws` are those of the run;
    draws of the default design do not depend on their number.

    >>> from hemodel.evidence.inputs import load_inputs
    >>> found = draw_values(load_inputs("relapsed"), 31)
    >>> bool(0 < found["u_progressed"] < 1)
    True
    """
    last = MOST_STREAMED if design == "monte_carlo" else draws
    if isinstance(draw, bool) or not isinstance(draw, (int, np.integer)) or not 0 <= draw < last:
        raise InputError("draw", f"{draw!r} is not the row of a draw", f"Give a whole number from 0 to {last - 1:,}")
    prepared = model.sampler(inputs, seed=seed, design=design, n_draws=draws)
    return {name: float(values[0]) for name, values in prepared.block(int(draw), int(draw) + 1).items()}


def even_block(draws: int, threads: int) -> int:
    """Size of blocks of at most `BLOCK` draws that give every thread the same work.

    >>> even_block(10_000, 2), even_block(1_000_000, 2)
    (10000, 62500)
    """
    if draws <= BLOCK:
        return draws
    n_blocks = -(-draws // BLOCK)
    return -(-draws // (-(-n_blocks // threads) * threads))


def rules_counted(crossings: Mapping[str, Array]) -> dict[str, Array]:
    """Rule -> number of draws in which it was applied, and the most in one, (strategy, 2), from the values of every draw.

    >>> rules_counted({"cycles in which A exceeded B": np.array([[0.0, 2.0, 5.0], [0.0, 0.0, 0.0]])})
    {'cycles in which A exceeded B': array([[2., 5.],
           [0., 0.]])}
    """
    return {rule: np.stack([(x > 0).sum(axis=1), x.max(axis=1, initial=0.0)], axis=1) for rule, x in crossings.items()}


def rules_merged(one: Mapping[str, Array], other: Mapping[str, Array]) -> dict[str, Array]:
    """What `rules_counted` gives for the draws of both."""
    both = {rule: np.stack([one[rule], values]) for rule, values in other.items()}
    return {rule: np.stack([x[:, :, 0].sum(axis=0), x[:, :, 1].max(axis=0)], axis=1) for rule, x in both.items()}


def rules_table(rules: Mapping[str, Array], strategies: Sequence[str], n: int) -> pd.DataFrame:
    """Rules as rows: rule, strategy, share of `n` draws in which it was applied, and the most in one; none that never was."""
    rows = [
        (rule, strategy, float(found[0] / n), float(found[1]))
        for rule, values in rules.items()
        for strategy, found in zip(strategies, values, strict=True)
        if found[0] > 0
    ]
    return pd.DataFrame(rows, columns=["rule", "strategy", "share_of_draws", "most"])


def _run_block(
    prepared: Sampler, inputs: Inputs, result: PSA, start: int, stop: int
) -> tuple[Mapping[str, Mapping[str, Array]], Mapping[str, Array]]:
    """Fill draws `start` to `stop` of `result`; returns the costs by component if they are to be kept, and the rules applied."""
    _, lives, outcomes = live_block(prepared, inputs, start, stop)
    for arrangement in result.price_arrangements:
        result.costs[arrangement][:, start:stop] = outcomes.total_costs(arrangement)
    result.qalys[:, start:stop] = outcomes.total_qalys
    result.life_years[:, start:stop] = sum_of(lives.life_years(discounted=False))
    return outcomes.costs if result.components is not None else {}, rules_counted(outcomes.crossings)


def varying(draws: pd.DataFrame) -> list[str]:
    """Names of the parameters that differ between draws."""
    return [str(name) for name, values in draws.items() if np.ptp(values.to_numpy()) > 0]


def _refuse_others(psa: PSA, pairs: Sequence[tuple[Array, Array]]) -> None:
    """Refuse results that are not those of the seed: what follows would be of other draws than theirs."""
    if not all(np.allclose(kept, again, rtol=1e-9, atol=1e-12) for kept, again in pairs):
        problem = f"its results are not those of the draws of seed {psa.seed} ({psa.design})"
        raise InputError("psa", problem, "Give what they came from: PSA(..., components=..., drawn={name: values})")


def _report(progress: Callable[[int], None] | None, done: int) -> None:
    if progress is not None:
        progress(done)


def _refuse_bad_request(draws: int, threads: int | None, block_size: int | None) -> None:
    faults = [
        Fault(name, f"{value!r} is not a whole number from {least}", f"Give {least} or more")
        for name, value, least in (("draws", draws, 2), ("threads", threads, 1), ("block_size", block_size, 1))
        if value is not None and (isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least)
    ]
    if not faults and draws > MOST_DRAWS:
        problem = f"{draws:,} draws do not fit into memory, where this analysis keeps them"
        faults.append(
            Fault("draws", problem, f"Ask for {MOST_DRAWS:,} at most, or stream any number with run_batch (hemodel batch)")
        )
    if faults:
        raise InputError.together(faults)
