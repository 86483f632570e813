"""The wheel: what is installed answers the question wherever it is.

Pitfalls guarded: inputs left out of the wheel; a package that works in its repository only.
"""

import subprocess
import sys
import zipfile
from pathlib import Path

import hemodel as hm

ROOT = Path(__file__).parent.parent


def test_a_wheel_carries_its_inputs_and_answers_outside_the_repository(tmp_path):
    build = [sys.executable, "-m", "pip", "wheel", "-q", "--no-build-isolation", "--no-deps", "-w", str(tmp_path), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path / 'site')!r}); import hemodel as hm; assert {str(tmp_path)!r} in hm.__file__;"
        "from hemodel.evidence.reading import data_folder; assert 'site' in str(data_folder('inputs'));"
        "print(hm.run_base_case(hm.load_inputs('relapsed')).icer('pas'), len(hm.scenario_names()))"
    )
    done = subprocess.run([sys.executable, "-P", "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [repr(hm.run_base_case(hm.load_inputs("relapsed")).icer("pas")), str(len(hm.scenario_names()))]
