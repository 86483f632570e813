"""Rules of NICE and population norms, from `inputs/rules.toml`: numbers that belong to no single decision problem."""

from __future__ import annotations

import tomllib
from typing import Annotated, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hemodel.errors import Fault, InputError
from hemodel.evidence.reading import data_folder


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class SeverityRule(_Strict):
    """NICE's severity modifier: cut-offs of the two shortfalls, and the weights below, between and above them."""

    absolute: Annotated[list[float], Field(min_length=2, max_length=2)]
    proportional: Annotated[list[float], Field(min_length=2, max_length=2)]
    weights: Annotated[list[float], Field(min_length=3, max_length=3)]
    source: str
    status: str


class EndOfLifeRule(_Strict):
    """NICE's end-of-life advice of 2009."""

    life_expectancy_months: float
    extension_months: float
    source: str
    status: str


class UtilityNorm(_Strict):
    """General-population utility: a quadratic in age with a term for men."""

    name: str
    intercept: float
    male: float
    age: float
    age_squared: float
    source: str
    status: str

    def at(self, ages: NDArray[np.float64], share_male: ArrayLike) -> NDArray[np.float64]:
        """Utility at `ages` in years of a group with this share of men.

        >>> norm = load_rules().utility_norm
        >>> [round(float(norm.at(np.array([63.0]), men)[0]), 4) for men in (1.0, 0.0)]
        [0.824, 0.8028]
        """
        men = np.asarray(share_male, dtype=np.float64)
        return self.intercept + self.male * men + self.age * ages + self.age_squared * ages**2


class Rules(_Strict):
    """All of `inputs/rules.toml`."""

    severity: SeverityRule
    end_of_life_2009: EndOfLifeRule
    utility_norm: UtilityNorm


def load_rules() -> Rules:
    """Read `inputs/rules.toml`; raises one `InputError` that lists every fault."""
    path = data_folder("inputs") / "rules.toml"
    try:
        values: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
        return Rules.model_validate(values)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError("inputs/rules.toml", f"it cannot be read: {error}", "Put the file back as it was") from error
    except ValidationError as error:
        raise InputError.together(
            Fault(f"inputs/rules.toml ({'.'.join(map(str, e['loc']))})", e["msg"], "Mend the value") for e in error.errors()
        ) from error
