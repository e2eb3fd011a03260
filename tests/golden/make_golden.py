"""Measures what the bundled weights make of the bundled samples and writes it to golden.json beside this file.

    python tests/golden/make_golden.py

To be run, and its result committed, with every new release of weights; the test holds later code to these numbers.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from showface.images import read_image
from showface.masks import read_mask
from showface.pipeline import FaceInpainter
from showface.weights import bundled, weights_hash

GOLDEN = Path(__file__).with_name("golden.json")
SAMPLES = bundled().parent / "samples"


def measured() -> dict[str, dict[str, float]]:
    """For each sample: mean level of each colour in the hole (0..255) and the PSNR against the original in dB.

    By the networks alone, without the other side of the face.
    """
    inpaint = FaceInpainter.from_pretrained(device="cpu")
    rows: dict[str, dict[str, float]] = {}
    for face in sorted((SAMPLES / "faces").iterdir()):
        picture, hole = read_image(face), read_mask(SAMPLES / "masks" / f"{face.stem}.png")
        truth = np.asarray(picture, dtype=np.float64)
        completed = np.asarray(inpaint(picture, hole, mirror="off"), dtype=np.float64)
        means = dict(zip(("red", "green", "blue"), completed[hole].mean(axis=0).tolist(), strict=True))
        psnr = 10 * np.log10(255**2 / np.mean((completed - truth) ** 2))
        rows[face.stem] = {name: round(value, 3) for name, value in (means | {"psnr": float(psnr)}).items()}
    return rows


if __name__ == "__main__":
    content = {"weights": weights_hash(bundled()), "samples": measured()}
    GOLDEN.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    print(f"wrote {GOLDEN}")
