"""What net benefit to expect, given what has been learnt: regression of draws on parameters, every draw predicted unseen.

One method for one parameter or many, smooth or not. The draws are dealt into five folds; each fold is predicted by a fit to
the other four, so that no draw has a say in its own prediction, and every choice below is made by the squared error of
those predictions.

1. A smooth fit by ridge regression: a cubic P-spline for one parameter (Eilers and Marx 1996, Statistical Science 11:89),
   Hermite polynomials of the standardised parameters with all their products for several; skewed parameters as they are and as
   their normal scores. Penalty, degree and scale are chosen for each response; where nothing predicts better, the mean is kept.
2. What the smooth fit leaves goes to boosted regression trees (Friedman 2001, Annals of Statistics 29:1189), which see steps,
   kinks and interactions. They are kept only where they lower the error by more than two of its standard errors; then trees
   without the smooth fit are tried too, and the better of the two stays.

Nothing is drawn at random: the fold of a draw follows from its place, and the same arrays give the same bits on one machine.

EVPPI by this regression (`hemodel.decision.information.evppi`) beside R's voi 1.0.3, each: bias / root mean square error in % of
the truth, seconds. "Least" is the standard error of the draws themselves, which no regression undercuts in the long run. 20
samples of 10,000 draws (one normal: 300) and 5 of 100,000, for voi up to 10 and 1 to 3; a bias within half of the error is noise
then. Cases: the first of two normals; groups of the 19-parameter test model of Brennan et al. 2007; a jump; a kink between two
parameters (all in tests/decision/test_evppi.py). One core here; voi was timed on two shared ones, and not on the empty cells.
The 95 % interval held the truth in 92.7 % of 300 samples (one normal, 10,000 draws), 91.7 % of 300 (5 and 14, 2,000), 97 % of 200
(5, 6, 14 and 15, 5,000) and 94 % of 150 (jump, 5,000).

| case               | draws   | least | here               | voi gam            | voi earth           |
|--------------------|---------|-------|--------------------|--------------------|---------------------|
| one normal         |  10,000 | 10.1  | -0.8 / 10.3   0.05 |              0.04  |                     |
| 5, 14              |  10,000 |  6.7  | -0.3 / 6.1    0.06 |  2.2 / 6.2    0.10 |  0.1 / 6.7     0.12 |
| 5, 6, 14, 15       |  10,000 |  2.1  |  0.2 / 2.3    0.10 |  0.4 / 0.9    5.0  |  1.2 / 2.3     0.15 |
| 5-7, 14-16         |  10,000 |  1.6  |  0.1 / 1.8    0.19 |                    |                     |
| jump               |  10,000 |  2.4  |  0.1 / 2.3    0.15 |                    |                     |
| kink               |  10,000 |  1.6  | -0.4 / 1.9    0.53 |                    |                     |
| 5, 14              | 100,000 |  2.1  |  1.0 / 2.0    0.40 | -1.1 / 1.3    0.95 | -2.7 / 2.7     1.2  |
| 5, 6, 14, 15       | 100,000 |  0.7  |  0.3 / 0.4    0.93 |  0.5         18.5  |  1.5 / 1.5     1.8  |
| jump               | 100,000 |  0.8  | -0.3 / 0.5    1.2  |                    |                     |
| kink               | 100,000 |  0.5  | -0.1 / 0.4    4.6  |                    |                     |

Why own code and not scikit-learn: version 1.9.1 was put in its place on other samples (20 of 10,000 draws, 2 of 100,000, one core),
with the same folds, rates, sizes of leaves and choice by unseen draws. Its histogram trees (`HistGradientBoostingRegressor`) grow as many
trees as those below and give the same bias and error to every digit, in 1.1 to 4 times the time; growing alone (62 trees, five folds of
100,000 draws) takes as long, 2.3 s for 2.4, and 13.5 s for 3.6 on two cores that others used too. With its splines, polynomials and ridge
as well (`SplineTransformer`, `PolynomialFeatures`, `RidgeCV`) the errors stay within 0.5 of these in every case, at 4 to 17 times the time:
here each fold needs one table of products for all penalties. That buys nothing for 54 MB and 1.3 s of import.

| case, 10,000 draws | here              | its trees         | its smooth fits too |
|--------------------|-------------------|-------------------|---------------------|
| one normal         | -0.7 / 11.1  0.09 | -0.7 / 11.1  0.17 | -1.1 / 11.6  0.47   |
| 5, 14              | -1.1 / 7.0   0.13 | -1.1 / 7.0   0.22 | -1.1 / 6.9   0.82   |
| 5, 6, 14, 15       | -0.2 / 2.3   0.23 | -0.2 / 2.3   0.33 | -0.2 / 2.3   2.6    |
| 5-7, 14-16         |  0.0 / 1.8   0.49 |  0.0 / 1.8   0.69 |  0.0 / 1.8   8.3    |
| jump               | -0.2 / 2.2   0.22 | -0.2 / 2.2   0.63 | -0.2 / 2.2   0.85   |
| kink               | -0.6 / 1.6   0.67 | -0.6 / 1.6   2.6  | -0.6 / 1.6   3.4    |
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations_with_replacement
from math import comb, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from hemodel.threads import one_blas_thread

Floats = NDArray[np.float64]
Whole = NDArray[np.intp]
Terms = Callable[[slice], Floats]  # a block of draws -> its (draw, term) table

FOLDS = 5
_GOLDEN = 0.6180339887498949  # multiples of the golden ratio, modulo 1, are as even as can be and repeat no period of the draws
_BLOCK = 16_384  # draws whose terms are in memory at once

_SEGMENTS = 20  # of the P-spline, of equal length
_TERMS = 300  # most terms of a polynomial: 4 parameters to degree 5, 6 to degree 4, 10 to degree 3
_PAIRS = 1_000  # most terms of degree 2: 43 parameters
_DEGREE = 5
_PENALTIES = 10.0 ** np.arange(-9.0, 7.0, 0.5)  # per draw, for terms of variance near 1
_UNPENALISED = 1e3  # a term this large pays a millionth of the penalty

_BINS = 255
_LEVELS = 4  # splits between the root and a leaf
_LEAF = 30  # fewest draws of a leaf
_RATE = 0.2  # share of a tree that is added
_TREES = 100
_PATIENCE = 10  # trees without gain before growing ends
_TRIAL = 20  # trees by which trees alone must be better than the smooth fit
_ENOUGH = 1e-4  # share of variance left unexplained below which no trees are grown


@dataclass(frozen=True, eq=False)
class Fit:
    """Responses as predicted for every draw by fits that have not seen it, shape (draw, response), and by what."""

    expected: Floats
    method: str


@dataclass(frozen=True, eq=False)
class _Candidate:
    """Predictions for every draw by the fit without each fold, (fold, draw, response), and their name for each response."""

    predictions: Floats
    names: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class _Tree:
    """A complete binary tree: per level, for each of its nodes, the column and the last bin that goes left; values of leaves."""

    columns: list[Whole]
    cuts: list[Whole]
    leaves: Floats  # (leaf, response)


@one_blas_thread
def cross_fitted(columns: Floats, responses: Floats) -> Fit:
    """Expected responses given the columns, for every draw, by fits to the folds it is not in.

    `columns` has shape (draw, k), `responses` (draw, response); both finite, at least 10 draws. Columns that do not vary and
    repeats of a column say nothing and are left out.

    >>> x = np.linspace(0, 1, 200)[:, None]
    >>> fit = cross_fitted(x, 3 * x + 2)
    >>> fit.method, bool(abs(fit.expected - 3 * x - 2).max() < 1e-6)
    ('spline', True)
    """
    fold = folds(len(responses))
    level, scale = _level_and_scale(responses)
    standard = (responses - level) / scale
    best = _means(standard, fold)
    informative = standardised(columns)
    if informative.shape[1]:
        best = _smooth(informative, standard, fold, best)
        best = _with_trees(informative, standard, fold, best)
    names = list(dict.fromkeys(best.names))
    return Fit(_unseen(best.predictions, fold) * scale + level, "; ".join(names))


def folds(n_draws: int) -> Whole:
    """Fold of each draw, 0 to 4, from its place alone: evenly spread whatever the order or the period of the draws.

    >>> folds(10).tolist()
    [3, 1, 4, 2, 0, 3, 1, 4, 2, 0]
    """
    return (FOLDS * ((np.arange(n_draws) + 1) * _GOLDEN % 1)).astype(np.intp)


def standardised(columns: Floats) -> Floats:
    """Columns with mean 0 and variance 1, without those that do not vary (to 12 digits) and without repeats.

    >>> standardised(np.array([[1.0, 5, 2, 1], [3.0, 5, 6, 3]])).round(12).tolist()
    [[-1.0], [1.0]]
    """
    size = np.abs(columns).max(axis=0)
    varies = np.ptp(columns, axis=0) > 1e-12 * size
    kept = columns[:, varies] / size[varies]
    kept = (kept - kept.mean(axis=0)) / kept.std(axis=0)
    places = {(np.round(column, 9) + 0.0).tobytes(): j for j, column in reversed(list(enumerate(kept.T)))}
    return np.ascontiguousarray(kept[:, sorted(places.values())])


def _level_and_scale(responses: Floats) -> tuple[Floats, Floats]:
    """Mean and standard deviation of each response; 1 for a response that does not vary."""
    scale = responses.std(axis=0)
    return responses.mean(axis=0), np.where(scale > 0, scale, 1.0)


def _unseen(predictions: Floats, fold: Whole) -> Floats:
    """For each draw the prediction by the fit without its fold, shape (draw, response)."""
    chosen: Floats = predictions[fold, np.arange(len(fold))]
    return chosen


def _squared_errors(predictions: Floats, responses: Floats, fold: Whole) -> Floats:
    """Squared error of the prediction of each draw by the fit without its fold, shape (draw, response)."""
    return (responses - _unseen(predictions, fold)) ** 2


def _means(responses: Floats, fold: Whole) -> _Candidate:
    """The mean of the other folds as prediction for every draw."""
    means = np.array([responses[fold != f].mean(axis=0) for f in range(FOLDS)])
    shape = (FOLDS, *responses.shape)
    return _Candidate(np.broadcast_to(means[:, None], shape), ("mean",) * responses.shape[1])


# Smooth fits ------------------------------------------------------------------------------------------------------------------


def _smooth(columns: Floats, responses: Floats, fold: Whole, best: _Candidate) -> _Candidate:
    """The best of `best` and the smooth fits for each response."""
    scored = scores(columns)
    for table, scale in ((columns, ""), (scored, " in normal scores")):
        if table is columns or not np.array_equal(scored, columns):
            if columns.shape[1] == 1:
                best = _better(best, _ridge(_spline_terms(table[:, 0]), responses, fold), f"spline{scale}", responses, fold)
            else:
                best = _ladder(table, responses, fold, best, scale)
    return best


def _ladder(columns: Floats, responses: Floats, fold: Whole, best: _Candidate, scale: str) -> _Candidate:
    """The best of `best` and polynomials, degree by degree until two degrees bring nothing."""
    idle, error = 0, np.full(responses.shape[1], np.inf)
    for degree in range(1, _DEGREE + 1):
        terms = _polynomial_terms(columns, degree, len(columns) // 2)
        if terms is None or idle == 2:
            break
        predictions = _ridge(terms, responses, fold)
        found = _squared_errors(predictions, responses, fold).sum(axis=0)
        idle = 0 if (found < error).any() else idle + 1
        error = np.minimum(error, found)
        best = _better(best, predictions, f"polynomial of degree {degree}{scale}", responses, fold)
    return best


def scores(columns: Floats) -> Floats:
    """Columns far from normal replaced by their normal scores, the standard normal quantiles of their ranks (ties share one).

    What is smooth in a hazard ratio is smooth in its logarithm too, but a few large values do not then rule the fit. Far from
    normal: the correlation of values and scores is below 0.95 (exponential 0.90, uniform 0.98).
    """
    from scipy.stats import rankdata  # here, as it takes longer to import than the whole of a base case

    table = ndtri((rankdata(columns, axis=0) - 0.5) / len(columns))
    table = (table - table.mean(axis=0)) / table.std(axis=0)
    return np.where((table * columns).mean(axis=0) < 0.95, table, columns)


def _better(best: _Candidate, predictions: Floats, name: str, responses: Floats, fold: Whole) -> _Candidate:
    """Response by response, whichever has the smaller squared error in draws it has not seen."""
    old, new = (_squared_errors(p, responses, fold).sum(axis=0) for p in (best.predictions, predictions))
    wins = new < old
    names = tuple(name if win else before for win, before in zip(wins, best.names, strict=True))
    return _Candidate(np.where(wins, predictions, best.predictions), names)


def _spline_terms(column: Floats) -> Terms:
    """Terms of a cubic P-spline with 20 segments of equal length, written so that a plain ridge is its penalty.

    The penalty on second differences of the coefficients leaves straight lines alone: the first term is the line.
    """
    low, width = column.min(), np.ptp(column) / _SEGMENTS
    differences = np.diff(np.eye(_SEGMENTS + 3), n=2, axis=0)
    roughness, directions = np.linalg.eigh(differences.T @ differences)
    rotation = directions[:, 2:] / np.sqrt(roughness[2:])

    def terms(rows: slice) -> Floats:
        place = (column[rows] - low) / width
        segment = np.minimum(place.astype(np.intp), _SEGMENTS - 1)
        t = place - segment
        basis, row = np.zeros((len(t), _SEGMENTS + 3)), np.arange(len(t))
        pieces = ((1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3)
        for step, piece in enumerate(pieces):
            basis[row, segment + step] = piece / 6
        return np.column_stack([_UNPENALISED * column[rows], basis @ rotation])

    return terms


def _polynomial_terms(columns: Floats, degree: int, most: int) -> Terms | None:
    """Products of Hermite polynomials up to a total degree; powers of single columns if those are too many; None if so are they.

    Hermite polynomials of unit variance for standard normal columns: He0 = 1, He1 = x, sqrt(m) He_m = x He_{m-1} - sqrt(m-1) He_{m-2}.
    """
    k = columns.shape[1]
    if comb(k + degree, degree) - 1 <= min(most, _PAIRS if degree == 2 else _TERMS):
        products = [c for d in range(1, degree + 1) for c in combinations_with_replacement(range(k), d)]
    elif k * degree <= min(most, _PAIRS) or degree == 1:
        products = [(j,) * d for d in range(1, degree + 1) for j in range(k)]
    else:
        return None
    place = {product: i for i, product in enumerate(products)}

    def terms(rows: slice) -> Floats:
        powers = [np.ones_like(columns[rows]), columns[rows]]
        for m in range(2, degree + 1):
            powers.append((columns[rows] * powers[-1] - sqrt(m - 1) * powers[-2]) / sqrt(m))
        out = np.empty((len(columns[rows]), len(products)), order="F")
        for i, product in enumerate(products):
            last, times = product[-1], product.count(product[-1])
            rest = product[: len(product) - times]
            np.multiply(powers[times][:, last], out[:, place[rest]] if rest else 1.0, out=out[:, i])
        return out

    return terms


def _ridge(terms: Terms, responses: Floats, fold: Whole) -> Floats:
    """Ridge regression with the penalty, for each response, that predicts unseen folds best: predictions (fold, draw, response).

    The error in a fold needs only its sums of products, so every penalty is tried on one eigendecomposition a fold.
    """
    blocks = [slice(start, start + _BLOCK) for start in range(0, len(fold), _BLOCK)]
    parts = _sums_of_products(terms, responses, fold, blocks)
    whole, p = parts.sum(axis=0), parts.shape[1] - 1 - responses.shape[1]
    paths, errors = [], np.zeros((len(_PENALTIES), responses.shape[1]))
    for part in parts:
        count, mean = (whole - part)[0, 0], (whole - part)[0, 1:] / (whole - part)[0, 0]
        spread = _about(whole - part, mean) / count
        variances, axes = np.linalg.eigh(spread[:p, :p])
        shrunk = np.maximum(variances, 0)[:, None] + _PENALTIES[:, None, None]
        path = (axes.T @ spread[:p, p:]) / shrunk  # (penalty, axis, response)
        unseen = _about(part, mean)
        quadratic = (path * np.matmul(axes.T @ unseen[:p, :p] @ axes, path)).sum(axis=1)
        errors += np.diag(unseen[p:, p:]) - 2 * (path * (axes.T @ unseen[:p, p:])).sum(axis=1) + quadratic
        paths.append((mean, axes, path))
    chosen = errors.argmin(axis=0)
    slopes = [axes @ path[chosen, :, np.arange(len(chosen))].T for _, axes, path in paths]
    predictions = np.empty((FOLDS, *responses.shape))
    for block in blocks:
        table = terms(block)
        for f, (mean, _, _) in enumerate(paths):
            predictions[f, block] = (table - mean[:p]) @ slopes[f] + mean[p:]
    return predictions


def _sums_of_products(terms: Terms, responses: Floats, fold: Whole, blocks: list[slice]) -> Floats:
    """Sums over the draws of each fold of all products of (1, terms, responses), (fold, 1 + p + r, 1 + p + r)."""
    total = np.zeros((FOLDS, 1, 1))
    for block in blocks:
        table = np.column_stack([np.ones(len(responses[block])), terms(block), responses[block]])
        inside = [table[fold[block] == f] for f in range(FOLDS)]
        total = total + np.array([rows.T @ rows for rows in inside])
    return total


def _about(sums: Floats, centre: Floats) -> Floats:
    """Sums of squares and products about `centre`, from sums of all products of 1 and the variables."""
    cross = np.outer(sums[0, 1:], centre)
    spread: Floats = sums[1:, 1:] - cross - cross.T + sums[0, 0] * np.outer(centre, centre)
    return spread


# Trees ------------------------------------------------------------------------------------------------------------------------


def _with_trees(columns: Floats, responses: Floats, fold: Whole, smooth: _Candidate) -> _Candidate:
    """The smooth fit, with boosted trees on what it leaves or in its place where they clearly predict better."""
    errors = _squared_errors(smooth.predictions, responses, fold)
    if len(fold) < 4 * _LEAF or errors.mean(axis=0).max() < _ENOUGH:
        return smooth
    codes = _binned(columns)
    best = _boosted(codes, responses, fold, smooth)
    if best is smooth or set(smooth.names) == {"mean"}:
        return best
    alone = _boosted(codes, responses, fold, _means(responses, fold), to_beat=errors.sum())
    old, new = (_squared_errors(c.predictions, responses, fold).sum() for c in (best, alone))
    return alone if new < old else best


def _binned(columns: Floats) -> NDArray[np.uint8]:
    """Number of the quantile bin (at most 255 of them) of every value, shape (column, draw)."""
    codes = np.empty(columns.shape[::-1], dtype=np.uint8)
    for j, column in enumerate(columns.T):
        edges = np.unique(np.quantile(column, np.arange(1, _BINS) / _BINS))
        codes[j] = np.searchsorted(edges, column, side="left")
    return codes


def _boosted(codes: NDArray[np.uint8], responses: Floats, fold: Whole, start: _Candidate, to_beat: float = np.inf) -> _Candidate:
    """`start` with trees added while unseen draws are predicted better; `start` itself if the gain is within two standard errors.

    Growing ends too if the first trees leave as large a sum of squared errors as `to_beat`.
    """
    seen, unseen = ([np.flatnonzero((fold == f) == own) for f in range(FOLDS)] for own in (False, True))
    codes_seen, codes_unseen = ([np.ascontiguousarray(codes[:, rows]) for rows in part] for part in (seen, unseen))
    left = responses - start.predictions  # (fold, draw, response)
    first = (_unseen(left, fold) ** 2).sum(axis=1)
    least, best, at, n_trees = first, left.copy(), 0, 0
    while n_trees < _TREES and n_trees - at < _PATIENCE and (n_trees != _TRIAL or least.sum() < to_beat):
        n_trees += 1
        for f in range(FOLDS):
            tree, leaf = _grown(codes_seen[f], left[f, seen[f]])
            left[f, seen[f]] -= _RATE * tree.leaves[leaf]
            left[f, unseen[f]] -= _RATE * tree.leaves[_leaf_of(codes_unseen[f], tree)]
        errors = (_unseen(left, fold) ** 2).sum(axis=1)
        if errors.sum() < least.sum():
            least, best, at = errors, left.copy(), n_trees
    gain = first - least
    if gain.sum() <= 2 * gain.std() * sqrt(len(gain)):
        return start
    names = tuple(f"{at} trees" if name == "mean" else f"{name} and {at} trees" for name in start.names)
    return _Candidate(responses - best, names)


def _grown(codes: NDArray[np.uint8], residuals: Floats) -> tuple[_Tree, Whole]:
    """A regression tree on binned columns, each split lowering the squared error of all responses most; and the leaf of each draw.

    It is grown level by level; a node that no split improves sends all its draws left.
    """
    node = np.zeros(codes.shape[1], dtype=np.intp)
    columns, cuts = [], []
    for level in range(_LEVELS):
        nodes = np.arange(2**level)
        best = np.zeros(len(nodes))
        column, cut = np.zeros(len(nodes), dtype=np.intp), np.full(len(nodes), _BINS)
        for j, code in enumerate(codes):
            gains = _gains(node * _BINS + code, residuals, len(nodes))
            at = gains.argmax(axis=1)
            better = gains[nodes, at] > best
            best[better], column[better], cut[better] = gains[nodes, at][better], j, at[better]
        columns.append(column)
        cuts.append(cut)
        node = _next_node(codes, node, column, cut)
    counts = np.maximum(np.bincount(node, minlength=2**_LEVELS), 1)
    sums = [np.bincount(node, weights=residual, minlength=2**_LEVELS) for residual in residuals.T]
    return _Tree(columns, cuts, np.array(sums).T / counts[:, None]), node


def _gains(cell: Whole, residuals: Floats, n_nodes: int) -> Floats:
    """Fall of the sum of squares when a node is cut after each bin, (node, bin); 0 where a side has fewer than 30 draws."""
    shape = (n_nodes, _BINS)
    left = np.bincount(cell, minlength=n_nodes * _BINS).reshape(shape).cumsum(axis=1)
    right = left[:, -1:] - left
    gains = np.zeros(shape)
    for residual in residuals.T:
        sums = np.bincount(cell, weights=residual, minlength=n_nodes * _BINS).reshape(shape).cumsum(axis=1)
        total = sums[:, -1:]
        gains += sums**2 / np.maximum(left, 1) + (total - sums) ** 2 / np.maximum(right, 1)
        gains -= total**2 / np.maximum(left[:, -1:], 1)
    gains[(left < _LEAF) | (right < _LEAF)] = 0
    return gains


def _leaf_of(codes: NDArray[np.uint8], tree: _Tree) -> Whole:
    """Leaf of every draw."""
    node = np.zeros(codes.shape[1], dtype=np.intp)
    for column, cut in zip(tree.columns, tree.cuts, strict=True):
        node = _next_node(codes, node, column, cut)
    return node


def _next_node(codes: NDArray[np.uint8], node: Whole, column: Whole, cut: Whole) -> Whole:
    """Node of every draw one level further from the root: left children are even, right children odd."""
    n_draws = codes.shape[1]
    value = codes.ravel().take((column * n_draws)[node] + np.arange(n_draws))
    right: NDArray[np.bool_] = value > cut[node]
    return 2 * node + right
