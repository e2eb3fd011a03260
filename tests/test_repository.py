"""What git tracks stays small, for every clone carries it: no file of a megabyte but released weights."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LIMIT = 1_000_000  # bytes
WEIGHTS = ("src/showface/release/", ".safetensors")  # in this folder, with this suffix

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="no git")


def git(folder: Path, *words: str) -> str:
    return subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, check=True).stdout


def too_large(folder: Path) -> list[str]:
    """Tracked files above the limit that are no released weights; deleted ones count as gone."""
    names = [name for name in git(folder, "ls-files", "-z").split("\0") if name and (folder / name).is_file()]
    big = [name for name in names if (folder / name).stat().st_size > LIMIT]
    return [name for name in big if not (name.startswith(WEIGHTS[0]) and name.endswith(WEIGHTS[1]))]


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="not a clone")
def test_nothing_large_is_tracked() -> None:
    assert too_large(ROOT) == []


def test_a_large_file_is_found(tmp_path: Path) -> None:
    release = tmp_path / WEIGHTS[0]
    release.mkdir(parents=True)
    for file in (tmp_path / "faces.npz", release / "sheet.png", release / "model.safetensors", tmp_path / "untracked"):
        file.write_bytes(bytes(LIMIT + 1))
    (tmp_path / "small").write_bytes(bytes(LIMIT))
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", "faces.npz", "small", "src")
    assert too_large(tmp_path) == ["faces.npz", "src/showface/release/sheet.png"]
