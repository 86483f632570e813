"""What the extras of the package bring, and the words for one that is missing."""

from __future__ import annotations

from importlib.util import find_spec

from hemodel.errors import Fault, InputError

EXTRAS = {
    "app": {"streamlit": "Streamlit", "altair": "Altair"},
    "distributed": {"distributed": "Dask", "pyarrow": "pyarrow"},
    "sensitivity": {"SALib": "SALib"},
    "report": {"docx": "python-docx", "altair": "Altair", "vl_convert": "vl-convert"},
}
"""Extra -> module that it brings -> what that is called."""


def missing(extra: str, where: str) -> Fault | None:
    """The fault that an extra is not installed, or None if all of it is there."""
    names = [name for module, name in EXTRAS[extra].items() if find_spec(module) is None]
    if not names:
        return None
    verb = "is" if len(names) == 1 else "are"
    return Fault(where, f"{' and '.join(names)} {verb} not installed", f'Install it with: pip install "hemodel[{extra}]"')


def need(extra: str, where: str) -> None:
    """Refuse, naming the extra, what cannot be done without it."""
    if lacking := missing(extra, where):
        raise InputError.together([lacking])
