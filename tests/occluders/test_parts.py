from __future__ import annotations

import numpy as np

from showface.occluders.parts import connected_parts


def test_parts_that_touch_at_a_corner_are_one_and_the_largest_comes_first() -> None:
    mask = np.zeros((8, 10), dtype=bool)
    mask[0, 0] = mask[3:6, 3:6] = mask[6, 6] = mask[0:2, 8:10] = True
    parts = connected_parts(mask)
    assert [int(part.sum()) for part in parts] == [10, 4, 1]
    assert np.array_equal(np.logical_or.reduce(parts), mask)
    assert parts[0][6, 6] and not parts[0][0].any()


def test_nothing_has_no_parts() -> None:
    assert connected_parts(np.zeros((4, 4), dtype=bool)) == []
