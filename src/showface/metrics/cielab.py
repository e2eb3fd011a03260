"""CIELAB, in which the distance of two colours is about how different they look (CIE 1976)."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64, UInt8

# IEC 61966-2-1: linear sRGB to CIE XYZ, rows X, Y, Z; and the white of D65
TO_XYZ = np.array(((0.4124, 0.3576, 0.1805), (0.2126, 0.7152, 0.0722), (0.0193, 0.1192, 0.9505)))
WHITE = TO_XYZ.sum(axis=1)
KNEE = (6 / 29) ** 3  # of the cube root in CIELAB


def cielab(colours: UInt8[np.ndarray, "n 3"]) -> Float64[np.ndarray, "n 3"]:
    """sRGB in 0..255 as CIELAB under D65: L* in 0..100, a*, b*."""
    unit = colours / 255
    linear = np.where(unit <= 0.04045, unit / 12.92, ((unit + 0.055) / 1.055) ** 2.4)
    share = linear @ TO_XYZ.T / WHITE
    x, y, z = np.where(share > KNEE, np.cbrt(share), share / (3 * (6 / 29) ** 2) + 4 / 29).T
    return np.stack((116 * y - 16, 500 * (x - y), 200 * (y - z)), axis=1)
