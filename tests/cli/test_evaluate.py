"""`showface evaluate` and `showface evaluate-parser` from words to files."""

import json
from pathlib import Path

import click
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from showface.cli.evaluate import command as evaluate
from showface.cli.evaluate_parser import command as evaluate_parser
from showface.cli.measuring import labelled_faces
from showface.errors import DataError, SettingError, ShowFaceError
from showface.masks import draw_free_form


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with two labelled faces of 256 px and a mask for each bucket."""
    rng = np.random.default_rng(0)
    for folder in ("faces/images", "faces/labels", "masks"):
        (tmp_path / folder).mkdir(parents=True)
    for i in range(2):
        Image.fromarray(rng.integers(0, 256, (256, 256, 3)).astype(np.uint8)).save(tmp_path / f"faces/images/{i}.png")
        Image.fromarray(rng.integers(0, 19, (256, 256)).astype(np.uint8)).save(tmp_path / f"faces/labels/{i}.png")
    for i, share in enumerate((0.1, 0.3, 0.5)):
        Image.fromarray(draw_free_form(rng, 256, (share - 0.01, share))).save(tmp_path / f"masks/{4000 * i:05d}.png")
    return tmp_path


def run(command: click.Command, place: Path, *arguments: str) -> str:
    words = ["--data", str(place / "faces"), "--masks", str(place / "masks"), "--out", str(place / "out"), *arguments]
    return CliRunner().invoke(command, words, catch_exceptions=False).output


def test_the_report_of_an_evaluation(place: Path, tiny_weights: Path) -> None:
    printed = run(evaluate, place, str(tiny_weights))
    report = json.loads((place / "out" / "report.json").read_text(encoding="utf-8"))
    assert list(report["table"]) == ["telea", "coarse", "full"]
    assert report["table"]["full"]["40-60"]["psnr"]["count"] == 2
    assert report["protocol"]["pairs"] == {"1-20": 2, "20-40": 2, "40-60": 2}
    assert len(report["methods"]["full"]["identity"].split()[1]) == len(report["protocol"]["sha256"]) == 64
    assert (place / "out" / "table.md").read_text(encoding="utf-8") in printed
    assert len((place / "out" / "pictures.csv").read_text().splitlines()) == 1 + 3 * 2 * 3


def test_nothing_is_replaced_and_nothing_is_written_after_a_mistake(place: Path) -> None:
    with pytest.raises(SettingError, match="unknown method 'tela'; did you mean 'telea'"):
        run(evaluate, place, "--methods", "tela")
    assert not (place / "out").exists()
    run(evaluate, place, "--methods", "telea", "--limit", "1")
    before = (place / "out" / "report.json").read_bytes()
    with pytest.raises(DataError, match="exists already"):
        run(evaluate, place, "--methods", "telea")
    assert (place / "out" / "report.json").read_bytes() == before
    run(evaluate, place, "--methods", "telea", "--limit", "1")  # the same command says the same
    assert (place / "out" / "report.json").read_bytes() == before
    run(evaluate, place, "--methods", "telea", "--overwrite", "--bucket-by", "number")
    assert (place / "out" / "report.json").read_bytes() != before


def test_wrong_weights_are_refused(place: Path) -> None:
    with pytest.raises(ShowFaceError, match="no such file"):
        run(evaluate, place, str(place / "nowhere"))
    assert not (place / "out").exists()


def test_the_report_of_a_parser(place: Path, tiny_weights: Path) -> None:
    run(evaluate_parser, place, str(tiny_weights), "--no-bisenet")
    report = json.loads((place / "out" / "parser.json").read_text(encoding="utf-8"))
    assert [score["faces"] for score in report["scores"]] == [
        "true", "coarse, 1-20 % hidden", "coarse, 20-40 % hidden", "coarse, 40-60 % hidden",
    ]  # fmt: skip
    assert all(0 <= score["mean"] <= 1 and score["count"] == 2 for score in report["scores"])


def test_a_parser_needs_labels(place: Path, tiny_weights: Path) -> None:
    words = ["--data", str(place / "faces/images"), "--masks", str(place / "masks"), "--out", str(place / "out")]
    with pytest.raises(DataError, match="expected folders images/ and labels/"):
        CliRunner().invoke(evaluate_parser, [str(tiny_weights), *words], catch_exceptions=False)


def test_of_a_published_set_only_the_test_side_is_measured(place: Path, tiny_weights: Path) -> None:
    """CelebAMask-HQ as downloaded: 6, 7 and 8, of which 6 and 7 are made test pictures; each meets its own labels."""
    pictures, parts = place / "set" / "CelebA-HQ-img", place / "set" / "CelebAMask-HQ-mask-anno" / "0"
    pictures.mkdir(parents=True)
    parts.mkdir(parents=True)
    for number in (6, 7, 8):
        Image.new("RGB", (256, 256), (number, 0, 0)).save(pictures / f"{number}.png")
        skin = np.zeros((256, 256), dtype=np.uint8)
        skin[: 32 * number] = 255
        Image.fromarray(skin).save(parts / f"{number:05d}_skin.png")
    (place / "test.txt").write_text("7\n6\n")
    (place / "set.json").write_text(json.dumps([{"folder": "set", "test_list": "test.txt"}]))
    words = ["--data", str(place / "set.json"), "--masks", str(place / "masks")]
    for command, more in ((evaluate, ["--methods", "telea"]), (evaluate_parser, [str(tiny_weights), "--no-bisenet"])):
        out = place / command.name
        CliRunner().invoke(command, [*more, *words, "--out", str(out)], catch_exceptions=False)
    measured = (place / "evaluate" / "pictures.csv").read_text().splitlines()[1:]
    assert {line.split(",")[2] for line in measured} == {"6.png", "7.png"}
    assert {s["count"] for s in json.loads((place / "evaluate-parser" / "parser.json").read_text())["scores"]} == {2}
    faces, _ = labelled_faces(str(place / "set.json"))
    assert [(face.picture.name, face.label and face.label.name) for face in faces] == [
        ("6.png", "00006"), ("7.png", "00007"),
    ]  # fmt: skip


@pytest.mark.parametrize("words", [["--batch", "0"], ["--limit", "-1"]])
@pytest.mark.parametrize("command", [evaluate, evaluate_parser])
def test_counts_that_cannot_be_are_refused(command: click.Command, words: list[str], place: Path) -> None:
    assert "is not in the range" in run(command, place, *words)
    assert not (place / "out").exists()
