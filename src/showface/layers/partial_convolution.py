"""Partial convolution (Liu et al. 2018), the coarse network's layer (paper section 3.1).

    y = W * (x . m) * (k k C / sum(m)) + b   where sum(m) > 0, else 0;      m' = [sum(m) > 0]

Here m is 1 where a value is *valid* (the opposite of the project's mask). The mask has as many channels as the
features; since all channels of one group share theirs, it is carried as one plane per group (a skip and an up-sampled
half, say), weighted by the number of channels it stands for: exact, and far cheaper than a dense convolution of ones.
Where everything is valid (None) it is an ordinary convolution, padded with zeros.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F


def valid_weight(valid: Float[Tensor, "b g h w"], channels: tuple[int, ...], kernel: int) -> Float[Tensor, "1 g k k"]:
    """The kernel of ones that counts valid values, each plane weighted by the channels it stands for."""
    weight = valid.new_tensor(channels, dtype=torch.float32).view(1, -1, 1, 1)
    return weight.expand(1, len(channels), kernel, kernel)


def expand_valid(valid: Float[Tensor, "b g h w"], channels: tuple[int, ...]) -> Float[Tensor, "b c h w"]:
    """One valid plane per channel from one per group; a single group stays one plane, which broadcasts."""
    if len(channels) == 1:
        return valid
    planes = [valid[:, i : i + 1].expand(-1, count, -1, -1) for i, count in enumerate(channels)]
    return torch.cat(planes, dim=1)


@torch.no_grad()
def renormalisation(
    valid: Float[Tensor, "b g h w"], *, groups: tuple[int, ...], kernel: int, stride: int = 1, largest: float
) -> tuple[Float[Tensor, "b 1 h2 w2"], Float[Tensor, "b 1 h2 w2"]]:
    """The factor k k C / sum(m), at most `largest`, and m'; both float32 and 0 where nothing is valid.

    `groups` lists the channels that each plane of `valid` stands for.
    """
    with torch.autocast(valid.device.type, enabled=False):
        weight = valid_weight(valid, groups, kernel)
        count = F.conv2d(valid.float(), weight, stride=stride, padding=kernel // 2)  # (b, 1, h2, w2)
        valid_out = (count > 0).float()
        window = float(kernel * kernel * sum(groups))
        return valid_out * (window / count.clamp_min(1.0)).clamp_max(largest), valid_out


class PartialConvolution(nn.Module):
    """Convolution over valid values only, renormalised by how many there were; returns the features and their mask.

    `groups` lists how many input channels each plane of the incoming valid mask stands for; they sum to `in_channels`.
    `bias` is added where anything was valid, so that an all-hole window gives exactly 0. `largest_scale` bounds the
    factor k k C / sum(m), which a lone valid pixel in a wide window would drive to hundreds; 0 = unbounded.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        kernel: int,
        stride: int = 1,
        groups: tuple[int, ...] | None = None,
        bias: bool = False,
        largest_scale: float = 0.0,
    ) -> None:
        super().__init__()
        self.largest_scale = largest_scale or float("inf")
        self.groups = groups or (in_channels,)
        self.kernel, self.stride = kernel, stride
        self.convolution = nn.Conv2d(in_channels, out_channels, kernel, stride, kernel // 2, bias=False)
        self.bias = nn.Parameter(torch.zeros(out_channels)) if bias else None
        nn.init.kaiming_normal_(self.convolution.weight, nonlinearity="relu")

    def forward(
        self, x: Float[Tensor, "b c h w"], valid: Float[Tensor, "b g h w"] | None
    ) -> tuple[Float[Tensor, "b d h2 w2"], Float[Tensor, "b 1 h2 w2"] | None]:
        """`x` any finite range, `valid` exactly 0 or 1 (1 = valid). The result is 0 where the returned mask is 0."""
        if valid is None:
            y = self.convolution(x)
            return (y if self.bias is None else y + self.bias.to(y.dtype).view(1, -1, 1, 1)), None
        scale, valid_out = renormalisation(
            valid, groups=self.groups, kernel=self.kernel, stride=self.stride, largest=self.largest_scale
        )
        y = self.convolution(x * expand_valid(valid, self.groups).to(x.dtype))
        y = y * scale.to(y.dtype)
        if self.bias is not None:
            y = y + self.bias.to(y.dtype).view(1, -1, 1, 1) * valid_out.to(y.dtype)
        return y, valid_out
