"""The model a second time: plain Python, loops, no NumPy, nothing of the package, one strategy and one draw at a time.

Written from docs/methods.md. It keeps a whole trace, follows each cycle's newly progressed as a group of their own and adds up every
payoff cycle by cycle, where the engine works with sums, so the two share no shortcut. From the cells of the files it reads the rows of
costs and QALYs itself, and works their amounts out itself. `hemodel verify` and tests/independent hold it against the engine.

`p` are the values of one draw by name, durations in years (`per_year`); `s` the settings by name, with what `terms` adds.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import comb, erfc, exp, expm1, factorial, floor, inf, lgamma, log, log1p, pi, sqrt
from typing import Any

OF_EACH_STRATEGY = ("median_pfs", "median_os", "ratio_pfs_to_ttp", "r_death_progressed", "hr_death", "median_exposure",
                    "r_discontinuation_toxicity", "p_response", "p_later_line")  # fmt: skip
OF_EVERYBODY = ("age_start", "p_male", "hr_death_after_clock", "shape_exposure", "r_stop_later_line", "p_response_cr_vgpr",
                "p_response_pr_of_others", "median_ttp_cr_vgpr", "median_ttp_pr", "median_ttp_less")  # fmt: skip
SHAPED = ("gompertz", "log_logistic", "log_normal", "gamma")
"""Parameters of the disease that some settings read, by strategy and once; families whose second parameter has the name of the family."""
Terms = Mapping[str, Any]
Values = Mapping[str, float]
Cumulative = Callable[[float], float]
"""A curve: from time in years to its cumulative hazard -ln S(t)."""


@dataclass(frozen=True)
class Row:
    """A row of costs or QALYs: `whose` and `of` are the parts of applies_to; kind, state, first and last (cycles) those of the measure."""

    outcome: str
    component: str
    whose: str
    of: str
    counted: str
    kind: str
    state: str
    first: int
    last: float
    amount: str
    event: str = ""

    @property
    def drug(self) -> str:
        """The drug that it is about, or nothing."""
        return self.of if self.whose in ("drug", "later", "scheme") else ""


@dataclass(frozen=True)
class Lived:
    """One strategy's cohort over the boundaries of cycles: shares of people.

    `groups[c][j]` is the share progressed at the start of cycle c that progressed in cycle j, `later[c][j]` the part of it that is
    treated again in that line (both empty in partitioned survival). `otherwise` is on treatment but for what ends it on a day.
    """

    free: list[float]
    progressed: list[float]
    groups: list[list[float]]
    later: list[list[float]]
    otherwise: list[float]
    treated: list[float]


def terms(settings: Terms, norm: Mapping[str, float]) -> Terms:
    """Settings with the years in a cycle, the number of cycles, and the coefficients of the general population's utility."""
    dt = settings["cycle_days"] / settings["days_in_year"]
    return {**settings, "dt": dt, "n_cycles": round(settings["horizon_years"] / dt), "utility_norm": norm}


def per_year(unit: str, s: Terms) -> float:
    """Length of a unit of time in years, 1 for what is no time."""
    days = {"days": 1.0, "weeks": 7.0, "cycles": s["cycle_days"], "months": s["days_in_year"] / 12}
    return float(days[unit] / s["days_in_year"]) if unit in days else 1.0


def background(male: Sequence[float], female: Sequence[float], age: float, share_male: float, n: int, dt: float) -> list[float]:
    """Increments of the general population's cumulative hazard: people, not hazards, are mixed; nobody lives past an age with q = 1."""

    def hazards(q: Sequence[float]) -> list[float]:
        """Cumulative hazard from `age` to each boundary, the last year's going on."""
        total = [0.0]
        for year in range(int(age + n * dt) + 2):
            chance = q[min(year, len(q) - 1)]
            total.append(total[-1] + (1e300 if chance == 1 else -log(1 - chance)))

        def at(years: float) -> float:
            whole = floor(years)
            return total[whole] + (years - whole) * (total[whole + 1] - total[whole])

        return [at(age + c * dt) - at(age) for c in range(n + 1)]

    people = [(share, hazards(q)) for share, q in ((share_male, male), (1 - share_male, female)) if share]
    least = [min(h[c] for _, h in people) for c in range(n + 1)]  # taken out, so that very old people are not rounded to none
    alive = [log(sum(share * exp(least[c] - h[c]) for share, h in people)) - least[c] for c in range(n + 1)]
    return [alive[c] - alive[c + 1] for c in range(n)]


def norm_at(p: Mapping[str, Any], s: Terms, age: Any) -> Any:
    """Utility of the general population at an age."""
    of = s["utility_norm"]
    return of["intercept"] + of["male"] * p["p_male"] + of["age"] * age + of["age_squared"] * age**2


# Curves


def curve(family: str, median: float, a: float) -> Cumulative:
    """The curve of a family with this median and second parameter a."""
    if family == "weibull":
        return lambda t: log(2) * (t / median) ** a
    if family == "exponential":
        return lambda t: log(2) * t / median
    if family == "gompertz":
        return lambda t: log(2) * expm1(a * t) / expm1(a * median)
    if family == "gamma":
        return of_family(family, [a, gamma_median(a) / median])
    return of_family(family, [log(median), a] if family == "log_normal" else [a, median])


def of_family(family: str, of: Sequence[float], knots: Sequence[float] = ()) -> Cumulative:
    """The curve of a family by its own parameters, as docs/methods.md and survival/families.py name them."""
    if family.endswith("_mixture_cure"):
        others = of_family(family.removesuffix("_mixture_cure"), of[1:], knots)
        return lambda t: -log(of[0] + (1 - of[0]) * exp(-others(t)))
    if family == "piecewise_exponential":
        edges = [0.0, *knots, inf]
        return lambda t: sum(rate * max(0.0, min(t, edges[k + 1]) - edges[k]) for k, rate in enumerate(of))
    known: dict[str, Callable[[float], Any]] = {
        "exponential": lambda t: of[0] * t,
        "weibull": lambda t: (t / of[1]) ** of[0],
        "weibull_ph": lambda t: of[1] * t ** of[0],
        "gompertz": lambda t: of[1] * (expm1(of[0] * t) / of[0] if of[0] else t),
        "log_logistic": lambda t: log_of_one_and(of[0] * log(t / of[1])),
        "log_normal": lambda t: -log_normal_tail((log(t) - of[0]) / of[1]),
        "gamma": lambda t: -log_gamma_tails(of[0], of[1] * t)[1],
        "generalised_gamma": lambda t: -generalised_gamma_tail((log(t) - of[0]) / of[1], of[2]),
        "spline_hazard": lambda t: exp(spline(log(t), of, knots)),
        "spline_odds": lambda t: log_of_one_and(spline(log(t), of, knots)),
        "spline_normal": lambda t: -log_normal_tail(spline(log(t), of, knots)),
    }
    return lambda t: known[family](t) if t else 0.0


def fitted(p: Values, of: Terms, name: str) -> Cumulative:
    """A curve that was fitted: coefficients are logarithms of what must be above 0, log odds of who is cured, else as they are."""
    values = [p[f"fit_{name}_{k}"] for k in range(len(of["coefficients"]))]
    as_they_are = ("meanlog", "mu", "Q", *(["shape"] if "gompertz" in of["family"] else []))
    for k, what in enumerate(of["coefficients"]):
        if what == "theta":
            values[k] = 1 / (1 + exp(-values[k]))
        elif what not in as_they_are and not what.startswith("gamma"):
            values[k] = exp(values[k])
    return of_family(of["family"], values, of["knots"])


def log_of_one_and(x: float) -> float:
    """ln(1 + e^x)."""
    return max(x, 0.0) + log1p(exp(-abs(x)))


def log_normal_tail(z: float) -> float:
    """Logarithm of the normal distribution's tail beyond z, from the smaller side; far out by the series in 1/z^2."""
    if z > 30:
        return -z * z / 2 - log(z * sqrt(2 * pi)) + log1p(-1 / z**2 + 3 / z**4 - 15 / z**6)
    return log(erfc(z / sqrt(2)) / 2) if z > 0 else log1p(-erfc(-z / sqrt(2)) / 2)


def log_gamma_tails(a: float, x: float) -> tuple[float, float]:
    """Logarithms of P(a, x) and Q(a, x): by the power series of P where x is small, by the continued fraction of Q where it is large."""
    if x == 0:
        return -inf, 0.0
    log_front = a * log(x) - x - lgamma(a)
    if x < a + 1:
        term = total = 1 / a
        k = a
        while term > 1e-17 * total:
            k += 1
            term *= x / k
            total += term
        below = log_front + log(total)
        return below, log1p(-exp(below))
    fraction = 0.0
    for j in range(400, 0, -1):
        fraction = j * (j - a) / (x + 2 * j + 1 - a - fraction)
    above = log_front - log(x + 1 - a - fraction)
    return log1p(-exp(above)), above


def gamma_median(a: float) -> float:
    """Median of the gamma distribution of shape a and rate 1, by bisection."""
    low, high = 0.0, a + 1.0
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if log_gamma_tails(a, middle)[1] > -log(2) else (low, middle)
    return (low + high) / 2


def generalised_gamma_tail(w: float, q: float) -> float:
    """Logarithm of Prentice's generalised gamma survival at w = (ln t - mu)/sigma; near q = 0 the area of its density."""
    if abs(q) < 1e-7:
        return log_normal_tail(w)
    if abs(q) >= 0.1:
        below, above = log_gamma_tails(q**-2, q**-2 * exp(q * w))
        return above if q > 0 else below

    def exponent(v: float) -> float:
        x = q * v
        return -v * v / 2 * (1 + x / 3 * (1 + x / 4 * (1 + x / 5))) if abs(x) < 0.01 else -(expm1(x) - x) / q**2

    side, at_w = (1 if w > 0 else -1), exponent(w)
    length = min(12.0, 40 / max(1e-9, abs(expm1(q * w) / q)))
    area = romberg(lambda t: exp(exponent(w + side * t) - at_w), length)
    tail = at_w + log(area / sqrt(2 * pi)) - q**2 / 12 + q**6 / 360
    return tail if w > 0 else log1p(-exp(tail))


def romberg(f: Cumulative, length: float) -> float:
    """Area under f from 0 to `length`, by trapezes that are halved eight times."""
    before = [(f(0.0) + f(length)) * length / 2]
    for halved in range(1, 9):
        step = length / 2**halved
        row = [before[0] / 2 + step * sum(f(j * step) for j in range(1, 2**halved, 2))]
        for m, coarser in enumerate(before, 1):
            row.append(row[-1] + (row[-1] - coarser) / (4**m - 1))
        before = row
    return before[-1]


def spline(x: float, gamma: Sequence[float], knots: Sequence[float]) -> float:
    """Royston and Parmar's natural cubic spline in x = ln t."""
    first, *inner, last = [log(knot) for knot in knots]
    total = gamma[0] + gamma[1] * x
    for knot, weight in zip(inner, gamma[2:], strict=True):
        share = (last - knot) / (last - first)
        total += weight * (max(x - knot, 0) ** 3 - share * max(x - first, 0) ** 3 - (1 - share) * max(x - last, 0) ** 3)
    return total


def shape(p: Values, name: str, strategy: str) -> float:
    """The strategy's own shape where there is one."""
    return p[own] if (own := f"{name}_{strategy}") in p else p[name]


def of_strategy(s: Terms, strategy: str) -> Terms:
    """The settings of a strategy."""
    return next(of for of in s["strategies"] if of["name"] == strategy)


def first_intervention(s: Terms) -> str:
    """The first strategy that is not the comparator."""
    return next(str(of["name"]) for of in s["strategies"] if of["name"] != s["comparator"])


def progressions_of_pfs_events(p: Values, s: Terms, strategy: str) -> float:
    """Share of the events of PFS that are progressions."""
    is_weibull = s["pfs_curve"] in ("weibull", "response_mixture")
    return float(p[f"ratio_pfs_to_ttp_{strategy}"] ** (shape(p, "shape_pfs", strategy) if is_weibull else 1.0))


def published(p: Values, s: Terms, name: str, strategy: str) -> Cumulative:
    """The curve, "pfs" or "os", of a strategy that was fitted, or that its published median and the family of the settings give."""
    if (of := s["fitted_curves"].get(f"{name}_{strategy}")) is not None:
        return fitted(p, of, f"{name}_{strategy}")
    family = s[f"{name}_curve"].replace("response_mixture", "weibull")
    own = f"shape_{name}" if family == "weibull" else f"shape_{name}_{family}"
    return curve(family, p[f"median_{name}_{strategy}"], 1.0 if family == "exponential" else shape(p, own, strategy))


def pfs(p: Values, s: Terms, strategy: str) -> Cumulative:
    """The curve of progression-free survival."""
    is_mixed = s["pfs_curve"] == "response_mixture" and strategy == first_intervention(s)
    if not is_mixed or f"pfs_{strategy}" in s["fitted_curves"]:
        return published(p, s, "pfs", strategy)
    deep = p["p_response_cr_vgpr"]
    partial = (1 - deep) * p["p_response_pr_of_others"]
    classes = {"cr_vgpr": deep, "pr": partial, "less": 1 - deep - partial}
    share = progressions_of_pfs_events(p, s, strategy)
    return lambda t: -log(sum(w * 2 ** (-t / p[f"median_ttp_{name}"]) for name, w in classes.items())) / share


def overall_survival(p: Values, s: Terms, strategy: str) -> Cumulative:
    """The curve of overall survival: the strategy's own, or another's by a hazard ratio."""
    first, comparator = first_intervention(s), s["comparator"]
    source, ratio = strategy, 1.0
    if strategy == comparator and s["comparator_survival"] == "hazard_ratio":
        source, ratio = first, 1 / p[f"hr_death_{first}"]
    elif strategy != comparator and s["intervention_survival"] == "hazard_ratio":
        source, ratio = comparator, p[f"hr_death_{strategy}"]
    of_source = published(p, s, "os", source)
    return lambda t: ratio * of_source(t)


def increments(cumulative: Cumulative, s: Terms) -> list[float]:
    """What a curve's cumulative hazard gains in each cycle."""
    at = [cumulative(c * s["dt"]) for c in range(s["n_cycles"] + 1)]
    return [later - sooner for sooner, later in pairwise(at)]


def until(s: Terms, strategy: str) -> str:
    """What ends treatment in a strategy."""
    return str(of_strategy(s, strategy)["treatment_until"] or s["treatment_until"])


def own_hazards(p: Values, s: Terms, strategy: str) -> dict[str, list[float]]:
    """Increments in each cycle of every hazard of disease that the settings ask for, before any waning, by name."""
    found = {"pfs": increments(pfs(p, s, strategy), s)}
    if any(until(s, of["name"]) == "ttp_curve" for of in s["strategies"]) or s["progression_shape"] == "ttp":
        median = p[f"median_pfs_{strategy}"] / p[f"ratio_pfs_to_ttp_{strategy}"]
        found["ttp"] = increments(curve("weibull", median, shape(p, "shape_ttp", strategy)), s)
    if s["structure"] == "partitioned_survival":
        found["os"] = increments(overall_survival(p, s, strategy), s)
    else:
        share = progressions_of_pfs_events(p, s, strategy)
        found["progression"] = found["ttp"] if s["progression_shape"] == "ttp" else [share * g for g in found["pfs"]]
        source = first_intervention(s) if s["post_progression_mortality"] == "equal" else strategy
        found["after_progression"] = [p[f"r_death_progressed_{source}"] * s["dt"]] * s["n_cycles"]
    return found


def waned_share(waning: Mapping[str, float], c: int, dt: float) -> float:
    """Mean over cycle c of the ramp that is 0 up to a, 1 from b, and linear between."""
    a, b = waning["from_years"], waning["to_years"]

    def area(t: float) -> float:
        if t <= a:
            return 0.0
        return (t - a) ** 2 / (2 * (b - a)) if t < b else (b - a) / 2 + t - b

    return (area((c + 1) * dt) - area(c * dt)) / dt


def hazards(p: Values, s: Terms, strategy: str) -> dict[str, list[float]]:
    """The hazards of a strategy, gone over to the comparator's as far as the effect has waned."""
    own = own_hazards(p, s, strategy)
    if s["effect_waning"] is None:
        return own
    theirs = own_hazards(p, s, s["comparator"])
    v = [waned_share(s["effect_waning"], c, s["dt"]) for c in range(s["n_cycles"])]
    return {name: [(1 - v[c]) * x + v[c] * theirs[name][c] for c, x in enumerate(own[name])] for name in own}


# What happens to people


def follow(p: Values, s: Terms, rows: Iterable[Row], strategy: str, floors: Sequence[float]) -> Lived:
    """One strategy's cohort; `floors` are the increments of the general population's cumulative hazard."""
    h = hazards(p, s, strategy)
    if s["structure"] == "partitioned_survival":
        free, progressed, groups, later = *partitioned(h, floors), list[list[float]](), list[list[float]]()
    else:
        has_later = any(row.whose == "later" and is_counted(row, s) for row in rows)
        free, groups, later = transitions(p, s, h, floors, p[f"p_later_line_{strategy}"] if has_later else 0.0)
        progressed = [sum(group) for group in groups]
    treated = free
    if until(s, strategy) == "progression_or_toxicity":
        treated = [x * exp(-p[f"r_discontinuation_toxicity_{strategy}"] * c * s["dt"]) for c, x in enumerate(free)]
    elif until(s, strategy) == "ttp_curve":
        treated = [min(exp(-sum(h["ttp"][:c])), free[c] + progressed[c]) for c in range(len(free))]
    elif until(s, strategy) == "exposure_curve":
        exposed = curve("weibull", p[f"median_exposure_{strategy}"], p["shape_exposure"])
        treated = [min(exp(-exposed(c * s["dt"])), free[c] + progressed[c]) for c in range(len(free))]
    last, stop, share = ends(p, s, strategy)
    given = [x * kept(c * s["cycle_days"], (c + 1) * s["cycle_days"], last, stop, share) for c, x in enumerate(treated)]
    return Lived(free, progressed, groups, later, treated, given)


def partitioned(h: Mapping[str, Sequence[float]], floors: Sequence[float]) -> tuple[list[float], list[float]]:
    """Progression-free and progressed between the curves of PFS and of survival."""
    free, progressed, without_event, alive = [1.0], [0.0], 1.0, 1.0
    for c, b in enumerate(floors):
        without_event *= exp(-max(h["pfs"][c], b))
        alive *= exp(-max(h["os"][c], b))
        free.append(min(without_event, alive))
        progressed.append(alive - free[-1])
    return free, progressed


def transitions(
    p: Values, s: Terms, h: Mapping[str, Sequence[float]], floors: Sequence[float], share_later: float
) -> tuple[list[float], list[list[float]], list[list[float]]]:
    """Progression-free, the groups of those progressed, and the treated among these, cycle by cycle."""
    clock = s["post_progression_clock_cycles"]
    free, groups, later = [1.0], [list[float]()], [list[float]()]
    for c, b in enumerate(floors):
        progression = h["progression"][c]
        total = progression + max(h["pfs"][c] - progression, b)
        leaving = free[-1] * (1 - exp(-total))
        newly = leaving * progression / total if total else 0.0
        soon = max(h["after_progression"][c], b)
        late = soon if clock is None else max(h["after_progression"][c] * p["hr_death_after_clock"], b)
        over = 0 if clock is None else max(0, c - clock)  # groups whose clock has run out
        stay = exp(-late), exp(-soon)
        free.append(free[-1] - leaving)
        groups.append([x * stay[j >= over] for j, x in enumerate(groups[-1])] + [newly])
        if share_later:
            stay_treated = exp(-max(p["r_stop_later_line"] * s["dt"], soon))
            later.append([x * stay_treated for x in later[-1]] + [share_later * newly])
    return free, groups, later


def ends(p: Values, s: Terms, strategy: str) -> tuple[float, float, float]:
    """Day on which treatment ends for everybody, day on which it ends for some by response, and the share who go on."""
    of = of_strategy(s, strategy)
    last = of["treatment_days"] or (of["treatment_cycles"] or inf) * s["cycle_days"]
    rule, cycle = of["stop_at_response"], s["stop_at_response_cycle"]
    if rule is None and cycle is None:
        return last, inf, 1.0
    responds = p[f"p_response_{strategy}"]
    if rule is None:
        return last, cycle * s["cycle_days"], 1 - responds
    return last, rule["day"], responds if rule["stops"] == "non_responders" else 1 - responds


def kept(start: float, end: float, last: float, stop: float, share: float) -> float:
    """Mean over the days from start to end of who is still treated, of those on treatment otherwise."""
    whole = max(0.0, min(end, last, stop) - start)
    return (whole + share * max(0.0, min(end, last) - max(start, stop))) / (end - start)


# What it costs and what it is worth: rows of files

MEASURE = re.compile(r"([a-z -]+?)(?: (progression_free|progressed))?(?: (\d+)(-?)(\d*))?")


def payoff_rows(payoffs: Iterable[Mapping[str, str]], events: Iterable[Mapping[str, str]]) -> list[Row]:
    """Rows from the cells of payoffs.csv, and two for each of adverse_events.csv: what an event costs, and what it takes away."""
    found = [row_of(**cells) for cells in payoffs]
    for cells in events:
        event = cells["event"].strip()
        share = f"({cells['share'].strip() or f'p_{event}'})"
        for outcome, amount in (("cost", f"{share} * c_{event}"), ("qaly", f"-{share} * du_{event} * d_{event}")):
            found.append(row_of(outcome, "adverse_events", "all", "", cells["measure"], amount, event=event))
    return found


def row_of(
    outcome: str, component: str, applies_to: str, counted: str, measure: str, amount: str, event: str = "", **_words: str
) -> Row:
    """One row from its cells."""
    whose, _, of = ("".join(applies_to.split()) or "all").partition(":")
    match = MEASURE.fullmatch(" ".join(measure.split()))
    assert match is not None, measure
    kind, state, first, dash, last = match.groups("")
    to = float(last) if last else float(first) if first and not dash else inf
    return Row(outcome.strip(), component.strip(), whose, of, counted.strip(), kind, state, int(first or 1), to, amount, event)


def is_counted(row: Row, s: Terms) -> bool:
    """Whether a row counts: always, or because the settings ask for it."""
    return not row.counted or row.counted in s["also_counted"]


def is_for(row: Row, s: Terms, strategy: str) -> bool:
    """Whether a row is for a strategy: everybody's, its own, or that of a drug that it has."""
    drugs = of_strategy(s, strategy)["drugs"]
    if row.whose in ("drug", "scheme"):
        return bool(drugs) if row.of == "any" else row.of in drugs
    return row.whose in ("all", "later") or row.of == strategy


def tokens_of(text: str) -> list[str]:
    """Numbers, names and signs of an amount."""
    return re.findall(r"[0-9.]+(?:[eE][+-]?[0-9]+)?|[a-z][a-z0-9_]*|[-+*/()]", text)


def names_in(text: str) -> set[str]:
    """Names in an amount."""
    return {token for token in tokens_of(text) if token[0].isalpha()}


def worked_out(text: str, value: Callable[[str], Any]) -> Any:
    """What an amount comes to: numbers, names whose value is `value(name)`, + - * / and brackets, by recursive descent.

    >>> worked_out("2 * (a - 1) / 4", {"a": 7.0}.__getitem__)
    3.0
    """
    tokens = [*tokens_of(text), "end"]

    def total() -> Any:
        found = product()
        while tokens[0] in "+-":
            found = found + product() if tokens.pop(0) == "+" else found - product()
        return found

    def product() -> Any:
        found = factor()
        while tokens[0] in "*/":
            found = found * factor() if tokens.pop(0) == "*" else found / factor()
        return found

    def factor() -> Any:
        token = tokens.pop(0)
        if token in "+-":
            return factor() if token == "+" else -factor()
        if token == "(":
            found = total()
            assert tokens.pop(0) == ")", text
            return found
        return value(token) if token[0].isalpha() else float(token)

    found = total()
    assert tokens == ["end"], text
    return found


def looked_up(p: Mapping[str, Any], strategy: str, **known: Any) -> Callable[[str], Any]:
    """Value of a name for a strategy: its own parameter where there is one."""
    return lambda name: known[name] if name in known else p[own if (own := f"{name}_{strategy}") in p else name]


def list_price(p: Mapping[str, Any], s: Terms, strategy: str, drug: str, c: int | None = None) -> Any:
    """Expected list price of a pack in treatment cycle c; without c that of the mix of packs, whatever the steps."""
    of, value = s["drugs"][drug], looked_up(p, strategy)
    if of["vials"] is not None:
        return price_of_giving(of["vials"], value)
    if c is None:
        return worked_out(of["price"], value)
    mean = worked_out(of["steps"]["rate"], value) * c * s["dt"]
    prices = [worked_out(price, value) for price in of["steps"]["prices"]]
    chances = [exp(-mean) * mean**k / factorial(k) for k in range(len(prices) - 1)]
    return sum(chance * price for chance, price in zip([*chances, 1 - sum(chances)], prices, strict=True))


def amounts_of(drug: Terms) -> list[str]:
    """The text of every amount of a drug."""
    steps, vials = drug["steps"] or {"prices": [], "rate": None}, drug["vials"] or {"prices": {}}
    sizes = [vials.get(name) for name in ("dose", "size", "spread")]
    texts = [drug["price"], drug["dispensed"], *steps["prices"], steps["rate"], *vials["prices"].values(), *sizes]
    return [text for text in texts if text]


def has_price(row: Row, s: Terms) -> bool:
    """Whether the list price of the row's drug is in its amount."""
    of = s["drugs"].get(row.drug, {})
    return "price" in names_in(row.amount) and bool(of.get("price") or of.get("vials"))


def price_of_giving(vials: Terms, value: Callable[[str], float]) -> float:
    """Expected price of the vials of one giving over people whose size is log-normal: nobody is given less than the dose."""
    dose, size, spread = (worked_out(vials[name], value) for name in ("dose", "size", "spread"))
    prices = {float(mg): value(name) for mg, name in vials["prices"].items()}
    if vials["shared"]:
        return float(dose * size * min(price / mg for mg, price in prices.items()))
    variance = log(1 + (spread / size) ** 2)
    fewest = {0.0: (0, 0.0)}  # mg in all -> number of vials, and their price
    total, before, expected = 0.0, 0.0, 0.0
    while before < 1 - 1e-16 and total < 60 * max(prices):
        for mg, price in prices.items():
            more = (fewest[total][0] + 1, fewest[total][1] + price)
            if total + mg not in fewest or more[0] < fewest[total + mg][0]:
                fewest[total + mg] = more
        total = min(t for t in fewest if t > total)
        share = erfc(-(log(total / (dose * size)) + variance / 2) / sqrt(2 * variance)) / 2
        expected += (share - before) * fewest[total][1]
        before = share
    return expected


def dispensed(p: Mapping[str, Any], s: Terms, strategy: str, drug: str) -> Any:
    """Share of the cycles on treatment in which a pack of the drug is dispensed."""
    return worked_out(s["drugs"][drug]["dispensed"] or "1", looked_up(p, strategy))


def schemes_of(s: Terms, arrangement: str) -> dict[str, Terms]:
    """The schemes of a price arrangement by drug."""
    names = s["arrangements"][arrangement]["schemes"] if arrangement in s["arrangements"] else [arrangement]
    return {s["schemes"][name]["drug"]: s["schemes"][name] for name in names if name != "list"}


def charged(s: Terms, scheme: Terms | None, k: int, q: float) -> float:
    """Share of the packs of treatment cycle k that is charged; a refund comes later and is no part of it."""
    kind = "" if scheme is None else scheme["kind"]
    if scheme is None or kind in ("response_refund", "total_cost_cap"):
        return 1.0
    if kind == "price_discount":
        return float(1 - scheme["price_discount"])
    if kind == "tiered_discount":
        begun = [(tier["from_cycle"], tier["price_discount"]) for tier in scheme["tiers"] if tier["from_cycle"] <= k + 1]
        return float(1 - max(begun, default=(0, 0.0))[1])
    most = scheme["drug_cost_cap_cycles"] or scheme["free_cycles"]
    within = float(k < most)
    if s["scheme_counts"] == "dispensed" and k >= most:
        within = sum(comb(k, i) * q**i * (1 - q) ** (k - i) for i in range(most))
    return within if kind == "drug_cost_cap" else 1 - within


def paid_in_turn(most: float, price: float, q: float) -> Iterator[float]:
    """Share of the price of each pack in turn that is paid under a cap on money, each pack being had with probability q."""
    had = [1.0]  # chances of 0, 1, ... packs before, as far as the cap leaves anything to be paid
    while True:
        yield sum(w * max(0.0, min(1.0, (most - k * price) / price)) for k, w in enumerate(had)) if price else 1.0
        had = [w * (1 - q) + (had[k - 1] * q if k else 0.0) for k, w in enumerate([*had, 0.0]) if k * price <= most]


def phases(s: Terms, strategy: str, drug: str) -> Sequence[Terms]:
    """Phases of a drug in a strategy: once at the start of each cycle of the model where it has none."""
    once = [{"cycle_days": s["cycle_days"], "days": [1.0], "cycles": None}]
    own: Sequence[Terms] = of_strategy(s, strategy)["schedules"].get(drug)
    return own or once


def is_scheduled(s: Terms, drug: str) -> bool:
    """Whether a drug is given on days of its own in some strategy, and so on its day in all."""
    return any(drug in of["schedules"] for of in s["strategies"])


def givings(p: Values, s: Terms, strategy: str, drug: str, lived: Lived, by_day: bool) -> Iterator[tuple[int, int, float]]:
    """Packs of a drug one after the other: cycle of the model, treatment cycle of the drug, and share of people who get it."""
    n, days = s["n_cycles"], s["cycle_days"]
    if not by_day:
        yield from ((c, c, lived.treated[c]) for c in range(n))
        return
    last, stop, share = ends(p, s, strategy)
    last = min(last, n * days)
    start, k = 0.0, 0
    for phase in phases(s, strategy, drug):
        done = 0
        while start < last and done != phase["cycles"]:
            for at in (start + day - 1 for day in phase["days"]):
                if at < last:
                    yield floor(at / days + 1e-9), k, on_day(lived.otherwise, at / days) * (1.0 if at < stop else share)
            start, k, done = start + phase["cycle_days"], k + 1, done + 1


def on_day(boundaries: Sequence[float], cycles: float) -> float:
    """Share on a day, so many cycles from the start, on a straight line between the boundaries of its cycle."""
    c = min(floor(cycles), len(boundaries) - 2)
    return (c + 1 - cycles) * boundaries[c] + (cycles - c) * boundaries[c + 1]


def begins(s: Terms, strategy: str, drug: str, k: int) -> float:
    """Day on which treatment cycle k of a drug begins."""
    day = 0.0
    for phase in phases(s, strategy, drug):
        some = k if phase["cycles"] is None else min(k, phase["cycles"])
        day, k = day + some * phase["cycle_days"], k - some
    return day


def recently(s: Terms, lived: Lived, c: int) -> float:
    """Share progressed at the start of cycle c whose clock has not run out."""
    return sum(x for j, x in enumerate(lived.groups[c]) if c - j <= s["post_progression_clock_cycles"])


def passed(s: Terms, what: str) -> float:
    """Years of its cycle that have passed where purchases, time or events are discounted."""
    return float({"start": 0, "middle": s["dt"] / 2, "end": s["dt"]}[s[f"{what}_discounted_at"]])


def packs(row: Row, p: Values, s: Terms, strategy: str, lived: Lived, scheme: Terms | None) -> Iterator[tuple[int, float, float]]:
    """As `happenings`, of a row about packs or givings of a drug."""
    n, dt, drug = s["n_cycles"], s["dt"], row.of
    bought, q = passed(s, "purchases"), dispensed(p, s, strategy, drug)
    if row.whose == "later":
        charges = [charged(s, scheme, k, q) for k in range(n)]
        for c, treated in enumerate(lived.later[:n]):
            yield c, c * dt + bought, q * sum(x * charges[c - j - 1] for j, x in enumerate(treated))
        return
    most = scheme["most_paid"] if row.kind == "charged pack" and scheme is not None else None
    in_turn = paid_in_turn(most, list_price(p, s, strategy, drug), q) if most is not None else None
    for c, k, x in givings(p, s, strategy, drug, lived, most is not None or is_scheduled(s, drug)):
        if row.kind == "pack":
            paid = float(row.first <= k + 1 <= row.last)
        else:
            paid = charged(s, scheme, k, q) if in_turn is None else next(in_turn)
        yield c, c * dt + bought, q * x * paid
        if row.kind == "charged pack" and scheme is not None and k < (scheme["response_by_cycle"] or 0):
            back = begins(s, strategy, drug, scheme["response_by_cycle"]) / s["days_in_year"]
            yield c, back, -q * x * (1 - p[f"p_response_{strategy}"])


def happenings(
    row: Row, p: Values, s: Terms, strategy: str, lived: Lived, scheme: Terms | None = None
) -> Iterator[tuple[int, float, float]]:
    """What the measure of a row counts: cycle, time in years at which it is discounted, and how much, one after the other."""
    n, dt = s["n_cycles"], s["dt"]
    if row.kind in ("pack", "charged pack"):
        yield from packs(row, p, s, strategy, lived, scheme)
    elif row.kind in ("start", "start mid-cycle"):
        yield 0, 0.0 if row.kind == "start" else dt / 2, 1.0
    elif row.kind == "cycle on treatment":
        yield from ((c, c * dt + passed(s, "purchases"), lived.treated[c]) for c in range(n) if row.first <= c + 1 <= row.last)
    elif row.kind == "year on treatment":
        yield from ((c, c * dt + passed(s, "time"), dt * lived.treated[c]) for c in range(n))
    elif row.kind in ("year in", "cycle in", "event in"):
        x, count = lived.free if row.state == "progression_free" else lived.progressed, s["time_in_state"]
        for c in range(n):
            people = {"life_table": (x[c] + x[c + 1]) / 2, "start": x[c], "end": x[c + 1]}[count]
            yield c, c * dt + passed(s, "time"), people if row.kind == "cycle in" else people * dt
    elif row.kind == "cycle after":
        yield from ((c, c * dt + passed(s, "purchases"), recently(s, lived, c)) for c in range(n))
    elif row.kind == "entry to":
        yield from ((c, c * dt + passed(s, "events"), lived.groups[c + 1][-1]) for c in range(n))
    else:
        assert row.kind == "death", row.kind
        alive = [free + progressed for free, progressed in zip(lived.free, lived.progressed, strict=True)]
        yield from ((c, c * dt + passed(s, "events"), alive[c] - alive[c + 1]) for c in range(n))


def discounted(s: Terms, rate: float, time: float) -> float:
    """What one is worth today after so many years: of whole years only where the settings say so."""
    return float((1 + rate) ** -(floor(time + 1e-9) if s["discounting"] == "by_year" else time))


def value(
    p: Values, s: Terms, rows: Iterable[Row], strategy: str, lived: Lived, arrangement: str, rates: Sequence[float]
) -> list[dict[str, float]]:
    """What rows come to for a strategy under a price arrangement, by component, at each of some discount rates."""
    schemes, by_age = schemes_of(s, arrangement), s["utility_age_adjustment"] == "general_population"
    norm = norm_at(p, s, p["age_start"])
    held = {name: min(x, norm) if name.startswith("u_") else x for name, x in p.items()}  # no utility above the norm
    found: list[dict[str, float]] = [defaultdict(float) for _ in rates]
    for row in rows:
        if not (is_counted(row, s) and is_for(row, s, strategy)) or (row.whose == "scheme" and row.of not in schemes):
            continue
        is_valued = by_age and row.outcome == "qaly"
        priced = has_price(row, s)
        is_stepped = priced and row.whose != "later" and s["dose"] == "stepwise" and s["drugs"][row.drug]["steps"] is not None
        happened: list[tuple[float, float]] = []
        for c, time, how_much in happenings(row, p, s, strategy, lived, schemes.get(row.drug)):
            if not happened or is_stepped:
                known = {"price": list_price(p, s, strategy, row.drug, c if is_stepped else None)} if priced else {}
                each = worked_out(row.amount, looked_up(held if is_valued else p, strategy, **known))
            aged = (
                norm_at(p, s, p["age_start"] + (c + 0.5) * s["dt"]) / norm if is_valued and row.kind.startswith("year") else 1.0
            )
            happened.append((time, how_much * each * aged))
        for rate, into in zip(rates, found, strict=True):
            into[row.component] += sum(x * discounted(s, rate, time) for time, x in happened)
    return found


def life_years(p: Values, s: Terms, strategy: str, lived: Lived, rates: Sequence[float]) -> list[dict[str, float]]:
    """Years lived in each state, at each of some discount rates."""
    rows = {state: row_of("qaly", state, "all", "", f"year in {state}", "1") for state in ("progression_free", "progressed")}
    times = {state: list(happenings(row, p, s, strategy, lived)) for state, row in rows.items()}
    return [{state: sum(x * discounted(s, rate, t) for _, t, x in of) for state, of in times.items()} for rate in rates]
