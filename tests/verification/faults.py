"""Deliberate faults, each put into the running model by itself, and what catches it.

`SLIPS` are mistakes in the inputs, legal all of them, about which a check asks.

`caught_by` names checks of `hemodel verify` by their id, or comparisons of the tests (`COMPARISONS`) where only those see the fault.
tests/verification/test_faults.py injects every one of them; docs/verification.md lists them.
"""

import dataclasses
import functools
import importlib.util
import itertools
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

import hemodel as hm
from hemodel import outcomes
from hemodel.analyses import one_way, psa
from hemodel.analyses import severity as severity_analysis
from hemodel.analyses.verification import of_results, subject
from hemodel.cohort import hazards, model, payoffs, schemes, structures
from hemodel.cohort.model import curves, paths, plan, treatment, valuation
from hemodel.cohort.sums import CycleSums
from hemodel.decision import acceptability, incremental, information, intervals, severity
from hemodel.evidence import amounts, distributions, draws, inputs, parameters, rules, settings, vials
from hemodel.evidence.correlations import Correlation
from hemodel.evidence.folder import problem_names
from hemodel.evidence.payoffs import PRICE, Measure, Owner, Payoff
from hemodel.evidence.settings import Settings
from hemodel.survival import background, families
from hemodel.survival import curves as survival_curves

CYCLE_YEARS = 28 / 365.25


@functools.cache
def made_up_inputs(name):
    """A made-up appraisal of tests/made_up.py."""
    spec = importlib.util.spec_from_file_location("made_up_for_faults", Path(__file__).parent.parent / "made_up.py")
    made_up = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made_up)
    with tempfile.TemporaryDirectory() as folder:
        return hm.load_inputs(made_up.made_up(name, Path(folder) / name))


@dataclasses.dataclass(frozen=True)
class Fault:
    """One deliberate mistake: what it is in words, what it is part of, how it is put in, and what catches it.

    `while_reading`: it is there when the inputs are read, not only when they are run.
    """

    words: str
    part: str
    inject: Callable
    caught_by: tuple[str, ...]
    problem: str = "relapsed"
    settings: dict = dataclasses.field(default_factory=dict)
    values: dict = dataclasses.field(default_factory=dict)
    while_reading: bool = False

    @property
    def inputs(self):
        """Inputs with which the fault shows: those of a problem, over twelve years where nothing else is said."""
        base = hm.load_inputs(self.problem) if self.problem in problem_names() else made_up_inputs(self.problem)
        return base.with_values(**self.values).with_settings(**({"horizon_years": 12.0} | self.settings))


@dataclasses.dataclass(frozen=True)
class Slip:
    """A mistake in the inputs that is legal: in words, the check that asks about it, what it names, and how it is made."""

    words: str
    caught_by: str
    named: str
    make: Callable
    verdict: str = "review"
    problem: str = "relapsed"

    @property
    def inputs(self):
        """Inputs with the slip in them."""
        return self.make(hm.load_inputs(self.problem))


def with_row(inputs, name, **columns):
    """`inputs` with columns of a row set anew, as somebody who edits parameters.csv would."""
    return dataclasses.replace(
        inputs, parameters={**inputs.parameters, name: dataclasses.replace(inputs.parameters[name], **columns)}
    )


def with_another_row(name, like):
    """A slip that adds a row of this name beside the one it is like."""

    def make(inputs):
        row = dataclasses.replace(inputs.parameters[like], name=name)
        return dataclasses.replace(inputs, parameters={**inputs.parameters, name: row})

    return make


def replaced(module, name, new):
    """Put `new` in the place of `module.name`."""
    return lambda patch: patch.setattr(module, name, new)


def wrapped(module, name, around):
    """Put `around(original)` in the place of `module.name`."""
    return lambda patch: patch.setattr(module, name, around(getattr(module, name)))


# Comparisons of the tests that faults outside the reach of `verify` are shown to.


def second_implementation(inputs):
    """tests/independent: every total of the base case beside a program that shares no code."""
    path = Path(__file__).parent.parent / "independent" / "test_agreement.py"
    spec = importlib.util.spec_from_file_location("agreement_for_faults", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.check(inputs, draws.base_case_draws(inputs))


def copula(inputs):
    """tests/evidence/test_draws.py: rank correlations through a Gaussian copula, by its formula."""
    pair = inputs.correlations[0]
    assert abs(pair.latent - 2 * np.sin(np.pi * pair.rank_correlation / 6)) < 1e-12


COMPARISONS = {"tests/independent": second_implementation, "tests/evidence/test_draws.py": copula}


# How some of the faults are made.


class Changed(dict):
    """Draws of which each, as it is read, goes through `change(name, values, draws)`."""

    def __init__(self, drawn, change):
        super().__init__(drawn)
        self.drawn, self.change = drawn, change

    def __getitem__(self, name):
        return self.change(name, self.drawn[name], self.drawn)


def draws_changed(module, name, change):
    """A function or class of the model whose draws, given first, go through `change(name, values, draws)`."""
    return wrapped(module, name, lambda f: lambda drawn, *more: f(Changed(drawn, change), *more))


def schemes_changed(change):
    """`plan.scheme_of` whose scheme goes through `change(scheme, terms)`."""
    return wrapped(plan, "scheme_of", lambda f: lambda terms: change(f(terms), terms))


def other_window(step):
    def change(found, terms):
        if terms.kind != "drug_cost_cap":
            return found
        return dataclasses.replace(found, steps=((0, 1.0), (terms.drug_cost_cap_cycles + step, 0.0)))

    return schemes_changed(change)


def free_at_the_end(found, terms):
    return dataclasses.replace(found, steps=((0, 1.0), (terms.free_cycles, 0.0))) if terms.free_cycles else found


def the_discount_is_paid(found, terms):
    return dataclasses.replace(found, steps=((0, terms.price_discount),)) if terms.price_discount is not None else found


def tiers_a_cycle_late(found, _terms):
    return dataclasses.replace(found, steps=tuple((cycle and cycle + 1, share) for cycle, share in found.steps))


def half_cycle_on_packs(original):
    def upto(packs, cycle):
        treated = packs.paths.of[treatment.ON_TREATMENT]
        return original(packs, cycle) * treated.years(0.0, "life_table") / treated.years(0.0, "start")

    return upto


def costs_changed(change):
    """`Valuation.costs` with `change(costs, valuation, rate)` made to what it returns."""

    def around(original):
        def costs(worth, rate):
            found = original(worth, rate)
            return change(found, worth, rate) or found

        return costs

    return wrapped(valuation.Valuation, "costs", around)


def related_stop_with_the_drug(found, worth, rate):
    treated = worth.paths.of[treatment.ON_TREATMENT]
    for name in ("dexamethasone", "monitoring", "thromboprophylaxis", "pregnancy_prevention", "dispensing"):
        found["pas"][name] = found["pas"][name] * treated.at_starts(rate, 26) / treated.at_starts(rate)


def names_changed(change):
    """What amounts are worked out with."""
    return draws_changed(model, "Valuation", change)


def scaled_component(name, factor):
    def change(found, *_):
        for costs in found.values():
            costs[name] = costs[name] * factor

    return costs_changed(change)


def without_component(arrangement, name):
    def change(found, *_):
        found[arrangement][name] = found[arrangement][name] * 0.0

    return costs_changed(change)


def one_rate_for_both(original):
    return lambda worth, rate: original(worth, worth.plan.inputs.settings.discount_rate_costs if rate else 0.0)


def qalys_changed(change):
    def around(original):
        def qalys(*given):
            found = original(*given)
            return change(found) or found

        return qalys

    return wrapped(valuation.Valuation, "qalys", around)


def twice_the_loss(found):
    return found | {"adverse_events": 2 * found["adverse_events"]}


def discounting(factor):
    """A wrong discount factor of rate and years, wherever the model discounts."""
    return replaced(payoffs, "discount_factors", lambda rate, years, *, by_year=False: factor(rate, years))


def moves_changed(change):
    """`structures.state_transition` whose moves of each cycle go through `change(stay, progressed, pfs, share, floor, cycle)`."""

    def around(original):
        def state_transition(pfs, share, death, floor, **more):
            steps = original(pfs, share, death, floor, **more)

            def moves(cycle):
                stay, move = steps(cycle)
                return change({k: v.copy() for k, v in stay.items()}, {k: v.copy() for k, v in move.items()}, share, floor, cycle)

            return moves

        return state_transition

    return wrapped(structures, "state_transition", around)


FREE, PROGRESSED, PROGRESSION = "progression_free", "progressed", ("progression_free", "progressed")


def resurrection(stay, move, *_):
    stay[PROGRESSED] = np.full_like(stay[PROGRESSED], 1.002)
    return stay, move


def deaths_lost(stay, move, *_):
    move[PROGRESSION] = 1 - stay[FREE]
    return stay, move


def apart(stay, move, share, *_):
    """Progression as if nobody could die in the same cycle."""
    move[PROGRESSION] = 1 - stay[FREE] ** share
    return stay, move


def floor_added(stay, move, _share, floor, cycle):
    return {state: share * np.exp(-floor[cycle]) for state, share in stay.items()}, move


def last_goes_round(original):
    def step_through(occupancy, moves_of, n_cycles, record):
        return original(occupancy, lambda cycle: moves_of(0 if cycle == n_cycles - 1 else cycle), n_cycles, record)

    return step_through


def some_lost_at_the_start(original):
    def step_through(occupancy, moves_of, n_cycles, record):
        def fewer(cycle, seen):
            record(cycle, {state: shares * (0.99 if cycle == 0 else 1.0) for state, shares in seen.items()})

        return original(occupancy, moves_of, n_cycles, fewer)

    return step_through


def ratio_on_probability(original):
    def os_steps(drawn, inputs):
        if inputs.settings.intervention_survival != "hazard_ratio":
            return original(drawn, inputs)
        settings, source = inputs.with_settings(intervention_survival="median"), curves.comparator(inputs)
        own, names = original(drawn, settings), inputs.settings.strategy_names

        def over(change):
            probability = 1 - np.exp(change[[source] * len(names)])
            ratios = np.array(
                [drawn[f"hr_death_{n}"] if i != source else drawn["age_start"] * 0 + 1 for i, n in enumerate(names)]
            )
            return np.log1p(-np.minimum(ratios * probability, 1 - 1e-12))

        return hazards.changed(own, over)

    return os_steps


def hazards_mixed(male, female, *, age, share_male, n_cycles, cycle_years):
    times = np.arange(n_cycles + 1)[:, None] * cycle_years
    totals = [background.cumulative_hazard(table, age + times) for table in (male, female)]
    return np.diff(share_male * totals[0] + (1 - share_male) * totals[1], axis=0)


def sexes_swapped(original):
    return lambda male, female, *, share_male, **more: original(male, female, share_male=1 - share_male, **more)


def from_the_mean(kind, value, se, low, high):
    if kind == "lognormal":
        return distributions.Distribution(kind, np.log(value), np.sqrt(np.log1p((se / value) ** 2)))
    return distributions.from_moments(kind, value, se, low, high)


def errors_as_deviations(original):
    return lambda kind, value, se, low, high: original(kind, value, None if se is None else 3 * se, low, high)


def of_a_fourth_of_the_people(original):
    def from_moments(*given):
        found, by = original(*given), 4 if given[0] == "dirichlet" else 1
        return dataclasses.replace(found, first=found.first / by, second=found.second / by)

    return from_moments


def one_error_for_shares(row):
    return (row.value - (row.se or 0.0), row.value + (row.se or 0.0)) if row.distribution == "dirichlet" else INTERVAL.fget(row)


INTERVAL = parameters.Parameter.interval


def lost_where_rare(original):
    """Nothing is wrong in 999 draws of a thousand."""

    def qalys(worth, rate):
        found = original(worth, rate)
        return found | {"progressed": np.where(worth.draws["u_progressed"] > 0.79, 0.0, 1.0) * found["progressed"]}

    return qalys


def paid_back_where_rare(found, worth, _rate):
    for costs in found.values():
        costs["terminal_care"] = np.where(worth.draws["c_terminal_care"] > 14_500, -1.0, 1.0) * costs["terminal_care"]


def alone_worth_more(original):
    def worth(benefit, values):
        found = original(benefit, values)
        return dataclasses.replace(found, value=100 * found.value) if values.shape[1] == 1 else found

    return worth


def share_above_the_cut_off(general, current, *, absolute, proportional, weights):
    lost = general - current
    level = max(sum(lost >= cut - 1e-9 for cut in absolute), sum(lost / general > cut for cut in proportional))
    return severity.Severity(general, current, lost, lost / general, float(weights[level]), "")


def of_nobody_over_sixty(original):
    return lambda male, female, *, age, **more: original(male, female, age=0 * age + 60.0, **more)


def per_person(original):
    return lambda kind, value, se, low, high: original(kind, value, None if se is None else se / 10, low, high)


def interval_of_two_errors(original):
    def from_moments(kind, value, se, low, high):
        found = original(kind, value, se, low, high)
        return dataclasses.replace(found, second=np.log(high / low) / 2) if kind == "lognormal_median" else found

    return from_moments


def alpha_for_beta(original):
    def from_moments(*given):
        found = original(*given)
        return dataclasses.replace(found, first=found.second, second=found.first) if found.kind == "beta" else found

    return from_moments


def other_draws_for_the_first(original):
    def live_block(prepared, *more):
        drawn, lives, found = original(prepared, *more)
        other = original(dataclasses.replace(prepared, seed=prepared.seed + 1), *more)[2]
        mixed = {name: np.concatenate([other.qalys[name][:1], x[1:]]) for name, x in found.qalys.items()}
        return drawn, lives, dataclasses.replace(found, qalys=mixed)

    return live_block


def rows_reversed(original):
    def live_block(*given):
        drawn, lives, found = original(*given)
        return drawn, lives, dataclasses.replace(found, qalys={name: x[:, ::-1].copy() for name, x in found.qalys.items()})

    return live_block


def best_of_the_rest(costs, effects, thresholds, names=None):
    """The frontier of the strategy that is best in most draws."""
    curve = acceptability.acceptability_curve(costs, effects, thresholds, names=names)
    money, health = np.asarray(costs), np.asarray(effects)
    best = curve.to_numpy().argmax(axis=1)
    expected = [float(t * health[:, i].mean() - money[:, i].mean()) for t, i in zip(curve.index, best, strict=True)]
    frame = curve[[]].assign(strategy=[curve.columns[i] for i in best], probability=curve.max(axis=1))
    return frame.assign(expected_net_monetary_benefit=expected)


def mean_of_ratios(original):
    def icer_of_means(costs, effects, *, strategy, comparator, **more):
        found = original(costs, effects, strategy=strategy, comparator=comparator, **more)
        ratios = (costs[:, strategy] - costs[:, comparator]) / (effects[:, strategy] - effects[:, comparator])
        return dataclasses.replace(found, icer=float(ratios.mean()))

    return icer_of_means


def standard_deviation_as_error(original):
    def paired_increment(*given, **more):
        found = original(*given, **more)
        wide = dataclasses.replace(found.costs, standard_error=found.costs.standard_error * 10)
        return dataclasses.replace(found, costs=wide)

    return paired_increment


def worst_of_all(net_benefit):
    benefit = np.asarray(net_benefit)
    return information.InformationValue(benefit.mean(axis=0).max() - benefit.min(axis=1).mean(), 0.0)


def exclusive_cut_off(general, current, *, absolute, proportional, weights):
    lost = general - current
    level = max(sum(x > cut for cut in cuts) for x, cuts in ((lost, absolute), (lost / general, proportional)))
    return severity.Severity(general, current, lost, lost / general, float(weights[level]), "")


def state_between_runs():
    drift = itertools.count()
    return costs_changed(
        lambda found, *_: found["list"].update(terminal_care=found["list"]["terminal_care"] + 1e-9 * next(drift))
    )


def read_but_not_used(name, value, _draws):
    return 0 * value if name == "c_clinic_visit_first" else value


def four_weeks(original):
    return lambda unit, **lengths: 28 / 365.25 if unit == "months" else original(unit, **lengths)


def stay_longer(original):
    def rules(drawn, inputs):
        longer = [
            s.model_dump() | {"treatment_cycles": s.treatment_cycles and s.treatment_cycles + 1}
            for s in inputs.settings.strategies
        ]
        return original(drawn, inputs.with_settings(strategies=longer))

    return rules


def hazards_capped(stay, move, *_):
    return {state: np.maximum(shares, 0.5) for state, shares in stay.items()}, {e: np.minimum(p, 0.5) for e, p in move.items()}


def luck_of_the_first(original):
    def death_steps(drawn, inputs):
        luck = np.array([[0.9], *[[1.0]] * (len(inputs.settings.strategies) - 1)])
        return hazards.scaled(original(drawn, inputs), luck)

    return death_steps


def gamma_by_its_scale(original):
    def cumulative_hazard(family, times, given, **more):
        return original(family, times, [given[0], 1 / given[1]] if family == "gamma" else given, **more)

    return cumulative_hazard


def all_recent(original):
    def follow(drawn, inputs, record):
        def seen_by(cycle, seen):
            record(cycle, seen | {"recently_progressed": seen[PROGRESSED]} if "recently_progressed" in seen else seen)

        return original(drawn, inputs, seen_by)

    return follow


def nought_is_the_reference_case(original):
    def outcomes(self, *, discounted):
        inputs = self.plan.inputs
        if discounted and inputs.settings.discount_rate_effects == 0:
            usual = inputs.with_settings(discount_rate_effects=0.035)
            return original(model.live(self.worth.draws, usual), discounted=True)
        return original(self, discounted=discounted)

    return outcomes


def without_the_end(starts, ends, *, cycle_years, count):
    return cycle_years * {"life_table": starts - 0.5, "start": starts, "end": ends}[count]


def at_the_end_of_the_cycle(original):
    def years(sums, rate, count):
        return original(sums, rate, count) * float(sums.calendar.discounted(rate, sums.calendar.cycle_years / 2))

    return years


def averaged_over_the_horizon(original):
    def qalys(worth, rate):
        return {k: v / worth.plan.inputs.settings.horizon_years**2 for k, v in original(worth, rate).items()}

    return qalys


def everybody_has_neutropenia(name, value, _draws):
    return np.ones_like(value) if name.startswith("p_neutropenia") else value


def charged_to_everyone(original):
    def takers(row, settings):
        return settings.strategy_names if row.measure.kind == "charged pack" else original(row, settings)

    return takers


def rows_read(change):
    """`read_payoffs` of which each row goes through `change(row)`."""
    return wrapped(inputs, "read_payoffs", lambda f: lambda *given: [change(row) for row in f(*given)])


def a_cycle_more(measure):
    return dataclasses.replace(measure, last=measure.last and measure.last + 1)


def of_any_drug(row):
    is_of_one = row.owner.kind == "drug" and PRICE not in row.amount.names and "pack" not in row.measure.kind
    return dataclasses.replace(row, owner=Owner("drug", "*")) if is_of_one else row


def treated_as(share):
    """`with_treatment` that tells of the share `share(seen)` in place of the one on treatment."""

    def around(original):
        def with_treatment(drawn, inputs, record, crossings):
            def seen_by(cycle, seen):
                record(cycle, seen | dict.fromkeys((treatment.ON_TREATMENT, treatment.BEFORE_RULES), share(seen)))

            return original(drawn, inputs, seen_by, crossings)

        return with_treatment

    return wrapped(model, "with_treatment", around)


def minus_as_plus(original):
    def plus(tree):
        if isinstance(tree, amounts.Operation):
            return amounts.Operation("+" if tree.sign == "-" else tree.sign, plus(tree.left), plus(tree.right))
        return tree

    return lambda amount, values: original(dataclasses.replace(amount, tree=plus(amount.tree)), values)


def without_brackets(original):
    def renamed(amount, name):
        plain = amount.text.replace("(", "").replace(")", "")
        return original(amount if "NORMSDIST" in plain else amounts.parse(plain), name)

    return renamed


def with_shares_apart(inputs):
    """Inputs whose shares of packs are each a parameter alone."""
    rows = inputs.parameters.items()
    apart = {n: dataclasses.replace(p, distribution="beta") if p.distribution == "dirichlet" else p for n, p in rows}
    return dataclasses.replace(inputs, parameters=apart)


def without_extended_dominance(original):
    def incremental_analysis(*given):
        found = original(*given)
        return found.assign(status=found["status"].replace("extendedly dominated", "on frontier"))

    return incremental_analysis


def the_first_ones(name, strategy, parameters):
    own = f"{name}_lenalidomide_dexamethasone"
    return own if own in parameters else name


def a_week_late(original):
    return lambda *given: ((day + 7.0, cycle) for day, cycle in original(*given))


def at_the_start_of_the_cycle(original):
    return lambda *given: [[dataclasses.replace(g, part=0.0) for g in own] for own in original(*given)]


def the_other_way_round(original):
    def share(drawn, inputs):
        found = original(drawn, inputs)
        return np.where(found == 1, found, 1 - found)

    return share


def parts_of_vials(terms, most):
    """What the dose takes of the vials, whatever is left over."""
    return ORIGINAL_PRICE(terms.model_copy(update={"shared": True}), most)


ORIGINAL_PRICE = vials.expected_price


def seed_shifts(original):
    return lambda seed, *given: original(seed, *given) ** (1 + 0.3 * (seed % 2))


def at_the_wrong_end(rate, years):
    return (1 + rate) ** np.asarray(years, dtype=np.float64)


SWAPPED = {"u_progression_free": "u_progressed", "u_progressed": "u_progression_free"}
DISPENSED = {"scheme_counts": "dispensed"}
INTERRUPTED = {"p_pack_dispensed": 0.8}
BY_AGE = {"utility_age_adjustment": "general_population"}
PARTED = {"structure": "partitioned_survival"}
REFUND = {
    "schemes": {"refund": {"kind": "response_refund", "drug": "lenalidomide", "label": "Refund", "response_by_cycle": 13}},
    "price_arrangements": ["list", "refund"],
}
WANING = {"effect_waning": {"from_years": 2.0, "to_years": 5.0}}
CLOCK = {"post_progression_clock_cycles": 13}
LOSSES = {"also_counted": ["utility_loss_near_death", "second_cancers"]}

FAULTS = {
    # who pays for which pack
    "cap_one_cycle_early": Fault("The cap begins one cycle early", "scheme", other_window(-1), ("R28", "R17")),
    "cap_one_cycle_late": Fault("The cap begins one cycle late", "scheme", other_window(1), ("R28", "R29")),
    "half_cycle_correction_on_packs": Fault(
        "Half-cycle correction on packs", "scheme", wrapped(paths.Packs, "upto", half_cycle_on_packs), ("R20", "R28")
    ),
    "related_costs_stop": Fault(
        "Related costs stop when the drug becomes free", "scheme", costs_changed(related_stop_with_the_drug), ("R28",)
    ),
    "free_start_is_a_cap": Fault("A free start charges the first cycles", "scheme", schemes_changed(free_at_the_end), ("R29",)),
    "discount_pays_the_discount": Fault(
        "A price discount charges what it should take off",
        "scheme",
        schemes_changed(the_discount_is_paid),
        ("R29",),
    ),
    "refund_not_discounted": Fault(
        "A refund is not discounted from when it is due",
        "scheme",
        replaced(paths.Packs, "discount_at", lambda *_: 1.0),
        ("R28",),
        settings=REFUND,
    ),
    "dispensed_packs_off_by_one": Fault(
        "Packs counted as dispensed: one too many",
        "scheme",
        wrapped(schemes, "share_within", lambda f: lambda cycle, q, window, state: f(cycle, q, window + 1, state)),
        ("R28",),
        settings=DISPENSED,
        values=INTERRUPTED,
    ),
    "scheme_without_running_cost": Fault(
        "The cost of running the scheme is forgotten", "scheme", without_component("pas", "scheme_running"), ("R28",)
    ),
    "tiers_a_cycle_late": Fault(
        "A tier of a discount begins a cycle late", "scheme", schemes_changed(tiers_a_cycle_late), ("R28",), problem="two_drugs"
    ),
    "no_pack_paid_in_part": Fault(
        "A cap on what is paid for a person leaves out the pack at which it is reached",
        "scheme",
        wrapped(schemes, "share_paid", lambda f: lambda *given: np.floor(f(*given))),
        ("R28",),
        problem="two_drugs",
    ),
    "one_scheme_of_two": Fault(
        "Of an arrangement of two schemes one is forgotten",
        "scheme",
        wrapped(Settings, "schemes_in", lambda f: lambda self, name: dict(list(f(self, name).items())[:1])),
        ("R28",),
        problem="two_drugs",
    ),
    # drugs
    "givings_a_week_late": Fault(
        "A drug is given a week late", "drugs", wrapped(plan, "givings", a_week_late), ("R28",), problem="two_drugs"
    ),
    "givings_at_the_start": Fault(
        "A drug is given to those there at the start of the cycle of the model, not on its day",
        "drugs",
        wrapped(plan.Plan, "givings_of", at_the_start_of_the_cycle),
        ("R28",),
        problem="one_prior",
    ),
    "the_wrong_ones_stop": Fault(
        "By response the others stop",
        "drugs",
        wrapped(treatment, "share_that_goes_on", the_other_way_round),
        ("F8",),
        problem="two_drugs",
    ),
    "parts_of_vials": Fault(
        "Vials are divided, and nothing is thrown away",
        "drugs",
        replaced(inputs, "expected_price", parts_of_vials),
        ("R28",),
        problem="two_drugs",
    ),
    "everybody_of_the_mean": Fault(
        "Everybody has the mean size",
        "drugs",
        names_changed(lambda name, x, _: x * (0.01 if name == "n_weight_spread" else 1.0)),
        ("R28", "R17"),
        problem="two_drugs",
    ),
    "size_not_used": Fault(
        "The size that doses go by is written into the program",
        "drugs",
        names_changed(lambda name, x, _: 0 * x + 74.0 if name == "n_weight" else x),
        ("I2",),
        problem="two_drugs",
    ),
    # rows
    "window_read_too_long": Fault(
        "The last cycle of a row's window is read as one more",
        "costs and QALYs",
        rows_read(lambda row: dataclasses.replace(row, measure=a_cycle_more(row.measure))),
        ("R28",),
        while_reading=True,
    ),
    "everybody_who_has_any_drug": Fault(
        "A row of one drug is read as of any drug",
        "costs and QALYs",
        rows_read(of_any_drug),
        ("R28",),
        while_reading=True,
    ),
    "option_always_counted": Fault(
        "Rows that count only when asked for are read as counting always",
        "costs and QALYs",
        rows_read(lambda row: dataclasses.replace(row, counted="") if row.counted == "second_cancers" else row),
        ("R28",),
        while_reading=True,
    ),
    "events_at_the_start": Fault(
        "Adverse events are read as of the start, whatever their rows say",
        "costs and QALYs",
        wrapped(inputs, "read_events", lambda f: lambda *g: [dataclasses.replace(x, measure=Measure("start")) for x in f(*g)]),
        ("R28",),
        while_reading=True,
    ),
    "minus_as_plus": Fault(
        "An amount adds what it should take off",
        "costs and QALYs",
        wrapped(amounts.Amount, "value", minus_as_plus),
        ("R28",),
    ),
    "brackets_forgotten": Fault(
        "An amount is worked out without its brackets",
        "costs and QALYs",
        wrapped(amounts.Amount, "renamed", without_brackets),
        ("R28",),
        problem="two_drugs",
    ),
    "own_parameter_not_found": Fault(
        "A name in an amount means the first strategy's parameter for all",
        "costs and QALYs",
        replaced(plan, "column_of", the_first_ones),
        ("R28",),
    ),
    "window_a_cycle_late": Fault(
        "A row of the first treatment cycles goes on for one more",
        "costs and QALYs",
        wrapped(CycleSums, "at_starts", lambda f: lambda self, rate, upto=None: f(self, rate, 5 if upto == 4 else upto)),
        ("R28",),
    ),
    # discounting
    "one_discount_rate": Fault(
        "Health is discounted at the rate for costs",
        "discounting",
        wrapped(valuation.Valuation, "qalys", one_rate_for_both),
        ("R28",),
    ),
    "compounded_by_cycle": Fault(
        "(1 + r * cycle)^-k in place of (1 + r)^-years",
        "discounting",
        discounting(lambda rate, years: (1 + rate * CYCLE_YEARS) ** -(np.asarray(years) / CYCLE_YEARS)),
        ("R9", "R28"),
    ),
    "first_year_undiscounted": Fault(
        "The first year is not discounted",
        "discounting",
        discounting(lambda rate, years: np.where(np.asarray(years) < 1, 1.0, (1 + rate) ** -np.asarray(years, dtype=float))),
        ("R28",),
    ),
    "first_cycle_undiscounted": Fault(
        "Discounting begins a cycle late",
        "discounting",
        discounting(lambda rate, years: (1 + rate) ** -np.maximum(np.asarray(years, dtype=float) - CYCLE_YEARS, 0)),
        ("R9", "R28"),
    ),
    "discounted_at_the_end": Fault(
        "Time is discounted at the end of its cycle",
        "discounting",
        wrapped(CycleSums, "years", at_the_end_of_the_cycle),
        ("F5", "R28"),
    ),
    "terminal_care_undiscounted": Fault(
        "Care at the end of life is not discounted",
        "discounting",
        wrapped(paths.Paths, "deaths", lambda f: lambda lives, _rate: f(lives, 0.0)),
        ("R28",),
    ),
    "life_years_swapped": Fault(
        "Discounted life-years are reported as undiscounted",
        "discounting",
        wrapped(model.Lives, "life_years", lambda f: lambda self, *, discounted: f(self, discounted=True)),
        ("R28", "F5"),
    ),
    # costs
    "strategies_swapped": Fault(
        "QALYs of the strategies are exchanged",
        "costs and QALYs",
        qalys_changed(lambda found: {k: v[::-1] for k, v in found.items()}),
        ("R28", "R13"),
    ),
    "costs_of_strategies_swapped": Fault(
        "Costs of the strategies are exchanged",
        "costs and QALYs",
        costs_changed(lambda found, *_: {a: {c: x[::-1] for c, x in costs.items()} for a, costs in found.items()}),
        ("R28", "R29"),
    ),
    "utility_above_one": Fault(
        "A utility is above full health",
        "costs and QALYs",
        names_changed(lambda name, x, _: 1.5 * x if name.startswith("u_") else x),
        ("R12", "R13"),
    ),
    "drug_in_every_strategy": Fault(
        "A drug is charged to every strategy",
        "costs and QALYs",
        wrapped(Payoff, "takers", charged_to_everyone),
        ("I1", "R28"),
    ),
    "per_cycle_as_per_year": Fault(
        "A cost per cycle is charged per year",
        "costs and QALYs",
        scaled_component("post_progression_care", CYCLE_YEARS),
        ("R28",),
    ),
    "per_year_as_per_cycle": Fault(
        "A cost per year is charged per cycle",
        "costs and QALYs",
        scaled_component("post_progression_care", 1 / CYCLE_YEARS),
        ("R28",),
    ),
    "twelve_cycles_a_year": Fault(
        "A year has twelve cycles", "costs and QALYs", scaled_component("post_progression_care", 12 * CYCLE_YEARS), ("R28",)
    ),
    "events_twice": Fault(
        "Costs of adverse events counted twice", "costs and QALYs", scaled_component("adverse_events", 2), ("R28",)
    ),
    "one_strength_for_all": Fault(
        "Every pack is priced as 25 mg",
        "costs and QALYs",
        replaced(inputs.Inputs, "price_of", lambda *_: amounts.parse("c_lenalidomide_25mg_pack")),
        ("R20", "R28"),
        problem="maintenance",
    ),
    "interruptions_forgotten": Fault(
        "Packs are charged in cycles in which none is dispensed",
        "costs and QALYs",
        draws_changed(model, "Paths", lambda name, x, _: np.ones_like(x) if name == "p_pack_dispensed" else x),
        ("R20", "R28"),
        values=INTERRUPTED,
    ),
    "first_visit_forgotten": Fault(
        "A price is read and not used", "costs and QALYs", names_changed(read_but_not_used), ("U14", "R28")
    ),
    "a_component_left_out": Fault(
        "The total leaves out the last component",
        "costs and QALYs",
        replaced(outcomes, "sum_of", lambda parts: sum(list(parts.values())[:-1])),
        ("R16",),
        settings={"price_arrangements": ["pas"]},
    ),
    "state_between_runs": Fault("A run remembers the one before", "costs and QALYs", state_between_runs(), ("R26",)),
    # QALYs
    "loss_counted_twice": Fault(
        "Utility losses of adverse events counted twice", "costs and QALYs", qalys_changed(twice_the_loss), ("R28",)
    ),
    "loss_with_the_wrong_sign": Fault(
        "Utility losses are added",
        "costs and QALYs",
        qalys_changed(lambda found: found | {"adverse_events": -found["adverse_events"]}),
        ("R28",),
    ),
    "utilities_above_the_norm": Fault(
        "Utilities that follow age are not held at the norm",
        "costs and QALYs",
        wrapped(rules.UtilityNorm, "at", lambda f: lambda *given: 2 * f(*given)),
        ("F10", "R28"),
        settings=BY_AGE,
        values={"u_progression_free": 0.9},
    ),
    "utilities_do_not_age": Fault(
        "Utilities do not follow age",
        "costs and QALYs",
        wrapped(paths, "age_factor", lambda f: lambda *given: np.ones_like(f(*given))),
        ("F10", "R28"),
        settings=BY_AGE,
    ),
    "states_swapped": Fault(
        "Utilities of the two states are exchanged",
        "costs and QALYs",
        names_changed(lambda name, x, drawn: drawn[SWAPPED[name]] if name in SWAPPED else x),
        ("R28",),
    ),
    "nobody_dies_twice": Fault(
        "Utility lost near death falls on everyone",
        "costs and QALYs",
        wrapped(paths.Paths, "deaths", lambda f: lambda lives, rate: np.ones_like(f(lives, rate))),
        ("R28",),
        settings=LOSSES,
    ),
    # hazards and patient flow
    "ratio_on_the_probability": Fault(
        "A hazard ratio multiplies the probability", "patient flow", wrapped(curves, "os_steps", ratio_on_probability), ("I3",)
    ),
    "ratio_upside_down": Fault(
        "A hazard ratio divides",
        "patient flow",
        draws_changed(curves, "os_steps", lambda name, x, _: 1 / x if name.startswith("hr_death_") else x),
        ("I3",),
    ),
    "clock_ratio_ignored": Fault(
        "The hazard ratio of the clock is ignored",
        "patient flow",
        replaced(hazards, "scaled", lambda steps, factor: steps),
        ("I4",),
    ),
    "clock_one_cycle_long": Fault(
        "The clock after progression runs a cycle too long",
        "patient flow",
        wrapped(
            structures,
            "with_clock",
            lambda f: lambda moves, occupancy, state, window, **more: f(moves, occupancy, state, window + 1, **more),
        ),
        ("F8", "tests/independent"),
        settings=CLOCK,
    ),
    "waning_never_begins": Fault(
        "The treatment effect never fades",
        "patient flow",
        replaced(hazards, "with_waning", lambda steps, comparator, gone: steps),
        ("F8", "tests/independent"),
        settings=WANING,
    ),
    "waning_a_year_late": Fault(
        "The treatment effect fades a year late",
        "patient flow",
        wrapped(hazards, "ramp", lambda f: lambda begin, end, years: f(begin + 1, end + 1, years)),
        ("F8", "tests/independent"),
        settings=WANING,
    ),
    "rate_times_time": Fault(
        "Rate times time is taken as a probability",
        "patient flow",
        replaced(hazards, "constant", lambda rate, years: lambda _: np.log1p(-np.minimum(rate * years, 1 - 1e-12))),
        ("I7", "F8"),
    ),
    "rate_per_cycle": Fault(
        "A rate per year is taken as one per cycle",
        "patient flow",
        wrapped(hazards, "constant", lambda f: lambda rate, _years: f(rate, 1.0)),
        ("I7", "F8"),
    ),
    "median_as_mean": Fault(
        "The median is taken for the mean of the curve",
        "patient flow",
        replaced(survival_curves, "weibull_rate", lambda median, shape: median**-shape),
        ("I5.1", "F8"),
    ),
    "shape_forgotten": Fault(
        "The rate of a Weibull ignores its shape",
        "patient flow",
        replaced(survival_curves, "weibull_rate", lambda median, shape: np.log(2) / median),
        ("I5.1", "F8"),
    ),
    "time_shifted": Fault(
        "Curves are read one cycle late",
        "patient flow",
        wrapped(survival_curves, "log_times", lambda f: lambda n, years: np.concatenate([f(n + 1, years)[1:]])),
        ("I5.1", "F8"),
    ),
    "months_of_four_weeks": Fault("A month has four weeks", "patient flow", wrapped(settings, "years_per", four_weeks), ("F8",)),
    "dead_come_back": Fault("The dead come back", "patient flow", moves_changed(resurrection), ("F3", "F9", "F8")),
    "deaths_lost": Fault(
        "Who dies before progression is counted as progressed", "patient flow", moves_changed(deaths_lost), ("F8",)
    ),
    "exits_apart": Fault("Progression as if nobody could die in the same cycle", "patient flow", moves_changed(apart), ("F8",)),
    "floor_added": Fault("Background mortality is added to the disease's", "patient flow", moves_changed(floor_added), ("F8",)),
    "share_inverted": Fault(
        "Shares of progression and death exchanged",
        "patient flow",
        wrapped(curves, "progression_share", lambda f: lambda *given: 1 - f(*given)),
        ("F8",),
    ),
    "share_without_shape": Fault(
        "The share of progression ignores the shape",
        "patient flow",
        replaced(curves, "progression_share", lambda drawn, inputs: curves.by_strategy(drawn, inputs, "ratio_pfs_to_ttp")),
        ("F8",),
    ),
    "last_cycle_like_the_first": Fault(
        "The last cycle uses the first one's probabilities",
        "patient flow",
        wrapped(model, "step_through", last_goes_round),
        ("F8",),
    ),
    "some_lost_at_the_start": Fault(
        "One in a hundred is missing in the first cycle",
        "patient flow",
        wrapped(model, "step_through", some_lost_at_the_start),
        ("F1",),
    ),
    "horizon_one_short": Fault(
        "The horizon is a cycle short",
        "patient flow",
        replaced(Settings, "n_cycles", property(lambda s: round(s.horizon_years / CYCLE_YEARS) - 1)),
        ("F4", "F5"),
    ),
    "treatment_goes_on": Fault(
        "Treatment goes on after progression",
        "patient flow",
        treated_as(lambda seen: seen["progression_free"] + seen["progressed"]),
        ("F8", "R20"),
    ),
    "a_cycle_more_treatment": Fault(
        "Treatment of fixed duration lasts a cycle longer",
        "patient flow",
        wrapped(treatment, "stay_by_cycle", stay_longer),
        ("F8",),
        problem="first_line",
    ),
    "progressed_is_all_alive": Fault(
        "Partitioned survival counts everyone alive as progressed",
        "patient flow",
        wrapped(structures, "partitioned_survival", lambda f: lambda *given: ((free, both + free) for free, both in f(*given))),
        ("F2", "F8"),
        settings=PARTED,
    ),
    # the general population
    "life_table_a_year_late": Fault(
        "The life table is read a year late",
        "general population",
        wrapped(background, "cumulative_hazard", lambda f: lambda table, ages: f(table, ages + 1)),
        ("F9.1", "R30"),
    ),
    "sexes_swapped": Fault(
        "Weights of the sexes exchanged", "general population", wrapped(model, "hazard_increments", sexes_swapped), ("F9.1",)
    ),
    "hazards_mixed": Fault(
        "Hazards of men and women mixed in place of people",
        "general population",
        replaced(model, "hazard_increments", hazards_mixed),
        ("F9.1",),
    ),
    "probability_as_hazard": Fault(
        "Annual probabilities of death taken as hazards",
        "general population",
        wrapped(background, "cumulative_hazard", lambda f: lambda table, ages: f(-np.expm1(-table), ages)),
        ("F9.1",),
    ),
    "no_background_mortality": Fault(
        "The general population's mortality is left out",
        "general population",
        wrapped(model, "background_hazards", lambda f: lambda *given: 0 * f(*given)),
        ("F9.1",),
    ),
    "age_ignored": Fault(
        "The age at the start is read and not used",
        "general population",
        wrapped(model, "hazard_increments", of_nobody_over_sixty),
        ("U14", "F9.1"),
    ),
    "clock_where_none_was_asked_for": Fault(
        "The clock runs a cycle too long, in inputs without a clock",
        "patient flow",
        wrapped(
            structures,
            "with_clock",
            lambda f: lambda moves, occupancy, state, window, **more: f(moves, occupancy, state, window + 1, **more),
        ),
        ("F7",),
        problem="maintenance",
    ),
    # what the extremes show
    "treatment_never_ends": Fault(
        "Treatment never ends, not even by death",
        "patient flow",
        treated_as(lambda seen: np.ones_like(seen["progression_free"])),
        ("I5", "F8"),
    ),
    "gamma_by_its_scale": Fault(
        "The rate of a gamma curve is taken for its scale",
        "patient flow",
        wrapped(families, "cumulative_hazard", gamma_by_its_scale),
        ("I6",),
    ),
    "probabilities_capped": Fault(
        "Probabilities are clipped at one half", "patient flow", moves_changed(hazards_capped), ("F6", "I7")
    ),
    "all_recent": Fault(
        "The clock counts everyone progressed as recent",
        "patient flow",
        wrapped(model, "follow", all_recent),
        ("F7",),
        settings=CLOCK,
    ),
    "luck_of_the_first": Fault(
        "The first strategy lives longer whatever its inputs",
        "patient flow",
        wrapped(curves, "death_steps", luck_of_the_first),
        ("R5", "R7", "F8"),
    ),
    "a_gift_of_health": Fault(
        "A hundredth of a QALY for everyone",
        "costs and QALYs",
        qalys_changed(lambda found: found | {"progressed": found["progressed"] + 0.01}),
        ("R1", "R2"),
    ),
    "utility_of_its_own": Fault(
        "A utility is written into the program",
        "costs and QALYs",
        names_changed(lambda name, x, _: 0 * x + 0.7 if name.startswith("u_") else x),
        ("R2", "R3", "U14"),
    ),
    "cost_of_its_own": Fault(
        "A cost is written into the program",
        "costs and QALYs",
        costs_changed(lambda found, *_: found["pas"].update(monitoring=found["pas"]["monitoring"] + 100)),
        ("R4", "R22"),
    ),
    "events_without_their_share": Fault(
        "Everyone has an adverse event",
        "costs and QALYs",
        names_changed(everybody_has_neutropenia),
        ("R18", "R28"),
    ),
    "half_cycle_by_subtraction": Fault(
        "Half-cycle correction takes half of the start and forgets the end",
        "costs and QALYs",
        replaced(payoffs, "years_in_state", without_the_end),
        ("R15", "R28"),
    ),
    "averaged_over_the_horizon": Fault(
        "QALYs are divided by the horizon",
        "costs and QALYs",
        wrapped(valuation.Valuation, "qalys", averaged_over_the_horizon),
        ("R14", "R28"),
    ),
    "nought_is_the_reference_case": Fault(
        "A discount rate of nought is taken as not given",
        "discounting",
        wrapped(model.Lives, "outcomes", nought_is_the_reference_case),
        ("R8",),
    ),
    "discounting_upside_down": Fault(
        "Discounting makes later costs larger", "discounting", discounting(at_the_wrong_end), ("R9", "R10", "R12")
    ),
    "rates_capped": Fault(
        "Discount rates are held at 10 %",
        "discounting",
        discounting(lambda rate, years: (1 + min(rate, 0.1)) ** -np.asarray(years, dtype=np.float64)),
        ("R11",),
    ),
    "seed_shifts": Fault(
        "Odd seeds give other means than even ones", "draws", wrapped(draws, "uniforms", seed_shifts), ("U7", "U5")
    ),
    # from evidence to draws
    "se_of_a_hundred": Fault(
        "Standard errors are taken for standard deviations of a hundred people",
        "draws",
        wrapped(parameters, "from_moments", per_person),
        ("U3", "U1"),
    ),
    "errors_as_deviations": Fault(
        "Standard deviations are taken for standard errors",
        "draws",
        wrapped(parameters, "from_moments", errors_as_deviations),
        ("U3", "U1"),
    ),
    "shares_of_fewer_people": Fault(
        "Shares of packs are drawn as of a fourth of the people",
        "draws",
        wrapped(parameters, "from_moments", of_a_fourth_of_the_people),
        ("U3", "U11"),
        problem="maintenance",
    ),
    "share_with_one_error": Fault(
        "Intervals of shares of packs are one standard error wide",
        "one-way",
        replaced(parameters.Parameter, "interval", property(one_error_for_shares)),
        ("U1",),
        problem="maintenance",
    ),
    "lost_in_a_few_draws": Fault(
        "QALYs are lost in one draw of a thousand", "draws", wrapped(valuation.Valuation, "qalys", lost_where_rare), ("U12",)
    ),
    "paid_back_in_a_few_draws": Fault(
        "A cost is taken off in one draw of a thousand", "draws", costs_changed(paid_back_where_rare), ("U12",)
    ),
    "interval_of_two_errors": Fault(
        "A 95 % interval is taken as two standard errors wide",
        "draws",
        wrapped(parameters, "from_moments", interval_of_two_errors),
        ("U1", "U3", "I8"),
    ),
    "mean_as_median": Fault(
        "The mean of a log-normal is taken as its median",
        "draws",
        replaced(parameters, "from_moments", from_the_mean),
        ("U1", "U5"),
    ),
    "alpha_for_beta": Fault(
        "Alpha and beta exchanged", "draws", wrapped(parameters, "from_moments", alpha_for_beta), ("U5", "U1")
    ),
    "correlation_ignored": Fault(
        "Correlations are ignored", "draws", replaced(draws, "latent_correlations", lambda inputs: ([], np.eye(0))), ("U5.1",)
    ),
    "rank_as_latent": Fault(
        "A rank correlation is put into the copula as it is",
        "draws",
        replaced(Correlation, "latent", property(lambda pair: pair.rank_correlation)),
        ("tests/evidence/test_draws.py",),
    ),
    "draws_not_shared": Fault(
        "One strategy has draws of its own", "draws", wrapped(psa, "live_block", other_draws_for_the_first), ("U10",)
    ),
    "rows_reversed": Fault(
        "Row i of the draws is not draw i of the results", "draws", wrapped(psa, "live_block", rows_reversed), ("U10", "U8")
    ),
    "bits_of_the_block": Fault(
        "Every block begins with the first draws",
        "draws",
        wrapped(draws.Sampler, "block", lambda f: lambda self, start, stop: f(self, 0, stop - start)),
        ("U8",),
    ),
    "uneven_uniforms": Fault(
        "Uniform numbers are not uniform",
        "draws",
        wrapped(draws, "uniforms", lambda f: lambda *given: f(*given) ** 1.2),
        ("U11", "U5"),
    ),
    "shares_drawn_apart": Fault(
        "Shares of packs are drawn apart",
        "draws",
        wrapped(model, "sampler", lambda f: lambda *a, **k: dataclasses.replace(f(*a, **k), shares=())),
        ("U12", "U5"),
        problem="maintenance",
    ),
    # one-way analysis
    "one_error_wide": Fault("Bounds are one standard error wide", "one-way", replaced(one_way, "Z_95", 1.0), ("U1",)),
    "shares_moved_alone": Fault(
        "Shares of packs are moved alone and not listed",
        "one-way",
        wrapped(subject, "run_one_way", lambda f: lambda given: f(with_shares_apart(given))),
        ("U2",),
        problem="maintenance",
    ),
    # decision
    "dominance_on_the_wrong_side": Fault(
        "Dominance on the wrong side",
        "decision",
        wrapped(of_results, "incremental_analysis", lambda f: lambda names, cost, effect: f(names, cost, max(effect) - effect)),
        ("R23",),
    ),
    "no_extended_dominance": Fault(
        "The frontier ignores extended dominance",
        "decision",
        wrapped(of_results, "incremental_analysis", without_extended_dominance),
        ("R23",),
    ),
    "ratio_everywhere": Fault(
        "A ratio is given where it means nothing",
        "decision",
        replaced(incremental, "icer", lambda cost, effect: float(cost / effect) if effect else 0.0),
        ("R24", "R6"),
    ),
    "ratio_of_effect_to_cost": Fault(
        "The ratio is turned over",
        "decision",
        replaced(incremental, "icer", lambda cost, effect: float(effect / cost) if cost and effect else float("nan")),
        ("R24",),
    ),
    "words_swapped": Fault(
        "Dominant and dominated exchanged",
        "decision",
        wrapped(
            incremental,
            "describe_icer",
            lambda f: lambda cost, effect: f(-cost, -effect) if cost * effect <= 0 else f(cost, effect),
        ),
        ("R24",),
    ),
    "mean_of_ratios": Fault(
        "The mean of ratios in place of the ratio of means",
        "decision",
        wrapped(intervals, "icer_of_means", mean_of_ratios),
        ("U6.1",),
    ),
    "deviation_as_error": Fault(
        "Standard deviations given as standard errors of means",
        "decision",
        wrapped(intervals, "paired_increment", standard_deviation_as_error),
        ("U6.1",),
    ),
    "acceptability_does_not_sum": Fault(
        "Acceptability does not sum to one",
        "decision",
        wrapped(acceptability, "acceptability_curve", lambda f: lambda *given, **more: 0.9 * f(*given, **more)),
        ("U9",),
    ),
    "frontier_of_the_likeliest": Fault(
        "The acceptability frontier follows the likeliest strategy",
        "decision",
        replaced(acceptability, "acceptability_frontier", best_of_the_rest),
        ("U9",),
    ),
    "evpi_with_the_worst": Fault(
        "EVPI with the lowest in place of the highest", "decision", replaced(information, "evpi", worst_of_all), ("U13",)
    ),
    "severity_above_the_cut_off": Fault(
        "The severity cut-off is exclusive", "decision", replaced(severity, "severity", exclusive_cut_off), ("R30",)
    ),
    "evppi_above_evpi": Fault(
        "A parameter alone is worth more than all together",
        "decision",
        wrapped(information, "evppi", alone_worth_more),
        ("U13",),
    ),
    "severity_share_above_the_cut_off": Fault(
        "The cut-off of the proportional shortfall is exclusive",
        "decision",
        replaced(severity, "severity", share_above_the_cut_off),
        ("R30",),
    ),
    "severity_of_the_undiscounted": Fault(
        "The shortfall is counted from other QALYs than the comparator's",
        "decision",
        wrapped(severity_analysis, "severity", lambda f: lambda general, own, **rule: f(general, 1.1 * own, **rule)),
        ("R30",),
    ),
    "severity_undiscounted": Fault(
        "The general population's QALYs are not discounted",
        "decision",
        wrapped(
            severity_analysis,
            "quality_adjusted_life_expectancy",
            lambda f: lambda *given, **more: f(*given, **(more | {"discount_rate": 0.0})),
        ),
        ("R30",),
    ),
    "sums_cut_late": Fault(
        "Sums up to a cycle hold one cycle more",
        "costs and QALYs",
        wrapped(
            CycleSums,
            "__init__",
            lambda f: lambda self, rates, calendar, *, cuts=(): f(self, rates, calendar, cuts=[c + 1 for c in cuts]),
        ),
        ("R28",),
    ),
}

SLIPS = {
    "rate_per_decade": Slip(
        "A rate is typed ten times too high",
        "E1",
        "median_os of lenalidomide_dexamethasone",
        lambda inputs: inputs.with_values(r_death_progressed_lenalidomide_dexamethasone=3.3),
    ),
    "utilities_exchanged": Slip(
        "Utilities of the two states are exchanged",
        "E2",
        "0.81 progressed",
        lambda inputs: inputs.with_values(u_progression_free=0.64, u_progressed=0.81),
    ),
    "deviation_of_a_utility": Slip(
        "The standard deviation of a utility is typed as its standard error",
        "E3",
        "u_progression_free 0.81, se 0.25",
        lambda inputs: with_row(inputs, "u_progression_free", se=0.25),
    ),
    "deviation_of_a_cost": Slip(
        "The standard deviation of a cost is typed as its standard error",
        "E3",
        "c_terminal_care 8714.03, se 5000",
        lambda inputs: with_row(inputs, "c_terminal_care", se=5000.0, note="Mean cost of the last year"),
    ),
    "deviation_in_spite_of_the_note": Slip(
        "The same, and the note still speaks of the old one",
        "E3",
        "c_post_progression_care 500, se 2500",
        lambda inputs: with_row(inputs, "c_post_progression_care", se=2500.0),
    ),
    "scheme_dearer_than_none": Slip(
        "A scheme costs more to run than it saves",
        "E4",
        "lenalidomide_dexamethasone under pas",
        lambda inputs: inputs.with_values(c_scheme_per_patient=53_000.0),
    ),
    "rate_of_another_country": Slip(
        "Costs are discounted at another rate than health",
        "E5",
        "costs 6 %, effects 3.5 %",
        lambda inputs: inputs.with_settings(discount_rate_costs=0.06),
    ),
    "free_packs": Slip(
        "A pack is typed as free",
        "E6",
        "c_lenalidomide_25mg_pack",
        lambda inputs: inputs.with_values(c_lenalidomide_25mg_pack=0.0),
    ),
    "no_pack_dispensed": Slip(
        "No pack is ever dispensed", "E6", "p_pack_dispensed", lambda inputs: inputs.with_values(p_pack_dispensed=0.0)
    ),
    "misspelt_utility": Slip("A row is misspelt", "E7", "u_progresed", with_another_row("u_progresed", "u_progressed")),
    "misspelt_strategy": Slip(
        "The strategy in the name of a row is misspelt",
        "E7",
        "n_blood_tests_dexametasone",
        with_another_row("n_blood_tests_dexametasone", "n_blood_tests_dexamethasone"),
    ),
    "healthier_than_everybody": Slip(
        "A utility is above the general population's by more than its error",
        "F10",
        "u_progression_free 0.95",
        lambda inputs: inputs.with_values(u_progression_free=0.95),
        verdict="fail",
    ),
    "somewhat_healthier_than_everybody": Slip(
        "A utility is above the general population's within its error",
        "F10",
        "u_progression_free 0.84",
        lambda inputs: inputs.with_values(u_progression_free=0.84),
    ),
    "healthier_than_everybody_later": Slip(
        "Utilities do not follow age, and patients live long enough for that to count",
        "F10",
        "QALYs would change by -",
        lambda inputs: inputs.with_values(u_progressed=0.81, r_death_progressed_lenalidomide_dexamethasone=0.01),
    ),
    "horizon_before_the_difference": Slip(
        "The horizon ends before treatments can differ",
        "R21",
        "times the part they make",
        lambda inputs: inputs.with_settings(horizon_years=2.0),
    ),
}
"""Name -> a slip; the inputs as they are pass the check that asks about it."""
