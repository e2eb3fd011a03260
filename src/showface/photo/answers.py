"""The two answers for what a view hides, and the photograph with what lies between them put back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from showface.photo.choose import View
from showface.photo.mirror import Mirror, WhyNot
from showface.photo.mixing import Mixture, dimmed, mixture
from showface.photo.photograph import Photo
from showface.photo.put_back import put_back


@dataclass(frozen=True, eq=False)
class Answers:
    """What the networks, and the other side of the face, have for what is `hidden` in a view; RGB in 0..255."""

    view: View
    hidden: Bool[np.ndarray, "256 256"]
    natural: Float[np.ndarray, "256 256 3"]  # without the other side of the face
    faithful: Float[np.ndarray, "256 256 3"]
    other_side: Mirror | WhyNot  # which belongs to the natural answer

    def at(self, fidelity: float) -> Mixture:
        """What lies between both at `fidelity`: 0 = natural, 1 = faithful."""
        mirror = self.other_side if isinstance(self.other_side, Mirror) else None
        return mixture(self.natural, self.faithful, self.hidden, fidelity, mirror=mirror)

    def put_back(
        self,
        photo: Photo,
        hole: Bool[np.ndarray, "h w"],
        part: Bool[np.ndarray, "h w"],
        *,
        fidelity: float = 0.0,
        feather: float | int | None = None,
    ) -> Photo:
        """`photo` with `part` of its `hole` completed; `feather` is that of `put_back`."""
        answer = self.at(fidelity)
        return put_back(
            photo, hole, self.view.frame, answer.completed, self.hidden, part=part, feather=feather,
            mirror=answer.mirror, change=answer.change,
        )  # fmt: skip

    def mirrored(self, fidelity: float) -> float:
        """How many of the photograph's pixels come from the other side of the face."""
        found = remaining(self.other_side, fidelity)
        return float(found.share.sum()) * self.view.frame.scale**2 if isinstance(found, Mirror) else 0.0

    def mirror(self, fidelity: float) -> str:
        """The word "taken", or why nothing was taken from there."""
        found = remaining(self.other_side, fidelity)
        return "taken" if isinstance(found, Mirror) else found


def remaining(other_side: Mirror | WhyNot, fidelity: float) -> Mirror | WhyNot:
    """What of the other side of a face is left at `fidelity`: all of it at 0, nothing at 1."""
    if fidelity == 1:
        return "off"
    return dimmed(other_side, fidelity) if fidelity and isinstance(other_side, Mirror) else other_side
