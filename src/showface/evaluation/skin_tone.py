"""The skin tone that a picture shows: the individual typology angle (ITA) of its skin pixels, in six classes.

Chardon, Cretois, Hourseau, "Skin colour typology and suntanning pathways", Int. J. Cosmetic Science 13, 1991; with the
sixth class as in Del Bino, Bernerd, "Variations in skin colour and the biological consequences of ultraviolet radiation
exposure", British J. Dermatology 169, 2013. There it is measured of skin with an instrument. Of a photograph it also
holds light, exposure, white balance and make-up: it describes the picture, not the person.
"""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Bool, Float64, UInt8

TONES = {"very light": 55.0, "light": 41.0, "intermediate": 28.0, "tan": 10.0, "brown": -30.0, "dark": -math.inf}
"""The classes, each with the angle in degrees above which it lies."""

# IEC 61966-2-1: linear sRGB to CIE XYZ, rows X, Y, Z; and the white of D65
TO_XYZ = np.array(((0.4124, 0.3576, 0.1805), (0.2126, 0.7152, 0.0722), (0.0193, 0.1192, 0.9505)))
WHITE = TO_XYZ.sum(axis=1)
KNEE = (6 / 29) ** 3  # of the cube root in CIELAB


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


def cielab(colours: UInt8[np.ndarray, "n 3"]) -> Float64[np.ndarray, "n 3"]:
    """sRGB in 0..255 as CIELAB under D65: L* in 0..100, a*, b*."""
    unit = colours / 255
    linear = np.where(unit <= 0.04045, unit / 12.92, ((unit + 0.055) / 1.055) ** 2.4)
    share = linear @ TO_XYZ.T / WHITE
    x, y, z = np.where(share > KNEE, np.cbrt(share), share / (3 * (6 / 29) ** 2) + 4 / 29).T
    return np.stack((116 * y - 16, 500 * (x - y), 200 * (y - z)), axis=1)
