"""The wheel and its environments, one of each for all processes of a run of the tests."""

import os

import pytest

from tests import installation


@pytest.fixture(scope="session")
def installations(tmp_path_factory):
    """A folder that all processes of this run share."""
    base = tmp_path_factory.getbasetemp()
    return (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "installations"


@pytest.fixture(scope="session")
def wheel(installations):
    return installation.wheel(installations / "wheel")


@pytest.fixture(scope="session")
def installed(installations, wheel):
    """Extras -> the programs of an environment with the wheel and these extras."""
    return lambda *extras: installation.environment(installations, wheel, extras)
