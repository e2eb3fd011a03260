from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from showface import weights
from showface.cli.demo import SAMPLES
from showface.cli.main import main
from showface.images import read_image
from showface.masks import read_mask


def test_the_samples_are_ten_faces_with_masks_of_the_same_name_and_small() -> None:
    faces, masks = sorted((SAMPLES / "faces").iterdir()), sorted((SAMPLES / "masks").iterdir())
    assert [face.stem for face in faces] == [mask.stem for mask in masks] and len(faces) == 10
    assert sum(path.stat().st_size for path in (*faces, *masks)) < 400_000
    listed = dict(line.split() for line in (SAMPLES / "SAMPLES.txt").read_text().splitlines() if line[:1].isdigit())
    assert list(listed) == [face.stem for face in faces]
    for face, mask in zip(faces, masks, strict=True):
        assert read_image(face).size == (256, 256)
        assert int(face.stem) >= 7000, "faces below 7000 may have been trained on"
        assert read_mask(mask).mean() == pytest.approx(float(listed[face.stem]), abs=1e-4)


@pytest.mark.slow
def test_the_demo_completes_every_sample_and_says_where_and_how_long(
    tmp_path: Path, tiny_weights: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["demo", "--out", str(tmp_path / "demo"), "--weights", str(tiny_weights), "--device", "cpu"]
    assert main(words) == 0
    printed = capsys.readouterr().out
    assert f"10 faces in {tmp_path / 'demo'}, " in printed and " s each on cpu" in printed
    for face in (SAMPLES / "faces").iterdir():
        mask = read_mask(SAMPLES / "masks" / f"{face.stem}.png")
        result, truth = np.asarray(read_image(tmp_path / "demo" / f"{face.stem}.png")), np.asarray(read_image(face))
        assert np.array_equal(result[~mask], truth[~mask])
    assert read_image(tmp_path / "demo" / "contact_sheet.png").width > 8 * 256
    assert main(words) == 2
    assert "exists already" in capsys.readouterr().err
    for kind in ("faces", "masks"):  # one sample is enough to see it replaced
        (tmp_path / kind).mkdir()
        file = min((SAMPLES / kind).iterdir())
        shutil.copy(file, tmp_path / kind)
    monkeypatch.setattr("showface.cli.demo.SAMPLES", tmp_path)
    again = tmp_path / "demo" / f"{file.stem}.png"
    before = again.read_bytes()
    again.write_bytes(b"")
    assert main([*words, "--overwrite"]) == 0 and again.read_bytes() == before


def test_doctor_with_sound_weights(
    tiny_weights: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(weights, "bundled", lambda: tiny_weights)
    assert main(["doctor"]) == 0
    printed = capsys.readouterr().out
    for word in ("showface", "python", "torch", "threads", "device", "bfloat16", "assets", "M parameters", ": sound"):
        assert word in printed, word


def test_doctor_says_what_is_wrong_with_the_weights(
    tiny_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in tiny_weights.iterdir():
        content = bytearray(path.read_bytes())
        content[-3] ^= 1
        (tmp_path / path.name).write_bytes(content)
    monkeypatch.setattr(weights, "bundled", lambda: tmp_path)
    assert main(["doctor"]) == 1
    printed = capsys.readouterr()
    assert "showface: error: bundled weights cannot be used" in printed.err and "assets" in printed.out


@pytest.mark.skipif(not weights.bundled().exists(), reason="no weights are bundled yet")
def test_the_bundled_weights_are_sound_and_small(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor"]) == 0
    assert sum(path.stat().st_size for path in weights.bundled().iterdir()) < 30_000_000
