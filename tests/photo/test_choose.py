from __future__ import annotations

import numpy as np
import pytest

from showface.errors import SettingError
from showface.photo.align import SIDE, TEMPLATE, Frame
from showface.photo.choose import Choice, choose
from showface.photo.find_faces import Face, FaceFinder
from showface.photo.photograph import Photo


class Known(FaceFinder):
    """Finds the faces it was told about."""

    def __init__(self, *faces: Face) -> None:
        self.faces = list(faces)

    def touched(self, photo: Photo, hole: np.ndarray) -> list[Face]:
        return self.faces


def face(scale: float, across: float, down: float) -> Face:
    points = TEMPLATE * scale + np.array((across, down))
    return Face((*points.min(0).tolist(), *points.max(0).tolist()), points, 0.9)


def asked(
    size: tuple[int, int], finder: FaceFinder | None, *, hole: np.ndarray | None = None
) -> tuple[Choice, list[bool]]:
    """The choice for a hole in the middle, and what the finder was told about fetching."""
    wishes: list[bool] = []
    if hole is None:
        hole = np.zeros(size, dtype=bool)
        hole[size[0] // 3 : size[0] // 2, size[1] // 3 : size[1] // 2] = True
    photo = Photo(pixels=np.zeros((*size, 3), np.uint8), mode="RGB", format="PNG")
    return choose(photo, hole, lambda fetch: wishes.append(fetch) or finder), wishes


def corners(frame: Frame) -> list[float]:
    return np.round(frame.corners()[[0, 3]], 3).ravel().tolist()


def test_each_face_gets_its_square() -> None:
    choice, wishes = asked((600, 900), Known(face(1.5, 100, 50), face(0.5, 600, 200)))
    assert [view.how for view in choice.views] == ["found", "found"] and choice.note is None
    assert corners(choice.views[0].frame) == [100, 50, 100 + 1.5 * SIDE, 50 + 1.5 * SIDE]
    assert corners(choice.views[1].frame) == [600, 200, 728, 328]
    assert wishes == [True]


@pytest.mark.parametrize("side", [128, 256, 512, 1500])
def test_an_aligned_face_is_taken_whole(side: int) -> None:
    scale = side / SIDE
    choice, _ = asked((side, side), Known(face(0.97 * scale, 3 * scale, 6 * scale)))
    (view,) = choice.views
    assert view.how == "aligned" and corners(view.frame) == [0, 0, side, side] and choice.note is None


def test_a_face_that_fills_half_of_a_square_picture_is_aligned_first() -> None:
    (view,) = asked((1024, 1024), Known(face(2, 250, 200)))[0].views
    assert view.how == "found" and corners(view.frame) == [250, 200, 762, 712]


def test_a_square_picture_needs_no_detector_to_be_an_aligned_face() -> None:
    choice, wishes = asked((512, 512), None)
    assert [view.how for view in choice.views] == ["aligned"] and choice.note is None
    assert wishes == [False], "nothing is fetched for it"
    assert asked((512, 512), Known())[0].views[0].how == "aligned"


def test_without_a_face_the_region_round_the_mask_is_taken_and_that_is_said() -> None:
    hole = np.zeros((1500, 2000), dtype=bool)
    hole[100:300, 1700:1900] = True
    for finder, words in ((Known(), "no face was found"), (None, "detector is not at hand")):
        choice, _ = asked((1500, 2000), finder, hole=hole)
        (view,) = choice.views
        assert view.how == "region" and corners(view.frame) == [1600, 0, 2000, 400]
        assert choice.note is not None and words in choice.note and "--face-box" in choice.note
        assert "\n" not in choice.note


@pytest.mark.parametrize("size", [(1, 1), (1, 63), (40, 48)])
def test_in_tiny_pictures_no_face_is_looked_for(size: tuple[int, int]) -> None:
    hole = np.zeros(size, dtype=bool)
    hole[0, 0] = True
    choice, wishes = asked(size, Known(face(1, 0, 0)), hole=hole)
    assert wishes == [] and corners(choice.views[0].frame) == [0, 0, size[1], size[0]]


def test_a_mask_longer_than_the_picture_is_high_takes_the_whole_picture() -> None:
    hole = np.zeros((300, 2000), dtype=bool)
    hole[100:120, 50:1900] = True
    assert corners(asked((300, 2000), Known(), hole=hole)[0].views[0].frame) == [0, 0, 2000, 300]


# ------------------------------------------------------------------ a face that was named


def given(**what: object) -> Choice:
    photo = Photo(pixels=np.zeros((600, 900, 3), np.uint8), mode="RGB", format="PNG")
    hole = np.zeros((600, 900), dtype=bool)
    hole[5, 5] = True

    def never(fetch: bool) -> FaceFinder | None:
        raise AssertionError("no face has to be found")

    return choose(photo, hole, never, **what)  # type: ignore[arg-type]


def test_a_box_or_points_take_the_place_of_a_search() -> None:
    by_points = given(face_points=[tuple(point) for point in (TEMPLATE * 2 + 10).tolist()])
    by_box = given(face_box=(300, 100, 138, 184))
    assert by_points.views[0].how == by_box.views[0].how == "given"
    assert corners(by_points.views[0].frame) == [10, 10, 522, 522]
    left, top, right, bottom = corners(by_box.views[0].frame)
    assert right - left == pytest.approx(SIDE, rel=0.01) and left < 300 and top < 100 and right > 438 and bottom > 284


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        ({"face_box": (1, 2, 3, 4), "face_points": [(0, 0)] * 5}, "found both"),
        ({"face_box": (10, 10, 0, 5)}, "right > left"),
        ({"face_box": (2000, 10, 50, 50)}, "outside the picture of 900 x 600"),
        ({"face_points": [(1, 2), (3, 4)]}, "expected five points"),
        ({"face_points": [(1, 2)] * 5}, "all in one place"),
    ],
)
def test_faces_that_cannot_be_are_refused(what: dict[str, object], reason: str) -> None:
    with pytest.raises(SettingError, match=reason):
        given(**what)
