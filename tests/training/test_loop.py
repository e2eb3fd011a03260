"""The loop beside resuming: what a run leaves behind, stages taken from another run, and when it stops by itself."""

from __future__ import annotations

import importlib.util
import io
import json
from pathlib import Path
from shutil import copytree

import pytest
import torch
from PIL import Image
from rich.console import Console

from showface import weights
from showface.configurations import to_plain
from showface.errors import CheckpointError, DataError, SettingError
from showface.recipes.ablation import ablated
from showface.training.configuration import Recipe
from showface.training.run import chosen_device, stages_to_train, train
from showface.training.settings import with_settings
from showface.training.state import RESULT, checkpoints, read_tensors

pytestmark = pytest.mark.slow  # whole trainings, of tiny networks

CPU = torch.device("cpu")


def test_what_a_run_leaves_behind(finished_run: Path, tiny_recipe: Recipe) -> None:
    for stage, columns in (("coarse", 4), ("face_parser", 3), ("reconstruction", 2), ("mdrnets", 5)):
        folder = finished_run / stage
        assert [path.name[-11:] for path in checkpoints(folder)] == ["safetensors"] * 2
        with Image.open(folder / "sheet-00000004.jpg") as sheet:
            assert sheet.size == (64 * columns, 64 * 6)
        lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
        assert [line["step"] for line in lines] == [2, 4]
        assert all(line["images_per_second"] > 0 and 0 <= line["waiting"] <= 1 for line in lines)
    assert json.loads((finished_run / "recipe.json").read_text()) == to_plain(tiny_recipe)


def test_a_gradient_of_nothing_is_told(tiny_recipe: Recipe, tmp_path: Path) -> None:
    said = io.StringIO()
    faint = ("coarse.weights.valid=1e-40", "coarse.weights.hole=0.0", "coarse.weights.tv=0.0")
    faint += ("coarse.weights.perceptual=0.0", "coarse.weights.style=0.0")
    recipe = with_settings(tiny_recipe, faint)
    train(recipe, tmp_path, stages=("coarse",), device=CPU, console=Console(file=said, width=300))
    assert said.getvalue().count("the gradient is exactly 0 at step 2, nothing is learnt") == 1


def test_the_last_stage_reports_every_loss_and_the_memory(finished_run: Path) -> None:
    line = json.loads((finished_run / "mdrnets" / "log.jsonl").read_text().splitlines()[-1])
    terms = {"valid", "hole", "adversarial", "tv", "semantic", "intra", "inter"}
    assert terms | {"total", "gradient", "discriminator_total", "discriminator_gradient", "read_sharpness"} <= set(line)
    assert line["total"] == pytest.approx(sum(line[name] for name in terms), rel=1e-5)


def test_the_delivered_weights_are_the_averaged_network(finished_run: Path, tiny_recipe: Recipe) -> None:
    configuration, state = weights.load(finished_run / "weights")
    assert configuration == tiny_recipe.networks
    result, _ = read_tensors(finished_run / "mdrnets" / RESULT)
    assert state.keys() == result.keys()
    averaged, _ = read_tensors(checkpoints(finished_run / "mdrnets")[-1])
    for name, tensor in result.items():
        box, _, rest = name.partition(".")
        if box in ("coarse", "parser"):
            earlier, _ = read_tensors(finished_run / {"coarse": "coarse", "parser": "face_parser"}[box] / RESULT)
            assert torch.equal(tensor, earlier[rest]), name
        else:
            part = "memory" if box == "memory" else f"refined.{box}"
            assert torch.equal(tensor, averaged[f"average/generator/{part}.{rest}"]), name
        assert torch.allclose(state[name].float(), tensor.float(), rtol=1e-3, atol=1e-6), name


def test_the_stages_of_another_run_are_used(
    finished_run: Path, tiny_recipe: Recipe, tmp_path: Path, console: Console
) -> None:
    row = with_settings(ablated(tiny_recipe, "w/o MREM"), ("mdrnets.steps=1",))
    train(row, tmp_path / "row", earlier=finished_run, device=CPU, console=console)
    assert sorted(path.name for path in (tmp_path / "row").iterdir()) == [
        ".lock", "mdrnets", "pictures.sha256", "recipe.json", "report.html", "weights",
    ]  # fmt: skip
    result, _ = read_tensors(tmp_path / "row" / "mdrnets" / RESULT)
    coarse, _ = read_tensors(finished_run / "coarse" / RESULT)
    assert all(torch.equal(result[f"coarse.{name}"], tensor) for name, tensor in coarse.items())


def test_which_stages_are_trained(finished_run: Path, tiny_recipe: Recipe, tmp_path: Path) -> None:
    def names(*stages: str, earlier: Path | None = None) -> list[str]:
        return [stage.name for stage in stages_to_train(tiny_recipe, stages, earlier)]

    assert names() == ["coarse", "face_parser", "reconstruction", "mdrnets"]
    assert names("mdrnets", "coarse") == ["mdrnets", "coarse"]
    assert names(earlier=finished_run) == ["mdrnets"]
    assert names(earlier=tmp_path) == names()
    with pytest.raises(SettingError, match="did you mean 'coarse'"):
        names("corse")
    with pytest.raises(CheckpointError, match="expected the folder of an earlier run"):
        names(earlier=tmp_path / "none")


def test_a_stage_without_those_before_it_says_which(tiny_recipe: Recipe, tmp_path: Path, console: Console) -> None:
    with pytest.raises(CheckpointError, match="stage 'mdrnets' needs the finished stage 'coarse'"):
        train(tiny_recipe, tmp_path, stages=("mdrnets",), device=CPU, console=console)


def test_a_parser_needs_labels(tiny_recipe: Recipe, tmp_path: Path, console: Console) -> None:
    recipe = with_settings(tiny_recipe, ("face_parser.data.faces=[]",))
    with pytest.raises(DataError, match="learns from label maps"):
        train(recipe, tmp_path, device=CPU, console=console)
    assert not any(tmp_path.iterdir())  # refused before the stage that comes first


# ---------------------------------------------------------------------------------------------- tensorboard, devices


def test_without_tensorboard_the_json_lines_hold_everything(
    tiny_recipe: Recipe, tmp_path: Path, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    short = with_settings(tiny_recipe, ("coarse.steps=1", "reconstruction.steps=1"))
    train(short, tmp_path, stages=("coarse", "reconstruction"), device=CPU, console=console)
    said = console.file.getvalue()
    assert said.count("tensorboard is not installed") == 1
    assert (tmp_path / "coarse" / "log.jsonl").exists() and not (tmp_path / "coarse" / "tensorboard").exists()


def test_devices_by_name() -> None:
    assert chosen_device("cpu") == CPU
    assert chosen_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")
    with pytest.raises(SettingError, match="unknown device 'cup'; did you mean 'cpu'"):
        chosen_device("cup")
    with pytest.raises(SettingError, match="no such GPU here"):
        chosen_device("cuda:99")


# ---------------------------------------------------------------------------------------------- weights to begin with


def test_weights_stand_in_for_the_stages_they_hold(
    finished_run: Path, tiny_recipe: Recipe, tmp_path: Path, console: Console
) -> None:
    released = finished_run / "weights"
    names = [stage.name for stage in stages_to_train(tiny_recipe, (), released)]
    assert names == ["reconstruction", "mdrnets"]
    short = with_settings(tiny_recipe, ("reconstruction.steps=1", "mdrnets.steps=1"))
    train(short, tmp_path / "run", earlier=released, device=CPU, console=console)
    _, given = weights.load(released)
    _, made = weights.load(tmp_path / "run" / "weights")
    frozen = [name for name in made if name.startswith(("coarse.", "parser."))]
    assert frozen and all(torch.equal(made[name], given[name]) for name in frozen)


def test_a_stage_begins_with_the_weights_it_is_told(
    finished_run: Path, tiny_recipe: Recipe, tmp_path: Path, console: Console
) -> None:
    """With a learning rate next to nothing the result is what was begun with."""
    released = finished_run / "weights"
    still = ("coarse.steps=1", "coarse.optimiser.lr=1e-12", f"coarse.start={json.dumps(str(released))}")
    train(with_settings(tiny_recipe, still), tmp_path, stages=("coarse",), device=CPU, console=console)
    _, given = weights.load(released)
    made, _ = read_tensors(tmp_path / "coarse" / RESULT)
    for name, tensor in made.items():
        torch.testing.assert_close(tensor, given[f"coarse.{name}"], rtol=0, atol=1e-6)


def test_a_stage_begins_with_what_another_run_made_of_it(
    finished_run: Path, tiny_recipe: Recipe, tmp_path: Path, console: Console
) -> None:
    """A run without weights yet: its coarse stage alone is finished."""
    copytree(finished_run / "coarse", tmp_path / "a" / "coarse")
    still = ("coarse.steps=1", "coarse.optimiser.lr=1e-12", f"coarse.start={json.dumps(str(tmp_path / 'a'))}")
    train(with_settings(tiny_recipe, still), tmp_path / "b", stages=("coarse",), device=CPU, console=console)
    given, made = (read_tensors(tmp_path / run / "coarse" / RESULT)[0] for run in "ab")
    for name, tensor in made.items():
        torch.testing.assert_close(tensor, given[name], rtol=0, atol=1e-6)


def test_the_last_stage_begins_with_weights_around_another_coarse_network(
    finished_run: Path, tiny_recipe: Recipe, tmp_path: Path, console: Console
) -> None:
    """Of the weights to begin with neither coarse network nor parser counts: both come finished."""
    other = with_settings(tiny_recipe, ("networks.coarse.widths=[9,10]", "coarse.steps=1"))
    train(other, tmp_path / "run", stages=("coarse",), device=CPU, console=console)
    for stage in ("face_parser", "reconstruction"):
        copytree(finished_run / stage, tmp_path / "run" / stage)
    start = (f"mdrnets.start={json.dumps(str(finished_run / 'weights'))}", "mdrnets.steps=1")
    train(with_settings(other, start), tmp_path / "run", stages=("mdrnets",), device=CPU, console=console)
    _, made = weights.load(tmp_path / "run" / "weights")
    own, _ = read_tensors(tmp_path / "run" / "coarse" / RESULT)
    for name, tensor in own.items():
        torch.testing.assert_close(made[f"coarse.{name}"], tensor, rtol=1e-3, atol=1e-3)


def test_a_network_that_grew_keeps_its_new_parts(
    finished_run: Path, tiny_recipe: Recipe, tmp_path: Path, console: Console
) -> None:
    """Weights from before a network had a part give it the rest; another width is refused."""
    start = json.dumps(str(finished_run / "weights"))
    grown = (f"mdrnets.start={start}", "networks.refinement.mirror=true", "mdrnets.steps=1", "mdrnets.ema=0.0")
    recipe = with_settings(tiny_recipe, (*grown, "mdrnets.optimiser.lr=1e-12"))
    train(recipe, tmp_path / "a", earlier=finished_run, device=CPU, console=console)
    made, before = (weights.load(run / "weights")[1] for run in (tmp_path / "a", finished_run))
    assert {name.split(".")[1] for name in made.keys() - before.keys()} == {"mirrored"}
    for name in (name for name in before if name.startswith(("refinement.", "style_encoder."))):
        torch.testing.assert_close(made[name], before[name], rtol=1e-3, atol=1e-3)
    start = f"coarse.start={start}"
    with pytest.raises(CheckpointError, match=r"coarse\..* is \(.*recipe 'tiny' has"):
        other = with_settings(tiny_recipe, (start, "networks.coarse.widths=[9,10]"))
        train(other, tmp_path / "b", stages=("coarse",), device=CPU, console=console)


def test_the_last_stage_may_train_the_coarse_network_on(
    finished_run: Path, tiny_recipe: Recipe, tmp_path: Path, console: Console
) -> None:
    joint = with_settings(tiny_recipe, ("mdrnets.joint=true", "mdrnets.steps=2"))
    train(joint, tmp_path, earlier=finished_run, device=CPU, console=console)
    before, _ = read_tensors(finished_run / "coarse" / RESULT)
    after, _ = read_tensors(tmp_path / "mdrnets" / RESULT)
    averaged, _ = read_tensors(checkpoints(tmp_path / "mdrnets")[-1])
    for name in before:
        assert torch.equal(after[f"coarse.{name}"], averaged[f"average/generator/refined.coarse.{name}"]), name
    assert any(not torch.equal(after[f"coarse.{name}"], tensor) for name, tensor in before.items())
    parser, _ = read_tensors(finished_run / "face_parser" / RESULT)
    assert all(torch.equal(after[f"parser.{name}"], tensor) for name, tensor in parser.items())
