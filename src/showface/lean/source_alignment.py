"""Source alignment in its lean form: sources are joined, and lit as the face is, only where the hole depends on it."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from showface.layers.window import hole_window
from showface.networks.source_alignment import SOFT, SourceAlignment

DEPENDS = 2 * SOFT  # pixels from which the soft light of one is read: a cell smoothed, then one interpolated


class LeanSourceAlignment(SourceAlignment):
    """`SourceAlignment` with the same weights; for use by `lean` alone."""

    def _shown(
        self, coarse: Tensor, mask: Tensor, pictures: Float[Tensor, "b k 3 h w"], confidence: Float[Tensor, "b k 1 h w"]
    ) -> tuple[Float[Tensor, "b 1 h w"], Float[Tensor, "b 3 h w"]]:
        """As `SourceAlignment._shown`; outside the hole the face is the coarse one."""
        window = hole_window(mask).grown(DEPENDS).reduced(SOFT).enlarged(SOFT)
        count = pictures.shape[1]
        within = (window.of(x.flatten(0, 1)).unflatten(0, (-1, count)) for x in (pictures, confidence))
        share, face = super()._shown(window.of(coarse), window.of(mask), *within)
        return window.put(share, mask.new_zeros(mask.shape)), window.put(face, coarse)
