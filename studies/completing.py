"""Single pairs of a protocol, completed by several weights, for the studies that look at what was filled in."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor

from benchmarks.record import machine, parser
from showface.evaluation.measuring.levels import as_signal
from showface.pipeline import FaceInpainter
from showface.weights import named_release

RESULTS = Path(__file__).parent / "results"

Shown = tuple[UInt8[Tensor, "1 3 h w"], Bool[Tensor, "1 1 h w"]]  # a picture in levels of 255, its mask


def begin(description: str, name: str, *, limit: int) -> tuple[Namespace, dict[str, object]]:
    """The command's --data, --masks, --limit, --weights and `record.parser`'s options; facts about the machine."""
    options = parser(description, name)
    options.set_defaults(out=RESULTS / f"{name}.json")
    options.add_argument("--data", type=Path, required=True)
    options.add_argument("--masks", type=Path, required=True)
    options.add_argument("--limit", type=int, default=limit)
    options.add_argument("--weights", nargs="+", default=["compact=compact"], help="NAME=FOLDER or NAME=RELEASE")
    chosen = options.parse_args()
    torch.set_num_threads(chosen.threads)
    return chosen, machine(chosen.threads)


def inpainters(weights: Sequence[str]) -> Iterator[tuple[str, FaceInpainter]]:
    """The name of each of `weights` (NAME=FOLDER) and what completes faces by it."""
    for name, folder in (words.split("=", 1) for words in weights):
        yield name, FaceInpainter.from_pretrained(named_release(folder), device="cpu", detector="off")


def completions(weights: Sequence[str], shown: Sequence[Shown]) -> Iterator[tuple[str, list[Float[Tensor, "1 3 h w"]]]]:
    """The name of each of `weights` (NAME=FOLDER) and all pictures as it completes them, in levels of 255."""
    for name, inpaint in inpainters(weights):
        made = (inpaint.complete(as_signal(images), masks.float()).completed for images, masks in shown)
        yield name, [(picture + 1) * 127.5 for picture in made]
