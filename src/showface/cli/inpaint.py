"""`showface inpaint`: parse, call, print."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from showface.cli.parameters import POINTS, RECTANGLE, FidelityType, words_of
from showface.photo.fidelity import FIDELITY

if TYPE_CHECKING:
    from showface.jobs.one_picture import Points, Wishes
    from showface.jobs.plan import Job, Places, Plan
    from showface.jobs.report import Report
    from showface.jobs.workers import Engine
    from showface.photo.mask_options import Rectangle
    from showface.photo.mirror import MirrorUse

FORMATS = ("png", "jpeg", "webp", "tiff", "bmp", "heic")
PATH = click.Path(path_type=Path)


@click.command(
    "inpaint",
    context_settings={"max_content_width": 100},
    short_help="Fill in the masked part of a face, in one photograph or in many.",
)
@click.argument("image")
@click.option("--mask", metavar="PATH", help="White = fill in. A picture; for many pictures a folder or a pattern.")
@click.option("--out", type=PATH, help="Where the result goes; for many pictures a folder.")
@click.option("--box", type=RECTANGLE, multiple=True, metavar="X,Y,W,H", help="Fill in this rectangle. Repeatable.")
@click.option(
    "--region",
    multiple=True,
    callback=words_of,
    metavar="NAME",
    help="Fill in a part of the face, found by itself: eyes, brows, nose, mouth, glasses, skin, face, hair, ears, "
    "earrings, hat, neck, necklace, clothes. Repeatable, or with commas.",
)
@click.option("--grow", default=0, type=click.IntRange(min=0), metavar="N", help="Grow what is filled in by N pixels.")
@click.option("--invert-mask", is_flag=True, help="Fill in what is black in the mask instead.")
@click.option("--resize-mask", is_flag=True, help="Bring masks of another size to that of their picture.")
@click.option("--save-mask", type=PATH, metavar="FILE", help="Write what was filled in, in white; many: a folder.")
@click.option("--face-box", type=RECTANGLE, metavar="X,Y,W,H", help="The face is here (brows to chin): look for none.")
@click.option(
    "--face-points",
    type=POINTS,
    metavar="X,Y,...",
    help="The same by five points: right eye (at image left), left eye, nose, right and left corner of the mouth.",
)
@click.option(
    "--feather",
    type=click.IntRange(min=0),
    metavar="N",
    help="Bend the filling to its rim over N pixels; default: all of it.",
)
@click.option(
    "--mirror",
    type=click.Choice(["auto", "off"]),
    default="auto",
    show_default=True,
    help="auto: what is hidden whole is taken from the other side of the face, where both sides agree.",
)
@click.option(
    "--fidelity",
    type=FidelityType(),
    default=FIDELITY,
    show_default=True,
    metavar="F",
    help="0: natural, what looks real; 1: faithful, what errs the least; between them both are mixed.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS, case_sensitive=False),
    help="Of the results; default: as their names end.",
)
@click.option("--quality", type=click.IntRange(1, 100), metavar="N", help="1 to 100, for JPEG, WEBP and HEIC.")
@click.option("--strip-metadata", is_flag=True, help="Leave out EXIF, colour profile and all else that is no pixel.")
@click.option(
    "--pixel-limit",
    default=200.0,
    show_default=True,
    type=click.FloatRange(min=0, min_open=True),
    metavar="MP",
    help="Refuse pictures of more megapixels, before they are decoded.",
)
@click.option("--explain", type=PATH, metavar="FILE", help="Write a figure of how it was done; many: a folder.")
@click.option(
    "--report", type=PATH, metavar="FILE", help="Add a JSON line per picture; the same command goes on from it."
)
@click.option(
    "--workers", default=1, show_default=True, type=click.IntRange(min=1), metavar="N", help="Pictures at once."
)
@click.option(
    "--allow-missing", is_flag=True, help="Pictures without a mask, or masks without a picture, are no error."
)
@click.option("--weights", help="A folder, a .safetensors file or a hub id; default: those of the package.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu or cuda.")
@click.option(
    "--precision", type=click.Choice(["float32", "bfloat16", "auto"]), default="float32", show_default=True,
    help="What the networks compute in; auto: bfloat16 where the device has it.",
)  # fmt: skip
@click.option("--overwrite", is_flag=True, help="Replace results that are there; make all of them anew.")
def command(
    image: str, mask: str | None, out: Path | None, box: tuple[Rectangle, ...], region: tuple[str, ...], grow: int,
    invert_mask: bool, resize_mask: bool, save_mask: Path | None, face_box: Rectangle | None,
    face_points: Points | None, feather: int | None, mirror: MirrorUse, fidelity: float, form: str | None,
    quality: int | None, strip_metadata: bool, pixel_limit: float, explain: Path | None, report: Path | None,
    workers: int, allow_missing: bool, weights: str | None, device: str, precision: str, overwrite: bool,
) -> None:  # fmt: skip
    """Fill in part of the face in IMAGE: a photograph, a folder, a pattern such as "photos/*.jpg", or a .csv list.

    What is filled in is drawn in --mask (white), given as --box or found as --region; together they are united.
    Everything outside of it stays as it was.

    In folders and patterns a mask has the name of its picture (the ending may differ), and so has the result. A list
    has the columns image, mask and out, with paths relative to it. Pictures that cannot be completed are named and
    counted, the others are completed all the same; the exit code is then 1.
    """
    from showface.jobs.one_picture import Wishes
    from showface.jobs.plan import Places, is_many, plan
    from showface.jobs.report import Report
    from showface.jobs.workers import Engine
    from showface.photo.mask_options import MaskOptions

    options = MaskOptions(invert=invert_mask, resize=resize_mask, boxes=box, regions=region, grow=grow)
    wishes = Wishes(
        mask=options, face_box=face_box, face_points=face_points, feather=feather, mirror=mirror,
        fidelity=fidelity, form=form and form.upper(), quality=quality, strip_metadata=strip_metadata,
        pixel_limit=round(pixel_limit * 1e6),
    )  # fmt: skip
    engine = Engine(weights=weights, device=device, precision=precision)
    settings = wishes.different() | ({"weights": weights} if weights else {})
    settings |= {"precision": precision} if precision != "float32" else {}
    places = Places(out=out, form=wishes.form, save_mask=save_mask, explain=explain)
    if out is None and not image.lower().endswith(".csv"):
        raise click.MissingParameter(param_hint="'--out'", param_type="option")
    if is_many(image):
        found = plan(image, mask, places, needs_mask=not (box or region))
        _make_folders(found)
        _many(
            found, wishes, engine, Report(report, settings), workers, allow_missing=allow_missing, overwrite=overwrite
        )
    else:
        job = _single(image, mask, places, needs_mask=not (box or region), overwrite=overwrite)
        _one(job, wishes, engine, Report(report, settings))


def _single(image: str, mask: str | None, places: Places, *, needs_mask: bool, overwrite: bool) -> Job:
    """The job of a single picture; into a folder its result goes under the picture's own name."""
    from showface.jobs.plan import Job, refuse_collisions, refuse_other_ending

    if mask is None and needs_mask:
        raise click.MissingParameter(param_hint="'--mask', '--box' or '--region'", param_type="option")
    out = places.out or Path()
    out = places.job(Path(image), None, Path(Path(image).name)).out if out.is_dir() else out
    job = Job(
        image=Path(image), out=out, mask=Path(mask) if mask else None, save_mask=places.save_mask,
        explain=places.explain, replace=overwrite,
    )  # fmt: skip
    refuse_other_ending(out, places.form)
    refuse_collisions([job])
    return job


def _one(job: Job, wishes: Wishes, engine: Engine, report: Report) -> None:
    """Completes one picture; what is wrong with it ends the command."""
    import warnings
    from time import perf_counter

    from showface.errors import ShowFaceError
    from showface.jobs.one_picture import collected, complete, failure, refuse_existing

    if not job.replace and report.is_done(job):
        click.echo(f"{job.out} is done")
        return
    job = replace(job, replace=job.replace or report.is_ours(job))
    refuse_existing(job, wishes)
    inpaint = engine.start()
    start = perf_counter()
    said: list[str] = []
    try:
        with collected(said):
            outcome = complete(inpaint, job, wishes)
    except (ShowFaceError, OSError) as error:
        report.add(replace(failure(error), warnings=tuple(said)).line(job))
        raise
    finally:
        for sentence in said:
            warnings.warn(sentence, stacklevel=2)
    outcome = replace(outcome, warnings=tuple(said), seconds=perf_counter() - start)
    report.publish(job, outcome)
    click.echo(job.out)


def _make_folders(found: Plan) -> None:
    for folder in {target.parent for job in found.jobs for target in job.targets()}:
        folder.mkdir(parents=True, exist_ok=True)


def _many(
    found: Plan, wishes: Wishes, engine: Engine, report: Report, workers: int, *, allow_missing: bool, overwrite: bool
) -> None:
    """Completes picture by picture, goes on after a bad one, and tells at the end what went wrong."""
    from showface.cli.telling import Teller
    from showface.errors import ShowFaceError
    from showface.images import shown
    from showface.jobs.workers import outcomes

    todo = [job for job in found.jobs if overwrite or not report.is_done(job)]
    todo = [replace(job, replace=overwrite or report.is_ours(job)) for job in todo]
    failed = 0
    with Teller(len(todo)) as teller:
        with closing(outcomes(todo, wishes, engine, workers=workers if len(todo) > 1 else 1)) as stream:
            for job, outcome in stream:
                report.publish(job, outcome)
                for sentence in outcome.warnings:
                    teller.complain(f"{shown(job.image.name)}: warning: {sentence}")
                if outcome.error is None:
                    teller.completed(job.out)
                else:
                    failed += 1
                    teller.failed(job.image, outcome.error)
        for name in found.missing:
            teller.complain(f"no mask for {shown(name)}")
            report.add({"state": "no mask", "image": name})
        for name in found.extra:
            teller.complain(f"no picture for mask {shown(name)}")
            report.add({"state": "no picture", "mask": name})
    counts = f"{len(todo) - failed} completed, {failed} failed"
    counts += f", {len(found.missing)} without a mask, {len(found.extra)} masks without a picture"
    counts += f", {len(found.jobs) - len(todo)} done before" if len(todo) < len(found.jobs) else ""
    if failed or (not allow_missing and (found.missing or found.extra)):
        raise ShowFaceError(counts)
    click.echo(counts)
