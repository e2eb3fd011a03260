"""A trained baseline in the table: NAME=RUN_FOLDER gives its completions, in place and under its hash."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from showface import weights
from showface.baselines.deepfillv2 import DeepFillV2Config
from showface.baselines.table import BASELINES
from showface.configurations import to_plain
from showface.evaluation.measuring.levels import as_levels, as_signal
from showface.evaluation.measuring.runner import FromPairs
from showface.evaluation.methods.named import contenders
from showface.evaluation.protocol.pairs import Protocol, ProtocolConfig, make_protocol, sha256
from showface.networks.coarse import CoarseConfig

pytestmark = pytest.mark.slow  # whole trainings, of tiny networks

TINY: dict[str, Any] = {
    "deepfillv2": DeepFillV2Config(width=8),
    "pconv": CoarseConfig(widths=(8, 8), kernels=(3, 3), strides=(2, 2), encoder_blocks=(0, 0), decoder_blocks=(0,)),
}


@pytest.fixture
def protocol(folders: tuple[Path, Path]) -> Protocol:
    return make_protocol(ProtocolConfig(faces=folders[0], masks=folders[1], size=64, limit=2))


@pytest.mark.parametrize("name", BASELINES)
def test_a_run_folder_is_a_method(name: str, protocol: Protocol, tmp_path: Path) -> None:
    row, run = BASELINES[name], tmp_path / "run"
    network = row.network(TINY[name]).eval()
    file = run / row.stage / weights.RESULT
    file.parent.mkdir(parents=True)
    facts = {"configuration": {"networks": {row.stage: to_plain(TINY[name])}}}
    weights.write_tensors(file, {key: tensor.contiguous() for key, tensor in network.state_dict().items()}, facts)
    (found,) = contenders(f"mine={run}", source=None, device="cpu", protocol=protocol)
    assert found.name == "mine" and found.identity == f"{name} {sha256(file)}"
    images = torch.randint(0, 256, (2, 3, 64, 64), dtype=torch.uint8)
    masks = torch.zeros(2, 1, 64, 64, dtype=torch.bool)
    masks[..., 20:40, 20:40] = True
    assert not isinstance(found.method, FromPairs)
    with torch.no_grad():
        expected = as_levels(network(as_signal(images), masks.float()))
    assert torch.equal(found.method(images, masks), expected)
