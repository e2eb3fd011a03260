"""bfloat16 is used where the device has it and nowhere else."""

import pytest
import torch

from showface.lean import precision


@pytest.mark.parametrize("native", [True, False])
def test_autocast_follows_the_device_and_the_wish(monkeypatch: pytest.MonkeyPatch, native: bool) -> None:
    monkeypatch.setattr(precision, "computes_bf16", lambda device: native)
    a = torch.ones(2, 2)
    with precision.bf16_autocast("cpu"):
        assert (a @ a).dtype == (torch.bfloat16 if native else torch.float32)
    with precision.bf16_autocast(torch.device("cpu"), wanted=False):
        assert (a @ a).dtype == torch.float32


@pytest.mark.parametrize("native", [True, False])
@pytest.mark.parametrize("machine", ["x86_64", "AMD64"])
def test_avx512_without_bfloat16_computes_in_float32(
    monkeypatch: pytest.MonkeyPatch, machine: str, native: bool
) -> None:
    """There oneDNN says yes, since it can emulate bfloat16."""
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: True)
    monkeypatch.setattr(precision.platform, "machine", lambda: machine)
    monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: True)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: native)
    assert precision.computes_bf16("cpu") == native


@pytest.mark.parametrize("machine", ["x86_64", "arm64"])
def test_builds_without_onednn_compute_in_float32(monkeypatch: pytest.MonkeyPatch, machine: str) -> None:
    monkeypatch.setattr(precision.platform, "machine", lambda: machine)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True)
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    assert not precision.computes_bf16("cpu")
