"""The baselines by name, and their networks as a training run left them.

A further one (PIC, CTSDG, ICT, DSI) is a file here with its network, a stage and a recipe, and a row in this table, in
`training.stages.build_stage` and in `recipes.RECIPES`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from showface.baselines.deepfillv2 import DeepFillV2, DeepFillV2Config
from showface.configurations import from_plain
from showface.errors import SettingError, WeightsError
from showface.networks.coarse import CoarseConfig, CoarseNetwork
from showface.weights import RESULT, State, holds_weights, read_tensors


@dataclass(frozen=True)
class Baseline:
    """How a method is found in a run folder and built."""

    stage: str  # the training stage that makes it, and the name of its configuration there
    config: type[Any]
    network: Callable[[Any], nn.Module]  # from the configuration; forward(image in [-1, 1], mask 1 = hole) -> raw face


BASELINES = {
    "deepfillv2": Baseline("deepfillv2", DeepFillV2Config, DeepFillV2),
    "pconv": Baseline("coarse", CoarseConfig, CoarseNetwork),
}


def baseline_in(run: Path) -> str | None:
    """The baseline that was trained to the end in the folder `run`; None for a run of ours, whose weights are there."""
    if holds_weights(run / "weights"):
        return None
    return next((name for name, row in BASELINES.items() if (run / row.stage / RESULT).is_file()), None)


def load_method(run: Path, device: str | torch.device = "cpu") -> nn.Module:
    """The baseline trained in the run folder `run`, in evaluation mode and without gradients.

    Its forward takes RGB (b, 3, h, w) in [-1, 1] and a mask (b, 1, h, w), 1 = hole, and gives the raw face: in about
    [-1, 1], its visible pixels redrawn too. What the hole's pixels hold does not matter. `WeightsError` if there is
    none, or if its file is damaged, holds NaN or does not fit.
    """
    name = baseline_in(run)
    if name is None:
        wanted = ", ".join(f"{row.stage}/{RESULT}" for row in BASELINES.values())
        raise WeightsError(
            f"{run}: expected a finished run with one of {wanted}, found none; `showface train deepfillv2` makes one"
        )
    row = BASELINES[name]
    file = run / row.stage / RESULT
    state, facts = read_tensors(file)
    with torch.random.fork_rng(devices=[]):  # the random first weights must not move the caller's seed
        network = row.network(_configuration(file, row, facts))
    _fill(network, state, file)
    return network.to(device).eval().requires_grad_(False)


def _configuration(file: Path, row: Baseline, facts: dict[str, Any]) -> Any:
    """The configuration that a run keeps beside its tensors."""
    try:
        return from_plain(row.config, facts["configuration"]["networks"][row.stage])
    except (KeyError, TypeError, SettingError) as error:
        raise WeightsError(f"{file}: holds no configuration of {row.stage}, or another version's: {error}") from error


def _fill(network: nn.Module, state: State, file: Path) -> None:
    """Load `state` strictly."""
    expected = network.state_dict()
    for key in sorted(expected.keys() | state.keys()):
        found = tuple(state[key].shape) if key in state else "missing"
        wanted = tuple(expected[key].shape) if key in expected else "none"
        if found != wanted:
            raise WeightsError(f"{file}: {key} is {found}, expected {wanted}; train again with this version")
        if not state[key].isfinite().all():
            raise WeightsError(f"{file}: {key} holds NaN or infinity; continue the run from an earlier checkpoint")
    network.load_state_dict(state)
