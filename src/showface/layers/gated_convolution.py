"""Gated convolution and the gated residual block (paper section 3.4; Yu et al. 2019; method.md §7.1).

The feature and its gate come from two separate convolutions. In cheap profiles the gate may be 1x1: it then decides
from a single position and costs a ninth.
"""

from __future__ import annotations

from typing import Literal

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils import parametrizations

Padding = Literal["reflect", "zeros"]


class GatedConvolution(nn.Module):
    """`relu(feature(x)) * sigmoid(gate(x))`, of the input's size divided by `stride`.

    kernel: side of the feature kernel, odd. gate_kernel: side of the gate kernel, odd; 0 = `kernel`.
    activation: False leaves the feature linear, as a residual needs it. spectral_norm: on both convolutions.
    """

    def __init__(
        self,
        *,
        inputs: int,
        outputs: int,
        kernel: int = 3,
        gate_kernel: int = 0,
        stride: int = 1,
        dilation: int = 1,
        activation: bool = True,
        padding: Padding = "reflect",
        spectral_norm: bool = False,
    ) -> None:
        super().__init__()
        self.activation = activation
        self.reflect = padding == "reflect"
        self.margins = (_margin(kernel, dilation), _margin(gate_kernel or kernel, dilation))
        self.feature, self.gate = (
            _convolution(
                nn.Conv2d(inputs, outputs, side, stride, 0 if self.reflect else margin, dilation), spectral_norm
            )
            for side, margin in zip((kernel, gate_kernel or kernel), self.margins, strict=True)
        )

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b d h2 w2"]:
        """The gated feature; the in-place steps touch only what the two convolutions just made."""
        padded = self._pad(x, self.margins[0])
        gate: Tensor = self.gate(padded if self.margins[1] == self.margins[0] else self._pad(x, self.margins[1]))
        feature: Tensor = self.feature(padded)
        if self.activation:
            feature = F.relu(feature, inplace=True)
        return feature * gate.sigmoid_()

    def _pad(self, x: Tensor, margin: int) -> Tensor:
        """Reflect `margin` pixels at each side; zeros are left to the convolution, which needs no copy for them."""
        return F.pad(x, (margin,) * 4, mode="reflect") if self.reflect and margin else x


class GatedResBlock(nn.Module):
    """`x + gated(gated(x))`: the first convolution dilated, the second not and without activation (method.md §7.1)."""

    def __init__(
        self,
        *,
        channels: int,
        dilation: int = 1,
        gate_kernel: int = 0,
        padding: Padding = "reflect",
        spectral_norm: bool = False,
    ) -> None:
        super().__init__()
        self.dilated = GatedConvolution(
            inputs=channels,
            outputs=channels,
            gate_kernel=gate_kernel,
            dilation=dilation,
            padding=padding,
            spectral_norm=spectral_norm,
        )
        self.linear = GatedConvolution(
            inputs=channels,
            outputs=channels,
            gate_kernel=gate_kernel,
            activation=False,
            padding=padding,
            spectral_norm=spectral_norm,
        )

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        """The input plus its gated residual."""
        residual: Tensor = self.linear(self.dilated(x))
        return x + residual


def _margin(kernel: int, dilation: int) -> int:
    """Pixels to add at each side so that an odd, dilated kernel keeps the size."""
    return dilation * (kernel // 2)


def _convolution(convolution: nn.Conv2d, spectral_norm: bool) -> nn.Module:
    """The convolution with He initialisation, spectrally normalised if asked for."""
    nn.init.kaiming_normal_(convolution.weight)
    if convolution.bias is not None:
        nn.init.zeros_(convolution.bias)
    return parametrizations.spectral_norm(convolution) if spectral_norm else convolution
