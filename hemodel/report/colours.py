"""The palette: a strategy has one colour wherever it is drawn, in the charts of the page and in those of the workbook.

From Okabe and Ito's palette, which stays apart for colour-blind readers; the first is darker than theirs.
"""

from __future__ import annotations

from hemodel.evidence.settings import Settings

INTERVENTION_COLOURS = ("#00436C", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
COMPARATOR_COLOUR = "#D55E00"


def strategy_colours(settings: Settings) -> dict[str, str]:
    """Strategy name -> colour: the comparator has a fixed one, the others take theirs in the order of the settings."""
    others = settings.interventions
    colours = {name: INTERVENTION_COLOURS[i % len(INTERVENTION_COLOURS)] for i, name in enumerate(others)}
    return {name: colours.get(name, COMPARATOR_COLOUR) for name in settings.strategy_names}


def intervention_colour(settings: Settings) -> str:
    """The colour of the first strategy that is not the comparator: of all that is drawn about it against the comparator."""
    return next(colour for name, colour in strategy_colours(settings).items() if name != settings.comparator)


def tint(colour: str, share: float) -> str:
    """`colour` mixed with `share` of white.

    >>> tint("#000000", 0.5)
    '#808080'
    """
    parts = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return "#" + "".join(f"{round(part + (255 - part) * share):02X}" for part in parts)
