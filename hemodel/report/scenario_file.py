"""A scenario as text: the file that gives inputs again, to be kept, sent, or named after --scenario."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

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
    lines = [
        f"{key} = {_toml(value)}"
        for key, value in (("name", name), ("problem", settings.problem), ("label", label), ("why", why))
    ]
    lines.append(f"populations = {_toml([inputs.population])}")
    before, after = filed.settings.model_dump(mode="json"), settings.model_dump(mode="json")
    after["schemes"] = {n: terms for n, terms in after["schemes"].items() if n not in without}
    after["price_arrangements"] = [n for n in after["price_arrangements"] if n not in without] or ["list"]
    elsewhere = (*FIXED_BY_FILES, "fitted_curves")
    changed = {k: v for k, v in after.items() if v != before[k] and k not in elsewhere and v is not None}
    if changed:
        lines += ["", "[settings]", *(f"{key} = {_toml(value)}" for key, value in changed.items())]
    of_curves = tuple(f"fit_{curve}_" for curve in settings.fitted_curves)  # they stand with their covariance, below
    for parameter in inputs.parameters.values():
        base = filed.parameters.get(parameter.name)
        if base is None or base == parameter or parameter.name in without or parameter.name.startswith(of_curves):
            continue
        columns = [c for c in OVERRIDABLE if getattr(parameter, c) != getattr(base, c)]
        if set(columns) & set(_SPREAD):
            columns = [c for c in OVERRIDABLE if c in columns or c in _SPREAD]
        cells = [f"{c} = {_toml(getattr(parameter, c))}" for c in columns if getattr(parameter, c) is not None]
        lines += ["", f"[parameters.{parameter.name}]", *cells]
    for curve, terms in settings.fitted_curves.items():
        if f"fit_{curve}_0" not in without:
            fit = estimates_of(curve, terms, inputs.parameters, inputs.correlations)
            if _is_filed(curve, terms, fit, filed):
                continue
            cells = [f"{key} = {_toml(value)}" for key, value in fit.model_dump(mode="json", exclude_defaults=True).items()]
            lines += ["", f"[fitted_curves.{curve}]", *cells]
    return "\n".join(lines) + "\n"


def _toml(value: Any) -> str:
    """A value as TOML: text, numbers, truth, lists (those of lists with a line each) and inline tables (what is None is left out)."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, str):
        return '"' + "".join(_ESCAPES.get(c) or (c if c.isprintable() else f"\\U{ord(c):08X}") for c in value) + '"'
    if isinstance(value, list) and value and all(isinstance(row, list) for row in value):
        return "\n".join(["[", *(f"  {_toml(row)}," for row in value), "]"])
    if isinstance(value, list):
        return f"[{', '.join(_toml(item) for item in value)}]"
    return "{ " + ", ".join(f"{_toml(str(k))} = {_toml(v)}" for k, v in value.items() if v is not None) + " }"


_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}


def _is_filed(curve: str, terms: FittedCurve, fit: FittedEstimates, filed: Inputs) -> bool:
    """Whether the problem's own settings hold this fit."""
    if filed.settings.fitted_curves.get(curve) != terms or f"fit_{curve}_0" not in filed.parameters:
        return False
    return estimates_of(curve, terms, filed.parameters, filed.correlations) == fit
