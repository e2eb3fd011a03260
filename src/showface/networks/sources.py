"""Sources: what else shows the person whose face is completed, beside the face itself.

The face's own mirror image is always one; up to `MOST` further pictures of the person may be given.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from showface.errors import SettingError

MOST = 4  # further pictures


@dataclass(frozen=True)
class Sources:
    """`k` aligned pictures of the person of each face, as large as the face.

    A picture that is wholly hidden counts for nothing, so faces with fewer pictures than others fit into one batch.
    """

    images: Float[Tensor, "b k 3 h w"]  # RGB in [-1, 1]; what hidden pixels hold does not matter
    hidden: Float[Tensor, "b k 1 h w"]  # 1 = not to be seen

    @property
    def count(self) -> int:
        """How many pictures there are of each face."""
        return self.images.shape[1]

    def to(self, device: torch.device) -> Sources:
        """The same on `device`."""
        return Sources(self.images.to(device), self.hidden.to(device))

    def flat(self) -> tuple[Float[Tensor, "bk 3 h w"], Float[Tensor, "bk 1 h w"]]:
        """All pictures and what is hidden of them as one batch, those of a face together; hidden pixels are 0."""
        images, hidden = self.images.flatten(0, 1), self.hidden.flatten(0, 1)
        return images.masked_fill(hidden > 0.5, 0.0).contiguous(memory_format=torch.channels_last), hidden


def with_mirror(
    face: Float[Tensor, "b 3 h w"], mask: Float[Tensor, "b 1 h w"], further: Sources | None = None
) -> Sources:
    """The mirror image of a face of which `mask` is hidden (1), and then the `further` pictures.

    Raises `SettingError` where there are more than `MOST` of these, or they are not as many and as large as the faces.
    """
    mirrored = Sources(face.flip(-1)[:, None], mask.to(face.dtype).flip(-1)[:, None])
    if further is None or not further.count:
        return mirrored
    refuse_misfit(further, face)
    return Sources(
        torch.cat([mirrored.images, further.images.to(face)], dim=1),
        torch.cat([mirrored.hidden, further.hidden.to(face)], dim=1),
    )


def refuse_misfit(further: Sources, face: Float[Tensor, "b 3 h w"]) -> None:
    """A `SettingError` if `further` are no sources of these faces."""
    if further.count > MOST:
        raise SettingError(f"expected at most {MOST} further pictures of the person, got {further.count}")
    found, wanted = (further.images.shape[0], *further.images.shape[3:]), (face.shape[0], *face.shape[2:])
    if found != wanted:
        raise SettingError(
            f"sources are of {found[0]} faces at {found[1]} x {found[2]}, expected {wanted[0]} at "
            f"{wanted[1]} x {wanted[2]}; align them first"
        )
