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
