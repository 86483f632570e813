"""Follow docs/your_own_appraisal.md: its commands are run and its edits made, in order, in an empty folder.

`python -m tests.your_own_appraisal --write` puts what the commands print into the page.
"""

import os
import pty
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

PAGE = Path(__file__).parent.parent / "docs" / "your_own_appraisal.md"
WIDTH = 110
BLOCK = re.compile(r"(?P<before>[^\n]*)\n+```(?P<language>\w+)\n(?P<body>.*?)```", re.DOTALL)


def followed(page: str, folder: Path) -> Iterator[tuple[str, str, str]]:
    """Each command of the page, what the page says it prints, and what it prints, while the edits between them are made in `folder`."""
    old: tuple[Path, str] | None = None
    for block in BLOCK.finditer(page):
        before, body = block["before"], block["body"]
        if block["language"] == "console":
            for command, said in commands(body):
                yield command, said, printed(command, folder)
            continue
        named = re.search(r"`([^`]+)`:$", before)
        if before.startswith("Add to ") and named:
            path = folder / named[1]
            path.write_text(path.read_text(encoding="utf-8") + body, encoding="utf-8")
        elif before.startswith("Write ") and named:
            (folder / named[1]).write_text(body, encoding="utf-8")
        elif before.startswith("Replace in ") and named:
            old = folder / named[1], body
        elif before == "with:" and old is not None:
            path, text = old[0], old[0].read_text(encoding="utf-8")
            assert text.count(old[1]) == 1, f"{old[1]!r} is {text.count(old[1])} times in {path.name}"
            path.write_text(text.replace(old[1], body), encoding="utf-8")
            old = None
        else:
            raise AssertionError(f"nobody knows what to do with the block after {before!r}")


def commands(body: str) -> list[tuple[str, str]]:
    """Commands of a block (a line that ends in a backslash goes on), each with what is printed below it."""
    parts = re.split(r"^\$ ", body, flags=re.MULTILINE)[1:]
    found = []
    for part in parts:
        command = re.match(r"(?:[^\n]*\\\n)*[^\n]*\n", part)
        assert command is not None, part
        found.append((command[0].rstrip("\n"), part[command.end() :].strip("\n")))
    return found


def printed(command: str, folder: Path) -> str:
    """What a command prints in a terminal, messages included."""
    program, *words = shlex.split(command.replace("\\\n", " "))
    assert program == "hemodel", command
    terminal, end = pty.openpty()
    settings = {**os.environ, "COLUMNS": str(WIDTH), "LINES": "60", "NO_COLOR": "1", "TERM": "dumb"}
    run = [sys.executable, "-m", "hemodel.cli", *words]
    with subprocess.Popen(run, cwd=folder, env=settings, stdin=end, stdout=end, stderr=end) as process:
        os.close(end)
        text = b""
        while chunk := _read(terminal):
            text += chunk
    os.close(terminal)
    assert process.returncode in (0, 1, 2), text.decode()
    assert "Traceback" not in text.decode(), text.decode()
    lines = text.decode().replace("\r\n", "\n").split("\n")
    shown = "\n".join(line.rpartition("\r")[2].rstrip() for line in lines).strip("\n")
    return shown.partition("\n\nRun: ")[0]  # then come versions and hashes, which differ between machines


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65_536)
    except OSError:  # Linux says so when the other end is closed
        return b""


def main() -> None:
    page, done = PAGE.read_text(encoding="utf-8"), ""
    with tempfile.TemporaryDirectory() as folder:
        for command, said, found in followed(page, Path(folder)):
            before, block, page = page.partition(f"$ {command}\n{said}\n" if said else f"$ {command}\n")
            assert block, command
            done += before + (f"$ {command}\n{found}\n" if found else f"$ {command}\n")
    page = done + page
    if sys.argv[1:] == ["--write"]:
        PAGE.write_text(page, encoding="utf-8")
    else:
        sys.stdout.write(page)


if __name__ == "__main__":
    main()
