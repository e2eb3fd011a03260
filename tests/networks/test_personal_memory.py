"""The personal block: what is seen of the very person answers, the trained slots where nothing of a category is."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from showface.networks.disentangled_memory import (
    DisentangledMemory,
    MemoryConfig,
    Personal,
    aggregate,
    cosine_similarity,
    moved_slots,
    read_personal,
    soft_scores,
)

CONFIG = MemoryConfig(categories=3, slots=4, channels=5, temperature=0.1, personal=True)


def given() -> tuple[Tensor, Personal]:
    """Queries of two people, and vectors of three pictures of each; of the last category none shows anything."""
    generator = torch.Generator().manual_seed(0)
    vectors = torch.randn(2, 3, 3, 5, generator=generator)
    seen = torch.ones(2, 3, 3, dtype=torch.bool)
    seen[:, 2] = False
    seen[0, 1, 1] = False
    return torch.randn(2, 3, 5, generator=generator), Personal(vectors, seen)


def memory(**fields: Any) -> DisentangledMemory:
    """With slots in every block."""
    made = DisentangledMemory(replace(CONFIG, **fields))
    made.slots.copy_(torch.randn(3, 4, 5, generator=torch.Generator().manual_seed(0)))
    made.initialised.fill_(True)
    made.seen.fill_(1000)
    return made


def test_read_known_answer() -> None:
    """Cosines 1, 0 and -1 with the query, at temperature 1/2; what is not seen has no share, whatever it is."""
    vectors = torch.tensor([[2.0, 0.0], [0.0, 3.0], [-1.0, 0.0], [9.0, 9.0]])[None, None]
    personal = Personal(vectors, torch.tensor([[[True, True, True, False]]]))
    config = MemoryConfig(categories=1, channels=2, temperature=0.5, personal=True)
    shares = [math.exp(2 * cosine) for cosine in (1, 0, -1)]
    expected = [shares[0] * 2 - shares[2] * 1, shares[1] * 3]
    got = read_personal(personal, torch.tensor([[[7.0, 0.0]]]), config)
    torch.testing.assert_close(got, torch.tensor([[expected]]) / sum(shares))


def test_a_single_vector_is_the_answer_whatever_the_query() -> None:
    queries, personal = given()
    single = Personal(*(part[:, :, :1] for part in personal))
    torch.testing.assert_close(memory().read(queries, single).vectors[:, :2], single.vectors[:, :2, 0])


def test_it_is_eq_1_to_5_on_a_copy_of_the_memory_with_decay_0() -> None:
    """Each vector moves the slot that chose it, Eq. 3 with alpha = 0, all the way; then the block is read."""
    queries, personal = given()
    for person in range(2):
        own, seen = personal.vectors[person], personal.seen[person]  # (n, k, c), (n, k)
        chosen = torch.eye(3)[:, None].expand(3, 3, 3) * seen.T[..., None]  # vector j moves slot j of its category
        block = moved_slots(torch.randn(3, 3, 5), own.transpose(0, 1), chosen, 0.0)
        torch.testing.assert_close(block[seen], own[seen])
        query = queries[person : person + 1]
        scores = soft_scores(cosine_similarity(block, query), seen, CONFIG.temperature)
        got = memory().read(queries, personal).vectors[person, :2]
        torch.testing.assert_close(got, aggregate(scores, block)[0, :2])


def test_categories_of_which_nothing_is_seen_read_the_trained_slots() -> None:
    queries, personal = given()
    plain, got = memory().read(queries), memory().read(queries, personal)
    assert torch.equal(got.vectors[:, 2], plain.vectors[:, 2]) and torch.equal(got.weights[:, 2], plain.weights[:, 2])
    assert not got.weights[:, :2].any() and not torch.isclose(got.vectors[:, :2], plain.vectors[:, :2]).any()


def test_where_nothing_is_seen_at_all_everything_is_as_before() -> None:
    queries, personal = given()
    blind = Personal(personal.vectors, torch.zeros_like(personal.seen))
    for got, expected in zip(memory().read(queries, blind), memory().read(queries), strict=True):
        assert torch.equal(got, expected)


def test_a_memory_that_is_not_asked_for_it_ignores_the_person() -> None:
    queries, personal = given()
    plain = memory(personal=False)
    assert torch.equal(plain.read(queries, personal).vectors, plain.read(queries).vectors)


def test_what_is_not_seen_does_not_matter_nor_the_order() -> None:
    queries, personal = given()
    other = Personal(torch.where(personal.seen[..., None], personal.vectors, 1e6), personal.seen)
    turned = Personal(personal.vectors.flip(2), personal.seen.flip(2))
    expected = memory().read(queries, personal).vectors
    assert torch.equal(memory().read(queries, other).vectors, expected)
    torch.testing.assert_close(memory().read(queries, turned).vectors, expected)


def test_an_empty_block_of_slots_still_answers_with_the_query() -> None:
    queries, personal = given()
    got = DisentangledMemory(CONFIG).read(queries, personal)
    assert torch.equal(got.vectors[:, 2], queries[:, 2])
    assert torch.equal(got.vectors[:, :2], memory().read(queries, personal).vectors[:, :2])


def test_gradients_reach_vectors_and_queries_and_no_slot_moves() -> None:
    queries, personal = given()
    queries.requires_grad_()
    vectors = personal.vectors.requires_grad_()
    made = memory()
    before = made.slots.clone()
    made.read(queries, personal).vectors.square().sum().backward()
    assert queries.grad is not None and vectors.grad is not None and vectors.grad.isfinite().all()
    assert (queries.grad.abs().sum(dim=2) > 0).all(), "through the scores of the block, or of the slots"
    assert torch.equal(vectors.grad.abs().sum(dim=3) > 0, personal.seen)
    assert torch.equal(made.slots, before)


def test_under_autocast_it_is_read_in_float32() -> None:
    queries, personal = given()
    with torch.autocast("cpu", torch.bfloat16):
        got = memory().read(queries, personal).vectors
    assert torch.equal(got, memory().read(queries, personal).vectors)


def test_the_nearest_is_read_more_than_the_others() -> None:
    queries, personal = given()
    got = memory(temperature=0.01).read(queries, personal).vectors
    cosines = F.cosine_similarity(personal.vectors, queries[:, :, None], dim=3).masked_fill(~personal.seen, -2)
    nearest = personal.vectors.gather(2, cosines.argmax(dim=2)[..., None, None].expand(-1, -1, 1, 5))[:, :, 0]
    assert pytest.approx(1, abs=0.05) == F.cosine_similarity(got[:, :2], nearest[:, :2], dim=2).min().item()
