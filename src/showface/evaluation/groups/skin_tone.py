"""The skin tone that a picture shows: the individual typology angle (ITA) of its skin pixels, in six classes.

Chardon, Cretois, Hourseau, "Skin colour typology and suntanning pathways", Int. J. Cosmetic Science 13, 1991; with the
sixth class as in Del Bino, Bernerd, "Variations in skin colour and the biological consequences of ultraviolet radiation
exposure", British J. Dermatology 169, 2013. There it is measured of skin with an instrument. Of a photograph it also
holds light, exposure, white balance and make-up: it describes the picture, not the person.
"""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Bool, UInt8

from showface.metrics.cielab import cielab

TONES = {"very light": 55.0, "light": 41.0, "intermediate": 28.0, "tan": 10.0, "brown": -30.0, "dark": -math.inf}
"""The classes, each with the angle in degrees above which it lies."""


def skin_angle(pixels: UInt8[np.ndarray, "h w 3"], skin: Bool[np.ndarray, "h w"]) -> float:
    """ITA in degrees of the medians of L* and b* over the pixels where `skin` is True; NaN where none is.

    `pixels` are sRGB in 0..255. Medians keep lights and shadows from deciding. Above 90 where the skin is bluish and
    light, below -90 where it is bluish and dark.
    """
    if not skin.any():
        return math.nan
    lab = cielab(pixels[skin])
    lightness, _, yellow = np.median(lab, axis=0).tolist()
    return math.degrees(math.atan2(lightness - 50, yellow))


def tone_of(angle: float) -> str:
    """The class of an angle in degrees."""
    if math.isnan(angle):
        return ""
    return next(tone for tone, above in TONES.items() if angle > above)
