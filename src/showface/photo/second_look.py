"""Where a face lies that was found while a part of it was hidden: seen once more, when it is completed.

The detector guesses at points that are hidden, and places those that are visible by them.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool

from showface.photo.align import frame_of_points
from showface.photo.choose import View
from showface.photo.find_faces import FaceFinder
from showface.photo.photograph import Photo

MOVED = 1.5  # pixels of a frame that a face must lie elsewhere to be completed once more


def is_guessed(view: View, hole: Bool[np.ndarray, "h w"]) -> bool:
    """Whether the detector found this face, but could not see all the points that it is aligned by."""
    return view.how == "found" and view.face is not None and view.face.is_hidden_by(hole)


def seen_again(view: View, completed: Photo, finder: FaceFinder) -> View | None:
    """A guessed face as it is found in the `completed` photograph, if that is not where it was found before."""
    face = None if view.face is None else finder.again(completed, view.face)
    if face is None:
        return None
    frame = frame_of_points(face.points)
    return View(frame, "found", face) if view.frame.apart(frame) > MOVED else None
