"""Writing files.

Pitfalls guarded here: half a file under the final name after a failure; somebody's work overwritten, also when it appeared after
the check; a stray temporary file left behind; a folder or a full disk met with a traceback in place of an explanation; text in a
CSV file that a spreadsheet runs as a formula; negative numbers mistaken for such text.
"""

from __future__ import annotations

import csv
import errno
import io
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from hemodel.errors import InputError
from hemodel.files import csv_text, refuse_target, write_whole


def failing(code: int) -> Callable[..., None]:
    def fail(*_args: object, **_kwargs: object) -> None:
        raise OSError(code, os.strerror(code))

    return fail


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_content_arrives_byte_by_byte(tmp_path: Path) -> None:
    content = bytes(range(256)) * 1_000
    path = write_whole(tmp_path / "table.bin", content)
    assert path == tmp_path / "table.bin"
    assert path.read_bytes() == content
    assert names_in(tmp_path) == ["table.bin"]


def test_an_existing_file_is_not_overwritten_without_force(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(b"mine")
    with pytest.raises(InputError) as caught:
        write_whole(path, b"new")
    fault = caught.value.faults[0]
    assert fault.where == str(path)
    assert "already there" in fault.problem
    assert "force" in fault.remedy
    assert path.read_bytes() == b"mine"
    assert names_in(tmp_path) == ["table.csv"]


def test_force_replaces_an_existing_file(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(b"a longer text than the new one")
    write_whole(path, b"new", force=True)
    assert path.read_bytes() == b"new"
    assert names_in(tmp_path) == ["table.csv"]


def test_force_writes_a_file_that_is_not_there_yet(tmp_path: Path) -> None:
    assert write_whole(tmp_path / "table.csv", b"new", force=True).read_bytes() == b"new"


@pytest.mark.parametrize("hard_links", [True, False])
def test_a_file_that_appears_meanwhile_is_not_overwritten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hard_links: bool
) -> None:
    path = tmp_path / "table.csv"
    monkeypatch.setattr(os, "fsync", lambda _number: path.write_bytes(b"somebody else's"))
    if not hard_links:
        monkeypatch.setattr(os, "link", failing(errno.EPERM))
    with pytest.raises(InputError, match="already there"):
        write_whole(path, b"mine")
    assert path.read_bytes() == b"somebody else's"
    assert names_in(tmp_path) == ["table.csv"]


def test_of_many_writers_exactly_one_gets_the_name(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"

    def attempt(number: int) -> bytes | None:
        content = f"writer {number}".encode() * 10_000
        try:
            write_whole(path, content)
        except InputError:
            return None
        return content

    with ThreadPoolExecutor(8) as pool:
        written = [content for content in pool.map(attempt, range(40)) if content is not None]
    assert written == [path.read_bytes()]
    assert names_in(tmp_path) == ["table.csv"]


def test_file_systems_without_hard_links_are_written_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "link", failing(errno.EPERM))
    write_whole(tmp_path / "table.csv", b"new")
    assert (tmp_path / "table.csv").read_bytes() == b"new"
    assert names_in(tmp_path) == ["table.csv"]


@pytest.mark.parametrize("step", ["fsync", "link"])
def test_a_failed_write_leaves_nothing_and_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    monkeypatch.setattr(os, step, failing(errno.ENOSPC))
    with pytest.raises(InputError, match="No space left"):
        write_whole(tmp_path / "table.csv", b"new")
    assert names_in(tmp_path) == []


def test_a_failed_rename_without_hard_links_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "link", failing(errno.EPERM))
    monkeypatch.setattr(os, "replace", failing(errno.EIO))
    with pytest.raises(InputError, match="cannot be written"):
        write_whole(tmp_path / "table.csv", b"new")
    assert names_in(tmp_path) == []


def test_a_failed_replacement_leaves_the_old_file_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(b"old")
    monkeypatch.setattr(os, "replace", failing(errno.EIO))
    with pytest.raises(InputError):
        write_whole(path, b"new", force=True)
    assert path.read_bytes() == b"old"
    assert names_in(tmp_path) == ["table.csv"]


def test_an_interrupted_write_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_number: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_whole(tmp_path / "table.csv", b"new")
    assert names_in(tmp_path) == []


def test_a_folder_that_cannot_be_written_to_is_an_input_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "open", failing(errno.EACCES))
    with pytest.raises(InputError, match="Permission denied") as caught:
        write_whole(tmp_path / "table.csv", b"new")
    assert "permissions" in caught.value.faults[0].remedy


@pytest.mark.parametrize("force", [True, False])
def test_a_missing_folder_and_a_folder_for_a_name_are_refused(tmp_path: Path, force: bool) -> None:
    with pytest.raises(InputError, match="there is no folder"):
        write_whole(tmp_path / "absent" / "table.csv", b"new", force=force)
    with pytest.raises(InputError, match="this is a folder"):
        write_whole(tmp_path, b"new", force=force)
    assert names_in(tmp_path) == []


def test_a_link_to_nowhere_counts_as_a_file_that_is_there(tmp_path: Path) -> None:
    (tmp_path / "table.csv").symlink_to(tmp_path / "elsewhere.csv")
    with pytest.raises(InputError, match="already there"):
        write_whole(tmp_path / "table.csv", b"new")
    assert names_in(tmp_path) == ["table.csv"]


def test_the_check_before_a_long_run_agrees_with_the_write(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    refuse_target(path)
    path.write_bytes(b"mine")
    refuse_target(path, force=True)
    with pytest.raises(InputError, match="already there"):
        refuse_target(path)


@pytest.mark.parametrize("text", ['=HYPERLINK("http://x")', "+1+cmd", "-1+1", "@x", "\tx", "\rx", "\nx", "\0x", "=1", "-£x"])
def test_text_that_would_run_gets_an_apostrophe(text: str) -> None:
    for frame in (pd.DataFrame({"label": [text]}), pd.DataFrame({text: ["label"]})):
        cells = [cell for row in csv.reader(io.StringIO(csv_text(frame), newline="")) for cell in row]
        assert [cell for cell in cells if cell != "label"] == ["'" + text.replace("\r", "\n")]


@pytest.mark.parametrize("text", ["-0.891", "-£8,256", "-12.5%", "£48,045", "dominated", "2+2", "a=b"])
def test_text_that_is_harmless_stays_as_it_is(text: str) -> None:
    assert list(csv.reader(io.StringIO(csv_text(pd.DataFrame({"x": [text]}))))) == [["x"], [text]]


def test_numbers_are_left_alone_and_keep_all_their_digits() -> None:
    values: list[Any] = [-48_044.84406946953, 1 / 3, float("nan"), -1]
    lines = csv_text(pd.DataFrame({"value": values})).split("\n")
    assert [float(line) for line in (lines[1], lines[2])] == values[:2]
    assert lines[3] in ("", '""')
    assert float(lines[4]) == -1


def test_commas_quotes_and_line_ends_are_quoted() -> None:
    texts = ["a, b", 'say "no"', "two\nlines", "two\r\nlines", "two\rlines"]
    found = [row[0] for row in csv.reader(io.StringIO(csv_text(pd.DataFrame({"x": texts})), newline=""))]
    assert found == ["x", "a, b", 'say "no"', "two\nlines", "two\nlines", "two\nlines"]
