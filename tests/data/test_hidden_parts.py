from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from showface.data import hidden_parts
from showface.data.hidden_parts import PartMap, hidden_part
from showface.data.windows import Window
from showface.occluders.kinds import KINDS, hide
from showface.occluders.typical import typical_face
from showface.semantics import CATEGORIES

EYE, MOUTH = (CATEGORIES.index(name) for name in ("eye", "mouth"))
SIDE = 128


def turned_away() -> np.ndarray:
    """A typical face that looks aside and up, so that no part is where the alignment puts it."""
    return np.roll(typical_face(), (-12, 16), axis=(0, 1))


def through(window: Window, categories: np.ndarray, size: int = SIDE) -> np.ndarray:
    """What a window shows of a map, pixel by pixel."""
    left, top, right, bottom = window.box((categories.shape[1], categories.shape[0]))
    centres = (np.arange(size) + 0.5) / size
    rows, columns = (top + centres * (bottom - top)).astype(int), (left + centres * (right - left)).astype(int)
    return categories[np.ix_(rows, columns)]


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0.7, 1), st.booleans(), st.integers(0, 10**6))
def test_parts_stay_on_their_part_in_every_crop_and_mirrored(
    left: float, top: float, side: float, mirror: bool, seed: int
) -> None:
    face = PartMap(turned_away(), Window(left * (1 - side), top * (1 - side), side))
    face = face.mirrored() if mirror else face
    seen = through(face.window, face.categories)
    eyes = hidden_part(np.random.default_rng(seed), face, SIDE, "both_eyes")
    mouth = hidden_part(np.random.default_rng(seed), face, SIDE, "mouth")
    assert eyes[seen == EYE].all() and not eyes[seen == MOUTH].any()
    assert mouth[seen == MOUTH].all() and not mouth[seen == EYE].any()


def test_a_mirrored_map_is_that_of_the_mirrored_picture() -> None:
    face = PartMap(turned_away(), Window(0.1, 0.05, 0.8))
    mirrored = face.mirrored()
    there, here = through(mirrored.window, mirrored.categories), through(face.window, face.categories)[:, ::-1]
    assert (there != here).mean() < 0.02  # a pixel at the rim of a part
    assert mirrored.mirrored().window.left == pytest.approx(0.1)


@pytest.mark.parametrize("kind", KINDS)
def test_all_of_the_picture_shows_the_hole_that_is_measured_with(kind: str) -> None:
    hole = hidden_part(np.random.default_rng(3), PartMap(turned_away()), 256, kind)
    assert np.array_equal(hole, hide(kind, turned_away(), 256, np.random.default_rng(3)))


def test_a_part_outside_the_window_leaves_nothing() -> None:
    assert not hidden_part(np.random.default_rng(0), PartMap(window=Window(0.2, 0.0, 0.4)), SIDE, "mouth").any()


def test_some_kinds_are_twice_as_likely(monkeypatch: pytest.MonkeyPatch) -> None:
    """One eye, both eyes, mouth and half a face; counts within four standard deviations."""
    seen: Counter[str] = Counter()

    def noted(kind: str, categories: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
        seen[kind] += 1
        return np.zeros((size, size), dtype=bool)

    monkeypatch.setattr(hidden_parts, "hide", noted)
    rng, count = np.random.default_rng(0), 6000
    for _ in range(count):
        hidden_part(rng, PartMap(), 4)
    for kind in KINDS:
        share = (2 if kind in ("one_eye", "both_eyes", "mouth", "half_face") else 1) / 12
        assert abs(seen[kind] - share * count) < 4 * (count * share * (1 - share)) ** 0.5
