"""Decision: what to choose, from anybody's costs and QALYs.

This room knows no model. It takes plain arrays, shape (strategy,) for a base case and (draw, strategy) for a
probabilistic analysis, row i of every array being draw i; money in GBP, effects in QALYs, thresholds in GBP
per QALY. It gives tables (pandas) and small frozen results.
"""

from hemodel.decision.acceptability import (
    ProbabilityCostEffective,
    acceptability_curve,
    acceptability_frontier,
    probability_cost_effective,
)
from hemodel.decision.incremental import describe_icer, icer, incremental_analysis, pairwise, quadrant
from hemodel.decision.information import InformationValue, evpi
from hemodel.decision.intervals import (
    FiellerInterval,
    IcerOfMeans,
    PairedIncrement,
    Spread,
    fieller,
    icer_of_means,
    paired_increment,
)
from hemodel.decision.net_benefit import (
    incremental_net_monetary_benefit,
    net_health_benefit,
    net_monetary_benefit,
)

__all__ = [
    "FiellerInterval",
    "IcerOfMeans",
    "InformationValue",
    "PairedIncrement",
    "ProbabilityCostEffective",
    "Spread",
    "acceptability_curve",
    "acceptability_frontier",
    "describe_icer",
    "evpi",
    "fieller",
    "icer",
    "icer_of_means",
    "incremental_analysis",
    "incremental_net_monetary_benefit",
    "net_health_benefit",
    "net_monetary_benefit",
    "paired_increment",
    "pairwise",
    "probability_cost_effective",
    "quadrant",
]
