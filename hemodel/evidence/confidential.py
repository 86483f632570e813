"""Which inputs are confidential: those called so, and what they could be worked out from."""

from __future__ import annotations

from hemodel.evidence.inputs import Inputs
from hemodel.evidence.settings import Settings

RATE = "r_death_progressed_"
"""Beginning of the names of death rates after progression, which are derived from what is published about survival."""


def called(inputs: Inputs) -> tuple[str, ...]:
    """Names of the parameters that are called confidential in their row."""
    return tuple(name for name, parameter in inputs.parameters.items() if parameter.confidentiality != "none")


def marked(inputs: Inputs, *, but: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Names of the parameters that are confidential: those called so, and the death rates that are derived from survival called so,
    which could be worked out from them. `but`: beginnings of names that are not taken for confidential here.
    """
    named = [name for name in called(inputs) if not name.startswith(but)]
    survival = [n for n in named if inputs.parameters[n].group == "survival" and not n.startswith(RATE)]
    rates = {
        f"{RATE}{strategy}" for strategy in inputs.settings.strategy_names for n in survival if _decides(inputs, n, strategy)
    }
    return tuple(n for n in inputs.parameters if n in named or n in rates)


def _decides(inputs: Inputs, name: str, strategy: str) -> bool:
    """Whether a parameter of survival may go into the death rate of a strategy: its own, those of no strategy, and hazard ratios with
    all that they are applied to.
    """
    settings = inputs.settings
    is_joined = name.startswith("hr_") or any(by_hazard_ratio(settings, s) for s in settings.strategy_names)
    of = max((s for s in settings.strategy_names if f"_{s}" in name), key=len, default=strategy)  # one name may end another
    return is_joined or of == strategy


def by_hazard_ratio(settings: Settings, strategy: str) -> bool:
    """Whether survival on the strategy follows from another's curve."""
    side = settings.comparator_survival if strategy == settings.comparator else settings.intervention_survival
    return side == "hazard_ratio"
