"""faults.md 29, 30, 31 and 37: a run that was interrupted ends with the very tensors of one that was not."""

from __future__ import annotations

import io
import itertools
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from rich.console import Console

from showface.cli.main import main
from showface.data.faces import FaceSource
from showface.errors import CheckpointError, StoppedError
from showface.lean.precision import computes_bf16
from showface.training.configuration import Recipe
from showface.training.interruption import STOPPING, StopSignals
from showface.training.lock import LOCK, locked
from showface.training.run import train
from showface.training.settings import with_settings
from showface.training.state import RESULT, checkpoints, read_tensors, write_tensors
from showface.training.watching.tracking import Tracker

pytestmark = pytest.mark.slow  # runs that are killed and resumed

STAGES = ("coarse", "face_parser", "reconstruction", "mdrnets")
CPU = torch.device("cpu")
ROOT = Path(__file__).parents[2]
# forking is safe here: the workers use no threads of the parent; and one core is enough for two workers of a test
WORKERS_ARE_FINE = pytest.mark.filterwarnings(
    "ignore:.*multi-threaded, use of fork:DeprecationWarning", "ignore:This DataLoader will create:UserWarning"
)


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


def modified(run: Path) -> dict[Path, int]:
    """When each file of a run was last written; the lock tells who came last."""
    return {path: path.stat().st_mtime_ns for path in run.rglob("*") if path.is_file() and path.name != LOCK}


@pytest.mark.parametrize("stage", STAGES)
def test_30_four_steps_equal_two_and_two(
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


def stopping_at(step: int, number: signal.Signals) -> Callable[[Tracker], None]:
    """`Tracker.advance`, with a signal to this process in the midst of step number `step` of the call."""
    advance, steps = Tracker.advance, itertools.count(1)

    def advance_and_kill(tracker: Tracker) -> None:
        advance(tracker)
        if next(steps) == step:
            os.kill(os.getpid(), number)

    return advance_and_kill


@WORKERS_ARE_FINE
@pytest.mark.parametrize("workers", [0, 2])
def test_30_eleven_and_nine_steps_equal_twenty(
    workers: int, twenty_steps: Path, finished_run: Path, tiny_recipe: Recipe, tmp_path: Path, console: Console,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """Networks, optimisers, averages and memory of the last stage; stopped in the middle of an epoch."""
    recipe = with_settings(tiny_recipe, (*TWENTY, f"mdrnets.workers={workers}"))
    assert 11 * recipe.stage("mdrnets").batch % 7 != 0
    with monkeypatch.context() as patch:
        patch.setattr(Tracker, "advance", stopping_at(11, signal.SIGTERM))
        with pytest.raises(StoppedError, match="step 11 of 20"):
            train(recipe, tmp_path, earlier=finished_run, device=CPU, console=console)
    train(recipe, tmp_path, earlier=finished_run, device=CPU, console=console)
    assert "continues at step 11" in console.file.getvalue()
    assert_same(checkpoints(twenty_steps / "mdrnets")[-1], checkpoints(tmp_path / "mdrnets")[-1])
    assert_same(twenty_steps / "mdrnets" / RESULT, tmp_path / "mdrnets" / RESULT)


TWENTY = ("mdrnets.steps=20", "mdrnets.checkpoint_every=20", "mdrnets.show_every=20")


@pytest.fixture(scope="module")
def twenty_steps(finished_run: Path, tiny_recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The last stage trained for twenty steps without a break, without worker processes."""
    out = tmp_path_factory.mktemp("twenty")
    recipe = with_settings(tiny_recipe, TWENTY)
    train(recipe, out, earlier=finished_run, device=CPU, console=Console(file=io.StringIO()))
    return out


def test_30_another_number_of_threads_or_device_is_said(
    finished_run: Path, tiny_recipe: Recipe, tmp_path: Path, console: Console
) -> None:
    folder = interrupted(finished_run, "coarse", tmp_path / "run")
    path = folder / "checkpoint-00000002.safetensors"
    tensors, facts = read_tensors(path)
    threads = torch.get_num_threads()
    native = computes_bf16(CPU)
    here = {"device": "cpu", "threads": threads, "torch": str(torch.__version__), "bfloat16": native}
    assert facts["machine"] == here
    for name, value, line in (
        ("threads", 64, f"threads: 64 there, {threads} here"),
        ("device", "NVIDIA H100", "device: NVIDIA H100 there, cpu here"),
        ("bfloat16", not native, f"bfloat16: {not native} there, {native} here"),
    ):
        write_tensors(path, tensors, facts | {"machine": facts["machine"] | {name: value}})
        train(tiny_recipe, tmp_path / "run", stages=("coarse",), device=CPU, console=console)
        (said,) = (said for said in console.file.getvalue().splitlines() if line in said)
        assert "made on another machine" in said and "the run goes on" in said
        (folder / RESULT).unlink()
        checkpoints(folder)[-1].unlink()
    write_tensors(path, tensors, facts)
    already = console.file.getvalue().count("another machine")
    train(tiny_recipe, tmp_path / "run", stages=("coarse",), device=CPU, console=console)
    assert console.file.getvalue().count("another machine") == already


# ---------------------------------------------------------------------------------------------- signals


@pytest.mark.parametrize("number", STOPPING)
def test_29_a_signal_finishes_the_step_saves_and_stops(
    number: signal.Signals, finished_run: Path, tiny_recipe: Recipe, tmp_path: Path, console: Console,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    before = signal.getsignal(number)
    monkeypatch.setattr(Tracker, "advance", stopping_at(1, number))
    with pytest.raises(StoppedError, match=rf"{number.name}.*step 1 of 4.*the same command goes on") as stopped:
        train(tiny_recipe, tmp_path, stages=("coarse",), device=CPU, console=console)
    assert stopped.value.exit_code == {signal.SIGINT: 130, signal.SIGTERM: 143}[number]
    assert [path.name for path in checkpoints(tmp_path / "coarse")] == ["checkpoint-00000001.safetensors"]
    assert signal.getsignal(number) is before
    train(tiny_recipe, tmp_path, stages=("coarse",), device=CPU, console=console)
    assert_same(finished_run / "coarse" / RESULT, tmp_path / "coarse" / RESULT)


@pytest.mark.parametrize("number", STOPPING)
def test_29_and_37_a_running_training_keeps_others_out_and_stops_with_all_its_processes(
    number: signal.Signals, faces: FaceSource, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The program itself, with two loading processes: a second run is refused, a signal to all of them is obeyed."""
    words = ["train", "smoke", "--data", faces.folder, "--out", str(tmp_path), "--stage", "coarse", "--device", "cpu"]
    endless = ["--set", "coarse.steps=1000000", "--set", "coarse.workers=2", "--set", "coarse.log_every=1"]
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", "showface.cli", *words, *endless], start_new_session=True, text=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1"},
    ) as running:  # fmt: skip
        try:
            wait_for(lambda: lines_of(tmp_path / "coarse" / "log.jsonl") >= 3, running)
            assert main(words) == 1
            said = capsys.readouterr().err
            assert f"process {running.pid} on " in said and "is training here" in said and said.count("\n") == 1
            os.killpg(running.pid, number)
            _, error = running.communicate(timeout=120)
        finally:
            if running.poll() is None:
                os.killpg(running.pid, signal.SIGKILL)
    assert running.returncode == {signal.SIGINT: 130, signal.SIGTERM: 143}[number], error
    assert f"showface: error: stopped by {number.name}, coarse: checkpoint saved at step " in error
    assert "Traceback" not in error
    _, facts = read_tensors(checkpoints(tmp_path / "coarse")[-1])
    assert f"at step {facts['step']:,} of 1,000,000" in error and facts["step"] >= 3
    with locked(tmp_path):  # free again
        pass


def lines_of(log: Path) -> int:
    return log.read_bytes().count(b"\n") if log.is_file() else 0


def wait_for(there: Callable[[], bool], running: subprocess.Popen[str]) -> None:
    """Until `there`, but no longer than the process lives, nor than two minutes."""
    for _ in range(1200):
        if there():
            return
        assert running.poll() is None, running.stderr.read() if running.stderr else ""
        time.sleep(0.1)
    raise AssertionError("the training did not start in two minutes")


@pytest.mark.parametrize("number", STOPPING)
def test_29_a_second_signal_stops_at_once(number: signal.Signals) -> None:
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
    before = modified(finished_run)
    train(tiny_recipe, finished_run, device=CPU, console=console)
    assert modified(finished_run) == before
    said = console.file.getvalue()
    assert [f"{stage}: finished before" in said for stage in STAGES] == [True] * 4


def test_31_a_damaged_checkpoint_falls_back_to_the_one_before(
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


def test_31_one_altered_byte_is_damage_too(
    finished_run: Path, tiny_recipe: Recipe, tmp_path: Path, console: Console
) -> None:
    shutil.copytree(finished_run, tmp_path / "run")
    folder = tmp_path / "run" / "coarse"
    (folder / RESULT).unlink()
    newest = folder / "checkpoint-00000004.safetensors"
    content = bytearray(newest.read_bytes())
    content[-1000] ^= 1
    newest.write_bytes(content)
    train(tiny_recipe, tmp_path / "run", stages=("coarse",), device=CPU, console=console)
    said = console.file.getvalue()
    assert "checkpoint-00000004.safetensors: not a readable checkpoint: its tensors do not have the sha256" in said
    assert "trying the one before" in said and "continues at step 2" in said
    assert_same(finished_run / "coarse" / RESULT, folder / RESULT)


def test_31_without_a_readable_checkpoint_nothing_is_overwritten(
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


# ---------------------------------------------------------------------------------------------- one run at a time


def test_37_the_lock_of_a_killed_run_is_free(tmp_path: Path) -> None:
    """And a process that holds it is refused nothing but a second run."""
    code = (
        "import os, signal, sys\nfrom pathlib import Path\nfrom showface.training.lock import locked\n"
        "with locked(Path(sys.argv[1])):\n    print('held', flush=True)\n    signal.pause()\n"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True, env=environment
    ) as holder:
        assert holder.stdout is not None and holder.stdout.readline() == "held\n"
        refused = pytest.raises(CheckpointError, match=rf"process {holder.pid} on .* is training here; .*another --out")
        with refused, locked(tmp_path):
            raise AssertionError("two at a time")
        assert f"process {holder.pid} " in (tmp_path / LOCK).read_text()
        holder.kill()
    with locked(tmp_path):
        assert f"process {os.getpid()} " in (tmp_path / LOCK).read_text()
