"""The README: its numbers are the model's, its commands work.

Pitfalls guarded: a number typed by hand; an example that has stopped working; a link to a page that is not there.
"""

import importlib.util
import re
import shlex
import sys
from pathlib import Path

import pytest

from hemodel import cli

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)


@pytest.mark.parametrize("page", ["README.md", "docs/methods.md"])
def test_every_number_is_the_models(page):
    spec = importlib.util.spec_from_file_location("readme_numbers", ROOT / "tests" / "readme_numbers.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    text = (ROOT / page).read_text(encoding="utf-8")
    assert module.written(page, text) == text, "run `make docs`"


def test_the_python_example_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (code,) = blocks("python")
    exec(compile(code, "README.md", "exec"), {})
    assert (tmp_path / "answer.xlsx").stat().st_size > 10_000


COMMANDS = [line for line in "\n".join(blocks("")).splitlines() if line.startswith("hemodel ")]
LONG = ("hemodel run relapsed --full", "hemodel report", "hemodel verify", "hemodel export")


@pytest.mark.parametrize(
    "line", [pytest.param(line, marks=[pytest.mark.slow] if line.startswith(LONG) else []) for line in COMMANDS]
)
def test_the_commands_run(line, tmp_path, monkeypatch, capsys):
    words = shlex.split(line, comments=True)
    words = ["5000" if w == "1000000" else w for w in words[1:]]  # smaller designs, for the time of a test
    small = ["--draws", "1000"]
    small_live = ["--draws", "20"]
    words += {"export": small_live, "report": ["--draws", "200"]}.get(words[0], [])
    words += {"global": ["--size", "32"], "evppi": small, "evsi": small, "run": small, "convergence": small}.get(words[0], [])
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["hemodel", *words])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    printed = capsys.readouterr()
    assert stop.value.code == 0, printed.err
    assert printed.out or "Wrote" in printed.err


def test_the_make_targets_are_there():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"^make (\w+)", TEXT, re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_links_lead_somewhere():
    for link in re.findall(r"\]\((?!http)([^)#]+)\)", TEXT):
        assert (ROOT / link).exists(), link


def test_ci_calls_the_test_command_of_the_readme():
    assert "make test" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert "make test" in TEXT
