"""The Fréchet Inception distance between two sets of pictures (Heusel et al. 2017; paper section 4; method.md §9).

    FID = |mean_a - mean_b|² + Tr(C_a + C_b - 2 (C_a C_b)^(1/2)),    C the covariances over n - 1

With the centred features X_a, X_b as rows, Tr (C_a C_b)^(1/2) is the sum of the singular values of
X_a X_bᵀ / sqrt((n_a - 1)(n_b - 1)). No square root of a matrix is taken, so the value is real and exact to rounding for
any number of pictures, also where the covariances are singular.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from showface.errors import DataError, NonFiniteError


@dataclass(frozen=True)
class FrechetDistance:
    """The distance, its standard error over pictures, and what to say wherever it is printed (None: nothing)."""

    value: float
    standard_error: float
    caveat: str | None


def frechet_distance(
    features_a: Float64[np.ndarray, "n d"], features_b: Float64[np.ndarray, "m d"], *, paired: bool = True
) -> FrechetDistance:
    """The Fréchet distance of two sets of features, in practice `InceptionFeatures` with d = 2048.

    `paired`: row i of both belongs to the same face, as completions and their truths do. The value is the same either
    way. The standard error is that of the infinitesimal jackknife: the weight of one picture (both of a pair) is
    varied, all else stays. It tells how much other pictures of the same kind would change the value (in simulations a
    tenth to a fifth too large for pairs fewer than 2,048, up to a half for independent sets). It does not tell of the
    bias: on few pictures the distance is too large, so only equal numbers of pictures may be compared.

    Raises `DataError` for fewer than two pictures, different lengths d, or pairs of different number, and
    `NonFiniteError` for features that are not finite.
    """
    refuse_unfit(features_a, features_b, paired=paired)
    mean_a, mean_b = features_a.mean(axis=0), features_b.mean(axis=0)
    a, b = _scaled(features_a - mean_a), _scaled(features_b - mean_b)  # aᵀa is the covariance
    shared_a, shared_b, shared = _shared(a, b)
    spread_a, spread_b = np.square(a).sum(axis=1), np.square(b).sum(axis=1)
    shift = mean_a - mean_b
    value = shift @ shift + spread_a.sum() + spread_b.sum() - 2 * shared

    # What the value gains per unit of a picture's weight: through the mean, through its side of the trace.
    influence_a = 2 * (features_a - mean_a) @ shift + len(a) * (spread_a - shared_a)
    influence_b = 2 * (mean_b - features_b) @ shift + len(b) * (spread_b - shared_b)
    error = standard_error(influence_a + influence_b) if paired else _joint_error(influence_a, influence_b)
    return FrechetDistance(max(0.0, float(value)), error, _caveat(min(len(a), len(b)), features_a.shape[1]))


def _scaled(centred: Float64[np.ndarray, "n d"]) -> Float64[np.ndarray, "n d"]:
    scaled: Float64[np.ndarray, "n d"] = centred / np.sqrt(len(centred) - 1)
    return scaled


def _shared(
    a: Float64[np.ndarray, "n d"], b: Float64[np.ndarray, "m d"]
) -> tuple[Float64[np.ndarray, " n"], Float64[np.ndarray, " m"], float]:
    """Tr (aᵀa bᵀb)^(1/2) = Tr S of U S Vᵀ = a bᵀ; the diagonals of U S Uᵀ and V S Vᵀ say how much each picture adds."""
    (basis_a, a), (basis_b, b) = _reduced(a), _reduced(b)
    u, s, vt = np.linalg.svd(a @ b.T, full_matrices=False)
    u, v = (u if basis_a is None else basis_a @ u), (vt.T if basis_b is None else basis_b @ vt.T)
    return np.square(u) @ s, np.square(v) @ s, float(s.sum())


def _reduced(
    rows: Float64[np.ndarray, "n d"],
) -> tuple[Float64[np.ndarray, "n d"] | None, Float64[np.ndarray, "_ d"]]:
    """More rows than columns are turned into as many: rows = basis @ reduced. The work then no longer grows as n³."""
    return np.linalg.qr(rows) if rows.shape[0] > rows.shape[1] else (None, rows)


def standard_error(influence: Float64[np.ndarray, " n"]) -> float:
    """Of a value to which the pictures contribute by `influence`, the derivatives by their weights (sum 1)."""
    return float(influence.std(ddof=1) / np.sqrt(len(influence)))


def _joint_error(influence_a: Float64[np.ndarray, " n"], influence_b: Float64[np.ndarray, " m"]) -> float:
    """Independent sets: the variances add."""
    return float(np.hypot(standard_error(influence_a), standard_error(influence_b)))


def _caveat(count: int, dimensions: int) -> str | None:
    """What an honest table says beside the value. The mean takes one degree of freedom."""
    if count > dimensions:
        return None
    return (
        f"{count} pictures for {dimensions} dimensions: singular covariance, too large by an unknown amount; "
        f"compare only with values of the same {count} pictures"
    )


def refuse_unfit(
    features_a: Float64[np.ndarray, "n d"], features_b: Float64[np.ndarray, "m e"], *, paired: bool
) -> None:
    """Refuse sets between which there is no distance."""
    (count_a, length_a), (count_b, length_b) = features_a.shape, features_b.shape
    if length_a != length_b:
        raise DataError(f"expected features of equal length, got {length_a} and {length_b}; use one extractor for both")
    if min(count_a, count_b) < 2:
        raise DataError(f"a distance between sets needs at least 2 pictures in each, got {count_a} and {count_b}")
    if paired and count_a != count_b:
        raise DataError(f"expected as many completed pictures as truths, got {count_a} and {count_b}")
    if not (np.isfinite(features_a).all() and np.isfinite(features_b).all()):
        raise NonFiniteError("features of pictures are not finite; look for the picture whose completion is damaged")
