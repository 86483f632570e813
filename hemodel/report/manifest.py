"""The record of a run: what went in, what it was run with, and one hash that says whether two runs are the same."""

from __future__ import annotations

import hashlib
import json
import platform
from collections import Counter
from importlib import metadata
from typing import Any

from hemodel import version
from hemodel.analyses.psa import PSA
from hemodel.errors import InputError
from hemodel.evidence.inputs import Inputs
from hemodel.evidence.parameters import STATUSES
from hemodel.report import labels

HASHED = ("hemodel", "problem", "population", "scenario", "input_hash", "seed", "design", "draws", "thresholds")
"""The deterministic part: no version of a library, no time, host or path."""


def manifest(inputs: Inputs, *, psa: PSA | None = None) -> dict[str, Any]:
    """Versions, inputs, seed and draws of a run, with `hash`: SHA-256 of the entries named in `HASHED`.

    The same run has the same hash on every machine. `seed` and `draws` are None without a probabilistic analysis; `changed`
    names what was set anew by hand and is not in the files. Raises `InputError` if the analysis was run with other inputs.

    >>> from hemodel.evidence.inputs import load_inputs
    >>> record = manifest(load_inputs("relapsed"))
    >>> record["population"], record["seed"], len(record["hash"])
    ('two_or_more_prior', None, 64)
    """
    if psa is not None:
        refuse_other_inputs("psa", psa.inputs, inputs)
    settings = inputs.settings
    statuses = Counter(parameter.status for parameter in inputs.parameters.values())
    record: dict[str, Any] = {
        "hemodel": version.__version__,
        "problem": settings.problem,
        "population": inputs.population,
        "scenario": inputs.scenario.name,
        "input_hash": inputs.hash,
        "seed": None if psa is None else psa.seed,
        "design": None if psa is None else psa.design,
        "draws": None if psa is None else psa.n_draws,
        "thresholds": list(settings.threshold_values),
    }
    record["hash"] = hashlib.sha256(json.dumps({k: record[k] for k in HASHED}, sort_keys=True).encode()).hexdigest()
    record |= {
        "changed": list(dict.fromkeys(inputs.changed)),
        "price_arrangements": {a: labels.arrangement_label(settings, a) for a in settings.price_arrangements},
        "price_year": settings.price_year,
        "thresholds_in_words": [f"{labels.money(t, settings)} per QALY" for t in settings.threshold_values],
        "parameters_by_status": {status: statuses[status] for status in STATUSES},
        "versions": {"python": platform.python_version()} | {p: metadata.version(p) for p in ("numpy", "scipy", "pandas")},
    }
    return record


def refuse_other_inputs(where: str, found: Inputs, expected: Inputs) -> None:
    """Raise `InputError` if two results that are to stand side by side were run with different inputs."""
    if found.hash != expected.hash:
        problem = (
            f"it was run with other inputs ({found.population}, {found.scenario.name}, inputs {found.hash[:12]}) than the "
            f"base case ({expected.population}, {expected.scenario.name}, inputs {expected.hash[:12]})"
        )
        raise InputError(where, problem, "Run it again with the same inputs, or leave it out")


def manifest_lines(record: dict[str, Any]) -> list[tuple[str, str]]:
    """The entries of a manifest as (what, value) for printing and for the workbook."""
    versions = ", ".join(f"{name} {version}" for name, version in record["versions"].items())
    psa = "none" if record["draws"] is None else f"{record['draws']:,} draws, seed {record['seed']}"
    counts = ", ".join(f"{n} {status}" for status, n in record["parameters_by_status"].items())
    return [
        ("Run", record["hash"]),
        ("hemodel", record["hemodel"]),
        ("Problem", record["problem"]),
        ("Population", record["population"]),
        ("Scenario", record["scenario"]),
        ("Changed by hand", ", ".join(record["changed"]) or "nothing"),
        ("Inputs", record["input_hash"]),
        ("Probabilistic analysis", psa),
        ("Thresholds", labels.listed(record["thresholds_in_words"])),
        ("Price arrangements", "; ".join(record["price_arrangements"].values())),
        ("Price year", record["price_year"]),
        ("Parameters by status", counts),
        ("Software", versions),
    ]


def manifest_text(record: dict[str, Any]) -> str:
    """A manifest as short lines for printing.

    >>> from hemodel.evidence.inputs import load_inputs
    >>> print(manifest_text(manifest(load_inputs("relapsed"))).splitlines()[2])
    Problem: relapsed
    """
    return "\n".join(f"{what}: {value}" for what, value in manifest_lines(record))
