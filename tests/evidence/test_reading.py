"""Strict reading: whatever is wrong with the inputs comes as one `InputError` that lists all faults with their places.

Pitfalls guarded here: reading that stops at the first fault, so that a file is mended ten times; a fault of one file that hides
those of the others, or breeds faults that are none; row numbers that are wrong after a line break within a cell; cells that Python
takes for numbers and Excel does not (1_000, NaN, inf, Arabic digits); a file that is cut short and read as if it were whole; a
scenario that is empty, or for another population, and silently runs as the base case; any exception but `InputError`.
"""
# ruff: noqa: E501  # messages are compared whole, each on one line

from __future__ import annotations

import csv
import io
import random
import re
import shutil
import tomllib
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hemodel.analyses.fitting import run_fits
from hemodel.errors import InputError
from hemodel.evidence.draws import sampler
from hemodel.evidence.folder import problem_names, problem_titles
from hemodel.evidence.inputs import Inputs, load_inputs, scenario_names
from hemodel.evidence.reading import data_folder
from hemodel.evidence.survival_data import read_curve, read_risk_table, read_times
from hemodel.evidence.uploaded import read_uploaded, saved_values
from hemodel.report.live import live_workbook
from hemodel.survival import reconstruct
from tests.evidence.spoiling import (
    edit,
    faults,
    only_fault,
    refused_in_words,
    runs_to_numbers_or_is_refused,
    spoiled,
)

FILES = ("settings.toml", "parameters.csv", "populations.csv", "correlations.csv", "published.csv")
TABLES = FILES[1:]
LIFE_TABLE = "../life_tables/uk_life_table_2017_2019.csv"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the problem, which a test may spoil."""
    shutil.copytree(data_folder("inputs") / "relapsed", tmp_path / "relapsed")
    shutil.copytree(data_folder("inputs") / "life_tables", tmp_path / "life_tables")
    return tmp_path / "relapsed"


def read_cells(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def write_cells(path: Path, cells: list[list[str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(cells)


def set_cell(path: Path, row: int, column: str, text: str) -> None:
    """Set a cell in `row`, counted as in Excel."""
    cells = read_cells(path)
    cells[row - 1][cells[0].index(column)] = text
    write_cells(path, cells)


def row_of(path: Path, *key: str) -> int:
    """Row, counted as in Excel, whose first cells are `key`."""
    return next(i for i, cells in enumerate(read_cells(path), start=1) if cells[: len(key)] == list(key))


def set_parameter(folder: Path, name: str, /, **cells: str) -> str:
    """Set cells of a parameter; returns the place that a fault of it has."""
    path = folder / "parameters.csv"
    row = row_of(path, name)
    for column, text in cells.items():
        set_cell(path, row, column, text)
    return f"relapsed/parameters.csv, row {row} ({name})"


# What is right is read ----------------------------------------------------------------------------------------------------


def test_an_untouched_copy_is_read_and_has_the_same_hash(folder: Path) -> None:
    assert load_inputs(folder).hash == load_inputs("relapsed").hash


@pytest.mark.parametrize(
    "spelling",
    [
        lambda raw: b"\xef\xbb\xbf" + raw,
        lambda raw: raw.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"),
        lambda raw: raw.replace(b"\r\n", b"\n").rstrip(b"\n"),
        lambda raw: raw + b"\n\n",
    ],
    ids=["byte-order mark", "CRLF", "no last line end", "blank lines at the end"],
)
def test_spellings_of_a_text_file_that_mean_the_same_are_read_alike(folder: Path, spelling: Callable[[bytes], bytes]) -> None:
    for name in (*FILES, LIFE_TABLE):
        (folder / name).write_bytes(spelling((folder / name).read_bytes()))
    assert load_inputs(folder).hash == load_inputs("relapsed").hash


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("separator", [";", "\t"])
def test_tables_saved_by_a_german_excel_are_the_same_inputs(folder: Path, encoding: str, separator: str) -> None:
    for name in TABLES:
        rows = read_cells(folder / name)
        cells = [[c.replace(".", ",") if re.fullmatch(r"[+-]?\d*\.\d+", c) else c for c in row] for row in rows]
        text = io.StringIO(newline="")
        csv.writer(text, delimiter=separator).writerows([*row, "", ""] for row in cells)
        (folder / name).write_bytes(text.getvalue().encode(encoding))
    assert load_inputs(folder).hash == load_inputs("relapsed").hash


def test_a_decimal_point_in_a_table_of_decimal_commas_is_refused(folder: Path) -> None:
    path = folder / "parameters.csv"
    rows = read_cells(path)
    row = row_of(path, "c_pe")
    cells = [[c.replace(".", ",") if re.fullmatch(r"[+-]?\d*\.\d+", c) else c for c in one] for one in rows]
    cells[row - 1][rows[0].index("value")] = "1.234"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, delimiter=";").writerows(cells)
    assert any(f"relapsed/parameters.csv, row {row}: '1.234' and" in line for line in faults(folder))


def test_the_order_of_columns_and_rows_does_not_matter(folder: Path) -> None:
    for name in TABLES:
        header, *cells = [row[::-1] for row in read_cells(folder / name)]
        write_cells(folder / name, [header, *cells[::-1]])
    assert load_inputs(folder).hash != ""
    assert dict(load_inputs(folder).parameters) == dict(load_inputs("relapsed").parameters)


def test_files_and_folders_may_be_links(folder: Path, tmp_path: Path) -> None:
    (folder / "parameters.csv").rename(tmp_path / "elsewhere.csv")
    (folder / "parameters.csv").symlink_to(tmp_path / "elsewhere.csv")
    (tmp_path / "link").symlink_to(folder)
    assert load_inputs(tmp_path / "link").hash == load_inputs("relapsed").hash


@pytest.mark.parametrize("text", [" 0.81 ", "+0.81", "81e-2", ".81", "0.810"])
def test_plain_numbers_in_any_spelling_are_read(folder: Path, text: str) -> None:
    set_parameter(folder, "u_progression_free", value=text)
    assert load_inputs(folder).parameters["u_progression_free"].value == 0.81


# Folders and files --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("problem", ["relapsd", "no/such/folder", "", "x" * 5_000, "a\0b", "..", 3, None])
def test_a_problem_that_is_not_there_is_refused(problem: Any) -> None:
    line = only_fault(problem)
    assert "there is no such decision problem and no folder with a settings.toml" in line
    assert line.endswith("Did you mean relapsed?" if problem == "relapsd" else "relapsed.") or problem in ("no/such/folder",)


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    assert "no folder with a settings.toml" in only_fault(tmp_path)


@pytest.mark.parametrize("name", FILES[:3])  # the others need not be there
def test_a_file_that_is_missing_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    assert only_fault(folder).startswith(f"relapsed/{name}: the file is not there. Put it back")


def test_all_missing_files_are_named_at_once(folder: Path) -> None:
    for name in ("settings.toml", "populations.csv", "published.csv"):
        (folder / name).unlink()
    assert [line.split(":")[0] for line in faults(folder)] == [
        "relapsed/settings.toml",
        "relapsed/populations.csv",
    ]


@pytest.mark.parametrize("name", [*FILES, LIFE_TABLE])
@pytest.mark.parametrize(
    ("contents", "problem"),
    [
        (b"", "the file is empty"),
        (b" \n\r\n\t", "the file is empty"),
        (b"\xef\xbb\xbf", "the file is empty"),
        (b"name \xc3\xa9\nlab\xe9l\n", "the file is not UTF-8 (line 2)"),
        (b"\xff\xfe\x00", "the file is not UTF-8 (line 1)"),
        (b"name\n\n\0", "the file holds a NUL byte (line 3)"),
    ],
    ids=["empty", "blank", "only a byte-order mark", "Latin-1 and UTF-8", "half of UTF-16", "NUL"],
)
def test_a_file_that_is_no_text_is_one_fault(folder: Path, name: str, contents: bytes, problem: str) -> None:
    if problem == "the file is empty" and name in FILES[3:]:
        pytest.skip("it may be empty")
    path = (folder / name).resolve()
    path.write_bytes(contents)
    assert only_fault(folder).startswith(f"{path.parent.name}/{path.name}: {problem}. ")


@pytest.mark.parametrize("name", FILES)
def test_a_folder_in_place_of_a_file_is_one_fault(folder: Path, name: str) -> None:
    (folder / name).unlink()
    (folder / name).mkdir()
    assert only_fault(folder).startswith(f"relapsed/{name}: this is not a file. ")


def test_a_link_to_nothing_is_a_file_that_is_not_there(folder: Path) -> None:
    (folder / "parameters.csv").unlink()
    (folder / "parameters.csv").symlink_to(folder / "nowhere.csv")
    assert only_fault(folder).startswith("relapsed/parameters.csv: the file is not there. ")


# All faults at once -------------------------------------------------------------------------------------------------------


def spoil_everything(folder: Path) -> list[str]:
    """One fault in every file; returns their places."""
    edit(folder / "settings.toml", "horizon_years = 30.0", "horizon_years = -1")
    place = set_parameter(folder, "u_progressed", value="1.4")
    set_cell(folder / "populations.csv", 2, "unit", "weaks")
    set_cell(folder / "correlations.csv", 3, "rank_correlation", "2")
    set_cell(folder / "published.csv", 4, "outcome", "median_os_")
    edit(folder / LIFE_TABLE, "\n2,0.000127", "\n2,1.000127")
    return [
        "relapsed/settings.toml (horizon_years)",
        place,
        "relapsed/populations.csv, row 2 (pooled_trials, median_pfs_lenalidomide_dexamethasone)",
        "relapsed/correlations.csv, row 3",
        "relapsed/published.csv, row 4",
        "life_tables/uk_life_table_2017_2019.csv, row 5",
    ]


def test_the_faults_of_all_files_come_in_one_error(folder: Path, tmp_path: Path) -> None:
    places = spoil_everything(folder)
    scenario = tmp_path / "odd.toml"
    scenario.write_text('name = "odd"\nproblem = "relapsed"\nlabel = "Odd"\n', encoding="utf-8")
    found = faults(folder, scenario=scenario, population="one_priro")
    assert {place: sum(line.startswith(f"{place}: ") for line in found) for place in places} == dict.fromkeys(places, 1)
    assert any(line.startswith(f"{tmp_path.name}/odd.toml (why): is missing") for line in found)
    assert any(line.endswith("Did you mean one_prior?") for line in found)
    assert len(found) == len(places) + 2


@pytest.mark.parametrize("contents", ["this is not TOML", "problem = 3"])
def test_settings_that_cannot_be_read_do_not_hide_the_faults_of_the_other_files(folder: Path, contents: str) -> None:
    _, *places = spoil_everything(folder)
    (folder / "settings.toml").write_text(contents, encoding="utf-8")
    found = [line for line in faults(folder) if not line.startswith("relapsed/settings.toml")]
    assert [line.split(": ")[0] for line in found] == [place for place in places if "life_tables" not in place]


def test_one_bad_setting_breeds_no_fault_elsewhere(folder: Path) -> None:
    edit(folder / "settings.toml", 'structure = "state_transition"', 'structure = "markov"')
    assert only_fault(folder, scenario="no_scheme", population="one_prior").startswith("relapsed/settings.toml (structure): ")


def test_parameters_that_cannot_be_read_do_not_hide_the_faults_of_the_other_files(folder: Path) -> None:
    places = [place for place in spoil_everything(folder) if "parameters.csv" not in place]
    (folder / "parameters.csv").write_text("name;value\nu_progressed;0.64\n", encoding="utf-8")
    found = [line for line in faults(folder, scenario="utilities_0_67_0_63") if "parameters.csv" not in line]
    # a population's unit is right or wrong only with the parameter that it overrides
    assert [line.split(": ")[0] for line in found] == [place for place in places if "populations.csv" not in place]


def test_one_bad_row_of_the_parameters_breeds_no_fault_elsewhere(folder: Path) -> None:
    path = folder / "parameters.csv"
    row = row_of(path, "u_progressed")  # correlations and scenarios name it
    cells = read_cells(path)
    cells[row - 1].append("one too many")
    write_cells(path, cells)
    assert only_fault(folder, scenario="utilities_0_67_0_63") == (
        f"relapsed/parameters.csv, row {row}: has 14 cells instead of 13. Put text that contains commas in quotation marks."
    )


def test_all_faults_of_one_row_come_at_once(folder: Path) -> None:
    place = set_parameter(
        folder, "c_pe", value="", se="lots", unit="GBP per packs", status="red", label=" ", group="", distribution="gama"
    )
    assert faults(folder) == [
        f"{place}: value is missing. Give the value.",
        f"{place}: se is 'lots', not a finite number. Write a plain number such as 0.81, without unit, currency sign or "
        "thousands separator.",
        f"{place}: label is empty. Fill in the label: the app and the workbook show it.",
        f"{place}: group is empty. Fill in the group: the app and the workbook show it.",
        f"{place}: distribution 'gama' is not known here. Did you mean gamma?",
        f"{place}: status 'red' is not known here. Did you mean read?",
        f"{place}: unit 'GBP per packs' is not known here. Did you mean GBP per pack?",
    ]


def test_a_fault_of_the_base_row_is_not_told_again_for_every_population(folder: Path) -> None:
    place = set_parameter(folder, "median_os_dexamethasone", label="", confidentiality="secret")
    assert [line.split(": ")[0] for line in faults(folder)] == [place, place]


# Rows and columns ---------------------------------------------------------------------------------------------------------


def test_rows_are_counted_as_in_excel_after_line_breaks_within_cells(folder: Path) -> None:
    path = folder / "parameters.csv"
    set_cell(path, 3, "note", "one\ntwo\r\nthree\rfour")
    set_cell(path, 5, "note", "an empty line\n\nand a comma, too")
    row = row_of(path, "u_progressed")
    set_cell(path, row, "value", "1.4")
    assert only_fault(folder).startswith(f"relapsed/parameters.csv, row {row} (u_progressed): value 1.4 is not a utility. ")


def test_blank_rows_are_passed_over_and_counted(folder: Path) -> None:
    path = folder / "parameters.csv"
    cells = read_cells(path)
    write_cells(path, [*cells[:3], [], [""] * 13, *cells[3:]])
    assert load_inputs(folder).hash == load_inputs("relapsed").hash
    row = row_of(path, "u_progressed")
    set_cell(path, row, "value", "1.4")
    assert f"row {row} (u_progressed)" in only_fault(folder)


@pytest.mark.parametrize("mark", ["\u2028", "\x85", "\x0b", "\x1c"])
def test_line_breaks_that_only_python_knows_do_not_split_a_row(folder: Path, mark: str) -> None:
    set_parameter(folder, "c_pe", note=f"before{mark}after")
    assert load_inputs(folder).parameters["c_pe"].note == f"before{mark}after"


def test_a_problem_with_one_population_needs_no_rows_that_differ(folder: Path) -> None:
    text = (folder / "settings.toml").read_text(encoding="utf-8")
    others = text.index("[populations.pooled_trials]")
    (folder / "settings.toml").write_text(text[:others], encoding="utf-8")
    for name in ("populations.csv", "correlations.csv", "published.csv"):
        header, *rows = read_cells(folder / name)
        write_cells(folder / name, [header, *(row for row in rows if row[0] in ("", "two_or_more_prior"))])
    assert load_inputs(folder).parameters.keys() == BASE.parameters.keys()


def test_where_the_populations_cannot_be_read_a_scenario_of_some_of_them_is_told_without_a_traceback(
    folder: Path, tmp_path: Path
) -> None:
    text = (folder / "settings.toml").read_text(encoding="utf-8")
    (folder / "settings.toml").write_text(
        re.sub(r"\[populations\.[\s\S]*?(?=\n\[(?!populations)|\Z)", "", text), encoding="utf-8"
    )
    (tmp_path / "mine.toml").write_text(f"{SCENARIO}populations = ['one_prior']\n", encoding="utf-8")
    found = faults(folder, scenario=tmp_path / "mine.toml")
    assert any("settings.toml (populations)" in line for line in found), found


def test_populations_with_only_a_header_are_refused_where_there_are_several(folder: Path) -> None:
    write_cells(folder / "populations.csv", read_cells(folder / "populations.csv")[:1])
    assert "relapsed/populations.csv: the file has no rows. Put its rows back." in faults(folder)


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ("", ["the names of the columns are missing"]),
        (",,,", ["the names of the columns are missing"]),
        ("population;first;second", ["the cells are not separated by commas: 'population;first;second'"]),
        ("population\tfirst\tsecond", [r"the cells are not separated by commas: 'population\tfirst\tsecond'"]),
        ("two_or_more_prior,shape_pfs,0.3", ["this is not the row of column names: it begins with 'two_or_more_prior'"]),
        (
            "population,frist,second,rank_correlation,source,status",
            [
                "'frist' is not a column of this file. Did you mean first?",
                "the column first is missing",
                "the column note is missing",
            ],
        ),
        ("population,first,second,second,rank_correlation,source,status,note", ["the column second is there twice"]),
        ("\ufeffpopulation,,first,second,rank_correlation,source,status,note", ["'' is not a column of this file"]),
    ],
)
def test_a_header_that_is_wrong_is_told_in_one_place(folder: Path, header: str, found: list[str]) -> None:
    path = folder / "correlations.csv"
    lines = path.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join([header, *lines[1:]]), encoding="utf-8")
    lines = faults(folder)
    assert len(lines) == len(found)
    for line, problem in zip(lines, found, strict=True):
        assert line.startswith(f"relapsed/correlations.csv, row 1: {problem}")


def test_an_unclosed_quotation_mark_is_found_where_it_opens_and_hides_no_fault_before_it(folder: Path) -> None:
    place = set_parameter(folder, "median_os_dexamethasone", unit="moths")
    lines = (folder / "parameters.csv").read_text(encoding="utf-8").splitlines()
    lines[50] = f'"{lines[50]}'
    (folder / "parameters.csv").write_text("\n".join(lines), encoding="utf-8")
    found = faults(folder)
    assert [line.split(": ")[0] for line in found] == ["relapsed/parameters.csv, row 51", place]
    assert "this is not CSV" in found[0]


def test_a_row_with_too_few_cells_is_refused(folder: Path) -> None:
    path = folder / "published.csv"
    cells = read_cells(path)
    cells[5] = cells[5][:-2]
    write_cells(path, cells)
    assert only_fault(folder).startswith("relapsed/published.csv, row 6: has 6 cells instead of 8. ")


def test_a_table_cut_short_in_a_row_is_refused(folder: Path) -> None:
    for name in TABLES:
        raw = (data_folder("inputs") / "relapsed" / name).read_bytes()
        (folder / name).write_bytes(raw[: raw.rindex(b",")])
        assert "cells instead of" in only_fault(folder) or "not CSV" in only_fault(folder)
        (folder / name).write_bytes(raw)


# Numbers ------------------------------------------------------------------------------------------------------------------

NOT_NUMBERS = [
    "NaN",
    "nan",
    "inf",
    "-Infinity",
    "1e400",
    "1,5",
    "£3",
    "GBP 3",
    "1_000",
    "1 000",
    "٣",
    "\u22123",
    "0x10",
    "--1",
    "1e",
    "3 %",
]


@pytest.mark.parametrize("text", NOT_NUMBERS)
@pytest.mark.parametrize("column", ["value", "se"])
def test_a_cell_that_is_no_finite_number_is_refused(folder: Path, column: str, text: str) -> None:
    place = set_parameter(folder, "c_pe", **{column: text})
    assert only_fault(folder).startswith(f"{place}: {column} is {text!r}, not a finite number. Write a plain number such as 0.81")


def test_a_missing_value_is_refused(folder: Path) -> None:
    place = set_parameter(folder, "c_pe", value=" ")
    assert only_fault(folder) == f"{place}: value is missing. Give the value."


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("u_progressed", "1.4", "value 1.4 is not a utility. Utilities are at most 1 (full health). Give a value from -1 to 1."),
        (
            "p_pe_dexamethasone",
            "-0.1",
            "value -0.1 is not a probability. Probabilities and shares lie from 0 to 1. Give a value from 0 to 1.",
        ),
        (
            "p_pe_dexamethasone",
            "9",
            "value 9 is not a probability. Probabilities and shares lie from 0 to 1. Give a value from 0 to 1.",
        ),
        ("c_pe", "-1", "value -1 is not a cost. Costs are not negative. Give a value from 0."),
        (
            "du_pe",
            "-0.1",
            "value -0.1 is not a utility loss. Utility losses are positive numbers that are taken away. Give a value from 0 to 2.",
        ),
        ("shape_pfs", "0", "value 0 is not a shape. Shapes of curves are above 0. Give a value above 0."),
        ("age_start", "140", "value 140 is not an age. The life table runs from 0 to 100 years. Give a value from 0 to 100."),
        (
            "ratio_pfs_to_ttp_dexamethasone",
            "1.1",
            "value 1.1 is not such a ratio. PFS counts every progression, so its median is at most that of TTP. Give a value above 0 to 1.",
        ),
        (
            "u_progressed",
            "0.001",
            "cannot be beta with mean 0.001 and standard error 0.05: se^2 must be below mean (1 - mean). Mend value, se, low, high or the distribution.",
        ),
        (
            "c_pe",
            "1e300",
            "cannot be gamma with mean 1e+300 and standard error 1200: no computer holds so extreme a shape. Mend value, se, low, high or the distribution.",
        ),
        ("c_pe", "0", "cannot be gamma with mean 0, which is not above 0. Mend value, se, low, high or the distribution."),
        (
            "median_os_dexamethasone",
            "9.4",
            "has the value 9.4 outside its interval 9.5 to 14.2. Mend value, se, low, high or the distribution.",
        ),
    ],
)
def test_a_value_out_of_range_is_one_fault_with_the_range(folder: Path, name: str, value: str, problem: str) -> None:
    place = set_parameter(folder, name, value=value)
    assert only_fault(folder) == f"{place}: {problem}"


@pytest.mark.parametrize(
    ("name", "cells", "problem"),
    [
        ("c_pe", {"se": ""}, "is gamma, which takes se and no low and high"),
        ("c_pe", {"low": "1", "high": "3"}, "is gamma, which takes se and no low and high"),
        ("c_pe", {"se": "-5"}, "has the standard error -5, which is not above 0"),
        ("age_start", {"se": "1"}, "is fixed but has a standard error or an interval"),
        ("median_os_dexamethasone", {"high": ""}, "is lognormal_median, which takes low and high and no se"),
        (
            "c_pe",
            {"distribution": "dirichlet", "value": "0.2", "se": "0.1"},
            "is dirichlet, which only the shares p_packs_... can be",
        ),
    ],
)
def test_a_spread_that_does_not_go_with_the_distribution_is_refused(
    folder: Path, name: str, cells: dict[str, str], problem: str
) -> None:
    place = set_parameter(folder, name, **cells)
    assert only_fault(folder).startswith(f"{place}: {problem}. ")


# Words --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cells", "problem"),
    [
        ({"unit": "GBP per packs"}, "unit 'GBP per packs' is not known here. Did you mean GBP per pack?"),
        ({"distribution": "gama"}, "distribution 'gama' is not known here. Did you mean gamma?"),
        ({"status": "Read"}, "status 'Read' is not known here. Did you mean read?"),
        ({"confidentiality": "xyz"}, "confidentiality 'xyz' is not known here. Valid: aic, cic, cpas, dpd, none."),
        ({"note": ""}, "is assumed without a reason. Give the reason in the note."),
        (
            {"status": "read", "source": ""},
            "is read but names no source. Name the source, or call it assumed and give the reason.",
        ),
    ],
)
def test_an_unknown_word_is_refused_with_the_nearest_one(folder: Path, cells: dict[str, str], problem: str) -> None:
    place = set_parameter(folder, "c_pe", **cells)
    assert only_fault(folder) == f"{place}: {problem}"


@pytest.mark.parametrize(
    "name", ["c", "hr1", "r1c1", "u progressed", "U_progressed", "c_pe_", "c__pe", "c_\u00e9", "_c", "c_a\nb"]
)
def test_a_name_that_excel_or_python_would_not_take_is_refused(folder: Path, name: str) -> None:
    set_parameter(folder, "c_pe", name=name)
    assert f"{name!r} is not a name. Use small letters, digits and _" in only_fault(folder)


def test_a_name_without_a_known_quantity_or_without_letters_is_refused(folder: Path) -> None:
    set_parameter(folder, "c_pe", name="cost_pe")
    set_parameter(folder, "c_dvt", name="")
    found = faults(folder)
    assert "(cost_pe): the name begins with cost_, which is no kind of quantity. Use one of p_, u_, du_, r_, hr_" in found[1]
    assert "name is missing. Give the parameter's name." in found[0]


def test_a_name_that_is_there_twice_is_refused(folder: Path) -> None:
    path = folder / "parameters.csv"
    cells = read_cells(path)
    write_cells(path, [*cells, cells[40]])
    assert only_fault(folder).endswith(f"row {len(cells) + 1} ({cells[40][0]}): the name is there twice. Keep one of the rows.")


# Shares of packs ----------------------------------------------------------------------------------------------------------


def test_shares_that_do_not_sum_to_one_are_refused(folder: Path) -> None:
    set_parameter(folder, "p_packs_25mg", value="0.9")
    assert only_fault(folder) == (
        "relapsed/parameters.csv (p_packs_...): the shares of packs by strength sum to 0.9. Make them sum to 1."
    )


@pytest.mark.parametrize(
    ("shares", "problem"),
    [
        (
            {"25mg": ("0.6", "0.1", "beta"), "20mg": ("0.4", "", "fixed")},
            "p_packs_25mg would be drawn without regard to the other shares",
        ),
        ({"25mg": ("0.6", "0.1", "dirichlet"), "20mg": ("0.4", "", "fixed")}, "p_packs_20mg would be drawn without regard"),
        (
            {"25mg": ("0.6", "0.1", "dirichlet"), "20mg": ("0.4", "0.2", "dirichlet")},
            "the standard errors imply total counts from 5 to 23",
        ),
    ],
)
def test_shares_that_could_not_sum_to_one_in_every_draw_are_refused(
    folder: Path, shares: dict[str, tuple[str, str, str]], problem: str
) -> None:
    for strength, (value, se, distribution) in shares.items():
        set_parameter(folder, f"p_packs_{strength}", value=value, se=se, distribution=distribution)
    assert only_fault(folder).startswith(f"relapsed/parameters.csv (p_packs_...): {problem}")


def test_shares_of_another_population_are_checked_too(folder: Path) -> None:
    path = folder / "populations.csv"
    row = ["one_prior", "p_packs_25mg", "probability", "0.5", "", "", "", "fixed", "S1", "assumed", "test"]
    write_cells(path, [*read_cells(path), row])
    assert only_fault(folder).startswith("relapsed/populations.csv, population one_prior (p_packs_...): the shares of packs")


# Populations --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("column", "text", "problem"),
    [
        ("population", "one_priors", "'one_priors' is not a population. Did you mean one_prior?"),
        ("name", "median_os_dexamethason", "'median_os_dexamethason' is not a parameter. Did you mean median_os_dexamethasone?"),
        ("value", "", "value is missing. Give the value."),
        ("value", "1e999", "value is '1e999', not a finite number."),
        ("unit", "", "unit '' is not known here. Valid: days, months, weeks, years."),
        ("unit", "week", "unit 'week' is not known here. Did you mean weeks?"),
        ("high", "15", "has the value 19.5 outside its interval 16.6 to 15."),
        ("status", "", "status '' is not known here."),
        ("source", "", "is unverified but names no source."),
    ],
)
def test_rows_of_populations_that_are_not_run_are_checked_too(folder: Path, column: str, text: str, problem: str) -> None:
    path = folder / "populations.csv"
    set_cell(path, row_of(path, "one_prior", "median_os_dexamethasone"), column, text)
    assert problem in only_fault(folder, population="two_or_more_prior")


def test_a_row_that_is_there_twice_is_refused(folder: Path) -> None:
    path = folder / "populations.csv"
    cells = read_cells(path)
    write_cells(path, [*cells, cells[3]])
    assert only_fault(folder).endswith("the row is there twice. Keep one of the rows.")


@pytest.mark.parametrize(
    ("population", "remedy"),
    [
        ("one_priors", "Did you mean one_prior?"),
        ("", "Valid: one_prior, pooled_trials"),
        (3, "Valid: one_prior"),
        (["one_prior"], "Valid: one_prior"),
    ],
)
def test_a_population_that_is_not_there_is_refused(population: Any, remedy: str) -> None:
    assert only_fault("relapsed", population=population).startswith(
        f"population {population!r}: there is no such population. {remedy}"
    )


# Correlations -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("column", "text", "problem"),
    [
        ("population", "one_priors", "'one_priors' is not a population. Did you mean one_prior?"),
        ("first", "u_progresion_free", "'u_progresion_free' is not a parameter. Did you mean u_progression_free?"),
        ("first", "u_progressed", "a parameter is correlated with itself. Name two parameters."),
        ("first", "p_packs_25mg", "p_packs_25mg is drawn with the other shares of packs alone. Leave the row out."),
        ("rank_correlation", "", "'' is not a correlation. Give a number between -1 and 1, ends excluded."),
        ("rank_correlation", "1", "'1' is not a correlation."),
        ("rank_correlation", "-1.0", "'-1.0' is not a correlation."),
        ("rank_correlation", "nan", "'nan' is not a correlation."),
        ("rank_correlation", "0,5", "'0,5' is not a correlation."),
        ("status", "guess", "'guess' is not a status."),
        ("note", "", "is assumed without a reason."),
    ],
)
def test_a_correlation_that_is_wrong_is_refused(folder: Path, column: str, text: str, problem: str) -> None:
    path = folder / "correlations.csv"
    row = row_of(path, "", "u_progression_free")
    set_cell(path, row, column, text)
    assert only_fault(folder).startswith(f"relapsed/correlations.csv, row {row}: {problem}")


@pytest.mark.parametrize("owner", ["", "one_prior"])
def test_a_pair_that_is_there_twice_is_refused_whichever_way_round(folder: Path, owner: str) -> None:
    path = folder / "correlations.csv"
    write_cells(path, [*read_cells(path), [owner, "u_progressed", "u_progression_free", "0.2", "", "assumed", "test"]])
    assert only_fault(folder).endswith("the pair is there twice. Keep one of the rows.")


@pytest.mark.parametrize("owners", [("", "", ""), ("one_prior",) * 3, ("", "", "one_prior")])
def test_correlations_that_contradict_each_other_are_refused_for_any_population(
    folder: Path, owners: tuple[str, str, str]
) -> None:
    path = folder / "correlations.csv"
    pairs = [("c_pe", "c_dvt", "0.6"), ("c_dvt", "c_rash", "0.6"), ("c_pe", "c_rash", "-0.9")]
    write_cells(
        path, [*read_cells(path), *([owner, *pair, "", "assumed", "test"] for owner, pair in zip(owners, pairs, strict=True))]
    )
    line = only_fault(folder)
    assert "contradict each other: their matrix is not positive definite (smallest eigenvalue -0." in line
    assert all(name in line for name in ("c_pe", "c_dvt", "c_rash"))


def test_fixed_parameters_do_not_take_part_in_correlations(folder: Path) -> None:
    path = folder / "correlations.csv"
    write_cells(path, [*read_cells(path), ["", "c_pe", "c_lenalidomide_25mg_pack", "0.9", "", "assumed", "test"]])
    inputs = load_inputs(folder)
    assert "c_pe" not in sampler(inputs, seed=1).correlated


# Published figures --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("column", "text", "problem"),
    [
        ("population", "pooled", "'pooled' is not a population. Did you mean pooled_trials?"),
        ("strategy", "lenalidomide", "'lenalidomide' is not a strategy. Did you mean lenalidomide_dexamethasone?"),
        ("outcome", "survival", "'survival' is not a outcome. "),
        ("unit", "weeks", "'weeks' is not a unit. Valid: probability."),
        ("value", "82", "82 is out of range. Give a probability from 0 to 1."),
        ("value", "0", "0 is out of range. Give a probability from 0 to 1."),
        ("value", "", "value is missing. Give the value."),
        ("value", "n/a", "value is 'n/a', not a finite number."),
        ("status", "known", "'known' is not a status."),
        ("source", "", "is read but names no source."),
    ],
)
def test_a_published_figure_that_is_wrong_is_refused(folder: Path, column: str, text: str, problem: str) -> None:
    path = folder / "published.csv"
    row = next(i for i, cells in enumerate(read_cells(path), start=1) if "survival_1_year" in cells)
    set_cell(path, row, column, text)
    found = faults(folder)
    assert found[0].startswith(f"relapsed/published.csv, row {row}: {problem}")
    assert len(found) == (2 if text == "survival" else 1)  # the unit goes with the outcome


def test_a_published_time_in_no_unit_of_time_is_refused(folder: Path) -> None:
    set_cell(folder / "published.csv", 2, "unit", "month")
    set_cell(folder / "published.csv", 3, "value", "-2")
    assert faults(folder) == [
        "relapsed/published.csv, row 2: 'month' is not a unit. Did you mean months?",
        "relapsed/published.csv, row 3: -2 is out of range. Give a time above 0.",
    ]


def test_a_published_figure_that_is_there_twice_is_refused(folder: Path) -> None:
    path = folder / "published.csv"
    cells = read_cells(path)
    write_cells(path, [*cells, cells[3]])
    assert only_fault(folder).endswith("the figure is there twice. Keep one of the rows.")


# Life table ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("\n63,0.010552,", "\n63,1.1,", ", row 66: 1.1 or 0.006818 is not a probability of death. Give q(x) from 0 to 1."),
        (
            "\n63,0.010552,",
            "\n63,1,",
            ", row 66: all men die at this age (q is 1), and more ages follow. Give 1 at the last age only",
        ),
        ("\n99,0.369942,0.31991\n", "\n99,0.369942,1\n", ", row 102: all women die at this age (q is 1), and more ages follow."),
        ("\n63,0.010552,", "\n63,-0.1,", ", row 66: -0.1 or 0.006818 is not a probability of death."),
        ("\n63,0.010552,", "\n63,nan,", ", row 66: a cell is not a number."),
        ("\n63,0.010552,", "\n6_3,0.010552,", ", row 66: a cell is not a number."),
        ("\n63,0.010552,", "\n63.5,0.010552,", ": the ages are not 0, 1, 2, ... to 100 or more without gaps."),
        ("\n63,0.010552,0.006818", "", ": the ages are not 0, 1, 2, ... to 100 or more without gaps."),
        ("\n63,0.010552,", "\n# in between\n63,0.010552,", ", row 66: has 1 cells instead of 3."),
        ("age,qx_male", "Age,qx_male", ", row 2: 'Age' is not a column of this file. Did you mean age?"),
    ],
)
def test_a_life_table_that_is_wrong_is_refused(folder: Path, old: str, new: str, problem: str) -> None:
    edit(folder / LIFE_TABLE, old, new)
    assert faults(folder)[0].startswith(f"life_tables/uk_life_table_2017_2019.csv{problem}")


def test_a_life_table_that_ends_too_early_is_refused(folder: Path) -> None:
    path = folder / LIFE_TABLE
    path.write_text("".join(path.read_text(encoding="utf-8").splitlines(keepends=True)[:60]), encoding="utf-8")
    assert "the ages are not 0, 1, 2, ... to 100 or more without gaps" in only_fault(folder)


def test_a_life_table_of_comments_alone_is_refused(folder: Path) -> None:
    (folder / LIFE_TABLE).write_text("# one\n# two\n", encoding="utf-8")
    assert only_fault(folder).startswith("life_tables/uk_life_table_2017_2019.csv, row 3: the names of the columns are missing")


@pytest.mark.parametrize("name", ["uk_life_table_2017.csv", "../relapsed/parameters.csv", "/dev/zero", "", ".", "a\\u0000b"])
def test_a_life_table_that_is_not_among_them_is_refused(folder: Path, name: str) -> None:
    edit(folder / "settings.toml", '"uk_life_table_2017_2019.csv"', f'"{name}"')
    line = only_fault(folder)
    assert line.startswith("relapsed/settings.toml (life_table): ")
    assert "uk_life_table_2017_2019.csv" in line or name == ""


# Settings -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("horizon_years = 30.0", 'horizon_years = "30"', "(horizon_years): '30' is not a number. Write a plain number such as 0.035, without quotation marks."),
        ("horizon_years = 30.0", "horizon_years = true", "(horizon_years): True is not a number. Write a plain number such as 0.035, without quotation marks."),
        ("horizon_years = 30.0", "horizon_years = -1", "(horizon_years): -1 is too small. Give more than 0."),
        ("horizon_years = 30.0", "horizon_years = 0.01", "(horizon_years): 0.01 years are less than a cycle of 28 days. Give 0.08 years or more."),
        ("horizon_years = 30.0", "horizon_years = 1e9", "(horizon_years): 1000000000.0 is too large. Give 100 or less."),
        ("horizon_years = 30.0", "horizon_years = nan", "(horizon_years): nan is not a finite number. Write a plain number such as 0.035."),
        ("horizon_years = 30.0", "", "(horizon_years): is missing. Add it, such as `horizon_years = 30.0 # lifetime: fewer than 1 in 1,000 are alive then (a check reports it)`."),
        ("horizon_years = 30.0", "horizon_years = 30.0\nhorison = 3", "(horison): is not a known setting. Did you mean horizon_years?"),
        ('structure = "state_transition"', 'structure = "markov"', "(structure): 'markov' is not a choice. Valid: partitioned_survival, state_transition."),
        ('structure = "state_transition"', 'structure = "state_transitions"', "(structure): 'state_transitions' is not a choice. Did you mean state_transition?"),
        ('thresholds = "2026"', "thresholds = 2026", '(thresholds): 2026 is neither a preset nor thresholds. Give "2026", "2009", or one to three numbers, each at least 1 above the one before, such as [20000, 80000].'),
        ('population = "two_or_more_prior"', 'population = "two_or_more"', "(populations): the population of the base case, 'two_or_more', is not among them. Did you mean two_or_more_prior?"),
        ('comparator = "dexamethasone"', 'comparator = "dexa"', "(comparator): 'dexa' is not one of the strategies. Valid: dexamethasone, lenalidomide_dexamethasone."),
        ('comparator = "dexamethasone"', 'comparator = ""', "(comparator): is empty. Write some text."),
        ('question = "', 'question = 3 # "', "(question): 3 is not text. Write text in quotation marks."),
        ('["list", "pas"]', '["list", "pass"]', "(price_arrangements): there is no scheme for the price arrangement 'pass'. Did you mean pas?"),
        ('["list", "pas"]', '["list", "list"]', "(price_arrangements): the price arrangement 'list' is listed twice. Keep one of them."),
        ('["list", "pas"]', "[]", "(price_arrangements): has 0 entries. Give 1 or more."),
        ('["list", "pas"]', '"list"', '(price_arrangements): \'list\' is not a list. Write a list such as ["list", "pas"].'),
        ('["list", "pas"]', '["list", 3]', "(price_arrangements no. 2): 3 is not text. Write text in quotation marks."),
        ("[schemes.pas]", "[schemes.list]", "(schemes): `list` is the list price and cannot be a scheme. Give the scheme another name."),
        ("drug_cost_cap_cycles = 26", "drug_cost_cap_cycles = 26.0", "(schemes.pas.drug_cost_cap_cycles): 26.0 is not a whole number. Write a whole number such as 26, without quotation marks or decimal point."),
        ("drug_cost_cap_cycles = 26", "drug_cost_cap_cycles = 0", "(schemes.pas.drug_cost_cap_cycles): 0 is too small. Give 1 or more."),
        ("drug_cost_cap_cycles = 26", f"drug_cost_cap_cycles = {10**30}", f"(schemes.pas.drug_cost_cap_cycles): {10**30} is too large. Give 10000 or less."),
        ("drug_cost_cap_cycles = 26", "free_cycles = 26", "(schemes.pas): a scheme of the kind drug_cost_cap is given free_cycles. Give drug_cost_cap_cycles, and no other terms."),
        ("drug_cost_cap_cycles = 26", "", "(schemes.pas): a scheme of the kind drug_cost_cap is given no terms. Give drug_cost_cap_cycles, and no other terms."),
        ("drug_cost_cap_cycles = 26", "drug_cost_cap = 26", "(schemes.pas.drug_cost_cap): is not a known setting. Did you mean drug_cost_cap_cycles?"),
        ('kind = "drug_cost_cap"', 'kind = "drug_cap"', "(schemes.pas.kind): 'drug_cap' is not a choice. Did you mean drug_cost_cap?"),
        ('name = "dexamethasone"', 'name = "lenalidomide_dexamethasone"', "(strategies): the strategy 'lenalidomide_dexamethasone' is listed twice. Keep one of them."),
        ('label = "Dexamethasone"\ndrugs = ', "drugs = ", "(strategies no. 2, label): is missing. Add it; the settings.toml of the problem `relapsed` shows how."),
        ('drugs = ["dexamethasone"]', 'drugs = ["dexamethason"]', "(strategies no. 2, drugs): strategy dexamethasone has the drug 'dexamethason', which is not there. Did you mean dexamethasone?"),
        ('label = "One prior therapy"', "label = [1]", "(populations.one_prior.label): [1] is not text. Write text in quotation marks."),
    ],
)  # fmt: skip
def test_a_setting_that_is_wrong_is_told_in_plain_words(folder: Path, old: str, new: str, line: str) -> None:
    edit(folder / "settings.toml", old, new)
    assert f"relapsed/settings.toml {line}" in faults(folder)
    assert not any("Input should" in fault or "pydantic" in fault for fault in faults(folder))


def test_all_settings_that_are_wrong_are_told_at_once(folder: Path) -> None:
    path = folder / "settings.toml"
    for old, new in (
        ("horizon_years = 30.0", "horizon_years = 0"),
        ('structure = "state_transition"', 'structure = "markov"'),
        ('comparator = "dexamethasone"', 'comparator = "dexa"'),
        ('["list", "pas"]', '["list", "pass"]'),
        ('population = "two_or_more_prior"', 'population = "two_or_more"'),
        ("drug_cost_cap_cycles = 26", "drug_cost_cap_cycles = 26\nfree_cycle = 2"),
    ):
        edit(path, old, new)
    places = [line.split(": ")[0].removeprefix("relapsed/settings.toml ") for line in faults(folder)]
    assert places == ["(populations)", "(comparator)", "(horizon_years)", "(structure)", "(schemes.pas.free_cycle)"]


def test_every_setting_that_is_missing_is_named(folder: Path) -> None:
    (folder / "settings.toml").write_text("# nothing is set\n", encoding="utf-8")
    found = faults(folder)
    assert all("is missing. Add it" in line for line in found)
    assert len(found) == 22


@pytest.mark.parametrize(
    "contents", ["a = ", "[[[", "a = 1\na = 2", f"a = {'[' * 5_000}", f"a = {'9' * 5_000}", "a = 2020-13-45"]
)
def test_settings_that_are_no_toml_are_one_fault(folder: Path, contents: str) -> None:
    (folder / "settings.toml").write_text(contents, encoding="utf-8")
    assert only_fault(folder).startswith("relapsed/settings.toml: this is not TOML: ")


# Scenarios ----------------------------------------------------------------------------------------------------------------

SCENARIO = 'name = "mine"\nproblem = "relapsed"\nlabel = "Mine"\nwhy = "To see."\n'


@pytest.fixture
def mine(tmp_path: Path) -> Callable[[str], Path]:
    """Write a scenario file of one's own."""

    def write(text: str) -> Path:
        path = tmp_path / "mine.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_a_scenario_of_ones_own_is_read(mine: Callable[[str], Path]) -> None:
    path = mine(f"{SCENARIO}[settings]\nhorizon_years = 10\n[parameters.u_progressed]\nvalue = 0.5\n")
    inputs = load_inputs(scenario=path)
    assert (inputs.scenario.name, inputs.settings.horizon_years, inputs.parameters["u_progressed"].value) == ("mine", 10, 0.5)
    assert inputs.parameters["u_progressed"].se == load_inputs().parameters["u_progressed"].se


def test_a_new_spread_replaces_the_old_one(mine: Callable[[str], Path]) -> None:
    path = mine(f'{SCENARIO}[parameters.median_os_dexamethasone]\ndistribution = "lognormal"\nse = 2\n')
    row = load_inputs(scenario=path).parameters["median_os_dexamethasone"]
    assert (row.value, row.se, row.low, row.high) == (11.6, 2, None, None)
    path = mine(f'{SCENARIO}[parameters.median_os_dexamethasone]\ndistribution = "fixed"\n')
    row = load_inputs(scenario=path).parameters["median_os_dexamethasone"]
    assert (row.value, row.se, row.low, row.high) == (11.6, None, None, None)


@pytest.mark.parametrize("name", ["no_schem", "nosuch", "", "x" * 5_000, "a\0b", 3, ["no_scheme"]])
def test_a_scenario_that_is_not_there_is_refused(name: Any) -> None:
    line = only_fault("relapsed", scenario=name)
    assert ": there is no such scenario. " in line
    assert line.endswith("Did you mean no_scheme?") or name != "no_schem"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("# nothing\n", ["(name): is missing. Say the scenario's name.", "(problem): is missing", "(label): is missing", "(why): is missing"]),
        (SCENARIO.replace("To see.", " "), ["(why): is missing. Say the scenario's why."]),
        (SCENARIO.replace('"Mine"', "3"), ["(label): 3 does not fit. Give text in quotation marks."]),
        (SCENARIO.replace('"mine"', '"yours"'), ["(name): 'yours' is not the name of the file. Write name = \"mine\"."]),
        (SCENARIO.replace('"relapsed"', '"first_line"'), ["(problem): the scenario is of the problem 'first_line'. Choose a scenario of relapsed."]),
        (f"{SCENARIO}lable = 3", ["(lable): is not part of a scenario. Did you mean label?"]),
        (f"{SCENARIO}settings = 3", ["(settings): 3 does not fit. Give a table, headed [settings]."]),
        (f"{SCENARIO}parameters = [1]", ["(parameters): [1] does not fit. Give tables, each headed [parameters.its_name]."]),
        (f"{SCENARIO}populations = 'one_prior'", ["(populations): 'one_prior' does not fit. Give a list of names"]),
        (f"{SCENARIO}populations = []", ["(populations): names no population. Leave it out if the scenario holds for all."]),
        (f"{SCENARIO}populations = ['two_or_more_prior', 'one_priors']", ["(populations): 'one_priors' is not a population. Did you mean one_prior?"]),
        (f"{SCENARIO}populations = ['two_or_more_prior', ['one_prior'], 3, {{}}]", ["(populations): ['one_prior'] is not a population", "(populations): 3 is not", "(populations): {} is not"]),
        (f"{SCENARIO}[settings]\nhorizon = 3", ["(settings.horizon): is not a known setting. Did you mean horizon_years?"]),
        (f"{SCENARIO}[settings]\nhorizon_years = '3'", ["(settings.horizon_years): '3' is not a number."]),
        (f"{SCENARIO}[settings]\npopulation = 'one_prior'", ["(settings.population): says which inputs are read and cannot be changed here."]),
        (f"{SCENARIO}[settings.schemes.pas]\nkind = 'free_start'", ["(settings.schemes.pas.drug): is missing", "(settings.schemes.pas.label): is missing"]),
        (f"{SCENARIO}[settings]\nprice_arrangements = ['pass']", ["(settings.price_arrangements): there is no scheme for the price arrangement 'pass'. Did you mean pas?"]),
        (f"{SCENARIO}[settings]\nlife_table = 'other.csv'", ["(life_table): there is no life table 'other.csv'."]),
        (f"{SCENARIO}[parameters]\nu_progressed = 0.5", ["(parameters.u_progressed): 0.5 is not a table. Write the columns to change, such as value = 0.67."]),
        (f"{SCENARIO}[parameters.u_progresed]\nvalue = 0.5", ["(parameters.u_progresed): there is no such parameter. Did you mean u_progressed?"]),
        (f"{SCENARIO}[parameters.u_progressed]\nvalue = '0.5'", ["(parameters.u_progressed.value): '0.5' is not a finite number. Write a plain number such as 0.67."]),
        (f"{SCENARIO}[parameters.u_progressed]\nvalue = true", ["(parameters.u_progressed.value): True is not a finite number."]),
        (f"{SCENARIO}[parameters.u_progressed]\nvalue = nan", ["(parameters.u_progressed.value): nan is not a finite number."]),
        (f"{SCENARIO}[parameters.u_progressed]\nvalue = inf", ["(parameters.u_progressed.value): inf is not a finite number."]),
        (f"{SCENARIO}[parameters.u_progressed]\nvalue = {10**400}", ["(parameters.u_progressed.value): 1000000"]),
        (f"{SCENARIO}[parameters.u_progressed]\nvalue = 0x{'f' * 9_000}", ["(parameters.u_progressed.value): a number with thousands of digits is not a finite"]),
        (f"{SCENARIO}[parameters.u_progressed]\nvalue = {{a = [1, {{b = 2}}]}}", ["(parameters.u_progressed.value): {'a': [1, {'b': 2}]} is not a finite number."]),
        (f"{SCENARIO}[parameters.u_progressed]\nvalue = 2020-01-01", ["(parameters.u_progressed.value): datetime.date(2020, 1, 1) is not a finite number."]),
        (f"{SCENARIO}[parameters.u_progressed]\nvalue = 1.4", ["(parameters.u_progressed): value 1.4 is not a utility. Utilities are at most 1"]),
        (f"{SCENARIO}[parameters.u_progressed]\nlabel = 'x'", ["(parameters.u_progressed.label): is not a column that a scenario can change."]),
        (f"{SCENARIO}[parameters.u_progressed]\nunit = 3", ["(parameters.u_progressed.unit): 3 is not text. Put it in quotation marks."]),
        (f"{SCENARIO}[parameters.u_progressed]\nstatus = 'guess'", ["(parameters.u_progressed): status 'guess' is not known here."]),
        (f"{SCENARIO}[parameters.u_progressed]\nsource = ''", ["(parameters.u_progressed): is unverified but names no source."]),
        (f"{SCENARIO}[parameters.median_os_dexamethasone]\nvalue = 12\nse = 2", ["(parameters.median_os_dexamethasone): is lognormal_median, which takes low and high and no se."]),
        (f"{SCENARIO}[parameters.median_os_dexamethasone]\nunit = 'weeks'", ["(parameters.median_os_dexamethasone): the unit changes from months but not all the numbers. Give value and se, or low and high, too."]),
        (f"{SCENARIO}[parameters.median_os_dexamethasone]\nunit = 'weeks'\nvalue = 12", ["(parameters.median_os_dexamethasone): the unit changes from months"]),
        (f"{SCENARIO}[parameters.p_packs_25mg]\nvalue = 0.9", [" (p_packs_...): the shares of packs by strength sum to 0.9. Make them sum to 1."]),
        (
            f"{SCENARIO}odd = 1\n[settings]\nhorizon_years = -3\n[parameters.u_progressed]\nvalue = 2\n[parameters.x]\n",
            ["(odd): is not part", "(settings.horizon_years): -3 is too small", "(parameters.u_progressed): value 2 is not", "(parameters.x): there is no such"],
        ),
    ],
)  # fmt: skip
def test_a_scenario_that_is_wrong_is_refused_with_all_its_faults(
    mine: Callable[[str], Path], text: str, found: list[str]
) -> None:
    lines = faults("relapsed", scenario=mine(text))
    assert len(lines) == len(found), lines
    for line, problem in zip(lines, found, strict=True):
        assert problem in line


@pytest.mark.parametrize("text", ["", "a = ", f"a = {'[' * 5_000}", "\0"])
def test_a_scenario_file_that_is_no_toml_is_one_fault(mine: Callable[[str], Path], text: str) -> None:
    assert "/mine.toml: " in only_fault("relapsed", scenario=mine(text))


def test_a_scenario_for_another_population_says_so_and_no_more(mine: Callable[[str], Path]) -> None:
    path = mine(f"{SCENARIO}populations = ['one_prior']\n[parameters.u_progressed]\nvalue = 0.5\n")
    assert load_inputs(population="one_prior", scenario=path).parameters["u_progressed"].value == 0.5
    assert "its numbers hold for one_prior only, not for two_or_more_prior. Choose" in only_fault("relapsed", scenario=path)


def test_correlations_that_contradict_each_other_only_in_a_scenario_are_refused(
    folder: Path, mine: Callable[[str], Path]
) -> None:
    path = folder / "correlations.csv"
    pairs = [("c_pe", "c_dvt", "0.9"), ("c_dvt", "c_lenalidomide_25mg_pack", "0.9"), ("c_pe", "c_lenalidomide_25mg_pack", "-0.9")]
    write_cells(path, [*read_cells(path), *(["", *pair, "", "assumed", "test"] for pair in pairs)])
    load_inputs(folder)  # the price is fixed
    scenario = mine(f'{SCENARIO}[parameters.c_lenalidomide_25mg_pack]\nse = 100\ndistribution = "gamma"\n')
    assert "their matrix is not positive definite" in only_fault(folder, scenario=scenario)


def test_every_scenario_of_the_folder_is_listed_for_its_problem() -> None:
    files = {p.stem: tomllib.loads(p.read_text(encoding="utf-8"))["problem"] for p in data_folder("scenarios").glob("*.toml")}
    for problem in problem_names():
        assert scenario_names(problem) == sorted(name for name, of in files.items() if of == problem)
    assert scenario_names("no_such_problem") == []


def test_every_problem_of_the_package_is_listed_with_its_title_and_the_first_one_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = problem_titles()
    assert next(iter(found)) == "relapsed" and sorted(found) == problem_names()
    assert found["one_prior"] == load_inputs("one_prior").settings.title == "After one prior therapy (NICE TA171, TA129)"
    assert len(set(found.values())) == len(found)
    shutil.copytree(data_folder("inputs"), tmp_path / "inputs")
    text = (tmp_path / "inputs" / "one_prior" / "settings.toml").read_text(encoding="utf-8")
    untitled = re.sub(r"^title = .*\n", "", text, flags=re.MULTILINE)
    (tmp_path / "inputs" / "one_prior" / "settings.toml").write_text(untitled, encoding="utf-8")
    monkeypatch.setattr("hemodel.evidence.folder.data_folder", lambda name: tmp_path / name)
    assert problem_titles()["one_prior"] == "One prior"


def test_a_title_is_no_part_of_the_hash_of_the_inputs() -> None:
    inputs = load_inputs("one_prior")
    assert inputs.with_settings(title="Another").hash == inputs.hash


def test_a_scenario_with_a_misspelt_problem_is_listed_so_that_it_is_met_and_mended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(data_folder("inputs"), tmp_path / "inputs")
    shutil.copytree(data_folder("inputs") / "relapsed", tmp_path / "inputs" / "first_line", dirs_exist_ok=True)
    (tmp_path / "scenarios").mkdir()
    for name, problem in (("mine", "relapsed"), ("misspelt", "relapsd"), ("foreign", "first_line")):
        (tmp_path / "scenarios" / f"{name}.toml").write_text(
            SCENARIO.replace("mine", name).replace("relapsed", problem), encoding="utf-8"
        )
    (tmp_path / "scenarios" / "unreadable.toml").write_text("a = ", encoding="utf-8")
    monkeypatch.setattr("hemodel.evidence.folder.data_folder", lambda name: tmp_path / name)
    assert scenario_names("relapsed") == ["mine", "misspelt", "unreadable"]
    assert "the scenario is of the problem 'relapsd'" in only_fault("relapsed", scenario="misspelt")


# Changes in the program ---------------------------------------------------------------------------------------------------


BASE = load_inputs()


def refused(change: Callable[[], object]) -> list[str]:
    with pytest.raises(InputError) as caught:
        change()
    return str(caught.value).splitlines()


@pytest.mark.parametrize("value", ["0.5", None, True, np.nan, np.inf, -np.inf, [0.5], {}, 1j, 10**400, np.array([0.5]), object()])
def test_a_value_that_is_no_finite_number_is_refused(value: Any) -> None:
    (line,) = refused(lambda: BASE.with_values(u_progressed=value))
    assert line.startswith("changed value of u_progressed: ")
    assert line.endswith(" is not a finite number. Give a plain number such as 0.67.")


def test_all_values_that_cannot_be_set_are_told_at_once() -> None:
    changes = {
        "u_progresed": 0.5,
        "u_progressed": 1.4,
        "c_pe": -1,
        "shape_pfs": 0,
        "median_os_dexamethasone": 1e308,
        "self": 1,
        "p_packs_5mg": 0.5,
    }
    found = refused(lambda: BASE.with_values(**changes))
    assert found[:4] == [
        "changed value of u_progresed: there is no such parameter. Did you mean u_progressed?",
        "changed value of u_progressed: value 1.4 is not a utility. Utilities are at most 1 (full health). Give a value from -1 to 1.",
        "changed value of c_pe: value -1 is not a cost. Costs are not negative. Give a value from 0.",
        "changed value of shape_pfs: value 0 is not a shape. Shapes of curves are above 0. Give a value above 0.",
    ]
    assert found[-1] == "changed values (p_packs_...): the shares of packs by strength sum to 1.5. Make them sum to 1."


@pytest.mark.parametrize("value", [0.5, np.float64(0.5), np.float32(0.5)])
def test_a_value_may_be_any_real_number_and_leaves_the_inputs_alone(value: float) -> None:
    changed = BASE.with_values(u_progressed=value)
    assert (changed.parameters["u_progressed"].value, BASE.parameters["u_progressed"].value) == (0.5, 0.64)
    assert type(changed.parameters["u_progressed"].value) is float
    assert changed.changed == ("u_progressed",)
    assert changed.hash != BASE.hash


def test_an_interval_moves_with_its_value_and_a_standard_error_stays() -> None:
    changed = BASE.with_values(median_os_dexamethasone=23.2, c_pe=1_200).parameters
    assert (changed["median_os_dexamethasone"].low, changed["median_os_dexamethasone"].high) == (19.0, 28.4)
    assert (changed["c_pe"].value, changed["c_pe"].se) == (1_200, 1_200)


@given(
    name=st.sampled_from(sorted(BASE.parameters)),
    value=st.one_of(st.floats(), st.integers(), st.booleans(), st.text(), st.none()),
)
@settings(max_examples=200, deadline=None, derandomize=True)
def test_any_value_is_set_or_refused(name: str, value: Any) -> None:
    try:
        changed = BASE.with_values(**{name: value})
    except InputError:
        return
    draws = sampler(changed, seed=1, names=[name]).block(0, 3)[name]
    assert changed.parameters[name].value == value
    assert np.isfinite(draws).all()


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"horizon": 3}, "changed settings (horizon): is not a known setting. Did you mean horizon_years?"),
        ({"horizon_years": "30"}, "changed settings (horizon_years): '30' is not a number. Write a plain number such as 0.035, without quotation marks."),
        ({"horizon_years": None}, "changed settings (horizon_years): None is not a number. Write a plain number such as 0.035, without quotation marks."),
        ({"horizon_years": float("nan")}, "changed settings (horizon_years): nan is not a finite number. Write a plain number such as 0.035."),
        ({"price_arrangements": ["pass"]}, "changed settings (price_arrangements): there is no scheme for the price arrangement 'pass'. Did you mean pas?"),
        ({"schemes": {3: 4}}, "changed settings (schemes no. 4, [key]): 3 is not text. Write text in quotation marks."),
        ({"strategies": object}, "changed settings (strategies): <class 'object'> is not a list. Write a list such as [\"list\", \"pas\"]."),
        ({"life_table": "x.csv"}, "changed settings (life_table): says which inputs are read and cannot be changed here. Leave it to settings.toml and to load_inputs(problem, population=..., scenario=...)."),
        ({"population": "one_prior"}, "changed settings (population): says which inputs are read and cannot be changed here. Leave it to settings.toml and to load_inputs(problem, population=..., scenario=...)."),
        ({"self": 3}, "changed settings (self): is not a known setting."),
    ],
)  # fmt: skip
def test_a_setting_that_cannot_be_set_is_refused(changes: dict[str, Any], line: str) -> None:
    assert refused(lambda: BASE.with_settings(**changes))[0].startswith(line)


def test_a_setting_is_set_and_leaves_the_inputs_alone() -> None:
    changed = BASE.with_settings(horizon_years=10, structure="partitioned_survival")
    assert (changed.settings.horizon_years, changed.settings.n_cycles, BASE.settings.horizon_years) == (10, 130, 30)
    assert changed.changed == ("horizon_years", "structure")


# Whatever happens to a file -----------------------------------------------------------------------------------------------

COPIES, SCENARIO_COPIES, DATA_COPIES, CURVE_COPIES, WORKBOOK_COPIES = 150, 16, 150, 150, 90
"""How many spoiled copies are made: of each file of a problem, each scenario, survival data, a curve with its table, a live workbook."""
RUN_EVERY = 5  # of the scenarios that are read, one in so many is run; of other files, which hardly ever are, each


@pytest.mark.parametrize("name", [*FILES, LIFE_TABLE, "scenario"])
def test_whatever_happens_to_a_file_it_is_read_and_run_or_refused(folder: Path, tmp_path: Path, name: str) -> None:
    luck = random.Random(f"{name} 171")
    files = [folder / name] * COPIES
    if name == "scenario":
        shutil.copytree(data_folder("scenarios"), tmp_path / "scenarios")
        files = sorted((tmp_path / "scenarios").glob("*.toml")) * SCENARIO_COPIES
    outcomes = {"read": 0, "refused": 0, "run": 0}
    for path in files:
        raw = path.read_bytes()
        path.write_bytes(spoiled(raw, luck))
        try:
            found = load_inputs(folder, scenario=path if name == "scenario" else "dose_reductions")
        except InputError as error:
            outcomes["refused"] += 1
            refused_in_words(error)
        else:
            outcomes["read"] += 1
            assert len(found.hash) == 64
            assert all(np.isfinite(values).all() for values in sampler(found, seed=1).block(0, 2).values())
            if name != "scenario" or outcomes["read"] % RUN_EVERY == 0:
                outcomes["run"] += 1
                runs_to_numbers_or_is_refused(found)
        path.write_bytes(raw)
    assert outcomes["refused"] > 10, outcomes
    assert outcomes["run"] >= 3, outcomes


SURVIVAL = Path(__file__).parent.parent / "published" / "gbsg2.csv"


def fits_or_is_refused(times: np.ndarray, events: np.ndarray) -> None:
    try:
        found = run_fits(times, events, ("exponential", "weibull"))
    except InputError as error:
        refused_in_words(error)
    else:
        assert all(np.isfinite(one.aic) for one in found.fits)


def test_whatever_happens_to_survival_data_they_are_fitted_or_refused(tmp_path: Path) -> None:
    """People of a published study: the first sixty, so that an accident meets one of them."""
    luck, path = random.Random("survival 171"), tmp_path / "mine.csv"
    raw = b"\n".join(SURVIVAL.read_bytes().split(b"\n")[:62])
    outcomes = {"read": 0, "refused": 0}
    for _ in range(DATA_COPIES):
        path.write_bytes(spoiled(raw, luck))
        try:
            times, events = read_times(path)
        except InputError as error:
            outcomes["refused"] += 1
            refused_in_words(error)
        else:
            outcomes["read"] += 1
            fits_or_is_refused(times, events)
    assert min(outcomes.values()) > 10, outcomes


def test_whatever_happens_to_a_curve_and_its_table_people_are_rebuilt_or_it_is_refused(tmp_path: Path) -> None:
    luck, curve, risk = random.Random("curve 171"), tmp_path / "curve.csv", tmp_path / "risk.csv"
    points = [f"{t / 2},{0.5 ** (t / 20):.4f}" for t in range(61)]
    whole = {
        curve: ("time,survival\n" + "\n".join(points)).encode(),
        risk: b"time,at_risk\n0,200\n10,100\n20,48\n",
    }
    outcomes = {"read": 0, "refused": 0}
    for i in range(CURVE_COPIES):
        spoilt = (curve, risk)[i % 2]
        for path, raw in whole.items():
            path.write_bytes(spoiled(raw, luck) if path is spoilt else raw)
        try:
            people = reconstruct(*read_curve(curve), *read_risk_table(risk))
        except InputError as error:
            outcomes["refused"] += 1
            refused_in_words(error)
        else:
            outcomes["read"] += 1
            assert np.isfinite(people.times).all()
            assert len(people.times) == len(people.events)
            if outcomes["read"] % RUN_EVERY == 0:
                fits_or_is_refused(people.times, people.events)
    assert min(outcomes.values()) > 10, outcomes


@pytest.fixture(scope="module")
def exported() -> tuple[Inputs, bytes]:
    found = load_inputs("relapsed", scenario="horizon_10_years")
    return found, live_workbook(found)


def repacked(members: Mapping[str, bytes]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, raw in members.items():
            archive.writestr(name, raw)
    return content.getvalue()


def test_whatever_happens_to_an_edited_workbook_it_is_read_or_refused(exported: tuple[Inputs, bytes]) -> None:
    """Bytes of the archive, text of its parts, parts that are missing, and archives within archives."""
    luck, (inputs, whole) = random.Random("workbook 171"), exported
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    edited, _ = read_uploaded(whole, inputs)
    assert edited.changed == inputs.changed
    known = [name for name in members if name.endswith((".xml", ".rels"))]
    few = [name for name in known if "/worksheets/" not in name] + [find_inputs(members)] * 8
    outcomes = {"read": 0, "refused": 0}
    for i in range(WORKBOOK_COPIES):
        name = luck.choice(few)
        match i % 6:
            case 0:  # the bytes of the file itself
                content = spoiled(whole, luck)
            case 1:
                content = repacked({key: raw for key, raw in members.items() if key != name})
            case 2:  # an archive within the archive: in place of a part, beside the parts, around them
                inner = repacked({name: members[name]})
                content = luck.choice(
                    [
                        repacked({**members, name: inner}),
                        repacked({**members, "xl/more.zip": inner}),
                        repacked({"book.xlsx": whole}),
                    ]
                )
            case _:
                content = repacked({**members, name: spoiled(members[name], luck)})
        try:
            found, _ = read_uploaded(content, inputs)
            if i % 12 == 0:
                saved_values(content)
        except InputError as error:
            outcomes["refused"] += 1
            refused_in_words(error)
        else:
            outcomes["read"] += 1
            runs_to_numbers_or_is_refused(found)
    assert min(outcomes.values()) > 10, outcomes


def find_inputs(members: Mapping[str, bytes]) -> str:
    """The part of the workbook that holds its sheet Inputs."""
    link = re.search(rb'<sheet [^>]*name="Inputs"[^>]*r:id="(\w+)"', members["xl/workbook.xml"])[1]  # type: ignore[index]
    target = re.search(rb'Id="' + link + rb'"[^>]*Target="([^"]+)"', members["xl/_rels/workbook.xml.rels"])
    assert target
    return f"xl/{target[1].decode().removeprefix('/xl/')}"
