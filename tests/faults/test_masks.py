"""faults.md 11 to 17 on the command line: every kind of mask, and what must not change."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from showface.cli.main import main
from showface.images import read_image
from showface.masks import draw_free_form, read_mask
from showface.networks.face_parser import FaceParser
from showface.photo.align import TEMPLATE
from showface.photo.decode import decode
from showface.semantics import CATEGORIES

RNG = np.random.default_rng(1)
PIXELS = RNG.integers(0, 256, (40, 32, 3), dtype=np.uint8)
HOLE = draw_free_form(RNG, (40, 32), (0.2, 0.3))
NAMES = CATEGORIES


class Desk:
    """A picture and its mask, and the command that completes it; the mask that was used is saved beside."""

    def __init__(self, folder: Path, weights: Path) -> None:
        self.folder, self.weights = folder, weights
        self.image, self.out, self.used = folder / "face.png", folder / "out.png", folder / "used.png"
        Image.fromarray(PIXELS).save(self.image)

    def run(self, *more: str, mask: Path | np.ndarray | None = None) -> int:
        words = ["inpaint", str(self.image), "--out", str(self.out), "--save-mask", str(self.used), "--overwrite"]
        if isinstance(mask, np.ndarray):
            Image.fromarray(mask).save(self.folder / "mask.png")
            mask = self.folder / "mask.png"
        words += [] if mask is None else ["--mask", str(mask)]
        return main([*words, "--weights", str(self.weights), "--device", "cpu", *more])

    def result(self) -> np.ndarray:
        return np.asarray(read_image(self.out))

    def refused(self) -> bool:
        """Whether nothing was written."""
        return not self.out.exists() and not self.used.exists() and not list(self.folder.glob(".*"))


@pytest.fixture
def desk(tmp_path: Path, tiny_weights: Path) -> Desk:
    return Desk(tmp_path, tiny_weights)


Printed = pytest.CaptureFixture[str]


# ------------------------------------------------------------------ 11, 12: nothing and everything


def test_an_empty_mask_is_a_warning_and_the_picture_itself(desk: Desk, capsys: Printed) -> None:
    for more in ([], ["--grow", "5"]):
        assert desk.run(*more, mask=np.zeros_like(HOLE)) == 0
        assert capsys.readouterr().err.count("showface: warning: the mask is empty") == 1
        assert np.array_equal(desk.result(), PIXELS)


@pytest.mark.parametrize(
    ("mask", "more"),
    [
        (np.ones_like(HOLE), []),
        (np.zeros_like(HOLE), ["--invert-mask"]),
        (HOLE, ["--grow", "99"]),
        (None, ["--box", "0,0,32,40"]),
        (None, ["--box", "0,0,32,20", "--box", "0,20,32,20"]),
    ],
    ids=["white", "black inverted", "grown", "a box", "two boxes"],
)
def test_a_full_mask_is_refused(desk: Desk, mask: np.ndarray | None, more: list[str], capsys: Printed) -> None:
    assert desk.run(*more, mask=mask) == 2
    assert "hides the whole picture" in capsys.readouterr().err and desk.refused()


# ------------------------------------------------------------------ 13: sizes


def test_another_size_is_an_error_with_both_sizes_or_resized_by_nearest_neighbour(desk: Desk, capsys: Printed) -> None:
    large = HOLE.repeat(3, 0).repeat(3, 1)
    assert desk.run(mask=large) == 2
    complaint = capsys.readouterr().err
    assert "32 x 40, found 96 x 120" in complaint and "--resize-mask" in complaint and desk.refused()
    assert desk.run("--resize-mask", mask=large) == 0
    assert np.array_equal(read_mask(desk.used), HOLE)


# ------------------------------------------------------------------ 14: kinds of masks


def white(hole: np.ndarray = HOLE) -> np.ndarray:
    return hole.astype(np.uint8) * 255


def with_alpha(colour: int) -> Image.Image:
    picture = Image.new("RGBA", (32, 40), (colour,) * 3)
    picture.putalpha(Image.fromarray(white()))
    return picture


def as_jpeg(picture: Image.Image) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=60)
    return stream.getvalue()


KINDS: dict[str, Callable[[Path], Any]] = {
    "grey.png": lambda path: Image.fromarray(white()).save(path),
    "one bit.png": lambda path: Image.fromarray(HOLE).save(path),
    "zero and one.png": lambda path: Image.fromarray(HOLE.astype(np.uint8)).save(path),
    "soft.png": lambda path: Image.fromarray(np.where(HOLE, 128, 127).astype(np.uint8)).save(path),
    "colour.png": lambda path: Image.fromarray(white()[..., None] * np.array((1, 0, 0), np.uint8)).save(path),
    "alpha over black.png": lambda path: with_alpha(0).save(path),
    "alpha over white.png": lambda path: with_alpha(255).save(path),
    "palette.png": lambda path: Image.fromarray(white()).convert("P").save(path),
    "transparent palette.png": lambda path: with_alpha(200).quantize(4).save(path),
    "sixteen bits.png": lambda path: Image.fromarray(np.where(HOLE, 40000, 20000).astype(np.uint16)).save(path),
    "float.tif": lambda path: Image.fromarray(np.where(HOLE, 0.9, 0.1).astype(np.float32)).save(path),
    "lossy.webp": lambda path: Image.fromarray(white()).convert("RGB").save(path, lossless=True),
    "upper.BMP": lambda path: Image.fromarray(white()).save(path),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_mask_is_the_same_mask(desk: Desk, kind: str) -> None:
    KINDS[kind](desk.folder / kind)
    assert desk.run(mask=desk.folder / kind) == 0
    assert np.array_equal(read_mask(desk.used), HOLE)
    assert np.array_equal(desk.result()[~HOLE], PIXELS[~HOLE])


def test_the_noise_of_a_jpeg_is_no_hole(desk: Desk) -> None:
    box = np.zeros_like(HOLE)
    box[9:27, 5:23] = True
    (desk.folder / "mask.jpg").write_bytes(as_jpeg(Image.fromarray(white(box))))
    assert len(np.unique(read_image(desk.folder / "mask.jpg"))) > 2
    assert desk.run(mask=desk.folder / "mask.jpg") == 0
    assert np.array_equal(read_mask(desk.used), box)


def test_a_mask_turned_by_its_orientation_is_upright_like_the_picture(desk: Desk) -> None:
    exif = Image.Exif()
    exif[274] = 6  # to be turned by a quarter, clockwise
    Image.fromarray(np.rot90(white()).copy()).save(desk.folder / "turned.png", exif=exif)
    assert desk.run(mask=desk.folder / "turned.png") == 0
    assert np.array_equal(read_mask(desk.used), HOLE)


# ------------------------------------------------------------------ 15: inverted


def test_a_mask_that_looks_inverted_is_pointed_out_and_can_be_inverted(desk: Desk, capsys: Printed) -> None:
    frame = np.ones_like(HOLE)
    frame[14:24, 10:20] = False
    assert desk.run(mask=frame) == 0
    inverted, hidden = capsys.readouterr().err.splitlines()
    assert "is it inverted (--invert-mask)?" in inverted and "most of the face is hidden" in hidden
    assert desk.run("--invert-mask", mask=frame) == 0
    assert capsys.readouterr().err == "" and np.array_equal(read_mask(desk.used), ~frame)


# ------------------------------------------------------------------ 16, 17: wherever it is, the rest stays


def islands(size: tuple[int, int]) -> np.ndarray:
    hole = np.zeros(size, dtype=bool)
    hole[::5, ::7] = True
    return hole


def border(size: tuple[int, int]) -> np.ndarray:
    hole = np.zeros(size, dtype=bool)
    hole[0], hole[:, -1] = True, True
    return hole


def corner(size: tuple[int, int]) -> np.ndarray:
    hole = np.zeros(size, dtype=bool)
    hole[-1, -1] = True
    return hole


@pytest.mark.parametrize("shape", [islands, border, corner])
@pytest.mark.parametrize("size", [(40, 32), (1, 9), (3, 61), (80, 90)])
def test_islands_borders_and_corners(desk: Desk, shape: Callable[..., np.ndarray], size: tuple[int, int]) -> None:
    pixels = np.random.default_rng(2).integers(0, 256, (*size, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(desk.image)
    hole = shape(size)
    if hole.all():
        hole[..., :2] = False
    assert desk.run(mask=hole) == 0
    assert desk.result().shape == pixels.shape and np.array_equal(desk.result()[~hole], pixels[~hole])


def test_a_face_box_far_from_the_mask_leaves_the_rest_alone(desk: Desk) -> None:
    hole = corner((40, 32))
    assert desk.run("--face-box", "2,2,9,9", mask=hole) == 0
    assert np.array_equal(desk.result()[~hole], PIXELS[~hole])
    assert desk.run("--face-box", "99,99,9,9", mask=hole) == 2


def test_a_face_named_by_its_points_is_where_they_are(desk: Desk, capsys: Printed) -> None:
    hole = np.zeros_like(HOLE)
    hole[14:22, 10:20] = True
    corners = np.array((8.0, 6.0)) + TEMPLATE * 0.1  # a face of 26 pixels, told by its five points or by its box
    points = ",".join(f"{number:.3f}" for number in corners.ravel())
    assert desk.run("--face-points", points, mask=hole) == 0
    by_points = desk.result()
    assert np.array_equal(by_points[~hole], PIXELS[~hole]) and not np.array_equal(by_points, PIXELS)
    assert desk.run("--face-box", "2,2,9,9", mask=hole) == 0 and not np.array_equal(desk.result(), by_points)
    for more, reason in (
        (["--face-points", "1,2,3,4,5,6,7,8,9"], "expected ten numbers"),
        (["--face-points", "1,2,3,4,5,6,7,8,9,nan"], "expected ten numbers"),
        (["--face-points", "5,5,5,5,5,5,5,5,5,5"], "all in one place"),
        (["--face-points", points, "--face-box", "2,2,9,9"], "give one of them"),
    ):
        desk.out.unlink(missing_ok=True), desk.used.unlink(missing_ok=True)
        capsys.readouterr()
        assert desk.run(*more, mask=hole) == 2
        complaint = capsys.readouterr().err
        assert reason in complaint and complaint.count("\n") == 1 and desk.refused()


MODES = {
    "1.png": lambda rgb: Image.fromarray(rgb).convert("1"),
    "L.png": lambda rgb: Image.fromarray(rgb[..., 0]),
    "LA.png": lambda rgb: Image.fromarray(rgb).convert("LA"),
    "P.png": lambda rgb: Image.fromarray(rgb).quantize(64),
    "RGB.webp": lambda rgb: Image.fromarray(rgb),
    "RGB.bmp": lambda rgb: Image.fromarray(rgb),
    "RGBA.png": lambda rgb: Image.fromarray(np.dstack([rgb, rgb[..., :1]])),
    "RGBA.tif": lambda rgb: Image.fromarray(np.dstack([rgb, rgb[..., :1]])),
    "CMYK.tif": lambda rgb: Image.fromarray(rgb).convert("CMYK"),
    "I16.png": lambda rgb: Image.fromarray(rgb[..., 0].astype(np.uint16) * 257 + 3),
    "I16.tif": lambda rgb: Image.fromarray(rgb[..., 0].astype(np.uint16) * 257 + 3),
    "F.tif": lambda rgb: Image.fromarray(rgb[..., 0].astype(np.float32) / 255),
}


@pytest.mark.parametrize("name", MODES)
@settings(max_examples=4)
@given(height=st.integers(2, 50), width=st.integers(2, 50), seed=st.integers(0, 2**32))
def test_outside_the_mask_every_bit_stays_in_every_mode(
    tmp_path_factory: pytest.TempPathFactory, tiny_weights: Path, name: str, height: int, width: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    desk = Desk(tmp_path_factory.mktemp("desk"), tiny_weights)
    hole = rng.random((height, width)) < 0.3
    hole[0, 0] = False
    desk.image, desk.out = desk.folder / name, desk.folder / f"out.{name.split('.')[1]}"
    MODES[name](rng.integers(0, 256, (height, width, 3), dtype=np.uint8)).save(desk.image, lossless=True)
    hole[-1, -1] = True
    assert desk.run(mask=hole) == 0
    before, after = decode(desk.image), decode(desk.out)
    assert after.pixels.shape == before.pixels.shape and after.pixels.dtype == before.pixels.dtype
    assert np.array_equal(after.pixels[~hole], before.pixels[~hole])


# ------------------------------------------------------------------ boxes and regions


def test_boxes_join_the_mask(desk: Desk) -> None:
    assert desk.run("--box", "0,0,3,2", "--box", "30,38,2,2", mask=HOLE) == 0
    expected = HOLE.copy()
    expected[:2, :3] = expected[38:, 30:] = True
    assert np.array_equal(read_mask(desk.used), expected)
    assert np.array_equal(desk.result()[~expected], PIXELS[~expected])


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        (["--box", "30,0,3,3"], "reaches beyond the picture of 32 x 40"),
        (["--box", "1,2,3"], "expected x,y,width,height"),
        (["--box", "0,0,0,3"], "of at least 1"),
        (["--box", "-1,0,2,3"], "of at least 0"),
        (["--region", "eye"], "unknown region 'eye'; did you mean 'eyes'"),
        (["--region", "eyes,lips"], "unknown region 'lips'"),
        (["--grow", "-1", "--box", "0,0,2,2"], "--grow"),
        ([], "Missing option '--mask', '--box' or '--region'"),
        (["--box", "0,0,2,2", "--pixel-limit", "0.001"], "more than the limit of 1,000"),
    ],
)
def test_what_cannot_be_filled_in_is_one_line(desk: Desk, more: list[str], reason: str, capsys: Printed) -> None:
    assert desk.run(*more) == 2
    complaint = capsys.readouterr().err
    assert reason in complaint and complaint.count("\n") == 1 and desk.refused()


def test_a_region_needs_no_mask(desk: Desk, monkeypatch: pytest.MonkeyPatch, capsys: Printed) -> None:
    def two_parts(self: FaceParser, image: torch.Tensor, size: int | tuple[int, int]) -> torch.Tensor:
        height, width = (size, size) if isinstance(size, int) else size
        found = torch.full((1, height, width), NAMES.index("skin"))
        found[:, height // 4 : height // 2, : width // 2] = NAMES.index("nose")
        return found

    monkeypatch.setattr(FaceParser, "semantic_map", two_parts)
    assert desk.run("--region", "nose") == 0
    used = read_mask(desk.used)
    assert used[10:20, :16].all() and not used[:9].any() and not used[21:].any() and not used[:, 17:].any()
    assert np.array_equal(desk.result()[~used], PIXELS[~used])
    desk.out.unlink(), desk.used.unlink()
    assert desk.run("--region", "nose,glasses") == 2
    assert "no glasses found in the face; found: nose, skin, face" in capsys.readouterr().err and desk.refused()
