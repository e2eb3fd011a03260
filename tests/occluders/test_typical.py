from __future__ import annotations

import numpy as np
import pytest

from showface.occluders.components import resampled, seen_region
from showface.occluders.kinds import KINDS, eye_places, face_middle, hide
from showface.occluders.typical import typical_face


def middle(labels: np.ndarray, region: str) -> tuple[float, float]:
    ys, xs = np.nonzero(seen_region(labels, region))
    return float(xs.mean() + 0.5), float(ys.mean() + 0.5)


@pytest.mark.parametrize("region", ["eyes", "brows", "nose", "mouth", "ears", "skin", "hair", "neck", "clothes"])
def test_every_part_that_may_be_hidden_is_there(region: str) -> None:
    assert seen_region(typical_face(), region).any()


def test_parts_lie_where_the_alignment_puts_them() -> None:
    """The places of CelebA-HQ at 256 px."""
    left, right = (tuple(256 * x for x in place) for place in eye_places(typical_face()))
    assert left == pytest.approx((96.4, 121.7), abs=0.6) and right == pytest.approx((158.4, 121.8), abs=0.6)
    assert middle(typical_face(), "nose") == pytest.approx((127, 149), abs=2)
    assert middle(typical_face(), "mouth") == pytest.approx((127, 190), abs=2)
    assert 256 * face_middle(typical_face()) == pytest.approx(127.5, abs=0.6)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_hole_lies_on_it(kind: str) -> None:
    holes = [hide(kind, typical_face(), 256, np.random.default_rng(seed)) for seed in range(10)]
    assert all(0.01 < hole.mean() < 0.65 for hole in holes)


def test_it_is_the_same_at_every_size_and_nobody_writes_to_it() -> None:
    small = typical_face(64)
    assert small.shape == (64, 64) and np.mean(small != resampled(typical_face(), 64)) < 0.03
    with pytest.raises(ValueError, match="read-only"):
        small[0, 0] = 1


def test_both_sides_are_alike() -> None:
    labels = typical_face()[:, :255]  # its middle is that of the faces, half a pixel to the left of the picture's
    assert np.mean(labels != labels[:, ::-1]) < 0.002
