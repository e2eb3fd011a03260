"""Left and right in label maps: in 7 % of CelebAMask-HQ's, eyes, brows and ears are called by the other side's name.

Left is the subject's left, which lies at image right. Where it lies at image left, the whole map was drawn with the
sides exchanged (measured on 966 maps: eyes, brows and ears are wrong together or right together).
"""

from __future__ import annotations

import numpy as np
from jaxtyping import UInt8

from showface.semantics import OFFICIAL_ORDER

PARTS = ("eye", "brow", "ear")
_L, _R = ([OFFICIAL_ORDER.index(f"{side}_{part}") for part in PARTS] for side in "lr")
_NOSE = OFFICIAL_ORDER.index("nose")


def sides_are_swapped(classes: UInt8[np.ndarray, "h w"]) -> bool:
    """Whether most parts of a map in `OFFICIAL_ORDER` lie on the other side than their names say.

    Parts of which both sides are seen decide by their places; if there is none, single ones do by that of the nose.
    """
    middles = [(_middle(classes, left), _middle(classes, right)) for left, right in zip(_L, _R, strict=True)]
    votes = [np.sign(left - right) for left, right in middles if left is not None and right is not None]
    nose = _middle(classes, _NOSE)
    if not votes and nose is not None:
        votes = [np.sign(left - nose) for left, _ in middles if left is not None]
        votes += [np.sign(nose - right) for _, right in middles if right is not None]
    return bool(sum(votes) < 0)


def mended(classes: UInt8[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h w"]:
    """A map in `OFFICIAL_ORDER` with left and right where they belong; one that is right comes back as it is."""
    if not sides_are_swapped(classes):
        return classes
    table = np.arange(256, dtype=np.uint8)
    table[_L], table[_R] = _R, _L
    exchanged: UInt8[np.ndarray, "h w"] = table[classes]
    return exchanged


def _middle(classes: UInt8[np.ndarray, "h w"], index: int) -> float | None:
    """The mean column of a class; None where it does not occur."""
    columns = (classes == index).sum(axis=0)
    return float(np.average(np.arange(len(columns)), weights=columns)) if columns.any() else None
