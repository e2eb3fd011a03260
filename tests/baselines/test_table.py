"""The table of baselines and what is loaded from a run folder, or refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from showface import weights
from showface.baselines.deepfillv2 import DeepFillV2Config
from showface.baselines.table import BASELINES, baseline_in, load_method
from showface.configurations import to_plain
from showface.errors import WeightsError
from showface.networks.coarse import CoarseConfig
from showface.networks.mdrnets import MDRNets

TINY: dict[str, Any] = {
    "deepfillv2": DeepFillV2Config(width=8),
    "pconv": CoarseConfig(widths=(8, 8), kernels=(3, 3), strides=(2, 2), encoder_blocks=(0, 0), decoder_blocks=(0,)),
}


def finished_run(
    run: Path, name: str, change: Callable[[dict[str, Tensor]], object] = lambda state: None, **facts: object
) -> nn.Module:
    """A folder as a finished training leaves it, and the network it holds."""
    torch.manual_seed(0)
    row = BASELINES[name]
    network = row.network(TINY[name]).eval()
    state = {key: tensor.contiguous() for key, tensor in network.state_dict().items()}
    change(state)
    found = {"configuration": {"recipe": name, "networks": {row.stage: to_plain(TINY[name])}}} | facts
    (run / row.stage).mkdir(parents=True)
    weights.write_tensors(run / row.stage / weights.RESULT, state, found)
    return network


def face_and_mask() -> tuple[Tensor, Tensor]:
    mask = torch.zeros(1, 1, 32, 32)
    mask[..., 8:20, 8:20] = 1
    return torch.rand(1, 3, 32, 32) * 2 - 1, mask


@pytest.mark.parametrize("name", BASELINES)
def test_what_was_trained_is_what_is_loaded(name: str, tmp_path: Path) -> None:
    network = finished_run(tmp_path, name)
    assert baseline_in(tmp_path) == name
    seed = torch.random.get_rng_state()
    method = load_method(tmp_path)
    assert torch.equal(seed, torch.random.get_rng_state())
    assert type(method) is type(network)
    assert not method.training and not any(p.requires_grad for p in method.parameters())
    with torch.no_grad():
        face, mask = face_and_mask()
        assert torch.equal(method(face, mask), network(face, mask))


def test_a_run_of_ours_is_no_baseline(tmp_path: Path, tiny_network: MDRNets) -> None:
    finished_run(tmp_path, "pconv")
    weights.save(tmp_path / "weights", tiny_network)
    assert baseline_in(tmp_path) is None


def damaged(state: dict[str, Tensor]) -> None:
    state[next(iter(state))].view(-1)[0] = torch.nan


def shortened(state: dict[str, Tensor]) -> None:
    del state[next(iter(state))]


def lengthened(state: dict[str, Tensor]) -> None:
    state["more"] = torch.zeros(1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (damaged, "holds NaN or infinity"),
        (shortened, "is missing, expected"),
        (lengthened, r"is \(1,\), expected none"),
    ],
)
def test_tensors_that_do_not_fit_are_refused(
    change: Callable[[dict[str, Tensor]], object], message: str, tmp_path: Path
) -> None:
    finished_run(tmp_path, "deepfillv2", change)
    with pytest.raises(WeightsError, match=message):
        load_method(tmp_path)


@pytest.mark.parametrize(
    "configuration",
    [None, {}, {"networks": {}}, {"networks": {"deepfillv2": {"width": 9}}}, {"networks": {"deepfillv2": {"wide": 8}}}],
)
def test_configurations_of_another_kind_are_refused(configuration: object, tmp_path: Path) -> None:
    finished_run(tmp_path, "deepfillv2", configuration=configuration)
    with pytest.raises(WeightsError, match="holds no configuration of deepfillv2"):
        load_method(tmp_path)


def test_a_folder_without_a_finished_baseline_is_refused(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "nowhere"):
        assert baseline_in(folder) is None
        with pytest.raises(WeightsError, match=r"expected a finished run with one of deepfillv2/network\.safetensors"):
            load_method(folder)


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    finished_run(tmp_path, "pconv")
    file = tmp_path / "coarse" / weights.RESULT
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(WeightsError, match="damaged"):
        load_method(tmp_path)
