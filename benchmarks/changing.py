"""Finished weights whose completed pictures are changed afterwards: the table of what that does, for two benchmarks."""

from __future__ import annotations

import statistics
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import torch
from failures import grid
from jaxtyping import Bool, Float, UInt8
from record import machine, show, write
from torch import Tensor

from showface.evaluation.measures import chosen_measures, picture_metrics
from showface.evaluation.methods import as_levels, as_signal
from showface.evaluation.protocol import Pair, ProtocolConfig, make_protocol
from showface.evaluation.runner import read_batch
from showface.pipeline import SIDE, FaceInpainter

BATCH = 4

Signal = Float[Tensor, "b 3 h w"]
Complete = Callable[[Signal, Float[Tensor, "b 1 h w"]], Signal]
Change = Callable[[Complete, Signal, Float[Tensor, "b 1 h w"], Signal], Iterator[tuple[str, Signal]]]


def add_options(options: ArgumentParser) -> None:
    """--data, --masks and --limit."""
    options.add_argument("--data", type=Path, required=True)
    options.add_argument("--masks", type=Path, required=True)
    options.add_argument("--limit", type=int, default=24)


def report_changes(chosen: Namespace, change: Change) -> None:
    """Prints and writes a row for the bundled weights as they are, and one for each picture that `change` makes.

    `change` gets what completes pictures, the pictures, their masks and the completed ones, all in [-1, 1].
    """
    torch.set_num_threads(chosen.threads)
    facts, inpaint = machine(chosen.threads), FaceInpainter.from_pretrained(device="cpu", detector="off")
    metrics = picture_metrics(chosen_measures("l1,psnr,ssim,lpips"))
    table = make_protocol(ProtocolConfig(faces=chosen.data, masks=chosen.masks, limit=chosen.limit, bucket_by="share"))

    def complete(images: Signal, masks: Float[Tensor, "b 1 h w"]) -> Signal:
        turns = zip(images.split(BATCH), masks.split(BATCH), strict=True)
        return torch.cat([inpaint.complete(*turn).completed for turn in turns])

    rows = []
    for bucket, pairs in table.pairs.items():
        truth, hidden = _read(pairs)
        masks, images = hidden.float(), as_signal(truth)
        made = complete(images, masks)
        plain = {name: torch.as_tensor(metric(as_levels(made), truth)) for name, metric in metrics.items()}
        means = [f"{float(value.mean()):.4f}" for value in plain.values()]
        rows.append([bucket, "as it is", f"{_bend(made, masks):.2f} ({_bend(truth.float(), masks):.2f} true)", *means])
        for name, other in change(complete, images, masks, made):
            cells = []
            for measure, metric in metrics.items():
                steps = torch.as_tensor(metric(as_levels(other), truth)) - plain[measure]
                cells.append(f"{float(steps.mean()):+.4f} ± {float(steps.std() / len(steps) ** 0.5):.4f}")
            rows.append([bucket, name, f"{_bend(other, masks):.2f}", *cells])
    show(["hidden", "change", "bend", *metrics], rows)
    write(chosen.out, facts | {"rows": rows})


def _read(pairs: Sequence[Pair]) -> tuple[UInt8[Tensor, "b 3 h w"], Bool[Tensor, "b 1 h w"]]:
    read = [read_batch(pairs[i : i + BATCH], SIDE) for i in range(0, len(pairs), BATCH)]
    return torch.cat([images for images, _ in read]), torch.cat([mask for _, mask in read])


def _bend(pictures: Float[Tensor, "b 3 h w"], masks: Float[Tensor, "b 1 h w"]) -> float:
    """`grid` of the pictures, on average."""
    return statistics.mean(grid(picture, mask > 0) for picture, mask in zip(pictures, masks, strict=True))
