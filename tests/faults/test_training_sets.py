"""faults.md 33 to 35: sets of faces with damaged pictures, too few of them or test pictures among them, and loading
processes that die."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import NoReturn

import numpy as np
import pytest
import torch
from PIL import Image
from rich.console import Console

from showface import recipes
from showface.cli.main import main
from showface.data.batches import Batch, DataConfig, FaceSamples, batches
from showface.data.faces import FaceSource
from showface.data.fingerprints import FILE
from showface.data.mask_sets import MaskSource
from showface.errors import DataError, WorkerError
from showface.training.configuration import Recipe
from showface.training.run import train
from showface.training.state import RESULT, checkpoints, read_tensors

CPU = torch.device("cpu")
# forking is safe here: the workers use no threads of the parent; and one core is enough for two workers of a test
WORKERS_ARE_FINE = pytest.mark.filterwarnings(
    "ignore:.*multi-threaded, use of fork:DeprecationWarning", "ignore:This DataLoader will create:UserWarning"
)
SIDE, COUNT = 64, 20


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Twenty smooth pictures with label maps, in images/ and labels/."""
    rng = np.random.default_rng(1)
    for name in ("images", "labels"):
        (tmp_path / "faces" / name).mkdir(parents=True)
    for number in range(COUNT):
        colours = Image.fromarray(rng.integers(0, 256, (4, 4, 3), dtype=np.uint8))
        colours.resize((SIDE, SIDE), Image.Resampling.BICUBIC).save(tmp_path / "faces" / "images" / f"{number:02d}.png")
        label = Image.fromarray(np.full((SIDE, SIDE), number % 3, dtype=np.uint8))
        label.save(tmp_path / "faces" / "labels" / f"{number:02d}.png")
    return tmp_path / "faces"


def config_of(folder: Path, *, bad_limit: float = 0.25, labels: bool = True) -> DataConfig:
    source = FaceSource(folder=str(folder / "images"), labels=str(folder / "labels") if labels else "")
    return DataConfig(faces=(source,), masks=MaskSource(drawn=1.0), size=SIDE, bad_limit=bad_limit)


def recipe_on(recipe: Recipe, data: DataConfig) -> Recipe:
    return replace(recipe, stages=tuple(replace(stage, data=data) for stage in recipe.stages))


def spoil(folder: Path) -> dict[str, str]:
    """Damage three of the pictures, each in its own way; what has to be said of each, by its name."""
    images = folder / "images"
    whole = (images / "03.png").read_bytes()
    (images / "03.png").write_bytes(whole[: len(whole) // 2])
    (images / "07.png").write_bytes(b"<html>404</html>")
    Image.new("RGB", (9, 70)).save(images / "15.png")
    return {"03.png": "", "07.png": "expected a picture (PNG", "15.png": "9 x 70 pixels, expected at least 16 a side"}


def taken(samples: FaceSamples, count: int, workers: int = 0) -> list[Batch]:
    return list(batches(samples, batch=4, first=0, last=count, workers=workers, unusable=samples.unusable()))


# ---------------------------------------------------------------------------------------------- 33


@WORKERS_ARE_FINE
@pytest.mark.parametrize("workers", [0, 2])
def test_33_unusable_pictures_are_named_once_and_replaced(folder: Path, workers: int) -> None:
    """The same pictures take their place whoever loads them; all other samples are what they would have been."""
    whole = [FaceSamples(config_of(folder), seed=0)[number] for number in range(3 * COUNT)]
    expected = spoil(folder)
    samples, said = FaceSamples(config_of(folder), seed=0), []
    unusable = replace(samples.unusable(), say=said.append)
    loaded = list(batches(samples, batch=4, first=0, last=15, workers=workers, unusable=unusable))
    assert len(said) == len(expected) == len(unusable.found)
    for name, reason in expected.items():
        (line,) = (line for line in said if f"/{name}: " in line)
        assert reason in line and line.endswith("; another picture takes its place") and "\n" not in line
    bad = {samples.faces[int(name[:2])].picture for name in expected}
    for number in range(3 * COUNT):
        own, images = samples.face(number).picture, loaded[number // 4].images[number % 4]
        further = 0
        while samples.face(number, further).picture in bad:
            further += 1
        assert samples.usable(number)[0].face == samples.face(number, further)
        assert torch.equal(images, whole[number].images[0]) == (own not in bad)
        assert torch.equal(images, samples[number].images[0])


def test_33_a_picture_that_vanishes_while_training_is_replaced(folder: Path) -> None:
    samples, said = FaceSamples(config_of(folder), seed=0), []
    gone = samples.face(5).picture
    gone.unlink()
    loaded = list(batches(samples, batch=4, first=0, last=5, unusable=replace(samples.unusable(), say=said.append)))
    assert len(loaded) == 5 and [line.split(": ")[0] for line in said] == [str(gone)]
    assert samples.usable(5)[0].face == samples.face(6)


def test_33_a_damaged_label_map_makes_its_picture_unusable(folder: Path) -> None:
    label = folder / "labels" / "02.png"
    label.write_bytes(label.read_bytes()[:40])
    samples, said = FaceSamples(config_of(folder), seed=0), []
    list(batches(samples, batch=4, first=0, last=5, unusable=replace(samples.unusable(), say=said.append)))
    assert len(said) == 1 and str(label) in said[0]


def test_33_cmyk_grey_and_large_pictures_are_usable(folder: Path) -> None:
    cmyk = Image.open(folder / "images" / "00.png").convert("CMYK")
    cmyk.save(folder / "images" / "00.jpg", quality=95)
    (folder / "images" / "00.png").unlink()
    grey = Image.open(folder / "images" / "01.png").convert("L")
    grey.save(folder / "images" / "01.png")
    samples = FaceSamples(replace(config_of(folder), flip=False, crop_probability=0.0), seed=0)
    found = {samples.face(number).picture.stem: samples.sample(number) for number in range(COUNT)}
    assert not any(defects for _, defects in found.values())
    for stem, tolerance in (("00", 12.0), ("01", 0.0)):
        pixels = (found[stem][0].images[0].permute(1, 2, 0).numpy() + 1) * 127.5
        wanted = np.asarray((cmyk if stem == "00" else grey).convert("RGB"), dtype=np.float32)
        assert np.abs(pixels - wanted).mean() <= tolerance + 0.5


@WORKERS_ARE_FINE
@pytest.mark.parametrize("workers", [0, 2])
def test_33_more_than_the_limit_ends_the_run_with_their_names(folder: Path, workers: int) -> None:
    expected = spoil(folder)
    samples, said = FaceSamples(config_of(folder, bad_limit=0.11), seed=0), []
    unusable = replace(samples.unusable(), say=said.append)
    with pytest.raises(DataError, match=r"3 of 20 pictures cannot be used, more than bad_limit = 11\.0%") as stop:
        list(batches(samples, batch=4, first=0, last=9, workers=workers, unusable=unusable))
    assert all(f"/{name}: " in str(stop.value) for name in expected) and "\n" not in str(stop.value)
    assert len(said) == 2


def test_33_a_set_of_nothing_usable_ends_at_once(folder: Path) -> None:
    for picture in (folder / "images").iterdir():
        picture.write_bytes(b"no picture")
    samples = FaceSamples(config_of(folder, labels=False), seed=0)
    with pytest.raises(DataError, match=r"6 of 20 pictures cannot be used.* and 1 more; remove them"):
        list(batches(samples, batch=4, first=0, last=1))


def test_33_without_a_listener_it_is_a_warning(folder: Path) -> None:
    (folder / "images" / "03.png").write_bytes(b"no")
    with pytest.warns(UserWarning, match=r"03\.png: .*another picture takes its place"):
        list(batches(FaceSamples(config_of(folder), seed=0), batch=4, first=0, last=5))


def test_33_a_run_names_them_once_in_all_its_stages_and_goes_on(
    folder: Path, tiny_recipe: Recipe, tmp_path: Path, console: Console
) -> None:
    expected = spoil(folder)
    recipe = recipe_on(tiny_recipe, config_of(folder))
    recipe = replace(recipe, stages=tuple(replace(stage, steps=7) for stage in recipe.stages))
    train(recipe, tmp_path / "run", stages=("coarse", "reconstruction"), device=CPU, console=console)
    said = console.file.getvalue()
    for name in expected:
        assert said.count(f"/{name}: ") == 1
    assert all((tmp_path / "run" / stage / RESULT).is_file() for stage in ("coarse", "reconstruction"))


# ---------------------------------------------------------------------------------------------- 34


def test_34_no_faces_and_empty_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no faces to train on"):
        FaceSamples(DataConfig(), seed=0)
    with pytest.raises(DataError, match="no picture in it"):
        FaceSamples(DataConfig(faces=(FaceSource(folder=str(tmp_path)),)), seed=0)


def test_34_sets_are_looked_at_before_the_first_stage(
    folder: Path, tiny_recipe: Recipe, tmp_path: Path, console: Console
) -> None:
    """Here it is the last stage that has an empty set, or asks for more pictures in a batch than there are."""
    (tmp_path / "empty").mkdir()
    good, out = config_of(folder), tmp_path / "run"
    for changed, message in (
        ({"data": replace(good, faces=(FaceSource(folder=str(tmp_path / "empty")),))}, "empty: no picture in it"),
        ({"data": replace(good, faces=())}, "no faces to train on"),
        ({"batch": 21}, r"stage mdrnets: 20 pictures are fewer than a batch of 21; .*--set mdrnets\.batch=20"),
    ):
        recipe = recipe_on(tiny_recipe, good)
        recipe = replace(recipe, stages=(*recipe.stages[:-1], replace(recipe.stages[-1], **changed)))
        with pytest.raises(DataError, match=message):
            train(recipe, out, device=CPU, console=console)
        assert not out.exists()


def test_34_repeated_pictures_fill_a_batch(folder: Path, tiny_recipe: Recipe, tmp_path: Path, console: Console) -> None:
    good = config_of(folder)
    twice = replace(good, faces=(replace(good.faces[0], repeat=2),))
    recipe = recipe_on(tiny_recipe, twice)
    recipe = replace(recipe, stages=(replace(recipe.stages[0], batch=21, steps=1),))
    train(recipe, tmp_path / "run", device=CPU, console=console)
    assert (tmp_path / "run" / "coarse" / RESULT).is_file()


def test_34_pictures_kept_for_testing_are_not_learnt_from(
    folder: Path,
    tiny_recipe: Recipe,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A copy under another name is recognised; a folder, a list of hashes and a run say what is held out."""
    monkeypatch.setitem(recipes.RECIPES, "tiny", lambda faces, masks: recipe_on(tiny_recipe, config_of(folder)))
    held, out = tmp_path / "held", tmp_path / "run"
    held.mkdir()
    Image.new("RGB", (70, 70), "navy").save(held / "other.png")
    words = ["train", "tiny", "--data", str(folder), "--out", str(out), "--stage", "coarse", "--device", "cpu"]
    assert main([*words, "--held-out", str(held)]) == 0
    shutil.rmtree(out)
    shutil.copy(folder / "images" / "04.png", held / "test-picture.png")
    listed = tmp_path / "list.sha256"
    for place in (held, listed, listed.parent / "earlier"):
        assert main([*words, "--held-out", str(place)]) == 2
        (error,) = capsys.readouterr().err.splitlines()
        assert error == (
            f"showface: error: 1 pictures to train on are also in {place}, which is held out: "
            f"{folder / 'images' / '04.png'}; take them out of one of the two"
        )
        assert not (out / "coarse").exists()
        digest = hashlib.sha256((held / "test-picture.png").read_bytes()).hexdigest()
        listed.write_text(f"{digest}  somewhere/else.png\n")
        (tmp_path / "earlier").mkdir(exist_ok=True)
        shutil.copy(listed, tmp_path / "earlier" / FILE)


# ---------------------------------------------------------------------------------------------- 35


@contextmanager
def time_limit(seconds: int) -> Iterator[None]:
    """What hangs becomes an error."""

    def late(number: int, frame: FrameType | None) -> None:
        raise AssertionError(f"still waiting after {seconds} seconds")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@WORKERS_ARE_FINE
def test_35_a_killed_loading_process_is_an_error(
    folder: Path, tiny_recipe: Recipe, tmp_path: Path, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No hang, exit code 1, the last checkpoint stays; and the error does not strike in the midst of an update."""
    data, killed = config_of(folder), []

    def kill_one(samples: FaceSamples, *, first: int, last: int, **settings: object) -> Iterator[Batch]:
        for number, batch in enumerate(batches(samples, first=first, last=last, **settings), start=first):
            if number == 2 and last > 1 and not killed:
                child = multiprocessing.active_children()[0]
                os.kill(child.pid, signal.SIGKILL)
                killed.append(child.pid)
            yield batch

    monkeypatch.setattr("showface.training.loop.batches", kill_one)
    before = signal.getsignal(signal.SIGCHLD)
    recipe = recipe_on(tiny_recipe, data)
    stages = tuple(replace(s, steps=30, workers=2, checkpoint_every=1) for s in recipe.stages)
    with (
        time_limit(120),
        pytest.raises(WorkerError, match=r"was killed \(.*\); .*fewer workers; the same command") as stop,
    ):
        train(replace(recipe, stages=stages), tmp_path / "run", stages=("coarse",), device=CPU, console=console)
    assert killed and stop.value.exit_code == 1 and "\n" not in str(stop.value)
    assert signal.getsignal(signal.SIGCHLD) is before
    assert int(read_tensors(checkpoints(tmp_path / "run" / "coarse")[-1])[1]["step"]) >= 3
    assert json.loads((tmp_path / "run" / "coarse" / "log.jsonl").read_text().splitlines()[0])["step"] == 2
    train(replace(recipe, stages=stages), tmp_path / "run", stages=("coarse",), device=CPU, console=console)
    assert (tmp_path / "run" / "coarse" / RESULT).is_file()


@WORKERS_ARE_FINE
@pytest.mark.parametrize("error", [ConnectionResetError(104, "reset by peer"), EOFError(), FileNotFoundError()])
def test_35_a_loading_process_killed_while_it_hands_over_is_the_same_error(
    error: Exception, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its batch is announced, but who holds it is gone."""

    def gone(*_: object) -> NoReturn:
        raise error

    monkeypatch.setattr("multiprocessing.resource_sharer._ResourceSharer.get_connection", gone)
    samples = FaceSamples(config_of(folder), seed=0)
    with time_limit(120), pytest.raises(WorkerError, match="was killed"):
        list(batches(samples, batch=2, first=0, last=2, workers=1))


@WORKERS_ARE_FINE
@pytest.mark.parametrize("error", [RuntimeError("full"), OSError("full")])
def test_35_what_a_loading_process_raises_itself_is_not_taken_for_its_death(
    error: Exception, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> NoReturn:
        raise error

    samples = FaceSamples(config_of(folder), seed=0)
    monkeypatch.setattr(FaceSamples, "sample", fail)
    with time_limit(120), pytest.raises(type(error), match="full"):
        list(batches(samples, batch=2, first=0, last=2, workers=1))
