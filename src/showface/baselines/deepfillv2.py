"""DeepFillv2: free-form inpainting with gated convolution (Yu et al. 2019), written from method.md §10.

    first          picture, ones and mask -> encoder, dilated middle, decoder -> a coarse face
    second         the coarse face in the known pixels -> two branches, concatenated -> decoder -> the face
        dilated    an encoder and a dilated middle of its own
        attending  an encoder, contextual attention, two layers more

Every layer is one convolution whose outputs are parted into features and gates, so that 48 outputs make 24 channels.
Its discriminator is `networks.discriminator` of kind "snpatch".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from showface.errors import SettingError
from showface.layers.contextual_attention import contextual_attention
from showface.masks import composite, downsample_mask

DILATIONS = (2, 4, 8, 16)
FEATURE_GAIN = 2.3  # ELU and sigmoid together leave 0.19 of the square of what is normally distributed


@dataclass(frozen=True, kw_only=True)
class DeepFillV2Config:
    """Layout of the generator; the default is the published one (4.05 M parameters)."""

    width: int = 48  # outputs of the first convolution, features and gates together; a multiple of 4

    def __post_init__(self) -> None:
        if self.width < 4 or self.width % 4:
            raise SettingError(f"baseline.width: expected a multiple of 4, got {self.width}; 48 is the published one")


@dataclass(frozen=True)
class Row:
    """One layer of the layout."""

    outputs: int  # features and gates together
    kernel: int = 3
    stride: int = 1
    dilation: int = 1
    up: bool = False  # nearest up-sampling by 2 before the convolution
    activation: Literal["elu", "relu"] = "elu"


class SplitGate(nn.Module):
    """`activation(features) * sigmoid(gates)`, the two halves of one convolution's outputs; zero padding."""

    def __init__(self, inputs: int, row: Row) -> None:
        super().__init__()
        self.row = row
        padding = row.dilation * (row.kernel // 2)
        self.convolution = nn.Conv2d(inputs, row.outputs, row.kernel, row.stride, padding, row.dilation)
        deviation = (inputs * row.kernel**2) ** -0.5
        nn.init.normal_(self.convolution.weight, std=deviation)
        with torch.no_grad():
            self.convolution.weight[: row.outputs // 2] *= FEATURE_GAIN
            self.convolution.get_parameter("bias").zero_()

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b d h2 w2"]:
        """Half as many channels as the row has outputs."""
        if self.row.up:
            x = F.interpolate(x, scale_factor=2.0, mode="nearest")
        features, gates = self.convolution(x).chunk(2, dim=1)
        activated = F.elu(features) if self.row.activation == "elu" else F.relu(features)
        gated: Tensor = activated * gates.sigmoid()
        return gated


class DeepFillV2(nn.Module):
    """Masked picture -> completion, in two stages. What the hole's pixels hold does not matter."""

    multiple = 8  # height and width of a picture must be multiples of this many pixels

    def __init__(self, config: DeepFillV2Config) -> None:
        super().__init__()
        self.config = config
        c = config.width
        dilated = [Row(4 * c, dilation=dilation) for dilation in DILATIONS]
        decoder = [Row(2 * c, up=True), Row(2 * c), Row(c, up=True), Row(c // 2)]
        self.first = _stack(
            5, Row(c, kernel=5), Row(2 * c, stride=2), Row(2 * c), Row(4 * c, stride=2), Row(4 * c), Row(4 * c),
            *dilated, Row(4 * c), Row(4 * c), *decoder,
        )  # fmt: skip
        self.first_head = _head(c // 4)
        self.dilated = _stack(
            3, Row(c, kernel=5), Row(c, stride=2), Row(2 * c), Row(2 * c, stride=2), Row(4 * c), Row(4 * c), *dilated,
        )  # fmt: skip
        self.attending = _stack(
            3, Row(c, kernel=5), Row(c, stride=2), Row(2 * c), Row(4 * c, stride=2), Row(4 * c),
            Row(4 * c, activation="relu"),
        )  # fmt: skip
        self.attended = _stack(2 * c, Row(4 * c), Row(4 * c))
        self.second = _stack(4 * c, Row(4 * c), Row(4 * c), *decoder)
        self.second_head = _head(c // 4)

    def forward(self, image: Float[Tensor, "b 3 h w"], mask: Float[Tensor, "b 1 h w"]) -> Float[Tensor, "b 3 h w"]:
        """`image` RGB in [-1, 1], `mask` 1 = hole; the second stage's face in [-1, 1], visible pixels included."""
        return self.both_stages(image, mask)[1]

    def both_stages(
        self, image: Float[Tensor, "b 3 h w"], mask: Float[Tensor, "b 1 h w"]
    ) -> tuple[Float[Tensor, "b 3 h w"], Float[Tensor, "b 3 h w"]]:
        """The faces of the first and of the second stage; the loss compares both with the truth."""
        height, width = image.shape[2:]
        if height % self.multiple or width % self.multiple:
            raise SettingError(f"deepfillv2: {height} x {width} pixels, expected multiples of {self.multiple}")
        visible = image.masked_fill(mask > 0.5, 0.0)
        entry = torch.cat([visible, torch.ones_like(mask), mask], dim=1)  # (b, 5, h, w)
        first = self.first_head(self.first(entry)).float().tanh()
        pasted = composite(image, first, mask)
        features = self.attending(pasted)  # (b, 2c, h/4, w/4)
        hole = downsample_mask(mask, (height // 4, width // 4))
        features = self.attended(contextual_attention(features, hole))
        joined = torch.cat([self.dilated(pasted), features], dim=1)  # (b, 4c, h/4, w/4)
        return first, self.second_head(self.second(joined)).float().tanh()


def _stack(inputs: int, *rows: Row) -> nn.Sequential:
    """The layers of `rows` one after the other."""
    entering = [inputs, *(row.outputs // 2 for row in rows)]
    return nn.Sequential(*(SplitGate(count, row) for count, row in zip(entering, rows, strict=False)))


def _head(inputs: int) -> nn.Conv2d:
    """The last convolution of a stage, to RGB before tanh."""
    head = nn.Conv2d(inputs, 3, 3, padding=1)
    nn.init.xavier_normal_(head.weight, gain=0.5)
    nn.init.zeros_(head.get_parameter("bias"))
    return head
