"""The model a second time: plain Python, loops, no NumPy, no import of the package, one strategy and one draw at a time.

Written from docs/methods.md. It keeps a whole trace, follows each cycle's newly progressed as a group of their own and adds up every
payoff cycle by cycle, where the engine works with sums, so the two share no shortcut.

What a run takes from files it reads itself: mortality, the utility norm.

`p` holds the values of one draw by name, times in years of 365.25 days; `s` the settings by name, with `n_cycles` and the
coefficients of the utility norm (`utility_norm`). v(t) = (1 + r)^-t.
"""

import csv
import tomllib
from collections import defaultdict
from math import comb, erfc, exp, expm1, factorial, floor, lgamma, log, log1p, sqrt

DT = 28 / 365.25
YEARS = {"days": 1 / 365.25, "weeks": 7 / 365.25, "months": 1 / 12, "years": 1.0, "cycles": DT}
STEPS = (25, 15, 10, 5)  # mg, one reduction of the dose each
STRENGTHS = (25, 20, 15, 10, 5)


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


def background(male, female, age, share_male, n):
    """Increments of the general population's cumulative hazard: people, not hazards, are mixed."""

    def hazards_at_birthdays(q):
        total = [0.0]
        for year in range(int(age + n * DT) + 2):
            total.append(total[-1] - log(1 - q[min(year, len(q) - 1)]))
        return total

    def at(birthdays, years):
        year = floor(years)
        return birthdays[year] + (years - year) * (birthdays[year + 1] - birthdays[year])

    alive = [0.0] * (n + 1)
    for weight, q in ((share_male, male), (1 - share_male, female)):
        birthdays = hazards_at_birthdays(q)
        for c in range(n + 1):
            alive[c] += weight * exp(at(birthdays, age) - at(birthdays, age + c * DT))
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


def increments(cumulative, n):
    at = [cumulative(c * DT) for c in range(n + 1)]
    return [at[c + 1] - at[c] for c in range(n)]


def own_hazards(p, s, strategy):
    """Increments in each cycle of every hazard of disease that the settings ask for, before any waning, by name."""
    n = s["n_cycles"]
    found = {"pfs": increments(pfs(p, s, strategy), n)}
    if s["treatment_until"] == "ttp_curve" or s["progression_shape"] == "ttp":
        found["ttp"] = increments(ttp(p, strategy), n)
    if s["structure"] == "partitioned_survival":
        found["os"] = increments(overall_survival(p, s, strategy), n)
    else:
        share = progressions_of_pfs_events(p, s, strategy)
        found["progression"] = found["ttp"] if s["progression_shape"] == "ttp" else [share * g for g in found["pfs"]]
        source = first_intervention(s) if s["post_progression_mortality"] == "equal" else strategy
        found["after_progression"] = [p["r_death_progressed_" + source] * DT] * n
    return found


def waned_share(waning, c):
    """Mean over cycle c of the ramp that is 0 up to a, 1 from b, and linear between."""
    a, b = waning["from_years"], waning["to_years"]

    def area(t):
        if t <= a:
            return 0.0
        return (t - a) ** 2 / (2 * (b - a)) if t < b else (b - a) / 2 + t - b

    return (area((c + 1) * DT) - area(c * DT)) / DT


def hazards(p, s, strategy):
    own = own_hazards(p, s, strategy)
    if s["effect_waning"] is None:
        return own
    theirs = own_hazards(p, s, s["comparator"])
    v = [waned_share(s["effect_waning"], c) for c in range(s["n_cycles"])]
    return {name: [(1 - v[c]) * x + v[c] * theirs[name][c] for c, x in enumerate(own[name])] for name in own}


# What happens to people


def follow(p, s, strategy, floors):
    """One strategy's cohort: lists over cycle boundaries.

    `free`, `progressed`, `treated` are shares; `groups[c][j]` is the share progressed at the start of cycle c that progressed in
    cycle j, and `later[c][j]` the part of it on lenalidomide in that line.
    """
    h = hazards(p, s, strategy)
    lived = partitioned(h, floors) if s["structure"] == "partitioned_survival" else transitions(p, s, strategy, h, floors)
    free, progressed = lived["free"], lived["progressed"]
    treated = list(free)
    if s["treatment_until"] == "progression_or_toxicity":
        treated = [x * exp(-p["r_discontinuation_toxicity_" + strategy] * c * DT) for c, x in enumerate(free)]
    elif s["treatment_until"] == "ttp_curve":
        treated = [min(exp(-sum(h["ttp"][:c])), free[c] + progressed[c]) for c in range(len(free))]
    return lived | {"treated": [x * given(p, s, strategy, c) for c, x in enumerate(treated)]}


def partitioned(h, floors):
    free, progressed, without_event, alive = [1.0], [0.0], 1.0, 1.0
    for c, b in enumerate(floors):
        without_event *= exp(-max(h["pfs"][c], b))
        alive *= exp(-max(h["os"][c], b))
        free.append(min(without_event, alive))
        progressed.append(alive - free[-1])
    return {"free": free, "progressed": progressed}


def transitions(p, s, strategy, h, floors):
    clock = s["post_progression_clock_cycles"]
    share_later = p["p_later_line_" + strategy] if "later_lenalidomide" in s["also_counted"] else 0.0
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
            stop = p["r_stop_later_line"] * DT
            later.append([x * exp(-max(stop, hazard[j])) for j, x in enumerate(later[-1])] + [share_later * newly])
    return {"free": free, "progressed": [sum(group) for group in groups], "groups": groups, "later": later}


def given(p, s, strategy, c):
    """Share of those whom `treatment_until` keeps on treatment who are treated in cycle c."""
    share = 1.0
    fixed = next(x["treatment_cycles"] for x in s["strategies"] if x["name"] == strategy)
    if fixed is not None and c >= fixed:
        share = 0.0
    if s["stop_at_response_cycle"] is not None and c >= s["stop_at_response_cycle"]:
        share *= 1 - p["p_response_" + strategy]
    return share


# What it costs and what it is worth


def pack_price(p, s, c):
    """Expected list price of a pack in treatment cycle c."""
    if s["dose"] == "shares":
        return mean_list_price(p)
    mean = p["r_dose_reduction"] * c * DT
    chances = [exp(-mean) * mean**k / factorial(k) for k in range(3)]
    chances.append(1 - sum(chances))
    return sum(chance * p[f"c_lenalidomide_{mg}mg_pack"] for chance, mg in zip(chances, STEPS, strict=True))


def mean_list_price(p):
    return sum(p[f"p_packs_{mg}mg"] * p[f"c_lenalidomide_{mg}mg_pack"] for mg in STRENGTHS)


def charged(s, scheme, c, q):
    """Share of the packs of treatment cycle c that is charged; a refund comes later and is no part of it."""
    if scheme is None or scheme["kind"] == "response_refund":
        return 1.0
    if scheme["kind"] == "price_discount":
        return 1 - scheme["price_discount"]
    k = scheme["drug_cost_cap_cycles"] or scheme["free_cycles"]
    within = float(c < k)
    if s["scheme_counts"] == "dispensed":
        within = sum(comb(c, i) * q**i * (1 - q) ** (c - i) for i in range(min(k, c + 1)))
    return within if scheme["kind"] == "drug_cost_cap" else 1 - within


def adverse_events(p, s):
    names = [name.removeprefix("du_") for name in p if name.startswith("du_")]
    return [e for e in names if all(f"p_{e}_{x['name']}" in p for x in s["strategies"])]


def value(p, s, strategy, lived, arrangement, r_costs, r_effects):
    """Costs by component, life-years by state, and QALYs by state or by what takes them away, of one strategy under one arrangement."""
    n, also, q = s["n_cycles"], s["also_counted"], p["p_pack_dispensed"]
    drugs = next(x["drugs"] for x in s["strategies"] if x["name"] == strategy)
    takes_drugs = bool(drugs) or "c_other_drugs_" + strategy in p
    visits = p.get("n_clinic_visits_" + strategy, p.get("n_clinic_visits"))
    scheme = s["schemes"].get(arrangement)
    free, progressed = lived["free"], lived["progressed"]
    charges = [charged(s, scheme, c, q) for c in range(n)]
    u_free, u_progressed = p["u_progression_free"], p["u_progressed"]
    costs, life_years, qalys = defaultdict(float), defaultdict(float), defaultdict(float)

    def norm(age):
        of = s["utility_norm"]
        return of["intercept"] + of["male"] * p["p_male"] + of["age"] * age + of["age_squared"] * age**2

    by_age = s["utility_age_adjustment"] == "general_population"
    if by_age:
        u_free, u_progressed = min(u_free, norm(p["age_start"])), min(u_progressed, norm(p["age_start"]))

    def time(x, c):
        """Time in cycle c spent in a state, in cycles."""
        return {"life_table": (x[c] + x[c + 1]) / 2, "start": x[c], "end": x[c + 1]}[s["time_in_state"]]

    for c in range(n):
        bought, middle = (1 + r_costs) ** (-c * DT), (1 + r_costs) ** (-(c + 0.5) * DT)
        worth = (1 + r_effects) ** (-(c + 0.5) * DT)
        ageing = norm(p["age_start"] + (c + 0.5) * DT) / norm(p["age_start"]) if by_age else 1.0
        deaths = free[c] + progressed[c] - free[c + 1] - progressed[c + 1]
        treated = lived["treated"][c]

        # bought with treatment
        each = {"other_drugs": p.get("c_other_drugs_" + strategy, 0.0)}
        visit = p["c_clinic_visit_first"] if c == 0 else visits * p["c_clinic_visit_follow_up"]
        each["monitoring"] = visit + p["n_blood_tests_" + strategy] * p["c_blood_test"]
        if "dexamethasone" in drugs:
            high = c < s["dexamethasone_high_dose_cycles"]
            each["dexamethasone"] = p["n_dexamethasone_high_dose" if high else "n_dexamethasone_later"] * p["c_dexamethasone_mg"]
        if "lenalidomide" in drugs:
            each["dispensing"] = p["c_dispensing_first"] if c == 0 else q * p["c_dispensing_later"]
            heparin = p["p_thromboprophylaxis_heparin"]
            each["thromboprophylaxis"] = heparin * p["c_heparin"] + (1 - heparin) * p["c_aspirin"]
            tests = p["p_childbearing_potential"] * p["c_pregnancy_test"]
            each["pregnancy_prevention"] = q * (p["c_pregnancy_prevention"] + tests)
            pack = q * pack_price(p, s, c)
            each["lenalidomide"] = pack * charges[c]
            if scheme is not None and scheme["kind"] == "response_refund" and c < scheme["response_by_cycle"]:
                refunded = (1 + r_costs) ** (-scheme["response_by_cycle"] * DT)
                costs["lenalidomide"] -= refunded * treated * pack * (1 - scheme["p_response"])
        for component, price in each.items():
            costs[component] += bought * treated * price

        # after progression, and at the end of life
        costs["post_progression_care"] += middle * time(progressed, c) * p["c_post_progression_care"]
        costs["terminal_care"] += middle * deaths * p["c_terminal_care"]
        if "subsequent_treatment" in also:
            recently = sum(x for j, x in enumerate(lived["groups"][c]) if c - j <= s["post_progression_clock_cycles"])
            costs["subsequent_treatment"] += bought * recently * p["c_subsequent_treatment"]
        if "later_lenalidomide" in also and p["p_later_line_" + strategy]:
            packs = sum(x * charges[c - j - 1] for j, x in enumerate(lived["later"][c]))
            costs["later_lenalidomide"] += bought * q * packs * mean_list_price(p)

        # health
        for state, shares, utility in (("progression_free", free, u_free), ("progressed", progressed, u_progressed)):
            life_years[state] += worth * DT * time(shares, c)
            qalys[state] += worth * DT * ageing * time(shares, c) * utility
        if "second_cancers" in also:
            rate = p["r_second_cancer_" + strategy]
            costs["second_cancers"] += middle * rate * time(free, c) * DT * p["c_second_cancer"]
            qalys["second_cancers"] -= worth * rate * time(free, c) * DT * p["du_second_cancer"] * p["d_second_cancer"]
        if "utility_loss_no_response" in also:
            qalys["no_response"] -= worth * DT * ageing * time(free, c) * p["du_no_response"] * (1 - p["p_response_" + strategy])
        if "utility_loss_on_treatment" in also and takes_drugs:
            qalys["treatment"] -= worth * DT * ageing * lived["treated"][c] * p["du_on_treatment"]
        if "utility_loss_near_death" in also:
            qalys["near_death"] -= worth * deaths * p["du_near_death"] * p["d_near_death"]

    for event in adverse_events(p, s):
        share = p[f"p_{event}_{strategy}"]
        costs["adverse_events"] += (1 + r_costs) ** (-DT / 2) * share * p["c_" + event]
        qalys["adverse_events"] -= (1 + r_effects) ** (-DT / 2) * share * p["du_" + event] * p["d_" + event]
    if "lenalidomide" in drugs and scheme is not None:
        costs["scheme_running"] += p["c_scheme_per_patient"]
    return costs, life_years, qalys
