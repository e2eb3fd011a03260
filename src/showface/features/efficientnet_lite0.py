"""EfficientNet-Lite0's trunk (Tan and Le 2019; "Lite": ReLU6 and no squeeze-and-excitation), frozen, for cheap judges.

The structure is written here; the weights are a state dict with the names of the published file. Its batch norms are
folded into the convolutions when it is loaded.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from showface import assets
from showface.errors import WeightsError
from showface.features.imagenet import ImageNetNorm

STEM, EPS = 32, 1e-3  # channels of the first convolution; of the batch norms


class Stage(NamedTuple):
    """Blocks of one width: the first may halve the map and changes the width, the others add to what they are given."""

    blocks: int
    kernel: int
    stride: int
    expansion: int
    width: int


STAGES = (
    Stage(1, 3, 1, 1, 16), Stage(2, 3, 2, 6, 24), Stage(2, 5, 2, 6, 40), Stage(3, 3, 2, 6, 80), Stage(3, 5, 1, 6, 112),
    Stage(4, 5, 2, 6, 192), Stage(1, 3, 1, 6, 320),
)  # fmt: skip
SEEN = (2, 4, 10, 15)  # blocks whose results are the features: the last of strides 4, 8, 16 and 32


class InvertedResidual(nn.Module):
    """Expanding, depth-wise and projecting convolution (Sandler et al. 2018); the last has no activation."""

    def __init__(self, inputs: int, outputs: int, *, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        width = expansion * inputs
        self.expand = nn.Conv2d(inputs, width, 1) if expansion > 1 else None
        self.depthwise = nn.Conv2d(width, width, kernel, padding=kernel // 2, groups=width)
        self.project = nn.Conv2d(width, outputs, 1)
        self.halves, self.residual = stride == 2, stride == 1 and inputs == outputs

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c2 h2 w2"]:
        y = x if self.expand is None else F.relu6(self.expand(x))
        y = self.depthwise(y)  # on CPUs the gradient of stride 2 takes longer than that of all cells
        projected: Tensor = self.project(F.relu6(every_second(y) if self.halves else y))
        return x + projected if self.residual else projected


def every_second(x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h2 w2"]:
    """The cells that TensorFlow's stride of 2 computes: every second one, the last always among them."""
    return x[..., (x.shape[2] + 1) % 2 :: 2, (x.shape[3] + 1) % 2 :: 2]


class EfficientNetLite0(nn.Module):
    """Four feature maps, finest first. Parameters take no gradient; the input does."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = ImageNetNorm()
        self.stem = nn.Conv2d(3, STEM, 3, stride=2)
        self.blocks = nn.ModuleList(_blocks())
        self.requires_grad_(False).eval()

    @classmethod
    def pretrained(cls) -> EfficientNetLite0:
        """The trunk with its ImageNet weights, fetched once by `showface.assets`."""
        return cls.from_published(torch.load(assets.path("efficientnet-lite0"), map_location="cpu", weights_only=True))

    @classmethod
    def from_published(cls, state: Mapping[str, Tensor]) -> EfficientNetLite0:
        """The trunk with the weights of `state`, named as in the published file; other entries are ignored."""
        trunk = cls()
        for name, convolution in trunk.named_modules():
            if isinstance(convolution, nn.Conv2d):
                _load(convolution, state, *_published_names(name))
        return trunk

    def forward(self, image: Float[Tensor, "b 3 h w"]) -> list[Float[Tensor, "b _ _ _"]]:
        """Features of `image`, RGB in [0, 1] and of any size, which is ImageNet-normalised here.

        They have 24, 40, 112 and 320 channels and one cell for each 4, 8, 16 and 32 pixels, begun ones included.
        """
        height, width = image.shape[2:]
        x = F.pad(self.norm(image), (width % 2, 1, height % 2, 1))  # so that stride 2 hits the cells of `every_second`
        x = F.relu6(self.stem(x))  # (b, 32, h/2, w/2)
        found: list[Tensor] = []
        for number, block in enumerate(self.blocks):
            x = block(x)
            if number in SEEN:
                found.append(x)
        return found


def _blocks() -> Iterator[InvertedResidual]:
    width = STEM
    for stage in STAGES:
        for number in range(stage.blocks):
            stride = 1 if number else stage.stride
            yield InvertedResidual(width, stage.width, kernel=stage.kernel, stride=stride, expansion=stage.expansion)
            width = stage.width


def _published_names(name: str) -> tuple[str, str]:
    """What the published file calls our convolution `name`, and the batch norm after it."""
    if name == "stem":
        return "_conv_stem", "_bn0"
    _, number, kind = name.split(".")
    norm = {"expand": "_bn0", "depthwise": "_bn1", "project": "_bn2"}[kind]
    return f"_blocks.{number}._{kind}_conv", f"_blocks.{number}.{norm}"


def _load(convolution: nn.Conv2d, state: Mapping[str, Tensor], source: str, norm: str) -> None:
    """Copy the published convolution `source`, which has no bias, with the batch norm `norm` folded into it."""
    channels = convolution.weight.shape[:1]
    kernel = _entry(state, f"{source}.weight", convolution.weight.shape)
    gain, bias, mean, variance = (
        _entry(state, f"{norm}.{part}", channels) for part in ("weight", "bias", "running_mean", "running_var")
    )
    scale = gain / (variance + EPS).sqrt()  # (out,)
    folded = {"weight": kernel * scale[:, None, None, None], "bias": bias - mean * scale}
    convolution.load_state_dict(folded)


def _entry(state: Mapping[str, Tensor], name: str, shape: torch.Size) -> Tensor:
    if name not in state:
        raise WeightsError(f"expected {name} among the weights of EfficientNet-Lite0, it is missing")
    if state[name].shape != shape:
        raise WeightsError(f"{name}: expected shape {tuple(shape)}, got {tuple(state[name].shape)}")
    return state[name]
