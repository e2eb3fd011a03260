"""How visible the border of a completion is, measured on the result alone."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float

from showface.masks import extent
from showface.photo.photograph import Photo
from showface.photo.put_back import tiles

NEAR = 4  # pixels outside the hole in which it is measured what is usual
LOCAL = 9  # pixels of border over which a step is averaged before it counts as one of colour


@dataclass(frozen=True, kw_only=True)
class Seam:
    """Differences between neighbouring pixels, in levels of 255, averaged over the channels."""

    step: float  # mean size across the hole's border
    usual: float  # mean size among the known pixels beside it
    colour: float  # mean size of what is left of the border's steps when they are averaged locally: no grain, no edges

    @property
    def visibility(self) -> float:
        """How much larger than usual the border's steps are; about 1 cannot be seen."""
        return self.step / max(self.usual, 0.5)


def seam_of(photo: Photo, hole: Bool[np.ndarray, "h w"]) -> Seam:
    """Measures a completed `photo` along the border of `hole`; all 0 if there is none."""
    rows, columns = extent(hole)
    sums = np.zeros(6)
    if rows.stop:
        grown = (
            max(0, columns.start - NEAR), max(0, rows.start - NEAR),
            min(photo.width, columns.stop + NEAR), min(photo.height, rows.stop + NEAR),
        )  # fmt: skip
        for tile in tiles(grown):
            inside = hole[tile[1] : tile[3], tile[0] : tile[2]]
            if inside.any() and not inside.all():  # else there is no border in it
                sums += _sums(photo.rgb(tile).astype(np.float32), inside)
    step, usual, colour = (float(total / max(count, 1)) for total, count in sums.reshape(3, 2))
    return Seam(step=step, usual=usual, colour=colour)


def _sums(pixels: Float[np.ndarray, "h w 3"], hole: Bool[np.ndarray, "h w"]) -> Float[np.ndarray, "6"]:
    """Sum and count of the steps across the border, of the usual ones beside it, of the local means of the first."""
    near = (cv2.dilate(hole.astype(np.uint8), np.ones((2 * NEAR + 1,) * 2)) > 0) & ~hole
    signed = np.zeros_like(pixels)
    counts = np.zeros(hole.shape, np.float32)
    sums = np.zeros(6)
    for axis in (0, 1):
        first, second = ((slice(None),) * axis + (part,) for part in (slice(None, -1), slice(1, None)))
        one, other = hole[first], hole[second]
        across, beside = one != other, near[first] & near[second]
        rises = pixels[second][across] - pixels[first][across]  # (n, 3)
        usual = pixels[second][beside] - pixels[first][beside]
        sums[:4] += _size(rises), across.sum(), _size(usual), beside.sum()
        signed[first][across] += np.where(other[across][:, None], rises, -rises)
        counts[first] += across
    box = (LOCAL, LOCAL)
    local = cv2.blur(signed, box) / np.maximum(cv2.blur(counts, box), 1e-6)[..., None]
    sums[4:] = np.abs(local).mean(2)[counts > 0].sum(), (counts > 0).sum()
    return sums


def _size(rises: Float[np.ndarray, "n 3"]) -> float:
    """The sum of the steps, each the mean over the colours."""
    return float(np.abs(rises).mean(1).sum())
