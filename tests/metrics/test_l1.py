"""method.md §9: L1(%) against hand values."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from showface.metrics.l1 import l1


def test_known_values() -> None:
    truth = torch.zeros(2, 3, 4, 4, dtype=torch.uint8)
    picture = truth.clone()
    picture[0] = 255
    picture[1, 0] = 51  # a fifth of the range in one channel of three
    torch.testing.assert_close(l1(picture, truth), torch.tensor([100.0, 20 / 3], dtype=torch.float64))


def test_unsigned_differences_do_not_wrap() -> None:
    dark, light = (torch.full((1, 3, 4, 4), level, dtype=torch.uint8) for level in (10, 20))
    assert l1(dark, light).item() == l1(light, dark).item()
    assert abs(l1(dark, light).item() - 1000 / 255) < 1e-9


@given(st.integers(0, 2**32), st.integers(1, 5), st.integers(1, 9), st.integers(1, 9))
def test_equals_the_plain_formula_for_each_picture_of_a_batch(seed: int, count: int, height: int, width: int) -> None:
    rng = np.random.default_rng(seed)
    picture, truth = rng.integers(0, 256, (2, count, 3, height, width), dtype=np.uint8)
    expected = [
        100 * sum(abs(int(a) - int(b)) for a, b in zip(one.flat, other.flat, strict=True)) / one.size / 255
        for one, other in zip(picture, truth, strict=True)
    ]
    values = l1(torch.from_numpy(picture), torch.from_numpy(truth))
    assert np.allclose(values.numpy(), expected, rtol=1e-12)
    order = rng.permutation(count)
    assert l1(torch.from_numpy(picture[order]), torch.from_numpy(truth[order])).equal(values[order])
