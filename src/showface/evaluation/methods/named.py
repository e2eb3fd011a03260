"""The methods that are compared, by name, behind one small protocol: (picture, mask) -> completed picture.

full, coarse, mirrored, no-memory and so on, referenced, stranger: see `networks`
NAME=PATH[@coarse]     our networks from another run or weights: ablations, other profiles; a trained baseline
telea, navier_stokes, harmonic, biharmonic, migan
NAME=FILE.onnx         see `onnx_files`
NAME=FOLDER            results of any other method, see `measuring.result_folder`
"""

from __future__ import annotations

import re
from importlib import metadata
from pathlib import Path

from showface import assets, weights
from showface.baselines.table import baseline_in
from showface.errors import SettingError, unknown
from showface.evaluation.measuring.result_folder import is_result_folder, result_folder
from showface.evaluation.measuring.runner import Method, WithPairs
from showface.evaluation.methods.classical import biharmonic, harmonic, navier_stokes, telea
from showface.evaluation.methods.contender import Contender
from showface.evaluation.methods.networks import NETWORKS, Networks
from showface.evaluation.methods.onnx_files import migan, onnx_method
from showface.evaluation.methods.references import References
from showface.evaluation.protocol.pairs import Protocol, sha256
from showface.pipeline import SIDE
from showface.weights import weights_folder

BASELINES: dict[str, Method] = {
    "telea": telea, "navier_stokes": navier_stokes, "harmonic": harmonic, "biharmonic": biharmonic,
}  # fmt: skip
MADE_BY = {
    "telea": "opencv-python-headless", "navier_stokes": "opencv-python-headless", "harmonic": "torch",
    "biharmonic": "scikit-image",
}  # fmt: skip
MIGAN = "migan"
NAMES = (*BASELINES, MIGAN, *NETWORKS)


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
