"""Which way up a face is that the detector was not trained on: turned to the side, or upside down.

YuNet gives a turned face a score above the limit and points in the order they would have upright. What tells is the
score, which is highest where the face is upright: the surroundings of a face are looked at in eight turns, and the best
is turned on by what its points lean, until they lean no more.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from showface.photo.align import frame_of_points

TURNS = tuple(45.0 * eighth for eighth in range(8))  # degrees, clockwise
# A face with this score whose points lean so little (degrees) is taken as it is found: a face that is turned by more
# than 30 degrees has no such score.
SURE, STRAIGHT = 0.92, 1.5
TILT = 12.0  # degrees: the points of a face that is turned by less are as right as they are found unturned
AHEAD = 0.01  # of a score, what an unturned face is given, since most are
CLOSE_RACE = 0.08  # of a score between two turns, from which on a face is looked at from further away as well
LOWEST, CLEAR = 0.7, 0.02  # the score of a turn, and its lead on others, from which on it is believed
WORSE = 0.05  # of a score, that a turned face may have less than the same face unturned
NEAR = 67.5  # degrees between two turns in which the detector may see the same face
STEPS = 4  # of bringing a face upright
GAIN = 2.0  # degrees a face is turned for one that its points lean: they lean less than the face does
ASIDE = 15.0  # degrees to both sides in which a turned face is looked at for the mean of its points


@dataclass(frozen=True, eq=False)
class Found:
    """A face as it was found in a turned square: box and points in pixels of the square, unturned."""

    points: Float[np.ndarray, "5 2"]
    corners: Float[np.ndarray, "4 2"]  # of its box
    score: float
    turn: float  # degrees, clockwise: how far the face was thought to be turned when it was looked at

    @property
    def lean(self) -> float:
        """How far, in degrees and clockwise, the points lean beyond `turn`."""
        return _between(lean_of(self.points) - self.turn)


def lean_of(points: Float[np.ndarray, "5 2"]) -> float:
    """How far five points lean clockwise from those of an upright face, in degrees."""
    matrix = frame_of_points(points).matrix
    return float(-np.rad2deg(np.arctan2(matrix[1, 0], matrix[0, 0])))


def _between(degrees: float) -> float:
    """The same direction within [-180, 180)."""
    return (degrees + 180) % 360 - 180


def is_sure(points: Float[np.ndarray, "5 2"], score: float) -> bool:
    """Whether a face that was found unturned is upright without a doubt."""
    return score >= SURE and abs(lean_of(points)) <= STRAIGHT


def turned(
    square: UInt8[np.ndarray, "side side 3"], turn: float
) -> tuple[UInt8[np.ndarray, "side side 3"], Float[np.ndarray, "2 3"]]:
    """What is turned by `turn` degrees clockwise in `square` brought upright, and the way back for points (x, y, 1)."""
    side = square.shape[0]
    angle, centre = np.deg2rad(turn), np.full(2, side / 2)
    back = np.array([(np.cos(angle), -np.sin(angle)), (np.sin(angle), np.cos(angle))])
    way = np.column_stack([back, centre - back @ centre])
    between_pixels = np.column_stack([back, way[:, 2] + back @ (0.5, 0.5) - 0.5])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(square, between_pixels, (side, side), flags=flags)), way


# The face as it is seen in a turn of so many degrees, from near (False) or from further away (True).
Look = Callable[[float, bool], "Found | None"]


def upright(look: Look, lean: float, score: float) -> tuple[Found | None, bool]:
    """The face as it is found where it is upright, and whether that is believed; None = as it was found unturned.

    `lean` and `score` are those of the face as it was found unturned; a score of 0, if it was not.
    """
    if score >= SURE:  # turned a little
        best = _steps(look, GAIN * lean)
        if best is not None and best.score >= SURE - CLEAR:
            return (None if abs(best.turn) <= TILT else _steadied(look, best)), True
    near = {turn: look(turn, False) for turn in TURNS}
    scores = _scores(near)
    first, lead = _leader(scores)
    if lead < CLOSE_RACE:
        far = _scores({turn: look(turn, True) for turn in TURNS})
        scores = {turn: (scores[turn] + far[turn]) / 2 for turn in TURNS}
        first, lead = _leader(scores)
    believed = scores[first] >= LOWEST and lead >= CLEAR
    begin = near[first] or look(first, True)
    if begin is None:
        return None, False
    best = _steps(look, begin.turn + GAIN * begin.lean)
    best = begin if best is None or best.score < begin.score - CLEAR else best
    if best.score < score - WORSE:
        return None, False
    return (None if score and abs(best.turn) <= TILT else _steadied(look, best)), believed


def _scores(seen: Mapping[float, Found | None]) -> dict[float, float]:
    """The score of each turn; 0 where nothing was found."""
    return {turn: 0.0 if found is None else found.score + (0.0 if turn else AHEAD) for turn, found in seen.items()}


def _leader(scores: Mapping[float, float]) -> tuple[float, float]:
    """The turn with the highest score, and its lead on those that are not beside it."""
    first = max(scores, key=lambda turn: scores[turn])
    return first, scores[first] - max(score for turn, score in scores.items() if abs(_between(turn - first)) > NEAR)


def _steadied(look: Look, found: Found) -> Found:
    """`found` with the mean of its points over three turns, since each look is a little off to its own side."""
    looks = [other for aside in (-ASIDE, ASIDE) if (other := look(_between(found.turn + aside), False)) is not None]
    return replace(found, points=np.mean([found.points, *(other.points for other in looks)], axis=0))


def _steps(look: Look, turn: float) -> Found | None:
    """The face looked at from `turn` on, each time turned on by what its points lean; the straightest of the looks."""
    best: Found | None = None
    for _ in range(STEPS):
        found = look(turn, False)
        if found is None:
            break
        if best is None or abs(found.lean) < abs(best.lean):
            best = found
        if abs(found.lean) <= STRAIGHT:
            break
        turn = _between(found.turn + GAIN * found.lean)
    return best
