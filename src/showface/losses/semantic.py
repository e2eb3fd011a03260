"""Semantic loss (paper section 3.5, named only; the parsing loss of Li et al. 2017, the paper's reference [14])."""

from __future__ import annotations

from jaxtyping import Float, Int64
from torch import Tensor
from torch.nn import functional as F


def semantic_loss(log_probabilities: Float[Tensor, "b n h w"], labels: Int64[Tensor, "b h w"]) -> Float[Tensor, ""]:
    """Cross-entropy of the frozen parser's reading of the completed picture against the true picture's labels.

    `log_probabilities` are over the n merged categories, `labels` lie in 0..n-1. Averaged over all pixels.
    """
    return F.nll_loss(log_probabilities.float(), labels, reduction="none").mean()
