"""Sets of masks: the NVIDIA irregular masks or any folder, augmented; drawn masks (paper 4.1; method.md §7.3).

Deviation: occluders and whole parts of the face, which the paper does not train on.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool

from showface.data.decoded import decoded
from showface.data.faces import list_pictures
from showface.data.hidden_parts import PartMap, hidden_part
from showface.errors import DataError, SettingError
from showface.masks import dilate, draw_free_form, mask_tensor, read_mask
from showface.occluders.drawing import draw_occluder


@dataclass(frozen=True, kw_only=True)
class MaskSource:
    """Where training masks come from."""

    folder: str = ""  # masks, white = hole; "" = drawn masks only
    drawn: float = 0.2  # share of masks that are drawn rather than read, in [0, 1]; 1 without a folder
    occluders: float = 0.0  # share of all masks that have the shape of a hand, glasses, lettering and so on, in [0, 1]
    parts: float = 0.0  # share of all masks that hide a whole part of the face, an eye or half of it, in [0, 1]
    share: tuple[float, float] = (0.01, 0.6)  # hole shares outside it are drawn again; small parts may be below it
    dilation: int = 8  # largest random dilation in pixels at the size of training; 0 = none

    def __post_init__(self) -> None:
        if not 0 <= self.drawn <= 1 or not 0 <= self.share[0] < self.share[1] < 1 or self.dilation < 0:
            raise SettingError(f"mask source: drawn {self.drawn}, share {self.share}, dilation {self.dilation}")
        if not (min(self.occluders, self.parts) >= 0 and self.occluders + self.parts <= 1):
            raise SettingError(
                "mask source: expected shares of occluders and parts of at least 0 and at most 1 in all, "
                f"found {self.occluders} and {self.parts}"
            )


def list_masks(source: MaskSource) -> list[Path]:
    """The mask files of a source; a set whose first masks are mostly white is refused as inverted."""
    if not source.folder:
        return []
    files = list_pictures(source.folder)
    probe = [float(read_mask(files[i]).mean()) for i in np.linspace(0, len(files) - 1, 16).astype(int)]
    if float(np.mean(probe)) > 0.6:
        raise DataError(
            f"{source.folder}: {np.mean(probe):.0%} of the masks is white; white must be the hole: invert them"
        )
    return files


def sample_mask(
    rng: np.random.Generator, source: MaskSource, files: list[Path], size: int, cache: str = "",
    face: PartMap | None = None,
) -> Bool[np.ndarray, "h w"]:  # fmt: skip
    """One training mask of side `size`: drawn, or read and augmented, with a hole share within the source's range.

    Masks that hide a part hide that of `face`, of a typical one without it. `cache` is a folder of decoded masks, see
    `decoded`.
    """
    # where neither is asked for, no number is drawn
    chance = rng.random() if source.occluders or source.parts else 1.0
    if chance < source.parts:
        hole = _part(rng, source, size, face or PartMap())
        return draw_free_form(rng, size, source.share) if hole is None else hole
    occluded = chance < source.parts + source.occluders
    for _ in range(8):
        if occluded:
            hole = draw_occluder(rng, size)
        elif not files or rng.random() < source.drawn:
            return draw_free_form(rng, size, source.share)
        else:
            hole = augment(rng, decoded(cache, files[int(rng.integers(len(files)))], read_mask), size, source.dilation)
        if source.share[0] <= hole.mean() <= source.share[1]:
            return hole
    return draw_free_form(rng, size, source.share)


def _part(
    rng: np.random.Generator, source: MaskSource, size: int, face: PartMap
) -> Bool[np.ndarray, "size size"] | None:
    """A hidden part, however small, that is in view and not too large; None if eight attempts give none."""
    for _ in range(8):
        hole = hidden_part(rng, face, size)
        if 0 < hole.mean() <= source.share[1]:
            return hole
    return None


def augment(
    rng: np.random.Generator, hole: Bool[np.ndarray, "h w"], size: int, dilation: int
) -> Bool[np.ndarray, "size size"]:
    """Random crop (at least 3/5 of the side), quarter turns, flip, nearest resize to `size`, random dilation."""
    side = min(hole.shape)
    crop = int(side * rng.uniform(0.6, 1.0)) if rng.random() < 0.3 else side
    top, left = (int(rng.integers(0, length - crop + 1)) for length in hole.shape)
    hole = np.rot90(hole[top : top + crop, left : left + crop], int(rng.integers(4)))
    if rng.random() < 0.5:
        hole = hole[:, ::-1]
    nearest = (np.arange(size) * crop) // size
    hole = hole[np.ix_(nearest, nearest)]
    if dilation and rng.random() < 0.3:
        grown = dilate(mask_tensor(np.ascontiguousarray(hole)), int(rng.integers(1, dilation + 1)))
        hole = grown[0, 0].numpy() > 0
    return np.ascontiguousarray(hole)
