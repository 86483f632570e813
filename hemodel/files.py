"""Writing files: whole or not at all, never over somebody's work unasked, and no text that a spreadsheet would run."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import re
import shutil
import uuid
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path

import pandas as pd

from hemodel.errors import InputError

UNFINISHED = ".part"
"""Ending of what is still being written; what a killed writer leaves behind has it."""
_NO_HARD_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}
_STARTS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\0")
_PLAIN_NUMBER = re.compile(r"-?[A-Z]{0,3}[£€$¥₹]? ?\d[\d,]*(\.\d+)?%?")


def refuse_target(path: str | Path, *, force: bool = False) -> None:
    """Raise `InputError` if `path` cannot be written to as things stand: worth asking before a long run."""
    path = Path(path)
    if not path.parent.is_dir():
        raise InputError(str(path), f"there is no folder {path.parent}", "Create the folder, or choose another one")
    if path.is_dir():
        raise InputError(str(path), "this is a folder", "Give the name of a file in it")
    if not force and (path.exists() or path.is_symlink()):
        raise _taken(path)


def write_whole(path: str | Path, content: bytes, *, force: bool = False) -> Path:
    """Write `content` to `path`, whole or not at all; an existing file is replaced with `force` only.

    The bytes go to a temporary file in the same folder, are flushed to disk, and only then get their name, in one step. Without
    `force` that step fails if the name has been taken meanwhile. Raises `InputError` where the file cannot be written.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_whole(Path(folder, "table.csv"), b"a,b").read_bytes()
    b'a,b'
    """
    path = Path(path)
    refuse_target(path, force=force)
    temporary = path.parent / f".{uuid.uuid4().hex}{UNFINISHED}"
    try:
        with temporary.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if force:
            os.replace(temporary, path)  # noqa: PTH105  # replaces in one step, on Windows too
        else:
            _name_if_free(temporary, path)
    except FileExistsError:
        raise _taken(path) from None
    except OSError as error:
        problem = f"the file cannot be written ({error.strerror or error})"
        raise InputError(str(path), problem, "Check the folder, its permissions and the space left") from error
    finally:
        with contextlib.suppress(OSError):  # a disk that became read-only lets nobody remove anything; the reason above is told
            temporary.unlink(missing_ok=True)
    return path


def refuse_new_folder(path: str | Path) -> None:
    """Raise `InputError` if a new folder cannot be written at `path` as things stand."""
    path = Path(path)
    if not path.parent.is_dir():
        raise InputError(str(path), f"there is no folder {path.parent}", "Create the folder, or choose another one")
    if path.exists() or path.is_symlink():
        raise InputError(str(path), "the folder is already there", "Choose another name: what is there is never written over")


def write_folder(path: str | Path, files: Mapping[str, bytes]) -> Path:
    """Write a new folder with `files` (path inside it -> contents), whole or not at all; one that is there is never touched."""
    path = Path(path)
    refuse_new_folder(path)
    temporary = path.parent / f".{uuid.uuid4().hex}{UNFINISHED}"
    try:
        temporary.mkdir()
        for name, content in files.items():
            (temporary / name).parent.mkdir(parents=True, exist_ok=True)
            write_whole(temporary / name, content)
        refuse_new_folder(path)
        temporary.rename(path)  # refused if somebody has filled a folder of that name meanwhile
    except OSError as error:
        problem = f"the folder cannot be written ({error.strerror or error})"
        raise InputError(str(path), problem, "Check its place, the permissions and the space left") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return path


def csv_text(frame: pd.DataFrame, separator: str = ",") -> str:
    """`frame` as CSV (or with another separator), without its index; text that would run as a formula gets an apostrophe.

    Numbers are left alone and unrounded, missing values are empty. For Excel, encode it as "utf-8-sig": without the mark at the
    start Excel misreads the pound sign.

    >>> print(csv_text(pd.DataFrame({"label": ["=1+1", "plain"], "value": [-0.5, 2.0]})), end="")
    label,value
    '=1+1,-0.5
    plain,2.0
    """
    safe = frame.astype(object).map(_harmless)
    safe.columns = pd.Index([_harmless(name) for name in frame.columns])
    return safe.to_csv(index=False, sep=separator, lineterminator="\n")


def parquet_bytes(frame: pd.DataFrame) -> bytes:
    """`frame` as compressed Parquet, without its index."""
    if find_spec("pyarrow") is None:
        raise InputError("a .parquet file", "pyarrow is not installed", 'Install it with: pip install "hemodel[distributed]"')
    buffer = io.BytesIO()
    frame.to_parquet(buffer, index=False, compression="zstd")
    return buffer.getvalue()


def _harmless(cell: object) -> object:
    """The cell, with an apostrophe in front if it is text that would be a formula; text that is a plain number is none."""
    if not isinstance(cell, str) or _PLAIN_NUMBER.fullmatch(cell):
        return cell
    text = f"'{cell}" if cell.startswith(_STARTS_A_FORMULA) else cell
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _name_if_free(temporary: Path, path: Path) -> None:
    """Give the written file its name in one step; `FileExistsError` if somebody has taken the name."""
    try:
        os.link(temporary, path)
    except OSError as error:
        if error.errno not in _NO_HARD_LINKS:
            raise
        with _claimed(path):  # file systems without hard links: FAT, some network drives
            os.replace(temporary, path)  # noqa: PTH105


@contextlib.contextmanager
def _claimed(path: Path) -> Iterator[None]:
    """Hold the name `path` with an empty file of our own; gives it back if what follows fails."""
    path.open("xb").close()
    try:
        yield
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def _taken(path: Path) -> InputError:
    return InputError(str(path), "the file is already there", "Choose another name, or replace it with force")
