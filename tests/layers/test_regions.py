"""Region-wise pooling and broadcasting: known answers, round trip, precision, gradients."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from showface.layers.regions import broadcast, downsample_semantic_map, one_hot, region_pool


def test_one_hot_marks_each_label_once_and_unknown_labels_never() -> None:
    planes = one_hot(torch.tensor([[[0, 2], [1, 255]]]), 3)
    assert planes.tolist() == [[[[1, 0], [0, 0]], [[0, 0], [1, 0]], [[0, 1], [0, 0]]]]


def test_pooling_known_answer() -> None:
    features = torch.tensor([[[[1.0, 3.0], [5.0, 7.0]]]])
    vectors, present = region_pool(features, one_hot(torch.tensor([[[0, 0], [2, 0]]]), 3))
    torch.testing.assert_close(vectors, torch.tensor([[[11 / 3], [0.0], [5.0]]]))
    assert present.tolist() == [[True, False, True]]


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), side=st.integers(1, 7), categories=st.integers(1, 5))
def test_pooling_undoes_broadcasting(seed: int, side: int, categories: int) -> None:
    rng = torch.Generator().manual_seed(seed)
    regions = one_hot(torch.randint(0, categories, (2, side, side + 1), generator=rng), categories)
    vectors = torch.randn(2, categories, 3, generator=rng)
    pooled, present = region_pool(broadcast(vectors, regions), regions)
    torch.testing.assert_close(pooled, vectors * present[..., None])


def test_every_cell_receives_the_vector_of_its_label() -> None:
    labels = torch.randint(0, 4, (2, 3, 5))
    vectors = torch.randn(2, 4, 6)
    painted = broadcast(vectors, one_hot(labels, 4))
    expected = torch.stack([vectors[b][labels[b]] for b in range(2)]).movedim(-1, 1)
    assert torch.equal(painted, expected)
    assert painted.is_contiguous(memory_format=torch.channels_last)


def test_visible_pooling_ignores_what_the_hole_holds() -> None:
    labels, mask = torch.zeros(1, 4, 4, dtype=torch.int64), torch.zeros(1, 1, 4, 4)
    mask[..., :2] = 1
    features = torch.randn(1, 3, 4, 4)
    regions = one_hot(labels, 2) * (1 - mask)
    before, _ = region_pool(features, regions)
    after, _ = region_pool(features + 100 * mask, regions)
    assert torch.equal(before, after)
    torch.testing.assert_close(before[:, 0], features[..., 2:].mean(dim=(2, 3)))


def test_full_and_empty_masks_pool_without_nan() -> None:
    regions, features = one_hot(torch.zeros(1, 4, 4, dtype=torch.int64), 2), torch.randn(1, 3, 4, 4)
    nothing, none = region_pool(features, regions * 0)
    assert not none.any() and torch.equal(nothing, torch.zeros(1, 2, 3))
    everything, some = region_pool(features, regions)
    assert some.tolist() == [[True, False]] and everything.isfinite().all()


def test_autocast_does_not_coarsen_the_means() -> None:
    features, regions = torch.randn(1, 8, 64, 64), one_hot(torch.randint(0, 3, (1, 64, 64)), 3)
    exact, _ = region_pool(features, regions)
    with torch.autocast("cpu", torch.bfloat16):
        vectors, _ = region_pool(features, regions)
        painted = broadcast(vectors, regions)
    assert vectors.dtype == painted.dtype == torch.float32
    assert torch.equal(vectors, exact) and torch.equal(painted, broadcast(exact, regions))


def test_half_precision_features_are_summed_in_float32() -> None:
    features = torch.ones(1, 1, 128, 128, dtype=torch.bfloat16)
    vectors, _ = region_pool(features, torch.ones(1, 1, 128, 128))
    assert vectors.dtype == torch.float32 and vectors.item() == 1


def test_gradient_of_pooling_is_one_over_the_region() -> None:
    features = torch.randn(1, 1, 2, 4, requires_grad=True)
    regions = one_hot(torch.tensor([[[0, 0, 0, 1], [0, 1, 1, 1]]]), 2)
    vectors, _ = region_pool(features, regions)
    vectors[0, 0, 0].backward()
    assert features.grad is not None
    torch.testing.assert_close(features.grad, regions[:, :1] / 4)


def test_downsampling_takes_the_centre_label() -> None:
    labels = torch.arange(8).expand(1, 8, 8)
    assert downsample_semantic_map(labels, 2)[0].tolist() == [[2, 6], [2, 6]]
    assert downsample_semantic_map(labels, (4, 8))[0].tolist() == [list(range(8))] * 4
    assert torch.equal(downsample_semantic_map(labels, 8), labels)


def test_downsampling_agrees_with_torch_nearest_exact() -> None:
    labels = torch.randint(0, 14, (2, 30, 21))
    expected = torch.nn.functional.interpolate(labels[:, None].float(), (10, 8), mode="nearest-exact")[:, 0].long()
    assert torch.equal(downsample_semantic_map(labels, (10, 8)), expected)
