"""method.md §9: the Fréchet distance against hand values, SciPy's matrix root and torchmetrics; faults.md 38."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.linalg import sqrtm

from showface.errors import DataError, NonFiniteError
from showface.metrics.fid import frechet_distance, refuse_unfit


def features(seed: int, count: int, length: int) -> tuple[np.ndarray, np.ndarray]:
    """Correlated, not negative, as pooled activations are; the second a disturbed copy of the first."""
    rng = np.random.default_rng(seed)
    mixing = rng.normal(size=(length, length)) / length**0.5
    truth = np.abs(rng.normal(size=(count, length)) @ mixing)
    return np.abs(truth * 0.9 + 0.05 + 0.3 * rng.normal(size=truth.shape) @ mixing), truth


def published_formula(a: np.ndarray, b: np.ndarray) -> float:
    """As printed, with the root of the product of the covariances."""
    covariance_a, covariance_b = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    root = sqrtm(covariance_a @ covariance_b).real
    shift = a.mean(axis=0) - b.mean(axis=0)
    return float(shift @ shift + np.trace(covariance_a + covariance_b - 2 * root))


@given(st.integers(0, 99), st.integers(2, 30), st.integers(2, 30))
def test_in_one_dimension_it_is_means_and_deviations(seed: int, n: int, m: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = rng.normal(1, 2, (n, 1)), rng.normal(-1, 3, (m, 1))
    expected = (a.mean() - b.mean()) ** 2 + (a.std(ddof=1) - b.std(ddof=1)) ** 2
    assert frechet_distance(a, b, paired=False).value == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_known_values() -> None:
    a = features(0, 50, 8)[1]
    assert frechet_distance(a, a).value == pytest.approx(0, abs=1e-12)
    assert frechet_distance(a + 2, a).value == pytest.approx(8 * 2**2)
    centred = a - a.mean(axis=0)
    assert frechet_distance(3 * centred, centred).value == pytest.approx(4 * np.trace(np.cov(a, rowvar=False)))


@pytest.mark.parametrize("seed", range(3))
def test_agrees_with_the_root_of_the_matrix(seed: int) -> None:
    a, b = features(seed, 60, 12)
    assert frechet_distance(a, b).value == pytest.approx(published_formula(a, b), rel=1e-8)
    fewer = frechet_distance(a, b[:40], paired=False).value
    assert fewer == pytest.approx(published_formula(a, b[:40]), rel=1e-8)


def test_agrees_with_torchmetrics() -> None:
    fid = pytest.importorskip("torchmetrics.image.fid", reason="needs torchmetrics")
    a, b = features(3, 60, 12)
    extractor = torch.nn.Identity()
    extractor.num_features = 12
    metric = fid.FrechetInceptionDistance(feature=extractor)
    metric.update(torch.from_numpy(b), real=True)
    metric.update(torch.from_numpy(a), real=False)
    assert frechet_distance(a, b).value == pytest.approx(metric.compute().item(), rel=1e-8)


@given(st.integers(0, 99), st.integers(3, 12))
def test_singular_covariances_give_a_real_value_and_a_caveat(seed: int, count: int) -> None:
    """Against the root of the symmetric product, whose eigenvalues are real."""
    a, b = features(seed, count, 12)
    found = frechet_distance(a, b)
    values, vectors = np.linalg.eigh(np.cov(a, rowvar=False))
    root = vectors * np.sqrt(values.clip(min=0)) @ vectors.T
    middle = np.linalg.eigvalsh(root @ np.cov(b, rowvar=False) @ root).clip(min=0)
    shift = a.mean(axis=0) - b.mean(axis=0)
    spread = a.var(axis=0, ddof=1).sum() + b.var(axis=0, ddof=1).sum()
    assert found.value == pytest.approx(shift @ shift + spread - 2 * np.sqrt(middle).sum(), rel=1e-5)
    assert found.caveat is not None and f"{count} pictures for 12 dimensions" in found.caveat
    assert np.isfinite(found.standard_error)


def test_copies_and_constant_features_are_no_obstacle() -> None:
    """Rank deficiency with enough pictures: the same few pictures again and again, features that are always 0."""
    a, b = (np.repeat(x, 10, axis=0) for x in features(0, 5, 8))
    a[:, 3] = b[:, 3] = 0
    found = frechet_distance(a, b)
    assert found.caveat is None
    assert np.isfinite([found.value, found.standard_error]).all() and found.value > 0
    assert frechet_distance(np.ones((9, 8)), np.ones((9, 8))).value == 0


@given(st.integers(0, 99))
def test_neither_order_nor_side_matters(seed: int) -> None:
    a, b = features(seed, 30, 6)
    found, order = frechet_distance(a, b), np.random.default_rng(seed).permutation(30)
    shuffled, swapped = frechet_distance(a[order], b[order]), frechet_distance(b, a)
    for other in (shuffled, swapped):
        assert other.value == pytest.approx(found.value, rel=1e-9)
        assert other.standard_error == pytest.approx(found.standard_error, rel=1e-6)


@pytest.mark.parametrize(("count", "length", "paired"), [(120, 6, True), (120, 6, False), (30, 40, True)])
def test_standard_error_is_nearly_that_of_leaving_pictures_out(count: int, length: int, paired: bool) -> None:
    a, b = features(4, count, length)
    keep = [np.arange(count) != i for i in range(count)]
    if paired:
        sides = [[frechet_distance(a[k], b[k]).value for k in keep]]
    else:
        sides = [
            [frechet_distance(a[k], b, paired=False).value for k in keep],
            [frechet_distance(a, b[k], paired=False).value for k in keep],
        ]
    variance = sum((count - 1) * np.var(values) for values in sides)
    tolerance = 0.1 if count > length else 0.25
    assert frechet_distance(a, b, paired=paired).standard_error == pytest.approx(variance**0.5, rel=tolerance)


@pytest.mark.parametrize(("count", "length", "tolerance"), [(100, 6, 0.15), (20, 30, 0.3)])
def test_standard_error_is_that_of_other_pictures(count: int, length: int, tolerance: float) -> None:
    """200 times other pictures of the same kind: what the value varies by is what is said of it."""
    found = [frechet_distance(*normal_pairs(seed, count, length)) for seed in range(200)]
    spread = np.std([one.value for one in found], ddof=1)
    assert np.mean([one.standard_error for one in found]) == pytest.approx(spread, rel=tolerance)


def normal_pairs(seed: int, count: int, length: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=(count, length))
    return truth * 0.7 + 0.3 + 0.3 * rng.normal(size=truth.shape), truth


def test_sets_without_a_distance_are_refused() -> None:
    a = np.ones((4, 3))
    with pytest.raises(DataError, match="equal length, got 3 and 2"):
        refuse_unfit(a, a[:, :2], paired=False)
    with pytest.raises(DataError, match="at least 2 pictures in each, got 1 and 4"):
        frechet_distance(a[:1], a, paired=False)
    with pytest.raises(DataError, match="as many completed pictures as truths, got 3 and 4"):
        frechet_distance(a[:3], a)
    with pytest.raises(NonFiniteError):
        frechet_distance(np.full((4, 3), np.nan), a)
