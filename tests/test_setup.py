"""Two commands do the whole set-up: every program outside Python is in one list, and is found, installed or asked for before anything runs.

Pitfalls: a program that happens to be on the machine of whoever wrote the test; a failure after ten minutes that one line could have
told at once; a continuous integration that sets up what `make test` does not.
"""

import ast
import os
import re
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).parent.parent
LIST = [
    line.split(maxsplit=2)
    for line in (ROOT / "setup/programs.txt").read_text(encoding="utf-8").splitlines()
    if line[:1].isalpha()
]
NAMES = {name for _, program, _ in LIST for name in program.partition(":")[0].split("|")}
STARTERS = {"run", "Popen", "which", "check_call", "check_output", "call", "execv", "execvp", "map"}
OF_THE_ENVIRONMENT = {"hemodel", "streamlit"}
OF_THE_SHELL = {
    "set",
    "cd",
    "export",
    "exec",
    "exit",
    "local",
    "for",
    "do",
    "done",
    "if",
    "then",
    "else",
    "fi",
    "while",
    "read",
    "echo",
    "return",
    "test",
    "true",
}
OF_THE_SYSTEM = {"apt-get"}  # setup/find looks for it: what it cannot find it does not need


def first_words(call):
    """The texts that stand where a call names its program."""
    if not call.args:
        return
    first = call.args[-1] if getattr(call.func, "id", "") == "map" else call.args[0]
    if isinstance(first, (ast.List, ast.Tuple)):
        is_map = getattr(call.func, "id", "") == "map"
        first = first.elts if is_map else first.elts[:1]
    else:
        first = [first]
    yield from (node.value for node in first if isinstance(node, ast.Constant) and isinstance(node.value, str))


def called_in_python(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            verb = getattr(node.func, "attr", None) or getattr(node.func, "id", None)
            owner = getattr(getattr(node.func, "value", None), "id", None)
            starts = verb in STARTERS and owner in ("subprocess", "shutil", "os")
            finds = verb == "map" and any(getattr(a, "attr", None) == "which" for a in node.args)
            if starts or finds:
                yield from first_words(node)
        if isinstance(node, (ast.Return, ast.Assign)):  # a command that is put together before it is run
            value = node.value.elts[0] if isinstance(node.value, ast.Tuple) and node.value.elts else node.value
            head = value.elts[0] if isinstance(value, ast.List) and len(value.elts) > 1 else None
            if isinstance(head, ast.Constant) and head.value in {*NAMES, "make", "git", "sh", "docker"}:
                yield head.value


def called_in_shell(text):
    for line in text.splitlines():
        line = re.sub(r"\s#.*|^#.*", "", line).strip()
        for part in re.split(r"&&|\|\||;|\||\$\(|`", re.sub(r'"[^"$]*"|\'[^\']*\'', "''", line)):
            word = re.match(r"[\s(!{@-]*(?:\w+=\S*\s+)*([a-z][\w.-]*)(?=\s|$)", part)
            if word:
                yield word[1]


def recipes():
    lines = (ROOT / "Makefile").read_text(encoding="utf-8").splitlines()
    return "\n".join(line.strip().lstrip("@-") for line in lines if line.startswith("\t"))


def test_every_outside_program_that_is_called_is_in_the_one_list():
    called = {}
    for folder in ("hemodel", "tests", "benchmarks"):
        for path in (ROOT / folder).rglob("*.py"):
            called |= dict.fromkeys(called_in_python(path), path.name)
    called |= dict.fromkeys(called_in_shell(recipes()), "Makefile")
    called |= dict.fromkeys(called_in_shell((ROOT / ".ci/run").read_text(encoding="utf-8")), ".ci/run")
    called = {word: where for word, where in called.items() if word not in OF_THE_SHELL | OF_THE_ENVIRONMENT | OF_THE_SYSTEM}
    assert {"pdftotext", "chromium", "soffice", "mount", "rm", "make"} <= set(called)
    assert {word: where for word, where in called.items() if word not in NAMES} == {}


def machine(folder, *programs):
    """A folder of programs that stands for a whole machine."""
    folder.mkdir()
    for program in programs:
        (folder / program).symlink_to(shutil.which(program))
    return {"PATH": str(folder), "HOME": str(folder)}


def found(purpose, env):
    return subprocess.run(["bash", "setup/find", purpose], cwd=ROOT, env=env, capture_output=True, text=True, check=False)


BASE = ("bash", "mkdir", "rm", "touch", "dirname", "readlink")


def test_what_is_missing_is_named_in_one_line_with_its_package_before_anything_runs(tmp_path):
    env = machine(tmp_path / "bin", *BASE, "make", "mount", "umount")
    told = found("test", env)
    assert told.returncode == 2 and told.stdout == ""
    (line,) = told.stderr.splitlines()
    for package in ("python3 python3-venv", "chromium", "libreoffice-calc-nogui", "libreoffice-writer-nogui", "poppler-utils"):
        assert line.count(package) == 1, line
    made = subprocess.run(["make", "test"], cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert made.returncode == 2 and made.stderr.startswith(line) and made.stdout == ""


def test_what_is_missing_is_installed_where_it_may_be_and_asked_for_once(tmp_path):
    """A package manager that notes what it is asked for, and installs pdftotext alone."""
    if os.geteuid() != 0:
        return
    env = machine(tmp_path / "bin", *BASE, "make", "mount", "umount", "cp", "ln")
    (tmp_path / "bin/python3").write_text("#!/bin/bash\nexit 0\n")
    manager = f"#!/bin/bash\necho $* >> {tmp_path}/asked\ncp {tmp_path}/bin/python3 {tmp_path}/bin/pdftotext\n"
    (tmp_path / "bin/apt-get").write_text(manager)
    for made in ("python3", "apt-get"):
        (tmp_path / "bin" / made).chmod(0o755)
    told = found("test", env)
    update, install = (tmp_path / "asked").read_text().splitlines()
    assert update.startswith("update") and install.startswith("install")
    assert install.endswith("chromium libreoffice-core-nogui libreoffice-calc-nogui libreoffice-writer-nogui poppler-utils")
    assert told.returncode == 2 and "apt-get install chromium" in told.stderr
    assert found("run", env).returncode == 0


def test_continuous_integration_calls_the_test_command_and_nothing_more():
    lines = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if line and line[0] != "#"] == ["set -euo pipefail", 'cd "$(dirname "$0")/.."', "make test"]


def test_no_test_is_passed_over_because_a_program_is_not_there():
    """`make test` has found it."""
    files = {
        path.name: path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("*.py") if path.name != Path(__file__).name
    }
    passed_over = re.compile(r"skipif|importorskip|environ.*\bCI\b")
    assert [name for name, text in files.items() if passed_over.search(text)] == []
    assert [name for name, text in files.items() if "shutil.which" in text and "pytest.skip" in text] == []
