"""docs/your_own_appraisal.md, followed step by step outside the repository: every edit can be made, every output is what is printed.

Pitfalls guarded: a page that teaches last year's files; a step that only works where its writer sat.
"""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

spec = importlib.util.spec_from_file_location("your_own_appraisal", Path(__file__).parent / "your_own_appraisal.py")
page = importlib.util.module_from_spec(spec)
spec.loader.exec_module(page)


@pytest.mark.slow
def test_the_page_can_be_followed_step_by_step_and_prints_what_it_says(tmp_path):
    steps = list(page.followed(page.PAGE.read_text(encoding="utf-8"), tmp_path))
    assert len(steps) == 8
    for command, said, found in steps:
        assert found == said, command
    done = [sys.executable, "-m", "hemodel.cli", "run", "./my_appraisal", "--draws", "0", "--json"]
    rows = json.loads(subprocess.run(done, cwd=tmp_path, capture_output=True, text=True, check=True).stdout)["results"]
    assert {row["price_arrangement"] for row in rows} == {"list", "discount"}
