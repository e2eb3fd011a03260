"""How much of a pattern that repeats every 4 px the filled parts hold: the trace of the pixel shuffle at the output.

    python -m studies.pattern --data DATA/celebamask/val/images --masks DATA/masks/test [--limit 16] \
        [--weights before=second compact=compact]

Over windows of 6 x 6 cells that are hidden (where 40-60 % of the picture are), 8 px apart: the high-passed picture is
averaged over the window's cells, pixel of the cell by pixel of the cell; what differs between those sixteen is the
pattern. The root of its mean square is given in levels of 255, with that of the true pictures, whose detail does not
average out quite, but is another in every window.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from benchmarks.record import show, write
from showface.evaluation.measuring.runner import read_batch
from showface.evaluation.protocol.pairs import ProtocolConfig, make_protocol
from showface.pipeline import SIDE
from studies.completing import begin, completions

CELL, CELLS, STEP = 4, 6, 8
HIDDEN = 0.97  # share of a window


def patterns(pictures: Float[Tensor, "b 3 h w"], masks: Float[Tensor, "b 1 h w"]) -> Float[Tensor, " n"]:
    """The mean square of the pattern in each hidden window; `pictures` in levels of 255."""
    detail = pictures - F.avg_pool2d(F.pad(pictures, (2, 2, 2, 2), mode="reflect"), 5, 1)
    side, found = CELL * CELLS, []
    for top in range(0, pictures.shape[2] - side + 1, STEP):
        for left in range(0, pictures.shape[3] - side + 1, STEP):
            place = (..., slice(top, top + side), slice(left, left + side))
            hidden = masks[place].mean(dim=(1, 2, 3)) >= HIDDEN
            cells = detail[place][hidden].unflatten(2, (CELLS, CELL)).unflatten(4, (CELLS, CELL))
            cell = cells.mean(dim=(2, 4))  # (n, 3, 4, 4)
            found.append((cell - cell.mean(dim=(2, 3), keepdim=True)).square().mean(dim=(1, 2, 3)))
    return torch.cat(found)


def main() -> None:
    chosen, facts = begin(__doc__ or "", "pattern", limit=16)
    table = make_protocol(ProtocolConfig(faces=chosen.data, masks=chosen.masks, limit=chosen.limit, bucket_by="share"))
    read = [read_batch([pair], SIDE) for pair in table.pairs["40-60"]]
    squares = {"true pictures": torch.cat([patterns(images.float(), masks.float()) for images, masks in read])}
    for name, made in completions(chosen.weights, read):
        pairs = zip(made, (masks.float() for _, masks in read), strict=True)
        squares[name] = torch.cat([patterns(picture, masks) for picture, masks in pairs])
    rows = [[name, str(len(value)), f"{float(value.mean().sqrt()):.2f}"] for name, value in squares.items()]
    show(["weights", "windows", "pattern"], rows)
    write(chosen.out, facts | {"rows": rows})


if __name__ == "__main__":
    main()
