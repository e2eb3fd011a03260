"""Region pooling, the memory and masked correlation mining against loops written straight from the paper."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from showface.layers.regions import broadcast, one_hot, region_pool
from showface.networks.disentangled_memory import DisentangledMemory, MemoryConfig
from showface.networks.mask_region_enhanced import Details, MaskRegionConfig, MaskRegionEnhanced


@pytest.mark.parametrize("hole", [0.0, 0.5, 1.0])
def test_pooling_and_broadcasting(hole: float) -> None:
    features, labels = torch.randn(2, 3, 6, 5), torch.randint(0, 4, (2, 6, 5))
    mask = (torch.rand(2, 1, 6, 5) < hole).float()
    vectors, present = region_pool(features, one_hot(labels, 4) * (1 - mask))
    painted = broadcast(vectors, one_hot(labels, 4))
    for b in range(2):
        for n in range(4):
            cells = [(y, x) for y in range(6) for x in range(5) if labels[b, y, x] == n and mask[b, 0, y, x] == 0]
            assert present[b, n].item() is bool(cells)
            mean = sum((features[b, :, y, x] for y, x in cells), torch.zeros(3)) / max(len(cells), 1)
            torch.testing.assert_close(vectors[b, n], mean)
        for y in range(6):
            for x in range(5):
                assert torch.equal(painted[b, :, y, x], vectors[b, labels[b, y, x]])


def cosine(one: Tensor, other: Tensor) -> float:
    return float(one @ other / (one.norm() * other.norm()))


def test_memory_update_and_read() -> None:
    memory = DisentangledMemory(MemoryConfig(categories=3, slots=4, channels=5, decay=0.9))
    memory.slots.normal_()
    memory.initialised.fill_(True)
    memory.seen.fill_(1000)
    for _ in range(3):
        queries, visible, valid = torch.randn(6, 3, 5), torch.randn(6, 3, 5), torch.rand(6, 3) < 0.7
        slots = memory.slots.clone()
        memory.update(queries, visible, valid)
        for i in range(3):
            assigned: dict[int, list[Tensor]] = {}
            for b in range(6):
                if valid[b, i]:
                    gamma = [cosine(slots[i, j], queries[b, i]) for j in range(4)]  # Eq. 1
                    assigned.setdefault(gamma.index(max(gamma)), []).append(visible[b, i])  # Eq. 2
            for j, vectors in assigned.items():
                slots[i, j] = 0.9 * slots[i, j] + 0.1 * sum(vectors) / len(vectors)  # Eq. 3
        torch.testing.assert_close(memory.slots, slots)
        retrieved = memory.read(queries)
        for b in range(6):
            for i in range(3):
                weight = [math.exp(cosine(slots[i, j], queries[b, i])) for j in range(4)]
                weight = [w / sum(weight) for w in weight]  # Eq. 4
                mixed = sum((w * slots[i, j] for j, w in enumerate(weight)), torch.zeros(5))  # Eq. 5
                torch.testing.assert_close(retrieved.weights[b, i], torch.tensor(weight))
                torch.testing.assert_close(retrieved.vectors[b, i], mixed)


@pytest.mark.parametrize("details", [False, True])
@pytest.mark.parametrize("stride", [1, 2])
def test_masked_correlation_mining(stride: int, details: bool) -> None:
    p, side = 2, 6
    module = MaskRegionEnhanced(MaskRegionConfig(channels=4, patch=p, stride=stride, details=details)).double()
    retrieved, visible = torch.randn(2, 4, side, side).double(), torch.randn(2, 4, side, side).double()
    mask = torch.zeros(2, 1, side, side).double()
    mask[:, :, :3, 1:4] = 1
    own = torch.randn(2, 4, side, side).double()
    fused = module(retrieved, visible, mask, Details(own, own, mask) if details else None)
    corners = [(y, x) for y in range(0, side - p + 1, stride) for x in range(0, side - p + 1, stride)]
    for b in range(2):
        f = torch.where(mask[b] == 1, retrieved[b], visible[b])
        wanted, looked_at = (torch.cat([f, own[b]]), own[b]) if details else (f, f)
        left, right = module.left(wanted[None])[0].detach(), module.right(looked_at[None])[0].detach()
        value = module.value(looked_at[None])[0].detach()
        total, count = torch.zeros_like(f), torch.zeros(side, side)
        for y, x in corners:
            weights, patches = [], []
            for v, u in corners:
                if details and mask[b, 0, v : v + p, u : u + p].any():
                    continue
                product = (left[:, y : y + p, x : x + p] * right[:, v : v + p, u : u + p]).sum()
                weights.append(math.exp(float(product) / math.sqrt(2 * p * p)))
                patches.append(value[:, v : v + p, u : u + p])
            mixed = torch.stack([w * patch for w, patch in zip(weights, patches, strict=True)]).sum(0) / sum(weights)
            total[:, y : y + p, x : x + p] += mixed
            count[y : y + p, x : x + p] += 1
        torch.testing.assert_close(fused[b], f + mask[b] * total / count, atol=1e-5, rtol=1e-5)
