"""Folders of made-up appraisals, each a copy of `relapsed` that says more or less: what any folder may say must be counted and checked.

Loaded by their path by those who need them: `made_up(name, folder)` writes one and gives its path.
"""

import csv
import shutil
from pathlib import Path

HERE = Path(__file__).parent.parent / "inputs" / "relapsed"
THIRD = "antibody_dexamethasone"
LIKE = "dexamethasone"  # the strategy whose parameters it takes

ANTIBODY = """
[drugs.antibody]
label = "Antibody"
vials = { dose = "n_antibody_dose", size = "n_weight", spread = "n_weight_spread", prices = { 50 = "c_vial_50", 120 = "c_vial_120" } }

[schemes.antibody_refund]
label = "Refund of the antibody"
drug = "antibody"
kind = "response_refund"
response_by_cycle = 4

[schemes.antibody_tiers]
label = "Tiers"
drug = "antibody"
kind = "tiered_discount"
tiers = [{ from_cycle = 5, price_discount = 0.2 }, { from_cycle = 12, price_discount = 0.5 }]

[schemes.antibody_most]
label = "At most so much for a person"
drug = "antibody"
kind = "total_cost_cap"
most_paid = 20000.0

[arrangements.both]
label = "Lenalidomide capped, the antibody refunded"
schemes = ["pas", "antibody_refund"]

[[strategies]]
name = "antibody_dexamethasone"
label = "Antibody + dexamethasone"
drugs = ["antibody", "dexamethasone"]
treatment_days = 500.0
stop_at_response = { day = 84.0, stops = "non_responders" }
schedules = { antibody = [{ cycle_days = 21.0, days = [1.0, 8.0], cycles = 6 }, { cycle_days = 35.0 }] }
"""
NUMBERS = {
    "n_antibody_dose": ("mg per kg", 1.9),
    "n_weight": ("kg", 74.0),
    "n_weight_spread": ("kg", 16.0),
    "c_vial_50": ("GBP per vial", 310.0),
    "c_vial_120": ("GBP per vial", 690.0),
    "c_mixing": ("GBP per giving", 47.0),
}
ROWS = """cost,antibody,Antibody,drug:antibody,,charged pack,(price + c_mixing) / 1.25 * (1 - 0.1),bracketed and divided
cost,infusions,Infusions,drug:antibody,,pack 2-9,c_mixing * 2 / (3 - 1),
cost,infusions,Infusions,drug:antibody,,pack 1,3 * c_mixing,
cost,counselling,Counselling,strategy:antibody_dexamethasone,,start,c_clinic_visit_first - c_blood_test - 2 * c_blood_test,
cost,relapse,Relapse,all,relapses,entry to progressed,c_clinic_visit_first / 2 / 2,
qaly,infusions,Infusions (loss),drug:antibody,,year on treatment,-(u_progression_free - u_progressed) / 10,
cost,scheme_running_antibody,Running the scheme,scheme:antibody,,start,c_scheme_per_patient * 2,
"""
OBSERVATION = """
[[strategies]]
name = "observation"
label = "Observation"
drugs = []
treatment_until = "progression"
"""


def rows_of(file):
    with (HERE / file).open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def write(path, rows):
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, rows[0].keys(), lineterminator="\n")
        table.writeheader()
        table.writerows(rows)


def with_settings(folder, text="", **lines):
    """More tables at the end of the settings, and lines of their beginning set anew."""
    path = folder / "settings.toml"
    old = path.read_text(encoding="utf-8").splitlines()
    old = [line for line in old if line.split(" = ")[0] not in lines]
    first = next(i for i, line in enumerate(old) if line.startswith("["))
    new = [f"{name} = {value}" for name, value in lines.items()]
    path.write_text("\n".join([*old[:first], *new, *old[first:], text]), encoding="utf-8")


def with_strategy(folder, name, by):
    """A strategy whose parameters are those of `LIKE`, times `by` where they may be larger or smaller."""
    rows = rows_of("parameters.csv")
    more = []
    for row in rows:
        stem = row["name"].removesuffix(f"_{LIKE}")
        own = row["name"].endswith(f"_{LIKE}") and not stem.endswith("lenalidomide")
        if own:
            free = stem.startswith(("median_", "n_", "r_")) and row["distribution"] in ("fixed", "gamma", "lognormal")
            more.append(row | {"name": f"{stem}_{name}", "value": f"{float(row['value']) * by:.12g}" if free else row["value"]})
    write(folder / "parameters.csv", rows + more)


def two_drugs(folder):
    """A third strategy with a drug of its own from vials, on days of its own, with three schemes and an arrangement of two drugs."""
    with_strategy(folder, THIRD, 1.3)
    path = folder / "parameters.csv"
    like = next(row for row in rows_of("parameters.csv") if row["name"] == "c_heparin")
    with path.open("a", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, like.keys(), lineterminator="\n")
        for name, (unit, value) in NUMBERS.items():
            terms = {
                "name": name,
                "label": name,
                "unit": unit,
                "value": value,
                "se": "",
                "low": "",
                "high": "",
                "distribution": "fixed",
            }
            table.writerow(like | terms | {"group": "treatment"})
    with (folder / "payoffs.csv").open("a", encoding="utf-8") as file:
        file.write(ROWS)
    arrangements = '["list", "pas", "antibody_tiers", "antibody_most", "both"]'
    with_settings(folder, ANTIBODY, price_arrangements=arrangements, also_counted='["relapses"]')


def observation(folder):
    """A third strategy without drugs."""
    with_strategy(folder, "observation", 0.8)
    with_settings(folder, OBSERVATION)


def no_events(folder):
    """No adverse events at all."""
    (folder / "adverse_events.csv").unlink()
    events = [row["event"] for row in rows_of("adverse_events.csv")]
    names = tuple(f"{q}_{event}" for event in events for q in ("c", "du", "d"))
    shares = tuple(f"p_{event}_" for event in events)
    for file, columns in (("parameters.csv", ["name"]), ("populations.csv", ["name"]), ("correlations.csv", ["first", "second"])):
        write(folder / file, [r for r in rows_of(file) if not any(r[c] in names or r[c].startswith(shares) for c in columns)])


def weekly(folder):
    """Two drugs in a model of seven days, discounted by whole years."""
    two_drugs(folder)
    with_settings(folder, cycle_days="7.0", horizon_years="12.0", discounting='"by_year"')


def monthly(folder):
    """Two drugs in a model of months."""
    two_drugs(folder)
    with_settings(folder, cycle_days="30.4375")


def yearly(folder):
    """A third strategy without drugs in a model of years."""
    observation(folder)
    with_settings(folder, cycle_days="365.25")


FOLDERS = {f.__name__: f for f in (two_drugs, observation, no_events, weekly, monthly, yearly)}


def made_up(name, folder):
    """Write one of these folders at `folder`, and its path."""
    shutil.copytree(HERE, folder)
    FOLDERS[name](folder)
    return folder
