"""Batches for training. Sample number i is a pure function of (seed, i), so any worker count gives the same batches
and a run that stopped continues with the very next sample.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float, Int64
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from showface.data.faces import Face, FaceSource, list_faces
from showface.data.hidden_parts import PartMap, hidden_part
from showface.data.lost_workers import alive, leave_signals_to_the_run
from showface.data.mask_sets import MaskSource, list_masks, sample_mask
from showface.data.reading import NO_LABEL as NO_LABEL  # known by the name of this module, too
from showface.data.reading import Readable, cropped_label, part_map, read_face
from showface.data.same_person import other_pictures
from showface.data.unusable import Defect, Unusable, too_many
from showface.data.views import changed, random_change
from showface.data.windows import Window
from showface.errors import DataError, ImageError, InputError, SettingError
from showface.images import resize_image, to_tensor
from showface.masks import mask_tensor
from showface.occluders.shapes import MIDLINE

FROM_OTHERS = 0.5  # share of the views that are another picture of the person, where there is one
VIEWED_TOGETHER = 8  # samples in a row that all have a view or none: a batch without views costs less
MASKED_VIEWS = 0.4  # share of the views of which something is hidden


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    """What a stage is trained on."""

    faces: tuple[FaceSource, ...] = ()  # filled from --data where a recipe leaves it empty
    masks: MaskSource = field(default_factory=MaskSource)
    size: int = 256  # side of the training pictures in pixels
    crop: tuple[float, float] = (0.85, 1.0)  # side of the random crop as a share of the picture's
    crop_probability: float = 0.7  # the rest is taken whole
    flip: bool = True  # mirror half of the pictures
    smallest: float = 0.25  # a picture whose shorter side is below this share of `size` cannot be used
    views: float = 0.0  # share of the samples that come with one further picture of the person, in [0, 1]
    same_person: str = ""  # CSV with the columns person and file: which pictures show one person; "" = nobody knows
    cache: str = ""  # folder that keeps decoded pictures, labels and masks, so that each is decoded once; "" = none
    bad_limit: float = 0.05  # share of the pictures that may be damaged, missing or too small; others replace them

    def __post_init__(self) -> None:
        if not (self.smallest >= 0 and 0 <= self.bad_limit < 1):
            raise SettingError(
                f"data: expected smallest of at least 0 and bad_limit in [0, 1), got {self.smallest}, {self.bad_limit}"
            )
        if not 0 <= self.views <= 1:
            raise SettingError(f"data: expected a share of samples with views in [0, 1], got {self.views}")


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
_NONE = torch.empty(0)  # stands for the views of a batch that was made without any


@dataclass(frozen=True)
class Batch:
    """Pictures in [-1, 1], masks with 1 = hole, labels 0..13 or `NO_LABEL`; all of a batch, or a `part` of it.

    `views` are further pictures of the same people, k for each, in [-1, 1], and 0 where they are `hidden` (1 = hidden).
    A picture without a view has one that is hidden everywhere; where nobody asked for views, k = 0.
    """

    images: Float[Tensor, "b 3 h w"]
    masks: Float[Tensor, "b 1 h w"]
    labels: Int64[Tensor, "b h w"]
    part: Part = WHOLE
    views: Float[Tensor, "b k 3 h w"] = _NONE
    hidden: Float[Tensor, "b k 1 h w"] = _NONE

    def __post_init__(self) -> None:
        for name, alike in (("views", self.images), ("hidden", self.masks)):
            if getattr(self, name) is _NONE:
                object.__setattr__(self, name, alike.new_empty(alike.shape[0], 0, *alike.shape[1:]))

    def to(self, device: torch.device) -> Batch:
        """The batch on `device`, images in channels_last order."""
        images = self.images.to(device, non_blocking=True, memory_format=torch.channels_last)
        masks, labels, views, hidden = (
            each.to(device, non_blocking=True) for each in (self.masks, self.labels, self.views, self.hidden)
        )
        return Batch(images, masks, labels, self.part, views, hidden)

    def parts(self, count: int) -> list[Batch]:
        """The pictures in `count` parts of one size."""
        if count == 1:
            return [self]
        found = []
        for index in range(count):
            images = self.images[index::count].contiguous(memory_format=torch.channels_last)
            masks, labels, views, hidden = (
                each[index::count] for each in (self.masks, self.labels, self.views, self.hidden)
            )
            part = Part(self.part.index + self.part.count * index, self.part.count * count)
            found.append(Batch(images, masks, labels, part, views, hidden))
        return found


class FaceSamples(Dataset[Batch]):
    """Maps a sample number to one augmented face, its mask and its label map (a batch of one)."""

    def __init__(self, config: DataConfig, *, seed: int) -> None:
        self.config, self.seed = config, seed
        self.faces: list[Face] = [
            face for source in config.faces for face in list_faces(source) for _ in range(source.repeat)
        ]
        if not self.faces:
            raise DataError("no faces to train on: give --data FOLDER")
        self.pictures = len({face.picture for face in self.faces})
        self.mask_files = list_masks(config.masks)
        asked = bool(config.views and config.same_person)
        self.others = other_pictures(config.same_person, self.faces) if asked else {}
        self._order: tuple[int, np.ndarray] = (-1, np.empty(0))

    def __len__(self) -> int:
        """Samples in one epoch; sample numbers go on beyond it."""
        return len(self.faces)

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
        return read_face(face, self.config.cache, self.config.smallest * self.config.size)

    def _parts(self, read: Readable, window: Window, *, flip: bool) -> PartMap:
        """Where the parts of a face lie, in its mirror image if `flip`."""
        found = part_map(read, window)
        return found.mirrored() if flip else found

    def __getitem__(self, index: int) -> Batch:
        return self.sample(index)[0]

    def sample(self, index: int) -> tuple[Batch, tuple[Defect, ...]]:
        """Sample number `index`, and the pictures that it had to replace."""
        rng, (read, defects) = np.random.default_rng((self.seed, 2, index)), self.usable(index)
        box, flip = self._crop(rng, read.picture), self.config.flip and rng.random() < 0.5
        side, window = self.config.size, Window.of(box, read.picture.size)
        image = to_tensor(resize_image(read.picture, side, box))
        label = cropped_label(read, box, side)
        face = self._parts(read, window, flip=flip) if self.config.masks.parts else None
        mask = mask_tensor(sample_mask(rng, self.config.masks, self.mask_files, side, self.config.cache, face))
        if flip:
            image, label = image.flip(-1), label.flip(-1)
        if not self.config.views:
            return Batch(image, mask, label), defects
        view, hidden = self._view(index, read, window, image, flip=flip)
        return Batch(image, mask, label, views=view[:, None], hidden=hidden[:, None]), defects

    def _view(
        self, index: int, read: Readable, window: Window, image: Float[Tensor, "1 3 size size"], *, flip: bool
    ) -> tuple[Float[Tensor, "1 3 size size"], Float[Tensor, "1 1 size size"]]:
        """A further picture of the person of sample `index`, and what of it is hidden: all, where there is to be none.

        It is another photograph through the same window, or the sample's `image` itself changed. Its random numbers are
        its own, so that samples with views are those without them.
        """
        rng, side = np.random.default_rng((self.seed, 3, index)), image.shape[-1]
        if np.random.default_rng((self.seed, 4, index // VIEWED_TOGETHER)).random() >= self.config.views:
            return torch.zeros(1, 3, side, side), torch.ones(1, 1, side, side)
        other = self._other(rng, read.face)
        face = self._parts(other or read, window, flip=flip)
        hidden = mask_tensor(self._hidden(rng, face, side))
        if other is not None:
            view = to_tensor(resize_image(other.picture, side, window.box(other.picture.size)))
            view = view.flip(-1) if flip else view
        else:
            middle = face.window.across(1 - MIDLINE if flip else MIDLINE)
            view, hidden = changed(image, hidden, random_change(rng), middle)
        return view.where(hidden < 0.5, 0.0), hidden

    def _other(self, rng: np.random.Generator, face: Face) -> Readable | None:
        """Another picture of the person, as often as `FROM_OTHERS` says, if there is one that can be read."""
        others = self.others.get(face.picture, ())
        if not others or rng.random() >= FROM_OTHERS:
            return None
        try:
            return self._read(others[int(rng.integers(len(others)))])
        except ImageError:
            return None  # which is told when the picture's own turn comes

    def _hidden(self, rng: np.random.Generator, face: PartMap, side: int) -> Bool[np.ndarray, "side side"]:
        """What is hidden of a view: mostly nothing, else a part of the face or what any mask hides."""
        if rng.random() >= MASKED_VIEWS:
            return np.zeros((side, side), dtype=bool)
        if rng.random() < 0.5:
            return hidden_part(rng, face, side)
        return sample_mask(rng, self.config.masks, self.mask_files, side, self.config.cache, face)

    def _crop(self, rng: np.random.Generator, picture: Image.Image) -> tuple[float, float, float, float]:
        """A random square within the picture's largest centred one; its sides in pixels (left, top, right, bottom)."""
        width, height = picture.size
        side = min(width, height)
        low, high = self.config.crop if rng.random() < self.config.crop_probability else (1.0, 1.0)
        crop = side * float(rng.uniform(low, high))
        left = (width - side) / 2 + float(rng.uniform(0, side - crop))
        top = (height - side) / 2 + float(rng.uniform(0, side - crop))
        return left, top, left + crop, top + crop


def collate(samples: list[Batch]) -> Batch:
    """Single samples joined to one batch."""
    return Batch(
        torch.cat([s.images for s in samples]),
        torch.cat([s.masks for s in samples]),
        torch.cat([s.labels for s in samples]),
        views=torch.cat([s.views for s in samples]),
        hidden=torch.cat([s.hidden for s in samples]),
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
        worker_init_fn=leave_signals_to_the_run,
    )  # fmt: skip
    for loaded in alive(loader):
        if isinstance(loaded, InputError):
            raise loaded
        unusable.note(loaded.defects)
        yield replace(loaded.batch, part=part)


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
