"""Charts, each a function of tables or arrays: picture, reading in a sentence, and text for those who cannot see it.

The only room that knows Altair. A strategy has one colour in every chart (`report.colours`), and lightness, dash, shape or
position carries the same meaning as far as it can. Money in GBP and health in QALYs are drawn as they are handed over; nothing
is rounded. `clinical`: patients through time. `decision`: plane, curves, costs, scenarios, budget. `sensitivity`: what the answer
depends on. `information`: what it would be worth to know more. `style`: what they share.
"""

from hemodel.report.charts.clinical import cohort_trace, share_on_treatment
from hemodel.report.charts.decision import (
    MOST_POINTS,
    acceptability_curves,
    budget,
    comparison,
    cost_effectiveness_plane,
    costs_by_component,
    scenario_icers,
)
from hemodel.report.charts.information import convergence, evpi_curve, evppi, evsi
from hemodel.report.charts.sensitivity import decision_drivers, global_sensitivity, price_and_probability, tornado, two_way
from hemodel.report.charts.style import Figure
from hemodel.report.colours import COMPARATOR_COLOUR, INTERVENTION_COLOURS, strategy_colours
from hemodel.report.labels import priced

__all__ = [
    "COMPARATOR_COLOUR",
    "INTERVENTION_COLOURS",
    "MOST_POINTS",
    "Figure",
    "acceptability_curves",
    "budget",
    "cohort_trace",
    "comparison",
    "convergence",
    "cost_effectiveness_plane",
    "costs_by_component",
    "decision_drivers",
    "evpi_curve",
    "evppi",
    "evsi",
    "global_sensitivity",
    "price_and_probability",
    "priced",
    "scenario_icers",
    "share_on_treatment",
    "strategy_colours",
    "tornado",
    "two_way",
]
