"""Disentangled memory: equations, first slots, independence of order and ranks, precision, gradients."""

from __future__ import annotations

import copy
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F

from showface.errors import SettingError
from showface.networks.disentangled_memory import (
    VECTORS_PER_SLOT,
    DisentangledMemory,
    MemoryConfig,
    cosine_similarity,
    farthest_points,
    moved_slots,
    nearest_slot,
    read_sharpness,
    slot_entropy,
    soft_scores,
    spread,
)

SMALL: dict[str, Any] = {"categories": 3, "slots": 4, "channels": 5, "decay": 0.9}
Batch = tuple[Tensor, Tensor, Tensor]


def batch(size: int = 8, seed: int = 0, *, categories: int = 3, channels: int = 5) -> Batch:
    """Queries, visible vectors near them, and validity in about three of four places."""
    rng = torch.Generator().manual_seed(seed)
    queries = torch.randn(size, categories, channels, generator=rng).tanh()
    visible = queries + 0.1 * torch.randn(queries.shape, generator=rng)
    return queries, visible, torch.rand(size, categories, generator=rng) < 0.75


def taught(steps: int = 6, **fields: Any) -> DisentangledMemory:
    """A small memory after some batches; all its blocks have stopped collecting."""
    memory = DisentangledMemory(MemoryConfig(**SMALL | fields))
    for step in range(steps):
        memory.update(*batch(seed=step))
    assert (memory.seen >= VECTORS_PER_SLOT * memory.config.slots).all()
    return memory


def state(memory: DisentangledMemory) -> dict[str, Tensor]:
    return copy.deepcopy(dict(memory.named_buffers()))


def assert_same_state(one: dict[str, Tensor], other: dict[str, Tensor]) -> None:
    assert one.keys() == other.keys()
    for name, tensor in one.items():
        assert torch.equal(tensor, other[name]), name


# the equations


def test_cosine_known_answer() -> None:
    slots = torch.tensor([[[2.0, 0.0], [0.0, 3.0], [-1.0, 0.0]], [[1.0, 1.0], [0.0, 0.0], [1.0, -1.0]]])
    queries = torch.tensor([[[5.0, 0.0], [1.0, 0.0]], [[0.0, 0.0], [0.0, 1.0]]])
    half = math.sqrt(0.5)
    expected = torch.tensor([[[1.0, 0.0, -1.0], [half, 0.0, half]], [[0.0, 0.0, 0.0], [half, 0.0, -half]]])
    torch.testing.assert_close(cosine_similarity(slots, queries), expected)


def test_nearest_slot_is_usable_and_the_first_of_equals() -> None:
    similarity = torch.tensor([[[0.9, 0.5, 0.5]], [[0.9, -1.0, -0.99]]])
    assert nearest_slot(similarity, torch.tensor([[False, True, True]])).tolist() == [[1], [2]]


def test_one_step_towards_the_mean_and_no_decay_of_the_others() -> None:
    slots = torch.tensor([[[1.0], [2.0], [3.0]]])
    chosen = torch.tensor([[[1.0, 0, 0]], [[1.0, 0, 0]], [[0, 0, 1.0]]])
    moved = moved_slots(slots, torch.tensor([[[3.0]], [[5.0]], [[13.0]]]), chosen, 0.9)
    torch.testing.assert_close(moved, torch.tensor([[[0.9 * 1 + 0.1 * 4], [2.0], [0.9 * 3 + 0.1 * 13]]]))
    assert moved[0, 1] == 2


def test_a_high_cosine_hardly_stands_out_at_temperature_one() -> None:
    """The paper's soft-max: one cosine of .95 among .3 gets .11 of 16 slots, and nearly all at temperature 0.1."""
    similarity = torch.full((1, 1, 16), 0.3)
    similarity[..., 0] = 0.95
    usable = torch.ones(1, 16, dtype=torch.bool)
    assert soft_scores(similarity, usable, 1.0)[0, 0, 0].item() == pytest.approx(0.113, abs=1e-3)
    assert soft_scores(similarity, usable, 0.1)[0, 0, 0].item() == pytest.approx(0.978, abs=1e-3)


def test_unusable_slots_get_no_share() -> None:
    scores = soft_scores(torch.zeros(1, 2, 3), torch.tensor([[True, False, True], [False] * 3]), 1.0)
    assert scores[0].tolist() == [[0.5, 0, 0.5], [0, 0, 0]]


# the first slots


def test_spread_known_answer() -> None:
    half = math.sqrt(0.5)
    slots = torch.tensor([[[1.0, 0.0], [0.0, 2.0]], [[1.0, 0.0], [7.0, 7.0]], [[3.0, 4.0], [6.0, 8.0]]])
    usable = torch.tensor([[True, True], [True, False], [True, True]])
    expected = torch.tensor([[1 - half], [1e-4], [1e-4]])  # a right angle; a single slot; two alike
    torch.testing.assert_close(spread(slots, usable), expected)


def test_a_temperature_of_the_spread_keeps_reads_sharp_when_styles_move_together() -> None:
    """All vectors moved towards a common one, as style vectors do in training: the cosine's differences shrink."""
    memory = taught(temperature=0.5, temperature_unit="spread")
    fixed = taught(temperature=0.05)
    queries = batch(seed=9)[0]
    common = 20 * F.normalize(torch.ones(5), dim=0)
    before = [m.read(queries).weights.amax(dim=-1).mean() for m in (memory, fixed)]
    for m in (memory, fixed):
        m.slots += common
    after = [m.read(queries + common).weights.amax(dim=-1).mean() for m in (memory, fixed)]
    assert after[0] > 0.6 * before[0]
    assert after[1] < 0.5 * before[1]


def test_farthest_points_known_answer() -> None:
    """On a fan of directions: the middle one first, then the ends, then what is left."""
    angles = torch.tensor([0.0, 0.3, 0.9, 1.4]) * math.pi / 2
    candidates = torch.stack([angles.cos(), angles.sin()], dim=-1)[None]
    picks, real = farthest_points(candidates, torch.ones(1, 4, dtype=torch.bool), 4)
    assert picks.tolist() == [[2, 0, 3, 1]] and real.all()


def test_farthest_points_are_distinct_and_valid() -> None:
    twins = torch.tensor([[[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]], [[1.0, 0.0]] * 4])
    picks, real = farthest_points(twins, torch.tensor([[True, True, True, False], [False] * 4]), 3)
    assert real.tolist() == [[True, True, False], [False] * 3]
    assert picks[0, :2].tolist() == [0, 2]


def test_first_slots_are_vectors_that_were_seen() -> None:
    memory, (queries, visible, valid) = DisentangledMemory(MemoryConfig(**SMALL)), batch()
    memory.update(queries, visible, valid)
    for category in range(3):
        seen = visible[valid[:, category], category]
        for slot in memory.slots[category][memory.initialised[category]]:
            assert (slot == seen).all(dim=-1).any()
        assert memory.initialised[category].sum() == min(4, len(seen))


def test_blocks_collect_first_and_move_afterwards() -> None:
    memory = DisentangledMemory(MemoryConfig(**SMALL))
    queries, visible, _ = batch()
    valid = torch.ones(8, 3, dtype=torch.bool)
    memory.update(queries, visible, valid)
    memory.update(queries, visible, valid)
    assert memory.seen.tolist() == [16] * 3 and memory.usage.sum() == 0
    before = memory.slots.clone()
    memory.update(queries, visible, valid)
    assert memory.seen.tolist() == [16] * 3 and memory.usage.sum(dim=-1).tolist() == [8] * 3
    assert torch.equal((memory.slots != before).any(dim=-1), memory.usage > 0)


@settings(max_examples=20, deadline=None)
@given(order=st.permutations(range(8)), reseed=st.sampled_from([0, 2]))
def test_the_order_of_a_batch_does_not_matter(order: list[int], reseed: int) -> None:
    one, other = (DisentangledMemory(MemoryConfig(**SMALL | {"reseed_after": reseed})) for _ in range(2))
    for step in range(6):
        parts = batch(seed=step)
        one.update(*parts)
        other.update(*(part[order] for part in parts))
    for name, tensor in one.named_buffers():
        torch.testing.assert_close(tensor, other.get_buffer(name))


def test_an_absent_category_leaves_its_block_bit_identical() -> None:
    memory = taught(reseed_after=1)
    before = state(memory)
    queries, visible, valid = batch(seed=99)
    valid[:] = True
    valid[:, 1] = False
    memory.update(queries, visible, valid)
    for name, tensor in memory.named_buffers():
        assert torch.equal(tensor[1], before[name][1]), name
    assert not torch.equal(memory.slots[0], before["slots"][0])


def test_an_absent_category_is_left_alone_while_collecting() -> None:
    memory = DisentangledMemory(MemoryConfig(**SMALL))
    memory.update(*batch())
    before = state(memory)
    queries, visible, valid = batch(seed=1)
    memory.update(queries, visible, valid & torch.tensor([True, False, True]))
    for name, tensor in memory.named_buffers():
        assert torch.equal(tensor[1], before[name][1]), name


def test_a_batch_without_any_valid_category_changes_nothing() -> None:
    memory = taught()
    before = state(memory)
    queries, visible, valid = batch(seed=9)
    memory.update(queries, visible, valid & False)
    assert_same_state(state(memory), before)


@pytest.mark.parametrize("training", [True, False])
def test_reading_leaves_the_state_bit_identical(training: bool) -> None:
    memory = taught().train(training)
    before = state(memory)
    queries = batch(seed=9)[0].requires_grad_()
    memory.read(queries).vectors.sum()
    assert_same_state(state(memory), before)


def test_one_rank_of_eight_equals_two_ranks_of_four(tmp_path: Path) -> None:
    setting = SMALL | {"reseed_after": 2}
    batches = [batch(seed=step) for step in range(6)]
    torch.save((setting, batches), tmp_path / "batches.pt")
    script = str(Path(__file__).with_name("two_ranks.py"))
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    ranks = [
        subprocess.Popen([sys.executable, script, str(rank), str(tmp_path)], env=environment, stderr=subprocess.PIPE)
        for rank in range(2)
    ]
    for rank in ranks:
        _, complaint = rank.communicate(timeout=120)
        assert rank.returncode == 0, complaint.decode()
    alone = DisentangledMemory(MemoryConfig(**setting))
    for parts in batches:
        alone.update(*parts)
    assert alone.usage.sum() > 0
    for number in range(2):
        assert_same_state(torch.load(tmp_path / f"rank{number}.pt", weights_only=True), state(alone))


# reading


def test_read_known_answer() -> None:
    memory = DisentangledMemory(MemoryConfig(categories=1, slots=3, channels=2))
    memory.slots.copy_(torch.tensor([[[2.0, 0.0], [0.0, 4.0], [9.0, 9.0]]]))
    memory.initialised.copy_(torch.tensor([[True, True, False]]))
    vectors, weights = memory.read(torch.tensor([[[3.0, 0.0]]]))
    first = math.e / (math.e + 1)
    torch.testing.assert_close(weights, torch.tensor([[[first, 1 - first, 0.0]]]))
    torch.testing.assert_close(vectors, torch.tensor([[[2 * first, 4 * (1 - first)]]]))


def test_an_empty_block_answers_with_the_query() -> None:
    memory, queries = DisentangledMemory(MemoryConfig(**SMALL)), batch()[0].requires_grad_()
    vectors, weights = memory.read(queries)
    assert torch.equal(vectors, queries) and not weights.any()
    vectors.sum().backward()
    assert queries.grad is not None and (queries.grad == 1).all()


def test_gradient_reaches_the_queries_and_not_the_slots() -> None:
    memory, queries = taught(), batch(seed=9)[0].requires_grad_()
    memory.read(queries).vectors.sum().backward()
    assert queries.grad is not None and (queries.grad.abs().sum(dim=-1) > 0).all()
    assert not memory.slots.requires_grad and not list(memory.parameters())


def test_update_takes_no_gradient() -> None:
    memory, (queries, visible, valid) = taught(), batch(seed=9)
    memory.update(queries.requires_grad_(), visible.requires_grad_(), valid)
    assert not memory.slots.requires_grad


def test_an_update_between_read_and_backward_is_harmless() -> None:
    memory, queries = taught(), batch(seed=9)[0].requires_grad_()
    (expected,) = torch.autograd.grad(memory.read(queries).vectors.sum(), queries)
    vectors = memory.read(queries).vectors
    memory.update(*batch(seed=10))
    (gradient,) = torch.autograd.grad(vectors.sum(), queries)
    assert torch.equal(gradient, expected)


def test_zero_queries_read_the_mean_without_nan() -> None:
    memory, queries = taught(), torch.zeros(1, 3, 5, requires_grad=True)
    vectors = memory.read(queries).vectors
    torch.testing.assert_close(vectors[0], memory.slots.mean(dim=1))
    vectors.sum().backward()
    assert queries.grad is not None and queries.grad.isfinite().all()


# precision


def test_update_and_read_under_autocast_equal_float32() -> None:
    plain, cast = taught(), taught()
    parts = batch(seed=9)
    plain.update(*parts)
    with torch.autocast("cpu", torch.bfloat16):
        cast.update(*parts)
        rough = cast.read(parts[0])
    assert_same_state(state(cast), state(plain))
    assert torch.equal(rough.vectors, plain.read(parts[0]).vectors)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_casting_a_parent_leaves_the_slots_exact(dtype: torch.dtype) -> None:
    memory = taught()
    before = state(memory)
    nn.ModuleList([memory, nn.Linear(2, 2)]).to(dtype)
    assert_same_state(state(memory), before)
    assert memory.read(batch()[0].to(dtype)).vectors.dtype == dtype


def test_moves_between_devices_are_followed() -> None:
    memory = taught().to("meta")
    assert memory.slots.is_meta and memory.initialised.is_meta


def test_small_steps_are_not_lost() -> None:
    memory = taught(decay=0.999)
    parts = batch(seed=9)
    before = memory.slots.clone()
    memory.update(*parts)
    step = (memory.slots - before)[memory.idle == 0]
    assert 0 < step.abs().max() < 0.01


def test_state_survives_saving(tmp_path: Path) -> None:
    memory = taught()
    torch.save(memory.state_dict(), tmp_path / "memory.pt")
    restored = DisentangledMemory(memory.config)
    restored.load_state_dict(torch.load(tmp_path / "memory.pt", weights_only=True))
    for one in (memory, restored):
        one.update(*batch(seed=11))
    assert_same_state(state(restored), state(memory))


# re-seeding and diagnostics


def of_two_slots(**fields: Any) -> DisentangledMemory:
    """One block whose slots point to the right and to the left."""
    memory = DisentangledMemory(MemoryConfig(categories=1, slots=2, channels=2, **fields))
    memory.slots.copy_(torch.tensor([[[1.0, 0.0], [-1.0, 0.0]]]))
    memory.initialised.fill_(True)
    memory.seen.fill_(2 * VECTORS_PER_SLOT)
    return memory


def test_an_idle_slot_takes_the_most_novel_vector() -> None:
    memory = of_two_slots(reseed_after=2)
    queries = torch.tensor([[[1.0, 0.1]], [[1.0, 0.5]]])
    for expected in (1, 0):  # the second slot is idle for one update, and replaced after two
        memory.update(queries, queries, torch.ones(2, 1, dtype=torch.bool))
        assert memory.idle.tolist() == [[0, expected]]
    assert torch.equal(memory.slots[0, 1], queries[1, 0])


def test_without_reseeding_an_idle_slot_stays() -> None:
    memory = of_two_slots()
    for _ in range(3):
        memory.update(torch.tensor([[[1.0, 0.1]]]), torch.tensor([[[1.0, 0.1]]]), torch.tensor([[True]]))
    assert memory.idle.tolist() == [[0, 3]] and memory.slots[0, 1].tolist() == [-1, 0]


def test_entropy_known_answers() -> None:
    usage = torch.tensor([[5, 5, 5, 5], [20, 0, 0, 0], [7, 7, 0, 0], [0, 0, 0, 0]])
    torch.testing.assert_close(slot_entropy(usage), torch.tensor([1.0, 0.0, 0.5, 0.0]))
    memory = taught()
    assert torch.equal(memory.slot_entropy(), slot_entropy(memory.usage))


def test_sharpness_known_answers() -> None:
    weights = torch.tensor([[[1.0, 0.0], [0.5, 0.5]], [[0.6, 0.4], [0.5, 0.5]]])
    torch.testing.assert_close(read_sharpness(weights), torch.tensor([0.8, 0.5]))
    present = torch.tensor([[True, False], [False, False]])
    torch.testing.assert_close(read_sharpness(weights, present), torch.tensor([1.0, 0.0]))


@pytest.mark.parametrize(
    "fields",
    [{"slots": 0}, {"channels": 0}, {"decay": 1.1}, {"temperature": 0.0}, {"reseed_after": -1}, {"categories": 0}],
    ids=str,
)
def test_contradictions_are_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(SettingError, match="memory"):
        MemoryConfig(**fields)
