"""`showface ablate`: parse, call, print."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from showface.training.configuration import Recipe

COARSE = "coarse network alone"  # a line of the table that no row trains, unless all train the coarse network on


@click.command("ablate")
@click.argument("recipe")
@click.option(
    "--data", multiple=True, required=True, metavar="FOLDER|FILE.json",
    help="Faces to train on, as `showface train` takes them. Repeatable.",
)  # fmt: skip
@click.option("--masks", default="", metavar="FOLDER", help="Masks to train with; without it masks are drawn.")
@click.option("--test", required=True, metavar="FOLDER", help="Faces to measure on, none of them trained on.")
@click.option("--test-masks", required=True, metavar="FOLDER", help="Masks to measure with, white = hole.")
@click.option(
    "--from", "earlier", type=click.Path(path_type=Path), metavar="RUN",
    help="A run whose stages before the last all rows share; without it they are trained once in OUT/shared.",
)  # fmt: skip
@click.option(
    "--out", required=True, type=click.Path(path_type=Path),
    help="Folder with a run for each row and the report; the same command goes on.",
)  # fmt: skip
@click.option("--row", "rows", multiple=True, metavar="ROW", help="Only this row, e.g. 'w/o MREM' (repeatable).")
@click.option(
    "--rows", "own", type=click.Path(path_type=Path, exists=True, dir_okay=False), metavar="FILE.json",
    help="Rows of your own in place of Table 2's: an object, from each row's name to a list of STAGE.FIELD=VALUE.",
)  # fmt: skip
@click.option(
    "--set", "settings", multiple=True, metavar="STAGE.FIELD=VALUE",
    help="Change one setting of every row, e.g. mdrnets.steps=100, the budget.",
)  # fmt: skip
@click.option("--metrics", default="l1,psnr,ssim", show_default=True, help="What to measure, with commas; or all.")
@click.option("--limit", default=0, type=click.IntRange(min=0), metavar="N", help="Only the first N faces; 0 = all.")
@click.option("--size", default=256, show_default=True, help="Side in pixels at which everything is measured.")
@click.option("--seed", default=0, show_default=True, help="Of the order in which masks are dealt.")
@click.option("--batch", default=8, type=click.IntRange(min=1), show_default=True, help="Pictures measured at once.")
@click.option("--against", default="", metavar="ROW", help="Tell how others differ from it, picture by picture.")
@click.option("--gallery", is_flag=True, help="Show the best, median and worst pictures of each bucket on the page.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1 ...")
@click.option("--overwrite", is_flag=True, help="Forget measurements and report that are there; runs stay.")
def command(
    recipe: str, data: tuple[str, ...], masks: str, test: str, test_masks: str, earlier: Path | None, out: Path,
    rows: tuple[str, ...], own: Path | None, settings: tuple[str, ...], metrics: str, limit: int, size: int, seed: int,
    batch: int, against: str, gallery: bool, device: str, overwrite: bool,
) -> None:  # fmt: skip
    """Train and measure the rows of the paper's Table 2, or of your own, all of RECIPE's last stage at the same budget.

    Every row starts from the same finished stages, sees the same pictures in the same order (seed and steps are those
    of the recipe), and is measured on the same table of faces and masks; the coarse network alone is measured too,
    unless every row trains it on (mdrnets.joint, which the rows of Table 2 leave out). A row that is finished is only
    measured. Writes report.html and the other files of `showface evaluate` to --out.
    """
    from dataclasses import replace

    from rich.console import Console

    from showface import recipes
    from showface.cli.measuring import bar, chosen_protocol, refuse_unknown_opponent, told
    from showface.data.faces import list_faces
    from showface.data.fingerprints import FILE, hash_pictures, read_lines
    from showface.data.mask_sets import MaskSource
    from showface.data.sources import face_sources
    from showface.evaluation.comparison import ComparisonConfig, compare, gallery_of, write_report
    from showface.evaluation.measuring.measures import chosen_measures
    from showface.evaluation.methods.networks import Networks
    from showface.evaluation.protocol.overlap import refuse_seen
    from showface.evaluation.report.published import TABLE_2
    from showface.recipes.ablation import chosen_rows
    from showface.training.rows import train_rows
    from showface.training.run import chosen_device
    from showface.training.settings import with_settings

    # ---- everything that can be refused, before hours of training
    where, measures = chosen_device(device), chosen_measures(metrics)
    faces = tuple(source for place in data for source in face_sources(place))
    resolved = with_settings(
        recipes.recipe(recipe, faces, MaskSource(folder=masks, drawn=0.2 if masks else 1.0)), settings
    )
    resolved.stage("mdrnets")  # refuses recipes of other methods
    chosen = chosen_rows(resolved, own, rows)
    apart = [row for row, changed in chosen.items() if not changed.stage("mdrnets").joint]
    refuse_unknown_opponent(against, [*([COARSE] if apart else []), *chosen])
    protocol = chosen_protocol(test, test_masks, size=size, seed=seed, limit=limit, bucket_by="share")
    known = read_lines(earlier / FILE) if earlier is not None and (earlier / FILE).is_file() else None
    seen = hash_pictures((face.picture for source in faces for face in list_faces(source)), known)
    refuse_seen(protocol, seen.values(), "--data")
    # ---- train, measure
    runs = train_rows(chosen, out, earlier=earlier, device=where, console=Console())
    networks = Networks(str(where))
    contenders = [networks.contender(COARSE, str(runs[row]), "coarse") for row in apart[:1]]
    contenders += [networks.contender(row, str(run), "full") for row, run in runs.items()]
    config = ComparisonConfig(out=out, batch=batch, device=str(where), overwrite=overwrite)
    with bar("measuring") as progress:
        comparison = compare(protocol, contenders, measures, config, progress=progress)
    # ---- tell
    comparison = replace(comparison, facts={"budget": budget(resolved, earlier), **comparison.facts})
    write_report(
        comparison, protocol, out, gallery=gallery_of(comparison, protocol, contenders) if gallery else (),
        title=f"{'Table 2' if own is None else own.stem}, recipe {resolved.name}: {protocol.config.faces.name}",
        printed=(TABLE_2,) if own is None else (), against=against,
    )  # fmt: skip
    click.echo(f"\n{told(comparison, against)}\nprotocol {protocol.digest[:12]}; report in {out}")


def budget(recipe: Recipe, earlier: Path | None) -> dict[str, object]:
    """What every row was given, for the report."""
    last = recipe.stage("mdrnets")
    return {
        "recipe": recipe.name,
        "last stage of every row": f"{last.steps:,} steps of {last.batch} pictures at {last.data.size} px, "
        f"{last.steps * last.batch:,} pictures in all, seed {last.seed}",
        "shared": f"{', '.join(stage.name for stage in recipe.stages[:-1])}, "
        f"{'trained once' if earlier is None else f'of {earlier.name}'}",
        "the paper's": "45 epochs of 28,000 pictures, 1,260,000 in all",
    }
