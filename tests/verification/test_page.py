"""docs/verification.md is what its command writes, and every problem passes.

Pitfalls guarded: a page of evidence that is older than the evidence; a check that fails and is not told.
"""

import importlib.util
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent.parent


def test_the_page_is_what_the_command_writes_and_no_check_fails():
    spec = importlib.util.spec_from_file_location("verification_page", ROOT / "tests" / "verification_page.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    text = (ROOT / "docs" / "verification.md").read_text(encoding="utf-8")
    assert module.undated(module.page()) == module.undated(text), "run `python -m tests.verification_page --write`"
    assert module.undated(text) != text  # the line is there
    assert "| fail |" not in text.split("## Faults")[0].replace("| fail | not applicable |", "")
