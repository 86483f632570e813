"""A folder as a zip. Pitfalls: names that climb out of the folder, links, sizes that lie, a file taken silently that nobody reads,
a zip whose numbers differ from those of the folder, texts taken from the disk in place of the zip's.
"""

import io
import stat
import zipfile

import pytest

import hemodel as hm
from hemodel.errors import InputError
from hemodel.evidence import zipped as module
from hemodel.evidence.inputs import inputs_of
from hemodel.evidence.zipped import MOST_BYTES, unzipped, zipped


def packed(members, **options):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", options.get("packing", zipfile.ZIP_DEFLATED)) as archive:
        for name, text in members:
            archive.writestr(name, text)
    return content.getvalue()


def members(problem="maintenance", top="mine/"):
    with zipfile.ZipFile(io.BytesIO(zipped(hm.load_inputs(problem).folder))) as archive:
        return [(top + name.partition("/")[2], archive.read(name).decode()) for name in archive.namelist()]


def refusal(content, file="mine.zip"):
    with pytest.raises(InputError) as caught:
        unzipped(file, content)
    return str(caught.value)


@pytest.mark.parametrize("problem", ["relapsed", "maintenance", "first_line"])
def test_a_folder_survives_the_way_into_a_zip_and_back(problem):
    filed = hm.load_inputs(problem)
    again = inputs_of(unzipped("mine.zip", zipped(filed.folder)))
    assert again.hash == filed.hash
    assert again.scenario_names == filed.scenario_names
    assert again.folder.sources == filed.folder.sources
    assert not again.folder.is_packaged
    assert zipped(again.folder) == zipped(inputs_of(unzipped("mine.zip", zipped(again.folder))).folder)


@pytest.mark.parametrize("top", ["", "mine/"])
def test_files_lie_at_the_top_or_in_one_folder_and_what_macs_add_is_left_out(top):
    found = [*members(top=top), ("__MACOSX/mine/._settings.toml", "x"), (f"{top}.DS_Store", "x")]
    assert inputs_of(unzipped("mine.zip", packed(found))).hash == hm.load_inputs("maintenance").hash


def test_numbers_are_those_of_the_zip_and_not_of_the_package():
    found = [(name, text.replace("horizon_years = 45.0", "horizon_years = 5.0")) for name, text in members()]
    assert inputs_of(unzipped("mine.zip", packed(found))).settings.horizon_years == 5.0
    assert hm.load_inputs("maintenance").settings.horizon_years == 45.0


def test_scenarios_of_the_zip_alone_are_offered_where_it_has_some():
    found = [(name, text) for name, text in members() if "scenarios/" not in name]
    text = 'name = "short"\nlabel = "Short"\nwhy = "A what-if."\nproblem = "maintenance"\n[settings]\nhorizon_years = 10.0\n'
    inputs = inputs_of(unzipped("mine.zip", packed([*found, ("mine/scenarios/short.toml", text)])))
    assert inputs.scenario_names == ["short"]
    assert inputs.filed(scenario="short").settings.horizon_years == 10.0


@pytest.mark.parametrize(
    "name", ["../settings.toml", "/etc/passwd", "mine/../../x.csv", "..\\x.csv", "C:\\settings.toml", "mine/sub/parameters.csv"]
)
def test_names_that_lead_elsewhere_are_refused(name):
    assert "is no file of a decision problem" in refusal(packed([*members(), (name, "x")]))


@pytest.mark.parametrize("name", ["mine/model.py", "mine/settings.toml.exe", "mine/scenarios/x.py", "mine/life_tables/.csv"])
def test_only_the_files_of_a_problem_are_taken(name):
    assert "is no file of a decision problem" in refusal(packed([*members(), (name, "x")]))


def test_a_link_is_refused():
    link = zipfile.ZipInfo("mine/published.csv")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    found = [(name, text) for name, text in members() if "published" not in name]
    assert "is a link" in refusal(packed([*found, (link, "/etc/passwd")]))


def test_too_many_files_are_refused():
    assert "it has 2" in refusal(packed([(f"scenarios/s{n}.toml", "x") for n in range(201)]))


def test_a_file_that_is_there_twice_is_refused():
    with pytest.warns(UserWarning):
        content = packed([*members(), ("mine/settings.toml", "x")])
    assert "is there twice" in refusal(content)


def test_a_bomb_is_refused_before_it_is_unpacked(monkeypatch):
    content = packed([("settings.toml", "0" * 30_000_000)])
    assert len(content) < 100_000
    monkeypatch.setattr(zipfile.ZipFile, "open", None)
    assert "30,000,000 bytes" in refusal(content)


def test_a_size_that_lies_is_found_out():
    content = bytearray(packed([("settings.toml", "0" * 3_000_000)], packing=zipfile.ZIP_STORED))
    central = content.rindex(b"PK\x01\x02")
    content[central + 24 : central + 28] = (1_000).to_bytes(4, "little")
    assert refusal(bytes(content))


def test_many_files_that_are_large_together_are_refused(monkeypatch):
    monkeypatch.setattr(module, "_MOST_TOGETHER", 10_000)
    assert "too large together" in refusal(packed(members()))


def test_what_is_larger_than_any_folder_is_refused():
    assert "Give a zip of at most" in refusal(b"0" * (MOST_BYTES + 1))


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x03\x04" + b"\x00" * 60])
def test_what_is_no_zip_is_told(content):
    assert "this is not a zip" in refusal(content)


def test_a_zip_cut_short_or_spoiled_is_told_in_words():
    content = packed(members())
    for spoiled in (content[:-50], content[: len(content) // 2], content[:200] + b"\xff" * 200 + content[400:]):
        assert refusal(spoiled)


def test_a_password_is_told():
    content = bytearray(packed([("settings.toml", "x")]))
    content[content.rindex(b"PK\x01\x02") + 8] |= 1
    assert "password" in refusal(bytes(content))


def test_a_zip_without_settings_says_what_is_missing():
    assert "there is no settings.toml in it" in refusal(packed([("parameters.csv", "x")]))


def test_other_files_that_are_missing_are_told_together_and_never_taken_from_the_disk(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.zip").mkdir()
    (tmp_path / "mine.zip" / "parameters.csv").write_text("from the disk")
    found = [(name, text) for name, text in members() if "parameters" not in name and "payoffs" not in name]
    with pytest.raises(InputError) as caught:
        inputs_of(unzipped("mine.zip", packed(found)))
    assert "mine.zip/parameters.csv: the file is not there" in str(caught.value)
    assert "mine.zip/payoffs.csv: the file is not there" in str(caught.value)


def test_a_line_of_toml_with_thousands_of_dots_is_refused_at_once():
    found = [(name, text) for name, text in members() if "settings" not in name]
    assert "hundreds of dots" in refusal(packed([*found, ("mine/settings.toml", f"{'a.' * 50_000}b = 1\n")]))
