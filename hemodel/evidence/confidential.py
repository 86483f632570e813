"""What is confidential: parameters and terms of schemes that are called so, and what they could be worked out from."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from hemodel.errors import Fault, InputError
from hemodel.evidence.inputs import Inputs
from hemodel.evidence.scenarios import BASE_CASE, Scenario
from hemodel.evidence.settings import Arrangement, Scheme, Settings

REDACTED = "[REDACTED]"
RATE = "r_death_progressed_"
"""Beginning of the names of death rates after progression, which are derived from what is published about survival."""


def called(inputs: Inputs) -> tuple[str, ...]:
    """Names of the parameters that are called confidential in their row."""
    return tuple(name for name, parameter in inputs.parameters.items() if parameter.confidentiality != "none")


def schemes(inputs: Inputs) -> tuple[str, ...]:
    """Names of the schemes whose terms are called confidential, those of no price arrangement of the run included."""
    return tuple(name for name, terms in inputs.settings.schemes.items() if terms.confidentiality not in (None, "none"))


def unmarked(inputs: Inputs) -> tuple[str, ...]:
    """Names of the schemes of which nobody has said whether their terms are confidential."""
    return tuple(name for name, terms in inputs.settings.schemes.items() if terms.confidentiality is None)


def is_confidential(inputs: Inputs) -> bool:
    """Whether anything that the inputs hold is confidential, or may be: a scheme of which nobody has said."""
    return bool(called(inputs) or schemes(inputs) or unmarked(inputs))


def covers(inputs: Inputs, scheme: str) -> bool:
    """Whether the terms of a scheme are to be covered: they are called confidential, or nobody has said."""
    return scheme in (*schemes(inputs), *unmarked(inputs))


def announced(inputs: Inputs) -> str:
    """What is called confidential in a file that covers none of it, in words; empty where nothing is."""
    counts = ((len(called(inputs)), "parameters"), (len(schemes(inputs)), "schemes"))
    what = " and ".join(f"{n} {things if n > 1 else things[:-1]}" for n, things in counts if n)
    is_one = sum(n for n, _ in counts) == 1
    return f"{what} {'is' if is_one else 'are'} marked confidential; nothing here is redacted" if what else ""


def refuse_unmarked(inputs: Inputs) -> None:
    """Raise `InputError` where it is not known whether the terms of a scheme are confidential: nothing is called redacted before it is."""
    faults = [
        Fault(
            f"[schemes.{name}]",
            "whether its terms are confidential is not said, so that nothing can be called redacted",
            f'Write confidentiality = "cic" (commercial in confidence) or confidentiality = "none" (public) below the heading '
            f"[schemes.{name}] of settings.toml, or [settings.schemes.{name}] of the scenario",
        )
        for name in unmarked(inputs)
    ]
    if faults:
        raise InputError.together(faults)


def without_schemes(inputs: Inputs) -> Inputs:
    """The inputs without the schemes that are confidential or may be, as if they had never been there; at list price where no other price
    arrangement is left. A scenario that brought one goes by no name.
    """
    return under(inputs, {})


def under(inputs: Inputs, terms: Mapping[str, Scheme]) -> Inputs:
    """The inputs with other terms in place of confidential ones (scheme -> terms); those for which none are given are left out.

    Names and labels of a scheme, and of the scenario that brought it, may say its terms: they go too.
    """
    settings, hidden = inputs.settings, [name for name in inputs.settings.schemes if covers(inputs, name)]
    names = {name: f"confidential_scheme_{k}" for k, name in enumerate((n for n in hidden if n in terms), 1)}
    shown = {name: scheme for name, scheme in settings.schemes.items() if name not in hidden}
    shown |= {names[name]: terms[name].model_copy(update={"label": _anonymous(names, name)}) for name in names}
    sets, renamed = _sets_under(settings, hidden, names)
    named = {
        **{name: name for name in settings.price_arrangements if name not in (*hidden, *settings.arrangements)},
        **names,
        **renamed,
    }
    arrangements = [named[name] for name in settings.price_arrangements if name in named] or ["list"]
    fitting = settings.model_copy(update={"schemes": shown, "arrangements": sets, "price_arrangements": arrangements})
    return replace(inputs, settings=fitting, scenario=_public_scenario(inputs, hidden))


def _sets_under(
    settings: Settings, hidden: Collection[str], names: Mapping[str, str]
) -> tuple[dict[str, Arrangement], dict[str, str]]:
    """Arrangements of several schemes with the new names of confidential ones, and what each is called now; one that has a scheme that is
    left out is left out too, and one with a confidential scheme goes by no name of its own.
    """
    sets, renamed = dict[str, Arrangement](), dict[str, str]()
    for name, terms in settings.arrangements.items():
        of_hidden = [scheme for scheme in terms.schemes if scheme in hidden]
        if any(scheme not in names for scheme in of_hidden):
            continue
        renamed[name] = f"confidential_arrangement_{len(renamed) + 1}" if of_hidden else name
        label = "Confidential arrangement: its terms are redacted" if of_hidden else terms.label
        own = [names.get(scheme, scheme) for scheme in terms.schemes]
        sets[renamed[name]] = terms.model_copy(update={"schemes": own, "label": label})
    return sets, renamed


def _anonymous(names: Mapping[str, str], name: str) -> str:
    number = f" {list(names).index(name) + 1}" if len(names) > 1 else ""
    return f"Confidential scheme{number}: its terms are redacted"


def _public_scenario(inputs: Inputs, hidden: Collection[str]) -> Scenario:
    """The scenario, without its name and reason if it set something confidential anew: they may say it."""
    scenario = inputs.scenario
    sets_scheme = bool(hidden) and "schemes" in scenario.settings
    if not sets_scheme and not set(marked(inputs)) & set(scenario.parameters):
        return scenario
    return replace(BASE_CASE, name="confidential", label=REDACTED, why=REDACTED)


def marked(inputs: Inputs, *, but: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Names of the parameters that are confidential: those called so, and the death rates that are derived from survival called so,
    which could be worked out from them. `but`: beginnings of names that are not taken for confidential here.
    """
    named = [name for name in called(inputs) if not name.startswith(but)]
    survival = [n for n in named if inputs.parameters[n].group == "survival" and not n.startswith(RATE)]
    rates = {
        f"{RATE}{strategy}" for strategy in inputs.settings.strategy_names for n in survival if _decides(inputs, n, strategy)
    }
    return tuple(n for n in inputs.parameters if n in named or n in rates)


def _decides(inputs: Inputs, name: str, strategy: str) -> bool:
    """Whether a parameter of survival may go into the death rate of a strategy: its own, those of no strategy, and hazard ratios with
    all that they are applied to.
    """
    settings = inputs.settings
    is_joined = name.startswith("hr_") or any(by_hazard_ratio(settings, s) for s in settings.strategy_names)
    of = max((s for s in settings.strategy_names if f"_{s}" in name), key=len, default=strategy)  # one name may end another
    return is_joined or of == strategy


def by_hazard_ratio(settings: Settings, strategy: str) -> bool:
    """Whether survival on the strategy follows from another's curve."""
    side = settings.comparator_survival if strategy == settings.comparator else settings.intervention_survival
    return side == "hazard_ratio"
