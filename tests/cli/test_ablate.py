"""`showface ablate` from words to a report: the smoke recipe with a step a stage."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from showface.cli.ablate import COARSE
from showface.cli.main import main
from showface.masks import draw_free_form

pytestmark = pytest.mark.slow  # whole trainings, of tiny networks

STAGES = ("coarse", "face_parser", "reconstruction", "mdrnets")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Four faces to train on, two others to measure on, a mask for each bucket; 64 px."""
    rng = np.random.default_rng(0)
    for folder, count in (("train", 4), ("test", 2)):
        (tmp_path / folder).mkdir()
        for i in range(count):
            colours = Image.fromarray(rng.integers(0, 256, (5, 5, 3), dtype=np.uint8))
            colours.resize((64, 64), Image.Resampling.BICUBIC).save(tmp_path / folder / f"{i}.png")
    (tmp_path / "masks").mkdir()
    for i, share in enumerate((0.15, 0.35, 0.55)):
        Image.fromarray(draw_free_form(rng, 64, (share - 0.05, share))).save(tmp_path / "masks" / f"{i}.png")
    return tmp_path


def words(place: Path, *more: str) -> list[str]:
    line = ["ablate", "smoke", "--data", str(place / "train"), "--test", str(place / "test"), "--test-masks",
            str(place / "masks"), "--out", str(place / "out"), "--size", "64", "--device", "cpu"]  # fmt: skip
    for stage in STAGES:
        line += ["--set", f"{stage}.steps=1", "--set", f"{stage}.batch=2"]
    return [*line, *more]


def test_rows_from_nothing_to_the_report_and_again(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two of the six rows; the second time everything is there already."""
    line = words(place, "--row", "w/o MREM", "--row", "Full")
    assert main([*line, "--gallery"]) == 0
    report = json.loads((place / "out" / "report.json").read_text(encoding="utf-8"))
    assert list(report["table"]) == [COARSE, "w/o MREM", "Full"]
    assert all(row["40-60"]["psnr"]["count"] == 2 for row in report["table"].values())
    assert report["budget"]["last stage of every row"] == "1 steps of 2 pictures at 64 px, 2 pictures in all, seed 0"
    page = (place / "out" / "report.html").read_text(encoding="utf-8")
    assert "Printed in the paper, Table 2, CelebA-HQ" in page and "Table 1" not in page
    assert page.count("<img ") == 2 * 3 * (3 + 2)  # two pictures a bucket, each masked, by three lines, true
    assert f"| {COARSE} |" in capsys.readouterr().out
    assert main(line) == 0
    assert capsys.readouterr().out.count("finished before") == 3 + 2
    again = json.loads((place / "out" / "report.json").read_text(encoding="utf-8"))
    assert again["table"] == report["table"]


def test_rows_of_ones_own_against_one_of_them(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = place / "memory.json"
    file.write_text('{"4 slots": [], "one slot": ["networks.memory.slots=1"]}', encoding="utf-8")
    assert main(words(place, "--rows", str(file), "--against", "4 slots")) == 0
    report = json.loads((place / "out" / "report.json").read_text(encoding="utf-8"))
    assert list(report["table"]) == [COARSE, "4 slots", "one slot"]
    recipe = json.loads((place / "out" / "one_slot" / "recipe.json").read_text(encoding="utf-8"))
    assert recipe["networks"]["memory"]["slots"] == 1
    told = (place / "out" / "differences.md").read_text(encoding="utf-8")
    assert told in capsys.readouterr().out and "| one slot | " in told and "| 4 slots |" not in told


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[1, 2]", "expected JSON such as"),
        ("{", "expected JSON such as"),
        ('{"a": "networks.memory.slots=1"}', "found 'networks.memory.slots=1' for 'a'"),
        ('{"a": ["networks.memory.slot=1"]}', "did you mean 'slots'?"),
        ('{"a": ["coarse.steps=3"]}', "row 'a' changes a stage before the last"),
        ('{"a b": [], "a-b": []}', "row 'a b' has no folder name of its own ('a_b')"),
    ],
)
def test_rows_that_are_none_are_refused(
    content: str, message: str, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (place / "rows.json").write_text(content, encoding="utf-8")
    assert main(words(place, "--rows", str(place / "rows.json"))) == 2
    assert message in capsys.readouterr().err and not (place / "out").exists()


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--row", "w/o MREN"], "unknown row of Table 2 'w/o MREN'; did you mean 'w/o MREM'?"),
        (["--metrics", "pnsr"], "unknown metric 'pnsr'; did you mean 'psnr'?"),
        (["--against", "w/o MREN"], "unknown method to compare with 'w/o MREN'; did you mean 'w/o MREM'?"),
        (["--from", "nowhere"], "expected the folder of an earlier run, found none"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_trained(
    more: list[str], message: str, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words(place, *more)) in (1, 2)
    assert message in capsys.readouterr().err and not (place / "out").exists()


def test_faces_that_are_trained_on_are_not_measured(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copy(place / "train" / "2.png", place / "test" / "another_name.png")
    assert main(words(place)) == 2
    assert "1 of 3 faces were trained on" in capsys.readouterr().err and not (place / "out").exists()


def test_recipes_of_other_methods_have_no_table_2(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = words(place)[: -4 * len(STAGES)]
    line[1] = "deepfillv2"
    assert main(line) == 2
    assert "unknown stage of recipe deepfillv2 'mdrnets'" in capsys.readouterr().err


def test_the_coarse_line_is_of_a_row_that_leaves_that_network_alone(place: Path) -> None:
    file = place / "joint.json"
    file.write_text('{"on": ["mdrnets.joint=true"], "off": []}', encoding="utf-8")
    assert main(words(place, "--rows", str(file))) == 0
    report = json.loads((place / "out" / "report.json").read_text(encoding="utf-8"))
    assert list(report["table"]) == [COARSE, "on", "off"]
    assert report["methods"][COARSE]["source"] == str(place / "out" / "off")
    assert main(words(place, "--rows", str(file), "--row", "on", "--overwrite")) == 0
    report = json.loads((place / "out" / "report.json").read_text(encoding="utf-8"))
    assert list(report["table"]) == ["on"]
