"""Deriving the death rate after progression.

Pitfalls guarded: a target met at the wrong time unit; the standard error on the wrong scale; a target that no rate can meet.
"""

import numpy as np
import pytest

import hemodel as hm
from hemodel.analyses.calibration import calibrated, derive_rates


def test_the_derived_rate_makes_the_models_median_the_target():
    inputs = hm.load_inputs("relapsed").with_values(median_os_dexamethasone=14.0)
    result = hm.run_base_case(calibrated(inputs))
    row = result.against_source.set_index(["strategy", "outcome"]).loc[("dexamethasone", "median_os")]
    assert row["model"] == pytest.approx(14.0, rel=1e-9)


def test_without_progression_delay_the_rate_is_that_of_the_exponential():
    """When progression comes at once, survival is exponential after it: rate = ln 2 / median. Progression takes up to one cycle,
    and those who progress within a cycle are at risk from the next, so the target is counted from the end of the first cycle.
    """
    draws = hm.load_inputs("relapsed").with_values(median_pfs_dexamethasone=1e-6, ratio_pfs_to_ttp_dexamethasone=0.995)
    rate = {r.strategy: r.value for r in derive_rates(draws)}["dexamethasone"]
    years = 11.6 / 12 - 28 / 365.25
    death_first = 1 - 0.995 ** draws.parameters["shape_pfs"].value
    assert rate == pytest.approx((np.log(2) + np.log1p(-death_first)) / years, rel=2e-3)  # linear within the last cycle


def test_the_standard_error_is_the_delta_method():
    inputs = hm.load_inputs("relapsed")
    base = {r.strategy: r for r in derive_rates(inputs)}["dexamethasone"]
    up = {r.strategy: r for r in derive_rates(inputs.with_values(median_os_dexamethasone=11.6 * 1.01))}["dexamethasone"]
    slope = (up.value - base.value) / np.log(1.01)
    assert base.se == pytest.approx(abs(slope) * (np.log(14.2) - np.log(9.5)) / (2 * 1.959964), rel=0.02)  # one-sided difference


def test_a_target_that_no_rate_meets_is_refused():
    with pytest.raises(hm.InputError, match="r_death_progressed_dexamethasone: no rate from"):
        derive_rates(hm.load_inputs("relapsed").with_values(median_os_dexamethasone=0.5))
    with pytest.raises(hm.InputError, match="no rate"):
        derive_rates(hm.load_inputs("relapsed").with_values(median_os_dexamethasone=500.0))


def model_medians(inputs):
    table = hm.run_base_case(inputs).against_source.set_index(["outcome", "strategy"])
    return table.loc["median_os", "model"]


@pytest.mark.parametrize(
    ("problem", "scenario", "targets"),
    [
        ("relapsed", "effect_waning", {"lenalidomide_dexamethasone": 35.8, "dexamethasone": 11.6}),
        ("maintenance", "maintenance_effect_waning", {"lenalidomide_maintenance": 103.8696, "no_maintenance": 86.0}),
    ],
)
def test_under_waning_the_model_meets_every_published_median(problem, scenario, targets):
    """A strategy whose hazards go over to the comparator's dies at the comparator's rate too: the two are solved together."""
    inputs = hm.load_inputs(problem, scenario=scenario)
    rates = {r.strategy: r.target_years * 12 for r in derive_rates(inputs)}
    assert rates == pytest.approx(targets, rel=1e-5)
    shares = hm.run_base_case(calibrated(inputs)).trace
    alive = shares["progression_free"] + shares["progressed"]
    for i, strategy in enumerate(inputs.settings.strategy_names):
        at = np.interp(rates[strategy] / 12, np.arange(len(alive)) * 28 / 365.25, alive[:, i])
        assert at == pytest.approx(0.5, abs=1e-9)


def test_the_rate_under_waning_and_its_error_are_those_of_another_way():
    """0.2022, found by halving an interval; its error from both medians, which both move it."""
    inputs = hm.load_inputs("relapsed", scenario="effect_waning")
    found = {r.strategy: r for r in derive_rates(inputs)}
    rate = found["lenalidomide_dexamethasone"]
    assert round(rate.value, 4) == 0.2022
    held = inputs.with_values(r_death_progressed_dexamethasone=found["dexamethasone"].value)
    low, high = 0.01, 1.0
    for _ in range(40):
        middle = (low + high) / 2
        longer = model_medians(held.with_values(r_death_progressed_lenalidomide_dexamethasone=middle))[
            "lenalidomide_dexamethasone"
        ]
        low, high = (middle, high) if longer > 35.8 else (low, middle)
    assert rate.value == pytest.approx(low, rel=1e-8)

    def slope(name):
        up, down = (inputs.with_values(**{name: inputs.parameters[name].value * factor}) for factor in (1.001, 1 / 1.001))
        one, other = ({r.strategy: r.value for r in derive_rates(x)}["lenalidomide_dexamethasone"] for x in (up, down))
        return (one - other) / (2 * np.log(1.001))

    parts = [
        slope(name) * inputs.parameters[name].uncertainty.second
        for name in ("median_os_lenalidomide_dexamethasone", "median_os_dexamethasone")
    ]
    assert all(abs(part) > 0.01 for part in parts)
    assert rate.se == pytest.approx(np.hypot(*parts), rel=1e-4)


def test_a_target_that_is_missed_when_all_rates_are_in_is_refused(monkeypatch):
    """Whatever a search comes back with is looked at: a rate that misses its target is not told."""
    from hemodel.analyses import calibration

    monkeypatch.setattr(calibration, "_CUTS", 2)
    with pytest.raises(hm.InputError, match="r_death_progressed_lenalidomide_dexamethasone: no rate from"):
        derive_rates(hm.load_inputs("relapsed"))


def test_an_effect_that_is_gone_before_the_median_leaves_no_rate_to_find():
    inputs = hm.load_inputs("relapsed", scenario="effect_waning")
    gone = inputs.with_settings(effect_waning={"from_years": 0.0, "to_years": 0.0})
    with pytest.raises(hm.InputError, match=r"gives an overall survival of 35\.8 months"):
        derive_rates(gone)
