"""The table in README.md: every row of the list of faults has tests, and they are where it says."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROWS = re.findall(r"^\| *(\d+) \|[^|]*\|([^|]*)\|$", (HERE / "README.md").read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize(("row", "names"), ROWS, ids=[row for row, _ in ROWS])
def test_every_test_named_is_there(row: str, names: str) -> None:
    for name in names.split(","):
        file, _, function = name.strip().partition("::")
        tree = ast.parse((HERE.parent / file).read_text(encoding="utf-8"))
        assert function.startswith("test_") and function in {
            node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)
        }, f"row {row}: {name.strip()}"


def test_no_row_is_missing_or_there_twice() -> None:
    rows = [int(row) for row, _ in ROWS]
    assert sorted(rows) == sorted(set(rows)) and {*range(1, 27), 38, 39} <= set(rows)
