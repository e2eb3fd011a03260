"""Between two answers: both ends to the bit, evenly in between, and nothing is seen twice."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from showface.photo.mirror import AXIS, Mirror
from showface.photo.mixing import contradiction, dimmed, flow_between, further_texture, mixed, mixture, moved
from showface.photo.symmetry import Places
from tests.photo.drawn_face import RIGHT_EYE, SIDE, drawn, ellipse, foggy

GREY, DARK = 160.0, 100.0  # levels: of the ground, and by how much a line is darker
HOLE = ellipse(127, 127, 50, 50)
YS, XS = np.mgrid[:SIDE, :SIDE].astype(np.float32)
STEPS = np.linspace(0, 1, 11).tolist()
FACE = drawn()[0].astype(np.float32)
FOGGY = foggy(FACE, RIGHT_EYE)


def line(x: float, width: float = 1.5) -> np.ndarray:
    """A dark upright line at `x` within `HOLE`."""
    dark = np.exp(-(((XS - np.float32(x)) / np.float32(width)) ** 2) / 2) * np.float32(DARK) * HOLE
    return np.repeat((np.float32(GREY) - dark)[..., None], 3, axis=-1)


def lines(picture: np.ndarray) -> list[tuple[int, float]]:
    """Where along the hole's middle row there is a line, and how dark it is, of 1; faint ones count from 0.08 on."""
    depth = (GREY - picture[127, :, 0]) / DARK
    return [(x, depth[x]) for x in range(90, 165) if depth[x - 1] < depth[x] >= depth[x + 1] and depth[x] > 0.08]


def shifted(face: np.ndarray, x: int, y: int) -> np.ndarray:
    """`face` with what `RIGHT_EYE` shows elsewhere, evenly less towards its border."""
    depth = cv2.distanceTransform(RIGHT_EYE.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)
    share = np.minimum(depth / 8, 1)[..., None]
    return moved(face, (-np.float32((x, y)) * share).astype(np.float32), sharp=True)


# ------------------------------------------------------------------ both ends


def test_at_0_it_is_the_natural_answer_and_at_1_the_faithful_one_to_the_bit() -> None:
    mirror = reflected(0.7)
    assert (mixture(FACE, FOGGY, RIGHT_EYE, 0.0, mirror=mirror).picture() == mirror.laid_over(FACE)).all()
    assert (mixture(FACE, FOGGY, RIGHT_EYE, 0.0).picture() == FACE).all()
    faithful = mixture(FACE, FOGGY, RIGHT_EYE, 1.0, mirror=mirror)
    assert (faithful.picture() == FOGGY).all() and faithful.mirror is None and faithful.change is None


@pytest.mark.parametrize("natural", [FACE, shifted(FACE, 4, -3), 255 - FACE], ids=["in place", "moved", "inverted"])
def test_it_leads_from_the_one_to_the_other_without_a_leap(natural: np.ndarray) -> None:
    """The distance to the faithful answer falls with every step, and so evenly that none is twice its share."""
    natural = np.where(RIGHT_EYE[..., None], natural, FACE)
    pictures = [mixture(natural, FOGGY, RIGHT_EYE, fidelity).picture() for fidelity in STEPS]
    away = np.array([np.sqrt(((picture - FOGGY)[RIGHT_EYE] ** 2).mean()) for picture in pictures])
    falls = away[:-1] - away[1:]
    assert (falls > 0).all() and falls.max() < 2 * away[0] / len(falls)


@given(st.floats(0, 1), st.integers(0, 2**32))
def test_what_is_known_stays_as_it_is(fidelity: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    hidden = rng.random((16, 16)).repeat(16, 0).repeat(16, 1) < rng.random()
    natural = rng.integers(0, 256, (SIDE, SIDE, 3)).astype(np.float32)
    faithful = np.where(hidden[..., None], rng.integers(0, 256, natural.shape), natural).astype(np.float32)
    picture = mixture(natural, faithful, hidden, fidelity).picture()
    assert np.isfinite(picture).all() and (picture == natural)[~hidden].all()


# ------------------------------------------------------------------ nothing is seen twice


@pytest.mark.parametrize("fidelity", [0.1, 0.25, 0.5, 0.75, 0.9])
@pytest.mark.parametrize("gap", [2, 4, 6, 8])
@pytest.mark.parametrize("width", [1.5, 3.0])
def test_a_contour_at_two_places_is_seen_once_and_between_them(gap: int, width: float, fidelity: float) -> None:
    """In a cross-fade a line 6 pixels from itself is there twice."""
    natural, faithful = line(124 - gap / 2), line(124 + gap / 2, width)
    ((x, dark),) = lines(mixture(natural, faithful, HOLE, fidelity).picture())
    assert x == pytest.approx(124 + (fidelity - 0.5) * gap, abs=1) and dark > 0.85
    if gap >= 6 and width < 2:
        assert len(lines((1 - fidelity) * natural + fidelity * faithful)) == 2


@pytest.mark.parametrize("fidelity", STEPS)
def test_details_that_have_nothing_in_common_are_never_both_seen(fidelity: float) -> None:
    """Of stripes across and stripes down one kind always has less than a third of its contrast."""
    across, down = (np.repeat(128 + 40 * np.sin(axis / 1.5)[..., None], 3, -1) for axis in (YS, XS))
    inner = np.s_[40:216, 40:216]
    picture = mixed(across.astype(np.float32), down.astype(np.float32), fidelity)[inner][..., 0] - 128
    seen = [float((picture * stripes[inner][..., 0] - 128 * picture).mean()) / 800 for stripes in (across, down)]
    assert min(seen) < 1 / 3 and max(seen) > 0.25


def test_contradiction_is_0_of_equal_and_1_of_opposite_details() -> None:
    detail = np.random.default_rng(0).normal(0, 20, (64, 64, 3)).astype(np.float32)
    assert contradiction(detail, detail).max() < 1e-5
    assert contradiction(detail, -detail).min() == 1
    assert contradiction(detail / 100, -detail / 100).max() < 0.1, "too faint to contradict"


def test_the_flow_finds_how_far_a_thing_is_moved_and_nothing_moves_where_it_is_known() -> None:
    flow = flow_between(FACE, np.where(RIGHT_EYE[..., None], shifted(FACE, 4, 2), FACE), RIGHT_EYE)
    eye = np.s_[115:127, int(AXIS) + 23 : int(AXIS) + 39]
    assert np.median(flow[eye].reshape(-1, 2), axis=0) == pytest.approx((4, 2), abs=0.7)
    assert not flow[~RIGHT_EYE].any()
    assert np.abs(flow_between(FACE, FACE, RIGHT_EYE)).max() < 0.05


# ------------------------------------------------------------------ the other side of the face


def reflected(share: float) -> Mirror:
    """All of `RIGHT_EYE` from the other side, so much of it."""
    return Mirror(
        Places(np.float32(2 * AXIS) - XS, YS),
        np.ones((SIDE, SIDE, 3), np.float32),
        share * RIGHT_EYE.astype(np.float32),
    )


@pytest.mark.parametrize("fidelity", [0.2, 0.5, 0.8])
def test_mirrored_pixels_are_mixed_as_if_the_natural_answer_had_them(fidelity: float) -> None:
    mirror, natural = reflected(1.0), shifted(FACE, 3, 2)
    with_mirror = mixture(natural, FOGGY, RIGHT_EYE, fidelity, mirror=mirror)
    expected = mixture(mirror.laid_over(natural), FOGGY, RIGHT_EYE, fidelity).picture()
    assert np.abs(with_mirror.picture() - expected)[ellipse(AXIS + 31, 118, 18, 13)].max() < 12
    assert np.abs(with_mirror.picture() - expected).mean() < 0.05
    assert with_mirror.mirror is not None
    assert with_mirror.mirror.share.max() == pytest.approx(1 - fidelity)
    assert dimmed(mirror, fidelity).share.sum() == pytest.approx((1 - fidelity) * mirror.share.sum(), rel=1e-5)


def test_the_texture_takes_over_from_mirrored_grain() -> None:
    share = np.array([[0, 0.3, 1]], np.float32)
    assert further_texture(share, 0.0) == pytest.approx(0, abs=1e-6)
    assert further_texture(share, 1.0) == pytest.approx(0, abs=1e-6)
    half = further_texture(share, 0.5)
    assert half[0, 0] == pytest.approx(0, abs=1e-6) and half[0, 2] == pytest.approx(np.sqrt(0.75) - 0.5)
