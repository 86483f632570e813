"""Money and thresholds of a folder. Pitfalls: euros with the sign of the pound, costs in another currency added up as if they were the
same, NICE's thresholds taken for those of another country, a second threshold that is not there.
"""

import numpy as np
import pytest

import hemodel as hm
from hemodel.analyses.value_of_information import evpi_curve
from hemodel.app.show import verdict
from hemodel.errors import InputError
from hemodel.evidence.inputs import Inputs, inputs_of
from hemodel.evidence.zipped import unzipped
from hemodel.report import charts, labels, readings, tables
from tests.evidence.test_zipped import members, packed

NEW = 'currency = "EUR"\nthresholds = [20000, 80000]'


def folder(terms: str = NEW, units: str = "EUR", problem: str = "relapsed") -> Inputs:
    def changed(name: str, text: str) -> str:
        if name.endswith("settings.toml"):
            return text.replace('thresholds = "2026" ', f"{terms}\n#")
        return text.replace("GBP per", f"{units} per") if name.endswith(("parameters.csv", "populations.csv")) else text

    found = [(name, changed(name, text)) for name, text in members(problem) if "scenarios/" not in name]
    return inputs_of(unzipped("mine.zip", packed(found)))


def refusal(*terms: str) -> str:
    with pytest.raises(InputError) as caught:
        folder(*terms)
    return str(caught.value)


def test_a_folder_in_euros_has_the_numbers_of_the_one_in_pounds_and_euros_on_them() -> None:
    euros, pounds = hm.run_base_case(folder()), hm.run_base_case(hm.load_inputs("relapsed"))
    assert euros.icer("list") == pounds.icer("list")
    shown = tables.rounded(tables.base_case_table(euros, "pas"), euros.inputs.settings)
    assert list(shown.columns)[1] == "Total costs (€)"
    assert shown.iloc[1].tolist()[1] == "€81,592" and shown.iloc[1].tolist()[-1] == "€42,822"
    assert set(euros.table["reading"]) == {"comparator", "EUR 48,045 per QALY gained", "EUR 42,822 per QALY gained"}


def test_no_word_of_an_answer_in_euros_is_in_pounds() -> None:
    base = hm.run_base_case(folder())
    settings, psa = base.inputs.settings, hm.run_psa(base.inputs, 50)
    one_way = hm.run_one_way(base.inputs)
    frames = [
        tables.base_case_table(base, "pas"),
        tables.net_health_benefit_table(base, "pas"),
        tables.costs_by_component_table(base, "pas"),
        tables.psa_table(psa, "pas", base),
        tables.evpi_table(psa),
        tables.tornado_table(one_way),
        tables.settings_table(base.inputs),
        tables.budget_table(hm.run_budget(base.inputs).table, settings),
        tables.in_words(base.table, base.inputs),
    ]
    said = [str(list(f.columns)) + str(tables.rounded(f, settings).to_numpy().tolist()) for f in frames]
    figures = [
        charts.costs_by_component({"pas": base.costs_by_component("pas")}, settings),
        charts.acceptability_curves({"pas": psa.acceptability_curve("pas")}, settings),
        charts.cost_effectiveness_plane(psa.costs, psa.qalys, settings, "pas"),
        charts.tornado(one_way),
        charts.share_on_treatment(base.trace["on_treatment"], settings),
    ]
    said += [figure.sentence + figure.alt + figure.chart.to_json() for figure in figures]
    said += [verdict(base, "pas", "lenalidomide_dexamethasone"), readings.circumstances(base.inputs)]
    said.append(hm.threshold_value(base.inputs, "pack_price").reading)
    assert not [text for text in said if "£" in text or "GBP" in text or "pound" in text.lower() or "\\u00a3" in text]
    assert sum("€" in text or "\\u20ac" in text or "EUR" in text for text in said) > 12


@pytest.mark.parametrize(
    ("currency", "sign", "amount"),
    [
        ("GBP", None, "-£8,256"),
        ("EUR", None, "-€8,256"),
        ("CAD", None, "-C$8,256"),
        ("PLN", None, "-PLN 8,256"),
        ("SEK", "kr", "-kr 8,256"),
    ],
)
def test_amounts_carry_the_sign_of_their_currency(currency: str, sign: str | None, amount: str) -> None:
    changes = {"currency": currency, "currency_sign": sign, "thresholds": [20_000.0]}
    settings = hm.load_inputs("relapsed").settings.model_copy(update=changes)
    assert labels.money(-8_256.4, settings) == amount
    assert labels.money(float("nan"), settings) == ""


def test_costs_in_another_currency_than_the_folder_are_refused() -> None:
    assert "unit 'GBP per pack' is not known here" in refusal(NEW, "GBP").replace('"', "'")
    assert "EUR" in refusal(NEW, "USD")


def test_presets_are_of_pounds() -> None:
    assert "is of thresholds in GBP, and the currency is EUR" in refusal('currency = "EUR"\nthresholds = "2026"')


@pytest.mark.parametrize(
    "given", ["[]", "[30000, 20000]", "[20000, 20000]", "[0]", "[-5]", "[1, 2, 3, 4]", '["2026"]', '"2025"', "true"]
)
def test_thresholds_are_a_preset_or_one_to_three_numbers_that_rise(given: str) -> None:
    assert "thresholds" in refusal(f"thresholds = {given}", "GBP")


@pytest.mark.parametrize("given", [[30_000.0], [20_000.0, 80_000.0], [15_000.0, 30_000.0, 60_000.0]])
def test_one_to_three_thresholds_stand_in_every_table(given: list[float]) -> None:
    inputs = hm.load_inputs("relapsed").with_settings(thresholds=given)
    assert inputs.settings.threshold_values == tuple(given)
    base, psa = hm.run_base_case(inputs), hm.run_psa(inputs, 50)
    headings = [f"NHB at £{t:,.0f}/QALY" for t in given]
    assert [c for c in tables.net_health_benefit_table(base, "pas").columns if str(c).startswith("NHB")] == headings
    frame = tables.psa_table(psa, "pas", base)
    assert sum(str(c).startswith("Probability") for c in frame.columns) == len(given)
    curves = charts.acceptability_curves({"pas": psa.acceptability_curve("pas")}, inputs.settings)
    assert all(labels.money(t, inputs.settings) in curves.sentence for t in given)
    charts.cost_effectiveness_plane(psa.costs, psa.qalys, inputs.settings, "pas")
    best = np.array(given) < 44_000
    text = verdict(base, "pas", "lenalidomide_dexamethasone")
    assert ("**Not cost-effective**" in text) == bool(best.all())


def test_the_last_threshold_is_the_one_of_analyses() -> None:
    inputs = hm.load_inputs("relapsed").with_settings(thresholds=[15_000.0, 30_000.0, 60_000.0])
    assert hm.threshold_value(inputs, "pack_price").threshold == 60_000.0


@pytest.mark.parametrize(
    ("thresholds", "highest"), [("2026", 100_000.0), ("2009", 100_000.0), ([80_000.0], 200_000.0), ([5_000_000.0, 1e7], 5e7)]
)
def test_curves_over_thresholds_go_well_beyond_those_of_the_settings(thresholds, highest):
    psa = hm.run_psa(hm.load_inputs("relapsed").with_settings(thresholds=thresholds), 20)
    curve, worth = psa.acceptability_curve("list"), evpi_curve(psa)
    assert (curve.index[0], curve.index[-1], len(curve)) == (0.0, highest, 101)
    assert (worth["threshold"].iloc[0], worth["threshold"].iloc[-1], len(worth)) == (highest / 40, highest, 40)
