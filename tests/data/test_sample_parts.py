"""Samples whose masks hide parts: the hole lies on the part, in the picture as in the label, cropped and mirrored."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from showface.data import hidden_parts
from showface.data.batches import DataConfig, FaceSamples
from showface.data.faces import FaceSource
from showface.data.mask_sets import MaskSource
from showface.occluders.kinds import KINDS
from showface.occluders.typical import typical_face
from showface.semantics import CATEGORIES, OFFICIAL_ORDER

SIDE = 64
ALIGNED, ASIDE = (0, 0), (-4, 6)  # how far a face is moved down and to the right, in pixels of `SIDE`


def write_face(folder: Path, name: str, moved: tuple[int, int], *, wide: int = 0) -> None:
    """A drawn face whose eyes are white, whose mouth is red, and its label; `wide`: so much more to either side."""
    names = {"eye": "l_eye", "brow": "l_brow", "ear": "l_ear"}
    table = np.array([OFFICIAL_ORDER.index(names.get(each, each)) for each in CATEGORIES], dtype=np.uint8)
    labels = np.pad(np.roll(typical_face(SIDE), moved, axis=(0, 1)), ((0, 0), (wide, wide)))
    pixels = np.full((*labels.shape, 3), 60, dtype=np.uint8)
    pixels[labels == CATEGORIES.index("eye")] = 255
    pixels[labels == CATEGORIES.index("mouth")] = (255, 0, 0)
    for kind, values in (("images", pixels), ("labels", table[labels])):
        (folder / kind).mkdir(exist_ok=True)
        Image.fromarray(values).save(folder / kind / f"{name}.png")


def samples(folder: Path, *, labelled: bool = True, size: int = SIDE) -> FaceSamples:
    """Of every picture a mask that hides a part."""
    source = FaceSource(folder=str(folder / "images"), labels=str(folder / "labels") if labelled else "")
    masks = MaskSource(parts=1.0, drawn=1.0)
    config = DataConfig(faces=(source,), masks=masks, size=size, crop_probability=1.0)
    return FaceSamples(config, seed=0)


def only(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setattr(hidden_parts, "ODDS", tuple(float(each == kind) for each in KINDS))


def eyes_and_mouth(image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Where a drawn face is white and where it is red."""
    red, green = image[0, 0] > 0.4, image[0, 1]
    return red & (green > 0.4), red & (green < -0.6)


@pytest.mark.parametrize("size", [SIDE, 128])
def test_holes_lie_on_the_eyes_of_the_picture_and_of_the_label(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    for name, moved in (("a", ALIGNED), ("b", ASIDE), ("c", (3, -6))):
        write_face(tmp_path, name, moved)
    only(monkeypatch, "both_eyes")
    for index in range(12):
        sample = samples(tmp_path, size=size)[index]
        hole, (white, red) = sample.masks[0, 0] > 0.5, eyes_and_mouth(sample.images)
        labelled = sample.labels[0] == CATEGORIES.index("eye")
        assert white.any() and hole[white].all() and labelled.any() and hole[labelled].all()
        assert not hole[red].any() and hole.float().mean() < 0.1


def test_without_a_label_the_hole_lies_where_the_alignment_puts_the_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_face(tmp_path, "square", ALIGNED)
    write_face(tmp_path, "wide", ALIGNED, wide=20)
    for kind in ("both_eyes", "mouth"):
        only(monkeypatch, kind)
        for index in range(12):
            sample = samples(tmp_path, labelled=False)[index]
            white, red = eyes_and_mouth(sample.images)
            wanted, other = (white, red) if kind == "both_eyes" else (red, white)
            assert wanted.any() and not sample.masks[0, 0][other].any()
            assert sample.masks[0, 0][wanted].all()


def test_one_eye_hides_the_same_one_of_the_person_whether_mirrored_or_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a face that looks aside, an ellipse that did not follow the flip would miss the eye."""
    write_face(tmp_path, "a", ASIDE)
    only(monkeypatch, "one_eye")
    found, seen = samples(tmp_path), set()
    for index in range(24):
        sample = found[index]
        white, _ = eyes_and_mouth(sample.images)
        hidden = sample.masks[0, 0][white].mean()
        assert 0.3 < hidden < 0.7  # one of two
        flipped = white.nonzero()[:, 1].float().mean() < 32  # the face was moved to the right
        seen.add((bool(flipped), bool(sample.masks[0, 0].nonzero()[:, 1].float().mean() < 32)))
    assert len(seen) >= 3


def test_the_face_and_its_label_are_those_without_parts(tmp_path: Path) -> None:
    write_face(tmp_path, "a", ASIDE)
    found = samples(tmp_path)
    plain = FaceSamples(replace(found.config, masks=MaskSource(drawn=1.0)), seed=0)
    for index in range(4):
        assert torch.equal(found[index].images, plain[index].images)
        assert torch.equal(found[index].labels, plain[index].labels)
        assert not torch.equal(found[index].masks, plain[index].masks)
