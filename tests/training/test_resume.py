"""A run that was interrupted ends with the very tensors of one that was not."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from rich.console import Console

from showface.errors import CheckpointError, StoppedError
from showface.training.configuration import Recipe
from showface.training.interruption import STOPPING, StopSignals
from showface.training.run import train
from showface.training.state import RESULT, checkpoints, read_tensors, write_tensors
from showface.training.tracking import Tracker

STAGES = ("coarse", "face_parser", "reconstruction", "mdrnets")
CPU = torch.device("cpu")


def interrupted(run: Path, stage: str, target: Path) -> Path:
    """A copy of a finished run as if `stage` had been killed after step 2 of 4; returns the stage's folder."""
    shutil.copytree(run, target)
    (target / stage / RESULT).unlink()
    (target / stage / "checkpoint-00000004.safetensors").unlink()
    assert [path.name for path in checkpoints(target / stage)] == ["checkpoint-00000002.safetensors"]
    return target / stage


def assert_same(one: Path, other: Path) -> None:
    (expected, facts), (found, other_facts) = read_tensors(one), read_tensors(other)
    assert facts == other_facts and expected.keys() == found.keys()
    for name, tensor in expected.items():
        assert tensor.dtype == found[name].dtype and torch.equal(tensor, found[name]), name


@pytest.mark.parametrize("stage", STAGES)
def test_four_steps_equal_two_and_two(
    stage: str, finished_run: Path, tiny_recipe: Recipe, tmp_path: Path, console: Console
) -> None:
    folder = interrupted(finished_run, stage, tmp_path / "run")
    train(tiny_recipe, tmp_path / "run", stages=(stage,), device=CPU, console=console)
    assert_same(finished_run / stage / "checkpoint-00000004.safetensors", folder / "checkpoint-00000004.safetensors")
    assert_same(finished_run / stage / RESULT, folder / RESULT)
    assert "continues at step 2" in console.file.getvalue()


def test_a_checkpoint_holds_all_that_changes(finished_run: Path) -> None:
    two, four = (read_tensors(path)[0] for path in checkpoints(finished_run / "mdrnets"))
    for part in ("network/generator/refined.", "network/discriminator/", "average/generator/", "optimiser/generator/",
                 "optimiser/discriminator/"):  # fmt: skip
        names = [name for name in four if name.startswith(part)]
        assert any(not torch.equal(two[name], four[name]) for name in names), part
    assert four["network/generator/memory.seen"].sum() > two["network/generator/memory.seen"].sum() > 0
    assert not any("coarse" in name or "parser" in name for name in four)  # frozen: not part of the state


def test_the_moments_keep_the_layout_of_their_parameters(finished_run: Path, tiny_recipe: Recipe) -> None:
    from showface.training.stages import build_stage
    from showface.training.state import TrainState
    from showface.training.update import make_optimiser

    phase = build_stage(tiny_recipe, tiny_recipe.stage("coarse"), (finished_run,), CPU).phases()[0]
    optimiser = make_optimiser(phase.network, phase.optimiser)
    tensors, facts = read_tensors(checkpoints(finished_run / "coarse")[-1])
    tensors = {name: tensor for name, tensor in tensors.items() if not name.startswith("average/")}
    TrainState({"coarse": phase.network}, {"coarse": optimiser}, {}).restore(tensors, facts["step"])
    kernels = [p for p in phase.network.parameters() if p.ndim == 4 and min(p.shape[1:]) > 1]
    assert kernels
    for kernel in kernels:
        assert kernel.is_contiguous(memory_format=torch.channels_last)
        assert optimiser.state[kernel]["exp_avg"].stride() == kernel.stride()


@pytest.mark.parametrize("number", STOPPING)
def test_a_signal_finishes_the_step_saves_and_stops(
    number: signal.Signals, finished_run: Path, tiny_recipe: Recipe, tmp_path: Path, console: Console,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    before, advance = signal.getsignal(number), Tracker.advance
    first = iter([True])

    def advance_and_kill(tracker: Tracker) -> None:
        advance(tracker)
        if next(first, False):
            os.kill(os.getpid(), number)

    monkeypatch.setattr(Tracker, "advance", advance_and_kill)
    with pytest.raises(StoppedError, match=rf"{number.name}.*step 1 of 4.*the same command goes on") as stopped:
        train(tiny_recipe, tmp_path, stages=("coarse",), device=CPU, console=console)
    assert stopped.value.exit_code == {signal.SIGINT: 130, signal.SIGTERM: 143}[number]
    assert [path.name for path in checkpoints(tmp_path / "coarse")] == ["checkpoint-00000001.safetensors"]
    assert signal.getsignal(number) is before
    train(tiny_recipe, tmp_path, stages=("coarse",), device=CPU, console=console)
    assert_same(finished_run / "coarse" / RESULT, tmp_path / "coarse" / RESULT)


@pytest.mark.parametrize("number", STOPPING)
def test_a_second_signal_stops_at_once(number: signal.Signals) -> None:
    code = (
        "import os\nfrom showface.training.interruption import StopSignals\nwith StopSignals() as stop:\n"
        f"    os.kill(os.getpid(), {int(number)})\n    assert stop.received == {int(number)}\n    print('first')\n"
        f"    os.kill(os.getpid(), {int(number)})\n    print('second')"
    )
    done = subprocess.run([sys.executable, "-u", "-c", code], capture_output=True, text=True)
    assert (done.stdout, done.returncode) == ("first\n", -int(number)), done.stderr


def test_without_a_signal_nothing_happens() -> None:
    with StopSignals() as stop:
        stop.obey("never")


def test_a_finished_stage_is_left_alone(finished_run: Path, tiny_recipe: Recipe, console: Console) -> None:
    before = {path: path.stat().st_mtime_ns for path in finished_run.rglob("*") if path.is_file()}
    train(tiny_recipe, finished_run, device=CPU, console=console)
    assert {path: path.stat().st_mtime_ns for path in finished_run.rglob("*") if path.is_file()} == before
    said = console.file.getvalue()
    assert [f"{stage}: finished before" in said for stage in STAGES] == [True] * 4


def test_a_damaged_checkpoint_falls_back_to_the_one_before(
    finished_run: Path, tiny_recipe: Recipe, tmp_path: Path, console: Console
) -> None:
    shutil.copytree(finished_run, tmp_path / "run")
    folder = tmp_path / "run" / "coarse"
    (folder / RESULT).unlink()
    newest = folder / "checkpoint-00000004.safetensors"
    newest.write_bytes(newest.read_bytes()[:1000])
    train(tiny_recipe, tmp_path / "run", stages=("coarse",), device=CPU, console=console)
    said = console.file.getvalue()
    assert "checkpoint-00000004.safetensors: not a readable checkpoint" in said and "trying the one before" in said
    assert_same(finished_run / "coarse" / RESULT, folder / RESULT)


def test_without_a_readable_checkpoint_nothing_is_overwritten(
    finished_run: Path, tiny_recipe: Recipe, tmp_path: Path, console: Console
) -> None:
    folder = interrupted(finished_run, "coarse", tmp_path / "run")
    (folder / "checkpoint-00000002.safetensors").write_bytes(b"no")
    with pytest.raises(CheckpointError, match="none of its checkpoints is readable"):
        train(tiny_recipe, tmp_path / "run", stages=("coarse",), device=CPU, console=console)
    assert (folder / "checkpoint-00000002.safetensors").read_bytes() == b"no"


def test_another_configuration_is_refused_by_the_name_of_the_setting(
    finished_run: Path, tiny_recipe: Recipe, tmp_path: Path, console: Console
) -> None:
    interrupted(finished_run, "coarse", tmp_path / "run")
    recipe_before = (tmp_path / "run" / "recipe.json").read_bytes()
    other = replace(tiny_recipe, stages=tuple(replace(stage, seed=1) for stage in tiny_recipe.stages))
    with pytest.raises(CheckpointError, match=r"stage\.seed: 0 there, 1 here.*use another --out"):
        train(other, tmp_path / "run", stages=("coarse",), device=CPU, console=console)
    assert (tmp_path / "run" / "recipe.json").read_bytes() == recipe_before


def test_how_often_a_run_reports_may_change(
    finished_run: Path, tiny_recipe: Recipe, tmp_path: Path, console: Console
) -> None:
    folder = interrupted(finished_run, "coarse", tmp_path / "run")
    other = replace(
        tiny_recipe, stages=tuple(replace(s, log_every=1, show_every=1, checkpoint_every=9) for s in tiny_recipe.stages)
    )
    train(other, tmp_path / "run", stages=("coarse",), device=CPU, console=console)
    assert_same(finished_run / "coarse" / RESULT, folder / RESULT)


def test_a_setting_younger_than_the_checkpoint_counts_as_its_default(
    finished_run: Path, tiny_recipe: Recipe, tmp_path: Path, console: Console
) -> None:
    folder = interrupted(finished_run, "coarse", tmp_path / "run")
    path = folder / "checkpoint-00000002.safetensors"
    tensors, facts = read_tensors(path)
    del facts["configuration"]["stage"]["auxiliary"], facts["configuration"]["stage"]["data"]["flip"]
    del facts["configuration"]["networks"]["coarse"]["ones"]
    write_tensors(path, tensors, facts)
    train(tiny_recipe, tmp_path / "run", stages=("coarse",), device=CPU, console=console)
    assert_same(finished_run / "coarse" / RESULT, folder / RESULT)
    path.unlink()
    (folder / RESULT).unlink()
    (folder / "checkpoint-00000004.safetensors").unlink()
    del facts["configuration"]["stage"]["ema"]  # its default is 0, not the 0.5 of this recipe
    write_tensors(path, tensors, facts)
    with pytest.raises(CheckpointError, match=r"stage\.ema: 0\.0 there, 0\.5 here"):
        train(tiny_recipe, tmp_path / "run", stages=("coarse",), device=CPU, console=console)


def test_a_full_disk_leaves_the_old_checkpoint(
    finished_run: Path, tiny_recipe: Recipe, tmp_path: Path, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = interrupted(finished_run, "coarse", tmp_path / "run")
    before = (folder / "checkpoint-00000002.safetensors").read_bytes()

    def full(path: Path, content: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("showface.weights.write_whole", full)
    with pytest.raises(CheckpointError, match=r"checkpoint-00000004\.safetensors: cannot be written: No space left"):
        train(tiny_recipe, tmp_path / "run", stages=("coarse",), device=CPU, console=console)
    assert (folder / "checkpoint-00000002.safetensors").read_bytes() == before
    assert not list(folder.glob("*.part"))
