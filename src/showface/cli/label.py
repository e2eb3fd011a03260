"""`showface label`: parse, call, print."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("label", short_help="Label faces with the published parser, to train our own on.")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder for the label maps (PNG).")
@click.option("--limit", default=0, type=click.IntRange(min=0), metavar="N", help="Only the first N pictures; 0 = all.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1 ...")
def command(folder: Path, out: Path, limit: int, device: str) -> None:
    """Label the faces below FOLDER with BiSeNet's 19 classes; what is labelled already is kept.

    A label map is a 256 px PNG of class indices in BiSeNet's order ("label_order": "bisenet" in a list of sources).
    BiSeNet is fetched once (53 MB).
    """
    from showface import assets
    from showface.cli.measuring import bar
    from showface.networks.face_parser import load_bisenet
    from showface.training.labelling import label_folder
    from showface.training.run import chosen_device

    parser = load_bisenet(assets.path("bisenet")).to(chosen_device(device))
    with bar("labelling") as progress:
        new = label_folder(parser, folder, out, limit=limit, progress=progress)
    click.echo(f"{new} new label maps in {out}")
