"""METHOD section 9: L1(%) against hand values."""

import torch

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
