"""docs/paper_map.md names code and tests that exist, and forgets no equation, box or loss."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCE, TESTS = ROOT / "src" / "showface", ROOT / "tests"
LINES = (ROOT / "docs" / "paper_map.md").read_text(encoding="utf-8").splitlines()
ROWS = [[cell.strip() for cell in line.strip("|").split("|")] for line in LINES if "::" in line]


def names_in(file: Path) -> set[str]:
    """Functions and classes of a file, methods as `Class.method`."""
    found = set()
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            found.add(node.name)
        if isinstance(node, ast.ClassDef):
            found |= {f"{node.name}.{inner.name}" for inner in node.body if isinstance(inner, ast.FunctionDef)}
    return found


def missing(root: Path, place: str) -> bool:
    """Whether "file.py::name" is not below `root`."""
    file, name = place.split("::")
    return not (root / file).is_file() or name not in names_in(root / file)


def test_code_and_test_of_every_row_exist() -> None:
    assert ROWS and [code for _, code, _ in ROWS if missing(SOURCE, code)] == []
    assert [test for *_, test in ROWS if missing(TESTS, test)] == []


def test_what_is_missing_is_noticed() -> None:
    assert missing(SOURCE, "no/such_file.py::composite") and missing(SOURCE, "masks.py::no_such_name")
    assert not missing(SOURCE, "masks.py::composite")


def test_no_equation_is_forgotten() -> None:
    named = set()
    for row in ROWS:
        named |= {int(number) for number in re.findall(r"^Eq\. (\d),", row[0])}
    assert named == set(range(1, 9))


@pytest.mark.parametrize("folder", ["networks", "losses", "metrics"])
def test_no_box_loss_or_metric_is_forgotten(folder: str) -> None:
    files = {f"{folder}/{path.name}" for path in (SOURCE / folder).glob("*.py")} - {f"{folder}/__init__.py"}
    no_box = {"networks/profiles.py"}
    assert files - no_box <= {row[1].split("::")[0] for row in ROWS}


def equations_in(text: str) -> set[int]:
    """The numbers in "Eq. 1", "Eq. 1-3", "Eq. 1, 4, 5", "equations 6-8"."""
    numbers = set()
    for match in re.finditer(r"(?:Eq\.|[Ee]quations?) (\d(?:(?:-|, )\d)*)", text):
        for first, last in re.findall(r"(\d)(?:-(\d))?", match[1]):
            numbers |= set(range(int(first), int(last or first) + 1))
    return numbers


def test_equations_are_found_however_they_are_written() -> None:
    assert equations_in("Eq. 1, 4, 5. Or equations 6-8, and Equation 3:") == {1, 3, 4, 5, 6, 7, 8}


def test_docstrings_name_their_equation() -> None:
    """Whoever reads the code finds the way back to the paper."""
    for text, code, _ in ROWS:
        if not (match := re.match(r"Eq\. (\d),", text)):
            continue
        file, name = code.split("::")
        tree = ast.parse((SOURCE / file).read_text(encoding="utf-8"))
        node = next(n for n in tree.body if isinstance(n, (ast.FunctionDef, ast.ClassDef)) and n.name == name)
        own, module = (equations_in(ast.get_docstring(n) or "") for n in (node, tree))
        assert int(match[1]) in own | (module if match[1] == "8" else set()), text
