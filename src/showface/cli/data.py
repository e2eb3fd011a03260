"""`showface data`: parse, call, print."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from showface.cli.parameters import Suggesting

if TYPE_CHECKING:
    from showface.data.faces import LabelOrder
    from showface.data.prepare_one import Cut

LAYOUTS = ("auto", "folder", "celebahq", "celebamask", "ffhq", "masks")
WORKERS = click.option(
    "--workers", default=1, type=click.IntRange(min=1), show_default=True, help="Pictures that are worked on at once."
)


@click.group("data", cls=Suggesting, short_help="Prepare, check and label sets of faces and masks.")
def command() -> None:
    """Prepare, check and label sets of faces and masks."""


# ---------------------------------------------------------------------------------------------- prepare


@command.command("prepare", short_help="From a set as downloaded to what `showface train --data` takes.")
@click.argument("source", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder for the prepared set.")
@click.option(
    "--layout", type=click.Choice(LAYOUTS), default="auto", show_default=True, help="What SOURCE is; auto = look."
)
@click.option(
    "--size", default=None, type=click.IntRange(min=8), metavar="PIXELS",
    help="Side of the pictures, antialiased, never enlarged [default: 512; masks: as they are].",
)  # fmt: skip
@click.option(
    "--format", "form", type=click.Choice(["png", "webp", "jpg"]), default="png", show_default=True,
    help="Of the pictures; png and webp lose nothing, jpg has quality 95.",
)  # fmt: skip
@click.option("--align", is_flag=True, help="Find the faces in photographs and cut them out as CelebA-HQ does.")
@click.option(
    "--hold-out", default=0.0, type=click.FloatRange(0, 1, max_open=True), metavar="SHARE",
    help="Put this share of an unpublished set into OUT/test, duplicates together.",
)  # fmt: skip
@click.option("--invert/--no-invert", default=None, help="Whether black is the hole in these masks [default: known].")
@WORKERS
def prepare_command(
    source: Path, out: Path, layout: str, size: int | None, form: str, align: bool, hold_out: float,
    invert: bool | None, workers: int,
) -> int:  # fmt: skip
    """Prepare the set in SOURCE: CelebA-HQ, CelebAMask-HQ, FFHQ, the NVIDIA masks, or any folder.

    Writes OUT/images, OUT/labels where there are labels (19 classes, left and right mended), OUT/faces.json for
    `showface train --data`, and OUT/duplicates.json; of masks OUT/train and OUT/test, white = hole. The same command
    goes on where it was stopped. Exit code 1 if a picture or label could not be used; the rest is prepared.
    """
    from showface.data.prepare import prepare
    from showface.data.prepare_masks import TESTING, TRAINING, mask_folders
    from showface.data.prepare_one import PrepareConfig
    from showface.data.sources import face_sources

    folders = mask_folders(source, invert=invert)
    if layout == "masks" or (layout == "auto" and any(one.folder.name in (TRAINING, TESTING) for one in folders)):
        if align or hold_out:
            raise click.UsageError("--align and --hold-out are for faces, and these are masks")
        return _prepare_masks(source, out, size or 0, invert, workers)
    if invert is not None:
        raise click.UsageError("--invert is for masks; say --layout masks")
    (faces,) = face_sources(str(source), split="all", layout="" if layout == "auto" else layout)
    config = PrepareConfig(size=size or 512, suffix=f".{form}", hold_out=hold_out, aligned=align)
    from showface.cli.measuring import bar

    with bar("preparing") as progress:
        done = prepare(
            faces, out, config, cut=face_cutter(config.size) if align else None, workers=workers, progress=progress
        )
    click.echo(
        f"{done.pictures} pictures in {out}, {done.new} files dealt with now; {done.labels} labels, "
        f"{done.mended} with left and right mended; {done.smaller} smaller than {config.size} px; "
        f"{done.held_out} held out in {out / 'test'}"
    )
    click.echo(f"{len(done.exact)} pairs of duplicates, {len(done.near)} of near-duplicates: {out / 'duplicates.json'}")
    click.echo(f"showface train compact --data {out / 'faces.json'} ...")
    return _complained(done.faults)


def face_cutter(size: int) -> Cut:
    """The faces of a photograph, by the detector (fetched once)."""
    from showface.photo.aligned_faces import aligned_faces
    from showface.photo.find_faces import face_finder

    return lambda path: aligned_faces(path, lambda fetch: face_finder(fetch=True), side=size)


def _prepare_masks(source: Path, out: Path, size: int, invert: bool | None, workers: int) -> int:
    from showface.cli.measuring import bar
    from showface.data.prepare_masks import mask_folders, prepare_masks

    with bar("preparing") as progress:
        done = prepare_masks(
            mask_folders(source, invert=invert), out, size=size, workers=workers, progress=progress
        )  # fmt: skip
    hidden = ", ".join(f"{name} %: {count}" for name, count in done.buckets.items())
    click.echo(f"{done.masks} masks in {out}, {done.new} dealt with now, {done.inverted} inverted; hidden {hidden}")
    return _complained(done.faults)


# ---------------------------------------------------------------------------------------------- check


@command.command("check", short_help="Find what is wrong with faces, labels and masks before training.")
@click.argument("data", nargs=-1, metavar="[FOLDER|FILE.json]...")
@click.option(
    "--test", multiple=True, metavar="FOLDER|FILE.json", help="Faces that are measured on; no training picture may be."
)
@click.option(
    "--masks", multiple=True, type=click.Path(path_type=Path), metavar="FOLDER", help="Masks, white = hole. Repeatable."
)
@click.option(
    "--smallest", default=256, show_default=True, type=click.IntRange(min=1), metavar="PIXELS",
    help="A face whose shorter side is smaller is tiny.",
)  # fmt: skip
@click.option(
    "--report", type=click.Path(path_type=Path), metavar="FILE.json",
    help="Write everything there; with it the same command goes on where it was stopped.",
)  # fmt: skip
@WORKERS
def check_command(
    data: tuple[str, ...], test: tuple[str, ...], masks: tuple[Path, ...], smallest: int, report: Path | None,
    workers: int,
) -> int:  # fmt: skip
    """Check the faces that `showface train --data` would take: a line per fault, exit code 1 if there is any.

    \b
    corrupt                     cannot be read
    tiny, grey, blank           too small; no colours; nothing to see
    duplicate, near-duplicate   the same file twice; pictures that look the same (saved again, resized, mirrored)
    overlap, near-overlap       the same between training and test pictures (--test, or a published set's own)
    label                       of another shape than its picture, or no class indices
    mask, polarity              hides nothing or everything; black is the hole
    """
    import json

    from showface.cli.measuring import bar
    from showface.data.check import check
    from showface.data.sources import face_sources
    from showface.images import writing

    if not data and not masks and not test:
        raise click.UsageError("give a folder of faces, a JSON list of sources, or --masks FOLDER")
    train = [source for place in data for source in face_sources(place)]
    held_out = [source for place in test for source in face_sources(place, split="test")]
    journal = None if report is None else report.with_name(f"{report.name}.journal.jsonl")
    with bar("checking") as progress:
        found = check(
            train, held_out, masks, smallest=smallest, journal=journal, workers=workers, progress=progress
        )  # fmt: skip
    if report is not None:
        with writing(report) as stream:
            stream.write((json.dumps(found.plain(), indent=1) + "\n").encode())
    for fault in found.faults:
        click.echo(str(fault))
    for note in found.notes:
        click.echo(f"note: {note}")
    click.echo(
        f"{found.train} training and {found.test} test faces, {found.labels} labels, {found.masks} masks: "
        + (", ".join(f"{count} {kind}" for kind, count in found.counts().items()) or "no fault")
    )
    return 1 if found.faults else 0


# ---------------------------------------------------------------------------------------------- labels


@command.command("labels", short_help="Label faces with the published parser, to train our own on.")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--out", type=click.Path(path_type=Path), help="Folder for the label maps (PNG) [default: FOLDER/labels]."
)
@click.option("--size", default=256, show_default=True, type=click.IntRange(min=8), help="Side of a map in pixels.")
@click.option(
    "--order", type=click.Choice(["official", "bisenet"]), default="official", show_default=True,
    help="What the indices mean; official needs no `label_order` in a list of sources.",
)  # fmt: skip
@click.option("--limit", default=0, type=click.IntRange(min=0), metavar="N", help="Only the first N pictures; 0 = all.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1 ...")
def labels_command(folder: Path, out: Path | None, size: int, order: LabelOrder, limit: int, device: str) -> None:
    """Label the faces of FOLDER with BiSeNet's 19 classes; what is labelled already is kept.

    If FOLDER holds images/, those are labelled, and the labels go to labels/ beside them, so that FOLDER can be trained
    on as it is. BiSeNet is fetched once (53 MB).
    """
    from showface.cli.label import write_labels

    images = folder / "images"
    pictures = images if images.is_dir() else folder
    if out is None and not images.is_dir():
        raise click.UsageError(f"{folder} holds no images/: say with --out where the labels go")
    write_labels(pictures, out or folder / "labels", size=size, order=order, limit=limit, device=device)


def _complained(faults: list[str]) -> int:
    """Tells what could not be used; returns the exit code."""
    for fault in faults:
        click.echo(fault, err=True)
    if faults:
        click.echo(f"{len(faults)} pictures, labels or masks could not be used", err=True)
    return 1 if faults else 0
