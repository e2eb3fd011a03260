"""What is done to one picture of many with the other side of its face, and what of it is told."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from showface.errors import SettingError
from showface.images import read_image, write_image
from showface.jobs.one_picture import Outcome, Wishes, complete
from showface.jobs.plan import Job
from showface.photo.mirror import Mirror
from showface.photo.symmetry import Places
from showface.pipeline import FaceInpainter

PIXELS = np.random.default_rng(0).integers(0, 256, (256, 256, 3), dtype=np.uint8)
EYE = np.s_[90:130, 60:110]


@pytest.fixture
def job(tmp_path: Path) -> Job:
    hole = np.zeros((256, 256), dtype=bool)
    hole[EYE] = True
    write_image(tmp_path / "face.png", Image.fromarray(PIXELS))
    Image.fromarray(hole).save(tmp_path / "mask.png")
    return Job(image=tmp_path / "face.png", mask=tmp_path / "mask.png", out=tmp_path / "out.png")


@pytest.fixture
def mirrored(tiny_inpaint: FaceInpainter, monkeypatch: pytest.MonkeyPatch) -> FaceInpainter:
    """Finds the other side of every face to be the mirrored picture, for three quarters of what is hidden."""

    def mirror_of(completed: np.ndarray, hidden: np.ndarray, *more: np.ndarray) -> Mirror:
        xs, ys = np.meshgrid(np.arange(256, dtype=np.float32), np.arange(256, dtype=np.float32))
        share = np.zeros((256, 256), np.float32)
        share[90:120, 60:110] = 1
        return Mirror(Places(255 - xs, ys), np.ones((256, 256, 3), np.float32), share * hidden)

    monkeypatch.setattr("showface.pipeline.inpainter.mirror_of", mirror_of)
    return tiny_inpaint


def done(inpaint: FaceInpainter, job: Job, wishes: Wishes | None = None) -> tuple[Outcome, np.ndarray]:
    outcome = complete(inpaint, replace(job, replace=True), wishes or Wishes())
    outcome.publish()
    return outcome, np.asarray(read_image(job.out)).astype(int)


def test_what_is_hidden_is_taken_from_the_other_side_and_the_line_says_how_much(
    mirrored: FaceInpainter, job: Job
) -> None:
    outcome, result = done(mirrored, job, Wishes(feather=0))
    line = outcome.line(job)
    assert line["mirror"] == ["taken"] and line["mirrored"] == pytest.approx(0.75, abs=0.01)
    inner = np.s_[95:115, 65:105]
    assert np.abs(result[inner] - PIXELS[:, ::-1][inner]).mean() < 12
    outside = np.ones((256, 256), dtype=bool)
    outside[EYE] = False
    assert (result == PIXELS)[outside].all()


def test_off_leaves_it_to_the_networks(mirrored: FaceInpainter, job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    _, taken = done(mirrored, job)
    outcome, off = done(mirrored, job, Wishes(mirror="off"))
    assert (outcome.line(job)["mirror"], outcome.line(job)["mirrored"]) == (["off"], 0)
    monkeypatch.setattr("showface.pipeline.inpainter.mirror_of", lambda *given: "turned head")
    outcome, turned = done(mirrored, job)
    assert outcome.line(job)["mirror"] == ["turned head"]
    assert (off == turned).all() and (off != taken)[EYE].mean() > 0.5


def test_the_line_says_the_fidelity_and_the_picture_has_it(mirrored: FaceInpainter, job: Job) -> None:
    told, pictures = [], []
    for fidelity in (0.0, 0.5, 1.0):
        outcome, picture = done(mirrored, job, Wishes(fidelity=fidelity))
        line = outcome.line(job)
        told.append((line["fidelity"], line["mirror"], line["mirrored"]))
        pictures.append(picture)
    assert told[0][:2] == (0, ["taken"]) and told[1][:2] == (0.5, ["taken"]) and told[2] == (1, ["off"], 0)
    assert told[1][2] == pytest.approx(told[0][2] / 2, abs=1e-3)
    away = [np.square(picture - pictures[2])[EYE].mean() for picture in pictures]
    assert away[0] > away[1] > 0
    with pytest.raises(SettingError, match="expected a fidelity from 0"):
        Wishes(fidelity=float("nan"))


def test_the_figure_shows_what_the_result_has(mirrored: FaceInpainter, job: Job) -> None:
    """With "off", where nothing but the coarse face is wanted, and where there is no face, nothing is taken there."""
    figures = []
    for wishes in (Wishes(), Wishes(mirror="off"), Wishes(fidelity=1.0)):
        done(mirrored, replace(job, explain=job.out.with_name("sheet.png")), wishes)
        figures.append(np.asarray(read_image(job.out.with_name("sheet.png"))))
    other_side = np.s_[320:, 18 + 4 * 270 : 18 + 5 * 270]
    colour = [np.ptp(figure[other_side].astype(int), axis=2).max() for figure in figures]
    assert colour[0] > 100 and colour[1] == colour[2] == 0


def test_a_face_that_is_hidden_on_both_sides_says_so(tiny_inpaint: FaceInpainter, job: Job) -> None:
    hole = np.zeros((256, 256), dtype=bool)
    hole[90:] = True
    Image.fromarray(hole).save(str(job.mask))
    outcome, _ = done(tiny_inpaint, job)
    assert (outcome.mirror, outcome.mirrored) == (("hidden on both sides",), 0)


def test_a_picture_without_a_face_says_so_in_line_and_figure(mirrored: FaceInpainter, job: Job) -> None:
    write_image(job.image, Image.fromarray(np.tile(PIXELS[:100], (1, 3, 1))), overwrite=True)
    hole = np.zeros((100, 768), dtype=bool)
    hole[30:60, 300:340] = True
    Image.fromarray(hole).save(str(job.mask))
    sheet = job.out.with_name("sheet.png")
    with pytest.warns(UserWarning, match="region round the mask"):
        outcome, _ = done(mirrored, replace(job, explain=sheet))
    assert (outcome.mirror, outcome.mirrored, outcome.faces) == (("no face",), 0, 0)
    other_side = np.asarray(read_image(sheet))[320:, 18 + 4 * 270 : 18 + 5 * 270].astype(int)
    assert np.ptp(other_side, axis=2).max() == 0
