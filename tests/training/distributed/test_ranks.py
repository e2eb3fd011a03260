"""Several processes, and several parts of a batch, make the same update as one process does in one piece."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from rich.console import Console
from torch import Tensor, nn

from showface.configurations import to_plain
from showface.data.batches import FaceSamples, Part, batches
from showface.errors import SettingError
from showface.training.configuration import Recipe, StageConfig
from showface.training.distributed.processes import WholeBatchNorm2d, with_whole_batch_norms
from showface.training.distributed.ranks import refuse_uneven
from showface.training.run import train
from showface.training.settings import with_settings
from showface.training.stages.mdrnets import MDRNetsStage
from showface.training.state import checkpoints, is_finished, read_tensors

pytestmark = pytest.mark.slow  # trainings of several processes

CPU = torch.device("cpu")
STEPS = 5


def of_eight(recipe: Recipe, *settings: str) -> Recipe:
    """Five steps of eight pictures, batch norm in the coarse network, spectral norm in the refinement network, four
    pictures of eight judged by networks; rates at which five steps of Adam do not blow up the last digit."""
    stages = tuple(
        replace(
            stage, steps=STEPS, batch=8, auxiliary=4 if stage.name == "mdrnets" else 0,
            optimiser=replace(stage.optimiser, lr=1e-4), discriminator_optimiser=replace(stage.optimiser, lr=1e-4),
            checkpoint_every=STEPS, show_every=STEPS,
            data=replace(stage.data, faces=tuple(replace(face, repeat=2) for face in stage.data.faces)),
        )
        for stage in recipe.stages
    )  # fmt: skip
    norms = ("networks.coarse.norm=batch", "networks.refinement.spectral_norm=true", "mdrnets.weights.tv=0.0")
    return with_settings(replace(recipe, stages=stages), (*norms, *settings))


def launched(recipe: Recipe, out: Path, task: str, earlier: Path) -> subprocess.CompletedProcess[str]:
    """A run of two processes, by torchrun; what hangs is ended after five minutes."""
    out.mkdir(parents=True)
    (out / "wanted.json").write_text(json.dumps(to_plain(recipe)))
    script = Path(__file__).with_name("several.py")
    source = str(Path(__file__).parents[3] / "src")
    environment = os.environ | {"PYTHONPATH": source, "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", str(script),
         str(out / "wanted.json"), str(out / "run"), task, str(earlier)],
        env=environment, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def one(tiny_recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run of one process in one piece."""
    out = tmp_path_factory.mktemp("one") / "run"
    train(of_eight(tiny_recipe), out, device=CPU, console=Console(quiet=True))
    return out


def last_state(run: Path, stage: str) -> dict[str, Tensor]:
    tensors, facts = read_tensors(checkpoints(run / stage)[-1])
    assert facts["step"] == STEPS
    return tensors


def assert_same(found: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    """Networks, memory, averages and optimisers; the memory's counts exactly."""
    assert found.keys() == expected.keys()
    for name, tensor in expected.items():
        if tensor.is_floating_point():
            torch.testing.assert_close(
                found[name], tensor, rtol=1e-3, atol=2e-5, msg=lambda said, n=name: f"{n}: {said}"
            )
        else:
            assert torch.equal(found[name], tensor), name


def test_two_ranks_of_four_equal_one_of_eight(one: Path, tiny_recipe: Recipe, tmp_path: Path) -> None:
    """All four stages, after five steps each; the processes say so themselves if they drift apart."""
    done = launched(of_eight(tiny_recipe), tmp_path / "two", "train", Path("none"))
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("mdrnets: done") == 1 and "drifted" not in done.stdout
    assert done.stdout.count("parted") == 2  # before Python ends: a thread of gloo alive by then may abort the process
    for stage in ("coarse", "face_parser", "reconstruction", "mdrnets"):
        assert_same(last_state(tmp_path / "two" / "run", stage), last_state(one, stage))
        lines = [json.loads(line) for line in (tmp_path / "two" / "run" / stage / "log.jsonl").read_text().splitlines()]
        alone = [json.loads(line) for line in (one / stage / "log.jsonl").read_text().splitlines()]
        assert [line["step"] for line in lines] == [2, 4, 5]
        name = "total" if stage == "mdrnets" else f"{stage}_total"
        assert [line[name] for line in lines] == pytest.approx([line[name] for line in alone], rel=1e-4)


def test_a_rank_that_dies_ends_the_run(one: Path, tiny_recipe: Recipe, tmp_path: Path) -> None:
    done = launched(of_eight(tiny_recipe), tmp_path / "two", "die", one)
    assert done.returncode not in (0, None)
    assert not is_finished(tmp_path / "two" / "run", "mdrnets")
    assert is_finished(one, "mdrnets")


def test_two_ranks_stop_together_and_one_goes_on(one: Path, tiny_recipe: Recipe, tmp_path: Path) -> None:
    """A signal to one process: both keep the same step; a single process then ends where one alone does."""
    recipe, out = of_eight(tiny_recipe), tmp_path / "two"
    done = launched(recipe, out, "stop", one)
    assert done.returncode != 0 and "stopped by SIGTERM" in done.stderr, done.stderr
    assert done.stdout.count("parted") == 2
    step = int(checkpoints(out / "run" / "mdrnets")[-1].stem.rpartition("-")[2])
    assert 2 <= step < STEPS
    said = io.StringIO()
    train(recipe, out / "run", stages=("mdrnets",), earlier=one, device=CPU, console=Console(file=said, width=200))
    assert f"step {step}" in said.getvalue() and "processes" in said.getvalue()
    assert_same(last_state(out / "run", "mdrnets"), last_state(one, "mdrnets"))


@pytest.mark.parametrize("stage", ["reconstruction", "mdrnets"])
def test_parts_of_a_batch_equal_the_batch(stage: str, one: Path, tiny_recipe: Recipe, tmp_path: Path) -> None:
    """Accumulated in four parts: one update of the memory, one power iteration of each spectral norm."""
    recipe = of_eight(tiny_recipe, f"{stage}.accumulate=4")
    train(recipe, tmp_path, stages=(stage,), earlier=one, device=CPU, console=Console(quiet=True))
    assert_same(last_state(tmp_path, stage), last_state(one, stage))


def test_recomputed_activations_change_nothing(one: Path, tiny_recipe: Recipe, tmp_path: Path) -> None:
    """Checkpointing: the same gradients, so the same state after five steps; statistics and memory take one step."""
    recipe = of_eight(tiny_recipe, "mdrnets.recompute=true", "coarse.recompute=true")
    for stage in ("coarse", "mdrnets"):
        train(recipe, tmp_path / stage, stages=(stage,), earlier=one, device=CPU, console=Console(quiet=True))
        found, expected = last_state(tmp_path / stage, stage), last_state(one, stage)
        assert all(torch.equal(found[name], tensor) for name, tensor in expected.items())


def test_the_parts_of_a_batch_make_it_up(tiny_recipe: Recipe) -> None:
    samples = FaceSamples(tiny_recipe.stage("coarse").data, seed=0)
    whole = next(batches(samples, batch=6, first=3, last=4))
    shares = [next(batches(samples, batch=6, first=3, last=4, part=Part(rank, 2))) for rank in range(2)]
    parts = [part for share in shares for part in share.parts(3)]
    assert {part.part.index for part in parts} == set(range(6)) and {part.part.count for part in parts} == {6}
    for part in parts:
        (number,) = part.part.numbers(6)
        assert torch.equal(part.images[0], whole.images[number]) and torch.equal(part.masks[0], whole.masks[number])
        assert torch.equal(part.labels[0], whole.labels[number])


def test_what_cannot_be_shared_evenly_is_refused() -> None:
    config = StageConfig(name="mdrnets", steps=1, batch=8, auxiliary=2, accumulate=2)
    refuse_uneven(config, 1)
    with pytest.raises(SettingError, match=r"auxiliary = 2 pictures .* 2 processes in 2 parts each; .* multiple of 4"):
        refuse_uneven(config, 2)
    with pytest.raises(SettingError, match=r"batch = 8 .* 3 processes"):
        refuse_uneven(config, 3)


def test_batch_norms_are_replaced_with_all_they_hold() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.Sequential(nn.BatchNorm2d(4), nn.BatchNorm2d(4, affine=False)))
    network(torch.randn(2, 3, 4, 4))
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    with_whole_batch_norms(network)
    assert [type(norm) for norm in network[1]] == [WholeBatchNorm2d] * 2
    assert before.keys() == network.state_dict().keys()
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())


def test_each_frozen_network_runs_once_on_each_picture(
    one: Path, tiny_recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A step in one piece: the parser on coarse face, truth and completion, the encoder on the last two."""
    recipe, calls = of_eight(tiny_recipe), {"coarse": 0, "parser": 0, "encoder": 0}
    stage = MDRNetsStage(recipe, recipe.stage("mdrnets"), (one,), CPU)
    assert stage.encoder is not None
    encode = stage.encoder.encode

    def counted(name: str) -> None:
        calls[name] += 1

    stage.network.coarse.register_forward_hook(lambda *_: counted("coarse"))
    stage.network.parser.register_forward_hook(lambda *_: counted("parser"))
    monkeypatch.setattr(stage.encoder, "encode", lambda image: counted("encoder") or encode(image))
    stage.generator_losses(next(batches(FaceSamples(stage.config.data, seed=0), batch=8, first=0, last=1)))
    assert calls == {"coarse": 1, "parser": 3, "encoder": 2}
