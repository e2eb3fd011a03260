"""`showface label` from words to files; the published parser is replaced by a small stand-in with its interface."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from showface import assets
from showface.cli.demo import SAMPLES
from showface.cli.main import main
from showface.images import open_image
from showface.networks import bisenet

pytestmark = pytest.mark.slow  # the command from file to file


class Stripes(bisenet.BiSeNet):
    """Class 1 above class 17, for any picture."""

    def classes(self, image: Tensor, size: int | tuple[int, int] = 512) -> Tensor:
        assert isinstance(size, int)
        rows = torch.where(torch.arange(size) < size // 2, 1, 17)
        return rows[None, :, None].expand(len(image), size, size)


def test_labels_the_first_faces_of_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(assets, "path", lambda name: tmp_path / name)
    monkeypatch.setattr(bisenet, "load_bisenet", lambda path: Stripes().eval())
    words = ["label", str(SAMPLES / "faces"), "--out", str(tmp_path / "labels"), "--limit", "2", "--device", "cpu"]
    assert main(words) == 0
    assert "2 new label maps" in capsys.readouterr().out
    written = sorted((tmp_path / "labels").iterdir())
    assert [path.stem for path in written] == ["07043", "07246"]
    picture = open_image(written[0])
    assert picture.size == (256, 256) and picture.getpixel((9, 9)) == 1 and picture.getpixel((9, 200)) == 17
    assert main(words) == 0
    assert "0 new label maps" in capsys.readouterr().out


def test_a_missing_folder_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(assets, "path", lambda name: tmp_path / name)
    monkeypatch.setattr(bisenet, "load_bisenet", lambda path: Stripes().eval())
    assert main(["label", str(tmp_path / "nowhere"), "--out", str(tmp_path / "labels")]) == 2
    assert "expected a folder of pictures" in capsys.readouterr().err
