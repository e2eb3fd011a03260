"""Activation checkpointing: a module's activations are not kept for the gradient but computed a second time.

The second time must give what the first one gave and leave no trace: running statistics and the power iterations of
spectral norm take one step a pass, not two.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils.parametrizations import _SpectralNorm
from torch.utils.checkpoint import checkpoint


def run(module: nn.Module, *inputs: Any, recompute: bool) -> Any:
    """`module(*inputs)`; with `recompute`, where gradients are kept, at the price of one more forward pass."""
    if not (recompute and torch.is_grad_enabled()):
        return module(*inputs)

    def contexts() -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
        return nullcontext(), again(module)

    return checkpoint(module, *inputs, use_reentrant=False, preserve_rng_state=False, context_fn=contexts)


@contextmanager
def again(*modules: nn.Module) -> Iterator[None]:
    """Inside, a pass through `modules` uses what the last one used: no power iteration, no step of statistics."""
    with ExitStack() as restored:
        for module in modules:
            restored.enter_context(same_spectra(module))
            for part in module.modules():
                if isinstance(part, _BatchNorm) and part.training and part.track_running_stats:
                    restored.enter_context(_still(part))
        yield


@contextmanager
def same_spectra(*modules: nn.Module) -> Iterator[None]:
    """Inside, spectral norms divide by the norms that the pass before estimated."""
    standing = [
        part for module in modules for part in module.modules() if isinstance(part, _SpectralNorm) and part.training
    ]
    try:
        for part in standing:
            part.training = False
        yield
    finally:
        for part in standing:
            part.training = True


@contextmanager
def _still(norm: _BatchNorm) -> Iterator[None]:
    """Inside, `norm` uses a batch's statistics and does not remember them."""
    kept = {name: buffer for name, buffer in norm.named_buffers(recurse=False) if buffer is not None}
    try:
        for name, buffer in kept.items():
            norm._buffers[name] = buffer.clone()
        yield
    finally:
        norm._buffers |= kept
