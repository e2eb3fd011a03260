"""How well faces are found that are turned: points against the upright ones turned, at 24 angles.

    python benchmarks/turned.py                        the generated faces of the package
    python benchmarks/turned.py FOLDER --faces 20      aligned faces in a folder

Each face lies in a grey picture, which is turned; what a mask hides is turned with it. For every mask and angle: the
mean distance of the five points from those of the upright, unhidden face turned, in eye distances; the share of faces
within 0.15 (as good as upright) and 0.3; of the others, the share that came with a warning. Needs the asset yunet.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import cv2
import numpy as np

import showface
from showface.images import read_image
from showface.photo.find_faces import Face, FaceFinder, face_finder
from showface.photo.photograph import Photo
from showface.photo.turned import turned

SAMPLES = Path(showface.__file__).parent / "release" / "samples" / "faces"
SIDE, CORNER = 420, 82
RIGHT, FAIR = 0.15, 0.3
HOLES = {  # rows and columns of the 256 px face
    "nose": (np.s_[140:150], np.s_[120:136]),
    "eyes": (np.s_[100:140], np.s_[70:186]),
    "mouth": (np.s_[165:210], np.s_[85:170]),
    "lower": (np.s_[145:220], np.s_[60:196]),
    "half": (np.s_[60:240], np.s_[128:220]),
}


def scene(face: np.ndarray, hole: tuple[slice, slice], degrees: int) -> tuple[Photo, np.ndarray]:
    """A face of 256 px in a grey picture turned clockwise, and its hole."""
    pixels, hidden = np.full((SIDE, SIDE, 3), 120, np.uint8), np.zeros((SIDE, SIDE, 3), np.uint8)
    inner = np.s_[CORNER : CORNER + 256, CORNER : CORNER + 256]
    pixels[inner] = face
    hidden[inner][hole] = 255
    seen, mask = (turned(one, float(-degrees))[0] for one in (pixels, hidden))
    return Photo(pixels=seen, mode="RGB", format="PNG"), mask[..., 0] > 127


def truth_at(points: np.ndarray, degrees: int) -> np.ndarray:
    angle = np.deg2rad(degrees)
    turn = np.array([(np.cos(angle), -np.sin(angle)), (np.sin(angle), np.cos(angle))])
    return (points - SIDE / 2) @ turn.T + SIDE / 2


def nearest(found: list[Face], truth: np.ndarray) -> tuple[float, bool]:
    """The error of the largest face and whether it is believed; 9 where there is none."""
    if not found:
        return 9.0, False
    apart = np.linalg.norm(found[0].points - truth, axis=1).mean()
    return float(apart / np.linalg.norm(truth[0] - truth[1])), found[0].is_sure


def measured(
    finder: FaceFinder, faces: list[np.ndarray], hole: tuple[slice, slice], step: int
) -> list[dict[str, float]]:
    upright = []
    for face in faces:
        photo, _ = scene(face, HOLES["nose"], 0)
        upright.append(finder.touched(photo, np.zeros((SIDE, SIDE), dtype=bool))[0].points)
    rows = []
    for degrees in range(0, 360, step):
        pairs = zip(faces, upright, strict=True)
        seen = [
            nearest(finder.touched(*scene(face, hole, degrees)), truth_at(points, degrees)) for face, points in pairs
        ]
        errors = np.array([error for error, _ in seen])
        sure = np.array([believed for _, believed in seen])
        rows.append(
            {
                "angle": degrees,
                "error": round(float(errors.clip(0, 2).mean()), 3),
                "right": round(float((errors <= RIGHT).mean()), 3),
                "fair": round(float((errors <= FAIR).mean()), 3),
                "wrong_without_warning": round(float(((errors > FAIR) & sure).mean()), 3),
                "warned_though_fair": round(float(((errors <= FAIR) & ~sure).mean()), 3),
            }
        )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=SAMPLES)
    parser.add_argument("--faces", type=int, default=10)
    parser.add_argument("--skip", type=int, default=0, help="of the faces, evenly chosen from what is left")
    parser.add_argument("--step", type=int, default=15, help="degrees")
    parser.add_argument("--holes", default=",".join(HOLES))
    wished = parser.parse_args()
    finder = face_finder(fetch=False)
    if finder is None:
        raise SystemExit("the asset yunet is not in the cache; `showface doctor` says how to get it")
    cv2.setNumThreads(1)
    files = [file for file in sorted(wished.folder.iterdir()) if file.suffix in (".webp", ".jpg", ".png")][
        wished.skip :
    ]
    chosen = files[:: max(1, len(files) // wished.faces)][: wished.faces]
    faces = [np.asarray(read_image(file).resize((256, 256))) for file in chosen]
    for name in wished.holes.split(","):
        for row in measured(finder, faces, HOLES[name], wished.step):
            print(json.dumps({"faces": len(faces), "hole": name, **row}), flush=True)


if __name__ == "__main__":
    main()
