"""Fine-tuning: the recipe, and the command from photographs to weights that complete them better."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from showface import weights
from showface.cli import finetuning
from showface.cli.main import main
from showface.data.faces import FaceSource
from showface.data.fingerprints import read_lines
from showface.data.mask_sets import MaskSource
from showface.errors import AssetError
from showface.images import read_image, to_tensor
from showface.masks import composite, draw_free_form, mask_tensor
from showface.networks.mdrnets import MDRNets
from showface.networks.profiles import compact
from showface.recipes.compact import JUDGING, SHARP
from showface.recipes.finetune import finetune

pytestmark = pytest.mark.slow  # whole trainings, of tiny networks

SIDE = 96


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    """Square pictures of one kind: reddish, darker below."""
    folder, rng = tmp_path / "photographs", np.random.default_rng(0)
    folder.mkdir()
    ramp = np.linspace(1.0, 0.3, SIDE)[:, None, None] * np.array([220.0, 90.0, 60.0])
    for number in range(6):
        noise = np.asarray(Image.fromarray(rng.integers(0, 60, (6, 6, 3), dtype=np.uint8)).resize((SIDE, SIDE)))
        Image.fromarray((ramp * np.ones((1, SIDE, 1)) * 0.8 + noise).clip(0, 255).astype(np.uint8)).save(
            folder / f"{number}.png"
        )
    return folder


def no_detector(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where the detector cannot be fetched: square pictures are taken for aligned faces."""
    monkeypatch.setattr("showface.photo.find_faces.face_finder", lambda *, fetch: None)


QUICK = [
    "--device", "cpu", "--set", "coarse.steps=25", "--set", "mdrnets.steps=6", "--set", f"coarse.data.size={SIDE}",
    "--set", f"mdrnets.data.size={SIDE}", "--set", "coarse.optimiser.lr=1e-2", "--set", "coarse.weights.ssim=0.0",
    "--set", "coarse.batch=4", "--set", "mdrnets.batch=4", "--set", "coarse.weights.perceptual=0",
    "--set", "coarse.weights.style=0", "--set", "mdrnets.weights.perceptual=0", "--set", "mdrnets.weights.style=0",
]  # fmt: skip


def error_in_holes(network: MDRNets, folder: Path) -> float:
    """Mean absolute error of the completions within the holes, [-1, 1]."""
    errors = []
    for number, path in enumerate(sorted(folder.glob("[0-9].png"))):
        image = to_tensor(read_image(path))
        mask = mask_tensor(draw_free_form(np.random.default_rng(number), SIDE, (0.2, 0.4)))
        with torch.no_grad():
            completed = network(image.masked_fill(mask > 0.5, 0.0), mask).completed
        errors.append(float((composite(image, completed, mask) - image).abs().sum() / mask.sum()))
    return float(np.mean(errors))


def test_the_recipe_needs_no_labels_and_its_losses_keep_what_is_drawn_sharp() -> None:
    faces = (FaceSource(folder="faces"),)
    recipe = finetune(faces, MaskSource(drawn=1.0), start="runs/a/weights")
    assert recipe.networks == compact() and [stage.name for stage in recipe.stages] == ["coarse", "mdrnets"]
    for stage in recipe.stages:
        assert stage.start == "runs/a/weights" and stage.data.faces == faces
        assert not (stage.weights.adversarial or stage.weights.intra or stage.weights.inter)
        for term in ("perceptual", "style", "pattern"):
            assert getattr(stage.weights, term) == getattr(SHARP, term) > 0
        assert stage.options == JUDGING
        assert not stage.data.faces[0].labels


def test_photographs_become_weights_that_complete_their_kind_better(
    photographs: Path, tiny_weights: Path, tiny_network: MDRNets, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    no_detector(monkeypatch)
    (photographs / "notes.txt").write_text("no picture")
    Image.new("RGB", (120, 50), "red").save(photographs / "panorama.png")
    out = tmp_path / "run"
    words = ["train", "finetune", "--from", str(tiny_weights), "--data", str(photographs), "--out", str(out), *QUICK]
    assert main(words) == 0
    assert "left out: " in (told := capsys.readouterr().err) and "panorama.png" in told
    assert "6 faces" in told
    configuration, state = weights.load(out / "weights")
    assert configuration == tiny_network.config
    tuned, original = weights.build(configuration, state), tiny_network.state_dict()
    assert error_in_holes(tuned, photographs) < 0.8 * error_in_holes(tiny_network, photographs)
    changed = {
        name.split(".")[0]
        for name, value in tuned.state_dict().items()
        if not value.equal(original[name].half().float())
    }
    assert {"coarse", "refinement", "memory"} <= changed and "parser" not in changed
    assert len(read_lines(out / "pictures.sha256")) == 6
    # the same command does nothing more, and the result can be tuned further
    assert main(words) == 0
    assert "finished before" in capsys.readouterr().out
    further = ["train", "finetune", "--from", str(out), "--data", str(photographs), "--out", str(tmp_path / "again")]
    assert main([*further, *QUICK, "--set", "coarse.steps=1", "--set", "mdrnets.steps=1"]) == 0
    recipe = json.loads((tmp_path / "again" / "recipe.json").read_text())
    assert recipe["stages"][0]["start"] == str(out / "weights")
    seen = read_lines(tmp_path / "again" / "pictures.sha256")
    assert set(read_lines(out / "pictures.sha256").values()) <= set(seen.values())


def test_what_was_prepared_or_labelled_is_taken_as_it_is(photographs: Path, tmp_path: Path) -> None:
    prepared = FaceSource(folder=str(photographs))
    (photographs.parent / "prepared.jsonl").write_text("{}\n")
    labelled = FaceSource(folder=str(photographs), labels="labels")
    assert finetuning.cut_out((prepared, labelled), tmp_path / "run") == (prepared, labelled)
    assert not (tmp_path / "run").exists()


def test_three_faces_are_enough_for_a_batch(photographs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    no_detector(monkeypatch)
    for number in (3, 4, 5):
        (photographs / f"{number}.png").unlink()
    (source,) = finetuning.cut_out((FaceSource(folder=str(photographs)),), tmp_path / "run")
    assert source.repeat == 3 and len(source.pictures()) == 3


def test_what_is_no_weights_is_one_line(photographs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["train", "finetune", "--data", str(photographs), "--out", str(tmp_path / "run"), "--dry-run"]
    assert main([*words, "--from", "compct"]) == 2
    assert "compct: expected the name of a bundled release" in capsys.readouterr().err
    assert main([*words, "--set", "coarse.steps=3"]) == 0
    assert json.loads(capsys.readouterr().out)["stages"][0]["steps"] == 3
    assert not (tmp_path / "run").exists()


def test_where_vgg16_cannot_be_had_the_way_without_it_is_told(
    photographs: Path, tiny_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    def out_of_reach(*, layers: object) -> None:
        raise AssetError("asset 'vgg16-lpips' could not be fetched")

    no_detector(monkeypatch)
    monkeypatch.setattr("showface.training.stages.stage.VGG16.pretrained", out_of_reach)
    words = ["train", "finetune", "--from", str(tiny_weights), "--data", str(photographs), "--device", "cpu"]
    words += ["--out", str(tmp_path / "run")]
    for stage in ("coarse", "mdrnets"):
        words += ["--set", f"{stage}.data.size=128", "--set", f"{stage}.steps=1"]
    assert main(words) == 1
    told = capsys.readouterr().err
    assert "could not be fetched" in told
    way = told.partition("softer pictures: ")[2].split()
    assert way[1::2] == [
        f"{stage}.weights.{term}=0" for stage in ("coarse", "mdrnets") for term in ("perceptual", "style")
    ]
    assert main([*words, *way]) == 0
