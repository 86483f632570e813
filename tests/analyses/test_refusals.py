"""A draw that the model refuses is told so that it can be found again.

Pitfalls guarded: a row counted within its block, which is another draw of the table; the draw that fails in the earliest cycle in place
of the first that fails, so that the answer depends on the blocks; a seed or a design left out; values of another draw.
"""

import dataclasses
import re
from types import MappingProxyType

import numpy as np
import pytest

import hemodel as hm
from hemodel.analyses.batch import STEP
from hemodel.analyses.one_way import run_one_way
from hemodel.analyses.refusals import first_refused
from hemodel.cohort.model import evaluate
from hemodel.evidence.draws import base_case_draws

SHAPES = ("shape_pfs", "shape_ttp")


@pytest.fixture(scope="module")
def inputs():
    """Shapes of PFS and TTP of their own that are nearly the same: in some draws deaths before progression would be negative, now in an
    early cycle, now in a late one; in the base case not.
    """
    given = hm.load_inputs("relapsed")
    spread = {name: dataclasses.replace(given.parameters[name], value=1.0, se=0.004) for name in SHAPES}
    ratios = {name: p for name, p in given.parameters.items() if name.startswith("ratio_pfs_to_ttp_")}
    spread |= {name: dataclasses.replace(p, value=0.95, se=0.002) for name, p in ratios.items()}
    parameters = MappingProxyType({**given.parameters, **spread})
    return dataclasses.replace(given, parameters=parameters).with_settings(progression_shape="ttp")


def refusal(call, *args, **settings):
    with pytest.raises(hm.InputError) as caught:
        call(*args, **settings)
    (fault,) = caught.value.faults
    return str(fault)


def row_of(message):
    return int(re.search(r"draw (\d+) of seed", message).group(1))


def alone(inputs, values):
    """The model on one draw, its other values those of the base case."""
    return evaluate({**base_case_draws(inputs), **{name: np.array([value]) for name, value in values.items()}}, inputs)


def test_the_row_is_that_of_the_whole_table_for_any_blocks_and_threads(inputs):
    first = refusal(hm.run_psa, inputs, 4_000)
    assert row_of(first) > 7  # beyond the first block of seven, where a row within the block is another
    for settings in ({"block_size": 7}, {"block_size": 1}, {"block_size": 1_000, "threads": 2}, {"block_size": 33, "threads": 2}):
        assert refusal(hm.run_psa, inputs, 4_000, **settings) == first
    for block in (STEP, 2 * STEP):
        assert refusal(hm.run_batch, inputs, 4 * STEP, block_size=block) == first


@pytest.mark.parametrize("seed", [171, 2, 3])
def test_it_is_the_first_draw_that_is_refused_and_its_values_make_it_again(inputs, seed):
    message = refusal(hm.run_psa, inputs, 500, seed=seed)
    row = row_of(message)
    assert row > 0
    assert f"draw {row} of seed {seed}" in message
    values = hm.draw_values(inputs, row, seed=seed)
    for name in (*SHAPES, "ratio_pfs_to_ttp_"):
        assert name in message
    for name, told in re.findall(r"(\w+) = ([0-9.e+-]+[0-9])", message.split(" (")[1].split(")")[0]):
        assert float(told) == pytest.approx(values[name], rel=1e-5)
    with pytest.raises(hm.InputError, match="deaths before progression would be negative"):
        alone(inputs, values)
    for earlier in range(row):
        alone(inputs, hm.draw_values(inputs, earlier, seed=seed))


def test_only_parameters_behind_the_rule_of_that_strategy_are_told(inputs):
    message = refusal(hm.run_psa, inputs, 500)
    named = set(re.findall(r"(\w+) = ", message.split(" (")[1].split(")")[0]))
    strategy = re.search(r"cycle \d+, (\w+),", message).group(1)
    assert named == {*SHAPES, f"median_pfs_{strategy}", f"ratio_pfs_to_ttp_{strategy}"}


@pytest.mark.parametrize("design", ["latin_hypercube", "sobol"])
def test_other_designs_are_named_with_what_makes_them(inputs, design):
    messages = {refusal(hm.run_psa, inputs, 512, design=design, block_size=size) for size in (512, 64, 7)}
    (message,) = messages
    assert f"({design}, 512 draws)" in message
    values = hm.draw_values(inputs, row_of(message), design=design, draws=512)
    with pytest.raises(hm.InputError, match="deaths before progression would be negative"):
        alone(inputs, values)


def test_a_draw_by_its_row_is_the_one_that_was_run(inputs):
    sound = hm.load_inputs("relapsed")
    run = hm.run_psa(sound, 50, seed=3)
    values = hm.draw_values(sound, 17, seed=3)
    assert values == run.draws().iloc[17].to_dict()
    assert alone(sound, values).total_qalys[:, 0].tolist() == run.qalys[:, 17].tolist()


@pytest.mark.parametrize("row", [-1, 2.5, True, 10**13, "3"])
def test_what_is_no_row_is_refused(inputs, row):
    with pytest.raises(hm.InputError, match="is not the row of a draw"):
        hm.draw_values(inputs, row)
    with pytest.raises(hm.InputError, match="is not the row of a draw"):
        hm.draw_values(inputs, 8, design="sobol", draws=8)


def test_an_end_of_an_interval_that_is_refused_is_told_by_its_value(inputs):
    """Not as draw 3 of a table that nobody sees."""
    wide = dataclasses.replace(inputs.parameters["shape_ttp"], se=0.03)
    wider = dataclasses.replace(inputs, parameters=MappingProxyType({**inputs.parameters, "shape_ttp": wide}))
    message = refusal(run_one_way, wider)
    moved = re.findall(r"(\w+) = ([0-9.]+)", message.split(", with ")[1].split(": ")[0])
    assert moved
    with pytest.raises(hm.InputError, match="deaths before progression would be negative"):
        alone(inputs, {name: float(value) for name, value in moved})
    assert "draw" not in message


def test_a_point_of_a_global_design_is_told_by_its_place(inputs):
    message = refusal(hm.run_global, inputs, "morris", size=8)
    assert re.search(r"point \d+ of the design of seed", message)
    assert "shape_ttp = " in message


@pytest.mark.parametrize("refused", [{0}, {41}, {99}, {13, 14, 80}])
def test_halving_finds_the_first_of_any(refused):
    asked = []

    def lived(start, stop):
        asked.append(stop - start)
        if refused & set(range(start, stop)):
            raise hm.InputError("here", "no", "Do that")

    assert first_refused(lived, 0, 100)[0] == min(refused)
    assert sum(asked) <= 101 + 7
