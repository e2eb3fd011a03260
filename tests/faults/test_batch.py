"""faults.md 2, 10, 18 and 26 for many pictures: names, folders, partners, threads."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from showface.cli.main import main
from showface.images import read_image
from showface.jobs.one_picture import Wishes, complete
from showface.jobs.plan import Job
from showface.masks import draw_free_form
from showface.photo.decode import decode
from showface.pipeline import FaceInpainter

RNG = np.random.default_rng(3)
PIXELS = RNG.integers(0, 256, (40, 32, 3), dtype=np.uint8)
HOLE = draw_free_form(RNG, (40, 32), (0.2, 0.3))
ODD = ["-dash.png", "two words.png", "nächtlich 夜.png", "new\nline.png", "UP.PNG", "a.b.c.png", "[x]*.png", "~$%.png"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """faces/a.png and masks/a.png."""
    for name, picture in (("faces", PIXELS), ("masks", HOLE)):
        (tmp_path / name).mkdir()
        Image.fromarray(picture).save(tmp_path / name / "a.png")
    return tmp_path


def inpaint(folder: Path, weights: Path, *more: str, out: str = "out") -> int:
    words = ["inpaint", str(folder / "faces"), "--mask", str(folder / "masks"), "--out", str(folder / out)]
    return main([*words, "--weights", str(weights), "--device", "cpu", *more])


# ------------------------------------------------------------------ 2: damaged pictures


def test_damaged_pictures_are_counted_and_the_others_are_made(
    folder: Path, tiny_weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = (folder / "faces" / "a.png").read_bytes()
    flipped = good[:200] + bytes([good[200] ^ 1]) + good[201:]
    for name, content in {"cut": good[:-30], "empty": b"", "flipped": flipped, "text": b"dear diary"}.items():
        (folder / "faces" / f"{name}.png").write_bytes(content)
        Image.fromarray(HOLE).save(folder / "masks" / f"{name}.png")
    assert inpaint(folder, tiny_weights) == 1
    assert [path.name for path in (folder / "out").iterdir()] == ["a.png"], "and no part of any other"
    complaints = capsys.readouterr().err.splitlines()
    assert len(complaints) == 5 and "1 completed, 4 failed" in complaints[-1]
    assert all("failed: " in line and ".png: " in line for line in complaints[:-1])


# ------------------------------------------------------------------ 10: names and places


def test_names_of_every_kind(folder: Path, tiny_weights: Path) -> None:
    names = [*ODD, os.fsdecode(b"not \xff text.png")]
    for name in names:
        for kind in ("faces", "masks"):
            (folder / kind / name).write_bytes((folder / kind / "a.png").read_bytes())
    (folder / "faces" / "link.png").symlink_to(folder / "faces" / "a.png")
    (folder / "masks" / "link.png").symlink_to(folder / "masks" / "a.png")
    report = folder / "report.jsonl"
    assert inpaint(folder, tiny_weights, "--report", str(report)) == 0
    made = {path.name for path in (folder / "out").iterdir()}
    assert made == {*names, "a.png", "link.png"}
    for name in made:
        result = np.asarray(read_image(folder / "out" / name))
        assert np.array_equal(result[~HOLE], PIXELS[~HOLE]) and not (folder / "out" / name).is_symlink()
    lines = [json.loads(line) for line in report.read_text().splitlines()]
    assert {Path(line["out"]).name for line in lines} == made
    assert inpaint(folder, tiny_weights, "--report", str(report)) == 0, "and it goes on from those names"


def test_results_into_the_folder_of_the_pictures_replace_nothing(folder: Path, tiny_weights: Path) -> None:
    assert inpaint(folder, tiny_weights, out="faces") == 1
    assert np.array_equal(read_image(folder / "faces" / "a.png"), PIXELS)
    assert inpaint(folder, tiny_weights, "--overwrite", out="faces") == 0
    assert not np.array_equal(read_image(folder / "faces" / "a.png"), PIXELS)


def test_results_into_the_folder_of_the_masks_are_refused_even_so(
    folder: Path, tiny_weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert inpaint(folder, tiny_weights, "--overwrite", out="masks") == 2
    assert "is read and would be written" in capsys.readouterr().err


def test_a_folder_that_cannot_be_made(folder: Path, tiny_weights: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "file").write_bytes(b"precious")
    assert inpaint(folder, tiny_weights, out="file") != 0
    assert inpaint(folder, tiny_weights, out="file/below") != 0
    assert capsys.readouterr().err.count("showface: error: ") == 2
    assert (folder / "file").read_bytes() == b"precious"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="needs a user who may not write everywhere")
def test_a_read_only_folder(folder: Path, tiny_weights: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "out").mkdir(mode=0o500)
    assert inpaint(folder, tiny_weights) == 1
    assert "a.png: cannot be written: Permission denied" in capsys.readouterr().err


def test_the_format_goes_by_content(folder: Path, tiny_weights: Path) -> None:
    Image.fromarray(PIXELS).save(folder / "faces" / "a.png", "BMP")
    assert inpaint(folder, tiny_weights) == 0
    assert np.array_equal(decode(folder / "out" / "a.png").rgb()[~HOLE], PIXELS[~HOLE])


def test_one_name_in_two_formats_makes_two_results(folder: Path, tiny_weights: Path) -> None:
    Image.fromarray(PIXELS).save(folder / "faces" / "a.bmp")
    assert inpaint(folder, tiny_weights) == 0
    assert sorted(path.name for path in (folder / "out").iterdir()) == ["a.bmp", "a.png"]


# ------------------------------------------------------------------ 18: partners


@pytest.mark.parametrize(
    ("spoil", "complaint"), [("masks/a.png", "no mask for a.png"), ("faces/a.png", "no picture for")]
)
def test_missing_and_extra_masks_are_errors_unless_allowed(
    folder: Path, tiny_weights: Path, capsys: pytest.CaptureFixture[str], spoil: str, complaint: str
) -> None:
    for kind, picture in (("faces", PIXELS), ("masks", HOLE)):
        Image.fromarray(picture).save(folder / kind / "b.png")
    (folder / spoil).unlink()
    assert inpaint(folder, tiny_weights) == 1
    assert complaint in capsys.readouterr().err
    assert [path.name for path in (folder / "out").iterdir()] == ["b.png"]
    assert inpaint(folder, tiny_weights, "--allow-missing", out="again") == 0
    assert complaint in capsys.readouterr().err, "but still said"


# ------------------------------------------------------------------ 26: threads


def test_threads_make_the_same(folder: Path, tiny_weights: Path) -> None:
    network = FaceInpainter.from_pretrained(tiny_weights, device="cpu")
    image, mask = folder / "faces" / "a.png", folder / "masks" / "a.png"
    jobs = [Job(image=image, mask=mask, out=folder / f"{number}.png") for number in range(4)]
    threads = [threading.Thread(target=lambda job=job: complete(network, job, Wishes()).publish()) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({job.out.read_bytes() for job in jobs}) == 1
