"""Where bfloat16 pays, and the context that computes in it there."""

from __future__ import annotations

import platform

import torch

X86 = ("x86_64", "amd64")  # there oneDNN's own answer is yes wherever it can emulate bfloat16, with any AVX-512


def computes_bf16(device: torch.device | str) -> bool:
    """Whether `device` computes in bfloat16 itself; where torch must emulate it, float32 is two to ten times faster."""
    if torch.device(device).type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if not torch.backends.mkldnn.is_available():  # builds without oneDNN, as on a Mac, have no such question
        return False
    if platform.machine().lower() in X86:
        return bool(torch.cpu._is_avx512_bf16_supported())
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def bf16_autocast(device: torch.device | str, wanted: bool = True) -> torch.autocast:
    """Autocast to bfloat16 if `wanted` and `device` computes in it; else everything stays float32."""
    return torch.autocast(torch.device(device).type, torch.bfloat16, enabled=wanted and computes_bf16(device))
