"""faults.md 19 to 23: weight files that are damaged, altered, dangerous, of another network, or full of NaN."""

from __future__ import annotations

import ast
import copy
import dataclasses
import gc
import hashlib
import io
import json
import os
import pickle
import shutil
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

import showface
from showface import assets, weights
from showface.cli.main import main
from showface.errors import AssetError, NonFiniteError, WeightsError
from showface.networks.bisenet import load_bisenet
from showface.networks.mdrnets import MDRNets, MDRNetsConfig
from showface.pipeline import FaceInpainter
from showface.weights import build, load, save

REFINEMENT = "refinement.safetensors"
RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (40, 32, 3), dtype=np.uint8)
HOLE = np.zeros((40, 32), dtype=bool)
HOLE[10:25, 8:20] = True


@pytest.fixture
def folder(tiny_weights: Path, tmp_path: Path) -> Path:
    """A copy of the tiny weights that a test may damage."""
    return Path(shutil.copytree(tiny_weights, tmp_path / "weights"))


@pytest.fixture
def sourced(sourced_weights: Path, tmp_path: Path) -> Path:
    """The same of a network with sources, which has all files."""
    return Path(shutil.copytree(sourced_weights, tmp_path / "sourced"))


@pytest.fixture
def single(tiny_weights: Path, tmp_path: Path) -> Path:
    """The tiny weights in one file, as showface 0.2.0 wrote them, in a folder with its config.json."""
    folder, state = tmp_path / "single", {}
    folder.mkdir()
    for file in sorted(tiny_weights.glob("*.safetensors")):
        state |= weights.read_tensors(file)[0]
    description = weights.read_description(tiny_weights)
    text = json.dumps(description["configuration"], sort_keys=True)
    facts = {"format": weights.SINGLE, "configuration": text, "sha256": weights.digest_of(text, state)}
    description |= {"format": weights.SINGLE, "sha256": weights.write_tensors(folder / weights.MODEL, state, facts)}
    (folder / weights.CONFIG).write_text(json.dumps(description))
    return folder


@pytest.fixture
def refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Completes a picture with the weights given, has to fail without touching a file; returns the line said."""
    Image.fromarray(PIXELS).save(tmp_path / "face.png")
    Image.fromarray(HOLE).save(tmp_path / "mask.png")
    (tmp_path / "out.png").write_bytes(b"precious")

    def run(source: Path, *, code: int = 2) -> str:
        before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
        words = [str(tmp_path / "face.png"), "--mask", str(tmp_path / "mask.png"), "--out", str(tmp_path / "out.png")]
        assert main(["inpaint", *words, "--overwrite", "--weights", str(source), "--device", "cpu"]) == code
        assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
        printed = capsys.readouterr()
        assert printed.out == "" and printed.err.startswith("showface: error: ") and printed.err.count("\n") == 1
        return printed.err

    return run


# ------------------------------------------------------------------ 19: damaged files


def header_of(content: bytes) -> tuple[dict[str, Any], bytes]:
    size = struct.unpack("<Q", content[:8])[0]
    return json.loads(content[8 : 8 + size]), content[8 + size :]


def with_header(header: dict[str, Any], body: bytes) -> bytes:
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + body


def overlapping(content: bytes) -> bytes:
    header, body = header_of(content)
    first, second = [name for name in header if name != "__metadata__"][:2]
    header[second]["data_offsets"] = header[first]["data_offsets"]
    return with_header(header, body)


def claiming_a_terabyte(content: bytes) -> bytes:
    header, body = header_of(content)
    name = next(name for name in header if name != "__metadata__")
    header[name] |= {"shape": [2**39], "data_offsets": [0, 2**40]}
    return with_header(header, body)


def with_facts(facts: str) -> Callable[[bytes], bytes]:
    def change(content: bytes) -> bytes:
        header, body = header_of(content)
        return with_header(header | {"__metadata__": {"showface": facts}}, body)

    return change


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda content: b"",
    "truncated": lambda content: content[:-1],
    "only a header": lambda content: content[:100],
    "huge header": lambda content: struct.pack("<Q", 2**62) + content[8:],
    "header as large as admitted": lambda content: struct.pack("<Q", 99_999_999) + content[8:],
    "overlapping": overlapping,
    "a terabyte": claiming_a_terabyte,
    "junk": lambda content: struct.pack("<Q", 4) + b"{{{{",
    "deep junk": lambda content: struct.pack("<Q", 10**5) + b"[" * 10**5,
    "not an object": lambda content: struct.pack("<Q", 2) + b"[]",
    "text": lambda content: b"these are no weights",
    "junk in the facts": with_facts("{{"),
    "deep junk in the facts": with_facts("[" * 10**5),
}


CLAIMED = 99_999_999  # bytes, the most that a damaged header claims without being refused for it


@contextmanager
def little_memory() -> Iterator[None]:
    """At most 32 MB more than are in use now; allocations beyond fail."""
    resource = pytest.importorskip("resource", reason="POSIX only")
    status = Path("/proc/self/statm")
    if not status.exists():
        pytest.skip("no /proc here")

    def used() -> int:
        return int(status.read_text().split()[0]) * int(resource.getpagesize())

    gc.collect()  # what is freed only now would make room under the limit
    gc.disable()
    held: list[np.ndarray] = []  # what earlier tests freed and the C library kept, which no limit would refuse
    while True:
        before, block = used(), np.empty(CLAIMED, dtype=np.uint8)
        if used() - before > CLAIMED // 2:
            del block
            break
        held.append(block)
    limits = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (used() + 32_000_000, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, limits)
        gc.enable()


def test_little_memory_is_little() -> None:
    blocks = [np.empty(20_000_000, dtype=np.uint8) for _ in range(8)]
    last = np.empty(100_000, dtype=np.uint8)  # above them, so that what they leave is kept
    del blocks
    with little_memory(), pytest.raises(MemoryError):
        np.empty(CLAIMED, dtype=np.uint8)
    assert last.nbytes == 100_000


@pytest.mark.parametrize("kind", DAMAGE)
def test_damage_is_refused_with_file_and_cure(single: Path, kind: str) -> None:
    """And nothing of the claimed size is allocated."""
    file = single / weights.MODEL
    file.write_bytes(DAMAGE[kind](file.read_bytes()))
    for source in (file, single):
        with little_memory(), pytest.raises(WeightsError, match=r"model\.safetensors: damaged.*fetch or export"):
            load(source)


@pytest.mark.parametrize("name", weights.FILES)
@pytest.mark.parametrize("kind", DAMAGE)
def test_damage_of_each_file_is_refused(sourced: Path, kind: str, name: str) -> None:
    """Also where config.json was written for the damaged file."""
    (sourced / name).write_bytes(DAMAGE[kind]((sourced / name).read_bytes()))
    with little_memory(), pytest.raises(WeightsError, match=rf"{name}: damaged.*fetch or export"):
        load(sourced)
    renamed(sourced, name)
    with little_memory(), pytest.raises(WeightsError, match=rf"{name}: damaged.*fetch or export"):
        load(sourced)


def renamed(folder: Path, name: str) -> None:
    """config.json names the file `name` as it is now."""
    path = folder / weights.CONFIG
    description = json.loads(path.read_text())
    description["sha256"][name] = hashlib.sha256((folder / name).read_bytes()).hexdigest()
    path.write_text(json.dumps(description))


@pytest.mark.parametrize("name", weights.FILES)
def test_a_missing_file_is_named(sourced: Path, refused: Callable[..., str], name: str) -> None:
    (sourced / name).unlink()
    assert f"{name}: no such file; config.json beside it names it" in refused(sourced)


@pytest.mark.parametrize("name", weights.FILES)
def test_a_file_of_other_weights_is_refused(
    sourced_network: MDRNets, sourced: Path, tmp_path: Path, refused: Callable[..., str], name: str
) -> None:
    other = copy.deepcopy(sourced_network)
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.add_(0.5)
    shutil.copy(save(tmp_path / "other", other) / name, sourced / name)
    assert f"{name}: damaged or altered, or of other weights: expected sha256" in refused(sourced)


def test_a_file_of_another_part_is_refused(sourced: Path) -> None:
    shutil.copy(sourced / "parser.safetensors", sourced / "coarse.safetensors")
    renamed(sourced, "coarse.safetensors")
    with pytest.raises(WeightsError, match=r"config\.json was altered: coarse\."):
        load(sourced)


def not_named(named: dict[str, str]) -> object:
    return named.pop("coarse.safetensors")


HASHES: dict[str, Callable[[dict[str, str]], object]] = {
    "one missing": not_named,
    "one too many": lambda named: named.update({"../../wings.safetensors": "0" * 64}),
    "a number": lambda named: named.update({"coarse.safetensors": 7}),  # type: ignore[dict-item]
    "half a path": lambda named: named.update({"coarse.safetensors": "/../../../../x" + "0" * 50}),
}


@pytest.mark.parametrize("kind", HASHES)
def test_config_json_names_each_file_and_no_other(folder: Path, kind: str) -> None:
    description = json.loads((folder / weights.CONFIG).read_text())
    HASHES[kind](description["sha256"])
    (folder / weights.CONFIG).write_text(json.dumps(description))
    with pytest.raises(WeightsError, match=r"config\.json: expected the sha256 of coarse\.safetensors, parser"):
        load(folder)


@pytest.mark.parametrize("kind", ["truncated", "huge header", "overlapping", "deep junk in the facts"])
def test_damage_on_the_command_line_is_one_line(single: Path, refused: Callable[..., str], kind: str) -> None:
    file = single / weights.MODEL
    file.write_bytes(DAMAGE[kind](file.read_bytes()))
    line = refused(file)
    assert str(file) in line and "fetch or export the weights again" in line


@pytest.mark.parametrize("text", ["{", "", "7", "[1]", "[" * 100_000])
def test_a_configuration_that_is_no_json_though_its_hash_fits(folder: Path, single: Path, text: str) -> None:
    for source, name in ((single / weights.MODEL, weights.MODEL), (folder, REFINEMENT)):
        file = source if source.is_file() else source / name
        state, facts = weights.read_tensors(file)
        weights.write_tensors(file, state, rehashed(facts, text, state))
        if source.is_dir():
            renamed(source, name)
        with pytest.raises(WeightsError, match=r"its configuration is no JSON .*fetch or export"):
            load(source)


def rehashed(facts: dict[str, Any], text: str, state: weights.State) -> dict[str, Any]:
    return facts | {"configuration": text, "sha256": weights.digest_of(text, state)}


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"format": "other"}', "[" * 100_000])
def test_junk_in_config_json_is_refused(folder: Path, single: Path, text: str) -> None:
    for each in (folder, single):
        (each / weights.CONFIG).write_text(text)
        with pytest.raises(WeightsError, match=r"config\.json: expected"):
            load(each)


# ------------------------------------------------------------------ 20: one flipped byte (of assets: test_assets)


def flipped(content: bytes, place: int) -> bytes:
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


def test_every_flipped_byte_is_noticed(single: Path) -> None:
    file = single / weights.MODEL
    whole = file.read_bytes()
    for place in range(0, len(whole), len(whole) // 60):
        file.write_bytes(flipped(whole, place))
        for source in (file, single):
            with pytest.raises(WeightsError):
                load(source)


@pytest.mark.parametrize("name", weights.FILES)
def test_every_flipped_byte_of_each_file_is_noticed(sourced: Path, name: str) -> None:
    whole = (sourced / name).read_bytes()
    for place in range(0, len(whole), len(whole) // 30):
        (sourced / name).write_bytes(flipped(whole, place))
        with pytest.raises(WeightsError, match=name):
            load(sourced)


def test_an_altered_number_is_refused_by_its_hash(folder: Path, single: Path, refused: Callable[..., str]) -> None:
    file = single / weights.MODEL
    for altered in (file, folder / REFINEMENT):
        altered.write_bytes(flipped(altered.read_bytes(), altered.stat().st_size - 1))
        with pytest.raises(WeightsError, match=r"expected sha256 .* found"):
            load(altered.parent)
    renamed(folder, REFINEMENT)
    for source in (file, folder):
        with pytest.raises(WeightsError, match="do not have the sha256"):
            load(source)
    assert "do not have the sha256" in refused(file)


@pytest.mark.parametrize("layout", ["folder", "single"])
def test_a_flipped_byte_in_config_json_changes_nothing_that_is_loaded(
    layout: str, request: pytest.FixtureRequest
) -> None:
    """It is refused, unless it lies in the card, which is for people."""
    folder: Path = request.getfixturevalue(layout)
    configuration, state = load(folder)
    whole = (folder / weights.CONFIG).read_bytes()
    noticed = 0
    for place in range(0, len(whole), len(whole) // 60):
        (folder / weights.CONFIG).write_bytes(flipped(whole, place))
        try:
            found, tensors = load(folder)
        except WeightsError:
            noticed += 1
            continue
        assert found == configuration and all(torch.equal(tensors[name], state[name]) for name in state)
    assert noticed > 30


# ------------------------------------------------------------------ 21: pickles that run code


class Payload:
    """Makes a folder when it is unpickled."""

    def __init__(self, sentinel: Path) -> None:
        self.sentinel = sentinel

    def __reduce__(self) -> tuple[Callable[..., object], tuple[str]]:
        return os.mkdir, (str(self.sentinel),)


class Shell(Payload):
    def __reduce__(self) -> tuple[Callable[..., object], tuple[str]]:
        return os.system, (f"mkdir '{self.sentinel}'",)


def plain(payload: object) -> bytes:
    return pickle.dumps(payload, protocol=2)


def by_torch(payload: object) -> bytes:
    """As torch.save writes it."""
    stream = io.BytesIO()
    torch.save({"network": payload}, stream)
    return stream.getvalue()


def by_old_torch(payload: object) -> bytes:
    stream = io.BytesIO()
    torch.save({"network": payload}, stream, _use_new_zipfile_serialization=False)
    return stream.getvalue()


PICKLED: list[Callable[[object], bytes]] = [plain, by_torch, by_old_torch]


def test_the_payloads_would_run(tmp_path: Path) -> None:
    for number, payload in enumerate((Payload, Shell)):
        pickle.loads(plain(payload(tmp_path / str(number))))
        assert (tmp_path / str(number)).is_dir()


@pytest.mark.parametrize(
    ("name", "pickled"),
    [
        ("w.pt", by_torch),
        ("w.pth", by_old_torch),
        ("w.ckpt", plain),
        ("w.PKL", plain),
        ("w.safetensors", plain),
        ("model.safetensors", by_torch),
        ("w", by_old_torch),
    ],
)
def test_pickles_are_never_loaded(
    tmp_path: Path, refused: Callable[..., str], name: str, pickled: Callable[[object], bytes]
) -> None:
    sentinel = tmp_path / "it ran"
    (tmp_path / name).write_bytes(pickled(Payload(sentinel)))
    line = refused(tmp_path / name)
    assert name in line and ("pickles run code" in line or "damaged" in line)
    assert not sentinel.exists()


@pytest.mark.parametrize("payload", [Payload, Shell])
def test_code_in_a_pickle_of_arrays_does_not_run(tmp_path: Path, payload: type[Payload]) -> None:
    sentinel, file = tmp_path / "sentinel", tmp_path / "arrays.ckpt"
    file.write_bytes(plain({"a": np.zeros(2), "b": payload(sentinel)}))
    with pytest.raises(AssetError, match="not admitted"):
        assets.load_arrays(file)
    assert not sentinel.exists()


@pytest.mark.parametrize("pickled", PICKLED)
def test_code_in_the_published_parser_does_not_run(tmp_path: Path, pickled: Callable[[object], bytes]) -> None:
    sentinel, file = tmp_path / "sentinel", tmp_path / "79999_iter.pth"
    file.write_bytes(pickled(Payload(sentinel)))
    with pytest.raises(pickle.UnpicklingError):
        load_bisenet(file)
    assert not sentinel.exists()


def test_only_the_converters_of_assets_read_pickles() -> None:
    """Each of the two admits a list of names; torch.load is called for tensors only, NumPy without pickles."""
    root = Path(showface.__file__).parent
    readers = set()
    for path in root.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            text = ast.unparse(node) if isinstance(node, (ast.Call, ast.Attribute, ast.Import, ast.ImportFrom)) else ""
            if text in ("pickle.Unpickler", "pickle.load", "pickle.loads") or text.startswith("from pickle"):
                readers.add(path.relative_to(root).as_posix())
            assert not text.startswith("torch.load(") or text.endswith("weights_only=True)"), path
            assert not text.startswith("np.load(") or text.endswith("allow_pickle=False)"), path
            assert not text.startswith(("import dill", "import joblib", "import cloudpickle")), path
    assert readers == {"assets.py", "features/torchscript.py"}


# ------------------------------------------------------------------ 22: weights of another network


def edit(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    path = folder / weights.CONFIG
    description = json.loads(path.read_text())
    change(description["configuration"])
    path.write_text(json.dumps(description))


def test_a_changed_configuration_names_the_field(folder: Path, refused: Callable[..., str]) -> None:
    edit(folder, lambda configuration: configuration["memory"].update(temperature=0.25))
    assert "altered: memory.temperature is 0.25, expected 1.0" in refused(folder)


def test_an_unknown_field_names_the_nearest(folder: Path, refused: Callable[..., str]) -> None:
    edit(folder, lambda configuration: configuration["memory"].update(temprature=0.25))
    assert "unknown field of memory 'temprature'; did you mean 'temperature'" in refused(folder)


def test_a_contradiction_in_a_configuration_is_refused(folder: Path) -> None:
    edit(folder, lambda configuration: configuration["memory"].update(channels=9))
    with pytest.raises(WeightsError, match=r"memory\.channels is 9, expected style\.channels = 8"):
        load(folder)


def test_weights_of_another_width_name_the_box_not_200_keys(tiny_config: MDRNetsConfig, folder: Path) -> None:
    _, state = load(folder)
    wider = dataclasses.replace(tiny_config, memory=dataclasses.replace(tiny_config.memory, slots=5))
    with pytest.raises(
        WeightsError, match=r"configuration of memory: memory\.idle is 14 x 4, expected 14 x 5"
    ) as error:
        build(wider, state)
    assert "\n" not in str(error.value) and len(str(error.value)) < 250


def written_with(config: MDRNetsConfig, folder: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    """Sound weights whose configuration, with hashes that fit, was changed: as another program might write them."""
    save(folder, MDRNets(config))
    edit(folder, change)
    plain = json.loads((folder / weights.CONFIG).read_text())["configuration"]
    for name, part in weights.FILES.items():
        if (file := folder / name).is_file():
            state, facts = weights.read_tensors(file)
            text = json.dumps({field: plain[field] for field in part.fields}, sort_keys=True)
            weights.write_tensors(file, state, rehashed(facts, text, state))
            renamed(folder, name)
    return folder


def test_another_width_on_the_command_line(
    tiny_config: MDRNetsConfig, tmp_path: Path, refused: Callable[..., str]
) -> None:
    def all_wider(configuration: dict[str, Any]) -> None:
        configuration["refinement"].update(encoder_widths=[12, 12], decoder_widths=[12])
        configuration["coarse"].update(widths=[12, 12])

    line = refused(written_with(tiny_config, tmp_path / "wide", all_wider))
    assert "the tensors do not fit the configuration of coarse, refinement: coarse." in line and len(line) < 300


def test_another_version_on_the_command_line(
    tiny_config: MDRNetsConfig, tmp_path: Path, refused: Callable[..., str]
) -> None:
    folder = written_with(tiny_config, tmp_path / "new", lambda plain: plain["memory"].update(heads=4))
    assert "configuration of another version: unknown field of memory 'heads'" in refused(folder)


@pytest.mark.parametrize("name", weights.FILES)
def test_a_file_of_another_version_on_the_command_line(sourced: Path, refused: Callable[..., str], name: str) -> None:
    state, facts = weights.read_tensors(sourced / name)
    weights.write_tensors(sourced / name, state, facts | {"format": "showface-9"})
    renamed(sourced, name)
    line = refused(sourced)
    assert f"{name}: expected safetensors written by showface as 'showface-2'" in line


def test_one_file_of_another_version_on_the_command_line(single: Path, refused: Callable[..., str]) -> None:
    state, facts = weights.read_tensors(single / weights.MODEL)
    weights.write_tensors(single / weights.MODEL, state, facts | {"format": "showface-9"})
    assert "expected safetensors written by showface as 'showface-1'" in refused(single / weights.MODEL)


def test_missing_and_extra_tensors(tiny_config: MDRNetsConfig, folder: Path) -> None:
    _, state = load(folder)
    slots = state.pop("memory.slots")
    with pytest.raises(WeightsError, match=r"memory\.slots is not there, expected 14 x 4 x 8"):
        build(tiny_config, state)
    with pytest.raises(WeightsError, match=r"wings\.left is 14 x 4 x 8, expected not there"):
        build(tiny_config, state | {"memory.slots": slots, "wings.left": slots})


def test_other_safetensors_are_refused(tmp_path: Path) -> None:
    save_file({"x": torch.zeros(3)}, tmp_path / "other.safetensors")
    with pytest.raises(WeightsError, match="expected safetensors written by showface as 'showface-1'"):
        load(tmp_path / "other.safetensors")


# ------------------------------------------------------------------ 23: NaN and infinity


def broken(config: MDRNetsConfig, value: float) -> MDRNets:
    network = MDRNets(config)
    with torch.no_grad():
        for parameter in network.refinement.parameters():
            parameter.fill_(value)
    return network.eval()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_not_finite_weights_are_refused(
    tiny_config: MDRNetsConfig,
    tmp_path: Path,
    refused: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
    value: float,
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("showface.weights.writing.not_finite", lambda state: None)
        save(tmp_path / "nan", broken(tiny_config, value))
    line = refused(tmp_path / "nan")
    assert "refinement.safetensors: refinement." in line and "holds NaN or infinity" in line


def test_float8_weights_are_looked_at_as_well(folder: Path) -> None:
    """torch cannot tell whether they are finite before they are converted."""
    state, facts = weights.read_tensors(folder / REFINEMENT)
    name = next(name for name in state if name.startswith("refinement."))
    state[name] = torch.full_like(state[name].float(), torch.nan).to(torch.float8_e4m3fn)
    weights.write_tensors(folder / REFINEMENT, state, rehashed(facts, facts["configuration"], state))
    renamed(folder, REFINEMENT)
    with pytest.raises(WeightsError, match="holds NaN"):
        load(folder)


@pytest.mark.parametrize("value", [np.nan, np.inf, 3e38])
def test_a_network_that_computes_nan_makes_no_picture(tiny_config: MDRNetsConfig, value: float) -> None:
    """The last value is finite itself, what it is multiplied with overflows."""
    with pytest.raises(NonFiniteError, match="the weights do not suit"):
        FaceInpainter(broken(tiny_config, value), device="cpu", detector="off")(PIXELS, HOLE)


@pytest.fixture
def broken_build(tiny_config: MDRNetsConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "build", lambda configuration, state: broken(tiny_config, np.nan))


@pytest.mark.usefixtures("broken_build")
def test_nan_in_the_output_is_exit_code_1_and_no_picture(tiny_weights: Path, refused: Callable[..., str]) -> None:
    assert "NaN or infinity" in refused(tiny_weights, code=1)


@pytest.mark.usefixtures("broken_build")
def test_nan_in_a_batch_writes_none_of_its_pictures(
    tiny_weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for kind, picture in (("faces", PIXELS), ("masks", HOLE)):
        (tmp_path / kind).mkdir()
        for name in ("a.png", "b.png"):
            Image.fromarray(picture).save(tmp_path / kind / name)
    words = ["inpaint", str(tmp_path / "faces"), "--mask", str(tmp_path / "masks"), "--out", str(tmp_path / "out")]
    assert main([*words, "--weights", str(tiny_weights), "--device", "cpu"]) == 1
    assert list((tmp_path / "out").iterdir()) == []
    said = capsys.readouterr().err
    assert said.count("NaN or infinity") == 2 and "0 completed, 2 failed" in said
