"""Runs methods over the table of a protocol and measures every picture (method.md §9).

All methods are measured alike: they are handed pictures without the hidden pixels, what they return is put into the
known pixels here, and every measure is taken of the uint8 result.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch
from jaxtyping import Bool, UInt8
from torch import Tensor

from showface.errors import DataError
from showface.evaluation.measuring.measures import PLAIN, PictureMetric
from showface.evaluation.protocol.pairs import Pair, Protocol, read_face, read_sized_mask
from showface.masks import hole_share

Method = Callable[[UInt8[Tensor, "b 3 h w"], Bool[Tensor, "b 1 h w"]], UInt8[Tensor, "b 3 h w"]]
"""From pictures whose hidden pixels are 0 and masks (True = hole) to pictures; RGB in 0..255."""

PairMethod = Callable[[str, Sequence[Pair]], UInt8[Tensor, "b 3 h w"]]
"""From a bucket and its pairs to pictures: results that are there already and only have to be read."""

METRICS = PLAIN


@dataclass(frozen=True)
class Seen:
    """What measures may look at that need more than a picture and its truth."""

    bucket: str
    pairs: Sequence[Pair]
    completed: UInt8[Tensor, "b 3 h w"]  # RGB in 0..255
    truths: UInt8[Tensor, "b 3 h w"]
    masks: Bool[Tensor, "b 1 h w"]  # True = hole


@dataclass(frozen=True)
class Found:
    """What a look at a batch found: values by the name of the measure, and the crops whose features it kept."""

    values: Mapping[str, list[float]]
    crops: Sequence[tuple[str, ...]]  # of each completed picture, the sha256 of its crops
    true_crops: Sequence[tuple[str, ...]]


Look = Callable[[Seen], Found]
"""Several measures at once, which share crops, maps and features."""


@dataclass(frozen=True)
class FromPairs:
    """A method that is told which pairs are wanted and never sees a picture."""

    read: PairMethod


@dataclass(frozen=True)
class WithPairs:
    """A method that is told whose pictures it is handed, since it knows more of some faces: their references.

    Pairs of other faces are left out of its row.
    """

    complete: Callable[
        [UInt8[Tensor, "b 3 h w"], Bool[Tensor, "b 1 h w"], Sequence[Pair]], UInt8[Tensor, "b 3 h w"]
    ]  # as a `Method` with the pairs
    faces: frozenset[Path]  # those it knows more of


AnyMethod = Method | FromPairs | WithPairs


def measured_pairs(method: AnyMethod, pairs: Sequence[Pair]) -> list[Pair]:
    """Those of `pairs` that are in the row of `method`."""
    return [pair for pair in pairs if not isinstance(method, WithPairs) or pair.face in method.faces]


@dataclass(frozen=True)
class Measurement:
    """One method's result on one pair; `values` by the name of the metric, NaN where it is not defined."""

    method: str
    bucket: str
    face: str
    mask: str
    share: float
    values: dict[str, float]
    completed: str = ""  # sha256 of the measured pixels
    truth: str = ""  # sha256 of the face's pixels at the measured size
    seconds: float = 0.0  # the method alone, its share of the batch
    crops: tuple[str, ...] = ()  # sha256 of what was looked at closely, of the measured picture
    true_crops: tuple[str, ...] = ()  # and of the face


class Memory:
    """What is measured already: nothing, and nothing is kept. `journal.Journal` keeps it on the disk."""

    def recall(self, method: str, bucket: str, names: Sequence[tuple[str, str]]) -> list[Measurement] | None:
        """The measurements of `method` on the pairs (face, mask) if all of them are known, else None."""
        return None

    def keep(self, measured: Sequence[Measurement], completed: UInt8[Tensor, "b 3 h w"]) -> None:
        """Takes a batch's measurements and the pictures they are of."""

    def keep_truth(self, truth: UInt8[Tensor, "b 3 h w"], hashes: Sequence[str]) -> None:
        """Takes a batch's faces, of which something was measured."""


def evaluate(
    protocol: Protocol,
    methods: Mapping[str, AnyMethod],
    *,
    metrics: Mapping[str, PictureMetric] = METRICS,
    look: Look | None = None,
    batch: int = 8,
    memory: Memory | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[Measurement]:
    """Every method on every pair, batch by batch, in the order of the table; what `memory` recalls is not done again.

    `look` measures what `metrics` cannot, as it sees the hole and knows the face. `progress` is told the number of
    completed pictures dealt with and their total. Batches are the same however often a run was stopped, so the numbers
    are too.
    """
    memory = memory or Memory()
    total, done = sum(len(measured_pairs(m, pairs)) for m in methods.values() for pairs in protocol.pairs.values()), 0
    results: dict[str, list[Measurement]] = {bucket: [] for bucket in protocol.pairs}
    for part in _batches(protocol, batch):
        own = {name: part.of(method) for name, method in methods.items()}
        known = {name: memory.recall(name, part.bucket, some.names) if some.pairs else [] for name, some in own.items()}
        if any(rows is None for rows in known.values()):
            memory.keep_truth(part.images, part.truths)
        for name, method in methods.items():
            rows = known[name]
            if rows is None:
                rows, completed = _measured(name, method, own[name], metrics, look)
                memory.keep(rows, completed)
            results[part.bucket] += rows
            done += len(rows)
            progress(done, total)
    return [one for rows in results.values() for one in rows]


class _Batch:
    """Pairs of one bucket that are measured together; their pixels are read when they are first needed."""

    def __init__(self, protocol: Protocol, bucket: str, pairs: Sequence[Pair]) -> None:
        self.bucket, self.pairs, self._protocol = bucket, pairs, protocol
        self.names = [(protocol.face_name(pair), protocol.mask_name(pair)) for pair in pairs]

    @cached_property
    def _pixels(self) -> tuple[UInt8[Tensor, "b 3 h w"], Bool[Tensor, "b 1 h w"]]:
        return read_batch(self.pairs, self._protocol.config.size)

    def of(self, method: AnyMethod) -> _Batch:
        """What of it is in the row of `method`."""
        pairs = measured_pairs(method, self.pairs)
        return self if len(pairs) == len(self.pairs) else _Batch(self._protocol, self.bucket, pairs)

    @property
    def images(self) -> UInt8[Tensor, "b 3 h w"]:
        return self._pixels[0]

    @property
    def masks(self) -> Bool[Tensor, "b 1 h w"]:
        return self._pixels[1]

    @cached_property
    def truths(self) -> list[str]:
        return content_hashes(self.images)


def _batches(protocol: Protocol, size: int) -> Iterator[_Batch]:
    """The same faces bucket after bucket, then the next faces, so that what is known of a face serves all buckets."""
    for first in range(0, max(map(len, protocol.pairs.values())), size):
        for bucket, pairs in protocol.pairs.items():
            if pairs[first : first + size]:
                yield _Batch(protocol, bucket, pairs[first : first + size])


def _measured(
    name: str, method: AnyMethod, batch: _Batch, metrics: Mapping[str, PictureMetric], look: Look | None
) -> tuple[list[Measurement], UInt8[Tensor, "b 3 h w"]]:
    """What `method` makes of a batch, and every measure of it."""
    _ = batch.images  # reading is not the method's time
    started = time.perf_counter()
    completed = result_of(method, batch.bucket, batch.pairs, batch.images, batch.masks)
    seconds = (time.perf_counter() - started) / len(batch.pairs)
    columns = {metric: compute(completed, batch.images).tolist() for metric, compute in metrics.items()}
    nothing: list[tuple[str, ...]] = [()] * len(batch.pairs)
    found = Found({}, nothing, nothing)
    if look is not None:
        found = look(Seen(batch.bucket, batch.pairs, completed, batch.images, batch.masks))
    columns |= found.values
    hashes = content_hashes(completed)
    rows = [
        Measurement(
            name, batch.bucket, face, mask, hole_share(batch.masks[i]),
            {metric: column[i] for metric, column in columns.items()}, hashes[i], batch.truths[i], seconds,
            found.crops[i], found.true_crops[i],
        )
        for i, (face, mask) in enumerate(batch.names)
    ]  # fmt: skip
    return rows, completed


def read_batch(
    pairs: Sequence[Pair], size: int
) -> tuple[UInt8[Tensor, "b 3 {size} {size}"], Bool[Tensor, "b 1 {size} {size}"]]:
    """The faces and masks of `pairs` at `size`."""
    images = torch.stack([read_face(pair.face, size) for pair in pairs])
    return images, torch.stack([torch.from_numpy(read_sized_mask(pair.mask, size))[None] for pair in pairs])


def result_of(
    method: AnyMethod,
    bucket: str,
    pairs: Sequence[Pair],
    images: UInt8[Tensor, "b 3 h w"],
    masks: Bool[Tensor, "b 1 h w"],
) -> UInt8[Tensor, "b 3 h w"]:
    """The completed pictures of a method of any kind, known pixels put back."""
    if isinstance(method, FromPairs):
        return torch.where(masks, method.read(bucket, pairs), images)
    if isinstance(method, WithPairs):
        return torch.where(masks, method.complete(images.masked_fill(masks, 0), masks, pairs), images)
    return complete(method, images, masks)


def complete(
    method: Method, images: UInt8[Tensor, "b 3 h w"], masks: Bool[Tensor, "b 1 h w"]
) -> UInt8[Tensor, "b 3 h w"]:
    """What `method` makes of `images` without their hidden pixels, inside the holes; the known pixels outside."""
    return torch.where(masks, method(images.masked_fill(masks, 0), masks), images)


def show(
    protocol: Protocol, methods: Mapping[str, AnyMethod], bucket: str, face: str, mask: str
) -> tuple[UInt8[Tensor, "3 h w"], Bool[Tensor, "1 h w"], dict[str, UInt8[Tensor, "3 h w"]]]:
    """One pair to look at: the truth, the hole (True) and what each method makes of it, RGB in 0..255."""
    for pair in protocol.pairs.get(bucket, []):
        if (protocol.face_name(pair), protocol.mask_name(pair)) == (face, mask):
            images, masks = read_batch([pair], protocol.config.size)
            made = {name: result_of(method, bucket, [pair], images, masks)[0] for name, method in methods.items()}
            return images[0], masks[0], made
    raise DataError(f"{face} under {mask}: no such pair in bucket {bucket}")


def content_hashes(images: UInt8[Tensor, "b 3 h w"]) -> list[str]:
    """sha256 of the pixels of each picture."""
    return [hashlib.sha256(image.contiguous().numpy().data).hexdigest() for image in images.cpu()]
