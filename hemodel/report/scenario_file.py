"""A scenario as text: the file that gives inputs again, to be kept, sent, or named after --scenario."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import tomli_w

from hemodel.evidence.fitted import estimates_of
from hemodel.evidence.inputs import Inputs
from hemodel.evidence.parameters import OVERRIDABLE
from hemodel.evidence.settings import FIXED_BY_FILES, FittedCurve, FittedEstimates

_SPREAD = ("value", "se", "low", "high")


def scenario_toml(inputs: Inputs, *, name: str, label: str, why: str, without: Collection[str] = ()) -> str:
    """The scenario file that gives `inputs` again: every setting, parameter and fitted curve in which they differ from the problem's files.

    The files are those that `inputs` were read from. `name` is that of the file. `without`: parameters and price
    arrangements to leave out; a fitted curve is left out where its first coefficient is.
    """
    settings = inputs.settings
    filed = inputs.filed()
    content: dict[str, Any] = {"name": name, "problem": settings.problem, "label": label, "why": why}
    content["populations"] = [inputs.population]
    before, after = filed.settings.model_dump(mode="json"), settings.model_dump(mode="json")
    after["schemes"] = {n: terms for n, terms in after["schemes"].items() if n not in without}
    after["price_arrangements"] = [n for n in after["price_arrangements"] if n not in without] or ["list"]
    elsewhere = (*FIXED_BY_FILES, "fitted_curves")
    content["settings"] = {k: v for k, v in after.items() if v != before[k] and k not in elsewhere}
    of_curves = tuple(f"fit_{curve}_" for curve in settings.fitted_curves)  # they stand with their covariance, below
    content["parameters"] = {}
    for parameter in inputs.parameters.values():
        base = filed.parameters.get(parameter.name)
        if base is None or base == parameter or parameter.name in without or parameter.name.startswith(of_curves):
            continue
        columns = [c for c in OVERRIDABLE if getattr(parameter, c) != getattr(base, c)]
        if set(columns) & set(_SPREAD):
            columns = [c for c in OVERRIDABLE if c in columns or c in _SPREAD]
        content["parameters"][parameter.name] = {c: getattr(parameter, c) for c in columns}
    content["fitted_curves"] = {}
    for curve, terms in settings.fitted_curves.items():
        if f"fit_{curve}_0" not in without:
            fit = estimates_of(curve, terms, inputs.parameters, inputs.correlations)
            if not _is_filed(curve, terms, fit, filed):
                content["fitted_curves"][curve] = fit.model_dump(mode="json", exclude_defaults=True)
    optional = ("settings", "parameters", "fitted_curves")
    return tomli_w.dumps({key: _said(value) for key, value in content.items() if value or key not in optional})


def _said(value: Any) -> Any:
    """A value as TOML can say it: it has no null, so that an entry of a table that is None is left out, and its keys are texts."""
    if isinstance(value, dict):
        return {str(key): _said(entry) for key, entry in value.items() if entry is not None}
    return [_said(entry) for entry in value] if isinstance(value, list) else value


def _is_filed(curve: str, terms: FittedCurve, fit: FittedEstimates, filed: Inputs) -> bool:
    """Whether the problem's own settings hold this fit."""
    if filed.settings.fitted_curves.get(curve) != terms or f"fit_{curve}_0" not in filed.parameters:
        return False
    return estimates_of(curve, terms, filed.parameters, filed.correlations) == fit
