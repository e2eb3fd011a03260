"""What is filled in: drawn masks, boxes and parts of the face, united and grown."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from showface.errors import MaskError, SettingError
from showface.photo.mask_options import MaskOptions, ParsedFace, grown, hole_of, parts_of
from showface.semantics import CATEGORIES

SIZE = (40, 60)
NAMES = CATEGORIES


def face_with(*parts: tuple[str, slice | int, slice | int], side: int = 96) -> ParsedFace:
    """A face that fills the left square of the picture; the rest of it is skin."""
    semantic_map = np.full((side, side), NAMES.index("skin"), dtype=np.int64)
    for name, rows, columns in parts:
        semantic_map[rows, columns] = NAMES.index(name)

    def to_picture(crop: np.ndarray) -> np.ndarray:
        hole = np.zeros((side, side + 20), dtype=bool)
        hole[:, :side] = crop
        return hole

    return ParsedFace(semantic_map, to_picture)


EYES = face_with(("eye", np.s_[40:44], np.s_[20:30]), ("eye", np.s_[40:44], np.s_[60:70]))
FULL = (96, 116)


# ------------------------------------------------------------------ drawn masks and boxes


def test_everything_is_united() -> None:
    drawn = np.zeros(SIZE, dtype=bool)
    drawn[0, 0] = True
    hole = hole_of(drawn, SIZE, MaskOptions(boxes=((10, 20, 5, 3), (59, 39, 1, 1))))
    assert hole.sum() == 1 + 15 + 1
    assert hole[0, 0] and hole[20:23, 10:15].all() and hole[39, 59]
    assert drawn.sum() == 1, "what was handed over stays as it is"


def test_inverting_concerns_the_drawn_mask_only() -> None:
    drawn = np.ones(SIZE, dtype=bool)
    drawn[5, 5] = False
    hole = hole_of(drawn, SIZE, MaskOptions(invert=True, boxes=((0, 0, 2, 2),)))
    assert hole.sum() == 5 and hole[5, 5]


def test_another_size_is_refused_or_resized() -> None:
    drawn = np.zeros((20, 30), dtype=bool)
    drawn[0, 0] = True
    with pytest.raises(MaskError, match="size 60 x 40, found 30 x 20"):
        hole_of(drawn, SIZE, MaskOptions())
    hole = hole_of(drawn, SIZE, MaskOptions(resize=True))
    assert hole.sum() == 4 and hole[:2, :2].all()


@pytest.mark.parametrize("box", [(-1, 0, 5, 5), (0, -1, 5, 5), (56, 0, 5, 5), (0, 36, 5, 5), (99, 99, 1, 1)])
def test_a_box_beyond_the_picture_is_refused(box: tuple[int, int, int, int]) -> None:
    with pytest.raises(MaskError, match="beyond the picture of 60 x 40"):
        hole_of(None, SIZE, MaskOptions(boxes=(box,)))


def test_settings_are_refused_before_any_picture_is_read() -> None:
    with pytest.raises(SettingError, match="at least 1"):
        MaskOptions(boxes=((0, 0, 0, 5),))
    with pytest.raises(SettingError, match="did you mean 'mouth'"):
        MaskOptions(regions=("mout",))
    with pytest.raises(SettingError, match="0 pixels or more"):
        MaskOptions(grow=-1)


@given(st.integers(0, 12), st.integers(0, 2**32))
def test_growing_takes_the_pixels_within_a_distance(distance: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    hole = rng.random((17, 23)) < 0.01
    result = grown(hole, distance)
    places = np.argwhere(hole)
    expected = np.zeros_like(hole)
    for row, column in np.ndindex(hole.shape):
        near = ((places - (row, column)) ** 2).sum(axis=1) <= distance**2
        expected[row, column] = bool(near.any())
    assert np.array_equal(result, expected)


# ------------------------------------------------------------------ parts of the face


def test_a_region_is_found_in_the_face_and_grown_a_little() -> None:
    hole = hole_of(None, FULL, MaskOptions(regions=("eyes",)), faces=lambda: [EYES])
    assert hole[38:46, 20:30].all() and hole[38:46, 60:70].all(), "2 of 96 cells in each direction"
    assert not hole[:37].any() and not hole[47:].any() and not hole[:, 35:55].any() and not hole[:, 96:].any()


def test_regions_of_several_faces_join() -> None:
    nose = face_with(("nose", np.s_[50:60], np.s_[40:50]))
    hole = hole_of(None, FULL, MaskOptions(regions=("eyes", "nose")), faces=lambda: [EYES, nose])
    assert hole[41, 25] and hole[55, 45] and not hole[41, 45]


def test_a_region_that_no_face_has_is_refused_with_those_that_are_there() -> None:
    with pytest.raises(MaskError, match=r"no glasses found in the face; found: eyes, skin, face$"):
        hole_of(None, FULL, MaskOptions(regions=("eyes", "glasses")), faces=lambda: [EYES])
    with pytest.raises(MaskError, match="in any of the 2 faces"):
        hole_of(None, FULL, MaskOptions(regions=("hat",)), faces=lambda: [EYES, EYES])


def test_slips_of_the_parser_are_no_region() -> None:
    slip = face_with(("eye", np.s_[40:44], np.s_[20:30]), ("eye", np.s_[80:82], np.s_[80:82]), ("hat", 0, 0))
    assert not hole_of(None, FULL, MaskOptions(regions=("eyes",)), faces=lambda: [slip])[70:].any()
    with pytest.raises(MaskError, match="no hat found in the face; found: eyes, skin, face"):
        hole_of(None, FULL, MaskOptions(regions=("hat",)), faces=lambda: [slip])


def test_glasses_are_grown_until_their_bridge_is_in() -> None:
    lenses = face_with(("eyeglass", np.s_[40:50], np.s_[20:40]), ("eyeglass", np.s_[40:50], np.s_[46:66]))
    hole = hole_of(None, FULL, MaskOptions(regions=("glasses",)), faces=lambda: [lenses])
    assert hole[45, 16:70].all() and hole[36:54, 30].all()


def test_without_a_face_there_are_no_regions() -> None:
    with pytest.raises(MaskError, match="no face was found, so no eyes or nose either"):
        hole_of(None, FULL, MaskOptions(regions=("eyes", "nose")))


def test_faces_are_only_looked_for_where_regions_are_wanted() -> None:
    def never() -> list[ParsedFace]:
        raise AssertionError

    assert not hole_of(None, SIZE, MaskOptions(), faces=never).any()


def test_the_parts_of_a_face_are_those_that_can_be_asked_for() -> None:
    parts = parts_of(EYES)
    assert set(parts) == {"eyes", "skin", "face"}
    asked = hole_of(None, FULL, MaskOptions(regions=("eyes",)), faces=lambda: [EYES])
    np.testing.assert_array_equal(EYES.to_picture(parts["eyes"]), asked)
