from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from showface.errors import SettingError
from showface.masks import resize_visible
from showface.photo.align import (
    POINT_WEIGHTS,
    SIDE,
    TEMPLATE,
    TEMPLATE_BOX,
    Frame,
    bring_back,
    frame_of_box,
    frame_of_points,
    frame_of_window,
    reduced,
    similarity,
    take,
)  # fmt: skip
from showface.photo.photograph import Photo

RNG = np.random.default_rng(0)


def photo(pixels: np.ndarray) -> Photo:
    return Photo(pixels=pixels, mode="RGB", format="PNG")


def turned(degrees: float, scale: float, shift: tuple[float, float]) -> np.ndarray:
    """A matrix that turns, scales and shifts."""
    cos, sin = scale * np.cos(np.radians(degrees)), scale * np.sin(np.radians(degrees))
    return np.array([[cos, -sin, shift[0]], [sin, cos, shift[1]]])


def moved(points: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    return np.asarray(points @ matrix[:, :2].T + matrix[:, 2])


def blobs(height: int, width: int) -> np.ndarray:
    """A smooth picture in which every place looks different."""
    y, x = np.mgrid[:height, :width] / max(height, width)
    waves = [np.sin(9 * x + 4 * y), np.cos(7 * y - 3 * x), np.sin(8 * x * y + 2)]
    return np.round(127.5 + 110 * np.stack(waves, -1)).astype(np.uint8)


# ------------------------------------------------------------------ the transform


@given(st.floats(-180, 180), st.floats(0.05, 20), st.floats(-500, 500), st.floats(-500, 500))
def test_a_similarity_is_found_again(degrees: float, scale: float, across: float, down: float) -> None:
    matrix = turned(degrees, scale, (across, down))
    assert np.allclose(similarity(TEMPLATE, moved(TEMPLATE, matrix), np.ones(5)), matrix, atol=1e-6)


def test_no_turn_scale_or_shift_nearby_fits_better() -> None:
    source, target = RNG.normal(0, 50, (5, 2)), RNG.normal(0, 50, (5, 2))
    weights = np.array([1.0, 2.0, 0.0, 1.0, 3.0])

    def misfit(matrix: np.ndarray) -> float:
        return float(weights @ ((moved(source, matrix) - target) ** 2).sum(1))

    best = similarity(source, target, weights)
    for a, b, x, y in RNG.normal(0, 0.01, (200, 4)):
        other = best + np.array([[a, -b, x], [b, a, y]])
        assert misfit(other) >= misfit(best)


def test_points_without_weight_have_no_say() -> None:
    away = TEMPLATE.copy()
    away[2] += 40
    assert np.array_equal(frame_of_points(away).matrix, frame_of_points(TEMPLATE).matrix) and POINT_WEIGHTS[2] == 0


def test_the_template_itself_is_not_moved() -> None:
    expected = [[1, 0, 0], [0, 1, 0]]
    assert np.allclose(frame_of_points(TEMPLATE).matrix, expected, atol=1e-9)
    assert np.allclose(frame_of_box(TEMPLATE_BOX).matrix, expected, atol=1e-9)
    assert np.allclose(frame_of_window((0, 0, SIDE, SIDE)).matrix, expected)


@pytest.mark.parametrize("points", [np.zeros((5, 2)), np.full((5, 2), np.nan)])
def test_points_in_one_place_or_nowhere_are_refused(points: np.ndarray) -> None:
    with pytest.raises(SettingError, match=r"expected .*points"):
        frame_of_points(points)


@pytest.mark.parametrize("box", [(10, 10, 10, 50), (10, 50, 40, 10), (0, 0, np.inf, 9)])
def test_boxes_without_area_are_refused(box: tuple[float, float, float, float]) -> None:
    with pytest.raises(SettingError, match="right > left"):
        frame_of_box(box)


# ------------------------------------------------------------------ there and back


@settings(max_examples=8)
@given(st.floats(-60, 60), st.floats(0.4, 5))
def test_what_is_taken_and_brought_back_is_what_was_there(degrees: float, scale: float) -> None:
    """For every turn and scale: no shift, not even by half a pixel, and no change of brightness."""
    pixels = blobs(500, 420)
    frame = Frame(turned(degrees, 1 / scale, (0, 0)))
    centre = moved(np.array([[210.0, 250.0]]), frame.matrix)[0]
    frame = Frame(np.column_stack([frame.matrix[:, :2], SIDE / 2 - centre]))
    small, hidden = take(photo(pixels), np.zeros((500, 420), dtype=bool), frame)
    assert not hidden.any()
    window = (160, 190, 260, 310)
    back = bring_back(np.asarray(small, dtype=np.float32), frame, window)
    inside = frame.within(window)
    assert inside.sum() > 1000
    errors = np.abs(back - pixels[window[1] : window[3], window[0] : window[2]])[inside]
    assert errors.max() < 4 and errors.mean() < 1


def test_large_reductions_do_not_alias() -> None:
    """A chequered photograph of single pixels becomes flat grey, however it is turned."""
    y, x = np.mgrid[:2100, :2100]
    pixels = np.repeat((((x + y) % 2) * 255).astype(np.uint8)[..., None], 3, 2)
    for degrees in (0.0, 20.0):
        frame = Frame(turned(degrees, SIDE / 1200, (100 if degrees else -60, 0)))
        small, _ = take(photo(pixels), np.zeros(pixels.shape[:2], dtype=bool), frame)
        assert np.abs(np.asarray(small)[40:200, 40:200].astype(float) - 127.5).max() < 6


@pytest.mark.parametrize("degrees", [0.0, 17.0])
def test_no_hidden_pixel_shows(degrees: float) -> None:
    pixels = blobs(400, 400)
    hole = np.zeros((400, 400), dtype=bool)
    hole[150:260, 130:300] = RNG.random((110, 170)) < 0.7
    other = np.where(hole[..., None], RNG.integers(0, 256, pixels.shape, dtype=np.uint8), pixels)
    frame = Frame(turned(degrees, 0.7, (20, 3)))
    one, two = take(photo(pixels), hole, frame), take(photo(other), hole, frame)
    assert np.array_equal(one[0], two[0]) and np.array_equal(one[1], two[1]) and one[1].any()


def test_a_plain_rectangle_is_only_resized() -> None:
    pixels, hole = blobs(300, 280), np.zeros((300, 280), dtype=bool)
    hole[50:90, 60:200] = True
    small, hidden = take(photo(pixels), hole, frame_of_window((0, 0, 280, 300)))
    expected, expected_hidden = resize_visible(Image.fromarray(pixels), hole, SIDE)
    assert np.array_equal(small, expected) and np.array_equal(hidden, expected_hidden)


def test_past_the_border_the_photograph_is_mirrored() -> None:
    pixels = blobs(200, 200)
    small, hidden = take(photo(pixels), np.zeros((200, 200), dtype=bool), Frame(turned(0, 1, (60.0, 0.0))))
    small = np.asarray(small).astype(int)
    assert not hidden.any()
    assert np.abs(small[:200, 60:119] - small[:200, 59:0:-1]).max() <= 1


def test_a_face_outside_is_refused() -> None:
    with pytest.raises(SettingError, match="outside the picture"):
        take(photo(blobs(50, 50)), np.zeros((50, 50), dtype=bool), Frame(turned(0, 1, (900.0, 0.0))))


def test_sixteen_bits_show_as_eight() -> None:
    pixels = blobs(120, 130)
    deep = photo(pixels.astype(np.uint16) * 257)
    hole = np.zeros((120, 130), dtype=bool)
    frame = Frame(turned(5, 2, (3, 4)))
    assert np.array_equal(take(photo(pixels), hole, frame)[0], take(deep, hole, frame)[0])


# ------------------------------------------------------------------ reduced copies


def test_reduced_copies_are_means_over_what_is_visible() -> None:
    pixels = RNG.integers(0, 256, (13, 17, 3), dtype=np.uint8)
    hole = RNG.random((13, 17)) < 0.3
    means, visible = reduced(photo(pixels), hole, (1, 0, 17, 13), 4)
    assert means.shape == (3, 4, 3)
    for row in range(3):
        for column in range(4):
            cell = np.s_[4 * row : 4 * row + 4, 1 + 4 * column : 5 + 4 * column]
            assert visible[row, column] == ((~hole[cell]).sum() >= 8)
            if visible[row, column]:
                assert np.abs(means[row, column] - pixels[cell][~hole[cell]].mean(0)).max() <= 2


def test_bands_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels, hole = blobs(90, 70), RNG.random((90, 70)) < 0.2
    whole = reduced(photo(pixels), hole, (0, 0, 70, 90), 3)
    monkeypatch.setattr("showface.photo.align.BAND", 500)
    parts = reduced(photo(pixels), hole, (0, 0, 70, 90), 3)
    assert all(np.array_equal(one, other) for one, other in zip(whole, parts, strict=True))


def test_the_window_holds_the_frame_and_stays_in_the_photograph() -> None:
    frame = Frame(turned(30, 0.5, (100, -20)))
    left, top, right, bottom = frame.window((300, 400))
    inside = frame.within((0, 0, 400, 300))
    assert 0 <= left < right <= 400 and 0 <= top < bottom <= 300
    outside = inside.copy()
    outside[top:bottom, left:right] = False
    assert inside.any() and not outside.any()
    assert frame.scale == pytest.approx(2)
    assert np.allclose(frame.to_photo(moved(np.array([[3.0, 4.0]]), frame.matrix)), [[3, 4]])


def test_frames_of_the_same_face_are_not_apart_and_others_as_far_as_they_are() -> None:
    frame = frame_of_points(TEMPLATE * 2 + 30)
    assert frame.apart(frame) == pytest.approx(0, abs=1e-9)
    shifted = frame_of_points(TEMPLATE * 2 + np.array((33.0, 34.0)))
    assert frame.apart(shifted) == pytest.approx(2.5), "5 pixels of the photograph, of which 2 are one of the frame"
    larger = frame_of_points(TEMPLATE * 2.2 + 30)
    assert frame.apart(larger) > 10
