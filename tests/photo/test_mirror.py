from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from showface.photo.mirror import AXIS, Mirror, axis_of, compact, materials, mirror_of, rising, turn
from showface.semantics import CATEGORIES
from tests.photo.drawn_face import NAMES, RIGHT_EYE, STRAIGHT, Look, drawn, ellipse, foggy


def taken(look: Look = STRAIGHT, hidden: np.ndarray = RIGHT_EYE) -> tuple[Mirror, np.ndarray, np.ndarray]:
    """The mirror of a drawn face with fog where it is hidden, the foggy face, and the truth."""
    truth, categories = drawn(look)
    completed = foggy(truth, hidden)
    found = mirror_of(completed, hidden, categories)
    assert isinstance(found, Mirror), found
    return found, completed, truth


def error(one: np.ndarray, other: np.ndarray, where: np.ndarray = RIGHT_EYE) -> float:
    return float(np.abs(one - other)[where].mean())


def test_the_hidden_eye_of_a_symmetric_face_comes_back_as_it_was() -> None:
    found, completed, truth = taken()
    result = found.laid_over(completed)
    core = cv2.erode(RIGHT_EYE.astype(np.uint8), np.ones((11, 11))) > 0
    assert error(result, truth, core) < 8 < 30 < error(completed, truth, core)
    assert (result[~RIGHT_EYE] == completed[~RIGHT_EYE]).all()


def test_half_a_face_comes_back_from_the_other_half() -> None:
    hidden = np.zeros((256, 256), bool)
    hidden[40:, 130:] = True
    found, completed, truth = taken(hidden=hidden)
    inside = ellipse(AXIS + 35, 140, 25, 60)
    assert error(found.laid_over(completed), truth, inside) < 0.5 * error(completed, truth, inside)


def test_it_stands_in_the_light_of_its_own_side() -> None:
    found, completed, truth = taken(Look(light=0.5))
    core = cv2.erode(RIGHT_EYE.astype(np.uint8), np.ones((11, 11))) > 0
    result = found.laid_over(completed)
    assert error(result, truth, core) < 8
    assert abs(float(result[core].mean() - truth[core].mean())) < 5
    assert abs(float(result[:, ::-1][core].mean() - truth[core].mean())) > 15  # the bright side is that much brighter


@pytest.mark.parametrize("gaze", [-5.0, 5.0])
def test_both_eyes_look_the_same_way(gaze: float) -> None:
    found, completed, _ = taken(Look(gaze=gaze))
    result = found.laid_over(completed)
    iris = ellipse(AXIS + 31 + gaze, 121, 5, 5)
    crossed = ellipse(AXIS + 31 - gaze, 121, 5, 5) & ~ellipse(AXIS + 31 + gaze, 121, 7, 7)
    assert result[iris].mean() < 100 < result[crossed].mean()


def test_known_and_unseen_pixels_have_no_share() -> None:
    hidden = RIGHT_EYE | ellipse(AXIS - 40, 118, 14, 14)  # part of the other eye is hidden, too
    found, *_ = taken(hidden=hidden)
    assert found.share.min() >= 0 and found.share.max() <= 1
    assert not found.share[~hidden].any()
    assert not found.share[found.places.shows(hidden) > 0.5].any()


def test_hair_before_the_other_eye_stays_there() -> None:
    truth, categories = drawn()
    fringe = ellipse(AXIS - 40, 100, 22, 40)
    covered = np.where(fringe[..., None], np.array((60, 40, 30), np.float32), truth)
    categories[fringe[2::4, 2::4]] = NAMES.index("hair")
    completed = np.where(RIGHT_EYE[..., None], foggy(truth, RIGHT_EYE), covered).astype(np.float32)
    found = mirror_of(completed, RIGHT_EYE, categories)
    share = 0.0 if isinstance(found, str) else found.share[RIGHT_EYE & fringe[:, ::-1]].mean()
    assert share < 0.2 < taken()[0].share[RIGHT_EYE & fringe[:, ::-1]].mean()


# ---------------------------------------------------------------------------------------------- why not


def reason(hidden: np.ndarray, look: Look = STRAIGHT, face: np.ndarray | None = None) -> str:
    truth, categories = drawn(look)
    found = mirror_of(foggy(truth if face is None else face, hidden), hidden, categories)
    assert isinstance(found, str)
    return found


def test_strokes_are_left_to_the_networks() -> None:
    stroke = np.zeros((256, 256), np.uint8)
    cv2.polylines(stroke, [np.array([(40, 60), (200, 120), (60, 160), (190, 220)])], False, 1, 24)
    assert reason(stroke > 0) == "nothing whole"
    assert reason(ellipse(158, 121, 8, 8)) == "nothing whole"


def test_what_both_sides_hide_cannot_be_taken() -> None:
    bar = (np.abs(np.arange(256) - AXIS)[None] < 45) & (np.abs(np.arange(256) - 121)[:, None] < 28)
    assert reason(bar) == "hidden on both sides"
    assert reason(ellipse(AXIS, 188, 40, 24)) == "hidden on both sides"


def test_a_turned_head_and_one_without_a_nose_are_left() -> None:
    assert reason(RIGHT_EYE, Look(turn=14.0)) == "turned head"
    truth, categories = drawn()
    categories[categories == NAMES.index("nose")] = NAMES.index("skin")
    assert mirror_of(foggy(truth, RIGHT_EYE), RIGHT_EYE, categories) == "turned head"


def test_sides_that_are_not_alike_are_left() -> None:
    face = drawn()[0]
    noise = np.random.default_rng(0).uniform(0, 255, face.shape).astype(np.float32)
    face[:, : round(AXIS)] = cv2.GaussianBlur(noise, (0, 0), 2)[:, : round(AXIS)]
    assert reason(RIGHT_EYE, face=face) == "sides differ"


# ---------------------------------------------------------------------------------------------- pieces


@pytest.mark.parametrize(
    ("hole", "counts"),
    [
        (ellipse(100, 100, 20, 15), True),
        (ellipse(100, 100, 80, 16), False),  # a long one
        (
            np.isin(np.arange(256), range(60, 120))[None] & np.isin(np.arange(256), range(60, 220))[:, None],
            True,
        ),  # a bar
        (ellipse(80, 100, 20, 20) | ellipse(125, 100, 20, 20) | ellipse(102, 100, 20, 4), False),  # like glasses
        (ellipse(100, 100, 8, 8), False),  # a small one
        (np.indices((256, 256))[1] > 127, True),
    ],
)
def test_compact_holes(hole: np.ndarray, counts: bool) -> None:
    depth = cv2.distanceTransform(hole.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)
    assert (compact(hole, depth) == (hole & counts)).all()


def test_each_part_of_a_hole_is_judged_alone() -> None:
    eye, line = ellipse(160, 120, 20, 16), np.indices((256, 256))[0] // 12 == 18
    hole = eye | line
    depth = cv2.distanceTransform(hole.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)
    assert (compact(hole, depth) == eye).all()


def test_the_axis_is_midway_between_the_eyes() -> None:
    categories = drawn()[1]
    eyes, nose = categories == NAMES.index("eye"), categories == NAMES.index("nose")
    assert axis_of(eyes, nose) == pytest.approx(AXIS, abs=1)
    assert axis_of(np.roll(eyes, 2, axis=1), np.roll(nose, 2, axis=1)) == pytest.approx(AXIS + 8, abs=1)
    assert axis_of(np.zeros_like(eyes), nose) == AXIS
    assert turn(nose, AXIS) < 0.05 and turn(np.roll(nose, 2, axis=1), AXIS) == pytest.approx(8 / 31, abs=0.05)
    assert turn(np.zeros_like(nose)) == float("inf")


def test_materials_of_the_categories() -> None:
    found = dict(zip(CATEGORIES, materials(np.arange(len(CATEGORIES))[None])[0].tolist(), strict=True))
    assert found["skin"] == found["nose"] == found["mouth"] == 1
    assert found["hair"] == 3 and found["background"] != 1 and found["neck"] == 0


@given(st.floats(-2, 2), st.floats(-1, 1), st.floats(0.01, 1))
def test_rising_is_between_0_and_1_and_never_falls(value: float, low: float, width: float) -> None:
    assert 0 <= rising(value, low, low + width) <= rising(value + 0.01, low, low + width) <= 1
    assert rising(low, low, low + width) == 0 and rising(low + width + 1e-9, low, low + width) == pytest.approx(1)
