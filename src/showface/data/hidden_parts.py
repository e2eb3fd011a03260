"""Holes that hide a whole part of a face, such as both eyes, where the part lies in the very picture to train on."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Bool, UInt8

from showface.data.windows import Window
from showface.occluders.kinds import KINDS, hide
from showface.occluders.typical import typical_face

TWICE = ("one_eye", "both_eyes", "mouth", "half_face")  # are hidden twice as often as the other kinds
ODDS = tuple((2 if kind in TWICE else 1) / (len(KINDS) + len(TWICE)) for kind in KINDS)


@dataclass(frozen=True)
class PartMap:
    """Where the parts of an aligned face lie: its categories, and the window of them that is shown.

    As it stands, a typical face, all of it.
    """

    categories: UInt8[np.ndarray, "side side"] = field(default_factory=typical_face)
    window: Window = field(default_factory=Window)

    def mirrored(self) -> PartMap:
        """The map of the mirrored picture; the categories do not tell left from right."""
        return PartMap(self.categories[:, ::-1], self.window.mirrored())


def hidden_part(
    rng: np.random.Generator, face: PartMap, size: int, kind: str = ""
) -> Bool[np.ndarray, "{size} {size}"]:
    """The hole of one of `KINDS`, by chance without a name, at `size` pixels of what the window shows.

    It is drawn in the whole picture, where the alignment holds, and then cut out; empty where the part is not in view.
    """
    kind = kind or str(rng.choice(KINDS, p=ODDS))
    whole = round(size / face.window.side)
    top, left = (min(max(round(start * whole), 0), whole - size) for start in (face.window.top, face.window.left))
    return hide(kind, face.categories, whole, rng)[top : top + size, left : left + size]
