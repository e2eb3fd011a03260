"""The table in README.md: every row of the list of faults has tests, and they are where it says."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

HERE = Path(__file__).parent
ROWS = re.findall(r"^\| *(\d+) \|[^|]*\|([^|]*)\|$", (HERE / "README.md").read_text(encoding="utf-8"), re.MULTILINE)


def test_every_test_named_is_there() -> None:
    named = [(row, *name.strip().split("::")) for row, names in ROWS for name in names.split(",")]
    assert named and [entry for entry in named if entry[2] not in functions_of(HERE.parent / entry[1])] == []


@cache
def functions_of(file: Path) -> frozenset[str]:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    names = (node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))
    return frozenset(name for name in names if name.startswith("test_"))


def test_no_row_is_missing_or_there_twice() -> None:
    rows = [int(row) for row, _ in ROWS]
    assert sorted(rows) == sorted(set(rows)) and {*range(1, 27), 38, 39} <= set(rows)
