"""The record of a run.

Pitfalls guarded here: a hash that changes with the time, the machine or a library, so that no two runs are ever the same; a hash
that stays the same although something that decides the numbers changed; an analysis of other inputs filed under this record.
"""

from __future__ import annotations

import json
import platform
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from hemodel.analyses.psa import run_psa
from hemodel.errors import InputError
from hemodel.evidence.inputs import Inputs, load_inputs
from hemodel.report.manifest import HASHED, manifest, manifest_text


@cache
def relapsed() -> Inputs:
    return load_inputs("relapsed")


def test_same_run_has_the_same_hash() -> None:
    first = manifest(relapsed(), psa=run_psa(relapsed(), draws=20, seed=3))
    second = manifest(load_inputs("relapsed"), psa=run_psa(load_inputs("relapsed"), draws=20, seed=3))
    assert first == second
    assert len(first["hash"]) == 64


@pytest.mark.parametrize(
    "other",
    [
        {"inputs": load_inputs("relapsed", population="one_prior")},
        {"inputs": load_inputs("relapsed", scenario="utilities_0_67_0_63")},
        {"inputs": load_inputs("relapsed").with_values(u_progressed=0.5)},
        {"inputs": load_inputs("relapsed").with_settings(thresholds="2009")},
        {"draws": 21},
        {"seed": 4},
        {"draws": None},
    ],
    ids=["population", "scenario", "value", "thresholds", "draws", "seed", "no analysis"],
)
def test_what_decides_the_numbers_changes_the_hash(other: dict[str, Any]) -> None:
    choice: dict[str, Any] = {"inputs": relapsed(), "draws": 20, "seed": 3} | other
    draws, inputs = choice["draws"], choice["inputs"]
    found = manifest(inputs, psa=None if draws is None else run_psa(inputs, draws=draws, seed=choice["seed"]))
    assert found["hash"] != manifest(relapsed(), psa=run_psa(relapsed(), draws=20, seed=3))["hash"]


def test_library_and_python_versions_are_recorded_but_not_hashed(monkeypatch: pytest.MonkeyPatch) -> None:
    before = manifest(relapsed())
    monkeypatch.setattr(platform, "python_version", lambda: "9.9.9")
    after = manifest(relapsed())
    assert after["versions"]["python"] == "9.9.9" != before["versions"]["python"]
    assert set(after["versions"]) == {"python", "numpy", "scipy", "pandas"}
    assert after["hash"] == before["hash"]


def test_version_of_hemodel_is_hashed(monkeypatch: pytest.MonkeyPatch) -> None:
    before = manifest(relapsed())["hash"]
    monkeypatch.setattr("hemodel.version.__version__", "99.0.0")
    assert manifest(relapsed())["hash"] != before


def test_hashed_part_is_what_was_promised() -> None:
    assert HASHED == ("hemodel", "problem", "population", "scenario", "input_hash", "seed", "design", "draws", "thresholds")
    record = manifest(relapsed(), psa=run_psa(relapsed(), draws=20, seed=3))
    assert [record[name] for name in HASHED[1:4]] == ["relapsed", "two_or_more_prior", "base_case"]
    assert [record[name] for name in HASHED[5:]] == [3, "monte_carlo", 20, [25_000, 35_000]]
    assert record["input_hash"] == relapsed().hash


def test_a_manifest_survives_json_and_counts_every_parameter() -> None:
    record = manifest(relapsed())
    assert json.loads(json.dumps(record)) == record
    assert sum(record["parameters_by_status"].values()) == len(relapsed().parameters)
    assert list(record["parameters_by_status"]) == ["read", "derived", "unverified", "assumed"]


def test_what_was_changed_by_hand_is_named() -> None:
    changed = relapsed().with_values(u_progressed=0.5).with_settings(horizon_years=10.0)
    assert manifest(changed)["changed"] == ["u_progressed", "horizon_years"]
    assert "Changed by hand: u_progressed, horizon_years" in manifest_text(manifest(changed))
    assert "Changed by hand: nothing" in manifest_text(manifest(relapsed()))


def test_an_analysis_of_other_inputs_is_refused() -> None:
    psa = run_psa(relapsed().with_values(u_progressed=0.5), draws=20)
    with pytest.raises(InputError, match="run with other inputs"):
        manifest(relapsed(), psa=psa)


def test_text_has_short_lines_and_no_place_on_this_machine() -> None:
    text = manifest_text(manifest(relapsed(), psa=run_psa(relapsed(), draws=20, seed=3)))
    assert max(len(line) for line in text.splitlines()) < 140
    assert "Probabilistic analysis: 20 draws, seed 3" in text
    assert "£25,000 per QALY and £35,000 per QALY" in text
    assert str(Path.cwd()) not in text
