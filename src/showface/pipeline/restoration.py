"""A completed photograph, and what was done to it."""

from __future__ import annotations

from dataclasses import dataclass, field

from showface.photo.choose import View
from showface.photo.fidelity import FIDELITY
from showface.photo.photograph import Photo
from showface.photo.seam import Seam


@dataclass(frozen=True, kw_only=True, eq=False)
class Restoration:
    """A completed photograph and what was done to it."""

    photo: Photo
    views: tuple[View, ...] = ()  # the squares that the networks completed, and where they come from
    hole_share: float = 0.0  # of the photograph, in [0, 1]
    outside_faces: float = 0.0  # the part of the hole that was filled in from its rim, without the networks
    mirrored: float = 0.0  # the part of the hole that was taken from the other side of the face
    mirror: tuple[str, ...] = ()  # for each view "taken", or why nothing was (`photo.mirror.WhyNot`)
    fidelity: float = FIDELITY  # where between the natural answer (0) and the faithful one (1) it lies
    seam: Seam = field(default_factory=lambda: Seam(step=0.0, usual=0.0, colour=0.0))
    notes: tuple[str, ...] = ()  # one line each: what the user should know

    @property
    def faces(self) -> int:
        """How many faces were completed."""
        return sum(view.how != "region" for view in self.views)
