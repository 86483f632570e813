"""Every analysis of one run, for the full workbook.

Pitfalls: a bar of progress that stops short or runs over; an analysis that the workbook has no place for.
"""

import pytest

import hemodel as hm
from hemodel.analyses.everything import recipes, run_everything
from hemodel.report import exhibits

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("edits", [{}, {"u_progressed": 0.6}])
def test_progress_is_told_once_an_analysis_and_each_has_its_place(edits):
    inputs = hm.load_inputs("relapsed").with_values(**edits)
    psa, told = hm.run_psa(inputs, draws=500), []
    found = run_everything(inputs, psa, progress=told.append)
    assert told == [1] * len(recipes(inputs, psa)) == [1] * len(found)
    shown = exhibits.of_analyses(inputs, found)
    assert len(shown) == len(found) == len({exhibit.short for exhibit in shown})
    assert ("comparison" in found) == (not edits)  # the files hold no edited inputs to compare


def test_a_pack_that_costs_nothing_has_no_analysis_of_its_price():
    inputs = hm.load_inputs("relapsed")
    psa = hm.run_psa(inputs, draws=10)
    assert set(recipes(inputs, psa)) - set(recipes(inputs.with_values(c_lenalidomide_25mg_pack=0.0), psa)) == {
        "price",
        "comparison",
    }
