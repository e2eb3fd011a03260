"""Close-ups of eyes and mouth for critics of their own (facial component loss, GFPGAN, Wang et al. 2021).

Not in the paper. Both eyes are one component, so that two that do not match are seen together. Places are those of the
true picture's map of categories: composite and truth are looked at in the same place.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.nn import functional as F

from showface.errors import SettingError, unknown
from showface.losses.projected import Looked, Trunk, look_at
from showface.semantics import region_categories


class Component(NamedTuple):
    """Place and size of a close-up, in pixels of an aligned face of 256 px (CelebA-HQ): x before y."""

    usual: tuple[float, float]
    """Its centre where the face's own map does not show the component."""
    width: int
    height: int


COMPONENTS = {  # by their names in `semantics.REGIONS`
    "eyes": Component(usual=(127.4, 121.75), width=128, height=48),  # the middle of (96.4, 121.7) and (158.4, 121.8)
    "mouth": Component(usual=(127.0, 190.0), width=80, height=48),
}
FRAME, ENLARGED = 256, 2  # the face's side that these are pixels of; how many times larger a close-up is
LEAST = 0.001  # share of the picture below which a component counts as not shown


@dataclass(frozen=True, kw_only=True)
class Crops:
    """One component of every picture, at twice its size."""

    completed: Float[Tensor, "b 3 h w"]
    truth: Float[Tensor, "b 3 h w"]
    mask: Float[Tensor, "b 1 h w"]
    weights: Float[Tensor, " b"]
    """1 where the hole touches the crop: elsewhere nothing was completed in it, and it does not count."""

    def counting(self) -> Crops:
        """Those of weight 1; there may be none."""
        chosen = self.weights > 0
        return Crops(
            completed=self.completed[chosen], truth=self.truth[chosen], mask=self.mask[chosen],
            weights=self.weights[chosen],
        )  # fmt: skip


def look_at_components(
    trunk: Trunk,
    completed: Float[Tensor, "b 3 h w"],
    truth: Float[Tensor, "b 3 h w"],
    mask: Float[Tensor, "b 1 h w"],
    semantic_map: Int64[Tensor, "b hs ws"],
) -> dict[str, Looked]:
    """What `trunk` sees of each component, in the pictures whose hole touches its crop."""
    crops = {name: component_crops(name, completed, truth, mask, semantic_map).counting() for name in COMPONENTS}
    return {name: look_at(trunk, crop.completed, crop.truth, crop.mask) for name, crop in crops.items()}


def component_crops(
    name: str,
    completed: Float[Tensor, "b 3 h w"],
    truth: Float[Tensor, "b 3 h w"],
    mask: Float[Tensor, "b 1 h w"],
    semantic_map: Int64[Tensor, "b hs ws"],
) -> Crops:
    """The component `name` of `COMPONENTS` in the composite, which takes a gradient, and in the `truth`.

    mask: 1 = hole. `semantic_map`: the true pictures' categories, of any size. What lies beyond a picture repeats its
    border and is no hole.
    """
    centres = component_centres(name, semantic_map)
    grid = _grid(COMPONENTS[name], centres, (mask.shape[2], mask.shape[3]))
    pictures = torch.cat((completed.float(), truth.float()), dim=1)  # (b, 6, h, w)
    close = F.grid_sample(pictures, grid, mode="bilinear", padding_mode="border", align_corners=False)
    hole = F.grid_sample(mask.float(), grid, mode="nearest", padding_mode="zeros", align_corners=False)
    return Crops(completed=close[:, :3], truth=close[:, 3:], mask=hole, weights=(hole.amax(dim=(1, 2, 3)) > 0).float())


def component_centres(name: str, semantic_map: Int64[Tensor, "b hs ws"]) -> Float[Tensor, "b 2"]:
    """The mean place of the component's cells, or its usual place: x and y, in sides of the picture."""
    if name not in COMPONENTS:
        raise SettingError(unknown("component", name, COMPONENTS))
    device, (height, width) = semantic_map.device, semantic_map.shape[1:]
    shown = torch.isin(semantic_map, torch.tensor(region_categories(name), device=device)).float()  # (b, hs, ws)
    xs, ys = ((torch.arange(side, device=device) + 0.5) / side for side in (width, height))
    sums = torch.stack(((shown * xs).sum(dim=(1, 2)), (shown * ys[:, None]).sum(dim=(1, 2))), dim=1)  # (b, 2)
    count = shown.sum(dim=(1, 2))[:, None]
    usual = torch.tensor(COMPONENTS[name].usual, device=device) / FRAME
    return torch.where(count >= LEAST * height * width, sums / count.clamp_min(1), usual)


def _grid(component: Component, centres: Float[Tensor, "b 2"], size: tuple[int, int]) -> Float[Tensor, "b h2 w2 2"]:
    """Where each pixel of the crops lies in pictures of `size`, in [-1, 1] as `grid_sample` counts: x, then y."""
    shares = component.height / FRAME, component.width / FRAME
    ys, xs = (_about(share, side, centres.device) for share, side in zip(shares, size, strict=True))
    offsets = torch.stack((xs.expand(len(ys), -1), ys[:, None].expand(-1, len(xs))), dim=2)  # (h2, w2, 2)
    return 2 * (centres[:, None, None] + offsets) - 1


def _about(share: float, side: int, device: torch.device) -> Float[Tensor, " n"]:
    """The places of a crop's pixels along one side, about its centre, in sides of the picture."""
    count = max(1, round(ENLARGED * share * side))
    return ((torch.arange(count, device=device) + 0.5) / count - 0.5) * share
