"""Convolutions from arrays in JAX layout: `<section>/Conv_<i>/kernel` (h, w, in, out) and `bias` (out)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from showface.errors import WeightsError


def load_convolutions(convolutions: nn.ModuleList, arrays: Mapping[str, Any], section: str) -> None:
    """Copy the first entries of `arrays[section]` into `convolutions`, one each; further entries are ignored.

    Raises `WeightsError` if one is missing or of another shape.
    """
    state: dict[str, Tensor] = {}
    for i in range(len(convolutions)):
        kernel, bias = (entry(arrays, section, f"Conv_{i}", part) for part in ("kernel", "bias"))
        state[f"{i}.weight"] = kernel.permute(3, 2, 0, 1)  # (out, in, h, w)
        state[f"{i}.bias"] = bias
    for name, parameter in convolutions.state_dict().items():
        if state[name].shape != parameter.shape:
            expected, found = tuple(parameter.shape), tuple(state[name].shape)
            raise WeightsError(f"{section}, convolution {name}: expected shape {expected}, got {found}")
    convolutions.load_state_dict(state)


def entry(arrays: Mapping[str, Any], *keys: str) -> Tensor:
    """The array at `arrays[keys[0]][keys[1]]...` as a tensor."""
    found: Any = arrays
    for key in keys:
        if not isinstance(found, Mapping) or key not in found:
            raise WeightsError(f"expected {'/'.join(keys)} among the arrays, {key} is missing")
        found = found[key]
    return torch.tensor(found)
