"""The house rules of the package, kept by a machine: who may import whom, where each framework enters, where randomness lives."""

import ast
import re
import tomllib
from pathlib import Path

from hemodel import version

PACKAGE = Path(__file__).parent.parent / "hemodel"
FLOORS = {
    "errors": 0,
    "extras": 1,
    "files": 1,
    "outcomes": 1,
    "threads": 1,
    "version": 1,
    "evidence": 2,
    "survival": 2,
    "decision": 2,
    "cohort": 3,
    "analyses": 4,
    "report": 5,
    "cli": 6,
    "app": 6,
}
DOORS = {
    "streamlit": {"app"},
    "altair": {"report/charts"},
    "xlsxwriter": {"report"},
    "openpyxl": {"report", "evidence/inputs_sheet.py", "evidence/uploaded.py"},
    "typer": {"cli"},
    "pydantic": {"evidence"},
    "threadpoolctl": {"threads.py"},
}


def modules():
    for path in sorted(PACKAGE.rglob("*.py")):
        yield path.relative_to(PACKAGE).as_posix(), ast.parse(path.read_text(encoding="utf-8"))


def imports(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def room(module):
    return module.split("/")[0].removesuffix(".py")


def test_imports_run_downstairs_only():
    wrong = []
    for name, tree in modules():
        if name == "__init__.py":
            continue
        for target in imports(tree):
            if target.startswith("hemodel."):
                other = target.split(".")[1]
                same = other == room(name)
                if not same and FLOORS[other] >= FLOORS[room(name)]:
                    wrong.append(f"{name} imports {target}")
    assert wrong == []


def test_only_the_model_joins_evidence_to_outcomes():
    wrong = [
        f"{name} imports {target}"
        for name, tree in modules()
        if name.startswith("cohort/") and not name.startswith("cohort/model/")
        for target in imports(tree)
        if target.startswith(("hemodel.evidence", "hemodel.outcomes"))
    ]
    assert wrong == []


def test_each_framework_has_one_door():
    wrong = [
        f"{name} imports {target}"
        for name, tree in modules()
        for target in imports(tree)
        if (doors := DOORS.get(target.split(".")[0])) and not any(name == d or name.startswith(f"{d}/") for d in doors)
    ]
    assert wrong == []


def test_randomness_lives_with_the_draws():
    wrong = [
        f"{name}, line {node.lineno}"
        for name, tree in modules()
        if name != "evidence/draws.py"
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and node.attr in ("random", "default_rng")
        and isinstance(node.value, ast.Name)
        and node.value.id in ("np", "numpy", "random")
    ]
    assert wrong == []


def test_the_version_is_that_of_the_project_file():
    project = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text(encoding="utf-8"))
    assert version.__version__ == project["project"]["version"]


def test_files_are_read_in_evidence_and_written_in_one_place():
    homes = {
        "evidence/": {"read_text", "read_bytes", "open", "read_csv"},
        "files.py": {"open", "to_csv"},
        "analyses/batch.py": {"read_bytes"},
    }
    calls = {"read_text", "read_bytes", "write_text", "write_bytes", "read_csv", "to_csv", "to_excel", "open"}
    wrong = []
    for name, tree in modules():
        allowed = set().union(*(verbs for home, verbs in homes.items() if name.startswith(home)))
        for node in ast.walk(tree):
            verb = getattr(node.func, "attr", None) or getattr(node.func, "id", None) if isinstance(node, ast.Call) else None
            if verb in calls - allowed:
                wrong.append(f"{name}, line {node.lineno}: {verb}")
    assert wrong == []


def called(node):
    """The name of the function that a call is of."""
    return getattr(node.func, "id", getattr(node.func, "attr", "")) if isinstance(node, ast.Call) else ""


def names_a_problem_of_settings(call):
    """Whether an argument is the name of a problem taken from settings: the words of a title, and not where its files are."""
    given = [*call.args, *(word.value for word in call.keywords)]
    parts = [part for value in given for part in ast.walk(value) if isinstance(part, ast.Attribute) and part.attr == "problem"]
    return any(getattr(part.value, "attr", getattr(part.value, "id", "")) == "settings" for part in parts)


def test_only_front_doors_read_a_problem_by_its_name():
    doors = {
        "__init__.py",
        "evidence/inputs.py",
        "evidence/examples.py",  # rows of the packaged problems
        "report/new_folder.py",  # the folder that it writes
        "cli/options.py",
        "app/sidebar.py",
        "app/sharing.py",  # links and uploads name their problem
    }
    readers = {
        "load_inputs",
        "as_filed",
        "open_folder",
        "scenario_names",
        "read_inputs",
        "run_scenarios",
        "run_comparison",
        "run_weighted",
    }
    calls = [(name, node) for name, tree in modules() for node in ast.walk(tree) if called(node) in readers]
    assert len(calls) > 10
    by_name = {"load_inputs", "open_folder", "scenario_names"}
    wrong = [f"{name}, line {node.lineno}" for name, node in calls if called(node) in by_name and name not in doors]
    wrong += [f"{name}, line {node.lineno}: settings.problem" for name, node in calls if names_a_problem_of_settings(node)]
    assert wrong == []


def test_no_room_has_a_name_that_says_nothing():
    vague = {"utils", "helpers", "common", "core", "config", "misc"}
    assert [name for name, _ in modules() if vague & set(name.removesuffix(".py").split("/"))] == []


def test_no_mutable_state_at_module_level_or_hidden_in_a_closure():
    """What changes from call to call is an object with attributes, not a function that rebinds names outside itself."""
    hidden = (ast.Global, ast.Nonlocal)
    wrong = [f"{name}, line {node.lineno}" for name, tree in modules() for node in ast.walk(tree) if isinstance(node, hidden)]
    assert wrong == []


def test_public_functions_say_what_they_do():
    wrong = [
        f"{name}, line {node.lineno}: {node.name}"
        for name, tree in modules()
        for node in ast.walk(tree)
        if isinstance(node, (ast.FunctionDef, ast.ClassDef))
        and not node.name.startswith("_")
        and not ast.get_docstring(node)
        and not any(
            isinstance(parent, ast.FunctionDef) and node in ast.walk(parent) and node is not parent for parent in ast.walk(tree)
        )
    ]
    assert wrong == []


def test_no_path_of_a_machine_and_no_registry_is_named():
    root = PACKAGE.parent
    for path in [*root.glob("*.toml"), *root.glob("*.lock"), *root.glob("*.md"), root / "Makefile", *PACKAGE.rglob("*.py")]:
        text = path.read_text(encoding="utf-8")
        assert "index-url" not in text, path
        assert "/work/" not in text and "/root/" not in text, path


NAMED = {
    "lenalidomide",
    "dexamethasone",
    "thalidomide",
    "melphalan",
    "bortezomib",
    "prednisone",
    "myeloma",
    "ta171",
    "ta586",
    "ta587",
    "ta680",
}


def texts(tree):
    """Names, attributes, arguments and texts of a module; of a docstring all but its examples."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, re.sub(r"(?m)^ *>>>(.*\n)( *(?!>>>)\S.*(\n|$))*", "", node.value)
        for field in ("id", "attr", "arg", "name"):
            if isinstance(found := getattr(node, field, None), str):
                yield getattr(node, "lineno", 0), found


def test_no_drug_and_no_disease_is_named():
    wrong = [
        f"{name}, line {line}: {text[:60]}"
        for name, tree in modules()
        for line, text in texts(tree)
        if any(word in text.lower() for word in NAMED)
    ]
    assert wrong == []


def test_the_name_of_the_problem_chooses_nothing():
    asks = (ast.Compare, ast.Match, ast.Subscript)
    wrong = [
        f"{name}, line {node.lineno}"
        for name, tree in modules()
        for node in ast.walk(tree)
        if isinstance(node, asks)
        for part in ast.walk(node.subject if isinstance(node, ast.Match) else node)
        if isinstance(part, ast.Attribute)
        and part.attr == "problem"
        and getattr(part.value, "attr", getattr(part.value, "id", "")) == "settings"
        and any(isinstance(other, ast.Constant) for other in ast.walk(node))
    ]
    assert wrong == []
