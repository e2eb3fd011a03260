"""faults.md 32: a loss or gradient that is not finite ends the run before it reaches the networks.

There is no loss scaler to skip steps: training computes in bfloat16 or float32, which have the same range.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console
from torch import nn

from showface.data.batches import Batch, FaceSamples, batches
from showface.errors import NonFiniteError
from showface.training.configuration import Recipe
from showface.training.run import train
from showface.training.settings import with_settings
from showface.training.state import RESULT, TrainState, checkpoints, read_tensors, save_checkpoint

pytestmark = pytest.mark.slow  # whole trainings, of tiny networks

CPU = torch.device("cpu")


def spoilt(samples: FaceSamples, *, first: int, **settings: Any) -> Iterator[Batch]:
    """The batches of training, with a NaN in a visible pixel of the fourth; the contact sheet's stay whole."""
    for number, found in enumerate(batches(samples, first=first, **settings), start=first):
        if number == 3:
            found = replace(found, images=found.images.where(found.masks > 0.5, torch.nan))
        yield found


def test_32_a_loss_that_is_not_finite_stops_before_the_update(
    finished_run: Path, tiny_recipe: Recipe, tmp_path: Path, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("showface.training.loop.batches", spoilt)
    with pytest.raises(NonFiniteError, match=r"coarse: not finite: valid, .*total, gradient at step 3; stopped before"):
        train(tiny_recipe, tmp_path, stages=("coarse",), device=CPU, console=console)
    left, good = checkpoints(tmp_path / "coarse"), checkpoints(finished_run / "coarse")
    assert [path.name for path in left] == ["checkpoint-00000002.safetensors"]
    assert left[0].read_bytes() == good[0].read_bytes()
    named = (tmp_path / "coarse" / "non-finite-00000003.txt").read_text().splitlines()
    assert len(named) == 3 and all(Path(name).is_file() for name in named)
    monkeypatch.undo()
    train(tiny_recipe, tmp_path, stages=("coarse",), device=CPU, console=console)
    expected, found = (read_tensors(run / "coarse" / RESULT)[0] for run in (finished_run, tmp_path))
    assert all(torch.equal(expected[name], found[name]) for name in expected)


def test_32_an_update_that_overflows_is_stopped_by_the_next_loss(
    tiny_recipe: Recipe, tmp_path: Path, console: Console
) -> None:
    rate = ("coarse.optimiser.lr=1e33", "coarse.optimiser.warmup=0", "coarse.checkpoint_every=1")
    with pytest.raises(NonFiniteError, match=r"coarse: not finite: .*total.* at step 1; stopped before the update"):
        train(with_settings(tiny_recipe, rate), tmp_path, stages=("coarse",), device=CPU, console=console)
    assert [path.name for path in checkpoints(tmp_path / "coarse")] == ["checkpoint-00000001.safetensors"]
    assert not (tmp_path / "coarse" / RESULT).exists()


def test_32_a_state_that_is_not_finite_is_not_saved(tmp_path: Path) -> None:
    """Or the next checkpoint would push the last good one out."""
    network = nn.Linear(2, 2)
    state = TrainState.start({"a": network}, {}, averaged={"a"})
    facts = {"configuration": {}}
    for step in (1, 2):
        state.step = step
        save_checkpoint(tmp_path, state, facts)
    before = {path: path.read_bytes() for path in checkpoints(tmp_path)}
    state.step = 3
    with torch.no_grad():
        state.averages["a"].bias[1] = torch.inf
    with pytest.raises(NonFiniteError, match=r"average/a/bias holds NaN or infinity after step 3; not saved"):
        save_checkpoint(tmp_path, state, facts)
    assert {path: path.read_bytes() for path in checkpoints(tmp_path)} == before and len(before) == 2
