"""InCo2 against loops over pictures, categories and cells, written from equations 6 and 7."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from showface.layers.regions import one_hot
from showface.losses.inco2 import SimilarityKind, inter_loss, intra_loss

CLASSES, MIN_CELLS = 5, 4


def naive_mean(features: Tensor, semantic_map: Tensor, mask: Tensor, category: int, hidden: bool) -> list[float] | None:
    """The mean feature of one category's hidden or visible cells, None where there are fewer than four."""
    cells = [
        features[:, y, x].tolist()
        for y in range(features.shape[1])
        for x in range(features.shape[2])
        if semantic_map[y, x] == category and (mask[y, x] >= 0.5).item() == hidden
    ]
    if len(cells) < MIN_CELLS:
        return None
    return [sum(column) / len(cells) for column in zip(*cells, strict=True)]


def naive_similarity(a: list[float], b: list[float], kind: str) -> float:
    product = sum(x * y for x, y in zip(a, b, strict=True))
    if kind == "raw":
        return product / len(a)
    return product / math.sqrt(sum(x * x for x in a)) / math.sqrt(sum(y * y for y in b))


def naive_loss(
    completed: Tensor, truth: Tensor, semantic_map: Tensor, mask: Tensor, *, columns_hidden: bool, kind: str
) -> float:
    distances = []
    for b in range(completed.shape[0]):
        for i in range(CLASSES):
            for j in range(CLASSES):
                pair = []
                for features in (completed[b], truth[b]):
                    row = naive_mean(features, semantic_map[b], mask[b, 0], i, True)
                    column = naive_mean(features, semantic_map[b], mask[b, 0], j, columns_hidden)
                    if row is not None and column is not None:
                        pair.append(naive_similarity(row, column, kind))
                if pair:
                    distances.append(abs(pair[0] - pair[1]))
    return sum(distances) / len(distances)


@pytest.mark.parametrize("similarity", ["cosine", "raw"])
@pytest.mark.parametrize("columns_hidden", [True, False])
def test_equals_naive_loops(similarity: SimilarityKind, columns_hidden: bool) -> None:
    generator = torch.Generator().manual_seed(3)
    completed, truth = torch.randn(2, 2, 7, 6, 6, generator=generator)
    semantic_map = torch.randint(0, CLASSES, (2, 6, 6), generator=generator)
    mask = torch.rand(2, 1, 6, 6, generator=generator)
    loss = intra_loss if columns_hidden else inter_loss
    got = loss(completed, truth, one_hot(semantic_map, CLASSES), mask, similarity=similarity)
    expected = naive_loss(completed, truth, semantic_map, mask, columns_hidden=columns_hidden, kind=similarity)
    assert got.item() == pytest.approx(expected, rel=1e-5)
