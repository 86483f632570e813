"""The one exception a user should meet.

Pitfalls guarded here: an error without a fault in it; the same fault told twice; a message in several lines, so that a list of
faults cannot be counted; a question mark followed by a full stop; an error that is lost on its way from another process.
"""

from __future__ import annotations

import copy
import pickle

import pytest

from hemodel import errors
from hemodel.errors import Fault, InputError, nearest, shown

FAULT = Fault("relapsed/parameters.csv, row 14 (u_progressed)", "1.4 is not a utility", "Give a value from -1 to 1")
OTHER = Fault("relapsed/settings.toml (horizon)", "is not a known setting", "Did you mean horizon_years?")


def test_a_fault_is_one_line_with_place_problem_and_remedy() -> None:
    assert str(FAULT) == "relapsed/parameters.csv, row 14 (u_progressed): 1.4 is not a utility. Give a value from -1 to 1."
    assert str(OTHER) == "relapsed/settings.toml (horizon): is not a known setting. Did you mean horizon_years?"
    assert str(Fault("a", "Ends with a stop.", "So does this.")) == "a: Ends with a stop. So does this."


def test_an_error_of_one_fault_holds_it() -> None:
    error = InputError(FAULT.where, FAULT.problem, FAULT.remedy)
    assert error.faults == (FAULT,)
    assert str(error) == str(FAULT)
    assert isinstance(error, ValueError)


def test_faults_come_together_in_the_order_found_one_a_line() -> None:
    error = InputError.together(fault for fault in (OTHER, FAULT))
    assert error.faults == (OTHER, FAULT)
    assert str(error).splitlines() == [str(OTHER), str(FAULT)]


def test_a_fault_found_twice_is_told_once() -> None:
    assert InputError.together([FAULT, OTHER, FAULT]).faults == (FAULT, OTHER)


def test_an_error_without_a_fault_is_a_mistake_of_the_program() -> None:
    with pytest.raises(ValueError, match="needs at least one fault") as caught:
        raise InputError.together([])
    assert not isinstance(caught.value, InputError)


def test_an_error_survives_the_way_from_another_process() -> None:
    error = InputError.together([OTHER, FAULT])
    for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert type(twin) is InputError
        assert (twin.faults, str(twin)) == (error.faults, str(error))


@pytest.mark.parametrize(
    ("name", "valid", "advice"),
    [
        ("two_or_more", ["two_or_more_prior", "one_prior"], "Did you mean two_or_more_prior?"),
        ("u_progresed", ["u_progression_free", "u_progressed"], "Did you mean u_progressed?"),
        ("xyz", ["b", "a"], "Valid: a, b"),
        ("", ["b", "a"], "Valid: a, b"),
        ("xyz", [], "There are no valid names"),
        (3, ["a"], "Valid: a"),
        (None, {"a": 1}, "Valid: a"),
        (["a"], ("a",), "Valid: a"),
    ],
)
def test_the_nearest_valid_name_is_suggested_or_all_are_listed(name: object, valid: list[str], advice: str) -> None:
    assert nearest(name, valid) == advice


def test_a_long_list_of_valid_names_is_cut_off() -> None:
    advice = nearest("xyz", [f"name_{i:03}" for i in range(100)])
    assert advice.startswith("Valid: name_000, name_001")
    assert advice.endswith("name_029 and 70 more")


@pytest.mark.parametrize(
    ("value", "text"),
    [("1,5", "'1,5'"), ("a\nb", r"'a\nb'"), (1.4, "1.4"), (None, "None"), (10**5_000, "a number with thousands of digits")],
    ids=["text", "two lines", "number", "nothing", "huge"],
)
def test_a_value_is_quoted_on_one_line(value: object, text: str) -> None:
    assert shown(value) == text


def test_a_long_value_is_cut_off() -> None:
    assert shown("x" * 100) == f"'{'x' * 56}..."
    assert len(shown({"a": list(range(1_000))})) == 60


def test_a_long_list_of_valid_names_says_how_many_more_there_are():
    fault = errors.Fault("name", "is none", errors.nearest("zzz", [f"n{i:02}" for i in range(42)]))
    assert str(fault).endswith("n29 and 12 more.")
