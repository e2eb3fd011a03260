"""Where bfloat16 pays, and the context that computes in it there."""

from __future__ import annotations

import torch


def computes_bf16(device: torch.device | str) -> bool:
    """Whether `device` computes in bfloat16 itself; where torch must emulate it, float32 is many times faster."""
    if torch.device(device).type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    # builds without oneDNN, as on a Mac, have no such question
    return torch.backends.mkldnn.is_available() and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def bf16_autocast(device: torch.device | str, wanted: bool = True) -> torch.autocast:
    """Autocast to bfloat16 if `wanted` and `device` computes in it; else everything stays float32."""
    return torch.autocast(torch.device(device).type, torch.bfloat16, enabled=wanted and computes_bf16(device))
