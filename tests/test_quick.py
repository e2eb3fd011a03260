"""`make check` leaves out what is marked slow, and still tests something of every folder of the package."""

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
SLOW = re.compile(r"^pytestmark = .*pytest\.mark\.slow", re.MULTILINE)  # of a whole file


def without_quick_tests(folders: list[str], tests: Path) -> list[str]:
    """The folders of which every file of tests is slow."""
    files = {
        folder: [path.read_text(encoding="utf-8") for path in (tests / folder).rglob("test_*.py")] for folder in folders
    }
    return [folder for folder, texts in files.items() if all(SLOW.search(text) for text in texts)]


def test_every_folder_keeps_quick_tests() -> None:
    package = TESTS.parent / "src" / "showface"
    folders = [path.parent.name for path in package.glob("*/__init__.py")]
    assert folders and without_quick_tests(folders, TESTS) == []


@pytest.mark.parametrize("mark", ["pytest.mark.slow  # why", '[pytest.mark.usefixtures("x"), pytest.mark.slow]'])
def test_a_folder_of_slow_files_is_found(tmp_path: Path, mark: str) -> None:
    for folder in ("slow", "quick"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "test_one.py").write_text(f"pytestmark = {mark}\n")
    (tmp_path / "quick" / "test_two.py").write_text("@pytest.mark.slow\ndef test_it(): ...\n")
    assert without_quick_tests(["slow", "quick", "nothing"], tmp_path) == ["slow", "nothing"]
