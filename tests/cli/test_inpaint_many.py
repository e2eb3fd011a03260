"""Many pictures: patterns, lists, reports to go on from, several workers, files beside the results."""

from __future__ import annotations

import csv
import json
import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from showface.cli.main import main
from showface.images import read_image, write_image
from showface.masks import draw_free_form, read_mask
from showface.semantics import REGIONS

pytestmark = pytest.mark.slow  # the command from file to file, with several processes

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (40, 32, 3), dtype=np.uint8)
HOLE = draw_free_form(RNG, (40, 32), (0.2, 0.3))
NAMES = ("a.png", "b.png", "c.webp")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """faces/ with three different pictures, and masks of the same names."""
    for name in ("faces", "masks"):
        (tmp_path / name).mkdir()
    for number, name in enumerate(NAMES):
        write_image(tmp_path / "faces" / name, Image.fromarray(np.roll(PIXELS, number * 97)))
        Image.fromarray(HOLE).save(tmp_path / "masks" / f"{Path(name).stem}.png")
    return tmp_path


@pytest.fixture
def run(folder: Path, tiny_weights: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    return Run(folder, tiny_weights, capsys)


class Run:
    """Runs `showface inpaint` on the folder; options beside the pictures' can be left out or replaced."""

    def __init__(self, folder: Path, weights: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self.weights, self.capsys = folder, weights, capsys
        self.out, self.err = "", ""

    def __call__(self, *more: str, image: str = "faces", mask: str | None = "masks", out: str | None = "out") -> int:
        words = ["inpaint", str(self.folder / image)]
        words += ["--mask", str(self.folder / mask)] if mask else []
        words += ["--out", str(self.folder / out)] if out else []
        code = main([*words, "--weights", str(self.weights), "--device", "cpu", *more])
        self.out, self.err = self.capsys.readouterr()
        return code

    def reported(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.folder / "report.jsonl").read_text().splitlines()]

    def results(self) -> dict[str, tuple[bytes, int]]:
        """Content and time of every result."""
        return {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in (self.folder / "out").iterdir()}

    @property
    def report(self) -> tuple[str, str]:
        return "--report", str(self.folder / "report.jsonl")


# ------------------------------------------------------------------ reports


def test_the_report_has_a_line_for_every_picture(run: Run, folder: Path) -> None:
    (folder / "masks" / "c.png").unlink()
    (folder / "masks" / "d.png").write_bytes((folder / "masks" / "a.png").read_bytes())
    Image.new("L", (32, 40)).save(folder / "masks" / "b.png")
    (folder / "faces" / "e.png").write_bytes(b"damaged")
    Image.fromarray(HOLE).save(folder / "masks" / "e.png")
    assert run(*run.report) == 1
    done, empty, failed, missing, extra = run.reported()
    assert done["state"] == "done" and done["image"] == str(folder / "faces" / "a.png")
    assert (done["width"], done["height"], done["faces"]) == (32, 40, 1)
    assert done["hole_share"] == pytest.approx(HOLE.mean(), abs=1e-6)
    assert isinstance(done["seconds"], float) and done["warnings"] == []
    assert 0 <= done["mirrored"] <= 1 and len(done["mirror"]) == 1 and empty["mirror"] == []
    assert done["seam"]["usual"] > 0 and empty["seam"] == {"step": 0.0, "usual": 0.0, "colour": 0.0}
    assert empty["state"] == "done" and "the mask is empty" in str(empty["warnings"])
    assert failed["state"] == "failed" and "e.png: expected a picture" in str(failed["error"])
    assert missing["state"] == "no mask" and extra["state"] == "no picture"
    assert "b.png: warning: the mask is empty" in run.err


def test_the_same_command_goes_on(run: Run, folder: Path) -> None:
    assert run(*run.report) == 0
    before = run.results()
    assert run(*run.report) == 0
    assert "0 completed, 0 failed" in run.out and "3 done before" in run.out
    assert run.results() == before and len(run.reported()) == 3
    (folder / "out" / "b.png").unlink()
    (folder / "out" / ".b.png.part").write_bytes(b"left by a run that was killed")
    assert run(*run.report) == 0
    assert "1 completed, 0 failed" in run.out and "2 done before" in run.out
    after = run.results()
    assert {name: content for name, (content, _) in after.items()} == {
        name: content for name, (content, _) in before.items()
    }
    assert all(after[name] == before[name] for name in ("a.png", "c.webp"))


def test_a_bad_picture_is_tried_again_when_it_is_mended(run: Run, folder: Path) -> None:
    good = (folder / "faces" / "b.png").read_bytes()
    (folder / "faces" / "b.png").write_bytes(good[:-20])
    assert run(*run.report) == 1 and "2 completed, 1 failed" in run.err
    assert run(*run.report) == 1 and "0 completed, 1 failed" in run.err and "2 done before" in run.err
    (folder / "faces" / "b.png").write_bytes(good)
    assert run(*run.report) == 0


def test_a_picture_that_changed_is_made_anew_and_so_is_everything_on_request(run: Run, folder: Path) -> None:
    assert run(*run.report) == 0
    before = run.results()
    newer = before["a.png"][1] + 1_000_000_000
    os.utime(folder / "faces" / "a.png", ns=(newer, newer))
    assert run(*run.report) == 0 and "1 completed" in run.out
    assert run(*run.report, "--overwrite") == 0 and "3 completed" in run.out


def test_without_the_other_side_of_the_face_results_are_others(run: Run) -> None:
    assert run(*run.report, "--mirror", "auto") == 0 and run(*run.report) == 0 and "3 done before" in run.out
    assert run(*run.report, "--mirror", "off") == 1 and "exists already" in run.err
    assert run(*run.report, "--mirror", "off", "--overwrite") == 0
    lines = run.reported()[-3:]
    assert [(line["mirror"], line["mirrored"], line["settings"]["mirror"]) for line in lines] == [
        (["off"], 0, "off")
    ] * 3


def test_the_report_says_the_fidelity(run: Run) -> None:
    assert run(*run.report, "--fidelity", "0.5") == 0
    assert [(line["fidelity"], line["settings"]["fidelity"]) for line in run.reported()] == [(0.5, 0.5)] * 3
    assert run(*run.report, "--fidelity", "0.5") == 0 and "3 done before" in run.out
    assert run(*run.report) == 1 and "exists already" in run.err


def test_with_other_settings_results_are_not_done_and_not_replaced(run: Run) -> None:
    assert run(*run.report) == 0
    before = run.results()
    assert run(*run.report, "--grow", "1") == 1
    assert "0 completed, 3 failed" in run.err and "exists already" in run.err
    assert run.results() == before


def test_results_of_others_are_never_replaced(run: Run, folder: Path) -> None:
    (folder / "out").mkdir()
    (folder / "out" / "b.png").write_bytes(b"precious")
    assert run(*run.report) == 1
    assert (folder / "out" / "b.png").read_bytes() == b"precious"
    assert run(*run.report) == 1, "not by the second run either"
    assert (folder / "out" / "b.png").read_bytes() == b"precious"


def test_a_single_picture_can_be_reported_too(run: Run, folder: Path) -> None:
    names = {"image": "faces/a.png", "mask": "masks/a.png", "out": "one.png"}
    assert run(*run.report, **names) == 0 and run(*run.report, **names) == 0
    assert "is done" in run.out and len(run.reported()) == 1
    assert run(*run.report, **names | {"mask": "none.png", "out": "two.png"}) == 2
    assert run.reported()[-1]["state"] == "failed"


def test_a_file_that_is_no_report_is_left_alone(run: Run, folder: Path) -> None:
    assert run("--report", str(folder / "faces" / "a.png")) == 2
    assert "expected a report" in run.err
    assert np.array_equal(read_image(folder / "faces" / "a.png"), PIXELS)


def test_the_help_lists_every_region(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inpaint", "--help"]) == 0
    words = set(re.findall(r"\w+", capsys.readouterr().out))
    assert set(REGIONS) <= words


# ------------------------------------------------------------------ patterns and lists


def test_a_pattern_with_masks_in_a_folder(run: Run, folder: Path) -> None:
    assert run(image="faces/[ab].png", mask="masks/[ab]*") == 0
    assert sorted(run.results()) == ["a.png", "b.png"]


def test_a_list(run: Run, folder: Path) -> None:
    with (folder / "list.csv").open("w", newline="") as stream:
        rows = [("image", "mask", "out"), *((f"faces/{n}", f"masks/{n[0]}.png", f"out/x {n}") for n in NAMES)]
        csv.writer(stream).writerows(rows)
    assert run(image="list.csv", mask=None, out=None) == 0
    assert sorted(run.results()) == ["x a.png", "x b.png", "x c.webp"]
    result = np.asarray(read_image(folder / "out" / "x a.png"))
    assert np.array_equal(result[~HOLE], PIXELS[~HOLE]) and not np.array_equal(result, PIXELS)


def test_a_list_with_a_mask_that_is_missing(run: Run, folder: Path) -> None:
    (folder / "list.csv").write_text("image,mask\nfaces/a.png,masks/a.png\nfaces/b.png,masks/none.png\n")
    assert run(image="list.csv", mask=None) == 1
    assert "no mask for faces/b.png" in run.err and "1 completed, 0 failed, 1 without a mask" in run.err
    assert run("--allow-missing", "--overwrite", image="list.csv", mask=None) == 0


def test_contradictions_are_found_before_anything_is_written(run: Run, folder: Path) -> None:
    write_image(folder / "faces" / "a.bmp", Image.fromarray(PIXELS))
    assert run("--format", "png") == 2
    assert "would be written 2 times" in run.err and not (folder / "out").exists()
    assert run("--overwrite", "--save-mask", str(folder / "masks")) == 2
    assert "would be written" in run.err and np.array_equal(read_mask(folder / "masks" / "b.png"), HOLE)


# ------------------------------------------------------------------ beside the results


def test_masks_and_figures_go_to_folders_of_their_own(run: Run, folder: Path) -> None:
    beside = ("--save-mask", str(folder / "filled"), "--explain", str(folder / "figures"))
    assert run("--grow", "1", *beside, *run.report) == 0
    names = ["a.png", "b.png", "c.png"]
    assert sorted(path.name for path in (folder / "filled").iterdir()) == names
    assert sorted(path.name for path in (folder / "figures").iterdir()) == names
    filled = read_mask(folder / "filled" / "a.png")
    assert filled[HOLE].all() and filled.sum() > HOLE.sum()
    assert read_image(folder / "figures" / "a.png").width > 1500
    (folder / "figures" / "b.png").unlink()
    assert run("--grow", "1", *beside, *run.report) == 0
    assert "1 completed" in run.out and "2 done before" in run.out


def test_without_masks_boxes_are_enough(run: Run, folder: Path) -> None:
    assert run("--box", "3,4,10,12", mask=None) == 0
    result, given = (np.asarray(read_image(folder / where / "b.png")) for where in ("out", "faces"))
    changed = (result != given).any(axis=2)
    assert changed[4:16, 3:13].any() and changed.sum() == changed[4:16, 3:13].sum()


def test_another_format(run: Run, folder: Path) -> None:
    assert run("--format", "bmp") == 0
    assert sorted(run.results()) == ["a.bmp", "b.bmp", "c.bmp"]
    assert (folder / "out" / "a.bmp").read_bytes().startswith(b"BM")


# ------------------------------------------------------------------ workers


def test_two_workers_make_what_one_makes(run: Run, folder: Path) -> None:
    (folder / "faces" / "b.png").write_bytes(b"damaged")
    assert run() == 1
    one = {name: content for name, (content, _) in run.results().items()}
    assert run("--workers", "2", *run.report, out="two") == 1
    assert "2 completed, 1 failed" in run.err and "b.png failed: " in run.err
    two = {path.name: path.read_bytes() for path in (folder / "two").iterdir()}
    assert two == one and len(one) == 2
    assert sorted(str(line["state"]) for line in run.reported()) == ["done", "done", "failed"]
    assert run("--workers", "2", "--device", "cud", out="three") == 2 and "unknown device" in run.err
