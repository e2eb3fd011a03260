"""Layers in their lean form: once nothing more is learnt, the same function in fewer steps.

Each takes over the parameters of the layers it stands for and equals them up to rounding. What makes them lean:

    normalisations   a batch norm is a factor and a shift for each channel, a spectral norm a factor: into the weights
    partial          outside its valid mask a partial convolution's result is 0, so the next need not mask it again
    up-sampling      a 3 x 3 kernel on pixels repeated 2 x 2 meets 2 x 2 different ones: a transposed convolution of 4/9
                     of the work
    neighbours       convolutions that read the same features are one
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils import fuse_conv_bn_eval, parametrize

from showface.layers.partial_convolution import PartialConvolution, expand_valid, renormalisation
from showface.layers.spade import Spade, positional_norm
from showface.layers.window import any_false

NORMED = {"conv": "bn", "conv1": "bn1", "conv2": "bn2", "conv_atten": "bn_atten", "0": "1"}
"""Names under which a module holds a convolution and the batch norm behind it."""


def without_spectral_norm(network: nn.Module) -> None:
    """Puts plain convolutions of the normalised weights, in evaluation mode, in place of normalised ones in `network`.

    Torch's own way removes the property from the convolution's class, which copies of it share.
    """
    for module in list(network.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, nn.Conv2d) and parametrize.is_parametrized(child, "weight"):
                setattr(module, name, as_one([child.eval()]))


def as_one(convolutions: Sequence[nn.Conv2d]) -> nn.Conv2d:
    """Convolutions of the same features and settings as one, outputs concatenated; weights as they are, for use.

    Several must be without groups, all with a bias or none with one.
    """
    first = convolutions[0]
    made = nn.Conv2d(
        first.in_channels, sum(each.out_channels for each in convolutions), first.kernel_size,  # type: ignore[arg-type]
        first.stride, first.padding, first.dilation, first.groups,  # type: ignore[arg-type]
        padding_mode=first.padding_mode, device="meta",
    )  # fmt: skip
    biases = [each.bias.detach() for each in convolutions if each.bias is not None]
    made.weight = _frozen(torch.cat([each.weight.detach() for each in convolutions]))
    made.bias = _frozen(torch.cat(biases)) if biases else None
    return made.eval()


def without_batch_norm(network: nn.Module) -> None:
    """Puts every batch norm of `network`, as it is in evaluation mode, into the convolution before it."""
    for module in list(network.modules()):
        children = dict(module.named_children())
        for name, norm in NORMED.items():
            first, second = children.get(name), children.get(norm)
            if isinstance(first, nn.Conv2d) and isinstance(second, nn.BatchNorm2d):
                setattr(module, name, fuse_conv_bn_eval(first.eval(), second.eval()))
                setattr(module, norm, nn.Identity())


def round_convolutions(network: nn.Module, dtype: torch.dtype) -> None:
    """Weights and shifts of the convolution layers in `network` as `dtype`; tensors shared with others stay as is."""
    for module in network.modules():
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d, LeanPartialConvolution)):
            for name, parameter in list(module.named_parameters(recurse=False)):
                setattr(module, name, _frozen(parameter.detach().to(dtype)))
            for name, buffer in list(module.named_buffers(recurse=False)):
                setattr(module, name, buffer.to(dtype))


class LeanPartialConvolution(nn.Module):
    """A partial convolution with the norm and the activation behind it.

    norm: a batch norm or nothing (`nn.Identity`). slope: of the leaky ReLU behind it, 1 = none. zeroed: whether
    `x` is 0 wherever it is not valid.
    """

    weight: Tensor
    shift: Tensor

    def __init__(
        self, layer: PartialConvolution, *, norm: nn.Module | None = None, slope: float = 1.0, zeroed: bool
    ) -> None:
        super().__init__()
        self.groups, self.kernel, self.stride, self.largest = (
            layer.groups, layer.kernel, layer.stride, layer.largest_scale,
        )  # fmt: skip
        self.slope, self.zeroed, self.shifts_holes = slope, zeroed, isinstance(norm, nn.BatchNorm2d)
        weight, shift = _weight_and_shift(layer, norm)
        self.register_buffer("weight", weight.contiguous(memory_format=torch.channels_last))
        self.register_buffer("shift", shift.view(1, -1, 1, 1))

    def forward(
        self, x: Float[Tensor, "b c h w"], valid: Float[Tensor, "b g h w"] | None
    ) -> tuple[Float[Tensor, "b d h2 w2"], Float[Tensor, "b 1 h2 w2"] | None]:
        """As `PartialConvolution.forward`."""
        if valid is None:
            return self._active(F.conv2d(x, self.weight, self.shift.flatten(), self.stride, self.kernel // 2)), None
        scale, valid_out = self._renormalisation(valid)
        x = x if self.zeroed else x * expand_valid(valid, self.groups).to(x.dtype)
        y = F.conv2d(x, self.weight, None, self.stride, self.kernel // 2)
        return self._finished(y, scale, valid_out), valid_out

    def _renormalisation(self, valid: Float[Tensor, "b g h w"]) -> tuple[Tensor, Tensor]:
        return renormalisation(
            valid, groups=self.groups, kernel=self.kernel, stride=self.stride, largest=self.largest
        )  # fmt: skip

    def _finished(self, y: Tensor, scale: Tensor, valid: Tensor) -> Tensor:
        """Scale, shift and activation; the shift of a bias ends at the hole, that of a norm does not."""
        y = torch.addcmul(self.shift.to(y.dtype), y, scale.to(y.dtype))
        if not self.shifts_holes and any_false(valid):
            y = y.mul_(valid.to(y.dtype))
        return self._active(y)

    def _active(self, y: Tensor) -> Tensor:
        return y if self.slope == 1.0 else F.leaky_relu_(y, self.slope)


def _weight_and_shift(
    layer: PartialConvolution, norm: nn.Module | None
) -> tuple[Float[Tensor, "d c k k"], Float[Tensor, " d"]]:
    """The kernel with the norm in it, and what is added to each channel behind it."""
    weight = layer.convolution.weight.detach()
    if isinstance(norm, nn.BatchNorm2d):
        assert norm.running_mean is not None and norm.running_var is not None and layer.bias is None
        gain = norm.weight * torch.rsqrt(norm.running_var + norm.eps)
        return weight * gain.view(-1, 1, 1, 1), norm.bias - norm.running_mean * gain
    return weight, weight.new_zeros(len(weight)) if layer.bias is None else layer.bias.detach()


class LeanJoinedConvolution(LeanPartialConvolution):
    """A 3 x 3 partial convolution of features up-sampled two-fold (nearest) beside features of full size.

    `split` is how many channels are up-sampled; the rest of the arguments are those of `LeanPartialConvolution`.
    """

    from_small: Tensor

    def __init__(
        self,
        layer: PartialConvolution,
        *,
        split: int,
        norm: nn.Module | None = None,
        slope: float = 1.0,
        zeroed: bool,
    ) -> None:
        super().__init__(layer, norm=norm, slope=slope, zeroed=zeroed)
        small, large = self.weight[:, :split], self.weight[:, split:]
        self.register_buffer("from_small", transposed_kernel(small).contiguous(memory_format=torch.channels_last))
        self.register_buffer("weight", large.contiguous(memory_format=torch.channels_last))

    def joined(
        self,
        x: Float[Tensor, "b c h w"],
        valid: Float[Tensor, "b 1 h w"] | None,
        skip: tuple[Float[Tensor, "b d h2 w2"], Float[Tensor, "b g h2 w2"] | None],
    ) -> tuple[Float[Tensor, "b e h2 w2"], Float[Tensor, "b 1 h2 w2"] | None]:
        """`x` at half the size of `skip`, each with its own valid planes."""
        if valid is None or skip[1] is None:
            y = F.conv2d(skip[0], self.weight, self.shift.flatten(), padding=1)
            return self._active(y.add_(F.conv_transpose2d(x, self.from_small, None, stride=2, padding=1))), None
        doubled = F.interpolate(valid, scale_factor=2.0, mode="nearest")
        scale, valid_out = self._renormalisation(torch.cat([doubled, skip[1].to(doubled.dtype)], dim=1))
        large = skip[0]
        if not self.zeroed:
            x, large = x * valid.to(x.dtype), large * expand_valid(skip[1], self.groups[1:]).to(large.dtype)
        y = F.conv2d(large, self.weight, None, padding=1)
        y = y.add_(F.conv_transpose2d(x, self.from_small, None, stride=2, padding=1))
        return self._finished(y, scale, valid_out), valid_out


def transposed_kernel(kernel: Float[Tensor, "d c 3 3"]) -> Float[Tensor, "c d 4 4"]:
    """The kernel of a transposed convolution (stride 2, padding 1) that equals up-sampling two-fold, then `kernel`.

    Output pixel 2p + j - 1 takes of input pixel p those taps that fall on either of its two copies.
    """
    taps = kernel.new_tensor([[0, 0, 1], [0, 1, 1], [1, 1, 0], [1, 0, 0]])  # (4, 3)
    return torch.einsum("jk,dckl,il->cdji", taps, kernel, taps)


class LeanSpade(nn.Module):
    """`Spade` with gamma, to which 1 is added beforehand, and beta from one convolution."""

    def __init__(self, spade: Spade) -> None:
        super().__init__()
        self.shared = spade.shared
        self.both = as_one([spade.gamma, spade.beta])
        assert self.both.bias is not None
        self.both.bias[: spade.gamma.out_channels] += 1

    def forward(self, x: Float[Tensor, "b c h w"], features: Float[Tensor, "b f h w"]) -> Float[Tensor, "b c h w"]:
        """As `Spade.forward`."""
        return self.modulate(positional_norm(x), features)

    def modulate(
        self, normalised: Float[Tensor, "b c h w"], features: Float[Tensor, "b f h w"]
    ) -> Float[Tensor, "b c h w"]:
        """As `Spade.modulate`."""
        gain, shift = self.both(F.relu_(self.shared(features))).chunk(2, dim=1)
        return torch.addcmul(shift, normalised.to(gain.dtype), gain)


def _frozen(values: Tensor) -> nn.Parameter:
    return nn.Parameter(values.contiguous(memory_format=torch.channels_last) if values.ndim == 4 else values, False)
