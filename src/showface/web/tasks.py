"""What a worker does for each kind of request: bytes and wishes in, bytes and facts out; all of it in memory."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from jaxtyping import Bool
from PIL import Image

from showface.errors import MaskError
from showface.explain import Explanation, explanation
from showface.images import Held, picture_of
from showface.masks import extent, hole_share, read_mask
from showface.photo.align import TEMPLATE, TEMPLATE_BOX
from showface.photo.choose import View, doubt_about
from showface.photo.decode import decode
from showface.photo.encode import encoded
from showface.photo.fidelity import FIDELITY
from showface.photo.mask_options import MaskOptions, ParsedFace, Rectangle, hole_of, parts_of
from showface.photo.mirror import MirrorUse
from showface.photo.photograph import Photo
from showface.pipeline import FaceInpainter, Restoration
from showface.pipeline.faces import most_hidden, parsed_faces


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A picture to look at, and where its face is, if the caller knows."""

    image: Held
    pixel_limit: int
    face_box: Rectangle | None = None  # x, y, width, height

    def decoded(self) -> Photo:
        return decode(self.image, pixel_limit=self.pixel_limit)


@dataclass(frozen=True, kw_only=True)
class Hole(Picture):
    """A picture and what is to be filled in of it."""

    mask: Held | None = None
    options: MaskOptions = field(default_factory=MaskOptions)
    mirror: MirrorUse = "auto"  # "off": nothing is taken from the other side of a face
    fidelity: float = FIDELITY  # 0 = natural, 1 = faithful, between them mixed

    def of(self, inpaint: FaceInpainter, photo: Photo) -> Bool[np.ndarray, "h w"]:
        """Where to fill in; True = hole."""
        drawn = None if self.mask is None else read_mask(self.mask, pixel_limit=self.pixel_limit)
        return hole_of(
            drawn, (photo.height, photo.width), self.options,
            faces=lambda: parsed_faces(inpaint, photo, self.face_box),
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Written:
    """How a result is written: as `photo.encode` takes it."""

    format: str | None = None
    quality: int | None = None
    strip_metadata: bool = False
    preview: bool = False


@dataclass(frozen=True, kw_only=True)
class Completed:
    """A completed picture as a file, perhaps as a PNG to look at too, and what was done to it."""

    content: bytes
    format: str
    preview: bytes | None
    restored: Restoration


def complete(inpaint: FaceInpainter, asked: Hole, written: Written) -> Completed:
    """Fills in and writes; a picture in which nothing changed comes back byte for byte."""
    photo = asked.decoded()
    hole = asked.of(inpaint, photo)
    restored = inpaint.restore(
        photo, hole, face_box=asked.face_box, mirror=asked.mirror, fidelity=asked.fidelity
    )  # fmt: skip
    form = (written.format or photo.format).upper()
    as_it_was = written.quality is None and not written.strip_metadata and form == photo.format
    if restored.photo is photo and as_it_was:
        content = asked.image.content
    else:
        content = encoded(
            restored.photo, format=form, quality=written.quality, strip_metadata=written.strip_metadata
        )  # fmt: skip
    preview = shown(restored.photo) if written.preview else None
    return Completed(content=content, format=form, preview=preview, restored=restored)


def shown(photo: Photo) -> bytes:
    """A photograph of any depth and colours as a PNG that every browser shows."""
    return png(photo.picture() if photo.mode != "CMYK" else picture_of(photo.rgb()))


def png(picture: Image.Image) -> bytes:
    """A picture as a PNG file, with its colour profile."""
    stream = io.BytesIO()
    picture.save(stream, "PNG", compress_level=3, icc_profile=picture.info.get("icc_profile"))
    return stream.getvalue()


def mask_png(hole: Bool[np.ndarray, "h w"]) -> bytes:
    """A mask as a 1-bit PNG file; white = hole."""
    return png(Image.fromarray(hole))


# ---------------------------------------------------------------------------------------------- faces


@dataclass(frozen=True)
class FoundFace:
    """A face: x, y, width and height; right eye, left eye, nose, right and left corner of the mouth; how sure, of 1."""

    box: tuple[float, float, float, float]
    points: list[tuple[float, float]]
    score: float | None  # None: it was not looked for


def faces(inpaint: FaceInpainter, asked: Picture) -> tuple[Photo, list[FoundFace]]:
    """The faces of a picture, the most important first."""
    photo = asked.decoded()
    nothing = np.zeros((photo.height, photo.width), dtype=bool)
    views = inpaint.choose(photo, nothing, face_box=asked.face_box).views
    doubt = doubt_about([view.face for view in views if view.face is not None])
    if doubt:
        warnings.warn(doubt, stacklevel=2)
    return photo, [_face(view) for view in views if view.how != "region"]


def _face(view: View) -> FoundFace:
    if view.face is not None:
        left, top, right, bottom = view.face.box
        points, score = view.face.points, view.face.score
    else:  # where the face of such a square lies
        corners = view.frame.to_photo(np.array(TEMPLATE_BOX).reshape(2, 2))
        (left, top), (right, bottom) = corners.tolist()
        points, score = view.frame.to_photo(TEMPLATE), None
    box = (round(left, 2), round(top, 2), round(right - left, 2), round(bottom - top, 2))
    return FoundFace(box, [(round(float(x), 2), round(float(y), 2)) for x, y in points], score)


# ---------------------------------------------------------------------------------------------- regions


@dataclass(frozen=True)
class FoundRegion:
    """A part of a face: of which face, its name, its size, and its mask within a box (x, y, width, height)."""

    face: int
    name: str
    pixels: int
    box: tuple[int, int, int, int]
    mask: bytes  # PNG


@dataclass(frozen=True)
class FoundRegions:
    """All parts of all faces of a picture, and those that were asked for as one mask (PNG) of its size."""

    photo: Photo
    faces: int
    regions: list[FoundRegion]
    mask: bytes | None


def regions(inpaint: FaceInpainter, asked: Picture, names: tuple[str, ...]) -> FoundRegions:
    """What can be filled in by name; what was asked for and is not there is a `MaskError`."""
    options = MaskOptions(regions=names)
    photo = asked.decoded()
    found = list(parsed_faces(inpaint, photo, asked.face_box))
    size = (photo.height, photo.width)
    wanted = hole_of(None, size, options, faces=lambda: found) if names else None
    parts = [part for number, face in enumerate(found) for part in _parts(number, face)]
    return FoundRegions(photo, len(found), parts, None if wanted is None else mask_png(wanted))


def _parts(number: int, face: ParsedFace) -> Iterator[FoundRegion]:
    for name, cells in parts_of(face).items():
        hole = face.to_picture(cells)
        rows, columns = extent(hole)
        if rows.stop:  # else it lies outside the picture
            box = (columns.start, rows.start, columns.stop - columns.start, rows.stop - rows.start)
            yield FoundRegion(number, name, int(hole.sum()), box, mask_png(hole[rows, columns]))


# ---------------------------------------------------------------------------------------------- explanation


def explained(inpaint: FaceInpainter, asked: Hole) -> Explanation:
    """What every box of the network made of the face with the largest part of the hole."""
    photo = asked.decoded()
    hole = asked.of(inpaint, photo)
    if not hole_share(hole) or hole.all():
        raise MaskError("expected a mask that hides some of the picture, found one that hides all or nothing of it")
    views = inpaint.choose(photo, hole, face_box=asked.face_box).views
    seen = most_hidden(photo, hole, views)
    other_side = partial(inpaint.other_side, view=seen.view, mirror=asked.mirror, fidelity=asked.fidelity)
    return explanation(inpaint.network, seen.crop, seen.hidden, aligned=seen.aligned, other_side=other_side)
