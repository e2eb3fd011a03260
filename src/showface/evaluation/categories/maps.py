"""The categories of faces: from their label maps, or as a parser sees them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int64, Integer
from torch import Tensor

from showface.data.faces import Face, read_label
from showface.errors import DataError
from showface.evaluation.measuring.levels import as_signal
from showface.evaluation.protocol.pairs import read_face

SemanticMap = Callable[[Float[Tensor, "b 3 h w"], int], Int64[Tensor, "b size size"]]
"""From faces in [-1, 1] and a side to the category of each of side x side cells."""

CategoryMap = Callable[[Path], Integer[np.ndarray, "h w"]]
"""From the path of a face to its categories in class map A."""

PARSED_SIZE = 256  # side at which a parser sees faces without labels


def category_map(faces: Iterable[Face], parser: Callable[[], SemanticMap] | None = None) -> CategoryMap:
    """The categories of faces: their label maps where they have one, else what `parser` makes of the whole face.

    `parser` is called when the first face without a label is met; None = such a face is refused. For the same table
    whatever is measured, take the parser of the weights that come with the package.
    """
    labelled = {face.picture: face for face in faces}
    made: list[SemanticMap] = []

    def categories(picture: Path) -> Integer[np.ndarray, "h w"]:
        face = labelled.get(picture)
        found = None if face is None else read_label(face)
        if found is not None:
            return found
        if parser is None:
            raise DataError(f"{picture}: no label map of its name, and no parser to take its place")
        if not made:
            made.append(parser())
        image = as_signal(read_face(picture, PARSED_SIZE)[None])
        return made[0](image, PARSED_SIZE)[0].cpu().numpy()

    return categories
