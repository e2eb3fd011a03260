"""From a photograph's own colours and depth to the 8-bit RGB of the networks, and back."""

from __future__ import annotations

import io

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageCms


def to_rgb(pixels: np.ndarray, mode: str, icc_profile: bytes | None) -> UInt8[np.ndarray, "h w 3"]:
    """Pixels (h, w, c) of `mode`, uint8, uint16 or floats in [0, 1], as 8-bit RGB; alpha is left out."""
    if mode == "CMYK":
        return np.asarray(_managed(pillow_of(as_uint8(pixels), "CMYK"), icc_profile, to_cmyk=False))
    colours = as_uint8(pixels[..., :1] if mode in ("L", "LA") else pixels[..., :3])
    return np.ascontiguousarray(np.broadcast_to(colours, (*colours.shape[:2], 3)))


def from_rgb(values: np.ndarray, mode: str, dtype: np.dtype, icc_profile: bytes | None) -> np.ndarray:
    """RGB `values` (n, 3), uint8 or floats in [0, 1], as (n, colours of `mode` without alpha) of `dtype`."""
    if mode == "CMYK":
        line = Image.fromarray(as_uint8(values)[None])
        return scaled(np.asarray(_managed(line, icc_profile, to_cmyk=True))[0], dtype)
    if mode in ("L", "LA"):
        return scaled(luminance(values)[:, None], dtype)
    return scaled(values, dtype)


def luminance(values: np.ndarray) -> np.ndarray:
    """Rec. 601 luma of RGB (..., 3) as floats in [0, 1], the grey that Pillow and most editors make."""
    unit = values / 255 if values.dtype == np.uint8 else values.astype(np.float64)
    return np.asarray(unit @ np.array([0.299, 0.587, 0.114]))


def as_uint8(values: np.ndarray) -> np.ndarray:
    return scaled(values, np.dtype(np.uint8))


def scaled(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """`values` from the full scale of their type (255, 65535 or 1) to that of `dtype`, rounded, clipped."""
    if values.dtype == dtype:
        return values
    if values.dtype == np.uint8 and dtype == np.uint16:
        return values.astype(np.uint16) * np.uint16(257)
    unit = values / FULL_SCALE.get(values.dtype, 1)
    if dtype not in FULL_SCALE:
        return np.asarray(unit.clip(0, 1).astype(dtype))
    return np.asarray(np.round(unit.clip(0, 1) * FULL_SCALE[dtype]).astype(dtype))


FULL_SCALE = {np.dtype(np.uint8): 255, np.dtype(np.uint16): 65535}  # floats have 1


def pillow_of(pixels: np.ndarray, mode: str) -> Image.Image:
    """Pixels (h, w, c) of `mode` as a Pillow picture: uint8 of any mode, uint16 and float32 of L alone."""
    if mode == "CMYK":
        size = (pixels.shape[1], pixels.shape[0])
        return Image.frombuffer("CMYK", size, np.ascontiguousarray(pixels), "raw", "CMYK", 0, 1)
    return Image.fromarray(np.ascontiguousarray(pixels[..., 0] if mode == "L" else pixels))


def _managed(picture: Image.Image, icc_profile: bytes | None, *, to_cmyk: bool) -> Image.Image:
    """Between CMYK and sRGB by the CMYK profile; without a usable one by Pillow's plain formula."""
    target = "CMYK" if to_cmyk else "RGB"
    if icc_profile is None:
        return picture.convert(target)
    try:
        inks = ImageCms.ImageCmsProfile(io.BytesIO(icc_profile))
        srgb = ImageCms.createProfile("sRGB")
        source, sink = (srgb, inks) if to_cmyk else (inks, srgb)
        return ImageCms.profileToProfile(picture, source, sink, outputMode=target) or picture
    except (ImageCms.PyCMSError, OSError):  # damaged, or made for other channels
        return picture.convert(target)
