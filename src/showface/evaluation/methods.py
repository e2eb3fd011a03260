"""The methods that are compared, by name, behind one small protocol: (picture, mask) -> completed picture.

full, coarse           our networks, from the weights of the command
mirrored               `full`, and what the other side of the face shows: what a photograph gets
no-memory and so on    `full` without one of its boxes (`TAKEN_AWAY`): what the box is worth
referenced, stranger   `full` with the references of the person, or of another one (`references`)
NAME=PATH[@coarse]     our networks from another run or weights: ablations, other profiles; a trained baseline
telea, navier_stokes, harmonic, biharmonic, migan
NAME=FILE.onnx         see `onnx_files`
NAME=FOLDER            results of any other method, see `result_folder`
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor

from showface import assets, weights
from showface.baselines.table import BASELINES as TRAINED
from showface.baselines.table import baseline_in, load_method
from showface.errors import SettingError, unknown
from showface.evaluation.baselines import biharmonic, harmonic, navier_stokes, telea
from showface.evaluation.onnx_files import migan, onnx_method
from showface.evaluation.overlap import record_of
from showface.evaluation.protocol import Pair, Protocol, sha256
from showface.evaluation.references import References, strangers
from showface.evaluation.report import weights_folder, weights_hash
from showface.evaluation.result_folder import is_result_folder, result_folder
from showface.evaluation.runner import AnyMethod, Method, WithPairs
from showface.images import from_unit, to_uint8
from showface.networks.mdrnets import MDRNets
from showface.networks.sources import Sources
from showface.networks.without import without
from showface.pipeline import MIRROR_VERSION, SIDE, FaceInpainter, named_device

BASELINES: dict[str, Method] = {
    "telea": telea, "navier_stokes": navier_stokes, "harmonic": harmonic, "biharmonic": biharmonic,
}  # fmt: skip
MADE_BY = {
    "telea": "opencv-python-headless", "navier_stokes": "opencv-python-headless", "harmonic": "torch",
    "biharmonic": "scikit-image",
}  # fmt: skip
MIGAN = "migan"
TAKEN_AWAY = {
    "mean-of-slots": "slots", "no-personal": "personal", "no-memory": "memory", "no-mining": "mining",
    "no-sources": "sources",
}  # the box of `networks.without`  # fmt: skip
REFERRING = ("referenced", "stranger")  # need references
NETWORKS = ("coarse", "full", "mirrored", *TAKEN_AWAY, *REFERRING)  # need weights
NAMES = (*BASELINES, MIGAN, *NETWORKS)


@dataclass(frozen=True)
class Contender:
    """One row of the table."""

    name: str
    method: AnyMethod
    identity: str  # what its pictures depend on: a hash of weights or files, a package's version
    source: str  # where it comes from, for people
    records: tuple[Path, ...] = field(default=())  # lists of the pictures it was trained on


def contenders(
    words: str, *, source: str | None, device: str, protocol: Protocol, references: References | None = None
) -> list[Contender]:
    """The methods of a list with commas, in its order; `source` holds the weights of `full` and `coarse`."""
    asked = refuse_unknown_methods(words)
    networks = Networks(device, references)
    chosen = [_contender(name, place, source, networks, protocol) for name, place in asked]
    if references is not None and not any(isinstance(one.method, WithPairs) for one in chosen):
        raise SettingError("--references: none of the methods looks at any; add referenced or stranger to --methods")
    return chosen


def refuse_unknown_methods(words: str) -> list[tuple[str, str | None]]:
    """The names of a list with commas, and the place that NAME=PATH gives; refuses what is unknown or named twice."""
    asked = [_split(word) for word in (word.strip() for word in words.split(",")) if word]
    names = [name for name, _ in asked]
    if not asked:
        raise SettingError(f"expected methods, got none; known: {', '.join(NAMES)}, or NAME=PATH")
    for name, place in asked:
        if place is None and name not in NAMES:
            raise SettingError(f"{unknown('method', name, NAMES)}; or give NAME=PATH")
        if names.count(name) > 1:
            raise SettingError(f"method {name}: named twice; give one of them another name, NAME=PATH")
    return asked


def _split(word: str) -> tuple[str, str | None]:
    """NAME or NAME=PATH."""
    name, equals, place = word.partition("=")
    if not re.fullmatch(r"[\w.+-]+", name) or (equals and not place):
        raise SettingError(f"method {word!r}: expected NAME or NAME=PATH, with letters, digits and . + - _ in NAME")
    return name, place if equals else None


def _contender(name: str, place: str | None, source: str | None, networks: Networks, protocol: Protocol) -> Contender:
    if place is None and name in BASELINES:
        package = MADE_BY[name]
        return Contender(name, BASELINES[name], f"{name} {package} {_version(package)}", package)
    if place is None and name == MIGAN:
        return Contender(name, migan(), f"{name} {assets.ASSETS[MIGAN].sha256}", "asset migan, Places2, 512 px")
    if place is None:
        return networks.contender(name, source, _measurable(name, protocol))
    path = Path(place)
    if path.suffix == ".onnx":
        return Contender(name, onnx_method(path), f"onnx {sha256(path)}", path.name)
    if path.is_dir() and is_result_folder(path, protocol) and not weights.holds_weights(weights_folder(path)):
        results, digest = result_folder(path, protocol)
        return Contender(name, results, f"results {digest}", f"results in {path.name}")
    if path.is_dir() and baseline_in(path) is not None:
        return networks.baseline(name, path)
    where, at, network = place.rpartition("@")
    if at and network not in NETWORKS:
        raise SettingError(unknown(f"network in {name}={place}", network, NETWORKS))
    return networks.contender(name, where if at else place, _measurable(network, protocol) if at else "full")


def _measurable(network: str, protocol: Protocol) -> str:
    """`network`, unless it is not defined at the size of the protocol."""
    if network == "mirrored" and protocol.config.size != SIDE:
        raise SettingError(
            f"mirrored: expected faces of {SIDE} pixels, found --size {protocol.config.size}; leave it out"
        )
    return network


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


# ---------------------------------------------------------------------------------------------- our networks


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


def as_signal(images: UInt8[Tensor, "b 3 h w"]) -> Float[Tensor, "b 3 h w"]:
    """0..255 to [-1, 1]."""
    return from_unit(images.float() / 255)


def as_levels(images: Float[Tensor, "b 3 h w"]) -> UInt8[Tensor, "b 3 h w"]:
    """[-1, 1] to 0..255, clipped and rounded."""
    return torch.from_numpy(to_uint8(images)).permute(0, 3, 1, 2)


def records(chosen: Sequence[Contender]) -> list[Path]:
    """The lists of training pictures that the methods bring along."""
    return list(dict.fromkeys(record for one in chosen for record in one.records))
