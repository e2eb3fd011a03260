"""Which squares of a photograph the networks look at, for a given mask.

A square for every face the mask touches; what the caller named instead, if he did; the whole picture if it is an
aligned face already, as in CelebA-HQ and FFHQ; and where there is no face, the region round the mask.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool

from showface.errors import SettingError
from showface.masks import extent, hole_share
from showface.photo.align import SIDE, Frame, frame_of_box, frame_of_points, frame_of_window
from showface.photo.find_faces import Face, FaceFinder
from showface.photo.photograph import Photo

How = Literal["found", "aligned", "given", "region"]
Point = tuple[float | int, float | int]  # x, y
Rectangle = tuple[float | int, float | int, float | int, float | int]  # x, y of the upper left corner, width, height

SMALLEST = 64  # pixels; in a picture whose longer side is shorter no face is looked for
LARGEST_CROP = 1024  # pixels; a square picture up to this side without a visible face is taken for an aligned one
SQUARE = 1.02  # ratio of the sides up to which a picture counts as square
# How far the corners of a face's square may lie from those of the picture, in its sides, if the picture is aligned:
# so much where nothing is hidden, and so much more for what is, since hidden points are found less exactly.
ALIGNED, ALIGNED_HIDDEN = 0.18, 0.25

NO_DETECTOR = "the face detector is not at hand, so the region round the mask was completed as if it were a face"
NO_FACE = "no face was found at the mask, so the region round it was completed as if it were one"
DOUBTFUL = "which way up the face is could not be told, so eyes and mouth may not lie where they were taken to be"
CURE = "; naming the face (--face-box or --face-points) helps"


@dataclass(frozen=True, eq=False)
class View:
    """A square that the networks look at, and where it comes from: `face` is what the detector found."""

    frame: Frame
    how: How
    face: Face | None = None


@dataclass(frozen=True)
class Choice:
    """The views of a photograph, the most important first, and what the user should know about them, if anything."""

    views: tuple[View, ...]
    note: str | None = None


def choose(
    photo: Photo,
    hole: Bool[np.ndarray, "h w"],
    finder: Callable[[bool], FaceFinder | None],
    *,
    face_box: Rectangle | None = None,
    face_points: Sequence[Point] | None = None,
) -> Choice:
    """The squares in which `hole` (True; of the photograph's size) is completed; where it is empty, all faces.

    `finder` gives the detector, or None, and is told whether fetching it over a network would be worth while.
    `face_box` is x, y, width and height; `face_points` are right eye, left eye, nose, right and left corner of the
    mouth as (x, y): the subject's right, which is at image left. At most one of them may be given.
    """
    if face_box is not None or face_points is not None:
        return Choice((View(_given(photo, face_box, face_points), "given"),))
    whole = View(frame_of_window((0, 0, photo.width, photo.height)), "aligned")
    if max(photo.width, photo.height) < SMALLEST:
        return Choice((whole,))
    square = max(photo.width, photo.height) <= SQUARE * min(photo.width, photo.height)
    may_be_aligned = square and max(photo.width, photo.height) <= LARGEST_CROP
    detector = finder(not may_be_aligned)
    faces = detector.touched(photo, hole) if detector else []
    doubt = doubt_about(faces)
    if any(_fills(photo, face, hole_share(hole)) for face in faces) and square:
        return Choice((View(whole.frame, "aligned", faces[0]),), doubt)
    if faces:
        return Choice(tuple(View(frame_of_points(face.points), "found", face) for face in faces), doubt)
    if may_be_aligned:
        return Choice((whole,))
    note = (NO_FACE if detector else NO_DETECTOR) + CURE
    return Choice((View(_region(photo, hole), "region"),), note)


def doubt_about(faces: Sequence[Face]) -> str | None:
    """What the user should know if it could not be told which way up one of `faces` is."""
    return None if all(face.is_sure for face in faces) else DOUBTFUL + CURE


def _given(photo: Photo, face_box: Rectangle | None, face_points: Sequence[Point] | None) -> Frame:
    if face_box is not None and face_points is not None:
        raise SettingError("expected a face box or face points, found both; give one of them")
    if face_box is not None:
        x, y, width, height = face_box
        frame = frame_of_box((x, y, x + width, y + height))
    else:
        points = np.array(face_points, dtype=float)
        if points.shape != (5, 2):
            raise SettingError(f"expected five points (x, y) of a face, found an array {points.shape}")
        frame = frame_of_points(points)
    left, top, right, bottom = frame.window((photo.height, photo.width))
    if right - left < 2 or bottom - top < 2:
        raise SettingError(f"the face that was named lies outside the picture of {photo.width} x {photo.height} pixels")
    return frame


def _fills(photo: Photo, face: Face, hidden_share: float) -> bool:
    """Whether this face's square is, as far as can be told, the whole picture."""
    size = np.array((photo.width, photo.height))
    corners = frame_of_points(face.points).corners() / size
    away = np.abs(corners - ((0, 0), (1, 0), (0, 1), (1, 1))).max()
    return bool(away < ALIGNED + ALIGNED_HIDDEN * hidden_share)


def _region(photo: Photo, hole: Bool[np.ndarray, "h w"]) -> Frame:
    """A square of twice the hole's size round it, within the photograph; all of the photograph if that is too small."""
    rows, columns = extent(hole if hole.any() else ~hole)
    longer = max(columns.stop - columns.start, rows.stop - rows.start)
    side = min(max(2 * longer, SIDE), photo.width, photo.height)
    if side < longer:
        return frame_of_window((0, 0, photo.width, photo.height))
    x = min(max(0, (columns.start + columns.stop - side) // 2), photo.width - side)
    y = min(max(0, (rows.start + rows.stop - side) // 2), photo.height - side)
    return frame_of_window((x, y, x + side, y + side))


# ---------------------------------------------------------------------------------------------- parts of a hole


def shared_out(views: Sequence[View], hole: Bool[np.ndarray, "h w"]) -> Iterator[tuple[View, Bool[np.ndarray, "h w"]]]:
    """Each view with the part of the hole that it completes: what lies in it and in none before it."""
    left = hole.copy()
    for view in views:
        part = part_in(view.frame, left)
        if part.any():
            yield view, part
            left &= ~part


def part_in(frame: Frame, hole: Bool[np.ndarray, "h w"]) -> Bool[np.ndarray, "h w"]:
    """What of `hole` lies in `frame`."""
    window = frame.window((hole.shape[0], hole.shape[1]))
    area = np.s_[window[1] : window[3], window[0] : window[2]]
    part = np.zeros_like(hole)
    part[area] = hole[area] & frame.within(window)
    return part
