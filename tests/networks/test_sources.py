"""Sources: the mirror image comes first, hidden pixels are 0, misfits are refused."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from showface.errors import SettingError
from showface.networks.sources import MOST, Sources, with_mirror


def faces(count: int = 2, height: int = 4, width: int = 6) -> tuple[Tensor, Tensor]:
    """Pictures without a value twice, and masks that hide their left third."""
    images = torch.linspace(-1, 1, count * 3 * height * width).view(count, 3, height, width)
    mask = torch.zeros(count, 1, height, width)
    mask[..., : width // 3] = 1
    return images, mask


def further(count: int, size: tuple[int, int] = (4, 6), of: int = 2) -> Sources:
    return Sources(torch.ones(of, count, 3, *size), torch.zeros(of, count, 1, *size))


def test_the_mirror_image_of_face_and_mask_comes_first() -> None:
    image, mask = faces()
    sources = with_mirror(image, mask)
    assert sources.count == 1
    assert torch.equal(sources.images[:, 0], image.flip(-1))
    assert sources.hidden[0, 0, 0].tolist() == [[0, 0, 0, 0, 1, 1]] * 4


def test_then_the_further_pictures_as_they_are() -> None:
    image, mask = faces()
    one = Sources(torch.rand(2, 3, 3, 4, 6), (torch.rand(2, 3, 1, 4, 6) < 0.5).float())
    sources = with_mirror(image, mask, one)
    assert sources.count == 4
    assert torch.equal(sources.images[:, 1:], one.images) and torch.equal(sources.hidden[:, 1:], one.hidden)
    assert torch.equal(sources.images[:, :1], with_mirror(image, mask).images)


def test_no_further_pictures_are_none() -> None:
    image, mask = faces()
    assert with_mirror(image, mask, further(0)).count == with_mirror(image, mask, None).count == 1


def test_flat_puts_the_pictures_of_a_face_together_and_hides() -> None:
    image, mask = faces()
    images, hidden = with_mirror(image, mask, further(1)).flat()
    assert images.shape == (4, 3, 4, 6) and hidden.shape == (4, 1, 4, 6)
    assert torch.equal(images[0], image[0].flip(-1) * (1 - mask[0].flip(-1)))
    assert torch.equal(images[2, :, :, :4], image[1].flip(-1)[:, :, :4]) and not images[2, :, :, 4:].any()
    assert (images[[1, 3]] == 1).all()


def test_what_hidden_pixels_hold_does_not_matter() -> None:
    hidden = torch.zeros(1, 2, 1, 4, 4)
    hidden[:, 1, :, 1:3] = 1
    images = torch.rand(1, 2, 3, 4, 4)
    other = torch.where(hidden > 0, 9.0, images)
    assert torch.equal(Sources(images, hidden).flat()[0], Sources(other, hidden).flat()[0])


@pytest.mark.parametrize(
    ("misfit", "message"),
    [
        (further(MOST + 1), "at most 4 further pictures of the person, got 5"),
        (further(1, of=1), "sources are of 1 faces at 4 x 6, expected 2 at 4 x 6"),
        (further(1, size=(6, 4)), "sources are of 2 faces at 6 x 4, expected 2 at 4 x 6; align them first"),
    ],
)
def test_misfits_are_refused(misfit: Sources, message: str) -> None:
    with pytest.raises(SettingError, match=message):
        with_mirror(*faces(), misfit)
    assert with_mirror(*faces(), further(MOST)).count == 1 + MOST
