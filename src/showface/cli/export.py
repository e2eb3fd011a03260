"""`showface export`: parse, call, print."""

from __future__ import annotations

from pathlib import Path

import click

from showface.cli.parameters import Suggesting


@click.group("export", cls=Suggesting, short_help="Write the networks for other programs.")
def command() -> None:
    """Write the networks for other programs."""


@command.command("onnx", short_help="Picture and mask in, completed picture out, as one ONNX file.")
@click.argument("weights", required=False, metavar="[WEIGHTS]")
@click.option("--out", required=True, type=click.Path(path_type=Path), metavar="FILE.onnx", help="Where it goes.")
@click.option(
    "--size", default=256, show_default=True, metavar="PIXELS", help="Side of the pictures; the batch is free."
)
@click.option(
    "--numbers", type=click.Choice(["float32", "float16", "int8"]), default="float32", show_default=True,
    help="How weights are stored; it is computed in float32.",
)  # fmt: skip
@click.option(
    "--tolerance", default=1e-3, show_default=True, type=click.FloatRange(min=0), metavar="DIFFERENCE",
    help="Largest difference from the network, of [-1, 1]; write nothing if it is more.",
)  # fmt: skip
@click.option("--overwrite", is_flag=True, help="Replace the file that is there.")
def onnx_command(weights: str | None, out: Path, size: int, numbers: str, tolerance: float, overwrite: bool) -> None:
    """Write WEIGHTS (those that come with the package if left out; a folder, a .safetensors file or a hub id) to --out.

    The file takes image (n, 3, size, size), RGB in [-1, 1], and mask (n, 1, size, size), 1 = hole, and gives the
    completed image; `showface evaluate --methods NAME=FILE.onnx` measures it. It is run and compared with the network
    before it is written. Needs the extra 'onnx', and takes a minute.
    """
    from typing import cast

    from showface.errors import ImageError, SettingError
    from showface.export import Numbers, export_onnx
    from showface.pipeline import FaceInpainter

    if out.suffix != ".onnx":
        raise SettingError(f"{out}: expected a name that ends with .onnx")
    if out.exists() and not overwrite:
        raise ImageError(f"{out}: exists already; choose another name or ask to --overwrite it")
    network = FaceInpainter.from_pretrained(weights, device="cpu").network
    found = export_onnx(network, out, size=size, numbers=cast(Numbers, numbers), tolerance=tolerance)
    click.echo(f"{out}: {out.stat().st_size / 1e6:.1f} MB, differs from the network by {found:.1e} of [-1, 1] at most")
