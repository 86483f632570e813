"""The README: its numbers are the model's, its links lead somewhere. Its commands: tests/test_commands.py.

Pitfalls guarded: a number typed by hand; a link to a page that is not there; a function that is gone or takes something else.
"""

import importlib
import importlib.util
import inspect
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("page", ["README.md", "docs/methods.md"])
def test_every_number_is_the_models(page):
    spec = importlib.util.spec_from_file_location("readme_numbers", ROOT / "tests" / "readme_numbers.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    text = (ROOT / page).read_text(encoding="utf-8")
    assert module.written(page, text) == text, "run `make docs`"


def test_the_make_targets_are_there():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"^make (\w+)", TEXT, re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_links_lead_somewhere():
    for link in re.findall(r"\]\((?!http)([^)#]+)\)", TEXT):
        assert (ROOT / link).exists(), link


def test_functions_named_in_the_text_are_there_and_take_what_is_said():
    text = re.sub(r"```.*?```", "", TEXT, flags=re.DOTALL)
    named = re.findall(r"`(?:hm|hemodel(?P<room>(?:\.\w+)*))\.(\w+)\(([^)`]*)\)`", text)
    assert len(named) >= 4
    for room, name, words in named:
        function = getattr(importlib.import_module(f"hemodel{room}"), name)
        assert list(inspect.signature(function).parameters)[: len(words.split(","))] == words.split(", "), name
