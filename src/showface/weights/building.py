"""From a configuration and its tensors to a network for use."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from showface.errors import WeightsError
from showface.networks.mdrnets import MDRNets, MDRNetsConfig
from showface.weights.layout import CURE
from showface.weights.tensors import State


def build(configuration: MDRNetsConfig, state: State) -> MDRNets:
    """The network of `configuration` with `state` in it, for use: in evaluation mode and without gradients."""
    with torch.random.fork_rng(devices=[]), _Unfilled():  # what is still drawn must not move the caller's seed
        network = MDRNets(configuration)
    expected = network.state_dict()
    boxes = sorted({name.split(".")[0] for name in expected.keys() | state.keys() if not _fits(name, expected, state)})
    if boxes:
        first = next(name for name in sorted(expected.keys() | state.keys()) if not _fits(name, expected, state))
        raise WeightsError(
            f"the tensors do not fit the configuration of {', '.join(boxes)}: {first} is "
            f"{_shape(state, first)}, expected {_shape(expected, first)}; {CURE} with their own configuration"
        )
    network.load_state_dict(state)
    return network.to(next(iter(state.values())).device).eval().requires_grad_(False)


class _Unfilled(TorchFunctionMode):
    """No layer fills its new weights at random: that takes half of the time in which a network is built.

    For where every parameter and saved buffer is read from a file afterwards. (On the device "meta", torch's own way,
    buffers that are not saved, such as the parser's table, would be lost.)
    """

    _FILLS = frozenset({nn.init.kaiming_uniform_, nn.init.uniform_, nn.init.normal_, Tensor.uniform_, Tensor.normal_})

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        given = kwargs or {}
        if func in self._FILLS:
            return args[0] if args else given["tensor"]
        return func(*args, **given)


def _fits(name: str, expected: State, found: State) -> bool:
    return name in expected and name in found and expected[name].shape == found[name].shape


def _shape(state: State, name: str) -> str:
    return " x ".join(map(str, state[name].shape)) or "a number" if name in state else "not there"
