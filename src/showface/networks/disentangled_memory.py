"""Disentangled memory module, DMM (paper section 3.2, Figure 2): one block of slots per semantic category.

A block remembers how its category looks in what was really seen. `update` moves slots towards the style vectors of
visible regions (Eq. 1-3), `read` answers the query of a coarse region with a mixture of slots (Eq. 1, 4, 5).
The equations are functions, `DisentangledMemory` holds the state. In shapes: b pictures, n categories, m slots,
c channels.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int64
from torch import Tensor, distributed, nn

from showface.errors import SettingError, unknown
from showface.semantics import CATEGORY_COUNT

TemperatureUnit = Literal["cosine", "spread"]

VECTORS_PER_SLOT = 4  # a block chooses its first slots among this many vectors per slot
EPSILON = 1e-6


@dataclass(frozen=True, kw_only=True)
class MemoryConfig:
    """How large the memory is, how it learns and how it is read."""

    categories: int = CATEGORY_COUNT
    """Blocks n, one per semantic category."""
    slots: int = 16
    """Slots m of a block. With a temperature of 1, more of them make every read more alike."""
    channels: int = 256
    """Width c of a slot: that of the style encoder."""
    decay: float = 0.999
    """Alpha of Eq. 3; 0.99 suits runs of fewer than 20,000 steps."""
    temperature: float = 1.0
    """Divides the cosines before the soft-max of Eq. 4; 1 is the paper's, 0.1 reads more sharply."""
    temperature_unit: TemperatureUnit = "cosine"
    """What the temperature counts in: the cosine, or each block's own spread, so that reads stay as sharp as they are
    while the style vectors move together."""
    reseed_after: int = 0
    """A slot not chosen in this many updates of its block takes over the newcomer least like any slot; 0 = never."""
    personal: bool = False
    """Whether a block answers with what is seen of the very person, where anything of its category is."""

    def __post_init__(self) -> None:
        if min(self.categories, self.slots, self.channels) < 1:
            raise SettingError(f"memory: expected at least one category, slot and channel, got {self}")
        if not 0 <= self.decay <= 1:
            raise SettingError(f"memory: expected decay in 0..1, got {self.decay}")
        if not self.temperature > 0:
            raise SettingError(f"memory: expected a temperature above 0, got {self.temperature}")
        if self.temperature_unit not in get_args(TemperatureUnit):
            raise SettingError(unknown("memory.temperature_unit", self.temperature_unit, get_args(TemperatureUnit)))
        if self.reseed_after < 0:
            raise SettingError(f"memory: expected reseed_after of 0 (never) or more, got {self.reseed_after}")


class Retrieved(NamedTuple):
    """What a read gives: the vectors Q^ and the share of every slot in them."""

    vectors: Float[Tensor, "b n c"]
    weights: Float[Tensor, "b n m"]  # all 0 where the personal block answered


class Personal(NamedTuple):
    """The personal block: style vectors of what is seen of one person, in the face itself and in its sources.

    It is the block of a copy of the memory after Eq. 3 with decay 0, each vector in a slot of its own.
    """

    vectors: Float[Tensor, "b n k c"]
    seen: Bool[Tensor, "b n k"]  # whether a vector's picture shows its category


def cosine_similarity(slots: Float[Tensor, "n m c"], queries: Float[Tensor, "b n c"]) -> Float[Tensor, "b n m"]:
    """Gamma of Eq. 1: each query against the slots of its own block; an all-zero vector is similar to nothing."""
    slots, queries = F.normalize(slots, dim=-1, eps=EPSILON), F.normalize(queries, dim=-1, eps=EPSILON)
    return torch.einsum("nmc,bnc->bnm", slots, queries)


def nearest_slot(similarity: Float[Tensor, "b n m"], usable: Bool[Tensor, "n m"]) -> Int64[Tensor, "b n"]:
    """k of Eq. 2: the most similar usable slot, the first of equals."""
    # Deviation: the paper's arg-max runs over the categories, which would let a slot change its category.
    return similarity.masked_fill(~usable, -2).argmax(dim=-1)


def moved_slots(
    slots: Float[Tensor, "n m c"], visible: Float[Tensor, "b n c"], chosen: Float[Tensor, "b n m"], decay: float
) -> Float[Tensor, "n m c"]:
    """Eq. 3: one step of every chosen slot towards the mean of the vectors that chose it; the others stay as they are.

    `chosen` is 1 where picture b moves slot m of category n.
    """
    count = chosen.sum(dim=0)[..., None]  # (n, m, 1)
    mean = torch.einsum("bnm,bnc->nmc", chosen, visible) / count.clamp_min(1)
    return torch.where(count > 0, decay * slots + (1 - decay) * mean, slots)


def spread(slots: Float[Tensor, "n m c"], usable: Bool[Tensor, "n m"]) -> Float[Tensor, "n 1"]:
    """How far the directions of a block's slots lie from their mean, as 1 - cosine: 0 = all alike; at least 1e-4."""
    unit = F.normalize(slots, dim=-1, eps=EPSILON) * usable[..., None]
    centre = F.normalize(unit.sum(dim=1, keepdim=True), dim=-1, eps=EPSILON)  # (n, 1, c)
    distance = (1 - (unit * centre).sum(dim=-1)) * usable
    return (distance.sum(dim=-1, keepdim=True) / usable.sum(dim=-1, keepdim=True).clamp_min(1)).clamp_min(1e-4)


def soft_scores(
    similarity: Float[Tensor, "b n m"], usable: Bool[Tensor, "n m"], temperature: float | Float[Tensor, "n 1"]
) -> Float[Tensor, "b n m"]:
    """A of Eq. 4: soft-max over the usable slots; all zero in a block that has none."""
    lowest = torch.finfo(similarity.dtype).min
    return (similarity / temperature).masked_fill(~usable, lowest).softmax(dim=-1) * usable


def aggregate(scores: Float[Tensor, "b n m"], slots: Float[Tensor, "n m c"]) -> Float[Tensor, "b n c"]:
    """Q^ of Eq. 5: the slots of each block, mixed by their scores."""
    return torch.einsum("bnm,nmc->bnc", scores, slots)


def read_personal(personal: Personal, queries: Float[Tensor, "b n c"], config: MemoryConfig) -> Float[Tensor, "b n c"]:
    """Eq. 1, 4, 5 on the personal block: its vectors mixed by their cosines with the query; 0 where it has none."""
    vectors = personal.vectors.float()
    unit, query = F.normalize(vectors, dim=-1, eps=EPSILON), F.normalize(queries, dim=-1, eps=EPSILON)
    scores = torch.einsum("bnkc,bnc->bnk", unit, query) / config.temperature
    lowest = torch.finfo(scores.dtype).min
    shares = scores.masked_fill(~personal.seen, lowest).softmax(dim=-1) * personal.seen
    return torch.einsum("bnk,bnkc->bnc", shares, vectors)


def farthest_points(
    candidates: Float[Tensor, "n k c"], valid: Bool[Tensor, "n k"], count: int
) -> tuple[Int64[Tensor, "n {count}"], Bool[Tensor, "n {count}"]]:
    """Choose up to `count` distinct candidates per block: the one nearest the mean, then always the least similar one.

    Returns their indices, and which of them are real; a block with fewer distinct candidates leaves the rest false.
    The choice depends on the values only, not on the order in which they come.
    """
    unit = F.normalize(candidates, dim=-1, eps=EPSILON)
    similarity = unit @ unit.transpose(1, 2)  # (n, k, k)
    centre = (unit * valid[..., None]).sum(dim=1, keepdim=True)  # (n, 1, c)
    closeness = (unit * centre).sum(dim=-1).masked_fill(~valid, -torch.inf)
    picks, real = [closeness.argmax(dim=-1)], [valid.any(dim=-1)]
    known = torch.full_like(closeness, -2).masked_fill(~valid, 2)  # (n, k), similarity to the nearest choice
    for _ in range(count - 1):
        newest = similarity.gather(1, picks[-1][:, None, None].expand(-1, 1, similarity.shape[2]))[:, 0]
        known = torch.maximum(known, newest)
        lowest, pick = known.min(dim=-1)
        picks.append(pick)
        real.append(lowest < 1 - EPSILON)
    return torch.stack(picks, dim=-1), torch.stack(real, dim=-1)


def slot_entropy(usage: Int64[Tensor, "n m"]) -> Float[Tensor, " n"]:
    """How evenly each block uses its slots: 0 = one slot takes all (or none was used), 1 = all alike."""
    share = usage / usage.sum(dim=-1, keepdim=True).clamp_min(1)
    entropy: Tensor = torch.special.entr(share).sum(dim=-1)
    return entropy / math.log(max(usage.shape[-1], 2))


def read_sharpness(weights: Float[Tensor, "b n m"], present: Bool[Tensor, "b n"] | None = None) -> Float[Tensor, " n"]:
    """The largest share of one slot, averaged over the pictures that have the category: 1/m = a mean, 1 = one slot."""
    top = weights.amax(dim=-1)  # (b, n)
    counted = torch.ones_like(top) if present is None else present.to(top.dtype)
    return (top * counted).sum(dim=0) / counted.sum(dim=0).clamp_min(1)


class DisentangledMemory(nn.Module):
    """The slots and their history. All state is in buffers: no gradient reaches it, checkpoints keep it.

    `slots` are float32 and stay so when the module is cast: steps of 1 - decay are lost in half precision.
    `seen` counts the vectors a block chose its first slots from, `usage` the vectors that moved a slot,
    `idle` the updates of the block since a slot was last moved.
    """

    slots: Tensor
    initialised: Tensor
    seen: Tensor
    usage: Tensor
    idle: Tensor

    def __init__(self, config: MemoryConfig) -> None:
        super().__init__()
        self.config = config
        size = (config.categories, config.slots)
        self.register_buffer("slots", torch.zeros(*size, config.channels))
        self.register_buffer("initialised", torch.zeros(size, dtype=torch.bool))
        self.register_buffer("seen", torch.zeros(config.categories, dtype=torch.int64))
        self.register_buffer("usage", torch.zeros(size, dtype=torch.int64))
        self.register_buffer("idle", torch.zeros(size, dtype=torch.int64))

    @property
    def _enough(self) -> int:
        """Vectors of a category after which its block no longer chooses slots but moves them."""
        return VECTORS_PER_SLOT * self.config.slots

    @torch.no_grad()
    def update(
        self, queries: Float[Tensor, "b n c"], visible: Float[Tensor, "b n c"], valid: Bool[Tensor, "b n"]
    ) -> None:
        """Learn from one training batch (Eq. 1-3); call it once per step, outside re-computed regions.

        `valid` says where a category is present in both `queries` (whole regions) and `visible` (their visible part);
        nothing else is learned from. In a distributed run all ranks bring equally many pictures and learn the same.
        """
        with torch.autocast(queries.device.type, enabled=False):
            queries, visible, valid = _all_ranks(queries.float()), _all_ranks(visible.float()), _all_ranks(valid)
            collecting = self.seen < self._enough  # (n,)
            self._move(queries, visible, valid & ~collecting)
            if bool(collecting.any()):
                self._collect(visible, valid & collecting)
            if self.config.reseed_after:
                self._reseed(visible, valid & ~collecting)

    def _move(
        self, queries: Float[Tensor, "b n c"], visible: Float[Tensor, "b n c"], valid: Bool[Tensor, "b n"]
    ) -> None:
        """Eq. 1-3 on the blocks that have their first slots."""
        nearest = nearest_slot(cosine_similarity(self.slots, queries), self.initialised)
        chosen = F.one_hot(nearest, self.config.slots) * valid[..., None]  # (b, n, m)
        self.slots.copy_(moved_slots(self.slots, visible, chosen.float(), self.config.decay))
        count = chosen.sum(dim=0)
        self.usage += count
        self.idle += valid.any(dim=0)[:, None]
        self.idle.masked_fill_(count > 0, 0)

    def _collect(self, visible: Float[Tensor, "b n c"], valid: Bool[Tensor, "b n"]) -> None:
        """Choose the first slots anew, far from each other, among the slots so far and the vectors of this batch."""
        candidates = torch.cat([self.slots, visible.transpose(0, 1)], dim=1)  # (n, m + b, c)
        picks, real = farthest_points(
            candidates, torch.cat([self.initialised, valid.T], dim=1), self.config.slots
        )  # (n, m)
        chosen = candidates.gather(1, picks[..., None].expand(-1, -1, candidates.shape[2])) * real[..., None]
        fresh = valid.any(dim=0)[:, None]  # blocks of categories that this batch shows
        self.slots.copy_(torch.where(fresh[..., None], chosen, self.slots))
        self.initialised.copy_(torch.where(fresh, real, self.initialised))
        self.seen += valid.sum(dim=0)

    def _reseed(self, visible: Float[Tensor, "b n c"], valid: Bool[Tensor, "b n"]) -> None:
        """Give the longest idle slot of a block to the vector of this batch least like any slot of the block."""
        similarity = cosine_similarity(self.slots, visible).masked_fill(~self.initialised, -1)  # (b, n, m)
        novelty = similarity.amax(dim=-1).masked_fill(~valid, torch.inf)  # (b, n)
        newcomer = visible.gather(0, novelty.argmin(dim=0)[None, :, None].expand(1, -1, visible.shape[2]))[0]  # (n, c)
        longest = F.one_hot(self.idle.argmax(dim=-1), self.config.slots).bool()  # (n, m)
        dead = longest & (self.idle >= self.config.reseed_after) & valid.any(dim=0)[:, None]
        self.slots.copy_(torch.where(dead[..., None], newcomer[:, None], self.slots))
        self.initialised |= dead
        self.idle.masked_fill_(dead, 0)

    def read(self, queries: Float[Tensor, "b n c"], personal: Personal | None = None) -> Retrieved:
        """Eq. 1, 4, 5. Gradients reach the queries through the scores; the state is only looked at.

        Where `personal` shows a category, it is read in place of the trained slots.

        A block without any slot yet answers with the query itself (weights zero): the coarse style, unchanged, is
        what the layers above expect, and its gradient lives. It happens for categories never seen in training.
        """
        with torch.autocast(queries.device.type, enabled=False):
            slots = self.slots.clone()  # a later update must not change what autograd saved
            similarity = cosine_similarity(slots, queries.float())
            weights = self._scores(similarity, slots)
            filled = self.initialised.any(dim=-1)[:, None]  # (n, 1)
            vectors = torch.where(filled, aggregate(weights, slots), queries.float())
            if personal is not None and self.config.personal:
                known = personal.seen.any(dim=-1, keepdim=True)  # (b, n, 1)
                vectors = torch.where(known, read_personal(personal, queries.float(), self.config), vectors)
                weights = weights * ~known
        return Retrieved(vectors.to(queries.dtype), weights)

    def _scores(self, similarity: Float[Tensor, "b n m"], slots: Float[Tensor, "n m c"]) -> Float[Tensor, "b n m"]:
        """The share of every slot in an answer."""
        temperature: float | Tensor = self.config.temperature
        if self.config.temperature_unit == "spread":
            temperature = temperature * spread(slots, self.initialised)  # (n, 1)
        return soft_scores(similarity, self.initialised, temperature)

    def slot_entropy(self) -> Float[Tensor, " n"]:
        """`slot_entropy` of the usage so far."""
        return slot_entropy(self.usage)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> DisentangledMemory:
        """Follow moves between devices, not casts: `.half()` on a parent leaves the slots in float32."""
        exact = self.slots
        apply: Callable[..., object] = super()._apply  # torch leaves it without types
        apply(fn, recurse)
        if self.slots.dtype != exact.dtype:
            self.slots = exact.to(self.slots.device)
        return self


def _all_ranks(local: Tensor) -> Tensor:
    """The batches of all ranks, in rank order: every rank then takes the very same step as one process would."""
    if not (distributed.is_available() and distributed.is_initialized()) or distributed.get_world_size() == 1:
        return local
    parts = [torch.empty_like(local) for _ in range(distributed.get_world_size())]
    distributed.all_gather(parts, local.contiguous())
    return torch.cat(parts)
