"""What a caller hands over: a picture and a mask, as files, as Pillow pictures or as arrays."""

from __future__ import annotations

import os
import warnings

import numpy as np
from jaxtyping import Bool
from PIL import Image

from showface.errors import ImageError, MaskError
from showface.images import read_image, rgb
from showface.masks import binarise, mask_of, read_mask
from showface.photo.photograph import Photo

Picture = str | os.PathLike[str] | Image.Image | np.ndarray


def given_picture(image: Picture) -> Image.Image:
    """The picture as RGB; `ImageError` if it is none."""
    if isinstance(image, Image.Image):
        return rgb(image)
    if isinstance(image, np.ndarray):
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
            raise ImageError(f"expected a uint8 array (h, w, 3), RGB, found {image.dtype} {image.shape}")
        return Image.fromarray(image)
    return read_image(image)


def given_mask(mask: Picture) -> Bool[np.ndarray, "h w"]:
    """The mask; True = hole."""
    if isinstance(mask, Image.Image):
        return mask_of(mask)
    return binarise(mask) if isinstance(mask, np.ndarray) else read_mask(mask)


def refuse_misfits(picture: Photo, hole: Bool[np.ndarray, "h w"]) -> None:
    """`MaskError` for a hole of another size or without an end; a warning for one that looks inverted."""
    height, width = hole.shape
    if (picture.width, picture.height) != (width, height):
        raise MaskError(
            f"expected a mask of the picture's size {picture.width} x {picture.height}, found {width} x {height}; "
            "draw it on this picture or resize it (--resize-mask)"
        )
    if hole.all():
        raise MaskError("the mask hides the whole picture; leave something visible to go by")
    rim = (hole[0], hole[-1], hole[:, 0], hole[:, -1])
    if hole.mean() > 0.6 and all(side.all() for side in rim):
        warnings.warn(
            f"the mask hides {hole.mean():.0%} and every border; is it inverted (--invert-mask)? White = fill in",
            stacklevel=4,
        )
