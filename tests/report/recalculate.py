"""Two programs that are not Excel and not hemodel work a workbook out anew: formualizer in this process, LibreOffice on the disk."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from hemodel.evidence.uploaded import saved_values
from hemodel.report.live.cells import TOLERANCE, Cell, Program

LIBREOFFICE = shutil.which("soffice") or shutil.which("libreoffice")
ALWAYS_RECALCULATE = """<?xml version="1.0" encoding="UTF-8"?>
<oor:items xmlns:oor="http://openoffice.org/2001/registry" xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
<item oor:path="/org.openoffice.Office.Calc/Formula/Load"><prop oor:name="OOXMLRecalcMode" oor:op="fuse"><value>0</value></prop></item>
</oor:items>
"""


Place = tuple[str, int, int]


def place(cell: Cell) -> Place:
    """Sheet, row and column."""
    return cell.sheet, cell.row, cell.column


def by_formualizer(content: bytes, formulas: Iterable[Cell], changes: Iterable[Cell] = ()) -> dict[Place, object]:
    """Place -> value of every formula, after the cells in `changes` were given their values."""
    import formualizer

    book = formualizer.Workbook.from_bytes(content)
    for cell in changes:
        book.set_value(cell.sheet, cell.row + 1, cell.column + 1, cell.value)
    book.evaluate_all()
    return {place(cell): book.get_value(cell.sheet, cell.row + 1, cell.column + 1) for cell in formulas}


def by_libreoffice(
    workbooks: Mapping[str, bytes], folder: Path, *, profile: str = ALWAYS_RECALCULATE
) -> dict[str, dict[Place, object]]:
    """Name -> place -> value of every cell, all workbooks in one go, with a profile of its own that forces recalculation."""
    user = folder / "profile" / "user"
    user.mkdir(parents=True)
    if profile:
        (user / "registrymodifications.xcu").write_text(profile, encoding="utf-8")
    given, made = folder / "given", folder / "made"
    given.mkdir()
    for name, content in workbooks.items():
        (given / f"{name}.xlsx").write_bytes(content)
    command = [str(LIBREOFFICE), f"-env:UserInstallation=file://{folder / 'profile'}", "--headless", "--norestore"]
    files = [str(given / f"{name}.xlsx") for name in workbooks]
    done = subprocess.run(
        [*command, "--convert-to", "xlsx", "--outdir", str(made), *files], capture_output=True, text=True, check=False
    )
    assert all((made / f"{name}.xlsx").is_file() for name in workbooks), done.stderr
    found = {}
    for name in workbooks:
        saved = saved_values((made / f"{name}.xlsx").read_bytes())
        found[name] = {(sheet, *at): value for sheet, cells in saved.items() for at, value in cells.items()}
    return found


def poisoned(program: Program) -> Program:
    """The same workbook with a wrong value stored beside every formula: who does not recalculate is found out."""

    def spoilt(cell: Cell) -> Cell:
        return replace(cell, value=cell.value + 999 if isinstance(cell.value, float) else "poison") if cell.formula else cell

    return replace(
        program, sheets=tuple(replace(sheet, cells=[spoilt(cell) for cell in sheet.cells]) for sheet in program.sheets)
    )


def disagreements(formulas: Sequence[Cell], found: Mapping[Place, object]) -> list[tuple[str, object, object]]:
    """Place, engine's value and recalculated value of every formula that is more than 1e-9 away."""
    return [(c.place, c.value, found.get(place(c))) for c in formulas if c.distance(found.get(place(c))) > TOLERANCE]
