"""Intersection over union of the semantic categories."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor

from showface.data.faces import Face
from showface.errors import DataError
from showface.evaluation.categories.scores import (
    as_markdown,
    confusion,
    intersection_over_union,
    read_truth,
    score_parsers,
)
from showface.evaluation.protocol.pairs import Pair
from showface.semantics import CATEGORIES, CATEGORY_COUNT, OFFICIAL_ORDER

CATEGORIES = CATEGORIES


def test_known_counts() -> None:
    truth = torch.tensor([[0, 0, 1, 1]])
    predicted = torch.tensor([[0, 1, 1, 2]])
    counts = confusion(predicted, truth)
    assert counts.sum() == 4 and counts[0, 1] == 1 and counts[1, 2] == 1
    iou = intersection_over_union(counts)
    torch.testing.assert_close(iou[:3], torch.tensor([1 / 2, 1 / 3, 0], dtype=torch.float64))
    assert iou[3:].isnan().all()


@given(st.integers(0, 1000))
def test_equals_the_definition_with_sets(seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth, predicted = rng.integers(0, 5, (2, 60))
    iou = intersection_over_union(confusion(torch.from_numpy(predicted), torch.from_numpy(truth)))
    for category in range(CATEGORY_COUNT):
        one, other = ({*np.flatnonzero(values == category)} for values in (truth, predicted))
        expected = len(one & other) / len(one | other) if one | other else float("nan")
        assert iou[category].item() == pytest.approx(expected, nan_ok=True)


@pytest.fixture
def labelled(tmp_path: Path) -> tuple[list[Face], list[Pair]]:
    """Three faces whose left half is skin and whose right half is hair, and a mask over the lower half."""
    hair, skin = OFFICIAL_ORDER.index("hair"), OFFICIAL_ORDER.index("skin")
    label = np.full((64, 64), hair, dtype=np.uint8)
    label[:, :32] = skin
    mask = np.zeros((32, 32), dtype=bool)
    mask[16:] = True
    Image.fromarray(mask).save(tmp_path / "mask.png")
    faces = []
    for i in range(3):
        Image.new("RGB", (32, 32), (40 * i, 0, 0)).save(tmp_path / f"{i}.png")
        Image.fromarray(label).save(tmp_path / f"label{i}.png")
        faces.append(Face(tmp_path / f"{i}.png", tmp_path / f"label{i}.png", "official"))
    return faces, [Pair(face.picture, tmp_path / "mask.png") for face in faces]


def test_labels_are_merged_and_reduced(labelled: tuple[list[Face], list[Pair]]) -> None:
    truth = read_truth(labelled[0][0], 32)
    assert (truth[:, :16] == CATEGORIES.index("skin")).all() and (truth[:, 16:] == CATEGORIES.index("hair")).all()
    with pytest.raises(DataError, match="no label map"):
        read_truth(Face(labelled[0][0].picture, None, "official"), 32)


def test_scores_of_a_right_and_of_a_constant_parser(labelled: tuple[list[Face], list[Pair]]) -> None:
    faces, pairs = labelled

    def right(images: Tensor, size: int) -> Tensor:
        return torch.stack([read_truth(faces[0], size)] * len(images))

    def skin(images: Tensor, size: int) -> Tensor:
        return torch.full((len(images), size, size), CATEGORIES.index("skin"))

    scores = score_parsers(
        {"right": right, "skin": skin}, faces, pairs, kind="true", size=32, batch=2
    )  # fmt: skip
    assert scores[0].iou == {"skin": 1.0, "hair": 1.0} and scores[0].mean == 1.0 and scores[0].count == 3
    assert scores[1].iou == {"skin": 0.5, "hair": 0.0} and scores[1].mean == 0.25
    assert "| right | true | 3 | **100.0** | 100.0 | 100.0 |" in as_markdown(scores)
    (of_one,) = score_parsers({"right": right}, faces, pairs[:1], kind="true", size=32, batch=2)
    assert of_one.mean == 1.0 and of_one.count == 1, "fewer pictures than labels"


def test_on_coarse_faces_the_parser_sees_the_completion(labelled: tuple[list[Face], list[Pair]]) -> None:
    faces, pairs = labelled
    seen: list[Tensor] = []

    def watch(images: Tensor, size: int) -> Tensor:
        seen.append(images)
        return torch.zeros(len(images), size, size, dtype=torch.int64)

    def white(images: Tensor, masks: Tensor) -> Tensor:
        return torch.full_like(images, 255)

    score_parsers({"watch": watch}, faces, pairs, kind="coarse", size=32, coarse=white)
    assert (seen[0][:, :, 16:] == 1).all()
    assert (seen[0][:, 1:, :16] == -1).all()  # the known half stays
