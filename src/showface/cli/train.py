"""`showface train`: parse, call, print."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("train")
@click.argument("recipe")
@click.option(
    "--data",
    "data",
    multiple=True,
    required=True,
    metavar="FOLDER|FILE.json",
    help="Faces: a folder (images/ and labels/ below it are understood), or a JSON list of face sources.",
)
@click.option("--masks", default="", metavar="FOLDER", help="Masks, white = hole; without it masks are drawn.")
@click.option(
    "--out", required=True, type=click.Path(path_type=Path), help="The run's folder; the same command resumes."
)
@click.option("--stage", "stages", multiple=True, help="Only this stage (repeatable); default: all of the recipe.")
@click.option(
    "--set", "settings", multiple=True, metavar="STAGE.FIELD=VALUE", help="Change one setting, e.g. coarse.steps=100."
)
@click.option("--device", default="auto", help="auto, cpu, cuda, cuda:1 ...")
@click.option("--dry-run", is_flag=True, help="Print the resolved configuration and stop.")
def command(
    recipe: str, data: tuple[str, ...], masks: str, out: Path, stages: tuple[str, ...], settings: tuple[str, ...],
    device: str, dry_run: bool,
) -> None:  # fmt: skip
    """Train RECIPE, stage by stage; the same command goes on where it stopped."""
    import json
    from dataclasses import asdict

    import torch
    from rich.console import Console

    from showface import recipes
    from showface.data.mask_sets import MaskSource
    from showface.data.sources import face_sources
    from showface.training.run import train
    from showface.training.settings import with_settings

    faces = tuple(source for place in data for source in face_sources(place))
    mask_source = MaskSource(folder=masks, drawn=0.2 if masks else 1.0)
    resolved = with_settings(recipes.recipe(recipe, faces, mask_source), settings)
    if dry_run:
        click.echo(json.dumps(asdict(resolved), indent=1))
        return
    name = ("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device
    train(resolved, out, stages=stages, device=torch.device(name), console=Console())
