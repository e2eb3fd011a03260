"""`showface data` from words to files and exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from showface import assets
from showface.cli.main import main
from showface.images import open_image
from showface.networks import bisenet
from showface.semantics import BISENET_ORDER, OFFICIAL_ORDER


def picture(seed: int) -> Image.Image:
    cells = np.random.default_rng(seed).integers(0, 256, (20, 20, 3), dtype=np.uint8)
    return Image.fromarray(cells).resize((80, 80), Image.Resampling.BICUBIC)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    (tmp_path / "photos").mkdir()
    for number in range(4):
        picture(number).save(tmp_path / "photos" / f"{number}.png")
    return tmp_path / "photos"


def test_prepare_check_and_dry_run_follow_each_other(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "set"
    words = ["data", "prepare", str(photos), "--out", str(out), "--size", "64", "--hold-out", "0.25", "--workers", "2"]
    assert main(words) == 0
    told = capsys.readouterr()
    assert "4 pictures" in told.out and "1 held out" in told.out and "4 of 4" in told.err
    assert main(words) == 0
    assert "0 files dealt with now" in capsys.readouterr().out
    check = ["data", "check", str(out / "faces.json"), "--test", str(out / "test"), "--smallest", "64"]
    assert main(check) == 0
    assert "3 training and 1 test faces, 0 labels, 0 masks: no fault" in capsys.readouterr().out
    assert main(["train", "smoke", "--data", str(out / "faces.json"), "--out", str(tmp_path / "run"), "--dry-run"]) == 0
    assert str(out / "images") in capsys.readouterr().out


def test_faults_are_lines_a_report_and_exit_code_1(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (photos / "0.png").write_bytes(b"not a picture")
    (photos / "copy.png").write_bytes((photos / "1.png").read_bytes())
    report = tmp_path / "report.json"
    assert main(["data", "check", str(photos), "--smallest", "64", "--report", str(report)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"corrupt: {photos / '0.png'}: expected a picture")
    assert lines[1] == f"duplicate: {photos / '1.png'}, {photos / 'copy.png'}"
    assert lines[2] == "5 training and 0 test faces, 0 labels, 0 masks: 1 corrupt, 1 duplicate"
    written = json.loads(report.read_text())
    assert written["counts"] == {"corrupt": 1, "duplicate": 1} and written["train"] == 5
    assert written["faults"][1]["files"] == [str(photos / "1.png"), str(photos / "copy.png")]
    assert main(["data", "prepare", str(photos), "--out", str(tmp_path / "set"), "--size", "64"]) == 1
    assert "0.png: expected a picture" in capsys.readouterr().err
    assert len(list((tmp_path / "set" / "images").iterdir())) == 4


def test_masks_are_recognised(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "irregular_mask" / "disocclusion_img_mask"
    folder.mkdir(parents=True)
    mask = Image.new("L", (32, 32), 255)
    mask.paste(0, (4, 4, 20, 16))
    mask.save(folder / "00001.png")
    out = tmp_path / "masks"
    assert main(["data", "prepare", str(tmp_path), "--out", str(out)]) == 0
    assert "1 masks" in capsys.readouterr().out
    assert main(["data", "check", "--masks", str(out / "train")]) == 0
    assert main(["data", "check", "--masks", str(folder)]) == 1
    assert "polarity" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["chek"], "unknown command 'chek'; did you mean 'check'?"),
        (["check"], "give a folder of faces"),
        (["prepare", ".", "--out", "x", "--invert"], "--invert is for masks"),
        (["prepare", ".", "--out", "x", "--layout", "masks", "--align"], "are for faces"),
        (["labels", "."], "holds no images/"),
    ],
)
def test_what_cannot_be_meant_is_one_line(
    words: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["data", *words]) == 2
    error = capsys.readouterr().err
    assert message in error and len(error.splitlines()) == 1


class Stripes(bisenet.BiSeNet):
    """Skin above hair, for any picture."""

    def classes(self, image: Tensor, size: int | tuple[int, int] = 512) -> Tensor:
        assert isinstance(size, int)
        rows = torch.where(torch.arange(size) < size // 2, BISENET_ORDER.index("skin"), BISENET_ORDER.index("hair"))
        return rows[None, :, None].expand(len(image), size, size)


def test_labels_lie_beside_images_in_the_order_that_training_expects(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(assets, "path", lambda name: tmp_path / name)
    monkeypatch.setattr(bisenet, "load_bisenet", lambda path: Stripes().eval())
    root = tmp_path / "faces"
    root.mkdir()
    photos.rename(root / "images")
    assert main(["data", "labels", str(root), "--size", "32", "--device", "cpu"]) == 0
    assert "4 new label maps" in capsys.readouterr().out
    label = open_image(root / "labels" / "0.png")
    assert label.size == (32, 32)
    assert label.getpixel((5, 5)) == OFFICIAL_ORDER.index("skin")
    assert label.getpixel((5, 30)) == OFFICIAL_ORDER.index("hair")
    assert main(["data", "labels", str(root), "--size", "32", "--device", "cpu"]) == 0
    assert "0 new label maps" in capsys.readouterr().out
    # the older command writes another order, which must not be mixed with this one
    assert main(["label", str(root / "images"), "--out", str(root / "labels"), "--device", "cpu"]) == 2
    assert "holds labels in the order 'official', asked for is 'bisenet'" in capsys.readouterr().err
