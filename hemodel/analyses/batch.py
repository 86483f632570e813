"""Probabilistic analysis of any size: blocks of draws stream through the model, and only running sums are kept.

A million draws and a hundred million use the same memory. The sums of a block are made and merged in the order of the draws, in
steps of `STEP` draws, so any block size (a multiple of it), number of threads and cluster gives the same bits. With a folder, the
sums of every finished block are written there (and its draws, if asked for, as a Parquet part): a run that was killed goes on
where it was and ends with the same bits, and a block whose file is damaged is found by its checksum and run again.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hemodel import version
from hemodel.analyses.psa import MOST_STREAMED, live_block, rules_counted, rules_merged, rules_table
from hemodel.analyses.request import request
from hemodel.cohort import model
from hemodel.decision.incremental import describe_icer
from hemodel.decision.intervals import fieller
from hemodel.errors import Fault, InputError
from hemodel.evidence.draws import Sampler
from hemodel.evidence.inputs import Inputs
from hemodel.extras import missing, need
from hemodel.files import UNFINISHED, write_whole
from hemodel.outcomes import Outcomes, sum_of

if TYPE_CHECKING:
    from distributed import Client

Array = NDArray[np.float64]
STEP = 4_096
"""Draws whose sums are made in one go: block sizes are multiples of it, so that sums have the same bits for any block size."""
BLOCK = 16 * STEP
_LAST = "finished.json"  # number of draws of the run that used the folder last
THRESHOLDS = np.arange(0.0, 100_001.0, 5_000.0)  # GBP per QALY at which acceptability and information are followed


@dataclass(frozen=True)
class Moments:
    """Number of draws, means and centred cross products of all totals, and counts of the best strategy; mergeable.

    `names`: the totals, such as costs_pas_<strategy>. `best`, (arrangement, threshold, strategy): draws in which a strategy has
    the highest net benefit, ties shared. `loss`: by how much a strategy falls short of it, from which the value of information
    follows: the mean loss of the strategy that is best on average. `rules`: as `psa.rules_counted` has them.
    """

    names: tuple[str, ...]
    n: int
    mean: Array  # (total,)
    cross: Array  # (total, total): sum of (x - mean)(y - mean)
    best: Array
    loss: Array  # (arrangement, threshold, strategy, 2): sum and sum of squares of highest net benefit less the strategy's
    rules: Mapping[str, Array] = field(default_factory=dict)  # rule -> draws in which it was applied, and the most, (strategy, 2)

    def merged(self, other: Moments) -> Moments:
        """Moments of both sets of draws together (Chan, Golub and LeVeque 1983)."""
        n = self.n + other.n
        step = other.mean - self.mean
        mean = self.mean + step * (other.n / n)
        cross = self.cross + other.cross + np.multiply.outer(step, step) * (self.n * other.n / n)
        rules = rules_merged(self.rules, other.rules)
        return Moments(self.names, n, mean, cross, self.best + other.best, self.loss + other.loss, rules)


@dataclass(frozen=True)
class Batch:
    """Result of `run_batch`: running sums, the history of the net benefit for convergence, and where the draws are, if kept."""

    inputs: Inputs
    seed: int
    moments: Moments
    history: pd.DataFrame  # draws, incremental_net_monetary_benefit, standard_error: after each block
    stopped: str
    folder: Path | None

    @property
    def n_draws(self) -> int:
        """Number of draws that the result rests on."""
        return self.moments.n

    @property
    def table(self) -> pd.DataFrame:
        """One row per price arrangement and strategy: means with Monte Carlo standard errors (`se_...`), increments, ICER of the means
        with its standard error (delta method) and Fieller's 95 % interval (`icer_low`, `icer_high`), probability of being
        cost-effective and EVPI per person at both thresholds.
        """
        settings = self.inputs.settings
        return pd.DataFrame([self._row(a, s) for a in settings.price_arrangements for s in settings.strategy_names])

    @property
    def rules_applied(self) -> pd.DataFrame:
        """Documented rules that draws needed, as `PSA.rules_applied` has them."""
        return rules_table(self.moments.rules, self.inputs.settings.strategy_names, self.n_draws)

    def _row(self, arrangement: str, strategy: str) -> dict[str, object]:
        m, comparator = self.moments, self.inputs.settings.comparator
        place = {name: i for i, name in enumerate(m.names)}
        covariance = m.cross / (m.n - 1)
        row: dict[str, object] = {"price_arrangement": arrangement, "strategy": strategy}
        totals = {"costs": f"costs_{arrangement}", "life_years": "life_years", "qalys": "qalys"}
        for name, total in totals.items():
            i = place[f"{total}_{strategy}"]
            row[name], row[f"se_{name}"] = float(m.mean[i]), float(np.sqrt(covariance[i, i] / m.n))
        row |= {"icer": np.nan, "se_icer": np.nan, "reading": "comparator"}
        if strategy != comparator:
            means, errors = {}, {}
            for name, total in totals.items():
                weights = self._contrast(place, total, strategy, comparator)
                means[name], errors[name] = float(weights @ m.mean), float(np.sqrt(weights @ covariance @ weights / m.n))
                row[f"incremental_{name}"], row[f"se_incremental_{name}"] = means[name], errors[name]
            row["reading"] = describe_icer(means["costs"], means["qalys"], currency=self.inputs.settings.currency)
            if means["costs"] * means["qalys"] > 0:
                ratio = means["costs"] / means["qalys"]
                weights = self._contrast(place, totals["costs"], strategy, comparator)
                weights = weights - ratio * self._contrast(place, totals["qalys"], strategy, comparator)
                row["icer"], row["se_icer"] = ratio, float(np.sqrt(weights @ covariance @ weights / m.n)) / abs(means["qalys"])
                row["icer_low"], row["icer_high"] = self._fieller(place, totals["costs"], strategy, comparator)
        a, s = self.inputs.settings.price_arrangements.index(arrangement), self.inputs.settings.strategy_names.index(strategy)
        for threshold in self.inputs.settings.threshold_values:
            t = int(np.flatnonzero(thresholds_of(self.inputs) == threshold)[0])
            chance = float(m.best[a, t, s] / m.n)
            row[f"probability_cost_effective_{threshold:.0f}"] = chance
            row[f"se_probability_{threshold:.0f}"] = float(np.sqrt(chance * (1 - chance) / m.n))
            loss, square = m.loss[a, t, int(m.loss[a, t, :, 0].argmin())] / m.n
            row[f"evpi_{threshold:.0f}"] = float(loss)
            row[f"se_evpi_{threshold:.0f}"] = float(np.sqrt((square - loss**2) / (m.n - 1)))
        return row

    def _fieller(self, place: Mapping[str, int], costs: str, strategy: str, comparator: str) -> tuple[float, float]:
        """Fieller's 95 % interval of the Monte Carlo error of the ICER."""
        m = self.moments
        steps = np.stack([self._contrast(place, total, strategy, comparator) for total in (costs, "qalys")])
        (cost, qaly), spread = steps @ m.mean, steps @ (m.cross / (m.n - 1) / m.n) @ steps.T
        errors = np.sqrt(np.diag(spread))
        found = fieller(cost, errors[0], qaly, errors[1], float(spread[0, 1] / (errors[0] * errors[1])))
        return found.low, found.high

    def _contrast(self, place: Mapping[str, int], total: str, strategy: str, comparator: str) -> Array:
        weights = np.zeros(len(self.moments.names))
        weights[place[f"{total}_{strategy}"]], weights[place[f"{total}_{comparator}"]] = 1.0, -1.0
        return weights

    def acceptability_curve(self, price_arrangement: str) -> pd.DataFrame:
        """Probability that each strategy has the highest net benefit, by threshold; rows sum to one."""
        a = self.inputs.settings.price_arrangements.index(price_arrangement)
        index = pd.Index(thresholds_of(self.inputs), name="threshold")
        return pd.DataFrame(self.moments.best[a] / self.moments.n, index=index, columns=list(self.inputs.settings.strategy_names))

    def _repr_html_(self) -> str:
        return str(self.table.to_html(index=False, float_format="{:,.3f}".format, escape=True))


def run_batch(
    inputs: Inputs,
    draws: int,
    *,
    seed: int = 171,
    folder: str | Path | None = None,
    keep_draws: bool = False,
    block_size: int = BLOCK,
    threads: int | None = None,
    client: Client | None = None,
    until_standard_error: float | None = None,
    price_arrangement: str | None = None,
    progress: Callable[[int], None] | None = None,
) -> Batch:
    """Run a probabilistic analysis that streams blocks of draws and keeps running sums.

    `folder` makes it resumable; `keep_draws` writes there one Parquet part a block (parameters and totals of every draw). `client`
    sends the blocks to a Dask cluster instead of `threads` of this machine (its workers must see the folder, if one is given).
    `until_standard_error` stops after the first block at which the Monte Carlo standard error of the incremental net monetary
    benefit (first strategy over the comparator, at the upper threshold, under `price_arrangement`, default the last) is below so
    many GBP; `draws` is then the most that are run. The result does not depend on threads, cluster, interruptions or, for a
    multiple of `STEP`, on the size of blocks, but where the stopping rule looks does.
    """
    _refuse(draws, block_size, threads, keep_draws, folder, until_standard_error)
    arrangement, *_ = request(inputs, price_arrangement, None, None)
    place = None if folder is None else _open_folder(Path(folder), inputs, seed, block_size, keep_draws)
    prepared = model.sampler(inputs, seed=seed)
    blocks = _Blocks(draws, block_size)
    work = partial(block_moments, prepared, inputs, None if place is None else str(place), keep_draws)
    total: Moments | None = None
    history = []
    stopped = "all draws were run"
    for moments in _in_order(work, blocks, threads, client):
        for part in moments:
            total = part if total is None else total.merged(part)
        assert total is not None
        mean, error = _net_benefit(total, inputs, arrangement)
        history.append((total.n, mean, error))
        if progress is not None:
            progress(sum(part.n for part in moments))
        if until_standard_error is not None and error < until_standard_error and total.n >= 2 * STEP:
            money = inputs.settings.currency
            stopped = f"the standard error of net benefit is {money} {error:,.2f}, below {money} {until_standard_error:,.2f}"
            break
    assert total is not None
    if place is not None and keep_draws:
        write_whole(place / _LAST, json.dumps({"draws": total.n}).encode(), force=True)
    columns = ["draws", "incremental_net_monetary_benefit", "standard_error"]
    return Batch(inputs, seed, total, pd.DataFrame(history, columns=columns), stopped, place)


def thresholds_of(inputs: Inputs) -> Array:
    """Thresholds that a batch follows: `THRESHOLDS` and those of the settings, GBP per QALY."""
    return np.unique(np.concatenate([THRESHOLDS, inputs.settings.threshold_values]))


def read_draws(folder: str | Path) -> pd.DataFrame:
    """Draws of a batch that kept them: parameters and totals, one row per draw, in order.

    Only of the run that used the folder last: a shorter repeat leaves longer runs' parts where they are. Raises `InputError`
    where a part is missing or damaged.
    """
    try:
        n = int(json.loads((Path(folder) / _LAST).read_bytes())["draws"])
    except (OSError, ValueError, KeyError, TypeError):
        raise InputError(
            str(folder), "there are no draws of a finished batch in this folder", "Run the batch with keep_draws=True"
        ) from None
    need("distributed", str(folder))
    parts, found = [], 0
    for part in sorted(Path(folder).glob("part-*.parquet")):
        if found < n and int(part.stem.removeprefix("part-")) == found:
            if not _is_whole(part):
                raise InputError(str(part), "the part is damaged", "Run the batch again: it is made anew")
            parts.append(pd.read_parquet(part))
            found += len(parts[-1])
    if found != n:
        raise InputError(str(folder), f"draws are missing after {found:,} of {n:,}", "Run the batch again: what is whole is kept")
    return pd.concat(parts, ignore_index=True)


def block_moments(
    prepared: Sampler, inputs: Inputs, folder: str | None, keep_draws: bool, block: tuple[int, int]
) -> list[Moments]:
    """Moments of one block in steps of `STEP` draws: read from the folder if they are there and whole, else computed and written.

    This is the function that threads and clusters run.
    """
    path = None if folder is None else Path(folder) / f"block-{block[0]:012d}.json"
    part = None if folder is None or not keep_draws else Path(folder) / f"part-{block[0]:012d}.parquet"
    if path is not None:
        found = _read_block(path, part, block)
        if found is not None:
            return found
    draws, lives, outcomes = live_block(prepared, inputs, *block)
    totals = _totals(lives, outcomes, inputs)
    moments = [_moments(totals, outcomes, inputs, slice(i, i + STEP)) for i in range(0, block[1] - block[0], STEP)]
    if path is not None:
        digest = None if part is None else _write_part(part, draws, totals, inputs, prepared.seed)
        _write_block(path, block, moments, digest)
    return moments


def _totals(lives: model.Lives, outcomes: Outcomes, inputs: Inputs) -> dict[str, Array]:
    years = sum_of(lives.life_years(discounted=False))
    totals: dict[str, Array] = {}
    for arrangement in inputs.settings.price_arrangements:
        costs = outcomes.total_costs(arrangement)
        totals |= {f"costs_{arrangement}_{s}": costs[i] for i, s in enumerate(inputs.settings.strategy_names)}
    for name, values in (("life_years", years), ("qalys", outcomes.total_qalys)):
        totals |= {f"{name}_{s}": values[i] for i, s in enumerate(inputs.settings.strategy_names)}
    return totals


def _moments(totals: Mapping[str, Array], outcomes: Outcomes, inputs: Inputs, rows: slice) -> Moments:
    table = np.stack([values[rows] for values in totals.values()])
    mean = table.mean(axis=1)
    centred = table - mean[:, None]
    cross = np.array([[float((x * y).sum()) for y in centred] for x in centred])
    strategies, thresholds = inputs.settings.strategy_names, thresholds_of(inputs)
    qalys = np.stack([totals[f"qalys_{s}"][rows] for s in strategies])
    shape = (len(inputs.settings.price_arrangements), len(thresholds), len(strategies))
    best, loss = np.zeros(shape), np.zeros((*shape, 2))
    for a, arrangement in enumerate(inputs.settings.price_arrangements):
        costs = np.stack([totals[f"costs_{arrangement}_{s}"][rows] for s in strategies])
        for t, threshold in enumerate(thresholds):
            benefit = threshold * qalys - costs
            short = benefit.max(axis=0) - benefit
            is_best = short == 0
            best[a, t] = (is_best / is_best.sum(axis=0)).sum(axis=1)
            loss[a, t, :, 0], loss[a, t, :, 1] = short.sum(axis=1), (short * short).sum(axis=1)
    rules = rules_counted({rule: values[:, rows] for rule, values in outcomes.crossings.items()})
    return Moments(tuple(totals), table.shape[1], mean, cross, best, loss, rules)


def _net_benefit(total: Moments, inputs: Inputs, arrangement: str) -> tuple[float, float]:
    """Mean incremental net monetary benefit at the upper threshold and its Monte Carlo standard error: of the strategy, beside the
    comparator, of which that error is the largest.
    """
    found = [_benefit_of(total, inputs, arrangement, strategy) for strategy in inputs.settings.interventions]
    return max(found, key=lambda pair: pair[1])


def _benefit_of(total: Moments, inputs: Inputs, arrangement: str, strategy: str) -> tuple[float, float]:
    settings, weights = inputs.settings, np.zeros(len(total.names))
    for sign, name in ((1.0, strategy), (-1.0, settings.comparator)):
        weights[total.names.index(f"qalys_{name}")] = sign * settings.threshold_values[-1]
        weights[total.names.index(f"costs_{arrangement}_{name}")] = -sign
    variance = weights @ total.cross @ weights / (total.n - 1)
    return float(weights @ total.mean), float(np.sqrt(variance / total.n))


def _in_order(
    work: Callable[[tuple[int, int]], list[Moments]], blocks: _Blocks, threads: int | None, client: Client | None
) -> Iterator[list[Moments]]:
    """Results of the blocks in their order, however they were computed; no more are under way than the workers can hold."""
    if client is not None:
        ahead = 2 * max(1, len(client.scheduler_info()["workers"]))
        submit = partial(client.submit, work, pure=False, retries=3)  # a block that a lost worker held is run again
        yield from _windowed(submit, blocks, ahead)
        return
    workers = min(threads or os.cpu_count() or 1, blocks.count)
    if workers == 1:
        yield from map(work, blocks)
        return
    with ThreadPoolExecutor(workers) as pool:
        try:
            yield from _windowed(lambda block: pool.submit(work, block), blocks, 2 * workers)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _windowed(submit: Callable[[tuple[int, int]], Any], blocks: Iterable[tuple[int, int]], ahead: int) -> Iterator[list[Moments]]:
    waiting = iter(blocks)
    pending = deque(submit(block) for block in islice(waiting, ahead))
    while pending:
        yield pending.popleft().result()
        pending.extend(submit(block) for block in islice(waiting, 1))


@dataclass(frozen=True)
class _Blocks:
    """The blocks of a batch, (start, stop) in order; not listed, as there may be more than a machine can hold."""

    draws: int
    size: int

    def __iter__(self) -> Iterator[tuple[int, int]]:
        """One block after the other."""
        return ((start, min(start + self.size, self.draws)) for start in range(0, self.draws, self.size))

    @property
    def count(self) -> int:
        """How many there are."""
        return -(-self.draws // self.size)


def _open_folder(folder: Path, inputs: Inputs, seed: int, block_size: int, keep_draws: bool) -> Path:
    """Make the folder, or go on in one that was begun by the same run; another run's folder is refused."""
    mark = {"hemodel": version.__version__, "inputs": inputs.hash, "seed": seed, "block_size": block_size}
    mark |= {"keep_draws": keep_draws, "step": STEP}
    text = json.dumps(mark, sort_keys=True).encode()
    path = folder / "batch.json"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if path.exists():
            if path.read_bytes() != text:
                problem = (
                    "the folder holds a batch of another version, or with other inputs, seed, block size or choice of kept draws"
                )
                raise InputError(str(folder), problem, "Choose another folder, or repeat that batch exactly")
        elif any(path.suffix != UNFINISHED for path in folder.iterdir()):  # what a killed writer left is nobody's work
            raise InputError(str(folder), "the folder is not empty and holds no batch", "Choose a new folder")
        else:
            write_whole(path, text, force=True)
    except OSError as error:
        raise InputError(
            str(folder), f"the folder cannot be used ({error.strerror})", "Check the path and permissions"
        ) from error
    return folder


def _write_block(path: Path, block: tuple[int, int], moments: list[Moments], part_digest: str | None) -> None:
    steps = [{"n": m.n} | {k: getattr(m, k).tolist() for k in ("mean", "cross", "best", "loss")} for m in moments]
    for step, m in zip(steps, moments, strict=True):
        step["rules"] = {rule: values.tolist() for rule, values in m.rules.items()}
    body = {"block": list(block), "names": list(moments[0].names), "steps": steps, "part": part_digest}
    text = json.dumps(body)
    content = json.dumps({"sha256": hashlib.sha256(text.encode()).hexdigest(), "body": text})
    write_whole(path, content.encode(), force=True)


def _read_block(path: Path, part: Path | None, block: tuple[int, int]) -> list[Moments] | None:
    """Moments of a block that was finished before; None where there is none or it is damaged, so that it is run (again)."""
    try:
        outer = json.loads(path.read_bytes())
        if hashlib.sha256(outer["body"].encode()).hexdigest() != outer["sha256"]:
            return None
        body = json.loads(outer["body"])
        if body["block"] != list(block):
            return None
        if part is not None and hashlib.sha256(part.read_bytes()).hexdigest() != body["part"]:
            return None
        return [_moments_read(tuple(body["names"]), step) for step in body["steps"]]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _moments_read(names: tuple[str, ...], step: Mapping[str, Any]) -> Moments:
    mean, cross, best, loss = (np.array(step[k]) for k in ("mean", "cross", "best", "loss"))
    rules = {rule: np.array(values) for rule, values in step["rules"].items()}
    return Moments(names, step["n"], mean, cross, best, loss, rules)


def _is_whole(part: Path) -> bool:
    """Whether a part has the checksum that its block's file holds."""
    block = part.with_name(part.name.replace("part-", "block-")).with_suffix(".json")
    try:
        body = json.loads(json.loads(block.read_bytes())["body"])
        return bool(hashlib.sha256(part.read_bytes()).hexdigest() == body["part"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def _write_part(part: Path, draws: Mapping[str, Array], totals: Mapping[str, Array], inputs: Inputs, seed: int) -> str:
    """Write the draws of a block as Parquet, with what made them in its schema; returns the checksum of the file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    made_by = {"inputs": inputs.hash, "population": inputs.population, "scenario": inputs.scenario.name, "seed": seed}
    table = pa.table({**draws, **totals}).replace_schema_metadata({"hemodel": json.dumps(made_by)})
    buffer = BytesIO()
    pq.write_table(table, buffer, compression="zstd")
    write_whole(part, buffer.getvalue(), force=True)
    return hashlib.sha256(buffer.getvalue()).hexdigest()


def _refuse(
    draws: int, block_size: int, threads: int | None, keep_draws: bool, folder: str | Path | None, until: float | None
) -> None:
    faults = []
    for name, value, least in (("draws", draws, 2), ("block_size", block_size, STEP), ("threads", threads, 1)):
        if value is not None and (isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least):
            faults.append(Fault(name, f"{value!r} is not a whole number from {least}", f"Give {least} or more"))
    if not faults and draws > MOST_STREAMED:
        faults.append(Fault("draws", f"{draws:,} draws would take years", f"Ask for {MOST_STREAMED:,} at most"))
    if not faults and block_size % STEP:
        faults.append(Fault("block_size", f"{block_size} is not a multiple of {STEP}", f"Give {STEP}, {2 * STEP}, ..."))
    if keep_draws and (lacking := missing("distributed", "keep_draws")):
        faults.append(lacking)
    if keep_draws and folder is None:
        faults.append(Fault("keep_draws", "there is no folder to keep them in", "Give a folder"))
    if until is not None and not 0 < until < np.inf:
        faults.append(Fault("until_standard_error", f"{until!r} is not an amount of money", "Give an amount above 0"))
    if faults:
        raise InputError.together(faults)
