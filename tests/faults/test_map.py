"""docs/faults.md: every number is a row or open, every row has tests, and they are where it says."""

from __future__ import annotations

import ast
import fnmatch
import re
from functools import cache
from pathlib import Path

TESTS = Path(__file__).parent.parent
TEXT = (TESTS.parent / "docs" / "faults.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| *(\d+) \|[^|]*\|[^|]*\|([^|]*)\|$", TEXT, re.MULTILINE)
(OPEN,) = re.findall(r"^Open, in one line each:\n\n((?:\* .*\n)+)", TEXT, re.MULTILINE)
LAST = 75


def place(file: str) -> Path:
    """Of a file as the table names it."""
    return next((path for path in (TESTS / "faults" / file, TESTS / file) if path.is_file()), TESTS / file)


@cache
def functions(file: Path) -> frozenset[str]:
    nodes = ast.walk(ast.parse(file.read_text(encoding="utf-8")))
    names = (node.name for node in nodes if isinstance(node, ast.FunctionDef))
    return frozenset(name for name in names if name.startswith("test_"))


def test_every_test_named_is_there() -> None:
    named = [(row, *name.strip().split("::")) for row, names in ROWS for name in names.split(",")]
    lost = [f"{row}: {file}::{test}" for row, file, test in named if not fnmatch.filter(functions(place(file)), test)]
    assert named and lost == []


def test_every_number_is_a_row_or_open_and_not_both() -> None:
    numbers = [int(row) for row, _ in ROWS] + [int(number) for number in re.findall(r"(?:^\* |, )(\d+) ", OPEN, re.M)]
    assert sorted(numbers) == [*range(1, LAST + 1)]


def test_tests_are_named_after_rows_that_there_are() -> None:
    """`test_27_...` and `test_29_and_37_...` of this folder, each in a file that its rows name."""
    files = {row: {name.strip().partition("::")[0] for name in names.split(",")} for row, names in ROWS}
    lost = []
    for file in sorted(TESTS.glob("faults/test_*.py")):
        numbered = [(name, re.match(r"test_(\d+(?:_and_\d+)*)_", name)) for name in functions(file)]
        rows = [(name, row) for name, match in numbered if match for row in match[1].split("_and_")]
        lost += [f"{file.name}::{name}" for name, row in rows if file.name not in files.get(row, set())]
    assert lost == []
