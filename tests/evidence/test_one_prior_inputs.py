"""Tests of the inputs of `one_prior`; what it shares with `maintenance` and `first_line` is tested there.

Pitfalls guarded here: a digit changed by a slip; bortezomib given with dexamethasone, or on the days of another cycle; a course that does
not end; a dose divided by a vial in place of vials opened; a refund of drug that nobody had, or of what responders had; a cap and a refund
that touch each other's drug; curves of bortezomib that are not dexamethasone's times the ratio they claim; an indirect comparison that
does not say so; numbers of lenalidomide and dexamethasone that drift from the same people's in `relapsed`.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from hemodel.analyses.base_case import BaseCase, run_base_case
from hemodel.cohort.model import trace
from hemodel.evidence.draws import base_case_draws
from hemodel.evidence.inputs import Inputs, load_inputs, scenario_names
from hemodel.evidence.parameters import Parameter

CYCLE_DAYS, YEAR = 28, 365.25
BASE = load_inputs("one_prior")
L, B, D = "lenalidomide_dexamethasone", "bortezomib", "dexamethasone"
RESULT = run_base_case(BASE)
RELAPSED = run_base_case(load_inputs("relapsed", population="one_prior"))
SCENARIOS = {name: load_inputs("one_prior", scenario=name) for name in scenario_names("one_prior")}
VIAL = 762.38
DAYS = [21 * c + d for c in range(8) for d in (0, 3, 7, 10)] + [8 * 21 + 35 * c + d for c in range(3) for d in (0, 7, 14, 21)]


def value(name: str, inputs: Inputs = BASE) -> float:
    return inputs.parameters[name].value


def row(name: str, inputs: Inputs = BASE) -> Parameter:
    return inputs.parameters[name]


def component(result: BaseCase, arrangement: str, name: str, strategy: str) -> float:
    table = result.costs_by_component(arrangement).set_index("component")
    return float(table.loc[name, strategy])


def discounted(days: float) -> float:
    return 1.035 ** (-days / YEAR)


def progression_free(inputs: Inputs = BASE) -> np.ndarray:
    """Share progression-free on bortezomib at the start of each cycle of the model."""
    occupancy = trace(base_case_draws(inputs), inputs)["progression_free"]
    return occupancy[:, inputs.settings.strategy_names.index(B), 0]


# Numbers, typed in by hand from the evidence ------------------------------------------------------------------------------


def test_the_trial_of_bortezomib_is_as_read() -> None:
    assert (value("c_bortezomib_vial"), row("c_bortezomib_vial").status, row("c_bortezomib_vial").unit) == (
        762.38,
        "read",
        "GBP per vial",
    )
    assert (value("n_bortezomib_dose"), row("n_bortezomib_dose").status) == (1.3, "read")
    assert value(f"p_response_{B}") == pytest.approx((135 - 28) / 315, abs=5e-7)
    assert value(f"p_neuropathy_{B}") == pytest.approx(30 / 331, abs=5e-7)
    assert (row(f"p_neuropathy_{B}").status, row(f"p_response_{B}").status) == ("read", "derived")
    published = {(f.strategy, f.outcome): (f.value, f.status) for f in BASE.published if f.source == "S36"}
    assert published == {
        (B, "median_ttp"): (6.2, "read"),
        (B, "median_os"): (29.8, "read"),
        (B, "survival_1_year"): (0.80, "read"),
        (D, "survival_1_year"): (0.66, "read"),
    }


def test_what_was_not_read_says_so() -> None:
    from_memory = ("thrombocytopenia", "neutropenia", "anaemia", "diarrhoea", "fatigue", "constipation")
    assert {row(f"p_{event}_{B}").status for event in from_memory} == {"unverified"}
    assert [value(f"p_{event}_{B}") for event in from_memory] == [0.30, 0.14, 0.10, 0.07, 0.05, 0.02]
    assert {row(f"p_{event}_{B}").status for event in ("dvt", "pe", "pneumonia", "rash", "febrile_neutropenia")} == {"assumed"}
    assert {row(name).status for name in ("n_body_surface", "n_body_surface_spread")} == {"assumed"}
    assert {row(name).status for name in ("c_administration", "c_administration_first")} == {"unverified"}
    assert (value("n_body_surface"), value("n_body_surface_spread")) == (1.8, 0.2)
    assert (value("c_administration_first"), value("c_administration")) == (307.58, 332.83)


def test_the_question_the_settings_and_the_notes_say_that_the_comparison_is_indirect() -> None:
    assert "indirectly, through dexamethasone" in BASE.settings.question
    for name in (f"median_pfs_{B}", f"median_os_{B}"):
        assert row(name).note.startswith("Indirect comparison through dexamethasone: ")


# Curves of bortezomib: dexamethasone's times a ratio ----------------------------------------------------------------------


def test_progression_on_bortezomib_is_dexamethasones_times_the_ratio_of_the_medians_of_apex() -> None:
    median = row(f"median_pfs_{B}")
    assert median.value == pytest.approx(20.0 * 6.2 / 3.5, rel=1e-5)
    of_ratio = math.sqrt(2) / (math.sqrt(669 / 2) * math.log(2) * 1.0643)
    together = math.hypot(of_ratio, row(f"median_pfs_{D}").uncertainty.second)
    assert median.uncertainty.second == pytest.approx(together, rel=1e-3)


def test_survival_on_bortezomib_is_dexamethasones_by_the_early_hazard_ratio() -> None:
    median = row(f"median_os_{B}")
    assert median.value == pytest.approx(19.5 * 0.57 ** (-1 / 1.0904), rel=1e-5)
    of_ratio = -math.log(0.57) / stats.norm.ppf(1 - 0.001 / 2)
    of_shape = -math.log(0.57) * 0.1291 / 1.0904**2
    together = math.hypot(of_ratio / 1.0904, of_shape, row(f"median_os_{D}").uncertainty.second)
    assert median.uncertainty.second == pytest.approx(together, rel=1e-3)
    assert {row(f"{quantity}_{B}").status for quantity in ("median_os", "r_death_progressed")} == {"unverified"}  # the 19.5 is


def test_what_is_made_from_dexamethasone_moves_with_it() -> None:
    found = {(c.first, c.second): c.latent for c in BASE.correlations}
    pfs = row(f"median_pfs_{D}").uncertainty.second / row(f"median_pfs_{B}").uncertainty.second
    os = row(f"median_os_{D}").uncertainty.second / row(f"median_os_{B}").uncertainty.second
    shape = 0.56212 * 0.1291 / 1.0904**2 / row(f"median_os_{B}").uncertainty.second
    assert found[f"median_pfs_{B}", f"median_pfs_{D}"] == pytest.approx(pfs, abs=1e-3)
    assert found[f"median_os_{B}", f"median_os_{D}"] == pytest.approx(os, abs=1e-3)
    assert found[f"median_os_{B}", "shape_os"] == pytest.approx(-shape, abs=1e-3)
    assert found[f"r_death_progressed_{B}", f"r_death_progressed_{D}"] == pytest.approx(os, abs=1e-3)
    assert found["shape_pfs", f"median_pfs_{B}"] == pytest.approx(0.3282 * pfs, abs=1e-3)


@pytest.mark.parametrize(
    ("scenario", "name", "months"),
    [
        ("one_prior_bortezomib_os_medians", f"median_os_{B}", 19.5 * 29.8 / 23.7),
        ("one_prior_bortezomib_os_as_in_trial", f"median_os_{B}", 29.8),
        ("one_prior_survival_as_in_trials", f"median_os_{B}", 33.6 * 29.8 / 23.7),
        ("one_prior_survival_as_in_trials", f"median_os_{D}", 33.6),
        ("one_prior_bortezomib_pfs_hazard_ratio", f"median_pfs_{B}", 20.0 * 0.55 ** (-1 / 1.0643)),
        ("one_prior_bortezomib_deaths_before_progression", f"median_pfs_{B}", 20.1 * 6.2 / 3.5 * 14.1 / 17.1),
    ],
)
def test_the_other_ways_of_comparing_have_the_medians_that_they_claim(scenario: str, name: str, months: float) -> None:
    assert value(name, SCENARIOS[scenario]) == pytest.approx(months, rel=1e-5)  # months of survival, weeks of progression


def test_shares_with_a_response_of_the_scenarios_are_those_that_were_read() -> None:
    found = [value(f"p_response_{B}", SCENARIOS[f"one_prior_response_{n}"]) for n in (38, 43)]
    assert found == [0.38, 0.43]


# What bortezomib costs, counted giving by giving --------------------------------------------------------------------------


def test_bortezomib_is_given_alone_on_44_days_of_273() -> None:
    assert (len(DAYS), max(DAYS), 8 * 21 + 3 * 35) == (44, 259, 273)
    strategy = next(s for s in BASE.settings.strategies if s.name == B)
    assert (strategy.drugs, strategy.treatment_days) == ([B], 273)
    assert strategy.stop_at_response is not None and strategy.stop_at_response.day == 4 * 21
    assert costs_at_list_price(B)["dexamethasone"] == 0


def costs_at_list_price(strategy: str) -> dict[str, float]:
    table = RESULT.costs_by_component("list")
    return dict(zip(table["component"], table[strategy], strict=True))


def vials_opened(dose: float, mean: float, spread: float) -> float:
    """Expected number of vials of 3.5 mg by summing over body sizes, log-normal."""
    sigma = math.sqrt(math.log(1 + (spread / mean) ** 2))
    sizes = stats.lognorm(sigma, scale=mean * math.exp(-(sigma**2) / 2))
    return sum(sizes.sf(3.5 * n / dose) for n in range(20))


def there(share: np.ndarray, day: int) -> float:
    """Share progression-free on a day, on a straight line over its cycle of the model."""
    return float(np.interp(day / CYCLE_DAYS, np.arange(len(share)), share))


def cost_of_givings(inputs: Inputs, price: float, *, days: list[int] = DAYS, responding: float | None = None) -> float:
    """A giving is had by those on treatment on its day, from day 84 on responders only, and discounted to the start of its cycle."""
    share = progression_free(inputs)
    goes_on = value(f"p_response_{B}", inputs) if responding is None else responding
    total = 0.0
    for day in days:
        start = day // CYCLE_DAYS * CYCLE_DAYS
        total += price * there(share, day) * (goes_on if day >= 84 else 1.0) * discounted(start)
    return total


def test_a_giving_takes_one_vial_but_for_one_person_in_ten_thousand() -> None:
    opened = vials_opened(1.3, 1.8, 0.2)
    assert 1.00005 < opened < 1.0003
    price = BASE.price_of(B)
    assert price is not None
    assert float(price.value(lambda name: np.array(value(name)))) == pytest.approx(VIAL * opened, rel=1e-12)


def test_bortezomib_costs_what_its_44_givings_come_to_at_list_price() -> None:
    price = VIAL * vials_opened(1.3, 1.8, 0.2)
    assert component(RESULT, "list", B, B) == pytest.approx(cost_of_givings(BASE, price), rel=1e-9)
    assert component(RESULT, "lenalidomide_cap", B, B) == pytest.approx(cost_of_givings(BASE, price), rel=1e-9)


def test_shared_vials_cost_what_the_dose_takes_of_them() -> None:
    inputs = SCENARIOS["one_prior_vials_shared"]
    found = component(run_base_case(inputs), "list", B, B)
    assert found == pytest.approx(cost_of_givings(inputs, VIAL * 1.3 * 1.8 / 3.5), rel=1e-9)


def test_the_refund_is_what_non_responders_of_all_had_in_four_cycles_on_the_day_they_end() -> None:
    price, share = VIAL * vials_opened(1.3, 1.8, 0.2), progression_free()
    had = sum(price * there(share, day) for day in DAYS if day < 84)
    refund = (1 - 107 / 315) * had * discounted(84)
    for arrangement in ("bortezomib_refund", "both"):
        found = component(RESULT, "list", B, B) - component(RESULT, arrangement, B, B)
        assert found == pytest.approx(refund, rel=1e-6)  # the response is held to six digits
    assert component(RESULT, "bortezomib_refund", "scheme_running", B) == 53
    assert component(RESULT, "bortezomib_refund", "scheme_running", L) == 0


def test_without_the_stopping_rule_everybody_without_progression_is_given_all_eleven_cycles() -> None:
    inputs = SCENARIOS["one_prior_no_stopping_rule"]
    price = VIAL * vials_opened(1.3, 1.8, 0.2)
    found = component(run_base_case(inputs), "list", B, B)
    assert found == pytest.approx(cost_of_givings(inputs, price, responding=1.0), rel=1e-9)


def test_each_giving_is_paid_for_and_the_first_at_its_own_price() -> None:
    expected = cost_of_givings(BASE, 332.83) + 307.58 - 332.83
    assert component(RESULT, "list", "administration", B) == pytest.approx(expected, rel=1e-9)


def test_people_on_bortezomib_are_seen_until_progression_and_have_their_blood_counted_while_treated() -> None:
    share = progression_free()
    n = len(share) - 1
    visits = sum((share[c] + share[c + 1]) / 2 * discounted((c + 0.5) * CYCLE_DAYS) for c in range(n)) * 164.19
    on = [1.0 if c < 3 else 107 / 315 for c in range(9)] + [107 / 315 * (273 - 9 * 28) / 28]  # of cycle 10 three quarters
    tests = sum(share[c] * s * discounted(c * CYCLE_DAYS) for c, s in enumerate(on)) * 4 * 2.39
    expected = visits + 206.47 - 164.19 + tests
    assert component(RESULT, "list", "monitoring", B) == pytest.approx(expected, rel=1e-6)


# Beside `relapsed`, and the answer ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ours", "theirs"), [("list", "list"), ("lenalidomide_cap", "pas"), ("bortezomib_refund", "list"), ("both", "pas")]
)
def test_lenalidomide_and_dexamethasone_are_as_in_the_population_of_relapsed(ours: str, theirs: str) -> None:
    assert RESULT.icer(ours, L) == pytest.approx(RELAPSED.icer(theirs, L), rel=1e-12)
    for strategy in (L, D):
        found, expected = (
            r.incremental(a).set_index("strategy").loc[strategy, ["costs", "effects"]].to_list()
            for r, a in ((RESULT, ours), (RELAPSED, theirs))
        )
        assert found == pytest.approx(expected, rel=1e-12)


def test_the_three_strategies_are_compared_fully_incrementally_and_bortezomib_stands_between() -> None:
    for arrangement in ("list", "lenalidomide_cap", "bortezomib_refund", "both"):
        table = RESULT.incremental(arrangement)
        assert list(table["strategy"]) == [D, B, L]
        assert list(table["status"]) == ["reference", "on frontier", "on frontier"]
        costs, qalys = table["costs"].to_numpy(), table["effects"].to_numpy()
        assert table["icer"].iloc[1:].to_list() == pytest.approx(list(np.diff(costs) / np.diff(qalys)), rel=1e-12)


def test_by_the_ratio_of_the_crossed_over_medians_bortezomib_is_extendedly_dominated() -> None:
    table = run_base_case(SCENARIOS["one_prior_bortezomib_os_medians"]).incremental("both").set_index("strategy")
    assert table.loc[B, "status"] == "extendedly dominated"


def test_schemes_are_those_of_ta171_and_ta129_and_both_at_once() -> None:
    settings = BASE.settings
    assert settings.price_arrangements == ["list", "lenalidomide_cap", "bortezomib_refund", "both"]
    cap, refund = settings.schemes["lenalidomide_cap"], settings.schemes["bortezomib_refund"]
    assert (cap.drug, cap.drug_cost_cap_cycles, refund.drug, refund.response_by_cycle) == ("lenalidomide", 26, B, 4)
    both, one, other = (
        {s: component(RESULT, a, name, s) for name, s in (("lenalidomide", L), (B, B))}
        for a in ("both", "lenalidomide_cap", "bortezomib_refund")
    )
    assert both == {L: one[L], B: other[B]}
