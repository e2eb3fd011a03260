"""Completed pictures that are changed afterwards: the table of what that does to the measures."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Sequence

import torch
from completing import begin, inpainters
from failures import grid
from jaxtyping import Bool, Float, UInt8
from record import show, write
from torch import Tensor

from showface.evaluation.measuring.levels import as_levels, as_signal
from showface.evaluation.measuring.measures import chosen_measures, picture_metrics
from showface.evaluation.measuring.runner import read_batch
from showface.evaluation.protocol.pairs import Pair, ProtocolConfig, make_protocol
from showface.pipeline import SIDE, FaceInpainter

BATCH = 4

Signal = Float[Tensor, "b 3 h w"]  # pictures in [-1, 1]
Masks = Float[Tensor, "b 1 h w"]  # 1 = hole
Complete = Callable[[Signal, Masks], Signal]
Change = Callable[[Complete, Signal, Masks, Signal], Iterator[tuple[str, Signal]]]


def report_changes(description: str, name: str, change: Change) -> None:
    """Prints and writes, for each of the weights, a row for the pictures as they are and one for each changed set.

    `change` gets what completes pictures, the pictures, their masks and the completed pictures. "Bend" is how much
    more the filled part bends across the borders of 4 x 4 cells than elsewhere, see `failures.grid`: 1 = no grid.
    """
    chosen, facts = begin(description, name, limit=24)
    metrics = picture_metrics(chosen_measures("l1,psnr,ssim,lpips"))
    table = make_protocol(ProtocolConfig(faces=chosen.data, masks=chosen.masks, limit=chosen.limit, bucket_by="share"))
    rows = []
    for weights, inpaint in inpainters(chosen.weights):
        complete = _completing(inpaint)
        for bucket, pairs in table.pairs.items():
            truth, hidden = _read(pairs)
            masks, images = hidden.float(), as_signal(truth)
            made = complete(images, masks)
            plain = {measure: torch.as_tensor(metric(as_levels(made), truth)) for measure, metric in metrics.items()}
            means = [f"{float(value.mean()):.4f}" for value in plain.values()]
            bends = f"{_bend(made, masks):.2f} ({_bend(truth.float(), masks):.2f} true)"
            rows.append([weights, bucket, "as it is", bends, *means])
            for changed, other in change(complete, images, masks, made):
                cells = []
                for measure, metric in metrics.items():
                    gains = torch.as_tensor(metric(as_levels(other), truth)) - plain[measure]
                    cells.append(f"{float(gains.mean()):+.4f} ± {float(gains.std() / len(gains) ** 0.5):.4f}")
                rows.append([weights, bucket, changed, f"{_bend(other, masks):.2f}", *cells])
    show(["weights", "hidden", "change", "bend", *metrics], rows)
    write(chosen.out, facts | {"rows": rows})


def _completing(inpaint: FaceInpainter) -> Complete:
    """What completes any number of pictures, a few at a time."""

    def complete(images: Signal, masks: Masks) -> Signal:
        batches = zip(images.split(BATCH), masks.split(BATCH), strict=True)
        return torch.cat([inpaint.complete(*batch).completed for batch in batches])

    return complete


def _read(pairs: Sequence[Pair]) -> tuple[UInt8[Tensor, "b 3 h w"], Bool[Tensor, "b 1 h w"]]:
    read = [read_batch(pairs[i : i + BATCH], SIDE) for i in range(0, len(pairs), BATCH)]
    return torch.cat([images for images, _ in read]), torch.cat([mask for _, mask in read])


def _bend(pictures: Signal, masks: Masks) -> float:
    """`grid` of the pictures, on average."""
    return statistics.mean(grid(picture, mask > 0) for picture, mask in zip(pictures, masks, strict=True))
