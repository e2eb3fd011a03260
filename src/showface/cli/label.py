"""`showface label`, the older name of `showface data labels --order bisenet`: parse, call, print."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from showface.data.faces import LabelOrder


@click.command("label", short_help="The same as data labels --order bisenet.")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder for the label maps (PNG).")
@click.option("--limit", default=0, type=click.IntRange(min=0), metavar="N", help="Only the first N pictures; 0 = all.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1 ...")
def command(folder: Path, out: Path, limit: int, device: str) -> None:
    """Label the faces below FOLDER with BiSeNet's 19 classes; what is labelled already is kept.

    The older name of `showface data labels`: a label map is a 256 px PNG of class indices in BiSeNet's order
    ("label_order": "bisenet" in a list of sources). BiSeNet is fetched once (53 MB).
    """
    write_labels(folder, out, size=256, order="bisenet", limit=limit, device=device)


def write_labels(folder: Path, out: Path, *, size: int, order: LabelOrder, limit: int, device: str) -> None:
    """Labels by the published parser for the pictures below `folder`, with a bar."""
    from showface import assets
    from showface.cli.measuring import bar
    from showface.networks.bisenet import load_bisenet
    from showface.training.labelling import label_folder
    from showface.training.run import chosen_device

    parser = load_bisenet(assets.path("bisenet")).to(chosen_device(device))
    with bar("labelling") as progress:
        new = label_folder(parser, folder, out, size=size, order=order, limit=limit, progress=progress)
    click.echo(f"{new} new label maps in {out}")
