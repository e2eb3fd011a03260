"""Smoothing the borders of the 4 x 4 cells that the pixel shuffle leaves: finished weights before and after.

    python benchmarks/evening.py --data DATA/celebamask/val/images --masks DATA/masks/test [--limit 24]

At every border of two cells inside the hole the excess of the step over the slopes beside it is taken back by a share.
"Bend" is how much more the filled part bends across borders than elsewhere, see `failures.grid`: 1 = no grid.
"""

from __future__ import annotations

import statistics
from functools import partial
from pathlib import Path

import torch
from failures import grid
from jaxtyping import Float
from record import machine, parser, show, write
from torch import Tensor

from showface.evaluation.measures import chosen_measures, picture_metrics
from showface.evaluation.methods import as_levels, as_signal
from showface.evaluation.protocol import ProtocolConfig, make_protocol
from showface.evaluation.runner import read_batch
from showface.masks import composite
from showface.pipeline import SIDE, FaceInpainter

CELL, BATCH = 4, 4
SHARES = ((0.14,), (0.25,), (0.1875, 0.0625), (0.375, 0.125))  # of the excess, for the first and second pixel


def evened(picture: Float[Tensor, "b 3 h w"], mask: Float[Tensor, "b 1 h w"], shares: tuple[float, ...]) -> Tensor:
    """`picture` with smoother borders of cells in the hole, first those side by side, then those above each other."""
    for turn in (lambda x: x, partial(torch.transpose, dim0=2, dim1=3)):
        rows = turn(picture).clone()
        after = torch.arange(CELL, rows.shape[3], CELL)  # the first column of each cell
        before = rows[..., after - 1] - rows[..., after - 2]
        beyond = rows[..., after + 1] - rows[..., after]
        excess = rows[..., after] - rows[..., after - 1] - (before + beyond) / 2
        for place, share in enumerate(shares):
            rows[..., after - 1 - place] += share * excess
            rows[..., after + place] -= share * excess
        picture = composite(picture, turn(rows), mask)
    return picture


def bend(pictures: Float[Tensor, "b 3 h w"], masks: Float[Tensor, "b 1 h w"]) -> float:
    """`grid` of the pictures, on average."""
    return statistics.mean(grid(picture, mask > 0) for picture, mask in zip(pictures, masks, strict=True))


def main() -> None:
    options = parser(__doc__ or "", "evening")
    options.add_argument("--data", type=Path, required=True)
    options.add_argument("--masks", type=Path, required=True)
    options.add_argument("--limit", type=int, default=24)
    chosen = options.parse_args()
    torch.set_num_threads(chosen.threads)
    facts, inpaint = machine(chosen.threads), FaceInpainter.from_pretrained(device="cpu", detector="off")
    metrics = picture_metrics(chosen_measures("l1,psnr,ssim,lpips"))
    table = make_protocol(ProtocolConfig(faces=chosen.data, masks=chosen.masks, limit=chosen.limit, bucket_by="share"))
    rows = []
    for bucket, pairs in table.pairs.items():
        read = [read_batch(pairs[i : i + BATCH], SIDE) for i in range(0, len(pairs), BATCH)]
        truth, masks = torch.cat([images for images, _ in read]), torch.cat([mask for _, mask in read]).float()
        made = torch.cat([inpaint.complete(as_signal(images), mask.float()).completed for images, mask in read])
        plain = {name: torch.as_tensor(metric(as_levels(made), truth)) for name, metric in metrics.items()}
        means = [f"{float(value.mean()):.4f}" for value in plain.values()]
        rows.append([bucket, "as it is", f"{bend(made, masks):.2f} ({bend(truth.float(), masks):.2f} true)", *means])
        for shares in SHARES:
            other = evened(made, masks, shares)
            cells = []
            for name, metric in metrics.items():
                steps = torch.as_tensor(metric(as_levels(other), truth)) - plain[name]
                cells.append(f"{float(steps.mean()):+.4f} ± {float(steps.std() / len(steps) ** 0.5):.4f}")
            rows.append([bucket, " + ".join(map(str, shares)), f"{bend(other, masks):.2f}", *cells])
    show(["hidden", "share", "bend", *metrics], rows)
    write(chosen.out, facts | {"rows": rows})


if __name__ == "__main__":
    main()
