"""Masks and sizes of every kind through the pipeline (faults.md 9, 11 to 17, 25 and 26): same size, only the hole."""

from __future__ import annotations

import threading
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from showface.errors import MaskError
from showface.networks.mdrnets import MDRNets
from showface.photo.align import TEMPLATE, TEMPLATE_BOX
from showface.photo.find_faces import Face, FaceFinder
from showface.photo.photograph import Photo
from showface.pipeline import FaceInpainter, Restoration

SCALE, CORNER = 0.6, (60, 40)  # of the one face in every test's photograph
SIZE = (240, 320)


class OneFace(FaceFinder):
    def __init__(self) -> None:
        left, top, right, bottom = (np.array(TEMPLATE_BOX) * SCALE + np.array(CORNER * 2)).tolist()
        self.face = Face((left, top, right, bottom), TEMPLATE * SCALE + np.array(CORNER), 0.9)

    def touched(self, photo: Photo, hole: np.ndarray) -> list[Face]:
        return [self.face] if self.face.is_touched_by(hole) else []

    def again(self, photo: Photo, face: Face) -> Face | None:
        return None


@pytest.fixture
def inpaint(tiny_weights: Path, monkeypatch: pytest.MonkeyPatch) -> FaceInpainter:
    monkeypatch.setattr("showface.pipeline.inpainter.face_finder", lambda *, fetch: OneFace())
    return FaceInpainter.from_pretrained(tiny_weights, device="cpu")


def photo(size: tuple[int, int] = SIZE, *, mode: str = "RGB", depth: type = np.uint8, seed: int = 0) -> Photo:
    channels = {"L": 1, "RGB": 3, "RGBA": 4, "CMYK": 4}[mode]
    values = np.random.default_rng(seed).integers(0, np.iinfo(depth).max, (*size, channels), endpoint=True)
    return Photo(pixels=values.astype(depth), mode=mode, format="PNG")  # type: ignore[arg-type]


def completed(inpaint: FaceInpainter, taken: Photo, hole: np.ndarray, *, feather: float | None = None) -> Restoration:
    """Completes, and checks what always holds: same size and kind, and every bit outside the mask."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        restoration = inpaint.restore(taken, hole, feather=feather)
    result = restoration.photo.pixels
    assert result.shape == taken.pixels.shape and result.dtype == taken.pixels.dtype
    assert np.array_equal(result[~hole], taken.pixels[~hole])
    return restoration


def box(left: int, top: int, right: int, bottom: int, size: tuple[int, int] = SIZE) -> np.ndarray:
    hole = np.zeros(size, dtype=bool)
    hole[top:bottom, left:right] = True
    return hole


# ------------------------------------------------------------------ row 9: sizes


@pytest.mark.parametrize("size", [(1, 2), (2, 1), (1, 97), (7, 5), (5, 7), (2, 20000), (101, 103), (211, 67)])
def test_any_size_comes_back_as_it_was(inpaint: FaceInpainter, size: tuple[int, int]) -> None:
    hole = np.random.default_rng(1).random(size) < 0.4
    hole[0, 0], hole[-1, -1] = True, False
    completed(inpaint, photo(size), hole)


def test_a_single_pixel_leaves_nothing_to_go_by(inpaint: FaceInpainter) -> None:
    with pytest.raises(MaskError, match="hides the whole picture"):
        inpaint.restore(photo((1, 1)), np.ones((1, 1), dtype=bool))


# ------------------------------------------------------------------ rows 11, 12, 15, 16: where the hole lies


def test_an_empty_mask_gives_the_very_photo_back(inpaint: FaceInpainter) -> None:
    taken = photo()
    with pytest.warns(UserWarning, match="mask is empty"):
        assert inpaint.restore(taken, np.zeros(SIZE, dtype=bool)).photo is taken


CORNERS = box(0, 0, 9, 9) | box(311, 0, 320, 9) | box(0, 231, 9, 240) | box(311, 231, 320, 240)
# Each hole, and whether a part of it lies outside the squares in which networks complete.
HOLES = {
    "on the face": (box(110, 100, 150, 140), False),
    "off the face": (box(280, 200, 310, 230), False),  # there is no other face: the region round it
    "across the border of the face's square": (box(120, 100, 290, 120), True),
    "at the left border": (box(0, 90, 130, 120), True),
    "in all four corners": (CORNERS, False),
    "one pixel": (box(130, 120, 131, 121), False),
    "one column": (box(130, 0, 131, 240), True),
    "all but one pixel": (~box(319, 239, 320, 240), True),
}


@pytest.mark.parametrize("where", HOLES)
def test_wherever_the_hole_lies_it_is_filled(inpaint: FaceInpainter, where: str) -> None:
    hole, partly_outside = HOLES[where]
    restoration = completed(inpaint, photo(), hole)
    assert restoration.views or restoration.outside_faces == 1
    assert (0 < restoration.outside_faces <= 1) == partly_outside


def test_hundreds_of_islands_are_all_filled(inpaint: FaceInpainter) -> None:
    taken, hole = photo(), np.random.default_rng(3).random(SIZE) < 0.02
    white = Photo(
        pixels=np.where(hole[..., None], np.uint8(255), np.uint8(60 + taken.pixels // 8)), mode="RGB", format="PNG"
    )
    result = completed(inpaint, white, hole, feather=None).photo.pixels
    outside = hole.copy()
    outside[40:194, 60:214] = False  # the face's square; what the untrained networks draw there may be white
    assert outside.sum() > 500 and (result[outside] < 200).all()


def test_a_mask_of_another_size_names_both(inpaint: FaceInpainter) -> None:
    with pytest.raises(MaskError, match="320 x 240, found 240 x 320"):
        inpaint.restore(photo(), box(1, 1, 9, 9).T)


# ------------------------------------------------------------------ row 14: masks of every kind


def test_masks_of_every_kind_mean_the_same(inpaint: FaceInpainter) -> None:
    hole = box(110, 100, 150, 140)
    expected = completed(inpaint, photo(), hole).photo.pixels
    soft = np.where(hole, np.uint8(200), np.uint8(90))
    red = np.stack([soft, soft * 0, soft * 0], -1)
    see_through = np.dstack([np.zeros((*SIZE, 3), np.uint8), hole * np.uint8(255)])
    for mask in (
        hole.astype(np.float64),
        hole.astype(np.int64),
        hole.astype(np.uint16) * 65535,
        soft,
        red,
        see_through,
    ):
        assert np.array_equal(inpaint.restore(photo(), mask).photo.pixels, expected)


# ------------------------------------------------------------------ row 17: every bit outside


@settings(max_examples=10)
@given(
    st.integers(0, 2**32), st.sampled_from(["L", "RGB", "RGBA", "CMYK"]), st.sampled_from([np.uint8, np.uint16]),
    st.sampled_from([None, 0, 5]),
)  # fmt: skip
def test_in_every_mode_every_bit_outside_stays(
    tiny_network: MDRNets, seed: int, mode: str, depth: type, feather: float | None
) -> None:
    inpaint = FaceInpainter(tiny_network, device="cpu", detector="off")
    rng = np.random.default_rng(seed)
    size = (int(rng.integers(1, 90)), int(rng.integers(2, 90)))
    hole = rng.random(size) < rng.uniform(0, 0.9)
    hole[0, 0] = False
    completed(
        inpaint, photo(size, mode=mode, depth=np.uint8 if mode == "CMYK" else depth, seed=seed), hole, feather=feather
    )


# ------------------------------------------------------------------ row 26: at the same time


def test_two_threads_give_the_same(inpaint: FaceInpainter) -> None:
    hole: np.ndarray = box(110, 100, 150, 140)
    results: list[np.ndarray] = []
    expected = completed(inpaint, photo(), hole).photo.pixels
    work = [
        threading.Thread(target=lambda: results.append(inpaint.restore(photo(), hole).photo.pixels)) for _ in range(4)
    ]
    for thread in work:
        thread.start()
    for thread in work:
        thread.join()
    assert len(results) == 4 and all(np.array_equal(result, expected) for result in results)
