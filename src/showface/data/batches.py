"""Batches for training. Sample number i is a pure function of (seed, i), so any worker count gives the same batches
and a run that stopped continues with the very next sample.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Float, Int64
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from showface.data.faces import Face, FaceSource, list_faces, mirrored_classes, read_label
from showface.data.mask_sets import MaskSource, list_masks, sample_mask
from showface.errors import DataError, InputError
from showface.images import read_image, resize_image, to_tensor
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


@dataclass(frozen=True)
class Batch:
    """Pictures in [-1, 1], masks with 1 = hole, labels 0..13 or `NO_LABEL`."""

    images: Float[Tensor, "b 3 h w"]
    masks: Float[Tensor, "b 1 h w"]
    labels: Int64[Tensor, "b h w"]

    def to(self, device: torch.device) -> Batch:
        """The batch on `device`, images in channels_last order."""
        images = self.images.to(device, non_blocking=True, memory_format=torch.channels_last)
        return Batch(images, self.masks.to(device, non_blocking=True), self.labels.to(device, non_blocking=True))


class FaceSamples(Dataset[Batch]):
    """Maps a sample number to one augmented face, its mask and its label map (a batch of one)."""

    def __init__(self, config: DataConfig, *, seed: int) -> None:
        self.config, self.seed = config, seed
        self.faces: list[Face] = [
            face for source in config.faces for face in list_faces(source) for _ in range(source.repeat)
        ]
        if not self.faces:
            raise DataError("no faces to train on: give --data FOLDER")
        self.mask_files = list_masks(config.masks)
        self._order: tuple[int, np.ndarray] = (-1, np.empty(0))
        mirrored = mirrored_classes(config.class_map)
        self._mirrored = torch.tensor([*mirrored, *range(len(mirrored), NO_LABEL + 1)])

    def __len__(self) -> int:
        """Samples in one epoch; sample numbers go on beyond it."""
        return len(self.faces)

    def face(self, index: int) -> Face:
        """Each epoch visits every face `repeat` times, in an order of its own."""
        epoch, position = divmod(index, len(self.faces))
        if self._order[0] != epoch:
            self._order = epoch, np.random.default_rng((self.seed, 1, epoch)).permutation(len(self.faces))
        return self.faces[int(self._order[1][position])]

    def __getitem__(self, index: int) -> Batch:
        rng, face = np.random.default_rng((self.seed, 2, index)), self.face(index)
        picture = read_image(face.picture)
        box, flip = self._crop(rng, picture), self.config.flip and rng.random() < 0.5
        image = to_tensor(resize_image(picture, self.config.size, box))
        label = self._label(face, picture, box)
        mask = mask_tensor(sample_mask(rng, self.config.masks, self.mask_files, self.config.size))
        if flip:
            image, label = image.flip(-1), self._mirrored[label.flip(-1)]
        return Batch(image, mask, label)

    def _crop(self, rng: np.random.Generator, picture: Image.Image) -> tuple[float, float, float, float]:
        """A random square within the picture's largest centred one; its sides in pixels (left, top, right, bottom)."""
        width, height = picture.size
        side = min(width, height)
        low, high = self.config.crop if rng.random() < self.config.crop_probability else (1.0, 1.0)
        crop = side * float(rng.uniform(low, high))
        left = (width - side) / 2 + float(rng.uniform(0, side - crop))
        top = (height - side) / 2 + float(rng.uniform(0, side - crop))
        return left, top, left + crop, top + crop

    def _label(
        self, face: Face, picture: Image.Image, box: tuple[float, float, float, float]
    ) -> Int64[Tensor, "1 size size"]:
        """The label map under the same crop, nearest; all `NO_LABEL` where the face has none."""
        size, classes = self.config.size, read_label(face, self.config.class_map)
        if classes is None:
            return torch.full((1, size, size), NO_LABEL)
        scale = classes.shape[1] / picture.width
        if round(picture.height * scale) != classes.shape[0]:
            raise DataError(
                f"{face.label}: a label map of {classes.shape[1]} x {classes.shape[0]} pixels does not fit "
                f"{face.picture} of {picture.width} x {picture.height}"
            )
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


def batches(samples: FaceSamples, *, batch: int, first: int, last: int, workers: int = 0) -> Iterator[Batch]:
    """Batches number `first` to `last` - 1; the same whatever the number of worker processes."""
    numbers = (list(range(step * batch, (step + 1) * batch)) for step in range(first, last))
    loader: DataLoader[Batch | InputError] = DataLoader(
        _Careful(samples), batch_sampler=numbers, num_workers=workers, collate_fn=_collate, persistent_workers=False
    )
    for loaded in loader:
        if isinstance(loaded, InputError):
            raise loaded
        yield loaded


class _Careful(Dataset[Batch | InputError]):
    """`samples` with errors as values: raised in a worker process, they would arrive as many lines of traceback."""

    def __init__(self, samples: FaceSamples) -> None:
        self.samples = samples

    def __getitem__(self, index: int) -> Batch | InputError:
        try:
            return self.samples[index]
        except InputError as error:
            return error


def _collate(samples: list[Batch | InputError]) -> Batch | InputError:
    errors = [sample for sample in samples if isinstance(sample, InputError)]
    return errors[0] if errors else collate([sample for sample in samples if isinstance(sample, Batch)])
