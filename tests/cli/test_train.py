"""`showface train` through the program itself: one line and exit code 2 for what it cannot use."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from showface.cli.main import main


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    (tmp_path / "photos").mkdir()
    Image.new("RGB", (64, 64), "tan").save(tmp_path / "photos" / "face.png")
    return tmp_path / "photos"


def test_a_missing_earlier_run_is_named(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, earlier = photos.parent / "run", photos.parent / "none"
    code = main(["train", "smoke", "--data", str(photos), "--out", str(out), "--from", str(earlier)])
    assert code == 1 and f"{earlier}: expected the folder of an earlier run, found none" in capsys.readouterr().err
    assert not out.exists()


def test_the_program_starts_without_being_installed() -> None:
    source = Path(__file__).parents[2] / "src"
    done = subprocess.run(
        [sys.executable, "-m", "showface.cli", "train", "--help"],
        capture_output=True, text=True, env=os.environ | {"PYTHONPATH": str(source)},
    )  # fmt: skip
    assert done.returncode == 0 and "--ablation ROW" in done.stdout, done.stderr
