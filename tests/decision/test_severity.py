"""NICE's modifiers at their cut-offs.

Pitfalls guarded: a value on a cut-off that takes the lower level; the measure with the lower weight; a rounding error that
decides; the ICER multiplied where it should be divided; undiscounted QALYs in a shortfall, discounted months in a life expectancy; the
wrong strategy's.
"""

import numpy as np
import pytest

import hemodel as hm
from hemodel.analyses.severity import run_modifiers
from hemodel.decision.severity import end_of_life, severity
from hemodel.evidence.rules import load_rules
from hemodel.survival.background import quality_adjusted_life_expectancy

RULE = {"absolute": (12, 18), "proportional": (0.85, 0.95), "weights": (1, 1.2, 1.7)}


@pytest.mark.parametrize(
    ("general", "current", "weight"),
    [
        (20.0, 8.0001, 1.0),
        (20.0, 8.0, 1.2),
        (24.0, 6.0001, 1.2),
        (24.0, 6.0, 1.7),
        (10.0, 1.5001, 1.0),
        (10.0, 1.5, 1.2),
        (10.0, 0.5001, 1.2),
        (10.0, 0.5, 1.7),
        (19.0, 0.9, 1.7),  # absolute 18.1, proportional 0.953
        (13.0, 1.0, 1.2),  # absolute 12, proportional 0.923
        (3.0, 2.9, 1.0),
    ],
)
def test_a_value_on_a_cut_off_takes_the_higher_level(general, current, weight):
    assert severity(general, current, **RULE).weight == weight


def test_rounding_error_does_not_decide():
    assert severity(0.1 + 0.2 + 12.0, 0.3, **RULE).weight == severity(12.3, 0.3, **RULE).weight == 1.7
    assert severity(10.0, 10 * (1 - 0.85), **RULE).weight == 1.2


@pytest.mark.parametrize("values", [(0.0, 1.0), (10.0, 0.0), (float("nan"), 1.0), (10.0, -1.0)])
def test_qalys_that_are_none_are_refused(values):
    with pytest.raises(hm.InputError, match="is not a number of QALYs"):
        severity(*values, **RULE)


@pytest.mark.parametrize(
    ("months", "extension", "met"), [(23.9, 3.0, True), (24.0, 3.0, False), (23.9, 2.99, False), (36.0, 12.0, False)]
)
def test_end_of_life_needs_both(months, extension, met):
    assert end_of_life(months, extension, longest_months=24, least_extension_months=3).met is met


def test_quality_adjusted_life_expectancy_is_that_of_the_evidence():
    """Evidence 5.1: UK 2017-19, Ara and Brazier, 3.5 %, 59 % men. It prints 10.96 at 63; with cycles of 28 days it is 10.95."""
    table, norm = hm.load_inputs("relapsed").life_table, load_rules().utility_norm
    for age, published, precision in (
        (60, 11.98, 0.005),
        (63, 10.96, 0.01),
        (65, 10.26, 0.005),
        (68, 9.21, 0.005),
        (70, 8.50, 0.005),
    ):
        found = quality_adjusted_life_expectancy(
            table.male,
            table.female,
            norm.at,
            age=age,
            share_male=0.59,
            discount_rate=0.035,
            cycle_years=28 / 365.25,
        )
        assert found == pytest.approx(published, abs=precision)


def test_the_relapsed_decision_earns_its_weight_from_the_proportional_shortfall():
    """At 63 the absolute shortfall cannot reach 12; 0.79 QALYs on dexamethasone are a loss of 93 %."""
    found = run_modifiers(hm.run_base_case(hm.load_inputs("relapsed")))
    assert found.severity.absolute_shortfall < 12
    assert 0.85 < found.severity.proportional_shortfall < 0.95
    assert found.severity.weight == 1.2
    assert [judged.met for judged in found.end_of_life.values()] == [True]
    row = found.table.iloc[1]
    assert row["weighted_icer"] == pytest.approx(row["icer"] / 1.2, rel=1e-14)
    gain = row["weighted_incremental_net_health_benefit_35000"] - row["incremental_net_health_benefit_35000"]
    base = found.base.table.iloc[2]
    assert gain == pytest.approx(0.2 * base["incremental_qalys"], rel=1e-12)
    assert "Severity weight 1.2" in found.severity.reading
    assert "<table" in found._repr_html_()


@pytest.mark.parametrize(
    ("problem", "other"),
    [("relapsed", "lenalidomide_dexamethasone"), ("maintenance", None), ("first_line", None), ("one_prior", None)],
)
def test_shortfalls_are_of_discounted_qalys_and_months_are_undiscounted(problem, other):
    base = hm.run_base_case(hm.load_inputs(problem))
    found, settings = run_modifiers(base), base.inputs.settings
    reference = settings.strategy_names.index(settings.comparator)
    others = [name for name in settings.strategy_names if name != settings.comparator]
    assert list(found.end_of_life) == others and other in (None, *others)
    qalys = sum(float(part[reference, 0]) for part in base.outcomes.qalys.values())
    assert settings.discount_rate_effects > 0
    assert found.severity.current_treatment_qalys == pytest.approx(qalys, rel=1e-12)
    assert found.severity.current_treatment_qalys == pytest.approx(base.outcomes.total_qalys[reference, 0], rel=1e-12)
    alive = 1 - base.trace["dead"]
    months = 12 * ((alive[:-1] + alive[1:]) / 2 * 28 / 365.25).sum(axis=0)
    for name, judged in found.end_of_life.items():
        longer = months[settings.strategy_names.index(name)] - months[reference]
        assert judged.life_expectancy_months == pytest.approx(months[reference], rel=1e-12)
        assert judged.extension_months == pytest.approx(longer, rel=1e-11)
    general = found.severity.general_population_qalys
    assert found.severity.absolute_shortfall == pytest.approx(general - qalys, rel=1e-12)
    assert found.severity.proportional_shortfall == pytest.approx(1 - qalys / general, rel=1e-12)
    discounted = 12 * float(np.sum([part[reference, 0] for part in base.outcomes.life_years.values()]))
    assert months[reference] - discounted > 0.1  # or the two could not be told apart
