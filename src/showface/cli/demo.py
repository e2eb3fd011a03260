"""`showface demo`: parse, call, print."""

from __future__ import annotations

from pathlib import Path

import click

SAMPLES = Path(__file__).parents[1] / "release" / "samples"
COLUMNS = ("masked", "coarse", "result", "truth")


@click.command("demo", short_help="Complete the generated faces that come with the package.")
@click.option(
    "--out", default="demo", show_default=True, type=click.Path(path_type=Path), help="Folder for the pictures."
)
@click.option("--weights", help="A folder, a .safetensors file or a hub id; default: those of the package.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu or cuda.")
@click.option("--overwrite", is_flag=True, help="Replace pictures that are there.")
def command(out: Path, weights: str | None, device: str, overwrite: bool) -> None:
    """Complete the ten generated faces that come with the package.

    Writes a picture for each and one contact sheet: masked, coarse, result, truth.
    """
    from time import perf_counter

    import numpy as np

    from showface.images import (
        contact_sheet,
        picture_of,
        read_image,
        refuse_unwritable,
        to_tensor,
        to_uint8,
        write_image,
    )
    from showface.masks import mask_tensor, read_mask
    from showface.pipeline import FaceInpainter

    faces = sorted((SAMPLES / "faces").iterdir())
    targets = [out / f"{face.stem}.png" for face in faces]
    sheet = out / "contact_sheet.png"
    out.mkdir(parents=True, exist_ok=True)
    for target in (*targets, sheet):
        refuse_unwritable(target, overwrite=overwrite)

    inpaint = FaceInpainter.from_pretrained(weights, device=device)
    rows, seconds = [], []
    for face, target in zip(faces, targets, strict=True):
        picture, mask = read_image(face), read_mask(SAMPLES / "masks" / f"{face.stem}.png")
        start = perf_counter()
        result = inpaint(picture, mask)
        seconds.append(perf_counter() - start)
        write_image(target, result, overwrite=overwrite)
        coarse = picture_of(to_uint8(inpaint.complete(to_tensor(picture), mask_tensor(mask)).coarse)[0])
        masked = picture_of(np.where(mask[..., None], np.uint8(255), np.asarray(picture)))
        rows.append((masked, coarse, result, picture))
    write_image(sheet, contact_sheet(rows, COLUMNS, blocks=2), overwrite=overwrite)
    click.echo(f"{len(faces)} faces in {out}, {float(np.median(seconds)):.2f} s each on {inpaint.device}; see {sheet}")
