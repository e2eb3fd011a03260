"""Networks as methods: the whole of MDRNets, its coarse network, what each box is for, and baselines of our training.

full, coarse           from the weights of the command
mirrored               `full`, and what the other side of the face shows: what a photograph gets
no-memory and so on    `full` without one of its boxes (`TAKEN_AWAY`): what the box is for
referenced, stranger   `full` with the references of the person, or of another one (`references`)
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, UInt8
from torch import Tensor

from showface import weights
from showface.baselines.table import BASELINES as TRAINED
from showface.baselines.table import baseline_in, load_method
from showface.errors import SettingError
from showface.evaluation.measuring.levels import as_levels, as_signal
from showface.evaluation.measuring.runner import AnyMethod, Method, WithPairs
from showface.evaluation.methods.contender import Contender
from showface.evaluation.methods.references import References, strangers
from showface.evaluation.protocol.overlap import record_of
from showface.evaluation.protocol.pairs import Pair, sha256
from showface.networks.mdrnets import MDRNets
from showface.networks.sources import Sources
from showface.networks.without import without
from showface.pipeline import MIRROR_VERSION, FaceInpainter, named_device
from showface.weights import weights_folder, weights_hash

TAKEN_AWAY = {
    "mean-of-slots": "slots", "no-personal": "personal", "no-memory": "memory", "no-mining": "mining",
    "no-sources": "sources",
}  # the box of `networks.without`  # fmt: skip
REFERRING = ("referenced", "stranger")  # need references
NETWORKS = ("coarse", "full", "mirrored", *TAKEN_AWAY, *REFERRING)  # need weights


class Networks:
    """Our networks by where their weights lie, each loaded once."""

    def __init__(self, device: str, references: References | None = None) -> None:
        self._device, self._references = device, references
        self._loaded = dict[str | None, tuple[FaceInpainter, str, tuple[Path, ...]]]()

    def contender(self, name: str, source: str | None, network: str) -> Contender:
        """The `network` (one of `NETWORKS`) of the weights in `source`; None = the bundled ones."""
        if source not in self._loaded:
            self._loaded[source] = self._load(source)
        inpainter, digest, records = self._loaded[source]
        method, made_by = self._method(network, inpainter)
        return Contender(name, method, f"{made_by} {digest}", source or weights.bundled().name, records)

    def _method(self, network: str, inpainter: FaceInpainter) -> tuple[AnyMethod, str]:
        """The `network` of some weights, and what it depends on beside these."""
        if network in TAKEN_AWAY:
            return without_box(inpainter, network), network
        if network in REFERRING:
            references = self._references_of(network, inpainter)
            return referring(inpainter, references), f"{network} {references.digest}"
        return network_methods(inpainter)[network], f"mirrored {MIRROR_VERSION}" if network == "mirrored" else network

    def _references_of(self, network: str, inpainter: FaceInpainter) -> References:
        if self._references is None:
            raise SettingError(f"{network}: expected further pictures of the people, got none; give --references")
        if inpainter.network.config.sources is None:
            raise SettingError(f"{network}: these weights are made for no further pictures of the person; leave it out")
        return strangers(self._references) if network == "stranger" else self._references

    def baseline(self, name: str, run: Path) -> Contender:
        """A method to compare with, trained by us in the folder `run`."""
        kind = baseline_in(run)
        network = load_method(run, device := named_device(self._device))
        digest = sha256(run / TRAINED[str(kind)].stage / weights.RESULT)

        @torch.no_grad()
        def method(images: UInt8[Tensor, "b 3 h w"], masks: Bool[Tensor, "b 1 h w"]) -> UInt8[Tensor, "b 3 h w"]:
            return as_levels(network(as_signal(images).to(device), masks.float().to(device)))

        record = record_of(run)
        return Contender(name, method, f"{kind} {digest}", str(run), () if record is None else (record,))

    def _load(self, source: str | None) -> tuple[FaceInpainter, str, tuple[Path, ...]]:
        path = weights.bundled() if source is None else weights_folder(weights.named_release(source))
        if source is not None and not path.exists():  # a hub id, or a mistake that from_pretrained explains
            return FaceInpainter.from_pretrained(source, device=self._device), f"hub {source}", ()
        record = record_of(path)
        inpainter = FaceInpainter.from_pretrained(path, device=self._device)
        return inpainter, weights_hash(path), () if record is None else (record,)


def network_methods(inpainter: FaceInpainter) -> dict[str, Method]:
    """`coarse`, the coarse network alone; `full`, the whole of MDRNets; `mirrored`, with the face's other side."""

    def coarse(images: UInt8[Tensor, "b 3 h w"], masks: Bool[Tensor, "b 1 h w"]) -> UInt8[Tensor, "b 3 h w"]:
        device = inpainter.device
        return as_levels(inpainter.lean.complete_coarsely(as_signal(images).to(device), masks.float().to(device)))

    def full(images: UInt8[Tensor, "b 3 h w"], masks: Bool[Tensor, "b 1 h w"]) -> UInt8[Tensor, "b 3 h w"]:
        return as_levels(inpainter.complete(as_signal(images), masks.float()).completed)

    def mirrored(images: UInt8[Tensor, "b 3 h w"], masks: Bool[Tensor, "b 1 h w"]) -> UInt8[Tensor, "b 3 h w"]:
        completed = [
            inpainter.with_other_side(as_signal(image[None]), mask[None].float())
            for image, mask in zip(images, masks, strict=True)
        ]
        return torch.from_numpy(np.stack(completed).round().astype(np.uint8)).permute(0, 3, 1, 2)

    return {"coarse": coarse, "full": full, "mirrored": mirrored}


def without_box(inpainter: FaceInpainter, name: str) -> Method:
    """`full` without the box that `name` (of `TAKEN_AWAY`) takes away; refused where these weights have none."""
    try:
        network = without(inpainter.lean, TAKEN_AWAY[name])
    except SettingError as error:
        raise SettingError(f"{name}: {error}; leave it out") from error

    def method(images: UInt8[Tensor, "b 3 h w"], masks: Bool[Tensor, "b 1 h w"]) -> UInt8[Tensor, "b 3 h w"]:
        return _completed(network, inpainter, images, masks)

    return method


def referring(inpainter: FaceInpainter, references: References) -> WithPairs:
    """`full` with the `references` of each face, for the faces that have any."""

    def method(
        images: UInt8[Tensor, "b 3 h w"], masks: Bool[Tensor, "b 1 h w"], pairs: Sequence[Pair]
    ) -> UInt8[Tensor, "b 3 h w"]:
        sources = references.of([pair.face for pair in pairs]).to(inpainter.device)
        return _completed(inpainter.lean, inpainter, images, masks, sources)

    return WithPairs(method, frozenset(references.pictures))


@torch.no_grad()
def _completed(
    network: MDRNets, inpainter: FaceInpainter, images: Tensor, masks: Tensor, sources: Sources | None = None
) -> UInt8[Tensor, "b 3 h w"]:
    """What a `network` on the inpainter's device makes of pictures in 0..255."""
    device = inpainter.device
    return as_levels(network(as_signal(images).to(device), masks.float().to(device), sources).completed)
