"""The lean form of a network that may still be replaced, moved or written to: made when it is needed, never stale."""

from __future__ import annotations

import threading
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from showface.lean.mdrnets import lean
from showface.networks.mdrnets import MDRNets

Network = TypeVar("Network", bound=nn.Module)


class LeanForm:
    """Keeps the lean form of one network, for several threads."""

    def __init__(self) -> None:
        self._made: _Made | None = None
        self._making = threading.Lock()

    def of(self, network: Network, dtype: torch.dtype | None = None) -> Network:
        """The lean form of `network`, made anew if it is another one than before, or its weights were written to.

        `dtype` is that of its convolutions (see `lean`). What is no `MDRNets` stands for itself.
        """
        with self._making:
            if self._made is None or not self._made.is_of(network, dtype):
                self._made = _Made(network, dtype)
            form: Network = self._made.form
            return form

    def to(self, device: torch.device) -> None:
        """Follows a network that was moved to `device`."""
        with self._making:
            if self._made is not None:
                self._made.form.to(device)
                self._made.note()


class _Made:
    """A lean form, and what the network was like when it was made."""

    def __init__(self, network: nn.Module, dtype: torch.dtype | None) -> None:
        self.form: Any = lean(network, dtype) if isinstance(network, MDRNets) else network
        self._network, self._dtype = network, dtype
        self.note()

    def note(self) -> None:
        """Takes the network's weights as those that the lean form has."""
        self._weights = [*self._network.parameters(), *self._network.buffers()]
        self._writes = _writes(self._weights)

    def is_of(self, network: nn.Module, dtype: torch.dtype | None) -> bool:
        return self._network is network and self._dtype == dtype and self._writes == _writes(self._weights)


def _writes(tensors: list[Tensor]) -> int:
    """How often `tensors` were written to in place, as far as torch counts it."""
    return sum(tensor._version for tensor in tensors if not tensor.is_inference())
