"""Single pairs of a protocol, completed by several weights, for the benchmarks that look at what was filled in."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from pathlib import Path

from jaxtyping import Bool, Float, UInt8
from torch import Tensor

from showface.evaluation.methods import as_signal
from showface.pipeline import FaceInpainter
from showface.weights import named_release

Shown = tuple[UInt8[Tensor, "1 3 h w"], Bool[Tensor, "1 1 h w"]]  # a picture in levels of 255, its mask


def add_options(options: ArgumentParser, *, limit: int) -> None:
    """--data, --masks, --limit and --weights."""
    options.add_argument("--data", type=Path, required=True)
    options.add_argument("--masks", type=Path, required=True)
    options.add_argument("--limit", type=int, default=limit)
    options.add_argument("--weights", nargs="+", default=["compact=compact"], help="NAME=FOLDER or NAME=RELEASE")


def completions(weights: Sequence[str], shown: Sequence[Shown]) -> Iterator[tuple[str, list[Float[Tensor, "1 3 h w"]]]]:
    """The name of each of `weights` (NAME=FOLDER) and all pictures as it completes them, in levels of 255."""
    for name, folder in (words.split("=", 1) for words in weights):
        inpaint = FaceInpainter.from_pretrained(named_release(folder), device="cpu", detector="off")
        made = (inpaint.complete(as_signal(images), masks.float()).completed for images, masks in shown)
        yield name, [(picture + 1) * 127.5 for picture in made]
