"""What the processes of a distributed run compute together; for one process everything is the identity."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, distributed, nn


def process_count() -> int:
    """How many processes compute together; 1 unless a run was started as several."""
    together = distributed.is_available() and distributed.is_initialized()
    return distributed.get_world_size() if together else 1


def process_mean(tensor: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """The mean over all processes, the same everywhere; gradients pass, of the sum of all processes' losses."""
    if process_count() == 1:
        return tensor
    apply: Callable[[Tensor], Tensor] = _Mean.apply  # torch leaves it without types
    return apply(tensor)


class _Mean(torch.autograd.Function):
    """Its own derivative: what one process holds moves the mean, and by it the losses of all."""

    @staticmethod
    def forward(ctx: Any, tensor: Tensor) -> Tensor:
        mean = tensor.detach().clone(memory_format=torch.contiguous_format)
        distributed.all_reduce(mean)
        return mean / process_count()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        return _Mean.forward(ctx, gradients[0])


class WholeBatchNorm2d(nn.BatchNorm2d):
    """Batch norm with the statistics of the pictures of all processes, on a CPU too; all bring equally many.

    Two ranks of four normalise as one of eight does, up to rounding. Statistics are taken in float32.
    """

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        if not self.training or process_count() == 1:
            return super().forward(x)
        with torch.autocast(x.device.type, enabled=False):
            values = x.float()
            mean = process_mean(values.mean(dim=(0, 2, 3)))  # (c,)
            centred = values - mean[:, None, None]
            variance = process_mean(centred.square().mean(dim=(0, 2, 3)))  # (c,)
            self._remember(mean.detach(), variance.detach(), x.numel() // x.shape[1] * process_count())
            y = centred * (variance + self.eps).rsqrt()[:, None, None]
            if self.affine:
                y = y * self.weight[:, None, None] + self.bias[:, None, None]
        return y.to(x.dtype)

    def _remember(self, mean: Tensor, variance: Tensor, count: int) -> None:
        """Move the running statistics, as `nn.BatchNorm2d` does."""
        if self.running_mean is None or self.running_var is None or self.num_batches_tracked is None:
            return
        self.num_batches_tracked += 1
        share = 1 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean, share)
        self.running_var.lerp_(variance * count / max(1, count - 1), share)


def with_whole_batch_norms(network: nn.Module) -> nn.Module:
    """`network` with every batch norm in it replaced, in place; parameters, names and statistics stay."""
    for name, child in network.named_children():
        if type(child) is not nn.BatchNorm2d:
            with_whole_batch_norms(child)
            continue
        norm = WholeBatchNorm2d(
            child.num_features, eps=child.eps, momentum=child.momentum, affine=child.affine,
            track_running_stats=child.track_running_stats,
        )  # fmt: skip
        norm.load_state_dict(child.state_dict())
        network.add_module(name, norm.train(child.training).requires_grad_(child.weight is not None))
    return network
