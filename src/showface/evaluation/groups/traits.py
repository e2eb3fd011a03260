"""What a picture of a face shows, by which results can be told apart: skin tone, glasses, hat, hair, turned head.

All is read from pixels and a map of the semantic categories, so it is a property of the picture. Age, sex and descent
are not: no set of ours carries them, and nothing here guesses them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Integer, UInt8

from showface.evaluation.categories.maps import CategoryMap
from showface.evaluation.groups.skin_tone import TONES, skin_angle, tone_of
from showface.evaluation.protocol.pairs import Protocol, read_face
from showface.masks import extent
from showface.semantics import region_categories

SKIN_TONE = "skin tone"
TRAITS = {
    SKIN_TONE: tuple(TONES),
    "glasses": ("glasses", "no glasses"),
    "hat": ("hat", "no hat"),
    "hair": ("hair over the face", "face free"),
    "head": ("turned", "facing"),
}
"""The groups of each trait, in the order in which they are told."""
EYES = ("brows", "eyes", "glasses")
FEATURES = (*EYES, "nose", "mouth")
LEAST_SKIN = 0.02  # share of the picture below which no skin tone is told
LEAST_GLASSES, LEAST_HAT = 0.002, 0.01  # share of the picture from which on there are glasses, is a hat
LEAST_HAIR = 0.05  # share of the box round what is seen of brows, eyes, nose and mouth that hair covers
LEAST_TURN = 0.12  # distance from the middle of the nose to the middle between the eyes, see `turn`

Traits = dict[str, str]
"""Trait to group; a trait that the picture does not tell is not in it."""


def traits_of(
    pixels: UInt8[np.ndarray, "h w 3"], categories: Integer[np.ndarray, "h w"], *, labelled: bool = True
) -> Traits:
    """The groups of one face, sRGB in 0..255 with its categories.

    Where a network made the map (`labelled` False), only the skin tone is told: ours misses too many hats and glasses.
    """
    tone = tone_of(_angle(pixels, categories))
    found = {SKIN_TONE: tone} if tone else {}
    if not labelled:
        return found
    found["glasses"] = TRAITS["glasses"][_share(categories, "glasses") < LEAST_GLASSES]
    found["hat"] = TRAITS["hat"][_share(categories, "hat") < LEAST_HAT]
    features = _where(categories, *FEATURES)
    if features.any():
        hair = float(_where(categories, "hair")[extent(features)].mean())
        found["hair"] = TRAITS["hair"][hair < LEAST_HAIR]
    nose, eyes = _where(categories, "nose"), _where(categories, *EYES)
    if nose.any() and eyes.any():
        found["head"] = TRAITS["head"][turn(nose, eyes) < LEAST_TURN]
    return found


def _angle(pixels: UInt8[np.ndarray, "h w 3"], categories: Integer[np.ndarray, "h w"]) -> float:
    skin = _where(categories, "skin")
    return skin_angle(pixels, skin if skin.mean() >= LEAST_SKIN else np.zeros_like(skin))


def turn(nose: Bool[np.ndarray, "h w"], eyes: Bool[np.ndarray, "h w"]) -> float:
    """How far the middle of the nose is from the middle between the outer ends of the eyes, in distances of those ends.

    0 for a face that looks straight ahead; both directions count alike.
    """
    ends = np.nonzero(eyes.any(axis=0))[0][[0, -1]]
    return float(abs(np.nonzero(nose)[1].mean() - ends.mean()) / (ends[1] - ends[0] + 1))


def _where(categories: Integer[np.ndarray, "h w"], *regions: str) -> Bool[np.ndarray, "h w"]:
    return np.isin(categories, [category for region in regions for category in region_categories(region)])


def _share(categories: Integer[np.ndarray, "h w"], region: str) -> float:
    return float(_where(categories, region).mean())


def traits_of_faces(
    protocol: Protocol,
    categories: CategoryMap,
    labelled: Iterable[Path],
    *,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Mapping[str, Traits]:
    """The traits of every face of `protocol` by its name; `labelled` are those whose categories were not guessed."""
    known, size = set(labelled), protocol.config.size
    faces = {pair.face: protocol.face_name(pair) for table in protocol.pairs.values() for pair in table}
    found: dict[str, Traits] = {}
    for path, name in faces.items():
        shown = categories(path)
        rows, columns = ((2 * np.arange(size) + 1) * side // (2 * size) for side in shown.shape)
        pixels = read_face(path, size).permute(1, 2, 0).numpy()
        found[name] = traits_of(pixels, shown[np.ix_(rows, columns)], labelled=path in known)
        progress(len(found), len(faces))
    return found
