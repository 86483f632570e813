"""Faults of the world: killed at a write, disk full, folder that cannot be written to, two runs at once, a clock that goes back, damage.

Pitfalls guarded: half a file under its final name; an answer lost that was there before; a run that takes what is half for whole, or begins
again from nothing; a traceback in place of a message that says what to do. A worker that is lost: tests/analyses/test_batch.py; the steps
of one write, many writers of one name, file systems without links: tests/test_files.py.
"""

import datetime
import errno
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import openpyxl
import pytest

import hemodel as hm
from hemodel import cli
from hemodel.analyses import batch as batches
from hemodel.analyses.batch import STEP, read_draws, run_batch
from hemodel.errors import InputError
from hemodel.files import write_whole
from hemodel.report.workbook import workbook_bytes

pytestmark = pytest.mark.slow


class Killed(BaseException):
    """What a process that is killed does: it does nothing more."""


@pytest.fixture(scope="module")
def inputs():
    return hm.load_inputs("relapsed").with_settings(horizon_years=1.0)


@pytest.fixture(scope="module")
def base(inputs):
    return hm.run_base_case(inputs)


@pytest.fixture(scope="module")
def whole(inputs):
    return run_batch(inputs, 3 * STEP, block_size=STEP, threads=1)


def batch(inputs, folder):
    return run_batch(inputs, 3 * STEP, block_size=STEP, threads=1, folder=folder, keep_draws=True)


def same_bits(one, other):
    return all(np.array_equal(getattr(one.moments, n), getattr(other.moments, n)) for n in ("mean", "cross", "best", "loss"))


def failing(code):
    def fail(*_args, **_kwargs):
        raise OSError(code, os.strerror(code))

    return fail


def test_a_batch_killed_at_every_write_in_turn_loses_nothing_that_was_whole(inputs, whole, tmp_path, monkeypatch):
    """Each attempt dies at its next write: half of the bytes are there, or all of them without their name; what was begun stays."""
    folder, flush, rename = tmp_path / "batch", os.fsync, os.replace
    kills, done = 0, None
    finished = set()
    while done is None:
        left = [3 + kills % 4]  # dies at the third to sixth thing that it does to the disk

        def dies(left=left):
            left[0] -= 1
            return left[0] == 0

        def half(number, dies=dies):
            if dies():
                os.ftruncate(number, os.fstat(number).st_size // 2)
                raise Killed
            return flush(number)

        def unnamed(path, target, dies=dies):
            if dies():
                raise Killed
            return rename(path, target)

        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", half)
            patch.setattr(os, "replace", unnamed)
            patch.setattr(Path, "unlink", lambda *_args, **_more: None)  # a killed process cleans nothing up
            try:
                done = batch(inputs, folder)
            except Killed:
                kills += 1
                now = {p.name: p.stat().st_mtime_ns for p in folder.glob("block-*.json")}
                assert finished <= set(now.items())  # what was whole is neither lost nor made again
                finished = set(now.items())
        assert kills < 40
    assert kills > 5
    assert same_bits(done, whole)
    assert len(read_draws(folder)) == 3 * STEP


def test_a_batch_killed_at_its_first_write_begins_again(inputs, whole, tmp_path, monkeypatch):
    def dies(_path, _target):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", dies)
        patch.setattr(Path, "unlink", lambda *_args, **_more: None)
        with pytest.raises(Killed):
            batch(inputs, tmp_path / "batch")
    assert len(list((tmp_path / "batch").iterdir())) == 1
    assert same_bits(batch(inputs, tmp_path / "batch"), whole)


KILL = """
import os, signal, sys
from pathlib import Path
from hemodel import files
step = {step!r}
def die(*_args, **_kwargs): os.kill(os.getpid(), signal.SIGKILL)
setattr(files.os, step, die)
files.write_whole(Path({path!r}), b"new" * 100_000, force={force})
"""


@pytest.mark.parametrize(("step", "force"), [("fsync", False), ("link", False), ("replace", True)])
def test_a_process_killed_in_a_write_leaves_the_old_file_or_none(tmp_path, step, force):
    target = tmp_path / "answer.xlsx"
    if force:
        target.write_bytes(b"old")
    code = KILL.format(step=step, path=str(target), force=force)
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -9
    assert (target.read_bytes() == b"old") if force else not target.exists()
    write_whole(target, b"new", force=force)  # what is left behind is in nobody's way
    assert target.read_bytes() == b"new"


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS])
def test_a_workbook_that_cannot_be_written_leaves_the_old_one_and_says_what_to_do(base, tmp_path, monkeypatch, code):
    target = tmp_path / "answer.xlsx"
    target.write_bytes(b"old")
    monkeypatch.setattr(os, "fsync", failing(code))
    with pytest.raises(InputError) as caught:
        hm.write_workbook(target, base, force=True)
    assert os.strerror(code) in str(caught.value)
    assert "permissions and the space left" in str(caught.value)
    assert [p.name for p in tmp_path.iterdir()] == ["answer.xlsx"]
    assert target.read_bytes() == b"old"


@pytest.mark.parametrize("code", [errno.EACCES, errno.EROFS, errno.ENOSPC])
def test_a_batch_whose_folder_cannot_be_made_says_so(inputs, tmp_path, monkeypatch, code):
    monkeypatch.setattr(Path, "mkdir", failing(code))
    with pytest.raises(InputError, match="Check the path and permissions") as caught:
        batch(inputs, tmp_path / "batch")
    assert os.strerror(code) in str(caught.value)


def full_after(writes, code):
    """A disk that takes so many writes and no more."""
    left, flush = [writes], os.fsync

    def sync(number):
        left[0] -= 1
        return flush(number) if left[0] >= 0 else failing(code)()

    return sync


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EACCES])
def test_a_batch_that_runs_out_of_disk_says_so(inputs, tmp_path, monkeypatch, code):
    monkeypatch.setattr(os, "fsync", full_after(2, code))
    with pytest.raises(InputError) as caught:
        batch(inputs, tmp_path / "batch")
    assert os.strerror(code) in str(caught.value)
    assert not list((tmp_path / "batch").glob("*.part"))


def test_a_batch_that_ran_out_of_disk_goes_on_when_there_is_room(inputs, whole, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full_after(3, errno.ENOSPC))  # the mark, and the first block with its draws
        with pytest.raises(InputError):
            batch(inputs, tmp_path / "batch")
    first = next((tmp_path / "batch").glob("block-*.json"))
    when = first.stat().st_mtime_ns
    assert same_bits(batch(inputs, tmp_path / "batch"), whole)
    assert first.stat().st_mtime_ns == when


def test_of_two_runs_with_one_workbook_one_writes_it_and_the_other_is_told(base, tmp_path):
    target, told, ready = tmp_path / "answer.xlsx", [], threading.Barrier(2)

    def write():
        ready.wait()
        try:
            hm.write_workbook(target, base)
        except InputError as error:
            told.append(str(error))

    writers = [threading.Thread(target=write) for _ in range(2)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert len(told) == 1
    assert "already there" in told[0]
    assert "Summary" in openpyxl.load_workbook(target, read_only=True).sheetnames
    assert [p.name for p in tmp_path.iterdir()] == ["answer.xlsx"]


def test_two_processes_may_work_on_the_same_batch(inputs, whole, tmp_path):
    code = (
        "import hemodel as hm; from hemodel.analyses.batch import STEP, run_batch;"
        "i = hm.load_inputs('relapsed').with_settings(horizon_years=1.0);"
        f"run_batch(i, 3 * STEP, block_size=STEP, threads=1, folder={str(tmp_path / 'batch')!r}, keep_draws=True)"
    )
    both = [subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE) for _ in range(2)]
    errors = [process.communicate()[1].decode() for process in both]
    assert all("Traceback" not in text or "InputError" in text for text in errors), errors
    assert [process.returncode for process in both].count(0) >= 1, errors
    assert same_bits(batch(inputs, tmp_path / "batch"), whole)


def test_a_clock_that_goes_back_changes_nothing(inputs, base, whole, tmp_path, monkeypatch):
    before = workbook_bytes(base)
    with monkeypatch.context() as patch:
        now = iter(range(2_000_000_000, 0, -10_000_000))
        patch.setattr(time, "time", lambda: float(next(now)))

        class Earlier(datetime.datetime):
            @classmethod
            def now(cls, tz=None):
                return cls(1999, 1, 1, tzinfo=tz)

        patch.setattr(datetime, "datetime", Earlier)
        assert workbook_bytes(base) == before
        batch(inputs, tmp_path / "batch")
    for path in (tmp_path / "batch").iterdir():
        os.utime(path, (4e9, 4e9))  # written in the future
    assert same_bits(batch(inputs, tmp_path / "batch"), whole)


def parts_of(folder):
    return sorted(folder.glob("part-*.parquet"))


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda raw: raw[: len(raw) // 2], id="cut"),
        pytest.param(lambda raw: bytes(len(raw)), id="zeros"),
        pytest.param(lambda raw: raw[:5000] + bytes([raw[5000] ^ 16]) + raw[5001:], id="one-bit"),
    ],
)
def test_a_damaged_part_is_not_believed_and_is_made_anew(inputs, whole, tmp_path, damage):
    batch(inputs, tmp_path / "batch")
    good = read_draws(tmp_path / "batch")
    part = parts_of(tmp_path / "batch")[1]
    part.write_bytes(damage(part.read_bytes()))
    try:
        with pytest.raises(InputError, match="Run the batch again"):
            read_draws(tmp_path / "batch")
    finally:
        assert same_bits(batch(inputs, tmp_path / "batch"), whole)  # the run itself looks at the checksum
        assert read_draws(tmp_path / "batch").equals(good)


def test_a_part_that_is_gone_is_told_and_made_anew(inputs, whole, tmp_path):
    batch(inputs, tmp_path / "batch")
    parts_of(tmp_path / "batch")[0].unlink()
    with pytest.raises(InputError, match="draws are missing after 0 of 12,288"):
        read_draws(tmp_path / "batch")
    assert same_bits(batch(inputs, tmp_path / "batch"), whole)
    assert len(read_draws(tmp_path / "batch")) == 3 * STEP
    assert batches.STEP == STEP


# A disk that is really full, and one that is really read-only -----------------------------------------------------------------

DISK, ROOM = 256 * 1024, 12 * 1024  # bytes of the whole disk, and what is left of it


@pytest.fixture
def disk(tmp_path):
    """A file system of its own in memory, of a quarter of a megabyte."""
    folder = tmp_path / "disk"
    folder.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(folder)], capture_output=True, text=True, check=False
    )
    if made.returncode:
        pytest.skip(f"this machine lets us mount no file system: {made.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def hemodel(capsys, *words):
    """Exit status, standard output and standard error of a command, in this process."""
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as stop:
        patch.setattr(sys, "argv", ["hemodel", *map(str, words)])
        cli.main()
    found = capsys.readouterr()
    return stop.value.code or 0, found.out, found.err


TEN = ("--scenario", "horizon_10_years")
WRITERS = {
    "draws of a probabilistic analysis": ("draws.csv", ("psa", *TEN, "--draws", 500, "--force", "--quiet", "--out")),
    "workbook": ("answer.xlsx", ("run", *TEN, "--draws", 50, "--force", "--quiet", "--out")),
    "live workbook": ("model.xlsx", ("export", *TEN, "--draws", 0, "--force", "--quiet", "--live")),
    "Word report": ("report.docx", ("report", *TEN, "--draws", 50, "--force", "--quiet", "--out")),
    "table": ("table.csv", ("one-way", *TEN, "--force", "--quiet", "--out")),
}


def fill(folder):
    """Leave `ROOM` bytes of the disk."""
    free = os.statvfs(folder).f_bavail * os.statvfs(folder).f_frsize
    (folder / "filler").write_bytes(bytes(free - ROOM))


@pytest.mark.parametrize("what", WRITERS)
def test_on_a_disk_that_is_full_the_old_file_stays_and_nothing_is_left_behind(disk, capsys, what):
    name, words = WRITERS[what]
    (disk / name).write_bytes(b"old")
    fill(disk)
    status, _, told = hemodel(capsys, *words, disk / name)
    assert status == 2
    assert "No space left on device" in told and "the space left" in told
    assert "Traceback" not in told
    assert sorted(path.name for path in disk.iterdir()) == sorted([name, "filler"])
    assert (disk / name).read_bytes() == b"old"
    if what == "Word report":  # it takes its time, and is written by the same writer
        return
    (disk / name).unlink()
    assert hemodel(capsys, *words, disk / name)[0] == 2
    assert [path.name for path in disk.iterdir()] == ["filler"]


@pytest.mark.parametrize("what", ["draws of a probabilistic analysis", "workbook", "table"])
def test_on_a_disk_that_is_read_only_the_old_file_stays_and_the_reason_is_told(disk, capsys, what):
    name, words = WRITERS[what]
    (disk / name).write_bytes(b"old")
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    status, _, told = hemodel(capsys, *words, disk / name)
    assert status == 2
    assert "Read-only file system" in told and "permissions" in told
    assert "Traceback" not in told
    assert [path.name for path in disk.iterdir()] == [name]
    assert (disk / name).read_bytes() == b"old"


def test_a_batch_on_a_disk_that_is_full_is_told_and_goes_on_when_there_is_room(disk, inputs, whole):
    fill(disk)
    with pytest.raises(InputError) as caught:
        batch(inputs, disk / "batch")
    assert "No space left on device" in str(caught.value)
    assert not list((disk / "batch").glob("*.part"))
    (disk / "filler").unlink()
    subprocess.run(["mount", "-o", "remount,size=64m", str(disk)], check=True)
    assert same_bits(batch(inputs, disk / "batch"), whole)
    assert len(read_draws(disk / "batch")) == 3 * STEP


def test_a_batch_on_a_disk_that_is_read_only_is_told(disk, inputs):
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    with pytest.raises(InputError, match="Read-only file system"):
        batch(inputs, disk / "batch")
    assert list(disk.iterdir()) == []
