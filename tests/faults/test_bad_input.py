"""What people really hand over: every bad input is one line, the right exit code, and no file."""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from showface import weights
from showface.cli.main import main
from showface.images import read_image, write_image
from showface.masks import draw_free_form

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (40, 32, 3), dtype=np.uint8)
HOLE = draw_free_form(RNG, (40, 32), (0.2, 0.3))


class Desk:
    """A folder with a good picture, mask and weights, and the words to complete it; a test spoils one of them."""

    def __init__(self, folder: Path, good_weights: Path) -> None:
        self.folder = folder
        self.image, self.mask, self.out = folder / "face.png", folder / "mask.png", folder / "out.png"
        self.weights = folder / "weights"
        shutil.copytree(good_weights, self.weights)
        write_image(self.image, Image.fromarray(PIXELS))
        Image.fromarray(HOLE).save(self.mask)
        self.more: list[str] = []

    def run(self) -> int:
        words = ["inpaint", str(self.image), "--mask", str(self.mask), "--out", str(self.out)]
        return main([*words, "--weights", str(self.weights), *self.more])


@pytest.fixture
def desk(tmp_path: Path, tiny_weights: Path) -> Desk:
    return Desk(tmp_path, tiny_weights)


def encoded(picture: Image.Image, form: str) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, form)
    return stream.getvalue()


def flip_last(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1] + bytes([path.read_bytes()[-1] ^ 1]))


def spoil_image(content: bytes) -> Callable[[Desk], object]:
    return lambda desk: desk.image.write_bytes(content)


def spoil_model(content: bytes) -> Callable[[Desk], object]:
    return lambda desk: (desk.weights / "coarse.safetensors").write_bytes(content)


def save_mask(values: np.ndarray) -> Callable[[Desk], object]:
    return lambda desk: Image.fromarray(values).save(desk.mask)


SPOILT: dict[str, tuple[Callable[[Desk], object], int, str]] = {
    "image: missing": (lambda desk: desk.image.unlink(), 2, "face.png: No such file"),
    "image: empty": (spoil_image(b""), 2, "found an empty file"),
    "image: text": (spoil_image(b"dear diary"), 2, "expected a picture"),
    "image: html under a picture's name": (spoil_image(b"<!doctype html><html>404"), 2, "expected a picture"),
    "image: truncated": (spoil_image(encoded(Image.fromarray(PIXELS), "PNG")[:-500]), 2, "face.png: "),
    "image: a gif": (spoil_image(encoded(Image.fromarray(PIXELS), "GIF")), 2, "PNG, JPEG, WEBP, TIFF, BMP"),
    "image: a pdf": (spoil_image(encoded(Image.fromarray(PIXELS), "PDF")), 2, "expected a picture"),
    "mask: missing": (lambda desk: desk.mask.unlink(), 2, "mask.png: No such file"),
    "mask: a folder": (lambda desk: setattr(desk, "mask", desk.folder), 2, "directory"),
    "mask: not a picture": (lambda desk: desk.mask.write_bytes(b"no"), 2, "mask.png: expected a picture"),
    "mask: other size": (save_mask(HOLE[:-1]), 2, "32 x 40, found 32 x 39"),
    "mask: turned": (save_mask(HOLE.T), 2, "32 x 40, found 40 x 32"),
    "mask: full": (save_mask(np.ones_like(HOLE)), 2, "hides the whole picture"),
    "weights: missing": (lambda desk: setattr(desk, "weights", desk.folder / "none"), 2, "none: no such file"),
    "weights: a folder without": (lambda desk: setattr(desk, "weights", desk.folder), 2, "config.json: No such"),
    "weights: flipped bit": (lambda desk: flip_last(desk.weights / "coarse.safetensors"), 2, "damaged or altered"),
    "weights: one lost": (lambda desk: (desk.weights / "parser.safetensors").unlink(), 2, "no such file; config.json"),
    "weights: empty": (spoil_model(b""), 2, "damaged"),
    "weights: another file": (spoil_model(b"\x00" * 64), 2, "damaged"),
    "weights: no config": (lambda desk: (desk.weights / weights.CONFIG).unlink(), 2, "config.json: No such file"),
    "weights: a checkpoint": (lambda desk: setattr(desk, "weights", desk.folder / "w.pth"), 2, "pickles"),
    "out: exists": (lambda desk: desk.out.write_bytes(b"precious"), 2, "exists already"),
    "out: unknown format": (lambda desk: setattr(desk, "out", desk.folder / "out.gif"), 2, "found .gif"),
    "out: no ending": (lambda desk: setattr(desk, "out", desk.folder / "out"), 2, "found none"),
    "out: missing folder": (lambda desk: setattr(desk, "out", desk.folder / "no" / "out.png"), 2, "No such file"),
    "device: unknown": (lambda desk: desk.more.extend(["--device", "gpu"]), 2, "unknown device 'gpu'"),
    "option: unknown": (lambda desk: desk.more.append("--outt"), 2, "No such option"),
}


@pytest.mark.parametrize("what", SPOILT)
def test_every_bad_input_is_one_line_an_exit_code_and_no_file(
    desk: Desk, what: str, capsys: pytest.CaptureFixture[str]
) -> None:
    spoil, code, reason = SPOILT[what]
    spoil(desk)
    before = sorted((path, path.read_bytes()) for path in desk.folder.rglob("*") if path.is_file())
    assert desk.run() == code
    printed = capsys.readouterr()
    assert printed.out == "" and reason in printed.err
    assert printed.err.startswith("showface: error: ") and printed.err.count("\n") == 1
    assert sorted((path, path.read_bytes()) for path in desk.folder.rglob("*") if path.is_file()) == before


def test_the_desk_itself_is_good(desk: Desk) -> None:
    assert desk.run() == 0
    assert np.array_equal(np.asarray(read_image(desk.out))[~HOLE], PIXELS[~HOLE])


def test_an_empty_mask_is_a_warning_and_the_picture_itself(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    save_mask(np.zeros_like(HOLE))(desk)
    assert desk.run() == 0
    assert "showface: warning: the mask is empty" in capsys.readouterr().err
    assert np.array_equal(read_image(desk.out), PIXELS)
