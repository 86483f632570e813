"""The relapsed model a second time: plain Python, loops, no NumPy, no import of the package, one strategy and one draw at a time.

Written from docs/methods.md. It keeps a whole trace and adds up every payoff cycle by cycle, where the engine works with sums,
so the two share no shortcut. Times in years of 365.25 days; v(t) = (1 + r)^-t.
"""

from math import exp, floor, log

DT = 28 / 365.25
EVENTS = [
    "neutropenia",
    "thrombocytopenia",
    "anaemia",
    "dvt",
    "pe",
    "pneumonia",
    "febrile_neutropenia",
    "fatigue",
    "neuropathy",
    "diarrhoea",
    "constipation",
    "rash",
]


def background(male, female, age, share_male, n):
    """Increments of the general population's cumulative hazard: people, not hazards, are mixed."""

    def hazard_from_birth(q, at):
        total, year = 0.0, 0
        while year < floor(at):
            total += -log(1 - q[min(year, len(q) - 1)])
            year += 1
        return total + (at - floor(at)) * -log(1 - q[min(year, len(q) - 1)])

    alive = []
    for c in range(n + 1):
        parts = [(share_male, male), (1 - share_male, female)]
        alive.append(sum(w * exp(hazard_from_birth(q, age) - hazard_from_birth(q, age + c * DT)) for w, q in parts))
    return [log(alive[c] / alive[c + 1]) for c in range(n)]


def cumulative(median, shape, t):
    """Weibull cumulative hazard with the given median."""
    return log(2) * (t / median) ** shape


def trace_of(p, years, s, strategy, other, floor_increments):
    """Lists over cycle boundaries: progression-free, progressed, on treatment."""
    n = s["n_cycles"]
    k, median = p["shape_pfs"], years["median_pfs_" + strategy]
    share = p["ratio_pfs_to_ttp_" + strategy] ** k
    free, progressed = [1.0], [0.0]
    alive = 1.0
    for c in range(n):
        t0, t1, b = c * DT, (c + 1) * DT, floor_increments[c]
        g = cumulative(median, k, t1) - cumulative(median, k, t0)
        if s["structure"] == "state_transition":
            death = max((1 - share) * g, b)
            total = share * g + death
            leaving = free[-1] * (1 - exp(-total))
            source = other if s["post_progression_mortality"] == "equal" else strategy
            hazard = max(p["r_death_progressed_" + source] * DT, b)
            progressed.append(progressed[-1] * exp(-hazard) + leaving * share * g / total)
            free.append(free[-1] - leaving)
        else:
            m, ratio = years["median_os_" + strategy], 1.0
            if s["comparator_survival"] == "hazard_ratio" and strategy == "dexamethasone":
                m, ratio = years["median_os_" + other], p["hr_death_" + other]
            h = (cumulative(m, p["shape_os"], t1) - cumulative(m, p["shape_os"], t0)) / ratio
            alive *= exp(-max(h, b))
            curve = s.setdefault("pfs_curve_" + strategy, [1.0])
            curve.append(curve[-1] * exp(-max(g, b)))
            free.append(min(curve[-1], alive))
            progressed.append(alive - free[-1])
    treated = list(free)
    if s["treatment_until"] == "progression_or_toxicity":
        treated = [x * exp(-p["r_discontinuation_toxicity_" + strategy] * c * DT) for c, x in enumerate(free)]
    elif s["treatment_until"] == "ttp_curve":
        ttp = median / p["ratio_pfs_to_ttp_" + strategy]
        treated = [min(exp(-cumulative(ttp, p["shape_ttp"], c * DT)), free[c] + progressed[c]) for c in range(n + 1)]
    return free, progressed, treated


def chance_among_first(cap, c, q):
    """P(Binomial(c, q) <= cap - 1), term by term."""
    total, term = 0.0, (1 - q) ** c
    for k in range(min(cap, c + 1)):
        total += term
        if q < 1:
            term *= (c - k) / (k + 1) * q / (1 - q)
    return total if q < 1 else float(c < cap)


def outcome(p, years, s, strategy, other, floor_increments, arrangement, r_costs, r_effects):
    """(costs, life-years, QALYs) of one strategy under one price arrangement; `s` are the settings, with n_cycles."""
    n, given = s["n_cycles"], strategy.startswith("lenalidomide")
    free, progressed, treated = trace_of(p, years, dict(s), strategy, other, floor_increments)
    cap = s["cap"] if arrangement == "pas" else None
    price = sum(p[f"p_packs_{mg}mg"] * p[f"c_lenalidomide_{mg}mg_pack"] for mg in (25, 20, 15, 10, 5))
    q, costs, life_years, qalys = p["p_pack_dispensed"], 0.0, 0.0, 0.0
    for c in range(n):
        bought, middle = (1 + r_costs) ** (-c * DT), (1 + r_costs) ** (-(c + 0.5) * DT)
        per_cycle = (p["n_dexamethasone_high_dose"] if c < s["high_dose_cycles"] else p["n_dexamethasone_later"]) * p[
            "c_dexamethasone_mg"
        ]
        per_cycle += p["c_clinic_visit_first"] if c == 0 else p["n_clinic_visits"] * p["c_clinic_visit_follow_up"]
        per_cycle += p["n_blood_tests_" + strategy] * p["c_blood_test"]
        if given:
            if cap is None:
                charged = 1.0
            elif s["scheme_counts"] == "dispensed":
                charged = chance_among_first(cap, c, q)
            else:
                charged = float(c < cap)
            per_cycle += q * charged * price
            per_cycle += p["c_dispensing_first"] if c == 0 else q * p["c_dispensing_later"]
            heparin = p["p_thromboprophylaxis_heparin"]
            per_cycle += heparin * p["c_heparin"] + (1 - heparin) * p["c_aspirin"]
            per_cycle += q * (p["c_pregnancy_prevention"] + p["p_childbearing_potential"] * p["c_pregnancy_test"])
        costs += bought * treated[c] * per_cycle
        counted = {
            "life_table": lambda x, c=c: (x[c] + x[c + 1]) / 2,
            "start": lambda x, c=c: x[c],
            "end": lambda x, c=c: x[c + 1],
        }
        count = counted[s["time_in_state"]]
        costs += middle * count(progressed) * p["c_post_progression_care"]
        costs += middle * (free[c] + progressed[c] - free[c + 1] - progressed[c + 1]) * p["c_terminal_care"]
        worth = (1 + r_effects) ** (-(c + 0.5) * DT) * DT
        life_years += worth * (count(free) + count(progressed))
        qalys += worth * (count(free) * p["u_progression_free"] + count(progressed) * p["u_progressed"])
    for event in EVENTS:
        share = p[f"p_{event}_{strategy}"]
        costs += (1 + r_costs) ** (-DT / 2) * share * p["c_" + event]
        qalys -= (1 + r_effects) ** (-DT / 2) * share * p["du_" + event] * years["d_" + event]
    if given and cap is not None:
        costs += p["c_scheme_per_patient"]
    return costs, life_years, qalys
