"""Draws docs/occlusions.jpg: every row that `showface evaluate --rows` knows on the generated faces of the package.

    python -m studies.occlusion_sheet [--faces FOLDER] [--count 6] [--side 96] [--seed 0] [--draws 200]
        [--out docs/occlusions.jpg]

Parts of the face are found by the bundled weights' own parser. Hidden pixels are blue; a face that does not show a part
stays as it is. Then the hole shares of `--draws` drawn masks of each kind at 256 px are printed.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.record import show
from showface.data.faces import list_pictures
from showface.evaluation.categories.maps import category_map
from showface.evaluation.occlusions.rows import COMPONENTS, DRAWN, occlusion_rows
from showface.evaluation.protocol.pairs import read_sized_mask
from showface.images import contact_sheet, read_image, resize_image
from showface.occluders.drawing import draw_occluder
from showface.pipeline import FaceInpainter
from showface.weights import bundled

BLUE = np.array((50, 120, 235), dtype=np.uint8)
SIZE = 256  # side at which faces are occluded, before they are made small


def sheet(folder: Path, count: int, side: int, seed: int) -> Image.Image:
    """One row for each of the first `count` faces of `folder`, one column per occlusion."""
    parser = FaceInpainter.from_pretrained(device="cpu").network.parser
    faces = list_pictures(folder)[:count]
    rows = occlusion_rows(
        (*COMPONENTS, *DRAWN), faces, root=folder, size=SIZE, seed=seed,
        categories=category_map([], lambda: parser.semantic_map),
    )  # fmt: skip
    holes = {(pair.face, name): read_sized_mask(pair.mask, SIZE) for name, row in rows.items() for pair in row}
    nothing = np.zeros((SIZE, SIZE), dtype=bool)
    pictures = [[_hidden(face, holes.get((face, name), nothing), side) for name in rows] for face in faces]
    return contact_sheet(pictures, tuple(name.replace("-", " ") for name in rows))


def _hidden(face: Path, hole: np.ndarray, side: int) -> Image.Image:
    pixels = np.asarray(resize_image(read_image(face), SIZE))
    return resize_image(Image.fromarray(np.where(hole[..., None], BLUE, pixels)), side)


def shares(draws: int, seed: int) -> list[list[str]]:
    """Least, mean and largest hole share of each drawn kind."""
    rows = []
    for name in DRAWN:
        found = [draw_occluder(np.random.default_rng((seed, i)), SIZE, name).mean() for i in range(draws)]
        rows.append([name, *(f"{value:.3f}" for value in (min(found), float(np.mean(found)), max(found)))])
    return rows


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--faces", type=Path, default=bundled().parent / "samples" / "faces")
    options.add_argument("--count", type=int, default=6)
    options.add_argument("--side", type=int, default=96, help="of each small picture, in pixels")
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--draws", type=int, default=200, help="of each kind, for the table of shares")
    options.add_argument("--out", type=Path, default=Path("docs/occlusions.jpg"))
    chosen = options.parse_args()
    picture = sheet(chosen.faces, chosen.count, chosen.side, chosen.seed)
    picture.save(chosen.out, quality=80)  # small enough for a document
    print(f"wrote {chosen.out}")
    show(["drawn", "least", "mean", "largest"], shares(chosen.draws, chosen.seed))


if __name__ == "__main__":
    main()
