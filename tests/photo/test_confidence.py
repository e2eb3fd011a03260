"""What is said before and after a completion, and what is not."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from showface.photo.align import TEMPLATE, frame_of_points, frame_of_window
from showface.photo.choose import View
from showface.photo.confidence import BOTH_EYES, MOST_OF_IT, TOO_SMOOTH, after, before, relative_detail
from showface.photo.photograph import Photo

SIZE = (600, 800)


def view(degrees: float = 0.0, scale: float = 1.0) -> View:
    """A face in the middle of a photograph."""
    angle = np.deg2rad(degrees)
    turn = scale * np.array([(np.cos(angle), -np.sin(angle)), (np.sin(angle), np.cos(angle))])
    return View(frame_of_points((TEMPLATE - TEMPLATE.mean(0)) @ turn.T + (400, 300)), "found")


def hiding(one: View, points: np.ndarray, radius: float) -> np.ndarray:
    """A hole that hides these points of the frame and what is near them."""
    hole = np.zeros(SIZE, np.uint8)
    for x, y in one.frame.to_photo(points).tolist():
        cv2.circle(hole, (round(x), round(y)), round(radius * one.frame.scale), 1, -1)
    return hole > 0


@given(degrees=st.floats(-180, 180), scale=st.floats(0.4, 1.5))
def test_75_both_eyes_hidden_is_said_and_one_is_not(degrees: float, scale: float) -> None:
    one = view(degrees, scale)
    assert before([one], hiding(one, TEMPLATE[:2], 20)) == BOTH_EYES
    assert before([one], hiding(one, TEMPLATE[:1], 20)) is None
    assert before([one], hiding(one, TEMPLATE[2:], 20)) is None
    assert before([one], hiding(one, TEMPLATE[:2], 5)) is None, "a scratch over an eye hides none"


@given(degrees=st.floats(-180, 180))
def test_75_most_of_the_face_hidden_is_said(degrees: float) -> None:
    one = view(degrees)
    assert before([one], hiding(one, np.array([(130.0, 150.0)]), 80)) == MOST_OF_IT
    assert before([one, view()], np.zeros(SIZE, dtype=bool)) is None
    assert "\n" not in MOST_OF_IT and "likely face" in MOST_OF_IT


def test_75_of_a_region_nothing_is_said() -> None:
    hole = np.ones(SIZE, dtype=bool)
    assert before([View(frame_of_window((0, 0, 800, 600)), "region")], hole) is None


@pytest.mark.parametrize(("blur", "said"), [(0.0, None), (0.6, None), (6.0, TOO_SMOOTH)])
def test_75_a_filling_much_smoother_than_its_surroundings_is_said(blur: float, said: str | None) -> None:
    rng = np.random.default_rng(0)
    pixels = rng.normal(128, 20, (300, 300, 3)).clip(0, 255).astype(np.uint8)
    hole = np.zeros((300, 300), dtype=bool)
    hole[100:200, 80:220] = True
    smooth = cv2.GaussianBlur(pixels, (0, 0), blur) if blur else pixels
    photo = Photo(pixels=np.where(hole[..., None], smooth, pixels), mode="RGB", format="PNG")
    assert after(photo, hole) == said


def test_75_too_little_to_tell() -> None:
    photo = Photo(pixels=np.zeros((50, 50, 3), np.uint8), mode="RGB", format="PNG")
    hole = np.zeros((50, 50), dtype=bool)
    assert relative_detail(photo, hole) is None
    hole[10:14, 10:14] = True
    assert relative_detail(photo, hole) is None and after(photo, hole) is None
    hole[5:45, 5:45] = True
    assert (relative_detail(photo, hole) or 0.0) < 1e-6 or after(photo, hole) is None
