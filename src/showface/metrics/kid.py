"""The kernel Inception distance between two sets of pictures (Bińkowski et al. 2018; method.md §9).

The squared maximum mean discrepancy of Inception features under the kernel k(x, y) = (x·y / d + 1)³, estimated without
bias. Published code averages the estimate over random subsets; here it is taken over all pictures at once, which is the
mean over all subsets of any one size, so that nothing depends on chance.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Integer

from showface.errors import DataError
from showface.metrics.fid import refuse_unfit


@dataclass(frozen=True)
class KernelDistance:
    """The distance and its standard error over pictures. It may fall below 0 by chance, as an unbiased one must."""

    value: float
    standard_error: float


def kernel_distance(
    features_a: Float64[np.ndarray, "n d"], features_b: Float64[np.ndarray, "m d"], *, paired: bool = True
) -> KernelDistance:
    """The kernel distance of two sets of features and its jackknife standard error (one picture left out at a time).

    `paired`: row i of both belongs to the same face, as completions and their truths do. Then a completion is compared
    with all truths but its own, which it resembles by construction: with it the estimate would be too small by
    2 (mean k(own truth) - mean k(other truths)) / n, more than the distance itself on a few hundred pictures.
    `paired=False` is the usual formula for independent sets.

    Raises `DataError` for fewer than three pictures, different lengths d, or pairs of different number, and
    `NonFiniteError` for features that are not finite.
    """
    refuse_unfit(features_a, features_b, paired=paired)
    if min(len(features_a), len(features_b)) < 3:
        raise DataError(f"a kernel distance needs at least 3 pictures, got {len(features_a)} and {len(features_b)}")
    within_a, within_b = kernel(features_a, features_a), kernel(features_b, features_b)
    across = kernel(features_a, features_b)
    np.fill_diagonal(within_a, 0)
    np.fill_diagonal(within_b, 0)
    return _paired(within_a, within_b, across) if paired else _independent(within_a, within_b, across)


def kernel_distance_of_faces(
    features_a: Float64[np.ndarray, "n d"],
    features_b: Float64[np.ndarray, "m d"],
    faces_a: Integer[np.ndarray, " n"],
    faces_b: Integer[np.ndarray, " m"],
) -> KernelDistance:
    """The same where a face may bring several rows, both its eyes for instance; `faces_a[i]` is the face of row i.

    Rows of one face are never compared, within a set or across, and the jackknife leaves out whole faces: those that
    both sets have from both, as of completions and their truths; for faces of one set only the variances add. With
    one row a face that is `kernel_distance`, paired for equal faces and independent for disjoint ones.

    Raises `DataError` for fewer than three faces in either set.
    """
    refuse_unfit(features_a, features_b, paired=False)
    names, places = np.unique(np.concatenate([faces_a, faces_b]), return_inverse=True)
    a, b = places[: len(faces_a)], places[len(faces_a) :]
    if (fewest := min(len(np.unique(a)), len(np.unique(b)))) < 3:
        raise DataError(f"a kernel distance needs at least 3 faces in each set, got {fewest}")
    sides = ((features_a, a, features_a, a), (features_b, b, features_b, b), (features_a, a, features_b, b))
    (in_a, left_a), (in_b, left_b), (across, left) = (_between_faces(*side, len(names)) for side in sides)
    left_out = left_a + left_b - 2 * left  # without each face in turn
    held = np.isin(np.arange(len(names)), a) + 2 * np.isin(np.arange(len(names)), b)  # by the first, the second, both
    variance = sum(_jackknife_variance(left_out[held == by]) for by in (1, 2, 3) if (held == by).any())
    return KernelDistance(in_a + in_b - 2 * across, float(np.sqrt(variance)))


def difference_of_distances(
    features_a: Float64[np.ndarray, "n d"],
    features_b: Float64[np.ndarray, "m d"],
    truths: Float64[np.ndarray, "k d"],
    faces_a: Integer[np.ndarray, " n"],
    faces_b: Integer[np.ndarray, " m"],
    faces_of_truths: Integer[np.ndarray, " k"],
) -> KernelDistance:
    """How much further from `truths` the first set lies than the second, both completions of the same faces.

    The jackknife leaves a face out of all three sets at once, so what the two have in common does not count: the error
    is smaller than those of two methods' distances would suggest.

    Raises `DataError` for fewer than three faces, or sets that are not of the same faces.
    """
    for features in (features_a, features_b):
        refuse_unfit(features, truths, paired=False)
    names, a = np.unique(faces_a, return_inverse=True)
    (names_b, b), (names_of_truths, t) = (
        np.unique(faces, return_inverse=True) for faces in (faces_b, faces_of_truths)
    )  # fmt: skip
    if len(names) < 3 or not (np.array_equal(names, names_b) and np.array_equal(names, names_of_truths)):
        counts = f"{len(names)}, {len(names_b)} and {len(names_of_truths)}"
        raise DataError(f"expected three sets of the same faces, at least 3, got {counts} faces")
    count = len(names)
    (in_a, left_a), (across_a, apart_a) = (
        _between_faces(features_a, a, *other, count) for other in ((features_a, a), (truths, t))
    )
    (in_b, left_b), (across_b, apart_b) = (
        _between_faces(features_b, b, *other, count) for other in ((features_b, b), (truths, t))
    )
    left_out = left_a - left_b - 2 * (apart_a - apart_b)  # without each face in turn
    value = in_a - in_b - 2 * (across_a - across_b)
    return KernelDistance(value, float(np.sqrt(_jackknife_variance(left_out))))


def _between_faces(
    x: Float64[np.ndarray, "n d"], of_x: Integer[np.ndarray, " n"],
    y: Float64[np.ndarray, "m d"], of_y: Integer[np.ndarray, " m"], count: int,
) -> tuple[float, Float64[np.ndarray, " faces"]]:  # fmt: skip
    """The mean of the kernel over rows of different faces, and that mean without each of `count` faces in turn."""
    others = (of_x[:, None] != of_y).astype(np.float64)
    sums, numbers = (
        (table.sum(), np.bincount(of_x, table.sum(axis=1), count) + np.bincount(of_y, table.sum(axis=0), count))
        for table in (kernel(x, y) * others, others)
    )
    return float(sums[0] / numbers[0]), (sums[0] - sums[1]) / (numbers[0] - numbers[1])


def kernel(x: Float64[np.ndarray, "n d"], y: Float64[np.ndarray, "m d"]) -> Float64[np.ndarray, "n m"]:
    """(x·y / d + 1)³ of every row of `x` with every row of `y`."""
    values: Float64[np.ndarray, "n m"] = (x @ y.T / x.shape[1] + 1) ** 3
    return values


def _paired(
    within_a: Float64[np.ndarray, "n n"], within_b: Float64[np.ndarray, "n n"], across: Float64[np.ndarray, "n n"]
) -> KernelDistance:
    """The mean of k(a_i, a_j) + k(b_i, b_j) - k(a_i, b_j) - k(a_j, b_i) over i ≠ j, and without each picture."""
    n = len(across)
    np.fill_diagonal(across, 0)
    rows = (within_a + within_b - across - across.T).sum(axis=1)
    total = rows.sum()
    left_out = (total - 2 * rows) / ((n - 1) * (n - 2))
    return KernelDistance(float(total / (n * (n - 1))), float(np.sqrt(_jackknife_variance(left_out))))


def _independent(
    within_a: Float64[np.ndarray, "n n"], within_b: Float64[np.ndarray, "m m"], across: Float64[np.ndarray, "n m"]
) -> KernelDistance:
    """mean_{i≠j} k(a_i, a_j) + mean_{i≠j} k(b_i, b_j) - 2 mean k(a_i, b_j); the variances of the two sets add."""
    inside_a, left_a = _inside(within_a)
    inside_b, left_b = _inside(within_b)
    n, m = across.shape
    between = across.sum()
    without_a = left_a + inside_b - 2 * (between - across.sum(axis=1)) / ((n - 1) * m)
    without_b = inside_a + left_b - 2 * (between - across.sum(axis=0)) / (n * (m - 1))
    error = np.sqrt(_jackknife_variance(without_a) + _jackknife_variance(without_b))
    return KernelDistance(float(inside_a + inside_b - 2 * between / (n * m)), float(error))


def _inside(within: Float64[np.ndarray, "n n"]) -> tuple[float, Float64[np.ndarray, " n"]]:
    """The mean over i ≠ j, and that mean without each picture in turn; the diagonal is 0."""
    n, rows = len(within), within.sum(axis=1)
    total = float(rows.sum())
    return total / (n * (n - 1)), (total - 2 * rows) / ((n - 1) * (n - 2))


def _jackknife_variance(left_out: Float64[np.ndarray, " n"]) -> float:
    """(n - 1) / n times the sum of squares of the values without one picture each, about their mean."""
    return float((len(left_out) - 1) * left_out.var())
