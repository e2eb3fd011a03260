"""Contact sheets: what a stage sees and makes, side by side."""

from __future__ import annotations

from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from showface.errors import CheckpointError, ImageError
from showface.images import picture_of, to_uint8, write_image

SHOWN = 6  # pictures of a sheet, one a row


def write_sheet(path: Path, columns: list[Float[Tensor, "b 3 h w"]]) -> None:
    """One row per picture, one column per view; images in [-1, 1]. A `CheckpointError` if it cannot be written."""
    rows = torch.cat([column.float().cpu().clamp(-1, 1) for column in columns], dim=3)  # (b, 3, h, w * columns)
    sheet = torch.cat(list(rows), dim=1)[None]  # (1, 3, h * b, w * columns)
    try:
        write_image(path, picture_of(to_uint8(sheet)[0]), overwrite=True)
    except ImageError as error:
        raise CheckpointError(str(error)) from error
