"""The faces of photographs as the networks are trained on them: found, turned upright, scaled as in CelebA-HQ."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from showface.errors import ImageError
from showface.photo.align import SIDE, take
from showface.photo.choose import choose
from showface.photo.decode import decode
from showface.photo.find_faces import FaceFinder

SMALLEST = 96.0  # pixels of the photograph along the side of a face's square; a smaller face has nothing to teach


def aligned_faces(path: Path, finder: Callable[[bool], FaceFinder | None], *, side: int = SIDE) -> list[Image.Image]:
    """Every face in a photograph as a square of `side` pixels, the largest first, 8-bit RGB.

    A picture that is an aligned face already is taken whole. `finder` gives the detector, as for `choose`. Raises
    `ImageError` where there is no face, none of `SMALLEST` pixels, or none of which it is known which way up it is.
    """
    photo = decode(path)
    nothing = np.zeros((photo.height, photo.width), dtype=bool)
    choice = choose(photo, nothing, finder)
    faces = [view for view in choice.views if view.how == "found" or (view.how == "aligned" and view.face)]
    if not faces and choice.views[0].how == "aligned" and finder(False) is None:  # nobody can tell; it is square
        faces = list(choice.views)
    if not faces:
        missing = finder(False) is None
        raise ImageError(
            "no face was looked for, the detector is not at hand" if missing else "no face was found in it"
        )
    faces = [view for view in faces if view.face is None or view.face.is_sure]
    if not faces:
        raise ImageError("which way up its face is could not be told; turn it upright")
    large = [view for view in faces if view.frame.scale * SIDE >= SMALLEST]
    if not large:
        raise ImageError(f"its faces are too small, less than {SMALLEST:.0f} pixels from edge to edge of their square")
    return [take(photo, nothing, view.frame, side)[0] for view in large]
