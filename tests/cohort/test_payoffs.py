"""Discounting and counting.

Pitfalls guarded: 3.5 % that becomes 3.557 % at 28-day cycles; the first cycle undiscounted or discounted twice; the sum at cycle
ends off by one; a half-cycle correction on what is bought at cycle start; parts of a sum lost at a cut; a sum by cycle that counts the
end of the run in every cycle.
"""

import numpy as np
import pytest

from hemodel.cohort.payoffs import discount_factors, sums_at_ends, years_in_state
from hemodel.cohort.sums import Calendar, CycleSums, RunningSums

DT = 28 / 365.25


def test_a_year_of_cycles_discounts_by_the_annual_rate():
    assert discount_factors(0.035, DT) ** (365.25 / 28) == pytest.approx(1 / 1.035, rel=1e-14)
    assert discount_factors(0.0, 12.0) == 1.0


@pytest.fixture
def occupancy():
    rng = np.random.default_rng(3)
    return np.cumprod(rng.uniform(0.8, 1.0, (41, 2, 5)), axis=0)


@pytest.mark.parametrize("rate", [0.0, 0.035, 0.5])
def test_sums_of_starts_give_every_payoff_that_a_whole_trace_gives(occupancy, rate):
    n = 40
    sums = CycleSums([0.0, rate], Calendar(n, DT), cuts=[4, 26, 99])
    for cycle in range(n):
        sums.add(cycle, occupancy[cycle])
    sums.close(occupancy[n])
    v = (1 + rate) ** -(np.arange(n) * DT)[:, None, None]
    middle = v * (1 + rate) ** (-DT / 2)
    np.testing.assert_allclose(sums.at_starts(rate), (v * occupancy[:-1]).sum(0), rtol=1e-13)
    for upto in (4, 26, 40):
        np.testing.assert_allclose(sums.at_starts(rate, upto), (v * occupancy[:-1])[:upto].sum(0), rtol=1e-13)
    counted = {"life_table": (occupancy[:-1] + occupancy[1:]) / 2, "start": occupancy[:-1], "end": occupancy[1:]}
    for count, people in counted.items():
        np.testing.assert_allclose(sums.years(rate, count), DT * (middle * people).sum(0), rtol=1e-12)
    left = (middle * -np.diff(occupancy, axis=0)).sum(0)
    np.testing.assert_allclose(sums.leavers(rate), left, rtol=1e-10, atol=1e-13)


def test_a_cut_at_the_start_or_beyond_the_end_is_no_special_case(occupancy):
    sums = CycleSums([0.0], Calendar(40, DT), cuts=[0, 500])
    for cycle in range(40):
        sums.add(cycle, occupancy[cycle])
    sums.close(occupancy[40])
    assert (sums.at_starts(0.0, 0) == 0).all()
    np.testing.assert_array_equal(sums.at_starts(0.0, 500), sums.at_starts(0.0))


def test_the_life_table_method_is_close_to_the_exact_integral():
    """Mean of start and end, discounted at mid-cycle, exponential survival: within 0.002 % of the integral at 28 days."""
    n, hazard, rho = 522, 0.2, np.log(1.035)
    x = np.exp(-hazard * DT * np.arange(n + 1))
    v = 1.035**-DT
    starts = (v ** np.arange(n) * x[:-1]).sum()
    ends = sums_at_ends(starts, x[0], x[-1], cycle_factor=v, n_cycles=n)
    years = years_in_state(v**0.5 * starts, v**0.5 * ends, cycle_years=DT, count="life_table")
    exact = -np.expm1(-(hazard + rho) * n * DT) / (hazard + rho)
    assert years == pytest.approx(exact, rel=2e-5)


def filled(x, calendar, kept=CycleSums):
    """Sums of an occupancy at boundaries, (n_cycles + 1, strategy, draw), at 0 and 3.5 %."""
    sums = kept([0.0, 0.035], calendar, cuts=[3])
    for cycle, shares in enumerate(x[:-1]):
        sums.add(cycle, shares)
    sums.close(x[-1])
    return sums


@pytest.mark.parametrize("count", ["life_table", "start", "end"])
@pytest.mark.parametrize(("purchases", "time", "events"), [(0, 0, 1), (0.5, 1, 0), (1, 0.5, 0.5), (1, 1, 1)])
def test_each_thing_is_discounted_from_its_place_in_the_cycle(purchases, time, events, count):
    n, place = 30, {0: "start", 0.5: "middle", 1: "end"}
    rng = np.random.default_rng(6)
    x = np.cumprod(rng.uniform(0.8, 1.0, (n + 1, 2, 3)), axis=0)
    sums = filled(x, Calendar(n, DT, purchases=place[purchases], time=place[time], events=place[events]))
    bought, lived, happened = (
        np.array([1.035 ** -((c + part) * DT) for c in range(n)])[:, None, None] for part in (purchases, time, events)
    )
    there = {"life_table": (x[:-1] + x[1:]) / 2, "start": x[:-1], "end": x[1:]}[count]
    np.testing.assert_allclose(sums.at_starts(0.035), (bought * x[:-1]).sum(0), rtol=1e-13)
    np.testing.assert_allclose(sums.at_starts(0.035, 3), (bought * x[:-1])[:3].sum(0), rtol=1e-13)
    np.testing.assert_allclose(sums.years(0.035, count), DT * (lived * there).sum(0), rtol=1e-12)
    np.testing.assert_allclose(sums.leavers(0.035), (happened * -np.diff(x, axis=0)).sum(0), rtol=1e-11)


@pytest.mark.parametrize("days", [7, 28, 30.4375, 365.25])
def test_discounting_by_whole_years_counts_the_first_year_in_full(days):
    n, dt = 40, days / 365.25
    rng = np.random.default_rng(5)
    x = np.cumprod(rng.uniform(0.8, 1.0, (n + 1, 2, 3)), axis=0)
    sums = filled(x, Calendar(n, dt, by_year=True))
    at_start, at_middle = (
        np.array([1.035 ** -int((c + part) * dt + 1e-9) for c in range(n)])[:, None, None] for part in (0, 0.5)
    )
    np.testing.assert_allclose(sums.at_starts(0.035), (at_start * x[:-1]).sum(0), rtol=1e-13)
    np.testing.assert_allclose(sums.at_starts(0.035, 3), (at_start * x[:-1])[:3].sum(0), rtol=1e-13)
    people = {"life_table": (x[:-1] + x[1:]) / 2, "start": x[:-1], "end": x[1:]}
    for count, there in people.items():
        np.testing.assert_allclose(sums.years(0.035, count), dt * (at_middle * there).sum(0), rtol=1e-12)
    np.testing.assert_allclose(sums.leavers(0.035), (at_middle * -np.diff(x, axis=0)).sum(0), rtol=1e-12)
    elsewhere = Calendar(n, dt, by_year=True, purchases="end", time="start", events="end")
    sums = filled(x, elsewhere)
    at_end = np.array([1.035 ** -int((c + 1) * dt + 1e-9) for c in range(n)])[:, None, None]
    np.testing.assert_allclose(sums.at_starts(0.035, 3), (at_end * x[:-1])[:3].sum(0), rtol=1e-13)
    np.testing.assert_allclose(sums.years(0.035, "life_table"), dt * (at_start * people["life_table"]).sum(0), rtol=1e-12)
    np.testing.assert_allclose(sums.leavers(0.035), (at_end * -np.diff(x, axis=0)).sum(0), rtol=1e-12)
    assert discount_factors(0.035, [0.0, 0.999, 1.0, 1.9], by_year=True) == pytest.approx([1, 1, 1 / 1.035, 1 / 1.035], rel=1e-15)


@pytest.mark.parametrize("by_year", [False, True])
@pytest.mark.parametrize("places", [("start", "middle", "middle"), ("end", "start", "end")])
def test_running_sums_after_a_cycle_are_the_sums_of_a_run_that_ends_with_it(occupancy, places, by_year):
    def lived(n):
        purchases, time, events = places
        return Calendar(n, DT, by_year=by_year, purchases=purchases, time=time, events=events)

    running = filled(occupancy, lived(40), RunningSums)
    for n in (1, 2, 3, 4, 17, 40):
        ending = filled(occupancy[: n + 1], lived(n))
        for rate in (0.0, 0.035):
            for upto in (None, 3):
                np.testing.assert_allclose(running.at_starts(rate, upto)[n - 1], ending.at_starts(rate, upto), rtol=1e-13)
            for count in ("life_table", "start", "end"):
                np.testing.assert_allclose(running.years(rate, count)[n - 1], ending.years(rate, count), rtol=1e-12)
            np.testing.assert_allclose(running.leavers(rate)[n - 1], ending.leavers(rate), rtol=1e-11)
