"""`showface doctor`: parse, call, print."""

from __future__ import annotations

from collections.abc import Iterator

import click

PACKAGES = ("torch", "numpy", "pillow", "safetensors", "jaxtyping", "click", "rich", "opencv-python-headless")
# A package of each extra that the others do not bring.
EXTRAS = {
    "train": "tensorboard", "evaluate": "ai-edge-litert", "onnx": "onnxruntime", "identity": "dlib-bin",
    "heic": "pillow-heif", "hub": "huggingface-hub", "test": "pytest",
}  # fmt: skip


@click.command("doctor", short_help="Say what showface finds here.")
def command() -> None:
    """Say what showface finds here: versions, device, weights, assets; exit code 1 if it cannot complete faces."""
    from showface.errors import ShowFaceError, WeightsError

    for name, fact in (*_versions(), *_machine()):
        click.echo(f"{name:<12}{fact}")
    try:
        click.echo(f"{'weights':<12}{_weights()}")
    except WeightsError as error:
        raise ShowFaceError(f"bundled weights cannot be used: {error}") from error
    finally:
        for name, fact in _assets():
            click.echo(f"{name:<12}{fact}")


def _versions() -> Iterator[tuple[str, str]]:
    import platform

    import showface

    yield "showface", showface.__version__
    yield "python", f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    yield "packages", ", ".join(f"{name} {_version(name) or 'MISSING'}" for name in PACKAGES)
    yield "extras", ", ".join(f"{extra}: {'yes' if _version(name) else 'no'}" for extra, name in EXTRAS.items())


def _version(package: str) -> str | None:
    from importlib import metadata

    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _machine() -> Iterator[tuple[str, str]]:
    import torch

    from showface.lean.precision import computes_bf16

    yield "threads", str(torch.get_num_threads())
    if torch.cuda.is_available():
        free, total = torch.cuda.mem_get_info()
        yield "device", f"cuda: {torch.cuda.get_device_name()}, {free / 1e9:.1f} of {total / 1e9:.1f} GB free"
        yield "bfloat16", "yes" if computes_bf16("cuda") else "no"
    else:
        yield "device", f"cpu: {torch.backends.cpu.get_cpu_capability()}"
        yield "bfloat16", "yes" if computes_bf16("cpu") else "no"


def _weights() -> str:
    from showface import weights
    from showface.weights import weights_hash

    folder = weights.bundled()
    network = weights.build(*weights.load(folder))
    millions = sum(parameter.numel() for parameter in network.parameters()) / 1e6
    return f"{folder.name}, {millions:.1f} M parameters, sha256 {weights_hash(folder)[:12]}: sound"


def _assets() -> Iterator[tuple[str, str]]:
    from showface import assets

    folder = assets.cache_folder()
    here = [asset.name for asset in assets.ASSETS.values() if (folder / asset.file).is_file()]
    absent = sorted(set(assets.ASSETS) - set(here))
    yield "assets", f"in {folder}: {', '.join(here) or 'none'}"
    yield "", f"fetched when needed: {', '.join(absent) or 'none'}"
