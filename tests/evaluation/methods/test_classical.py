"""Inpainting that learns nothing, behind our conventions."""

from types import ModuleType

import pytest
import torch

from showface.errors import MissingExtraError
from showface.evaluation.methods import classical
from showface.evaluation.methods.classical import biharmonic, harmonic
from showface.evaluation.methods.named import BASELINES
from showface.layers.harmonic_fill import harmonic_fill


def hole() -> torch.Tensor:
    mask = torch.zeros(1, 1, 24, 24, dtype=torch.bool)
    mask[..., 8:14, 6:15] = True
    return mask


def noise() -> torch.Tensor:
    return torch.randint(0, 256, (1, 3, 24, 24), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("name", BASELINES)
def test_a_flat_picture_stays_flat_within_rounding(name: str) -> None:
    image = torch.tensor([200, 100, 50], dtype=torch.uint8)[None, :, None, None].expand(1, 3, 24, 24)
    completed = BASELINES[name](image.masked_fill(hole(), 0), hole())
    assert (completed.int() - image.int()).abs().max() <= 2


@pytest.mark.parametrize("name", BASELINES)
def test_hidden_pixels_and_channel_order_do_not_matter(name: str) -> None:
    image, method = noise(), BASELINES[name]
    completed = method(image, hole())
    assert torch.equal(method(image.masked_fill(hole(), 255), hole()), completed)
    assert torch.equal(method(image.flip(1), hole()), completed.flip(1))
    assert not torch.equal(completed, image)


@pytest.mark.parametrize("name", BASELINES)
def test_pictures_of_a_batch_do_not_touch_each_other(name: str) -> None:
    images, masks, method = torch.cat([noise(), noise().flip(2)]), hole().expand(2, 1, 24, 24), BASELINES[name]
    assert torch.equal(method(images, masks)[1:], method(images[1:], masks[1:]))


def test_harmonic_is_the_fill_of_the_coarse_network() -> None:
    filled = harmonic_fill(noise().float(), hole().float())
    assert torch.equal(harmonic(noise(), hole()).float(), filled.round())


def test_a_plane_is_continued_by_the_two_that_solve_an_equation() -> None:
    """A slope has neither curvature nor bend; the smooth fills continue it, which a mean of the rim would not."""
    slope = torch.arange(24).mul(8).add(20).to(torch.uint8).expand(1, 3, 24, 24)
    assert (biharmonic(slope.masked_fill(hole(), 0), hole()).int() - slope.int()).abs().max() <= 1
    assert (harmonic(slope.masked_fill(hole(), 0), hole()).int() - slope.int()).abs().max() <= 12


def test_without_scikit_image_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> ModuleType:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(classical, "import_module", absent)
    with pytest.raises(MissingExtraError, match=r"showface\[evaluate\]"):
        biharmonic(noise(), hole())
