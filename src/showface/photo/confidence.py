"""What can honestly be said of a completion: before, that there is too little to go by; after, that it shows."""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np
from jaxtyping import Bool

from showface.masks import extent
from showface.photo.align import TEMPLATE, TEMPLATE_BOX
from showface.photo.choose import View
from showface.photo.photograph import Photo

EYE = 12.0  # pixels of a frame round an eye's centre, within which it is looked whether it is hidden
MOST = 0.6  # of an eye, of a face: from here on it counts as hidden
BESIDE = 24  # pixels round a hole to which its filling is compared, at most
FEWEST = 256  # pixels of either without which nothing is said
SMOOTH = 0.25  # of the detail beside a hole; skin beside hair or cloth has 0.3 and more

LIKELY = "what is filled in is a likely face, not this person's"
BOTH_EYES = f"both eyes are hidden: {LIKELY}"
MOST_OF_IT = f"most of the face is hidden: {LIKELY}"
TOO_SMOOTH = "the filling is much smoother than what surrounds it, and may look painted"


def before(views: Iterable[View], hole: Bool[np.ndarray, "h w"]) -> str | None:
    """What the user should know before the faces in `views` are completed, if anything."""
    faces = [view for view in views if view.how != "region"]
    if any(_hidden_face(view, hole) > MOST for view in faces):
        return MOST_OF_IT
    if any(min(_hidden_eyes(view, hole)) > MOST for view in faces):
        return BOTH_EYES
    return None


def _hidden_eyes(view: View, hole: Bool[np.ndarray, "h w"]) -> tuple[float, float]:
    """How much of the right and of the left eye is hidden, in [0, 1]."""
    offsets = np.stack(np.meshgrid(np.linspace(-1, 1, 9), np.linspace(-1, 1, 9)), axis=-1).reshape(-1, 2)
    disc = offsets[np.hypot(*offsets.T) <= 1] * EYE
    right, left = (_hidden_at(view, eye + disc, hole) for eye in TEMPLATE[:2])
    return right, left


def _hidden_face(view: View, hole: Bool[np.ndarray, "h w"]) -> float:
    """How much of the face from brows to chin is hidden."""
    left, top, right, bottom = TEMPLATE_BOX
    across, down = np.linspace(left, right, 24), np.linspace(top, bottom, 32)
    return _hidden_at(view, np.stack(np.meshgrid(across, down), axis=-1).reshape(-1, 2), hole)


def _hidden_at(view: View, points: np.ndarray, hole: Bool[np.ndarray, "h w"]) -> float:
    """The share of `points` of the view's frame that the hole hides, of those within the photograph."""
    columns, rows = np.floor(view.frame.to_photo(points)).astype(int).T
    inside = (rows >= 0) & (rows < hole.shape[0]) & (columns >= 0) & (columns < hole.shape[1])
    return float(hole[rows[inside], columns[inside]].mean()) if inside.any() else 0.0


def after(completed: Photo, hole: Bool[np.ndarray, "h w"]) -> str | None:
    """What the user should know about the filling of `hole`, if anything."""
    detail = relative_detail(completed, hole)
    return TOO_SMOOTH if detail is not None and detail < SMOOTH else None


def relative_detail(completed: Photo, hole: Bool[np.ndarray, "h w"]) -> float | None:
    """The fine detail of the filling as a part of that beside it; None where there is too little of either to tell."""
    if not hole.any():
        return None
    rows, columns = extent(hole)
    left, top, right, bottom = columns.start, rows.start, columns.stop, rows.stop
    reach = min(BESIDE, max(4, max(right - left, bottom - top) // 4))
    box = (
        max(0, left - reach), max(0, top - reach), min(completed.width, right + reach),
        min(completed.height, bottom + reach),
    )  # fmt: skip
    levels = completed.rgb(box).astype(np.float32).mean(axis=2)
    inside = hole[box[1] : box[3], box[0] : box[2]].astype(np.uint8)
    fine = np.abs(levels - cv2.GaussianBlur(levels, (0, 0), 1.5))
    filled = cv2.erode(inside, np.ones((5, 5), np.uint8), borderValue=1) > 0
    beside = (cv2.dilate(inside, np.ones((2 * reach + 1,) * 2, np.uint8)) > 0) & (
        cv2.dilate(inside, np.ones((5, 5), np.uint8)) == 0
    )
    if filled.sum() < FEWEST or beside.sum() < FEWEST:
        return None
    return float(fine[filled].mean() / max(float(fine[beside].mean()), 0.25))
