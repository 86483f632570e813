"""Every check can fail: deliberate faults, one at a time, and what is said to catch each does catch it.

Pitfalls guarded: a check that passes whatever the model does; a list of checks with a gap that nobody has noticed; a fault that only
its own unit test would see.
"""

import ast
import importlib.util
import sys
from pathlib import Path

import pytest

import hemodel as hm
from hemodel.analyses.verification import CHECKS, Subject, finding
from hemodel.analyses.verification.findings import FAIL, NOT_APPLICABLE, PASS

pytestmark = pytest.mark.slow

spec = importlib.util.spec_from_file_location("deliberate_faults", Path(__file__).with_name("faults.py"))
faults = importlib.util.module_from_spec(spec)
sys.modules[spec.name] = faults  # for its dataclasses
spec.loader.exec_module(faults)
BY_ID = {check.id: check for check in CHECKS}


def catches(name, inputs):
    """Whether a check, or a comparison of the tests, finds something wrong with the model as it runs now."""
    if name in BY_ID:
        return finding(BY_ID[name], Subject(inputs)).verdict == FAIL
    try:
        faults.COMPARISONS[name](inputs)
    except AssertionError:
        return True
    return False


@pytest.mark.parametrize("name", faults.FAULTS)
def test_a_deliberate_fault_is_caught(name, monkeypatch):
    fault = faults.FAULTS[name]
    inputs = None if fault.while_reading else fault.inputs
    fault.inject(monkeypatch)
    inputs = inputs or fault.inputs
    assert [by for by in fault.caught_by if not catches(by, inputs)] == []


@pytest.mark.parametrize("name", faults.SLIPS)
def test_a_slip_in_the_inputs_is_asked_about_by_name_and_without_it_nothing_is(name):
    slip = faults.SLIPS[name]
    found = finding(BY_ID[slip.caught_by], Subject(slip.inputs))
    assert (found.verdict, slip.named in found.found) == (slip.verdict, True), found.found
    assert finding(BY_ID[slip.caught_by], Subject(hm.load_inputs(slip.problem))).verdict == PASS


def cases():
    """Every combination of inputs and check that a fault is shown to, once."""
    seen = {}
    for fault in faults.FAULTS.values():
        for by in fault.caught_by:
            seen[fault.problem, str(fault.settings), str(fault.values), by] = fault
    return [pytest.param(fault, key[-1], id=f"{key[0]}-{key[-1]}-{i}") for i, (key, fault) in enumerate(seen.items())]


@pytest.mark.parametrize(("fault", "by"), cases())
def test_without_the_fault_nothing_is_caught(fault, by):
    assert not catches(by, fault.inputs)


def test_at_least_forty_faults_and_every_one_is_caught_by_something():
    assert len(faults.FAULTS) >= 40
    assert all(fault.caught_by for fault in faults.FAULTS.values())
    assert {by for fault in faults.FAULTS.values() for by in fault.caught_by} <= {*BY_ID, *faults.COMPARISONS}


def test_faults_are_put_in_at_public_names():
    """So that a part of the program can be written anew without losing a fault."""
    tree = ast.parse(Path(faults.__file__).read_text(encoding="utf-8"))
    calls = [
        n
        for n in ast.walk(tree)
        if isinstance(n, ast.Call) and getattr(n.func, "id", "") in ("wrapped", "replaced", "draws_changed")
    ]
    at = [n.args[1].value for n in calls if isinstance(n.args[1], ast.Constant)]
    assert len(at) > 80
    assert [name for name in at if name.startswith("_") and name != "__init__"] == []
    assert [
        n.attr for n in ast.walk(tree) if isinstance(n, ast.Attribute) and n.attr.startswith("_") and n.attr != "__init__"
    ] == []


def test_what_is_not_applicable_catches_nothing():
    fault = faults.FAULTS["cap_one_cycle_early"]
    assert finding(BY_ID["F11"], Subject(fault.inputs)).verdict == NOT_APPLICABLE
    assert not catches("F11", fault.inputs)
