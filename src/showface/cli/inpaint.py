"""`showface inpaint`: parse, call, print."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import click


@dataclass(frozen=True)
class Batch:
    """What a folder of pictures and a folder of masks make."""

    jobs: list[tuple[Path, Path, Path]]  # picture, mask, result
    missing: list[str]  # pictures without a mask
    extra: list[str]  # masks without a picture


@click.command("inpaint", short_help="Fill in the masked part of a face, or of a folder of them.")
@click.argument("image", type=click.Path(path_type=Path))
@click.option(
    "--mask", required=True, type=click.Path(path_type=Path), help="White = fill in; a folder if IMAGE is one."
)
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Where the result goes; a folder likewise.")
@click.option("--weights", help="A folder, a .safetensors file or a hub id; default: those of the package.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu or cuda.")
@click.option("--resize-mask", is_flag=True, help="Bring masks of another size to that of their picture.")
@click.option("--invert-mask", is_flag=True, help="Fill in what is black instead.")
@click.option(
    "--allow-missing", is_flag=True, help="Pictures without a mask, or masks without a picture, are no error."
)
@click.option("--overwrite", is_flag=True, help="Replace results that are there.")
def command(
    image: Path, mask: Path, out: Path, weights: str | None, device: str, resize_mask: bool, invert_mask: bool,
    allow_missing: bool, overwrite: bool,
) -> None:  # fmt: skip
    """Fill in the masked part of IMAGE: a picture of one upright face, or a folder of such pictures.

    In folders a mask has the name of its picture (the ending may differ), and so has the result. Pictures that cannot
    be completed are named and counted; the others are completed all the same.
    """
    from showface.images import read_image, refuse_unwritable, write_image
    from showface.masks import read_mask, resize_nearest
    from showface.pipeline import FaceInpainter

    batch = _paired(image, mask, out) if image.is_dir() else None
    if batch is None:
        out = out / image.name if out.is_dir() else out
        refuse_unwritable(out, overwrite=overwrite)
    inpaint = FaceInpainter.from_pretrained(weights, device=device)

    def complete(source: Path, mask_source: Path, target: Path) -> None:
        refuse_unwritable(target, overwrite=overwrite)
        picture, hole = read_image(source), read_mask(mask_source)
        hole = resize_nearest(hole, (picture.height, picture.width)) if resize_mask else hole
        write_image(target, inpaint(picture, ~hole if invert_mask else hole), overwrite=overwrite)

    if batch is None:
        complete(image, mask, out)
        click.echo(out)
    else:
        _run(batch, complete, out, allow_missing=allow_missing)


def _run(batch: Batch, complete: Callable[[Path, Path, Path], None], out: Path, *, allow_missing: bool) -> None:
    """Completes picture by picture, goes on after a bad one, and tells at the end what went wrong."""
    from showface.errors import ShowFaceError

    out.mkdir(parents=True, exist_ok=True)
    failed = 0
    for number, (picture, mask, target) in enumerate(batch.jobs, 1):
        try:
            complete(picture, mask, target)
            click.echo(f"{number}/{len(batch.jobs)} {target}")
        except ShowFaceError as error:
            failed += 1
            click.echo(f"{number}/{len(batch.jobs)} {picture.name} failed: {error}", err=True)
    for what, names in (("no mask for", batch.missing), ("no picture for mask", batch.extra)):
        for name in names:
            click.echo(f"{what} {name}", err=True)
    counts = f"{len(batch.jobs) - failed} completed, {failed} failed"
    counts += f", {len(batch.missing)} without a mask, {len(batch.extra)} masks without a picture"
    if failed or (not allow_missing and (batch.missing or batch.extra)):
        raise ShowFaceError(counts)
    click.echo(counts)


def _paired(images: Path, masks: Path, out: Path) -> Batch:
    """Pictures and masks of the same name in two folders."""
    from showface.errors import DataError, MaskError

    if not masks.is_dir():
        raise MaskError(f"{masks}: expected a folder of masks, as {images} is a folder of pictures")
    pictures, found = _pictures_in(images), _pictures_in(masks)
    by_name = {path.stem: path for path in found}
    if len(by_name) < len(found):
        twice = sorted({path.stem for path in found if by_name[path.stem] != path})
        raise MaskError(f"{masks}: expected one mask for each name, found several for {', '.join(twice)}")
    if not pictures:
        raise DataError(f"{images}: expected pictures, found none")
    names = {path.stem for path in pictures}
    return Batch(
        jobs=[(path, by_name[path.stem], out / path.name) for path in pictures if path.stem in by_name],
        missing=[path.name for path in pictures if path.stem not in by_name],
        extra=[path.name for path in found if path.stem not in names],
    )


def _pictures_in(folder: Path) -> list[Path]:
    from showface.images import SUFFIXES

    return sorted(
        path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and not path.name.startswith(".")
    )
