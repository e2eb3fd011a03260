"""Spatially adaptive normalisation and its gated residual block (Park et al. 2019; method.md §7.1, §7.2).

Here the modulating map is F_f, the fused features of the mask-region enhanced module, and not a label map.
"""

from __future__ import annotations

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from showface.layers.gated_convolution import GatedConvolution, Padding

SLOPE = 0.2


def positional_norm(x: Float[Tensor, "b c h w"], eps: float = 1e-5) -> Float[Tensor, "b c h w"]:
    """Each position to mean 0 and variance 1 over its channels (Li et al. 2019), without parameters.

    A layer norm of the channels-last view, which is no copy where the tensor already lies so in memory.
    """
    return F.layer_norm(x.permute(0, 2, 3, 1), (x.shape[1],), eps=eps).permute(0, 3, 1, 2)


class Spade(nn.Module):
    """`positional_norm(x) * (1 + gamma) + beta`, gamma and beta read from the features by two layers of convolution.

    features: channels of the modulating map, hidden: channels between the two layers, kernel: side of all kernels.
    """

    def __init__(
        self,
        *,
        channels: int,
        features: int,
        hidden: int = 128,
        kernel: int = 3,
        padding: Padding = "zeros",
    ) -> None:
        super().__init__()
        margin = kernel // 2
        self.shared = nn.Conv2d(features, hidden, kernel, padding=margin, padding_mode=padding)
        self.gamma = nn.Conv2d(hidden, channels, kernel, padding=margin, padding_mode=padding)
        self.beta = nn.Conv2d(hidden, channels, kernel, padding=margin, padding_mode=padding)

    def forward(self, x: Float[Tensor, "b c h w"], features: Float[Tensor, "b f h w"]) -> Float[Tensor, "b c h w"]:
        """Normalise `x`, then modulate it by `features` of the same size."""
        return self.modulate(positional_norm(x), features)

    def modulate(
        self, normalised: Float[Tensor, "b c h w"], features: Float[Tensor, "b f h w"]
    ) -> Float[Tensor, "b c h w"]:
        """`normalised * (1 + gamma) + beta`."""
        hidden = F.relu(self.shared(features), inplace=True)
        gamma: Tensor = self.gamma(hidden)
        beta: Tensor = self.beta(hidden)
        return normalised * (1 + gamma) + beta


class SpadeGatedResBlock(nn.Module):
    """(SPADE, leaky ReLU, gated convolution) twice, plus a shortcut (method.md §7.2).

    The middle width is the smaller of both. Where the widths differ the shortcut is a SPADE and a 1x1 gated
    convolution; its SPADE shares the normalised input with the first one.
    """

    def __init__(
        self,
        *,
        inputs: int,
        outputs: int,
        features: int,
        hidden: int = 128,
        kernel: int = 3,
        gate_kernel: int = 0,
        padding: Padding = "reflect",
        spectral_norm: bool = False,
    ) -> None:
        super().__init__()
        middle = min(inputs, outputs)

        def spade(channels: int) -> Spade:
            return Spade(channels=channels, features=features, hidden=hidden, kernel=kernel, padding=padding)

        def gated(inputs: int, outputs: int, kernel: int, gate_kernel: int) -> GatedConvolution:
            return GatedConvolution(
                inputs=inputs,
                outputs=outputs,
                kernel=kernel,
                gate_kernel=gate_kernel,
                activation=False,  # the leaky ReLU stands before the convolution
                padding=padding,
                spectral_norm=spectral_norm,
            )

        self.learned_shortcut = inputs != outputs
        self.first_spade = spade(inputs)
        self.first = gated(inputs, middle, 3, gate_kernel)
        self.second_spade = spade(middle)
        self.second = gated(middle, outputs, 3, gate_kernel)
        if self.learned_shortcut:
            self.shortcut_spade = spade(inputs)
            self.shortcut = gated(inputs, outputs, 1, 1)

    def forward(self, x: Float[Tensor, "b c h w"], features: Float[Tensor, "b f h2 w2"]) -> Float[Tensor, "b d h w"]:
        """The refined features; `features` are nearest-resized to the size of `x`."""
        if features.shape[-2:] != x.shape[-2:]:
            features = F.interpolate(features, size=x.shape[-2:], mode="nearest")
        normalised: Tensor = positional_norm(x)
        y: Tensor = self.first(_activate(self.first_spade.modulate(normalised, features)))
        y = self.second(_activate(self.second_spade(y, features)))
        if self.learned_shortcut:
            x = self.shortcut(self.shortcut_spade.modulate(normalised, features))
        return x + y


def _activate(x: Tensor) -> Tensor:
    return F.leaky_relu(x, SLOPE, inplace=True)
