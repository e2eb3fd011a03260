from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from showface.errors import DataError, ImageError
from showface.networks.bisenet import BiSeNet
from showface.training import labelling
from showface.training.labelling import label_folder


class RednessParser(BiSeNet):
    """Class 17 where a picture is red, class 3 elsewhere; counts its calls."""

    calls = 0

    def classes(self, image: Tensor, size: int | tuple[int, int] = 512) -> Tensor:
        assert image.shape[1] == 3 and image.min() >= -1 and image.max() <= 1
        self.calls += 1
        side = size if isinstance(size, int) else size[0]
        cells = torch.nn.functional.interpolate(image, size=(side, side))
        return torch.where(cells[:, 0] > cells[:, 1], 17, 3)


@pytest.fixture(scope="module")
def parser() -> RednessParser:
    return RednessParser().eval()


@pytest.fixture
def faces(tmp_path: Path) -> Path:
    """Three pictures, the left half red."""
    folder = tmp_path / "faces"
    (folder / "more").mkdir(parents=True)
    pixels = np.zeros((24, 24, 3), dtype=np.uint8)
    pixels[:, :12] = (255, 0, 0)
    pixels[:, 12:] = (0, 255, 0)
    for name in ("a.png", "b.jpg", "more/c.webp"):
        Image.fromarray(pixels).save(folder / name)
    (folder / "notes.txt").write_text("no picture")
    return folder


def test_writes_class_indices_of_the_asked_size(parser: RednessParser, faces: Path, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    assert label_folder(parser, faces, tmp_path / "out", size=12, progress=lambda *step: told.append(step)) == 3
    assert told == [(1, 3), (2, 3), (3, 3)]
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["a.png", "b.png", "c.png"]
    with Image.open(tmp_path / "out" / "c.png") as label:
        assert label.mode == "L"
        classes = np.asarray(label)
    assert classes.dtype == np.uint8
    np.testing.assert_array_equal(classes, np.repeat([[17] * 6 + [3] * 6], 12, axis=0))


def test_resumes_and_keeps_what_is_there(parser: RednessParser, faces: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "b.png").write_bytes(b"done by hand")
    parser.calls = 0
    assert label_folder(parser, faces, out, size=8) == 2
    assert label_folder(parser, faces, out, size=8) == 0
    assert parser.calls == 2
    assert (out / "b.png").read_bytes() == b"done by hand"


def test_interrupted_it_leaves_no_half_file(
    parser: RednessParser, faces: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*args: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Image.Image, "save", interrupted)
    with pytest.raises(KeyboardInterrupt):
        label_folder(parser, faces, tmp_path / "out", size=8)
    assert list((tmp_path / "out").iterdir()) == []


def test_two_pictures_of_one_name_are_refused(parser: RednessParser, faces: Path, tmp_path: Path) -> None:
    Image.new("RGB", (8, 8)).save(faces / "more" / "a.png")
    with pytest.raises(DataError, match="one picture per name"):
        label_folder(parser, faces, tmp_path / "out", size=8)
    assert not (tmp_path / "out").exists()


def test_a_damaged_picture_and_an_empty_folder_are_named(parser: RednessParser, faces: Path, tmp_path: Path) -> None:
    (faces / "a.png").write_bytes(b"not a picture")
    with pytest.raises(ImageError, match=r"a\.png"):
        label_folder(parser, faces, tmp_path / "out", size=8)
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(DataError, match="no picture"):
        label_folder(parser, empty, tmp_path / "out", size=8)


def test_label_runs_the_published_structure(faces: Path) -> None:
    torch.manual_seed(0)
    classes = labelling.label(BiSeNet().eval(), faces / "a.png", size=16)
    assert classes.shape == (16, 16) and classes.dtype == np.uint8 and classes.max() < 19


def test_a_limit_takes_the_first_pictures_only(parser: RednessParser, faces: Path, tmp_path: Path) -> None:
    assert label_folder(parser, faces, tmp_path / "out", size=8, limit=2) == 2
    assert sorted(p.stem for p in (tmp_path / "out").iterdir()) == ["a", "b"]
