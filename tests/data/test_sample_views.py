"""Samples with a further view of the person: whose it is, what is done to it, and that nothing else changes."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from showface.data import batches as module
from showface.data.batches import Batch, DataConfig, FaceSamples, batches, collate
from showface.data.faces import FaceSource
from showface.data.mask_sets import MaskSource
from showface.data.views import Change
from showface.errors import DataError, SettingError

# forking is safe here: the workers use no threads of the parent; and one core is enough for two workers of a test
WORKERS_ARE_FINE = pytest.mark.filterwarnings(
    "ignore:.*multi-threaded, use of fork:DeprecationWarning", "ignore:This DataLoader will create:UserWarning"
)
FIELDS = ("images", "masks", "labels", "views", "hidden")


def config_of(faces: Path, **fields: object) -> DataConfig:
    source = FaceSource(folder=str(faces / "images"), labels=str(faces / "labels"), repeat=2)
    masks = MaskSource(parts=0.5, drawn=1.0)
    return DataConfig(**({"faces": (source,), "masks": masks, "size": 32, "views": 1.0} | fields))


def samples(faces: Path, **fields: object) -> FaceSamples:
    return FaceSamples(config_of(faces, **fields), seed=0)


def equal(first: Batch, second: Batch) -> bool:
    return all(torch.equal(getattr(first, name), getattr(second, name)) for name in FIELDS)


def unmasked(monkeypatch: pytest.MonkeyPatch, change: Change | None = None, *, others: float = 0.0) -> None:
    """Views of which nothing is hidden, made by `change`."""
    monkeypatch.setattr(module, "MASKED_VIEWS", 0.0)
    monkeypatch.setattr(module, "FROM_OTHERS", others)
    if change is not None:
        monkeypatch.setattr(module, "random_change", lambda rng: change)


# ------------------------------------------------------------------ what stays as it was


@pytest.mark.parametrize(("occluders", "digest"), [(0.0, "b7d9fbd33d4b9115"), (0.5, "39cfc6092b74300f")])
def test_without_views_and_parts_every_sample_is_what_it_was(faces: Path, occluders: float, digest: str) -> None:
    """Golden, of the version before there were any: pictures, masks and labels to the last bit."""
    found, total = samples(faces, masks=MaskSource(occluders=occluders), size=24, views=0.0), hashlib.sha256()
    for index in range(12):
        sample = found[index]
        assert sample.views.shape == (1, 0, 3, 24, 24) and sample.hidden.shape == (1, 0, 1, 24, 24)
        for name in ("images", "masks", "labels"):
            total.update(getattr(sample, name).contiguous().numpy().tobytes())
    assert total.hexdigest()[:16] == digest


def test_views_change_nothing_else_of_a_sample(faces: Path) -> None:
    with_views, without = samples(faces), samples(faces, views=0.0)
    for index in range(6):
        assert all(torch.equal(getattr(with_views[index], n), getattr(without[index], n)) for n in FIELDS[:3])


@WORKERS_ARE_FINE
def test_a_sample_hangs_on_seed_and_number_alone(faces: Path) -> None:
    alone, helped = (list(batches(samples(faces), batch=4, first=1, last=4, workers=n)) for n in (0, 2))
    assert all(equal(a, b) for a, b in zip(alone, helped, strict=True))
    torch.manual_seed(9)
    first, again = samples(faces), samples(faces)
    assert equal(again[7], first[7]) and equal(first[7], again[7])
    assert not torch.equal(first[7].views, FaceSamples(first.config, seed=1)[7].views)


# ------------------------------------------------------------------ batches


def test_batches_carry_views_and_are_complete_without_any(faces: Path) -> None:
    found = samples(faces)
    joined = collate([found[0], found[1], found[2], found[3]])
    assert joined.views.shape == (4, 1, 3, 32, 32) and joined.hidden.shape == (4, 1, 1, 32, 32)
    first, second = joined.parts(2)
    assert torch.equal(second.views, joined.views[1::2]) and torch.equal(first.hidden, joined.hidden[0::2])
    assert equal(joined.to(torch.device("cpu")), joined)
    plain = Batch(joined.images, joined.masks, joined.labels)
    assert plain.views.shape == (4, 0, 3, 32, 32) and plain.parts(2)[0].hidden.shape == (2, 0, 1, 32, 32)
    assert collate([plain, plain]).views.shape == (8, 0, 3, 32, 32)


def test_a_share_of_the_samples_has_a_view_the_others_one_that_is_hidden_everywhere(faces: Path) -> None:
    found = [samples(faces, views=0.5)[index] for index in range(80)]
    none = [sample for sample in found if sample.hidden.all()]
    assert 16 <= len(none) <= 64 and not any(sample.views.any() for sample in none)
    for first in range(0, 80, module.VIEWED_TOGETHER):  # of a batch that begins there all or none have one
        together = {bool(sample.hidden.all()) for sample in found[first : first + module.VIEWED_TOGETHER]}
        assert len(together) == 1
    for sample in found:
        assert set(sample.hidden.unique().tolist()) <= {0.0, 1.0} and sample.views.min() >= -1
        assert sample.views.max() <= 1 and not (sample.views * sample.hidden).any()


def test_of_four_views_in_ten_something_is_hidden(faces: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "random_change", lambda rng: Change())
    found = samples(faces)
    assert 10 <= sum(bool(found[index].hidden.any()) for index in range(40)) <= 22


# ------------------------------------------------------------------ the picture itself


def test_a_view_that_is_not_changed_is_the_sample_flipped_with_it(faces: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unmasked(monkeypatch, Change())
    found = samples(faces)
    for index in range(8):  # of which some are flipped
        assert torch.allclose(found[index].views[:, 0], found[index].images, atol=1e-4)
        assert not found[index].hidden.any()


def test_a_mirrored_view_has_its_eyes_where_the_sample_has_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In every crop: it is mirrored about the middle of the aligned face, not of the crop."""
    (tmp_path / "images").mkdir()
    pixels = np.full((256, 256), 60, dtype=np.uint8)
    for x in (96, 158):  # the middles of the eyes, about columns 96.5 and 158.5
        pixels[118:126, x - 6 : x + 7] = 255
    Image.fromarray(pixels).save(tmp_path / "images" / "a.png")
    unmasked(monkeypatch, Change(mirror=True))
    config = DataConfig(faces=(FaceSource(folder=str(tmp_path / "images")),), size=128, crop_probability=1.0, views=1.0)
    found = FaceSamples(config, seed=0)
    for index in range(8):
        sample = found[index]
        here, there = ((each[0, 0] > 0.3).nonzero().float().mean(0) for each in (sample.images, sample.views[:, 0]))
        assert torch.allclose(here, there, atol=0.5)


def test_what_lies_beyond_the_picture_is_hidden(faces: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unmasked(monkeypatch, Change(shift=(64.0, 0.0)))  # a quarter of the side
    sample = samples(faces)[0]
    assert sample.hidden[..., :8].all() and not sample.hidden[..., 8:].any() and not sample.views[..., :8].any()


# ------------------------------------------------------------------ other pictures of the person


@pytest.fixture
def people(tmp_path: Path) -> Path:
    """Six pictures, each of a brightness that falls from left to right: 0, 1 and 2 show anna, 3 and 4 bert."""
    (tmp_path / "images").mkdir()
    for number in range(6):
        row = np.linspace(40 * number + 30, 40 * number, 48).astype(np.uint8)
        Image.fromarray(np.broadcast_to(row, (48, 48)).copy()).save(tmp_path / "images" / f"{number}.png")
    rows = ["person,file", *(f"anna,images/{n}.png" for n in (0, 1, 2)), *(f"bert,images/{n}.png" for n in (3, 4))]
    (tmp_path / "people.csv").write_text("\n".join([*rows, "bert,images/elsewhere.png", "carl,images/5.png"]))
    return tmp_path


def of_people(people: Path, **fields: object) -> FaceSamples:
    sources = (FaceSource(folder=str(people / "images")),)
    config = replace(config_of(people), faces=sources, same_person=str(people / "people.csv"))
    return FaceSamples(replace(config, **fields), seed=0)


def shown(image: torch.Tensor) -> int:
    """Which of the six pictures it is."""
    return round(float((image.mean() + 1) * 127.5 - 15) / 40)


def test_views_show_the_right_person_flipped_with_the_sample(people: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unmasked(monkeypatch, Change(), others=1.0)
    found, pairs, flips = of_people(people), set(), set()
    for index in range(60):
        sample = found[index]
        pairs.add((shown(sample.images), shown(sample.views)))
        falls = [bool(each[..., 0].mean() > each[..., -1].mean()) for each in (sample.images, sample.views)]
        assert falls[0] == falls[1] and not sample.hidden.any()
        flips.add(falls[0])
    assert pairs == {(0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1), (3, 4), (4, 3), (5, 5)} and len(flips) == 2


def test_half_of_the_views_are_the_picture_itself(people: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unmasked(monkeypatch, Change(), others=module.FROM_OTHERS)
    found = of_people(people)
    seen = [(shown(found[index].images), shown(found[index].views)) for index in range(80)]
    own = [first == second for first, second in seen if first != 5]  # which is alone
    assert 0.3 < np.mean(own) < 0.7


def test_another_picture_comes_through_the_same_window(people: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a picture twice as large, too: what is seen of the ramp is as steep."""
    unmasked(monkeypatch, Change(), others=1.0)
    with Image.open(people / "images" / "4.png") as picture:
        large = picture.resize((96, 96), Image.Resampling.BICUBIC)
    large.save(people / "images" / "4.png")
    found = of_people(people, crop=(0.5, 0.6), crop_probability=1.0)
    for index in range(24):
        sample = found[index]
        if shown(sample.images) in (3, 4):
            other = sample.views[:, 0] + (shown(sample.images) - shown(sample.views)) * 40 / 127.5
            assert torch.allclose(other, sample.images, atol=0.02)


def test_a_picture_that_cannot_be_read_is_no_view(people: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unmasked(monkeypatch, Change(), others=1.0)
    (people / "images" / "3.png").write_bytes(b"no picture")
    found = of_people(people, bad_limit=0.5)
    seen = {shown(found[index].views) for index in range(24) if shown(found[index].images) == 4}
    assert seen == {4}


def test_the_table_is_read_only_where_views_are_asked_for(people: Path) -> None:
    assert of_people(people, views=0.0, same_person="none.csv").others == {}
    with pytest.raises(DataError, match=r"none\.csv: not readable as a table"):
        of_people(people, same_person="none.csv")


@pytest.mark.parametrize("views", [-0.1, 1.1, float("nan")])
def test_a_share_that_is_none_is_refused(faces: Path, views: float) -> None:
    with pytest.raises(SettingError, match=r"share of samples with views in \[0, 1\]"):
        replace(config_of(faces), views=views)
