"""The paper's face parser (section 3.2): the published 19-class BiSeNet, its classes merged into 14 categories.

`BiSeNet` has the structure of the published weights and keeps their parameter names, so that these load strictly:
a ResNet-18 context path whose feature at an eighth of the resolution takes the place of the spatial path.
"""

from __future__ import annotations

from pathlib import Path

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn import functional as F

from showface.layers.normed_convolution import BasicBlock, ConvNormReLU
from showface.layers.regions import downsample_semantic_map
from showface.semantics import BISENET_ORDER, CATEGORY_COUNT, merged

BISENET_SIZE = 512
"""The only input size at which the published weights are known to work; at 128 px their labels collapse."""

_IMAGENET_MEAN = (0.485, 0.456, 0.406)
_IMAGENET_STD = (0.229, 0.224, 0.225)


class BiSeNetParser(nn.Module):
    """The published BiSeNet with its 19 classes merged into the 14 categories.

    Frozen from the start and always in evaluation mode; its weights come with `load` or with a state dictionary.
    """

    table: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.bisenet = BiSeNet()
        table = merged(BISENET_ORDER)
        self.members = [[i for i, into in enumerate(table) if into == category] for category in range(CATEGORY_COUNT)]
        self.register_buffer("table", torch.tensor(table), persistent=False)
        self.requires_grad_(False).eval()

    def load(self, path: Path) -> None:
        """Take the published weights from their `.pth` file."""
        self.bisenet.load_state_dict(_published(path))

    def train(self, mode: bool = True) -> BiSeNetParser:
        """Stays in evaluation mode: batch statistics would change S between training and use."""
        del mode
        return super().train(False)

    def forward(self, image: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 14 h w"]:
        """Log-probabilities of the categories: the summed soft-max mass of their classes, in float32."""
        logits: Tensor = self.bisenet.logits(_prepared(image))
        logits = F.interpolate(logits.float(), size=image.shape[2:], mode="bilinear", align_corners=True)
        classes = logits.log_softmax(dim=1)  # (b, 19, h, w)
        return torch.stack([classes[:, members].logsumexp(dim=1) for members in self.members], dim=1)

    @torch.no_grad()
    def semantic_map(
        self, image: Float[Tensor, "b 3 h w"], size: int | tuple[int, int]
    ) -> Int64[Tensor, "b small_h small_w"]:
        """The category of each of `size` cells (a side, or height and width): the likeliest class, looked up."""
        return self.table[self.bisenet.classes(image, size)]


def _stage(in_channels: int, out_channels: int, *, stride: int) -> nn.Sequential:
    return nn.Sequential(BasicBlock(in_channels, out_channels, stride=stride), BasicBlock(out_channels, out_channels))


class _ResNet18(nn.Module):
    """ResNet-18 without its classifier: features at an eighth, a sixteenth and a thirty-second of the input."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.layer1 = _stage(64, 64, stride=1)
        self.layer2 = _stage(64, 128, stride=2)
        self.layer3 = _stage(128, 256, stride=2)
        self.layer4 = _stage(256, 512, stride=2)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        stem = F.max_pool2d(F.relu(self.bn1(self.conv1(image))), 3, stride=2, padding=1)  # (b, 64, h/4, w/4)
        eighth = self.layer2(self.layer1(stem))  # (b, 128, h/8, w/8)
        sixteenth = self.layer3(eighth)  # (b, 256, h/16, w/16)
        return eighth, sixteenth, self.layer4(sixteenth)  # (b, 512, h/32, w/32)


class _AttentionRefinement(nn.Module):
    """Channels weighted by what the whole picture holds (BiSeNet's attention refinement module)."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = ConvNormReLU(in_channels, out_channels)
        self.conv_atten = nn.Conv2d(out_channels, out_channels, 1, bias=False)
        self.bn_atten = nn.BatchNorm2d(out_channels)

    def forward(self, features: Tensor) -> Tensor:
        refined: Tensor = self.conv(features)
        attention: Tensor = self.bn_atten(self.conv_atten(refined.mean(dim=(2, 3), keepdim=True)))  # (b, c, 1, 1)
        return refined * attention.sigmoid()


class _ContextPath(nn.Module):
    """The ResNet's coarse features, refined and brought to an eighth of the resolution from the top down."""

    def __init__(self) -> None:
        super().__init__()
        self.resnet = _ResNet18()
        self.arm16 = _AttentionRefinement(256, 128)
        self.arm32 = _AttentionRefinement(512, 128)
        self.conv_head32 = ConvNormReLU(128, 128)
        self.conv_head16 = ConvNormReLU(128, 128)
        self.conv_avg = ConvNormReLU(512, 128, kernel=1)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        eighth, sixteenth, thirty_second = self.resnet(image)
        whole = self.conv_avg(thirty_second.mean(dim=(2, 3), keepdim=True))  # (b, 128, 1, 1)
        context = F.interpolate(self.arm32(thirty_second) + whole, size=sixteenth.shape[2:])  # nearest
        context = self.conv_head32(context) + self.arm16(sixteenth)  # (b, 128, h/16, w/16)
        return eighth, self.conv_head16(F.interpolate(context, size=eighth.shape[2:]))  # both (b, 128, h/8, w/8)


class _FeatureFusion(nn.Module):
    """Detail and context joined, then re-weighted by channel (BiSeNet's feature fusion module)."""

    def __init__(self) -> None:
        super().__init__()
        self.convblk = ConvNormReLU(256, 256, kernel=1)
        self.conv1 = nn.Conv2d(256, 64, 1, bias=False)
        self.conv2 = nn.Conv2d(64, 256, 1, bias=False)

    def forward(self, detail: Tensor, context: Tensor) -> Tensor:
        fused: Tensor = self.convblk(torch.cat((detail, context), dim=1))  # (b, 256, h/8, w/8)
        attention: Tensor = self.conv2(F.relu(self.conv1(fused.mean(dim=(2, 3), keepdim=True)))).sigmoid()
        return fused + fused * attention


class _Head(nn.Module):
    """Features to the logits of the 19 classes."""

    def __init__(self, in_channels: int, width: int) -> None:
        super().__init__()
        self.conv = ConvNormReLU(in_channels, width)
        self.conv_out = nn.Conv2d(width, len(BISENET_ORDER), 1, bias=False)

    def forward(self, features: Tensor) -> Tensor:
        logits: Tensor = self.conv_out(self.conv(features))
        return logits


class BiSeNet(nn.Module):
    """The published face parser: 19 classes in `BISENET_ORDER`.

    `conv_out16` and `conv_out32` served its training only; they are here so that the weights load strictly.
    """

    def __init__(self) -> None:
        super().__init__()
        self.cp = _ContextPath()
        self.ffm = _FeatureFusion()
        self.conv_out = _Head(256, 256)
        self.conv_out16 = _Head(128, 64)
        self.conv_out32 = _Head(128, 64)

    def forward(self, image: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 19 h w"]:
        """Logits at the input's size; `image` is ImageNet-normalised RGB, its sides multiples of 32."""
        return F.interpolate(self.logits(image), size=image.shape[2:], mode="bilinear", align_corners=True)

    def logits(self, image: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 19 h//8 w//8"]:
        """Logits at an eighth of the resolution, where they are computed."""
        logits: Tensor = self.conv_out(self.ffm(*self.cp(image)))
        return logits

    @torch.no_grad()
    def classes(
        self, image: Float[Tensor, "b 3 h w"], size: int | tuple[int, int] = BISENET_SIZE
    ) -> Int64[Tensor, "b small_h small_w"]:
        """The class of each of `size` cells, in `BISENET_ORDER`; `image` is RGB in [-1, 1] of any size."""
        logits: Tensor = self(_prepared(image))
        return downsample_semantic_map(logits.argmax(dim=1), size)


def _prepared(image: Tensor) -> Tensor:
    """RGB in [-1, 1] to what the published weights expect: 512 px (bilinear), ImageNet-normalised."""
    mean = image.new_tensor(_IMAGENET_MEAN).view(1, 3, 1, 1)
    std = image.new_tensor(_IMAGENET_STD).view(1, 3, 1, 1)
    if image.shape[2:] != (BISENET_SIZE, BISENET_SIZE):
        image = F.interpolate(image, size=(BISENET_SIZE, BISENET_SIZE), mode="bilinear", align_corners=False)
    return ((image + 1) / 2 - mean) / std


def load_bisenet(path: Path) -> BiSeNet:
    """The published parser, frozen and in evaluation mode, from its `.pth` file (tensors only, no pickled code)."""
    parser = BiSeNet()
    parser.load_state_dict(_published(path))
    return parser.eval().requires_grad_(False)


def _published(path: Path) -> dict[str, Tensor]:
    state: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    return state
