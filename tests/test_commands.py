"""Every command line that is printed works as printed: from a wheel, outside the repository, with the extra that README names and no other.

Pitfalls: an example that was run with something else in its place; one that works in the repository only; one that ends well and says
nothing; a placeholder that nobody can type; a missing extra that ends in a traceback.
"""

import ast
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "benchmarks").glob("*.md"))]
EXTRA = {"app": "app", "report": "report", "global": "sensitivity"}
TIMES = "time,event\n" + "".join(f"{2 + 1.7 * k + k * k / 40:.2f},{int(k % 4 != 3)}\n" for k in range(40))
TRIAL = "time,event,arm,time_on_treatment\n" + "".join(
    f"{4 * k},1,1,{4 * k}\n{3 * k if k % 2 else 2 * k},1,0,{2 * k if k % 2 else 0}\n" for k in range(1, 41)
)
CROSSOVER = "hemodel crossover trial.csv --save adjusted.csv"
ADJUSTED = "hemodel fit adjusted.csv --where arm=0"
EXPORT = "hemodel export relapsed --live model.xlsx"
FIT = "hemodel fit times.csv --curve pfs --strategy lenalidomide_dexamethasone --save mine.toml"
NEW = 'hemodel new my_appraisal --strategy "New tablet; Examplinib; 2400; 14; 30" --strategy "Usual care; ; ; 8; 20"'
OWN = "hemodel run ./my_appraisal"
OWN_FULL = f"{OWN} --full --out my_appraisal.xlsx"
BEFORE = {
    "hemodel read-back model.xlsx": EXPORT,
    "hemodel run relapsed --scenario mine.toml": FIT,
    OWN: NEW,
    OWN_FULL: NEW,
    ADJUSTED: CROSSOVER,
}
"""Line -> the line that makes the file it reads."""
ANSWERS = {
    "hemodel run relapsed --population one_prior --out one_prior.xlsx": "68359.*52643.*One prior therapy",
    "hemodel run relapsed --set c_lenalidomide_25mg_pack=3000 --set u_progressed=0.6": "37426.*33678",
    "hemodel run maintenance": "244,261.*78,869",
    NEW: "Wrote my_appraisal",
    OWN: "86,280",
    OWN_FULL: "Wrote my_appraisal.xlsx",
    "hemodel run first_line": "70,675.*258,264",
    "hemodel run one_prior": "35105.*110099",
    "hemodel run relapsed": "48,045.*42,822",
    "hemodel run relapsed --scenario mine.toml": "66233.*curve fitted to times.csv",
    "hemodel run relapsed --full --out everything.xlsx": "48,045.*42,822",
    "hemodel scenarios relapsed": "289,059",
    "hemodel psa relapsed --draws 1000000 --out draws.parquet": "list.lenalidomide.*pas.lenalidomide.*Wrote draws.parquet",
    "hemodel validate": "no faults",
    "hemodel info relapsed --parameter u_progressed": "u_progressed.*S[0-9]",
    "hemodel calibrate relapsed": "0.4",
    "hemodel one-way relapsed": "[Uu]tility",
    "hemodel two-way u_progressed u_progression_free": "u_progressed",
    "hemodel horizon relapsed": "10[.]0.*44017[.]0.*30[.]0.*48044[.]8.*42821[.]9",
    "hemodel drivers relapsed": "[Ss]tandard errors|flip",
    "hemodel threshold pack_price --at 35000": "35,000",
    "hemodel evppi u_progressed u_progression_free": "26[.]498",
    "hemodel evsi r_death_progressed_dexamethasone --fixed-cost 500000 --cost-per-person 2000": "1600",
    "hemodel convergence relapsed": "10000",
    "hemodel convergence relapsed --replicates 5": "icer.*probability_cost_effective.*evpi",
    "hemodel global relapsed --method sobol": "r_death_progressed_lenalidomide.*0[.]52.*One group, as its members",
    "hemodel batch 1000000 --until 100": "list.lenalidomide_dexamethasone.*pas.lenalidomide_dexamethasone",
    "hemodel modifiers relapsed": "severity",
    "hemodel budget relapsed": "79624165",
    "hemodel compare relapsed --scenario horizon_10_years": "10 years",
    "hemodel weighted --weight two_or_more_prior=0.7 --weight one_prior=0.3": "53806[.]9.*45607[.]7",
    "hemodel verify relapsed": "pass",
    "hemodel verify my_folder --json": '"manifest"',
    EXPORT: "Wrote model.xlsx",
    "hemodel report relapsed --out report.docx": "Wrote report.docx",
    "hemodel read-back model.xlsx": "engine",
    "hemodel fit times.csv": "[Ww]eibull",
    FIT: "mine.toml",
    CROSSOVER: "hazard_ratio_as_randomised.*time_ratio\t(2[.]00|1[.]99).*same effect whenever it is given",
    ADJUSTED: "40 of 80 rows.*[Ww]eibull|[Ww]eibull.*40 of 80 rows",
}
"""What each line says, as a pattern over its lines. The app's own line is answered in tests/app/test_starting.py."""


def texts_of_the_package():
    """Strings of the code in which a command stands."""
    for path in sorted((ROOT / "hemodel").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value


def blocks(text, language):
    """The fenced blocks of a page in this language."""
    return [block for found, block in re.findall(r"^```(\w*)\n(.*?)^```", text, re.DOTALL | re.MULTILINE) if found == language]


def printed():
    """Command lines of blocks; and what stands between backticks or after a colon in a text."""
    lines, mentions = [], []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for block in blocks(text, ""):
            lines += [re.sub(r"\s+#.*", "", line) for line in block.splitlines() if line.startswith("hemodel ")]
        mentions += re.findall(r"`(hemodel (?!run --full`)[^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
    for text in texts_of_the_package():
        mentions += re.findall(r"`(hemodel [a-z][^`\n]+)`", text) + re.findall(r": (hemodel [a-z-]+(?: [\w./=-]+)*)", text)
    mentions = [mention.rstrip(".") for mention in mentions]
    names = {line.split()[1] for line in lines + mentions}
    return list(
        dict.fromkeys(lines + [mention for mention in mentions if len(mention.split()) > 2 and "..." not in mention])
    ), sorted(names)


LINES, NAMES = printed()
"""Whole lines; and commands that are only named."""


def run(line, programs, folder):
    words = shlex.split(line)
    env = {"PATH": f"{programs}:/usr/bin:/bin", "HOME": str(folder), "COLUMNS": "200", "MPLCONFIGDIR": str(folder)}
    return subprocess.run([programs / words[0], *words[1:]], cwd=folder, env=env, capture_output=True, text=True, check=False)


def extras(line):
    if "--full" in line:
        return ("sensitivity",)
    if ".parquet" in line:
        return ("distributed",)
    return (EXTRA[line.split()[1]],) if line.split()[1] in EXTRA else ()


def test_every_line_printed_has_its_answer_here():
    assert sorted(LINES) == sorted(ANSWERS)


@pytest.mark.parametrize("line", LINES)
def test_the_line_works_as_printed(line, installed, tmp_path):
    (tmp_path / "times.csv").write_text(TIMES, encoding="utf-8")
    (tmp_path / "trial.csv").write_text(TRIAL, encoding="utf-8")
    if "my_folder" in line:
        shutil.copytree(ROOT / "inputs" / "relapsed", tmp_path / "my_folder")
    programs = installed(*extras(line))
    for given in [BEFORE[line]] if line in BEFORE else []:
        assert run(given, programs, tmp_path).returncode == 0
    done = run(line, programs, tmp_path)
    assert done.returncode == 0, done.stderr
    assert re.search(ANSWERS[line], done.stdout + done.stderr, re.DOTALL), done.stdout + done.stderr
    for option in re.findall(r"--(?:out|save|live) (\S+)", line):
        assert (tmp_path / option).stat().st_size > 100


@pytest.mark.parametrize("name", NAMES)
def test_every_command_that_is_named_exists_and_helps(name, installed, tmp_path):
    done = run(f"hemodel {name} --help", installed(), tmp_path)
    assert done.returncode == 0 and f"hemodel {name}" in done.stdout


@pytest.mark.parametrize("code", [block for page in PAGES for block in blocks(page.read_text(encoding="utf-8"), "python")])
def test_the_python_block_works_as_printed(code, installed, tmp_path):
    (tmp_path / "block.py").write_text(code + "\nprint(base.icer('pas'), psa.n_draws)\n", encoding="utf-8")
    done = run("python block.py", installed(), tmp_path)
    assert done.returncode == 0, done.stderr
    icer, draws = done.stdout.split()[-2:]
    assert round(float(icer)) == 42_822 and draws == "10000"
    assert (tmp_path / "answer.xlsx").stat().st_size > 10_000


@pytest.mark.parametrize(
    "line, extra",
    [
        ("hemodel app", "app"),
        ("hemodel report relapsed --out report.docx", "report"),
        ("hemodel global relapsed --method sobol", "sensitivity"),
        ("hemodel run relapsed --full --out everything.xlsx", "sensitivity"),
        ("hemodel psa relapsed --draws 1000000 --out draws.parquet", "distributed"),
        ("hemodel batch 8192 --folder batch --keep-draws", "distributed"),
    ],
)
def test_without_its_extra_a_command_says_which_one_brings_it(line, extra, installed, tmp_path):
    done = run(line, installed(), tmp_path)
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.count("\n") == 1 and f'pip install "hemodel[{extra}]"' in done.stderr
    assert line.split()[1] not in EXTRA or f"`hemodel {line.split()[1]}`" in PAGES[0].read_text(encoding="utf-8")
