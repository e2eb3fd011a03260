"""A drawn face, symmetric but for what a test asks for, with the map of its parts."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float, Integer

from showface.photo.mirror import AXIS
from showface.semantics import CATEGORIES

SIDE = 256
NAMES = CATEGORIES


@dataclass(frozen=True, kw_only=True)
class Look:
    """What is not symmetric about a face; lengths in pixels."""

    gaze: float = 0.0  # how far both irises look to the right of the picture
    turn: float = 0.0  # how far the nose is from the axis
    light: float = 0.0  # how much darker the right border of the picture is than the left, of 1


STRAIGHT = Look()


def drawn(look: Look = STRAIGHT) -> tuple[Float[np.ndarray, "256 256 3"], Integer[np.ndarray, "64 64"]]:
    """RGB in 0..255 and categories; the eyes are 62 px apart about `AXIS`, at 121 px from the top."""
    ys, xs = np.mgrid[:SIDE, :SIDE].astype(np.float32)
    across = xs - np.float32(AXIS)
    picture, parts = np.full((SIDE, SIDE, 3), (70, 90, 120), np.float32), np.zeros((SIDE, SIDE), np.uint8)

    def put(where: Bool[np.ndarray, "h w"], name: str, colour: tuple[int, int, int]) -> None:
        picture[where], parts[where] = colour, NAMES.index(name)

    put((across / 78) ** 2 + ((ys - 140) / 100) ** 2 < 1, "skin", (205, 160, 135))
    put((ys < 75) & ((across / 84) ** 2 + ((ys - 140) / 115) ** 2 < 1), "hair", (60, 40, 30))
    for side in (-1, 1):
        put(
            (np.abs(across - side * 31) < 20) & (np.abs(ys - 101 - (across * side - 31) ** 2 / 80) < 4),
            "brow",
            (75, 50, 40),
        )
        eye = ((across - side * 31) / 15) ** 2 + ((ys - 121) / 7) ** 2 < 1
        put(eye, "eye", (235, 230, 225))
        picture[eye & ((across - side * 31 - look.gaze) ** 2 + (ys - 121) ** 2 < 36)] = (60, 90, 40)
        picture[eye & ((across - side * 31 - look.gaze) ** 2 + (ys - 121) ** 2 < 6)] = (15, 10, 10)
    put((np.abs(across - look.turn) < 11) & (np.abs(ys - 145) < 22), "nose", (190, 140, 115))
    put((np.abs(across) < 26) & (np.abs(ys - 188) < 8), "mouth", (170, 75, 75))
    picture += 12 * freckles(np.abs(across), ys)[..., None]
    picture *= (1 - look.light * np.clip(across / 128 + 0.5, 0, 1))[..., None]
    return cv2.GaussianBlur(picture, (0, 0), 0.8).clip(0, 255), parts[2::4, 2::4].astype(np.int64)


def freckles(across: Float[np.ndarray, "h w"], down: Float[np.ndarray, "h w"]) -> Float[np.ndarray, "h w"]:
    """A fine pattern in [-1, 1] without a repeat within a face."""
    return np.asarray(np.sin(across / 2.3 + down / 7.1) * np.sin(down / 3.1 + across / 11.7), dtype=np.float32)


def ellipse(x: float, y: float, wide: float, high: float) -> Bool[np.ndarray, "256 256"]:
    """A hole round (x, y) with these half axes."""
    ys, xs = np.mgrid[:SIDE, :SIDE]
    return np.asarray(((xs - x) / wide) ** 2 + ((ys - y) / high) ** 2 < 1)


RIGHT_EYE = ellipse(AXIS + 31, 118, 24, 19)  # in the picture: the subject's left


def foggy(face: Float[np.ndarray, "256 256 3"], hidden: Bool[np.ndarray, "256 256"]) -> Float[np.ndarray, "256 256 3"]:
    """`face` as a network completes it that knows a mean: blurred where `hidden`."""
    return np.where(hidden[..., None], cv2.GaussianBlur(face, (0, 0), 6), face).astype(np.float32)
