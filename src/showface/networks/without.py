"""Finished weights without one of their boxes, to see what it is worth: the others stay, nothing is learnt anew.

    slots       every read gives the mean of its block's slots; the personal block answers as before
    personal    the trained slots alone are read
    memory      Q^ = Q: nothing is read, neither slots nor the personal block
    mining      F_f = F
    sources     the face alone is looked at, without its mirror image and further pictures

With a personal block, trained slots answer for categories that are nowhere visible, and for no others.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from showface.errors import SettingError, unknown
from showface.networks.disentangled_memory import DisentangledMemory, MemoryConfig
from showface.networks.mdrnets import MDRNets, MDRNetsConfig, MDRNetsOutput, Reading, Seen
from showface.networks.source_alignment import Aligned
from showface.networks.sources import Sources

BOXES: dict[str, Callable[[MDRNetsConfig], bool]] = {
    "slots": lambda config: config.use_memory,
    "personal": lambda config: config.use_memory and config.memory.personal,
    "memory": lambda config: config.use_memory,
    "mining": lambda config: config.use_mask_region,
    "sources": lambda config: config.sources is not None,
}
"""Every box that can be taken away, and whether a network has it."""


def without(network: MDRNets, box: str) -> MDRNets:
    """`network`, as it was trained or in its lean form, without `box` (one of `BOXES`); for use only, weights shared.

    Raises `SettingError` if there is no such box, or none in this network.
    """
    if box not in BOXES:
        raise SettingError(unknown("box", box, BOXES))
    if not BOXES[box](network.config):
        raise SettingError(f"expected a network with the box {box!r}, found one without it")
    shared = [*network.parameters(), *network.buffers()]
    made = copy.deepcopy(network, {id(tensor): tensor for tensor in shared})
    if box == "mining":
        made.config = replace(made.config, use_mask_region=False)
    elif box == "sources":
        made.__class__ = FaceAlone  # the same weights, in whichever form, looked through another way
    else:
        _take_from_memory(made, box)
    return made


def _take_from_memory(made: MDRNets, box: str) -> None:
    """Reads another way; an empty memory answers with the query itself."""
    config = made.config.memory
    if box == "slots":
        made.memory.__class__ = MeanOfSlots
    elif box == "personal":
        _read_by(made, replace(config, personal=False))
    else:
        empty = replace(config, personal=False)
        made.memory = DisentangledMemory(empty).to(made.memory.slots.device).eval()
        _read_by(made, empty)


def _read_by(made: MDRNets, config: MemoryConfig) -> None:
    made.config, made.memory.config = replace(made.config, memory=config), config


class MeanOfSlots(DisentangledMemory):
    """A memory that answers every query with the mean of the slots of its block."""

    def _scores(self, similarity: Float[Tensor, "b n m"], slots: Float[Tensor, "n m c"]) -> Float[Tensor, "b n m"]:
        """All slots alike."""
        return super()._scores(torch.zeros_like(similarity), slots)


class FaceAlone(MDRNets):
    """MDRNets to which the mirror image and further pictures are as if wholly hidden."""

    def forward(
        self,
        image: Float[Tensor, "b 3 h w"],
        mask: Float[Tensor, "b 1 h w"],
        sources: Sources | None = None,
        *,
        update_memory: bool = False,
        read: Reading | None = None,
    ) -> MDRNetsOutput:
        """As `MDRNets.forward` without `sources`."""
        return super().forward(image, mask, update_memory=update_memory, read=read)

    def _bring(
        self, coarse: Tensor, mask: Tensor, further: Sources | None, features: Tensor, hole: Tensor
    ) -> tuple[Aligned | None, Seen | None]:
        """Nothing on the face; to be mined, what is seen of the face itself."""
        return None, Seen(features[:, None], hole[:, None])
