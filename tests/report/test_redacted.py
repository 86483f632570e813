"""What is called redacted, searched byte by byte.

Pitfalls guarded: the terms of a scheme in a cell, a label, a note, a name, a property, a chart's stored numbers or a hash; a cost under the
arrangement from which, with the list price known, the terms follow; a pattern of covered cells that depends on what is covered; a file
called redacted though nobody has said whether a scheme is confidential.
"""

import importlib.util
import io
import re
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hemodel.analyses.base_case import run_base_case
from hemodel.errors import InputError
from hemodel.evidence.confidential import announced, is_confidential, schemes, unmarked, without_schemes
from hemodel.evidence.folder import problem_names
from hemodel.evidence.inputs import load_inputs
from hemodel.report.live import live_workbook, write_live_workbook
from hemodel.report.live.program import live_program
from hemodel.report.workbook import workbook_bytes

_SPEC = importlib.util.spec_from_file_location("made_up", Path(__file__).parents[1] / "made_up.py")
made_up = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(made_up)

DISCOUNT = 0.3719  # a number that is nowhere else
LIST = 4_368.0


def with_scheme(problem="relapsed", mark="cic", **terms):
    """The problem on a short horizon with one scheme, whose label says its terms as a careless one does."""
    given = terms or {"kind": "price_discount", "price_discount": DISCOUNT}
    scheme = {"label": f"Simple discount of {100 * DISCOUNT:g} %", "confidentiality": mark, "drug": "lenalidomide", **given}
    return load_inputs(problem).with_settings(horizon_years=8.0, schemes={"pas": scheme})


def unzipped(content):
    """Every part of an Office file, one after the other."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return "\n".join(archive.read(name).decode("utf-8", "replace") for name in archive.namelist())


def secrets(inputs):
    """What must not be in a redacted file, as texts: the terms, the price, and all that was worked out with them."""
    free = replace(inputs, settings=inputs.settings.model_copy(update={"price_arrangements": ["list"]}))
    with_terms, public = ({c.value for c in live_program(i).cells if isinstance(c.value, float)} for i in (inputs, free))
    found = {f"{x:.10g}"[:9] for x in with_terms - public if abs(x) > 1e-3 and len(f"{x:.10g}") > 7}
    base = run_base_case(inputs)
    rows = base.table[(base.table["price_arrangement"] == "pas") & (base.table["strategy"] != inputs.settings.comparator)]
    numbers = [*rows[["costs", "incremental_costs", "icer"]].to_numpy().ravel(), LIST * (1 - DISCOUNT)]
    found |= {text for x in numbers for text in (f"{x:.7g}", f"{x:,.0f}")}
    return found | {"0.3719", "0.6281", "37.19", "62.81", inputs.hash[:12], "Simple discount"}


def told(content, words):
    return sorted(word for word in words if word in content)


def test_a_redacted_workbook_holds_no_byte_of_a_confidential_discount_nor_of_what_follows_from_it():
    inputs = with_scheme()
    assert len(secrets(inputs)) > 200
    assert told(unzipped(live_workbook(inputs)), secrets(inputs)), "the search finds them where they are"
    redacted = unzipped(live_workbook(inputs, confidential="redacted"))
    assert told(redacted, secrets(inputs)) == []
    assert "[REDACTED]" in redacted and "Confidential scheme" in redacted


def test_what_does_not_follow_from_the_scheme_is_still_there():
    inputs = with_scheme()
    redacted = unzipped(live_workbook(inputs, confidential="redacted"))
    for number in (run_base_case(inputs).icer("list"), run_base_case(inputs).outcomes.total_qalys[0, 0]):
        assert str(number)[:12] in redacted
    assert "What is marked confidential is redacted." in redacted and "nothing here is redacted" not in redacted


@pytest.mark.parametrize(
    ("problem", "one", "other"),
    [
        ("relapsed", {"kind": "price_discount", "price_discount": 0.1}, {"kind": "price_discount", "price_discount": 0.9}),
        ("relapsed", {"kind": "drug_cost_cap", "drug_cost_cap_cycles": 7}, {"kind": "drug_cost_cap", "drug_cost_cap_cycles": 33}),
        (
            "first_line",
            {"kind": "drug_cost_cap", "drug_cost_cap_cycles": 14},
            {"kind": "drug_cost_cap", "drug_cost_cap_cycles": 40},
        ),
        ("relapsed", {"kind": "free_start", "free_cycles": 2}, {"kind": "free_start", "free_cycles": 9}),
        (
            "relapsed",
            {"kind": "response_refund", "response_by_cycle": 4},
            {"kind": "response_refund", "response_by_cycle": 6},
        ),
        (
            "relapsed",
            {
                "kind": "tiered_discount",
                "tiers": [{"from_cycle": 3, "price_discount": 0.217}, {"from_cycle": 9, "price_discount": 0.533}],
            },
            {
                "kind": "tiered_discount",
                "tiers": [{"from_cycle": 1, "price_discount": 0.713}, {"from_cycle": 40, "price_discount": 0.937}],
            },
        ),
    ],
)
def test_a_redacted_workbook_is_the_same_whatever_the_terms_are(problem, one, other):
    first, second = (live_workbook(with_scheme(problem, **terms), confidential="redacted") for terms in (one, other))
    assert first == second


def test_the_public_scheme_beside_a_confidential_one_is_shown():
    inputs = load_inputs("relapsed").with_settings(horizon_years=8.0)
    both = inputs.settings.schemes | {"deal": with_scheme().settings.schemes["pas"]}
    inputs = inputs.with_settings(schemes=both, price_arrangements=["list", "pas", "deal"])
    redacted = unzipped(live_workbook(inputs, confidential="redacted"))
    assert str(run_base_case(inputs).icer("pas"))[:10] in redacted
    assert str(run_base_case(inputs).icer("deal"))[:8] not in redacted and "Simple discount" not in redacted


def test_nothing_is_called_redacted_before_it_is_known_whether_a_scheme_is_confidential(tmp_path):
    inputs = with_scheme(mark=None)
    assert unmarked(inputs) == ("pas",) and is_confidential(inputs)
    with pytest.raises(
        InputError, match=r"Write confidentiality = \"cic\" .* below the heading \[schemes.pas\] of settings.toml"
    ):
        write_live_workbook(tmp_path / "r.xlsx", inputs, confidential="redacted")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(InputError, match="no input is marked confidential"):
        live_workbook(with_scheme(mark="none"), confidential="redacted")


def test_a_text_about_prices_that_says_the_discount_is_refused_and_other_texts_are_not():
    inputs = with_scheme()
    question = f"{inputs.settings.question} The scheme takes 37.19 % off."
    with pytest.raises(InputError, match="may say the terms of the scheme pas"):
        live_workbook(inputs.with_settings(question=question), confidential="redacted")
    live_workbook(inputs.with_settings(question="37.19 % of the patients responded."), confidential="redacted")


def test_a_scenario_that_brings_a_confidential_scheme_goes_by_no_name(tmp_path):
    file = tmp_path / "discount_3719.toml"
    file.write_text(
        'name = "discount_3719"\nproblem = "relapsed"\nlabel = "Offer 3719"\nwhy = "The offer of 3719."\n[settings]\nhorizon_years = 8.0\n'
        '[settings.schemes.pas]\nlabel = "3719"\ndrug = "lenalidomide"\n'
        'kind = "price_discount"\nprice_discount = 0.3719\nconfidentiality = "cic"\n'
    )
    inputs = load_inputs("relapsed", scenario=file)
    redacted = unzipped(live_workbook(inputs, confidential="redacted"))
    names = {"discount_3719", "Offer 3719", "offer of 3719", ">3719<", *secrets(inputs)}
    assert told(redacted, names) == [] and told(unzipped(live_workbook(inputs)), names)
    without = workbook_bytes(run_base_case(without_schemes(inputs)))
    assert told(unzipped(without), names) == []


def test_results_without_the_scheme_are_those_of_the_list_price():
    inputs = with_scheme()
    public = without_schemes(inputs)
    assert public.settings.price_arrangements == ["list"] and not is_confidential(public)
    base, whole = run_base_case(public), run_base_case(inputs)
    assert base.icer("list") == whole.icer("list")
    assert np.array_equal(base.outcomes.total_costs("list"), whole.outcomes.total_costs("list"))


def test_a_file_that_covers_nothing_says_that_a_scheme_is_confidential():
    content = unzipped(workbook_bytes(run_base_case(with_scheme())))
    assert re.search("1 scheme is marked confidential; nothing here is redacted", content)
    assert announced(with_scheme(mark="none")) == "" and schemes(with_scheme()) == ("pas",)


def test_the_marks_of_public_schemes_leave_the_hash_of_the_inputs_as_it_was():
    packaged = load_inputs("relapsed")
    assert packaged.settings.schemes["pas"].confidentiality == "none"
    assert packaged.hash.startswith("69d8fe22")
    assert with_scheme(mark="none").hash == with_scheme(mark=None).hash != with_scheme(mark="cic").hash


@pytest.mark.parametrize("problem", problem_names())
def test_nothing_in_the_packaged_problems_is_confidential(problem):
    from hemodel.evidence.inputs import scenario_names

    for scenario in (None, *scenario_names(problem)):
        try:
            inputs = load_inputs(problem, scenario=scenario)
        except InputError as error:
            assert "its numbers hold for" in str(error)
        else:
            assert not is_confidential(inputs), scenario


def with_two_schemes(folder, **terms):
    """A made-up folder with a price arrangement of two drugs' schemes, of which that of the second is confidential."""
    inputs = load_inputs(folder).with_settings(horizon_years=2.0)
    schemes = {name: scheme.model_dump() | {"confidentiality": "none"} for name, scheme in inputs.settings.schemes.items()}
    schemes["antibody_refund"] |= {"confidentiality": "cic", "label": "Refund after cycle QXZ"} | terms
    sets = {"both": {"label": "Capped, and refunded after cycle QXZ", "schemes": ["pas", "antibody_refund"]}}
    return inputs.with_settings(schemes=schemes, arrangements=sets, price_arrangements=["list", "pas", "antibody_refund", "both"])


def test_a_confidential_scheme_is_covered_in_an_arrangement_with_another_too(tmp_path):
    folder = made_up.made_up("two_drugs", tmp_path / "own")
    inputs = with_two_schemes(folder)
    first, second = (live_workbook(i, confidential="redacted") for i in (inputs, with_two_schemes(folder, response_by_cycle=9)))
    assert first == second
    redacted, base = unzipped(first), run_base_case(inputs)
    assert "QXZ" not in redacted and "antibody_refund" not in redacted
    costs = {a: str(base.outcomes.total_costs(a)[-1, 0]) for a in ("pas", "both")}
    assert costs["pas"][:10] in redacted and costs["both"][:8] not in redacted


def test_without_a_confidential_scheme_the_arrangements_that_have_it_are_gone(tmp_path):
    public = without_schemes(with_two_schemes(made_up.made_up("two_drugs", tmp_path / "own")))
    assert public.settings.price_arrangements == ["list", "pas"] and "both" not in public.settings.arrangements
    assert not is_confidential(public)
