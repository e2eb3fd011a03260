"""MobileFaceNet (Chen et al. 2018) with ArcFace's training, for the identity of occluded faces: extra `evaluate`.

Faces are aligned to CelebA-HQ or FFHQ, so the five points by which ArcFace cuts faces out need not be found: one
similarity takes the alignment's own points to ArcFace's.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Float32, UInt8
from torch import Tensor

from showface import assets
from showface.errors import ImageError, MissingExtraError

LENGTH, SIDE, TOGETHER = 192, 112, 2  # of a vector; pixels of the input; faces that the network takes at once
SMALLEST = 64  # pixels
# Eyes, nose, corners of the mouth, left in the picture first: in aligned faces of 256 px, in ArcFace's of 112.
ALIGNED = ((96.4, 121.7), (158.4, 121.8), (126.0, 158.0), (100.5, 187.0), (152.5, 187.0))
ARCFACE = ((38.2946, 51.6963), (73.5318, 51.5014), (56.0252, 71.7366), (41.5493, 92.3655), (70.7299, 92.2041))
INSTALL = "the identity of occluded faces needs an extra; pip install 'showface[evaluate]'"


class MobileFaceNet:
    """Aligned faces to vectors of 192, one direction for one person. On the CPU.

    For scale, the 51 people of the Face Research Lab London set: neutral and smiling a cosine of 0.71 at least, two
    people 0.50 at most.
    """

    def __init__(self, file: Path) -> None:
        """Loads the network in `file`, a .tflite; raises `MissingExtraError` without its runner, `ai-edge-litert`."""
        self._network = _interpreter()(model_path=str(file), num_threads=1)
        self._network.allocate_tensors()
        self._input, self._output = (
            details()[0]["index"] for details in (self._network.get_input_details, self._network.get_output_details)
        )

    @classmethod
    def pretrained(cls) -> MobileFaceNet:
        """With the published weights, fetched once by `showface.assets`."""
        _interpreter()  # better said before anything is fetched
        return cls(assets.path("mobilefacenet"))

    def __call__(self, pictures: UInt8[Tensor, "b 3 h w"]) -> Float[Tensor, "b 192"]:
        """The vector of each picture, RGB in 0..255: a square face aligned to CelebA-HQ or FFHQ.

        Raises `ImageError` if they are not square or smaller than 64 pixels.
        """
        signal = network_input(pictures)
        count = len(signal)
        signal = np.concatenate([signal, signal[: -count % TOGETHER]])  # the last one may need company
        pairs = [self._pair(signal[first : first + TOGETHER]) for first in range(0, count, TOGETHER)]
        return torch.from_numpy(np.concatenate(pairs)[:count])

    def _pair(self, signal: Float32[np.ndarray, "2 112 112 3"]) -> Float32[np.ndarray, "2 192"]:
        self._network.set_tensor(self._input, signal)
        self._network.invoke()
        vectors: Float32[np.ndarray, "2 192"] = self._network.get_tensor(self._output)
        return vectors


def _interpreter() -> Any:
    try:
        return importlib.import_module("ai_edge_litert.interpreter").Interpreter
    except ModuleNotFoundError as error:
        raise MissingExtraError(INSTALL) from error


def network_input(pictures: UInt8[Tensor, "b 3 h w"]) -> Float32[np.ndarray, "b 112 112 3"]:
    """ArcFace's cut-outs of aligned faces, RGB in [-1, 1] as the network takes it: (x - 127.5) / 128."""
    height, width = pictures.shape[2:]
    if height != width or width < SMALLEST:
        raise ImageError(f"expected square, aligned faces of at least {SMALLEST} px, found {height} x {width}")
    turn = similarity(ALIGNED, ARCFACE)  # from pixels of 256 to pixels of 112
    scale = float(np.hypot(*turn[0, :2]))
    side = round(256 * scale)  # at which the face is about as large as in the cut-out
    reduced = F.interpolate(pictures.cpu().float(), size=(side, side), mode="bilinear", antialias=True)
    grid = torch.from_numpy(_places(turn)).float().expand(len(pictures), -1, -1, -1)
    cut = F.grid_sample(reduced, grid, mode="bilinear", padding_mode="border", align_corners=False)
    signal: Float32[np.ndarray, "b 112 112 3"] = ((cut - 127.5) / 128).permute(0, 2, 3, 1).contiguous().numpy()
    return signal


def _places(turn: Float[np.ndarray, "2 3"]) -> Float[np.ndarray, "1 112 112 2"]:
    """Where each pixel of the cut-out lies in the picture, in [-1, 1] as `grid_sample` counts: x, then y."""
    ys, xs = np.mgrid[:SIDE, :SIDE] + 0.5
    back = np.linalg.inv(np.vstack([turn, (0.0, 0.0, 1.0)]))[:2]
    places = np.stack([xs, ys, np.ones_like(xs)], axis=-1) @ back.T  # (112, 112, 2), in pixels of 256
    return np.asarray(places / 128 - 1)[None]


def similarity(
    points: tuple[tuple[float, float], ...], targets: tuple[tuple[float, float], ...]
) -> Float[np.ndarray, "2 3"]:
    """The turn, scaling and shift that bring `points` closest to `targets`, by least squares."""
    (x, y), (u, v) = np.array(points).T, np.array(targets).T
    zero, one = np.zeros_like(x), np.ones_like(x)
    rows = np.concatenate([np.stack([x, -y, one, zero], axis=1), np.stack([y, x, zero, one], axis=1)])
    a, b, right, down = np.linalg.lstsq(rows, np.concatenate([u, v]), rcond=None)[0]
    return np.array(((a, -b, right), (b, a, down)))
