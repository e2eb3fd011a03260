"""How well does the memory read, and does it beat a per-class mean? (method.md §5.4)

    python -m studies.memory_study WEIGHTS --data FACES --masks MASKS --held-out FACES --held-out-masks MASKS

The style vectors of `--data` fill memories of different size, temperature and initialisation (no network is trained).
Each is then read with the queries of the held-out pictures. Asked for is T, the mean style that the *true* picture has
in the hidden cells of a category. Reported is the share of T's variance (around the category's mean) that a read leaves
unexplained: 1 = as good as a constant, 0 = perfect; the read's sharpness (largest slot weight); and the entropy of the
use of slots.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from record import write
from torch import Tensor

from showface.data.batches import DataConfig, FaceSamples, batches
from showface.data.mask_sets import MaskSource
from showface.data.sources import face_sources
from showface.layers.regions import one_hot, region_pool
from showface.masks import downsample_mask
from showface.networks.disentangled_memory import DisentangledMemory, MemoryConfig, read_sharpness
from showface.networks.mdrnets import MDRNets
from showface.pipeline import FaceInpainter
from showface.semantics import CATEGORY_COUNT

BATCH = 8


@dataclass
class Vectors:
    """Style vectors of many pictures, float32, on the CPU."""

    queries: Tensor  # (N, n, c), Q: whole region of the coarse face
    visible: Tensor  # (N, n, c), V: its visible cells
    valid: Tensor  # (N, n) bool, both present
    hidden: Tensor  # (N, n, c), T: the truth's hidden cells of the region
    asked: Tensor  # (N, n) bool, the category has hidden cells


@torch.no_grad()
def collect(network: MDRNets, faces: str, masks: str, count: int, *, seed: int, size: int) -> Vectors:
    """Q, V and T of `count` pictures."""
    config = DataConfig(faces=tuple(face_sources(faces)), masks=MaskSource(folder=masks, drawn=0.0), flip=False,
                        crop_probability=0.0, size=size)  # fmt: skip
    rows: list[tuple[Tensor, ...]] = []
    samples = FaceSamples(config, seed=seed)
    for batch in batches(samples, batch=BATCH, first=0, last=count // BATCH):
        output = network(batch.images, batch.masks)
        features = network.style_encoder(batch.images).float()
        grid = (features.shape[2], features.shape[3])
        hole = downsample_mask(batch.masks, grid)
        hidden, asked = region_pool(features, one_hot(output.semantic_map, CATEGORY_COUNT) * hole)
        seen = output.visible.abs().sum(-1) > 0
        rows.append((output.queries, output.visible, (output.present > 0) & seen, hidden, asked))
    return Vectors(*(torch.cat(column) for column in zip(*rows, strict=True)))


def filled(config: MemoryConfig, vectors: Vectors, epochs: int) -> DisentangledMemory:
    """A memory after `epochs` passes over the vectors."""
    memory = DisentangledMemory(config)
    for _ in range(epochs):
        for i in range(0, len(vectors.queries) - BATCH + 1, BATCH):
            part = slice(i, i + BATCH)
            memory.update(vectors.queries[part], vectors.visible[part], vectors.valid[part])
    return memory


def unexplained(guess: Tensor, vectors: Vectors, centre: Tensor) -> float:
    """Squared error of `guess` (N, n, c) against T, relative to that of the categories' means `centre` (n, c)."""
    asked = vectors.asked[..., None]
    error = ((guess - vectors.hidden) ** 2 * asked).sum(dim=(0, 2))
    spread = ((centre - vectors.hidden) ** 2 * asked).sum(dim=(0, 2)).clamp_min(1e-9)
    often = vectors.asked.sum(0) >= 10  # categories too rare say nothing
    return float((error / spread)[often].mean())


def study(train: Vectors, held_out: Vectors, channels: int, epochs: int) -> list[dict[str, object]]:
    """One row per way of filling the hole of a category."""
    weight = train.asked[..., None].float()
    centre = (train.hidden * weight).sum(0) / weight.sum(0).clamp_min(1)  # (n, c)
    known = held_out.valid[..., None]
    guesses = {
        "mean of T over the training pictures": centre.expand_as(held_out.hidden),
        "Q itself (no memory)": held_out.queries,
        "V itself, that mean where absent": torch.where(known, held_out.visible, centre),
    }
    rows: list[dict[str, object]] = [
        {"read": name, "unexplained": unexplained(guess, held_out, centre)} for name, guess in guesses.items()
    ]
    base = MemoryConfig(channels=channels, decay=0.99)
    settings = []
    for slots in (4, 8, 16, 32, 64):
        for temperature in (1.0, 0.1, 0.03, 0.01):
            settings.append((f"m {slots}, tau {temperature}", replace(base, slots=slots, temperature=temperature)))
    for temperature in (1.0, 0.5, 0.25, 0.1):
        relative = replace(base, slots=32, temperature=temperature, temperature_unit="spread")
        settings.append((f"m 32, tau {temperature} of the spread", relative))
    settings.append(("m 16, tau 0.03, reseeding", replace(base, temperature=0.03, reseed_after=100)))
    for name, config in settings:
        memory = filled(config, train, epochs)
        vectors, weights = memory.read(held_out.queries)
        rows.append({
            "read": name,
            "unexplained": unexplained(vectors, held_out, centre),
            "sharpness": float(read_sharpness(weights, held_out.asked).mean()),
            "entropy": float(memory.slot_entropy().mean()),
        })  # fmt: skip
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", help="a folder of weights, or a run's release")
    parser.add_argument("--data", required=True)
    parser.add_argument("--masks", required=True)
    parser.add_argument("--held-out", required=True)
    parser.add_argument("--held-out-masks", required=True)
    parser.add_argument("--count", type=int, default=1000, help="training pictures")
    parser.add_argument("--size", type=int, default=256, help="side of the pictures in pixels")
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--out", type=Path, help="write the rows as JSON here")
    args = parser.parse_args()

    network = FaceInpainter.from_pretrained(args.weights, device="cpu").network
    train = collect(network, args.data, args.masks, args.count, seed=0, size=args.size)
    held_out = collect(network, args.held_out, args.held_out_masks, 200, seed=1, size=args.size)
    rows = study(train, held_out, network.config.style.channels, args.epochs)
    for row in rows:
        print("  ".join(f"{k} {v:.3f}" if isinstance(v, float) else f"{v!s:<40}" for k, v in row.items()))
    if args.out:
        write(args.out, {"rows": rows}, weights=args.weights)


if __name__ == "__main__":
    main()
