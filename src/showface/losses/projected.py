"""Losses on what frozen features and a projected discriminator (Sauer et al. 2021) see, where there is a hole.

Not in the paper. A completion is the truth everywhere but in its hole, so only the cells of a map that touch the hole
are judged, as LaMa does (Suvorov et al. 2022): over whole pictures a critic is asked to tell the truth from itself.
Every picture's mean over its own cells counts alike, however small the hole; a picture without a hole does not count.
All maps come finest first; masks have 1 = hole, at the size of the pictures.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

Maps = Sequence[Float[Tensor, "b _ _ _"]]
Logits = Sequence[Float[Tensor, "b 1 _ _"]]
Trunk = Callable[[Tensor], Maps]
Heads = Callable[[Maps], Logits]


@dataclass(frozen=True, kw_only=True)
class Looked:
    """What a frozen network sees of the same places in completions and in the truth."""

    completed: Maps
    truth: Maps
    """Without gradient."""
    mask: Float[Tensor, "b 1 h w"]


def look_at(
    trunk: Trunk,
    completed: Float[Tensor, "b 3 h w"],
    truth: Float[Tensor, "b 3 h w"],
    mask: Float[Tensor, "b 1 h w"],
) -> Looked:
    """The features that `trunk` (RGB in [0, 1]) sees in the composite and in the `truth`, both in [-1, 1]."""
    seen = trunk((completed.float() + 1) / 2)
    with torch.no_grad():
        return Looked(completed=seen, truth=trunk((truth.float() + 1) / 2), mask=mask)


def opinion(looked: Looked, critic: Heads) -> Float[Tensor, ""]:
    """What `critic` tells the generator."""
    return projected_generator_hinge(critic(looked.completed), looked.mask)


def told_apart(looked: Looked, critic: Heads) -> Float[Tensor, ""]:
    """What `critic` learns from; no gradient reaches the generator.

    Truth and completions pass in one call: in a second one a spectral norm would have moved on.
    """
    pairs = zip(looked.truth, looked.completed, strict=True)
    logits = critic([torch.cat((truth, ours.detach())) for truth, ours in pairs])
    count = len(looked.mask)
    return projected_discriminator_hinge([x[:count] for x in logits], [x[count:] for x in logits], looked.mask)


def unmatched(looked: Looked) -> Float[Tensor, ""]:
    """How far the completions' features are from those of the truth."""
    return matched_features_loss(looked.completed, looked.truth, looked.mask)


def projected_generator_hinge(fake: Logits, mask: Float[Tensor, "b 1 h w"]) -> Float[Tensor, ""]:
    """What the generator minimises: the negative mean logit of its touched cells, averaged over the maps."""
    return torch.stack([_over_pictures(_over_cells(-logits, mask), mask) for logits in fake]).mean()


def projected_discriminator_hinge(real: Logits, fake: Logits, mask: Float[Tensor, "b 1 h w"]) -> Float[Tensor, ""]:
    """What the discriminator minimises (hinge, Lim and Ye 2017): logits of the same cells of truth and completion.

    It wants at least 1 for `real` and at most -1 for `fake`; averaged over the maps.
    """
    missed = [F.relu(1 - true.float()) + F.relu(1 + made.float()) for true, made in zip(real, fake, strict=True)]
    return torch.stack([_over_pictures(_over_cells(hinge, mask), mask) for hinge in missed]).mean()


def matched_features_loss(completed: Maps, truth: Maps, mask: Float[Tensor, "b 1 h w"]) -> Float[Tensor, ""]:
    """Feature matching (Wang et al. 2018, equation 4), relative: |f - t| over the touched cells for each |t| there.

    So layers weigh alike, whatever the size of their features. Averaged over the layers.
    """
    layers = []
    for ours, theirs in zip(completed, truth, strict=True):
        distance = (ours.float() - theirs.float()).abs().mean(dim=1, keepdim=True)  # (b, 1, h, w)
        length = theirs.float().abs().mean(dim=1, keepdim=True)
        ratio = _over_cells(distance, mask) / _over_cells(length, mask).clamp_min(1e-6)  # (b,)
        layers.append(_over_pictures(ratio, mask))
    return torch.stack(layers).mean()


def touched_cells(mask: Float[Tensor, "b 1 h w"], size: tuple[int, int]) -> Float[Tensor, "b 1 h2 w2"]:
    """The cells of a map of `size` with any of the hole in them, as 1."""
    return F.adaptive_max_pool2d(mask.float(), size)


def _over_cells(values: Float[Tensor, "b 1 h2 w2"], mask: Float[Tensor, "b 1 h w"]) -> Float[Tensor, " b"]:
    """Each picture's mean over its touched cells; 0 where there are none."""
    cells = touched_cells(mask, (values.shape[2], values.shape[3]))
    return (values.float() * cells).sum(dim=(1, 2, 3)) / cells.sum(dim=(1, 2, 3)).clamp_min(1)


def _over_pictures(means: Float[Tensor, " b"], mask: Float[Tensor, "b 1 h w"]) -> Float[Tensor, ""]:
    """The mean over the pictures that have a hole; 0 where none has."""
    holed = (mask.flatten(1).sum(dim=1) > 0).float()  # (b,)
    return (means * holed).sum() / holed.sum().clamp_min(1)
