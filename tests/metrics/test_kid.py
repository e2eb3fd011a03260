"""method.md §9: the kernel distance against loops and torchmetrics; pairs; its standard error."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from showface.errors import DataError, NonFiniteError
from showface.metrics.kid import difference_of_distances, kernel_distance, kernel_distance_of_faces


def features(seed: int, count: int, length: int, change: float = 0.3) -> tuple[np.ndarray, np.ndarray]:
    """Not negative, as pooled activations are; the first a disturbed copy of the second."""
    rng = np.random.default_rng(seed)
    truth = np.abs(rng.normal(size=(count, length)))
    return np.abs(truth + change * rng.normal(size=truth.shape)), truth


def k(x: np.ndarray, y: np.ndarray) -> float:
    return float((x @ y / len(x) + 1) ** 3)


def mean(values: list[float]) -> float:
    return sum(values) / len(values)


@given(st.integers(0, 99), st.integers(3, 7), st.integers(3, 7))
def test_independent_sets_equal_loops(seed: int, n: int, m: int) -> None:
    a, b = features(seed, n, 5)[0], features(seed + 100, m, 5)[0]
    expected = (
        mean([k(a[i], a[j]) for i in range(n) for j in range(n) if i != j])
        + mean([k(b[i], b[j]) for i in range(m) for j in range(m) if i != j])
        - 2 * mean([k(x, y) for x in a for y in b])
    )
    assert kernel_distance(a, b, paired=False).value == pytest.approx(expected, rel=1e-9, abs=1e-12)


@given(st.integers(0, 99), st.integers(3, 7))
def test_pairs_equal_loops_without_own_truths(seed: int, n: int) -> None:
    a, b = features(seed, n, 5)
    others = [(i, j) for i in range(n) for j in range(n) if i != j]
    expected = mean([k(a[i], a[j]) + k(b[i], b[j]) - k(a[i], b[j]) - k(a[j], b[i]) for i, j in others])
    assert kernel_distance(a, b).value == pytest.approx(expected, rel=1e-9, abs=1e-12)


@pytest.mark.filterwarnings("ignore:Metric `Kernel Inception Distance` will save:UserWarning")
def test_agrees_with_torchmetrics() -> None:
    """One subset of everything is the usual formula; many subsets scatter about it."""
    kid = pytest.importorskip("torchmetrics.image.kid", reason="needs torchmetrics")
    a, b = features(0, 60, 6, change=1.0)
    ours = kernel_distance(a, b, paired=False).value
    extractor = torch.nn.Identity()
    extractor.num_features = 6
    for subsets, size, tolerance in ((1, 60, 1e-12), (400, 30, 0.1)):
        metric = kid.KernelInceptionDistance(feature=extractor, subsets=subsets, subset_size=size)
        metric.update(torch.from_numpy(b), real=True)
        metric.update(torch.from_numpy(a), real=False)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            found, deviation = (value.item() for value in metric.compute())
        assert abs(found - ours) <= max(tolerance * abs(ours), 4 * deviation / subsets**0.5)


def test_equal_sets_have_no_distance_and_order_does_not_matter() -> None:
    a, b = features(0, 30, 6)
    assert kernel_distance(a, a).value == pytest.approx(0, abs=1e-12)
    found, order = kernel_distance(a, b), np.random.default_rng(0).permutation(30)
    for other in (kernel_distance(a[order], b[order]), kernel_distance(b, a)):
        assert other.value == pytest.approx(found.value, rel=1e-9)
        assert other.standard_error == pytest.approx(found.standard_error, rel=1e-9)


def test_pairs_of_one_distribution_have_none_in_the_mean() -> None:
    """The usual formula takes the likeness of a completion and its own truth for likeness of the sets."""
    pairs = []
    for seed in range(300):
        truth = np.abs(np.random.default_rng(seed).normal(size=(2, 20, 4)))
        half = truth.mean(axis=0)
        pairs.append((np.sqrt(half * truth[0]), np.sqrt(half * truth[1])))  # alike in pairs, of one distribution
    found = np.array([kernel_distance(a, b).value for a, b in pairs])
    error = found.std(ddof=1) / len(found) ** 0.5
    assert abs(found.mean()) < 3 * error
    assert np.mean([kernel_distance(a, b, paired=False).value for a, b in pairs]) < -10 * error


@pytest.mark.parametrize("paired", [True, False])
def test_standard_error_is_that_of_leaving_pictures_out(paired: bool) -> None:
    n = 25
    a, b = features(1, n, 4)
    keep = [np.arange(n) != i for i in range(n)]
    if paired:
        sides = [[kernel_distance(a[i], b[i]).value for i in keep]]
    else:
        sides = [
            [kernel_distance(a[i], b, paired=False).value for i in keep],
            [kernel_distance(a, b[i], paired=False).value for i in keep],
        ]
    variance = sum((n - 1) * np.var(values) for values in sides)
    assert kernel_distance(a, b, paired=paired).standard_error == pytest.approx(variance**0.5, rel=1e-9)


def test_standard_error_is_that_of_other_pictures() -> None:
    found = [kernel_distance(*features(seed, 80, 5, change=1.0)) for seed in range(150)]
    spread = np.std([one.value for one in found], ddof=1)
    assert np.mean([one.standard_error for one in found]) == pytest.approx(spread, rel=0.15)


def test_sets_without_a_distance_are_refused() -> None:
    a = np.ones((4, 3))
    with pytest.raises(DataError, match="at least 3 pictures, got 2 and 4"):
        kernel_distance(a[:2], a, paired=False)
    with pytest.raises(DataError, match="as many completed pictures as truths"):
        kernel_distance(a[:3], a)
    with pytest.raises(NonFiniteError):
        kernel_distance(a, np.full((4, 3), np.inf))


# ---------------------------------------------------------------------------------------------- several rows a face


@given(st.integers(0, 99), st.integers(3, 7))
def test_one_row_a_face_is_the_plain_distance(seed: int, n: int) -> None:
    a, b = features(seed, n, 5)
    faces = np.arange(n)
    for other, paired in ((faces, True), (faces + n, False)):
        plain, grouped = kernel_distance(a, b, paired=paired), kernel_distance_of_faces(a, b, faces, other)
        assert grouped.value == pytest.approx(plain.value, rel=1e-9, abs=1e-12)
        assert grouped.standard_error == pytest.approx(plain.standard_error, rel=1e-9, abs=1e-12)


def test_rows_of_one_face_are_never_compared() -> None:
    a, b = features(1, 7, 5)
    faces = np.array((0, 0, 1, 2, 2, 3, 3))

    def apart(x: np.ndarray, y: np.ndarray) -> float:
        return mean([k(x[i], y[j]) for i in range(7) for j in range(7) if faces[i] != faces[j]])

    expected = apart(a, a) + apart(b, b) - 2 * apart(a, b)
    assert kernel_distance_of_faces(a, b, faces, faces).value == pytest.approx(expected, rel=1e-9)


def test_a_face_is_left_out_with_all_its_rows() -> None:
    a, b = features(2, 7, 5)
    faces = np.array((0, 0, 1, 2, 2, 3, 3))
    values = []
    for face in range(4):
        kept = faces != face
        values.append(kernel_distance_of_faces(a[kept], b[kept], faces[kept], faces[kept]).value)
    expected = np.sqrt(3 * np.var(values))
    assert kernel_distance_of_faces(a, b, faces, faces).standard_error == pytest.approx(expected, rel=1e-9)


def test_copies_of_rows_do_not_shrink_the_error() -> None:
    """Both eyes of a face that look alike are one face's worth of knowledge, not two."""
    a, b = features(3, 40, 5)
    faces = np.arange(40)
    once = kernel_distance_of_faces(a, b, faces, faces)
    twice = kernel_distance_of_faces(a.repeat(2, 0), b.repeat(2, 0), faces.repeat(2), faces.repeat(2))
    assert twice.value == pytest.approx(once.value, rel=1e-9)
    assert twice.standard_error == pytest.approx(once.standard_error, rel=1e-9)


def test_fewer_than_three_faces_are_refused() -> None:
    a, b = features(4, 6, 5)
    with pytest.raises(DataError, match="at least 3 faces in each set, got 2"):
        kernel_distance_of_faces(a, b, np.array((0, 0, 0, 1, 1, 1)), np.arange(6))


# ---------------------------------------------------------------------------------------------- differences


def test_the_difference_of_two_distances_leaves_a_face_out_of_both() -> None:
    a, truth = features(5, 9, 5)
    b, _ = features(6, 8, 5)
    of_a, of_b, of_truth = (
        np.array((0, 0, 1, 2, 2, 3, 3, 4, 4)),
        np.arange(8) % 5,
        np.array((0, 1, 2, 3, 4, 0, 1, 2, 3)),
    )

    def difference(kept: int) -> float:
        sides = [(x[of != kept], of[of != kept]) for x, of in ((a, of_a), (b, of_b), (truth, of_truth))]
        far, near = (kernel_distance_of_faces(x, sides[2][0], of, sides[2][1]).value for x, of in sides[:2])
        return far - near

    found = difference_of_distances(a, b, truth, of_a, of_b, of_truth)
    assert found.value == pytest.approx(difference(-1), rel=1e-9)
    expected = np.sqrt(4 * np.var([difference(face) for face in range(5)]))
    assert found.standard_error == pytest.approx(expected, rel=1e-9)


def test_sets_that_are_alike_do_not_differ_and_others_are_refused() -> None:
    a, truth = features(7, 6, 5)
    faces = np.arange(6)
    same = difference_of_distances(a, a, truth, faces, faces, faces)
    assert (same.value, same.standard_error) == (0, 0)
    for other in (faces + 1, faces // 3):
        with pytest.raises(DataError, match="three sets of the same faces, at least 3"):
            difference_of_distances(a, a, truth, faces, other, faces)
