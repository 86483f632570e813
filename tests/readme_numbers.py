"""Writes the numbers in README.md and docs/: `python -m tests.readme_numbers --write` (or `make docs`). tests/test_readme.py compares."""

import re
import sys
from pathlib import Path

import hemodel as hm
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
        parts.append(markdown(tables.rounded(tables.base_case_table(base, arrangement))))
    chosen = psa.table[psa.table["strategy"] != inputs.settings.comparator].set_index("price_arrangement")
    low, high = (f"{t:.0f}" for t in inputs.settings.thresholds_gbp)
    chances = {
        a: [labels.percent(chosen.loc[a, f"probability_cost_effective_{t}"]) for t in (low, high)] for a in psa.price_arrangements
    }
    parts.append(
        f"Life-years undiscounted; costs and QALYs at 3.5 %. In {psa.n_draws:,} draws of all uncertain inputs, lenalidomide is "
        f"cost-effective at {labels.gbp(float(low))} and {labels.gbp(float(high))} per QALY with a probability of "
        f"{chances['list'][0]} and {chances['list'][1]} at list price, {chances['pas'][0]} and {chances['pas'][1]} under the scheme."
    )
    return "\n\n".join(parts)


def _icers(problem):
    """A row a scenario: label, why, and the ICER of each price arrangement as a number."""
    table = hm.run_scenarios(problem).table
    wide = table.pivot(index="label", columns="price_arrangement", values="icer").reindex(table["label"].unique())
    return wide.assign(why=table.drop_duplicates("label").set_index("label")["why"])


def scenarios():
    """The base case and the scenarios that move its ICER under the scheme by a tenth or more."""
    wide = _icers("relapsed")
    base = wide["pas"].iloc[0]
    moved = (wide["pas"] / base - 1).abs() >= 0.1
    shown = wide[moved | (wide.index == wide.index[0])].sort_values("pas")[["list", "pas"]].map(labels.gbp).reset_index()
    shown.columns = ["Scenario", "ICER, list price (£/QALY)", "ICER, scheme (£/QALY)"]
    rest = f"The other {len(wide) - len(shown)} scenarios move the ICER under the scheme by less than a tenth"
    return f"{markdown(shown)}\n\n{rest}: [docs/methods.md](docs/methods.md), section 9."


def choices():
    """Every scenario of every problem with its reason and its effect."""
    parts = []
    for problem in ("relapsed",):
        wide = _icers(problem).reset_index()
        shown = wide[["label", "why"]].rename(columns={"label": "Choice", "why": "Why look"})
        for arrangement, heading in (("list", "ICER, list price (£/QALY)"), ("pas", "ICER, scheme (£/QALY)")):
            shown[heading] = ["" if x != x else labels.gbp(x) for x in wide[arrangement]]
        parts.append(f"**{problem}**\n\n{markdown(shown)}")
    return "\n\n".join(parts)


def statuses():
    return markdown(tables.rounded(tables.status_counts(hm.load_inputs("relapsed"))))


PAGES = {
    "README.md": {"answer": answer, "scenarios": scenarios, "statuses": statuses},
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
