"""From aligned faces and masks to what the networks make of them, within the memory there is."""

from __future__ import annotations

import warnings
from contextlib import nullcontext
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from showface.errors import NonFiniteError, ShowFaceError
from showface.images import to_unit
from showface.lean.form import LeanForm
from showface.lean.precision import bf16_autocast, computes_bf16
from showface.networks.disentangled_memory import Retrieved
from showface.networks.mdrnets import MDRNets, MDRNetsOutput
from showface.networks.source_alignment import Aligned
from showface.pipeline.devices import named_device, named_precision, says_out_of_memory


def levels(output: MDRNetsOutput) -> Float[np.ndarray, "h w 3"]:
    """The first completed face of a batch, 0..255."""
    return levels_of(output.completed)


def levels_of(faces: Float[Tensor, "b 3 h w"]) -> Float[np.ndarray, "h w 3"]:
    values = to_unit(faces[0].float()).clamp(0, 1) * 255
    return np.ascontiguousarray(values.permute(1, 2, 0).cpu().numpy())


def joined(one: MDRNetsOutput, other: MDRNetsOutput) -> MDRNetsOutput:
    """What two batches gave as if they had been one, on the device of the second."""

    def join(part: Any, more: Any) -> Any:
        if isinstance(part, (Retrieved, Aligned)):
            return type(part)(*map(join, part, more))
        if part is None:  # of a network that looks at no sources
            return None
        return torch.cat([part.to(more.device), more])

    return MDRNetsOutput(**{name: join(part, getattr(other, name)) for name, part in vars(one).items()})


class Completer:
    """The networks on a device, in one precision. Holds nothing but weights."""

    def __init__(self, network: MDRNets, *, device: str = "auto", precision: str = "float32") -> None:
        """The arguments are those of `FaceInpainter`."""
        self.device = named_device(device)
        self.precision = named_precision(precision, self.device)
        self.network = network.eval().requires_grad_(False)
        self._lean = LeanForm()
        self._stays = device != "auto"
        try:
            self.network.to(self.device)
        except RuntimeError as error:
            if not says_out_of_memory(error):
                raise
            self._give_way(error)

    @property
    def lean(self) -> MDRNets:
        """What completes: `network` in fewer steps, for use only. Made when it is first needed.

        Where `precision` is bfloat16 its convolutions are, and it is to be called under torch's autocast to bfloat16.
        """
        return self._lean.of(self.network, self._dtype_on(self.device))

    def _dtype_on(self, device: torch.device) -> torch.dtype | None:
        """Bfloat16 if wanted, but not on a cpu that took over from another device and would emulate it."""
        return torch.bfloat16 if self.precision == "bfloat16" and computes_bf16(device) else None

    @torch.no_grad()
    def complete(self, images: Float[Tensor, "b 3 h w"], masks: Float[Tensor, "b 1 h w"]) -> MDRNetsOutput:
        """All that the networks compute for `images` in [-1, 1] and `masks` (1 = hole), for figures and measurements.

        Height and width must be multiples of `network.multiple`; what the hole's pixels hold does not matter.
        Where memory runs out, half of the pictures are tried at a time; a single one then on the cpu, with a warning,
        unless the device was asked for.
        """
        try:
            device = self.device
            dtype = self._dtype_on(device)
            with nullcontext() if dtype is None else bf16_autocast(device):
                output: MDRNetsOutput = self._lean.of(self.network, dtype)(images.to(device), masks.to(device))
        except RuntimeError as error:
            if not says_out_of_memory(error):
                raise
            if len(images) == 1:
                self._give_way(error)
        else:
            if not torch.isfinite(output.completed).all():
                raise NonFiniteError("the networks computed NaN or infinity; the weights do not suit, or are damaged")
            return output
        # here and not above, since the error holds on to what had been computed until then
        if len(images) == 1:
            return self.complete(images, masks)
        half = len(images) // 2
        return joined(self.complete(images[:half], masks[:half]), self.complete(images[half:], masks[half:]))

    def _give_way(self, error: RuntimeError) -> None:
        """Moves to the cpu and says so; an error if the device was asked for or is the cpu."""
        if self._stays or self.device.type == "cpu":
            raise ShowFaceError(f"out of memory on {self.device}; free some of it, or use another device") from error
        warnings.warn(f"out of memory on {self.device}: going on with the cpu", stacklevel=4)
        self.device = torch.device("cpu")
        self.network.to(self.device)
        self._lean.to(self.device)
