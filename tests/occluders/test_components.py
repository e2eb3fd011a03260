from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from showface.errors import SettingError
from showface.occluders.components import GROWTH, grown, hide_component
from showface.occluders.shapes import grid, oval
from showface.semantics import CATEGORIES

INDEX = {name: index for index, name in enumerate(CATEGORIES)}
PARTS = {  # centres and half sizes of a drawn face, in sides of the picture
    "skin": [((0.5, 0.58), (0.27, 0.36))],
    "ear": [((0.21, 0.55), (0.03, 0.07)), ((0.79, 0.55), (0.03, 0.07))],
    "brow": [((0.38, 0.40), (0.08, 0.015)), ((0.62, 0.40), (0.08, 0.015))],
    "eye": [((0.38, 0.475), (0.05, 0.02)), ((0.62, 0.475), (0.05, 0.02))],
    "nose": [((0.5, 0.58), (0.05, 0.09))],
    "mouth": [((0.5, 0.75), (0.10, 0.035))],
}


def face(size: int, without: tuple[str, ...] = (), **other: str) -> np.ndarray:
    """Categories of a drawn face; parts in `without` are skin, `other` gives parts another category."""
    labels, points = np.zeros((size, size), dtype=np.uint8), grid(size)
    for part, ovals in PARTS.items():
        for centre, (wide, high) in ovals if part not in without else ():
            labels[oval(points, centre, (wide, high, high), 2.0)] = INDEX[other.get(part, part)]
    return labels


def test_the_names_and_growth_are_those_documented() -> None:
    assert set(GROWTH) == {"eyes", "eye-region", "brows", "nose", "mouth", "lower-face", "left-half"}
    assert all(0.02 <= growth <= 0.05 for growth in GROWTH.values())


@pytest.mark.parametrize("name", ["eyes", "brows", "nose", "mouth"])
def test_a_component_is_covered_with_its_rim_and_nothing_else(name: str) -> None:
    labels = face(128)
    part = labels == INDEX[name.removesuffix("s")]
    hole = hide_component(name, labels, 128)
    radius = GROWTH[name] * 128
    assert (hole >= grown(part, radius - 1)).all() and hole.sum() > part.sum()
    assert not (hole & ~grown(part, radius + 1)).any()


def test_hole_shares_are_those_documented() -> None:
    shares = {name: hide_component(name, face(128), 128).mean() for name in GROWTH}
    assert all(0.014 < shares[name] < 0.045 for name in ("eyes", "brows", "nose", "mouth"))
    assert 0.04 < shares["eye-region"] < 0.075
    assert 0.12 < shares["left-half"] < 0.28 and 0.13 < shares["lower-face"] < 0.22


def test_left_is_left_in_the_picture_and_lower_is_below() -> None:
    labels = face(128)
    visible_face = np.isin(labels, [INDEX[name] for name in ("skin", "brow", "eye", "nose", "mouth")])
    left, lower = hide_component("left-half", labels, 128), hide_component("lower-face", labels, 128)
    assert left[:, :64][(visible_face | (labels == INDEX["ear"]))[:, :64]].all() and not left[:, 64:].any()
    middle = int(np.nonzero(labels == INDEX["nose"])[0].mean()) + 1
    assert lower[middle:][visible_face[middle:]].all() and not lower[: middle - 1].any()
    mirrored = hide_component("left-half", labels[:, ::-1].copy(), 128)
    assert not np.array_equal(mirrored, left[:, ::-1]) and not mirrored[:, 64:].any()


def test_the_surroundings_of_the_eyes_are_one_stroke() -> None:
    hole = hide_component("eye-region", face(128), 128)
    eyes = hide_component("eyes", face(128), 128)
    row = int(0.475 * 128)
    assert (hole >= eyes).all() and hole[row, 42:86].all()
    assert not hole[int(0.75 * 128)].any() and not hole[: int(0.39 * 128)].any()


def test_glasses_hide_eyes_that_are_not_labelled() -> None:
    labels = face(128, eye="eyeglass")
    assert not hide_component("eyes", labels, 128).any()
    assert np.array_equal(hide_component("eye-region", labels, 128), hide_component("eye-region", face(128), 128))


@pytest.mark.parametrize(
    ("name", "without"),
    [("eyes", "eye"), ("eye-region", "eye"), ("brows", "brow"), ("mouth", "mouth"), ("nose", "nose"),
     ("lower-face", "nose"), ("left-half", "nose")],
)  # fmt: skip
def test_what_a_face_does_not_show_is_not_hidden(name: str, without: str) -> None:
    assert not hide_component(name, face(64, without=(without,)), 64).any()


def test_a_few_pixels_are_no_component() -> None:
    labels = face(128, without=("mouth",))
    labels[100, 60:64] = INDEX["mouth"]
    assert not hide_component("mouth", labels, 128).any()


@pytest.mark.parametrize("name", GROWTH)
def test_labels_of_another_size_give_the_same_hole(name: str) -> None:
    same, larger = hide_component(name, face(64), 64), hide_component(name, face(192), 64)
    assert (same == larger).mean() > 0.99
    assert hide_component(name, face(64), 17).shape == (17, 17)


@given(st.integers(0, 2**32), st.integers(1, 12), st.integers(1, 12), st.floats(0, 6))
def test_growing_reaches_just_as_far_as_the_radius(seed: int, height: int, width: int, radius: float) -> None:
    hole = np.random.default_rng(seed).random((height, width)) < 0.1
    rows, columns = np.nonzero(hole)
    down, across = np.indices(hole.shape)
    squares = (down[..., None] - rows) ** 2 + (across[..., None] - columns) ** 2
    assert np.array_equal(grown(hole, radius), (squares <= radius * radius).any(axis=2))


def test_an_unknown_component_is_refused_with_the_nearest() -> None:
    with pytest.raises(SettingError, match="unknown component 'eye'; did you mean 'eyes'"):
        hide_component("eye", face(32), 32)
