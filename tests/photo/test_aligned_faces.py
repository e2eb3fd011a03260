from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from showface.errors import ImageError
from showface.images import read_image
from showface.photo.align import SIDE, TEMPLATE, TEMPLATE_BOX
from showface.photo.aligned_faces import aligned_faces
from showface.photo.find_faces import Face, FaceFinder
from showface.photo.photograph import Photo


class Finder(FaceFinder):
    """A detector that knows where the faces are."""

    def __init__(self, faces: list[Face]) -> None:
        self.faces = faces

    def touched(self, photo: Photo, hole: np.ndarray) -> list[Face]:
        assert not hole.any()
        return self.faces


def face_at(left: float, top: float, scale: float) -> Face:
    """An upright face whose square begins at (left, top) and is `scale` pixels of the photograph per frame pixel."""
    box = [offset + scale * edge for offset, edge in zip((left, top) * 2, TEMPLATE_BOX, strict=True)]
    return Face((box[0], box[1], box[2], box[3]), TEMPLATE * scale + (left, top), 0.9)


def finder_of(*faces: Face) -> Callable[[bool], FaceFinder | None]:
    return lambda fetch: Finder(list(faces))


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """Red, with a blue square of 300 pixels at (100, 80) and a green one of 600 at (450, 150)."""
    picture = Image.new("RGB", (1100, 800), "red")
    picture.paste("blue", (100, 80, 400, 380))
    picture.paste("lime", (450, 150, 1050, 750))
    picture.save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


@pytest.mark.parametrize("side", [128, 256, 512])
def test_each_face_is_its_square_the_largest_first(photo: Path, side: int) -> None:
    green, blue = face_at(450, 150, 600 / SIDE), face_at(100, 80, 300 / SIDE)
    cut = aligned_faces(photo, finder_of(green, blue), side=side)
    assert [picture.size for picture in cut] == [(side, side)] * 2
    for picture, colour in zip(cut, ((0, 255, 0), (0, 0, 255)), strict=True):
        inside = np.asarray(picture)[4:-4, 4:-4].astype(int)
        assert np.abs(inside - colour).max() <= 2


def test_a_turned_face_stands_upright(tmp_path: Path) -> None:
    """Of a head that lies on its side, what is at the left of the photograph comes out above."""
    picture = Image.new("RGB", (600, 600), "lime")
    picture.paste("black", (300, 0, 600, 600))
    picture.save(tmp_path / "photo.png")
    quarter = np.array([[0.0, -1.0], [1.0, 0.0]])
    points = (TEMPLATE - SIDE / 2) @ quarter * (600 / SIDE) + 300
    (upright,) = aligned_faces(
        tmp_path / "photo.png", finder_of(Face((50.0, 50.0, 550.0, 550.0), points, 0.9)), side=64
    )
    pixels = np.asarray(upright).astype(int)
    assert np.abs(pixels[:30] - (0, 255, 0)).max() <= 2 and pixels[34:].max() <= 2


def test_an_aligned_face_is_taken_whole(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "face.png")
    (whole,) = aligned_faces(tmp_path / "face.png", finder_of(face_at(0, 0, 1.0)))
    np.testing.assert_array_equal(np.asarray(whole), np.asarray(read_image(tmp_path / "face.png")))


def test_no_face_small_faces_and_no_detector_are_said(photo: Path, tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="no face was found in it"):
        aligned_faces(photo, finder_of())
    with pytest.raises(ImageError, match="too small"):
        aligned_faces(photo, finder_of(face_at(100, 80, 0.3)))
    with pytest.raises(ImageError, match="the detector is not at hand"):
        aligned_faces(photo, lambda fetch: None)
    Image.new("RGB", (300, 300), "tan").save(tmp_path / "square.png")
    with pytest.raises(ImageError, match="no face was found in it"):
        aligned_faces(tmp_path / "square.png", finder_of())
    (whole,) = aligned_faces(tmp_path / "square.png", lambda fetch: None)  # nobody can tell: taken for a face
    assert whole.size == (SIDE, SIDE)
