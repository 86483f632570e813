"""Drugs given on days of their own, what ends treatment, vials, and schemes by treatment cycle: each against a count by hand.

Pitfalls guarded: six cycles of 21 days that become four and a half or five of 28; a giving on the first day of the next cycle counted in
this one; a stop by response that also takes givings before it; a refund of the wrong cycles or at the wrong time; dose divided by vial
where whole vials are opened; a cap on money that charges a pack too many; a tier that begins a cycle late.
"""

import math
from dataclasses import replace
from types import MappingProxyType

import numpy as np
import pytest
from scipy import integrate, stats

import hemodel as hm
from hemodel.cohort.model.plan import Plan, cycle_start, givings
from hemodel.errors import InputError
from hemodel.evidence.amounts import parse
from hemodel.evidence.payoffs import Measure, Owner
from hemodel.evidence.settings import Phase
from hemodel.evidence.vials import combinations

WEEKLY = {"cycle_days": 7.0, "horizon_years": 5.0}
SIX_OF_21 = [{"cycle_days": 21.0, "days": [1.0, 4.0, 8.0, 11.0], "cycles": 6}]
PRICE, V = 700.0, 1.035


@pytest.fixture(scope="module")
def relapsed():
    return hm.load_inputs("relapsed")


def with_drug(inputs, *, schedule=SIX_OF_21, rule=None, days=None, schemes=None, settings=None, price="c_second_drug"):
    """`inputs` with a second drug in the first strategy, GBP 700 a giving, and a row that counts its givings in the first cycle."""
    like = inputs.parameters["c_pe"]
    new = replace(like, name="c_second_drug", value=PRICE, unit="GBP per giving", distribution="fixed", se=None)
    row = next(r for r in inputs.payoffs if r.measure.kind == "charged pack")
    rows = [
        replace(row, component="second_drug", label="Second", owner=Owner("drug", "second_drug")),
        replace(
            row,
            component="early",
            label="Early",
            owner=Owner("drug", "second_drug"),
            measure=Measure("pack", "", 1, 1),
            amount=parse("1"),
        ),
    ]
    more = replace(
        inputs, parameters=MappingProxyType(dict(inputs.parameters) | {"c_second_drug": new}), payoffs=(*inputs.payoffs, *rows)
    )
    values = inputs.settings.model_dump()
    values["drugs"]["second_drug"] = {"label": "Second drug", "price": price}
    first = values["strategies"][0]
    first["drugs"] = [*first["drugs"], "second_drug"]
    first |= {"schedules": {"second_drug": schedule}, "stop_at_response": rule, "treatment_days": days}
    given = {"strategies": values["strategies"], "drugs": values["drugs"]} | (settings or {})
    if schemes:
        given |= {"schemes": schemes, "price_arrangements": ["list", *schemes]}
    return more.with_settings(**given)


def progression_free(result):
    return result.trace["progression_free"][:, 0]


def there(x, day, length):
    """Share on a day, on a line between the boundaries of its cycle."""
    cycle = int(day // length)
    part = day / length - cycle
    return (1 - part) * x[cycle] + part * x[min(cycle + 1, len(x) - 1)]


@pytest.mark.parametrize("cycle_days", [7.0, 14.0, 21.0, 28.0, 30.4375])
def test_six_cycles_of_21_days_are_24_givings_in_eighteen_weeks_of_any_model(relapsed, cycle_days):
    inputs = with_drug(relapsed, settings={"cycle_days": cycle_days, "horizon_years": 5.0})
    at_start, start_after, at_end, end_after = Plan.of(inputs).counts("second_drug")
    before = at_start + at_end
    assert before.sum(axis=0) == pytest.approx([24, 0])
    assert not start_after.any() and not end_after.any()
    last = 105 + 10  # the eleventh day of the sixth cycle, counted from 0
    assert np.flatnonzero(before[:, 0])[-1] == last // cycle_days
    days = [21 * k + d for k in range(6) for d in (0, 3, 7, 10)]
    expected = np.bincount([int(d // cycle_days) for d in days], minlength=len(before))
    assert before[:, 0] == pytest.approx(expected)
    of_end = np.bincount([int(d // cycle_days) for d in days], [d / cycle_days % 1 for d in days], minlength=len(before))
    assert at_end[:, 0] == pytest.approx(of_end)


def test_givings_cost_their_price_for_those_on_treatment_on_their_day(relapsed):
    result = hm.run_base_case(with_drug(relapsed, settings=WEEKLY))
    x, total = progression_free(result), 0.0
    for k in range(6):
        for day in (0, 3, 7, 10):
            cycle = (21 * k + day) // 7
            total += PRICE * there(x, 21 * k + day, 7) * V ** -(cycle * 7 / 365.25)
    costs = result.outcomes.costs["list"]
    assert costs["second_drug"][0, 0] == pytest.approx(total, rel=1e-12)
    assert costs["second_drug"][1, 0] == 0
    early = sum(there(x, d, 7) * V ** -(d // 7 * 7 / 365.25) for d in (0, 3, 7, 10))  # days of the first cycle of the drug
    assert costs["early"][0, 0] == pytest.approx(early, rel=1e-12)


@pytest.mark.parametrize(("stops", "goes_on"), [("responders", lambda p: 1 - p), ("non_responders", lambda p: p)])
def test_a_stop_by_response_takes_givings_from_its_day_on_and_none_before(relapsed, stops, goes_on):
    rule = {"day": 60.0, "stops": stops}
    inputs = with_drug(relapsed, schedule=[{"cycle_days": 21.0, "days": [1.0, 8.0]}], rule=rule, settings=WEEKLY)
    result = hm.run_base_case(inputs)
    x, stay, total = progression_free(result), goes_on(inputs.parameters["p_response_lenalidomide_dexamethasone"].value), 0.0
    for k in range(200):
        for day in (21 * k, 21 * k + 7):
            if day // 7 < len(x) - 1:
                total += PRICE * x[day // 7] * (1 if day < 60 else stay)
    assert result.outcomes.undiscounted.costs["list"]["second_drug"][0, 0] == pytest.approx(total, rel=1e-12)
    treated = result.trace["on_treatment"][:, 0]
    assert treated[8] == pytest.approx(x[8] * (4 / 7 + 3 / 7 * stay), rel=1e-12)  # the day falls in the ninth week
    assert treated[9] == pytest.approx(x[9] * stay, rel=1e-12)
    assert treated[7] == x[7]


def test_a_duration_in_days_ends_treatment_on_its_day(relapsed):
    result = hm.run_base_case(with_drug(relapsed, schedule=[{"cycle_days": 21.0, "days": [1.0]}], days=126.0))
    x, treated = progression_free(result), result.trace["on_treatment"][:, 0]
    assert treated[4] == pytest.approx(x[4] / 2, rel=1e-12)  # 126 days are four and a half cycles of 28
    assert not treated[5:].any()
    givings_of_28 = [there(x, day, 28) for day in range(0, 126, 21)]
    found = result.outcomes.undiscounted.costs["list"]["second_drug"][0, 0]
    assert found == pytest.approx(PRICE * sum(givings_of_28), rel=1e-12)


def scheme(**terms):
    return {"s": {"drug": "second_drug", "label": "test", **terms}}


def by_hand(result, charge, *, rate=1.0):
    """Sum over givings (days 1 and 8 of 21) of price, people, and the share that `charge(n, k)` of giving n in drug cycle k charges."""
    x, total, n = progression_free(result), 0.0, 0
    for k in range(400):
        for day in (21 * k, 21 * k + 7):
            if day // 7 < len(x) - 1:
                total += PRICE * x[day // 7] * charge(n, k) * rate ** -(day // 7 * 7 / 365.25)
                n += 1
    return total


@pytest.mark.parametrize(
    ("terms", "charge"),
    [
        ({"kind": "drug_cost_cap", "drug_cost_cap_cycles": 5}, lambda n, k: k < 5),
        ({"kind": "free_start", "free_cycles": 2}, lambda n, k: k >= 2),
        ({"kind": "price_discount", "price_discount": 0.3}, lambda n, k: 0.7),
        (
            {
                "kind": "tiered_discount",
                "tiers": [{"from_cycle": 3, "price_discount": 0.2}, {"from_cycle": 6, "price_discount": 0.9}],
            },
            lambda n, k: 1 if k < 2 else 0.8 if k < 5 else 0.1,
        ),
        # 10 givings of 700 and half of the eleventh
        ({"kind": "total_cost_cap", "most_paid": 7350.0}, lambda n, k: 1 if n < 10 else 0.5 if n == 10 else 0),
    ],
    ids=lambda value: value["kind"] if isinstance(value, dict) else "",
)
def test_a_scheme_counts_the_treatment_cycles_of_its_own_drug(relapsed, terms, charge):
    schedule = [{"cycle_days": 21.0, "days": [1.0, 8.0]}]
    result = hm.run_base_case(with_drug(relapsed, schedule=schedule, schemes=scheme(**terms), settings=WEEKLY))
    costs = result.outcomes.costs
    assert costs["s"]["second_drug"][0, 0] == pytest.approx(by_hand(result, charge, rate=V), rel=1e-12)
    assert costs["list"]["second_drug"][0, 0] == pytest.approx(by_hand(result, lambda n, k: 1, rate=V), rel=1e-12)
    assert costs["s"]["lenalidomide"][0, 0] == costs["list"]["lenalidomide"][0, 0]


def test_a_cap_on_money_of_a_drug_once_a_cycle_charges_whole_packs_and_part_of_one(relapsed):
    terms = {"s": {"drug": "lenalidomide", "label": "x", "kind": "total_cost_cap", "most_paid": 10_000.0}}
    result = hm.run_base_case(relapsed.with_settings(schemes=terms, price_arrangements=["list", "s"]))
    x = progression_free(result)
    expected = 4368 * (x[0] + x[1]) + (10_000 - 2 * 4368) * x[2]
    assert result.outcomes.undiscounted.costs["s"]["lenalidomide"][0, 0] == pytest.approx(expected, rel=1e-12)


def test_a_refund_by_response_gives_back_the_packs_of_the_first_cycles_of_the_drug_when_they_end(relapsed):
    schedule, terms = [{"cycle_days": 21.0, "days": [1.0, 8.0]}], scheme(kind="response_refund", response_by_cycle=4)
    result = hm.run_base_case(with_drug(relapsed, schedule=schedule, schemes=terms, settings=WEEKLY))
    without = 1 - result.inputs.parameters["p_response_lenalidomide_dexamethasone"].value
    refund = by_hand(result, lambda n, k: k < 4) * without * V ** -(84 / 365.25)
    costs = result.outcomes.costs
    assert costs["list"]["second_drug"][0, 0] - costs["s"]["second_drug"][0, 0] == pytest.approx(refund, rel=1e-11)


def test_schemes_of_two_drugs_are_one_price_arrangement_from_one_trace(relapsed):
    terms = {
        "a": {"drug": "lenalidomide", "label": "A", "kind": "drug_cost_cap", "drug_cost_cap_cycles": 26},
        "b": {"drug": "second_drug", "label": "B", "kind": "price_discount", "price_discount": 0.5},
    }
    both = {"both": {"label": "A and B", "schemes": ["a", "b"]}}
    inputs = with_drug(relapsed).with_settings(schemes=terms, arrangements=both, price_arrangements=["list", "a", "b", "both"])
    costs = hm.run_base_case(inputs).outcomes.costs
    assert costs["both"]["lenalidomide"][0, 0] == costs["a"]["lenalidomide"][0, 0] < costs["list"]["lenalidomide"][0, 0]
    assert costs["both"]["second_drug"][0, 0] == costs["b"]["second_drug"][0, 0] == 0.5 * costs["list"]["second_drug"][0, 0]
    assert costs["a"]["second_drug"][0, 0] == costs["list"]["second_drug"][0, 0]


def test_phases_follow_each_other_and_the_last_goes_on():
    apex = [Phase(cycle_days=21, days=[1, 4, 8, 11], cycles=8), Phase(cycle_days=35, days=[1, 8, 15, 22], cycles=3)]
    found = list(givings(apex, math.inf))
    assert len(found) == 8 * 4 + 3 * 4
    assert found[31] == (7 * 21 + 10, 7)
    assert found[32] == (168, 8)
    assert found[-1] == (168 + 2 * 35 + 21, 10)
    assert cycle_start(apex, 9) == 168 + 35
    assert [day for day, _ in givings([Phase(cycle_days=14)], 29)] == [0, 14, 28]


def with_vials(inputs, dose, size, spread, prices, *, shared=False):
    like = inputs.parameters["c_pe"]
    values = {"n_dose": (dose, "mg per kg"), "n_size": (size, "kg"), "n_spread": (spread, "kg")}
    values |= {f"c_vial_{i}": (price, "GBP per vial") for i, price in enumerate(prices.values())}
    new = {n: replace(like, name=n, value=v, unit=u, distribution="fixed", se=None) for n, (v, u) in values.items()}
    more = replace(inputs, parameters=MappingProxyType(dict(inputs.parameters) | new))
    drugs = more.settings.model_dump()["drugs"]
    vials = {"dose": "n_dose", "size": "n_size", "spread": "n_spread", "shared": shared}
    vials["prices"] = {f"{mg:g}": f"c_vial_{i}" for i, mg in enumerate(prices)}
    drugs["lenalidomide"] = {"label": "L", "vials": vials}
    row = next(r for r in more.payoffs if r.measure.kind == "charged pack")
    left = [r for r in more.payoffs if r is not row]
    known = {n: p for n, p in more.parameters.items() if not n.startswith("c_lenalidomide")}
    more = replace(more, payoffs=(row, *left), parameters=MappingProxyType(known))
    return more.with_settings(drugs=drugs)


def price_of(inputs):
    result = hm.run_base_case(inputs)
    packs = result.trace["on_treatment"][:-1, 0].sum()
    return result.outcomes.undiscounted.costs["list"]["lenalidomide"][0, 0] / packs


@pytest.mark.parametrize("spread", [2.0, 15.0, 25.0])
def test_the_expected_price_of_vials_is_the_integral_over_the_spread_of_body_size(relapsed, spread):
    prices, dose, size = {50.0: 400.0, 100.0: 700.0}, 3.0, 75.0
    sigma = math.sqrt(math.log1p((spread / size) ** 2))
    weight = stats.lognorm(s=sigma, scale=size * math.exp(-(sigma**2) / 2))
    assert (weight.mean(), weight.std()) == (pytest.approx(size), pytest.approx(spread))

    def cost(mg):
        n = math.ceil(mg / 50 - 1e-12)
        return n // 2 * 700.0 + n % 2 * 400.0

    edges = [50 * k / dose for k in range(1, 60)]
    parts = zip([0.0, *edges], edges, strict=False)
    expected = sum(cost(dose * (a + b) / 2) * (weight.cdf(b) - weight.cdf(a)) for a, b in parts)
    assert price_of(with_vials(relapsed, dose, size, spread, prices)) == pytest.approx(expected, rel=1e-12)
    if spread == 15.0:
        by_quadrature = integrate.quad(lambda x: cost(dose * x) * weight.pdf(x), 20, 300, limit=500, points=edges[:15])[0]
        assert expected == pytest.approx(by_quadrature, rel=1e-6)


def test_vials_shared_cost_what_the_dose_takes_of_the_cheapest(relapsed):
    assert price_of(with_vials(relapsed, 3.0, 75.0, 15.0, {50.0: 400.0, 100.0: 700.0}, shared=True)) == pytest.approx(3 * 75 * 7)


def test_one_vial_of_bortezomib_holds_the_dose_of_nearly_everyone(relapsed):
    """1.3 mg/m2 and vials of 3.5 mg: one vial up to 2.69 m2 (evidence, section 9.4)."""
    inputs = with_vials(relapsed, 1.3, 1.8, 0.2, {3.5: 762.38})
    sigma = math.sqrt(math.log1p((0.2 / 1.8) ** 2))
    beyond = stats.norm.sf((math.log(3.5 / 1.3 / 1.8) + sigma**2 / 2) / sigma)
    assert price_of(inputs) == pytest.approx(762.38 * (1 + beyond), rel=1e-9)
    assert 0 < beyond < 1e-3


def test_combinations_waste_least_and_open_fewest():
    assert combinations({"s": 30.0, "b": 100.0}, 125.0) == [
        (30.0, {"s": 1}),
        (60.0, {"s": 2}),
        (90.0, {"s": 3}),
        (100.0, {"b": 1}),
        (120.0, {"s": 4}),
        (130.0, {"s": 1, "b": 1}),
    ]


def test_entries_to_progression_are_counted_at_mid_cycle(relapsed):
    row = next(r for r in relapsed.payoffs if r.component == "terminal_care")
    entry = replace(
        row, component="relapse", label="Relapse", measure=Measure("entry to", "progressed"), amount=parse("c_terminal_care")
    )
    result = hm.run_base_case(replace(relapsed, payoffs=(*relapsed.payoffs, entry)))
    dead, progressed, free = (result.trace[s][:, 0] for s in ("dead", "progressed", "progression_free"))
    rate = result.inputs.parameters["r_death_progressed_lenalidomide_dexamethasone"].value
    stay = math.exp(-rate * 28 / 365.25)  # the general population's mortality binds in the last years only
    entered = (progressed[1:] - stay * progressed[:-1])[:100]
    found = result.outcomes.undiscounted.costs["list"]["relapse"][0, 0] / relapsed.parameters["c_terminal_care"].value
    assert entered.sum() == pytest.approx(found, rel=2e-3)
    assert found <= 1 - free[-1] and dead[-1] > found * 0.9


def test_something_every_third_cycle_is_a_drug_without_a_price_and_with_days_of_its_own(relapsed):
    scanned, other = (s.model_dump() for s in relapsed.settings.strategies)
    scanned |= {"drugs": [*scanned["drugs"], "scan"], "schedules": {"scan": [{"cycle_days": 84.0}]}}
    drugs = {name: drug.model_dump() for name, drug in relapsed.settings.drugs.items()} | {"scan": {"label": "Scan"}}
    row = next(r for r in relapsed.payoffs if r.component == "terminal_care")
    scans = replace(
        row, component="scans", label="Scans", owner=Owner("drug", "scan"), measure=Measure("pack"), amount=parse("100")
    )
    inputs = replace(relapsed, payoffs=(*relapsed.payoffs, scans)).with_settings(drugs=drugs, strategies=[scanned, other])
    result = hm.run_base_case(inputs)
    free = result.trace["progression_free"][:-1, 0]  # on treatment until progression
    by_hand = sum(100 * share * 1.035 ** -(cycle * 28 / 365.25) for cycle, share in enumerate(free) if cycle % 3 == 0)
    assert result.outcomes.costs["list"]["scans"][:, 0] == pytest.approx([by_hand, 0.0], rel=1e-12)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"schedule": [{"cycle_days": 21.0, "days": [4.0, 1.0]}]}, "not days of a cycle of 21 in order"),
        ({"schedule": [{"cycle_days": 21.0, "days": [22.0]}]}, "not days of a cycle of 21"),
        ({"schedule": [{"cycle_days": 21.0}, {"cycle_days": 28.0}]}, "a phase of second_drug before the last has no end"),
        (
            {"schemes": scheme(kind="drug_cost_cap", drug_cost_cap_cycles=2), "settings": {"scheme_counts": "dispensed"}},
            "its own cycle",
        ),
        ({"price": "c_second_drug / 0"}, "divides by 0"),
        ({"price": "c_second_drugs"}, "c_second_drugs, which is not among the parameters. Did you mean"),
        ({"price": "c_second_drug * c_pe"}, r"is in GBP\^2"),
        ({"days": 3.0, "settings": {"cycle_days": 0.5}}, "cycle_days"),
    ],
    ids=str,
)
def test_what_does_not_fit_is_refused_in_words(relapsed, change, problem):
    with pytest.raises(InputError, match=problem):
        with_drug(relapsed, **change)


@pytest.mark.parametrize("cycle_days", [7.0, 14.0, 21.0, 30.4375])
def test_a_pack_every_28_days_costs_the_same_in_a_model_of_any_cycle(relapsed, cycle_days):
    """Within the error of a line between boundaries, and of discounting at the start of the cycle: half a percent at a month."""
    values = relapsed.settings.model_dump()["strategies"]
    values[0] |= {"schedules": {"lenalidomide": [{"cycle_days": 28.0}]}}
    known = hm.run_base_case(relapsed).outcomes
    found = hm.run_base_case(relapsed.with_settings(cycle_days=cycle_days, strategies=values)).outcomes
    for arrangement in ("list", "pas"):
        drug = [o.costs[arrangement]["lenalidomide"][0, 0] for o in (found, known)]
        assert drug[0] == pytest.approx(drug[1], rel=5e-3)
