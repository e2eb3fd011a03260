"""Telea's inpainting behind our conventions."""

import torch

from showface.evaluation.baselines import telea


def hole() -> torch.Tensor:
    mask = torch.zeros(1, 1, 24, 24, dtype=torch.bool)
    mask[..., 8:14, 6:15] = True
    return mask


def test_a_flat_picture_stays_flat_within_rounding() -> None:
    image = torch.tensor([200, 100, 50], dtype=torch.uint8)[None, :, None, None].expand(1, 3, 24, 24)
    completed = telea(image.masked_fill(hole(), 0), hole())
    assert (completed.int() - image.int()).abs().max() <= 2


def test_hidden_pixels_and_channel_order_do_not_matter() -> None:
    image = torch.randint(0, 256, (1, 3, 24, 24), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    completed = telea(image, hole())
    assert torch.equal(telea(image.masked_fill(hole(), 255), hole()), completed)
    assert torch.equal(telea(image.flip(1), hole()), completed.flip(1))
    assert not torch.equal(completed, image)
