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
    help="Faces: a folder (images/ and labels/ below it are understood), or a JSON list of face sources. Repeatable.",
)
@click.option("--masks", default="", metavar="FOLDER", help="Masks, white = hole; without it masks are drawn.")
@click.option(
    "--same-person",
    "same_person",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="A table (CSV: person, file) of who is in which picture; stages that learn from other pictures of a person "
    "use it. Without it they change each picture itself.",
)
@click.option(
    "--out", required=True, type=click.Path(path_type=Path), help="The run's folder; the same command resumes."
)
@click.option("--stage", "stages", multiple=True, help="Only this stage (repeatable); default: all of the recipe.")
@click.option(
    "--from",
    "earlier",
    type=click.Path(path_type=Path),
    metavar="RUN|WEIGHTS",
    help="Use the finished stages of this run, all but the recipe's last, instead of training them again; for "
    "finetune the weights to begin with, a bundled release's name too [default there: compact].",
)
@click.option(
    "--held-out",
    "held_out",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="FOLDER|FILE",
    help="Pictures kept for testing (a folder, or a list of hashes): a run that would learn from one is refused.",
)
@click.option(
    "--ablation", metavar="ROW", help="Leave out what a row of the paper's Table 2 leaves out, e.g. 'w/o MREM'."
)
@click.option(
    "--set", "settings", multiple=True, metavar="STAGE.FIELD=VALUE", help="Change one setting, e.g. coarse.steps=100."
)
@click.option("--cache", default="", metavar="FOLDER", help="Keep decoded pictures here, so that each is decoded once.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1 ...")
@click.option("--dry-run", is_flag=True, help="Print the resolved configuration and stop.")
def command(
    recipe: str, data: tuple[str, ...], masks: str, same_person: Path | None, out: Path, stages: tuple[str, ...],
    earlier: Path | None, held_out: tuple[Path, ...], ablation: str | None, settings: tuple[str, ...], device: str,
    dry_run: bool, cache: str,
) -> None:  # fmt: skip
    """Train RECIPE, stage by stage; the same command goes on where it stopped.

    The result is in --out: weights/ for `showface inpaint` and `showface evaluate`, and a folder for each stage with
    its log, contact sheets and checkpoints. `showface evaluate --methods NAME=RUN` takes the run of a baseline.

    RECIPE finetune adapts finished weights to your own photographs, in which the faces are found first.
    """
    import json

    from rich.console import Console

    from showface import recipes
    from showface.allocator import keep_kernels
    from showface.configurations import to_plain
    from showface.data.mask_sets import MaskSource
    from showface.data.sources import face_sources
    from showface.recipes.ablation import ablated
    from showface.training.run import chosen_device, train
    from showface.training.settings import with_cache, with_same_person, with_settings

    faces = tuple(source for place in data for source in face_sources(place))
    mask_source = MaskSource(folder=masks, drawn=0.2 if masks else 1.0)
    if recipe == "finetune":
        from showface.cli.finetuning import cut_out, tuned_from

        faces = faces if dry_run else cut_out(faces, out)
        tuned, earlier = tuned_from(earlier, faces, mask_source)
        resolved = with_settings(tuned, settings)
        stages = stages or tuple(stage.name for stage in resolved.stages)
    else:
        resolved = with_settings(recipes.recipe(recipe, faces, mask_source), settings)
    if ablation is not None:
        resolved = ablated(resolved, ablation)
    resolved = with_cache(resolved, cache) if cache else resolved
    resolved = with_same_person(resolved, str(same_person)) if same_person else resolved
    keep_kernels()
    if dry_run:
        click.echo(json.dumps(to_plain(resolved), indent=1))
        return
    train(
        resolved, out, stages=stages, earlier=earlier, held_out=held_out, device=chosen_device(device),
        console=Console(),
    )  # fmt: skip
