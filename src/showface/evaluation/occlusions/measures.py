"""Everything that is measured of a completed face of which a whole part was hidden; see docs/occlusions.md."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from jaxtyping import Bool, Float, Float64, Int64, UInt8
from torch import Tensor

from showface.evaluation.categories.maps import SemanticMap
from showface.evaluation.measuring.feature_store import FeatureStore
from showface.evaluation.measuring.levels import as_signal
from showface.evaluation.measuring.runner import Found, Seen, content_hashes
from showface.evaluation.occlusions.crops import Square, cut_out, squares_round
from showface.evaluation.occlusions.rows import Eyes
from showface.features.cache import FeatureCache
from showface.features.lpips import LPIPSNetwork
from showface.features.mobile_face_net import MobileFaceNet
from showface.metrics.identity import identity
from showface.metrics.iris import colour_distance, iris_colour
from showface.metrics.lpips import Extractor
from showface.metrics.parts import part_overlap
from showface.metrics.sharpness import gradient_inside, sharpness
from showface.occluders.kinds import eye_parts

HIDDEN = 0.75  # share of an eye that a hole must cover to hide it
LEAST_SEEN = 0.5  # of the true eye's pixels: what a map must show of an eye to be believed
NAMES = (
    "lpips", "lpips_vgg", "gradient", "gradient_true", "sharpness", "iris", "iris_other", "parts", "identity",
)  # what is known of each picture; the gradients are those whose sums the table's sharpness divides  # fmt: skip


Maps = Int64[Tensor, "b h w"]
"""A parser's categories of pictures."""


class CloserLook:
    """A `runner.Look` with the networks it needs. What it knows of the truth serves all methods of a batch."""

    def __init__(
        self,
        *,
        perceptual: Mapping[str, Extractor],
        features: FeatureStore,
        parser: SemanticMap,
        embedding: Extractor,
        eyes: Eyes,
        batch: int = 8,
    ) -> None:
        """`perceptual`: LPIPS networks by the name of their measure; `eyes`: where the true ones are."""
        self._perceptual = {
            name: (network, FeatureCache(network, capacity=2 * batch)) for name, network in perceptual.items()
        }
        self.features, self._parser, self._eyes = features, parser, eyes
        self._true_map = FeatureCache(self._flat_map, capacity=2 * batch)
        self._embedding, self._true_embedding = embedding, FeatureCache(embedding)

    @classmethod
    def pretrained(
        cls, *, features: FeatureStore, parser: SemanticMap, eyes: Eyes, batch: int, device: str
    ) -> CloserLook:
        """With the published networks, fetched once by `showface.assets`."""
        return cls(
            embedding=MobileFaceNet.pretrained(),  # first: without its extra nothing is fetched
            perceptual={
                name: LPIPSNetwork.pretrained(trunk).to(device)
                for name, trunk in (("lpips", "alex"), ("lpips_vgg", "vgg"))
            },
            features=features,
            parser=parser,
            eyes=eyes,
            batch=batch,
        )

    @torch.inference_mode()
    def __call__(self, seen: Seen) -> Found:
        squares = [squares_round(mask) for mask in seen.masks[:, 0].numpy()]
        crops, true_crops = (
            torch.cat([cut_out(picture, of_picture) for picture, of_picture in zip(pictures, squares, strict=True)])
            for pictures in (seen.completed, seen.truths)
        )  # (n, 3, 128, 128)
        maps = self._map(seen.completed)
        true_maps = self._true_map(seen.truths).long().view_as(maps)
        values = {
            **self._distances(crops, true_crops, squares),
            **_sharpness(seen),
            **self._irises(seen, maps, true_maps),
            "parts": part_overlap(maps, true_maps, seen.masks).tolist(),
            "identity": self._likeness(seen),
        }
        counts = [len(of_picture) for of_picture in squares]
        return Found(
            {name: values[name] for name in NAMES},
            self._kept(crops, counts),
            self._kept(true_crops, counts, shared=True),
        )

    def _distances(
        self, crops: UInt8[Tensor, "n 3 s s"], truths: UInt8[Tensor, "n 3 s s"], squares: Sequence[Sequence[Square]]
    ) -> dict[str, list[float]]:
        """LPIPS of each picture: the mean over its crops."""
        picture = [index for index, of_picture in enumerate(squares) for _ in of_picture]
        changed = (crops != truths).flatten(1).any(dim=1)  # equal ones have distance 0
        found = {}
        for name, (network, cached) in self._perceptual.items():
            values = torch.zeros(len(crops), dtype=torch.float64)
            if changed.any():
                values[changed] = _squared(network(crops[changed]), cached(truths[changed]))
            found[name] = (np.bincount(picture, values.numpy()) / np.bincount(picture)).tolist()
        return found

    def _kept(
        self, crops: UInt8[Tensor, "n 3 s s"], counts: Sequence[int], *, shared: bool = False
    ) -> list[tuple[str, ...]]:
        """The hashes of each picture's crops, whose features are in the store from now on."""
        hashes = content_hashes(crops)
        self.features.add(crops, hashes, shared=shared)
        ends = np.cumsum(counts).tolist()
        return [tuple(hashes[end - count : end]) for end, count in zip(ends, counts, strict=True)]

    def _irises(self, seen: Seen, maps: Maps, true_maps: Maps) -> dict[str, list[float]]:
        pictures, truths = (each.permute(0, 2, 3, 1).numpy() for each in (seen.completed, seen.truths))
        holes, shown, true_shown = seen.masks[:, 0].numpy(), maps.numpy(), true_maps.numpy()
        found = []
        for i, pair in enumerate(seen.pairs):
            eyes = self._eyes(pair.face)
            hidden = hidden_eyes(holes[i], eyes)
            colours, true = (
                [iris_colour(pixels, eye) for eye in seen_eyes(labels, eyes)] if any(hidden) else []
                for pixels, labels in ((pictures[i], shown[i]), (truths[i], true_shown[i]))
            )
            found.append(iris_distances(colours, true, hidden))
        return {"iris": [true for true, _ in found], "iris_other": [other for _, other in found]}

    def _map(self, pictures: UInt8[Tensor, "b 3 h w"]) -> Maps:
        return self._parser(as_signal(pictures), pictures.shape[-1]).cpu()

    def _flat_map(self, pictures: UInt8[Tensor, "b 3 h w"]) -> Float[Tensor, "b cells"]:
        return self._map(pictures).flatten(1).float()

    def _likeness(self, seen: Seen) -> list[float]:
        return identity(seen.completed, seen.truths, self._embedding, truth_network=self._true_embedding).tolist()


def _squared(one: Tensor, other: Tensor) -> Tensor:
    return (one - other).square().sum(dim=1).double().cpu()


def _sharpness(seen: Seen) -> dict[str, list[float]]:
    inside, truth = (gradient_inside(pictures, seen.masks) for pictures in (seen.completed, seen.truths))
    return {
        "gradient": inside.tolist(),
        "gradient_true": truth.tolist(),
        "sharpness": sharpness(inside, truth).tolist(),
    }


def hidden_eyes(hole: Bool[np.ndarray, "h w"], eyes: Sequence[Bool[np.ndarray, "h w"]]) -> list[bool]:
    """Which eyes the hole covers, to three quarters at least; one that the true face does not show is not hidden."""
    return [bool(eye.any()) and float(hole[eye].mean()) >= HIDDEN for eye in eyes]


def seen_eyes(
    labels: Int64[np.ndarray, "h w"], eyes: Sequence[Bool[np.ndarray, "h w"]]
) -> list[Bool[np.ndarray, "h w"]]:
    """The eyes that a map shows where the true `eyes` are, left and right in the picture.

    An invented eye need not lie where the true one does. Where the map shows none, or less than half of one, the true
    place stands for it: a fog has a colour there, and a wrong one.
    """
    return [
        shown if (shown & eye).any() and shown.sum() >= LEAST_SEEN * eye.sum() else eye
        for shown, eye in zip(eye_parts(labels), eyes, strict=True)
    ]


def iris_distances(
    colours: Sequence[Float64[np.ndarray, " 3"]], true: Sequence[Float64[np.ndarray, " 3"]], hidden: Sequence[bool]
) -> tuple[float, float]:
    """How far the hidden iris is from the true one, and from the other eye of the completed face (CIELAB).

    Means over the hidden eyes; the other eye may be hidden as well. NaN where no eye is hidden.
    """
    if not any(hidden):
        return math.nan, math.nan
    return _mean_distance(colours, true, hidden), _mean_distance(colours, colours[::-1], hidden)


def _mean_distance(
    ones: Sequence[Float64[np.ndarray, " 3"]], others: Sequence[Float64[np.ndarray, " 3"]], which: Sequence[bool]
) -> float:
    found = [colour_distance(one, other) for one, other, counts in zip(ones, others, which, strict=True) if counts]
    known = [value for value in found if not math.isnan(value)]
    return sum(known) / len(known) if known else math.nan
