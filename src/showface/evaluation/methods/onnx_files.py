"""Methods that come as an ONNX file, run by onnxruntime on the CPU (extra `onnx`).

A file takes a picture and a mask, in this order, and gives a picture of the same size; NCHW, RGB:

    float32   picture in [-1, 1], 0 where hidden; mask 1 = hole; result in [-1, 1]
    uint8     picture in 0..255, 0 where hidden; mask 255 = hole; result in 0..255

A file made for another size than ours is given the picture at its own, and its result is brought back. MI-GAN, an
asset, is made for 512 px and has it the other way round: 255 = known.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, UInt8
from torch import Tensor

from showface import assets
from showface.errors import DataError, MissingExtraError
from showface.images import picture_of, resize_image
from showface.layers.harmonic_fill import harmonic_fill
from showface.masks import mask_tensor, resize_visible

MIGAN_SIDE = 512  # pixels
Pixels = UInt8[np.ndarray, "h w 3"]
Hole = Bool[np.ndarray, "h w"]
Run = Callable[[Pixels, Hole], Pixels]
Method = Callable[[UInt8[Tensor, "b 3 h w"], Bool[Tensor, "b 1 h w"]], UInt8[Tensor, "b 3 h w"]]


def migan() -> Method:
    """MI-GAN (Sargsyan et al. 2023), trained on Places: our 256 px brought to its 512 px and back.

    It blends its result with what it was given around the rim of the hole; black there would leave a dark line, so the
    hidden pixels are handed in interpolated from the known ones.
    """
    run = _run(opened(assets.path("migan")), hole_level=0)
    return resized(lambda pixels, hole: run(_interpolated(pixels, hole), hole), MIGAN_SIDE)


def _interpolated(pixels: Pixels, hole: Hole) -> Pixels:
    image = torch.from_numpy(pixels.transpose(2, 0, 1).astype(np.float32))[None]
    filled = harmonic_fill(image, mask_tensor(hole))
    return np.asarray(filled[0].permute(1, 2, 0).round().clamp(0, 255).to(torch.uint8).numpy())


def onnx_method(file: Path) -> Method:
    """The method in `file`, which keeps to the convention above."""
    session = opened(file)
    side = session.get_inputs()[0].shape[-1]
    return resized(_run(session, hole_level=255), side if isinstance(side, int) else None)


def opened(file: Path) -> Any:
    """An onnxruntime session, as parallel as torch is; a file of other inputs than picture and mask is refused."""
    try:
        runtime = import_module("onnxruntime")
        errors = import_module("onnxruntime.capi.onnxruntime_pybind11_state")
    except ModuleNotFoundError as error:
        raise MissingExtraError(f"{file.name} needs onnxruntime: pip install 'showface[onnx]'") from error
    options = runtime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3
    try:
        session = runtime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    except (errors.InvalidProtobuf, errors.InvalidGraph, errors.NoSuchFile, errors.Fail, errors.NotImplemented) as why:
        raise DataError(f"{file}: not an ONNX file that onnxruntime can run: {' '.join(str(why).split())}") from why
    found = [(one.type, one.shape[1] if len(one.shape) == 4 else None) for one in session.get_inputs()]
    kinds = ("tensor(float)", "tensor(uint8)")
    if not any([(kind, 3), (kind, 1)] == found for kind in kinds):
        raise DataError(f"{file}: expected inputs picture (n, 3, h, w) and mask (n, 1, h, w), found {found}")
    return session


def _run(session: Any, *, hole_level: int) -> Run:
    """One picture through `session`; `hole_level` is what uint8 masks hold where the hole is, 0 or 255."""
    names, floats = [one.name for one in session.get_inputs()], session.get_inputs()[0].type == "tensor(float)"

    def run(pixels: Pixels, hole: Hole) -> Pixels:
        image, mask = pixels.transpose(2, 0, 1)[None], hole[None, None]
        if floats:
            image = np.where(mask, np.float32(0), image.astype(np.float32) / 127.5 - 1)
            mask = mask.astype(np.float32)
        else:
            mask = np.where(mask, hole_level, 255 - hole_level).astype(np.uint8)
        result = session.run(None, dict(zip(names, (np.ascontiguousarray(image), mask), strict=True)))[0]
        if result.shape != image.shape:
            raise DataError(f"ONNX method: expected a picture of shape {image.shape}, got {result.shape}")
        if floats:
            result = ((np.nan_to_num(result) + 1) * 127.5).round().clip(0, 255).astype(np.uint8)
        return np.asarray(result[0].transpose(1, 2, 0), dtype=np.uint8)

    return run


def resized(run: Run, side: int | None) -> Method:
    """`run` for our batches, at `side` pixels where it asks for a size of its own."""

    def method(images: UInt8[Tensor, "b 3 h w"], masks: Bool[Tensor, "b 1 h w"]) -> UInt8[Tensor, "b 3 h w"]:
        results = []
        for image, mask in zip(images.cpu(), masks.cpu(), strict=True):
            pixels, hole = np.ascontiguousarray(image.permute(1, 2, 0).numpy()), mask[0].numpy()
            if side is None or side == pixels.shape[0]:
                results.append(run(pixels, hole))
                continue
            larger, hidden = resize_visible(picture_of(pixels), hole, side)
            made = picture_of(run(np.where(hidden[..., None], 0, np.asarray(larger)).astype(np.uint8), hidden))
            results.append(np.asarray(resize_image(made, pixels.shape[0])))
        return torch.from_numpy(np.stack(results)).permute(0, 3, 1, 2)

    return method
