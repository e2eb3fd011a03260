"""Whether invented eyes have the colour of the true ones: CIELAB of what is hidden of iris, pupil and white.

    python -m studies.eye_colour --data DATA/celebamask/val --masks DATA/masks/test [--limit 60] \
        [--weights before=sixth compact=compact]

In pairs of 20-60 % hidden, the pixels that the true labels call eye and the mask hides, where a face has 20 of them or
more: their mean colour, as the difference to the true picture's, averaged over pairs, with its standard error.
L*: lighter, a*: redder, b*: yellower (below 0 bluer).
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float64
from torch import Tensor

from benchmarks.record import show, write
from showface.data.faces import FaceSource, list_faces
from showface.evaluation.categories.scores import read_truth
from showface.evaluation.measuring.runner import read_batch
from showface.evaluation.protocol.pairs import ProtocolConfig, make_protocol
from showface.metrics.cielab import cielab
from showface.pipeline import SIDE
from showface.semantics import CATEGORIES
from studies.completing import begin, completions

ENOUGH, BUCKETS = 20, ("20-40", "40-60")
EYE = CATEGORIES.index("eye")


def colour(picture: Tensor, place: Tensor) -> Float64[np.ndarray, " 3"]:
    """Mean L*, a*, b* of `picture` (1, 3, h, w), levels of 255, where `place` (h, w) is true."""
    levels = picture[0].permute(1, 2, 0)[place].round().clamp(0, 255)
    found: Float64[np.ndarray, " 3"] = cielab(levels.to(torch.uint8).numpy()).mean(axis=0)
    return found


def main() -> None:
    chosen, facts = begin(__doc__ or "", "eye_colour", limit=60)
    pictures = chosen.data / "images"
    faces = {
        face.picture: face for face in list_faces(FaceSource(folder=str(pictures), labels=str(chosen.data / "labels")))
    }
    table = make_protocol(ProtocolConfig(faces=pictures, masks=chosen.masks, limit=chosen.limit))
    shown, places = [], []
    for pair in (pair for bucket in BUCKETS for pair in table.pairs[bucket]):
        images, masks = read_batch([pair], SIDE)
        place = (read_truth(faces[pair.face], SIDE) == EYE) & (masks[0, 0] > 0)
        if place.sum() >= ENOUGH:
            shown.append((images, masks))
            places.append(place)
    true = np.stack([colour(images.float(), place) for (images, _), place in zip(shown, places, strict=True)])
    rows = [["true pictures", str(len(true)), *(f"{value:.1f}" for value in true.mean(axis=0))]]
    for name, made in completions(chosen.weights, shown):
        apart = np.stack([colour(picture, place) for picture, place in zip(made, places, strict=True)]) - true
        error = apart.std(axis=0, ddof=1) / len(apart) ** 0.5
        pairs = zip(apart.mean(axis=0), error, strict=True)
        rows.append([name, str(len(apart)), *(f"{mean:+.1f} ± {half:.1f}" for mean, half in pairs)])
    show(["weights", "pairs", "L*", "a*", "b*"], rows)
    write(chosen.out, facts | {"rows": rows})


if __name__ == "__main__":
    main()
