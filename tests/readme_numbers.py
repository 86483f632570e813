"""Writes the numbers in README.md and docs/: `python -m tests.readme_numbers --write` (or `make docs`). tests/test_readme.py compares."""

import importlib.util
import re
import sys
from pathlib import Path

import pandas as pd

import hemodel as hm
from hemodel.evidence.folder import problem_titles
from hemodel.report import labels, tables

ROOT = Path(__file__).parent.parent


def markdown(frame):
    """A pandas table of text as Markdown, numbers to the right."""
    rows = [list(map(str, row)) for row in frame.itertuples(index=False)]
    right = [all(not row[i].strip("£%-., 0123456789") for row in rows) for i in range(len(frame.columns))]
    lines = ["| " + " | ".join(map(str, frame.columns)) + " |", "|" + "|".join("---:" if r else "---" for r in right) + "|"]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def answer():
    inputs = hm.load_inputs("relapsed")
    base, psa = hm.run_base_case(inputs), hm.run_psa(inputs)
    parts = []
    for arrangement in base.outcomes.price_arrangements:
        parts.append(f"*{labels.arrangement_label(inputs.settings, arrangement)}*")
        parts.append(markdown(tables.rounded(tables.base_case_table(base, arrangement), base.inputs.settings)))
    chosen = psa.table[psa.table["strategy"] != inputs.settings.comparator].set_index("price_arrangement")
    low, high = (f"{t:.0f}" for t in inputs.settings.threshold_values)
    chances = {
        a: [labels.percent(chosen.loc[a, f"probability_cost_effective_{t}"]) for t in (low, high)] for a in psa.price_arrangements
    }
    parts.append(
        f"Life-years undiscounted; costs and QALYs at 3.5 %. In {psa.n_draws:,} draws of all uncertain inputs, lenalidomide is "
        f"cost-effective at {labels.money(float(low), inputs.settings)} and {labels.money(float(high), inputs.settings)} per QALY "
        "with a probability of "
        f"{chances['list'][0]} and {chances['list'][1]} at list price, {chances['pas'][0]} and {chances['pas'][1]} under the scheme."
    )
    return "\n\n".join(parts)


def problems():
    """The answers of the other decision problems: their incremental analysis under both price arrangements."""
    parts = []
    for problem in list(problem_titles())[1:]:
        base = hm.run_base_case(hm.load_inputs(problem))
        settings, rows = base.inputs.settings, []
        for arrangement in base.outcomes.price_arrangements:
            table = tables.rounded(tables.base_case_table(base, arrangement), base.inputs.settings)
            table.insert(0, "Price", labels.arrangement_short(settings, arrangement))
            rows.append(table.drop(columns=["Incremental costs (£)", "Incremental LYG", "Incremental QALYs"]))
        parts.append(f"*{settings.question}* (`hemodel run {problem}`)\n\n{markdown(pd.concat(rows))}")
    return "\n\n".join(parts)


def _icers(problem):
    """A row a scenario and intervention: label, strategy, why, and the ICER (a number or words) of each price arrangement."""
    table = hm.run_scenarios(problem).table
    rows = {}
    for row in table.to_dict("records"):
        found = rows.setdefault((row["label"], row["strategy"]), {"why": row["why"]})
        found[row["price_arrangement"]] = labels.icer_text(row["icer"], row["reading"], hm.load_inputs(problem).settings)
        found[f"{row['price_arrangement']}_value"] = row["icer"]
    frame = pd.DataFrame(rows).T.rename_axis(["label", "strategy"])
    return frame.where(frame.notna(), "").reset_index()


def scenarios():
    """The base case and the scenarios that move its ICER under the scheme by a tenth or more."""
    wide = _icers("relapsed")
    value = pd.to_numeric(wide["pas_value"], errors="coerce")
    moved = (value / value.iloc[0] - 1).abs() >= 0.1
    shown = wide.assign(value=value)[moved | (wide.index == 0)].sort_values("value")[["label", "list", "pas"]]
    shown.columns = ["Scenario", "ICER, list price (£/QALY)", "ICER, scheme (£/QALY)"]
    rest = f"The other {len(wide) - len(shown)} scenarios move the ICER under the scheme by less than a tenth"
    return f"{markdown(shown)}\n\n{rest}: [docs/methods.md](docs/methods.md), section 9."


def choices():
    """Every scenario of every problem with its reason and its effect."""
    parts = []
    for problem in problem_titles():
        wide, settings = _icers(problem), hm.load_inputs(problem).settings
        shown = pd.DataFrame({"Choice": wide["label"]})
        if len(settings.strategies) > 2:
            shown["Technology"] = [labels.strategy_label(settings, name) for name in wide["strategy"]]
        for name in wide.columns[wide.columns.str.endswith("_value")].str.removesuffix("_value"):
            heading = "scheme" if name == "pas" else "list price" if name == "list" else name.replace("_", " ")
            shown[f"ICER, {heading} (£/QALY)"] = wide[name].to_numpy()
        shown["Why look"] = wide["why"].to_numpy()
        parts.append(f"**{problem}**, against {labels.strategy_label(settings, settings.comparator)}\n\n{markdown(shown)}")
    return "\n\n".join(parts)


def statuses():
    return markdown(tables.rounded(tables.status_counts(hm.load_inputs("relapsed")), hm.load_inputs("relapsed").settings))


def verification():
    """The counts of docs/verification.md."""
    spec = importlib.util.spec_from_file_location("verification_page", ROOT / "tests" / "verification_page.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.summary()


PAGES = {
    "README.md": {
        "answer": answer,
        "scenarios": scenarios,
        "problems": problems,
        "statuses": statuses,
        "verification": verification,
    },
    "docs/methods.md": {"choices": choices},
}


def written(page, text):
    """The text of a page with every block written anew."""
    for name, block in PAGES[page].items():
        pattern = re.compile(rf"(<!-- {name}:[^\n]*-->\n).*?(<!-- /{name} -->)", re.DOTALL)
        assert pattern.search(text), name
        text = pattern.sub(lambda m, b=block: f"{m[1]}\n{b()}\n\n{m[2]}", text)
    return text


if __name__ == "__main__":
    for page in PAGES:
        new = written(page, (ROOT / page).read_text(encoding="utf-8"))
        if "--write" in sys.argv:
            (ROOT / page).write_text(new, encoding="utf-8")
        else:
            sys.stdout.write(new)
