"""docs/faults.md: every number is a row or open, every row has tests, and they are where it says."""

from __future__ import annotations

import ast
import re
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).parent.parent
TEXT = (TESTS.parent / "docs" / "faults.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| *(\d+) \|[^|]*\|[^|]*\|([^|]*)\|$", TEXT, re.MULTILINE)
(OPEN,) = re.findall(r"^Open, in one line each:\n\n((?:\* .*\n)+)", TEXT, re.MULTILINE)
LAST = 75


def place(file: str) -> Path:
    """Of a file as the table names it."""
    return next((path for path in (TESTS / "faults" / file, TESTS / file) if path.is_file()), TESTS / file)


@cache
def functions(file: Path) -> set[str]:
    return {node.name for node in ast.walk(ast.parse(file.read_text("utf-8"))) if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize(("row", "names"), ROWS, ids=[row for row, _ in ROWS])
def test_every_test_named_is_there(row: str, names: str) -> None:
    for name in names.split(","):
        file, _, pattern = name.strip().partition("::")
        assert pattern.startswith("test_"), f"row {row}: {name.strip()}"
        found = [function for function in functions(place(file)) if fnmatchcase(function, pattern)]
        assert found, f"row {row}: no test {name.strip()}"


def test_every_number_is_a_row_or_open_and_not_both() -> None:
    numbers = [int(row) for row, _ in ROWS] + [int(number) for number in re.findall(r"(?:^\* |, )(\d+) ", OPEN, re.M)]
    assert sorted(numbers) == [*range(1, LAST + 1)]


def test_tests_are_named_after_rows_that_there_are() -> None:
    """`test_27_...` and `test_29_and_37_...` of this folder, each in a file that its rows name."""
    files = {row: {name.strip().partition("::")[0] for name in names.split(",")} for row, names in ROWS}
    for file in sorted(TESTS.glob("faults/test_*.py")):
        for name in functions(file):
            for row in re.findall(r"\d+", (re.match(r"test_(\d+(?:_and_\d+)*)_", name) or [""])[0]):
                assert file.name in files.get(row, set()), f"{file.name}::{name}: no row {row} names it"
