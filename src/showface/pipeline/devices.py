"""Where networks compute, in what precision, and whether memory ran out there."""

from __future__ import annotations

import torch

from showface.errors import SettingError, unknown
from showface.lean.precision import computes_bf16

DEVICES = ("auto", "cpu", "cuda")
PRECISIONS = ("float32", "bfloat16", "auto")


def named_device(name: str) -> torch.device:
    """The device called "cpu", "cuda" (an error where there is none) or "auto" (cuda where there is one, else cpu)."""
    if name not in DEVICES:
        raise SettingError(unknown("device", name, DEVICES))
    if name == "cuda" and not torch.cuda.is_available():
        raise SettingError("device cuda was asked for, but torch finds none; use auto or cpu")
    return torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")


def named_precision(name: str, device: torch.device) -> str:
    """`name` of `PRECISIONS`, "auto" resolved for `device`; `SettingError` if it cannot compute in it."""
    if name not in PRECISIONS:
        raise SettingError(unknown("precision", name, PRECISIONS))
    if name == "bfloat16" and not computes_bf16(device):
        raise SettingError(f"precision bfloat16 was asked for, but this {device.type} would only emulate it; use auto")
    return "bfloat16" if name != "float32" and computes_bf16(device) else "float32"


def says_out_of_memory(error: RuntimeError) -> bool:
    """Whether torch ran out of memory; on the cpu it has no class of its own for that, only a sentence."""
    return isinstance(error, torch.OutOfMemoryError) or "DefaultCPUAllocator" in str(error)
