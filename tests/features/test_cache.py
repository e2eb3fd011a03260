from __future__ import annotations

import torch
from torch import Tensor

from showface.features.cache import FeatureCache, picture_key


class Means:
    """An extractor that remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def __call__(self, pictures: Tensor) -> Tensor:
        self.asked.append(len(pictures))
        return pictures.float().mean(dim=(2, 3))


def pictures(count: int, seed: int = 0) -> Tensor:
    return torch.randint(0, 256, (count, 3, 8, 6), generator=torch.manual_seed(seed), dtype=torch.uint8)


def test_only_what_is_new_is_computed_and_the_order_is_kept() -> None:
    means = Means()
    cache = FeatureCache(means)
    some = pictures(4)
    assert cache(some[:3]).equal(Means()(some[:3]))
    assert cache(some[[3, 1, 3, 0]]).equal(Means()(some[[3, 1, 3, 0]]))
    assert cache(some.clone()).equal(Means()(some))
    assert means.asked == [3, 1] and cache.computed == 4


def test_beyond_its_capacity_the_longest_unused_go() -> None:
    means = Means()
    cache = FeatureCache(means, capacity=2)
    first, second, third = pictures(3).split(1)
    for one in (first, second, first, third, first, second):
        cache(one)
    assert means.asked == [1, 1, 1, 1]  # the second was forgotten for the third
    assert cache(pictures(5, seed=1)).equal(Means()(pictures(5, seed=1)))  # more at once than are kept


def test_what_is_kept_is_not_changed_from_outside() -> None:
    cache = FeatureCache(Means())
    some = pictures(2)
    cache(some).zero_()
    assert cache(some).equal(Means()(some))


def test_pixels_size_and_order_make_the_key() -> None:
    one = pictures(1)[0]
    assert picture_key(one) == picture_key(one.flip(2).flip(2))
    assert picture_key(one) != picture_key(one.reshape(3, 6, 8))
    assert picture_key(one) != picture_key(one.flip(0))
