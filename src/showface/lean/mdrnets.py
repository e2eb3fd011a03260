"""MDRNets in its lean form: equal to what was trained, up to rounding, and quicker on one face (docs/speed.md).

    lean(network)    a network for use; `network` itself, and what is saved of it, stays as it is

Each box has its lean form in the file of its name, of lean layers (`lean/layers.py`). All weights lie in the order that
convolutions on a CPU like best (channels_last).
"""

from __future__ import annotations

import copy

import torch
from torch import nn

from showface.lean.coarse import LeanCoarse
from showface.lean.face_parser import LeanFaceParser
from showface.lean.guided_refinement import LeanRefinement
from showface.lean.layers import round_convolutions, without_batch_norm, without_spectral_norm
from showface.lean.mask_region_enhanced import LeanMaskRegion
from showface.lean.source_alignment import LeanSourceAlignment
from showface.networks.face_parser import FaceParser
from showface.networks.mdrnets import MDRNets


@torch.no_grad()
def lean(network: MDRNets, dtype: torch.dtype | None = None) -> MDRNets:
    """`network`, in evaluation mode, in its lean form on the same device; for use only, without gradients.

    Weights that need no change are shared. Those of `network` are put into channels_last order, which changes no value.
    `dtype` rounds what convolutions multiply by and add: such a form is for use under autocast to the same `dtype`
    alone, which then need not round it each time.
    """
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    shared = [*network.named_parameters(), *network.named_buffers()]
    memo = {id(tensor): tensor for name, tensor in shared if "parametrizations" not in name}
    made = copy.deepcopy(network, memo).eval().requires_grad_(False)
    without_spectral_norm(made)
    without_batch_norm(made.parser)
    _replace(made, "coarse", LeanCoarse(made.coarse))
    if isinstance(made.parser, FaceParser):
        _replace(made, "parser", LeanFaceParser(made.parser))
    _replace(made, "mask_region", LeanMaskRegion(made.mask_region))
    _replace(made, "refinement", LeanRefinement(made.refinement))
    if made.alignment is not None:
        made.alignment.__class__ = LeanSourceAlignment
    made.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    if dtype is not None:
        round_convolutions(made, dtype)
    return made


def _replace(parent: nn.Module, name: str, child: nn.Module) -> None:
    setattr(parent, name, child)
