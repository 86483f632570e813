"""Accidents that befall files, and what may come of them: numbers, or a refusal in words."""

import random
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hemodel.cohort.model import evaluate
from hemodel.errors import InputError
from hemodel.evidence.draws import base_case_draws
from hemodel.evidence.inputs import Inputs, load_inputs


def brief(value: object) -> str:
    """A short name of a case."""
    return re.sub(r"[^\w .,=/-]+", " ", str(value)).strip()[-50:] or "empty"


def faults(problem: Any, **choices: Any) -> list[str]:
    """Every line of the error that reading gives."""
    with pytest.raises(InputError) as caught:
        load_inputs(problem, **choices)
    lines = str(caught.value).splitlines()
    assert len(lines) == len(caught.value.faults), "one line for each fault"
    return lines


def only_fault(problem: Any, **choices: Any) -> str:
    found = faults(problem, **choices)
    assert len(found) == 1, found
    return found[0]


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count(old) >= 1, f"{old!r} is not in {path.name}"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


JUNK = [
    "",
    " ",
    "NaN",
    "inf",
    "1e400",
    "-1",
    "0",
    "1",
    "1,5",
    "£3",
    '"',
    "'",
    "[",
    "{}",
    "[]",
    "true",
    "é",
    "\0",
    "\ufeff",
    "#",
    "=",
    "x" * 300,
    "9" * 5_000,
    "1e-320",
    "1e308",
    "0.5",
    "fixed",
    "beta",
    "dirichlet",
    "gamma",
    "uniform",
    "lognormal_median",
    "u_progressed",
    "p_packs_5mg",
    "[[a]]",
    "2020-01-01",
    "=1+1",
    "=CMD|' /C calc'!A0",
    '=HYPERLINK("http://x.example","y")',
    "+1+1",
    "-1+1",
    "@SUM(A1)",
    "\t=1",
]


def spoiled(raw: bytes, luck: random.Random) -> bytes:
    """The file with one to three accidents."""
    for _ in range(luck.randint(1, 3)):
        lines, at = raw.split(b"\n"), luck.randrange(len(raw) + 1)
        line = luck.randrange(len(lines))
        match luck.randrange(9):
            case 0:
                raw = raw[:at]
            case 1:
                raw = raw[:at] + luck.randbytes(luck.randint(1, 4)) + raw[at:]
            case 2:
                raw = raw[:at] + raw[at + luck.randint(1, 80) :]
            case 3:
                raw = b"\n".join([*lines[:line], *lines[line + 1 :]])
            case 4:
                raw = b"\n".join([*lines, lines[line]])
            case 5:
                raw = raw[:at] + luck.choice(JUNK).encode() + raw[at:]
            case 6:  # a column more or less
                lines[line] = lines[line].rpartition(b",")[0] if luck.random() < 0.5 else lines[line] + b",more"
                raw = b"\n".join(lines)
            case _:  # another cell, or another value of a setting
                mark = b"=" if b" = " in lines[line] else b","
                cells = lines[line].split(mark)
                cells[luck.randrange(len(cells))] = luck.choice(JUNK).encode()
                lines[line] = mark.join(cells)
                raw = b"\n".join(lines)
    return raw


def refused_in_words(error: InputError) -> None:
    assert error.faults
    assert all(fault.where and fault.problem and fault.remedy for fault in error.faults)
    assert "\0" not in str(error)


def runs_to_numbers_or_is_refused(found: Inputs) -> None:
    """What was read is run on one draw: finite numbers, or a refusal in words; never a traceback or a warning."""
    try:
        outcomes = evaluate(base_case_draws(found), found)
    except InputError as error:
        refused_in_words(error)
        return
    for arrangement in outcomes.price_arrangements:
        assert np.isfinite(outcomes.total_costs(arrangement)).all()
    assert np.isfinite(outcomes.total_qalys).all()
    assert (outcomes.total_life_years >= 0).all()
