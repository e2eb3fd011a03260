"""One update of one phase: losses, gradient, optimiser, running averages."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import AdamW

from showface.data.batches import Batch
from showface.errors import NonFiniteError
from showface.layers.recomputing import same_spectra
from showface.lean.precision import bf16_autocast
from showface.training.configuration import OptimiserConfig, StageConfig
from showface.training.distributed.ranks import average_gradients, average_told
from showface.training.muon import Muon, is_matrix
from showface.training.stages import Phase
from showface.training.state import TrainState


def make_optimiser(network: nn.Module, config: OptimiserConfig) -> AdamW:
    """The optimiser of a phase's network, with decoupled weight decay; vectors and scalars do not decay.

    With Muon, what is no matrix or a small one is left to Adam.
    """
    decaying = [p for p in network.parameters() if p.ndim > 1]
    matrices = [p for p in decaying if config.method == "muon" and is_matrix(p)]
    among_them = {id(p) for p in matrices}
    groups: list[dict[str, Any]] = [
        {"params": [p for p in decaying if id(p) not in among_them], "weight_decay": config.weight_decay},
        {"params": [p for p in network.parameters() if p.ndim <= 1], "weight_decay": 0.0},
        {"params": matrices, "weight_decay": config.weight_decay, "matrices": True},
    ]
    kind = Muon if config.method == "muon" else AdamW
    return kind([g for g in groups if g["params"]], lr=config.lr, betas=config.betas)


def learning_rate(config: OptimiserConfig, step: int, steps: int) -> float:
    """The rate of step number `step` (from 0) of `steps`."""
    if step < config.warmup:
        return config.lr * (step + 1) / config.warmup
    done = step / steps
    rate = config.lr * (config.drop if done >= config.drop_at else 1.0)
    if config.schedule == "cosine":
        through = (step - config.warmup) / max(1, steps - config.warmup)
        rate *= config.final + (1 - config.final) * 0.5 * (1 + math.cos(math.pi * through))
    return rate


def run_phase(
    phase: Phase, batch: Batch, state: TrainState, config: StageConfig, *, each_gradient: bool = False
) -> dict[str, Tensor]:
    """Losses, gradient, update of one phase; stops before the update if any of them is not finite.

    Returns the losses and the gradient's norm before clipping, without gradient; if `each_gradient` is set, also the
    norm of every loss's own, with several parts of the first one.
    """
    optimiser, parts = state.optimisers[phase.name], batch.parts(config.accumulate)
    for group in optimiser.param_groups:
        group["lr"] = learning_rate(phase.optimiser, state.step, config.steps)
    phase.network.requires_grad_(True)
    optimiser.zero_grad(set_to_none=True)
    precision = partial(bf16_autocast, batch.images.device, config.precision == "bf16")
    if parts[-1].part.count > 1:
        with precision():
            phase.survey(parts)
    every: list[dict[str, Tensor]] = []
    apart: dict[str, Tensor] = {}
    for number, part in enumerate(parts):
        with same_spectra(*(state.networks.values() if number else ())):
            with precision():
                losses = phase.losses(part)
            if each_gradient and not number:
                apart = gradient_norms(losses, phase.raw())
            (losses["total"] / len(parts)).backward()
        every.append({name: value.detach() for name, value in losses.items()})
    average_gradients(phase.network)
    norm = nn.utils.clip_grad_norm_(phase.network.parameters(), phase.optimiser.clip or math.inf)
    told = average_told(every) | {"gradient": norm.to(batch.images.device)}
    refuse_non_finite(told)
    optimiser.step()
    phase.network.requires_grad_(False)
    label = "" if phase.name == "generator" else f"{phase.name}_"
    return {f"{label}{name}": value for name, value in (told | apart).items()}


def gradient_norms(losses: dict[str, Tensor], raw: Tensor | None) -> dict[str, Tensor]:
    """The norm of each weighted term's gradient with respect to the `raw` output, as `gradient_of_<term>`.

    What it costs is the way back through the measuring networks, not through the one that learns. Terms that do not
    depend on `raw` are left out.
    """
    norms: dict[str, Tensor] = {}
    for name, loss in losses.items():
        if raw is not None and name != "total" and loss.requires_grad:
            (gradient,) = torch.autograd.grad(loss, raw, retain_graph=True, allow_unused=True)
            if gradient is not None:
                norms[f"gradient_of_{name}"] = gradient.detach().float().norm()
    return norms


def refuse_non_finite(values: dict[str, Tensor]) -> None:
    """Stop with the names of all scalars that are NaN or infinite; one transfer from the device for all of them."""
    finite = torch.stack([value.float() for value in values.values()]).isfinite().tolist()
    bad = [name for name, good in zip(values, finite, strict=True) if not good]
    if bad:
        raise NonFiniteError(f"not finite: {', '.join(bad)}")


@torch.no_grad()
def average(state: TrainState, decay: float) -> None:
    """Move the running averages; early on they follow faster. Buffers are copied."""
    decay = min(decay, (1 + state.step) / (10 + state.step))
    for name, mean in state.averages.items():
        network = state.networks[name]
        pairs = list(zip(mean.parameters(), network.parameters(), strict=True))
        torch._foreach_lerp_([m for m, _ in pairs], [p.detach() for _, p in pairs], 1 - decay)
        for kept, buffer in zip(mean.buffers(), network.buffers(), strict=True):
            kept.copy_(buffer)
