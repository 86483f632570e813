"""Tests of the inputs themselves: every number is what its source says, and says where it comes from; all offenders are listed at once.

Pitfalls guarded here: a digit changed by a slip in Excel; a number without a source, or a source that is on no list; an assumption
that looks certain; "from memory" filed as read; a derived number that no longer follows from what it was derived from, above all the
death rates after progression, which must be derived anew whenever a median changes; a name that Excel takes for a cell; a scenario
that changes nothing.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections import Counter
from typing import Any

import pytest

from hemodel.analyses.calibration import derive_rates, differences
from hemodel.cohort.model import names_read
from hemodel.errors import InputError
from hemodel.evidence.inputs import Inputs, load_inputs, scenario_names
from hemodel.evidence.parameters import OVERRIDABLE, Parameter
from hemodel.evidence.reading import data_folder

BASE = load_inputs()
POPULATIONS = tuple(BASE.settings.populations)
SCENARIOS = scenario_names()
SOURCES = (data_folder("inputs") / "sources.md").read_text(encoding="utf-8")
L, D = "lenalidomide_dexamethasone", "dexamethasone"


def population_of(scenario: str) -> str:
    """A population that the scenario holds for: the base case if it can be."""
    for population in POPULATIONS:
        try:
            load_inputs(population=population, scenario=scenario)
        except InputError:
            continue
        return population
    raise AssertionError(f"{scenario} holds for no population")


def every_row() -> list[tuple[str, Parameter]]:
    """All rows of parameters with the place they come from: base case, populations and scenarios."""
    rows = [("parameters.csv", p) for p in BASE.parameters.values()]
    for population in POPULATIONS:
        inputs = load_inputs(population=population)
        rows += [(population, p) for p in inputs.parameters.values() if p != BASE.parameters[p.name]]
    for name in SCENARIOS:
        inputs = load_inputs(population=population_of(name), scenario=name)
        rows += [(name, inputs.parameters[changed]) for changed in inputs.scenario.parameters]
    return rows


ROWS = every_row()


# Sources ------------------------------------------------------------------------------------------------------------------


def test_every_source_has_its_own_number_and_they_run_without_gaps() -> None:
    numbers = [int(n) for n in re.findall(r"^## S(\d+) ", SOURCES, flags=re.MULTILINE)]
    assert numbers == list(range(1, len(numbers) + 1))
    assert len(numbers) >= 23


def test_every_source_says_where_it_was_read_what_is_taken_and_what_is_doubtful() -> None:
    entries = re.split(r"^## ", SOURCES, flags=re.MULTILINE)[1:]
    wrong = [e.split("\n")[0] for e in entries if not all(f"\n- {w}: " in e for w in ("Where read", "Taken", "Caveat"))]
    assert wrong == []


def test_every_source_that_is_named_is_on_the_list() -> None:
    known = set(re.findall(r"^## (S\d+) ", SOURCES, flags=re.MULTILINE))
    named = [(place, p.name, s) for place, p in ROWS for s in p.source.split()]
    named += [(place, p.name, s) for place, p in ROWS for s in re.findall(r"\bS\d+\b", p.note)]
    for population in POPULATIONS:
        inputs = load_inputs(population=population)
        named += [(population, c.first, s) for c in inputs.correlations for s in c.source.split()]
        named += [(population, f.outcome, s) for f in inputs.published for s in f.source.split()]
    assert len(named) > 200
    assert [entry for entry in named if entry[2] not in known] == []


# Status: never better than it is ------------------------------------------------------------------------------------------


def test_nothing_from_memory_or_second_hand_is_called_read() -> None:
    wrong = [(place, p.name) for place, p in ROWS if p.status == "read" and re.search("from memory|second hand", p.note)]
    assert wrong == []


def test_what_is_derived_from_something_unverified_is_not_called_derived() -> None:
    unverified = {"S5", "S6", "S12", "S14", "S20"}  # nothing of these was read
    wrong = [(place, p.name) for place, p in ROWS if p.status in ("read", "derived") and unverified & set(p.source.split())]
    assert wrong == []


def test_what_is_derived_shows_its_arithmetic() -> None:
    wrong = [(place, p.name) for place, p in ROWS if p.status == "derived" and not re.search(r"\d.*[=:/x].*\d", p.note)]
    assert wrong == []


def test_every_assumption_has_its_reason_and_a_wide_uncertainty() -> None:
    assumed = [(place, p) for place, p in ROWS if p.status == "assumed"]
    assert len(assumed) > 50
    wrong = []
    for place, p in assumed:
        size = min(p.value, 1 - p.value) if p.name.startswith("p_") else p.value
        is_wide = p.uncertainty.standard_error >= 0.2 * size * (1 - 1e-9)
        if len(p.note) < 30 or not (is_wide or p.distribution == "fixed"):
            wrong.append((place, p.name, p.uncertainty.standard_error / size))
    assert wrong == []


def test_what_is_fixed_is_a_price_a_schedule_a_characteristic_an_upper_bound_or_the_number_of_people() -> None:
    fixed = {p.name for _, p in ROWS if p.distribution == "fixed" and p.group != "population size"}
    reasons = ("c_lenalidomide_", "n_dexamethasone_", "age_start", "p_male", "p_pack", "r_discontinuation_toxicity_dexamethasone")
    reasons += (
        f"p_later_line_{L}",
        "d_mean_os_",
        "p_thromboprophylaxis_heparin",
        "hr_death_after_clock",
    )  # scenarios: 0, 1 or a target
    assert [name for name in fixed if not name.startswith(reasons)] == []


def test_the_number_of_people_moves_no_number_per_person() -> None:
    names = {n for n, p in BASE.parameters.items() if p.group == "population size"}
    assert names == {"n_eligible", "d_decision_lifetime", *(f"p_uptake_year_{y}" for y in range(1, 6))}
    assert names & names_read(BASE) == set()


def test_every_cost_says_its_price_year() -> None:
    assert [(place, p.name) for place, p in ROWS if p.name.startswith("c_") and "price year" not in p.note] == []


def test_nothing_is_confidential() -> None:
    assert {p.confidentiality for _, p in ROWS} == {"none"}


# Names and labels ---------------------------------------------------------------------------------------------------------


def test_names_are_legal_in_excel_and_differ_in_more_than_capitals() -> None:
    names = list(BASE.parameters)
    a_cell = re.compile(r"[a-z]{1,3}\d+|r\d*c?\d*|c\d*", re.IGNORECASE)
    wrong = [n for n in names if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.]{1,254}", n) or a_cell.fullmatch(n)]
    assert wrong == []
    assert [n for n, times in Counter(n.lower() for n in names).items() if times > 1] == []


def test_labels_differ_and_begin_with_a_capital() -> None:
    labels = Counter(p.label for p in BASE.parameters.values())
    assert [label for label, times in labels.items() if times > 1 or not label[0].isupper()] == []


def test_both_strategies_have_the_same_quantities() -> None:
    one_sided = {f"hr_death_{L}"}  # against the comparator
    names = set(BASE.parameters) - one_sided
    stems = {n.removesuffix(f"_{L}") for n in names if n.endswith(f"_{L}")}
    assert [stem for stem in stems if f"{stem}_{D}" not in names] == []
    assert len(stems) > 15


def test_every_adverse_event_has_two_shares_a_cost_a_loss_and_a_duration() -> None:
    events = [n.removeprefix("du_") for n, p in BASE.parameters.items() if n.startswith("du_") and p.group == "adverse events"]
    needed = [f"{q}_{e}" for e in events for q in ("c", "d")] + [f"p_{e}_{s}" for e in events for s in (L, D)]
    assert len(events) == 12
    assert [name for name in needed if name not in BASE.parameters] == []


# Numbers: somebody else's, typed in by hand from the evidence -------------------------------------------------------------

READ: dict[str, tuple[float, str]] = {
    # TA171 2.3, TA627 2.3, TA322 2.3: packs of 21 capsules, GBP excluding VAT
    "c_lenalidomide_25mg_pack": (4368, "S1"),
    "c_lenalidomide_20mg_pack": (4168.50, "S15"),
    "c_lenalidomide_10mg_pack": (3780, "S16"),
    "c_lenalidomide_5mg_pack": (3570, "S16"),
    # Stadtmauer 2009, two or more prior therapies, months; EU SmPC, weeks
    f"median_pfs_{L}": (9.5, "S4"),
    f"median_os_{L}": (35.8, "S4"),
    f"median_pfs_{D}": (20.0, "S2"),
    f"hr_death_{L}": (0.833, "S2"),
    # FDA label: severe deep vein thrombosis, pulmonary embolism grade 3 or 4
    f"p_dvt_{L}": (0.082, "S3"),
    f"p_dvt_{D}": (0.034, "S3"),
    f"p_pe_{L}": (0.040, "S3"),
    f"p_pe_{D}": (0.009, "S3"),
    # NICE renal-cancer pathways model, GBP 2021/22
    "c_clinic_visit_first": (206.47, "S11"),
    "c_clinic_visit_follow_up": (164.19, "S11"),
    "c_blood_test": (2.39, "S11"),
    "c_dispensing_first": (197.25, "S11"),
    "c_dispensing_later": (11, "S11"),
    "c_anaemia": (655.75, "S11"),
    "c_thrombocytopenia": (801.11, "S11"),
    "c_diarrhoea": (827.18, "S11"),
    "c_fatigue": (662.61, "S11"),
    "c_terminal_care": (8714.03, "S11"),
    # EU SmPC: responders; Dimopoulos 2009: crossover; Harousseau 2010: response classes, months
    f"p_response_{L}": (0.600567, "S2"),
    f"p_response_{D}": (0.213675, "S2"),
    f"p_later_line_{D}": (0.476, "S8"),
    "p_response_cr_vgpr": (0.32, "S22"),
    "median_ttp_cr_vgpr": (27.7, "S22"),
    "median_ttp_pr": (12.0, "S22"),
}
UNVERIFIED: dict[str, tuple[float, str]] = {
    "age_start": (63, "S6 S7"),
    "p_male": (0.59, "S6 S7"),
    f"median_os_{D}": (11.6, "S5"),
    "c_lenalidomide_15mg_pack": (3969, "S20"),
    "u_progression_free": (0.81, "S12"),
    "u_progressed": (0.64, "S12"),
    "n_eligible": (2000, "S1"),
    "d_mean_os_dexamethasone": (16.7, "S5"),
}
INTERVALS = {f"median_pfs_{D}": (16.1, 20.1), f"median_os_{D}": (9.5, 14.2), f"hr_death_{L}": (0.687, 1.009)}
COUNTS = {  # patients with grade 3 or 4 events, of 353 and 350: FDA label, from memory
    "neutropenia": (118, 12),
    "thrombocytopenia": (43, 22),
    "anaemia": (35, 20),
    "pneumonia": (32, 19),
    "fatigue": (23, 17),
    "febrile_neutropenia": (8, 0),
}
WEAK = {"neuropathy": (0.015, 0.01), "diarrhoea": (0.031, 0.011), "constipation": (0.020, 0.003), "rash": (0.01, None)}


def test_every_number_that_was_read_is_the_number_in_its_source() -> None:
    assert {p.name: (p.value, p.source) for p in BASE.parameters.values() if p.status == "read"} == READ


def test_every_number_from_memory_is_the_number_in_the_evidence() -> None:
    shares = {f"p_{event}_{s}" for event in COUNTS for s in (L, D)}
    rates = {f"r_death_progressed_{D}"}  # derived from such a number
    found = {p.name: (p.value, p.source) for p in BASE.parameters.values() if p.status == "unverified"}
    assert {name: entry for name, entry in found.items() if name not in shares | rates} == UNVERIFIED
    assert shares | rates <= set(found)


def test_published_intervals_are_those_of_the_evidence() -> None:
    assert {name: (BASE.parameters[name].low, BASE.parameters[name].high) for name in INTERVALS} == INTERVALS


def test_adverse_event_shares_are_events_over_patients() -> None:
    expected = {
        f"p_{e}_{s}": c / n for e, counts in COUNTS.items() for s, c, n in zip((L, D), counts, (353, 350), strict=True) if c
    }
    expected |= {f"p_{event}_{s}": p for event, shares in WEAK.items() for s, p in zip((L, D), shares, strict=True) if p}
    expected |= {f"p_febrile_neutropenia_{D}": 0.5 / 351, f"p_rash_{D}": 0.5 / 351}  # none seen: continuity correction
    wrong = {
        name: BASE.parameters[name].value for name, p in expected.items() if BASE.parameters[name].value != float(f"{p:.6g}")
    }
    assert wrong == {}
    assert len(expected) == 20


def test_standard_errors_of_shares_follow_from_the_number_of_patients() -> None:
    wrong = {}
    for event in (*COUNTS, *WEAK, "dvt", "pe"):
        for strategy, n in ((L, 353), (D, 350)):
            row = BASE.parameters[f"p_{event}_{strategy}"]
            doubled = 2 if event in WEAK else 1
            expected = doubled * math.sqrt(row.value * (1 - row.value) / (n + 1))
            if row.se != pytest.approx(expected, rel=1e-5):
                wrong[row.name] = (row.se, expected)
    assert wrong == {}


def test_unit_costs_that_were_read_have_the_standard_error_of_20_percent_of_their_source() -> None:
    read = [p for p in BASE.parameters.values() if p.status == "read" and p.source == "S11"]
    assert {p.name: p.se for p in read if p.se != pytest.approx(0.2 * p.value, rel=1e-5)} == {}


def test_terminal_care_is_the_sum_of_its_parts() -> None:
    assert BASE.parameters["c_terminal_care"].value == pytest.approx(478.80 + 399.09 + 549.30 + 7286.85, abs=0.011)


POPULATION_VALUES: dict[str, dict[str, tuple[float, float | None, float | None, str, str]]] = {
    "pooled_trials": {
        f"median_pfs_{L}": (48.1, 36.4, 62.1, "weeks", "read"),
        f"median_pfs_{D}": (20.0, 16.1, 20.1, "weeks", "read"),
        f"median_os_{L}": (164.3, 145.1, 192.6, "weeks", "read"),
        f"median_os_{D}": (136.4, 113.1, 161.7, "weeks", "read"),
    },
    "one_prior": {
        f"median_pfs_{L}": (14.1, None, None, "months", "read"),
        f"median_os_{L}": (42.0, None, None, "months", "read"),
        f"median_os_{D}": (19.5, 16.6, 22.9, "months", "unverified"),
    },
    "thalidomide_exposed": {f"median_os_{L}": (33.3, None, None, "months", "read")},
}


@pytest.mark.parametrize("population", POPULATION_VALUES)
def test_medians_of_the_other_populations_are_those_of_the_evidence(population: str) -> None:
    parameters = load_inputs(population=population).parameters
    for name, (value, low, high, unit, status) in POPULATION_VALUES[population].items():
        row = parameters[name]
        assert (row.value, row.unit, row.status) == (value, unit, status)
        if low is not None:
            assert (row.low, row.high) == (low, high)


@pytest.mark.parametrize("population", POPULATIONS)
def test_where_no_interval_is_published_the_log_of_the_median_has_a_standard_error_of_0_15(population: str) -> None:
    rows = [p for p in load_inputs(population=population).parameters.values() if "SE of ln(median) 0.15 assumed" in p.note]
    assert [p.name for p in rows if p.uncertainty.second != pytest.approx(0.15, rel=1e-4)] == []
    assert [p.name for p in rows if p.value != pytest.approx(math.sqrt((p.low or 0) * (p.high or 0)), rel=1e-5)] == []
    classes = 3  # of response
    assert (
        len(rows) - classes == {"two_or_more_prior": 2, "pooled_trials": 0, "one_prior": 2, "thalidomide_exposed": 3}[population]
    )


def test_the_value_is_the_mean_of_its_distribution_or_the_median_where_a_median_was_published() -> None:
    wrong = []
    for place, p in ROWS:
        centre = p.uncertainty.quantile(0.5) if p.distribution == "lognormal_median" else p.uncertainty.mean
        if centre != pytest.approx(p.value, rel=1e-9):
            wrong.append((place, p.name, centre, p.value))
    assert wrong == []


# What follows from other numbers ------------------------------------------------------------------------------------------


def test_ratios_of_pfs_to_ttp_follow_from_the_published_medians() -> None:
    published = {
        ("two_or_more_prior", L): 9.5 / 10.6,
        ("pooled_trials", L): 48.1 / 60.1,
        ("one_prior", L): 14.1 / 17.1,
        **{(population, D): 20.0 / 20.1 for population in POPULATIONS},
    }
    found = {key: load_inputs(population=key[0]).parameters[f"ratio_pfs_to_ttp_{key[1]}"].value for key in published}
    assert found == {key: float(f"{ratio:.6f}") for key, ratio in published.items()}


def test_pfs_of_the_thalidomide_exposed_is_their_ttp_times_the_ratio_elsewhere() -> None:
    parameters = load_inputs(population="thalidomide_exposed").parameters
    assert parameters[f"median_pfs_{L}"].value == pytest.approx(8.5 * 9.5 / 10.6, abs=5e-6)
    assert parameters[f"median_pfs_{D}"].value == pytest.approx(4.1 * 20.0 / 20.1, abs=5e-5)


def se_of_log(low: float, high: float) -> float:
    return (math.log(high) - math.log(low)) / (2 * 1.959964)


def test_shapes_follow_from_hazard_ratios_and_medians() -> None:
    for name, hazard_ratio, medians in (
        ("shape_pfs", (0.393, 0.326, 0.473), ((48.1, 36.4, 62.1), (20.0, 16.1, 20.1))),
        ("shape_ttp", (0.350, 0.287, 0.426), ((60.1, 44.3, 73.1), (20.1, 17.7, 20.3))),
    ):
        distance = math.log(medians[0][0] / medians[1][0])
        shape = -math.log(hazard_ratio[0]) / distance
        se_medians = math.hypot(*(se_of_log(*median[1:]) for median in medians))
        se = math.hypot(se_of_log(*hazard_ratio[1:]), shape * se_medians) / distance
        assert BASE.parameters[name].value == pytest.approx(shape, abs=5e-5), name
        assert BASE.parameters[name].se == pytest.approx(se, abs=1e-4), name


def test_shape_of_overall_survival_follows_from_one_year_survival_and_the_median() -> None:
    year, median, alive = 52.179, 164.3, 0.82
    distance = math.log(median / year)
    shape = math.log(math.log(2) / -math.log(alive)) / distance
    of_survival = math.sqrt(alive * (1 - alive) / 354) / (alive * -math.log(alive) * distance)
    of_median = shape * se_of_log(145.1, 192.6) / distance
    assert BASE.parameters["shape_os"].value == pytest.approx(shape, abs=5e-5)
    assert BASE.parameters["shape_os"].se == pytest.approx(math.hypot(of_survival, of_median), abs=1e-4)


def test_correlations_of_the_shape_with_its_medians_follow_from_the_delta_method() -> None:
    k, distance, se = 1.0643, 0.87755, 0.2092
    latent = {f"median_pfs_{D}": k / distance * 0.0566 / se, f"median_pfs_{L}": -k / distance * 0.1363 / se}
    ranks = {name: 6 / math.pi * math.asin(rho / 2) for name, rho in latent.items()}
    found = {
        (p, c.second): c.rank_correlation
        for p in POPULATIONS
        for c in load_inputs(population=p).correlations
        if c.first == "shape_pfs"
    }
    assert {key: value for key, value in found.items() if value != pytest.approx(ranks[key[1]], abs=5e-4)} == {}
    # only where the median is the one that the shape was computed from
    assert set(found) == {(p, f"median_pfs_{D}") for p in POPULATIONS[:3]} | {("pooled_trials", f"median_pfs_{L}")}


def test_rate_of_stopping_for_toxicity_meets_the_median_exposure() -> None:
    row = BASE.parameters[f"r_discontinuation_toxicity_{L}"]
    progression_free = math.exp(-math.log(2) * (44.0 / 48.1) ** 1.0643)
    assert progression_free * math.exp(-row.value * 44.0 / 52.179) == pytest.approx(0.5, abs=1e-5)
    assert row.se == pytest.approx(row.value / 2, rel=1e-12)


def test_milligrams_of_dexamethasone_follow_from_the_days_of_40_mg() -> None:
    high, later = (BASE.parameters[f"n_dexamethasone_{phase}"].value for phase in ("high_dose", "later"))
    assert (high, later) == (40 * len([*range(1, 5), *range(9, 13), *range(17, 21)]), 40 * len(range(1, 5)))


EVENTS = {n: p for n, p in BASE.parameters.items() if p.group == "adverse events"}


def test_utility_losses_and_durations_are_alike_for_every_event() -> None:
    assert {(p.value, p.se, p.status) for n, p in EVENTS.items() if n.startswith("du_")} == {(0.1, 0.02, "assumed")}
    assert {(p.value, p.se, p.unit) for n, p in EVENTS.items() if n.startswith("d_")} == {(3, 0.6, "weeks")}


def test_shares_of_packs_sum_to_one_everywhere() -> None:
    sums = {
        p: math.fsum(q.value for n, q in load_inputs(population=p).parameters.items() if n.startswith("p_packs_"))
        for p in POPULATIONS
    }
    reduced = load_inputs(scenario="dose_reductions").parameters
    sums["dose_reductions"] = math.fsum(q.value for n, q in reduced.items() if n.startswith("p_packs_"))
    assert set(sums.values()) == {1.0}


@pytest.mark.parametrize("population", POPULATIONS)
def test_published_medians_are_the_medians_that_the_model_is_given(population: str) -> None:
    inputs = load_inputs(population=population)
    wrong = []
    for figure in inputs.published:
        name = f"{figure.outcome}_{figure.strategy}"
        if name in inputs.parameters and (figure.value, figure.unit) != (
            inputs.parameters[name].value,
            inputs.parameters[name].unit,
        ):
            wrong.append(name)
        if figure.outcome == "median_ttp":
            ratio, pfs = (inputs.parameters[f"{q}_{figure.strategy}"] for q in ("ratio_pfs_to_ttp", "median_pfs"))
            if figure.unit != pfs.unit or pfs.value / ratio.value != pytest.approx(figure.value, rel=1e-4):
                wrong.append(f"{name}: {pfs.value / ratio.value}")
    assert wrong == []


# Death rates after progression: derived once, and still so ----------------------------------------------------------------

WITH_RATES = [
    name
    for name in SCENARIOS
    if any(n.startswith("r_death_") for n in load_inputs(population=population_of(name), scenario=name).scenario.parameters)
]


@pytest.mark.parametrize(
    ("population", "scenario"), [*((p, None) for p in POPULATIONS), *((population_of(name), name) for name in WITH_RATES)]
)
def test_death_rates_after_progression_meet_the_published_survival(population: str, scenario: str | None) -> None:
    inputs = load_inputs(population=population, scenario=scenario)
    table = differences(inputs, derive_rates(inputs))
    assert list(table.loc[~table["agrees"], "parameter"]) == []
    for row in table.itertuples():
        note = inputs.parameters[str(row.parameter)].note
        assert f"overall survival is {float(f'{row.target_median_os_months:.4g}'):g} months" in note
        assert f"rate {row.derived:.6g} a year" in note


def test_a_scenario_that_moves_survival_brings_the_rates_that_follow() -> None:
    moves = ("median_", "shape_pfs", "shape_os", "ratio_", "hr_death_", "age_start", "p_male")
    wrong = []
    for name in SCENARIOS:
        scenario = load_inputs(population=population_of(name), scenario=name).scenario
        names = set(scenario.parameters) - {"hr_death_after_clock"}  # which moves nothing without a clock, or is 1 with it
        moved = "comparator_survival" in scenario.settings or any(n.startswith(moves) for n in names)
        if moved and name not in WITH_RATES:
            wrong.append(name)
    assert wrong == []
    assert len(WITH_RATES) == 7


# Life table ---------------------------------------------------------------------------------------------------------------


def test_the_life_table_is_that_of_the_united_kingdom_2017_to_2019() -> None:
    table = BASE.life_table
    assert (table.male[63], table.female[63]) == (0.010552, 0.006818)
    assert (table.male[0], table.female[0], table.male[1], table.female[1]) == (0.004224, 0.003503, 0.000229, 0.000214)
    assert (table.male[100], table.female[100], len(table.male), len(table.female)) == (0.390506, 0.350742, 101, 101)
    assert (table.male[30:] > table.female[30:]).all()
    text = (data_folder("inputs") / "life_tables" / BASE.settings.life_table).read_text(encoding="utf-8")
    assert hashlib.sha256(text.encode()).hexdigest() == "b4647ff6dcd3d847cc0e983a6913186cb8f1b862c189d1a6a2ee8e89441dfc5e"


# Settings -----------------------------------------------------------------------------------------------------------------


def test_settings_are_the_reference_case_and_the_scheme_of_the_guidance() -> None:
    settings = BASE.settings
    assert (settings.discount_rate_costs, settings.discount_rate_effects) == (0.035, 0.035)
    assert settings.threshold_values == (25_000, 35_000)
    assert (settings.schemes["pas"].kind, settings.schemes["pas"].drug_cost_cap_cycles) == ("drug_cost_cap", 26)
    assert settings.population == "two_or_more_prior"
    assert settings.comparator == D


# Scenarios ----------------------------------------------------------------------------------------------------------------

Expected = tuple[dict[str, Any], dict[str, Any]]
EVIDENCE_7_1: dict[str, Expected] = {
    "dexamethasone_os_19_5_months": ({}, {f"median_os_{D}": 19.5}),
    "dexamethasone_os_hr_0_44": ({"comparator_survival": "hazard_ratio"}, {f"hr_death_{L}": 0.44}),
    "dexamethasone_os_hr_0_66": ({"comparator_survival": "hazard_ratio"}, {f"hr_death_{L}": 0.66}),
    "dexamethasone_os_hr_0_833": ({"comparator_survival": "hazard_ratio"}, {f"hr_death_{L}": 0.833}),
    "dexamethasone_os_trial_itt": ({}, {f"median_os_{D}": 136.4}),
    "equal_post_progression_mortality": ({"post_progression_mortality": "equal"}, {}),
    "partitioned_survival": ({"structure": "partitioned_survival"}, {}),
    "utilities_0_67_0_63": ({}, {"u_progression_free": 0.67, "u_progressed": 0.63}),
    "utilities_second_line": ({}, {"u_progression_free": 0.82, "u_progressed": 0.65}),
    "utilities_third_line": ({}, {"u_progression_free": 0.65, "u_progressed": 0.61}),
    "treatment_until_ttp": ({"treatment_until": "ttp_curve"}, {}),
    "treatment_until_toxicity": ({"treatment_until": "progression_or_toxicity"}, {}),
    "dose_reductions": ({}, {"p_packs_25mg": 0.6, "p_packs_15mg": 0.2, "p_packs_10mg": 0.15, "p_packs_5mg": 0.05}),
    "dose_interruptions": ({"scheme_counts": "calendar"}, {"p_pack_dispensed": 0.9}),
    "dose_interruptions_counted_as_dispensed": ({"scheme_counts": "dispensed"}, {"p_pack_dispensed": 0.9}),
    "no_scheme": ({"price_arrangements": ["list"]}, {}),
}


@pytest.mark.parametrize("name", EVIDENCE_7_1)
def test_the_scenarios_that_the_evidence_asks_for_are_there(name: str) -> None:
    inputs = load_inputs(scenario=name)
    settings, values = EVIDENCE_7_1[name]
    assert {key: getattr(inputs.settings, key) for key in settings} == settings
    assert {key: inputs.parameters[key].value for key in values} == values


def test_utilities_of_scenarios_have_the_spread_of_their_published_intervals() -> None:
    intervals = {
        "utilities_second_line": {"u_progression_free": (0.78, 0.88), "u_progressed": (0.62, 0.74)},
        "utilities_third_line": {"u_progression_free": (0.52, 0.78), "u_progressed": (0.49, 0.73)},
    }
    for name, of_state in intervals.items():
        for state, (low, high) in of_state.items():
            assert load_inputs(scenario=name).parameters[state].se == pytest.approx((high - low) / 3.92, abs=5e-7)


def test_hazard_ratios_of_scenarios_have_their_published_intervals() -> None:
    intervals = {"0_44": (0.30, 0.65), "0_66": (0.45, 0.96), "0_833": (0.687, 1.009)}
    rows = {key: load_inputs(scenario=f"dexamethasone_os_hr_{key}").parameters[f"hr_death_{L}"] for key in intervals}
    assert {key: (row.low, row.high) for key, row in rows.items()} == intervals


def test_every_scenario_but_two_can_be_read_for_the_base_case_population() -> None:
    """What rests on the trials as they were randomised is of the pooled trials alone."""
    assert [name for name in SCENARIOS if population_of(name) != BASE.population] == ["later_lenalidomide", "response_depth"]


def test_no_scenario_changes_nothing() -> None:
    assert [
        name for name in SCENARIOS if what_moves(loaded(name)) == what_moves(load_inputs(population=population_of(name)))
    ] == []


def loaded(scenario: str) -> Inputs:
    """A scenario in a population for which it holds."""
    return load_inputs(population=population_of(scenario), scenario=scenario)


def what_moves(inputs: Inputs) -> tuple[Any, ...]:
    """All that can move a result, without labels and notes."""
    return inputs.settings, [(p.unit, p.value, p.se, p.low, p.high, p.distribution) for p in inputs.parameters.values()]


def test_no_two_scenarios_are_the_same() -> None:
    contents = [what_moves(loaded(name)) for name in SCENARIOS]
    assert [SCENARIOS[i] for i, content in enumerate(contents) if content in contents[:i]] == []


def test_every_scenario_says_in_one_sentence_why_a_committee_should_see_it() -> None:
    whys = {name: loaded(name).scenario.why for name in SCENARIOS}
    wrong = {
        n: why for n, why in whys.items() if not (40 < len(why) < 250 and why.endswith(".") and not re.search(r"[.!?] ", why))
    }
    assert wrong == {}
    assert len(set(whys.values())) == len(whys)


def test_every_override_of_a_scenario_says_where_it_comes_from() -> None:
    wrong = []
    for name in SCENARIOS:
        for parameter, cells in loaded(name).scenario.parameters.items():
            if not {"value", "source", "status", "note"} <= set(cells) <= set(OVERRIDABLE):
                wrong.append((name, parameter))
    assert wrong == []


def test_no_path_of_a_machine_and_no_web_address_is_in_the_data() -> None:
    paths = [p for folder in ("inputs", "scenarios") for p in data_folder(folder).rglob("*") if p.suffix in (".csv", ".toml")]
    found = [p.name for p in paths if re.search(r"https?://|/home/|/work/|/tmp/|[A-Z]:\\", p.read_text(encoding="utf-8"))]
    assert len(paths) > 20
    assert found == []
