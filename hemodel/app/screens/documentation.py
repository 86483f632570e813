"""Documentation: how the model works, its sources, what words mean, the items of CHEERS 2022, and the record of this run."""

from __future__ import annotations

import re

import pandas as pd
import streamlit as st

from hemodel.app import results
from hemodel.app.show import page, plain, table
from hemodel.app.sidebar import screen
from hemodel.evidence.inputs import Inputs
from hemodel.evidence.settings import Settings
from hemodel.report import labels, tables
from hemodel.report.cheers import cheers_table
from hemodel.report.manifest import manifest, manifest_lines

SURVIVAL = {
    "state_transition": """
- **Survival after a change.** Overall survival is met through the death rate after progression. When a survival input is changed
  in the form, these rates are derived anew, so that survival in the model is again what the form says.
""",
    "partitioned_survival": """
- **Survival.** Overall and progression-free survival are curves of their own, through the medians in the form or fitted to data; the
  people after progression are those between the two.
""",
}
"""How survival is met, by structure."""
TABS = ("How the model works", "Sources", "Glossary", "CHEERS 2022", "This run")
GLOSSARY = {
    "Dominant, dominated": "Cheaper and more effective; dearer and less effective. There is no ratio then.",
    "Extendedly dominated": "A mix of two other strategies would give more health for the same money.",
    "Fully incremental": "Each strategy is compared with the next cheaper one that is not dominated.",
    "South-west": "Cheaper and less effective: the ICER is then what is saved for each QALY given up, and higher is better.",
    "Net health benefit": "QALYs gained less those that the same money would buy elsewhere, at the threshold.",
    "Draw": "One set of values of all uncertain inputs, taken from their distributions together.",
    "Status": "; ".join(f"{status}: {words}" for status, words in labels.STATUSES.items()) + ".",
    "Confidential marking": "CIC: commercial in confidence; AIC: academic in confidence; DPD: data on persons; CPAS: confidential scheme.",
}


def draw() -> None:
    """The page."""
    page("Documentation")
    inputs = screen().inputs
    how, sources, words, cheers, run = st.tabs(TABS)
    with how:
        st.markdown(_method(inputs) + SURVIVAL[inputs.settings.structure])
        table(tables.settings_table(inputs), inputs.settings, "Choices about the model")
    with sources:
        st.markdown(_sources(inputs.folder.sources))
    with words:
        known = {f"{short}": long for short, long in labels.ABBREVIATIONS.items()}
        table(
            pd.DataFrame((_own_words(inputs.settings) | GLOSSARY | known).items(), columns=["Word", "Meaning"]),
            inputs.settings,
            "Glossary",
            heading=False,
        )
    with cheers:
        st.markdown("What a report has to say (CHEERS 2022), filled from this run where a run can fill it.")
        table(cheers_table(results.base_case(inputs), results.psa(inputs)), inputs.settings, "CHEERS 2022", heading=False)
    with run:
        record = manifest_lines(manifest(inputs, psa=results.psa(inputs)))
        table(pd.DataFrame(record, columns=["What", "Value"]), inputs.settings, "Record of this run", heading=False)


def _method(inputs: Inputs) -> str:
    """How the model works, in words, on these inputs."""
    settings = inputs.settings
    scheduled = {drug for strategy in settings.strategies for drug in strategy.schedules}
    packs = [name for name in inputs.priced_drugs if name not in scheduled]
    drugs = labels.drugs_label(settings, packs)
    bought = (
        f"Where {drugs} is part of a strategy, a pack of it is bought at the start of each cycle by those still on treatment. "
    )
    own = (
        "Drugs with days of their own are bought by those on treatment on each day. "
        if scheduled & set(inputs.priced_drugs)
        else ""
    )
    schemes = [scheme for name in settings.price_arrangements for scheme in settings.schemes_in(name).values()]
    under = plain(labels.drugs_label(settings, dict.fromkeys(scheme.drug for scheme in schemes)) or "the drugs")
    return f"""
A cohort of people starts free of progression, once for each strategy. Time runs in **cycles of {labels.cycle(settings)}**, up to the
horizon. In every cycle some progress and some die; nobody's risk of death is ever below that of the general population of the same
age and sex.

- **Health.** Years lived free of progression and after it are weighted by their quality of life: that gives QALYs. Adverse
  events take some away.
- **Costs.** {plain(bought) if packs else ""}{own}Visits, tests and other medicines go with treatment. Care after progression and at the
  end of life is counted under every strategy.
- **Price.** All prices are worked out from *the same* people: a scheme changes who pays for {under}, and may cost something
  to run. It changes nothing else.
- **Time preference.** Costs and QALYs that lie in the future count for less, by the discount rates in the form. Life years
  gained are shown undiscounted.
- **Uncertainty.** Every uncertain input has a distribution. The probabilistic analysis draws all of them together many times;
  every strategy and every price sees the same draws."""


def _own_words(settings: Settings) -> dict[str, str]:
    """Words whose meaning is that of the settings."""
    number = round(1 / settings.cycle_years)
    cycle = f"{labels.cycle(settings)}. {number} cycles are {number * settings.cycle_days:g} days."
    return {"Cycle": cycle, "Threshold": f"What {labels.payer(settings)} is taken to be able to pay for one more QALY."}


def _sources(sources: str) -> str:
    """The numbered sources, with the headings small, stresses as such, and everything else as it is written."""
    lines = []
    for line in sources.splitlines():
        if line.startswith("# "):
            continue
        text = re.sub(r"\\\*(\w[^*]*?)\\\*", r"*\1*", plain(line.lstrip("#- ").strip()))  # what is stressed stays so
        lines.append(f"**{text}**" if line.startswith("## ") else f"- {text}" if line.startswith("- ") else text)
    return "\n\n".join(line for line in lines if line) or "The sources lie with the inputs of this problem."


if __name__ == "__main__":
    draw()
