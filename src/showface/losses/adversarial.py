"""Adversarial loss in its hinge form (Lim and Ye 2017; Miyato et al. 2018), for logits of any shape.

Two companions that later works use and the paper does not: feature matching (Wang et al. 2018, equation 4, there summed
over layers, here averaged), which pulls a completion's features in the discriminator to those of the truth, and the
gradient penalty R1 (Mescheder et al. 2018, equation 9), which keeps the discriminator flat around true pictures.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from showface.losses.perceptual import perceptual_loss


def discriminator_hinge(real: Float[Tensor, "*real"], fake: Float[Tensor, "*fake"]) -> Float[Tensor, ""]:
    """What the discriminator minimises: it wants logits of at least 1 for `real` and at most -1 for `fake` pictures."""
    return F.relu(1 - real.float()).mean() + F.relu(1 + fake.float()).mean()


def generator_hinge(fake: Float[Tensor, "*fake"]) -> Float[Tensor, ""]:
    """What the generator minimises: the negative mean logit of its pictures."""
    return -fake.float().mean()


def feature_matching_loss(
    fake: Sequence[Float[Tensor, "b _ _ _"]], real: Sequence[Float[Tensor, "b _ _ _"]]
) -> Float[Tensor, ""]:
    """The mean absolute difference of the discriminator's features of completions and truth, averaged over layers."""
    return perceptual_loss(fake, real) / len(fake)


def r1_penalty(logits: Float[Tensor, "b _ _ _"], pictures: Float[Tensor, "b 3 h w"]) -> Float[Tensor, ""]:
    """Half the squared norm of the gradient of each picture's summed `logits` with respect to it, averaged.

    `pictures` are the true ones that `logits` were computed from, and take a gradient; so does what is returned. The
    sum is over the patches, as in LaMa (Suvorov et al. 2022), whose weight of 0.001 is for the square without the half.
    """
    (gradient,) = torch.autograd.grad(logits.float().sum(), pictures, create_graph=True)
    return 0.5 * gradient.float().square().sum(dim=(1, 2, 3)).mean()
