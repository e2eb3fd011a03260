"""Our weight files: safetensors that carry their configuration and their hash, and the release that is bundled.

    folder/
        coarse.safetensors        tensors; in the metadata: format, the part of the configuration that they depend on,
        parser.safetensors        sha256 of both
        alignment.safetensors     where the network looks at sources
        refinement.safetensors    what the last training stage learns: style encoder, memory, mining, refinement
        config.json               format, configuration, card, sha256 of each file

The same tensors and configuration make the same bytes, so that a new refinement leaves the other files as they are.
Parameters are stored as float16; buffers keep their type, so that the memory's slots stay float32. Pickles are never
read. What showface 0.2.0 wrote, all tensors in one model.safetensors, is still loaded, the file alone as well.

config.json decides which files count. Each new one waits beside as `coarse-(digest).safetensors`, config.json is
switched, and only then do they take their names. A reader takes the waiting file of the digest that it reads, if there
is one: whenever the writer is killed, the old weights are there or the new ones.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import re
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as safetensors_bytes
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from showface.configurations import differences, from_plain, to_plain
from showface.errors import MissingExtraError, NonFiniteError, SettingError, WeightsError
from showface.networks.mdrnets import MDRNets, MDRNetsConfig


class Part(NamedTuple):
    """What lies in one file."""

    boxes: tuple[str, ...]  # of MDRNets
    fields: tuple[str, ...]  # of MDRNetsConfig: what the tensors depend on


ALIGNMENT = "alignment.safetensors"
FILES = {
    "coarse.safetensors": Part(("coarse",), ("coarse",)),
    "parser.safetensors": Part(("parser",), ("parser",)),
    ALIGNMENT: Part(("alignment",), ("sources",)),
    "refinement.safetensors": Part(
        ("style_encoder", "memory", "mask_region", "refinement"),
        ("style", "memory", "mask_region", "refinement", "use_memory", "use_mask_region"),
    ),
}
FORMAT, SINGLE = "showface-2", "showface-1"  # in several files; in one, as 0.2.0 wrote it
MODEL, CONFIG = "model.safetensors", "config.json"  # the one file; what describes either
RESULT = "network.safetensors"  # what a finished stage of training leaves in its folder
_KEY = "showface"  # under which the metadata of the safetensors holds our facts
_PICKLES = (".pt", ".pth", ".ckpt", ".bin", ".pkl", ".pickle")
_CURE = "fetch or export the weights again"
_WAITING = re.compile(r"(coarse|parser|alignment|refinement)-[0-9a-f]{12}\.safetensors")
_SHA256 = re.compile(r"[0-9a-f]{64}")

State = dict[str, Tensor]


def bundled(name: str = "compact") -> Path:
    """The folder of the release that comes with the package."""
    return Path(__file__).parent / "release" / name


def named_release(name: str) -> Path:
    """The folder or file `name`; where there is none, the bundled release of that name."""
    return bundled(name) if not Path(name).exists() and bundled(name).is_dir() else Path(name)


def holds_weights(folder: Path) -> bool:
    """Whether `folder` is one that `save` wrote."""
    return (folder / CONFIG).is_file() and any(_is_ours(path.name) for path in folder.iterdir())


def _is_ours(name: str) -> bool:
    return name == MODEL or name in FILES or _WAITING.fullmatch(name) is not None


def _waiting(file: Path, digest: str) -> Path:
    """Where `file` of the sha256 `digest` lies until config.json names it."""
    return file.with_stem(f"{file.stem}-{digest[:12]}")


# ---------------------------------------------------------------------------------------------- writing


def save(folder: str | os.PathLike[str], network: MDRNets, *, card: Mapping[str, object] | None = None) -> Path:
    """Writes `network` and its configuration to `folder`, replacing what is there; returns the folder.

    `card` goes into config.json as it is: what the weights were trained on, under which terms, with which results.
    """
    target, configuration, state = Path(folder), to_plain(network.config), _stored(network)
    if broken := not_finite(state):
        raise NonFiniteError(f"{broken} holds NaN or infinity (or more than float16 can hold); nothing was written")
    target.mkdir(parents=True, exist_ok=True)
    hashes = {}
    try:
        for name in _files_of(network.config):
            content = _content(FILES[name], configuration, state)
            hashes[name] = hashlib.sha256(content).hexdigest()
            write_whole(_waiting(target / name, hashes[name]), content)
        description = {"format": FORMAT, "sha256": hashes, "card": dict(card or {}), "configuration": configuration}
        write_whole(target / CONFIG, (json.dumps(description, indent=2) + "\n").encode())
    finally:
        _settle(target)
    return target


def _stored(network: MDRNets) -> State:
    """The network's tensors in the types in which they are written."""
    buffers = {name for name, _ in network.named_buffers()}
    return {
        name: (tensor if name in buffers or not tensor.is_floating_point() else tensor.half()).cpu().contiguous()
        for name, tensor in network.state_dict().items()
    }


def _files_of(config: MDRNetsConfig) -> list[str]:
    return [name for name in FILES if name != ALIGNMENT or config.sources is not None]


def _content(part: Part, configuration: Mapping[str, object], state: State) -> bytes:
    """The file of one part of the network."""
    tensors = {name: tensor for name, tensor in state.items() if name.split(".")[0] in part.boxes}
    text = json.dumps({field: configuration[field] for field in part.fields}, sort_keys=True)
    return _as_bytes(tensors, {"format": FORMAT, "configuration": text, "sha256": digest_of(text, tensors)})


def _settle(folder: Path) -> None:
    """The files that config.json names take their names; those that wait for nothing, or were before, go."""
    try:
        hashes = read_description(folder).get("sha256")
    except WeightsError:  # none yet: a first save that failed
        hashes = None
    named = {name: hashes[name] for name in FILES if _is_sha256(hashes.get(name))} if isinstance(hashes, dict) else {}
    for name, digest in named.items():
        if (waiting := _waiting(folder / name, digest)).is_file():
            os.replace(waiting, folder / name)
    for path in list(folder.iterdir()):
        if _WAITING.fullmatch(path.name) or (named and _is_ours(path.name) and path.name not in named):
            path.unlink()
    _sync_folder(folder)


def write_tensors(path: Path, tensors: State, facts: Mapping[str, object]) -> str:
    """Writes a safetensors file with `facts` (JSON) in it, all of it or nothing; returns its sha256."""
    content = _as_bytes(tensors, facts)
    write_whole(path, content)
    return hashlib.sha256(content).hexdigest()


def _as_bytes(tensors: State, facts: Mapping[str, object]) -> bytes:
    return safetensors_bytes(tensors, {_KEY: json.dumps(facts)})  # one key: several come in random order


def write_whole(path: Path, content: bytes) -> None:
    """All of `content` or nothing: a temporary file in the same folder takes the name when it is on the disk."""
    part = path.with_name(f".{uuid.uuid4().hex}.part")
    try:
        with part.open("xb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(part, path)
        _sync_folder(path.parent)
    finally:
        part.unlink(missing_ok=True)


def remove_parts(folder: Path) -> None:
    """Remove what `write_whole` left below `folder` where it was killed; for when nobody writes there."""
    for part in folder.rglob(".*.part"):
        part.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """Puts the folder's list of names on the disk, so that a new name survives a power cut; POSIX only."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


# ---------------------------------------------------------------------------------------------- reading


def load(source: str | os.PathLike[str], device: str | torch.device = "cpu") -> tuple[MDRNetsConfig, State]:
    """The configuration and the state (float32) in a folder or in one file of 0.2.0, checked against their hashes.

    Raises `WeightsError` for a file that is missing, damaged, altered, of another kind, or holds NaN.
    """
    path = Path(source)
    if path.is_dir():
        return _from_folder(path, device)
    if path.suffix.lower() in _PICKLES:
        raise WeightsError(f"{path}: expected .safetensors, found {path.suffix}; pickles run code and are never loaded")
    if not path.is_file():
        raise WeightsError(f"{path}: no such file; expected a folder with {CONFIG}, or a .safetensors file")
    values, state = _opened(path, SINGLE)
    return _configuration(path, values), _usable(path, state, device)


def _from_folder(folder: Path, device: str | torch.device) -> tuple[MDRNetsConfig, State]:
    description = read_description(folder)
    configuration = _configuration(folder / CONFIG, description.get("configuration"))
    values: dict[str, Any] = {}
    state: State = {}
    for name, digest in _hashes(folder / CONFIG, description, configuration).items():
        file = _standing(folder / name, digest)
        _check(file, digest)
        part, tensors = _opened(file, description["format"])
        values |= part
        state |= _usable(file, tensors, device)
    if (found := _configuration(folder, values)) != configuration:
        raise WeightsError(f"{folder}: {CONFIG} was altered: {'; '.join(differences(found, configuration))}")
    return configuration, state


def boxes_in(folder: Path) -> frozenset[str]:
    """The boxes of `MDRNets` that the weights in `folder` hold tensors of; only the heads of its files are read."""
    description = read_description(folder)
    hashes = _hashes(folder / CONFIG, description, _configuration(folder / CONFIG, description.get("configuration")))
    files = (_standing(folder / name, digest) for name, digest in hashes.items())
    return frozenset(name.split(".")[0] for file in files for name in _names(file))


def _names(file: Path) -> list[str]:
    """The names of the tensors in a safetensors file."""
    try:
        with safe_open(file, framework="pt") as content:
            return list(content.keys())
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"{file}: missing, damaged, or not safetensors ({error}); {_CURE}") from error


def _standing(file: Path, digest: str) -> Path:
    """Where the `file` of the sha256 `digest` lies now."""
    waiting = _waiting(file, digest)
    return waiting if waiting.is_file() else file


def _hashes(path: Path, description: Mapping[str, Any], configuration: MDRNetsConfig) -> dict[str, str]:
    """The sha256 of each file that the description at `path` names."""
    one, hashes = description["format"] == SINGLE, description.get("sha256")
    names = [MODEL] if one else _files_of(configuration)
    given = {MODEL: hashes} if one else hashes
    if not isinstance(given, dict) or given.keys() != set(names) or not all(map(_is_sha256, given.values())):
        raise WeightsError(f"{path}: expected the sha256 of {', '.join(names)}, found {hashes}; {_CURE}")
    return given


def _is_sha256(value: object) -> bool:
    return isinstance(value, str) and _SHA256.fullmatch(value) is not None


def _check(file: Path, digest: str) -> None:
    """A `WeightsError` unless `file` is the one with that sha256."""
    if not file.is_file():
        raise WeightsError(f"{file}: no such file; {CONFIG} beside it names it; {_CURE}")
    with file.open("rb") as stream:
        found = hashlib.file_digest(stream, "sha256").hexdigest()
    if found != digest:
        raise WeightsError(
            f"{file}: damaged or altered, or of other weights: expected sha256 {digest}, found {found}; {_CURE}"
        )


def _usable(file: Path, state: State, device: str | torch.device) -> State:
    """Stored tensors on the device, as float32."""
    if broken := not_finite(state):
        raise WeightsError(f"{file}: {broken} holds NaN or infinity; {_CURE}")
    return {
        name: (tensor.float() if tensor.is_floating_point() else tensor).to(device) for name, tensor in state.items()
    }


def build(configuration: MDRNetsConfig, state: State) -> MDRNets:
    """The network of `configuration` with `state` in it, for use: in evaluation mode and without gradients."""
    with torch.random.fork_rng(devices=[]), _Unfilled():  # what is still drawn must not move the caller's seed
        network = MDRNets(configuration)
    expected = network.state_dict()
    boxes = sorted({name.split(".")[0] for name in expected.keys() | state.keys() if not _fits(name, expected, state)})
    if boxes:
        first = next(name for name in sorted(expected.keys() | state.keys()) if not _fits(name, expected, state))
        raise WeightsError(
            f"the tensors do not fit the configuration of {', '.join(boxes)}: {first} is "
            f"{_shape(state, first)}, expected {_shape(expected, first)}; {_CURE} with their own configuration"
        )
    network.load_state_dict(state)
    return network.to(next(iter(state.values())).device).eval().requires_grad_(False)


class _Unfilled(TorchFunctionMode):
    """No layer fills its new weights at random: that takes half of the time in which a network is built.

    For where every parameter and saved buffer is read from a file afterwards. (On the device "meta", torch's own way,
    buffers that are not saved, such as the parser's table, would be lost.)
    """

    _FILLS = frozenset({nn.init.kaiming_uniform_, nn.init.uniform_, nn.init.normal_, Tensor.uniform_, Tensor.normal_})

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        given = kwargs or {}
        if func in self._FILLS:
            return args[0] if args else given["tensor"]
        return func(*args, **given)


def read_description(folder: str | os.PathLike[str]) -> dict[str, Any]:
    """What config.json says: format, sha256 of each file, card and configuration, as plain values."""
    path = Path(folder) / CONFIG
    try:
        description = json.loads(path.read_bytes())
    except OSError as error:
        raise WeightsError(f"{path}: {error.strerror}; {_CURE}") from error
    except (ValueError, RecursionError) as error:
        raise WeightsError(f"{path}: expected JSON, found something else ({error}); {_CURE}") from error
    if not isinstance(description, dict) or description.get("format") not in (FORMAT, SINGLE):
        raise WeightsError(f"{path}: expected format {FORMAT!r}, found another; {_CURE} with this version of showface")
    return description


def _opened(file: Path, form: str) -> tuple[dict[str, Any], State]:
    """Configuration, as plain values, and tensors as stored, once both have the hash that the metadata names."""
    state, facts = read_tensors(file)
    if facts.get("format") == FORMAT != form:
        raise WeightsError(f"{file}: holds a part of a network only; name the folder with it and {CONFIG}")
    if facts.get("format") != form:
        raise WeightsError(f"{file}: expected safetensors written by showface as {form!r}, found others; {_CURE}")
    text = str(facts.get("configuration"))
    if facts.get("sha256") != digest_of(text, state):
        raise WeightsError(f"{file}: damaged or altered: its tensors do not have the sha256 that it names; {_CURE}")
    try:
        return dict(json.loads(text)), state
    except (TypeError, ValueError, RecursionError) as error:
        raise WeightsError(f"{file}: its configuration is no JSON ({error}); {_CURE}") from error


def read_tensors(file: Path) -> tuple[State, dict[str, Any]]:
    """The tensors and the facts of a file that `write_tensors` made; no facts in safetensors made by others."""
    try:
        with safe_open(file, framework="pt", device="cpu") as content:
            facts = json.loads((content.metadata() or {}).get(_KEY, "{}"))
            state = {name: content.get_tensor(name) for name in content.keys()}  # noqa: SIM118 (it is no mapping)
    except (SafetensorError, OSError, ValueError, RecursionError) as error:
        raise WeightsError(f"{file}: damaged, or not safetensors ({error}); {_CURE}") from error
    return state, facts if isinstance(facts, dict) else {}


def _configuration(file: Path, values: object) -> MDRNetsConfig:
    try:
        return from_plain(MDRNetsConfig, values)
    except SettingError as error:
        raise WeightsError(f"{file}: configuration of another version: {error}") from error


def digest_of(configuration: str, state: State) -> str:
    """sha256 over the configuration and every tensor's name, type, shape and bytes."""
    digest = hashlib.sha256(configuration.encode())
    for name in sorted(state):
        tensor = state[name]
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def not_finite(state: State) -> str | None:
    """The first tensor that holds NaN or infinity."""
    return next((name for name, tensor in state.items() if not torch.isfinite(tensor.float()).all()), None)


def _fits(name: str, expected: State, found: State) -> bool:
    return name in expected and name in found and expected[name].shape == found[name].shape


def _shape(state: State, name: str) -> str:
    return " x ".join(map(str, state[name].shape)) or "a number" if name in state else "not there"


# ---------------------------------------------------------------------------------------------- the hub


def fetch(name: str) -> Path:
    """The folder of the hub model `owner/name`, downloaded into the hub's own cache; needs the extra `hub`."""
    try:
        hub = importlib.import_module("huggingface_hub")
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            f"{name}: no such folder or file, and hub ids need an extra; pip install 'showface[hub]'"
        ) from error
    try:
        return Path(hub.snapshot_download(name, allow_patterns=[CONFIG, *FILES, MODEL]))
    except (OSError, ValueError, hub.errors.HfHubHTTPError) as error:
        reason = str(error).strip().split("\n")[0]
        raise WeightsError(
            f"{name}: cannot be fetched ({reason}); fetch {CONFIG} and the .safetensors beside it into a folder"
        ) from error
