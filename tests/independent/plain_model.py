"""The model a second time: plain Python, loops, no NumPy, no import of the package, one strategy and one draw at a time.

Written from docs/methods.md. It keeps a whole trace, follows each cycle's newly progressed as a group of their own and adds up every
payoff cycle by cycle, where the engine works with sums, so the two share no shortcut.

What a run takes from files it reads itself: mortality, the utility norm, the rows of costs and QALYs, whose amounts it works out itself.

`p` holds the values of one draw by name, durations in years; `s` the settings by name, with `n_cycles`, `dt` (years in a cycle) and
the coefficients of the utility norm (`utility_norm`); `rows` what `payoff_rows` reads.
"""

import csv
import re
import tomllib
from collections import defaultdict
from math import comb, erfc, exp, expm1, factorial, floor, inf, lgamma, log, log1p, sqrt


def years_per(unit, s):
    """Length of a unit of time in years, 1 for what is no time."""
    days = {"days": 1, "weeks": 7, "cycles": s["cycle_days"]}
    return days[unit] / s["days_in_year"] if unit in days else {"months": 1 / 12}.get(unit, 1.0)


def mortality(path):
    """Chances of dying within a year by age, men and women, from a life table."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(line for line in file if not line.startswith("#")))
    assert [int(row["age"]) for row in rows] == list(range(len(rows)))
    return [float(row["qx_male"]) for row in rows], [float(row["qx_female"]) for row in rows]


def utility_norm(path):
    """Coefficients of the general population's utility."""
    with path.open("rb") as file:
        return tomllib.load(file)["utility_norm"]


def background(male, female, age, share_male, n, dt):
    """Increments of the general population's cumulative hazard: people, not hazards, are mixed."""

    def hazards_at_birthdays(q):
        total = [0.0]
        for year in range(int(age + n * dt) + 2):
            total.append(total[-1] - log(1 - q[min(year, len(q) - 1)]))
        return total

    def at(birthdays, years):
        year = floor(years)
        return birthdays[year] + (years - year) * (birthdays[year + 1] - birthdays[year])

    alive = [0.0] * (n + 1)
    for weight, q in ((share_male, male), (1 - share_male, female)):
        birthdays = hazards_at_birthdays(q)
        for c in range(n + 1):
            alive[c] += weight * exp(at(birthdays, age) - at(birthdays, age + c * dt))
    return [log(alive[c] / alive[c + 1]) for c in range(n)]


# Curves: each is a function of time in years that gives the cumulative hazard -ln S(t)


def curve(family, median, a):
    """The curve of a family with this median and second parameter a."""
    if family == "weibull":
        return lambda t: log(2) * (t / median) ** a
    if family == "exponential":
        return lambda t: log(2) * t / median
    if family == "log_logistic":
        return lambda t: log1p((t / median) ** a)
    if family == "log_normal":
        return lambda t: -log_normal_tail((log(t) - log(median)) / a) if t else 0.0
    if family == "gompertz":
        return lambda t: log(2) * expm1(a * t) / expm1(a * median)
    if family == "gamma":
        rate = gamma_median(a) / median
        return lambda t: -log_gamma_tail(a, rate * t)
    raise ValueError(family)


def fitted(p, family, name):
    """A curve that was fitted: its coefficients are on the estimation scale (logarithms of what must be above 0), times in years."""
    values = []
    while f"fit_{name}_{len(values)}" in p:
        values.append(p[f"fit_{name}_{len(values)}"])
    if family == "exponential":
        (log_rate,) = values
        return lambda t: exp(log_rate) * t
    if family == "weibull":  # shape and scale, accelerated failure time
        log_shape, log_scale = values
        return lambda t: (t / exp(log_scale)) ** exp(log_shape)
    if family == "log_normal":  # mean and standard deviation of ln t
        mean, log_deviation = values
        return lambda t: -log_normal_tail((log(t) - mean) / exp(log_deviation)) if t else 0.0
    if family == "gompertz":  # the shape has any sign and is as it is
        a, log_rate = values
        return lambda t: exp(log_rate) * (expm1(a * t) / a if a else t)
    if family == "log_logistic":
        log_shape, log_scale = values
        return lambda t: log1p((t / exp(log_scale)) ** exp(log_shape))
    raise ValueError(family)


def log_normal_tail(z):
    """Logarithm of the normal distribution's tail beyond z, from the smaller side."""
    return log(erfc(z / sqrt(2)) / 2) if z > 0 else log1p(-erfc(-z / sqrt(2)) / 2)


def log_gamma_tail(a, x):
    """Logarithm of Q(a, x): by the power series of 1 - Q where x is small, by the continued fraction where it is large."""
    if x == 0:
        return 0.0
    log_front = a * log(x) - x - lgamma(a)
    if x < a + 1:
        term = total = 1 / a
        k = a
        while term > 1e-17 * total:
            k += 1
            term *= x / k
            total += term
        return log1p(-exp(log_front) * total)
    fraction = 0.0
    for k in range(400, 0, -1):
        fraction = k * (k - a) / (x + 2 * k + 1 - a - fraction)
    return log_front - log(x + 1 - a - fraction)


def gamma_median(a):
    """Median of the gamma distribution of shape a and rate 1, by bisection."""
    low, high = 0.0, a + 1.0
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if log_gamma_tail(a, middle) > -log(2) else (low, middle)
    return (low + high) / 2


def shape(p, name, strategy):
    """The strategy's own shape where there is one."""
    return p.get(f"{name}_{strategy}", p.get(name))


def first_intervention(s):
    return next(x["name"] for x in s["strategies"] if x["name"] != s["comparator"])


def progressions_of_pfs_events(p, s, strategy):
    ratio = p["ratio_pfs_to_ttp_" + strategy]
    return ratio ** shape(p, "shape_pfs", strategy) if s["pfs_curve"] in ("weibull", "response_mixture") else ratio


def pfs(p, s, strategy):
    terms = s["fitted_curves"].get("pfs_" + strategy)
    if terms is not None:
        return fitted(p, terms["family"], "pfs_" + strategy)
    family = s["pfs_curve"]
    if family == "response_mixture" and strategy == first_intervention(s):
        deep = p["p_response_cr_vgpr"]
        partial = (1 - deep) * p["p_response_pr_of_others"]
        classes = [
            (deep, p["median_ttp_cr_vgpr"]),
            (partial, p["median_ttp_pr"]),
            (1 - deep - partial, p["median_ttp_less"]),
        ]
        share = progressions_of_pfs_events(p, s, strategy)
        return lambda t: -log(sum(w * 2 ** (-t / median) for w, median in classes)) / share
    family = "weibull" if family == "response_mixture" else family
    name = "shape_pfs" if family == "weibull" else "shape_pfs_" + family
    return curve(family, p["median_pfs_" + strategy], shape(p, name, strategy))


def ttp(p, strategy):
    """Time to progression as a curve of its own."""
    median = p["median_pfs_" + strategy] / p["ratio_pfs_to_ttp_" + strategy]
    return curve("weibull", median, shape(p, "shape_ttp", strategy))


def overall_survival(p, s, strategy):
    first, comparator = first_intervention(s), s["comparator"]
    source, ratio = strategy, 1.0
    if strategy == comparator and s["comparator_survival"] == "hazard_ratio":
        source, ratio = first, 1 / p["hr_death_" + first]
    if strategy != comparator and s["intervention_survival"] == "hazard_ratio":
        source, ratio = comparator, p["hr_death_" + strategy]
    terms = s["fitted_curves"].get("os_" + strategy)
    if terms is not None and source == strategy:
        return fitted(p, terms["family"], "os_" + strategy)
    name = "shape_os" if s["os_curve"] == "weibull" else "shape_os_" + s["os_curve"]
    of_source = curve(s["os_curve"], p["median_os_" + source], shape(p, name, source))
    return lambda t: ratio * of_source(t)


def increments(cumulative, s):
    n = s["n_cycles"]
    at = [cumulative(c * s["dt"]) for c in range(n + 1)]
    return [at[c + 1] - at[c] for c in range(n)]


def own_hazards(p, s, strategy):
    """Increments in each cycle of every hazard of disease that the settings ask for, before any waning, by name."""
    found = {"pfs": increments(pfs(p, s, strategy), s)}
    if until(s, strategy) == "ttp_curve" or s["progression_shape"] == "ttp":
        found["ttp"] = increments(ttp(p, strategy), s)
    if s["structure"] == "partitioned_survival":
        found["os"] = increments(overall_survival(p, s, strategy), s)
    else:
        share = progressions_of_pfs_events(p, s, strategy)
        found["progression"] = found["ttp"] if s["progression_shape"] == "ttp" else [share * g for g in found["pfs"]]
        source = first_intervention(s) if s["post_progression_mortality"] == "equal" else strategy
        found["after_progression"] = [p["r_death_progressed_" + source] * s["dt"]] * s["n_cycles"]
    return found


def waned_share(waning, c, dt):
    """Mean over cycle c of the ramp that is 0 up to a, 1 from b, and linear between."""
    a, b = waning["from_years"], waning["to_years"]

    def area(t):
        if t <= a:
            return 0.0
        return (t - a) ** 2 / (2 * (b - a)) if t < b else (b - a) / 2 + t - b

    return (area((c + 1) * dt) - area(c * dt)) / dt


def terms_of(s, strategy):
    return next(x for x in s["strategies"] if x["name"] == strategy)


def until(s, strategy):
    """What ends treatment in a strategy."""
    return terms_of(s, strategy)["treatment_until"] or s["treatment_until"]


def hazards(p, s, strategy):
    own = own_hazards(p, s, strategy)
    if s["effect_waning"] is None:
        return own
    theirs = own_hazards(p, s, s["comparator"])
    v = [waned_share(s["effect_waning"], c, s["dt"]) for c in range(s["n_cycles"])]
    return {name: [(1 - v[c]) * x + v[c] * theirs[name][c] for c, x in enumerate(own[name])] for name in own}


# What happens to people


def follow(p, s, rows, strategy, floors):
    """One strategy's cohort: lists over cycle boundaries.

    `free`, `progressed`, `treated` are shares; `groups[c][j]` is the share progressed at the start of cycle c that progressed in
    cycle j, and `later[c][j]` the part of it that is treated again in that line.
    """
    h = hazards(p, s, strategy)
    lived = partitioned(h, floors) if s["structure"] == "partitioned_survival" else transitions(p, s, rows, strategy, h, floors)
    free, progressed = lived["free"], lived["progressed"]
    treated = list(free)
    if until(s, strategy) == "progression_or_toxicity":
        treated = [x * exp(-p["r_discontinuation_toxicity_" + strategy] * c * s["dt"]) for c, x in enumerate(free)]
    elif until(s, strategy) == "ttp_curve":
        treated = [min(exp(-sum(h["ttp"][:c])), free[c] + progressed[c]) for c in range(len(free))]
    elif until(s, strategy) == "exposure_curve":
        exposed = curve("weibull", p["median_exposure_" + strategy], p["shape_exposure"])
        treated = [min(exp(-exposed(c * s["dt"])), free[c] + progressed[c]) for c in range(len(free))]
    last, stop, share = ends(p, s, strategy)
    given = [x * kept(c * s["cycle_days"], (c + 1) * s["cycle_days"], last, stop, share) for c, x in enumerate(treated)]
    return lived | {"otherwise": treated, "treated": given}


def partitioned(h, floors):
    free, progressed, without_event, alive = [1.0], [0.0], 1.0, 1.0
    for c, b in enumerate(floors):
        without_event *= exp(-max(h["pfs"][c], b))
        alive *= exp(-max(h["os"][c], b))
        free.append(min(without_event, alive))
        progressed.append(alive - free[-1])
    return {"free": free, "progressed": progressed}


def transitions(p, s, rows, strategy, h, floors):
    clock = s["post_progression_clock_cycles"]
    has_later = any(row["for"] == "later" for row in rows if is_counted(row, s))
    share_later = p["p_later_line_" + strategy] if has_later else 0.0
    free, groups, later = [1.0], [[]], [[]]
    for c, b in enumerate(floors):
        progression = h["progression"][c]
        total = progression + max(h["pfs"][c] - progression, b)
        leaving = free[-1] * (1 - exp(-total))
        newly = leaving * progression / total
        soon = max(h["after_progression"][c], b)
        late = soon if clock is None else max(h["after_progression"][c] * p["hr_death_after_clock"], b)
        hazard = [soon if clock is None or c - j <= clock else late for j in range(c)]
        free.append(free[-1] - leaving)
        groups.append([x * exp(-hazard[j]) for j, x in enumerate(groups[-1])] + [newly])
        if share_later:
            stop = p["r_stop_later_line"] * s["dt"]
            later.append([x * exp(-max(stop, hazard[j])) for j, x in enumerate(later[-1])] + [share_later * newly])
    return {"free": free, "progressed": [sum(group) for group in groups], "groups": groups, "later": later}


def ends(p, s, strategy):
    """Day on which treatment ends for everybody, day on which it ends for some by response, and the share who go on."""
    of = terms_of(s, strategy)
    last = of["treatment_days"] or (of["treatment_cycles"] or inf) * s["cycle_days"]
    rule = of["stop_at_response"]
    if rule is None and s["stop_at_response_cycle"] is None:
        return last, inf, 1.0
    if rule is None:
        return last, s["stop_at_response_cycle"] * s["cycle_days"], 1 - p["p_response_" + strategy]
    responds = p["p_response_" + strategy]
    return last, rule["day"], responds if rule["stops"] == "non_responders" else 1 - responds


def kept(start, end, last, stop, share):
    """Mean over the days from start to end of who is still treated, of those on treatment otherwise."""
    whole = max(0.0, min(end, last, stop) - start)
    return (whole + share * max(0.0, min(end, last) - max(start, stop))) / (end - start)


# What it costs and what it is worth: rows of files


def payoff_rows(folder):
    """Rows of payoffs.csv, and two for each adverse event; `for` and `of` are the parts of applies_to."""

    def read(name):
        with (folder / name).open(encoding="utf-8", newline="") as file:
            return [{k: v.strip() for k, v in row.items()} for row in csv.DictReader(file)]

    rows = read("payoffs.csv")
    for event in read("adverse_events.csv") if (folder / "adverse_events.csv").exists() else []:
        name = event["event"]
        share = "(" + (event["share"] or "p_" + name) + ")"
        common = {"component": "adverse_events", "applies_to": "all", "counted": "", "measure": event["measure"]}
        rows.append(common | {"outcome": "cost", "amount": f"{share} * c_{name}"})
        rows.append(common | {"outcome": "qaly", "amount": f"-{share} * du_{name} * d_{name}"})
    for row in rows:
        row["for"], _, row["of"] = (row["applies_to"] or "all").partition(":")
    return rows


def is_counted(row, s):
    return not row["counted"] or row["counted"] in s["also_counted"]


def worked_out(text, value):
    """What an amount comes to: numbers, names whose value is `value(name)`, + - * / and brackets, by recursive descent."""
    tokens = [*re.findall(r"[0-9.]+(?:[eE][+-]?[0-9]+)?|[a-z][a-z0-9_]*|[-+*/()]", text), "end"]

    def total():
        found = product()
        while tokens[0] in "+-":
            found = found + product() if tokens.pop(0) == "+" else found - product()
        return found

    def product():
        found = factor()
        while tokens[0] in "*/":
            found = found * factor() if tokens.pop(0) == "*" else found / factor()
        return found

    def factor():
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


def looked_up(p, strategy, **known):
    """Value of a name for a strategy: its own parameter where there is one."""
    return lambda name: known[name] if name in known else p.get(f"{name}_{strategy}", p.get(name))


def list_price(p, s, strategy, drug, c=None):
    """Expected list price of a pack in treatment cycle c; without c that of the mix of packs, whatever the steps."""
    of, value = s["drugs"][drug], looked_up(p, strategy)
    if of["vials"] is not None:
        return price_of_giving(of["vials"], value)
    if of["steps"] is None or s["dose"] == "shares" or c is None:
        return worked_out(of["price"], value)
    mean = worked_out(of["steps"]["rate"], value) * c * s["dt"]
    prices = [worked_out(price, value) for price in of["steps"]["prices"]]
    chances = [exp(-mean) * mean**k / factorial(k) for k in range(len(prices) - 1)]
    return sum(chance * price for chance, price in zip([*chances, 1 - sum(chances)], prices, strict=True))


def price_of_giving(vials, value):
    """Expected price of the vials of one giving over people whose size is log-normal: nobody is given less than the dose."""
    dose, size, spread = (worked_out(vials[name], value) for name in ("dose", "size", "spread"))
    prices = {float(mg): value(name) for mg, name in vials["prices"].items()}
    if vials["shared"]:
        return dose * size * min(price / mg for mg, price in prices.items())
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


def dispensed(p, s, strategy, drug):
    """Share of the cycles on treatment in which a pack of the drug is dispensed."""
    return worked_out(s["drugs"][drug]["dispensed"] or "1", looked_up(p, strategy))


def schemes_of(s, arrangement):
    """The schemes of a price arrangement by drug."""
    names = s["arrangements"][arrangement]["schemes"] if arrangement in s["arrangements"] else [arrangement]
    return {s["schemes"][name]["drug"]: s["schemes"][name] for name in names if name != "list"}


def charged(s, scheme, k, q):
    """Share of the packs of treatment cycle k that is charged; a refund comes later and is no part of it."""
    kind = "" if scheme is None else scheme["kind"]
    if kind in ("", "response_refund", "total_cost_cap"):
        return 1.0
    if kind == "price_discount":
        return 1 - scheme["price_discount"]
    if kind == "tiered_discount":
        return (
            1
            - max(((t["from_cycle"], t["price_discount"]) for t in scheme["tiers"] if t["from_cycle"] <= k + 1), default=(0, 0))[
                1
            ]
        )
    most = scheme["drug_cost_cap_cycles"] or scheme["free_cycles"]
    within = float(k < most)
    if s["scheme_counts"] == "dispensed":
        within = sum(comb(k, i) * q**i * (1 - q) ** (k - i) for i in range(min(most, k + 1)))
    return within if kind == "drug_cost_cap" else 1 - within


def givings(p, s, strategy, drug, lived, by_day):
    """Packs of a drug one after the other: cycle of the model, treatment cycle of the drug, and share of people who get it."""
    n, days = s["n_cycles"], s["cycle_days"]
    if not by_day:
        yield from ((c, c, lived["treated"][c]) for c in range(n))
        return
    last, stop, share = ends(p, s, strategy)
    begins, k = 0.0, 0
    for phase in phases(s, strategy, drug):
        done = 0
        while begins < min(last, n * days) and done != phase["cycles"]:
            for day in phase["days"]:
                at = begins + day - 1
                if at < min(last, n * days):
                    c = floor(at / days + 1e-9)
                    yield c, k, on_day(lived["otherwise"], at / days) * (1.0 if at < stop else share)
            begins, k, done = begins + phase["cycle_days"], k + 1, done + 1


def on_day(boundaries, cycles):
    """Share on a day, so many cycles from the start, on a straight line between the boundaries of its cycle."""
    c = min(floor(cycles), len(boundaries) - 2)
    return (c + 1 - cycles) * boundaries[c] + (cycles - c) * boundaries[c + 1]


def phases(s, strategy, drug):
    """Phases of a drug in a strategy: once at the start of each cycle of the model where it has none."""
    once = [{"cycle_days": s["cycle_days"], "days": [1.0], "cycles": None}]
    return terms_of(s, strategy)["schedules"].get(drug) or once


def begins(s, strategy, drug, k):
    """Day on which treatment cycle k of a drug begins."""
    day = 0.0
    for phase in phases(s, strategy, drug):
        some = k if phase["cycles"] is None else min(k, phase["cycles"])
        day, k = day + some * phase["cycle_days"], k - some
    return day


def is_for(row, strategy, drugs, schemes):
    """Whether a row is for a strategy with these drugs under these schemes."""
    if row["for"] == "drug":
        return bool(drugs) if row["of"] == "any" else row["of"] in drugs
    if row["for"] == "scheme":
        return row["of"] in drugs and row["of"] in schemes
    return row["for"] in ("all", "later") or row["of"] == strategy


MEASURE = re.compile(r"([a-z -]+?)(?: (progression_free|progressed))?(?: (\d+)(-?)(\d*))?")


def happenings(row, p, s, strategy, lived, scheme):
    """What the measure of a row counts: (cycle, time in years at which it is discounted, how much) one after the other."""
    n, dt = s["n_cycles"], s["dt"]
    bought, lives, happens = (
        {"start": 0.0, "middle": dt / 2, "end": dt}[s[f"{what}_discounted_at"]] for what in ("purchases", "time", "events")
    )
    kind, state, first, dash, last = MEASURE.fullmatch(row["measure"]).groups()
    first = int(first or 1)
    last = int(last) if last else (inf if dash or not row["measure"][-1].isdigit() else first)
    if kind == "start":
        yield 0, 0.0, 1.0
    if kind == "start mid-cycle":
        yield 0, dt / 2, 1.0
    if kind in ("pack", "charged pack"):
        q, drug = dispensed(p, s, strategy, row["of"]), row["of"]
        if row["for"] == "later":
            charges = [charged(s, scheme, k, q) for k in range(n)]
            for c in range(n if lived["later"][-1] else 0):
                yield c, c * dt + bought, q * sum(x * charges[c - j - 1] for j, x in enumerate(lived["later"][c]))
            return
        most = scheme["most_paid"] if kind == "charged pack" and scheme is not None else None
        by_day = most is not None or any(drug in x["schedules"] for x in s["strategies"])
        for i, (c, k, x) in enumerate(givings(p, s, strategy, drug, lived, by_day)):
            if kind == "pack":
                if first <= k + 1 <= last:
                    yield c, c * dt + bought, q * x
                continue
            paid = charged(s, scheme, k, q)
            if most is not None:
                price = list_price(p, s, strategy, drug, c)
                chances = [comb(i, had) * q**had * (1 - q) ** (i - had) for had in range(i + 1)]
                paid = sum(w * max(0.0, min(1.0, (most - had * price) / price)) for had, w in enumerate(chances) if w)
            yield c, c * dt + bought, q * x * paid
            if scheme is not None and scheme["kind"] == "response_refund" and k < scheme["response_by_cycle"]:
                back = begins(s, strategy, drug, scheme["response_by_cycle"]) / s["days_in_year"]
                yield c, back, -q * x * (1 - p["p_response_" + strategy])
        return
    for c in range(n):
        bought_at, lived_at, event, treated = c * dt + bought, c * dt + lives, c * dt + happens, lived["treated"][c]
        if kind == "cycle on treatment" and first <= c + 1 <= last:
            yield c, bought_at, treated
        elif kind == "year on treatment":
            yield c, lived_at, dt * treated
        elif kind in ("year in", "cycle in", "event in"):
            x = lived["free" if state == "progression_free" else "progressed"]
            time = {"life_table": (x[c] + x[c + 1]) / 2, "start": x[c], "end": x[c + 1]}[s["time_in_state"]]
            yield c, lived_at, time if kind == "cycle in" else time * dt
        elif kind == "cycle after":
            yield c, bought_at, sum(x for j, x in enumerate(lived["groups"][c]) if c - j <= s["post_progression_clock_cycles"])
        elif kind == "entry to":
            yield c, event, lived["groups"][c + 1][-1]
        elif kind == "death":
            yield c, event, lived["free"][c] + lived["progressed"][c] - lived["free"][c + 1] - lived["progressed"][c + 1]


def discounted(s, rate, time):
    """What one is worth today after so many years: of whole years only where the settings say so."""
    return (1 + rate) ** -(floor(time + 1e-9) if s["discounting"] == "by_year" else time)


def value(p, s, rows, strategy, lived, arrangement, r_costs, r_effects):
    """Costs by component, life-years by state, and QALYs by component, of one strategy under one arrangement."""
    drugs = terms_of(s, strategy)["drugs"]
    schemes = schemes_of(s, arrangement)
    by_age = s["utility_age_adjustment"] == "general_population"
    costs, life_years, qalys = defaultdict(float), defaultdict(float), defaultdict(float)

    def norm(age):
        of = s["utility_norm"]
        return of["intercept"] + of["male"] * p["p_male"] + of["age"] * age + of["age_squared"] * age**2

    def ageing(c):
        return norm(p["age_start"] + (c + 0.5) * s["dt"]) / norm(p["age_start"])

    held = dict(p)
    if by_age:
        held = {name: min(x, norm(p["age_start"])) if name.startswith("u_") else x for name, x in p.items()}
    for row in rows:
        if not is_counted(row, s) or not is_for(row, strategy, drugs, schemes):
            continue
        is_cost, has_price = row["outcome"] == "cost", re.search(r"\bprice\b", row["amount"])
        values, into, rate = (p, costs, r_costs) if is_cost else (held, qalys, r_effects)
        ages = by_age and not is_cost and row["measure"].startswith("year")
        each = None if has_price else worked_out(row["amount"], looked_up(values, strategy))
        for c, time, how_much in happenings(row, p, s, strategy, lived, schemes.get(row["of"])):
            if has_price:
                price = list_price(p, s, strategy, row["of"], None if row["for"] == "later" else c)
                each = worked_out(row["amount"], looked_up(values, strategy, price=price))
            into[row["component"]] += discounted(s, rate, time) * how_much * each * (ageing(c) if ages else 1.0)
    for state in ("progression_free", "progressed"):
        lived_there = {"for": "all", "of": "", "measure": f"year in {state}"}
        life_years[state] = sum(
            discounted(s, r_effects, t) * x for _, t, x in happenings(lived_there, p, s, strategy, lived, None)
        )
    return costs, life_years, qalys
