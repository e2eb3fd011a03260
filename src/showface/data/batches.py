"""Batches for training. Sample number i is a pure function of (seed, i), so any worker count gives the same batches
and a run that stopped continues with the very next sample.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int64, UInt8
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from showface.data.decoded import decoded
from showface.data.faces import Face, FaceSource, list_faces, mirrored_classes, read_label, refuse_misfit
from showface.data.mask_sets import MaskSource, list_masks, sample_mask
from showface.data.unusable import Defect, Unusable, too_many
from showface.errors import DataError, ImageError, InputError, SettingError, WorkerError
from showface.images import picture_of, read_image, resize_image, shown, to_tensor
from showface.masks import mask_tensor

NO_LABEL = 255  # the label of a pixel nobody labelled; losses ignore it


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    """What a stage is trained on."""

    faces: tuple[FaceSource, ...] = ()  # filled from --data where a recipe leaves it empty
    masks: MaskSource = field(default_factory=MaskSource)
    size: int = 256  # side of the training pictures in pixels
    crop: tuple[float, float] = (0.85, 1.0)  # side of the random crop as a share of the picture's
    crop_probability: float = 0.7  # the rest is taken whole
    flip: bool = True  # mirror half of the pictures
    class_map: str = "A"  # how the 19 parsing classes merge: A, B or C
    smallest: float = 0.25  # a picture whose shorter side is below this share of `size` cannot be used
    cache: str = ""  # folder that keeps decoded pictures, labels and masks, so that each is decoded once; "" = none
    bad_limit: float = 0.05  # share of the pictures that may be damaged, missing or too small; others replace them

    def __post_init__(self) -> None:
        if not (self.smallest >= 0 and 0 <= self.bad_limit < 1):
            raise SettingError(
                f"data: expected smallest of at least 0 and bad_limit in [0, 1), got {self.smallest}, {self.bad_limit}"
            )


@dataclass(frozen=True)
class Part:
    """Pictures `index`, `index + count`, `index + 2 count` ... of a batch: one of `count` parts of one size.

    Any number of parts then shares the first pictures of a batch, those that `auxiliary` asks for, evenly.
    """

    index: int = 0
    count: int = 1

    def numbers(self, batch: int) -> range:
        """The numbers of its pictures in a batch of `batch`."""
        return range(self.index, batch, self.count)


WHOLE = Part()


@dataclass(frozen=True)
class Batch:
    """Pictures in [-1, 1], masks with 1 = hole, labels 0..13 or `NO_LABEL`; all of a batch, or a `part` of it."""

    images: Float[Tensor, "b 3 h w"]
    masks: Float[Tensor, "b 1 h w"]
    labels: Int64[Tensor, "b h w"]
    part: Part = WHOLE

    def to(self, device: torch.device) -> Batch:
        """The batch on `device`, images in channels_last order."""
        images = self.images.to(device, non_blocking=True, memory_format=torch.channels_last)
        masks, labels = (each.to(device, non_blocking=True) for each in (self.masks, self.labels))
        return Batch(images, masks, labels, self.part)

    def parts(self, count: int) -> list[Batch]:
        """The pictures in `count` parts of one size."""
        if count == 1:
            return [self]
        found = []
        for index in range(count):
            images = self.images[index::count].contiguous(memory_format=torch.channels_last)
            part = Part(self.part.index + self.part.count * index, self.part.count * count)
            found.append(Batch(images, self.masks[index::count], self.labels[index::count], part))
        return found


@dataclass(frozen=True)
class Readable:
    """A face as read from its files: the picture, and the categories 0..13 of its pixels if it has a label."""

    face: Face
    picture: Image.Image
    classes: UInt8[np.ndarray, "h w"] | None


class FaceSamples(Dataset[Batch]):
    """Maps a sample number to one augmented face, its mask and its label map (a batch of one).

    Samples of a number below `half_until` have half the side.
    """

    def __init__(self, config: DataConfig, *, seed: int, half_until: int = 0) -> None:
        self.config, self.seed, self.half_until = config, seed, half_until
        self.faces: list[Face] = [
            face for source in config.faces for face in list_faces(source) for _ in range(source.repeat)
        ]
        if not self.faces:
            raise DataError("no faces to train on: give --data FOLDER")
        self.pictures = len({face.picture for face in self.faces})
        self.mask_files = list_masks(config.masks)
        self._order: tuple[int, np.ndarray] = (-1, np.empty(0))
        mirrored = mirrored_classes(config.class_map)
        self._mirrored = torch.tensor([*mirrored, *range(len(mirrored), NO_LABEL + 1)])

    def __len__(self) -> int:
        """Samples in one epoch; sample numbers go on beyond it."""
        return len(self.faces)

    def side(self, index: int) -> int:
        """Side of sample number `index`, in pixels."""
        return self.config.size // 2 if index < self.half_until else self.config.size

    def at_full_size(self) -> FaceSamples:
        """The same samples, none of them at half the side."""
        found = copy(self)
        found.half_until = 0
        return found

    def face(self, index: int, further: int = 0) -> Face:
        """Each epoch visits every face `repeat` times, in an order of its own; `further` counts on from there."""
        epoch, position = divmod(index, len(self.faces))
        if self._order[0] != epoch:
            self._order = epoch, np.random.default_rng((self.seed, 1, epoch)).permutation(len(self.faces))
        return self.faces[int(self._order[1][(position + further) % len(self.faces)])]

    def usable(self, index: int) -> tuple[Readable, tuple[Defect, ...]]:
        """The face of sample `index`, read; or the next in the epoch's order that can be, and what was wrong before it.

        Which one that is depends on the files alone. A `DataError` if more pictures in a row are unusable than may be.
        """
        defects: dict[Path, Defect] = {}
        for further in range(len(self.faces)):
            face = self.face(index, further)
            if face.picture in defects:
                continue
            try:
                return self._read(face), tuple(defects.values())
            except ImageError as error:
                defects[face.picture] = Defect(face.picture, str(error))
            if self.unusable().too_many(len(defects)):
                break
        reasons = [defect.reason for defect in defects.values()]
        raise DataError(too_many(len(defects), self.pictures, self.config.bad_limit, reasons))

    def unusable(self) -> Unusable:
        """A fresh list of the pictures that cannot be used."""
        return Unusable(self.pictures, self.config.bad_limit)

    def _read(self, face: Face) -> Readable:
        pixels = decoded(self.config.cache, face.picture, lambda path: np.asarray(read_image(path)))
        picture, least = picture_of(pixels), self.config.smallest * self.config.size
        if min(picture.size) < least:
            raise ImageError(
                f"{shown(face.picture)}: {picture.width} x {picture.height} pixels, expected at least {least:g} a side"
            )
        return Readable(face, picture, read_label(face, self.config.class_map, self.config.cache))

    def __getitem__(self, index: int) -> Batch:
        return self.sample(index)[0]

    def sample(self, index: int) -> tuple[Batch, tuple[Defect, ...]]:
        """Sample number `index`, and the pictures that it had to replace."""
        rng, (read, defects) = np.random.default_rng((self.seed, 2, index)), self.usable(index)
        box, flip = self._crop(rng, read.picture), self.config.flip and rng.random() < 0.5
        side = self.side(index)
        image = to_tensor(resize_image(read.picture, side, box))
        label = self._label(read, box, side)
        mask = mask_tensor(sample_mask(rng, self.config.masks, self.mask_files, side, self.config.cache))
        if flip:
            image, label = image.flip(-1), self._mirrored[label.flip(-1)]
        return Batch(image, mask, label), defects

    def _crop(self, rng: np.random.Generator, picture: Image.Image) -> tuple[float, float, float, float]:
        """A random square within the picture's largest centred one; its sides in pixels (left, top, right, bottom)."""
        width, height = picture.size
        side = min(width, height)
        low, high = self.config.crop if rng.random() < self.config.crop_probability else (1.0, 1.0)
        crop = side * float(rng.uniform(low, high))
        left = (width - side) / 2 + float(rng.uniform(0, side - crop))
        top = (height - side) / 2 + float(rng.uniform(0, side - crop))
        return left, top, left + crop, top + crop

    def _label(self, read: Readable, box: tuple[float, float, float, float], size: int) -> Int64[Tensor, "1 size size"]:
        """The label map under the same crop, nearest; all `NO_LABEL` where the face has none."""
        face, picture, classes = read.face, read.picture, read.classes
        if classes is None:
            return torch.full((1, size, size), NO_LABEL)
        refuse_misfit(face, picture.size, (classes.shape[0], classes.shape[1]))
        scale = classes.shape[1] / picture.width
        centres = (np.arange(size) + 0.5) / size
        columns = ((box[0] + centres * (box[2] - box[0])) * scale).astype(int).clip(0, classes.shape[1] - 1)
        rows = ((box[1] + centres * (box[3] - box[1])) * scale).astype(int).clip(0, classes.shape[0] - 1)
        return torch.from_numpy(classes[np.ix_(rows, columns)].astype(np.int64))[None]


def collate(samples: list[Batch]) -> Batch:
    """Single samples joined to one batch."""
    return Batch(
        torch.cat([s.images for s in samples]),
        torch.cat([s.masks for s in samples]),
        torch.cat([s.labels for s in samples]),
    )


def batches(
    samples: FaceSamples, *, batch: int, first: int, last: int, workers: int = 0, unusable: Unusable | None = None,
    part: Part = WHOLE,
) -> Iterator[Batch]:  # fmt: skip
    """Batches number `first` to `last` - 1, or a `part` of each; the same whatever the number of worker processes.

    What cannot be read is noted in `unusable`, or warned about. A worker process that dies is a `WorkerError`.
    """
    unusable = samples.unusable() if unusable is None else unusable
    numbers = ([step * batch + number for number in part.numbers(batch)] for step in range(first, last))
    loader: DataLoader[Loaded | InputError] = DataLoader(
        _Careful(samples), batch_sampler=numbers, num_workers=workers, collate_fn=_collate, persistent_workers=False,
        worker_init_fn=_leave_signals_to_the_run,
    )  # fmt: skip
    for loaded in _alive(loader):
        if isinstance(loaded, InputError):
            raise loaded
        unusable.note(loaded.defects)
        yield replace(loaded.batch, part=part)


def _alive(loader: DataLoader[Loaded | InputError]) -> Iterator[Loaded | InputError]:
    """What `loader` gives; the death of a worker is noticed here, where its batch is waited for.

    PyTorch's own handler would raise in the midst of whatever the main thread does, an update for example.
    """
    before = signal.getsignal(signal.SIGCHLD) if hasattr(signal, "SIGCHLD") else None
    iterator = iter(loader)
    if before is not None and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGCHLD, before)
    while True:
        try:
            loaded = next(iterator, None)
        except (RuntimeError, OSError, EOFError) as error:
            if not (loader.num_workers and _is_of_a_lost_worker(error)):
                raise
            how = (str(error) or type(error).__name__).splitlines()[0]
            raise WorkerError(
                f"a process that loads pictures was killed ({how}); if memory ran out, use fewer"
                " workers; the same command goes on from the last checkpoint"
            ) from error
        if loaded is None:
            return
        yield loaded


def _is_of_a_lost_worker(error: Exception) -> bool:
    """Whether a worker died: while it was waited for, or while it handed over a batch that it had announced.

    What a worker raises itself arrives as "Caught ... in DataLoader worker process ...".
    """
    if isinstance(error, RuntimeError):
        return "DataLoader worker (pid" in str(error)
    return "Caught " not in str(error)


def _leave_signals_to_the_run(worker: int) -> None:
    """Ctrl-C reaches every process of a terminal; the run finishes its step and then ends its workers."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


@dataclass(frozen=True)
class Loaded:
    """A batch, and the pictures that could not be used for it."""

    batch: Batch
    defects: tuple[Defect, ...]


class _Careful(Dataset["Loaded | InputError"]):
    """`samples` with errors as values: raised in a worker process, they would arrive as many lines of traceback."""

    def __init__(self, samples: FaceSamples) -> None:
        self.samples = samples

    def __getitem__(self, index: int) -> Loaded | InputError:
        try:
            return Loaded(*self.samples.sample(index))
        except InputError as error:
            return error


def _collate(samples: list[Loaded | InputError]) -> Loaded | InputError:
    errors = [sample for sample in samples if isinstance(sample, InputError)]
    if errors:
        return errors[0]
    whole = [sample for sample in samples if isinstance(sample, Loaded)]
    return Loaded(collate([s.batch for s in whole]), tuple(defect for s in whole for defect in s.defects))
