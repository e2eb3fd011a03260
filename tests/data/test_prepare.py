"""Sets in their official layouts, small, made here; prepared, trained on, stopped half-way."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from showface.data import prepare as preparing
from showface.data.batches import DataConfig, FaceSamples
from showface.data.faces import FaceSource, list_faces, read_classes
from showface.data.prepare import prepare
from showface.data.prepare_one import PrepareConfig, label_of
from showface.data.sets import FaceSet
from showface.data.sources import face_sources
from showface.data.split import celebahq_test
from showface.errors import DataError, ImageError, SettingError
from showface.images import open_image, read_image
from showface.semantics import OFFICIAL_ORDER

SIDE, LABEL = 96, 64  # of the pictures and of the part masks, as 1024 and 512 are
TEST = min(celebahq_test())  # a picture of the test side of CelebA-HQ
NUMBERS = [n for n in range(5)] + [TEST, TEST + 1, 2003]
COLOURS = {"background": (20, 30, 60), "skin": (220, 170, 140), "l_eye": (30, 60, 220), "r_eye": (60, 220, 30),
           "nose": (240, 120, 90)}  # fmt: skip


def classes_of(number: int, side: int) -> np.ndarray:
    """A face whose left eye is at image right, placed by its number, at any size."""
    classes, unit = np.zeros((side, side), dtype=np.uint8), side / 32
    shift = number % 5

    def paint(name: str, top: int, left: int, height: int, width: int) -> None:
        rows, columns = (
            slice(int(top * unit), int((top + height) * unit)),
            slice(int(left * unit), int((left + width) * unit)),
        )
        classes[rows, columns] = OFFICIAL_ORDER.index(name)

    paint("skin", 4 + shift, 6, 22, 20)
    paint("r_eye", 9 + shift, 9, 3, 4)
    paint("l_eye", 9 + shift, 19, 3, 4)
    paint("nose", 13 + shift, 14, 5, 3)
    return classes


def picture_of(number: int, side: int = SIDE) -> Image.Image:
    """The picture of those classes with a pattern of its own on it."""
    table = np.array([COLOURS.get(name, (0, 0, 0)) for name in OFFICIAL_ORDER], dtype=np.float64)
    noise = np.random.default_rng(number).integers(-60, 60, (24, 24, 3))
    pattern = np.kron(noise, np.ones((side // 24, side // 24, 1)))
    return Image.fromarray((table[classes_of(number, side)] + pattern).clip(0, 255).astype(np.uint8))


def celebamask(root: Path, *, swapped: tuple[int, ...] = (2,), without: tuple[int, ...] = (4,)) -> Path:
    """CelebAMask-HQ as published: 15 folders of part masks of 2,000 pictures each."""
    (root / "CelebA-HQ-img").mkdir(parents=True)
    for folder in range(15):
        (root / "CelebAMask-HQ-mask-anno" / str(folder)).mkdir(parents=True)
    for number in NUMBERS:
        picture_of(number).save(root / "CelebA-HQ-img" / f"{number}.jpg", quality=95)
        for name in COLOURS:
            if name == "background" or number in without:
                continue
            drawn = {"l_eye": "r_eye", "r_eye": "l_eye"}.get(name, name) if number in swapped else name
            part = (classes_of(number, LABEL) == OFFICIAL_ORDER.index(drawn)).astype(np.uint8) * 255
            place = root / "CelebAMask-HQ-mask-anno" / str(number // 2000)
            Image.fromarray(part).convert("RGB").save(place / f"{number:05d}_{name}.png")
    return root


def files_below(folder: Path) -> dict[str, int]:
    """Every file and when it was last written."""
    return {str(p.relative_to(folder)): p.stat().st_mtime_ns for p in sorted(folder.rglob("*")) if p.is_file()}


def source_of(place: Path) -> FaceSource:
    (source,) = face_sources(str(place), split="all")
    return source


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """CelebAMask-HQ; picture 3 is a copy of 1, and the first after a test picture is that one saved again."""
    root = celebamask(tmp_path_factory.mktemp("sets") / "CelebAMask-HQ")
    shutil.copy(root / "CelebA-HQ-img" / "1.jpg", root / "CelebA-HQ-img" / "3.jpg")
    read_image(root / "CelebA-HQ-img" / f"{TEST}.jpg").save(root / "CelebA-HQ-img" / f"{TEST + 1}.jpg", quality=70)
    return root


CONFIG = PrepareConfig(size=32)


@pytest.fixture(scope="module")
def prepared(published: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("prepared")
    prepare(source_of(published), out, CONFIG, workers=2)
    return out


def test_celebamask_becomes_pictures_labels_and_a_source(published: Path, tmp_path: Path) -> None:
    done = prepare(source_of(published), tmp_path / "out", CONFIG, workers=2)
    assert (done.pictures, done.new, done.labels, done.mended, done.smaller) == (8, 8, 7, 1, 0)
    assert done.faults == []
    assert sorted(p.stem for p in (tmp_path / "out" / "images").iterdir()) == [f"{n:05d}" for n in sorted(NUMBERS)]
    assert {open_image(p).size for p in (tmp_path / "out" / "images").iterdir()} == {(32, 32)}


def test_pictures_are_antialiased(published: Path, prepared: Path) -> None:
    """Each pixel is near the mean of the nine it stands for, which the nearest one is not."""
    whole = np.asarray(read_image(published / "CelebA-HQ-img" / "0.jpg"), dtype=float)
    means = whole.reshape(32, 3, 32, 3, 3).mean(axis=(1, 3))
    small = np.asarray(read_image(prepared / "images" / "00000.png"), dtype=float)
    nearest = whole[1::3, 1::3]
    assert np.abs(small - means).mean() < 0.6 * np.abs(nearest - means).mean()


@pytest.mark.parametrize("number", [0, 2, 2003])
def test_labels_are_the_classes_at_the_new_size_and_left_is_left(prepared: Path, number: int) -> None:
    label = np.asarray(open_image(prepared / "labels" / f"{number:05d}.png"))
    np.testing.assert_array_equal(label, classes_of(number, 64)[1::2, 1::2])


def test_the_loaders_take_it_as_it_is_and_the_sides_are_apart(prepared: Path) -> None:
    sides = {split: face_sources(str(prepared / "faces.json"), split=split)[0] for split in ("train", "test")}  # type: ignore[arg-type]
    numbers = {split: {int(face.picture.stem) for face in list_faces(source)} for split, source in sides.items()}
    assert numbers["test"] >= {TEST, TEST + 1}  # its near-duplicate went with it
    assert not numbers["train"] & numbers["test"] and numbers["train"] | numbers["test"] == set(NUMBERS)
    samples = FaceSamples(DataConfig(faces=(sides["train"],), size=32), seed=0)
    sample = samples[0]
    assert sample.images.shape == (1, 3, 32, 32) and sample.labels.max() < 14


def test_the_mended_eyes_are_on_their_sides(prepared: Path) -> None:
    (source,) = face_sources(str(prepared / "faces.json"), split="train")
    faces = {int(face.picture.stem): face for face in list_faces(source)}
    one, other = (read_classes(faces[n]) for n in (0, 2))
    assert one is not None and other is not None
    columns = [np.flatnonzero((label == OFFICIAL_ORDER.index("l_eye")).any(axis=0)).mean() for label in (one, other)]
    assert columns[0] == columns[1] > 16


def test_duplicates_are_listed_and_kept_together(prepared: Path) -> None:
    listed = json.loads((prepared / "duplicates.json").read_text())
    assert listed["exact"] == [["00001", "00003"]]
    assert [pair[:2] for pair in listed["near"]] == [[f"{TEST:05d}", f"{TEST + 1:05d}"]]
    assert (prepared / "pairs.txt").read_text().splitlines() == ["00001 00003", f"{TEST:05d} {TEST + 1:05d}"]


def test_a_second_run_does_nothing_more(published: Path, prepared: Path) -> None:
    before = files_below(prepared)
    again = prepare(source_of(published), prepared, CONFIG)
    assert (again.new, again.pictures, again.labels, again.mended) == (0, 8, 7, 1)
    assert files_below(prepared) == before


@pytest.mark.parametrize("stop_after", [1, 3, 7])
def test_a_stop_loses_nothing(
    published: Path, prepared: Path, tmp_path: Path, stop_after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped between the writing of a picture and its line, or anywhere else: the end is the same."""
    original, calls = preparing.prepare_one, []

    def stopping(*arguments: object) -> object:
        row = original(*arguments)  # type: ignore[arg-type]
        calls.append(1)
        if len(calls) == stop_after:
            raise KeyboardInterrupt
        return row

    out = tmp_path / "out"
    monkeypatch.setattr(preparing, "prepare_one", stopping)
    with pytest.raises(KeyboardInterrupt):
        prepare(source_of(published), out, CONFIG)
    assert not (out / "faces.json").exists()
    monkeypatch.setattr(preparing, "prepare_one", original)
    with (out / "prepared.jsonl").open("ab") as stream:
        stream.write(b'{"key": "000')  # and a line cut short
    done = prepare(source_of(published), out, CONFIG)
    assert done.new == 8 - (stop_after - 1) and done.pictures == 8
    for kind in ("images", "labels"):
        assert {p.name: p.read_bytes() for p in (out / kind).iterdir()} == {
            p.name: p.read_bytes() for p in (prepared / kind).iterdir()
        }
    assert (out / "faces.json").read_bytes() == (prepared / "faces.json").read_bytes()


def test_a_changed_picture_and_a_lost_result_are_made_again(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for number in range(3):
        picture_of(number).save(tmp_path / "in" / f"{number}.png")
    source, out = FaceSource(folder=str(tmp_path / "in")), tmp_path / "out"
    prepare(source, out, CONFIG)
    picture_of(9).save(tmp_path / "in" / "1.png")
    (out / "images" / "2.png").unlink()
    assert prepare(source, out, CONFIG).new == 2
    assert (out / "images" / "2.png").exists()


def test_other_settings_in_the_same_place_are_refused(published: Path, prepared: Path) -> None:
    with pytest.raises(DataError, match="size 32 there, 48 here"):
        prepare(source_of(published), prepared, replace(CONFIG, size=48))


@pytest.mark.parametrize("thousands", [True, False])
def test_ffhq_with_and_without_thousands(tmp_path: Path, thousands: bool) -> None:
    root = tmp_path / "images1024x1024"
    for number in (0, 999, 1000, 68000):
        folder = root / f"{number // 1000 * 1000:05d}" if thousands else root
        folder.mkdir(parents=True, exist_ok=True)
        picture_of(number % 997).save(folder / f"{number:05d}.png")
    (source,) = face_sources(str(root), split="all", layout="ffhq")
    done = prepare(source, tmp_path / "out", CONFIG)
    assert done.pictures == 4 and done.labels == 0
    sides = [face_sources(str(tmp_path / "out" / "faces.json"), split=split)[0] for split in ("train", "test")]  # type: ignore[arg-type]
    assert [[face.picture.stem for face in list_faces(side)] for side in sides] == [
        ["00000", "00999", "01000"], ["68000"],
    ]  # fmt: skip


def test_a_folder_of_celebahq_pictures(tmp_path: Path) -> None:
    for name in ("imgHQ", "img"):
        (tmp_path / name).mkdir()
    for number in (7, TEST):
        picture_of(number).save(tmp_path / "img" / f"{number:05d}.png")
    (source,) = face_sources(str(tmp_path / "img"), split="all", layout="celebahq")
    assert isinstance(source, FaceSet) and prepare(source, tmp_path / "out", CONFIG).pictures == 2
    (test,) = face_sources(str(tmp_path / "out" / "faces.json"), split="test")
    assert [face.picture.stem for face in list_faces(test)] == [f"{TEST:05d}"]


# ---------------------------------------------------------------------------------------------- any folder


def test_any_folder_is_cropped_to_squares_and_never_enlarged(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    (folder / "more").mkdir(parents=True)
    wide = Image.new("RGB", (120, 60), "red")
    wide.paste(picture_of(1, 48).resize((60, 60)), (30, 0))
    wide.save(folder / "a.png")
    picture_of(2, 24).save(folder / "b.bmp")
    picture_of(3, 48).save(folder / "more" / "a.png")
    done = prepare(FaceSource(folder=str(folder)), tmp_path / "out", replace(CONFIG, suffix=".webp"))
    assert done.pictures == 3 and done.smaller == 1
    sizes = {p.name: open_image(p).size for p in (tmp_path / "out" / "images").iterdir()}
    assert sizes == {"a.webp": (32, 32), "b.webp": (24, 24), "more_a.webp": (32, 32)}
    assert (np.asarray(read_image(tmp_path / "out" / "images" / "a.webp"))[:, 0] != (255, 0, 0)).any(axis=1).all()


def test_bisenet_labels_come_out_in_the_official_order(tmp_path: Path) -> None:
    from showface.semantics import BISENET_ORDER

    for kind in ("images", "labels"):
        (tmp_path / "in" / kind).mkdir(parents=True)
    picture_of(0).save(tmp_path / "in" / "images" / "x.png")
    table = np.array([BISENET_ORDER.index(name) for name in OFFICIAL_ORDER], dtype=np.uint8)
    Image.fromarray(table[classes_of(0, 96)]).save(tmp_path / "in" / "labels" / "x.png")
    source = replace(source_of(tmp_path / "in"), label_order="bisenet")
    assert prepare(source, tmp_path / "out", CONFIG).labels == 1
    label = np.asarray(open_image(tmp_path / "out" / "labels" / "x.png"))
    np.testing.assert_array_equal(label, classes_of(0, 96)[1::3, 1::3])


def test_what_cannot_be_used_is_named_and_tried_again(tmp_path: Path) -> None:
    for kind in ("images", "labels"):
        (tmp_path / "in" / kind).mkdir(parents=True)
    for number in range(3):
        picture_of(number).save(tmp_path / "in" / "images" / f"{number}.png")
        Image.fromarray(classes_of(number, 64)).save(tmp_path / "in" / "labels" / f"{number}.png")
    good = (tmp_path / "in" / "images" / "0.png").read_bytes()
    (tmp_path / "in" / "images" / "0.png").write_bytes(good[:200])
    Image.fromarray(classes_of(1, 64)[:40]).save(tmp_path / "in" / "labels" / "1.png")
    source, out = source_of(tmp_path / "in"), tmp_path / "out"
    done = prepare(source, out, CONFIG)
    assert (done.pictures, done.labels, len(done.faults)) == (2, 1, 2)
    assert "0.png: " in done.faults[0] and "64 x 40 pixels does not fit" in done.faults[1]
    (tmp_path / "in" / "images" / "0.png").write_bytes(good)
    Image.fromarray(classes_of(1, 64)).save(tmp_path / "in" / "labels" / "1.png")
    done = prepare(source, out, CONFIG)
    assert (done.new, done.pictures, done.labels, done.faults) == (2, 3, 3, [])


def test_nothing_usable_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.png").write_bytes(b"not a picture")
    with pytest.raises(DataError, match="none of its 1 pictures can be used"):
        prepare(FaceSource(folder=str(tmp_path / "in")), tmp_path / "out", CONFIG)


def test_what_is_held_out_stays_out_with_its_duplicates(tmp_path: Path) -> None:
    (tmp_path / "in" / "images").mkdir(parents=True)
    (tmp_path / "in" / "labels").mkdir()
    for number in range(10):
        picture_of(number).save(tmp_path / "in" / "images" / f"{number}.png")
        Image.fromarray(classes_of(number, 64)).save(tmp_path / "in" / "labels" / f"{number}.png")
    config, out = replace(CONFIG, hold_out=0.3), tmp_path / "out"
    source = source_of(tmp_path / "in")
    assert prepare(source, out, config, workers=2).held_out == 3
    held = {p.name for p in (out / "test" / "images").iterdir()}
    assert {p.name for p in (out / "test" / "labels").iterdir()} == held
    assert len(list((out / "images").iterdir())) == 7 and not held & {p.name for p in (out / "images").iterdir()}
    # more pictures, among them one saved again of each side
    first, other = sorted(held)[0], min(p.name for p in (out / "images").iterdir())
    for name, copy in ((first, "copy_of_test"), (other, "copy_of_train")):
        read_image(tmp_path / "in" / "images" / name).save(tmp_path / "in" / "images" / f"{copy}.jpg", quality=80)
    done = prepare(source, out, config)
    assert done.new == 2 and done.held_out == 4 and len(done.near) == 2
    now = {p.stem for p in (out / "test" / "images").iterdir()}
    assert now == {Path(name).stem for name in held} | {"copy_of_test"}
    assert prepare(source, out, config).new == 0
    assert [face.picture.stem for face in list_faces(source_of(out / "test"))] == sorted(now)


def test_a_published_set_has_its_own_test_side(published: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="its own test side"):
        prepare(source_of(published), tmp_path, replace(CONFIG, hold_out=0.1))


def test_faces_are_cut_out_of_photographs(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for number in range(3):
        picture_of(number).save(tmp_path / "in" / f"{number}.png")

    def cut(path: Path) -> list[Image.Image]:
        if path.stem == "1":
            raise ImageError("no face was found in it")
        return [picture_of(int(path.stem) + 10 * n, 48).resize((32, 32)) for n in range(int(path.stem) or 1)]

    config = replace(CONFIG, aligned=True)
    done = prepare(FaceSource(folder=str(tmp_path / "in")), tmp_path / "out", config, cut=cut)
    assert done.pictures == 3 and done.faults == [f"{tmp_path / 'in' / '1.png'}: no face was found in it"]
    assert sorted(p.name for p in (tmp_path / "out" / "images").iterdir()) == ["0.png", "2.png", "2_face2.png"]


def test_a_label_keeps_every_class_at_its_own_size(tmp_path: Path) -> None:
    Image.fromarray(classes_of(0, 64)).save(tmp_path / "x.png")
    (face,) = [f for f in list_faces(_one_face(tmp_path))]
    label, swapped = label_of(face, (96, 96), 512)
    np.testing.assert_array_equal(label, classes_of(0, 64))
    assert not swapped


def _one_face(folder: Path) -> FaceSource:
    (folder / "images").mkdir()
    (folder / "labels").mkdir()
    picture_of(0).save(folder / "images" / "x.png")
    (folder / "x.png").rename(folder / "labels" / "x.png")
    return FaceSource(folder=str(folder / "images"), labels=str(folder / "labels"))
