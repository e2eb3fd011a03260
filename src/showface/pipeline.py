"""From photograph and mask to photograph: what a person calls.

    inpaint = FaceInpainter.from_pretrained()
    restored = inpaint("photo.jpg", "mask.png")

The picture should show one upright face that fills it, as CelebA-HQ and FFHQ crops do. It may have any size: the
networks see it at 256 x 256 pixels, and their completion is brought back to its size. Only masked pixels are replaced.
"""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from PIL import Image
from torch import Tensor

from showface import weights
from showface.errors import ImageError, MaskError, NonFiniteError, SettingError, ShowFaceError, unknown
from showface.images import read_image, resize_image, rgb, to_tensor, to_uint8
from showface.masks import binarise, mask_of, mask_tensor, read_mask, resize_visible
from showface.networks.mdrnets import MDRNets, MDRNetsOutput

Picture = str | os.PathLike[str] | Image.Image | np.ndarray
DEVICES = ("auto", "cpu", "cuda")
SIDE = 256  # pixels; what the networks were trained at


class FaceInpainter:
    """Completes the masked part of a face. Can be called from several threads: it holds nothing but weights."""

    def __init__(self, network: MDRNets, *, device: str = "auto") -> None:
        """`device` is "cpu", "cuda" (an error where there is none) or "auto" (cuda where there is one, else cpu)."""
        self.device = _device(device)
        self.network = network.to(self.device).eval().requires_grad_(False)
        self._stays = device != "auto"

    @classmethod
    def from_pretrained(cls, source: str | os.PathLike[str] | None = None, *, device: str = "auto") -> FaceInpainter:
        """The weights in `source`: a folder, a .safetensors file or a hub id "owner/name"; None = the bundled ones."""
        _device(device)  # refuse before the work of loading
        if source is None:
            path = weights.bundled()
        elif not Path(source).exists() and re.fullmatch(r"[\w.-]+/[\w.-]+", os.fspath(source)):
            path = weights.fetch(os.fspath(source))
        else:
            path = Path(source)
        return cls(weights.build(*weights.load(path)), device=device)

    def save_pretrained(self, folder: str | os.PathLike[str], *, card: Mapping[str, Any] | None = None) -> Path:
        """Writes weights and configuration to `folder`, from where `from_pretrained` reads them."""
        return weights.save(folder, self.network, card=card)

    def __call__(self, image: Picture, mask: Picture) -> Image.Image:
        """The picture with its masked part filled in: RGB, same size, **outside the mask equal in every bit**.

        `image` is a path, a Pillow picture or a uint8 array (h, w, 3), RGB. `mask` is the same or any array that
        `masks.binarise` understands, of the same size as the picture; white (1) = fill in.
        """
        picture, hole = _picture(image), _mask(mask)
        _refuse_misfits(picture, hole)
        if not hole.any():
            warnings.warn("the mask is empty: nothing to fill in, the picture comes back as it is", stacklevel=2)
            return picture.copy()
        small, hidden = resize_visible(picture, hole, SIDE)
        completed = to_uint8(self.complete(to_tensor(small), mask_tensor(hidden)).completed)[0]
        filled = resize_image(Image.fromarray(completed), (picture.height, picture.width))
        result = Image.fromarray(np.where(hole[..., None], np.asarray(filled), np.asarray(picture)))
        if "icc_profile" in picture.info:
            result.info["icc_profile"] = picture.info["icc_profile"]
        return result

    @torch.no_grad()
    def complete(self, images: Float[Tensor, "b 3 h w"], masks: Float[Tensor, "b 1 h w"]) -> MDRNetsOutput:
        """All that the networks compute for `images` in [-1, 1] and `masks` (1 = hole), for figures and measurements.

        Height and width must be multiples of `network.multiple`; what the hole's pixels hold does not matter.
        """
        try:
            output: MDRNetsOutput = self.network(images.to(self.device), masks.to(self.device))
        except torch.OutOfMemoryError as error:
            if self._stays:
                raise ShowFaceError(
                    f"out of memory on {self.device}; use fewer pictures at once, or the cpu"
                ) from error
            warnings.warn(f"out of memory on {self.device}: going on with the cpu", stacklevel=2)
            self.device, self._stays = torch.device("cpu"), True
            self.network.to(self.device)
            return self.complete(images, masks)
        if not torch.isfinite(output.completed).all():
            raise NonFiniteError("the networks computed NaN or infinity; the weights do not suit, or are damaged")
        return output


def _device(name: str) -> torch.device:
    if name not in DEVICES:
        raise SettingError(unknown("device", name, DEVICES))
    if name == "cuda" and not torch.cuda.is_available():
        raise SettingError("device cuda was asked for, but torch finds none; use auto or cpu")
    return torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")


def _picture(image: Picture) -> Image.Image:
    if isinstance(image, Image.Image):
        return rgb(image)
    if isinstance(image, np.ndarray):
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
            raise ImageError(f"expected a uint8 array (h, w, 3), RGB, found {image.dtype} {image.shape}")
        return Image.fromarray(image)
    return read_image(image)


def _mask(mask: Picture) -> Bool[np.ndarray, "h w"]:
    if isinstance(mask, Image.Image):
        return mask_of(mask)
    return binarise(mask) if isinstance(mask, np.ndarray) else read_mask(mask)


def _refuse_misfits(picture: Image.Image, hole: Bool[np.ndarray, "h w"]) -> None:
    height, width = hole.shape
    if picture.size != (width, height):
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
            stacklevel=3,
        )
