"""`showface train` through the program itself: one line and exit code 2 for what it cannot use."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from showface.cli.main import main

pytestmark = pytest.mark.slow  # whole trainings, of tiny networks


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


def test_the_table_of_people_reaches_the_stages_that_learn_from_views(
    photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["--data", str(photos), "--out", str(photos.parent / "run"), "--same-person", "people.csv", "--dry-run"]
    assert main(["train", "compact", *given]) == 0
    tables = {stage["name"]: stage["data"]["same_person"] for stage in json.loads(capsys.readouterr().out)["stages"]}
    assert tables == {"coarse": "", "face_parser": "", "alignment": "people.csv", "mdrnets": "people.csv"}


def test_a_table_of_people_that_nothing_would_use_is_refused(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = ["--data", str(photos), "--out", str(photos.parent / "run"), "--same-person", "people.csv", "--dry-run"]
    assert main(["train", "smoke", *given]) == 2
    assert "smoke learns from no other pictures of a person; leave --same-person out" in capsys.readouterr().err
