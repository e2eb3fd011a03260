"""How well a parser finds the 14 semantic categories: intersection over union, on true and on coarse faces.

The network parses the coarse face P (paper section 3.2), so that is where its parser has to be good; on true faces it
can be compared with others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor

from showface.data.faces import Face, read_label
from showface.errors import DataError
from showface.evaluation.categories.maps import SemanticMap
from showface.evaluation.measuring.levels import as_signal
from showface.evaluation.measuring.runner import Method, complete, read_batch
from showface.evaluation.protocol.pairs import Pair
from showface.semantics import CATEGORIES, CATEGORY_COUNT


@dataclass(frozen=True)
class ParserScore:
    """One parser on one kind of face; `iou` by category, without those that neither truth nor parser has."""

    parser: str
    faces: str
    mean: float
    iou: dict[str, float]
    count: int


def score_parsers(
    parsers: Mapping[str, SemanticMap],
    faces: Sequence[Face],
    pairs: Sequence[Pair],
    *,
    kind: str,
    size: int,
    coarse: Method | None = None,
    batch: int = 8,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[ParserScore]:
    """Every parser on the faces of `pairs`: as they are, or completed by `coarse` under their masks.

    `faces` bring the labels of the pairs' faces, in the same order; there may be more of them, if few were asked for.
    """
    confusions = {name: torch.zeros(CATEGORY_COUNT, CATEGORY_COUNT, dtype=torch.int64) for name in parsers}
    for first in range(0, len(pairs), batch):
        images, masks = read_batch(pairs[first : first + batch], size)
        truth = torch.stack([read_truth(face, size) for face in faces[first : first + len(images)]])
        shown = as_signal(images if coarse is None else complete(coarse, images, masks))
        for name, parser in parsers.items():
            confusions[name] += confusion(parser(shown, size).cpu(), truth)
        progress(min(first + batch, len(pairs)), len(pairs))
    return [_score(name, kind, counts, len(pairs)) for name, counts in confusions.items()]


def read_truth(face: Face, size: int) -> Int64[Tensor, "{size} {size}"]:
    """The labelled categories of a face at `size`, by nearest neighbour."""
    label = read_label(face)
    if label is None:
        raise DataError(f"{face.picture}: no label map of its name; parsers are measured on labelled faces")
    rows, columns = ((2 * np.arange(size) + 1) * side // (2 * size) for side in label.shape)
    return torch.from_numpy(label[np.ix_(rows, columns)].astype(np.int64))


def confusion(predicted: Int64[Tensor, "*cells"], truth: Int64[Tensor, "*cells"]) -> Int64[Tensor, "n n"]:
    """How many cells of each true category (row) were given each category (column)."""
    both = truth.flatten() * CATEGORY_COUNT + predicted.flatten()
    return torch.bincount(both, minlength=CATEGORY_COUNT**2).view(CATEGORY_COUNT, CATEGORY_COUNT)


def intersection_over_union(counts: Int64[Tensor, "n n"]) -> Float[Tensor, " n"]:
    """Of every category, the cells in both truth and prediction over those in either; NaN where there are none."""
    both = counts.diagonal().double()
    return both / (counts.sum(dim=0) + counts.sum(dim=1) - both)


def _score(parser: str, kind: str, counts: Int64[Tensor, "n n"], faces: int) -> ParserScore:
    values = zip(CATEGORIES, intersection_over_union(counts).tolist(), strict=True)
    iou = {category: value for category, value in values if value == value}
    return ParserScore(parser, kind, sum(iou.values()) / len(iou), iou, faces)


def as_markdown(scores: Sequence[ParserScore]) -> str:
    """Mean IoU in per cent: parsers down, kinds of faces across; then the categories on each kind."""
    categories = list(dict.fromkeys(category for score in scores for category in score.iou))
    lines = [
        "| parser | faces | pictures | mean | " + " | ".join(categories) + " |",
        "|---|---|---:|---:|" + "---:|" * len(categories),
    ]
    for score in scores:
        cells = [f"{100 * score.iou[name]:.1f}" if name in score.iou else "–" for name in categories]
        row = [score.parser, score.faces, str(score.count), f"**{100 * score.mean:.1f}**", *cells]
        lines.append("| " + " | ".join(row) + " |")
    return "\n".join(lines) + "\n"
