"""Find the faces that a mask touches, with YuNet through OpenCV (Wu et al. 2023), on reduced copies of the photograph.

The detector never sees what is hidden: holes are filled from their rims first. It looks at the whole photograph at
320 and at 640 px, and where neither shows a face at a hole, at the hole's neighbourhood. A face that may be turned is
looked at again, turned (`photo.turned`); where no face is found at all, the photograph is.
"""

from __future__ import annotations

import functools
import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Bool, Float, UInt8

from showface import assets
from showface.errors import AssetError
from showface.photo.align import POINT_WEIGHTS, TEMPLATE_BOX, frame_of_points, reduced
from showface.photo.photograph import Photo, PixelBox
from showface.photo.turned import Found, is_sure, lean_of, turned, upright

_log = logging.getLogger(__name__)

SIDES = (320, 640)  # pixels along the longer side of what the detector sees; two, for large and for small faces
SCORE = 0.6  # of 1; what the detector must be sure of to call it a face
OVERLAP = 0.3  # of two boxes' union: from here on the detector takes them for one face
CLOSE = 160  # pixels along the square in which one face is looked at
NEAR, FAR = 2.0, 3.2  # sides of that square, in sides of the face's box
PART = 0.5  # of the smaller box: from here on we do
FILL_RADIUS = 3.0  # pixels from which Telea's method fills one
MOST_NEIGHBOURHOODS = 8  # of holes without a face that are looked at more closely
# A box ends at the brows; how far hair, ears and chin go beyond it, in parts of its width and height.
HEAD = (0.25, 0.45, 0.25, 0.15)  # left, top, right, bottom


@dataclass(frozen=True, eq=False)
class Face:
    """A face in a photograph, in pixels of it."""

    box: tuple[float, float, float, float]  # left, top, right, bottom
    points: Float[np.ndarray, "5 2"]  # right eye, left eye, nose, right and left corner of the mouth: x, y
    score: float  # how sure the detector is, of 1
    turn: float = 0.0  # degrees, clockwise, in which the detector saw it upright; `box` then holds its turned box
    is_sure: bool = True  # whether the points are believed to be in their order

    def is_touched_by(self, hole: Bool[np.ndarray, "h w"]) -> bool:
        """Whether `hole` hides anything of this head."""
        left, top, right, bottom = self.head(hole.shape)
        return bool(hole[top:bottom, left:right].any())

    def is_hidden_by(self, hole: Bool[np.ndarray, "h w"]) -> bool:
        """Whether `hole` hides any of the points that this face is aligned by."""
        rows, columns = (
            np.clip(self.points[POINT_WEIGHTS > 0, axis], 0, side - 1).astype(int)
            for axis, side in ((1, hole.shape[0]), (0, hole.shape[1]))
        )
        return bool(hole[rows, columns].any())

    def head(self, size: tuple[int, ...]) -> PixelBox:
        """The face's box grown to hold the head, within a photograph of `size` (height, width)."""
        left, top, right, bottom = self.box if not self.turn else TEMPLATE_BOX
        width, height = right - left, bottom - top
        grown = (left - HEAD[0] * width, top - HEAD[1] * height, right + HEAD[2] * width, bottom + HEAD[3] * height)
        if self.turn:
            left, top, right, bottom = grown
            corners = np.array([(left, top), (right, top), (left, bottom), (right, bottom)])
            grown = _bounds(frame_of_points(self.points).to_photo(corners))
        box = np.clip(np.round(grown), 0, (size[1], size[0]) * 2).astype(int).tolist()
        return (box[0], box[1], box[2], box[3])


def face_finder(*, fetch: bool) -> FaceFinder | None:
    """The detector, fetched if it is not in the cache folder and `fetch` says so; None if it cannot be had.

    It is loaded once in a process, and asked for once over a network.
    """
    return _face_finder(assets.cache_folder(), fetch)


@functools.cache
def _face_finder(folder: Path, fetch: bool) -> FaceFinder | None:
    if not fetch and not (folder / assets.ASSETS["yunet"].file).exists():
        return None
    try:
        return FaceFinder(assets.path("yunet"))
    except AssetError as error:
        _log.info("%s", error)
        return None


class FaceFinder:
    """YuNet; may be called from several threads."""

    def __init__(self, model: Path) -> None:
        """`model` is the ONNX file of the asset "yunet"."""
        with _quiet_opencv():
            self._networks = {
                side: cv2.FaceDetectorYN.create(str(model), "", (side, side), SCORE, OVERLAP, 200)
                for side in (*SIDES, CLOSE)
            }
        self._lock = threading.Lock()

    def touched(self, photo: Photo, hole: Bool[np.ndarray, "h w"]) -> list[Face]:
        """The faces of `photo` that `hole` (True, of the photograph's size) touches, the largest first; empty = all."""
        whole, longer = (0, 0, photo.width, photo.height), max(photo.width, photo.height)
        found = _united([], self._look(photo, hole, whole, SIDES[0]))
        if longer > SIDES[0] and (_bare(hole, found).any() or not hole.any()):
            found = _united(found, self._look(photo, hole, whole, SIDES[1]))
        for window in _neighbourhoods(_bare(hole, found)):
            if longer > SIDES[1]:
                found = _united(found, self._look(photo, hole, window, SIDES[0]))
        if not found or 2 * np.count_nonzero(_bare(hole, found)) > np.count_nonzero(hole):
            for turn in (90.0, 270.0, 180.0):
                found = _united(found, self._look(photo, hole, whole, SIDES[0], turn=turn))
        wanted = [face for face in found if face.is_touched_by(hole) or not hole.any()]
        brought = [self.upright(photo, hole, face) for face in sorted(wanted, key=_area, reverse=True)]
        return sorted(_united([], brought), key=_area, reverse=True)

    def upright(self, photo: Photo, hole: Bool[np.ndarray, "h w"], face: Face) -> Face:
        """`face` with its points as they are where it is upright; as it is, and not sure, if that cannot be told."""
        if not face.turn and is_sure(face.points, face.score):
            return face
        squares: dict[bool, Square] = {}

        def look(turn: float, far: bool) -> Found | None:
            if far not in squares:
                squares[far] = _square(photo, hole, face, FAR if far else NEAR)
            return self._in_the_middle(squares[far], turn)

        found, believed = upright(look, lean_of(face.points), 0.0 if face.turn else face.score)
        if found is None:
            return replace(face, is_sure=believed)
        return _face_of(found, believed=believed)

    def again(self, photo: Photo, face: Face) -> Face | None:
        """`face` as it is found in `photo`, which hides nothing of it any more; None where there is none like it."""
        window = face.head((photo.height, photo.width))
        if window[2] <= window[0] or window[3] <= window[1]:
            return None
        nothing = np.zeros((photo.height, photo.width), dtype=bool)
        if face.turn:
            found = self._in_the_middle(_square(photo, nothing, face, NEAR), face.turn)
            return None if found is None else _face_of(found, believed=face.is_sure)
        faces = [one for one in self._look(photo, nothing, window, SIDES[0]) if _common(one, face) > PART * _area(face)]
        return max(faces, key=lambda one: one.score, default=None)

    def _look(
        self, photo: Photo, hole: Bool[np.ndarray, "h w"], window: PixelBox, side: int, *, turn: float = 0.0
    ) -> list[Face]:
        """All faces in `window` of the photograph, seen with `side` pixels along its longer side, never enlarged."""
        seen = _seen(photo, hole, window, side)
        canvas = np.zeros((side, side, 3), np.uint8)
        canvas[: seen.shape[0], : seen.shape[1]] = seen
        left, top, right, bottom = window
        zoom = np.array(((right - left) / seen.shape[1], (bottom - top) / seen.shape[0]))
        if not turn:
            return [_face(row, zoom, np.array((left, top))) for row in self._detect(canvas)]
        canvas, back = turned(canvas, turn)
        return [_turned_face(row, back, zoom, np.array((left, top)), turn) for row in self._detect(canvas)]

    def _in_the_middle(self, square: Square, turn: float) -> Found | None:
        """The face in the middle of `square`, seen with the square turned; in pixels of the photograph."""
        canvas, back = turned(square.pixels, turn)
        best, least = None, square.radius
        for row in self._detect(canvas):
            corners = _corners(row)
            away = float(np.linalg.norm(corners.mean(0) - CLOSE / 2))
            if away < least:
                points, box = (square.in_photo(_moved(part, back)) for part in (row[4:14].reshape(5, 2), corners))
                best, least = Found(points, box, float(row[14]), turn), away
        return best

    def _detect(self, canvas: UInt8[np.ndarray, "side side 3"]) -> Float[np.ndarray, "n 15"]:
        """The rows of the detector's answer: x, y, width, height, five points, score."""
        with self._lock:
            rows = self._networks[canvas.shape[0]].detect(np.ascontiguousarray(canvas[..., ::-1]))[1]  # OpenCV: BGR
        return np.asarray(np.zeros((0, 15), np.float32) if rows is None else rows)


@dataclass(frozen=True, eq=False)
class Square:
    """A face with its surroundings, as the detector looks at it: in the middle, black beyond the photograph."""

    pixels: UInt8[np.ndarray, "side side 3"]
    zoom: float  # pixels of the photograph along one of these
    origin: Float[np.ndarray, "2"]  # the upper left corner in the photograph: x, y
    radius: float  # how far from the middle the face may lie, in these pixels

    def in_photo(self, points: Float[np.ndarray, "n 2"]) -> Float[np.ndarray, "n 2"]:
        """Points of the square as points of the photograph."""
        return np.asarray(points * self.zoom + self.origin)


def _square(photo: Photo, hole: Bool[np.ndarray, "h w"], face: Face, reach: float) -> Square:
    """The square round `face` whose side is `reach` sides of the face's box; never enlarged."""
    left, top, right, bottom = face.box
    half = max(reach * max(right - left, bottom - top), CLOSE) / 2
    zoom, centre = 2 * half / CLOSE, np.array((left + right, top + bottom)) / 2
    origin = centre - half
    ends = np.clip((*np.floor(origin), *np.ceil(centre + half)), 0, (photo.width, photo.height) * 2).astype(int)
    window: PixelBox = (int(ends[0]), int(ends[1]), int(ends[2]), int(ends[3]))
    wide, high = window[2] - window[0], window[3] - window[1]
    part = _seen(photo, hole, window, max(1, round(max(wide, high) / zoom)))
    across, down = wide / part.shape[1] / zoom, high / part.shape[0] / zoom
    x, y = (np.array(window[:2]) - origin) / zoom
    matrix = np.array([(across, 0, x + across / 2 - 0.5), (0, down, y + down / 2 - 0.5)])  # between pixel indices
    pixels = np.asarray(cv2.warpAffine(part, matrix, (CLOSE, CLOSE), flags=cv2.INTER_LINEAR))
    return Square(pixels, zoom, origin, (right - left + bottom - top) / 4 / zoom)


def _seen(
    photo: Photo, hole: Bool[np.ndarray, "h w"], window: PixelBox, side: int
) -> UInt8[np.ndarray, "rows columns 3"]:
    """`window` of the photograph, its hole filled, with at most `side` pixels along its longer side, never enlarged."""
    left, top, right, bottom = window
    step = max(1, -(-max(right - left, bottom - top) // (2 * side)))
    means, visible = reduced(photo, hole, window, min(step, right - left, bottom - top))
    shrink = min(1.0, side / max(visible.shape))
    size = tuple(max(1, round(length * shrink)) for length in visible.shape)
    seen = cv2.resize(means, size[::-1], interpolation=cv2.INTER_AREA).reshape(*size, 3)
    share = cv2.resize(visible.astype(np.float32), size[::-1], interpolation=cv2.INTER_AREA).reshape(size)
    return _filled(seen, share < 0.999)


def _face_of(found: Found, *, believed: bool) -> Face:
    return Face(_bounds(found.corners), found.points, found.score, turn=found.turn, is_sure=believed)


def _turned_face(
    row: Float[np.ndarray, "15"], back: Float[np.ndarray, "2 3"], zoom: Float[np.ndarray, "2"], origin: np.ndarray,
    turn: float,
) -> Face:  # fmt: skip
    """The same as `_face`, found where the photograph was turned."""
    box = _bounds(_moved(_corners(row), back) * zoom + origin)
    return Face(box, _moved(row[4:14].reshape(5, 2), back) * zoom + origin, float(row[14]), turn=turn)


def _corners(row: Float[np.ndarray, "15"]) -> Float[np.ndarray, "4 2"]:
    """Those of the box in a row of the detector's answer."""
    left, top, width, height = row[:4].tolist()
    return np.array([(left, top), (left + width, top), (left, top + height), (left + width, top + height)])


def _moved(points: np.ndarray, way: Float[np.ndarray, "2 3"]) -> Float[np.ndarray, "n 2"]:
    return np.asarray(points @ way[:, :2].T + way[:, 2])


def _bounds(points: Float[np.ndarray, "n 2"]) -> tuple[float, float, float, float]:
    (left, top), (right, bottom) = points.min(0).tolist(), points.max(0).tolist()
    return (left, top, right, bottom)


def _face(row: Float[np.ndarray, "15"], zoom: Float[np.ndarray, "2"], origin: np.ndarray) -> Face:
    """One row of the detector's answer (x, y, width, height, five points, score) in the photograph's pixels."""
    upper_left, lower_right = row[:2] * zoom + origin, (row[:2] + row[2:4]) * zoom + origin
    box = (float(upper_left[0]), float(upper_left[1]), float(lower_right[0]), float(lower_right[1]))
    return Face(box, row[4:14].reshape(5, 2) * zoom + origin, float(row[14]))


def _filled(pixels: UInt8[np.ndarray, "h w 3"], hole: Bool[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h w 3"]:
    """The hole filled in from its rim, so that the detector has no edge to stumble over."""
    if not hole.any() or hole.all():
        return pixels
    return np.asarray(cv2.inpaint(pixels, hole.astype(np.uint8), FILL_RADIUS, cv2.INPAINT_TELEA))


def _bare(hole: Bool[np.ndarray, "h w"], faces: Sequence[Face]) -> Bool[np.ndarray, "h w"]:
    """The part of the hole that is not at one of `faces`."""
    if not faces:
        return hole
    rest = hole.copy()
    for face in faces:
        left, top, right, bottom = face.head(hole.shape)
        rest[top:bottom, left:right] = False
    return rest


def _neighbourhoods(hole: Bool[np.ndarray, "h w"]) -> Iterator[PixelBox]:
    """Squares round the islands of a hole, large enough to hold a face of which an island is a part."""
    height, width = hole.shape
    for left, top, right, bottom in islands(hole)[:MOST_NEIGHBOURHOODS]:
        reach = 1.5 * max(right - left, bottom - top) + SIDES[0] / 4
        x, y = (left + right) / 2, (top + bottom) / 2
        yield max(0, int(x - reach)), max(0, int(y - reach)), min(width, int(x + reach)), min(height, int(y + reach))


def islands(hole: Bool[np.ndarray, "h w"], *, cells: int = 128) -> list[PixelBox]:
    """Boxes (left, top, right, bottom) of the connected parts of a hole, the largest first.

    Parts that lie within one of `cells` (along the longer side) of each other count as one.
    """
    step = -(-max(hole.shape) // cells)
    rows, columns = (range(0, side, step) for side in hole.shape)
    bands = np.stack([hole[row : row + step].any(axis=0) for row in rows])  # band by band: far quicker than reduceat
    coarse = np.logical_or.reduceat(bands, columns, axis=1)
    _, _, parts, _ = cv2.connectedComponentsWithStats(coarse.astype(np.uint8), connectivity=8)
    cells_of_parts: list[list[int]] = np.asarray(parts)[1:, :4].tolist()  # the first is what is no hole
    boxes = []
    for left, top, wide, high in ([step * cell for cell in box] for box in cells_of_parts):
        part = hole[top : top + high, left : left + wide]
        ys, xs = np.flatnonzero(part.any(1)), np.flatnonzero(part.any(0))
        boxes.append((int(left + xs[0]), int(top + ys[0]), int(left + xs[-1]) + 1, int(top + ys[-1]) + 1))
    return sorted(boxes, key=lambda box: (box[2] - box[0]) * (box[3] - box[1]), reverse=True)


def _united(faces: Sequence[Face], more: Sequence[Face]) -> list[Face]:
    """`faces` and those of `more` that are not a part, or the whole, of one that is there already."""
    united = list(faces)
    for new in sorted(more, key=lambda face: face.score, reverse=True):
        if all(_common(new, face) < PART * min(_area(new), _area(face)) for face in united):
            united.append(new)
    return united


def _common(one: Face, other: Face) -> float:
    """Area in which two boxes overlap."""
    width = min(one.box[2], other.box[2]) - max(one.box[0], other.box[0])
    height = min(one.box[3], other.box[3]) - max(one.box[1], other.box[1])
    return max(0.0, width) * max(0.0, height)


def _area(face: Face) -> float:
    left, top, right, bottom = face.box
    return (right - left) * (bottom - top)


@contextmanager
def _quiet_opencv() -> Iterator[None]:
    """Without OpenCV's note that its new engine chooses the processor itself."""
    logging = getattr(getattr(cv2, "utils", None), "logging", None)
    before = logging.setLogLevel(logging.LOG_LEVEL_ERROR) if logging else None
    try:
        yield
    finally:
        if logging:
            logging.setLogLevel(before)
