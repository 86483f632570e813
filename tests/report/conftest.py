"""Results of every analysis of uncertainty for the tests of its faces: small, by hand where the numbers must be known."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from hemodel.analyses.base_case import run_base_case
from hemodel.analyses.global_sensitivity import INDICES, Sensitivity
from hemodel.analyses.one_way import run_one_way, run_two_way
from hemodel.analyses.thresholds import Threshold
from hemodel.evidence.inputs import load_inputs

LD, DEX = "lenalidomide_dexamethasone", "dexamethasone"
READING = "GBP {:,.0f} per QALY gained"


def sensitivity(method, outcome="incremental_net_monetary_benefit"):
    """Indices of two parameters and of a group, the group first."""
    members = ["u_progressed, u_progression_free", "shape_pfs", "c_terminal_care"]
    columns = {name: np.array([0.5, 0.25, 0.01]) / (10 if name.endswith("conf") else 1) for name in INDICES[method]}
    if method == "pawn":
        columns |= {"minimum": np.array([0.4, 0.2, 0.0]), "maximum": np.array([0.6, 0.3, 0.02])}
    if method == "morris":
        columns = {name: 10_000 * values for name, values in columns.items()} | {"sigma": np.array([np.nan, 900.0, 0.0])}
    names = [text.replace(", ", " + ") for text in members]
    return Sensitivity(method, outcome, 1_234, pd.DataFrame({"name": names, "members": members, **columns}), None, {})


def scenario_row(population, scenario, arrangement, icer, reading=None):
    return {
        "population": population,
        "population_label": population.capitalize(),
        "scenario": scenario,
        "label": scenario.capitalize(),
        "price_arrangement": arrangement,
        "strategy": LD,
        "incremental_costs": 30_000.0,
        "incremental_life_years": 1.5,
        "incremental_qalys": 1.0,
        "icer": icer,
        "icer_change": 0.0,
        "reading": reading or READING.format(icer),
        "why": "because",
    }


@pytest.fixture(scope="package")
def uncertain():
    """What the analyses give: real ones of the base case where they are quick, the others by hand."""
    inputs = load_inputs("relapsed")
    drivers = pd.DataFrame(
        [
            ("shape_pfs", "Weibull shape", "ratio", 1.0, 0.1, 1.25, 2.5, "read"),
            ("u_progressed", "Utility after progression", "utility", 0.64, 0.05, 0.44, -4.0, "unverified"),
            ("c_dvt", "Too far", "GBP per event", 100.0, 1.0, 130.0, 30.0, "read"),
            ("c_pe", "Never", "GBP per event", 100.0, 1.0, np.nan, np.nan, "read"),
        ],
        columns=["parameter", "label", "unit", "value", "se", "flips_at", "standard_errors_away", "status"],
    )
    prices = np.array([0.0, 1_000.0, 2_000.0, 4_368.0])
    price = pd.concat(
        pd.DataFrame(
            {
                "drug": "lenalidomide",
                "pack_price": prices,
                "strategy": name,
                "mean_costs": 10_000 + prices,
                "probability_cost_effective_25000": low,
                "probability_cost_effective_35000": high,
            }
        )
        for name, low, high in ((LD, [1, 0.5, 0.2, 0.1], [1, 1, 0.6, 0.4]), (DEX, [0, 0.5, 0.8, 0.9], [0, 0, 0.4, 0.6]))
    )
    thresholds = np.array([0.0, 20_000.0, 40_000.0, 60_000.0])
    evpi = {
        name: pd.DataFrame({"threshold": thresholds, "evpi": factor * np.array([0, 1_000, 3_000, 500.0]), "standard_error": 20.0})
        for name, factor in (("list", 1.0), ("pas", 2.0))
    }
    evppi = pd.DataFrame(
        {
            "parameters": ["shape_pfs", "u_progressed, u_progression_free", "c_dvt"],
            "evppi": [400.0, 900.0, 0.2],
            "standard_error": [30.0, 40.0, 0.1],
        }
    )
    evsi = pd.DataFrame(
        {
            "n": [50, 100, 400],
            "evsi": [100.0, 300.0, 350.0],
            "standard_error": [10.0, 12.0, 14.0],
            "evppi": 400.0,
            "population_evsi": [1e6, 3e6, 3.5e6],
            "study_cost": [0.5e6, 1e6, 4e6],
            "expected_net_benefit": [0.5e6, 2e6, -0.5e6],
        }
    )
    draws = np.array([50, 100, 500, 1_000])
    convergence = pd.DataFrame(
        {
            "draws": draws,
            "incremental_net_monetary_benefit": [-9_000.0, -11_000.0, -10_000.0, -10_200.0],
            "standard_error": 20_000 / np.sqrt(draws),
            "icer": [41_000.0, np.nan, 40_500.0, 40_600.0],
            "probability_cost_effective": 0.2,
            "evpi": 1_600.0,
        }
    )
    budget = pd.DataFrame(
        [
            (year, name, 2_000.0, 500.0 * year, 1e6, 1e6 + impact * year, impact * year, 0.9 * impact * year)
            for year in (1, 2, 3)
            for name, impact in (("list", 2e6), ("pas", 1.5e6))
        ],
        columns=[
            "year",
            "price_arrangement",
            "eligible",
            "treated",
            "cost_without",
            "cost_with",
            "budget_impact",
            "lenalidomide",
        ],
    )
    comparison = pd.DataFrame(
        [
            scenario_row("one", "base case", "list", 48_000.0),
            scenario_row("one", "base case", "pas", 30_000.0),
            scenario_row("one", "shorter", "list", 60_000.0),
            scenario_row("one", "shorter", "pas", np.nan, "dominated (dearer and no more effective)"),
            scenario_row("two", "base case", "list", 700_000.0),
            scenario_row("two", "base case", "pas", 24_000.0),
            scenario_row("two", "shorter", "list", 12_345.0, "GBP 12,345 saved per QALY forgone"),
            scenario_row("two", "shorter", "pas", 12_345.0, "GBP 12,345 saved per QALY forgone"),
        ]
    )
    turned = [
        Threshold("pack_price", "GBP per pack", 4_368.0, 2_920.0, 0.0, 43_680.0, 35_000.0, "The ICER is GBP 35,000 per QALY."),
        Threshold("u_progressed", "utility", 0.64, float("nan"), 0.0, 1.0, 35_000.0, "No value from 0 to 1 utility."),
    ]
    return SimpleNamespace(
        inputs=inputs,
        settings=inputs.settings,
        base=run_base_case(inputs),
        one_way=run_one_way(inputs),
        two_way=run_two_way(inputs, "u_progressed", "c_lenalidomide_25mg_pack", steps=5),
        drivers=drivers,
        price=price,
        evpi=evpi,
        evppi=evppi,
        evsi=evsi,
        convergence=convergence,
        budget=budget,
        comparison=comparison,
        thresholds=turned,
        sensitivity=sensitivity,
    )


@pytest.fixture(scope="package")
def analyses(uncertain):
    """The same results by the names of their recipes, as exhibits take them."""
    u = uncertain
    return {
        "convergence": u.convergence,
        "one_way": u.one_way,
        "two_way": u.two_way,
        "drivers": u.drivers,
        "thresholds": u.thresholds,
        "price": {"list": u.price, "pas": u.price},
        "sensitivity": u.sensitivity("sobol"),
        "comparison": u.comparison,
        "evpi": u.evpi,
        "evppi": u.evppi,
        "evsi": u.evsi,
        "budget": u.budget,
    }
