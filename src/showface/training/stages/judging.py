"""Which pictures of a batch the losses judge: all by those of the pixels, some by those that need a network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace

import torch
from torch import Tensor

from showface.losses.configuration import LossWeights
from showface.losses.objective import ObjectiveInputs

PIXEL_TERMS = ("valid", "hole", "tv", "ssim", "pattern")  # the losses that need no network


def judged_terms(
    whole: ObjectiveInputs,
    judged: ObjectiveInputs,
    weights: LossWeights,
    terms: Callable[[ObjectiveInputs, LossWeights], dict[str, Tensor]],
) -> dict[str, Tensor]:
    """The `terms` of pixels on `whole` and those that need a network on `judged`, with "total", the sum of all."""
    pairs = zip((whole, judged), shares(weights), strict=True)
    parts = [terms(inputs, share) for inputs, share in pairs if share is not None]
    total = torch.stack([part["total"] for part in parts]).sum()
    return {name: value for part in parts for name, value in part.items()} | {"total": total}


def first_of(inputs: ObjectiveInputs, count: int) -> ObjectiveInputs:
    """The first `count` pictures of a batch; the very same tensors if `count` is 0, which means all."""
    if not count:
        return inputs
    return ObjectiveInputs(
        raw=inputs.raw[:count], completed=inputs.completed[:count], truth=inputs.truth[:count], mask=inputs.mask[:count]
    )


def shares(objective: LossWeights) -> tuple[LossWeights | None, LossWeights | None]:
    """The terms that need no network and those that do; None where there is none."""
    pixels = {name: 0.0 for name in asdict(objective) if name not in PIXEL_TERMS}
    networks = {name: 0.0 for name in PIXEL_TERMS}
    return _without(objective, pixels), _without(objective, networks)


def _without(objective: LossWeights, names: dict[str, float]) -> LossWeights | None:
    left = any(weight for name, weight in asdict(objective).items() if name not in names)
    return replace(objective, **names) if left else None
