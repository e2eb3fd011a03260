"""The faces of a photograph as the networks see them: their parts, and the one that a hole hides most of."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from jaxtyping import Bool
from PIL import Image

from showface.images import to_tensor
from showface.masks import hole_share
from showface.photo.align import SIDE, Frame, bring_back, take
from showface.photo.choose import Point, View, doubt_about
from showface.photo.mask_options import ParsedFace, Rectangle
from showface.photo.photograph import Photo
from showface.pipeline.inpainter import FaceInpainter


def parsed_faces(
    inpaint: FaceInpainter, photo: Photo, face_box: Rectangle | None, face_points: Sequence[Point] | None = None
) -> Iterable[ParsedFace]:
    """The faces of a photograph as the parser of the network sees them; none where no face is found."""
    size = (photo.height, photo.width)
    nothing = np.zeros(size, dtype=bool)
    views = inpaint.choose(photo, nothing, face_box=face_box, face_points=face_points).views
    doubt = doubt_about([view.face for view in views if view.face is not None])
    if doubt:
        warnings.warn(doubt, stacklevel=2)
    for view in views:
        if view.how != "region":
            crop, _ = take(photo, nothing, view.frame)
            semantic_map = inpaint.network.parser.semantic_map(to_tensor(crop).to(inpaint.device), SIDE)
            yield ParsedFace(semantic_map[0].cpu().numpy(), partial(in_photo, view.frame, size))


def in_photo(frame: Frame, size: tuple[int, int], cells: Bool[np.ndarray, "256 256"]) -> Bool[np.ndarray, "h w"]:
    """Where `cells` of a frame lie in a photograph of `size` (height, width)."""
    left, top, right, bottom = box = frame.window(size)
    hole = np.zeros(size, dtype=bool)
    inside = bring_back(cells[..., None].astype(np.float32), frame, box)[..., 0] > 0.5
    hole[top:bottom, left:right] = inside & frame.within(box)
    return hole


@dataclass(frozen=True, eq=False)
class Seen:
    """What the networks are handed of a photograph."""

    view: View
    crop: Image.Image  # what its frame shows
    hidden: Bool[np.ndarray, "256 256"]
    aligned: Image.Image  # the same with nothing hidden


def most_hidden(photo: Photo, hole: Bool[np.ndarray, "h w"], views: Iterable[View]) -> Seen:
    """Of the views the one with the largest part of the hole."""
    seen = [(view, *take(photo, hole, view.frame)) for view in views]
    view, crop, hidden = max(seen, key=lambda one: hole_share(one[2]))
    aligned, _ = take(photo, np.zeros_like(hole), view.frame)
    return Seen(view, crop, hidden, aligned)
