"""Close-ups of eyes and mouth: where they lie, what is in them, which of them count."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from showface.errors import SettingError
from showface.losses.components import COMPONENTS, component_centres, component_crops, look_at_components
from showface.semantics import CATEGORIES

EYE, MOUTH = CATEGORIES.index("eye"), CATEGORIES.index("mouth")
SIZES = {"eyes": (96, 256), "mouth": (96, 160)}  # height, width of a close-up of a face of 256 px


def face_map(side: int = 256, *, shift: tuple[int, int] = (0, 0)) -> Tensor:
    """Eyes of 20 x 10 px at x 90 and 150, y 120, a mouth of 50 x 16 px at (126, 188); `shift` to the right and down."""
    scale, (right, down) = side / 256, shift
    semantic_map = torch.ones(1, side, side, dtype=torch.int64)
    for x, y, width, height, category in (
        (90, 120, 20, 10, EYE), (150, 120, 20, 10, EYE), (126, 188, 50, 16, MOUTH)
    ):  # fmt: skip
        x, y = x + right, y + down
        rows, columns = (
            slice(round(scale * (middle - length / 2)), round(scale * (middle + length / 2)))
            for middle, length in ((y, height), (x, width))
        )
        semantic_map[:, rows, columns] = category
    return semantic_map


def pictures(side: int = 256, seed: int = 0) -> tuple[Tensor, Tensor]:
    """A composite and a truth, both smooth noise."""
    coarse = torch.rand(2, 3, side // 8, side // 8, generator=torch.Generator().manual_seed(seed)) * 2 - 1
    completed, truth = F.interpolate(coarse, size=(side, side), mode="bilinear")
    return completed[None], truth[None]


FULL = torch.ones(1, 1, 256, 256)


@pytest.mark.parametrize("name", COMPONENTS)
@pytest.mark.parametrize("side", [256, 64])
def test_centres_are_those_of_the_map_at_any_size(name: str, side: int) -> None:
    expected = {"eyes": (120 / 256, 120 / 256), "mouth": (126 / 256, 188 / 256)}[name]
    found = component_centres(name, face_map(side))
    torch.testing.assert_close(found, torch.tensor([expected]), rtol=0, atol=0.5 / side)


@pytest.mark.parametrize("name", COMPONENTS)
def test_a_map_without_the_component_falls_back_to_its_usual_place(name: str) -> None:
    nothing = torch.ones(1, 256, 256, dtype=torch.int64)
    speck = nothing.clone()
    speck[:, 10:12, 10:12] = {"eyes": EYE, "mouth": MOUTH}[name]
    expected = torch.tensor([COMPONENTS[name].usual]) / 256
    torch.testing.assert_close(component_centres(name, torch.cat((nothing, speck))), expected.expand(2, 2))


def test_each_picture_has_a_place_of_its_own() -> None:
    maps = torch.cat((face_map(), face_map(shift=(12, -6)), torch.ones(1, 256, 256, dtype=torch.int64)))
    found = 256 * component_centres("mouth", maps)
    torch.testing.assert_close(found, torch.tensor([[126.0, 188.0], [138.0, 182.0], [127.0, 190.0]]))


def test_crops_are_twice_the_size_of_what_is_in_them() -> None:
    """At whole places, the mean of each 2 x 2 pixels of a close-up of a ramp is the ramp."""
    ramp = torch.linspace(-1, 1, 256).expand(1, 3, 256, 256)
    crops = component_crops("eyes", ramp, ramp.mT, FULL, face_map())
    assert crops.completed.shape == crops.truth.shape == (1, 3, *SIZES["eyes"])
    left, top = 120 - 64, 120 - 24
    torch.testing.assert_close(F.avg_pool2d(crops.completed, 2), ramp[..., top : top + 48, left : left + 128])
    torch.testing.assert_close(F.avg_pool2d(crops.truth, 2), ramp.mT[..., top : top + 48, left : left + 128])


@pytest.mark.parametrize("name", COMPONENTS)
def test_composite_truth_and_mask_are_cropped_in_the_same_place(name: str) -> None:
    truth, mask = pictures()[1], torch.zeros(1, 1, 256, 256)
    mask[..., 100:200, 110:140] = 1
    crops = component_crops(name, truth + 0.25 * mask, truth, mask, face_map())
    assert crops.mask.shape == (1, 1, *SIZES[name])
    assert set(crops.mask.unique().tolist()) == {0.0, 1.0}
    difference = (crops.completed - crops.truth).mean(dim=1, keepdim=True)
    inside = crops.mask * (F.avg_pool2d(crops.mask, 5, 1, 2) > 0.999)
    outside = (F.max_pool2d(crops.mask, 5, 1, 2) == 0).float()
    torch.testing.assert_close(difference * inside, 0.25 * inside)
    assert not (difference * outside).any() and inside.any() and outside.any()


@pytest.mark.parametrize("name", COMPONENTS)
def test_a_mirrored_face_has_mirrored_crops(name: str) -> None:
    completed, truth = pictures()
    mask = (torch.rand(1, 1, 32, 32, generator=torch.Generator().manual_seed(3)) > 0.6).float()
    mask = F.interpolate(mask, size=(256, 256), mode="nearest")
    crops = component_crops(name, completed, truth, mask, face_map(shift=(9, 3)))
    mirrored = component_crops(
        name, completed.flip(3), truth.flip(3), mask.flip(3), face_map(shift=(9, 3)).flip(2)
    )  # fmt: skip
    torch.testing.assert_close(mirrored.completed, crops.completed.flip(3), rtol=0, atol=1e-4)
    torch.testing.assert_close(mirrored.truth, crops.truth.flip(3), rtol=0, atol=1e-4)
    assert torch.equal(mirrored.mask, crops.mask.flip(3))


def test_other_sizes_are_in_proportion() -> None:
    completed, truth = pictures(128)
    crops = component_crops("mouth", completed, truth, torch.ones(1, 1, 128, 128), face_map(64))
    assert crops.completed.shape == (1, 3, 48, 80)


def test_what_lies_beyond_the_picture_repeats_its_border_and_is_no_hole() -> None:
    picture, beyond = torch.full((1, 3, 256, 256), -0.5), torch.ones(1, 256, 256, dtype=torch.int64)
    beyond[:, 240:, 100:150] = MOUTH
    crops = component_crops("mouth", picture, picture, FULL, beyond)
    assert (crops.completed == -0.5).all()
    assert crops.mask[..., :64, :].all() and not crops.mask[..., 64:, :].any()  # its centre is 8 px from the edge


def test_only_components_that_the_hole_touches_count() -> None:
    mask = torch.zeros(3, 1, 256, 256)
    mask[0, :, 120, 60] = 1  # in the corner of an eye
    mask[1, :, 188, 126] = 1  # in the mouth
    completed, truth = (picture.expand(3, -1, -1, -1) for picture in pictures())
    maps = face_map().expand(3, -1, -1)
    found = {name: component_crops(name, completed, truth, mask, maps) for name in COMPONENTS}
    assert found["eyes"].weights.tolist() == [1, 0, 0]
    assert found["mouth"].weights.tolist() == [0, 1, 0]
    counting = found["mouth"].counting()
    assert torch.equal(counting.completed, found["mouth"].completed[1:2])
    assert torch.equal(counting.truth, found["mouth"].truth[1:2])
    assert torch.equal(counting.mask, found["mouth"].mask[1:2]) and counting.weights.tolist() == [1]


def test_the_gradient_flows_through_the_crop_and_stays_within_it() -> None:
    completed, truth = pictures()
    completed = completed.bfloat16().requires_grad_()
    component_crops("eyes", completed, truth, FULL, face_map()).completed.square().sum().backward()
    assert completed.grad is not None
    reached = completed.grad.abs().sum(dim=(0, 1)) > 0
    assert reached[97:143, 57:183].all()
    assert not reached[:95].any() and not reached[145:].any() and not reached[:, :55].any()


def test_only_touched_components_are_looked_at() -> None:
    seen: list[tuple[int, ...]] = []

    def trunk(image: Tensor) -> list[Tensor]:
        seen.append(tuple(image.shape))
        return [F.avg_pool2d(image, 4)]

    mask = torch.zeros(2, 1, 256, 256)
    mask[1, :, 110:130, 80:100] = 1
    completed, truth = (picture.expand(2, -1, -1, -1) for picture in pictures())
    looked = look_at_components(trunk, completed, truth, mask, face_map().expand(2, -1, -1))
    assert list(looked) == ["eyes", "mouth"]
    assert seen == [(1, 3, 96, 256)] * 2 + [(0, 3, 96, 160)] * 2
    assert looked["eyes"].mask.shape == (1, 1, 96, 256) and looked["eyes"].mask.any()


def test_an_unknown_component_suggests_the_nearest() -> None:
    with pytest.raises(SettingError, match="did you mean 'eyes'"):
        component_centres("eye", face_map())
