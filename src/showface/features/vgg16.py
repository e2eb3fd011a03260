"""VGG16's convolutional trunk (Simonyan and Zisserman 2015), frozen, for the perceptual and style losses and LPIPS.

The structure is written here; the weights are arrays in JAX layout: `VGG16_0/Conv_<i>/kernel` (h, w, in, out) and
`bias` (out).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from showface import assets
from showface.errors import SettingError, unknown
from showface.features.arrays import load_convolutions
from showface.features.imagenet import ImageNetNorm

BLOCKS = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))


def steps() -> tuple[str, ...]:
    """The trunk in order of execution: "relu1_1", "relu1_2", "pool1", ... "relu5_3", "pool5"."""
    return tuple(
        name
        for block, widths in enumerate(BLOCKS, start=1)
        for name in (*(f"relu{block}_{i}" for i in range(1, len(widths) + 1)), f"pool{block}")
    )


def steps_up_to(layers: Sequence[str]) -> tuple[str, ...]:
    """The steps to the deepest of `layers`; `SettingError` if one is unknown or there is none."""
    order = steps()
    for name in layers:
        if name not in order:
            raise SettingError(unknown("VGG16 layer", name, order))
    if not layers:
        raise SettingError("expected at least one VGG16 layer, got none")
    return order[: 1 + max(order.index(name) for name in layers)]


class VGG16(nn.Module):
    """The activations of the named `layers`, in the order in which they are named.

    `layers` are names of `steps()`; convolutions after the deepest of them are neither built nor computed.
    Parameters take no gradient; the input does.
    """

    def __init__(self, *, layers: Sequence[str] = ("pool1", "pool2", "pool3")) -> None:
        super().__init__()
        self.layers, self.steps = tuple(layers), steps_up_to(layers)
        widths = [width for block in BLOCKS for width in block]
        count = sum(name.startswith("relu") for name in self.steps)
        self.convolutions = nn.ModuleList(
            nn.Conv2d(c_in, c_out, 3, padding=1)
            for c_in, c_out in zip((3, *widths[: count - 1]), widths[:count], strict=True)
        )
        self.norm = ImageNetNorm()
        self.requires_grad_(False).eval()

    @classmethod
    def pretrained(cls, *, layers: Sequence[str] = ("pool1", "pool2", "pool3")) -> VGG16:
        """The trunk with its ImageNet weights, fetched once by `showface.assets`."""
        return cls.from_arrays(assets.load_arrays(assets.path("vgg16-lpips")), layers=layers)

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Any], *, layers: Sequence[str] = ("pool1", "pool2", "pool3")) -> VGG16:
        """The trunk with the weights `arrays["VGG16_0"]["Conv_<i>"]["kernel" or "bias"]`; other entries are ignored."""
        trunk = cls(layers=layers)
        load_convolutions(trunk.convolutions, arrays, "VGG16_0")
        return trunk

    def forward(self, image: Float[Tensor, "b 3 h w"]) -> list[Float[Tensor, "b _ _ _"]]:
        """Activations of `image`, RGB in [0, 1], which is ImageNet-normalised here. Pooling follows the ReLU."""
        x = self.norm(image)
        found: dict[str, Tensor] = {}
        convolutions = iter(self.convolutions)
        for step in self.steps:
            x = F.max_pool2d(x, 2) if step.startswith("pool") else F.relu(next(convolutions)(x))
            if step in self.layers:
                found[step] = x
        return [found[name] for name in self.layers]
