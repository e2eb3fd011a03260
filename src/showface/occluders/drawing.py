"""All occluders by name, with the hole shares they have."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool

from showface.errors import SettingError, unknown
from showface.occluders.damage import box, lettering, scratches
from showface.occluders.hand import hand
from showface.occluders.worn import glasses, medical_mask

Draw = Callable[[np.random.Generator, int | tuple[int, int]], Bool[np.ndarray, "h w"]]


@dataclass(frozen=True)
class Occluder:
    """One kind of occluder: how it is drawn, and between which shares of a square picture its hole then lies."""

    draw: Draw
    share: tuple[float, float]


OCCLUDERS = {
    "hand": Occluder(hand, (0.08, 0.40)),
    "glasses": Occluder(glasses, (0.03, 0.12)),
    "medical-mask": Occluder(medical_mask, (0.13, 0.22)),
    "scratches": Occluder(scratches, (0.01, 0.12)),
    "lettering": Occluder(lettering, (0.01, 0.25)),
    "box": Occluder(box, (0.15, 0.45)),
}


def draw_occluder(rng: np.random.Generator, size: int | tuple[int, int], name: str = "") -> Bool[np.ndarray, "h w"]:
    """The mask of the occluder called `name`, of any kind without a name; True = hole.

    `size` is the side of a square or (height, width); faces are taken to be aligned within the largest centred square.
    The share of the hole is that of `OCCLUDERS` for squares of 128 px and more; on smaller ones thin lines weigh more.
    """
    name = name or str(rng.choice(list(OCCLUDERS)))
    if name not in OCCLUDERS:
        raise SettingError(unknown("occluder", name, OCCLUDERS))
    return OCCLUDERS[name].draw(rng, size)
