"""What is measured of faces with whole parts hidden, on drawn faces and with stand-ins for the measuring networks."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import avg_pool2d

from showface import assets
from showface.data.faces import FaceSource, list_faces
from showface.data.fingerprints import FILE, as_lines, hash_pictures
from showface.errors import DataError, ImageError, SettingError
from showface.evaluation.categories.maps import category_map
from showface.evaluation.comparison import ComparisonConfig
from showface.evaluation.measuring.feature_store import FeatureStore
from showface.evaluation.measuring.runner import FromPairs, Seen, WithPairs
from showface.evaluation.methods.contender import Contender
from showface.evaluation.occlusions import study as module
from showface.evaluation.occlusions.columns import COLUMNS
from showface.evaluation.occlusions.measures import NAMES, CloserLook, hidden_eyes, iris_distances, seen_eyes
from showface.evaluation.occlusions.rows import eyes_of, kind_rows
from showface.evaluation.occlusions.sheet import refuse_sheet, sheet_file, shown_faces, write_sheet
from showface.evaluation.occlusions.study import Study, study_occlusions, write_study
from showface.evaluation.occlusions.table import as_markdown, from_plain
from showface.evaluation.protocol.pairs import Pair, Protocol, ProtocolConfig, make_protocol, read_face
from showface.features.inception import InceptionFeatures
from showface.features.lpips import LPIPSNetwork
from showface.metrics.kid import kernel_distance
from showface.metrics.lpips import lpips
from showface.occluders.kinds import KINDS
from showface.occluders.shapes import grid, oval
from showface.semantics import CATEGORIES, OFFICIAL_ORDER
from showface.weights import bundled

pytestmark = pytest.mark.slow  # whole evaluations

EYES = ((0.377, 0.475), (0.619, 0.475))  # where the alignment has them
IRISES = ((96, 60, 30), (90, 120, 160), (70, 100, 60), (40, 30, 30), (120, 130, 140), (80, 50, 40), (60, 90, 130))


def draw(
    size: int, iris: tuple[int, int, int], seed: int = 0, right: tuple[int, int, int] | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """A face with noise for skin, and its labels in the official order; `right`: another colour of the right iris."""
    rng, points = np.random.default_rng(seed), grid(size)
    pixels = np.clip(rng.normal((205, 160, 130), 25, (size, size, 3)), 0, 255).astype(np.uint8)
    labels = np.zeros((size, size), dtype=np.uint8)
    labels[oval(points, (0.5, 0.58), (0.27, 0.36, 0.36), 2.0)] = OFFICIAL_ORDER.index("skin")
    for eye, place, colour in zip(("l_eye", "r_eye"), EYES, (iris, right or iris), strict=True):
        inside = oval(points, place, (0.055, 0.024, 0.024), 2.0)
        labels[inside] = OFFICIAL_ORDER.index(eye)
        pixels[inside] = (225, 215, 210)
        pixels[inside & (np.hypot(points[0] - place[0], points[1] - place[1]) < 0.0222)] = colour
    labels[oval(points, (0.498, 0.6), (0.05, 0.08, 0.08), 2.0)] = OFFICIAL_ORDER.index("nose")
    lips = oval(points, (0.498, 0.75), (0.1, 0.035, 0.035), 2.0)
    labels[lips] = OFFICIAL_ORDER.index("u_lip")
    pixels[lips] = (170, 80, 80)
    return pixels, labels


def write_faces(folder: Path, count: int = 7, size: int = 96) -> Path:
    """`count` drawn faces with labels, as a data set: images/ and labels/."""
    for name in ("images", "labels"):
        (folder / name).mkdir(parents=True)
    for i in range(count):
        pixels, labels = draw(size, IRISES[i % len(IRISES)], i)
        Image.fromarray(pixels).save(folder / "images" / f"{i}.png")
        Image.fromarray(labels).save(folder / "labels" / f"{i}.png")
    return folder


def small(pictures: Tensor) -> Tensor:
    """In place of LPIPS and MobileFaceNet: the pixels of the picture, reduced to 32 x 32."""
    side = pictures.shape[-1] // 32
    return avg_pool2d(pictures.float() / 255, side).flatten(1) / 50


def spread(pictures: Tensor) -> Tensor:
    """In place of Inception: how much neighbours differ, and the mean colour, in unlike units."""
    levels = pictures.float() / 255
    across, down = ((levels.diff(dim=axis) ** 2).mean(dim=(1, 2, 3)) * 300 for axis in (2, 3))
    return torch.cat([across[:, None], down[:, None], levels.mean(dim=(2, 3))], dim=1)


def dark_parts(images: Tensor, size: int) -> Tensor:
    """In place of a parser: lips and irises, which are dark, are mouth; the rest is skin."""
    categories = CATEGORIES
    dark = images.mean(dim=1) < 0
    return torch.where(dark, categories.index("mouth"), categories.index("skin"))


def store(folder: Path) -> FeatureStore:
    return FeatureStore(spread, own=folder / "features", shared=folder / "shared")


def look(folder: Path, eyes: Callable[..., object], batch: int = 4) -> CloserLook:
    """A closer look with stand-ins only."""
    return CloserLook(
        perceptual={"lpips": small, "lpips_vgg": small}, features=store(folder), parser=dark_parts, embedding=small,
        eyes=eyes, batch=batch,
    )  # fmt: skip


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_faces(tmp_path_factory.mktemp("drawn"))


def categories_of(faces: Path) -> Callable[..., np.ndarray]:
    return category_map(list_faces(FaceSource(folder=str(faces / "images"), labels=str(faces / "labels"))))


def protocol_of(faces: Path, kinds: tuple[str, ...] = KINDS, size: int = 96, seed: int = 0) -> Protocol:
    pictures = sorted((faces / "images").iterdir())
    rows = kind_rows(
        kinds, pictures, root=faces / "images", size=size, seed=seed, categories=categories_of(faces)
    )  # fmt: skip
    return make_protocol(ProtocolConfig(faces=faces / "images", masks=None, size=size, seed=seed), more=rows)


def truths(protocol: Protocol, change: Callable[[Tensor], Tensor] = lambda pictures: pictures) -> FromPairs:
    """Completed pictures that are the true ones, changed."""

    def read(bucket: str, pairs: list[Pair]) -> Tensor:
        return change(torch.stack([read_face(pair.face, protocol.config.size) for pair in pairs]))

    return FromPairs(read)


def blurred(pictures: Tensor) -> Tensor:
    return avg_pool2d(pictures.float(), 5, 1, 2, count_include_pad=False).round().to(torch.uint8)


def contender(name: str, protocol: Protocol, change: Callable[[Tensor], Tensor]) -> Contender:
    return Contender(name, truths(protocol, change), name, "made up")


@pytest.fixture(autouse=True)
def stand_ins(monkeypatch: pytest.MonkeyPatch) -> None:
    """No network is fetched: what `study_occlusions` asks for are the stand-ins."""

    def pretrained(**given: object) -> CloserLook:
        given.pop("device")
        return CloserLook(perceptual={"lpips": small, "lpips_vgg": small}, embedding=small, **given)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "CloserLook", SimpleNamespace(pretrained=pretrained))
    monkeypatch.setattr(module, "feature_store", lambda own, device: store(own.parent))


def study(
    protocol: Protocol, faces: Path, out: Path, *chosen: Contender, batch: int = 4, against: str = "", **more: object
) -> Study:
    config = ComparisonConfig(out=out, batch=batch, **more)  # type: ignore[arg-type]
    eyes = eyes_of(categories_of(faces), protocol.config.size)
    done = study_occlusions(protocol, chosen, config, parser=dark_parts, eyes=eyes, against=against)
    write_study(done, protocol, out)
    return done


# ---------------------------------------------------------------------------------------------- holes


def test_all_kinds_have_a_row_whose_holes_hang_on_name_and_seed_alone(faces: Path) -> None:
    protocol = protocol_of(faces)
    assert tuple(protocol.pairs) == KINDS and {len(pairs) for pairs in protocol.pairs.values()} == {7}
    assert str(protocol.pairs["one_eye"][3].mask) == "one_eye/3.png#0"
    assert protocol.digest == protocol_of(faces).digest != protocol_of(faces, seed=1).digest
    pictures = sorted((faces / "images").iterdir())[4:]
    fewer = kind_rows(("mouth",), pictures, root=faces / "images", size=96, categories=categories_of(faces))
    for one, other in zip(fewer["mouth"], protocol.pairs["mouth"][4:], strict=True):
        for size in (96, 128):  # the one remembered, another
            assert np.array_equal(one.mask.make(size), other.mask.make(size))  # type: ignore[union-attr]


# ---------------------------------------------------------------------------------------------- measures


def test_the_truth_is_perfect_and_a_blurred_truth_is_not(faces: Path, tmp_path: Path) -> None:
    protocol = protocol_of(faces)
    done = study(protocol, faces, tmp_path, contender("blurred", protocol, blurred))
    assert list(done.table) == ["blurred", "truth"]
    for kind in KINDS:
        true, soft = done.table["truth"][kind], done.table["blurred"][kind]
        assert [true[name].mean for name in ("lpips", "lpips_vgg", "sharpness", "parts")] == [0, 0, 1, 1]
        assert true["identity"].mean == pytest.approx(1)
        assert (
            soft["lpips"].mean > 0
            and soft["lpips_vgg"].mean > 0
            and soft["sharpness"].mean < 0.8
            and soft["identity"].mean < 1
        )
        assert soft["kid"].mean > true["kid"].mean and soft["kid"].mean > 2 * soft["kid"].error
        assert {figure.count for name, figure in soft.items() if "iris" not in name} == {7}
    assert done.table["truth"]["one_eye"]["iris"].mean == 0
    assert done.table["blurred"]["mouth"]["iris"].mean is None  # no eye is hidden


def test_an_iris_of_another_colour_is_seen_and_a_mirrored_eye_is_not(faces: Path, tmp_path: Path) -> None:
    protocol = protocol_of(faces, ("one_eye",), size=256)

    def turned_blue(pictures: Tensor) -> Tensor:
        return pictures.flip(1)  # red and blue change places

    def mirrored(pictures: Tensor) -> Tensor:
        return pictures.flip(3).roll(-1, 3)  # about the middle of both eyes, as the alignment has them

    done = study(
        protocol, faces, tmp_path, contender("blue", protocol, turned_blue), contender("mirrored", protocol, mirrored)
    ).table
    blue, copied = done["blue"]["one_eye"], done["mirrored"]["one_eye"]
    assert blue["iris"].mean > 15 and blue["iris_other"].mean > 15
    assert copied["iris"].mean < 1 and copied["iris_other"].mean < 1


def test_irises_are_those_of_hidden_eyes() -> None:
    brown, blue = np.array((30.0, 10.0, 20.0)), np.array((45.0, 0.0, -20.0))
    apart = float(np.linalg.norm(brown - blue))
    assert iris_distances([brown, blue], [brown, brown], [False, True]) == (apart, apart)
    assert iris_distances([brown, blue], [brown, brown], [True, True]) == (apart / 2, apart)  # one of two is wrong
    assert iris_distances([brown, brown], [blue, blue], [True, False]) == (apart, 0)
    assert all(math.isnan(value) for value in iris_distances([], [], [False, False]))
    unknown = np.full(3, math.nan)
    true, other = iris_distances([brown, unknown], [brown, unknown], [True, False])
    assert true == 0 and math.isnan(other)


def test_an_eye_is_hidden_when_three_quarters_of_it_are() -> None:
    _, labels = draw(256, (96, 60, 30))
    left, right = (labels == OFFICIAL_ORDER.index(eye) for eye in ("l_eye", "r_eye"))
    hole = np.zeros((256, 256), dtype=bool)
    hole[:, 158:] = True  # half of the right eye
    assert hidden_eyes(hole, (left, right)) == [False, False]
    hole[:, 148:] = True
    assert hidden_eyes(hole, (left, right)) == [False, True]
    assert hidden_eyes(~hole | hole, (left, right & False)) == [True, False]


def test_an_invented_eye_is_looked_for_where_the_parser_sees_it() -> None:
    official = draw(256, (96, 60, 30))[1]
    left, right = (official == OFFICIAL_ORDER.index(eye) for eye in ("l_eye", "r_eye"))
    labels = np.where(left | np.roll(right, 6, axis=1), CATEGORIES.index("eye"), 1).astype(np.int64)
    found = seen_eyes(labels, (left, right))
    assert np.array_equal(found[0], left) and np.array_equal(found[1], np.roll(right, 6, axis=1))
    labels[:, 140:156] = 1  # a part of an eye is none: less than half is left
    labels[:, 165:] = 1
    assert np.array_equal(seen_eyes(labels, (left, right))[1], right)


def test_two_holes_are_two_crops_whose_mean_is_the_pictures(faces: Path, tmp_path: Path) -> None:
    protocol = protocol_of(faces, ("both_eyes", "one_eye"))
    eyes = eyes_of(categories_of(faces), 96)
    found = {}
    for kind, pairs in protocol.pairs.items():
        picture = torch.stack([read_face(pair.face, 96) for pair in pairs])
        masks = torch.stack([torch.from_numpy(pair.mask.make(96))[None] for pair in pairs])  # type: ignore[union-attr]
        completed = torch.where(masks, blurred(picture), picture)
        found[kind] = look(tmp_path, eyes)(Seen(kind, pairs, completed, picture, masks))
    assert {len(crops) for crops in found["both_eyes"].crops} == {2}
    assert {len(crops) for crops in found["one_eye"].true_crops} == {1}
    assert tuple(found["one_eye"].values) == NAMES


@pytest.mark.parametrize("trunk", ["alex", "vgg"])
def test_the_real_lpips_sees_a_blur_in_a_crop(trunk: str) -> None:
    if not (assets.cache_folder() / assets.ASSETS[{"alex": "alexnet", "vgg": "vgg16"}[trunk] + "-lpips"].file).exists():
        pytest.skip(f"the {trunk} weights are not in the cache folder")
    crops = torch.stack([read_face(file, 128) for file in sample_faces(2)])
    assert (lpips(blurred(crops), crops, LPIPSNetwork.pretrained(trunk)) > 0.05).all()


def test_the_real_inception_sees_a_blur_in_crops() -> None:
    if not (assets.cache_folder() / assets.ASSETS["inception"].file).exists():
        pytest.skip("the Inception weights are not in the cache folder")
    crops = torch.stack([read_face(file, 128) for file in sample_faces(6)])
    network = InceptionFeatures.pretrained()
    soft, true = (network(pictures).double().numpy() for pictures in (blurred(crops), crops))
    assert kernel_distance(soft, true).value > 0.02


def sample_faces(count: int) -> list[Path]:
    return sorted((bundled().parent / "samples" / "faces").iterdir())[:count]


# ---------------------------------------------------------------------------------------------- the report


def test_the_report_holds_what_makes_it_repeatable(faces: Path, tmp_path: Path) -> None:
    protocol = protocol_of(faces, ("one_eye", "mouth"))
    done = study(protocol, faces, tmp_path, contender("blurred", protocol, blurred))
    report = json.loads((tmp_path / "occlusions.json").read_text(encoding="utf-8"))
    assert report["protocol"]["sha256"] == protocol.digest and report["protocol"]["seed"] == 0
    assert report["methods"]["blurred"] == {"source": "made up", "identity": "blurred"}
    assert set(report["measured by"]) == {"alexnet-lpips", "vgg16-lpips", "inception", "mobilefacenet", "parser"}
    assert report["metrics"] == list(COLUMNS) and "torch" in report["versions"]
    assert list(report["seconds per picture"]) == ["blurred"]
    assert set(report["table"]["truth"]["mouth"]["lpips"]) == {"mean", "error", "count"}
    assert report["table"]["truth"]["mouth"]["iris"] == {"mean": None, "error": None, "count": 0}
    assert from_plain(report["table"]) == done.table
    assert (tmp_path / "occlusions.md").read_text(encoding="utf-8") == as_markdown(done.table)
    rows = (tmp_path / "pictures.csv").read_text(encoding="utf-8").splitlines()
    assert rows[0] == f"method,kind,face,share,{','.join(NAMES)}" and len(rows) == 1 + 2 * 2 * 7
    assert json.loads((tmp_path / "protocol.json").read_text())["pairs"]["mouth"][0] == ["0.png", "mouth/0.png#0"]


def test_differences_from_a_method_and_faces_without_a_reference_stand_in_the_report(
    faces: Path, tmp_path: Path
) -> None:
    protocol = protocol_of(faces, ("one_eye", "mouth"))
    known = frozenset(pair.face for pair in protocol.pairs["mouth"][2:])
    some = Contender("some", WithPairs(lambda images, masks, pairs: blurred(images), known), "some", "made up")
    chosen = contender("blurred", protocol, blurred), contender("copied", protocol, lambda pictures: pictures), some
    done = study(protocol, faces, tmp_path, *chosen, against="copied")
    report = json.loads((tmp_path / "occlusions.json").read_text(encoding="utf-8"))
    assert report["differences"]["against"] == "copied" and list(report["differences"]["table"]) == ["blurred", "some"]
    assert from_plain(report["differences"]["table"]) == done.differences
    assert done.differences["blurred"]["mouth"]["lpips"].mean == done.table["blurred"]["mouth"]["lpips"].mean  # from 0
    assert report["methods"]["some"]["faces left out"] == 2 and "faces left out" not in report["methods"]["blurred"]
    assert {kind: row["parts"].count for kind, row in done.table["some"].items()} == {"one_eye": 5, "mouth": 5}
    assert done.differences["some"]["mouth"]["kid"].count == 5
    text = (tmp_path / "occlusions.md").read_text(encoding="utf-8")
    assert text == done.as_markdown() and text.startswith("one_eye, 7 faces, some 5\n")
    assert "minus copied, face by face; bold: beyond two standard errors" in text
    assert study(protocol, faces, tmp_path, *chosen).table == done.table  # the same measurements, no differences
    assert "differences" not in json.loads((tmp_path / "occlusions.json").read_text(encoding="utf-8"))


def test_a_stopped_study_goes_on_and_says_the_same(faces: Path, tmp_path: Path) -> None:
    protocol = protocol_of(faces, ("both_eyes", "hand"))
    whole = study(protocol, faces, tmp_path / "whole", contender("blurred", protocol, blurred))
    calls = 0

    def stops(pictures: Tensor) -> Tensor:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise KeyboardInterrupt
        return blurred(pictures)

    with pytest.raises(KeyboardInterrupt):
        study(protocol, faces, tmp_path / "parts", contender("blurred", protocol, stops))
    assert not (tmp_path / "parts" / "occlusions.json").exists()
    again = study(protocol, faces, tmp_path / "parts", contender("blurred", protocol, stops))
    assert again.table == whole.table and calls == 3 + 2
    idle = contender("blurred", protocol, lambda pictures: pytest.fail("measured again"))
    assert study(protocol, faces, tmp_path / "parts", idle).table == whole.table
    removed = next((tmp_path / "parts" / "features").rglob("*.npy"))
    removed.unlink()  # a crop's features: its batch is measured again
    assert study(protocol, faces, tmp_path / "parts", contender("blurred", protocol, blurred)).table == whole.table
    assert removed.exists()


def test_a_report_loses_no_method_and_no_faces(faces: Path, tmp_path: Path) -> None:
    protocol = protocol_of(faces, ("one_eye",))
    one, other = contender("one", protocol, blurred), contender("other", protocol, blurred)
    study(protocol, faces, tmp_path, one)
    study(protocol, faces, tmp_path, one, other)
    with pytest.raises(DataError, match=r"occlusions\.json: exists already .* method other"):
        study(protocol, faces, tmp_path, one)
    with pytest.raises(DataError, match=r"occlusions\.json: exists already .* protocol"):
        study(protocol_of(faces, ("mouth",)), faces, tmp_path, one, other)


def test_faces_trained_on_are_refused(faces: Path, tmp_path: Path) -> None:
    protocol, seen = protocol_of(faces, ("one_eye",)), tmp_path / FILE
    seen.write_text(as_lines(hash_pictures([faces / "images" / "3.png"])))
    learnt = replace(contender("learnt", protocol, blurred), records=(seen,))
    with pytest.raises(DataError, match=r"1 of 7 faces were trained on, .*: 3\.png"):
        study(protocol, faces, tmp_path / "out", learnt)
    assert not (tmp_path / "out").exists()


def test_the_truth_has_its_row_to_itself(faces: Path, tmp_path: Path) -> None:
    protocol = protocol_of(faces, ("one_eye",))
    with pytest.raises(SettingError, match="method truth: the true faces have a row of that name"):
        study(protocol, faces, tmp_path, contender("truth", protocol, blurred))


# ---------------------------------------------------------------------------------------------- the sheet


def test_a_page_for_each_kind(faces: Path, tmp_path: Path) -> None:
    protocol = protocol_of(faces, ("one_eye", "half_face"))
    chosen = [contender("blurred", protocol, blurred), contender("copied", protocol, lambda pictures: pictures)]
    files = write_sheet(tmp_path / "pages" / "sheet.png", protocol, chosen)
    assert [file.name for file in files] == ["sheet-one_eye.png", "sheet-half_face.png"]
    for file, side in zip(files, (224, 96), strict=True):
        page = np.asarray(Image.open(file))
        assert page.shape[:2] == (28 + 4 * (side + 4) - 4, 2 * 4 * (side + 4) + 4)  # 7 faces in 2 blocks of 4 columns
        second, third, last = (page[28 : 28 + side, left : left + side] for left in range(side + 4, 4 * side, side + 4))
        assert np.array_equal(third, last) and not np.array_equal(second, last)
    write_sheet(tmp_path / "pages" / "sheet.png", protocol, chosen)  # drawn anew


def test_a_face_without_a_reference_leaves_its_row_out(faces: Path, tmp_path: Path) -> None:
    protocol = protocol_of(faces, ("half_face",))
    known = frozenset(pair.face for pair in protocol.pairs["half_face"][:3])
    some = Contender("some", WithPairs(lambda images, masks, pairs: images, known), "some", "made up")
    (file,) = write_sheet(tmp_path / "sheet.png", protocol, [contender("blurred", protocol, blurred), some])
    assert len(np.asarray(Image.open(file))) == 28 + 2 * (96 + 4) - 4  # 3 faces in 2 blocks


def test_faces_of_the_sheet_are_evenly_spaced(faces: Path) -> None:
    protocol = protocol_of(faces, ("hand",))
    assert [face.stem for face in shown_faces(protocol, 3)] == ["0", "3", "6"]
    assert len(shown_faces(protocol)) == 7


def test_a_sheet_that_cannot_be_is_refused_beforehand() -> None:
    assert sheet_file(Path("a/b.jpg"), "hand") == Path("a/b-hand.jpg")
    with pytest.raises(SettingError, match="up to 4 methods side by side, found 5"):
        refuse_sheet(Path("b.jpg"), list("abcde"))
    with pytest.raises(ImageError, match="expected a name ending in"):
        refuse_sheet(Path("b.gif"), ["a"])
