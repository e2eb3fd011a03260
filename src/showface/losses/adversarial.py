"""Adversarial loss in its hinge form (Lim and Ye 2017; Miyato et al. 2018), for logits of any shape."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F


def discriminator_hinge(real: Float[Tensor, "*real"], fake: Float[Tensor, "*fake"]) -> Float[Tensor, ""]:
    """What the discriminator minimises: it wants logits of at least 1 for `real` and at most -1 for `fake` pictures."""
    return F.relu(1 - real.float()).mean() + F.relu(1 + fake.float()).mean()


def generator_hinge(fake: Float[Tensor, "*fake"]) -> Float[Tensor, ""]:
    """What the generator minimises: the negative mean logit of its pictures."""
    return -fake.float().mean()
