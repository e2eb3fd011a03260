from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import showface
from showface import assets
from showface.errors import AssetError
from showface.images import read_image
from showface.photo import find_faces
from showface.photo.align import TEMPLATE, frame_of_points
from showface.photo.find_faces import Face, FaceFinder, face_finder, islands
from showface.photo.photograph import Photo

SAMPLE = Path(showface.__file__).parent / "release" / "samples" / "faces" / "07043.webp"


def photo(pixels: np.ndarray) -> Photo:
    return Photo(pixels=pixels, mode="RGB", format="PNG")


class Bright:
    """In place of YuNet: every bright rectangle is a face, the brighter the surer."""

    def __init__(self) -> None:
        self.seen: list[np.ndarray] = []

    def detect(self, pixels: np.ndarray) -> tuple[int, np.ndarray | None]:
        self.seen.append(pixels.copy())
        boxes = islands(pixels.min(2) > 150, cells=1024)
        rows = [
            [left, top, right - left, bottom - top, *(np.array([(left, top)] * 5) + TEMPLATE).ravel(), 0.95]
            for left, top, right, bottom in boxes
            if right - left > 5
        ]
        return len(rows), np.array(rows, np.float32) if rows else None


def stand_in() -> tuple[FaceFinder, Bright]:
    finder, bright = FaceFinder.__new__(FaceFinder), Bright()
    finder._networks = dict.fromkeys((*find_faces.SIDES, find_faces.CLOSE), bright)
    finder._lock = threading.Lock()
    return finder, bright


def scene(size: tuple[int, int], *faces: tuple[int, int, int, int]) -> np.ndarray:
    pixels = np.full((*size, 3), 40, dtype=np.uint8)
    for left, top, right, bottom in faces:
        pixels[top:bottom, left:right] = 220
    return pixels


def hole_at(size: tuple[int, int], left: int, top: int, right: int, bottom: int) -> np.ndarray:
    hole = np.zeros(size, dtype=bool)
    hole[top:bottom, left:right] = True
    return hole


# ------------------------------------------------------------------ with a stand-in for the detector


def test_only_faces_that_the_mask_touches_the_largest_first() -> None:
    finder, _ = stand_in()
    pixels = scene((600, 900), (100, 100, 200, 230), (400, 100, 560, 300), (700, 400, 780, 500))
    hole = hole_at((600, 900), 150, 200, 420, 220)
    faces = finder.touched(photo(pixels), hole)
    assert [np.round(face.box, -1).tolist() for face in faces] == [[400, 100, 560, 300], [100, 100, 200, 230]]
    assert len(finder.touched(photo(pixels), np.zeros_like(hole))) == 3, "an empty mask asks for all"
    assert finder.touched(photo(pixels), hole_at((600, 900), 850, 20, 890, 60)) == []


def test_points_and_boxes_are_in_pixels_of_the_photograph() -> None:
    finder, _ = stand_in()
    (face,) = finder.touched(photo(scene((960, 1280), (400, 200, 600, 500))), hole_at((960, 1280), 450, 300, 500, 340))
    assert np.allclose(face.box, (400, 200, 600, 500), atol=6)
    assert np.allclose(face.points, np.array((400, 200)) + 4 * TEMPLATE, atol=6), "at 320 px a pixel is 4 of these"


def test_a_small_face_is_found_near_the_mask() -> None:
    """Of 3 px at 320 and 5 at 640: too small for the stand-in, as for YuNet, but not close by."""
    finder, bright = stand_in()
    pixels = scene((1000, 6000), (3000, 500, 3050, 560))
    (face,) = finder.touched(photo(pixels), hole_at((1000, 6000), 3010, 520, 3030, 540))
    assert np.allclose(face.box, (3000, 500, 3050, 560), atol=4)
    assert len(bright.seen) == 3


def test_the_detector_never_sees_what_is_hidden() -> None:
    pixels = scene((500, 700), (100, 100, 300, 380))
    hole = hole_at((500, 700), 150, 90, 260, 300)
    spoilt = np.where(hole[..., None], np.random.default_rng(0).integers(0, 256, pixels.shape), pixels)
    seen = []
    for version in (pixels, spoilt.astype(np.uint8)):
        finder, bright = stand_in()
        finder.touched(photo(version), hole)
        seen.append(bright.seen)
    assert len(seen[0]) == len(seen[1]) and all(np.array_equal(*pair) for pair in zip(*seen, strict=True))


def test_a_face_is_found_again_where_it_is_in_the_completion() -> None:
    finder, bright = stand_in()
    shown = photo(scene((600, 900), (100, 100, 200, 230), (400, 100, 560, 300)))
    (known,) = finder.touched(shown, hole_at((600, 900), 450, 150, 500, 200))
    seen = len(bright.seen)
    moved = Face((390.0, 110.0, 550.0, 310.0), known.points - 10, 0.7)
    again = finder.again(shown, moved)
    assert again is not None and np.allclose(again.box, (400, 100, 560, 300), atol=4)
    assert np.allclose(again.points, np.array((400, 100)) + TEMPLATE, atol=2), "seen with a pixel for each of its own"
    assert len(bright.seen) == seen + 1
    assert finder.again(shown, Face((700.0, 400.0, 800.0, 520.0), known.points, 0.9)) is None, "nothing is there"
    assert finder.again(shown, Face((2000.0, 10.0, 2100.0, 90.0), known.points, 0.9)) is None, "outside"


def test_a_face_is_hidden_by_what_hides_eyes_or_mouth() -> None:
    points = TEMPLATE + 20
    face = Face((80.0, 70.0, 220.0, 254.0), points, 0.9)

    def hidden(x: float, y: float) -> bool:
        hole = np.zeros((300, 300), dtype=bool)
        hole[int(y) - 3 : int(y) + 3, int(x) - 3 : int(x) + 3] = True
        return face.is_hidden_by(hole)

    assert [hidden(*point) for point in points] == [True, True, False, True, True], "the nose does not count"
    assert not hidden(30, 30)
    assert not Face(face.box, points + 1000, 0.9).is_hidden_by(np.zeros((300, 300), dtype=bool))


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (700, 2), (5, 3000)])
def test_slivers_are_no_trouble(size: tuple[int, int]) -> None:
    finder, _ = stand_in()
    hole = np.zeros(size, dtype=bool)
    hole[0, 0] = True
    assert finder.touched(photo(scene(size)), hole) == []


def test_a_face_within_a_face_is_none() -> None:
    outer = Face((0.0, 0.0, 100.0, 100.0), TEMPLATE, 0.9)
    inner, beside = Face((20.0, 20.0, 60.0, 60.0), TEMPLATE, 0.7), Face((90.0, 0.0, 190.0, 100.0), TEMPLATE, 0.7)
    assert find_faces._united([], [inner, outer, beside]) == [outer, beside]


def test_the_head_is_larger_than_the_box_and_within_the_picture() -> None:
    assert Face((100.0, 100.0, 200.0, 220.0), TEMPLATE, 1.0).head((400, 210)) == (75, 46, 210, 238)


def test_islands_of_a_mask() -> None:
    hole = hole_at((400, 600), 10, 20, 60, 30) | hole_at((400, 600), 300, 100, 301, 390)
    hole[399, 599] = True
    assert islands(hole) == [(10, 20, 60, 30), (300, 100, 301, 390), (599, 399, 600, 400)]
    assert islands(np.zeros((7, 9), dtype=bool)) == []
    assert islands(np.ones((7, 9), dtype=bool)) == [(0, 0, 9, 7)]


# ------------------------------------------------------------------ having the detector or not


def test_without_the_file_there_is_no_detector(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Asked for once, then remembered: nobody waits for a network again and again."""
    asked: list[str] = []

    def unreachable(name: str) -> Path:
        asked.append(name)
        raise AssetError("no network")

    monkeypatch.setenv("SHOWFACE_CACHE", str(tmp_path))
    monkeypatch.setattr(assets, "path", unreachable)
    assert face_finder(fetch=False) is None and asked == []
    assert face_finder(fetch=True) is None and face_finder(fetch=True) is None
    assert asked == ["yunet"]


def test_yunet_finds_a_generated_face_where_it_is(capfd: pytest.CaptureFixture[str]) -> None:
    finder = face_finder(fetch=False)
    if finder is None:
        pytest.skip("the asset yunet is not in the cache")
    face = read_image(SAMPLE).resize((200, 200), Image.Resampling.LANCZOS)
    scenery = Image.new("RGB", (1600, 1000), (90, 120, 90))
    scenery.paste(face, (1100, 300))
    pixels, hole = np.asarray(scenery), np.zeros((1000, 1600), dtype=bool)
    hole[420:450, 1160:1180] = True
    (found,) = finder.touched(photo(pixels), hole)
    corners = frame_of_points(found.points).corners()
    assert np.abs(corners - np.array([(1100, 300), (1300, 300), (1100, 500), (1300, 500)])).max() < 24
    assert capfd.readouterr().err == ""
