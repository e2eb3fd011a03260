"""`showface evaluate --occlusions` from words to files, with stand-ins for the networks that measure."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from PIL import Image
from torch import Tensor

from showface.cli.evaluate import command
from showface.errors import DataError, SettingError
from showface.evaluation.measuring.feature_store import FeatureStore
from showface.evaluation.occlusions import measures as occlusion_measures
from showface.evaluation.occlusions import study as occlusion_study
from showface.occluders.kinds import KINDS

pytestmark = pytest.mark.slow  # whole evaluations


def means(pictures: Tensor) -> Tensor:
    """In place of every network: the mean colours of the four quarters."""
    return torch.nn.functional.adaptive_avg_pool2d(pictures.float() / 255, 2).flatten(1)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with seven labelled faces of 64 px, and measuring networks that need no file."""
    rng = np.random.default_rng(0)
    labels = np.zeros((64, 64), dtype=np.uint8)
    labels[8:60, 12:52], labels[34:42, 28:36], labels[46:50, 24:40] = 1, 2, 11
    labels[29:32, 21:28], labels[29:32, 36:43] = 4, 5
    for folder in ("images", "labels"):
        (tmp_path / "faces" / folder).mkdir(parents=True)
    for i in range(7):
        cells = Image.fromarray(rng.integers(0, 256, (8, 8, 3)).astype(np.uint8))
        cells.resize((64, 64), Image.Resampling.BICUBIC).save(tmp_path / f"faces/images/{i}.png")
        Image.fromarray(labels).save(tmp_path / f"faces/labels/{i}.png")
    stand_in = type("StandIn", (), {"pretrained": staticmethod(lambda *words: Network())})
    monkeypatch.setattr(occlusion_measures, "LPIPSNetwork", stand_in)
    monkeypatch.setattr(occlusion_measures, "MobileFaceNet", stand_in)
    monkeypatch.setattr(
        occlusion_study, "feature_store", lambda own, device: FeatureStore(means, own=own, shared=tmp_path / "shared")
    )
    return tmp_path


class Network(torch.nn.Module):
    def forward(self, pictures: Tensor) -> Tensor:
        return means(pictures)


def run(place: Path, *words: str) -> Result:
    given = ["--data", str(place / "faces"), "--size", "64", "--methods", "telea,harmonic", *words]
    return CliRunner().invoke(command, given, catch_exceptions=False)


def report(place: Path) -> dict:
    return dict(json.loads((place / "out" / "occlusions.json").read_text(encoding="utf-8")))


def test_without_names_all_kinds_are_measured(place: Path) -> None:
    """The option stands before another one, and takes nothing of it."""
    done = run(place, "--occlusions", "--out", str(place / "out"))
    table = report(place)["table"]
    assert list(table) == ["telea", "harmonic", "truth"] and list(table["telea"]) == list(KINDS)
    assert (place / "out" / "occlusions.md").read_text(encoding="utf-8") in done.output
    assert sorted(file.name for file in (place / "out").iterdir() if file.is_file()) == [
        "measurements.jsonl", "occlusions.json", "occlusions.md", "pictures.csv", "protocol.json",
    ]  # fmt: skip
    assert table["truth"]["lower_face"]["sharpness"] == {"mean": 1.0, "error": 0.0, "count": 7}
    assert table["telea"]["mouth"]["kid"]["error"] > 0 and table["telea"]["hand"]["lpips"]["mean"] > 0


def test_some_kinds_on_the_first_faces_and_again_at_no_cost(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = ("--occlusions", "mouth,one_eye", "--limit", "3", "--seed", "2", "--out", str(place / "out"))
    run(place, *words)
    first = report(place)
    assert first["protocol"]["pairs"] == {"one_eye": 3, "mouth": 3} and first["protocol"]["seed"] == 2
    monkeypatch.setattr(occlusion_measures, "squares_round", lambda hole: pytest.fail("measured again"))
    run(place, *words)
    assert report(place) == first


def test_the_table_of_an_earlier_report_is_measured_again(place: Path) -> None:
    run(place, "--occlusions", "mouth,box", "--limit", "4", "--out", str(place / "out"))
    frozen = place / "out" / "protocol.json"
    run(place, "--occlusions", "mouth,box", "--protocol", str(frozen), "--out", str(place / "again"))
    again = json.loads((place / "again" / "occlusions.json").read_text(encoding="utf-8"))
    assert again["table"] == report(place)["table"]
    with pytest.raises(DataError, match="its masks are made, not read: ask for it with --rows or --occlusions"):
        run(place, "--occlusions", "mouth", "--protocol", str(frozen), "--out", str(place / "other"))


def test_the_sheet_alone_needs_no_report(place: Path, tiny_weights: Path) -> None:
    done = run(place, "--occlusions", "one_eye,box", "--sheet", str(place / "look.jpg"))
    assert [line.split("/")[-1] for line in done.output.splitlines()[-2:]] == ["look-one_eye.jpg", "look-box.jpg"]
    assert (place / "look-box.jpg").is_file() and not (place / "out").exists()


def test_inputs_for_a_method_that_runs_elsewhere(place: Path) -> None:
    printed = run(place, "--occlusions", "mouth", "--inputs", str(place / "inputs")).output
    assert "7 pairs of protocol " in printed and (place / "inputs" / "images" / "mouth" / "0.png").is_file()


def references(place: Path) -> Path:
    """A table with a reference for each face but 2 and 5."""
    (place / "more").mkdir()
    lines = ["face,reference"]
    for i in (0, 1, 3, 4, 6):
        Image.new("RGB", (80, 80), (30 * i, 120, 90)).save(place / f"more/{i}.png")
        lines.append(f"faces/images/{i}.png,more/{i}.png")
    (place / "refs.csv").write_text("\n".join(lines))
    return place / "refs.csv"


def test_boxes_taken_away_and_references_are_rows_with_differences(place: Path, sourced_weights: Path) -> None:
    methods = "full,mean-of-slots,no-personal,no-memory,no-mining,no-sources,coarse,referenced,stranger"
    words = (str(sourced_weights), "--occlusions", "mouth,half_face", "--out", str(place / "out"), "--methods", methods,
             "--against", "full")  # fmt: skip
    done = run(place, *words, "--references", str(references(place)))
    found = report(place)
    assert list(found["table"]) == [*methods.split(","), "truth"]
    assert list(found["differences"]["table"]) == methods.split(",")[1:]
    count = {name: row["mouth"]["lpips"]["count"] for name, row in found["table"].items()}
    assert {name for name, faces in count.items() if faces == 5} == {"referenced", "stranger"}
    assert found["differences"]["table"]["stranger"]["half_face"]["kid"]["count"] == 5
    for name in ("referenced", "stranger"):
        assert f"{name}: 2 faces have no reference and are left out" in done.output
        assert found["methods"][name]["faces left out"] == 2
    assert "mouth, 7 faces, referenced 5, stranger 5" in done.output and "| minus full " in done.output
    assert (place / "out" / "occlusions.md").read_text(encoding="utf-8") in done.output
    run(place, *words[:-2], "--references", str(place / "more"))  # the same references, by their names
    assert report(place)["methods"] == found["methods"] and report(place)["table"] == found["table"]
    other = place / "more" / "1.png"
    Image.new("RGB", (80, 80)).save(other)
    with pytest.raises(DataError, match="holds what the new one would not: method referenced, method stranger"):
        run(place, *words, "--references", str(place / "refs.csv"))


def test_references_that_cannot_be_used_are_refused(place: Path, sourced_weights: Path) -> None:
    table, words = references(place), (str(sourced_weights), "--occlusions", "mouth", "--out", str(place / "out"))
    given = ("--references", str(table))
    table.write_text("face;reference\n")
    with pytest.raises(DataError, match="with the columns face and reference, found face;reference"):
        run(place, *words, "--methods", "referenced", *given)
    with pytest.raises(SettingError, match="referenced: expected further pictures of the people, got none"):
        run(place, *words, "--methods", "referenced")
    with pytest.raises(SettingError, match="unknown method to compare with 'ful'; did you mean 'full'"):
        run(place, *words, "--methods", "full,coarse", "--against", "ful")
    without = run(place, "--rows", "hand", "--out", str(place / "out"), *given)
    assert without.exit_code == 2 and "give --occlusions, too" in " ".join(without.output.replace("│", " ").split())
    assert not (place / "out").exists()


@pytest.mark.parametrize(
    "words, message",
    [
        (["--occlusions", "one-eye"], "unknown kind of occlusion 'one-eye'; did you mean 'one_eye'"),
        (["--occlusions", "eyes,hand"], "occlusion 'eyes': a row of the table of strokes, which --rows"),
        (["--occlusions", "--methods", "tela"], "unknown method 'tela'; did you mean 'telea'"),
    ],
)
def test_mistakes_are_refused_before_anything_is_written(place: Path, words: list[str], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        run(place, *words, "--out", str(place / "out"))
    assert not (place / "out").exists()


@pytest.mark.parametrize(
    "words, message",
    [
        (["--masks", "m"], "leave out --masks, or --occlusions"),
        (["--metrics", "lpips", "--gallery"], "leave out --metrics and --gallery, or --occlusions"),
        (["--rows", "hand"], "leave out --rows, or --occlusions"),
    ],
)
def test_options_of_the_table_of_strokes_are_refused(place: Path, words: list[str], message: str) -> None:
    done = run(place, "--occlusions", "mouth", *words, "--out", str(place / "out"))
    assert done.exit_code == 2 and message in " ".join(done.output.replace("│", " ").split())


def test_something_has_to_be_asked_for(place: Path) -> None:
    assert "give --out FOLDER for a report" in run(place, "--occlusions", "mouth").output
    words = ("--rows", "hand", "--sheet", "a.png", "--out", str(place / "out"))
    assert "--sheet draws what --occlusions hides" in run(place, *words).output
    with pytest.raises(SettingError, match="up to 4 methods"):
        methods = "telea,harmonic,navier_stokes,coarse,full"
        run(place, "--occlusions", "--methods", methods, "--sheet", str(place / "a.png"))


def test_faces_trained_on_are_refused(place: Path) -> None:
    with pytest.raises(DataError, match="7 of 7 faces were trained on"):
        run(place, "--occlusions", "mouth", "--trained-on", str(place / "faces"), "--out", str(place / "out"))
    assert not (place / "out").exists()


def test_results_of_others_are_measured_like_ours(place: Path) -> None:
    """Completed pictures, kept and handed in as somebody else's, score the same to the last digit."""
    words = ("--occlusions", "mouth,hand", "--out", str(place / "out"), "--pictures")
    run(place, *words)
    peer = f"telea,peer={place / 'out' / 'pictures' / 'telea'}"
    run(place, *words[:-1], "--methods", peer, "--overwrite")
    table = report(place)["table"]
    assert table["telea"] == table["peer"]
