"""One picture of each fault among good ones; every fault is found, and nothing else."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from showface.data import check as checking
from showface.data.check import Fault, check
from showface.data.faces import FaceSource
from showface.data.sources import face_sources
from showface.masks import draw_free_form
from showface.semantics import OFFICIAL_ORDER

SIDE = 72


def picture(seed: int, side: int = SIDE) -> Image.Image:
    """Shapes of several sizes, as a photograph has."""
    rng, layers = np.random.default_rng(seed), np.zeros((side, side, 3))
    for cells in (4, 9, 20):
        colours = Image.fromarray(rng.integers(0, 256, (cells, cells, 3), dtype=np.uint8))
        layers += np.asarray(colours.resize((side, side), Image.Resampling.BICUBIC)) / 3
    return Image.fromarray(layers.astype(np.uint8))


def saved_again(image: Image.Image) -> Image.Image:
    stream = io.BytesIO()
    image.resize((SIDE + 24, SIDE + 24)).save(stream, "JPEG", quality=60)
    return Image.open(stream)


def classes() -> np.ndarray:
    return np.full((36, 36), OFFICIAL_ORDER.index("skin"), dtype=np.uint8)


@pytest.fixture
def faces(tmp_path: Path) -> Path:
    """Six good faces with labels."""
    for kind in ("images", "labels"):
        (tmp_path / "faces" / kind).mkdir(parents=True)
    for number in range(6):
        picture(number).save(tmp_path / "faces" / "images" / f"{number}.png")
        Image.fromarray(classes()).save(tmp_path / "faces" / "labels" / f"{number}.png")
    return tmp_path / "faces"


def sources(place: Path) -> list[FaceSource]:
    return face_sources(str(place))


def found(report: checking.Report) -> set[tuple[str, tuple[str, ...]]]:
    return {(fault.kind, tuple(Path(file).name for file in fault.files)) for fault in report.faults}


def test_good_faces_have_no_fault(faces: Path) -> None:
    report = check(sources(faces), [], [], smallest=64, workers=2)
    assert (report.train, report.labels, report.faults, report.notes) == (6, 6, [], [])


def test_every_fault_of_a_face_is_found_and_nothing_else(faces: Path) -> None:
    images, labels = faces / "images", faces / "labels"
    whole = (images / "0.png").read_bytes()
    (images / "0.png").write_bytes(whole[: len(whole) // 2])
    picture(1).crop((0, 0, 40, 72)).save(images / "1.png")
    picture(2).convert("L").save(images / "2.png")
    Image.new("RGB", (SIDE, SIDE), "tan").save(images / "3.png")
    (images / "copy.png").write_bytes((images / "4.png").read_bytes())
    saved_again(picture(5)).save(images / "again.png")
    Image.fromarray(classes()[:, :20]).save(labels / "1.png")
    Image.fromarray(np.full((36, 36), 19, dtype=np.uint8)).save(labels / "4.png")
    (labels / "5.png").write_bytes(b"no label")
    assert found(check(sources(faces), [], [], smallest=64)) == {
        ("corrupt", ("0.png",)), ("tiny", ("1.png",)), ("grey", ("2.png",)), ("blank", ("3.png",)),
        ("duplicate", ("4.png", "copy.png")), ("near-duplicate", ("5.png", "again.png")),
        ("label", ("4.png",)), ("corrupt", ("5.png",)),
    }  # fmt: skip


def test_a_label_of_another_shape(faces: Path) -> None:
    Image.fromarray(classes()[:20]).save(faces / "labels" / "2.png")
    (fault,) = check(sources(faces), [], [], smallest=64).faults
    assert fault.kind == "label" and fault.files == (str(faces / "labels" / "2.png"),)
    assert "36 x 20 pixels does not fit" in fault.detail


def test_overlap_by_bytes_and_by_looks(faces: Path, tmp_path: Path) -> None:
    (tmp_path / "test").mkdir()
    (tmp_path / "test" / "a.png").write_bytes((faces / "images" / "1.png").read_bytes())
    saved_again(picture(2).transpose(Image.Transpose.FLIP_LEFT_RIGHT)).save(tmp_path / "test" / "b.png")
    picture(77).save(tmp_path / "test" / "c.png")
    report = check(sources(faces), sources(tmp_path / "test"), [], smallest=64)
    assert report.test == 3
    assert found(report) == {("overlap", ("1.png", "a.png")), ("near-overlap", ("2.png", "b.png"))}


def test_a_published_set_is_compared_with_its_own_test_side(tmp_path: Path) -> None:
    for number in (0, 1000, 68000):
        folder = tmp_path / "ffhq" / f"{number // 1000 * 1000:05d}"
        folder.mkdir(parents=True)
        picture(min(number, 1000)).save(folder / f"{number:05d}.png")
    report = check(sources(tmp_path / "ffhq"), [], [], smallest=64)
    assert (report.train, report.test) == (2, 1)
    assert found(report) == {("overlap", ("01000.png", "68000.png"))}


def test_swapped_sides_are_a_note(faces: Path) -> None:
    label = classes()
    label[4:8, 4:8], label[4:8, 24:28] = OFFICIAL_ORDER.index("l_eye"), OFFICIAL_ORDER.index("r_eye")
    Image.fromarray(label).save(faces / "labels" / "3.png")
    report = check(sources(faces), [], [], smallest=64)
    assert report.faults == [] and report.notes[0].startswith("1 label maps call left what is right")


@pytest.fixture
def masks(tmp_path: Path) -> Path:
    (tmp_path / "masks").mkdir()
    for number in range(8):
        hole = draw_free_form(np.random.default_rng(number), 48, (0.1, 0.5))
        Image.fromarray(hole).save(tmp_path / "masks" / f"{number}.png")
    return tmp_path / "masks"


def test_masks_singly(masks: Path) -> None:
    assert check([], [], [masks]).faults == []
    Image.new("1", (48, 48)).save(masks / "0.png")
    Image.new("1", (48, 48), 1).save(masks / "1.png")
    (masks / "2.png").write_bytes(b"")
    inverted = np.ones((48, 48), dtype=bool)
    inverted[20:30, 20:30] = False
    Image.fromarray(inverted).save(masks / "3.png")
    report = check([], [], [masks], workers=2)
    assert report.masks == 8
    assert found(report) == {
        ("mask", ("0.png",)), ("mask", ("1.png",)), ("corrupt", ("2.png",)), ("polarity", ("3.png",)),
    }  # fmt: skip


def test_an_inverted_set_is_one_fault(masks: Path) -> None:
    for path in masks.iterdir():
        with Image.open(path) as mask:
            inverted = Image.fromarray(~np.asarray(mask))
        inverted.save(path)
    (fault,) = check([], [], [masks]).faults
    assert fault.kind == "polarity" and fault.files == (str(masks),) and "--invert" in fault.detail


def test_what_was_looked_at_is_not_read_again(faces: Path, masks: Path, tmp_path: Path) -> None:
    journal, calls = tmp_path / "journal.jsonl", []
    with pytest.MonkeyPatch.context() as patch:
        original = checking._look
        patch.setattr(checking, "_look", lambda task: (calls.append(task), original(task))[1])
        first = check(sources(faces), [], [masks], smallest=64, journal=journal)
        assert len(calls) == 14
        lines = journal.read_bytes().splitlines(keepends=True)
        journal.write_bytes(b"".join(lines[:6]) + lines[6][:20])  # as a stop would leave it
        calls.clear()
        assert check(sources(faces), [], [masks], smallest=64, journal=journal) == first
        assert len(calls) == 9
        calls.clear()
        picture(50).save(faces / "images" / "0.png")
        Image.fromarray(classes()[:20]).save(faces / "labels" / "1.png")
        assert found(check(sources(faces), [], [masks], smallest=64, journal=journal)) == {("label", ("1.png",))}
        assert len(calls) == 2


def test_a_fault_is_one_line() -> None:
    assert str(Fault("tiny", ("a\nb.png",), "4 x 4 pixels")) == "tiny: a\\nb.png: 4 x 4 pixels"
    assert str(Fault("duplicate", ("a", "b"))) == "duplicate: a, b"
