"""Treatment switching in a trial of one's own: the hazard ratio as randomised and as if nobody had switched. Exploratory."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from hemodel.errors import InputError
from hemodel.survival.crossover import Crossover, adjust_crossover
from hemodel.survival.fitting import KaplanMeier, kaplan_meier

Array = NDArray[np.float64]
FURTHEST = 2.0
"""How far from 0 psi is looked for unless another range is given: a treatment that stretches time up to 7.4-fold, or shrinks it so."""

_MOST = 10.0  # e^10: nobody lives twenty thousand times as long


@dataclass(frozen=True)
class Switching:
    """Result of `run_crossover`: the trial as it was observed, and the comparator as if nobody had switched."""

    times: Array
    events: Array
    treated: Array
    time_on_treatment: Array
    adjusted: Crossover

    @property
    def n_switched(self) -> int:
        """People of the comparator's arm who had some of the treatment."""
        return int(((self.treated == 0) & (self.time_on_treatment > 0)).sum())

    @property
    def n_comparator(self) -> int:
        """People randomised to the comparator."""
        return int((self.treated == 0).sum())

    @property
    def table(self) -> pd.DataFrame:
        """Quantity, estimate and its 95 % interval; medians have none, and are missing where half the people are never reached."""
        found = self.adjusted
        rows = [
            (
                "hazard_ratio_as_randomised",
                found.hazard_ratio_as_randomised,
                found.hazard_ratio_as_randomised_low,
                found.hazard_ratio_as_randomised_high,
            ),
            ("hazard_ratio_adjusted", found.hazard_ratio, found.hazard_ratio_low, found.hazard_ratio_high),
            ("time_ratio", *(math.exp(-psi) for psi in (found.psi, found.high, found.low))),
            ("psi", found.psi, found.low, found.high),
            *((f"median_{name}", curve.median(), math.nan, math.nan) for name, curve in self._curves.items()),
        ]
        frame = pd.DataFrame(rows, columns=["quantity", "estimate", "low", "high"])
        return frame.replace([math.inf, -math.inf], math.nan)

    @property
    def survival(self) -> pd.DataFrame:
        """Kaplan-Meier survival at twelve times: time, treated, comparator and comparator_if_nobody_switched; missing beyond the last time
        of an arm, which comes sooner where people are censored anew.
        """
        at = np.linspace(0.0, float(self.times.max()), 13)[1:]
        curves = {name: np.where(at <= curve.times[-1], curve.survival_at(at), math.nan) for name, curve in self._curves.items()}
        return pd.DataFrame({"time": at, **curves})

    @property
    def counterfactual(self) -> pd.DataFrame:
        """A row a person, in the order of the data: time, event and arm (1 treated, 0 comparator, as if nobody had switched)."""
        columns = {"time": self.adjusted.times, "event": self.adjusted.events.astype(int), "arm": self.treated.astype(int)}
        return pd.DataFrame(columns)

    @property
    def _curves(self) -> dict[str, KaplanMeier]:
        arm = self.treated == 1
        return {
            "treated": kaplan_meier(self.times[arm], self.events[arm]),
            "comparator": kaplan_meier(self.times[~arm], self.events[~arm]),
            "comparator_if_nobody_switched": kaplan_meier(self.adjusted.times[~arm], self.adjusted.events[~arm]),
        }

    @property
    def notes(self) -> list[str]:
        """What the adjustment assumes, and what of these data it is sensitive to."""
        found = self.adjusted
        notes = [found.reading[0].upper() + found.reading[1:] + "; nothing in the data can confirm it."]
        notes.append(
            "The interval of the adjusted hazard ratio has the P value of the comparison as randomised: adjusting adds no evidence."
        )
        if not self.n_switched:
            notes.append("Nobody of the comparator's arm had the treatment.")
        elif self.n_switched == self.n_comparator:
            notes.append(
                "Everybody of the comparator's arm has time on treatment. It must be time on what the treated arm was given, not on the "
                "comparator."
            )
        stopped = (self.treated == 1) & (self.time_on_treatment < self.times * (1 - 1e-9))
        if (self.n_switched or stopped.any()) and not found.recensored and (self.events == 0).any():
            notes.append(
                "Some people are censored and the data have no censoring_time (when the study would have ended for each): their "
                "counterfactual times are not censored anew, so that censoring depends on prognosis."
            )
        if len(found.roots) > 1:
            notes.append(f"Z changes sign at {len(found.roots)} places: psi {', '.join(f'{root:.4g}' for root in found.roots)}.")
        if math.isinf(found.low) or math.isinf(found.high):
            notes.append("The interval of psi is open where the test does not reject within the range that was searched.")
        return notes


def run_crossover(
    times: ArrayLike,
    events: ArrayLike,
    treated: ArrayLike,
    time_on_treatment: ArrayLike,
    *,
    censoring_times: ArrayLike | None = None,
    furthest: float = FURTHEST,
    places: Sequence[str] | None = None,
) -> Switching:
    """The comparison of two arms as randomised and as if nobody had switched, by `survival.adjust_crossover`. Exploratory.

    One row a person: `times` above 0, `events` 1 or 0, `treated` 1 if randomised to treatment, `time_on_treatment` (on what the treated
    arm was given, whoever had it), and where known the `censoring_times` that everybody would have had. psi is looked for from
    -`furthest` to `furthest`.

    >>> found = run_crossover([9, 5, 7, 4, 2, 3], [1] * 6, [1, 1, 1, 0, 0, 0], [9, 5, 7, 0, 0, 0])
    >>> found.n_switched, round(found.adjusted.hazard_ratio, 9) == round(found.adjusted.hazard_ratio_as_randomised, 9)
    (0, True)
    """
    if not 0 < furthest <= _MOST:
        raise InputError(
            "search", f"{furthest:g} is not above 0 and at most {_MOST:g}", f"Leave it out, or give such as {FURTHEST:g}"
        )
    found = adjust_crossover(
        times,
        events,
        treated,
        time_on_treatment,
        censoring_times=censoring_times,
        search=(-furthest, furthest),
        places=places,
    )
    when, died, arm, on = (np.asarray(values, dtype=np.float64) for values in (times, events, treated, time_on_treatment))
    return Switching(when, died, arm, on, found)
