from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from showface.data.batches import NO_LABEL, Batch, DataConfig, FaceSamples, batches, collate
from showface.data.faces import FaceSource
from showface.data.mask_sets import MaskSource
from showface.errors import DataError
from showface.images import to_uint8
from showface.semantics import CATEGORIES, INTO

# forking is safe here: the workers use no threads of the parent; and one core is enough for two workers of a test
WORKERS_ARE_FINE = pytest.mark.filterwarnings(
    "ignore:.*multi-threaded, use of fork:DeprecationWarning", "ignore:This DataLoader will create:UserWarning"
)


def config_of(faces: Path, **fields: object) -> DataConfig:
    source = FaceSource(folder=str(faces / "images"), labels=str(faces / "labels"), repeat=2)
    return DataConfig(**({"faces": (source,), "masks": MaskSource(), "size": 24} | fields))


def equal(first: Batch, second: Batch) -> bool:
    return all(
        torch.equal(a, b)
        for a, b in zip(
            (first.images, first.masks, first.labels), (second.images, second.masks, second.labels), strict=True
        )
    )


# ------------------------------------------------------------------ order


def test_every_face_is_visited_repeat_times_in_each_epoch(faces: Path) -> None:
    samples = FaceSamples(config_of(faces), seed=0)
    assert len(samples) == 10
    epochs = [[samples.face(i).picture.stem for i in range(start, start + 10)] for start in (0, 10, 20)]
    for epoch in epochs:
        assert Counter(epoch) == {f"face{i}": 2 for i in range(5)}
    assert epochs[0] != epochs[1] != epochs[2]
    assert samples.face(3).picture.stem == epochs[0][3]  # going back gives the same


@WORKERS_ARE_FINE
def test_batches_do_not_depend_on_the_number_of_workers(faces: Path) -> None:
    samples = FaceSamples(config_of(faces), seed=0)
    alone, helped = (list(batches(samples, batch=4, first=1, last=5, workers=workers)) for workers in (0, 2))
    assert len(alone) == len(helped) == 4
    assert all(equal(a, b) for a, b in zip(alone, helped, strict=True))


def test_a_run_that_goes_on_in_the_middle_of_an_epoch_sees_what_it_would_have_seen(faces: Path) -> None:
    whole = list(batches(FaceSamples(config_of(faces), seed=0), batch=4, first=0, last=6))
    first = list(batches(FaceSamples(config_of(faces), seed=0), batch=4, first=0, last=2))
    rest = list(batches(FaceSamples(config_of(faces), seed=0), batch=4, first=2, last=6))
    assert all(equal(a, b) for a, b in zip(whole, first + rest, strict=True))


def test_another_seed_gives_other_samples_and_nothing_else_random_matters(faces: Path) -> None:
    first = FaceSamples(config_of(faces), seed=0)[7]
    torch.manual_seed(99)
    np.random.seed(99)
    assert equal(first, FaceSamples(config_of(faces), seed=0)[7])
    assert not equal(first, FaceSamples(config_of(faces), seed=1)[7])


def test_the_samples_of_running_trainings_stay_as_they_are(faces: Path) -> None:
    """Golden: a checkpoint made by an earlier version goes on with these very crops, flips and masks."""
    samples = FaceSamples(config_of(faces), seed=0)
    order = [int(samples.face(i).picture.stem[4:]) for i in range(10)]
    assert order == [4, 0, 1, 4, 3, 3, 0, 2, 1, 2]
    assert [int(samples[i].masks.sum()) for i in range(6)] == [23, 160, 37, 277, 149, 140]
    boxes = [samples._crop(np.random.default_rng((0, 2, i)), Image.new("RGB", (48, 48))) for i in range(2)]
    assert np.array(boxes) == pytest.approx(
        np.array([(2.587015, 0.624286, 46.284568, 44.321838), (1.015135, 0.168792, 47.804913, 46.958571)]), abs=1e-5
    )


# ------------------------------------------------------------------ pictures and labels


def test_crops_and_flips_keep_labels_on_their_pixels(faces: Path, colours: dict[str, tuple[int, int, int]]) -> None:
    """The colour of a pixel tells its class."""
    config = config_of(faces, crop=(0.5, 0.9), crop_probability=1.0)
    samples, unflipped = FaceSamples(config, seed=0), FaceSamples(replace(config, flip=False), seed=0)
    flips = 0
    for index in range(12):
        sample = samples[index]
        flips += _is_flipped(samples, index)
        pixels = to_uint8(sample.images)[0].astype(int)
        distances = np.stack([abs(pixels - np.array(colour)).sum(-1) for colour in colours.values()])
        wanted = np.array([CATEGORIES.index(INTO.get(name, name)) for name in colours])[distances.argmin(0)]
        flat = distances.min(0) < 30  # not on the edge between two classes
        assert flat.mean() > 0.6
        assert np.array_equal(sample.labels[0].numpy()[flat], wanted[flat])
    assert 2 <= flips <= 10 and unflipped.config.flip is False


def _is_flipped(samples: FaceSamples, index: int) -> bool:
    """Repeats the draws of a sample up to the flip."""
    rng = np.random.default_rng((samples.seed, 2, index))
    samples._crop(rng, Image.new("RGB", (48, 48)))
    return bool(rng.random() < 0.5)


def test_ranges_shapes_and_binary_masks(faces: Path) -> None:
    config = config_of(faces, masks=MaskSource(share=(0.2, 0.3)))
    batch = next(batches(FaceSamples(config, seed=0), batch=3, first=0, last=1))
    assert batch.images.shape == (3, 3, 24, 24) and batch.images.dtype == torch.float32
    assert batch.images.min() >= -1 and batch.images.max() <= 1 and batch.images.std() > 0.1
    assert batch.masks.shape == (3, 1, 24, 24) and set(batch.masks.unique().tolist()) == {0.0, 1.0}
    assert all(0.2 <= share <= 0.3 for share in batch.masks.mean((1, 2, 3)).tolist())
    assert batch.labels.shape == (3, 24, 24) and batch.labels.dtype == torch.int64


def test_without_augmentation_the_picture_comes_whole(faces: Path) -> None:
    samples = FaceSamples(config_of(faces, crop_probability=0.0, flip=False, size=48), seed=0)
    wanted = np.asarray(Image.open(samples.face(0).picture))
    assert np.array_equal(to_uint8(samples[0].images)[0], wanted)


def test_crops_are_squares_inside_the_picture(faces: Path) -> None:
    samples = FaceSamples(config_of(faces, crop=(0.3, 1.0), crop_probability=0.8), seed=0)
    for index in range(60):
        picture = Image.new("RGB", (80, 50) if index % 2 else (50, 80))
        left, top, right, bottom = samples._crop(np.random.default_rng(index), picture)
        assert right - left == pytest.approx(bottom - top) and right - left > 15 - 1e-6
        assert min(left, top, picture.width - right, picture.height - bottom) > -1e-6


def test_faces_without_labels_are_marked_and_flipping_keeps_the_mark(faces: Path) -> None:
    source = FaceSource(folder=str(faces / "images"))
    samples = FaceSamples(DataConfig(faces=(source,), size=24), seed=0)
    assert all(bool((samples[i].labels == NO_LABEL).all()) for i in range(5))


def test_a_larger_picture_than_its_label(faces: Path) -> None:
    samples = FaceSamples(config_of(faces, crop_probability=0.0, flip=False, size=12), seed=0)
    before = samples[0].labels
    for path in (faces / "images").iterdir():
        with Image.open(path) as picture:
            picture.resize((96, 96)).save(path)
    assert torch.equal(FaceSamples(samples.config, seed=0)[0].labels, before)


# ------------------------------------------------------------------ bad input


def test_a_label_of_another_shape_than_its_picture_is_refused(faces: Path) -> None:
    Image.new("RGB", (48, 60)).save(faces / "images" / "face2.png")
    with pytest.raises(DataError, match=r"face2\.png: a label map of 48 x 48 .* does not fit .* 48 x 60"):
        list(batches(FaceSamples(config_of(faces), seed=0), batch=5, first=0, last=2))


def test_collate_joins_in_order(faces: Path) -> None:
    samples = FaceSamples(config_of(faces), seed=0)
    joined = collate([samples[0], samples[1]])
    assert torch.equal(joined.images[1:], samples[1].images) and joined.labels.shape[0] == 2
