"""What every box of the network made of one face, as pictures and figures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float
from PIL import Image

from showface.explain.pictures import heated
from showface.networks.mdrnets import MDRNetsOutput
from showface.photo.mirror import Mirror, WhyNot

REASONS: dict[WhyNot, str] = {
    "off": "switched off",
    "no face": "no face was found",
    "nothing whole": "nothing is hidden whole",
    "hidden on both sides": "hidden on both sides",
    "turned head": "the head is turned",
    "sides differ": "the two sides differ",
}
OtherSideOf = Callable[[MDRNetsOutput, Bool[np.ndarray, "h w"]], Mirror | WhyNot]
"""From what the networks made of a face and what of it is hidden to what its other side has for that."""


@dataclass(frozen=True)
class Attention:
    """Where one patch of the hole takes its features from, in the picture from which it takes most."""

    shares: Float[np.ndarray, "rows columns"]  # of every patch of that picture
    patch: tuple[float, float, float, float]  # left, top, right, bottom of the patch, in sides of the face
    picture: int = 0  # 0 = the face itself, 1 = its mirror image, then the further sources
    total: float = 1.0  # of this picture; all together have 1 unless the correlation is "none"

    def words(self) -> str:
        """The same in short."""
        largest = float(self.shares.max())
        if self.picture == 0 and self.total > 0.995:
            return f"largest share {largest:.2%}, {largest * self.shares.size:.1f} times the mean"
        return f"{named(self.picture)}: {self.total:.0%} in all, up to {largest:.2%}"


def named(picture: int) -> str:
    """What mining takes from, in words: the face itself, its mirror image, a further source."""
    return ("the face", "mirror image")[picture] if picture < 2 else f"source {picture - 1}"


@dataclass(frozen=True)
class CategoryRead:
    """What one semantic category read from its block of the memory."""

    name: str
    colour: tuple[int, int, int]
    hidden: float  # the part of its cells that is in the hole
    weights: Float[np.ndarray, " slots"]  # the share of every slot in the answer; all zero where none answered
    personal: bool = False  # whether the personal block answered: what is seen of the person, and no slot

    def words(self) -> str:
        """Who answered, in short."""
        if self.weights.any():
            return f"up to {self.weights.max():.0%}"
        return "none: what is seen of the person answered" if self.personal else "no slot yet"


@dataclass(frozen=True)
class OtherSide:
    """What the other side of the face had for the hole."""

    picture: Image.Image  # the visible face faded, and over it in colour what was taken
    found: Literal["taken"] | WhyNot  # or why nothing was taken
    share: float = 0.0  # of the hole, in [0, 1]

    def words(self) -> str:
        """The same in short."""
        return f"{self.share:.0%} of the hole" if self.found == "taken" else f"nothing: {REASONS[self.found]}"


@dataclass(frozen=True)
class BroughtSources:
    """What the sources show on the face."""

    face: Image.Image  # the coarse face with it in its hole
    moved: Image.Image  # one source on the face, as bright as the confidence in it; needles to where it was looked at
    source: int  # which one, counted as in `Attention`: the one of most confidence in the hole
    farthest: float  # that it was looked at from any place of the hole, in pixels
    confidence: float  # mean over the hole
    share: float  # of the sources in the hole of `face`, in [0, 1]

    def words(self) -> tuple[str, str]:
        """The same in short: of `face`, of `moved`."""
        return (
            f"{self.share:.0%} of the hole",
            f"{named(self.source)}, by {self.farthest:.1f} px, confidence {self.confidence:.0%}",
        )


@dataclass(frozen=True)
class Explanation:
    """What every box of the network made of one face: its pictures, what was read, and from where."""

    aligned: Image.Image  # with nothing hidden
    visible: Image.Image  # the hole in white
    coarse: Image.Image
    semantic_map: Image.Image  # in the colours of `PALETTE`
    completed: Image.Image  # by the networks
    other_side: OtherSide
    reads: list[CategoryRead]
    attention: Attention | None
    looked_at: Image.Image  # the picture that `attention` tells of
    brought: BroughtSources | None = None  # None where the network looks at the face alone

    def sources(self) -> Image.Image | None:
        """Where one patch of the hole took its features from, as heat on the picture it took most from."""
        return None if self.attention is None else heated(self.looked_at, self.attention.shares, self.attention.patch)
