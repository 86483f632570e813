"""A wheel of this checkout and environments that hold it with some of its extras and nothing else: made once, without a network.

What the wheel requires is linked from the environment that runs the tests, distribution by distribution as their metadata say: an
environment has neither the extras that it was not given nor what the tests need themselves.
"""

import fcntl
import subprocess
import sys
import venv
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """One process of the tests at a time."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def wheel(folder: Path) -> Path:
    """The wheel, built in `folder` if it is not there yet."""
    with alone(folder):
        if not list(folder.glob("*.whl")):
            build = [
                sys.executable,
                "-m",
                "pip",
                "wheel",
                "-q",
                "--no-build-isolation",
                "--no-deps",
                "-w",
                str(folder),
                str(ROOT),
            ]
            subprocess.run(build, check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return built


Distributions = dict[str, metadata.Distribution]


def required(distribution: metadata.Distribution, extras: Iterable[str], found: Distributions) -> Distributions:
    """`found`, and the distributions that this one with its extras needs, all the way down."""
    for text in distribution.requires or []:
        needed = Requirement(text)
        asked = any(needed.marker is None or needed.marker.evaluate({"extra": extra}) for extra in ("", *extras))
        name = canonicalize_name(needed.name)
        if asked and (needed.extras or name not in found):
            found[name] = metadata.distribution(name)
            required(found[name], needed.extras, found)
    return found


def environment(folder: Path, built: Path, extras: tuple[str, ...] = ()) -> Path:
    """The folder of the programs of an environment with the wheel and these extras; made if it is not there yet."""
    place = folder / ("_".join(extras) or "bare")
    with alone(folder):
        if not (place / "made").exists():
            venv.create(place, symlinks=True)
            (site,) = (place / "lib").glob("python*/site-packages")
            (inside,) = (folder for folder in zipfile.Path(built).iterdir() if folder.name.endswith(".dist-info"))
            for distribution in required(metadata.PathDistribution(inside), extras, {}).values():
                _link(distribution, site)
            install = [
                sys.executable,
                "-m",
                "pip",
                "--python",
                str(place),
                "install",
                "-q",
                "--no-index",
                "--no-deps",
                str(built),
            ]
            subprocess.run(install, check=True, capture_output=True)
            (place / "made").touch()
    return place / "bin"


def _link(distribution: metadata.Distribution, site: Path) -> None:
    for top in {Path(file).parts[0] for file in distribution.files or [] if Path(file).parts[0] != ".."}:
        made, real = site / top, Path(str(distribution.locate_file(top)))
        if top == "__pycache__" or not real.exists():
            continue
        if made.is_symlink() and made.resolve() == real.resolve():
            continue
        made.symlink_to(real)
