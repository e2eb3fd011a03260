"""From measurements of occluded faces to means, errors and tables."""

from __future__ import annotations

import math
from dataclasses import astuple

import numpy as np
import pytest

from showface.evaluation.measuring.feature_store import FeatureStore
from showface.evaluation.measuring.runner import Measurement
from showface.evaluation.occlusions.columns import COLUMNS
from showface.evaluation.occlusions.measures import NAMES
from showface.evaluation.occlusions.table import (
    Figure,
    aligned,
    as_csv,
    as_markdown,
    as_plain,
    best,
    from_plain,
    kid_figure,
    mean_figure,
    ratio_figure,
    tabulate_occlusions,
)
from showface.metrics.kid import kernel_distance, kernel_distance_of_faces


class Known(FeatureStore):
    """Features that are drawn from their hash's name."""

    def __init__(self) -> None: ...

    def get(self, hashes: list[str]) -> np.ndarray:  # type: ignore[override]
        return np.stack([np.abs(np.random.default_rng(list(name.encode())).normal(size=5)) for name in hashes])


def row(method: str, face: int, kind: str = "one_eye", crops: int = 1, **values: float) -> Measurement:
    given = dict.fromkeys(NAMES, 0.5) | {"gradient": 2.0, "gradient_true": 4.0} | values
    made, true = (tuple(f"{side}{face}-{i}" for i in range(crops)) for side in (f"{method} ", "true "))
    made = true if method == "truth" else made
    return Measurement(method, kind, f"{face}.png", "", 0.1, given, crops=made, true_crops=true)


def test_a_mean_and_its_standard_error() -> None:
    figure = mean_figure([1.0, 2.0, math.nan, 3.0, 6.0])
    assert astuple(figure) == pytest.approx((3.0, np.std([1, 2, 3, 6], ddof=1) / 2, 4))
    assert mean_figure([math.nan]) == Figure(None, None, 0) and mean_figure([2.0]) == Figure(2.0, None, 1)


def test_sharpness_is_a_ratio_of_sums_that_a_flat_truth_does_not_upset() -> None:
    figure = ratio_figure([2.0, 4.0, 3.0], [4.0, 8.0, 0.001])
    assert figure.mean == pytest.approx(9 / 12.001) and figure.count == 3
    exact = ratio_figure([2.0, 4.0, 6.0], [4.0, 8.0, 12.0])
    assert (exact.mean, exact.error) == (0.5, 0.0)
    assert ratio_figure([1.0, 1.0], [0.0, 0.0]) == Figure(None, None, 0)


def test_the_error_of_a_ratio_is_that_of_the_bootstrap() -> None:
    rng = np.random.default_rng(0)
    whole = rng.uniform(2, 8, 200)
    part = whole * rng.uniform(0.4, 0.9, 200)
    drawn = rng.integers(0, 200, (2000, 200))
    spread = (part[drawn].sum(axis=1) / whole[drawn].sum(axis=1)).std()
    assert ratio_figure(part.tolist(), whole.tolist()).error == pytest.approx(spread, rel=0.1)


def test_kid_of_one_crop_a_face_is_the_paired_distance() -> None:
    rows = [row("full", face) for face in range(5)]
    store = Known()
    made, true = (store.get([f"{side} {face}-0" for face in range(5)]) for side in ("full", "true"))
    expected = kernel_distance(made, true)
    figure = kid_figure(rows, store)
    assert astuple(figure) == pytest.approx((1000 * expected.value, 1000 * expected.standard_error, 5))


def test_kid_with_several_crops_a_face_counts_faces() -> None:
    rows = [row("full", face, crops=1 + face % 2) for face in range(6)]
    crops = [(face, f"{face}-{i}") for face in range(6) for i in range(1 + face % 2)]
    faces = np.array([face for face, _ in crops])
    made, true = (Known().get([f"{side} {name}" for _, name in crops]) for side in ("full", "true"))
    expected = kernel_distance_of_faces(made, true, faces, faces)
    figure = kid_figure(rows, Known())
    assert astuple(figure) == pytest.approx((1000 * expected.value, 1000 * expected.standard_error, 6))


def test_the_truths_kid_is_that_of_its_halves() -> None:
    rows = [row("truth", face) for face in range(8)]
    even, odd = (Known().get([f"true {face}-0" for face in range(first, 8, 2)]) for first in (0, 1))
    expected = kernel_distance(even, odd, paired=False)
    assert kid_figure(rows, Known()).mean == pytest.approx(1000 * expected.value)
    assert kid_figure(rows[:5], Known()) == Figure(None, None, 5)  # two odd faces only


def table() -> dict:
    rows = [
        row(method, face, kind, lpips=0.1 + 0.01 * face, iris_other=other, iris=math.nan if kind == "mouth" else 3.0)
        for kind in ("one_eye", "mouth")
        for method, other in (("full", 9.0), ("mirrored", 4.0), ("truth", 5.0))
        for face in range(3)
    ]  # fmt: skip
    return tabulate_occlusions(rows, Known())


def test_figures_by_method_kind_and_measure() -> None:
    found = table()
    assert list(found) == ["full", "mirrored", "truth"] and list(found["full"]) == ["one_eye", "mouth"]
    assert list(found["full"]["mouth"]) == list(COLUMNS)
    assert found["full"]["one_eye"]["lpips"].mean == pytest.approx(0.11)
    assert found["full"]["one_eye"]["sharpness"].mean == 0.5
    assert found["full"]["mouth"]["iris"].count == 0
    assert from_plain(as_plain(found)) == found


def test_the_best_is_the_lowest_the_highest_or_the_nearest_to_the_truth() -> None:
    found = table()
    assert best(found, "one_eye", "iris_other") == "mirrored"  # 4 is nearer to 5 than 9
    assert best(found, "one_eye", "lpips") == "full" and best(found, "mouth", "iris") is None
    del found["mirrored"]
    assert best(found, "one_eye", "lpips") is None


def test_a_table_a_kind_that_can_be_read_on_a_terminal() -> None:
    text = as_markdown(table())
    first, second = text.split("mouth, 3 faces")
    assert first.startswith("one_eye, 3 faces\n\n| method   |    LPIPS (alex) ↓ |") and "**4.0** ± 0.0" in first
    assert "0.110 ± 0.006" in first and " – |" in second
    for part in (first, second):
        assert len({len(line) for line in part.splitlines() if line.startswith("|")}) == 1


def test_columns_line_up() -> None:
    assert aligned([["a", "long"], ["longer", "1"]]) == "| a      | long |\n| ------ | ---: |\n| longer |    1 |\n"


def test_a_line_a_picture() -> None:
    lines = as_csv([row("full", 0, iris=math.nan)]).splitlines()
    assert lines[0] == f"method,kind,face,share,{','.join(NAMES)}"
    assert lines[1].startswith("full,one_eye,0.png,0.100000,0.500000,0.500000,2.000000,4.000000,0.500000,,0.500000")
