"""Runs methods over the table of a protocol and measures every picture (method section 9).

All methods are measured alike: they are handed pictures without the hidden pixels, what they return is put into the
known pixels here, and L1, PSNR and SSIM are taken of the uint8 result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, UInt8
from torch import Tensor

from showface.evaluation.protocol import Pair, Protocol, read_face, read_sized_mask
from showface.masks import hole_share
from showface.metrics.l1 import l1
from showface.metrics.psnr import psnr
from showface.metrics.ssim import ssim

Method = Callable[[UInt8[Tensor, "b 3 h w"], Bool[Tensor, "b 1 h w"]], UInt8[Tensor, "b 3 h w"]]
"""From pictures whose hidden pixels are 0 and masks (True = hole) to pictures; RGB in 0..255."""

METRICS = {"l1": l1, "psnr": psnr, "ssim": ssim}


@dataclass(frozen=True)
class Measurement:
    """One method's result on one pair; `values` by the name of the metric."""

    method: str
    bucket: str
    face: str
    mask: str
    share: float
    values: dict[str, float]


def evaluate(
    protocol: Protocol,
    methods: Mapping[str, Method],
    *,
    batch: int = 8,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[Measurement]:
    """Every method on every pair; `progress` is told the number of pairs dealt with and their total."""
    total, done = sum(len(pairs) for pairs in protocol.pairs.values()), 0
    results: list[Measurement] = []
    for bucket, pairs in protocol.pairs.items():
        for chunk in _chunks(pairs, batch):
            images, masks = read_batch(chunk, protocol.config.size)
            for name, method in methods.items():
                completed = complete(method, images, masks)
                results += _measure(name, bucket, chunk, completed, images, masks)
            done += len(chunk)
            progress(done, total)
    return results


def _chunks(pairs: Sequence[Pair], size: int) -> Iterator[Sequence[Pair]]:
    return (pairs[first : first + size] for first in range(0, len(pairs), size))


def read_batch(
    pairs: Sequence[Pair], size: int
) -> tuple[UInt8[Tensor, "b 3 {size} {size}"], Bool[Tensor, "b 1 {size} {size}"]]:
    """The faces and masks of `pairs` at `size`."""
    images = torch.stack([read_face(pair.face, size) for pair in pairs])
    return images, torch.stack([torch.from_numpy(read_sized_mask(pair.mask, size))[None] for pair in pairs])


def complete(
    method: Method, images: UInt8[Tensor, "b 3 h w"], masks: Bool[Tensor, "b 1 h w"]
) -> UInt8[Tensor, "b 3 h w"]:
    """What `method` makes of `images` without their hidden pixels, inside the holes; the known pixels outside."""
    return torch.where(masks, method(images.masked_fill(masks, 0), masks), images)


def _measure(
    method: str,
    bucket: str,
    pairs: Sequence[Pair],
    completed: UInt8[Tensor, "b 3 h w"],
    truth: UInt8[Tensor, "b 3 h w"],
    masks: Bool[Tensor, "b 1 h w"],
) -> list[Measurement]:
    values = {name: metric(completed, truth).tolist() for name, metric in METRICS.items()}
    return [
        Measurement(
            method, bucket, pair.face.name, pair.mask.name, hole_share(mask), {name: values[name][i] for name in values}
        )
        for i, (pair, mask) in enumerate(zip(pairs, masks, strict=True))
    ]
