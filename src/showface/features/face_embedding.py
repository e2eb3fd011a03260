"""dlib's face recognition network (King 2017), for the identity metric: the optional extra `identity`.

Faces are aligned to CelebA-HQ or FFHQ, so no detector is needed: one box holds the face, in which dlib's predictor of
five points (the corners of the eyes, the base of the nose) finds what the face is turned upright and cut out by.
"""

from __future__ import annotations

import importlib
import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from showface.errors import ImageError, MissingExtraError

LENGTH = 128
POINTS = "shape_predictor_5_face_landmarks.dat"
NETWORK = "dlib_face_recognition_resnet_model_v1.dat"
SMALLEST = 64  # pixels
# Left, top, right, bottom as shares of the side: where dlib's own detector finds aligned faces, in the median.
BOX = (59 / 256, 84 / 256, 197 / 256, 222 / 256)
INSTALL = "the identity metric needs an extra; pip install 'showface[identity]'"


class FaceEmbedding:
    """Aligned faces to vectors of 128 that lie in nearly one direction for one person, whatever the expression."""

    def __init__(self) -> None:
        """Loads the networks of the packages `dlib-bin` and `face-recognition-models`.

        Raises `MissingExtraError` if they are not installed.
        """
        self._dlib = _import_dlib()
        folder = models_folder()
        self._points = self._dlib.shape_predictor(str(folder / POINTS))
        self._network = self._dlib.face_recognition_model_v1(str(folder / NETWORK))

    def __call__(self, pictures: UInt8[Tensor, "b 3 h w"]) -> Float[Tensor, "b 128"]:
        """The vector of each picture, RGB in 0..255: a square face aligned to CelebA-HQ or FFHQ. On the CPU, float64.

        Raises `ImageError` if they are not square or smaller than 64 pixels.
        """
        height, width = pictures.shape[2:]
        if height != width or width < SMALLEST:
            raise ImageError(f"expected square, aligned faces of at least {SMALLEST} px, got {height} x {width}")
        faces = [np.ascontiguousarray(face) for face in pictures.permute(0, 2, 3, 1).cpu().numpy()]
        box = self._dlib.rectangle(*(round(share * width) for share in BOX))
        chips = [self._dlib.get_face_chip(face, self._points(face, box)) for face in faces]  # 150 x 150, upright
        vectors = self._network.compute_face_descriptor(chips)
        return torch.from_numpy(np.array(vectors, dtype=np.float64).reshape(-1, LENGTH))


def _import_dlib() -> ModuleType:
    try:
        return importlib.import_module("dlib")
    except ModuleNotFoundError as error:
        raise MissingExtraError(INSTALL) from error


def models_folder() -> Path:
    """Where the trained networks lie. Importing their package would need setuptools' pkg_resources."""
    found = importlib.util.find_spec("face_recognition_models")
    if found is None or not found.submodule_search_locations:
        raise MissingExtraError(INSTALL)
    return Path(found.submodule_search_locations[0]) / "models"
