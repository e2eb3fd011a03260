"""`showface evaluate` and `showface evaluate-parser` from words to files."""

import json
import re
import time
from pathlib import Path

import click
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from showface.cli.evaluate import command as evaluate
from showface.cli.evaluate_parser import command as evaluate_parser
from showface.cli.measuring import Speed, labelled_faces
from showface.errors import DataError, SettingError, ShowFaceError
from showface.masks import draw_free_form

pytestmark = pytest.mark.slow  # whole evaluations


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


def test_a_peers_pictures_are_measured_like_ours(place: Path, tiny_weights: Path) -> None:
    """Our own completed pictures, kept and handed in as somebody else's, score the same to the last digit."""
    run(evaluate, place, str(tiny_weights), "--methods", "full", "--pictures")
    peer = f"peer={place / 'out' / 'pictures' / 'full'}"
    run(evaluate, place, str(tiny_weights), "--methods", f"full,{peer}")
    table = json.loads((place / "out" / "report.json").read_text(encoding="utf-8"))["table"]
    assert table["full"] == table["peer"] and list(table) == ["full", "peer"]
    (place / "out" / "pictures" / "full" / "20-40" / "1.png").unlink()
    with pytest.raises(DataError, match="1 missing: 20-40/1"):
        run(evaluate, place, "--methods", peer, "--overwrite")


def test_inputs_for_a_method_that_runs_elsewhere(place: Path) -> None:
    words = ["--data", str(place / "faces"), "--masks", str(place / "masks"), "--inputs", str(place / "inputs")]
    printed = CliRunner().invoke(evaluate, words, catch_exceptions=False).output
    assert printed.startswith("6 pairs of protocol ")
    assert sorted(file.name for file in (place / "inputs" / "images" / "1-20").iterdir()) == ["0.png", "1.png"]
    assert "either --out FOLDER" in CliRunner().invoke(evaluate, [*words, "--out", "x"]).output
    assert "give --masks FOLDER, --rows NAMES or both; or --occlusions" in CliRunner().invoke(
        evaluate, ["--data", str(place / "faces"), "--out", "x"]
    ).output  # fmt: skip


def test_further_rows_need_no_masks(place: Path) -> None:
    words = ["--data", str(place / "faces"), "--rows", "box,scratches", "--methods", "harmonic"]
    CliRunner().invoke(evaluate, [*words, "--out", str(place / "out")], catch_exceptions=False)
    table = json.loads((place / "out" / "report.json").read_text(encoding="utf-8"))["table"]
    assert list(table["harmonic"]) == ["box", "scratches"]


def test_the_table_of_an_earlier_report_is_measured_again(place: Path, tmp_path: Path) -> None:
    run(evaluate, place, "--methods", "harmonic", "--seed", "5")
    frozen, again = place / "out" / "protocol.json", place / "again"
    rng = np.random.default_rng(1)
    Image.fromarray(draw_free_form(rng, 256, (0.1, 0.11))).save(place / "masks" / "00001.png")  # would change the deal
    words = ["--methods", "harmonic", "--protocol", str(frozen), "--out", str(again)]
    run(evaluate, place, *words)
    tables = [json.loads((folder / "report.json").read_text())["table"] for folder in (place / "out", again)]
    assert tables[0] == tables[1]
    (place / "masks" / "04000.png").unlink()
    with pytest.raises(DataError, match=r"1 masks are missing: .*04000\.png"):
        run(evaluate, place, *words)


def test_faces_trained_on_are_refused(place: Path) -> None:
    with pytest.raises(DataError, match="2 of 2 faces were trained on"):
        run(evaluate, place, "--methods", "telea", "--trained-on", str(place / "faces"))
    assert not (place / "out").exists()


def test_unknown_metrics_are_refused_with_the_nearest(place: Path) -> None:
    with pytest.raises(SettingError, match="unknown metric 'ssmi'; did you mean 'ssim'"):
        run(evaluate, place, "--metrics", "psnr,ssmi")
    assert not (place / "out").exists()


def test_progress_tells_pictures_per_second_where_there_is_no_terminal(place: Path) -> None:
    printed = run(evaluate, place, "--methods", "telea")
    assert re.search(r"measuring: 6 of 6, \d+\.\d pictures/s", printed)


def test_speed_leaves_out_what_was_there_already(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 0.001, 2.001, 4.001])
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    speed = Speed()
    assert speed.of(100) == 0.0  # recalled
    assert speed.of(104) == 2.0
    assert speed.of(112) == 3.0


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


def test_groups_by_what_the_labels_show(place: Path) -> None:
    """Of two faces of noise one is given skin and glasses: each has its group, and the report is what it was."""
    labels = np.ones((256, 256), dtype=np.uint8)
    labels[100:120, 60:200] = 3
    Image.fromarray(labels).save(place / "faces/labels/1.png")
    printed = run(evaluate, place, "--methods", "harmonic", "--groups")
    table = (place / "out" / "groups.md").read_text(encoding="utf-8")
    assert table in printed and "harmonic: PSNR (dB) ↑" in table
    rows = (place / "out" / "traits.csv").read_text(encoding="utf-8").splitlines()
    assert rows[0] == "face,skin tone,glasses,hat,hair,head" and rows[2].split(",")[2:4] == ["glasses", "no hat"]
    assert (place / "out" / "report.json").exists()
