"""One picture of many: read, find what is to be filled in, complete, and lay ready what is to be written."""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import Bool
from PIL import Image

from showface.errors import ImageError, SettingError, ShowFaceError
from showface.explain import explain
from showface.images import PIXEL_LIMIT, picture_of, shown
from showface.jobs.plan import Job
from showface.masks import hole_share, read_mask
from showface.photo.decode import decode, photo_of
from showface.photo.encode import encode, refuse_unwritable
from showface.photo.fidelity import FIDELITY, checked_fidelity
from showface.photo.mask_options import MaskOptions, Rectangle, hole_of
from showface.photo.mirror import MirrorUse
from showface.photo.photograph import Photo
from showface.photo.seam import Seam
from showface.pipeline import FaceInpainter, Restoration
from showface.pipeline.faces import most_hidden, parsed_faces

Points = tuple[tuple[float, float], ...]  # x, y of right eye, left eye, nose, right and left corner of the mouth


@dataclass(frozen=True, kw_only=True)
class Wishes:
    """How pictures are completed and written: the same for all of a command."""

    mask: MaskOptions = field(default_factory=MaskOptions)
    face_box: Rectangle | None = None  # x, y, width, height of the face, in place of a search
    face_points: Points | None = None  # the same by its eyes, nose and corners of the mouth
    feather: int | None = None  # pixels over which the border of the hole is blended; None = as the pipeline does
    mirror: MirrorUse = "auto"  # "off": nothing is taken from the other side of a face
    fidelity: float = FIDELITY  # 0 = natural, 1 = faithful, between them mixed
    form: str | None = None  # format of the results; None = what their names say
    quality: int | None = None  # 1 to 100, for lossy formats
    strip_metadata: bool = False
    pixel_limit: int = PIXEL_LIMIT

    def __post_init__(self) -> None:
        if self.face_box is not None and self.face_points is not None:
            raise SettingError("expected a face box or face points, found both; give one of them")
        checked_fidelity(self.fidelity)

    def different(self) -> dict[str, object]:
        """What differs from the defaults, by name."""
        plain = {part.name: getattr(self, part.name) for part in fields(self) if part.name != "mask"}
        masks = {part.name: getattr(self.mask, part.name) for part in fields(self.mask)}
        usual = {part.name: part.default for part in (*fields(self), *fields(self.mask))}
        return {name: value for name, value in (plain | masks).items() if value != usual[name]}


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of a picture. `parts` are written files and the names they get once they are reported."""

    seconds: float = 0.0
    width: int = 0
    height: int = 0
    faces: int = 0
    hole_share: float = 0.0
    outside_faces: float = 0.0  # the part of the hole that was filled in from its rim, without the networks
    mirrored: float = 0.0  # the part of the hole that was taken from the other side of a face
    mirror: tuple[str, ...] = ()  # for each completed square "taken", or why nothing was
    fidelity: float = FIDELITY  # of the result
    seam: Seam | None = None  # how visible the hole's border is in the result
    warnings: tuple[str, ...] = ()
    error: str | None = None
    parts: tuple[tuple[Path, Path], ...] = ()

    def line(self, job: Job) -> dict[str, object]:
        """The report's line."""
        facts: dict[str, object] = {"state": "done" if self.error is None else "failed"}
        facts |= {"image": str(job.image), "mask": job.mask and str(job.mask), "out": str(job.out)}
        facts |= {"seconds": round(self.seconds, 3), "finished": round(time.time(), 1)}
        if self.error is not None:
            return facts | {"error": self.error, "warnings": list(self.warnings)}
        facts |= {"width": self.width, "height": self.height, "faces": self.faces}
        facts |= {"hole_share": round(self.hole_share, 6), "outside_faces": round(self.outside_faces, 6)}
        facts |= {"mirrored": round(self.mirrored, 6), "mirror": list(self.mirror), "fidelity": self.fidelity}
        if self.seam is not None:
            facts["seam"] = {part.name: round(getattr(self.seam, part.name), 2) for part in fields(self.seam)}
        return facts | {"warnings": list(self.warnings)}

    def publish(self) -> None:
        """Gives the written files their names, the result last."""
        for part, target in self.parts:
            os.replace(part, target)

    def withdraw(self) -> None:
        """Removes the written files instead."""
        for part, _ in self.parts:
            part.unlink(missing_ok=True)


def attempt(inpaint: FaceInpainter, job: Job, wishes: Wishes) -> Outcome:
    """`complete`, with warnings collected and what is wrong with this picture told instead of raised."""
    start = time.perf_counter()
    said: list[str] = []
    try:
        with collected(said):
            outcome = complete(inpaint, job, wishes)
    except (ShowFaceError, OSError, MemoryError) as error:
        outcome = failure(error)
    return replace(outcome, warnings=tuple(said), seconds=time.perf_counter() - start)


def failure(error: ShowFaceError | OSError | MemoryError) -> Outcome:
    """The outcome of a picture that could not be completed."""
    return Outcome(error=" ".join(str(error).split()) or type(error).__name__)


@contextmanager
def collected(said: list[str]) -> Iterator[None]:
    """While entered, warnings for people are added to `said` instead of shown, each once and as one line."""
    with warnings.catch_warnings(record=True, action="always", category=UserWarning) as caught:
        try:
            yield
        finally:
            said += dict.fromkeys(" ".join(str(warning.message).split()) for warning in caught)


def complete(inpaint: FaceInpainter, job: Job, wishes: Wishes) -> Outcome:
    """Completes one picture and writes what the job asks for, under names of its own: `Outcome.publish` comes after.

    Raises what the pipeline raises for pictures, masks and settings that cannot be used; nothing is left then.
    """
    refuse_existing(job, wishes)
    photo = decode(job.image, pixel_limit=wishes.pixel_limit)
    drawn = None if job.mask is None else read_mask(job.mask, pixel_limit=wishes.pixel_limit)
    size = (photo.height, photo.width)
    hole = hole_of(
        drawn, size, wishes.mask, faces=lambda: parsed_faces(inpaint, photo, wishes.face_box, wishes.face_points)
    )
    restored = inpaint.restore(
        photo, hole, face_box=wishes.face_box, face_points=wishes.face_points, feather=wishes.feather,
        mirror=wishes.mirror, fidelity=wishes.fidelity,
    )  # fmt: skip
    outcome = Outcome(
        width=photo.width, height=photo.height, faces=restored.faces, hole_share=hole_share(hole),
        outside_faces=restored.outside_faces, mirrored=restored.mirrored, mirror=restored.mirror,
        fidelity=restored.fidelity, seam=restored.seam,
    )  # fmt: skip
    with _parts() as lay:
        if job.save_mask is not None:
            mask = photo_of(Image.fromarray(np.where(hole, np.uint8(255), np.uint8(0))))
            lay(job.save_mask, lambda part: encode(mask, part, format="PNG", overwrite=True))
        if job.explain is not None:
            figure = photo_of(explained(inpaint, photo, hole, restored, mirror=wishes.mirror))
            lay(job.explain, lambda part: encode(figure, part, format="PNG", overwrite=True))
        parts = lay(job.out, lambda part: _write_result(restored.photo, part, job.out, wishes))
    return replace(outcome, parts=parts)


def _write_result(photo: Photo, part: Path, out: Path, wishes: Wishes) -> None:
    """Writes to `part` what will be called `out`."""
    form = refuse_unwritable(out, format=wishes.form, overwrite=True)
    encode(
        photo, part, format=form, quality=wishes.quality, strip_metadata=wishes.strip_metadata, overwrite=True
    )  # fmt: skip


def refuse_existing(job: Job, wishes: Wishes) -> None:
    """Raises `ImageError` if a file of this job could not be written under its name, before any work is done."""
    for target in job.targets():
        form = wishes.form if target == job.out else "PNG"
        refuse_unwritable(target, format=form, overwrite=job.replace)


Lay = Callable[[Path, Callable[[Path], None]], tuple[tuple[Path, Path], ...]]


@contextmanager
def _parts() -> Iterator[Lay]:
    """Lays files ready beside their targets; if the block is left by an error, they go again."""
    laid: list[tuple[Path, Path]] = []

    def lay(target: Path, write: Callable[[Path], None]) -> tuple[tuple[Path, Path], ...]:
        part = target.with_name(f".{target.name}.part")
        laid.append((part, target))
        try:
            write(part)
        except ImageError as error:
            raise ImageError(str(error).replace(shown(part), shown(target))) from error
        return tuple(laid)

    try:
        yield lay
    except BaseException:
        for part, _ in laid:
            part.unlink(missing_ok=True)
        raise


def explained(
    inpaint: FaceInpainter, photo: Photo, hole: Bool[np.ndarray, "h w"], restored: Restoration, *, mirror: MirrorUse
) -> Image.Image:
    """The figure of the face with the largest part of the hole."""
    seen = most_hidden(photo, hole, restored.views or inpaint.choose(photo, hole).views)
    return explain(
        inpaint.network, seen.crop, seen.hidden,
        aligned=seen.aligned, photo=picture_of(photo.rgb()), hole=hole, result=picture_of(restored.photo.rgb()),
        other_side=partial(inpaint.other_side, view=seen.view, mirror=mirror, fidelity=restored.fidelity),
    )  # fmt: skip
