from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from showface.cli.main import main
from showface.images import read_image, write_image
from showface.masks import draw_free_form
from showface.pipeline import FaceInpainter

pytestmark = pytest.mark.slow  # the command from file to file

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (40, 32, 3), dtype=np.uint8)
HOLE = draw_free_form(RNG, (40, 32), (0.2, 0.3))


@pytest.fixture
def weights(tiny_weights: Path) -> list[str]:
    return ["--weights", str(tiny_weights), "--device", "cpu"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """faces/ a.png, B.JPG, "c d.webp" and masks of the same names."""
    for name in ("faces", "masks"):
        (tmp_path / name).mkdir()
    for number, name in enumerate(("a.png", "B.JPG", "c d.webp")):
        write_image(tmp_path / "faces" / name, Image.fromarray(np.roll(PIXELS, number)))
        Image.fromarray(HOLE).save(tmp_path / "masks" / f"{Path(name).stem}.png")
    return tmp_path


def batch(folder: Path, *more: str) -> list[str]:
    return ["inpaint", str(folder / "faces"), "--mask", str(folder / "masks"), "--out", str(folder / "out"), *more]


def single(folder: Path, *more: str) -> list[str]:
    words = [str(folder / "faces" / "a.png"), "--mask", str(folder / "masks" / "a.png")]
    return ["inpaint", *words, "--out", str(folder / "out.png"), *more]


def test_one_picture(folder: Path, weights: list[str], tiny_weights: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(single(folder, *weights)) == 0
    assert capsys.readouterr().out.strip() == str(folder / "out.png")
    expected = FaceInpainter.from_pretrained(tiny_weights, device="cpu")(PIXELS, HOLE)
    result = np.asarray(read_image(folder / "out.png"))
    assert np.array_equal(result, expected)
    assert np.array_equal(result[~HOLE], PIXELS[~HOLE])


def test_into_a_folder_the_result_keeps_the_picture_s_name(folder: Path, weights: list[str]) -> None:
    (folder / "here").mkdir()
    assert main([*single(folder, *weights), "--out", str(folder / "here")]) == 0
    assert read_image(folder / "here" / "a.png").size == (32, 40)


def test_invert_mask(folder: Path, weights: list[str]) -> None:
    assert main(single(folder, *weights, "--invert-mask")) == 0
    result = np.asarray(read_image(folder / "out.png"))
    assert np.array_equal(result[HOLE], PIXELS[HOLE]) and not np.array_equal(result[~HOLE], PIXELS[~HOLE])


@pytest.mark.parametrize("there", [True, False])
def test_precision(
    folder: Path, weights: list[str], there: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for module in ("completer", "devices"):
        monkeypatch.setattr(f"showface.pipeline.{module}.computes_bf16", lambda device: there)
    assert main(single(folder, *weights, "--precision", "bfloat16")) == (0 if there else 2)
    said = capsys.readouterr()
    assert (folder / "out.png").exists() == there
    assert there or (said.err.count("\n") == 1 and "would only emulate it; use auto" in said.err)


def test_the_other_side_of_the_face_can_be_left_out(
    folder: Path, weights: list[str], tiny_weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(single(folder, *weights, "--mirror", "off")) == 0
    expected = FaceInpainter.from_pretrained(tiny_weights, device="cpu")(PIXELS, HOLE, mirror="off")
    assert np.array_equal(read_image(folder / "out.png"), expected)
    (folder / "out.png").unlink()
    assert main(single(folder, *weights, "--mirror", "no")) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "'--mirror'" in said and "'auto', 'off'" in said
    assert not (folder / "out.png").exists()


@pytest.mark.usefixtures("reflecting")
def test_fidelity(folder: Path, weights: list[str], tiny_weights: Path) -> None:
    inpaint = FaceInpainter.from_pretrained(tiny_weights, device="cpu")
    results = []
    for fidelity in (0, 0.5, 1):
        assert main(single(folder, *weights, "--fidelity", str(fidelity), "--overwrite")) == 0
        results.append(np.asarray(read_image(folder / "out.png")))
        assert np.array_equal(results[-1], inpaint(PIXELS, HOLE, fidelity=fidelity))
    assert not any(np.array_equal(*pair) for pair in pairwise(results))


@pytest.mark.parametrize("fidelity", ["-0.1", "1.01", "nan", "inf", "half", ""])
def test_fidelity_is_from_0_to_1(
    folder: Path, weights: list[str], fidelity: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(single(folder, *weights, f"--fidelity={fidelity}")) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "'--fidelity'" in said and "from 0 (natural) to 1 (faithful)" in said
    assert not (folder / "out.png").exists()


def test_resize_mask(folder: Path, weights: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    Image.fromarray(HOLE.repeat(2, 0).repeat(2, 1)).save(folder / "masks" / "a.png")
    assert main(single(folder, *weights)) == 2
    assert "32 x 40, found 64 x 80" in capsys.readouterr().err
    assert main(single(folder, *weights, "--resize-mask")) == 0
    result = np.asarray(read_image(folder / "out.png"))
    assert np.array_equal(result[~HOLE], PIXELS[~HOLE])


def test_nothing_is_overwritten_unasked(folder: Path, weights: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "out.png").write_bytes(b"precious")
    assert main(single(folder, *weights)) == 2
    assert "exists already" in capsys.readouterr().err and (folder / "out.png").read_bytes() == b"precious"
    assert main(single(folder, *weights, "--overwrite")) == 0
    assert read_image(folder / "out.png").size == (32, 40)


def test_the_result_may_replace_its_picture_when_asked(folder: Path, weights: list[str]) -> None:
    picture = str(folder / "faces" / "a.png")
    assert main([*single(folder, *weights), "--out", picture]) == 2
    assert np.array_equal(read_image(picture), PIXELS)
    assert main([*single(folder, *weights), "--out", picture, "--overwrite"]) == 0
    assert not np.array_equal(read_image(picture), PIXELS)


@pytest.mark.parametrize("name", ["-dash.png", "spa ce.png", "näme.png", "new\nline.png", "UP.PNG"])
def test_names_of_every_kind(folder: Path, weights: list[str], name: str) -> None:
    for kind in ("faces", "masks"):
        (folder / kind / "a.png").rename(folder / kind / name)
    (folder / "link.png").symlink_to(folder / "faces" / name)
    for picture in (folder / "faces" / name, folder / "link.png"):
        words = [str(picture), "--mask", str(folder / "masks" / name), "--out", str(folder / name), "--overwrite"]
        assert main(["inpaint", *words, *weights]) == 0
        assert np.array_equal(np.asarray(read_image(folder / name))[~HOLE], PIXELS[~HOLE])


# ------------------------------------------------------------------ folders


def test_a_folder(folder: Path, weights: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(batch(folder, *weights)) == 0
    assert sorted(path.name for path in (folder / "out").iterdir()) == ["B.JPG", "a.png", "c d.webp"]
    assert "3 completed, 0 failed" in capsys.readouterr().out
    result, given = (np.asarray(read_image(folder / where / "c d.webp")) for where in ("out", "faces"))
    assert np.array_equal(result[~HOLE], given[~HOLE])


def test_a_batch_goes_on_after_a_bad_file_counts_it_and_ends_with_1(
    folder: Path, weights: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "faces" / "B.JPG").write_bytes(b"damaged")
    assert main(batch(folder, *weights)) == 1
    assert sorted(path.name for path in (folder / "out").iterdir()) == ["a.png", "c d.webp"]
    printed = capsys.readouterr().err
    assert "B.JPG failed: " in printed and "2 completed, 1 failed" in printed


def test_missing_and_extra_masks_are_listed(
    folder: Path, weights: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "masks" / "a.png").rename(folder / "masks" / "other.png")
    assert main(batch(folder, *weights)) == 1
    printed = capsys.readouterr().err
    assert "no mask for a.png" in printed and "no picture for mask other.png" in printed
    assert "2 completed, 0 failed, 1 without a mask, 1 masks without a picture" in printed
    assert main(batch(folder, *weights, "--allow-missing", "--overwrite")) == 0


def test_two_masks_of_one_name_are_refused(
    folder: Path, weights: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    Image.fromarray(HOLE).save(folder / "masks" / "a.bmp")
    assert main(batch(folder, *weights)) == 2
    assert "several for a\n" in capsys.readouterr().err
    assert not (folder / "out").exists()


def test_two_pictures_of_one_name_share_their_mask(folder: Path, weights: list[str]) -> None:
    write_image(folder / "faces" / "a.bmp", Image.fromarray(PIXELS))
    assert main(batch(folder, *weights)) == 0
    assert len(list((folder / "out").iterdir())) == 4


def test_results_that_are_there_stay(folder: Path, weights: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "out").mkdir()
    (folder / "out" / "a.png").write_bytes(b"precious")
    assert main(batch(folder, *weights)) == 1
    assert "a.png: exists already" in capsys.readouterr().err
    assert (folder / "out" / "a.png").read_bytes() == b"precious"


def test_one_mask_is_that_of_a_whole_folder(folder: Path, weights: list[str]) -> None:
    words = ["inpaint", str(folder / "faces"), "--mask", str(folder / "masks" / "a.png"), "--out", str(folder / "out")]
    assert main([*words, *weights]) == 0
    assert len(list((folder / "out").iterdir())) == 3


def test_a_folder_of_masks_that_is_not_there(
    folder: Path, weights: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["inpaint", str(folder / "faces"), "--mask", str(folder / "missing"), "--out", str(folder / "out")]
    assert main([*words, *weights]) == 2
    assert "there is no such file" in capsys.readouterr().err


def test_the_pictures_are_not_their_own_masks(
    folder: Path, weights: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["inpaint", str(folder / "faces"), "--mask", str(folder / "faces"), "--out", str(folder / "out")]
    assert main([*words, *weights]) == 2
    assert "found the pictures themselves" in capsys.readouterr().err and not (folder / "out").exists()


def test_an_empty_folder(folder: Path, weights: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "none").mkdir()
    words = ["inpaint", str(folder / "none"), "--mask", str(folder / "masks"), "--out", str(folder / "out")]
    assert main([*words, *weights]) == 2
    assert "expected pictures, found none" in capsys.readouterr().err
